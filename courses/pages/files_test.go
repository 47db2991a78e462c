package pages

import (
	"mime"
	"strings"
	"testing"
)

// A name that somebody gave to a file is a name for the browser, and nothing else in the header or on the disk.
func TestDispositionOfHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"sheet.csv", "Grüße aus Köln.pdf", "a\"b.txt", "a\r\nSet-Cookie: sid=1.txt", "a;filename=evil.html", "a=b,c:d@e.txt", "a'b''c.txt", "100%.txt", "%0d%0a.txt", "a+b c.txt", "\u202egpj.exe", "../../etc/passwd", "a\x00b",
	} {
		got := disposition("application/pdf", name)
		kind, params, err := mime.ParseMediaType(got)
		if err != nil || kind != "attachment" || len(params) != 1 || params["filename"] != name {
			t.Errorf("%q is read as %q %v, %v", got, kind, params, err)
		}
		if strings.ContainsAny(got, "\r\n\"") || strings.Count(got, ";") != 1 {
			t.Errorf("%q", got)
		}
	}
}
