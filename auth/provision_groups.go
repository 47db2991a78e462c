package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// ProvisionedGroup is a team that the organization's identity provider looks after (RFC 7643, 4.2). It sees no others.
type ProvisionedGroup struct {
	TeamID     id.Any              `db:"team_id"`
	ExternalID string              `db:"external"`
	Name       string              `db:"name"`
	Version    int64               `db:"version"`
	CreatedAt  time.Time           `db:"created_at"`
	ChangedAt  time.Time           `db:"changed_at"`
	People     int                 `db:"people"`
	Members    []ProvisionedMember `db:"-"`
}

// ProvisionedMember is somebody in a group.
type ProvisionedMember struct {
	TeamID       id.Any        `db:"team_id"`
	MembershipID id.Membership `db:"membership_id"`
	Name         string        `db:"name"`
}

// Tag changes with what ProvisionedGroup says.
func (g ProvisionedGroup) Tag() string { return versionTag(g.Version) }

// GroupEdit is one step of a change of a group: nil and nothing leave as it is.
type GroupEdit struct {
	Name, ExternalID *string
	Clear            bool // takes everybody out but those of Add
	Add, Remove      []id.Membership
}

const (
	groupColumns = `t.team_id, t.external, t.name, t.version, t.created_at, coalesce(t.changed_at, t.created_at) AS changed_at`
	groupPeople  = `(SELECT count(*)::int FROM team_members x WHERE x.org_id = t.org_id AND x.team_id = t.team_id) AS people`
	groupByID    = `SELECT ` + groupColumns + `, ` + groupPeople + ` FROM teams t WHERE t.org_id = $1 AND t.team_id = $2 AND t.source = 'scim'`
	groupMembers = `SELECT x.team_id, x.membership_id, m.name FROM team_members x JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id
		WHERE x.org_id = $1 AND x.team_id = ANY($2) ORDER BY x.team_id, x.membership_id LIMIT $3`
	// membersMost is how many members a page of groups names, unless the first group alone has more: the page ends before.
	membersMost = 20_000
	// groupMost bounds what one group names: more people than that no organization has.
	groupMost = 1_000_000
)

// ProvisionedGroups lists the groups, the oldest first, and says how many match. A page may be shorter than asked for when its groups
// are large. Malformed for a filter that is none.
func (s *Service) ProvisionedGroups(ctx context.Context, f ProvisionFilter, members bool) (list []ProvisionedGroup, total int, err error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return nil, 0, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, 0, err
	}
	where, args, err := compileFilter(f.Expression, groupAttributes, []any{sc.Org})
	if err != nil {
		return nil, 0, err
	}
	offset, limit := f.bounds()
	people := groupPeople
	if !members {
		people = `0 AS people`
	}
	from := ` FROM teams t WHERE t.org_id = $1 AND t.source = 'scim'` + where
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &total, nil, `SELECT count(*)::int`+from, args...)
		if limit > 0 {
			n := len(args)
			db.List(b, &list, fmt.Sprintf(`SELECT %s, %s%s ORDER BY t.team_id OFFSET $%d LIMIT $%d`, groupColumns, people, from, n+1, n+2), append(slices.Clone(args), offset, limit)...)
		}
	}); err != nil {
		return nil, 0, err
	}
	if !members || len(list) == 0 {
		return list, total, nil
	}
	sum := 0
	for i, g := range list {
		if sum += g.People; sum > membersMost && i > 0 {
			list = list[:i]
			break
		}
	}
	return list, total, s.members(ctx, sc, list)
}

// ProvisionedGroup returns a group; NotFound for any other team and another organization's.
func (s *Service) ProvisionedGroup(ctx context.Context, team id.Any, members bool) (g ProvisionedGroup, err error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return g, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return g, err
	}
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) { db.One(b, &g, &found, groupByID, sc.Org, team) }); err != nil {
		return g, err
	}
	if !found {
		return g, errs.New(errs.NotFound, "no group %s", team)
	}
	if members {
		list := []ProvisionedGroup{g}
		err = s.members(ctx, sc, list)
		g = list[0]
	}
	return g, err
}

func (s *Service) members(ctx context.Context, sc scope.Scope, list []ProvisionedGroup) error {
	at, ids := map[id.Any]int{}, make([]id.Any, len(list))
	for i, g := range list {
		at[g.TeamID], ids[i] = i, g.TeamID
	}
	var all []ProvisionedMember
	if err := s.db.Read(ctx, func(b *db.Batch) { db.List(b, &all, groupMembers, sc.Org, ids, groupMost) }); err != nil {
		return err
	}
	for _, m := range all {
		g := &list[at[m.TeamID]]
		g.Members = append(g.Members, m)
	}
	return nil
}

// ProvisionGroup makes a group. Conflict for a name that another team has, also one made by hand; Malformed for a name that is none and
// for members that are nobody here.
func (s *Service) ProvisionGroup(ctx context.Context, e GroupEdit) (g ProvisionedGroup, err error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return g, err
	}
	team := id.New[id.Any]()
	if e.Name == nil {
		return g, badValue("displayName")
	}
	name, err := groupName(*e.Name)
	if err != nil {
		return g, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if _, err := tx.Exec(`INSERT INTO teams (org_id, team_id, name, source, created_at) VALUES ($1, $2, $3, 'scim', $4)`, tx.Scope.Org, team, name, tx.Now); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "team.created", "team:"+team.String(), map[string]any{"source": "scim"}); err != nil {
			return err
		}
		e.Name = nil
		if err := editGroup(tx, team, e); err != nil {
			return err
		}
		g, err = db.Row[ProvisionedGroup](tx, groupByID, tx.Scope.Org, team)
		return err
	})
	if err != nil {
		return g, fmt.Errorf("provision group: %w", takenName(err))
	}
	return g, nil
}

// ChangeGroup does the steps, all or none. Errors as ProvisionGroup and ProvisionedGroup; Stale as etag says.
func (s *Service) ChangeGroup(ctx context.Context, team id.Any, steps []GroupEdit) (g ProvisionedGroup, err error) {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return g, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if g, err = lockGroup(ctx, tx, team); err != nil {
			return err
		}
		for _, e := range steps {
			if err := editGroup(tx, team, e); err != nil {
				return err
			}
		}
		g, err = db.Row[ProvisionedGroup](tx, groupByID, tx.Scope.Org, team)
		return err
	})
	if err != nil {
		return g, fmt.Errorf("change group %s: %w", team, takenName(err))
	}
	return g, nil
}

// RemoveGroup removes a group; its people stay members. Errors as ChangeGroup.
func (s *Service) RemoveGroup(ctx context.Context, team id.Any) error {
	if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := lockGroup(ctx, tx, team); err != nil {
			return err
		}
		if err := tenants.Disband(tx, team); err != nil {
			return err
		}
		if err := tx.Must(`DELETE FROM teams WHERE org_id = $1 AND team_id = $2`, tx.Scope.Org, team); err != nil {
			return err
		}
		return tenants.Audit(tx, "team.deleted", "team:"+team.String(), map[string]any{"source": "scim"})
	})
	if err != nil {
		return fmt.Errorf("remove group %s: %w", team, err)
	}
	return nil
}

func lockGroup(ctx context.Context, tx *db.Tx, team id.Any) (ProvisionedGroup, error) {
	g, err := db.Row[ProvisionedGroup](tx, groupByID+` FOR UPDATE OF t`, tx.Scope.Org, team)
	if err == nil {
		err = etag.Check(ctx, g.Tag())
	}
	return g, err
}

// loggedMost is how many members a line of the log names; it says of all how many they are.
const loggedMost = 500

func editGroup(tx *db.Tx, team id.Any, e GroupEdit) error {
	if e.Name != nil {
		name, err := groupName(*e.Name)
		if err != nil {
			return err
		}
		n, err := tx.Exec(`UPDATE teams SET name = $3 WHERE org_id = $1 AND team_id = $2 AND name <> $3`, tx.Scope.Org, team, name)
		if err != nil {
			return err
		}
		if n > 0 {
			if err := tenants.Audit(tx, "team.renamed", "team:"+team.String(), map[string]any{"source": "scim"}); err != nil {
				return err
			}
		}
	}
	if e.ExternalID != nil {
		if utf8.RuneCountInString(*e.ExternalID) > 254 || strings.ContainsRune(*e.ExternalID, 0) {
			return badValue("externalId")
		}
		if _, err := tx.Exec(`UPDATE teams SET external = $3 WHERE org_id = $1 AND team_id = $2 AND external <> $3`, tx.Scope.Org, team, *e.ExternalID); err != nil {
			return err
		}
	}
	// An empty array, not NULL, which would be equal to nothing.
	add, remove := append([]id.Membership{}, e.Add...), append([]id.Membership{}, e.Remove...)
	slices.SortFunc(add, func(a, b id.Membership) int { return strings.Compare(a.String(), b.String()) })
	add = slices.Compact(add)
	var out, in []id.Membership
	var err error
	if e.Clear || len(remove) > 0 {
		if out, err = db.Rows[id.Membership](tx, `DELETE FROM team_members x WHERE x.org_id = $1 AND x.team_id = $2 AND (x.membership_id = ANY($3) OR $4 AND x.membership_id <> ALL($5)) RETURNING x.membership_id`,
			tx.Scope.Org, team, remove, e.Clear, add); err != nil {
			return err
		}
	}
	if len(add) > 0 {
		here, err := db.Row[int](tx, `SELECT count(*)::int FROM memberships m WHERE m.org_id = $1 AND m.membership_id = ANY($2) AND m.removed_at IS NULL`, tx.Scope.Org, add)
		if err != nil {
			return err
		}
		if here != len(add) {
			return badValue("members")
		}
		if in, err = db.Rows[id.Membership](tx, `INSERT INTO team_members AS x (org_id, team_id, membership_id, source, since) SELECT $1, $2, a.membership_id, 'scim', $4 FROM unnest($3::uuid[]) AS a(membership_id)
			ON CONFLICT (org_id, team_id, membership_id) DO NOTHING RETURNING x.membership_id`, tx.Scope.Org, team, add, tx.Now); err != nil {
			return err
		}
	}
	if len(in)+len(out) == 0 {
		return nil
	}
	if err := tenants.FollowGroups(tx, slices.Concat(in, out)...); err != nil {
		return err
	}
	return tenants.Audit(tx, "team.provisioned", "team:"+team.String(), map[string]any{
		"joined": len(in), "left": len(out), "who_joined": in[:min(len(in), loggedMost)], "who_left": out[:min(len(out), loggedMost)],
	})
}

func groupName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > 80 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", badValue("displayName")
	}
	return name, nil
}

// takenName is taken for the name of a team.
func takenName(err error) error {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Kind == errs.Conflict && e.Key == "" {
		return &errs.Error{Kind: errs.Conflict, Key: "provision.taken_group", Err: err}
	}
	return err
}
