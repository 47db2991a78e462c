package web

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

type lookingKey struct{}

// looking says as whom the member of the request looks at the own content.
func looking(ctx context.Context) (tenants.Organization, bool) {
	o, ok := ctx.Value(lookingKey{}).(tenants.Organization)
	return o, ok
}

// viewFor is how long a view lasts if nobody stops it.
const viewFor = time.Hour

func (s *Server) viewCookie() string {
	if s.opts.Production {
		return "__Host-view"
	}
	return "ls_view"
}

// setView keeps in the browser as whom the member looks; "" stops it. The cookie is no right: it is asked for with every request
// whether the member may, and what is read stays the own.
func (s *Server) setView(c *fiber.Ctx, slug string) {
	k := &fiber.Cookie{Name: s.viewCookie(), Value: slug, Path: "/", MaxAge: int(viewFor.Seconds()), HTTPOnly: true, Secure: s.opts.Production, SameSite: fiber.CookieSameSiteLaxMode}
	if slug == "" {
		k.MaxAge, k.Expires = 0, time.Unix(1, 0).UTC()
	}
	c.Cookie(k)
}

// view lets be counted what is read of others, and enters the view that the cookie names. Whoever may not look any more, or not as that organization, is oneself again.
func (s *Server) view(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if _, glass := auth.CurrentGlass(ctx); c.Method() == fiber.MethodGet && !glass {
		from, err := url.Parse(c.Get(fiber.HeaderReferer)) // Of the same host, or the browser sends none (Referrer-Policy).
		ctx = s.deps.Reads.With(ctx, err == nil && from.Path == "/search")
		c.SetUserContext(ctx)
	}
	slug := c.Cookies(s.viewCookie())
	if slug == "" {
		return c.Next()
	}
	o, err := s.deps.Tenants.ViewAs(ctx, slug)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Unauthenticated) {
		s.setView(c, "")
		return c.Next()
	}
	if err != nil {
		return err
	}
	if o.OrgID == id.Everyone {
		o.Name = lang.T(ctx, "view.visitor")
	}
	if ctx, err = auth.LookAs(ctx, o.OrgID); err != nil {
		return err
	}
	c.SetUserContext(context.WithValue(ctx, lookingKey{}, o))
	return c.Next()
}

// inView are the beginnings of the addresses that can be looked at in a view; what is not there is not found in one.
var inView = []string{"/learn", "/stories", "/search", "/course/", "/path/", "/story/", "/resource/", "/files/"} //nolint:gochecknoglobals // A constant table.

// gate lets a view read what it is for, and nothing be written in it. PostgreSQL refuses both once more.
func (s *Server) gate(c *fiber.Ctx) error {
	o, ok := looking(c.UserContext())
	if !ok {
		return c.Next()
	}
	path := c.Path()
	switch {
	case c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead:
		if path == "/view-as/stop" || path == "/view-as" || path == "/sign-out" {
			return c.Next()
		}
		return errs.Say(errs.Conflict, "view.refused")
	case path == "/":
		return c.Redirect("/learn", fiber.StatusSeeOther)
	case path == "/auth/again", strings.HasPrefix(path, "/sign-in/passkeys"): // Of oneself, who is put away.
	case path == "/signed-out" || strings.HasPrefix(path, "/auth/") || strings.HasPrefix(path, "/sign-in"):
		return c.Next()
	case strings.HasPrefix(path, "/questions/about/"), path == "/home/with":
		return c.SendStatus(fiber.StatusNoContent) // A part of a page that the other has none of.
	}
	for _, p := range inView {
		if path == strings.TrimSuffix(p, "/") || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/") {
			return c.Next()
		}
	}
	return errs.Say(errs.NotFound, "view.elsewhere", "Org", o.Name)
}

// viewing is the page on which one chooses as whom to look.
func (s *Server) viewing(c *fiber.Ctx) error {
	ctx := c.UserContext()
	list, err := s.deps.Tenants.Viewable(ctx)
	if err != nil {
		return err
	}
	v := viewAsView{}
	for _, o := range list {
		v.Options = append(v.Options, ui.Option{Value: o.Slug, Label: o.Name, Chosen: o.Slug == c.Query("as")})
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "view.title"), NavKey: "network", NoIndex: true}, viewAsPage(v))
}

// look begins a view, or changes as whom.
func (s *Server) look(c *fiber.Ctx) error {
	if _, ok := looking(c.UserContext()); ok {
		return errs.Say(errs.Conflict, "view.refused") // Its roles are put away: stop first.
	}
	o, err := s.deps.Tenants.ViewAs(c.UserContext(), c.FormValue("as"))
	if err != nil {
		return err
	}
	s.setView(c, o.Slug)
	return c.Redirect("/learn", fiber.StatusSeeOther)
}

func (s *Server) stopLooking(c *fiber.Ctx) error {
	s.setView(c, "")
	return c.Redirect("/view-as", fiber.StatusSeeOther)
}

// lookBar is what stands above every page of a view; nil outside of one.
func lookBar(ctx context.Context) *ui.LookBar {
	o, ok := looking(ctx)
	if !ok {
		return nil
	}
	b := &ui.LookBar{Text: lang.T(ctx, "view.bar", "Org", o.Name)}
	if o.OrgID == id.Everyone {
		b.Text = lang.T(ctx, "view.bar_visitor")
	} else {
		org := show.Org(o)
		b.Org = &org
	}
	return b
}
