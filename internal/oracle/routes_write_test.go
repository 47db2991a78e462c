package oracle_test

import (
	"slices"
	"strings"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// writeRoutes are the pages of those who write courses.
var writeRoutes = map[string]route{
	"GET /publish": {kind: list, asks: func(s *site, r *reader) []ask {
		about := &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}
		var lines []listed
		for _, ob := range s.world.items {
			if tok := s.byKey["draft "+ob.ID]; tok != "" {
				lines = append(lines, listed{ob: s.drafted(ob), as: tok})
			}
		}
		return []ask{{target: "/publish", about: about, ok: 200, lists: lines}, {target: "/publish?tab=published", about: about, ok: 200, lists: s.itemsOn(r, false)}}
	}},
	"GET /publish/:id":                        {kind: page, asks: drafts("")},
	"GET /publish/:id/discard":                {kind: page, asks: drafts("/discard")},
	"GET /publish/:id/lessons/:lesson":        {kind: page, asks: drafts("/lessons/first")},
	"GET /publish/:id/lessons/:lesson/texts":  {kind: page, asks: drafts("/lessons/first/texts")},
	"POST /publish/:id/lessons/:lesson/texts": {kind: write, post: draftForms("/lessons/first/texts", "do=rights&edition=1&licence=Mine", "do=text&edition=1&lang=de&title=Mine&source=Mine", "do=remove&edition=1&lang=de")},
	"GET /publish/:id/steps/:step": {kind: page, asks: func(s *site, r *reader) []ask {
		out := drafts("/steps/first")(s, r)
		for i, ob := range s.world.items {
			if s.pages[ob.ID].kind != tenants.KindPath {
				out[i].never, out[i].about = true, nil
			}
		}
		return out
	}},
	"GET /publish/:id/files/:name": {kind: file, asks: func(s *site, r *reader) []ask {
		out := drafts("/files/nothing.png")(s, r)
		for i := range out {
			out[i].never, out[i].about = true, nil // None has such a file.
		}
		return out
	}},
	"POST /publish": {kind: write, post: posts("/publish", "title=")},
	"POST /publish/:id": {kind: write, post: draftForms("", "do=discard", "do=publish&edition=1", "do=add&lesson=Mine", "do=head&edition=1&title=Mine&lang=en", "do=remove&lesson=first", "do=step-lesson&lesson=Mine", "do=step-place&step=first", "do=review-ask&who=Mine",
		"do=review-off&reviewer=01a21306-28be-7092-bb09-9f3a7379a7ff", "do=review-settle&remark=01a21306-28be-7092-bb09-9f3a7379a7ff", "do=review-plan&at=2030-01-02T03:04", "do=review-cancel", "do=links")},
	"POST /publish/:id/rewrite":         {kind: write, post: draftForms("/rewrite", "")},
	"POST /publish/:id/steps/:step":     {kind: write, post: draftForms("/steps/first", "edition=1&title=Mine&needs=first", "edition=1&note=Mine&section=Mine&slot=on")},
	"POST /publish/:id/files":           {kind: write, post: draftForms("/files", "file=x")},
	"POST /publish/:id/lessons/:lesson": {kind: write, post: draftForms("/lessons/first", "edition=1&title=Mine&source=Mine", "edition=1&title=Mine&blocks=1&b0.kind=prose&b0.text=Mine&do=add+quiz")},
}

// drafts asks for what is written of every course.
func drafts(rest string) func(*site, *reader) []ask {
	return func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			a := ask{target: "/publish/" + ob.ID + rest, id: ob.ID, never: true}
			if s.byKey["draft "+ob.ID] != "" {
				a = ask{target: a.target, id: ob.ID, about: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, ok: 200}
			}
			out = append(out, a)
		}
		return out
	}
}

// draftForms are forms about every course, of organizations that the sender is not in.
func draftForms(rest string, bodies ...string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		var out []form
		for i, ob := range s.world.items {
			if i%3 == 0 {
				out = append(out, form{"/publish/" + ob.ID + rest, bodies[i/3%len(bodies)]})
			}
		}
		return out
	}
}

// drafted is what is written of an item: its authors see it, and whoever was asked to read it.
func (w *world) drafted(ob *oracle.Object) *oracle.Object {
	return &oracle.Object{Kind: oracle.Draft, Org: ob.Org, Member: w.asked[ob.ID]}
}

// write lets authors of the organization write on most of its courses and paths, and ask somebody who writes nothing to read some of them. A
// path's draft has a step that leads to whatever there is, of others too: its authors could link to it once.
func (w *world) write(o *org) {
	for _, ob := range w.items {
		p := w.pages[ob.ID]
		if p.org != o || p.kind != tenants.KindCourse && p.kind != tenants.KindPath || w.chance(.4) {
			continue
		}
		if w.chance(.5) {
			w.asked[ob.ID] = pick(w.r, o.members).String()
		}
		desk, plan := w.drafted(ob), courses.Plan{}
		if p.kind == tenants.KindPath {
			to := w.pages[pick(w.r, w.items).ID]
			led := &oracle.Object{Kind: oracle.Step, Org: ob.Org, Item: ob.ID, ID: to.ob.ID}
			plan.Begin = &courses.PlanSlot{Suggestion: w.field(desk, "plan.begin")}
			plan.Steps = []courses.PlanStep{
				{Key: "first", Kind: courses.StepLesson, Rules: courses.Rules{Note: w.field(desk, "plan.note"), Section: w.field(desk, "plan.section"), Either: w.field(desk, "plan.either")}, Slot: &courses.PlanSlot{Suggestion: w.field(desk, "plan.slot")}},
				{Key: "led", Kind: to.kind, Item: to.id, Title: w.field(led, "plan.title"), Rules: courses.Rules{Needs: []string{"first"}}},
			}
		}
		w.exec(o, `INSERT INTO course_drafts (org_id, item_id, title, summary, outcome, intro, note, base, plan, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, now())`,
			o.id, p.id, w.token(desk, "draft "+ob.ID), w.field(desk, "course_drafts.summary"), w.field(desk, "course_drafts.outcome"), w.field(desk, "course_drafts.intro"), w.field(desk, "course_drafts.note"), plan)
		w.exec(o, `INSERT INTO draft_lessons (org_id, item_id, key, position, module, title, source, saved_at) VALUES ($1, $2, 'first', 1, $3, $4, $5, now())`,
			o.id, p.id, w.field(desk, "draft_lessons.module"), w.field(desk, "draft_lessons.title"), strings.Join(slices.Repeat([]string{w.field(desk, "draft_lessons.source")}, 2), "\n\n## Again\n\n"))
		w.review(o, p)
	}
}
