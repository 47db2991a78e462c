package courses_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// TestImportOfATutorial takes a vendor's real tutorial. Its folder is named by LEARNSCAPE_CONTENT.
func TestImportOfATutorial(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(os.Getenv("LEARNSCAPE_CONTENT"), "docker-getting-started")
	if _, err := os.Stat(filepath.Join(dir, "mkdocs.yml")); err != nil {
		t.Skip("set LEARNSCAPE_CONTENT to a folder that holds docker-getting-started")
	}
	w := setup(t)
	r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir, Collections: []string{"shared"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Log(f)
	}
	if r.Lessons != 10 || r.Item.Title != "Getting Started" || !r.Fresh || r.Version != 1 || r.Files < 15 {
		t.Errorf("%d lessons of %q, version %d (fresh %v), %d files", r.Lessons, r.Item.Title, r.Version, r.Fresh, r.Files)
	}
	again, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir, Collections: []string{"shared"}})
	if err != nil || again.Fresh || again.Version != 1 {
		t.Errorf("again: version %d (fresh %v), %v", again.Version, again.Fresh, err)
	}
	v, err := w.svc.Course(w.partner.member, r.Item.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, s := range v.Stations {
		keys = append(keys, s.Lesson)
		l, err := w.svc.Lesson(w.partner.member, courses.Place{Item: r.Item.ItemID, Lesson: s.Lesson}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range l.Blocks {
			for _, bad := range []string{"{:", "!!!", "<iframe", "style=", "[!"} {
				if strings.Contains(b.HTML, bad) {
					t.Errorf("%s, %s: %q is left", s.Lesson, b.Key, bad)
				}
			}
		}
	}
	want := []string{"tutorial", "our-application", "updating-our-app", "sharing-our-app", "persisting-our-data", "using-bind-mounts", "multi-container-apps", "using-docker-compose", "image-building-best-practices", "what-next"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("lessons (-want +got):\n%s", diff)
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImportOfAHostileFolder(t *testing.T) {
	t.Parallel()
	w := setup(t)
	outside := t.TempDir()
	write(t, outside, map[string]string{"secret.md": "# Secret\n\nThe plan.", "secret.png": "\x89PNG\r\n\x1a\nsecret"})
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"mkdocs.yml": "site_name: Hostile\nnav:\n  - One: one.md\n  - Up: ../../" + filepath.Base(outside) + "/secret.md\n  - Root: " + outside + "/secret.md\n" +
			"  - Gone: gone.md\n  - Link: link.md\n  - Web: https://example.com/x.md\n  - Big: big.md\n  - Empty: empty.md\n",
		"docs/one.md": "---\ntitle: One\n---\n# One\n\n<script>alert(1)</script>\n\n![dead](dead.png) ![up](../../secret.png) ![web](https://example.com/t.png) ![fake](fake.png)\n\n" +
			"[click](javascript:alert(1)) [page](two.md)\n\n![good](good.svg)\n\n!!! danger \"Hot\"\n    Do **not** touch.\n{: .x }\n",
		"docs/big.md":   strings.Repeat("x", courses.MaxPage+1),
		"docs/empty.md": "\n\n",
		"docs/fake.png": "<html><script>alert(1)</script>",
		"docs/good.svg": "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
	})
	for link, target := range map[string]string{"docs/link.md": filepath.Join(outside, "secret.md"), "docs/two.md": "../../" + filepath.Base(outside) + "/secret.md", "docs/folder": outside} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir, Slug: "hostile"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Lessons != 1 || r.Files != 1 {
		t.Errorf("%d lessons and %d files, want 1 and 1", r.Lessons, r.Files)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.String())
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"docs/link.md:0: symbolic link", "docs/two.md:0: symbolic link", "docs/folder:0: symbolic link", "mkdocs.yml:4: ../../", "mkdocs.yml:5: /", "mkdocs.yml:6: gone.md",
		"mkdocs.yml:8: https://example.com/x.md", "docs/big.md:0: 1048577 bytes", "docs/empty.md:0: page", "docs/one.md:6: <script>", "docs/one.md:8: dead.png: the picture does not exist",
		"docs/one.md:8: ../../secret.png: the picture does not exist", "docs/one.md:8: https://example.com/t.png: pictures are not loaded from elsewhere", "docs/fake.png:0: text/html", "docs/one.md:10: two.md: the link leads nowhere",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(all)
	}
	l, err := w.svc.Lesson(w.vendor.member, courses.Place{Item: r.Item.ItemID, Lesson: "one"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	html := ""
	for _, b := range l.Blocks {
		html += b.HTML
	}
	for _, bad := range []string{"script", "javascript", "secret", "example.com", "Secret"} {
		if strings.Contains(html, bad) {
			t.Errorf("the lesson contains %q:\n%s", bad, html)
		}
	}
	for _, want := range []string{`class="callout callout-bad"`, "<strong>Hot</strong>", "/good.svg", "[dead]"} {
		if !strings.Contains(html, want) {
			t.Errorf("the lesson lacks %q:\n%s", want, html)
		}
	}
	write(t, dir, map[string]string{"docs/one.md": "# One\n\nChanged."})
	if r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir, Slug: "hostile"}); err != nil || r.Version != 2 || !r.Fresh {
		t.Errorf("after a change: version %d (fresh %v), %v", r.Version, r.Fresh, err)
	}
	if _, err := w.svc.ImportFolder(w.vendor.member, courses.ImportOptions{Dir: dir}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner imported: %v", err)
	}
	if _, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: t.TempDir()}); !errs.Is(err, errs.Invalid) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestImportOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"numbers", map[string]string{"10-last.md": "z", "02-second.md": "b", "01-first.md": "a"}, []string{"first", "second", "last"}},
		{"front matter", map[string]string{"a.md": "---\norder: 2\n---\nx", "b.md": "---\norder: 1\n---\ny"}, []string{"b", "a"}},
		{"course.yaml", map[string]string{"course.yaml": "title: T\nlessons: [z.md, a.md]\n", "a.md": "x", "z.md": "y"}, []string{"z", "a"}},
		{"nested nav", map[string]string{"mkdocs.yml": "site_name: N\nnav:\n  - Part one:\n      - x/index.md\n      - B: x/b.md\n", "docs/x/index.md": "x", "docs/x/b.md": "y"}, []string{"x", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			dir := t.TempDir()
			write(t, dir, tt.files)
			r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir, Title: tt.name})
			if err != nil {
				t.Fatal(err)
			}
			v, err := w.svc.Course(w.vendor.member, r.Item.ItemID)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range v.Stations {
				got = append(got, s.Lesson)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConvert(t *testing.T) {
	t.Parallel()
	in := "!!! warning \"Hot\"\n    Line.\n\n    More.\n\nAfter.\n\n1. Item\n\n    !!! tip\n        Inside.\n\n    Still item.\n\n![x](y.png){: style=\"width:1px\" }\n{: .center }\n\n```yaml\n!!! note\n{: kept }\n```\n"
	// An empty line between a box and what follows it carries the box's mark, which ends its paragraph all the same.
	want := "> [!WARNING] Hot\n> Line.\n>\n> More.\n>\nAfter.\n\n1. Item\n\n    > [!TIP]\n    > Inside.\n    >\n    Still item.\n\n![x](y.png)\n\n\n```yaml\n!!! note\n{: kept }\n```\n"
	got, problems := courses.Convert(in)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v (-want +got):\n%s", problems, diff)
	}
}

func TestDemonstrationWorldImports(t *testing.T) {
	t.Parallel()
	world := filepath.Join("..", "cmd", "learnscape", "demo", "world")
	dirs, err := filepath.Glob(filepath.Join(world, "courses", "*", "*"))
	if err != nil || len(dirs) == 0 {
		t.Skip("the demonstration world is not there")
	}
	w := setup(t)
	w.tx(w.vendor.ctx, func(tx *db.Tx) error { // The sites that a house of the world shows in frames.
		return tx.Must(`UPDATE organizations SET frames = '{www.openstreetmap.org}' WHERE org_id = $1`, tx.Scope.Org)
	})
	for _, dir := range dirs {
		r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: copyWithout(t, dir, "collections:")})
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		for _, f := range r.Findings {
			t.Errorf("%s/%s", filepath.Base(dir), f)
		}
	}
}

// copyWithout copies a folder and drops the lines of course.yaml that begin with the words.
func copyWithout(t *testing.T, dir, words string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(to, "course.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for l := range strings.SplitSeq(string(data), "\n") {
		if !strings.HasPrefix(l, words) {
			lines = append(lines, l)
		}
	}
	write(t, to, map[string]string{"course.yaml": strings.Join(lines, "\n")})
	return to
}

// Content that was put while the organization is being erased stays nowhere: its rows are refused, and it is taken back. What others
// have, too, stays.
func TestNothingIsLeftOfAnUploadDuringErasure(t *testing.T) {
	t.Parallel()
	d := dbtest.Fresh(t)
	w := setupOn(t, d)
	files := t.TempDir()
	store, err := blob.NewFolder(files)
	if err != nil {
		t.Fatal(err)
	}
	w.tenants = tenants.New(d, "localhost:8080", tenants.WithBlob(store))
	w.svc = courses.New(courses.Deps{DB: d, Tenants: w.tenants, Blob: store})
	dir := t.TempDir()
	write(t, dir, map[string]string{"one.md": "# One\n\n![both](both.svg)\n", "both.svg": "<svg xmlns='http://www.w3.org/2000/svg'></svg>"})
	if _, err := w.svc.ImportFolder(w.partner.ctx, courses.ImportOptions{Dir: dir, Slug: "kept"}); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"one.md": "# One\n\n![both](both.svg) ![own](own.svg)\n", "own.svg": "<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>"})
	operator := dbtest.System(t, scope.Operator, w.vendor.org.OrgID)
	if err := w.tenants.GiveUp(operator); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"while it is being erased", "when it is erased"} {
		if _, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir, Slug: "late"}); err == nil {
			t.Errorf("%s, something is imported", when)
		}
		if n := len(stored(t, files)); n != 1 {
			t.Errorf("%s: %d files are left, want the one that the other organization has", when, n)
		}
		if err := w.tenants.Erase(dbtest.System(t, scope.Keeper, w.vendor.org.OrgID)); err != nil {
			t.Fatal(err)
		}
	}
}

// stored are the files in a store.
func stored(t *testing.T, dir string) (out []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
