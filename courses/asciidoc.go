package courses

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/asciidoc"
	"github.com/learnscape/learnscape/internal/markdown"
)

// asciidocTree are trees of AsciiDoc: a folder is a module, a number before a name its place, a folder in it with the code of a language
// its translations. Captions stand beside a lesson and are called like it; recordings that are elsewhere are in config/urls.yaml; questions
// with their answers are in a folder "workbook", in a file for each module.
type asciidocTree struct{}

// Name implements Source.
func (asciidocTree) Name() string { return "asciidoc" }

// Knows implements Source.
func (asciidocTree) Knows(t *Tree) bool {
	return !t.Has("course.yaml") && !t.Has("mkdocs.yml") && slices.ContainsFunc(t.names, func(n string) bool { return isAsciidoc(n) && number.MatchString(path.Base(n)) })
}

func isAsciidoc(name string) bool {
	return slices.Contains([]string{".asciidoc", ".adoc", ".asc"}, path.Ext(name))
}

// Read implements Source.
func (asciidocTree) Read(t *Tree, o ImportOptions) []Planned {
	modules, intro := t.modules()
	videos := t.urls()
	books := t.workbooks()
	list := t.course(o, func(h *head) []page {
		h.Title = cmp.Or(h.Title, t.called())
		h.Intro = cmp.Or(h.Intro, intro)
		var out []page
		for _, n := range t.names {
			if p, ok := t.numbered(n); ok {
				p.module = modules[moduleOf(n)]
				out = append(out, p)
			}
		}
		order := slices.Collect(t.sections(modules))
		slices.SortStableFunc(out, func(a, b page) int {
			return cmp.Or(cmp.Compare(slices.Index(order, moduleOf(a.name)), slices.Index(order, moduleOf(b.name))), cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name))
		})
		return out
	})
	for i := range list {
		t.equip(&list[i].Course, videos, books)
	}
	return list
}

// moduleOf is the folder that is a page's module.
func moduleOf(name string) string {
	dir := path.Dir(name)
	for dir != "." && folderLang(path.Base(dir)) != "" {
		dir = path.Dir(dir)
	}
	return dir
}

const workbook = "workbook"

// numbered takes a page with a number before its name; scripts of recordings and plans are not for learners.
func (f *Tree) numbered(name string) (page, bool) {
	base := path.Base(name)
	m := number.FindStringSubmatch(base)
	stem := strings.TrimSuffix(base, path.Ext(base))
	switch {
	case !isAsciidoc(name) && path.Ext(name) != ".md", moduleOf(name) == workbook:
		return page{}, false
	case m == nil:
		if isAsciidoc(name) {
			f.find(name, 0, "page", "it has no number, so it is no lesson", "put a number before its name, such as 01-")
		}
		return page{}, false
	}
	if other, ok := strings.CutSuffix(stem, "-script"); ok && slices.ContainsFunc(f.names, func(n string) bool { return strings.HasPrefix(n, path.Join(path.Dir(name), other)+"-article") }) {
		f.find(name, 0, "page", "it is the script of a recording; the article beside it is the lesson", "nothing to do")
		return page{}, false
	}
	p := page{name: name}
	p.order, _ = strconv.Atoi(m[1]) // Digits.
	if isAsciidoc(name) {
		p.as = f.asciidoc(name)
	}
	return p, true
}

// asciidoc converts a page and keeps which line came from which.
func (f *Tree) asciidoc(name string) func(string) (string, []markdown.Problem) {
	return func(src string) (string, []markdown.Problem) {
		text := asciidoc.Convert(src)
		f.maps[name] = text.Lines
		return text.Markdown, text.Problems
	}
}

// modules are the titles of the folders, and what is said of them.
func (f *Tree) modules() (titles map[string]string, intro string) {
	titles = map[string]string{}
	var b strings.Builder
	for _, n := range f.names {
		dir := path.Dir(n)
		if number.MatchString(path.Base(n)) && dir == moduleOf(n) && titles[dir] == "" {
			titles[dir] = capital(strings.ReplaceAll(strings.ReplaceAll(path.Base(dir), "-", " "), "_", " "))
		}
	}
	for dir := range f.sections(titles) {
		raw, ok := f.optional(path.Join(dir, "index.md"))
		if !ok {
			continue
		}
		var fm front
		body, _, err := markdown.FrontMatter(raw, &fm)
		if err != nil {
			f.find(path.Join(dir, "index.md"), 1+yamlLine(err), "front matter", "it cannot be read: "+oneLine(err), "write it as YAML")
			continue
		}
		titles[dir] = cmp.Or(fm.Title, titles[dir])
		if body = strings.TrimSpace(body); body != "" && dir != workbook {
			fmt.Fprintf(&b, "**%s.** %s\n\n", titles[dir], body)
		}
	}
	return titles, strings.TrimSpace(b.String())
}

// sections are the folders in their order: as config/urls.yaml names them, then by name.
func (f *Tree) sections(titles map[string]string) func(func(string) bool) {
	var order []string
	for _, e := range f.entries() {
		dir := strings.ReplaceAll(e.Section, " ", "-")
		if _, ok := titles[dir]; ok && !slices.Contains(order, dir) {
			order = append(order, dir)
		}
	}
	for _, n := range f.names {
		if dir := moduleOf(n); titles[dir] != "" && !slices.Contains(order, dir) {
			order = append(order, dir)
		}
	}
	return slices.Values(order)
}

// called is the title that the tree's README has.
func (f *Tree) called() string {
	for _, n := range []string{"README.md", "README.adoc", "README.asciidoc"} {
		if text, ok := f.optional(n); ok {
			for line := range strings.SplitSeq(text, "\n") {
				if t := strings.TrimSpace(strings.TrimLeft(line, "#=")); t != "" && line != t && (line[0] == '#' || line[0] == '=') {
					return words(t)
				}
			}
		}
	}
	return ""
}

var joint1 = regexp.MustCompile(`([a-z])([A-Z][a-z])`)

// words parts a name that is written in one.
func words(s string) string {
	if strings.Contains(s, " ") {
		return s
	}
	return joint1.ReplaceAllString(s, "$1 $2")
}

type urlEntry struct {
	Section string            `yaml:"section"`
	Video   map[string]string `yaml:"video"`
	Article map[string]string `yaml:"article"`
}

const urlsFile = "config/urls.yaml"

func (f *Tree) entries() (list []urlEntry) {
	if f.urlEntries != nil {
		return *f.urlEntries
	}
	f.urlEntries = &list
	text, ok := f.optional(urlsFile)
	if !ok {
		return nil
	}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		f.find(urlsFile, yamlLine(err), "file", "it cannot be read: "+oneLine(err), "write it as YAML")
		list = nil
	}
	return list
}

// urls are the recordings that are elsewhere, by the file of their lesson without its ending.
func (f *Tree) urls() map[string]string {
	out := map[string]string{}
	for _, e := range f.entries() {
		video := cmp.Or(e.Video["file"], e.Video["youtube"], e.Video["vimeo"])
		for _, a := range e.Article {
			if _, at, ok := strings.Cut(a, "/blob/"); ok && video != "" {
				_, at, _ = strings.Cut(at, "/")
				out[strings.TrimSuffix(at, path.Ext(at))] = video
			}
		}
	}
	return out
}

// equip gives the lessons their recordings and checks.
func (f *Tree) equip(d *CourseDraft, videos map[string]string, books []book) {
	lang := d.Item.Lang
	for i := range d.Lessons {
		l := &d.Lessons[i]
		video := videos[strings.TrimSuffix(l.Name, path.Ext(l.Name))]
		l.Source = f.film(video, l.Name, l.Name, l.Title, cmp.Or(l.Lang, lang)) + l.Source
		for j := range l.Texts {
			t := &l.Texts[j]
			t.Source = f.film(video, t.Name, l.Name, t.Title, t.Lang) + t.Source
		}
	}
	for _, b := range books {
		for _, seg := range b.segments {
			f.ask(d, b, seg)
		}
	}
}

// film is the recording of a lesson as a block, with captions in the language of the text or, where there are none, in that of the lesson.
func (f *Tree) film(video, name, base, title, lang string) string {
	if video == "" {
		return ""
	}
	captions := cmp.Or(f.captions(name, lang), f.captions(base, ""))
	fields := markdown.Fields{Title: title, Src: video}
	if captions != "" {
		if text, ok := f.read(captions); ok {
			said, line := transcript(text)
			if line > 0 {
				f.find(captions, line, "captions", "a time cannot be read", "write 00:01:02.000 --> 00:01:04.000")
			}
			fields.Said, fields.Captions = said, relative(path.Dir(name), captions)
		}
	}
	seg, err := markdown.Typed(markdown.Video, fields)
	if err != nil {
		return ""
	}
	f.lines[name] -= strings.Count(seg.Source, "\n") + 2
	return seg.Source + "\n\n"
}

// relative names a file from a folder.
func relative(dir, name string) string {
	if dir == "." {
		return name
	}
	if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
		return rest
	}
	return strings.Repeat("../", strings.Count(dir, "/")+1) + name
}

// captions are the WebVTT file of a page: beside it, with its number and the word captions; lang "" takes any.
func (f *Tree) captions(name, lang string) string {
	m := number.FindStringSubmatch(path.Base(name))
	if m == nil {
		return ""
	}
	for _, n := range f.names {
		if path.Ext(n) != ".vtt" || path.Dir(n) != path.Dir(name) || !strings.HasPrefix(path.Base(n), m[1]) {
			continue
		}
		if lang == "" || strings.HasSuffix(strings.ToLower(strings.TrimSuffix(n, ".vtt")), "-"+lang) {
			return n
		}
	}
	return ""
}

// book are the questions about one module.
type book struct {
	file     string
	module   string
	segments []segment
}

// segment are the questions about one recording.
type segment struct {
	title     string
	line      int
	several   bool
	questions []markdown.Question
}

// workbooks reads the questions.
func (f *Tree) workbooks() (out []book) {
	for _, n := range f.names {
		if path.Dir(n) == workbook && isAsciidoc(n) && number.MatchString(path.Base(n)) {
			if text, ok := f.read(n); ok {
				stem := strings.TrimSuffix(path.Base(n), path.Ext(n))
				out = append(out, book{file: n, module: number.ReplaceAllString(stem, ""), segments: f.questions(n, text)})
			}
		}
	}
	return out
}

var (
	segmentLine  = regexp.MustCompile(`^={2,5}\s+SEGMENT:\s*(.*)$`)
	questionLine = regexp.MustCompile(`^={3,6}\s+Question\s+\d+\s*[.:]\s*(\S.*)$`)
	answerLine   = regexp.MustCompile(`^={4,6}\s+(?:Correct answers?|Question|Answers?)\b[: ]*(.*)$`)
	whyLine      = regexp.MustCompile(`^Why ([\d, and]+?)\s*(?:is|are)\s*(?:in)?correct\s*:?\s*(.*)$`)
	digits       = regexp.MustCompile(`\d+`)
)

// questions reads a workbook: questions with numbered choices, which of them are right, and why.
func (f *Tree) questions(name, text string) (out []segment) {
	var q *markdown.Question
	var asked int
	var because *string
	end := func() {
		if q == nil || len(out) == 0 {
			return
		}
		right := 0
		for _, c := range q.Choices {
			if c.Right {
				right++
			}
		}
		if right == 0 || len(q.Choices) < 2 {
			f.find(name, asked, cut(q.Ask, 80), "no choice of this question is right", "write a line: ====== Correct answer: 1")
		} else {
			seg := &out[len(out)-1]
			if q.Kind = "single"; right > 1 || seg.several {
				q.Kind = "multiple"
			}
			seg.questions = append(seg.questions, *q)
		}
		q, because = nil, nil
	}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			continue
		case segmentLine.MatchString(line):
			end()
			out = append(out, segment{title: strings.TrimSpace(segmentLine.FindStringSubmatch(line)[1]), line: n})
			continue
		case strings.HasPrefix(line, "More than one answer may be"):
			if len(out) > 0 {
				out[len(out)-1].several = true
			}
			continue
		}
		if m := questionLine.FindStringSubmatch(line); m != nil {
			end()
			if len(out) == 0 {
				out = append(out, segment{line: n})
			}
			q, asked = &markdown.Question{Ask: plainly(m[1])}, n
			continue
		}
		if q == nil {
			continue
		}
		if m := answerLine.FindStringSubmatch(line); m != nil {
			for _, d := range digits.FindAllString(m[1], -1) {
				if i, err := strconv.Atoi(d); err == nil && i >= 1 && i <= len(q.Choices) {
					q.Choices[i-1].Right = true
				} else {
					f.find(name, n, d, "there is no such choice", "count the choices from 1")
				}
			}
			continue
		}
		if m := whyLine.FindStringSubmatch(line); m != nil {
			because = nil
			for _, d := range digits.FindAllString(m[1], -1) {
				if i, err := strconv.Atoi(d); err == nil && i >= 1 && i <= len(q.Choices) {
					because = &q.Choices[i-1].Because
					*because = strings.TrimSpace(*because + " " + plainly(m[2]))
				}
			}
			continue
		}
		switch {
		case strings.HasPrefix(line, ". ") && because == nil:
			q.Choices = append(q.Choices, markdown.Choice{Text: plainly(line[2:])})
		case because != nil:
			*because += " " + plainly(line)
		case len(q.Choices) > 0:
			last := &q.Choices[len(q.Choices)-1]
			last.Text += " " + plainly(line)
		}
	}
	end()
	return out
}

// plainly is a line without marks: questions and choices are shown as plain words.
func plainly(s string) string {
	return strings.Join(strings.Fields(markdown.Plain(asciidoc.Convert(s).Markdown)), " ")
}

// ask puts the questions of a segment behind the lesson that they are about; where none is like it, they become a check of their own at
// the end of the module.
func (f *Tree) ask(d *CourseDraft, b book, seg segment) {
	if len(seg.questions) == 0 {
		return
	}
	at, last, best := -1, -1, 0.0
	for i, l := range d.Lessons {
		if moduleOf(l.Name) != b.module {
			continue
		}
		last = i
		if s := alike(seg.title, l); s > best && l.Kind != "check" {
			at, best = i, s
		}
	}
	block, err := markdown.Typed(markdown.Quiz, markdown.Fields{Title: seg.title, Key: "quiz-" + markdown.Slug(seg.title), Questions: seg.questions})
	if err != nil {
		return
	}
	switch {
	case last < 0:
		f.find(b.file, seg.line, seg.title, "there is no module for these questions", "name the file like a folder with lessons")
	case best >= 0.8:
		l := &d.Lessons[at]
		l.Source = strings.TrimRight(l.Source, "\n") + "\n\n" + block.Source + "\n"
	default:
		f.find(b.file, seg.line, seg.title, "no lesson is called like these questions; they become a lesson at the end of the module", "call the segment like a lesson")
		d.Lessons = slices.Insert(d.Lessons, last+1, LessonDraft{
			Key: "check-" + markdown.Slug(seg.title), Module: d.Lessons[last].Module, Title: seg.title, Kind: "check", Source: block.Source + "\n", Name: path.Join(b.module, "check-"+markdown.Slug(seg.title)+".md"),
			Licence: d.Lessons[last].Licence, Origin: d.Lessons[last].Origin,
		})
	}
}

// small are words that say nothing of what a lesson is about.
var small = strings.Fields("a an and are by do does for from how in innersource into is it its of on or s the to what why with article") //nolint:gochecknoglobals // A constant list.

// alike is how much of a segment's title and of a lesson's name are the same words: 0 for none, 2 for all of both.
func alike(title string, l LessonDraft) float64 {
	set := func(s string) (out []string) {
		for w := range strings.SplitSeq(markdown.Slug(s), "-") {
			if w != "" && !slices.Contains(small, w) && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
		return out
	}
	a, best := set(title), 0.0
	for _, name := range []string{l.Title, number.ReplaceAllString(strings.TrimSuffix(path.Base(l.Name), path.Ext(l.Name)), "")} {
		b := set(name)
		same := 0.0
		for _, w := range a {
			if slices.Contains(b, w) {
				same++
			}
		}
		if same > 0 {
			best = max(best, same/float64(len(a))+same/float64(len(b)))
		}
	}
	return best
}

var cueTime = regexp.MustCompile(`^(?:(\d{2,}):)?(\d{2}):(\d{2})\.\d{3}\s+-->\s+(?:\d{2,}:)?\d{2}:\d{2}\.\d{3}`)

// transcript is what captions say (WebVTT), a line for each sentence or so with its time, and the first line that cannot be read; 0 for none.
func transcript(vtt string) (said string, bad int) {
	var b strings.Builder
	var words []string
	at, cue := -1, false
	flush := func() {
		if len(words) > 0 {
			fmt.Fprintf(&b, "%d:%02d %s\n", at/60, at%60, strings.Join(words, " "))
		}
		words, at = nil, -1
	}
	n := 0
	for line := range strings.SplitSeq(strings.ReplaceAll(vtt, "\r\n", "\n"), "\n") {
		n++
		line = strings.TrimSpace(line)
		m := cueTime.FindStringSubmatch(line)
		switch {
		case m != nil:
			cue = true
			if at < 0 {
				h, _ := strconv.Atoi(m[1]) // Digits, or nothing at all.
				mins, _ := strconv.Atoi(m[2])
				secs, _ := strconv.Atoi(m[3])
				at = h*3600 + mins*60 + secs
			}
		case strings.Contains(line, "-->"):
			if bad == 0 {
				bad = n
			}
			cue = false
		case line == "":
			cue = false
		case cue:
			line = vttTag.ReplaceAllString(line, "")
			words = append(words, line)
			if long := len(strings.Join(words, " ")); long > 240 || long > 60 && strings.ContainsAny(line[max(len(line)-1, 0):], ".?!") {
				flush()
			}
		}
	}
	flush()
	return b.String(), bad
}

var vttTag = regexp.MustCompile(`<[^<>]*>`)
