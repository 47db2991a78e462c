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

// The bounds of a group.
const (
	groupLeast = 2
	groupUsual = 4
	groupMost  = 50
)

// group takes what a few people do together; how many that cannot be is named.
func (s *splitter) group(b *Block, f Fields) bool {
	if strings.TrimSpace(f.Ask) == "" {
		s.wrong("no_task", b.Line, Group, "there is nothing to do", "add ask: with what to do together")
		return false
	}
	b.HTML, b.Out = fragment(f.Ask, s.options), strings.TrimSpace(f.Out)
	b.From, b.To = max(f.From, groupLeast), f.To
	if f.To == 0 {
		b.To = max(b.From, groupUsual)
	}
	if f.From < 0 || b.To < b.From || b.To > groupMost {
		s.wrong("bad_group", b.Line, fmt.Sprintf("from: %d, to: %d", f.From, f.To), "so many people cannot be", fmt.Sprintf("write from: and to: with numbers from %d to %d", groupLeast, groupMost))
		b.From, b.To = groupLeast, groupUsual
	}
	return true
}

// Meets reports whether the block is about people who meet: it is done by having been there, and not by reading.
func (b Block) Meets() bool { return b.Kind == Live || b.Kind == Group }
