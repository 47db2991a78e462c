package tenants

import (
	"context"
	"slices"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// MemberRoles is what a member may do, and why.
type MemberRoles struct {
	Membership

	Given []scope.Role // of the roles: those that groups of the identity provider give, and nobody by hand
	Last  bool         // the only administrator, who stays one
}

// RolesOf returns what a member of the own organization may do, for its administrators; NotFound for anybody else's member.
func (s *Service) RolesOf(ctx context.Context, m id.Membership) (r MemberRoles, err error) {
	if err := authz.Check(ctx, authz.ManagePeople, id.Org{}); err != nil {
		return r, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if r.Membership, err = MemberByID(tx, m); err != nil {
			return err
		}
		if r.Given, err = GivenTo(tx, m); err != nil {
			return err
		}
		r.Last, err = LastAdministrator(tx, m)
		return err
	})
	return r, err
}

// GivenTo are the roles that a member of tx's organization has for being in groups of the identity provider alone.
func GivenTo(tx *db.Tx, m id.Membership) ([]scope.Role, error) {
	return db.Rows[scope.Role](tx, `SELECT g FROM memberships m CROSS JOIN LATERAL unnest(m.given) g WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, m)
}

// ChangeRoles makes the roles of a member those beside Learner and beside what groups give. It wants a fresh sign-in. NotFound for anybody
// else's member and who left, Invalid for a role that there is not, Conflict when nobody would be an administrator any more.
func (s *Service) ChangeRoles(ctx context.Context, m id.Membership, roles []scope.Role) error {
	if err := authz.Check(ctx, authz.ManagePeople, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	if err := realRoles(roles); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		who, err := MemberByID(tx, m)
		if err != nil {
			return err
		}
		if who.State == "left" {
			return errs.New(errs.NotFound, "member %s has left", m)
		}
		given, err := GivenTo(tx, m)
		if err != nil {
			return err
		}
		next := rolesAmong(func(r scope.Role) bool { return slices.Contains(roles, r) || slices.Contains(given, r) })
		if sameRoles(who.Roles, next) {
			return nil
		}
		if slices.Contains(who.Roles, scope.Administrator) && !slices.Contains(next, scope.Administrator) {
			last, err := LastAdministrator(tx, m)
			if err != nil {
				return err
			}
			if last {
				return errs.Say(errs.Conflict, "team.roles.last")
			}
		}
		if err := SetRoles(tx, m, next); err != nil {
			return err
		}
		return Audit(tx, "member.roles", "membership:"+m.String(), map[string]any{"roles": next})
	})
}

// realRoles is Invalid for roles of which one is none.
func realRoles(roles []scope.Role) error {
	for _, r := range roles {
		if !slices.Contains(scope.Roles(), r) {
			return errs.New(errs.Invalid, "role %q", r)
		}
	}
	return nil
}

// rolesAmong is a set of roles in their order; everybody learns.
func rolesAmong(has func(scope.Role) bool) []scope.Role {
	var out []scope.Role
	for _, r := range scope.Roles() {
		if r == scope.Learner || has(r) {
			out = append(out, r)
		}
	}
	return out
}

func sameRoles(a, b []scope.Role) bool {
	return slices.Equal(rolesAmong(func(r scope.Role) bool { return slices.Contains(a, r) }), rolesAmong(func(r scope.Role) bool { return slices.Contains(b, r) }))
}

// SetGives says which roles being in a group of the identity provider gives; whoever is in it has them from now on. It wants a fresh
// sign-in. NotFound for a team that was made by hand, Invalid for a role that there is not.
func (s *Service) SetGives(ctx context.Context, team id.Any, roles []scope.Role) error {
	if err := authz.Check(ctx, authz.ManageTeams, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	if err := realRoles(roles); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		was, err := db.Row[Team](tx, `SELECT t.team_id, t.name, t.source, t.gives, lower(t.name) AS key, 0 AS people, '' AS leads FROM teams t WHERE t.org_id = $1 AND t.team_id = $2 AND t.source = 'scim' FOR UPDATE`, tx.Scope.Org, team)
		if err != nil {
			return err
		}
		gives := rolesAmong(func(r scope.Role) bool { return slices.Contains(roles, r) })[1:]
		if sameRoles(was.Gives, gives) {
			return nil
		}
		if err := tx.Must(`UPDATE teams SET gives = $3 WHERE org_id = $1 AND team_id = $2`, tx.Scope.Org, team, append([]scope.Role{}, gives...)); err != nil {
			return err
		}
		if err := Audit(tx, "team.gives", "team:"+team.String(), map[string]any{"roles": gives}); err != nil {
			return err
		}
		in, err := db.Rows[id.Membership](tx, `SELECT x.membership_id FROM team_members x WHERE x.org_id = $1 AND x.team_id = $2`, tx.Scope.Org, team)
		if err != nil {
			return err
		}
		return FollowGroups(tx, in...)
	})
}

// holding is what somebody may do beside what their groups give.
type holding struct {
	MembershipID id.Membership `db:"membership_id"`
	Roles        []scope.Role  `db:"roles"`
	Given        []scope.Role  `db:"given"`
	Gives        []scope.Role  `db:"gives"`
}

// FollowGroups lets people of tx's organization have the roles that their groups give, after they came into groups or left some, or a group
// gives others. A role that somebody has by hand stays, and the last administrator stays one.
func FollowGroups(tx *db.Tx, people ...id.Membership) error {
	if len(people) == 0 {
		return nil
	}
	list, err := db.Rows[holding](tx, `SELECT m.membership_id, m.roles, m.given, ARRAY(SELECT DISTINCT g FROM team_members x JOIN teams t ON t.org_id = x.org_id AND t.team_id = x.team_id CROSS JOIN LATERAL unnest(t.gives) g
			WHERE x.org_id = m.org_id AND x.membership_id = m.membership_id) AS gives
		FROM memberships m WHERE m.org_id = $1 AND m.membership_id = ANY($2) AND (m.given <> '{}' OR EXISTS (SELECT 1 FROM teams t WHERE t.org_id = $1 AND t.gives <> '{}'))
		ORDER BY m.membership_id FOR NO KEY UPDATE OF m`, tx.Scope.Org, people)
	if err != nil {
		return err
	}
	for _, h := range list {
		if err := h.follow(tx); err != nil {
			return err
		}
	}
	return nil
}

func (h holding) follow(tx *db.Tx) error {
	has := func(list []scope.Role) func(scope.Role) bool {
		return func(r scope.Role) bool { return slices.Contains(list, r) }
	}
	byHand, given, gives := has(slices.DeleteFunc(slices.Clone(h.Roles), has(h.Given))), has(h.Given), has(h.Gives)
	stays := false
	if given(scope.Administrator) && !gives(scope.Administrator) {
		var err error
		if stays, err = LastAdministrator(tx, h.MembershipID); err != nil {
			return err
		}
	}
	now := func(r scope.Role) bool { return !byHand(r) && (gives(r) || stays && r == scope.Administrator) }
	next, from := rolesAmong(func(r scope.Role) bool { return byHand(r) || now(r) }), slices.DeleteFunc(scope.Roles(), func(r scope.Role) bool { return !now(r) })
	if sameRoles(h.Roles, next) {
		return nil
	}
	if err := tx.Must(`UPDATE memberships SET roles = $3, given = $4 WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, h.MembershipID, next, from); err != nil {
		return err
	}
	return Audit(tx, "member.roles", "membership:"+h.MembershipID.String(), map[string]any{"roles": next, "groups": from})
}

// LastAdministrator is whether the member is the only active administrator of tx's organization. Whoever asks for two at once waits, so that
// one stays.
func LastAdministrator(tx *db.Tx, m id.Membership) (bool, error) {
	if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('administrators ' || $1::text, 0))`, tx.Scope.Org); err != nil {
		return false, err
	}
	return db.Row[bool](tx, `SELECT 'administrator' = ANY(m.roles) AND NOT EXISTS (SELECT 1 FROM memberships o WHERE o.org_id = $1 AND o.state = 'active' AND 'administrator' = ANY(o.roles) AND o.membership_id <> $2)
		FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, m)
}
