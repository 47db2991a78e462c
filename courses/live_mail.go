package courses

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Usher tells people of their live sessions: that they have a seat, as an invitation for their calendar, what changes, and, a day and an
// hour before, that it begins. It acts for the organization for which they learn, and reads of a session what its people may see.
type Usher struct {
	s    *Service
	mail *mail.Service
	jobs *jobs.Client
}

// NewUsher returns the usher of an installation and registers its job.
func NewUsher(s *Service, m *mail.Service, c *jobs.Client) *Usher {
	u := &Usher{s, m, c}
	u.work(c)
	return u
}

// Listen registers what follows on news of a session and on somebody's coming.
func (u *Usher) Listen(relay *jobs.Relay) {
	jobs.On(relay, scope.Mailer, func(ctx context.Context, events []LiveNews) error {
		for _, e := range events {
			if err := u.Tell(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	jobs.On(relay, scope.Usher, u.Attended)
	u.s.listenGroups(relay)
	jobs.On(relay, scope.Usher, func(ctx context.Context, _ []tenants.ConnectionChanged) error { return u.Lost(ctx) })
	jobs.On(relay, scope.Usher, u.Closed)
	jobs.On(relay, scope.Usher, func(ctx context.Context, _ []SeatsDue) error { return u.Lost(ctx) })
}

// Attended writes into the activity stream of the acting organization that its members came to sessions, and finishes the steps that are done by
// that; what was taken back it undoes. An event only says whose rows to look at; repeating it writes nothing twice.
func (u *Usher) Attended(ctx context.Context, events []LiveAttended) error {
	if err := authz.Check(ctx, authz.SeatPeople, id.Org{}); err != nil {
		return err
	}
	return u.s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			if err := u.carryVoid(tx, e); err != nil {
				return err
			}
			if err := tx.For(e.Membership, func() error { return u.attended(tx, e) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// attended does it for the member for whom tx acts.
func (u *Usher) attended(tx *db.Tx, e LiveAttended) error {
	of := e.Session.String() + "/" + e.Membership.String()
	// What was taken back and noted again is said again.
	if n, err := db.Row[int](tx, `SELECT count(*)::int FROM live_sessions l JOIN statements s ON s.org_id = $1 AND s.membership_id = $2 AND s.at = l.starts_at AND s.verb = 'voided' AND s.context->>'session' = l.session_id::text
		WHERE l.session_id = $3`, tx.Scope.Org, e.Membership, e.Session); err != nil {
		return err
	} else if n > 0 {
		of += "/" + strconv.Itoa(n)
	}
	if _, err := tx.Exec(`INSERT INTO statements (org_id, at, statement_id, membership_id, verb, object_org, object_kind, object_id, object_part, formal, pull, minutes, context)
		SELECT s.org_id, l.starts_at, $4, s.membership_id, 'attended', l.org_id, i.kind, l.item_id, l.part, true, true, (extract(epoch FROM l.ends_at - l.starts_at) / 60)::int, jsonb_build_object('session', l.session_id)
		FROM live_seats s JOIN live_sessions l ON l.org_id = s.session_org AND l.session_id = s.session_id JOIN items i ON i.org_id = l.org_id AND i.item_id = l.item_id
		WHERE s.org_id = $1 AND s.membership_id = $2 AND s.session_id = $3 AND s.attended ON CONFLICT DO NOTHING`,
		tx.Scope.Org, e.Membership, e.Session, id.Derive[id.Any]("learnscape/live", of)); err != nil {
		return fmt.Errorf("note that somebody came: %w", err)
	}
	return u.s.came(tx, e)
}

// addressed is a session as it is told of to somebody.
type addressed struct {
	Live

	Member id.Membership `db:"membership_id"`
	To     string        `db:"email"`
	Name   string        `db:"name"`
	Locale string        `db:"locale"`
	MyZone string        `db:"my_zone"`
	Quiet  bool          `db:"quiet"`
	Slug   string        `db:"org_slug"` // of the own organization
	By     string        `db:"by_name"`  // whose session it is
}

// addressedSQL reads sessions with members of the organization $1 who have to do with them. They are read as the organization's people may.
const addressedSQL = `SELECT l.session_id, l.org_id, l.item_id, l.part, l.title, l.about, l.host, l.zone, l.starts_at, l.ends_at, l.seats, l.full_up, l.state, l.sequence, l.series, i.title AS item_title, i.kind AS item_kind, i.slug AS item_slug,
		CASE WHEN s.seat_id IS NULL THEN '' WHEN s.number IS NULL THEN 'waiting' ELSE 'seat' END AS mine, coalesce(s.attended, false) AS attended, ` + liveRecording + `,
		m.membership_id, m.email, m.name, m.locale, coalesce(x.zone, '') AS my_zone, coalesce(x.quiet, false) AS quiet, h.slug AS org_slug, o.name AS by_name
	FROM live_sessions l JOIN items i ON i.org_id = l.org_id AND i.item_id = l.item_id JOIN organizations o ON o.org_id = l.org_id JOIN organizations h ON h.org_id = $1
		JOIN memberships m ON m.org_id = $1 AND m.state = 'active' AND m.email <> '' LEFT JOIN live_seats s ON s.org_id = $1 AND s.membership_id = m.membership_id AND s.session_org = l.org_id AND s.session_id = l.session_id
		LEFT JOIN live_settings x ON x.org_id = $1 AND x.membership_id = m.membership_id
	WHERE l.session_id = $2 AND h.state = 'active' AND `

// liveMails bounds how many people of an organization one session has.
const liveMails = 1000

// Tell mails people of the acting organization what the news is: the one that it names, or all who have a seat or wait. What is not so any
// more is not told.
func (u *Usher) Tell(ctx context.Context, e LiveNews) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	want := map[string]string{LiveTaken: LiveSeat, LiveMovedUp: LiveSeat, LiveQueued: LiveWaiting, LiveLeft: ""}
	return u.s.db.Tx(ctx, func(tx *db.Tx) error {
		who := `m.membership_id = $3`
		if e.Membership.IsZero() {
			who = `s.seat_id IS NOT NULL AND $3::uuid IS NULL`
		}
		list, err := db.Rows[addressed](tx, addressedSQL+who+` ORDER BY m.membership_id LIMIT $4`, tx.Scope.Org, e.Session, e.Membership, liveMails)
		if err != nil {
			return fmt.Errorf("tell of live session %s: %w", e.Session, err)
		}
		for _, a := range list {
			mine, bound := want[e.What]
			switch {
			case bound && a.Mine != mine, !bound && a.Mine == "", (a.State == LiveCancelled) != (e.What == LiveCalledOff) && e.What != LiveLeft, !a.Ends.After(tx.Now):
				continue
			}
			if err := u.mail.Send(tx, u.s.liveMail(tx.Context(), a, e.What, tx.Now)); err != nil {
				return err
			}
		}
		if len(list) == 0 || list[0].State == LiveCancelled {
			return nil
		}
		return u.plan(tx, list[0].Live)
	})
}

// Remind mails those members of the acting organization who have a seat that a session begins, once for each of "day" and "hour". One that
// was put to another time meanwhile is left alone.
func (u *Usher) Remind(ctx context.Context, session id.Any, what string, starts time.Time) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	return u.s.db.Tx(ctx, func(tx *db.Tx) error {
		list, err := db.Rows[addressed](tx, addressedSQL+`s.number IS NOT NULL AND s.reminded <> $3 AND s.reminded <> 'hour' AND l.state = 'planned' AND l.starts_at = $4 AND l.starts_at > $5 ORDER BY m.membership_id LIMIT $6`,
			tx.Scope.Org, session, what, starts, tx.Now, liveMails)
		if err != nil {
			return fmt.Errorf("remind of live session %s: %w", session, err)
		}
		for _, a := range list {
			if err := tx.Must(`UPDATE live_seats SET reminded = $4 WHERE org_id = $1 AND membership_id = $2 AND session_id = $3`, tx.Scope.Org, a.Member, session, what); err != nil {
				return err
			}
			if a.Quiet {
				continue
			}
			if err := u.mail.Send(tx, u.s.liveMail(tx.Context(), a, what, tx.Now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// liveMail is what somebody reads of a session, with the invitation for their calendar where that changes.
func (s *Service) liveMail(ctx context.Context, a addressed, what string, now time.Time) mail.Message {
	if l, ok := lang.Parse(a.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	when, there := a.When(ctx, a.MyZone)
	if there != "" {
		when += "\n" + there
	}
	link := s.liveURL(a)
	words := []any{"Title", a.Title, "Item", a.ItemTitle, "When", when, "Org", a.By, "Link", link}
	m := mail.Message{To: a.To, Subject: lang.T(ctx, "live.mail."+what+".subject", words...), Text: lang.T(ctx, "live.mail."+what+".text", words...) + "\n\n" + lang.T(ctx, "live.mail.foot", words...)}
	switch {
	case what == LiveTaken, what == LiveMovedUp, what == LiveChanged && a.Mine == LiveSeat:
		m.Calendar = s.invitation(a, calendarRequest, now)
	case what == LiveLeft, what == LiveCalledOff && a.Mine == LiveSeat:
		m.Calendar = s.invitation(a, calendarCancel, now)
	}
	return m
}

// When is when a session is, in a zone and, where the clocks differ then, in the zone of the session beside it; "" for the zone is the
// session's.
func (l Live) When(ctx context.Context, zone string) (own, there string) {
	at, ok := LiveZone(zone)
	session, _ := LiveZone(l.Zone)
	if !ok {
		return span(ctx, l.Starts.In(session), l.Ends.In(session), l.Zone), ""
	}
	own = span(ctx, l.Starts.In(at), l.Ends.In(at), zone)
	_, a := l.Starts.In(at).Zone()
	if _, b := l.Starts.In(session).Zone(); a != b {
		there = span(ctx, l.Starts.In(session), l.Ends.In(session), l.Zone)
	}
	return own, there
}

// span writes two times of a zone.
func span(ctx context.Context, from, to time.Time, zone string) string {
	day := func(t time.Time) string {
		return lang.T(ctx, "live.day", "Weekday", lang.T(ctx, "live.weekday."+strconv.Itoa(int(t.Weekday()))), "Date", lang.Date(ctx, t))
	}
	words := []any{"Day", day(from), "From", from.Format("15:04"), "To", to.Format("15:04"), "Zone", strings.ReplaceAll(zone, "_", " ")}
	if from.Format(time.DateOnly) != to.Format(time.DateOnly) {
		return lang.T(ctx, "live.when_days", append(words, "Until", day(to))...)
	}
	return lang.T(ctx, "live.when", words...)
}

// liveURL is the address of a session's page on the portal of the organization for which somebody learns.
func (s *Service) liveURL(a addressed) string { return s.url(a.Slug) + "/live/" + a.ID.String() }

// LiveCalendar returns the session as a file for the calendar of the acting member. NotFound without a seat.
func (s *Service) LiveCalendar(ctx context.Context, session id.Any) (string, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return "", err
	}
	var out string
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		a, err := db.Row[addressed](tx, addressedSQL+`m.membership_id = $3 AND s.number IS NOT NULL AND l.state = 'planned'`, tx.Scope.Org, session, tx.Scope.Membership)
		if err != nil {
			return fmt.Errorf("calendar of live session %s: %w", session, err)
		}
		out = s.invitation(a, calendarPublish, tx.Now)
		return nil
	})
	return out, err
}
