package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/wire"
)

const disclosures = "Disclosures"

// Learned is what the own organization learns by name about the people of another.
type Learned struct {
	api.Page[LearnedRow]

	Level   string `json:"level" doc:"What the agreement in force lets the own organization learn: nothing, totals, certified or named; empty without one"`
	Version int    `json:"version,omitempty" doc:"Of that agreement"`
	People  int    `json:"people" doc:"Who agreed and are known by name, whatever the filter"`
}

// LearnedRow says how far a person is in something of the own organization's.
type LearnedRow struct {
	Name     string    `json:"name"`
	Item     string    `json:"item" format:"uuid"`
	Kind     string    `json:"kind"`
	Title    string    `json:"title"`
	Done     int       `json:"done"`
	Total    int       `json:"total"`
	Finished bool      `json:"finished"`
	Since    time.Time `json:"since" doc:"Since when it is known"`
}

// Given is what another organization learns about the own people.
type Given struct {
	api.Page[GivenRow]

	Level   string `json:"level"`
	Version int    `json:"version,omitempty"`
	People  int    `json:"people" doc:"Who are known there by name now"`
}

// GivenRow is what has gone about a member. Administrators read them.
type GivenRow struct {
	Member   string     `json:"member" doc:"As the own organization calls them"`
	Shown    string     `json:"shown,omitempty" doc:"As the other sees them; absent when it has ended"`
	Kind     string     `json:"kind"`
	Title    string     `json:"title"`
	Done     int        `json:"done"`
	Total    int        `json:"total"`
	Finished bool       `json:"finished"`
	Since    time.Time  `json:"since"`
	EndedAt  *time.Time `json:"ended_at,omitempty"`
}

// Leafing is how both lists are asked for.
type Leafing struct {
	OfConnection
	api.Paging

	Query string `query:"query" maxLength:"100" doc:"In a name or title"`
}

// filter reads it; the place in these lists is a page.
func (l Leafing) filter() (tenants.LearnedFilter, error) {
	f := tenants.LearnedFilter{Query: l.Query, Limit: l.Limit}
	at, err := l.Position(1)
	if err != nil || at == nil {
		return f, err
	}
	if f.Page, err = strconv.Atoi(at[0]); err != nil || f.Page < 0 || f.Page > 10_000 {
		return f, api.BadCursor()
	}
	return f, nil
}

func (o *ops) disclosures(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-learned", Method: http.MethodGet, Path: "/connections/{organization}/learned", Room: disclosures, Summary: "Who of the other's people is how far, of those who agreed", Action: authz.ManageNetwork,
		About: "The only way in which learning is read across organizations. Each request is counted, and both organizations see how often.",
	}, func(ctx context.Context, in *Leafing) (*out[Learned], error) {
		f, err := in.filter()
		if err != nil {
			return nil, err
		}
		other, err := o.svc.BySlug(ctx, in.Organization)
		if err != nil {
			return nil, err
		}
		v, err := o.svc.LearnedAbout(ctx, other.OrgID, f)
		return answer(Learned{Level: v.Learns, Version: v.Version, People: v.People, Page: api.Pages(v.Rows, v.More, func(r tenants.LearnedRow) LearnedRow {
			return LearnedRow{Name: r.Name, Item: r.Item.String(), Kind: r.Kind, Title: r.Title, Done: r.Done, Total: r.Total, Finished: r.Finished, Since: *wire.Time(&r.First)}
		}, func(tenants.LearnedRow) []string { return []string{strconv.Itoa(f.Page + 1)} })}, err)
	})
	api.Register(a, api.Op{
		ID: "list-given", Method: http.MethodGet, Path: "/connections/{organization}/given", Room: disclosures, Summary: "What the other learns about the own people", Action: authz.ManageNetwork,
		About: "From the same rows that the other reads: per person for administrators, how many people for whoever else manages the network.",
	}, func(ctx context.Context, in *Leafing) (*out[Given], error) {
		f, err := in.filter()
		if err != nil {
			return nil, err
		}
		other, err := o.svc.BySlug(ctx, in.Organization)
		if err != nil {
			return nil, err
		}
		v, err := o.svc.GivenTo(ctx, other.OrgID, f)
		return answer(Given{Level: v.Learns, Version: v.Version, People: v.People, Page: api.Pages(v.Rows, v.More, func(r tenants.GivenRow) GivenRow {
			return GivenRow{Member: r.Member, Shown: r.Shown, Kind: r.Kind, Title: r.Title, Done: r.Done, Total: r.Total, Finished: r.Finished, Since: *wire.Time(&r.First), EndedAt: wire.Time(r.Ended)}
		}, func(tenants.GivenRow) []string { return []string{strconv.Itoa(f.Page + 1)} })}, err)
	})
}
