package tenants

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// Withheld are tables and columns that are not handed out with what an organization owns, each with the reason. Every other table with an
// org_id is: the rows whose owner the organization is, as far as its row policies let the keeper read them.
var Withheld = map[string]string{ //nolint:gochecknoglobals,gosec // A constant table; names of columns, no credentials.
	"attempts":            "private to each member, who takes their own out",
	"ticks":               "private to each member, who takes their own out",
	"tryouts":             "private to each member, who takes their own out",
	"tryout_dues":         "private to each member, who takes their own out",
	"quiet_tryouts":       "private to each member, who takes their own out",
	"shown_tries":         "private to each member, who takes their own out",
	"live_settings":       "private to each member, who takes their own out",
	"sittings":            "private to each member, who takes their own out",
	"submissions":         "private to each member and who looks at it, who takes their own out",
	"submission_turns":    "private to each member and who looks at it, who takes their own out",
	"submission_answers":  "private to each member and who looks at it, who takes their own out",
	"step_group_people":   "private to each member and those of their group, who takes their own out",
	"step_group_seen":     "private to each member and those of their group, who takes their own out",
	"evidence_files":      "sizes of files that are private to each member",
	"pilot_remarks":       "each member's own, who takes their own out",
	"lesson_feedback":     "private to each member, who takes their own out",
	"cohort_tries":        "private to each member and those whom they show it, who takes their own out",
	"reflection_shares":   "private to each member and whom they share with, who takes their own out",
	"reflections":         "private to each member, who takes their own out",
	"account_links":       "private to each member, who takes their own out",
	"link_requests":       "private to each member, for ten minutes",
	"consents":            "private to each member, who takes their own out",
	"credentials":         "each member's own, who takes their own out",
	"quiet_credentials":   "private to each member, who takes their own out",
	"calendar_feeds":      "opens somebody's calendar",
	"cell_counts":         "of what totals were counted; only what counts them reads it",
	"cell_marks":          "of what totals were counted; only what counts them reads it",
	"reads_across":        "a sketch of who read, for counting alone",
	"disclosures":         "people of other organizations, who may take back what they agreed to",
	"sessions":            "opens somebody's session",
	"sign_ins":            "opens somebody's session",
	"logout_tokens":       "sign-outs at the provider, for a day",
	"passkey_questions":   "what a browser is asked, for five minutes",
	"provider_errands":    "opens a form of settings",
	"people_counts":       "counted from the people",
	"sign_in_tries":       "hashes of addresses, for a quarter of an hour",
	"email_links":         "opens somebody's session",
	"hand_overs":          "opens somebody's session",
	"errands":             "opens a page of settings",
	"api_replies":         "a copy of answers to programs, for a day",
	"search_documents":    "made of the content",
	"counted":             "events that were counted already",
	"finishes":            "events that were counted already",
	"exports":             "these copies themselves",
	"outbox":              "events on their way",
	"individual_sessions": "opens somebody's session at the public door",

	"issuer_keys.seed":              "signs in the organization's name",
	"break_glass.code_hash":         "opens what an operator was let into",
	"break_glass.token_hash":        "the same",
	"api_tokens.token_hash":         "opens the programming interface",
	"invitations.token_hash":        "opens an invitation",
	"standard_links.token_hash":     "opens an invitation",
	"member_invitations.token_hash": "opens an invitation",
	"passkeys.credential_id":        "of the person's own device",
	"passkeys.credential":           "of the person's own device",
	"providers.client_secret":       "opens the identity provider",
	"mails.body":                    "may hold links that open somebody's session",
}

// Both are the tables whose rows belong to both sides of a connection, with the condition for the alias t and the organization $1.
var Both = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"connections": `$1 IN (t.org_a, t.org_b)`,
	"agreements":  `$1 IN (t.org_a, t.org_b) AND (t.state <> 'draft' OR t.proposed_by = $1)`,
	// Where a partner stands is the partner's, which takes it along whatever ended.
	"standings":        `t.partner = $1`,
	"standing_changes": `t.partner = $1`,
}

// The states of a copy.
const (
	ExportRunning   = "running"
	ExportDone      = "done"
	ExportFailed    = "failed"
	ExportCancelled = "cancelled"
	ExportRemoved   = "removed" // its time is over
)

const (
	exportLife    = 24 * time.Hour // how long a copy can be fetched
	exportFor     = 6 * time.Hour  // how long making one may take
	exportTries   = 3
	exportADay    = 4        // how many an organization may have made in 24 hours
	exportLargest = 64 << 30 // bytes
)

// Export is a copy of everything that the organization owns.
type Export struct {
	ID       id.Any     `db:"export_id"`
	State    string     `db:"state"`
	By       string     `db:"by"` // name of who asked
	Done     int        `db:"done"`
	Total    int        `db:"total"` // tables and files
	Size     int64      `db:"size"`  // bytes
	Created  time.Time  `db:"created_at"`
	Finished *time.Time `db:"finished_at"`
	Until    *time.Time `db:"until"` // nobody fetches it from then on
	Sum      []byte     `db:"sha256"`
}

// Share is how much of it is made, 0..1.
func (e Export) Share() float64 {
	if e.Total == 0 {
		return 0
	}
	return min(1, float64(e.Done)/float64(e.Total))
}

const exportColumns = `e.export_id, e.state, coalesce(m.name, '') AS by, e.done, e.total, e.size, e.created_at, e.finished_at, e.until, e.sha256
	FROM exports e LEFT JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.asked_by`

// Exports lists the last copies of the own organization, newest first; for its administrators.
func (s *Service) Exports(ctx context.Context) (out []Export, err error) {
	if err := authz.Check(ctx, authz.ExportOrg, id.Org{}); err != nil {
		return nil, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+exportColumns+` WHERE e.org_id = $1 ORDER BY e.created_at DESC, e.export_id LIMIT 20`, who.Org)
	})
	return out, err
}

// ExportAsked tells the keeper that a copy is to be made.
type ExportAsked struct {
	Org    id.Org `json:"org"`
	Export id.Any `json:"export"`
}

// EventKind implements jobs.Event.
func (ExportAsked) EventKind() string { return "tenants.export_asked" }

// EventOrg implements jobs.Event.
func (e ExportAsked) EventOrg() id.Org { return e.Org }

// AskExport has a copy made of everything that the own organization owns. Conflict while one is being made, and after four in 24 hours.
func (s *Service) AskExport(ctx context.Context) error {
	if err := authz.Check(ctx, authz.ExportOrg, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := db.Row[struct {
			Running int `db:"running"`
			Lately  int `db:"lately"`
		}](tx, `SELECT count(*) FILTER (WHERE e.state = 'running')::int AS running, count(*) FILTER (WHERE e.created_at > $2)::int AS lately FROM exports e WHERE e.org_id = $1`, tx.Scope.Org, tx.Now.Add(-24*time.Hour))
		switch {
		case err != nil:
			return err
		case n.Running > 0:
			return errs.Say(errs.Conflict, "person.export.running")
		case n.Lately >= exportADay:
			return errs.Say(errs.Conflict, "person.export.often")
		}
		which := id.New[id.Any]()
		if _, err := tx.Exec(`INSERT INTO exports (org_id, export_id, asked_by, created_at) VALUES ($1, $2, $3, $4)`, tx.Scope.Org, which, tx.Scope.Membership, tx.Now); err != nil {
			return err
		}
		if err := Audit(tx, "organization.export_asked", "export:"+which.String(), nil); err != nil {
			return err
		}
		return jobs.Emit(tx, ExportAsked{Org: tx.Scope.Org, Export: which})
	})
}

// CancelExport stops the making of a copy. NotFound for one that is not there, or not being made.
func (s *Service) CancelExport(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.ExportOrg, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`UPDATE exports SET state = 'cancelled', finished_at = $3 WHERE org_id = $1 AND export_id = $2 AND state = 'running'`, tx.Scope.Org, which, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "organization.export_cancelled", "export:"+which.String(), nil)
	})
}

// FetchExport opens a copy of the own organization, with its size in bytes; the caller closes it. That it was fetched is a line of the
// log. NotFound for one that is not there, or whose time is over.
func (s *Service) FetchExport(ctx context.Context, which id.Any) (file io.ReadCloser, size int64, err error) {
	if err := authz.Check(ctx, authz.ExportOrg, id.Org{}); err != nil {
		return nil, 0, err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return nil, 0, err
	}
	var e Export
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if e, err = db.Row[Export](tx, `SELECT `+exportColumns+` WHERE e.org_id = $1 AND e.export_id = $2 AND e.state = 'done' AND e.until > $3`, tx.Scope.Org, which, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "organization.exported", "export:"+which.String(), map[string]any{"size": e.Size})
	}); err != nil {
		return nil, 0, fmt.Errorf("export %s: %w", which, err)
	}
	file, err = s.blob.Open(ctx, blob.Sum(e.Sum))
	return file, e.Size, err
}

func (k *Keeper) exportAsked(ctx context.Context, events []ExportAsked) error {
	return k.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			due, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM exports e WHERE e.org_id = $1 AND e.export_id = $2 AND e.state = 'running')`, tx.Scope.Org, e.Export)
			if err != nil {
				return err
			}
			if !due {
				continue
			}
			if err := k.jobs.Insert(tx, exportArgs{Org: tx.Scope.Org, Export: e.Export}); err != nil {
				return err
			}
		}
		return nil
	})
}

// errCancelled ends the making of a copy that nobody wants any more.
var errCancelled = errors.New("the export is cancelled")

// RunExport makes a copy that was asked for, with its progress in its row, and has it removed after 24 hours. Repeating it begins anew.
// NotFound for one of another organization.
func (k *Keeper) RunExport(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.HandOut, id.Org{}); err != nil {
		return err
	}
	// The copy goes into the store as it is made.
	r, w := io.Pipe()
	go func() {
		var told time.Time
		w.CloseWithError(k.HandOut(ctx, w, func(done, total int) error {
			now := k.db.Now()
			if now.Sub(told) < time.Second/4 {
				return nil
			}
			told = now
			return k.db.Tx(ctx, func(tx *db.Tx) error {
				n, err := tx.Exec(`UPDATE exports SET done = $3, total = $4 WHERE org_id = $1 AND export_id = $2 AND state = 'running'`, tx.Scope.Org, which, done, total)
				if err == nil && n == 0 {
					return errCancelled
				}
				return err
			})
		}))
	}()
	sum, size, err := k.blob.Put(ctx, r, exportLargest)
	_ = r.CloseWithError(err) // Whoever writes on stops.
	if errors.Is(err, errCancelled) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", which, err)
	}
	var late bool
	if err := k.db.Tx(ctx, func(tx *db.Tx) error {
		until := tx.Now.Add(exportLife)
		n, err := tx.Exec(`UPDATE exports SET state = 'done', done = total, sha256 = $3, size = $4, finished_at = $5, until = $6 WHERE org_id = $1 AND export_id = $2 AND state = 'running'`, tx.Scope.Org, which, sum[:], size, tx.Now, until)
		if late = n == 0; err != nil || late {
			return err
		}
		return k.jobs.Insert(tx, removeArgs{Org: tx.Scope.Org, Export: which, At: until})
	}); err != nil {
		return fmt.Errorf("export %s: %w", which, err)
	}
	if late { // Cancelled in the last moment.
		return k.blob.Remove(ctx, sum)
	}
	return nil
}

// failExport says that a copy could not be made; why is for the log of the process.
func (k *Keeper) failExport(ctx context.Context, which id.Any, why error) error {
	k.log.ErrorContext(ctx, "export of an organization", "export", which, "error", why)
	return k.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE exports SET state = 'failed', finished_at = $3 WHERE org_id = $1 AND export_id = $2 AND state = 'running'`, tx.Scope.Org, which, tx.Now)
		return err
	})
}

// RemoveExport removes a copy whose time is over, for good; it does nothing before.
func (k *Keeper) RemoveExport(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.HandOut, id.Org{}); err != nil {
		return err
	}
	var sums [][]byte
	if err := k.db.Tx(ctx, func(tx *db.Tx) (err error) {
		sums, err = db.Rows[[]byte](tx, `SELECT e.sha256 FROM exports e WHERE e.org_id = $1 AND e.export_id = $2 AND e.state = 'done' AND e.until <= $3 ORDER BY 1 LIMIT 1`, tx.Scope.Org, which, tx.Now)
		return err
	}); err != nil || len(sums) == 0 {
		return err
	}
	if err := k.blob.Remove(ctx, blob.Sum(sums[0])); err != nil {
		return err
	}
	return k.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE exports SET state = 'removed', sha256 = NULL WHERE org_id = $1 AND export_id = $2 AND state = 'done'`, tx.Scope.Org, which)
		return err
	})
}

// HandOut writes everything that the keeper's organization owns to w as a zip archive: every table with an org_id but Withheld, what it
// signed, its content as Markdown, its files, and its log as it verifies. All of it is of one moment but the log, which has grown by the
// lines since. step is told how far it is, in tables and files, and stops it with an error.
func (k *Keeper) HandOut(ctx context.Context, w io.Writer, step func(done, total int) error) error {
	if err := authz.Check(ctx, authz.HandOut, id.Org{}); err != nil {
		return err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if err := k.db.Snapshot(ctx, func(sn *db.Snapshot) error {
		var o Organization
		if err := db.Each(sn, `SELECT `+OrgColumns+` FROM organizations o WHERE o.org_id = $1`, func(row Organization) error { o = row; return nil }, who.Org); err != nil {
			return err
		}
		done, total := 0, 0
		b, err := newBundle(w, sn, func() error { done++; return step(done, total) })
		if err != nil {
			return err
		}
		var tables []string
		for t, sh := range b.shape {
			if sh.Owned && Withheld[t] == "" || Both[t] != "" {
				tables = append(tables, t)
			}
		}
		slices.Sort(tables)
		if err := db.Each(sn, `SELECT count(*)::int FROM `+ownFiles, func(n int) error { total = len(tables) + n + 2; return nil }, who.Org); err != nil {
			return err
		}
		for _, t := range tables {
			where := Both[t]
			if where == "" {
				where = `t.org_id = $1`
			}
			var withheld []string
			for _, c := range b.shape[t].Columns {
				if Withheld[t+"."+c] != "" {
					withheld = append(withheld, c)
				}
			}
			if err := b.table(sn, t, where, withheld, who.Org); err != nil {
				return err
			}
		}
		if err := b.content(sn, who.Org); err != nil {
			return err
		}
		if err := k.files(ctx, sn, b, who.Org); err != nil {
			return err
		}
		if err := k.ledger(ctx, b, o); err != nil {
			return err
		}
		return b.close(o, Withheld)
	}); err != nil {
		return fmt.Errorf("hand out %s: %w", who.Org, err)
	}
	return nil
}

// source is one text of the content, as it was written.
type source struct {
	Kind     string  `db:"kind"`
	Slug     string  `db:"slug"`
	Item     id.Item `db:"item_id"`
	Version  int     `db:"version"` // 0 for what has no versions
	Position int     `db:"position"`
	Key      string  `db:"key"`
	Title    string  `db:"title"`
	Text     string  `db:"source"`
}

// unsafe is what stands in no name of a file in a bundle.
var unsafe = regexp.MustCompile(`[^\pL\pN._-]+`)

func plainName(s string) string {
	s = strings.Trim(unsafe.ReplaceAllString(s, "-"), ".-")
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80])
	}
	if s == "" {
		return "unnamed"
	}
	return s
}

func (s source) name() string {
	// The identifier keeps two apart that are called alike.
	dir := "content/" + s.Kind + "/" + plainName(s.Slug) + "-" + s.Item.String()
	if s.Version == 0 {
		return dir + "/text.md"
	}
	return fmt.Sprintf("%s/v%d/%03d-%s.md", dir, s.Version, s.Position, plainName(s.Key))
}

// content writes every version of every text of the organization as it was written.
func (b *bundle) content(sn *db.Snapshot, org id.Org) error {
	if err := db.Each(sn, `SELECT i.kind, i.slug, i.item_id, l.version, l.position, l.key, l.title, l.source FROM lessons l JOIN items i ON i.org_id = l.org_id AND i.item_id = l.item_id WHERE l.org_id = $1
		UNION ALL SELECT i.kind, i.slug, i.item_id, 0, 0, '', i.title, s.source FROM stories s JOIN items i ON i.org_id = s.org_id AND i.item_id = s.item_id WHERE s.org_id = $1
		UNION ALL SELECT i.kind, i.slug, i.item_id, 0, 0, '', i.title, r.source FROM resources r JOIN items i ON i.org_id = r.org_id AND i.item_id = r.item_id WHERE r.org_id = $1
		ORDER BY kind, item_id, version, position, key`, func(s source) error {
		w, err := b.create(s.name())
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, "# "+s.Title+"\n\n"+s.Text+"\n")
		return err
	}, org); err != nil {
		return fmt.Errorf("content: %w", err)
	}
	return b.step()
}

type fileRow struct {
	ID   id.File `db:"file_id"`
	Name string  `db:"name"`
	Sum  []byte  `db:"sha256"`
}

// ownFiles are the files of what $1 published and of what it writes.
const ownFiles = `(SELECT f.file_id, f.name, f.sha256 FROM files f WHERE f.org_id = $1 UNION ALL SELECT d.item_id, d.name, d.sha256 FROM draft_files d WHERE d.org_id = $1) f`

// files writes the organization's files. One whose content is lost is left out and stands in the table all the same.
func (k *Keeper) files(ctx context.Context, sn *db.Snapshot, b *bundle, org id.Org) error {
	err := db.Each(sn, `SELECT f.file_id, f.name, f.sha256 FROM `+ownFiles+` ORDER BY f.file_id, f.name`, func(f fileRow) error {
		in, err := k.blob.Open(ctx, blob.Sum(f.Sum))
		if errs.Is(err, errs.NotFound) {
			k.log.WarnContext(ctx, "a file's content is lost", "org", org, "file", f.ID)
			return b.step()
		}
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // Read only.
		out, err := b.create("files/" + f.ID.String() + "-" + plainName(path.Base(f.Name)))
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
		return b.step()
	}, org)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

// ledger writes the sealed log with its seals, as `learnscape audit verify` reads it.
func (k *Keeper) ledger(ctx context.Context, b *bundle, o Organization) error {
	w, err := b.create("audit.jsonl")
	if err != nil {
		return err
	}
	out, err := ledger.NewWriter(w, ledger.Head{Org: o.OrgID, Slug: o.Slug, Name: o.Name, At: b.now})
	if err != nil {
		return err
	}
	if err := walk(ctx, k.db, o.OrgID, out.Line, out.Seal); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return b.step()
}
