package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// groupText is a group that somebody opens for a step, which a few do together.
type groupText struct {
	Path  string `yaml:"path"` // org/slug
	Step  string `yaml:"step"`
	Group string `yaml:"group"` // key of the block
	Who   string `yaml:"who"`
	Shown string `yaml:"shown"`
	Wide  bool   `yaml:"wide"`
	Days  int    `yaml:"days"` // from the start of the demonstration on; 0 where no date is agreed
	At    string `yaml:"at"`   // a time of day in the zone
	Zone  string `yaml:"zone"`
	Link  string `yaml:"link"`

	With string `yaml:"with"` // a colleague who has joined it
}

// meetInGroups opens the groups.
func (s *seeder) meetInGroups(ctx context.Context) error {
	var list []groupText
	if err := readYAML(s.w.fs, "groups.yaml", &list); err != nil {
		return err
	}
	svc := courses.New(courses.Deps{DB: s.d.DB, Tenants: tenants.New(s.d.DB, ""), Blob: s.d.Blob})
	for _, g := range list {
		d := courses.GroupDraft{Zone: g.Zone, Room: g.Link, Wide: g.Wide, Shown: g.Shown}
		if g.Days > 0 {
			zone, err := time.LoadLocation(g.Zone)
			if err != nil {
				return err
			}
			d.Starts = s.cal.now.In(zone).AddDate(0, 0, g.Days).Format("2006-01-02T") + g.At
		}
		if err := svc.OpenGroup(s.as(ctx, g.Who), courses.Place{Item: refID(g.Path, tenants.KindPath), Step: g.Step}, g.Group, d); err != nil {
			return fmt.Errorf("group of %s: %w", g.Who, err)
		}
		if g.With == "" {
			continue
		}
		if err := s.comesIn(ctx, g); err != nil {
			return fmt.Errorf("%s in the group of %s: %w", g.With, g.Who, err)
		}
	}
	return nil
}

// comesIn puts a colleague into a group that was opened.
func (s *seeder) comesIn(ctx context.Context, g groupText) error {
	o, with := s.w.person(g.With)
	return s.tx(ctx, o.Slug, func(tx *db.Tx) error {
		type place struct {
			Group id.Any `db:"group_id"`
			Title string `db:"title"`
		}
		var in place
		if err := tx.As(scope.Usher, tx.Scope.Org, func() (err error) {
			in, err = db.Row[place](tx, `UPDATE step_groups g SET size = 2 FROM step_group_people p WHERE g.org_id = $1 AND g.membership_id = $2 AND g.block_key = $3 AND p.org_id = $1 AND p.membership_id = $2 AND p.group_id = g.group_id RETURNING g.group_id, p.title`,
				tx.Scope.Org, memberID(g.Who), g.Group)
			return err
		}); err != nil {
			return err
		}
		s.groups[g.Who] = in.Group
		path := refID(g.Path, tenants.KindPath)
		people := into("step_group_people", "org_id uuid, membership_id uuid, group_id uuid, group_org uuid, place_id uuid, item_org uuid, item_id uuid, lesson_key text, block_key text, root_kind text, root_id uuid, step_key text, title text, shown_as text, shown_name text, joined_at timestamptz")
		people.add(tx.Scope.Org, memberID(g.With), in.Group, tx.Scope.Org, id.Derive[id.Any](space, "group/"+g.With), orgID(strings.Split(g.Path, "/")[0]), path, g.Step, g.Group, tenants.KindPath, path, g.Step, in.Title, g.Shown, with.Name, tx.Now)
		return people.insert(tx)
	})
}
