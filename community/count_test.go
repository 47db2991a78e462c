package community_test

import (
	"testing"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/community/communitytest"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/tenants"
)

func TestReactions(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	q := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "Who uses it?")
	ans := w.Answer(t, w.A.Me, q, community.AudienceConnected, "We do.")
	for _, tt := range []struct {
		name string
		post id.Post
		kind string
	}{{"a kind that answers do not take", ans, community.Same}, {"a kind that questions do not take", q, community.Used}, {"no kind", ans, "love"}} {
		if _, err := w.Svc.React(w.C.Me, tt.post, tt.kind); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v, want invalid", tt.name, err)
		}
	}
	if _, err := w.Svc.React(w.A.Me, ans, community.Used); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an own post: %v, want invalid", err)
	}
	if of, err := w.Svc.React(w.C.Me, ans, community.Used); err != nil || of != q {
		t.Fatalf("react: %s, %v", of, err)
	}
	w.Drain(t)
	used := func(viewer communitytest.House) community.Tally {
		t.Helper()
		th, err := w.Svc.Thread(viewer.Me, q, false)
		if err != nil {
			t.Fatal(err)
		}
		return th.Answers[0].Used
	}
	if got := used(w.C); got != (community.Tally{Count: 1, Mine: true}) {
		t.Errorf("the one who reacted sees %+v", got)
	}
	if got := used(w.A); got.Count != 0 {
		t.Errorf("one reaction of another organization is shown to the author: %+v, want none below five", got)
	}
	// Four more from one house make five of others for everybody else.
	w.Tx(t, w.Vendor.Operator, func(tx *db.Tx) error {
		for range 4 {
			if err := jobs.Emit(tx, community.Reacted{Org: w.A.OrgID, Post: ans, Kind: community.Used, On: true, Key: id.New[id.Any]()}); err != nil {
				return err
			}
		}
		return nil
	})
	w.Drain(t)
	if got := used(w.A); got.Count != 5 {
		t.Errorf("five reactions of others: %+v", got)
	}
	if _, err := w.Svc.React(w.C.Me, ans, community.Used); err != nil {
		t.Fatal(err)
	}
	w.Drain(t)
	if got := used(w.C); got.Count != 0 || got.Mine {
		t.Errorf("taken back: %+v", got)
	}
}

// TestEventsComeTwice hands the same events out again: nothing is added up a second time.
func TestEventsComeTwice(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	q := w.Ask(t, w.Vendor.Me, w.Path, community.AudienceConnected, "Once or twice?")
	ans := w.Answer(t, w.A.Me, q, community.AudienceConnected, "Once.")
	events := []community.Reacted{
		{Org: w.A.OrgID, Post: ans, Kind: community.Used, On: true, Key: id.New[id.Any]()},
		{Org: w.A.OrgID, Post: ans, Kind: community.Thanks, On: true, Key: id.New[id.Any]()},
	}
	for range 3 {
		w.Tx(t, w.Vendor.Operator, func(tx *db.Tx) error {
			for _, e := range append(events, events[0]) {
				if err := jobs.Emit(tx, e); err != nil {
					return err
				}
			}
			return jobs.Emit(tx, community.AnswerPosted{Org: w.Vendor.OrgID, Question: q, Answer: ans})
		})
		w.Drain(t)
	}
	w.Tx(t, w.A.Operator, func(tx *db.Tx) error {
		sums, err := db.Row[struct {
			Used   int `db:"used"`
			Thanks int `db:"thanks"`
		}](tx, `SELECT used, thanks FROM answers WHERE org_id = $1 AND answer_id = $2`, tx.Scope.Org, ans)
		if sums.Used != 1 || sums.Thanks != 1 {
			t.Errorf("sums %+v, want 1 and 1", sums)
		}
		return err
	})
	w.Tx(t, w.Vendor.Operator, func(tx *db.Tx) error {
		n, err := db.Row[int](tx, `SELECT answers FROM questions WHERE org_id = $1 AND question_id = $2`, tx.Scope.Org, q)
		if n != 1 {
			t.Errorf("%d answers are counted, want 1", n)
		}
		return err
	})
}

func TestDiscussionFromAFile(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Fresh(t))
	d, err := community.ParseDiscussion([]byte(`
key: spike
about: ` + w.Vendor.Slug + `/` + w.Path.Slug + `#alarm-rules
owner: x
audience: agreement
read_by: [x]
asked_by: mara@` + w.A.Slug + `.example
asked_at: "2026-03-09T16:22:00+01:00"
shown_as: name
lang: en
topics: [x]
title: "Spike every morning?"
body: |
  Every working day at **06:10**.
answers:
  - by: owen@` + w.C.Slug + `.example
    at: "2026-03-10T05:48:00+01:00"
    shown_as: name
    worked: true
    used: 22
    thanks: 31
    body: |
      That is the wash-down.
  - by: mara@` + w.B.Slug + `.example
    at: "2026-03-11T05:48:00+01:00"
    shown_as: name
    used: 2
    body: |
      I cannot even know of this question.
same_question: 14
state: answered
`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := w.Svc.LoadDiscussion(w.Vendor.Operator, d)
		if err != nil {
			t.Fatal(err)
		}
		if got.Answers != 1 || len(got.Left) != 1 || got.Left[0] != "mara@"+w.B.Slug+".example" {
			t.Errorf("loaded %+v", got)
		}
		w.Drain(t)
		th, err := w.Svc.Thread(w.Vendor.Me, got.Question, false)
		if err != nil {
			t.Fatal(err)
		}
		if th.Count != 1 || !th.Worked || th.Answers[0].Used.Count != 22 || th.Same.Count != 14 || th.By.Name != "Mara Alder" || th.Lesson != "alarm-rules" {
			t.Errorf("%+v", th.Question)
		}
		if th.AskedAt.UTC().Format("2006-01-02 15:04") != "2026-03-09 15:22" || th.HTML != "<p>Every working day at <strong>06:10</strong>.</p>" {
			t.Errorf("asked at %s, %s", th.AskedAt, th.HTML)
		}
	}
}

func TestResource(t *testing.T) {
	t.Parallel()
	w := communitytest.New(t, dbtest.Open(t))
	it, err := w.Svc.PublishResource(w.Vendor.Operator, community.ResourceDraft{
		Title: "Ice bath", Kind: "checklist", Lang: "en", Summary: "Ten lines.", Collections: []string{"partners"}, Body: "- Fill the flask", AuthorName: "Mara Vendor",
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Svc.Resource(w.B.Me, it.ItemID)
	if err != nil || r.AuthorName != "Mara Vendor" || r.ResourceKind != "checklist" || r.HTML == "" || r.Kind != tenants.KindResource || r.Own {
		t.Errorf("b reads %+v, %v", r, err)
	}
	if _, err := w.Svc.Resource(w.Stranger.Me, it.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("a stranger: %v, want not found", err)
	}
	if _, err := w.Svc.Resource(w.Visitor, it.ItemID); !errs.Is(err, errs.NotFound) {
		t.Errorf("a visitor: %v, want not found", err)
	}
	if _, err := w.Svc.PublishResource(w.B.Me, community.ResourceDraft{Title: "x", Kind: "tip"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a member publishes: %v, want not found", err)
	}
}
