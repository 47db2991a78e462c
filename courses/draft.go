package courses

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// Space is the name space of stable item identifiers: id.Derive(Space, organization slug + "/" + kind + "/" + slug).
const Space = "learnscape/item"

// FileDraft is a file that a course or path shows. Its bytes are in the blob store already.
type FileDraft struct {
	Name      string // relative to the course's folder, with slashes: "images/bath.svg"
	Sum       [sha256.Size]byte
	MediaType string
	Size      int64 // bytes
}

// LessonDraft is a lesson as its author wrote it.
type LessonDraft struct {
	Key     string // stable over versions; default from the title
	Module  string // the title of its module; lessons of one module stand together
	Title   string
	Summary string
	Kind    string // lesson (default), practice or check
	Minutes int    // default from the length of the text
	Source  string // Markdown with typed blocks, see internal/markdown
	Name    string // of the file it was written in: images are named relative to it
	Lang    string // of the text; "" for the item's
	Licence string // under which it may be used, as its author wrote it: "CC BY 4.0"
	Origin  string // where it comes from: an address or a name
	Texts   []LessonText
}

// LessonText is a lesson in another language. Its quizzes and reflections are those of the lesson, one by one: the same questions with the
// same choices, in other words.
type LessonText struct {
	Lang   string `json:"lang"` // BCP 47 in lower case
	Title  string `json:"title"`
	Source string `json:"source"`
	Name   string `json:"name,omitempty"`
}

// CourseDraft is a course to be published.
type CourseDraft struct {
	Item    tenants.Item // title, slug, summary, lang, level, topics; an identifier, if given, is used for a new item
	Outcome string
	Intro   string // Markdown
	Lessons []LessonDraft
	Files   []FileDraft
	Note    string    // what is new in this version
	At      time.Time // when it was published; zero means now

	pilot *PilotDraft // who tries it before all; nil for all
}

// StepDraft is a step of a path: a lesson of its own, or an item that the publisher may see.
type StepDraft struct {
	Key     string // stable over versions; default from title
	Kind    string // StepLesson, StepCourse, StepStory or StepResource
	Lesson  LessonDraft
	Item    id.Item // for all kinds but StepLesson
	Title   string  // default the item's
	Minutes int     // default the item's

	Rules
}

// PathDraft is a path to be published.
type PathDraft struct {
	Item    tenants.Item
	Outcome string
	Intro   string // Markdown
	Steps   []StepDraft
	Slots   []Slot
	Files   []FileDraft
	Note    string
	At      time.Time

	NoProposition bool     // adopters write no value proposition on it
	NoNotes       []string // keys of the steps beside which they write no note

	pilot *PilotDraft // who tries it before all; nil for all
}

// Published is what came of publishing.
type Published struct {
	Item     tenants.Item
	Version  int
	Fresh    bool     // false: the content is the same as the version in force, nothing was published
	Used     []string // names of the files that the text shows
	Problems []LessonProblem
}

// LessonProblem is something in a lesson's text that could not be taken.
type LessonProblem struct {
	Lesson string // its key
	Name   string // of the file that the text was written in
	markdown.Problem
}

// PublishCourse registers the course in tx's organization and publishes its content as the next version. The same content again
// makes no version. Invalid if it has no lesson or two with the same key.
func PublishCourse(tx *db.Tx, d CourseDraft) (Published, error) {
	if len(d.Lessons) == 0 {
		return Published{}, errs.New(errs.Invalid, "course %q has no lesson", d.Item.Title)
	}
	d.Item.Kind, d.Item.Steps = tenants.KindCourse, len(d.Lessons)
	d.Item.Parts = []tenants.Part{{Org: tx.Scope.Org, N: len(d.Lessons)}}
	return publish(tx, d.Item, content{Outcome: d.Outcome, Intro: d.Intro, Files: d.Files, Note: d.Note, At: d.At, pilot: d.pilot}, func(p *press) error {
		for i, l := range d.Lessons {
			if l.Key == "" {
				d.Lessons[i].Key = tenants.Slugify(l.Title)
			}
			if l.Name != "" {
				p.pages[l.Name] = d.Lessons[i].Key
			}
			for _, t := range l.Texts {
				p.pages[t.Name] = d.Lessons[i].Key
			}
		}
		for _, l := range d.Lessons {
			ref, err := p.lesson(l)
			if err != nil {
				return err
			}
			n := len(p.outline.Modules)
			if n == 0 || p.outline.Modules[n-1].Title != l.Module {
				p.outline.Modules = append(p.outline.Modules, Module{Title: l.Module})
				n++
			}
			p.outline.Modules[n-1].Lessons = append(p.outline.Modules[n-1].Lessons, ref)
			p.minutes += ref.Minutes
		}
		return nil
	})
}

// PublishPath registers the path in tx's organization and publishes it as the next version; the versions of the courses in it
// are pinned with it. NotFound if a step's item may not be seen by the publisher, Invalid if the steps ask what nobody can do. The same content again makes no version.
func PublishPath(tx *db.Tx, d PathDraft) (Published, error) {
	if len(d.Steps) == 0 {
		return Published{}, errs.New(errs.Invalid, "path %q has no step", d.Item.Title)
	}
	refs, err := stepItems(tx, d.Steps)
	if err != nil {
		return Published{}, fmt.Errorf("publish path %q: %w", d.Item.Title, err)
	}
	d.Item.Kind, d.Item.Steps, d.Item.Parts = tenants.KindPath, len(d.Steps), nil
	count := map[id.Org]int{}
	var order []id.Org
	for _, s := range d.Steps {
		org := tx.Scope.Org
		if s.Kind != StepLesson {
			org = refs[s.Item].OrgID
		}
		if count[org] == 0 {
			order = append(order, org)
		}
		count[org]++
	}
	for _, o := range order {
		d.Item.Parts = append(d.Item.Parts, tenants.Part{Org: o, N: count[o]})
	}
	return publish(tx, d.Item, content{Outcome: d.Outcome, Intro: d.Intro, Files: d.Files, Note: d.Note, At: d.At, pilot: d.pilot}, func(p *press) error {
		p.outline.Slots, p.outline.NoProposition, p.outline.NoNotes = d.Slots, d.NoProposition, d.NoNotes
		var stations []Station
		for _, s := range d.Steps {
			step, err := p.step(s, refs)
			if err != nil {
				return err
			}
			step.Rules = s.Rules
			p.outline.Steps = append(p.outline.Steps, step)
			stations = append(stations, Station{Minutes: step.Minutes, Optional: step.Optional, Either: step.Either})
		}
		if f := ruleFaults(p.outline.Steps); len(f) > 0 {
			return errs.New(errs.Invalid, "step %q: %s", f[0].Step, f[0])
		}
		_, _, p.minutes = Asked(stations)
		return nil
	})
}

// content is what courses and paths have in common.
type content struct {
	Outcome, Intro, Note string
	Files                []FileDraft
	At                   time.Time
	pilot                *PilotDraft
}

// press makes one version.
type press struct {
	item     tenants.Item
	lang     string
	files    map[string]FileDraft // by name
	used     map[string]bool      // names of files that the text shows
	pages    map[string]string    // name of a lesson's file to its key
	keys     map[string]bool
	outline  Outline
	lessons  []lessonRow
	texts    []textRow
	minutes  int
	problems []LessonProblem
	at       string   // where files of what is not published yet are; "" otherwise
	frames   []string // the sites whose pages its organization shows in frames
}

type lessonRow struct {
	Key      string           `json:"key"`
	Position int              `json:"position"`
	Title    string           `json:"title"`
	Kind     string           `json:"kind"`
	Minutes  int              `json:"minutes"`
	Source   string           `json:"source"`
	Name     string           `json:"name"`
	Plain    string           `json:"plain"`
	Blocks   []markdown.Block `json:"blocks"`
	Lang     string           `json:"lang"`
	Langs    []string         `json:"langs"`
	Licence  string           `json:"licence"`
	Origin   string           `json:"origin"`
}

// textRow is a lesson in another language.
type textRow struct {
	LessonText

	Key    string           `json:"key"`
	Plain  string           `json:"plain"`
	Blocks []markdown.Block `json:"blocks"`
}

func publish(tx *db.Tx, it tenants.Item, c content, fill func(*press) error) (Published, error) {
	p := &press{lang: it.Lang, keys: map[string]bool{}, files: map[string]FileDraft{}, used: map[string]bool{}, pages: map[string]string{}}
	for _, f := range c.Files {
		p.files[f.Name] = f
	}
	// The addresses of files need the item's identifier, so the item is registered first; its minutes are known only at the end.
	item, err := c.register(tx, it)
	if err != nil {
		return Published{}, err
	}
	p.item = item
	if p.frames, err = db.Row[[]string](tx, framesSQL, tx.Scope.Org); err != nil {
		return Published{}, err
	}
	if err := fill(p); err != nil {
		return Published{}, fmt.Errorf("publish %s %q: %w", item.Kind, item.Title, err)
	}
	item.Minutes = it.Minutes
	if item.Minutes == 0 {
		item.Minutes = p.minutes
	}
	if c.pilot == nil && (item.Minutes != it.Minutes || item.Minutes == 0) {
		if err := tx.Must(`UPDATE items SET minutes = $3 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item.ItemID, item.Minutes); err != nil {
			return Published{}, err
		}
	}
	intro, err := markdown.Render(c.Intro, p.options("", "", c.Intro))
	if err != nil {
		return Published{}, err
	}
	if err := p.putFiles(tx); err != nil {
		return Published{}, err
	}
	digest, err := p.digest(c)
	if err != nil {
		return Published{}, err
	}
	out := Published{Item: item, Version: item.Version, Problems: p.problems, Used: slices.Sorted(maps.Keys(p.used))}
	last, err := db.Row[versionMark](tx, `SELECT coalesce(max(version), 0) AS version, coalesce(max(version) FILTER (WHERE NOT pilot AND NOT withdrawn), 0) AS released, coalesce((array_agg(digest ORDER BY version DESC) FILTER (WHERE NOT pilot AND NOT withdrawn))[1], '') AS digest,
			EXISTS (SELECT 1 FROM pilots t WHERE t.org_id = $1 AND t.item_id = $2 AND t.ended_at IS NULL) AS tried
		FROM versions WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item.ItemID)
	if err != nil {
		return Published{}, err
	}
	switch {
	case last.Tried:
		return Published{}, errs.Say(errs.Conflict, "pilot.fault.on")
	case c.pilot != nil:
		last.Version++
		if err := p.store(tx, c, intro, last.Version, digest[:]); err != nil {
			return Published{}, fmt.Errorf("try %s %q: %w", item.Kind, item.Title, err)
		}
		out.Version, out.Fresh = last.Version, true
		return out, c.pilot.try(tx, item, last.Version)
	}
	if string(last.Digest) == string(digest[:]) && item.State == "published" {
		return out, nil
	}
	if string(last.Digest) == string(digest[:]) {
		last.Version = last.Released
	} else {
		last.Version++
		if err := p.store(tx, c, intro, last.Version, digest[:]); err != nil {
			return Published{}, fmt.Errorf("publish %s %q: %w", item.Kind, item.Title, err)
		}
		if err := tenants.AddParts(tx, item.ItemID, p.outline.own(item)); err != nil {
			return Published{}, err
		}
	}
	if err := tenants.PublishItem(tx, item.ItemID, last.Version, c.At); err != nil {
		return Published{}, err
	}
	if err := reopened(tx, item.ItemID, last.Version); err != nil {
		return Published{}, err
	}
	out.Version, out.Fresh, out.Item.Version, out.Item.State = last.Version, true, last.Version, "published"
	return out, nil
}

type versionMark struct {
	Version  int    `db:"version"`  // the last
	Released int    `db:"released"` // the last that is or was everybody's and is not withdrawn, with its digest
	Digest   []byte `db:"digest"`
	Tried    bool   `db:"tried"` // one is being tried
}

// register puts the item into the registry. While a version is tried, the registry goes on saying what is true for everybody else.
func (c content) register(tx *db.Tx, it tenants.Item) (tenants.Item, error) {
	if c.pilot == nil {
		return tenants.PutItem(tx, it)
	}
	was, err := db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.state = 'published'`, tx.Scope.Org, it.ItemID)
	if err != nil {
		return was, fmt.Errorf("try %s: %w", it.ItemID, err)
	}
	was.Title, was.Summary, was.Lang, was.Level, was.Topics, was.Parts, was.Steps, was.Minutes = it.Title, it.Summary, it.Lang, it.Level, it.Topics, it.Parts, it.Steps, it.Minutes
	return was, nil
}

func (p *press) store(tx *db.Tx, c content, intro string, version int, digest []byte) error {
	at := c.At
	if at.IsZero() {
		at = tx.Now
	}
	if _, err := tx.Exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outcome, intro, intro_html, outline, digest, note, published_by, published_at, pilot)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, tx.Scope.Org, p.item.ItemID, version, p.item.Title, p.item.Summary, c.Outcome, c.Intro, intro,
		p.outline, digest, c.Note, tx.Scope.Membership, at, c.pilot != nil); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO lessons (org_id, item_id, version, key, position, title, kind, minutes, source, name, blocks, plain, lang, langs, licence, origin, pilot)
		SELECT $1, $2, $3, r.key, r.position, r.title, r.kind, r.minutes, r.source, r.name, r.blocks, r.plain, r.lang, r.langs, r.licence, r.origin, $5
		FROM jsonb_to_recordset($4) AS r(key text, position integer, title text, kind text, minutes integer, source text, name text, blocks jsonb, plain text, lang text, langs text[], licence text, origin text)`,
		tx.Scope.Org, p.item.ItemID, version, p.lessons, c.pilot != nil); err != nil || len(p.texts) == 0 {
		return err
	}
	_, err := tx.Exec(`INSERT INTO lesson_texts (org_id, item_id, version, key, lang, title, source, name, blocks, plain, pilot)
		SELECT $1, $2, $3, r.key, r.lang, r.title, r.source, coalesce(r.name, ''), r.blocks, r.plain, $5
		FROM jsonb_to_recordset($4) AS r(key text, lang text, title text, source text, name text, blocks jsonb, plain text)`, tx.Scope.Org, p.item.ItemID, version, p.texts, c.pilot != nil)
	return err
}

// digest is over what authors wrote and not over what was rendered from it: a better renderer makes no version.
func (p *press) digest(c content) (sum [sha256.Size]byte, err error) {
	type written struct {
		Key, Title, Kind, Source string
		Lang                     string       `json:",omitempty"`
		Licence                  string       `json:",omitempty"`
		Origin                   string       `json:",omitempty"`
		Texts                    []LessonText `json:",omitempty"`
	}
	texts := map[string][]LessonText{}
	for _, t := range p.texts {
		texts[t.Key] = append(texts[t.Key], t.LessonText)
	}
	var lessons []written
	for _, l := range p.lessons {
		lessons = append(lessons, written{l.Key, l.Title, l.Kind, l.Source, l.Lang, l.Licence, l.Origin, texts[l.Key]})
	}
	j, err := json.Marshal([]any{p.item.Title, p.item.Summary, p.item.Lang, c.Outcome, c.Intro, p.outline, lessons, p.shown()})
	if err != nil {
		return sum, err
	}
	return sha256.Sum256(j), nil
}

// shown lists the files that the text shows, by name.
func (p *press) shown() []FileDraft {
	var out []FileDraft
	for _, name := range slices.Sorted(maps.Keys(p.used)) {
		out = append(out, p.files[name])
	}
	return out
}

// address follows from item, name and content, so that the same content has the same address in each version.
func (p *press) address(f FileDraft) (id.File, string) {
	if p.at != "" {
		return id.File{}, p.at + url.PathEscape(f.Name)
	}
	fid := id.Derive[id.File]("learnscape/file", fmt.Sprintf("%s/%s/%x", p.item.ItemID, f.Name, f.Sum))
	return fid, FileURL(fid, path.Base(f.Name))
}

func (p *press) putFiles(tx *db.Tx) error {
	var rows fileRows
	for _, f := range p.shown() {
		fid, _ := p.address(f)
		rows.ids, rows.sums, rows.names = append(rows.ids, fid), append(rows.sums, f.Sum[:]), append(rows.names, path.Base(f.Name))
		rows.types, rows.sizes, rows.paths = append(rows.types, f.MediaType), append(rows.sizes, f.Size), append(rows.paths, f.Name)
	}
	if len(rows.ids) == 0 {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO files (org_id, file_id, item_id, sha256, name, path, media_type, size, created_at)
		SELECT $1, f.id, $2, f.sum, f.name, f.path, f.type, f.size, $3 FROM unnest($4::uuid[], $5::bytea[], $6::text[], $7::text[], $8::bigint[], $9::text[]) AS f(id, sum, name, type, size, path)
		ON CONFLICT (org_id, file_id) DO UPDATE SET withdrawn = false WHERE files.withdrawn`, tx.Scope.Org, p.item.ItemID, tx.Now, rows.ids, rows.sums, rows.names, rows.types, rows.sizes, rows.paths)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return tenants.RoomForFiles(tx)
}

type fileRows struct {
	ids          []id.File
	sums         [][]byte
	names, types []string
	paths        []string
	sizes        []int64
}

// options resolves names relative to the file that the text was written in. Names that lead nowhere become problems.
func (p *press) options(lesson, name, source string) markdown.Options {
	find := func(target string) (string, bool) {
		target, _, _ = strings.Cut(target, "#")
		if t, err := url.PathUnescape(target); err == nil {
			target = t
		}
		// What was published before is known by the last part of its name.
		for _, n := range []string{path.Join(path.Dir(name), target), path.Clean(target), path.Base(target)} {
			if f, ok := p.files[n]; ok {
				p.used[n] = true
				_, href := p.address(f)
				return href, true
			}
			if key, ok := p.pages[n]; ok {
				return tenants.ItemURL(p.item) + "/lessons/" + key, true
			}
		}
		for _, n := range siteNames(name, target) {
			if key, ok := p.pages[n]; ok {
				return tenants.ItemURL(p.item) + "/lessons/" + key, true
			}
		}
		return "", false
	}
	wrong := func(key, target, problem, fix string) {
		p.problems = append(p.problems, LessonProblem{lesson, name, markdown.Problem{Key: key, Line: lineWith(source, target), Found: target, Problem: problem, Fix: fix}})
	}
	return markdown.Options{
		Lang: p.lang,
		Image: func(target string) (string, bool) {
			href, ok := find(target)
			switch {
			case strings.Contains(target, "://"):
				wrong("picture_elsewhere", target, "pictures are not loaded from elsewhere", "put the picture into the folder")
			case !ok:
				wrong("picture_missing", target, "the picture does not exist", "put it into the folder or correct its name")
			}
			return href, ok && !strings.Contains(target, "://")
		},
		Link: func(target string) (string, bool) {
			if strings.HasPrefix(target, "/") && tenantPath(target) {
				return target, true
			}
			href, ok := find(target)
			if !ok {
				wrong("link_nowhere", target, "the link leads nowhere", "link to a page of the folder or to a whole address")
			}
			return href, ok
		},
	}
}

// siteNames are the files that a link without an ending can mean on the page of name, where a site's addresses are folders.
func siteNames(name, target string) (out []string) {
	if target == "" || path.Ext(target) != "" {
		return nil
	}
	dir, stem := path.Dir(name), strings.TrimSuffix(name, path.Ext(name))
	top, _, _ := strings.Cut(name, "/")
	at := []string{path.Join(dir, target), path.Join(stem, target)}
	if strings.HasPrefix(target, "/") {
		at = []string{path.Join(top, target), path.Clean(target[1:])}
	}
	for _, a := range at {
		out = append(out, a+".md", a+"/index.md", a+"/README.md")
	}
	return out
}

// lineWith is the first line that has the words, from 1; 0 for none.
func lineWith(source, words string) int {
	before, _, ok := strings.Cut(source, words)
	if !ok {
		return 0
	}
	return 1 + strings.Count(before, "\n")
}

// tenantPath reports whether an absolute path leads to a place of the product.
func tenantPath(p string) bool {
	for _, prefix := range []string{"/course/", "/path/", "/story/", "/resource/", "/questions/", "/learn"} {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return false
}

func (p *press) lesson(l LessonDraft) (LessonRef, error) {
	if l.Key == "" {
		l.Key = tenants.Slugify(l.Title)
	}
	if l.Kind == "" {
		l.Kind = "lesson"
	}
	if p.keys[l.Key] {
		return LessonRef{}, errs.New(errs.Invalid, "two lessons with the key %q", l.Key)
	}
	p.keys[l.Key] = true
	blocks := p.split(l.Key, l.Name, l.Source, l.Lang)
	plain := markdown.Plain(l.Source)
	l.Minutes = lessonMinutes(l.Minutes, plain)
	ref := LessonRef{Key: l.Key, Title: l.Title, Summary: l.Summary, Kind: lessonKind(l.Kind, blocks), Minutes: l.Minutes, Meets: meets(blocks)}
	for _, b := range blocks {
		switch {
		case b.Check():
			ref.Checks++
			if b.Skips != "" && ref.Skip == "" {
				ref.Skip, ref.SkipAll = b.Key, b.Skips == markdown.SkipsCourse
			}
		case b.Kind == markdown.Task:
			ref.Tasks++
		default:
			ref.Questions += len(b.Questions)
		}
		if b.Title != "" || b.Kind == markdown.Reflect || b.Kind == markdown.Quiz || b.Kind == markdown.Try || b.Kind == markdown.Task || b.Meets() {
			if b.Kind != markdown.File {
				ref.Parts = append(ref.Parts, PartRef{Key: b.Key, Title: b.Title, Kind: b.Kind})
			}
		}
	}
	row := lessonRow{
		Key: l.Key, Position: len(p.lessons), Title: l.Title, Kind: l.Kind, Source: l.Source, Name: l.Name, Plain: plain, Minutes: l.Minutes, Blocks: blocks,
		Lang: l.Lang, Langs: []string{}, Licence: l.Licence, Origin: l.Origin,
	}
	for _, t := range l.Texts {
		p.texts = append(p.texts, p.translated(row, t))
		row.Langs = append(row.Langs, t.Lang)
		if ref.Titles == nil {
			ref.Titles = map[string]string{}
		}
		ref.Titles[t.Lang] = t.Title
	}
	p.lessons = append(p.lessons, row)
	return ref, nil
}

// split renders a text of a lesson, written in the file of that name; lang is "" for the item's language.
func (p *press) split(key, name, source, lang string) []markdown.Block {
	o := p.options(key, name, source)
	o.Lang = cmp.Or(lang, o.Lang)
	blocks, problems := markdown.Split(source, o)
	for _, b := range append(problems, p.strangers(blocks)...) {
		p.problems = append(p.problems, LessonProblem{key, name, b})
	}
	return p.resolve(blocks, o)
}

// lessonMinutes is how long a lesson takes, unless its author says so.
func lessonMinutes(said int, plain string) int {
	if said > 0 {
		return said
	}
	// 200 words a minute for reading on a screen (Brysbaert 2019 finds 238 for non-fiction on average).
	return max(1, (len(strings.Fields(plain))+199)/200)
}

// resolve turns the names of files in typed blocks into addresses; a block whose file is missing is left out and named.
func (p *press) resolve(blocks []markdown.Block, o markdown.Options) []markdown.Block {
	out := blocks[:0]
	for _, b := range blocks {
		if b.Kind == markdown.Embed {
			out = append(out, b)
			continue
		}
		ok := true
		for _, name := range []*string{&b.Src, &b.Poster, &b.Captions} {
			if *name == "" {
				continue
			}
			if b.Kind == markdown.Video && name == &b.Src && strings.HasPrefix(*name, "https://") {
				continue // A recording that is elsewhere is led to, never loaded.
			}
			u, found := o.Link(*name)
			*name = u
			ok = ok && (found || name != &b.Src)
		}
		if ok {
			out = append(out, b)
		}
	}
	return out
}

func (p *press) step(s StepDraft, refs map[id.Item]stepItem) (Step, error) {
	if s.Kind == StepLesson {
		if s.Lesson.Key == "" {
			s.Lesson.Key = s.Key
		}
		if s.Lesson.Title == "" {
			s.Lesson.Title = s.Title
		}
		if s.Lesson.Minutes == 0 {
			s.Lesson.Minutes = s.Minutes
		}
		ref, err := p.lesson(s.Lesson)
		if err != nil {
			return Step{}, err
		}
		return Step{Key: ref.Key, Kind: StepLesson, Title: ref.Title, Minutes: ref.Minutes, Org: p.item.OrgID, Item: p.item.ItemID, Lessons: []LessonRef{ref}}, nil
	}
	it := refs[s.Item]
	if it.Kind != s.Kind {
		return Step{}, errs.New(errs.Invalid, "step %q leads to a %s, not to a %s", s.Key, it.Kind, s.Kind)
	}
	step := Step{Key: s.Key, Kind: s.Kind, Title: s.Title, Minutes: s.Minutes, Org: it.OrgID, Item: it.ItemID, Version: it.Version, Slug: it.Slug, Lessons: it.Outline.Lessons()}
	if step.Title == "" {
		step.Title = it.Title
	}
	if step.Minutes == 0 {
		step.Minutes = it.Minutes
	}
	if step.Key == "" {
		step.Key = tenants.Slugify(step.Title)
	}
	if p.keys[step.Key] {
		return Step{}, errs.New(errs.Invalid, "two steps with the key %q", step.Key)
	}
	p.keys[step.Key] = true
	return step, nil
}

type stepItem struct {
	OrgID   id.Org  `db:"org_id"`
	ItemID  id.Item `db:"item_id"`
	Kind    string  `db:"kind"`
	Title   string  `db:"title"`
	Slug    string  `db:"slug"`
	Minutes int     `db:"minutes"`
	Version int     `db:"version"`
	Outline Outline `db:"outline"`
}

// stepItems reads what the steps lead to, as far as the publisher may see it.
func stepItems(tx *db.Tx, steps []StepDraft) (map[id.Item]stepItem, error) {
	var ids []id.Item
	for _, s := range steps {
		if s.Kind != StepLesson {
			ids = append(ids, s.Item)
		}
	}
	rows, err := db.Rows[stepItem](tx, `SELECT i.org_id, i.item_id, i.kind, i.title, i.slug, i.minutes, i.version, coalesce(v.outline, '{}') AS outline
		FROM items i LEFT JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version
		WHERE i.item_id = ANY($1) AND i.state = 'published' AND `+tenants.Seen("$2"), ids, tx.Scope.Org)
	if err != nil {
		return nil, err
	}
	out := map[id.Item]stepItem{}
	for _, r := range rows {
		out[r.ItemID] = r
	}
	for _, s := range steps {
		if _, ok := out[s.Item]; !ok && s.Kind != StepLesson {
			return nil, errs.New(errs.NotFound, "step %q leads to item %s", s.Key, s.Item)
		}
	}
	return out, nil
}

// FileURL is the address of a file.
func FileURL(file id.File, name string) string {
	return "/files/" + file.String() + "/" + url.PathEscape(name)
}
