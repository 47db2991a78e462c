package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/wire"
)

// Collection is an own collection with who can see it.
type Collection struct {
	ID          string     `json:"id" format:"uuid" doc:"Proposals name it by this"`
	Slug        string     `json:"slug" doc:"Addresses name it by this"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Visibility  string     `json:"visibility" enum:"internal,agreement,public"`
	Items       int        `json:"items" doc:"That can be seen"`
	Drafts      int        `json:"drafts"`
	PublicSince *time.Time `json:"public_since,omitempty"`
	Opened      int        `json:"opened" doc:"To how many organizations by agreement"`
	OpenedTo    []OpenedTo `json:"opened_to" nullable:"false" doc:"The first eight of them, by name"`
}

// OpenedTo is an organization that a collection is open to.
type OpenedTo struct {
	Organization wire.Org   `json:"organization"`
	Right        string     `json:"right" enum:"use,adapt,show"`
	Until        *time.Time `json:"until,omitempty"`
}

func collection(c tenants.SharedCollection) Collection {
	v := Collection{
		ID: c.CollectionID.String(), Slug: c.Slug, Title: c.Title, Description: c.Description, Visibility: c.Visibility, Items: c.Items, Drafts: c.Drafts,
		PublicSince: wire.Time(c.PublicAt), Opened: c.Opened, OpenedTo: []OpenedTo{},
	}
	for _, o := range c.OpenedTo {
		v.OpenedTo = append(v.OpenedTo, OpenedTo{Organization: wire.Org{ID: o.Org.String(), Slug: o.Slug, Name: o.Name}, Right: o.Right, Until: wire.Time(o.Until)})
	}
	return v
}

// OfCollection is the part of an address that names a collection.
type OfCollection struct {
	Collection string `path:"collection" maxLength:"200" doc:"Its slug"`
}

func (o *ops) collection(ctx context.Context, slug string) (*Tagged[Collection], error) {
	v, err := o.svc.CollectionView(ctx, tenants.CollectionFilter{Slug: slug, Limit: 1})
	if err != nil {
		return nil, err
	}
	return &Tagged[Collection]{ETag: v.Shared.Tag(), Body: collection(v.Shared)}, nil
}

func (o *ops) collections(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-collections", Method: http.MethodGet, Path: "/collections", Room: collections, Summary: "The own collections", Action: authz.ManageSharing,
		About: "All of them, at most 500: those that everybody sees first, those that nobody else sees last.",
	}, func(ctx context.Context, _ *struct{}) (*out[api.Page[Collection]], error) {
		list, err := o.svc.Sharing(ctx)
		return answer(api.Pages(list, false, collection, nil), err)
	})
	api.Register(a, api.Op{
		ID: "create-collection", Method: http.MethodPost, Path: "/collections", Room: collections, Summary: "Make a collection", Action: authz.ManageSharing, Created: true,
		About: "Nobody else sees it yet.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			Title       string `json:"title" minLength:"1" maxLength:"120"`
			Description string `json:"description,omitempty" maxLength:"1000"`
		}
	},
	) (*made[Collection], error) {
		c, err := o.svc.CreateCollection(ctx, in.Body.Title, in.Body.Description)
		if err != nil {
			return nil, err
		}
		v, err := o.collection(ctx, c.Slug)
		if err != nil {
			return nil, err
		}
		return &made[Collection]{v.ETag, api.Root + "/collections/" + c.Slug, v.Body}, nil
	})
	api.Register(a, api.Op{
		ID: "get-collection", Method: http.MethodGet, Path: "/collections/{collection}", Room: collections, Summary: "A collection", Action: authz.ManageSharing,
	}, func(ctx context.Context, in *OfCollection) (*Tagged[Collection], error) {
		return o.collection(ctx, in.Collection)
	})
	api.Register(a, api.Op{
		ID: "rename-collection", Method: http.MethodPatch, Path: "/collections/{collection}", Room: collections, Summary: "Change title and description", Action: authz.ManageSharing, Matches: true,
		About: "Its address and what is agreed about it stay.",
	}, func(ctx context.Context, in *struct {
		OfCollection

		Body struct {
			Title       *string `json:"title,omitempty" minLength:"1" maxLength:"120" doc:"Stays if left out"`
			Description *string `json:"description,omitempty" maxLength:"1000" doc:"Stays if left out"`
		}
	},
	) (*Tagged[Collection], error) {
		c, err := o.collection(ctx, in.Collection)
		if err != nil {
			return nil, err
		}
		if in.Body.Title != nil {
			c.Body.Title = *in.Body.Title
		}
		if in.Body.Description != nil {
			c.Body.Description = *in.Body.Description
		}
		if err := o.svc.RenameCollection(ctx, in.Collection, c.Body.Title, c.Body.Description); err != nil {
			return nil, err
		}
		return o.collection(ctx, in.Collection)
	})
	api.Register(a, api.Op{
		ID: "set-visibility", Method: http.MethodPut, Path: "/collections/{collection}/visibility", Room: collections, Summary: "Say who sees a collection", Action: authz.ManageNetwork, Matches: true,
		About: "It holds for every read that begins after the answer. What is taken back from everybody stays with whom an agreement opens it, unless it becomes internal.",
	}, func(ctx context.Context, in *struct {
		OfCollection

		Body struct {
			Visibility string `json:"visibility" enum:"internal,agreement,public"`
		}
	},
	) (*struct{}, error) {
		return nil, o.svc.SetVisibility(ctx, in.Collection, in.Body.Visibility)
	})
	api.Register(a, api.Op{
		ID: "list-collection-items", Method: http.MethodGet, Path: "/collections/{collection}/items", Room: collections, Summary: "What stands in a collection, by title", Action: authz.ManageSharing,
	}, func(ctx context.Context, in *struct {
		OfCollection
		api.Paging
	},
	) (*out[api.Page[Item]], error) {
		f := tenants.CollectionFilter{Slug: in.Collection, Limit: in.Limit}
		at, err := in.Position(2)
		if err != nil {
			return nil, err
		}
		if at != nil {
			f.AfterName = at[0]
			if f.AfterID, err = place[id.Item](at[1]); err != nil {
				return nil, err
			}
		}
		v, err := o.svc.CollectionView(ctx, f)
		return answer(api.Pages(v.Items, v.More, item, func(it tenants.Item) []string { return []string{strings.ToLower(it.Title), it.ItemID.String()} }), err)
	})
	for method, op := range map[string]struct {
		id, says string
		do       func(context.Context, string, id.Item) error
	}{
		http.MethodPut:    {"add-to-collection", "Put an own item into a collection", o.svc.AddToCollection},
		http.MethodDelete: {"remove-from-collection", "Take an item out of a collection", o.svc.RemoveFromCollection},
	} {
		api.Register(a, api.Op{
			ID: op.id, Method: method, Path: "/collections/{collection}/items/{item}", Room: collections, Summary: op.says, Action: authz.ManageSharing,
			About: "Whoever sees the collection sees what stands in it, from the answer on and no longer.",
		}, func(ctx context.Context, in *struct {
			OfCollection
			OfItem
		},
		) (*struct{}, error) {
			it, err := known[id.Item](in.Item)
			if err != nil {
				return nil, err
			}
			return nil, op.do(ctx, in.Collection, it)
		})
	}
}
