package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/tenants"
)

// An administrator who runs the organization's provider gives an account of their own the address of somebody who comes by email links.
//
//nolint:paralleltest // One story: each part goes on where the last one ended.
func TestNobodyTakesThePlaceOfSomebodyWhoCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	w.exec(w.a, `UPDATE organizations SET sign_in = 'email' WHERE org_id = $1`)
	w.tx(w.a, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Mara Lindqvist", Email: email})
		return err
	})
	w.exec(w.a, `UPDATE memberships SET seen_at = now() WHERE org_id = $1 AND email = $2`, email)
	identities := func() int { return w.count(w.a, `SELECT count(*)::int FROM identities WHERE org_id = $1`) }

	thief := w.browser(t)
	res := thief.signIn(w.a, email, "/learn")
	if res.Header.Get("Location") != "/sign-in/sent?done=claimed" || strings.Contains(thief.whoami(w.a), email) || w.sessions(w.a) != 0 || identities() != 0 {
		t.Fatalf("%d %s: %s", res.StatusCode, res.Header.Get("Location"), thief.whoami(w.a))
	}
	sent := thief.get(w.a.Slug, "/sign-in/sent")
	if sent.StatusCode != http.StatusOK || sent.doc(t).Find("#code").Length() != 0 {
		t.Errorf("the page that waits shows digits: %s", sent.body)
	}
	link := w.linkTo(t, w.a, email)
	t.Run("in another browser the link gives nobody the place", func(t *testing.T) {
		victim := w.browser(t)
		for _, res := range []answer{victim.get(w.a.Slug, link), victim.post(w.a.Slug, link, url.Values{}), victim.post(w.a.Slug, link, url.Values{"code": {"000000"}})} {
			if res.StatusCode != http.StatusBadRequest {
				t.Errorf("%d %s", res.StatusCode, res.body)
			}
		}
		if w.sessions(w.a) != 0 || identities() != 0 {
			t.Error("somebody is in, or the account has the place")
		}
	})
	t.Run("who reads the mailbox in the browser that came has it, once, also where links are refused", func(t *testing.T) {
		w.exec(w.a, `UPDATE organizations SET sign_in = 'oidc' WHERE org_id = $1`)
		if page := thief.get(w.a.Slug, link); page.StatusCode != http.StatusOK || !strings.Contains(page.body, email) || identities() != 0 {
			t.Fatalf("the page: %d %s", page.StatusCode, page.body)
		}
		if res := thief.post(w.a.Slug, link, url.Values{}); res.Header.Get("Location") != "/learn" || !strings.Contains(thief.whoami(w.a), email) || identities() != 1 {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		if res := thief.post(w.a.Slug, link, url.Values{}); res.StatusCode != http.StatusBadRequest {
			t.Errorf("twice: %d", res.StatusCode)
		}
		again := w.browser(t)
		if again.signIn(w.a, email, ""); !strings.Contains(again.whoami(w.a), email) {
			t.Error("the account does not lead in afterwards")
		}
	})
	t.Run("a prepared place is taken at once", func(t *testing.T) {
		admin := "admin@" + w.a.Slug + ".example"
		w.tx(w.a, func(tx *db.Tx) error {
			_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Prepared", Email: admin, State: "invited"})
			return err
		})
		b := w.browser(t)
		if b.signIn(w.a, admin, ""); !strings.Contains(b.whoami(w.a), admin) {
			t.Error("who was prepared does not get in")
		}
	})
	for _, action := range []string{"identity.claimed", "identity.linked"} {
		if w.count(w.a, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, action) == 0 {
			t.Errorf("no audit line %s", action)
		}
	}
}

// linkTo is the link of the last mail to an address of a house.
func (w *world) linkTo(t *testing.T, h house, email string) string {
	t.Helper()
	var body string
	w.tx(h, func(tx *db.Tx) (err error) {
		body, err = db.Row[string](tx, `SELECT body FROM mails WHERE org_id = $1 AND recipient = $2 ORDER BY created_at DESC, mail_id DESC LIMIT 1`, h.OrgID, email)
		return err
	})
	return mailed.FindString(body)
}
