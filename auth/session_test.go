package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	b := w.browser(t)
	b.signIn(w.a, email, "")
	member := func() bool { return strings.Contains(b.whoami(w.a), email) }

	for range 3 { // Every seven hours, for 21.
		w.advance(7 * time.Hour)
		w.exec(w.a, `UPDATE sessions SET seen_at = $2 WHERE org_id = $1`, w.now().Add(-7*time.Hour))
		if !member() {
			t.Fatal("a session that is used ended early")
		}
	}
	w.advance(4 * time.Hour)
	if member() {
		t.Error("a session lives longer than a day")
	}

	b.signIn(w.a, email, "")
	w.exec(w.a, `UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE org_id = $1`, w.now().Add(-9*time.Hour), w.now().Add(time.Hour))
	if member() {
		t.Error("a session lives nine hours without a request")
	}

	for _, bad := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 5000), "' OR 1=1 --"} {
		b.cookies[w.a.Slug] = map[string]string{"ls_sid": bad}
		if who := b.whoami(w.a); !strings.Contains(who, "visitor") {
			t.Errorf("cookie %.20q: %s", bad, who)
		}
	}
}

func TestSigningInAgainReplacesTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t)
	b.signIn(w.a, "learner@"+w.a.Slug+".example", "")
	old := b.cookies[w.a.Slug]["ls_sid"]
	b.signIn(w.a, "admin@"+w.a.Slug+".example", "")
	if who := b.whoami(w.a); !strings.Contains(who, "admin@") || old == b.cookies[w.a.Slug]["ls_sid"] {
		t.Errorf("who acts: %s", who)
	}
	b.cookies[w.a.Slug]["ls_sid"] = old
	if who := b.whoami(w.a); !strings.Contains(who, "visitor") {
		t.Errorf("the former session of this browser lives: %s", who)
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t)
	if res := b.post(w.a.Slug, "/language", url.Values{"lang": {"de"}, "back": {"/sign-in?return_to=%2Fx"}}); res.Header.Get("Location") != "/sign-in?return_to=%2Fx" {
		t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	if page := b.get(w.a.Slug, "/sign-in"); !strings.Contains(page.body, `lang="de"`) || !strings.Contains(page.body, "Anmelden bei") {
		t.Error("the page is not German")
	}
	for _, back := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "/sign-in//evil.example"} {
		if to := b.post(w.a.Slug, "/language", url.Values{"lang": {"en"}, "back": {back}}).Header.Get("Location"); to != "/" {
			t.Errorf("%q leads to %q", back, to)
		}
	}
	if res := b.post(w.a.Slug, "/language", url.Values{"lang": {"tlh"}}); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an unknown language: %d", res.StatusCode)
	}
	email := "learner@" + w.a.Slug + ".example"
	b.signIn(w.a, email, "")
	b.post(w.a.Slug, "/language", url.Values{"lang": {"de"}, "back": {"/"}})
	if n := w.count(w.a, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = $2 AND locale = 'de'`, email); n != 1 {
		t.Error("the membership does not keep the language")
	}
}

func TestAdminPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"learner", "admin"} {
		w.tx(w.a, func(tx *db.Tx) error {
			n := tenants.NewMember{Name: name, Email: name + "@" + w.a.Slug + ".example"}
			if name == "admin" {
				n.Roles = []scope.Role{scope.Administrator}
			}
			_, err := tenants.AddMember(tx, n)
			return err
		})
	}
	b := w.browser(t)
	if res := b.get(w.a.Slug, "/admin/sign-in"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a visitor: %d", res.StatusCode)
	}
	b.signIn(w.a, "learner@"+w.a.Slug+".example", "")
	if res := b.get(w.a.Slug, "/admin/sign-in"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a learner: %d", res.StatusCode)
	}
	b.signIn(w.a, "admin@"+w.a.Slug+".example", "")
	if list := b.get(w.a.Slug, "/admin/sign-in"); list.doc(t).Find(`a[href="/admin/sign-in/`+w.a.provider.String()+`"]`).Length() != 1 {
		t.Errorf("no way to the provider: %s", list.body)
	}
	if res := b.get(w.a.Slug, "/admin/sign-in/"+w.b.provider.String()); res.StatusCode != http.StatusNotFound {
		t.Errorf("another organization's provider: %d", res.StatusCode)
	}
	res := b.get(w.a.Slug, "/admin/sign-in/"+w.a.provider.String())
	for _, want := range []string{w.op.IssuerURL(w.a.Slug), w.a.client, w.svc.RedirectURI(w.a.Slug, w.a.provider), "openid profile email"} {
		if !strings.Contains(res.body, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, secret := range []string{"s3cret", "⟦", w.b.Slug} {
		if strings.Contains(res.body, secret) {
			t.Errorf("%q is on the page", secret)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	w.tx(w.a, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Mara", Email: email})
		return err
	})
	operator := scope.Enter(t.Context(), scope.System(scope.Operator, w.a.OrgID))
	mint := func(ctx context.Context, email string, until time.Time, scopes ...string) (secret.Secret, error) {
		return w.svc.CreateToken(ctx, auth.NewToken{Email: email, Name: "CRM", Scopes: scopes, Expires: until})
	}
	token, err := mint(operator, email, w.now().Add(time.Hour), authz.ReadNetwork)
	if err != nil {
		t.Fatal(err)
	}
	if s := token.Reveal(); !strings.HasPrefix(s, "ls_") || len(s) != 69 || token.String() != "***" {
		t.Errorf("token of %d characters", len(s))
	}
	read := func(h house, token string) error {
		got, err := w.svc.Bearer(auth.Enter(t.Context(), h.OrgID), h.Organization, token)
		if err == nil && got.Email != email {
			t.Errorf("token of %s", got.Email)
		}
		return err
	}
	if err := read(w.a, token.Reveal()); err != nil {
		t.Error(err)
	}
	if err := read(w.b, token.Reveal()); !errs.Is(err, errs.NotFound) {
		t.Errorf("at another organization: %v", err)
	}
	for _, bad := range []string{"", "ls_", token.Reveal() + "x", token.Reveal()[:68] + "-", "xx" + token.Reveal()[2:]} {
		if err := read(w.a, bad); !errs.Is(err, errs.NotFound) {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
	for _, days := range []int{-1, 400} {
		if _, err := mint(operator, email, w.now().AddDate(0, 0, days), authz.ReadNetwork); !errs.Is(err, errs.Invalid) {
			t.Errorf("token for %d days: %v", days, err)
		}
	}
	for _, scopes := range [][]string{nil, {"write:everything"}, {authz.ReadNetwork, "*"}, {""}} {
		if _, err := mint(operator, email, w.now().Add(time.Hour), scopes...); !errs.Is(err, errs.Invalid) {
			t.Errorf("token for %q: %v", scopes, err)
		}
	}
	var boss tenants.Membership
	w.tx(w.a, func(tx *db.Tx) (err error) {
		boss, err = tenants.AddMember(tx, tenants.NewMember{Name: "Boss", Email: "boss@" + w.a.Slug + ".example", Roles: []scope.Role{scope.Administrator}})
		return err
	})
	learner, admin := dbtest.As(t, w.a.OrgID, id.New[id.Membership](), id.New[id.Person]()), dbtest.As(t, w.a.OrgID, boss.MembershipID, boss.PersonID, scope.Administrator)
	if _, err := mint(learner, "", w.now().Add(time.Hour), authz.ReadNetwork); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner makes tokens: %v", err)
	}
	// Whoever holds a token of somebody acts as them: an administrator makes its own alone.
	if _, err := mint(admin, email, w.now().Add(time.Hour), authz.ReadNetwork); !errs.Is(err, errs.NotFound) {
		t.Errorf("an administrator makes a token of somebody else: %v", err)
	}
	if _, err := mint(admin, "", w.now().Add(time.Hour), authz.ReadNetwork); err != nil {
		t.Error(err)
	}
	list, err := w.svc.Tokens(admin)
	if err != nil || len(list) != 2 || list[1].Member != "Mara" || list[1].LastUsedAt == nil || list[0].LastUsedAt != nil {
		t.Errorf("tokens %+v, %v", list, err)
	}
	elsewhere := dbtest.As(t, w.b.OrgID, id.New[id.Membership](), id.New[id.Person](), scope.Administrator)
	if err := w.svc.RevokeToken(elsewhere, list[0].TokenID); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization revokes: %v", err)
	}
	if err := w.svc.RevokeToken(admin, list[0].TokenID); err != nil {
		t.Error(err)
	}
	if list, err = w.svc.Tokens(admin); err != nil || len(list) != 1 {
		t.Errorf("after one is revoked: %+v, %v", list, err)
	}
	w.exec(w.a, `UPDATE memberships SET state = 'left' WHERE org_id = $1`)
	if err := read(w.a, token.Reveal()); !errs.Is(err, errs.NotFound) {
		t.Errorf("the token of an ended membership: %v", err)
	}
}

// A page presumes that its session is what it was a moment ago: whatever is different by then counts for that very page.
func TestWhatIsPresumedOfASessionCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, email := "admin@"+w.a.Slug+".example", "learner@"+w.a.Slug+".example"
	w.tx(w.a, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "admin", Email: admin, Roles: []scope.Role{scope.Administrator}})
		return err
	})
	b := w.browser(t)
	b.signIn(w.a, admin, "")
	b.get(w.a.Slug, "/admin/sign-in") // From here on this process knows the session.
	if got := b.get(w.a.Slug, "/admin/sign-in").StatusCode; got != http.StatusOK {
		t.Fatalf("an administrator: %d", got)
	}
	w.exec(w.a, `UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND email = $2`, admin)
	if got := b.get(w.a.Slug, "/admin/sign-in").StatusCode; got != http.StatusNotFound {
		t.Errorf("whoever was an administrator a moment ago: %d", got)
	}
	w.exec(w.a, `UPDATE memberships SET roles = '{administrator}' WHERE org_id = $1 AND email = $2`, admin)
	if got := b.get(w.a.Slug, "/admin/sign-in").StatusCode; got != http.StatusOK {
		t.Errorf("who became an administrator a moment ago: %d", got)
	}
	w.exec(w.a, `UPDATE memberships SET name = 'Changed' WHERE org_id = $1 AND email = $2`, admin)
	if who := b.whoami(w.a); !strings.Contains(who, admin) { // A page that reads nothing.
		t.Errorf("who acts: %s", who)
	}
	w.exec(w.a, `DELETE FROM sessions WHERE org_id = $1`)
	if got := b.get(w.a.Slug, "/admin/sign-in").StatusCode; got != http.StatusUnauthorized {
		t.Errorf("a session that was ended elsewhere: %d", got)
	}

	b.signIn(w.a, email, "")
	if who := b.whoami(w.a); !strings.Contains(who, email) {
		t.Fatalf("who acts: %s", who)
	}
	b.whoami(w.a)
	w.exec(w.a, `UPDATE memberships SET state = 'left' WHERE org_id = $1 AND email = $2`, email)
	if who := b.whoami(w.a); !strings.Contains(who, "visitor") {
		t.Errorf("whoever left: %s", who)
	}
	// At another organization's host the token was never anybody's.
	b.signIn(w.a, admin, "")
	b.whoami(w.a)
	b.cookies[w.b.Slug] = b.cookies[w.a.Slug]
	if who := b.whoami(w.b); !strings.Contains(who, "visitor") {
		t.Errorf("another organization's host: %s", who)
	}
}
