// Package pack turns the sources of the static files (stylesheet layers,
// scripts, icons, fonts) into the files that are served. It runs at go
// generate time and in the test that holds the result up to date.
package pack

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/andybalholm/brotli"
)

// layers are the stylesheet's files in the order of their cascade layers.
var layers = []string{"tokens", "base", "layout", "components", "pages", "utilities", "print"}

// fonts maps the served name to the vendored file.
var fonts = map[string]string{
	"hanken.woff2":       "hanken-grotesk/hanken-grotesk-latin-wght-normal.woff2",
	"hanken-ext.woff2":   "hanken-grotesk/hanken-grotesk-latin-ext-wght-normal.woff2",
	"serif.woff2":        "source-serif-4/source-serif-4-latin-wght-normal.woff2",
	"serif-italic.woff2": "source-serif-4/source-serif-4-latin-wght-italic.woff2",
	"mono.woff2":         "jetbrains-mono/jetbrains-mono-latin-wght-normal.woff2",
}

// Hash returns the eight hexadecimal digits that name a content.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:4])
}

// Hashed returns the served file name of a content: app.css becomes
// app.1a2b3c4d.css.
func Hashed(name string, data []byte) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + Hash(data) + ext
}

// Files reads the sources below root and returns the served files by name.
func Files(root fs.FS) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name, source := range fonts {
		data, err := fs.ReadFile(root, "vendor/"+source)
		if err != nil {
			return nil, fmt.Errorf("read font: %w", err)
		}
		out[name] = data
	}

	var css bytes.Buffer
	css.WriteString("@layer reset,tokens,base,layout,components,pages,utilities,print;")
	for _, layer := range layers {
		data, err := fs.ReadFile(root, "css/"+layer+".css")
		if err != nil {
			return nil, fmt.Errorf("read stylesheet: %w", err)
		}
		css.WriteString(squeeze(string(data)))
	}
	sheet := css.String() + classes()
	for name := range fonts {
		sheet = strings.ReplaceAll(sheet, "url("+name+")", "url(/assets/"+Hashed(name, out[name])+")")
	}
	out["app.css"] = []byte(sheet)

	var js bytes.Buffer
	for _, name := range []string{"vendor/htmx/htmx.min.js", "vendor/idiomorph/idiomorph-ext.min.js", "js/own.js"} {
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, fmt.Errorf("read script: %w", err)
		}
		js.WriteString(strip(string(data)))
		js.WriteString("\n;")
	}
	out["app.js"] = js.Bytes()
	theme, err := fs.ReadFile(root, "js/theme.js")
	if err != nil {
		return nil, fmt.Errorf("read script: %w", err)
	}
	out["theme.js"] = []byte(strip(string(theme)))

	list, err := fs.ReadFile(root, "icons.txt")
	if err != nil {
		return nil, fmt.Errorf("read icon list: %w", err)
	}
	var sprite bytes.Buffer
	sprite.WriteString(`<svg xmlns="http://www.w3.org/2000/svg">`)
	for name := range strings.FieldsSeq(string(list)) {
		data, err := fs.ReadFile(root, "vendor/lucide/icons/"+name+".svg")
		if err != nil {
			return nil, fmt.Errorf("read icon: %w", err)
		}
		_, body, _ := strings.Cut(string(data), `stroke-linejoin="round"`)
		_, body, _ = strings.Cut(body, ">")
		body = strings.TrimSuffix(strings.TrimSpace(body), "</svg>")
		fmt.Fprintf(&sprite, `<symbol id="%s" viewBox="0 0 24 24">%s</symbol>`, name, strings.Join(strings.Fields(body), " "))
	}
	sprite.WriteString(`</svg>`)
	out["icons.svg"] = sprite.Bytes()

	favicon, err := fs.ReadFile(root, "favicon.svg")
	if err != nil {
		return nil, fmt.Errorf("read favicon: %w", err)
	}
	out["favicon.svg"] = favicon
	return out, nil
}

// Compress returns the gzip and brotli forms at their highest levels.
func Compress(data []byte) (gz, br []byte, err error) {
	var g, b bytes.Buffer
	gw, err := gzip.NewWriterLevel(&g, gzip.BestCompression)
	if err != nil {
		return nil, nil, fmt.Errorf("compress: %w", err)
	}
	bw := brotli.NewWriterLevel(&b, brotli.BestCompression)
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{gw, bw} {
		if _, err := w.Write(data); err != nil {
			return nil, nil, fmt.Errorf("compress: %w", err)
		}
		if err := w.Close(); err != nil {
			return nil, nil, fmt.Errorf("compress: %w", err)
		}
	}
	return g.Bytes(), b.Bytes(), nil
}

// classes writes the utility classes that stand in for inline styles: widths in
// percent, and the hue and chroma of organizations.
func classes() string {
	var b strings.Builder
	b.WriteString("@layer utilities{")
	for i := range 101 {
		fmt.Fprintf(&b, ".w-%d{inline-size:%d%%}", i, i)
	}
	for h := 0; h < 360; h += 5 {
		fmt.Fprintf(&b, ".h%d{--h:%d}", h, h)
	}
	for c := range 16 {
		fmt.Fprintf(&b, ".c%02d{--c:.%02d}", c, c)
	}
	b.WriteString("}")
	return b.String()
}

var comments = regexp.MustCompile(`(?s)/\*.*?\*/`)

// squeeze removes comments, indentation and line ends from a stylesheet whose
// declarations stand one or several to a line.
func squeeze(css string) string {
	var b strings.Builder
	for line := range strings.Lines(comments.ReplaceAllString(css, "")) {
		line = strings.TrimSpace(line)
		for _, r := range [][2]string{{" {", "{"}, {"{ ", "{"}, {"; ", ";"}, {": ", ":"}, {" }", "}"}, {";}", "}"}, {", ", ","}, {" > ", ">"}} {
			line = strings.ReplaceAll(line, r[0], r[1])
		}
		b.WriteString(line)
		if line != "" && !strings.ContainsAny(line[len(line)-1:], "{};,") {
			b.WriteString(" ")
		}
	}
	return strings.ReplaceAll(b.String(), ";}", "}")
}

// strip removes comment lines and indentation from a script.
func strip(js string) string {
	var b strings.Builder
	for line := range strings.Lines(js) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
