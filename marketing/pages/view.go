package pages

import (
	"context"
	"net/url"
	"time"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

type listProps struct {
	marketing.StoryList
	after string
}

func (l listProps) next() string {
	if l.Next == "" {
		return ""
	}
	return "/stories?after=" + url.QueryEscape(l.Next)
}

func (l listProps) first() string {
	if l.after == "" {
		return ""
	}
	return "/stories"
}

type storyProps struct {
	marketing.Story
	member bool
}

func (s storyProps) publisher() ui.Org {
	p := s.Publisher
	return ui.Org{ID: p.OrgID.String(), Slug: p.Slug, Name: p.Name, Short: p.Short, Hue: p.Hue, Chroma: p.Chroma}
}

// opening is the prose before the quote: the first block, if more follow.
func (s storyProps) quoteAfter(i int) bool {
	if s.Quote == "" {
		return false
	}
	return i == 0 || len(s.Blocks) == 0
}

// card is the path at its place in the story, with the button to begin it.
func (s storyProps) card(ctx context.Context, l marketing.Leading, isFirst bool) ui.StoryCardProps {
	out := ui.StoryCardProps{
		Eyebrow: lang.T(ctx, "marketing.card.eyebrow"), Title: l.Title, Text: l.Summary, Slug: l.Slug, Segments: segments(l.Owners),
	}
	if isFirst && s.CTA != "" {
		out.Text = s.CTA
	}
	if l.Steps > 0 {
		out.Meta = append(out.Meta, steps(ctx, l.Item))
	}
	if l.Minutes > 0 {
		out.Meta = append(out.Meta, lang.Minutes(ctx, l.Minutes))
	}
	if s.member {
		out.ActionLabel, out.ActionPost = lang.T(ctx, "marketing.card.start"), begin(l.Item, s.ItemID.String())
		return out
	}
	out.ActionLabel, out.Href = lang.T(ctx, "marketing.card.open"), tenants.ItemURL(l.Item)+"?from="+s.ItemID.String()
	out.Note = lang.T(ctx, "marketing.card.note")
	return out
}

// begin is where a member's start of an item goes, with the story it came from.
func begin(it tenants.Item, story string) string {
	return tenants.ItemURL(it) + "/start?" + url.Values{"origin": {"story"}, "ref": {story}}.Encode()
}

func steps(ctx context.Context, it tenants.Item) string {
	if it.Kind == tenants.KindCourse {
		return lang.T(ctx, "marketing.card.lessons", "Count", it.Steps)
	}
	return lang.T(ctx, "marketing.card.steps", "Count", it.Steps)
}

func segments(owners []marketing.Contributor) []ui.Segment {
	var out []ui.Segment
	for _, o := range owners {
		out = append(out, ui.Segment{Org: ui.Org{ID: o.ID.String(), Slug: o.Slug, Name: o.Name, Short: o.Short, Hue: o.Hue, Chroma: o.Chroma}, Size: max(o.N, 1)})
	}
	return out
}

func kind(ctx context.Context, k string) string {
	switch k {
	case marketing.Video:
		return lang.T(ctx, "marketing.kind.video")
	case marketing.CaseStudy:
		return lang.T(ctx, "marketing.kind.case_study")
	case marketing.Webinar:
		return lang.T(ctx, "marketing.kind.webinar")
	case marketing.OnePager:
		return lang.T(ctx, "marketing.kind.one_pager")
	case marketing.Landing:
		return lang.T(ctx, "marketing.kind.landing")
	}
	return lang.T(ctx, "marketing.kind.article")
}

// Card is a path, a course or a story in a list.
func Card(ctx context.Context, c marketing.Card) ui.PathCardProps {
	out := ui.PathCardProps{Title: c.Title, Href: tenants.ItemURL(c.Item), Slug: c.Slug, Segments: segments(c.Owners), Heading: 3}
	switch c.Kind {
	case tenants.KindStory:
		out.Meta = append(out.Meta, kind(ctx, c.StoryKind))
	default:
		if c.Steps > 0 {
			out.Meta = append(out.Meta, steps(ctx, c.Item))
		}
	}
	if c.Minutes > 0 {
		out.Meta = append(out.Meta, lang.Minutes(ctx, c.Minutes))
	}
	if c.Kind != tenants.KindStory && c.Finished > 0 {
		out.Meta = append(out.Meta, lang.T(ctx, "marketing.card.finished", "Count", c.Finished))
	}
	if c.Kind == tenants.KindStory && c.PublishedAt != nil {
		out.Meta = append(out.Meta, lang.Date(ctx, *c.PublishedAt))
	}
	if language, ok := lang.Parse(c.Lang); ok && language != lang.From(ctx) {
		out.Meta = append(out.Meta, language.Name())
	}
	return out
}

func foreign(ctx context.Context, language string) string {
	if language == string(lang.From(ctx)) {
		return ""
	}
	return language
}

func day(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
