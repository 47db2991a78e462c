package courses_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// What was published is written on with all its words, and published again makes no version unless a word changed; who is in mid-course
// stays on the version it began with.
func TestRewriting(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author := w.keeper(w.vendor)
	var item id.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, courses.CourseDraft{
			Item: tenants.Item{Title: "Probes", Summary: "About probes"}, Outcome: "You can", Intro: "Hello *there*",
			Lessons: []courses.LessonDraft{{Module: "One", Title: "First", Summary: "short", Source: "## A\n\nText. See [the second](second.md).", Name: "first.md"}, {Module: "Two", Title: "Second", Source: "## B\n\nMore.\n\n```reflect\nask: Why?\n```", Name: "second.md"}},
		})
		item = p.Item.ItemID
		return err
	})
	if err := w.svc.Rewrite(author, item); err != nil {
		t.Fatal(err)
	}
	m, err := w.svc.Manuscript(author, item)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Lessons) != 2 || m.Lessons[0].Module != "One" || m.Lessons[0].Summary != "short" || m.Intro != "Hello *there*" || m.Outcome != "You can" || m.Base != 1 || !m.Ready() {
		t.Fatalf("the manuscript is %+v", m)
	}
	p, err := w.svc.PublishManuscript(author, item, m.Edition)
	if err != nil || p.Fresh || p.Version != 1 {
		t.Fatalf("the same words are version %d, fresh %v, %v", p.Version, p.Fresh, err)
	}
	if err := w.svc.Rewrite(author, item); err != nil {
		t.Fatal(err)
	}
	l := m.Lessons[0]
	l.Source += "\n\nNew."
	if l.Edition, err = w.svc.SaveLesson(author, item, l); err != nil {
		t.Fatal(err)
	}
	old := m.Lessons[0]
	old.Edition = 0
	old.Source = "Mine."
	if _, err := w.svc.SaveLesson(author, item, old); !errs.Is(err, errs.Conflict) {
		t.Errorf("an older edition is saved: %v", err)
	}
	if err := w.svc.MoveLesson(author, item, "second", true); err != nil {
		t.Fatal(err)
	}
	if m, err = w.svc.Manuscript(author, item); err != nil || m.Lessons[1].Module != "One" {
		t.Fatalf("at the edge of its module it becomes %+v, %v", m.Lessons, err)
	}
	for _, behind := range []bool{false, true} {
		if err := w.svc.PlaceLesson(author, item, "second", "first", behind); err != nil {
			t.Fatal(err)
		}
		if m, err = w.svc.Manuscript(author, item); err != nil || (m.Lessons[1].Key == "second") != behind {
			t.Fatalf("placed, behind %v: %+v, %v", behind, m.Lessons, err)
		}
	}
	if err := w.svc.RemoveLesson(author, item, "second", false); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.RemoveLesson(author, item, "second", true); err != nil {
		t.Fatal(err)
	}
	if p, err = w.svc.PublishManuscript(author, item, m.Edition); err != nil || !p.Fresh || p.Version != 2 {
		t.Fatalf("published as %+v, %v", p, err)
	}
	if _, err := w.svc.Manuscript(author, item); !errs.Is(err, errs.NotFound) {
		t.Errorf("the manuscript is there still: %v", err)
	}
}

// What cannot be read by learners is not published, whoever asks for it how.
func TestWhatStandsAgainstPublishing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	author := w.keeper(w.vendor)
	item, err := w.svc.Begin(author, courses.Beginning{Title: "New", Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	blocked := func(key string) {
		t.Helper()
		m, err := w.svc.Manuscript(author, item)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range m.Checks {
			if c.Key == key && c.OK {
				t.Errorf("nothing is said of %s", key)
			}
		}
		if _, err := w.svc.PublishManuscript(author, item, m.Edition); !errs.Is(err, errs.Invalid) {
			t.Errorf("it is published although of %s: %v", key, err)
		}
	}
	blocked("head")
	blocked("lessons")
	if err := w.svc.SaveHead(author, item, courses.ManuscriptHead{Title: "New", Summary: "S", Outcome: "O", Lang: "en", Edition: 1}); err != nil {
		t.Fatal(err)
	}
	key, err := w.svc.AddLesson(author, item, "", "Only", "")
	if err != nil {
		t.Fatal(err)
	}
	blocked("empty")
	at := 1
	for _, bad := range []string{"![x](nowhere.png)", "```quiz\nquestions: [{ask: Why?, choices: [{text: a}, {text: b}]}]\n```", "[x](nowhere.md)", "```video\ntitle: x\n```"} {
		if at, err = w.svc.SaveLesson(author, item, courses.ManuscriptLesson{Key: key, Title: "Only", Source: bad, Edition: at}); err != nil {
			t.Fatal(err)
		}
		blocked("readable")
	}
	if _, err = w.svc.SaveLesson(author, item, courses.ManuscriptLesson{Key: key, Title: "Only", Source: strings.Repeat("Words. ", 10), Edition: at}); err != nil {
		t.Fatal(err)
	}
	if p, err := w.svc.PublishManuscript(author, item, 2); err != nil || p.Version != 1 {
		t.Errorf("published as %+v, %v", p, err)
	}
}
