package courses

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// head is what course.yaml and a path's front matter say.
type head struct {
	Title       string     `yaml:"title,omitempty"`
	Slug        string     `yaml:"slug,omitempty"`
	Summary     string     `yaml:"summary,omitempty"`
	Outcome     string     `yaml:"outcome,omitempty"`
	Lang        string     `yaml:"lang,omitempty"`
	Level       string     `yaml:"level,omitempty"`
	Topics      []string   `yaml:"topics,omitempty"`
	Collections []string   `yaml:"collections,omitempty"`
	Intro       string     `yaml:"intro,omitempty"`
	Note        string     `yaml:"note,omitempty"`
	Licence     string     `yaml:"licence,omitempty"` // of every lesson that says nothing else
	License     string     `yaml:"license,omitempty"` // the same
	Source      string     `yaml:"source,omitempty"`  // where every lesson comes from, likewise
	Lessons     []string   `yaml:"lessons,omitempty"`
	Steps       []headStep `yaml:"steps,omitempty"`
	Slots       []headSlot `yaml:"slots,omitempty"`

	NoProposition bool     `yaml:"no_proposition,omitempty"`
	NoNotes       []string `yaml:"no_notes,omitempty"`

	Texts map[string][]string `yaml:"texts,omitempty"` // files of a lesson's file in other languages
}

// headStep is a step: what it leads to, a title and length of its own, and how it stands among the others. note is one line under its
// title; steps of one section stand together under its title; an optional step has not to be finished; of the steps with the same
// either one is enough; needs lists the keys of the steps that are finished before it opens.
type headStep struct {
	Key      string   `yaml:"key,omitempty"`
	Lesson   string   `yaml:"lesson,omitempty"`
	Course   string   `yaml:"course,omitempty"`
	Story    string   `yaml:"story,omitempty"`
	Resource string   `yaml:"resource,omitempty"`
	Title    string   `yaml:"title,omitempty"`
	Minutes  int      `yaml:"minutes,omitempty"`
	Note     string   `yaml:"note,omitempty"`
	Section  string   `yaml:"section,omitempty"`
	Optional bool     `yaml:"optional,omitempty"`
	Either   string   `yaml:"either,omitempty"`
	Needs    []string `yaml:"needs,omitempty"`
}

func (s headStep) rules() Rules { return Rules{s.Note, s.Section, s.Optional, s.Either, s.Needs} }

func (s headStep) ref() string { return cmp.Or(s.Course, s.Story, s.Resource) }

func (s headStep) kind() string {
	switch {
	case s.Course != "":
		return StepCourse
	case s.Story != "":
		return StepStory
	case s.Resource != "":
		return StepResource
	}
	return StepLesson
}

type headSlot struct {
	Key        string `yaml:"key"`
	After      string `yaml:"after,omitempty"`
	Suggestion string `yaml:"suggestion,omitempty"`
}

// front is what a page's front matter says.
type front struct {
	Title   string `yaml:"title"`
	Key     string `yaml:"key"`
	Summary string `yaml:"summary"`
	Kind    string `yaml:"kind"`
	Module  string `yaml:"module"`
	Minutes int    `yaml:"minutes"`
	Order   *int   `yaml:"order"`
	Lang    string `yaml:"lang"`
	Licence string `yaml:"licence"`
	License string `yaml:"license"`
	Source  string `yaml:"source"`
	Of      string `yaml:"of"` // the key of the lesson that this is in another language

	Description string `yaml:"description"` // Jekyll's word for a summary
	Teaching    int    `yaml:"teaching"`    // Carpentries' words for the minutes
	Exercises   int    `yaml:"exercises"`
}

// page is a file in its place.
type page struct {
	name   string
	title  string // from nav
	module string // from nav
	order  int
	lang   string // other than the tree's
	texts  []page // in other languages
	kind   string
	before string // typed blocks that stand before the text
	after  string // and after it
	as     func(string) (string, []markdown.Problem)
}

// item is the registry's row for what the head says.
func (h head) item(o ImportOptions, kind, fallback string) tenants.Item {
	it := tenants.Item{
		Kind: kind, Title: cmp.Or(o.Title, h.Title, fallback), Slug: cmp.Or(o.Slug, h.Slug), Summary: h.Summary, Lang: cmp.Or(o.Lang, h.Lang, "en"), Level: h.Level, Topics: h.Topics,
	}
	if it.Slug == "" {
		it.Slug = tenants.Slugify(it.Title)
	}
	if o.Stable {
		it.ItemID = StableItem(o.OrgSlug, kind, it.Slug)
	}
	return it
}

// pages are folders of Markdown: with course.yaml, with MkDocs' nav, with order in the pages' front matter, or with numbers before their
// names.
type pages struct{}

// Name implements Source.
func (pages) Name() string { return "pages" }

// Knows implements Source.
func (pages) Knows(*Tree) bool { return true }

// Read implements Source.
func (pages) Read(t *Tree, o ImportOptions) []Planned {
	return t.course(o, func(h *head) []page { return t.order(h) })
}

// course reads a tree as one course; list says which pages it has, and may fill the head.
func (f *Tree) course(o ImportOptions, list func(*head) []page) []Planned {
	var h head
	file := "course.yaml"
	if text, ok := f.optional(file); ok {
		if err := yaml.Unmarshal([]byte(text), &h); err != nil {
			f.find(file, yamlLine(err), "file", "it cannot be read: "+oneLine(err), "write it as YAML")
		}
	}
	found := list(&h)
	d := CourseDraft{Item: h.item(o, tenants.KindCourse, cmp.Or(path.Base(o.Dir), "course")), Outcome: h.Outcome, Intro: h.Intro, Note: cmp.Or(o.Note, h.Note), At: o.At}
	licence, origin := f.about()
	licence, origin = cmp.Or(licenceOf(h.Licence+h.License), h.Licence, h.License, licence), cmp.Or(h.Source, origin)
	keys := map[string]bool{}
	for _, p := range together(found, d.Item.Lang) {
		if l, ok := f.lesson(p, keys); ok {
			l.own(licence, origin)
			d.Lessons = append(d.Lessons, l)
		}
	}
	if len(d.Lessons) == 0 {
		return nil
	}
	return []Planned{{Kind: tenants.KindCourse, Course: d, Collections: append(h.Collections, o.Collections...), tree: f, file: file}}
}

// yamlLine is the line that an error of the YAML reader names; 0 for none.
func yamlLine(err error) int {
	m := yamlAt.FindStringSubmatch(err.Error())
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // Digits.
	return n
}

var yamlAt = regexp.MustCompile(`line (\d+)`)

func (f *Tree) optional(name string) (string, bool) {
	if _, ok := f.files[name]; !ok {
		return "", false
	}
	return f.read(name)
}

var number = regexp.MustCompile(`^(\d+)[-_. ]`)

// order lists the pages in the order that the folder gives, most explicit first.
func (f *Tree) order(h *head) []page {
	if len(h.Lessons) > 0 {
		var out []page
		for _, name := range h.Lessons {
			out = append(out, page{name: path.Clean(name)})
		}
		return out
	}
	if text, ok := f.optional("mkdocs.yml"); ok {
		if out := f.nav(text, h); len(out) > 0 {
			return out
		}
	}
	f.jekyll(h)
	var out []page
	ordered := false
	for _, name := range f.names {
		if !strings.HasSuffix(name, ".md") || strings.EqualFold(path.Base(name), "readme.md") {
			continue
		}
		p := page{name: name, order: 1 << 30}
		var fm front
		if text, ok := f.read(name); ok {
			if _, _, err := markdown.FrontMatter(text, &fm); err == nil {
				if aside(path.Base(name)) && fm.Order == nil {
					continue
				}
				p.lang = strings.ToLower(fm.Lang)
				if fm.Order != nil {
					p.order, ordered = *fm.Order, true
				}
			}
		}
		ordered = ordered || number.MatchString(path.Base(name))
		out = append(out, p)
	}
	if dir := f.only(out, ordered); dir != "" {
		out = slices.DeleteFunc(out, func(p page) bool { return !strings.HasPrefix(p.name, dir+"/") })
	}
	if !ordered && len(out) > 1 {
		f.find("", 0, fmt.Sprintf("%d pages", len(out)), "nothing says in which order", "add lessons: to course.yaml, nav: to mkdocs.yml, order: to the pages, or numbers to their names")
	}
	slices.SortStableFunc(out, func(a, b page) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name)) })
	return out
}

// aside reports whether a page is about the tree and not for learners.
func aside(base string) bool {
	switch strings.ToLower(strings.TrimSuffix(base, path.Ext(base))) {
	case "license", "licence", "contributing", "changelog", "code_of_conduct", "code-of-conduct", "security", "citation", "notices":
		return true
	}
	return false
}

// only is the folder that holds all pages with an order, where other pages have none: the rest is about the site.
func (f *Tree) only(list []page, ordered bool) string {
	if !ordered {
		return ""
	}
	dir := ""
	for _, p := range list {
		top, _, ok := strings.Cut(p.name, "/")
		switch {
		case p.order == 1<<30:
			continue
		case !ok || dir != "" && dir != top:
			return ""
		}
		dir = top
	}
	return dir
}

// jekyll reads what a site says of itself.
func (f *Tree) jekyll(h *head) {
	text, ok := f.optional("_config.yml")
	if !ok {
		return
	}
	var m struct {
		Title       string `yaml:"title"`
		Description string `yaml:"description"`
		Lang        string `yaml:"lang"`
	}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		f.find("_config.yml", yamlLine(err), "file", "it cannot be read: "+oneLine(err), "write it as YAML")
		return
	}
	h.Title, h.Summary, h.Lang = cmp.Or(h.Title, m.Title), cmp.Or(h.Summary, m.Description), cmp.Or(h.Lang, m.Lang)
}

// carpentries are lessons for The Carpentries' workbench: episodes in the order of config.yaml.
type carpentries struct{}

// Name implements Source.
func (carpentries) Name() string { return "carpentries" }

// Knows implements Source.
func (carpentries) Knows(t *Tree) bool {
	return t.Has("config.yaml") && slices.ContainsFunc(t.names, func(n string) bool { return strings.HasPrefix(n, "episodes/") })
}

// Read implements Source. Setup, reference and discussion for learners follow the episodes; what is for instructors is left out.
func (carpentries) Read(t *Tree, o ImportOptions) []Planned {
	return t.course(o, func(h *head) []page {
		var c struct {
			Title    string   `yaml:"title"`
			Lang     string   `yaml:"lang"`
			License  string   `yaml:"license"`
			Source   string   `yaml:"source"`
			Episodes []string `yaml:"episodes"`
			Learners []string `yaml:"learners"`
		}
		if text, ok := t.read("config.yaml"); ok {
			if err := yaml.Unmarshal([]byte(text), &c); err != nil {
				t.find("config.yaml", yamlLine(err), "file", "it cannot be read: "+oneLine(err), "write it as YAML")
			}
		}
		h.Title, h.Lang, h.Licence, h.Source = cmp.Or(h.Title, c.Title), cmp.Or(h.Lang, c.Lang), cmp.Or(h.Licence, c.License), cmp.Or(h.Source, c.Source)
		return append(t.listed("episodes", c.Episodes, ""), t.listed("learners", c.Learners, "")...)
	})
}

// listed are the pages of a folder in the order of the list, or of their names where there is none.
func (f *Tree) listed(dir string, list []string, module string) (out []page) {
	for _, n := range list {
		out = append(out, page{name: path.Join(dir, n), module: module})
	}
	for _, n := range f.names {
		if len(list) == 0 && path.Dir(n) == dir && path.Ext(n) == ".md" {
			out = append(out, page{name: n, module: module})
		}
	}
	return out
}

// nav reads the page tree of MkDocs: a list of titles with a page, a nested list or a bare page.
func (f *Tree) nav(text string, h *head) []page {
	var m struct {
		Name        string `yaml:"site_name"`
		Description string `yaml:"site_description"`
		Docs        string `yaml:"docs_dir"`
		Repo        string `yaml:"repo_url"`
		Theme       struct {
			Language string `yaml:"language"`
		} `yaml:"theme"`
		Nav yaml.Node `yaml:"nav"`
	}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		f.find("mkdocs.yml", yamlLine(err), "file", "it cannot be read: "+oneLine(err), "write it as YAML")
		return nil
	}
	if h.Source == "" {
		h.Source = m.Repo
	}
	h.Title, h.Summary, h.Lang = cmp.Or(h.Title, m.Name), cmp.Or(h.Summary, m.Description), cmp.Or(h.Lang, m.Theme.Language)
	return f.tree(&m.Nav, cmp.Or(m.Docs, "docs"), "", 0)
}

func (f *Tree) tree(n *yaml.Node, docs, module string, depth int) []page {
	if n.Kind != yaml.SequenceNode || depth > 4 {
		return nil
	}
	var out []page
	for _, c := range n.Content {
		title, value := "", c
		if c.Kind == yaml.MappingNode && len(c.Content) == 2 {
			title, value = c.Content[0].Value, c.Content[1]
		}
		switch {
		case value.Kind == yaml.SequenceNode:
			out = append(out, f.tree(value, docs, cmp.Or(module, title), depth+1)...)
		case value.Kind != yaml.ScalarNode:
			f.find("mkdocs.yml", value.Line, "nav", "this entry is neither a page nor a list", "write title: page.md")
		case strings.Contains(value.Value, "://"):
			f.find("mkdocs.yml", value.Line, value.Value, "a page elsewhere cannot become a lesson", "link to it from a lesson")
		default:
			name := path.Join(docs, value.Value)
			if _, ok := f.files[name]; !ok {
				f.find("mkdocs.yml", value.Line, value.Value, "the page is not in the folder", "put it there, or take it out of nav")
				continue
			}
			out = append(out, page{name: name, title: title, module: module})
		}
	}
	return out
}

// lesson reads and converts one page, and what it is in other languages.
func (f *Tree) lesson(p page, keys map[string]bool) (LessonDraft, bool) {
	text, fm, ok := f.text(p)
	if !ok {
		return LessonDraft{}, false
	}
	l := LessonDraft{
		Key: f.key(fm.Key, p.name, keys), Module: cmp.Or(fm.Module, p.module), Title: text.Title, Summary: cut(cmp.Or(fm.Summary, fm.Description), 400), Kind: cmp.Or(fm.Kind, p.kind),
		Minutes: cmp.Or(fm.Minutes, fm.Teaching+fm.Exercises), Name: p.name, Source: text.Source, Lang: text.Lang,
		Licence: cmp.Or(fm.Licence, fm.License), Origin: fm.Source,
	}
	l.Title = titled(cmp.Or(l.Title, p.title, capital(strings.ReplaceAll(l.Key, "-", " "))))
	switch l.Kind {
	case "", "lesson", "practice", "check":
	default:
		f.find(p.name, 0, "kind: "+l.Kind, "there is no such kind of lesson", "write lesson, practice or check")
		l.Kind = ""
	}
	l.Minutes = min(max(l.Minutes, 0), 600)
	for _, tr := range p.texts {
		if t, _, ok := f.text(tr); ok {
			t.Title = titled(cmp.Or(t.Title, tr.title, l.Title))
			l.Texts = append(l.Texts, t)
		}
	}
	return l, true
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func titled(s string) string {
	if r := []rune(s); len(r) > 200 {
		return string(r[:200])
	}
	return s
}

// text reads and converts a page in one language; the title is "" where it has none.
func (f *Tree) text(p page) (LessonText, front, bool) {
	var fm front
	raw, ok := f.read(p.name)
	if !ok {
		return LessonText{}, fm, false
	}
	body, cut, err := markdown.FrontMatter(raw, &fm)
	if err != nil {
		f.find(p.name, 1+yamlLine(err), "front matter", "it cannot be read: "+oneLine(err), "write it as YAML")
		_, body, _ = strings.Cut(strings.TrimPrefix(raw, "---\n"), "\n---\n")
		cut = strings.Count(raw, "\n") - strings.Count(body, "\n")
	}
	f.lines[p.name] = cut
	as := p.as
	if as == nil {
		as = Convert
	}
	body, found := as(body)
	for _, b := range found {
		f.find(p.name, b.Line+cut, b.Found, b.Problem, b.Fix)
	}
	t := LessonText{Lang: p.lang, Title: cmp.Or(fm.Title, p.title), Name: p.name}
	if h1, rest := heading(body); h1 != "" {
		t.Title = cmp.Or(t.Title, h1)
		body = rest
	}
	if strings.TrimSpace(body) == "" && p.before+p.after == "" {
		f.find(p.name, 0, "page", "there is nothing in it", "write something, or take it out")
		return LessonText{}, fm, false
	}
	t.Source = body + p.after
	if p.before != "" {
		// Lines before a page's own move what is found in it.
		t.Source = p.before + t.Source
		f.lines[p.name] -= strings.Count(p.before, "\n")
	}
	return t, fm, true
}

// key is the file's name without number and ending; for an index page, the folder's.
func (f *Tree) key(given, name string, keys map[string]bool) string {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if (base == "index" || base == "README") && path.Dir(name) != "." {
		base = path.Base(path.Dir(name))
	}
	key := markdown.Slug(cmp.Or(given, number.ReplaceAllString(base, "")))
	if keys[key] {
		key = markdown.Slug(path.Base(path.Dir(name)) + " " + key)
	}
	for n := 2; keys[key]; n++ {
		key = fmt.Sprintf("%s-%d", markdown.Slug(base), n)
	}
	keys[key] = true
	return key
}

// heading takes a first line "# Title" off the text; its line stays, empty, so that the lines keep their numbers.
func heading(body string) (title, rest string) {
	trimmed := strings.TrimLeft(body, "\n")
	if !strings.HasPrefix(trimmed, "# ") {
		return "", body
	}
	line, rest, _ := strings.Cut(trimmed, "\n")
	return markdown.Plain(line), strings.Repeat("\n", len(body)-len(trimmed)+1) + rest
}

// path reads a path's file and the lessons beside it. as converts the lessons, see page.
func (f *Tree) path(o ImportOptions, as func(string) (string, []markdown.Problem)) (Planned, error) {
	text, ok := f.read(path.Clean(o.File))
	if !ok {
		return Planned{}, errs.New(errs.Invalid, "the file cannot be read")
	}
	var h head
	body, cut, err := markdown.FrontMatter(text, &h)
	if err != nil {
		f.find(o.File, 1+yamlLine(err), "front matter", "it cannot be read: "+oneLine(err), "write it as YAML")
		return Planned{}, errs.New(errs.Invalid, "%w", err)
	}
	f.lines[o.File] = cut
	dir := strings.TrimSuffix(path.Clean(o.File), ".md")
	d := PathDraft{
		Item: h.item(o, tenants.KindPath, path.Base(dir)), Outcome: h.Outcome, Intro: body, Note: cmp.Or(o.Note, h.Note), At: o.At,
		NoProposition: h.NoProposition, NoNotes: h.NoNotes,
	}
	keys := map[string]bool{}
	for _, st := range h.Steps {
		s := StepDraft{Key: st.Key, Kind: st.kind(), Title: st.Title, Minutes: st.Minutes, Rules: st.rules()}
		if s.Kind == StepLesson {
			p := page{name: path.Join(dir, st.Lesson), title: st.Title, as: as, texts: f.textsOf(path.Join(dir, st.Lesson), as)}
			l, ok := f.lesson(p, keys)
			if !ok {
				return Planned{}, errs.New(errs.Invalid, "the lesson of step %q cannot be read", st.Key)
			}
			l.Key = cmp.Or(st.Key, l.Key)
			l.own(cmp.Or(h.Licence, h.License), h.Source)
			s.Lesson = l
		}
		d.Steps = append(d.Steps, s)
	}
	for _, s := range h.Slots {
		d.Slots = append(d.Slots, Slot(s))
	}
	steps := make([]Step, len(d.Steps))
	for i, s := range d.Steps {
		steps[i] = Step{Key: s.Key, Rules: s.Rules}
	}
	if faults := ruleFaults(steps); len(faults) > 0 {
		x := faults[0]
		return Planned{}, errs.New(errs.Invalid, "%s:%d: step %q: %s", o.File, stepLine(text, x.Step), x.Step, x)
	}
	return Planned{Kind: tenants.KindPath, Path: d, Collections: append(h.Collections, o.Collections...), tree: f, file: o.File, text: text, refs: h.Steps}, nil
}

// textsOf are the files of a page in other languages: page.de.md beside page.md.
func (f *Tree) textsOf(name string, as func(string) (string, []markdown.Problem)) (out []page) {
	stem := strings.TrimSuffix(name, path.Ext(name))
	for _, n := range f.names {
		if code, ok := strings.CutPrefix(n, stem+"."); ok && n != name && strings.HasSuffix(code, path.Ext(name)) {
			if code = strings.TrimSuffix(code, path.Ext(name)); langCode.MatchString(code) {
				out = append(out, page{name: n, lang: code, as: as})
			}
		}
	}
	return out
}

// stepLine is the line on which the step with the key begins.
func stepLine(text, key string) int {
	for n, line := range strings.Split(text, "\n") {
		if f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "- ")); len(f) == 2 && f[0] == "key:" && strings.Trim(f[1], `"'`) == key {
			return n + 1
		}
	}
	return 1
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
