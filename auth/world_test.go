package auth_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/auth/pages"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// world is two organizations with providers of their own, a third that signs in by email, and the portal around them.
type world struct {
	t        testing.TB
	db       *db.DB
	tenants  *tenants.Service
	keys     *secret.Keyring
	mail     *mail.Service
	op       *demoop.OP
	svc      *auth.Service
	app      *fiber.App
	a, b     house
	post     house // signs in by email
	mu       sync.Mutex
	advanced time.Duration
}

type house struct {
	tenants.Organization
	provider id.Provider
	client   string
}

const base = "localhost:8080"

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, db: dbtest.Open(t)}
	w.tenants = tenants.New(w.db, base)
	log := slog.New(slog.DiscardHandler)
	client, err := jobs.NewClient(t.Context(), dbtest.OwnerDSN(t, "learnscape_app"), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if w.keys, err = secret.NewKeyring(secret.Key{ID: "k1", Bytes: []byte("0123456789abcdef0123456789abcdef")}); err != nil {
		t.Fatal(err)
	}
	w.mail = mail.New(w.db, client, mail.Outbox{}, "test.example")

	srv := httptest.NewUnstartedServer(nil)
	opBase := "http://" + srv.Listener.Addr().String()
	w.a, w.b, w.post = w.house("oidc"), w.house("oidc"), w.house("email")
	var issuers []demoop.Issuer
	for _, h := range []house{w.a, w.b} {
		issuers = append(issuers, demoop.Issuer{
			Slug: h.Slug, Name: h.Name + " sign-in",
			Clients: []demoop.Client{{
				ID: h.client, Secret: "s3cret of " + h.Slug, RedirectURIs: []string{auth.RedirectURI(baseURL(h.Slug), h.provider)}, LogoutURIs: []string{baseURL(h.Slug) + "/signed-out"},
			}},
			People: []demoop.Person{
				{Email: "learner@" + h.Slug + ".example", Name: "Mara Lindqvist", Title: "Shift lead"},
				{Email: "admin@" + h.Slug + ".example", Name: "Jonas Weber"},
				{Email: "someone@elsewhere.example", Name: "Foreign Address"},
				{Email: "keeper@" + w.post.Slug + ".example", Name: "Keeper of the Post"},
				{Email: "other@" + w.post.Slug + ".example", Name: "Other of the Post"},
			},
		})
	}
	if w.op, err = demoop.New(demoop.Config{Base: opBase, Issuers: issuers, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = w.op
	srv.Start()
	t.Cleanup(srv.CloseClientConnections)
	t.Cleanup(srv.Close)
	for _, h := range []house{w.a, w.b} {
		w.tx(h, func(tx *db.Tx) error {
			_, err := auth.PutProvider(tx, w.keys, auth.NewProvider{
				ProviderID: h.provider, Name: h.Name + " ID", Issuer: w.op.IssuerURL(h.Slug), ClientID: h.client, ClientSecret: secret.Secret("s3cret of " + h.Slug),
			})
			return err
		})
	}
	w.restart(10 * time.Second) // Signing keys are made on the first request, on busy machines slowly.
	return w
}

func baseURL(slug string) string {
	if slug == "" {
		return "http://" + base
	}
	return "http://" + slug + "." + base
}

func (w *world) house(signIn string) house {
	w.t.Helper()
	org := id.New[id.Org]()
	slug := "h" + strings.ReplaceAll(org.String(), "-", "")
	o, err := w.tenants.CreateOrganization(dbtest.System(w.t, scope.Operator, org), tenants.NewOrganization{
		OrgID: org, Slug: slug, Name: "House " + slug[24:], Short: "Ho", Color: "#065f5b", Hue: 180, Chroma: .09, Locale: "en", SignIn: signIn, Domains: []string{slug + ".example"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return house{Organization: o, provider: id.New[id.Provider](), client: "learnscape-" + slug}
}

// restart makes a portal that remembers nothing of any provider and waits as long as timeout for one.
func (w *world) restart(timeout time.Duration) {
	w.t.Helper()
	svc, err := auth.New(auth.Deps{
		DB: w.db, Tenants: w.tenants, Mail: w.mail, Keys: w.keys, Egress: egress.New(egress.Options{AllowLoopback: true, Timeout: timeout}), BaseURL: baseURL, Now: w.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.svc = svc
	w.app = fiber.New(fiber.Config{Immutable: true, ReadBufferSize: 16 << 10, DisableStartupMessage: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		key, _ := errs.MessageKey(err)
		return c.Status(errs.Status(errs.KindOf(err))).SendString(key + " " + err.Error())
	}})
	w.app.Use(pages.Middleware(svc, nil))
	w.app.Get("/whoami", func(c *fiber.Ctx) error {
		s, err := scope.From(c.UserContext())
		if err != nil {
			return err
		}
		m, _ := auth.Current(c.UserContext())
		return c.JSON(map[string]string{"actor": string(s.Actor), "org": s.Org.String(), "email": m.Email})
	})
	pages.New(svc).Mount(w.app)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().UTC().Add(w.advanced)
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advanced += d
}

func (w *world) tx(h house, fn func(*db.Tx) error) {
	w.t.Helper()
	if err := w.db.Tx(dbtest.System(w.t, scope.Operator, h.OrgID), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) count(h house, q string, args ...any) int {
	w.t.Helper()
	var n int
	w.tx(h, func(tx *db.Tx) (err error) {
		n, err = db.Row[int](tx, q, append([]any{h.OrgID}, args...)...)
		return err
	})
	return n
}

func (w *world) sessions(h house) int {
	return w.count(h, `SELECT count(*)::int FROM sessions WHERE org_id = $1`)
}

func (w *world) exec(h house, q string, args ...any) {
	w.t.Helper()
	w.tx(h, func(tx *db.Tx) error {
		_, err := tx.Exec(q, append([]any{h.OrgID}, args...)...)
		return err
	})
}

// browser keeps cookies by host, as a browser does.
type browser struct {
	w       *world
	t       testing.TB
	cookies map[string]map[string]string
}

func (w *world) browser(t testing.TB) *browser {
	t.Helper()
	return &browser{w: w, t: t, cookies: map[string]map[string]string{}}
}

type answer struct {
	*http.Response
	body string
}

func (a answer) doc(t testing.TB) *goquery.Document {
	t.Helper()
	d, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (b *browser) get(h, path string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, h, path, nil)
}

func (b *browser) post(h, path string, form url.Values) answer {
	b.t.Helper()
	return b.do(http.MethodPost, h, path, form)
}

// do asks the portal at the host of a slug.
func (b *browser) do(method, slug, path string, form url.Values) answer {
	b.t.Helper()
	host := strings.TrimPrefix(baseURL(slug), "http://")
	req := httptest.NewRequestWithContext(context.Background(), method, "http://"+host+path, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for n, v := range b.cookies[slug] {
		req.AddCookie(&http.Cookie{Name: n, Value: v})
	}
	res, err := b.w.app.Test(req, -1)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read whole.
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if b.cookies[slug] == nil {
			b.cookies[slug] = map[string]string{}
		}
		if c.Value == "" || c.MaxAge < 0 {
			delete(b.cookies[slug], c.Name)
			continue
		}
		b.cookies[slug][c.Name] = c.Value
	}
	return answer{res, string(body)}
}

// path of an address at the portal.
func path(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

// begin starts at the portal and returns the provider's address.
func (b *browser) begin(h house, to string) string {
	b.t.Helper()
	q := ""
	if to != "" {
		q = "?" + url.Values{"return_to": {to}}.Encode()
	}
	res := b.get(h.Slug, "/auth/start/"+h.provider.String()+q)
	if res.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("start: %d %s", res.StatusCode, res.body)
	}
	return res.Header.Get("Location")
}

// choose says who one is at the provider and returns where it sends the browser.
func (b *browser) choose(address, email string) string {
	b.t.Helper()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.PostForm(address, url.Values{"email": {email}})
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Nothing to read.
	if res.StatusCode != http.StatusSeeOther {
		body, _ := io.ReadAll(res.Body)
		b.t.Fatalf("choose: %d %s", res.StatusCode, body)
	}
	return res.Header.Get("Location")
}

// signIn goes the whole way and returns the portal's last answer.
func (b *browser) signIn(h house, email, to string) answer {
	b.t.Helper()
	return b.get(h.Slug, path(b.t, b.choose(b.begin(h, to), email)))
}

func (b *browser) whoami(h house) string { return b.get(h.Slug, "/whoami").body }
