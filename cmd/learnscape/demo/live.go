package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// liveText is a live session of a path or course, with who has a seat.
type liveText struct {
	Path   string    `yaml:"path"` // org/slug, of a path; a course's is in Course
	Course string    `yaml:"course"`
	Part   string    `yaml:"part"`
	Series string    `yaml:"series"`
	Title  string    `yaml:"title"`
	About  string    `yaml:"about"`
	Host   string    `yaml:"host"`
	By     string    `yaml:"by"`   // an author
	Days   int       `yaml:"days"` // from the start of the demonstration on; below zero for one that is over
	At     string    `yaml:"at"`   // a time of day in the zone
	Mins   int       `yaml:"minutes"`
	Zone   string    `yaml:"zone"`
	Seats  int       `yaml:"seats"`
	Link   string    `yaml:"link"`
	People []liveOne `yaml:"people"`
}

// liveOne is somebody who comes, and how they are shown.
type liveOne struct {
	Who   string `yaml:"who"`
	Shown string `yaml:"shown"`
	Came  bool   `yaml:"came"`
}

// meetLive plans the live sessions and lets people take seats.
func (s *seeder) meetLive(ctx context.Context) error {
	var list []liveText
	if err := readYAML(s.w.fs, "live.yaml", &list); err != nil {
		return err
	}
	svc := courses.New(courses.Deps{DB: s.d.DB, Tenants: tenants.New(s.d.DB, ""), Blob: s.d.Blob})
	for _, l := range list {
		if err := s.meet(ctx, svc, l); err != nil {
			return fmt.Errorf("live session %q: %w", l.Title, err)
		}
	}
	return nil
}

func (s *seeder) meet(ctx context.Context, svc *courses.Service, l liveText) error {
	item := refID(l.Path, tenants.KindPath)
	if l.Course != "" {
		item = refID(l.Course, tenants.KindCourse)
	}
	zone, err := time.LoadLocation(l.Zone)
	if err != nil {
		return err
	}
	clock, err := time.Parse("15:04", l.At)
	if err != nil {
		return err
	}
	day := s.cal.now.In(zone).AddDate(0, 0, l.Days)
	starts := time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, zone)
	lasts := time.Duration(l.Mins) * time.Minute
	// One that is over is planned as one to come, and put back once people have their seats.
	planned := starts
	if l.Days < 0 {
		planned = s.cal.now.Add(24 * time.Hour).In(zone)
	}
	author := s.as(ctx, l.By, scope.Author)
	session, err := svc.PlanLive(author, item, courses.LiveDraft{
		Part: l.Part, Series: l.Series, Title: l.Title, About: l.About, Host: l.Host, Zone: l.Zone, Seats: l.Seats, Link: l.Link,
		Starts: planned.Format("2006-01-02T15:04"), Ends: planned.Add(lasts).Format("2006-01-02T15:04"),
	})
	if err != nil {
		return err
	}
	for _, p := range l.People {
		if _, err := svc.TakeSeat(s.as(ctx, p.Who), session, p.Shown); err != nil {
			return fmt.Errorf("seat of %s: %w", p.Who, err)
		}
	}
	if l.Days >= 0 {
		return nil
	}
	o, _ := s.w.person(l.By)
	if err := s.d.DB.Tx(jobs.Enter(ctx, scope.Operator, orgID(o.Slug)), func(tx *db.Tx) error {
		return tx.Must(`UPDATE live_sessions SET starts_at = $3, ends_at = $4 WHERE org_id = $1 AND session_id = $2`, tx.Scope.Org, session, starts, starts.Add(lasts))
	}); err != nil {
		return err
	}
	v, err := svc.Guests(author, session, courses.GuestFilter{})
	if err != nil {
		return err
	}
	var shown, came []id.Any
	for i, g := range v.Guests { // In the order of their coming, which is that of the file.
		if shown = append(shown, g.Seat); l.People[i].Came {
			came = append(came, g.Seat)
		}
	}
	return svc.MarkAttendance(author, session, shown, came)
}

// as enters the scope of somebody of the cast.
func (s *seeder) as(ctx context.Context, email string, roles ...scope.Role) context.Context {
	o, _ := s.w.person(email)
	return scope.Enter(ctx, scope.Scope{Actor: scope.Member, Org: orgID(o.Slug), Membership: memberID(email), Roles: append([]scope.Role{scope.Learner}, roles...)})
}
