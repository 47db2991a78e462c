package web

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// The first ten minutes of an administrator: a list of steps that tick themselves from what there is, to be put away and found again.
func (s *Server) mountSetup(r fiber.Router) {
	r.Get("/admin/setup", s.setup)
	r.Get("/admin/setup/card", s.setupCard)
	r.Post("/admin/setup/:mark", s.markSetup)
	r.Get("/setup", func(c *fiber.Ctx) error { return c.Redirect("/admin/setup", fiber.StatusMovedPermanently) }) // Its address once.
}

// setupPeople is how many people besides the administrator the last step asks for.
const setupPeople = 5

// setupStep is one step of the list.
type setupStep struct {
	Key, Icon   string
	Done        bool
	Href        string
	Second      ui.Link // another way to do it. Optional.
	Mark        string  // the step is ticked by hand with it. Optional.
	Title, Text string
}

type setupView struct {
	tenants.Setup

	Steps []setupStep
}

func (v setupView) done() (n int) {
	for _, s := range v.Steps {
		if s.Done {
			n++
		}
	}
	return n
}

func steps(ctx context.Context, s tenants.Setup) []setupStep {
	list := []setupStep{
		{Key: "words", Icon: "pencil", Done: s.Words, Href: "/admin/brand"},
		{Key: "brand", Icon: "sliders-horizontal", Done: s.Brand, Href: "/admin/brand"},
		{Key: "domain", Icon: "key-round", Done: s.Domain || s.SignIn, Href: "/admin/domains", Second: ui.Link{Label: lang.T(ctx, "setup.step.domain_second"), Href: "/admin/sign-in/new"}},
		{Key: "terms", Icon: "handshake", Done: s.Terms, Href: "/network"},
		{Key: "shared", Icon: "route", Done: s.Shared, Href: "/learn"},
		{Key: "look", Icon: "eye", Done: s.Looked, Href: "/learn", Mark: tenants.MarkLooked},
		{Key: "people", Icon: "user-plus", Done: s.People >= setupPeople, Href: "/admin/people/invite"},
	}
	for i := range list {
		list[i].Title, list[i].Text = lang.T(ctx, "setup.step."+list[i].Key), lang.T(ctx, "setup.text."+list[i].Key, "Count", s.People)
	}
	return list
}

func (s *Server) setupView(ctx context.Context) (setupView, error) {
	have, err := s.deps.Tenants.Setup(ctx)
	return setupView{Setup: have, Steps: steps(ctx, have)}, err
}

func (s *Server) setup(c *fiber.Ctx) error {
	v, err := s.setupView(c.UserContext())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "setup.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true}, setupPage(v))
}

// setupCard is the part of an administrator's home page with what is left, until it is done or put away.
func (s *Server) setupCard(c *fiber.Ctx) error {
	v, err := s.setupView(c.UserContext())
	if err != nil {
		return err
	}
	return shell.Fragment(c, setupCard(v))
}

// markSetup ticks a step by hand, puts the list away, or takes either back.
func (s *Server) markSetup(c *fiber.Ctx) error {
	if err := s.deps.Tenants.MarkSetup(c.UserContext(), c.Params("mark"), c.FormValue("on") == "1"); err != nil {
		return err
	}
	to := "/admin/setup"
	if c.Params("mark") == tenants.MarkAway && c.FormValue("on") == "1" {
		to = "/"
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}
