package web

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
	"github.com/learnscape/learnscape/web/ui/static"
)

// hostAt is where the operators' pages begin; they are on the operators' host and on no other.
const hostAt = "/host"

// apart keeps the operators' host and the others apart: there nothing answers but the operators' pages, and those nowhere else.
func (s *Server) apart(c *fiber.Ctx) error {
	path := c.Path()
	if !s.deps.Auth.OperatorHost(c.Hostname()) {
		if path == hostAt || strings.HasPrefix(path, hostAt+"/") {
			return missing(c)
		}
		return c.Next()
	}
	switch {
	case path == hostAt, strings.HasPrefix(path, hostAt+"/"), path == "/healthz", path == "/readyz", strings.HasPrefix(path, "/brand/"), strings.HasPrefix(path, static.Prefix):
		return s.desk(c)
	case path == "/" && c.Method() == fiber.MethodGet:
		return c.Redirect(hostAt, fiber.StatusSeeOther)
	case path == "/robots.txt":
		return c.SendString("User-agent: *\nDisallow: /\n")
	case path == "/sign-out" && c.Method() == fiber.MethodPost:
		return s.leaveDesk(c)
	case path == "/language" && c.Method() == fiber.MethodPost:
		return s.deskLanguage(c)
	}
	c.SetUserContext(s.deskFrame(c, nil))
	return missing(c)
}

// atDesk are the operators' pages that nobody has to be signed in for.
var atDesk = []string{hostAt + "/sign-in", hostAt + "/auth", hostAt + "/code"} //nolint:gochecknoglobals // A constant table.

// desk finds out which operator asks; without one only the sign-in answers.
func (s *Server) desk(c *fiber.Ctx) error {
	path := c.Path()
	if path != hostAt && !strings.HasPrefix(path, hostAt+"/") {
		return c.Next()
	}
	if l, ok := lang.Parse(c.Cookies(s.deskCookie("lang"))); ok {
		c.SetUserContext(lang.With(c.UserContext(), l))
	}
	for _, p := range atDesk {
		if path == p || strings.HasPrefix(path, p+"/") {
			c.SetUserContext(auth.AtDesk(s.deskFrame(c, nil)))
			return c.Next()
		}
	}
	o, err := s.deps.Auth.OperatorSession(auth.AtDesk(c.UserContext()), c.Cookies(s.deskCookie("op")))
	if errs.Is(err, errs.NotFound) {
		c.SetUserContext(s.deskFrame(c, nil))
		if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
			return c.Redirect(hostAt+"/sign-in", fiber.StatusSeeOther)
		}
		return errs.New(errs.NotFound, "no operator")
	}
	if err != nil {
		return err
	}
	c.SetUserContext(auth.Operate(s.deskFrame(c, &o), o.Operator))
	return c.Next()
}

// deskFrame is what is around the operators' pages: no organization's brand, and the warning that never scrolls away.
func (s *Server) deskFrame(c *fiber.Ctx, o *auth.OperatorSession) context.Context {
	ctx := c.UserContext()
	f := shell.Frame{Base: c.BaseURL(), Production: s.opts.Production, Org: ui.Org{Name: "Learnscape", Short: "Ls"}, SubLine: lang.T(ctx, "operator.area"), NoSearch: true, FooterText: lang.T(ctx, "operator.area")}
	if sh, err := s.sheets.of("#545c66"); err == nil {
		f.BrandCSS = sh.url
	}
	b := ui.Notice{Icon: "shield-check", Label: lang.T(ctx, "operator.area"), Strong: lang.T(ctx, "operator.bar.strong"), Text: lang.T(ctx, "operator.bar.text"), Loud: true}
	if o != nil {
		f.Viewer = &ui.Viewer{Name: o.Name, Org: f.Org, ProfileHref: hostAt + "/me"}
		b.End = lang.T(ctx, "operator.bar.ends", "Count", int((o.Ends(s.deps.DB.Now()).Sub(s.deps.DB.Now())+time.Minute-1)/time.Minute))
		for _, n := range []ui.NavItem{
			{Key: "overview", Href: hostAt, Icon: "house", Phone: true},
			{Key: "organizations", Href: hostAt + "/organizations", Icon: "building-2", Phone: true},
			{Key: "glass", Href: hostAt + "/break-glass", Icon: "key-round"},
			{Key: "system", Href: hostAt + "/system", Icon: "monitor", Phone: true},
			{Key: "operators", Href: hostAt + "/operators", Icon: "users"},
			{Key: "audit", Href: hostAt + "/audit", Icon: "list"},
		} {
			n.Label = lang.T(ctx, "operator.nav."+n.Key)
			f.Nav = append(f.Nav, n)
			if !n.Phone {
				f.Viewer.Links = append(f.Viewer.Links, ui.Link{Label: n.Label, Href: n.Href, Icon: n.Icon})
			}
		}
	}
	f.Bars = []ui.Notice{b}
	return shell.With(ctx, f)
}

func (s *Server) deskCookie(name string) string {
	if s.opts.Production {
		return "__Host-" + name
	}
	return "ls_" + name
}

func (s *Server) setCookie(c *fiber.Ctx, name, value string, life time.Duration) {
	k := &fiber.Cookie{Name: s.deskCookie(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), HTTPOnly: true, Secure: s.opts.Production, SameSite: fiber.CookieSameSiteLaxMode}
	if value == "" {
		k.MaxAge, k.Expires = 0, time.Unix(1, 0).UTC()
	}
	c.Cookie(k)
}

func (s *Server) deskBrowser(c *fiber.Ctx) auth.Browser {
	b := auth.Browser{Pre: c.Cookies(s.deskCookie("op_pre")), Session: c.Cookies(s.deskCookie("op")), Network: c.IP(), Device: c.Get(fiber.HeaderUserAgent)}
	if a, err := netip.ParseAddr(b.Network); err == nil && a.Unmap().Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			b.Network = p.String()
		}
	}
	return b
}

// mountHost registers the operators' pages; apart and desk come before them.
func (s *Server) mountHost(r fiber.Router) {
	r.Get(hostAt, s.overview)
	r.Get(hostAt+"/sign-in", func(c *fiber.Ctx) error { return s.deskDoor(c, "", fiber.StatusOK) })
	r.Post(hostAt+"/sign-in/ask", s.askDesk)
	r.Post(hostAt+"/sign-in", s.useDesk)
	r.Get(hostAt+"/auth/start", s.startDesk)
	r.Get(hostAt+"/auth/callback", s.finishDesk)
	r.Get(hostAt+"/code/:code", s.showCode)
	r.Post(hostAt+"/code/:code", s.nameCode)
	r.Post(hostAt+"/code/:code/offer", s.offerCode)
	r.Post(hostAt+"/code/:code/passkey", s.useCode)
	r.Get(hostAt+"/code/:code/provider", s.startDesk)
	s.mountHostOrgs(r)
	s.mountHostSystem(r)
}

// deskDoor is the page on which operators sign in.
func (s *Server) deskDoor(c *fiber.Ctx, fault string, status int) error {
	ctx := c.UserContext()
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.door.title"), NoIndex: true, SignInHref: hostAt + "/sign-in"}, deskDoorPage(doorView{Provider: s.deps.Auth.OperatorsHaveProvider(), Fault: fault, Left: c.Query("left") != ""}))
}

type doorView struct {
	Provider bool
	Fault    string
	Left     bool
}

func (s *Server) askDesk(c *fiber.Ctx) error {
	options, pre, err := s.deps.Auth.AskDesk(c.UserContext(), s.deskBrowser(c))
	if err != nil {
		return err
	}
	s.setCookie(c, "op_pre", pre, 10*time.Minute)
	c.Type("json")
	return c.Send(options)
}

func (s *Server) useDesk(c *fiber.Ctx) error {
	in, err := s.deps.Auth.UseDesk(c.UserContext(), s.deskBrowser(c), []byte(c.FormValue("credential")))
	return s.satDown(c, in, err)
}

// satDown answers a sign-in: with the overview, or with the sign-in page and why not.
func (s *Server) satDown(c *fiber.Ctx, in auth.SignedIn, err error) error {
	if errs.Is(err, errs.Invalid) {
		key, args := errs.MessageKey(err)
		return s.deskDoor(c, lang.T(c.UserContext(), key, args...), fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	s.setCookie(c, "op_pre", "", 0)
	s.setCookie(c, "op", in.Token, in.Until.Sub(s.deps.DB.Now()))
	return c.Redirect(hostAt, fiber.StatusSeeOther)
}

// startDesk leads to the operators' provider; with a code, for whoever becomes an operator with it.
func (s *Server) startDesk(c *fiber.Ctx) error {
	at, err := s.deps.Auth.BeginDesk(c.UserContext(), s.deskBrowser(c), c.Params("code"))
	if errs.Is(err, errs.Invalid) {
		return s.satDown(c, auth.SignedIn{}, err)
	}
	if err != nil {
		return err
	}
	s.setCookie(c, "op_pre", at.Pre, 10*time.Minute)
	return c.Redirect(at.URL, fiber.StatusSeeOther)
}

func (s *Server) finishDesk(c *fiber.Ctx) error {
	in, err := s.deps.Auth.FinishDesk(c.UserContext(), auth.Callback{Code: c.Query("code"), State: c.Query("state"), Iss: c.Query("iss"), Error: c.Query("error"), Browser: s.deskBrowser(c)})
	return s.satDown(c, in, err)
}

type codeView struct {
	auth.OperatorCode

	At, Name, Email string
	Provider        bool
	Faults          ui.Faults
}

// showCode is where a code leads: first who it is, then how they will sign in.
func (s *Server) showCode(c *fiber.Ctx) error { return s.codePage(c, codeView{}, fiber.StatusOK) }

func (s *Server) codePage(c *fiber.Ctx, v codeView, status int) (err error) {
	ctx := c.UserContext()
	c.Set("Referrer-Policy", "no-referrer")
	if !secret.IsToken(c.Params("code")) {
		return errs.Say(errs.NotFound, "operator.code.gone")
	}
	v.OperatorCode, err = s.deps.Auth.OperatorCode(ctx, c.Params("code"))
	if errs.Is(err, errs.NotFound) {
		return errs.Say(errs.NotFound, "operator.code.gone")
	}
	if err != nil {
		return err
	}
	v.At, v.Provider = hostAt+"/code/"+c.Params("code"), s.deps.Auth.OperatorsHaveProvider()
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.code.title"), NoIndex: true, SignInHref: hostAt + "/sign-in"}, codePage(v))
}

func (s *Server) nameCode(c *fiber.Ctx) error {
	v := codeView{Name: c.FormValue("name"), Email: c.FormValue("email")}
	err := s.deps.Auth.NameOperator(c.UserContext(), c.Params("code"), v.Name, v.Email)
	if v.Faults = hostFaults(c.UserContext(), err); len(v.Faults) > 0 {
		return s.codePage(c, v, fiber.StatusUnprocessableEntity)
	}
	if errs.Is(err, errs.NotFound) {
		return errs.Say(errs.NotFound, "operator.code.gone")
	}
	if err != nil {
		return err
	}
	return c.Redirect(hostAt+"/code/"+url.PathEscape(c.Params("code")), fiber.StatusSeeOther)
}

func (s *Server) offerCode(c *fiber.Ctx) error {
	options, err := s.deps.Auth.OfferFirstPasskey(c.UserContext(), c.Params("code"), s.deskBrowser(c))
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(options)
}

func (s *Server) useCode(c *fiber.Ctx) error {
	ctx := c.UserContext()
	in, err := s.deps.Auth.EnterWithPasskey(ctx, c.Params("code"), lang.T(ctx, "operator.first_passkey"), []byte(c.FormValue("credential")), s.deskBrowser(c))
	if errs.Is(err, errs.NotFound) {
		return errs.Say(errs.NotFound, "operator.code.gone")
	}
	return s.satDown(c, in, err)
}

func (s *Server) leaveDesk(c *fiber.Ctx) error {
	if err := s.deps.Auth.LeaveDesk(auth.AtDesk(c.UserContext()), c.Cookies(s.deskCookie("op"))); err != nil {
		return err
	}
	s.setCookie(c, "op", "", 0)
	return c.Redirect(hostAt+"/sign-in?left=1", fiber.StatusSeeOther)
}

func (s *Server) deskLanguage(c *fiber.Ctx) error {
	l, ok := lang.Parse(c.FormValue("lang"))
	if !ok {
		return errs.New(errs.Invalid, "language %q", c.FormValue("lang"))
	}
	s.setCookie(c, "lang", string(l), 365*24*time.Hour)
	back := auth.ReturnTo(c.FormValue("back"))
	if !strings.HasPrefix(back, hostAt) {
		back = hostAt
	}
	return c.Redirect(back, fiber.StatusSeeOther)
}

// hostFaults are the fields that an error names, in the reader's words.
func hostFaults(ctx context.Context, err error) (out ui.Faults) {
	e, ok := errsOf(err)
	if !ok {
		return nil
	}
	for _, f := range e.Fields {
		out = append(out, ui.Fault{ID: f.Name, Text: lang.T(ctx, f.Key, f.Args...)})
	}
	return out
}

func hostFault(faults ui.Faults, field string) string {
	for _, f := range faults {
		if f.ID == field {
			return f.Text
		}
	}
	return ""
}

// hostDone is the word for what has just been done, by the value in the address.
func hostDone(c *fiber.Ctx) *ui.Flash {
	done := c.Query("done")
	if !slices.Contains([]string{"suspended", "resumed", "limited", "closed", "reopened", "created", "asked", "approved", "refused", "ended", "uninvited", "removed", "retried", "passkey_added", "passkey_removed", "left"}, done) {
		return nil
	}
	return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), "operator.done."+done)}
}

func orgOfSlug(ctx context.Context, s *Server, slug string) (tenants.House, context.Context, error) {
	h, err := s.deps.Tenants.StandingOf(ctx, slug)
	if err != nil {
		return h, ctx, err
	}
	ctx, err = auth.OperateOn(ctx, h.OrgID)
	return h, ctx, err
}

func anyID(c *fiber.Ctx) (id.Any, error) {
	v, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return v, errs.New(errs.NotFound, "no %q", c.Params("id"))
	}
	return v, nil
}
