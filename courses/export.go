package courses

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// exportMost is how many courses and paths one archive holds.
const exportMost = 2000

// exported is an own item that is packed.
type exported struct {
	Item    id.Item  `db:"item_id"`
	Kind    string   `db:"kind"`
	Title   string   `db:"title"`
	Slug    string   `db:"slug"`
	Summary string   `db:"summary"`
	Lang    string   `db:"lang"`
	Level   string   `db:"level"`
	Topics  []string `db:"topics"`
	Version int      `db:"version"`
	Outcome string   `db:"outcome"`
	Intro   string   `db:"intro"`
	Outline Outline  `db:"outline"`
}

type exportedLesson struct {
	Key     string `db:"key"`
	Title   string `db:"title"`
	Kind    string `db:"kind"`
	Minutes int    `db:"minutes"`
	Source  string `db:"source"`
	Name    string `db:"name"`
	Lang    string `db:"lang"`
	Licence string `db:"licence"`
	Origin  string `db:"origin"`
}

type exportedText struct {
	Key    string `db:"key"`
	Lang   string `db:"lang"`
	Title  string `db:"title"`
	Source string `db:"source"`
	Name   string `db:"name"`
}

type exportedFile struct {
	Path string `db:"path"`
	Sum  []byte `db:"sha256"`
}

// Export writes an own published course or path as a zip archive that imports back without loss, here and in any other organization; a path
// with the own courses that it leads to. A zero item is everything: the catalog of the organization's courses and paths. What belongs to others is
// named and not packed, and neither is who may see an item, what adopters added, and what anybody did. It returns the archive's file name.
// NotFound if there is nothing of that.
func (s *Service) Export(ctx context.Context, item id.Item, w io.Writer) (string, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return "", err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return "", err
	}
	list, err := s.exported(ctx, sc, item)
	if err != nil {
		return "", err
	}
	name := "catalog"
	if !item.IsZero() {
		name = list[len(list)-1].Slug
	}
	z := zip.NewWriter(w)
	p := packer{z: z, at: s.db.Now(), org: sc.Org}
	for _, it := range list {
		p.has = append(p.has, it.Item)
	}
	if err := p.index(list); err != nil {
		return "", fmt.Errorf("export %s: %w", name, err)
	}
	for _, it := range list {
		if err := s.pack(ctx, &p, it); err != nil {
			return "", fmt.Errorf("export %s: %w", it.Slug, err)
		}
	}
	if err := z.Close(); err != nil {
		return "", fmt.Errorf("export %s: %w", name, err)
	}
	target := ""
	if !item.IsZero() {
		target = "item:" + item.String()
	}
	return name + ".zip", s.db.Tx(ctx, func(tx *db.Tx) error {
		return tenants.Audit(tx, "content.exported", target, map[string]int{"items": len(list)})
	})
}

const exportedColumns = `i.item_id, i.kind, i.title, i.slug, i.summary, i.lang, i.level, i.topics, i.version, v.outcome, v.intro, v.outline
	FROM items i JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version
	WHERE i.org_id = $1 AND i.kind IN ('course', 'path') AND i.state = 'published'`

// exported lists what is packed: courses before the paths that lead to them.
func (s *Service) exported(ctx context.Context, sc scope.Scope, item id.Item) (list []exported, err error) {
	if item.IsZero() {
		err = s.db.Read(ctx, func(b *db.Batch) {
			db.List(b, &list, `SELECT `+exportedColumns+` ORDER BY i.kind, i.slug LIMIT $2`, sc.Org, exportMost)
		})
	} else {
		var one exported
		var found bool
		if err = s.db.Read(ctx, func(b *db.Batch) {
			db.One(b, &one, &found, `SELECT `+exportedColumns+` AND i.item_id = $2`, sc.Org, item)
		}); err == nil && found {
			if parts := one.Outline.own(tenants.Item{ItemID: item, OrgID: sc.Org}); len(parts) > 0 {
				err = s.db.Read(ctx, func(b *db.Batch) {
					db.List(b, &list, `SELECT `+exportedColumns+` AND i.kind = 'course' AND i.item_id = ANY($3) ORDER BY i.slug LIMIT $2`, sc.Org, exportMost, parts)
				})
			}
			list = append(list, one)
		}
	}
	if err == nil && len(list) == 0 {
		err = errs.New(errs.NotFound, "nothing to export of %s", item)
	}
	return list, err
}

// packer writes one archive.
type packer struct {
	z   *zip.Writer
	at  time.Time
	org id.Org
	has []id.Item // what is packed
}

func (e exported) dir() string { return e.Kind + "s/" + e.Slug }

func (p *packer) index(list []exported) error {
	var x pack
	x.Format = packFormat
	for _, it := range list {
		if it.Kind == tenants.KindPath {
			x.Items = append(x.Items, packed{Path: it.dir()})
		} else {
			x.Items = append(x.Items, packed{Course: it.dir()})
		}
	}
	return p.yaml(packFile, x)
}

func (p *packer) create(name string, method uint16) (io.Writer, error) {
	return p.z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: p.at})
}

func (p *packer) text(name, text string) error {
	w, err := p.create(name, zip.Deflate)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

func (p *packer) yaml(name string, v any) error {
	text, err := asYAML(v)
	if err != nil {
		return err
	}
	return p.text(name, text)
}

func asYAML(v any) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(v)
	return b.String(), err
}

// pack writes a course or path with its lessons and files.
func (s *Service) pack(ctx context.Context, p *packer, it exported) error {
	var lessons []exportedLesson
	var texts []exportedText
	var files []exportedFile
	var leads []refRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		exportQueries(b, p.org, it, &lessons, &texts, &files)
		db.List(b, &leads, `SELECT i.item_id, i.org_id, o.slug AS org, i.slug FROM items i JOIN organizations o ON o.org_id = i.org_id WHERE i.item_id = ANY($2) AND `+tenants.Seen("$1")+` ORDER BY i.item_id LIMIT 10000`, p.org, it.Outline.leads(it.Item))
	}); err != nil {
		return err
	}
	h := head{Title: it.Title, Slug: it.Slug, Summary: it.Summary, Outcome: it.Outcome, Lang: it.Lang, Level: it.Level, Topics: it.Topics, Intro: it.Intro}
	at, err := p.lessons(it, &h, lessons, texts)
	if err != nil {
		return err
	}
	file := "course.yaml"
	if it.Kind == tenants.KindPath {
		file = "path.yaml"
		p.steps(it, &h, at, leads)
	}
	if err := p.yaml(path.Join(it.dir(), file), h); err != nil {
		return err
	}
	return s.packFiles(ctx, p, it, files)
}

// exportQueries queue what a version in force says and shows.
func exportQueries(b *db.Batch, org id.Org, it exported, lessons *[]exportedLesson, texts *[]exportedText, files *[]exportedFile) {
	db.List(b, lessons, `SELECT l.key, l.title, l.kind, l.minutes, l.source, l.name, l.lang, l.licence, l.origin FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 ORDER BY l.position, l.key LIMIT 10000`, org, it.Item, it.Version)
	db.List(b, texts, `SELECT t.key, t.lang, t.title, t.source, t.name FROM lesson_texts t JOIN lessons l ON l.org_id = t.org_id AND l.item_id = t.item_id AND l.version = t.version AND l.key = t.key
		WHERE t.org_id = $1 AND t.item_id = $2 AND t.version = $3 ORDER BY l.position, array_position(l.langs, t.lang), t.lang LIMIT 100000`, org, it.Item, it.Version)
	db.List(b, files, `SELECT f.path, f.sha256 FROM files f WHERE f.org_id = $1 AND f.item_id = $2 AND f.file_id = ANY (ARRAY(`+shownFiles("$3")+`)) ORDER BY f.path, f.created_at DESC LIMIT 10000`, org, it.Item, it.Version)
}

// lessons writes the texts and lists them in the head; it returns where each is.
func (p *packer) lessons(it exported, h *head, lessons []exportedLesson, texts []exportedText) (map[string]string, error) {
	about := map[string]packedFront{}
	for _, m := range it.Outline.Modules {
		for _, l := range m.Lessons {
			about[l.Key] = packedFront{Module: m.Title, Summary: l.Summary}
		}
	}
	for _, st := range it.Outline.Steps {
		if st.Kind == StepLesson && len(st.Lessons) == 1 {
			about[st.Key] = packedFront{Summary: st.Lessons[0].Summary}
		}
	}
	taken, at := map[string]bool{"course.yaml": true, "path.yaml": true}, map[string]string{}
	write := func(name string, fm packedFront, source string) error {
		front, err := asYAML(fm)
		if err != nil {
			return err
		}
		return p.text(path.Join(it.dir(), name), "---\n"+front+"---\n"+source)
	}
	for _, l := range lessons {
		name := packedName(l.Name, l.Key, "", taken)
		fm := about[l.Key]
		fm.Key, fm.Title, fm.Minutes, fm.Lang, fm.Licence, fm.Source = l.Key, l.Title, l.Minutes, l.Lang, l.Licence, l.Origin
		if l.Kind != "lesson" {
			fm.Kind = l.Kind
		}
		if l.Name != "" && l.Name != name {
			fm.Name = l.Name
		}
		if err := write(name, fm, l.Source); err != nil {
			return nil, err
		}
		at[l.Key] = name
		if it.Kind == tenants.KindCourse {
			h.Lessons = append(h.Lessons, name)
		}
	}
	for _, t := range texts {
		name := packedName(t.Name, t.Key, t.Lang, taken)
		fm := packedFront{Title: t.Title, Lang: t.Lang}
		if t.Name != "" && t.Name != name {
			fm.Name = t.Name
		}
		if err := write(name, fm, t.Source); err != nil {
			return nil, err
		}
		if h.Texts == nil {
			h.Texts = map[string][]string{}
		}
		h.Texts[at[t.Key]] = append(h.Texts[at[t.Key]], name)
	}
	return at, nil
}

type refRow struct {
	Item id.Item `db:"item_id"`
	Org  id.Org  `db:"org_id"`
	Of   string  `db:"org"`
	Slug string  `db:"slug"`
}

// steps lists the steps and slots of a path. What is packed is named by its slug alone, so that it is found wherever the archive goes.
func (p *packer) steps(it exported, h *head, at map[string]string, leads []refRow) {
	for _, st := range it.Outline.Steps {
		hs := headStep{Key: st.Key, Title: st.Title, Minutes: st.Minutes, Note: st.Note, Section: st.Section, Optional: st.Optional, Either: st.Either, Needs: st.Needs}
		ref := ""
		if i := slices.IndexFunc(leads, func(r refRow) bool { return r.Item == st.Item }); i >= 0 {
			ref = leads[i].Of + "/" + leads[i].Slug
			if slices.Contains(p.has, st.Item) {
				ref = leads[i].Slug
			}
		}
		switch st.Kind {
		case StepLesson:
			hs.Lesson = at[st.Key]
		case StepCourse:
			hs.Course = ref
		case StepStory:
			hs.Story = ref
		case StepResource:
			hs.Resource = ref
		}
		if st.Kind != StepLesson && ref == "" {
			continue // It may not be seen any more.
		}
		h.Steps = append(h.Steps, hs)
	}
	for _, sl := range it.Outline.Slots {
		h.Slots = append(h.Slots, headSlot(sl))
	}
	h.NoProposition, h.NoNotes = it.Outline.NoProposition, it.Outline.NoNotes
}

// packFiles writes what the texts show. Pictures and recordings are packed already.
func (s *Service) packFiles(ctx context.Context, p *packer, it exported, files []exportedFile) error {
	done := map[string]bool{}
	for _, f := range files {
		name := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
		if done[name] {
			continue
		}
		done[name] = true
		r, err := s.blob.Open(ctx, [32]byte(f.Sum))
		if err != nil {
			return err
		}
		method := zip.Store
		if ext := path.Ext(name); ext == ".svg" || ext == ".csv" || ext == ".txt" || ext == ".vtt" {
			method = zip.Deflate
		}
		w, err := p.create(path.Join(it.dir(), name), method)
		if err == nil {
			_, err = io.Copy(w, r)
		}
		_ = r.Close() // Read only.
		if err != nil {
			return err
		}
	}
	return nil
}
