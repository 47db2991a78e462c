package courses

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// DatedThing is one thing in somebody's calendar: a whole UTC day.
type DatedThing struct {
	Key   string    `db:"key"`   // what it is, the same whenever the calendar is read
	Title string    `db:"title"` // of what is due, or begins
	What  string    `db:"what"`  // of the messages assign.calendar.*
	Path  string    `db:"path"`  // of the portal
	Day   time.Time `db:"day"`
}

// datedThings are the dates of a member ($2 of $1): of what they are on. Whatever else a person has in the calendar joins here.
const datedThings = `SELECT 'due-' || e.enrollment_id AS key, e.title, 'due' AS what, '/' || e.kind || '/' || e.item_id AS path, (least(e.due_at, e.own_due_at) AT TIME ZONE 'UTC')::date AS day FROM enrollments e
	WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state = 'active' AND (e.due_at IS NOT NULL OR e.own_due_at IS NOT NULL)`

// OpenCalendar makes a new address for the acting member's calendar, in place of one that there was, and returns what it ends with. It is told
// this once.
func (s *Service) OpenCalendar(ctx context.Context) (string, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return "", err
	}
	token := secret.NewToken()
	return token, s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO calendar_feeds (org_id, membership_id, token_hash, made_at) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, membership_id) DO UPDATE SET token_hash = excluded.token_hash, made_at = excluded.made_at`,
			tx.Scope.Org, tx.Scope.Membership, secret.Hash(token), tx.Now)
		return err
	})
}

// CloseCalendar closes the address of the acting member's calendar. Repeating it is safe.
func (s *Service) CloseCalendar(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM calendar_feeds WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
		return err
	})
}

// Calendar returns the dates of whoever made the address of the organization that ends with the token, as an iCalendar object (RFC 5545). It
// is for whoever has the address; NotFound for any other, and for somebody who is no active member any more.
func (s *Service) Calendar(ctx context.Context, org id.Org, token string) (string, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return "", err
	}
	var who struct {
		Member id.Membership `db:"membership_id"`
		Locale string        `db:"locale"`
		Org    string        `db:"org"`
		Slug   string        `db:"slug"`
	}
	var now time.Time
	var list []DatedThing
	if err := s.db.Tx(jobs.Enter(ctx, scope.Mailer, org), func(tx *db.Tx) (err error) {
		now = tx.Now
		if err := tx.Prove(fmt.Sprintf("%x", secret.Hash(token))); err != nil {
			return err
		}
		if err = tx.Batch(func(b *db.Batch) {
			db.One(b, &who, nil, `SELECT m.membership_id, m.locale, o.name AS org, o.slug FROM calendar_feeds f JOIN memberships m ON m.org_id = f.org_id AND m.membership_id = f.membership_id AND m.state = 'active'
				JOIN organizations o ON o.org_id = f.org_id AND o.state = 'active' WHERE f.org_id = $1 AND f.token_hash = $2`, org, secret.Hash(token))
		}); err != nil {
			return err
		}
		if who.Member.IsZero() {
			return errs.New(errs.NotFound, "calendar")
		}
		list, err = db.Rows[DatedThing](tx, datedThings+` ORDER BY day, key LIMIT 1000`, org, who.Member)
		return err
	}); err != nil {
		return "", fmt.Errorf("calendar of %s: %w", org, err)
	}
	if l, ok := lang.Parse(who.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	slices.SortFunc(list, func(a, b DatedThing) int { return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Key, b.Key)) })
	return calendar(ctx, who.Org, s.address(who.Slug), now, list), nil
}

// calendar is dated things as an iCalendar object. Identifiers stay the same, so that a calendar takes a change for what it is.
func calendar(ctx context.Context, name, base string, now time.Time, list []DatedThing) string {
	domain := "localhost"
	if u, err := url.Parse(base); err == nil && u.Hostname() != "" {
		domain = u.Hostname()
	}
	cal := ics.NewCalendar()
	cal.SetProductId("-//Learnscape//Learnscape//EN")
	cal.SetMethod(ics.MethodPublish)
	cal.SetName(lang.T(ctx, "assign.calendar.name", "Org", name))
	for _, d := range list {
		e := cal.AddEvent(d.Key + "@" + domain)
		e.SetDtStampTime(now)
		e.SetAllDayStartAt(d.Day)
		e.SetAllDayEndAt(d.Day.AddDate(0, 0, 1))
		e.SetSummary(lang.T(ctx, "assign.calendar."+d.What, "Title", d.Title))
		e.SetURL(base + d.Path)
		e.SetTimeTransparency(ics.TransparencyTransparent) // A date takes no time.
	}
	return cal.Serialize(ics.WithNewLineWindows) // RFC 5545, 3.1, whatever the machine.
}
