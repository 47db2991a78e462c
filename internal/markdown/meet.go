package markdown

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SeriesMost is how many letters the name of a series of live sessions has.
const SeriesMost = 80

// live takes which live sessions count; a name that no series can have is named.
func (s *splitter) live(b *Block, f Fields) {
	b.HTML, b.Recording = fragment(f.Ask, s.options), f.Recording
	if b.Series = strings.TrimSpace(f.Series); utf8.RuneCountInString(b.Series) > SeriesMost {
		s.wrong("bad_series", b.Line, "series", "it is too long", fmt.Sprintf("keep it below %d letters", SeriesMost))
		b.Series = ""
	}
}

// Meets reports whether the block is about people who meet: it is done by having been there, and not by reading.
func (b Block) Meets() bool { return b.Kind == Live }
