package courses

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Manuscript is a course or path as its authors write it: the next version of a published one, or one that nobody has seen yet. It is its
// organization's, and every author works on it.
type Manuscript struct {
	Item    id.Item  `db:"item_id"`
	Title   string   `db:"title"`
	Summary string   `db:"summary"`
	Outcome string   `db:"outcome"` // what one can do afterwards
	Lang    string   `db:"lang"`
	Level   string   `db:"level"`
	Topics  []string `db:"topics"`
	Intro   string   `db:"intro"` // Markdown
	Note    string   `db:"note"`  // what is new
	Base    int      `db:"base"`  // the version that it goes on from; 0 for none
	Edition int      `db:"edition"`
	Plan    Plan     `db:"plan"` // of a path

	Kind     string    `db:"kind"` // tenants.KindCourse or tenants.KindPath
	Slug     string    `db:"slug"`
	Newest   int       `db:"newest"`   // the published version in force; 0 for none
	Learners int       `db:"learners"` // of the own organization, in mid-course
	SavedBy  string    `db:"saved_by"` // a name; "" for a program
	SavedAt  time.Time `db:"saved_at"`

	By id.Membership `db:"by"` // who saved it

	PublishAt *time.Time `db:"publish_at"`    // when it publishes itself; nil for never
	Publisher string     `db:"publisher"`     // the name of whoever wants that
	Late      string     `db:"publish_fault"` // why it did not when it should have: a message key; "" for nothing
}

// ManuscriptLesson is a lesson of a manuscript.
type ManuscriptLesson struct {
	Key     string `db:"key"`
	Module  string `db:"module"`
	Title   string `db:"title"`
	Summary string `db:"summary"`
	Kind    string `db:"kind"`    // lesson, practice or check
	Minutes int    `db:"minutes"` // 0: from the length of the text
	Source  string `db:"source"`  // Markdown with typed blocks
	Name    string `db:"name"`    // of the file that it was written in
	Edition int    `db:"edition"`
	Removed bool   `db:"removed"`
	SavedBy string `db:"saved_by"` // a name; "" for a program

	By      id.Membership `db:"by"`
	SavedAt time.Time     `db:"saved_at"`

	Lang    string       `db:"lang"` // of the text; "" for the course's
	Licence string       `db:"licence"`
	Origin  string       `db:"origin"`
	Texts   []LessonText `db:"texts"` // in other languages
}

// ManuscriptView is a manuscript on its page.
type ManuscriptView struct {
	Manuscript
	Now     time.Time
	Lessons []ManuscriptLesson // in their order
	Removed []ManuscriptLesson // what was taken out and can be put back
	Minutes map[string]int     // of each lesson, as learners will read it
	Checks  []WriteCheck
	Files   []FileDraft

	Steps []PlanRow // of a path, in their order
	Out   []PlanRow // steps that were taken out and can be put back

	Reviews  []Review // by colleagues, the latest asked first
	Remarked []Remark // what they remark, in the order of its saying
	Rules    AuthorRules
}

// Total is how long the course or path takes, in minutes.
func (v ManuscriptView) Total() (n int) {
	if v.Kind == tenants.KindPath {
		var list []Station
		for _, s := range v.Steps {
			list = append(list, Station{Minutes: s.Takes, Optional: s.Optional, Either: s.Either})
		}
		_, _, n = Asked(list)
		return n
	}
	for _, l := range v.Lessons {
		n += v.Minutes[l.Key]
	}
	return n
}

// Ready reports whether nothing stands against publishing.
func (v ManuscriptView) Ready() bool {
	return !slices.ContainsFunc(v.Checks, func(c WriteCheck) bool { return c.Blocks && !c.OK })
}

const manuscriptColumns = `d.item_id, d.title, d.summary, d.outcome, d.lang, d.level, d.topics, d.intro, d.note, d.base, d.edition, d.plan, i.kind, i.slug, i.version AS newest, coalesce(m.name, '') AS saved_by, d.saved_at, coalesce(d.saved_by, '00000000-0000-0000-0000-000000000000') AS by, d.publish_at,
	coalesce((SELECT p.name FROM memberships p WHERE p.org_id = d.org_id AND p.membership_id = d.publish_by), '') AS publisher, d.publish_fault,
	(SELECT count(*)::int FROM enrollments e WHERE e.org_id = d.org_id AND e.item_org = d.org_id AND e.item_id = d.item_id AND e.state = 'active') AS learners`

const manuscriptFrom = `course_drafts d JOIN items i ON i.org_id = d.org_id AND i.item_id = d.item_id LEFT JOIN memberships m ON m.org_id = d.org_id AND m.membership_id = d.saved_by`

const manuscriptLessonSQL = `SELECT l.key, l.module, l.title, l.summary, l.kind, l.minutes, l.source, l.name, l.edition, l.removed_at IS NOT NULL AS removed, coalesce(m.name, '') AS saved_by, coalesce(l.saved_by, '00000000-0000-0000-0000-000000000000') AS by, l.saved_at, l.lang, l.licence, l.origin, l.texts
	FROM draft_lessons l LEFT JOIN memberships m ON m.org_id = l.org_id AND m.membership_id = l.saved_by WHERE l.org_id = $1 AND l.item_id = $2`

// lessonsMost bounds a course.
const lessonsMost = 500

// DeskFilter narrows the list of what is written.
type DeskFilter struct {
	Published bool    // what is published and not written on, instead of the manuscripts
	Query     string  // words of a title
	After     string  // the last line of the page before: see DeskRow.Mark
	AfterID   id.Item // the same
	Limit     int     // lines of a page, 1 to 200; default 25
}

// DeskRow is a course or path on the list: a manuscript, or a published one that can be written on.
type DeskRow struct {
	Item    id.Item   `db:"item_id"`
	Kind    string    `db:"kind"`
	Title   string    `db:"title"`
	Slug    string    `db:"slug"`
	Lang    string    `db:"lang"`
	Version int       `db:"version"` // in force; 0 for none
	Lessons int       `db:"lessons"` // or steps
	SavedBy string    `db:"saved_by"`
	At      time.Time `db:"at"` // when it was last saved, or published
}

// Mark is what the next page begins after.
func (r DeskRow) Mark() string { return strconv.FormatInt(r.At.UnixMicro(), 10) }

// Desk is the list of what authors write.
type Desk struct {
	Now  time.Time
	Rows []DeskRow
	More bool
}

// Desk lists the manuscripts of the own organization, or its published courses and paths without one, the latest first.
func (s *Service) Desk(ctx context.Context, f DeskFilter) (Desk, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Desk{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Desk{}, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 25
	}
	at := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if us, err := strconv.ParseInt(f.After, 10, 64); err == nil {
		at = time.UnixMicro(us)
	} else {
		f.AfterID = id.Item{}
	}
	words := db.Like(f.Query)
	q := `SELECT d.item_id, i.kind, d.title, i.slug, d.lang, i.version, CASE i.kind WHEN 'path' THEN coalesce(jsonb_array_length(d.plan->'steps'), 0)
			ELSE (SELECT count(*)::int FROM draft_lessons l WHERE l.org_id = d.org_id AND l.item_id = d.item_id AND l.removed_at IS NULL) END AS lessons, coalesce(m.name, '') AS saved_by, d.saved_at AS at
		FROM ` + manuscriptFrom + ` WHERE d.org_id = $1 AND lower(d.title) LIKE $2 AND (d.saved_at, d.item_id) < ($3, $4) ORDER BY d.saved_at DESC, d.item_id DESC LIMIT $5`
	if f.Published {
		q = `SELECT i.item_id, i.kind, i.title, i.slug, i.lang, i.version, i.steps AS lessons, '' AS saved_by, i.updated_at AS at
			FROM items i WHERE i.org_id = $1 AND i.kind IN ('course', 'path') AND i.state = 'published' AND lower(i.title) LIKE $2 AND (i.updated_at, i.item_id) < ($3, $4)
				AND NOT EXISTS (SELECT 1 FROM course_drafts d WHERE d.org_id = i.org_id AND d.item_id = i.item_id) ORDER BY i.updated_at DESC, i.item_id DESC LIMIT $5`
	}
	var v Desk
	err = s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, q, sc.Org, words, at, f.AfterID, f.Limit+1)
	})
	if len(v.Rows) > f.Limit {
		v.Rows, v.More = v.Rows[:f.Limit], true
	}
	return v, err
}

// Beginning says how a course or path begins.
type Beginning struct {
	Kind  string // tenants.KindPath, or a course
	Title string
	Lang  string  // en or de
	From  id.Item // an own one of the same kind whose text is taken as it is; zero for none
}

// Begin begins a course or path that nobody sees until it is published. Invalid without a title; NotFound if From is no published one
// of the kind and of the own organization.
func (s *Service) Begin(ctx context.Context, o Beginning) (id.Item, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return id.Item{}, err
	}
	if o.Kind != tenants.KindPath {
		o.Kind = tenants.KindCourse
	}
	o.Title = strings.TrimSpace(o.Title)
	if o.Title == "" || len([]rune(o.Title)) > 200 {
		return id.Item{}, errs.Fields(errs.Field{Name: "title", Key: "write.fault.title"})
	}
	var item id.Item
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		slug, err := freeSlug(tx, o.Kind, o.Title)
		if err != nil {
			return err
		}
		it, err := tenants.PutItem(tx, tenants.Item{Kind: o.Kind, Title: o.Title, Slug: slug, Lang: o.Lang})
		if err != nil {
			return err
		}
		item = it.ItemID
		if !o.From.IsZero() {
			return copyVersion(tx, o.Kind, o.From, item, func(m *Manuscript) { m.Title, m.Base = o.Title, 0 })
		}
		return putManuscript(tx, Manuscript{Item: item, Title: o.Title, Lang: it.Lang})
	})
	return item, err
}

// freeSlug is a readable address that no item of the kind has.
func freeSlug(tx *db.Tx, kind, title string) (string, error) {
	base := tenants.Slugify(title)
	taken, err := db.Rows[string](tx, `SELECT i.slug FROM items i WHERE i.org_id = $1 AND i.kind = $2 AND (i.slug = $3 OR i.slug LIKE $4) LIMIT 10000`, tx.Scope.Org, kind, base, db.EscapeLike(base)+"-%")
	slug := base
	for n := 2; slices.Contains(taken, slug); n++ {
		slug = base + "-" + strconv.Itoa(n)
	}
	return slug, err
}

func putManuscript(tx *db.Tx, m Manuscript) error {
	if m.Topics == nil {
		m.Topics = []string{}
	}
	return tx.Must(`INSERT INTO course_drafts (org_id, item_id, title, summary, outcome, lang, level, topics, intro, note, base, plan, saved_by, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		tx.Scope.Org, m.Item, m.Title, m.Summary, m.Outcome, m.Lang, m.Level, m.Topics, m.Intro, m.Note, m.Base, m.Plan, memberOrNil(tx.Scope.Membership), tx.Now)
}

// copyVersion begins a manuscript with what the version in force of an own course or path says; kind "" takes either. change may alter
// its head.
func copyVersion(tx *db.Tx, kind string, from, to id.Item, change func(*Manuscript)) error {
	var m Manuscript
	var found bool
	var of struct {
		Outline Outline `db:"outline"`
	}
	var leads []tenants.Item
	if err := tx.Batch(func(b *db.Batch) {
		db.One(b, &m, &found, `SELECT i.item_id, i.title, i.summary, v.outcome, i.lang, i.level, i.topics, v.intro, '' AS note, i.version AS base, 1 AS edition, '{}'::jsonb AS plan, i.kind, i.slug, i.version AS newest, 0 AS learners, '' AS saved_by, i.updated_at AS saved_at, '00000000-0000-0000-0000-000000000000'::uuid AS by, NULL::timestamptz AS publish_at, '' AS publisher, '' AS publish_fault
			FROM items i JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version
			WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind IN ('course', 'path') AND $3 IN ('', i.kind) AND i.state = 'published'`, tx.Scope.Org, from, kind)
		db.One(b, &of, nil, `SELECT v.outline FROM items i JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version WHERE i.org_id = $1 AND i.item_id = $2`, tx.Scope.Org, from)
		db.List(b, &leads, `SELECT `+tenants.ItemColumns+` FROM items p JOIN versions v ON v.org_id = p.org_id AND v.item_id = p.item_id AND v.version = p.version
			JOIN items i ON i.item_id = ANY(v.leads_to) WHERE p.org_id = $1 AND p.item_id = $2 AND `+linkable+` LIMIT 500`, tx.Scope.Org, from)
	}); err != nil {
		return err
	}
	if !found {
		return errs.New(errs.NotFound, "nothing published as %s", from)
	}
	if m.Kind == tenants.KindPath {
		m.Plan = planOf(of.Outline, from, leads)
	}
	version := m.Base
	m.Item = to
	change(&m)
	if err := putManuscript(tx, m); err != nil {
		return err
	}
	return tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `INSERT INTO draft_lessons (org_id, item_id, key, position, module, title, summary, kind, minutes, source, name, saved_by, saved_at, lang, licence, origin, texts)
			SELECT l.org_id, $3, l.key, l.position, coalesce(o.module, ''), l.title, coalesce(o.summary, ''), l.kind, l.minutes, l.source, l.name, $5, $6, l.lang, l.licence, l.origin,
				(SELECT coalesce(jsonb_agg(jsonb_build_object('lang', t.lang, 'title', t.title, 'source', t.source, 'name', t.name) ORDER BY array_position(l.langs, t.lang)), '[]')
					FROM lesson_texts t WHERE t.org_id = l.org_id AND t.item_id = l.item_id AND t.version = l.version AND t.key = l.key)
			FROM lessons l JOIN versions v ON v.org_id = l.org_id AND v.item_id = l.item_id AND v.version = l.version
				LEFT JOIN LATERAL (SELECT m->>'title' AS module, r->>'summary' AS summary FROM jsonb_array_elements(v.outline->'modules') m CROSS JOIN LATERAL jsonb_array_elements(m->'lessons') r WHERE r->>'key' = l.key LIMIT 1) o ON true
			WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $4`, tx.Scope.Org, from, to, version, memberOrNil(tx.Scope.Membership), tx.Now)
		db.Write(b, nil, `INSERT INTO draft_files (org_id, item_id, name, sha256, media_type, size, created_at)
			SELECT DISTINCT ON (f.path) f.org_id, $3, f.path, f.sha256, f.media_type, f.size, $4 FROM files f WHERE f.org_id = $1 AND f.item_id = $2 AND f.file_id = ANY (ARRAY(`+shownFiles("$5")+`)) ORDER BY f.path, f.created_at DESC`,
			tx.Scope.Org, from, to, tx.Now, version)
	})
}

// shownFiles are the files that a version of item $2 shows, by the addresses in its texts.
func shownFiles(version string) string {
	return strings.ReplaceAll(`SELECT (regexp_matches(x.body, '/files/([0-9a-f-]{36})/', 'g'))[1]::uuid FROM (
		SELECT l.blocks::text AS body FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $v
		UNION ALL SELECT t.blocks::text FROM lesson_texts t WHERE t.org_id = $1 AND t.item_id = $2 AND t.version = $v
		UNION ALL SELECT v.intro_html FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version = $v) x`, "$v", version)
}

// Rewrite begins the next version of an own published course or path, with what the version in force says. Where somebody has begun it already, it
// changes nothing. NotFound for anything else.
func (s *Service) Rewrite(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		there, err := db.Row[bool](tx, isWritten, tx.Scope.Org, item)
		if err != nil || there {
			return err
		}
		return copyVersion(tx, "", item, item, func(*Manuscript) {})
	})
}

// Manuscript returns what the authors of the own organization write. NotFound if there is none.
func (s *Service) Manuscript(ctx context.Context, item id.Item) (ManuscriptView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return ManuscriptView{}, err
	}
	return s.readManuscript(ctx, item)
}

// readManuscript is Manuscript for whoever was found to read it.
func (s *Service) readManuscript(ctx context.Context, item id.Item) (ManuscriptView, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return ManuscriptView{}, err
	}
	v := ManuscriptView{}
	var found bool
	var r manuscriptReads
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		r.queue(b, sc.Org, item, &v, &found)
	}); err != nil {
		return v, fmt.Errorf("manuscript %s: %w", item, err)
	}
	if !found {
		return v, errs.New(errs.NotFound, "no manuscript of %s", item)
	}
	v.arrange(r)
	ids := make([]id.Org, len(r.items))
	for i, it := range r.items {
		ids[i] = it.OrgID
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for i := range v.Steps {
		v.Steps[i].Owner = orgs[v.Steps[i].Leads.OrgID]
	}
	return v, err
}

// manuscriptReads is what a manuscript is made of beside its head.
type manuscriptReads struct {
	lessons []ManuscriptLesson
	files   []draftFileRow
	items   []tenants.Item // that the steps lead to
}

func (r *manuscriptReads) queue(b *db.Batch, org id.Org, item id.Item, v *ManuscriptView, found *bool) {
	db.One(b, &v.Manuscript, found, `SELECT `+manuscriptColumns+` FROM `+manuscriptFrom+` WHERE d.org_id = $1 AND d.item_id = $2`, org, item)
	db.List(b, &r.lessons, manuscriptLessonSQL+` ORDER BY l.position, l.key LIMIT 1000`, org, item)
	db.List(b, &r.files, `SELECT f.name, f.sha256, f.media_type, f.size FROM draft_files f WHERE f.org_id = $1 AND f.item_id = $2 ORDER BY f.name LIMIT 2000`, org, item)
	db.List(b, &r.items, leadsTo, org, item)
	db.List(b, &v.Reviews, `SELECT `+reviewColumns+` FROM `+reviewFrom+` WHERE r.org_id = $1 AND r.item_id = $2 ORDER BY r.asked_at DESC, r.membership_id LIMIT 20`, org, item)
	db.List(b, &v.Remarked, remarkSQL+` ORDER BY x.settled_at IS NOT NULL, x.at, x.remark_id LIMIT 500`, org, item)
	db.One(b, &v.Rules, nil, authorRulesSQL, org)
}

type draftFileRow struct {
	Name      string `db:"name"`
	Sum       []byte `db:"sha256"`
	MediaType string `db:"media_type"`
	Size      int64  `db:"size"`
}

func (r draftFileRow) draft() FileDraft {
	return FileDraft{Name: r.Name, Sum: [32]byte(r.Sum), MediaType: r.MediaType, Size: r.Size}
}

func (v *ManuscriptView) arrange(r manuscriptReads) {
	for _, f := range r.files {
		v.Files = append(v.Files, f.draft())
	}
	for _, l := range r.lessons {
		switch {
		case v.Kind == tenants.KindPath:
			v.Lessons = append(v.Lessons, l)
		case l.Removed:
			v.Removed = append(v.Removed, l)
		default:
			v.Lessons = append(v.Lessons, l)
		}
	}
	v.look(r.items)
}

// ManuscriptHead is what stands above the lessons.
type ManuscriptHead struct {
	Title, Summary, Outcome, Lang, Level, Intro, Note string
	Topics                                            []string
	Edition                                           int // the one that the form was filled with
}

func (h ManuscriptHead) bad() error {
	var f []errs.Field
	for _, t := range []struct {
		name, text string
		most       int
	}{{"title", h.Title, 200}, {"summary", h.Summary, 400}, {"outcome", h.Outcome, 400}, {"intro", h.Intro, 20000}, {"note", h.Note, 1000}} {
		if n := len([]rune(t.text)); n > t.most || t.name == "title" && strings.TrimSpace(t.text) == "" {
			f = append(f, errs.Field{Name: t.name, Key: "write.fault." + map[bool]string{true: "title", false: "long"}[t.name == "title"], Args: []any{"Most", t.most}})
		}
	}
	if !slices.Contains([]string{"en", "de"}, h.Lang) {
		f = append(f, errs.Field{Name: "lang", Key: "write.fault.lang"})
	}
	if !slices.Contains([]string{"", "beginner", "intermediate", "advanced"}, h.Level) {
		f = append(f, errs.Field{Name: "level", Key: "write.fault.level"})
	}
	if len(h.Topics) > 10 || slices.ContainsFunc(h.Topics, func(t string) bool { return len([]rune(t)) > 40 }) {
		f = append(f, errs.Field{Name: "topics", Key: "write.fault.topics"})
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return nil
}

// SaveHead changes the head of a manuscript. Conflict if somebody changed it since the form was filled.
func (s *Service) SaveHead(ctx context.Context, item id.Item, h ManuscriptHead) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	if h.Topics == nil {
		h.Topics = []string{}
	}
	if err := h.bad(); err != nil {
		return err
	}
	return s.manuscript(ctx, item, func(tx *db.Tx, m Manuscript) error {
		if m.Edition != h.Edition {
			return errs.Say(errs.Conflict, "write.fault.conflict", "Name", m.SavedBy)
		}
		return tx.Must(`UPDATE course_drafts SET title = $3, summary = $4, outcome = $5, lang = $6, level = $7, topics = $8, intro = $9, note = $10, edition = edition + 1, saved_by = $11, saved_at = $12 WHERE org_id = $1 AND item_id = $2`,
			tx.Scope.Org, item, strings.TrimSpace(h.Title), h.Summary, h.Outcome, h.Lang, h.Level, h.Topics, h.Intro, h.Note, memberOrNil(tx.Scope.Membership), tx.Now)
	})
}

// manuscript runs fn on a manuscript that nobody else changes meanwhile. NotFound if there is none.
func (s *Service) manuscript(ctx context.Context, item id.Item, fn func(*db.Tx, Manuscript) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		m, err := db.Row[Manuscript](tx, `SELECT `+manuscriptColumns+` FROM `+manuscriptFrom+` WHERE d.org_id = $1 AND d.item_id = $2 FOR UPDATE OF d`, tx.Scope.Org, item)
		if err != nil {
			return fmt.Errorf("manuscript %s: %w", item, err)
		}
		return fn(tx, m)
	})
}

// touch notes who worked on a manuscript last.
func touch(tx *db.Tx, item id.Item) error {
	return tx.Must(`UPDATE course_drafts SET saved_by = $3, saved_at = $4 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item, memberOrNil(tx.Scope.Membership), tx.Now)
}

// DiscardManuscript throws away what is written, for good; what is published stays as it is. A course that was never published is gone
// with it.
func (s *Service) DiscardManuscript(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.manuscript(ctx, item, func(tx *db.Tx, m Manuscript) error {
		if err := tx.Must(`DELETE FROM course_drafts WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item); err != nil {
			return err
		}
		if m.Newest == 0 {
			if _, err := tx.Exec(`DELETE FROM collection_items WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item); err != nil {
				return err
			}
			if err := tx.Must(`DELETE FROM items WHERE org_id = $1 AND item_id = $2 AND state = 'draft'`, tx.Scope.Org, item); err != nil {
				return err
			}
		}
		return tenants.Audit(tx, "draft.discarded", "item:"+item.String(), map[string]int{"base": m.Base})
	})
}

// PublishManuscript makes what is written the next version and takes it off the desk. Invalid while something stands against it, see
// ManuscriptView.Ready; Conflict if edition is not the one that was looked at.
func (s *Service) PublishManuscript(ctx context.Context, item id.Item, edition int) (Published, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Published{}, err
	}
	return s.publishDraft(ctx, item, func(m Manuscript) error {
		if m.Edition != edition {
			return errs.Say(errs.Conflict, "write.fault.conflict", "Name", m.SavedBy)
		}
		return nil
	})
}

// publishDraft publishes what is written if may finds nothing against it.
func (s *Service) publishDraft(ctx context.Context, item id.Item, may func(Manuscript) error) (Published, error) {
	var out Published
	err := s.manuscript(ctx, item, func(tx *db.Tx, m Manuscript) error {
		if err := may(m); err != nil {
			return err
		}
		v := ManuscriptView{Now: tx.Now}
		var r manuscriptReads
		if err := tx.Batch(func(b *db.Batch) { r.queue(b, tx.Scope.Org, item, &v, nil) }); err != nil {
			return err
		}
		v.arrange(r)
		if !v.Ready() {
			return errs.Say(errs.Invalid, "write.fault.blocked")
		}
		var err error
		if m.Kind == tenants.KindPath {
			out, err = PublishPath(tx, v.path())
		} else {
			out, err = PublishCourse(tx, v.course())
		}
		if err != nil {
			return err
		}
		return tx.Must(`DELETE FROM course_drafts WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item)
	})
	return out, err
}

// course is the course that the manuscript stands for.
func (v ManuscriptView) course() CourseDraft {
	d := CourseDraft{
		Item:    tenants.Item{ItemID: v.Item, Title: v.Title, Slug: v.Slug, Summary: v.Summary, Lang: v.Lang, Level: v.Level, Topics: v.Topics},
		Outcome: v.Outcome, Intro: v.Intro, Note: v.Note, Files: v.Files,
	}
	for _, l := range v.Lessons {
		d.Lessons = append(d.Lessons, LessonDraft{Key: l.Key, Module: l.Module, Title: l.Title, Summary: l.Summary, Kind: l.Kind, Minutes: l.Minutes, Source: l.Source, Name: l.Name, Lang: l.Lang, Licence: l.Licence, Origin: l.Origin, Texts: l.Texts})
	}
	return d
}
