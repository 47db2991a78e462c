package courses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// quietAfter is how long a partner moves nothing before it is called quiet, in days.
const quietAfter = 90

// What narrows the list of partners.
const (
	PartnersRisk    = "risk"    // fall short, or would within the days of warning
	PartnersNear    = "near"    // lack one person or story for the next level
	PartnersQuiet   = "quiet"   // nothing moved for 90 days
	PartnersOffered = "offered" // have not answered
)

// PartnersFilter narrows and orders the partners of a program.
type PartnersFilter struct {
	Query string // in the name, or in the own number for the partner
	// Account leaves the partner with exactly this own number; "" for all.
	Account string
	Absent  string // in the name of those to whom the program can be offered
	Show    string // one of the Partners constants; "" for all
	Level   int    // leaves those who hold it; below 0 for all
	Sort    string // name (default), level, risk or since; "-" before it turns it round
	Page    int    // from 0
	Limit   int    // 1 to 200; default 50
	All     bool   // the whole list, for a file; at most 10,000
}

// ProgramPartner is a partner in the list of a program.
type ProgramPartner struct {
	Standing

	Partner  id.Org               `db:"partner"`
	State    string               `db:"state"`
	Offered  time.Time            `db:"offered_at"`
	Accepted *time.Time           `db:"accepted_at"`
	Account  string               `db:"account"` // the own number for it
	Stands   bool                 `db:"stands"`  // there is a standing to read
	Org      tenants.Organization `db:"-"`
}

// AtRisk reports whether the partner falls short, or would within the days of warning.
func (p ProgramPartner) AtRisk(warn int, now time.Time) bool {
	return p.Stands && (p.DropAt != nil || p.RiskAt != nil && !p.RiskAt.After(now.AddDate(0, 0, warn)))
}

// Quiet reports whether nothing moved for long.
func (p ProgramPartner) Quiet(now time.Time) bool {
	return p.Stands && p.Moved.Before(now.AddDate(0, 0, -quietAfter))
}

// LevelCount is how many partners hold a level.
type LevelCount struct {
	Level int `db:"level"`
	N     int `db:"n"`
	Risk  int `db:"risk"`
	Near  int `db:"near"`
	Quiet int `db:"quiet"`
}

// ProgramPartners is a page of the partners of a program, and what stands around it.
type ProgramPartners struct {
	Now     time.Time
	Program Program
	Terms   *ProgramVersion // that counts; nil for none yet
	Coming  *ProgramVersion // the next that will
	Drafted bool            // something is being written
	Rows    []ProgramPartner
	More    bool
	Matches int
	Counts  []LevelCount
	Offered int
	Absent  []tenants.Organization // partners who were offered nothing and whose name has the words of the filter, by name, at most 60
	Others  int                    // all who were offered nothing
	Removed []RemovedPartner       // whose part the own organization ended within 14 days
}

// RemovedPartner is a partner whose part in an own program can be taken up again.
type RemovedPartner struct {
	tenants.Organization

	Ended time.Time `db:"ended_at"`
}

// The parameters: $1 organization, $2 program, $3 days of warning, $4 now; $5 words, $6 show, $7 level, $8 the own number.
const partnersFrom = ` FROM program_partners p JOIN organizations o ON o.org_id = p.partner JOIN connection_sides c ON c.org_id = p.org_id AND c.other_org = p.partner AND c.state = 'active'
	LEFT JOIN standings s ON s.org_id = p.org_id AND s.program_id = p.program_id AND s.partner = p.partner LEFT JOIN partner_notes n ON n.org_id = p.org_id AND n.other_org = p.partner
	CROSS JOIN LATERAL (SELECT s.drop_at IS NOT NULL OR coalesce(s.risk_at <= $4::timestamptz + make_interval(days => $3), false) AS risk, coalesce(s.short = 1, false) AS near, coalesce(s.moved_at < $4::timestamptz - interval '90 days', false) AS quiet) k
	WHERE p.org_id = $1 AND p.program_id = $2 AND p.state <> 'ended' AND o.state = 'active'`

const partnersMatch = partnersFrom + ` AND (lower(o.name) LIKE $5 OR lower(n.account) LIKE $5) AND ($7 < 0 OR s.level = $7 AND p.state = 'active') AND ($8 = '' OR n.account = $8)
	AND CASE $6 WHEN 'risk' THEN k.risk WHEN 'near' THEN k.near WHEN 'quiet' THEN k.quiet WHEN 'offered' THEN p.state = 'offered' ELSE true END`

const partnerColumns = `SELECT p.partner, p.state, p.offered_at, p.accepted_at, coalesce(n.account, '') AS account, s.partner IS NOT NULL AS stands, coalesce(s.version, 0) AS version, coalesce(s.level, 0) AS level, coalesce(s.since, p.offered_at) AS since, coalesce(s.meets, 0) AS meets,
	s.drop_at, s.risk_at, s.risk_level, s.short, coalesce(s.figures, '{}') AS figures, coalesce(s.moved_at, p.offered_at) AS moved_at, coalesce(s.reckoned_at, p.offered_at) AS reckoned_at`

// order is how the list is sorted.
func (f PartnersFilter) order() string {
	by, turned := f.Sort, false
	if len(by) > 0 && by[0] == '-' {
		by, turned = by[1:], true
	}
	key := map[string]string{"level": "s.level", "risk": "coalesce(s.drop_at, s.risk_at)", "since": "s.since"}[by]
	if key == "" {
		key = "lower(o.name)"
	}
	if turned {
		key += " DESC"
	}
	return ` ORDER BY ` + key + ` NULLS LAST, lower(o.name), p.partner`
}

// Partners returns the partners of an own program with where each stands: for each requirement how many of its people meet it, and no names. Nobody
// but the vendor reads this list. NotFound for another organization's program.
func (s *Service) Partners(ctx context.Context, program id.Any, f PartnersFilter) (v ProgramPartners, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	if f.All {
		f.Limit, f.Page = 10_000, 0
	}
	var found, terms, coming bool
	var in, next ProgramVersion
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Program, &found, `SELECT `+programColumns+` FROM programs g WHERE g.org_id = $1 AND g.program_id = $2`, sc.Org, program)
		db.One(b, &in, &terms, `SELECT `+programVersionColumns+` FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2 AND v.counts_from <= $3 ORDER BY v.version DESC LIMIT 1`, sc.Org, program, b.Now)
		db.One(b, &next, &coming, `SELECT `+programVersionColumns+` FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2 AND v.counts_from > $3 ORDER BY v.counts_from, v.version DESC LIMIT 1`, sc.Org, program, b.Now)
		db.One(b, &v.Drafted, nil, `SELECT EXISTS (SELECT 1 FROM program_drafts d WHERE d.org_id = $1 AND d.program_id = $2)`, sc.Org, program)
		db.List(b, &v.Absent, `SELECT `+tenants.OrgColumns+` FROM connection_sides c JOIN organizations o ON o.org_id = c.other_org AND o.state = 'active' WHERE c.org_id = $1 AND c.state = 'active'
			AND NOT EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.partner = c.other_org AND p.state <> 'ended') AND lower(o.name) LIKE $3 ORDER BY lower(o.name), o.org_id LIMIT 60`, sc.Org, program, db.Like(f.Absent))
		db.One(b, &v.Others, nil, `SELECT count(*)::int FROM connection_sides c JOIN organizations o ON o.org_id = c.other_org AND o.state = 'active' WHERE c.org_id = $1 AND c.state = 'active'
			AND NOT EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.partner = c.other_org AND p.state <> 'ended')`, sc.Org, program)
		db.List(b, &v.Removed, `SELECT `+tenants.OrgColumns+`, p.ended_at FROM program_partners p JOIN organizations o ON o.org_id = p.partner AND o.state = 'active' JOIN connection_sides c ON c.org_id = p.org_id AND c.other_org = p.partner AND c.state = 'active'
			WHERE p.org_id = $1 AND p.program_id = $2 AND p.state = 'ended' AND p.ended_by = $1 AND p.accepted_at IS NOT NULL AND p.ended_at > $3 ORDER BY p.ended_at DESC, o.org_id LIMIT 100`, sc.Org, program, b.Now.Add(-programUndo))
	}); err != nil {
		return v, fmt.Errorf("program %s: %w", program, err)
	}
	if !found {
		return v, errs.New(errs.NotFound, "program %s", program)
	}
	if terms {
		v.Terms = &in
	}
	if coming {
		v.Coming = &next
	}
	args := []any{sc.Org, program, in.WarnDays, v.Now}
	match := append(slices.Clone(args), db.Like(f.Query), f.Show, f.Level, f.Account)
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &v.Rows, partnerColumns+partnersMatch+f.order()+` LIMIT $9 OFFSET $10`, append(slices.Clone(match), f.Limit+1, f.Page*f.Limit)...)
		db.One(b, &v.Matches, nil, `SELECT count(*)::int`+partnersMatch, match...)
		db.List(b, &v.Counts, `SELECT s.level, count(*)::int AS n, count(*) FILTER (WHERE k.risk)::int AS risk, count(*) FILTER (WHERE k.near)::int AS near, count(*) FILTER (WHERE k.quiet)::int AS quiet`+partnersFrom+
			` AND p.state = 'active' AND s.level IS NOT NULL GROUP BY s.level ORDER BY s.level DESC`, args...)
		db.One(b, &v.Offered, nil, `SELECT count(*)::int FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.state = 'offered'`, sc.Org, program)
	}); err != nil {
		return v, fmt.Errorf("partners of program %s: %w", program, err)
	}
	if len(v.Rows) > f.Limit {
		v.Rows, v.More = v.Rows[:f.Limit], true
	}
	ids := make([]id.Org, len(v.Rows))
	for i, r := range v.Rows {
		ids[i] = r.Partner
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for i := range v.Rows {
		v.Rows[i].Org = orgs[v.Rows[i].Partner]
	}
	return v, err
}

// ExportPartners is Partners without pages, for a file; the export is a line of the log.
func (s *Service) ExportPartners(ctx context.Context, program id.Any, f PartnersFilter) (v ProgramPartners, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return v, err
	}
	f.All = true
	if v, err = s.Partners(ctx, program, f); err != nil {
		return v, err
	}
	return v, s.db.Tx(ctx, func(tx *db.Tx) error {
		return tenants.Audit(tx, "program.exported", "program:"+program.String(), map[string]int{"rows": len(v.Rows)})
	})
}

// PartnerStanding is one partner of an own program.
type PartnerStanding struct {
	StandingView

	Partner    tenants.Organization
	Account    string
	Asked      *time.Time     // when it was last asked to look, within seven days
	Candidates []CountedStory // published stories of the two that count for it not yet, at most 100
}

// candidatesSQL are the stories of the vendor $1 and of the partner $2 that the vendor may read and has not accepted.
const candidatesSQL = `SELECT i.org_id, i.item_id, i.kind, i.title, i.slug, i.published_at AS accepted_at FROM items i WHERE i.org_id IN ($1, $2) AND i.kind = 'story' AND i.state = 'published' AND (i.org_id = $1 OR opened(i.org_id, i.item_id))
	AND NOT EXISTS (SELECT 1 FROM program_stories y WHERE y.org_id = $1 AND y.partner = $2 AND y.item_org = i.org_id AND y.item_id = i.item_id) ORDER BY i.org_id = $1, lower(i.title), i.item_id LIMIT 100`

// PartnerIn returns how one partner stands in an own program: the figures that the partner reads, too, and no names. NotFound for whoever takes
// no part in it.
func (s *Service) PartnerIn(ctx context.Context, program id.Any, slug string) (v PartnerStanding, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	if v.Partner, err = s.tenants.BySlug(ctx, slug); err != nil {
		return v, err
	}
	partner := v.Partner.OrgID
	var found, terms, coming, is bool
	var held partnerRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.read(b, &found, &terms, &coming, &is, &held, sc.Org, partner, program)
		db.One(b, &v.Account, nil, `SELECT n.account FROM partner_notes n WHERE n.org_id = $1 AND n.other_org = $2`, sc.Org, partner)
		db.List(b, &v.Stories, storiesSQL, partner, sc.Org, sc.Org)
		db.List(b, &v.Candidates, candidatesSQL, sc.Org, partner)
		db.One(b, &v.Asked, nil, `SELECT CASE WHEN p.asked_at > $4 THEN p.asked_at END FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.partner = $3`, sc.Org, program, partner, b.Now.AddDate(0, 0, -askRest))
	}); err != nil {
		return v, fmt.Errorf("partner %s in program %s: %w", partner, program, err)
	}
	if !found || held.State == "" || held.State == "ended" {
		return v, errs.New(errs.NotFound, "partner %s in program %s", partner, program)
	}
	v.settle(held, terms, coming, is)
	return v, nil
}

// OfferProgram offers an own program to partners; those who are not connected or take part already are passed over. Until one accepts, nothing of it
// is read. Invalid for none, Conflict before anything is published.
func (s *Service) OfferProgram(ctx context.Context, program id.Any, to ...id.Org) (n int, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return 0, err
	}
	if len(to) == 0 {
		return 0, errs.Fields(errs.Field{Name: "partner", Key: "program.fault.nobody"})
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		g, err := ownProgram(tx, program)
		if err != nil {
			return err
		}
		published, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2)`, tx.Scope.Org, program)
		if err != nil {
			return err
		}
		if !published || g.Closed != nil {
			return errs.Say(errs.Conflict, "program.fault.unpublished")
		}
		offered, err := db.Rows[id.Org](tx, `INSERT INTO program_partners AS p (org_id, program_id, partner, state, offered_at)
			SELECT c.org_id, $2, c.other_org, 'offered', $4 FROM connection_sides c WHERE c.org_id = $1 AND c.other_org = ANY($3) AND c.state = 'active' ORDER BY c.other_org
			ON CONFLICT (org_id, program_id, partner) DO UPDATE SET state = 'offered', offered_at = excluded.offered_at, accepted_at = NULL, ended_at = NULL, ended_by = NULL WHERE p.state = 'ended' RETURNING p.partner`, tx.Scope.Org, program, to, tx.Now)
		if err != nil {
			return err
		}
		n = len(offered)
		for _, p := range offered {
			if err := s.note(tx, "program.offered", program, p); err != nil {
				return err
			}
			if err := s.tellPartner(tx, programNews{Vendor: tx.Scope.Org, Program: program, Name: g.Name, What: "offered"}, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("offer program %s: %w", program, err)
	}
	return n, nil
}

// note writes what one side did into the logs of both.
func (*Service) note(tx *db.Tx, action string, program id.Any, other id.Org) error {
	held, err := tenants.HoldConnection(tx, other)
	if err != nil {
		return err
	}
	return held.Note(tx, action, map[string]any{"program": program})
}

// AnswerProgram accepts for the own organization a program that was offered to it, or declines it. Accepting lets the vendor read how many of the
// own people meet each requirement. Conflict for what is not offered any more.
func (s *Service) AnswerProgram(ctx context.Context, program id.Any, accept bool) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	if accept {
		return s.settlePartner(ctx, program, id.Org{}, "offered", "active", "accepted")
	}
	return s.settlePartner(ctx, program, id.Org{}, "offered", "ended", "declined")
}

// LeaveProgram ends the own organization's part in a program of another. Its history stays for both sides; the figures do not.
func (s *Service) LeaveProgram(ctx context.Context, program id.Any) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.settlePartner(ctx, program, id.Org{}, "active", "ended", "left")
}

// RemovePartner ends a partner's part in an own program, or takes back what was offered.
func (s *Service) RemovePartner(ctx context.Context, program id.Any, partner id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.settlePartner(ctx, program, partner, "", "ended", "removed")
}

// RestorePart takes up again, within 14 days, a part in a program that the own organization ended: its own in a program of another, with a zero
// partner, or a partner's in an own one. Conflict where the other side ended it, or their connection did, or the time is over.
func (s *Service) RestorePart(ctx context.Context, program id.Any, partner id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		who, vendor := tx.Scope.Org, id.Org{}
		if !partner.IsZero() {
			who, vendor = partner, tx.Scope.Org
		}
		row, err := db.Row[struct {
			partnerRow

			Vendor id.Org `db:"org_id"`
			Name   string `db:"name"`
			Open   bool   `db:"is_open"` // the two are connected and the program runs
		}](tx, `SELECT p.org_id, p.state, p.offered_at, p.accepted_at, p.ended_at, p.ended_by, g.name, g.closed_at IS NULL AND EXISTS (SELECT 1 FROM connection_sides c WHERE c.org_id = p.org_id AND c.other_org = p.partner AND c.state = 'active') AS is_open
			FROM program_partners p JOIN programs g ON g.org_id = p.org_id AND g.program_id = p.program_id WHERE p.partner = $1 AND p.program_id = $2 AND ($3::uuid IS NULL OR p.org_id = $3) FOR UPDATE OF p`, who, program, vendor)
		if err != nil {
			return err
		}
		if !row.Open || !row.undoable(tx.Scope.Org, tx.Now) {
			return errs.Say(errs.Conflict, "program.fault.moved_on")
		}
		other := row.Vendor
		if other == tx.Scope.Org {
			other = who
		}
		if err := tx.Must(`UPDATE program_partners SET state = 'active', ended_at = NULL, ended_by = NULL WHERE org_id = $1 AND program_id = $2 AND partner = $3`, row.Vendor, program, who); err != nil {
			return err
		}
		if err := s.note(tx, "program.restored", program, other); err != nil {
			return err
		}
		news := programNews{Vendor: row.Vendor, Program: program, Name: row.Name, What: "restored"}
		if other == who {
			return s.tellPartner(tx, news, who)
		}
		return s.tellVendor(tx, news, who)
	})
	if err != nil {
		return fmt.Errorf("take up again the part in program %s: %w", program, err)
	}
	return nil
}

// settlePartner moves a partner from one state (any but ended for "") to another. A zero partner is the own organization, in a program of
// another; otherwise the own organization is the vendor.
func (s *Service) settlePartner(ctx context.Context, program id.Any, partner id.Org, from, to, what string) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		who, vendor := tx.Scope.Org, id.Org{}
		if !partner.IsZero() {
			who, vendor = partner, tx.Scope.Org
		}
		row, err := db.Row[struct {
			Vendor id.Org `db:"org_id"`
			State  string `db:"state"`
			Name   string `db:"name"`
		}](tx, `SELECT p.org_id, p.state, g.name FROM program_partners p JOIN programs g ON g.org_id = p.org_id AND g.program_id = p.program_id WHERE p.partner = $1 AND p.program_id = $2 AND ($3::uuid IS NULL OR p.org_id = $3) FOR UPDATE OF p`, who, program, vendor)
		if err != nil {
			return err
		}
		if row.State == "ended" || from != "" && row.State != from {
			return errs.Say(errs.Conflict, "program.fault.moved_on")
		}
		other := row.Vendor
		if other == tx.Scope.Org {
			other = who
		}
		if err := tx.Must(`UPDATE program_partners SET state = $4, accepted_at = CASE WHEN $4 = 'active' THEN $5::timestamptz ELSE accepted_at END, ended_at = CASE WHEN $4 = 'ended' THEN $5::timestamptz END, ended_by = CASE WHEN $4 = 'ended' THEN $6::uuid END
			WHERE org_id = $1 AND program_id = $2 AND partner = $3`, row.Vendor, program, who, to, tx.Now, tx.Scope.Org); err != nil {
			return err
		}
		if err := s.note(tx, "program."+what, program, other); err != nil {
			return err
		}
		news := programNews{Vendor: row.Vendor, Program: program, Name: row.Name, What: what}
		if what == "removed" {
			return s.tellPartner(tx, news, who)
		}
		return s.tellVendor(tx, news, who)
	})
	if err != nil {
		return fmt.Errorf("part in program %s: %w", program, err)
	}
	return nil
}

// CountStory counts a published story for a partner in all own programs, or does not any more. NotFound for a story that the own organization may
// not read, and for one of anybody else's.
func (s *Service) CountStory(ctx context.Context, partner id.Org, item id.Item, on bool) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		q := `DELETE FROM program_stories y WHERE y.org_id = $1 AND y.partner = $2 AND y.item_id = $3`
		args := []any{tx.Scope.Org, partner, item}
		if on {
			q = `INSERT INTO program_stories (org_id, partner, item_org, item_id, title, accepted_by, accepted_at)
				SELECT $1, $2, i.org_id, i.item_id, i.title, $4, $5 FROM items i WHERE i.item_id = $3 AND i.org_id IN ($1, $2) AND i.kind = 'story' AND i.state = 'published' AND (i.org_id = $1 OR opened(i.org_id, i.item_id))
					AND EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = $1 AND p.partner = $2 AND p.state = 'active') ON CONFLICT DO NOTHING`
			args = append(args, tx.Scope.Membership, tx.Now)
		}
		if err := tx.Must(q, args...); err != nil {
			return err
		}
		return tenants.Audit(tx, map[bool]string{true: "program.story_counted", false: "program.story_dropped"}[on], "item:"+item.String(), map[string]any{"with": partner})
	})
	if err != nil {
		return fmt.Errorf("count story %s for %s: %w", item, partner, err)
	}
	return nil
}

// CloseProgram ends an own program, whose name must be given: nobody is offered it, and nobody's standing is reckoned any more. Invalid for another
// name.
func (s *Service) CloseProgram(ctx context.Context, program id.Any, name string) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	var partners []id.Org
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		g, err := ownProgram(tx, program)
		if err != nil {
			return err
		}
		if !strings.EqualFold(strings.Join(strings.Fields(name), " "), strings.Join(strings.Fields(g.Name), " ")) {
			return errs.Fields(errs.Field{Name: "confirm", Key: "program.fault.differs", Args: []any{"Name", g.Name}})
		}
		if g.Closed != nil {
			return errs.Say(errs.Conflict, "program.fault.moved_on")
		}
		if err := tx.Must(`UPDATE programs SET closed_at = $3 WHERE org_id = $1 AND program_id = $2`, tx.Scope.Org, program, tx.Now); err != nil {
			return err
		}
		if partners, err = db.Rows[id.Org](tx, `SELECT p.partner FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.state <> 'ended' ORDER BY p.partner LIMIT 10000`, tx.Scope.Org, program); err != nil {
			return err
		}
		return tenants.Audit(tx, "program.closed", "program:"+program.String(), map[string]int{"partners": len(partners)})
	})
	if err != nil {
		return fmt.Errorf("close program %s: %w", program, err)
	}
	for _, p := range partners {
		if err := s.RemovePartner(ctx, program, p); err != nil && !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Conflict) {
			return err
		}
	}
	return nil
}

// programNews is something of a program that people are told.
type programNews struct {
	Vendor     id.Org
	Program    id.Any
	Name       string
	What       string
	Level, Was string     // names of levels
	Day        *time.Time // when it takes effect
}

// tellPartner mails those of the partner who manage its network.
func (s *Service) tellPartner(tx *db.Tx, n programNews, partner id.Org) error {
	return s.tellProgram(tx, n, partner, n.Vendor, "partner", "/programs/"+n.Program.String())
}

// tellVendor mails those of the vendor who do.
func (s *Service) tellVendor(tx *db.Tx, n programNews, partner id.Org) error {
	return s.tellProgram(tx, n, n.Vendor, partner, "vendor", "/programs/"+n.Program.String())
}

func (s *Service) tellProgram(tx *db.Tx, n programNews, to, other id.Org, side, page string) error {
	if s.mail == nil {
		return nil
	}
	about, err := s.tenants.ByIDs(tx.Context(), to, other)
	if err != nil {
		return err
	}
	if about[to].State != tenants.OrgActive {
		return nil
	}
	return tx.As(scope.Mailer, to, func() error {
		list, err := db.Rows[holder](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.state = 'active' AND m.email <> ''
			AND (CASE WHEN EXISTS (SELECT 1 FROM memberships p WHERE p.org_id = $1 AND p.state = 'active' AND 'partner_manager' = ANY (p.roles)) THEN 'partner_manager' ELSE 'administrator' END) = ANY (m.roles)
			AND NOT EXISTS (SELECT 1 FROM quiet_connections q WHERE q.org_id = m.org_id AND q.membership_id = m.membership_id AND q.other_org = $2) ORDER BY m.email LIMIT 100`, to, other)
		if err != nil {
			return err
		}
		for _, h := range list {
			if err := s.mail.Send(tx, programMail(tx.Context(), h, n, about[other], side, s.url(h.Slug)+page)); err != nil {
				return err
			}
		}
		return nil
	})
}

// programMail is what one of them is told.
func programMail(ctx context.Context, to holder, n programNews, other tenants.Organization, side, page string) mail.Message {
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	none := lang.T(ctx, "program.level_no")
	words := []any{"Org", other.Name, "Program", n.Name, "Level", cmp.Or(n.Level, none), "Was", cmp.Or(n.Was, none)}
	if n.Day != nil {
		words = append(words, "Day", lang.Date(ctx, *n.Day))
	}
	key := side + "." + n.What
	return mail.Message{To: to.Email, Subject: lang.T(ctx, "program.mail.subject."+key, words...), Text: lang.T(ctx, "program.mail.text."+key, words...) + "\n\n" + page + "\n\n" + lang.T(ctx, "program.mail.off", words...)}
}
