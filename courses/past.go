package courses

import (
	"cmp"
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
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/tenants"
)

// PastRecord is what somebody learned before the portal kept it, or elsewhere, as their organization says. It proves nothing.
type PastRecord struct {
	ID        id.Any     `db:"record_id"`
	Item      id.Item    `db:"item_id"` // zero for training that was never on the portal
	Kind      string     `db:"kind"`    // "" for that
	Title     string     `db:"title"`
	Done      time.Time  `db:"done_on"`   // UTC day
	Ends      *time.Time `db:"ends_on"`   // the last UTC day on which it holds; nil: for ever
	Score     *float64   `db:"score"`     // percent; nil: passed
	Issuer    string     `db:"issuer"`    // as the file says
	Reference string     `db:"reference"` // as the file says
	By        string     `db:"by_name"`   // who recorded it
	Recorded  time.Time  `db:"recorded_at"`
}

// Over reports whether it holds no more at a time.
func (p PastRecord) Over(now time.Time) bool { return p.Ends != nil && now.After(endOf(*p.Ends)) }

const pastColumns = `p.record_id, p.item_id, p.kind, p.title, p.done_on, p.ends_on, p.score, p.issuer, p.reference, coalesce(k.name, '') AS by_name, p.recorded_at`

// superseded is whether something newer stands in the place of the past record p: another record of the same, or what was finished here.
const superseded = `(EXISTS (SELECT 1 FROM past_records n WHERE n.org_id = p.org_id AND n.membership_id = p.membership_id AND coalesce(n.item_id::text, lower(n.title)) = coalesce(p.item_id::text, lower(p.title)) AND n.done_on > p.done_on)
	OR EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = p.org_id AND e.membership_id = p.membership_id AND e.item_org = p.item_org AND e.item_id = p.item_id AND e.completed_at::date >= p.done_on))`

// The states of an import of past records.
const (
	PastChecked = "checked" // nothing happened yet
	PastTaken   = "done"
	PastUndone  = "undone"
)

const (
	pastWaits = 24 * time.Hour      // how long a file that was looked at can be confirmed
	pastUndo  = 14 * 24 * time.Hour // how long an import can be undone
)

// PastImport is past records that somebody brings in by a file. It is carried out as a whole or not at all.
type PastImport struct {
	ID       id.Any     `db:"import_id"`
	File     string     `db:"file"`
	Skipped  []string   `db:"skipped"` // headings that mean nothing here
	State    string     `db:"state"`   // one of the Past constants
	By       string     `db:"by_name"`
	Created  time.Time  `db:"created_at"`
	Finished *time.Time `db:"finished_at"`
	Until    time.Time  `db:"expires_at"` // when it can be confirmed, or undone, no more
	New      int        `db:"n_new"`      // lines by what would become of them
	Same     int        `db:"n_same"`
	Unknown  int        `db:"n_unknown"`
	Bad      int        `db:"n_bad"`
	Done     int        `db:"n_done"` // lines by what did
	Failed   int        `db:"n_failed"`
	Undone   int        `db:"n_undone"`
	Kept     int        `db:"n_kept"`
	Now      time.Time  `db:"-"`
}

// Undoable reports whether it can be undone at the time.
func (i PastImport) Undoable(now time.Time) bool {
	return i.State == PastTaken && i.Done > 0 && i.Until.After(now)
}

// pastImports are the imports ($1 organization) that the viewer may see: all ($2), or the own ($3).
const pastImports = `SELECT p.import_id, p.file, p.skipped, p.state, coalesce(m.name, '') AS by_name, p.created_at, p.finished_at, p.expires_at, k.*
	FROM record_imports p LEFT JOIN memberships m ON m.org_id = p.org_id AND m.membership_id = p.asked_by
	CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE r.outcome = 'new')::int AS n_new, count(*) FILTER (WHERE r.outcome = 'same')::int AS n_same,
		count(*) FILTER (WHERE r.outcome = 'unknown')::int AS n_unknown, count(*) FILTER (WHERE r.outcome = 'bad')::int AS n_bad,
		count(*) FILTER (WHERE r.state = 'done')::int AS n_done, count(*) FILTER (WHERE r.state = 'failed')::int AS n_failed,
		count(*) FILTER (WHERE r.state = 'undone')::int AS n_undone, count(*) FILTER (WHERE r.state = 'kept')::int AS n_kept
		FROM record_import_rows r WHERE r.org_id = p.org_id AND r.import_id = p.import_id) k WHERE p.org_id = $1 AND ($2 OR p.asked_by = $3)`

// PastImportRow is a line of it.
type PastImportRow struct {
	Line      int         `db:"line"`
	Who       string      `db:"who"`  // as the file says
	Name      string      `db:"name"` // of whom that is; "" for nobody
	Kind      string      `db:"kind"` // "" for a title alone
	Title     string      `db:"title"`
	Done      *time.Time  `db:"done_on"`
	Ends      *time.Time  `db:"ends_on"`
	Score     *float64    `db:"score"`
	Issuer    string      `db:"issuer"`
	Reference string      `db:"reference"`
	Outcome   string      `db:"outcome"` // new, same, unknown or bad
	Problems  []PastFault `db:"problems"`
	State     string      `db:"state"`  // waiting, done, failed, undone or kept
	Reason    string      `db:"reason"` // message key of why it failed or was kept
}

// caredFor are the people m of the organization $1 whom the viewer looks after: all ($2), or those of the teams that $3 leads.
const caredFor = `m.org_id = $1 AND m.state <> 'left' AND m.removed_at IS NULL AND ($2 OR EXISTS (SELECT 1 FROM team_members x JOIN team_members l ON l.org_id = x.org_id AND l.team_id = x.team_id AND l.membership_id = $3 AND l.leads
	WHERE x.org_id = m.org_id AND x.membership_id = m.membership_id))`

// cares are the parameters of that.
func cares(sc scope.Scope) []any {
	return []any{sc.Org, authz.Allowed(sc, authz.ManageTeams, id.Org{}), sc.Membership}
}

// CheckPast reads a CSV file of past records and keeps what would become of every line, for a day; nothing is recorded by it. Lines find
// people by address or by the organization's own number for them, administrators everybody, managers the people of the teams that they
// lead; whoever else there is is as unknown as nobody. What the acting member looked at before and did not confirm goes. Invalid for a file
// that cannot be read.
func (s *Service) CheckPast(ctx context.Context, name string, data []byte) (which id.Any, err error) {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return which, err
	}
	rows, skipped, err := past.Read(data)
	if err != nil {
		return which, err
	}
	which = id.New[id.Any]()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM record_imports WHERE org_id = $1 AND asked_by = $2 AND state = 'checked'`, tx.Scope.Org, tx.Scope.Membership)
			db.Write(b, nil, `INSERT INTO record_imports (org_id, import_id, asked_by, file, skipped, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				tx.Scope.Org, which, tx.Scope.Membership, cut(printable(name), 199), append([]string{}, skipped[:min(len(skipped), 50)]...), tx.Now, tx.Now.Add(pastWaits))
		}); err != nil {
			return err
		}
		seen := map[string]int{}
		for part := range slices.Chunk(rows, 2000) {
			if err := keepPast(tx, which, part, seen); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return which, fmt.Errorf("check past records: %w", err)
	}
	return which, nil
}

type pastPerson struct {
	Member  id.Membership `db:"membership_id"`
	Email   string        `db:"email"`
	Account string        `db:"external_id"`
}

type pastItem struct {
	Org   id.Org  `db:"org_id"`
	Item  id.Item `db:"item_id"`
	Kind  string  `db:"kind"`
	Slug  string  `db:"slug"`
	Title string  `db:"title"`
	House string  `db:"house"` // the slug of its organization
}

// pastItemsSQL are what lines may name, as the viewer sees it: by identifier ($2), or by slug ($3) of the own organization or of one that
// opens something to it.
const pastItemsSQL = `SELECT i.org_id, i.item_id, i.kind, i.slug, i.title, o.slug AS house FROM items i JOIN organizations o ON o.org_id = i.org_id
	WHERE (i.item_id = ANY($2) OR i.org_id = ANY(ARRAY(SELECT $1::uuid UNION SELECT g.org_id FROM grants g WHERE g.viewer_org = $1)) AND i.slug = ANY($3)) AND i.kind IN ('course', 'path') AND i.state <> 'draft' ORDER BY i.item_id LIMIT 20000`

// keepPast holds lines against who and what is here and writes down what would become of them.
func keepPast(tx *db.Tx, which id.Any, rows []sheet.Line, seen map[string]int) error {
	lines := make([]pastLine, len(rows))
	var emails, accounts, slugs []string
	var items []id.Item
	for i, r := range rows {
		lines[i] = readPast(r, tx.Now)
		item, _, slug := pastNames(lines[i].What)
		switch {
		case !item.IsZero():
			items = append(items, item)
		case slug != "":
			slugs = append(slugs, slug)
		}
		emails, accounts = append(emails, lines[i].Email), append(accounts, lines[i].Account)
	}
	var byEmail, byAccount []pastPerson
	var named []pastItem
	if err := tx.Batch(func(b *db.Batch) {
		const who = `SELECT m.membership_id, m.email, m.external_id FROM memberships m WHERE ` + caredFor
		db.List(b, &byEmail, who+` AND m.email = ANY($4) AND m.email <> ''`, append(cares(tx.Scope), emails)...)
		db.List(b, &byAccount, who+` AND m.external_id = ANY($4) AND m.external_id <> ''`, append(cares(tx.Scope), accounts)...)
		db.List(b, &named, pastItemsSQL, tx.Scope.Org, items, slugs)
	}); err != nil {
		return err
	}
	for i := range lines {
		lines[i].find(byEmail, byAccount)
		lines[i].mean(named, tx.Scope.Org)
	}
	known, err := recorded(tx, lines)
	if err != nil {
		return err
	}
	for i := range lines {
		lines[i].judge(known, seen)
	}
	j, err := json.Marshal(pastRows(lines))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO record_import_rows (org_id, import_id, line, record_id, email, account, membership_id, item_org, item_id, kind, title, done_on, ends_on, score, issuer, reference, outcome, problems)
		SELECT $1, $2, r.line, r.record_id, r.email, r.account, r.membership_id, r.item_org, r.item_id, r.kind, r.title, r.done_on, r.ends_on, r.score, r.issuer, r.reference, r.outcome, r.problems
		FROM jsonb_to_recordset($3::jsonb) AS r(line int, record_id uuid, email text, account text, membership_id uuid, item_org uuid, item_id uuid, kind text, title text, done_on date, ends_on date, score double precision,
			issuer text, reference text, outcome text, problems jsonb)`, tx.Scope.Org, which, json.RawMessage(j))
	return err
}

// pastRow is a line as it is stored.
type pastRow struct {
	pastLine

	Member  *id.Membership `json:"membership_id"`
	ItemOrg *id.Org        `json:"item_org"`
	ItemID  *id.Item       `json:"item_id"`
	Kind    string         `json:"kind"`
}

func pastRows(lines []pastLine) []pastRow {
	out := make([]pastRow, len(lines))
	for i, l := range lines {
		out[i] = pastRow{pastLine: l}
		if !l.Member.IsZero() {
			out[i].Member = &lines[i].Member
		}
		if l.Item != nil {
			out[i].ItemOrg, out[i].ItemID, out[i].Kind = &l.Item.Org, &l.Item.Item, l.Item.Kind
		}
	}
	return out
}

// find says whom a line names.
func (l *pastLine) find(byEmail, byAccount []pastPerson) {
	var hits []id.Membership
	if l.Email != "" {
		if i := slices.IndexFunc(byEmail, func(p pastPerson) bool { return p.Email == l.Email }); i >= 0 {
			hits = append(hits, byEmail[i].Member)
		}
	}
	if l.Account != "" {
		n := 0
		for _, p := range byAccount {
			if p.Account == l.Account {
				hits, n = append(hits, p.Member), n+1
			}
		}
		if n > 1 {
			l.wrong(PastAccount, "several", l.Account)
			return
		}
	}
	switch {
	case len(hits) == 2 && hits[0] != hits[1]:
		l.wrong(PastAccount, "differs", l.Account)
	case len(hits) > 0:
		l.Member = hits[0]
	}
}

// mean says what a line names: a course or path that the organization sees, or a title alone.
func (l *pastLine) mean(named []pastItem, own id.Org) {
	item, house, slug := pastNames(l.What)
	if item.IsZero() && slug == "" {
		return
	}
	var hits []pastItem
	for _, n := range named {
		if n.Item == item || item.IsZero() && n.Slug == slug && (house == "" || n.House == house) {
			hits = append(hits, n)
		}
	}
	if i := slices.IndexFunc(hits, func(n pastItem) bool { return n.Org == own }); len(hits) > 1 && i >= 0 && !slices.ContainsFunc(hits[i+1:], func(n pastItem) bool { return n.Org == own }) {
		hits = hits[i : i+1] // One's own comes first.
	}
	switch {
	case len(hits) == 1:
		l.Item, l.Title = &hits[0], hits[0].Title
	case len(hits) > 1:
		l.wrong(PastWhat, "which", l.What)
	case !item.IsZero() || house != "":
		l.wrong(PastWhat, "no_item", l.What)
	}
}

// thing is what a line is about, as past_records_once has it.
func (l *pastLine) thing() string {
	if l.Item != nil {
		return l.Item.Item.String()
	}
	return strings.ToLower(l.Title)
}

// once is what is recorded once.
type once struct {
	Member id.Membership `db:"membership_id"`
	Thing  string        `db:"thing"`
	Done   time.Time     `db:"done_on"`
}

// recorded is what is recorded of the people of the lines.
func recorded(tx *db.Tx, lines []pastLine) (map[once]bool, error) {
	var who []id.Membership
	for _, l := range lines {
		if !l.Member.IsZero() {
			who = append(who, l.Member)
		}
	}
	list, err := db.Rows[once](tx, `SELECT p.membership_id, coalesce(p.item_id::text, lower(p.title)) AS thing, p.done_on FROM past_records p WHERE p.org_id = $1 AND p.membership_id = ANY($2)`, tx.Scope.Org, who)
	out := map[once]bool{}
	for _, o := range list {
		o.Done = o.Done.UTC()
		out[o] = true
	}
	return out, err
}

// judge says what would become of a line.
func (l *pastLine) judge(known map[once]bool, seen map[string]int) {
	is := once{Member: l.Member, Thing: l.thing()}
	if l.Done != nil {
		is.Done = time.Time(*l.Done)
	}
	key := fmt.Sprint(cmp.Or(l.Member.String(), l.Email), is.Thing, is.Done)
	if before, twice := seen[key]; twice && len(l.Problems) == 0 {
		l.wrong(PastWhat, "twice", fmt.Sprint(before))
	} else if !twice && l.Done != nil {
		seen[key] = l.Line
	}
	switch {
	case len(l.Problems) > 0:
		l.Outcome = "bad"
	case l.Member.IsZero():
		l.Outcome = "unknown"
	case known[is]:
		l.Outcome = "same"
	default:
		l.Outcome = "new"
	}
}

// PastImports lists the imports of past records that the acting member asked for, newest first, and for administrators all of them; after
// some days they are gone.
func (s *Service) PastImports(ctx context.Context) (list []PastImport, now time.Time, err error) {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return nil, now, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, now, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		now = b.Now
		db.List(b, &list, pastImports+` ORDER BY p.created_at DESC, p.import_id LIMIT 10`, cares(sc)...)
	})
	return list, now, err
}

// PastFilter narrows the lines of an import of past records.
type PastFilter struct {
	Show  string // an outcome or a state of PastImportRow; "" for all
	After int    // the last line of the page before
	Limit int    // 1 to 10,000; default 50
}

// Shows reports whether lines can be narrowed so.
func (f PastFilter) Shows() bool {
	return f.Show == "" || slices.Contains(pastOutcomes, f.Show) || slices.Contains([]string{"done", "failed", "undone", "kept"}, f.Show)
}

var pastOutcomes = []string{"new", "same", "unknown", "bad"} //nolint:gochecknoglobals // A constant list.

// PastImport returns an import with a page of its lines, and whether there are more. NotFound for one that PastImports would not list.
func (s *Service) PastImport(ctx context.Context, which id.Any, f PastFilter) (v PastImport, rows []PastImportRow, more bool, err error) {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return v, nil, false, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, nil, false, err
	}
	if f.Limit < 1 || f.Limit > PastRows {
		f.Limit = 50
	}
	where, args := "", []any{sc.Org, which, f.After, f.Limit + 1}
	switch {
	case slices.Contains(pastOutcomes, f.Show):
		where, args = ` AND r.outcome = $5`, append(args, f.Show)
	case f.Show != "":
		where, args = ` AND r.state = $5`, append(args, f.Show)
	}
	var found bool
	var now time.Time
	if err := s.db.Read(ctx, func(b *db.Batch) {
		now = b.Now
		db.One(b, &v, &found, pastImports+` AND p.import_id = $4`, append(cares(sc), which)...)
		db.List(b, &rows, `SELECT r.line, coalesce(nullif(r.email, ''), r.account) AS who, coalesce(m.name, '') AS name, r.kind, r.title, r.done_on, r.ends_on, r.score, r.issuer, r.reference, r.outcome, r.problems, r.state, r.reason
			FROM record_import_rows r LEFT JOIN memberships m ON m.org_id = r.org_id AND m.membership_id = r.membership_id WHERE r.org_id = $1 AND r.import_id = $2 AND r.line > $3`+where+` ORDER BY r.line LIMIT $4`, args...)
	}); err != nil {
		return v, nil, false, err
	}
	if !found {
		return v, nil, false, errs.New(errs.NotFound, "import %s", which)
	}
	v.Now = now
	if len(rows) > f.Limit {
		rows, more = rows[:f.Limit], true
	}
	return v, rows, more, nil
}

// lockPast holds an import of the acting member, or of anybody for administrators.
func lockPast(tx *db.Tx, which id.Any) (PastImport, error) {
	if _, err := tx.Exec(`SELECT 1 FROM record_imports p WHERE p.org_id = $1 AND p.import_id = $2 FOR UPDATE`, tx.Scope.Org, which); err != nil {
		return PastImport{}, err
	}
	return db.Row[PastImport](tx, pastImports+` AND p.import_id = $4`, append(cares(tx.Scope), which)...)
}

// TakePast records the good lines of an import, all at once. What is not as it was when the file was looked at is left out with a reason.
// Conflict when it is not to be confirmed any more; NotFound as PastImport.
func (s *Service) TakePast(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := lockPast(tx, which)
		if err != nil {
			return err
		}
		if v.State != PastChecked || !v.Until.After(tx.Now) || v.New == 0 {
			return errs.Say(errs.Conflict, "records.import.moved_on")
		}
		n, err := tx.Exec(`WITH taken AS (INSERT INTO past_records (org_id, record_id, membership_id, import_id, item_org, item_id, kind, title, done_on, ends_on, score, issuer, reference, recorded_by, recorded_at)
				SELECT r.org_id, r.record_id, r.membership_id, r.import_id, r.item_org, r.item_id, r.kind, r.title, r.done_on, r.ends_on, r.score, r.issuer, r.reference, $3, $5
				FROM record_import_rows r JOIN memberships m ON m.membership_id = r.membership_id AND `+caredFor+`
				WHERE r.org_id = $1 AND r.import_id = $4 AND r.outcome = 'new' AND (r.item_org IS NULL OR EXISTS (SELECT 1 FROM items i WHERE i.org_id = r.item_org AND i.item_id = r.item_id))
				ORDER BY r.line ON CONFLICT DO NOTHING RETURNING record_id)
			UPDATE record_import_rows r SET state = 'done' FROM taken t WHERE r.org_id = $1 AND r.import_id = $4 AND r.record_id = t.record_id`, append(cares(tx.Scope), which, tx.Now)...)
		if err != nil {
			return err
		}
		failed, err := tx.Exec(`UPDATE record_import_rows r SET state = 'failed', reason = $3 WHERE r.org_id = $1 AND r.import_id = $2 AND r.outcome = 'new' AND r.state = 'waiting'`, tx.Scope.Org, which, "records.reason.meanwhile")
		if err != nil {
			return err
		}
		if err := tx.Must(`UPDATE record_imports SET state = 'done', finished_at = $3, expires_at = $4 WHERE org_id = $1 AND import_id = $2`, tx.Scope.Org, which, tx.Now, tx.Now.Add(pastUndo)); err != nil {
			return err
		}
		return tenants.Audit(tx, "record.imported", "import:"+which.String(), map[string]any{"rows": n, "failed": failed, "left_out": v.Bad + v.Unknown})
	})
	if err != nil {
		return fmt.Errorf("take past records %s: %w", which, err)
	}
	return nil
}

// UndoPast takes back what an import recorded, within 14 days. What something newer stands on stays, with the reason: the person has
// finished the same here since, or a newer record of it was taken. Repeating it is safe. Errors as TakePast.
func (s *Service) UndoPast(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := lockPast(tx, which)
		switch {
		case err != nil:
			return err
		case v.State == PastUndone:
			return nil
		case !v.Undoable(tx.Now):
			return errs.Say(errs.Conflict, "records.import.moved_on")
		}
		args := append(cares(tx.Scope), which)
		keep := func(where string, why string) error {
			_, err := tx.Exec(`UPDATE record_import_rows r SET state = 'kept', reason = $3 FROM past_records p WHERE r.org_id = $1 AND r.import_id = $2 AND r.state = 'done' AND p.org_id = $1 AND p.record_id = r.record_id AND `+where, tx.Scope.Org, which, why)
			return err
		}
		if err := keep(`(EXISTS (SELECT 1 FROM past_records n WHERE n.org_id = p.org_id AND n.membership_id = p.membership_id AND coalesce(n.item_id::text, lower(n.title)) = coalesce(p.item_id::text, lower(p.title)) AND n.done_on > p.done_on AND n.recorded_at > p.recorded_at)
			OR EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = p.org_id AND e.membership_id = p.membership_id AND e.item_org = p.item_org AND e.item_id = p.item_id AND e.completed_at > p.recorded_at))`, "records.reason.newer"); err != nil {
			return err
		}
		gone, err := tx.Exec(`WITH gone AS (DELETE FROM past_records p USING record_import_rows r, memberships m WHERE r.org_id = $1 AND r.import_id = $4 AND r.state = 'done' AND p.org_id = $1 AND p.record_id = r.record_id
				AND m.membership_id = p.membership_id AND `+caredFor+` RETURNING p.record_id)
			UPDATE record_import_rows r SET state = 'undone' FROM gone g WHERE r.org_id = $1 AND r.import_id = $4 AND r.record_id = g.record_id`, args...)
		if err != nil {
			return err
		}
		// The rest is of people whom the acting member does not look after any more, or who are gone.
		kept, err := tx.Exec(`UPDATE record_import_rows r SET state = 'kept', reason = CASE WHEN r.reason = '' THEN $3 ELSE r.reason END WHERE r.org_id = $1 AND r.import_id = $2 AND r.state IN ('done', 'kept')`, tx.Scope.Org, which, "records.reason.others")
		if err != nil {
			return err
		}
		if err := tx.Must(`UPDATE record_imports SET state = 'undone', finished_at = $3, expires_at = $4 WHERE org_id = $1 AND import_id = $2`, tx.Scope.Org, which, tx.Now, tx.Now.Add(pastUndo)); err != nil {
			return err
		}
		return tenants.Audit(tx, "record.import_undone", "import:"+which.String(), map[string]any{"rows": gone, "kept": kept})
	})
	if err != nil {
		return fmt.Errorf("undo past records %s: %w", which, err)
	}
	return nil
}

// DropPast removes an import that was only looked at. NotFound for any other.
func (s *Service) DropPast(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.RecordPast, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := lockPast(tx, which)
		if err != nil {
			return err
		}
		if v.State != PastChecked {
			return errs.New(errs.NotFound, "import %s is %s", which, v.State)
		}
		return tx.Must(`DELETE FROM record_imports WHERE org_id = $1 AND import_id = $2 AND state = 'checked'`, tx.Scope.Org, which)
	})
}
