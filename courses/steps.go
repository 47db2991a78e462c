package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
)

// StepView is one step of a list in a lesson, and whether the viewer ticked it.
type StepView struct {
	Key, HTML string
	Done      bool
}

// ticksMost bounds what is kept of one list; a list has no more steps.
const ticksMost = 40

// ticked are the steps of a list with the ticks of the viewer: keys with blanks between them. A key that the list has no more is none.
func ticked(b markdown.Block, keys string) []StepView {
	done := strings.Fields(keys)
	out := make([]StepView, len(b.Do))
	for i, d := range b.Do {
		out[i] = StepView{Key: d.Key, HTML: d.HTML, Done: slices.Contains(done, d.Key)}
	}
	return out
}

// Tick keeps which steps of a list a member ticked, private, and returns when; none removes it. Nobody begins anything by it: a list is
// looked up at work, also by who does not learn. NotFound if the lesson at the place has no such list.
func (s *Service) Tick(ctx context.Context, p Place, list string, done []string) (at time.Time, err error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return at, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		at = tx.Now
		l, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(l.Ref.Parts, func(p PartRef) bool { return p.Kind == markdown.Steps && p.Key == list }) {
			return errs.New(errs.NotFound, "list %s of %s", list, l.Lesson)
		}
		if err := l.opened(tx); err != nil {
			return err
		}
		var keys []string
		for _, k := range done {
			if k == markdown.Slug(k) && len(keys) < ticksMost && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
		of := []any{tx.Scope.Org, tx.Scope.Membership, l.Org, l.Item, l.Lesson, list}
		if len(keys) == 0 {
			_, err = tx.Exec(`DELETE FROM ticks WHERE org_id = $1 AND membership_id = $2 AND item_org = $3 AND item_id = $4 AND lesson_key = $5 AND list_key = $6`, of...)
		} else {
			_, err = tx.Exec(`INSERT INTO ticks (org_id, membership_id, item_org, item_id, lesson_key, list_key, done, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (org_id, membership_id, item_org, item_id, lesson_key, list_key) DO UPDATE SET done = excluded.done, updated_at = excluded.updated_at`, append(of, keys, tx.Now)...)
		}
		if err != nil {
			return fmt.Errorf("ticks of list %s: %w", list, err)
		}
		return nil
	})
	return at, err
}
