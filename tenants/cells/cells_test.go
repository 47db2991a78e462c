package cells_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/learnscape/learnscape/tenants/cells"
)

// world is some people of one organization who start and finish what another one shares with it, in collections that overlap, over weeks.
type world struct {
	truth    map[cells.Atom]cells.Counts
	items    []string
	sets     map[string][]string // collections
	released []figure
	quarter  int // weeks; short ones make small systems
}

// figure is what somebody on the other side has read.
type figure struct {
	what  string
	atoms []cells.Atom
	is    cells.Counts
}

const weeks = 26

// live lets the people learn, and releases what the ledger releases after each week and quarter.
func live(seed uint64, l *cells.Ledger) *world {
	r := rand.New(rand.NewPCG(seed, 3))
	w := &world{truth: map[cells.Atom]cells.Counts{}, sets: map[string][]string{}}
	w.quarter = []int{2, 3, 13}[r.IntN(3)]
	n := 2 + r.IntN(6)
	for i := range n {
		w.items = append(w.items, fmt.Sprintf("i%d", i))
	}
	for c := range 1 + r.IntN(3) {
		var in []string
		for _, it := range w.items {
			if r.IntN(2) == 0 {
				in = append(in, it)
			}
		}
		w.sets[fmt.Sprintf("c%d", c)] = in
	}
	people := 6 + r.IntN(60)
	busy := .01 + r.Float64()*.12
	state := map[string]map[string]int{} // item, person: 1 started, 2 finished
	for _, it := range w.items {
		state[it] = map[string]int{}
	}
	tell := func(what string, atoms []cells.Atom, is cells.Counts, ok bool) {
		if ok {
			w.released = append(w.released, figure{what, atoms, is})
		}
	}
	for week := 1; week <= weeks; week++ {
		wave := busy
		if r.IntN(5) == 0 {
			wave *= 4
		}
		for _, it := range w.items {
			var started, finished []string
			for p := range people {
				who := fmt.Sprint(p)
				if state[it][who] == 0 && r.Float64() < wave {
					state[it][who] = 1
					started = append(started, who)
				} else if state[it][who] == 1 && r.Float64() < wave*4 {
					state[it][who] = 2
					finished = append(finished, who)
				}
			}
			if len(started)+len(finished) == 0 {
				continue // Everybody may know that nothing happened.
			}
			a := cells.Atom{Item: it, Week: week}
			w.truth[a] = cells.Counts{Started: len(started), Finished: len(finished)}
			l.Add(a, started, finished)
		}
		for _, a := range l.Atoms(nil, week, week) {
			c, ok := l.Cell(a)
			tell("cell", []cells.Atom{a}, c, ok)
		}
		if week%w.quarter != 0 {
			continue
		}
		for _, it := range w.items {
			atoms := l.Atoms([]string{it}, week-w.quarter+1, week)
			c, ok := l.Total(atoms)
			tell("item "+it, atoms, c, ok && len(atoms) > 0)
		}
		for c := range len(w.sets) {
			in := w.sets[fmt.Sprintf("c%d", c)]
			atoms := l.Atoms(append([]string{}, in...), week-w.quarter+1, week)
			n, ok := l.Total(atoms)
			tell(fmt.Sprintf("collection c%d", c), atoms, n, ok)
		}
		atoms := l.Atoms(nil, week-w.quarter+1, week)
		n, ok := l.Total(atoms)
		tell("organization", atoms, n, ok)
	}
	return w
}

// prime is what the attacker computes modulo: far above every count, so that nothing vanishes by accident.
const prime = 2_147_483_629

func power(b, e int64) int64 {
	out := int64(1)
	for b %= prime; e > 0; e >>= 1 {
		if e&1 == 1 {
			out = out * b % prime
		}
		b = b * b % prime
	}
	return out
}

// system is what follows from equations: rows in echelon form, each with its right side as the last column.
type system struct {
	rows   [][]int64
	pivots []int
	n      int
}

// reduce takes out of an equation what is known already.
func (s *system) reduce(row []int64) []int64 {
	row = slices.Clone(row)
	for i, p := range s.pivots {
		if f := row[p]; f != 0 {
			for c := range row {
				row[c] = ((row[c]-f*s.rows[i][c])%prime + prime) % prime
			}
		}
	}
	return row
}

func (s *system) add(row []int64) {
	row = s.reduce(row)
	p := slices.IndexFunc(row[:s.n], func(v int64) bool { return v != 0 })
	if p < 0 {
		return
	}
	inv := power(row[p], prime-2)
	for c := range row {
		row[c] = row[c] * inv % prime
	}
	for i := range s.rows {
		if f := s.rows[i][p]; f != 0 {
			for c := range row {
				s.rows[i][c] = ((s.rows[i][c]-f*row[c])%prime + prime) % prime
			}
		}
	}
	s.rows, s.pivots = append(s.rows, row), append(s.pivots, p)
}

// tells reports whether a combination of unknown numbers follows from what is known, and what it is.
func (s *system) tells(what []int64) (int64, bool) {
	row := s.reduce(append(slices.Clone(what), 0))
	if slices.ContainsFunc(row[:s.n], func(v int64) bool { return v != 0 }) {
		return 0, false
	}
	v := (prime - row[s.n]) % prime
	if v > prime/2 {
		v -= prime
	}
	return v, true
}

// attack combines everything that was ever released, in every way that linear equations allow, and reports what it finds out about fewer
// than five people: the numbers of any cell, of any sum that has a name, of the difference of two of them, and of those who started and
// have not finished, at any time.
func (w *world) attack() (found []string, asked int) {
	var atoms []cells.Atom
	index := map[cells.Atom]int{}
	for a := range w.truth {
		atoms = append(atoms, a)
	}
	slices.SortFunc(atoms, func(a, b cells.Atom) int {
		if a.Week != b.Week {
			return a.Week - b.Week
		}
		return int(a.Item[1]) - int(b.Item[1])
	})
	for i, a := range atoms {
		index[a] = i
	}
	n := len(atoms)
	s := &system{n: 2 * n} // started, then finished
	for _, f := range w.released {
		for m, v := range []int{f.is.Started, f.is.Finished} {
			row := make([]int64, 2*n+1)
			for _, a := range f.atoms {
				row[m*n+index[a]] = 1
			}
			row[2*n] = int64(v)
			s.add(row)
		}
	}
	ask := func(what string, row []int64, truth int) {
		asked++
		v, ok := s.tells(row)
		if ok && v != int64(truth) {
			found = append(found, fmt.Sprintf("%s is said to be %d and is %d", what, v, truth))
		}
		if ok && v > 0 && v < cells.Least {
			found = append(found, fmt.Sprintf("%s is %d", what, v))
		}
	}
	named := map[string][]cells.Atom{}
	pick := func(in func(cells.Atom) bool) (out []cells.Atom) {
		for _, a := range atoms {
			if in(a) {
				out = append(out, a)
			}
		}
		return out
	}
	for week := 1; week <= weeks; week++ {
		named[fmt.Sprintf("all in week %d", week)] = pick(func(a cells.Atom) bool { return a.Week == week })
	}
	for q := range weeks / w.quarter {
		in := func(a cells.Atom) bool { return (a.Week-1)/w.quarter == q }
		named[fmt.Sprintf("all in quarter %d", q)] = pick(in)
		for _, it := range w.items {
			named[fmt.Sprintf("%s in quarter %d", it, q)] = pick(func(a cells.Atom) bool { return a.Item == it && in(a) })
		}
		for c, set := range w.sets {
			named[fmt.Sprintf("%s in quarter %d", c, q)] = pick(func(a cells.Atom) bool { return slices.Contains(set, a.Item) && in(a) })
		}
	}
	for _, a := range atoms {
		named[fmt.Sprintf("%s in week %d", a.Item, a.Week)] = []cells.Atom{a}
	}
	rows := map[string][2][]int64{}
	sums := map[string][2]int{}
	for name, set := range named {
		var r [2][]int64
		var v [2]int
		for m := range 2 {
			r[m] = make([]int64, 2*n)
			for _, a := range set {
				r[m][m*n+index[a]] = 1
				v[m] += []int{w.truth[a].Started, w.truth[a].Finished}[m]
			}
			ask(name+[]string{" started", " finished"}[m], r[m], v[m])
		}
		rows[name], sums[name] = r, v
	}
	// Differences of what has a name, where one contains the other.
	for big, of := range named {
		for small, in := range named {
			if len(in) >= len(of) || len(in) == 1 || slices.ContainsFunc(in, func(a cells.Atom) bool { return !slices.Contains(of, a) }) {
				continue
			}
			for m := range 2 {
				diff := slices.Clone(rows[big][m])
				for i, v := range rows[small][m] {
					diff[i] = (diff[i] - v + prime) % prime
				}
				ask(fmt.Sprintf("%s without %s (%d)", big, small, m), diff, sums[big][m]-sums[small][m])
			}
		}
	}
	// Who started and has not finished, of every item and of all, at the end of every week.
	for week := 1; week <= weeks; week++ {
		for _, it := range append([]string{""}, w.items...) {
			row, left := make([]int64, 2*n), 0
			for i, a := range atoms {
				if a.Week <= week && (it == "" || a.Item == it) {
					row[i], row[n+i] = 1, prime-1
					left += w.truth[a].Started - w.truth[a].Finished
				}
			}
			ask(fmt.Sprintf("started and not finished of %q after week %d", it, week), row, left)
		}
	}
	return found, asked
}

// bounded looks at every small set of equations with the bounds that everybody knows: a number is not negative, and a cell that was not
// released has a small number in it or leaves few. It reports cells of which only one number is possible.
func (w *world) bounded() (found []string, looked int) {
	known := map[cells.Atom]bool{}
	for _, f := range w.released {
		if len(f.atoms) == 1 {
			known[f.atoms[0]] = true
		}
	}
	for _, f := range w.released {
		rest, sum := []cells.Atom{}, f.is
		for _, a := range f.atoms {
			if known[a] {
				sum.Started -= w.truth[a].Started
				sum.Finished -= w.truth[a].Finished
			} else {
				rest = append(rest, a)
			}
		}
		if len(rest) < 1 || len(rest) > 3 || sum.Started > 25 || sum.Finished > 25 {
			continue
		}
		looked++
		values := make([]map[cells.Counts]bool, len(rest))
		for i := range values {
			values[i] = map[cells.Counts]bool{}
		}
		w.fill(rest, sum, nil, values)
		for i, a := range rest {
			s, fi := map[int]bool{}, map[int]bool{}
			for c := range values[i] {
				s[c.Started], fi[c.Finished] = true, true
			}
			t := w.truth[a]
			if len(s) == 1 && t.Started > 0 && t.Started < cells.Least || len(fi) == 1 && t.Finished > 0 && t.Finished < cells.Least {
				found = append(found, fmt.Sprintf("%s in week %d can only be %v, by %s", a.Item, a.Week, t, f.what))
			}
		}
	}
	return found, looked
}

// fill tries every way to share a sum among cells.
func (w *world) fill(rest []cells.Atom, sum cells.Counts, so []cells.Counts, values []map[cells.Counts]bool) {
	small := func(n int) bool { return n > 0 && n < cells.Least }
	possible := func(a cells.Atom, c cells.Counts) bool {
		// Without the history of the item nobody knows whether few are left; with small numbers it was refused in any case.
		return c != cells.Counts{} && (small(c.Started) || small(c.Finished) || !small(w.truth[a].Started) && !small(w.truth[a].Finished))
	}
	if len(rest) == 1 {
		if !possible(rest[0], sum) {
			return
		}
		for i, c := range append(so, sum) {
			values[i][c] = true
		}
		return
	}
	for s := 0; s <= sum.Started; s++ {
		for f := 0; f <= sum.Finished; f++ {
			if c := (cells.Counts{Started: s, Finished: f}); possible(rest[0], c) {
				w.fill(rest[1:], cells.Counts{Started: sum.Started - s, Finished: sum.Finished - f}, append(slices.Clone(so), c), values)
			}
		}
	}
}

// TestDifferencing lets somebody who has read every figure that was ever released compute what they can, in random worlds: nobody may
// find out a number between one and four. With the primary rule alone, it is found out again and again.
func TestDifferencing(t *testing.T) {
	t.Parallel()
	const worlds = 80
	figures, totals, asked, looked, broken := 0, 0, 0, 0, 0
	for seed := range uint64(worlds) {
		w := live(seed, cells.New())
		found, n := w.attack()
		more, k := w.bounded()
		asked, looked, figures = asked+n, looked+k, figures+len(w.released)
		for _, f := range w.released {
			if len(f.atoms) > 1 {
				totals++
			}
		}
		for i, f := range append(found, more...) {
			if i < 3 {
				t.Errorf("seed %d: %s", seed, f)
			}
		}
		bare := live(seed, cells.Lone())
		weak, _ := bare.attack()
		if len(weak) > 0 {
			broken++
		}
	}
	t.Logf("%d worlds: %d figures released, %d of them totals; %d numbers asked for, %d small systems searched; the primary rule alone gives people away in %d worlds", worlds, figures, totals, asked, looked, broken)
	if totals < worlds || looked < 20 {
		t.Errorf("only %d totals were released and %d systems searched: that proves little", totals, looked)
	}
	if broken < worlds/3 {
		t.Errorf("without the secondary rule only %d of %d worlds are given away: the attacker is too weak", broken, worlds)
	}
}

func people(from, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(from+i))
	}
	return out
}

func TestWhatIsReleased(t *testing.T) {
	t.Parallel()
	a, b, c := cells.Atom{Item: "a", Week: 1}, cells.Atom{Item: "b", Week: 1}, cells.Atom{Item: "c", Week: 1}
	all := []cells.Atom{a, b, c}
	for name, tt := range map[string]struct {
		n     [3]int // who started a, b and c; all different
		shown [3]bool
		total bool
	}{
		"all large":                               {[3]int{9, 8, 7}, [3]bool{true, true, true}, true},
		"one small: subtraction would tell":       {[3]int{9, 8, 3}, [3]bool{true, true, false}, false},
		"two small that are five":                 {[3]int{9, 2, 3}, [3]bool{true, false, false}, true},
		"two small that are four":                 {[3]int{9, 2, 2}, [3]bool{true, false, false}, false},
		"two small that can only be four each":    {[3]int{9, 4, 4}, [3]bool{true, false, false}, false},
		"three small":                             {[3]int{2, 3, 2}, [3]bool{}, true},
		"nobody stands beside what is large":      {[3]int{9, 8, 0}, [3]bool{true, true, true}, true},
		"all small, and too few in all":           {[3]int{1, 2, 1}, [3]bool{}, false},
		"three small that can only be four each":  {[3]int{4, 4, 4}, [3]bool{}, false},
		"three small of which one can be nothing": {[3]int{1, 4, 4}, [3]bool{}, true},
	} {
		l := cells.New()
		for i, at := range all {
			if tt.n[i] > 0 {
				l.Add(at, people(100*i, tt.n[i]), nil)
			}
		}
		for i, at := range all {
			if tt.n[i] == 0 {
				continue
			}
			if n, ok := l.Cell(at); ok != tt.shown[i] || ok && n.Started != tt.n[i] {
				t.Errorf("%s: cell %d: %v, %v", name, i, n, ok)
			}
		}
		if n, ok := l.Total(l.Atoms(nil, 1, 1)); ok != tt.total || ok && n.Started != tt.n[0]+tt.n[1]+tt.n[2] {
			t.Errorf("%s: total %v, %v", name, n, ok)
		}
	}
}

// Six times the same person are one person.
func TestPeopleAreCountedNotTheirThings(t *testing.T) {
	t.Parallel()
	l := cells.New()
	for i := range 6 {
		l.Add(cells.Atom{Item: fmt.Sprint(i), Week: 1}, people(1, 1), nil)
	}
	if n, ok := l.Total(l.Atoms(nil, 1, 1)); ok {
		t.Errorf("one person who started six things is released as %v", n)
	}
}

// Eleven of twelve finished: the twelfth is known as who did not.
func TestWhoHasNotFinishedIsNotLeftAlone(t *testing.T) {
	t.Parallel()
	l := cells.New()
	a, b := cells.Atom{Item: "a", Week: 1}, cells.Atom{Item: "a", Week: 2}
	l.Add(a, people(0, 12), nil)
	if _, ok := l.Cell(a); !ok {
		t.Error("twelve who started are not released")
	}
	l.Add(b, nil, people(0, 11))
	if n, ok := l.Cell(b); ok {
		t.Errorf("released: %v, which leaves one who has not finished", n)
	}
}
