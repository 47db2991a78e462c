package tenants

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
)

// What becomes of what an erased person wrote for others.
const (
	PostsKeep   = "keep"   // it stays, as a former member's
	PostsDelete = "delete" // it is emptied
)

// MemberLeft says that a member is being erased.
type MemberLeft struct {
	Org    id.Org        `json:"org"`
	Member id.Membership `json:"membership"`
}

// EventKind implements jobs.Event.
func (MemberLeft) EventKind() string { return "tenants.member_left" }

// EventOrg implements jobs.Event.
func (e MemberLeft) EventOrg() id.Org { return e.Org }

// EraseSelf begins to erase the acting member, whose name must be given: see erase. Invalid for another name, Conflict for the only
// administrator.
func (s *Service) EraseSelf(ctx context.Context, name, posts string) error {
	if err := authz.Check(ctx, authz.OwnData, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	return s.erase(ctx, who.Membership, name, posts)
}

// EraseMember begins to erase a member on an administrator's word, as EraseSelf does. NotFound for anybody else's member.
func (s *Service) EraseMember(ctx context.Context, m id.Membership, name, posts string) error {
	if err := authz.Check(ctx, authz.ManagePeople, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.db.Now()); err != nil {
		return err
	}
	return s.erase(ctx, m, name, posts)
}

// erase ends everything by which the member can act, and all that others know of them by name, in one transaction; the keeper does the
// rest. Again it changes nothing.
func (s *Service) erase(ctx context.Context, who id.Membership, name, posts string) error {
	if posts != PostsKeep && posts != PostsDelete {
		return errs.Fields(errs.Field{Name: "posts", Key: "person.erase.choose"})
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		m, err := db.Row[Membership](tx, `SELECT `+MembershipColumns+` FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2 FOR UPDATE`, tx.Scope.Org, who)
		if err != nil {
			return err
		}
		if !strings.EqualFold(strings.Join(strings.Fields(name), " "), strings.Join(strings.Fields(m.Name), " ")) {
			return errs.Fields(errs.Field{Name: "name", Key: "person.erase.differs", Args: []any{"Name", m.Name}})
		}
		if m.State == "active" {
			last, err := LastAdministrator(tx, who)
			if err != nil {
				return err
			}
			if last {
				return errs.Say(errs.Conflict, "person.erase.last")
			}
		}
		n, err := tx.Exec(`INSERT INTO erasures (org_id, membership_id, asked_by, posts, asked_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, tx.Scope.Org, who, tx.Scope.Membership, posts, tx.Now)
		if err != nil || n == 0 {
			return err
		}
		if err := tx.Must(`UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, who); err != nil {
			return err
		}
		if err := tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `DELETE FROM sessions WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, who)
			db.Write(b, nil, `DELETE FROM api_tokens WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, who)
			db.Write(b, nil, `DELETE FROM email_links WHERE org_id = $1 AND email = $2`, tx.Scope.Org, m.Email)
		}); err != nil {
			return err
		}
		if err := undisclose(tx, who); err != nil {
			return err
		}
		if err := Audit(tx, "person.leaving", "membership:"+who.String(), map[string]any{"posts": posts}); err != nil {
			return err
		}
		return jobs.Emit(tx, MemberLeft{Org: tx.Scope.Org, Member: who})
	})
	if err != nil {
		return fmt.Errorf("erase member %s: %w", who, err)
	}
	return nil
}

// undisclose takes back what other organizations know by name of a member who left.
func undisclose(tx *db.Tx, who id.Membership) error {
	to, err := db.Rows[id.Org](tx, `SELECT DISTINCT d.org_id FROM disclosures d WHERE d.giver_org = $1 AND d.membership_id = $2 ORDER BY d.org_id LIMIT 10000`, tx.Scope.Org, who)
	if err != nil {
		return err
	}
	for _, o := range to {
		if err := disclose(tx, tx.Scope.Org, o, &who); err != nil {
			return err
		}
	}
	return nil
}

// Keeper carries out what was decided about data as a whole: erasing a person, and handing out what an organization owns. Both may end
// at any time, also by a power cut, and are taken up again.
type Keeper struct {
	db   *db.DB
	blob blob.Store
	jobs *jobs.Client
	log  *slog.Logger

	onForget []func(ctx context.Context, member id.Membership, posts string) error
}

// NewKeeper returns the keeper of an installation and registers its jobs.
func NewKeeper(s *Service, c *jobs.Client, log *slog.Logger) *Keeper {
	k := &Keeper{db: s.db, blob: s.blob, jobs: c, log: log}
	k.work(c)
	return k
}

// Listen registers what follows when somebody is to be erased, or a copy was asked for.
func (k *Keeper) Listen(relay *jobs.Relay) {
	jobs.On(relay, scope.Keeper, k.left)
	jobs.On(relay, scope.Keeper, k.exportAsked)
}

// OnForget registers what another room does with what an erased person wrote, before the rest goes. It acts as the keeper of the
// organization and may be called again.
func (k *Keeper) OnForget(do func(ctx context.Context, member id.Membership, posts string) error) {
	k.onForget = append(k.onForget, do)
}

func (k *Keeper) left(ctx context.Context, events []MemberLeft) error {
	return k.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			due, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM erasures e WHERE e.org_id = $1 AND e.membership_id = $2 AND e.state = 'running')`, tx.Scope.Org, e.Member)
			if err != nil {
				return err
			}
			if !due {
				continue
			}
			if err := k.jobs.Insert(tx, forgetArgs{Org: tx.Scope.Org, Member: e.Member}); err != nil {
				return err
			}
		}
		return nil
	})
}

type erasure struct {
	Posts  string    `db:"posts"`
	State  string    `db:"state"`
	Email  string    `db:"email"`
	Person id.Person `db:"person_id"`
	Locale string    `db:"locale"` // of the organization
}

// Forget erases a member of the keeper's organization who left: what they wrote for others, then the rows of every table of Person, the
// name last. Repeating it goes on where it stopped. NotFound for somebody who is not to be erased.
func (k *Keeper) Forget(ctx context.Context, member id.Membership) error {
	if err := authz.Check(ctx, authz.ErasePerson, id.Org{}); err != nil {
		return err
	}
	var e erasure
	if err := k.db.Tx(ctx, func(tx *db.Tx) (err error) {
		e, err = db.Row[erasure](tx, `SELECT e.posts, e.state, m.email, m.person_id, o.locale FROM erasures e JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id
			JOIN organizations o ON o.org_id = e.org_id WHERE e.org_id = $1 AND e.membership_id = $2`, tx.Scope.Org, member)
		return err
	}); err != nil {
		return fmt.Errorf("forget %s: %w", member, err)
	}
	if e.State == "done" {
		return nil
	}
	for _, forget := range k.onForget {
		if err := forget(ctx, member, e.Posts); err != nil {
			return fmt.Errorf("forget %s: %w", member, err)
		}
	}
	gone := map[string]int{}
	for _, t := range Person {
		n, err := k.forgetTable(ctx, t, member, e)
		if err != nil {
			return fmt.Errorf("forget %s: %s: %w", member, t.Table, err)
		}
		if n > 0 {
			gone[t.Table] = n
		}
	}
	locale, _ := lang.Parse(e.Locale)
	former := lang.T(lang.With(ctx, locale), "person.former")
	if err := k.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE resources SET author_name = $3 WHERE org_id = $1 AND author = $2`, tx.Scope.Org, member, former); err != nil {
			return err
		}
		if err := undisclose(tx, member); err != nil {
			return err
		}
		if _, err := tx.Exec(`SELECT forget_member($1, $2, $3)`, member, former, id.New[id.Person]()); err != nil {
			return err
		}
		if err := tx.Must(`UPDATE erasures SET state = 'done', finished_at = $3 WHERE org_id = $1 AND membership_id = $2 AND state = 'running'`, tx.Scope.Org, member, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "person.erased", "membership:"+member.String(), map[string]any{"posts": e.Posts, "rows": gone})
	}); err != nil {
		return fmt.Errorf("forget %s: %w", member, err)
	}
	return nil
}

// forgetTable removes the member's rows of a table if that is what becomes of them, at most eraseBatch in a transaction.
func (k *Keeper) forgetTable(ctx context.Context, t Personal, member id.Membership, e erasure) (n int, err error) {
	if t.Erased != Goes || t.Table == "persons" { // That one goes with the name.
		return 0, nil
	}
	for {
		var some int64
		if err := k.db.Tx(ctx, func(tx *db.Tx) (err error) {
			if t.Where == ofMember {
				some, err = db.Row[int64](tx, `SELECT forget_rows($1, $2, $3)`, t.Table, member, eraseBatch)
				return err
			}
			some, err = tx.Exec(`DELETE FROM `+t.Table+` t WHERE `+t.where(), tx.Scope.Org, member, e.Email, e.Person)
			return err
		}); err != nil || some == 0 {
			return n, err
		}
		n += int(some)
	}
}
