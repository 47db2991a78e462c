package pages

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountAssigning adds what those who look after people ask them to learn.
func (p *Pages) mountAssigning(r fiber.Router) {
	r.Get("/assign", p.askToAssign)
	r.Post("/assign", p.assign)
	r.Get("/assignments", p.assignments)
	r.Get("/assignments.csv", p.exportAssignments)
	r.Get("/assignments/:id", p.assignment)
	r.Post("/assignments/:id", p.changeAssignment)
}

// assignView is the form in which people are asked, with what was chosen so far.
type assignView struct {
	courses.AssignForm

	In     courses.Assigning
	Query  string
	Own    ui.Org
	Faults ui.Faults
}

// ids are the identifiers that a form or an address gives under the name, at most 500.
func ids[T any](c *fiber.Ctx, name string, parse func(string) (T, error)) (out []T) {
	args := c.Context().PostArgs()
	if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
		args = c.Context().QueryArgs()
	}
	for _, v := range args.PeekMulti(name) {
		if one, err := parse(string(v)); err == nil && len(out) < 500 {
			out = append(out, one)
		}
	}
	return out
}

// assigningOf reads what was chosen.
func assigningOf(c *fiber.Ctx) courses.Assigning {
	in := courses.Assigning{
		People: ids(c, "person", id.Parse[id.Membership]), Teams: ids(c, "team", id.Parse[id.Any]), Everybody: c.FormValue("everybody") != "", Joins: c.FormValue("joins") != "",
		Terms: courses.Terms{Firm: c.FormValue("firm"), Reason: formText(c, "reason"), By: c.FormValue("by"), Days: max(number(c.FormValue("days")), 0)},
	}
	if it, err := id.Parse[id.Item](c.FormValue("item")); err == nil {
		in.Item = it
	}
	if in.Firm != courses.FirmSuggested {
		in.Firm = courses.FirmNeeded
	}
	return in
}

func (p *Pages) askToAssign(c *fiber.Ctx) error {
	return p.showAssign(c, assignView{In: assigningOf(c)}, fiber.StatusOK)
}

func (p *Pages) showAssign(c *fiber.Ctx, v assignView, status int) (err error) {
	ctx := c.UserContext()
	v.Query, v.Own = formText(c, "q"), shell.From(ctx).Org
	if len(v.Query) > 200 {
		v.Query = ""
	}
	if v.AssignForm, err = p.courses.AssignForm(ctx, courses.AssignWhom{Item: v.In.Item, People: v.In.People, Teams: v.In.Teams, Everybody: v.In.Everybody, Query: v.Query}); err != nil {
		return err
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "assign.title"), NavKey: "team", Layout: ui.Reading, NoIndex: true}, assignPage(v))
}

func (p *Pages) assign(c *fiber.Ctx) error {
	ctx, v := c.UserContext(), assignView{In: assigningOf(c)}
	if c.FormValue("do") == "look" {
		return p.showAssign(c, v, fiber.StatusOK)
	}
	made, err := p.courses.Assign(ctx, v.In)
	if v.Faults = faultsOf(ctx, err); v.Faults != nil {
		return p.showAssign(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(assignmentHref(made)+"?done=made", fiber.StatusSeeOther)
}

// warning is what asking does to how much the people chosen choose themselves; "" where there is too little to say.
func (v assignView) warning(ctx context.Context) string {
	after := v.After()
	if v.In.Firm != courses.FirmNeeded || !after.Pushed() {
		return ""
	}
	return lang.T(ctx, "assign.push", "Percent", lang.Percent(ctx, after.Share()))
}

// busy are those chosen who have not begun what they were asked before.
func (v assignView) busy(ctx context.Context) (out []string) {
	for _, a := range v.People {
		if a.Chosen && a.Open > 0 {
			out = append(out, lang.T(ctx, "assign.open", "Name", a.Name, "Count", a.Open))
		}
	}
	return out[:min(3, len(out))]
}

func (v assignView) items(ctx context.Context) []ui.Option {
	out := []ui.Option{{Label: lang.T(ctx, "assign.item_none")}}
	for _, it := range v.Items {
		out = append(out, ui.Option{Value: it.ItemID.String(), Label: lang.T(ctx, "assign.item_of", "Title", it.Title, "Org", v.Orgs[it.OrgID].Name), Chosen: it.ItemID == v.In.Item})
	}
	return out
}

func (v assignView) item() *tenants.Item {
	if i := slices.IndexFunc(v.Items, func(it tenants.Item) bool { return it.ItemID == v.In.Item }); i >= 0 {
		return &v.Items[i]
	}
	return nil
}

func (v assignView) firms(ctx context.Context) (out []ui.Option) {
	for _, f := range []string{courses.FirmNeeded, courses.FirmSuggested} {
		out = append(out, ui.Option{Value: f, Label: lang.T(ctx, "assign.firm."+f), Chosen: v.In.Firm == f})
	}
	return out
}

// days is a number in a field; "" for none.
func days(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

type assignmentsView struct {
	courses.AssignmentsView

	Filter courses.AssignmentFilter
}

func assignmentFilter(c *fiber.Ctx) courses.AssignmentFilter {
	q := formText(c, "q")
	if len(q) > 200 {
		q = ""
	}
	return courses.AssignmentFilter{Query: q, Over: c.Query("over") != "", Mine: c.Query("mine") != "", Page: min(max(number(c.Query("page")), 0), 10000)}
}

func (v assignmentsView) href(path string, page int) string {
	kv := []string{"q", v.Filter.Query}
	if v.Filter.Over {
		kv = append(kv, "over", "1")
	}
	if v.Filter.Mine {
		kv = append(kv, "mine", "1")
	}
	if page > 0 {
		kv = append(kv, "page", strconv.Itoa(page))
	}
	if q := query(kv...); q != "" {
		return path + "?" + q
	}
	return path
}

func (v assignmentsView) chips(ctx context.Context) []ui.Link {
	with := func(over, mine bool) string {
		o := v
		o.Filter.Over, o.Filter.Mine = over, mine
		return o.href("/assignments", 0)
	}
	f := v.Filter
	return []ui.Link{
		{Label: lang.T(ctx, "assign.list.hold"), Href: with(false, false), Current: !f.Over && !f.Mine},
		{Label: lang.T(ctx, "assign.list.mine"), Href: with(false, true), Current: !f.Over && f.Mine},
		{Label: lang.T(ctx, "assign.list.over"), Href: with(true, false), Current: f.Over},
	}
}

// empty says why nothing is listed, and what to do.
func (v assignmentsView) empty(ctx context.Context) ui.EmptyProps {
	p := ui.EmptyProps{Icon: "flag", Title: lang.T(ctx, "assign.list.none"), Text: lang.T(ctx, "assign.list.none_text"), Action: &ui.ButtonProps{Label: lang.T(ctx, "assign.crumb"), Href: "/assign"}}
	switch {
	case v.Filter.Query != "":
		p.Text, p.Action = lang.T(ctx, "assign.list.none_found"), &ui.ButtonProps{Label: lang.T(ctx, "assign.list.all"), Href: "/assignments"}
	case v.Filter.Over:
		p.Text, p.Action = lang.T(ctx, "assign.list.none_over"), nil
	}
	return p
}

func (v assignmentsView) previous() string {
	if v.Filter.Page == 0 {
		return ""
	}
	return v.href("/assignments", v.Filter.Page-1)
}

func (v assignmentsView) next() string {
	if !v.More {
		return ""
	}
	return v.href("/assignments", v.Filter.Page+1)
}

func (p *Pages) assignments(c *fiber.Ctx) (err error) {
	v := assignmentsView{Filter: assignmentFilter(c)}
	if v.AssignmentsView, err = p.courses.Assignments(c.UserContext(), v.Filter); err != nil {
		return err
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "assign.list.title"), NavKey: "team", Layout: ui.Work, NoIndex: true}, assignmentsPage(v))
}

func (p *Pages) exportAssignments(c *fiber.Ctx) error {
	ctx, f := c.UserContext(), assignmentFilter(c)
	f.All = true
	v, err := p.courses.Assignments(ctx, f)
	if err != nil {
		return err
	}
	lines := [][]string{{lang.T(ctx, "assign.item"), lang.T(ctx, "assign.head.firm"), lang.T(ctx, "assign.head.whom"), lang.T(ctx, "assign.reason"), lang.T(ctx, "assign.by"), lang.T(ctx, "assign.head.asker"), lang.T(ctx, "assign.head.at"), lang.T(ctx, "assign.head.people"), lang.T(ctx, "assign.head.begun"), lang.T(ctx, "assign.head.finished"), lang.T(ctx, "assign.head.no_seat")}}
	for _, a := range v.Rows {
		lines = append(lines, []string{a.Title, lang.T(ctx, "assign.firm."+a.Firm), whom(ctx, a), a.Reason, until(ctx, a.Assignment), a.Asker, a.AskedAt.UTC().Format(time.DateOnly), strconv.Itoa(a.People), strconv.Itoa(a.Begun), strconv.Itoa(a.Finished), strconv.Itoa(a.NoSeat)})
	}
	return shell.Sheet(c, "assignments.csv", lines)
}

// whom says who is asked: "Everybody and whoever joins".
func whom(ctx context.Context, a courses.AssignmentRow) string {
	who := a.Teams
	switch {
	case a.Everybody:
		who = lang.T(ctx, "assign.whom.everybody")
	case who == "":
		return lang.T(ctx, "assign.whom.people", "Count", a.People)
	}
	if a.Joins {
		return lang.T(ctx, "assign.whom.joins", "Who", who)
	}
	return who
}

// until says until when: a date, so many days after somebody is asked, or "".
func until(ctx context.Context, a courses.Assignment) string {
	switch {
	case a.DueOn != nil:
		return lang.Date(ctx, *a.DueOn)
	case a.DueDays != nil:
		return lang.T(ctx, "assign.until_days", "Count", *a.DueDays)
	}
	return ""
}

func assignmentHref(a id.Any) string { return "/assignments/" + a.String() }

// assignmentView is one assignment, with the form that was refused.
type assignmentView struct {
	courses.AssignmentView

	In      courses.Terms
	InJoins bool
	Faults  ui.Faults
	Says    string
	Page    int
	Own     ui.Org
}

func (v assignmentView) page(n int, there bool) string {
	if !there {
		return ""
	}
	return assignmentHref(v.ID) + "?page=" + strconv.Itoa(n)
}

func (p *Pages) assignment(c *fiber.Ctx) error {
	return p.showAssignment(c, assignmentView{}, fiber.StatusOK)
}

func (p *Pages) showAssignment(c *fiber.Ctx, v assignmentView, status int) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	v.Page, v.Own = min(max(number(c.Query("page")), 0), 10000), shell.From(ctx).Org
	if v.AssignmentView, err = p.courses.Assignment(ctx, which, v.Page); err != nil {
		return err
	}
	if v.Faults == nil {
		v.In = courses.Terms{Reason: v.Reason}
		if v.DueOn != nil {
			v.In.By = v.DueOn.Format(time.DateOnly)
		}
		if v.DueDays != nil {
			v.In.Days = *v.DueDays
		}
		v.InJoins = v.Joins
	}
	props := ui.PageProps{Title: v.Title, NavKey: "team", Layout: ui.Work, NoIndex: true}
	switch done := c.Query("done"); done {
	case "made", "changed", "seated", "restored":
		props.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "assign.done."+done)}
	case "back":
		props.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "assign.done.back"), UndoAction: assignmentHref(v.ID) + "?do=restore"}
	}
	c.Status(status)
	private(c)
	return shell.Page(c, props, assignmentPage(v))
}

func (p *Pages) changeAssignment(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	v := assignmentView{In: assigningOf(c).Terms, InJoins: c.FormValue("joins") != ""}
	done := ""
	switch c.FormValue("do") {
	case "change":
		err, done = p.courses.ChangeAssignment(ctx, which, v.In, v.InJoins), "changed"
	case "back":
		err, done = p.courses.TakeBack(ctx, which), "back"
	case "restore":
		err, done = p.courses.Restore(ctx, which), "restored"
	case "seat":
		err, done = p.courses.SeatAgain(ctx, which), "seated"
	default:
		return errs.New(errs.Malformed, "do %q", c.FormValue("do"))
	}
	v.Faults, v.Says = faultsOf(ctx, err), saysOf(ctx, err)
	switch {
	case v.Faults != nil:
		return p.showAssignment(c, v, fiber.StatusUnprocessableEntity)
	case v.Says != "":
		return p.showAssignment(c, v, fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(assignmentHref(which)+"?done="+done, fiber.StatusSeeOther)
}

// stands says how somebody stands with what they were asked, and of which kind the badge is.
func stands(ctx context.Context, a courses.Assignment, r courses.AssignedPerson, now time.Time) (kind, text string) {
	switch {
	case r.State == courses.PersonNoSeat:
		return ui.Bad, lang.T(ctx, "assign.stands.no_seat")
	case r.State == courses.PersonHad:
		return ui.OK, lang.T(ctx, "assign.stands.had")
	case r.Learning == "completed":
		return ui.OK, lang.T(ctx, "assign.stands.finished")
	case a.Ended == nil && r.Due != nil && r.Due.Before(now):
		return ui.Bad, lang.T(ctx, "assign.stands.late")
	case r.Begun:
		return ui.Info, lang.T(ctx, "assign.stands.begun")
	case a.Firm == courses.FirmSuggested && r.Learning == "":
		return ui.Neutral, lang.T(ctx, "assign.stands.suggested")
	case r.Learning == "left":
		return ui.Neutral, lang.T(ctx, "assign.stands.left")
	}
	return ui.Neutral, lang.T(ctx, "assign.stands.asked")
}

// sharedBy names whose a course or path is.
func sharedBy(v assignView, it tenants.Item) ui.ProvenanceProps {
	return ui.ProvenanceProps{Org: show.Org(v.Orgs[it.OrgID]), Verb: ui.SharedBy}
}

// assignmentFacts are to whom, until when and how firm.
func assignmentFacts(ctx context.Context, v assignmentView) []ui.Definition {
	out := []ui.Definition{{Term: lang.T(ctx, "assign.head.whom"), Text: whom(ctx, v.AssignmentRow)}, {Term: lang.T(ctx, "assign.how_firm"), Text: lang.T(ctx, "assign.firm."+v.Firm)}}
	if u := until(ctx, v.Assignment); u != "" {
		out = append(out, ui.Definition{Term: lang.T(ctx, "assign.by"), Text: u})
	}
	return append(out, ui.Definition{Term: lang.T(ctx, "assign.item"), Text: v.Title, Href: "/" + v.Kind + "/" + v.Item.String()})
}
