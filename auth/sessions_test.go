package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// logoutAt posts a logout token to the provider's address at the portal.
func (w *world) logoutAt(t *testing.T, h house, provider, token string) answer {
	t.Helper()
	return w.browser(t).post(h.Slug, auth.BackChannelPath+provider, url.Values{"logout_token": {token}})
}

func (w *world) logoutToken(t *testing.T, h house, l demoop.Logout) string {
	t.Helper()
	if l.Client == "" {
		l.Client = h.client
	}
	token, err := w.op.LogoutToken(h.Slug, l)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAProviderEndsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email, other := "learner@"+w.a.Slug+".example", "admin@"+w.a.Slug+".example"
	b, second, somebody, abroad := w.browser(t), w.browser(t), w.browser(t), w.browser(t)
	b.signIn(w.a, email, "")
	second.signIn(w.a, email, "")
	somebody.signIn(w.a, other, "")
	abroad.signIn(w.b, "learner@"+w.b.Slug+".example", "")
	in := func(b *browser, h house) bool { return strings.Contains(b.whoami(h), `"member"`) }

	var sid string
	w.tx(w.a, func(tx *db.Tx) (err error) {
		sid, err = db.Row[string](tx, `SELECT sid FROM sessions WHERE org_id = $1 AND subject = $2 ORDER BY created_at LIMIT 1`, w.a.OrgID, w.op.Subject(w.a.Slug, email))
		return err
	})
	if res := w.logoutAt(t, w.a, w.a.provider.String(), w.logoutToken(t, w.a, demoop.Logout{With: map[string]any{"sub": nil, "sid": sid}})); res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("one session: %d %s %q", res.StatusCode, res.body, res.Header.Get("Cache-Control"))
	}
	if in(b, w.a) || !in(second, w.a) {
		t.Error("the provider ended one session by its sid, and not that one alone is gone")
	}
	token := w.logoutToken(t, w.a, demoop.Logout{Email: email})
	if res := w.logoutAt(t, w.a, w.a.provider.String(), token); res.StatusCode != http.StatusOK {
		t.Errorf("all of a person's: %d %s", res.StatusCode, res.body)
	}
	if in(second, w.a) || !in(somebody, w.a) || !in(abroad, w.b) {
		t.Error("the provider ended a person's sessions, and not those alone are gone")
	}
	if n := w.count(w.a, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'session.ended_by_provider'`); n != 2 {
		t.Errorf("%d lines in the log", n)
	}

	// The same token again ends nothing of what was opened since.
	b.signIn(w.a, email, "")
	if res := w.logoutAt(t, w.a, w.a.provider.String(), token); res.StatusCode != http.StatusBadRequest || !in(b, w.a) {
		t.Errorf("a token that came before: %d", res.StatusCode)
	}
	// What somebody else's provider says counts for its own organization alone.
	if res := w.logoutAt(t, w.a, w.b.provider.String(), w.logoutToken(t, w.b, demoop.Logout{Email: email})); res.StatusCode != http.StatusNotFound {
		t.Errorf("at another organization's host: %d", res.StatusCode)
	}
	if !in(b, w.a) {
		t.Error("another organization's provider ended a session")
	}
}

func TestForgedLogoutTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	b := w.browser(t)
	b.signIn(w.a, email, "")
	now := w.now()
	for name, l := range map[string]demoop.Logout{
		"of another issuer":        {With: map[string]any{"iss": w.op.IssuerURL(w.b.Slug)}},
		"for another client":       {Client: "somebody-else"},
		"expired":                  {With: map[string]any{"exp": now.Add(-5 * time.Minute).Unix()}},
		"without exp":              {With: map[string]any{"exp": nil}},
		"without iat":              {With: map[string]any{"iat": nil}},
		"from the future":          {With: map[string]any{"iat": now.Add(5 * time.Minute).Unix()}},
		"an hour old":              {With: map[string]any{"iat": now.Add(-time.Hour).Unix(), "exp": now.Add(time.Hour).Unix()}},
		"without jti":              {With: map[string]any{"jti": nil}},
		"with a nonce":             {With: map[string]any{"nonce": "n"}},
		"without the event":        {With: map[string]any{"events": nil}},
		"of another event":         {With: map[string]any{"events": map[string]any{"http://schemas.openid.net/event/other": map[string]any{}}}},
		"of nobody":                {With: map[string]any{"sub": nil}},
		"that is an access token":  {Type: "at+jwt"},
		"with an endless subject":  {With: map[string]any{"sub": strings.Repeat("s", 256)}},
		"with an endless identity": {With: map[string]any{"jti": strings.Repeat("j", 256)}},
	} {
		l.Email = email
		if res := w.logoutAt(t, w.a, w.a.provider.String(), w.logoutToken(t, w.a, l)); res.StatusCode != http.StatusBadRequest {
			t.Errorf("a token %s: %d %s", name, res.StatusCode, res.body)
		}
	}
	for _, f := range []demoop.Fault{demoop.AlgNone, demoop.AlgHS256, demoop.UnknownKid, demoop.RogueKid} {
		if err := w.op.SetFault(w.a.Slug, f); err != nil {
			t.Fatal(err)
		}
		if res := w.logoutAt(t, w.a, w.a.provider.String(), w.logoutToken(t, w.a, demoop.Logout{Email: email})); res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusTooManyRequests {
			t.Errorf("a token signed as %s: %d %s", f, res.StatusCode, res.body)
		}
	}
	if err := w.op.SetFault(w.a.Slug, demoop.None); err != nil {
		t.Fatal(err)
	}
	w.exec(w.a, `DELETE FROM sign_in_tries WHERE org_id = $1`) // A minute later.
	for _, raw := range []string{"", "x", "a.b.c", strings.Repeat("a", 20<<10)} {
		if res := w.logoutAt(t, w.a, w.a.provider.String(), raw); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%.10q: %d", raw, res.StatusCode)
		}
	}
	if !strings.Contains(b.whoami(w.a), email) {
		t.Error("a token that does not hold ended a session")
	}
	if n := w.count(w.a, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'sign_out.refused'`); n == 0 {
		t.Error("nothing in the log")
	}
}

func TestSessionsOfAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email, admin := "learner@"+w.a.Slug+".example", "admin@"+w.a.Slug+".example"
	var boss tenants.Membership
	w.tx(w.a, func(tx *db.Tx) (err error) {
		boss, err = tenants.AddMember(tx, tenants.NewMember{Name: "Boss", Email: admin, Roles: []scope.Role{scope.Administrator}})
		return err
	})
	b, second, chief := w.browser(t), w.browser(t), w.browser(t)
	b.signIn(w.a, email, "")
	second.signIn(w.a, email, "")
	chief.signIn(w.a, admin, "")
	in := func(b *browser) bool { return strings.Contains(b.whoami(w.a), `"member"`) }
	of := func(email string) (session, membership string) {
		w.tx(w.a, func(tx *db.Tx) error {
			r, err := db.Row[struct {
				S string `db:"s"`
				M string `db:"m"`
			}](tx, `SELECT s.session_id::text AS s, s.membership_id::text AS m FROM sessions s JOIN memberships m ON m.org_id = s.org_id AND m.membership_id = s.membership_id
				WHERE s.org_id = $1 AND m.email = $2 ORDER BY s.created_at DESC LIMIT 1`, w.a.OrgID, email)
			session, membership = r.S, r.M
			return err
		})
		return session, membership
	}

	list := b.get(w.a.Slug, "/me/sessions")
	if n := list.doc(t).Find("ul.items > li").Length(); list.StatusCode != http.StatusOK || n != 2 {
		t.Fatalf("%d with %d sessions", list.StatusCode, n)
	}
	last, member := of(email)
	foreign, _ := of(admin)
	if b.post(w.a.Slug, "/me/sessions/"+foreign+"/end", url.Values{}); !in(chief) {
		t.Error("a learner ended somebody else's session")
	}
	if res := b.post(w.a.Slug, "/me/sessions/"+last+"/end", url.Values{}); res.StatusCode != http.StatusSeeOther || in(second) || !in(b) {
		t.Errorf("end one: %d", res.StatusCode)
	}
	second.signIn(w.a, email, "")
	if res := b.post(w.a.Slug, "/me/sessions/others", url.Values{}); res.StatusCode != http.StatusSeeOther || in(second) || !in(b) || !in(chief) {
		t.Errorf("end all others: %d", res.StatusCode)
	}

	// An administrator ends those of the own organization's people, and nobody else does.
	page := "/admin/people/" + member + "/sessions"
	if res := b.post(w.a.Slug, page, url.Values{}); res.StatusCode != http.StatusNotFound || !in(b) {
		t.Errorf("a learner as administrator: %d", res.StatusCode)
	}
	if res := chief.get(w.a.Slug, page); res.StatusCode != http.StatusOK || !strings.Contains(res.body, "Learner") && res.doc(t).Find("ul.items > li").Length() != 1 {
		t.Errorf("the administrator's list: %d", res.StatusCode)
	}
	if res := chief.post(w.a.Slug, page, url.Values{}); res.StatusCode != http.StatusSeeOther || in(b) || !in(chief) {
		t.Errorf("the administrator ends a person's sessions: %d", res.StatusCode)
	}
	var stranger tenants.Membership
	w.tx(w.b, func(tx *db.Tx) (err error) {
		stranger, err = tenants.AddMember(tx, tenants.NewMember{Name: "Stranger", Email: "stranger@" + w.b.Slug + ".example"})
		return err
	})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if res := chief.do(method, w.a.Slug, "/admin/people/"+stranger.MembershipID.String()+"/sessions", url.Values{}); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s of another organization's person: %d", method, res.StatusCode)
		}
	}
	as := scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: w.a.OrgID, Membership: boss.MembershipID, Roles: boss.Roles})
	if n := w.count(w.a, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'session.ended'`); n != 3 {
		t.Errorf("%d lines in the log", n)
	}
	if _, list, err := w.svc.MemberSessions(as, boss.MembershipID, ""); err != nil || len(list) != 1 {
		t.Errorf("%d sessions: %v", len(list), err)
	}
}
