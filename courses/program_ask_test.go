package courses_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// posted has the service write mails, and returns those of an organization.
func (p *program) posted(h house) []string {
	p.t.Helper()
	return oneList[string](dbtest.System(p.t, scope.Mailer, h.org.OrgID), p.world, `SELECT x.subject || E'\n' || x.body FROM mails x WHERE x.org_id = $1 AND x.body LIKE '%/%' ORDER BY x.created_at, x.mail_id LIMIT 50`, h.org.OrgID)
}

func oneList[T any](ctx context.Context, w *world, q string, args ...any) (out []T) {
	w.t.Helper()
	w.tx(ctx, func(tx *db.Tx) (err error) {
		out, err = db.Rows[T](tx, q, args...)
		return err
	})
	return out
}

// TestProgramsCountPastRecords is that what a partner recorded from before counts where the owner of the program says so, and is told apart; and
// that a requirement can count the people of a team alone.
func TestProgramsCountPastRecords(t *testing.T) {
	t.Parallel()
	p := runs(t, 24)
	p.take()
	boss := p.administrator(p.partner)
	p.tx(p.partner.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET roles = roles || '{administrator}' WHERE org_id = $1`, tx.Scope.Org)
	})
	if is := p.stands(); is.Level != 1 {
		t.Fatalf("without anybody certified: %+v", is)
	}
	p.due()
	email := one[string](p.partner.ctx, p.world, `SELECT m.email FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, p.partner.org.OrgID, p.partner.m.MembershipID)
	which, err := p.svc.CheckPast(boss, "", []byte("mail,what,date,expires\n"+email+","+p.item.ItemID.String()+",2024-01-01,2099-01-01\n"))
	p.did(err)
	p.did(p.svc.TakePast(boss, which))
	if n := p.due(); n != 1 {
		t.Errorf("asked to reckon %d times", n)
	}
	if is := p.stands(); is.Level != 1 {
		t.Errorf("counted although the program does not say so: %+v", is)
	}
	r := &p.draft.Terms.Levels[1].Requires[0]
	r.Past = true
	p.publish(time.Now())
	if is := p.stands(); is.Level != 2 || is.Figures[p.draft.Terms.Levels[1].Requires[0].Key].Past != 1 {
		t.Errorf("counted where it says so: %+v", is)
	}
	// A team that the partner does not have.
	p.draft.Terms.Levels[1].Requires[0].Team = "Service"
	p.publish(time.Now())
	if is := p.stands(); is.Meets != 1 {
		t.Errorf("somebody in no team counts: %+v", is)
	}
	p.due()
	team, err := p.tenants.CreateTeam(boss, "SERVICE")
	p.did(err)
	p.did(p.tenants.ChangeTeam(boss, team, p.partner.m.MembershipID, tenants.TeamAdd))
	if n := p.due(); n != 1 {
		t.Errorf("asked to reckon %d times when somebody entered a team", n)
	}
	if is := p.stands(); is.Meets != 2 {
		t.Errorf("somebody in the team: %+v", is)
	}
	p.did(p.svc.UndoPast(boss, which))
	if is := p.stands(); is.Meets != 1 {
		t.Errorf("taken back: %+v", is)
	}
}

// TestProgramAsks is asking one of the own people to renew, and a partner to look: by mail, once in seven days, unless they want none.
func TestProgramAsks(t *testing.T) {
	t.Parallel()
	p := runs(t, 1)
	jc, err := jobs.NewClient(t.Context(), dbtest.OwnerDSN(t, "learnscape_app"), slog.New(slog.DiscardHandler))
	p.did(err)
	t.Cleanup(jc.Close)
	p.take()
	p.finish(p.partner)
	p.stands()
	keys, err := secret.NewKeyring(secret.Key{ID: "k", Bytes: bytes.Repeat([]byte{7}, 32)})
	p.did(err)
	p.svc = courses.New(courses.Deps{DB: p.db, Tenants: p.tenants, Keys: keys, Mail: mail.New(p.db, jc, mail.Outbox{}, "x.example"), URL: func(slug string) string { return "https://" + slug + ".learn.example" }})
	who := p.partner.m.MembershipID
	stranger := id.New[id.Membership]()
	for name, err := range map[string]error{
		"somebody who is not counted":     p.svc.AskMember(p.joins, p.id, stranger, courses.AskRenew),
		"who is close to nothing":         p.svc.AskMember(p.joins, p.id, who, courses.AskSuggest),
		"a learner asks":                  p.svc.AskMember(p.partner.member, p.id, who, courses.AskRenew),
		"the vendor asks people":          p.svc.AskMember(p.runs, p.id, who, courses.AskRenew),
		"the partner asks itself":         p.svc.AskPartner(p.joins, p.id, p.partner.org.OrgID),
		"the vendor asks a stranger":      p.svc.AskPartner(p.runs, p.id, p.other.org.OrgID),
		"somebody asks for anything else": p.svc.AskMember(p.joins, p.id, who, "anything"),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.did(p.svc.SetCredentialMails(p.partner.member, false))
	if err := p.svc.AskMember(p.joins, p.id, who, courses.AskRenew); !errs.Is(err, errs.Conflict) {
		t.Errorf("who wants no mails: %v", err)
	}
	p.did(p.svc.SetCredentialMails(p.partner.member, true))
	before := len(p.posted(p.partner))
	p.did(p.svc.AskMember(p.joins, p.id, who, courses.AskRenew))
	if got := p.posted(p.partner); len(got) != before+1 || !strings.Contains(got[before], "asks you to renew") || !strings.Contains(got[before], "/me/credentials") {
		t.Errorf("mailed %q", got[before:])
	}
	if err := p.svc.AskMember(p.joins, p.id, who, courses.AskRenew); !errs.Is(err, errs.Conflict) {
		t.Errorf("asked twice: %v", err)
	}
	if v, err := p.svc.Standing(p.joins, p.id); err != nil || len(v.Asked) != 1 {
		t.Errorf("who was asked: %v, %v", v.Asked, err)
	}
	before = len(p.posted(p.partner))
	p.did(p.svc.AskPartner(p.runs, p.id, p.partner.org.OrgID))
	if got := p.posted(p.partner); len(got) != before+1 || !strings.Contains(got[before], "asks you to look") || strings.Contains(got[before], "Ada vendor") {
		t.Errorf("the partner is mailed %q", got[before:])
	}
	if err := p.svc.AskPartner(p.runs, p.id, p.partner.org.OrgID); !errs.Is(err, errs.Conflict) {
		t.Errorf("a partner asked twice: %v", err)
	}
	for _, h := range []house{p.vendor, p.partner} {
		if n := one[int](h.ctx, p.world, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action IN ('program.asked', 'program.partner_asked')`, h.org.OrgID); n < 1 {
			t.Errorf("%d lines in the log of %s", n, h.org.Name)
		}
	}
}

// TestPartsAreTakenUpAgain is undoing the end of a part in a program: for 14 days, by who ended it, and not when the connection ended with it.
func TestPartsAreTakenUpAgain(t *testing.T) {
	t.Parallel()
	p := runs(t, 1)
	p.take()
	p.stands()
	back := func(ctx context.Context, partner id.Org) error {
		return p.svc.RestorePart(ctx, p.id, partner)
	}
	p.did(p.svc.LeaveProgram(p.joins, p.id))
	if v, err := p.svc.Standing(p.joins, p.id); err != nil || v.Back == nil {
		t.Errorf("it can be undone until %v, %v", v.Back, err)
	}
	if err := back(p.runs, p.partner.org.OrgID); !errs.Is(err, errs.Conflict) {
		t.Errorf("the vendor takes back what the partner ended: %v", err)
	}
	p.did(back(p.joins, id.Org{}))
	if is := p.stands(); is.Level != 1 {
		t.Errorf("taken up again: %+v", is)
	}
	p.did(p.svc.RemovePartner(p.runs, p.id, p.partner.org.OrgID))
	if err := back(p.joins, id.Org{}); !errs.Is(err, errs.Conflict) {
		t.Errorf("the partner takes back what the vendor ended: %v", err)
	}
	if v, err := p.svc.Partners(p.runs, p.id, courses.PartnersFilter{Level: -1}); err != nil || len(v.Removed) != 1 {
		t.Errorf("what can be taken back: %+v, %v", v.Removed, err)
	}
	p.did(back(p.runs, p.partner.org.OrgID))
	p.stands()
	p.did(p.svc.RemovePartner(p.runs, p.id, p.partner.org.OrgID))
	late := func(days int) {
		t.Helper()
		p.owner(`UPDATE program_partners SET ended_at = ended_at - make_interval(days => $2) WHERE partner = $1`, p.partner.org.OrgID, days)
	}
	late(15)
	if err := back(p.runs, p.partner.org.OrgID); !errs.Is(err, errs.Conflict) {
		t.Errorf("after 15 days: %v", err)
	}
	late(-15)
	// The database holds it, whatever the code says.
	for _, sql := range []string{`UPDATE program_partners SET state = 'active' WHERE partner = $1`, `UPDATE program_partners SET state = 'active', ended_by = NULL, ended_at = NULL, accepted_at = now() WHERE partner = $1`} {
		if err := p.db.Tx(p.joins, func(tx *db.Tx) error { return tx.Must(sql, p.partner.org.OrgID) }); err == nil {
			t.Errorf("the partner takes part again by itself: %s", sql)
		}
	}
	// When their connection ends with it, only a new offer begins it again.
	p.did(back(p.runs, p.partner.org.OrgID))
	p.owner(`UPDATE connections SET state = 'ended' WHERE $1 IN (org_a, org_b) AND $2 > 0`, p.partner.org.OrgID, 1)
	p.owner(`UPDATE connections SET state = 'active' WHERE $1 IN (org_a, org_b) AND $2 > 0`, p.partner.org.OrgID, 1)
	for _, err := range []error{back(p.runs, p.partner.org.OrgID), back(p.joins, id.Org{})} {
		if !errs.Is(err, errs.Conflict) {
			t.Errorf("after the connection ended: %v", err)
		}
	}
}

// owner runs a statement as the owner of the schema.
func (p *program) owner(q string, args ...any) {
	p.t.Helper()
	c, err := pgx.Connect(p.t.Context(), dbtest.OwnerDSN(p.t, "postgres"))
	p.did(err)
	defer c.Close(p.t.Context()) //nolint:errcheck // The statement counts.
	if _, err := c.Exec(p.t.Context(), q, args...); err != nil {
		p.t.Fatal(err)
	}
}
