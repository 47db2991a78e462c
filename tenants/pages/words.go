package pages

import (
	"context"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

func orgUI(o tenants.Organization) ui.Org {
	return ui.Org{ID: o.OrgID.String(), Slug: o.Slug, Name: o.Name, Short: o.Short, Hue: o.Hue, Chroma: o.Chroma}
}

func rowOrg(r tenants.PortfolioRow) ui.Org {
	return ui.Org{ID: r.OrgID.String(), Slug: r.Slug, Name: r.Name, Short: r.Short, Hue: r.Hue, Chroma: r.Chroma}
}

// word is a badge.
type word struct{ Kind, Text string }

// stateWords are the words in which people see a connection's state: whose turn it is, how it stands, until when.
func stateWords(ctx context.Context, state tenants.State, waits, until string, finish *time.Time) []word {
	var out []word
	switch state {
	case tenants.Asked:
		if waits == tenants.WaitsUs {
			return []word{{ui.Warn, lang.T(ctx, "tenants.state.waits_us")}}
		}
		return []word{{ui.Info, lang.T(ctx, "tenants.state.waits_them")}}
	case tenants.Active:
		if d, ok := parseDay(until); ok {
			out = append(out, word{ui.OK, lang.T(ctx, "tenants.state.active_until", "Date", lang.Date(ctx, d))})
		} else {
			out = append(out, word{ui.OK, lang.T(ctx, "tenants.state.active")})
		}
	case tenants.Paused:
		out = append(out, word{ui.Warn, lang.T(ctx, "tenants.state.paused")})
	case tenants.Ending:
		if finish == nil {
			return []word{{ui.Warn, lang.T(ctx, "tenants.state.ending")}}
		}
		out = append(out, word{ui.Warn, lang.T(ctx, "tenants.state.ending_on", "Date", lang.Date(ctx, *finish))})
	case tenants.Declined:
		return []word{{ui.Neutral, lang.T(ctx, "tenants.state.declined")}}
	case tenants.Withdrawn:
		return []word{{ui.Neutral, lang.T(ctx, "tenants.state.withdrawn")}}
	default:
		return []word{{ui.Neutral, lang.T(ctx, "tenants.state.ended")}}
	}
	switch waits {
	case tenants.WaitsUs:
		out = append(out, word{ui.Info, lang.T(ctx, "tenants.state.change_us")})
	case tenants.WaitsThem:
		out = append(out, word{ui.Neutral, lang.T(ctx, "tenants.state.change_them")})
	}
	return out
}

func rowWords(ctx context.Context, r tenants.PortfolioRow) []word {
	until := ""
	if r.Terms != nil {
		until = r.Terms.Until
	}
	words := stateWords(ctx, r.State, r.Waits, until, r.Finish)
	if r.OrgState != tenants.OrgActive {
		words = append(words, word{ui.Neutral, lang.T(ctx, "house.network.title")})
	}
	return words
}

// parseDay reads a day of the terms.
func parseDay(s string) (time.Time, bool) {
	d, err := time.Parse(time.DateOnly, s)
	return d, err == nil
}

func relation(ctx context.Context, r string) string {
	if r == "" {
		return ""
	}
	return lang.T(ctx, "tenants.relation."+r)
}

// opening says what may be done with a collection, by how many and until when: "Use and add to it, 40 seats, until 31 Dec 2027".
func opening(ctx context.Context, o tenants.Opening) string {
	parts := []string{lang.T(ctx, "tenants.right."+o.Right)}
	if o.Seats > 0 {
		parts = append(parts, lang.T(ctx, "tenants.opening.seats", "Count", o.Seats))
	}
	if d, ok := parseDay(o.Until); ok {
		parts = append(parts, lang.T(ctx, "tenants.opening.until", "Date", lang.Date(ctx, d)))
	}
	return strings.Join(parts, ", ")
}

func until(ctx context.Context, day string) string {
	if d, ok := parseDay(day); ok {
		return lang.T(ctx, "tenants.until.day", "Date", lang.Date(ctx, d))
	}
	return lang.T(ctx, "tenants.until.open")
}

func finish(ctx context.Context, days int) string {
	if days == 0 {
		return lang.T(ctx, "tenants.finish.none")
	}
	return lang.T(ctx, "tenants.finish.days", "Count", days)
}

// titles joins the collections' titles in quotation marks: “A”, “B” and “C”.
func titles(ctx context.Context, opens []tenants.Opening) string {
	var quoted []string
	for _, o := range opens {
		quoted = append(quoted, lang.T(ctx, "tenants.quoted", "Title", o.Title))
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return lang.T(ctx, "ui.list.and", "First", strings.Join(quoted[:len(quoted)-1], ", "), "Last", quoted[len(quoted)-1])
}

// gives is one sentence about what a half opens; who is "us" or "them".
func gives(ctx context.Context, who string, p party, h tenants.Half) string {
	if len(h.Opens) == 0 {
		return p.say(ctx, "tenants.plain.nothing_"+who)
	}
	right := h.Opens[0].Right
	for _, o := range h.Opens {
		if o.Right != right {
			right = "mixed"
		}
	}
	return p.say(ctx, "tenants.plain."+right+"_"+who, "What", titles(ctx, h.Opens))
}

// plainWords are the terms in three sentences at most: what we give, what they give, who learns what about whom.
func plainWords(ctx context.Context, p party, ours, theirs tenants.Half) []string {
	out := []string{gives(ctx, "us", p, ours), gives(ctx, "them", p, theirs)}
	if ours.Learns == theirs.Learns {
		return append(out, lang.T(ctx, "tenants.plain.learns_both."+ours.Learns))
	}
	return append(out, p.say(ctx, "tenants.plain.learns_them."+theirs.Learns)+" "+p.say(ctx, "tenants.plain.learns_us."+ours.Learns))
}

// party is who stands in a sentence about terms, in the forms that a language has for it. A name has one.
type party struct{ name, at, to string }

func partyOf(org string) party { return party{org, org, org} }

// everyPartner stands for whoever is offered the terms.
func everyPartner(ctx context.Context) party {
	return party{lang.T(ctx, "eyes.each.name"), lang.T(ctx, "eyes.each.at"), lang.T(ctx, "eyes.each.for")}
}

func (p party) say(ctx context.Context, key string, more ...any) string {
	return lang.T(ctx, key, append(more, "Org", p.name, "At", p.at, "For", p.to)...)
}

// learns is what one side gets to know about the other's people.
func learns(ctx context.Context, level string) string { return lang.T(ctx, "tenants.learns."+level) }

// meets is how one side's people appear to the other's.
func meets(ctx context.Context, how string) string { return lang.T(ctx, "tenants.meets."+how) }
