package courses

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What a requirement counts.
const (
	RequireCertified = "certified" // people with a valid certificate of one of its items
	RequireFinished  = "finished"  // people who finished one of them
	RequireStories   = "stories"   // published stories that the vendor accepted
)

// RequireKinds lists them in the order in which people choose.
func RequireKinds() []string { return []string{RequireCertified, RequireFinished, RequireStories} }

// How much a program can ask for.
const (
	programLevels   = 8
	programRequires = 8
	programItems    = 3 // of which any one counts
	programMost     = 999
)

// Level is a level of a program. Whoever holds it meets what it and every level below it ask for.
type Level struct {
	Name     string        `json:"name"`
	Brings   string        `json:"brings,omitempty"` // what a partner gets
	Requires []Requirement `json:"requires"`
}

// Requirement is one thing that a level asks for. Its key stays the same from version to version.
type Requirement struct {
	Key   string     `json:"key"`
	Kind  string     `json:"kind"`
	Name  string     `json:"name,omitempty"` // as the program calls those who meet it; "" for the titles of the items
	N     int        `json:"n"`
	Items []Counted  `json:"items,omitempty"`
	Role  scope.Role `json:"role,omitempty"` // leaves those who have it; "" for everybody
	Team  string     `json:"team,omitempty"` // leaves those who are in a team that the partner calls so; "" for everybody
	Past  bool       `json:"past,omitempty"` // counts what the partner recorded from before, too, see PastRecord
}

// Counted is an item that a requirement counts, as it was called when that was published.
type Counted struct {
	ID    id.Item `json:"id"`
	Kind  string  `json:"kind"`
	Title string  `json:"title"`
}

// same reports whether two requirements count the same, whatever the number.
func (r Requirement) same(o Requirement) bool {
	return r.Key == o.Key && r.Kind == o.Kind && r.Role == o.Role && strings.EqualFold(r.Team, o.Team) && r.Past == o.Past && slices.EqualFunc(r.Items, o.Items, func(a, b Counted) bool { return a.ID == b.ID })
}

// ProgramTerms are what a version of a program says.
type ProgramTerms struct {
	Levels    []Level `json:"levels" db:"levels"` // the lowest first
	GraceDays int     `json:"grace_days" db:"grace_days"`
	WarnDays  int     `json:"warn_days" db:"warn_days"`
}

// requirements are all of them, the lowest level's first.
func (t ProgramTerms) requirements() (out []Requirement) {
	for _, l := range t.Levels {
		out = append(out, l.Requires...)
	}
	return out
}

// reaches is the level that somebody meets who has so many of each requirement: 0 for none.
func (t ProgramTerms) reaches(have func(Requirement) int) int {
	for i, l := range t.Levels {
		if slices.ContainsFunc(l.Requires, func(r Requirement) bool { return have(r) < r.N }) {
			return i
		}
	}
	return len(t.Levels)
}

// level is the name of a level, "" for none.
func (t ProgramTerms) level(n int) string {
	if n < 1 || n > len(t.Levels) {
		return ""
	}
	return t.Levels[n-1].Name
}

// ProgramVersion is a published version.
type ProgramVersion struct {
	ProgramTerms

	Version   int       `db:"version"`
	From      time.Time `db:"counts_from"`
	Published time.Time `db:"published_at"`
}

const programVersionColumns = `v.version, v.levels, v.grace_days, v.warn_days, v.counts_from, v.published_at`

// Program is a partner program.
type Program struct {
	Org     id.Org     `db:"org_id"` // its vendor
	ID      id.Any     `db:"program_id"`
	Name    string     `db:"name"`
	About   string     `db:"about"`
	Created time.Time  `db:"created_at"`
	Closed  *time.Time `db:"closed_at"`
}

const programColumns = `g.org_id, g.program_id, g.name, g.about, g.created_at, g.closed_at`

// ProgramDraft is what is being written of the next version.
type ProgramDraft struct {
	Name  string       `json:"name"`
	About string       `json:"about"`
	Terms ProgramTerms `json:"terms"`
}

// OwnProgram is a program of the own organization in the list.
type OwnProgram struct {
	Program

	Version  int `db:"version"` // that counts; 0 for none yet
	Partners int `db:"partners"`
	Offered  int `db:"offered"`
	Risk     int `db:"risk"` // partners that fall short, or would soon
}

// JoinedProgram is one that the own organization takes part in, or was offered.
type JoinedProgram struct {
	Program

	State   string               `db:"state"`
	Vendor  id.Org               `db:"vendor"`
	Level   int                  `db:"level"`
	Named   string               `db:"level_name"`
	DropAt  *time.Time           `db:"drop_at"`
	RiskAt  *time.Time           `db:"risk_at"`
	Offered time.Time            `db:"offered_at"`
	By      tenants.Organization `db:"-"`
}

// Programs are those that the own organization runs and those that it takes part in.
type Programs struct {
	Runs   bool // the viewer may write programs
	Own    []OwnProgram
	Joined []JoinedProgram
}

// inForce joins the version of the program p that counts at now().
const inForce = `LEFT JOIN LATERAL (SELECT v.* FROM program_versions v WHERE v.org_id = g.org_id AND v.program_id = g.program_id AND v.counts_from <= now() ORDER BY v.version DESC LIMIT 1) v ON true`

const ownProgramsSQL = `SELECT ` + programColumns + `, coalesce(v.version, 0) AS version, n.* FROM programs g ` + inForce + `
	CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE p.state = 'active')::int AS partners, count(*) FILTER (WHERE p.state = 'offered')::int AS offered, count(*) FILTER (WHERE s.drop_at IS NOT NULL OR s.risk_at <= now() + make_interval(days => s.warn))::int AS risk
		FROM program_partners p LEFT JOIN LATERAL (SELECT s.drop_at, s.risk_at, v.warn_days AS warn FROM standings s WHERE s.org_id = p.org_id AND s.program_id = p.program_id AND s.partner = p.partner) s ON true
		WHERE p.org_id = g.org_id AND p.program_id = g.program_id) n
	WHERE g.org_id = $1 ORDER BY g.closed_at IS NOT NULL, lower(g.name), g.program_id LIMIT 100`

const joinedProgramsSQL = `SELECT ` + programColumns + `, p.state, p.org_id AS vendor, coalesce(s.level, 0) AS level, coalesce(x.name, '') AS level_name, s.drop_at, s.risk_at, p.offered_at
	FROM program_partners p JOIN programs g ON g.org_id = p.org_id AND g.program_id = p.program_id
	LEFT JOIN standings s ON s.org_id = p.org_id AND s.program_id = p.program_id AND s.partner = p.partner
	LEFT JOIN LATERAL (SELECT v.levels->(s.level - 1)->>'name' AS name FROM program_versions v WHERE v.org_id = p.org_id AND v.program_id = p.program_id AND v.version = s.version AND s.level > 0) x ON true
	WHERE p.partner = $1 ORDER BY array_position(ARRAY['offered', 'active', 'ended'], p.state), lower(g.name), g.org_id, g.program_id LIMIT 200`

// Programs lists the programs that the own organization runs, for those who look after its partners, and those that it takes part in, for whoever
// looks after its people.
func (s *Service) Programs(ctx context.Context) (v Programs, err error) {
	if err := authz.Check(ctx, authz.SeeStanding, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	v.Runs = authz.Allowed(sc, authz.ManageNetwork, id.Org{})
	if err := s.db.Read(ctx, func(b *db.Batch) {
		if v.Runs {
			db.List(b, &v.Own, ownProgramsSQL, sc.Org)
		}
		db.List(b, &v.Joined, joinedProgramsSQL, sc.Org)
	}); err != nil {
		return v, fmt.Errorf("programs of %s: %w", sc.Org, err)
	}
	ids := make([]id.Org, len(v.Joined))
	for i, j := range v.Joined {
		ids[i] = j.Vendor
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for i := range v.Joined {
		v.Joined[i].By = orgs[v.Joined[i].Vendor]
	}
	return v, err
}

// CreateProgram begins a program with nothing in it but its name.
func (s *Service) CreateProgram(ctx context.Context, name string) (id.Any, error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return id.Any{}, err
	}
	which := id.New[id.Any]()
	d := ProgramDraft{Name: strings.TrimSpace(name), Terms: ProgramTerms{Levels: []Level{{}}, GraceDays: 14, WarnDays: 30}}
	if bad := d.named(); bad != nil {
		return which, errs.Fields(bad...)
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO programs (org_id, program_id, name, created_at) VALUES ($1, $2, $3, $4)`, tx.Scope.Org, which, d.Name, tx.Now); err != nil {
			return err
		}
		if err := saveProgram(tx, which, d); err != nil {
			return err
		}
		return tenants.Audit(tx, "program.created", "program:"+which.String(), nil)
	})
	if err != nil {
		return which, fmt.Errorf("create program: %w", err)
	}
	return which, nil
}

func saveProgram(tx *db.Tx, which id.Any, d ProgramDraft) error {
	_, err := tx.Exec(`INSERT INTO program_drafts (org_id, program_id, body, saved_by, saved_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (org_id, program_id) DO UPDATE SET body = excluded.body, saved_by = excluded.saved_by, saved_at = excluded.saved_at`, tx.Scope.Org, which, d, tx.Scope.Membership, tx.Now)
	return err
}

type savedProgram struct {
	Body  ProgramDraft `db:"body"`
	Saved time.Time    `db:"saved_at"`
}

// ProgramWriting is what whoever writes a program works with.
type ProgramWriting struct {
	Now      time.Time
	Program  Program
	Draft    ProgramDraft
	Saved    *time.Time       // nil: there is nothing that was not published
	Versions []ProgramVersion // the newest first
	Items    []ProgramItem
	Partners int // who take part
	Drops    int // of these, who would hold a lower level by what is known
	Rises    int
	Unknown  int // requirements of which is not known yet who meets them
}

// ProgramItem is an own item that a requirement can count.
type ProgramItem struct {
	ID     id.Item `db:"item_id"`
	Kind   string  `db:"kind"`
	Title  string  `db:"title"`
	Awards bool    `db:"awards"` // it gives a certificate
}

const programItemsSQL = `SELECT i.item_id, i.kind, i.title, EXISTS (SELECT 1 FROM credential_offers o WHERE o.org_id = i.org_id AND o.item_id = i.item_id) AS awards FROM items i
	WHERE i.org_id = $1 AND i.kind IN ('path', 'course') AND i.state = 'published' ORDER BY i.kind DESC, lower(i.title), i.item_id LIMIT 500`

// tried is how a partner stands, as far as a change of the requirements can be tried on it.
type tried struct {
	Level   int     `db:"level"`
	Meets   int     `db:"meets"`
	Figures Figures `db:"figures"`
}

// Writing returns a program of the own organization with what is being written of it, and what that would change for those who take part.
func (s *Service) Writing(ctx context.Context, which id.Any) (v ProgramWriting, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	var found, drafted bool
	var draft savedProgram
	var now []tried
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Program, &found, `SELECT `+programColumns+` FROM programs g WHERE g.org_id = $1 AND g.program_id = $2`, sc.Org, which)
		db.One(b, &draft, &drafted, `SELECT d.body, d.saved_at FROM program_drafts d WHERE d.org_id = $1 AND d.program_id = $2`, sc.Org, which)
		db.List(b, &v.Versions, `SELECT `+programVersionColumns+` FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2 ORDER BY v.version DESC LIMIT 50`, sc.Org, which)
		db.List(b, &v.Items, programItemsSQL, sc.Org)
		db.One(b, &v.Partners, nil, `SELECT count(*)::int FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.state = 'active'`, sc.Org, which)
		db.List(b, &now, `SELECT s.level, s.meets, s.figures FROM standings s WHERE s.org_id = $1 AND s.program_id = $2 ORDER BY s.partner LIMIT 10000`, sc.Org, which)
	}); err != nil {
		return v, fmt.Errorf("program %s: %w", which, err)
	}
	if !found {
		return v, errs.New(errs.NotFound, "program %s", which)
	}
	switch {
	case drafted:
		v.Draft, v.Saved = draft.Body, &draft.Saved
	default:
		v.Draft = ProgramDraft{Name: v.Program.Name, About: v.Program.About}
		if len(v.Versions) > 0 {
			v.Draft.Terms = v.Versions[0].ProgramTerms
		}
	}
	v.try(now)
	return v, nil
}

// try holds what is being written against how the partners stand. What is known of them is what the version in force counts; of a new
// requirement nothing is known before it counts, so that nobody learns by writing.
func (v *ProgramWriting) try(now []tried) {
	known := map[string]Requirement{}
	for _, p := range slices.Backward(v.Versions) {
		if p.From.After(v.Now) {
			continue
		}
		clear(known)
		for _, r := range p.requirements() {
			known[r.Key] = r
		}
	}
	if len(known) == 0 && len(now) == 0 {
		return
	}
	is := func(r Requirement) bool { k, ok := known[r.Key]; return ok && k.same(r) }
	for _, r := range v.Draft.Terms.requirements() {
		if !is(r) {
			v.Unknown++
		}
	}
	for _, t := range now {
		would := v.Draft.Terms.reaches(func(r Requirement) int {
			if !is(r) {
				return r.N
			}
			return t.Figures[r.Key].Have
		})
		switch {
		case would < t.Meets:
			v.Drops++
		case would > t.Meets:
			v.Rises++
		}
	}
}

// named says what is wrong with the words of a program.
func (d ProgramDraft) named() (bad []errs.Field) {
	switch n := utf8.RuneCountInString(d.Name); {
	case n == 0:
		bad = append(bad, errs.Field{Name: "name", Key: "program.fault.name"})
	case n > 120:
		bad = append(bad, errs.Field{Name: "name", Key: "program.fault.long", Args: []any{"Count", 120}})
	}
	if utf8.RuneCountInString(d.About) > 2000 {
		bad = append(bad, errs.Field{Name: "about", Key: "program.fault.long", Args: []any{"Count", 2000}})
	}
	return bad
}

// trimmed is the draft without what says nothing, and with a key for what is new.
func (d ProgramDraft) trimmed() ProgramDraft {
	d.Name, d.About = strings.TrimSpace(d.Name), strings.TrimSpace(d.About)
	for i := range d.Terms.Levels {
		l := &d.Terms.Levels[i]
		l.Name, l.Brings = strings.TrimSpace(l.Name), strings.TrimSpace(l.Brings)
		for j := range l.Requires {
			r := &l.Requires[j]
			r.Name, r.Team = strings.TrimSpace(r.Name), strings.TrimSpace(r.Team)
			if r.Key == "" {
				r.Key = strings.ReplaceAll(id.New[id.Any]().String(), "-", "")[20:]
			}
			if r.Kind == RequireStories {
				r.Items, r.Role, r.Team, r.Past = nil, "", "", false
			}
		}
	}
	return d
}

// SaveProgram keeps what is being written, complete or not. Invalid, with the field, for a program without a name and what is too long or too
// much; NotFound for another organization's.
func (s *Service) SaveProgram(ctx context.Context, which id.Any, d ProgramDraft) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	d = d.trimmed()
	bad := d.named()
	if len(d.Terms.Levels) > programLevels {
		bad = append(bad, errs.Field{Name: "name", Key: "program.fault.levels", Args: []any{"Count", programLevels}})
	}
	for i, l := range d.Terms.Levels {
		bad = append(bad, l.limits(i)...)
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := ownProgram(tx, which); err != nil {
			return err
		}
		return saveProgram(tx, which, d)
	})
}

// limits says what of a level is too long or too much.
func (l Level) limits(i int) (bad []errs.Field) {
	long := func(name, text string, most int) {
		if utf8.RuneCountInString(text) > most {
			bad = append(bad, errs.Field{Name: name, Key: "program.fault.long", Args: []any{"Count", most}})
		}
	}
	at := fmt.Sprintf("l%d", i)
	long(at+"-name", l.Name, 60)
	long(at+"-brings", l.Brings, 400)
	if len(l.Requires) > programRequires {
		bad = append(bad, errs.Field{Name: at + "-name", Key: "program.fault.requires", Args: []any{"Count", programRequires}})
	}
	for j, r := range l.Requires {
		long(fmt.Sprintf("%s-r%d-name", at, j), r.Name, 120)
		long(fmt.Sprintf("%s-r%d-team", at, j), r.Team, 80)
	}
	return bad
}

// ownProgram reads and holds a program of tx's organization.
func ownProgram(tx *db.Tx, which id.Any) (Program, error) {
	return db.Row[Program](tx, `SELECT `+programColumns+` FROM programs g WHERE g.org_id = $1 AND g.program_id = $2 FOR UPDATE`, tx.Scope.Org, which)
}

// check says what keeps a draft from being published, and fills in what the items are called.
func (d *ProgramDraft) check(items []ProgramItem) (bad []errs.Field) {
	bad = d.named()
	wrong := func(name, key string, args ...any) {
		bad = append(bad, errs.Field{Name: name, Key: "program.fault." + key, Args: args})
	}
	if len(d.Terms.Levels) == 0 {
		wrong("name", "no_levels")
	}
	if d.Terms.GraceDays < 0 || d.Terms.GraceDays > 365 {
		wrong("grace", "days")
	}
	if d.Terms.WarnDays < 0 || d.Terms.WarnDays > 365 {
		wrong("warn", "days")
	}
	seen := map[string]bool{}
	for i, l := range d.Terms.Levels {
		at := fmt.Sprintf("l%d", i)
		bad = append(bad, l.limits(i)...)
		switch {
		case l.Name == "":
			wrong(at+"-name", "level")
		case seen[strings.ToLower(l.Name)]:
			wrong(at+"-name", "level_twice")
		case i > 0 && len(l.Requires) == 0:
			wrong(at+"-name", "asks_nothing")
		}
		seen[strings.ToLower(l.Name)] = true
		for j := range l.Requires {
			d.Terms.Levels[i].Requires[j].check(fmt.Sprintf("%s-r%d", at, j), items, wrong)
		}
	}
	return bad
}

func (r *Requirement) check(at string, items []ProgramItem, wrong func(name, key string, args ...any)) {
	if r.N < 1 || r.N > programMost {
		wrong(at+"-n", "number", "Count", programMost)
	}
	if r.Role != "" && !slices.Contains(scope.Roles(), r.Role) || !slices.Contains(RequireKinds(), r.Kind) {
		wrong(at+"-n", "kind")
	}
	if r.Kind == RequireStories {
		return
	}
	if len(r.Items) == 0 || len(r.Items) > programItems {
		wrong(at+"-item0", "item")
	}
	for k := range r.Items {
		n := slices.IndexFunc(items, func(i ProgramItem) bool { return i.ID == r.Items[k].ID })
		switch {
		case n < 0:
			wrong(fmt.Sprintf("%s-item%d", at, k), "item_gone")
			continue
		case r.Kind == RequireCertified && !items[n].Awards:
			wrong(fmt.Sprintf("%s-item%d", at, k), "no_certificate", "Title", items[n].Title)
		}
		r.Items[k] = Counted{ID: items[n].ID, Kind: items[n].Kind, Title: items[n].Title}
	}
}

// PublishProgram publishes what was written as the next version, which counts from the day on: today, or later. Those who take part are told.
// Invalid, with the field, for what is not complete; Conflict where nothing was written.
func (s *Service) PublishProgram(ctx context.Context, which id.Any, from time.Time) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := ownProgram(tx, which); err != nil {
			return err
		}
		saved, err := db.Row[savedProgram](tx, `SELECT d.body, d.saved_at FROM program_drafts d WHERE d.org_id = $1 AND d.program_id = $2`, tx.Scope.Org, which)
		if errs.Is(err, errs.NotFound) {
			return errs.Say(errs.Conflict, "program.fault.nothing")
		}
		if err != nil {
			return err
		}
		d := saved.Body
		items, err := db.Rows[ProgramItem](tx, programItemsSQL, tx.Scope.Org)
		if err != nil {
			return err
		}
		bad := d.check(items)
		today := tx.Now.UTC().Truncate(24 * time.Hour)
		switch {
		case from.Before(today):
			bad = append(bad, errs.Field{Name: "from", Key: "program.fault.past"})
		case from.After(today.AddDate(3, 0, 0)):
			bad = append(bad, errs.Field{Name: "from", Key: "program.fault.far"})
		}
		if len(bad) > 0 {
			return errs.Fields(bad...)
		}
		if from.Equal(today) {
			from = tx.Now
		}
		return s.publishProgram(tx, which, d, from)
	})
	if err != nil {
		return fmt.Errorf("publish program %s: %w", which, err)
	}
	return nil
}

func (s *Service) publishProgram(tx *db.Tx, which id.Any, d ProgramDraft, from time.Time) error {
	version, err := db.Row[int](tx, `SELECT coalesce(max(v.version), 0) + 1 FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2`, tx.Scope.Org, which)
	if err != nil {
		return err
	}
	var items []id.Item
	for _, r := range d.Terms.requirements() {
		for _, i := range r.Items {
			items = append(items, i.ID)
		}
	}
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `INSERT INTO program_items (org_id, program_id, item_id) SELECT DISTINCT $1::uuid, $2::uuid, i FROM unnest($3::uuid[]) i ON CONFLICT DO NOTHING`, tx.Scope.Org, which, items)
		db.Write(b, nil, `INSERT INTO program_versions (org_id, program_id, version, levels, grace_days, warn_days, counts_from, published_by, published_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			tx.Scope.Org, which, version, d.Terms.Levels, d.Terms.GraceDays, d.Terms.WarnDays, from, tx.Scope.Membership, tx.Now)
		db.Write(b, nil, `UPDATE programs SET name = $3, about = $4 WHERE org_id = $1 AND program_id = $2`, tx.Scope.Org, which, d.Name, d.About)
		db.Write(b, nil, `DELETE FROM program_drafts WHERE org_id = $1 AND program_id = $2`, tx.Scope.Org, which)
	}); err != nil {
		return err
	}
	if err := tenants.Audit(tx, "program.published", "program:"+which.String(), map[string]any{"version": version, "from": from}); err != nil {
		return err
	}
	partners, err := db.Rows[id.Org](tx, `SELECT p.partner FROM program_partners p WHERE p.org_id = $1 AND p.program_id = $2 AND p.state = 'active' ORDER BY p.partner LIMIT 10000`, tx.Scope.Org, which)
	if err != nil {
		return err
	}
	vendor := tx.Scope.Org
	for _, p := range partners {
		if err := s.tellPartner(tx, programNews{Vendor: vendor, Program: which, Name: d.Name, What: "version", Day: &from}, p); err != nil {
			return err
		}
	}
	return nil
}

// DropDraft throws away what was written since the last version.
func (s *Service) DropDraft(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`DELETE FROM program_drafts d WHERE d.org_id = $1 AND d.program_id = $2 AND EXISTS (SELECT 1 FROM program_versions v WHERE v.org_id = $1 AND v.program_id = $2)`, tx.Scope.Org, which)
	})
}

// Called is an organization by its identifier: name and brand are public.
func (s *Service) Called(ctx context.Context, org id.Org) (tenants.Organization, error) {
	if err := authz.Check(ctx, authz.SeeOrg, org); err != nil {
		return tenants.Organization{}, err
	}
	return s.tenants.ByID(ctx, org)
}

// OwnPrograms lists the programs that the own organization runs, for those who look after its partners.
func (s *Service) OwnPrograms(ctx context.Context) (list []OwnProgram, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) { db.List(b, &list, ownProgramsSQL, sc.Org) })
	return list, err
}
