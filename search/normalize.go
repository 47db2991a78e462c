package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is the longest word that is indexed or looked for, in bytes; the rest of a longer one is cut.
const maxWord = 64

// letters that NFKD does not take apart.
var folded = map[rune]string{
	'ß': "ss", 'æ': "ae", 'ø': "o", 'đ': "d", 'ł': "l", 'œ': "oe", 'þ': "th", 'ð': "d", 'ı': "i", 'ħ': "h", 'ŋ': "n",
}

// normalize returns the words of a text, lower case and without accents, separated by single blanks. Documents and
// questions go through the same hands, so that whatever it does to a word, the two still meet. Runs of Chinese, Japanese
// and Thai letters, which write no blanks, become overlapping pairs.
func normalize(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	n := 0 // bytes of the current word
	end := func() {
		if n > 0 {
			b.WriteByte(' ')
			n = 0
		}
	}
	put := func(r rune) {
		if n < maxWord {
			b.WriteRune(r)
			n += utf8.RuneLen(r)
		}
	}
	if ascii(s) {
		for i := range len(s) {
			c := s[i]
			switch {
			case c >= 'A' && c <= 'Z':
				put(rune(c + 'a' - 'A'))
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
				put(rune(c))
			case c == '\'' && n > 0 && i+1 < len(s) && letter(rune(s[i+1])):
				// "don't" is one word.
			default:
				end()
			}
		}
		return strings.TrimSuffix(b.String(), " ")
	}
	var before rune // the letter before in a run without blanks
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		if dense(r) {
			if before != 0 {
				end()
				put(before)
				put(r)
				end()
			}
			before = r
			continue
		}
		before = 0
		switch f, ok := folded[r]; {
		case ok:
			for _, c := range f {
				put(c)
			}
		case r >= 0x300 && r <= 0x36f, r == '\u00ad', r == '\u200d', r == '\u200c': // Accents, soft hyphen, joiners.
		case letter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r):
			put(r)
		case (r == '\'' || r == '’') && n > 0:
		default:
			end()
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func letter(r rune) bool { return unicode.IsLetter(r) }

func dense(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai)
}

// cut returns at most n bytes of s, ending between letters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// maxWords is how many distinct words of a document the lexicon learns.
const maxWords = 4000

// distinct returns the words of normalized texts, each once.
func distinct(texts ...string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, t := range texts {
		for w := range strings.SplitSeq(t, " ") {
			if w != "" && !seen[w] && len(out) < maxWords {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	return out
}
