package courses

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// PublishPlanned says that a draft is to publish itself at a time.
type PublishPlanned struct {
	Org  id.Org    `json:"org"`
	Item id.Item   `json:"item"`
	At   time.Time `json:"at"`
}

// EventKind implements jobs.Event.
func (PublishPlanned) EventKind() string { return "courses.publish_planned" }

// EventOrg implements jobs.Event.
func (e PublishPlanned) EventOrg() id.Org { return e.Org }

// aheadMost is how far ahead something can be published.
const aheadMost = 366 * 24 * time.Hour

// Schedule has a draft publish itself at a time, as the acting member and with what is written then; zero calls it off. Another time takes the
// place of the one before. Invalid for a time that is over or more than a year ahead.
func (s *Service) Schedule(ctx context.Context, item id.Item, at time.Time) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.manuscript(ctx, item, func(tx *db.Tx, m Manuscript) error {
		if at.IsZero() {
			if m.PublishAt == nil {
				return nil
			}
			if err := tx.Must(`UPDATE course_drafts SET publish_at = NULL, publish_by = NULL WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item); err != nil {
				return err
			}
			return tenants.Audit(tx, "publishing.called_off", "item:"+item.String(), nil)
		}
		at = at.UTC().Truncate(time.Minute)
		if at.Before(tx.Now) || at.Sub(tx.Now) > aheadMost {
			return errs.Fields(errs.Field{Name: "at", Key: "review.fault.at"})
		}
		if tx.Scope.Membership.IsZero() {
			return errs.New(errs.Malformed, "a program publishes at once")
		}
		if err := tx.Must(`UPDATE course_drafts SET publish_at = $3, publish_by = $4, publish_fault = '' WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item, at, tx.Scope.Membership); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "publishing.planned", "item:"+item.String(), map[string]string{"at": at.Format(time.RFC3339)}); err != nil {
			return err
		}
		return jobs.Emit(tx, PublishPlanned{tx.Scope.Org, item, at})
	})
}

// planned is a draft that is due, with whoever wants it published.
type planned struct {
	Title  string        `db:"title"`
	Member id.Membership `db:"membership_id"`
	Person id.Person     `db:"person_id"`
	Roles  []scope.Role  `db:"roles"`
	State  string        `db:"state"`
	House  string        `db:"house"` // the state of the organization
}

// errOtherwise says that a draft is not to publish itself at that time any more.
var errOtherwise = errors.New("the draft is not to be published then")

// errResting says that the organization does nothing for now; what is due waits.
var errResting = errors.New("the organization rests")

// Publish publishes a draft of the acting organization that is due, with the rights that whoever planned it has now. If it cannot be
// published, the draft says why and whoever planned it gets a mail. What was called off or put to another time is left alone; repeating is
// safe.
func (r *Routine) Publish(ctx context.Context, item id.Item, at time.Time) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var p planned
	if err := r.s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		p, err = db.Row[planned](tx, `SELECT d.title, m.membership_id, m.person_id, m.roles, m.state, o.state AS house FROM course_drafts d JOIN organizations o ON o.org_id = d.org_id JOIN memberships m ON m.org_id = d.org_id AND m.membership_id = d.publish_by
			WHERE d.org_id = $1 AND d.item_id = $2 AND d.publish_at = $3`, tx.Scope.Org, item, at)
		return err
	}); err != nil {
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		return fmt.Errorf("planned publishing of %s: %w", item, err)
	}
	if p.House != tenants.OrgActive {
		return errResting
	}
	why := "review.late.left"
	if p.State == "active" {
		as := scope.Enter(ctx, scope.Scope{Actor: scope.Member, Org: sc.Org, Membership: p.Member, Person: p.Person, Roles: p.Roles}) //nolint:forbidigo // Whoever planned it acts, with the rights of now.
		switch err := r.publishAs(as, item, at); {
		case err == nil, errors.Is(err, errOtherwise):
			return nil
		case errs.Is(err, errs.Invalid), errs.Is(err, errs.Conflict):
			why = "review.late.blocked"
		case errs.Is(err, errs.NotFound):
			why = "review.late.rights"
		default:
			return err
		}
	}
	return r.s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE course_drafts SET publish_at = NULL, publish_by = NULL, publish_fault = $4 WHERE org_id = $1 AND item_id = $2 AND publish_at = $3`, tx.Scope.Org, item, at, why)
		if err != nil || n == 0 {
			return err
		}
		return r.late(tx, item, p, why)
	})
}

// publishAs publishes if the draft is still to publish itself at that time.
func (r *Routine) publishAs(ctx context.Context, item id.Item, at time.Time) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	_, err := r.s.publishDraft(ctx, item, func(m Manuscript) error {
		if m.PublishAt == nil || !m.PublishAt.Equal(at) {
			return errOtherwise
		}
		return nil
	})
	return err
}
