package main

import (
	"context"
	"errors"
	"flag"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/search"
)

// runSearch builds the search index again, of one organization or of all, and says how far it is. The portal may run
// meanwhile and answers from the index that is there.
func runSearch(ctx context.Context, e *env, args []string) error {
	if len(args) == 0 || args[0] != "reindex" {
		return usageError{errors.New("use: learnscape search " + commands()["search"].usage)}
	}
	var org string
	fs, err := e.flags("search reindex", args[1:], func(fs *flag.FlagSet) { fs.StringVar(&org, "org", "", "") })
	if err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError{errors.New("use: learnscape search " + commands()["search"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		if org != "" {
			ctx, err := asOperator(ctx, p, cfg, org)
			if err != nil {
				return err
			}
			who, err := scope.From(ctx)
			if err != nil {
				return err
			}
			ctx = scope.Enter(ctx, scope.System(scope.Indexer, who.Org))
			if err := p.Search.ReindexOrg(ctx, who.Org); err != nil {
				return err
			}
			e.printf("the documents of %s are written again\n", org)
			return p.Search.RebuildLexicon(ctx)
		}
		last := -1
		n, err := p.Search.Reindex(scope.Enter(ctx, scope.System(scope.Indexer, id.Org{})), func(s search.Progress) {
			// A line for every hundredth part of the organizations, so that thousands of them do not fill the screen.
			if part := 100 * s.Orgs / max(1, s.Of); s.Step != search.Filled || part != last {
				e.printf("%s: %d of %d organizations, %d documents\n", s.Step, s.Orgs, s.Of, s.Documents)
				last = part
			}
		})
		if err != nil {
			return err
		}
		e.printf("done: %d documents\n", n)
		return nil
	})
}
