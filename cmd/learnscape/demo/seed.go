package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants"
)

// Deps is what the seeding works with; all but Invite, Now and Log are needed.
type Deps struct {
	DB        *db.DB
	Marketing *marketing.Service
	Community *community.Service
	Search    *search.Service
	Blob      blob.Store
	Keys      *secret.Keyring
	Issuer    func(slug string) string                 // address of a house's demonstration provider
	Portal    func(slug string) string                 // address of a house's portal, where it signs credentials; nil for none
	Invite    func(context.Context, auth.Invite) error // mails the invitation of a house that has not answered; nil for none
	Now       func() time.Time                         // default DB.Now
	Log       *slog.Logger                             // default slog.Default
}

// seeder makes the world once.
type seeder struct {
	d       Deps
	w       *world
	cal     calendar
	threads []*thread
	thanks  []thanks
	groups  map[string]id.Any // of steps, by who opened them; those with somebody else in them
}

// Seed makes the world unless it is there. The activity stream needs a partition for every month since a year and a month before
// now (see First). It is not one transaction: a world that was interrupted is ErrHalf at the next start.
func Seed(ctx context.Context, d Deps) error {
	if d.DB == nil || d.Marketing == nil || d.Community == nil || d.Search == nil || d.Blob == nil || d.Keys == nil || d.Issuer == nil {
		return errors.New("demonstration world: a dependency is missing")
	}
	if d.Now == nil {
		d.Now = d.DB.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	w, err := embedded()
	if err != nil {
		return err
	}
	return seedWorld(ctx, d, w)
}

// First is the first month that the world of a start at now writes activity into.
func First(now time.Time) time.Time { return now.AddDate(-1, -1, 0) }

func seedWorld(ctx context.Context, d Deps, w *world) error {
	s := &seeder{d: d, w: w, groups: map[string]id.Any{}}
	var err error
	if s.cal, err = newCalendar(w.year.Today, w.year.TimeZone, d.Now()); err != nil {
		return err
	}
	there, err := s.there(ctx)
	if err != nil {
		return err
	}
	if there {
		return s.providers(ctx)
	}
	begin := time.Now()
	var cat *catalog
	if err := s.inTurn(ctx,
		step{"organizations", s.organizations},
		step{"texts", s.texts},
		step{"catalog", func(ctx context.Context) (err error) {
			if cat, err = s.readCatalog(ctx); err == nil {
				err = s.readThreads(cat)
			}
			return err
		}},
		// The year is lived in memory while the threads are written.
		step{"year", atOnce(s.talk, func(ctx context.Context) error { return s.year(ctx, cat) })},
		// What rests on the year alone: a joint proposition is part of a credential, and credentials are what programs count.
		step{"what came of it", atOnce(
			func(ctx context.Context) error {
				return s.inTurn(ctx, step{"joint texts", s.speakTogether}, step{"credentials", s.credentials}, step{"programs", s.programs})
			},
			func(ctx context.Context) error { return s.inTurn(ctx, step{"disclosures", s.disclose}) },
			func(ctx context.Context) error {
				return s.inTurn(ctx, step{"live sessions", s.meetLive}, step{"groups of a step", s.meetInGroups}, step{"teams", s.teams}, step{"practice", func(ctx context.Context) error { return s.practice(ctx, cat) }}, step{"public doors", s.publicDoors})
			},
		)},
		step{"search", s.index}, // Of everything that was told until now.
		step{"invitations", s.invitations},
	); err != nil {
		return err
	}
	d.Log.InfoContext(ctx, "demonstration world made", "ms", time.Since(begin).Milliseconds())
	return nil
}

// step is a part of the world.
type step struct {
	name string
	run  func(context.Context) error
}

func (s *seeder) inTurn(ctx context.Context, steps ...step) error {
	for _, step := range steps {
		at := time.Now()
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("demonstration world, %s: %w", step.name, err)
		}
		s.d.Log.DebugContext(ctx, "demonstration world", "step", step.name, "ms", time.Since(at).Milliseconds())
	}
	return nil
}

func atOnce(runs ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, run := range runs {
			g.Go(func() error { return run(ctx) })
		}
		return g.Wait()
	}
}

// invitations mails those who have not answered once more, so that the demonstration can: to the administrator-to-be.
func (s *seeder) invitations(ctx context.Context) error {
	if s.d.Invite == nil {
		return nil
	}
	for _, c := range s.w.Connections {
		by, _ := s.w.person(c.AskedBy)
		if c.State != "invited" || by == nil || by.Slug != c.A {
			continue
		}
		t, to := s.terms(c), s.w.org(c.B)
		who := scope.Scope{Actor: scope.Member, Org: orgID(c.A), Membership: memberID(c.AskedBy), Roles: []scope.Role{scope.Learner, scope.PartnerManager}}
		we, they := c.relations()
		if err := s.d.Invite(scope.Enter(ctx, who), auth.Invite{
			Email: "admin@" + to.Domain, Name: to.Name, Proposal: tenants.Proposal{Ours: t.A, Theirs: t.B, FinishDays: t.FinishDays, Note: c.Message, WeCall: we, TheyCall: they},
		}); err != nil {
			return err
		}
	}
	return nil
}

// ErrHalf means that the making of the world was interrupted before.
var ErrHalf = errors.New("the demonstration world is half made: start again with an empty database")

// there reports whether the world was made: its first house and something that was done in it.
func (s *seeder) there(ctx context.Context) (bool, error) {
	slug := s.w.Organizations[0].Slug
	var house, year bool
	err := s.d.DB.Read(as(ctx, slug), func(b *db.Batch) {
		db.One(b, &house, nil, `SELECT EXISTS (SELECT 1 FROM organizations WHERE org_id = $1)`, orgID(slug))
		db.One(b, &year, nil, `SELECT EXISTS (SELECT 1 FROM statements WHERE org_id = $1)`, orgID(slug))
	})
	if err == nil && house && !year {
		err = ErrHalf
	}
	return house, err
}

// tx runs fn as the operator of a house. Nobody waits for the disk: a world that was lost with the machine is made again. Plans
// are made once, as the same few statements run many times.
func (s *seeder) tx(ctx context.Context, house string, fn func(*db.Tx) error) error {
	return s.d.DB.Tx(as(ctx, house), func(tx *db.Tx) error {
		if _, err := tx.Exec(`SELECT set_config('synchronous_commit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)`); err != nil {
			return err
		}
		return fn(tx)
	})
}

// each runs fn for all, on all cores. More at a time would only warm up more connections.
func each[T any](ctx context.Context, all []T, fn func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for _, one := range all {
		g.Go(func() error { return fn(ctx, one) })
	}
	return g.Wait()
}

func (s *seeder) organizations(ctx context.Context) error {
	if err := each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		return s.tx(ctx, o.Slug, func(tx *db.Tx) error { return s.putOrganization(tx, o) })
	}); err != nil {
		return err
	}
	return each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		return s.tx(ctx, o.Slug, func(tx *db.Tx) error {
			for _, c := range s.w.Connections {
				if c.A != o.Slug {
					continue
				}
				if err := s.putConnection(tx, c); err != nil {
					return err
				}
			}
			return s.putGrants(tx, o.Slug)
		})
	})
}

// texts publishes in the order in which things lead to each other: courses, paths as far as they lead to courses, stories, the
// paths that lead to stories, and what others add to those.
func (s *seeder) texts(ctx context.Context) error {
	var folders, stories, resources, additions []string
	for _, dir := range entries(s.w.fs, "courses", "") {
		folders = append(folders, entries(s.w.fs, dir, "")...)
	}
	for _, dir := range entries(s.w.fs, "stories", "") {
		stories = append(stories, entries(s.w.fs, dir, ".md")...)
	}
	for _, dir := range entries(s.w.fs, "resources", "") {
		resources = append(resources, entries(s.w.fs, dir, ".md")...)
	}
	for _, dir := range entries(s.w.fs, "paths", "") {
		additions = append(additions, entries(s.w.fs, dir, ".additions.yaml")...)
	}
	paths := s.w.pathNames
	inOrg := func(name string) string { return path.Base(path.Dir(name)) }
	if err := each(ctx, folders, func(ctx context.Context, dir string) error {
		return s.tx(ctx, inOrg(dir), func(tx *db.Tx) error { return s.putCourse(tx, dir) })
	}); err != nil {
		return err
	}
	publish := func(version int, of []string) error {
		return each(ctx, of, func(ctx context.Context, name string) error {
			return s.tx(ctx, inOrg(name), func(tx *db.Tx) error { return s.putPath(tx, name, version) })
		})
	}
	var once, twice []string
	for _, name := range paths {
		if _, ok := first[refOf(name)]; ok {
			twice = append(twice, name)
		} else {
			once = append(once, name)
		}
	}
	if err := errors.Join(publish(0, once), publish(1, twice)); err != nil {
		return err
	}
	if err := errors.Join(each(ctx, stories, s.putStory), each(ctx, resources, s.putResource)); err != nil {
		return err
	}
	if err := publish(2, twice); err != nil {
		return err
	}
	if err := each(ctx, s.w.Organizations, s.putLibrary); err != nil {
		return err
	}
	if err := each(ctx, additions, s.putAdditions); err != nil {
		return err
	}
	if err := publish(3, twice); err != nil {
		return err
	}
	return each(ctx, s.w.Organizations, s.settle)
}

// settle gives the items the dates of the files: publishing stamps them with the day of the start. It also links stories that were
// published before those that they name.
func (s *seeder) settle(ctx context.Context, o organization) error {
	return s.tx(ctx, o.Slug, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE items i SET created_at = i.published_at, updated_at = coalesce((SELECT max(v.published_at) FROM versions v WHERE v.org_id = i.org_id AND v.item_id = i.item_id), i.published_at)
			WHERE i.org_id = $1`, tx.Scope.Org); err != nil {
			return err
		}
		links := into("item_links", "org_id uuid, item_id uuid, to_org uuid, to_item uuid, position integer")
		for ref, f := range s.w.stories {
			if own, _ := marketing.ParseRef(ref); own.Org != o.Slug {
				continue
			}
			self := refID(ref, tenants.KindStory)
			if !f.Updated.IsZero() {
				if err := tx.Must(`UPDATE items SET updated_at = $3 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, self, s.cal.on(f.Updated, 9, 0)); err != nil {
					return err
				}
			}
			for n, r := range f.Related {
				to, _ := marketing.ParseRef(r)
				links.add(tx.Scope.Org, self, orgID(to.Org), refID(r, tenants.KindStory), len(f.Paths)+n+1)
			}
		}
		if links.rows() == 0 {
			return links.err
		}
		if _, err := tx.Exec(`DELETE FROM item_links l WHERE l.org_id = $1 AND l.to_item = ANY($2::text[]::uuid[])`, tx.Scope.Org, links.values[3]); err != nil {
			return err
		}
		return links.insert(tx)
	})
}

// index makes everything findable at once, and takes out the events of the seeding: what they would have caused is done.
func (s *seeder) index(ctx context.Context) error {
	if err := s.reindex(ctx); err != nil {
		return err
	}
	return s.d.DB.Tx(jobs.Enter(ctx, scope.Relay, id.Org{}), func(tx *db.Tx) error {
		var orgs []string
		for _, o := range s.w.Organizations {
			orgs = append(orgs, orgID(o.Slug).String())
		}
		_, err := tx.Exec(`DELETE FROM outbox WHERE org_id = ANY($1::text[]::uuid[])`, orgs)
		return err
	})
}
