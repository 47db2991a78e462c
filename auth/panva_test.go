package auth_test

import (
	"context"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/learnscape/learnscape/auth"
)

// panva is the provider that the portal is tried against: written by others, and certified by the OpenID Foundation.
const panva = "oidc-provider@9.13.3"

const panvaServer = `import Provider from 'oidc-provider';
const redirect_uris = [process.env.REDIRECT], common = { redirect_uris, response_types: ['code'], grant_types: ['authorization_code'] };
const clients = [{ ...common, client_id: 'secretive', client_secret: 'a secret with spaces & signs +/%' }];
if (process.env.JWKS_URI) clients.push({ ...common, client_id: 'keyed', token_endpoint_auth_method: 'private_key_jwt', jwks: JSON.parse(process.env.JWKS_URI) });
const oidc = new Provider(process.env.ISSUER, {
  clients, cookies: { keys: ['one'] }, pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, email: id, email_verified: true, name: 'Named Elsewhere', groups: ['night', 'editors'] }) }),
});
oidc.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
`

// panvaIssuer runs the provider and returns its issuer; it skips where there is no Node or no package registry.
func panvaIssuer(t *testing.T, redirect, jwks string) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("SKIPPED: no node on this machine; sign-in was not tried against " + panva)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", panva)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: %s cannot be had (%v); sign-in was not tried against it: %.300s", panva, err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.mjs"), []byte(panvaServer), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close() // The provider takes the port.
	issuer := "http://127.0.0.1:" + port
	server := exec.CommandContext(t.Context(), "node", "server.mjs")
	server.Dir = dir
	server.Env = append(os.Environ(), "ISSUER="+issuer, "PORT="+port, "REDIRECT="+redirect, "JWKS_URI="+jwks)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; {
		res, err := http.Get(issuer + "/.well-known/openid-configuration")
		if err == nil {
			_ = res.Body.Close()
			return issuer
		}
		if time.Now().After(deadline) {
			t.Fatalf("the provider does not answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // Another process starts.
	}
}

// atPanva goes through the provider's own pages as somebody, and returns where it sends the browser in the end.
func (b *browser) atPanva(jar http.CookieJar, address, email string) string {
	b.t.Helper()
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Get(address)
	for range 20 {
		if err != nil {
			b.t.Fatal(err)
		}
		doc, perr := goquery.NewDocumentFromReader(res.Body)
		_ = res.Body.Close()
		if perr != nil {
			b.t.Fatal(perr)
		}
		if to, lerr := res.Location(); lerr == nil {
			if strings.HasPrefix(to.String(), baseURL(b.w.post.Slug)) {
				return to.String()
			}
			res, err = c.Get(to.String())
			continue
		}
		form := doc.Find("form")
		at, perr := res.Request.URL.Parse(form.AttrOr("action", ""))
		prompt := form.Find("input[name=prompt]").AttrOr("value", "")
		if perr != nil || prompt == "" {
			b.t.Fatalf("the provider's page at %s: %s", res.Request.URL, doc.Text())
		}
		res, err = c.PostForm(at.String(), url.Values{"prompt": {prompt}, "login": {email}, "password": {"any"}})
	}
	b.t.Fatal("the provider leads in circles")
	return ""
}

// TestAgainstPanva: an administrator sets up a provider that we did not write, with a secret and with a key; people sign in through it,
// and show once more who they are.
func TestAgainstPanva(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, email := w.keeper(t)
	slug := w.post.Slug
	at, which := b.add(t, "")
	form := w.settings("keyed")
	form.Set("method", "key")
	if res := b.post(slug, at+"/edit", form); res.Header.Get("Location") != at+"?done=saved" {
		t.Fatalf("a key: %d %s", res.StatusCode, res.body)
	}
	issuer := panvaIssuer(t, auth.RedirectURI(baseURL(slug), which), b.get(slug, "/auth/keys/"+which.String()).body)
	w.exec(w.post, `UPDATE providers SET name_claim = 'name', team_claim = 'groups' WHERE org_id = $1`)
	w.exec(w.post, `INSERT INTO teams (org_id, team_id, name) VALUES ($1, gen_random_uuid(), 'Night')`)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	test := func() {
		t.Helper()
		to := b.get(slug, "/auth/test/"+which.String()).Header.Get("Location")
		if res := b.get(slug, path(t, b.atPanva(jar, to, email))); res.Header.Get("Location") != at+"?done=tested" {
			t.Errorf("test: to %q; %s", res.Header.Get("Location"), b.get(slug, at).doc(t).Find("[aria-labelledby=health-title]").Text())
		}
	}
	form.Set("issuer", issuer)
	if res := b.post(slug, at+"/edit", form); res.Header.Get("Location") != at+"?done=saved" {
		t.Fatalf("with its key: %d %s", res.StatusCode, res.body)
	}
	test()
	form.Set("method", "secret")
	form.Set("client_id", "secretive")
	form.Set("secret", "a secret with spaces & signs +/%")
	if res := b.post(slug, at+"/edit", form); res.Header.Get("Location") != at+"?done=saved" {
		t.Fatalf("with a secret: %d %s", res.StatusCode, res.body)
	}
	test()
	if res := b.post(slug, at+"/on", url.Values{}); res.Header.Get("Location") != at+"?done=on" {
		t.Fatalf("on: %d", res.StatusCode)
	}
	mine := w.browser(t)
	own, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	through := func() answer {
		return mine.get(slug, path(t, mine.atPanva(own, mine.begin(house{Organization: w.post.Organization, provider: which}, "/learn"), email)))
	}
	// Whoever came by mail before confirms by mail, once, that the account is theirs.
	if res := through(); res.Header.Get("Location") != "/sign-in/sent?done=claimed" {
		t.Fatalf("the first time: %d to %q: %s", res.StatusCode, res.Header.Get("Location"), res.body)
	}
	if res := mine.post(slug, w.lastLink(t, email), url.Values{}); res.Header.Get("Location") != "/learn" {
		t.Fatalf("confirmed: %d %s", res.StatusCode, res.body)
	}
	in := through()
	if in.Header.Get("Location") != "/learn" || !strings.Contains(mine.whoami(w.post), email) {
		t.Fatalf("sign-in: %d to %q: %s", in.StatusCode, in.Header.Get("Location"), in.body)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM memberships m JOIN team_members x ON x.org_id = m.org_id AND x.membership_id = m.membership_id AND x.source = 'claim' WHERE m.org_id = $1 AND m.email = $2 AND m.name = 'Named Elsewhere'`, email); n != 1 {
		t.Error("name and teams did not come along from userinfo")
	}
	w.away()
	again := mine.get(slug, "/auth/again/start?return_to="+at+"/edit").Header.Get("Location")
	if res := mine.get(slug, path(t, mine.atPanva(own, again, email))); res.Header.Get("Location") != at+"/edit" || mine.get(slug, at+"/edit").StatusCode != http.StatusOK {
		t.Errorf("again: %d to %q: %s", res.StatusCode, res.Header.Get("Location"), res.body)
	}
	// A code is worth nothing a second time, or in another browser.
	stolen := path(t, mine.atPanva(own, mine.get(slug, "/auth/again/start").Header.Get("Location"), email))
	w.refused(t, w.browser(t).get(slug, stolen), w.post, "other_browser")
}
