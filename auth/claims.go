package auth

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Claim is something that came with a sign-in, as an administrator reads it.
type Claim struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

const (
	claimsSeen  = 40  // claims that are kept of a sign-in
	valuesSeen  = 40  // values of one
	valueLength = 200 // characters of a value
)

// proofs are claims that stand for the act of signing in and tell nothing of the person.
var proofs = []string{"nonce", "at_hash", "c_hash", "s_hash", "jti", "sid", "iat", "exp", "nbf", "uti", "rh", "aio"} //nolint:gochecknoglobals // A constant list.

// seen is what is kept of a sign-in for whoever maps claims: never a token, nor what looks like one.
func seen(claims map[string]any) []Claim {
	out := []Claim{}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if slices.Contains(proofs, name) || len(out) == claimsSeen {
			continue
		}
		c := Claim{Name: clip(name, 100)}
		for _, v := range texts(claims[name]) {
			if len(c.Values) == valuesSeen {
				break
			}
			if strings.HasPrefix(v, "eyJ") || len(v) > 4*valueLength {
				v = "…"
			}
			c.Values = append(c.Values, clip(v, valueLength))
		}
		out = append(out, c)
	}
	return out
}

// texts are the values of a claim: one text, a list of them, or anything else as JSON.
func texts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, texts(e)...)
		}
		return out
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return []string{string(b)}
}

// follow makes name, roles and teams of a member what the claims say, as far as the provider is set up to say it. A role is given and
// taken by the claim if a value stands for it, and otherwise stays what it was by hand or by a group; the last administrator stays one.
func follow(tx *db.Tx, p Provider, m tenants.Membership, claims map[string]any) (tenants.Membership, error) {
	if name := clip(strings.Join(strings.Fields(strings.Join(texts(claims[p.NameClaim]), " ")), " "), 200); p.NameClaim != "" && name != "" && name != m.Name {
		if err := tx.Must(`UPDATE memberships SET name = $3 WHERE org_id = $1 AND membership_id = $2`, m.OrgID, m.MembershipID, name); err != nil {
			return m, err
		}
		m.Name = name
	}
	m, err := followRoles(tx, p, m, texts(claims[p.RoleClaim]))
	if err != nil || p.TeamClaim == "" {
		return m, err
	}
	return m, followTeams(tx, p, m.MembershipID, texts(claims[p.TeamClaim]))
}

func followRoles(tx *db.Tx, p Provider, m tenants.Membership, values []string) (tenants.Membership, error) {
	if p.RoleClaim == "" || len(p.RoleValues) == 0 {
		return m, nil
	}
	said := map[scope.Role]bool{} // that a value stands for, and whether it came
	for value, role := range p.RoleValues {
		said[role] = said[role] || slices.Contains(values, value)
	}
	given, err := tenants.GivenTo(tx, m.MembershipID)
	if err != nil {
		return m, err
	}
	var next []scope.Role
	for _, r := range scope.Roles() {
		gives, known := said[r]
		if known && gives || !known && slices.Contains(m.Roles, r) || r == scope.Learner || slices.Contains(given, r) {
			next = append(next, r)
		}
	}
	if slices.Contains(m.Roles, scope.Administrator) && !slices.Contains(next, scope.Administrator) {
		last, err := tenants.LastAdministrator(tx, m.MembershipID)
		if err != nil {
			return m, err
		}
		if last {
			next = append(next, scope.Administrator)
		}
	}
	have := slices.Clone(m.Roles)
	slices.Sort(have)
	sorted := slices.Clone(next)
	slices.Sort(sorted)
	if slices.Equal(have, sorted) {
		return m, nil
	}
	if err := tenants.SetRoles(tx, m.MembershipID, next); err != nil {
		return m, err
	}
	m.Roles = next
	return m, tenants.Audit(tx, "member.roles", "membership:"+m.MembershipID.String(), map[string]any{"provider": p.ProviderID, "roles": next})
}

// followTeams joins the teams that the values name and leaves those that a claim put the member into and no longer names. A team is made
// by hand before a claim fills it.
func followTeams(tx *db.Tx, p Provider, m id.Membership, values []string) error {
	names := []string{}
	for _, v := range values {
		if mapped, ok := p.TeamValues[v]; ok {
			v = mapped
		}
		names = append(names, strings.ToLower(v))
	}
	if err := tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `DELETE FROM team_members x USING teams t WHERE x.org_id = $1 AND x.membership_id = $2 AND x.source = 'claim'
			AND t.org_id = x.org_id AND t.team_id = x.team_id AND lower(t.name) <> ALL($3)`, tx.Scope.Org, m, names)
		db.Write(b, nil, `INSERT INTO team_members (org_id, team_id, membership_id, source, since) SELECT t.org_id, t.team_id, $2, 'claim', $4 FROM teams t
			WHERE t.org_id = $1 AND lower(t.name) = ANY($3) ON CONFLICT (org_id, team_id, membership_id) DO NOTHING`, tx.Scope.Org, m, names, tx.Now)
	}); err != nil {
		return err
	}
	return tenants.FollowGroups(tx, m)
}
