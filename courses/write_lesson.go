package courses

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// WriteCheck is something that is looked at before a course or path is published.
type WriteCheck struct {
	Key    string // head, lessons, empty, readable, alt, captions, practise, story, feedback, length; of a path steps, closed and rules, too; review where colleagues read it
	OK     bool
	Blocks bool   // publishing waits for it
	Count  int    // how often it is not so
	Lesson string // the first lesson that it is about; "" for the whole
	Step   string // the first step of a path that it is about
	Title  string // of the lesson
	Found  string // what stands there, of the first
	Line   int    // in the lesson's text, from 1; 0 for the whole
}

// longLesson is from how many minutes on a lesson is better two.
const longLesson = 20

// bare is a picture that nothing is said of.
var bare = regexp.MustCompile(`!\[\s*\]\(`)

// storyWords are enough to say how it was before, or what came of it.
const storyWords = 12

// untold is the line of the first thing that somebody tells in a text with no situation before it, or no result after the last one, from 1; 0
// where nothing is told, or nothing is missing. Somebody tells something where they are quoted, and where a story is led to. Something to try, to
// think about or to do is a result as well.
func untold(source string) int {
	lines := strings.Split(source, "\n")
	first, last, fence, alert := -1, 0, false, false
	for i, l := range lines {
		quoted := strings.HasPrefix(l, ">")
		alert = quoted && (alert || strings.HasPrefix(l, "> [!"))
		switch {
		case strings.HasPrefix(l, "```"):
			fence = !fence
		case !fence && (quoted && !alert || strings.Contains(l, "](/story/")):
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return 0
	}
	said := func(l []string) bool {
		return len(strings.Fields(markdown.Plain(strings.Join(l, "\n")))) >= storyWords
	}
	after := lines[last+1:]
	if said(lines[:first]) && (said(after) || slices.ContainsFunc(after, func(l string) bool { return strings.HasPrefix(l, "```") })) {
		return 0
	}
	return first + 1
}

// blocking are the checks that publishing waits for.
var blocking = []string{"head", "lessons", "steps", "closed", "rules", "empty", "readable"} //nolint:gochecknoglobals // A constant list.

// look fills the minutes, the steps and the checks.
func (v *ManuscriptView) look(items []tenants.Item) {
	keys := []string{"head", "lessons", "empty", "readable", "captions", "alt", "feedback", "practise", "story", "length"}
	if v.Kind == tenants.KindPath {
		keys = slices.Concat([]string{"head", "steps", "closed", "rules"}, keys[2:])
	}
	checks := map[string]*WriteCheck{}
	for _, k := range keys {
		v.Checks = append(v.Checks, WriteCheck{Key: k, OK: true, Blocks: slices.Contains(blocking, k)})
	}
	for i := range v.Checks {
		checks[v.Checks[i].Key] = &v.Checks[i]
	}
	fail := func(key string, l ManuscriptLesson, found string, line int) {
		c := checks[key]
		if c.OK {
			c.OK, c.Lesson, c.Title, c.Found, c.Line = false, l.Key, l.Title, found, line
		}
		c.Count++
	}
	none := ManuscriptLesson{}
	if strings.TrimSpace(v.Summary) == "" || strings.TrimSpace(v.Outcome) == "" {
		fail("head", none, "", 0)
	}
	if len(v.Lessons) == 0 && v.Kind != tenants.KindPath {
		fail("lessons", none, "", 0)
	}
	v.Minutes = map[string]int{}
	// Courses have something to practise of their own.
	practise := slices.ContainsFunc(v.Plan.Steps, func(s PlanStep) bool { return s.Kind == StepCourse })
	p := v.press()
	for _, l := range v.Lessons {
		if v.Kind == tenants.KindPath && v.Plan.step(l.Key) < 0 {
			continue // Taken out.
		}
		if strings.TrimSpace(l.Source) == "" {
			fail("empty", l, "", 0)
		}
		blocks, problems := p.read(l)
		for _, b := range problems {
			fail("readable", l, b.Found, b.Line)
		}
		v.Minutes[l.Key] = lessonMinutes(l.Minutes, markdown.Plain(l.Source))
		if v.Minutes[l.Key] > longLesson && !slices.ContainsFunc(blocks, markdown.Block.Meets) { // An hour together is no long read.
			fail("length", l, strconv.Itoa(v.Minutes[l.Key]), 0)
		}
		for range bare.FindAllString(l.Source, -1) {
			fail("alt", l, "", lineWith(l.Source, bare.FindString(l.Source)))
		}
		if line := untold(l.Source); line > 0 {
			fail("story", l, "", line)
		}
		practise = practise || l.Kind == "practice"
		for _, b := range blocks {
			practise = practise || b.Kind == markdown.Reflect || b.Kind == markdown.Try || b.Kind == markdown.Task || b.Kind == markdown.Steps || b.Meets()
			if b.Kind == markdown.Video && b.Captions == "" {
				fail("captions", l, b.Title, b.Line)
			}
			for _, q := range b.Questions {
				if q.Hint == "" && (!q.Chosen() || slices.ContainsFunc(q.Choices, func(c markdown.Choice) bool { return !c.Right && c.Because == "" })) {
					fail("feedback", l, q.Ask, b.Line)
				}
			}
		}
	}
	if !practise && len(v.Lessons) > 0 {
		fail("practise", none, "", 0)
	}
	v.lookReviews()
	if v.Kind == tenants.KindPath {
		v.rows(items)
		v.lookPath(func(key string, s PlanRow, found string) {
			if c := checks[key]; c.OK {
				c.Step, c.Title = s.Key, s.Shown
			}
			fail(key, ManuscriptLesson{Title: s.Shown}, found, 0)
		})
	}
}

// FilesAt is the address of a manuscript's files; it ends with a slash.
func FilesAt(item id.Item) string { return "/publish/" + item.String() + "/files/" }

// press reads lessons as publishing would.
func (v *ManuscriptView) press() *press {
	p := &press{
		lang: v.Lang, keys: map[string]bool{}, files: map[string]FileDraft{}, used: map[string]bool{}, pages: map[string]string{}, at: FilesAt(v.Item), frames: v.Frames,
		item: tenants.Item{ItemID: v.Item, Kind: v.Kind, Slug: v.Slug},
	}
	for _, f := range v.Files {
		p.files[f.Name] = f
	}
	for _, l := range v.Lessons {
		if l.Name != "" && v.Kind != tenants.KindPath {
			p.pages[l.Name] = l.Key
		}
	}
	return p
}

// read is what publishing would make of a lesson's text, and what it could not take.
func (p *press) read(l ManuscriptLesson) ([]markdown.Block, []LessonProblem) {
	p.problems = nil
	return p.split(l.Key, l.Name, l.Source, l.Lang), p.problems
}

// LessonDesk is a lesson of a manuscript while it is written.
type LessonDesk struct {
	ManuscriptView
	Lesson   ManuscriptLesson
	Segments []markdown.Segment
	Preview  []BlockView
	Problems []LessonProblem
}

// WriteLesson returns a lesson of a manuscript. NotFound if there is none.
func (s *Service) WriteLesson(ctx context.Context, item id.Item, key string) (LessonDesk, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return LessonDesk{}, err
	}
	m, err := s.Manuscript(ctx, item)
	if err != nil {
		return LessonDesk{}, err
	}
	i := slices.IndexFunc(m.Lessons, func(l ManuscriptLesson) bool { return l.Key == key })
	if i < 0 {
		return LessonDesk{}, errs.New(errs.NotFound, "no lesson %q in the manuscript of %s", key, item)
	}
	return m.desk(m.Lessons[i]), nil
}

func (v ManuscriptView) desk(l ManuscriptLesson) LessonDesk {
	d := LessonDesk{ManuscriptView: v, Lesson: l, Segments: markdown.Segments(l.Source)}
	list, problems := v.press().read(l)
	d.Preview, d.Problems = blocks(list, "", nil, nil), problems
	allow(d.Preview, func(host string) bool { return slices.Contains(v.Frames, host) })
	return d
}

// With is the desk with other words, which are not saved.
func (d LessonDesk) With(l ManuscriptLesson) LessonDesk {
	d.Lesson.Title, d.Lesson.Kind, d.Lesson.Minutes, d.Lesson.Source = l.Title, l.Kind, l.Minutes, l.Source
	return d.desk(d.Lesson)
}

// SaveLesson changes a lesson of a manuscript and returns its edition. Conflict if somebody changed it since l.Edition: nothing is saved
// then. Invalid without a title or with a text that is too long.
func (s *Service) SaveLesson(ctx context.Context, item id.Item, l ManuscriptLesson) (edition int, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return 0, err
	}
	l.Title = strings.TrimSpace(l.Title)
	var f []errs.Field
	if l.Title == "" || len([]rune(l.Title)) > 200 {
		f = append(f, errs.Field{Name: "title", Key: "write.fault.lesson_title"})
	}
	if len(l.Source) > markdown.MaxSource {
		f = append(f, errs.Field{Name: "source", Key: "write.fault.source"})
	}
	if l.Minutes < 0 || l.Minutes > 600 {
		f = append(f, errs.Field{Name: "minutes", Key: "write.fault.minutes"})
	}
	if len(f) > 0 {
		return 0, errs.Fields(f...)
	}
	if !slices.Contains([]string{"lesson", "practice", "check"}, l.Kind) {
		l.Kind = "lesson"
	}
	err = s.manuscript(ctx, item, func(tx *db.Tx, _ Manuscript) error {
		was, err := db.Row[ManuscriptLesson](tx, manuscriptLessonSQL+` AND l.key = $3 AND l.removed_at IS NULL`, tx.Scope.Org, item, l.Key)
		if err != nil {
			return fmt.Errorf("lesson %q: %w", l.Key, err)
		}
		if edition = was.Edition; was.Title == l.Title && was.Kind == l.Kind && was.Minutes == l.Minutes && was.Source == l.Source {
			return nil
		}
		// One's own words of a moment ago, whose answer the browser did not wait for, are nobody else's.
		own := was.By == tx.Scope.Membership && was.Edition == l.Edition+1 && tx.Now.Sub(was.SavedAt) < 10*time.Second
		if was.Edition != l.Edition && !own {
			return errs.Say(errs.Conflict, "write.fault.conflict", "Name", was.SavedBy)
		}
		edition++
		if err := tx.Must(`UPDATE draft_lessons SET title = $4, kind = $5, minutes = $6, source = $7, edition = $8, saved_by = $9, saved_at = $10 WHERE org_id = $1 AND item_id = $2 AND key = $3`,
			tx.Scope.Org, item, l.Key, l.Title, l.Kind, l.Minutes, l.Source, edition, memberOrNil(tx.Scope.Membership), tx.Now); err != nil {
			return err
		}
		return touch(tx, item)
	})
	return edition, err
}

// AddLesson adds a lesson at the end of a module, or of the course, and returns its key. Invalid without a title.
func (s *Service) AddLesson(ctx context.Context, item id.Item, module, title, source string) (key string, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return "", err
	}
	title, module = strings.TrimSpace(title), strings.TrimSpace(module)
	if title == "" || len([]rune(title)) > 200 || len([]rune(module)) > 200 {
		return "", errs.Fields(errs.Field{Name: "lesson", Key: "write.fault.lesson_title"})
	}
	err = s.ordered(ctx, item, func(tx *db.Tx, list []placed) ([]placed, error) {
		if len(list) >= lessonsMost {
			return nil, errs.Say(errs.Invalid, "write.fault.many", "Most", lessonsMost)
		}
		taken, err := db.Rows[string](tx, `SELECT l.key FROM draft_lessons l WHERE l.org_id = $1 AND l.item_id = $2 LIMIT 2000`, tx.Scope.Org, item)
		if err != nil {
			return nil, err
		}
		base := tenants.Slugify(title)
		key = base
		for n := 2; slices.Contains(taken, key); n++ {
			key = base + "-" + strconv.Itoa(n)
		}
		if err := tx.Must(`INSERT INTO draft_lessons (org_id, item_id, key, position, module, title, source, saved_by, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			tx.Scope.Org, item, key, len(list), module, title, source, memberOrNil(tx.Scope.Membership), tx.Now); err != nil {
			return nil, err
		}
		at := len(list)
		for i, l := range list {
			if l.Module == module {
				at = i + 1
			}
		}
		return slices.Insert(list, at, placed{key, module}), nil
	})
	return key, err
}

// MoveLesson moves a lesson by one place; at the edge of its module it becomes the next module's.
func (s *Service) MoveLesson(ctx context.Context, item id.Item, key string, up bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.ordered(ctx, item, func(_ *db.Tx, list []placed) ([]placed, error) {
		i := slices.IndexFunc(list, func(l placed) bool { return l.Key == key })
		j := i + 1
		if up {
			j = i - 1
		}
		switch {
		case i < 0:
			return nil, errs.New(errs.NotFound, "lesson %q", key)
		case j < 0 || j >= len(list):
		case list[i].Module != list[j].Module:
			list[i].Module = list[j].Module
		default:
			list[i], list[j] = list[j], list[i]
		}
		return list, nil
	})
}

// PlaceLesson puts a lesson before or behind another one, into its module. NotFound for a lesson that is not there.
func (s *Service) PlaceLesson(ctx context.Context, item id.Item, key, at string, behind bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.ordered(ctx, item, func(_ *db.Tx, list []placed) ([]placed, error) {
		i := slices.IndexFunc(list, func(l placed) bool { return l.Key == key })
		j := slices.IndexFunc(list, func(l placed) bool { return l.Key == at })
		if i < 0 || j < 0 {
			return nil, errs.New(errs.NotFound, "lesson %q at %q", key, at)
		}
		list[i].Module = list[j].Module
		return placeAt(list, i, j, behind), nil
	})
}

// RenameModule changes the title of a module; lessons of two modules with the same title stand together.
func (s *Service) RenameModule(ctx context.Context, item id.Item, from, to string) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	if to = strings.TrimSpace(to); len([]rune(to)) > 200 {
		return errs.Fields(errs.Field{Name: "module", Key: "write.fault.long", Args: []any{"Most", 200}})
	}
	return s.ordered(ctx, item, func(_ *db.Tx, list []placed) ([]placed, error) {
		for i := range list {
			if list[i].Module == from {
				list[i].Module = to
			}
		}
		return list, nil
	})
}

// RemoveLesson takes a lesson out of the manuscript, or with back puts one in again at the end of its module.
func (s *Service) RemoveLesson(ctx context.Context, item id.Item, key string, back bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.ordered(ctx, item, func(tx *db.Tx, list []placed) ([]placed, error) {
		module, err := db.Row[string](tx, `UPDATE draft_lessons SET removed_at = CASE WHEN $4 THEN NULL ELSE $5::timestamptz END WHERE org_id = $1 AND item_id = $2 AND key = $3 AND (removed_at IS NOT NULL) = $4 RETURNING module`,
			tx.Scope.Org, item, key, back, tx.Now)
		if err != nil {
			return nil, fmt.Errorf("lesson %q: %w", key, err)
		}
		if !back {
			return slices.DeleteFunc(list, func(l placed) bool { return l.Key == key }), nil
		}
		return append(list, placed{key, module}), nil
	})
}

// placed is a lesson where it stands.
type placed struct {
	Key    string `db:"key"`
	Module string `db:"module"`
}

// ordered changes the order of a manuscript's lessons: lessons of one module stand together, where the module's first one stands.
func (s *Service) ordered(ctx context.Context, item id.Item, fn func(*db.Tx, []placed) ([]placed, error)) error {
	return s.manuscript(ctx, item, func(tx *db.Tx, m Manuscript) error {
		if m.Kind != tenants.KindCourse {
			return errs.New(errs.NotFound, "lessons of the %s %s", m.Kind, item)
		}
		list, err := db.Rows[placed](tx, `SELECT l.key, l.module FROM draft_lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.removed_at IS NULL ORDER BY l.position, l.key LIMIT 1000`, tx.Scope.Org, item)
		if err != nil {
			return err
		}
		if list, err = fn(tx, list); err != nil {
			return err
		}
		var modules, keys, of []string
		for _, l := range list {
			if !slices.Contains(modules, l.Module) {
				modules = append(modules, l.Module)
			}
		}
		for _, m := range modules {
			for _, l := range list {
				if l.Module == m {
					keys, of = append(keys, l.Key), append(of, m)
				}
			}
		}
		if _, err := tx.Exec(`UPDATE draft_lessons l SET position = o.n, module = o.module FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS o(key, module, n) WHERE l.org_id = $1 AND l.item_id = $2 AND l.key = o.key`,
			tx.Scope.Org, item, keys, of); err != nil {
			return err
		}
		return touch(tx, item)
	})
}

// AddFile keeps a file for a manuscript and returns it with the name under which lessons show it: a free one, like the given. Invalid for
// a kind that is not taken or content that is not what its name says; TooLarge beyond the limit of its kind or the organization's quota.
func (s *Service) AddFile(ctx context.Context, item id.Item, name string, r io.Reader) (FileDraft, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return FileDraft{}, err
	}
	ext := strings.ToLower(path.Ext(name))
	stem := tenants.Slugify(strings.TrimSuffix(path.Base(strings.ReplaceAll(name, `\`, "/")), path.Ext(name)))
	media, limit := mediaType(ext)
	if media == "" {
		return FileDraft{}, errs.Fields(errs.Field{Name: "file", Key: "write.fault.file_kind", Args: []any{"Kind", strings.TrimPrefix(ext, ".")}})
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return FileDraft{}, fmt.Errorf("read upload: %w", err)
	}
	if !matches(media, head[:n]) {
		return FileDraft{}, errs.Fields(errs.Field{Name: "file", Key: "write.fault.file_content", Args: []any{"Kind", strings.TrimPrefix(ext, ".")}})
	}
	f := FileDraft{MediaType: media}
	if f.Sum, f.Size, err = s.blob.Put(ctx, io.MultiReader(bytes.NewReader(head[:n]), r), limit); errs.Is(err, errs.TooLarge) {
		return FileDraft{}, errs.Fields(errs.Field{Name: "file", Key: "write.fault.file_large", Args: []any{"Most", int(limit >> 20)}})
	} else if err != nil {
		return FileDraft{}, fmt.Errorf("store upload: %w", err)
	}
	err = s.manuscript(ctx, item, func(tx *db.Tx, _ Manuscript) error {
		taken, err := db.Rows[string](tx, `SELECT f.name FROM draft_files f WHERE f.org_id = $1 AND f.item_id = $2 LIMIT 2000`, tx.Scope.Org, item)
		if err != nil {
			return err
		}
		f.Name = stem + ext
		for n := 2; slices.Contains(taken, f.Name); n++ {
			f.Name = stem + "-" + strconv.Itoa(n) + ext
		}
		if err := tx.Must(`INSERT INTO draft_files (org_id, item_id, name, sha256, media_type, size, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`, tx.Scope.Org, item, f.Name, f.Sum[:], f.MediaType, f.Size, tx.Now); err != nil {
			return err
		}
		return tenants.RoomForFiles(tx)
	})
	return f, s.kept(ctx, err, []FileDraft{f})
}

// DraftFile opens a file of a manuscript for its authors and for colleagues who were asked to read it; anything else is NotFound. The
// caller closes its content.
func (s *Service) DraftFile(ctx context.Context, item id.Item, name string) (File, error) {
	if err := authz.Check(ctx, authz.Review, id.Org{}); err != nil {
		return File{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return File{}, err
	}
	var row draftFileRow
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &row, &found, `SELECT f.name, f.sha256, f.media_type, f.size FROM draft_files f WHERE f.org_id = $1 AND f.item_id = $2 AND f.name = $3
			AND ($4 OR EXISTS (SELECT 1 FROM reviews r WHERE r.org_id = f.org_id AND r.item_id = f.item_id AND r.membership_id = $5))`, sc.Org, item, name, authz.Allowed(sc, authz.Author, id.Org{}), sc.Membership)
	}); err != nil {
		return File{}, err
	}
	if !found {
		return File{}, errs.New(errs.NotFound, "file %q of the manuscript of %s", name, item)
	}
	content, err := s.blob.Open(ctx, [32]byte(row.Sum))
	if err != nil {
		return File{}, err
	}
	return File{Name: path.Base(row.Name), MediaType: row.MediaType, Size: row.Size, Sum: row.Sum, Content: content}, nil
}
