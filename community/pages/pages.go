// Package pages shows what people say to each other: the questions beside an item, a thread, the community's list and
// resources. Every form works without script; htmx brings the same answers in place.
package pages

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Pages are the room's pages.
type Pages struct{ svc *community.Service }

// New returns the pages of the service.
func New(svc *community.Service) *Pages { return &Pages{svc: svc} }

// Mount registers the routes.
func (p *Pages) Mount(r fiber.Router) {
	r.Get("/community", p.list)
	r.Get("/questions/about/:item", p.about)
	r.Post("/questions", p.ask)
	r.Get("/questions/:id", p.thread)
	r.Post("/questions/:id/answers", p.answer)
	r.Post("/questions/:id/worked", p.worked)
	r.Post("/posts/:id/react", p.react)
	r.Post("/posts/:id/withdraw", p.withdraw)
	r.Post("/posts/:id/restore", p.restore)
	r.Get("/resource/:id/:slug?", p.resource)
}

func postParam(c *fiber.Ctx) (id.Post, error) {
	post, err := id.Parse[id.Post](c.Params("id"))
	if err != nil {
		return post, errs.New(errs.NotFound, "post: %w", err)
	}
	return post, nil
}

func itemOf(text string) (id.Item, error) {
	item, err := id.Parse[id.Item](text)
	if err != nil {
		return item, errs.New(errs.NotFound, "item: %w", err)
	}
	return item, nil
}

// place is where a form was sent from: the list beside an item, or a thread. It travels in the form's address, because a
// reaction's form has no other fields.
type place struct {
	item   id.Item // of the list beside an item; zero in a thread
	lesson string
	back   string // the page to return to without script
}

func placeOf(c *fiber.Ctx) place {
	p := place{lesson: c.Query("lesson"), back: local(c.Query("back"))}
	if item, err := id.Parse[id.Item](c.Query("item")); err == nil {
		p.item = item
	}
	return p
}

// action is the address of a form whose answer belongs to the place.
func (p place) action(path string) string {
	if p.item.IsZero() {
		return path
	}
	q := url.Values{"item": {p.item.String()}}
	if p.lesson != "" {
		q.Set("lesson", p.lesson)
	}
	if p.back != "" {
		q.Set("back", p.back)
	}
	return path + "?" + q.Encode()
}

// target is the selector of what the answer to a form replaces.
func (p place) target() string {
	if p.item.IsZero() {
		return "#thread"
	}
	return "#talk"
}

// local returns an address on this host without its fragment, or "" if it would lead elsewhere.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.Contains(to, `\`) {
		return ""
	}
	u.Fragment = ""
	return u.String()
}

// here is the page that a fragment stands on, as htmx says, or the request's own address.
func here(c *fiber.Ctx) string {
	if u, err := url.Parse(c.Get("HX-Current-URL")); err == nil && u.Path != "" {
		return local(u.RequestURI())
	}
	return local(c.OriginalURL())
}

// after answers a form: with the part of the page it stands in for htmx, otherwise with a way back to it.
func (p *Pages) after(c *fiber.Ctx, at place, question id.Post, anchor string) error {
	if shell.IsFragment(c) {
		if at.item.IsZero() {
			return p.threadFragment(c, question, replyForm{}, fiber.StatusOK)
		}
		return p.talkFragment(c, at, askForm{}, fiber.StatusOK)
	}
	to := at.back
	if to == "" {
		to = "/questions/" + question.String()
	}
	return c.Redirect(to+"#"+anchor, fiber.StatusSeeOther)
}

// faults are the refused inputs of a form with what to say about each; none if err is something else.
func faults(ctx context.Context, err error, ids map[string]string) (map[string]string, ui.Faults) {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || len(e.Fields) == 0 {
		return nil, nil
	}
	byName := map[string]string{}
	var list ui.Faults
	for _, f := range e.Fields {
		text := lang.T(ctx, f.Key, f.Args...)
		byName[f.Name] = text
		list = append(list, ui.Fault{ID: ids[f.Name], Text: text})
	}
	return byName, list
}
