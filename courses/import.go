package courses

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// The limits of an import.
const (
	MaxFiles   = 2000     // in the folder
	MaxPage    = 1 << 20  // bytes of a page
	MaxImage   = 5 << 20  // bytes of a picture or document
	MaxVideo   = 64 << 20 // bytes of a recording
	maxDepth   = 12       // folders in folders
	maxFinding = 500
)

// ImportOptions say what to import into the organization of ctx's scope.
type ImportOptions struct {
	Dir         string    // the folder; nothing outside of it is read
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
	Published
	Lessons  int       // lessons of the course, steps of the path
	Files    int       // pictures and documents that were taken
	Findings []Finding // what was not taken as it is, by file and line
}

// Finding is something that was not taken as it is: what was found, what is wrong with it, and what to do.
type Finding struct {
	File                string
	Line                int // from 1; 0 for the whole file
	Found, Problem, Fix string
}

// String writes the finding as one line: "file:line: found: problem; fix".
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s; %s", f.File, f.Line, f.Found, f.Problem, f.Fix)
}

// ImportFolder publishes a folder of Markdown as a course. Order and titles come from course.yaml, from mkdocs.yml (nav), from
// order: in the pages' front matter, or from numbers before the file names; a folder without any of these is taken by name, and
// the report says so. Pictures and documents beside the pages are stored with the course. What cannot be taken is left out and
// reported; nothing outside of the folder is read and no symbolic link is followed. Importing again makes the next version if
// something changed, and none otherwise. Invalid if there is no page, or more than MaxFiles files.
func (s *Service) ImportFolder(ctx context.Context, o ImportOptions) (Report, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Report{}, err
	}
	f, err := openFolder(o.Dir)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.Dir, err)
	}
	defer f.root.Close() //nolint:errcheck // Read only.
	d, collections := f.course(o)
	if len(d.Lessons) == 0 {
		return Report{Findings: f.findings}, errs.New(errs.Invalid, "import %s: no page", o.Dir)
	}
	if d.Files, err = s.storeFiles(ctx, f, d.Lessons); err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.Dir, err)
	}
	r := Report{Lessons: len(d.Lessons)}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if r.Published, err = PublishCourse(tx, d); err != nil {
			return err
		}
		return tenants.Collect(tx, r.Item.ItemID, collections...)
	})
	return f.report(r, d.Lessons), s.kept(ctx, err, d.Files)
}

// ImportPath publishes a path from its file: front matter with steps (lesson, course, story or resource, with section, note, optional,
// either and needs, see headStep) and slots, and the introduction as text; its own lessons and pictures stand in a folder with the file's name. Courses and stories are named
// "organization/slug" and must be published and visible to the organization.
func (s *Service) ImportPath(ctx context.Context, o ImportOptions) (Report, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return Report{}, err
	}
	f, err := openFolder(o.Dir)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.Dir, err)
	}
	defer f.root.Close() //nolint:errcheck // Read only.
	d, head, err := f.path(o)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.File, err)
	}
	var lessons []LessonDraft
	for _, st := range d.Steps {
		if st.Kind == StepLesson {
			lessons = append(lessons, st.Lesson)
		}
	}
	if d.Files, err = s.storeFiles(ctx, f, append(lessons, LessonDraft{Source: d.Intro})); err != nil {
		return Report{}, fmt.Errorf("import %s: %w", o.File, err)
	}
	r := Report{Lessons: len(d.Steps)}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		for i, st := range head.Steps {
			if d.Steps[i].Kind == StepLesson {
				continue
			}
			if d.Steps[i].Item, err = named(tx, d.Steps[i].Kind, st.ref()); err != nil {
				return err
			}
		}
		if r.Published, err = PublishPath(tx, d); err != nil {
			return err
		}
		return tenants.Collect(tx, r.Item.ItemID, append(head.Collections, o.Collections...)...)
	})
	return f.report(r, lessons), s.kept(ctx, err, d.Files)
}

// named finds an item by "organization/slug".
func named(tx *db.Tx, kind, ref string) (id.Item, error) {
	org, slug, _ := strings.Cut(ref, "/")
	item, err := db.Row[id.Item](tx, `SELECT i.item_id FROM items i JOIN organizations o ON o.org_id = i.org_id WHERE o.slug = $2 AND i.kind = $3 AND i.slug = $4 AND `+tenants.Seen("$1"), tx.Scope.Org, org, kind, slug)
	if err != nil {
		return item, fmt.Errorf("%s %s: %w", kind, ref, err)
	}
	return item, nil
}

// StableItem is the identifier that an item of that organization, kind and slug has in every installation.
func StableItem(orgSlug, kind, slug string) id.Item {
	return id.Derive[id.Item](Space, orgSlug+"/"+kind+"/"+slug)
}

// folder is what is to be imported: the regular files in it, and nothing else.
type folder struct {
	root     *os.Root
	files    map[string]int64 // names with slashes, sizes in bytes
	names    []string         // sorted
	findings []Finding
	lines    map[string]int // how many lines of front matter a page lost
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errs.New(errs.NotFound, "open folder: %w", err)
	}
	f := &folder{root: root, files: map[string]int64{}, lines: map[string]int{}}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			f.find(name, 0, "file", "it cannot be read", "give the importer the right to read it")
			return fs.SkipDir
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".github" || strings.Count(name, "/") >= maxDepth):
			return fs.SkipDir
		case d.Type()&fs.ModeSymlink != 0:
			f.find(name, 0, "symbolic link", "links are not followed", "copy the file itself")
		case d.Type().IsRegular():
			return f.add(name, d)
		}
		return nil
	})
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	slices.Sort(f.names)
	return f, nil
}

func (f *folder) add(name string, d fs.DirEntry) error {
	if len(f.names) >= MaxFiles {
		return errs.New(errs.Invalid, "more than %d files", MaxFiles)
	}
	info, err := d.Info()
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	f.files[name] = info.Size()
	f.names = append(f.names, name)
	return nil
}

func (f *folder) find(file string, line int, found, problem, fix string) {
	if len(f.findings) < maxFinding {
		f.findings = append(f.findings, Finding{file, line, found, problem, fix})
	}
}

// read returns a page's text. Only files that the walk saw can be read, and os.Root holds the folder's border.
func (f *folder) read(name string) (string, bool) {
	size, ok := f.files[name]
	switch {
	case !ok:
		f.find(name, 0, "page", "it is not in the folder", "put it there, or take it out of the list")
		return "", false
	case size > MaxPage:
		f.find(name, 0, fmt.Sprintf("%d bytes", size), "the page is too long", fmt.Sprintf("keep it below %d bytes", MaxPage))
		return "", false
	}
	file, err := f.root.Open(name)
	if err != nil {
		f.find(name, 0, "page", "it cannot be read", "give the importer the right to read it")
		return "", false
	}
	defer file.Close() //nolint:errcheck // Read only.
	data, err := io.ReadAll(io.LimitReader(file, MaxPage+1))
	if err != nil || len(data) > MaxPage {
		f.find(name, 0, "page", "it cannot be read", "check the disk")
		return "", false
	}
	return string(data), true
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

// storeFiles puts the files that the pages name into the blob store, before the transaction.
func (s *Service) storeFiles(ctx context.Context, f *folder, lessons []LessonDraft) ([]FileDraft, error) {
	var out []FileDraft
	for _, name := range f.names {
		media, limit := mediaType(name)
		base := path.Base(name)
		if media == "" || !slices.ContainsFunc(lessons, func(l LessonDraft) bool {
			return strings.Contains(l.Source, base) || strings.Contains(l.Source, strings.ReplaceAll(base, " ", "%20"))
		}) {
			continue
		}
		if f.files[name] > limit {
			f.find(name, 0, fmt.Sprintf("%d bytes", f.files[name]), "the file is too large", fmt.Sprintf("keep it below %d bytes", limit))
			continue
		}
		d, err := s.storeFile(ctx, f, name, media, limit)
		if err != nil {
			return nil, err
		}
		if d.Name != "" {
			out = append(out, d)
		}
	}
	return out, nil
}

func (s *Service) storeFile(ctx context.Context, f *folder, name, media string, limit int64) (FileDraft, error) {
	file, err := f.root.Open(name)
	if err != nil {
		f.find(name, 0, "file", "it cannot be read", "give the importer the right to read it")
		return FileDraft{}, nil
	}
	defer file.Close() //nolint:errcheck // Read only.
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return FileDraft{}, fmt.Errorf("read %s: %w", name, err)
	}
	if !matches(media, head[:n]) {
		f.find(name, 0, http.DetectContentType(head[:n]), "its content is not what its name says", "save it again as "+media)
		return FileDraft{}, nil
	}
	sum, size, err := s.blob.Put(ctx, io.MultiReader(bytes.NewReader(head[:n]), file), limit)
	if err != nil {
		return FileDraft{}, fmt.Errorf("store %s: %w", name, err)
	}
	return FileDraft{Name: name, Sum: sum, MediaType: media, Size: size}, nil
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
	case media == "text/csv", media == "text/plain", media == "text/vtt":
		return strings.HasPrefix(found, "text/") && found != "text/html"
	}
	return found == media
}

// report puts the problems of the texts to the findings of the folder, in the order of files and lines.
func (f *folder) report(r Report, lessons []LessonDraft) Report {
	name := map[string]string{}
	for _, l := range lessons {
		name[l.Key] = l.Name
	}
	for _, p := range r.Problems {
		line := p.Line
		if line > 0 {
			line += f.lines[name[p.Lesson]]
		}
		f.find(name[p.Lesson], line, p.Found, p.Problem.Problem, p.Fix)
	}
	slices.SortStableFunc(f.findings, func(a, b Finding) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	r.Findings = slices.Compact(f.findings)
	r.Files = len(r.Used)
	return r
}
