package tenants

import (
	"strings"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Membership joins a person to an organization and says how the person is called there.
type Membership struct {
	OrgID        id.Org        `db:"org_id"`
	MembershipID id.Membership `db:"membership_id"`
	PersonID     id.Person     `db:"person_id"`
	Name         string        `db:"name"`
	Email        string        `db:"email"` // lower case
	Title        string        `db:"title"`
	Locale       string        `db:"locale"`
	Theme        string        `db:"theme"` // auto, light or dark
	Roles        []scope.Role  `db:"roles"`
	State        string        `db:"state"`   // active, invited or left
	Purpose      string        `db:"purpose"` // one of Purposes, PurposeAsked, or "" for somebody who was never asked
}

// MembershipColumns is the select list of Membership for the alias m.
const MembershipColumns = `m.org_id, m.membership_id, m.person_id, m.name, m.email, m.title, m.locale, m.theme, m.roles, m.state, m.purpose`

// NewMember is somebody who joins. A zero Person makes a new one; zero identifiers are made.
type NewMember struct {
	Membership         id.Membership
	Person             id.Person
	Name, Email, Title string
	Locale             string // default the organization's
	Roles              []scope.Role
	State              string // default active
}

// AddMember adds a membership to the organization of tx's scope. Conflict when the address or person has one there.
func AddMember(tx *db.Tx, n NewMember) (Membership, error) {
	if err := RoomForPerson(tx); err != nil {
		return Membership{}, err
	}
	m := Membership{
		OrgID: tx.Scope.Org, MembershipID: n.Membership, PersonID: n.Person, Name: strings.TrimSpace(n.Name), Email: strings.ToLower(strings.TrimSpace(n.Email)),
		Title: n.Title, Locale: n.Locale, Theme: "auto", Roles: n.Roles, State: n.State,
	}
	if m.State == "" {
		m.State = "active"
	}
	if m.Locale == "" {
		m.Locale = "en"
	}
	if m.Name == "" {
		m.Name, _, _ = strings.Cut(m.Email, "@")
	}
	if m.MembershipID.IsZero() {
		m.MembershipID = id.New[id.Membership]()
	}
	hasLearner := false
	for _, r := range m.Roles {
		hasLearner = hasLearner || r == scope.Learner
	}
	if !hasLearner {
		m.Roles = append([]scope.Role{scope.Learner}, m.Roles...)
	}
	if m.PersonID.IsZero() {
		m.PersonID = id.New[id.Person]()
		if _, err := tx.Exec(`INSERT INTO persons (person_id, locale, created_at) VALUES ($1, $2, $3)`, m.PersonID, m.Locale, tx.Now); err != nil {
			return Membership{}, err
		}
	}
	if err := tx.Gorm().Create(&memberRow{
		OrgID: m.OrgID, MembershipID: m.MembershipID, PersonID: m.PersonID, Name: m.Name, Email: m.Email, Title: m.Title, Locale: m.Locale, State: m.State, CreatedAt: tx.Now,
	}).Error; err != nil {
		return Membership{}, err
	}
	if err := SetRoles(tx, m.MembershipID, m.Roles); err != nil {
		return Membership{}, err
	}
	return m, Audit(tx, "member.added", "membership:"+m.MembershipID.String(), nil)
}

// SetRoles replaces the set of roles of a membership of tx's organization.
func SetRoles(tx *db.Tx, m id.Membership, roles []scope.Role) error {
	return tx.Must(`UPDATE memberships SET roles = $3 WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, m, roles)
}

// MemberByEmail returns the membership of an address in tx's organization, whatever its state; NotFound if there is none.
func MemberByEmail(tx *db.Tx, email string) (Membership, error) {
	return db.Row[Membership](tx, `SELECT `+MembershipColumns+` FROM memberships m WHERE m.org_id = $1 AND m.email = $2 AND m.removed_at IS NULL`, tx.Scope.Org, strings.ToLower(strings.TrimSpace(email)))
}

// MemberByID returns a membership of tx's organization; NotFound if there is none.
func MemberByID(tx *db.Tx, m id.Membership) (Membership, error) {
	if m.IsZero() {
		return Membership{}, errs.New(errs.NotFound, "no membership")
	}
	return db.Row[Membership](tx, `SELECT `+MembershipColumns+` FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, m)
}
