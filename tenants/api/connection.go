package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/wire"
)

// Summary is a connection in the list.
type Summary struct {
	Organization wire.Org   `json:"organization"`
	State        string     `json:"state" enum:"asked,active,paused,ending,ended,declined"`
	Waits        string     `json:"waits,omitempty" enum:"us,them" doc:"Whose signature what is proposed waits for"`
	WeCall       string     `json:"we_call" doc:"vendor, partner, customer or peer"`
	Since        *time.Time `json:"since,omitempty"`
	FinishUntil  *time.Time `json:"finish_until,omitempty" doc:"While ending"`
	ProposedAt   *time.Time `json:"proposed_at,omitempty"`
	Gives        *Flow      `json:"gives,omitempty" doc:"What is open to the other now"`
	Gets         *Flow      `json:"gets,omitempty" doc:"What is open to us now"`
}

// Flow is how much one side opens to the other.
type Flow struct {
	Collections int `json:"collections"`
	Items       int `json:"items"`
}

// Connection is the connection with another organization.
type Connection struct {
	Organization wire.Org   `json:"organization"`
	State        string     `json:"state" enum:"asked,active,paused,ending,ended,declined,withdrawn"`
	WeAsked      bool       `json:"we_asked"`
	WeCall       string     `json:"we_call" doc:"vendor, partner, customer or peer"`
	TheyCall     string     `json:"they_call"`
	Since        *time.Time `json:"since,omitempty"`
	FinishUntil  *time.Time `json:"finish_until,omitempty"`
	Finishing    int        `json:"finishing" doc:"Own people who may still finish what they began"`
	InForce      *Version   `json:"in_force,omitempty"`
	Proposed     *Version   `json:"proposed,omitempty" doc:"Waits for the signature of the side that did not propose it"`
	Changes      []Change   `json:"changes" nullable:"false" doc:"Between what is in force, or was proposed before, and what is proposed"`
	Log          []Receipt  `json:"log" nullable:"false" doc:"The last 50 moves, newest first"`
}

// Version is a version of the agreement, as this side reads it.
type Version struct {
	Number     int        `json:"number"`
	State      string     `json:"state" enum:"proposed,active,replaced,countered,declined,withdrawn,ended"`
	ByUs       bool       `json:"by_us" doc:"Proposed by the own side"`
	Ours       wire.Half  `json:"ours"`
	Theirs     wire.Half  `json:"theirs"`
	FinishDays int        `json:"finish_days"`
	Until      string     `json:"until,omitempty"`
	Note       string     `json:"note,omitempty"`
	Hash       string     `json:"hash" doc:"What is signed: SHA-256 of the canonical terms, hexadecimal"`
	ProposedAt time.Time  `json:"proposed_at"`
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
	SignedUs   *time.Time `json:"signed_by_us_at,omitempty"`
	SignedThem *time.Time `json:"signed_by_them_at,omitempty"`
}

// Change is one difference between two versions.
type Change struct {
	Side  string `json:"side,omitempty" enum:"ours,theirs" doc:"Absent: what holds for both"`
	What  string `json:"what" enum:"opens,right,seats,until,learns,meet,finish_days"`
	Title string `json:"title,omitempty" doc:"Of the collection"`
	Kind  string `json:"kind" enum:"new,changed,gone"`
	From  any    `json:"from,omitempty"`
	To    any    `json:"to,omitempty"`
}

// Receipt is a line of the own log about the connection.
type Receipt struct {
	At     time.Time `json:"at"`
	Action string    `json:"action"`
	ByUs   bool      `json:"by_us"`
	Member string    `json:"member,omitempty" doc:"Of the own organization, who did it"`
}

// Impact is what signing or ending does on the own side.
type Impact struct {
	People      int        `json:"people" doc:"Active members"`
	Opens       int        `json:"opens" doc:"Own items that the terms open to the other"`
	Learners    int        `json:"learners" doc:"Own people in mid-course in what the other opens"`
	Losing      int        `json:"losing" doc:"Of these, in what the proposal would close"`
	InCourse    []InCourse `json:"in_course" nullable:"false"`
	FinishUntil string     `json:"finish_until" doc:"The day until which they may finish if it ended today with time to finish"`
}

// InCourse is something of the other's that own people are in the middle of.
type InCourse struct {
	Title  string `json:"title"`
	Kind   string `json:"kind"`
	People int    `json:"people"`
}

// Seen is what the other organization can see of us.
type Seen struct {
	api.Page[Item]

	Collections []SeenCollection `json:"collections" nullable:"false"`
	ByAgreement int              `json:"by_agreement" doc:"How many items the agreement opens"`
	Public      int              `json:"public" doc:"How many items everybody sees"`
}

// SeenCollection is a collection that is open.
type SeenCollection struct {
	ID    string     `json:"id" format:"uuid"`
	Slug  string     `json:"slug"`
	Title string     `json:"title"`
	Right string     `json:"right" enum:"use,adapt,show"`
	Until *time.Time `json:"until,omitempty"`
}

// OfConnection is the part of an address that names the other side of a connection.
type OfConnection struct {
	Organization string `path:"organization" maxLength:"63" doc:"The other's slug"`
}

func version(v tenants.ConnectionView, x *tenants.Version) *Version {
	if x == nil {
		return nil
	}
	return &Version{
		Number: x.Number, State: x.State, ByUs: x.Mine, Ours: wire.HalfOf(v.Ours(x.Terms)), Theirs: wire.HalfOf(v.Theirs(x.Terms)), FinishDays: x.Terms.FinishDays, Until: x.Terms.Until,
		Note: x.Note, Hash: hex.EncodeToString(x.Hash[:]), ProposedAt: *wire.Time(&x.Created), DecidedAt: wire.Time(x.Decided), SignedUs: wire.Time(x.SignedUs), SignedThem: wire.Time(x.SignedBy),
	}
}

func changes(v tenants.ConnectionView, list []tenants.Change) []Change {
	out := []Change{}
	for _, c := range list {
		x := Change{What: c.What, Title: c.Title, Kind: c.Kind}
		if c.Side != "" {
			x.Side = "theirs"
			if (c.Side == "b") == v.WeAreB {
				x.Side = "ours"
			}
		}
		switch c.What {
		case "seats", "finish_days":
			x.From, x.To = c.Days[0], c.Days[1]
		default:
			if c.From != "" {
				x.From = c.From
			}
			if c.To != "" {
				x.To = c.To
			}
		}
		out = append(out, x)
	}
	return out
}

func connection(v tenants.ConnectionView) Connection {
	c := Connection{
		Organization: wire.OrgOf(v.Other), State: string(v.State), WeAsked: v.WeAsked, WeCall: v.WeCall, TheyCall: v.TheyCall, Since: wire.Time(v.Since), FinishUntil: wire.Time(v.FinishUntil),
		Finishing: v.Finishing, InForce: version(v, v.InForce), Proposed: version(v, v.Proposed), Changes: changes(v, v.Changes), Log: []Receipt{},
	}
	for _, r := range v.Log {
		c.Log = append(c.Log, Receipt{At: *wire.Time(&r.At), Action: r.Action, ByUs: r.ByUs, Member: r.Name})
	}
	return c
}

// with is the own connection with the organization of the slug; whatever is not there, or not one's own, is NotFound.
func (o *ops) with(ctx context.Context, slug string) (tenants.ConnectionView, error) {
	other, err := o.svc.BySlug(ctx, slug)
	if err != nil {
		return tenants.ConnectionView{}, err
	}
	return o.svc.Connection(ctx, other.OrgID)
}

func (o *ops) connection(ctx context.Context, slug string) (*Tagged[Connection], error) {
	v, err := o.with(ctx, slug)
	if err != nil {
		return nil, err
	}
	return &Tagged[Connection]{ETag: v.Tag(), Body: connection(v)}, nil
}

func (o *ops) connections(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-connections", Method: http.MethodGet, Path: "/connections", Room: connections, Summary: "The own connections", Action: authz.SeeNetwork,
		About: "To partner managers and administrators all of them, with what flows; to everybody else those that are active.",
	}, func(ctx context.Context, in *struct {
		api.Paging

		Query string `query:"query" maxLength:"100" doc:"In the other's name"`
		State string `query:"state" enum:"us,them,active,paused,ending,ended,declined" doc:"A state, or whose signature something waits for"`
		Sort  string `query:"sort" enum:"waiting,name,since,gives,gets" default:"name"`
		Desc  bool   `query:"desc"`
	},
	) (*out[api.Page[Summary]], error) {
		f := tenants.PortfolioFilter{Query: in.Query, State: in.State, Sort: in.Sort, Desc: in.Desc, Limit: in.Limit}
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
		v, err := o.svc.Portfolio(ctx, f)
		return answer(api.Pages(v.Rows, v.More, func(r tenants.PortfolioRow) Summary {
			s := Summary{
				Organization: wire.Org{ID: r.OrgID.String(), Slug: r.Slug, Name: r.Name}, State: string(r.State), Waits: r.Waits, WeCall: r.WeCall, Since: wire.Time(r.Since),
				FinishUntil: wire.Time(r.Finish), ProposedAt: wire.Time(r.Proposed),
			}
			if v.Manages {
				s.Gives, s.Gets = &Flow{r.Gives, r.GivesItems}, &Flow{r.Gets, r.GetsItems}
			}
			return s
		}, func(r tenants.PortfolioRow) []string { return []string{r.Key, r.OrgID.String()} }), err)
	})
}

// one adds what is read of one connection.
func (o *ops) one(a *api.API) {
	api.Register(a, api.Op{
		ID: "get-connection", Method: http.MethodGet, Path: "/connections/{organization}", Room: connections, Summary: "The connection with an organization", Action: authz.ManageNetwork,
	}, func(ctx context.Context, in *OfConnection) (*Tagged[Connection], error) {
		return o.connection(ctx, in.Organization)
	})
	api.Register(a, api.Op{
		ID: "get-impact", Method: http.MethodGet, Path: "/connections/{organization}/impact", Room: connections, Summary: "What signing or ending would do", Action: authz.ManageNetwork,
		About: "On the own side; the other side's people are its own to count.",
	}, func(ctx context.Context, in *OfConnection) (*out[Impact], error) {
		v, err := o.with(ctx, in.Organization)
		if err != nil {
			return nil, err
		}
		i, err := o.svc.Impact(ctx, v)
		x := Impact{People: i.People, Opens: i.Opens, Learners: i.Learners, Losing: i.Losing, FinishUntil: i.FinishDay.UTC().Format(time.DateOnly), InCourse: []InCourse{}}
		for _, c := range i.InCourse {
			x.InCourse = append(x.InCourse, InCourse(c))
		}
		return answer(x, err)
	})
	api.Register(a, api.Op{
		ID: "get-view", Method: http.MethodGet, Path: "/connections/{organization}/view", Room: connections, Summary: "What the other can see of us", Action: authz.ManageNetwork,
		About: "Exactly what grants open to it, or what is open to everybody; read with the own rights.",
	}, func(ctx context.Context, in *struct {
		OfConnection
		api.Paging

		Of string `query:"of" enum:"agreement,everybody" default:"agreement"`
	},
	) (*out[Seen], error) {
		other, err := o.svc.BySlug(ctx, in.Organization)
		if err != nil {
			return nil, err
		}
		after, err := newest(in.Paging)
		if err != nil {
			return nil, err
		}
		v, err := o.svc.SeenBy(ctx, other, in.Of == "everybody", after, in.Limit)
		s := Seen{Page: api.Pages(v.Items, v.More, item, newestPlace), ByAgreement: v.Agreement, Public: v.Everybody, Collections: []SeenCollection{}}
		for _, c := range v.Collections {
			s.Collections = append(s.Collections, SeenCollection{ID: c.CollectionID.String(), Slug: c.Slug, Title: c.Title, Right: c.Right, Until: wire.Time(c.Until)})
		}
		return answer(s, err)
	})
}

// history adds what is read of the versions of an agreement.
func (o *ops) history(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-versions", Method: http.MethodGet, Path: "/connections/{organization}/versions", Room: agreements, Summary: "The versions of the agreement, newest first", Action: authz.ManageNetwork,
		About: "At most the last 50.",
	}, func(ctx context.Context, in *OfConnection) (*out[api.Page[Version]], error) {
		v, err := o.with(ctx, in.Organization)
		return answer(api.Pages(versions(v), false, func(x *tenants.Version) Version { return *version(v, x) }, nil), err)
	})
	api.Register(a, api.Op{
		ID: "get-version", Method: http.MethodGet, Path: "/connections/{organization}/versions/{version}", Room: agreements, Summary: "A version of the agreement", Action: authz.ManageNetwork,
	}, func(ctx context.Context, in *struct {
		OfConnection

		Version int `path:"version" minimum:"1"`
	},
	) (*out[Version], error) {
		v, err := o.with(ctx, in.Organization)
		if err != nil {
			return nil, err
		}
		x, err := numbered(v, in.Version)
		if err != nil {
			return nil, err
		}
		return answer(*version(v, x), nil)
	})
	api.Register(a, api.Op{
		ID: "compare-versions", Method: http.MethodGet, Path: "/connections/{organization}/versions/{version}/changes", Room: agreements, Summary: "What is different from an earlier version", Action: authz.ManageNetwork,
	}, func(ctx context.Context, in *struct {
		OfConnection

		Version int `path:"version" minimum:"1"`
		From    int `query:"from" required:"true" minimum:"1" doc:"The earlier version"`
	},
	) (*out[[]Change], error) {
		v, err := o.with(ctx, in.Organization)
		if err != nil {
			return nil, err
		}
		last, err := numbered(v, in.From)
		if err != nil {
			return nil, err
		}
		next, err := numbered(v, in.Version)
		if err != nil {
			return nil, err
		}
		return answer(changes(v, tenants.Diff(last.Terms, next.Terms)), nil)
	})
}

// versions are all versions that are told of, newest first.
func versions(v tenants.ConnectionView) (all []*tenants.Version) {
	for _, x := range []*tenants.Version{v.Proposed, v.InForce} {
		if x != nil {
			all = append(all, x)
		}
	}
	for i := range v.Earlier {
		all = append(all, &v.Earlier[i])
	}
	return all
}

func numbered(v tenants.ConnectionView, n int) (*tenants.Version, error) {
	for _, x := range versions(v) {
		if x.Number == n {
			return x, nil
		}
	}
	return nil, errs.New(errs.NotFound, "version %d of the agreement with %s", n, v.Other.OrgID)
}
