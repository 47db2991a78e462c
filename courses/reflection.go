package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Reflection is a thought that a member wrote down in a lesson. Nobody else reads it; what is shared of it is Shared.
type Reflection struct {
	ID       id.Any    `db:"reflection_id"`
	RootKind string    `db:"root_kind"` // of the course or path in which it was written; "" where that is not known
	Root     id.Item   `db:"root_id"`
	Step     string    `db:"step_key"`
	Lesson   string    `db:"lesson_key"`
	Key      string    `db:"reflection_key"`
	ItemOrg  id.Org    `db:"item_org"`
	Item     id.Item   `db:"item_id"`
	Title    string    `db:"title"` // of the lesson
	Asked    string    `db:"asked"` // the question
	Body     string    `db:"body"`
	Updated  time.Time `db:"updated_at"`
	Shared   bool      `db:"shared"`
}

const reflectionColumns = `r.reflection_id, r.root_kind, r.root_id, r.step_key, r.lesson_key, r.reflection_key, r.item_org, r.item_id, r.title, r.asked, r.body, r.updated_at,
	EXISTS (SELECT 1 FROM reflection_shares s WHERE s.org_id = r.org_id AND s.reflection_id = r.reflection_id) AS shared`

// reflectionMost is how many characters a reflection has.
const reflectionMost = 10000

// Thought is what a member writes down, and over which words.
type Thought struct {
	Text    string
	Edition int    // that stood there when they began or saved last; 0 for none
	Window  string // of the browser in which they write: who saves from it again saves over their own words
}

// Reflected is how a reflection stands after it was to be saved.
type Reflected struct {
	ID      id.Any    `db:"reflection_id"` // zero for none
	Edition int       `db:"edition"`       // 0 for none
	At      time.Time `db:"updated_at"`
	Body    string    `db:"body"`
	Window  string    `db:"window_id"`
	Shared  bool      `db:"shared"`
	Changed bool      `db:"-"` // it was changed from elsewhere since: nothing was saved, and Body is what stands there
}

// Reflect keeps a member's written thought, private. An empty text removes it, with what was shared of it. Where it was changed from
// elsewhere since the edition, nothing is saved, and the answer says so. NotFound if the lesson at the place asks no such question; Invalid
// above 10,000 characters; Conflict while its step waits for others.
func (s *Service) Reflect(ctx context.Context, p Place, key string, t Thought) (out Reflected, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return out, err
	}
	if utf8.RuneCountInString(t.Text) > reflectionMost {
		return out, errs.Fields(errs.Field{Name: "text", Key: "courses.reflect.too_long"})
	}
	if len(t.Window) > 50 {
		t.Window = ""
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		out = Reflected{}
		l, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(l.Ref.Parts, func(p PartRef) bool { return p.Kind == markdown.Reflect && p.Key == key }) {
			return errs.New(errs.NotFound, "reflection %s of %s", key, l.Lesson)
		}
		if err := l.opened(tx); err != nil {
			return err
		}
		if err := s.join(tx, l); err != nil {
			return err
		}
		of := []any{tx.Scope.Org, tx.Scope.Membership, l.Org, l.Item, l.Lesson, key}
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "reflection/"+tx.Scope.Membership.String()+"/"+l.Item.String()); err != nil {
			return err
		}
		was, err := db.Rows[Reflected](tx, `SELECT r.reflection_id, r.edition, r.updated_at, r.body, r.window_id, EXISTS (SELECT 1 FROM reflection_shares s WHERE s.org_id = r.org_id AND s.reflection_id = r.reflection_id) AS shared
			FROM reflections r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.item_org = $3 AND r.item_id = $4 AND r.lesson_key = $5 AND r.reflection_key = $6`, of...)
		if err != nil {
			return err
		}
		if len(was) > 0 {
			out = was[0]
		}
		switch {
		case out.Body == t.Text:
			return nil
		case out.Edition != t.Edition && (t.Window == "" || out.Window != t.Window) && out.Edition > 0:
			out.Changed = true
			return nil
		case t.Text == "":
			out = Reflected{}
			_, err := tx.Exec(`DELETE FROM reflections WHERE org_id = $1 AND membership_id = $2 AND item_org = $3 AND item_id = $4 AND lesson_key = $5 AND reflection_key = $6`, of...)
			return err
		}
		shared := out.Shared
		if out, err = db.Row[Reflected](tx, `INSERT INTO reflections AS r (org_id, membership_id, item_org, item_id, lesson_key, reflection_key, reflection_id, root_kind, root_id, step_key, title, asked, body, updated_at, window_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
				coalesce((SELECT jsonb_path_query_first(l.blocks, '$[*] ? (@.kind == "reflect" && @.key == $k).ask', jsonb_build_object('k', $6::text)) #>> '{}' FROM lessons l WHERE l.org_id = $3 AND l.item_id = $4 AND l.version = $15 AND l.key = $5), ''), $12, $13, $14)
			ON CONFLICT (org_id, membership_id, item_org, item_id, lesson_key, reflection_key) DO UPDATE SET root_kind = excluded.root_kind, root_id = excluded.root_id, step_key = excluded.step_key, title = excluded.title, asked = excluded.asked,
				body = excluded.body, updated_at = excluded.updated_at, window_id = excluded.window_id, edition = r.edition + 1
			RETURNING r.reflection_id, r.edition, r.updated_at, r.body, r.window_id, false AS shared`,
			append(of, id.New[id.Any](), l.Root.Item.Kind, l.Root.ItemID, p.Step, l.Ref.Title, t.Text, tx.Now, t.Window, l.Version)...); err != nil {
			return fmt.Errorf("reflection %s: %w", key, err)
		}
		out.Shared = shared
		return tx.Batch(func(b *db.Batch) { keepPlace(b, tx, l, key) })
	})
	return out, err
}

// ReflectionList is a page of what a member wrote down.
type ReflectionList struct {
	Now   time.Time
	Query string
	Rows  []Reflection // the latest first
	More  bool
}

// ReflectionsAfter is what a page of the list begins behind: the last line of the one before; zero for the first.
type ReflectionsAfter struct {
	At time.Time
	ID id.Any
}

const (
	reflectionsPage = 20
	reflectionsAll  = 5000
)

// Reflections lists what the acting member wrote down, the latest first; words narrows it. all puts up to 5,000 on one page.
func (s *Service) Reflections(ctx context.Context, words string, after ReflectionsAfter, all bool) (ReflectionList, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return ReflectionList{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return ReflectionList{}, err
	}
	limit := reflectionsPage
	if all {
		limit = reflectionsAll
	}
	if after.At.IsZero() {
		after.At = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	v := ReflectionList{Query: words}
	err = s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, `SELECT `+reflectionColumns+` FROM reflections r WHERE r.org_id = $1 AND r.membership_id = $2 AND (r.updated_at, r.reflection_id) < ($3::timestamptz, $4::uuid)
			AND lower(r.body || ' ' || r.asked || ' ' || r.title) LIKE $5 ORDER BY r.updated_at DESC, r.reflection_id DESC LIMIT $6`, sc.Org, sc.Membership, after.At, after.ID, db.Like(words), limit+1)
	})
	if len(v.Rows) > limit {
		v.Rows, v.More = v.Rows[:limit], true
	}
	return v, err
}

// SharedReflection is what somebody shared of a reflection.
type SharedReflection struct {
	Org     id.Org        `db:"org_id"` // for which they learn
	ID      id.Any        `db:"reflection_id"`
	Member  id.Membership `db:"membership_id"`
	Body    string        `db:"body"`
	At      time.Time     `db:"shared_at"`
	Reader  id.Membership `db:"reader"` // zero for a team, a group and a cohort
	Team    id.Any        `db:"team_id"`
	Group   id.Any        `db:"group_id"`  // of a step
	Cohort  id.Any        `db:"cohort_id"` // with whom a path is taken
	MetIn   id.Any        `db:"met_in"`
	ToOrg   id.Org        `db:"reader_org"`
	To      string        `db:"to_name"` // of the reader, team or cohort, or the step that the group does; "" where that is not told any more
	Name    string        `db:"name"`    // of who wrote it; "" where that is not told
	Kind    string        `db:"item_kind"`
	Item    id.Item       `db:"item_id"`
	Slug    string        `db:"item_slug"`
	About   string        `db:"item_title"` // what it is about; "" where the reader does not see that
	Asked   string        `db:"asked"`      // the question that it answers; "" where it is asked no more, or the reader does not see that
	Outside bool          `db:"outside"`    // the reader belongs to another organization
	House   bool          `db:"house"`      // who wrote it belongs to the viewer's organization
	Told    bool          `db:"told"`       // of which organization they are is told
	Off     bool          `db:"off"`        // the group was called off: nobody reads it any more

	By   tenants.Organization `db:"-"` // of who wrote it
	With tenants.Organization `db:"-"` // of the reader
}

// Of is what it is about, as far as an address needs it.
func (v SharedReflection) Of() tenants.Item {
	return tenants.Item{ItemID: v.Item, Kind: v.Kind, Slug: v.Slug, Title: v.About}
}

// sharedSQL reads what is shared, as far as $1, $2 read it. A name of another organization's people is told as they chose and while the two
// meet by name; what it is about, to who sees that.
const sharedSQL = `SELECT s.org_id, s.reflection_id, s.membership_id, s.body, s.shared_at, s.reader, s.team_id, s.group_id, s.cohort_id, s.met_in, s.reader_org, s.reader_org <> s.org_id AS outside, s.org_id = $1 AS house, coalesce(w.shown_as, '') <> 'someone' AS told, coalesce(g.state = 'off', false) AS off,
		coalesce(t.name, k.name, w.title, h.name, q.shown_name, a.shown_name, '') AS to_name, coalesce(m.name, CASE WHEN c.meet = 'name' THEN s.shown_name END, '') AS name,
		coalesce(i.kind, '') AS item_kind, s.item_id, coalesce(i.slug, '') AS item_slug, coalesce(i.title, '') AS item_title,
		coalesce(jsonb_path_query_first(l.blocks, '$[*] ? (@.kind == "reflect" && @.key == $k).ask', jsonb_build_object('k', s.reflection_key)) #>> '{}', '') AS asked
	FROM reflection_shares s
	LEFT JOIN memberships m ON m.org_id = $1 AND m.org_id = s.org_id AND m.membership_id = s.membership_id
	LEFT JOIN connection_sides c ON c.org_id = s.org_id AND c.other_org = $1 AND c.state = 'active'
	LEFT JOIN teams t ON t.org_id = $1 AND t.org_id = s.org_id AND t.team_id = s.team_id
	LEFT JOIN step_group_people w ON w.org_id = s.org_id AND w.membership_id = s.membership_id AND w.group_id = s.group_id
	LEFT JOIN step_groups g ON g.group_id = s.group_id
	LEFT JOIN cohorts h ON h.org_id = $1 AND h.org_id = s.org_id AND h.cohort_id = s.cohort_id
	LEFT JOIN memberships k ON k.org_id = $1 AND k.org_id = s.reader_org AND k.membership_id = s.reader
	LEFT JOIN questions q ON q.org_id = s.reader_org AND q.question_id = s.met_in AND q.shown_as = 'name'
	LEFT JOIN answers a ON a.org_id = s.reader_org AND a.answer_id = s.met_in AND a.shown_as = 'name'
	LEFT JOIN items i ON i.org_id = s.item_org AND i.item_id = s.item_id AND i.state = 'published'
	LEFT JOIN lessons l ON l.org_id = i.org_id AND l.item_id = i.item_id AND l.version = i.version AND l.key = s.lesson_key`

// readsSQL are what others share with $2 of $1: with them, or with a team, group or cohort that they are in.
const readsSQL = ` WHERE NOT (s.org_id = $1 AND s.membership_id = $2) AND (s.reader_org = $1 AND s.reader = $2 OR s.org_id = $1 AND s.team_id IN (SELECT x.team_id FROM team_members x WHERE x.org_id = $1 AND x.membership_id = $2)
	OR s.group_id = ANY (ARRAY(SELECT x.group_id FROM step_group_people x WHERE x.org_id = $1 AND x.membership_id = $2)) OR s.org_id = $1 AND s.cohort_id = ANY (ARRAY(SELECT x.cohort_id FROM cohort_people x WHERE x.org_id = $1 AND x.membership_id = $2)))`

// SharedList is a page of what others share with a member.
type SharedList struct {
	Now  time.Time
	Rows []SharedReflection // the latest first
	More bool
}

// SharedWithMe lists what others share with the acting member: with them, or with a team, group or cohort that they are in.
func (s *Service) SharedWithMe(ctx context.Context, after ReflectionsAfter) (SharedList, error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return SharedList{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return SharedList{}, err
	}
	if after.At.IsZero() {
		after.At = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var v SharedList
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, sharedSQL+readsSQL+` AND (s.shared_at, s.reflection_id) < ($3::timestamptz, $4::uuid) ORDER BY s.shared_at DESC, s.reflection_id DESC LIMIT $5`, sc.Org, sc.Membership, after.At, after.ID, reflectionsPage+1)
	}); err != nil {
		return v, err
	}
	if len(v.Rows) > reflectionsPage {
		v.Rows, v.More = v.Rows[:reflectionsPage], true
	}
	return v, s.nameShared(ctx, v.Rows)
}

func (s *Service) nameShared(ctx context.Context, rows []SharedReflection) error {
	var ids []id.Org
	for _, r := range rows {
		ids = append(ids, r.Org, r.ToOrg)
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for i, r := range rows {
		rows[i].By, rows[i].With = orgs[r.Org], orgs[r.ToOrg]
	}
	return err
}

// ReadShared returns what somebody shares with the acting member. NotFound for anything else.
func (s *Service) ReadShared(ctx context.Context, which id.Any) (SharedReflection, error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return SharedReflection{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return SharedReflection{}, err
	}
	var rows []SharedReflection
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, sharedSQL+readsSQL+` AND s.reflection_id = $3 LIMIT 1`, sc.Org, sc.Membership, which)
	}); err != nil {
		return SharedReflection{}, err
	}
	if len(rows) == 0 {
		return SharedReflection{}, errs.New(errs.NotFound, "nothing shared %s", which)
	}
	return rows[0], s.nameShared(ctx, rows)
}

// Reader is somebody of another organization who wrote about the same under their name, where the member can read it.
type Reader struct {
	Post id.Any `db:"post"` // what they wrote
	Org  id.Org `db:"org_id"`
	Name string `db:"name"`
	Meet string `db:"meet"` // how people of the member's organization show themselves there: "name" or "company"

	By tenants.Organization `db:"-"`
}

// readersSQL are the people of organizations that $1 is connected to who wrote about an item, $2 its owner and $3, under their names, one
// line each; with $4 the one who wrote that. The posts' own policies say what can be read.
const readersSQL = `SELECT DISTINCT ON (w.org_id, w.membership_id) w.post, w.org_id, w.membership_id, w.shown_name AS name, s.meet
	FROM (SELECT q.question_id AS post, q.org_id, q.membership_id, q.shown_name, q.created_at FROM questions q WHERE q.about_org = $2 AND q.about_item = $3 AND q.org_id <> $1 AND q.shown_as = 'name' AND q.state <> 'withdrawn'
		UNION ALL SELECT a.answer_id, a.org_id, a.membership_id, a.shown_name, a.created_at FROM questions q JOIN answers a ON a.question_org = q.org_id AND a.question_id = q.question_id
			WHERE q.about_org = $2 AND q.about_item = $3 AND q.state <> 'withdrawn' AND a.org_id <> $1 AND a.shown_as = 'name' AND a.state = 'shown') w
	JOIN connection_sides s ON s.org_id = $1 AND s.other_org = w.org_id AND s.state = 'active' AND s.meet <> 'none' JOIN connection_sides b ON b.org_id = w.org_id AND b.other_org = $1 AND b.state = 'active' AND b.meet = 'name'
	JOIN organizations o ON o.org_id = w.org_id AND o.state = 'active'
	WHERE $4::uuid IS NULL OR w.post = $4 ORDER BY w.org_id, w.membership_id, w.created_at DESC LIMIT 50`

type readerFound struct {
	Reader

	Member id.Membership `db:"membership_id"`
}

// Crew is a team that a member is in.
type Crew struct {
	ID   id.Any `db:"team_id"`
	Name string `db:"name"`
}

// ReflectionView is an own reflection, with whom it is shared, and with whom it can be.
type ReflectionView struct {
	Reflection

	Now     time.Time
	With    *SharedReflection // nil while nobody else reads it
	Teams   []Crew
	Readers []Reader
	Circles []Circle
}

// Circle is the one with which it is shared; nil where it is not there any more, or shared with somebody else.
func (v ReflectionView) Circle() *Circle {
	if v.With == nil {
		return nil
	}
	if i := slices.IndexFunc(v.Circles, func(c Circle) bool { return c.ID == v.With.Group || c.ID == v.With.Cohort }); i >= 0 {
		return &v.Circles[i]
	}
	return nil
}

// Stale reports whether it was changed since it was shared: its readers read it as it was.
func (v ReflectionView) Stale() bool { return v.With != nil && v.With.Body != v.Body }

// Reflection returns an own reflection. NotFound for anybody else's.
func (s *Service) Reflection(ctx context.Context, which id.Any) (v ReflectionView, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	var found bool
	var with []SharedReflection
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Reflection, &found, `SELECT `+reflectionColumns+` FROM reflections r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.reflection_id = $3`, sc.Org, sc.Membership, which)
		db.List(b, &with, sharedSQL+` WHERE s.org_id = $1 AND s.membership_id = $2 AND s.reflection_id = $3 LIMIT 1`, sc.Org, sc.Membership, which)
		db.List(b, &v.Teams, `SELECT t.team_id, t.name FROM team_members x JOIN teams t ON t.org_id = x.org_id AND t.team_id = x.team_id WHERE x.org_id = $1 AND x.membership_id = $2 ORDER BY lower(t.name), t.team_id LIMIT 50`, sc.Org, sc.Membership)
	}); err != nil {
		return v, err
	}
	if !found {
		return v, errs.New(errs.NotFound, "reflection %s", which)
	}
	var people []readerFound
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &people, readersSQL, sc.Org, v.ItemOrg, v.Item, nil)
		db.List(b, &v.Circles, circlesSQL, sc.Org, sc.Membership, v.ItemOrg, v.Item, idOrNil(v.Root), nil)
	}); err != nil {
		return v, err
	}
	if len(with) > 0 {
		if err := s.nameShared(ctx, with); err != nil {
			return v, err
		}
		v.With = &with[0]
	}
	var ids []id.Org
	for _, p := range people {
		ids = append(ids, p.Org)
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for _, p := range people {
		p.By = orgs[p.Org]
		v.Readers = append(v.Readers, p.Reader)
	}
	if err != nil {
		return v, err
	}
	return v, s.nameCircles(ctx, v.Circles)
}

// With whom a reflection can be shared.
const (
	ShareColleague = "colleague"
	ShareTeam      = "team"
	ShareGroup     = "group"  // a Circle
	ShareReader    = "reader" // of another organization
)

// Sharing is with whom a member wants to share a reflection.
type Sharing struct {
	With      string // ShareColleague, ShareTeam, ShareGroup or ShareReader
	Colleague string // address or name
	Team      string // identifier
	Group     string // identifier of the circle
	Reader    string // identifier of what the reader wrote
	Name      bool   // readers of another organization may see the own name
	Confirmed bool   // that other companies are named is agreed with them
}

// ShareReflection lets somebody read an own reflection as it reads now, instead of whoever did; who reads it for the first time gets a mail,
// but for a team and a cohort. Invalid, with the field, for who is not there, and, with "confirmed", where the text names an organization that the own one
// is connected to and nobody confirmed it. NotFound for anybody else's.
func (s *Service) ShareReflection(ctx context.Context, which id.Any, in Sharing) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		r, err := db.Row[Reflection](tx, `SELECT `+reflectionColumns+` FROM reflections r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.reflection_id = $3 FOR UPDATE OF r`, tx.Scope.Org, tx.Scope.Membership, which)
		if err != nil {
			return fmt.Errorf("reflection %s: %w", which, err)
		}
		to, bad, err := in.find(tx, r)
		if err != nil {
			return err
		}
		if bad != nil {
			return errs.Fields(*bad)
		}
		if !in.Confirmed {
			names, err := tenants.Named(tx, r.Body, to.org, to.beside)
			if err != nil {
				return err
			}
			if len(names) > 0 {
				return errs.Fields(errs.Field{Name: "confirmed", Key: "reflect.fault.names", Args: []any{"Names", strings.Join(names, ", ")}})
			}
		}
		was, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM reflection_shares s WHERE s.org_id = $1 AND s.membership_id = $2 AND s.reflection_id = $3 AND (s.reader_org = $4 AND s.reader = $5 OR s.group_id = $6))`,
			tx.Scope.Org, tx.Scope.Membership, which, to.org, memberOrNil(to.member), anyOrNil(to.group))
		if err != nil {
			return err
		}
		if err := tx.Must(`INSERT INTO reflection_shares (org_id, reflection_id, membership_id, item_org, item_id, reader_org, reader, team_id, group_id, cohort_id, met_in, shown_name, body, shared_at, lesson_key, reflection_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
			ON CONFLICT (org_id, reflection_id) DO UPDATE SET reader_org = excluded.reader_org, reader = excluded.reader, team_id = excluded.team_id, group_id = excluded.group_id, cohort_id = excluded.cohort_id, met_in = excluded.met_in,
				shown_name = excluded.shown_name, body = excluded.body, shared_at = excluded.shared_at`,
			tx.Scope.Org, which, tx.Scope.Membership, r.ItemOrg, r.Item, to.org, memberOrNil(to.member), anyOrNil(to.team), anyOrNil(to.group), anyOrNil(to.cohort), anyOrNil(to.met), to.shown, r.Body, tx.Now, r.Lesson, r.Key); err != nil {
			return fmt.Errorf("share reflection %s: %w", which, err)
		}
		switch {
		case was:
			return nil
		case !to.group.IsZero():
			return s.tellGroup(tx, to.group, "thought", to.title, "/reflections/"+which.String())
		case !to.member.IsZero():
			return s.tellReader(tx, to, which)
		}
		return nil
	})
}

func anyOrNil(i id.Any) any {
	if i.IsZero() {
		return nil
	}
	return i
}

// sharer is with whom something is shared.
type sharer struct {
	org    id.Org
	member id.Membership // zero for a team, a group and a cohort
	team   id.Any
	group  id.Any // of a step
	cohort id.Any
	title  string // of the group or cohort
	beside id.Org // the other organization of a group; zero for none
	met    id.Any // zero within the organization
	shown  string // the name that another organization sees
}

func (in Sharing) find(tx *db.Tx, r Reflection) (to sharer, bad *errs.Field, err error) {
	to.org = tx.Scope.Org
	switch in.With {
	case ShareColleague:
		who, key, err := findColleague(tx, in.Colleague)
		if err == nil && key != "" {
			bad = &errs.Field{Name: "colleague", Key: key}
		}
		to.member = who
		return to, bad, err
	case ShareTeam:
		team, err := id.Parse[id.Any](in.Team)
		if err != nil {
			return to, &errs.Field{Name: "team", Key: "reflect.fault.team"}, nil //nolint:nilerr // It is said by the field.
		}
		mine, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = $1 AND x.team_id = $2 AND x.membership_id = $3)`, tx.Scope.Org, team, tx.Scope.Membership)
		if err == nil && !mine {
			bad = &errs.Field{Name: "team", Key: "reflect.fault.team"}
		}
		to.team = team
		return to, bad, err
	case ShareGroup:
		return in.circle(tx, r)
	case ShareReader:
		post, err := id.Parse[id.Any](in.Reader)
		if err != nil {
			return to, &errs.Field{Name: "reader", Key: "reflect.fault.reader"}, nil //nolint:nilerr // It is said by the field.
		}
		list, err := db.Rows[readerFound](tx, readersSQL, tx.Scope.Org, r.ItemOrg, r.Item, post)
		if err == nil && len(list) == 0 {
			bad = &errs.Field{Name: "reader", Key: "reflect.fault.reader"}
		}
		if err != nil || bad != nil {
			return to, bad, err
		}
		to.org, to.member, to.met = list[0].Org, list[0].Member, post
		if in.Name && list[0].Meet == "name" {
			to.shown, err = db.Row[string](tx, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
		}
		return to, nil, err
	}
	return to, &errs.Field{Name: "with", Key: "reflect.fault.with"}, nil
}

// TakeReflectionBack keeps an own reflection to its writer again. Repeating it is safe.
func (s *Service) TakeReflectionBack(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM reflection_shares WHERE org_id = $1 AND membership_id = $2 AND reflection_id = $3`, tx.Scope.Org, tx.Scope.Membership, which)
		return err
	})
}

// DropReflection removes an own reflection, and takes back what was shared of it. NotFound for anybody else's.
func (s *Service) DropReflection(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM reflections WHERE org_id = $1 AND membership_id = $2 AND reflection_id = $3`, tx.Scope.Org, tx.Scope.Membership, which)
	})
}

// tellReader mails somebody that a reflection is shared with them: that one is, not what it says.
func (s *Service) tellReader(tx *db.Tx, to sharer, which id.Any) error {
	if s.mail == nil {
		return nil
	}
	who, err := db.Row[struct {
		Name string `db:"name"`
		Org  string `db:"org"`
	}](tx, `SELECT m.name, o.name AS org FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
	if err != nil {
		return err
	}
	where := "here"
	if to.org != tx.Scope.Org {
		where, who.Name = "across", to.shown
	}
	send := func() error {
		list, err := db.Rows[holder](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND m.email <> '' LIMIT 1`, to.org, to.member)
		if err != nil || len(list) == 0 {
			return err
		}
		return s.post(tx, list[0], "reflect.mail."+where, "Name", who.Name, "Org", who.Org, "Link", s.url(list[0].Slug)+"/reflections/"+which.String())
	}
	if to.org == tx.Scope.Org {
		return send()
	}
	return tx.As(scope.Mailer, to.org, send)
}
