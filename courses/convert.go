package courses

import (
	"regexp"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/markdown"
)

var (
	fenceMark  = regexp.MustCompile("^\\s*(?:>\\s*)*(```+|~~~+)")
	admonition = regexp.MustCompile(`^(\s*)(?:!!!|\?\?\?\+?)\s+([A-Za-z-]+)(?:\s+inline(?:\s+end)?)?\s*(.*)$`)
	tab        = regexp.MustCompile(`^(\s*)===!?\+?\s+"([^"]*)"\s*$`)
	attributes = regexp.MustCompile(`[ \t]*\{:[^{}\n]*\}`)
	ownLine    = regexp.MustCompile(`^\s*\{:?\s*[.#][^{}]*\}\s*$`)
	tag        = regexp.MustCompile(`</?[A-Za-z][A-Za-z0-9-]*(\s[^<>]*)?/?>`)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	special    = []struct {
		mark         *regexp.Regexp
		problem, fix string
	}{
		{regexp.MustCompile(`^\s*-{1,}8<-{1,}`), "snippets from other files are not included", "write the text here"},
		{regexp.MustCompile(`^\s*\[TOC\]\s*$`), "a table of contents is drawn by the product", "take the line out"},
		{regexp.MustCompile(`\+\+[a-z0-9]+(\+[a-z0-9]+)*\+\+`), "keys stay as they are written", "write them as code"},
		{regexp.MustCompile(`==[^=\s][^=]*==`), "marked text stays as it is written", "use **strong** instead"},
		{regexp.MustCompile(`\[\^[^\]\s]+\]`), "footnotes stay as they are written", "put the text into the sentence"},
		{regexp.MustCompile(`^\*\[[^\]]+\]:`), "abbreviations are not explained", "explain them in the text"},
		{regexp.MustCompile(`^\s*:::+\s`), "fenced divisions stay as they are written", "use a note, > [!NOTE]"},
		{regexp.MustCompile(`\{%.*%\}|\{\{[^}]*\}\}`), "templates are not run", "write what they would give"},
	}
)

var alertKinds = map[string]string{ //nolint:gochecknoglobals // A constant table: Material for MkDocs' types to GitHub's.
	"tip": "TIP", "hint": "TIP", "success": "TIP", "check": "TIP", "done": "TIP",
	"important": "IMPORTANT", "warning": "WARNING", "attention": "WARNING",
	"caution": "CAUTION", "danger": "CAUTION", "error": "CAUTION", "failure": "CAUTION", "fail": "CAUTION", "bug": "CAUTION",
}

// Convert turns what MkDocs and its extensions add to Markdown into what internal/markdown reads: admonitions become alerts, tabs
// become headed paragraphs, attribute lists go. The text keeps its lines, so that a finding's line is the page's. What has no
// counterpart stays as it is written and is named. Code is left alone.
func Convert(src string) (string, []markdown.Problem) {
	c := converter{}
	lines := strings.Split(strings.ReplaceAll(src, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = c.line(i+1, line)
	}
	return strings.Join(lines, "\n"), c.problems
}

// converter goes through a text line by line. An open box has the indent of its own line; what is indented by four more belongs
// to it.
type converter struct {
	fence    string
	boxes    []box
	problems []markdown.Problem
}

type box struct {
	indent int
	prefix string // instead of the four columns: "> " of an alert, nothing of a tab
}

func (c *converter) line(n int, line string) string {
	blank := strings.TrimSpace(line) == ""
	if c.fence == "" && !blank {
		for len(c.boxes) > 0 && indentOf(line) < c.boxes[len(c.boxes)-1].indent+4 {
			c.boxes = c.boxes[:len(c.boxes)-1]
		}
	}
	if c.fence != "" {
		if m := fenceMark.FindStringSubmatch(line); m != nil && strings.HasPrefix(m[1], c.fence) {
			c.fence = ""
		}
		return c.wrap(line)
	}
	if blank {
		return strings.TrimRight(c.wrap(""), " ")
	}
	if m := fenceMark.FindStringSubmatch(line); m != nil {
		c.fence = m[1]
		return c.wrap(attributes.ReplaceAllString(line, ""))
	}
	if m := admonition.FindStringSubmatch(line); m != nil {
		return c.open(n, line, m)
	}
	if m := tab.FindStringSubmatch(line); m != nil {
		c.say(n, line, "tabs become paragraphs, one after the other", "nothing to do")
		out := c.wrap(m[1] + "**" + m[2] + "**")
		c.boxes = append(c.boxes, box{indent: len(m[1])})
		return out
	}
	return c.wrap(c.text(n, line))
}

func (c *converter) open(n int, line string, m []string) string {
	kind := alertKinds[strings.ToLower(m[2])]
	if kind == "" {
		kind = "NOTE"
	}
	title := strings.TrimSpace(m[3])
	if title != "" && !strings.HasPrefix(title, `"`) {
		c.say(n, line, "the title has no quotes", `write !!! `+m[2]+` "`+title+`"`)
	}
	title = strings.Trim(title, `"`)
	if title != "" {
		title = " " + title
	}
	out := c.wrap(m[1] + "> [!" + kind + "]" + title)
	c.boxes = append(c.boxes, box{indent: len(m[1]), prefix: "> "})
	return out
}

// wrap writes a line of the innermost box: the columns that make it belong to the boxes go, their marks come.
func (c *converter) wrap(line string) string {
	for _, b := range slices.Backward(c.boxes) {
		if cut := b.indent + 4; len(line) >= cut && strings.TrimSpace(line[:cut]) == "" {
			line = strings.Repeat(" ", b.indent) + b.prefix + line[cut:]
		} else {
			line = strings.Repeat(" ", b.indent) + b.prefix + strings.TrimLeft(line, " ")
		}
	}
	return line
}

func (c *converter) text(n int, line string) string {
	if ownLine.MatchString(line) {
		return ""
	}
	bare := inlineCode.ReplaceAllStringFunc(line, func(s string) string { return strings.Repeat("`", len(s)) })
	if attributes.MatchString(bare) {
		line = attributes.ReplaceAllString(line, "")
	}
	if m := tag.FindString(bare); m != "" {
		c.say(n, m, "HTML is left out", "write it as Markdown")
	}
	for _, s := range special {
		if m := s.mark.FindString(bare); m != "" && !strings.HasPrefix(strings.TrimSpace(bare), "{{path ") {
			c.say(n, m, s.problem, s.fix)
		}
	}
	return line
}

func (c *converter) say(n int, found, problem, fix string) {
	found = strings.TrimSpace(found)
	if r := []rune(found); len(r) > 80 {
		found = string(r[:80]) + "…"
	}
	c.problems = append(c.problems, markdown.Problem{Line: n, Found: found, Problem: problem, Fix: fix})
}

func indentOf(line string) int {
	return len(line) - len(strings.TrimLeft(line, " "))
}
