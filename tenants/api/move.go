package api

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants/wire"
)

// Numbered names the version that a move is about.
type Numbered struct {
	Version int `json:"version" minimum:"1" doc:"Of what is proposed; 409 if it is another by now"`
}

// move is the operation of a move on a connection, which answers how it stands then.
func move[B any](o *ops, a *api.API, name, says, about string, do func(ctx context.Context, other id.Org, body B) error) {
	api.Register(a, api.Op{
		ID: name, Method: http.MethodPost, Path: "/connections/{organization}/" + name, Room: agreements, Summary: says, About: about, Action: authz.ManageNetwork, Matches: true,
	}, func(ctx context.Context, in *struct {
		OfConnection

		Body B
	},
	) (*Tagged[Connection], error) {
		v, err := o.with(ctx, in.Organization)
		if err != nil {
			return nil, err
		}
		if err := do(ctx, v.Other.OrgID, in.Body); err != nil {
			return nil, err
		}
		return o.connection(ctx, in.Organization)
	})
}

// Nothing is a body without anything in it; it may be left out.
type Nothing struct{}

func (o *ops) moves(a *api.API) {
	api.Register(a, api.Op{
		ID: "ask", Method: http.MethodPost, Path: "/connections", Room: agreements, Summary: "Ask an organization for a connection", Action: authz.ManageNetwork, Created: true,
		About: "The offer is signed with it. What the other gives beyond how its people appear is its own to offer.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			wire.Offer
			wire.Calls

			Organization string `json:"organization" minLength:"1" maxLength:"300" doc:"Its slug, its domain, the address of its portal or a work address there"`
		}
	},
	) (*made[Connection], error) {
		other, err := o.svc.Addressed(ctx, in.Body.Organization)
		if errs.Is(err, errs.NotFound) {
			return nil, errs.Fields(errs.Field{Name: "organization", Key: "tenants.form.with_unknown"})
		}
		if err != nil {
			return nil, err
		}
		p, err := in.Body.Proposal(nil)
		if err != nil {
			return nil, err
		}
		p.WeCall, p.TheyCall = in.Body.WeCall, in.Body.TheyCall
		if err := o.svc.Ask(ctx, other.OrgID, p); err != nil {
			return nil, err
		}
		v, err := o.connection(ctx, other.Slug)
		if err != nil {
			return nil, err
		}
		return &made[Connection]{v.ETag, api.Root + "/connections/" + other.Slug, v.Body}, nil
	})
	type signature struct {
		Numbered

		Hash   string `json:"hash" pattern:"^[0-9a-f]{64}$" doc:"Of the version that was read; 409 if it is another"`
		WeCall string `json:"we_call,omitempty" enum:"vendor,partner,customer,peer" doc:"What the other is for us; as it is if left out"`
	}
	move(o, a, "sign", "Sign what the other side proposed", "From the answer on both halves hold.", func(ctx context.Context, other id.Org, s signature) error {
		hash, err := hex.DecodeString(s.Hash)
		if err != nil || len(hash) != 32 {
			return errs.Fields(errs.Field{Name: "hash", Key: "api.choose"})
		}
		return o.svc.Sign(ctx, other, s.Version, [32]byte(hash), s.WeCall)
	})
	move(o, a, "decline", "Decline what the other side proposed", "An agreement in force stays.", func(ctx context.Context, other id.Org, n Numbered) error { return o.svc.Decline(ctx, other, n.Version) })
	move(o, a, "withdraw", "Take back what the own side proposed", "An agreement in force stays.", func(ctx context.Context, other id.Org, n Numbered) error {
		return o.svc.Withdraw(ctx, other, n.Version)
	})
	type counter struct {
		wire.Offer
		Numbered
	}
	move(o, a, "counter", "Propose other terms", "An answer to what is proposed, or the next version of what is in force; version is the one that is answered. The offer is signed with it.",
		func(ctx context.Context, other id.Org, c counter) error {
			v, err := o.svc.Connection(ctx, other)
			if err != nil {
				return err
			}
			answered := v.Proposed
			if answered == nil {
				answered = v.InForce
			}
			if answered == nil || answered.Number != c.Version {
				return errs.Say(errs.Conflict, "tenants.agreement.changed")
			}
			if err := etag.Check(ctx, v.Tag()); err != nil {
				return err
			}
			p, err := c.Proposal(v.Asked())
			if err != nil {
				return err
			}
			// What was answered must be what is there when it is written.
			err = o.svc.Counter(etag.With(ctx, v.Tag()), other, p)
			if errs.Is(err, errs.Stale) {
				return errs.Say(errs.Conflict, "tenants.agreement.changed")
			}
			return err
		})
	move(o, a, "pause", "Close in both directions, until somebody resumes it", "Nobody loses anything they did.", func(ctx context.Context, other id.Org, _ *Nothing) error { return o.svc.Pause(ctx, other) })
	move(o, a, "resume", "Open again what the agreement says", "", func(ctx context.Context, other id.Org, _ *Nothing) error { return o.svc.Resume(ctx, other) })
	type end struct {
		Now bool `json:"now,omitempty" doc:"Without the time to finish that the agreement grants"`
	}
	move(o, a, "end", "End the connection", "What it opened closes at once, in both directions; get-impact says for whom. It cannot be undone, only asked for anew.",
		func(ctx context.Context, other id.Org, e *end) error { return o.svc.End(ctx, other, e != nil && e.Now) })
}
