package oracle_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/oracle"
)

// goMutant is a hole that somebody could make in the code above the row policies: in file, old becomes new where mutant(name) holds.
type goMutant struct {
	name, file, old, new string
	at                   []string // the beginnings of the routes by which it is looked for; all routes if there are none
	decl                 string   // what new needs beside it in the package
	events               bool     // found by forged events, not by reading
	moves                bool     // found by moving connections, in a world of its own
	leaves               bool     // found when somebody leaves who was read as a moment ago
}

var goMutants = []goMutant{
	{
		name: "a validator is answered before the file is looked for", at: []string{"GET /files/"}, file: "courses/pages/files.go", old: "\tf, err := p.courses.File(c.UserContext(), fid)\n",
		new: "\tif mutant(%q) && c.Get(fiber.HeaderIfNoneMatch) != \"\" {\n\t\treturn c.SendStatus(fiber.StatusNotModified)\n\t}\n\tf, err := p.courses.File(c.UserContext(), fid)\n",
	},
	{
		name: "the host gives rights", file: "auth/pages/middleware.go", old: "\t\tctx, guard, err := svc.Tenants().StillAwake(ctx, org)\n",
		new: "\t\tif mutant(%q) {\n\t\t\tctx = scope.Enter(ctx, scope.System(scope.Operator, org.OrgID))\n\t\t}\n\t\tctx, guard, err := svc.Tenants().StillAwake(ctx, org)\n",
	},
	{
		name: "who comes in by the public door acts for the house", at: []string{"GET /"}, file: "auth/pages/middleware.go", old: "scope.Scope{Actor: scope.Individual, Visitor: i.IndividualID})",
		new: "func() scope.Scope {\n\t\tif mutant(%q) {\n\t\t\treturn scope.System(scope.Operator, i.OrgID)\n\t\t}\n\t\treturn scope.Scope{Actor: scope.Individual, Visitor: i.IndividualID}\n\t}())",
	},
	{
		name: "who handed something in is named to another organization, whatever the two agreed", at: []string{"GET /handed"}, file: "courses/task.go", old: "db.List(b, &rows, handedSQL+` ORDER BY",
		new: "db.List(b, &rows, map[bool]string{false: handedSQL, true: strings.Replace(handedSQL, \"CASE WHEN c.meet = 'name' THEN s.shown_name END\", \"s.shown_name\", 1)}[mutant(%q)]+` ORDER BY",
	},
	{
		name: "who shares a thought is named to another organization, whatever the two agreed", at: []string{"GET /reflections"}, file: "courses/reflection.go", old: "db.List(b, &v.Rows, sharedSQL+readsSQL+",
		new: "db.List(b, &v.Rows, map[bool]string{false: sharedSQL, true: strings.Replace(sharedSQL, \"CASE WHEN c.meet = 'name' THEN s.shown_name END\", \"s.shown_name\", 1)}[mutant(%q)]+readsSQL+",
	},
	{
		name: "who is in a group is named to another organization, whatever the two agreed", at: []string{"GET /course/"}, file: "courses/group.go", old: "db.One(b, &g.groupSeen, nil, groupStepSQL,",
		new: "db.One(b, &g.groupSeen, nil, map[bool]string{false: groupStepSQL, true: strings.Replace(groupStepSQL, \"CASE WHEN c.meet = 'name' AND p.shown_as = 'name' THEN p.shown_name END\", \"p.shown_name\", 1)}[mutant(%q)],",
	},
	{
		name: "who would read what is shared with a group is named, whatever the two agreed", at: []string{"GET /reflections"}, file: "courses/reflection.go", old: "db.List(b, &v.Circles, circlesSQL,",
		new: "db.List(b, &v.Circles, map[bool]string{false: circlesSQL, true: strings.Replace(circlesSQL, \"CASE WHEN b.meet = 'name' AND p.shown_as = 'name' THEN p.shown_name END\", \"p.shown_name\", 1)}[mutant(%q)],",
	},
	{name: "what was presumed of a session is believed", leaves: true, at: []string{"GET /me"}, file: "auth/session.go", old: "if err != nil || !reflect.DeepEqual(is, was) {", new: "if (err != nil || !reflect.DeepEqual(is, was)) && !mutant(%q) {"},
	{name: "who left still has a session", at: []string{"GET /me"}, file: "auth/session.go", old: "AND m.state = 'active'`,", new: "`+map[bool]string{false: \" AND m.state = 'active'\"}[mutant(%q)],"},
	{name: "nobody asks what a token is for", at: []string{"GET /api/v1/collections"}, file: "internal/api/api.go", old: "\tif need != \"\" && !slices.Contains(sc.For, need) {\n", new: "\tif need != \"\" && !slices.Contains(sc.For, need) && !mutant(%q) {\n"},
	{name: "who left still has a token", at: []string{"GET /api/v1/organization"}, file: "auth/token.go", old: "t.expires_at > $4 AND m.state = 'active'`,", new: "t.expires_at > $4`+map[bool]string{false: \" AND m.state = 'active'\"}[mutant(%q)],"},
	{name: "a token does not expire", at: []string{"GET /api/v1/organization"}, file: "auth/token.go", old: "t.token_hash = $3 AND t.expires_at > $4", new: "t.token_hash = $3 AND (t.expires_at > $4 OR `+map[bool]string{false: \"false\", true: \"true\"}[mutant(%q)]+`)"},
	{
		name: "what may not be done is forbidden, and so is there", at: []string{"GET /admin/"}, file: "internal/authz/authz.go", old: "\treturn &errs.Error{Kind: errs.NotFound, Err: Refusal{",
		new: "\tif mutant(%q) {\n\t\treturn errs.New(errs.Forbidden, \"no\")\n\t}\n\treturn &errs.Error{Kind: errs.NotFound, Err: Refusal{",
	},
	{name: "everybody lists the links", at: []string{"GET /publish/links"}, file: "courses/link.go", old: "err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {\n\t\treturn LinksView{}, err\n", new: "err := authz.Check(ctx, authz.Author, id.Org{}); err != nil && !mutant(%q) {\n\t\treturn LinksView{}, err\n"},
	{name: "everybody sees who tries a version", at: []string{"GET /publish/:id/pilot"}, file: "courses/pilot.go", old: "err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {\n\t\treturn PilotView{}, err\n", new: "err := authz.Check(ctx, authz.Author, id.Org{}); err != nil && !mutant(%q) {\n\t\treturn PilotView{}, err\n"},
	{name: "everybody lists the versions", at: []string{"GET /publish/:id/versions"}, file: "courses/withdraw_list.go", old: "err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {\n\t\treturn VersionsView{}, err\n", new: "err := authz.Check(ctx, authz.Author, id.Org{}); err != nil && !mutant(%q) {\n\t\treturn VersionsView{}, err\n"},
	{name: "everybody lists the people", at: []string{"GET /admin/people"}, file: "internal/authz/authz.go", old: "\treturn slices.ContainsFunc(r.Roles, s.Has)\n", new: "\treturn mutant(%q) && a == SeePeople || slices.ContainsFunc(r.Roles, s.Has)\n"},
	{name: "a manager reads what was recorded of everybody", at: []string{"GET /records/past/"}, file: "courses/past_remove.go", old: "WHERE p.org_id = $1 AND p.record_id = $4`, append(cares(sc), which)...)", new: "WHERE p.org_id = $1 AND p.record_id = $4`, sc.Org, authz.Allowed(sc, authz.ManageTeams, id.Org{}) || mutant(%q), sc.Membership, which)"},
	{name: "a manager reads everybody's file of past records", at: []string{"GET /records/import/"}, file: "courses/past.go", old: "pastImports+` AND p.import_id = $4`, append(cares(sc), which)...)", new: "pastImports+` AND p.import_id = $4`, sc.Org, authz.Allowed(sc, authz.ManageTeams, id.Org{}) || mutant(%q), sc.Membership, which)"},
	{name: "answers are counted before rights", at: []string{"GET /search"}, file: "search/hydrate.go", old: "a.n AS answers,", new: "`+map[bool]string{false: \"a.n\", true: \"q.answers\"}[mutant(%q)]+` AS answers,"},
	{name: "an answer that worked is told to everybody", at: []string{"GET /search"}, file: "search/hydrate.go", old: "coalesce(a.worked, false) AS answered", new: "`+map[bool]string{false: \"coalesce(a.worked, false)\", true: \"q.worked_answer IS NOT NULL\"}[mutant(%q)]+` AS answered"},
	{name: "search names who asked, whatever the agreement", at: []string{"GET /search"}, file: "search/hydrate.go", old: "coalesce(m.meet, 'name') = 'name'", new: "`+map[bool]string{false: \"coalesce(m.meet, 'name') = 'name'\", true: \"true\"}[mutant(%q)]+`"},
	{name: "the library is everybody's to look after", at: []string{"GET /library"}, file: "internal/authz/authz.go", old: "\tif !r.Foreign && !owner.IsZero() && owner != s.Org {\n", new: "\tif mutant(%q) && a == Adopt && s.SignedIn() {\n\t\treturn true\n\t}\n\tif !r.Foreign && !owner.IsZero() && owner != s.Org {\n"},
	{name: "slots are everybody's to look at", at: []string{"GET /slots/"}, file: "internal/authz/authz.go", old: "\tswitch s.Actor {\n\tcase scope.Visitor:\n", new: "\tif mutant(%q) && a == Author && s.SignedIn() {\n\t\treturn true\n\t}\n\tswitch s.Actor {\n\tcase scope.Visitor:\n"},
	{name: "cards name every contributor", at: []string{"GET /learn"}, file: "courses/learn.go", old: "slices.Contains(near, p.Org)", new: "slices.Contains(near, p.Org) || mutant(%q)"},
	{
		name: "the library is cached without whose it is", at: []string{"GET /learn"}, file: "courses/learn.go", old: "\tv.Cards, err = s.cards(ctx, items, mine, append(head.Near, sc.Org))\n", decl: "var mutantItems any\n",
		new: "\tv.Cards, err = s.cards(ctx, items, mine, append(head.Near, sc.Org))\n\tif mutant(%q) {\n\t\tif kept, ok := mutantItems.(LearnView); ok {\n\t\t\treturn kept, nil\n\t\t}\n\t\tmutantItems = v\n\t}\n",
	},
	{
		name: "the frame of one request stays for the next", at: []string{"GET /learn"}, file: "web/web.go", old: "\tc.SetUserContext(shell.With(ctx, f))\n", decl: "var mutantFrame any\n",
		new: "\tif mutant(%q) {\n\t\tif kept, ok := mutantFrame.(*ui.Viewer); ok && f.Viewer != nil {\n\t\t\tf.Viewer = kept\n\t\t}\n\t\tif f.Viewer != nil {\n\t\t\tmutantFrame = f.Viewer\n\t\t}\n\t}\n\tc.SetUserContext(shell.With(ctx, f))\n",
	},
	{
		name: "the landing page is read as the host's organization", file: "web/home.go", old: "\tif err := s.deps.DB.Read(ctx, func(b *db.Batch) {\n\t\tv.Now = b.Now\n",
		new: "\tif mutant(%q) && !host.IsZero() {\n\t\tviewer = scope.System(scope.Operator, host)\n\t\tctx = scope.Enter(ctx, viewer)\n\t}\n\tif err := s.deps.DB.Read(ctx, func(b *db.Batch) {\n\t\tv.Now = b.Now\n",
	},
	{
		name: "a correction is named whoever wrote the word", at: []string{"GET /search"}, file: "search/service.go", old: "\t\tif slices.Contains(res.Gone, i) {\n",
		new: "\t\tif n := slices.IndexFunc(t.Corrections, func(c Correction) bool { return c.From == typed }); n >= 0 && mutant(%q) {\n\t\t\tout.Corrections, reading = append(out.Corrections, t.Corrections[n]), append(reading, t.Corrections[n].To)\n\t\t\tcontinue\n\t\t}\n\t\tif slices.Contains(res.Gone, i) {\n",
	},
	{
		name: "search asks in the neighbours' own channels", at: []string{"GET /search"}, file: "search/hydrate.go", old: "\t\t\tout.channels = append(out.channels, ConnectedChannel(r.Org))\n",
		new: "\t\t\tout.channels = append(out.channels, ConnectedChannel(r.Org))\n\t\t\tif mutant(%q) {\n\t\t\t\tout.channels = append(out.channels, AnyOf(r.Org))\n\t\t\t}\n",
	},
	{
		name: "the quick box is cached by its words alone", at: []string{"GET /search/quick"}, file: "search/pages/pages.go", old: "\treturn shell.Fragment(c, ui.QuickResults(quickGroups(ctx, text, res)))\n", decl: "var mutantQuick = map[string]any{}\n",
		new: "\tif mutant(%q) {\n\t\tif kept, ok := mutantQuick[text].(search.Result); ok {\n\t\t\tres = kept\n\t\t}\n\t\tmutantQuick[text] = res\n\t}\n\treturn shell.Fragment(c, ui.QuickResults(quickGroups(ctx, text, res)))\n",
	},
	{name: "authors read the name of every guest", at: []string{"GET /live/:id/people"}, file: "courses/live_seat.go", old: "WHEN c.meet = 'name' AND s.shown_as = 'name' THEN", new: "WHEN `+map[bool]string{false: \"c.meet = 'name' AND\", true: \"\"}[mutant(%q)]+` s.shown_as = 'name' THEN"},
	{name: "posts name their author, whatever the agreement", at: []string{"GET /community", "GET /questions/"}, file: "community/post.go", old: `*r.Meet == "name" {`, new: `*r.Meet == "name" || mutant(%q) {`},
	{
		name: "an event is handled for whom its payload names", file: "internal/jobs/events.go", old: "\t\treturn fn(Enter(ctx, actor, org), events)\n", events: true,
		new: "\t\tif mutant(%q) {\n\t\t\tfor _, e := range events {\n\t\t\t\tif err := fn(Enter(ctx, actor, e.EventOrg()), []E{e}); err != nil {\n\t\t\t\t\treturn err\n\t\t\t\t}\n\t\t\t}\n\t\t\treturn nil\n\t\t}\n\t\treturn fn(Enter(ctx, actor, org), events)\n",
	},
	{
		name: "the end leaves what was opened", file: "tenants/ending.go", moves: true, old: "\tif err := l.close(tx); err != nil {\n\t\treturn err\n\t}\n\treturn l.disclose(tx)\n}",
		new: "\tif mutant(%q) {\n\t\treturn nil\n\t}\n\tif err := l.close(tx); err != nil {\n\t\treturn err\n\t}\n\treturn l.disclose(tx)\n}",
	},
	{
		name: "a pause leaves what was opened", file: "tenants/ending.go", moves: true, old: "\tif err := l.close(tx); err != nil {\n\t\treturn err\n\t}\n\tif err := l.disclose(tx)",
		new: "\tif !mutant(%q) {\n\t\tif err := l.close(tx); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n\tif err := l.disclose(tx)",
	},
	{
		name: "what was countered can be signed", file: "tenants/agreement.go", moves: true, old: "\tif l.proposed.Version != number || !bytes.Equal(",
		new: "\tif mutant(%q) {\n\t\tnumber = l.proposed.Version\n\t} else if l.proposed.Version != number || !bytes.Equal(",
	},
	{
		name: "resuming opens what is only proposed", file: "tenants/ending.go", moves: true, old: "\tif err := l.carryOut(tx, l.inForce, \"\"); err != nil {\n",
		new: "\tif mutant(%q) && l.proposed != nil {\n\t\tl.inForce = l.proposed\n\t}\n\tif err := l.carryOut(tx, l.inForce, \"\"); err != nil {\n",
	},
	{name: "one side opens what the other signed for", file: "tenants/link.go", moves: true, old: "\t\th := v.Terms.A\n\t\tif org == l.B {", new: "\t\th := v.Terms.A\n\t\tif (org == l.B) != mutant(%q) {"},
	{name: "what is signed is opened to everybody", file: "tenants/link.go", moves: true, old: "\t\t\t\torg, other, o.Collection, v.Agreement,", new: "\t\t\t\torg, map[bool]id.Org{false: other, true: id.Everyone}[mutant(%q)], o.Collection, v.Agreement,"},
	{
		name: "a collection that was taken back is opened again", file: "tenants/link.go", moves: true, old: "c.collection_id = $3 AND c.visibility <> 'internal'`,",
		new: "c.collection_id = $3`+map[bool]string{false: \" AND c.visibility <> 'internal'\"}[mutant(%q)],",
	},
	{name: "nobody asks whose collection is offered", file: "tenants/agreement.go", moves: true, old: "c.org_id = $1 AND c.collection_id = ANY($2) AND c.visibility <> 'internal' ORDER BY c.collection_id LIMIT 500`, tx.Scope.Org, ids)", new: "(c.org_id = $1 OR $3) AND c.collection_id = ANY($2) AND c.visibility <> 'internal' ORDER BY c.collection_id LIMIT 500`, tx.Scope.Org, ids, mutant(%q))"},
	{name: "who has finished goes on reading", file: "tenants/ending.go", moves: true, old: "AND e.state = 'active'\n", new: "AND (e.state = 'active' OR `+map[bool]string{false: \"false\", true: \"true\"}[mutant(%q)]+`)\n"},
	{
		name: "time to finish outlives the end at once", file: "tenants/ending.go", moves: true, old: "\t\t\t_, err := tx.Exec(`DELETE FROM finishing",
		new: "\t\t\tif mutant(%q) {\n\t\t\t\treturn nil\n\t\t\t}\n\t\t\t_, err := tx.Exec(`DELETE FROM finishing",
	},
	{
		name: "the sides are not told of the end", file: "tenants/link.go", moves: true, old: "\t\t_, err := tx.Exec(`UPDATE connection_sides SET state = $3 WHERE org_id = $1 AND other_org = $2`, org, other, to)\n",
		new: "\t\tif mutant(%q) {\n\t\t\treturn nil\n\t\t}\n\t\t_, err := tx.Exec(`UPDATE connection_sides SET state = $3 WHERE org_id = $1 AND other_org = $2`, org, other, to)\n",
	},
	// Views.
	{
		name: "a view lets in everything", at: []string{"GET /me"}, file: "web/viewas.go", old: "\treturn errs.Say(errs.NotFound, \"view.elsewhere\", \"Org\", o.Name)\n",
		new: "\tif mutant(%q) {\n\t\treturn c.Next()\n\t}\n\treturn errs.Say(errs.NotFound, \"view.elsewhere\", \"Org\", o.Name)\n",
	},
	{name: "a view outlives the connection", at: []string{"GET /me"}, file: "tenants/view.go", old: "WHERE s.org_id = $1 AND s.state = 'active' AND", new: "WHERE s.org_id = $1 AND `+map[bool]string{false: \"s.state = 'active'\", true: \"true\"}[mutant(%q)]+` AND"},
	{name: "whoever asks for a view gets one", at: []string{"GET /me"}, file: "internal/authz/authz.go", old: "\tif !s.Token.IsZero() && !reaches(s.For, a) {\n", new: "\tif mutant(%q) && a == ViewAs && s.SignedIn() {\n\t\treturn true\n\t}\n\tif !s.Token.IsZero() && !reaches(s.For, a) {\n"},
	{
		name: "who looks as another is the other", at: []string{"GET /learn", "GET /stories"}, file: "auth/view.go", old: "\ts.View, s.Roles = as, []scope.Role{scope.Learner}\n",
		new: "\ts.View, s.Roles = as, []scope.Role{scope.Learner}\n\tif mutant(%q) && as != id.Everyone {\n\t\ts.Org, s.View = as, id.Org{}\n\t}\n",
	},

	// What organizations learn about each other's people.
	{name: "who is known elsewhere is told to whoever manages the network", at: []string{"GET /network/:slug/ours"}, file: "tenants/disclosure.go", old: "v = Given{Persons: authz.Allowed(tx.Scope, authz.SeePeople, id.Org{})}", new: "v = Given{Persons: authz.Allowed(tx.Scope, authz.SeePeople, id.Org{}) || mutant(%q)}"},
	{
		name: "who takes a yes back stays known", file: "tenants/consent.go", moves: true, old: "c WHERE c.decision = 'given'`,\n\t\ttx.Scope.Org, tx.Scope.Membership, id.New[id.Any](), other, tx.Now); err != nil {\n\t\treturn err\n\t}\n",
		new: "c WHERE c.decision = 'given'`,\n\t\ttx.Scope.Org, tx.Scope.Membership, id.New[id.Any](), other, tx.Now); err != nil || mutant(%q) {\n\t\treturn err\n\t}\n",
	},

	// What people are asked to learn.
	{
		name: "assignments are kept for the next who asks", at: []string{"GET /assignments"}, file: "courses/assigned.go", decl: "var mutantAssignments any\n", old: "\tif len(v.Rows) > limit {\n\t\tv.Rows, v.More = v.Rows[:limit], true\n\t}\n\treturn v, err\n}\n\n// AssignedPerson",
		new: "\tif mutant(%q) {\n\t\tif kept, ok := mutantAssignments.(AssignmentsView); ok {\n\t\t\treturn kept, nil\n\t\t}\n\t\tif len(v.Rows) > 0 {\n\t\t\tmutantAssignments = v\n\t\t}\n\t}\n\tif len(v.Rows) > limit {\n\t\tv.Rows, v.More = v.Rows[:limit], true\n\t}\n\treturn v, err\n}\n\n// AssignedPerson",
	},

	// Libraries, and what is added to what is in them.
	{
		name: "a library is kept for the next who asks", at: []string{"GET /library"}, file: "courses/adopt.go", decl: "var mutantLibrary any\n", old: "\tv.All, v.Waiting, v.Closed = counts.All, counts.Waiting, counts.Closed\n",
		new: "\tif mutant(%q) {\n\t\tif kept, ok := mutantLibrary.(LibraryView); ok {\n\t\t\treturn kept, nil\n\t\t}\n\t\tif len(v.Rows) > 0 {\n\t\t\tmutantLibrary = v\n\t\t}\n\t}\n\tv.All, v.Waiting, v.Closed = counts.All, counts.Waiting, counts.Closed\n",
	},
	{
		name: "what is added is kept with the path", at: []string{"GET /path/:id/:slug"}, file: "courses/additions.go", decl: "var mutantAdditions = map[any]any{}\n", old: "func (r *root) settle(viewer id.Org) {\n",
		new: "func (r *root) settle(viewer id.Org) {\n\tif mutant(%q) {\n\t\tif kept, ok := mutantAdditions[r.ItemID].([]Additions); ok {\n\t\t\tr.Additions = kept\n\t\t} else if len(r.Additions) > 0 {\n\t\t\tmutantAdditions[r.ItemID] = slices.Clone(r.Additions)\n\t\t}\n\t}\n",
	},

	// Programs.
	{name: "every program reads the log", at: []string{"GET /api/v1/log"}, file: "internal/authz/authz.go", old: "\t\tif len(r.Roles) == 0 {\n", new: "\t\tif mutant(%q) && a == ReadLog && !s.Token.IsZero() {\n\t\t\treturn true\n\t\t}\n\t\tif len(r.Roles) == 0 {\n"},
}

// byCompany signs terms by which a side reads who asked at the other as a company alone, of somebody who asked there by name.
func (s *site) byCompany() {
	for _, p := range s.pacts {
		for _, o := range []*org{p.a, p.b} {
			reads := oracle.Viewer{Org: p.other(o).id.String()}
			if s.stateOf(p) != "active" || !slices.ContainsFunc(s.posts, func(q *oracle.Object) bool {
				return q.Kind == oracle.Question && q.Org == o.id.String() && q.Shown == "name" && q.Audience != "org" && s.model.Sees(reads, q)
			}) {
				continue
			}
			for p.inForce.meet[o] != "company" {
				s.counterOpen(p)
			}
			return
		}
	}
	s.t.Fatal("nobody asks by name")
}

// endView pauses a connection on which a view rests.
func (s *site) endView() {
	for _, r := range s.readers {
		if o := s.owner[r.looks]; o != nil && r.self.Looks {
			s.pause(s.pact(r.org, o), o)
			return
		}
	}
	s.t.Fatal("nobody looks as another organization")
}

// Environment of the run under mutation: that it is one, and which hole is open now.
const (
	underMutation = "LEARNSCAPE_UNDER_MUTATION"
	openMutant    = "LEARNSCAPE_MUTANT"
)

// holed is the code with every hole in it, by file, and what the holes of a folder need beside them. A hole whose place is gone fails the test.
func holed(t *testing.T, root string) (texts, decls map[string]string) {
	t.Helper()
	texts, decls = map[string]string{}, map[string]string{}
	for _, m := range goMutants {
		if texts[m.file] == "" {
			b, err := os.ReadFile(filepath.Join(root, m.file))
			if err != nil {
				t.Fatal(err)
			}
			texts[m.file] = string(b)
		}
		if strings.Count(texts[m.file], m.old) != 1 {
			t.Errorf("%s: %s does not say %q once any more", m.name, m.file, m.old)
		}
		texts[m.file] = strings.Replace(texts[m.file], m.old, fmt.Sprintf(m.new, m.name), 1)
		decls[path.Dir(m.file)] += m.decl
	}
	return texts, decls
}

// TestGoMutantsHaveAPlace fails as soon as the code that a hole is made in has changed, in every run and without a build.
func TestGoMutantsHaveAPlace(t *testing.T) {
	t.Parallel()
	holed(t, "../..")
}

// TestGoMutants builds the portal once more with every hole in it, each closed until it is asked for, and runs the oracle against one
// at a time: it must find each. It takes as long as a build and runs with `make oracle`.
func TestGoMutants(t *testing.T) {
	t.Parallel()
	if !whole() || os.Getenv(underMutation) != "" {
		t.Skip("part of `make oracle`")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, replace := t.TempDir(), map[string]string{}
	texts, decls := holed(t, root)
	put := func(name, text string) {
		at := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, name)] = at
	}
	for name, text := range texts {
		put(name, text)
	}
	for folder, decl := range decls {
		put(folder+"/mutant.go", "package "+path.Base(folder)+"\n\nimport \"os\"\n\n"+decl+"\nfunc mutant(name string) bool { return os.Getenv(\""+openMutant+"\") == name }\n")
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-count", "1", "-v", "-timeout", "25m", "-run", "^TestUnderMutation$", ".")
	cmd.Env = append(os.Environ(), underMutation+"=1")
	out, err := cmd.CombinedOutput()
	for line := range strings.SplitSeq(string(out), "\n") {
		if strings.Contains(line, "gomutants_test.go") || strings.Contains(line, "FAIL") || err != nil && !strings.Contains(line, " INFO ") {
			t.Log(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Errorf("under mutation: %v", err)
	}
}

// TestUnderMutation is the run of TestGoMutants: alone in a process, because what it opens is open for the whole process.
func TestUnderMutation(t *testing.T) { //nolint:paralleltest // As said.
	if os.Getenv(underMutation) == "" {
		t.Skip("run by TestGoMutants")
	}
	s := newSite(t, 61)
	for range 3 {
		s.leave()
	}
	s.endView()
	s.byCompany()
	s.settleDown()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	tables := ownedTables(t, su)
	// find reads until something is found.
	find := func(when string, at ...string) string {
		s.forget(when)
		share := .12
		if len(at) > 0 {
			share = .6
		}
		readers := len(s.readers)
		if when == "before" || when == "mended" {
			readers, share = 12, .05 // TestOverHTTP reads as everybody.
		}
		for range 3 {
			for _, r := range s.sampleReaders(readers) {
				m := tallies{}
				s.read(r, m, share, at...)
				for _, key := range names(m) {
					if found := append(m[key].leaks, m[key].missing...); len(found) > 0 {
						if when == "before" || when == "mended" {
							return key + ": " + found[0]
						}
						return key
					}
				}
			}
			if when == "before" || when == "mended" {
				break
			}
		}
		return ""
	}
	if key := find("before"); key != "" {
		t.Fatalf("there is something to find without any mutant: %s", key)
	}
	killed, slowest := 0, time.Duration(0)
	for _, m := range goMutants {
		t.Setenv(openMutant, m.name)
		start, by := time.Now(), ""
		switch {
		case m.moves:
			for _, seed := range []uint64{91, 92, 93} { // In a next world where nothing in the first one differs by it.
				if by != "" {
					break
				}
				t.Setenv(openMutant, "")
				w := newWorld(t, seed)
				w.mutated = true
				t.Setenv(openMutant, m.name)
				w.everyMove(func(when string) bool {
					all := w.tallies()
					w.compare(t.Context(), all, when)
					for _, key := range names(all) {
						if len(all[key].leaks)+len(all[key].missing) > 0 {
							by = key + ", after " + when
							return true
						}
					}
					return false
				})
			}
		case m.events:
			if _, found := s.forge(t, su, tables); len(found) > 0 {
				by = found[0]
			}
		default:
			if m.leaves {
				for _, r := range s.readers {
					s.read(r, tallies{}, .05, m.at...)
				}
				s.leave()
			}
			by = find(m.name, m.at...)
		}
		took := time.Since(start)
		t.Setenv(openMutant, "")
		if by == "" {
			t.Errorf("survived %s, in %v", m.name, took.Round(time.Millisecond))
			continue
		}
		killed, slowest = killed+1, max(slowest, took)
		t.Logf("killed   %-70s by %s in %v", m.name, by, took.Round(time.Millisecond))
	}
	if key := find("mended"); key != "" {
		t.Errorf("not mended: %s", key)
	}
	t.Logf("%d of %d mutants of the code killed, at most %v each", killed, len(goMutants), slowest.Round(time.Millisecond))
}
