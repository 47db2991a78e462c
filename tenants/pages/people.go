package pages

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Pages are the handlers.
type Pages struct {
	svc *tenants.Service
	now func() time.Time
	// inviting mails an invitation with terms to an address of an organization that is called so; nil where nobody is invited by mail.
	inviting func(ctx context.Context, email, name string, p tenants.Proposal) error
}

// New returns the handlers of a service; now is the clock.
func New(svc *tenants.Service, now func() time.Time) *Pages { return &Pages{svc: svc, now: now} }

// Inviting lets whoever manages the network invite addresses that belong to no portal.
func (p *Pages) Inviting(invite func(ctx context.Context, email, name string, p tenants.Proposal) error) *Pages {
	p.inviting = invite
	return p
}

// Mount adds the routes.
func (p *Pages) Mount(r fiber.Router) {
	r.Get("/admin", func(c *fiber.Ctx) error { return c.Redirect("/admin/people", fiber.StatusSeeOther) })
	r.Get("/admin/people", p.people)
	r.Get("/admin/people.csv", p.export)
	p.mountDomains(r)
	p.mountBrand(r)
	p.mountHouse(r)
	p.mountStandards(r)
	r.Post("/partners/act", p.actOnMany)
	r.Get("/partners/accounts", p.accounts)
	r.Post("/partners/accounts", p.setAccounts)
	r.Get("/admin/audit", p.log)
	r.Get("/admin/audit.csv", p.exportLogTable)
	r.Get("/admin/audit.jsonl", p.exportLog)
	p.mountConsent(r)
	p.mountPerson(r)
	p.mountLearned(r)
	p.mountTeams(r)
	p.mountRoles(r)
	r.Get("/network", p.network)
	r.Get("/network.csv", p.exportNetwork)
	r.Get("/network/invite", p.invite)
	r.Post("/network/invite", p.ask)
	r.Get("/network/:slug", p.agreement)
	r.Get("/network/:slug/view", p.seenBy)
	r.Get("/network/:slug/counter", p.counterForm)
	r.Post("/network/:slug/counter", p.counter)
	r.Get("/network/:slug/end", p.askToEnd)
	for move, do := range map[string]func(*fiber.Ctx, agreementView) (string, error){
		"sign": p.sign, "decline": p.decline, "withdraw": p.withdraw, "pause": p.pause, "resume": p.resume, "end": p.end, "mails": p.mails, "remind": p.remind, "account": p.account,
	} {
		r.Post("/network/:slug/"+move, p.act(do))
	}
	r.Get("/sharing", p.sharing)
	r.Post("/sharing", p.createCollection)
	r.Get("/sharing/:slug", p.collection)
	r.Post("/sharing/:slug", p.renameCollection)
	r.Post("/sharing/:slug/add", p.changeItem(p.svc.AddToCollection, "added"))
	r.Post("/sharing/:slug/remove", p.changeItem(p.svc.RemoveFromCollection, "removed"))
	r.Get("/sharing/:slug/visibility", p.askVisibility)
	r.Post("/sharing/:slug/visibility", p.setVisibility)
}

const pageSize = 50

// read takes the filter from the address; an unreadable place in the list is a missing page.
func read(c *fiber.Ctx) (tenants.PeopleFilter, error) {
	f := tenants.PeopleFilter{Query: strings.TrimSpace(c.Query("q")), State: c.Query("state"), Limit: pageSize}
	if utf8.RuneCountInString(f.Query) > 100 || !utf8.ValidString(f.Query) || strings.ContainsRune(f.Query, 0) {
		return f, errs.New(errs.Invalid, "query of people too long")
	}
	switch f.State {
	case "", "active", "invited", "left":
	default:
		return f, errs.New(errs.NotFound, "state %q", f.State)
	}
	if after := c.Query("after"); after != "" {
		m, err := id.Parse[id.Membership](after)
		if err != nil {
			return f, errs.New(errs.NotFound, "place in the list: %w", err)
		}
		f.AfterID, f.AfterName = m, c.Query("name")
	}
	return f, nil
}

// peopleDone are the words of what has just been done, by the value in the address.
var peopleDone = map[string]ui.Flash{"roles": {Kind: ui.OK, Text: "team.done.roles"}} //nolint:gochecknoglobals // A constant table.

func (p *Pages) people(c *fiber.Ctx) error {
	f, err := read(c)
	if err != nil {
		return err
	}
	list, err := p.svc.People(c.UserContext(), f)
	if err != nil {
		return err
	}
	v := peopleView{List: list, Filter: f, Now: p.now(), Org: shell.From(c.UserContext()).Org}
	if list.More {
		last := list.Rows[len(list.Rows)-1]
		v.Next = address("/admin/people", f, "after", last.MembershipID.String(), "name", last.SortName)
	}
	if !f.AfterID.IsZero() {
		v.First = address("/admin/people", f)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "tenants.people.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true, Flash: told(c, peopleDone)}, peoplePage(v))
}

// address is the list with the filter's words and more pairs.
func address(path string, f tenants.PeopleFilter, kv ...string) string {
	q := url.Values{}
	if f.Query != "" {
		q.Set("q", f.Query)
	}
	if f.State != "" {
		q.Set("state", f.State)
	}
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (p *Pages) export(c *fiber.Ctx) error {
	f, err := read(c)
	if err != nil {
		return err
	}
	rows, err := p.svc.ExportPeople(c.UserContext(), f)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	lines := [][]string{{
		lang.T(ctx, "tenants.people.name"), lang.T(ctx, "tenants.people.email"), lang.T(ctx, "tenants.people.work"),
		lang.T(ctx, "tenants.people.roles"), lang.T(ctx, "tenants.people.state_head"), lang.T(ctx, "tenants.people.seen"),
	}}
	for _, m := range rows {
		seen := ""
		if m.SeenAt != nil {
			seen = m.SeenAt.UTC().Format(time.RFC3339)
		}
		lines = append(lines, []string{m.Name, m.Email, m.Title, roles(ctx, m.Roles), lang.T(ctx, "tenants.people.state."+m.State), seen})
	}
	return shell.Sheet(c, "people.csv", lines)
}

// roles are the words for what a member may do beyond learning; for somebody who may nothing more, the word for learner.
func roles(ctx context.Context, list []scope.Role) string {
	var words []string
	for _, r := range scope.Roles() {
		for _, have := range list {
			if have == r && (r != scope.Learner || len(list) == 1) {
				words = append(words, lang.T(ctx, "tenants.role."+string(r)))
			}
		}
	}
	return strings.Join(words, ", ")
}

func seen(ctx context.Context, now time.Time, m tenants.Member) string {
	if m.SeenAt == nil {
		return lang.T(ctx, "tenants.people.never")
	}
	return lang.Ago(ctx, now, *m.SeenAt)
}

func stateWord(ctx context.Context, state string) string {
	if state == "" {
		return lang.T(ctx, "tenants.people.state.all")
	}
	return lang.T(ctx, "tenants.people.state."+state)
}
