package tenants

import (
	"context"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// ConnectionView is a connection as its page shows it to one side.
type ConnectionView struct {
	Now          time.Time
	Other        Organization
	State        State
	WeAsked      bool
	WeAreB       bool   // which half of the terms is ours
	WeCall       string // relationship
	TheyCall     string
	Since        *time.Time
	FinishUntil  *time.Time
	InForce      *Version
	Proposed     *Version // waits for a signature; Proposed.Mine says whose
	Changes      []Change // between what is in force, or was proposed before, and what is proposed
	Earlier      []Version
	Finishing    int            // people of the own organization who may still finish
	Account      string         // the own number for the other
	Owner        id.Membership  // who of the own people looks after it; zero for nobody in particular
	Tags         []string       // the own ones for it
	Keepers      []PartnerOwner // who can look after it
	WeAnswered   int            // how many of its questions the own people answered, of what both read with both organizations; 0 below five
	TheyAnswered int            // and the other way round
	Mails        bool           // who looks gets the mails about it, unless others of the own organization do
	Log          []Receipt
	Crossings    []Crossing // what the people of the two read of each other's
}

// Version is a version of an agreement.
type Version struct {
	Number   int
	State    string // proposed, active, replaced, countered, declined, withdrawn or ended
	Mine     bool   // proposed by the own side
	Terms    Terms
	Hash     [32]byte
	Note     string
	Created  time.Time
	Decided  *time.Time
	SignedUs *time.Time
	SignedBy *time.Time // the other side
}

// Receipt is a line of the own log about the connection.
type Receipt struct {
	At     time.Time `db:"at"`
	Action string    `db:"action"`
	ByUs   bool      `db:"by_us"`
	Name   string    `db:"name"` // of the member of the own organization who did it
	// Of what is said together on a path: which version, and on which path; "" for one that is not to be seen any more.
	Version int    `db:"version"`
	Title   string `db:"title"`
}

// Ours and Theirs are the halves of the terms as this side sees them.
func (v ConnectionView) Ours(t Terms) Half {
	if v.WeAreB {
		return t.B
	}
	return t.A
}

// Theirs is what the other side gives.
func (v ConnectionView) Theirs(t Terms) Half {
	if v.WeAreB {
		return t.A
	}
	return t.B
}

// Tag changes with whatever a move of the connection depends on.
func (v ConnectionView) Tag() string {
	return connectionTag(v.State, v.FinishUntil, v.InForce.edition(), v.Proposed.edition())
}

func (v *Version) edition() string {
	if v == nil {
		return ""
	}
	return (&version{Version: v.Number, Hash: v.Hash[:]}).edition()
}

// Asked are the other side's collections that a proposal may ask for: those that are on the table, in force or proposed, called as
// they were there. What else the other side has is its own to offer.
func (v ConnectionView) Asked() []Opening {
	var out []Opening
	for _, x := range []*Version{v.Proposed, v.InForce} {
		if x == nil {
			continue
		}
		for _, o := range v.Theirs(x.Terms).Opens {
			if !slices.ContainsFunc(out, func(have Opening) bool { return have.Collection == o.Collection }) {
				out = append(out, o)
			}
		}
	}
	return out
}

type connectionRow struct {
	link

	Since        *time.Time     `db:"since"`
	WeCall       string         `db:"we_call"`
	TheyCall     string         `db:"they_call"`
	Mails        bool           `db:"mails"`
	Account      string         `db:"account"`
	Owner        id.Membership  `db:"owner_id"`
	Tags         []string       `db:"tags"`
	Keepers      []PartnerOwner `db:"keepers"`
	WeAnswered   int            `db:"we_answered"`
	TheyAnswered int            `db:"they_answered"`

	Finishing int `db:"finishing"`
}

// answered counts the questions of one organization that people of another answered, from five on. What is shown without its organization counts on
// neither side: a count must not tell whose it was.
func answered(asker, by string) string {
	return `SELECT CASE WHEN count(DISTINCT q.question_id) >= 5 THEN count(DISTINCT q.question_id) ELSE 0 END::int FROM answers a
	JOIN questions q ON q.org_id = a.question_org AND q.question_id = a.question_id AND q.state <> 'withdrawn' AND q.audience <> 'org' AND q.shown_as <> 'someone'
	WHERE a.question_org = ` + asker + ` AND a.org_id = ` + by + ` AND a.state = 'shown' AND a.audience <> 'org' AND a.shown_as <> 'someone'`
}

// Connection returns the connection of the own organization with another, with its versions and receipts; NotFound if there never
// was one. Whoever manages the network may see it.
func (s *Service) Connection(ctx context.Context, other id.Org) (ConnectionView, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return ConnectionView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return ConnectionView{}, err
	}
	var c connectionRow
	var found bool
	var versions []version
	v := ConnectionView{}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &c, &found, `SELECT c.connection_id, c.org_a, c.org_b, connection_state(c.state, c.finish_until, $4) AS state, c.state AS stored, c.asked_by, c.finish_until, c.since, coalesce(o.relationship, '') AS we_call, coalesce(t.relationship, '') AS they_call,
				NOT EXISTS (SELECT 1 FROM quiet_connections q WHERE q.org_id = $1 AND q.membership_id = $3 AND q.other_org = $2) AS mails,
				coalesce((SELECT n.account FROM partner_notes n WHERE n.org_id = $1 AND n.other_org = $2), '') AS account,
				(SELECT n.owner_id FROM partner_notes n WHERE n.org_id = $1 AND n.other_org = $2) AS owner_id, coalesce((SELECT n.tags FROM partner_notes n WHERE n.org_id = $1 AND n.other_org = $2), '{}') AS tags,
				(SELECT coalesce(json_agg(k), '[]') FROM (`+keepersSQL+`) k) AS keepers, (`+answered("$2", "$1")+`) AS we_answered, (`+answered("$1", "$2")+`) AS they_answered,
				(SELECT count(DISTINCT f.membership_id)::int FROM finishing f WHERE f.org_id = $1 AND f.item_org = $2 AND f.until > now()) AS finishing
			FROM connections c LEFT JOIN connection_sides o ON o.org_id = $1 AND o.other_org = $2 LEFT JOIN connection_sides t ON t.org_id = $2 AND t.other_org = $1
			WHERE least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid)`, sc.Org, other, sc.Membership, v.Now)
		db.List(b, &versions, `SELECT `+versionColumns+` FROM connections c JOIN agreements a ON a.connection_id = c.connection_id
			WHERE least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid) ORDER BY a.created_at DESC, a.version DESC LIMIT 50`, sc.Org, other)
		db.List(b, &v.Log, `SELECT a.at, a.action, coalesce((a.detail->>'by_us')::boolean, false) AS by_us, coalesce(m.name, '') AS name,
				coalesce((a.detail->>'version')::int, 0) AS version, coalesce(i.title, '') AS title FROM connections c
			JOIN audit a ON a.org_id = $1 AND a.object = 'connection:' || c.connection_id LEFT JOIN memberships m ON m.org_id = a.org_id AND m.membership_id = a.membership_id
			LEFT JOIN items i ON i.org_id IN ($1, $2) AND i.item_id = (a.detail->>'item')::uuid
			WHERE least(c.org_a, c.org_b) = least($1::uuid, $2::uuid) AND greatest(c.org_a, c.org_b) = greatest($1::uuid, $2::uuid) ORDER BY a.seq DESC LIMIT 50`, sc.Org, other)
		crossings(b, &v.Crossings, sc.Org, other)
	}); err != nil {
		return ConnectionView{}, err
	}
	if !found {
		return ConnectionView{}, errs.New(errs.NotFound, "connection with %s", other)
	}
	if v.Other, err = s.ByID(ctx, other); err != nil {
		return ConnectionView{}, err
	}
	v.State, v.WeAsked, v.WeAreB, v.WeCall, v.TheyCall = c.State, c.AskedBy == sc.Org, c.B == sc.Org, c.WeCall, c.TheyCall
	v.Since, v.FinishUntil, v.Finishing, v.Mails, v.Account, v.Owner, v.Tags = c.Since, c.Finish, c.Finishing, c.Mails, c.Account, c.Owner, c.Tags
	v.Keepers, v.WeAnswered, v.TheyAnswered = c.Keepers, c.WeAnswered, c.TheyAnswered
	for _, r := range versions {
		one := r.seen(sc.Org, v.WeAreB)
		switch r.State {
		case "proposed":
			v.Proposed = &one
		case "active":
			v.InForce = &one
		default:
			v.Earlier = append(v.Earlier, one)
		}
	}
	v.Changes = v.changes()
	return v, nil
}

// changes compares what is proposed with what is in force; before the first signature, with what was proposed before it.
func (v ConnectionView) changes() []Change {
	switch {
	case v.Proposed == nil:
		return nil
	case v.InForce != nil:
		return Diff(v.InForce.Terms, v.Proposed.Terms)
	case len(v.Earlier) > 0 && (v.Earlier[0].State == "countered" || v.Earlier[0].State == "replaced"):
		return Diff(v.Earlier[0].Terms, v.Proposed.Terms)
	}
	return nil
}

func (r version) seen(own id.Org, weAreB bool) Version {
	v := Version{
		Number: r.Version, State: r.State, Mine: r.ProposedBy == own, Terms: r.Terms, Note: r.Note, Created: r.Created, Decided: r.Decided,
		SignedUs: r.SignedA, SignedBy: r.SignedB,
	}
	copy(v.Hash[:], r.Hash)
	if weAreB {
		v.SignedUs, v.SignedBy = v.SignedBy, v.SignedUs
	}
	return v
}

// Impact is what signing or ending does on this side. The other side's people are its own to count.
type Impact struct {
	People    int        `db:"people"`   // active members of the own organization
	Opens     int        `db:"opens"`    // own items that the terms open to the other
	Learners  int        `db:"learners"` // own people in mid-course in what the other opens to us, and not to everybody
	Losing    int        `db:"losing"`   // of these, in what the proposal would close
	InCourse  []InCourse `db:"-"`
	FinishDay time.Time  `db:"-"` // until when those may finish if it ends with time to finish today
}

// InCourse is something of the other's that own people are in the middle of.
type InCourse struct {
	Title  string `db:"title"`
	Kind   string `db:"kind"`
	People int    `db:"people"`
}

// Impact counts what the terms, proposed or in force, do on the own side; NotFound if there never was a connection.
func (s *Service) Impact(ctx context.Context, v ConnectionView) (Impact, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return Impact{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Impact{}, err
	}
	var out Impact
	var t Terms
	switch {
	case v.Proposed != nil:
		t = v.Proposed.Terms
	case v.InForce != nil:
		t = v.InForce.Terms
	}
	collections := []id.Collection{}
	for _, o := range v.Ours(t).Opens {
		collections = append(collections, o.Collection)
	}
	gone, kept := []id.Collection{}, []id.Collection{}
	if v.Proposed != nil && v.InForce != nil {
		for _, o := range v.Theirs(v.Proposed.Terms).Opens {
			kept = append(kept, o.Collection)
		}
		for _, o := range v.Theirs(v.InForce.Terms).Opens {
			if !slices.Contains(kept, o.Collection) {
				gone = append(gone, o.Collection)
			}
		}
	}
	const midCourse = ` FROM enrollments e WHERE e.org_id = $1 AND e.item_org = $2 AND e.state = 'active' AND NOT EXISTS (SELECT 1 FROM collection_items ci
		JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id WHERE ci.org_id = e.item_org AND ci.item_id = e.item_id AND g.viewer_org = everyone())`
	var today time.Time
	if err := s.db.Read(ctx, func(b *db.Batch) {
		today = b.Now
		// One statement, because the page has several questions besides.
		db.One(b, &out, nil, `SELECT (SELECT count(*)::int FROM memberships m WHERE m.org_id = $1 AND m.state = 'active') AS people,
			(SELECT count(DISTINCT ci.item_id)::int FROM collection_items ci WHERE ci.org_id = $1 AND ci.collection_id = ANY($3) AND ci.listed_at IS NOT NULL AND ci.kind <> 'part') AS opens,
			(SELECT count(DISTINCT e.membership_id)::int`+midCourse+`) AS learners,
			(SELECT count(DISTINCT e.membership_id)::int`+midCourse+` AND EXISTS (SELECT 1 FROM collection_items ci WHERE ci.org_id = e.item_org AND ci.item_id = e.item_id AND ci.collection_id = ANY($4))
				AND NOT EXISTS (SELECT 1 FROM collection_items ci WHERE ci.org_id = e.item_org AND ci.item_id = e.item_id AND ci.collection_id = ANY($5))) AS losing`,
			sc.Org, v.Other.OrgID, collections, gone, kept)
		db.List(b, &out.InCourse, `SELECT e.title, e.kind, count(*)::int AS people`+midCourse+` GROUP BY e.title, e.kind ORDER BY people DESC, e.title LIMIT 20`, sc.Org, v.Other.OrgID)
	}); err != nil {
		return Impact{}, err
	}
	out.FinishDay = today
	if v.InForce != nil {
		out.FinishDay = today.AddDate(0, 0, v.InForce.Terms.FinishDays)
	}
	return out, nil
}

// SeenBy is what another organization can see of the acting one.
type SeenBy struct {
	Other       Organization
	State       State
	Items       []Item // opened to it by the agreement, newest first
	More        bool
	Agreement   int // how many the agreement opens
	Everybody   int // how many are public, which it sees as everybody does
	Collections []OpenCollection
}

// OpenCollection is a collection that a grant opens.
type OpenCollection struct {
	CollectionID id.Collection `db:"collection_id"`
	Slug         string        `db:"slug"`
	Title        string        `db:"title"`
	Right        string        `db:"use_right"`
	Until        *time.Time    `db:"until"`
}

// SeenBy returns the own items that the other organization can see: exactly those in collections that grants open to it, or, with
// public, those that are open to everybody. It is read with the own rights and writes nothing. NotFound if there is no connection.
func (s *Service) SeenBy(ctx context.Context, other Organization, public bool, after *Item, limit int) (SeenBy, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return SeenBy{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return SeenBy{}, err
	}
	if limit < 1 || limit > 200 {
		limit = 24
	}
	viewer := other.OrgID
	if public {
		viewer = id.Everyone
	}
	var at *time.Time
	last := id.Item{}
	if after != nil {
		at, last = after.PublishedAt, after.ItemID
	}
	v := SeenBy{Other: other}
	var found bool
	const open = `grants g JOIN collection_items ci ON ci.org_id = g.org_id AND ci.collection_id = g.collection_id AND ci.listed_at IS NOT NULL AND ci.kind <> 'part'
		WHERE g.org_id = $1 AND g.viewer_org = $2 AND (g.until IS NULL OR g.until > now())`
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &v.State, &found, `SELECT s.state FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = $2`, sc.Org, other.OrgID)
		db.List(b, &v.Items, `SELECT `+ItemColumns+` FROM (SELECT DISTINCT k.item_id, k.listed_at FROM grants g CROSS JOIN unnest($3::text[]) AS want(kind) CROSS JOIN LATERAL (
				SELECT ci.item_id, ci.listed_at FROM collection_items ci WHERE ci.org_id = g.org_id AND ci.collection_id = g.collection_id AND ci.kind = want.kind AND ci.listed_at IS NOT NULL
					AND ($4::timestamptz IS NULL OR (ci.listed_at <= $4 AND (ci.listed_at < $4 OR ci.item_id > $5)))
				ORDER BY ci.listed_at DESC, ci.item_id LIMIT $6) k
				WHERE g.org_id = $1 AND g.viewer_org = $2 AND (g.until IS NULL OR g.until > now()) ORDER BY k.listed_at DESC, k.item_id LIMIT $6) x
			JOIN items i ON i.org_id = $1 AND i.item_id = x.item_id ORDER BY x.listed_at DESC, i.item_id LIMIT $6`,
			sc.Org, viewer, []string{KindCourse, KindPath, KindResource, KindStory, KindGroup}, at, last, limit+1)
		db.One(b, &v.Agreement, nil, `SELECT count(DISTINCT ci.item_id)::int FROM `+open, sc.Org, other.OrgID)
		db.One(b, &v.Everybody, nil, `SELECT count(DISTINCT ci.item_id)::int FROM `+open, sc.Org, id.Everyone)
		db.List(b, &v.Collections, `SELECT g.collection_id, c.slug, c.title, g.use_right, g.until FROM grants g JOIN collections c ON c.org_id = g.org_id AND c.collection_id = g.collection_id
			WHERE g.org_id = $1 AND g.viewer_org = $2 AND (g.until IS NULL OR g.until > now()) ORDER BY lower(c.title), c.collection_id LIMIT 200`, sc.Org, viewer)
	}); err != nil {
		return SeenBy{}, err
	}
	if !found {
		return SeenBy{}, errs.New(errs.NotFound, "connection with %s", other.OrgID)
	}
	if len(v.Items) > limit {
		v.Items, v.More = v.Items[:limit], true
	}
	return v, nil
}
