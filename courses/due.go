package courses

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
)

// dueBefore is how many days before a date somebody is reminded of it, beside the day itself and the day after.
const dueBefore = 3

// dueRow is a date that somebody is reminded of.
type dueRow struct {
	Enrollment id.Enrollment `db:"enrollment_id"`
	Member     id.Membership `db:"membership_id"`
	Title      string        `db:"title"`
	Due        time.Time     `db:"due"`
	Stage      string        `db:"stage"` // before, on or after
	Told       string        `db:"told"`  // what is kept of it: the stage and the day
	Email      string        `db:"email"`
	Locale     string        `db:"locale"`
	Org        string        `db:"org"`
	Slug       string        `db:"slug"`
	Wanted     bool          `db:"wanted"`
}

// RemindDates mails the members of the acting organization what is due soon, today, or was due yesterday: one mail a day to one person,
// each stage of a date once. What somebody was put on within a day is not reminded of yet. Repeating it is safe.
func (r *Reminder) RemindDates(ctx context.Context, at time.Time) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	for n := remindBatch; n == remindBatch; {
		if err := r.db.Tx(ctx, func(tx *db.Tx) error {
			list, err := db.Rows[dueRow](tx, `SELECT d.enrollment_id, d.membership_id, d.title, d.due, d.stage, d.stage || ' ' || d.day AS told, m.email, m.locale, o.name AS org, o.slug,
					m.state = 'active' AND m.email <> '' AND o.state = 'active' AND NOT EXISTS (SELECT 1 FROM quiet_dues q WHERE q.org_id = $1 AND q.membership_id = d.membership_id) AS wanted
				FROM (SELECT e.*, u.due, u.day, CASE WHEN u.day = $2::date THEN 'on' WHEN u.day BETWEEN $2::date + 1 AND $2::date + $4::int AND e.started_at < $3 THEN 'before' WHEN u.day BETWEEN $2::date - 3 AND $2::date - 1 THEN 'after' ELSE '' END AS stage
					FROM enrollments e CROSS JOIN LATERAL (SELECT least(e.due_at, e.own_due_at) AS due, (least(e.due_at, e.own_due_at) AT TIME ZONE 'UTC')::date AS day) u
					WHERE e.org_id = $1 AND e.state = 'active' AND (e.due_at IS NOT NULL OR e.own_due_at IS NOT NULL)) d
				JOIN memberships m ON m.org_id = d.org_id AND m.membership_id = d.membership_id JOIN organizations o ON o.org_id = d.org_id
				WHERE d.stage <> '' AND d.told <> d.stage || ' ' || d.day ORDER BY d.membership_id, d.due, d.enrollment_id LIMIT $5`, tx.Scope.Org, at.UTC(), at.AddDate(0, 0, -1), dueBefore, remindBatch)
			if err != nil {
				return err
			}
			n = len(list)
			for len(list) > 0 {
				of := 1
				for of < len(list) && list[of].Member == list[0].Member {
					of++
				}
				if err := r.remindOf(tx, list[:of]); err != nil {
					return err
				}
				list = list[of:]
			}
			return nil
		}); err != nil {
			return fmt.Errorf("remind of dates: %w", err)
		}
	}
	return nil
}

// remindOf mails one person their dates and keeps that it did.
func (r *Reminder) remindOf(tx *db.Tx, list []dueRow) error {
	ids, told := make([]id.Enrollment, len(list)), make([]string, len(list))
	for i, d := range list {
		ids[i], told[i] = d.Enrollment, d.Told
	}
	if _, err := tx.Exec(`UPDATE enrollments e SET told = x.told FROM unnest($2::uuid[], $3::text[]) AS x(id, told) WHERE e.org_id = $1 AND e.enrollment_id = x.id`, tx.Scope.Org, ids, told); err != nil {
		return err
	}
	if !list[0].Wanted {
		return nil
	}
	return r.mail.Send(tx, r.dueMessage(tx.Context(), list))
}

func (r *Reminder) dueMessage(ctx context.Context, list []dueRow) mail.Message {
	first := list[0]
	if l, ok := lang.Parse(first.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	var lines []string
	for _, d := range list {
		lines = append(lines, lang.T(ctx, "assign.due.line."+d.Stage, "Title", d.Title, "Date", lang.Date(ctx, d.Due)))
	}
	words := []any{"Title", first.Title, "Count", len(list), "Org", first.Org, "Link", r.url(first.Slug) + "/plan"}
	return mail.Message{To: first.Email, Subject: lang.T(ctx, "assign.due.subject."+first.Stage, words...), Text: strings.Join(lines, "\n") + "\n\n" + lang.T(ctx, "assign.due.text", words...)}
}

// SetDueMails turns the mails about the acting member's dates on or off. Repeating it is safe.
func (s *Service) SetDueMails(ctx context.Context, on bool) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	q := `INSERT INTO quiet_dues (org_id, membership_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	if on {
		q = `DELETE FROM quiet_dues WHERE org_id = $1 AND membership_id = $2`
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(q, tx.Scope.Org, tx.Scope.Membership)
		return err
	})
}
