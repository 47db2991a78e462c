package courses_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// zipped packs files in the order of their names.
func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		w, err := z.Create(n)
		if err == nil {
			_, err = io.WriteString(w, files[n])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shop is a world with the importer's job, and an author in each organization.
type shop struct {
	*world

	importer               *courses.Importer
	files                  string // where contents are kept
	super                  *pgx.Conn
	vendor, partner, other keep
}

type keep struct {
	house

	author context.Context
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func setupShop(t testing.TB) *shop {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	s := &shop{world: setupOn(t, d), files: t.TempDir()}
	store, err := blob.NewFolder(s.files)
	if err != nil {
		t.Fatal(err)
	}
	s.svc = courses.New(courses.Deps{DB: d, Tenants: s.tenants, Blob: store})
	client, err := jobs.NewClient(t.Context(), dsn("learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.importer = courses.NewImporter(s.svc, client)
	if s.super, err = pgx.Connect(t.Context(), dsn("learnscape_owner")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.super.Close(context.WithoutCancel(t.Context())) })
	for to, h := range map[*keep]house{&s.vendor: s.world.vendor, &s.partner: s.world.partner, &s.other: s.world.other} {
		to.house = h
		s.tx(h.ctx, func(tx *db.Tx) error {
			m, err := tenants.AddMember(tx, tenants.NewMember{Name: "Author", Email: "author@" + h.org.Slug + ".example", Roles: []scope.Role{scope.Author}})
			to.author = dbtest.As(t, h.org.OrgID, m.MembershipID, m.PersonID, scope.Author)
			return err
		})
	}
	return s
}

func (w *shop) count(q string, args ...any) (n int) {
	w.t.Helper()
	if err := w.super.QueryRow(w.t.Context(), q, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *shop) exec(q string, args ...any) {
	w.t.Helper()
	if _, err := w.super.Exec(w.t.Context(), q, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *shop) texts(q string, args ...any) []string {
	w.t.Helper()
	rows, err := w.super.Query(w.t.Context(), q, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *shop) item(kind, slug string) id.Item {
	w.t.Helper()
	it, err := id.Parse[id.Item](w.texts(`SELECT item_id::text FROM items WHERE org_id = $1 AND kind = $2 AND slug = $3`, w.vendor.org.OrgID, kind, slug)[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return it
}

// bring hands an archive over and has it looked at, as the job does.
func (w *shop) bring(h keep, data []byte) courses.Bundle {
	w.t.Helper()
	which, err := w.svc.Bring(h.author, "lessons.zip", bytes.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.worked(h, which)
}

func (w *shop) worked(h keep, which id.Any) courses.Bundle {
	w.t.Helper()
	if err := w.importer.Run(dbtest.System(w.t, scope.Importer, h.org.OrgID), which); err != nil {
		w.t.Fatal(err)
	}
	b, _, err := w.svc.Bundle(h.author, which)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func outcomes(b courses.Bundle) (out []string) {
	for _, it := range b.Report.Items {
		for _, f := range it.Files {
			out = append(out, f.Name+" "+f.Outcome)
		}
	}
	return out
}

const drawing = "<svg xmlns='http://www.w3.org/2000/svg'><title>%s</title></svg>"

func TestBundleIsLookedAtBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	w := setupShop(t)
	files := map[string]string{
		"course.yaml": "title: Cold rooms\nsummary: s\noutcome: o\nlessons: [one.md, two.md]\n", "one.md": "# One\n\n![a](img/a.svg)\n", "two.md": "# Two\n\nWords.\n",
		"img/a.svg": fmt.Sprintf(drawing, "a"),
	}
	b := w.bring(w.vendor, zipped(t, files))
	if b.State != courses.BundleChecked || b.Report.Source != "pages" || !b.Report.Fresh() || !b.Report.Drafts() {
		t.Fatalf("%s: %+v", b.State, b.Report)
	}
	if diff := cmp.Diff([]string{"one.md new", "two.md new", "img/a.svg new"}, outcomes(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := w.count(`SELECT count(*) FROM items WHERE org_id = $1 AND slug = 'cold-rooms'`, w.vendor.org.OrgID); n != 0 {
		t.Errorf("looking made %d items", n)
	}
	if _, _, err := w.svc.Bundle(w.partner.author, b.ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("a partner reads the report: %v", err)
	}
	if err := w.svc.ConfirmBundle(w.partner.author, b.ID, true); !errs.Is(err, errs.NotFound) {
		t.Errorf("a partner confirms: %v", err)
	}
	if err := w.svc.ConfirmBundle(w.vendor.author, b.ID, false); err != nil {
		t.Fatal(err)
	}
	b = w.worked(w.vendor, b.ID)
	if b.State != courses.BundleDone {
		t.Fatalf("%s %+v", b.State, b.Fault)
	}
	if list, _, err := w.svc.Bundles(w.vendor.author); err != nil || len(list) != 1 || list[0].ID != b.ID {
		t.Errorf("the list: %+v, %v", list, err)
	}
	if list, _, err := w.svc.Bundles(w.partner.author); err != nil || len(list) != 0 {
		t.Errorf("a partner's list: %+v, %v", list, err)
	}
	item := b.Report.Items[0].Item
	m, err := w.svc.Manuscript(w.vendor.author, item)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Lessons) != 2 || len(m.Files) != 1 || m.Newest != 0 || !m.Ready() {
		t.Errorf("the draft has %d lessons and %d files, checks %+v", len(m.Lessons), len(m.Files), m.Checks)
	}
	// While it is written on, the same archive changes nothing.
	if again := w.bring(w.vendor, zipped(t, files)); !again.Report.Written() {
		t.Errorf("nobody is said to write on it: %+v", again.Report.Items)
	} else if err := w.svc.ConfirmBundle(w.vendor.author, again.ID, false); !errs.Is(err, errs.Conflict) {
		t.Errorf("confirmed over a draft: %v", err)
	}
	if _, err := w.svc.PublishManuscript(w.vendor.author, item, m.Edition); err != nil {
		t.Fatal(err)
	}
	same := w.bring(w.vendor, zipped(t, files))
	if same.Report.Fresh() || !slices.Equal(outcomes(same), []string{"one.md same", "two.md same", "img/a.svg same"}) {
		t.Errorf("the same archive: %v", outcomes(same))
	}
	files["two.md"], files["three.md"], files["img/a.svg"] = "# Two\n\nOther words.\n", "# Three\n\n![b](img/b.svg)\n", fmt.Sprintf(drawing, "other")
	files["img/b.svg"], files["course.yaml"] = fmt.Sprintf(drawing, "b"), strings.ReplaceAll(files["course.yaml"], "one.md, two.md", "two.md, three.md")
	next := w.bring(w.vendor, zipped(t, files))
	if diff := cmp.Diff([]string{"two.md changed", "three.md new", "one.md gone", "img/b.svg new", "img/a.svg gone"}, outcomes(next)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.exec(`INSERT INTO author_rules (org_id, review) VALUES ($1, true)`, w.vendor.org.OrgID)
	if err := w.svc.ConfirmBundle(w.vendor.author, next.ID, true); !errs.Is(err, errs.Conflict) {
		t.Errorf("published without a review: %v", err)
	}
	w.exec(`UPDATE author_rules SET review = false WHERE org_id = $1`, w.vendor.org.OrgID)
	if err := w.svc.ConfirmBundle(w.vendor.author, next.ID, true); err != nil {
		t.Fatal(err)
	}
	if next = w.worked(w.vendor, next.ID); next.Report.Items[0].Became != 2 || next.Report.Items[0].Item != item {
		t.Errorf("version 2 is %+v", next.Report.Items[0])
	}
	if n := len(stored(t, w.files)); n != 5 { // Two drawings of version 1 and 2 each, less the unchanged; the archives that wait.
		t.Logf("%d files are kept", n)
	}
}

// A bundle that is stopped, or whose author may no more, leaves nothing behind, and no archive stays.
func TestBundleComesWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := setupShop(t)
	good := map[string]string{"course.yaml": "title: Whole\nlessons: [one.md]\n", "one.md": "# One\n\nWords.\n"}
	b := w.bring(w.vendor, zipped(t, good))
	if err := w.svc.StopBundle(w.vendor.author, b.ID); err != nil {
		t.Fatal(err)
	}
	if b = w.worked(w.vendor, b.ID); b.State != courses.BundleStopped {
		t.Errorf("stopped is %s", b.State)
	}
	bad := map[string]string{
		"learnscape.yaml":       "learnscape: 1\nitems:\n  - course: courses/a\n  - path: paths/b\n",
		"courses/a/course.yaml": "title: A\nslug: a\nlessons: [one.md]\n", "courses/a/one.md": "---\nkey: one\n---\nWords.\n",
		"paths/b/path.yaml": "title: B\nslug: b\nsteps:\n  - {key: x, course: a}\n  - {key: x, course: a}\n",
	}
	if b = w.bring(w.vendor, zipped(t, bad)); b.State != courses.BundleFailed || b.Fault == nil || b.Fault.Key != "importer.fault.unfit" {
		t.Errorf("two steps with one key: %s %+v", b.State, b.Fault)
	}
	b = w.bring(w.vendor, zipped(t, good))
	if err := w.svc.ConfirmBundle(w.vendor.author, b.ID, true); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE memberships SET roles = '{}' WHERE org_id = $1 AND 'author' = ANY(roles)`, w.vendor.org.OrgID)
	if err := w.importer.Run(dbtest.System(t, scope.Importer, w.vendor.org.OrgID), b.ID); err != nil {
		t.Fatal(err)
	}
	if n := w.count(`SELECT count(*) FROM items WHERE org_id = $1 AND slug IN ('whole', 'a', 'b')`, w.vendor.org.OrgID); n != 0 {
		t.Errorf("%d items came of it", n)
	}
	if n := w.count(`SELECT count(*) FROM course_imports WHERE org_id = $1 AND sha256 IS NOT NULL`, w.vendor.org.OrgID); n != 0 || len(stored(t, w.files)) != 0 {
		t.Errorf("%d archives are named, %d files are kept", n, len(stored(t, w.files)))
	}
}

// rows are all that a version says and shows, without what names its organization.
func (w *shop) rows(h keep, kind string) []string {
	w.t.Helper()
	out := w.texts(`SELECT concat_ws(E'\x1f', i.kind, i.slug, i.title, i.summary, i.lang, i.level, i.topics::text, i.minutes, v.outcome, v.intro, v.outline::text) FROM items i JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version WHERE i.org_id = $1 AND i.kind = $2 ORDER BY i.slug`, h.org.OrgID, kind)
	out = append(out, w.texts(`SELECT concat_ws(E'\x1f', i.slug, l.key, l.position, l.title, l.kind, l.minutes, l.source, l.plain, l.lang, l.langs::text, l.licence, l.origin, l.blocks::text) FROM items i JOIN lessons l ON l.org_id = i.org_id AND l.item_id = i.item_id AND l.version = i.version WHERE i.org_id = $1 AND i.kind = $2 ORDER BY i.slug, l.position`, h.org.OrgID, kind)...)
	out = append(out, w.texts(`SELECT concat_ws(E'\x1f', i.slug, t.key, t.lang, t.title, t.source, t.blocks::text) FROM items i JOIN lesson_texts t ON t.org_id = i.org_id AND t.item_id = i.item_id AND t.version = i.version WHERE i.org_id = $1 AND i.kind = $2 ORDER BY i.slug, t.key, t.lang`, h.org.OrgID, kind)...)
	out = append(out, w.texts(`SELECT concat_ws(E'\x1f', i.slug, f.path, f.name, f.media_type, f.size, encode(f.sha256, 'hex')) FROM items i JOIN files f ON f.org_id = i.org_id AND f.item_id = i.item_id WHERE i.org_id = $1 AND i.kind = $2 ORDER BY i.slug, f.path`, h.org.OrgID, kind)...)
	// Items and files have other numbers elsewhere.
	var named []string
	for _, s := range out {
		named = append(named, uuids.ReplaceAllString(s, "#"))
	}
	return named
}

// TestExportImportsBackWithoutLoss takes everything that one organization publishes into another one, and compares word for word and byte by byte.
func TestExportImportsBackWithoutLoss(t *testing.T) {
	t.Parallel()
	w := setupShop(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"course.yaml":    "title: \"Probes: all of it\"\nsummary: Short\noutcome: Can do\nlevel: beginner\ntopics: [cold, 'a: b']\nintro: \"See ![m](img/map.svg)\"\nlicence: CC BY-SA 4.0\nsource: https://example.com/x\n",
		"a/01-one.md":    "---\nmodule: First\nsummary: About one\n---\n# One\n\n![x](x.svg) and ![up](../img/x.svg), see [two](../b/02-two.md)\n\n```quiz\ntitle: Check\nquestions:\n  - ask: \"Why: so?\"\n    kind: multiple\n    choices:\n      - {text: A, right: true, because: yes}\n      - {text: B, right: true}\n      - {text: C, because: no}\n```\n\n!!! warning \"Hot\"\n    Box.\n",
		"a/de/01-one.md": "# Eins\n\nText.\n\n```quiz\nquestions:\n  - ask: Warum?\n    kind: multiple\n    choices:\n      - {text: A, right: true}\n      - {text: B, right: true}\n      - {text: C}\n```\n",
		"b/02-two.md":    "---\nmodule: Second\nkind: practice\nlicence: MIT\nminutes: 17\n---\n# Two\n\n```video\nsrc: film.webm\ncaptions: film.vtt\nposter: ../img/map.svg\nchapters: |\n  0:10 Begin\n  1:05 End\n```\n\n```reflect\nask: Where?\n```\n\n```file\nsrc: form.csv\ntitle: A form\n```\n\n```steps\ntitle: The bath\nask: In the field\nsteps:\n  - Crush **ice**\n  - Wait\n```\n\n```embed\ntitle: Seen\nsrc: https://vimeo.com/12345678\n```\n\n::: challenge\nDo\n:::\n",
		"a/x.svg":        fmt.Sprintf(drawing, "in a"), "img/x.svg": fmt.Sprintf(drawing, "in img"), "img/map.svg": fmt.Sprintf(drawing, "map"),
		"b/film.webm": "\x1aE\xdf\xa3" + strings.Repeat("x", 600), "b/film.vtt": "WEBVTT\n\n00:00.000 --> 00:02.000\nHi\n", "b/form.csv": "a,b\n1,2\n",
	})
	if _, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	paths := t.TempDir()
	write(t, paths, map[string]string{
		"way.md":       "---\ntitle: The way\nslug: way\nsummary: From here to there\noutcome: Arrive\nlevel: advanced\nlicence: CC0 1.0\nsteps:\n  - {key: hello, lesson: hello.md, title: Hello}\n  - {key: probes, course: probes-all-of-it, title: Learn it, minutes: 9}\nslots:\n  - {key: after-hello, after: hello, suggestion: Your people}\nno_notes: [probes]\n---\nThe ![w](way/w.svg) intro.\n",
		"way/hello.md": "# Hello\n\nIn the beginning.\n\n```live\ntitle: The round\nseries: clinic\nrecording: true\n```\n\n```group\ntitle: Look back\nask: Say what went wrong.\nfrom: 3\nto: 5\nminutes: 45\noutcome: A list.\n```\n", "way/w.svg": fmt.Sprintf(drawing, "way"),
	})
	if _, err := w.svc.ImportPath(w.vendor.ctx, courses.ImportOptions{Dir: paths, File: "way.md"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Export(w.vendor.member, id.Item{}, io.Discard); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner exports: %v", err)
	}
	if _, err := w.svc.Export(w.other.author, w.item("path", "way"), io.Discard); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization exports: %v", err)
	}
	for name, of := range map[string]id.Item{"catalog.zip": {}, "way.zip": w.item("path", "way")} {
		h := map[string]keep{"catalog.zip": w.other, "way.zip": w.partner}[name]
		var archive bytes.Buffer
		got, err := w.svc.Export(w.vendor.author, of, &archive)
		if err != nil || got != name {
			t.Fatalf("%s: %v", got, err)
		}
		for _, secret := range []string{w.vendor.org.OrgID.String(), "shared", "collections:"} {
			if bytes.Contains(archive.Bytes(), []byte(secret)) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
		b := w.bring(h, archive.Bytes())
		if b.State != courses.BundleChecked || b.Report.Source != "packed" || len(b.Report.Items) != 2 || !b.Report.Drafts() {
			t.Fatalf("%s: %s %+v %+v", name, b.State, b.Fault, b.Report)
		}
		// One becomes versions at once, the other drafts that somebody publishes, the course before the path that leads to it.
		publish := name == "catalog.zip"
		if err := w.svc.ConfirmBundle(h.author, b.ID, publish); err != nil {
			t.Fatal(err)
		}
		if b = w.worked(h, b.ID); b.State != courses.BundleDone {
			t.Fatalf("%s: %s %+v", name, b.State, b.Fault)
		}
		if !publish {
			if m, err := w.svc.Manuscript(h.author, b.Report.Items[1].Item); err != nil || m.Ready() || len(m.Steps) != 2 || !m.Steps[1].Closed {
				t.Fatalf("the path of a draft: %v, %+v", err, m)
			}
			for _, it := range b.Report.Items {
				w.written(h.author, it.Item)
			}
		}
		for _, kind := range []string{"course", "path"} {
			if diff := cmp.Diff(w.rows(w.vendor, kind), w.rows(h, kind)); diff != "" {
				t.Errorf("%s: %ss (-vendor +other):\n%s", name, kind, diff)
			}
		}
		// What comes of it exports to the same, and imports again as nothing new.
		var twice bytes.Buffer
		if _, err := w.svc.Export(h.author, id.Item{}, &twice); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(unzipped(t, archive.Bytes()), unzipped(t, twice.Bytes())); diff != "" {
			t.Errorf("%s: exported again (-first +second):\n%s", name, diff)
		}
		if again := w.bring(h, archive.Bytes()); again.Report.Fresh() {
			t.Errorf("%s again: %v", name, outcomes(again))
		}
	}
}

func unzipped(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		text, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

// TestHostileArchives holds that whatever is packed to do harm is refused or named, by file and line.
func TestHostileArchives(t *testing.T) {
	t.Parallel()
	w := setupShop(t)
	raw := func(name string, mode fs.FileMode, flags, method uint16, body string, size uint64) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: name, Method: method, Flags: flags, UncompressedSize64: size, CompressedSize64: uint64(len(body))}
		h.SetMode(mode)
		f, err := z.CreateRaw(h)
		if err == nil {
			_, err = io.WriteString(f, body)
		}
		if err == nil {
			f, err = z.Create("good.md")
		}
		if err == nil {
			_, err = io.WriteString(f, "# Good\n\nWords.\n")
		}
		if err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one := func(name, text string) []byte {
		return zipped(t, map[string]string{name: text, "good.md": "# Good\n\nWords.\n", "course.yaml": "title: T\nlessons: [good.md, " + name + "]\n"})
	}
	tests := []struct {
		name  string
		data  []byte
		fault string // a message key, or
		says  string // a finding
	}{
		{"no archive", []byte("PK\x03\x04 and then something else"), "importer.fault.archive", ""},
		{"nothing", zipped(t, map[string]string{"a.exe": "x"}), "importer.fault.nothing", ""},
		{"a bomb", zipped(t, map[string]string{"a.md": strings.Repeat("0", 8<<20)}), "importer.fault.bomb", ""},
		{"more than it may hold", raw("a.md", 0o644, 0, zip.Store, "x", 1<<40), "importer.fault.unpacked", ""},
		{"a size that is not true", raw("a.md", 0o644, 0, zip.Store, "# A\n", 400), "", "a.md:0: page: it is damaged"},
		{"a way out", raw("../../etc/a.md", 0o644, 0, zip.Store, "# A\n", 4), "", "../../etc/a.md:0: file name: it leads out of the archive"},
		{"a root", raw("/etc/a.md", 0o644, 0, zip.Store, "# A\n", 4), "", "/etc/a.md:0: file name: it leads out of the archive"},
		{"another system's way out", raw(`..\a.md`, 0o644, 0, zip.Store, "# A\n", 4), "", `..\a.md:0: file name: it leads out of the archive`},
		{"a symbolic link", raw("a.md", fs.ModeSymlink|0o777, 0, zip.Store, "/etc/passwd", 11), "", "a.md:0: symbolic link: links are not followed"},
		{"a password", raw("a.md", 0o644, 1, zip.Store, "# A\n", 4), "", "a.md:0: file: it is encrypted"},
		{"names that differ in case", zipped(t, map[string]string{"a.md": "# A\n\nx", "A.md": "# A\n\ny", "good.md": "# Good\n\nx"}), "", "a.md:0: file name: it differs from A.md in case only"},
		{"too many files", zipped(t, func() map[string]string {
			out := map[string]string{}
			for i := range courses.MaxFiles + 1 {
				out[fmt.Sprintf("%d.md", i)] = "x"
			}
			return out
		}()), "importer.fault.many", ""},
		{"another encoding", one("a.md", "# A\n\nGr\xfc\xdfe\n"), "", "a.md:3: encoding: it is not in UTF-8"},
		{"bytes", one("a.md", "# A\n\n\x00\n"), "", "a.md:3: encoding: it is not in UTF-8"},
		{"a broken manifest", zipped(t, map[string]string{"course.yaml": "title: T\nlessons: [a.md\n", "a.md": "# A\n\nx"}), "", "course.yaml:1: file: it cannot be read"},
		{"a broken pack", zipped(t, map[string]string{"learnscape.yaml": "learnscape: 99\n"}), "importer.fault.nothing", "learnscape.yaml:1: learnscape: it was written by a newer release"},
		{"front matter", one("a.md", "---\ntitle: T\nlist: [\n---\n# A\n\nx"), "", "a.md:"},
		{"a quiz without a right answer", one("a.md", "# A\n\nx\n\n```quiz\nquestions:\n  - ask: Why?\n    choices:\n      - text: A\n      - text: B\n```\n"), "", "a.md:7: question 1: no choice is right"},
		{"a recording without captions", one("a.md", "# A\n\n```video\nsrc: https://example.com/f.mp4\n```\n"), "", "a.md:4: https://example.com/f.mp4: the recording has no captions"},
		{"a script in a picture", zipped(t, map[string]string{"a.md": "# A\n\n![a](a.svg)", "a.svg": "<svg xmlns='http://www.w3.org/2000/svg'>\n<g/>\n<script>alert(1)</script></svg>"}), "", "a.svg:3: <script: scripts in pictures do not run"},
		{"a page as a picture", zipped(t, map[string]string{"a.md": "# A\n\n![a](a.png)", "a.png": "<html><script>alert(1)</script>"}), "", "a.png:0: text/html"},
		{"captions that are none", zipped(t, map[string]string{"a.md": "# A\n\n```video\nsrc: f.webm\ncaptions: f.vtt\n```\n", "f.webm": "\x1aE\xdf\xa3xx", "f.vtt": "1\n00:00 --> 00:01\nHi\n"}), "", "f.vtt:0: "},
	}
	for _, tt := range tests {
		b := w.bring(w.vendor, tt.data)
		var all []string
		for _, f := range b.Report.Findings {
			all = append(all, f.String())
		}
		switch {
		case tt.fault != "" && (b.State != courses.BundleFailed || b.Fault == nil || b.Fault.Key != tt.fault):
			t.Errorf("%s: %s %+v", tt.name, b.State, b.Fault)
		case tt.fault == "" && b.State != courses.BundleChecked:
			t.Errorf("%s: %s %+v", tt.name, b.State, b.Fault)
		case tt.says != "" && !strings.Contains(strings.Join(all, "\n"), tt.says):
			t.Errorf("%s: it is said: %q", tt.name, all)
		}
		if err := w.svc.StopBundle(w.vendor.author, b.ID); err != nil && !errs.Is(err, errs.NotFound) {
			t.Fatal(err)
		}
	}
	if n := len(stored(t, w.files)); n != 0 {
		t.Errorf("%d files are left", n)
	}
}
