// Package api has the operation that searches, for programs. web mounts it.
package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants/wire"
)

// Hit is a result.
type Hit struct {
	Kind         string    `json:"kind" enum:"course,path,lesson,story,resource,question,group"`
	Item         string    `json:"item" format:"uuid" doc:"Of a lesson: what it is a part of"`
	Organization *wire.Org `json:"organization,omitempty" doc:"Whose; absent where it is not shown"`
	Title        string    `json:"title"`
	Context      string    `json:"context,omitempty" doc:"Of a lesson: what it is a part of"`
	Text         string    `json:"text" doc:"Where it matched"`
	Right        string    `json:"right,omitempty" doc:"own, adapt, show, use or read"`
	Language     string    `json:"language"`
	Minutes      int       `json:"minutes,omitempty"`
	Answers      int       `json:"answers,omitempty"`
	Answered     bool      `json:"answered,omitempty" doc:"A question of which an answer worked"`
	Path         string    `json:"path" doc:"Of its page, on the own host"`
}

// Hits are results, the best first.
type Hits struct {
	Items   []Hit  `json:"items" nullable:"false"`
	Total   int    `json:"total"`
	Exact   bool   `json:"total_exact"`
	Reading string `json:"reading,omitempty" doc:"The words with corrections, where some were read as others"`
	Relaxed bool   `json:"relaxed,omitempty" doc:"No result has every word"`
}

// Mount adds the operation.
func Mount(a *api.API, svc *search.Service) {
	api.Register(a, api.Op{
		ID: "search", Method: http.MethodGet, Path: "/search", Room: "Items", Summary: "Search in all that the member may see", Action: authz.Search,
		About: "Courses, paths, lessons, stories, resources and questions; what it answers is read again under the member's rights.",
	}, func(ctx context.Context, in *struct {
		Query  string   `query:"query" required:"true" minLength:"1" maxLength:"400"`
		Kind   []string `query:"kind" enum:"course,path,lesson,story,resource,question,group" doc:"One or several, separated by commas"`
		Limit  int      `query:"limit" minimum:"1" maximum:"100" default:"20"`
		Offset int      `query:"offset" minimum:"0" maximum:"900"`
	},
	) (*struct{ Body Hits }, error) {
		q := search.Query{Text: in.Query, Limit: in.Limit, Offset: in.Offset}
		for _, k := range in.Kind {
			q.Kinds = append(q.Kinds, search.Kind(k))
		}
		r, err := svc.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		v := Hits{Items: []Hit{}, Total: r.Total, Exact: r.TotalExact, Reading: r.Reading, Relaxed: r.Relaxed}
		for _, h := range r.Hits {
			x := Hit{
				Kind: string(h.Kind), Item: h.Item.ItemID.String(), Title: words(h.Title), Context: h.Context, Text: words(h.Text), Right: h.Right, Language: h.Lang, Minutes: h.Minutes,
				Answers: h.Answers, Answered: h.Answered, Path: h.URL,
			}
			if o, ok := r.Orgs[h.Item.OrgID]; ok {
				x.Organization = &wire.Org{ID: o.OrgID.String(), Slug: o.Slug, Name: o.Name}
			}
			v.Items = append(v.Items, x)
		}
		return &struct{ Body Hits }{v}, nil
	})
}

func words(list []search.Span) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s.Text)
	}
	return b.String()
}
