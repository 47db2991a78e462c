package oracle_test

import (
	"slices"
	"strings"

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
				lines = append(lines, listed{ob: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, as: tok})
			}
		}
		return []ask{{target: "/publish", about: about, ok: 200, lists: lines}, {target: "/publish?tab=published", about: about, ok: 200, lists: s.itemsOn(r, false)}}
	}},
	"GET /publish/:id":                 {kind: page, asks: drafts("")},
	"GET /publish/:id/discard":         {kind: page, asks: drafts("/discard")},
	"GET /publish/:id/lessons/:lesson": {kind: page, asks: drafts("/lessons/first")},
	"GET /publish/:id/files/:name": {kind: file, asks: func(s *site, r *reader) []ask {
		out := drafts("/files/nothing.png")(s, r)
		for i := range out {
			out[i].never, out[i].about = true, nil // None has such a file.
		}
		return out
	}},
	"POST /publish":                     {kind: write, post: posts("/publish", "title=")},
	"POST /publish/:id":                 {kind: write, post: draftForms("", "do=discard", "do=publish&edition=1", "do=add&lesson=Mine", "do=head&edition=1&title=Mine&lang=en", "do=remove&lesson=first")},
	"POST /publish/:id/rewrite":         {kind: write, post: draftForms("/rewrite", "")},
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

// write lets authors of the organization write on most of its courses.
func (w *world) write(o *org) {
	for _, ob := range w.items {
		p := w.pages[ob.ID]
		if p.org != o || p.kind != tenants.KindCourse || w.chance(.4) {
			continue
		}
		desk := &oracle.Object{Kind: oracle.Library, Org: ob.Org}
		w.exec(o, `INSERT INTO course_drafts (org_id, item_id, title, summary, outcome, intro, note, base, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, now())`,
			o.id, p.id, w.token(desk, "draft "+ob.ID), w.field(desk, "course_drafts.summary"), w.field(desk, "course_drafts.outcome"), w.field(desk, "course_drafts.intro"), w.field(desk, "course_drafts.note"))
		w.exec(o, `INSERT INTO draft_lessons (org_id, item_id, key, position, module, title, source, saved_at) VALUES ($1, $2, 'first', 1, $3, $4, $5, now())`,
			o.id, p.id, w.field(desk, "draft_lessons.module"), w.field(desk, "draft_lessons.title"), strings.Join(slices.Repeat([]string{w.field(desk, "draft_lessons.source")}, 2), "\n\n## Again\n\n"))
	}
}
