package demo

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants"
)

// deps returns what Seed needs on a database of the test's own.
func deps(t testing.TB) (Deps, func(role string) string) {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	return depsOn(t, d), dsn
}

func depsOn(t testing.TB, d *db.DB) Deps {
	t.Helper()
	ten := tenants.New(d, "localhost:8080")
	files, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	find, err := search.New(search.Deps{DB: d, Tenants: ten})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.NewKeyring(secret.Key{ID: "k1", Bytes: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return Deps{
		DB: d, Marketing: marketing.New(marketing.Deps{DB: d, Tenants: ten}),
		Community: community.New(community.Deps{DB: d, Tenants: ten}), Search: find, Blob: files, Keys: keys,
		Portal: func(slug string) string { return "http://" + slug + ".localhost:8080" },
		Issuer: func(slug string) string { return "http://127.0.0.1:8081/" + slug }, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// counts returns the rows of every table, as a superuser sees them.
func counts(t testing.TB, dsn string) map[string]int {
	t.Helper()
	conn, err := pgxConnect(t, dsn)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	rows, err := conn.Query(t.Context(), `SELECT c.relname, (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || quote_ident(c.relname), false, true, '')))[1]::text::int
		FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relname !~ '^(goose|river)' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		out[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

//nolint:paralleltest // The parts read one world, and the times in the log are those of one at a time.
func TestSeed(t *testing.T) {
	t.Parallel()
	d, dsn := deps(t)
	begin := time.Now()
	if err := Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	t.Logf("the world was made in %d ms", time.Since(begin).Milliseconds())
	once := counts(t, dsn("postgres"))
	t.Log(once)
	begin = time.Now()
	if err := Seed(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 500*time.Millisecond {
		t.Errorf("a world that is there took %s", took)
	}
	if diff := cmp.Diff(once, counts(t, dsn("postgres"))); diff != "" {
		t.Errorf("the second seeding changed something:\n%s", diff)
	}
	for table, want := range map[string][2]int{
		"organizations": {6, 6}, "memberships": {155, 170}, "connections": {7, 7}, "connection_sides": {14, 14}, "agreements": {9, 12}, "providers": {4, 4},
		"collections": {12, 12}, "grants": {10, 12}, "items": {30, 60}, "versions": {17, 26}, "lessons": {40, 90}, "additions": {2, 2}, "adoptions": {4, 4}, "questions": {16, 16}, "answers": {28, 33},
		"enrollments": {420, 640}, "completions": {1500, 4500}, "attempts": {1000, 6000}, "statements": {6000, 16000}, "touches": {500, 6000}, "search_events": {500, 6000},
		"reactions": {300, 900}, "search_documents": {80, 250}, "outbox": {0, 0},
		"past_records": {16, 16}, "record_imports": {3, 3}, "reflections": {5, 5}, "reflection_shares": {4, 4}, "step_groups": {3, 3}, "step_group_people": {4, 4}, "cohort_people": {7, 7}, "cohort_tries": {3, 3}, "lesson_feedback": {400, 900}, "feedback_answers": {1, 1}, "pilot_groups": {2, 2}, "pilot_remarks": {3, 3},
	} {
		if n := once[table]; n < want[0] || n > want[1] {
			t.Errorf("%s: %d rows, want %d to %d", table, n, want[0], want[1])
		}
	}
	made := seeded{Deps: d, dsn: dsn("postgres")}
	t.Run("future", made.nothingAhead)
	t.Run("houses", made.housesApart)
	t.Run("people", made.everybodyThere)
	t.Run("measure", made.progressIsMeasured)
	t.Run("learner", made.learners)
	t.Run("pairs", made.togetherInPairs)
	t.Run("search", made.foundWithTypos)
	t.Run("same", made.sameYear)
}

// The demonstration starts on every day of a week and at every hour, also while it is tomorrow already where its people live, and who has begun
// and finished what is the same each time.
func TestSeedOnAnyDay(t *testing.T) {
	t.Parallel()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	var worlds [7]string
	t.Run("days", func(t *testing.T) {
		for n := range worlds {
			at := today.AddDate(0, 0, n).Add(time.Duration(n*23/6)*time.Hour + 30*time.Minute)
			t.Run(at.Format("Monday 15:04"), func(t *testing.T) {
				t.Parallel()
				_, dsn := dbtest.FreshDSN(t)
				start := time.Now()
				d, err := db.Open(t.Context(), db.Options{DSN: dsn("learnscape_app"), MaxConns: 8, Now: func() time.Time { return at.Add(time.Since(start)) }})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(d.Close)
				if err := Seed(t.Context(), depsOn(t, d)); err != nil {
					t.Fatal(err)
				}
				conn, err := pgxConnect(t, dsn("postgres"))
				if err != nil {
					t.Fatal(err)
				}
				if err := conn.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', m.email, i.slug, e.version, e.state, e.done, e.total), E'\n' ORDER BY m.email, i.slug)
					FROM enrollments e JOIN memberships m USING (org_id, membership_id) JOIN items i ON i.org_id = e.item_org AND i.item_id = e.item_id`).Scan(&worlds[n]); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
	for n := range worlds {
		if diff := cmp.Diff(strings.Split(worlds[0], "\n"), strings.Split(worlds[n], "\n")); diff != "" {
			t.Errorf("%d days later another year lies behind it:\n%.2000s", n, diff)
		}
	}
}

// seeded is a world that was made; its methods are the parts of TestSeed.
type seeded struct {
	Deps
	dsn string // as a superuser
}

// sameYear lives the year twice on what was published and compares.
func (made seeded) sameYear(t *testing.T) {
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	var years [2][]string
	for i := range years {
		s := &seeder{d: made.Deps, w: w}
		if s.cal, err = newCalendar(w.year.Today, w.year.TimeZone, time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		cat, err := s.readCatalog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.readThreads(cat); err != nil {
			t.Fatal(err)
		}
		l := newLives(w, s.cal, cat, s.threads)
		begin := time.Now()
		if err := l.live(); err != nil {
			t.Fatal(err)
		}
		t.Logf("a year of %d statements was lived in %d ms", len(l.statements), time.Since(begin).Milliseconds())
		for _, st := range l.statements {
			years[i] = append(years[i], st.at.Format(time.RFC3339)+" "+st.who.person.Email+" "+st.verb+" "+st.object.String()+st.part)
		}
	}
	if diff := cmp.Diff(years[0], years[1]); diff != "" {
		t.Errorf("two years differ:\n%.1000s", diff)
	}
}

func TestUnknownKeyIsAnError(t *testing.T) {
	t.Parallel()
	var p person
	if err := strict("people.yaml", []byte("key: learner\nname: Ada\nemial: ada@halden.example\n"), &p); err == nil || !strings.Contains(err.Error(), "emial") {
		t.Errorf("a misspelled key: %v", err)
	}
}

// nothingAhead looks for times in the future in every column of the kind; what may lie ahead is named.
func (made seeded) nothingAhead(t *testing.T) {
	conn, err := pgxConnect(t, made.dsn)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `SELECT table_name || '.' || column_name, (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || quote_ident(table_name) ||
			' WHERE ' || quote_ident(column_name) || ' > now()', false, true, '')))[1]::text::int
		FROM information_schema.columns WHERE table_schema = 'public' AND data_type IN ('timestamp with time zone', 'date') AND table_name !~ '^(goose|river|statements_)'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var column string
		var n int
		if err := rows.Scan(&column, &n); err != nil {
			t.Fatal(err)
		}
		if n > 0 && !slices.Contains([]string{"enrollments.due_at", "grants.until", "visitors.expires_at", "credentials.renew_from", "credentials.expires_at", "assignment_people.due_at", "live_sessions.starts_at", "live_sessions.ends_at", "standings.risk_at", "cohort_steps.due_on", "tryouts.by_day", "past_records.ends_on", "record_imports.expires_at", "record_import_rows.ends_on", "step_groups.starts_at"}, column) {
			t.Errorf("%d rows lie ahead in %s", n, column)
		}
		if n == 0 && column == "enrollments.due_at" {
			t.Error("nothing is due")
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// housesApart reads as each house under the row policies and looks for those that it does not know.
func (made seeded) housesApart(t *testing.T) {
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, viewer := range w.Organizations {
		s := scope.Scope{Actor: scope.Member, Org: orgID(viewer.Slug), Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner}}
		for _, table := range []string{
			"items", "stories", "lessons", "versions", "resources", "additions", "questions", "answers", "memberships", "collections", "agreements", "connections", "connection_sides",
			"grants", "enrollments", "statements", "files", "item_links", "touches", "reactions", "search_events", "audit",
		} {
			var rows []string
			if err := made.DB.ReadAs(t.Context(), s, func(b *db.Batch) { db.List(b, &rows, `SELECT t::text FROM `+table+` t`) }); err != nil {
				t.Fatalf("%s as %s: %v", table, viewer.Slug, err)
			}
			for _, o := range w.Organizations {
				if w.knows(viewer.Slug, o.Slug) {
					continue
				}
				names := []string{strings.Fields(o.Name)[0], o.Domain}
				for _, p := range o.People {
					names = append(names, p.Name)
				}
				for _, r := range rows {
					for _, n := range names {
						// What Halden, Solvik or Nordhav publish to everybody may name itself.
						if strings.Contains(r, n) && !publishes(o.Slug, table) {
							t.Errorf("%s reads %q of %s in %s: %.300s", viewer.Slug, n, o.Slug, table, around(r, n))
						}
					}
				}
			}
		}
	}
}

// publishes reports whether rows of the table may name a house that the reader does not know, because that house made them public.
func publishes(slug, table string) bool {
	public := map[string]bool{"halden": true, "solvik": true, "nordhav": true}
	switch table {
	case "items", "stories", "lessons", "versions", "collections", "resources":
		return public[slug]
	case "answers": // Halden answers under its people's names where everybody reads.
		return slug == "halden"
	}
	return false
}

func around(s, part string) string {
	at := strings.Index(s, part)
	return s[max(0, at-120):min(len(s), at+180)]
}

// knows reports whether a house knows of another: a connection in any state.
func (w *world) knows(a, b string) bool {
	for _, c := range w.Connections {
		if (c.A == a && c.B == b) || (c.A == b && c.B == a) {
			return true
		}
	}
	return a == b
}

func (made seeded) everybodyThere(t *testing.T) {
	people, err := People()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		var m tenants.Membership
		var found bool
		if err := made.DB.Read(dbtest.System(t, scope.Operator, orgID(p.Org)), func(b *db.Batch) {
			db.One(b, &m, &found, `SELECT `+tenants.MembershipColumns+` FROM memberships m WHERE m.org_id = $1 AND m.email = $2`, orgID(p.Org), p.Email)
		}); err != nil {
			t.Fatal(err)
		}
		if !found || m.Name != p.Name || m.State != "active" || m.Title != p.Title {
			t.Errorf("%s: %+v", p.Email, m)
		}
	}
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{"halden", "brightwater", "kestrel", "solvik", "nordhav"} {
		for _, key := range []string{"learner", "learner2", "author", "marketer", "moderator", "manager", "partners", "lead", "admin"} {
			if in, p := w.person(key + "@" + o + ".example"); p == nil || in.Slug != o {
				t.Errorf("%s has no %s@", o, key)
			}
		}
	}
}

// progressIsMeasured recomputes every enrollment from its completions; who had completed what they took before they moved to another version has.
func (made seeded) progressIsMeasured(t *testing.T) {
	conn, err := pgxConnect(t, made.dsn)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `SELECT count(*), count(*) FILTER (WHERE e.done <> x.done OR e.total <> x.total OR (e.state = 'completed') <> (x.done = x.total) OR (e.completed_at IS NULL) <> (e.state = 'active') OR e.updated_at < e.started_at)
		FROM enrollments e JOIN versions v ON v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version CROSS JOIN LATERAL (
			SELECT count(*)::int AS total, count(c.lesson_key)::int AS done FROM (
				SELECT e.item_id AS item, l->>'key' AS key FROM jsonb_array_elements(coalesce(v.outline->'modules', '[]')) m, jsonb_array_elements(m->'lessons') l
				UNION SELECT (s->>'item')::uuid, coalesce(l->>'key', '') FROM jsonb_array_elements(coalesce(v.outline->'steps', '[]')) s LEFT JOIN LATERAL jsonb_array_elements(s->'lessons') l ON true) f
			LEFT JOIN completions c ON c.org_id = e.org_id AND c.membership_id = e.membership_id AND c.item_id = f.item AND c.lesson_key = f.key) x
		WHERE e.finished_in IS NULL OR e.finished_in = e.version`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var all, wrong int
		if err := rows.Scan(&all, &wrong); err != nil {
			t.Fatal(err)
		}
		if wrong > 0 {
			t.Errorf("%d of %d enrollments say something else than their completions", wrong, all)
		}
	}
	var left int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM completions c JOIN lessons l ON l.org_id = c.item_org AND l.item_id = c.item_id AND l.version = c.version AND l.key = c.lesson_key
		CROSS JOIN LATERAL jsonb_path_query(l.blocks, '$[*].questions[*]') q
		WHERE NOT EXISTS (SELECT 1 FROM attempts a WHERE a.org_id = c.org_id AND a.membership_id = c.membership_id AND a.item_id = c.item_id AND a.lesson_key = c.lesson_key AND a.question_key = q->>'key' AND a.correct)`).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left > 0 {
		t.Errorf("%d questions of finished lessons were never answered", left)
	}
}

// togetherInPairs checks that somebody sees a group of two, and what is shared with it.
func (made seeded) togetherInPairs(t *testing.T) {
	files, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close() //nolint:errcheck // The folder goes with the test.
	learn := courses.New(courses.Deps{DB: made.DB, Tenants: tenants.New(made.DB, "localhost:8080"), Blob: files})
	const half = "learner2@solvik.example"
	ctx := dbtest.As(t, orgID("solvik"), memberID(half), personID(half))
	step, err := learn.Lesson(ctx, courses.Place{Item: refID("halden/four-thursdays", tenants.KindPath), Step: "fourth-thursday"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(step.Blocks, func(b courses.BlockView) bool {
		return b.Group != nil && b.Group.Group != nil && len(b.Group.People) == 2 && b.Group.Thoughts == 1
	}) {
		t.Errorf("%s is in no group of two that shares a thought", half)
	}
	if v, err := learn.SharedWithMe(ctx, courses.ReflectionsAfter{}); err != nil || len(v.Rows) != 1 || v.Rows[0].Name != "Fenja Lorenzen" {
		t.Errorf("%s reads %+v, %v", half, v.Rows, err)
	}
}

// learners looks at the pages of those whom the demonstration shows.
func (made seeded) learners(t *testing.T) {
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close() //nolint:errcheck // The folder goes with the test.
	learn := courses.New(courses.Deps{DB: made.DB, Tenants: tenants.New(made.DB, "localhost:8080"), Blob: files})
	for _, who := range []struct{ email, current, due, asked string }{
		{"learner@brightwater.example", "cold-chain", "alarm-rules-night-shift", "Helen Ashdown"},
		{"learner@kestrel.example", "cold-chain", "field-check-of-a-probe", "Shona McKelvie"},
		{"learner@solvik.example", "haccp-evidence", "haccp-evidence", "Ole Frandsen"},
		{"learner@nordhav.example", "kuehlkette-auf-deutsch", "gdp-transport", "Piet Rademaker"},
		{"learner@halden.example", "cold-chain", "alarm-rules-night-shift", "Stellan Bergvall"},
	} {
		house := strings.TrimSuffix(strings.SplitN(who.email, "@", 2)[1], ".example")
		home, err := learn.HomeData(dbtest.As(t, orgID(house), memberID(who.email), personID(who.email)))
		if err != nil {
			t.Fatal(err)
		}
		goal := w.year.balances()[who.email]
		all := home.Formal + home.Informal
		if home.Current == nil || home.Current.Item.Slug != who.current || home.Current.Progress.Done == 0 {
			t.Errorf("%s goes on with %+v, want %s", who.email, home.Current, who.current)
		} else {
			t.Logf("%s is on %s %+v, %q; %d formal, %d informal, %d own, %d finished; %d in the list; %d recommended", who.email, home.Current.Item.Slug, home.Current.Progress, home.Current.At,
				home.Formal, home.Informal, home.OwnChoice, home.Finished, len(home.Due), len(home.Recommended))
		}
		if len(home.Due) == 0 || home.Due[0].Item.Slug != who.due || home.Due[0].AskedBy != who.asked || home.Due[0].Reason == "" || home.Due[0].Due == nil || home.Due[0].Due.Before(home.Now) {
			t.Errorf("%s: what is due is %+v, want %s", who.email, home.Due, who.due)
		}
		if all < goal.minutes*9/10 || all > goal.minutes*12/10 || home.Formal == 0 || home.Informal == 0 {
			t.Errorf("%s: %d + %d minutes, want about %d", who.email, home.Formal, home.Informal, goal.minutes)
		}
		if share := float64(home.OwnChoice) / float64(max(1, all)); share < goal.own-0.08 || share > goal.own+0.08 {
			t.Errorf("%s: chose %.2f, want %.2f", who.email, share, goal.own)
		}
	}
	ctx := dbtest.As(t, orgID("brightwater"), memberID("learner@brightwater.example"), personID("learner@brightwater.example"))
	v, err := learn.Path(ctx, itemID("halden", "path", "cold-chain"))
	if err != nil {
		t.Fatal(err)
	}
	done, steps := 0, 0
	for _, st := range v.Stations {
		if !st.Own {
			steps++
			if st.Done {
				done++
			}
		}
	}
	if done != 3 || steps != 9 || v.Next == nil || v.Next.Step != "field-check" || v.Version != 2 || v.Additions == nil {
		t.Errorf("the path in the middle: %d of %d steps, version %d, next %+v", done, steps, v.Version, v.Next)
	}
	var versions []int
	if err := made.DB.Read(as(t.Context(), "brightwater"), func(b *db.Batch) {
		db.List(b, &versions, `SELECT DISTINCT version FROM enrollments WHERE org_id = $1 AND item_id = $2 ORDER BY version`, orgID("brightwater"), itemID("halden", "path", "cold-chain"))
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2}, versions); diff != "" {
		t.Errorf("pinned versions of the path:\n%s", diff)
	}
}

func (made seeded) foundWithTypos(t *testing.T) {
	w, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	ctx := dbtest.As(t, orgID("halden"), memberID("learner@halden.example"), personID("learner@halden.example"))
	for _, typo := range w.year.Typos {
		got, err := made.Search.Search(ctx, search.Query{Text: typo.Q, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		ok := false
		for _, h := range got.Hits {
			ok = ok || strings.HasSuffix(typo.Item, "/"+h.Item.Slug)
		}
		if !ok {
			t.Errorf("%q does not find %s among %d", typo.Q, typo.Item, len(got.Hits))
		}
	}
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	today := dayOf("2026-11-21") // A Saturday.
	friday := time.Date(2026, 11, 20, 15, 5, 0, 0, time.UTC)
	for _, tt := range []struct {
		now  string
		want string // of Friday, 15:05 UTC
	}{
		{"2026-11-21T22:00:00Z", "2026-11-20T15:05:00Z"}, // the day itself
		{"2026-11-24T08:00:00Z", "2026-11-20T15:05:00Z"}, // Tuesday: still Friday
		{"2026-11-25T08:00:00Z", "2026-11-24T15:05:00Z"}, // Wednesday: yesterday
		{"2026-12-19T08:00:00Z", "2026-12-18T15:05:00Z"}, // four weeks on
		{"2027-04-03T08:00:00Z", "2027-04-02T14:05:00Z"}, // in summer time: the same hour on the clock
		{"2026-10-24T08:00:00Z", "2026-10-23T14:05:00Z"}, // before
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newCalendar(today, "Europe/Berlin", now)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.at(friday).Format(time.RFC3339); got != tt.want {
			t.Errorf("started %s: %s, want %s", tt.now, got, tt.want)
		}
		if got := c.at(friday.AddDate(1, 0, 0)); got.After(now) {
			t.Errorf("started %s: %s lies ahead", tt.now, got)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Print(&b, "http://localhost:8080", "http://127.0.0.1:8081"); err != nil {
		t.Fatal(err)
	}
	t.Log(b.String())
	for _, want := range []string{"http://brightwater.localhost:8080", "http://127.0.0.1:8081/kestrel", "learner@"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("does not say %s", want)
		}
	}
	for line := range strings.SplitSeq(b.String(), "\n") {
		if len([]rune(line)) > 130 {
			t.Errorf("a line of %d letters: %s", len(line), line)
		}
	}
}
