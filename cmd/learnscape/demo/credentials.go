package demo

import (
	"context"
	"fmt"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// credentialText is what a path or course gives to whoever finishes it.
type credentialText struct {
	Item      string `yaml:"item"` // org/slug
	Kind      string `yaml:"kind"`
	By        string `yaml:"by"` // the author who says so
	Name      string `yaml:"name"`
	Shows     string `yaml:"shows"`
	Criteria  string `yaml:"criteria"`
	Months    int    `yaml:"months"`
	RenewDays int    `yaml:"renew_days"`
}

// credentials has publishers give what they offer to everybody who finished it in the year, as the product does. Nobody is mailed.
func (s *seeder) credentials(ctx context.Context) error {
	if s.d.Portal == nil {
		return nil // Who signs has an address.
	}
	var list []credentialText
	if err := readYAML(s.w.fs, "credentials.yaml", &list); err != nil {
		return err
	}
	svc := courses.New(courses.Deps{DB: s.d.DB, Tenants: tenants.New(s.d.DB, ""), Blob: s.d.Blob, Keys: s.d.Keys, URL: s.d.Portal})
	var items []id.Item
	for _, c := range list {
		o, _ := s.w.person(c.By)
		by := scope.Enter(ctx, scope.Scope{Actor: scope.Member, Org: orgID(o.Slug), Membership: memberID(c.By), Roles: []scope.Role{scope.Learner, scope.Author}})
		offer := courses.CredentialOffer{Name: c.Name, Shows: c.Shows, Criteria: c.Criteria, RenewDays: c.RenewDays}
		if c.Months > 0 {
			offer.Months = &c.Months
		}
		items = append(items, refID(c.Item, c.Kind))
		if err := svc.SetOffer(by, refID(c.Item, c.Kind), offer); err != nil {
			return fmt.Errorf("credential for %s: %w", c.Item, err)
		}
	}
	return each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		as := jobs.Enter(ctx, scope.Issuer, orgID(o.Slug))
		var events []courses.EnrollmentCompleted
		if err := s.d.DB.Tx(as, func(tx *db.Tx) error {
			finished, err := db.Rows[id.Enrollment](tx, `SELECT e.enrollment_id FROM enrollments e WHERE e.org_id = $1 AND e.item_id = ANY($2) AND e.completed_at IS NOT NULL ORDER BY e.completed_at, e.enrollment_id LIMIT 1000`, tx.Scope.Org, items)
			for _, e := range finished {
				events = append(events, courses.EnrollmentCompleted{Org: tx.Scope.Org, Enrollment: e})
			}
			return err
		}); err != nil {
			return err
		}
		if err := svc.Give(as, events); err != nil {
			return fmt.Errorf("credentials at %s: %w", o.Slug, err)
		}
		return nil
	})
}
