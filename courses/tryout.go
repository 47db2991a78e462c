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
	"github.com/learnscape/learnscape/internal/scope"
)

// What became of something that was tried at work.
const (
	TryUsed      = "used"       // it is how the work is done now
	TryTried     = "tried"      // once or twice
	TryNotYet    = "not_yet"    //
	TryNotNeeded = "not_needed" // there is no use for it
)

// TrySaid are the answers to what became of it, in the order in which they are offered.
var TrySaid = []string{TryUsed, TryTried, TryNotYet, TryNotNeeded} //nolint:gochecknoglobals // A constant list.

// How many days after the day that somebody set themselves they are asked what became of it.
const (
	tryWeek  = 7
	tryMonth = 30
	tryDays  = 14 // how long one has where the author says nothing
)

// Tryout is what a member wants to try at work, and what came of it. Nobody else reads it.
type Tryout struct {
	ID       id.Any    `db:"tryout_id"`
	RootKind string    `db:"root_kind"` // of the course or path in which it was read
	Root     id.Item   `db:"root_id"`
	Step     string    `db:"step_key"`
	Lesson   string    `db:"lesson_key"`
	Key      string    `db:"try_key"`
	Title    string    `db:"title"` // of the lesson
	What     string    `db:"what"`
	With     string    `db:"with_whom"`
	By       time.Time `db:"by_day"` // UTC day
	Outcome  string    `db:"outcome"`
	Week     string    `db:"after_week"`  // what became of it after a week: one of TrySaid, "" for no answer
	Month    string    `db:"after_month"` // after a month
	Updated  time.Time `db:"updated_at"`
}

// Asks is after how many days the member is asked now what became of it: 7, 30, or 0 for not now. Who has no use for it is asked no more.
func (t Tryout) Asks(now time.Time) int {
	day := now.UTC().Truncate(24 * time.Hour)
	switch {
	case t.Week == TryNotNeeded || t.Month != "":
	case !day.Before(t.By.AddDate(0, 0, tryMonth)):
		return tryMonth
	case t.Week == "" && !day.Before(t.By.AddDate(0, 0, tryWeek)):
		return tryWeek
	}
	return 0
}

const tryoutColumns = `t.tryout_id, t.root_kind, t.root_id, t.step_key, t.lesson_key, t.try_key, t.title, t.what, t.with_whom, t.by_day, t.outcome, t.after_week, t.after_month, t.updated_at`

// TryView is what stands beside the words of something to try on a lesson's page: what the member set, or else what the author suggests.
type TryView struct {
	With string
	By   *time.Time // nil until the member wrote something
	Days int        // the author's suggestion, from today on; 0 for none
}

// Day is by when, as the page suggests it.
func (v TryView) Day(now time.Time) time.Time {
	switch {
	case v.By != nil:
		return *v.By
	case v.Days > 0:
		return now.UTC().AddDate(0, 0, v.Days)
	}
	return now.UTC().AddDate(0, 0, tryDays)
}

// TryPlan is what somebody wants to try.
type TryPlan struct {
	What, With string
	By         string // "2026-11-30"; "" for the author's suggestion
}

// PlanTryout keeps what a member wants to try at work after the lesson at the place, private, and when they are reminded of it. Without
// words it removes it. NotFound if the lesson suggests nothing of the key; Invalid for a day that is none or is past, and for too many words.
func (s *Service) PlanTryout(ctx context.Context, p Place, key string, plan TryPlan) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	plan.What, plan.With = strings.TrimSpace(plan.What), strings.TrimSpace(plan.With)
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(at.Ref.Parts, func(p PartRef) bool { return p.Kind == markdown.Try && p.Key == key }) {
			return errs.New(errs.NotFound, "nothing to try %s of %s", key, at.Lesson)
		}
		of := []any{tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key}
		if plan.What == "" {
			_, err := tx.Exec(`DELETE FROM tryouts WHERE org_id = $1 AND membership_id = $2 AND item_org = $3 AND item_id = $4 AND lesson_key = $5 AND try_key = $6`, of...)
			return err
		}
		by, err := plan.day(tx.Now)
		if err != nil {
			return err
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		tryout, err := db.Row[id.Any](tx, `INSERT INTO tryouts AS t (org_id, membership_id, item_org, item_id, lesson_key, try_key, tryout_id, root_kind, root_id, step_key, title, what, with_whom, by_day, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
			ON CONFLICT (org_id, membership_id, item_org, item_id, lesson_key, try_key) DO UPDATE SET title = excluded.title, what = excluded.what, with_whom = excluded.with_whom, by_day = excluded.by_day, updated_at = excluded.updated_at,
				after_week = CASE WHEN t.by_day = excluded.by_day THEN t.after_week ELSE '' END, after_month = CASE WHEN t.by_day = excluded.by_day THEN t.after_month ELSE '' END
			RETURNING t.tryout_id`, append(of, id.New[id.Any](), at.Root.Item.Kind, at.Root.ItemID, p.Step, at.Ref.Title, plan.What, plan.With, by, tx.Now)...)
		if err != nil {
			return fmt.Errorf("plan tryout %s: %w", key, err)
		}
		return tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM tryout_dues WHERE org_id = $1 AND tryout_id = $2`, tx.Scope.Org, tryout)
			db.Write(b, nil, `INSERT INTO tryout_dues (org_id, tryout_id, membership_id, kind, due_on, title) SELECT $1, $2, $3, d.kind, $4::date + d.days, $5 FROM (VALUES ('by', 0), ('week', $6::int), ('month', $7::int)) AS d(kind, days)`,
				tx.Scope.Org, tryout, tx.Scope.Membership, by, at.Ref.Title, tryWeek, tryMonth)
			keepPlace(b, tx, at, key)
		})
	})
}

func (p TryPlan) day(now time.Time) (time.Time, error) {
	var f []errs.Field
	for _, t := range []struct {
		name, text string
		most       int
	}{{"what", p.What, 1000}, {"with", p.With, 200}} {
		if len([]rune(t.text)) > t.most {
			f = append(f, errs.Field{Name: t.name, Key: "trial.fault.long", Args: []any{"Most", t.most}})
		}
	}
	today := now.UTC().Truncate(24 * time.Hour)
	by := today.AddDate(0, 0, tryDays)
	if p.By != "" {
		var err error
		if by, err = time.Parse(time.DateOnly, p.By); err != nil || by.Before(today) || by.After(today.AddDate(1, 0, 0)) {
			f = append(f, errs.Field{Name: "by", Key: "trial.fault.day"})
		}
	}
	if len(f) > 0 {
		return by, errs.Fields(f...)
	}
	return by, nil
}

// TryoutList is a page of what a member tries.
type TryoutList struct {
	Now   time.Time
	Rows  []Tryout // the latest day first
	More  bool
	Quiet bool // no mails are wanted

	Groups []TryGroup // to which the rows can be shown, or are
}

// TryoutsAfter is what a page of the list begins behind: the last line of the one before; zero for the first.
type TryoutsAfter struct {
	By time.Time
	ID id.Any
}

// tryoutsPage is how many lines a page has.
const tryoutsPage = 20

// Tryouts lists what the acting member wants to try or has tried.
func (s *Service) Tryouts(ctx context.Context, after TryoutsAfter) (TryoutList, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return TryoutList{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return TryoutList{}, err
	}
	if after.By.IsZero() {
		after.By = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var v TryoutList
	err = s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, `SELECT `+tryoutColumns+` FROM tryouts t WHERE t.org_id = $1 AND t.membership_id = $2 AND (t.by_day, t.tryout_id) < ($3::date, $4::uuid) ORDER BY t.by_day DESC, t.tryout_id DESC LIMIT $5`,
			sc.Org, sc.Membership, after.By, after.ID, tryoutsPage+1)
		db.List(b, &v.Groups, tryGroupsSQL+` AND (t.by_day, t.tryout_id) < ($3::date, $4::uuid) ORDER BY t.by_day DESC, t.tryout_id DESC, c.cohort_id LIMIT 200`, sc.Org, sc.Membership, after.By, after.ID)
		db.One(b, &v.Quiet, nil, `SELECT EXISTS (SELECT 1 FROM quiet_tryouts q WHERE q.org_id = $1 AND q.membership_id = $2)`, sc.Org, sc.Membership)
	})
	if len(v.Rows) > tryoutsPage {
		v.Rows, v.More = v.Rows[:tryoutsPage], true
	}
	return v, err
}

// SayTryout keeps what became of something that the acting member tried: said is one of TrySaid, days 7 or 30. That something was tried
// or is used stands in the activity stream, without a word of what. NotFound for anybody else's; Invalid before it is asked.
func (s *Service) SayTryout(ctx context.Context, tryout id.Any, days int, said string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	if !slices.Contains(TrySaid, said) || days != tryWeek && days != tryMonth {
		return errs.New(errs.Malformed, "said %q after %d days", said, days)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		t, err := db.Row[struct {
			Tryout

			ItemOrg id.Org  `db:"item_org"`
			Item    id.Item `db:"item_id"`
		}](tx, `SELECT `+tryoutColumns+`, t.item_org, t.item_id FROM tryouts t WHERE t.org_id = $1 AND t.membership_id = $2 AND t.tryout_id = $3 FOR UPDATE`, tx.Scope.Org, tx.Scope.Membership, tryout)
		if err != nil {
			return fmt.Errorf("tryout %s: %w", tryout, err)
		}
		was := t.Week
		column := "after_week"
		if days == tryMonth {
			was, column = t.Month, "after_month"
		}
		if was == said {
			return nil
		}
		if was == "" && t.Asks(tx.Now) != days {
			return errs.Say(errs.Invalid, "trial.fault.early")
		}
		return tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `UPDATE tryouts SET `+column+` = $4, updated_at = $5 WHERE org_id = $1 AND membership_id = $2 AND tryout_id = $3`, tx.Scope.Org, tx.Scope.Membership, tryout, said, tx.Now)
			gone := []string{"by", "week"}
			if days == tryMonth || said == TryNotNeeded {
				gone = append(gone, "month")
			}
			db.Write(b, nil, `DELETE FROM tryout_dues WHERE org_id = $1 AND tryout_id = $2 AND kind = ANY ($3)`, tx.Scope.Org, tryout, gone)
			if said == TryUsed || said == TryTried {
				state(b, tx, statement{Verb: "applied", Org: t.ItemOrg, Kind: t.RootKind, Item: t.Item, Part: t.Lesson, Pull: true, Context: map[string]any{"after": days, "used": said == TryUsed}})
			}
		})
	})
}

// NoteOutcome keeps in words what came of something that the acting member tried, private; "" removes them. NotFound for anybody else's.
func (s *Service) NoteOutcome(ctx context.Context, tryout id.Any, outcome string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	if outcome = strings.TrimSpace(outcome); len([]rune(outcome)) > 4000 {
		return errs.Fields(errs.Field{Name: "outcome", Key: "trial.fault.long", Args: []any{"Most", 4000}})
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE tryouts SET outcome = $4, updated_at = $5 WHERE org_id = $1 AND membership_id = $2 AND tryout_id = $3`, tx.Scope.Org, tx.Scope.Membership, tryout, outcome, tx.Now)
	})
}

// DropTryout removes something that the acting member wanted to try, with what came of it. NotFound for anybody else's.
func (s *Service) DropTryout(ctx context.Context, tryout id.Any) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM tryouts WHERE org_id = $1 AND membership_id = $2 AND tryout_id = $3`, tx.Scope.Org, tx.Scope.Membership, tryout)
	})
}

// SetTryMails turns the mails about what the acting member tries on or off. Repeating it is safe.
func (s *Service) SetTryMails(ctx context.Context, on bool) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	q := `INSERT INTO quiet_tryouts (org_id, membership_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	if on {
		q = `DELETE FROM quiet_tryouts WHERE org_id = $1 AND membership_id = $2`
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(q, tx.Scope.Org, tx.Scope.Membership)
		return err
	})
}
