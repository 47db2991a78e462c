package show

import (
	"context"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

// Ask is the question whether another organization may know the reader's name, in plain words: who would see what, until when, and
// what a no changes. Then is where a reader without a script goes on.
func Ask(ctx context.Context, s tenants.Sharing, then string) ui.AskProps {
	org, asks := s.Other.Name, tenants.Asks(s.Learns)
	until := lang.T(ctx, "consent.ask.open", "Org", org)
	if s.Until != nil {
		until = lang.T(ctx, "consent.ask.until", "Org", org, "Date", lang.Date(ctx, s.Until.AddDate(0, 0, -1)))
	}
	p := ui.AskProps{
		Title:  lang.T(ctx, "consent.ask.title", "Org", org),
		Points: []string{lang.T(ctx, "consent.ask.what."+asks, "Org", org), lang.T(ctx, "consent.ask.no", "Org", org)},
		More:   []string{lang.T(ctx, "consent.ask.who", "Org", org), until, lang.T(ctx, "consent.ask.back", "Org", org)},
		Action: "/me/sharing/" + s.Other.Slug, Version: s.Version, Then: then,
		Yes: lang.T(ctx, "consent.ask.yes", "Org", org), YesValue: tenants.ConsentGiven, NoValue: tenants.ConsentDeclined,
	}
	if s.Last == nil || s.Last.Decision == tenants.ConsentGiven || s.Last.Purpose != asks {
		p.No = lang.T(ctx, "consent.ask.decline")
	}
	return p
}
