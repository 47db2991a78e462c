package community

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Expert is somebody whose answers about a subject were used.
type Expert struct {
	By     Byline  // always with a name
	Used   int     // people who used their answers
	Worked int     // answers that worked for the one who asked
	Best   id.Post // the answer that was used most
	Thread id.Post // the question it stands under
}

// Knows returns up to three people whose answers about an item were used or worked, most used first. It counts only answers
// that the viewer may read, and names only who is named to the viewer there; the viewer is left out.
func (s *Service) Knows(ctx context.Context, item id.Item) ([]Expert, error) {
	if err := authz.Check(ctx, authz.ReadQuestions, id.Org{}); err != nil {
		return nil, err
	}
	viewer, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var rows []questionRow
	if err := s.db.Read(ctx, func(b *db.Batch) { besideItem(item, "", 40, 5).queue(b, &rows, viewer) }); err != nil {
		return nil, fmt.Errorf("who knows %s: %w", item, err)
	}
	type name struct {
		org  id.Org
		name string
	}
	best := map[name]int{}
	known := map[name]*Expert{}
	for _, q := range questions(rows, viewer) {
		for _, a := range q.Answers {
			who := name{a.By.Company.ID, a.By.Name}
			if a.By.Name == "" || a.By.Mine || a.Used.Count == 0 && !a.Worked {
				continue
			}
			if known[who] == nil {
				known[who], best[who] = &Expert{By: a.By}, -1
			}
			e := known[who]
			e.Used += a.Used.Count
			if a.Worked {
				e.Worked++
			}
			if a.Used.Count > best[who] {
				best[who], e.Best, e.Thread = a.Used.Count, a.ID, q.ID
			}
		}
	}
	var out []Expert
	for _, e := range known {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Expert) int {
		return cmp.Or(b.Used-a.Used, b.Worked-a.Worked, cmp.Compare(a.By.Name, b.By.Name))
	})
	return out[:min(3, len(out))], nil
}
