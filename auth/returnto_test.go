package auth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/auth"
)

func TestReturnTo(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                              "/",
		"/":                             "/",
		"/path/1/first-sensor?step=2":   "/path/1/first-sensor?step=2",
		"/search?q=probe%20%26%20ice":   "/search?q=probe%20%26%20ice",
		"/k%C3%A4lte":                   "/k%C3%A4lte",
		"//evil.example":                "/",
		"/\\evil.example":               "/",
		"/%5cevil.example":              "/",
		"/%2fevil.example":              "/",
		"/%252fevil.example":            "/",
		"/x//evil.example":              "/",
		"https://evil.example/":         "/",
		"javascript:alert(1)":           "/",
		"evil.example":                  "/",
		"/x\r\nSet-Cookie: a=b":         "/",
		"/x%0d%0aSet-Cookie:%20a=b":     "/",
		"/x%00":                         "/",
		"/\tx":                          "/",
		"/x#y":                          "/",
		"/sign-in":                      "/",
		"/sign-out":                     "/",
		"/auth/start":                   "/",
		"/%zz":                          "/",
		"/" + strings.Repeat("a", 2000): "/",
	} {
		if got := auth.ReturnTo(in); got != want {
			t.Errorf("ReturnTo(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/%2f", "/%5c", "/x?y=z", "/a/../b", "/\u2028", "/%09/x"} {
		f.Add(s)
	}
	home, _ := url.Parse("https://halden.example/sign-in")
	f.Fuzz(func(t *testing.T, s string) {
		got := auth.ReturnTo(s)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t\x00 ") {
			t.Fatalf("ReturnTo(%q) = %q", s, got)
		}
		u, err := home.Parse(got)
		if err != nil || u.Host != home.Host || u.Scheme != home.Scheme {
			t.Fatalf("ReturnTo(%q) = %q leads to %v, %v", s, got, u, err)
		}
		if again := auth.ReturnTo(got); again != got && again != "/" {
			t.Fatalf("ReturnTo is not stable: %q, %q, %q", s, got, again)
		}
	})
}
