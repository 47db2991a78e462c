package auth_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/auth/pages"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// hosted is a world behind https whose email house has hosts of its own.
type hosted struct {
	*world

	email    string
	slugHost string // {slug}.{base}
	own      string // the canonical host, a name under a verified domain
	second   string // another one
}

func newHosted(t *testing.T) *hosted {
	t.Helper()
	w := &hosted{world: newWorld(t)}
	w.email, w.slugHost = "driver@"+w.post.Slug+".example", w.post.Slug+"."+base
	w.own, w.second = "learn."+w.post.Slug+".example:8080", w.post.Slug+".example:8080"
	secure := func(slug string) string { return strings.Replace(baseURL(slug), "http://", "https://", 1) }
	svc, err := auth.New(auth.Deps{
		DB: w.db, Tenants: w.tenants, Mail: w.mail, Keys: w.keys, Egress: egress.New(egress.Options{AllowLoopback: true}), BaseURL: secure, Production: true, Now: w.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.svc = svc
	w.app = fiber.New(fiber.Config{Immutable: true, ReadBufferSize: 16 << 10, DisableStartupMessage: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		key, _ := errs.MessageKey(err)
		return c.Status(errs.Status(errs.KindOf(err))).SendString(key)
	}})
	w.app.Use(pages.Middleware(svc, nil))
	w.app.Get("/whoami", func(c *fiber.Ctx) error {
		m, _ := auth.Current(c.UserContext())
		return c.SendString("I am " + m.Email)
	})
	w.app.Post("/whoami", func(c *fiber.Ctx) error { return c.SendString("taken") })
	pages.New(svc).Mount(w.app)
	w.tx(w.post, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Driver", Email: w.email})
		return err
	})
	for _, host := range []string{w.own, w.second} {
		if _, err := w.tenants.AddHost(w.admin(w.post), tenants.Hostname(host)); err != nil {
			t.Fatal(err)
		}
	}
	w.canonical(w.own)
	return w
}

func (w *hosted) admin(h house) context.Context {
	return dbtest.As(w.t, h.OrgID, id.New[id.Membership](), id.New[id.Person](), scope.Administrator)
}

func (w *hosted) canonical(host string) {
	w.t.Helper()
	if err := w.tenants.MakeCanonical(w.admin(w.post), tenants.Hostname(host)); err != nil {
		w.t.Fatal(err)
	}
}

// visitor is a browser that keeps cookies by host and follows nothing by itself.
type visitor struct {
	w       *hosted
	cookies map[string]map[string]string
}

func (w *hosted) visitor() *visitor { return &visitor{w, map[string]map[string]string{}} }

func (v *visitor) do(method, address string, form url.Values) answer {
	v.w.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		v.w.t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(context.Background(), method, address, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for n, val := range v.cookies[u.Host] {
		req.AddCookie(&http.Cookie{Name: n, Value: val})
	}
	res, err := v.w.app.Test(req, -1)
	if err != nil {
		v.w.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read whole.
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.w.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if v.cookies[u.Host] == nil {
			v.cookies[u.Host] = map[string]string{}
		}
		if c.Value == "" || c.MaxAge < 0 {
			delete(v.cookies[u.Host], c.Name)
			continue
		}
		v.cookies[u.Host][c.Name] = c.Value
	}
	return answer{res, string(body)}
}

func (v *visitor) get(host, path string) answer {
	v.w.t.Helper()
	return v.do(http.MethodGet, "https://"+host+path, nil)
}

// follow goes on where answers lead, until one does not.
func (v *visitor) follow(a answer) answer {
	v.w.t.Helper()
	for range 10 {
		to := a.Header.Get("Location")
		if to == "" {
			return a
		}
		u, err := a.Request.URL.Parse(to)
		if err != nil {
			v.w.t.Fatal(err)
		}
		a = v.do(http.MethodGet, u.String(), nil)
		a.Request.URL = u
	}
	v.w.t.Fatal("a loop")
	return a
}

func (v *visitor) begin(host, path string) answer {
	v.w.t.Helper()
	a := v.get(host, path)
	a.Request, _ = http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+host+path, nil)
	return a
}

// signIn goes from the host's sign-in to the address with the code, which it does not open.
func (v *visitor) signIn(host, back string) (code string) {
	v.w.t.Helper()
	v.w.exec(v.w.post, `DELETE FROM sign_in_tries WHERE org_id = $1`)
	to := v.get(host, "/sign-in?return_to="+url.QueryEscape(back)).Header.Get("Location")
	if !strings.HasPrefix(to, "https://"+v.w.slugHost+"/sign-in?return_to=%2Fhand-over%2F") {
		v.w.t.Fatalf("the sign-in at %s goes on at %q", host, to)
	}
	u, _ := url.Parse(to)
	if a := v.do(http.MethodPost, "https://"+v.w.slugHost+"/sign-in/email?"+u.RawQuery, url.Values{"email": {v.w.email}}); a.StatusCode != http.StatusSeeOther {
		v.w.t.Fatalf("ask for a link: %d %s", a.StatusCode, a.body)
	}
	var body string
	v.w.tx(v.w.post, func(tx *db.Tx) (err error) {
		body, err = db.Row[string](tx, `SELECT body FROM mails WHERE org_id = $1 ORDER BY created_at DESC, mail_id DESC LIMIT 1`, v.w.post.OrgID)
		return err
	})
	link := mailed.FindString(body)
	a := v.do(http.MethodPost, "https://"+v.w.slugHost+link, url.Values{})
	hand := a.Header.Get("Location")
	if !strings.HasPrefix(hand, "/hand-over/") {
		v.w.t.Fatalf("the link leads to %q: %d %s", hand, a.StatusCode, a.body)
	}
	code = v.get(v.w.slugHost, hand).Header.Get("Location")
	if !strings.HasPrefix(code, "https://"+host+"/hand-over?code=") {
		v.w.t.Fatalf("handed over to %q", code)
	}
	return code
}

func (v *visitor) whoami(host string) string {
	v.w.t.Helper()
	return v.get(host, "/whoami").body
}

func refusedFor(t *testing.T, a answer, reason string) {
	t.Helper()
	if a.Header.Get("X-Sign-In-Reason") != reason || a.StatusCode < 400 {
		t.Errorf("answered %d for %q, want refused for %s: %.300s", a.StatusCode, a.Header.Get("X-Sign-In-Reason"), reason, a.body)
	}
}

func TestSignInOnAHostOfOnesOwn(t *testing.T) {
	t.Parallel()
	w := newHosted(t)
	v := w.visitor()
	code := v.signIn(w.own, "/path/7")
	a := v.do(http.MethodGet, code, nil)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/path/7" || a.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("with the code: %d %q", a.StatusCode, a.Header.Get("Location"))
	}
	if who := v.whoami(w.own); who != "I am "+w.email {
		t.Fatalf("on the own host: %s", who)
	}
	if v.cookies[w.own]["__Host-sid"] == v.cookies[w.slugHost]["__Host-sid"] {
		t.Error("both hosts have one session's token")
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM sessions s JOIN sessions p ON p.org_id = s.org_id AND p.session_id = s.handed_from WHERE s.org_id = $1 AND s.expires_at = p.expires_at`); n != 1 {
		t.Errorf("%d sessions were handed over and end with the one they came from", n)
	}
	// Whoever begins again on the own host needs nobody's mail: the sign-in at {slug}.{base} stands.
	delete(v.cookies, w.own)
	if a := v.follow(v.begin(w.own, "/sign-in?return_to=/whoami")); a.body != "I am "+w.email || a.Request.URL.Host != w.own {
		t.Errorf("a second time: %s at %s", a.body, a.Request.URL)
	}
	// The front of {slug}.{base} leads to the same place.
	if a := v.follow(v.begin(w.slugHost, "/sign-in?return_to=/whoami")); a.body != "I am "+w.email || a.Request.URL.Host != w.own {
		t.Errorf("from {slug}.{base}: %s at %s", a.body, a.Request.URL)
	}
	// Signing out on the own host leaves no way back in.
	if a := v.do(http.MethodPost, "https://"+w.own+"/sign-out", url.Values{}); a.Header.Get("Location") != "/signed-out" {
		t.Fatalf("sign out: %d", a.StatusCode)
	}
	if who := v.whoami(w.own); who != "I am " || w.sessions(w.post) != 0 {
		t.Errorf("after signing out: %s, %d sessions", who, w.sessions(w.post))
	}
	if a := v.follow(v.begin(w.own, "/sign-in")); a.Request.URL.Host != w.slugHost || !strings.Contains(a.body, `name="email"`) {
		t.Errorf("after signing out, signing in again: %s %.200s", a.Request.URL, a.body)
	}
}

//nolint:paralleltest // The parts share the counted tries of one house.
func TestForeignHandOvers(t *testing.T) {
	t.Parallel()
	w := newHosted(t)
	none := func(t *testing.T, v *visitor, hosts ...string) {
		t.Helper()
		for _, h := range hosts {
			if v.cookies[h]["__Host-sid"] != "" {
				t.Errorf("a session on %s", h)
			}
		}
	}
	t.Run("a second time", func(t *testing.T) {
		v := w.visitor()
		code := v.signIn(w.own, "/")
		v.do(http.MethodGet, code, nil)
		before := v.cookies[w.own]["__Host-sid"]
		refusedFor(t, v.do(http.MethodGet, code, nil), "expired")
		if before == "" || v.cookies[w.own]["__Host-sid"] != before {
			t.Error("a used code changed the session")
		}
	})
	t.Run("a code without the cookie", func(t *testing.T) {
		v, thief := w.visitor(), w.visitor()
		code := v.signIn(w.own, "/")
		refusedFor(t, thief.do(http.MethodGet, code, nil), "other_browser")
		none(t, thief, w.own)
		// And it is used up, also for whoever has the cookie.
		refusedFor(t, v.do(http.MethodGet, code, nil), "expired")
		none(t, v, w.own)
	})
	t.Run("a code in a browser that began something else", func(t *testing.T) {
		v, thief := w.visitor(), w.visitor()
		thief.get(w.own, "/sign-in")
		refusedFor(t, thief.do(http.MethodGet, v.signIn(w.own, "/"), nil), "other_browser")
		none(t, thief, w.own)
	})
	t.Run("a link to somebody else's hand-over signs nobody in", func(t *testing.T) {
		// The thief begins, and lets a signed-in person open the way on: the code goes to a browser without the thief's cookie.
		v, thief := w.visitor(), w.visitor()
		v.do(http.MethodGet, v.signIn(w.own, "/"), nil)
		to, _ := url.Parse(thief.get(w.own, "/sign-in").Header.Get("Location"))
		code := v.get(w.slugHost, to.Query().Get("return_to")).Header.Get("Location")
		refusedFor(t, v.do(http.MethodGet, code, nil), "other_browser")
		refusedFor(t, thief.do(http.MethodGet, code, nil), "expired")
		none(t, thief, w.own)
	})
	t.Run("a code after a minute", func(t *testing.T) {
		v := w.visitor()
		code := v.signIn(w.own, "/")
		w.exec(w.post, `UPDATE hand_overs SET expires_at = $2 WHERE org_id = $1`, time.Now().Add(-time.Second))
		refusedFor(t, v.do(http.MethodGet, code, nil), "expired")
		none(t, v, w.own)
	})
	t.Run("on another host of the organization", func(t *testing.T) {
		v := w.visitor()
		u, _ := url.Parse(v.signIn(w.own, "/"))
		v.cookies[w.second] = v.cookies[w.own]
		refusedFor(t, v.get(w.second, u.RequestURI()), "unverified")
		none(t, v, w.second)
	})
	t.Run("on another organization's host", func(t *testing.T) {
		v := w.visitor()
		other := "learn." + w.a.Slug + ".example:8080"
		if _, err := w.tenants.AddHost(w.admin(w.a), tenants.Hostname(other)); err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(v.signIn(w.own, "/"))
		for _, host := range []string{other, w.a.Slug + "." + base} {
			v.cookies[host] = v.cookies[w.own]
			refusedFor(t, v.get(host, u.RequestURI()), "expired")
			none(t, v, host)
		}
		// Neither does its session open anything of the other's.
		v.do(http.MethodGet, u.String(), nil)
		v.cookies[other] = v.cookies[w.own]
		if who := v.get(other, "/admin/domains").body; strings.Contains(who, w.email) {
			t.Errorf("a session of another organization: %s", who)
		}
	})
	t.Run("a session that ended meanwhile", func(t *testing.T) {
		v := w.visitor()
		code := v.signIn(w.own, "/")
		w.exec(w.post, `DELETE FROM sessions WHERE org_id = $1`)
		refusedFor(t, v.do(http.MethodGet, code, nil), "expired")
		none(t, v, w.own)
	})
	t.Run("a membership that ended meanwhile", func(t *testing.T) {
		v := w.visitor()
		code := v.signIn(w.own, "/")
		w.exec(w.post, `UPDATE memberships SET state = 'left' WHERE org_id = $1`)
		refusedFor(t, v.do(http.MethodGet, code, nil), "expired")
		none(t, v, w.own)
		w.exec(w.post, `UPDATE memberships SET state = 'active' WHERE org_id = $1`)
	})
	t.Run("made up", func(t *testing.T) {
		v := w.visitor()
		v.get(w.own, "/sign-in")
		for _, code := range []string{"", "x", strings.Repeat("A", 43), "' OR 1=1 --", strings.Repeat("A", 5000)} {
			refusedFor(t, v.get(w.own, "/hand-over?code="+url.QueryEscape(code)), "expired")
		}
		if a := v.get(w.slugHost, "/hand-over/"+strings.Repeat("A", 43)); !strings.HasPrefix(a.Header.Get("Location"), "/sign-in") {
			t.Errorf("a hand-over that nobody began, without a session: %d %q", a.StatusCode, a.Header.Get("Location"))
		}
		if a := v.get(w.own, "/hand-over/"+strings.Repeat("A", 43)); a.StatusCode != http.StatusNotFound {
			t.Errorf("the way of {slug}.{base} on the own host: %d", a.StatusCode)
		}
	})
}

func TestAllHostsLeadToOne(t *testing.T) {
	t.Parallel()
	w := newHosted(t)
	v := w.visitor()
	for _, from := range []string{w.slugHost, w.second, strings.ToUpper(w.slugHost)} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if a := v.do(method, "https://"+from+"/path/7/x%20y?q=a%26b&c=d", nil); a.StatusCode != http.StatusPermanentRedirect || a.Header.Get("Location") != "https://"+w.own+"/path/7/x%20y?q=a%26b&c=d" {
				t.Errorf("%s %s: %d %q", method, from, a.StatusCode, a.Header.Get("Location"))
			}
		}
		if a := v.do(http.MethodPost, "https://"+from+"/whoami", url.Values{"a": {"b"}}); a.StatusCode != http.StatusConflict || a.Header.Get("Location") != "" {
			t.Errorf("POST %s: %d %q", from, a.StatusCode, a.Header.Get("Location"))
		}
		if a := v.get(from, "//evil.example/x"); !strings.HasPrefix(a.Header.Get("Location"), "https://"+w.own+"/") {
			t.Errorf("two slashes at %s lead to %q", from, a.Header.Get("Location"))
		}
	}
	if a := v.do(http.MethodPost, "https://"+w.own+"/whoami", url.Values{}); a.body != "taken" {
		t.Errorf("POST on the canonical host: %d %s", a.StatusCode, a.body)
	}
	// A host that only looks like one, and the parts of a sign-in that belong to {slug}.{base}.
	for _, host := range []string{"xlearn." + w.post.Slug + ".example", "learn." + w.post.Slug + ".example.evil.test", "a.learn." + w.post.Slug + ".example", "learn-" + w.post.Slug + ".example", "learn." + w.post.Slug + ".examplé"} {
		if a := v.get(host, "/whoami"); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", host, a.StatusCode)
		}
	}
	for _, path := range []string{"/sign-in/sent", "/sign-in/link/" + strings.Repeat("A", 43), "/auth/callback/" + id.New[id.Provider]().String()} {
		if a := v.get(w.own, path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s on the own host: %d", path, a.StatusCode)
		}
	}
	if a := v.do(http.MethodPost, "https://"+w.own+"/sign-in/email", url.Values{"email": {w.email}}); a.StatusCode != http.StatusNotFound {
		t.Errorf("a link asked for on the own host: %d", a.StatusCode)
	}
	// The front door leads to the canonical host.
	a := v.do(http.MethodPost, "https://"+base+"/sign-in?return_to=/path/7", url.Values{"email": {w.email}})
	if href := a.doc(t).Find(".signin-found a").AttrOr("href", ""); href != "https://"+w.own+"/sign-in?return_to=%2Fpath%2F7" {
		t.Errorf("the front door leads to %q", href)
	}
	// Other hosts lead on when it changes, and a page on which hosts are changed is there on each.
	w.canonical(w.second)
	if a := v.get(w.own, "/x"); a.Header.Get("Location") != "https://"+w.second+"/x" {
		t.Errorf("after the change: %q", a.Header.Get("Location"))
	}
	for _, host := range []string{w.slugHost, w.own, w.second} {
		if a := v.get(host, "/admin/domains"); a.StatusCode == http.StatusPermanentRedirect {
			t.Errorf("the page of hosts on %s leads to %q", host, a.Header.Get("Location"))
		}
	}
	// Whoever tries a host that is not the address yet signs in there for that page alone.
	if a := v.get(w.own, "/sign-in?return_to=/learn"); a.Header.Get("Location") != "https://"+w.second+"/sign-in?return_to=%2Flearn" {
		t.Errorf("to learn: %q", a.Header.Get("Location"))
	}
	if a := v.get(w.own, "/sign-in?return_to=/admin/domains"); !strings.HasPrefix(a.Header.Get("Location"), "https://"+w.slugHost+"/sign-in") {
		t.Errorf("to the page of hosts: %q", a.Header.Get("Location"))
	}
	// A domain that is lost takes its hosts with it, and {slug}.{base} is the address again.
	w.exec(w.post, `UPDATE domains SET verified_at = NULL, lost_at = now() WHERE org_id = $1`)
	fresh := &hosted{world: w.world}
	fresh.tenants = tenants.New(w.db, base)
	ctx := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	if _, err := fresh.tenants.ByHost(ctx, w.second); !errs.Is(err, errs.NotFound) {
		t.Errorf("a host of a lost domain: %v", err)
	}
	if o, err := fresh.tenants.ByHost(ctx, w.slugHost); err != nil || o.Host != "" {
		t.Errorf("the address afterwards: %q, %v", o.Host, err)
	}
}

// TestALostDomainLetsNobodyNewIn: whoever joined by it stays signed in.
func TestALostDomainLetsNobodyNewIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t)
	b.signIn(w.a, "learner@"+w.a.Slug+".example", "")
	w.exec(w.a, `UPDATE domains SET verified_at = NULL, lost_at = now() WHERE org_id = $1`)
	if who := b.whoami(w.a); !strings.Contains(who, "learner@") {
		t.Errorf("a session ended with the domain: %s", who)
	}
	if b := w.browser(t); !strings.Contains(b.signIn(w.a, "learner@"+w.a.Slug+".example", "").Header.Get("Location"), "/") || !strings.Contains(b.whoami(w.a), "learner@") {
		t.Error("whoever is a member cannot sign in any more")
	}
	w.refused(t, w.browser(t).signIn(w.a, "admin@"+w.a.Slug+".example", ""), w.a, "not_invited")
	if _, err := w.tenants.ByDomain(scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor}), w.a.Slug+".example"); !errs.Is(err, errs.NotFound) {
		t.Errorf("the front door: %v", err)
	}
}
