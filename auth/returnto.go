package auth

import (
	"net/url"
	"strings"
)

// ReturnTo returns the path and query that a person wanted, or "/" for anything but a path of the same host: other schemes
// and hosts, "//" and "/\" (which browsers read as one), control characters, and encoded forms of them. It never sends
// anybody back into a sign-in.
func ReturnTo(s string) string {
	const home = "/"
	if s == "" || len(s) > 1024 || s[0] != '/' || strings.HasPrefix(s, "//") || strings.Contains(s, `\`) {
		return home
	}
	for _, r := range s {
		if r <= 0x20 || r == 0x7f || (r >= 0x80 && r <= 0x9f) || r == '\u2028' || r == '\u2029' || r == '\ufffd' {
			return home
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" {
		return home
	}
	// What the path says once decoded, twice for those who decode twice, must be as harmless as what it says now.
	for p, i := u.EscapedPath(), 0; i < 2; i++ {
		d, err := url.PathUnescape(p)
		if err != nil || strings.Contains(d, "//") || strings.ContainsAny(d, "\\\r\n\t\x00") || !strings.HasPrefix(d, "/") {
			return home
		}
		for _, r := range d {
			if r < 0x20 || r == 0x7f {
				return home
			}
		}
		p = d
	}
	for _, own := range []string{"/sign-in", "/sign-out", "/signed-out", "/auth"} {
		if u.Path == own || strings.HasPrefix(u.Path, own+"/") {
			return home
		}
	}
	out := u.EscapedPath()
	if u.RawQuery != "" {
		if strings.ContainsAny(u.RawQuery, "\\") {
			return home
		}
		out += "?" + u.RawQuery
	}
	return out
}
