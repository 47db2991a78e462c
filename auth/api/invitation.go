package api

import (
	"context"
	"net/http"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants/wire"
)

// Partner is an organization that is offered terms.
type Partner struct {
	Name    string `json:"name" maxLength:"120" doc:"Of the organization"`
	Email   string `json:"email" maxLength:"254" doc:"Work address of somebody there"`
	Account string `json:"account,omitempty" maxLength:"100" doc:"The own number for it, for exports"`
}

// Report is what became, or would become, of a list.
type Report struct {
	DryRun  bool  `json:"dry_run"`
	Invited int   `json:"invited" doc:"By mail"`
	Asked   int   `json:"asked" doc:"That are here already"`
	Rows    []Row `json:"rows" nullable:"false"`
}

// Row is what became of one row.
type Row struct {
	Number  int    `json:"number" doc:"In the list, from 1"`
	Email   string `json:"email"`
	What    string `json:"what,omitempty" enum:"invite,ask" doc:"Absent with a problem"`
	Problem string `json:"problem,omitempty" doc:"Why nothing became of it"`
	Detail  string `json:"detail,omitempty" doc:"The problem for people"`
}

// Sent is an invitation of the own organization.
type Sent struct {
	ID           string     `json:"id" format:"uuid"`
	Email        string     `json:"email"`
	Name         string     `json:"name" doc:"Of the organization that is meant"`
	Account      string     `json:"account,omitempty"`
	State        string     `json:"state" enum:"open,expired,accepted,withdrawn"`
	SentAt       time.Time  `json:"sent_at"`
	Until        time.Time  `json:"until" doc:"It can be accepted until then"`
	DecidedAt    *time.Time `json:"decided_at,omitempty"`
	Organization string     `json:"organization,omitempty" doc:"The slug of the one that it became"`
}

func mountInvitations(a *api.API, svc *auth.Service) {
	const room = "Invitations"
	api.Register(a, api.Op{
		ID: "invite", Method: http.MethodPost, Path: "/invitations", Room: room, Summary: "Invite an organization that has no portal yet", Action: authz.ManageNetwork,
		About: "It is mailed with the terms, which are signed with it; an earlier one to the address is withdrawn. 409 for an address whose organization is here: ask it for a connection.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			Partner
			wire.Offer
			wire.Calls
		}
	},
	) (*struct{}, error) {
		b := in.Body
		p, err := b.Proposal(nil)
		if err != nil {
			return nil, err
		}
		p.WeCall, p.TheyCall = b.WeCall, b.TheyCall
		return nil, svc.Invite(ctx, auth.Invite{Email: b.Email, Name: b.Name, Account: b.Account, Proposal: p})
	})
	api.Register(a, api.Op{
		ID: "offer-to-list", Method: http.MethodPost, Path: "/invitations/list", Room: room, Summary: "Offer many organizations the same terms", Action: authz.ManageNetwork,
		About: "Those that are here are asked, all others invited by mail; rows with a problem are left out. It happens as a whole or not at all. With dry_run nothing happens, and the report is the same.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			wire.Offer
			wire.Calls

			Partners []Partner `json:"partners" minItems:"1" maxItems:"1000" nullable:"false"`
			DryRun   bool      `json:"dry_run,omitempty"`
		}
	},
	) (*struct{ Body Report }, error) {
		b := in.Body
		p, err := b.Proposal(nil)
		if err != nil {
			return nil, err
		}
		p.WeCall, p.TheyCall = b.WeCall, b.TheyCall
		var list []auth.Partner
		for i, r := range b.Partners {
			list = append(list, auth.Partner{Line: i + 1, Name: r.Name, Email: r.Email, Account: r.Account})
		}
		v, err := svc.OfferList(ctx, list, p, b.DryRun)
		if err != nil {
			return nil, err
		}
		out := Report{DryRun: b.DryRun, Invited: v.Invited, Asked: v.Asked, Rows: []Row{}}
		for _, r := range v.Rows {
			row := Row{Number: r.Line, Email: r.Email, What: r.What, Problem: r.Problem}
			if r.Problem != "" {
				row.Detail = lang.T(ctx, r.Problem)
			}
			out.Rows = append(out.Rows, row)
		}
		return &struct{ Body Report }{out}, nil
	})
	api.Register(a, api.Op{
		ID: "list-invitations", Method: http.MethodGet, Path: "/invitations", Room: room, Summary: "The own invitations, newest first", Action: authz.ManageNetwork,
	}, func(ctx context.Context, in *struct {
		api.Paging

		State string `query:"state" enum:"open,expired,accepted,withdrawn"`
	},
	) (*struct{ Body api.Page[Sent] }, error) {
		f := auth.InvitationFilter{State: in.State, Limit: in.Limit}
		at, err := in.Position(2)
		if err != nil {
			return nil, err
		}
		if at != nil {
			t, terr := time.Parse(time.RFC3339Nano, at[0])
			which, werr := id.Parse[id.Any](at[1])
			if terr != nil || werr != nil {
				return nil, api.BadCursor()
			}
			f.After, f.AfterID = t, which
		}
		list, more, err := svc.Invitations(ctx, f)
		if err != nil {
			return nil, err
		}
		return &struct{ Body api.Page[Sent] }{api.Pages(list, more, sent, func(v auth.SentInvitation) []string {
			return []string{v.Sent.UTC().Format(time.RFC3339Nano), v.ID.String()}
		})}, nil
	})
	api.Register(a, api.Op{
		ID: "withdraw-invitation", Method: http.MethodDelete, Path: "/invitations/{invitation}", Room: room, Summary: "Take an open invitation back", Action: authz.ManageNetwork,
		About: "From the answer on nobody gets in by it. 404 for one that is not open.",
	}, func(ctx context.Context, in *struct {
		Invitation string `path:"invitation" maxLength:"36"`
	},
	) (*struct{}, error) {
		which, err := id.Parse[id.Any](in.Invitation)
		if err != nil {
			return nil, errs.New(errs.NotFound, "%w", err)
		}
		return nil, svc.WithdrawInvitation(ctx, which)
	})
}

func sent(v auth.SentInvitation) Sent {
	return Sent{ID: v.ID.String(), Email: v.Email, Name: v.Name, Account: v.Account, State: v.State, SentAt: *wire.Time(&v.Sent), Until: *wire.Time(&v.Until), DecidedAt: wire.Time(v.Decided), Organization: v.Org}
}
