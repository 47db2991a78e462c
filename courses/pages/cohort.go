package pages

import (
	"context"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountCohorts adds those who take a path together.
func (p *Pages) mountCohorts(r fiber.Router) {
	r.Get("/cohorts/about/:id", p.cohorts)
	r.Get("/cohorts/new/:id", p.newCohort)
	r.Post("/cohorts/new/:id", p.makeCohort)
	r.Get("/cohorts/:id", p.cohort)
	r.Post("/cohorts/:id", p.changeCohort)
}

func cohortHref(c id.Any) string { return "/cohorts/" + c.String() }

// cohortsView is the cohorts on a path.
type cohortsView struct {
	Path  courses.View
	List  []courses.Cohort
	Plans bool // the viewer may plan one
}

// cohorts are those on a path: a card of its page, or a page of their own where there is no script.
func (p *Pages) cohorts(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	v := cohortsView{Plans: mayAssign(ctx)}
	if v.List, err = p.courses.Cohorts(ctx, it); err != nil {
		return err
	}
	if v.Path, err = p.courses.Path(ctx, it); err != nil {
		return err
	}
	private(c)
	if shell.IsFragment(c) {
		return shell.Fragment(c, cohortsCard(v))
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "cohort.title"), NavKey: "learn", Layout: ui.Reading, NoIndex: true}, cohortsPage(v))
}

// cohortForm is a cohort as it is planned.
type cohortForm struct {
	Path   courses.View
	Of     id.Any // zero for a new one
	In     courses.CohortPlan
	Faults ui.Faults
	Teams  []tenants.Team // that the viewer leads
}

func (f cohortForm) action() string {
	if f.Of.IsZero() {
		return "/cohorts/new/" + f.Path.Item.ItemID.String()
	}
	return cohortHref(f.Of)
}

// steps are those of the path that can have a date.
func (f cohortForm) steps() (out []courses.Station) {
	for _, st := range f.Path.Stations {
		if st.Step != "" && !st.Own {
			out = append(out, st)
		}
	}
	return out
}

// cohortPlanOf reads the form; stations are the path's.
func cohortPlanOf(c *fiber.Ctx, stations []courses.Station) courses.CohortPlan {
	in := courses.CohortPlan{Name: formText(c, "name"), Starts: c.FormValue("starts"), Places: max(number(c.FormValue("places")), 0), Team: c.FormValue("team"), Dates: map[string]string{}}
	if c.FormValue("places") != "" && in.Places == 0 {
		in.Places = 1001 // Not a number of places: refused with the field named.
	}
	for _, st := range stations {
		in.Dates[st.Step] = c.FormValue("date-" + st.Step)
	}
	return in
}

func (p *Pages) newCohort(c *fiber.Ctx) error {
	return p.showCohortForm(c, cohortForm{In: courses.CohortPlan{Team: c.Query("team")}}, fiber.StatusOK)
}

func (p *Pages) showCohortForm(c *fiber.Ctx, f cohortForm, status int) (err error) {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	if f.Path, err = p.courses.Path(ctx, it); err != nil {
		return err
	}
	if f.Teams, err = p.courses.Teams(ctx); err != nil {
		return err
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "cohort.new"), NavKey: "learn", Layout: ui.Reading, NoIndex: true}, cohortFormPage(f))
}

func (p *Pages) makeCohort(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	if err := authz.Check(ctx, authz.Assign, id.Org{}); err != nil {
		return err
	}
	path, err := p.courses.Path(ctx, it)
	if err != nil {
		return err
	}
	f := cohortForm{In: cohortPlanOf(c, path.Stations)}
	made, err := p.courses.PlanCohort(ctx, it, id.Any{}, f.In)
	if f.Faults = faultsOf(ctx, err); f.Faults != nil {
		return p.showCohortForm(c, f, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(cohortHref(made)+"?done=planned", fiber.StatusSeeOther)
}

// cohortView is one cohort, with the form that was refused.
type cohortView struct {
	courses.CohortView

	Form cohortForm
	Says string
	Own  ui.Org
}

func (p *Pages) cohort(c *fiber.Ctx) error { return p.showCohort(c, cohortView{}, fiber.StatusOK) }

func (p *Pages) showCohort(c *fiber.Ctx, v cohortView, status int) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	if v.CohortView, err = p.courses.Cohort(ctx, which); err != nil {
		return err
	}
	v.Own = shell.From(ctx).Org
	if v.Changes && v.Ended == nil {
		if v.Form.Path, err = p.courses.Path(ctx, v.Item); err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}
		if v.Form.Teams, err = p.courses.Teams(ctx); err != nil {
			return err
		}
		v.Form.Of = v.ID
		if v.Form.Faults == nil {
			v.Form.In = courses.CohortPlan{Name: v.Name, Starts: v.Starts.Format(time.DateOnly), Dates: map[string]string{}}
			if !v.Team.IsZero() {
				v.Form.In.Team = v.Team.String()
			}
			if v.Places != nil {
				v.Form.In.Places = *v.Places
			}
			for _, d := range v.Dates {
				v.Form.In.Dates[d.Step] = d.Due.Format(time.DateOnly)
			}
		}
	}
	props := ui.PageProps{Title: v.Name, NavKey: "learn", Layout: ui.Reading, NoIndex: true}
	switch done := c.Query("done"); done {
	case "planned", "changed", "joined", "left", "ended":
		props.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "cohort.done."+done)}
	}
	c.Status(status)
	private(c)
	return shell.Page(c, props, cohortPage(v))
}

func (p *Pages) changeCohort(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	v, done := cohortView{}, ""
	switch c.FormValue("do") {
	case "join":
		err, done = p.courses.JoinCohort(ctx, which), "joined"
	case "leave":
		err, done = p.courses.LeaveCohort(ctx, which), "left"
	case "end":
		err, done = p.courses.EndCohort(ctx, which), "ended"
	case "change":
		seen, cerr := p.courses.Cohort(ctx, which)
		if cerr != nil {
			return cerr
		}
		path, perr := p.courses.Path(ctx, seen.Item)
		if perr != nil {
			return perr
		}
		v.Form.In = cohortPlanOf(c, path.Stations)
		_, err = p.courses.PlanCohort(ctx, seen.Item, which, v.Form.In)
		done = "changed"
	default:
		return errs.New(errs.Malformed, "do %q", c.FormValue("do"))
	}
	v.Form.Faults, v.Says = faultsOf(ctx, err), saysOf(ctx, err)
	switch {
	case v.Form.Faults != nil:
		return p.showCohort(c, v, fiber.StatusUnprocessableEntity)
	case v.Says != "":
		return p.showCohort(c, v, fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(cohortHref(which)+"?done="+done, fiber.StatusSeeOther)
}

// cohortPlaces says how many are in it, of how many.
func cohortPlaces(ctx context.Context, c courses.Cohort) string {
	if c.Places == nil {
		return lang.T(ctx, "cohort.people", "Count", c.People)
	}
	return lang.T(ctx, "cohort.places", "Count", c.People, "Places", strconv.Itoa(*c.Places))
}

// teams are those to choose from: none, those that the viewer leads, and the one that was chosen.
func (f cohortForm) teams(ctx context.Context) []ui.Option {
	out := []ui.Option{{Value: "", Label: lang.T(ctx, "together.team_none"), Chosen: f.In.Team == ""}}
	for _, t := range f.Teams {
		out = append(out, ui.Option{Value: t.TeamID.String(), Label: t.Name, Chosen: f.In.Team == t.TeamID.String()})
	}
	return out
}

// triedBadge is what became of something that was tried.
func triedBadge(said string) string {
	if said == courses.TryUsed || said == courses.TryTried {
		return ui.OK
	}
	return ui.Neutral
}
