package search

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Terms is what somebody typed, understood: for each word that counts, the words that will be looked for.
type Terms struct {
	Words       [][]string   // one element per word: itself, its corrections, completions and synonyms; the best first
	Typed       []string     // the word as it was typed, for each element of Words
	Phrase      string       // the best reading, normalized; titles are compared with it
	Corrections []Correction // words that were read as another
	Asked       bool         // there was a word at all; without one, whatever is there is asked for
}

// hopeless reports a question of which no word is left.
func (t Terms) hopeless() bool { return t.Asked && len(t.Words) == 0 }

// Correction says that a word was read as another.
type Correction struct{ From, To string }

// maxTerms is how many words of a question count; the design measured no question of more.
const maxTerms = 8

// term is one word of a question on its way.
type term struct {
	text     string
	variants []string
	df       int
	near     Word // the first correction, if there was one
	unknown  bool
}

func (t term) weight() int {
	if t.unknown {
		return math.MaxInt
	}
	return t.df
}

// understand reads what somebody typed with the lexicon's help. Synonyms map a word to others.
func understand(lex *Lexicon, text string, typing bool, synonyms map[string][]string) Terms {
	text = cut(text, 400)
	typing = typing && !strings.HasSuffix(text, " ")
	var words []string
	for w := range strings.FieldsSeq(normalize(text)) {
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	last := ""
	if len(words) > 0 {
		last = words[len(words)-1]
	}
	words = withoutStopWords(words, typing)
	var terms []term
	for i, w := range words {
		terms = append(terms, read(lex, w, w == last && i == len(words)-1, typing)...)
	}
	// "work flow" is also "workflow".
	for i := range len(words) - 1 {
		if joined := words[i] + words[i+1]; len(terms) == len(words) {
			if w, ok := lex.Word(joined); ok {
				for k := i; k <= i+1; k++ {
					terms[k].variants = append(terms[k].variants, joined)
					terms[k].unknown = false
					terms[k].df = max(terms[k].df, w.DF)
				}
			}
		}
	}
	out := Terms{Asked: len(words) > 0}
	var kept []term
	for _, t := range terms {
		for _, s := range synonyms[t.text] {
			if n := normalize(s); n != "" && !strings.Contains(n, " ") {
				t.variants = append(t.variants, n)
				t.unknown = false
			}
		}
		kept = append(kept, t)
	}
	// The rarest words say the most; those that the lexicon does not know are rarely there at all.
	for len(kept) > maxTerms {
		most := 0
		for i := range kept {
			if cmp.Compare(kept[i].weight(), kept[most].weight()) > 0 {
				most = i
			}
		}
		kept = slices.Delete(kept, most, most+1)
	}
	var phrase []string
	for _, t := range kept {
		v := once(t.variants)
		out.Words = append(out.Words, v)
		out.Typed = append(out.Typed, t.text)
		phrase = append(phrase, v[0])
		if t.near.Text != "" {
			out.Corrections = append(out.Corrections, Correction{From: t.text, To: t.near.Text})
		}
	}
	out.Phrase = strings.Join(phrase, " ")
	return out
}

func once(words []string) []string {
	var out []string
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// read returns what one word may mean: usually one term, two for words written together.
func read(lex *Lexicon, w string, last, typing bool) []term {
	t := term{text: w, variants: []string{w}}
	known, ok := lex.Word(w)
	t.df = known.DF
	n := utf8.RuneCountInString(w)
	if last && (typing || !ok) && n >= 2 {
		for i, c := range lex.Complete(w, 12) {
			if !ok && i == 0 {
				t.df = c.DF
			}
			t.variants = append(t.variants, c.Text)
		}
	}
	if ok || len(t.variants) > 1 {
		if !ok && !typing {
			t.variants = append(t.variants[1:], w)
		}
		// A rare word may be a frequent one mistyped: both count.
		if ok && known.DF <= 3 && !number(w) && n >= 4 {
			if near, _ := lex.Near(w, 1, 1); len(near) > 0 && near[0].DF >= 20*known.DF {
				t.variants = append(t.variants, near[0].Text)
			}
		}
		return []term{t}
	}
	if number(w) {
		t.unknown = true
		return []term{t}
	}
	if v := umlauts(lex, w); v != "" {
		k, _ := lex.Word(v)
		t.variants, t.df = []string{v}, k.DF
		return []term{t}
	}
	limit := 0
	if n >= 8 {
		limit = 2
	} else if n >= 4 {
		limit = 1
	}
	var near []Word
	dist := 0
	if limit > 0 {
		near, dist = lex.Near(w, limit, 4)
	}
	if len(near) == 0 || dist > 1 {
		if a, b, ok := lex.Split(w); ok {
			return append(read(lex, a, false, false), read(lex, b, false, false)...)
		}
	}
	if last && typing && len(near) == 0 && n >= 4 {
		near = lex.NearPrefix(w, 6)
	}
	if len(near) == 0 {
		t.unknown = true
		return []term{t}
	}
	t.variants, t.df, t.near = nil, near[0].DF, near[0]
	for _, v := range near {
		t.variants = append(t.variants, v.Text)
	}
	// The lexicon of a large installation leaves out words that one document has; what was typed may be one.
	t.variants = append(t.variants, w)
	return []term{t}
}

// umlauts reads "ae", "oe", "ue" as the umlauts that normalize has made plain letters.
func umlauts(lex *Lexicon, w string) string {
	v := strings.NewReplacer("ae", "a", "oe", "o", "ue", "u").Replace(w)
	if _, ok := lex.Word(v); ok && v != w {
		return v
	}
	return ""
}

// number reports a word with a digit: years, codes and versions are never taken for one another.
func number(w string) bool { return strings.IndexFunc(w, unicode.IsDigit) >= 0 }

// withoutStopWords drops the words that every text has, unless nothing else is left. The word that is being typed stays.
func withoutStopWords(words []string, typing bool) []string {
	out := make([]string, 0, len(words))
	for i, w := range words {
		if stopWords[w] && !(typing && i == len(words)-1) { //nolint:staticcheck // Reads as it is meant.
			continue
		}
		out = append(out, w)
	}
	if len(out) == 0 {
		return words
	}
	return out
}

// stopWords of English and German, normalized; words that also name things ("will", "can", "man") are left in.
var stopWords = func() map[string]bool { //nolint:gochecknoglobals // Fixed data.
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`a about after all also am an and any are as at be because been before being between both but by could did do does doing
		for from had has have having he her here hers him his how i if in into is it its me more most my no nor not of off on once only or other our out over own
		same she should so some such than that the their theirs them then there these they this those through to too under until up very was we were what when where
		which while who whom why with would you your yours
		aber als am an auch auf aus bei bin bis bist da damit dann das dass dein dem den der des dich die dies diese diesem diesen dieser dieses dir doch dort du durch
		ein eine einem einen einer eines er es euer fur hatte hatten hier hinter ich ihm ihn ihr ihre im in ins ist ja jede jedem jeden jeder jedes kann kein keine
		konnen machen mein meine mich mir mit muss nach nicht noch nun nur ob oder ohne sehr sein seine sich sie sind so soll sollen uber um und uns unser unter vom von
		vor wann warum was weil welche welcher wenn wer werden wie wieder wir wird wo zu zum zur`) {
		m[w] = true
	}
	return m
}()
