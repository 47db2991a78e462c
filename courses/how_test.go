package courses_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// TestCertificateTellsHow is a certificate that says whether it was learned or shown by test, where its publisher wants that, in what is signed,
// too; and nobody writes it otherwise.
func TestCertificateTellsHow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, update, how, says string
		tells                   bool
	}{
		{"not told", `SELECT 1`, "", "", false},
		{"learned", `SELECT 1`, courses.ByLearning, "Went through the lessons", true},
		{"shown by test", `UPDATE completions SET by_test = true WHERE org_id = $1`, courses.ByTest, "passed the check that skips them", true},
		{"both", `UPDATE completions SET by_test = lesson_key = 'do' WHERE org_id = $1`, courses.ByBoth, "Went through some lessons", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := awards(t, nil)
			offer := courses.CredentialOffer{Name: "Field check", Shows: "checks a site", Criteria: "Three lessons.", TellsHow: tt.tells}
			if err := a.svc.SetOffer(a.author, a.item.ItemID, offer); err != nil {
				t.Fatal(err)
			}
			for _, l := range []string{"read", "do"} {
				if _, err := a.svc.CompleteLesson(a.partner.member, courses.Place{Item: a.item.ItemID, Lesson: l}); err != nil {
					t.Fatal(err)
				}
			}
			a.answer(a.partner.member, true)
			a.tx(a.partner.ctx, func(tx *db.Tx) error {
				args := []any{tx.Scope.Org}
				if !strings.Contains(tt.update, "$1") {
					args = nil
				}
				_, err := tx.Exec(tt.update, args...)
				return err
			})
			a.give(a.partner)
			list, err := a.svc.Credentials(a.partner.member)
			if err != nil || len(list.Rows) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			c, err := a.svc.Credential(a.partner.member, list.Rows[0].ID)
			if err != nil || c.How != tt.how || !c.Holds {
				t.Errorf("it says %q and holds %v, %v", c.How, c.Holds, err)
			}
			doc, _ := json.Marshal(c.Document)
			if strings.Contains(string(doc), `"evidence"`) != tt.tells || !strings.Contains(string(doc), tt.says) {
				t.Errorf("signed: %s", doc)
			}
			// Nobody writes it otherwise.
			for _, as := range []scope.Scope{scope.System(scope.Issuer, a.partner.org.OrgID), {Actor: scope.Member, Org: a.partner.org.OrgID, Membership: a.partner.m.MembershipID}} {
				err := a.db.Tx(scope.Enter(t.Context(), as), func(tx *db.Tx) error {
					return tx.Must(`UPDATE credentials SET how = 'partly', issued_at = issued_at + interval '1 second' WHERE org_id = $1 AND how <> 'partly'`, id.Org(a.partner.org.OrgID))
				})
				if tt.how != courses.ByBoth && err == nil {
					t.Errorf("%s writes how it was earned", as.Actor)
				}
			}
		})
	}
}
