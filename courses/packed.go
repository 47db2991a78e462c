package courses

import (
	"cmp"
	"path"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// packFile says what a packed archive holds; packFormat is the newest that can be read.
const (
	packFile   = "learnscape.yaml"
	packFormat = 1
)

// pack is what packFile says.
type pack struct {
	Format int      `yaml:"learnscape"`
	Items  []packed `yaml:"items"`
}

// packed are archives that this product wrote: the folders that authors write, with everything said that is otherwise derived, so that
// nothing is lost on the way. As an item of a pack, it is the folder of a course or path.
type packed struct {
	Course string `yaml:"course,omitempty"`
	Path   string `yaml:"path,omitempty"`
}

// Name implements Source.
func (packed) Name() string { return "packed" }

// Knows implements Source.
func (packed) Knows(t *Tree) bool { return t.Has(packFile) }

// Read implements Source.
func (packed) Read(t *Tree, o ImportOptions) []Planned {
	text, ok := t.read(packFile)
	if !ok {
		return nil
	}
	var p pack
	if err := yaml.Unmarshal([]byte(text), &p); err != nil {
		t.find(packFile, yamlLine(err), "file", "it cannot be read: "+oneLine(err), "export again")
		return nil
	}
	if p.Format < 1 || p.Format > packFormat {
		t.find(packFile, lineWith(text, "learnscape:"), "learnscape", "it was written by a newer release", "import it there")
		return nil
	}
	o.Slug, o.Title = "", ""
	var out []Planned
	for _, it := range p.Items {
		dir := path.Clean(cmp.Or(it.Course, it.Path))
		if sub := t.at(dir); len(sub.names) > 0 {
			read := sub.packedCourse
			if it.Path != "" {
				read = sub.packedPath
			}
			if one, ok := read(o); ok {
				out = append(out, one)
			}
			continue
		}
		t.find(packFile, lineWith(text, dir), dir, "the folder is not there", "export again")
	}
	return out
}

// head reads the file that says what a course or path is.
func (f *Tree) head(name string) (h head, text string, ok bool) {
	if text, ok = f.read(name); !ok {
		return h, text, false
	}
	if err := yaml.Unmarshal([]byte(text), &h); err != nil {
		f.find(name, yamlLine(err), "file", "it cannot be read: "+oneLine(err), "write it as YAML")
		return h, text, false
	}
	return h, text, true
}

func (f *Tree) packedCourse(o ImportOptions) (Planned, bool) {
	const file = "course.yaml"
	h, text, ok := f.head(file)
	if !ok {
		return Planned{}, false
	}
	d := CourseDraft{Item: h.item(o, tenants.KindCourse, "course"), Outcome: h.Outcome, Intro: h.Intro, Note: cmp.Or(o.Note, h.Note), At: o.At}
	keys := map[string]bool{}
	for _, name := range h.Lessons {
		if l, ok := f.packedLesson(file, text, name, h.Texts[name], keys); ok {
			d.Lessons = append(d.Lessons, l)
		}
	}
	if len(d.Lessons) == 0 {
		f.find(file, 0, "lessons", "there is none", "export again")
		return Planned{}, false
	}
	return Planned{Kind: tenants.KindCourse, Course: d, Collections: o.Collections, tree: f, file: file, text: text, packed: true}, true
}

func (f *Tree) packedPath(o ImportOptions) (Planned, bool) {
	const file = "path.yaml"
	h, text, ok := f.head(file)
	if !ok {
		return Planned{}, false
	}
	d := PathDraft{
		Item: h.item(o, tenants.KindPath, "path"), Outcome: h.Outcome, Intro: h.Intro, Note: cmp.Or(o.Note, h.Note), At: o.At, NoProposition: h.NoProposition, NoNotes: h.NoNotes,
	}
	keys := map[string]bool{}
	var refs []headStep
	for _, st := range h.Steps {
		s := StepDraft{Key: st.Key, Kind: st.kind(), Title: st.Title, Minutes: st.Minutes, Rules: st.rules()}
		if s.Kind == StepLesson {
			l, ok := f.packedLesson(file, text, st.Lesson, h.Texts[st.Lesson], keys)
			if !ok {
				continue
			}
			s.Lesson = l
		}
		d.Steps, refs = append(d.Steps, s), append(refs, st)
	}
	for _, s := range h.Slots {
		d.Slots = append(d.Slots, Slot(s))
	}
	if len(d.Steps) == 0 {
		f.find(file, 0, "steps", "there is none", "export again")
		return Planned{}, false
	}
	return Planned{Kind: tenants.KindPath, Path: d, Collections: o.Collections, tree: f, file: file, text: text, refs: refs, packed: true}, true
}

// packedLesson reads a lesson as it was written; list is the file that names it.
func (f *Tree) packedLesson(list, text, name string, texts []string, keys map[string]bool) (LessonDraft, bool) {
	name = path.Clean(name)
	raw, ok := f.read(name)
	if !ok {
		return LessonDraft{}, false
	}
	var fm packedFront
	body, lines, err := markdown.FrontMatter(raw, &fm)
	if err != nil {
		f.find(name, 1+yamlLine(err), "front matter", "it cannot be read: "+oneLine(err), "write it as YAML")
		return LessonDraft{}, false
	}
	if fm.Key == "" {
		fm.Key = f.key("", name, keys)
	} else if keys[fm.Key] {
		f.find(list, lineWith(text, name), name, "another lesson has its key", "give it another key:")
		return LessonDraft{}, false
	}
	keys[fm.Key] = true
	own := cmp.Or(fm.Name, name)
	f.lines[own] = lines
	l := LessonDraft{
		Key: fm.Key, Module: titled(fm.Module), Title: titled(cmp.Or(fm.Title, fm.Key)), Summary: fm.Summary, Kind: fm.Kind, Minutes: min(max(fm.Minutes, 0), 600), Lang: fm.Lang,
		Licence: cut(fm.Licence, 200), Origin: cut(fm.Source, 500), Name: own, Source: body,
	}
	switch l.Kind {
	case "", "lesson", "practice", "check":
	default:
		f.find(name, lineWith(raw, "kind:"), "kind: "+l.Kind, "there is no such kind of lesson", "write lesson, practice or check")
		l.Kind = ""
	}
	for _, n := range texts {
		raw, ok := f.read(path.Clean(n))
		if !ok {
			continue
		}
		var fm packedFront
		body, lines, err := markdown.FrontMatter(raw, &fm)
		if err != nil || !langCode.MatchString(fm.Lang) || fm.Lang == l.Lang {
			f.find(n, 1, "front matter", "it does not say in which language the text is", "write lang: with a code, such as de")
			continue
		}
		own := cmp.Or(fm.Name, path.Clean(n))
		f.lines[own] = lines
		l.Texts = append(l.Texts, LessonText{Lang: fm.Lang, Title: titled(cmp.Or(fm.Title, l.Title)), Source: body, Name: own})
	}
	return l, true
}

// packedFront is what stands before a packed lesson.
type packedFront struct {
	Key     string `yaml:"key,omitempty"`
	Title   string `yaml:"title,omitempty"`
	Summary string `yaml:"summary,omitempty"`
	Kind    string `yaml:"kind,omitempty"`
	Module  string `yaml:"module,omitempty"`
	Minutes int    `yaml:"minutes,omitempty"`
	Lang    string `yaml:"lang,omitempty"`
	Licence string `yaml:"licence,omitempty"`
	Source  string `yaml:"source,omitempty"`
	Name    string `yaml:"name,omitempty"` // of the file that it was written in, where that is another
}

// packedName is where a text is packed: beside the files that it names, and as Markdown.
func packedName(name, key, code string, taken map[string]bool) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		name = tenants.Slugify(key) + ".md"
	}
	if code != "" && !strings.Contains(name, code) {
		name = strings.TrimSuffix(name, path.Ext(name)) + "." + code + path.Ext(name)
	}
	if path.Ext(name) != ".md" {
		name += ".md"
	}
	out := name
	for n := 2; taken[strings.ToLower(out)]; n++ {
		out = strings.TrimSuffix(name, ".md") + "-" + strconv.Itoa(n) + ".md"
	}
	taken[strings.ToLower(out)] = true
	return out
}
