package api

import (
	"context"
	"net/http"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
)

// Organization is the own one, and who asks.
type Organization struct {
	ID       string   `json:"id" format:"uuid"`
	Slug     string   `json:"slug" doc:"The first part of its host"`
	Name     string   `json:"name"`
	Tagline  string   `json:"tagline"`
	About    string   `json:"about"`
	Color    string   `json:"color" doc:"Of its brand, #rrggbb"`
	Language string   `json:"language" enum:"en,de"`
	Address  string   `json:"address" format:"uri" doc:"Of its portal"`
	Member   Self     `json:"member" doc:"For whom the token acts"`
	Scopes   []string `json:"scopes" nullable:"false" doc:"What the token is for"`
}

// Self is the member for whom a token acts.
type Self struct {
	ID    string       `json:"id" format:"uuid"`
	Name  string       `json:"name"`
	Roles []scope.Role `json:"roles" nullable:"false"`
}

// Mount adds the operations.
func Mount(a *api.API, svc *auth.Service) {
	mountInvitations(a, svc)
	api.Register(a, api.Op{
		ID: "get-organization", Method: http.MethodGet, Path: "/organization", Room: "Organization", Summary: "The own organization, and who asks", Action: authz.SeeOrg,
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body Organization }, error) {
		m, ok := auth.Current(ctx)
		sc, err := scope.From(ctx)
		if err != nil || !ok {
			return nil, errs.New(errs.Unauthenticated, "nobody")
		}
		o, err := svc.Tenants().ByID(ctx, m.OrgID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Organization }{Organization{
			ID: o.OrgID.String(), Slug: o.Slug, Name: o.Name, Tagline: o.Tagline, About: o.About, Color: o.Color, Language: o.Locale, Address: svc.BaseURL(o.Slug),
			Member: Self{ID: m.MembershipID.String(), Name: m.Name, Roles: m.Roles}, Scopes: sc.For,
		}}, nil
	})
}
