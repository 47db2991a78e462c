package web

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	authapi "github.com/learnscape/learnscape/auth/api"
	"github.com/learnscape/learnscape/auth/api/scim"
	coursesapi "github.com/learnscape/learnscape/courses/api"
	"github.com/learnscape/learnscape/internal/api"
	searchapi "github.com/learnscape/learnscape/search/api"
	"github.com/learnscape/learnscape/tenants"
	tenantsapi "github.com/learnscape/learnscape/tenants/api"
)

// API mounts the operations of all rooms on app, and the documents that describe them. It reads nothing and asks nobody, so that the
// documents can be made without a portal.
func API(app *fiber.App, o Options, d Deps) (v31, v30 []byte) {
	opts := api.Options{DB: d.DB, PerMinute: o.APIPerMinute, Ref: tenants.Request, Log: o.Log, Refused: newRefusals(o.Log).note}
	if d.Auth != nil {
		opts.Enter, opts.Now = authapi.Enter(d.Auth), d.Auth.Now
	}
	a := api.New(app, opts)
	authapi.Mount(a, d.Auth)
	tenantsapi.Mount(a, d.Tenants)
	coursesapi.Mount(a, d.Courses)
	searchapi.Mount(a, d.Search)
	v31, v30, err := a.Documents()
	if err != nil {
		panic(err) // The document is made of types; every test would find this.
	}
	for path, doc := range map[string][]byte{"/api/openapi.json": v31, "/api/openapi-3.0.json": v30} {
		app.Get(path, func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, "application/openapi+json")
			c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
			return c.Status(http.StatusOK).Send(doc)
		})
	}
	return v31, v30
}

// forPrograms reports whether the request is for the API, which answers errors with problem documents, or for provisioning.
func forPrograms(c *fiber.Ctx) bool { return strings.HasPrefix(c.Path(), "/api/") || provisions(c) }

func provisions(c *fiber.Ctx) bool { return strings.HasPrefix(c.Path(), scim.Root+"/") }

// provisioningShare is how many requests a provider may make for each of another program: it sends one for each person.
const provisioningShare = 40

// provisioning mounts what identity providers call.
func provisioning(app *fiber.App, o Options, d Deps) {
	scim.Mount(app, scim.Options{Auth: d.Auth, PerMinute: provisioningShare * cmp.Or(o.APIPerMinute, 300)})
}
