package auth_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

var welcomeLink = regexp.MustCompile(`/invited/[A-Za-z0-9_-]{43}`)

func (w *world) welcomeOf(t *testing.T, h house, email string) string {
	t.Helper()
	var body string
	w.tx(h, func(tx *db.Tx) (err error) {
		body, err = db.Row[string](tx, `SELECT body FROM mails WHERE org_id = $1 AND recipient = $2 ORDER BY created_at DESC, mail_id DESC LIMIT 1`, h.OrgID, email)
		return err
	})
	link := welcomeLink.FindString(body)
	if link == "" || !strings.Contains(body, baseURL(h.Slug)+link) {
		t.Fatalf("no link in %q", body)
	}
	return link
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	got := auth.Addresses("a@x.example, \"Doe, J\" <b@x.example>; c@x.example d@x.example\r\n\n e@x.example\tf@x.example")
	want := []string{"a@x.example", "\"Doe", "b@x.example", "c@x.example", "d@x.example", "e@x.example", "f@x.example"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

//nolint:paralleltest // One story: each part goes on where the last one ended.
func TestInvitePeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, keeper := w.keeper(t)
	slug := w.post.Slug
	const form = "/admin/people/invite"

	t.Run("what is wrong is said, and the rest is sent", func(t *testing.T) {
		if res := b.post(slug, form, url.Values{"emails": {" \n"}}); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("nobody: %d", res.StatusCode)
		}
		res := b.post(slug, form, url.Values{"emails": {"One@new.example; not an address\n" + keeper + ", two@new.example, one@new.example"}, "role_author": {"on"}})
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		left := res.doc(t).Find("#emails").Text()
		if !strings.Contains(left, keeper) || strings.Contains(left, "new.example") || !strings.Contains(left, "not") {
			t.Errorf("left in the field: %q", left)
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM member_invitations WHERE org_id = $1 AND state = 'open' AND roles = '{learner,author}'`); n != 2 {
			t.Errorf("%d invitations", n)
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email LIKE '%new.example'`); n != 0 {
			t.Error("somebody is a member before they came")
		}
		if body := b.get(slug, form).body; !strings.Contains(body, "one@new.example") || welcomeLink.MatchString(body) {
			t.Error("the list lacks an invitation, or shows its link")
		}
	})
	link := w.welcomeOf(t, w.post, "one@new.example")
	t.Run("the link is shown by GET and used once by POST", func(t *testing.T) {
		guest := w.browser(t)
		for range 2 {
			if page := guest.get(slug, link); page.StatusCode != http.StatusOK || page.doc(t).Find(`form[method=post][action="`+link+`"]`).Length() != 1 {
				t.Fatalf("the page: %d %s", page.StatusCode, page.body)
			}
		}
		if res := guest.get(w.a.Slug, link); res.StatusCode != http.StatusNotFound {
			t.Errorf("at another organization's host: %d", res.StatusCode)
		}
		if res := guest.post(slug, link, url.Values{"name": {" "}}); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("without a name: %d", res.StatusCode)
		}
		if res := guest.post(slug, link, url.Values{"name": {"One"}}); res.Header.Get("Location") != "/" || !strings.Contains(guest.whoami(w.post), "one@new.example") {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = 'one@new.example' AND name = 'One' AND roles = '{learner,author}' AND state = 'active'`); n != 1 {
			t.Error("no membership with the roles")
		}
		if res := w.browser(t).post(slug, link, url.Values{"name": {"One"}}); res.StatusCode != http.StatusNotFound {
			t.Errorf("a second time: %d", res.StatusCode)
		}
	})
	t.Run("sending again ends the former link, withdrawing ends it for good", func(t *testing.T) {
		first := w.welcomeOf(t, w.post, "two@new.example")
		again, _ := b.get(slug, form).doc(t).Find(`form[action$="/again"]`).Attr("action")
		if res := b.post(slug, again, url.Values{}); res.Header.Get("Location") != form+"?done=again" {
			t.Fatalf("again: %d %s", res.StatusCode, res.body)
		}
		second := w.welcomeOf(t, w.post, "two@new.example")
		if w.browser(t).get(slug, first).StatusCode != http.StatusNotFound || w.browser(t).get(slug, second).StatusCode != http.StatusOK {
			t.Error("the former link works, or the new one does not")
		}
		if res := b.post(slug, strings.Replace(again, "/again", "/withdraw", 1), url.Values{}); res.Header.Get("Location") != form+"?done=withdrawn" {
			t.Fatalf("withdraw: %d", res.StatusCode)
		}
		if res := w.browser(t).get(slug, second); res.StatusCode != http.StatusNotFound {
			t.Errorf("withdrawn: %d", res.StatusCode)
		}
	})
	t.Run("after seven days, or when its sender is no administrator any more, it is worth nothing", func(t *testing.T) {
		b.post(slug, form, url.Values{"emails": {"three@new.example"}})
		link := w.welcomeOf(t, w.post, "three@new.example")
		w.exec(w.post, `UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND email = $2`, keeper)
		if res := w.browser(t).post(slug, link, url.Values{"name": {"Three"}}); res.StatusCode != http.StatusNotFound {
			t.Errorf("from a former administrator: %d", res.StatusCode)
		}
		w.exec(w.post, `UPDATE memberships SET roles = '{learner,administrator}' WHERE org_id = $1 AND email = $2`, keeper)
		if n := w.count(w.post, `SELECT count(*)::int FROM member_invitations WHERE org_id = $1 AND email = 'three@new.example' AND expires_at - sent_at = interval '7 days'`); n != 1 {
			t.Error("not seven days")
		}
		w.exec(w.post, `UPDATE member_invitations SET expires_at = now() - interval '1 second' WHERE org_id = $1 AND email = 'three@new.example'`)
		if res := w.browser(t).post(slug, link, url.Values{"name": {"Three"}}); res.StatusCode != http.StatusNotFound {
			t.Errorf("too old: %d", res.StatusCode)
		}
	})
	t.Run("limits", func(t *testing.T) {
		res := b.post(slug, form, url.Values{"emails": {strings.Repeat("x@y.example\n", 101)}})
		if res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("101 addresses: %d", res.StatusCode)
		}
		var many []string
		for i := range 51 {
			many = append(many, "p"+strings.Repeat("x", i)+"@many.example")
		}
		res = b.post(slug, form, url.Values{"emails": {strings.Join(many, "\n")}})
		if res.StatusCode != http.StatusTooManyRequests || !strings.Contains(res.doc(t).Find("#emails").Text(), many[50]) || !strings.Contains(res.body, "50 invitation mails") {
			t.Errorf("51 mails in the first week: %d", res.StatusCode)
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM member_invitations WHERE org_id = $1 AND email LIKE '%many.example'`); n != 0 {
			t.Errorf("%d were sent all the same", n)
		}
	})
	t.Run("administrators are made with a fresh sign-in", func(t *testing.T) {
		w.away()
		res := b.post(slug, form, url.Values{"emails": {"four@new.example"}, "role_administrator": {"on"}})
		if res.StatusCode != http.StatusForbidden || !strings.Contains(res.doc(t).Find("#emails").Text(), "four@new.example") {
			t.Errorf("%d", res.StatusCode)
		}
		if res := b.post(slug, form, url.Values{"emails": {"four@new.example"}}); res.StatusCode != http.StatusOK {
			t.Errorf("a learner needs one too: %d", res.StatusCode)
		}
	})
	for _, action := range []string{"member.invited", "member.uninvited", "member.came"} {
		if n := w.count(w.post, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, action); n == 0 {
			t.Errorf("no audit line %s", action)
		}
	}
}

func TestInvitedThroughAProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := "admin@" + w.a.Slug + ".example"
	w.tx(w.a, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Admin", Email: admin, Roles: []scope.Role{scope.Administrator}})
		return err
	})
	b := w.browser(t)
	b.signIn(w.a, admin, "")
	own := "learner@" + w.a.Slug + ".example"
	b.post(w.a.Slug, "/admin/people/invite", url.Values{"emails": {"freelancer@gmail.example, " + own}, "role_author": {"on"}})
	link := w.welcomeOf(t, w.a, "freelancer@gmail.example")
	guest := w.browser(t)
	page := guest.get(w.a.Slug, link)
	href, ok := page.doc(t).Find(`a[href^="/auth/start/"]`).Attr("href")
	if !ok || page.doc(t).Find(".signin form").Length() != 0 {
		t.Fatalf("no way through the provider, or one beside it: %s", page.body)
	}
	if res := guest.post(w.a.Slug, link, url.Values{"name": {"X"}}); res.StatusCode != http.StatusNotFound {
		t.Errorf("past the provider: %d", res.StatusCode)
	}
	// Whoever follows the link to the provider only, as programs do, uses nothing up.
	w.browser(t).get(w.a.Slug, href)
	to := guest.get(w.a.Slug, href).Header.Get("Location")
	if strings.Contains(to, link[len("/invited/"):]) {
		t.Error("the invitation goes to the provider")
	}
	if res := guest.get(w.a.Slug, path(t, guest.choose(to, "someone@elsewhere.example"))); res.Header.Get("Location") != "/" || !strings.Contains(guest.whoami(w.a), "freelancer@gmail.example") {
		t.Fatalf("%d %s: %s", res.StatusCode, res.body, guest.whoami(w.a))
	}
	if res := w.browser(t).get(w.a.Slug, link); res.StatusCode != http.StatusNotFound {
		t.Errorf("a second time: %d", res.StatusCode)
	}
	// In a domain of the organization the roles of the invitation come along without its link.
	mine := w.browser(t)
	mine.signIn(w.a, own, "")
	if n := w.count(w.a, `SELECT count(*)::int FROM memberships m JOIN member_invitations v ON v.org_id = m.org_id AND v.email = m.email AND v.state = 'accepted' WHERE m.org_id = $1 AND m.email = $2 AND m.roles = '{learner,author}'`, own); n != 1 {
		t.Error("the roles of the invitation are lost")
	}
}
