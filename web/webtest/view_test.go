package webtest_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// A partner manager of Halden looks at Halden's content as Brightwater sees it: through Learn, a path, search and a story, under a bar
// that says so. What is not opened is not there, nothing can be changed, and one press ends it.
func TestLookAsAnother(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	shot := func(name string) {
		if dir := os.Getenv("LEARNSCAPE_SHOTS"); dir != "" {
			b.Shot(filepath.Join(dir, name+".png"))
		}
	}
	signIn(t, b, d, "partners@halden.example")
	b.Visit(d.URL("halden", "/learn"))
	own := webtest.Eval[int](b, `document.querySelectorAll('main a[href^="/path/"], main a[href^="/course/"]').length`)
	b.Visit(d.URL("halden", "/network/brightwater/view"))
	b.Click(`main a[href="/view-as?as=brightwater"]`)
	b.WaitText("See it as others do")
	b.Accessible()
	b.Fits(320)
	b.Resize(1360)
	shot("view-choose")
	b.Submit(`main select[name="as"]`)
	b.WaitText("as Brightwater Consulting sees it")
	shot("view-learn")
	b.Accessible()
	if n := webtest.Eval[int](b, `document.querySelectorAll('main a[href^="/path/"], main a[href^="/course/"]').length`); n == 0 || n >= own {
		t.Errorf("%d links to what can be learned in the view, %d outside of it", n, own)
	}
	if b.Has(`a[href^="/admin"], a[href="/network"]`) {
		t.Error("the view leads to what is not in it")
	}
	b.Click(`main a[href^="/path/"]`)
	b.Wait(`.look`)
	b.Fits(320)
	b.Resize(1360)
	shot("view-path")
	for _, page := range []string{"/search?q=alarm", "/stories"} {
		b.Visit(d.URL("halden", page))
		b.Wait(`.look`)
		b.Accessible()
	}
	client := d.Client(t, "partners@halden.example")
	site, err := url.Parse(d.URL("halden", "/"))
	if err != nil {
		t.Fatal(err)
	}
	client.Jar.SetCookies(site, []*http.Cookie{{Name: "ls_view", Value: "brightwater", Path: "/"}})
	for _, page := range []string{"/admin/people", "/network", "/me", "/community", "/sharing"} {
		if got := status(t, client, d.URL("halden", page)); got != http.StatusNotFound {
			t.Errorf("%s answers %d in a view", page, got)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL("halden", "/welcome"), strings.NewReader("purpose=learn"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusConflict {
		t.Errorf("a change in a view answers %d", res.StatusCode)
	}
	b.Click(`.look button`)
	b.WaitText("See it as others do")
	if b.Has(`.look`) {
		t.Error("the view goes on after it was stopped")
	}
	// A learner has no view, whatever the browser says; nor has anybody one of an organization that is not connected.
	learner := d.Client(t, "learner@halden.example")
	learner.Jar.SetCookies(site, []*http.Cookie{{Name: "ls_view", Value: "brightwater", Path: "/"}})
	if text := webtest.Text(t, learner, d.URL("halden", "/learn")); strings.Contains(text, "sees it") {
		t.Error("a learner looks as another organization")
	}
	client.Jar.SetCookies(site, []*http.Cookie{{Name: "ls_view", Value: "aurora", Path: "/"}})
	if text := webtest.Text(t, client, d.URL("halden", "/learn")); strings.Contains(text, "sees it") {
		t.Error("somebody looks as an organization that is not connected")
	}
}
