package oracle_test

import (
	"math/rand/v2"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// feedbackRoutes are whether a lesson helped, and what its authors read of that.
var feedbackRoutes = map[string]route{
	"POST /course/:id/:slug/lessons/:lesson/feedback": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/feedback"}, "helped=1&words=hello")
	}},
	"POST /path/:id/:slug/steps/:step/feedback": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/feedback", "/steps/s1/feedback"}, "helped=0")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/feedback": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/feedback"}, "helped=1&signed=1&words=hello")
	}},
	"GET /returns":                  {kind: page, asks: returnsFor("/returns")},
	"GET /returns.csv":              {kind: page, asks: returnsFor("/returns.csv")},
	"GET /publish/:id/feedback":     {kind: page, asks: answersOfItems("/feedback")},
	"GET /publish/:id/feedback.csv": {kind: file, asks: answersOfItems("/feedback.csv")},
	"POST /publish/:id/feedback": {kind: write, post: func(s *site, _ bool) (out []form) {
		for _, h := range s.world.verdicts {
			for _, body := range []string{"do=done&of=", "do=back&of=", "do=answer&words=mine&of="} {
				out = append(out, form{"/publish/" + h.Item + "/feedback", body + h.ID})
			}
		}
		return out
	}},
}

// say lets each member say of a lesson whether it helped, in a few words, some of them signed.
func (w *world) say(o *org) {
	// By chance of its own: the rest of the world is what it was.
	before := w.r
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 37))
	defer func() { w.r = before }()
	for _, m := range o.members {
		for range 2 {
			it := pick(w.r, w.items)
			ob := &oracle.Object{Kind: oracle.Said, Org: o.id.String(), ID: id.New[id.Any]().String(), Item: it.ID, Member: m.String(), Other: it.Org}
			shown := ""
			if w.rich && w.chance(.5) { // The row itself holds the name; whether it is told is decided where it is read.
				ob.Shown, shown = "name", w.byKey[m.String()]
			}
			n := 0
			w.must(o, func(tx *db.Tx) (err error) {
				rows, err := tx.Exec(`INSERT INTO lesson_feedback (org_id, feedback_id, membership_id, item_org, item_id, lesson_key, helped, words, shown_name, at) VALUES ($1, $2, $3, $4, $5, 'a', false, $6, $7, now()) ON CONFLICT DO NOTHING`,
					o.id, ob.ID, m, it.Org, it.ID, w.field(ob, "lesson_feedback.words"), shown)
				n = int(rows)
				return err
			})
			if n == 0 {
				continue
			}
			w.put("lesson_feedback", ob.ID, &oracle.Object{Kind: oracle.Private, Org: ob.Org, Member: ob.Member})
			read := *ob
			read.Done = true
			w.put("feedback_on", ob.ID, &read)
			w.verdicts = append(w.verdicts, ob)
		}
	}
}

// returnsFor asks whether people come back, for those who look at the figures of the whole.
func returnsFor(target string) func(*site, *reader) []ask {
	return func(_ *site, r *reader) []ask {
		if r.scope.Has(scope.Lead) {
			return []ask{{target: target, ok: 200}}
		}
		return []ask{{target: target, about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200}}
	}
}
