package courses

import (
	"context"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
)

// SavePlace keeps where a member is, so that another device goes on there; part is the key of the lesson's part, "" for its
// beginning. For somebody who has not begun, and for visitors, it does nothing.
func (s *Service) SavePlace(ctx context.Context, p Place, part string) error {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil || !tx.Scope.SignedIn() || at.Root.State == "" {
			return err
		}
		if err := at.opened(tx); err != nil {
			return err
		}
		return tx.Batch(func(b *db.Batch) { keepPlace(b, tx, at, part) })
	})
}

// OpenLesson notes that a member opened the lesson at the place: the first time as a statement, and as the place to go on at. A
// lesson that was left in the middle keeps its part. For visitors and those who have not begun it does nothing.
func (s *Service) OpenLesson(ctx context.Context, p Place) error {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if !tx.Scope.SignedIn() {
			return nil
		}
		at, err := s.locate(tx, p)
		if err != nil || at.Root.State == "" || at.Root.AtItem == at.Item && at.Root.AtLesson == at.Lesson {
			return err
		}
		if err := at.opened(tx); err != nil {
			return err
		}
		return tx.Batch(func(b *db.Batch) {
			keepPlace(b, tx, at, "")
			state(b, tx, statement{Verb: "experienced", Org: at.Org, Kind: at.Kind, Item: at.Item, Part: at.Lesson, Formal: at.Kind == "course" || at.Kind == "path", Pull: at.pull(), Context: map[string]any{"version": at.Version}})
		})
	})
}

// keepPlace queues where the member is in the course or path of the address; a part that is no part of the lesson is its beginning.
func keepPlace(b *db.Batch, tx *db.Tx, at located, part string) {
	if !slices.ContainsFunc(at.Ref.Parts, func(p PartRef) bool { return p.Key == part }) {
		part = ""
	}
	db.Write(b, nil, `UPDATE enrollments SET at_org = $4, at_item = $5, at_lesson = $6, at_part = $7, updated_at = $8
		WHERE org_id = $1 AND membership_id = $2 AND item_id = $3 AND state <> 'left'`, tx.Scope.Org, tx.Scope.Membership, at.Root.ItemID, at.Org, at.Item, at.Lesson, part, tx.Now)
}

// quizOf is the key of the lesson's first quiz.
func quizOf(l LessonRef) string {
	for _, p := range l.Parts {
		if p.Kind == markdown.Quiz {
			return p.Key
		}
	}
	return ""
}
