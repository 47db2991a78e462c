package pages

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// ImportPath is where an administrator brings people in by a file. Its form is larger than others, see auth.ImportBytes.
const ImportPath = "/admin/people/import"

func (p *Pages) mountImport(r fiber.Router) {
	r.Get(ImportPath, func(c *fiber.Ctx) error { return p.showImports(c, importsView{}, fiber.StatusOK) })
	r.Post(ImportPath, p.checkImport)
	r.Get(ImportPath+"/:id", func(c *fiber.Ctx) error { return p.showImport(c, importView{}, fiber.StatusOK) })
	r.Get(ImportPath+"/:id/rows.csv", p.importTable)
	r.Get(ImportPath+"/:id/undo", func(c *fiber.Ctx) error { return p.showImport(c, importView{Ask: true}, fiber.StatusOK) })
	r.Post(ImportPath+"/:id/go", p.turnImport(func(c *fiber.Ctx, which id.Any) error {
		return p.svc.ConfirmImport(c.UserContext(), which, c.FormValue("mails") != "")
	}))
	r.Post(ImportPath+"/:id/undo", p.turnImport(func(c *fiber.Ctx, which id.Any) error { return p.svc.UndoImport(c.UserContext(), which) }))
	r.Post(ImportPath+"/:id/stop", p.stopImport)
}

type importsView struct {
	List   []auth.Import
	Pasted string
	Faults ui.Faults
	Now    time.Time
}

func (p *Pages) showImports(c *fiber.Ctx, v importsView, status int) (err error) {
	ctx := c.UserContext()
	if v.List, err = p.svc.Imports(ctx); err != nil {
		return err
	}
	v.Now = p.svc.Now()
	page := p.work(c, lang.T(ctx, "link.import.title"), status)
	if c.Query("done") == "discarded" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "link.import.discarded")}
	}
	return shell.Page(c, page, importsPage(v))
}

// checkImport reads a file, or what was pasted, and leads to what would become of it.
func (p *Pages) checkImport(c *fiber.Ctx) error {
	v := importsView{Pasted: c.FormValue("pasted")}
	name, data := "", []byte(v.Pasted)
	if head, err := c.FormFile("file"); err == nil && head.Size > 0 {
		f, err := head.Open()
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // Read only.
		if data, err = io.ReadAll(io.LimitReader(f, auth.ImportBytes+1)); err != nil {
			return err
		}
		name = head.Filename
	}
	which, err := p.svc.CheckImport(c.UserContext(), name, data)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showImports(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(ImportPath+"/"+which.String(), fiber.StatusSeeOther)
}

type importView struct {
	auth.Import

	Rows        []auth.ImportRow
	Show        string
	Next, First string
	Ask         bool   // whether to undo it
	Told        string // why something was not done
	MailsAsked  bool   // as the box was, before the sign-in that had to come first
	Now         time.Time
}

func (v importView) at() string { return ImportPath + "/" + v.ID.String() }

// moves reports whether it is under way, so that the page asks again.
func (v importView) moves() bool {
	return v.State == auth.ImportRunning || v.State == auth.ImportUndoing
}

// chips are the ways to narrow the lines, each with how many there are.
func (v importView) chips(ctx context.Context) []ui.Link {
	out := []ui.Link{{Label: lang.T(ctx, "link.import.show.all"), Href: v.at(), Count: v.New + v.Changed + v.Same + v.Bad, Current: v.Show == ""}}
	for _, s := range []struct {
		show string
		n    int
	}{{"new", v.New}, {"changed", v.Changed}, {"same", v.Same}, {"bad", v.Bad}, {"done", v.Done}, {"failed", v.Failed}, {"undone", v.Undone}, {"kept", v.Kept}} {
		if s.n > 0 || s.show == v.Show {
			out = append(out, ui.Link{Label: lang.T(ctx, "link.import.show."+s.show), Href: v.at() + "?show=" + s.show, Count: s.n, Current: s.show == v.Show})
		}
	}
	return out
}

func importID(c *fiber.Ctx) (id.Any, error) {
	which, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return which, errs.New(errs.NotFound, "import %q", c.Params("id"))
	}
	return which, nil
}

func (p *Pages) showImport(c *fiber.Ctx, v importView, status int) error {
	ctx := c.UserContext()
	which, err := importID(c)
	if err != nil {
		return err
	}
	f := auth.ImportFilter{Show: c.Query("show"), Limit: 50}
	if f.After, err = strconv.Atoi(c.Query("after", "0")); err != nil || !f.Shows() {
		return errs.New(errs.NotFound, "lines of an import")
	}
	var more bool
	if v.Import, v.Rows, more, err = p.svc.Import(ctx, which, f); err != nil {
		return err
	}
	v.Show, v.Now, v.MailsAsked = f.Show, p.svc.Now(), c.Query("mails") != ""
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
	return shell.Page(c, p.work(c, lang.T(ctx, "link.import.title"), status), importPage(v))
}

// turnImport confirms or undoes an import.
func (p *Pages) turnImport(do func(*fiber.Ctx, id.Any) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		which, err := importID(c)
		if err != nil {
			return err
		}
		err = do(c, which)
		at := ImportPath + "/" + which.String()
		switch {
		case errors.Is(err, authz.ErrNotFresh):
			if strings.HasSuffix(c.Path(), "/undo") {
				at += "/undo"
			}
			if c.FormValue("mails") != "" {
				at += "?mails=on"
			}
			return stale(c, at)
		case errs.Is(err, errs.Conflict), errs.Is(err, errs.RateLimited):
			key, args := errs.MessageKey(err)
			return p.showImport(c, importView{Told: lang.T(c.UserContext(), key, args...)}, errs.Status(errs.KindOf(err)))
		case err != nil:
			return err
		}
		return c.Redirect(at, fiber.StatusSeeOther)
	}
}

func (p *Pages) stopImport(c *fiber.Ctx) error {
	which, err := importID(c)
	if err != nil {
		return err
	}
	v, _, _, err := p.svc.Import(c.UserContext(), which, auth.ImportFilter{Limit: 1})
	if err != nil {
		return err
	}
	// One that has just come to its end cannot be stopped any more: its page says so.
	if err := p.svc.StopImport(c.UserContext(), which); err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	if v.State == auth.ImportChecked {
		return c.Redirect(ImportPath+"?done=discarded", fiber.StatusSeeOther)
	}
	return c.Redirect(ImportPath+"/"+which.String(), fiber.StatusSeeOther)
}

// importTable hands the lines out as a table: RFC 4180, with a byte order mark, which spreadsheets need to read it as UTF-8.
func (p *Pages) importTable(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := importID(c)
	if err != nil {
		return err
	}
	f := auth.ImportFilter{Show: c.Query("show"), Limit: 50_000}
	if !f.Shows() {
		return errs.New(errs.NotFound, "lines of an import")
	}
	_, rows, _, err := p.svc.Import(ctx, which, f)
	if err != nil {
		return err
	}
	head := []string{}
	for _, k := range []string{"line", "address", "name", "roles", "teams", "account", "outcome", "column", "why"} {
		head = append(head, lang.T(ctx, "link.import.column."+k))
	}
	lines := [][]string{head}
	for _, r := range rows {
		for _, why := range whyOf(ctx, r) {
			lines = append(lines, []string{
				strconv.Itoa(r.Line), r.Email, r.Name, rolesOf(ctx, r.Roles), strings.Join(r.Teams, "; "), r.Account,
				lang.T(ctx, "link.import.outcome."+outcomeOf(r)), why.Column, why.Text,
			})
		}
	}
	return shell.Sheet(c, "import.csv", lines)
}

// why is what is to be said of a line beside its outcome.
type why struct{ Column, Text string }

// whyOf is at least one, for a line of which there is nothing to say an empty one.
func whyOf(ctx context.Context, r auth.ImportRow) (out []why) {
	for _, f := range r.Problems {
		column := f.Column
		if column == "" {
			column = "row"
		}
		out = append(out, why{Column: lang.T(ctx, "link.import.column."+column), Text: lang.T(ctx, f.Key, "Value", f.Value)})
	}
	if r.Reason != "" {
		out = append(out, why{Text: lang.T(ctx, r.Reason)})
	}
	if len(out) == 0 {
		out = []why{{}}
	}
	return out
}

// outcomeOf is what became of a line or, before anything did, what would.
func outcomeOf(r auth.ImportRow) string {
	if r.State != "waiting" {
		return r.State
	}
	return r.Outcome
}

var outcomeKinds = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"new": ui.OK, "changed": ui.Info, "same": ui.Neutral, "bad": ui.Bad, "done": ui.OK, "failed": ui.Warn, "undone": ui.Neutral, "kept": ui.Warn,
}
