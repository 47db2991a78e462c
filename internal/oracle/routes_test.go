package oracle_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui/static"
)

// The kinds of routes: what comes back, and to whom.
const (
	page     = "page"     // about one thing
	fragment = "fragment" // a part of a page, about one thing
	list     = "list"     // of many things
	file     = "file"
	write    = "write"    // changes something for who is signed in or has a visitor's record
	public   = "public"   // the same for everybody: in the reviewed list
	operator = "operator" // for the installation: in the reviewed list
	asset    = "asset"
)

// ask is one call of a route and what the model says of it.
type ask struct {
	target string
	header map[string]string
	about  *oracle.Object // what the address names; nil for lists and public pages
	id     string         // the identifier in the address that stands for it
	open   bool           // whoever sees what it is about gets the page; otherwise it may have none
	ok     int            // the status of that page
	never  bool           // the address leads nowhere, whoever asks
	lists  []listed       // what must be on it, or must not
	pages  string         // a parameter that leads to more pages, by number
	next   string         // instead: the beginning of the link to the next page
	more   *regexp.Regexp // instead: finds the address of the next page
	same   string         // the canary that is asked for: the answer must be the one to a word that nobody wrote
}

// listed is something that a list can hold, with the canary by which it shows.
type listed struct {
	ob   *oracle.Object
	as   string
	must bool // whoever sees it finds it here
}

// route is a case of the inventory: of what kind a route is, and how the oracle calls it.
type route struct {
	kind string
	asks func(s *site, r *reader) []ask
	post func(s *site, own bool) []form // of a write
}

// form is a POST of somebody who may not, with the identifiers of others.
type form struct{ target, body string }

// routes are all routes of the server but for the twins of GET under HEAD.
var routes = joined(networkRoutes, standardRoutes, hostsRoutes, houseRoutes, adoptionRoutes, logRoutes, consentRoutes, apiRoutes, viewRoutes, sessionRoutes, doorRoutes, passkeyRoutes, personRoutes, jointRoutes, scimRoutes, writeRoutes, importerRoutes, reviewRoutes, quizRoutes, eyesRoutes, linkRoutes, individualRoutes, operatorRoutes, credentialRoutes, assignRoutes, liveRoutes, practiceRoutes, programRoutes, recordsRoutes, blocksRoutes, linksRoutes, pilotRoutes, withdrawRoutes, reflectRoutes, feedbackRoutes, groupRoutes, map[string]route{
	"GET /": {kind: list, asks: func(s *site, r *reader) []ask {
		return []ask{{target: "/", ok: 200, lists: append(s.itemsOn(r, false), s.postsOn(false)...)}}
	}},
	"GET /learn": {kind: list, asks: func(s *site, r *reader) []ask {
		return []ask{
			{target: "/learn", ok: 200, pages: "page", lists: s.itemsOn(r, true, tenants.KindCourse, tenants.KindPath)},
			{target: "/learn?kind=path", ok: 200, pages: "page", lists: s.itemsOn(r, true, tenants.KindPath)},
			{target: "/learn?org=" + pick(s.r, s.orgs).slug, ok: 200, pages: "page", lists: s.itemsOn(r, false)},
			{target: "/learn?tab=active", ok: 200, lists: s.itemsOn(r, false)},
			{target: "/learn?tab=finished", ok: 200, lists: s.itemsOn(r, false)},
		}
	}},
	"GET /stories": {kind: list, asks: func(s *site, r *reader) []ask {
		return []ask{{target: "/stories", ok: 200, next: "/stories?after=", lists: s.itemsOn(r, true, tenants.KindStory)}}
	}},
	"GET /community": {kind: list, asks: func(s *site, _ *reader) []ask {
		return []ask{
			{target: "/community", ok: 200, next: "/community?after=", lists: s.postsOn(true)},
			{target: "/community?tab=unanswered", ok: 200, next: "/community?after=", lists: s.postsOn(false)},
			{target: "/community?tab=mine", ok: 200, lists: s.postsOn(false)},
		}
	}},
	"GET /search": {kind: list, asks: func(s *site, r *reader) []ask {
		out := []ask{
			{target: "/search", ok: 200, pages: "page", lists: s.itemsOn(r, true, tenants.KindCourse, tenants.KindPath, tenants.KindStory, tenants.KindResource)},
			{target: "/search?kind=question", ok: 200, pages: "page", lists: s.postsOn(false)},
			{target: "/search?by=" + pick(s.r, s.orgs).id.String(), ok: 200, pages: "page", lists: s.itemsOn(r, false)},
			{target: "/search?sort=new", ok: 200, pages: "page", lists: s.itemsOn(r, false)},
		}
		for _, tok := range s.words(5) {
			out = append(out, ask{target: "/search?q=" + tok, ok: 200, same: tok})
		}
		for _, tok := range s.words(2) {
			// With a mistake in it: what it is read as must not be told either.
			b := []byte(tok)
			b[9] = letters[(strings.IndexByte(letters, b[9])+1)%len(letters)]
			out = append(out, ask{target: "/search?q=" + string(b), ok: 200})
		}
		return out
	}},
	"GET /search/quick": {kind: fragment, asks: func(s *site, r *reader) []ask {
		out := []ask{{target: "/search/quick", ok: 200}}
		for _, tok := range s.words(4) {
			out = append(out, ask{target: "/search/quick?q=" + tok, ok: 200, same: tok})
		}
		return out
	}},
	"GET /me": {kind: page, asks: func(s *site, r *reader) []ask {
		if r.who.Individual != "" { // Who belongs to nobody has an account instead.
			return []ask{{target: "/me", ok: 303}}
		}
		return []ask{{target: "/me", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /home/with": {kind: fragment, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/home/with", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /welcome": {kind: page, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/welcome", about: &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}, ok: 200, open: true}}
	}},
	"GET /welcome/answer": {kind: page, asks: func(s *site, r *reader) []ask {
		me := &oracle.Object{Kind: oracle.Member, Org: orgOf(r)}
		out := []ask{{target: "/welcome/answer?for=learn", about: me, ok: 200, open: true}, {target: "/welcome/answer?for=look", about: me, ok: 200, open: true}}
		for _, tok := range s.words(2) {
			out = append(out, ask{target: "/welcome/answer?for=solve&q=" + tok, about: me, ok: 200, open: true, same: tok})
		}
		return out
	}},
	"GET /search/close": {kind: fragment, asks: func(s *site, _ *reader) []ask {
		out := []ask{{target: "/search/close", ok: 200}}
		for _, tok := range s.words(3) {
			out = append(out, ask{target: "/search/close?q=" + tok, ok: 200, same: tok})
		}
		return out
	}},
	"GET /course/:id":       {kind: page, asks: func(s *site, _ *reader) []ask { return s.items("", 308, tenants.KindCourse, false) }},
	"GET /course/:id/:slug": {kind: page, asks: func(s *site, _ *reader) []ask { return s.items("slug", 200, tenants.KindCourse, true) }},
	"GET /path/:id":         {kind: page, asks: func(s *site, _ *reader) []ask { return s.items("", 308, tenants.KindPath, false) }},
	"GET /path/:id/:slug":   {kind: page, asks: func(s *site, _ *reader) []ask { return s.items("slug", 200, tenants.KindPath, true) }},
	"GET /story/:id/:slug?": {kind: page, asks: func(s *site, _ *reader) []ask {
		return append(s.items("slug", 200, tenants.KindStory, true), s.items("", 308, tenants.KindStory, false)...)
	}},
	"GET /resource/:id/:slug?": {kind: page, asks: func(s *site, _ *reader) []ask {
		return append(s.items("slug", 200, tenants.KindResource, true), s.items("", 308, tenants.KindResource, false)...)
	}},
	"GET /course/:id/:slug/lessons/:lesson": {kind: page, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, p := range s.kind(tenants.KindCourse) {
			out = append(out, s.item(p, "/lessons/a", 200), s.item(p, "/lessons/a?lang=fr", 200), ask{target: p.href() + "/lessons/none", never: true})
		}
		return out
	}},
	"GET /path/:id/:slug/steps/:step":         {kind: page, asks: func(s *site, _ *reader) []ask { return s.steps(false) }},
	"GET /path/:id/:slug/steps/:step/:lesson": {kind: page, asks: func(s *site, _ *reader) []ask { return s.steps(true) }},
	"GET /files/:id/:name": {kind: file, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			p := s.pages[ob.ID]
			a := ask{target: courses.FileURL(p.file, p.fileName), about: ob, id: p.file.String(), ok: 200, open: ob.State == "published"}
			whole := a
			whole.header = map[string]string{"Range": "bytes=0-5"}
			whole.ok = 206
			out = append(out, a, whole)
		}
		return out
	}},
	"GET /questions/about/:item": {kind: fragment, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			a := ask{target: "/questions/about/" + ob.ID, about: ob, id: ob.ID, ok: 200, open: ob.State == "published", lists: s.postsOn(false)}
			if s.r.IntN(2) == 0 {
				a.header = map[string]string{"HX-Request": "true"}
			}
			out = append(out, a)
		}
		return out
	}},
	"GET /questions/:id": {kind: page, asks: func(s *site, r *reader) []ask {
		var out []ask
		for _, q := range s.world.posts {
			if q.Kind != oracle.Question {
				out = append(out, ask{target: "/questions/" + q.ID, never: true, id: q.ID})
				continue
			}
			about := s.pages[q.Item].ob
			out = append(out, ask{
				target: "/questions/" + q.ID + pick(s.r, []string{"", "?sort=new"}), about: q, id: q.ID, ok: 200, lists: s.answersOn(q),
				open: q.State != "withdrawn" && about.State == "published" && s.sees(r.who, about),
			})
		}
		return out
	}},
	"GET /keep":  {kind: page, asks: func(*site, *reader) []ask { return []ask{{target: "/keep?code=none"}} }},
	"GET /admin": {kind: page, asks: func(s *site, r *reader) []ask { return []ask{{target: "/admin", ok: 303}} }},
	"GET /admin/people": {kind: list, asks: func(s *site, r *reader) []ask {
		o := &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}
		return []ask{{target: "/admin/people", about: o, ok: 200, open: true}, {target: "/admin/people?q=zq", about: o, ok: 200, open: true}}
	}},
	"GET /admin/people.csv": {kind: list, asks: func(s *site, r *reader) []ask {
		return []ask{{target: "/admin/people.csv", about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200, open: true}}
	}},

	// What answers without a session, the same for everybody.
	"GET /sign-in":              {kind: public, asks: plain("/sign-in", "/sign-in?return_to=/learn")},
	"GET /auth/start":           {kind: public, asks: plain("/auth/start")},
	"GET /auth/start/:provider": {kind: public, asks: plain("/auth/start/" + id.New[id.Provider]().String())},
	"GET /auth/callback/:provider": {kind: public, asks: func(s *site, _ *reader) []ask {
		return []ask{{target: "/auth/callback/" + pick(s.r, s.orgs).provider.String() + "?state=x&code=y"}}
	}},
	"GET /sign-in/sent":        {kind: public, asks: plain("/sign-in/sent")},
	"GET /sign-in/link/:token": {kind: public, asks: plain("/sign-in/link/" + secret.NewToken())},
	"GET /signed-out":          {kind: public, asks: plain("/signed-out")},
	"GET /healthz":             {kind: operator, asks: plain("/healthz")},
	"GET /readyz":              {kind: operator, asks: plain("/readyz")},
	"GET /tls/ask":             {kind: operator, asks: plain("/tls/ask?domain=org0.localhost", "/tls/ask?domain=none.localhost", "/tls/ask?domain=learn.org0.example")},
	"GET /robots.txt":          {kind: public, asks: plain("/robots.txt")},
	"GET /brand/:color":        {kind: asset, asks: plain("/brand/000000.css")},
	"GET /assets/*":            {kind: asset, asks: plain(static.URL("app.css"), "/assets/none.css")},

	// What changes something. The hostile forms name what belongs to others.
	"POST /language":            {kind: public, post: posts("/language", "lang=de")},
	"POST /sign-in":             {kind: public, post: posts("/sign-in", "email=a@org1.example")},
	"POST /sign-in/email":       {kind: public, post: posts("/sign-in/email", "email=a@org1.example")},
	"POST /sign-in/link/:token": {kind: public, post: posts("/sign-in/link/"+secret.NewToken(), "code=123456")},
	"POST /sign-out":            {kind: public, post: posts("/sign-out", "")},
	"POST /welcome":             {kind: write, post: posts("/welcome", "purpose=solve&q=hello")},
	"POST /keep":                {kind: write, post: posts("/keep", "code=none")},
	"POST /visit/claim":         {kind: write, post: posts("/visit/claim", "")},
	"POST /course/:id/:slug/start": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/start"}, "")
	}},
	"POST /path/:id/:slug/start": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/start?origin=story"}, "")
	}},
	"POST /course/:id/:slug/lessons/:lesson/answer": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/answer"}, "question=x&choice=0")
	}},
	"POST /course/:id/:slug/lessons/:lesson/complete": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/complete"}, "")
	}},
	"POST /course/:id/:slug/lessons/:lesson/reflect": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/reflect"}, "key=r&text=hello")
	}},
	"POST /course/:id/:slug/lessons/:lesson/place": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindCourse, []string{"/lessons/a/place"}, "part=k")
	}},
	"POST /path/:id/:slug/steps/:step/answer": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/answer", "/steps/s1/answer"}, "question=x&choice=0")
	}},
	"POST /path/:id/:slug/steps/:step/complete": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/complete", "/steps/s1/complete", "/steps/s2/complete"}, "")
	}},
	"POST /path/:id/:slug/steps/:step/reflect": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/reflect", "/steps/s1/reflect"}, "key=r&text=hello")
	}},
	"POST /path/:id/:slug/steps/:step/place": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/own/place", "/steps/s1/place"}, "opened=1")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/answer": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/answer"}, "question=x&choice=0")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/complete": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/complete", "/steps/s2/b/complete"}, "")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/reflect": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/reflect"}, "key=r&text=hello")
	}},
	"POST /path/:id/:slug/steps/:step/:lesson/place": {kind: write, post: func(s *site, own bool) []form {
		return s.forms(own, tenants.KindPath, []string{"/steps/s1/a/place"}, "part=k")
	}},
	"POST /questions": {kind: write, post: func(s *site, own bool) []form {
		var out []form
		for _, ob := range s.world.items {
			out = append(out, form{"/questions", url.Values{"item": {ob.ID}, "title": {"Is it so?"}, "body": {"b"}, "audience": {pick(s.r, []string{"org", "connected", "public"})}, "shown_as": {"name"}, "confirmed": {"1"}}.Encode()})
		}
		return out
	}},
	"POST /questions/:id/answers": {kind: write, post: func(s *site, own bool) []form {
		return s.postForms("/questions/", "/answers", "text=hello&audience="+pick(s.r, []string{"org", "connected", "public"})+"&shown_as=name&confirmed=1")
	}},
	"POST /questions/:id/worked": {kind: write, post: func(s *site, own bool) []form {
		var out []form
		for _, a := range s.world.posts {
			if a.Kind == oracle.Answer {
				out = append(out, form{"/questions/" + a.Question + "/worked", "on=1&answer=" + a.ID}, form{"/questions/" + a.Question + "/worked", "on=0&answer=" + a.ID})
			}
		}
		return out
	}},
	"POST /posts/:id/react": {kind: write, post: func(s *site, own bool) []form {
		return slices.Concat(s.postForms("/posts/", "/react", "kind=thanks"), s.postForms("/posts/", "/react", "kind=same"), s.postForms("/posts/", "/react", "kind=used"))
	}},
	"POST /posts/:id/withdraw": {kind: write, post: func(s *site, own bool) []form { return s.postForms("/posts/", "/withdraw", "") }},
	"POST /posts/:id/restore":  {kind: write, post: func(s *site, own bool) []form { return s.postForms("/posts/", "/restore", "") }},
})

// withoutSession is the reviewed list of what answers without a session and outside of the model: the same to everybody, or for the
// installation. A new line here is a decision.
var withoutSession = []string{
	"GET /api/openapi-3.0.json", "GET /api/openapi.json",
	"GET /assets/*", "GET /auth/again", "GET /auth/again/start", "GET /auth/keys/:provider", "GET /auth/callback/:provider", "GET /auth/start", "GET /auth/start/:provider", "GET /brand/:color", "GET /door", "GET /door/link/:token", "GET /door/sent", "GET /hand-over", "GET /hand-over/:hand", "GET /healthz", "GET /logo/:name", "GET /readyz", "GET /robots.txt", "GET /sign-in", "GET /sign-in/emergency", "GET /sign-in/link/:token", "GET /sign-in/sent", "GET /signed-out", "GET /tls/ask", "GET /me/erased",
	"POST /auth/backchannel/:provider", "POST /door", "POST /door/link/:token", "POST /language", "POST /sign-in", "POST /sign-in/email", "POST /sign-in/link/:token", "POST /sign-in/passkey", "POST /sign-in/passkey/ask", "POST /sign-out", "POST /view-as/stop",
	"GET /c", "GET /c/:code", "GET /c/:code/badge.json", "GET /issuer", "GET /issuer/keys/:key", "GET /credentials/status/:list", "GET /calendar/:token",
	"GET /break-glass/:code", "POST /break-glass/:code", "POST /break-glass/leave",
}

// demoOnly are the routes that the demonstration adds: it shows all mail to whoever asks, and no real installation has it.
var demoOnly = []string{"GET /outbox", "HEAD /outbox"}

func plain(targets ...string) func(*site, *reader) []ask {
	return func(*site, *reader) []ask {
		var out []ask
		for _, t := range targets {
			out = append(out, ask{target: t})
		}
		return out
	}
}

func posts(target, body string) func(*site, bool) []form {
	return func(*site, bool) []form { return []form{{target, body}} }
}

func orgOf(r *reader) string {
	if r.org == nil {
		return "none"
	}
	return r.org.id.String()
}

func (s *site) kind(k string) []*itemPage {
	var out []*itemPage
	for _, ob := range s.world.items {
		if p := s.pages[ob.ID]; p.kind == k {
			out = append(out, p)
		}
	}
	return out
}

// item asks for a page of an item.
func (s *site) item(p *itemPage, rest string, ok int) ask {
	return ask{target: p.href() + rest, about: p.ob, id: p.ob.ID, ok: ok, open: p.ob.State == "published"}
}

// items ask for all items of a kind, by the right address or without its readable end, and for those of other kinds under the
// address of this one.
func (s *site) items(slug string, ok int, kind string, others bool) []ask {
	var out []ask
	for _, ob := range s.world.items {
		p := s.pages[ob.ID]
		switch {
		case p.kind != kind && others:
			out = append(out, ask{target: "/" + kind + "/" + ob.ID + "/" + p.slug, never: true, id: ob.ID})
		case p.kind != kind:
		case slug == "":
			a := s.item(p, "", ok)
			a.target = "/" + kind + "/" + ob.ID
			wrong := a
			wrong.target += "/wrong"
			out = append(out, a, wrong)
		default:
			out = append(out, s.item(p, "", ok))
		}
	}
	return out
}

// steps ask for the steps of paths: the one of its own, and those that lead to other items.
func (s *site) steps(lesson bool) []ask {
	var out []ask
	for _, o := range s.model.Objects {
		if o.Kind != oracle.Item || s.pages[o.ID] == nil || s.pages[o.ID].kind != tenants.KindPath {
			continue
		}
		p := s.pages[o.ID]
		for i, st := range p.leads {
			to := s.pages[st.ID]
			a := ask{target: p.href() + "/steps/" + p.steps[i+1], about: st, id: o.ID, ok: 200, open: o.State == "published" && to.ob.State == "published"}
			switch {
			case lesson && to.kind == tenants.KindCourse:
				a.target += "/b"
			case lesson:
				continue
			}
			out = append(out, a)
		}
		if !lesson {
			out = append(out, ask{target: p.href() + "/steps/extra", ok: 0})
			out = append(out, s.item(p, "/steps/own", 200), ask{target: p.href() + "/steps/none", never: true, id: o.ID})
		}
	}
	slices.SortFunc(out, func(a, b ask) int { return compare(a.target, b.target) })
	return out
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

// itemsOn are the items that a list may hold; complete says that whoever sees one finds it there.
func (s *site) itemsOn(r *reader, complete bool, kinds ...string) []listed {
	var out []listed
	for _, ob := range s.world.items {
		p := s.pages[ob.ID]
		// What may be seen only as a part of something, or only until it is finished, stands in no list.
		part := s.partOf(ob.ID) && p.kind == tenants.KindCourse
		out = append(out, listed{ob, p.title, complete && slices.Contains(kinds, p.kind) && ob.State == "published" && !part && !s.finishOnly(r.who, ob)})
	}
	return out
}

// postsOn are the questions and answers that a list may hold.
func (s *site) postsOn(complete bool) []listed {
	var out []listed
	for _, q := range s.world.posts {
		out = append(out, listed{q, s.byKey[q.ID], complete && q.Kind == oracle.Question && q.State != "withdrawn"})
	}
	return out
}

// answersOn are the answers under a question.
func (s *site) answersOn(q *oracle.Object) []listed {
	var out []listed
	for _, a := range s.world.posts {
		if a.Kind == oracle.Answer && a.Question == q.ID {
			out = append(out, listed{a, s.byKey[a.ID], a.State == "shown"})
		}
	}
	return out
}

// words are canaries of items, questions and answers to search for. Some of them everybody asks for, so that an answer which was kept
// from one reader for the next is noticed.
func (s *site) words(n int) []string {
	out := []string{s.pages[s.world.items[s.r.IntN(4)*itemsPerOrg].ID].title}
	for range n - 1 {
		switch s.r.IntN(4) {
		case 0:
			out = append(out, s.byKey[pick(s.r, s.world.posts).ID])
		case 1:
			out = append(out, pick(s.r, s.said))
		default:
			out = append(out, s.pages[pick(s.r, s.world.items).ID].title)
		}
	}
	return out
}

// forms are POSTs to items of others, or, if own, of whatever there is.
func (s *site) forms(own bool, kind string, rest []string, body string) []form {
	var out []form
	for _, p := range s.kind(kind) {
		for _, r := range rest {
			out = append(out, form{p.href() + r, body})
		}
	}
	return out
}

func (s *site) postForms(before, after, body string) []form {
	var out []form
	for _, q := range s.world.posts {
		out = append(out, form{before + q.ID + after, body})
	}
	return out
}
