package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/learnscape/learnscape/web/webtest"
)

// Limits of a page that do not depend on the clock.
const (
	maxStatements = 10       // session and scope included, whatever the number of rows
	maxHTML       = 60 << 10 // bytes
	maxPacked     = 12 << 10 // bytes, gzip
	maxElements   = 1200
)

func TestPagesKeepTheirLimits(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	for _, who := range []struct {
		org, email string
		paths      []string
	}{
		{"brightwater", "learner@brightwater.example", []string{"/", "/learn", "/search?q=alarm", "/community", "/stories", "/me", "/home/with", "/welcome", "/welcome/answer?for=solve&q=alarm", "/welcome/answer?for=learn"}},
		{"brightwater", "author@brightwater.example", []string{"/learn?tab=ours", "/library", "/library?part=more"}},
		{"halden", "admin@halden.example", []string{"/", "/learn", "/admin/people", "/admin/audit", "/view-as", "/admin/sign-in", "/admin/tokens"}},
		{"halden", "partners@halden.example", []string{"/network", "/network/brightwater", "/network/brightwater/end", "/network/brightwater/counter", "/network/brightwater/view", "/network/invite", "/partners/offer", "/sharing", "/sharing/open-academy"}},
		{"solvik", "", []string{"/", "/search/close?q=alarm", "/learn", "/search?q=alarm", "/stories", "/community", "/sign-in"}},
	} {
		client := d.Client(t, who.email)
		paths := who.paths
		// One of each kind of item and of lesson that the library and the lists lead to.
		for _, list := range []string{"/learn", "/stories", "/community", "/library"} {
			paths = append(paths, links(t, client, d.URL(who.org, list))...)
		}
		for _, path := range paths {
			measure(t, client, d.URL(who.org, path))
		}
	}
	// Who is in a group, and who looks for one.
	for _, email := range []string{"learner2@brightwater.example", "learner@brightwater.example"} {
		client := d.Client(t, email)
		for kind, path := range stepsOfKinds(t, client, func(path string) string { return d.URL("brightwater", path) }) {
			t.Log(kind)
			measure(t, client, d.URL("brightwater", path))
		}
	}
}

// stepKinds says by what on its page a lesson is known that asks more of the viewer than to read.
var stepKinds = map[string]string{
	"group":      `main form[action*="/group/"]`,
	"live":       `main .step-dates form[action^="/live/"]`,
	"task":       `main .check-card a[href*="/tasks/"]`,
	"reflection": `main .reflect form`,
	"quiz taken": `main .check-card a[href*="/quizzes/"]`,
}

// stepsOfKinds finds a lesson of each kind by going through the paths and courses that the viewer is led to.
func stepsOfKinds(t *testing.T, client *http.Client, at func(string) string) map[string]string {
	t.Helper()
	out, seen := map[string]string{}, map[string]bool{}
	each := func(doc *goquery.Document, selector string, do func(href string)) {
		doc.Find(selector).Each(func(_ int, a *goquery.Selection) {
			if href, _, _ := strings.Cut(a.AttrOr("href", ""), "#"); !seen[href] && len(out) < len(stepKinds) {
				seen[href] = true
				do(href)
			}
		})
	}
	for _, list := range []string{"/learn", "/search?q=thursdays", "/search?q=probe"} {
		each(document(t, client, at(list)), `main a[href^="/path/"], main a[href^="/course/"]`, func(href string) {
			each(document(t, client, at(href)), `main a[href*="/steps/"], main a[href*="/lessons/"]`, func(href string) {
				page := document(t, client, at(href))
				for kind, selector := range stepKinds {
					if out[kind] == "" && page.Find(selector).Length() > 0 {
						out[kind] = href
					}
				}
			})
		})
	}
	for kind := range stepKinds {
		if out[kind] == "" {
			t.Errorf("no page with a %s is found", kind)
		}
	}
	return out
}

// links returns the first address of each kind on a page, and the first lesson of the first path and course.
func links(t *testing.T, client *http.Client, address string) []string {
	t.Helper()
	var out []string
	for _, prefix := range []string{"/path/", "/course/", "/story/", "/questions/", "/library/"} {
		doc := document(t, client, address)
		href, ok := doc.Find(`main a[href^="` + prefix + `"]`).First().Attr("href")
		if !ok {
			continue
		}
		out = append(out, href)
		if prefix == "/library/" {
			out = append(out, href+"/additions")
		}
		if prefix == "/path/" || prefix == "/course/" {
			base := address[:strings.Index(address[8:], "/")+8]
			if lesson, ok := document(t, client, base+href).Find(`main a[href*="/steps/"], main a[href*="/lessons/"]`).First().Attr("href"); ok {
				out = append(out, lesson)
			}
		}
	}
	return out
}

func document(t *testing.T, client *http.Client, address string) *goquery.Document {
	t.Helper()
	res := get(t, client, address)
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	doc, err := goquery.NewDocumentFromReader(body(t, res))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func get(t *testing.T, client *http.Client, address string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func body(t *testing.T, res *http.Response) io.Reader {
	t.Helper()
	if res.Header.Get("Content-Encoding") != "gzip" {
		return res.Body
	}
	r, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func measure(t *testing.T, client *http.Client, address string) {
	t.Helper()
	// The process remembers organizations' names for seconds; what it asks again for them is not the page's.
	least := 0
	for range 3 {
		res := get(t, client, address)
		_ = res.Body.Close()
		n, err := strconv.Atoi(res.Header.Get("X-Statements"))
		if err != nil {
			t.Errorf("%s does not say how many statements it took: %v", address, err)
		}
		if least == 0 || n < least {
			least = n
		}
	}
	res := get(t, client, address)
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	packed := &counting{r: res.Body}
	res.Body = io.NopCloser(packed)
	html, err := io.ReadAll(body(t, res))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(html)))
	if err != nil {
		t.Fatal(err)
	}
	elements := doc.Find("*").Length()
	statements := least
	t.Logf("%3d %2d statements %5d bytes %5d packed %4d elements %s", res.StatusCode, statements, len(html), packed.n, elements, address)
	if res.StatusCode != http.StatusOK || statements > maxStatements || len(html) > maxHTML || packed.n > maxPacked || elements > maxElements {
		t.Errorf("%s: status %d, %d statements (%d), %d bytes (%d), %d packed (%d), %d elements (%d)", address, res.StatusCode,
			statements, maxStatements, len(html), maxHTML, packed.n, maxPacked, elements, maxElements)
	}
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
