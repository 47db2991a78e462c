package pages

import (
	"context"
	"io"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// PastPath is where past records are brought in by a file. Its form is larger than others, see courses.PastBytes.
const PastPath = "/records/import"

func (p *Pages) mountPast(r fiber.Router) {
	r.Get(PastPath, func(c *fiber.Ctx) error { return p.showPastImports(c, pastImportsView{}, fiber.StatusOK) })
	r.Post(PastPath, p.checkPast)
	r.Get(PastPath+"/:id", func(c *fiber.Ctx) error { return p.showPastImport(c, pastImportView{}, fiber.StatusOK) })
	r.Post(PastPath+"/:id", p.turnPast)
	r.Get(PastPath+"/:id/rows.csv", p.pastTable)
}

// recordsPage is a page of the room of training records.
func recordsPage(c *fiber.Ctx, title string, status int) ui.PageProps {
	c.Status(status)
	private(c)
	return ui.PageProps{Title: title, NavKey: "team", Layout: ui.Work, NoIndex: true}
}

type pastImportsView struct {
	List   []courses.PastImport
	Pasted string
	Faults ui.Faults
	Now    time.Time
}

func (p *Pages) showPastImports(c *fiber.Ctx, v pastImportsView, status int) (err error) {
	ctx := c.UserContext()
	if v.List, v.Now, err = p.courses.PastImports(ctx); err != nil {
		return err
	}
	page := recordsPage(c, lang.T(ctx, "records.import.title"), status)
	if c.Query("done") == "discarded" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "link.import.discarded")}
	}
	return shell.Page(c, page, pastImportsPage(v))
}

// checkPast reads a file, or what was pasted, and leads to what would become of it.
func (p *Pages) checkPast(c *fiber.Ctx) error {
	v := pastImportsView{Pasted: c.FormValue("pasted")}
	name, data := "", []byte(v.Pasted)
	if head, err := c.FormFile("file"); err == nil && head.Size > 0 {
		f, err := head.Open()
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // Read only.
		if data, err = io.ReadAll(io.LimitReader(f, courses.PastBytes+1)); err != nil {
			return err
		}
		name = head.Filename
	}
	which, err := p.courses.CheckPast(c.UserContext(), name, data)
	if v.Faults = faultsOf(c.UserContext(), err); v.Faults != nil {
		return p.showPastImports(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(PastPath+"/"+which.String(), fiber.StatusSeeOther)
}

type pastImportView struct {
	courses.PastImport

	Rows        []courses.PastImportRow
	Show        string
	Next, First string
	Ask         bool   // whether to undo it
	Told        string // why something was not done
}

func (v pastImportView) at() string { return PastPath + "/" + v.ID.String() }

// chips are the ways to narrow the lines, each with how many there are.
func (v pastImportView) chips(ctx context.Context) []ui.Link {
	out := []ui.Link{{Label: lang.T(ctx, "link.import.show.all"), Href: v.at(), Count: v.New + v.Same + v.Unknown + v.Bad, Current: v.Show == ""}}
	for _, s := range pastLines(v.PastImport) {
		if s.n > 0 || s.show == v.Show {
			out = append(out, ui.Link{Label: lang.T(ctx, "records.outcome."+s.show), Href: v.at() + "?show=" + s.show, Count: s.n, Current: s.show == v.Show})
		}
	}
	return out
}

// pastLine is how many lines of an import have an outcome or a state.
type pastLine struct {
	show string
	n    int
}

func pastLines(v courses.PastImport) []pastLine {
	return []pastLine{{"new", v.New}, {"same", v.Same}, {"unknown", v.Unknown}, {"bad", v.Bad}, {"done", v.Done}, {"failed", v.Failed}, {"undone", v.Undone}, {"kept", v.Kept}}
}

// pastCounts are the lines of an import that there are: by what became of them or, before anything did, by what would.
func pastCounts(ctx context.Context, v courses.PastImport) (out []ui.Link) {
	for _, s := range pastLines(v) {
		if s.n > 0 && (s.show != "new" || v.State == courses.PastChecked) {
			out = append(out, ui.Link{Label: lang.T(ctx, "records.outcome."+s.show), Count: s.n})
		}
	}
	return out
}

func (p *Pages) showPastImport(c *fiber.Ctx, v pastImportView, status int) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	f := courses.PastFilter{Show: c.Query("show"), Limit: 50}
	if f.After, err = strconv.Atoi(c.Query("after", "0")); err != nil || !f.Shows() {
		return errs.New(errs.NotFound, "lines of an import")
	}
	var more bool
	if v.PastImport, v.Rows, more, err = p.courses.PastImport(ctx, which, f); err != nil {
		return err
	}
	v.Show, v.Ask = f.Show, c.Query("ask") == "undo"
	q := url.Values{}
	if f.Show != "" {
		q.Set("show", f.Show)
	}
	if f.After > 0 {
		v.First = v.at() + "?" + q.Encode()
	}
	if more {
		q.Set("after", strconv.Itoa(v.Rows[len(v.Rows)-1].Line))
		v.Next = v.at() + "?" + q.Encode()
	}
	return shell.Page(c, recordsPage(c, lang.T(ctx, "records.import.title"), status), pastImportPage(v))
}

// turnPast takes, undoes or discards an import.
func (p *Pages) turnPast(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	at := PastPath + "/" + which.String()
	switch do := c.FormValue("do"); do {
	case "take":
		err = p.courses.TakePast(ctx, which)
	case "undo":
		err = p.courses.UndoPast(ctx, which)
	case "discard":
		err, at = p.courses.DropPast(ctx, which), PastPath+"?done=discarded"
	default:
		return errs.New(errs.Malformed, "move %q", do)
	}
	if said := saysOf(ctx, err); said != "" {
		return p.showPastImport(c, pastImportView{Told: said}, fiber.StatusConflict)
	}
	if err != nil {
		return err
	}
	return c.Redirect(at, fiber.StatusSeeOther)
}

// pastTable hands the lines out as a table.
func (p *Pages) pastTable(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	f := courses.PastFilter{Show: c.Query("show"), Limit: courses.PastRows}
	if !f.Shows() {
		return errs.New(errs.NotFound, "lines of an import")
	}
	_, rows, _, err := p.courses.PastImport(ctx, which, f)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"line", "who", "name", "what", "done", "ends", "result", "issuer", "reference", "outcome", "column", "why"} {
		head = append(head, lang.T(ctx, "records.column."+k))
	}
	lines := [][]string{head}
	for _, r := range rows {
		for _, why := range pastWhys(ctx, r) {
			lines = append(lines, []string{
				strconv.Itoa(r.Line), r.Who, r.Name, r.Title, sheet.Day(r.Done), sheet.Day(r.Ends), pastRowResult(ctx, r), r.Issuer, r.Reference, lang.T(ctx, "records.outcome."+pastOutcome(r)), why.Column, why.Text,
			})
		}
	}
	return shell.Sheet(c, "records.csv", lines)
}

// pastRowResult is the result that a line gives, "" for one that cannot be read.
func pastRowResult(ctx context.Context, r courses.PastImportRow) string {
	if slices.ContainsFunc(r.Problems, func(f courses.PastFault) bool { return f.Column == courses.PastResult }) {
		return ""
	}
	return pastResult(ctx, r.Score)
}

// pastWhy is what is to be said of a line beside its outcome.
type pastWhy struct{ Column, Text string }

// pastWhys are at least one, for a line of which there is nothing to say an empty one.
func pastWhys(ctx context.Context, r courses.PastImportRow) (out []pastWhy) {
	for _, f := range r.Problems {
		column := f.Column
		if column == "" {
			column = "line"
		}
		out = append(out, pastWhy{Column: lang.T(ctx, "records.column."+column), Text: lang.T(ctx, f.Key, "Value", f.Value)})
	}
	switch {
	case r.Reason != "":
		out = append(out, pastWhy{Text: lang.T(ctx, r.Reason)})
	case r.Outcome == "unknown":
		out = append(out, pastWhy{Column: lang.T(ctx, "records.column.who"), Text: lang.T(ctx, "records.row.unknown")})
	}
	if len(out) == 0 {
		out = []pastWhy{{}}
	}
	return out
}

// pastOutcome is what became of a line or, before anything did, what would.
func pastOutcome(r courses.PastImportRow) string {
	if r.State != "waiting" {
		return r.State
	}
	return r.Outcome
}

var pastKinds = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"new": ui.OK, "same": ui.Neutral, "unknown": ui.Warn, "bad": ui.Bad, "done": ui.OK, "failed": ui.Warn, "undone": ui.Neutral, "kept": ui.Warn,
}

// pastResult is a result in words: a percentage, or that it was passed.
func pastResult(ctx context.Context, score *float64) string {
	if score == nil {
		return lang.T(ctx, "records.passed")
	}
	return lang.Percent(ctx, *score/100)
}
