package courses

import (
	"context"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
)

// pastWindow is how many days before the end of a past record its person is told of it first.
const pastWindow = 60

// endingRecord is a past record of which its person is to be told.
type endingRecord struct {
	holder

	Record id.Any        `db:"record_id"`
	Title  string        `db:"title"`
	Ends   time.Time     `db:"ends_on"`
	Org    string        `db:"org"`
	Told   bool          `db:"wanted"` // they want such mails, are reachable, and nothing newer stands in its place
	Stage  string        `db:"stage"`  // window, week or over
	Member id.Membership `db:"membership_id"`
}

// RemindPast mails the people of the acting organization of whom a past record ends within 60 days, within a week, or has ended, unless
// something newer stands in its place. Whoever wants no mails about certificates gets none. Repeating it is safe.
func (s *Service) RemindPast(ctx context.Context, at time.Time) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	day := at.UTC().Truncate(24 * time.Hour)
	for {
		n := 0
		if err := s.db.Tx(ctx, func(tx *db.Tx) error {
			list, err := db.Rows[endingRecord](tx, `SELECT p.record_id, p.membership_id, p.title, p.ends_on, m.email, m.locale, o.slug, o.name AS org, x.stage,
					m.state = 'active' AND m.email <> '' AND NOT EXISTS (SELECT 1 FROM quiet_credentials q WHERE q.org_id = p.org_id AND q.membership_id = p.membership_id) AND NOT `+superseded+` AS wanted
				FROM past_records p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.membership_id JOIN organizations o ON o.org_id = p.org_id
				CROSS JOIN LATERAL (SELECT CASE WHEN p.ends_on < $2::date THEN 'over' WHEN p.ends_on <= $2::date + 7 THEN 'week' ELSE 'window' END AS stage) x
				WHERE p.org_id = $1 AND p.ends_on <= $2::date + $3::int AND p.told <> 'over' AND p.told <> x.stage ORDER BY p.ends_on, p.record_id LIMIT $4`, tx.Scope.Org, day, pastWindow, remindedAtOnce)
			if err != nil {
				return err
			}
			n = len(list)
			for _, r := range list {
				if err := tx.Must(`UPDATE past_records SET told = $3 WHERE org_id = $1 AND record_id = $2`, tx.Scope.Org, r.Record, r.Stage); err != nil {
					return err
				}
				// Whoever is told weeks later that it has ended learns nothing by it.
				if !r.Told || s.mail == nil || r.Stage == "over" && day.Sub(r.Ends) > 30*24*time.Hour {
					continue
				}
				if err := s.mail.Send(tx, pastMail(tx.Context(), r, s.address(r.Slug)+"/me/record")); err != nil {
					return err
				}
			}
			return nil
		}); err != nil || n < remindedAtOnce {
			return err
		}
	}
}

// pastMail is what somebody is told of the end of a past record.
func pastMail(ctx context.Context, r endingRecord, page string) mail.Message {
	if l, ok := lang.Parse(r.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	words := []any{"Title", r.Title, "Org", r.Org, "Day", lang.Date(ctx, r.Ends), "Link", page}
	return mail.Message{To: r.Email, Subject: lang.T(ctx, "records.mail.subject."+r.Stage, words...), Text: lang.T(ctx, "records.mail.text."+r.Stage, words...) + "\n\n" + lang.T(ctx, "records.mail.foot", words...)}
}
