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
	division   = regexp.MustCompile(`^\s*:{3,}\s*(?:\{?\s*\.?([A-Za-z][\w-]*)[^}]*\}?)?\s*:*\s*$`)
	tab        = regexp.MustCompile(`^(\s*)===!?\+?\s+"([^"]*)"\s*$`)
	attributes = regexp.MustCompile(`[ \t]*\{:[^{}\n]*\}`)
	ofPicture  = regexp.MustCompile(`(!\[[^\]]*)\](\([^)\n]*\))\{([^{}\n]*)\}`)
	ofSpan     = regexp.MustCompile(`\[([^\]\n]*)\]\{[.#][^{}\n]*\}`)
	ofHeading  = regexp.MustCompile(`^(\s{0,3}#{1,6} .*?)\s*\{[.#][^{}\n]*\}\s*$`)
	altText    = regexp.MustCompile(`alt=(?:'([^']*)'|"([^"]*)")`)
	ownLine    = regexp.MustCompile(`^\s*\{:?\s*[.#][^{}]*\}\s*$`)
	gridLine   = regexp.MustCompile(`^\s*\+[-=]{3,}(\+[-=]*)*\+?\s*$`)
	comment    = regexp.MustCompile(`<!--.*?-->`)
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
		{regexp.MustCompile(`\{%.*%\}|\{\{[^}]*\}\}`), "templates are not run", "write what they would give"},
	}
)

var alertKinds = map[string]string{ //nolint:gochecknoglobals // A constant table: types of Material for MkDocs and of Carpentries lessons to GitHub's.
	"tip": "TIP", "hint": "TIP", "success": "TIP", "check": "TIP", "done": "TIP", "challenge": "TIP", "exercise": "TIP", "discussion": "TIP",
	"important": "IMPORTANT", "objectives": "IMPORTANT", "keypoints": "IMPORTANT", "prereq": "IMPORTANT", "prerequisites": "IMPORTANT", "checklist": "IMPORTANT",
	"warning": "WARNING", "attention": "WARNING", "caution": "CAUTION", "danger": "CAUTION", "error": "CAUTION", "failure": "CAUTION", "fail": "CAUTION", "bug": "CAUTION",
	"solution": "DETAILS", "spoiler": "DETAILS", "details": "DETAILS", "answer": "DETAILS",
}

// divisionWords are the headings of divisions that have none of their own; they belong to the text, which is English in every tree that
// has such divisions.
var divisionWords = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"objectives": "Objectives", "questions": "Questions", "keypoints": "Key points", "challenge": "Challenge", "exercise": "Exercise", "discussion": "Discussion",
	"solution": "Solution", "answer": "Answer", "prereq": "Prerequisites", "prerequisites": "Prerequisites", "checklist": "Checklist", "testimonial": "Testimonial", "instructor": "For instructors", "spoiler": "Show more",
}

// Convert turns what MkDocs, Jekyll and Carpentries lessons add to Markdown into what internal/markdown reads: admonitions and fenced
// divisions become alerts, solutions something to open, tabs headed paragraphs, attribute lists go but for descriptions of pictures, and HTML
// that has a counterpart becomes it. The text keeps its lines, so that a finding's line is the page's. What has no counterpart stays as it is
// written and is named. Code is left alone.
func Convert(src string) (string, []markdown.Problem) {
	c := converter{}
	lines := strings.Split(strings.ReplaceAll(src, "\r\n", "\n"), "\n")
	for i, line := range lines {
		next := ""
		if i+1 < len(lines) {
			next = lines[i+1]
		}
		lines[i] = c.line(i+1, line, next)
	}
	return strings.Join(lines, "\n"), c.problems
}

// converter goes through a text line by line. An open box that is indented has the indent of its own line, and what is indented by four
// more belongs to it; one with an end goes on until that comes.
type converter struct {
	fence    string
	grid     bool // inside of a table that is drawn with characters
	hidden   bool // inside of a comment
	boxes    []box
	problems []markdown.Problem
}

type box struct {
	indent int
	prefix string // instead of the four columns: "> " of an alert, nothing of a tab
	end    string // what ends it: ":" of a division, the name of an HTML element; "" for the indent
}

func (c *converter) line(n int, line, next string) string {
	blank := strings.TrimSpace(line) == ""
	if c.fence == "" && !blank {
		for len(c.boxes) > 0 && c.boxes[len(c.boxes)-1].end == "" && indentOf(line) < c.boxes[len(c.boxes)-1].indent+4 {
			c.boxes = c.boxes[:len(c.boxes)-1]
		}
	}
	if c.fence != "" {
		if m := fenceMark.FindStringSubmatch(line); m != nil && strings.HasPrefix(m[1], c.fence) {
			c.fence = ""
		}
		return c.wrap(line)
	}
	if line, blank = c.uncomment(line); blank {
		return strings.TrimRight(c.wrap(""), " ")
	}
	if gridLine.MatchString(line) || c.grid {
		return c.drawn(n, line, next)
	}
	if m := fenceMark.FindStringSubmatch(line); m != nil {
		c.fence = m[1]
		return c.wrap(attributes.ReplaceAllString(line, ""))
	}
	if m := admonition.FindStringSubmatch(line); m != nil {
		return c.open(n, line, m)
	}
	if m := division.FindStringSubmatch(line); m != nil {
		return c.divide(n, line, m[1])
	}
	if m := tab.FindStringSubmatch(line); m != nil {
		c.say(n, line, "tabs become paragraphs, one after the other", "nothing to do")
		out := c.wrap(m[1] + "**" + m[2] + "**")
		c.boxes = append(c.boxes, box{indent: len(m[1])})
		return out
	}
	return c.wrap(c.text(n, line))
}

// uncomment takes comments out of a line, and whether nothing is left of it.
func (c *converter) uncomment(line string) (string, bool) {
	if c.hidden {
		_, rest, ok := strings.Cut(line, "-->")
		if !ok {
			return "", true
		}
		c.hidden, line = false, rest
	}
	if strings.Contains(line, "<!--") && !strings.Contains(line, "`") {
		line = comment.ReplaceAllString(line, "")
		if before, _, ok := strings.Cut(line, "<!--"); ok {
			c.hidden, line = true, before
		}
	}
	return line, strings.TrimSpace(line) == ""
}

// drawn keeps a table that is drawn with characters in its columns, as code. Its first line opens the code, its last closes it.
func (c *converter) drawn(n int, line, next string) string {
	if !c.grid {
		c.grid = true
		c.say(n, line, "a drawn table is shown as it is written", "write it as a table with | between its columns")
		return c.wrap("```")
	}
	if rest := strings.TrimSpace(next); !strings.HasPrefix(rest, "+") && !strings.HasPrefix(rest, "|") {
		c.grid = false
		return c.wrap("```")
	}
	return c.wrap(line)
}

func (c *converter) open(n int, line string, m []string) string {
	title := strings.TrimSpace(m[3])
	if title != "" && !strings.HasPrefix(title, `"`) {
		c.say(n, line, "the title has no quotes", `write !!! `+m[2]+` "`+title+`"`)
	}
	title = strings.Trim(title, `"`)
	if title != "" {
		title = " " + title
	}
	out := c.wrap(m[1] + "> [!" + alert(m[2]) + "]" + title)
	c.boxes = append(c.boxes, box{indent: len(m[1]), prefix: "> "})
	return out
}

func alert(kind string) string {
	if k := alertKinds[strings.ToLower(kind)]; k != "" {
		return k
	}
	return "NOTE"
}

// divide opens a fenced division, or ends the innermost one.
func (c *converter) divide(n int, line, kind string) string {
	if kind == "" {
		i := len(c.boxes) - 1
		if i < 0 || c.boxes[i].end != ":" {
			c.say(n, line, "no division is open here", "take the line out")
			return ""
		}
		c.boxes = c.boxes[:i]
		return strings.TrimRight(c.wrap(""), " ")
	}
	title := ""
	if w := divisionWords[strings.ToLower(kind)]; w != "" {
		title = " " + w
	}
	out := c.wrap("> [!" + alert(kind) + "]" + title)
	c.boxes = append(c.boxes, box{prefix: "> ", end: ":"})
	return out
}

// wrap writes a line of the innermost box: the columns that make it belong to the boxes go, their marks come.
func (c *converter) wrap(line string) string {
	for _, b := range slices.Backward(c.boxes) {
		switch cut := b.indent + 4; {
		case b.end != "":
			line = b.prefix + line
		case len(line) >= cut && strings.TrimSpace(line[:cut]) == "":
			line = strings.Repeat(" ", b.indent) + b.prefix + line[cut:]
		default:
			line = strings.Repeat(" ", b.indent) + b.prefix + strings.TrimLeft(line, " ")
		}
	}
	return line
}

func (c *converter) text(n int, line string) string {
	if ownLine.MatchString(line) {
		return ""
	}
	// Code in a line is put back as it was.
	var kept []string
	line = inlineCode.ReplaceAllStringFunc(line, func(s string) string {
		kept = append(kept, s)
		return "`\x00" + strings.Repeat("\x01", len(kept)-1) + "`"
	})
	line = attributes.ReplaceAllString(line, "")
	line = ofHeading.ReplaceAllString(line, "$1")
	line = ofPicture.ReplaceAllStringFunc(line, described)
	line = ofSpan.ReplaceAllString(line, "$1")
	line = c.html(line)
	line = tag.ReplaceAllStringFunc(line, func(s string) string {
		if !slices.Contains(elements, strings.ToLower(tagName.FindString(s))) {
			return `\` + s // Words in angle brackets, which are no HTML.
		}
		return s
	})
	if m := firstTag(line); m != "" {
		c.say(n, m, "HTML is left out", "write it as Markdown")
	}
	for _, s := range special {
		if m := s.mark.FindString(line); m != "" && !strings.HasPrefix(strings.TrimSpace(line), "{{path ") {
			c.say(n, m, s.problem, s.fix)
		}
	}
	for i, s := range slices.Backward(kept) {
		line = strings.Replace(line, "`\x00"+strings.Repeat("\x01", i)+"`", s, 1)
	}
	return line
}

// elements are the elements of HTML that pages have; other words in angle brackets are words.
var elements = strings.Fields(`a abbr address area article aside audio b base blockquote body br button canvas center cite code col colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption figure font
	footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label legend li link main map mark marquee math meta meter nav noscript object ol optgroup option output p param picture pre progress q
	rp rt ruby s samp script section select slot small source span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr`) //nolint:gochecknoglobals // A constant list.

var tagName = regexp.MustCompile(`[A-Za-z][A-Za-z0-9-]*`)

// firstTag is the first element of HTML in a line; "" for none.
func firstTag(line string) string {
	for _, m := range tag.FindAllStringIndex(line, -1) {
		if m[0] == 0 || line[m[0]-1] != '\\' {
			return line[m[0]:m[1]]
		}
	}
	return ""
}

// described puts a picture's description where Markdown has it, unless there is one.
func described(picture string) string {
	m := ofPicture.FindStringSubmatch(picture)
	if m[1] == "![" {
		if alt := altText.FindStringSubmatch(m[3]); alt != nil {
			m[1] += strings.NewReplacer("[", "", "]", "").Replace(alt[1] + alt[2])
		}
	}
	return m[1] + "]" + m[2]
}

var (
	htmlImage = regexp.MustCompile(`(?i)<img\b([^<>]*)>`)
	htmlLink  = regexp.MustCompile(`(?i)<a\b([^<>]*)>(.*?)</a>`)
	htmlFilm  = regexp.MustCompile(`(?i)<iframe\b[^<>]*\bsrc\s*=\s*["']https://www\.youtube(?:-nocookie)?\.com/embed/([\w-]{6,20})[^<>]*>(?:\s*</iframe>)?`)
	htmlRest  = regexp.MustCompile(`(?i)<(/?)(p|div|span|section|article|header|footer|center|label|small|font|figure|figcaption|picture|u|br|hr|strong|b|em|i|code|tt|kbd|input|h[1-6]|aside|blockquote|details|summary|a)\b([^<>]*)>`)
	attrOf    = regexp.MustCompile(`(?i)\b(src|alt|href|type)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))`)
)

func attrs(s string) map[string]string {
	out := map[string]string{}
	for _, m := range attrOf.FindAllStringSubmatch(s, -1) {
		out[strings.ToLower(m[1])] = m[2] + m[3] + m[4]
	}
	return out
}

// broken stands for an end of a line until it is known whether something follows.
const broken = "\x02"

// html writes HTML that has a counterpart as Markdown. What is left of it is dropped by whoever renders the text.
func (c *converter) html(line string) string {
	if !strings.Contains(line, "<") {
		return line
	}
	line = htmlImage.ReplaceAllStringFunc(line, func(s string) string {
		a := attrs(s)
		if a["src"] == "" {
			return ""
		}
		return "![" + strings.NewReplacer("[", "", "]", "").Replace(a["alt"]) + "](" + strings.ReplaceAll(a["src"], " ", "%20") + ")"
	})
	line = htmlFilm.ReplaceAllString(line, "https://www.youtube.com/watch?v=$1")
	line = htmlLink.ReplaceAllStringFunc(line, func(s string) string {
		m := htmlLink.FindStringSubmatch(s)
		to := attrs(m[1])["href"]
		if to == "" {
			return m[2]
		}
		return "[" + m[2] + "](" + strings.ReplaceAll(to, " ", "%20") + ")"
	})
	boxed := ""
	line = htmlRest.ReplaceAllStringFunc(line, func(s string) string {
		m := htmlRest.FindStringSubmatch(s)
		closes, name := m[1] != "", strings.ToLower(m[2])
		switch name {
		case "strong", "b":
			return "**"
		case "em", "i":
			return "*"
		case "code", "tt", "kbd":
			return "`"
		case "br":
			return broken
		case "hr":
			return "---"
		case "h1", "h2", "h3", "h4", "h5", "h6":
			if closes {
				return ""
			}
			return strings.Repeat("#", int(name[1]-'0')) + " "
		case "input":
			if attrs(m[3])["type"] == "checkbox" {
				return "- [ ] "
			}
			return ""
		case "aside", "blockquote", "details":
			if !closes {
				boxed = name
			} else if i := len(c.boxes) - 1; i >= 0 && c.boxes[i].end == name {
				c.boxes = c.boxes[:i]
			}
			return ""
		case "summary":
			return ""
		}
		return ""
	})
	if cut, ok := strings.CutSuffix(strings.TrimRight(line, " "), broken); ok && strings.TrimSpace(cut) != "" {
		line = cut + "\\"
	}
	line = strings.ReplaceAll(line, broken, " ")
	if boxed != "" {
		out := line
		if boxed == "details" {
			out = "[!DETAILS] " + strings.TrimSpace(line)
		}
		c.boxes = append(c.boxes, box{prefix: "> ", end: boxed})
		return out
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
