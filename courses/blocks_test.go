package courses_test

import (
	"context"
	"slices"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/tenants"
)

const listSource = "## Before\n\nWords.\n\n```steps\nkey: bath\ntitle: The ice bath\nsteps:\n  - Crush the *ice*\n  - Wait two minutes\n```\n"

// Ticks are kept for whoever made them, over versions, and for nobody else.
func TestTicks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.lessonOf("list", listSource)
	ctx := w.partner.member
	if _, err := w.svc.Tick(ctx, p, "none", []string{"wait-two-minutes"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("ticked in a list that is none: %v", err)
	}
	if _, err := w.svc.Tick(w.other.member, p, "bath", []string{"wait-two-minutes"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("ticked by another organization: %v", err)
	}
	if _, err := w.svc.Tick(w.visitor(), p, "bath", []string{"wait-two-minutes"}); err == nil {
		t.Error("a visitor's ticks are kept")
	}
	if _, err := w.svc.Tick(ctx, p, "bath", []string{"wait-two-minutes", "Not a key", "wait-two-minutes", "gone"}); err != nil {
		t.Fatal(err)
	}
	ticks := func(ctx context.Context) (out []bool) {
		t.Helper()
		v, err := w.svc.Lesson(ctx, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range v.Blocks[1].Steps {
			out = append(out, s.Done)
		}
		return out
	}
	if got := ticks(ctx); !slices.Equal(got, []bool{false, true}) {
		t.Errorf("kept: %v", got)
	}
	if got := ticks(w.colleague(w.partner)); !slices.Equal(got, []bool{false, false}) {
		t.Errorf("a colleague sees %v", got)
	}
	if v, err := w.svc.Lesson(ctx, p, nil); err != nil || v.Started {
		t.Errorf("whoever ticks has begun: %v, %v", v.Started, err)
	}
	if _, err := w.svc.Tick(ctx, p, "bath", nil); err != nil {
		t.Fatal(err)
	}
	if n := one[int](ctx, w, `SELECT count(*)::int FROM ticks k WHERE k.org_id = $1`, w.partner.org.OrgID); n != 0 {
		t.Errorf("%d rows of no ticks", n)
	}
}

// A translation's steps are those of the lesson, in other words.
func TestTicksHoldInEveryLanguage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Two", Slug: "two", Lang: "en"}, Lessons: []courses.LessonDraft{{
			Key: "a", Title: "A", Source: listSource, Texts: []courses.LessonText{{Lang: "de", Title: "A", Source: "```steps\ntitle: Das Eisbad\nsteps:\n  - Eis zerkleinern\n  - Zwei Minuten warten\n```\n"}},
		}}})
		it = p.Item
		if len(p.Problems) > 0 {
			t.Errorf("problems: %+v", p.Problems)
		}
		return err
	})
	p := courses.Place{Item: it.ItemID, Lesson: "a"}
	if _, err := w.svc.Tick(w.vendor.member, p, "bath", []string{"crush-the-ice"}); err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Lesson(courses.Reading(w.vendor.member, "de"), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(v.Blocks, func(b courses.BlockView) bool { return b.Kind == "steps" })
	if i < 0 || v.Blocks[i].Title != "Das Eisbad" || len(v.Blocks[i].Steps) != 2 || !v.Blocks[i].Steps[0].Done || v.Blocks[i].Steps[0].HTML != "Eis zerkleinern" {
		t.Errorf("in German: %+v", v.Blocks)
	}
}

const frameSource = "Look.\n\n```embed\nkey: film\ntitle: The film\nsrc: https://vimeo.com/12345678\n```\n\n```embed\nkey: map\ntitle: A map\nsrc: https://maps.example.org/a\n```\n"

// What another site shows is framed where the organization that wrote it and that of the reader allow the site.
func TestFrames(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := courses.Place{Lesson: "a"}
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		d, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Frames", Slug: "frames"}, Lessons: []courses.LessonDraft{{Key: "a", Title: "A", Source: frameSource}}})
		if err != nil {
			return err
		}
		p.Item = d.Item.ItemID
		return tenants.Collect(tx, p.Item, "shared")
	})
	may := func(ctx context.Context) (out []bool) {
		t.Helper()
		v, err := w.svc.Lesson(ctx, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"film", "map"} {
			out = append(out, v.Frame(key) != nil)
		}
		return out
	}
	allow := func(h house, hosts string) {
		t.Helper()
		if err := w.svc.SetAuthorRules(w.administrator(h), courses.AuthorRules{Frames: hosts}); err != nil {
			t.Fatal(err)
		}
		// What a process knows of an organization is five seconds old at most.
		w.svc = courses.New(courses.Deps{DB: w.db, Tenants: tenants.New(w.db, "localhost:8080")})
	}
	if got := may(w.partner.member); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("at first %v", got)
	}
	allow(w.vendor, "https://maps.example.org/, player.vimeo.com")
	if got := may(w.vendor.member); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("the own people see %v", got)
	}
	if got := may(w.partner.member); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("the publisher decides alone: %v", got)
	}
	allow(w.partner, "maps.example.org")
	if got := may(w.partner.member); !slices.Equal(got, []bool{false, true}) {
		t.Errorf("the reader's organization takes back and allows: %v", got)
	}
	allow(w.vendor, "")
	if got := may(w.partner.member); !slices.Equal(got, []bool{false, false}) {
		t.Errorf("the publisher takes back: %v", got)
	}
	if err := w.svc.SetAuthorRules(w.author(w.vendor), courses.AuthorRules{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("an author changes the sites: %v", err)
	}
	for _, bad := range []string{"*", "vimeo", "https://a.example/path", "127.0.0.1", "a.localhost", "localhost", "a.example;script-src"} {
		if err := w.svc.SetAuthorRules(w.administrator(w.vendor), courses.AuthorRules{Frames: bad}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whoever writes is told of a site that is not allowed, with the line, and nothing of it is lost.
func TestStrangeSitesAreNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Sites", Slug: "sites"}, Lessons: []courses.LessonDraft{{Key: "a", Title: "A", Source: frameSource}}})
		if len(p.Problems) != 1 || p.Problems[0].Key != "embed_host" || p.Problems[0].Found != "maps.example.org" || p.Problems[0].Line != 9 {
			t.Errorf("problems: %+v", p.Problems)
		}
		return err
	})
}
