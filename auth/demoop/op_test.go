package demoop_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/learnscape/learnscape/auth/demoop"
)

const (
	opBase   = "http://127.0.0.1:8081"
	callback = "http://halden.localhost:8080/auth/callback/1"
	verifier = "0123456789012345678901234567890123456789012"
)

func newOP(t *testing.T) (*demoop.OP, *atomic.Int64) {
	t.Helper()
	var ahead atomic.Int64
	op, err := demoop.New(demoop.Config{
		Base: opBase, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Issuers: []demoop.Issuer{{
			Slug: "halden", Name: "Halden sign-in",
			Clients: []demoop.Client{
				{ID: "portal", Secret: "a:b c", RedirectURIs: []string{callback}, LogoutURIs: []string{"http://halden.localhost:8080/signed-out"}},
				{ID: "other", Secret: "x", RedirectURIs: []string{callback}},
			},
			People: []demoop.Person{{Email: "learner@halden.example", Name: "Mara <b>Lindqvist</b>", Title: "Lead"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return op, &ahead
}

func request() url.Values {
	sum := sha256.Sum256([]byte(verifier))
	return url.Values{
		"response_type": {"code"}, "client_id": {"portal"}, "redirect_uri": {callback}, "scope": {"openid email"}, "state": {"st"}, "nonce": {"no"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
}

func do(t *testing.T, op *demoop.OP, method, path string, form url.Values, basic ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, opBase+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if len(basic) == 2 {
		r.SetBasicAuth(url.QueryEscape(basic[0]), url.QueryEscape(basic[1]))
	}
	rec := httptest.NewRecorder()
	op.ServeHTTP(rec, r)
	return rec.Result()
}

func code(t *testing.T, op *demoop.OP) string {
	t.Helper()
	res := do(t, op, http.MethodPost, "/halden/authorize?"+request().Encode(), url.Values{"email": {"Learner@halden.example"}})
	u, err := url.Parse(res.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(u.String(), callback) || u.Query().Get("state") != "st" || u.Query().Get("iss") != opBase+"/halden" {
		t.Fatalf("%d to %s", res.StatusCode, u)
	}
	return u.Query().Get("code")
}

func redeem(t *testing.T, op *demoop.OP, change map[string]string, basic ...string) (int, map[string]any) {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	for k, v := range change {
		form.Set(k, v)
	}
	res := do(t, op, http.MethodPost, "/halden/token", form, basic...)
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, out
}

func TestCodes(t *testing.T) {
	t.Parallel()
	op, ahead := newOP(t)
	first := code(t, op)
	status, out := redeem(t, op, map[string]string{"code": first}, "portal", "a:b c")
	if status != http.StatusOK || out["id_token"] == "" {
		t.Fatalf("%d %v", status, out)
	}
	user := func(token any) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, opBase+"/halden/userinfo", nil)
		r.Header.Set("Authorization", fmt.Sprint("Bearer ", token))
		rec := httptest.NewRecorder()
		op.ServeHTTP(rec, r)
		return rec.Code
	}
	if got := user(out["access_token"]); got != http.StatusOK {
		t.Errorf("userinfo: %d", got)
	}
	if status, _ := redeem(t, op, map[string]string{"code": first}, "portal", "a:b c"); status != http.StatusBadRequest {
		t.Errorf("a code works twice: %d", status)
	}
	if got := user(out["access_token"]); got != http.StatusUnauthorized {
		t.Errorf("the token of a code that was used twice: %d", got)
	}
	if status, _ := redeem(t, op, map[string]string{"code": code(t, op), "client_id": "portal", "client_secret": "a:b c"}); status != http.StatusOK {
		t.Errorf("client_secret_post: %d", status)
	}
	for name, c := range map[string]struct {
		change map[string]string
		client string
		secret string
		want   int
	}{
		"another verifier": {map[string]string{"code_verifier": verifier + "x"}, "portal", "a:b c", 400},
		"no verifier":      {map[string]string{"code_verifier": ""}, "portal", "a:b c", 400},
		"another address":  {map[string]string{"redirect_uri": callback + "x"}, "portal", "a:b c", 400},
		"another client":   {nil, "other", "x", 400},
		"a wrong secret":   {nil, "portal", "x", 401},
		"no client":        {nil, "nobody", "", 401},
		"another grant":    {map[string]string{"grant_type": "password"}, "portal", "a:b c", 400},
	} {
		change := map[string]string{"code": code(t, op)}
		maps.Copy(change, c.change)
		if status, _ := redeem(t, op, change, c.client, c.secret); status != c.want {
			t.Errorf("%s: %d, want %d", name, status, c.want)
		}
	}
	late := code(t, op)
	ahead.Store(int64(61 * time.Second))
	if status, _ := redeem(t, op, map[string]string{"code": late}, "portal", "a:b c"); status != http.StatusBadRequest {
		t.Errorf("a code after 61 seconds: %d", status)
	}
}

func TestAuthorizePage(t *testing.T) {
	t.Parallel()
	op, _ := newOP(t)
	res := do(t, op, http.MethodGet, "/halden/authorize?"+request().Encode(), nil)
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Find(`form[method=post] input[name=email]`).Length() != 1 || doc.Find(`button[name=email][value="learner@halden.example"]`).Length() != 1 || doc.Find("b b").Length() != 0 {
		t.Error("the page lacks the field or the person, or runs a name as HTML")
	}
	csp := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "form-action 'self' http://halden.localhost:8080;") || doc.Find("script, style, [style]").Length() != 0 {
		t.Errorf("policy %q", csp)
	}
	for name, c := range map[string]struct{ key, value, want string }{
		"another address is told here": {"redirect_uri", "https://evil.example/", ""},
		"an unknown client too":        {"client_id", "x", ""},
		"no PKCE goes back":            {"code_challenge", "", "invalid_request"},
		"plain PKCE goes back":         {"code_challenge_method", "plain", "invalid_request"},
		"another response type":        {"response_type", "token", "unsupported_response_type"},
		"no openid":                    {"scope", "email", "invalid_scope"},
		"silently there is no sign-in": {"prompt", "none", "login_required"},
	} {
		q := request()
		q.Set(c.key, c.value)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			res := do(t, op, method, "/halden/authorize?"+q.Encode(), url.Values{"email": {"learner@halden.example"}})
			loc := res.Header.Get("Location")
			if c.want == "" && (res.StatusCode != http.StatusBadRequest || loc != "") {
				t.Errorf("%s: %d to %q", name, res.StatusCode, loc)
			}
			if c.want != "" && (!strings.HasPrefix(loc, callback+"?") || !strings.Contains(loc, "error="+c.want)) {
				t.Errorf("%s: %d to %q", name, res.StatusCode, loc)
			}
		}
	}
	res = do(t, op, http.MethodPost, "/halden/authorize?"+request().Encode(), url.Values{"email": {"nobody@halden.example"}})
	if loc := res.Header.Get("Location"); !strings.Contains(loc, "error=access_denied") || !strings.Contains(loc, "state=st") {
		t.Errorf("somebody unknown: %q", loc)
	}
	if res := do(t, op, http.MethodGet, "/nobody/authorize", nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown issuer: %d", res.StatusCode)
	}
	if res := do(t, op, http.MethodGet, "/style.css", nil); !strings.HasPrefix(res.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	op, _ := newOP(t)
	_, out := redeem(t, op, map[string]string{"code": code(t, op)}, "portal", "a:b c")
	hint, _ := out["id_token"].(string)
	to := func(hint, back string) string {
		res := do(t, op, http.MethodGet, "/halden/logout?"+url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {back}}.Encode(), nil)
		b, _ := io.ReadAll(res.Body)
		if res.Header.Get("Location") == "" && !strings.Contains(string(b), "signed out") {
			t.Errorf("page %q", b)
		}
		return res.Header.Get("Location")
	}
	own := "http://halden.localhost:8080/signed-out"
	if got := to(hint, own); got != own {
		t.Errorf("leads to %q", got)
	}
	for _, c := range [][2]string{{hint, "https://evil.example/"}, {"", own}, {hint[:len(hint)-4] + "AAAA", own}} {
		if got := to(c[0], c[1]); got != "" {
			t.Errorf("leads to %q", got)
		}
	}
}
