package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
)

// publicDoor is the door of a house that is open to everybody, and who came in by it.
type publicDoor struct {
	Words   string       `yaml:"words"`
	Privacy string       `yaml:"privacy"`
	Terms   string       `yaml:"terms"`
	Refused []string     `yaml:"refused"`
	People  []individual `yaml:"people"`
}

type individual struct {
	Name    string `yaml:"name"`
	Email   string `yaml:"email"`
	Locale  string `yaml:"locale"`
	Days    int    `yaml:"days"`    // since they came
	Begun   int    `yaml:"begun"`   // how many of the house's public courses and paths
	Lessons int    `yaml:"lessons"` // finished in each of those, if it has so many
}

func individualID(house, email string) id.Visitor {
	return id.Derive[id.Visitor](space+"/individual", house+"/"+email)
}

// publicDoors opens the doors of the houses that have one. Whoever came in learned what a visitor sees, and nothing else.
func (s *seeder) publicDoors(ctx context.Context) error {
	for _, o := range s.w.Organizations {
		if o.Door == nil {
			continue
		}
		at := jobs.Enter(ctx, scope.SignIn, orgID(o.Slug))
		if err := s.d.DB.Tx(at, func(tx *db.Tx) error {
			if _, err := tx.Exec(`INSERT INTO public_doors (org_id, open, words, terms_url, privacy_url, refused, changed_at) VALUES ($1, true, $2, $3, $4, $5, $6)`,
				orgID(o.Slug), o.Door.Words, o.Door.Terms, o.Door.Privacy, o.Door.Refused, tx.Now); err != nil {
				return err
			}
			for _, p := range o.Door.People {
				i, err := auth.AddIndividual(tx, auth.NewIndividual{ID: individualID(o.Slug, p.Email), Email: p.Email, Name: p.Name, Locale: p.Locale})
				if err != nil {
					return err
				}
				came := tx.Now.Add(-time.Duration(p.Days) * 24 * time.Hour)
				if err := tx.Must(`UPDATE individuals SET created_at = $3, seen_at = $4 WHERE org_id = $1 AND individual_id = $2`, i.OrgID, i.IndividualID, came, came.Add(time.Duration(p.Days)*11*time.Hour)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("public door of %s: %w", o.Slug, err)
		}
		for _, p := range o.Door.People {
			if err := s.learnAlone(ctx, o.Slug, p); err != nil {
				return fmt.Errorf("%s at the door of %s: %w", p.Email, o.Slug, err)
			}
		}
	}
	return nil
}

// learnAlone begins the house's oldest public courses and paths as the individual, and finishes their first lessons.
func (s *seeder) learnAlone(ctx context.Context, house string, p individual) error {
	who := scope.Scope{Actor: scope.Individual, Visitor: individualID(house, p.Email)}
	return s.d.DB.Tx(scope.Enter(ctx, who), func(tx *db.Tx) error {
		_, err := tx.Exec(`WITH chosen AS (SELECT i.org_id, i.item_id, i.version FROM items i WHERE i.org_id = $2 AND i.kind IN ('course', 'path') AND i.state = 'published' ORDER BY i.kind, i.published_at, i.item_id LIMIT $3),
			done AS (SELECT c.org_id, c.item_id, c.version, l.key FROM chosen c CROSS JOIN LATERAL (SELECT l.key FROM lessons l WHERE l.org_id = c.org_id AND l.item_id = c.item_id AND l.version = c.version ORDER BY l.position LIMIT $4) l)
			INSERT INTO visitor_progress (visitor_id, item_org, item_id, lesson_key, version, origin, at)
			SELECT $1::uuid, c.org_id, c.item_id, '', c.version, 'visit', $5::timestamptz FROM chosen c UNION ALL SELECT $1::uuid, d.org_id, d.item_id, d.key, d.version, 'visit', $5::timestamptz FROM done d`,
			who.Visitor, orgID(house), p.Begun, p.Lessons, tx.Now.Add(-time.Duration(p.Days)*20*time.Hour))
		return err
	})
}
