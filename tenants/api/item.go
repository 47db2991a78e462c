package api

import (
	"context"
	"net/http"
	"time"

	"github.com/learnscape/learnscape/internal/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/wire"
)

// Item is what can be learned with or read, as a list shows it.
type Item struct {
	ID        string     `json:"id" format:"uuid"`
	Kind      string     `json:"kind" enum:"course,path,resource,story,group"`
	Owner     string     `json:"owner" format:"uuid" doc:"The organization whose it is"`
	Title     string     `json:"title"`
	Summary   string     `json:"summary"`
	Language  string     `json:"language" doc:"Of the content"`
	Level     string     `json:"level,omitempty" enum:"beginner,intermediate,advanced,"`
	Minutes   int        `json:"minutes" doc:"0: nobody said"`
	Topics    []string   `json:"topics" nullable:"false"`
	State     string     `json:"state" enum:"draft,published,retired"`
	Version   int        `json:"version" doc:"In force; 0 for none"`
	Published *time.Time `json:"published_at,omitempty"`
	Path      string     `json:"path" doc:"Of its page, on the own host"`
}

func item(it tenants.Item) Item {
	topics := it.Topics
	if topics == nil {
		topics = []string{}
	}
	return Item{
		ID: it.ItemID.String(), Kind: it.Kind, Owner: it.OrgID.String(), Title: it.Title, Summary: it.Summary, Language: it.Lang, Level: it.Level, Minutes: it.Minutes, Topics: topics,
		State: it.State, Version: it.Version, Published: wire.Time(it.PublishedAt), Path: tenants.ItemURL(it),
	}
}

// OfItem is the part of an address that names an item.
type OfItem struct {
	Item string `path:"item" format:"uuid"`
}

// SeenItem is an item with whose it is and what may be done with it.
type SeenItem struct {
	Item

	Organization wire.Org `json:"organization"`
	Right        string   `json:"right" enum:"own,adapt,show,use,read" doc:"What the own organization may do with it"`
}

func (o *ops) items(a *api.API) {
	api.Register(a, api.Op{
		ID: "list-items", Method: http.MethodGet, Path: "/items", Room: items, Summary: "What the member may see, newest first", Action: authz.ListItems,
		About: "The own organization's, what agreements open to it, and what is public.",
	}, func(ctx context.Context, in *struct {
		api.Paging

		Kind         []string `query:"kind" enum:"course,path,resource,story,group" doc:"One or several, separated by commas; all if left out"`
		Organization string   `query:"organization" maxLength:"63" doc:"Whose, by slug; everybody's if left out"`
	},
	) (*out[api.Page[Item]], error) {
		f := tenants.ListFilter{Kinds: in.Kind, Limit: in.Limit}
		var err error
		if f.After, err = newest(in.Paging); err != nil {
			return nil, err
		}
		if in.Organization != "" {
			owner, err := o.svc.BySlug(ctx, in.Organization)
			if err != nil {
				return nil, err
			}
			f.Owners = []id.Org{owner.OrgID}
		}
		list, more, err := o.svc.Items(ctx, f)
		return answer(api.Pages(list, more, item, newestPlace), err)
	})
	api.Register(a, api.Op{
		ID: "get-item", Method: http.MethodGet, Path: "/items/{item}", Room: items, Summary: "An item that the member may see", Action: authz.SeeItem,
	}, func(ctx context.Context, in *OfItem) (*out[SeenItem], error) {
		which, err := known[id.Item](in.Item)
		if err != nil {
			return nil, err
		}
		it, right, err := o.svc.Item(ctx, which)
		if err != nil {
			return nil, err
		}
		owner, err := o.svc.ByID(ctx, it.OrgID)
		return answer(SeenItem{item(it), wire.OrgOf(owner), right}, err)
	})
}

// newest is the place in a list by time of publication.
func newest(p api.Paging) (*tenants.Item, error) {
	at, err := p.Position(2)
	if at == nil {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339Nano, at[0])
	if err != nil {
		return nil, api.BadCursor()
	}
	it, err := place[id.Item](at[1])
	return &tenants.Item{ItemID: it, PublishedAt: &t}, err
}

func newestPlace(it tenants.Item) []string {
	t := time.Time{}
	if it.PublishedAt != nil {
		t = *it.PublishedAt
	}
	return []string{t.UTC().Format(time.RFC3339Nano), it.ItemID.String()}
}
