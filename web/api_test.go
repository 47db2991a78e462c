package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/learnscape/learnscape/web/webtest"
)

// token makes a token on the page, as the administrator of the demonstration's organization.
func token(t *testing.T, d *webtest.Demo, org string, scopes ...string) string {
	t.Helper()
	form := url.Values{"name": {"test"}, "days": {"30"}}
	for _, s := range scopes {
		form.Set(s, "on")
	}
	res := post(t, d.Client(t, "admin@"+org+".example"), d.URL(org, "/admin/tokens"), form)
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	made := doc.Find("#made").AttrOr("value", "")
	if !strings.HasPrefix(made, "ls_") || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("no token: %s", res.Status)
	}
	return made
}

// program calls the API of one organization with one token.
type program struct {
	t      *testing.T
	client *http.Client
	at     string
	token  string
}

// got is what came back.
type got struct {
	status int
	header http.Header
	body   string
}

func (g got) json(t *testing.T) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(g.body), &v); err != nil {
		t.Fatalf("%d %s: %v", g.status, g.body, err)
	}
	return v
}

func (p program) call(method, path, body string, header ...string) got {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.at+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return got{res.StatusCode, res.Header, string(b)}
}

// TestAPI is the frame as a program meets it, in order: what is wrong is named, a page leads to the next, a repeated request is done
// once, a change is made only to what was read, and a token that asks too much waits.
func TestAPI(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	p := program{t, d.Client(t, ""), d.URL("halden", "/api/v1"), token(t, d, "halden", "read:content", "write:content", "read:network", "write:network", "read:people")}
	problem := func(g got, status int, code string, says ...string) {
		t.Helper()
		v := g.json(t)
		if g.status != status || v["code"] != code || g.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("status %d, %s: %s; want %d %s", g.status, g.header.Get("Content-Type"), g.body, status, code)
		}
		for _, s := range says {
			if !strings.Contains(g.body, s) {
				t.Errorf("%s does not say %s", g.body, s)
			}
		}
	}

	t.Log("what is wrong")
	nobody := p
	nobody.token = "ls_none"
	g := nobody.call("GET", "/organization", "")
	problem(g, 401, "unauthenticated")
	if g.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	problem(p.call("GET", "/nothing", ""), 404, "not_found")
	problem(p.call("GET", "/connections/kestrel-none", ""), 404, "not_found")
	problem(p.call("POST", "/collections", `{"title":"A","colour":"red"}`), 422, "invalid", `"colour"`)
	problem(p.call("POST", "/collections", `{"description":"no title"}`), 422, "invalid", "title")
	problem(p.call("POST", "/collections", `{"title":`), 400, "malformed")
	problem(p.call("POST", "/collections", `title=A`, "Content-Type", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")
	problem(p.call("POST", "/collections", `{"title":"`+strings.Repeat("a", 300<<10)+`"}`), 413, "too_large")
	problem(p.call("GET", "/people?surname=x", ""), 422, "invalid", `"surname"`)
	problem(p.call("GET", "/people?after=zzzz", ""), 422, "invalid", `"after"`)
	problem(p.call("GET", "/people?limit=1000", ""), 422, "invalid", `"limit"`)
	problem(p.call("POST", "/invitations", `{"name":"N","email":"nobody","ours":{},"we_call":"partner","they_call":"vendor"}`), 422, "invalid", `"email"`)
	narrow := p
	narrow.token = token(t, d, "halden", "read:content")
	g = narrow.call("GET", "/connections", "")
	problem(g, 403, "forbidden", "read:network")
	if !strings.Contains(g.header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("403 says %q", g.header.Get("WWW-Authenticate"))
	}
	if de := p.call("GET", "/connections/none", "", "Accept-Language", "de"); !strings.Contains(de.body, "Hier ist nichts") {
		t.Errorf("in German: %s", de.body)
	}

	t.Log("paging")
	seen, next := map[string]bool{}, ""
	for range 20 {
		v := p.call("GET", "/people?limit=2&after="+next, "").json(t)
		for _, m := range v["items"].([]any) { //nolint:errcheck,forcetypeassert // The document's form.
			id := fmt.Sprint(m.(map[string]any)["id"]) //nolint:errcheck,forcetypeassert // As above.
			if seen[id] {
				t.Errorf("%s is on two pages", id)
			}
			seen[id] = true
		}
		if next, _ = v["next"].(string); next == "" {
			break
		}
	}
	if len(seen) < 5 || next != "" {
		t.Errorf("%d people over all pages", len(seen))
	}

	t.Log("repeating")
	const make = `{"title":"Made by a program"}`
	var wg sync.WaitGroup
	answers := [4]got{}
	for i := range answers {
		wg.Go(func() { answers[i] = p.call("POST", "/collections", make, "Idempotency-Key", "k-1") })
	}
	wg.Wait()
	made := 0
	for _, g := range answers {
		switch {
		case g.status == 201 && g.header.Get("Idempotency-Replayed") == "":
			made++
		case g.status == 201 || g.status == 409 && strings.Contains(g.body, "key_busy"):
		default:
			t.Errorf("with one key: %d %s", g.status, g.body)
		}
	}
	again := p.call("POST", "/collections", make, "Idempotency-Key", "k-1")
	if made != 1 || again.status != 201 || again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Location") != "/api/v1/collections/made-by-a-program" || again.header.Get("ETag") == "" {
		t.Errorf("done %d times, repeated: %+v", made, again)
	}
	if title := again.json(t)["title"]; title != "Made by a program" {
		t.Errorf("made: %s", again.body)
	}
	problem(p.call("POST", "/collections", `{"title":"Another"}`, "Idempotency-Key", "k-1"), 422, "invalid", "Idempotency-Key")
	problem(p.call("POST", "/collections", make), 422, "invalid", `"title"`)

	t.Log("only what was read")
	tag := again.header.Get("ETag")
	if g := p.call("GET", "/collections/made-by-a-program", "", "If-None-Match", tag); g.status != 304 || g.body != "" {
		t.Errorf("read again: %d %q", g.status, g.body)
	}
	g = p.call("PATCH", "/collections/made-by-a-program", `{"description":"Text"}`, "If-Match", tag)
	if g.status != 200 || g.header.Get("ETag") == tag || g.json(t)["title"] != "Made by a program" {
		t.Errorf("changed: %+v", g)
	}
	problem(p.call("PATCH", "/collections/made-by-a-program", `{"title":"Late"}`, "If-Match", tag), 412, "precondition_failed")
	problem(p.call("PUT", "/collections/made-by-a-program/visibility", `{"visibility":"public"}`, "If-Match", tag), 412, "precondition_failed")
	problem(p.call("POST", "/collections", make, "If-Match", tag), 422, "invalid", "If-Match")
	if g := p.call("PUT", "/collections/made-by-a-program/visibility", `{"visibility":"agreement"}`, "If-Match", g.header.Get("ETag")); g.status != 204 {
		t.Errorf("opened: %d %s", g.status, g.body)
	}

	t.Log("too often")
	for i := range 400 {
		if g = narrow.call("HEAD", "/items", ""); g.status != 200 {
			t.Logf("after %d requests", i)
			break
		}
	}
	if g.status != 429 || g.header.Get("Retry-After") == "" {
		t.Errorf("400 requests at once: %d", g.status)
	}
	if g := p.call("GET", "/organization", ""); g.status != 200 {
		t.Errorf("another token waits, too: %d", g.status)
	}
}

// TestAPIAgrees lets two programs come to terms and part, each with its own organization's token: the other side reads what it signs,
// what was countered cannot be signed, and nothing is called what it is not.
func TestAPIAgrees(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	scopes := []string{"read:content", "write:content", "read:network", "write:network"}
	k := program{t, d.Client(t, ""), d.URL("kestrel", "/api/v1"), token(t, d, "kestrel", scopes...)}
	s := program{t, d.Client(t, ""), d.URL("solvik", "/api/v1"), token(t, d, "solvik", scopes...)}
	made := k.call("POST", "/collections", `{"title":"For Solvik"}`)
	if made.status != 201 {
		t.Fatalf("made: %d %s", made.status, made.body)
	}
	collection := fmt.Sprint(made.json(t)["id"])
	k.call("PUT", "/collections/for-solvik/visibility", `{"visibility":"agreement"}`)
	ask := `{"organization":"solvik","we_call":"customer","they_call":"vendor","ours":{"learns":"totals","opens":[{"collection":"` + collection + `","title":"Something else","right":"use"}]}}`
	g := k.call("POST", "/connections", ask, "Idempotency-Key", "ask-solvik")
	if g.status != 201 || strings.Contains(g.body, "Something else") || !strings.Contains(g.body, `"title":"For Solvik"`) {
		t.Fatalf("asked: %d %s", g.status, g.body)
	}
	if g := k.call("POST", "/connections", ask); g.status != 409 {
		t.Errorf("asked twice: %d %s", g.status, g.body)
	}
	if v := s.call("GET", "/connections?state=us", "").json(t); len(v["items"].([]any)) != 1 { //nolint:errcheck,forcetypeassert // The document's form.
		t.Errorf("waits for Solvik: %v", v)
	}
	hash := func(p program, other string) (string, float64) {
		v := p.call("GET", "/connections/"+other, "").json(t)["proposed"].(map[string]any) //nolint:errcheck,forcetypeassert // As above.
		return v["hash"].(string), v["number"].(float64)                                   //nolint:errcheck,forcetypeassert // As above.
	}
	first, _ := hash(s, "kestrel")
	// Solvik answers with less, and asks for nothing that is not on the table.
	if g := s.call("POST", "/connections/kestrel/counter", `{"version":1,"ours":{},"theirs":{"opens":[{"collection":"01a21306-28be-7092-bb09-9f3a7379a7ff","right":"use"}]}}`); g.status != 422 {
		t.Errorf("asked for what was never on the table: %d %s", g.status, g.body)
	}
	if g := s.call("POST", "/connections/kestrel/counter", `{"version":1,"finish_days":10,"ours":{},"theirs":{"learns":"totals","opens":[{"collection":"`+collection+`","title":"Harmless","right":"use"}]}}`); g.status != 200 || strings.Contains(g.body, "Harmless") {
		t.Fatalf("countered: %d %s", g.status, g.body)
	}
	if g := s.call("POST", "/connections/kestrel/counter", `{"version":1,"finish_days":11,"ours":{}}`); g.status != 409 {
		t.Errorf("countered what was countered: %d %s", g.status, g.body)
	}
	if g := k.call("POST", "/connections/solvik/sign", `{"version":1,"hash":"`+first+`"}`); g.status != 409 {
		t.Errorf("signed what was countered: %d %s", g.status, g.body)
	}
	if v := k.call("GET", "/connections/solvik/versions/2/changes?from=1", ""); !strings.Contains(v.body, `"finish_days"`) {
		t.Errorf("changes: %s", v.body)
	}
	second, number := hash(k, "solvik")
	g = k.call("POST", "/connections/solvik/sign", fmt.Sprintf(`{"version":%v,"hash":%q}`, number, second))
	if g.status != 200 || g.json(t)["state"] != "active" {
		t.Fatalf("signed: %d %s", g.status, g.body)
	}
	if v := k.call("GET", "/connections/solvik/view", ""); v.status != 200 || !strings.Contains(v.body, "For Solvik") {
		t.Errorf("what Solvik sees: %d %s", v.status, v.body)
	}
	if g := s.call("POST", "/connections/kestrel/end", "", "If-Match", `"old"`); g.status != 412 {
		t.Errorf("ended something else: %d %s", g.status, g.body)
	}
	for _, move := range []string{"pause", "resume"} {
		if g := s.call("POST", "/connections/kestrel/"+move, ""); g.status != 200 {
			t.Errorf("%s: %d %s", move, g.status, g.body)
		}
	}
	if g := s.call("POST", "/connections/kestrel/end", `{"now":true}`); g.status != 200 || g.json(t)["state"] != "ended" {
		t.Errorf("ended: %d %s", g.status, g.body)
	}
	// A list is tried before it is sent.
	list := `{"dry_run":%v,"we_call":"partner","they_call":"vendor","ours":{},"partners":[{"name":"Fjell","email":"it@fjell.example"},{"name":"","email":"nobody"}]}`
	for _, dry := range []bool{true, false} {
		v := k.call("POST", "/invitations/list", fmt.Sprintf(list, dry)).json(t)
		if v["invited"] != 1.0 || v["dry_run"] != dry || !strings.Contains(fmt.Sprint(v["rows"]), "auth.invite.email") {
			t.Errorf("dry %v: %v", dry, v)
		}
		if mails := strings.Count(webtest.Text(t, k.client, d.URL("kestrel", "/outbox")), "it@fjell.example"); (mails > 0) == dry {
			t.Errorf("dry %v: %d mails", dry, mails)
		}
	}
}

// TestAPIExamples runs the examples of docs/api.md as they stand there.
func TestAPIExamples(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(examples) != 2 {
		t.Fatalf("%d examples", len(examples))
	}
	d := webtest.Start(t, webtest.World(t))
	for i, want := range [][]string{
		{`"items":[{"organization":`, `"slug":"brightwater"`, `"hash":"`, `"people":`},
		{`"title":"Winter maintenance"`, `"title":"Winter service"`, `"code":"precondition_failed"`},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", examples[i][1])
		scopes := [][]string{{"read:network"}, {"read:content", "write:content"}}[i]
		cmd.Env = append(os.Environ(), "PORTAL="+d.URL("halden", ""), "TOKEN="+token(t, d, "halden", scopes...))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("example %d: %v\n%s", i+1, err, out)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("example %d does not answer %s:\n%s", i+1, w, out)
			}
		}
		if i == 1 && strings.Count(string(out), `"title":"Winter maintenance"`) != 2 {
			t.Errorf("the repeated request got another answer:\n%s", out)
		}
	}
}
