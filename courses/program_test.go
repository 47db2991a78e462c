package courses_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// program is a vendor's program of two levels, offered to a partner: the first asks for nothing, the second for one certified person.
type program struct {
	*awarding

	id       id.Any
	runs     context.Context // who runs it
	joins    context.Context // who answers for the partner
	draft    courses.ProgramDraft
	reckoner context.Context
}

// manages makes the member of a house somebody who manages its network.
func (a *awarding) manages(h house) context.Context {
	a.t.Helper()
	a.tx(h.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET roles = roles || '{partner_manager}' WHERE org_id = $1 AND membership_id = $2`, h.org.OrgID, h.m.MembershipID)
	})
	return dbtest.As(a.t, h.org.OrgID, h.m.MembershipID, h.m.PersonID, scope.PartnerManager, scope.Author)
}

func runs(t *testing.T, months int) *program {
	t.Helper()
	p := &program{awarding: awards(t, &months)}
	p.connected(p.vendor, p.partner, "partner")
	p.runs, p.joins, p.reckoner = p.manages(p.vendor), p.manages(p.partner), dbtest.System(t, scope.Issuer, p.partner.org.OrgID)
	var err error
	p.id, err = p.svc.CreateProgram(p.runs, "Partner program")
	p.did(err)
	p.draft = courses.ProgramDraft{Name: "Partner program", Terms: courses.ProgramTerms{GraceDays: 14, WarnDays: 30, Levels: []courses.Level{
		{Name: "Registered"},
		{Name: "Skilled", Requires: []courses.Requirement{{Kind: courses.RequireCertified, N: 1, Items: []courses.Counted{{ID: p.item.ItemID}}}}},
	}}}
	p.publish(time.Now())
	return p
}

// publish saves the draft and publishes it from a day on.
func (p *program) publish(from time.Time) {
	p.t.Helper()
	p.did(p.svc.SaveProgram(p.runs, p.id, p.draft))
	w, err := p.svc.Writing(p.runs, p.id)
	p.did(err)
	p.draft = w.Draft // With the keys.
	p.did(p.svc.PublishProgram(p.runs, p.id, from.UTC().Truncate(24*time.Hour)))
}

func (p *program) take() {
	p.t.Helper()
	n, err := p.svc.OfferProgram(p.runs, p.id, p.partner.org.OrgID, p.other.org.OrgID)
	p.did(err)
	if n != 1 {
		p.t.Fatalf("offered to %d, of whom one is connected", n)
	}
	p.did(p.svc.AnswerProgram(p.joins, p.id, true))
}

// stands reckons and returns the standing as both sides read it.
func (p *program) stands() courses.Standing {
	p.t.Helper()
	_, err := p.svc.Reckon(p.reckoner)
	p.did(err)
	own, err := p.svc.Standing(p.joins, p.id)
	p.did(err)
	theirs, err := p.svc.PartnerIn(p.runs, p.id, p.partner.org.Slug)
	p.did(err)
	if own.Is == nil || theirs.Is == nil {
		p.t.Fatalf("own %v, theirs %v", own.Is, theirs.Is)
	}
	if own.Is.Level != theirs.Is.Level || len(own.Is.Figures) != len(theirs.Is.Figures) || !own.Is.Reckoned.Equal(theirs.Is.Reckoned) {
		p.t.Errorf("the two read different figures: %+v, %+v", own.Is, theirs.Is)
	}
	return *own.Is
}

// due is how often it was asked to reckon the partner's standing again; it is none afterwards.
func (p *program) due() int {
	p.t.Helper()
	ctx := dbtest.System(p.t, scope.Relay, id.Org{})
	return len(slices.Collect(func(yield func(int64) bool) {
		p.tx(ctx, func(tx *db.Tx) error {
			list, err := db.Rows[int64](tx, `DELETE FROM outbox WHERE org_id = $1 AND kind = 'courses.standing_due' RETURNING event_id`, p.partner.org.OrgID)
			for _, e := range list {
				yield(e)
			}
			return err
		})
	}))
}

func (p *program) changes() (out []string) {
	p.t.Helper()
	v, err := p.svc.Standing(p.joins, p.id)
	p.did(err)
	for _, c := range slices.Backward(v.Changes) {
		out = append(out, c.What)
	}
	return out
}

// A partner's standing follows what its people earn, lose and take along; both sides read the same, and only the partner reads names.
func TestStanding(t *testing.T) {
	t.Parallel()
	p := runs(t, 1)
	if v, err := p.svc.Standing(p.joins, p.id); !errs.Is(err, errs.NotFound) {
		t.Errorf("before it is offered: %+v, %v", v, err)
	}
	p.take()
	if p.due() == 0 {
		t.Error("nobody is asked to reckon for a partner that accepted")
	}
	if s := p.stands(); s.Level != 1 || s.Short == nil || *s.Short != 1 {
		t.Errorf("with nobody certified: %+v", s)
	}
	p.finish(p.partner)
	if p.due() == 0 {
		t.Error("nobody is asked to reckon when a certificate is given")
	}
	s := p.stands()
	if s.Level != 2 || s.Short != nil || s.RiskAt == nil || s.RiskLevel == nil || *s.RiskLevel != 1 {
		t.Errorf("with one certified: %+v", s)
	}
	own, err := p.svc.Standing(p.joins, p.id)
	p.did(err)
	if len(own.Leaves) != 1 || own.Leaves[0].Name != p.partner.m.Name || own.Leaves[0].Drops != 1 {
		t.Errorf("who leaves: %+v", own.Leaves)
	}
	// The person is told who at home reads that.
	for ctx, told := range map[context.Context]bool{p.partner.member: true, p.vendor.member: false} {
		if v, err := p.tenants.Overseers(ctx); err != nil || v.Counts != told {
			t.Errorf("who looks after somebody: %+v, %v", v, err)
		}
	}
	// Whoever neither runs it nor takes part learns nothing, in the service or in the tables.
	stranger := p.manages(p.other)
	if _, err := p.svc.Standing(stranger, p.id); !errs.Is(err, errs.NotFound) {
		t.Errorf("a stranger: %v", err)
	}
	for _, table := range []string{"programs", "program_versions", "program_items", "program_partners", "standings", "standing_changes"} {
		if n := one[int](stranger, p.world, `SELECT count(*)::int FROM `+table+` WHERE program_id = $1`, p.id); n != 0 {
			t.Errorf("a stranger reads %s", table)
		}
	}
	// Leaving tells at once, and a month of grace is the program's.
	p.tx(p.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, p.partner.org.OrgID, p.partner.m.MembershipID)
	})
	if p.due() == 0 {
		t.Error("nobody is asked to reckon when somebody leaves")
	}
	_, err = p.svc.Reckon(p.reckoner)
	p.did(err)
	seen, err := p.svc.PartnerIn(p.runs, p.id, p.partner.org.Slug)
	p.did(err)
	if is := seen.Is; is.Level != 2 || is.Meets != 1 || is.DropAt == nil || is.DropAt.Sub(is.Reckoned) != 14*24*time.Hour {
		t.Errorf("after the only one left: %+v", is)
	}
	p.tx(p.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET state = 'active' WHERE org_id = $1 AND membership_id = $2`, p.partner.org.OrgID, p.partner.m.MembershipID)
	})
	if s := p.stands(); s.Level != 2 || s.DropAt != nil {
		t.Errorf("after they came back: %+v", s)
	}
	if want := []string{"joined", "risen", "risk", "short", "kept", "risk"}; !slices.Equal(p.changes(), want) {
		t.Errorf("what happened: %v, not %v", p.changes(), want)
	}
	// Taken back by its publisher, and the grace over: it drops.
	p.did(p.svc.ShareCredential(p.partner.member, p.mine(p.partner).ID, true))
	c := p.mine(p.partner)
	p.due()
	p.did(p.svc.Revoke(p.author, id.Any{}, c.Code, c.Name, "An error of ours"))
	if p.due() == 0 {
		t.Error("nobody is asked to reckon when a certificate is taken back")
	}
	if s := p.stands(); s.Level != 2 || s.Meets != 1 || s.DropAt == nil {
		t.Errorf("after it was taken back: %+v", s)
	}
	p.past(15 * 24 * time.Hour)
	if s := p.stands(); s.Level != 1 || s.DropAt != nil {
		t.Errorf("after the grace: %+v", s)
	}
	// Out of it, nothing is read any more.
	p.did(p.svc.LeaveProgram(p.joins, p.id))
	if _, err := p.svc.PartnerIn(p.runs, p.id, p.partner.org.Slug); !errs.Is(err, errs.NotFound) {
		t.Errorf("the vendor reads on who left: %v", err)
	}
	if n := one[int](p.runs, p.world, `SELECT count(*)::int FROM standings WHERE program_id = $1`, p.id); n != 0 {
		t.Error("the vendor reads the figures of who left")
	}
}

// past lets a grace begin so much earlier.
func (p *program) past(ago time.Duration) {
	p.t.Helper()
	p.tx(p.reckoner, func(tx *db.Tx) error {
		return tx.Must(`UPDATE standings SET drop_at = drop_at - $3::interval WHERE program_id = $1 AND partner = $2`, p.id, p.partner.org.OrgID, ago)
	})
}

// What a program asks for changes by versions; what is written is tried on what is known, and tells nothing of what is not.
func TestProgramVersions(t *testing.T) {
	t.Parallel()
	p := runs(t, 12)
	p.take()
	p.finish(p.partner)
	p.stands()
	other := p.course("second", "shared")
	p.did(p.svc.SetOffer(p.author, other.ItemID, courses.CredentialOffer{Name: "Second", Shows: "does", Criteria: "All of it.", RenewDays: 20}))
	p.draft.Terms.Levels[1].Requires[0].N = 2
	p.did(p.svc.SaveProgram(p.runs, p.id, p.draft))
	w, err := p.svc.Writing(p.runs, p.id)
	p.did(err)
	if w.Drops != 1 || w.Unknown != 0 || w.Partners != 1 {
		t.Errorf("two instead of one: %d drop, %d unknown", w.Drops, w.Unknown)
	}
	p.draft.Terms.Levels[1].Requires[0] = courses.Requirement{Kind: courses.RequireCertified, N: 1, Items: []courses.Counted{{ID: other.ItemID}}}
	p.did(p.svc.SaveProgram(p.runs, p.id, p.draft))
	if w, err = p.svc.Writing(p.runs, p.id); err != nil || w.Drops != 0 || w.Unknown != 1 {
		t.Errorf("another item: %d drop, %d unknown, %v", w.Drops, w.Unknown, err)
	}
	p.publish(time.Now().AddDate(0, 0, 30))
	if s := p.stands(); s.Level != 2 || s.Version != 1 {
		t.Errorf("before the next version counts: %+v", s)
	}
	next, err := p.svc.Reckon(p.reckoner)
	p.did(err)
	if len(next) != 1 || time.Until(next[0]) > 31*24*time.Hour {
		t.Errorf("it is looked at next %v", next)
	}
	for name, change := range map[string]func(*courses.ProgramDraft){
		"no name":              func(d *courses.ProgramDraft) { d.Name = " " },
		"two levels of a name": func(d *courses.ProgramDraft) { d.Terms.Levels[1].Name = "registered" },
		"nothing asked":        func(d *courses.ProgramDraft) { d.Terms.Levels[1].Requires = nil },
		"another's item": func(d *courses.ProgramDraft) {
			d.Terms.Levels[1].Requires[0].Items = []courses.Counted{{ID: id.New[id.Item]()}}
		},
		"nobody": func(d *courses.ProgramDraft) { d.Terms.Levels[1].Requires[0].N = 0 },
		"days":   func(d *courses.ProgramDraft) { d.Terms.GraceDays = -1 },
	} {
		d := p.draft
		d.Terms.Levels = slices.Clone(d.Terms.Levels)
		d.Terms.Levels[1].Requires = slices.Clone(d.Terms.Levels[1].Requires)
		change(&d)
		err := p.svc.SaveProgram(p.runs, p.id, d)
		if err == nil {
			err = p.svc.PublishProgram(p.runs, p.id, time.Now().UTC().Truncate(24*time.Hour))
		}
		if !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The draft is the vendor's.
	p.did(p.svc.SaveProgram(p.runs, p.id, p.draft))
	if n := one[int](p.joins, p.world, `SELECT count(*)::int FROM program_drafts`); n != 0 {
		t.Error("the partner reads a draft")
	}
}

// A story counts once the vendor accepted it, for as long as it is published; and only one that it may read.
func TestProgramStories(t *testing.T) {
	t.Parallel()
	p := runs(t, 12)
	p.draft.Terms.Levels[1].Requires = []courses.Requirement{{Kind: courses.RequireStories, N: 1}}
	p.publish(time.Now())
	p.take()
	var story tenants.Item
	p.tx(p.partner.ctx, func(tx *db.Tx) (err error) {
		if story, err = tenants.PutItem(tx, tenants.Item{Kind: tenants.KindStory, Title: "A story"}); err != nil {
			return err
		}
		return tenants.PublishItem(tx, story.ItemID, 1, time.Time{})
	})
	if err := p.svc.CountStory(p.runs, p.partner.org.OrgID, story.ItemID, true); !errs.Is(err, errs.NotFound) {
		t.Errorf("a story that the vendor may not read: %v", err)
	}
	p.tx(p.partner.ctx, func(tx *db.Tx) error {
		c, err := tenants.PutCollection(tx, tenants.Collection{Slug: "told", Title: "Told", Visibility: "agreement"})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO collection_items (org_id, collection_id, item_id, kind) VALUES ($1, $2, $3, 'story')`, tx.Scope.Org, c.CollectionID, story.ItemID); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO grants (org_id, viewer_org, collection_id) VALUES ($1, $2, $3)`, tx.Scope.Org, p.vendor.org.OrgID, c.CollectionID)
		return err
	})
	p.did(p.svc.CountStory(p.runs, p.partner.org.OrgID, story.ItemID, true))
	if s := p.stands(); s.Level != 2 {
		t.Errorf("with a story: %+v", s)
	}
	p.due()
	p.tx(p.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE items SET state = 'retired' WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, story.ItemID)
	})
	if p.due() == 0 {
		t.Error("nobody is asked to reckon when a story is withdrawn")
	}
	if s := p.stands(); s.Meets != 1 || s.DropAt == nil {
		t.Errorf("without it: %+v", s)
	}
}

// Nobody takes part for another, and nothing but what reckons writes a standing.
func TestForgedStanding(t *testing.T) {
	t.Parallel()
	p := runs(t, 12)
	n, err := p.svc.OfferProgram(p.runs, p.id, p.partner.org.OrgID)
	p.did(err)
	if n != 1 {
		t.Fatal("not offered")
	}
	args := []any{p.vendor.org.OrgID, p.id, p.partner.org.OrgID}
	const row = ` WHERE org_id = $1 AND program_id = $2 AND partner = $3`
	standing := `INSERT INTO standings (org_id, program_id, partner, version, level, since, meets, figures, moved_at, reckoned_at) VALUES ($1, $2, $3, 1, 2, now(), 2, '{}', now(), now())`
	refused := func(what string, ctx context.Context, q string) {
		t.Helper()
		var n int64
		err := p.db.Tx(ctx, func(tx *db.Tx) (err error) { n, err = tx.Exec(q, args...); return err })
		if err == nil && n > 0 {
			t.Errorf("%s: it was written", what)
		}
	}
	refused("the vendor accepts for the partner", p.runs, `UPDATE program_partners SET state = 'active', accepted_at = now()`+row)
	refused("a system actor accepts", dbtest.System(t, scope.Agreement, p.partner.org.OrgID), `UPDATE program_partners SET state = 'active', accepted_at = now()`+row)
	refused("reckoned before it was accepted", p.reckoner, standing)
	p.did(p.svc.AnswerProgram(p.joins, p.id, true))
	p.stands()
	for who, ctx := range map[string]context.Context{"the partner": p.joins, "the vendor": p.runs, "the vendor's issuer": dbtest.System(t, scope.Issuer, p.vendor.org.OrgID), "an operator": p.partner.ctx} {
		refused(who+" writes a standing", ctx, `UPDATE standings SET level = 2`+row)
		refused(who+" writes a history", ctx, `INSERT INTO standing_changes (org_id, program_id, partner, at, what, level, name, was) VALUES ($1, $2, $3, now(), 'risen', 2, 'Skilled', '')`)
	}
	refused("the partner takes itself in again", p.joins, `UPDATE program_partners SET partner = org_id`+row)
	refused("a version changes", p.runs, `UPDATE program_versions SET grace_days = 0 WHERE org_id = $1 AND program_id = $2 AND $3::uuid IS NOT NULL`)
	// The end of the connection ends it.
	p.tx(p.vendor.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE connections SET state = 'ended' WHERE org_a = $1 AND org_b = $2`, p.vendor.org.OrgID, p.partner.org.OrgID)
	})
	v, err := p.svc.Standing(p.joins, p.id)
	if err != nil || v.State != "ended" {
		t.Errorf("after the connection ended: %q, %v", v.State, err)
	}
	if _, err := p.svc.PartnerIn(p.runs, p.id, p.partner.org.Slug); !errs.Is(err, errs.NotFound) {
		t.Errorf("the vendor reads on: %v", err)
	}
}
