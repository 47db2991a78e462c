package web_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/web/webtest"
)

func post(t *testing.T, client *http.Client, address string, form url.Values) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// raw sends bytes on a connection of its own and returns the first answer's status and whatever came after it.
func raw(t *testing.T, d *webtest.Demo, send string) (status int, rest string) {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", strings.Replace(strings.TrimPrefix(d.Base, "http://"), "localhost", "127.0.0.1", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // Read to its end.
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, send); err != nil && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	after, _ := io.ReadAll(r) // A reset is an end as well.
	return res.StatusCode, string(after)
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	visitor, member := d.Client(t, ""), d.Client(t, "learner@brightwater.example")
	host := strings.TrimPrefix(d.URL("halden", ""), "http://")

	t.Run("unknown host", func(t *testing.T) {
		t.Parallel()
		res := get(t, visitor, d.URL("nobody", "/"))
		if page := text(t, body(t, res)); res.StatusCode != 404 || !strings.Contains(page, "There is no portal at this address") {
			t.Errorf("status %d: %.300s", res.StatusCode, page)
		}
	})
	t.Run("unknown, foreign, missing and misspelled look alike", func(t *testing.T) {
		t.Parallel()
		foreign, ok := document(t, d.Client(t, "learner@kestrel.example"), d.URL("kestrel", "/learn")).Find(`main a[href*="commissioning-gateways"]`).First().Attr("href")
		if !ok {
			t.Fatal("Kestrel's own course is not in its library")
		}
		pages := map[string]string{}
		for _, path := range []string{foreign, "/path/00000000-0000-7000-8000-000000000000/x", "/course/not-an-id", "/story/00000000-0000-7000-8000-000000000000/x", "/questions/00000000-0000-7000-8000-000000000000", "/no/such/page"} {
			res := get(t, member, d.URL("brightwater", path))
			page := text(t, body(t, res))
			if res.StatusCode != 404 {
				t.Errorf("%s: status %d", path, res.StatusCode)
			}
			pages[strings.ReplaceAll(page[strings.Index(page, "<main"):], path, "")] = path
		}
		if len(pages) != 1 {
			t.Errorf("%d different pages: %v", len(pages), pages)
		}
	})
	t.Run("a form from another site changes nothing", func(t *testing.T) {
		t.Parallel()
		for name, header := range map[string]map[string]string{
			"cross-site": {"Sec-Fetch-Site": "cross-site"}, "same-site": {"Sec-Fetch-Site": "same-site"}, "none": {}, "foreign origin": {"Origin": "http://evil.example"},
		} {
			send := "POST /language HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n"
			for k, v := range header {
				send += k + ": " + v + "\r\n"
			}
			if status, _ := raw(t, d, send+"Connection: close\r\n\r\nlang=de"); status != 403 {
				t.Errorf("%s: status %d", name, status)
			}
		}
	})
	t.Run("a body over the limit is refused unread and the connection ends", func(t *testing.T) {
		t.Parallel()
		smuggled := "GET /healthz HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
		for name, send := range map[string]string{
			"announced": fmt.Sprintf("POST /language HTTP/1.1\r\nHost: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n\r\n%s%s", host, 50<<20, strings.Repeat("a", 16<<10), smuggled),
			"chunked": "POST /language HTTP/1.1\r\nHost: " + host + "\r\nSec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\n\r\n" +
				strconv.FormatInt(512<<10, 16) + "\r\n" + strings.Repeat("a", 512<<10) + "\r\n0\r\n\r\n" + smuggled,
		} {
			status, rest := raw(t, d, send)
			if status != 413 || strings.Contains(rest, "HTTP/1.1 200") {
				t.Errorf("%s: status %d, then %.60q", name, status, rest)
			}
		}
	})
	t.Run("headers over the limit", func(t *testing.T) {
		t.Parallel()
		if status, _ := raw(t, d, "GET / HTTP/1.1\r\nHost: "+host+"\r\nCookie: a="+strings.Repeat("x", 40<<10)+"\r\n\r\n"); status != 431 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("forwarded headers of strangers do not count", func(t *testing.T) {
		t.Parallel()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.URL("solvik", "/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-Host", host)
		res, err := visitor.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // Read to its end.
		if page := text(t, res.Body); !strings.Contains(page, "Solvik Dairy") || strings.Contains(page, "Learn with Halden") {
			t.Error("X-Forwarded-Host chose the organization")
		}
	})
	t.Run("what is in no text is left out of every form", func(t *testing.T) {
		t.Parallel()
		admin, partners := d.Client(t, "admin@halden.example"), d.Client(t, "partners@halden.example")
		teams, account := d.URL("halden", "/admin/teams"), d.URL("halden", "/network/brightwater/account")
		fields := func(name, value string) (string, string) {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			if err := errors.Join(w.WriteField(name, value), w.Close()); err != nil {
				t.Fatal(err)
			}
			return w.FormDataContentType(), b.String()
		}
		multi, parts := fields("name", "Zq\x00 parts")
		const plain = "application/x-www-form-urlencoded"
		for name, f := range map[string]struct {
			client          *http.Client
			at, kind, form  string
			status          int
			selector, reads string // of the page that answers, or that follows
		}{
			"a team":                       {admin, teams, plain, "name=Zq%00+night%FF", 200, "h1", "Zq night"},
			"a team in parts":              {admin, teams, multi, parts, 200, "h1", "Zq parts"},
			"a team of nothing else":       {admin, teams, plain, "name=%00", 422, `.field:has(#name) .fault`, ""},
			"a number of a partner":        {partners, account, plain, "account=Zq-%001", 200, `#account[value="Zq-1"]`, ""},
			"a tag of a partner":           {partners, account, plain, "tags=zq%00tag", 200, `input[name="tags"][value*="zqtag"]`, ""},
			"a course":                     {d.Client(t, "author@halden.example"), d.URL("halden", "/publish"), plain, "lang=en&title=Zq%00+course", 200, "h1", "Zq course"},
			"what is looked for by a form": {admin, d.URL("halden", "/admin/people?q=%00elin"), "", "", 200, "main", "Elin Sandqvist"},
		} {
			method := http.MethodPost
			if f.kind == "" {
				method = http.MethodGet
			}
			req, err := http.NewRequestWithContext(t.Context(), method, f.at, strings.NewReader(f.form))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", f.kind)
			res, err := f.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			page, err := goquery.NewDocumentFromReader(res.Body)
			_ = res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if said := page.Find(f.selector); res.StatusCode != f.status || said.Length() == 0 || !strings.Contains(said.Text(), f.reads) {
				t.Errorf("%s: status %d, %.200q", name, res.StatusCode, strings.TrimSpace(said.Text()))
			}
		}
	})
	t.Run("headers of every answer", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"/", "/nothing", "/learn", "/search?q=a", "/healthz"} {
			h := get(t, member, d.URL("brightwater", path)).Header
			if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") == "" {
				t.Errorf("%s: %v", path, h)
			}
		}
	})
}

// A start that cannot work says what is wrong in one message.
func TestStartSaysWhatIsWrong(t *testing.T) { //nolint:tparallel // The parts share the busy port, which is held while this function runs.
	t.Parallel()
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close() //nolint:errcheck // A test's port.
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := webtest.Start(t, webtest.World(t))
	for name, tt := range map[string]struct { //nolint:paralleltest // See above.
		args []string
		want string
	}{
		"used port":      {[]string{"demo", "--data", webtest.Folder(t), "--listen", busy.Addr().String()}, "something else listens on"},
		"locked folder":  {[]string{"demo", "--data", d.Dir, "--listen", "127.0.0.1:0", "--idp-listen", "127.0.0.1:0"}, "is in use by process"},
		"foreign folder": {[]string{"demo", "--data", foreign, "--reset"}, "not a data folder of Learnscape"},
		"configuration":  {[]string{"serve"}, "LEARNSCAPE_DATABASE_URL is missing"},
		"misspelled":     {[]string{"demmo"}, `no command "demmo"`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), webtest.Binary(t), tt.args...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	if b, err := os.ReadFile(filepath.Join(foreign, "letter.txt")); err != nil || string(b) != "mine" {
		t.Error("a foreign folder was touched")
	}
}

// What was acknowledged is there after kill -9, and the next start cleans up by itself.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := webtest.Folder(t)
	d := webtest.Start(t, dir)
	member := d.Client(t, "learner@solvik.example")
	doc := document(t, member, d.URL("solvik", "/learn"))
	href, _ := doc.Find(`main a[href^="/course/"], main a[href^="/path/"]`).First().Attr("href")
	item := strings.Split(href, "/")[2]
	var asked []string
	for i := range 12 {
		title := fmt.Sprintf("Does zq%d survive a power cut?", i)
		res := post(t, member, d.URL("solvik", "/questions"), url.Values{"item": {item}, "title": {title}, "audience": {"org"}, "shown_as": {"name"}, "back": {"/community"}})
		if res.StatusCode != http.StatusOK {
			t.Fatalf("ask: %s: %.500s", res.Status, text(t, res.Body))
		}
		asked = append(asked, title)
	}
	d.Kill()
	d = webtest.Start(t, dir)
	member = d.Client(t, "learner@solvik.example")
	page := text(t, body(t, get(t, member, d.URL("solvik", "/community?tab=mine"))))
	for _, title := range asked {
		if !strings.Contains(page, title) {
			t.Errorf("%q was acknowledged and is lost", title)
		}
	}
}

// Portal and database are killed while several people finish lessons: each lesson of which the answer said that it is finished is.
func TestKillWhileLearning(t *testing.T) {
	t.Parallel()
	dir := webtest.Folder(t)
	d := webtest.Start(t, dir)
	people := []string{"learner@halden.example", "author@halden.example", "marketer@halden.example", "learner@solvik.example", "learner@kestrel.example", "manager@halden.example", "manager@solvik.example"}
	house := func(email string) string {
		_, domain, _ := strings.Cut(email, "@")
		return strings.TrimSuffix(domain, ".example")
	}
	const open = `main form[action$="/complete"]`
	type finished struct{ email, lesson string }
	var all []finished
	clients := map[string]*http.Client{}
	for _, email := range people {
		c := d.Client(t, email)
		clients[email] = c
		courses := document(t, c, d.URL(house(email), "/learn")).Find(`main a[href^="/course/"], main a[href^="/path/"]`).Map(func(_ int, a *goquery.Selection) string { return a.AttrOr("href", "") })
		slices.Sort(courses)
		for _, course := range slices.Compact(courses) {
			lessons := document(t, c, d.URL(house(email), course)).Find(`main a[href*="/lessons/"], main a[href*="/steps/"]`).Map(func(_ int, a *goquery.Selection) string { return a.AttrOr("href", "") })
			slices.Sort(lessons)
			for _, l := range slices.Compact(lessons) {
				if document(t, c, d.URL(house(email), l)).Find(open).Length() > 0 {
					all = append(all, finished{email, l})
				}
			}
		}
	}
	// Two thirds of the way it ends, whatever is under way.
	var mu sync.Mutex
	var kept []finished
	var wg sync.WaitGroup
	master := postmaster(t, d)
	kill := sync.OnceFunc(func() {
		_ = syscall.Kill(master, syscall.SIGKILL)
		d.Kill()
	})
	for email, c := range clients {
		c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		wg.Go(func() {
			for _, f := range all {
				if f.email != email {
					continue
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL(house(email), f.lesson+"/complete"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := c.Do(req)
				if err != nil {
					return
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusSeeOther {
					continue
				}
				mu.Lock()
				kept = append(kept, f)
				enough := len(kept) > len(all)*2/3
				mu.Unlock()
				if enough {
					kill()
				}
			}
		})
	}
	wg.Wait()
	kill()
	if len(kept) < 20 {
		t.Fatalf("only %d of %d lessons were finished", len(kept), len(all))
	}
	d = webtest.Start(t, dir)
	for email := range clients {
		clients[email] = d.Client(t, email)
	}
	for _, f := range kept {
		if document(t, clients[f.email], d.URL(house(f.email), f.lesson)).Find(open).Length() > 0 {
			t.Errorf("%s: %s was finished and is open", f.email, f.lesson)
		}
	}
}

// Finishing a lesson does not wait for whose session it is; whoever is nobody's any more by then finishes nothing.
func TestFinishingAsksWhoseSessionItIs(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	const email, house = "learner@kestrel.example", "kestrel"
	c := d.Client(t, email)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var open []string
	for _, at := range document(t, c, d.URL(house, "/learn")).Find(`main a[href^="/course/"]`).Map(func(_ int, a *goquery.Selection) string { return a.AttrOr("href", "") }) {
		for _, l := range document(t, c, d.URL(house, at)).Find(`main a[href*="/lessons/"]`).Map(func(_ int, a *goquery.Selection) string { return a.AttrOr("href", "") }) {
			if !slices.Contains(open, l) && document(t, c, d.URL(house, l)).Find(`main form[action$="/complete"]`).Length() > 0 {
				open = append(open, l)
			}
		}
	}
	if len(open) < 2 {
		t.Fatalf("%d lessons to finish", len(open))
	}
	finished := func(lesson string) bool {
		return document(t, d.Client(t, email), d.URL(house, lesson)).Find(`main form[action$="/complete"]`).Length() == 0
	}
	if res := post(t, c, d.URL(house, open[0]+"/complete"), nil); res.StatusCode != http.StatusSeeOther || !strings.Contains(res.Header.Get("Location"), "/course/") || !finished(open[0]) {
		t.Fatalf("with a session: %s, to %q", res.Status, res.Header.Get("Location"))
	}
	asOwner(t, d, `DELETE FROM sessions WHERE membership_id IN (SELECT membership_id FROM memberships WHERE email = $1)`, email)
	if res := post(t, c, d.URL(house, open[1]+"/complete"), nil); finished(open[1]) {
		t.Errorf("finished after the session was ended: %s, to %q", res.Status, res.Header.Get("Location"))
	}
}

// asOwner runs a statement in the demonstration's database as its owner.
func asOwner(t testing.TB, d *webtest.Demo, q string, args ...any) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(d.Dir, "pg", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(pid), "\n") // Port and folder of the socket are the fourth and the fifth.
	c, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=postgres dbname=learnscape", lines[4], lines[3]))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context()) //nolint:errcheck // Nothing is buffered.
	if _, err := c.Exec(t.Context(), q, args...); err != nil {
		t.Fatal(err)
	}
}

// postmaster is the process of the demonstration's PostgreSQL server.
func postmaster(t *testing.T, d *webtest.Demo) int {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(d.Dir, "pg", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := strconv.Atoi(strings.SplitN(string(pid), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	return master
}

// While the database is away every page says 503 and when to come again; when it is back, the pages are.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	member := d.Client(t, "learner@solvik.example")
	master := postmaster(t, d)
	// A stopped server answers nobody, as one behind a dead network; the processes are this test's own.
	for _, p := range family(t, master) {
		_ = syscall.Kill(p, syscall.SIGSTOP)
	}
	res := get(t, member, d.URL("solvik", "/learn"))
	page := text(t, body(t, res))
	for _, p := range family(t, master) {
		_ = syscall.Kill(p, syscall.SIGCONT)
	}
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(page, "<h1") {
		t.Errorf("status %d, Retry-After %q: %.300s", res.StatusCode, res.Header.Get("Retry-After"), page)
	}
	for end := time.Now().Add(20 * time.Second); ; {
		if res := get(t, member, d.URL("solvik", "/learn")); res.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the pages did not come back")
		}
	}
}

// family is a process and its children.
func family(t *testing.T, parent int) []int {
	t.Helper()
	out := []int{parent}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(raw), ") ")
		fields := strings.Fields(after)
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			if pid, err := strconv.Atoi(strings.Fields(string(raw))[0]); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}
