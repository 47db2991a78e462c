// Package asciidoc turns AsciiDoc into the Markdown that internal/markdown reads, so that lessons that were written in it are kept, shown,
// compared and written on like all others, and go through the same sanitizer.
//
// It reads what trees of prose use: titles, paragraphs, lists of all kinds, admonitions, quotes, examples, sidebars, listings, tables,
// pictures, recordings, links, cross references, footnotes and inline marks. What it does not know stays as text and is named. The libraries
// for Go render HTML, which nobody could write on; hence this one. It knows no file but the text it is given.
package asciidoc

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/learnscape/learnscape/internal/markdown"
)

// Text is what became of a text.
type Text struct {
	Markdown string
	Lines    []int // of each line of Markdown, the line of the AsciiDoc that it came from, both from 1
	Problems []markdown.Problem
}

var (
	title      = regexp.MustCompile(`^(={1,6}|#{1,6})\s+(\S.*?)(?:\s+=+)?$`)
	attribute  = regexp.MustCompile(`^:!?([A-Za-z][\w-]*)!?:(?:\s+(.*))?$`)
	anchorLine = regexp.MustCompile(`^\[(?:\[([^\[\],]+)(?:,[^\]]*)?\]|#([\w\p{L}.-]+)[^\]]*)\]$`)
	styleLine  = regexp.MustCompile(`^\[([A-Za-z0-9_.#%"'][^\[\]]*)?\]$`)
	blockTitle = regexp.MustCompile(`^\.([^\s.].*)$`)
	admonition = regexp.MustCompile(`^(NOTE|TIP|IMPORTANT|WARNING|CAUTION):(?:\s+(.*))?$`)
	fence      = regexp.MustCompile("^(-{4,}|\\.{4,}|={4,}|\\*{4,}|_{4,}|\\+{4,}|/{4,}|--|```+[a-z]*|\\|===|,===|:===)$")
	item       = regexp.MustCompile(`^\s*(\*{1,5}|-|\.{1,5}|\d{1,3}\.|[a-z]\.|<\d+>)\s+(\S.*)$`)
	described  = regexp.MustCompile(`^\s*(\S.*?)(:{2,4}|;;)(?:\s+(.*))?$`)
	macro      = regexp.MustCompile(`^(image|video|audio|include|toc)::([^\[\s]*(?: [^\[]*)?)\[(.*)\]$`)
	anchors    = regexp.MustCompile(`\[\[([^\[\],]+)(?:,[^\]]*)?\]\]`)
)

// Convert converts a text.
func Convert(src string) Text {
	c := converter{lines: strings.Split(strings.ReplaceAll(src, "\r\n", "\n"), "\n"), attrs: map[string]string{"nbsp": " ", "zwsp": "", "plus": "+", "amp": "&", "lt": "<", "gt": ">"}, ids: map[string]string{}}
	c.scan()
	for c.at < len(c.lines) {
		c.block("")
	}
	return Text{strings.Join(c.out, "\n"), c.from, c.problems}
}

type converter struct {
	lines []string
	at    int // the next line

	out  []string
	from []int

	attrs map[string]string
	ids   map[string]string // of anchors: the title that follows
	shift int               // by how much titles go up, so that the first one is the text's

	style    string // of the next block, from its line of attributes
	lang     string // of its code
	who      string // of its quotation
	cols     int    // of its table
	header   bool   // of its table
	list     []level
	problems []markdown.Problem
}

// level is a list that is open, by its mark.
type level struct {
	mark   string
	indent int // of its items' text
}

// scan finds anchors, and on which level titles begin.
func (c *converter) scan() {
	top, id, in := 0, "", ""
	for _, line := range c.lines {
		line = strings.TrimRight(line, " \t")
		if m := fence.FindString(line); m != "" && (in == "" || in == m) && m != "--" {
			if in == "" {
				in = m
			} else {
				in = ""
			}
			continue
		}
		if in != "" {
			continue
		}
		if m := anchorLine.FindStringSubmatch(line); m != nil {
			id = m[1] + m[2]
			continue
		}
		if m := title.FindStringSubmatch(line); m != nil {
			if n := len(m[1]); top == 0 || n < top {
				top = n
			}
			words := m[2]
			if a := anchors.FindStringSubmatch(words); a != nil {
				id, words = a[1], strings.TrimSpace(anchors.ReplaceAllString(words, ""))
			}
			if id != "" {
				c.ids[id] = words
			}
		}
		if strings.TrimSpace(line) != "" {
			id = ""
		}
	}
	c.shift = max(top-1, 0)
}

func (c *converter) put(prefix, text string) {
	line := prefix + text
	if strings.TrimSpace(line) == "" {
		line = ""
	}
	c.out, c.from = append(c.out, strings.TrimRight(line, " ")), append(c.from, c.at)
}

// gap puts an empty line, unless there is one.
func (c *converter) gap(prefix string) {
	if n := len(c.out); n > 0 && strings.Trim(c.out[n-1], " >") != "" {
		c.put(strings.TrimRight(prefix, " "), "")
	}
}

func (c *converter) say(found, problem, fix string) {
	if r := []rune(found); len(r) > 80 {
		found = string(r[:80]) + "…"
	}
	c.problems = append(c.problems, markdown.Problem{Line: c.at, Found: found, Problem: problem, Fix: fix})
}

func (c *converter) next() (string, bool) {
	if c.at >= len(c.lines) {
		return "", false
	}
	c.at++
	return strings.TrimRight(c.lines[c.at-1], " \t"), true
}

func (c *converter) peek() string {
	if c.at >= len(c.lines) {
		return ""
	}
	return strings.TrimRight(c.lines[c.at], " \t")
}

// block converts the next block; prefix stands before each of its lines.
func (c *converter) block(prefix string) {
	line, _ := c.next()
	indent := prefix + strings.Repeat(" ", c.depth())
	switch {
	case line == "":
		c.gap(prefix)
		return
	case strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "////"):
		return
	case line == "+":
		// What follows belongs to the item before.
		c.gap(prefix)
		if c.peek() != "" {
			c.attached(indent)
		}
		return
	}
	if m := attribute.FindStringSubmatch(line); m != nil {
		c.attrs[strings.ToLower(m[1])] = m[2]
		return
	}
	if anchorLine.MatchString(line) {
		return
	}
	if m := title.FindStringSubmatch(line); m != nil && c.style != "discrete" {
		c.over()
		n := max(len(m[1])-c.shift, 1)
		c.gap(prefix)
		c.put(prefix, strings.Repeat("#", min(n, 6))+" "+c.inline(anchors.ReplaceAllString(m[2], "")))
		c.gap(prefix)
		return
	}
	if m := styleLine.FindStringSubmatch(line); m != nil && c.styled(m[1]) {
		return
	}
	if line == "'''" || line == "---" || line == "<<<" {
		c.over()
		if line != "<<<" {
			c.gap(prefix)
			c.put(prefix, "---")
			c.gap(prefix)
		}
		return
	}
	if m := fence.FindString(line); m != "" {
		if len(c.list) > 0 && (c.at < 2 || strings.TrimSpace(c.lines[c.at-2]) == "") {
			c.over()
			indent = prefix
		}
		c.delimited(m, indent)
		return
	}
	if m := macro.FindStringSubmatch(line); m != nil {
		c.macro(m, indent)
		return
	}
	if m := admonition.FindStringSubmatch(line); m != nil {
		c.over()
		c.admonish(m[1], prefix, m[2])
		return
	}
	if m := item.FindStringSubmatch(line); m != nil {
		c.listed(prefix, m[1], m[2])
		return
	}
	if m := described.FindStringSubmatch(line); m != nil && !strings.Contains(m[1], "http") {
		c.over()
		c.put(prefix, "- **"+c.inline(m[1])+"**")
		c.list = []level{{"::", 2}}
		if m[3] != "" {
			c.out[len(c.out)-1] += ": " + c.inline(m[3])
		}
		return
	}
	if m := blockTitle.FindStringSubmatch(line); m != nil {
		c.gap(prefix)
		c.put(indent, "**"+c.inline(m[1])+"**")
		c.gap(prefix)
		return
	}
	if strings.HasPrefix(line, " ") && len(c.list) == 0 && c.style == "" {
		c.literal(prefix, line)
		return
	}
	c.paragraph(prefix, line)
}

// depth is where the text of the innermost open list stands.
func (c *converter) depth() int {
	if n := len(c.list); n > 0 {
		return c.list[n-1].indent
	}
	return 0
}

// over ends all lists.
func (c *converter) over() { c.list = nil }

// attached converts a block that belongs to an item of a list.
func (c *converter) attached(indent string) {
	list := c.list
	c.list = nil
	c.block(indent)
	for c.peek() != "" && c.peek() != "+" && !item.MatchString(c.peek()) {
		c.block(indent)
	}
	c.list = list
}

// styled reads a line of attributes; it reports false for brackets that are words.
func (c *converter) styled(s string) bool {
	parts := strings.Split(s, ",")
	first := strings.TrimSpace(strings.Trim(parts[0], `"`))
	name, _, _ := strings.Cut(strings.TrimLeft(first, "."), "%")
	switch {
	case name == "source" || name == "listing":
		c.style = "source"
		if len(parts) > 1 {
			c.lang = strings.TrimSpace(parts[1])
		}
	case name == "quote" || name == "verse":
		c.style = name
		if len(parts) > 1 {
			c.who = strings.TrimSpace(strings.Join(parts[1:], ", "))
		}
	case strings.Contains("NOTE TIP IMPORTANT WARNING CAUTION", name) && len(name) > 2:
		c.style = name
	case strings.Contains(s, "cols=") || strings.Contains(s, "options=") || strings.HasPrefix(first, "%"):
		c.table(s)
	case strings.HasPrefix(s, "role=") || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "#") || strings.HasPrefix(s, "%") || strings.HasPrefix(s, "id=") || name == "abstract" || name == "discrete" ||
		name == "example" || name == "sidebar" || name == "horizontal" || name == "qanda" || name == "partintro" || name == "preface" || name == "appendix" || name == "start":
		if name == "discrete" {
			c.style = ""
		}
	case len(strings.Fields(s)) == 1 && !strings.ContainsAny(s, ".!?"):
		c.say("["+s+"]", "this style is not known", "take the line out")
	default:
		return false
	}
	return true
}

var colsOf = regexp.MustCompile(`cols="?([^"\]]*)"?`)

func (c *converter) table(s string) {
	c.header = strings.Contains(s, "header")
	m := colsOf.FindStringSubmatch(s)
	if m == nil {
		return
	}
	c.cols = 0
	for p := range strings.SplitSeq(m[1], ",") {
		n := 1
		if times, _, ok := strings.Cut(p, "*"); ok {
			if k, err := strconv.Atoi(strings.TrimSpace(times)); err == nil && k > 0 && k < 50 {
				n = k
			}
		}
		c.cols += n
	}
}

// body takes the lines up to the end of a delimited block.
func (c *converter) body(end string) (lines []string, from []int) {
	for {
		line, ok := c.next()
		if !ok {
			c.say(end, "this block has no end", "write "+end+" behind it")
			return lines, from
		}
		if line == end || strings.HasPrefix(end, "```") && line == "```" {
			return lines, from
		}
		lines, from = append(lines, line), append(from, c.at)
	}
}

func (c *converter) delimited(mark, prefix string) {
	style, lang, who := c.style, c.lang, c.who
	c.style, c.lang, c.who = "", "", ""
	begin := c.at
	switch {
	case strings.HasPrefix(mark, "////"):
		c.body(mark)
	case strings.HasPrefix(mark, "----"), strings.HasPrefix(mark, "...."), strings.HasPrefix(mark, "```"):
		if l := strings.TrimLeft(mark, "`"); strings.HasPrefix(mark, "```") {
			lang = l
		}
		lines, from := c.body(mark)
		c.code(prefix, lang, lines, from, begin)
	case strings.HasPrefix(mark, "++++"):
		c.body(mark)
		c.say(mark, "text that is passed through is left out", "write it as AsciiDoc")
	case strings.HasSuffix(mark, "==="):
		if strings.HasPrefix(mark, "|") {
			lines, from := c.body(mark)
			c.rows(prefix, lines, from)
			return
		}
		if len(mark) == 4 && mark[0] != '=' {
			c.body(mark)
			c.say(mark, "tables with commas are left out", "write it with |")
			return
		}
		fallthrough
	case strings.HasPrefix(mark, "****"), strings.HasPrefix(mark, "____"), mark == "--":
		lines, _ := c.body(mark)
		c.boxed(mark, style, who, prefix, lines, begin)
	}
}

// boxed converts what stands in an example, sidebar, quote or open block.
func (c *converter) boxed(mark, style, who, prefix string, lines []string, begin int) {
	inner := converter{lines: lines, attrs: c.attrs, ids: c.ids, shift: c.shift}
	c.gap(prefix)
	in := prefix
	switch {
	case style != "" && style != "quote" && style != "verse" && style != "source":
		c.put(prefix, "> [!"+style+"]")
		in += "> "
	case mark[0] == '*':
		c.put(prefix, "> [!NOTE]")
		in += "> "
	case mark != "--" || style != "":
		in += "> "
	}
	for inner.at < len(inner.lines) {
		inner.block(in)
	}
	c.out = append(c.out, inner.out...)
	for _, n := range inner.from {
		c.from = append(c.from, n+begin)
	}
	for _, p := range inner.problems {
		p.Line += begin
		c.problems = append(c.problems, p)
	}
	if who != "" {
		c.gap(in)
		c.put(in, "— "+c.inline(who))
	}
	c.put(strings.TrimRight(prefix, " "), "")
}

func (c *converter) code(prefix, lang string, lines []string, from []int, begin int) {
	mark := "```"
	for _, l := range lines {
		for strings.HasPrefix(strings.TrimSpace(l), mark) {
			mark += "`"
		}
	}
	end := c.at
	c.gap(prefix)
	c.at = begin
	c.put(prefix, mark+lang)
	for i, l := range lines {
		c.at = from[i]
		c.out, c.from = append(c.out, prefix+l), append(c.from, c.at)
	}
	c.at = end
	c.put(prefix, mark)
	c.put(strings.TrimRight(prefix, " "), "")
}

// literal converts a paragraph that is indented: it is shown as it is written.
func (c *converter) literal(prefix, line string) {
	lines, from, begin := []string{strings.TrimPrefix(line, " ")}, []int{c.at}, c.at
	for c.peek() != "" {
		l, _ := c.next()
		lines, from = append(lines, strings.TrimPrefix(l, " ")), append(from, c.at)
	}
	c.code(prefix, "", lines, from, begin)
}

func (c *converter) admonish(kind, prefix, first string) {
	c.gap(prefix)
	c.put(prefix, "> [!"+kind+"]")
	if first == "" && c.starts() {
		first, _ = c.next()
	}
	if first != "" {
		c.run(prefix+"> ", first, "", func() bool { return true })
	}
	c.put(strings.TrimRight(prefix, " "), "")
}

// starts reports whether the next line goes on with a paragraph.
func (c *converter) starts() bool {
	l := c.peek()
	return l != "" && l != "+" && !fence.MatchString(l) && !macro.MatchString(l) && !title.MatchString(l)
}

// paragraph converts one, with the style that stands before it.
func (c *converter) paragraph(prefix, line string) {
	style, who := c.style, c.who
	c.style, c.who = "", ""
	in := prefix + strings.Repeat(" ", c.depth())
	if before := c.at - 2; len(c.list) > 0 && before >= 0 && strings.TrimSpace(c.lines[before]) == "" {
		c.over() // A paragraph behind an empty line ends the list.
		in = prefix
	}
	switch style {
	case "source":
		c.at--
		lang := c.lang
		c.lang = ""
		var lines []string
		var from []int
		begin := c.at + 1
		for c.peek() != "" {
			l, _ := c.next()
			lines, from = append(lines, l), append(from, c.at)
		}
		c.code(in, lang, lines, from, begin)
		return
	case "quote", "verse":
		in += "> "
	case "":
	default:
		c.admonish(style, prefix, line)
		return
	}
	end := "\\"
	if style != "verse" {
		end = ""
	}
	c.run(in, line, end, func() bool { return !item.MatchString(c.peek()) && !styleLine.MatchString(c.peek()) })
	if who != "" {
		c.gap(in)
		c.put(in, "— "+c.inline(who))
	}
}

// listed converts an item of a list. Marks nest in the order in which they first come.
func (c *converter) listed(prefix, mark, text string) {
	kind := mark
	if mark[0] >= '0' && mark[0] <= '9' {
		kind = "1."
	} else if mark[0] >= 'a' && mark[0] <= 'z' {
		kind = "a."
	} else if mark[0] == '<' {
		kind = "<>"
	}
	at := -1
	for i, l := range c.list {
		if l.mark == kind {
			at = i
		}
	}
	if at >= 0 {
		c.list = c.list[:at]
	} else if len(c.list) == 0 {
		c.gap(prefix)
	}
	indent := c.depth()
	bullet := "- "
	if kind[0] != '*' && kind[0] != '-' {
		bullet = "1. "
	}
	n := len(c.out)
	c.list = append(c.list, level{kind, indent + len(bullet)})
	c.run(prefix+strings.Repeat(" ", c.depth()), text, "", func() bool {
		return !item.MatchString(c.peek()) && !described.MatchString(c.peek()) && !styleLine.MatchString(c.peek()) && !admonition.MatchString(c.peek())
	})
	c.out[n] = prefix + strings.Repeat(" ", indent) + bullet + strings.TrimPrefix(c.out[n], prefix+strings.Repeat(" ", c.depth()))
}

// run puts lines that belong together, so that marks may begin in one and end in another: the first, and those that follow as long as
// more says so. Each but the last gets the end.
func (c *converter) run(prefix, first, end string, more func() bool) {
	lines, from := []string{strings.TrimLeft(first, " ")}, []int{c.at}
	for c.starts() && more() {
		if l, _ := c.next(); !strings.HasPrefix(l, "//") {
			lines, from = append(lines, strings.TrimLeft(l, " ")), append(from, c.at)
		}
	}
	out := strings.Split(c.inline(strings.Join(lines, "\n")), "\n")
	last := c.at
	for i, l := range out {
		c.at = from[min(i, len(from)-1)]
		if i < len(out)-1 {
			l += end
		}
		if cut, ok := strings.CutSuffix(l, " +"); ok {
			l = cut + "\\"
		}
		c.put(prefix, l)
	}
	c.at = last
}

func (c *converter) macro(m []string, prefix string) {
	name, target, args := m[1], c.replaced(m[2]), m[3]
	switch name {
	case "image":
		c.gap(prefix)
		c.put(prefix, picture(target, args))
		c.gap(prefix)
	case "video":
		first, _, _ := strings.Cut(args, ",")
		switch strings.Trim(first, `" `) {
		case "youtube":
			target = "https://www.youtube.com/watch?v=" + target
		case "vimeo":
			target = "https://vimeo.com/" + target
		}
		c.gap(prefix)
		c.put(prefix, "```video")
		c.put(prefix, "src: "+strconv.Quote(target))
		c.put(prefix, "```")
		c.gap(prefix)
	case "include":
		c.say(m[0], "text from other files is not included", "write it here")
	case "audio":
		c.say(m[0], "recordings without a picture are left out", "link to it")
	}
}

func picture(target, args string) string {
	alt, _, _ := strings.Cut(args, ",")
	if k, v, ok := strings.Cut(alt, "="); ok {
		alt = ""
		if strings.TrimSpace(k) == "alt" {
			alt = v
		}
	}
	return "![" + strings.NewReplacer("[", "", "]", "").Replace(strings.Trim(alt, `" `)) + "](" + strings.ReplaceAll(target, " ", "%20") + ")"
}

var cellMark = regexp.MustCompile(`(?:^|\s)(\d*\.?\d*[+*])?([<^>.]*[aehlmsd]?)\|`)

// rows converts a table. Cells that span others, and text blocks in cells, are named.
func (c *converter) rows(prefix string, lines []string, from []int) {
	cols, header := c.cols, c.header
	c.cols, c.header = 0, false
	var cells []string
	var at []int
	first := true
	for i, line := range lines {
		end := c.at
		c.at = from[i]
		if strings.TrimSpace(line) == "" {
			header = header || first && len(cells) > 0 && len(cells) == cols
			c.at = end
			continue
		}
		marks := cellMark.FindAllStringSubmatchIndex(line, -1)
		if len(marks) == 0 || marks[0][0] > 0 && len(cells) == 0 {
			if n := len(cells); n > 0 {
				cells[n-1] += " " + c.inline(strings.TrimSpace(line))
			}
			c.at = end
			continue
		}
		if head := strings.TrimSpace(line[:marks[0][0]]); head != "" && len(cells) > 0 {
			cells[len(cells)-1] += " " + c.inline(head)
		}
		for j, m := range marks {
			if m[2] >= 0 {
				c.say(line[m[2]:m[3]]+"|", "cells stand in one row and column each", "divide it")
			}
			stop := len(line)
			if j+1 < len(marks) {
				stop = marks[j+1][0]
			}
			cells, at = append(cells, c.inline(strings.TrimSpace(line[m[1]:stop]))), append(at, from[i])
		}
		if first && cols == 0 {
			cols = len(cells)
			header = header || i+1 < len(lines) && strings.TrimSpace(lines[i+1]) == ""
		}
		first = first && len(cells) < cols
		c.at = end
	}
	if cols == 0 {
		return
	}
	c.gap(prefix)
	row := func(list []string) {
		var out strings.Builder
		out.WriteByte('|')
		for i := range cols {
			text := ""
			if i < len(list) {
				text = strings.ReplaceAll(list[i], "|", `\|`)
			}
			out.WriteString(" " + text + " |")
		}
		c.put(prefix, out.String())
	}
	end := c.at
	if !header {
		row(nil)
		c.put(prefix, "|"+strings.Repeat(" --- |", cols))
	}
	for i := 0; i < len(cells); i += cols {
		c.at = at[i]
		row(cells[i:min(i+cols, len(cells))])
		if header && i == 0 {
			c.put(prefix, "|"+strings.Repeat(" --- |", cols))
		}
	}
	c.at = end
	c.put(strings.TrimRight(prefix, " "), "")
}
