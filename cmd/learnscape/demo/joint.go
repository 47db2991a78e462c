package demo

import (
	"context"
	"fmt"
	"strings"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// jointText is what a publisher and an adopter say together of a path: proposed by one of their people, and accepted by one of the
// other's unless it still waits.
type jointText struct {
	Path           string `yaml:"path"` // org/slug
	Adopter        string `yaml:"adopter"`
	ProposedBy     string `yaml:"proposed_by"`
	AcceptedBy     string `yaml:"accepted_by"`
	ForCustomers   bool   `yaml:"for_customers"`
	Proposition    string `yaml:"proposition"`
	PublisherKnows string `yaml:"publisher_knows"`
	AdopterAdds    string `yaml:"adopter_adds"`
	CustomerGets   string `yaml:"customer_gets"`
}

// speakTogether lets people of two houses sign what they say together.
func (s *seeder) speakTogether(ctx context.Context) error {
	var list []jointText
	if err := readYAML(s.w.fs, "joint.yaml", &list); err != nil {
		return err
	}
	svc := courses.New(courses.Deps{DB: s.d.DB, Tenants: tenants.New(s.d.DB, ""), Blob: s.d.Blob})
	for _, j := range list {
		path := refID(j.Path, tenants.KindPath)
		by, other := s.signer(ctx, j.ProposedBy)
		words := courses.JointWords{Proposition: j.Proposition, PublisherKnows: j.PublisherKnows, AdopterAdds: j.AdopterAdds, CustomerGets: j.CustomerGets}
		counterpart := j.Adopter
		if other == j.Adopter {
			counterpart, _, _ = strings.Cut(j.Path, "/")
		}
		if err := svc.ProposeJoint(by, path, orgID(counterpart), words, j.ForCustomers); err != nil {
			return fmt.Errorf("joint text on %s: %w", j.Path, err)
		}
		if j.AcceptedBy == "" {
			continue
		}
		by, _ = s.signer(ctx, j.AcceptedBy)
		v, err := svc.Joint(by, path, other)
		if err != nil {
			return fmt.Errorf("joint text on %s: %w", j.Path, err)
		}
		if err := svc.AcceptJoint(by, path, orgID(other), v.Proposed.Version, [32]byte(v.Proposed.Hash), j.ForCustomers); err != nil {
			return fmt.Errorf("joint text on %s: %w", j.Path, err)
		}
	}
	return nil
}

// signer enters the scope of somebody who signs, and returns the house.
func (s *seeder) signer(ctx context.Context, email string) (context.Context, string) {
	o, _ := s.w.person(email)
	return scope.Enter(ctx, scope.Scope{Actor: scope.Member, Org: orgID(o.Slug), Membership: memberID(email), Roles: []scope.Role{scope.Learner, scope.PartnerManager}}), o.Slug
}
