package webtest_test

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/learnscape/learnscape/web/webtest"
)

// command runs a command of the product's own command line on the demonstration's database, as the operator would, and returns what
// it printed.
func command(t *testing.T, d *webtest.Demo, args ...string) (string, error) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(d.Dir, "pg", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	socket := strings.Split(string(pid), "\n")[4]
	cmd := exec.CommandContext(t.Context(), webtest.Binary(t), args...)
	cmd.Env = append(os.Environ(), "LEARNSCAPE_BASE_URL="+d.Base, "LEARNSCAPE_FILES="+filepath.Join(d.Dir, "files"), "LEARNSCAPE_KEYS=k1:"+strings.Repeat("A", 43)+"=",
		"LEARNSCAPE_DATABASE_URL=host="+socket+" user=learnscape_app dbname=learnscape sslmode=disable")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// ask is one request and its page.
func ask(t *testing.T, client *http.Client, method, address string) (int, *goquery.Document) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, doc
}

// TestSuspendedAndBack is what an operator's word does to a running portal: on the next request the organization's people are out and
// what it shared is closed, and after the second word everything is as it was, sessions too.
func TestSuspendedAndBack(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	inside, partner, visitor := d.Client(t, "learner@halden.example"), d.Client(t, "learner@brightwater.example"), d.Client(t, "")
	manager := d.Client(t, "partners@brightwater.example")
	_, list := ask(t, partner, http.MethodGet, d.URL("brightwater", "/learn?org=halden"))
	course := list.Find(`main a[href^="/course/"]`).First()
	href := course.AttrOr("href", "")
	title := strings.ReplaceAll(path.Base(href), "-", " ") // What stands on the card is more than its title.
	if href == "" {
		t.Fatal("Brightwater sees no course of Halden")
	}
	if status, _ := ask(t, partner, http.MethodPost, d.URL("brightwater", href+"/start")); status != http.StatusOK {
		t.Fatalf("start: %d", status)
	}
	_, lesson := ask(t, partner, http.MethodGet, d.URL("brightwater", href))
	_, lesson = ask(t, partner, http.MethodGet, d.URL("brightwater", lesson.Find(`main a[href*="/lessons/"]`).First().AttrOr("href", "")))
	picture := lesson.Find(`img[src^="/files/"], a[href^="/files/"]`).First()
	file := picture.AttrOr("src", picture.AttrOr("href", ""))
	_, stories := ask(t, visitor, http.MethodGet, d.URL("solvik", "/stories"))
	story := ""
	stories.Find(`main a[href^="/story/"]`).EachWithBreak(func(_ int, a *goquery.Selection) bool {
		_, page := ask(t, visitor, http.MethodGet, d.URL("solvik", a.AttrOr("href", "")))
		if strings.Contains(page.Find("main").Text(), "Halden Systems") {
			story = a.AttrOr("href", "")
		}
		return story == ""
	})
	find := "/search?q=" + url.QueryEscape(title)
	finds := func() bool {
		_, page := ask(t, partner, http.MethodGet, d.URL("brightwater", find))
		return page.Find(`main a[href="`+href+`"]`).Length() > 0
	}
	if file == "" || story == "" || !finds() {
		t.Fatalf("before: file %q, public story %q, found %v", file, story, finds())
	}

	if status, page := ask(t, visitor, http.MethodGet, d.URL("halden", "/stories")); status != http.StatusOK || !strings.Contains(page.Text(), "Halden Systems") {
		t.Errorf("before: its own host answers a visitor %d", status)
	}
	if out, err := command(t, d, "org", "suspend", "halden"); err == nil {
		t.Errorf("suspended without a reason: %s", out)
	}
	if out, err := command(t, d, "org", "suspend", "halden", "--reason", "invoices of two quarters"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// The command was another process: what this one knew a moment ago is not shown to anybody.
	for _, path := range []string{"/stories", "/", "/sign-in"} {
		if status, page := ask(t, visitor, http.MethodGet, d.URL("halden", path)); status != http.StatusServiceUnavailable || page.Find(`a[href="/stories"]`).Length() > 0 {
			t.Errorf("%s of its host answers a visitor %d: %s", path, status, page.Find("h1").Text())
		}
	}
	for _, path := range []string{"/", "/learn", "/search?q=alarm", "/me"} {
		if status, page := ask(t, inside, http.MethodGet, d.URL("halden", path)); status != http.StatusServiceUnavailable || !strings.Contains(page.Find("h1").Text(), "not available") {
			t.Errorf("%s inside answers %d: %s", path, status, page.Find("h1").Text())
		}
	}
	if status, page := ask(t, partner, http.MethodGet, d.URL("brightwater", href)); status != http.StatusGone || !strings.Contains(page.Find("main").Text(), "stays yours") {
		t.Errorf("the partner's own record: %d", status)
	}
	if status, _ := ask(t, partner, http.MethodGet, d.URL("brightwater", file)); status != http.StatusNotFound {
		t.Errorf("a file: %d", status)
	}
	if status, _ := ask(t, visitor, http.MethodGet, d.URL("solvik", story)); status != http.StatusNotFound {
		t.Errorf("a public story, elsewhere: %d", status)
	}
	if finds() {
		t.Error("search still finds it")
	}
	if _, page := ask(t, manager, http.MethodGet, d.URL("brightwater", "/network/halden")); !strings.Contains(page.Find("main").Text(), "not available at present") {
		t.Error("the partner's page of the connection does not say that Halden is not available")
	}
	if _, page := ask(t, manager, http.MethodGet, d.URL("brightwater", "/network")); !strings.Contains(page.Find("main").Text(), "Not available") {
		t.Error("the list of connections does not say it")
	}
	if status, _ := ask(t, visitor, http.MethodGet, d.URL("halden", "/sign-in")); status != http.StatusServiceUnavailable {
		t.Errorf("the sign-in page: %d", status)
	}
	if out, err := command(t, d, "org", "suspend", "halden", "--reason", "again"); err == nil {
		t.Errorf("suspended twice: %s", out)
	}

	if out, err := command(t, d, "org", "resume", "halden", "--reason", "paid"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct {
		who        *http.Client
		org, path  string
		wantStatus int
	}{{inside, "halden", "/", 200}, {partner, "brightwater", href, 200}, {partner, "brightwater", file, 200}, {visitor, "solvik", story, 200}} {
		if status, _ := ask(t, c.who, http.MethodGet, d.URL(c.org, c.path)); status != c.wantStatus {
			t.Errorf("%s%s after the return: %d", c.org, c.path, status)
		}
	}
	for end := time.Now().Add(20 * time.Second); !finds(); time.Sleep(100 * time.Millisecond) { //nolint:forbidigo // Documents come back when the news has been read.
		if time.Now().After(end) {
			t.Fatal("search does not find it again")
		}
	}
}
