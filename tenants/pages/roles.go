package pages

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountRoles(r fiber.Router) {
	r.Get("/admin/people/:id/roles", p.memberRoles)
	r.Post("/admin/people/:id/roles", p.changeRoles)
	r.Get("/admin/teams/:team/roles", p.teamRoles)
	r.Post("/admin/teams/:team/roles", p.setGives)
}

// fresh lets nobody fill in a form for what they may not do, or would be asked in the middle of it who they are.
func (p *Pages) fresh(c *fiber.Ctx, a authz.Action) error {
	if err := authz.Check(c.UserContext(), a, id.Org{}); err != nil {
		return err
	}
	return authz.Fresh(c.UserContext(), p.now())
}

// roleBox is a role on a form.
type roleBox struct {
	Role    scope.Role
	Checked bool
	Fixed   string // why it cannot be unchecked; "" where it can
}

type rolesView struct {
	Who   tenants.MemberRoles
	Boxes []roleBox
	Said  string
}

func (v rolesView) at() string { return "/admin/people/" + v.Who.MembershipID.String() + "/roles" }

// asked are the roles that a form asks for.
func asked(c *fiber.Ctx) []scope.Role {
	return slices.DeleteFunc(scope.Roles(), func(r scope.Role) bool { return c.FormValue("role_"+string(r)) == "" })
}

func (p *Pages) memberRoles(c *fiber.Ctx) error {
	if err := p.fresh(c, authz.ManagePeople); err != nil {
		return err
	}
	return p.showRoles(c, "", fiber.StatusOK)
}

func (p *Pages) showRoles(c *fiber.Ctx, said string, status int) error {
	ctx := c.UserContext()
	m, err := memberOf(c)
	if err != nil {
		return err
	}
	v := rolesView{Said: said}
	if v.Who, err = p.svc.RolesOf(ctx, m); err != nil {
		return err
	}
	for _, r := range scope.Roles()[1:] {
		b := roleBox{Role: r, Checked: slices.Contains(v.Who.Roles, r)}
		switch {
		case slices.Contains(v.Who.Given, r):
			b.Fixed = lang.T(ctx, "team.roles.given")
		case r == scope.Administrator && v.Who.Last:
			b.Fixed = lang.T(ctx, "team.roles.last")
		}
		v.Boxes = append(v.Boxes, b)
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "team.roles.title", "Name", v.Who.Name), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, rolesPage(v))
}

func (p *Pages) changeRoles(c *fiber.Ctx) error {
	m, err := memberOf(c)
	if err != nil {
		return err
	}
	err = p.svc.ChangeRoles(c.UserContext(), m, asked(c))
	if errs.Is(err, errs.Conflict) {
		return p.showRoles(c, problem(c.UserContext(), err), fiber.StatusConflict)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/people?done=roles", fiber.StatusSeeOther)
}

func (p *Pages) teamRoles(c *fiber.Ctx) error {
	ctx := c.UserContext()
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	if err := p.fresh(c, authz.ManageTeams); err != nil {
		return err
	}
	t, err := p.svc.Team(ctx, team)
	if err != nil {
		return err
	}
	if t.Source != "scim" {
		return errs.New(errs.NotFound, "team %s gives nothing", team)
	}
	var boxes []roleBox
	for _, r := range scope.Roles()[1:] {
		boxes = append(boxes, roleBox{Role: r, Checked: slices.Contains(t.Gives, r)})
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "team.gives.title", "Team", t.Name), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, teamRolesPage(t, boxes))
}

func (p *Pages) setGives(c *fiber.Ctx) error {
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	if err := p.svc.SetGives(c.UserContext(), team, asked(c)); err != nil {
		return err
	}
	return c.Redirect("/admin/teams/"+team.String()+"?done=gives", fiber.StatusSeeOther)
}
