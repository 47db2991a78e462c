package web

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth/api/scim"
	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// fiberKinds says what the router's and the server's own refusals mean.
var fiberKinds = map[int]errs.Kind{ //nolint:gochecknoglobals // A constant table.
	400: errs.Malformed, 404: errs.NotFound, 405: errs.MethodUnknown, 413: errs.TooLarge, 422: errs.Invalid, 431: errs.HeaderTooLarge, 503: errs.Unavailable,
}

// kindOf gives every error its kind, the router's too.
func kindOf(err error) errs.Kind {
	if fe, ok := errors.AsType[*fiber.Error](err); ok {
		if k, ok := fiberKinds[fe.Code]; ok {
			return k
		}
		if fe.Code < 500 {
			return errs.Malformed
		}
		return errs.Internal
	}
	return errs.KindOf(err)
}

// fail answers an error with a page that says what happened, what still works and what to do. Unknown, foreign and missing
// things get the same page. What is not the person's doing is logged whole, under the reference that the page shows.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	// The page of an error is rendered after its deadline, too.
	ctx := context.WithoutCancel(c.UserContext())
	c.SetUserContext(ctx)
	kind := kindOf(err)
	ref := tenants.Request(ctx)
	if c.GetRespHeader(fiber.HeaderContentSecurityPolicy) == "" { // The server refused what it could not read, before any of our handlers.
		promise(c, s.opts)
	}
	if kind == errs.Internal || kind == errs.Unavailable {
		s.opts.Log.ErrorContext(ctx, "request failed", "ref", ref, "method", c.Method(), "path", logged(c), "error", err)
	} else {
		s.opts.Log.DebugContext(ctx, "request refused", "ref", ref, "kind", kind, "error", err)
		s.refusals.note(ctx, err)
	}
	if provisions(c) {
		return scim.Fail(c, kind, err, ref)
	}
	if forPrograms(c) {
		return api.Fail(c, kind, err, ref)
	}
	status := errs.Status(kind)
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if kind == errs.HeaderTooLarge || kind == errs.Malformed {
		c.Context().SetConnectionClose()
	}
	e, _ := errors.AsType[*errs.Error](err)
	if e != nil && e.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(e.RetryAfter.Seconds()+.999)))
	} else if kind == errs.Unavailable || kind == errs.Timeout {
		c.Set(fiber.HeaderRetryAfter, "5")
	}
	if kind == errs.Unauthenticated && (c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead) && !shell.IsFragment(c) {
		return c.Redirect("/sign-in?return_to="+escape(c.OriginalURL()), fiber.StatusSeeOther)
	}
	if errors.Is(err, authz.ErrNotFresh) && !shell.IsFragment(c) {
		return s.showAgain(c)
	}
	key, args := errs.MessageKey(err)
	if e == nil {
		key = "errs." + string(kind)
	}
	var text strings.Builder
	text.WriteString(lang.T(ctx, key, args...))
	if e != nil {
		for _, f := range e.Fields {
			text.WriteString(" " + f.Name + ": " + lang.T(ctx, f.Key, f.Args...))
		}
	}
	if shell.IsFragment(c) {
		return shell.Fragment(c, ui.Callout(ui.CalloutProps{Kind: ui.Bad, Text: text.String(), Status: true}))
	}
	p := ui.ErrorProps{Icon: "info", Kind: ui.Neutral, Title: lang.T(ctx, fmt.Sprintf("errs.title_%d", status)), Text: text.String()}
	if key == "errs.unknown_host" {
		p.Title = lang.T(ctx, "errs.unknown_host_title")
	}
	if status >= 500 {
		p.Icon, p.Kind, p.Reference = "circle-alert", ui.Bad, ref
	}
	if kind == errs.NotFound && key != "errs.unknown_host" && !s.deps.Auth.OperatorHost(c.Hostname()) {
		p.SearchAction = "/search"
	}
	p.Actions = []ui.ButtonProps{{Label: lang.T(ctx, "errs.home"), Href: "/", Kind: ui.Secondary}}
	if status >= 500 && c.Method() == fiber.MethodGet {
		p.Actions = append([]ui.ButtonProps{{Label: lang.T(ctx, "errs.again"), Icon: "refresh-cw", Kind: ui.Primary, Href: "/" + strings.TrimLeft(c.OriginalURL(), "/\\")}}, p.Actions...)
	}
	page := ui.PageProps{Title: p.Title, NoIndex: true, Layout: ui.Reading}
	if key == "errs.unknown_host" {
		// Nothing on this host leads anywhere; the front door finds organizations.
		door := c.Protocol() + "://" + s.deps.Tenants.Base()
		p.Actions = []ui.ButtonProps{{Label: lang.T(ctx, "errs.unknown_host_find"), Href: door + "/sign-in", Kind: ui.Primary}, {Label: lang.T(ctx, "errs.unknown_host_door"), Href: door + "/"}}
		page.NoSearch, page.SignInHref = true, door+"/sign-in"
	}
	if shell.From(ctx).Org.Name == "" {
		c.SetUserContext(shell.With(ctx, shell.Frame{Base: c.BaseURL(), Org: product()}))
	}
	return shell.Page(c, page, ui.ErrorPage(p))
}
