package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// onward is where a page leads with its one button.
func onward(t *testing.T, a answer) string {
	t.Helper()
	to, _ := a.doc(t).Find(".card.ask a.btn-primary").Attr("href")
	if to == "" {
		t.Fatalf("no way on: %d %s", a.StatusCode, a.body)
	}
	return to
}

//nolint:paralleltest // One story: each part goes on where the last one ended.
func TestLinkTwoPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine := w.browser(t)
	mine.signIn(w.a, "learner@"+w.a.Slug+".example", "")
	mine.signIn(w.b, "learner@"+w.b.Slug+".example", "")
	links := func() (n int) {
		for _, h := range []house{w.a, w.b} {
			if err := w.db.Tx(dbtest.System(t, scope.SignIn, h.OrgID), func(tx *db.Tx) error {
				some, err := db.Row[int](tx, `SELECT count(*)::int FROM account_links WHERE org_id = $1`, h.OrgID)
				n += some
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	begin := func(b *browser) string {
		return path(t, onward(t, b.post(w.a.Slug, "/me/accounts/organizations", url.Values{"to": {"learner@" + w.b.Slug + ".example"}})))
	}
	t.Run("nobody else's address or name leads on", func(t *testing.T) {
		for _, to := range []string{"", "x@nobody.example", w.a.Slug, "no-such-portal"} {
			if res := mine.post(w.a.Slug, "/me/accounts/organizations", url.Values{"to": {to}}); res.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%q: %d", to, res.StatusCode)
			}
		}
	})
	t.Run("what an attacker began links nobody else", func(t *testing.T) {
		thief := w.browser(t)
		thief.signIn(w.a, "admin@"+w.a.Slug+".example", "")
		at := begin(thief)
		// The victim, at the other organization, is talked into confirming.
		half := mine.post(w.b.Slug, at, url.Values{})
		finish := path(t, onward(t, half))
		for name, res := range map[string]answer{
			"the victim's browser, where it is signed in at the first": mine.post(w.a.Slug, finish, url.Values{}),
			"the thief's, with a code of its own":                      thief.post(w.a.Slug, auth.FinishPath+strings.Repeat("A", 43), url.Values{}),
			"a second time at the other end":                           mine.post(w.b.Slug, at, url.Values{}),
		} {
			if res.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		}
		if links() != 0 {
			t.Fatal("linked")
		}
	})
	var at string
	t.Run("both ends show both names and wait for the button", func(t *testing.T) {
		at = begin(mine)
		asked := mine.get(w.b.Slug, at)
		for _, name := range []string{"learner@" + w.a.Slug + ".example", "learner@" + w.b.Slug + ".example", w.a.Name, w.b.Name} {
			if !strings.Contains(asked.doc(t).Find(".card.ask").Text(), name) {
				t.Errorf("the page lacks %s: %s", name, asked.body)
			}
		}
		finish := path(t, onward(t, mine.post(w.b.Slug, at, url.Values{})))
		if page := mine.get(w.a.Slug, finish); !strings.Contains(page.body, w.b.Name) || links() != 0 {
			t.Errorf("the last page: %d", page.StatusCode)
		}
		if res := mine.post(w.a.Slug, finish, url.Values{}); res.Header.Get("Location") != "/me/accounts?done=joined" || links() != 2 {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		if res := mine.post(w.a.Slug, finish, url.Values{}); res.StatusCode != http.StatusNotFound {
			t.Errorf("twice: %d", res.StatusCode)
		}
	})
	t.Run("each lists the other, with its sign-in", func(t *testing.T) {
		for _, x := range [][2]house{{w.a, w.b}, {w.b, w.a}} {
			if n := mine.get(x[0].Slug, "/me/accounts").doc(t).Find(`a[href="` + baseURL(x[1].Slug) + `/sign-in"]`).Length(); n != 1 {
				t.Errorf("%s does not lead to %s", x[0].Name, x[1].Name)
			}
		}
	})
	t.Run("no administrator learns of it", func(t *testing.T) {
		var m id.Membership
		w.tx(w.a, func(tx *db.Tx) (err error) {
			m, err = db.Row[id.Membership](tx, `SELECT membership_id FROM memberships WHERE org_id = $1 AND email LIKE 'admin@%'`, w.a.OrgID)
			return err
		})
		if err := w.db.Tx(dbtest.As(t, w.a.OrgID, m, id.Person{}, scope.Roles()...), func(tx *db.Tx) error {
			n, err := db.Row[int](tx, `SELECT count(*)::int FROM account_links`)
			if err == nil && n != 0 {
				t.Errorf("%d links are seen", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, h := range []house{w.a, w.b} {
			if n := w.count(h, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action LIKE 'account.%' AND detail <> '{}'`); n != 0 {
				t.Error("the log says more than that the own member did it")
			}
			if n := w.count(h, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'account.linked'`); n != 1 {
				t.Errorf("%d lines of the log", n)
			}
		}
	})
	t.Run("undone at one end, it is gone at both", func(t *testing.T) {
		form := mine.get(w.b.Slug, "/me/accounts").doc(t).Find(`form[action="/me/accounts/organizations/remove"]`)
		in := url.Values{"org": {form.Find("[name=org]").AttrOr("value", "")}, "member": {form.Find("[name=member]").AttrOr("value", "")}}
		if res := w.browser(t).post(w.b.Slug, "/me/accounts/organizations/remove", in); res.StatusCode == http.StatusSeeOther || links() != 2 {
			t.Errorf("by a stranger: %d", res.StatusCode)
		}
		if res := mine.post(w.b.Slug, "/me/accounts/organizations/remove", in); res.Header.Get("Location") != "/me/accounts?done=parted" || links() != 0 {
			t.Errorf("%d, %d are left", res.StatusCode, links())
		}
	})
	t.Run("without a fresh sign-in nothing begins, and nothing is confirmed", func(t *testing.T) {
		at := begin(mine)
		for _, h := range []house{w.a, w.b} {
			w.exec(h, `UPDATE sessions SET auth_at = auth_at - interval '6 minutes' WHERE org_id = $1`)
		}
		for _, res := range []answer{mine.post(w.a.Slug, "/me/accounts/organizations", url.Values{"to": {w.b.Slug}}), mine.post(w.b.Slug, at, url.Values{})} {
			if !strings.HasPrefix(res.Header.Get("Location"), "/auth/again?") {
				t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
			}
		}
	})
}

// A second account at a provider of the own organization, and its end.
func TestLinkAnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	b := w.browser(t)
	b.signIn(w.a, email, "")
	identities := func() int {
		return w.count(w.a, `SELECT count(*)::int FROM identities i JOIN memberships m ON m.org_id = i.org_id AND m.membership_id = i.membership_id WHERE i.org_id = $1 AND m.email = $2`, email)
	}
	to := onward(t, b.post(w.a.Slug, "/me/accounts/providers/"+w.a.provider.String(), url.Values{}))
	back := path(t, b.choose(to, "someone@elsewhere.example"))
	other := w.browser(t)
	w.refused(t, other.get(w.a.Slug, back), w.a, "other_browser")
	to = onward(t, b.post(w.a.Slug, "/me/accounts/providers/"+w.a.provider.String(), url.Values{}))
	back = path(t, b.choose(to, "someone@elsewhere.example"))
	if res := b.get(w.a.Slug, back); res.Header.Get("Location") != "/me/accounts?done=linked" || identities() != 2 {
		t.Fatalf("%d %s; %d accounts", res.StatusCode, res.Header.Get("Location"), identities())
	}
	second := w.browser(t)
	if second.signIn(w.a, "someone@elsewhere.example", ""); !strings.Contains(second.whoami(w.a), email) {
		t.Error("the second account does not lead in")
	}
	keys := b.get(w.a.Slug, "/me/accounts").doc(t).Find(`form[action="/me/accounts/remove"] [name=account]`)
	if keys.Length() != 2 {
		t.Fatalf("%d accounts are listed", keys.Length())
	}
	if res := w.browser(t).post(w.a.Slug, "/me/accounts/remove", url.Values{"account": {keys.Eq(1).AttrOr("value", "")}}); res.StatusCode == http.StatusSeeOther {
		t.Error("a stranger removes it")
	}
	if res := b.post(w.a.Slug, "/me/accounts/remove", url.Values{"account": {keys.Eq(1).AttrOr("value", "")}}); res.Header.Get("Location") != "/me/accounts?done=removed" || identities() != 1 {
		t.Fatalf("%d", res.StatusCode)
	}
	if strings.Contains(second.whoami(w.a), email) {
		t.Error("who came in with the account is still in")
	}
	if res := b.post(w.a.Slug, "/me/accounts/remove", url.Values{"account": {keys.Eq(0).AttrOr("value", "")}}); res.StatusCode != http.StatusConflict || identities() != 1 {
		t.Errorf("the last way in: %d", res.StatusCode)
	}
}
