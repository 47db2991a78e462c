package markdown_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/markdown"
)

const written = "Before.\n\n## One\n\nText with `code`.\n\n```go\n## not a heading\n```\n\n```quiz\ntitle: Check\nquestions:\n  - ask: \"Why?\"\n    choices:\n      - {text: \"A\", right: true}\n      - {text: \"B\", because: \"No.\"}\n```\n\nAfter.\n\n## Two\nEnd.\n"

func TestSegmentsAreTheText(t *testing.T) {
	t.Parallel()
	list := markdown.Segments(written)
	var kinds []string
	for _, s := range list {
		kinds = append(kinds, s.Kind)
	}
	if got := strings.Join(kinds, " "); got != "prose prose quiz prose prose" {
		t.Fatalf("segments are %s", got)
	}
	if got := markdown.Join(list); got != written[:len(written)-len("\nEnd.\n")]+"\nEnd.\n" {
		t.Errorf("joined again it reads\n%s", got)
	}
	for _, odd := range []string{"", "\n\n", "```quiz", "```quiz\ntitle: x", "~~~reflect\nask: Why?\n~~~\nmore", "````\n```\n````\n## A"} {
		if got, want := strings.ReplaceAll(markdown.Join(markdown.Segments(odd)), "\n", ""), strings.ReplaceAll(odd, "\n", ""); got != want {
			t.Errorf("%q became %q", odd, got)
		}
	}
}

func TestTypedBlocksAreWrittenAsRead(t *testing.T) {
	t.Parallel()
	f := markdown.Fields{Title: "Check: yourself", Questions: []markdown.Question{{Ask: "Is \"0.6\" right?\nSay why.", Kind: "multiple", Choices: []markdown.Choice{
		{Text: "- yes", Right: true}, {Text: "```no```", Because: "#: not so"},
	}}}}
	seg, err := markdown.Typed(markdown.Quiz, f)
	if err != nil {
		t.Fatal(err)
	}
	again := markdown.Segments("Text\n\n" + seg.Source + "\n\nMore")
	if len(again) != 3 || again[1] != seg {
		t.Fatalf("in a text it is %+v", again)
	}
	got, err := again[1].Fields()
	if err != nil || got.Title != f.Title || len(got.Questions) != 1 || got.Questions[0].Ask != f.Questions[0].Ask || got.Questions[0].Choices[1] != f.Questions[0].Choices[1] {
		t.Errorf("read again it is %+v, %v", got, err)
	}
	if blocks, problems := markdown.Split(seg.Source, markdown.Options{}); len(blocks) != 1 || len(problems) != 0 || len(blocks[0].Questions) != 1 {
		t.Errorf("published it is %+v, %v", blocks, problems)
	}
}
