package web

import (
	"context"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	authpages "github.com/learnscape/learnscape/auth/pages"
	"github.com/learnscape/learnscape/community"
	communitypages "github.com/learnscape/learnscape/community/pages"
	"github.com/learnscape/learnscape/courses"
	coursespages "github.com/learnscape/learnscape/courses/pages"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	marketingpages "github.com/learnscape/learnscape/marketing/pages"
	"github.com/learnscape/learnscape/search"
	searchpages "github.com/learnscape/learnscape/search/pages"
	"github.com/learnscape/learnscape/tenants"
	tenantspages "github.com/learnscape/learnscape/tenants/pages"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
	"github.com/learnscape/learnscape/web/ui/static"
)

// Deps is the rooms that the server shows.
type Deps struct {
	DB        *db.DB
	Relay     *jobs.Relay
	Tenants   *tenants.Service
	Reads     *tenants.Reads
	Auth      *auth.Service
	Mail      *mail.Service
	Courses   *courses.Service
	Marketing *marketing.Service
	Community *community.Service
	Search    *search.Service
	Jobs      *jobs.Client // what the operators' pages tell of; nil where none are worked
}

// Server answers requests.
type Server struct {
	opts     Options
	deps     Deps
	sheets   sheets
	refusals *refusals
}

// New returns the application with every route mounted; it listens to nothing.
func New(o Options, d Deps) *fiber.App {
	s := &Server{opts: o, deps: d, refusals: newRefusals(o.Log)}
	app := newApp(o, s.fail)
	paced := pace(o)
	app.Use([]string{"/host", "/break-glass"}, paced) // Before anybody is known: by network.
	app.Use(s.apart)
	// What everybody may have, without a session.
	app.Get("/healthz", s.health)
	app.Get("/readyz", s.ready)
	app.Get("/tls/ask", s.tlsAsk)
	app.Get("/brand/:color", s.sheets.serve)
	app.Get(static.Prefix+"*", s.asset)
	app.Get("/robots.txt", s.robots)
	API(app, o, d)
	provisioning(app, o, d)
	s.mountHost(app)
	s.mountGlass(app)

	app.Use(authpages.Middleware(d.Auth, coursespages.Finishes), s.view, s.frame, paced, s.gate, s.glassGate)
	s.mountGlassHere(app)
	app.Get("/view-as", s.viewing)
	app.Post("/view-as", s.look)
	app.Post("/view-as/stop", s.stopLooking)
	authpages.New(d.Auth).Mount(app)
	tenantspages.New(d.Tenants, d.DB.Now).Inviting(func(ctx context.Context, email, name string, p tenants.Proposal) error {
		return d.Auth.Invite(ctx, auth.Invite{Email: email, Name: name, Proposal: p})
	}).Mount(app)
	coursespages.New(d.Courses).Mount(app)
	marketingpages.New(d.Marketing).Mount(app)
	communitypages.New(d.Community).Mount(app)
	searchpages.New(d.Search).Mount(app)
	app.Get("/", s.start)
	app.Get("/home/with", s.companions)
	s.mountSetup(app)
	app.Get("/me", s.me)
	app.Get("/invite/:token", s.invited)
	app.Post("/invite/:token", s.accept)
	app.Get("/join/:token", s.joinPage)
	app.Post("/join/:token", s.join)
	app.Get("/partners/offer", s.offers)
	app.Post("/partners/offer", s.offer)
	s.mountInvitations(app)
	app.Get("/welcome", s.welcome)
	app.Post("/welcome", s.welcomed)
	app.Get("/welcome/answer", s.firstAnswer)
	if o.Demo {
		app.Get("/outbox", s.outbox)
	}
	app.Use(missing)
	return app
}

func missing(c *fiber.Ctx) error {
	return errs.New(errs.NotFound, "no route %s %s", c.Method(), logged(c))
}

// frame puts organization, brand, viewer and navigation around the pages of the request.
func (s *Server) frame(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f := shell.Frame{Base: c.BaseURL(), Production: s.opts.Production, Org: product(), Whose: "none"}
	if m, ok := auth.Current(ctx); ok {
		f.Whose = m.MembershipID.String()
	}
	if o, ok := auth.HostOrg(ctx); ok {
		f.Org = show.Org(o)
		f.SubLine = o.Tagline
		f.Logo, f.Plate = show.LogoURL(o), o.LogoPlate
		if sh, err := s.sheets.of(o.Color); err == nil {
			f.BrandCSS = sh.url
		}
	}
	nav := func(key, href, icon string, phone bool) {
		f.Nav = append(f.Nav, ui.NavItem{Key: key, Label: lang.T(ctx, "web.nav."+key), Href: href, Icon: icon, Phone: phone})
	}
	f.Bars = glassBars(ctx)
	if f.Look = lookBar(ctx); f.Look != nil {
		m, _ := auth.Current(ctx) // Nobody else looks.
		f.Viewer = &ui.Viewer{Name: m.Name, Org: f.Org}
		nav("learn", "/learn", "book-open", true)
		nav("stories", "/stories", "file-text", true)
	} else if m, ok := auth.Current(ctx); ok {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		f.Viewer = &ui.Viewer{Name: m.Name, Org: f.Org, ProfileHref: "/me"}
		if _, glass := auth.CurrentGlass(ctx); glass {
			f.Viewer.ProfileHref = "" // Nothing here is the operator's own.
		}
		// The bottom bar of a phone has no room for these.
		f.Viewer.Links = []ui.Link{
			{Label: lang.T(ctx, "web.nav.network"), Href: "/network", Icon: "network"},
			{Label: lang.T(ctx, "credential.mine.title"), Href: "/me/credentials", Icon: "award"},
			{Label: lang.T(ctx, "assign.plan.title"), Href: "/plan", Icon: "calendar-check"},
			{Label: lang.T(ctx, "trial.title"), Href: "/tries", Icon: "flask-conical"},
		}
		if sc.Has(scope.Manager) && !sc.Has(scope.Administrator) {
			f.Viewer.Links = append(f.Viewer.Links, ui.Link{Label: lang.T(ctx, "team.tab"), Href: "/admin/teams", Icon: "users"})
		}
		if authz.Allowed(sc, authz.SeeReturns, id.Org{}) {
			f.Viewer.Links = append(f.Viewer.Links, ui.Link{Label: lang.T(ctx, "returns.title"), Href: "/returns", Icon: "trending-up"})
		}
		if authz.Allowed(sc, authz.ViewAs, id.Org{}) {
			f.Viewer.Links = append(f.Viewer.Links, ui.Link{Label: lang.T(ctx, "view.nav"), Href: "/view-as", Icon: "eye"})
		}
		if sc.Has(scope.Administrator) {
			f.Viewer.Links = append(f.Viewer.Links, ui.Link{Label: lang.T(ctx, "web.nav.admin"), Href: "/admin/people", Icon: "users"})
		}
		nav("home", "/", "house", true)
		nav("learn", "/learn", "book-open", true)
		nav("community", "/community", "messages-square", true)
		nav("stories", "/stories", "file-text", false)
		nav("network", "/network", "network", false)
		if authz.Allowed(sc, authz.SeeTeamLearning, id.Org{}) {
			f.Viewer.Links = append(f.Viewer.Links, ui.Link{Label: lang.T(ctx, "web.nav.team"), Href: "/team", Icon: "users"})
			nav("team", "/team", "users", false)
		}
		if authz.Allowed(sc, authz.Author, id.Org{}) {
			f.Viewer.Links = append(f.Viewer.Links, ui.Link{Label: lang.T(ctx, "web.nav.publish"), Href: "/publish", Icon: "notebook-pen"})
			nav("publish", "/publish", "notebook-pen", false)
		}
		if sc.Has(scope.Administrator) {
			nav("admin", "/admin/people", "users", false)
		}
	} else {
		if i, ok := auth.CurrentIndividual(ctx); ok {
			f.Viewer = &ui.Viewer{Name: i.Name, Org: f.Org, ProfileHref: "/account"}
		}
		nav("learn", "/learn", "book-open", true)
		nav("stories", "/stories", "file-text", true)
		nav("community", "/community", "messages-square", true)
		f.Footer = []ui.Link{{Label: lang.T(ctx, "web.footer.search"), Href: "/search"}}
		if f.Viewer == nil {
			f.Footer = append(f.Footer, ui.Link{Label: lang.T(ctx, "web.footer.sign_in"), Href: "/sign-in"})
		}
		f.FooterText = lang.T(ctx, "web.footer.text", "Name", f.Org.Name)
	}
	c.SetUserContext(shell.With(ctx, f))
	return c.Next()
}

// product is what stands in the header where no organization does.
func product() ui.Org { return ui.Org{Name: "Learnscape", Short: "Ls", Hue: 180, Chroma: .07} }

// asset serves the embedded files under their hashed names.
func (s *Server) asset(c *fiber.Ctx) error {
	body, contentType, encoding, ok := static.Lookup(c.Path(), c.Get(fiber.HeaderAcceptEncoding))
	if !ok {
		return errs.New(errs.NotFound, "asset %s", c.Path())
	}
	c.Set(fiber.HeaderContentType, contentType)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Vary(fiber.HeaderAcceptEncoding)
	if encoding != "" {
		c.Set(fiber.HeaderContentEncoding, encoding)
	}
	return c.Send(body)
}

// robots lets search engines read what is public; what needs a session is not linked for visitors anyway.
func (s *Server) robots(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
	return c.SendString("User-agent: *\nDisallow: /search\nDisallow: /sign-in\nDisallow: /keep\nDisallow: /c/\n")
}

func escape(s string) string { return url.QueryEscape(strings.TrimSpace(s)) }
