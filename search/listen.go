package search

import (
	"context"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/db"
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
	jobs.On(r, scope.Indexer, s.restOrg)
	jobs.On(r, scope.Indexer, func(ctx context.Context, events []community.QuestionChanged) error {
		return s.indexQuestions(ctx, each(events, func(e community.QuestionChanged) id.Item { return id.Item{UUID: e.Question.UUID} }), s.live())
	})
}

// restOrg takes all documents of an organization that rests out, and writes them again when it is back.
func (s *Service) restOrg(ctx context.Context, _ []tenants.OrganizationChanged) error {
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var moved bool // it was something else than active
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &moved, nil, `SELECT o.state_at IS NOT NULL FROM organizations o WHERE o.org_id = $1`, who.Org)
	}); err != nil || !moved {
		return err
	}
	return s.reindexOrg(ctx, who.Org, s.live())
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
