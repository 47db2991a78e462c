package pages

import (
	"context"
	"html"
	"net/url"
	"strings"
	"time"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

// signIn is where a visitor signs in and comes back from.
func signIn(back string) string { return "/sign-in?" + url.Values{"return_to": {back}}.Encode() }

func first(a, _ string) string  { return a }
func second(_, b string) string { return b }

// titled is a question's words with its title as a link on top; the body is rendered already.
func titled(q community.Question) string {
	return `<p><a class="title" href="/questions/` + q.ID.String() + `">` + html.EscapeString(q.Title) + `</a></p>` + q.HTML
}

func markOf(ctx context.Context, q community.Question, a community.Answer) string {
	if !a.Worked {
		return ""
	}
	return worked(ctx, q.By)
}

func reaction(at place, post, label, icon, kind string, t community.Tally, may bool) ui.Reaction {
	r := ui.Reaction{Label: label, Icon: icon, Count: t.Count, Pressed: t.Mine, Name: "kind", Value: kind, Target: at.target()}
	if may {
		r.Action = at.action("/posts/" + post + "/react")
	}
	return r
}

// reactions leaves out those that nobody set and that the viewer cannot set.
func reactions(all ...ui.Reaction) []ui.Reaction {
	var out []ui.Reaction
	for _, r := range all {
		if r.Action != "" || r.Count > 0 {
			out = append(out, r)
		}
	}
	return out
}

func questionReactions(ctx context.Context, at place, q community.Question) []ui.Reaction {
	post := q.ID.String()
	return reactions(
		reaction(at, post, lang.T(ctx, "community.react.same"), "circle-question-mark", community.Same, q.Same, q.MayReact),
		reaction(at, post, lang.T(ctx, "community.react.thanks"), "heart", community.Thanks, q.Thanks, q.MayReact),
	)
}

func answerReactions(ctx context.Context, at place, a community.Answer) []ui.Reaction {
	post := a.ID.String()
	return reactions(
		reaction(at, post, lang.T(ctx, "community.react.used"), "wrench", community.Used, a.Used, a.MayReact),
		reaction(at, post, lang.T(ctx, "community.react.thanks"), "heart", community.Thanks, a.Thanks, a.MayReact),
	)
}

func (t threadProps) crumbs(ctx context.Context) []ui.Link {
	out := []ui.Link{{Label: lang.T(ctx, "community.list.title"), Href: "/community"}}
	if t.Item != nil {
		out = append(out, ui.Link{Label: t.Item.Title, Href: tenants.ItemURL(*t.Item)})
	}
	return out
}

// line is what stands below a name: the company, unless it is the name, and when it was.
func (t threadProps) line(ctx context.Context, by community.Byline, at time.Time) string {
	parts := []string{lang.Ago(ctx, t.Now, at)}
	if o := Person(ctx, by).Org.Name; o != "" {
		parts = append([]string{o}, parts...)
	}
	if by.Mine && by.Name != "" {
		parts = append([]string{lang.T(ctx, "community.by.you")}, parts...)
	}
	return strings.Join(parts, ", ")
}

func itemKind(ctx context.Context, kind string) string {
	switch kind {
	case tenants.KindCourse:
		return lang.T(ctx, "community.kind.course")
	case tenants.KindPath:
		return lang.T(ctx, "community.kind.path")
	case tenants.KindStory:
		return lang.T(ctx, "community.kind.story")
	}
	return lang.T(ctx, "community.kind.resource")
}

func kindOf(ctx context.Context, kind string) string {
	switch kind {
	case "tip":
		return lang.T(ctx, "community.resource.tip")
	case "how_to":
		return lang.T(ctx, "community.resource.how_to")
	case "checklist":
		return lang.T(ctx, "community.resource.checklist")
	case "recording":
		return lang.T(ctx, "community.resource.recording")
	case "file":
		return lang.T(ctx, "community.resource.file")
	}
	return lang.T(ctx, "community.resource.link")
}

func resourceHref(r community.Resource) string { return tenants.ItemURL(r.Item) }

// What is said where a tab of the list has nothing.
var (
	emptyTitles = map[string]string{
		community.TabAll: "community.empty.all", community.TabUnanswered: "community.empty.unanswered", community.TabMine: "community.empty.mine",
	}
	emptyTexts = map[string]string{
		community.TabAll: "community.empty.all_text", community.TabUnanswered: "community.empty.unanswered_text", community.TabMine: "community.empty.mine_text",
	}
)

func (l listProps) tabs(ctx context.Context) []ui.Link {
	out := []ui.Link{
		{Label: lang.T(ctx, "community.list.all"), Href: l.href(community.TabAll, ""), Current: l.tab == community.TabAll},
		{Label: lang.T(ctx, "community.list.unanswered"), Href: l.href(community.TabUnanswered, ""), Current: l.tab == community.TabUnanswered},
	}
	if l.member {
		out = append(out, ui.Link{Label: lang.T(ctx, "community.list.mine"), Href: l.href(community.TabMine, ""), Current: l.tab == community.TabMine})
	}
	return out
}

// mayJoin reports whether signing in would let the reader write: not who is signed in and belongs to no organization.
func mayJoin(ctx context.Context) bool {
	s, err := scope.From(ctx)
	return err == nil && s.Actor == scope.Visitor
}
