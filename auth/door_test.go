package auth_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// keeper is an administrator of the house that signs in by email, signed in.
func (w *world) keeper(t *testing.T) (*browser, string) {
	t.Helper()
	email := "keeper@" + w.post.Slug + ".example"
	w.tx(w.post, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Keeper", Email: email, Roles: []scope.Role{scope.Administrator}})
		return err
	})
	b := w.browser(t)
	b.byMail(t, email)
	return b, email
}

// byMail signs in to the house that signs in by email.
func (b *browser) byMail(t *testing.T, email string) answer {
	t.Helper()
	b.w.exec(b.w.post, `DELETE FROM sign_in_tries WHERE org_id = $1`)
	b.ask(email)
	return b.post(b.w.post.Slug, b.w.lastLink(t, email), url.Values{})
}

// add begins a provider and returns where it is.
func (b *browser) add(t *testing.T, preset string) (at string, which id.Provider) {
	t.Helper()
	res := b.post(b.w.post.Slug, "/admin/sign-in", url.Values{"preset": {preset}})
	at, ok := strings.CutSuffix(res.Header.Get("Location"), "/edit")
	if !ok {
		t.Fatalf("add: %d to %q: %s", res.StatusCode, res.Header.Get("Location"), res.body)
	}
	which, err := id.Parse[id.Provider](strings.TrimPrefix(at, "/admin/sign-in/"))
	if err != nil {
		t.Fatal(err)
	}
	return at, which
}

func (w *world) settings(client string) url.Values {
	return url.Values{"name": {"Realm"}, "issuer": {w.op.IssuerURL(w.a.Slug)}, "client_id": {client}, "method": {"secret"}, "secret": {"pst of " + client}, "scopes": {"profile email"}}
}

// client registers the house that signs in by email at the issuer of the first one.
func (w *world) register(t *testing.T, client string, which id.Provider) {
	t.Helper()
	if err := w.op.AddClient(w.a.Slug, demoop.Client{ID: client, Secret: "pst of " + client, RedirectURIs: []string{auth.RedirectURI(baseURL(w.post.Slug), which)}}); err != nil {
		t.Fatal(err)
	}
}

// test goes through with an administrator's test and returns the portal's answer.
func (b *browser) test(t *testing.T, which id.Provider, email string) answer {
	t.Helper()
	res := b.get(b.w.post.Slug, "/auth/test/"+which.String())
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("test: %d %s", res.StatusCode, res.body)
	}
	return b.get(b.w.post.Slug, path(t, b.choose(res.Header.Get("Location"), email)))
}

// away makes it six minutes since the people of the house showed who they are.
func (w *world) away() {
	w.exec(w.post, `UPDATE sessions SET auth_at = auth_at - interval '6 minutes' WHERE org_id = $1`)
}

//nolint:paralleltest // One story: each part goes on where the last one ended.
func TestAnAdministratorSetsUpAProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, email := w.keeper(t)
	slug := w.post.Slug
	at, which := b.add(t, "keycloak")
	w.register(t, "pst", which)

	t.Run("the form says what to type where, and keeps what was typed", func(t *testing.T) {
		doc := b.get(slug, at+"/edit").doc(t)
		if doc.Find("#redirect").AttrOr("value", "") != auth.RedirectURI(baseURL(slug), which) || !strings.Contains(doc.Find("#guide-title").Parent().Text(), "realm") {
			t.Errorf("no redirect URI or no guide: %s", doc.Text())
		}
		for field, bad := range map[string]string{
			"issuer": "http://10.0.0.1/x", "client_id": "", "secret": "", "name": "", "method": "none", "pin_claim": "tid", "acr": strings.Repeat("a ", 30) + strings.Repeat("b", 600),
		} {
			form := w.settings("pst")
			form.Set(field, bad)
			res := b.post(slug, at+"/edit", form)
			if res.StatusCode != http.StatusUnprocessableEntity || res.doc(t).Find(".faults a").Length() == 0 || strings.Contains(res.body, "⟦") {
				t.Errorf("%s %q: %d", field, bad, res.StatusCode)
			}
			if strings.Contains(res.body, "pst of pst") {
				t.Error("the secret is on the page")
			}
			if field != "client_id" && res.doc(t).Find("#client_id").AttrOr("value", "") != "pst" {
				t.Error("the input is gone")
			}
		}
	})
	t.Run("an issuer that is none, is another's or stands for everybody is refused", func(t *testing.T) {
		for _, issuer := range []string{w.op.IssuerURL("nobody"), w.op.IssuerURL(w.a.Slug) + "/", "https://login.microsoftonline.com/common/v2.0", "https://accounts.google.com", "https://169.254.169.254"} {
			form := w.settings("pst")
			form.Set("issuer", issuer)
			if res := b.post(slug, at+"/edit", form); res.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d", issuer, res.StatusCode)
			}
		}
	})
	if res := b.post(slug, at+"/edit", w.settings("pst")); res.Header.Get("Location") != at+"?done=saved" {
		t.Fatalf("save: %d %s", res.StatusCode, res.body)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM providers WHERE org_id = $1 AND provider_id = $2 AND position('pst of'::bytea IN client_secret) = 0 AND length(client_secret) > 20`, which); n != 1 {
		t.Error("the secret is not sealed")
	}
	t.Run("it is not switched on before a test", func(t *testing.T) {
		if res := b.post(slug, at+"/on", url.Values{}); res.StatusCode != http.StatusConflict {
			t.Errorf("switched on: %d", res.StatusCode)
		}
		if res := w.browser(t).get(slug, "/auth/start/"+which.String()); res.StatusCode != http.StatusNotFound {
			t.Errorf("a draft lets people begin: %d", res.StatusCode)
		}
		err := w.db.Tx(scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: w.post.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Administrator}}), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE providers SET state = 'active' WHERE org_id = $1`, tx.Scope.Org)
			return err
		})
		if err == nil {
			t.Error("the database lets a member switch on what was not tested")
		}
	})
	t.Run("a test that fails names the check", func(t *testing.T) {
		if err := w.op.SetFault(w.a.Slug, demoop.WrongNonce); err != nil {
			t.Fatal(err)
		}
		if res := b.test(t, which, email); res.Header.Get("Location") != at+"?done=failed" {
			t.Errorf("%d to %q", res.StatusCode, res.Header.Get("Location"))
		}
		if err := w.op.SetFault(w.a.Slug, demoop.None); err != nil {
			t.Fatal(err)
		}
		if page := b.get(slug, at); !strings.Contains(page.body, "nonce in the ID token") {
			t.Errorf("the page does not name it: %s", page.body)
		}
		if res := b.post(slug, at+"/on", url.Values{}); res.StatusCode != http.StatusConflict {
			t.Errorf("switched on: %d", res.StatusCode)
		}
	})
	t.Run("a test opens nothing and shows what came", func(t *testing.T) {
		sessions, people := w.sessions(w.post), w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1`)
		if res := b.test(t, which, "other@"+slug+".example"); res.Header.Get("Location") != at+"?done=tested" {
			t.Fatalf("%d to %q", res.StatusCode, res.Header.Get("Location"))
		}
		if w.sessions(w.post) != sessions || w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1`) != people || w.count(w.post, `SELECT count(*)::int FROM identities WHERE org_id = $1`) != 0 {
			t.Error("a test let somebody in")
		}
		if !strings.Contains(b.whoami(w.post), email) {
			t.Error("the administrator is not signed in any more")
		}
		seen := b.get(slug, at+"/seen").body
		if !strings.Contains(seen, "other@"+slug+".example") || !strings.Contains(seen, "email_verified") {
			t.Errorf("what came is not shown: %s", seen)
		}
		if strings.Contains(seen, "eyJ") || strings.Contains(seen, "at_hash") || strings.Contains(seen, "nonce") {
			t.Errorf("what opens doors is shown: %s", seen)
		}
	})
	t.Run("another client takes the test back", func(t *testing.T) {
		form := w.settings("pst")
		form.Set("client_id", "pst2")
		form.Set("secret", "pst of pst2")
		b.post(slug, at+"/edit", form)
		if res := b.post(slug, at+"/on", url.Values{}); res.StatusCode != http.StatusConflict {
			t.Errorf("switched on: %d", res.StatusCode)
		}
		b.post(slug, at+"/edit", w.settings("pst"))
		b.test(t, which, email)
	})
	t.Run("more than five minutes later it takes a fresh sign-in", func(t *testing.T) {
		w.away()
		for _, to := range []string{at + "/edit", at + "/claims", at + "/remove", at + "/send"} {
			if res := b.get(slug, to); !strings.HasPrefix(res.Header.Get("Location"), "/auth/again?") {
				t.Errorf("%s: %d", to, res.StatusCode)
			}
		}
		if res := b.post(slug, at+"/on", url.Values{}); !strings.HasPrefix(res.Header.Get("Location"), "/auth/again?") {
			t.Errorf("on: %d", res.StatusCode)
		}
		res := b.post(slug, at+"/edit", w.settings("pst"))
		if res.StatusCode != http.StatusForbidden || res.doc(t).Find("#client_id").AttrOr("value", "") != "pst" {
			t.Errorf("edit: %d", res.StatusCode)
		}
		if form := b.get(slug, "/auth/again?return_to="+at).doc(t).Find(`form[action^="/sign-in/email"] input[name=email]`).AttrOr("value", ""); form != email {
			t.Errorf("no way to show who one is: %q", form)
		}
		b.byMail(t, email)
	})
	if res := b.post(slug, at+"/on", url.Values{}); res.Header.Get("Location") != at+"?done=on" {
		t.Fatalf("on: %d %s", res.StatusCode, res.body)
	}
	t.Run("people choose at the door", func(t *testing.T) {
		doc := w.browser(t).get(slug, "/sign-in").doc(t)
		if doc.Find(`a[href="/auth/start/`+which.String()+`"]`).Length() != 1 || doc.Find(`form[action="/sign-in/email"]`).Length() != 1 {
			t.Error("not both ways")
		}
		house := house{Organization: w.post.Organization, provider: which}
		someone := w.browser(t)
		if res := someone.signIn(house, "other@"+slug+".example", ""); res.Header.Get("Location") != "/" {
			t.Errorf("%d %s", res.StatusCode, res.body)
		}
	})
	t.Run("who came through an issuer came through no other", func(t *testing.T) {
		form := w.settings("pst")
		form.Set("issuer", w.op.IssuerURL(w.b.Slug))
		if res := b.post(slug, at+"/edit", form); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("another issuer: %d", res.StatusCode)
		}
		err := w.db.Tx(scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: w.post.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Administrator}}), func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE providers SET issuer = 'https://evil.example' WHERE org_id = $1`, tx.Scope.Org)
			return err
		})
		if err == nil {
			t.Error("the database moves identities to another issuer")
		}
	})
	t.Run("the only way in", func(t *testing.T) { w.onlyWay(t, b, email, at, which) })
	t.Run("removing it asks for its name and leaves the people", func(t *testing.T) {
		b.post(slug, "/admin/sign-in/only/end", url.Values{})
		if res := b.post(slug, at+"/remove", url.Values{"name": {"x"}}); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("another name: %d", res.StatusCode)
		}
		people := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND state = 'active'`)
		if res := b.post(slug, at+"/remove", url.Values{"name": {"realm"}}); res.Header.Get("Location") != "/admin/sign-in?done=removed" {
			t.Fatalf("remove: %d %s", res.StatusCode, res.body)
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND state = 'active'`); n != people {
			t.Error("members left with the provider")
		}
		if !strings.Contains(b.whoami(w.post), email) {
			t.Error("who removed it is signed out")
		}
	})
	for _, action := range []string{"provider.added", "provider.changed", "provider.tested", "provider.on", "sign_in.shut", "sign_in.opened", "sign_in.emergency", "provider.removed", "identity.linked"} {
		if n := w.count(w.post, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, action); n == 0 {
			t.Errorf("no audit line %s", action)
		}
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND detail::text LIKE '%pst of%'`); n != 0 {
		t.Error("the secret is in the log")
	}
}

func (w *world) onlyWay(t *testing.T, b *browser, email, at string, which id.Provider) {
	t.Helper()
	slug := w.post.Slug
	me := w.count(w.post, `SELECT 1 FROM memberships WHERE org_id = $1 AND email = $2`, email)
	if me != 1 {
		t.Fatal("no administrator")
	}
	var key string
	w.tx(w.post, func(tx *db.Tx) (err error) {
		m, err := tenants.MemberByEmail(tx, email)
		key = m.MembershipID.String()
		return err
	})
	if res := b.post(slug, "/admin/sign-in/only", url.Values{"emergency": {key}}); res.StatusCode != http.StatusConflict {
		t.Errorf("whoever never came through the provider shuts the door: %d", res.StatusCode)
	}
	// The account at the provider becomes one's own, whatever its address is.
	page := b.post(slug, at+"/link", url.Values{})
	to, ok := page.doc(t).Find(`a[href^="` + w.op.IssuerURL(w.a.Slug) + `/authorize"]`).Attr("href")
	if !ok || !strings.Contains(to, "prompt=login") {
		t.Fatalf("no way to link: %d %s", page.StatusCode, page.body)
	}
	if res := b.get(slug, path(t, b.choose(to, "someone@elsewhere.example"))); res.Header.Get("Location") != at+"?done=linked" {
		t.Fatalf("linked: %d to %q", res.StatusCode, res.Header.Get("Location"))
	}
	asked := w.browser(t)
	asked.ask(email)
	early := w.lastLink(t, email)
	if res := b.post(slug, "/admin/sign-in/only", url.Values{"emergency": {id.New[id.Membership]().String()}}); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("nobody for emergencies: %d", res.StatusCode)
	}
	if res := b.post(slug, "/admin/sign-in/only", url.Values{"emergency": {key}}); res.Header.Get("Location") != "/admin/sign-in?done=shut" {
		t.Fatalf("shut: %d %s", res.StatusCode, res.body)
	}
	if res := b.post(slug, at+"/off", url.Values{}); res.StatusCode != http.StatusConflict {
		t.Errorf("the only way in is switched off: %d", res.StatusCode)
	}
	w.refused(t, asked.post(slug, early, url.Values{}), w.post, "expired")
	if res := w.browser(t).ask(email); res.StatusCode != http.StatusNotFound {
		t.Errorf("email links still go out: %d", res.StatusCode)
	}
	// The account that was linked opens one's own place.
	mine := w.browser(t)
	mine.signIn(house{Organization: w.post.Organization, provider: which}, "someone@elsewhere.example", "")
	if !strings.Contains(mine.whoami(w.post), email) {
		t.Errorf("the linked account opens %s", mine.whoami(w.post))
	}
	// In an emergency one administrator comes in, and nobody else.
	w.exec(w.post, `DELETE FROM sign_in_tries WHERE org_id = $1`)
	before := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1`)
	other := w.browser(t)
	if res := other.post(slug, "/sign-in/emergency", url.Values{"email": {"other@" + slug + ".example"}}); res.Header.Get("Location") != "/sign-in/sent" {
		t.Errorf("the page differs for others: %d", res.StatusCode)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1`); n != before {
		t.Error("somebody else got a link")
	}
	glass := w.browser(t)
	glass.post(slug, "/sign-in/emergency", url.Values{"email": {email}})
	link := w.lastLink(t, email)
	if res := glass.post(slug, link, url.Values{}); res.StatusCode != http.StatusSeeOther || !strings.Contains(glass.whoami(w.post), email) {
		t.Errorf("emergency: %d %s", res.StatusCode, res.body)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1 AND recipient = $2 AND subject LIKE '%without the provider'`, email); n != 1 {
		t.Errorf("%d mails tell of it", n)
	}
	// One that was asked for while somebody was an administrator is worth nothing afterwards.
	late := w.browser(t)
	late.post(slug, "/sign-in/emergency", url.Values{"email": {email}})
	link = w.lastLink(t, email)
	w.exec(w.post, `UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND email = $2`, email)
	w.refused(t, late.post(slug, link, url.Values{}), w.post, "not_invited")
	w.exec(w.post, `UPDATE memberships SET roles = '{learner,administrator}' WHERE org_id = $1 AND email = $2`, email)
}

func TestWhatAProviderMustShow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	for _, tt := range []struct{ set, reason, check string }{
		{`pin_claim = 'tid', pin_value = 'ours'`, "not_invited", "tenant"},
		{`need_acr = '{phr}'`, "weak", "acr"},
		{`need_amr = '{mfa}'`, "weak", "amr"},
	} {
		w.exec(w.a, `UPDATE providers SET pin_claim = '', pin_value = '', need_acr = '{}', need_amr = '{}' WHERE org_id = $1`)
		w.exec(w.a, `UPDATE providers SET `+tt.set+` WHERE org_id = $1`)
		b := w.browser(t)
		w.named(t, b.signIn(w.a, email, ""), w.a, tt.reason, tt.check)
	}
	// What the provider vouches for in a claim that names the own tenant.
	w.exec(w.a, `UPDATE providers SET pin_claim = 'email', pin_value = $2, need_acr = '{}', need_amr = '{}' WHERE org_id = $1`, email)
	b := w.browser(t)
	if b.signIn(w.a, email, ""); !strings.Contains(b.whoami(w.a), email) {
		t.Error("the own tenant is refused")
	}
}

func TestClaimsBecomeNameRolesAndTeams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "learner@" + w.a.Slug + ".example"
	w.exec(w.a, `INSERT INTO teams (org_id, team_id, name) VALUES ($1, gen_random_uuid(), 'Night'), ($1, gen_random_uuid(), 'Day')`)
	w.exec(w.a, `UPDATE providers SET name_claim = 'email', role_claim = 'email', role_values = jsonb_build_object($2::text, 'author', 'x', 'administrator'), team_claim = 'email', team_values = jsonb_build_object($2::text, 'night') WHERE org_id = $1`, email)
	w.tx(w.a, func(tx *db.Tx) error {
		m, err := tenants.AddMember(tx, tenants.NewMember{Name: "Before", Email: email, Roles: []scope.Role{scope.Administrator, scope.Moderator}})
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO team_members (org_id, team_id, membership_id, source) SELECT org_id, team_id, $2, CASE name WHEN 'Day' THEN 'claim' END FROM teams WHERE org_id = $1 AND name = 'Day'`, tx.Scope.Org, m.MembershipID)
		return err
	})
	roles := func() (out string) {
		w.tx(w.a, func(tx *db.Tx) (err error) {
			out, err = db.Row[string](tx, `SELECT m.name || ' ' || m.roles::text || ' ' || coalesce((SELECT string_agg(t.name, ',') FROM team_members x JOIN teams t ON t.org_id = x.org_id AND t.team_id = x.team_id WHERE x.org_id = m.org_id AND x.membership_id = m.membership_id), '')
				FROM memberships m WHERE m.org_id = $1 AND m.email = $2`, tx.Scope.Org, email)
			return err
		})
		return out
	}
	w.browser(t).signIn(w.a, email, "")
	// The last administrator stays one; the moderator by hand stays; a team by a claim that no longer names it goes.
	if got := roles(); got != email+" {learner,author,moderator,administrator} Night" {
		t.Errorf("after the first sign-in: %s", got)
	}
	w.tx(w.a, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Second", Email: "second@" + w.a.Slug + ".example", Roles: []scope.Role{scope.Administrator}})
		return err
	})
	w.exec(w.a, `UPDATE providers SET role_values = '{"y": "author", "x": "administrator"}' WHERE org_id = $1`)
	w.browser(t).signIn(w.a, email, "")
	if got := roles(); got != email+" {learner,moderator} Night" {
		t.Errorf("after a sign-in without the values: %s", got)
	}
}

func TestAgainThroughTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "admin@" + w.a.Slug + ".example"
	w.tx(w.a, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Admin", Email: email, Roles: []scope.Role{scope.Administrator}})
		return err
	})
	b := w.browser(t)
	b.signIn(w.a, email, "")
	at := "/admin/sign-in/" + w.a.provider.String()
	old := b.cookies[w.a.Slug]["ls_sid"]
	again := func(as string) answer {
		t.Helper()
		w.exec(w.a, `UPDATE sessions SET auth_at = auth_at - interval '6 minutes' WHERE org_id = $1`)
		to := b.get(w.a.Slug, at+"/edit").Header.Get("Location")
		href, ok := b.get(w.a.Slug, to).doc(t).Find(`a[href^="/auth/again/start"]`).Attr("href")
		if !ok {
			t.Fatalf("no way at %s", to)
		}
		out := b.get(w.a.Slug, href).Header.Get("Location")
		if !strings.Contains(out, "max_age=300") || !strings.Contains(out, "prompt=login") {
			t.Fatalf("the provider is not asked for a fresh sign-in: %s", out)
		}
		return b.get(w.a.Slug, path(t, b.choose(out, as)))
	}
	w.named(t, again("learner@"+w.a.Slug+".example"), w.a, "not_invited", "link")
	if err := w.op.SetFault(w.a.Slug, demoop.OldAuth); err != nil {
		t.Fatal(err)
	}
	w.named(t, again(email), w.a, "weak", "auth_time")
	if err := w.op.SetFault(w.a.Slug, demoop.NoAuthTime); err != nil {
		t.Fatal(err)
	}
	w.named(t, again(email), w.a, "claim_missing", "auth_time")
	if err := w.op.SetFault(w.a.Slug, demoop.None); err != nil {
		t.Fatal(err)
	}
	if res := again(email); res.Header.Get("Location") != at+"/edit" {
		t.Errorf("back to %q: %s", res.Header.Get("Location"), res.body)
	}
	if b.cookies[w.a.Slug]["ls_sid"] == old || b.get(w.a.Slug, at+"/edit").StatusCode != http.StatusOK {
		t.Error("the session is the former one, or not fresh")
	}
	if w.count(w.a, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = $2`, "learner@"+w.a.Slug+".example") != 0 {
		t.Error("somebody joined by showing who they are")
	}
}

func TestAKeyInsteadOfASecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, email := w.keeper(t)
	at, which := b.add(t, "")
	if res := w.browser(t).get(w.post.Slug, "/auth/keys/"+which.String()); res.StatusCode != http.StatusNotFound {
		t.Errorf("keys before there are any: %d", res.StatusCode)
	}
	form := w.settings("keyed")
	form.Set("method", "key")
	if res := b.post(w.post.Slug, at+"/edit", form); res.Header.Get("Location") != at+"?done=saved" {
		t.Fatalf("save: %d %s", res.StatusCode, res.body)
	}
	keys := w.browser(t).get(w.post.Slug, "/auth/keys/"+which.String())
	if keys.StatusCode != http.StatusOK || strings.Contains(keys.body, `"d"`) || !strings.Contains(keys.body, `"kid"`) {
		t.Fatalf("the public key: %d %s", keys.StatusCode, keys.body)
	}
	if res := w.browser(t).get(w.a.Slug, "/auth/keys/"+which.String()); res.StatusCode != http.StatusNotFound {
		t.Errorf("at another organization's host: %d", res.StatusCode)
	}
	client := demoop.Client{ID: "keyed", Secret: "none that anybody knows", Keys: []byte(keys.body), RedirectURIs: []string{auth.RedirectURI(baseURL(w.post.Slug), which)}}
	if err := w.op.AddClient(w.a.Slug, client); err != nil {
		t.Fatal(err)
	}
	if res := b.test(t, which, email); res.Header.Get("Location") != at+"?done=tested" {
		t.Errorf("%d to %q; %s", res.StatusCode, res.Header.Get("Location"), b.get(w.post.Slug, at).body)
	}
}

var providerErrandLink = regexp.MustCompile(`/errand/sign-in/[A-Za-z0-9_-]{43}`)

func TestSettingsSentToIT(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, email := w.keeper(t)
	slug := w.post.Slug
	at, which := b.add(t, "dex")
	w.register(t, "sent", which)
	form := w.settings("nothing of this")
	form.Set("client_id", "what was there before")
	b.post(slug, at+"/edit", form)
	if res := b.post(slug, at+"/send", url.Values{"email": {"a@b, c@d"}}); res.StatusCode != http.StatusUnprocessableEntity || res.doc(t).Find("#email").AttrOr("value", "") != "a@b, c@d" {
		t.Errorf("two addresses: %d", res.StatusCode)
	}
	if res := b.post(slug, at+"/send", url.Values{"email": {"Hands@Elsewhere.example"}}); res.Header.Get("Location") != at+"?done=sent" {
		t.Fatalf("send: %d %s", res.StatusCode, res.body)
	}
	var body string
	w.tx(w.post, func(tx *db.Tx) (err error) {
		body, err = db.Row[string](tx, `SELECT body FROM mails WHERE org_id = $1 AND recipient = 'hands@elsewhere.example'`, w.post.OrgID)
		return err
	})
	link := providerErrandLink.FindString(body)
	hands := w.browser(t)
	for range 2 {
		page := hands.get(slug, link)
		if page.StatusCode != http.StatusOK || page.doc(t).Find("#redirect").AttrOr("value", "") != auth.RedirectURI(baseURL(slug), which) || page.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("the page: %d %s", page.StatusCode, page.body)
		}
		if strings.Contains(page.body, "what was there before") || strings.Contains(page.body, email) {
			t.Error("the page tells what was there before, or of people")
		}
	}
	if res := hands.get(w.a.Slug, link); res.StatusCode != http.StatusNotFound {
		t.Errorf("at another organization's host: %d", res.StatusCode)
	}
	empty := w.settings("sent")
	empty.Set("secret", "")
	if res := hands.post(slug, link, empty); res.StatusCode != http.StatusUnprocessableEntity || res.doc(t).Find("#client_id").AttrOr("value", "") != "sent" {
		t.Errorf("without a secret: %d", res.StatusCode)
	}
	if res := hands.post(slug, link, w.settings("sent")); res.StatusCode != http.StatusOK || res.doc(t).Find("form[method=post] #issuer").Length() != 0 {
		t.Fatalf("fill: %d %s", res.StatusCode, res.body)
	}
	for _, res := range []answer{hands.get(slug, link), hands.post(slug, link, w.settings("sent"))} {
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("a second time: %d", res.StatusCode)
		}
	}
	if !strings.Contains(hands.whoami(w.post), "visitor") || hands.get(slug, at).StatusCode != http.StatusUnauthorized {
		t.Error("whoever filled it in is somebody, or sees more")
	}
	if res := b.post(slug, at+"/on", url.Values{}); res.StatusCode != http.StatusConflict {
		t.Errorf("what somebody else filled in is switched on without a test: %d", res.StatusCode)
	}
	b.test(t, which, email)
	if res := b.post(slug, at+"/on", url.Values{}); res.Header.Get("Location") != at+"?done=on" {
		t.Errorf("on: %d", res.StatusCode)
	}
	if res := b.post(slug, at+"/send", url.Values{"email": {"hands@elsewhere.example"}}); res.StatusCode != http.StatusConflict {
		t.Errorf("one that is on is sent: %d", res.StatusCode)
	}
}

// TestNobodyElsesProvider: an administrator reads and changes nothing of another organization's providers.
func TestNobodyElsesProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.keeper(t)
	at := "/admin/sign-in/" + w.a.provider.String()
	for _, to := range []string{at, at + "/edit", at + "/claims", at + "/seen", at + "/health", at + "/remove", at + "/send", "/auth/test/" + w.a.provider.String()} {
		if res := b.get(w.post.Slug, to); res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %d", to, res.StatusCode)
		}
	}
	for _, to := range []string{"/edit", "/claims", "/on", "/off", "/remove", "/send", "/link"} {
		if res := b.post(w.post.Slug, at+to, url.Values{"name": {w.a.Name + " ID"}, "email": {"x@y.example"}}); res.StatusCode != http.StatusNotFound {
			t.Errorf("POST %s: %d", to, res.StatusCode)
		}
	}
	// The same issuer at two organizations is two identities: nobody is anybody at the other.
	email := "learner@" + w.a.Slug + ".example"
	w.browser(t).signIn(w.a, email, "")
	mine, which := b.add(t, "")
	w.register(t, "twin", which)
	b.post(w.post.Slug, mine+"/edit", w.settings("twin"))
	b.test(t, which, "keeper@"+w.post.Slug+".example")
	b.post(w.post.Slug, mine+"/on", url.Values{})
	w.named(t, w.browser(t).signIn(house{Organization: w.post.Organization, provider: which}, email, ""), w.post, "not_invited", "member")
	err := w.db.Tx(scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: w.post.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Administrator}}), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO identities (org_id, provider_id, subject, membership_id) SELECT $1, $2, 'x', membership_id FROM memberships WHERE org_id = $1`, tx.Scope.Org, w.a.provider)
		return err
	})
	if err == nil {
		t.Error("an identity at another organization's provider")
	}
}
