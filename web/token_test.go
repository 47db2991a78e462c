package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestAToken is how a program gets to use the portal: an administrator makes a token, sees it once, the program reads with it, the
// page says that it was used, and from the moment that it is revoked it is nobody's.
func TestAToken(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	shot := func(name string) {
		if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
			b.Shot(filepath.Join(dir, name+".png"))
		}
	}
	b.Visit(d.URL("halden", "/sign-in?return_to=/admin/tokens"))
	b.Click(`main a[href^="/auth/start"]`)
	b.WaitText("Demonstration provider")
	b.Type(`input[name="email"]`, "admin@halden.example")
	b.Submit(`input[name="email"]`)
	b.Wait(`a[href="/me"]`)
	b.Visit(d.URL("halden", "/admin/tokens"))
	b.WaitText("No token yet")
	b.Accessible()
	shot("tokens-empty")

	// What is missing is said at its field, and what was typed stays.
	b.Click(`main form[action="/admin/tokens"] button`)
	b.WaitText("Say which program will use it")
	b.Type(`#name`, "CRM sync")
	b.Click(`main form[action="/admin/tokens"] button`)
	b.WaitText("Tick what it may do")
	b.Accessible()
	shot("tokens-fault")
	if name := webtest.Eval[string](b, `document.querySelector("#name").value`); name != "CRM sync" {
		t.Errorf("the name is %q after a fault", name)
	}
	b.Click(`input[name="read:network"]`)
	b.Click(`main form[action="/admin/tokens"] button`)
	b.Wait(`#made`)
	token := webtest.Eval[string](b, `document.querySelector("#made").value`)
	b.Accessible()
	shot("tokens-made")
	for _, width := range []int{320, 390} {
		b.Fits(width)
	}
	shot("tokens-made-phone")
	b.Resize(1360)

	program := d.Client(t, "")
	ask := func(method, path, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, d.URL("halden", path), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := program.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // Read by Text.
		return res.StatusCode, res.Header.Get("Content-Type")
	}
	if status, media := ask(http.MethodGet, "/api/v1/organization", token); status != 200 || media != "application/json" {
		t.Errorf("with the token: %d %s", status, media)
	}
	// A token is no session: no page takes it.
	if status, _ := ask(http.MethodGet, "/admin/tokens", token); status == 200 && strings.Contains(webtest.Text(t, program, d.URL("halden", "/admin/tokens")), "CRM sync") {
		t.Error("a page takes the token")
	}
	b.Visit(d.URL("halden", "/admin/tokens"))
	b.WaitText("CRM sync")
	if strings.Contains(b.HTML(), token) || strings.Contains(b.HTML(), token[len(token)-43:]) {
		t.Error("the token is shown again")
	}
	if strings.Contains(b.Text(), "Never used") {
		t.Error("the page says that the token was never used")
	}
	b.Dark(true)
	shot("tokens-dark")
	b.Accessible()
	b.Dark(false)

	b.Click(`main .items a.btn`)
	b.WaitText("This cannot be undone")
	b.Accessible()
	shot("tokens-revoke")
	b.Click(`main form[action$="/revoke"] button`)
	b.WaitText("No token yet")
	if status, media := ask(http.MethodGet, "/api/v1/organization", token); status != 401 || media != "application/problem+json" {
		t.Errorf("with the revoked token: %d %s", status, media)
	}
}
