package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants/wire"
)

const programRoom = "Programs"

// Program is a partner program of the own organization.
type Program struct {
	ID       string     `json:"id" format:"uuid"`
	Name     string     `json:"name"`
	Version  int        `json:"version,omitempty" doc:"Of the requirements that count now; absent before any do"`
	Partners int        `json:"partners" doc:"Who take part"`
	Offered  int        `json:"offered" doc:"Who were asked and have not answered"`
	AtRisk   int        `json:"at_risk" doc:"Of the partners, who fall short or would soon"`
	ClosedAt *time.Time `json:"closed_at,omitempty"`
}

// Standing is where a partner stands in a program. It says how many people meet a requirement, and who they are to nobody.
type Standing struct {
	Partner      wire.Org   `json:"partner"`
	Account      string     `json:"account,omitempty" doc:"The own number for the partner, such as that of a CRM"`
	State        string     `json:"state" enum:"offered,active"`
	Level        int        `json:"level" doc:"That it holds, counted from 1; 0 is none yet"`
	LevelName    string     `json:"level_name,omitempty"`
	Since        *time.Time `json:"since,omitempty"`
	DropsAt      *time.Time `json:"drops_at,omitempty" doc:"It falls short, and drops then unless that changes"`
	DropsTo      *int       `json:"drops_to,omitempty" doc:"The level that it drops to"`
	AtRiskFrom   *time.Time `json:"at_risk_from,omitempty" doc:"When it falls short if nothing is renewed"`
	Lacks        *int       `json:"lacks,omitempty" doc:"People and stories that the next level lacks; absent at the top"`
	Requirements []Required `json:"requirements" doc:"Of all levels, the lowest first"`
	ReckonedAt   *time.Time `json:"reckoned_at,omitempty"`
}

// Required is a requirement with how many meet it.
type Required struct {
	Key   string `json:"key" doc:"The same from version to version"`
	Level int    `json:"level"`
	Kind  string `json:"kind" enum:"certified,finished,stories"`
	Name  string `json:"name,omitempty"`
	Need  int    `json:"need"`
	Have  int    `json:"have"`
}

// standing is a line of the list.
func standing(t *courses.ProgramVersion) func(courses.ProgramPartner) Standing {
	return func(p courses.ProgramPartner) Standing {
		s := Standing{Partner: wire.OrgOf(p.Org), Account: p.Account, State: p.State, Requirements: []Required{}}
		if !p.Stands {
			return s
		}
		s.Level, s.Since, s.DropsAt, s.AtRiskFrom, s.Lacks, s.ReckonedAt = p.Level, wire.Time(&p.Since), wire.Time(p.DropAt), wire.Time(p.RiskAt), p.Short, wire.Time(&p.Reckoned)
		if p.DropAt != nil {
			s.DropsTo = &p.Meets
		}
		if t == nil {
			return s
		}
		for i, l := range t.Levels {
			if i == p.Level-1 {
				s.LevelName = l.Name
			}
			for _, r := range l.Requires {
				s.Requirements = append(s.Requirements, Required{Key: r.Key, Level: i + 1, Kind: r.Kind, Name: r.Name, Need: r.N, Have: p.Figures[r.Key].Have})
			}
		}
		return s
	}
}

func (o *ops) programs(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-programs", Method: http.MethodGet, Path: "/programs", Room: programRoom, Summary: "The partner programs of the own organization", Action: authz.ManageNetwork,
	}, func(ctx context.Context, _ *struct{}) (*struct {
		Body struct {
			Rows []Program `json:"rows"`
		}
	}, error,
	) {
		list, err := o.svc.OwnPrograms(ctx)
		if err != nil {
			return nil, err
		}
		out := &struct {
			Body struct {
				Rows []Program `json:"rows"`
			}
		}{}
		out.Body.Rows = []Program{}
		for _, g := range list {
			out.Body.Rows = append(out.Body.Rows, Program{ID: g.ID.String(), Name: g.Name, Version: g.Version, Partners: g.Partners, Offered: g.Offered, AtRisk: g.Risk, ClosedAt: wire.Time(g.Closed)})
		}
		return out, nil
	})
	api.Register(a, api.Op{
		ID: "list-standings", Method: http.MethodGet, Path: "/programs/{program}/standings", Room: programRoom, Summary: "Where the partners of a program stand, by name", Action: authz.ManageNetwork,
		About: "The figures that each partner reads of itself, too. With account it answers the one partner that has this number; none is an empty list.",
	}, func(ctx context.Context, in *struct {
		api.Paging

		Program string `path:"program" maxLength:"36"`
		Query   string `query:"query" maxLength:"100" doc:"In the partner's name or account"`
		Account string `query:"account" maxLength:"100" doc:"Exactly this own number"`
		Part    string `query:"part" enum:"risk,near,quiet,offered" doc:"Falls short or would soon; lacks one; moved nothing for 90 days; has not answered"`
	},
	) (*struct{ Body api.Page[Standing] }, error) {
		which, err := id.Parse[id.Any](in.Program)
		if err != nil {
			return nil, errs.New(errs.NotFound, "%w", err)
		}
		f := courses.PartnersFilter{Query: in.Query, Account: in.Account, Show: in.Part, Level: -1, Limit: in.Limit}
		at, err := in.Position(1)
		if err != nil {
			return nil, err
		}
		if at != nil {
			if f.Page, err = strconv.Atoi(at[0]); err != nil || f.Page < 0 || f.Page > 10_000 {
				return nil, api.BadCursor()
			}
		}
		v, err := o.svc.Partners(ctx, which, f)
		if err != nil {
			return nil, err
		}
		return &struct{ Body api.Page[Standing] }{api.Pages(v.Rows, v.More, standing(v.Terms), func(courses.ProgramPartner) []string { return []string{strconv.Itoa(f.Page + 1)} })}, nil
	})
}
