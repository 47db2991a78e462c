// Package api has the operations on people, collections, items and connections for programs. Each calls the method of the service that
// the page calls, so that rights, audit and events are the same. web mounts it.
package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/wire"
)

// The headings of the document.
const (
	people      = "People"
	collections = "Collections"
	items       = "Items"
	connections = "Connections"
	agreements  = "Agreements"
)

// Mount adds the operations.
func Mount(a *api.API, svc *tenants.Service) {
	o := &ops{svc}
	o.people(a)
	o.collections(a)
	o.items(a)
	o.connections(a)
	o.one(a)
	o.history(a)
	o.moves(a)
	o.standards(a)
	o.disclosures(a)
	o.log(a)
}

type ops struct{ svc *tenants.Service }

// out is an answer with a body alone.
type out[T any] struct{ Body T }

func answer[T any](v T, err error) (*out[T], error) {
	if err != nil {
		return nil, err
	}
	return &out[T]{v}, nil
}

// Tagged is an answer with a tag, for a change to be made only to what was read.
type Tagged[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// made is an answer about something new.
type made[T any] struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     T
}

// Member is one of the own organization's people.
type Member struct {
	ID     string       `json:"id" format:"uuid"`
	Name   string       `json:"name"`
	Email  string       `json:"email"`
	Title  string       `json:"title"`
	Roles  []scope.Role `json:"roles" nullable:"false"`
	State  string       `json:"state" enum:"active,invited,left"`
	Joined time.Time    `json:"joined"`
	SeenAt *time.Time   `json:"seen_at,omitempty" doc:"Absent: never signed in"`
}

func (o *ops) people(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-people", Method: http.MethodGet, Path: "/people", Room: people, Summary: "The own organization's people, by name", Action: authz.SeePeople,
	}, func(ctx context.Context, in *struct {
		api.Paging

		Query string `query:"query" maxLength:"100" doc:"In name or address"`
		State string `query:"state" enum:"active,invited,left"`
	},
	) (*out[api.Page[Member]], error) {
		f := tenants.PeopleFilter{Query: in.Query, State: in.State, Limit: in.Limit}
		at, err := in.Position(2)
		if err != nil {
			return nil, err
		}
		if at != nil {
			f.AfterName = at[0]
			if f.AfterID, err = place[id.Membership](at[1]); err != nil {
				return nil, err
			}
		}
		v, err := o.svc.People(ctx, f)
		return answer(api.Pages(v.Rows, v.More, func(m tenants.Member) Member {
			return Member{
				ID: m.MembershipID.String(), Name: m.Name, Email: m.Email, Title: m.Title, Roles: m.Roles, State: m.State, Joined: *wire.Time(&m.CreatedAt), SeenAt: wire.Time(m.SeenAt),
			}
		}, func(m tenants.Member) []string { return []string{m.SortName, m.MembershipID.String()} }), err)
	})
}

// place reads an identifier out of a place in a list.
func place[T ~struct{ uuid.UUID }](s string) (T, error) {
	v, err := id.Parse[T](s)
	if err != nil {
		return v, api.BadCursor()
	}
	return v, nil
}

// known reads an identifier out of an address: one that cannot be read is of nothing.
func known[T ~struct{ uuid.UUID }](s string) (T, error) {
	v, err := id.Parse[T](s)
	if err != nil {
		return v, errs.New(errs.NotFound, "%w", err)
	}
	return v, nil
}
