package search

import (
	"math/bits"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Word is a word that occurs in documents.
type Word struct {
	Text string `db:"word"`
	DF   int    `db:"df"`   // in how many documents
	Orgs int    `db:"orgs"` // of how many organizations
}

// Lexicon knows the words of all documents, for completing and correcting what somebody types. It is made once and never
// changed, so that any number of questions read it at the same time. 100,000 words take about 20 MB and an answer well
// under a millisecond: of all words only those of nearly the same length and letters are compared.
type Lexicon struct {
	words  []entry          // by text
	index  map[string]int32 // text to its place in words
	length [maxWord + 1][]int32
}

type entry struct {
	Word
	mask  uint32
	runes int8
}

// NewLexicon returns a lexicon of the words; doubles keep the first.
func NewLexicon(words []Word) *Lexicon {
	l := &Lexicon{words: make([]entry, 0, len(words)), index: make(map[string]int32, len(words))}
	for _, w := range words {
		n := utf8.RuneCountInString(w.Text)
		if n == 0 || n > maxWord {
			continue
		}
		l.words = append(l.words, entry{Word: w, mask: letterMask(w.Text), runes: int8(n)}) //nolint:gosec // At most maxWord.
	}
	slices.SortStableFunc(l.words, func(a, b entry) int { return strings.Compare(a.Text, b.Text) })
	l.words = slices.CompactFunc(l.words, func(a, b entry) bool { return a.Text == b.Text })
	for i, w := range l.words {
		l.index[w.Text] = int32(i)
		l.length[w.runes] = append(l.length[w.runes], int32(i))
	}
	return l
}

// Len is how many words it knows.
func (l *Lexicon) Len() int { return len(l.words) }

// Word returns what is known of a word.
func (l *Lexicon) Word(text string) (Word, bool) {
	i, ok := l.index[text]
	if !ok {
		return Word{}, false
	}
	return l.words[i].Word, true
}

// Complete returns at most n words that begin with the prefix and are longer, the most frequent first.
func (l *Lexicon) Complete(prefix string, n int) []Word {
	from := sort.Search(len(l.words), func(i int) bool { return l.words[i].Text > prefix })
	top := topWords{n: n}
	for _, w := range l.words[from:] {
		if !strings.HasPrefix(w.Text, prefix) {
			break
		}
		top.add(w.Word)
	}
	return top.words
}

// Near returns at most n words at the smallest distance from text that any word has, up to limit, the most frequent first,
// and that distance. Distance counts inserted, deleted, changed and swapped neighbouring letters (optimal string alignment).
func (l *Lexicon) Near(text string, limit, n int) ([]Word, int) {
	runes := []rune(text)
	mask := letterMask(text)
	best := limit
	top := topWords{n: n}
	for d := -limit; d <= limit; d++ {
		size := len(runes) + d
		if size < 1 || size > maxWord {
			continue
		}
		for _, i := range l.length[size] {
			w := &l.words[i]
			if bits.OnesCount32(mask&^w.mask) > best || bits.OnesCount32(w.mask&^mask) > best || w.Text == text {
				continue
			}
			got := distance(runes, []rune(w.Text), best)
			switch {
			case got > best:
			case got < best:
				best = got
				top.words = top.words[:0]
				top.add(w.Word)
			default:
				top.add(w.Word)
			}
		}
	}
	return top.words, best
}

// NearPrefix returns words whose beginning is within one error of text: for a word that is unfinished and mistyped.
func (l *Lexicon) NearPrefix(text string, n int) []Word {
	runes := []rune(text)
	mask := letterMask(text)
	top := topWords{n: n}
	for size := len(runes) + 1; size <= maxWord; size++ {
		for _, i := range l.length[size] {
			w := &l.words[i]
			if bits.OnesCount32(mask&^w.mask) > 1 {
				continue
			}
			whole := []rune(w.Text)
			for d := -1; d <= 1; d++ {
				if end := len(runes) + d; end > 0 && end <= len(whole) && distance(runes, whole[:end], 1) <= 1 {
					top.add(w.Word)
					break
				}
			}
		}
	}
	return top.words
}

// Split returns the two known words that text consists of, at least three letters each; the pair whose rarer word is the
// most frequent wins.
func (l *Lexicon) Split(text string) (a, b string, ok bool) {
	best := 0
	for i := 3; i <= len(text)-3; i++ {
		if !utf8.RuneStart(text[i]) {
			continue
		}
		x, okx := l.Word(text[:i])
		y, oky := l.Word(text[i:])
		if okx && oky && min(x.DF, y.DF) > best {
			best, a, b, ok = min(x.DF, y.DF), x.Text, y.Text, true
		}
	}
	return a, b, ok
}

type topWords struct {
	n     int
	words []Word
}

func (t *topWords) add(w Word) {
	at, _ := slices.BinarySearchFunc(t.words, w, func(a, b Word) int {
		if a.DF != b.DF {
			return b.DF - a.DF
		}
		return strings.Compare(a.Text, b.Text)
	})
	if at >= t.n {
		return
	}
	t.words = slices.Insert(t.words, at, w)
	if len(t.words) > t.n {
		t.words = t.words[:t.n]
	}
}

// letterMask has a bit for each letter and digit that occurs; other letters share the remaining bits.
func letterMask(s string) uint32 {
	var m uint32
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z':
			m |= 1 << (r - 'a')
		case r >= '0' && r <= '9':
			m |= 1 << 26
		default:
			m |= 1 << (27 + r%5)
		}
	}
	return m
}

// distance is the optimal string alignment distance of a and b, or limit+1 if it is larger.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var buf [3][maxWord + 2]int
	before, last, row := &buf[0], &buf[1], &buf[2]
	for j := 0; j <= len(b); j++ {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			v := min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				v = min(v, before[j-2]+1)
			}
			row[j] = v
			least = min(least, v)
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}
