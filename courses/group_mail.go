package courses

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// askTeamAgain is how often the own team is asked, and noteMost how long a note to it is.
const (
	askTeamAgain = 24 * time.Hour
	noteMost     = 500
)

// AskTeamToJoin mails the people of the acting member's teams that somebody is looked for, with a note. Conflict within a day; Invalid for a note
// that is too long; NotFound for who opened no group.
func (s *Service) AskTeamToJoin(ctx context.Context, p Place, key, note string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	note = strings.TrimSpace(note)
	if utf8.RuneCountInString(note) > noteMost {
		return errs.Fields(errs.Field{Name: "group_note", Key: "live.fault.long", Args: []any{"Most", noteMost}})
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err == nil && (g == nil || !g.Mine) {
			err = errs.New(errs.NotFound, "no group of one's own")
		}
		if err != nil {
			return err
		}
		if g.Asked != nil && tx.Now.Sub(*g.Asked) < askTeamAgain {
			return errs.Say(errs.Conflict, "group.fault.asked")
		}
		if err := tx.Must(`UPDATE step_groups SET asked_at = $4 WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID, tx.Now); err != nil {
			return err
		}
		if s.mail == nil {
			return nil
		}
		by, err := db.Row[string](tx, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, tx.Scope.Org, tx.Scope.Membership)
		if err != nil {
			return err
		}
		list, err := db.Rows[holder](tx, `SELECT DISTINCT m.email, m.locale, o.slug FROM team_members me JOIN team_members x ON x.org_id = me.org_id AND x.team_id = me.team_id AND x.membership_id <> me.membership_id
			JOIN memberships m ON m.org_id = x.org_id AND m.membership_id = x.membership_id AND m.state = 'active' AND m.email <> '' JOIN organizations o ON o.org_id = m.org_id
			WHERE me.org_id = $1 AND me.membership_id = $2 ORDER BY m.email LIMIT $3`, tx.Scope.Org, tx.Scope.Membership, teamMails)
		if err != nil {
			return err
		}
		for _, to := range list {
			if err := s.post(tx, to, "group.mail.ask", "Name", by, "Title", taskTitle(b, at), "Note", note, "Link", s.url(to.Slug)+stepAddress(at.Root.Item.Kind, at.Root.ItemID, at.From.Key, at.Lesson)); err != nil {
				return err
			}
		}
		return tenants.Audit(tx, "group.asked", "item:"+at.Item.String(), map[string]int{"people": len(list)})
	})
}

// stepAddress is where a step is on a portal; the readable part is put right by the server.
func stepAddress(kind string, root id.Item, step, lesson string) string {
	at := "/" + kind + "/" + root.String() + "/-"
	switch step {
	case "":
		return at + "/lessons/" + url.PathEscape(lesson)
	case lesson:
		return at + "/steps/" + url.PathEscape(step)
	}
	return at + "/steps/" + url.PathEscape(step) + "/" + url.PathEscape(lesson)
}

// tellGroup mails the others of a group what happened in it: that, not who did it. at is where they read on, "" for the step.
func (s *Service) tellGroup(tx *db.Tx, group id.Any, what, title, at string) error {
	if s.mail == nil {
		return nil
	}
	list, err := db.Rows[struct {
		Org    id.Org        `db:"org_id"`
		Member id.Membership `db:"membership_id"`
		Kind   string        `db:"root_kind"`
		Root   id.Item       `db:"root_id"`
		Step   string        `db:"step_key"`
		Lesson string        `db:"lesson_key"`
	}](tx, `SELECT p.org_id, p.membership_id, p.root_kind, p.root_id, p.step_key, p.lesson_key FROM step_group_people p WHERE p.group_id = $1 AND (p.org_id, p.membership_id) <> ($2, $3) 
		AND (p.org_id = $2 OR EXISTS (SELECT 1 FROM connection_sides c WHERE c.org_id = $2 AND c.other_org = p.org_id AND c.state = 'active' AND c.meet <> 'none')) ORDER BY p.joined_at, p.place_id LIMIT 50`,
		group, tx.Scope.Org, tx.Scope.Membership)
	if err != nil {
		return err
	}
	for _, p := range list {
		send := func() error {
			to, err := db.Rows[holder](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND m.email <> '' LIMIT 1`, p.Org, p.Member)
			if err != nil || len(to) == 0 {
				return err
			}
			return s.post(tx, to[0], "group.mail."+what, "Title", title, "Link", s.url(to[0].Slug)+cmp.Or(at, stepAddress(p.Kind, p.Root, p.Step, p.Lesson)))
		}
		if p.Org != tx.Scope.Org {
			if err := tx.As(scope.Mailer, p.Org, send); err != nil {
				return err
			}
		} else if err := send(); err != nil {
			return err
		}
	}
	return nil
}
