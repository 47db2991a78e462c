package pages

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountWithdrawals(r fiber.Router) {
	r.Get("/publish/:id/versions", p.versions)
	r.Post("/publish/:id/versions", p.changeVersions)
}

func versionsHref(it id.Item) string { return manuscriptHref(it) + "/versions" }

// versionsView is the list of the versions of a course or path, with the form that withdraws one of them as it was refused.
type versionsView struct {
	courses.VersionsView

	Draft  courses.WithdrawDraft
	Faults ui.Faults
}

func (p *Pages) versions(c *fiber.Ctx) error {
	return p.showVersions(c, versionsView{Draft: courses.WithdrawDraft{Version: max(0, number(c.Query("withdraw")))}}, fiber.StatusOK)
}

func (p *Pages) showVersions(c *fiber.Ctx, v versionsView, status int) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	if v.VersionsView, err = p.courses.Versions(ctx, it, max(0, number(c.Query("before"))), v.Draft.Version); err != nil {
		return err
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "withdraw.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true, Flash: did(c, "withdraw.done."+c.Query("done"), "withdrawn", "restored")}, versionsPage(v))
}

// changeVersions withdraws a version or gives one back.
func (p *Pages) changeVersions(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	v, done := versionsView{Draft: courses.WithdrawDraft{Version: number(c.FormValue("version")), Kind: c.FormValue("kind"), Reason: formText(c, "reason")}}, ""
	switch do := c.FormValue("do"); do {
	case "withdraw":
		done, err = "withdrawn", p.courses.WithdrawVersion(ctx, it, v.Draft)
	case "restore":
		done, err = "restored", p.courses.RestoreVersion(ctx, it, v.Draft.Version)
	default:
		return errs.New(errs.Malformed, "do %q", do)
	}
	if v.Faults = faultsOf(ctx, err); v.Faults != nil {
		return p.showVersions(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(versionsHref(it)+"?done="+done, fiber.StatusSeeOther)
}

// kinds are the reasons for which one withdraws.
func (v versionsView) kinds(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, k := range courses.WithdrawKinds {
		out = append(out, ui.Option{Value: k, Label: lang.T(ctx, "withdraw.kind."+k), Hint: lang.T(ctx, "withdraw.kind_text."+k), Chosen: k == v.Draft.Kind})
	}
	return out
}

// withdrawEffects are what follows from withdrawing.
func (v versionsView) withdrawEffects(ctx context.Context) []ui.Effect {
	effect := func(icon, key string) ui.Effect {
		return ui.Effect{Icon: icon, Title: lang.T(ctx, "withdraw.effect."+key, "Version", itoa(v.Next)), Text: lang.T(ctx, "withdraw.effect."+key+"_text")}
	}
	out := []ui.Effect{effect("lock", "closed")}
	if v.Next > 0 {
		out = append(out, effect("users", "moved"))
	} else {
		out = append(out, effect("archive", "shut"))
	}
	out = append(out, effect("check", "kept"))
	if v.Item.Kind == tenants.KindCourse {
		out = append(out, effect("refresh-cw", "paths"))
	}
	return out
}

// inForce reports whether the version is what new starts get.
func (v versionsView) inForce(r courses.VersionRow) bool {
	return v.Item.State == "published" && v.Item.Version == r.Version
}

// older is where the page of earlier versions is; "" for none.
func (v versionsView) older() string {
	if !v.More {
		return ""
	}
	return versionsHref(v.Item.ItemID) + "?" + query("before", itoa(v.Rows[len(v.Rows)-1].Version))
}

// withdrawnWords says of what kind a withdrawal is, when it was, and what is in its place.
func withdrawnWords(ctx context.Context, key string, w courses.Withdrawal) string {
	return lang.T(ctx, key, "Kind", lang.T(ctx, "withdraw.kind."+w.Kind), "Date", lang.Date(ctx, w.At), "Instead", itoa(w.Instead))
}

// backWords says when a version was given back, and in which one its viewer goes on.
func backWords(ctx context.Context, w courses.Withdrawal) string {
	key := "withdraw.notice.back"
	if w.Instead == 0 {
		key = "withdraw.notice.reopened"
	}
	return lang.T(ctx, key, "Date", lang.Date(ctx, *w.Back), "Instead", itoa(w.Instead))
}
