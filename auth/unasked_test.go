package auth_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/tenants"
)

// A link on somebody else's page must not sign in whoever clicks it, nor whoever only looks at that page: a provider that asks nothing
// would do the rest (login cross-site request forgery). The person chooses the way in on the portal's own page.
func TestALinkFromElsewhereSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newHosted(t)
	for site, begins := range map[string]bool{"cross-site": false, "same-site": true, "same-origin": true, "none": true} {
		for _, path := range []string{"/auth/start/" + w.a.provider.String(), "/auth/start"} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+w.a.Slug+"."+base+path+"?return_to=/path/1", nil)
			req.Header.Set("Sec-Fetch-Site", site)
			before := w.count(w.a, `SELECT count(*)::int FROM sign_ins WHERE org_id = $1`)
			res, err := w.app.Test(req, -1)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			to := res.Header.Get("Location")
			begun := w.count(w.a, `SELECT count(*)::int FROM sign_ins WHERE org_id = $1`) - before
			if begins != strings.HasPrefix(to, w.op.IssuerURL(w.a.Slug)) || begins != (begun == 1) {
				t.Errorf("%s from %s leads to %q and begins %d sign-ins", path, site, to, begun)
			}
			if !begins && (to != "/sign-in?return_to=%2Fpath%2F1" || len(res.Cookies()) != 0) {
				t.Errorf("%s from %s leads to %q, cookies %v", path, site, to, res.Cookies())
			}
		}
	}
}

// Six digits can be tried out a million at a time, so that what is stored of them tells nothing to whoever has the row and not the key.
func TestStoredDigitsTellNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "driver@" + w.post.Slug + ".example"
	w.tx(w.post, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Driver", Email: email, State: "invited"})
		return err
	})
	b := w.browser(t)
	b.ask(email)
	if code := b.get(w.post.Slug, "/sign-in/sent").doc(t).Find("#code").Text(); len(code) != 7 {
		t.Fatalf("code %q", code)
	}
	type row struct {
		Token []byte `db:"token_hash"`
		Code  []byte `db:"code_hash"`
	}
	var r row
	w.tx(w.post, func(tx *db.Tx) (err error) {
		r, err = db.Row[row](tx, `SELECT token_hash, code_hash FROM email_links WHERE org_id = $1 AND email = $2`, w.post.OrgID, email)
		return err
	})
	for n := range 1_000_000 {
		code := fmt.Sprintf("%06d", n)
		for _, guess := range []string{code, "link code " + code, string(r.Token) + code, code + string(r.Token)} {
			if sha256.Sum256([]byte(guess)) == [32]byte(r.Code) {
				t.Fatalf("the stored hash is that of %q", guess)
			}
		}
	}
}
