package pages

import (
	"context"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountTeams adds how the people of a team get on, for who leads it.
func (p *Pages) mountTeams(r fiber.Router) {
	r.Get("/team", p.firstTeam)
	r.Get("/team/:team", p.team)
	r.Post("/team/:team", p.hidePush)
	r.Get("/team/:team/people.csv", p.exportTeam)
	r.Get("/team/:team/remind/:person", p.askToRemind)
	r.Post("/team/:team/remind/:person", p.remind)
}

func teamHref(t id.Any) string { return "/team/" + t.String() }

// teamOf is the team in the address.
func teamOf(c *fiber.Ctx) (id.Any, error) {
	t, err := id.Parse[id.Any](c.Params("team"))
	if err != nil {
		return t, errs.New(errs.NotFound, "%w", err)
	}
	return t, nil
}

// firstTeam leads to the team that was chosen, or to the first one; whoever leads none reads how that comes.
func (p *Pages) firstTeam(c *fiber.Ctx) error {
	ctx := c.UserContext()
	list, err := p.courses.Teams(ctx)
	if err != nil {
		return err
	}
	if t, err := id.Parse[id.Any](c.Query("team")); err == nil {
		return c.Redirect(teamHref(t), fiber.StatusSeeOther)
	}
	if len(list) > 0 {
		return c.Redirect(teamHref(list[0].TeamID), fiber.StatusSeeOther)
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "teamview.nav"), NavKey: "team", Layout: ui.Work, NoIndex: true}, noTeamPage())
}

// teamPageView is a team with what its list is narrowed to.
type teamPageView struct {
	courses.TeamView

	Filter   courses.TeamFilter
	Own      ui.Org
	Programs []courses.JoinedProgram // that the organization takes part in
}

func teamFilter(c *fiber.Ctx) courses.TeamFilter {
	f := courses.TeamFilter{Query: formText(c, "q"), Show: c.Query("show"), Page: min(max(number(c.Query("page")), 0), 10000)}
	if len(f.Query) > 200 {
		f.Query = ""
	}
	if s := c.Query("sort"); courses.TeamSort(s) {
		f.Sort = s
	}
	return f
}

func (v teamPageView) href(path string, kv ...string) string {
	if q := query(append([]string{"q", v.Filter.Query, "show", v.Filter.Show, "sort", v.Filter.Sort}, kv...)...); q != "" {
		return path + "?" + q
	}
	return path
}

func (v teamPageView) here() string { return teamHref(v.Team.TeamID) }

// sorted is where the head of a column leads to, and how the list is sorted by it now.
func (v teamPageView) sorted(by string) (href, direction string) {
	next := by
	switch v.Filter.Sort {
	case by:
		next, direction = "-"+by, "ascending"
	case "-" + by:
		next, direction = "", "descending"
	case "":
		if by == "name" {
			next, direction = "-name", "ascending"
		}
	}
	v.Filter.Sort = next
	return v.href(v.here()), direction
}

func (v teamPageView) chips(ctx context.Context) []ui.Link {
	f := v.Figures
	var out []ui.Link
	for _, s := range []struct {
		show string
		n    int
	}{{"", f.People}, {courses.TeamLate, f.Late}, {courses.TeamDue, f.Due}, {courses.TeamWaiting, f.Waiting}, {courses.TeamExpiring, f.Expiring}} {
		o := v
		o.Filter.Show = s.show
		out = append(out, ui.Link{Label: lang.T(ctx, "teamview.show."+nonEmpty(s.show, "all")), Href: o.href(v.here()), Current: v.Filter.Show == s.show, Count: s.n})
	}
	return out
}

func nonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (v teamPageView) previous() string {
	if v.Filter.Page == 0 {
		return ""
	}
	return v.href(v.here(), "page", strconv.Itoa(v.Filter.Page-1))
}

func (v teamPageView) next() string {
	if !v.More {
		return ""
	}
	return v.href(v.here(), "page", strconv.Itoa(v.Filter.Page+1))
}

func (v teamPageView) stats(ctx context.Context) []ui.Stat {
	f := v.Figures
	return []ui.Stat{
		{Label: lang.T(ctx, "teamview.stat.used"), Value: lang.Number(ctx, f.Used), Was: lang.T(ctx, "teamview.stat.tried", "Count", f.Tried)},
		{Label: lang.T(ctx, "teamview.stat.on"), Value: lang.Number(ctx, f.On), Was: lang.T(ctx, "teamview.stat.of", "Count", f.People)},
		{Label: lang.T(ctx, "teamview.stat.due"), Value: lang.Number(ctx, f.Due), Was: lang.T(ctx, "teamview.stat.late", "Count", f.Late)},
		{Label: lang.T(ctx, "teamview.stat.expiring"), Value: lang.Number(ctx, f.Expiring), Was: lang.T(ctx, "teamview.stat.of", "Count", f.Papers)},
	}
}

func (p *Pages) team(c *fiber.Ctx) error {
	ctx := c.UserContext()
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	v := teamPageView{Filter: teamFilter(c), Own: shell.From(ctx).Org}
	if v.TeamView, err = p.courses.Team(ctx, team, v.Filter); err != nil {
		return err
	}
	joined, err := p.courses.Programs(ctx)
	if err != nil {
		return err
	}
	for _, j := range joined.Joined {
		if j.State == "active" && len(v.Programs) < 3 {
			v.Programs = append(v.Programs, j)
		}
	}
	props := ui.PageProps{Title: v.Team.Name, NavKey: "team", Layout: ui.Work, NoIndex: true}
	if d := c.Query("done"); d == "reminded" || d == "hidden" {
		props.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "teamview.done."+d)}
	}
	private(c)
	return shell.Page(c, props, teamPage(v))
}

func (p *Pages) hidePush(c *fiber.Ctx) error {
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	if err := p.courses.HidePush(c.UserContext(), team); err != nil {
		return err
	}
	return c.Redirect(teamHref(team)+"?done=hidden", fiber.StatusSeeOther)
}

func (p *Pages) exportTeam(c *fiber.Ctx) error {
	ctx := c.UserContext()
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	v, err := p.courses.ExportTeam(ctx, team, teamFilter(c))
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"person", "job", "on", "done", "total", "due", "late", "waiting", "paper", "ends", "used", "tried", "chosen", "starts"} {
		head = append(head, lang.T(ctx, "teamview.head."+k))
	}
	lines := [][]string{head}
	for _, r := range v.Rows {
		done, total := strconv.Itoa(r.Done), strconv.Itoa(r.Total)
		if p := (courses.Progress{Done: r.Done, Total: r.Total}); !p.Counts() {
			done, total = lang.Percent(ctx, p.Share()), ""
		}
		lines = append(lines, []string{
			r.Name, r.Job, r.Title, done, total, sheet.Day(r.Due), strconv.Itoa(r.Late), strconv.Itoa(r.Waiting), paperName(ctx, r), sheet.Day(r.Ends),
			strconv.Itoa(r.Used), strconv.Itoa(r.Tried), strconv.Itoa(r.Chosen), strconv.Itoa(r.Starts),
		})
	}
	return shell.Sheet(c, "team.csv", lines)
}

// paperName is the certificate that ends first, told apart if it is only recorded.
func paperName(ctx context.Context, r courses.TeamPerson) string {
	if r.Past {
		return r.Paper + " (" + lang.T(ctx, "records.told_apart") + ")"
	}
	return r.Paper
}

// remindView is the form in which somebody is reminded.
type remindView struct {
	Team   tenants.Team
	Person courses.TeamPerson
	Own    ui.Org
	Words  string
	Faults ui.Faults
	Says   string
}

// reminding are the team and the person in the address.
func reminding(c *fiber.Ctx) (team id.Any, who id.Membership, err error) {
	if team, err = teamOf(c); err != nil {
		return team, who, err
	}
	if who, err = id.Parse[id.Membership](c.Params("person")); err != nil {
		return team, who, errs.New(errs.NotFound, "%w", err)
	}
	return team, who, nil
}

func (p *Pages) askToRemind(c *fiber.Ctx) error {
	return p.showRemind(c, remindView{}, fiber.StatusOK)
}

func (p *Pages) showRemind(c *fiber.Ctx, v remindView, status int) error {
	ctx := c.UserContext()
	team, who, err := reminding(c)
	if err != nil {
		return err
	}
	if v.Team, v.Person, err = p.courses.TeamPerson(ctx, team, who); err != nil {
		return err
	}
	v.Own = shell.From(ctx).Org
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "teamview.remind.title", "Name", v.Person.Name), NavKey: "team", Layout: ui.Reading, NoIndex: true}, remindPage(v))
}

func (p *Pages) remind(c *fiber.Ctx) error {
	ctx := c.UserContext()
	team, who, err := reminding(c)
	if err != nil {
		return err
	}
	v := remindView{Words: formText(c, "words")}
	err = p.courses.Nudge(ctx, team, who, v.Words)
	v.Faults, v.Says = faultsOf(ctx, err), saysOf(ctx, err)
	switch {
	case v.Faults != nil:
		return p.showRemind(c, v, fiber.StatusUnprocessableEntity)
	case v.Says != "":
		return p.showRemind(c, v, fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(teamHref(team)+"?done=reminded", fiber.StatusSeeOther)
}

// mayAssign reports whether the viewer may ask others to learn something.
func mayAssign(ctx context.Context) bool { return authz.Check(ctx, authz.Assign, id.Org{}) == nil }

// doneOf says how far somebody is: in lessons, or as a share where it is kept as one.
func doneOf(ctx context.Context, done, total int) string {
	if p := (courses.Progress{Done: done, Total: total}); !p.Counts() {
		return lang.Percent(ctx, p.Share())
	}
	return lang.T(ctx, "teamview.of", "Done", strconv.Itoa(done), "Total", strconv.Itoa(total))
}
