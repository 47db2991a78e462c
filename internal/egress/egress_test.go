package egress_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/egress"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{
		"1.1.1.1": true, "93.184.216.34": true, "2606:4700::1111": true, "192.0.3.1": true, "172.32.0.1": true, "100.128.0.1": true,
		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.255.0.1": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false, "192.0.0.1": false, "192.0.2.1": false,
		"198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.250": false, "240.0.0.1": false, "255.255.255.255": false, "192.88.99.1": false,
		"::": false, "::1": false, "::ffff:1.1.1.1": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::": false,
		"2001:0:1::1": false, "2001:db8::1": false, "fc00::1": false, "fd12:3456::1": false, "fe80::1": false, "fe80::1%eth0": false, "ff02::1": false, "fec0::1": false, "3fff::1": false, "100::1": false, "4000::1": false,
	} {
		if got := egress.Public(netip.MustParseAddr(ip)); got != want {
			t.Errorf("Public(%s) = %v", ip, got)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	demo := egress.Options{AllowLoopback: true}
	site := egress.Options{Ports: []int{8443}, Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for _, tt := range []struct {
		name string
		o    egress.Options
		url  string
		ok   bool
	}{
		{"public", egress.Options{}, "https://login.example.com/x", true},
		{"port 443 written", egress.Options{}, "https://login.example.com:443/", true},
		{"plain http", egress.Options{}, "http://login.example.com/", false},
		{"another port", egress.Options{}, "https://login.example.com:8443/", false},
		{"an allowed port", site, "https://login.example.com:8443/", true},
		{"user", egress.Options{}, "https://a:b@login.example.com/", false},
		{"another scheme", egress.Options{}, "file:///etc/passwd", false},
		{"no host", egress.Options{}, "https:///x", false},
		{"loopback", egress.Options{}, "https://127.0.0.1/", false},
		{"metadata", egress.Options{}, "https://169.254.169.254/", false},
		{"mapped", egress.Options{}, "https://[::ffff:10.0.0.1]/", false},
		{"a network of the operator's", site, "https://10.1.2.3/", true},
		{"beside it", site, "https://10.2.0.1/", false},
		{"demo: loopback by http", demo, "http://127.0.0.1:8081/halden", true},
		{"demo: a host of the demo", demo, "http://halden.localhost:8080/", true},
		{"demo: not the world by http", demo, "http://login.example.com/", false},
		{"demo: not a look-alike", demo, "http://localhost.example.com/", false},
		{"demo: not the neighbours", demo, "https://192.168.0.1/", false},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if err := tt.o.CheckURL(u); (err == nil) != tt.ok || (err != nil && !errors.Is(err, egress.ErrDenied)) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func get(t *testing.T, c *http.Client, address string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(req)
}

func TestDialledAddressCounts(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	t.Cleanup(srv.Close)
	// The name says nothing of where it leads: "localhost" resolves to loopback, as an attacker's name can.
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	if _, err := get(t, egress.New(egress.Options{Ports: []int{atoi(port[1:])}}), "https://localhost"+port); !errors.Is(err, egress.ErrDenied) {
		t.Errorf("a name that resolves to loopback: %v", err)
	}
	demo := egress.New(egress.Options{AllowLoopback: true})
	res, err := get(t, demo, "http://halden.localhost"+port)
	if err != nil {
		t.Fatalf("demo: %v", err)
	}
	defer res.Body.Close() //nolint:errcheck // Read whole.
	if b, _ := io.ReadAll(res.Body); string(b) != "here" {
		t.Errorf("demo: %q", b)
	}
}

func atoi(s string) (n int) {
	for _, r := range s {
		n = n*10 + int(r-'0')
	}
	return n
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
	})
	size := func(n int, announce bool) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if !announce {
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = w.Write(make([]byte, n))
		}
	}
	mux.HandleFunc("/fits", size(1000, false))
	mux.HandleFunc("/chunked", size(1001, false))
	mux.HandleFunc("/announced", size(1001, true))
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	c := egress.New(egress.Options{AllowLoopback: true, MaxBody: 1000, Timeout: time.Second})
	read := func(path string) (int, error) {
		res, err := get(t, c, srv.URL+path)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close() //nolint:errcheck // Read as far as it goes.
		b, err := io.ReadAll(res.Body)
		if path == "/to" && res.StatusCode != http.StatusFound {
			t.Errorf("a redirect was followed: %d", res.StatusCode)
		}
		return len(b), err
	}
	if n, err := read("/fits"); n != 1000 || err != nil {
		t.Errorf("an answer of the limit: %d, %v", n, err)
	}
	for _, path := range []string{"/chunked", "/announced"} {
		if _, err := read(path); !errors.Is(err, egress.ErrTooLarge) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := read("/to"); err != nil {
		t.Errorf("redirect: %v", err)
	}
	start := time.Now()
	if _, err := read("/slow"); err == nil || time.Since(start) > 4*time.Second {
		t.Errorf("a silent server: %v after %s", err, time.Since(start))
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10} // The server that must be refused.
	srv.StartTLS()
	t.Cleanup(srv.Close)
	if _, err := get(t, egress.New(egress.Options{AllowLoopback: true}), srv.URL); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", err)
	}
}

// Old suites without forward secrecy, or with broken ciphers, are not spoken.
func TestWeakCiphersAreRefused(t *testing.T) {
	t.Parallel()
	for _, suite := range []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA} {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}} // The server that must be refused.
		srv.StartTLS()
		t.Cleanup(srv.Close)
		if _, err := get(t, egress.New(egress.Options{AllowLoopback: true}), srv.URL); err == nil || !strings.Contains(err.Error(), "handshake failure") {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
	}
}

// A provider is who its certificate says, signed by somebody who is trusted: the system's authorities, or those of the operator.
func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	own := x509.NewCertPool()
	own.AddCert(srv.Certificate())
	for _, tt := range []struct {
		name  string
		roots *x509.CertPool
		url   string
		ok    bool
	}{
		{"signed by nobody", nil, srv.URL, false},
		{"signed by the operator's authority", own, srv.URL, true},
		{"of another host", own, strings.Replace(srv.URL, "127.0.0.1", "halden.localhost", 1), false},
	} {
		res, err := get(t, egress.New(egress.Options{AllowLoopback: true, Roots: tt.roots}), tt.url)
		if err == nil {
			_ = res.Body.Close()
		}
		if (err == nil) != tt.ok || !tt.ok && !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	res, err := get(t, egress.New(egress.Options{AllowLoopback: true}), strings.Replace(srv.URL, "127.0.0.1", "halden.localhost", 1))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}
