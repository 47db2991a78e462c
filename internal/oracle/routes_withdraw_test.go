package oracle_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// withdrawRoutes are the versions of what an organization publishes, for those who write it.
var withdrawRoutes = map[string]route{
	"GET /publish/:id/versions": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			p := s.pages[ob.ID]
			a := ask{target: "/publish/" + ob.ID + "/versions", id: ob.ID, about: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, ok: 200}
			if a.never = p.kind != tenants.KindCourse && p.kind != tenants.KindPath || ob.State == "draft"; a.never {
				a.about = nil
			}
			out = append(out, a)
		}
		return out
	}},
	"POST /publish/:id/versions": {kind: write, post: draftForms("/versions", "do=withdraw&version=1&kind=legal&reason=Theirs", "do=restore&version=1", "do=restore&version=3")},
}

// recall has an organization withdraw a version of some of its items, with its texts and a file that only they show, and tells some of those to
// whom they are open, and itself.
func (w *world) recall(o *org) {
	if w.rich {
		return
	}
	before := w.r // By chance of its own: the rest of the world is what it was.
	w.r = rand.New(rand.NewPCG(uint64(len(w.tokens)), 43))
	defer func() { w.r = before }()
	owner, n := o.id.String(), 0
	su := superuser(w.t, w.dsn("postgres"))
	exec := func(q string, args ...any) {
		w.t.Helper()
		if _, err := su.Exec(w.t.Context(), q, args...); err != nil {
			w.t.Fatalf("%s: %v", q, err)
		}
	}
	for _, it := range w.items {
		if it.Org != owner || it.State != "published" {
			continue
		}
		if n++; n > 3 {
			break
		}
		ob := &oracle.Object{Kind: oracle.Recalled, Org: owner, ID: it.ID, Item: it.ID}
		house := &oracle.Object{Kind: oracle.House, Org: owner}
		iid, tok, file := parse[id.Item](w.t, it.ID), w.token(ob, "gone "+it.ID), id.New[id.File]()
		exec(`INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest, withdrawn) VALUES ($1, $2, 3, 'Gone', '', '[]', '', true)`, o.id, iid)
		exec(`INSERT INTO lessons (org_id, item_id, version, key, position, title, source, blocks, plain, withdrawn) VALUES ($1, $2, 3, 'gone', 1, $3, $3, '[]', $3, true)`, o.id, iid, tok)
		exec(`INSERT INTO lesson_texts (org_id, item_id, version, key, lang, title, source, blocks, plain, withdrawn) VALUES ($1, $2, 3, 'gone', 'fr', $3, $3, '[]', $3, true)`, o.id, iid, tok)
		exec(`INSERT INTO files (org_id, file_id, item_id, sha256, name, media_type, size, path, withdrawn) VALUES ($1, $2, $3, sha256('gone'), $4, 'text/plain', 1, $4, true)`, o.id, file, iid, w.field(ob, "files.name"))
		exec(`INSERT INTO withdrawals (org_id, item_id, version, kind, reason, instead, withdrawn_by, withdrawn_at) VALUES ($1, $2, 3, 'legal', $3, 1, $4, now())`, o.id, iid, w.field(house, "withdrawals.reason"), o.members[0])
		w.put("versions", it.ID+" gone", it)
		w.put("lessons", it.ID+" gone", ob)
		w.put("lesson_texts", it.ID+" gone", ob)
		w.put("files", file.String(), ob)
		w.put("withdrawals", it.ID+" 3", house)
		for _, v := range w.orgs {
			if v != o && !w.model.Sees(oracle.Viewer{Org: v.id.String()}, it) {
				continue
			}
			told := &oracle.Object{Kind: oracle.House, Org: v.id.String()}
			exec(`INSERT INTO withdrawal_notes (org_id, item_org, item_id, version, title, item_kind, kind, reason, instead, withdrawn_at) VALUES ($1, $2, $3, 3, 'Gone', 'course', 'legal', $4, 1, now())`, v.id, o.id, iid, w.field(told, "withdrawal_notes.reason"))
			w.put("withdrawal_notes", v.id.String()+" "+it.ID, told)
		}
	}
}

// recallForgeries are what nobody withdraws, gives back or is told: what is another's, and words in the place of whoever carries them.
func (w *world) recallForgeries() (out []forgery) {
	for _, by := range w.orgs {
		as := []scope.Scope{{Actor: scope.Member, Org: by.id, Membership: by.members[0], Roles: scope.Roles()}}
		for _, o := range w.orgs {
			for _, it := range w.items {
				if it.Org != o.id.String() {
					continue
				}
				iid := parse[id.Item](w.t, it.ID)
				out = append(out, forgery{what: "tell one's own people what nobody withdrew", as: as, args: []any{by.id, o.id, iid}, steps: []string{
					`INSERT INTO withdrawal_notes (org_id, item_org, item_id, version, title, item_kind, kind, reason, withdrawn_at) VALUES ($1, $2, $3, 7, 'x', 'course', 'legal', 'x', now())`,
				}})
				if o == by {
					continue
				}
				for _, table := range []string{"versions", "lessons", "lesson_texts", "files"} {
					for _, on := range []bool{true, false} {
						out = append(out, forgery{what: fmt.Sprintf("withdraw another's, or give it back (%s, %v)", table, on), as: as, args: []any{o.id, iid, on}, steps: []string{`UPDATE ` + table + ` SET withdrawn = $3 WHERE org_id = $1 AND item_id = $2`}})
					}
				}
				out = append(out,
					forgery{what: "say why another withdrew something", as: as, args: []any{o.id, iid}, steps: []string{`UPDATE withdrawals SET reason = 'x' WHERE org_id = $1 AND item_id = $2`}},
					forgery{what: "write what another is told", as: as, args: []any{o.id, iid}, steps: []string{`UPDATE withdrawal_notes SET reason = 'x' WHERE org_id = $1 AND item_id = $2`}})
				break
			}
		}
	}
	return out
}
