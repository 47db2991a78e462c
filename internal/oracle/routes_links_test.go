package oracle_test

import (
	"math/rand/v2"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
)

// linksRoutes are the links of what an organization publishes: its own authors' to see.
var linksRoutes = map[string]route{
	"GET /publish/links":     {kind: list, asks: linksOf("/publish/links?show=")},
	"GET /publish/links.csv": {kind: file, asks: linksOf("/publish/links.csv?show=")},
}

func linksOf(at string) func(*site, *reader) []ask {
	return func(s *site, r *reader) []ask {
		var lines []listed
		for _, l := range s.world.links {
			lines = append(lines, listed{ob: l.ob, as: l.url})
		}
		return []ask{{target: at, about: &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}, ok: 200, lists: lines}}
	}
}

// deadLink is a link of an organization that leads to nothing.
type deadLink struct {
	ob  *oracle.Object
	url string // canary
}

// linksIn gives an organization links that lead to nothing, in some of its items. Rows are the house's; the page is for those who write.
func (w *world) linksIn(o *org) {
	before := w.r // By chance of its own: the rest of the world is what it was.
	w.r = rand.New(rand.NewPCG(uint64(len(w.items)), uint64(len(w.links)+1)))
	defer func() { w.r = before }()
	for _, ob := range w.items {
		if ob.Org != o.id.String() {
			continue
		}
		about := &oracle.Object{Kind: oracle.House, Org: ob.Org}
		if w.rich {
			about.Kind = oracle.Library
		}
		l := deadLink{ob: about, url: w.token(about, "link "+ob.ID)}
		at := "https://gone.example/" + l.url
		w.exec(o, `INSERT INTO links (org_id, url, result, status, checked_at, bad_since) VALUES ($1, $2, 'gone', 404, now(), now())`, o.id, at)
		w.exec(o, `INSERT INTO link_places (org_id, item_id, lesson_key, url, line) VALUES ($1, $2, 'a', $3, 1)`, o.id, parse[id.Item](w.t, ob.ID), at)
		if !w.rich {
			w.put("links", ob.Org+" "+at, about)
			w.put("link_places", ob.Org+" "+at, about)
		}
		w.links = append(w.links, l)
	}
}
