package courses

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What can be found where a link leads.
const (
	LinkOK          = "ok"
	LinkMoved       = "moved"       // something, at another address for good
	LinkGone        = "gone"        // nothing, and whoever answers says so
	LinkUnreachable = "unreachable" // nobody who answers, or nothing that can be asked from here
	LinkUnsure      = "unsure"      // who answers does not say: one has to sign in, programs are not answered, something is broken today
)

// LinkDead is every link at whose end nothing is, beside the values above.
const LinkDead = "dead"

// dead reports whether nothing is there.
func dead(result string) bool { return result == LinkGone || result == LinkUnreachable }

// LinkResult is what was found where a link leads.
type LinkResult struct {
	URL     string     `db:"url"`
	Result  string     `db:"result"`
	Status  int        `db:"status"` // of the answer; 0 for none
	MovedTo string     `db:"moved_to"`
	Checked time.Time  `db:"checked_at"`
	Since   *time.Time `db:"bad_since"` // when it was first found dead
}

// linkMost is the longest address that is looked at, in bytes.
const linkMost = 2000

// leadsOut are the links of a text that somebody has to look after: whole addresses, and paths of the portal. Those within a course are known
// when it is published.
func leadsOut(source string) (out []markdown.Link) {
	for _, l := range markdown.Links(source) {
		if len(l.Target) <= linkMost && (isAway(l.Target) || inside.MatchString(l.Target)) {
			out = append(out, l)
		}
	}
	return out
}

// isAway reports whether a link leads out of the portal.
func isAway(target string) bool {
	u, err := url.Parse(target)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// inside is the address of something in the portal: of an item, and perhaps of a lesson of a course.
var inside = regexp.MustCompile(`^/(course|path|story|resource)/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:/[^/?#]*)?(?:/lessons/([^/?#]+))?(?:[/?#].*)?$`)

// lookInside finds which paths of the portal lead to something that the acting organization sees.
func lookInside(b *db.Batch, org id.Org, links []string, dest *[]string) {
	var list, ids, lessons []string
	for _, l := range links {
		if m := inside.FindStringSubmatch(l); m != nil {
			key, err := url.PathUnescape(m[3])
			if err != nil {
				key = m[3]
			}
			list, ids, lessons = append(list, l), append(ids, m[2]), append(lessons, key)
		}
	}
	db.List(b, dest, `SELECT x.url FROM unnest($2::text[], $3::uuid[], $4::text[]) AS x(url, item_id, lesson) JOIN items i ON i.item_id = x.item_id AND i.state = 'published' AND `+tenants.Seen("$1")+`
		WHERE x.lesson = '' OR EXISTS (SELECT 1 FROM lessons l WHERE l.org_id = i.org_id AND l.item_id = i.item_id AND l.version = i.version AND l.key = x.lesson) LIMIT 5000`, org, list, ids, lessons)
}

// LinkPlace is a link where it stands.
type LinkPlace struct {
	LinkResult

	Item   id.Item `db:"item_id"`
	Kind   string  `db:"kind"`
	Title  string  `db:"title"` // of the course or path
	Slug   string  `db:"slug"`
	Lesson string  `db:"lesson_key"`
	Named  string  `db:"named"` // the title of the lesson
	Line   int     `db:"line"`
}

// LinksFilter narrows the list of links.
type LinksFilter struct {
	Result  string // LinkDead (default), LinkMoved, LinkUnsure or LinkOK
	Query   string // words of an address or a title
	After   string // the last address of the page before
	AfterAt string // and its place: item and lesson
	Limit   int    // lines of a page, 1 to 1000; default 50
}

// LinksView is a page of the links of what an organization publishes.
type LinksView struct {
	Now    time.Time
	Rows   []LinkPlace
	More   bool
	Counts map[string]int // of each result, LinkDead among them
	Last   *time.Time     // when the latest was looked at; nil for never
}

// Mark is what the next page begins after.
func (p LinkPlace) Mark() string { return p.Item.String() + " " + p.Lesson }

// linksSQL lists links of $1 with their places: $2 results, $3 words (a pattern), $4, $5 the last line of the page before, $6 how many.
const linksSQL = `SELECT k.url, k.result, k.status, k.moved_to, k.checked_at, k.bad_since, p.item_id, i.kind, i.title, i.slug, p.lesson_key, coalesce(l.title, '') AS named, p.line
	FROM links k JOIN link_places p ON p.org_id = k.org_id AND p.url = k.url JOIN items i ON i.org_id = p.org_id AND i.item_id = p.item_id
		LEFT JOIN lessons l ON l.org_id = p.org_id AND l.item_id = p.item_id AND l.version = i.version AND l.key = p.lesson_key
	WHERE k.org_id = $1 AND k.result = ANY($2) AND (lower(k.url) LIKE $3 OR lower(i.title) LIKE $3) AND ($4 = '' OR (k.url, p.item_id || ' ' || p.lesson_key) > ($4, $5))
	ORDER BY k.url, p.item_id || ' ' || p.lesson_key LIMIT $6`

// Links lists the links of what the own organization publishes, by address, for those who write it.
func (s *Service) Links(ctx context.Context, f LinksFilter) (LinksView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return LinksView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return LinksView{}, err
	}
	if f.Limit < 1 || f.Limit > 1000 {
		f.Limit = 50
	}
	results := []string{f.Result}
	if !slices.Contains([]string{LinkOK, LinkMoved, LinkUnsure}, f.Result) {
		results = []string{LinkGone, LinkUnreachable}
	}
	v := LinksView{Counts: map[string]int{}}
	var counts []struct {
		Result string    `db:"result"`
		N      int       `db:"n"`
		Last   time.Time `db:"last"`
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, linksSQL, sc.Org, results, db.Like(f.Query), f.After, f.AfterAt, f.Limit+1)
		db.List(b, &counts, `SELECT k.result, count(*)::int AS n, max(k.checked_at) AS last FROM links k JOIN link_places p ON p.org_id = k.org_id AND p.url = k.url WHERE k.org_id = $1 GROUP BY k.result LIMIT 10`, sc.Org)
	})
	if len(v.Rows) > f.Limit {
		v.Rows, v.More = v.Rows[:f.Limit], true
	}
	for _, c := range counts {
		v.Counts[c.Result] = c.N
		if dead(c.Result) {
			v.Counts[LinkDead] += c.N
		}
		if v.Last == nil || c.Last.After(*v.Last) {
			v.Last = &c.Last
		}
	}
	return v, err
}

// deadSQL counts the places of dead links of $1.
const deadSQL = `SELECT count(*)::int FROM links k JOIN link_places p ON p.org_id = k.org_id AND p.url = k.url WHERE k.org_id = $1 AND k.result IN ('gone', 'unreachable')`

// LinksAsked says that somebody wants to know now where the links of a draft lead.
type LinksAsked struct {
	Org  id.Org  `json:"org"`
	Item id.Item `json:"item"`
}

// EventKind implements jobs.Event.
func (LinksAsked) EventKind() string { return "courses.links_asked" }

// EventOrg implements jobs.Event.
func (e LinksAsked) EventOrg() id.Org { return e.Org }

// AskLinks has the links of a manuscript looked at soon. Asked again within five minutes nothing more is done.
func (s *Service) AskLinks(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.manuscript(ctx, item, func(tx *db.Tx, _ Manuscript) error { return jobs.Emit(tx, LinksAsked{tx.Scope.Org, item}) })
}

// draftLink is a link of a manuscript where it stands.
type draftLink struct {
	markdown.Link

	lesson ManuscriptLesson
}

func (v *ManuscriptView) links() (out []draftLink) {
	for _, l := range v.Lessons {
		if v.Kind == tenants.KindPath && v.Plan.step(l.Key) < 0 {
			continue // Taken out.
		}
		for _, k := range leadsOut(l.Source) {
			out = append(out, draftLink{k, l})
		}
	}
	return out
}

// lookLinks adds what is known of where the lessons lead: what was found the last time, and of paths in the portal what is there now.
func (s *Service) lookLinks(ctx context.Context, v *ManuscriptView, org id.Org) error {
	list := v.links()
	if len(list) == 0 {
		return nil
	}
	var urls []string
	for _, l := range list {
		urls = append(urls, l.Target)
	}
	var known []LinkResult
	var there []string
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &known, `SELECT k.url, k.result, k.status, k.moved_to, k.checked_at, k.bad_since FROM links k WHERE k.org_id = $1 AND k.url = ANY($2) LIMIT 5000`, org, urls)
		lookInside(b, org, urls, &there)
	}); err != nil {
		return fmt.Errorf("links of the manuscript of %s: %w", v.Item, err)
	}
	c := WriteCheck{Key: "links", OK: true}
	for _, l := range list {
		i := slices.IndexFunc(known, func(k LinkResult) bool { return k.URL == l.Target })
		bad := i >= 0 && dead(known[i].Result)
		switch {
		case strings.HasPrefix(l.Target, "/"):
			bad = !slices.Contains(there, l.Target)
		case i < 0:
			v.LinksNew++
		case v.LinksAt == nil || known[i].Checked.Before(*v.LinksAt):
			v.LinksAt = &known[i].Checked
		}
		v.LinksAll++
		if !bad {
			continue
		}
		if c.OK {
			c.OK, c.Lesson, c.Title, c.Found, c.Line = false, l.lesson.Key, l.lesson.Title, l.Target, l.Line
		}
		c.Count++
	}
	v.Checks = append(v.Checks, c)
	return nil
}
