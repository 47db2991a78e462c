package courses

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
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
	"github.com/learnscape/learnscape/tenants"
)

// The states of a bundle.
const (
	BundleChecking = "checking" // a job looks at it
	BundleChecked  = "checked"  // nothing happened yet
	BundleRunning  = "running"
	BundleDone     = "done"
	BundleFailed   = "failed"
	BundleStopped  = "stopped"
)

const (
	bundleWaits = 24 * time.Hour      // how long it can be confirmed
	bundleKept  = 30 * 24 * time.Hour // how long its report can be read
	bundlesMost = 4                   // that wait or are worked, of one organization
)

// Bundle is an archive of courses and paths that an author brings by the browser.
type Bundle struct {
	ID       id.Any        `db:"import_id"`
	File     string        `db:"file"`
	Size     int64         `db:"size"` // bytes
	State    string        `db:"state"`
	Publish  bool          `db:"publish"` // at once; otherwise drafts came of it
	Done     int           `db:"done"`    // items
	Total    int           `db:"total"`
	Fault    *BundleFault  `db:"fault"`
	Report   *BundleReport `db:"report"` // nil in a list
	By       string        `db:"by_name"`
	Created  time.Time     `db:"created_at"`
	Finished *time.Time    `db:"finished_at"`
	Until    time.Time     `db:"expires_at"`
}

// BundleFault says why a bundle was refused, as a message key and what stands in it.
type BundleFault struct {
	Key  string `json:"key"`
	Args []any  `json:"args,omitempty"`
}

// Share is how much of it is worked, 0..1.
func (b Bundle) Share() float64 {
	if b.Total == 0 {
		return 0
	}
	return float64(b.Done) / float64(b.Total)
}

// Moves reports whether a job has it.
func (b Bundle) Moves() bool { return b.State == BundleChecking || b.State == BundleRunning }

// BundleReport is what would become of a bundle, or did.
type BundleReport struct {
	Source   string       `json:"source,omitempty"` // see Source
	Items    []BundleItem `json:"items,omitempty"`
	Findings []Finding    `json:"findings,omitempty"`
}

// Drafts reports whether drafts can come of it: nothing is larger than authors can write on.
func (r BundleReport) Drafts() bool {
	return !slices.ContainsFunc(r.Items, func(i BundleItem) bool {
		return i.Lessons > map[string]int{tenants.KindCourse: lessonsMost, tenants.KindPath: stepsMost}[i.Kind]
	})
}

// Fresh reports whether anything would change.
func (r BundleReport) Fresh() bool { return slices.ContainsFunc(r.Items, BundleItem.fresh) }

// Written reports whether somebody writes on what would change.
func (r BundleReport) Written() bool {
	return slices.ContainsFunc(r.Items, func(i BundleItem) bool { return i.Written && !i.Same })
}

// BundleItem is a course or path of a bundle.
type BundleItem struct {
	Kind    string       `json:"kind"`
	Title   string       `json:"title"`
	Slug    string       `json:"slug"`
	Lang    string       `json:"lang"`
	Langs   []string     `json:"langs,omitempty"` // of translations
	Item    id.Item      `json:"item"`            // the own item whose next version it is, or what came of it; zero for a new one
	Version int          `json:"version"`         // in force when it was looked at; 0 for none
	Same    bool         `json:"same,omitempty"`  // nothing would change
	Written bool         `json:"written,omitempty"`
	Lessons int          `json:"lessons"` // or steps
	Files   []BundleFile `json:"files,omitempty"`
	Became  int          `json:"became,omitempty"` // the version that was published; 0 for a draft
}

func (i BundleItem) fresh() bool { return !i.Same }

// The outcomes of a file.
const (
	FileNew     = "new"
	FileChanged = "changed"
	FileSame    = "same"
	FileGone    = "gone" // it was in the version in force
)

// BundleFile is a file of a bundle and what becomes of it.
type BundleFile struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"` // of a lesson
	Outcome string `json:"outcome"`
}

// BundleAsked tells the importer that a bundle waits to be looked at, or to be carried out.
type BundleAsked struct {
	Org    id.Org `json:"org"`
	Import id.Any `json:"import"`
}

// EventKind implements jobs.Event.
func (BundleAsked) EventKind() string { return "courses.import_asked" }

// EventOrg implements jobs.Event.
func (e BundleAsked) EventOrg() id.Org { return e.Org }

const bundleColumns = `c.import_id, c.file, c.size, c.state, c.publish, c.done, c.total, c.fault, coalesce(m.name, '') AS by_name, c.created_at, c.finished_at, c.expires_at`

const bundleFrom = `course_imports c LEFT JOIN memberships m ON m.org_id = c.org_id AND m.membership_id = c.asked_by`

// Bundles lists what authors of the own organization brought, the latest first; after some weeks it is gone.
func (s *Service) Bundles(ctx context.Context) (list []Bundle, now time.Time, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return nil, now, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, now, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		now = b.Now
		db.List(b, &list, `SELECT `+bundleColumns+`, NULL::jsonb AS report FROM `+bundleFrom+` WHERE c.org_id = $1 ORDER BY c.created_at DESC, c.import_id LIMIT 50`, sc.Org)
	})
	return list, now, err
}

// Bundle returns one with its report. NotFound for another organization's.
func (s *Service) Bundle(ctx context.Context, which id.Any) (b Bundle, now time.Time, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return b, now, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return b, now, err
	}
	var found bool
	if err := s.db.Read(ctx, func(q *db.Batch) {
		now = q.Now
		db.One(q, &b, &found, `SELECT `+bundleColumns+`, c.report FROM `+bundleFrom+` WHERE c.org_id = $1 AND c.import_id = $2`, sc.Org, which)
	}); err != nil {
		return b, now, fmt.Errorf("import %s: %w", which, err)
	}
	if !found {
		return b, now, errs.New(errs.NotFound, "import %s", which)
	}
	return b, now, nil
}

// Bring keeps an archive and has a job look at it. TooLarge beyond MaxArchive; RateLimited while too many of the organization's wait.
// Content that is no archive is said by the job.
func (s *Service) Bring(ctx context.Context, file string, r io.Reader) (which id.Any, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return which, err
	}
	which = id.New[id.Any]()
	// The number before it makes its content its own, so that it can be removed without asking who else has the same.
	sum, size, err := s.blob.Put(ctx, io.MultiReader(strings.NewReader(which.String()), r), MaxArchive)
	if errs.Is(err, errs.TooLarge) {
		return which, errs.Fields(errs.Field{Name: "file", Key: "importer.fault.large", Args: []any{"Most", MaxArchive >> 20}})
	} else if err != nil {
		return which, fmt.Errorf("store archive: %w", err)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := db.Row[int](tx, `SELECT count(*)::int FROM course_imports c WHERE c.org_id = $1 AND c.state IN ('checking', 'checked', 'running') AND c.expires_at > $2`, tx.Scope.Org, tx.Now)
		if err != nil {
			return err
		}
		if n >= bundlesMost {
			return errs.Fields(errs.Field{Name: "file", Key: "importer.fault.waiting", Args: []any{"Most", bundlesMost}})
		}
		if err := tx.Must(`INSERT INTO course_imports (org_id, import_id, asked_by, file, size, sha256, created_at, asked_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)`,
			tx.Scope.Org, which, tx.Scope.Membership, cut(path.Base(strings.ReplaceAll(file, `\`, "/")), 190), size-int64(len(which.String())), sum[:], tx.Now, tx.Now.Add(bundleWaits)); err != nil {
			return err
		}
		return jobs.Emit(tx, BundleAsked{Org: tx.Scope.Org, Import: which})
	})
	if err != nil {
		return which, errors.Join(err, s.blob.Remove(context.WithoutCancel(ctx), sum))
	}
	return which, nil
}

// ConfirmBundle has a bundle that was looked at carried out: as drafts, or published at once. Conflict where somebody writes on a course that would
// change; NotFound for one that does not wait for it.
func (s *Service) ConfirmBundle(ctx context.Context, which id.Any, publish bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		b, err := lockBundle(tx, which)
		if err != nil {
			return err
		}
		switch {
		case b.State != BundleChecked || !b.Until.After(tx.Now):
			return errs.New(errs.NotFound, "import %s is %s", which, b.State)
		case !b.Report.Fresh():
			return errs.Say(errs.Conflict, "importer.fault.same")
		case b.Report.Written():
			return errs.Say(errs.Conflict, "importer.fault.written")
		case !publish && !b.Report.Drafts():
			return errs.Say(errs.Conflict, "importer.fault.no_drafts", "Most", lessonsMost, "Steps", stepsMost)
		}
		if err := unread(tx, publish); err != nil {
			return err
		}
		if err := tx.Must(`UPDATE course_imports SET state = 'running', publish = $3, done = 0, total = $4, asked_by = $5, asked_at = $6 WHERE org_id = $1 AND import_id = $2`,
			tx.Scope.Org, which, publish, len(b.Report.Items), tx.Scope.Membership, tx.Now); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "content.import_asked", "import:"+which.String(), map[string]any{"items": len(b.Report.Items), "publish": publish}); err != nil {
			return err
		}
		return jobs.Emit(tx, BundleAsked{Org: tx.Scope.Org, Import: which})
	})
}

// unread refuses to publish what no colleague has read, where the organization wants one to.
func unread(tx *db.Tx, publish bool) error {
	wants, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM author_rules a WHERE a.org_id = $1 AND a.review)`, tx.Scope.Org)
	if err == nil && publish && wants {
		err = errs.Say(errs.Conflict, "importer.fault.review")
	}
	return err
}

// StopBundle ends a bundle that waits or is worked; nothing comes of it. NotFound for one that is over.
func (s *Service) StopBundle(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.endBundle(ctx, which, func(tx *db.Tx, b lockedBundle) (string, error) {
		if b.State != BundleChecked && !b.Moves() {
			return "", errs.New(errs.NotFound, "import %s is %s", which, b.State)
		}
		return BundleStopped, nil
	})
}

// lockedBundle is a bundle with its content, which nobody else changes meanwhile.
type lockedBundle struct {
	Bundle

	Sum   []byte        `db:"sha256"`
	Asker id.Membership `db:"asked_by"`
	May   bool          `db:"may"` // whoever asked may still
}

func lockBundle(tx *db.Tx, which id.Any) (lockedBundle, error) {
	b, err := db.Row[lockedBundle](tx, `SELECT `+bundleColumns+`, c.report, c.sha256, c.asked_by, m.state = 'active' AND m.roles && '{author,administrator}' AS may
		FROM course_imports c JOIN memberships m ON m.org_id = c.org_id AND m.membership_id = c.asked_by WHERE c.org_id = $1 AND c.import_id = $2 FOR UPDATE OF c`, tx.Scope.Org, which)
	if err != nil {
		return b, fmt.Errorf("import %s: %w", which, err)
	}
	return b, nil
}

// endBundle ends a bundle in the state that how says, and removes its archive.
func (s *Service) endBundle(ctx context.Context, which id.Any, how func(*db.Tx, lockedBundle) (string, error)) error {
	var sum []byte
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		b, err := lockBundle(tx, which)
		if err != nil {
			return err
		}
		sum = b.Sum
		state, err := how(tx, b)
		if err != nil {
			return err
		}
		return tx.Must(`UPDATE course_imports SET state = $3, finished_at = $4, expires_at = $5, sha256 = NULL WHERE org_id = $1 AND import_id = $2`, tx.Scope.Org, which, state, tx.Now, tx.Now.Add(bundleKept))
	}); err != nil || sum == nil {
		return err
	}
	return s.blob.Remove(ctx, blob.Sum(sum))
}

// Importer looks at bundles and carries out what was confirmed. It may end at any time, also by a power cut, and begins again: what came of
// a bundle comes in one transaction.
type Importer struct {
	s    *Service
	jobs *jobs.Client
}

// errBundleOver ends the work on a bundle that was stopped.
var errBundleOver = errors.New("the import is over")

// Run looks at a bundle or carries it out, whatever it waits for; it does nothing for one that is over. Repeating is safe.
func (i *Importer) Run(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	var b lockedBundle
	if err := i.s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		b, err = lockBundle(tx, which)
		return err
	}); err != nil {
		return err
	}
	if !b.Moves() || b.Sum == nil {
		return nil
	}
	err := i.work(ctx, b)
	var fault *errs.Error
	switch {
	case err == nil, errors.Is(err, errBundleOver):
		return nil
	case errors.As(err, &fault) && fault.Key != "" && slices.Contains([]errs.Kind{errs.Invalid, errs.TooLarge, errs.Conflict}, fault.Kind):
		return i.s.endBundle(ctx, which, func(tx *db.Tx, b lockedBundle) (string, error) {
			if !b.Moves() {
				return b.State, nil
			}
			return BundleFailed, tx.Must(`UPDATE course_imports SET fault = $3 WHERE org_id = $1 AND import_id = $2`, tx.Scope.Org, which, BundleFault{fault.Key, fault.Args})
		})
	}
	return fmt.Errorf("import %s: %w", which, err)
}

// offset reads at places of what can be sought, for one reader.
type offset struct {
	r    io.ReadSeeker
	from int64
}

func (o offset) ReadAt(p []byte, at int64) (int, error) {
	if _, err := o.r.Seek(o.from+at, io.SeekStart); err != nil {
		return 0, err
	}
	return io.ReadFull(o.r, p)
}

func (i *Importer) work(ctx context.Context, b lockedBundle) error {
	content, err := i.s.blob.Open(ctx, blob.Sum(b.Sum))
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // Read only.
	t, err := openArchive(offset{content, int64(len(b.ID.String()))}, b.Size)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(b.File, path.Ext(b.File))
	src := sourceOf(t)
	list := src.Read(t, ImportOptions{Dir: cmp.Or(name, "course")})
	for i := range list {
		list[i].Collections = nil // Where something is shown is not for an archive to say.
	}
	if len(list) == 0 {
		if err := i.keep(ctx, b.ID, BundleReport{Source: src.Name(), Findings: t.sorted()}, BundleChecking); err != nil {
			return err
		}
		return errs.Say(errs.Invalid, "importer.fault.nothing")
	}
	if b.State == BundleChecking {
		return i.look(ctx, b, src, list)
	}
	return i.carryOut(ctx, b, src, list)
}

// keep writes the report of a bundle that is still in the state, and the state that follows.
func (i *Importer) keep(ctx context.Context, which id.Any, r BundleReport, next string) error {
	return i.s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE course_imports SET report = $3, state = $4, total = $5 WHERE org_id = $1 AND import_id = $2 AND state = 'checking'`, tx.Scope.Org, which, r, next, len(r.Items))
		if err == nil && n == 0 {
			err = errBundleOver
		}
		return err
	})
}

// errTakenBack ends a transaction whose result was only to be seen.
var errTakenBack = errors.New("taken back")

// look finds out what would become of a bundle: it is carried out, but for storing files, and taken back.
func (i *Importer) look(ctx context.Context, b lockedBundle, src Source, list []Planned) error {
	for n := range list {
		var files []FileDraft
		for _, name := range list[n].shownBy() {
			f, err := list[n].tree.file(name, hashed)
			if err != nil {
				return err
			}
			if f.Name != "" {
				files = append(files, f)
			}
		}
		list[n].setFiles(files)
	}
	r := BundleReport{Source: src.Name()}
	problems := make([][]LessonProblem, len(list))
	err := i.s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := patient(tx); err != nil {
			return err
		}
		r.Items = nil
		refs := map[string]id.Item{}
		for n := range list {
			p := list[n]
			was, err := stood(tx, p.Kind, p.item().Slug)
			if err != nil {
				return err
			}
			done, err := publishOne(tx, &p, refs)
			if err != nil {
				return err
			}
			list[n], problems[n] = p, done.Problems
			r.Items = append(r.Items, was.compare(&p, done))
		}
		return errTakenBack
	})
	if !errors.Is(err, errTakenBack) {
		return said(err)
	}
	for n, p := range list {
		p.tell(problems[n])
	}
	r.Findings = list[0].tree.sorted()
	return i.keep(ctx, b.ID, r, BundleChecked)
}

// patient gives a transaction the time that a thousand lessons take to be rendered: the database waits longer than for a page.
func patient(tx *db.Tx) error {
	_, err := tx.Exec(`SELECT set_config('idle_in_transaction_session_timeout', '600000', true), set_config('statement_timeout', '120000', true)`)
	return err
}

// said gives an error that the author can do something about words.
func said(err error) error {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Key == "" && (e.Kind == errs.Invalid || e.Kind == errs.NotFound) {
		return errs.Say(errs.Invalid, "importer.fault.unfit", "Why", cut(oneLine(err), 300))
	}
	return err
}

// hashed is where a file is put that is only looked at.
func hashed(r io.Reader, limit int64) (sum blob.Sum, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, io.LimitReader(r, limit+1))
	h.Sum(sum[:0])
	return sum, size, err
}

// carryOut makes drafts or versions of a bundle, all in one transaction.
func (i *Importer) carryOut(ctx context.Context, b lockedBundle, src Source, list []Planned) error {
	files, err := i.s.storePlanned(ctx, list, func(done int) error {
		return i.s.db.Tx(ctx, func(tx *db.Tx) error {
			n, err := tx.Exec(`UPDATE course_imports SET done = $3, total = $4 WHERE org_id = $1 AND import_id = $2 AND state = 'running'`, tx.Scope.Org, b.ID, done, len(list)+1)
			if err == nil && n == 0 {
				err = errBundleOver
			}
			return err
		})
	})
	if err != nil {
		return i.s.kept(ctx, err, files)
	}
	return i.s.kept(ctx, i.s.endBundle(ctx, b.ID, func(tx *db.Tx, now lockedBundle) (string, error) {
		switch {
		case now.State != BundleRunning:
			return now.State, nil
		case !now.May:
			return BundleStopped, nil
		}
		if err := errors.Join(patient(tx), unread(tx, now.Publish)); err != nil {
			return "", err
		}
		r := BundleReport{Source: src.Name(), Findings: now.Report.Findings}
		refs := map[string]id.Item{}
		for n := range list {
			p := list[n]
			it, err := i.carry(tx, now, &p, refs)
			if err != nil {
				return "", said(err)
			}
			r.Items = append(r.Items, it)
		}
		if err := tx.Must(`UPDATE course_imports SET report = $3, done = total WHERE org_id = $1 AND import_id = $2`, tx.Scope.Org, b.ID, r); err != nil {
			return "", err
		}
		return BundleDone, tenants.Audit(tx, "content.imported", "import:"+b.ID.String(), map[string]any{"items": len(r.Items), "publish": now.Publish})
	}), files)
}

// carry makes a draft or a version of one course or path.
func (i *Importer) carry(tx *db.Tx, b lockedBundle, p *Planned, refs map[string]id.Item) (BundleItem, error) {
	was, err := stood(tx, p.Kind, p.item().Slug)
	if err != nil {
		return BundleItem{}, err
	}
	if was.Written {
		return BundleItem{}, errs.Say(errs.Conflict, "importer.fault.written")
	}
	looked := slices.IndexFunc(b.Report.Items, func(x BundleItem) bool { return x.Kind == p.Kind && x.Slug == p.item().Slug })
	if looked < 0 || b.Report.Items[looked].Version != was.Version {
		return BundleItem{}, errs.Say(errs.Conflict, "importer.fault.moved", "Title", p.item().Title)
	}
	out := b.Report.Items[looked]
	switch {
	case b.Publish:
		done, err := publishOne(tx, p, refs)
		if err != nil {
			return out, err
		}
		out.Item = done.Item.ItemID
		if done.Fresh {
			out.Became = done.Version
		}
	case out.Same:
		refs[p.Kind+"/"+p.item().Slug] = was.Item
	default:
		if out.Item, err = layDraft(tx, p, refs, was, b.Asker); err != nil {
			return out, err
		}
	}
	return out, nil
}

// stands is what an organization has of a course or path already.
type stands struct {
	exported

	Written bool
	lessons []exportedLesson
	texts   []exportedText
	files   []exportedFile
}

func stood(tx *db.Tx, kind, slug string) (st stands, err error) {
	there, err := db.Rows[struct {
		Item    id.Item `db:"item_id"`
		Written bool    `db:"written"`
	}](tx, `SELECT i.item_id, EXISTS (SELECT 1 FROM course_drafts d WHERE d.org_id = i.org_id AND d.item_id = i.item_id) AS written FROM items i WHERE i.org_id = $1 AND i.kind = $2 AND i.slug = $3 LIMIT 1`, tx.Scope.Org, kind, slug)
	if err != nil || len(there) == 0 {
		return st, err
	}
	var found bool
	if err := tx.Batch(func(b *db.Batch) {
		db.One(b, &st.exported, &found, `SELECT `+exportedColumns+` AND i.item_id = $2`, tx.Scope.Org, there[0].Item)
	}); err != nil {
		return st, err
	}
	st.Item, st.Written = there[0].Item, there[0].Written
	if !found {
		return st, nil
	}
	return st, tx.Batch(func(b *db.Batch) { exportQueries(b, tx.Scope.Org, st.exported, &st.lessons, &st.texts, &st.files) })
}

// compare says of each file what becomes of it.
func (st stands) compare(p *Planned, done Published) BundleItem {
	it := p.item()
	out := BundleItem{
		Kind: p.Kind, Title: it.Title, Slug: it.Slug, Lang: it.Lang, Item: st.Item, Version: st.Version, Written: st.Written, Same: !done.Fresh, Lessons: len(p.Course.Lessons) + len(p.Path.Steps),
	}
	old := map[string]exportedLesson{}
	for _, l := range st.lessons {
		old[l.Key] = l
	}
	texts := map[string][]LessonText{}
	for _, t := range st.texts {
		texts[t.Key] = append(texts[t.Key], LessonText{t.Lang, t.Title, t.Source, t.Name})
	}
	for _, l := range p.lessons() {
		f := BundleFile{Name: cmp.Or(l.Name, l.Key), Title: l.Title, Outcome: FileNew}
		if o, ok := old[l.Key]; ok {
			f.Outcome = FileChanged
			if o.Title == l.Title && o.Kind == cmp.Or(l.Kind, "lesson") && o.Source == l.Source && o.Lang == l.Lang && o.Licence == l.Licence && o.Origin == l.Origin && slices.Equal(texts[l.Key], l.Texts) {
				f.Outcome = FileSame
			}
			delete(old, l.Key)
		}
		out.Files = append(out.Files, f)
		for _, t := range l.Texts {
			if !slices.Contains(out.Langs, t.Lang) {
				out.Langs = append(out.Langs, t.Lang)
			}
		}
	}
	for _, l := range st.lessons {
		if _, gone := old[l.Key]; gone {
			out.Files = append(out.Files, BundleFile{Name: cmp.Or(l.Name, l.Key), Title: l.Title, Outcome: FileGone})
		}
	}
	slices.Sort(out.Langs)
	return st.pictures(p, done, out)
}

// pictures adds the files that the texts show.
func (st stands) pictures(p *Planned, done Published, out BundleItem) BundleItem {
	old := map[string]string{}
	for _, f := range st.files {
		old[f.Path] = string(f.Sum)
	}
	for _, f := range p.Course.Files {
		if !slices.Contains(done.Used, f.Name) {
			continue
		}
		outcome := FileNew
		if sum, ok := old[f.Name]; ok {
			if outcome = FileChanged; sum == string(f.Sum[:]) {
				outcome = FileSame
			}
			delete(old, f.Name)
		}
		out.Files = append(out.Files, BundleFile{Name: f.Name, Outcome: outcome})
	}
	for _, f := range st.files {
		if _, gone := old[f.Path]; gone {
			out.Files = append(out.Files, BundleFile{Name: f.Path, Outcome: FileGone})
		}
	}
	return out
}

// layDraft makes a draft: the next version of what is published, or something new that nobody sees. refs are what the bundle brought
// so far, by kind and slug.
func layDraft(tx *db.Tx, p *Planned, refs map[string]id.Item, was stands, by id.Membership) (id.Item, error) {
	d, item := p.item(), was.Item
	if item.IsZero() {
		it, err := tenants.PutItem(tx, tenants.Item{ItemID: d.ItemID, Kind: p.Kind, Title: d.Title, Slug: d.Slug, Summary: d.Summary, Lang: d.Lang})
		if err != nil {
			return item, err
		}
		item = it.ItemID
	}
	refs[p.Kind+"/"+d.Slug] = item
	m := Manuscript{
		Item: item, Title: d.Title, Summary: cut(d.Summary, 399), Outcome: p.Course.Outcome, Lang: d.Lang, Level: d.Level, Topics: d.Topics, Intro: p.intro(), Note: p.Course.Note, Base: was.Version,
	}
	if p.Kind == tenants.KindPath {
		var err error
		if m.Plan, err = p.plan(tx, refs); err != nil {
			return item, err
		}
		m.Outcome, m.Note = p.Path.Outcome, p.Path.Note
	}
	if err := putManuscript(tx, m); err != nil {
		return item, err
	}
	lessons := p.lessons()
	rows := make([]map[string]any, len(lessons))
	for n, l := range lessons {
		if l.Texts == nil {
			l.Texts = []LessonText{}
		}
		rows[n] = map[string]any{
			"key": l.Key, "position": n, "module": l.Module, "title": l.Title, "summary": l.Summary, "kind": cmp.Or(l.Kind, "lesson"), "minutes": l.Minutes, "source": l.Source, "name": l.Name,
			"lang": l.Lang, "licence": l.Licence, "origin": l.Origin, "texts": l.Texts,
		}
	}
	var sums [][]byte
	var names, types []string
	var sizes []int64
	for _, f := range p.Course.Files { // A path has the same, see setFiles.
		sums, names, types, sizes = append(sums, f.Sum[:]), append(names, f.Name), append(types, f.MediaType), append(sizes, f.Size)
	}
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `INSERT INTO draft_lessons (org_id, item_id, key, position, module, title, summary, kind, minutes, source, name, lang, licence, origin, texts, saved_by, saved_at)
			SELECT $1, $2, r.key, r.position, r.module, r.title, r.summary, r.kind, r.minutes, r.source, r.name, r.lang, r.licence, r.origin, r.texts, $4, $5
			FROM jsonb_to_recordset($3) AS r(key text, position integer, module text, title text, summary text, kind text, minutes integer, source text, name text, lang text, licence text, origin text, texts jsonb)`,
			tx.Scope.Org, item, rows, by, tx.Now)
		db.Write(b, nil, `INSERT INTO draft_files (org_id, item_id, name, sha256, media_type, size, created_at)
			SELECT $1, $2, f.name, f.sum, f.type, f.size, $3 FROM unnest($4::text[], $5::bytea[], $6::text[], $7::bigint[]) AS f(name, sum, type, size)`, tx.Scope.Org, item, tx.Now, names, sums, types, sizes)
		db.Write(b, nil, `UPDATE course_drafts SET saved_by = $3 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item, by)
	}); err != nil {
		return item, fmt.Errorf("draft of %q: %w", d.Title, err)
	}
	return item, tenants.RoomForFiles(tx)
}
