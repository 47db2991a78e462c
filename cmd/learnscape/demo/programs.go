package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// programText is a partner program: what it asks for, and who takes part.
type programText struct {
	By     string `yaml:"by"`
	Name   string `yaml:"name"`
	About  string `yaml:"about"`
	Grace  int    `yaml:"grace_days"`
	Warn   int    `yaml:"warn_days"`
	Levels []struct {
		Name     string `yaml:"name"`
		Brings   string `yaml:"brings"`
		Requires []struct {
			Kind  string `yaml:"kind"`
			N     int    `yaml:"n"`
			Name  string `yaml:"name"`
			Items []struct {
				Item string `yaml:"item"` // org/slug
				Kind string `yaml:"kind"`
			} `yaml:"items"`
		} `yaml:"requires"`
	} `yaml:"levels"`
	Partners []struct {
		AcceptedBy string   `yaml:"accepted_by"`
		Account    string   `yaml:"account"`
		Asked      bool     `yaml:"asked"`   // to look at where they stand
		Stories    []string `yaml:"stories"` // org/slug
	} `yaml:"partners"`
}

// programs lets a vendor publish its program and its partners take part; where each stands is reckoned as the product does.
func (s *seeder) programs(ctx context.Context) error {
	var list []programText
	if err := readYAML(s.w.fs, "programs.yaml", &list); err != nil {
		return err
	}
	rooms := tenants.New(s.d.DB, "")
	svc := courses.New(courses.Deps{DB: s.d.DB, Tenants: rooms, Blob: s.d.Blob})
	for _, g := range list {
		by, _ := s.signer(ctx, g.By)
		which, err := svc.CreateProgram(by, g.Name)
		if err != nil {
			return fmt.Errorf("program %s: %w", g.Name, err)
		}
		d := courses.ProgramDraft{Name: g.Name, About: g.About, Terms: courses.ProgramTerms{GraceDays: g.Grace, WarnDays: g.Warn}}
		for _, l := range g.Levels {
			level := courses.Level{Name: l.Name, Brings: l.Brings}
			for _, r := range l.Requires {
				one := courses.Requirement{Kind: r.Kind, N: r.N, Name: r.Name}
				for _, i := range r.Items {
					one.Items = append(one.Items, courses.Counted{ID: refID(i.Item, i.Kind)})
				}
				level.Requires = append(level.Requires, one)
			}
			d.Terms.Levels = append(d.Terms.Levels, level)
		}
		if err := svc.SaveProgram(by, which, d); err != nil {
			return fmt.Errorf("program %s: %w", g.Name, err)
		}
		if err := svc.PublishProgram(by, which, s.d.DB.Now().UTC().Truncate(24*time.Hour)); err != nil {
			return fmt.Errorf("program %s: %w", g.Name, err)
		}
		for _, p := range g.Partners {
			joins, slug := s.signer(ctx, p.AcceptedBy)
			partner := orgID(slug)
			if _, err := svc.OfferProgram(by, which, partner); err != nil {
				return fmt.Errorf("offer %s to %s: %w", g.Name, slug, err)
			}
			if p.Account != "" {
				if err := rooms.SetNote(by, partner, tenants.Note{Account: p.Account}); err != nil {
					return fmt.Errorf("account number of %s: %w", slug, err)
				}
			}
			if err := s.takePart(joins, by, svc, which, partner, p.Stories); err != nil {
				return fmt.Errorf("%s in %s: %w", slug, g.Name, err)
			}
			if p.Asked {
				if err := svc.AskPartner(by, which, partner); err != nil {
					return fmt.Errorf("ask %s: %w", slug, err)
				}
			}
		}
	}
	return nil
}

func (s *seeder) takePart(joins, by context.Context, svc *courses.Service, which id.Any, partner id.Org, stories []string) error {
	if err := svc.AnswerProgram(joins, which, true); err != nil {
		return err
	}
	for _, story := range stories {
		if err := svc.CountStory(by, partner, refID(story, tenants.KindStory), true); err != nil {
			return fmt.Errorf("story %s: %w", story, err)
		}
	}
	_, err := svc.Reckon(jobs.Enter(joins, scope.Issuer, partner))
	return err
}
