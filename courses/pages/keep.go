package pages

import (
	"context"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// claim sends a visitor to sign in, with a code for what was learned so far.
func (p *Pages) claim(c *fiber.Ctx) error {
	code, err := p.courses.Claim(c.UserContext())
	if err != nil {
		return err
	}
	return c.Redirect("/sign-in?"+url.Values{"return_to": {"/keep?code=" + code}}.Encode(), fiber.StatusSeeOther)
}

// individual reports whether somebody looks who came in by a public door.
func individual(ctx context.Context) bool {
	s, err := scope.From(ctx)
	return err == nil && s.Actor == scope.Individual
}

// members is why somebody who is no member signs in; whoever came in by a public door has an account already, which is not for this.
func members(ctx context.Context, why string) string {
	if individual(ctx) {
		why = "courses.members"
	}
	return lang.T(ctx, why)
}

func (p *Pages) keep(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	if !signedIn(c) {
		return c.Redirect("/sign-in?"+url.Values{"return_to": {c.OriginalURL()}}.Encode(), fiber.StatusSeeOther)
	}
	code := c.Query("code")
	kept, err := p.courses.Claimed(c.UserContext(), code)
	if err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "courses.keep.title"), NavKey: "learn", NoIndex: true}, keepPage(kept, code))
}

func (p *Pages) kept(c *fiber.Ctx) error {
	items, err := p.courses.Keep(c.UserContext(), c.FormValue("code"))
	if err != nil {
		return err
	}
	setVisit(c, "", -1)
	if individual(c.UserContext()) {
		return c.Redirect("/account?done=kept", fiber.StatusSeeOther)
	}
	if len(items) == 0 {
		return c.Redirect("/learn", fiber.StatusSeeOther)
	}
	return c.Redirect("/learn?tab="+courses.TabActive, fiber.StatusSeeOther)
}

func signedIn(c *fiber.Ctx) bool {
	s, err := scope.From(c.UserContext())
	return err == nil && (s.SignedIn() || s.Actor == scope.Individual)
}

func query(kv ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			q.Set(kv[i], kv[i+1])
		}
	}
	return q.Encode()
}
