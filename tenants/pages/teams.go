package pages

import (
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountTeams(r fiber.Router) {
	r.Get("/admin/teams", p.teams)
	r.Post("/admin/teams", p.createTeam)
	r.Get("/admin/teams/:team", p.team)
	r.Post("/admin/teams/:team", p.renameTeam)
	r.Post("/admin/teams/:team/people", p.changeTeam)
	r.Get("/admin/teams/:team/delete", p.askToDeleteTeam)
	r.Post("/admin/teams/:team/delete", p.deleteTeam)
}

// teamDone are the words of what has just been done, by the value in the address.
var teamDone = map[string]ui.Flash{ //nolint:gochecknoglobals // A constant table.
	"created": {Kind: ui.OK, Text: "team.done.created"},
	"renamed": {Kind: ui.OK, Text: "team.done.renamed"},
	"deleted": {Kind: ui.OK, Text: "team.done.deleted"},
	"changed": {Kind: ui.OK, Text: "team.done.changed"},
	"gives":   {Kind: ui.OK, Text: "team.done.gives"},
}

type teamsView struct {
	List        []tenants.Team
	Query       string
	Manages     bool
	Input       string
	Faults      ui.Faults
	First, Next string
}

// wanted is what somebody looks for; a text that cannot be one is refused.
func wanted(c *fiber.Ctx) (string, error) {
	q := strings.TrimSpace(c.Query("q"))
	if utf8.RuneCountInString(q) > 100 || !utf8.ValidString(q) || strings.ContainsRune(q, 0) {
		return "", errs.New(errs.Invalid, "query too long")
	}
	return q, nil
}

func (p *Pages) teams(c *fiber.Ctx) error { return p.showTeams(c, teamsView{}, fiber.StatusOK) }

func (p *Pages) showTeams(c *fiber.Ctx, v teamsView, status int) (err error) {
	ctx := c.UserContext()
	if v.Query, err = wanted(c); err != nil {
		return err
	}
	f := tenants.TeamFilter{Query: v.Query, Limit: pageSize}
	if after := c.Query("after"); after != "" {
		if f.AfterID, err = id.Parse[id.Any](after); err != nil {
			return errs.New(errs.NotFound, "place in the list: %w", err)
		}
		f.AfterKey = c.Query("name")
		v.First = address("/admin/teams", tenants.PeopleFilter{Query: v.Query})
	}
	list, more, err := p.svc.Teams(ctx, f)
	if err != nil {
		return err
	}
	if v.List, v.Manages = list, may(ctx, authz.ManageTeams); more {
		last := list[len(list)-1]
		v.Next = address("/admin/teams", tenants.PeopleFilter{Query: v.Query}, "after", last.TeamID.String(), "name", last.Key)
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "team.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true, Flash: told(c, teamDone)}, teamsPage(v))
}

func (p *Pages) createTeam(c *fiber.Ctx) error {
	v := teamsView{Input: c.FormValue("name")}
	team, err := p.svc.CreateTeam(c.UserContext(), v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showTeams(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/teams/"+team.String()+"?done=created", fiber.StatusSeeOther)
}

type teamView struct {
	Team        tenants.Team
	People      []tenants.TeamMember
	Query       string
	Adding      bool // everybody who could be in it is listed
	Manages     bool
	Input       string
	Faults      ui.Faults
	Org         ui.Org
	First, Next string
}

func (v teamView) href() string { return "/admin/teams/" + v.Team.TeamID.String() }

func teamOf(c *fiber.Ctx) (id.Any, error) {
	team, err := id.Parse[id.Any](c.Params("team"))
	if err != nil {
		return team, errs.New(errs.NotFound, "team: %w", err)
	}
	return team, nil
}

func (p *Pages) team(c *fiber.Ctx) error { return p.showTeam(c, teamView{}, fiber.StatusOK) }

func (p *Pages) showTeam(c *fiber.Ctx, v teamView, status int) error {
	ctx := c.UserContext()
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	f, err := read(c)
	if err != nil {
		return err
	}
	if v.Team, err = p.svc.Team(ctx, team); err != nil {
		return err
	}
	v.Query, v.Org, v.Manages = f.Query, shell.From(ctx).Org, may(ctx, authz.ManageTeams)
	v.Adding = v.Manages && c.Query("add") == "1"
	list, more, err := p.svc.TeamPeople(ctx, team, v.Adding, f)
	if err != nil {
		return err
	}
	var add []string
	if v.Adding {
		add = []string{"add", "1"}
	}
	if v.People = list; more {
		last := list[len(list)-1]
		v.Next = address(v.href(), tenants.PeopleFilter{Query: v.Query}, append(add, "after", last.MembershipID.String(), "name", last.SortName)...)
	}
	if !f.AfterID.IsZero() {
		v.First = address(v.href(), tenants.PeopleFilter{Query: v.Query}, add...)
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.Team.Name, NavKey: "admin", Layout: ui.Work, NoIndex: true, Flash: told(c, teamDone)}, teamPage(v))
}

func (p *Pages) renameTeam(c *fiber.Ctx) error {
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	v := teamView{Input: c.FormValue("name")}
	err = p.svc.RenameTeam(c.UserContext(), team, v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showTeam(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/teams/"+team.String()+"?done=renamed", fiber.StatusSeeOther)
}

// changeTeam adds or removes one member, or says who leads; it goes back to the list with the same words.
func (p *Pages) changeTeam(c *fiber.Ctx) error {
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	m, err := id.Parse[id.Membership](c.FormValue("member"))
	if err != nil {
		return errs.New(errs.NotFound, "member: %w", err)
	}
	if err := p.svc.ChangeTeam(c.UserContext(), team, m, c.FormValue("change")); err != nil {
		return err
	}
	back := []string{"done", "changed"}
	if c.FormValue("add") == "1" {
		back = append(back, "add", "1")
	}
	return c.Redirect(address("/admin/teams/"+team.String(), tenants.PeopleFilter{Query: c.FormValue("q")}, back...), fiber.StatusSeeOther)
}

func (p *Pages) askToDeleteTeam(c *fiber.Ctx) error {
	return p.showDeleteTeam(c, teamView{}, fiber.StatusOK)
}

func (p *Pages) showDeleteTeam(c *fiber.Ctx, v teamView, status int) error {
	ctx := c.UserContext()
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	if !may(ctx, authz.ManageTeams) {
		return errs.New(errs.NotFound, "delete team %s", team)
	}
	if v.Team, err = p.svc.Team(ctx, team); err != nil {
		return err
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "team.delete.title", "Team", v.Team.Name), NavKey: "admin", Layout: ui.Reading, NoIndex: true}, deleteTeamPage(v))
}

func (p *Pages) deleteTeam(c *fiber.Ctx) error {
	team, err := teamOf(c)
	if err != nil {
		return err
	}
	v := teamView{Input: c.FormValue("name")}
	err = p.svc.DeleteTeam(c.UserContext(), team, v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showDeleteTeam(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/admin/teams?done=deleted", fiber.StatusSeeOther)
}
