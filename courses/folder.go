package courses

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// head is what course.yaml and a path's front matter say.
type head struct {
	Title       string     `yaml:"title"`
	Slug        string     `yaml:"slug"`
	Summary     string     `yaml:"summary"`
	Outcome     string     `yaml:"outcome"`
	Lang        string     `yaml:"lang"`
	Level       string     `yaml:"level"`
	Topics      []string   `yaml:"topics"`
	Collections []string   `yaml:"collections"`
	Intro       string     `yaml:"intro"`
	Note        string     `yaml:"note"`
	Lessons     []string   `yaml:"lessons"`
	Steps       []headStep `yaml:"steps"`
	Slots       []headSlot `yaml:"slots"`
}

// headStep is a step: what it leads to, a title and length of its own, and how it stands among the others. note is one line under its
// title; steps of one section stand together under its title; an optional step has not to be finished; of the steps with the same
// either one is enough; needs lists the keys of the steps that are finished before it opens.
type headStep struct {
	Key      string   `yaml:"key"`
	Lesson   string   `yaml:"lesson"`
	Course   string   `yaml:"course"`
	Story    string   `yaml:"story"`
	Resource string   `yaml:"resource"`
	Title    string   `yaml:"title"`
	Minutes  int      `yaml:"minutes"`
	Note     string   `yaml:"note"`
	Section  string   `yaml:"section"`
	Optional bool     `yaml:"optional"`
	Either   string   `yaml:"either"`
	Needs    []string `yaml:"needs"`
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
	After      string `yaml:"after"`
	Suggestion string `yaml:"suggestion"`
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
}

// page is a file in its place.
type page struct {
	name   string
	title  string // from nav
	module string // from nav
	order  int
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

// course finds out what the folder holds.
func (f *folder) course(o ImportOptions) (CourseDraft, []string) {
	var h head
	if text, ok := f.optional("course.yaml"); ok {
		if err := yaml.Unmarshal([]byte(text), &h); err != nil {
			f.find("course.yaml", 0, "file", "it cannot be read: "+oneLine(err), "write it as YAML")
		}
	}
	pages := f.order(&h)
	d := CourseDraft{Item: h.item(o, tenants.KindCourse, path.Base(o.Dir)), Outcome: h.Outcome, Intro: h.Intro, Note: cmp.Or(o.Note, h.Note), At: o.At}
	keys := map[string]bool{}
	for _, p := range pages {
		if l, ok := f.lesson(p, keys); ok {
			d.Lessons = append(d.Lessons, l)
		}
	}
	return d, append(h.Collections, o.Collections...)
}

func (f *folder) optional(name string) (string, bool) {
	if _, ok := f.files[name]; !ok {
		return "", false
	}
	return f.read(name)
}

var number = regexp.MustCompile(`^(\d+)[-_. ]`)

// order lists the pages in the order that the folder gives, most explicit first.
func (f *folder) order(h *head) []page {
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
	var out []page
	ordered := false
	for _, name := range f.names {
		if !strings.HasSuffix(name, ".md") || strings.EqualFold(path.Base(name), "readme.md") {
			continue
		}
		p := page{name: name, order: 1 << 30}
		var fm front
		if text, ok := f.read(name); ok {
			if _, _, err := markdown.FrontMatter(text, &fm); err == nil && fm.Order != nil {
				p.order, ordered = *fm.Order, true
			}
		}
		ordered = ordered || number.MatchString(path.Base(name))
		out = append(out, p)
	}
	if !ordered && len(out) > 1 {
		f.find("", 0, fmt.Sprintf("%d pages", len(out)), "nothing says in which order", "add lessons: to course.yaml, nav: to mkdocs.yml, order: to the pages, or numbers to their names")
	}
	slices.SortStableFunc(out, func(a, b page) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name)) })
	return out
}

// nav reads the page tree of MkDocs: a list of titles with a page, a nested list or a bare page.
func (f *folder) nav(text string, h *head) []page {
	var m struct {
		Name        string `yaml:"site_name"`
		Description string `yaml:"site_description"`
		Docs        string `yaml:"docs_dir"`
		Theme       struct {
			Language string `yaml:"language"`
		} `yaml:"theme"`
		Nav yaml.Node `yaml:"nav"`
	}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		f.find("mkdocs.yml", 0, "file", "it cannot be read: "+oneLine(err), "write it as YAML")
		return nil
	}
	h.Title, h.Summary, h.Lang = cmp.Or(h.Title, m.Name), cmp.Or(h.Summary, m.Description), cmp.Or(h.Lang, m.Theme.Language)
	return f.tree(&m.Nav, cmp.Or(m.Docs, "docs"), "", 0)
}

func (f *folder) tree(n *yaml.Node, docs, module string, depth int) []page {
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

// lesson reads and converts one page.
func (f *folder) lesson(p page, keys map[string]bool) (LessonDraft, bool) {
	text, ok := f.read(p.name)
	if !ok {
		return LessonDraft{}, false
	}
	var fm front
	body, cut, err := markdown.FrontMatter(text, &fm)
	if err != nil {
		f.find(p.name, 1, "front matter", "it cannot be read: "+oneLine(err), "write it as YAML")
		_, body, _ = strings.Cut(strings.TrimPrefix(text, "---\n"), "\n---\n")
		cut = strings.Count(text, "\n") - strings.Count(body, "\n")
	}
	f.lines[p.name] = cut
	body, found := Convert(body)
	for _, b := range found {
		f.find(p.name, b.Line+cut, b.Found, b.Problem, b.Fix)
	}
	l := LessonDraft{Key: fm.Key, Module: cmp.Or(fm.Module, p.module), Title: cmp.Or(fm.Title, p.title), Summary: fm.Summary, Kind: fm.Kind, Minutes: fm.Minutes, Name: p.name}
	if h1, rest := heading(body); h1 != "" {
		l.Title = cmp.Or(l.Title, h1)
		body = rest
	}
	if strings.TrimSpace(body) == "" {
		f.find(p.name, 0, "page", "there is nothing in it", "write something, or take it out")
		return LessonDraft{}, false
	}
	l.Key = f.key(l.Key, p.name, keys)
	l.Title = cmp.Or(l.Title, strings.ReplaceAll(l.Key, "-", " "))
	if r := []rune(l.Title); len(r) > 200 {
		l.Title = string(r[:200])
	}
	switch l.Kind {
	case "", "lesson", "practice", "check":
	default:
		f.find(p.name, 0, "kind: "+l.Kind, "there is no such kind of lesson", "write lesson, practice or check")
		l.Kind = ""
	}
	l.Minutes = min(max(l.Minutes, 0), 24*60)
	l.Source = body
	return l, true
}

// key is the file's name without number and ending; for an index page, the folder's.
func (f *folder) key(given, name string, keys map[string]bool) string {
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

// path reads a path's file and the lessons beside it.
func (f *folder) path(o ImportOptions) (PathDraft, head, error) {
	text, ok := f.read(path.Clean(o.File))
	if !ok {
		return PathDraft{}, head{}, errs.New(errs.Invalid, "the file cannot be read")
	}
	var h head
	body, cut, err := markdown.FrontMatter(text, &h)
	if err != nil {
		return PathDraft{}, head{}, errs.New(errs.Invalid, "%w", err)
	}
	f.lines[o.File] = cut
	dir := strings.TrimSuffix(path.Clean(o.File), ".md")
	d := PathDraft{Item: h.item(o, tenants.KindPath, path.Base(dir)), Outcome: h.Outcome, Intro: body, Note: cmp.Or(o.Note, h.Note), At: o.At}
	keys := map[string]bool{}
	for _, st := range h.Steps {
		s := StepDraft{Key: st.Key, Kind: st.kind(), Title: st.Title, Minutes: st.Minutes, Rules: st.rules()}
		if s.Kind == StepLesson {
			l, ok := f.lesson(page{name: path.Join(dir, st.Lesson), title: st.Title}, keys)
			if !ok {
				return PathDraft{}, h, errs.New(errs.Invalid, "the lesson of step %q cannot be read", st.Key)
			}
			l.Key = cmp.Or(st.Key, l.Key)
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
		return PathDraft{}, h, errs.New(errs.Invalid, "%s:%d: step %q: %s", o.File, stepLine(text, x.Step), x.Step, x)
	}
	return d, h, nil
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
