package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The states of an import.
const (
	ImportChecked = "checked" // nothing happened yet
	ImportRunning = "running"
	ImportDone    = "done"
	ImportUndoing = "undoing"
	ImportUndone  = "undone"
)

const (
	importWaits = 24 * time.Hour     // how long a file that was looked at can be confirmed
	importUndo  = 7 * 24 * time.Hour // how long an import can be undone
	importStep  = 500                // lines in one transaction
)

// Import is people whom an administrator brings in by a file. A line adds: a member who is not here yet, roles, teams, an account number. It
// takes nothing away, and the name of who is here stays what it is. Who is new is awaited as through provisioning: the membership has no
// identity until its person comes through the organization's own provider, or by a link that is mailed to the address.
type Import struct {
	ID       id.Any     `db:"import_id"`
	File     string     `db:"file"`
	Skipped  []string   `db:"skipped"` // headings that mean nothing here
	State    string     `db:"state"`   // one of the Import constants
	Mails    bool       `db:"mails"`
	By       string     `db:"by_name"` // who confirmed it, or undid it
	Created  time.Time  `db:"created_at"`
	Finished *time.Time `db:"finished_at"`
	Until    time.Time  `db:"expires_at"` // when it can be confirmed, or undone, no more
	New      int        `db:"n_new"`      // lines by what would become of them
	Changed  int        `db:"n_changed"`
	Same     int        `db:"n_same"`
	Bad      int        `db:"n_bad"`
	Done     int        `db:"n_done"` // lines by what did
	Failed   int        `db:"n_failed"`
	Undone   int        `db:"n_undone"`
	Kept     int        `db:"n_kept"`
}

// Share is how much of it is worked, 0..1.
func (i Import) Share() float64 {
	done, all := i.Done+i.Failed+i.Undone+i.Kept, i.New+i.Changed
	if i.State == ImportUndoing || i.State == ImportUndone {
		done, all = i.Undone+i.Kept, i.Done+i.Undone+i.Kept
	}
	if all == 0 {
		return 1
	}
	return float64(done) / float64(all)
}

// Undoable reports whether it can be undone at the time.
func (i Import) Undoable(now time.Time) bool {
	return i.State == ImportDone && i.Done > 0 && i.Until.After(now)
}

const importColumns = `p.import_id, p.file, p.skipped, p.state, p.mails, coalesce(m.name, '') AS by_name, p.created_at, p.finished_at, p.expires_at, k.*
	FROM people_imports p LEFT JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.asked_by
	CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE r.outcome = 'new')::int AS n_new, count(*) FILTER (WHERE r.outcome = 'changed')::int AS n_changed,
		count(*) FILTER (WHERE r.outcome = 'same')::int AS n_same, count(*) FILTER (WHERE r.outcome = 'bad')::int AS n_bad,
		count(*) FILTER (WHERE r.state = 'done')::int AS n_done, count(*) FILTER (WHERE r.state = 'failed')::int AS n_failed,
		count(*) FILTER (WHERE r.state = 'undone')::int AS n_undone, count(*) FILTER (WHERE r.state = 'kept')::int AS n_kept
		FROM people_import_rows r WHERE r.org_id = p.org_id AND r.import_id = p.import_id) k`

// ImportRow is a line of it.
type ImportRow struct {
	Line     int          `db:"line"`
	Email    string       `db:"email"`
	Name     string       `db:"name"`
	Roles    []scope.Role `db:"roles"`
	Teams    []string     `db:"team_names"`
	Account  string       `db:"account"`
	Outcome  string       `db:"outcome"` // new, changed, same or bad
	Problems []Fault      `db:"problems"`
	State    string       `db:"state"`  // waiting, done, failed, undone or kept
	Reason   string       `db:"reason"` // message key of why it failed or was kept
}

// importRow is a line as it is stored.
type importRow struct {
	Line     int          `json:"line"`
	Email    string       `json:"email"`
	Name     string       `json:"name"`
	Roles    []scope.Role `json:"roles"`
	Teams    []id.Any     `json:"teams"`
	Account  string       `json:"account"`
	Outcome  string       `json:"outcome"`
	Problems []Fault      `json:"problems"`
}

type teamRow struct {
	ID     id.Any `db:"team_id"`
	Key    string `db:"key"`
	Source string `db:"source"`
}

// CheckImport reads a CSV file of people (see readPeople) and keeps what would become of every line, for a day; nobody is changed by it.
// What the acting administrator looked at before and did not confirm goes. Invalid for a file that cannot be read.
func (s *Service) CheckImport(ctx context.Context, name string, data []byte) (which id.Any, err error) {
	if err := authz.Check(ctx, authz.ImportPeople, id.Org{}); err != nil {
		return which, err
	}
	lines, skipped, err := readPeople(data)
	if err != nil {
		return which, err
	}
	if skipped = skipped[:min(len(skipped), 50)]; skipped == nil {
		skipped = []string{}
	}
	which = id.New[id.Any]()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		list, err := db.Rows[teamRow](tx, `SELECT t.team_id, lower(t.name) AS key, t.source FROM teams t WHERE t.org_id = $1 ORDER BY t.team_id LIMIT 10000`, tx.Scope.Org)
		if err != nil {
			return err
		}
		k := known{roles: roleWords(ctx), teams: map[string]teamRow{}}
		for _, t := range list {
			k.teams[t.Key] = t
		}
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM people_imports WHERE org_id = $1 AND asked_by = $2 AND state = 'checked'`, tx.Scope.Org, tx.Scope.Membership)
			db.Write(b, nil, `INSERT INTO people_imports (org_id, import_id, asked_by, file, skipped, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				tx.Scope.Org, which, tx.Scope.Membership, clip(name, 200), skipped, tx.Now, tx.Now.Add(importWaits))
		}); err != nil {
			return err
		}
		seen := map[string]int{}
		for part := range slices.Chunk(lines, 2000) {
			if err := k.keep(tx, which, part, seen); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return which, fmt.Errorf("check import: %w", err)
	}
	return which, nil
}

// importMember is a member as a line finds them.
type importMember struct {
	Email   string       `db:"email"`
	State   string       `db:"state"`
	Roles   []scope.Role `db:"roles"`
	Account string       `db:"external_id"`
	Named   bool         `db:"named"` // by an identity provider, which says the account, too
	Teams   []id.Any     `db:"teams"`
}

// keep holds lines against who is here and writes down what would become of them.
func (k known) keep(tx *db.Tx, which id.Any, lines []importLine, seen map[string]int) error {
	rows := make([]importRow, 0, len(lines))
	var emails, domains []string
	for _, l := range lines {
		r := k.read(l)
		rows = append(rows, r)
		emails, domains = append(emails, r.Email), append(domains, domainOf(r.Email))
	}
	slices.Sort(domains)
	var members []importMember
	var awaited, foreign []string
	if err := tx.Batch(func(b *db.Batch) {
		db.List(b, &members, `SELECT m.email, m.state, m.roles, m.external_id, m.user_name IS NOT NULL AS named,
				ARRAY(SELECT x.team_id FROM team_members x WHERE x.org_id = m.org_id AND x.membership_id = m.membership_id) AS teams
			FROM memberships m WHERE m.org_id = $1 AND m.email = ANY($2) AND m.removed_at IS NULL`, tx.Scope.Org, emails)
		db.List(b, &awaited, `SELECT v.email FROM member_invitations v WHERE v.org_id = $1 AND v.email = ANY($2) AND v.state = 'open' AND v.expires_at > $3
			UNION SELECT m.called FROM memberships m WHERE m.org_id = $1 AND m.called = ANY($2) AND m.email <> m.called AND m.removed_at IS NULL`, tx.Scope.Org, emails, tx.Now)
		db.List(b, &foreign, enforcedElsewhere, tx.Scope.Org, slices.Compact(domains))
	}); err != nil {
		return err
	}
	is := map[string]importMember{}
	for _, m := range members {
		is[m.Email] = m
	}
	for i := range rows {
		rows[i].judge(is, awaited, foreign, seen)
	}
	j, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO people_import_rows (org_id, import_id, line, email, name, roles, teams, account, outcome, problems)
		SELECT $1, $2, r.line, r.email, r.name, r.roles, coalesce(r.teams, '{}'), r.account, r.outcome, r.problems
		FROM jsonb_to_recordset($3::jsonb) AS r(line int, email text, name text, roles text[], teams uuid[], account text, outcome text, problems jsonb)`, tx.Scope.Org, which, json.RawMessage(j))
	return err
}

// enforcedElsewhere are those of the domains $2 whose people another organization than $1 lets in through its provider alone. They are
// nobody's to bring in by a list; one of them can be invited, and then decides for themselves.
const enforcedElsewhere = `SELECT d.domain FROM domains d JOIN organizations o ON o.org_id = d.org_id AND o.sign_in = 'oidc' AND o.state = 'active'
	WHERE d.domain = ANY($2) AND d.verified_at IS NOT NULL AND d.org_id <> $1`

// judge says what would become of a line.
func (r *importRow) judge(is map[string]importMember, awaited, foreign []string, seen map[string]int) {
	wrong := func(column, key, value string) {
		r.Problems = append(r.Problems, Fault{Column: column, Key: "link.import.row." + key, Value: value})
	}
	m, here := is[r.Email]
	before, twice := seen[r.Email]
	switch {
	case len(r.Problems) > 0 && r.Problems[0].Column == ColumnAddress:
	case twice:
		wrong(ColumnAddress, "twice", fmt.Sprint(before))
	case here && m.State == "left":
		wrong(ColumnAddress, "left", r.Email)
	case !here && slices.Contains(awaited, r.Email):
		wrong(ColumnAddress, "awaited", r.Email)
	case !here && slices.Contains(foreign, domainOf(r.Email)):
		wrong(ColumnAddress, "foreign", r.Email)
	case here && m.Named && r.Account != "" && r.Account != m.Account:
		wrong(ColumnAccount, "account_scim", r.Account)
	}
	if !twice {
		seen[r.Email] = r.Line
	}
	missing := func(r scope.Role) bool { return !slices.Contains(m.Roles, r) }
	outside := func(t id.Any) bool { return !slices.Contains(m.Teams, t) }
	switch {
	case len(r.Problems) > 0:
		r.Outcome = "bad"
	case !here:
		r.Outcome = "new"
	case slices.ContainsFunc(r.Roles, missing) || slices.ContainsFunc(r.Teams, outside) || r.Account != "" && r.Account != m.Account:
		r.Outcome = "changed"
	default:
		r.Outcome = "same"
	}
	if local, _, _ := strings.Cut(r.Email, "@"); r.Name == "" {
		r.Name = clip(local, 200)
	}
}

// Imports lists the imports of the organization, newest first; after some days they are gone.
func (s *Service) Imports(ctx context.Context) (list []Import, err error) {
	if err := authz.Check(ctx, authz.ImportPeople, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, `SELECT `+importColumns+` WHERE p.org_id = $1 ORDER BY p.created_at DESC, p.import_id LIMIT 10`, sc.Org)
	})
	return list, err
}

// ImportFilter narrows the lines of an import.
type ImportFilter struct {
	Show  string // an outcome or a state of ImportRow; "" for all
	After int    // the last line of the page before
	Limit int    // 1 to 50,000; default 50
}

// Shows reports whether lines can be narrowed so.
func (f ImportFilter) Shows() bool {
	return slices.Contains([]string{"", "new", "changed", "same", "bad", "done", "failed", "undone", "kept"}, f.Show)
}

const importRowsSQL = `SELECT r.line, r.email, r.name, r.roles, r.account, r.outcome, r.problems, r.state, r.reason,
		ARRAY(SELECT t.name FROM teams t WHERE t.org_id = r.org_id AND t.team_id = ANY(r.teams) ORDER BY t.name) AS team_names
	FROM people_import_rows r WHERE r.org_id = $1 AND r.import_id = $2 AND r.line > $3 `

// Import returns an import with a page of its lines, and whether there are more. NotFound for another organization's.
func (s *Service) Import(ctx context.Context, which id.Any, f ImportFilter) (v Import, rows []ImportRow, more bool, err error) {
	if err := authz.Check(ctx, authz.ImportPeople, id.Org{}); err != nil {
		return v, nil, false, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, nil, false, err
	}
	if f.Limit < 1 || f.Limit > importRows {
		f.Limit = 50
	}
	where, args := "", []any{sc.Org, which, f.After, f.Limit + 1}
	switch f.Show {
	case "":
	case "new", "changed", "same", "bad":
		where, args = `AND r.outcome = $5 `, append(args, f.Show)
	default:
		where, args = `AND r.state = $5 `, append(args, f.Show)
	}
	var found bool
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &v, &found, `SELECT `+importColumns+` WHERE p.org_id = $1 AND p.import_id = $2`, sc.Org, which)
		db.List(b, &rows, importRowsSQL+where+`ORDER BY r.line LIMIT $4`, args...)
	})
	if err == nil && !found {
		err = errs.New(errs.NotFound, "import %s", which)
	}
	if len(rows) > f.Limit {
		rows, more = rows[:f.Limit], true
	}
	return v, rows, more, err
}

// ConfirmImport has the good lines of an import carried out by a job. authz.ErrNotFresh without a fresh sign-in; Conflict when it is not to be
// confirmed any more, while another one runs, and when the organization may not have so many people; with mails, RateLimited as Welcome.
func (s *Service) ConfirmImport(ctx context.Context, which id.Any, mails bool) error {
	if err := authz.Check(ctx, authz.ImportPeople, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := lockImport(tx, which)
		if err != nil {
			return err
		}
		if v.State != ImportChecked || !v.Until.After(tx.Now) || v.New+v.Changed == 0 {
			return errs.Say(errs.Conflict, "link.import.moved_on")
		}
		room, limit, err := tenants.PeopleRoom(tx)
		if err != nil {
			return err
		}
		if v.New > room {
			return errs.Say(errs.Conflict, "link.import.full", "Count", v.New, "Room", room, "Limit", limit)
		}
		if mails && v.New > 0 {
			if err := roomForWelcome(tx, 0, v.New); err != nil {
				return err
			}
		}
		if err := s.turnImport(tx, which, ImportRunning, mails); err != nil {
			return err
		}
		return tenants.Audit(tx, "people.import_asked", "import:"+which.String(), map[string]any{"new": v.New, "changed": v.Changed, "left_out": v.Bad, "mails": mails})
	})
}

// UndoImport takes an import back by a job, within seven days: memberships that it made and nobody has used, and the roles, teams and
// account numbers that it gave. What cannot be undone says why. Errors as ConfirmImport.
func (s *Service) UndoImport(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ImportPeople, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := lockImport(tx, which)
		if err != nil {
			return err
		}
		if !v.Undoable(tx.Now) {
			return errs.Say(errs.Conflict, "link.import.moved_on")
		}
		if err := s.turnImport(tx, which, ImportUndoing, v.Mails); err != nil {
			return err
		}
		return tenants.Audit(tx, "people.import_undo_asked", "import:"+which.String(), map[string]any{"rows": v.Done})
	})
}

// turnImport sets the state of an import that has begun and tells the job.
func (s *Service) turnImport(tx *db.Tx, which id.Any, state string, mails bool) error {
	running, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM people_imports p WHERE p.org_id = $1 AND p.state IN ('running', 'undoing'))`, tx.Scope.Org)
	if err != nil {
		return err
	}
	if running {
		return errs.Say(errs.Conflict, "link.import.one")
	}
	if err := tx.Must(`UPDATE people_imports SET state = $3, asked_by = $4, asked_at = $5, mails = $6, expires_at = $7 WHERE org_id = $1 AND import_id = $2`,
		tx.Scope.Org, which, state, tx.Scope.Membership, tx.Now, mails, tx.Now.Add(importUndo)); err != nil {
		return err
	}
	return jobs.Emit(tx, ImportAsked{Org: tx.Scope.Org, Import: which})
}

// StopImport ends an import that runs after the lines that are done; what is done stays and can be undone. It also removes one that was
// only looked at. NotFound for one that is over.
func (s *Service) StopImport(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ImportPeople, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`DELETE FROM people_imports WHERE org_id = $1 AND import_id = $2 AND state = 'checked'`, tx.Scope.Org, which)
		if err != nil || n > 0 {
			return err
		}
		v, err := lockImport(tx, which)
		if err != nil {
			return err
		}
		if v.State != ImportRunning {
			return errs.New(errs.NotFound, "import %s is %s", which, v.State)
		}
		return finishImport(tx, v)
	})
}

func lockImport(tx *db.Tx, which id.Any) (Import, error) {
	if _, err := db.Row[id.Any](tx, `SELECT p.import_id FROM people_imports p WHERE p.org_id = $1 AND p.import_id = $2 FOR UPDATE`, tx.Scope.Org, which); err != nil {
		return Import{}, err
	}
	return db.Row[Import](tx, `SELECT `+importColumns+` WHERE p.org_id = $1 AND p.import_id = $2`, tx.Scope.Org, which)
}
