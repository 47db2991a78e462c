package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/courses"
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
	}
	return nil
}
