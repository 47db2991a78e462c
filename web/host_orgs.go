package web

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/brand"
	"github.com/learnscape/learnscape/web/ui/shell"
)

const orgsAt = hostAt + "/organizations"

func (s *Server) mountHostOrgs(r fiber.Router) {
	r.Get(orgsAt, s.hostOrgs)
	r.Get(orgsAt+".csv", s.hostOrgsTable)
	r.Get(orgsAt+"/new", func(c *fiber.Ctx) error {
		return s.newOrgPage(c, newOrgView{Color: "#2855ad", Locale: "en"}, fiber.StatusOK)
	})
	r.Post(orgsAt+"/new", s.createOrg)
	r.Get(orgsAt+"/:slug", func(c *fiber.Ctx) error { return s.hostOrgPage(c, hostOrgView{}, fiber.StatusOK) })
	for verb, do := range map[string]func(context.Context, *fiber.Ctx) error{
		"suspend": func(ctx context.Context, c *fiber.Ctx) error {
			return s.deps.Tenants.Suspend(ctx, c.FormValue("reason"))
		},
		"resume": func(ctx context.Context, c *fiber.Ctx) error {
			return s.deps.Tenants.Reinstate(ctx, c.FormValue("reason"))
		},
		"close": func(ctx context.Context, c *fiber.Ctx) error {
			return s.deps.Tenants.CloseFor(ctx, c.FormValue("name"), c.FormValue("reason"))
		},
		"reopen": func(ctx context.Context, c *fiber.Ctx) error {
			return s.deps.Tenants.ReopenFor(ctx, c.FormValue("reason"))
		},
		"limits": s.setLimits,
		"glass":  func(ctx context.Context, c *fiber.Ctx) error { return s.deps.Auth.AskGlass(ctx, c.FormValue("reason")) },
	} {
		r.Post(orgsAt+"/:slug/"+verb, s.actOnOrg(verb, do))
	}
	r.Get(glassAt, s.glasses)
	r.Get(glassAt+"/:slug/:id", s.glassPage)
	r.Post(glassAt+"/:slug/:id/approve", s.decideGlass(true))
	r.Post(glassAt+"/:slug/:id/refuse", s.decideGlass(false))
	r.Post(glassAt+"/:slug/:id/open", s.openGlass)
	r.Post(glassAt+"/:slug/:id/end", s.endGlass)
}

const orgsShown = 50

type hostOrgsView struct {
	Rows        []tenants.Standing
	States      map[string]int
	Filter      tenants.StandingFilter
	First, Next string
}

func (v hostOrgsView) address(path string, kv ...string) string {
	q := url.Values{}
	for k, x := range map[string]string{"q": v.Filter.Find, "state": v.Filter.State} {
		if x != "" {
			q.Set(k, x)
		}
	}
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (v hostOrgsView) states(ctx context.Context) (out []ui.Link) {
	all := 0
	for _, n := range v.States {
		all += n
	}
	w := v
	for _, st := range []string{"", tenants.OrgActive, tenants.OrgSuspended, tenants.OrgClosed, tenants.OrgErasing, tenants.OrgErased} {
		n := v.States[st]
		if st == "" {
			n = all
		}
		if w.Filter.State = st; n > 0 || st == "" || st == v.Filter.State {
			out = append(out, ui.Link{Label: stateWord(ctx, st), Href: w.address(orgsAt), Count: n, Current: st == v.Filter.State})
		}
	}
	return out
}

func stateWord(ctx context.Context, state string) string {
	if state == "" {
		state = "all"
	}
	return lang.T(ctx, "operator.state."+state)
}

func standingFilter(c *fiber.Ctx) (tenants.StandingFilter, error) {
	f := tenants.StandingFilter{Find: strings.TrimSpace(c.Query("q")), State: c.Query("state"), Limit: orgsShown, After: c.Query("after")}
	if len(f.Find) > 100 || len(f.State) > 20 || len(f.After) > 500 || strings.ContainsRune(f.Find+f.State+f.After, 0) {
		return f, errs.New(errs.NotFound, "filter of organizations")
	}
	if last := c.Query("last"); last != "" {
		o, err := id.Parse[id.Org](last)
		if err != nil {
			return f, errs.New(errs.NotFound, "place in the list %q", last)
		}
		f.Last = o
	}
	return f, nil
}

func (s *Server) hostOrgs(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f, err := standingFilter(c)
	if err != nil {
		return err
	}
	v := hostOrgsView{Filter: f}
	if v.Rows, v.States, err = s.deps.Tenants.Standings(ctx, f); err != nil {
		return err
	}
	if len(v.Rows) > orgsShown {
		v.Rows = v.Rows[:orgsShown]
		last := v.Rows[orgsShown-1]
		v.Next = v.address(orgsAt, "after", strings.ToLower(last.Name), "last", last.OrgID.String())
	}
	if f.After != "" {
		v.First = v.address(orgsAt)
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.nav.organizations"), NavKey: "organizations", Layout: ui.Work, NoIndex: true}, hostOrgsPage(v))
}

// hostOrgsTable sends what the filter leaves as a table, at most ten thousand.
func (s *Server) hostOrgsTable(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f, err := standingFilter(c)
	if err != nil {
		return err
	}
	f.Limit, f.After, f.Last = 10_000, "", id.Org{}
	rows, _, err := s.deps.Tenants.Standings(ctx, f)
	if err != nil {
		return err
	}
	if err := s.deps.Auth.Note(ctx, "organizations.exported", ""); err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"slug", "name", "state", "people", "storage", "connections", "sign_in", "created"} {
		head = append(head, lang.T(ctx, "operator.orgs."+k))
	}
	out := [][]string{head}
	for _, o := range rows[:min(len(rows), f.Limit)] {
		out = append(out, []string{o.Slug, o.Name, o.State, strconv.Itoa(o.People), strconv.FormatInt(o.Storage, 10), strconv.Itoa(o.Connections), o.SignIn, o.CreatedAt.UTC().Format(time.RFC3339)})
	}
	return shell.Sheet(c, "organizations.csv", out)
}

type newOrgView struct {
	Name, Slug, Color, Domain, Locale, Email, Person string
	Faults                                           ui.Faults
}

func (s *Server) newOrgPage(c *fiber.Ctx, v newOrgView, status int) error {
	ctx := c.UserContext()
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.new.title"), NavKey: "organizations", NoIndex: true}, newOrgPage(v, s.deps.Tenants.Base()))
}

// createOrg makes an organization as the command line does.
func (s *Server) createOrg(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v := newOrgView{
		Name: strings.Join(strings.Fields(c.FormValue("name")), " "), Slug: strings.ToLower(strings.TrimSpace(c.FormValue("slug"))), Color: strings.ToLower(strings.TrimSpace(c.FormValue("color"))),
		Domain: strings.TrimSpace(c.FormValue("domain")), Locale: c.FormValue("locale"), Email: strings.TrimSpace(c.FormValue("email")), Person: strings.TrimSpace(c.FormValue("person")),
	}
	fault := func(field, key string) { v.Faults = append(v.Faults, ui.Fault{ID: field, Text: lang.T(ctx, key)}) }
	if v.Name == "" || len([]rune(v.Name)) > 120 {
		fault("name", "operator.bad.name")
	}
	if _, _, err := brand.Roles(v.Color); err != nil {
		fault("color", "operator.bad.color")
	}
	if _, err := mail.Address(v.Email); err != nil {
		fault("email", "operator.bad.email")
	}
	if _, ok := lang.Parse(v.Locale); !ok {
		v.Locale = "en"
	}
	if len(v.Faults) > 0 {
		return s.newOrgPage(c, v, fiber.StatusUnprocessableEntity)
	}
	at, org, err := auth.Found(ctx)
	if err != nil {
		return err
	}
	n := tenants.NewOrganization{OrgID: org, Slug: v.Slug, Name: v.Name, Short: string([]rune(v.Name)[:min(2, len([]rune(v.Name)))]), Color: v.Color, Locale: v.Locale, SignIn: "email"}
	n.Hue, n.Chroma = brand.HueChroma(v.Color)
	if v.Domain != "" {
		n.Domains = []string{v.Domain}
	}
	_, err = s.deps.Tenants.Found(at, n, tenants.Founder{Email: v.Email, Name: v.Person})
	if v.Faults = hostFaults(ctx, err); len(v.Faults) == 0 && errs.Is(err, errs.Conflict) {
		fault("slug", "operator.bad.taken")
	}
	if len(v.Faults) > 0 {
		return s.newOrgPage(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(orgsAt+"/"+n.Slug+"?done=created", fiber.StatusSeeOther)
}

type hostOrgView struct {
	tenants.House

	Address string // of its portal
	Log     []auth.OperatorAct
	Glasses []auth.Glass
	Me      id.Any
	Alone   bool
	Now     time.Time

	Verb               string // which form came back
	Reason, Name       string
	Storage, MaxPeople string
	Hour, Month        string
	Faults             ui.Faults
}

func (v hostOrgView) fault(verb, field string) string {
	return hostFault(v.Faults, verb+"-"+field)
}

func (v hostOrgView) kept(verb, value string) string {
	if v.Verb != verb {
		return ""
	}
	return value
}

func (v hostOrgView) erased() time.Time {
	if v.StateAt == nil {
		return time.Time{}
	}
	return v.StateAt.Add(tenants.Hold)
}

func (s *Server) hostOrgPage(c *fiber.Ctx, v hostOrgView, status int) error {
	ctx := c.UserContext()
	h, _, err := orgOfSlug(ctx, s, c.Params("slug"))
	if err != nil {
		return err
	}
	v.House, v.Now, v.Address = h, s.deps.DB.Now(), s.deps.Auth.BaseURL(h.Slug)
	if v.Log, err = s.deps.Auth.OperatorLog(ctx, h.OrgID, 0, 20); err != nil {
		return err
	}
	if v.Alone, err = s.deps.Auth.Alone(ctx); err != nil {
		return err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	v.Me = who.Operator
	if v.Verb != "limits" {
		v.Storage, v.MaxPeople = strconv.FormatInt(h.Quota.Storage>>30, 10), strconv.Itoa(h.Quota.People)
		v.Hour, v.Month = strconv.Itoa(h.Quota.InvitesHour), strconv.Itoa(h.Quota.InvitesMonth)
	}
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: h.Name, NavKey: "organizations", Layout: ui.Work, NoIndex: true, Flash: hostDone(c)}, hostOrgPage(v))
}

// actOnOrg does something to the organization of the address and comes back to its page.
func (s *Server) actOnOrg(verb string, do func(context.Context, *fiber.Ctx) error) fiber.Handler {
	said := map[string]string{"suspend": "suspended", "resume": "resumed", "close": "closed", "reopen": "reopened", "limits": "limited", "glass": "asked"}
	return func(c *fiber.Ctx) error {
		h, ctx, err := orgOfSlug(c.UserContext(), s, c.Params("slug"))
		if err != nil {
			return err
		}
		err = do(ctx, c)
		v := hostOrgView{Verb: verb, Reason: c.FormValue("reason"), Name: c.FormValue("name"), Storage: c.FormValue("storage"), MaxPeople: c.FormValue("people"), Hour: c.FormValue("hour"), Month: c.FormValue("month"), Faults: hostFaults(ctx, err)}
		for i, f := range v.Faults {
			v.Faults[i].ID = verb + "-" + f.ID
		}
		if len(v.Faults) > 0 {
			return s.hostOrgPage(c, v, fiber.StatusUnprocessableEntity)
		}
		if err != nil {
			return err
		}
		return c.Redirect(orgsAt+"/"+h.Slug+"?done="+said[verb], fiber.StatusSeeOther)
	}
}

func (s *Server) setLimits(ctx context.Context, c *fiber.Ctx) error {
	var fields []errs.Field
	read := func(name string, most int) *int {
		n, err := strconv.Atoi(strings.TrimSpace(c.FormValue(name)))
		if err != nil || n < 0 || n > most {
			fields = append(fields, errs.Field{Name: name, Key: "operator.bad.number", Args: []any{"Most", most}})
		}
		return &n
	}
	gigabytes := read("storage", 1_000_000)
	n := tenants.NewQuota{People: read("people", 10_000_000), InvitesHour: read("hour", 1_000_000), InvitesMonth: read("month", 1_000_000)}
	if len(fields) > 0 {
		return errs.Fields(fields...)
	}
	b := int64(*gigabytes) << 30
	n.Storage = &b
	return s.deps.Tenants.SetQuota(ctx, n)
}

func errsOf(err error) (*errs.Error, bool) { return errors.AsType[*errs.Error](err) }

// standingOrg is an organization as the design system shows it.
func standingOrg(o tenants.Standing) ui.Org {
	return ui.Org{Name: o.Name, Short: o.Short, Hue: o.Hue, Chroma: o.Chroma}
}
