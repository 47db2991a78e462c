package courses_test

import (
	"errors"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
)

// An author says whose a lesson is and writes it in another language; learners read it in theirs once it is published.
func TestALessonIsWrittenInAnotherLanguage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	it := w.course("texts", "shared")
	author := w.author(w.vendor)
	w.did(w.svc.Rewrite(author, it.ItemID))
	edition := func() int {
		t.Helper()
		d, err := w.svc.WriteLesson(author, it.ItemID, "answer")
		if err != nil {
			t.Fatal(err)
		}
		return d.Lesson.Edition
	}
	good := courses.LessonText{Lang: "DE", Title: "Antworten", Source: "Erste Worte.\n\n## Warum\n\nSie driften."}
	for name, tt := range map[string]struct {
		err   error
		field string
	}{
		"no language":     {w.svc.SaveText(author, it.ItemID, "answer", edition(), courses.LessonText{Lang: "german language", Title: "x", Source: "x"}), "lang"},
		"its own":         {w.svc.SaveText(author, it.ItemID, "answer", edition(), courses.LessonText{Lang: "en", Title: "x", Source: "x"}), "lang"},
		"no title":        {w.svc.SaveText(author, it.ItemID, "answer", edition(), courses.LessonText{Lang: "de", Source: "x"}), "title"},
		"no text":         {w.svc.SaveText(author, it.ItemID, "answer", edition(), courses.LessonText{Lang: "de", Title: "x", Source: " "}), "source"},
		"a wrong own one": {w.svc.SaveRights(author, it.ItemID, "answer", courses.LessonRights{Lang: "?", Edition: edition()}), "lang"},
	} {
		if e, ok := errors.AsType[*errs.Error](tt.err); !ok || len(e.Fields) != 1 || e.Fields[0].Name != tt.field {
			t.Errorf("%s: %v", name, tt.err)
		}
	}
	w.did(w.svc.SaveRights(author, it.ItemID, "answer", courses.LessonRights{Licence: "CC BY 4.0", Origin: "https://example.com/field", Edition: edition()}))
	stale := edition() - 2
	if err := w.svc.SaveText(author, it.ItemID, "answer", stale, good); !errs.Is(err, errs.Conflict) {
		t.Errorf("written over what somebody saved: %v", err)
	}
	w.did(w.svc.SaveText(author, it.ItemID, "answer", edition(), good))
	d, err := w.svc.WriteLesson(author, it.ItemID, "answer")
	if err != nil || len(d.Lesson.Texts) != 1 || d.Lesson.Texts[0].Lang != "de" || d.Lesson.Licence != "CC BY 4.0" || d.Lesson.Lang != "" || len(d.TextProblems()) != 0 {
		t.Fatalf("saved: %+v, %+v, %v", d.Lesson, d.TextProblems(), err)
	}
	if _, err := w.svc.PublishManuscript(author, it.ItemID, 0); err != nil {
		m, _ := w.svc.Manuscript(author, it.ItemID)
		if _, err := w.svc.PublishManuscript(author, it.ItemID, m.Edition); err != nil {
			t.Fatal(err)
		}
	}
	v, err := w.svc.Lesson(courses.Reading(w.partner.member, "de"), courses.Place{Item: it.ItemID, Lesson: "answer"}, nil)
	if err != nil || v.Title != "Antworten" || v.Licence != "CC BY 4.0" || v.Origin != "https://example.com/field" || v.Lang != "de" {
		t.Errorf("read: %q in %q under %q, %v", v.Title, v.Lang, v.Licence, err)
	}
	if got, err := w.svc.Lesson(w.partner.member, courses.Place{Item: it.ItemID, Lesson: "answer"}, nil); err != nil || got.Title != "Answer" {
		t.Errorf("in its own language: %q, %v", got.Title, err)
	}
	// A language goes from the next version, and nobody else's author changes anything.
	w.did(w.svc.Rewrite(author, it.ItemID))
	if err := w.svc.RemoveText(w.author(w.partner), it.ItemID, "answer", edition(), "de"); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization's author removes a language: %v", err)
	}
	w.did(w.svc.RemoveText(author, it.ItemID, "answer", edition(), "de"))
	if err := w.svc.RemoveText(author, it.ItemID, "answer", edition(), "de"); !errs.Is(err, errs.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
}
