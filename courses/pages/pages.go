// Package pages serves the pages of the room courses: the library, paths, courses, lessons, files, and what a visitor keeps.
// It decodes, calls one method of the service, and renders.
package pages

import (
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Pages are the handlers of the room.
type Pages struct{ courses *courses.Service }

// New returns the pages of a service.
func New(s *courses.Service) *Pages { return &Pages{courses: s} }

// Mount adds the room's routes.
func (p *Pages) Mount(r fiber.Router) {
	r.Get("/learn", p.as(p.learn))
	p.mountAdoption(r)
	p.mountAdditions(r)
	p.mountJoint(r)
	p.mountWriting(r)
	p.mountReviews(r)
	r.Get("/admin/people/:id/time", p.extension)
	r.Post("/admin/people/:id/time", p.extend)
	r.Get("/tries", p.tries)
	r.Post("/tries", p.sayTry)
	r.Get("/handed", p.handed)
	r.Get("/handed/:id", p.handedBy)
	r.Post("/handed/:id", p.answerTask)
	r.Get("/handed/:id/:turn/:name", p.evidence)
	p.mountReflections(r)
	p.mountFeedback(r)
	r.Get("/returns", p.returns)
	r.Get("/returns.csv", p.exportReturns)
	p.mountCredentials(r)
	p.mountPrograms(r)
	p.mountAssigning(r)
	p.mountTeams(r)
	p.mountRecords(r)
	p.mountCohorts(r)
	r.Get("/calendar/:token", p.calendar)
	r.Get("/plan", p.dates)
	r.Post("/plan", p.changeDates)
	p.mountLive(r)
	r.Get("/keep", p.keep)
	r.Post("/keep", p.kept)
	r.Post("/visit/claim", p.as(p.claim))
	r.Get("/files/:id/:name", p.as(p.file))
	for _, kind := range []string{tenants.KindPath, tenants.KindCourse} {
		r.Get("/"+kind+"/:id", p.as(p.view(kind)))
		r.Get("/"+kind+"/:id/:slug", p.as(p.view(kind)))
		r.Post("/"+kind+"/:id/:slug/start", p.as(p.start))
		r.Post("/"+kind+"/:id/:slug/intent", p.intent)
		r.Get("/"+kind+"/:id/:slug/version", p.moving)
		r.Post("/"+kind+"/:id/:slug/version", p.moveVersion)
		r.Get("/"+kind+"/:id/:slug/pilot", p.trying)
		r.Post("/"+kind+"/:id/:slug/pilot", p.remarkPilot)
	}
	for _, at := range []string{"/course/:id/:slug/lessons/:lesson", "/path/:id/:slug/steps/:step", "/path/:id/:slug/steps/:step/:lesson"} {
		r.Get(at, p.as(p.lesson))
		r.Post(at+"/answer", p.as(p.answer))
		r.Post(at+completeAt, p.as(p.complete))
		r.Post(at+"/reflect", p.as(p.reflect))
		r.Post(at+"/place", p.as(p.place))
		r.Post(at+"/ticks", p.as(p.tick))
		r.Get(at+"/aid/:list", p.as(p.aid))
		r.Post(at+"/feedback", p.sayFeedback)
		r.Post(at+"/try", p.as(p.planTry))
		r.Get(at+"/tasks/:task", p.as(p.task))
		r.Post(at+"/tasks/:task", p.as(p.changeTask))
		r.Post(at+"/group/:group", p.as(p.changeGroup))
		r.Post(at+"/tasks/:task"+handInAt, p.as(p.handIn))
		r.Get(at+"/quizzes/:quiz/check", p.as(p.check))
		r.Post(at+"/quizzes/:quiz/check", p.as(p.takeCheck))
	}
}

// visitCookie is the name of the cookie with the token of a visitor's record. It is for this host alone; in production the
// browser holds that.
func visitCookie(c *fiber.Ctx) string {
	if shell.From(c.UserContext()).Production {
		return "__Host-ls_visit"
	}
	return "ls_visit"
}

// as lets a visitor act with the record that the browser holds.
func (p *Pages) as(h fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if token := c.Cookies(visitCookie(c)); token != "" && len(token) < 100 {
			ctx, err := p.courses.Visitor(c.UserContext(), token)
			if err != nil {
				return err
			}
			c.SetUserContext(ctx)
		}
		c.SetUserContext(courses.Reading(c.UserContext(), c.Cookies(readingCookie(c))))
		return h(c)
	}
}

// visit makes sure that a visitor has a record, and gives the browser its token.
func (p *Pages) visit(c *fiber.Ctx) error {
	ctx, token, err := p.courses.Visit(c.UserContext())
	if err != nil {
		return err
	}
	c.SetUserContext(ctx)
	if token != "" {
		setVisit(c, token, courses.VisitDays*24*time.Hour)
	}
	return nil
}

func setVisit(c *fiber.Ctx, token string, life time.Duration) {
	cookie := fiber.Cookie{
		Name: visitCookie(c), Value: token, Path: "/", MaxAge: int(life.Seconds()), HTTPOnly: true,
		Secure: shell.From(c.UserContext()).Production, SameSite: fiber.CookieSameSiteLaxMode,
	}
	if life < 0 {
		cookie.MaxAge, cookie.Expires = -1, time.Unix(1, 0)
	}
	c.Cookie(&cookie)
}

// item reads the identifier of the address; one that cannot be read is a missing thing.
func item(c *fiber.Ctx) (id.Item, error) {
	it, err := id.Parse[id.Item](c.Params("id"))
	if err != nil {
		return it, errs.New(errs.NotFound, "%w", err)
	}
	return it, nil
}

// param is a decoded part of the address.
func param(c *fiber.Ctx, name string) string {
	s, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return ""
	}
	return s
}

// rightSlug answers with 308 to the right address when the readable end of this one is wrong or missing. rest is what follows it.
func rightSlug(c *fiber.Ctx, it tenants.Item, rest string) (moved bool, err error) {
	if param(c, "slug") == it.Slug {
		return false, nil
	}
	to := href(it) + rest
	if q := c.Context().QueryArgs().String(); q != "" {
		to += "?" + q
	}
	return true, c.Redirect(to, fiber.StatusPermanentRedirect)
}

// href is the address of an item, fit for a header and a link.
func href(it tenants.Item) string { return (&url.URL{Path: tenants.ItemURL(it)}).EscapedPath() }

// StopHref is the address of a lesson or step.
func StopHref(it tenants.Item, step, lesson string) string { return stopHref(href(it), step, lesson) }

// stopHref is StopHref below the address of the path or course.
func stopHref(root, step, lesson string) string {
	switch {
	case step == "":
		return root + "/lessons/" + url.PathEscape(lesson)
	case lesson == "":
		return root + "/steps/" + url.PathEscape(step)
	}
	return root + "/steps/" + url.PathEscape(step) + "/" + url.PathEscape(lesson)
}

func segments(parts []courses.OrgShare) []ui.Segment {
	out := make([]ui.Segment, len(parts))
	for i, p := range parts {
		out[i] = ui.Segment{Org: show.Org(p.Org), Size: p.N}
	}
	return out
}
