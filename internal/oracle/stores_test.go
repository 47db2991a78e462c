package oracle_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants"
)

// shared is the reviewed list of what a process keeps for longer than a request and lets several requests use at once: every type
// with a lock, an atomic or the like in it, and every variable of a package that is not fixed. Each says by what it is kept, or that it
// is the same for everybody. What belongs to a viewer stands in none of them.
var shared = map[string]string{
	"auth.deskTries":               "how often each network asked for the operators' sign-in, by network: a number",
	"auth.gates":                   "how many requests wait for a provider and how often it failed, by provider",
	"auth.issuers":                 "what a provider tells anybody of itself, by issuer",
	"auth.keySet":                  "the keys of one issuer",
	"internal/limit.Buckets":       "by token, person or network of a visitor; nothing but how often they asked",
	"web.refusals":                 "nobody's: how many lines were written in the last minute",
	"internal/db.Counter":          "how many statements one request made",
	"internal/db.Guard":            "whether the session that one request presumed is still the same",
	"internal/db.Trace":            "the statements of one call, for tests",
	"internal/db.migrations":       "the embedded files",
	"internal/db/embedded.Cluster": "the server's own process",
	"internal/jobs.Relay":          "one batch at a time; nothing is kept",
	"internal/lang.catalog":        "the fixed texts of the product",
	"internal/lang.matcher":        "the languages of the product",
	"internal/lang.messages":       "the embedded files",
	"internal/lang.printers":       "one for each language",
	"internal/lang.written":        "rendered texts, by language, key and every value that stands in them: who gets one had its values already",
	"internal/markdown.engine":     "the renderer, which keeps nothing",
	"internal/markdown.liner":      "the reader of single lines, which keeps nothing",
	"internal/markdown.policy":     "the sanitizer, which keeps nothing",
	"internal/secret.Keyring":      "the keys that follow from the installation's own, by purpose",
	"auth.sessions":                "whose session a token's hash is, for ten minutes: a request that presumes it is answered only if its first read says the same",
	"courses/badge.files":          "the embedded files",
	"courses.memory":               "the order of a published version, which never changes, by owner, item and number, and its texts, by lesson and language: whoever asks has read under its own rights that this version, and this lesson of it, is its to see; and which lesson stood at an address, which is read under the rights of who asks and thrown away if it is not what stands there for that one; and that a member is asked nothing at an item, for a minute",
	"search.tally":                 "how often words were looked for, by the organization that looked, until they are written a few seconds later",
	"search.Meili":                 "whether the index is set up there",
	"search.Service":               "words of all documents without whose they are, and synonyms by organization; what a viewer is told of a word is asked for in its own documents",
	"search.guarded":               "whether the other engine answers",
	"search.rareWords":             "keyed hashes of words and of who typed them, for a day",
	"tenants.Reads":                "how often what was read of another organization, by the organization that read, until it is written a few seconds later",
	"tenants.Service":              "name and brand of organizations, by identifier and by host: public",
	"web.sheets":                   "style sheets, by colour",
	"web/ui.covers":                "drawings, by everything that they are drawn from",
	"web/ui/static.dist":           "the embedded files",
	"web/ui/static.index":          "the embedded files",
}

// outside are folders whose code is no part of a portal that serves several organizations.
var outside = []string{"auth/demoop", "tenants/tenantstest", "cmd", "internal/arch", "internal/oracle", "internal/db/dbtest", "search/searchbench", "web/webtest", "web/ui/static/internal", "docs", "deploy"}

// TestWhatAProcessShares finds every place in which one request could leave something for another, and fails for one that is not in
// the reviewed list.
func TestWhatAProcessShares(t *testing.T) {
	t.Parallel()
	have := map[string]string{}
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path) // Below it, as WalkDir went.
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || slices.Contains(outside, filepath.ToSlash(rel)) || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_templ.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(rel))
		for _, name := range stores(f) {
			have[dir+"."+name] = rel
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if shared[name] == "" {
			t.Errorf("%s in %s is shared by requests; say by what its content is kept, so that no viewer's gets to another:\n\t%q: \"…\",", name, have[name], name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(shared)) {
		if have[name] == "" {
			t.Errorf("%s is reviewed and not there", name)
		}
	}
}

// stores are the names of a file's types that hold a lock or the like, and of its variables that can change or are made once.
func stores(f *ast.File) []string {
	var out []string
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, sp := range g.Specs {
			switch sp := sp.(type) {
			case *ast.TypeSpec:
				if st, ok := sp.Type.(*ast.StructType); ok && slices.ContainsFunc(st.Fields.List, func(f *ast.Field) bool { return synced(f.Type) }) {
					out = append(out, sp.Name.Name)
				}
			case *ast.ValueSpec:
				if g.Tok != token.VAR {
					continue
				}
				for i, n := range sp.Names {
					if n.Name != "_" && (sp.Type != nil && synced(sp.Type) || i < len(sp.Values) && (synced(sp.Values[i]) || fresh(sp.Values[i])) || sp.Values == nil) {
						out = append(out, n.Name)
					}
				}
			}
		}
	}
	return out
}

// synced reports a type or call of the packages that let goroutines share something.
func synced(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if _, isFunc := n.(*ast.FuncLit); isFunc {
			return false
		}
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic" || x.Name == "singleflight" || x.Name == "lru" || x.Name == "cache") {
				found = true
			}
		}
		return true
	})
	return found
}

// fresh reports a map or slice that is made empty, to be filled later.
func fresh(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CallExpr:
		n, ok := e.Fun.(*ast.Ident)
		return ok && (n.Name == "make" || n.Name == "new")
	case *ast.CompositeLit:
		_, isMap := e.Type.(*ast.MapType)
		return isMap && len(e.Elts) == 0
	case *ast.UnaryExpr:
		return e.Op == token.AND
	}
	return false
}

// mails are the places that write a mail, each with how the oracle makes it write one. A mail has a case here or the test fails.
var mails = map[string]func(s *site, t *testing.T){
	"auth/glass.go tell":         (*site).glassMails,
	"auth/link.go mailLink":      (*site).linkMails,
	"auth/invite.go invite":      (*site).inviteMails,
	"auth/house.go tellOnce":     (*site).houseMails,
	"tenants/routine.go message": (*site).noticeMails,
	"courses/remind.go message":  (*site).tryMails,
	"courses/routine.go send":    (*site).reviewMails,
	"courses/task.go post":       (*site).taskMails,
	"auth/errand.go SendErrand":  (*site).errandMails,

	"auth/provider_errand.go SendProvider": (*site).providerErrandMails,
	"auth/welcome.go mailWelcome":          (*site).welcomeMails,
	"auth/door.go tellEmergency":           (*site).emergencyMails,
	"auth/import_run.go tellOf":            (*site).importMails,
	"auth/claimed.go askClaim":             (*site).claimMails,

	"courses/credential.go credentialMail":   (*site).credentialMails,
	"courses/assigned.go tellAssigned":       (*site).assignMails,
	"courses/teamview.go mailNudge":          (*site).nudgeMails,
	"courses/due.go dueMessage":              (*site).dueMails,
	"courses/past_remind.go pastMail":        (*site).pastMails,
	"courses/program_ask.go askMail":         (*site).askMails,
	"courses/live_mail.go liveMail":          (*site).liveMails,
	"courses/live_lost.go lostMail":          (*site).lostMails,
	"courses/live_void.go tellVoid":          (*site).voidMails,
	"courses/withdraw_carry.go message":      (*site).withdrawMails,
	"courses/program_partner.go programMail": (*site).programMails,
}

// TestMails renders every mail that the product sends, in the oracle's world, and looks for what its reader may not see.
func TestMails(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel, _ := filepath.Rel("../..", path) // Below it, as WalkDir went.
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if lit, ok := n.(*ast.CompositeLit); ok {
					if s, ok := lit.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Message" {
						if x, ok := s.X.(*ast.Ident); ok && x.Name == "mail" {
							have[filepath.ToSlash(rel)+" "+fn.Name.Name] = true
						}
					}
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := sets(slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(mails))); diff != "" {
		t.Errorf("mails and their cases: %s", diff)
	}
	s := newSite(t, 51)
	s.forget("mails")
	for _, of := range slices.Sorted(maps.Keys(mails)) { // One leaves the world as the next finds it: always in the same order.
		mails[of](s, t)
		if t.Failed() {
			t.Fatalf("in the mail of %s", of)
		}
	}
}

// linkMails asks for one-time links: a member gets one that tells of nothing but its organization; whoever has no membership there
// gets none, and the page is the same.
func (s *site) linkMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	count := func() (n int) {
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM mails`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i, o := range s.orgs {
		var mine, other string
		if err := su.QueryRow(t.Context(), `SELECT (SELECT email FROM memberships WHERE org_id = $1 ORDER BY email LIMIT 1), (SELECT email FROM memberships WHERE org_id = $2 AND email NOT IN (SELECT email FROM memberships WHERE org_id = $1) ORDER BY email LIMIT 1)`,
			o.id, s.orgs[(i+1)%len(s.orgs)].id).Scan(&mine, &other); err != nil {
			t.Fatal(err)
		}
		visitor := &reader{name: "visitor", host: o.slug + "." + base, org: o}
		before := count()
		a := s.request(visitor, "POST", "/sign-in/email", url.Values{"email": {other}}.Encode(), nil)
		if n := count(); n != before {
			t.Errorf("%s wrote a mail to somebody of another organization", o.slug)
		}
		b := s.request(visitor, "POST", "/sign-in/email", url.Values{"email": {mine}}.Encode(), nil)
		if a.status != b.status || a.body != b.body || a.head["Location"] != b.head["Location"] {
			t.Errorf("%s: who has a membership is answered differently: %d, %d", o.slug, a.status, b.status)
		}
		var text, member string
		if err := su.QueryRow(t.Context(), `SELECT m.subject || E'\n' || m.body || E'\n' || m.recipient, p.membership_id::text FROM mails m JOIN memberships p ON p.org_id = m.org_id AND p.email = m.recipient
			WHERE m.org_id = $1 ORDER BY m.created_at DESC LIMIT 1`, o.id).Scan(&text, &member); err != nil {
			t.Fatalf("%s: no mail: %v", o.slug, err)
		}
		if !strings.Contains(text, s.byKey[o.id.String()]) {
			t.Errorf("the mail does not say whose portal it is: %s", text)
		}
		tl := &tally{}
		who := &reader{name: "the mail's reader", org: o, who: oracle.Viewer{Org: o.id.String(), Member: member}}
		s.scan(tl, who, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
}

// inviteMails invites an address of nobody's: the mail tells of the inviting organization what is public of it, and nothing else.
func (s *site) inviteMails(t *testing.T) {
	t.Helper()
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	for _, o := range s.orgs {
		manager := scope.Scope{Actor: scope.Member, Org: o.id, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.PartnerManager}}
		if err := s.portal.Auth.Invite(scope.Enter(t.Context(), manager), auth.Invite{Email: "somebody@nobody.example", Name: "Nobody", Proposal: tenants.Proposal{FinishDays: 30}}); err != nil {
			t.Fatal(err)
		}
		var text string
		if err := su.QueryRow(t.Context(), `SELECT m.subject || E'\n' || m.body FROM mails m WHERE m.org_id = $1 AND m.recipient = 'somebody@nobody.example'`, o.id).Scan(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, s.byKey[o.id.String()]) {
			t.Errorf("the mail does not say who invites: %s", text)
		}
		tl := &tally{}
		s.scan(tl, &reader{name: "the invited", org: o}, "mail", "", answer{body: text})
		for _, l := range tl.leaks {
			t.Errorf("LEAK: %s", l)
		}
	}
}

// documentFields says of each field of a search document what a reader may learn by it. A new field has an entry here or the test fails.
var documentFields = map[string]string{
	"ID": "derived from the item", "Org": "the owner; not told where Unnamed", "Item": "opened with the document", "Part": "a key within the item, and a language", "Kind": "of the item",
	"Channels": "what opens it", "Unnamed": "hides Org", "Lang": "of the item", "Title": "a text of the item", "Context": "a text of the item", "Summary": "a text of the item",
	"Topics": "texts of the item", "Body": "texts of the item, and of answers that every reader of the question may read", "Minutes": "of the item",
	"Popularity": "orders results; of answers and reactions, all of them", "PublishedAt": "of the item", "Version": "of the content",
}

// TestSearchDocuments looks into the index itself: whoever a document is open to may see everything that stands in it.
func TestSearchDocuments(t *testing.T) {
	t.Parallel()
	typ := reflect.TypeFor[search.Document]()
	var fields []string
	for f := range typ.Fields() {
		fields = append(fields, f.Name)
	}
	if diff := sets(fields, slices.Sorted(maps.Keys(documentFields))); diff != "" {
		t.Errorf("fields of a search document and their entries: %s", diff)
	}
	s := newSite(t, 52)
	s.forget("index")
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	rows, err := su.Query(t.Context(), `SELECT channels::text[] AS channels, d::text AS text FROM search_documents d`)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		Channels []string `db:"channels"`
		Text     string   `db:"text"`
	}])
	if err != nil {
		t.Fatal(err)
	}
	looked, open := 0, 0
	for _, r := range s.readers {
		if r.who.View != "" {
			continue // What of the documents a view shows is decided by its search, over HTTP.
		}
		channels := s.channelsOf(r.who)
		for _, d := range docs {
			may := slices.ContainsFunc(d.Channels, func(c string) bool { return channels[c] })
			looked++
			if !may {
				continue
			}
			open++
			for _, tok := range canary.FindAllString(d.Text, -1) {
				if o := s.tokens[tok]; o == nil || !s.sees(r.who, o) {
					t.Errorf("LEAK: a document open to %s holds %s (%s): %+v", r.name, tok, s.fields[tok], o)
				}
			}
		}
	}
	t.Logf("%d documents, %d of %d looks are open", len(docs), open, looked)
	if share := float64(open) / float64(looked); share < .1 || share > .85 {
		t.Errorf("%.0f %% of looks are open", share*100)
	}
}

// channelsOf is what is open to a viewer, by the model.
func (s *site) channelsOf(v oracle.Viewer) map[string]bool {
	out := map[string]bool{id.Everyone.String(): true}
	for _, o := range s.model.Objects {
		if o.Kind == oracle.Grant && !o.Expired && (!o.Signed || s.model.Sides[[2]string{o.Org, o.Other}].State == "active") && (v.Org != "" && o.Other == v.Org) {
			out[o.ID] = true
		}
	}
	if v.Org == "" {
		return out
	}
	out[v.Org] = true
	for pair, side := range s.model.Sides {
		if pair[1] == v.Org && side.State == "active" && side.Meet != "none" {
			out[search.ConnectedChannel(s.owner[pair[0]].id).String()] = true
		}
	}
	return out
}
