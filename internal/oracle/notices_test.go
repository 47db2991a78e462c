package oracle_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
)

// noticeMails lets every connection of the world come to its reminders, and reads the mails about connections: each tells of the two
// whose connection it is, to people of one of them, and of nobody else.
func (s *site) noticeMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	if _, err := su.Exec(t.Context(), `UPDATE memberships m SET roles = m.roles || '{partner_manager}' WHERE m.membership_id IN (SELECT min(x.membership_id::text)::uuid FROM memberships x WHERE x.state = 'active' GROUP BY x.org_id)`); err != nil {
		t.Fatal(err)
	}
	s.settleDown()
	now := s.portal.DB.Now()
	for _, o := range s.orgs {
		for _, days := range []int{0, 4, 11, 366} {
			if err := s.portal.Routine.Remind(jobs.Enter(t.Context(), scope.Mailer, o.id), now.AddDate(0, 0, days)); err != nil {
				t.Fatal(err)
			}
		}
	}
	rows, err := su.Query(t.Context(), `SELECT m.org_id::text AS org, m.subject || E'\n' || m.body AS text, p.membership_id::text AS member FROM mails m
		JOIN memberships p ON p.org_id = m.org_id AND p.email = m.recipient WHERE m.body LIKE '%/network/%'`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Org    string `db:"org"`
		Text   string `db:"text"`
		Member string `db:"member"`
	}])
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 5 {
		t.Errorf("%d mails about connections; the world does not tell enough", len(list))
	}
	for _, m := range list {
		_, rest, _ := strings.Cut(m.Text, "/network/")
		slug, _, _ := strings.Cut(rest, "\n")
		for _, o := range s.orgs {
			if name := s.byKey[o.id.String()]; strings.Contains(m.Text, name) && o.id.String() != m.Org && o.slug != slug {
				t.Errorf("LEAK: a mail about %s to %s names %s:\n%s", slug, m.Org, o.slug, m.Text)
			}
		}
		tl := &tally{}
		s.scan(tl, &reader{name: "the mail's reader", org: s.owner[m.Org], who: oracle.Viewer{Org: m.Org, Member: m.Member}}, "mail", "", answer{body: m.Text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
	t.Logf("%d mails about connections", len(list))
}
