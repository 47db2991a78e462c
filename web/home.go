package web

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/community"
	communitypages "github.com/learnscape/learnscape/community/pages"
	"github.com/learnscape/learnscape/courses"
	coursespages "github.com/learnscape/learnscape/courses/pages"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	marketingpages "github.com/learnscape/learnscape/marketing/pages"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// start is the page at "/": home for a member, the landing page for a visitor.
func (s *Server) start(c *fiber.Ctx) error {
	if _, ok := auth.Current(c.UserContext()); ok {
		return s.home(c)
	}
	return s.landing(c)
}

// homeView is everything on the home page.
type homeView struct {
	Name     string
	Learning courses.HomeView
	News     []community.Question
	Own      tenants.Organization
	Setup    bool // the viewer sets the organization up
}

func (s *Server) home(c *fiber.Ctx) error {
	ctx := c.UserContext()
	m, _ := auth.Current(ctx)
	v := homeView{Name: firstName(m.Name)}
	v.Own, _ = auth.HostOrg(ctx)
	viewer, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var news func() []community.Question
	if v.Learning, err = s.deps.Courses.HomeData(ctx, func(b *db.Batch) {
		news = community.QueueNews(b, viewer, 3)
	}); err != nil {
		return err
	}
	if newcomer(m, v.Learning) {
		if first, err := s.deps.Tenants.AskPurpose(ctx); err != nil {
			return err
		} else if first {
			return c.Redirect("/welcome", fiber.StatusSeeOther)
		}
	}
	v.News, v.Setup = news(), viewer.Has(scope.Administrator)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "web.home.title"), NavKey: "home", Layout: ui.Reading}, homePage(v))
}

// more are the recommendations that are not the one next thing already.
func (v homeView) more() []courses.Recommendation {
	if v.Learning.Current == nil && len(v.Learning.Recommended) > 0 {
		return v.Learning.Recommended[1:]
	}
	return v.Learning.Recommended
}

// suggested is the one next thing of somebody who is on nothing.
func suggested(ctx context.Context, r courses.Recommendation) ui.ContinueProps {
	c := recommended(ctx, r)
	p := ui.ContinueProps{PathTitle: c.Reason, Icon: "lightbulb", Title: c.Title, Text: r.Item.Summary, ContinueHref: c.Href, ContinueLabel: lang.T(ctx, "web.home.look"), Slug: c.Slug}
	for _, s := range c.Segments {
		p.Orgs = append(p.Orgs, s.Org)
	}
	return p
}

// companions is the part of the home page with who else is on what the member learned last.
func (s *Server) companions(c *fiber.Ctx) error {
	ctx := c.UserContext()
	people, on, err := s.deps.Courses.Together(ctx)
	if err != nil {
		return err
	}
	own, _ := auth.HostOrg(ctx)
	return shell.Fragment(c, companions(people, on, show.Org(own)))
}

func companionLine(ctx context.Context, p courses.Companion, on tenants.Item) string {
	if p.Same {
		return lang.T(ctx, "web.home.with_same")
	}
	return lang.T(ctx, "web.home.with_"+on.Kind)
}

// landingView is everything on the landing page.
type landingView struct {
	Org       *tenants.Organization // of the host; nil on the front door
	Newest    marketing.Newest
	Questions []community.Question
	Resources []tenants.Item
	Owners    map[id.Org]tenants.Organization // of the resources
	Now       time.Time
}

// landing shows what is public: of the organization of the host first, then of everybody.
func (s *Server) landing(c *fiber.Ctx) error {
	ctx := c.UserContext()
	viewer, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var v landingView
	var host id.Org
	if o, ok := auth.HostOrg(ctx); ok {
		v.Org, host = &o, o.OrgID
	}
	var newest func() marketing.Newest
	var answered func() []community.Question
	if err := s.deps.DB.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		newest = marketing.QueueNewest(b, viewer, host, 12)
		answered = community.Answered(b, viewer, host, 3)
		tenants.Visible(b, &v.Resources, viewer, tenants.ListFilter{Kinds: []string{tenants.KindResource}, Limit: 20})
	}); err != nil {
		return err
	}
	v.Newest, v.Questions = newest(), answered()
	slices.SortStableFunc(v.Resources, func(a, b tenants.Item) int { return place(a, host) - place(b, host) })
	v.Resources = v.Resources[:min(4, len(v.Resources))]
	var owners []id.Org
	for _, r := range v.Resources {
		owners = append(owners, r.OrgID)
	}
	if v.Owners, err = s.deps.Tenants.ByIDs(ctx, owners...); err != nil {
		return err
	}
	v.Newest.Paths, v.Newest.Stories = spread(v.Newest.Paths, 4), spread(v.Newest.Stories, 4)
	return shell.Page(c, ui.PageProps{Title: v.title(ctx), Description: v.lead(ctx), Canonical: "/", Layout: ui.Reading}, landingPage(v))
}

// place is 0 for what the organization of the host owns, 1 for the rest.
func place(it tenants.Item, host id.Org) int {
	if it.OrgID == host {
		return 0
	}
	return 1
}

// takeAlong are short resources that everybody may read.
func (v landingView) takeAlong(ctx context.Context) []ui.TaskRow {
	var out []ui.TaskRow
	for _, r := range v.Resources {
		o := v.Owners[r.OrgID]
		out = append(out, ui.TaskRow{Icon: "clipboard-check", Title: r.Title, Href: tenants.ItemURL(r), Meta: lang.Minutes(ctx, max(1, r.Minutes)), Org: show.Org(o), Who: o.Name})
	}
	return out
}

func firstName(name string) string {
	for i, r := range name {
		if r == ' ' {
			return name[:i]
		}
	}
	return name
}

// greeting is by the hour of the server's clock in the zone of the organization; only morning, day and evening differ.
func greeting(ctx context.Context, now time.Time, name string) string {
	switch h := now.Hour(); {
	case h >= 4 && h < 11:
		return lang.T(ctx, "web.home.morning", "Name", name)
	case h >= 17 || h < 4:
		return lang.T(ctx, "web.home.evening", "Name", name)
	}
	return lang.T(ctx, "web.home.day", "Name", name)
}

// summary says in one sentence how things stand.
func summary(ctx context.Context, v courses.HomeView) string {
	switch {
	case v.Current != nil && v.Current.Next != nil:
		return lang.T(ctx, "web.home.one_step", "Minutes", lang.Minutes(ctx, max(1, v.Current.Next.Minutes)))
	case v.Finished > 0:
		return lang.T(ctx, "web.home.all_done", "Count", v.Finished)
	}
	return lang.T(ctx, "web.home.begin")
}

func continueProps(ctx context.Context, g *courses.Going) ui.ContinueProps {
	p := ui.ContinueProps{PathTitle: g.Item.Title, Title: g.Item.Title, Text: g.Item.Summary, PathHref: tenants.ItemURL(g.Item), ContinueHref: tenants.ItemURL(g.Item), Slug: g.Item.Slug}
	p.ContinueLabel = lang.T(ctx, "web.home.continue")
	for _, o := range g.Orgs {
		p.Orgs = append(p.Orgs, show.Org(o.Org))
	}
	for _, st := range g.Stations {
		state := ui.Ahead
		switch {
		case st.Done:
			state = ui.Done
		case st.Now:
			state = ui.Now
		}
		p.Steps = append(p.Steps, ui.StepSegment{Org: show.Org(st.Org), State: state})
	}
	if n := g.Next; n != nil {
		p.Title = n.Title
		p.ContinueHref = coursespages.StopHref(g.Item, n.Step, n.Lesson)
		p.ContinueLabel = lang.T(ctx, "web.home.continue_left", "Minutes", lang.Minutes(ctx, max(1, n.Minutes)))
		if g.At != "" {
			p.Text = lang.T(ctx, "web.home.stopped_at", "Part", g.At)
		} else if n.Summary != "" {
			p.Text = n.Summary
		}
	}
	return p
}

func taskRows(ctx context.Context, v homeView) []ui.TaskRow {
	var rows []ui.TaskRow
	for _, g := range v.Learning.Due[:min(4, len(v.Learning.Due))] {
		r := ui.TaskRow{
			Icon: "route", Title: g.Item.Title, Href: tenants.ItemURL(g.Item), Org: show.Org(g.Org),
			Meta: lang.T(ctx, "web.kind."+g.Item.Kind) + ", " + lang.T(ctx, "web.home.left", "Minutes", lang.Minutes(ctx, max(1, g.Left))),
		}
		if g.Item.Kind == tenants.KindCourse {
			r.Icon = "book-open"
		}
		switch {
		case g.AskedBy != "":
			r.Who, r.Org, r.Why = lang.T(ctx, "web.home.asked_by", "Name", g.AskedBy), show.Org(v.Own), g.Reason
		default:
			r.Who = lang.T(ctx, "web.home.own_choice")
		}
		if g.Due != nil {
			r.Due, r.DueKind = lang.Date(ctx, *g.Due), ui.Neutral
			if left := g.Due.Sub(v.Learning.Now); left < 0 {
				r.DueKind = ui.Bad
			} else if left < 3*24*time.Hour {
				r.DueKind = ui.Warn
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func recommended(ctx context.Context, r courses.Recommendation) ui.PathCardProps {
	p := coursespages.Card(ctx, r.Card)
	p.Heading = 3
	switch r.Why {
	case courses.WhyTopic:
		p.Reason = lang.T(ctx, "web.home.why_topic", "Title", r.After)
	case courses.WhyColleagues:
		p.Reason = lang.T(ctx, "web.home.why_colleagues", "Count", r.Count)
	case courses.WhyNew:
		p.Reason = lang.T(ctx, "web.home.why_new")
	}
	return p
}

// newsRows is what people of the network asked, as the rail shows it.
func newsRows(ctx context.Context, v homeView) []ui.ActivityRow {
	var rows []ui.ActivityRow
	for _, q := range v.News {
		r := ui.ActivityRow{
			Person: communitypages.Person(ctx, q.By), Quote: q.Title, When: lang.Ago(ctx, v.Learning.Now, q.ActiveAt), At: q.ActiveAt.Format(time.RFC3339),
			Action: ui.Link{Label: lang.T(ctx, "web.home.read"), Href: "/questions/" + q.ID.String()},
		}
		if q.Count == 0 {
			r.Text = lang.T(ctx, "web.home.asked")
			if q.MayAnswer && !q.By.Mine {
				r.Action.Label = lang.T(ctx, "web.home.answer")
			}
		} else {
			r.Text = lang.T(ctx, "web.home.asked_answers", "Count", q.Count)
		}
		rows = append(rows, r)
	}
	return rows
}

func balance(ctx context.Context, v courses.HomeView) ui.BalanceProps {
	all := v.Formal + v.Informal
	text := lang.T(ctx, "web.home.balance_none")
	if all > 0 {
		text = lang.T(ctx, "web.home.balance", "Minutes", lang.Minutes(ctx, all), "Share", lang.Percent(ctx, float64(min(v.OwnChoice, all))/float64(all)))
	}
	return ui.BalanceProps{
		Title: lang.T(ctx, "web.home.last_30"), Text: text, Formal: v.Formal, Informal: v.Informal,
		FormalLabel: lang.T(ctx, "web.home.formal"), InformalLabel: lang.T(ctx, "web.home.informal"),
		More: []ui.Definition{{Term: lang.T(ctx, "web.home.finished"), Text: strconv.Itoa(v.Finished)}},
	}
}

// heroStrands are the first three organizations whose work stands on the page, each with what it brings.
func heroStrands(ctx context.Context, v landingView) []ui.HeroStrand {
	var out []ui.HeroStrand
	seen := map[id.Org]bool{}
	for _, cards := range [][]marketing.Card{v.Newest.Paths, v.Newest.Stories} {
		for _, c := range cards {
			if len(c.Owners) == 0 || seen[c.OrgID] || len(out) == 3 {
				continue
			}
			seen[c.OrgID] = true
			out = append(out, ui.HeroStrand{Org: marketingpages.Card(ctx, c).Segments[0].Org, Text: c.Title})
		}
	}
	return out
}

// spread picks n cards in their order, at most half of them from one organization as long as others have any.
func spread(cards []marketing.Card, n int) []marketing.Card {
	count := map[id.Org]int{}
	var out, rest []marketing.Card
	for _, c := range cards {
		if count[c.OrgID] < n/2 && len(out) < n {
			count[c.OrgID]++
			out = append(out, c)
		} else {
			rest = append(rest, c)
		}
	}
	return append(out, rest[:min(len(rest), n-len(out))]...)
}

func (v landingView) title(ctx context.Context) string {
	if v.Org != nil {
		return lang.T(ctx, "web.landing.org_title", "Org", v.Org.Name)
	}
	return lang.T(ctx, "web.landing.title")
}

func (v landingView) lead(ctx context.Context) string {
	if v.Org != nil && v.Org.About != "" {
		return v.Org.About
	}
	return lang.T(ctx, "web.landing.lead")
}

// often are the first topics of what the page shows.
func (v landingView) often() []string {
	var out []string
	for _, c := range v.Newest.Paths {
		for _, t := range c.Topics {
			if len(out) < 3 && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// excerpt is the first sentences of a text, as many as fit into n letters; if the first alone is too long, its words that do.
func excerpt(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := string(r[:n])
	if end := max(strings.LastIndex(head, ". "), strings.LastIndex(head, "? ")); end > 0 {
		return head[:end+1]
	}
	return strings.TrimRight(head[:max(strings.LastIndexByte(head, ' '), 0)], " ,.;:") + "…"
}

func questionProps(ctx context.Context, q community.Question) ui.QuestionProps {
	p := ui.QuestionProps{Title: q.Title, Href: "/questions/" + q.ID.String(), By: communitypages.Person(ctx, q.By), ByLine: lang.T(ctx, "web.question.asked")}
	if len(q.Answers) > 0 {
		a := q.Answers[0]
		p.Answer, p.By, p.ByLine = excerpt(a.Plain, 200), communitypages.Person(ctx, a.By), communitypages.Answering(ctx, a.By, q.By)
		if a.Used.Count > 0 {
			p.Foot = lang.T(ctx, "web.question.used", "Count", a.Used.Count)
		}
	}
	return p
}
