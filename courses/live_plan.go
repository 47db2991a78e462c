package courses

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// LiveDraft is what an author says of a session.
type LiveDraft struct {
	Part   string
	Series string // the name of its series; "" for none
	Title  string
	About  string
	Host   string
	Zone   string
	Starts string // "2026-12-03T14:00", in the zone
	Ends   string // likewise
	Seats  int
	Link   string // https
}

// liveStamp is how a form writes a time.
const liveStamp = "2006-01-02T15:04"

// LiveDesk is what a session is planned and changed with.
type LiveDesk struct {
	Item    tenants.Item
	Parts   []LessonRef // what of it a session can be about
	Live    Live        // zero for a new one
	Draft   LiveDraft
	Taken   int
	Waiting int
	Series  []string // names of the organization's series
	Now     time.Time
}

const liveOutlineSQL = `SELECT v.outline FROM items i JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version WHERE i.org_id = $1 AND i.item_id = $2`

// LiveDesk returns what a new session of an own published course or path is planned with, or, with a session, that one is changed with.
// NotFound for anything else.
func (s *Service) LiveDesk(ctx context.Context, item id.Item, session id.Any) (LiveDesk, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return LiveDesk{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LiveDesk{}, err
	}
	var v LiveDesk
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		v = LiveDesk{Now: tx.Now}
		if !session.IsZero() {
			if v.Live, err = ownLive(tx, session); err != nil {
				return err
			}
			item = v.Live.Item
		}
		if v.Item, err = ownItem(tx, item); err != nil {
			return err
		}
		of, err := db.Row[outlineOnly](tx, liveOutlineSQL, sc.Org, item)
		if err != nil {
			return err
		}
		if of.Outline, err = of.Outline.open(tx, item); err != nil {
			return err
		}
		v.Parts = of.Outline.liveParts()
		if v.Series, err = db.Rows[string](tx, `SELECT DISTINCT l.series FROM live_sessions l WHERE l.org_id = $1 AND l.series <> '' ORDER BY l.series LIMIT 50`, sc.Org); err != nil {
			return err
		}
		if session.IsZero() {
			// The zone is the author's own, or else that of the organization's latest session.
			zone, err := db.Rows[string](tx, `SELECT z.zone FROM (SELECT x.zone, NULL::timestamptz AS at FROM live_settings x WHERE x.org_id = $1 AND x.membership_id = $2 AND x.zone <> ''
				UNION ALL SELECT l.zone, l.starts_at FROM live_sessions l WHERE l.org_id = $1) z ORDER BY z.at DESC NULLS FIRST LIMIT 1`, sc.Org, sc.Membership)
			if v.Draft = (LiveDraft{Seats: 12}); len(zone) > 0 {
				v.Draft.Zone = zone[0]
			}
			return err
		}
		link, err := db.Rows[string](tx, `SELECT k.link FROM live_links k WHERE k.org_id = $1 AND k.session_id = $2`, sc.Org, session)
		if err != nil {
			return err
		}
		v.Draft = v.Live.draft()
		if len(link) > 0 {
			v.Draft.Link = link[0]
		}
		v.Taken, v.Waiting, err = counted(tx, session)
		return err
	})
	return v, err
}

type outlineOnly struct {
	Outline Outline `db:"outline"`
}

// ownLive reads a session of the acting organization.
func ownLive(tx *db.Tx, session id.Any) (Live, error) {
	l, err := seenLive(tx, session)
	if err == nil && l.Org != tx.Scope.Org {
		err = errs.New(errs.NotFound, "live session %s is another's", session)
	}
	return l, err
}

// ownItem reads a published course or path of the acting organization.
func ownItem(tx *db.Tx, item id.Item) (tenants.Item, error) {
	it, err := db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind IN ('course', 'path') AND i.state = 'published'`, tx.Scope.Org, item)
	if err != nil {
		return it, fmt.Errorf("item of a live session %s: %w", item, err)
	}
	return it, nil
}

func (l Live) draft() LiveDraft {
	d := LiveDraft{Part: l.Part, Series: l.Series, Title: l.Title, About: l.About, Host: l.Host, Zone: l.Zone, Seats: l.Seats}
	if loc, err := time.LoadLocation(l.Zone); err == nil {
		d.Starts, d.Ends = l.Starts.In(loc).Format(liveStamp), l.Ends.In(loc).Format(liveStamp)
	}
	return d
}

// liveLongest and liveAhead bound how long a session takes and how far ahead it is planned.
const (
	liveLongest = 24 * time.Hour
	liveAhead   = 2 * 366 * 24 * time.Hour
)

// LiveZone returns the zone of a name (IANA), and whether there is one; that of the machine is none.
func LiveZone(name string) (*time.Location, bool) {
	if name == "" || name == "Local" || len(name) > 64 {
		return time.UTC, false
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC, false
	}
	return loc, true
}

// read checks what an author said and returns when it is. was is what stood there before.
func (d *LiveDraft) read(now time.Time, parts []LessonRef, was *Live) (starts, ends time.Time, err error) {
	d.Title, d.About, d.Host, d.Zone, d.Link, d.Series = strings.TrimSpace(d.Title), strings.TrimSpace(d.About), strings.TrimSpace(d.Host), strings.TrimSpace(d.Zone), strings.TrimSpace(d.Link), strings.TrimSpace(d.Series)
	var f []errs.Field
	bad := func(name, key string, args ...any) {
		f = append(f, errs.Field{Name: name, Key: "live.fault." + key, Args: args})
	}
	if d.Title == "" {
		bad("title", "title")
	}
	for _, t := range []struct {
		name, text string
		most       int
	}{{"title", d.Title, 200}, {"about", d.About, 2000}, {"host", d.Host, 200}, {"series", d.Series, markdown.SeriesMost}} {
		if utf8.RuneCountInString(t.text) > t.most {
			bad(t.name, "long", "Most", t.most)
		}
	}
	if d.Part != "" && (was == nil || was.Part != d.Part) && !slices.ContainsFunc(parts, func(p LessonRef) bool { return p.Key == d.Part }) {
		bad("part", "part")
	}
	if d.Seats < 1 || d.Seats > 1000 {
		bad("seats", "seats")
	}
	if u, err := url.Parse(d.Link); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(d.Link) > 2000 || strings.ContainsAny(d.Link, " \t\r\n") {
		bad("link", "link")
	}
	loc, ok := LiveZone(d.Zone)
	if !ok {
		bad("zone", "zone")
	}
	starts, serr := time.ParseInLocation(liveStamp, d.Starts, loc)
	ends, eerr := time.ParseInLocation(liveStamp, d.Ends, loc)
	switch {
	case serr != nil:
		bad("starts", "time")
	case (was == nil || !was.Starts.Equal(starts)) && (starts.Before(now) || starts.Sub(now) > liveAhead):
		bad("starts", "past")
	}
	switch {
	case eerr != nil:
		bad("ends", "time")
	case serr == nil && (!ends.After(starts) || ends.Sub(starts) > liveLongest):
		bad("ends", "order")
	}
	if len(f) > 0 {
		return starts, ends, errs.Fields(f...)
	}
	return starts.UTC(), ends.UTC(), nil
}

// PlanLive plans a session of an own published course or path. Invalid, with the field, for what cannot be.
func (s *Service) PlanLive(ctx context.Context, item id.Item, d LiveDraft) (session id.Any, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return id.Any{}, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		it, err := ownItem(tx, item)
		if err != nil {
			return err
		}
		of, err := db.Row[outlineOnly](tx, liveOutlineSQL, tx.Scope.Org, item)
		if err != nil {
			return err
		}
		starts, ends, err := d.read(tx.Now, of.Outline.liveParts(), nil)
		if err != nil {
			return err
		}
		session = id.New[id.Any]()
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `INSERT INTO live_sessions (org_id, session_id, item_id, part, title, about, host, zone, starts_at, ends_at, seats, made_by, made_at, changed_at, series) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)`,
				tx.Scope.Org, session, item, d.Part, d.Title, d.About, d.Host, d.Zone, starts, ends, d.Seats, memberOrNil(tx.Scope.Membership), tx.Now, d.Series)
			db.Write(b, nil, `INSERT INTO live_links (org_id, session_id, link) VALUES ($1, $2, $3)`, tx.Scope.Org, session, d.Link)
		}); err != nil {
			return fmt.Errorf("plan a live session of %s: %w", item, err)
		}
		return tenants.Audit(tx, "live.planned", "item:"+item.String(), map[string]string{"session": session.String(), "item": it.Title})
	})
	return session, err
}

// ChangeLive changes an own session that is not over. Whoever has a seat or waits is told of another time or other words; more seats go to
// those who wait, in their order. Invalid, with the field, for what cannot be, also for fewer seats than are taken.
func (s *Service) ChangeLive(ctx context.Context, session id.Any, d LiveDraft) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		was, err := ownLive(tx, session)
		if err != nil {
			return err
		}
		if was.Over(tx.Now) {
			return errs.Say(errs.Conflict, "live.fault.over")
		}
		of, err := db.Row[outlineOnly](tx, liveOutlineSQL, tx.Scope.Org, was.Item)
		if err != nil {
			return err
		}
		starts, ends, err := d.read(tx.Now, of.Outline.liveParts(), &was)
		if err != nil {
			return err
		}
		if err := lockLive(tx, session); err != nil {
			return err
		}
		taken, _, err := counted(tx, session)
		if err != nil {
			return err
		}
		if d.Seats < taken {
			return errs.Fields(errs.Field{Name: "seats", Key: "live.fault.taken", Args: []any{"Count", taken}})
		}
		moved := !starts.Equal(was.Starts) || !ends.Equal(was.Ends) || d.Zone != was.Zone
		told := moved || d.Title != was.Title || d.About != was.About || d.Host != was.Host
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `UPDATE live_sessions SET part = $3, title = $4, about = $5, host = $6, zone = $7, starts_at = $8, ends_at = $9, seats = $10, sequence = sequence + $11, changed_at = $12, series = $13 WHERE org_id = $1 AND session_id = $2`,
				tx.Scope.Org, session, d.Part, d.Title, d.About, d.Host, d.Zone, starts, ends, d.Seats, boolInt(told), tx.Now, d.Series)
			db.Write(b, nil, `INSERT INTO live_links (org_id, session_id, link) VALUES ($1, $2, $3) ON CONFLICT (org_id, session_id) DO UPDATE SET link = excluded.link`, tx.Scope.Org, session, d.Link)
		}); err != nil {
			return fmt.Errorf("change live session %s: %w", session, err)
		}
		if err := tx.As(scope.Usher, tx.Scope.Org, func() error {
			if moved {
				if _, err := tx.Exec(`UPDATE live_seats SET reminded = '' WHERE session_org = $1 AND session_id = $2 AND reminded <> ''`, tx.Scope.Org, session); err != nil {
					return err
				}
			}
			if told {
				if err := spread(tx, session, LiveChanged); err != nil {
					return err
				}
			}
			return moveUp(tx, session)
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "live.changed", "item:"+was.Item.String(), map[string]string{"session": session.String()})
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// CancelLive calls an own session off, whose title must be given; whoever has a seat or waits is told. Repeating it changes nothing.
func (s *Service) CancelLive(ctx context.Context, session id.Any, title string) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		l, err := ownLive(tx, session)
		if err != nil || l.State == LiveCancelled {
			return err
		}
		if !l.Ends.After(tx.Now) {
			return errs.Say(errs.Conflict, "live.fault.over")
		}
		if !strings.EqualFold(strings.TrimSpace(title), l.Title) {
			return errs.Fields(errs.Field{Name: "title_again", Key: "live.fault.title_again"})
		}
		if err := tx.Must(`UPDATE live_sessions SET state = 'cancelled', sequence = sequence + 1, changed_at = $3 WHERE org_id = $1 AND session_id = $2`, tx.Scope.Org, session, tx.Now); err != nil {
			return err
		}
		if err := tx.As(scope.Usher, tx.Scope.Org, func() error { return spread(tx, session, LiveCalledOff) }); err != nil {
			return err
		}
		return tenants.Audit(tx, "live.cancelled", "item:"+l.Item.String(), map[string]string{"session": session.String()})
	})
}
