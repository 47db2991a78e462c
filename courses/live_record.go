package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
)

// LiveRecording is what is kept of a session: a recording that becomes a part of a lesson.
type LiveRecording struct {
	Lesson   string // key of an own lesson of the course or path
	Title    string
	Src      string // the name of a file of the draft, or an address
	Captions string // the name of a file with WebVTT
	Chapters string // a line each: "1:30 What comes now"
	Said     string // the transcript, likewise
}

// LiveLessons are the lessons that a recording of an own session can go into: those that the course or path has of its own. The one that
// the session is about stands first.
func (s *Service) LiveLessons(ctx context.Context, session id.Any) (Live, []LessonRef, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Live{}, nil, err
	}
	var l Live
	var out []LessonRef
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if l, err = ownLive(tx, session); err != nil {
			return err
		}
		of, err := db.Row[outlineOnly](tx, liveOutlineSQL, tx.Scope.Org, l.Item)
		if err != nil {
			return fmt.Errorf("lessons of %s: %w", l.Item, err)
		}
		out = of.Outline.Lessons()
		for _, st := range of.Outline.Steps {
			if st.Kind == StepLesson {
				out = append(out, LessonRef{Key: st.Key, Title: st.Title})
			}
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b LessonRef) int { return boolInt(b.Key == l.Part) - boolInt(a.Key == l.Part) })
	return l, out, err
}

// KeepRecording puts the recording of an own session that has begun at the end of a lesson of the next version, as a part with chapters and
// transcript, and returns the key of the lesson: its authors look at it and publish it. Where nobody writes that version yet, it is begun.
// Invalid, with the field, for what cannot be; Conflict before the session begins.
func (s *Service) KeepRecording(ctx context.Context, session id.Any, r LiveRecording) (item id.Item, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return id.Item{}, err
	}
	l, lessons, err := s.LiveLessons(ctx, session)
	if err != nil {
		return id.Item{}, err
	}
	if l.State == LiveCancelled || l.Starts.After(s.db.Now()) {
		return id.Item{}, errs.Say(errs.Conflict, "live.fault.early")
	}
	r.Title, r.Src, r.Captions = strings.TrimSpace(r.Title), strings.TrimSpace(r.Src), strings.TrimSpace(r.Captions)
	var f []errs.Field
	if !slices.ContainsFunc(lessons, func(x LessonRef) bool { return x.Key == r.Lesson }) {
		f = append(f, errs.Field{Name: "lesson", Key: "live.fault.lesson"})
	}
	if r.Src == "" || len(r.Src) > 2000 || strings.HasPrefix(r.Src, "http://") {
		f = append(f, errs.Field{Name: "src", Key: "live.fault.src"})
	}
	if len(f) > 0 {
		return id.Item{}, errs.Fields(f...)
	}
	block, err := markdown.Typed(markdown.Video, markdown.Fields{Title: r.Title, Src: r.Src, Captions: r.Captions, Chapters: strings.TrimSpace(r.Chapters), Said: strings.TrimSpace(r.Said)})
	if err != nil {
		return id.Item{}, fmt.Errorf("recording of %s: %w", session, err)
	}
	if err := s.Rewrite(ctx, l.Item); err != nil {
		return id.Item{}, err
	}
	d, err := s.WriteLesson(ctx, l.Item, r.Lesson)
	if err != nil {
		return id.Item{}, err
	}
	d.Lesson.Source = markdown.Join(append(markdown.Segments(d.Lesson.Source), block))
	if _, err = s.SaveLesson(ctx, l.Item, d.Lesson); err != nil {
		return l.Item, err
	}
	return l.Item, s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE live_sessions l SET recording = $3, recorded_after = i.version FROM items i WHERE l.org_id = $1 AND l.session_id = $2 AND i.org_id = l.org_id AND i.item_id = l.item_id`, tx.Scope.Org, session, r.Lesson)
	})
}
