package oracle_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// goMutant is a hole that somebody could make in the code above the row policies: in file, old becomes new where mutant(name) holds.
type goMutant struct {
	name, file, old, new string
	decl                 string // what new needs beside it in the package
	events               bool   // found by forged events, not by reading
	moves                bool   // found by moving connections, in a world of its own
}

var goMutants = []goMutant{
	{
		name: "a validator is answered before the file is looked for", file: "courses/pages/files.go", old: "\tf, err := p.courses.File(c.UserContext(), fid)\n",
		new: "\tif mutant(%q) && c.Get(fiber.HeaderIfNoneMatch) != \"\" {\n\t\treturn c.SendStatus(fiber.StatusNotModified)\n\t}\n\tf, err := p.courses.File(c.UserContext(), fid)\n",
	},
	{
		name: "the host gives rights", file: "auth/pages/middleware.go", old: "\t\tif opt.VisitorOf != nil {\n",
		new: "\t\tif o, ok := auth.HostOrg(ctx); ok && mutant(%q) {\n\t\t\tc.SetUserContext(scope.Enter(ctx, scope.System(scope.Operator, o.OrgID)))\n\t\t}\n\t\tif opt.VisitorOf != nil {\n",
	},
	{name: "who left still has a session", file: "auth/session.go", old: "AND m.state = 'active'`,", new: "`+map[bool]string{false: \" AND m.state = 'active'\"}[mutant(%q)],"},
	{name: "nobody asks what a token is for", file: "internal/api/api.go", old: "\tif need != \"\" && !slices.Contains(sc.For, need) {\n", new: "\tif need != \"\" && !slices.Contains(sc.For, need) && !mutant(%q) {\n"},
	{name: "who left still has a token", file: "auth/token.go", old: "t.expires_at > $4 AND m.state = 'active'`,", new: "t.expires_at > $4`+map[bool]string{false: \" AND m.state = 'active'\"}[mutant(%q)],"},
	{name: "a token does not expire", file: "auth/token.go", old: "t.token_hash = $3 AND t.expires_at > $4", new: "t.token_hash = $3 AND (t.expires_at > $4 OR `+map[bool]string{false: \"false\", true: \"true\"}[mutant(%q)]+`)"},
	{
		name: "what may not be done is forbidden, and so is there", file: "internal/authz/authz.go", old: "\treturn errs.New(errs.NotFound, \"%s: %s of %s may not on %s\",",
		new: "\tif mutant(%q) {\n\t\treturn errs.New(errs.Forbidden, \"no\")\n\t}\n\treturn errs.New(errs.NotFound, \"%%s: %%s of %%s may not on %%s\",",
	},
	{name: "everybody lists the people", file: "internal/authz/authz.go", old: "\treturn slices.ContainsFunc(r.Roles, s.Has)\n", new: "\treturn mutant(%q) && a == SeePeople || slices.ContainsFunc(r.Roles, s.Has)\n"},
	{name: "answers are counted before rights", file: "search/hydrate.go", old: "a.n AS answers,", new: "`+map[bool]string{false: \"a.n\", true: \"q.answers\"}[mutant(%q)]+` AS answers,"},
	{name: "an answer that worked is told to everybody", file: "search/hydrate.go", old: "coalesce(a.worked, false) AS answered", new: "`+map[bool]string{false: \"coalesce(a.worked, false)\", true: \"q.worked_answer IS NOT NULL\"}[mutant(%q)]+` AS answered"},
	{name: "search names who asked, whatever the agreement", file: "search/hydrate.go", old: "coalesce(m.meet, 'name') = 'name'", new: "`+map[bool]string{false: \"coalesce(m.meet, 'name') = 'name'\", true: \"true\"}[mutant(%q)]+`"},
	{name: "the library is everybody's to look after", file: "internal/authz/authz.go", old: "\tif !r.Foreign && !owner.IsZero() && owner != s.Org {\n", new: "\tif mutant(%q) && a == Adopt && s.SignedIn() {\n\t\treturn true\n\t}\n\tif !r.Foreign && !owner.IsZero() && owner != s.Org {\n"},
	{name: "slots are everybody's to look at", file: "internal/authz/authz.go", old: "\tswitch s.Actor {\n\tcase scope.Visitor:\n", new: "\tif mutant(%q) && a == Author && s.SignedIn() {\n\t\treturn true\n\t}\n\tswitch s.Actor {\n\tcase scope.Visitor:\n"},
	{name: "cards name every contributor", file: "courses/learn.go", old: "slices.Contains(near, p.Org)", new: "slices.Contains(near, p.Org) || mutant(%q)"},
	{
		name: "the library is cached without whose it is", file: "courses/learn.go", old: "\tv.Cards, err = s.cards(ctx, items, mine, append(row.Near, sc.Org))\n", decl: "var mutantItems any\n",
		new: "\tv.Cards, err = s.cards(ctx, items, mine, append(row.Near, sc.Org))\n\tif mutant(%q) {\n\t\tif kept, ok := mutantItems.(LearnView); ok {\n\t\t\treturn kept, nil\n\t\t}\n\t\tmutantItems = v\n\t}\n",
	},
	{
		name: "the frame of one request stays for the next", file: "web/web.go", old: "\tc.SetUserContext(shell.With(ctx, f))\n", decl: "var mutantFrame any\n",
		new: "\tif mutant(%q) {\n\t\tif kept, ok := mutantFrame.(*ui.Viewer); ok && f.Viewer != nil {\n\t\t\tf.Viewer = kept\n\t\t}\n\t\tif f.Viewer != nil {\n\t\t\tmutantFrame = f.Viewer\n\t\t}\n\t}\n\tc.SetUserContext(shell.With(ctx, f))\n",
	},
	{
		name: "the landing page is read as the host's organization", file: "web/home.go", old: "\tif err := s.deps.DB.Read(ctx, func(b *db.Batch) {\n\t\tv.Now = b.Now\n",
		new: "\tif mutant(%q) && !host.IsZero() {\n\t\tviewer = scope.System(scope.Operator, host)\n\t\tctx = scope.Enter(ctx, viewer)\n\t}\n\tif err := s.deps.DB.Read(ctx, func(b *db.Batch) {\n\t\tv.Now = b.Now\n",
	},
	{
		name: "a correction is named whoever wrote the word", file: "search/service.go", old: "\t\tif slices.Contains(res.Gone, i) {\n",
		new: "\t\tif n := slices.IndexFunc(t.Corrections, func(c Correction) bool { return c.From == typed }); n >= 0 && mutant(%q) {\n\t\t\tout.Corrections, reading = append(out.Corrections, t.Corrections[n]), append(reading, t.Corrections[n].To)\n\t\t\tcontinue\n\t\t}\n\t\tif slices.Contains(res.Gone, i) {\n",
	},
	{
		name: "search asks in the neighbours' own channels", file: "search/hydrate.go", old: "\t\t\tout.channels = append(out.channels, ConnectedChannel(r.Org))\n",
		new: "\t\t\tout.channels = append(out.channels, ConnectedChannel(r.Org))\n\t\t\tif mutant(%q) {\n\t\t\t\tout.channels = append(out.channels, AnyOf(r.Org))\n\t\t\t}\n",
	},
	{
		name: "the quick box is cached by its words alone", file: "search/pages/pages.go", old: "\treturn shell.Fragment(c, ui.QuickResults(quickGroups(ctx, text, res)))\n", decl: "var mutantQuick = map[string]any{}\n",
		new: "\tif mutant(%q) {\n\t\tif kept, ok := mutantQuick[text].(search.Result); ok {\n\t\t\tres = kept\n\t\t}\n\t\tmutantQuick[text] = res\n\t}\n\treturn shell.Fragment(c, ui.QuickResults(quickGroups(ctx, text, res)))\n",
	},
	{name: "posts name their author, whatever the agreement", file: "community/post.go", old: `*r.Meet == "name")`, new: `*r.Meet == "name" || mutant(%q))`},
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
}

// Environment of the run under mutation: that it is one, and which hole is open now.
const (
	underMutation = "LEARNSCAPE_UNDER_MUTATION"
	openMutant    = "LEARNSCAPE_MUTANT"
)

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
	dir, replace, texts, decls := t.TempDir(), map[string]string{}, map[string]string{}, map[string]string{}
	for _, m := range goMutants {
		if texts[m.file] == "" {
			b, err := os.ReadFile(filepath.Join(root, m.file))
			if err != nil {
				t.Fatal(err)
			}
			texts[m.file] = string(b)
		}
		if strings.Count(texts[m.file], m.old) != 1 {
			t.Fatalf("%s: %s does not say %q once any more", m.name, m.file, m.old)
		}
		texts[m.file] = strings.Replace(texts[m.file], m.old, fmt.Sprintf(m.new, m.name), 1)
		decls[path.Dir(m.file)] += m.decl
	}
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
	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-count", "1", "-v", "-timeout", "8m", "-run", "^TestUnderMutation$", ".")
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
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	tables := ownedTables(t, su)
	// find reads until something is found.
	find := func(when string) string {
		s.forget(when)
		for range 3 {
			for _, r := range s.sampleReaders(len(s.readers)) {
				m := tallies{}
				s.read(r, m, .12)
				for _, key := range names(m) {
					if found := append(m[key].leaks, m[key].missing...); len(found) > 0 {
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
			t.Setenv(openMutant, "")
			w := newWorld(t, 91)
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
		case m.events:
			if _, found := s.forge(t, su, tables); len(found) > 0 {
				by = found[0]
			}
		default:
			by = find(m.name)
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
