package search

import (
	"context"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Listen keeps the documents up to date with what other rooms tell.
func (s *Service) Listen(r *jobs.Relay) {
	jobs.On(r, scope.Indexer, func(ctx context.Context, events []tenants.ItemChanged) error {
		return s.indexItems(ctx, each(events, func(e tenants.ItemChanged) id.Item { return e.Item }), s.live())
	})
	jobs.On(r, scope.Indexer, func(ctx context.Context, events []community.QuestionChanged) error {
		return s.indexQuestions(ctx, each(events, func(e community.QuestionChanged) id.Item { return id.Item{UUID: e.Question.UUID} }), s.live())
	})
}

// each returns what the events are about, once each.
func each[E any](events []E, of func(E) id.Item) []id.Item {
	seen := make(map[id.Item]bool, len(events))
	out := make([]id.Item, 0, len(events))
	for _, e := range events {
		if i := of(e); !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}
