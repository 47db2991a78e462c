package pages_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/pages"
)

type world struct {
	app *fiber.App
	a   id.Org
}

// newWorld has 120 people at one organization and one at another; requests act with the roles in the header X-Roles.
func newWorld(t *testing.T) world {
	t.Helper()
	d := dbtest.Open(t)
	svc := tenants.New(d, "localhost:8080")
	orgs := []id.Org{id.New[id.Org](), id.New[id.Org]()}
	for n, org := range orgs {
		ctx := dbtest.System(t, scope.Operator, org)
		slug := "h" + strings.ReplaceAll(org.String(), "-", "")
		if _, err := svc.CreateOrganization(ctx, tenants.NewOrganization{OrgID: org, Slug: slug, Name: "House", Short: "Ho", Color: "#065f5b", Hue: 180, Locale: "en", SignIn: "oidc"}); err != nil {
			t.Fatal(err)
		}
		if err := d.Tx(ctx, func(tx *db.Tx) error {
			if n == 1 {
				_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Stranger", Email: "stranger@b.example"})
				return err
			}
			for i := range 118 {
				// Half of them share a name, which the order must survive.
				if _, err := tenants.AddMember(tx, tenants.NewMember{Name: fmt.Sprintf("Person %03d", i/2), Email: fmt.Sprintf("p%03d@a.example", i)}); err != nil {
					return err
				}
			}
			if _, err := tenants.AddMember(tx, tenants.NewMember{Name: "=HYPERLINK(\"http://evil\")", Email: "evil@a.example", Title: "@SUM(1)", State: "invited"}); err != nil {
				return err
			}
			_, err := tenants.AddMember(tx, tenants.NewMember{Name: "100% Müller_", Email: "m@a.example", Roles: []scope.Role{scope.Author, scope.Administrator}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	app := fiber.New(fiber.Config{Immutable: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.SendStatus(errs.Status(errs.KindOf(err)))
	}})
	app.Use(func(c *fiber.Ctx) error {
		s := scope.Scope{Actor: scope.Visitor}
		if r := c.Get("X-Roles"); r != "" {
			s = scope.Scope{Actor: scope.Member, Org: orgs[0], Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner, scope.Role(r)}}
		}
		c.SetUserContext(scope.Enter(dbtest.Shown(c.UserContext()), s))
		return c.Next()
	})
	pages.New(svc, d.Now).Mount(app)
	return world{app, orgs[0]}
}

func (w world) get(t *testing.T, path string, role scope.Role) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	req.Header.Set("X-Roles", string(role))
	res, err := w.app.Test(req, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read whole.
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

//nolint:paralleltest // Fiber makes its server anew for each request of a test.
func TestPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range []string{"/admin/people", "/admin/people.csv"} {
		if res, _ := w.get(t, p, ""); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s for a visitor: %d", p, res.StatusCode)
		}
		if res, _ := w.get(t, p, scope.Author); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s for an author: %d", p, res.StatusCode)
		}
	}
	t.Run("page after page shows everybody once", func(t *testing.T) {
		seen, next := map[string]bool{}, "/admin/people"
		for pages := 0; next != ""; pages++ {
			if pages > 3 {
				t.Fatal("no end")
			}
			_, body := w.get(t, next, scope.Administrator)
			doc, err := goquery.NewDocumentFromReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			doc.Find("tbody tr").Each(func(_ int, tr *goquery.Selection) {
				key := tr.Text()
				if seen[key] {
					t.Errorf("twice: %s", key)
				}
				seen[key] = true
			})
			next = doc.Find(`a[rel=next]`).AttrOr("href", "")
			if strings.Contains(body, "stranger@") || strings.Contains(body, "⟦") {
				t.Error("another organization's member, or a missing text")
			}
		}
		if len(seen) != 120 {
			t.Errorf("%d rows, want 120", len(seen))
		}
	})
	t.Run("search", func(t *testing.T) {
		for q, want := range map[string]int{"?q=MÜLLER": 1, "?q=100%25": 1, "?q=_": 1, "?q=p007@": 1, "?q=person+003": 2, "?q=nobody": 0, "?state=invited": 1, "?q=person&state=invited": 0} {
			_, body := w.get(t, "/admin/people"+q, scope.Administrator)
			if n := strings.Count(body, "<tr>") - 1; max(n, 0) != want {
				t.Errorf("%s: %d rows, want %d", q, n, want)
			}
		}
		for _, q := range []string{"?state=x", "?after=x"} {
			if res, _ := w.get(t, "/admin/people"+q, scope.Administrator); res.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", q, res.StatusCode)
			}
		}
	})
	t.Run("export", func(t *testing.T) {
		res, body := w.get(t, "/admin/people.csv", scope.Administrator)
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(body, "\ufeff"))).ReadAll()
		if err != nil || len(rows) != 121 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		if !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") {
			t.Error("not a download")
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) {
					t.Errorf("a formula: %q", cell)
				}
			}
		}
	})
}
