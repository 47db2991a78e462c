package pages

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountRecords adds the training record: one's own, and that of the people whom somebody looks after, with what was learned before.
func (p *Pages) mountRecords(r fiber.Router) {
	p.mountPast(r)
	r.Get("/records", p.training)
	r.Get("/records.csv", p.exportTraining)
	r.Get("/records/past/:id", p.removal)
	r.Post("/records/past/:id", p.removePast)
	r.Get("/me/record", p.ownTraining)
	r.Post("/me/record", p.changeTraining)
}

// trainingView is the training record with what it is narrowed to.
type trainingView struct {
	courses.TrainingRecord

	Filter courses.TrainingFilter
	Own    ui.Org
	Print  bool
}

func trainingFilter(c *fiber.Ctx) courses.TrainingFilter {
	f := courses.TrainingFilter{
		Items: ids(c, "item", id.Parse[id.Item]), Asked: c.Query("only") == "asked", State: c.Query("state"), Query: formText(c, "q"), Sort: c.Query("sort"), Page: min(max(number(c.Query("page")), 0), 10000),
	}
	if t, err := id.Parse[id.Any](c.Query("team")); err == nil {
		f.Team = t
	}
	if len(f.Query) > 200 {
		f.Query = ""
	}
	return f
}

// href is the record with its filter and more pairs.
func (v trainingView) href(path string, kv ...string) string {
	f := v.Filter
	words := []string{"q", f.Query, "state", f.State, "sort", f.Sort}
	if !f.Team.IsZero() {
		words = append(words, "team", f.Team.String())
	}
	if f.Asked {
		words = append(words, "only", "asked")
	}
	q := query(append(words, kv...)...)
	for _, it := range f.Items {
		q += "&item=" + it.String()
	}
	if q = strings.TrimPrefix(q, "&"); q == "" {
		return path
	}
	return path + "?" + q
}

func (v trainingView) here() string { return "/records" }

// sorted is where the head of a column leads to, and how the record is sorted by it now.
func (v trainingView) sorted(by string) (href, direction string) {
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

func (v trainingView) chips(ctx context.Context) []ui.Link {
	var out []ui.Link
	for _, state := range append([]string{""}, courses.TrainingStates...) {
		if n := v.Count(state); n > 0 || state == "" || state == v.Filter.State {
			o := v
			o.Filter.State = state
			out = append(out, ui.Link{Label: lang.T(ctx, "records.state."+nonEmpty(state, "all")), Href: o.href(v.here()), Current: v.Filter.State == state, Count: n})
		}
	}
	return out
}

func (v trainingView) previous() string {
	if v.Filter.Page == 0 {
		return ""
	}
	return v.href(v.here(), "page", strconv.Itoa(v.Filter.Page-1))
}

func (v trainingView) next() string {
	if !v.More || v.Print {
		return ""
	}
	return v.href(v.here(), "page", strconv.Itoa(v.Filter.Page+1))
}

// chosen reports whether the record is narrowed to an item.
func (v trainingView) chosen(it id.Item) bool { return slices.Contains(v.Filter.Items, it) }

// shows reports whether anybody in the list shows what became of what they tried.
func (v trainingView) shows() bool {
	return slices.ContainsFunc(v.Rows, func(r courses.Training) bool { return r.Shown })
}

// narrowed reports whether it is narrowed at all.
func (v trainingView) narrowed() bool {
	return v.Filter.State != "" || v.Filter.Query != "" || v.Filter.Asked || len(v.Filter.Items) > 0
}

// covers says in words what the record shows, for whoever reads it on paper.
func (v trainingView) covers(ctx context.Context) string {
	who := lang.T(ctx, "records.covers.everybody", "Count", v.People)
	switch {
	case v.Team != nil:
		who = lang.T(ctx, "records.covers.team", "Team", v.Team.Name, "Count", v.People)
	case !mayAll(ctx):
		who = lang.T(ctx, "records.covers.teams", "Count", v.People)
	}
	parts := []string{who}
	var titles []string
	for _, it := range v.Items {
		if v.chosen(it.ID) {
			titles = append(titles, it.Title)
		}
	}
	switch {
	case len(titles) > 0:
		parts = append(parts, lang.T(ctx, "records.covers.items", "Titles", strings.Join(titles, ", ")))
	case v.Filter.Asked:
		parts = append(parts, lang.T(ctx, "records.covers.asked"))
	default:
		parts = append(parts, lang.T(ctx, "records.covers.all"))
	}
	if v.Filter.State != "" {
		parts = append(parts, lang.T(ctx, "records.covers.state", "State", lang.T(ctx, "records.state."+v.Filter.State)))
	}
	if v.Filter.Query != "" {
		parts = append(parts, lang.T(ctx, "records.covers.query", "Query", v.Filter.Query))
	}
	return strings.Join(parts, " ")
}

// mayAll reports whether the viewer looks after everybody.
func mayAll(ctx context.Context) bool { return authz.Check(ctx, authz.ManageTeams, id.Org{}) == nil }

func (p *Pages) training(c *fiber.Ctx) (err error) {
	ctx := c.UserContext()
	v := trainingView{Filter: trainingFilter(c), Own: shell.From(ctx).Org, Print: c.Query("print") != ""}
	if v.Print {
		v.TrainingRecord, err = p.courses.HandOutTraining(ctx, v.Filter)
	} else {
		v.TrainingRecord, err = p.courses.Training(ctx, v.Filter)
	}
	if err != nil {
		return err
	}
	page := recordsPage(c, lang.T(ctx, "records.title"), fiber.StatusOK)
	page.Flash = did(c, "records.done.removed", "removed")
	return shell.Page(c, page, trainingPage(v))
}

func (p *Pages) exportTraining(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v := trainingView{Filter: trainingFilter(c), Own: shell.From(ctx).Org}
	var err error
	if v.TrainingRecord, err = p.courses.HandOutTraining(ctx, v.Filter); err != nil {
		return err
	}
	lines := [][]string{
		{lang.T(ctx, "records.title"), v.Own.Name}, {lang.T(ctx, "records.printed", "When", moment(ctx, v.Now), "By", v.By), v.covers(ctx)},
	}
	var head []string
	for _, k := range []string{"person", "role", "what", "asked", "due", "version", "on", "how", "until", "state", "record_by", "record_at", "issuer", "reference", "score", "used", "tried", "not_yet", "not_needed", "voided", "voided_why"} {
		head = append(head, lang.T(ctx, "records.head."+k))
	}
	lines = append(lines, head)
	for _, r := range v.Rows {
		line := []string{r.Name, r.Job, r.Title, yes(ctx, r.Asked), sheet.Day(r.Due), "", sheet.Day(r.Done), howWord(ctx, r), sheet.Day(r.Ends), lang.T(ctx, "records.state."+r.State), r.RecordBy, sheet.Day(r.RecordAt), r.Issuer, r.Reference, "", "", "", "", "", sheet.Day(r.Voided), r.VoidedWhy}
		if r.Version > 0 {
			line[5] = strconv.Itoa(r.Version)
		}
		if r.Score != nil {
			line[14] = strconv.FormatFloat(*r.Score, 'f', -1, 64)
		}
		if r.Shown {
			line[15], line[16], line[17], line[18] = strconv.Itoa(r.Used), strconv.Itoa(r.Tried), strconv.Itoa(r.NotYet), strconv.Itoa(r.NotNeeded)
		}
		lines = append(lines, line)
	}
	return shell.Sheet(c, "training-record.csv", lines)
}

func yes(ctx context.Context, on bool) string {
	if on {
		return lang.T(ctx, "records.yes")
	}
	return ""
}

// howWord says how somebody came to a line: "Learned", "Shown by test", "Recorded from before".
func howWord(ctx context.Context, r courses.Training) string {
	if r.How == "" {
		return ""
	}
	return lang.T(ctx, "records.how."+r.How)
}

// trainingBadge is the state of a line.
func trainingBadge(ctx context.Context, r courses.Training) word {
	kind := map[string]string{courses.TrainingValid: ui.OK, courses.TrainingEnding: ui.Warn, courses.TrainingEnded: ui.Bad, courses.TrainingLate: ui.Bad}[r.State]
	if kind == "" {
		kind = ui.Neutral
	}
	return word{kind, lang.T(ctx, "records.state."+r.State)}
}

// effect says what became of what somebody tried at work, if they agreed to show it: "2 used, 1 tried".
func effect(ctx context.Context, r courses.Training) string {
	if !r.Shown {
		return ""
	}
	var parts []string
	for _, e := range []struct {
		word string
		n    int
	}{{"used", r.Used}, {"tried", r.Tried}, {"not_yet", r.NotYet}, {"not_needed", r.NotNeeded}} {
		if e.n > 0 {
			parts = append(parts, lang.T(ctx, "records.effect."+e.word, "Count", e.n))
		}
	}
	return strings.Join(parts, ", ")
}

// recordedLine says who recorded a line from before, and what they said of it.
func recordedLine(ctx context.Context, r courses.Training) string {
	if r.How != courses.ByRecord || r.RecordAt == nil {
		return ""
	}
	parts := []string{lang.T(ctx, "records.recorded", "Name", nonEmpty(r.RecordBy, lang.T(ctx, "records.somebody")), "Date", lang.Date(ctx, *r.RecordAt)), r.Issuer, r.Reference}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

type ownTrainingView struct {
	courses.OwnTraining

	Own ui.Org
}

func (p *Pages) ownTraining(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v := ownTrainingView{Own: shell.From(ctx).Org}
	var err error
	if v.OwnTraining, err = p.courses.OwnTraining(ctx); err != nil {
		return err
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "records.own.title"), Section: "you", Layout: ui.Work, NoIndex: true, Flash: did(c, "records.own.done", "shown")}, ownTrainingPage(v))
}

func (p *Pages) changeTraining(c *fiber.Ctx) error {
	if do := c.FormValue("do"); do != "show" {
		return errs.New(errs.Malformed, "move %q", do)
	}
	if err := p.courses.ShowTries(c.UserContext(), c.FormValue("show") != ""); err != nil {
		return err
	}
	return c.Redirect("/me/record?done=shown", fiber.StatusSeeOther)
}

// day is a date, "" for none.
func day(ctx context.Context, t *time.Time) string {
	if t == nil {
		return ""
	}
	return lang.Date(ctx, *t)
}
