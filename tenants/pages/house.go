package pages

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountHouse(r fiber.Router) {
	r.Get("/admin/organization", p.house)
	r.Get("/admin/organization/close", p.askToClose)
	r.Post("/admin/organization/close", p.closeHouse)
	r.Post("/admin/organization/reopen", p.reopen)
}

// houseDone are the words of what has just been done, by the value in the address.
var houseDone = map[string]ui.Flash{ //nolint:gochecknoglobals // A constant table.
	"closed":   {Kind: ui.OK, Text: "house.done.closed"},
	"reopened": {Kind: ui.OK, Text: "house.done.reopened"},
}

type houseView struct {
	tenants.Closing

	Usage  tenants.Usage
	Now    time.Time
	Input  string
	Faults ui.Faults
}

func (v houseView) closed() bool { return v.Organization.State == tenants.OrgClosed }

// days is how many days are left until everything is erased, the one that has begun counted.
func (v houseView) days() int {
	return max(0, int((v.Erased.Sub(v.Now)+24*time.Hour-time.Second)/(24*time.Hour)))
}

func (v houseView) glance(ctx context.Context) []ui.Definition {
	return []ui.Definition{
		{Term: lang.T(ctx, "house.glance.people"), Text: lang.Number(ctx, v.People)},
		{Term: lang.T(ctx, "house.glance.items"), Text: lang.Number(ctx, v.Items)},
		{Term: lang.T(ctx, "house.glance.public"), Text: lang.Number(ctx, v.Public)},
		{Term: lang.T(ctx, "house.glance.connections"), Text: lang.Number(ctx, v.Connections)},
	}
}

// effects are what closing does, in the order of whom it touches.
func (v houseView) effects(ctx context.Context) []string {
	out := []string{lang.T(ctx, "house.close.people", "Count", v.People)}
	if v.Learning > 0 {
		out = append(out, lang.T(ctx, "house.close.learning", "Count", v.Learning))
	}
	if v.Connections > 0 {
		out = append(out, lang.T(ctx, "house.close.connections", "Count", v.Connections))
	}
	if v.Items > 0 {
		out = append(out, lang.T(ctx, "house.close.items", "Count", v.Items))
	}
	if v.Stories > 0 {
		out = append(out, lang.T(ctx, "house.close.stories", "Count", v.Stories))
	}
	return append(out, lang.T(ctx, "house.close.hold", "Date", lang.Date(ctx, v.Erased)), lang.T(ctx, "house.close.keeps"))
}

// parting says until when the people of the other organization may finish what they began.
func parting(ctx context.Context, o tenants.Parting) string {
	switch {
	case o.State == tenants.Asked:
		return lang.T(ctx, "house.close.asked")
	case o.Finish.IsZero():
		return lang.T(ctx, "house.close.at_once")
	}
	return lang.T(ctx, "house.close.finish", "Date", lang.Date(ctx, o.Finish))
}

func (p *Pages) house(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v := houseView{Now: p.now()}
	var err error
	if v.Closing, err = p.svc.House(ctx); err != nil {
		return err
	}
	if v.Usage, err = p.svc.Usage(ctx); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "house.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true, Flash: told(c, houseDone)}, housePage(v))
}

func (p *Pages) askToClose(c *fiber.Ctx) error {
	if err := p.fresh(c, authz.CloseOrg); err != nil {
		return err
	}
	return p.showClose(c, houseView{}, fiber.StatusOK)
}

func (p *Pages) showClose(c *fiber.Ctx, v houseView, status int) (err error) {
	ctx := c.UserContext()
	v.Now = p.now()
	if v.Closing, err = p.svc.House(ctx); err != nil {
		return err
	}
	if v.closed() {
		return c.Redirect("/admin/organization", fiber.StatusSeeOther)
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "house.close.title", "Org", v.Organization.Name), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, closeHousePage(v))
}

// closeHouse wants the name typed: after the hold nothing brings back what is erased.
func (p *Pages) closeHouse(c *fiber.Ctx) error {
	v := houseView{Input: strings.TrimSpace(c.FormValue("name"))}
	err := p.svc.Close(c.UserContext(), v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showClose(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/organization?done=closed", fiber.StatusSeeOther)
}

func (p *Pages) reopen(c *fiber.Ctx) error {
	if err := p.svc.Reopen(c.UserContext()); err != nil {
		return err
	}
	return c.Redirect("/admin/organization?done=reopened", fiber.StatusSeeOther)
}
