package arch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// order is the total order of the rooms: each imports itself and what stands left of it, so that circles cannot happen.
var order = []string{"internal", "web/ui", "tenants", "auth", "courses", "marketing", "community", "search", "impact", "web", "cmd"}

// rooms are the members of order that hold a subject, with its pages and its API.
var rooms = []string{"tenants", "auth", "courses", "marketing", "community", "search", "impact"}

// room returns the member of order that the folder belongs to, "" for none.
func room(dir string) string {
	if under(dir, "web/ui") {
		return "web/ui"
	}
	top, _, _ := strings.Cut(dir, "/")
	if slices.Contains(order, top) {
		return top
	}
	return ""
}

func under(dir, of string) bool { return dir == of || strings.HasPrefix(dir, of+"/") }

// edge returns "pages" or "api" for the folder X/pages or X/api of a room and what is under it, else "".
func edge(dir string) string {
	parts := strings.Split(dir, "/")
	if len(parts) > 1 && slices.Contains(rooms, parts[0]) && (parts[1] == "pages" || parts[1] == "api") {
		return parts[1]
	}
	return ""
}

// library says where an imported library may stand.
type library struct {
	prefix string // of the import path
	may    func(f File) bool
	where  string
}

var libraries = []library{
	{"gorm.io/", func(f File) bool {
		return under(f.Dir(), "internal/db") || strings.HasPrefix(path.Base(f.Path), "store")
	}, "store*.go and internal/db"},
	{"github.com/riverqueue/river", func(f File) bool {
		return under(f.Dir(), "internal/jobs") || f.Path == "internal/db/migrate.go" || path.Base(f.Path) == "jobs.go" || f.IsTest()
	}, "internal/jobs, internal/db/migrate.go and jobs.go files"},
	{"github.com/coreos/go-oidc", func(f File) bool { return under(f.Dir(), "auth") }, "auth"},
	{"github.com/meilisearch/meilisearch-go", func(f File) bool { return under(f.Dir(), "search") }, "one file of search"},
	{"github.com/jackc/pgx/v5/pgxpool", func(f File) bool {
		return under(f.Dir(), "internal/db") || under(f.Dir(), "internal/jobs") || under(f.Dir(), "cmd/bench") || f.IsTest()
	}, "internal/db and internal/jobs: nobody else touches the pool (cmd/bench measures against plain SQL)"},
	{"github.com/pressly/goose", func(f File) bool { return under(f.Dir(), "internal/db") }, "internal/db"},
}

// web is what domain code does not know.
var web = []string{"github.com/gofiber/fiber", "github.com/valyala/fasthttp", "github.com/a-h/templ", "github.com/danielgtaylor/huma"}

// CheckImports returns every import that breaks the shape of the house, as "file: what is wrong", sorted.
func CheckImports(files []File) []string {
	var bad []string
	report := func(f File, format string, a ...any) { bad = append(bad, f.Path+": "+fmt.Sprintf(format, a...)) }
	meili := map[string]bool{}
	for _, f := range files {
		own := room(f.Dir())
		if own == "" {
			report(f, "Go code stands in the folders of the rooms only")
			continue
		}
		for _, imp := range f.Imports {
			checkLibrary(f, own, imp, report)
			if strings.HasPrefix(imp, "github.com/meilisearch/") && !f.IsTest() {
				meili[f.Path] = true
			}
			if dir, ok := strings.CutPrefix(imp, Module+"/"); ok {
				checkRoom(f, own, dir, report)
			}
		}
	}
	if len(meili) > 1 {
		for p := range meili {
			bad = append(bad, p+": meilisearch-go is imported by one file of search only")
		}
	}
	slices.Sort(bad)
	return slices.Compact(bad)
}

func checkLibrary(f File, own, imp string, report func(File, string, ...any)) {
	for _, l := range libraries {
		if strings.HasPrefix(imp, l.prefix) && !l.may(f) {
			report(f, "%s belongs to %s", imp, l.where)
		}
	}
	if slices.Contains(rooms, own) && edge(f.Dir()) == "" && !f.IsTest() {
		for _, w := range web {
			if strings.HasPrefix(imp, w) {
				report(f, "domain code imports %s: put it into %s/pages or %s/api", imp, own, own)
			}
		}
	}
}

// kits are the packages under internal that serve tests of rooms and therefore stand at the far right.
var kits = []string{"internal/oracle", "internal/arch"}

func checkRoom(f File, own, dir string, report func(File, string, ...any)) {
	other := room(dir)
	if other == "" {
		report(f, "imports %s, which is no room", dir)
		return
	}
	if e := edge(dir); e != "" && other != own && own != "web" && own != "cmd" {
		report(f, "imports %s: another room's %s are for web and cmd", dir, e)
	}
	if edge(dir) != "" && other == own && edge(f.Dir()) == "" && !f.IsTest() {
		report(f, "imports %s: the subject does not know its own %s", dir, edge(dir))
	}
	if own != other && slices.Index(order, other) > slices.Index(order, own) {
		// The oracle and the guards test the rooms from outside; their tests may look at all of them.
		if slices.ContainsFunc(kits, func(k string) bool { return under(f.Dir(), k) }) && strings.HasSuffix(f.Path, "_test.go") {
			return
		}
		report(f, "%s imports %s, which stands right of it", own, dir)
	}
	if strings.HasSuffix(path.Base(dir), "test") && strings.Contains(dir, "/") && !f.IsTest() && own != "cmd" && path.Base(f.Dir()) != "testpg" && path.Base(f.Dir()) != "plantest" {
		report(f, "imports the test kit %s outside tests", dir)
	}
}
