package markdown

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// The words of alerts in the languages of content. They belong to the text and not to the interface, so they are chosen by
// the text's language and English stands in for others.
func alertWord(kind, lang string) string {
	words := map[string][2]string{
		"note": {"Note", "Hinweis"}, "tip": {"Tip", "Tipp"}, "important": {"Important", "Wichtig"},
		"warning": {"Warning", "Warnung"}, "caution": {"Caution", "Vorsicht"},
		"details": {"Show more", "Mehr zeigen"},
	}
	w := words[kind]
	if strings.HasPrefix(lang, "de") {
		return w[1]
	}
	return w[0]
}

var alertClasses = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"note": "callout callout-info", "tip": "callout callout-ok", "important": "callout callout-own",
	"warning": "callout callout-warn", "caution": "callout callout-bad", "details": folded,
}

// folded is the class of what a reader opens: a solution that is not to be read at once. GitHub has no alert for it.
const folded = "reveal"

var alertStart = regexp.MustCompile(`^\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION|DETAILS)\][ \t]*(.*)$`)

// alert makes a block quote that begins with [!NOTE] and the like a note; words behind the mark are its title.
// (https://docs.github.com/get-started/writing-on-github, "Alerts")
func alert(n *ast.Blockquote, source []byte, lang string) {
	p, ok := n.FirstChild().(*ast.Paragraph)
	if !ok || p.Lines().Len() == 0 {
		return
	}
	first := p.Lines().At(0)
	m := alertStart.FindSubmatch(bytes.TrimRight(first.Value(source), "\n"))
	if m == nil {
		return
	}
	kind := strings.ToLower(string(m[1]))
	// The first line's inline nodes go: everything up to the first break.
	for c := p.FirstChild(); c != nil; {
		next := c.NextSibling()
		t, isText := c.(*ast.Text)
		if isText && t.Segment.Start >= first.Stop {
			break
		}
		p.RemoveChild(p, c)
		if isText && (t.SoftLineBreak() || t.HardLineBreak()) {
			break
		}
		c = next
	}
	title := strings.TrimSpace(string(m[2]))
	if title == "" {
		title = alertWord(kind, lang)
	}
	head := ast.NewParagraph()
	strong := ast.NewEmphasis(2)
	strong.AppendChild(strong, ast.NewString([]byte(title)))
	head.AppendChild(head, strong)
	head.SetAttributeString("class", []byte("callout-title"))
	if kind == "details" {
		head.SetAttributeString("class", []byte("summary"))
	}
	n.SetAttributeString("class", []byte(alertClasses[kind]))
	n.InsertBefore(n, p, head)
	if p.ChildCount() == 0 {
		n.RemoveChild(n, p)
	}
}

// nodes renders what differs from goldmark's own HTML.
type nodes struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (nodes) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindFencedCodeBlock, fenced)
	reg.Register(ast.KindCodeBlock, indented)
	reg.Register(ast.KindBlockquote, blockquote)
	reg.Register(ast.KindImage, image)
	reg.Register(ast.KindRawHTML, nothing)
	reg.Register(ast.KindHTMLBlock, nothing)
	reg.Register(ast.KindParagraph, paragraph)
	reg.Register(east.KindTable, table)
	reg.Register(east.KindTableCell, cell)
	reg.Register(east.KindTaskCheckBox, task)
}

func nothing(util.BufWriter, []byte, ast.Node, bool) (ast.WalkStatus, error) {
	return ast.WalkSkipChildren, nil
}

func paragraph(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	class, _ := n.AttributeString("class")
	of, _ := class.([]byte) // Set by alert alone.
	switch {
	case string(of) == "summary" && entering:
		_, _ = w.WriteString("<summary>")
	case string(of) == "summary":
		_, _ = w.WriteString("</summary>\n")
	case !entering:
		_, _ = w.WriteString("</p>\n")
	case n.Attributes() != nil:
		_, _ = w.WriteString(`<p class="callout-title">`)
	default:
		_, _ = w.WriteString("<p>")
	}
	return ast.WalkContinue, nil
}

func blockquote(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	class, note := n.AttributeString("class")
	c, _ := class.([]byte) // Set by alert alone.
	switch {
	case string(c) == folded && entering:
		_, _ = w.WriteString(`<details class="` + folded + `">` + "\n")
	case string(c) == folded:
		_, _ = w.WriteString("</details>\n")
	case entering && note:
		_, _ = w.WriteString(`<div class="` + string(c) + `" role="note"><div>` + "\n")
	case note:
		_, _ = w.WriteString("</div></div>\n")
	case entering:
		_, _ = w.WriteString("<blockquote>\n")
	default:
		_, _ = w.WriteString("</blockquote>\n")
	}
	return ast.WalkContinue, nil
}

func image(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if n, ok := node.(*ast.Image); ok && entering {
		_, _ = w.WriteString(`<img src="`)
		_, _ = w.Write(util.EscapeHTML(util.URLEscape(n.Destination, true)))
		_, _ = w.WriteString(`" alt="`)
		_, _ = w.Write(util.EscapeHTML([]byte(plain(n, source))))
		_, _ = w.WriteString(`" loading="lazy">`)
	}
	return ast.WalkSkipChildren, nil
}

func task(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if n, ok := node.(*east.TaskCheckBox); ok && entering {
		if n.IsChecked {
			_, _ = w.WriteString(`<span class="task task-done">☑</span> `)
		} else {
			_, _ = w.WriteString(`<span class="task">☐</span> `)
		}
	}
	return ast.WalkContinue, nil
}

// table scrolls in itself, so the keyboard can reach it.
func table(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString("<table tabindex=\"0\">\n")
		return ast.WalkContinue, nil
	}
	_, _ = w.WriteString("</table>\n")
	return ast.WalkContinue, nil
}

func cell(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n, ok := node.(*east.TableCell)
	if !ok {
		return ast.WalkContinue, nil
	}
	tag := "td"
	if n.Parent().Kind() == east.KindTableHeader {
		tag = "th"
	}
	if !entering {
		_, _ = w.WriteString("</" + tag + ">\n")
		return ast.WalkContinue, nil
	}
	_, _ = w.WriteString("<" + tag)
	if tag == "th" {
		_, _ = w.WriteString(` scope="col"`)
	}
	if n.Alignment == east.AlignRight {
		_, _ = w.WriteString(` class="num"`)
	}
	_ = w.WriteByte('>')
	return ast.WalkContinue, nil
}

// maxCode is the longest code that is coloured, in bytes; lexers backtrack.
const maxCode = 20 << 10

func fenced(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if n, ok := node.(*ast.FencedCodeBlock); ok && entering {
		code(w, string(n.Language(source)), lines(n.Lines(), source))
	}
	return ast.WalkSkipChildren, nil
}

func indented(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		code(w, "", lines(n.Lines(), source))
	}
	return ast.WalkSkipChildren, nil
}

func lines(s *text.Segments, source []byte) string {
	var b strings.Builder
	for i := range s.Len() {
		line := s.At(i)
		b.Write(line.Value(source))
	}
	return b.String()
}

func code(w util.BufWriter, language, body string) {
	_, _ = w.WriteString(`<pre class="chroma" tabindex="0"><code>`)
	for _, t := range tokens(language, body) {
		class := className(t.Type)
		if class != "" {
			_, _ = w.WriteString(`<span class="` + class + `">`)
		}
		_, _ = w.Write(util.EscapeHTML([]byte(t.Value)))
		if class != "" {
			_, _ = w.WriteString(`</span>`)
		}
	}
	_, _ = w.WriteString("</code></pre>\n")
}

func tokens(language, body string) []chroma.Token {
	plain := []chroma.Token{{Type: chroma.Text, Value: body}}
	if language == "" || len(body) > maxCode {
		return plain
	}
	lexer := lexers.Get(language)
	if lexer == nil {
		return plain
	}
	it, err := chroma.Coalesce(lexer).Tokenise(nil, body)
	if err != nil {
		return plain
	}
	return slices.Collect(it.Stdlib())
}

func className(t chroma.TokenType) string {
	for t != 0 {
		if class, ok := chroma.StandardTypes[t]; ok {
			if t == chroma.Text || t == chroma.TextWhitespace {
				return ""
			}
			return class
		}
		t = t.Parent()
	}
	return ""
}
