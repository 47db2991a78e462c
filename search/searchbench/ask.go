package searchbench

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/search"
)

// Kinds are the classes of questions, made from a section that is known to be what is looked for.
func Kinds() []string {
	return []string{"exact", "prefix", "typo", "first letter", "short word", "swapped", "noise first", "reversed", "multi"}
}

// Ask is a question of a viewer and the item that answers it.
type Ask struct {
	Kind   string
	Text   string
	Viewer id.Org
	Item   id.Item
}

// Asks makes n questions of each kind: three to five words of a title; the last word cut; one random edit in a word of at
// least five letters; one in its first letter; one in a word of four letters; two letters swapped; a word in front that has
// nothing to do with it; the words in reverse; two words of the title, three of the body and one that has nothing to do
// with it. Targets are English, with a title that no other section seen by the viewer has.
func (w *World) Asks(n int, seed uint64) []Ask {
	rnd := rand.New(rand.NewPCG(seed, 11)) //nolint:gosec // Not for secrets.
	var out []Ask
	count := map[string]map[string]int{}
	unique := func(title string) bool {
		if count["all"] == nil {
			count["all"] = map[string]int{}
			for _, s := range w.Sections {
				count["all"][s.Title]++
			}
		}
		return count["all"][title] == 1
	}
	for _, kind := range Kinds() {
		for tries, got := 0, 0; got < n && tries < 400*n; tries++ {
			v := w.Viewers[rnd.IntN(len(w.Viewers))]
			if len(w.Seen[v]) == 0 {
				continue
			}
			i := w.Seen[v][rnd.IntN(len(w.Seen[v]))]
			s := w.Sections[i]
			title := words(s.Title)
			if s.Lang != "en" || len(title) < 3 || !unique(s.Title) {
				continue
			}
			other := w.Sections[w.Seen[v][rnd.IntN(len(w.Seen[v]))]]
			if text, ok := question(rnd, kind, title, words(s.Body), words(other.Body)); ok {
				out = append(out, Ask{kind, text, v, w.Item[i]})
				got++
			}
		}
	}
	return out
}

func question(rnd *rand.Rand, kind string, title, body, noise []string) (string, bool) {
	take := 3 + rnd.IntN(3)
	start := 0
	if len(title) > take {
		start = rnd.IntN(len(title) - take + 1)
	}
	q := slices.Clone(title[start:min(len(title), start+take)])
	edit := func(least, most int, fn func([]rune) []rune) bool {
		for _, i := range rnd.Perm(len(q)) {
			r := []rune(q[i])
			if len(r) >= least && len(r) <= most && strings.IndexFunc(q[i], unicode.IsDigit) < 0 {
				e := string(fn(r))
				if e == q[i] {
					continue
				}
				q[i] = e
				return true
			}
		}
		return false
	}
	letter := func() rune { return []rune("abcdefghijklmnopqrstuvwxyz")[rnd.IntN(26)] }
	ok := true
	switch kind {
	case "exact":
	case "prefix":
		r := []rune(q[len(q)-1])
		if len(r) < 6 {
			return "", false
		}
		q[len(q)-1] = string(r[:len(r)-2-rnd.IntN(len(r)/3)])
	case "typo":
		ok = edit(5, 40, func(r []rune) []rune {
			i := rnd.IntN(len(r))
			switch rnd.IntN(4) {
			case 0:
				return slices.Delete(r, i, i+1)
			case 1:
				return slices.Insert(r, i, letter())
			case 2:
				r[i] = letter()
			case 3:
				i = min(i, len(r)-2)
				r[i], r[i+1] = r[i+1], r[i]
			}
			return r
		})
	case "first letter":
		ok = edit(5, 8, func(r []rune) []rune { r[0] = letter(); return r })
	case "short word":
		ok = edit(4, 4, func(r []rune) []rune { r[1+rnd.IntN(3)] = letter(); return r })
	case "swapped":
		ok = edit(5, 40, func(r []rune) []rune { i := rnd.IntN(len(r) - 1); r[i], r[i+1] = r[i+1], r[i]; return r })
	case "noise first":
		q = append([]string{"xq" + string(letter()) + "zzv"}, q...)
	case "reversed":
		slices.Reverse(q)
	case "multi":
		if len(body) < 8 || len(noise) < 3 {
			return "", false
		}
		long := slices.DeleteFunc(slices.Clone(body), func(w string) bool { return len(w) < 5 })
		strange := slices.DeleteFunc(slices.Clone(noise), func(w string) bool { return len(w) < 5 || slices.Contains(body, w) })
		if len(long) < 3 || len(strange) == 0 {
			return "", false
		}
		q = q[:2]
		for range 3 {
			q = append(q, long[rnd.IntN(len(long))])
		}
		q = slices.Insert(q, rnd.IntN(len(q)), strange[rnd.IntN(len(strange))])
	}
	return strings.Join(q, " "), ok
}

func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// Figures are how well and how fast a class of questions was answered.
type Figures struct {
	N        int
	Recall   float64 // share of questions whose item stands among the first ten
	MRR      float64 // mean of 1/rank, 0 beyond ten
	P50, P95 time.Duration
	Missed   []Ask
}

// Run asks every question as a member of its viewer, whom as lets act, and returns the figures by kind, and "" for all.
func Run(svc *search.Service, asks []Ask, as func(viewer id.Org) context.Context, now func() time.Time) (map[string]Figures, error) {
	type sum struct {
		Figures
		took []time.Duration
	}
	sums := map[string]*sum{}
	for _, a := range asks {
		who := as(a.Viewer)
		start := now()
		r, err := svc.Search(who, search.Query{Text: a.Text, Limit: 10, Counts: true})
		took := now().Sub(start)
		if err != nil {
			return nil, err
		}
		rank := slices.IndexFunc(r.Hits, func(h search.Hit) bool { return h.Item.ItemID == a.Item })
		for _, k := range []string{a.Kind, ""} {
			if sums[k] == nil {
				sums[k] = &sum{}
			}
			s := sums[k]
			s.N++
			s.took = append(s.took, took)
			if rank >= 0 {
				s.Recall++
				s.MRR += 1 / float64(rank+1)
			} else {
				s.Missed = append(s.Missed, a)
			}
		}
	}
	out := map[string]Figures{}
	for k, s := range sums {
		slices.Sort(s.took)
		s.Recall /= float64(s.N)
		s.MRR /= float64(s.N)
		s.P50, s.P95 = s.took[len(s.took)/2], s.took[len(s.took)*95/100]
		out[k] = s.Figures
	}
	return out, nil
}
