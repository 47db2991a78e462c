package pages

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Pages are the handlers.
type Pages struct {
	svc   *auth.Service
	names names
}

// New returns the handlers of a service.
func New(svc *auth.Service) *Pages { return &Pages{svc: svc, names: cookieNames(svc.Production())} }

// Mount adds the routes behind Middleware.
func (p *Pages) Mount(r fiber.Router) {
	r.Get("/sign-in", p.signIn)
	r.Post("/sign-in", p.find)
	r.Get("/auth/start", p.guard, p.start)
	r.Get("/auth/start/:provider", p.guard, p.start)
	r.Get("/auth/callback/:provider", p.guard, p.callback)
	r.Post("/sign-in/email", p.guard, p.askLink)
	r.Get("/sign-in/sent", p.sent)
	r.Get("/sign-in/link/:token", p.link)
	r.Post("/sign-in/link/:token", p.guard, p.useLink)
	r.Post("/sign-out", p.signOut)
	r.Get("/signed-out", p.signedOut)
	r.Get("/admin/domains/:domain/send", p.askErrand)
	r.Post("/admin/domains/:domain/send", p.sendErrand)
	r.Get("/errand/:token", p.errand)
	r.Post("/errand/:token", p.doErrand)
	r.Get(handOver, p.guard, p.takeOver)
	r.Get(handOver+"/:hand", p.guard, p.handOver)
	r.Post("/language", p.language)
	p.mountDoor(r)
	p.mountWelcome(r)
	p.mountImport(r)
	p.mountAccounts(r)
	p.mountTokens(r)
	p.mountSessions(r)
	p.mountPasskeys(r)
	p.mountIndividuals(r)
}

// guard refuses to hand out cookies over plain http beyond this machine.
func (p *Pages) guard(c *fiber.Ctx) error {
	if p.svc.Production() || loopback(c.Hostname()) {
		return c.Next()
	}
	return errs.Say(errs.Forbidden, "auth.plain_http")
}

func loopback(host string) bool {
	u, err := url.Parse("//" + host)
	if err != nil {
		return false
	}
	h := u.Hostname()
	ip, err := netip.ParseAddr(h)
	return h == "localhost" || strings.HasSuffix(h, ".localhost") || (err == nil && ip.IsLoopback())
}

// host returns the organization of the host with a context in which its sign-in acts; NotFound on the front door.
func (p *Pages) host(c *fiber.Ctx) (tenants.Organization, auth.Browser, error) {
	org, ok := auth.HostOrg(c.UserContext())
	if !ok {
		return org, auth.Browser{}, errs.New(errs.NotFound, "%s on the front door", c.Path())
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	return org, p.browser(c), nil
}

// signIn is the page of the front door, or of an organization's host with its ways in.
func (p *Pages) signIn(c *fiber.Ctx) error {
	ctx, back := c.UserContext(), auth.ReturnTo(c.Query("return_to"))
	org, ok := auth.HostOrg(ctx)
	if !ok {
		return p.frontDoor(c, doorView{Back: back})
	}
	if p.onOwn(c, org) {
		return p.beginOn(c, org, back)
	}
	if p.leads(org, back) {
		return c.Redirect(p.svc.Address(org)+"/sign-in"+query(back), fiber.StatusSeeOther)
	}
	if _, ok := auth.Current(ctx); ok {
		return c.Redirect(back, fiber.StatusSeeOther)
	}
	return p.showWays(c, org, waysView{Back: back}, fiber.StatusOK)
}

// showWays shows all ways into an organization.
func (p *Pages) showWays(c *fiber.Ctx, org tenants.Organization, v waysView, status int) error {
	ctx := c.UserContext()
	ways, err := p.svc.Ways(auth.Enter(ctx, org.OrgID), org)
	if err != nil {
		return err
	}
	door, err := p.svc.PublicDoor(auth.Enter(ctx, org.OrgID), org)
	if err != nil {
		return err
	}
	v.Org, v.Email, v.Only, v.Door = org, org.SignIn == "email", org.SignIn == "oidc", door.Open
	for _, w := range ways {
		v.Ways = append(v.Ways, way(w, v.Back))
	}
	c.Status(status)
	return p.bare(c, lang.T(ctx, "auth.sign_in.title", "Org", org.Name), waysPage(v))
}

func way(w auth.Provider, back string) ui.Link {
	return ui.Link{Label: w.Name, Href: "/auth/start/" + w.ProviderID.String() + query(back)}
}

func query(back string) string {
	if back == "/" {
		return ""
	}
	return "?" + url.Values{"return_to": {back}}.Encode()
}

// find looks for the organization of an address, by its domain and never by its person.
func (p *Pages) find(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if _, ok := auth.HostOrg(ctx); ok {
		return errs.New(errs.NotFound, "the front door's form on an organization's host")
	}
	v := doorView{Back: auth.ReturnTo(c.Query("return_to")), Email: c.FormValue("email")}
	email, err := mail.Address(v.Email)
	if err != nil {
		v.Error = lang.T(ctx, "auth.email.form")
		c.Status(fiber.StatusUnprocessableEntity)
		return p.frontDoor(c, v)
	}
	_, domain, _ := strings.Cut(email, "@")
	org, err := p.svc.Tenants().ByDomain(ctx, domain)
	if errs.Is(err, errs.NotFound) || (err == nil && org.SignIn == "none") {
		v.Unknown = true
		return p.frontDoor(c, v)
	}
	if err != nil {
		return err
	}
	if v.Found, err = p.found(c, org, v.Back); err != nil {
		return err
	}
	return p.frontDoor(c, v)
}

// found is the card of an organization: a link goes on to its host, because a form that is redirected across hosts is
// stopped by the content security policy.
func (p *Pages) found(c *fiber.Ctx, org tenants.Organization, back string) (*ui.SignInFound, error) {
	ctx := c.UserContext()
	f := &ui.SignInFound{Org: show.Org(org), ContinueLabel: lang.T(ctx, "auth.found.continue", "Org", firstWord(org.Name))}
	ways, err := p.svc.Ways(auth.Enter(ctx, org.OrgID), org)
	if err != nil {
		return nil, err
	}
	if org.SignIn == "email" && len(ways) == 0 {
		f.Text, f.Note = lang.T(ctx, "auth.found.email"), lang.T(ctx, "auth.found.email_note")
		f.ContinueHref = p.svc.Address(org) + "/sign-in" + query(back)
		return f, nil
	}
	f.Text = lang.T(ctx, "auth.found.several")
	if len(ways) == 1 {
		f.Text = lang.T(ctx, "auth.found.one", "Host", hostOf(ways[0].Issuer), "Provider", ways[0].Name)
	}
	f.Note = lang.T(ctx, "auth.found.note", "Org", firstWord(org.Name))
	f.ContinueHref = p.svc.Address(org) + "/auth/start" + query(back)
	if org.SignIn == "email" {
		f.ContinueHref = p.svc.Address(org) + "/sign-in" + query(back)
	}
	return f, nil
}

func (p *Pages) frontDoor(c *fiber.Ctx, v doorView) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return p.bare(c, lang.T(c.UserContext(), "auth.door.title"), doorPage(v))
}

// start sends the browser to a provider.
func (p *Pages) start(c *fiber.Ctx) error {
	org, b, err := p.host(c)
	if err != nil {
		return err
	}
	ctx, back := auth.Enter(c.UserContext(), org.OrgID), auth.ReturnTo(c.Query("return_to"))
	if p.onOwn(c, org) || p.leads(org, back) {
		return c.Redirect(p.svc.Address(org)+"/sign-in"+query(back), fiber.StatusSeeOther)
	}
	if p.unasked(c) {
		return c.Redirect("/sign-in"+query(back), fiber.StatusSeeOther)
	}
	provider, err := id.Parse[id.Provider](c.Params("provider"))
	if c.Params("provider") == "" {
		ways, werr := p.svc.Ways(ctx, org)
		if werr != nil {
			return werr
		}
		if len(ways) != 1 || org.SignIn != "oidc" {
			return c.Redirect("/sign-in"+query(back), fiber.StatusSeeOther)
		}
		provider, err = ways[0].ProviderID, nil
	}
	if err != nil {
		return errs.New(errs.NotFound, "start at %q: %w", c.Params("provider"), err)
	}
	var s auth.Start
	if invitation := c.Query("invitation"); invitation != "" {
		s, err = p.svc.BeginInvited(ctx, org, provider, b, invitation)
	} else {
		s, err = p.svc.Begin(ctx, org, provider, b, back)
	}
	if err != nil {
		return p.refused(c, org, err)
	}
	p.set(c, p.names.pre, s.Pre, preLife)
	return c.Redirect(s.URL, fiber.StatusSeeOther)
}

// unasked reports whether a page of somebody else's sent the browser here, as every link can: a provider that asks nothing would sign
// the person in, or make one a member, without anything that they did. They choose the way in on our page instead. Hosts of this machine,
// *.localhost, are foreign to each other for a browser, the front door to its organizations, too.
func (p *Pages) unasked(c *fiber.Ctx) bool {
	return p.svc.Production() && c.Get("Sec-Fetch-Site") == "cross-site"
}

// preLife is longer than a sign-in, so that one that took too long is told apart from one in another browser.
const preLife = time.Hour

// callback takes the provider's answer.
func (p *Pages) callback(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	s, err := p.svc.Finish(auth.Enter(c.UserContext(), org.OrgID), org, auth.Callback{
		Provider: c.Params("provider"), Code: c.Query("code"), State: c.Query("state"), Iss: c.Query("iss"), Error: c.Query("error"), Browser: b,
	})
	if r, ok := errors.AsType[*auth.Refusal](err); ok && r.Test() {
		return c.Redirect(r.ReturnTo+"?done=failed", fiber.StatusSeeOther)
	}
	if err != nil {
		return p.refused(c, org, err)
	}
	if s.Token == "" { // An administrator's test, or an account that became one of the own membership.
		return c.Redirect(s.ReturnTo+"?done="+s.Done, fiber.StatusSeeOther)
	}
	return p.signedIn(c, s)
}

func (p *Pages) signedIn(c *fiber.Ctx, s auth.SignedIn) error {
	p.set(c, p.names.session, s.Token, sessionCookieLife)
	p.drop(c, p.names.door)
	p.drop(c, p.names.pre)
	return c.Redirect(s.ReturnTo, fiber.StatusSeeOther)
}

// sessionCookieLife is the longest life of a session; the server decides on the real one.
const sessionCookieLife = 24 * time.Hour

// refused shows why a sign-in did not work. It leads nowhere by itself, so there is no loop.
func (p *Pages) refused(c *fiber.Ctx, org tenants.Organization, err error) error {
	r, ok := errors.AsType[*auth.Refusal](err)
	if !ok {
		return err
	}
	status, ctx := fiber.StatusForbidden, c.UserContext()
	switch r.Reason {
	case auth.Expired, auth.OtherBrowser:
		status = fiber.StatusBadRequest
	case auth.ProviderDown:
		status = fiber.StatusServiceUnavailable
		c.Set(fiber.HeaderRetryAfter, "30")
	default:
	}
	c.Status(status)
	c.Set("X-Sign-In-Reason", string(r.Reason))
	return p.bare(c, lang.T(ctx, "auth.refused.title."+string(r.Reason), "Org", org.Name), refusedPage(refusedView{Org: org, Refusal: r}))
}

// askLink sends a one-time link.
func (p *Pages) askLink(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	ctx, back := c.UserContext(), auth.ReturnTo(c.Query("return_to"))
	pre, err := p.svc.AskLink(auth.Enter(ctx, org.OrgID), org, c.FormValue("email"), b, back)
	if errs.Is(err, errs.Invalid) {
		return p.showWays(c, org, waysView{Back: back, Address: c.FormValue("email"), Error: lang.T(ctx, "auth.email.form")}, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	p.set(c, p.names.pre, pre, preLife)
	return c.Redirect("/sign-in/sent", fiber.StatusSeeOther)
}

// sent says where to look, and the code for another browser.
func (p *Pages) sent(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	s, err := p.svc.Sent(auth.Enter(ctx, org.OrgID), org, b)
	if errs.Is(err, errs.NotFound) {
		return c.Redirect("/sign-in", fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	return p.bare(c, lang.T(ctx, "auth.sent.title"), sentPage(sentView{Org: org, Sent: s, At: "/sign-in"}))
}

// link shows what a one-time link does and waits for the button: programs read links in mails too.
func (p *Pages) link(c *fiber.Ctx) error { return p.showLink(c, "") }

func (p *Pages) showLink(c *fiber.Ctx, fault string) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	ctx, token := c.UserContext(), c.Params("token")
	l, err := p.svc.Link(auth.Enter(ctx, org.OrgID), org, token, b)
	if err != nil {
		return p.refused(c, org, err)
	}
	return p.bare(c, lang.T(ctx, "auth.link.title", "Org", org.Name), linkPage(linkView{Org: org, Token: token, Link: l, Error: fault}))
}

// useLink signs in with a one-time link.
func (p *Pages) useLink(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	code := strings.Join(strings.Fields(c.FormValue("code")), "")
	s, err := p.svc.UseLink(auth.Enter(ctx, org.OrgID), org, c.Params("token"), code, b)
	if errs.Is(err, errs.Invalid) {
		c.Status(fiber.StatusUnprocessableEntity)
		return p.showLink(c, lang.T(ctx, "auth.link.code_wrong"))
	}
	if err != nil {
		return p.refused(c, org, err)
	}
	return p.signedIn(c, s)
}

// signOut ends the session here. The provider's own sign-out is on another host, so the next page has a link to it.
func (p *Pages) signOut(c *fiber.Ctx) error {
	org, b, err := p.host(c)
	if err != nil {
		return err
	}
	out, err := p.svc.SignOut(auth.Enter(c.UserContext(), org.OrgID), org, b.Session)
	if err != nil {
		return err
	}
	if err := p.svc.LeaveDoor(auth.Enter(c.UserContext(), org.OrgID), org, b.Door); err != nil {
		return err
	}
	p.drop(c, p.names.session)
	p.drop(c, p.names.door)
	p.drop(c, p.names.pre)
	if len(out) > 0 && len(out) < 3000 { // Browsers keep 4096 bytes of a cookie.
		p.set(c, p.names.out, base64.RawURLEncoding.EncodeToString(out), 5*time.Minute)
	}
	c.Set("Clear-Site-Data", `"cache"`)
	return c.Redirect("/signed-out", fiber.StatusSeeOther)
}

// signedOut says so, with one link to the provider's own sign-out when there is one.
func (p *Pages) signedOut(c *fiber.Ctx) error {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	ctx, v := c.UserContext(), outView{Org: org}
	if raw, err := base64.RawURLEncoding.DecodeString(c.Cookies(p.names.out)); err == nil && len(raw) > 0 {
		v.Href, v.Provider = p.svc.ProviderSignOut(org, raw)
	}
	return p.bare(c, lang.T(ctx, "auth.out.title"), outPage(v))
}

// language keeps the chosen language in a cookie and with the membership.
func (p *Pages) language(c *fiber.Ctx) error {
	ctx := c.UserContext()
	l, ok := lang.Parse(c.FormValue("lang"))
	if !ok {
		return errs.New(errs.Invalid, "language %q", c.FormValue("lang"))
	}
	if _, member := auth.Current(ctx); member {
		if err := p.svc.SetLanguage(ctx, string(l)); err != nil {
			return err
		}
	} else if _, ok := auth.CurrentIndividual(ctx); ok {
		if err := p.svc.Speak(ctx, string(l)); err != nil {
			return err
		}
	}
	p.set(c, p.names.language, string(l), 365*24*time.Hour)
	return c.Redirect(localPath(c.FormValue("back")), fiber.StatusSeeOther)
}

// localPath is auth.ReturnTo for a page that may be one of sign-in itself.
func localPath(back string) string {
	if u, err := url.Parse(back); err == nil && (u.Path == "/sign-in" || u.Path == "/signed-out" || strings.HasPrefix(u.Path, "/sign-in/")) && u.Host == "" && u.Scheme == "" {
		if rest := auth.ReturnTo("/x" + back); rest != "/" {
			return strings.TrimPrefix(rest, "/x")
		}
	}
	return auth.ReturnTo(back)
}

func (p *Pages) bare(c *fiber.Ctx, title string, body templ.Component) error {
	return shell.Page(c, ui.PageProps{Title: title, Layout: ui.Bare, NoIndex: true}, body)
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

func hostOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	return u.Hostname()
}
