package markdown_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/markdown"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	src := "See [a](https://a.example/x) and [again](https://a.example/x), <https://b.example/>, https://c.example/y.\n\n" +
		"[next](two.md) [in](/course/1/x) [part](#here) [r][ref] ![p](https://picture.example/p.png) `https://code.example/`\n\n" +
		"```\nhttps://code.example/\n```\n\n" +
		"```steps\ntitle: x\nsteps:\n  - Read [it](https://d.example/z) first\n  - See [this](/story/2/y)\n```\n\n" +
		"```video\nsrc: https://e.example/v.mp4\n```\n\n[ref]: https://f.example/\n"
	want := []markdown.Link{
		{Target: "https://a.example/x", Line: 1},
		{Target: "https://b.example/", Line: 1},
		{Target: "https://c.example/y", Line: 1},
		{Target: "two.md", Line: 3},
		{Target: "/course/1/x", Line: 3},
		{Target: "https://f.example/", Line: 20},
		{Target: "https://d.example/z", Line: 12},
		{Target: "/story/2/y", Line: 13},
		{Target: "https://e.example/v.mp4", Line: 17},
	}
	if diff := cmp.Diff(want, markdown.Links(src)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
