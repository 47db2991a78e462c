package courses

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
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
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// ImportOptions say what to import into the organization of ctx's scope.
type ImportOptions struct {
	Dir         string    // the folder, or a zip archive of one; nothing outside of it is read
	File        string    // of a path: its file in the folder, such as "cold-chain.md"
	OrgSlug     string    // with Stable: of the organization
	Stable      bool      // the same folder gets the same identifiers in each installation (see Space)
	Slug, Title string    // of the course; default from the folder's own files
	Lang        string    // default from the folder, else "en"
	Collections []string  // slugs of collections to put it into, beside those that the folder names
	Note        string    // what is new in this version
	At          time.Time // when it was published; zero means now
}

// Report is what came of an import.
type Report struct {
	Published             // the last one: a path after what it leads to
	Items     []Published // all of them
	Lessons   int         // lessons of the courses, steps of the paths
	Files     int         // pictures and documents that were taken
	Findings  []Finding   // what was not taken as it is, by file and line
}

// Finding is something that was not taken as it is: what was found, what is wrong with it, and what to do.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0 for the whole file
	Found   string `json:"found"`
	Problem string `json:"problem"`
	Fix     string `json:"fix,omitempty"`
}

// String writes the finding as one line: "file:line: found: problem; fix".
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s; %s", f.File, f.Line, f.Found, f.Problem, f.Fix)
}

// ImportFolder publishes what a folder or archive holds, in one transaction: courses and paths, as the first of the sources that knows the
// tree reads it (see Source). For plain pages, order and titles come from course.yaml, from mkdocs.yml (nav), from order: in the pages' front
// matter, or from numbers before the file names; a folder without any of these is taken by name, and the report says so. Pictures and
// documents beside the pages are stored with the course. What cannot be taken is left out and reported; nothing outside of the folder is
// read and no symbolic link is followed. Importing again makes the next version if something changed, and none otherwise. Invalid if there
// is no page, or more than MaxFiles files.
func (s *Service) ImportFolder(ctx context.Context, o ImportOptions) (Report, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Report{}, err
	}
	t, err := openTree(o.Dir)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.Dir, err)
	}
	defer t.Close() //nolint:errcheck // Read only.
	list := sourceOf(t).Read(t, o)
	if len(list) == 0 {
		return Report{Findings: t.sorted()}, errs.New(errs.Invalid, "import %s: no page", o.Dir)
	}
	r, err := s.publishPlanned(ctx, list)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.Dir, err)
	}
	return r, nil
}

// openTree opens a folder or an archive.
func openTree(name string) (*Tree, error) {
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		return openFolder(name)
	}
	f, err := os.Open(name) //nolint:gosec // Whoever runs the command names the file.
	if err != nil {
		return nil, errs.New(errs.NotFound, "open archive: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t, err := openArchive(f, info.Size())
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	t.root().close = f.Close
	return t, nil
}

// ImportPath publishes a path from its file: front matter with steps (lesson, course, story or resource, with section, note, optional,
// either and needs, see headStep) and slots, and the introduction as text; its own lessons and pictures stand in a folder with the file's name. Courses and stories are named
// "organization/slug" and must be published and visible to the organization.
func (s *Service) ImportPath(ctx context.Context, o ImportOptions) (Report, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Report{}, err
	}
	t, err := openFolder(o.Dir)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.Dir, err)
	}
	defer t.Close() //nolint:errcheck // Read only.
	p, err := t.path(o, nil)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.File, err)
	}
	r, err := s.publishPlanned(ctx, []Planned{p})
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.File, err)
	}
	return r, nil
}

// publishPlanned stores the files of what was planned and publishes all of it, or nothing.
func (s *Service) publishPlanned(ctx context.Context, list []Planned) (Report, error) {
	files, err := s.storePlanned(ctx, list, nil)
	if err != nil {
		return Report{}, err
	}
	var r Report
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := patient(tx); err != nil {
			return err
		}
		r = Report{}
		refs := map[string]id.Item{}
		for i := range list {
			done, err := publishOne(tx, &list[i], refs)
			if err != nil {
				return err
			}
			r.Items, r.Published = append(r.Items, done), done
		}
		return nil
	})
	if err := s.kept(ctx, err, files); err != nil {
		return Report{}, err
	}
	for i, p := range list {
		p.tell(r.Items[i].Problems)
		r.Lessons += len(p.Course.Lessons) + len(p.Path.Steps)
		r.Files += len(r.Items[i].Used)
	}
	r.Findings = list[0].tree.root().sorted()
	return r, nil
}

// storePlanned stores the files that the texts show, before the transaction; step hears of each item.
func (s *Service) storePlanned(ctx context.Context, list []Planned, step func(done int) error) ([]FileDraft, error) {
	var all []FileDraft
	for i, p := range list {
		files, err := s.storeFiles(ctx, p)
		if err != nil {
			return all, err
		}
		list[i].setFiles(files)
		all = append(all, files...)
		if step != nil {
			if err := step(i + 1); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// publishOne publishes a course or path. refs are the items of the same import by kind and slug, to which it adds.
func publishOne(tx *db.Tx, p *Planned, refs map[string]id.Item) (out Published, err error) {
	if p.Kind == tenants.KindPath {
		if err := p.resolve(tx, refs); err != nil {
			return out, err
		}
		out, err = PublishPath(tx, p.Path)
	} else {
		out, err = PublishCourse(tx, p.Course)
	}
	if err != nil {
		return out, err
	}
	refs[out.Item.Kind+"/"+out.Item.Slug] = out.Item.ItemID
	return out, tenants.Collect(tx, out.Item.ItemID, p.Collections...)
}

// resolve finds what the steps of a path lead to. What is not there is an error, or, for a packed path, is left out and named: an
// organization that takes a path from another one need not have everything that it led to.
func (p *Planned) resolve(tx *db.Tx, brought map[string]id.Item) error {
	find := func(kind, ref string) (id.Item, error) {
		if it, ok := brought[kind+"/"+ref]; ok {
			return it, nil
		}
		return named(tx, kind, ref)
	}
	var steps []StepDraft
	var refs []headStep
	for i, st := range p.refs {
		step := p.Path.Steps[i]
		if step.Kind != StepLesson {
			var err error
			if step.Item, err = find(step.Kind, st.ref()); errs.Is(err, errs.NotFound) && p.packed {
				p.tree.find(p.file, lineWith(p.text, st.ref()), st.ref(), "this "+step.Kind+" is not there, so its step is left out", "import or adopt it first")
				p.Path.Slots = slices.DeleteFunc(slices.Clone(p.Path.Slots), func(sl Slot) bool { return sl.After == cmp.Or(step.Key, tenants.Slugify(step.Title)) })
				continue
			} else if err != nil {
				return err
			}
		}
		steps, refs = append(steps, step), append(refs, st)
	}
	p.Path.Steps, p.refs = steps, refs
	return nil
}

// named finds an item by "organization/slug", or an own one by its slug.
func named(tx *db.Tx, kind, ref string) (id.Item, error) {
	org, slug, ok := strings.Cut(ref, "/")
	if !ok {
		org, slug = "", ref
	}
	item, err := db.Row[id.Item](tx, `SELECT i.item_id FROM items i JOIN organizations o ON o.org_id = i.org_id
		WHERE (o.slug = $2 OR $2 = '' AND i.org_id = $1) AND i.kind = $3 AND i.slug = $4 AND i.state = 'published' AND `+tenants.Seen("$1"), tx.Scope.Org, org, kind, slug)
	if err != nil {
		return item, fmt.Errorf("%s %s: %w", kind, ref, err)
	}
	return item, nil
}

// StableItem is the identifier that an item of that organization, kind and slug has in every installation.
func StableItem(orgSlug, kind, slug string) id.Item {
	return id.Derive[id.Item](Space, orgSlug+"/"+kind+"/"+slug)
}

// mediaTypes are the files that are stored, by extension; everything else stays behind.
func mediaType(name string) (string, int64) {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png", MaxImage
	case ".jpg", ".jpeg":
		return "image/jpeg", MaxImage
	case ".gif":
		return "image/gif", MaxImage
	case ".webp":
		return "image/webp", MaxImage
	case ".svg":
		return "image/svg+xml", MaxImage
	case ".webm":
		return "video/webm", MaxVideo
	case ".mp4":
		return "video/mp4", MaxVideo
	case ".vtt":
		return "text/vtt", MaxPage
	case ".pdf":
		return "application/pdf", MaxImage
	case ".csv":
		return "text/csv", MaxImage
	case ".txt":
		return "text/plain", MaxPage
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", MaxImage
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document", MaxImage
	case ".pptx":
		return "application/vnd.openxmlformats-officedocument.presentationml.presentation", MaxImage
	}
	return "", 0
}

// shownBy are the files of the tree that the texts of an item name; those that are too large are findings.
func (p *Planned) shownBy() (out []string) {
	var texts []string
	for _, l := range p.lessons() {
		texts = append(texts, l.Source)
		for _, t := range l.Texts {
			texts = append(texts, t.Source)
		}
	}
	texts = append(texts, p.intro())
	for _, name := range p.tree.names {
		media, limit := mediaType(name)
		base := path.Base(name)
		escaped := (&url.URL{Path: base}).EscapedPath()
		if media == "" || !slices.ContainsFunc(texts, func(t string) bool {
			return strings.Contains(t, base) || escaped != base && strings.Contains(t, escaped)
		}) {
			continue
		}
		if size := p.tree.files[name]; size > limit {
			p.tree.find(name, 0, fmt.Sprintf("%d bytes", size), "the file is too large", fmt.Sprintf("keep it below %d bytes", limit))
			continue
		}
		out = append(out, name)
	}
	return out
}

// storeFiles puts the files that the texts name into the blob store, before the transaction.
func (s *Service) storeFiles(ctx context.Context, p Planned) ([]FileDraft, error) {
	var out []FileDraft
	for _, name := range p.shownBy() {
		d, err := p.tree.file(name, func(r io.Reader, limit int64) (sum blob.Sum, size int64, err error) { return s.blob.Put(ctx, r, limit) })
		if err != nil {
			return out, err
		}
		if d.Name != "" {
			out = append(out, d)
		}
	}
	return out, nil
}

// file looks at a file and hands its content to put. One that is not what its name says is a finding and has no name.
func (f *Tree) file(name string, put func(io.Reader, int64) (blob.Sum, int64, error)) (FileDraft, error) {
	media, limit := mediaType(name)
	file, err := f.open(name)
	if err != nil {
		f.find(name, 0, "file", "it cannot be read", "give the importer the right to read it")
		return FileDraft{}, nil
	}
	defer file.Close() //nolint:errcheck // Read only.
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		f.find(name, 0, "file", "it is damaged", "pack the folder again")
		return FileDraft{}, nil
	}
	if !matches(media, head[:n]) {
		f.find(name, 0, http.DetectContentType(head[:n]), "its content is not what its name says", "save it again as "+media)
		return FileDraft{}, nil
	}
	in := io.MultiReader(bytes.NewReader(head[:n]), file)
	if media == "image/svg+xml" {
		in = &drawing{t: f, name: name, r: in}
	}
	sum, size, err := put(in, limit)
	if damaged(err) {
		f.find(name, 0, "file", "it is damaged", "pack the folder again")
		return FileDraft{}, nil
	}
	if err != nil {
		return FileDraft{}, fmt.Errorf("store %s: %w", name, err)
	}
	return FileDraft{Name: name, Sum: sum, MediaType: media, Size: size}, nil
}

// drawing notes what a drawing would do if it were a page. It is shown as a picture and sent with a policy that forbids everything, so
// that nothing of it runs; its author should know that.
type drawing struct {
	t    *Tree
	name string
	r    io.Reader
	line int
	rest []byte
	told bool
}

var active = regexp.MustCompile(`(?i)<\s*(script|foreignObject|iframe|handler)\b|\son[a-z]+\s*=|javascript:`)

func (d *drawing) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.rest = append(d.rest, p[:n]...)
	for !d.told {
		i := bytes.IndexByte(d.rest, '\n')
		if i < 0 && err == nil && len(d.rest) < 64<<10 || len(d.rest) == 0 {
			break
		}
		line := d.rest
		if i >= 0 {
			line = d.rest[:i]
		}
		d.line++
		if m := active.Find(line); m != nil {
			d.told = true
			d.t.find(d.name, d.line, strings.TrimSpace(string(m)), "scripts in pictures do not run", "take it out")
		}
		d.rest = d.rest[min(len(line)+1, len(d.rest)):]
	}
	if d.told {
		d.rest = nil
	}
	return n, err
}

// kept returns the error of the transaction that keeps the rows of files. If there is one, their content goes with an organization that
// was erased meanwhile.
func (s *Service) kept(ctx context.Context, err error, files []FileDraft) error {
	if err == nil {
		return nil
	}
	var sums []blob.Sum
	for _, f := range files {
		sums = append(sums, f.Sum)
	}
	return errors.Join(err, s.tenants.Discard(ctx, sums...))
}

// matches compares what the name promises with what the content looks like (WHATWG MIME sniffing).
func matches(media string, head []byte) bool {
	found, _, _ := strings.Cut(http.DetectContentType(head), ";")
	switch {
	case strings.HasPrefix(media, "application/vnd.openxml"):
		return found == "application/zip"
	case media == "image/svg+xml":
		return bytes.Contains(head, []byte("<svg")) || bytes.HasPrefix(bytes.TrimSpace(head), []byte("<?xml")) || bytes.HasPrefix(bytes.TrimSpace(head), []byte("<!--"))
	case media == "text/vtt":
		return bytes.HasPrefix(bytes.TrimPrefix(head, []byte("\uFEFF")), []byte("WEBVTT"))
	case media == "text/csv", media == "text/plain":
		return strings.HasPrefix(found, "text/") && found != "text/html"
	}
	return found == media
}

// tell puts the problems of the texts to the findings of the tree, at the lines of their files.
func (p *Planned) tell(problems []LessonProblem) {
	for _, b := range problems {
		name := cmp.Or(b.Name, p.file)
		p.tree.find(name, p.tree.line(name, b.Line), b.Found, b.Problem.Problem, b.Fix)
	}
	for _, l := range p.lessons() {
		p.silent(l)
	}
}

// silent finds recordings without captions: who cannot hear learns nothing from them.
func (p *Planned) silent(t LessonDraft) {
	for _, s := range markdown.Segments(t.Source) {
		if f, err := s.Fields(); s.Kind == markdown.Video && err == nil && f.Captions == "" && f.Said == "" {
			p.tree.find(t.Name, p.tree.line(t.Name, lineWith(t.Source, f.Src)), cmp.Or(f.Title, f.Src), "the recording has no captions", "add captions: with a WebVTT file")
		}
	}
}

// sorted are the findings in the order of files and lines, each once.
func (f *Tree) sorted() []Finding {
	out := slices.Clone(f.root().findings)
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line) })
	return slices.Compact(out)
}
