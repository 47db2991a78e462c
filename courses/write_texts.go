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
)

// textsMost bounds in how many languages a lesson is there beside its own.
const textsMost = 20

// LessonRights says whose a lesson is and in which language its own text is.
type LessonRights struct {
	Licence string // as its author writes it: "CC BY 4.0"
	Origin  string // where it comes from: an address, or words
	Lang    string // of the lesson's own text (BCP 47); "" for the course's
	Edition int    // that the author read
}

// SaveRights keeps it for a lesson of a manuscript. Conflict if somebody changed the lesson since the edition: nothing is saved then. Invalid,
// with the field, for what is too long or no language.
func (s *Service) SaveRights(ctx context.Context, item id.Item, key string, r LessonRights) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	r.Licence, r.Origin, r.Lang = strings.TrimSpace(r.Licence), strings.TrimSpace(r.Origin), strings.ToLower(strings.TrimSpace(r.Lang))
	var f []errs.Field
	if utf8.RuneCountInString(r.Licence) > 200 {
		f = append(f, errs.Field{Name: "licence", Key: "write.fault.long", Args: []any{"Most", 200}})
	}
	if utf8.RuneCountInString(r.Origin) > 1000 {
		f = append(f, errs.Field{Name: "origin", Key: "write.fault.long", Args: []any{"Most", 1000}})
	}
	if r.Lang != "" && (!langCode.MatchString(r.Lang) || len(r.Lang) > 35) {
		f = append(f, errs.Field{Name: "lang", Key: "lessontext.fault.lang"})
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return s.changeLesson(ctx, item, key, r.Edition, func(l *ManuscriptLesson) error {
		if slices.ContainsFunc(l.Texts, func(t LessonText) bool { return t.Lang == r.Lang && r.Lang != "" }) {
			return errs.Fields(errs.Field{Name: "lang", Key: "lessontext.fault.own"})
		}
		l.Licence, l.Origin, l.Lang = r.Licence, r.Origin, r.Lang
		return nil
	})
}

// SaveText keeps a lesson of a manuscript in another language; what was there in that language goes. Its quizzes and reflections stand for
// those of the lesson, one by one: what does not is said by TextProblems. Conflict and Invalid as for SaveRights.
func (s *Service) SaveText(ctx context.Context, item id.Item, key string, edition int, t LessonText) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	t.Lang, t.Title = strings.ToLower(strings.TrimSpace(t.Lang)), strings.TrimSpace(t.Title)
	var f []errs.Field
	if !langCode.MatchString(t.Lang) || len(t.Lang) > 35 {
		f = append(f, errs.Field{Name: "lang", Key: "lessontext.fault.lang"})
	}
	if t.Title == "" || utf8.RuneCountInString(t.Title) > 200 {
		f = append(f, errs.Field{Name: "title", Key: "write.fault.lesson_title"})
	}
	if strings.TrimSpace(t.Source) == "" {
		f = append(f, errs.Field{Name: "source", Key: "lessontext.fault.empty"})
	} else if len(t.Source) > markdown.MaxSource {
		f = append(f, errs.Field{Name: "source", Key: "write.fault.source"})
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return s.changeLesson(ctx, item, key, edition, func(l *ManuscriptLesson) error {
		i := slices.IndexFunc(l.Texts, func(x LessonText) bool { return x.Lang == t.Lang })
		switch {
		case t.Lang == l.Lang:
			return errs.Fields(errs.Field{Name: "lang", Key: "lessontext.fault.own"})
		case i >= 0:
			t.Name = l.Texts[i].Name
			l.Texts[i] = t
		case len(l.Texts) >= textsMost:
			return errs.Say(errs.Invalid, "lessontext.fault.many", "Most", textsMost)
		default:
			l.Texts = append(l.Texts, t)
		}
		return nil
	})
}

// RemoveText takes a language from a lesson of a manuscript; the versions that are published keep it. NotFound if it is not there in it.
func (s *Service) RemoveText(ctx context.Context, item id.Item, key string, edition int, lang string) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.changeLesson(ctx, item, key, edition, func(l *ManuscriptLesson) error {
		n := len(l.Texts)
		if l.Texts = slices.DeleteFunc(l.Texts, func(t LessonText) bool { return t.Lang == lang }); len(l.Texts) == n {
			return errs.New(errs.NotFound, "no text in %q", lang)
		}
		return nil
	})
}

// changeLesson changes what a lesson of a manuscript says beside its own text.
func (s *Service) changeLesson(ctx context.Context, item id.Item, key string, edition int, fn func(*ManuscriptLesson) error) error {
	return s.manuscript(ctx, item, func(tx *db.Tx, m Manuscript) error {
		l, err := db.Row[ManuscriptLesson](tx, manuscriptLessonSQL+` AND l.key = $3 AND l.removed_at IS NULL`, tx.Scope.Org, item, key)
		if err != nil {
			return fmt.Errorf("lesson %q: %w", key, err)
		}
		own := l.By == tx.Scope.Membership && l.Edition == edition+1 && tx.Now.Sub(l.SavedAt) < 10*time.Second
		if l.Edition != edition && !own {
			return errs.Say(errs.Conflict, "write.fault.conflict", "Name", l.SavedBy)
		}
		if l.Lang == "" {
			l.Lang = m.Lang
		}
		if err := fn(&l); err != nil {
			return err
		}
		if l.Lang == m.Lang {
			l.Lang = "" // The course says it.
		}
		if l.Texts == nil {
			l.Texts = []LessonText{}
		}
		if err := tx.Must(`UPDATE draft_lessons SET licence = $4, origin = $5, lang = $6, texts = $7, edition = edition + 1, saved_by = $8, saved_at = $9 WHERE org_id = $1 AND item_id = $2 AND key = $3`,
			tx.Scope.Org, item, key, l.Licence, l.Origin, l.Lang, l.Texts, memberOrNil(tx.Scope.Membership), tx.Now); err != nil {
			return err
		}
		return touch(tx, item)
	})
}

// TextProblems is what publishing could not take of the lesson's translations, by language.
func (d LessonDesk) TextProblems() map[string][]LessonProblem {
	out := map[string][]LessonProblem{}
	for _, t := range d.Lesson.Texts {
		p := d.press()
		own, _ := p.read(d.Lesson)
		p.problems = nil
		p.translated(lessonRow{Key: d.Lesson.Key, Blocks: own}, t)
		if len(p.problems) > 0 {
			out[t.Lang] = p.problems
		}
	}
	return out
}
