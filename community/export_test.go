package community

import (
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Queries are the room's list queries, for the test of their plans.
func Queries(item id.Item, question id.Post, limit int) map[string]func(scope.Scope) (string, []any) {
	out := map[string]func(scope.Scope) (string, []any){}
	for name, f := range map[string]search{
		"recent":     ListFilter{Limit: limit - 1}.search(),
		"unanswered": ListFilter{Tab: TabUnanswered, Limit: limit - 1}.search(),
		"mine":       ListFilter{Tab: TabMine, Limit: limit - 1}.search(),
		"about":      besideItem(item, "", limit, 3),
		"thread":     {cond: `q.question_id = $5`, args: []any{question}, limit: 1, answers: maxAnswers, own: true},
	} {
		out[name] = func(s scope.Scope) (string, []any) { return f.sql(), f.params(s) }
	}
	out["news"] = func(s scope.Scope) (string, []any) {
		return news.sql(), []any{s.Org, limit}
	}
	return out
}
