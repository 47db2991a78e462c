package auth

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Provisioned is a member as the organization's identity provider names them (RFC 7643, 4.1).
type Provisioned struct {
	MembershipID id.Membership `db:"membership_id"`
	ExternalID   string        `db:"external_id"` // what the provider calls them; "" for none
	UserName     string        `db:"user_name"`   // unique in the organization whatever the case; the address of whom no provider ever named
	Name         string        `db:"name"`
	GivenName    string        `db:"given_name"`
	FamilyName   string        `db:"family_name"`
	Email        string        `db:"email"` // lower case
	Title        string        `db:"title"`
	Locale       string        `db:"locale"`
	Active       bool          `db:"active"` // may sign in, or will when they come for the first time
	Version      int64         `db:"version"`
	CreatedAt    time.Time     `db:"created_at"`
	ChangedAt    time.Time     `db:"changed_at"`
}

// Tag changes with what Provisioned says.
func (p Provisioned) Tag() string { return versionTag(p.Version) }

func versionTag(v int64) string { return `"` + strconv.FormatInt(v, 10) + `"` }

const (
	provisionedColumns = `m.membership_id, m.external_id, coalesce(m.user_name, m.email) AS user_name, m.name, m.given_name, m.family_name, m.email, m.title, m.locale,
		m.state <> 'left' AS active, m.version, m.created_at, coalesce(m.changed_at, m.created_at) AS changed_at`
	provisionedMost = 200 // of a page
)

// ProvisionFilter is a page of a list of what a provider may see: those from number Start on, of which the first is 1, at most Count of
// them and 200; with a Count of 0 there are none. Expression is a filter (RFC 7644, 3.4.2.2), "" for all.
type ProvisionFilter struct {
	Expression   string
	Start, Count int
}

func (f ProvisionFilter) bounds() (offset, limit int) {
	return max(f.Start, 1) - 1, min(max(f.Count, 0), provisionedMost)
}

// ProvisionedPeople lists the organization's members, the oldest first, and says how many match. Malformed for a filter that is none.
func (s *Service) ProvisionedPeople(ctx context.Context, f ProvisionFilter) (list []Provisioned, total int, err error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return nil, 0, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, 0, err
	}
	where, args, err := compileFilter(f.Expression, personAttributes, []any{sc.Org})
	if err != nil {
		return nil, 0, err
	}
	offset, limit := f.bounds()
	from := ` FROM memberships m WHERE m.org_id = $1 AND m.removed_at IS NULL` + where
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &total, nil, `SELECT count(*)::int`+from, args...)
		if limit > 0 {
			n := len(args)
			db.List(b, &list, fmt.Sprintf(`SELECT %s FROM (SELECT m.membership_id AS chosen%s ORDER BY m.membership_id OFFSET $%d LIMIT $%d) c
				JOIN memberships m ON m.org_id = $1 AND m.membership_id = c.chosen ORDER BY m.membership_id`, provisionedColumns, from, n+1, n+2), append(slices.Clone(args), offset, limit)...)
		}
	})
	return list, total, err
}

// ProvisionedPerson returns a member of the organization; NotFound for any other, and for one that the provider deleted.
func (s *Service) ProvisionedPerson(ctx context.Context, m id.Membership) (p Provisioned, err error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return p, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return p, err
	}
	var found bool
	err = s.db.Read(ctx, func(b *db.Batch) { db.One(b, &p, &found, provisionedByID, sc.Org, m) })
	if err == nil && !found {
		err = errs.New(errs.NotFound, "nobody provisioned as %s", m)
	}
	return p, err
}

const provisionedByID = `SELECT ` + provisionedColumns + ` FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2 AND m.removed_at IS NULL`

// ProvisionPerson prepares a membership, which the person takes over at the first sign-in; see Finish. One that is not active begins as
// one that has ended. Conflict for a name or an address that somebody has, and when the organization may not have more people.
func (s *Service) ProvisionPerson(ctx context.Context, p Provisioned) (Provisioned, error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return p, err
	}
	if err := p.check(); err != nil {
		return p, err
	}
	state := "invited"
	if !p.Active {
		state = "left"
	}
	p.MembershipID = id.New[id.Membership]()
	person := id.New[id.Person]()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := free(tx, p); err != nil {
			return err
		}
		// Only who signs people in adds persons.
		if err := tx.As(scope.SignIn, tx.Scope.Org, func() error {
			_, err := tx.Exec(`INSERT INTO persons (person_id, locale, created_at) VALUES ($1, $2, $3)`, person, p.Locale, tx.Now)
			return err
		}); err != nil {
			return err
		}
		// Whoever prepares the next one waits from here to the commit, for the count: as little as can be stands between.
		var fits bool
		if err := tx.Batch(func(b *db.Batch) {
			db.One(b, &p, nil, `INSERT INTO memberships AS m (org_id, membership_id, person_id, name, email, title, locale, state, created_at, user_name, called, external_id, given_name, family_name)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING `+provisionedColumns,
				tx.Scope.Org, p.MembershipID, person, p.Name, p.Email, p.Title, p.Locale, state, tx.Now, p.UserName, strings.ToLower(p.UserName), p.ExternalID, p.GivenName, p.FamilyName)
			tenants.PeopleFit(b, &fits, tx.Scope.Org)
		}); err != nil {
			return err
		}
		if p.Active && !fits {
			return tenants.RoomForPerson(tx)
		}
		return tenants.Audit(tx, "member.provisioned", "membership:"+p.MembershipID.String(), nil)
	})
	if err != nil {
		return p, fmt.Errorf("provision %s: %w", p.MembershipID, taken(err))
	}
	return p, nil
}

// ChangeProvisioned changes what change changes; nothing is written when that is nothing. A member who is not active any more is signed
// out everywhere and loses the API tokens in the same moment. Errors as ProvisionPerson; NotFound as ProvisionedPerson; Conflict for the
// last active administrator; Malformed for another address where that is how the person comes in; Stale as etag says.
func (s *Service) ChangeProvisioned(ctx context.Context, m id.Membership, change func(*Provisioned) error) (p Provisioned, err error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return p, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		was, err := db.Row[Provisioned](tx, provisionedByID+` FOR UPDATE`, tx.Scope.Org, m)
		if err != nil {
			return err
		}
		if err := etag.Check(ctx, was.Tag()); err != nil {
			return err
		}
		p = was
		if err := change(&p); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		if p == was {
			return nil
		}
		if err := free(tx, p); err != nil {
			return err
		}
		if p.Email != was.Email {
			if err := movable(tx, m); err != nil {
				return err
			}
		}
		if p.Active != was.Active {
			if err := turn(tx, m, p.Active); err != nil {
				return err
			}
		}
		about := p
		about.Active = was.Active
		if about != was {
			// The language is what the person chose once they came.
			if _, err := tx.Exec(`UPDATE memberships SET name = $3, email = $4, title = $5, locale = CASE WHEN state = 'invited' THEN $6 ELSE locale END,
					user_name = $7, called = $8, external_id = $9, given_name = $10, family_name = $11 WHERE org_id = $1 AND membership_id = $2`,
				tx.Scope.Org, m, p.Name, p.Email, p.Title, p.Locale, p.UserName, strings.ToLower(p.UserName), p.ExternalID, p.GivenName, p.FamilyName); err != nil {
				return err
			}
			if err := tenants.Audit(tx, "member.changed", "membership:"+m.String(), map[string]any{"fields": differing(was, p)}); err != nil {
				return err
			}
		}
		p, err = db.Row[Provisioned](tx, provisionedByID, tx.Scope.Org, m)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("change provisioned %s: %w", m, taken(err))
	}
	return p, nil
}

// RemoveProvisioned ends a membership for good: as one that is not active any more, and its identities and its address are free. What
// the person did stays with the organization. Errors as ChangeProvisioned.
func (s *Service) RemoveProvisioned(ctx context.Context, m id.Membership) error {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		was, err := db.Row[Provisioned](tx, provisionedByID+` FOR UPDATE`, tx.Scope.Org, m)
		if err != nil {
			return err
		}
		if err := etag.Check(ctx, was.Tag()); err != nil {
			return err
		}
		if was.Active {
			if err := turn(tx, m, false); err != nil {
				return err
			}
		}
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM identities WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, m)
			db.Write(b, nil, `DELETE FROM team_members WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, m)
			db.Write(b, nil, `UPDATE memberships SET removed_at = $3 WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, m, tx.Now)
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "member.removed", "membership:"+m.String(), nil)
	})
	if err != nil {
		return fmt.Errorf("remove provisioned %s: %w", m, err)
	}
	return nil
}

// turn ends a membership's access or lets it come back.
func turn(tx *db.Tx, m id.Membership, active bool) error {
	if active {
		if err := tenants.RoomForPerson(tx); err != nil {
			return err
		}
		// Who never came is still awaited.
		if err := tx.Must(`UPDATE memberships m SET state = CASE WHEN EXISTS (SELECT 1 FROM identities i WHERE i.org_id = $1 AND i.membership_id = $2) OR m.seen_at IS NOT NULL THEN 'active' ELSE 'invited' END
			WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'left'`, tx.Scope.Org, m); err != nil {
			return err
		}
		return tenants.Audit(tx, "member.reactivated", "membership:"+m.String(), nil)
	}
	last, err := tenants.LastAdministrator(tx, m)
	if err != nil {
		return err
	}
	if last {
		return errs.Say(errs.Conflict, "provision.last_administrator")
	}
	if err := tx.Must(`UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2 AND state <> 'left'`, tx.Scope.Org, m); err != nil {
		return err
	}
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `DELETE FROM sessions WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, m)
		db.Write(b, nil, `DELETE FROM api_tokens WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, m)
		db.Write(b, nil, `DELETE FROM email_links l USING memberships m WHERE l.org_id = $1 AND m.org_id = $1 AND m.membership_id = $2 AND l.email = m.email`, tx.Scope.Org, m)
	}); err != nil {
		return err
	}
	return tenants.Audit(tx, "member.deactivated", "membership:"+m.String(), nil)
}

// movable refuses another address for somebody who came and can come again by a link to it: whoever provisions would come in as them.
func movable(tx *db.Tx, m id.Membership) error {
	door, err := db.Row[bool](tx, `SELECT o.sign_in = 'email' AND m.seen_at IS NOT NULL FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, m)
	if err == nil && door {
		err = errs.Say(errs.Malformed, "provision.bad.address")
	}
	return err
}

// free is Conflict when somebody else of the organization has the name or the address.
func free(tx *db.Tx, p Provisioned) error {
	has, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.removed_at IS NULL AND m.membership_id <> $2
		AND (m.called = $3 OR m.email = $4 OR m.called IS NULL AND m.email = $3))`, tx.Scope.Org, p.MembershipID, strings.ToLower(p.UserName), p.Email)
	if err == nil && has {
		err = errs.Say(errs.Conflict, "provision.taken")
	}
	return err
}

// taken says what a unique index means that another request was faster to.
func taken(err error) error {
	if errs.Is(err, errs.Conflict) {
		if key, _ := errs.MessageKey(err); key == "errs.conflict" {
			return &errs.Error{Kind: errs.Conflict, Key: "provision.taken", Err: err}
		}
	}
	return err
}

// check brings p into the form in which it is stored. What is missing comes from what is there: an address from the name, a name from
// the address.
func (p *Provisioned) check() error {
	p.UserName = strings.TrimSpace(p.UserName)
	if p.UserName == "" {
		return badValue("userName")
	}
	email, err := mail.Address(cmp.Or(p.Email, p.UserName))
	if err != nil {
		return badValue("emails")
	}
	p.Email = email
	local, _, _ := strings.Cut(email, "@")
	p.Name = cmp.Or(strings.TrimSpace(p.Name), strings.TrimSpace(p.GivenName+" "+p.FamilyName), local)
	if _, ok := lang.Parse(p.Locale); !ok {
		p.Locale = string(lang.En)
	}
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"userName", p.UserName, 254},
		{"externalId", p.ExternalID, 254},
		{"displayName", p.Name, 200},
		{"name.givenName", p.GivenName, 200},
		{"name.familyName", p.FamilyName, 200},
		{"title", p.Title, 200},
	} {
		if utf8.RuneCountInString(f.value) > f.most || strings.ContainsFunc(f.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return badValue(f.name)
		}
	}
	return nil
}

// badValue says which attribute has a value that is none.
func badValue(attribute string) error {
	return errs.Say(errs.Malformed, "provision.bad.value", "Attribute", attribute)
}

// differing names what is not the same, for the log, which holds no values.
func differing(a, b Provisioned) []string {
	var out []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"user_name", a.UserName == b.UserName},
		{"external_id", a.ExternalID == b.ExternalID},
		{"name", a.Name == b.Name && a.GivenName == b.GivenName && a.FamilyName == b.FamilyName},
		{"email", a.Email == b.Email},
		{"title", a.Title == b.Title},
		{"locale", a.Locale == b.Locale},
	} {
		if !f.same {
			out = append(out, f.name)
		}
	}
	return out
}

// ProvisioningPath is where identity providers find the endpoint on each host of an organization.
const ProvisioningPath = "/scim/v2"

// Provisioning is the address that an organization's identity provider is given.
func (s *Service) Provisioning(o tenants.Organization) string {
	return s.Address(o) + ProvisioningPath
}
