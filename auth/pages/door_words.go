package pages

import (
	"context"
	"strings"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
)

func when(ctx context.Context, now time.Time, t *time.Time) string {
	if t == nil {
		return lang.T(ctx, "auth.admin.never")
	}
	return lang.Ago(ctx, now, *t)
}

// failing reports whether the last attempt was refused.
func failing(p auth.Provider) bool {
	return p.LastFailureAt != nil && (p.LastSignIn == nil || p.LastFailureAt.After(*p.LastSignIn))
}

// failure says when and why the last attempt was refused, by the check that was not passed.
func (v onePageView) failure(ctx context.Context) string {
	if v.LastFailureAt == nil {
		return lang.T(ctx, "auth.admin.never")
	}
	reason, ref, _ := strings.Cut(v.LastFailure, " ")
	why := lang.T(ctx, "auth.admin.reason."+reason)
	if v.LastCheck != "" && v.LastCheck != "other" {
		why = lang.T(ctx, "door.check."+v.LastCheck)
	}
	return lang.T(ctx, "auth.admin.failure_text", "When", when(ctx, v.Now, v.LastFailureAt), "Reason", strings.TrimSuffix(why, "."), "Reference", ref)
}

// rows are what an administrator compares with the provider's own settings.
func (v onePageView) rows(ctx context.Context) []ui.Definition {
	secret := lang.T(ctx, "auth.admin.secret_kept")
	if v.AuthMethod == "key" {
		secret = lang.T(ctx, "door.key_kept")
	}
	rows := []ui.Definition{
		{Term: lang.T(ctx, "auth.admin.issuer"), Text: v.Issuer},
		{Term: lang.T(ctx, "auth.admin.client"), Text: v.ClientID},
		{Term: lang.T(ctx, "auth.admin.secret"), Text: secret},
		{Term: lang.T(ctx, "auth.admin.scopes"), Text: strings.Join(v.Scopes, " ")},
	}
	if v.PinClaim != "" {
		rows = append(rows, ui.Definition{Term: lang.T(ctx, "door.pin"), Text: v.PinClaim + " = " + v.PinValue})
	}
	if len(v.NeedACR) > 0 {
		rows = append(rows, ui.Definition{Term: lang.T(ctx, "door.acr"), Text: strings.Join(v.NeedACR, " ")})
	}
	if len(v.NeedAMR) > 0 {
		rows = append(rows, ui.Definition{Term: lang.T(ctx, "door.amr"), Text: strings.Join(v.NeedAMR, " ")})
	}
	return rows
}
