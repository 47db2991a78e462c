package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// asked is what somebody asks the own team to learn.
type asked struct {
	By     string `yaml:"by"`
	Item   string `yaml:"item"` // org/slug
	Kind   string `yaml:"kind"`
	Firm   string `yaml:"firm"` // needed unless suggested
	Days   int    `yaml:"days"`
	Joins  bool   `yaml:"joins"`
	Reason string `yaml:"reason"`
}

func teamID(org, name string) id.Any { return id.Derive[id.Any](space, "team/"+org+"/"+name) }

// teams groups the people of every house as they work together, and lets managers ask their teams for something. Nobody is mailed.
func (s *seeder) teams(ctx context.Context) error {
	for _, o := range s.w.Organizations {
		if err := s.tx(ctx, o.Slug, func(tx *db.Tx) error {
			names := map[string]bool{}
			for _, p := range o.People {
				if p.Team == "" || p.left() {
					continue
				}
				if !names[p.Team] {
					names[p.Team] = true
					if _, err := tx.Exec(`INSERT INTO teams (org_id, team_id, name, created_at) VALUES ($1, $2, $3, $4)`, tx.Scope.Org, teamID(o.Slug, p.Team), p.Team, First(tx.Now)); err != nil {
						return err
					}
				}
				if _, err := tx.Exec(`INSERT INTO team_members (org_id, team_id, membership_id, leads, since) VALUES ($1, $2, $3, $4, $5)`,
					tx.Scope.Org, teamID(o.Slug, p.Team), memberID(p.Email), slices.Contains(p.Roles, "manager"), First(tx.Now)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	var list []asked
	if err := readYAML(s.w.fs, "teams.yaml", &list); err != nil {
		return err
	}
	svc := courses.New(courses.Deps{DB: s.d.DB, Tenants: tenants.New(s.d.DB, ""), Blob: s.d.Blob})
	for _, a := range list {
		o, p := s.w.person(a.By)
		by := scope.Enter(ctx, scope.Scope{Actor: scope.Member, Org: orgID(o.Slug), Membership: memberID(a.By), Roles: []scope.Role{scope.Learner, scope.Manager}})
		if _, err := svc.Assign(by, courses.Assigning{
			Item: refID(a.Item, a.Kind), Teams: []id.Any{teamID(o.Slug, p.Team)}, Joins: a.Joins,
			Terms: courses.Terms{Firm: cmp.Or(a.Firm, courses.FirmNeeded), Days: a.Days, Reason: strings.TrimSpace(a.Reason)},
		}); err != nil {
			return fmt.Errorf("%s asks for %s: %w", a.By, a.Item, err)
		}
	}
	return nil
}
