package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // What a zone is must not depend on the machine.

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The states of a live session.
const (
	LivePlanned   = "planned"
	LiveCancelled = "cancelled"
)

// How a member stands to a live session.
const (
	LiveSeat    = "seat"
	LiveWaiting = "waiting"
)

// LiveOpens is how long before its beginning it is shown where people meet.
const LiveOpens = 15 * time.Minute

// Live is a live session as somebody sees it: people meet at a time about a course or path, or about a part of it.
type Live struct {
	ID       id.Any    `db:"session_id"`
	Org      id.Org    `db:"org_id"` // whose it is
	Item     id.Item   `db:"item_id"`
	Part     string    `db:"part"` // key of a lesson or step; "" for the whole
	Title    string    `db:"title"`
	About    string    `db:"about"`
	Host     string    `db:"host"` // who leads it
	Zone     string    `db:"zone"` // in which it was planned (IANA)
	Starts   time.Time `db:"starts_at"`
	Ends     time.Time `db:"ends_at"`
	Seats    int       `db:"seats"`
	Full     bool      `db:"full_up"`
	State    string    `db:"state"`
	Sequence int       `db:"sequence"`
	Series   string    `db:"series"` // its name; "" for none

	ItemTitle string `db:"item_title"`
	ItemKind  string `db:"item_kind"`
	ItemSlug  string `db:"item_slug"`

	Mine     string `db:"mine"` // LiveSeat, LiveWaiting or ""
	Attended bool   `db:"attended"`

	Recording string `db:"recording"` // key of the lesson or step that its recording is a part of, once that is published; "" before
}

// Of is what the session is about, as far as an address needs it.
func (l Live) Of() tenants.Item {
	return tenants.Item{OrgID: l.Org, ItemID: l.Item, Kind: l.ItemKind, Slug: l.ItemSlug, Title: l.ItemTitle}
}

// Over reports whether it has ended, or does not take place.
func (l Live) Over(now time.Time) bool { return l.State == LiveCancelled || !l.Ends.After(now) }

// Opened reports whether who has a seat is shown where people meet.
func (l Live) Opened(now time.Time) bool {
	return l.State == LivePlanned && !now.Before(l.Starts.Add(-LiveOpens)) && !now.After(l.Ends)
}

const liveColumns = `l.session_id, l.org_id, l.item_id, l.part, l.title, l.about, l.host, l.zone, l.starts_at, l.ends_at, l.seats, l.full_up, l.state, l.sequence, l.series, i.title AS item_title, i.kind AS item_kind, i.slug AS item_slug,
	CASE WHEN s.seat_id IS NULL THEN '' WHEN s.number IS NULL THEN 'waiting' ELSE 'seat' END AS mine, coalesce(s.attended, false) AS attended, ` + liveRecording

// liveRecording is where the recording of a session l of the item i is, once a version with it is in force.
const liveRecording = `CASE WHEN l.recorded_after < i.version THEN l.recording ELSE '' END AS recording`

// liveFrom joins a session to its item and to the seat of the member $2 of the organization $1.
const liveFrom = `live_sessions l JOIN items i ON i.org_id = l.org_id AND i.item_id = l.item_id LEFT JOIN live_seats s ON s.org_id = $1 AND s.membership_id = $2 AND s.session_org = l.org_id AND s.session_id = l.session_id`

var liveSQL = `SELECT ` + liveColumns + ` FROM ` + liveFrom + ` WHERE l.session_id = $3 AND ` + tenants.Seen("$1")

// seenLive reads a session as tx's member sees it; NotFound if they do not.
func seenLive(tx *db.Tx, session id.Any) (Live, error) {
	l, err := db.Row[Live](tx, liveSQL, tx.Scope.Org, tx.Scope.Membership, session)
	if err != nil {
		return l, fmt.Errorf("live session %s: %w", session, err)
	}
	return l, nil
}

// LiveSettings are how a member reads times, and whether they are reminded.
type LiveSettings struct {
	Zone  string `db:"zone"`  // IANA; "" for that of each session
	Quiet bool   `db:"quiet"` // no reminders are wanted
}

const liveSettingsSQL = `SELECT x.zone, x.quiet FROM live_settings x WHERE x.org_id = $1 AND x.membership_id = $2`

// LiveFilter narrows the list of live sessions.
type LiveFilter struct {
	Item id.Item // of a course or path; zero for all
	Mine bool    // those in which the member has a seat or waits for one
	Past bool    // those that are over, the last first
	Page int     // from 0
}

// LiveList is a page of live sessions.
type LiveList struct {
	Now      time.Time
	Rows     []Live
	More     bool
	Orgs     map[id.Org]tenants.Organization
	Settings LiveSettings
	Member   bool // somebody is signed in
	Author   bool // who can plan sessions of own courses and paths
}

// livesPage is how many lines a page has.
const livesPage = 20

// Lives lists live sessions of what the viewer sees, by their beginning; visitors see those of public courses and paths.
func (s *Service) Lives(ctx context.Context, f LiveFilter) (LiveList, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return LiveList{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LiveList{}, err
	}
	v := LiveList{Member: sc.SignedIn(), Author: authz.Allowed(sc, authz.Author, id.Org{})}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, livesSQL(f), sc.Org, sc.Membership, b.Now, f.Item, livesPage+1, min(max(f.Page, 0), 1000)*livesPage)
		db.One(b, &v.Settings, nil, liveSettingsSQL, sc.Org, sc.Membership)
	}); err != nil {
		return v, err
	}
	if len(v.Rows) > livesPage {
		v.Rows, v.More = v.Rows[:livesPage], true
	}
	v.Orgs, err = s.tenants.ByIDs(ctx, liveOrgs(v.Rows)...)
	return v, err
}

func liveOrgs(list []Live) (out []id.Org) {
	for _, l := range list {
		if !slices.Contains(out, l.Org) {
			out = append(out, l.Org)
		}
	}
	return out
}

// livesSQL begins with what can be read: the member's own seats, the sessions of one item, or those of own items and of the newest of what
// is open.
func livesSQL(f LiveFilter) string {
	from := `(SELECT x.org_id, x.session_id FROM live_sessions x WHERE x.org_id = $1
		UNION SELECT x.org_id, x.session_id FROM open_items('{course,path}', NULL, NULL, NULL, 500) o JOIN live_sessions x ON x.org_id = o.org_id AND x.item_id = o.item_id)`
	switch {
	case !f.Item.IsZero():
		from = `(SELECT x.org_id, x.session_id FROM items y JOIN live_sessions x ON x.org_id = y.org_id AND x.item_id = y.item_id WHERE y.item_id = $4)`
	case f.Mine:
		from = `(SELECT x.session_org AS org_id, x.session_id FROM live_seats x WHERE x.org_id = $1 AND x.membership_id = $2)`
	}
	when := `l.ends_at > $3 ORDER BY l.starts_at, l.session_id`
	if f.Past {
		when = `l.ends_at <= $3 ORDER BY l.starts_at DESC, l.session_id`
	}
	mine := ``
	if f.Mine {
		mine = `s.seat_id IS NOT NULL AND `
	}
	return `SELECT ` + liveColumns + ` FROM ` + from + ` w JOIN ` + strings.Replace(liveFrom, `live_sessions l JOIN`, `live_sessions l ON l.org_id = w.org_id AND l.session_id = w.session_id JOIN`, 1) +
		` WHERE ($4::uuid IS NULL OR l.item_id = $4) AND ` + tenants.Seen("$1") + ` AND ` + mine + when + ` LIMIT $5 OFFSET $6`
}

// liveBeside is how many sessions stand beside a course, path or lesson.
const liveBeside = 5

// LivePlace is a place in a course or path beside which sessions are shown: those about the whole and about the part. A lesson that is a
// part of a path's course has two places.
type LivePlace struct {
	Item id.Item
	Part string // key of a lesson or step; "" for all of the item
}

// LivesBeside lists the next sessions of the places, as far as the viewer sees them.
func (s *Service) LivesBeside(ctx context.Context, places ...LivePlace) (LiveList, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return LiveList{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LiveList{}, err
	}
	var items []id.Item
	var parts []string
	for _, p := range places {
		items, parts = append(items, p.Item), append(parts, p.Part)
	}
	v := LiveList{Member: sc.SignedIn()}
	var owner id.Org
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, `SELECT `+liveColumns+` FROM unnest($4::uuid[], $5::text[]) AS w(item, part) JOIN items y ON y.item_id = w.item
			JOIN `+strings.Replace(liveFrom, `live_sessions l JOIN`, `live_sessions l ON l.org_id = y.org_id AND l.item_id = y.item_id AND (w.part = '' OR l.part IN ('', w.part)) JOIN`, 1)+`
			WHERE `+tenants.Seen("$1")+` AND l.ends_at > $3 AND l.state = 'planned' ORDER BY l.starts_at, l.session_id LIMIT $6`, sc.Org, sc.Membership, b.Now, items, parts, liveBeside)
		db.One(b, &v.Settings, nil, liveSettingsSQL, sc.Org, sc.Membership)
		db.One(b, &owner, nil, `SELECT i.org_id FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind IN ('course', 'path') AND i.state = 'published'`, sc.Org, items[0])
	}); err != nil {
		return v, err
	}
	v.Author = !owner.IsZero() && authz.Allowed(sc, authz.Author, owner)
	return v, nil
}

// LiveView is a live session on its page.
type LiveView struct {
	Live
	Now      time.Time
	By       tenants.Organization // whose it is
	Own      tenants.Organization // the viewer's; zero for visitors
	Name     string               // the viewer's own
	Link     string               // where people meet; "" while it is not shown
	Settings LiveSettings
	People   []LivePerson // who has a seat and is named to the viewer, in the order of their coming
	Named    []string     // organizations whose people read the viewer's name, if they come
	Member   bool
	Author   bool // the viewer writes for whose it is
	Room     string
	Voided   []VoidedAttendance // that the viewer came, if it was taken back
}

// LivePerson is somebody who has a seat.
type LivePerson struct {
	Name string `db:"name"`
	Org  id.Org `db:"org_id"`

	By tenants.Organization `db:"-"`
}

// livePeople is how many people a page names.
const livePeople = 50

// LiveSession returns a live session. NotFound for what the viewer may not see.
func (s *Service) LiveSession(ctx context.Context, session id.Any) (LiveView, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return LiveView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LiveView{}, err
	}
	v := LiveView{Member: sc.SignedIn()}
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Live, &found, liveSQL, sc.Org, sc.Membership, session)
		if !v.Member {
			return
		}
		db.One(b, &v.Settings, nil, liveSettingsSQL, sc.Org, sc.Membership)
		db.One(b, &v.Name, nil, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, sc.Org, sc.Membership)
		db.List(b, &v.Voided, voidedSQL+`AND v.session_id = $3 LIMIT 1`, sc.Org, sc.Membership, session)
		db.One(b, &v.Link, nil, `SELECT k.link FROM live_links k WHERE k.session_id = $1`, session)
		// Colleagues by the name that they have here; others by the one that they come under.
		db.List(b, &v.People, `SELECT coalesce(m.name, s.shown_name) AS name, s.org_id FROM live_seats s LEFT JOIN memberships m ON m.org_id = $1 AND m.org_id = s.org_id AND m.membership_id = s.membership_id AND m.state = 'active'
			WHERE s.session_id = $2 AND s.number IS NOT NULL AND (m.name IS NOT NULL OR s.org_id <> $1 AND s.shown_name <> '') ORDER BY s.place LIMIT $3`, sc.Org, session, livePeople)
		db.List(b, &v.Named, `SELECT o.name FROM connection_sides c JOIN organizations o ON o.org_id = c.other_org WHERE c.org_id = $1 AND c.state = 'active' AND c.meet = 'name' ORDER BY o.name, o.org_id LIMIT 50`, sc.Org)
	}); err != nil {
		return v, err
	}
	if !found {
		return LiveView{}, errs.New(errs.NotFound, "live session %s", session)
	}
	v.Author = authz.Allowed(sc, authz.Author, v.Org)
	ids := []id.Org{sc.Org, v.Org}
	for _, p := range v.People {
		ids = append(ids, p.Org)
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	if err != nil {
		return v, err
	}
	v.By, v.Own = orgs[v.Org], orgs[sc.Org]
	for i := range v.Voided {
		v.Voided[i].Of = v.By
	}
	for i := range v.People {
		v.People[i].By = orgs[v.People[i].Org]
	}
	v.Room, _ = v.titleOf(ctx, s)
	if v.Recording != "" {
		at := v.Live
		at.Part = v.Recording
		if at, _ := at.titleOf(ctx, s); at == "" {
			v.Recording = "" // It was taken out since.
		}
	}
	if v.Author && v.Mine == "" {
		v.Link = "" // It is on the page on which it is changed.
	}
	return v, nil
}

// titleOf is the title of the part that a session is about, "" for the whole or where it is gone.
func (l Live) titleOf(ctx context.Context, s *Service) (string, error) {
	if l.Part == "" {
		return "", nil
	}
	var o struct {
		Outline Outline `db:"outline"`
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		of, err := db.Row[outlineOnly](tx, liveOutlineSQL, l.Org, l.Item)
		if err != nil {
			return err
		}
		o.Outline, err = of.Outline.open(tx, l.Item)
		return err
	}); err != nil {
		return "", ignore(err, errs.NotFound)
	}
	for _, p := range o.Outline.liveParts() {
		if p.Key == l.Part {
			return p.Title, nil
		}
	}
	return "", nil
}

// liveParts are what of an outline a session can be about.
func (o Outline) liveParts() []LessonRef {
	out := o.Lessons()
	for _, st := range o.Steps {
		out = append(out, LessonRef{Key: st.Key, Title: st.Title, Kind: st.Kind})
	}
	return out
}

// SetLiveSettings keeps in which zone the acting member reads times ("" for that of each session), and whether they are reminded. Invalid
// for a zone that there is not.
func (s *Service) SetLiveSettings(ctx context.Context, set LiveSettings) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	if set.Zone = strings.TrimSpace(set.Zone); set.Zone != "" {
		if _, ok := LiveZone(set.Zone); !ok {
			return errs.Fields(errs.Field{Name: "my_zone", Key: "live.fault.zone"})
		}
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO live_settings (org_id, membership_id, zone, quiet) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, membership_id) DO UPDATE SET zone = excluded.zone, quiet = excluded.quiet`,
			tx.Scope.Org, tx.Scope.Membership, set.Zone, set.Quiet)
	})
}
