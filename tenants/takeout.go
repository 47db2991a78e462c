package tenants

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Belongings is what an organization holds about one of its members, in numbers.
type Belongings struct {
	Member   Membership `db:"-"`
	Learning int        `db:"learning"` // courses and paths begun or finished
	Posts    int        `db:"posts"`    // questions and answers
	Works    int        `db:"works"`    // resources in the library
	Private  int        `db:"private"`  // reflections, quiz answers and what is tried at work; 0 for everybody but the member
	Named    int        `db:"named"`    // organizations that know something by name
	Last     bool       `db:"last"`     // the only administrator, who cannot go
	Erasing  bool       `db:"erasing"`  // is being erased, or was
}

// Belongings returns what the own organization holds about the acting member.
func (s *Service) Belongings(ctx context.Context) (Belongings, error) {
	if err := authz.Check(ctx, authz.OwnData, id.Org{}); err != nil {
		return Belongings{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Belongings{}, err
	}
	return s.belongings(ctx, who, who.Membership)
}

// BelongingsOf is Belongings of a member, for administrators; NotFound for anybody else's.
func (s *Service) BelongingsOf(ctx context.Context, m id.Membership) (Belongings, error) {
	if err := authz.Check(ctx, authz.ManagePeople, id.Org{}); err != nil {
		return Belongings{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Belongings{}, err
	}
	return s.belongings(ctx, who, m)
}

func (s *Service) belongings(ctx context.Context, who scope.Scope, m id.Membership) (Belongings, error) {
	var v Belongings
	var member Membership
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &member, &found, `SELECT `+MembershipColumns+` FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, who.Org, m)
		db.One(b, &v, nil, `SELECT (SELECT count(*)::int FROM enrollments e WHERE e.org_id = $1 AND e.membership_id = $2) AS learning,
			(SELECT count(*)::int FROM questions q WHERE q.org_id = $1 AND q.membership_id = $2) + (SELECT count(*)::int FROM answers a WHERE a.org_id = $1 AND a.membership_id = $2) AS posts,
			(SELECT count(*)::int FROM resources r WHERE r.org_id = $1 AND r.author = $2) AS works,
			(SELECT count(*)::int FROM reflections f WHERE f.org_id = $1 AND f.membership_id = $2) + (SELECT count(*)::int FROM attempts t WHERE t.org_id = $1 AND t.membership_id = $2) + (SELECT count(*)::int FROM ticks k WHERE k.org_id = $1 AND k.membership_id = $2) + (SELECT count(*)::int FROM tryouts y WHERE y.org_id = $1 AND y.membership_id = $2) AS private,
			(SELECT count(DISTINCT d.org_id)::int FROM disclosures d WHERE d.giver_org = $1 AND d.membership_id = $2 AND d.ended_at IS NULL) AS named,
			EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND 'administrator' = ANY (m.roles))
				AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.membership_id <> $2 AND m.state = 'active' AND 'administrator' = ANY (m.roles)) AS last,
			EXISTS (SELECT 1 FROM erasures e WHERE e.org_id = $1 AND e.membership_id = $2) AS erasing`, who.Org, m)
	}); err != nil {
		return Belongings{}, fmt.Errorf("what is held about %s: %w", m, err)
	}
	if !found {
		return Belongings{}, errs.New(errs.NotFound, "member %s", m)
	}
	v.Member = member
	return v, nil
}

// TakeOut returns what writes everything that the own organization holds about the acting member, as a zip archive of JSON and CSV:
// see Person. Of others nothing is in it. That it was taken is a line of the log.
func (s *Service) TakeOut(ctx context.Context) (func(context.Context, io.Writer) error, error) {
	if err := authz.Check(ctx, authz.OwnData, id.Org{}); err != nil {
		return nil, err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return nil, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	return s.takeOut(ctx, who.Membership)
}

// TakeOutOf is TakeOut of a member, for administrators who answer a request. What is private to the member is not in it: reflections,
// quiz answers, and what the member agreed to. NotFound for anybody else's.
func (s *Service) TakeOutOf(ctx context.Context, m id.Membership) (func(context.Context, io.Writer) error, error) {
	if err := authz.Check(ctx, authz.ManagePeople, id.Org{}); err != nil {
		return nil, err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return nil, err
	}
	return s.takeOut(ctx, m)
}

func (s *Service) takeOut(ctx context.Context, of id.Membership) (func(context.Context, io.Writer) error, error) {
	var m Membership
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if m, err = MemberByID(tx, of); err != nil {
			return err
		}
		return Audit(tx, "person.exported", "membership:"+of.String(), nil)
	}); err != nil {
		return nil, fmt.Errorf("take out %s: %w", of, err)
	}
	o, err := s.ByID(ctx, m.OrgID)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w io.Writer) error {
		return s.db.Snapshot(ctx, func(sn *db.Snapshot) error {
			b, err := newBundle(w, sn, func() error { return nil })
			if err != nil {
				return err
			}
			withheld := map[string]string{}
			for _, t := range Person {
				for _, c := range t.Withheld {
					withheld[t.Table+"."+c] = "opens something, or is the portal's own"
				}
				if err := b.table(sn, t.Table, t.where(), t.Withheld, m.OrgID, m.MembershipID, m.Email, m.PersonID); err != nil {
					return err
				}
			}
			return b.close(o, withheld)
		})
	}, nil
}

// where names all four parameters, whichever of them the table needs.
func (p Personal) where() string {
	return p.Where + ` AND ($1::uuid, $2::uuid, $3::text, $4::uuid) IS NOT NULL`
}

// Overseers are who of the own organization may know something of the acting member beyond what everybody there knows, and what
// everybody anywhere does.
type Overseers struct {
	Since  time.Time // of the membership
	Admins int
	Leads  []string // of the member's teams, by name
	Counts bool     // the organization takes part in a program that may count the member's certificates
	Public int      // questions and answers that everybody reads under the member's name
}

// Overseers returns who looks after the acting member.
func (s *Service) Overseers(ctx context.Context) (v Overseers, err error) {
	if err := authz.Check(ctx, authz.OwnData, id.Org{}); err != nil {
		return v, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &v.Since, nil, `SELECT m.created_at FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, who.Org, who.Membership)
		db.One(b, &v.Admins, nil, `SELECT count(*)::int FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND 'administrator' = ANY (m.roles)`, who.Org)
		db.One(b, &v.Public, nil, `SELECT (SELECT count(*)::int FROM questions q WHERE q.org_id = $1 AND q.membership_id = $2 AND q.audience = 'public' AND q.shown_as = 'name' AND q.state <> 'withdrawn')
			+ (SELECT count(*)::int FROM answers a WHERE a.org_id = $1 AND a.membership_id = $2 AND a.audience = 'public' AND a.shown_as = 'name' AND a.state = 'shown')`, who.Org, who.Membership)
		db.One(b, &v.Counts, nil, `SELECT EXISTS (SELECT 1 FROM program_partners p WHERE p.partner = $1 AND p.state = 'active')`, who.Org)
		db.List(b, &v.Leads, `SELECT DISTINCT m.name FROM team_members t JOIN team_members l ON l.org_id = t.org_id AND l.team_id = t.team_id AND l.leads
			JOIN memberships m ON m.org_id = l.org_id AND m.membership_id = l.membership_id AND m.state = 'active' WHERE t.org_id = $1 AND t.membership_id = $2 AND l.membership_id <> $2 ORDER BY m.name LIMIT 10`, who.Org, who.Membership)
	})
	return v, err
}
