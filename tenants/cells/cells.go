// Package cells decides which totals about people may be released, so that no subtraction tells of fewer than five of them. A cell is how
// many people of an organization started and how many finished one item in one week; totals add cells up over items and weeks. It
// knows numbers and who stands behind them, no database and no organization; only tenants calls it.
//
// A figure is released when nobody can stand alone in it: each of its two numbers is nought or counts at least five different people, and
// so does what is left between them, those who started and have not finished (the primary rule). A total is released only if what can be
// computed from it is as safe (the secondary rule). What was released before is known, so a total tells the sum of the cells in it that
// were not: these must obey the rule as if they were a figure of their own, be several, and leave open how much each of them is. Totals
// whose unreleased cells overlap without one containing the other's are refused: then every equation that can be had from all that was
// ever released is a sum over one of a set of groups that have no cell in common, and each group was looked at.
//
// What was released is never changed or taken back: a later figure has to live with it.
package cells

import (
	"maps"
	"slices"
)

// Least is how many people a number counts at least, unless it counts nobody.
const Least = 5

// Atom names the cell of an item in a week; weeks are numbered in their order.
type Atom struct {
	Item string
	Week int
}

// Counts are the two numbers of a figure.
type Counts struct{ Started, Finished int }

// people are those who started and those who finished in a cell.
type people struct{ started, finished []string }

// since is who started and had not finished, from a week on.
type since struct {
	week int
	who  []string
}

// Ledger is what happened week by week, and what was released of it.
type Ledger struct {
	cells  map[Atom]people
	shown  map[Atom]bool
	groups []map[Atom]bool    // the unreleased cells of each released total
	rings  [][]Atom           // of each what is in no group that it contains: a sum over these follows, and no other
	open   map[string][]since // of each item: who started and had not finished, from a week on
	week   int                // the last one that was added
	lone   bool               // the primary rule alone, for the test that proves the secondary one necessary
}

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{cells: map[Atom]people{}, shown: map[Atom]bool{}, open: map[string][]since{}}
}

// Add adds a cell: who started and who finished the item in the week, everybody once in each. Weeks are added in their order.
func (l *Ledger) Add(a Atom, started, finished []string) {
	l.cells[a] = people{started, finished}
	l.week = max(l.week, a.Week)
	who := slices.DeleteFunc(append(l.at(a.Item, a.Week), started...), func(p string) bool { return slices.Contains(finished, p) })
	l.open[a.Item] = append(l.open[a.Item], since{a.Week, who})
}

// at is who had started the item and not finished it after a week.
func (l *Ledger) at(item string, week int) []string {
	for _, s := range slices.Backward(l.open[item]) {
		if s.week <= week {
			return slices.Clone(s.who)
		}
	}
	return nil
}

// Known says that the cell was released before.
func (l *Ledger) Known(a Atom) { l.shown[a] = true }

// KnownTotal says that the total over the cells was released before; in the order in which they were.
func (l *Ledger) KnownTotal(atoms []Atom) {
	h := l.hidden(atoms)
	if ring, ok := l.ring(h); ok && len(ring) > 0 {
		l.groups, l.rings = append(l.groups, h), append(l.rings, ring)
	}
}

// Atoms are the cells in which something happened, of the items and of the weeks from first to last; all items if items is nil.
func (l *Ledger) Atoms(items []string, first, last int) (out []Atom) {
	for a := range l.cells {
		if a.Week >= first && a.Week <= last && (items == nil || slices.Contains(items, a.Item)) {
			out = append(out, a)
		}
	}
	return out
}

// Cell releases the cell of an item in the week that was added last, if it may be known.
func (l *Ledger) Cell(a Atom) (Counts, bool) {
	one := []Atom{a}
	if !l.safe(one) || !l.left([]string{a.Item}, l.week) || !l.lone && !l.left(l.component(one), l.week) {
		return Counts{}, false
	}
	l.shown[a] = true
	return l.sum(one), true
}

// Total releases the sum over cells up to the week that was added last, if it may be known.
func (l *Ledger) Total(atoms []Atom) (Counts, bool) {
	if len(atoms) == 0 || !l.safe(atoms) || !l.left(items(atoms), l.week) {
		return Counts{}, false
	}
	h := l.hidden(atoms)
	if len(h) == 0 || l.lone {
		return l.sum(atoms), true
	}
	ring, ok := l.ring(h)
	if !ok {
		return Counts{}, false
	}
	if len(ring) == 0 {
		return l.sum(atoms), true // It follows from what is known.
	}
	if len(ring) < 2 || !l.safe(ring) || !l.vague(ring) {
		return Counts{}, false
	}
	// The group is over with its last cell: from then on the cells that were released say what happened since.
	l.rings = append(l.rings, ring)
	for week := slices.MaxFunc(ring, func(a, b Atom) int { return a.Week - b.Week }).Week; week <= l.week; week++ {
		if !l.left(l.component(ring), week) {
			l.rings = l.rings[:len(l.rings)-1]
			return Counts{}, false
		}
	}
	l.groups = append(l.groups, h)
	return l.sum(atoms), true
}

// ring is what of the unreleased cells of a total is in no group of an earlier one; ok is false if one overlaps.
func (l *Ledger) ring(h map[Atom]bool) (rest []Atom, ok bool) {
	left := maps.Clone(h)
	for _, g := range l.groups {
		in := 0
		for a := range g {
			if h[a] {
				in++
			}
		}
		switch in {
		case 0:
		case len(g):
			for a := range g {
				delete(left, a)
			}
		default:
			return nil, false
		}
	}
	return slices.Collect(maps.Keys(left)), true
}

func (l *Ledger) hidden(atoms []Atom) map[Atom]bool {
	out := map[Atom]bool{}
	for _, a := range atoms {
		if _, there := l.cells[a]; there && !l.shown[a] {
			out[a] = true
		}
	}
	return out
}

// Shown is the sum over those of the cells that were released one by one.
func (l *Ledger) Shown(atoms []Atom) Counts {
	return l.sum(slices.DeleteFunc(slices.Clone(atoms), func(a Atom) bool { return !l.shown[a] }))
}

func (l *Ledger) sum(atoms []Atom) (c Counts) {
	for _, a := range atoms {
		c.Started += len(l.cells[a].started)
		c.Finished += len(l.cells[a].finished)
	}
	return c
}

// safe reports whether both numbers over the cells count nobody or enough different people.
func (l *Ledger) safe(atoms []Atom) bool {
	started, finished := map[string]bool{}, map[string]bool{}
	for _, a := range atoms {
		for _, p := range l.cells[a].started {
			started[p] = true
		}
		for _, p := range l.cells[a].finished {
			finished[p] = true
		}
	}
	return enough(len(started)) && enough(len(finished))
}

func enough(n int) bool { return n == 0 || n >= Least }

// left reports whether those who had started the items and not finished after a week are nobody or enough different people. Who knows
// all that was started and all that was finished knows how many these are.
func (l *Ledger) left(items []string, week int) bool {
	who := map[string]bool{}
	for _, it := range items {
		for _, p := range l.at(it, week) {
			who[p] = true
		}
	}
	return enough(len(who))
}

func items(atoms []Atom) (out []string) {
	for _, a := range atoms {
		if !slices.Contains(out, a.Item) {
			out = append(out, a.Item)
		}
	}
	return out
}

// component are the items of the cells, and those that stand with them in a group, and so on: only over all of them together is it
// known how many were started and finished from the beginning.
func (l *Ledger) component(atoms []Atom) []string {
	out := items(atoms)
	for grown := true; grown; {
		grown = false
		for _, g := range l.rings {
			in := items(g)
			if !slices.ContainsFunc(in, func(it string) bool { return slices.Contains(out, it) }) {
				continue
			}
			for _, it := range in {
				if !slices.Contains(out, it) {
					out, grown = append(out, it), true
				}
			}
		}
	}
	return out
}

// vague reports whether the sums over the cells leave open what each small number in them is: that one could be more and another
// less, and both would still not have been released.
func (l *Ledger) vague(atoms []Atom) bool {
	for _, a := range atoms {
		for _, m := range []Counts{{Started: 1}, {Finished: 1}} {
			n := len(l.cells[a].started)*m.Started + len(l.cells[a].finished)*m.Finished
			if enough(n) {
				continue
			}
			if !slices.ContainsFunc(atoms, func(b Atom) bool {
				return a != b && (l.couldBe(a, m, 1) && l.couldBe(b, m, -1) || l.couldBe(a, m, -1) && l.couldBe(b, m, 1))
			}) {
				return false
			}
		}
	}
	return true
}

// couldBe reports whether the cell would not have been released either if its number were one more or less.
func (l *Ledger) couldBe(a Atom, m Counts, by int) bool {
	c := Counts{len(l.cells[a].started) + by*m.Started, len(l.cells[a].finished) + by*m.Finished}
	return c.Started >= 0 && c.Finished >= 0 && c != Counts{} && (!enough(c.Started) || !enough(c.Finished))
}
