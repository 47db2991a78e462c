package auth_test

import (
	"encoding/csv"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

const importForm = "/admin/people/import"

// importer is what the job does.
func (w *world) importer(t *testing.T) *auth.Importer {
	t.Helper()
	client, err := jobs.NewClient(t.Context(), dbtest.OwnerDSN(t, "learnscape_app"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return auth.NewImporter(w.svc, client)
}

func (w *world) runImport(t *testing.T, h house, at string) {
	t.Helper()
	which, err := id.Parse[id.Any](strings.TrimPrefix(at, importForm+"/"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.importer(t).Run(dbtest.System(t, scope.SignIn, h.OrgID), which); err != nil {
		t.Fatal(err)
	}
}

func (w *world) team(t *testing.T, h house, name, source string) id.Any {
	t.Helper()
	team := id.New[id.Any]()
	w.exec(h, `INSERT INTO teams (org_id, team_id, name, source) VALUES ($1, $2, $3, $4)`, team, name, source)
	return team
}

// outcomes are the lines of an import: number, address, outcome, and what is wrong in which column.
func outcomes(t *testing.T, b *browser, slug, at string) (out []string) {
	t.Helper()
	res := b.get(slug, at+"/rows.csv")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.body, "\ufeff") {
		t.Fatalf("rows: %d %s", res.StatusCode, res.body)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(res.body, "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[1:] {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r[0], r[1], r[6], r[7])))
	}
	return out
}

//nolint:paralleltest // One story: each part goes on where the last one ended.
func TestImportPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, keeper := w.keeper(t)
	slug := w.post.Slug
	service := w.team(t, w.post, "Service, North", "hand")
	w.team(t, w.post, "Directory", "scim")
	foreign := "somebody@" + w.a.Slug + ".example" // Whose people come through their own provider alone.
	w.tx(w.post, func(tx *db.Tx) error {
		for _, m := range []tenants.NewMember{
			{Name: "Here Already", Email: "here@" + slug + ".example"},
			{Name: "Gone", Email: "gone@" + slug + ".example", State: "left"},
			{Name: "Same", Email: "same@" + slug + ".example", Roles: []scope.Role{scope.Author}},
		} {
			if _, err := tenants.AddMember(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	b.post(slug, "/admin/people/invite", url.Values{"emails": {"waits@new.example"}})
	people := func() int { return w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1`) }
	before := people()
	file := "\ufeffRollen;Name;E-Mail;TEAM;Konto-ID;Farbe\r\n" +
		"Autorenschaft, moderator;New One;One@New.example;Service, North;A-1;red\r\n" + // 2
		";;two@new.example;;;\r\n" + // 3
		"author;Other Name;here@" + slug + ".example;service, north;77\r\n" + // 4
		"Author;;same@" + slug + ".example;;;\r\n" + // 5
		";;gone@" + slug + ".example;;;\r\n" + // 6
		";;waits@new.example;;;\r\n" + // 7
		";;" + foreign + ";;;\r\n" + // 8
		"king;;not an address;Nowhere | Directory;;\r\n" + // 9
		";;two@new.example;;;\r\n" + // 10
		"\r\n" +
		";;three@new.example;;;;extra\r\n" + // 12
		"administrator;;boss@new.example;;;\r\n" // 13
	var at string
	t.Run("what would happen is shown line by line, and nothing happens", func(t *testing.T) {
		res := b.post(slug, importForm, url.Values{"pasted": {file}})
		if at = res.Header.Get("Location"); !strings.HasPrefix(at, importForm+"/") {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		want := []string{
			"2 one@new.example New", "3 two@new.example New", "4 here@" + slug + ".example Changed", "5 same@" + slug + ".example Unchanged",
			"6 gone@" + slug + ".example Error Address", "7 waits@new.example Error Address", "8 " + foreign + " Error Address",
			"9 not an address Error Address", "9 not an address Error Roles", "9 not an address Error Teams", "9 not an address Error Teams",
			"10 two@new.example Error Address", "12 three@new.example Error Line", "13 boss@new.example New",
		}
		if diff := cmp.Diff(want, outcomes(t, b, slug, at)); diff != "" {
			t.Error(diff)
		}
		page := b.get(slug, at).doc(t)
		if text := page.Find("main, body").Text(); !strings.Contains(text, "New 3, changed 1, unchanged 1, with errors 6") || !strings.Contains(text, "Farbe") {
			t.Errorf("the page: %s", text)
		}
		if n := page.Find("tbody tr").Length(); n != 11 {
			t.Errorf("%d lines are shown", n)
		}
		if n := b.get(slug, at+"?show=bad").doc(t).Find("tbody tr").Length(); n != 6 {
			t.Errorf("%d lines with errors are shown", n)
		}
		if people() != before {
			t.Error("looking changed something")
		}
	})
	t.Run("without a fresh sign-in it is not confirmed", func(t *testing.T) {
		w.away()
		if res := b.post(slug, at+"/go", url.Values{"mails": {"on"}}); !strings.HasPrefix(res.Header.Get("Location"), "/auth/again?") || !strings.Contains(res.Header.Get("Location"), "mails%3Don") || people() != before {
			t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Location"))
		}
		b.byMail(t, keeper)
	})
	t.Run("confirmed, the good lines are carried out", func(t *testing.T) {
		if res := b.post(slug, at+"/go", url.Values{}); res.Header.Get("Location") != at {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		if res := b.post(slug, at+"/go", url.Values{}); res.StatusCode != http.StatusConflict {
			t.Errorf("twice: %d", res.StatusCode)
		}
		w.runImport(t, w.post, at)
		w.runImport(t, w.post, at) // Again changes nothing.
		if n := people(); n != before+3 {
			t.Errorf("%d people more", n-before)
		}
		for _, q := range []string{
			`email = 'one@new.example' AND name = 'New One' AND roles @> '{learner,author,moderator}' AND state = 'invited' AND external_id = 'A-1'`,
			`email = 'two@new.example' AND name = 'two' AND roles = '{learner}'`,
			`email = 'here@` + slug + `.example' AND name = 'Here Already' AND roles @> '{learner,author}' AND external_id = '77'`,
			`email = 'boss@new.example' AND roles @> '{administrator}'`,
		} {
			if w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND `+q) != 1 {
				t.Errorf("not there: %s", q)
			}
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM team_members WHERE org_id = $1 AND team_id = $2`, service); n != 2 {
			t.Errorf("%d are in the team", n)
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1 AND recipient = 'one@new.example'`); n != 0 {
			t.Error("a mail although none was asked for")
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM identities WHERE org_id = $1`); n != 0 {
			t.Error("an identity was made")
		}
	})
	t.Run("undone, what nobody used goes, and the rest says why it stays", func(t *testing.T) {
		// One of them comes; of another something hangs by now.
		guest := w.browser(t)
		guest.byMail(t, "two@new.example")
		if !strings.Contains(guest.whoami(w.post), "two@new.example") {
			t.Fatal("who was imported does not get in")
		}
		w.exec(w.post, `INSERT INTO member_invitations (org_id, invitation_id, token_hash, email, roles, invited_by, created_at, sent_at, expires_at)
			SELECT $1, gen_random_uuid(), sha256('x'), 'z@z.example', '{learner}', m.membership_id, now(), now(), now() FROM memberships m WHERE m.org_id = $1 AND m.email = 'boss@new.example'`)
		if n := b.get(slug, at+"/undo").doc(t).Find(`form[action="` + at + `/undo"]`).Length(); n != 1 {
			t.Error("it does not ask first")
		}
		owner, err := pgx.Connect(t.Context(), dbtest.OwnerDSN(t, "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer owner.Close(t.Context()) //nolint:errcheck // Nothing is buffered.
		var person string
		if err := owner.QueryRow(t.Context(), `SELECT person_id::text FROM memberships WHERE org_id = $1 AND email = 'one@new.example'`, w.post.OrgID.String()).Scan(&person); err != nil {
			t.Fatal(err)
		}
		if res := b.post(slug, at+"/undo", url.Values{}); res.Header.Get("Location") != at {
			t.Fatalf("%d %s", res.StatusCode, res.body)
		}
		w.runImport(t, w.post, at)
		got := outcomes(t, b, slug, at)
		want := []string{"2 one@new.example Undone", "3 two@new.example Stays", "4 here@" + slug + ".example Undone", "5 same@" + slug + ".example Unchanged"}
		if diff := cmp.Diff(want, got[:4]); diff != "" || got[len(got)-1] != "13 boss@new.example Stays" {
			t.Error(diff, got)
		}
		if people() != before+2 || w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = 'one@new.example'`) != 0 {
			t.Error("who never came is still there")
		}
		var left int
		if err := owner.QueryRow(t.Context(), `SELECT count(*) FROM persons WHERE person_id = $1`, person).Scan(&left); err != nil || left != 0 {
			t.Errorf("a person of whom no membership is left stays: %d, %v", left, err)
		}
		if w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = $2 AND roles = '{learner}' AND external_id = ''`, "here@"+slug+".example") != 1 || w.count(w.post, `SELECT count(*)::int FROM team_members WHERE org_id = $1`) != 0 {
			t.Error("roles, team or number are still given")
		}
		if res := b.post(slug, at+"/undo", url.Values{}); res.StatusCode != http.StatusConflict {
			t.Errorf("twice: %d", res.StatusCode)
		}
	})
	t.Run("another organization does not have it", func(t *testing.T) {
		w.tx(w.a, func(tx *db.Tx) error {
			_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Admin", Email: "admin@" + w.a.Slug + ".example", Roles: []scope.Role{scope.Administrator}})
			return err
		})
		other := w.browser(t)
		other.signIn(w.a, "admin@"+w.a.Slug+".example", "")
		for _, path := range []string{at, at + "/rows.csv", at + "/undo"} {
			if res := other.get(w.a.Slug, path); res.StatusCode != http.StatusNotFound {
				t.Errorf("GET %s: %d", path, res.StatusCode)
			}
		}
		for _, path := range []string{"/go", "/undo", "/stop"} {
			if res := other.post(w.a.Slug, at+path, url.Values{}); res.StatusCode != http.StatusNotFound {
				t.Errorf("POST %s: %d", path, res.StatusCode)
			}
		}
		if which, err := id.Parse[id.Any](strings.TrimPrefix(at, importForm+"/")); err != nil || w.importer(t).Run(dbtest.System(t, scope.SignIn, w.a.OrgID), which) == nil {
			t.Error("a job of another organization works on it")
		}
	})
	for _, action := range []string{"people.import_asked", "member.imported", "people.imported", "people.import_undo_asked", "people.import_undone", "member.roles"} {
		if w.count(w.post, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, action) == 0 {
			t.Errorf("no audit line %s", action)
		}
	}
	t.Run("mail goes out when it is asked for, within the limit of invitations", func(t *testing.T) {
		at := b.post(slug, importForm, url.Values{"pasted": {"email\nmailed@new.example\n"}}).Header.Get("Location")
		b.post(slug, at+"/go", url.Values{"mails": {"on"}})
		w.runImport(t, w.post, at)
		if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1 AND recipient = 'mailed@new.example'`); n != 1 {
			t.Errorf("%d mails", n)
		}
		var many strings.Builder
		many.WriteString("email\n")
		for i := range 50 {
			fmt.Fprintf(&many, "m%d@new.example\n", i)
		}
		at = b.post(slug, importForm, url.Values{"pasted": {many.String()}}).Header.Get("Location")
		if res := b.post(slug, at+"/go", url.Values{"mails": {"on"}}); res.StatusCode != http.StatusTooManyRequests {
			t.Errorf("50 mails more in the first week: %d", res.StatusCode)
		}
	})
	t.Run("more than there is room for is refused with the figures", func(t *testing.T) {
		w.exec(w.post, `INSERT INTO quotas (org_id, people, set_at) VALUES ($1, $2, now())`, w.count(w.post, `SELECT here FROM people_counts WHERE org_id = $1`)+1)
		at := b.post(slug, importForm, url.Values{"pasted": {"email\nr1@new.example\nr2@new.example\n"}}).Header.Get("Location")
		if res := b.post(slug, at+"/go", url.Values{}); res.StatusCode != http.StatusConflict || !strings.Contains(res.body, "there is room for 1 more") {
			t.Errorf("%d", res.StatusCode)
		}
		if res := b.post(slug, at+"/stop", url.Values{}); res.Header.Get("Location") != importForm+"?done=discarded" || b.get(slug, at).StatusCode != http.StatusNotFound {
			t.Errorf("discarded: %d", res.StatusCode)
		}
	})
	t.Run("who asked and is no administrator any more gives nothing", func(t *testing.T) {
		at := b.post(slug, importForm, url.Values{"pasted": {"email,roles\nlate@new.example,administrator\n"}}).Header.Get("Location")
		b.post(slug, at+"/go", url.Values{})
		w.exec(w.post, `UPDATE memberships SET roles = '{learner}' WHERE org_id = $1 AND email = $2`, keeper)
		w.runImport(t, w.post, at)
		if w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = 'late@new.example'`) != 0 {
			t.Error("somebody came in")
		}
	})
}

func TestImportFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.keeper(t)
	for _, c := range []struct{ name, file, want string }{
		{"nothing", " \n", "Choose a file"},
		{"another encoding", "email\nm\xfcller@x.example\n", "UTF-8"},
		{"sixteen bits", "\xff\xfee\x00m\x00", "UTF-8"},
		{"no address", "name,team\nx,y\n", "“Address”"},
		{"a column twice", "email,E-Mail\nx@x.example,y@x.example\n", "E-Mail"},
		{"headings alone", "email,name\n\n", "nothing below"},
		{"a quotation mark", "email,name\nx@x.example,\"x\"y\n", "from line 2"},
		{"too long", "email\n" + strings.Repeat("x@x.example\n", 50_001), "50,000"},
	} {
		res := b.post(w.post.Slug, importForm, url.Values{"pasted": {c.file}})
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(res.doc(t).Find("#file-error").Text(), c.want) {
			t.Errorf("%s: %d %s", c.name, res.StatusCode, res.doc(t).Find("#file-error").Text())
		}
	}
	for _, sep := range []string{",", ";", "\t"} {
		res := b.post(w.post.Slug, importForm, url.Values{"pasted": {strings.ReplaceAll("Name|Email\n'=Formula|sep@x.example\n", "|", sep)}})
		if got := outcomes(t, b, w.post.Slug, res.Header.Get("Location")); len(got) != 1 || got[0] != "2 sep@x.example New" {
			t.Errorf("%q: %v", sep, got)
		}
		if body := b.get(w.post.Slug, res.Header.Get("Location")+"/rows.csv").body; !strings.Contains(body, "'=Formula") || strings.Contains(body, "''=") {
			t.Errorf("a formula: %s", body)
		}
	}
}

// Fifty thousand lines are looked at within a request; thousands are carried out in batches, and a broken line in ten is left out.
func TestImportManyPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.keeper(t)
	file := func(lines int) string {
		var f strings.Builder
		f.WriteString("Address,Name,Roles\n")
		for i := range lines {
			if i%10 == 9 {
				fmt.Fprintf(&f, "broken%d,Person %d,\n", i, i)
			} else {
				fmt.Fprintf(&f, "p%d@many.example,Person %d,%s\n", i, i, []string{"", "author"}[i%2])
			}
		}
		return f.String()
	}
	at := b.post(w.post.Slug, importForm, url.Values{"pasted": {file(50_000)}}).Header.Get("Location")
	if page := b.get(w.post.Slug, at); !strings.Contains(page.body, "New 45,000, changed 0, unchanged 0, with errors 5,000") {
		t.Fatalf("%d %s", page.StatusCode, page.doc(t).Find("#import").Text())
	}
	at = b.post(w.post.Slug, importForm, url.Values{"pasted": {file(3_000)}}).Header.Get("Location")
	b.post(w.post.Slug, at+"/go", url.Values{})
	w.runImport(t, w.post, at)
	if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email LIKE '%many.example' AND state = 'invited'`); n != 2_700 {
		t.Errorf("%d people", n)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND 'author' = ANY(roles)`); n != 1_200 {
		t.Errorf("%d authors", n)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM people_imports WHERE org_id = $1`); n != 1 {
		t.Error("what was looked at and not confirmed is kept")
	}
	b.post(w.post.Slug, at+"/undo", url.Values{})
	w.runImport(t, w.post, at)
	if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email LIKE '%many.example'`); n != 0 {
		t.Errorf("%d people are left", n)
	}
}
