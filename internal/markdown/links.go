package markdown

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// Link is where a text leads to.
type Link struct {
	Target string // as it is written
	Line   int    // from 1, of the first time; 0 where it is written in another way than it reads
}

// linksMost bounds the links of one text.
const linksMost = 1000

var (
	bareLink  = regexp.MustCompile(`https?://[^\s<>"'\x60)\]|]+`)
	typedLink = regexp.MustCompile(`\]\((/[^\s)]+)\)`)
)

// Links lists where a text leads to, each target once, in their order: links and addresses in prose and in typed blocks, without pictures
// and without what stands in code.
func Links(src string) (out []Link) {
	if len(src) > MaxSource {
		return nil
	}
	source := clean(src)
	seen := map[string]bool{}
	add := func(target string) {
		target = strings.TrimSpace(target)
		if target == "" || strings.HasPrefix(target, "#") || seen[target] || len(out) == linksMost {
			return
		}
		seen[target] = true
		l := Link{Target: target}
		if before, _, ok := strings.Cut(source, target); ok {
			l.Line = 1 + strings.Count(before, "\n")
		}
		out = append(out, l)
	}
	bytes := []byte(source)
	doc := parse(bytes, Options{Link: func(target string) (string, bool) { return target, true }})
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			add(string(n.Destination))
		case *ast.AutoLink:
			if n.AutoLinkType == ast.AutoLinkURL {
				add(string(n.URL(bytes)))
			}
		case *ast.FencedCodeBlock:
			if typed(string(n.Language(bytes))) {
				body := lines(n.Lines(), bytes)
				for _, u := range bareLink.FindAllString(body, -1) {
					add(strings.TrimRight(u, ".,;:!?*_"))
				}
				for _, m := range typedLink.FindAllStringSubmatch(body, -1) {
					add(m[1])
				}
			}
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return out
}
