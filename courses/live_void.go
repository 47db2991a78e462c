package courses

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// voidMost is how many letters the reason has with which attendance is taken back.
const voidMost = 300

// VoidedAttendance is attendance that was noted by mistake and taken back.
type VoidedAttendance struct {
	Title  string    `db:"title"` // of the session
	Starts time.Time `db:"starts_at"`
	Org    id.Org    `db:"session_org"`
	Reason string    `db:"reason"`
	By     string    `db:"by_name"` // of a colleague; "" for people of other organizations and for who is gone
	At     time.Time `db:"voided_at"`

	Of tenants.Organization `db:"-"` // whose session it is
}

// voidedSQL is what was taken back of the member $2 of $1.
const voidedSQL = `SELECT v.title, v.starts_at, v.session_org, v.reason, coalesce(k.name, '') AS by_name, v.voided_at
	FROM live_voided v LEFT JOIN memberships k ON k.org_id = $1 AND k.org_id = v.session_org AND k.membership_id = v.voided_by WHERE v.org_id = $1 AND v.membership_id = $2 AND NOT v.again `

// VoidAttendance takes back that somebody came to an own session, which was noted by mistake. What they finished by that alone is open again,
// and they are told why; certificates stay until whoever gave them takes them back. MarkAttendance undoes it. NotFound for who was not noted;
// Conflict where the session is open to their organization no more and they have no time to finish: its record stays as it is; Invalid, with
// the field, without a reason or with one of more than 300 letters.
func (s *Service) VoidAttendance(ctx context.Context, session, seat id.Any, reason string) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := ownLive(tx, session)
		if err != nil {
			return err
		}
		by := tx.Scope.Membership
		if err := tx.As(scope.Usher, tx.Scope.Org, func() error {
			of, err := db.Row[struct {
				Org    id.Org        `db:"org_id"`
				Member id.Membership `db:"membership_id"`
				Open   bool          `db:"open"`
			}](tx, `UPDATE live_seats s SET attended = false WHERE s.session_org = $1 AND s.session_id = $2 AND s.seat_id = $3 AND s.attended
				RETURNING s.org_id, s.membership_id, s.org_id = $1 OR `+openTo("$1", "$4", "s.org_id", "$5")+` AS open`, tx.Scope.Org, session, seat, l.Item, tx.Now)
			if err != nil {
				return err
			}
			if !of.Open {
				if err := tx.As(scope.Usher, of.Org, func() (err error) {
					of.Open, err = mayFinish(tx, of.Member, l.Org, l.Item, tx.Now)
					return err
				}); err != nil {
					return err
				}
			}
			if !of.Open {
				return errs.Say(errs.Conflict, "live.void.apart")
			}
			if reason = strings.TrimSpace(reason); reason == "" || utf8.RuneCountInString(reason) > voidMost || strings.ContainsRune(reason, 0) {
				return errs.Fields(errs.Field{Name: "reason", Key: "live.void.fault", Args: []any{"Most", voidMost}})
			}
			if err := tx.Must(`INSERT INTO live_voided (org_id, membership_id, session_id, session_org, title, starts_at, reason, voided_by, voided_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
				ON CONFLICT (org_id, membership_id, session_id) DO UPDATE SET reason = excluded.reason, voided_by = excluded.voided_by, voided_at = excluded.voided_at, again = false, items = '{}', carried_at = NULL`,
				of.Org, of.Member, session, tx.Scope.Org, l.Title, l.Starts, reason, by, tx.Now); err != nil {
				return err
			}
			return jobs.Emit(tx, LiveAttended{Org: of.Org, Session: session, Membership: of.Member})
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "live.attendance_voided", "item:"+l.Item.String(), map[string]string{"session": session.String(), "seat": seat.String(), "reason": reason})
	})
	if err != nil {
		return fmt.Errorf("take attendance in %s back: %w", session, err)
	}
	return nil
}

// voided is attendance taken back as its person's organization carries it out.
type voided struct {
	Member  id.Membership `db:"membership_id"`
	Session id.Any        `db:"session_id"`
	Owner   id.Org        `db:"session_org"`
	Title   string        `db:"title"`
	Starts  time.Time     `db:"starts_at"`
	Reason  string        `db:"reason"`
	Again   bool          `db:"again"`
	Came    bool          `db:"came"`
}

// carryVoid does what follows for a member of the acting organization once an attendance was taken back, or noted again after that. Repeating it
// is safe: what was done is noted.
func (u *Usher) carryVoid(tx *db.Tx, e LiveAttended) error {
	list, err := db.Rows[voided](tx, `SELECT v.membership_id, v.session_id, v.session_org, v.title, v.starts_at, v.reason, v.again, coalesce(s.attended, false) AS came
		FROM live_voided v JOIN live_seats s ON s.org_id = v.org_id AND s.membership_id = v.membership_id AND s.session_id = v.session_id
		WHERE v.org_id = $1 AND v.membership_id = $2 AND v.session_id = $3 AND v.carried_at IS NULL FOR UPDATE OF v`, tx.Scope.Org, e.Membership, e.Session)
	if err != nil || len(list) == 0 {
		return err
	}
	v := list[0]
	if v.Came {
		if err := tx.Must(`DELETE FROM live_voided WHERE org_id = $1 AND membership_id = $2 AND session_id = $3`, tx.Scope.Org, v.Member, v.Session); err != nil || !v.Again {
			return err // Who was told nothing has nothing to be told.
		}
		return u.tellVoid(tx, v, "again", false)
	}
	var items []id.Item
	if err := tx.For(v.Member, func() (err error) {
		items, err = u.s.unearn(tx, v)
		return err
	}); err != nil {
		return err
	}
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `UPDATE live_voided SET items = $4, carried_at = $5 WHERE org_id = $1 AND membership_id = $2 AND session_id = $3`, tx.Scope.Org, v.Member, v.Session, items, tx.Now)
		// The stream says it after what it takes back, with the same time: so its minutes count no more, whenever they are counted.
		db.Write(b, nil, `INSERT INTO statements (org_id, at, statement_id, membership_id, verb, object_org, object_kind, object_id, object_part, formal, pull, minutes, context)
			SELECT s.org_id, s.at, gen_random_uuid(), s.membership_id, 'voided', s.object_org, s.object_kind, s.object_id, s.object_part, s.formal, s.pull, -s.minutes, jsonb_build_object('session', $3::uuid, 'statement', s.statement_id)
			FROM statements s WHERE s.org_id = $1 AND s.membership_id = $2 AND s.at = $4 AND s.verb = 'attended' AND s.context->>'session' = $3::text
				AND NOT EXISTS (SELECT 1 FROM statements x WHERE x.org_id = $1 AND x.membership_id = $2 AND x.at = $4 AND x.verb = 'voided' AND x.context->>'statement' = s.statement_id::text)`, tx.Scope.Org, v.Member, v.Session, v.Starts)
		if len(items) > 0 {
			jobs.Queue(b, tx.Now, ProgressTakenBack{Org: tx.Scope.Org, Membership: v.Member, At: tx.Now})
		}
	}); err != nil {
		return fmt.Errorf("take back that somebody came: %w", err)
	}
	if tx.Scope.Org != v.Owner {
		if err := tenants.Audit(tx, "attendance.voided", "membership:"+v.Member.String(), map[string]any{"title": v.Title, "reason": v.Reason}); err != nil {
			return err
		}
	}
	return u.tellVoid(tx, v, "voided", len(items) > 0)
}

// restingSQL is what the member $2 of $1 finished, while it had a session in it that the session $3 is for.
const restingSQL = `SELECT c.item_org, c.item_id, c.lesson_key, c.version FROM live_sessions x JOIN completions c ON c.org_id = $1 AND c.membership_id = $2 AND c.item_org = x.org_id AND NOT c.by_test
	JOIN lessons l ON l.org_id = c.item_org AND l.item_id = c.item_id AND l.version = c.version AND l.key = c.lesson_key
	WHERE x.session_id = $3 AND ` + doneBy + ` ORDER BY c.item_id, c.lesson_key LIMIT 100`

// unearn takes back what the member for whom tx acts finished by having come to a session and by nothing else: not what another session, a test
// or a recording finished. It returns the courses and paths in which something is open again. A wrong record is no progress: unlike a new
// version, it takes away what rests on it.
func (s *Service) unearn(tx *db.Tx, v voided) (items []id.Item, err error) {
	list, err := db.Rows[struct {
		Org     id.Org  `db:"item_org"`
		Item    id.Item `db:"item_id"`
		Lesson  string  `db:"lesson_key"`
		Version int     `db:"version"`
	}](tx, restingSQL, tx.Scope.Org, v.Member, v.Session)
	if err != nil {
		return nil, fmt.Errorf("what rests on having come: %w", err)
	}
	items = []id.Item{}
	for _, c := range list {
		switch open, err := openMeets(tx, located{Org: c.Org, Item: c.Item, Lesson: c.Lesson, Version: c.Version}); {
		case err != nil:
			return nil, err
		case open.Live == 0:
			continue
		}
		if err := tx.Must(`DELETE FROM completions WHERE org_id = $1 AND membership_id = $2 AND item_org = $3 AND item_id = $4 AND lesson_key = $5`, tx.Scope.Org, v.Member, c.Org, c.Item, c.Lesson); err != nil {
			return nil, err
		}
		open, err := s.reopen(tx, Leaf{c.Item, c.Lesson})
		if err != nil {
			return nil, err
		}
		items = append(items, open...)
	}
	return items, nil
}

// reopen counts the enrollments of tx's member anew that contain a leaf which is finished no more, also those that were complete, and returns of
// which items something is open by that.
func (s *Service) reopen(tx *db.Tx, gone Leaf) (items []id.Item, err error) {
	t := tally{gone: &gone}
	if err := tx.Batch(func(b *db.Batch) { t.queue(b, tx.Scope, gone.Item) }); err != nil {
		return nil, err
	}
	list, err := s.readTx(tx, t.editions()...)
	if err != nil {
		return nil, err
	}
	err = tx.Batch(func(b *db.Batch) { items = t.recount(b, tx, list) })
	return items, err
}

// tellVoid mails a member what was taken back, and why, or that it was noted again.
func (u *Usher) tellVoid(tx *db.Tx, v voided, what string, open bool) error {
	return tx.As(scope.Mailer, tx.Scope.Org, func() error {
		var a addressed
		if err := tx.For(v.Member, func() (err error) {
			a, err = db.Row[addressed](tx, addressedSQL+`m.membership_id = $3 LIMIT 1`, tx.Scope.Org, v.Session, v.Member)
			return ignore(err, errs.NotFound)
		}); err != nil || a.To == "" {
			return err
		}
		ctx := tx.Context()
		if l, ok := lang.Parse(a.Locale); ok {
			ctx = lang.With(ctx, l)
		}
		when, _ := a.When(ctx, a.MyZone)
		words := []any{"Title", a.Title, "When", when, "Org", a.By, "Reason", v.Reason, "Item", a.ItemTitle, "Link", u.s.liveURL(a)}
		text := lang.T(ctx, "live.mail."+what+".text", words...)
		if open {
			text += "\n\n" + lang.T(ctx, "live.mail.voided.open", words...)
		}
		return u.mail.Send(tx, mail.Message{To: a.To, Subject: lang.T(ctx, "live.mail."+what+".subject", words...), Text: text + "\n\n" + u.s.liveURL(a)})
	})
}
