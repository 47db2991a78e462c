package arch_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/arch"
)

// house parses the whole module once per test.
func house(t *testing.T) []arch.File {
	t.Helper()
	files, err := arch.Parse(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Fatalf("only %d Go files found: the guards look at the wrong folder", len(files))
	}
	return files
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, v := range arch.CheckImports(house(t)) {
		t.Error(v)
	}
}

// plant makes files from "path": "imports, separated by spaces"; ours start with a dot and a slash.
func plant(t *testing.T, world map[string]string) []arch.File {
	t.Helper()
	fsys := fstest.MapFS{}
	for p, imports := range world {
		var b strings.Builder
		b.WriteString("package p\n")
		for i := range strings.FieldsSeq(imports) {
			if rest, ok := strings.CutPrefix(i, "./"); ok {
				i = arch.Module + "/" + rest
			}
			b.WriteString("import _ \"" + i + "\"\n")
		}
		fsys[p] = &fstest.MapFile{Data: []byte(b.String())}
	}
	files, err := arch.Parse(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestImportsFindsPlantedViolations(t *testing.T) {
	t.Parallel()
	const (
		fiber = "github.com/gofiber/fiber/v2"
		templ = "github.com/a-h/templ"
		gorm  = "gorm.io/gorm"
		river = "github.com/riverqueue/river"
		oidc  = "github.com/coreos/go-oidc/v3/oidc"
		meili = "github.com/meilisearch/meilisearch-go"
	)
	for _, tt := range []struct {
		name  string
		world map[string]string
		want  []string // the files that are found, none for a world in order
	}{
		{"a house in order", map[string]string{
			"internal/id/id.go": "github.com/google/uuid", "internal/db/db.go": gorm + " github.com/jackc/pgx/v5/pgxpool", "internal/db/migrate.go": river + " github.com/pressly/goose/v3",
			"internal/mail/jobs.go": river, "internal/jobs/river.go": river, "web/ui/ui.go": templ + " ./internal/id", "tenants/org.go": "./internal/db ./internal/id",
			"tenants/store.go": gorm, "courses/store_path.go": gorm, "courses/path.go": "./tenants ./auth ./internal/jobs", "courses/jobs.go": river,
			"courses/pages/path.go": fiber + " ./courses ./tenants ./web/ui/shell", "courses/api/path.go": "github.com/danielgtaylor/huma/v2 ./courses",
			"auth/oidc.go": oidc, "search/meili.go": meili, "web/server.go": fiber + " ./courses/pages ./impact ./search/api", "cmd/learnscape/main.go": "./web ./internal/db",
			"courses/path_test.go": "./courses/coursestest ./internal/db/dbtest " + river, "courses/coursestest/new.go": "./courses ./internal/db/dbtest", "internal/oracle/oracle_test.go": "./tenants",
		}, nil},
		{"internal imports a room", map[string]string{"internal/mail/mail.go": "./tenants"}, []string{"internal/mail/mail.go"}},
		{"internal imports the design system", map[string]string{"internal/mail/mail.go": "./web/ui"}, []string{"internal/mail/mail.go"}},
		{"the design system imports a room", map[string]string{"web/ui/card.go": "./tenants"}, []string{"web/ui/card.go"}},
		{"a shelf of the design system imports web", map[string]string{"web/ui/shell/shell.go": "./web"}, []string{"web/ui/shell/shell.go"}},
		{"tenants imports auth", map[string]string{"tenants/a.go": "./auth"}, []string{"tenants/a.go"}},
		{"auth imports courses", map[string]string{"auth/a.go": "./courses"}, []string{"auth/a.go"}},
		{"courses imports marketing", map[string]string{"courses/a.go": "./marketing"}, []string{"courses/a.go"}},
		{"marketing imports community", map[string]string{"marketing/a.go": "./community"}, []string{"marketing/a.go"}},
		{"community imports search", map[string]string{"community/a.go": "./search"}, []string{"community/a.go"}},
		{"search imports impact", map[string]string{"search/a.go": "./impact"}, []string{"search/a.go"}},
		{"impact imports web", map[string]string{"impact/a.go": "./web"}, []string{"impact/a.go"}},
		{"web imports cmd", map[string]string{"web/a.go": "./cmd/learnscape"}, []string{"web/a.go"}},
		{"a test of a left room imports a right one", map[string]string{"tenants/a_test.go": "./courses"}, []string{"tenants/a_test.go"}},
		{"pages import a room on their right", map[string]string{"courses/pages/a.go": "./community"}, []string{"courses/pages/a.go"}},
		{"pages import another room's pages", map[string]string{"community/pages/a.go": "./courses/pages"}, []string{"community/pages/a.go"}},
		{"pages import another room's api", map[string]string{"community/pages/a.go": "./courses/api"}, []string{"community/pages/a.go"}},
		{"pages import web", map[string]string{"community/pages/a.go": "./web"}, []string{"community/pages/a.go"}},
		{"a room imports its own pages", map[string]string{"courses/a.go": "./courses/pages"}, []string{"courses/a.go"}},
		{"domain code imports fiber", map[string]string{"courses/a.go": fiber}, []string{"courses/a.go"}},
		{"domain code imports templ", map[string]string{"tenants/deep/a.go": templ}, []string{"tenants/deep/a.go"}},
		{"domain code imports huma", map[string]string{"impact/a.go": "github.com/danielgtaylor/huma/v2"}, []string{"impact/a.go"}},
		{"gorm outside store files", map[string]string{"courses/path.go": gorm}, []string{"courses/path.go"}},
		{"a gorm driver outside store files", map[string]string{"web/a.go": "gorm.io/driver/postgres"}, []string{"web/a.go"}},
		{"river outside jobs files", map[string]string{"courses/path.go": river}, []string{"courses/path.go"}},
		{"river's driver in internal", map[string]string{"internal/db/db.go": river + "/riverdriver/riverpgxv5"}, []string{"internal/db/db.go"}},
		{"go-oidc outside auth", map[string]string{"web/a.go": oidc}, []string{"web/a.go"}},
		{"meilisearch outside search", map[string]string{"impact/a.go": meili}, []string{"impact/a.go"}},
		{"meilisearch in two files", map[string]string{"search/a.go": meili, "search/b.go": meili}, []string{"search/a.go", "search/b.go"}},
		{"the pool outside db", map[string]string{"courses/a.go": "github.com/jackc/pgx/v5/pgxpool"}, []string{"courses/a.go"}},
		{"goose outside db", map[string]string{"cmd/learnscape/a.go": "github.com/pressly/goose/v3"}, []string{"cmd/learnscape/a.go"}},
		{"a folder that is no room", map[string]string{"utils/a.go": "fmt"}, []string{"utils/a.go"}},
		{"code at the root", map[string]string{"main.go": "fmt"}, []string{"main.go"}},
		{"a test kit in the product", map[string]string{"courses/a.go": "./internal/db/dbtest"}, []string{"courses/a.go"}},
		{"the oracle imports a room outside its tests", map[string]string{"internal/oracle/model.go": "./tenants"}, []string{"internal/oracle/model.go"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, v := range arch.CheckImports(plant(t, tt.world)) {
				p, _, _ := strings.Cut(v, ":")
				got = append(got, p)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, slices.Compact(got)); diff != "" {
				t.Errorf("files found (-want +got):\n%s", diff)
			}
		})
	}
}

// The model of the oracle judges the product, so it must not be made of it.
func TestModelImportsNothingOfTheProduct(t *testing.T) {
	t.Parallel()
	for _, f := range house(t) {
		if f.Dir() != "internal/oracle" || f.IsTest() {
			continue
		}
		for _, i := range f.Imports {
			if strings.Contains(i, ".") {
				t.Errorf("%s imports %s", f.Path, i)
			}
		}
	}
}
