package tenants

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
)

// Routine is what happens in the network without anybody pressing a button: mails to partner managers, reminders, and what comes to its
// end by itself. Everything it does has a key and happens once, however often it is asked.
type Routine struct {
	db   *db.DB
	mail *mail.Service
	jobs *jobs.Client
	url  func(slug string) string // the address of an organization's portal

	onDue []func(ctx context.Context, at time.Time) error
}

// NewRoutine returns the routine of an installation and registers its jobs. url returns the address of an organization's portal.
func NewRoutine(d *db.DB, m *mail.Service, c *jobs.Client, url func(slug string) string) *Routine {
	r := &Routine{db: d, mail: m, jobs: c, url: url}
	r.work(c)
	return r
}

// OnDue registers what another room tells its people by an hour; as the mailer of each organization that is not closed, every hour.
func (r *Routine) OnDue(do func(ctx context.Context, at time.Time) error) {
	r.onDue = append(r.onDue, do)
}

// Listen registers what follows on a move of a connection, and on a batch that was asked for.
func (r *Routine) Listen(relay *jobs.Relay) {
	jobs.On(relay, scope.Mailer, r.Moved)
	jobs.On(relay, scope.Agreement, r.asked)
}

// about is a connection as a mail of one side tells of it.
type about struct {
	Connection id.Connection `db:"connection_id"`
	Other      id.Org        `db:"other_org"`
	Slug       string        `db:"slug"`
	Name       string        `db:"name"`
	OwnSlug    string        `db:"own_slug"`
	OwnName    string        `db:"own_name"`
	page       string        // to which a mail leads, before the other's slug; "" for that of the connection
	link       string        // message key of the words around that; "" for those of a connection
}

// moved is a receipt of the own log with what it takes to tell of it.
type moved struct {
	about

	Action  string `db:"action"`
	Version int    `db:"version"`
	Finish  string `db:"finish"` // RFC 3339; "" for none
	Waits   bool   `db:"waits"`  // the version is still proposed, by an organization that does not rest
	Before  string `db:"before"` // state of the version before it; "" for none
	InForce bool   `db:"in_force"`
	Item    string `db:"item"` // that it is about; "" for none
	Title   string `db:"title"`
}

// Moved mails the partner managers of the acting organization what the other side did, and what came to its end by itself; their own
// moves they know. Of each kind of move one a day is mailed; that there were more, Remind tells when the day is over.
func (r *Routine) Moved(ctx context.Context, events []ConnectionChanged) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	for _, e := range events {
		if e.Receipt == 0 {
			continue
		}
		if err := r.db.Tx(ctx, func(tx *db.Tx) error { return r.tellMove(tx, e) }); err != nil {
			return fmt.Errorf("tell of receipt %d: %w", e.Receipt, err)
		}
	}
	return nil
}

func (r *Routine) tellMove(tx *db.Tx, e ConnectionChanged) error {
	m, err := db.Row[moved](tx, `SELECT `+aboutColumns+`, x.action, coalesce((x.detail->>'version')::int, 0) AS version, coalesce(x.detail->>'finish_until', '') AS finish,
			coalesce(v.state = 'proposed' AND o.state = 'active', false) AS waits, coalesce((SELECT p.state FROM agreements p WHERE p.agreement_id = v.agreement_id AND p.version < v.version ORDER BY p.version DESC LIMIT 1), '') AS before,
			EXISTS (SELECT 1 FROM agreements p WHERE p.connection_id = c.connection_id AND p.state = 'active') AS in_force,
			coalesce(x.detail->>'item', '') AS item, coalesce((SELECT i.title FROM items i WHERE i.org_id IN ($1, $2) AND i.item_id::text = x.detail->>'item'), '') AS title
		FROM audit x JOIN `+aboutFrom+` AND x.object = 'connection:' || c.connection_id
		LEFT JOIN LATERAL (SELECT a.agreement_id, a.version, a.state FROM agreements a WHERE a.connection_id = c.connection_id AND a.version = (x.detail->>'version')::int ORDER BY a.created_at DESC LIMIT 1) v ON true
		WHERE x.org_id = $1 AND x.seq = $3 AND (NOT coalesce((x.detail->>'by_us')::boolean, false) OR x.action IN ('connection.lapsed', 'connection.closed'))`, tx.Scope.Org, e.Other, e.Receipt)
	if errs.Is(err, errs.NotFound) {
		return nil // The own move, or nothing that this organization has a receipt of.
	}
	if err != nil {
		return err
	}
	key, kv := m.Action, []any{"Version", strconv.Itoa(m.Version)}
	switch m.Action {
	case "agreement.proposed", "agreement.reminded":
		if !m.Waits {
			return nil // It was answered, changed or taken back in the meantime, which has a mail of its own; or who offers it rests.
		}
		switch {
		case m.Action == "agreement.reminded":
		case m.Before == "countered":
			key = "agreement.countered"
		case m.InForce:
			key = "agreement.changed"
		}
	case "connection.ended", "connection.lapsed":
		if day, err := time.Parse(time.RFC3339Nano, m.Finish); err == nil {
			key += "_finish"
			kv = append(kv, "Day", day)
		}
	case "agreement.signed", "agreement.declined", "agreement.withdrawn", "connection.paused", "connection.resumed", "connection.closed":
	case "joint.proposed", "joint.accepted", "joint.declined", "joint.withdrawn", "joint.taken_back":
		m.page, m.link = "/joint/"+m.Item+"/", "notice.link_joint"
		kv = append(kv, "Title", m.Title)
	default:
		return nil
	}
	if fresh, err := noticed(tx, m.Connection, "receipt:"+strconv.FormatInt(e.Receipt, 10)); err != nil || !fresh {
		return err
	}
	day := tx.Now.UTC().Format(time.DateOnly)
	first, err := noticed(tx, m.Connection, "day:"+day+":"+key)
	if err != nil {
		return err
	}
	if !first { // One mail a day of each kind: whoever moves back and forth fills nobody's mailbox.
		_, err := noticed(tx, m.Connection, heldBack+day)
		return err
	}
	return r.send(tx, m.about, key, kv...)
}

// heldBack is how the key of a notice begins that says: more happened that day than was mailed.
const heldBack = "held:"

// more tells once of each day that is over on which more happened than was mailed.
func (r *Routine) more(tx *db.Tx, at time.Time) error {
	list, err := db.Rows[struct {
		about

		Key string `db:"key"`
	}](tx, `SELECT n.key, c.connection_id, o.org_id AS other_org, o.slug, o.name, i.slug AS own_slug, i.name AS own_name FROM notices n JOIN connections c ON c.connection_id = n.connection_id
			JOIN organizations o ON o.org_id = CASE WHEN c.org_a = n.org_id THEN c.org_b ELSE c.org_a END JOIN organizations i ON i.org_id = n.org_id
		WHERE n.org_id = $1 AND starts_with(n.key, $2) AND right(n.key, 10) < $3 ORDER BY n.connection_id, n.key LIMIT $4`, tx.Scope.Org, heldBack, at.UTC().Format(time.DateOnly), routinePage)
	if err != nil {
		return err
	}
	for _, l := range list {
		if err := tx.Must(`DELETE FROM notices WHERE org_id = $1 AND connection_id = $2 AND key = $3`, tx.Scope.Org, l.Connection, l.Key); err != nil {
			return err
		}
		if err := r.tell(tx, l.about, "more:"+l.Key, "more"); err != nil {
			return err
		}
	}
	return nil
}

// A connection with the other organization $2 of $1, and what a mail says of the two.
const (
	aboutColumns = `c.connection_id, o.org_id AS other_org, o.slug, o.name, i.slug AS own_slug, i.name AS own_name`
	aboutFrom    = `connections c ON least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid)
		JOIN organizations o ON o.org_id = $2 JOIN organizations i ON i.org_id = $1`
)

// reader is somebody who gets the mails about a connection.
type reader struct {
	Email  string `db:"email"`
	Locale string `db:"locale"`
}

// tell mails the partner managers of tx's organization, each in the own language, once for a key; where there are none, the
// administrators. Whoever turned the mails of this connection off gets none. A time among the pairs is written as a day.
func (r *Routine) tell(tx *db.Tx, a about, once, key string, kv ...any) error {
	if fresh, err := noticed(tx, a.Connection, once); err != nil || !fresh {
		return err
	}
	return r.send(tx, a, key, kv...)
}

// noticed keeps the key of something about a connection of tx's organization, and says whether it is new.
func noticed(tx *db.Tx, c id.Connection, key string) (bool, error) {
	n, err := tx.Exec(`INSERT INTO notices (org_id, connection_id, key, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, tx.Scope.Org, c, key, tx.Now)
	return n > 0, err
}

func (r *Routine) send(tx *db.Tx, a about, key string, kv ...any) error {
	readers, err := db.Rows[reader](tx, `SELECT m.email, m.locale FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND m.email <> ''
		AND (CASE WHEN EXISTS (SELECT 1 FROM memberships p WHERE p.org_id = $1 AND p.state = 'active' AND 'partner_manager' = ANY (p.roles)) THEN 'partner_manager' ELSE 'administrator' END) = ANY (m.roles)
		AND NOT EXISTS (SELECT 1 FROM quiet_connections q WHERE q.org_id = m.org_id AND q.membership_id = m.membership_id AND q.other_org = $2)
		ORDER BY m.email LIMIT 100`, tx.Scope.Org, a.Other)
	if err != nil {
		return err
	}
	for _, to := range readers {
		if err := r.mail.Send(tx, r.message(tx.Context(), to, a, key, kv...)); err != nil {
			return err
		}
	}
	return nil
}

// message is what one reader is told.
func (r *Routine) message(ctx context.Context, to reader, a about, key string, kv ...any) mail.Message {
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	words := []any{"Org", a.Name, "Own", a.OwnName, "Link", r.url(a.OwnSlug) + cmp.Or(a.page, "/network/") + a.Slug}
	for _, v := range kv {
		if day, ok := v.(time.Time); ok {
			v = lang.Date(ctx, day)
		}
		words = append(words, v)
	}
	return mail.Message{
		To: to.Email, Subject: lang.T(ctx, "notice.subject."+key, words...),
		Text: lang.T(ctx, "notice.text."+key, words...) + "\n\n" + lang.T(ctx, cmp.Or(a.link, "notice.link"), words...),
	}
}

// SetMails turns the mails about the connection with another organization on or off for who acts; NotFound without one. Repeating
// it is safe.
func (s *Service) SetMails(ctx context.Context, other id.Org, on bool) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := db.Row[string](tx, `SELECT s.state FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = $2`, tx.Scope.Org, other); err != nil {
			return err
		}
		q := `INSERT INTO quiet_connections (org_id, membership_id, other_org) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
		if on {
			q = `DELETE FROM quiet_connections WHERE org_id = $1 AND membership_id = $2 AND other_org = $3`
		}
		_, err := tx.Exec(q, tx.Scope.Org, tx.Scope.Membership, other)
		return err
	})
}

// standing is a connection of the acting organization, as the routine looks at it.
type standing struct {
	about

	State      State      `db:"state"`
	Finish     *time.Time `db:"finish_until"`
	Agreement  string     `db:"agreement_id"`
	Version    int        `db:"version"`    // in force, or that was until it ended; 0 for none
	Until      string     `db:"until"`      // of that version
	Since      *time.Time `db:"decided_at"` // when both had signed it, or when it ended
	Waiting    int        `db:"waiting"`    // version that waits for the own side; 0 for none
	WaitsSince *time.Time `db:"waits_since"`
}

// routinePage is how many connections the routine looks at in one transaction.
const routinePage = 200

// Elapse writes down what came to its end by the time at: an agreement whose last day is over ends with the time to finish that it
// grants, and a time to finish that is over closes. Both sides get a receipt. Repeating it is safe.
func (r *Routine) Elapse(ctx context.Context, at time.Time) error {
	if err := authz.Check(ctx, authz.CarryOut, id.Org{}); err != nil {
		return err
	}
	var over []id.Org
	err := r.each(ctx, func(_ *db.Tx, s standing) error {
		if s.elapsed(at) {
			over = append(over, s.Other)
		}
		return nil
	})
	failed := []error{err}
	for _, other := range over {
		// Each in a transaction of its own: one that fails holds up no other.
		if err := r.elapse(ctx, other, at); err != nil {
			failed = append(failed, fmt.Errorf("connection with %s: %w", other, err))
		}
	}
	return errors.Join(failed...)
}

func (s standing) elapsed(at time.Time) bool {
	switch s.State {
	case Ending:
		return s.Finish != nil && !s.Finish.After(at)
	case Active, Paused:
		end, err := day(s.Until)
		return err == nil && end != nil && !end.After(at)
	default:
		return false
	}
}

func (r *Routine) elapse(ctx context.Context, other id.Org, at time.Time) error {
	return r.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := lock(tx, other)
		if err != nil || l == nil {
			return err
		}
		switch l.Stored {
		case Ending:
			if l.Finish == nil || l.Finish.After(at) {
				return nil
			}
			if err := l.become(tx, Ended, nil); err != nil {
				return err
			}
			return l.note(tx, "connection.closed", nil)
		case Active, Paused:
			return l.lapse(tx, at)
		default:
			return nil
		}
	})
}

// lapse ends an agreement whose last day is over by the time.
func (l *link) lapse(tx *db.Tx, at time.Time) error {
	if l.inForce == nil {
		return nil
	}
	end, err := day(l.inForce.Terms.Until)
	if err != nil || end == nil || end.After(at) {
		return err
	}
	to, until := Ended, (*time.Time)(nil)
	if last := end.AddDate(0, 0, l.inForce.Terms.FinishDays); last.After(at) {
		to, until = Ending, &last
	}
	if err := l.end(tx, to, until); err != nil {
		return err
	}
	return l.note(tx, "connection.lapsed", map[string]any{"finish_until": until})
}

// Remind mails what is due by the time at: an offer that has waited for 3 and for 10 days, what ends in 30, 7 and 1 days, and once a
// year that an agreement without an end still holds; and that more happened on a day than was mailed. Repeating it is safe.
func (r *Routine) Remind(ctx context.Context, at time.Time) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	if err := r.db.Tx(ctx, func(tx *db.Tx) error { return r.more(tx, at) }); err != nil {
		return err
	}
	return r.each(ctx, func(tx *db.Tx, s standing) error {
		for _, d := range s.due(at) {
			if err := r.tell(tx, s.about, d.once, d.key, d.kv...); err != nil {
				return err
			}
		}
		return nil
	})
}

// due is a mail that is due, once for its key.
type due struct {
	once, key string
	kv        []any
}

const oneDay = 24 * time.Hour

// due lists what the people of one side are to be told by the time. Of several steps that were passed while nobody looked, only the last counts.
func (s standing) due(at time.Time) (out []due) {
	if s.WaitsSince != nil {
		for _, days := range []int{10, 3} {
			if at.Sub(*s.WaitsSince) >= time.Duration(days)*oneDay {
				out = append(out, due{fmt.Sprintf("waits:%d:%s:%d", days, s.Agreement, s.Waiting), "waits", []any{"Day", *s.WaitsSince}})
				break
			}
		}
	}
	ends := func(what string, end time.Time, agreed *time.Time) {
		for _, days := range []int{1, 7, 30} {
			from := end.Add(-time.Duration(days) * oneDay)
			if at.Before(from) {
				continue
			}
			// What was agreed with fewer days to go needs no announcement of them.
			if at.Before(end) && (agreed == nil || agreed.Before(from)) {
				left := int(end.Sub(at).Hours()/24) + 1
				if end.Sub(at)%oneDay == 0 {
					left--
				}
				out = append(out, due{fmt.Sprintf("%s:%d:%s:%s", what, days, s.Agreement, end.UTC().Format(time.DateOnly)), what, []any{"Count", left, "Day", end.Add(-time.Second)}})
			}
			break
		}
	}
	switch s.State {
	case Active, Paused:
		end, err := day(s.Until)
		switch {
		case err != nil || s.Since == nil:
		case end != nil:
			ends("ends", *end, s.Since)
		default:
			years := at.Year() - s.Since.Year()
			if at.Before(s.Since.AddDate(years, 0, 0)) {
				years--
			}
			// After a month nobody thinks of the day any more.
			if years > 0 && at.Before(s.Since.AddDate(years, 1, 0)) {
				out = append(out, due{fmt.Sprintf("year:%d:%s:%d", years, s.Agreement, s.Version), "year", []any{"Day", *s.Since}})
			}
		}
	case Ending:
		if s.Finish != nil {
			ends("finish_ends", *s.Finish, s.Since)
		}
	default: // Nothing that ends is in force.
	}
	return out
}

// each calls fn for every connection of the acting organization that runs or waits, some of them in one transaction.
func (r *Routine) each(ctx context.Context, fn func(*db.Tx, standing) error) error {
	last := id.Connection{}
	for {
		var rows []standing
		if err := r.db.Tx(ctx, func(tx *db.Tx) (err error) {
			rows, err = db.Rows[standing](tx, `SELECT c.connection_id, o.org_id AS other_org, o.slug, o.name, i.slug AS own_slug, i.name AS own_name, c.state, c.finish_until,
					coalesce(f.agreement_id::text, w.agreement_id::text, '') AS agreement_id, coalesce(f.version, 0) AS version, coalesce(f.until, '') AS until, f.decided_at,
					coalesce(w.version, 0) AS waiting, w.created_at AS waits_since
				FROM connection_sides s JOIN connections c ON c.connection_id = s.connection_id JOIN organizations o ON o.org_id = s.other_org JOIN organizations i ON i.org_id = s.org_id
				LEFT JOIN LATERAL (SELECT a.agreement_id, a.version, a.terms->>'until' AS until, CASE a.state WHEN 'active' THEN coalesce(greatest(a.accepted_a_at, a.accepted_b_at), a.created_at) ELSE a.decided_at END AS decided_at
					FROM agreements a WHERE a.connection_id = c.connection_id AND a.state = CASE s.state WHEN 'ending' THEN 'ended' ELSE 'active' END ORDER BY a.decided_at DESC LIMIT 1) f ON true
				LEFT JOIN LATERAL (SELECT a.agreement_id, a.version, a.created_at FROM agreements a WHERE a.connection_id = c.connection_id AND a.state = 'proposed' AND a.proposed_by <> s.org_id AND o.state = 'active' LIMIT 1) w ON true
				WHERE s.org_id = $1 AND s.state IN ('asked', 'active', 'paused', 'ending') AND ($2::uuid IS NULL OR c.connection_id > $2) ORDER BY c.connection_id LIMIT $3`, tx.Scope.Org, last, routinePage)
			if err != nil {
				return err
			}
			for _, s := range rows {
				if err := fn(tx, s); err != nil {
					return fmt.Errorf("connection with %s: %w", s.Other, err)
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if len(rows) < routinePage {
			return nil
		}
		last = rows[len(rows)-1].Connection
	}
}
