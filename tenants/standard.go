package tenants

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// Standard is a standard agreement: terms that an organization offers to many, in versions that never change.
type Standard struct {
	ID      id.Any         `db:"standard_id"`
	Title   string         `db:"title"`
	State   string         `db:"state"`   // open, or retired: offered to nobody new
	Version int            `db:"version"` // the newest
	Changed time.Time      `db:"changed"` // when that was published
	Counts  StandardCounts `db:"-"`
}

// StandardCounts says how many partners of a standard agreement stand where.
type StandardCounts struct {
	Newest     int `db:"n_newest"`     // signed the newest version
	Earlier    int `db:"n_earlier"`    // are on an earlier one
	Waiting    int `db:"n_waiting"`    // have not answered an offer of it; some of them are on an earlier version
	Countered  int `db:"n_countered"`  // answered with other terms
	Exceptions int `db:"n_exceptions"` // signed terms of their own after it was offered
}

// StandardVersion is a version of a standard agreement.
type StandardVersion struct {
	Version  int       `db:"version"`
	Proposal Proposal  `db:"proposal"` // ours is the publisher's half
	HashA    []byte    `db:"hash_a"`   // of the terms where the publisher is side A of a connection, and where it is side B
	HashB    []byte    `db:"hash_b"`
	By       string    `db:"by"` // name of the member who published it
	Created  time.Time `db:"created_at"`
}

const standardVersionColumns = `v.version, v.proposal, v.hash_a, v.hash_b, v.created_at`

// Where a partner of a standard agreement stands.
const (
	OnNewest    = "newest"
	OnEarlier   = "earlier"
	OnWaiting   = "waiting" // has an offer of it to answer
	OnCountered = "countered"
	OnException = "exception" // signed other terms
	OnOver      = "over"      // declined it, or the connection ended
)

// StandardPartner is a partner to whom a standard agreement was offered.
type StandardPartner struct {
	OrgID    id.Org    `db:"org_id"`
	Slug     string    `db:"slug"`
	Name     string    `db:"name"`
	Short    string    `db:"short"`
	Hue      int       `db:"hue"`
	Chroma   float64   `db:"chroma"`
	Stands   string    `db:"stands"`
	Offered  int       `db:"offered"`  // the newest version that was proposed to it
	On       int       `db:"on_v"`     // the version that is in force; 0 for none of them
	Since    time.Time `db:"since"`    // when what Stands says began
	WeAreB   bool      `db:"we_are_b"` // which half of Terms is the publisher's
	Terms    *Terms    `db:"terms"`    // of an exception or a counter-offer, to be compared with the standard
	Key      string    `db:"key"`
	Reminded bool      `db:"reminded"` // asked for an answer within three days
}

// standardPartners are the partners of the standard agreements of $1 (of $2 alone unless it is null), with where they stand.
const standardPartners = `(SELECT x.*, CASE
		WHEN x.proposed_by = $1 AND x.proposed_v > 0 THEN 'waiting' WHEN x.proposed_by <> $1 THEN 'countered'
		WHEN x.state NOT IN ('active', 'paused') THEN 'over' WHEN x.on_v = x.newest THEN 'newest' WHEN x.on_v > 0 THEN 'earlier' ELSE 'exception' END AS stands
	FROM (SELECT s.org_id, s.other_org, s.state, c.org_b = s.org_id AS we_are_b, m.standard_id, n.newest, m.offered, coalesce(f.v, 0) AS on_v, p.proposed_by, coalesce(p.v, 0) AS proposed_v,
			coalesce(p.created_at, f.signed_at, m.offered_at) AS since, coalesce(p.terms, f.terms) AS terms, coalesce(p.agreement_id, f.agreement_id) AS agreement_id, p.version AS waits_version, c.connection_id
		FROM connection_sides s JOIN connections c ON c.connection_id = s.connection_id
		CROSS JOIN LATERAL (SELECT v.standard_id, max(v.version) AS offered, max(a.created_at) AS offered_at FROM agreements a
			JOIN standard_versions v ON v.org_id = s.org_id AND (c.org_a = s.org_id AND v.hash_a = a.terms_hash OR c.org_b = s.org_id AND v.hash_b = a.terms_hash)
			WHERE a.connection_id = c.connection_id GROUP BY v.standard_id ORDER BY max(a.created_at) DESC LIMIT 1) m
		CROSS JOIN LATERAL (SELECT max(v.version) AS newest FROM standard_versions v WHERE v.org_id = s.org_id AND v.standard_id = m.standard_id) n
		LEFT JOIN LATERAL (SELECT a.agreement_id, a.terms, greatest(a.accepted_a_at, a.accepted_b_at) AS signed_at, (SELECT max(v.version) FROM standard_versions v
				WHERE v.org_id = s.org_id AND v.standard_id = m.standard_id AND (c.org_a = s.org_id AND v.hash_a = a.terms_hash OR c.org_b = s.org_id AND v.hash_b = a.terms_hash)) AS v
			FROM agreements a WHERE a.connection_id = c.connection_id AND a.state = 'active' LIMIT 1) f ON true
		LEFT JOIN LATERAL (SELECT a.agreement_id, a.version, a.terms, a.created_at, a.proposed_by, (SELECT max(v.version) FROM standard_versions v
				WHERE v.org_id = s.org_id AND v.standard_id = m.standard_id AND (c.org_a = s.org_id AND v.hash_a = a.terms_hash OR c.org_b = s.org_id AND v.hash_b = a.terms_hash)) AS v
			FROM agreements a WHERE a.connection_id = c.connection_id AND a.state = 'proposed' LIMIT 1) p ON true
		WHERE s.org_id = $1 AND ($2::uuid IS NULL OR m.standard_id = $2)) x)`

const standardCounts = `count(*) FILTER (WHERE x.on_v = x.newest AND x.state IN ('active', 'paused'))::int AS n_newest,
	count(*) FILTER (WHERE x.on_v > 0 AND x.on_v < x.newest AND x.state IN ('active', 'paused'))::int AS n_earlier,
	count(*) FILTER (WHERE x.stands = 'waiting')::int AS n_waiting, count(*) FILTER (WHERE x.stands = 'countered')::int AS n_countered, count(*) FILTER (WHERE x.stands = 'exception')::int AS n_exceptions`

type standardRow struct {
	Standard
	StandardCounts
}

const standardList = `SELECT d.standard_id, d.title, d.state, n.version, n.created_at AS changed, coalesce(k.n_newest, 0) AS n_newest, coalesce(k.n_earlier, 0) AS n_earlier,
		coalesce(k.n_waiting, 0) AS n_waiting, coalesce(k.n_countered, 0) AS n_countered, coalesce(k.n_exceptions, 0) AS n_exceptions
	FROM standards d CROSS JOIN LATERAL (SELECT v.version, v.created_at FROM standard_versions v WHERE v.org_id = d.org_id AND v.standard_id = d.standard_id ORDER BY v.version DESC LIMIT 1) n
	LEFT JOIN (SELECT x.standard_id, ` + standardCounts + ` FROM ` + standardPartners + ` x GROUP BY x.standard_id) k ON k.standard_id = d.standard_id
	WHERE d.org_id = $1 AND ($2::uuid IS NULL OR d.standard_id = $2) ORDER BY d.state, lower(d.title), d.standard_id LIMIT 200`

// Standards lists the own standard agreements, those that are offered first.
func (s *Service) Standards(ctx context.Context) ([]Standard, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var rows []standardRow
	if err := s.db.Read(ctx, func(b *db.Batch) { db.List(b, &rows, standardList, sc.Org, id.Any{}) }); err != nil {
		return nil, err
	}
	return standardsOf(rows), nil
}

func standardsOf(rows []standardRow) (out []Standard) {
	for _, r := range rows {
		r.Standard.Counts = r.StandardCounts
		out = append(out, r.Standard)
	}
	return out
}

// StandardFilter narrows and pages the partners of a standard agreement.
type StandardFilter struct {
	Stands   string // newest, earlier, waiting, countered, exception or over; "" for all
	AfterKey string // of the last row before, with AfterID; "" for the first page
	AfterID  id.Org
	Limit    int // 1 to 200; default 20
}

// StandardView is a standard agreement with its versions, links and a page of its partners.
type StandardView struct {
	Now      time.Time
	Standard Standard
	Versions []StandardVersion // newest first
	Links    []StandardLink    // newest first
	Partners []StandardPartner // by name
	More     bool
	Batch    *Batch // the last one that proposed a version of it
}

// Newest is the version that is offered.
func (v StandardView) Newest() StandardVersion { return v.Versions[0] }

// terms are those of a version as agreements with the publisher on the side say them.
func (v StandardVersion) terms(publisherIsB bool) Terms {
	t, _, _, _ := v.Proposal.terms(publisherIsB).Canonical() // It was checked when it was published.
	return t
}

// Compare lists how a partner's own terms differ from a version of the standard agreement; the publisher's half is side "a" of a change.
func (p StandardPartner) Compare(v StandardVersion) []Change {
	if p.Terms == nil {
		return nil
	}
	out := Diff(v.terms(p.WeAreB), *p.Terms)
	for i := range out {
		if p.WeAreB && out[i].Side != "" {
			out[i].Side = map[string]string{"a": "b", "b": "a"}[out[i].Side]
		}
	}
	return out
}

// StandardView returns an own standard agreement; NotFound for any other.
func (s *Service) StandardView(ctx context.Context, which id.Any, f StandardFilter) (StandardView, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return StandardView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return StandardView{}, err
	}
	switch f.Stands {
	case "", OnNewest, OnEarlier, OnWaiting, OnCountered, OnException, OnOver:
	default:
		return StandardView{}, errs.New(errs.NotFound, "standing %q", f.Stands)
	}
	if which.IsZero() {
		return StandardView{}, errs.New(errs.NotFound, "no standard agreement")
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 20
	}
	var v StandardView
	var rows []standardRow
	var batch Batch
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &rows, standardList, sc.Org, which)
		db.List(b, &v.Versions, `SELECT `+standardVersionColumns+`, coalesce(m.name, '') AS by FROM standard_versions v LEFT JOIN memberships m ON m.org_id = v.org_id AND m.membership_id = v.created_by
			WHERE v.org_id = $1 AND v.standard_id = $2 ORDER BY v.version DESC LIMIT 100`, sc.Org, which)
		db.List(b, &v.Links, `SELECT l.link_id, l.label, l.most, l.used, l.until, l.state, l.created_at FROM standard_links l WHERE l.org_id = $1 AND l.standard_id = $2 ORDER BY l.created_at DESC, l.link_id LIMIT 50`, sc.Org, which)
		db.List(b, &v.Partners, standardPage, sc.Org, which, f.Stands, f.AfterKey, f.AfterID, f.Limit+1)
		db.One(b, &batch, &found, `SELECT `+batchColumns+` WHERE b.org_id = $1 AND b.standard_id = $2 ORDER BY b.created_at DESC, b.batch_id LIMIT 1`, sc.Org, which)
	}); err != nil {
		return StandardView{}, err
	}
	if len(rows) == 0 {
		return StandardView{}, errs.New(errs.NotFound, "standard agreement %s", which)
	}
	v.Standard = standardsOf(rows)[0]
	if len(v.Partners) > f.Limit {
		v.Partners, v.More = v.Partners[:f.Limit], true
	}
	if found {
		v.Batch = &batch
	}
	return v, nil
}

// standardPage is a page of partners in one order.
const standardPage = `SELECT o.org_id, o.slug, o.name, o.short, o.hue, o.chroma, x.stands, x.offered, x.on_v, x.since, x.we_are_b, CASE WHEN x.stands IN ('exception', 'countered') THEN x.terms END AS terms, lower(o.name) AS key,
		x.stands = 'waiting' AND EXISTS (SELECT 1 FROM notices q WHERE q.org_id = $1 AND q.connection_id = x.connection_id AND q.key LIKE 'nudge:' || x.agreement_id || ':' || x.waits_version || ':%' AND q.at > now() - interval '3 days') AS reminded
	FROM ` + standardPartners + ` x JOIN organizations o ON o.org_id = x.other_org
	WHERE ($3 = '' OR x.stands = $3) AND ($4 = '' OR (lower(o.name), o.org_id) > ($4, $5)) ORDER BY lower(o.name), o.org_id LIMIT $6`

// Publish writes the next version of a standard agreement, or the first one of a new, and proposes it to all who are on an earlier
// version or have it to answer; who signed other terms is left alone. It returns the standard agreement and the batch that proposes;
// a zero one if there is nobody. Invalid, with the field, for terms that open what is not one's own, that say what the last version says,
// or what another standard agreement says; NotFound for one that is not there or is retired.
func (s *Service) Publish(ctx context.Context, which id.Any, title string, p Proposal) (standard, batch id.Any, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return standard, batch, err
	}
	title = strings.TrimSpace(title)
	if n := utf8.RuneCountInString(title); n < 1 || n > 120 {
		return standard, batch, errs.Fields(errs.Field{Name: "title", Key: "standard.fault.title"})
	}
	if utf8.RuneCountInString(p.Note) > 2000 {
		return standard, batch, errs.Fields(errs.Field{Name: "note", Key: "tenants.terms.note_long"})
	}
	_, _, hashA, err := p.terms(false).Canonical()
	if err != nil {
		return standard, batch, err
	}
	_, _, hashB, err := p.terms(true).Canonical()
	if err != nil {
		return standard, batch, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		standard, batch, err = publish(tx, which, title, p, hashA[:], hashB[:])
		return err
	})
	return standard, batch, err
}

func publish(tx *db.Tx, which id.Any, title string, p Proposal, hashA, hashB []byte) (standard, batch id.Any, err error) {
	if _, err := mayOpen(tx, p.Ours.Opens); err != nil {
		return standard, batch, err
	}
	if len(p.Theirs.Opens) > 0 {
		return standard, batch, errs.Fields(errs.Field{Name: "opens", Key: "tenants.terms.opens"}) // What each partner opens is its own to say.
	}
	standard = which
	if standard.IsZero() {
		standard = id.New[id.Any]()
		if _, err := tx.Exec(`INSERT INTO standards (org_id, standard_id, title, created_at) VALUES ($1, $2, $3, $4)`, tx.Scope.Org, standard, title, tx.Now); err != nil {
			return standard, batch, err
		}
	} else if err := tx.Must(`UPDATE standards SET title = $3 WHERE org_id = $1 AND standard_id = $2 AND state = 'open'`, tx.Scope.Org, standard, title); err != nil {
		return standard, batch, err
	}
	// The row of the standard agreement is locked now: of two who publish at once the second sees what the first wrote.
	same, err := db.Rows[string](tx, `SELECT d.title FROM standard_versions v JOIN standards d ON d.org_id = v.org_id AND d.standard_id = v.standard_id
		WHERE v.org_id = $1 AND v.hash_a = $2 AND v.standard_id <> $3 ORDER BY d.title LIMIT 1`, tx.Scope.Org, hashA, standard)
	if err != nil {
		return standard, batch, err
	}
	if len(same) > 0 {
		return standard, batch, errs.Fields(errs.Field{Name: "title", Key: "standard.fault.same", Args: []any{"Title", same[0]}})
	}
	last, err := db.Rows[StandardVersion](tx, `SELECT `+standardVersionColumns+`, '' AS by FROM standard_versions v WHERE v.org_id = $1 AND v.standard_id = $2 ORDER BY v.version DESC LIMIT 1`, tx.Scope.Org, standard)
	if err != nil {
		return standard, batch, err
	}
	next := 1
	if len(last) > 0 {
		if bytes.Equal(last[0].HashA, hashA) {
			return standard, batch, errs.Say(errs.Invalid, "tenants.terms.nothing_changed")
		}
		next = last[0].Version + 1
	}
	proposal, err := json.Marshal(p)
	if err != nil {
		return standard, batch, err
	}
	if _, err := tx.Exec(`INSERT INTO standard_versions (org_id, standard_id, version, proposal, hash_a, hash_b, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.Scope.Org, standard, next, json.RawMessage(proposal), hashA, hashB, tx.Scope.Membership, tx.Now); err != nil {
		return standard, batch, fmt.Errorf("publish version %d: %w", next, err)
	}
	if err := Audit(tx, "standard.published", "standard:"+standard.String(), map[string]int{"version": next}); err != nil {
		return standard, batch, err
	}
	who, err := db.Rows[id.Org](tx, `SELECT x.other_org FROM `+standardPartners+` x WHERE x.stands IN ('earlier', 'waiting') AND x.state IN ('asked', 'active') ORDER BY x.other_org LIMIT 10000`, tx.Scope.Org, standard)
	if err != nil || len(who) == 0 {
		return standard, batch, err
	}
	batch, err = begin(tx, Batch{Action: BatchPropose, Standard: standard, Version: next}, who)
	return standard, batch, err
}

// Retire takes a standard agreement out of what is offered and closes its links; who signed it stays on it. NotFound for one that is
// not there, or retired.
func (s *Service) Retire(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`UPDATE standards SET state = 'retired' WHERE org_id = $1 AND standard_id = $2 AND state = 'open'`, tx.Scope.Org, which); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE standard_links SET state = 'closed' WHERE org_id = $1 AND standard_id = $2`, tx.Scope.Org, which); err != nil {
			return err
		}
		return Audit(tx, "standard.retired", "standard:"+which.String(), nil)
	})
}

// StandardOffer is the newest version of an own standard agreement that is offered, for a list of partners or an invitation: NotFound
// for one that is not there, or retired.
func StandardOffer(tx *db.Tx, which id.Any) (StandardVersion, error) {
	return db.Row[StandardVersion](tx, `SELECT `+standardVersionColumns+`, '' AS by FROM standard_versions v JOIN standards d ON d.org_id = v.org_id AND d.standard_id = v.standard_id AND d.state = 'open'
		WHERE v.org_id = $1 AND v.standard_id = $2 ORDER BY v.version DESC LIMIT 1`, tx.Scope.Org, which)
}

// offer brings a version of a standard agreement before another organization, whatever is between the two: it asks, answers what the
// other proposed, proposes the next version, or replaces an own offer that waits. Conflict, with the reason, if it is offered or signed
// already, or if nothing can be proposed now.
func (v StandardVersion) offer(tx *db.Tx, other id.Org) error {
	l, err := lock(tx, other)
	if err != nil {
		return err
	}
	if l == nil || l.State == Ended || l.State == Declined || l.State == Withdrawn {
		return ask(tx, l, other, v.Proposal)
	}
	hash := v.HashA
	if l.weAreB {
		hash = v.HashB
	}
	switch {
	case l.State == Paused || l.State == Ending:
		return errs.Say(errs.Conflict, "standard.row."+string(l.State))
	case l.inForce != nil && bytes.Equal(l.inForce.Hash, hash):
		return errs.Say(errs.Conflict, "standard.row.signed")
	case l.proposed != nil && l.proposed.ProposedBy == tx.Scope.Org && bytes.Equal(l.proposed.Hash, hash):
		return errs.Say(errs.Conflict, "standard.row.waits")
	}
	if _, err := l.move(tx, MoveCounter); err != nil {
		return err
	}
	if err := l.supersede(tx); err != nil {
		return err
	}
	return l.propose(tx, v.Proposal)
}

// StandardLink is a link through which organizations accept a standard agreement.
type StandardLink struct {
	ID      id.Any    `db:"link_id"`
	Label   string    `db:"label"`
	Most    int       `db:"most"` // organizations
	Used    int       `db:"used"`
	Until   time.Time `db:"until"`
	State   string    `db:"state"` // open or closed
	Created time.Time `db:"created_at"`
}

// Open reports whether the link leads somewhere at the time.
func (l StandardLink) Open(now time.Time) bool {
	return l.State == "open" && l.Used < l.Most && l.Until.After(now)
}

// OpenLink makes a link to a standard agreement for at most so many organizations, until the end of a day, and returns its code, which
// is shown this once. Invalid, with the field, beyond 1 to 10,000 organizations and 1 to 366 days; NotFound for a standard agreement
// that is not there, or retired.
func (s *Service) OpenLink(ctx context.Context, which id.Any, label string, most int, until time.Time) (token string, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return "", err
	}
	label = strings.TrimSpace(label)
	switch days := until.Sub(s.db.Now()).Hours() / 24; {
	case utf8.RuneCountInString(label) > 120:
		return "", errs.Fields(errs.Field{Name: "label", Key: "standard.fault.label"})
	case most < 1 || most > 10_000:
		return "", errs.Fields(errs.Field{Name: "most", Key: "standard.fault.most"})
	case days < 0 || days > 367:
		return "", errs.Fields(errs.Field{Name: "until", Key: "standard.fault.until"})
	}
	token = secret.NewToken()
	return token, s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := StandardOffer(tx, which); err != nil {
			return err
		}
		link := id.New[id.Any]()
		if _, err := tx.Exec(`INSERT INTO standard_links (org_id, link_id, standard_id, token_hash, label, most, until, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			tx.Scope.Org, link, which, secret.Hash(token), label, most, until, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "standard.link_opened", "standard:"+which.String(), map[string]any{"link": link, "most": most})
	})
}

// CloseLink ends a link for all who have not accepted through it. NotFound for one that is not there, or closed.
func (s *Service) CloseLink(ctx context.Context, which, link id.Any) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`UPDATE standard_links SET state = 'closed' WHERE org_id = $1 AND standard_id = $2 AND link_id = $3 AND state = 'open'`, tx.Scope.Org, which, link); err != nil {
			return err
		}
		return Audit(tx, "standard.link_closed", "standard:"+which.String(), map[string]any{"link": link})
	})
}

// Linked is a standard agreement as whoever holds a link to it reads it.
type Linked struct {
	From    Organization
	Title   string
	Version StandardVersion
	Hash    [32]byte      // of what the acting organization would sign; zero for a visitor
	Already string        // the message key of why there is nothing to accept; "" if there is
	With    *Organization // the acting organization; nil for a visitor
}

type linkRow struct {
	Org      id.Org `db:"org_id"`
	Link     id.Any `db:"link_id"`
	Standard id.Any `db:"standard_id"`
}

// heldLink is the link of a code; NotFound for an unknown, closed, used up or old one.
func heldLink(tx *db.Tx, token string) (linkRow, error) {
	if !secret.IsToken(token) {
		return linkRow{}, errs.New(errs.NotFound, "no code of a link")
	}
	if err := tx.Prove(hex.EncodeToString(secret.Hash(token))); err != nil {
		return linkRow{}, err
	}
	return db.Row[linkRow](tx, `SELECT l.org_id, l.link_id, l.standard_id FROM standard_links l WHERE l.token_hash = $1 AND l.state = 'open' AND l.until > now() AND l.used < l.most
		AND EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = l.org_id AND o.state = 'active')`, secret.Hash(token))
}

// Linked reads what a link offers, whoever asks: to people of an organization as what that would sign. It uses nothing up. NotFound for an
// unknown, closed, used up or old one alike, and while the organization rests.
func (s *Service) Linked(ctx context.Context, token string) (Linked, error) {
	if err := authz.Check(ctx, authz.SeeOffer, id.Org{}); err != nil {
		return Linked{}, err
	}
	var v Linked
	var from, own id.Org
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, err := heldLink(tx, token)
		if err != nil {
			return err
		}
		v, from, own = Linked{}, r.Org, tx.Scope.Org
		publisherIsB := false
		if tx.Scope.Actor == scope.Member {
			switch l, err := lock(tx, r.Org); {
			case err != nil:
				return err
			case r.Org == own:
				v.Already = "standard.join.own"
			case l != nil && (l.State == Paused || l.State == Ending):
				v.Already = "standard.row." + string(l.State)
			case l != nil:
				publisherIsB = !l.weAreB
			}
		}
		return tx.As(scope.Agreement, r.Org, func() error {
			if v.Title, err = db.Row[string](tx, `SELECT d.title FROM standards d WHERE d.org_id = $1 AND d.standard_id = $2`, r.Org, r.Standard); err != nil {
				return err
			}
			v.Version, err = StandardOffer(tx, r.Standard)
			copy(v.Hash[:], v.Version.HashA)
			if publisherIsB {
				copy(v.Hash[:], v.Version.HashB)
			}
			return err
		})
	}); err != nil {
		return Linked{}, err
	}
	orgs, err := s.ByIDs(ctx, from, own)
	v.From = orgs[from]
	if o, ok := orgs[own]; ok {
		v.With = &o
	}
	return v, err
}

// Join accepts what a link offers: the publisher proposes it, as it said that it would to whoever holds the link, and the acting
// organization signs it, or leaves it unsigned to answer with other terms. It returns the publisher. NotFound as Linked; Conflict if
// what was read is not offered any more, or there is nothing to accept.
func (s *Service) Join(ctx context.Context, token string, hash [32]byte, sign bool, weCall string) (Organization, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return Organization{}, err
	}
	var from id.Org
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, err := heldLink(tx, token)
		if err != nil {
			return err
		}
		own := tx.Scope.Org
		if from = r.Org; from == own {
			return errs.Say(errs.Conflict, "standard.join.own")
		}
		if err := tx.As(scope.Agreement, from, func() error {
			v, err := StandardOffer(tx, r.Standard)
			if err != nil {
				return err
			}
			if !bytes.Equal(hash[:], v.HashA) && !bytes.Equal(hash[:], v.HashB) {
				return errs.Say(errs.Conflict, "tenants.agreement.changed")
			}
			// Of two who take the last place the second finds it taken.
			if err := tx.Must(`UPDATE standard_links SET used = used + 1 WHERE org_id = $1 AND link_id = $2 AND state = 'open' AND used < most`, from, r.Link); err != nil {
				return err
			}
			err = v.offer(tx, own)
			if key, _ := errs.MessageKey(err); key == "standard.row.waits" {
				err = nil // It was offered before and waits: that is signed.
			}
			if err != nil {
				return err
			}
			return Audit(tx, "standard.link_used", "standard:"+r.Standard.String(), map[string]any{"link": r.Link, "with": own})
		}); err != nil || !sign {
			return err
		}
		l, err := lock(tx, from)
		if err != nil {
			return err
		}
		if l == nil || l.proposed == nil || l.proposed.ProposedBy != from {
			return errs.Say(errs.Conflict, "tenants.connection.moved_on")
		}
		return l.sign(tx, l.proposed.Version, hash, weCall)
	}); err != nil {
		return Organization{}, err
	}
	return s.ByID(ctx, from)
}

// Portal returns the active organization whose portal somebody means by a work address, a domain or the portal's name, for whoever
// holds a link and is not signed in: NotFound if there is none. It never looks at people.
func (s *Service) Portal(ctx context.Context, words string) (Organization, error) {
	if err := authz.Check(ctx, authz.SeeOffer, id.Org{}); err != nil {
		return Organization{}, err
	}
	o, err := s.addressed(ctx, strings.TrimSpace(words))
	if err == nil && o.State != "active" {
		err = errs.New(errs.NotFound, "organization %q", words)
	}
	return o, err
}
