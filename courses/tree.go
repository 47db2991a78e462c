package courses

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/learnscape/learnscape/internal/errs"
)

// The limits of an import.
const (
	MaxFiles   = 4000      // in the tree
	MaxTree    = 512 << 20 // bytes of all files of an archive, unpacked
	MaxArchive = 256 << 20 // bytes of an archive
	MaxPage    = 1 << 20   // bytes of a page
	MaxImage   = 5 << 20   // bytes of a picture or document
	MaxVideo   = 64 << 20  // bytes of a recording
	maxDepth   = 12        // folders in folders
	maxFinding = 500
	maxRatio   = 200     // how many times larger than packed a file of an archive may be
	ratioFrom  = 1 << 20 // bytes unpacked from which that counts
)

// Tree is what is to be imported: the regular files of a folder or an archive, and nothing else. Names have slashes, lead nowhere else,
// and differ in more than case.
type Tree struct {
	open  func(name string) (io.ReadCloser, error)
	close func() error
	files map[string]int64 // sizes in bytes
	names []string         // sorted

	whole *Tree // of which this is a folder; nil for a whole tree
	dir   string

	findings []Finding
	lines    map[string]int   // how many lines a page lost before its text
	maps     map[string][]int // of a page that was converted: from which line each line came

	urlEntries *[]urlEntry // of config/urls.yaml; nil before it was read
	folded     map[string]string
}

func newTree() *Tree {
	return &Tree{files: map[string]int64{}, lines: map[string]int{}, maps: map[string][]int{}, folded: map[string]string{}, close: func() error { return nil }}
}

// openFolder reads a folder's names. Nothing outside of it is read and no symbolic link is followed.
func openFolder(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errs.New(errs.NotFound, "open folder: %w", err)
	}
	t := newTree()
	t.open = func(name string) (io.ReadCloser, error) { return root.Open(name) }
	t.close = root.Close
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			t.find(name, 0, "file", "it cannot be read", "give the importer the right to read it")
			return fs.SkipDir
		case d.IsDir() && name != "." && (toolsOwn(d.Name()) || strings.Count(name, "/") >= maxDepth):
			return fs.SkipDir
		case d.Type()&fs.ModeSymlink != 0:
			t.find(name, 0, "symbolic link", "links are not followed", "copy the file itself")
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return fmt.Errorf("look at %s: %w", name, err)
			}
			return t.add(name, info.Size())
		}
		return nil
	})
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	slices.Sort(t.names)
	return t, nil
}

// toolsOwn reports whether a folder is left alone: what tools keep for themselves.
func toolsOwn(name string) bool {
	return strings.HasPrefix(name, ".") && name != ".github" || name == "__MACOSX" || name == "node_modules"
}

// openArchive reads a zip archive's names; nothing is unpacked before it is read, and nothing is read beyond what the archive says of it.
// TooLarge for more than it may hold, Invalid for what is no archive or made to do harm.
func openArchive(r io.ReaderAt, size int64) (*Tree, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, errs.Say(errs.Invalid, "importer.fault.archive")
	}
	t := newTree()
	entries := map[string]*zip.File{}
	var total uint64
	for _, f := range z.File {
		if total += f.UncompressedSize64; total > MaxTree {
			return nil, errs.Say(errs.TooLarge, "importer.fault.unpacked", "Most", MaxTree>>20)
		}
		if f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/max(f.CompressedSize64, 1) > maxRatio {
			return nil, errs.Say(errs.Invalid, "importer.fault.bomb", "File", cut(f.Name, 120))
		}
		if err := t.entry(f, entries); err != nil {
			return nil, err
		}
	}
	t.open = func(name string) (io.ReadCloser, error) {
		f := entries[name]
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		return limited{io.LimitReader(r, int64(f.UncompressedSize64)), r}, nil //nolint:gosec // Below MaxTree.
	}
	slices.Sort(t.names)
	return t.top(), nil
}

type limited struct {
	io.Reader
	io.Closer
}

// entry takes a file of an archive, or says why not.
func (f *Tree) entry(z *zip.File, entries map[string]*zip.File) error {
	name, mode := z.Name, z.Mode()
	switch {
	case mode.IsDir() || strings.HasSuffix(name, "/"):
		return nil
	case !utf8.ValidString(name) || z.NonUTF8 && strings.IndexFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0:
		f.find(cut(strings.ToValidUTF8(name, "\uFFFD"), 120), 0, "file name", "it is not in UTF-8", "pack it again with names in UTF-8")
		return nil
	case !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00") || strings.IndexFunc(name, func(r rune) bool { return r < ' ' }) >= 0:
		f.find(cut(name, 120), 0, "file name", "it leads out of the archive", "pack the folder again")
		return nil
	case mode&fs.ModeSymlink != 0:
		f.find(name, 0, "symbolic link", "links are not followed", "pack the file itself")
		return nil
	case !mode.IsRegular():
		f.find(name, 0, "special file", "it is no file with content", "leave it out")
		return nil
	case z.Flags&1 != 0:
		f.find(name, 0, "file", "it is encrypted", "pack it without a password")
		return nil
	case strings.Count(name, "/") > maxDepth || slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(s string) bool { return s != "." && toolsOwn(s) }):
		return nil
	}
	if entries[name] != nil {
		f.find(name, 0, "file", "it is there twice", "pack the folder again")
		return nil
	}
	entries[name] = z
	return f.add(name, int64(z.UncompressedSize64)) //nolint:gosec // Below MaxTree.
}

// add takes a file unless another one is called so on a file system that does not tell cases apart.
func (f *Tree) add(name string, size int64) error {
	if len(f.names) >= MaxFiles {
		return errs.Say(errs.Invalid, "importer.fault.many", "Most", MaxFiles)
	}
	if len(name) > 200 {
		f.find(cut(name, 120), 0, "file name", "its name is too long", "give it another name")
		return nil
	}
	key := strings.ToLower(norm.NFC.String(name))
	if other, there := f.folded[key]; there {
		f.find(name, 0, "file name", "it differs from "+other+" in case only", "give it another name")
		return nil
	}
	f.folded[key] = name
	f.files[name] = size
	f.names = append(f.names, name)
	return nil
}

// top leaves out the folder that holds everything, as archives of repositories have one.
func (f *Tree) top() *Tree {
	if len(f.names) == 0 {
		return f
	}
	dir, _, ok := strings.Cut(f.names[0], "/")
	if !ok || slices.ContainsFunc(f.names, func(n string) bool { return !strings.HasPrefix(n, dir+"/") }) {
		return f
	}
	return f.at(dir)
}

// at is a folder of the tree; what is found in it is said of the whole.
func (f *Tree) at(dir string) *Tree {
	if dir == "." || dir == "" {
		return f
	}
	s := newTree()
	s.whole, s.dir = f, dir
	s.open = func(name string) (io.ReadCloser, error) { return f.open(path.Join(dir, name)) }
	for _, n := range f.names {
		if rest, ok := strings.CutPrefix(n, dir+"/"); ok {
			s.names = append(s.names, rest)
			s.files[rest] = f.files[n]
		}
	}
	return s
}

// root is the whole tree.
func (f *Tree) root() *Tree {
	for f.whole != nil {
		f = f.whole
	}
	return f
}

// Close gives the folder back.
func (f *Tree) Close() error { return f.root().close() }

// Has reports whether a file is there.
func (f *Tree) Has(name string) bool {
	_, ok := f.files[name]
	return ok
}

// Names are the names of all files, sorted.
func (f *Tree) Names() []string { return f.names }

// Find notes something that could not be taken as it is. Line counts from 1; 0 is the whole file.
func (f *Tree) Find(file string, line int, found, problem, fix string) {
	f.find(file, line, found, problem, fix)
}

func (f *Tree) find(file string, line int, found, problem, fix string) {
	if f.whole != nil {
		f.whole.find(path.Join(f.dir, file), line, found, problem, fix)
		return
	}
	if len(f.findings) < maxFinding {
		f.findings = append(f.findings, Finding{file, line, found, problem, fix})
	}
}

// Read returns a page's text, which is UTF-8; what cannot be read is a finding.
func (f *Tree) Read(name string) (string, bool) { return f.read(name) }

func (f *Tree) read(name string) (string, bool) {
	size, ok := f.files[name]
	switch {
	case !ok:
		f.find(name, 0, "page", "it is not in the folder", "put it there, or take it out of the list")
		return "", false
	case size > MaxPage:
		f.find(name, 0, fmt.Sprintf("%d bytes", size), "the page is too long", fmt.Sprintf("keep it below %d bytes", MaxPage))
		return "", false
	}
	file, err := f.open(name)
	if err != nil {
		f.find(name, 0, "page", "it cannot be read", "give the importer the right to read it")
		return "", false
	}
	defer file.Close() //nolint:errcheck // Read only.
	data, err := io.ReadAll(io.LimitReader(file, MaxPage+1))
	switch {
	case damaged(err):
		f.find(name, 0, "page", "it is damaged", "pack the folder again")
		return "", false
	case err != nil || len(data) > MaxPage:
		f.find(name, 0, "page", "it cannot be read", "check the disk, or pack the folder again")
		return "", false
	}
	if line := strange(data); line > 0 {
		f.find(name, line, "encoding", "it is not in UTF-8", "save the file as UTF-8")
		return "", false
	}
	return string(bytes.TrimPrefix(data, []byte("\uFEFF"))), true
}

// damaged reports whether a file of an archive is not what the archive says of it.
func damaged(err error) bool {
	return errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, new(flate.CorruptInputError))
}

// strange is the first line with bytes that are no UTF-8, from 1; 0 for none.
func strange(data []byte) int {
	line := 1
	for part := range bytes.SplitSeq(data, []byte("\n")) {
		if !utf8.Valid(part) || bytes.IndexByte(part, 0) >= 0 {
			return line
		}
		line++
	}
	return 0
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// line is the line of a page that a line of its text came from.
func (f *Tree) line(name string, line int) int {
	if line < 1 {
		return 0
	}
	line += f.lines[name]
	if m := f.maps[name]; m != nil {
		return m[min(max(line, 1), len(m))-1]
	}
	return max(line, 1)
}
