package web

import (
	"context"
	"strings"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

// glassState is what a request is now: waits, lapsed, refused, open or ended.
func glassState(g auth.Glass, now time.Time) string {
	switch {
	case g.Waits(now):
		return "waits"
	case g.State == "asked":
		return "lapsed"
	case g.Open(now):
		return "open"
	case g.State == "open":
		return "ended"
	}
	return g.State
}

func glassFacts(ctx context.Context, g auth.Glass, now time.Time) []ui.Definition {
	row := func(key, text string) ui.Definition {
		return ui.Definition{Term: lang.T(ctx, "operator.glass."+key), Text: text}
	}
	out := []ui.Definition{row("wants", lang.T(ctx, "operator.glass.wants_text", "Org", g.Org)), row("without", lang.T(ctx, "operator.glass.without_text")), row("asked", moment(ctx, g.AskedAt))}
	if g.DecidedAt != nil {
		who := g.Decider
		if who == "" { // The operators' area names nobody of an organization.
			who = lang.T(ctx, "operator.glass.decided_admin", "Org", g.Org)
		}
		out = append(out, row("decided", who+", "+moment(ctx, *g.DecidedAt)))
	}
	switch {
	case g.Until == nil:
		out = append(out, row("how_long", lang.T(ctx, "operator.glass.minutes", "Count", int(auth.GlassFor/time.Minute))))
	case g.Open(now):
		out = append(out, row("ends", moment(ctx, *g.Until)))
	case g.EndedAt != nil:
		out = append(out, row("over_row", lang.T(ctx, "operator.glass.ended_by."+g.EndedBy)+", "+moment(ctx, *g.EndedAt)))
	default:
		out = append(out, row("over_row", moment(ctx, *g.Until)))
	}
	if g.Until != nil {
		out = append(out, row("reads", lang.Number(ctx, g.Reads)))
	}
	return out
}

func (v hostOrgView) facts(ctx context.Context) []ui.Definition {
	none := lang.T(ctx, "operator.org.none")
	list := func(l []string) string {
		if len(l) == 0 {
			return none
		}
		return strings.Join(l, ", ")
	}
	row := func(key, text string) ui.Definition {
		return ui.Definition{Term: lang.T(ctx, "operator.org."+key), Text: text}
	}
	address := row("address", v.Address)
	address.Href = v.Address
	out := []ui.Definition{
		address, row("hosts", list(v.Hosts)), row("domains", list(v.Domains)), row("admins", list(v.Admins)), row("people", lang.Number(ctx, v.People)),
		row("connections", lang.Number(ctx, v.Connections)), row("sign_in", lang.T(ctx, "operator.sign_in."+v.SignIn)), row("created", lang.Date(ctx, v.CreatedAt)),
	}
	if v.StateAt != nil {
		out = append(out, row("state_since", moment(ctx, *v.StateAt)))
	}
	return out
}

func providerWords(ctx context.Context, now time.Time, p tenants.StandingProvider) string {
	said := lang.T(ctx, "operator.org.never_used")
	if p.LastSignIn != nil {
		said = lang.T(ctx, "operator.org.last_used", "When", lang.Ago(ctx, now, *p.LastSignIn))
	}
	if p.Failing() {
		said += " " + lang.T(ctx, "operator.org.last_failed", "When", lang.Ago(ctx, now, *p.LastFailureAt))
	}
	return said
}

func operatorWords(ctx context.Context, now time.Time, o auth.Operator) string {
	said := lang.T(ctx, "operator.operators.keys", "Count", o.Passkeys)
	if o.Provider {
		said += " " + lang.T(ctx, "operator.operators.provider")
	}
	if o.SeenAt != nil {
		said += " " + lang.T(ctx, "operator.operators.seen", "When", lang.Ago(ctx, now, *o.SeenAt))
	}
	return said
}

// moment is a day and its minute, UTC: operators and organizations read the same.
func moment(ctx context.Context, t time.Time) string {
	return lang.Date(ctx, t.UTC()) + ", " + t.UTC().Format("15:04 UTC")
}
