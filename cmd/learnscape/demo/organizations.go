package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui/brand"
)

// putOrganization writes a house with its people and collections, in one transaction of its own scope.
func (s *seeder) putOrganization(tx *db.Tx, o organization) error {
	founded := s.cal.on(s.w.year.From, 8, 0).AddDate(0, -1, 0)
	hue, chroma := brand.HueChroma(o.Color)
	orgs := into("organizations", "org_id uuid, slug text, name text, short text, tagline text, about text, color text, hue smallint, chroma float8, locale text, sign_in text, created_at timestamptz")
	orgs.add(orgID(o.Slug), o.Slug, o.Name, o.Short, o.Tagline, o.About, o.Color, hue, chroma, o.Locale, o.SignIn, founded)
	domains := into("domains", "domain text, org_id uuid, verified_at timestamptz")
	domains.add(o.Domain, orgID(o.Slug), founded)
	persons := into("persons", "person_id uuid, locale text, created_at timestamptz")
	members := into("memberships", "org_id uuid, membership_id uuid, person_id uuid, name text, email text, title text, locale text, roles text[], state text, created_at timestamptz")
	for _, p := range o.People {
		state := p.State
		if state == "" {
			state = "active"
		}
		persons.add(personID(p.Email), p.Locale, founded)
		members.add(orgID(o.Slug), memberID(p.Email), personID(p.Email), p.Name, p.Email, p.Title, p.Locale, p.Roles, state, founded)
	}
	colls := into("collections", "org_id uuid, collection_id uuid, slug text, title text, description text, visibility text, created_at timestamptz")
	open := into("grants", "org_id uuid, viewer_org uuid, collection_id uuid, created_at timestamptz")
	for _, c := range o.Collections {
		colls.add(orgID(o.Slug), collID(o.Slug, c.Slug), c.Slug, c.Title, c.Description, c.Visibility, founded)
		if c.Visibility == "public" {
			open.add(orgID(o.Slug), id.Everyone, collID(o.Slug, c.Slug), founded)
		}
	}
	for _, t := range []*table{orgs, domains, persons, members, colls, open} {
		if err := t.insert(tx); err != nil {
			return fmt.Errorf("%s: %w", o.Slug, err)
		}
	}
	if len(o.Frames) > 0 {
		if err := tx.Must(`UPDATE organizations SET frames = frames || $2 WHERE org_id = $1`, tx.Scope.Org, o.Frames); err != nil {
			return err
		}
	}
	return s.provider(tx, o)
}

// providers says again where the houses' providers are: their address may differ from start to start.
func (s *seeder) providers(ctx context.Context) error {
	for _, o := range s.w.Organizations {
		if err := s.d.DB.Tx(as(ctx, o.Slug), func(tx *db.Tx) error {
			same, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM providers WHERE org_id = $1 AND provider_id = $2 AND issuer = $3)`, orgID(o.Slug), providerID(o.Slug), s.d.Issuer(o.Slug))
			if err != nil || same {
				return err
			}
			return s.provider(tx, o)
		}); err != nil {
			return fmt.Errorf("%s: %w", o.Slug, err)
		}
	}
	return nil
}

func (s *seeder) provider(tx *db.Tx, o organization) error {
	if o.SignIn != "oidc" {
		return nil
	}
	_, err := auth.PutProvider(tx, s.d.Keys, auth.NewProvider{
		ProviderID: providerID(o.Slug), Name: o.Name + " sign-in", Issuer: s.d.Issuer(o.Slug), ClientID: clientID, ClientSecret: clientSecret(o.Slug),
	})
	return err
}

func (g grant) until(c calendar) time.Time {
	if g.Until.IsZero() {
		return time.Time{}
	}
	return c.aheadOn(g.Until, 23, 59)
}

func connectionID(c connection) id.Connection {
	return id.Derive[id.Connection](space, c.A+"/"+c.B)
}

func agreementID(c connection) id.Agreement {
	return id.Derive[id.Agreement](space, c.A+"/"+c.B)
}

// meets says how the people of each side appear to the other's. A vendor's people answer under their own names; the files'
// word is about the partner's or customer's.
func (c connection) meets() (a, b string) {
	if c.Agreement == nil {
		return "none", "none"
	}
	b = map[string]string{"by_name": "name", "someone_at_a_partner": "company", "not_at_all": "none"}[c.Agreement.Meet]
	if a = b; c.AIs == "vendor" && b == "company" {
		a = "name"
	}
	return a, b
}

// relations says what each side calls the other: a_is and b_is say what each is.
func (c connection) relations() (a, b string) { return c.BIs, c.AIs }

// putConnection writes a connection with the versions of its agreement, in the scope of side a.
func (s *seeder) putConnection(tx *db.Tx, c connection) error {
	state := map[string]string{"active": "active", "declined": "declined", "invited": "asked"}[c.State]
	askedBy, _ := s.w.person(c.AskedBy)
	if askedBy == nil {
		return fmt.Errorf("connection of %s and %s: nobody is called %s", c.A, c.B, c.AskedBy)
	}
	var since time.Time
	if !c.Since.IsZero() {
		since = s.cal.on(c.Since, 10, 0)
	}
	asked := s.cal.on(c.AskedAt, 9, 20)
	conns := into("connections", "connection_id uuid, org_a uuid, org_b uuid, state text, asked_by uuid, since timestamptz, created_at timestamptz")
	conns.add(connectionID(c), orgID(c.A), orgID(c.B), state, orgID(askedBy.Slug), since, asked)
	sides := into("connection_sides", "org_id uuid, other_org uuid, connection_id uuid, relationship text, state text, meet text")
	ra, rb := c.relations()
	ma, mb := c.meets()
	sides.add(orgID(c.A), orgID(c.B), connectionID(c), ra, state, ma)
	sides.add(orgID(c.B), orgID(c.A), connectionID(c), rb, state, mb)
	agreements, err := s.agreements(c, asked)
	if err != nil {
		return err
	}
	for _, t := range []*table{conns, sides, agreements} {
		if err := t.insert(tx); err != nil {
			return fmt.Errorf("connection of %s and %s: %w", c.A, c.B, err)
		}
	}
	return nil
}

// terms are the terms of a connection, with what each side opens.
func (s *seeder) terms(c connection) tenants.Terms {
	ma, mb := c.meets()
	t := tenants.Terms{A: tenants.Half{Meet: ma, Learns: c.Agreement.BLearns}, B: tenants.Half{Meet: mb, Learns: c.Agreement.ALearns}, FinishDays: c.Agreement.TimeToFinishDays}
	for _, g := range c.Grants {
		o := tenants.Opening{Collection: collID(g.From, g.Collection), Title: title(s.w.org(g.From), g.Collection), Right: g.Right}
		if !g.Until.IsZero() {
			o.Until = g.until(s.cal).In(s.cal.zone).Format(time.DateOnly)
		}
		if g.From == c.A {
			t.A.Opens = append(t.A.Opens, o)
		} else {
			t.B.Opens = append(t.B.Opens, o)
		}
	}
	return t
}

// title is the title of a collection.
func title(o *organization, slug string) string {
	for _, c := range o.Collections {
		if c.Slug == slug {
			return c.Title
		}
	}
	return slug
}

// before is the terms before the ones in force: without the right to add, and with what was refused.
func before(t tenants.Terms, refused bool, by string, c connection) tenants.Terms {
	if refused {
		if by == c.A {
			t.B.Learns = tenants.LearnsTotals
		} else {
			t.A.Learns = tenants.LearnsTotals
		}
		return t
	}
	t.A.Opens = slices.Clone(t.A.Opens)
	for i := range t.A.Opens {
		t.A.Opens[i].Right = tenants.RightUse
	}
	t.FinishDays = 30
	return t
}

func (s *seeder) agreements(c connection, asked time.Time) (*table, error) {
	t := into("agreements", "agreement_id uuid, version integer, connection_id uuid, org_a uuid, org_b uuid, state text, title text, terms jsonb, terms_hash bytea, proposed_by uuid, note text, accepted_a_at timestamptz, accepted_b_at timestamptz, created_at timestamptz, decided_at timestamptz")
	ag := c.Agreement
	if ag == nil {
		return t, nil
	}
	put := func(version int, state string, terms tenants.Terms, by, note string, a, b, made, decided time.Time) error {
		_, canonical, hash, err := terms.Canonical()
		if err != nil {
			return err
		}
		t.add(agreementID(c), version, connectionID(c), orgID(c.A), orgID(c.B), state, ag.Title, json.RawMessage(canonical), hash[:], orgID(by), note, a, b, made, decided)
		return nil
	}
	now := s.terms(c)
	for _, h := range ag.History {
		if h.State == "refused" {
			// Proposed by one side, never accepted by the other.
			made, by := s.cal.on(h.ProposedAt, 11, 0), c.A
			if who, _ := s.w.person(h.ProposedBy); who != nil {
				by = who.Slug
			}
			var a, b time.Time
			if a = made; by == c.B {
				a, b = b, made
			}
			if err := put(h.Version, "declined", before(now, true, by, c), by, h.Note, a, b, made, made.AddDate(0, 0, 7)); err != nil {
				return nil, err
			}
			continue
		}
		at := s.cal.on(h.From, 10, 0)
		if err := put(h.Version, "replaced", before(now, false, "", c), c.A, h.Note, at, at, at, s.cal.on(h.To, 10, 0)); err != nil {
			return nil, err
		}
	}
	if ag.State == "proposed" {
		return t, put(ag.Version, "proposed", now, c.A, c.Message, asked, time.Time{}, asked, time.Time{})
	}
	accepted, made := s.cal.on(ag.AcceptedAt, 10, 0), asked
	if ag.Version > 1 {
		made = accepted.AddDate(0, 0, -6)
	}
	return t, put(ag.Version, "active", now, c.A, "", made, accepted, made, accepted)
}

// putGrants writes what org opens to others; only what stands under an active agreement is open.
func (s *seeder) putGrants(tx *db.Tx, org string) error {
	t := into("grants", "org_id uuid, viewer_org uuid, collection_id uuid, agreement_id uuid, use_right text, until timestamptz, created_at timestamptz")
	for _, c := range s.w.Connections {
		if c.State != "active" {
			continue
		}
		for _, g := range c.Grants {
			if g.From == org {
				t.add(orgID(org), orgID(g.To), collID(org, g.Collection), agreementID(c), g.Right, g.until(s.cal), s.cal.on(c.Agreement.AcceptedAt, 10, 0))
			}
		}
	}
	return t.insert(tx)
}

// connected reports whether people of the two houses may meet in a conversation now.
func (w *world) connected(a, b string) bool {
	return a == b || slices.ContainsFunc(w.Connections, func(c connection) bool {
		return c.State == "active" && ((c.A == a && c.B == b) || (c.A == b && c.B == a))
	})
}
