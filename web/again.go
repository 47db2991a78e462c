package web

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// againLimit is how many bytes of a form are kept for when whoever sent it has shown who they are.
const againLimit = 32 << 10

// field is one value of a form.
type field struct{ Name, Value string }

// showAgain asks whoever is signed in to show once more who they are: a page comes back by itself, and a form is kept on the page, to be
// sent once more. Nothing was done.
func (s *Server) showAgain(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
		return c.Redirect("/auth/again?return_to="+escape(c.OriginalURL()), fiber.StatusSeeOther)
	}
	var kept []field
	if body := c.Body(); c.Is("x-www-form-urlencoded") && len(body) <= againLimit {
		values, err := url.ParseQuery(string(body))
		if err == nil {
			for name, list := range values {
				for _, v := range list {
					kept = append(kept, field{name, v})
				}
			}
		}
	}
	slices.SortStableFunc(kept, func(a, b field) int { return cmp.Compare(a.Name, b.Name) })
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "web.again.title"), NoIndex: true, Layout: ui.Reading}, againPage(c.OriginalURL(), kept))
}
