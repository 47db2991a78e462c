package tenants

import (
	"context"
	"strings"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Team is members of the own organization grouped by hand, from a claim or through provisioning. Administrators see all teams; a
// manager sees those that they lead.
type Team struct {
	TeamID id.Any       `db:"team_id"`
	Name   string       `db:"name"`
	Source string       `db:"source"` // hand, claim or scim
	Gives  []scope.Role `db:"gives"`  // of scim: what being in it gives
	People int          `db:"people"`
	Leads  string       `db:"leads"` // names of who leads it, at most three
	Key    string       `db:"key"`   // what TeamFilter.AfterKey takes
}

// TeamFilter narrows the list of teams.
type TeamFilter struct {
	Query    string // in the name; empty for all
	AfterKey string // the last row of the page before
	AfterID  id.Any
	Limit    int // rows of a page, 1 to 200; default 50
}

// TeamMember is somebody in a team, or to be added to it.
type TeamMember struct {
	Membership

	Leads    bool   `db:"leads"`
	In       bool   `db:"is_in"`
	SortName string `db:"sort_name"`
}

// mine are the teams ($1 organization) that the viewer may see: all ($2), or those that the membership $3 leads.
const mine = `t.org_id = $1 AND ($2 OR EXISTS (SELECT 1 FROM team_members l WHERE l.org_id = t.org_id AND l.team_id = t.team_id AND l.membership_id = $3 AND l.leads))`

func sees(sc scope.Scope) []any {
	return []any{sc.Org, authz.Allowed(sc, authz.ManageTeams, id.Org{}), sc.Membership}
}

// Teams is a page of the teams that the viewer may see, by name, and whether there are more.
func (s *Service) Teams(ctx context.Context, f TeamFilter) (list []Team, more bool, err error) {
	if err := authz.Check(ctx, authz.SeeTeams, id.Org{}); err != nil {
		return nil, false, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, false, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, `SELECT t.team_id, t.name, t.source, t.gives, lower(t.name) AS key, (SELECT count(*)::int FROM team_members m WHERE m.org_id = t.org_id AND m.team_id = t.team_id) AS people,
				coalesce((SELECT string_agg(x.name, ', ' ORDER BY x.name) FROM (SELECT p.name FROM team_members m JOIN memberships p ON p.org_id = m.org_id AND p.membership_id = m.membership_id
					WHERE m.org_id = t.org_id AND m.team_id = t.team_id AND m.leads ORDER BY p.name LIMIT 3) x), '') AS leads
			FROM teams t WHERE `+mine+` AND lower(t.name) LIKE $4 AND ($5 = '' OR (lower(t.name), t.team_id) > ($5, $6)) ORDER BY lower(t.name), t.team_id LIMIT $7`,
			append(sees(sc), db.Like(f.Query), f.AfterKey, f.AfterID.UUID, f.Limit+1)...)
	}); err != nil {
		return nil, false, err
	}
	if len(list) > f.Limit {
		list, more = list[:f.Limit], true
	}
	return list, more, nil
}

// Team returns one team; NotFound for one that the viewer may not see.
func (s *Service) Team(ctx context.Context, team id.Any) (t Team, err error) {
	if err := authz.Check(ctx, authz.SeeTeams, id.Org{}); err != nil {
		return t, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		t, err = db.Row[Team](tx, `SELECT t.team_id, t.name, t.source, t.gives, lower(t.name) AS key, (SELECT count(*)::int FROM team_members m WHERE m.org_id = t.org_id AND m.team_id = t.team_id) AS people, '' AS leads
			FROM teams t WHERE `+mine+` AND t.team_id = $4`, append(sees(tx.Scope), team)...)
		return err
	})
	return t, err
}

// TeamPeople is a page of a team's people; with candidates, of everybody who could be in it, those who are marked.
func (s *Service) TeamPeople(ctx context.Context, team id.Any, candidates bool, f PeopleFilter) (list []TeamMember, more bool, err error) {
	if err := authz.Check(ctx, authz.SeeTeams, id.Org{}); err != nil {
		return nil, false, err
	}
	if _, err := s.Team(ctx, team); err != nil {
		return nil, false, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, false, err
	}
	candidates = candidates && authz.Allowed(sc, authz.ManageTeams, id.Org{})
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, `SELECT `+MembershipColumns+`, coalesce(x.leads, false) AS leads, x.membership_id IS NOT NULL AS is_in, lower(m.name) AS sort_name
			FROM memberships m LEFT JOIN team_members x ON x.org_id = m.org_id AND x.membership_id = m.membership_id AND x.team_id = $3
			WHERE m.org_id = $1 AND `+peopleMatch+` AND (x.membership_id IS NOT NULL OR $4 AND m.state <> 'left')
				AND ($5 = '' OR (lower(m.name), m.membership_id) > ($5, $6)) ORDER BY lower(m.name), m.membership_id LIMIT $7`,
			sc.Org, db.Like(f.Query), team, candidates, f.AfterName, f.AfterID.UUID, f.Limit+1)
	}); err != nil {
		return nil, false, err
	}
	if len(list) > f.Limit {
		list, more = list[:f.Limit], true
	}
	return list, more, nil
}

func teamName(name string) (string, error) {
	if name = strings.TrimSpace(name); name == "" || len([]rune(name)) > 80 {
		return "", errs.Fields(errs.Field{Name: "name", Key: "team.bad.name"})
	}
	return name, nil
}

// taken says so of a name that another team has.
func taken(tx *db.Tx, name string, but id.Any) error {
	other, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM teams t WHERE t.org_id = $1 AND lower(t.name) = lower($2) AND t.team_id <> $3)`, tx.Scope.Org, name, but.UUID)
	if err == nil && other {
		err = errs.Fields(errs.Field{Name: "name", Key: "team.bad.taken"})
	}
	return err
}

// CreateTeam makes an empty team. Invalid for a name that is empty, too long or another team's.
func (s *Service) CreateTeam(ctx context.Context, name string) (id.Any, error) {
	if err := authz.Check(ctx, authz.ManageTeams, id.Org{}); err != nil {
		return id.Any{}, err
	}
	name, err := teamName(name)
	if err != nil {
		return id.Any{}, err
	}
	team := id.New[id.Any]()
	return team, s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := taken(tx, name, team); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO teams (org_id, team_id, name, created_at) VALUES ($1, $2, $3, $4)`, tx.Scope.Org, team, name, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "team.created", "team:"+team.String(), nil)
	})
}

// RenameTeam gives a team another name; Invalid as CreateTeam.
func (s *Service) RenameTeam(ctx context.Context, team id.Any, name string) error {
	if err := authz.Check(ctx, authz.ManageTeams, id.Org{}); err != nil {
		return err
	}
	name, err := teamName(name)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := taken(tx, name, team); err != nil {
			return err
		}
		if err := tx.Must(`UPDATE teams SET name = $3 WHERE org_id = $1 AND team_id = $2`, tx.Scope.Org, team, name); err != nil {
			return err
		}
		return Audit(tx, "team.renamed", "team:"+team.String(), nil)
	})
}

// DeleteTeam removes a team, whose name must be given; its people stay members. Invalid for another name.
func (s *Service) DeleteTeam(ctx context.Context, team id.Any, name string) error {
	if err := authz.Check(ctx, authz.ManageTeams, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		is, err := db.Row[string](tx, `SELECT t.name FROM teams t WHERE t.org_id = $1 AND t.team_id = $2 FOR UPDATE`, tx.Scope.Org, team)
		if err != nil {
			return err
		}
		if !strings.EqualFold(strings.TrimSpace(name), is) {
			return errs.Fields(errs.Field{Name: "name", Key: "team.bad.differs", Args: []any{"Team", is}})
		}
		if err := Disband(tx, team); err != nil {
			return err
		}
		if err := tx.Must(`DELETE FROM teams WHERE org_id = $1 AND team_id = $2`, tx.Scope.Org, team); err != nil {
			return err
		}
		return Audit(tx, "team.deleted", "team:"+team.String(), nil)
	})
}

// Disband lets everybody leave a team of tx's organization, and lose what it gave.
func Disband(tx *db.Tx, team id.Any) error {
	out, err := db.Rows[id.Membership](tx, `DELETE FROM team_members x WHERE x.org_id = $1 AND x.team_id = $2 RETURNING x.membership_id`, tx.Scope.Org, team)
	if err != nil {
		return err
	}
	return FollowGroups(tx, out...)
}

// The changes of who is in a team.
const (
	TeamAdd    = "add"
	TeamRemove = "remove"
	TeamLead   = "lead"   // looks after the team, and sees it if they are a manager
	TeamFollow = "follow" // does no more
)

// ChangeTeam changes what a member is in a team; doing it again changes nothing. NotFound for a team, member or change that there is
// not; who left cannot be added.
func (s *Service) ChangeTeam(ctx context.Context, team id.Any, m id.Membership, change string) error {
	if err := authz.Check(ctx, authz.ManageTeams, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := db.Row[id.Any](tx, `SELECT t.team_id FROM teams t WHERE t.org_id = $1 AND t.team_id = $2 FOR NO KEY UPDATE`, tx.Scope.Org, team); err != nil {
			return err
		}
		who, err := MemberByID(tx, m)
		if err != nil {
			return err
		}
		var n int64
		switch change {
		case TeamAdd:
			if who.State == "left" {
				return errs.New(errs.NotFound, "member %s has left", m)
			}
			n, err = tx.Exec(`INSERT INTO team_members (org_id, team_id, membership_id, since) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, team_id, membership_id) DO NOTHING`, tx.Scope.Org, team, m, tx.Now)
		case TeamRemove:
			n, err = tx.Exec(`DELETE FROM team_members WHERE org_id = $1 AND team_id = $2 AND membership_id = $3`, tx.Scope.Org, team, m)
		case TeamLead, TeamFollow:
			n, err = tx.Exec(`UPDATE team_members SET leads = $4 WHERE org_id = $1 AND team_id = $2 AND membership_id = $3 AND leads <> $4`, tx.Scope.Org, team, m, change == TeamLead)
		default:
			return errs.New(errs.NotFound, "change %q of a team", change)
		}
		if err != nil || n == 0 {
			return err
		}
		if err := FollowGroups(tx, m); err != nil {
			return err
		}
		return Audit(tx, "team."+change, "team:"+team.String(), map[string]string{"membership": m.String()})
	})
}
