package api

import (
	"context"
	"net/http"
	"time"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/wire"
)

const standards = "Standard agreements"

// Standard is a standard agreement in the list.
type Standard struct {
	ID      string         `json:"id" format:"uuid"`
	Title   string         `json:"title"`
	State   string         `json:"state" enum:"open,retired"`
	Version int            `json:"version" doc:"The newest"`
	Changed time.Time      `json:"changed" doc:"When that was published"`
	Stands  StandardCounts `json:"stands" doc:"How many organizations stand how"`
}

// StandardCounts is how many organizations stand how to a standard agreement.
type StandardCounts struct {
	Newest     int `json:"newest" doc:"Signed the newest version"`
	Earlier    int `json:"earlier"`
	Waiting    int `json:"waiting" doc:"Have an offer to answer; some of them are on an earlier version"`
	Countered  int `json:"countered"`
	Exceptions int `json:"exceptions" doc:"Signed other terms"`
}

// StandardDetail is a standard agreement with the terms of its newest version.
type StandardDetail struct {
	Standard

	Ours       wire.Half `json:"ours"`
	Theirs     wire.Half `json:"theirs"`
	FinishDays int       `json:"finish_days"`
	Until      string    `json:"until,omitempty"`
	Note       string    `json:"note,omitempty"`
	WeCall     string    `json:"we_call"`
	TheyCall   string    `json:"they_call"`
}

// StandardPartner is an organization to which a standard agreement was proposed.
type StandardPartner struct {
	Organization wire.Org  `json:"organization"`
	Stands       string    `json:"stands" enum:"newest,earlier,waiting,countered,exception,over"`
	Offered      int       `json:"offered" doc:"The newest version that was proposed to it"`
	On           int       `json:"on,omitempty" doc:"The version in force; absent for none of them"`
	Since        time.Time `json:"since"`
}

// Published is what publishing a version began.
type Published struct {
	ID    string `json:"id" format:"uuid"`
	Batch string `json:"batch,omitempty" format:"uuid" doc:"It proposes the version to those who are on, or were offered, an earlier one"`
}

// OfStandard is the part of an address that names a standard agreement.
type OfStandard struct {
	Standard string `path:"standard" maxLength:"36"`
}

// StandardBody is what a version is published from.
type StandardBody struct {
	wire.Offer
	wire.Calls

	Title string `json:"title" minLength:"1" maxLength:"120"`
}

func standardOf(s tenants.Standard) Standard {
	c := s.Counts
	return Standard{
		ID: s.ID.String(), Title: s.Title, State: s.State, Version: s.Version, Changed: *wire.Time(&s.Changed),
		Stands: StandardCounts{Newest: c.Newest, Earlier: c.Earlier, Waiting: c.Waiting, Countered: c.Countered, Exceptions: c.Exceptions},
	}
}

func (o *ops) publish(ctx context.Context, which id.Any, b StandardBody) (Published, error) {
	p, err := b.Proposal(nil)
	if err != nil {
		return Published{}, err
	}
	p.WeCall, p.TheyCall = b.WeCall, b.TheyCall
	standard, batch, err := o.svc.Publish(ctx, which, b.Title, p)
	v := Published{ID: standard.String()}
	if !batch.IsZero() {
		v.Batch = batch.String()
	}
	return v, err
}

// standardPartners is which partners of a standard agreement are asked for.
type standardPartners struct {
	OfStandard
	api.Paging

	Stands string `query:"stands" enum:"newest,earlier,waiting,countered,exception,over"`
}

type nextVersion struct {
	OfStandard

	Body StandardBody
}

func (o *ops) standards(a *api.API) {
	op := func(id, method, path, summary string) api.Op {
		return api.Op{ID: id, Method: method, Path: "/standards" + path, Room: standards, Summary: summary, Action: authz.ManageNetwork}
	}
	api.Register(a, op("list-standards", http.MethodGet, "", "The own standard agreements"), o.listStandards)
	api.Register(a, op("get-standard", http.MethodGet, "/{standard}", "A standard agreement with its terms"), o.getStandard)
	api.Register(a, op("list-standard-partners", http.MethodGet, "/{standard}/partners", "How each organization stands to it, by name"), o.listStandardPartners)
	first := op("publish-standard", http.MethodPost, "", "Publish a new standard agreement")
	first.Created, first.About = true, "Nobody is asked by that: offer-to-list offers terms to a list, and links are made on the page."
	api.Register(a, first, o.publishStandard)
	next := op("publish-version", http.MethodPost, "/{standard}/versions", "Publish its next version")
	next.Created, next.About = true, "It is proposed to everybody who is on, or was offered, an earlier version; what is in force stays until they sign. 404 for one that was retired."
	api.Register(a, next, o.publishVersion)
	retire := op("retire-standard", http.MethodPost, "/{standard}/retire", "Take it out of use")
	retire.About = "Its links close. What was signed stays in force."
	api.Register(a, retire, o.retireStandard)
}

func (o *ops) listStandards(ctx context.Context, _ *struct{}) (*out[[]Standard], error) {
	list, err := o.svc.Standards(ctx)
	rows := []Standard{}
	for _, s := range list {
		rows = append(rows, standardOf(s))
	}
	return answer(rows, err)
}

func (o *ops) getStandard(ctx context.Context, in *OfStandard) (*out[StandardDetail], error) {
	which, err := known[id.Any](in.Standard)
	if err != nil {
		return nil, err
	}
	v, err := o.svc.StandardView(ctx, which, tenants.StandardFilter{Limit: 1})
	if err != nil {
		return nil, err
	}
	p := v.Newest().Proposal
	return answer(StandardDetail{
		Standard: standardOf(v.Standard), Ours: wire.HalfOf(p.Ours), Theirs: wire.HalfOf(p.Theirs), FinishDays: p.FinishDays, Until: p.Until, Note: p.Note, WeCall: p.WeCall, TheyCall: p.TheyCall,
	}, nil)
}

func (o *ops) listStandardPartners(ctx context.Context, in *standardPartners) (*out[api.Page[StandardPartner]], error) {
	which, err := known[id.Any](in.Standard)
	if err != nil {
		return nil, err
	}
	f := tenants.StandardFilter{Stands: in.Stands, Limit: in.Limit}
	at, err := in.Position(2)
	if err != nil {
		return nil, err
	}
	if at != nil {
		f.AfterKey = at[0]
		if f.AfterID, err = place[id.Org](at[1]); err != nil {
			return nil, err
		}
	}
	v, err := o.svc.StandardView(ctx, which, f)
	return answer(api.Pages(v.Partners, v.More, func(p tenants.StandardPartner) StandardPartner {
		return StandardPartner{Organization: wire.Org{ID: p.OrgID.String(), Slug: p.Slug, Name: p.Name}, Stands: p.Stands, Offered: p.Offered, On: p.On, Since: *wire.Time(&p.Since)}
	}, func(p tenants.StandardPartner) []string { return []string{p.Key, p.OrgID.String()} }), err)
}

func (o *ops) publishStandard(ctx context.Context, in *struct{ Body StandardBody }) (*made[Published], error) {
	v, err := o.publish(ctx, id.Any{}, in.Body)
	if err != nil {
		return nil, err
	}
	return &made[Published]{Location: api.Root + "/standards/" + v.ID, Body: v}, nil
}

func (o *ops) publishVersion(ctx context.Context, in *nextVersion) (*out[Published], error) {
	which, err := known[id.Any](in.Standard)
	if err != nil {
		return nil, err
	}
	if which.IsZero() {
		return nil, errs.New(errs.NotFound, "no standard agreement")
	}
	return answer(o.publish(ctx, which, in.Body))
}

func (o *ops) retireStandard(ctx context.Context, in *OfStandard) (*struct{}, error) {
	which, err := known[id.Any](in.Standard)
	if err != nil {
		return nil, err
	}
	return nil, o.svc.Retire(ctx, which)
}
