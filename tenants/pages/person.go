package pages

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountPerson adds the pages on which a person's data, or all of an organization's, is taken out or erased.
func (p *Pages) mountPerson(r fiber.Router) {
	r.Get("/me/data.zip", p.takeOut)
	r.Get("/me/erase", p.askToErase)
	r.Post("/me/erase", p.eraseSelf)
	r.Get("/me/erased", p.erased)
	r.Get("/admin/people/:id/data", p.person)
	r.Get("/admin/people/:id/data.zip", p.takeOutOf)
	r.Post("/admin/people/:id/erase", p.eraseMember)
	r.Get("/admin/organization/export", p.exports)
	r.Post("/admin/organization/export", p.askExport)
	r.Get("/admin/organization/export/:id", p.fetchExport)
	r.Post("/admin/organization/export/:id/cancel", p.cancelExport)
}

// archive sends a zip archive as it is made. One that was cut off has no directory at its end, and no program opens it.
func archive(c *fiber.Ctx, name string, write func(context.Context, io.Writer) error) {
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`.zip"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	// The request's own context ends with this handler, before the first byte is sent.
	ctx := context.WithoutCancel(c.UserContext())
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		ctx, cancel := context.WithTimeout(ctx, exportFor)
		defer cancel()
		if err := write(ctx, w); err != nil {
			slog.WarnContext(ctx, "an archive was cut off", "error", err)
		}
	})
}

func (p *Pages) takeOut(c *fiber.Ctx) error {
	write, err := p.svc.TakeOut(c.UserContext())
	if err != nil {
		return err
	}
	archive(c, "my-data", write)
	return nil
}

func (p *Pages) takeOutOf(c *fiber.Ctx) error {
	m, err := memberOf(c)
	if err != nil {
		return err
	}
	write, err := p.svc.TakeOutOf(c.UserContext(), m)
	if err != nil {
		return err
	}
	archive(c, "person-"+m.String(), write)
	return nil
}

func memberOf(c *fiber.Ctx) (id.Membership, error) {
	m, err := id.Parse[id.Membership](c.Params("id"))
	if err != nil {
		return m, errs.New(errs.NotFound, "identifier: %w", err)
	}
	return m, nil
}

// personView is somebody's data on the page of the person or of an administrator.
type personView struct {
	tenants.Belongings

	Org     string
	Self    bool
	Becomes string // what is to become of what the person wrote
	Input   string
	Faults  ui.Faults
	Said    string // why nothing was done
}

func (v personView) action() string {
	if v.Self {
		return "/me/erase"
	}
	return v.address() + "/erase"
}

func (v personView) address() string { return "/admin/people/" + v.Member.MembershipID.String() }

func (v personView) crumbs(ctx context.Context) []ui.Link {
	if v.Self {
		return []ui.Link{{Label: lang.T(ctx, "consent.you"), Href: "/me"}, {Label: lang.T(ctx, "consent.title"), Href: "/me/sharing"}, {Label: lang.T(ctx, "person.erase.crumb")}}
	}
	return []ui.Link{{Label: lang.T(ctx, "tenants.people.title"), Href: "/admin/people"}, {Label: v.Member.Name}}
}

func (v personView) title(ctx context.Context) string {
	if v.Self {
		return lang.T(ctx, "person.erase.title", "Org", v.Org)
	}
	return lang.T(ctx, "person.data.title", "Name", v.Member.Name)
}

// who is the end of the keys of texts that are said to the person or of the person.
func (v personView) who() string {
	if v.Self {
		return "self"
	}
	return "other"
}

// goes and stays are what erasing removes, and what is left of it.
func (v personView) goes(ctx context.Context) []string {
	out := []string{lang.T(ctx, "person.goes.access."+v.who()), lang.T(ctx, "person.goes.name."+v.who()), lang.T(ctx, "person.goes.learning."+v.who(), "Count", v.Learning)}
	if v.Self {
		out = append(out, lang.T(ctx, "person.goes.private.self", "Count", v.Private))
	}
	if v.Named > 0 {
		out = append(out, lang.T(ctx, "person.goes.named."+v.who(), "Count", v.Named))
	}
	return out
}

func (v personView) stays(ctx context.Context) []string {
	out := []string{lang.T(ctx, "person.stays.log"), lang.T(ctx, "person.stays.consents"), lang.T(ctx, "person.stays.totals")}
	if v.Works > 0 {
		out = append(out, lang.T(ctx, "person.stays.works", "Count", v.Works))
	}
	return out
}

func (v personView) becomes(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: tenants.PostsKeep, Label: lang.T(ctx, "person.posts.keep"), Hint: lang.T(ctx, "person.posts.keep_hint"), Chosen: v.Becomes != tenants.PostsDelete},
		{Value: tenants.PostsDelete, Label: lang.T(ctx, "person.posts.delete"), Hint: lang.T(ctx, "person.posts.delete_hint"), Chosen: v.Becomes == tenants.PostsDelete},
	}
}

func (p *Pages) askToErase(c *fiber.Ctx) error {
	if err := p.fresh(c, authz.OwnData); err != nil {
		return err
	}
	return p.showPerson(c, personView{Self: true}, fiber.StatusOK)
}

func (p *Pages) person(c *fiber.Ctx) error {
	return p.showPerson(c, personView{}, fiber.StatusOK)
}

func (p *Pages) showPerson(c *fiber.Ctx, v personView, status int) (err error) {
	ctx := c.UserContext()
	props := ui.PageProps{NavKey: "admin", Layout: ui.Reading, NoIndex: true, Flash: told(c, personDone)}
	if v.Self {
		props.NavKey, props.Section = "", "you"
		v.Belongings, err = p.svc.Belongings(ctx)
	} else {
		var m id.Membership
		if m, err = memberOf(c); err == nil {
			v.Belongings, err = p.svc.BelongingsOf(ctx, m)
		}
	}
	if err != nil {
		return err
	}
	v.Org = shell.From(ctx).Org.Name
	props.Title = v.title(ctx)
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, props, personPage(v))
}

// personDone are the words of what has just been done, by the value in the address.
var personDone = map[string]ui.Flash{ //nolint:gochecknoglobals // A constant table.
	"erasing":   {Kind: ui.OK, Text: "person.done.erasing"},
	"asked":     {Kind: ui.OK, Text: "person.done.asked"},
	"cancelled": {Kind: ui.OK, Text: "person.done.cancelled"},
}

// tried is the page again with what is wrong, for what a person can mend or has to know; otherwise the error.
func (p *Pages) tried(c *fiber.Ctx, v personView, err error) error {
	v.Input, v.Becomes = strings.TrimSpace(c.FormValue("name")), c.FormValue("posts")
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showPerson(c, v, fiber.StatusUnprocessableEntity)
	}
	if errs.Is(err, errs.Conflict) {
		v.Said = problem(c.UserContext(), err)
		return p.showPerson(c, v, fiber.StatusConflict)
	}
	return err
}

// problem is an error in the words that its message has.
func problem(ctx context.Context, err error) string {
	key, args := errs.MessageKey(err)
	return lang.T(ctx, key, args...)
}

// eraseSelf wants the name typed: nothing brings back what is erased.
func (p *Pages) eraseSelf(c *fiber.Ctx) error {
	if err := p.svc.EraseSelf(c.UserContext(), c.FormValue("name"), c.FormValue("posts")); err != nil {
		return p.tried(c, personView{Self: true}, err)
	}
	c.Set("Clear-Site-Data", `"cache"`)
	return c.Redirect("/me/erased", fiber.StatusSeeOther)
}

func (p *Pages) eraseMember(c *fiber.Ctx) error {
	m, err := memberOf(c)
	if err != nil {
		return err
	}
	if err := p.svc.EraseMember(c.UserContext(), m, c.FormValue("name"), c.FormValue("posts")); err != nil {
		return p.tried(c, personView{}, err)
	}
	return c.Redirect("/admin/people/"+m.String()+"/data?done=erasing", fiber.StatusSeeOther)
}

// erased is where somebody who was erased ends: it says the same to everybody.
func (p *Pages) erased(c *fiber.Ctx) error {
	ctx := c.UserContext()
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "person.gone.title"), Layout: ui.Reading, NoIndex: true}, erasedPage())
}

// exportsView is the page of the copies of all that an organization owns.
type exportsView struct {
	Rows []tenants.Export
	Now  time.Time
	Said string
}

// running is the copy that is being made, nil for none.
func (v exportsView) running() *tenants.Export {
	for i := range v.Rows {
		if v.Rows[i].State == tenants.ExportRunning {
			return &v.Rows[i]
		}
	}
	return nil
}

// state is where a copy stands now: its time may be over before its file is removed.
func (v exportsView) state(e tenants.Export) string {
	if e.State == tenants.ExportDone && e.Until != nil && !v.Now.Before(*e.Until) {
		return tenants.ExportRemoved
	}
	return e.State
}

const exportsAt = "/admin/organization/export"

func (p *Pages) exports(c *fiber.Ctx) error {
	return p.showExports(c, "", fiber.StatusOK)
}

func (p *Pages) showExports(c *fiber.Ctx, said string, status int) (err error) {
	ctx := c.UserContext()
	v := exportsView{Now: p.now(), Said: said}
	if v.Rows, err = p.svc.Exports(ctx); err != nil {
		return err
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "person.export.title"), NavKey: "admin", Layout: ui.Reading, NoIndex: true, Flash: told(c, personDone)}, exportsPage(v))
}

func (p *Pages) askExport(c *fiber.Ctx) error {
	err := p.svc.AskExport(c.UserContext())
	if errs.Is(err, errs.Conflict) {
		return p.showExports(c, problem(c.UserContext(), err), fiber.StatusConflict)
	}
	if err != nil {
		return err
	}
	return c.Redirect(exportsAt+"?done=asked", fiber.StatusSeeOther)
}

func (p *Pages) cancelExport(c *fiber.Ctx) error {
	which, err := named(c)
	if err != nil {
		return err
	}
	if err := p.svc.CancelExport(c.UserContext(), which); err != nil {
		return err
	}
	return c.Redirect(exportsAt+"?done=cancelled", fiber.StatusSeeOther)
}

func (p *Pages) fetchExport(c *fiber.Ctx) error {
	which, err := named(c)
	if err != nil {
		return err
	}
	file, size, err := p.svc.FetchExport(c.UserContext(), which)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+shell.From(c.UserContext()).Org.Slug+`.zip"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Context().SetBodyStream(file, int(size)) // Closes it.
	return nil
}

// hours is how many hours are left to fetch a copy, the one that has begun counted.
func (v exportsView) hours(e tenants.Export) int {
	return max(1, int((e.Until.Sub(v.Now)+time.Hour-time.Second)/time.Hour))
}

// moment is a time as programs read it.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// megabytes says how large a file is, at least 0.1 MB.
func megabytes(ctx context.Context, bytes int64) string {
	if bytes >= 10<<20 {
		return lang.T(ctx, "person.export.mb", "Size", lang.Number(ctx, int(bytes>>20)))
	}
	return lang.T(ctx, "person.export.kb", "Size", lang.Number(ctx, int(max(1, bytes>>10))))
}

// ownSees are the lines of what the own organization sees of the reader.
func ownSees(ctx context.Context, o tenants.Overseers) []seesRow {
	name := lang.T(ctx, "consent.level.name")
	out := []seesRow{
		{Icon: "circle-user", Level: name, Text: lang.T(ctx, "person.own.colleagues")},
		{Icon: "circle-user", Level: name, Text: lang.T(ctx, "person.own.admins", "Count", o.Admins)},
	}
	if len(o.Leads) > 0 {
		out = append(out, seesRow{Icon: "circle-user", Level: name, Text: lang.T(ctx, "person.own.leads", "Names", strings.Join(o.Leads, ", "))})
	}
	if o.Counts {
		out = append(out, seesRow{Icon: "circle-user", Level: name, Text: lang.T(ctx, "person.own.programs")})
	}
	return append(out, seesRow{Icon: "eye-off", Level: lang.T(ctx, "consent.level.never"), Text: lang.T(ctx, "person.own.never"), Never: true})
}
