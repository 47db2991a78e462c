package courses_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// address is a member's.
func (c *crew) address(m id.Membership) string {
	c.t.Helper()
	return one[string](c.house.ctx, c.world, `SELECT m.email FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, c.org.OrgID, m)
}

// outcomes are the lines of an import: number, outcome, and what is wrong in which column.
func (c *crew) outcomes(which id.Any) (out []string) {
	c.t.Helper()
	_, rows, _, err := c.svc.PastImport(c.admin, which, courses.PastFilter{Limit: 100})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range rows {
		word := r.Outcome
		if r.State != "waiting" {
			word = r.State
		}
		for _, f := range r.Problems {
			word += " " + f.Column + ":" + strings.TrimPrefix(f.Key, "records.row.")
		}
		out = append(out, strings.TrimSpace(fmt.Sprint(r.Line, " ", word, " ", r.Name, " ", r.Kind)))
	}
	return out
}

// bring looks at a file and takes it.
func (c *crew) bring(file string) id.Any {
	c.t.Helper()
	which, err := c.svc.CheckPast(c.admin, "old.csv", []byte(file))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.svc.TakePast(c.admin, which); err != nil {
		c.t.Fatal(err)
	}
	return which
}

// TestPastRecords is a file of past records from the first look to its undoing.
func TestPastRecords(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	a, b := c.inside[0], c.inside[1]
	shared, hidden := c.course("open-to-all", "shared"), c.course("for-nobody", "internal")
	c.tx(c.house.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET external_id = 'P-7' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, b)
	})
	tomorrow := c.db.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	file := "\ufeffAdresse;Personalnummer;Schulung;Abgeschlossen am;Gültig bis;Ergebnis;Aussteller;Farbe\r\n" +
		c.address(a) + ";;open-to-all;14.03.2024;13.03.2099;26/30;The old portal;red\r\n" + // 2
		";P-7;https://x.example/course/" + shared.ItemID.String() + "/any;2024-03-14;;;;\r\n" + // 3
		c.address(a) + ";;First aid;2024-05-01;;bestanden;;\r\n" + // 4
		c.address(a) + ";;first AID;2024-05-01;;;;\r\n" + // 5
		"nobody@nowhere.example;;First aid;2024-05-01;;;;\r\n" + // 6
		c.address(a) + ";P-7;First aid;2024-05-02;;;;\r\n" + // 7
		c.address(a) + ";;" + hidden.ItemID.String() + ";2024-05-02;;;;\r\n" + // 8
		c.address(a) + ";;Later;" + tomorrow + ";;;;\r\n" + // 9
		"not an address;;;03/04/2024;2023-01-01;great;;;too much\r\n" + // 10
		";;Nobody's;2024-05-02;2024-05-01;101;;\r\n" + // 11
		c.address(c.outside) + ";;First aid;2024-05-02;;87,5 %;;\r\n" // 12
	which, err := c.svc.CheckPast(c.admin, "old.csv", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"2 new In One course", "3 new In Two course", "4 new In One", "5 bad what:twice In One", "6 unknown", "7 bad account:differs", "8 bad what:no_item In One", "9 bad done:future In One",
		"10 bad address:address what:missing done:day result:result :cells", "11 bad address:nobody ends:before result:result", "12 new Out",
	}
	if diff := cmp.Diff(want, c.outcomes(which)); diff != "" {
		t.Errorf("the first look (-want +got):\n%s", diff)
	}
	v, _, _, err := c.svc.PastImport(c.admin, which, courses.PastFilter{})
	if err != nil || v.New != 4 || v.Unknown != 1 || v.Bad != 6 || len(v.Skipped) != 1 {
		t.Errorf("counted: %+v, %v", v, err)
	}
	count := func() int {
		return one[int](c.house.ctx, c.world, `SELECT count(*)::int FROM past_records WHERE org_id = $1`, c.org.OrgID)
	}
	if n := count(); n != 0 {
		t.Errorf("%d records before anything was confirmed", n)
	}

	// A manager finds their own people alone, and reads nobody else's file.
	mine, err := c.svc.CheckPast(c.manager, "mine.csv", []byte("mail,what,date\n"+c.address(a)+",First aid,2020-05-01\n"+c.address(c.outside)+",First aid,2020-05-01\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2 new In One", "3 unknown"}, c.outcomes(mine)); diff != "" {
		t.Errorf("a manager's file: %s", diff)
	}
	for name, err := range map[string]error{
		"a manager reads the administrator's file": func() error { _, _, _, err := c.svc.PastImport(c.manager, which, courses.PastFilter{}); return err }(),
		"a manager takes it":                       c.svc.TakePast(c.manager, which),
		"a learner takes it":                       c.svc.TakePast(c.ctxOf[a], which),
		"another organization takes it":            c.svc.TakePast(c.administrator(c.vendor), which),
		"another organization reads it": func() error {
			_, _, _, err := c.svc.PastImport(c.administrator(c.vendor), which, courses.PastFilter{})
			return err
		}(),
		"a learner looks at a file": func() error { _, err := c.svc.CheckPast(c.ctxOf[a], "", []byte("mail,what,date\nx,y,z\n")); return err }(),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}

	if err := c.svc.TakePast(c.admin, which); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 4 {
		t.Errorf("%d records", n)
	}
	if err := c.svc.TakePast(c.admin, which); !errs.Is(err, errs.Conflict) {
		t.Errorf("taken twice: %v", err)
	}
	own, err := c.svc.Credentials(c.ctxOf[a])
	if err != nil || len(own.Rows) != 0 || len(own.Past) != 2 || own.Past[0].Title != "First aid" || own.Past[1].Title != "The field check" || own.Past[1].By != "Admin" || own.Past[1].Score == nil || *own.Past[1].Score != 86.67 {
		t.Errorf("the person reads %s, %v", says(own.Past), err)
	}
	// The same file once more finds everything recorded.
	again, err := c.svc.CheckPast(c.admin, "old.csv", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.outcomes(again); got[0] != "2 same In One course" || got[10] != "12 same Out" {
		t.Errorf("again: %q", got)
	}
	if err := c.svc.TakePast(c.admin, again); !errs.Is(err, errs.Conflict) {
		t.Errorf("nothing new, and %v", err)
	}

	// Whoever has finished the same here since keeps what was recorded.
	for _, l := range []string{"read", "answer", "do"} {
		if _, err := c.svc.CompleteLesson(c.ctxOf[a], courses.Place{Item: shared.ItemID, Lesson: l}); err != nil && !errs.Is(err, errs.Invalid) {
			t.Fatal(err)
		}
	}
	c.tx(c.house.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE enrollments SET completed_at = now() + interval '1 second', state = 'completed', done = total WHERE org_id = $1 AND membership_id = $2 AND item_id = $3`, tx.Scope.Org, a, shared.ItemID)
	})
	if err := c.svc.UndoPast(c.admin, which); err != nil {
		t.Fatal(err)
	}
	if err := c.svc.UndoPast(c.admin, which); err != nil {
		t.Errorf("undone twice: %v", err)
	}
	if got := c.outcomes(which); got[0] != "2 kept In One course" || got[1] != "3 undone In Two course" || count() != 1 {
		t.Errorf("undone: %q, %d left", got, count())
	}
	for _, action := range []string{"record.imported", "record.import_undone"} {
		if n := one[int](c.house.ctx, c.world, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = $2`, c.org.OrgID, action); n != 1 {
			t.Errorf("%d lines %s", n, action)
		}
	}
}

// TestPastFileIsRefused is what is no file of past records.
func TestPastFileIsRefused(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	for file, want := range map[string]string{
		"":                                "empty",
		" \n \n":                          "empty",
		"name,what,date\nx,y,z\n":         "no_person",
		"mail,date\nx,y\n":                "no_what",
		"mail,what\nx,y\n":                "no_done",
		"mail,what,date\n":                "no_rows",
		"mail,what,date,datum\nx,y,z,q\n": "twice",
		"mail,what,date\n\"x,y,z\n":       "table",
		"mail,what,date\n\xff\xfe,y,z\n":  "encoding",
		"mail,what,date\n" + strings.Repeat("x,y,z\n", courses.PastRows+1):         "long",
		"mail,what,date\n" + strings.Repeat("x", courses.PastBytes) + ",y,z\n":     "large",
		"mail,what,date\nx,y,z\x00\n":                                              "encoding",
		"mail;what;date\n" + strings.Repeat("\n", 10) + strings.Repeat(" ;;\n", 3): "no_rows",
	} {
		_, err := c.svc.CheckPast(c.admin, "x.csv", []byte(file))
		e, _ := errors.AsType[*errs.Error](err)
		if e == nil || len(e.Fields) != 1 || e.Fields[0].Name != "file" || e.Fields[0].Key != "records.file."+want {
			t.Errorf("%.40q: %v, want %s", file, err, want)
		}
	}
}

// TestPastRecordsEnd is that people are told before and after what was recorded ends, once each, and not of what something newer stands in
// the place of.
func TestPastRecordsEnd(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	a, b := c.inside[0], c.inside[1]
	now := c.db.Now().UTC()
	day := func(n int) string { return now.AddDate(0, 0, n).Format(time.DateOnly) }
	c.bring("mail,what,date,expires\n" +
		c.address(a) + ",Ladders,2024-01-01," + day(50) + "\n" +
		c.address(b) + ",Forklift,2020-01-01," + day(3) + "\n" +
		c.address(b) + ",Forklift,2024-01-01," + day(900) + "\n" +
		c.address(b) + ",Acids,2024-01-01," + day(-100) + "\n")
	mailer := jobs.Enter(t.Context(), scope.Mailer, c.org.OrgID)
	remind := func(days int) {
		t.Helper()
		for range 2 {
			if err := c.svc.RemindPast(mailer, now.AddDate(0, 0, days)); err != nil {
				t.Fatal(err)
			}
		}
	}
	remind(0)
	if got := c.mails(a); len(got) != 1 || !strings.Contains(got[0], "Ladders holds until") {
		t.Errorf("60 days before: %q", got)
	}
	remind(45)
	remind(52)
	if got := c.mails(a); len(got) != 3 || !strings.Contains(got[1], "Ladders ends on") || !strings.Contains(got[2], "Ladders ended on") {
		t.Errorf("a week before and after: %q", got)
	}
	if got := c.mails(b); len(got) != 0 {
		t.Errorf("of what is long over, or in whose place something newer stands: %q", got)
	}
	if err := c.svc.SetCredentialMails(c.ctxOf[b], false); err != nil {
		t.Fatal(err)
	}
	remind(860)
	if got := c.mails(b); len(got) != 0 {
		t.Errorf("who wants no mails gets %q", got)
	}
	// The team sees it ending, told apart.
	v := c.inTeam(courses.TeamFilter{Show: courses.TeamExpiring})
	if got := names(v.Rows); len(got) != 1 || got[0] != "In Two" || !v.Rows[0].Past || v.Rows[0].Paper != "Acids" {
		t.Errorf("the team: %s", says(v.Rows))
	}
}

// TestTraining is the training record of a team: what was learned, shown by test and recorded, by whom it is needed, and what became of it at
// work if the person shows it.
func TestTraining(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	a, b := c.inside[0], c.inside[1]
	needed, chosen := c.course("needed", "shared"), c.course("chosen", "shared")
	c.assign(c.admin, courses.Assigning{Item: needed.ItemID, Teams: []id.Any{c.team, c.others}, Terms: courses.Terms{Days: 2}})
	finish := func(m id.Membership, it tenants.Item, test bool) {
		t.Helper()
		if err := c.svc.Enroll(c.ctxOf[m], it.ItemID, courses.Origin{Kind: courses.OriginChoice}); err != nil {
			t.Fatal(err)
		}
		c.tx(c.house.ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(`INSERT INTO completions (org_id, membership_id, item_org, item_id, lesson_key, version, by_test) SELECT $1, $2, $3, $4, x.k, 1, $5 AND x.k <> 'read' FROM unnest('{read,answer}'::text[]) x(k)`, tx.Scope.Org, m, it.OrgID, it.ItemID, test); err != nil {
				return err
			}
			return tx.Must(`UPDATE enrollments SET completed_at = $4, state = 'completed', done = total WHERE org_id = $1 AND membership_id = $2 AND item_id = $3`, tx.Scope.Org, m, it.ItemID, tx.Now)
		})
	}
	finish(a, needed, false)
	finish(b, chosen, true)
	c.bring("mail,what,date,expires,issuer\n" + c.address(b) + ",needed,2024-01-01,2024-12-31,Old Portal\n" + c.address(c.outside) + ",Ladders,2024-01-01,,\n")

	read := func(ctxName string, f courses.TrainingFilter) (out []string) {
		t.Helper()
		ctx := c.manager
		if ctxName == "admin" {
			ctx = c.admin
		}
		v, err := c.svc.Training(ctx, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range v.Rows {
			out = append(out, fmt.Sprintf("%s/%s/%d/%s/%s/%v", r.Name, map[bool]string{true: "needed", false: "chosen"}[r.Item == needed.ItemID]+r.Kind, r.Version, r.How, r.State, r.Asked))
		}
		return out
	}
	for _, tt := range []struct {
		name, as string
		f        courses.TrainingFilter
		want     []string
	}{
		{"a manager's people", "", courses.TrainingFilter{}, []string{"Boss/neededcourse/0//open/true", "In One/neededcourse/1/learned/valid/true", "In Two/neededcourse/0/recorded/ended/true", "In Two/chosencourse/1/partly/valid/false"}},
		{"what is needed", "", courses.TrainingFilter{Asked: true, State: courses.TrainingEnded}, []string{"In Two/neededcourse/0/recorded/ended/true"}},
		{"one path", "", courses.TrainingFilter{Items: []id.Item{chosen.ItemID}}, []string{"Boss/chosencourse/0//open/false", "In One/chosencourse/0//open/false", "In Two/chosencourse/1/partly/valid/false"}},
		{"everybody's", "admin", courses.TrainingFilter{State: courses.TrainingValid, Sort: "-name"}, []string{"Out/chosen/0/recorded/valid/false", "In Two/chosencourse/1/partly/valid/false", "In One/neededcourse/1/learned/valid/true"}},
		{"another team", "admin", courses.TrainingFilter{Team: c.others}, []string{"Out/chosen/0/recorded/valid/false", "Out/neededcourse/0//open/true"}},
	} {
		if diff := cmp.Diff(tt.want, read(tt.as, tt.f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	for name, err := range map[string]error{
		"another team":     func() error { _, err := c.svc.Training(c.manager, courses.TrainingFilter{Team: c.others}); return err }(),
		"a learner":        func() error { _, err := c.svc.Training(c.ctxOf[a], courses.TrainingFilter{}); return err }(),
		"an unknown state": func() error { _, err := c.svc.Training(c.manager, courses.TrainingFilter{State: "busy"}); return err }(),
		"an unknown order": func() error { _, err := c.svc.Training(c.manager, courses.TrainingFilter{Sort: "busy"}); return err }(),
		"another organization": func() error {
			_, err := c.svc.Training(c.administrator(c.vendor), courses.TrainingFilter{Team: c.team})
			return err
		}(),
	} {
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v, err := c.svc.HandOutTraining(c.manager, courses.TrainingFilter{}); err != nil || len(v.Rows) != 4 || v.By != "Boss" || v.People != 3 {
		t.Errorf("handed out: %d rows by %s, %v", len(v.Rows), v.By, err)
	}
	if n := one[int](c.house.ctx, c.world, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'record.exported'`, c.org.OrgID); n != 1 {
		t.Errorf("%d lines in the log", n)
	}

	// What became of what was tried is shown once its person agrees, to whoever looks after them and to nobody else.
	c.tx(c.ctxOf[a], func(tx *db.Tx) error {
		return tx.Must(`INSERT INTO tryouts (org_id, tryout_id, membership_id, item_org, item_id, lesson_key, try_key, root_kind, root_id, title, what, by_day, after_week, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, 'read', 'k', 'course', $5, 'T', 'the secret plan', current_date, 'used', now(), now())`, tx.Scope.Org, id.New[id.Any](), a, needed.OrgID, needed.ItemID)
	})
	effect := func() string {
		t.Helper()
		v, err := c.svc.Training(c.manager, courses.TrainingFilter{Query: "in one"})
		if err != nil || len(v.Rows) != 1 {
			t.Fatalf("%+v, %v", v.Rows, err)
		}
		if s := says(v); strings.Contains(s, "secret plan") {
			t.Errorf("what was tried is told: %s", s)
		}
		return fmt.Sprint(v.Rows[0].Shown, v.Rows[0].Used)
	}
	if got := effect(); got != "false 0" {
		t.Errorf("before anybody agreed: %s", got)
	}
	if err := c.svc.ShowTries(c.ctxOf[a], true); err != nil {
		t.Fatal(err)
	}
	if got := effect(); got != "true 1" {
		t.Errorf("after they agreed: %s", got)
	}
	for name, ctx := range map[string]struct {
		n int
		c func() int
	}{
		"a colleague": {0, func() int {
			return one[int](c.ctxOf[b], c.world, `SELECT count(*)::int FROM record_tries($1)`, []id.Membership{a})
		}},
		"themselves": {1, func() int {
			return one[int](c.ctxOf[a], c.world, `SELECT count(*)::int FROM record_tries($1)`, []id.Membership{a})
		}},
		"a manager of others": {0, func() int {
			return one[int](c.manager, c.world, `SELECT count(*)::int FROM record_tries($1)`, []id.Membership{c.outside})
		}},
	} {
		if got := ctx.c(); got != ctx.n {
			t.Errorf("%s reads %d lines", name, got)
		}
	}
	own, err := c.svc.OwnTraining(c.ctxOf[a])
	if err != nil || len(own.Rows) != 1 || !own.Shows || own.Rows[0].How != courses.ByLearning {
		t.Errorf("their own: %s, %v", says(own), err)
	}
	if err := c.svc.ShowTries(c.ctxOf[a], false); err != nil || strings.HasPrefix(effect(), "true") {
		t.Errorf("taken back: %v", err)
	}
}
