package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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

// ImportAsked tells the importer that an import waits to be carried out, or undone.
type ImportAsked struct {
	Org    id.Org `json:"org"`
	Import id.Any `json:"import"`
}

// EventKind implements jobs.Event.
func (ImportAsked) EventKind() string { return "auth.import_asked" }

// EventOrg implements jobs.Event.
func (e ImportAsked) EventOrg() id.Org { return e.Org }

// Importer carries out what administrators confirmed. It may end at any time, also by a power cut, and is taken up again.
type Importer struct {
	s    *Service
	jobs *jobs.Client
}

// NewImporter returns the importer of an installation and registers its job.
func NewImporter(s *Service, c *jobs.Client) *Importer {
	i := &Importer{s: s, jobs: c}
	i.work(c)
	return i
}

// Listen registers what follows when an import was confirmed.
func (i *Importer) Listen(r *jobs.Relay) { jobs.On(r, scope.SignIn, i.asked) }

func (i *Importer) asked(ctx context.Context, events []ImportAsked) error {
	return i.s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			at, err := db.Row[time.Time](tx, `SELECT p.asked_at FROM people_imports p WHERE p.org_id = $1 AND p.import_id = $2 AND p.state IN ('running', 'undoing')`, tx.Scope.Org, e.Import)
			if errs.Is(err, errs.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if err := i.jobs.Insert(tx, importArgs{Org: tx.Scope.Org, Import: e.Import, At: at}); err != nil {
				return err
			}
		}
		return nil
	})
}

// errImportOver ends the work on an import.
var errImportOver = errors.New("the import is over")

// Run carries an import out, or undoes it, some hundred lines in a transaction, until it is done or stopped, or who asked is no
// administrator any more. Repeating it goes on where it stopped. NotFound for another organization's.
func (i *Importer) Run(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ImportPeople, id.Org{}); err != nil {
		return err
	}
	for {
		err := i.s.db.Tx(ctx, func(tx *db.Tx) error { return i.step(tx, which) })
		switch {
		case errors.Is(err, errImportOver):
			return nil
		case err != nil:
			return fmt.Errorf("import %s: %w", which, err)
		}
	}
}

func (i *Importer) step(tx *db.Tx, which id.Any) error {
	v, err := lockImport(tx, which)
	if err != nil {
		return err
	}
	if v.State != ImportRunning && v.State != ImportUndoing {
		return errImportOver
	}
	may, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM people_imports p JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.asked_by AND m.state = 'active' AND 'administrator' = ANY(m.roles)
		WHERE p.org_id = $1 AND p.import_id = $2)`, tx.Scope.Org, which)
	if err != nil {
		return err
	}
	// What the database knows of how many people there are is of before the import: a plan that trusts it goes through all of them for every line.
	if _, err := tx.Exec(`SELECT set_config('enable_nestloop', 'off', true)`); err != nil {
		return err
	}
	waits := `r.state = 'waiting' AND r.outcome IN ('new', 'changed')`
	if v.State == ImportUndoing {
		waits = `r.state = 'done'`
	}
	lines, err := db.Rows[int](tx, `SELECT r.line FROM people_import_rows r WHERE r.org_id = $1 AND r.import_id = $2 AND `+waits+` ORDER BY r.line LIMIT $3`, tx.Scope.Org, which, importStep)
	if err != nil {
		return err
	}
	switch {
	case !may || len(lines) == 0:
		return finishImport(tx, v)
	case v.State == ImportUndoing:
		return undoLines(tx, which, lines)
	}
	return i.s.addLines(tx, v, lines)
}

// finishImport writes down how it ended.
func finishImport(tx *db.Tx, v Import) error {
	state, action, detail := ImportDone, "people.imported", map[string]any{"rows": v.Done, "failed": v.Failed, "left_out": v.Bad}
	if v.State == ImportUndoing {
		state, action, detail = ImportUndone, "people.import_undone", map[string]any{"rows": v.Undone, "kept": v.Kept}
	}
	if err := tx.Must(`UPDATE people_imports SET state = $3, finished_at = $4, expires_at = $5 WHERE org_id = $1 AND import_id = $2`, tx.Scope.Org, v.ID, state, tx.Now, tx.Now.Add(importUndo)); err != nil {
		return err
	}
	return tenants.Audit(tx, action, "import:"+v.ID.String(), detail)
}

// imported is a line that was carried out.
type imported struct {
	Line   int           `db:"line"`
	Member id.Membership `db:"membership_id"`
	Email  string        `db:"email"`
	New    bool          `db:"is_new"`
	Roles  []scope.Role  `db:"gave_roles"`
}

// addLines makes those of the lines that are new members, as far as there is room, and gives all of them what their line says and they do
// not have. What is not as it was when the file was looked at is left out with a reason.
func (s *Service) addLines(tx *db.Tx, v Import, lines []int) error {
	room, _, err := tenants.PeopleRoom(tx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE people_import_rows r SET state = 'failed', reason = $5 WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY(ARRAY(
		SELECT x.line FROM people_import_rows x WHERE x.org_id = $1 AND x.import_id = $2 AND x.line = ANY($3) AND x.outcome = 'new' ORDER BY x.line OFFSET $4))`, tx.Scope.Org, v.ID, lines, max(room, 0), "link.import.reason.full"); err != nil {
		return err
	}
	people, members := make([]id.Person, len(lines)), make([]id.Membership, len(lines))
	for i := range lines {
		people[i], members[i] = id.New[id.Person](), id.New[id.Membership]()
	}
	args := []any{tx.Scope.Org, v.ID, lines, tx.Now}
	var done []imported
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `WITH fresh AS (SELECT r.email, r.name, f.person, f.member FROM unnest($3::int[], $5::uuid[], $6::uuid[]) AS f(line, person, member) JOIN people_import_rows r
				ON r.org_id = $1 AND r.import_id = $2 AND r.line = f.line AND r.outcome = 'new' AND r.state = 'waiting'
				AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.email = r.email AND m.removed_at IS NULL)
				AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.called = r.email AND m.removed_at IS NULL)
				AND NOT EXISTS (SELECT 1 FROM member_invitations i WHERE i.org_id = $1 AND i.email = r.email AND i.state = 'open' AND i.expires_at > $4)
				AND NOT EXISTS (SELECT 1 FROM domains d JOIN organizations o ON o.org_id = d.org_id AND o.sign_in = 'oidc' AND o.state = 'active'
					WHERE d.domain = split_part(r.email, '@', 2) AND d.verified_at IS NOT NULL AND d.org_id <> $1)),
			people AS (INSERT INTO persons (person_id, locale, created_at) SELECT f.person, coalesce((SELECT o.locale FROM organizations o WHERE o.org_id = $1), 'en'), $4 FROM fresh f)
			INSERT INTO memberships (org_id, membership_id, person_id, name, email, locale, state, created_at)
				SELECT $1, f.member, f.person, f.name, f.email, coalesce((SELECT o.locale FROM organizations o WHERE o.org_id = $1), 'en'), 'invited', $4 FROM fresh f`, append(args, people, members)...)
		db.Write(b, nil, `SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.removed_at IS NULL AND m.email = ANY(ARRAY(SELECT r.email FROM people_import_rows r WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3)))
			ORDER BY m.membership_id FOR UPDATE`, args[:3]...)
		db.List(b, &done, `UPDATE people_import_rows r SET state = 'done', done_at = $4, membership_id = m.membership_id, mailed = $5 AND r.outcome = 'new',
				gave_roles = ARRAY(SELECT unnest(r.roles) EXCEPT SELECT unnest(m.roles)),
				gave_teams = ARRAY(SELECT t.team_id FROM teams t WHERE t.org_id = $1 AND t.team_id = ANY(r.teams) AND t.source <> 'scim'
					AND NOT EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = $1 AND x.team_id = t.team_id AND x.membership_id = m.membership_id)),
				had_account = CASE WHEN r.account <> '' AND m.external_id <> r.account AND m.user_name IS NULL THEN m.external_id END
			FROM memberships m WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3) AND r.state = 'waiting'
				AND m.org_id = $1 AND m.email = r.email AND m.removed_at IS NULL AND m.state <> 'left' AND (r.outcome = 'changed' OR m.membership_id = ANY($6))
			RETURNING r.line, r.membership_id, r.email, r.outcome = 'new' AS is_new, r.gave_roles`, append(args, v.Mails, members)...)
		db.Write(b, nil, `UPDATE memberships m SET roles = m.roles || r.gave_roles, external_id = CASE WHEN r.had_account IS NULL THEN m.external_id ELSE r.account END
			FROM people_import_rows r WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3) AND r.state = 'done' AND (r.gave_roles <> '{}' OR r.had_account IS NOT NULL)
				AND m.org_id = $1 AND m.membership_id = r.membership_id`, args[:3]...)
		db.Write(b, nil, `INSERT INTO team_members (org_id, team_id, membership_id, since) SELECT $1, t.team_id, r.membership_id, $4 FROM people_import_rows r CROSS JOIN LATERAL unnest(r.gave_teams) AS t(team_id)
			WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3) AND r.state = 'done' ON CONFLICT (org_id, team_id, membership_id) DO NOTHING`, args...)
		db.Write(b, nil, `UPDATE people_import_rows r SET state = 'failed', reason = $4 WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3) AND r.state = 'waiting'`, tx.Scope.Org, v.ID, lines, "link.import.reason.meanwhile")
	}); err != nil {
		return err
	}
	return s.tellOf(tx, v, done)
}

// tellOf writes the log of what was done: who came and who was changed, and of each who got a role which ones. With mails, it writes to
// who is new.
func (s *Service) tellOf(tx *db.Tx, v Import, done []imported) error {
	var came, changed []id.Membership
	roles := map[string]any{}
	for _, d := range done {
		if d.New {
			came = append(came, d.Member)
		} else {
			changed = append(changed, d.Member)
		}
		if len(d.Roles) > 0 {
			roles["membership:"+d.Member.String()] = map[string]any{"import": v.ID, "gave": d.Roles}
		}
	}
	if err := tenants.AuditEach(tx, "member.roles", roles); err != nil {
		return err
	}
	if len(done) > 0 {
		if err := tenants.Audit(tx, "member.imported", "import:"+v.ID.String(), map[string]any{"new": came, "changed": changed}); err != nil {
			return err
		}
	}
	if !v.Mails || len(came) == 0 {
		return nil
	}
	org, err := s.tenants.ByID(tx.Context(), tx.Scope.Org)
	if err != nil {
		return err
	}
	l, _ := lang.Parse(org.Locale)
	ctx := lang.With(tx.Context(), l)
	for _, d := range done {
		if !d.New {
			continue
		}
		if err := s.mail.Send(tx, mail.Message{
			To: d.Email, Subject: lang.T(ctx, "link.import.mail.subject", "Org", org.Name),
			Text: lang.T(ctx, "link.import.mail.body", "Org", org.Name, "By", v.By, "Link", s.Address(org)+"/sign-in"),
		}); err != nil {
			return err
		}
	}
	return nil
}

// unused are memberships m of lines r that nobody has come as and no provider has named.
const unused = `m.state = 'invited' AND m.seen_at IS NULL AND m.user_name IS NULL AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.org_id = m.org_id AND i.membership_id = m.membership_id)`

// undoLines takes back what lines did.
func undoLines(tx *db.Tx, which id.Any, lines []int) error {
	if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('administrators ' || $1::text, 0))`, tx.Scope.Org); err != nil {
		return err
	}
	made, err := db.Rows[imported](tx, `SELECT r.line, r.membership_id, r.email, true AS is_new, r.gave_roles FROM people_import_rows r JOIN memberships m ON m.org_id = $1 AND m.membership_id = r.membership_id AND `+unused+`
		WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3) AND r.outcome = 'new' ORDER BY m.membership_id FOR UPDATE OF m`, tx.Scope.Org, which, lines)
	if err != nil {
		return err
	}
	if err := dropMade(tx, which, made); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE people_import_rows r SET state = 'kept', reason = $4 WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3) AND r.outcome = 'new' AND r.state = 'done'`, tx.Scope.Org, which, lines, "link.import.reason.used"); err != nil {
		return err
	}
	back, err := db.Rows[imported](tx, `SELECT r.line, r.membership_id, r.email, false AS is_new, r.gave_roles FROM people_import_rows r
		WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3) AND r.outcome = 'changed' AND r.state = 'done' ORDER BY r.line`, tx.Scope.Org, which, lines)
	if err != nil {
		return err
	}
	for _, d := range back {
		if err := takeBack(tx, which, d); err != nil {
			return err
		}
	}
	return nil
}

// dropMade removes memberships that nobody used. One that something hangs on by now, such as a course that was assigned, stays.
func dropMade(tx *db.Tx, which id.Any, made []imported) error {
	drop := func(some []imported) error {
		var who []id.Membership
		var lines []int
		for _, d := range some {
			who, lines = append(who, d.Member), append(lines, d.Line)
		}
		if _, err := tx.Exec(`SAVEPOINT made`); err != nil {
			return err
		}
		err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM team_members x WHERE x.org_id = $1 AND x.membership_id = ANY($2)`, tx.Scope.Org, who)
			db.Write(b, nil, `DELETE FROM memberships m WHERE m.org_id = $1 AND m.membership_id = ANY($2)`, tx.Scope.Org, who)
			db.Write(b, nil, `UPDATE people_import_rows r SET state = 'undone' WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = ANY($3)`, tx.Scope.Org, which, lines)
		})
		if err != nil {
			if _, err := tx.Exec(`ROLLBACK TO SAVEPOINT made`); err != nil {
				return err
			}
		}
		return err
	}
	err := drop(made)
	if len(made) == 0 || err == nil {
		return err
	}
	for _, d := range made {
		if err := drop([]imported{d}); err == nil {
			continue
		}
		if _, err := tx.Exec(`UPDATE people_import_rows r SET state = 'kept', reason = $4 WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = $3`, tx.Scope.Org, which, d.Line, "link.import.reason.has"); err != nil {
			return err
		}
	}
	return nil
}

// takeBack takes from a member what a line gave, as far as it is still as the line left it.
func takeBack(tx *db.Tx, which id.Any, d imported) error {
	if last, err := tenants.LastAdministrator(tx, d.Member); err != nil || last && slices.Contains(d.Roles, scope.Administrator) {
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE people_import_rows r SET state = 'kept', reason = $4 WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = $3`, tx.Scope.Org, which, d.Line, "link.import.reason.last")
		return err
	}
	args := []any{tx.Scope.Org, which, d.Line}
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `UPDATE memberships m SET roles = ARRAY(SELECT x FROM unnest(m.roles) x WHERE x <> ALL(r.gave_roles)), external_id = CASE WHEN r.had_account IS NOT NULL AND m.external_id = r.account AND m.user_name IS NULL THEN r.had_account ELSE m.external_id END
			FROM people_import_rows r WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = $3 AND m.org_id = $1 AND m.membership_id = r.membership_id`, args...)
		db.Write(b, nil, `DELETE FROM team_members x USING people_import_rows r WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = $3
			AND x.org_id = $1 AND x.membership_id = r.membership_id AND x.team_id = ANY(r.gave_teams) AND x.since = r.done_at`, args...)
		db.Write(b, nil, `UPDATE people_import_rows r SET state = 'undone' WHERE r.org_id = $1 AND r.import_id = $2 AND r.line = $3`, args...)
	}); err != nil {
		return err
	}
	if len(d.Roles) > 0 {
		if err := tenants.Audit(tx, "member.roles", "membership:"+d.Member.String(), map[string]any{"import": which, "took": d.Roles}); err != nil {
			return err
		}
	}
	return tenants.FollowGroups(tx, d.Member) // What was taken back, a group may give.
}
