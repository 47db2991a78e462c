package pages

import (
	"context"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
)

// rows are what an administrator compares with the provider's own settings.
func (p providerView) rows(ctx context.Context, now time.Time) []ui.Definition {
	when := func(t *time.Time) string {
		if t == nil {
			return lang.T(ctx, "auth.admin.never")
		}
		return lang.Ago(ctx, now, *t)
	}
	rows := []ui.Definition{
		{Term: lang.T(ctx, "auth.admin.issuer"), Text: p.Issuer},
		{Term: lang.T(ctx, "auth.admin.client"), Text: p.ClientID},
		{Term: lang.T(ctx, "auth.admin.secret"), Text: lang.T(ctx, "auth.admin.secret_kept")},
		{Term: lang.T(ctx, "auth.admin.redirect"), Text: p.RedirectURI},
		{Term: lang.T(ctx, "auth.admin.scopes"), Text: p.scopes()},
		{Term: lang.T(ctx, "auth.admin.last"), Text: when(p.LastSignIn)},
	}
	if p.LastFailureAt == nil {
		return append(rows, ui.Definition{Term: lang.T(ctx, "auth.admin.failure"), Text: lang.T(ctx, "auth.admin.never")})
	}
	reason, ref, _ := strings.Cut(p.LastFailure, " ")
	return append(rows, ui.Definition{
		Term: lang.T(ctx, "auth.admin.failure"),
		Text: lang.T(ctx, "auth.admin.failure_text", "When", when(p.LastFailureAt), "Reason", lang.T(ctx, "auth.admin.reason."+reason), "Reference", ref),
	})
}
