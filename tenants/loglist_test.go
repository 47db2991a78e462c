package tenants_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/plantest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// An administrator pages through the log and finds every line once, although many were written at one moment and some are not sealed;
// each way to narrow it leaves what it says; and nobody else reads it.
func TestLogIsReadInPages(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	admin := dbtest.As(t, l.a.org.OrgID, l.a.viewer.Membership, id.Person{}, scope.Administrator)
	var who tenants.Membership
	l.a.must(func(tx *db.Tx) (err error) {
		who, err = tenants.AddMember(tx, tenants.NewMember{Name: "Tilda Quist", Email: "tilda@house.example"})
		return err
	})
	it := l.a.item(tenants.KindCourse, "A course", noon)
	// Sixty lines of one moment, then some by a member.
	l.a.must(func(tx *db.Tx) error {
		for i := range 60 {
			if err := tenants.Audit(tx, "collection.renamed", fmt.Sprintf("collection:c%d", i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	l.once()
	member := dbtest.As(t, l.a.org.OrgID, who.MembershipID, who.PersonID)
	for range 3 {
		if err := l.d.Tx(member, func(tx *db.Tx) error {
			return tenants.Audit(tx, "session.opened", "membership:"+who.MembershipID.String(), nil)
		}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(f tenants.LogFilter) (lines []tenants.LogLine) {
		t.Helper()
		f.Limit = 7
		for range 30 {
			page, err := l.a.svc.Log(admin, f)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, page.Lines...)
			if !page.More {
				return lines
			}
			at, skip := page.Next(f)
			f.After, f.Skip = &at, skip
		}
		t.Fatal("the list has no end")
		return nil
	}
	all := read(tenants.LogFilter{})
	var want int
	if err := l.root.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE org_id = $1`, l.a.org.OrgID).Scan(&want); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, line := range all {
		seen[fmt.Sprint(line.At, line.Action, line.Object, line.N)]++
	}
	// The three sign-ins have no number yet and differ by their time.
	if len(all) != want || len(seen) != want {
		t.Errorf("%d lines in pages, %d different ones; there are %d", len(all), len(seen), want)
	}
	if !slices.IsSortedFunc(all, func(a, b tenants.LogLine) int { return b.At.Compare(a.At) }) {
		t.Error("the lines are not in the order of time")
	}
	yesterday, today := l.d.Now().UTC().AddDate(0, 0, -1).Truncate(24*time.Hour), l.d.Now().UTC().Truncate(24*time.Hour)
	for _, tt := range []struct {
		name string
		f    tenants.LogFilter
		want int
	}{
		{"a member, by name", tenants.LogFilter{Who: "tilda"}, 3},
		{"a member, by address", tenants.LogFilter{Who: "TILDA@house"}, 3},
		{"nobody", tenants.LogFilter{Who: "%"}, 0},
		{"a topic", tenants.LogFilter{Topic: tenants.TopicSignIn}, 3},
		{"a topic and a member", tenants.LogFilter{Topic: tenants.TopicSharing, Who: "tilda"}, 0},
		{"many of a topic", tenants.LogFilter{Topic: tenants.TopicSharing}, 60},
		{"one thing", tenants.LogFilter{Object: "item:" + it.ItemID.String()}, 1},
		{"one thing and another topic", tenants.LogFilter{Object: "item:" + it.ItemID.String(), Topic: tenants.TopicSignIn}, 0},
		{"until yesterday", tenants.LogFilter{Until: &yesterday}, 0},
		{"since today", tenants.LogFilter{From: &today, Topic: tenants.TopicSignIn}, 3},
		{"a connection that is not there", tenants.LogFilter{With: l.b.org.Slug}, 0},
		{"an unknown topic", tenants.LogFilter{Topic: "zq"}, 0},
	} {
		if got := read(tt.f); len(got) != tt.want {
			t.Errorf("%s: %d lines, want %d", tt.name, len(got), tt.want)
		}
	}
	got := read(tenants.LogFilter{Who: "tilda"})[0]
	if diff := cmp.Diff([]any{"Tilda Quist", "Tilda Quist", int64(0)}, []any{got.Name, got.What, got.N}); diff != "" {
		t.Error(diff)
	}
	if got := read(tenants.LogFilter{Object: "item:" + it.ItemID.String()})[0]; got.What != "A course" || got.N == 0 {
		t.Errorf("%+v", got)
	}
	rows, err := l.a.svc.ExportLogTable(admin, tenants.LogFilter{Topic: tenants.TopicSharing})
	if err != nil || len(rows) != 60 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	for _, r := range []scope.Role{scope.Learner, scope.Author, scope.Manager, scope.PartnerManager, scope.Lead, scope.Moderator, scope.Marketer} {
		if _, err := l.a.svc.Log(dbtest.As(t, l.a.org.OrgID, who.MembershipID, who.PersonID, r), tenants.LogFilter{}); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s reads the log: %v", r, err)
		}
	}
}

// Both sides find a move under the connection with the other, each with the other's name.
func TestLogOfAConnection(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	manager := func(h *house) scope.Scope {
		return scope.Scope{Actor: scope.Member, Org: h.org.OrgID, Membership: h.viewer.Membership, Roles: []scope.Role{scope.Administrator}}
	}
	if err := l.a.svc.Ask(scope.Enter(t.Context(), manager(l.a)), l.b.org.OrgID, tenants.Proposal{WeCall: "partner", TheyCall: "vendor"}); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]*house{{l.a, l.b}, {l.b, l.a}} {
		page, err := pair[0].svc.Log(scope.Enter(t.Context(), manager(pair[0])), tenants.LogFilter{With: pair[1].org.Slug})
		if err != nil || len(page.Lines) != 1 || page.Lines[0].Action != "agreement.proposed" || page.Lines[0].Other != pair[1].org.Name || len(page.Connections) != 1 {
			t.Errorf("%+v, %v", page, err)
		}
	}
}

// A log of thirty thousand lines, each way to look through it: what is read grows with the page, not with the log.
func TestPlansOfTheLog(t *testing.T) {
	t.Parallel()
	l := newLogs(t)
	for _, q := range []string{
		`INSERT INTO memberships (org_id, membership_id, person_id, name, email) SELECT $1, md5('m' || i)::uuid, md5('p' || i)::uuid, 'Member ' || i, 'm' || i || '@a.example' FROM generate_series(1, 300) i`,
		`INSERT INTO audit (org_id, at, actor, membership_id, action, object) SELECT $1, now() - make_interval(secs => i), 'member', md5('m' || (1 + i % 300))::uuid,
			(ARRAY['session.opened', 'item.published', 'collection.renamed', 'collection.added', 'network.exported'])[1 + i % 5], 'item:' || md5('i' || (i % 900))::uuid FROM generate_series(1, 30000) i`,
		`INSERT INTO audit_numbers (org_id, seq, n, hash) SELECT org_id, seq, row_number() OVER (ORDER BY seq), decode(repeat('ab', 32), 'hex') FROM audit WHERE org_id = $1
			ON CONFLICT (org_id, seq) DO UPDATE SET n = excluded.n, hash = excluded.hash`,
	} {
		l.force(q, l.a.org.OrgID)
	}
	if _, err := l.root.Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
	day := l.d.Now().UTC().Truncate(24 * time.Hour)
	long := day.AddDate(0, 0, -1)
	admin := scope.Scope{Actor: scope.Member, Org: l.a.org.OrgID, Membership: l.a.viewer.Membership, Roles: []scope.Role{scope.Administrator}}
	for name, f := range map[string]tenants.LogFilter{
		"all":                {},
		"a topic":            {Topic: tenants.TopicSharing},
		"a member":           {Who: "member 17"},
		"a topic and a name": {Topic: tenants.TopicExports, Who: "m17@"},
		"one thing":          {Object: "item:7a9e9b4b-93d1-5a4c-8a3e-1f0a2b3c4d5e"},
		"a day":              {From: &long, Until: &day},
		"a place":            {After: &long, Skip: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, trace := db.WithTrace(scope.Enter(t.Context(), admin))
			if _, err := l.a.svc.Log(ctx, f); err != nil {
				t.Fatal(err)
			}
			for _, st := range trace.Statements() {
				// A page for each of the actions of a topic, or of the eleven members that a name finds among three hundred.
				plantest.Check(t, l.d, admin, st.SQL, st.Args, plantest.Max{Rows: 1200})
			}
		})
	}
}
