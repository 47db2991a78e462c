// Package markdown turns what authors write into safe HTML: one pipeline for lessons, stories, resources, answers and the
// editor's preview, so that a preview is the truth.
//
// It reads CommonMark with GitHub's tables, strikethrough, task lists, autolinks and alerts; code is coloured by chroma's
// short classes, never by styles. Raw HTML is dropped, images and relative links become what the caller's functions say, and
// an allowlist (bluemonday) has the last word. Headings of level one become level two, since the page owns the first level.
//
// It knows no organization, no database and no request. Any room may call it.
package markdown

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// MaxSource is the longest text that is rendered, in bytes.
const MaxSource = 1 << 20

// Options says what a text's names mean. The zero value renders no images and keeps absolute links only.
type Options struct {
	// Lang is the language of the text (BCP 47); it chooses the words of alerts.
	Lang string
	// Image returns the address of an image named in the text, and whether there is one; otherwise its description is
	// shown in its place. Nil shows no images.
	Image func(name string) (href string, ok bool)
	// Link returns the address that a relative link leads to, and whether there is one; otherwise its text is shown
	// without a link. Nil knows none. Fragments of the same text always work.
	Link func(target string) (href string, ok bool)
}

// Render returns the text as HTML that is safe to show as it is. The error is about a text longer than MaxSource.
func Render(src string, o Options) (string, error) {
	if len(src) > MaxSource {
		return "", fmt.Errorf("text of %d bytes is longer than %d", len(src), MaxSource)
	}
	source := []byte(clean(src))
	doc := parse(source, o)
	return render(doc, source)
}

// Plain returns the words of the text without any markup, blocks apart by line breaks; code and quizzes are left in, as people
// search for them.
func Plain(src string) string {
	if len(src) > MaxSource {
		src = src[:MaxSource]
	}
	source := []byte(clean(src))
	doc := parse(source, Options{})
	return plain(doc, source)
}

// Summary returns the first words of the text, at most limit characters, cut at a word.
func Summary(src string, limit int) string {
	words := strings.Join(strings.Fields(Plain(src)), " ")
	r := []rune(words)
	if len(r) <= limit {
		return words
	}
	cut := string(r[:max(limit-1, 0)])
	if i := strings.LastIndexByte(cut, ' '); i > 0 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.–-") + "…"
}

func clean(src string) string {
	src = strings.TrimPrefix(strings.ToValidUTF8(src, "\uFFFD"), "\uFEFF")
	return strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\x00", "\uFFFD")
}

var engine = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)),
			extension.Strikethrough, extension.Linkify, extension.TaskList,
		),
		goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(shape{}, 900))),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(nodes{}, 100))),
	)
})

// liner reads a single line: it knows no lists, headings and the like, so that "- 18 °C" and "1. May" are what they say.
var liner = sync.OnceValue(func() parser.Parser {
	return goldmark.New(
		goldmark.WithParser(parser.NewParser(parser.WithBlockParsers(util.Prioritized(parser.NewParagraphParser(), 100)), parser.WithInlineParsers(parser.DefaultInlineParsers()...))),
		goldmark.WithExtensions(extension.Strikethrough, extension.Linkify),
		goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(shape{}, 900))),
	).Parser()
})

func parse(source []byte, o Options) *ast.Document { return parseWith(engine().Parser(), source, o) }

func parseWith(p parser.Parser, source []byte, o Options) *ast.Document {
	pc := parser.NewContext()
	pc.Set(optionsKey, o)
	return p.Parse(text.NewReader(source), parser.WithContext(pc)).(*ast.Document) //nolint:errcheck // goldmark's parser returns documents.
}

func render(doc ast.Node, source []byte) (string, error) {
	var out bytes.Buffer
	if err := engine().Renderer().Render(&out, source, doc); err != nil {
		return "", fmt.Errorf("render: %w", err)
	}
	return strings.TrimSpace(policy().Sanitize(out.String())), nil
}

// policy is the last word on what reaches a page.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "strong", "em", "del", "blockquote", "ul", "li", "table", "thead", "tbody", "tr", "h2", "h3", "h4", "h5", "h6", "code", "pre", "span", "div", "ol")
	p.AllowStandardURLs()
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireNoFollowOnLinks(false)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^noopener$`)).OnElements("a")
	p.AllowAttrs("id").Matching(regexp.MustCompile(`^s-[\p{L}\p{N}-]{1,90}$`)).OnElements("h2", "h3", "h4", "h5", "h6")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^[a-z0-9]+([ -][a-z0-9]+)*$`)).OnElements("span", "div", "code", "pre", "td", "th", "p")
	p.AllowElements("details", "summary")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^reveal$`)).OnElements("details")
	p.AllowAttrs("role").Matching(regexp.MustCompile(`^note$`)).OnElements("div")
	p.AllowAttrs("tabindex").Matching(regexp.MustCompile(`^0$`)).OnElements("table", "pre")
	p.AllowAttrs("scope").Matching(regexp.MustCompile(`^col$`)).OnElements("th")
	p.AllowElements("th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("src", "alt").OnElements("img")
	p.AllowAttrs("loading").Matching(regexp.MustCompile(`^lazy$`)).OnElements("img")
	return p
})

var optionsKey = parser.NewContextKey()

// shape changes the parsed text: headings, links and images.
type shape struct{}

// Transform implements parser.ASTTransformer.
func (shape) Transform(doc *ast.Document, r text.Reader, pc parser.Context) {
	o, _ := pc.Get(optionsKey).(Options) // The zero value is right where there are none.
	source := r.Source()
	seen := map[string]int{}
	var gone []func()
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = max(n.Level, 2)
			n.SetAttributeString("id", []byte("s-"+unique(seen, slug(plain(n, source)))))
		case *ast.Link:
			href, ok := resolve(string(n.Destination), o)
			if !ok {
				gone = append(gone, func() { unwrap(n) })
				return ast.WalkContinue, nil
			}
			n.Destination = []byte(href)
			n.Title = nil
			if absolute(href) {
				n.SetAttributeString("rel", []byte("noopener"))
			}
		case *ast.AutoLink:
			n.SetAttributeString("rel", []byte("noopener"))
		case *ast.Image:
			alt := strings.TrimSpace(plain(n, source))
			href, ok := "", false
			if o.Image != nil {
				href, ok = o.Image(string(n.Destination))
			}
			if !ok {
				gone = append(gone, func() { missing(n, alt) })
				return ast.WalkSkipChildren, nil
			}
			n.Destination = []byte(href)
			n.Title = nil
		case *ast.Blockquote:
			alert(n, source, o.Lang)
		}
		return ast.WalkContinue, nil
	})
	for _, f := range gone {
		f()
	}
}

func resolve(target string, o Options) (string, bool) {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return "", false
	case u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "mailto":
		return target, true
	case u.Scheme != "" || u.Host != "":
		return "", false
	case u.Path == "" && u.RawQuery == "" && u.Fragment != "":
		return "#s-" + slug(u.Fragment), true
	case o.Link == nil:
		return "", false
	}
	return o.Link(target)
}

func absolute(href string) bool {
	return strings.HasPrefix(href, "http://") || strings.HasPrefix(href, "https://")
}

// unwrap leaves a link's text without the link.
func unwrap(n ast.Node) {
	parent := n.Parent()
	if parent == nil {
		return
	}
	for c := n.FirstChild(); c != nil; {
		next := c.NextSibling()
		parent.InsertBefore(parent, n, c)
		c = next
	}
	parent.RemoveChild(parent, n)
}

// missing puts an image's description in its place.
func missing(n ast.Node, alt string) {
	parent := n.Parent()
	if parent == nil {
		return
	}
	if alt != "" {
		s := ast.NewString([]byte("[" + alt + "]"))
		parent.InsertBefore(parent, n, s)
	}
	parent.RemoveChild(parent, n)
}

func unique(seen map[string]int, s string) string {
	seen[s]++
	if n := seen[s]; n > 1 {
		return fmt.Sprintf("%s-%d", s, n)
	}
	return s
}

// slug returns the words of s as a key for addresses: letters, digits and single hyphens, at most 60 characters.
func slug(s string) string {
	var b strings.Builder
	dash, n := false, 0
	for _, r := range strings.ToLower(s) {
		switch {
		case isWord(r):
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
			n++
		default:
			dash = true
		}
		if n >= 60 {
			break
		}
	}
	if b.Len() == 0 {
		return "part"
	}
	return b.String()
}

// Slug returns the words of s as a key for addresses: lower-case letters and digits of any script with single hyphens, at most
// 60 characters, "part" for a text without any.
func Slug(s string) string { return slug(s) }

// plain returns the words below n.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(source))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
			return ast.WalkContinue, nil
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
			return ast.WalkContinue, nil
		case *ast.AutoLink:
			if entering {
				b.Write(n.Label(source))
			}
			return ast.WalkContinue, nil
		case *ast.RawHTML, *ast.HTMLBlock:
			return ast.WalkSkipChildren, nil
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			// A typed block is data, and a quiz's says which answer is right.
			if fence, ok := n.(*ast.FencedCodeBlock); ok && typed(string(fence.Language(source))) {
				if entering && string(fence.Language(source)) == Steps {
					b.WriteString(stepsPlain(lines(fence.Lines(), source)) + "\n")
				}
				return ast.WalkSkipChildren, nil
			}
			if entering {
				for i := range n.Lines().Len() {
					line := n.Lines().At(i)
					b.Write(line.Value(source))
				}
				b.WriteByte('\n')
			}
			return ast.WalkSkipChildren, nil
		case *east.TableCell:
			// The words of two cells make no sentence, least of all where a result of the search shows them.
			if s := b.String(); entering && n.HasChildren() && s != "" && !strings.HasSuffix(s, "\n") {
				b.WriteString(", ")
			}
			return ast.WalkContinue, nil
		}
		if !entering && n.Type() == ast.TypeBlock && b.Len() > 0 {
			b.WriteByte('\n')
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(squeeze(b.String()))
}

var blank = regexp.MustCompile(`\n{2,}`)

func squeeze(s string) string { return blank.ReplaceAllString(s, "\n") }
