package webtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// Client returns an HTTP client that is signed in as the address at its own organization's host, or a visitor's for "". It
// resolves *.localhost, which Go does not, and sends what a browser sends from a page of the same host.
func (d *Demo) Client(t testing.TB, email string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: sameOrigin{&http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			if host == "localhost" || strings.HasSuffix(host, ".localhost") {
				host = "127.0.0.1"
			}
			return dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
		},
	}}}
	if email == "" {
		return client
	}
	_, domain, _ := strings.Cut(email, "@")
	d.signIn(t, client, strings.TrimSuffix(domain, ".example"), email)
	return client
}

type sameOrigin struct{ next http.RoundTripper }

func (s sameOrigin) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.next.RoundTrip(r)
}

var start = regexp.MustCompile(`/auth/start/[0-9a-f-]+`)

// signIn goes through the organization's own provider, as a person without scripts would.
func (d *Demo) signIn(t testing.TB, client *http.Client, org, email string) {
	t.Helper()
	way := start.FindString(text(t, client, d.URL(org, "/sign-in")))
	if way == "" {
		t.Fatalf("%s has no provider to sign in with", org)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL(org, way), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	page, err := goquery.NewDocumentFromReader(res.Body)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	form, err := res.Request.URL.Parse(page.Find("form").First().AttrOr("action", ""))
	if err != nil {
		t.Fatal(err)
	}
	post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, form.String(), strings.NewReader(url.Values{"email": {email}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err = client.Do(post)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Request.URL.Host != strings.TrimPrefix(d.URL(org, ""), "http://") {
		t.Fatalf("sign in as %s: %s at %s", email, res.Status, res.Request.URL)
	}
}

// Text is what the address answers to the client, whatever its status.
func Text(t testing.TB, client *http.Client, address string) string {
	t.Helper()
	return text(t, client, address)
}

func text(t testing.TB, client *http.Client, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
