package pages

import (
	"context"
	"strings"
	"time"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
)

func org(c community.Company) ui.Org {
	return ui.Org{ID: c.ID.String(), Slug: c.Slug, Name: c.Name, Short: c.Short, Hue: c.Hue, Chroma: c.Chroma}
}

// Person is who said something as far as the viewer may know: a name, a company, or somebody at a partner.
func Person(ctx context.Context, by community.Byline) ui.Person {
	p := ui.Person{Name: by.Name, Org: org(by.Company)}
	switch {
	case by.Mine && by.Name == "":
		p.Name = lang.T(ctx, "community.by.you")
	case by.Former:
		p.Name, p.Unnamed = lang.T(ctx, "person.former"), true
	case by.Name != "":
	case by.Own:
		p.Name, p.Unnamed = lang.T(ctx, "community.by.colleague"), true
	case by.Company.Name != "":
		p.Name, p.Org.Name = by.Company.Name, ""
	default:
		p.Name, p.Unnamed = someone(ctx, by.Relationship), true
	}
	return p
}

// someone is the name of somebody who named neither person nor company.
func someone(ctx context.Context, relationship string) string {
	switch relationship {
	case "vendor":
		return lang.T(ctx, "community.by.vendor")
	case "partner":
		return lang.T(ctx, "community.by.partner")
	case "customer":
		return lang.T(ctx, "community.by.customer")
	}
	return lang.T(ctx, "community.by.someone")
}

// Answering is the line below the name of who gave an answer: the company, unless it is the name, and whom it answers.
func Answering(ctx context.Context, by, asker community.Byline) string {
	line := answering(ctx, asker)
	if o := Person(ctx, by).Org.Name; o != "" {
		return lang.T(ctx, "community.card.from", "Org", o, "Answering", line)
	}
	return line
}

func answering(ctx context.Context, asker community.Byline) string {
	switch {
	case asker.Company.Name != "":
		return lang.T(ctx, "community.card.answering", "Asker", asker.Company.Name)
	case asker.Mine || asker.Own:
		return lang.T(ctx, "community.card.answering_own")
	}
	return lang.T(ctx, "community.card.answering_someone")
}

// reach is who can read what is about to be written.
func reach(ctx context.Context, c community.Composer, a community.Audience) string {
	switch a.Value {
	case community.AudienceOrg:
		return lang.T(ctx, "community.reach.org", "Org", c.Own.Name)
	case community.AudiencePublic:
		return lang.T(ctx, "community.reach.public")
	}
	return lang.T(ctx, "community.reach.connected", "Org", c.Own.Name, "Others", names(ctx, a.Readers))
}

// named is how many organizations are listed by name before the rest is a number; the whole list is one's own connections.
const named = 6

func names(ctx context.Context, readers []community.Reader) string {
	var all []string
	for _, r := range readers {
		all = append(all, r.Name)
	}
	if n := len(all); n > named {
		all = append(all[:named-1:named-1], lang.T(ctx, "community.reach.more", "Count", n-named+1))
	}
	return and(ctx, all)
}

func and(ctx context.Context, words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return lang.T(ctx, "ui.list.and", "First", strings.Join(words[:len(words)-1], ", "), "Last", words[len(words)-1])
}

// hidden says at which organizations the writer's name does not show, whatever is chosen.
func hidden(ctx context.Context, a community.Audience) string {
	if a.Value == community.AudiencePublic {
		if len(a.NameFor) == 0 {
			return ""
		}
		return lang.T(ctx, "community.reach.nobody", "Orgs", names(ctx, a.NameFor))
	}
	var out []string
	for _, r := range a.Readers {
		if r.NameHidden {
			out = append(out, r.Name)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return lang.T(ctx, "community.reach.company_only", "Orgs", and(ctx, out))
}

// audiences are the choices of who reads, in whole sentences.
func audiences(ctx context.Context, c community.Composer, chosen string) []ui.Option {
	var out []ui.Option
	for i, a := range c.Audiences {
		out = append(out, ui.Option{
			Value: a.Value, Label: reach(ctx, c, a), Hint: hidden(ctx, a), Chosen: a.Value == chosen || (chosen == "" && i == 0),
		})
	}
	return out
}

// shownAs are the choices of the name that it is shown under.
func shownAs(ctx context.Context, c community.Composer, chosen string) []ui.Option {
	var out []ui.Option
	for _, as := range c.ShownAs {
		o := ui.Option{Value: as, Chosen: as == chosen}
		switch as {
		case community.AsName:
			o.Label = lang.T(ctx, "community.as.name", "Name", c.Name, "Org", c.Own.Name)
		case community.AsCompany:
			o.Label = c.Own.Name
		default:
			o.Label = lang.T(ctx, "community.as.someone")
		}
		out = append(out, o)
	}
	return out
}

// shared is who can read an own organization's post, in a word.
func shared(ctx context.Context, audience string) string {
	switch audience {
	case community.AudienceOrg:
		return lang.T(ctx, "community.shared.org")
	case community.AudiencePublic:
		return lang.T(ctx, "community.shared.public")
	}
	return lang.T(ctx, "community.shared.connected")
}

func answers(ctx context.Context, q community.Question) string {
	n := lang.T(ctx, "community.answers", "Count", q.Count)
	if q.Companies > 1 {
		return lang.T(ctx, "community.answers_from", "Answers", n, "Count", q.Companies)
	}
	return n
}

func ago(ctx context.Context, now, t time.Time) (words, exact string) {
	return lang.Ago(ctx, now, t), t.UTC().Format(time.RFC3339)
}

// foreign is the language of a text where it is not the page's.
func foreign(ctx context.Context, language string) string {
	if language == string(lang.From(ctx)) {
		return ""
	}
	return language
}

// worked says for whom an answer worked.
func worked(ctx context.Context, asker community.Byline) string {
	switch {
	case asker.Mine:
		return lang.T(ctx, "community.worked.you")
	case asker.Name != "":
		return lang.T(ctx, "community.worked.name", "Name", asker.Name)
	case asker.Company.Name != "":
		return lang.T(ctx, "community.worked.name", "Name", asker.Company.Name)
	}
	return lang.T(ctx, "community.worked.asker")
}

// excerpt is the first words of a text, at most limit characters, cut at a word.
func excerpt(text string, limit int) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) <= limit {
		return string(r)
	}
	cut := string(r[:limit-1])
	if i := strings.LastIndexByte(cut, ' '); i > 0 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.–-") + "…"
}
