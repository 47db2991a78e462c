package courses_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// world is two organizations and a third: vendor publishes and opens "shared" to partner and "open" to everyone; other owns a
// story that it opens to vendor only.
type world struct {
	t                      testing.TB
	db                     *db.DB
	svc                    *courses.Service
	tenants                *tenants.Service
	vendor, partner, other house
}

type house struct {
	org    tenants.Organization
	ctx    context.Context // of the organization's operator
	member context.Context
	m      tenants.Membership
}

func setup(t testing.TB) *world {
	t.Helper()
	return setupOn(t, dbtest.Open(t))
}

func setupOn(t testing.TB, d *db.DB) *world {
	t.Helper()
	store, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: d, tenants: tenants.New(d, "localhost:8080")}
	w.svc = courses.New(courses.Deps{DB: d, Tenants: w.tenants, Blob: store})
	w.vendor, w.partner, w.other = w.house("vendor"), w.house("partner"), w.house("other")
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		for slug, visibility := range map[string]string{"shared": "agreement", "open": "public", "internal": "internal"} {
			if _, err := tenants.PutCollection(tx, tenants.Collection{Slug: slug, Title: slug, Visibility: visibility}); err != nil {
				return err
			}
		}
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: w.partner.org.OrgID, Right: "adapt"})
	})
	return w
}

func (w *world) house(name string) house {
	w.t.Helper()
	org := id.New[id.Org]()
	slug := name + "-" + strings.ReplaceAll(org.String(), "-", "")[20:]
	ctx := dbtest.System(w.t, scope.Operator, org)
	o, err := w.tenants.CreateOrganization(ctx, tenants.NewOrganization{OrgID: org, Slug: slug, Name: name, Short: "Xx", Color: "#2855ad", Locale: "en", SignIn: "email"})
	if err != nil {
		w.t.Fatal(err)
	}
	h := house{org: o, ctx: ctx}
	w.tx(ctx, func(tx *db.Tx) error {
		h.m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Ada " + name, Email: "ada@" + slug + ".example"})
		return err
	})
	h.member = dbtest.As(w.t, org, h.m.MembershipID, h.m.PersonID)
	return h
}

func (w *world) tx(ctx context.Context, fn func(*db.Tx) error) {
	w.t.Helper()
	if err := w.db.Tx(ctx, fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) visitor() context.Context {
	return scope.Enter(w.t.Context(), scope.Scope{Actor: scope.Visitor})
}

const quizSource = "First words.\n\n## Why probes drift\n\nThey drift.\n\n```quiz\ntitle: Check yourself\nquestions:\n" +
	"  - key: one\n    ask: One?\n    choices:\n      - text: No\n        because: Not that.\n      - text: Yes\n        right: true\n        because: Exactly.\n" +
	"  - key: two\n    kind: multiple\n    ask: Two?\n    choices:\n      - text: A\n        right: true\n      - text: B\n        right: true\n      - text: C\n        because: C is wrong.\n```\n\n" +
	"```reflect\nkey: think\nask: Where did you skip it?\n```\n"

func draft(slug string) courses.CourseDraft {
	return courses.CourseDraft{
		Item:    tenants.Item{Title: "The field check", Slug: slug, Summary: "How to check.", Lang: "en"},
		Outcome: "You can check.",
		Lessons: []courses.LessonDraft{
			{Key: "read", Title: "Read", Minutes: 7, Source: "## A\n\nText.\n\n## B\n\nMore."},
			{Key: "answer", Title: "Answer", Minutes: 8, Source: quizSource},
			{Key: "do", Title: "Do", Kind: "practice", Minutes: 10, Source: "Do it."},
		},
	}
}

// course publishes draft(slug) in the vendor's house, in the collections.
func (w *world) course(slug string, collections ...string) tenants.Item {
	w.t.Helper()
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, draft(slug))
		if err != nil {
			return err
		}
		it = p.Item
		return tenants.Collect(tx, it.ItemID, collections...)
	})
	return it
}

// path publishes a path of four steps: a lesson, a course, the other house's story, a lesson.
func (w *world) path(collections ...string) (path, course, story tenants.Item) {
	w.t.Helper()
	course = w.course("in-path", collections...)
	w.tx(w.other.ctx, func(tx *db.Tx) error {
		if _, err := tenants.PutCollection(tx, tenants.Collection{Slug: "stories", Title: "Stories", Visibility: "agreement"}); err != nil {
			return err
		}
		var err error
		story, err = tenants.PutItem(tx, tenants.Item{Kind: "story", Title: "The night", Slug: "the-night", Minutes: 8})
		if err != nil {
			return err
		}
		if err := tenants.PublishItem(tx, story.ItemID, 1, time.Time{}); err != nil {
			return err
		}
		if err := tenants.Collect(tx, story.ItemID, "stories"); err != nil {
			return err
		}
		return tenants.Open(tx, tenants.Grant{Collection: "stories", Viewer: w.vendor.org.OrgID, Right: "adapt"})
	})
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishPath(tx, courses.PathDraft{
			Item: tenants.Item{Title: "Cold chain", Slug: "cold-chain"},
			Steps: []courses.StepDraft{
				{Key: "start", Kind: courses.StepLesson, Lesson: courses.LessonDraft{Title: "Start", Minutes: 5, Source: "Start."}},
				{Key: "check", Kind: courses.StepCourse, Item: course.ItemID},
				{Key: "story", Kind: courses.StepStory, Item: story.ItemID},
				{Key: "end", Kind: courses.StepLesson, Lesson: courses.LessonDraft{Title: "End", Minutes: 5, Source: "End."}},
			},
			Slots: []courses.Slot{{Key: "after-check", After: "check"}},
		})
		if err != nil {
			return err
		}
		path = p.Item
		return tenants.Collect(tx, path.ItemID, collections...)
	})
	return path, course, story
}

func one[T any](ctx context.Context, w *world, q string, args ...any) T {
	w.t.Helper()
	var out T
	w.tx(ctx, func(tx *db.Tx) error {
		var err error
		out, err = db.Row[T](tx, q, args...)
		return err
	})
	return out
}

func TestPublishing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	publish := func(d courses.CourseDraft) courses.Published {
		var p courses.Published
		w.tx(w.vendor.ctx, func(tx *db.Tx) (err error) {
			p, err = courses.PublishCourse(tx, d)
			return err
		})
		return p
	}
	first := publish(draft("versions"))
	if !first.Fresh || first.Version != 1 || first.Item.Minutes != 25 {
		t.Errorf("first: fresh %v, version %d, %d minutes", first.Fresh, first.Version, first.Item.Minutes)
	}
	if again := publish(draft("versions")); again.Fresh || again.Version != 1 || again.Item.ItemID != first.Item.ItemID {
		t.Errorf("the same content made version %d (fresh %v)", again.Version, again.Fresh)
	}
	changed := draft("versions")
	changed.Lessons[0].Source += "\n\nAnd more."
	if second := publish(changed); !second.Fresh || second.Version != 2 {
		t.Errorf("changed content made version %d (fresh %v)", second.Version, second.Fresh)
	}
	for _, q := range []string{`UPDATE versions SET title = 'x' WHERE org_id = $1`, `DELETE FROM versions WHERE org_id = $1`, `UPDATE lessons SET title = 'x' WHERE org_id = $1`} {
		err := w.db.Tx(w.vendor.ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(q, w.vendor.org.OrgID)
			return err
		})
		if err == nil {
			t.Errorf("a published version was changed by %s", q)
		}
	}
}

func TestProgressNeverFallsAndVersionIsPinned(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("pinned", "shared")
	ctx := w.partner.member
	if err := w.svc.Enroll(ctx, it.ItemID, courses.Origin{Kind: courses.OriginSearch}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: "read"}); err != nil {
		t.Fatal(err)
	}
	before, err := w.svc.Course(ctx, it.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		d := draft("pinned")
		d.Lessons = append(d.Lessons, courses.LessonDraft{Key: "new", Title: "New", Source: "New."}, courses.LessonDraft{Key: "newer", Title: "Newer", Source: "Newer."})
		p, err := courses.PublishCourse(tx, d)
		if err == nil && p.Version != 2 {
			err = fmt.Errorf("version %d", p.Version)
		}
		return err
	})
	after, err := w.svc.Course(ctx, it.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(courses.Progress{Done: 1, Total: 3}, before.Progress); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.Progress, after.Progress); diff != "" || after.Version != 1 {
		t.Errorf("a new version changed progress or the pin (version %d):\n%s", after.Version, diff)
	}
	// Somebody who begins now begins version 2.
	fresh, err := w.svc.Course(w.vendor.member, it.ItemID)
	if err != nil || fresh.Version != 2 || fresh.Progress.Total != 5 {
		t.Errorf("a newcomer sees version %d with %d lessons: %v", fresh.Version, fresh.Progress.Total, err)
	}
}

func TestThirdOrganizationsStep(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, course, story := w.path("shared")
	keys := func(v courses.View) (out []string) {
		for _, s := range v.Stations {
			out = append(out, s.Step)
		}
		return out
	}
	vendor, err := w.svc.Path(w.vendor.member, path.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"start", "check", "story", "end"}, keys(vendor)); diff != "" || vendor.Progress.Total != 6 {
		t.Errorf("the publisher sees %d leaves and (-want +got):\n%s", vendor.Progress.Total, diff)
	}
	ctx := w.partner.member
	v, err := w.svc.Path(ctx, path.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"start", "check", "end"}, keys(v)); diff != "" || v.Progress.Total != 5 {
		t.Errorf("without a grant the partner sees %d leaves and (-want +got):\n%s", v.Progress.Total, diff)
	}
	if _, err := w.svc.Lesson(ctx, courses.Place{Item: path.ItemID, Step: "story"}, nil); !errs.Is(err, errs.NotFound) {
		t.Errorf("the step of a third organization opened: %v", err)
	}
	if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: path.ItemID, Step: "story"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("the step of a third organization was completed: %v", err)
	}
	// All that is required is enough.
	w.finishCourse(ctx, path.ItemID, "check")
	for _, step := range []string{"start", "end"} {
		if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: path.ItemID, Step: step}); err != nil {
			t.Fatal(err)
		}
	}
	v, err = w.svc.Path(ctx, path.ItemID)
	if err != nil || v.Finished == nil || v.Progress != (courses.Progress{Done: 5, Total: 5}) {
		t.Errorf("finished %v, progress %v, %v", v.Finished, v.Progress, err)
	}
	// The story's own grant brings it back.
	w.tx(w.other.ctx, func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "stories", Viewer: w.partner.org.OrgID, Right: "use"})
	})
	if l, err := w.svc.Lesson(ctx, courses.Place{Item: path.ItemID, Step: "story"}, nil); err != nil || l.Card == nil || l.Card.ItemID != story.ItemID {
		t.Errorf("with a grant: %v, %v", l.Card, err)
	}
	_ = course
}

func (w *world) finishCourse(ctx context.Context, item id.Item, step string) {
	w.t.Helper()
	for _, l := range []string{"read", "do"} {
		if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: item, Step: step, Lesson: l}); err != nil {
			w.t.Fatal(err)
		}
	}
	p := courses.Place{Item: item, Step: step, Lesson: "answer"}
	if _, err := w.svc.CompleteLesson(ctx, p); !errs.Is(err, errs.Invalid) {
		w.t.Errorf("a lesson with open questions was completed: %v", err)
	}
	for _, g := range []courses.Given{{Question: "one", Choices: []int{0}}, {Question: "two", Choices: []int{0, 1}}} {
		if _, err := w.svc.Answer(ctx, p, g); err != nil {
			w.t.Fatal(err)
		}
	}
}

// A course that somebody does by itself counts in the path that they are in as well, and the other way round.
func TestWhatIsDoneCountsEverywhere(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, course, _ := w.path("shared")
	ctx := w.partner.member
	for _, it := range []tenants.Item{path, course} {
		if err := w.svc.Enroll(ctx, it.ItemID, courses.Origin{}); err != nil {
			t.Fatal(err)
		}
	}
	stands := func(it tenants.Item) string {
		return one[string](w.partner.ctx, w, `SELECT done || '/' || total || ' ' || state FROM enrollments WHERE org_id = $1 AND membership_id = $2 AND item_id = $3`,
			w.partner.org.OrgID, w.partner.m.MembershipID, it.ItemID)
	}
	finish := func(p courses.Place) {
		t.Helper()
		if _, err := w.svc.CompleteLesson(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	finish(courses.Place{Item: path.ItemID, Step: "start"})
	finish(courses.Place{Item: course.ItemID, Lesson: "read"})
	if got := stands(path) + ", " + stands(course); got != "2/5 active, 1/3 active" {
		t.Errorf("after a lesson of the course by itself: %s", got)
	}
	w.finishCourse(ctx, path.ItemID, "check")
	if got := stands(path) + ", " + stands(course); got != "4/5 active, 3/3 completed" {
		t.Errorf("after the course within the path: %s", got)
	}
}

func TestQuiz(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("quiz", "shared")
	ctx, p := w.partner.member, courses.Place{Item: it.ItemID, Lesson: "answer"}
	v, err := w.svc.Lesson(ctx, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range v.Blocks {
		for _, q := range b.Questions {
			for _, c := range q.Choices {
				if c.Right || q.Feedback != "" {
					t.Errorf("question %s tells its answer before it is asked: %+v", q.Key, q)
				}
			}
		}
	}
	tests := []struct {
		name     string
		given    courses.Given
		state    string
		feedback string
		done     bool
	}{
		{"wrong single", courses.Given{Question: "one", Choices: []int{0}}, courses.Wrong, "Not that.", false},
		{"right after all", courses.Given{Question: "one", Choices: []int{1}}, courses.Right, "Exactly.", false},
		{"half of several", courses.Given{Question: "two", Choices: []int{0}}, courses.Wrong, "", true},
		{"one too many", courses.Given{Question: "two", Choices: []int{0, 1, 2}}, courses.Wrong, "C is wrong.", true},
		{"all of several", courses.Given{Question: "two", Choices: []int{1, 0}}, courses.Right, "", true},
	}
	for _, tt := range tests {
		f, err := w.svc.Answer(ctx, p, tt.given)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if f.Question.State != tt.state || f.Question.Feedback != tt.feedback || f.Completed != tt.done {
			t.Errorf("%s: %+v", tt.name, f)
		}
		for i, c := range f.Question.Choices {
			if c.Right && f.Question.State != courses.Right {
				t.Errorf("%s: choice %d is told to be right", tt.name, i)
			}
		}
	}
	for _, bad := range []courses.Given{{Question: "one"}, {Question: "one", Choices: []int{7}}, {Question: "one", Choices: []int{0, 1}}, {Question: "one", Choices: []int{-1}}} {
		if _, err := w.svc.Answer(ctx, p, bad); !errs.Is(err, errs.Invalid) {
			t.Errorf("answer %v: %v", bad, err)
		}
	}
	v, err = w.svc.Lesson(ctx, p, nil)
	if err != nil || !v.Done || v.Open != 0 {
		t.Errorf("after the answers: done %v, open %d, %v", v.Done, v.Open, err)
	}
	// Answers are the person's own: a colleague sees none of them.
	colleague := w.colleague(w.partner)
	if v, err := w.svc.Lesson(colleague, p, nil); err != nil || v.Open != 2 {
		t.Errorf("a colleague has %d open questions: %v", v.Open, err)
	}
}

func (w *world) colleague(h house) context.Context {
	w.t.Helper()
	var m tenants.Membership
	w.tx(h.ctx, func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Bo", Email: id.New[id.Any]().String() + "@x.example"})
		return err
	})
	return dbtest.As(w.t, h.org.OrgID, m.MembershipID, m.PersonID)
}

func TestCompletionAtTheSameTimeHappensOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("once", "shared")
	ctx := w.partner.member
	if err := w.svc.Enroll(ctx, it.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			// Every third finishes another lesson, so that two recomputations meet.
			lesson := "read"
			if i%3 == 0 {
				lesson = "do"
			}
			if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: lesson}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for what, q := range map[string]string{
		"statements": `SELECT count(*)::int FROM statements WHERE org_id = $1 AND membership_id = $2 AND verb = 'completed'`,
		"progress":   `SELECT done FROM enrollments WHERE org_id = $1 AND membership_id = $2`,
	} {
		if n := one[int](w.partner.ctx, w, q, w.partner.org.OrgID, w.partner.m.MembershipID); n != 2 {
			t.Errorf("%s: %d, want 2", what, n)
		}
	}
	relay := dbtest.System(t, scope.Relay, id.Org{})
	if n := one[int](relay, w, `SELECT count(*)::int FROM outbox WHERE org_id = $1 AND kind = 'courses.lesson_completed'`, w.partner.org.OrgID); n != 2 {
		t.Errorf("events: %d, want 2", n)
	}
}

// TestDifferentLessonsAtTheSameTimeAllCount holds the lock in recompute: without it, the last writer counts what it saw.
func TestDifferentLessonsAtTheSameTimeAllCount(t *testing.T) {
	t.Parallel()
	w := setup(t)
	d := courses.CourseDraft{Item: tenants.Item{Title: "Many", Slug: "many"}}
	for i := range 16 {
		d.Lessons = append(d.Lessons, courses.LessonDraft{Key: fmt.Sprintf("l%d", i), Title: "L", Source: "x"})
	}
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, d)
		it = p.Item
		return err
	})
	ctx := w.vendor.member
	if err := w.svc.Enroll(ctx, it.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, l := range d.Lessons {
		wg.Go(func() {
			if _, err := w.svc.CompleteLesson(ctx, courses.Place{Item: it.ItemID, Lesson: l.Key}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := one[string](w.vendor.ctx, w, `SELECT done || '/' || total || ' ' || state FROM enrollments WHERE org_id = $1 AND membership_id = $2`, w.vendor.org.OrgID, w.vendor.m.MembershipID); got != "16/16 completed" {
		t.Errorf("progress is %s", got)
	}
}

func TestPlaceFollowsToAnotherDevice(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, course, _ := w.path("shared")
	ctx := w.partner.member
	if err := w.svc.Enroll(ctx, path.ItemID, courses.Origin{}); err != nil {
		t.Fatal(err)
	}
	p := courses.Place{Item: path.ItemID, Step: "check", Lesson: "answer"}
	if err := w.svc.OpenLesson(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.SavePlace(ctx, p, "quiz-check-yourself"); err != nil {
		t.Fatal(err)
	}
	// Opening it again, from a second session of the same membership, keeps the part.
	second := dbtest.As(t, w.partner.org.OrgID, w.partner.m.MembershipID, w.partner.m.PersonID)
	if err := w.svc.OpenLesson(second, p); err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Path(second, path.ItemID)
	if err != nil || v.Next == nil || v.Next.Step != "check" {
		t.Fatalf("next is %+v, %v", v.Next, err)
	}
	l, err := w.svc.Lesson(second, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range l.Parts {
		if part.Now != (part.Key == "quiz-check-yourself") {
			t.Errorf("part %+v", part)
		}
	}
	home, err := w.svc.HomeData(second)
	if err != nil || home.Current == nil || home.Current.Item.ItemID != path.ItemID || home.Current.Next.Step != "check" || home.Current.At != "Check yourself" {
		t.Errorf("home: %+v, %v", home.Current, err)
	}
	_ = course
}

func TestReflectionsArePrivate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("reflect", "shared")
	ctx, p := w.partner.member, courses.Place{Item: it.ItemID, Lesson: "answer"}
	for i, text := range []string{"At forty seconds.", "At fifty seconds."} {
		if _, err := w.svc.Reflect(ctx, p, "think", courses.Thought{Text: text, Edition: i}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.svc.Reflect(ctx, p, "nothing", courses.Thought{Text: "x"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a reflection that nobody asked for: %v", err)
	}
	if _, err := w.svc.Reflect(ctx, p, "think", courses.Thought{Text: strings.Repeat("x", 10001)}); !errs.Is(err, errs.Invalid) {
		t.Errorf("a long reflection: %v", err)
	}
	body := func(ctx context.Context) string {
		v, err := w.svc.Lesson(ctx, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range v.Blocks {
			if b.Kind == "reflect" {
				return b.Body
			}
		}
		return "no block"
	}
	if got := body(ctx); got != "At fifty seconds." {
		t.Errorf("own reflection: %q", got)
	}
	if got := body(w.colleague(w.partner)); got != "" {
		t.Errorf("a colleague reads %q", got)
	}
	if n := one[int](w.partner.ctx, w, `SELECT count(*)::int FROM reflections WHERE org_id = $1`, w.partner.org.OrgID); n != 0 {
		t.Errorf("the organization's operator reads %d reflections", n)
	}
}

func TestForeignIsNotFound(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, course, _ := w.path("internal")
	place := courses.Place{Item: path.ItemID, Step: "start"}
	lesson := courses.Place{Item: course.ItemID, Lesson: "read"}
	for name, ctx := range map[string]context.Context{"partner": w.partner.member, "other": w.other.member, "visitor": w.visitor()} {
		visit, _, err := w.svc.Visit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		calls := map[string]func() error{
			"Path":   func() error { _, err := w.svc.Path(ctx, path.ItemID); return err },
			"Course": func() error { _, err := w.svc.Course(ctx, course.ItemID); return err },
			"Lesson": func() error { _, err := w.svc.Lesson(ctx, lesson, nil); return err },
			"Step":   func() error { _, err := w.svc.Lesson(ctx, place, nil); return err },
			"Start":  func() error { return w.svc.Start(visit, path.ItemID, courses.Origin{}) },
			"Complete": func() error {
				_, err := w.svc.CompleteLesson(visit, place)
				return err
			},
			"Answer": func() error {
				_, err := w.svc.Answer(visit, lesson, courses.Given{Question: "one", Choices: []int{1}})
				return err
			},
			"Place": func() error { return w.svc.SavePlace(visit, place, "") },
		}
		if name != "visitor" {
			calls["Enroll"] = func() error { return w.svc.Enroll(ctx, path.ItemID, courses.Origin{}) }
			calls["Open"] = func() error { return w.svc.OpenLesson(ctx, place) }
			calls["Reflect"] = func() error { _, err := w.svc.Reflect(ctx, lesson, "think", courses.Thought{Text: "x"}); return err }
			calls["CompleteItem"] = func() error { return w.svc.CompleteItem(ctx, path.ItemID) }
		}
		for what, call := range calls {
			if err := call(); !errs.Is(err, errs.NotFound) {
				t.Errorf("%s by %s: %v", what, name, err)
			}
		}
		missing, _ := w.svc.Path(ctx, id.New[id.Item]())
		if missing.Item.Title != "" {
			t.Errorf("%s: a missing path has a title", name)
		}
		learn, err := w.svc.Learn(ctx, courses.LearnFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range learn.Cards {
			if c.Item.ItemID == path.ItemID || c.Item.ItemID == course.ItemID {
				t.Errorf("%s finds %s in the library", name, c.Item.Title)
			}
		}
	}
}

func TestVisitorKeepsProgress(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _, _ := w.path("open")
	ctx, token, err := w.svc.Visit(w.visitor())
	if err != nil || token == "" {
		t.Fatal(token, err)
	}
	if err := w.svc.Start(ctx, path.ItemID, courses.Origin{Kind: courses.OriginStory, Ref: "a-story"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Claim(w.visitor()); !errs.Is(err, errs.NotFound) {
		t.Errorf("a visitor without progress got a code: %v", err)
	}
	for _, p := range []courses.Place{{Item: path.ItemID, Step: "start"}, {Item: path.ItemID, Step: "check", Lesson: "read"}} {
		if _, err := w.svc.CompleteLesson(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.svc.Answer(ctx, courses.Place{Item: path.ItemID, Step: "check", Lesson: "answer"}, courses.Given{Question: "one", Choices: []int{1}})
	if err != nil || f.Question.State != courses.Right {
		t.Errorf("a visitor's answer: %+v, %v", f, err)
	}
	// The browser comes back with its token.
	back, err := w.svc.Visitor(w.visitor(), token)
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Path(back, path.ItemID)
	if err != nil || v.Progress != (courses.Progress{Done: 2, Total: 5}) || !v.Started {
		t.Errorf("on coming back: %+v, %v", v.Progress, err)
	}
	stranger, err := w.svc.Visitor(w.visitor(), "a guess")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := w.svc.Path(stranger, path.ItemID); err != nil || v.Progress.Done != 0 {
		t.Errorf("another browser: %+v, %v", v.Progress, err)
	}
	code, err := w.svc.Claim(back)
	if err != nil {
		t.Fatal(err)
	}
	// A visitor cannot keep anything, and looking changes nothing.
	if _, err := w.svc.Keep(back, code); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("a visitor kept: %v", err)
	}
	for range 2 {
		kept, err := w.svc.Claimed(w.partner.member, code)
		if err != nil || len(kept) != 2 {
			t.Errorf("what would be kept: %+v, %v", kept, err)
		}
	}
	items, err := w.svc.Keep(w.partner.member, code)
	if err != nil || len(items) != 1 || items[0] != path.ItemID {
		t.Fatalf("kept %v, %v", items, err)
	}
	v, err = w.svc.Path(w.partner.member, path.ItemID)
	if err != nil || v.Progress != (courses.Progress{Done: 2, Total: 5}) {
		t.Errorf("the member has %+v, %v", v.Progress, err)
	}
	if origin := one[string](w.partner.ctx, w, `SELECT origin || ' ' || origin_ref FROM enrollments WHERE org_id = $1`, w.partner.org.OrgID); origin != "story a-story" {
		t.Errorf("origin %q", origin)
	}
	if n := one[int](w.partner.member, w, `SELECT count(*)::int FROM attempts WHERE org_id = $1`, w.partner.org.OrgID); n != 0 {
		t.Errorf("%d attempts became evidence", n)
	}
	for name, call := range map[string]func() error{
		"looking again": func() error { _, err := w.svc.Claimed(w.partner.member, code); return err },
		"keeping again": func() error { _, err := w.svc.Keep(w.other.member, code); return err },
		"a guess":       func() error { _, err := w.svc.Keep(w.other.member, "GUESS"); return err },
		"nothing":       func() error { _, err := w.svc.Keep(w.other.member, ""); return err },
	} {
		if err := call(); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAdditionsAreTheAdoptersOwn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _, _ := w.path("shared")
	put := func(ctx context.Context, slot string) error {
		return w.db.Tx(ctx, func(tx *db.Tx) error {
			return courses.PutAdditions(tx, courses.Additions{
				PathID: path.ItemID, Proposition: "We get you through the audit.", Notes: []courses.Note{{Step: "start", Source: "Bring **ice**."}},
				Steps: []courses.OwnStep{{Slot: slot, Title: "Say it to a buyer", Minutes: 15, Source: "## Two minutes\n\nTalk."}},
			})
		})
	}
	if err := put(w.partner.ctx, "nowhere"); !errs.Is(err, errs.Invalid) {
		t.Errorf("a step without a slot: %v", err)
	}
	if err := put(w.other.ctx, "after-check"); !errs.Is(err, errs.NotFound) {
		t.Errorf("additions to a path that may not be seen: %v", err)
	}
	if err := put(w.partner.ctx, "after-check"); err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Path(w.partner.member, path.ItemID)
	if err != nil || v.Additions == nil || len(v.Stations) != 4 || !v.Stations[2].Own || v.Progress.Total != 5 {
		t.Fatalf("the adopter sees %+v, %v", v.Stations, err)
	}
	if v, err := w.svc.Path(w.vendor.member, path.ItemID); err != nil || v.Additions != nil || len(v.Stations) != 4 || v.Stations[2].Own {
		t.Errorf("the publisher sees additions: %+v, %v", v.Additions, err)
	}
	own := courses.Place{Item: path.ItemID, Step: "say-it-to-a-buyer"}
	if l, err := w.svc.Lesson(w.partner.member, own, nil); err != nil || !l.Own || len(l.Blocks) != 1 || l.Number != 3 {
		t.Errorf("own step: %+v, %v", l.Number, err)
	}
	if l, err := w.svc.Lesson(w.partner.member, courses.Place{Item: path.ItemID, Step: "start"}, nil); err != nil || !strings.Contains(l.Note, "<strong>ice</strong>") {
		t.Errorf("note %q, %v", l.Note, err)
	}
	if _, err := w.svc.CompleteLesson(w.partner.member, own); err != nil {
		t.Fatal(err)
	}
	v, err = w.svc.Path(w.partner.member, path.ItemID)
	if err != nil || !v.Stations[2].Done || v.Progress.Done != 0 {
		t.Errorf("after the own step: %+v, %v", v.Progress, err)
	}
	for name, ctx := range map[string]context.Context{"vendor": w.vendor.member, "visitor": w.visitor()} {
		if _, err := w.svc.Lesson(ctx, own, nil); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s reads the own step: %v", name, err)
		}
	}
}

func TestPagesReadOneBatch(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path, _, _ := w.path("shared")
	for name, call := range map[string]func(context.Context) error{
		"path": func(ctx context.Context) error { _, err := w.svc.Path(ctx, path.ItemID); return err },
		"lesson": func(ctx context.Context) error {
			_, err := w.svc.Lesson(ctx, courses.Place{Item: path.ItemID, Step: "check"}, nil)
			return err
		},
		"learn": func(ctx context.Context) error { _, err := w.svc.Learn(ctx, courses.LearnFilter{}); return err },
		"home":  func(ctx context.Context) error { _, err := w.svc.HomeData(ctx); return err },
	} {
		// The names of organizations are cached after the first page.
		if err := call(w.partner.member); err != nil {
			t.Fatal(name, err)
		}
		ctx, n := db.WithCounter(w.partner.member)
		if err := call(ctx); err != nil {
			t.Fatal(name, err)
		}
		// BEGIN, settings and COMMIT are three of them.
		if n.Statements() > 11 {
			t.Errorf("%s sends %d statements", name, n.Statements()-3)
		}
	}
}
