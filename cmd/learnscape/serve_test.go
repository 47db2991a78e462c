package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/learnscape/learnscape/internal/mail"
)

// Mail leaves this machine under TLS unless the operator says otherwise.
func TestMailServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url, tls string
		want     mail.Protection
		addr     string
	}{
		{"smtp://mail.example.com", "", mail.Required, "mail.example.com:587"},
		{"smtp://mail.example.com:25", "require", mail.Required, "mail.example.com:25"},
		{"smtp://localhost.example.com", "", mail.Required, "localhost.example.com:587"},
		{"smtps://mail.example.com", "", mail.Implicit, "mail.example.com:465"},
		{"smtps://mail.example.com", "none", mail.Implicit, "mail.example.com:465"},
		{"smtp://127.0.0.1:1025", "", mail.Offered, "127.0.0.1:1025"},
		{"smtp://mail:1025", "offered", mail.Offered, "mail:1025"},
		{"smtp://mail:1025", "none", mail.Plain, "mail:1025"},
	} {
		cfg, err := load(func(k string) string {
			return map[string]string{"LEARNSCAPE_SMTP_URL": tt.url, "LEARNSCAPE_SMTP_TLS": tt.tls, "LEARNSCAPE_BASE_URL": "https://learn.example.com"}[k]
		})
		if err != nil {
			t.Fatal(err)
		}
		s, ok := mailServer(cfg)
		if !ok || s.TLS != tt.want || s.Addr != tt.addr || s.From != "no-reply@learn.example.com" || s.Now == nil {
			t.Errorf("%s, %q: %+v", tt.url, tt.tls, s)
		}
	}
	if _, err := load(func(k string) string { return map[string]string{"LEARNSCAPE_SMTP_TLS": "maybe"}[k] }); err == nil {
		t.Error("a way to protect mail that there is not")
	}
}

// An authority of one's own is trusted beside the system's, and a file without one is a mistake that is said at the start.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := file("own.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	roots, err := authorities(good)
	if err != nil {
		t.Fatal(err)
	}
	client := srv.Client()
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots //nolint:errcheck // httptest's own.
	res, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	for name, path := range map[string]string{"no file": filepath.Join(dir, "none.pem"), "no certificate": file("empty.pem", []byte("hello"))} {
		if _, err := authorities(path); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
