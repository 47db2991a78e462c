// Package static owns the files that every page loads: one stylesheet, one
// script, a script that sets the theme before the first paint, the icon sprite
// and the fonts. Their addresses carry a hash of the content, so they can be
// cached for ever (Cache-Control: public, max-age=31536000, immutable).
//
// The sources are css, js, icons.txt and vendor; go generate packs them into
// dist together with gzip and brotli forms, which are embedded. The package
// knows no web framework; the router asks Lookup.
package static

//go:generate go run ./internal/gen

import (
	"embed"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/learnscape/learnscape/web/ui/static/internal/pack"
)

// Prefix is the path below which Lookup answers.
const Prefix = "/assets/"

// URL returns the address of a file by its plain name: app.css becomes
// /assets/app.1a2b3c4d.css. An unknown name comes back below Prefix without a
// hash, where Lookup finds nothing.
func URL(name string) string {
	if hashed, ok := index().urls[name]; ok {
		return hashed
	}
	return Prefix + name
}

// Lookup returns the file at a path such as URL returns. The encoding is "br",
// "gzip" or "" for the plain body, chosen by the Accept-Encoding header; the
// answer then varies by that header. The body is shared and must not be
// changed. ok is false for every other path, also for an outdated hash.
func Lookup(urlPath, acceptEncoding string) (body []byte, contentType, encoding string, ok bool) {
	f, ok := index().files[urlPath]
	if !ok {
		return nil, "", "", false
	}
	if f.br != nil && accepts(acceptEncoding, "br") {
		return f.br, f.contentType, "br", true
	}
	if f.gz != nil && accepts(acceptEncoding, "gzip") {
		return f.gz, f.contentType, "gzip", true
	}
	return f.plain, f.contentType, "", true
}

// Icons lists the names in the sprite.
func Icons() map[string]bool { return index().icons }

//go:embed dist
var dist embed.FS

type file struct {
	plain, gz, br []byte
	contentType   string
}

type table struct {
	urls  map[string]string
	files map[string]file
	icons map[string]bool
}

// index hashes the embedded files at the first use, which takes about a
// millisecond.
var index = sync.OnceValue(func() table {
	t := table{urls: map[string]string{}, files: map[string]file{}, icons: map[string]bool{}}
	entries, _ := fs.ReadDir(dist, "dist")
	read := func(name string) []byte {
		data, err := fs.ReadFile(dist, "dist/"+name)
		if err != nil {
			return nil
		}
		return data
	}
	for _, e := range entries {
		name := e.Name()
		kind, ok := contentTypes[path.Ext(name)]
		if !ok {
			continue
		}
		f := file{plain: read(name), gz: read(name + ".gz"), br: read(name + ".br"), contentType: kind}
		url := Prefix + pack.Hashed(name, f.plain)
		t.urls[name], t.files[url] = url, f
	}
	for part := range strings.SplitSeq(string(read("icons.svg")), `<symbol id="`) {
		if name, _, ok := strings.Cut(part, `"`); ok {
			t.icons[name] = true
		}
	}
	return t
})

var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
}

// accepts reports whether an Accept-Encoding header names the coding without
// refusing it by q=0 (RFC 9110 12.5.3).
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}
