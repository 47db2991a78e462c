package tenants

import (
	"context"
	"fmt"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// Retention is how long the rows of a table stay that nothing needs any more.
type Retention struct {
	Table string
	Over  string // which rows of the organization $1 are over, at the time $2
	Days  int    // and go so many days later
	What  string // what they are, for administrators, in English
	Begin string // since when the days run, likewise
}

// Retentions are the tables whose rows go by themselves. Everything else stays until a person or an organization is erased.
var Retentions = []Retention{ //nolint:gochecknoglobals // A constant table.
	{"sessions", `expires_at < $2`, 30, "sessions, with the browser's name", "their end"},
	{"email_links", `expires_at < $2`, 1, "links for signing in", "their end"},
	{"sign_ins", `expires_at < $2`, 1, "sign-ins under way", "their end"},
	{"link_requests", `expires_at < $2`, 1, "links between two places of a person that were begun", "their end"},
	{"hand_overs", `expires_at < $2`, 1, "sign-ins that are handed over to a host of one's own", "their end"},
	{"passkey_questions", `expires_at < $2`, 1, "what browsers were asked to sign with a passkey", "their end"},
	{"sign_in_tries", `at < $2`, 1, "attempts to sign in, as keyed hashes of network addresses", "the attempt"},
	{"logout_tokens", `until < $2`, 1, "sign-outs that providers told of", "their end"},
	{"errands", `expires_at < $2`, 30, "steps that were sent to IT", "their end"},
	{"provider_errands", `expires_at < $2`, 30, "forms of identity providers that were sent to IT", "their end"},
	{"people_imports", `expires_at < $2`, 1, "files of people that were imported, line by line", "the last day on which the import can be undone"},
	{"program_asks", `at < $2`, 90, "who was asked because of a partner program", "the asking"},
	{"record_imports", `expires_at < $2`, 1, "files of past records that were imported, line by line", "the last day on which the import can be undone"},
	{"removed_records", `removed_at < $2`, 396, "past records that were removed one by one, with the reason", "the removal"},
	{"live_voided", `voided_at < $2`, 396, "that somebody came to a live session, which was taken back, with the reason", "the taking back"},
	{"course_imports", `expires_at < $2`, 1, "archives of courses that were imported, as a report", "the last day on which the report can be read"},
	{"api_replies", `created_at < $2`, 2, "answers of the API that a program may ask for again", "the answer"},
	{"mails", `created_at < $2`, 90, "mails, with their text", "their writing"},
	{"individual_sessions", `expires_at < $2`, 30, "sessions at the public door, with the browser's name", "their end"},
	{"individuals", `seen_at < $2`, 730, "accounts at the public door, with all that was learned with them", "the last visit"},
	{"search_events", `day < $2::date`, 396, "what was searched for, by day and without a person", "the day"},
}

// retainBatch is how many rows go in one transaction.
const retainBatch = 2000

// Retain removes what Retentions say of the organization of the acting keeper; of no organization, what visitors left who did not come
// back.
func (s *Service) Retain(ctx context.Context) error {
	if err := authz.Check(ctx, authz.EraseOrg, id.Org{}); err != nil {
		return err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if sc.Org.IsZero() {
		return s.retain(ctx, "visitors", `DELETE FROM visitors WHERE ctid = ANY (ARRAY(SELECT v.ctid FROM visitors v WHERE v.expires_at < $1 LIMIT $2))`, s.db.Now())
	}
	for _, r := range Retentions {
		q := fmt.Sprintf(`DELETE FROM %s WHERE org_id = $1 AND ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE org_id = $1 AND %s LIMIT $3))`, r.Table, r.Table, r.Over)
		if err := s.retain(ctx, r.Table, q, sc.Org, s.db.Now().AddDate(0, 0, -r.Days)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) retain(ctx context.Context, table, q string, args ...any) error {
	for {
		var n int64
		if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(q, append(args, retainBatch)...)
			return err
		}); err != nil {
			return fmt.Errorf("retain %s: %w", table, err)
		}
		if n < retainBatch {
			return nil
		}
	}
}

// RetainAll does it for visitors and for every organization that is there.
func (s *Service) RetainAll(ctx context.Context) error {
	if err := authz.Check(ctx, authz.EraseOrg, id.Org{}); err != nil {
		return err
	}
	var orgs []id.Org
	if err := s.db.Read(ctx, func(b *db.Batch) {
		// Which portals there are is public.
		db.List(b, &orgs, `SELECT o.org_id FROM organizations o WHERE o.state <> 'erased' ORDER BY o.org_id LIMIT 1000000`)
	}); err != nil {
		return err
	}
	for _, o := range append([]id.Org{{}}, orgs...) {
		if err := s.Retain(jobs.Enter(ctx, scope.Keeper, o)); err != nil {
			return err
		}
	}
	return nil
}
