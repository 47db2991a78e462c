package oracle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/schematest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// personal is how a column is called that may say who somebody is.
var personal = regexp.MustCompile(`^(membership_id|person_id|author|author_name|author_title|shown_name|email|recipient|device|subject|started|finished|.*_by)$`)

// TestPersonalTables walks all tables: each with a column that may say who somebody is has been decided on.
func TestPersonalTables(t *testing.T) {
	t.Parallel()
	su := superuser(t, dbtest.OwnerDSN(t, "postgres"))
	rows, err := su.Query(t.Context(), `SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE 'river_%' AND a.atttypid IN ('uuid'::regtype, 'uuid[]'::regtype, 'text'::regtype) ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]bool{"connections": true, "agreements": true, "joint_propositions": true} // asked_by and proposed_by are organizations there.
	for _, p := range tenants.Person {
		tables[p.Table] = true
		if (p.Erased == tenants.Goes) != (p.Why == "") {
			t.Errorf("%s: what stays has a reason, and nothing else", p.Table)
		}
	}
	for _, c := range columns {
		table, column, _ := strings.Cut(c, ".")
		if personal.MatchString(column) && !tables[table] && tenants.Pointers[c] == "" && tenants.Addresses[c] == "" {
			t.Errorf("%s may say who somebody is: decide in tenants.Person what of it is a person's and what becomes of it, or in tenants.Pointers why it may stay", c)
		}
	}
	for _, c := range slices.Concat(slices.Collect(maps.Keys(tenants.Pointers)), slices.Collect(maps.Keys(tenants.Addresses))) {
		if !slices.Contains(columns, c) {
			t.Errorf("%s is decided on and not there", c)
		}
	}
}

func superuser(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	su, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(context.WithoutCancel(t.Context())) })
	return su
}

// someone is a member who has a row in every table of tenants.Person.
type someone struct {
	scope.Scope

	org    *org
	Name   string
	tokens []string // canaries of this person alone, whatever holds them
	texts  []string // of these, what was written for others
}

// furnished gives a member rows in every table that holds something of a person, with a canary in every text.
func (s *site) furnished(t *testing.T, su *pgx.Conn, o *org, m id.Membership) *someone {
	t.Helper()
	p := &someone{Scope: s.memberOf(m), org: o, Name: s.byKey[m.String()]}
	own := &oracle.Object{Kind: oracle.Private, Org: o.id.String(), Member: m.String()}
	var email string
	if err := su.QueryRow(t.Context(), `UPDATE memberships SET email = $3 WHERE org_id = $1 AND membership_id = $2 RETURNING email`, o.id, m, s.field(own, "memberships.email")+"@"+o.slug+".example").Scan(&email); err != nil {
		t.Fatal(err)
	}
	if _, err := su.Exec(t.Context(), `SET session_replication_role = replica`); err != nil {
		t.Fatal(err)
	}
	for _, tb := range tenants.Person {
		switch tb.Table {
		case "memberships", "persons", "audit", "erasures", "returns": // The last is noted with a session.
			continue
		}
		names, values := schematest.Sample(t, su, tb.Table)
		for _, also := range []string{"shown_name", "author", "author_name", "device", "subject"} {
			var has bool
			if err := su.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2)`, tb.Table, also).Scan(&has); err != nil {
				t.Fatal(err)
			}
			if has && !slices.Contains(names, also) {
				names, values = append(names, also), append(values, "'abc'")
			}
		}
		for i, n := range names {
			text := values[i] == "'abc'"
			switch {
			case n == "org_id" && tb.Table == "disclosures":
				values[i] = fmt.Sprintf("'%s'", s.orgs[1].id)
			case n == "org_id", n == "giver_org":
				values[i] = fmt.Sprintf("'%s'", o.id)
			case n == "membership_id", n == "author":
				values[i] = fmt.Sprintf("'%s'", m)
			case n == "email", n == "recipient":
				values[i] = fmt.Sprintf("'%s'", email)
			case n == "shown_as":
				values[i] = "'name'"
			case text:
				tok := s.field(own, tb.Table+"."+n)
				if slices.Contains([]string{"title", "body", "resource_kind", "source", "html", "plain"}, n) && tb.Erased != tenants.Goes {
					p.texts = append(p.texts, tok)
				}
				values[i] = "'" + tok + "'"
			case strings.HasPrefix(values[i], "'01980000"):
				values[i] = "gen_random_uuid()"
			case strings.HasPrefix(values[i], "decode("):
				values[i] = "sha256(gen_random_uuid()::text::bytea)"
			}
		}
		if _, err := su.Exec(t.Context(), `INSERT INTO `+tb.Table+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(values, ", ")+`)`); err != nil {
			t.Fatalf("%s: %v", tb.Table, err)
		}
	}
	if _, err := su.Exec(t.Context(), `SET session_replication_role = origin`); err != nil {
		t.Fatal(err)
	}
	for tok, ob := range s.tokens {
		if ob.Kind == oracle.Draft {
			continue // Who is asked to read it does not own it.
		}
		if ob.Member == m.String() && ob.Org == o.id.String() || ob.Kind == oracle.Member && ob.ID == m.String() {
			p.tokens = append(p.tokens, tok)
			if ob.Kind == oracle.Question || ob.Kind == oracle.Answer { // Of the world before.
				p.texts = append(p.texts, tok)
			}
		}
	}
	return p
}

// unzipped are the files of an archive.
func unzipped(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := out[f.Name]; twice || !fs.ValidPath(f.Name) {
			t.Errorf("a bad name in the archive: %s", f.Name)
		}
		out[f.Name] = string(b)
	}
	return out
}

// membership is whose row it is.
var membership = regexp.MustCompile(`"membership_id":"[^"]*"`)

func rowsOf(t *testing.T, files map[string]string) map[string]int {
	t.Helper()
	var about struct {
		Rows map[string]int `json:"rows"`
	}
	if err := json.Unmarshal([]byte(files["about.json"]), &about); err != nil {
		t.Fatal(err)
	}
	return about.Rows
}

// TestTakeOut takes out what is held about somebody who has a row in every table: all of it is there, nothing that opens anything, and
// nothing of a colleague or of another organization.
func TestTakeOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, 61)
	su := superuser(t, s.dsn("postgres"))
	o := s.orgs[0]
	me, colleague := s.furnished(t, su, o, o.members[0]), s.furnished(t, su, o, o.members[1])
	s.furnished(t, su, s.orgs[1], s.orgs[1].members[0])

	take := func(r *reader, target string) map[string]string {
		t.Helper()
		a := s.request(r, "GET", target, "", nil)
		if a.status != 200 {
			t.Fatalf("%s answers %d to %s", target, a.status, r.name)
		}
		return unzipped(t, []byte(a.body))
	}
	self := take(s.readerOf(me.Membership), "/me/data.zip")
	boss := s.readerOf(o.members[len(o.members)-1])
	by := take(boss, "/admin/people/"+me.Membership.String()+"/data.zip")

	for _, c := range []struct {
		who     string
		files   map[string]string
		without []string // tables
	}{
		{"the person", self, []string{"erasures"}},
		{"an administrator", by, []string{"erasures", "reflections", "reflection_shares", "cohort_tries", "lesson_feedback", "attempts", "consents", "account_links", "link_requests", "sittings", "ticks", "pilot_remarks", "tryouts", "tryout_dues", "quiet_tryouts", "shown_tries", "submissions", "submission_turns", "submission_answers", "step_group_people", "step_group_seen", "credentials", "quiet_credentials", "calendar_feeds", "live_settings"}},
	} {
		have := rowsOf(t, c.files)
		for _, tb := range tenants.Person {
			if (have[tb.Table] > 0) == slices.Contains(c.without, tb.Table) {
				t.Errorf("%s gets %d rows of %s", c.who, have[tb.Table], tb.Table)
			}
			if have[tb.Table] > 0 && (c.files["json/"+tb.Table+".json"] == "" || strings.Count(c.files["csv/"+tb.Table+".csv"], "\r\n") < 1+have[tb.Table]) {
				t.Errorf("%s gets %s in one form only", c.who, tb.Table)
			}
			if tb.Table != "audit" { // There others act on the person, too.
				for _, m := range membership.FindAllString(c.files["json/"+tb.Table+".json"], -1) {
					if !strings.Contains(m, me.Membership.String()) {
						t.Errorf("%s gets a row of somebody else of %s", c.who, tb.Table)
					}
				}
			}
			for _, col := range tb.Withheld {
				if strings.Contains(c.files["json/"+tb.Table+".json"], `"`+col+`"`) {
					t.Errorf("%s gets %s.%s", c.who, tb.Table, col)
				}
			}
		}
		all := strings.Join(slices.Collect(maps.Values(c.files)), "\n")
		for _, tok := range me.tokens {
			private := slices.Contains(c.without, strings.Split(s.fields[tok], ".")[0]) || s.fields[tok] == string(oracle.Private)
			if s.fields[tok] == "mails.body" || c.who != "the person" && private || s.fields[tok] == "memberships.email" && !strings.Contains(all, tok) && strings.Count(all, "@"+o.slug+".example") > 0 {
				continue // Withheld; or the address that the member had before.
			}
			if !strings.Contains(all, tok) {
				t.Errorf("%s does not get %s (%s)", c.who, tok, s.fields[tok])
			}
		}
		for _, tok := range canary.FindAllString(all, -1) {
			ob := s.tokens[tok]
			if ob.Org != o.id.String() && s.fields[tok] != "organizations.name" || ob.Member != "" && ob.Member != me.Membership.String() || slices.Contains(colleague.tokens, tok) {
				t.Errorf("%s gets something of others: %s (%s) %+v", c.who, tok, s.fields[tok], *ob)
			}
		}
	}
	if err := json.Unmarshal([]byte(self["json/sessions.json"]), &[]map[string]any{}); err != nil {
		t.Errorf("the sessions are no JSON: %v", err)
	}
	// Nobody else gets it.
	for _, r := range []*reader{s.readerOf(colleague.Membership), s.readerOf(s.orgs[1].members[len(s.orgs[1].members)-1])} {
		if a := s.request(r, "GET", "/admin/people/"+me.Membership.String()+"/data.zip", "", nil); a.status != 404 {
			t.Errorf("%s gets %d", r.name, a.status)
		}
	}
}

// readerOf is the reader who is the member.
func (s *site) readerOf(m id.Membership) *reader {
	i := slices.IndexFunc(s.readers, func(r *reader) bool { return r.who.Member == m.String() && r.who.View == "" })
	return s.readers[i]
}

// TestForget erases two people who have a row in every table, one whose posts stay and one whose posts go; it is interrupted and goes on.
// No canary of them is left anywhere, and no row that is not theirs has changed.
func TestForget(t *testing.T) {
	t.Parallel()
	s := newSite(t, 62)
	su := superuser(t, s.dsn("postgres"))
	o := s.orgs[0]
	keep, gone := s.furnished(t, su, o, o.members[0]), s.furnished(t, su, o, o.members[1])
	s.settleDown()
	tables := slices.DeleteFunc(ownedTables(t, su), func(tb string) bool {
		// The log grows, what happened is on its way, people are counted, and a team counts its changes.
		return slices.Contains([]string{"audit", "audit_numbers", "audit_seals", "outbox", "people_counts", "teams", "step_groups"}, tb)
	})
	// others is one hash per table over all rows that do not speak of the person.
	others := func(p *someone) map[string]string {
		var email string
		if err := su.QueryRow(t.Context(), `SELECT email FROM memberships WHERE org_id = $1 AND membership_id = $2`, o.id, p.Membership).Scan(&email); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, tb := range tables {
			var h string
			if err := su.QueryRow(t.Context(), `SELECT coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM `+tb+` t WHERE position($1 IN t::text) = 0 AND position($2 IN t::text) = 0`, p.Membership.String(), email).Scan(&h); err != nil {
				t.Fatal(err)
			}
			out[tb] = h
		}
		return out
	}
	keeper := dbtest.System(t, scope.Keeper, o.id)
	interrupted, cut := errors.New("a power cut"), 0
	s.portal.Keeper.OnForget(func(context.Context, id.Membership, string) error {
		if cut++; cut == 1 {
			return interrupted
		}
		return nil
	})
	for _, c := range []struct {
		p     *someone
		posts string
	}{{keep, tenants.PostsKeep}, {gone, tenants.PostsDelete}} {
		r := s.readerOf(c.p.Membership)
		if err := s.portal.Keeper.Forget(keeper, c.p.Membership); !errs.Is(err, errs.NotFound) {
			t.Fatalf("somebody was erased whom nobody asked to: %v", err)
		}
		if a := s.request(r, "POST", "/me/erase", "name=nobody&posts="+c.posts, nil); a.status != 422 || !strings.Contains(a.body, `id="name-error"`) {
			t.Fatalf("another name answers %d", a.status)
		}
		before := others(c.p)
		if a := s.request(r, "POST", "/me/erase", "name="+c.p.Name+"&posts="+c.posts, nil); a.status != 303 || a.head["Location"] != "/me/erased" {
			t.Fatalf("leaving answers %d %s", a.status, a.body)
		}
		// From the next request on nobody is there, and nobody else knows the name.
		if a := s.request(r, "GET", "/me", "", nil); a.status == 200 {
			t.Error("the session still works")
		}
		if a := s.request(&reader{host: r.host}, "GET", "/api/v1/items", "", map[string]string{"Authorization": "Bearer " + r.token}); a.status != 401 {
			t.Errorf("the token still answers %d", a.status)
		}
		var named int
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM disclosures WHERE giver_org = $1 AND membership_id = $2 AND (name <> '' OR ended_at IS NULL)`, o.id, c.p.Membership).Scan(&named); err != nil || named > 0 {
			t.Errorf("%d disclosures still name the person: %v", named, err)
		}
		for i := 0; ; i++ {
			err := s.portal.Keeper.Forget(keeper, c.p.Membership)
			if err == nil {
				break
			}
			if !errors.Is(err, interrupted) || i > 0 {
				t.Fatal(err)
			}
		}
		if err := s.portal.Keeper.Forget(keeper, c.p.Membership); err != nil {
			t.Errorf("again: %v", err)
		}
		after := others(c.p)
		for _, tb := range tables {
			if before[tb] != after[tb] {
				t.Errorf("%s: rows of others in %s changed", c.posts, tb)
			}
		}
	}
	s.settleDown()
	s.knowWords()

	all, err := su.Query(t.Context(), `SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(all, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	stays := map[string]bool{}
	for _, tb := range names {
		rows, err := su.Query(t.Context(), `SELECT t::text FROM `+tb+` t`)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			for _, tok := range canary.FindAllString(text, -1) {
				for _, p := range []*someone{keep, gone} {
					switch {
					case !slices.Contains(p.tokens, tok):
					case slices.Contains(p.texts, tok) && (p == keep || strings.HasPrefix(s.fields[tok], "resources.")):
						stays[s.fields[tok]] = true
					default:
						t.Errorf("%s still says %s (%s): %s", tb, tok, s.fields[tok], text)
					}
				}
			}
		}
	}
	for _, field := range []string{"questions.title", "answers.body", "resources.source"} {
		if !stays[field] {
			t.Errorf("%s did not stay, although the person wished it", field)
		}
	}
	for _, p := range []*someone{keep, gone} {
		for _, tb := range tenants.Person {
			if tb.Erased == tenants.Goes && tb.Table != "persons" && strings.Contains(tb.Where, "membership_id = $2") {
				var n int
				if err := su.QueryRow(t.Context(), `SELECT count(*) FROM `+tb.Table+` WHERE org_id = $1 AND membership_id = $2`, o.id, p.Membership).Scan(&n); err != nil || n > 0 {
					t.Errorf("%d rows of %s are left: %v", n, tb.Table, err)
				}
			}
		}
		var receipt string
		if err := su.QueryRow(t.Context(), `SELECT a.detail::text FROM audit a WHERE a.org_id = $1 AND a.action = 'person.erased' AND a.object = 'membership:' || $2`, o.id, p.Membership.String()).Scan(&receipt); err != nil || !strings.Contains(receipt, "enrollments") {
			t.Errorf("no receipt: %s %v", receipt, err)
		}
		var consents int
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM consents WHERE org_id = $1 AND membership_id = $2`, o.id, p.Membership).Scan(&consents); err != nil || consents == 0 {
			t.Errorf("what was agreed to cannot be shown any more: %v", err)
		}
	}
	_ = filepath.WalkDir(s.files, func(path string, d os.DirEntry, _ error) error {
		if b, err := os.ReadFile(path); err == nil && !d.IsDir() {
			for _, tok := range canary.FindAllString(string(b), -1) {
				if slices.Contains(keep.tokens, tok) || slices.Contains(gone.tokens, tok) {
					t.Errorf("a file still says %s", tok)
				}
			}
		}
		return nil
	})
}

// TestForgetGuards tries what a hostile administrator, or code of the application, could: the database erases nobody who did not leave,
// nobody's word but the person's or an administrator's counts, and the only administrator stays.
func TestForgetGuards(t *testing.T) {
	t.Parallel()
	s := newSite(t, 63)
	su := superuser(t, s.dsn("postgres"))
	o, foreign := s.orgs[0], s.orgs[1]
	boss, learner, other := s.memberOf(o.members[len(o.members)-1]), s.memberOf(o.members[0]), s.memberOf(o.members[1])
	for what, err := range map[string]error{
		"the keeper forgets somebody who did not leave": s.d.Tx(dbtest.System(t, scope.Keeper, o.id), func(tx *db.Tx) error {
			_, err := tx.Exec(`SELECT forget_rows('reflections', $1, 10)`, learner.Membership)
			return err
		}),
		"a learner has a colleague erased": s.d.Tx(scope.Enter(dbtest.Shown(t.Context()), learner), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO erasures (org_id, membership_id, asked_by, posts, asked_at) VALUES ($1, $2, $3, 'keep', now())`, o.id, other.Membership, learner.Membership)
			return err
		}),
		"an administrator has somebody of another organization erased": s.portal.Tenants.EraseMember(scope.Enter(dbtest.Shown(t.Context()), boss), foreign.members[0], s.byKey[foreign.members[0].String()], tenants.PostsKeep),
		"the only administrator goes":                                  s.portal.Tenants.EraseSelf(scope.Enter(dbtest.Shown(t.Context()), boss), s.byKey[boss.Membership.String()], tenants.PostsKeep),
	} {
		if err == nil {
			t.Errorf("%s", what)
		}
	}
	if err := s.portal.Tenants.EraseMember(scope.Enter(dbtest.Shown(t.Context()), boss), learner.Membership, s.byKey[learner.Membership.String()], tenants.PostsKeep); err != nil {
		t.Fatal(err)
	}
	for what, run := range map[string]func(tx *db.Tx) error{
		"the keeper of another organization forgets": func(tx *db.Tx) error {
			tx.Scope = scope.System(scope.Keeper, foreign.id)
			_, err := tx.Exec(`SELECT forget_rows('reflections', $1, 10)`, learner.Membership)
			return err
		},
		"the keeper forgets the log": func(tx *db.Tx) error {
			_, err := tx.Exec(`SELECT forget_rows('audit', $1, 10)`, learner.Membership)
			return err
		},
		"whoever left comes back": func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE memberships SET state = 'active' WHERE org_id = $1 AND membership_id = $2`, o.id, learner.Membership)
			return err
		},
	} {
		if err := s.d.Tx(dbtest.System(t, scope.Keeper, o.id), run); err == nil {
			t.Errorf("%s", what)
		}
	}
	var left int
	if err := su.QueryRow(t.Context(), `SELECT count(*) FROM reflections WHERE org_id = $1 AND membership_id = $2`, o.id, learner.Membership).Scan(&left); err != nil || left == 0 {
		t.Errorf("something is gone already: %v", err)
	}
}
