// Package communitytest has a small network of organizations for the tests of rooms that show what people say.
package communitytest

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// House is one organization with two members, the operator acting for it, and its name and brand.
type House struct {
	tenants.Organization
	Me, Other context.Context // two members, "Mara" and "Owen"
	Operator  context.Context
}

// World is a network: the vendor is connected to both partners and to the customer, and partner a to the customer. The
// partners a and b do not know of each other. The vendor owns a path for all of them, a path for partner a alone, and a public
// one.
type World struct {
	DB                        *db.DB
	Svc                       *community.Service
	Tenants                   *tenants.Service
	Relay                     *jobs.Relay
	Vendor, A, B, C, Stranger House
	Path, ForA, Open          tenants.Item
	Visitor                   context.Context
}

// New makes the network in a database.
func New(t *testing.T, d *db.DB) *World {
	t.Helper()
	w := &World{DB: d, Tenants: tenants.New(d, "localhost:8080"), Visitor: scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})}
	w.Svc = community.New(community.Deps{DB: d, Tenants: w.Tenants})
	w.Relay = jobs.NewRelay(d, slog.New(slog.DiscardHandler))
	w.Svc.Listen(w.Relay)
	w.Vendor, w.A, w.B, w.C, w.Stranger = w.house(t, "Vendor"), w.house(t, "Alder"), w.house(t, "Birch"), w.house(t, "Customer"), w.house(t, "Stranger")
	w.Connect(t, w.Vendor, w.A, "name", "name")
	w.Connect(t, w.Vendor, w.B, "name", "company")
	w.Connect(t, w.Vendor, w.C, "name", "name")
	w.Connect(t, w.A, w.C, "name", "name")
	w.Tx(t, w.Vendor.Operator, func(tx *db.Tx) error {
		for slug, vis := range map[string]string{"partners": "agreement", "only-a": "agreement", "open": "public"} {
			if _, err := tenants.PutCollection(tx, tenants.Collection{Slug: slug, Title: slug, Visibility: vis}); err != nil {
				return err
			}
		}
		for _, to := range []House{w.A, w.B, w.C} {
			if err := tenants.Open(tx, tenants.Grant{Collection: "partners", Viewer: to.OrgID, Right: "use"}); err != nil {
				return err
			}
		}
		return tenants.Open(tx, tenants.Grant{Collection: "only-a", Viewer: w.A.OrgID, Right: "use"})
	})
	w.Path = w.Item(t, w.Vendor, "Cold chain", "partners")
	w.ForA = w.Item(t, w.Vendor, "For one partner", "only-a")
	w.Open = w.Item(t, w.Vendor, "For everybody", "open")
	return w
}

func (w *World) house(t *testing.T, name string) House {
	t.Helper()
	org := id.New[id.Org]()
	h := House{Operator: dbtest.System(t, scope.Operator, org)}
	slug := strings.ToLower(name) + "-" + strings.ReplaceAll(org.String(), "-", "")[12:]
	var err error
	h.Organization, err = w.Tenants.CreateOrganization(h.Operator, tenants.NewOrganization{
		OrgID: org, Slug: slug, Name: name + " " + slug[len(slug)-6:], Short: name[:2], Color: "#2855ad", Locale: "en", SignIn: "email", Domains: []string{slug + ".example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Tx(t, h.Operator, func(tx *db.Tx) error {
		for i, who := range []string{"Mara " + name, "Owen " + name} {
			m, err := tenants.AddMember(tx, tenants.NewMember{Name: who, Email: strings.ToLower(strings.Fields(who)[0]) + "@" + slug + ".example"})
			if err != nil {
				return err
			}
			ctx := dbtest.As(t, org, m.MembershipID, m.PersonID)
			if i == 0 {
				h.Me = ctx
			} else {
				h.Other = ctx
			}
		}
		return nil
	})
	return h
}

// Connect connects two organizations, each of which meets the other in its way.
func (w *World) Connect(t *testing.T, a, b House, meetA, meetB string) {
	t.Helper()
	w.Tx(t, a.Operator, func(tx *db.Tx) error {
		_, err := tenants.Connect(tx, tenants.Connection{
			A: tenants.Side{Org: a.OrgID, Relationship: "partner", Meet: meetA}, B: tenants.Side{Org: b.OrgID, Relationship: "vendor", Meet: meetB},
			State: "active", Since: tx.Now,
		})
		return err
	})
}

// Item publishes a path of the organization into its collections.
func (w *World) Item(t *testing.T, h House, title string, collections ...string) tenants.Item {
	t.Helper()
	var it tenants.Item
	w.Tx(t, h.Operator, func(tx *db.Tx) error {
		var err error
		if it, err = tenants.PutItem(tx, tenants.Item{Kind: tenants.KindPath, Title: title}); err != nil {
			return err
		}
		if err := tenants.PublishItem(tx, it.ItemID, 1, time.Time{}); err != nil {
			return err
		}
		return tenants.Collect(tx, it.ItemID, collections...)
	})
	return it
}

// Tx runs a transaction in the scope of ctx.
func (w *World) Tx(t *testing.T, ctx context.Context, fn func(*db.Tx) error) { //nolint:revive // The test comes first.
	t.Helper()
	if err := w.DB.Tx(ctx, fn); err != nil {
		t.Fatal(err)
	}
}

// Ask asks under the member's name.
func (w *World) Ask(t *testing.T, ctx context.Context, item tenants.Item, audience, title string) id.Post { //nolint:revive // As above.
	t.Helper()
	post, err := w.Svc.Ask(ctx, community.Draft{Item: item.ItemID, Title: title, Audience: audience, ShownAs: community.AsName})
	if err != nil {
		t.Fatalf("ask %q: %v", title, err)
	}
	return post
}

// Answer answers under the member's name.
func (w *World) Answer(t *testing.T, ctx context.Context, question id.Post, audience, body string) id.Post { //nolint:revive // As above.
	t.Helper()
	post, err := w.Svc.AnswerQuestion(ctx, community.Reply{Question: question, Body: body, Audience: audience, ShownAs: community.AsName})
	if err != nil {
		t.Fatalf("answer %q: %v", body, err)
	}
	return post
}

// Drain hands out all events.
func (w *World) Drain(t *testing.T) {
	t.Helper()
	if err := w.Relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// End has the partner manager of a house end its connection with another, at once.
func (w *World) End(t testing.TB, h, other House) {
	t.Helper()
	manager := scope.Scope{Actor: scope.Member, Org: h.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner, scope.PartnerManager}}
	if err := w.Tenants.End(scope.Enter(t.Context(), manager), other.OrgID, true); err != nil {
		t.Fatal(err)
	}
}
