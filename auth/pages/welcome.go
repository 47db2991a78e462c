package pages

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

const invitePath = "/admin/people/invite"

func (p *Pages) mountWelcome(r fiber.Router) {
	r.Get(invitePath, func(c *fiber.Ctx) error { return p.showInvite(c, inviteView{}, fiber.StatusOK) })
	r.Post(invitePath, p.inviting)
	r.Post(invitePath+"/:id/again", p.move(p.svc.WelcomeAgain, "again"))
	r.Post(invitePath+"/:id/withdraw", p.move(p.svc.Unwelcome, "withdrawn"))
	r.Get("/invited/:token", func(c *fiber.Ctx) error { return p.showInvited(c, "", "", fiber.StatusOK) })
	r.Post("/invited/:token", p.guard, p.comeIn)
}

type inviteView struct {
	Emails string
	Roles  []scope.Role
	Rows   []auth.WelcomeRow // what became of each address
	Told   string
	Stale  bool
	Faults ui.Faults
	Open   []auth.Welcome
	Next   string
	First  string
	Now    time.Time
}

// sent and left are the rows that worked and those that did not.
func (v inviteView) sent() (n int) {
	for _, r := range v.Rows {
		if r.Problem == "" {
			n++
		}
	}
	return n
}

// rolesOf are the words of roles, for a person who may nothing more the word for learner.
func rolesOf(ctx context.Context, list []scope.Role) string {
	var words []string
	for _, r := range scope.Roles() {
		if slices.Contains(list, r) && (r != scope.Learner || len(list) == 1) {
			words = append(words, lang.T(ctx, "tenants.role."+string(r)))
		}
	}
	return strings.Join(words, ", ")
}

// inviteDone are the words of what has just been done.
var inviteDone = map[string]ui.Flash{ //nolint:gochecknoglobals // A constant table.
	"again":     {Kind: ui.OK, Text: "invited.done.again"},
	"withdrawn": {Kind: ui.OK, Text: "invited.done.withdrawn"},
}

func (p *Pages) showInvite(c *fiber.Ctx, v inviteView, status int) error {
	ctx := c.UserContext()
	var before time.Time
	var after id.Any
	if at := c.Query("before"); at != "" {
		t, err := time.Parse(time.RFC3339Nano, at)
		which, err2 := id.Parse[id.Any](c.Query("after"))
		if err != nil || err2 != nil {
			return errs.New(errs.NotFound, "place in the list")
		}
		before, after, v.First = t, which, invitePath
	}
	list, more, err := p.svc.Welcomes(ctx, before, after)
	if err != nil {
		return err
	}
	v.Open, v.Now = list, p.svc.Now()
	if more {
		last := list[len(list)-1]
		v.Next = invitePath + "?" + url.Values{"before": {last.SentAt.UTC().Format(time.RFC3339Nano)}, "after": {last.ID.String()}}.Encode()
	}
	page := p.work(c, lang.T(ctx, "invited.title"), status)
	if f, ok := inviteDone[c.Query("done")]; ok {
		f.Text = lang.T(ctx, f.Text)
		page.Flash = &f
	}
	return shell.Page(c, page, invitePage(v))
}

// inviting sends invitations. What worked is not in the field any more; what did not stays there with its reason.
func (p *Pages) inviting(c *fiber.Ctx) error {
	ctx, v := c.UserContext(), inviteView{Emails: c.FormValue("emails")}
	for _, r := range mapped() {
		if c.FormValue("role_"+string(r)) != "" {
			v.Roles = append(v.Roles, r)
		}
	}
	rows, err := p.svc.Welcome(ctx, auth.Addresses(v.Emails), v.Roles)
	v.Faults = ui.FaultsIn(ctx, err)
	switch {
	case len(v.Faults) > 0:
		return p.showInvite(c, v, fiber.StatusUnprocessableEntity)
	case errors.Is(err, authz.ErrNotFresh):
		v.Stale = true
		return p.showInvite(c, v, fiber.StatusForbidden)
	case errs.Is(err, errs.RateLimited), errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		v.Told = lang.T(ctx, key, args...)
		return p.showInvite(c, v, errs.Status(errs.KindOf(err)))
	case err != nil:
		return err
	}
	var left []string
	for _, r := range rows {
		if r.Problem != "" {
			left = append(left, r.Email)
		}
	}
	v.Rows, v.Emails = rows, strings.Join(left, "\n")
	status := fiber.StatusOK
	if len(left) == len(rows) {
		status = fiber.StatusUnprocessableEntity
	}
	return p.showInvite(c, v, status)
}

// move does something with one invitation.
func (p *Pages) move(do func(context.Context, id.Any) error, done string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		which, err := id.Parse[id.Any](c.Params("id"))
		if err != nil {
			return errs.New(errs.NotFound, "invitation %q", c.Params("id"))
		}
		err = do(c.UserContext(), which)
		switch {
		case errors.Is(err, authz.ErrNotFresh):
			return stale(c, invitePath)
		case errs.Is(err, errs.RateLimited), errs.Is(err, errs.Conflict):
			key, args := errs.MessageKey(err)
			return p.showInvite(c, inviteView{Told: lang.T(c.UserContext(), key, args...)}, errs.Status(errs.KindOf(err)))
		case err != nil:
			return err
		}
		return c.Redirect(invitePath+"?done="+done, fiber.StatusSeeOther)
	}
}

type invitedView struct {
	auth.Welcome

	Org         tenants.Organization
	Token       string
	Ways        []ui.Link
	Name, Error string
}

// showInvited shows an invitation and waits for the button, because programs read links in mails too.
func (p *Pages) showInvited(c *fiber.Ctx, name, fault string, status int) error {
	org, _, err := p.home(c)
	if err != nil {
		return err
	}
	ctx := auth.Enter(c.UserContext(), org.OrgID)
	v := invitedView{Org: org, Token: c.Params("token"), Name: name, Error: fault}
	if v.Welcome, err = p.svc.Welcomed(ctx, org, v.Token); err != nil {
		return err
	}
	ways, err := p.svc.Ways(ctx, org)
	if err != nil {
		return err
	}
	for _, w := range ways {
		v.Ways = append(v.Ways, ui.Link{Label: w.Name, Href: "/auth/start/" + w.ProviderID.String() + "?" + url.Values{"invitation": {v.Token}}.Encode()})
	}
	c.Status(status)
	return p.bare(c, lang.T(ctx, "invited.page.title", "Org", org.Name), invitedPage(v))
}

// comeIn accepts an invitation where people sign in by email.
func (p *Pages) comeIn(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	ctx, name := c.UserContext(), c.FormValue("name")
	s, err := p.svc.ComeIn(auth.Enter(ctx, org.OrgID), org, c.Params("token"), name, b)
	if f := ui.FaultsIn(ctx, err); len(f) > 0 {
		return p.showInvited(c, name, f[0].Text, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return p.signedIn(c, s)
}
