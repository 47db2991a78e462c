package web

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

const (
	glassAt = hostAt + "/break-glass"
	// enterAt is where an operator comes to an organization's host.
	enterAt = "/break-glass"
)

type glassesView struct {
	List  []auth.Glass
	Me    id.Any
	Alone bool
	Now   time.Time
}

func (s *Server) glasses(c *fiber.Ctx) (err error) {
	ctx := c.UserContext()
	v := glassesView{Now: s.deps.DB.Now()}
	if v.List, err = s.deps.Auth.Glasses(ctx); err != nil {
		return err
	}
	if v.Alone, err = s.deps.Auth.Alone(ctx); err != nil {
		return err
	}
	who, err := scope.From(ctx)
	v.Me = who.Operator
	if err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.nav.glass"), NavKey: "glass", Layout: ui.Work, NoIndex: true, Flash: hostDone(c)}, glassesPage(v))
}

type glassView struct {
	auth.Glass

	Me     id.Any
	Alone  bool
	Now    time.Time
	Name   string
	Faults ui.Faults
	Enter  string // the way to the organization's host, for a minute
}

func (v glassView) own() bool { return v.AskedBy == v.Me }

func (s *Server) glassPage(c *fiber.Ctx) error {
	return s.showGlass(c, glassView{}, fiber.StatusOK)
}

func (s *Server) showGlass(c *fiber.Ctx, v glassView, status int) error {
	ctx := c.UserContext()
	list, err := s.deps.Auth.Glasses(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, g := range list {
		if g.GlassID.String() == c.Params("id") && g.Slug == c.Params("slug") {
			v.Glass, found = g, true
		}
	}
	if !found {
		return errs.New(errs.NotFound, "break-glass %q", c.Params("id"))
	}
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if v.Alone, err = s.deps.Auth.Alone(ctx); err != nil {
		return err
	}
	v.Me, v.Now = who.Operator, s.deps.DB.Now()
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.glass.title", "Org", v.Org), NavKey: "glass", Layout: ui.Reading, NoIndex: true, Flash: hostDone(c)}, glassPage(v))
}

func (s *Server) glassOf(c *fiber.Ctx) (context.Context, id.Any, error) {
	glass, err := anyID(c)
	if err != nil {
		return nil, glass, err
	}
	_, ctx, err := orgOfSlug(c.UserContext(), s, c.Params("slug"))
	return ctx, glass, err
}

func glassPath(c *fiber.Ctx) string { return glassAt + "/" + c.Params("slug") + "/" + c.Params("id") }

func (s *Server) decideGlass(approve bool) fiber.Handler {
	done := map[bool]string{true: "approved", false: "refused"}[approve]
	return func(c *fiber.Ctx) error {
		ctx, glass, err := s.glassOf(c)
		if err != nil {
			return err
		}
		err = s.deps.Auth.DecideGlass(ctx, glass, approve, c.FormValue("name"))
		if faults := hostFaults(ctx, err); len(faults) > 0 {
			return s.showGlass(c, glassView{Name: c.FormValue("name"), Faults: faults}, fiber.StatusUnprocessableEntity)
		}
		if err != nil {
			return err
		}
		return c.Redirect(glassPath(c)+"?done="+done, fiber.StatusSeeOther)
	}
}

// openGlass shows the way to the organization's host: no page of one host posts to another.
func (s *Server) openGlass(c *fiber.Ctx) error {
	ctx, glass, err := s.glassOf(c)
	if err != nil {
		return err
	}
	code, err := s.deps.Auth.OpenGlass(ctx, glass)
	if err != nil {
		return err
	}
	c.Set("Referrer-Policy", "no-referrer")
	return s.showGlass(c, glassView{Enter: s.deps.Auth.BaseURL(c.Params("slug")) + enterAt + "/" + code}, fiber.StatusOK)
}

func (s *Server) endGlass(c *fiber.Ctx) error {
	ctx, glass, err := s.glassOf(c)
	if err == nil {
		err = s.deps.Auth.EndGlass(ctx, glass)
	}
	if err != nil {
		return err
	}
	return c.Redirect(glassPath(c)+"?done=ended", fiber.StatusSeeOther)
}

// mountGlass registers what is on the hosts of organizations, in whatever state they are: the entrance comes before their sign-in.
func (s *Server) mountGlass(r fiber.Router) {
	r.Post(enterAt+"/leave", s.leaveGlass)
	r.Get(enterAt+"/:code", s.askEnter)
	r.Post(enterAt+"/:code", s.enterGlass)
}

func (s *Server) glassHost(c *fiber.Ctx) (context.Context, tenants.Organization, error) {
	org, err := s.deps.Tenants.AtHost(c.UserContext(), c.Hostname())
	return auth.Enter(c.UserContext(), org.OrgID), org, err
}

// askEnter is where the link of openGlass leads: whoever looks at links ahead of people spends nothing.
func (s *Server) askEnter(c *fiber.Ctx) error {
	ctx, org, err := s.glassHost(c)
	if err == nil && !secret.IsToken(c.Params("code")) {
		err = errs.New(errs.NotFound, "no code")
	}
	if err != nil {
		return err
	}
	c.Set("Referrer-Policy", "no-referrer")
	c.SetUserContext(shell.With(ctx, shell.Frame{Base: c.BaseURL(), Org: product(), NoSearch: true}))
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.enter.title", "Org", org.Name), NoIndex: true, Layout: ui.Reading}, enterPage(enterAt+"/"+c.Params("code"), org.Name))
}

func (s *Server) enterGlass(c *fiber.Ctx) error {
	ctx, org, err := s.glassHost(c)
	if err != nil {
		return err
	}
	token, until, err := s.deps.Auth.EnterGlass(ctx, org, c.Params("code"))
	if errs.Is(err, errs.NotFound) {
		return errs.Say(errs.NotFound, "operator.enter.gone")
	}
	if err != nil {
		return err
	}
	s.setCookie(c, "glass", token, until.Sub(s.deps.DB.Now()))
	return c.Redirect("/learn", fiber.StatusSeeOther)
}

func (s *Server) leaveGlass(c *fiber.Ctx) error {
	ctx, org, err := s.glassHost(c)
	if err == nil {
		err = s.deps.Auth.LeaveGlass(ctx, org, c.Cookies(s.deskCookie("glass")))
	}
	if err != nil {
		return err
	}
	s.setCookie(c, "glass", "", 0)
	return c.Redirect("/", fiber.StatusSeeOther)
}

// throughGlass are the beginnings of the addresses that an operator reads who reads as an organization: what an administrator sees of it,
// and nothing of one person alone.
var throughGlass = []string{ //nolint:gochecknoglobals // A constant table.
	"/learn", "/stories", "/search", "/community", "/course", "/path", "/story", "/resource", "/files", "/questions", "/network", "/sharing", "/standards",
	"/admin/people", "/admin/sign-in", "/admin/teams", "/admin/domains", "/admin/brand", "/admin/organization", "/admin/audit", auth.GlassPage,
}

// glassGate lets an operator read and write nothing. PostgreSQL refuses the writes once more.
func (s *Server) glassGate(c *fiber.Ctx) error {
	if _, ok := auth.CurrentGlass(c.UserContext()); !ok {
		return c.Next()
	}
	path := c.Path()
	switch {
	case c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead:
		return errs.Say(errs.Conflict, "operator.glass.reads_only")
	case path == "/":
		return c.Redirect("/learn", fiber.StatusSeeOther)
	case path == "/home/with":
		return c.SendStatus(fiber.StatusNoContent)
	case strings.HasSuffix(path, ".csv"), strings.HasPrefix(path, "/admin/people/"), strings.HasPrefix(path, "/admin/audit/"), strings.HasPrefix(path, "/admin/organization/"):
		return errs.Say(errs.NotFound, "operator.glass.elsewhere") // Exports, and what is of one person.
	}
	for _, p := range throughGlass {
		if path == p || strings.HasPrefix(path, p+"/") {
			return c.Next()
		}
	}
	return errs.Say(errs.NotFound, "operator.glass.elsewhere")
}

// glassBars are the lines above every page while an operator reads in an organization: for the operator, and for its people.
func glassBars(ctx context.Context) []ui.Notice {
	if g, ok := auth.CurrentGlass(ctx); ok {
		return []ui.Notice{{
			Icon: "key-round", Label: lang.T(ctx, "operator.glass.bar"), Strong: lang.T(ctx, "operator.glass.reading", "Org", g.Org), Text: lang.T(ctx, "operator.glass.reading_text", "Who", g.Asker, "Reason", g.Reason),
			End: until(ctx, g.Until), Action: enterAt + "/leave", Button: lang.T(ctx, "operator.glass.leave"), Loud: true,
		}}
	}
	at, ok := auth.CurrentSession(ctx)
	if !ok || at.Watched == nil {
		return nil
	}
	w := at.Watched
	b := ui.Notice{Icon: "key-round", Label: lang.T(ctx, "operator.glass.bar"), Strong: lang.T(ctx, "operator.glass.watched", "Who", w.Asker), End: until(ctx, &w.Until), Loud: true}
	if (scope.Scope{Roles: at.Roles}).Has(scope.Administrator) {
		b.Text, b.Action, b.Button = w.Reason, auth.GlassPage+"/"+w.Glass.String()+"/end", lang.T(ctx, "operator.glass.end")
		b.More = ui.Link{Label: lang.T(ctx, "operator.glass.more"), Href: auth.GlassPage}
	}
	return []ui.Notice{b}
}

func until(ctx context.Context, at *time.Time) string {
	if at == nil {
		return ""
	}
	return lang.T(ctx, "operator.glass.until", "Time", at.UTC().Format("15:04"))
}

type glassHereView struct {
	List  []auth.Glass
	Yours map[id.Any]bool
	Now   time.Time
}

// mountGlassHere registers what the administrators of an organization see of it.
func (s *Server) mountGlassHere(r fiber.Router) {
	r.Get(auth.GlassPage, s.glassHere)
	r.Post(auth.GlassPage+"/:id/approve", s.answerGlass("approved", func(ctx context.Context, g id.Any) error { return s.deps.Auth.AnswerGlass(ctx, g, true) }))
	r.Post(auth.GlassPage+"/:id/refuse", s.answerGlass("refused", func(ctx context.Context, g id.Any) error { return s.deps.Auth.AnswerGlass(ctx, g, false) }))
	r.Post(auth.GlassPage+"/:id/end", s.answerGlass("ended", s.deps.Auth.StopGlass))
}

func (s *Server) glassHere(c *fiber.Ctx) (err error) {
	ctx := c.UserContext()
	v := glassHereView{Now: s.deps.DB.Now()}
	if v.List, v.Yours, err = s.deps.Auth.GlassHere(ctx); err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.here.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true, Flash: hostDone(c)}, glassHerePage(v))
}

func (s *Server) answerGlass(done string, do func(context.Context, id.Any) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		g, err := anyID(c)
		if err == nil {
			err = do(c.UserContext(), g)
		}
		if err != nil {
			return err
		}
		return c.Redirect(auth.GlassPage+"?done="+done, fiber.StatusSeeOther)
	}
}
