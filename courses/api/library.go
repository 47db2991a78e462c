// Package api has the operations on the library that an organization keeps, for programs. Each calls the method of the service that
// the page calls, so that rights, audit and events are the same. web mounts it.
package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants/wire"
)

const room = "Library"

// Mount adds the operations.
func Mount(a *api.API, svc *courses.Service) {
	o := &ops{svc}
	o.reads(a)
	o.changes(a)
	o.programs(a)
}

type ops struct{ svc *courses.Service }

// Adopted is a path or course of another organization in the own library.
type Adopted struct {
	ID        string    `json:"id" format:"uuid"`
	Owner     wire.Org  `json:"owner"`
	Kind      string    `json:"kind" enum:"path,course"`
	Title     string    `json:"title"`
	Open      bool      `json:"open" doc:"False: it has closed, and its line is kept"`
	Updates   string    `json:"updates" enum:"follow,ask,stay" doc:"The newest version at once; asked about it; the chosen one"`
	InUse     int       `json:"in_use,omitempty" doc:"The version that new starts get; absent when closed"`
	Newest    int       `json:"newest,omitempty"`
	Previous  int       `json:"previous,omitempty" doc:"The version to go back to, if there is one"`
	Waits     bool      `json:"waits" doc:"A newer version waits for an answer"`
	Adapt     bool      `json:"adapt" doc:"The agreement allows additions"`
	Learners  int       `json:"learners" doc:"Own people in mid-course"`
	AdoptedAt time.Time `json:"adopted_at"`
}

func adopted(a courses.Adopted) Adopted {
	return Adopted{
		ID: a.Item.String(), Owner: wire.OrgOf(a.Publisher), Kind: a.Kind, Title: a.Title, Open: a.Open, Updates: a.Updates, InUse: a.InUse(), Newest: a.Newest, Previous: a.Previous,
		Waits: a.Waits(), Adapt: a.Adapt, Learners: a.Learners, AdoptedAt: *wire.Time(&a.At),
	}
}

// OfItem is the part of an address that names a path or course.
type OfItem struct {
	Item string `path:"item" maxLength:"36"`
}

// known reads it: one that cannot be read is of nothing.
func (in OfItem) known() (id.Item, error) {
	it, err := id.Parse[id.Item](in.Item)
	if err != nil {
		return it, errs.New(errs.NotFound, "%w", err)
	}
	return it, nil
}

// one is an answer about a line of the library.
type one struct{ Body Adopted }

func (o *ops) one(ctx context.Context, item id.Item) (*one, error) {
	v, err := o.svc.Adopted(ctx, item)
	if err != nil {
		return nil, err
	}
	return &one{adopted(v.Adopted)}, nil
}

func (o *ops) reads(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-library", Method: http.MethodGet, Path: "/library", Room: room, Summary: "What the own organization took into its library, by title", Action: authz.Adopt,
	}, func(ctx context.Context, in *struct {
		api.Paging

		Query string `query:"query" maxLength:"100" doc:"In the title"`
		Part  string `query:"part" enum:"waiting,closed" doc:"A newer version waits for an answer; it has closed"`
	},
	) (*struct{ Body api.Page[Adopted] }, error) {
		f := courses.LibraryFilter{Shelf: in.Part, Query: in.Query, Limit: in.Limit}
		at, err := in.Position(2)
		if err != nil {
			return nil, err
		}
		if at != nil {
			f.AfterName = at[0]
			if f.AfterID, err = id.Parse[id.Item](at[1]); err != nil {
				return nil, api.BadCursor()
			}
		}
		v, err := o.svc.Library(ctx, f)
		if err != nil {
			return nil, err
		}
		return &struct{ Body api.Page[Adopted] }{api.Pages(v.Rows, v.More, adopted, func(a courses.Adopted) []string { return []string{strings.ToLower(a.Title), a.Item.String()} })}, nil
	})
	api.Register(a, api.Op{
		ID: "get-adopted", Method: http.MethodGet, Path: "/library/{item}", Room: room, Summary: "A line of the library", Action: authz.Adopt,
	}, func(ctx context.Context, in *OfItem) (*one, error) {
		it, err := in.known()
		if err != nil {
			return nil, err
		}
		return o.one(ctx, it)
	})
}

// versioned names the version that an answer is about.
type versioned struct {
	Version int `json:"version" minimum:"1" doc:"The newest that was read; 409 if it is another by now"`
}

// decide is the operation of a decision about a line, which answers how it stands then.
func decide[B any](o *ops, a *api.API, name, path, says, about string, do func(ctx context.Context, item id.Item, body B) error) {
	api.Register(a, api.Op{
		ID: name, Method: http.MethodPost, Path: "/library/{item}/" + path, Room: room, Summary: says, About: about, Action: authz.Adopt,
	}, func(ctx context.Context, in *struct {
		OfItem

		Body B
	},
	) (*one, error) {
		it, err := in.known()
		if err != nil {
			return nil, err
		}
		if err := do(ctx, it, in.Body); err != nil {
			return nil, err
		}
		return o.one(ctx, it)
	})
}

func (o *ops) changes(a *api.API) {
	api.Register(a, api.Op{
		ID: "adopt", Method: http.MethodPut, Path: "/library/{item}", Room: room, Summary: "Take a shared path or course into the library, or change how it takes updates", Action: authz.Adopt,
		About: "Whoever no longer follows stays on the version that was in use. 404 for what no agreement opens.",
	}, func(ctx context.Context, in *struct {
		OfItem

		Body struct {
			Updates string `json:"updates" enum:"follow,ask,stay"`
		}
	},
	) (*one, error) {
		it, err := in.known()
		if err != nil {
			return nil, err
		}
		_, err = o.svc.Adopted(ctx, it)
		switch {
		case errs.Is(err, errs.NotFound):
			err = o.svc.Adopt(ctx, it, in.Body.Updates)
		case err == nil:
			err = o.svc.SetUpdates(ctx, it, in.Body.Updates)
		}
		if err != nil {
			return nil, err
		}
		return o.one(ctx, it)
	})
	decide(o, a, "accept-version", "accept", "Give new starts the newest version", "Those in mid-course stay in theirs.", func(ctx context.Context, it id.Item, v versioned) error {
		return o.svc.AcceptVersion(ctx, it, v.Version)
	})
	decide(o, a, "postpone-version", "postpone", "Answer a newer version with not yet", "A later one asks again.", func(ctx context.Context, it id.Item, v versioned) error {
		return o.svc.PostponeVersion(ctx, it, v.Version)
	})
	decide(o, a, "go-back", "back", "Give new starts the version before the accepted one", "", func(ctx context.Context, it id.Item, _ *struct{}) error {
		return o.svc.BackVersion(ctx, it)
	})
	api.Register(a, api.Op{
		ID: "remove-adopted", Method: http.MethodDelete, Path: "/library/{item}", Room: room, Summary: "Take it out of the library", Action: authz.Adopt,
		About: "Those in mid-course go on, and what was added to it is kept for the day on which it comes back.",
	}, func(ctx context.Context, in *OfItem) (*struct{}, error) {
		it, err := in.known()
		if err != nil {
			return nil, err
		}
		return nil, o.svc.Unadopt(ctx, it)
	})
}
