package courses

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/tenants"
)

// Source is a kind of tree that can be imported. It reads what stands in a tree, says by file and line what it could not take, and stores
// nothing: whoever imports stores the files that the texts show and publishes, or lays drafts down, in one transaction.
type Source interface {
	// Name is how reports call it: packed, carpentries, asciidoc or pages.
	Name() string
	// Knows reports whether the tree is of this kind. It reads little: names, and files that say how a tree is meant.
	Knows(t *Tree) bool
	// Read returns what the tree holds, in the order in which it is to be published: what a path leads to before the path.
	Read(t *Tree, o ImportOptions) []Planned
}

// sources are asked in this order; the last one takes every tree with pages.
func sources() []Source { return []Source{packed{}, carpentries{}, asciidocTree{}, pages{}} }

// sourceOf finds the kind of a tree.
func sourceOf(t *Tree) Source {
	list := sources()
	for _, s := range list {
		if s.Knows(t) {
			return s
		}
	}
	return list[len(list)-1]
}

// Planned is a course or path as it stands in a tree. Files that it shows are named and not stored yet.
type Planned struct {
	Kind        string // tenants.KindCourse or KindPath
	Course      CourseDraft
	Path        PathDraft
	Collections []string // slugs of the organization's own

	tree   *Tree
	file   string     // that says what it is; of a path, its own
	text   string     // of that file
	refs   []headStep // of a path: what its steps name
	packed bool       // it was exported by this product
}

func (p *Planned) item() *tenants.Item {
	if p.Kind == tenants.KindPath {
		return &p.Path.Item
	}
	return &p.Course.Item
}

// lessons are the lessons of the course, or of the path's own.
func (p *Planned) lessons() []LessonDraft {
	if p.Kind == tenants.KindCourse {
		return p.Course.Lessons
	}
	var out []LessonDraft
	for _, s := range p.Path.Steps {
		if s.Kind == StepLesson {
			out = append(out, s.Lesson)
		}
	}
	return out
}

func (p *Planned) intro() string {
	if p.Kind == tenants.KindPath {
		return p.Path.Intro
	}
	return p.Course.Intro
}

func (p *Planned) setFiles(files []FileDraft) { p.Course.Files, p.Path.Files = files, files }

// about is what a tree says of itself as a whole, by the files that repositories have for it.
func (f *Tree) about() (licence, origin string) {
	for _, n := range f.names {
		base := strings.ToLower(strings.TrimSuffix(path.Base(n), path.Ext(n)))
		if path.Dir(n) == "." && (base == "license" || base == "licence" || base == "copying") && licence == "" {
			if text, ok := f.read(n); ok {
				licence = licenceOf(text)
			}
		}
	}
	if f.Has("SOURCE.txt") {
		if text, ok := f.read("SOURCE.txt"); ok {
			if m := sourceLine.FindStringSubmatch(text); m != nil {
				origin = m[1]
				if host, _, ok := strings.Cut(origin, "/"); ok && strings.Contains(host, ".") {
					origin = "https://" + origin
				}
			}
		}
	}
	return licence, origin
}

var (
	sourceLine = regexp.MustCompile(`(?mi)^source:\s*(\S+)`)
	ccCode     = regexp.MustCompile(`(?i)\bCC[ -](BY(?:-(?:SA|NC|ND))*)[ -](\d\.\d)\b`)
	ccWords    = regexp.MustCompile(`(?i)Attribution(-NonCommercial|-NoDerivatives|-ShareAlike| *Non-?Commercial| *No-?Derivatives| *Share-?Alike)*\s+(\d\.\d)`)
)

// licenceOf names the licence whose text or name it is, as SPDX and Creative Commons do; "" for one that it does not know.
func licenceOf(text string) string {
	if m := ccCode.FindStringSubmatch(text); m != nil {
		return "CC " + strings.ToUpper(m[1]) + " " + m[2]
	}
	head := text[:min(len(text), 4000)]
	if m := ccWords.FindStringSubmatch(head); m != nil {
		low, code := strings.ToLower(strings.ReplaceAll(m[0], "-", "")), "BY"
		for _, p := range []struct{ word, part string }{{"noncommercial", "-NC"}, {"noderivatives", "-ND"}, {"sharealike", "-SA"}} {
			if strings.Contains(low, p.word) {
				code += p.part
			}
		}
		return "CC " + code + " " + m[2]
	}
	for _, k := range []struct{ words, name string }{
		{"Apache License", "Apache-2.0"}, {"MIT License", "MIT"}, {"Permission is hereby granted, free of charge", "MIT"}, {"CC0 1.0", "CC0 1.0"}, {"Redistribution and use in source and binary forms", "BSD"},
	} {
		if strings.Contains(head, k.words) {
			return k.name
		}
	}
	return ""
}

// own takes what a page or head says of licence and source, or else what the tree says.
func (l *LessonDraft) own(licence, origin string) {
	l.Licence, l.Origin = cut(cmp.Or(l.Licence, licence), 200), cut(cmp.Or(l.Origin, origin), 500)
}

// twoLetters are the codes of languages that folders and file names of translations have (ISO 639-1, those with texts in the world's
// larger translation projects): not every pair of letters is a language, and a folder "js" is not one.
var twoLetters = strings.Fields("ar bg bn ca cs da de el en es et fa fi fr gl he hi hr hu id it ja ka ko lt lv ms nb nl nn no pl pt ro ru sk sl sr sv sw ta te th tr uk ur uz vi zh")

var langFolder = regexp.MustCompile(`^([a-z]{2})([-_][A-Za-z]{2,4})?$`)

// folderLang is the language that a folder's name is the code of; "" for none.
func folderLang(name string) string {
	m := langFolder.FindStringSubmatch(name)
	if m == nil || !slices.Contains(twoLetters, m[1]) {
		return ""
	}
	return strings.ToLower(strings.ReplaceAll(name, "_", "-"))
}

// translation is where a page stands among those in other languages.
type translation struct {
	lang string // "" for what stands in no folder or name of a language
	stem string // the same for all languages
	num  string // the number before its name, with its folder: translations are often called otherwise
}

func placeOf(name string) translation {
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	base = strings.TrimSuffix(base, path.Ext(base))
	var tr translation
	if parts := strings.Split(dir, "/"); dir != "" {
		for i, p := range slices.Backward(parts) {
			if l := folderLang(p); l != "" {
				tr.lang = l
				dir = strings.Join(slices.Delete(slices.Clone(parts), i, i+1), "/")
				break
			}
		}
	}
	if i := strings.LastIndexByte(base, '.'); i > 0 && tr.lang == "" {
		if l := folderLang(base[i+1:]); l != "" {
			tr.lang, base = l, base[:i]
		}
	}
	if tr.lang != "" {
		low := strings.ToLower(base)
		for _, mark := range []string{"-" + tr.lang, "_" + tr.lang, "." + tr.lang} {
			if strings.HasSuffix(low, mark) {
				base = base[:len(base)-len(mark)]
				break
			}
		}
	}
	tr.stem = path.Join(dir, strings.ToLower(base))
	if m := number.FindStringSubmatch(base); m != nil {
		tr.num = path.Join(dir, m[1])
	}
	return tr
}

// together puts pages in other languages to the page that they translate. in is the language of the tree. What translates nothing stays a
// page of its own, in its language.
func together(list []page, in string) []page {
	var out []page
	stems, nums := map[string]int{}, map[string][]int{}
	place := make([]translation, len(list))
	for i, p := range list {
		place[i] = placeOf(p.name)
		if l := strings.ToLower(p.lang); place[i].lang == "" && l != "" && l != in {
			place[i].lang = l
		}
	}
	put := func(i int) {
		p := list[i]
		if place[i].lang != in {
			p.lang = cmp.Or(place[i].lang, p.lang)
		} else {
			p.lang = ""
		}
		stems[place[i].stem] = len(out)
		if n := place[i].num; n != "" {
			nums[n] = append(nums[n], len(out))
		}
		out = append(out, p)
	}
	var rest []int
	for i := range list {
		if place[i].lang == "" || place[i].lang == in {
			put(i)
		} else {
			rest = append(rest, i)
		}
	}
	for _, i := range rest {
		at, ok := stems[place[i].stem]
		if n := nums[place[i].num]; !ok && place[i].num != "" && len(n) == 1 {
			at, ok = n[0], true
		}
		p := list[i]
		p.lang = place[i].lang
		switch {
		case !ok:
			put(i)
		case out[at].lang != p.lang && !slices.ContainsFunc(out[at].texts, func(t page) bool { return t.lang == p.lang }):
			out[at].texts = append(out[at].texts, p)
		}
	}
	return out
}
