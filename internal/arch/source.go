package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Module is the import path of the repository's root.
const Module = "github.com/learnscape/learnscape"

// File is one parsed Go file.
type File struct {
	Path    string // from the module's root, with slashes
	Imports []string
	Syntax  *ast.File
	Lines   *token.FileSet
}

// Dir is the folder of the file.
func (f File) Dir() string { return path.Dir(f.Path) }

// IsTest reports whether the file is compiled into tests alone: test files and the test kits of rooms (coursestest).
func (f File) IsTest() bool {
	return strings.HasSuffix(f.Path, "_test.go") || (strings.HasSuffix(path.Base(f.Dir()), "test") && strings.Contains(f.Dir(), "/"))
}

// Parse reads every Go file under fsys but those that the go command leaves out: testdata, hidden and underscored folders,
// and modules of their own.
func Parse(fsys fs.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if p == "." {
				return nil
			}
			if name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
				return fs.SkipDir
			}
			if _, err := fs.Stat(fsys, p+"/go.mod"); err == nil {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		f, err := parseFile(p, src)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func parseFile(p string, src []byte) (File, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, p, src, parser.SkipObjectResolution)
	if err != nil {
		return File{}, fmt.Errorf("parse %s: %w", p, err)
	}
	f := File{Path: p, Syntax: syntax, Lines: set}
	for _, i := range syntax.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return File{}, fmt.Errorf("import in %s: %w", p, err)
		}
		f.Imports = append(f.Imports, name)
	}
	return f, nil
}
