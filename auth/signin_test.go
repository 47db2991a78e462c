package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	w.tx(w.a, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Mara Lindqvist", Email: email, Roles: []scope.Role{scope.Author}, State: "invited"})
		return err
	})
	b := w.browser(t)

	door := b.get(w.a.Slug, "/sign-in?return_to=/path/1")
	href, ok := door.doc(t).Find(`a[href^="/auth/start/"]`).Attr("href")
	if !ok || !strings.Contains(href, "return_to=%2Fpath%2F1") {
		t.Fatalf("sign-in page leads to %q:\n%s", href, door.body)
	}
	res := b.signIn(w.a, email, "/path/1?step=2")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/path/1?step=2" {
		t.Fatalf("callback: %d to %q: %s", res.StatusCode, res.Header.Get("Location"), res.body)
	}
	if c := res.Header.Values("Set-Cookie"); !strings.Contains(strings.ToLower(strings.Join(c, "\n")), "ls_sid=") || !strings.Contains(strings.Join(c, "\n"), "HttpOnly; SameSite=Lax") {
		t.Errorf("session cookie: %q", c)
	}
	if who := b.whoami(w.a); !strings.Contains(who, `"actor":"member"`) || !strings.Contains(who, email) || !strings.Contains(who, w.a.OrgID.String()) {
		t.Errorf("who acts: %s", who)
	}
	if n := w.count(w.a, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = $2 AND state = 'active' AND seen_at IS NOT NULL`, email); n != 1 {
		t.Error("the prepared membership did not become active")
	}
	for _, action := range []string{"identity.linked", "session.opened"} {
		if n := w.count(w.a, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, action); n != 1 {
			t.Errorf("%d audit lines %s", n, action)
		}
	}
	if n := w.count(w.a, `SELECT count(*)::int FROM sessions WHERE org_id = $1 AND (position('eyJ'::bytea IN id_token) > 0 OR sid = '')`); n != 0 {
		t.Error("the ID token is stored in clear, or the provider's session id is not stored")
	}
	if again := b.get(w.a.Slug, "/sign-in?return_to=/learn"); again.Header.Get("Location") != "/learn" {
		t.Errorf("sign-in of somebody signed in: %d to %q", again.StatusCode, again.Header.Get("Location"))
	}

	// The same person on a second device is the same membership.
	other := w.browser(t)
	if other.signIn(w.a, email, ""); !strings.Contains(other.whoami(w.a), email) {
		t.Error("second sign-in did not work")
	}
	if n := w.count(w.a, `SELECT count(*)::int FROM identities WHERE org_id = $1`); n != 1 {
		t.Errorf("%d identities, want 1", n)
	}

	// Another host knows nothing of the session, even if somebody carries the cookie over.
	b.cookies[w.b.Slug] = map[string]string{"ls_sid": b.cookies[w.a.Slug]["ls_sid"]}
	if who := b.whoami(w.b); !strings.Contains(who, `"actor":"visitor"`) {
		t.Errorf("the session acts on another organization's host: %s", who)
	}

	out := b.post(w.a.Slug, "/sign-out", url.Values{})
	if out.StatusCode != http.StatusSeeOther || out.Header.Get("Location") != "/signed-out" {
		t.Fatalf("sign out: %d to %q", out.StatusCode, out.Header.Get("Location"))
	}
	if who := b.whoami(w.a); !strings.Contains(who, `"actor":"visitor"`) {
		t.Errorf("after signing out: %s", who)
	}
	if !strings.Contains(other.whoami(w.a), email) {
		t.Error("signing out ended the session of another device")
	}
	page := b.get(w.a.Slug, "/signed-out").doc(t)
	end, ok := page.Find(`a[href^="` + w.op.IssuerURL(w.a.Slug) + `/logout"]`).Attr("href")
	if !ok {
		t.Fatal("no link to the provider's sign-out")
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	back, err := c.Get(end)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Body.Close() //nolint:errcheck // Nothing to read.
	if got := back.Header.Get("Location"); got != baseURL(w.a.Slug)+"/signed-out" {
		t.Errorf("the provider's sign-out leads to %q", got)
	}
}

//nolint:paralleltest // One story: each part goes on where the last one ended.
func TestJoining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own, foreign := "learner@"+w.a.Slug+".example", "someone@elsewhere.example"

	t.Run("a verified domain joins", func(t *testing.T) {
		b := w.browser(t)
		if res := b.signIn(w.a, own, ""); res.Header.Get("Location") != "/" {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		if n := w.count(w.a, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = $2 AND name = 'Mara Lindqvist' AND roles = '{learner}'`, own); n != 1 {
			t.Error("no new membership")
		}
	})
	t.Run("a foreign domain does not, even invited", func(t *testing.T) {
		w.tx(w.a, func(tx *db.Tx) error {
			_, err := tenants.AddMember(tx, tenants.NewMember{Name: "X", Email: foreign, State: "invited"})
			return err
		})
		w.refused(t, w.browser(t).signIn(w.a, foreign, ""), w.a, "not_invited")
	})
	t.Run("an address never takes over a membership that has an identity", func(t *testing.T) {
		// The provider now gives the address to somebody else: another subject.
		w.exec(w.a, `UPDATE identities SET subject = 'somebody-before' WHERE org_id = $1 AND email = $2`, own)
		w.refused(t, w.browser(t).signIn(w.a, own, ""), w.a, "not_invited")
	})
	t.Run("who left stays out", func(t *testing.T) {
		b, email := w.browser(t), "admin@"+w.a.Slug+".example"
		b.signIn(w.a, email, "")
		if !strings.Contains(b.whoami(w.a), email) {
			t.Fatal("not signed in")
		}
		w.exec(w.a, `UPDATE memberships SET state = 'left' WHERE org_id = $1 AND email = $2`, email)
		if who := b.whoami(w.a); !strings.Contains(who, "visitor") {
			t.Errorf("the session of an ended membership acts: %s", who)
		}
		res := w.browser(t).signIn(w.a, email, "")
		w.page(t, res, w.a, "not_invited")
	})
	t.Run("somebody unknown to the provider", func(t *testing.T) {
		w.refused(t, w.browser(t).signIn(w.a, "nobody@"+w.a.Slug+".example", ""), w.a, "refused")
	})
}

// refused holds a refusal to everything it promises: a readable page with a reference, an audit line with the same one, no
// session cookie and no new session.
func (w *world) refused(t *testing.T, res answer, h house, reason string) {
	t.Helper()
	w.page(t, res, h, reason)
	if strings.Contains(strings.ToLower(strings.Join(res.Header.Values("Set-Cookie"), "\n")), "ls_sid=") {
		t.Error("a refusal set a session cookie")
	}
}

func (w *world) page(t *testing.T, res answer, h house, reason string) {
	t.Helper()
	if got := res.Header.Get("X-Sign-In-Reason"); got != reason || res.StatusCode < 400 {
		t.Errorf("answer %d, reason %q, want %q; to %q\n%.300s", res.StatusCode, got, reason, res.Header.Get("Location"), res.body)
		return
	}
	doc := res.doc(t)
	ref := strings.TrimSpace(doc.Find(".reference code").First().Text())
	if !strings.HasPrefix(ref, "HO-") || len(ref) != 9 {
		t.Errorf("reference %q", ref)
	}
	if strings.Contains(res.body, "⟦") || doc.Find("h1").Text() == "" {
		t.Errorf("page without words: %q", doc.Find(".wrong").Text())
	}
	if doc.Find("meta[http-equiv=refresh]").Length() > 0 || res.Header.Get("Location") != "" {
		t.Error("the page leads on by itself")
	}
	if n := w.count(h, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'sign_in.refused' AND detail->>'reference' = $2 AND detail->>'reason' = $3`, ref, reason); n != 1 {
		t.Errorf("%d audit lines for %s", n, ref)
	}
}

// named is refused with the check that the log and the provider's page name.
func (w *world) named(t *testing.T, res answer, h house, reason, check string) {
	t.Helper()
	w.refused(t, res, h, reason)
	ref := strings.TrimSpace(res.doc(t).Find(".reference code").First().Text())
	if n := w.count(h, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'sign_in.refused' AND detail->>'reference' = $2 AND detail->>'check' = $3`, ref, check); n != 1 {
		t.Errorf("%d audit lines name the check %s", n, check)
	}
	if n := w.count(h, `SELECT count(*)::int FROM providers WHERE org_id = $1 AND last_check = $2`, check); n != 1 {
		t.Errorf("the provider does not name the check %s", check)
	}
}

//nolint:paralleltest // The provider has one fault at a time.
func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	for fault, want := range map[demoop.Fault]struct{ reason, check string }{
		demoop.WrongIssuer:     {"unverified", "iss"},
		demoop.WrongAudience:   {"unverified", "aud"},
		demoop.WrongParty:      {"unverified", "azp"},
		demoop.NoParty:         {"unverified", "azp"},
		demoop.WrongNonce:      {"unverified", "nonce"},
		demoop.NoNonce:         {"unverified", "nonce"},
		demoop.EmptySubject:    {"claim_missing", "sub"},
		demoop.LongSubject:     {"unverified", "sub"},
		demoop.WrongAtHash:     {"unverified", "at_hash"},
		demoop.AlgNone:         {"unverified", "alg"},
		demoop.AlgHS256:        {"unverified", "alg"},
		demoop.UnknownKid:      {"unverified", "signature"},
		demoop.RogueKid:        {"unverified", "signature"},
		demoop.EmbeddedKey:     {"unverified", "signature"},
		demoop.NotYet:          {"clock", "nbf"},
		demoop.NoExpiry:        {"clock", "exp"},
		demoop.Expired:         {"clock", "exp"},
		demoop.FutureIssue:     {"clock", "iat"},
		demoop.OldIssue:        {"clock", "iat"},
		demoop.NoIDToken:       {"claim_missing", "id_token"},
		demoop.NoEmail:         {"claim_missing", "email"},
		demoop.UnverifiedEmail: {"claim_missing", "email"},
		demoop.ForeignUserinfo: {"unverified", "userinfo"},
		demoop.NoIss:           {"unverified", "iss_answer"},
		demoop.WrongIss:        {"unverified", "iss_answer"},
		demoop.Broken:          {"provider_down", "token"},
		demoop.Denies:          {"refused", "answer"},
	} {
		t.Run(string(fault), func(t *testing.T) {
			if err := w.op.SetFault(w.a.Slug, fault); err != nil {
				t.Fatal(err)
			}
			w.exec(w.a, `DELETE FROM sign_in_tries WHERE org_id = $1`)
			w.named(t, w.browser(t).signIn(w.a, email, ""), w.a, want.reason, want.check)
			if n := w.sessions(w.a); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
	t.Run("a provider that fails at once", func(t *testing.T) {
		for _, fault := range []demoop.Fault{demoop.HugeKeys, demoop.KeysBroken} {
			w.restart(10 * time.Second)
			if err := w.op.SetFault(w.a.Slug, fault); err != nil {
				t.Fatal(err)
			}
			w.named(t, w.browser(t).signIn(w.a, email, ""), w.a, "provider_down", "keys")
		}
		for _, tt := range []struct {
			fault  demoop.Fault
			reason string
		}{{demoop.DiscoveryOfAnother, "unverified"}, {demoop.DiscoveryScheme, "provider_down"}, {demoop.DiscoveryHangs, "provider_down"}} {
			w.restart(time.Second)
			if err := w.op.SetFault(w.a.Slug, tt.fault); err != nil {
				t.Fatal(err)
			}
			w.named(t, w.browser(t).get(w.a.Slug, "/auth/start/"+w.a.provider.String()), w.a, tt.reason, "discovery")
		}
		asked := w.op.Requests(w.a.Slug, "discovery")
		w.named(t, w.browser(t).get(w.a.Slug, "/auth/start/"+w.a.provider.String()), w.a, "provider_down", "discovery")
		if n := w.op.Requests(w.a.Slug, "discovery") - asked; n != 0 {
			t.Errorf("a provider that was silent a moment ago was asked %d times", n)
		}
	})
	t.Run("a provider that hangs", func(t *testing.T) {
		w.restart(2 * time.Second)
		if err := w.op.SetFault(w.a.Slug, demoop.Hanging); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			w.named(t, w.browser(t).signIn(w.a, email, ""), w.a, "provider_down", "token")
		}
		asked := w.op.Requests(w.a.Slug, "token")
		w.named(t, w.browser(t).get(w.a.Slug, "/auth/start/"+w.a.provider.String()), w.a, "provider_down", "busy")
		if n := w.op.Requests(w.a.Slug, "token") - asked; n != 0 {
			t.Errorf("a provider that hung three times in a row was asked %d times more", n)
		}
		w.advance(time.Minute)
		if err := w.op.SetFault(w.a.Slug, demoop.None); err != nil {
			t.Fatal(err)
		}
		b := w.browser(t)
		if b.signIn(w.a, email, ""); !strings.Contains(b.whoami(w.a), email) {
			t.Error("not signed in after the provider rested")
		}
		w.exec(w.a, `DELETE FROM sessions WHERE org_id = $1`)
	})
	t.Run("the other organization is not affected", func(t *testing.T) {
		w.restart(10 * time.Second)
		b := w.browser(t)
		if b.signIn(w.b, "learner@"+w.b.Slug+".example", ""); !strings.Contains(b.whoami(w.b), "member") {
			t.Error("not signed in")
		}
	})
	t.Run("and it works again", func(t *testing.T) {
		if err := w.op.SetFault(w.a.Slug, demoop.UserinfoOnly); err != nil {
			t.Fatal(err)
		}
		b := w.browser(t)
		if res := b.signIn(w.a, email, ""); !strings.Contains(b.whoami(w.a), email) {
			t.Errorf("not signed in: %s", res.body)
		}
		if n := w.count(w.a, `SELECT count(*)::int FROM providers WHERE org_id = $1 AND last_sign_in > last_failure_at`); n != 1 {
			t.Error("the provider's last sign-in is not noted")
		}
	})
}

//nolint:paralleltest // The last part uses up the tries of the network.
func TestCallbackIsBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	t.Run("a state works once", func(t *testing.T) {
		b := w.browser(t)
		back := path(t, b.choose(b.begin(w.a, ""), email))
		if res := b.get(w.a.Slug, back); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("first: %d", res.StatusCode)
		}
		delete(b.cookies[w.a.Slug], "ls_sid")
		b.cookies[w.a.Slug]["ls_pre"] = strings.Repeat("A", 43)
		w.refused(t, b.get(w.a.Slug, back), w.a, "expired")
	})
	t.Run("not in another browser", func(t *testing.T) {
		b, victim := w.browser(t), w.browser(t)
		back := path(t, b.choose(b.begin(w.a, ""), email))
		w.refused(t, victim.get(w.a.Slug, back), w.a, "other_browser")
		victim.begin(w.a, "") // Now it has a cookie, of its own.
		w.refused(t, victim.get(w.a.Slug, back), w.a, "other_browser")
		w.refused(t, b.get(w.a.Slug, back), w.a, "expired") // The attempt burned it.
	})
	t.Run("not at another provider's address", func(t *testing.T) {
		b := w.browser(t)
		back := path(t, b.choose(b.begin(w.a, ""), email))
		w.refused(t, b.get(w.a.Slug, strings.Replace(back, w.a.provider.String(), w.b.provider.String(), 1)), w.a, "unverified")
	})
	t.Run("not at another organization's host", func(t *testing.T) {
		b := w.browser(t)
		back := path(t, b.choose(b.begin(w.a, ""), email))
		b.cookies[w.b.Slug] = b.cookies[w.a.Slug]
		w.refused(t, b.get(w.b.Slug, back), w.b, "expired")
	})
	t.Run("not after ten minutes", func(t *testing.T) {
		b := w.browser(t)
		back := path(t, b.choose(b.begin(w.a, ""), email))
		w.exec(w.a, `UPDATE sign_ins SET expires_at = now() - interval '1 second' WHERE org_id = $1`)
		w.refused(t, b.get(w.a.Slug, back), w.a, "expired")
	})
	t.Run("not with somebody else's code", func(t *testing.T) {
		// The attacker's code in the victim's own flow: the verifier does not fit (RFC 9700, 4.5).
		attacker, victim := w.browser(t), w.browser(t)
		stolen, _ := url.Parse(attacker.choose(attacker.begin(w.a, ""), email))
		own, _ := url.Parse(victim.choose(victim.begin(w.a, ""), email))
		q := own.Query()
		q.Set("code", stolen.Query().Get("code"))
		w.refused(t, victim.get(w.a.Slug, own.Path+"?"+q.Encode()), w.a, "refused")
	})
	t.Run("without anything", func(t *testing.T) {
		w.refused(t, w.browser(t).get(w.a.Slug, "/auth/callback/"+w.a.provider.String()), w.a, "expired")
	})
	t.Run("nothing of the caller goes to the provider", func(t *testing.T) {
		res := w.browser(t).get(w.a.Slug, "/auth/start/"+w.a.provider.String()+"?login_hint=boss@evil.example&redirect_uri=https://evil.example&prompt=none&return_to=//evil.example")
		to := res.Header.Get("Location")
		for _, bad := range []string{"evil", "login_hint", "prompt"} {
			if strings.Contains(to, bad) {
				t.Errorf("%q in %s", bad, to)
			}
		}
		for _, good := range []string{"code_challenge_method=S256", "nonce=", "state=", "response_type=code"} {
			if !strings.Contains(to, good) {
				t.Errorf("%q missing in %s", good, to)
			}
		}
	})
	t.Run("another organization's provider is missing here", func(t *testing.T) {
		if res := w.browser(t).get(w.b.Slug, "/auth/start/"+w.a.provider.String()); res.StatusCode != http.StatusNotFound {
			t.Errorf("%d", res.StatusCode)
		}
	})
	t.Run("20 starts from one network in a minute", func(t *testing.T) {
		b := w.browser(t)
		last := 0
		for range 21 {
			last = b.get(w.b.Slug, "/auth/start/"+w.b.provider.String()).StatusCode
		}
		if last != http.StatusTooManyRequests {
			t.Errorf("the 21st start: %d", last)
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	in := func() bool {
		b := w.browser(t)
		b.signIn(w.a, email, "")
		return strings.Contains(b.whoami(w.a), email)
	}
	if !in() {
		t.Fatal("not signed in")
	}
	if err := w.op.SignWith(w.a.Slug, "RS256"); err != nil {
		t.Fatal(err)
	}
	if !in() {
		t.Error("RS256 is refused")
	}
	if n := w.op.Requests(w.a.Slug, "jwks"); n != 1 {
		t.Errorf("keys were read %d times, want once", n)
	}
	w.advance(time.Minute)
	if err := w.op.Rotate(w.a.Slug, false); err != nil {
		t.Fatal(err)
	}
	if !in() {
		t.Error("new keys are not read")
	}
	w.advance(time.Minute)
	if err := w.op.Rotate(w.a.Slug, true); err != nil {
		t.Fatal(err)
	}
	if !in() {
		t.Error("new keys beside the former ones are not read")
	}
	if err := w.op.SetFault(w.a.Slug, demoop.UnknownKid); err != nil {
		t.Fatal(err)
	}
	before := w.op.Requests(w.a.Slug, "jwks")
	for range 5 {
		if in() {
			t.Fatal("an unknown key signs in")
		}
	}
	if n := w.op.Requests(w.a.Slug, "jwks") - before; n != 0 {
		t.Errorf("unknown keys made the portal ask %d times within 30 seconds", n)
	}
	// The provider's keys cannot be read for some hours: those it had still open its tokens, which it now dates ahead like us.
	if err := w.op.SetFault(w.a.Slug, demoop.None); err != nil {
		t.Fatal(err)
	}
	w.advance(2 * time.Hour)
	if !in() {
		t.Error("not signed in two hours later")
	}
	w.advance(2 * time.Hour)
	if err := w.op.SetFault(w.a.Slug, demoop.KeysBroken); err != nil {
		t.Fatal(err)
	}
	if !in() {
		t.Error("two hours without the provider's keys end all sign-ins")
	}
	w.advance(25 * time.Hour)
	if in() {
		t.Error("keys are used for more than a day without being read again")
	}
}
