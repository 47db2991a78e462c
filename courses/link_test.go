package courses_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// elsewhere is a site that lessons link to; it counts what it is asked.
func elsewhere(t *testing.T) (url string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var list []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		list = append(list, r.Method+" "+r.URL.Path)
		mu.Unlock()
		switch r.URL.Path {
		case "/fine", "/new":
		case "/no-head":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		case "/moved":
			http.Redirect(w, r, "/new#part", http.StatusMovedPermanently)
		case "/for-now":
			http.Redirect(w, r, "/new", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusFound)
		case "/members":
			w.WriteHeader(http.StatusUnauthorized)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "/long":
			if r.Method == http.MethodGet {
				for range 1 << 10 {
					if _, err := fmt.Fprint(w, strings.Repeat("x", 1<<12)); err != nil {
						return
					}
				}
			}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

// checker looks at links without waiting between them.
func (w *world) checker(dsn string) *courses.Checker {
	w.t.Helper()
	c, err := jobs.NewClient(w.t.Context(), dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return courses.NewChecker(w.svc, egress.New(egress.Options{AllowLoopback: true}), c, 0)
}

// What links of published lessons lead to is found out once a week, each once, and told to those who write alone.
func TestLinksOfLessonsAreLookedAt(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	w := setupOn(t, d)
	site, asked := elsewhere(t)
	gone := w.course("gone-soon")
	text := "[a](" + site + "/fine) [b](" + site + "/no-head) [c](" + site + "/moved) [d](" + site + "/for-now) [e](" + site + "/round)\n\n[f](" + site + "/inside) [g](" + site + "/members) [h](" + site + "/broken) [i](" + site + "/long)\n\n[j](" + site + "/nothing) [k](http://192.168.1.1/x)\n\n" +
		"[l](" + tenants.ItemURL(gone) + ") [m](" + tenants.ItemURL(gone) + "/lessons/read) [n](" + tenants.ItemURL(gone) + "/lessons/never)\n"
	var it tenants.Item
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{Title: "Linked", Slug: "linked"}, Lessons: []courses.LessonDraft{{Key: "a", Title: "A", Source: text}, {Key: "b", Title: "B", Source: "[j](" + site + "/nothing) [again](" + site + "/fine)"}}})
		it = p.Item
		return err
	})
	author, k := w.author(w.vendor), w.checker(dsn("learnscape_app"))
	work := dbtest.System(t, scope.Importer, w.vendor.org.OrgID)
	if err := k.Weekly(work); err != nil {
		t.Fatal(err)
	}
	found := func() map[string]string {
		t.Helper()
		out := map[string]string{}
		for _, r := range []string{courses.LinkDead, courses.LinkMoved, courses.LinkUnsure, courses.LinkOK} {
			v, err := w.svc.Links(author, courses.LinksFilter{Result: r})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range v.Rows {
				out[strings.TrimPrefix(l.URL, site)] += l.Lesson + ":" + l.Result + " "
			}
		}
		return out
	}
	want := map[string]string{
		"/fine": "a:ok b:ok ", "/no-head": "a:ok ", "/moved": "a:moved ", "/for-now": "a:ok ", "/round": "a:unsure ", "/inside": "a:unsure ", "/members": "a:unsure ", "/broken": "a:unsure ", "/long": "a:ok ", "/nothing": "a:gone b:gone ",
		"http://192.168.1.1/x": "a:unsure ", tenants.ItemURL(gone): "a:ok ", tenants.ItemURL(gone) + "/lessons/read": "a:ok ", tenants.ItemURL(gone) + "/lessons/never": "a:gone ",
	}
	if diff := cmp.Diff(want, found()); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	n := len(asked())
	for _, a := range asked() {
		if strings.HasPrefix(a, "GET") && !slices.Contains([]string{"GET /no-head", "GET /broken", "GET /nothing"}, a) {
			t.Errorf("asked for the content: %s", a)
		}
	}
	// What is gone is found though nobody outside is asked again so soon.
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE links SET checked_at = checked_at - interval '7 days' WHERE org_id = $1 AND url LIKE '/%'`, w.vendor.org.OrgID); err != nil {
			return err
		}
		return tx.Must(`UPDATE items SET state = 'retired' WHERE org_id = $1 AND item_id = $2`, w.vendor.org.OrgID, gone.ItemID)
	})
	if err := k.Weekly(work); err != nil {
		t.Fatal(err)
	}
	if got := found(); got[tenants.ItemURL(gone)] != "a:gone " || len(asked()) != n {
		t.Errorf("after a week: %q, asked %v", got[tenants.ItemURL(gone)], asked()[n:])
	}
	if d, err := w.svc.Desk(author, courses.DeskFilter{}); err != nil || d.Dead != 5 {
		t.Errorf("the desk says %d, %v", d.Dead, err)
	}
	// What is taken out of the lessons is listed no more.
	w.tx(w.vendor.ctx, func(tx *db.Tx) error {
		_, err := courses.PublishCourse(tx, courses.CourseDraft{Item: tenants.Item{ItemID: it.ItemID, Title: "Linked", Slug: "linked"}, Lessons: []courses.LessonDraft{{Key: "a", Title: "A", Source: "Nothing."}}})
		return err
	})
	if err := k.Weekly(work); err != nil {
		t.Fatal(err)
	}
	if got := found(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if _, err := w.svc.Links(w.vendor.member, courses.LinksFilter{}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner lists links: %v", err)
	}
}

// Before publishing an author sees which links are dead, as far as somebody looked, and can have somebody look.
func TestDeadLinksStandAmongTheChecks(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	w := setupOn(t, d)
	site, asked := elsewhere(t)
	author, k := w.author(w.vendor), w.checker(dsn("learnscape_app"))
	item := w.drafted(author)
	m, err := w.svc.WriteLesson(author, item, "only")
	if err != nil {
		t.Fatal(err)
	}
	l := m.Lesson
	l.Source = "Words.\n\n[x](" + site + "/nothing) and [y](" + site + "/fine) and [z](/course/" + item.String() + "/x)\n"
	if _, err := w.svc.SaveLesson(author, item, l); err != nil {
		t.Fatal(err)
	}
	check := func() courses.WriteCheck {
		t.Helper()
		v, err := w.svc.Manuscript(author, item)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Ready() {
			t.Error("publishing waits for a link")
		}
		for _, c := range v.Checks {
			if c.Key == "links" {
				return c
			}
		}
		t.Fatal("links are not looked at")
		return courses.WriteCheck{}
	}
	if c := check(); c.OK || c.Count != 1 || !strings.HasPrefix(c.Found, "/course/") || c.Line != 3 { // The draft itself is not there yet for anybody.
		t.Errorf("before: %+v", c)
	}
	if err := w.svc.AskLinks(author, item); err != nil {
		t.Fatal(err)
	}
	work := dbtest.System(t, scope.Importer, w.vendor.org.OrgID)
	if err := k.Draft(work, item); err != nil {
		t.Fatal(err)
	}
	if c := check(); c.OK || c.Count != 2 || c.Found != site+"/nothing" || c.Lesson != "only" {
		t.Errorf("after: %+v", c)
	}
	n := len(asked())
	if err := k.Draft(work, item); err != nil || len(asked()) != n {
		t.Errorf("asked again at once: %v, %v", asked()[n:], err)
	}
	if err := k.Draft(dbtest.System(t, scope.Importer, w.other.org.OrgID), item); err != nil || len(asked()) != n {
		t.Errorf("asked for another organization: %v, %v", asked()[n:], err)
	}
	if err := w.svc.AskLinks(w.author(w.partner), item); !errs.Is(err, errs.NotFound) {
		t.Errorf("asked by another organization: %v", err)
	}
}
