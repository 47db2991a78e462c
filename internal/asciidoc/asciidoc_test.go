package asciidoc_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/asciidoc"
	"github.com/learnscape/learnscape/internal/markdown"
)

func TestConvert(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"titles go up to the first level", "== One\n\n=== Two ===\n\n==== Three", "# One\n\n## Two\n\n### Three\n"},
		{"a title of the document", "= Doc\n:name: value\n\nA {name}.\n\n== Part", "# Doc\n\nA value.\n\n## Part\n"},
		{"marks", "*bold* and _italic_, `*code*`, **un**bound, \"`quoted`\", 2 * 3 * 4, snake_case_name, #marked#", "**bold** and *italic*, `*code*`, **un**bound, “quoted”, 2 * 3 * 4, snake_case_name, marked"},
		{"a mark over two lines", "See https://a.example/x[the long\nname^] now.", "See [the long\nname](https://a.example/x) now."},
		{"links", "link:a.adoc[A], https://b.example, mailto:x@y.example[write], xref:b.adoc#part[there]", "[A](a.adoc), https://b.example, [write](mailto:x@y.example), [there](b.adoc#part)"},
		{"cross references", "<<there,Go>> or <<there>>\n\n[[there]]\n== The Place", "[Go](#the-place) or [The Place](#the-place)\n\n# The Place\n"},
		{"nested lists", "* one\n** two\n. first\n. second\n* three", "- one\n  - two\n    1. first\n    1. second\n- three"},
		{"a block that belongs to an item", "* one\n+\n----\ncode\n----\n* two", "- one\n\n  ```\n  code\n  ```\n\n- two"},
		{"admonitions", "TIP:\nTake care.\n\n[WARNING]\n====\nHot.\n====", "> [!TIP]\n> Take care.\n\n> [!WARNING]\n> Hot.\n"},
		{"code", "[source,go]\n----\na *b* <c>\n----", "```go\na *b* <c>\n```\n"},
		{"a quote", "[quote,Somebody]\n____\nWords.\n____", "> Words.\n>\n> — Somebody\n"},
		{"a table", "[cols=\"2*\",options=\"header\"]\n|===\n|A |B\n\n|1\n|2 and *x*\n|===", "| A | B |\n| --- | --- |\n| 1 | 2 and **x** |\n"},
		{"pictures", "image::a b.png[A dog,200]\n\nIn image:c.png[] line", "![A dog](a%20b.png)\n\nIn ![](c.png) line"},
		{"a definition", "Term:: What it is.", "- **Term**: What it is."},
		{"no HTML comes of it", "a <script>alert(1)</script>", "a \\<script>alert(1)\\</script>"},
		{"comments", "// no\none\n\n////\nno\n////\ntwo", "one\n\ntwo"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := asciidoc.Convert(tt.in)
			if diff := cmp.Diff(strings.Split(tt.want, "\n"), strings.Split(got.Markdown, "\n")); diff != "" || len(got.Problems) > 0 {
				t.Errorf("problems %v (-want +got):\n%s", got.Problems, diff)
			}
			if n := strings.Count(got.Markdown, "\n") + 1; n != len(got.Lines) {
				t.Errorf("%d lines, and where %d came from", n, len(got.Lines))
			}
		})
	}
}

func TestProblemsNameTheirLine(t *testing.T) {
	t.Parallel()
	in := "== A\n\ninclude::b.adoc[]\n\n{nobody} knows.\n\n|===\n2+|x\n|===\n\n----\nopen"
	want := []markdown.Problem{
		{Line: 3, Found: "include::b.adoc[]", Problem: "text from other files is not included", Fix: "write it here"},
		{Line: 5, Found: "{nobody}", Problem: "nothing says what this stands for", Fix: "write the words themselves"},
		{Line: 8, Found: "2+|", Problem: "cells stand in one row and column each", Fix: "divide it"},
		{Line: 12, Found: "----", Problem: "this block has no end", Fix: "write ---- behind it"},
	}
	if diff := cmp.Diff(want, asciidoc.Convert(in).Problems); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzConvert holds that a text is converted in the end, and that whatever comes of it is rendered as safely as what authors write.
func FuzzConvert(f *testing.F) {
	for _, s := range []string{"== A\n* b\n+\n----\nc", "|===\n|a\n|===", "<<a,b>>[[c]]`+d+`", "[quote]\n____\n[quote]\n____", "image::javascript:alert(1)[x]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4000 {
			t.Skip()
		}
		c := asciidoc.Convert(s)
		if n := strings.Count(c.Markdown, "\n") + 1; n < len(c.Lines) {
			t.Errorf("%d lines, and where %d came from", n, len(c.Lines))
		}
		out, err := markdown.Render(c.Markdown, markdown.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<script", "javascript:", "onerror="} {
			if strings.Contains(strings.ToLower(out), `href="`+bad) || strings.Contains(out, "<script") {
				t.Errorf("%q came of %q", out, s)
			}
		}
	})
}
