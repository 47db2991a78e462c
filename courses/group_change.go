package courses

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
)

// GroupDraft is what somebody says of a group.
type GroupDraft struct {
	Starts string // "2026-12-03T14:00", in the zone; "" for not agreed
	Zone   string // IANA
	Room   string // https; "" for none
	Wide   bool
	Shown  string // how the member is shown to others: of LiveShown
}

// read checks it and returns when it is.
func (d *GroupDraft) read(now time.Time, was *time.Time) (*time.Time, error) {
	var f []errs.Field
	bad := func(name, key string) { f = append(f, errs.Field{Name: name, Key: key}) }
	d.Room = strings.TrimSpace(d.Room)
	if d.Zone = strings.TrimSpace(d.Zone); d.Zone == "" {
		d.Zone = "UTC"
	}
	zone, ok := LiveZone(d.Zone)
	if !ok {
		bad("group_zone", "live.fault.zone")
	}
	var starts *time.Time
	if d.Starts != "" {
		at, err := time.ParseInLocation(liveStamp, d.Starts, zone)
		at = at.UTC()
		switch {
		case err != nil:
			bad("group_starts", "live.fault.time")
		case (was == nil || !was.Equal(at)) && (at.Before(now) || at.Sub(now) > liveAhead):
			bad("group_starts", "live.fault.past")
		}
		starts = &at
	}
	if u, err := url.Parse(d.Room); d.Room != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(d.Room) > 2000 || strings.ContainsAny(d.Room, " \t\r\n")) {
		bad("group_room", "live.fault.link")
	}
	if len(f) > 0 {
		return nil, errs.Fields(f...)
	}
	return starts, nil
}

// grouped runs fn where a few do something together, for a member for whom it is open.
func (s *Service) grouped(ctx context.Context, p Place, key string, fn func(*db.Tx, located, markdown.Block) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		at, err := s.locate(tx, p)
		if err != nil {
			return err
		}
		if err := at.opened(tx); err != nil {
			return err
		}
		l, err := db.Row[struct {
			Blocks []markdown.Block `db:"blocks"`
		}](tx, `SELECT l.blocks FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 AND l.key = $4`, at.Org, at.Item, at.Version, at.Lesson)
		if err != nil {
			return fmt.Errorf("group %s: %w", key, err)
		}
		i := slices.IndexFunc(l.Blocks, func(b markdown.Block) bool { return b.Kind == markdown.Group && b.Key == key })
		if i < 0 {
			return errs.New(errs.NotFound, "group %s of %s", key, at.Lesson)
		}
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "group/"+tx.Scope.Membership.String()+"/"+at.Item.String()); err != nil {
			return err
		}
		return fn(tx, at, l.Blocks[i])
	})
}

// mine is the group of a step that tx's member is in; nil for none.
func (at located) mine(tx *db.Tx, key string) (*StepGroup, error) {
	list, err := db.Rows[StepGroup](tx, myGroupSQL, tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// sit gives tx's member a place in a group.
func (at located) sit(tx *db.Tx, b markdown.Block, group id.Any, of id.Org, shown, room string) error {
	if !slices.Contains(LiveShown, shown) {
		return errs.New(errs.Malformed, "shown as %q", shown)
	}
	if err := tx.Must(`INSERT INTO step_group_people (org_id, membership_id, group_id, group_org, place_id, item_org, item_id, lesson_key, block_key, root_kind, root_id, step_key, title, shown_as, shown_name, room, joined_at)
		SELECT m.org_id, m.membership_id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $14 = 'name' THEN m.name ELSE '' END, $15, $16 FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`,
		tx.Scope.Org, tx.Scope.Membership, group, of, id.New[id.Any](), at.Org, at.Item, at.Lesson, b.Key, at.Root.Item.Kind, at.Root.ItemID, at.From.Key, taskTitle(b, at), shown, room, tx.Now); err != nil {
		return fmt.Errorf("place in group %s: %w", group, err)
	}
	return nil
}

// OpenGroup opens a group for something that a few do together, with the acting member in it. Whoever has not begun the course or path begins
// it with this. Conflict for who is in one already; Invalid, with the field, for what cannot be.
func (s *Service) OpenGroup(ctx context.Context, p Place, key string, d GroupDraft) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		was, err := at.mine(tx, key)
		if err != nil {
			return err
		}
		if was != nil {
			return errs.Say(errs.Conflict, "group.fault.in")
		}
		starts, err := d.read(tx.Now, nil)
		if err != nil {
			return err
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		group := id.New[id.Any]()
		if err := tx.Must(`INSERT INTO step_groups (org_id, group_id, membership_id, item_org, item_id, lesson_key, block_key, starts_at, zone, wide, most, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			tx.Scope.Org, group, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key, starts, d.Zone, d.Wide, b.To, tx.Now); err != nil {
			return fmt.Errorf("open a group: %w", err)
		}
		return at.sit(tx, b, group, tx.Scope.Org, d.Shown, d.Room)
	})
}

// JoinGroup takes a place in a group that the acting member can join; the others are told. Conflict for who is in one already, and for one that
// is full, called off, or the other organization's of two; NotFound for one that the member may not see.
func (s *Service) JoinGroup(ctx context.Context, p Place, key string, group id.Any, shown string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		was, err := at.mine(tx, key)
		if err != nil {
			return err
		}
		if was != nil {
			return errs.Say(errs.Conflict, "group.fault.in")
		}
		list, err := db.Rows[StepGroup](tx, `SELECT * FROM (`+openGroupsSQL+`) o WHERE o.group_id = $8`, tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key, tx.Now, group)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return errs.Say(errs.Conflict, "group.fault.gone")
		}
		if err := s.join(tx, at); err != nil {
			return err
		}
		own := tx.Scope.Org
		if err := tx.As(scope.Usher, list[0].Org, func() error {
			n, err := tx.Exec(`UPDATE step_groups SET size = size + 1, guest_org = coalesce(guest_org, CASE WHEN $3 <> org_id THEN $3 END) WHERE org_id = $1 AND group_id = $2 AND state = 'open' AND size < most
				AND ($3 = org_id OR wide AND coalesce(guest_org, $3) = $3)`, list[0].Org, group, own)
			if err == nil && n == 0 {
				err = errs.Say(errs.Conflict, "group.fault.gone")
			}
			return err
		}); err != nil {
			return err
		}
		if err := at.sit(tx, b, group, list[0].Org, shown, ""); err != nil {
			return err
		}
		return s.tellGroup(tx, group, "joined", taskTitle(b, at), "")
	})
}

// LeaveGroup gives the acting member's place in their group back. Conflict once they said that they took part, and for who opened it: they call
// it off.
func (s *Service) LeaveGroup(ctx context.Context, p Place, key string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		switch {
		case err != nil || g == nil:
			return err
		case g.Said != nil || g.Mine:
			return errs.Say(errs.Conflict, "group.fault.leave")
		}
		if err := s.tellGroup(tx, g.ID, "left", taskTitle(b, at), ""); err != nil {
			return err
		}
		if err := tx.Must(`DELETE FROM step_group_people WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID); err != nil {
			return err
		}
		return tx.As(scope.Usher, g.Org, func() error { return countGroup(tx, g.ID) })
	})
}

// countGroup brings up to date how many are in an own group.
func countGroup(tx *db.Tx, group id.Any) error {
	_, err := tx.Exec(`UPDATE step_groups g SET size = least(g.most, (SELECT count(*)::int FROM step_group_people p WHERE p.group_id = g.group_id)) WHERE g.org_id = $1 AND g.group_id = $2`, tx.Scope.Org, group)
	return err
}

// forgetGroups takes somebody who is being erased out of the groups that they are in.
func forgetGroups(tx *db.Tx, member id.Membership) error {
	list, err := db.Rows[struct {
		Org   id.Org `db:"group_org"`
		Group id.Any `db:"group_id"`
	}](tx, `SELECT p.group_org, p.group_id FROM step_group_people p WHERE p.org_id = $1 AND p.membership_id = $2 ORDER BY p.group_id LIMIT 1000`, tx.Scope.Org, member)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM step_group_people WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, member); err != nil {
		return err
	}
	for _, g := range list {
		if err := tx.As(scope.Usher, g.Org, func() error { return countGroup(tx, g.Group) }); err != nil {
			return err
		}
	}
	return nil
}

// PlanGroup changes when and where the acting member's own group meets, and whether others can join; those in it are told. NotFound for who
// opened none.
func (s *Service) PlanGroup(ctx context.Context, p Place, key string, d GroupDraft) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err == nil && (g == nil || !g.Mine) {
			err = errs.New(errs.NotFound, "no group of one's own")
		}
		if err != nil {
			return err
		}
		starts, err := d.read(tx.Now, g.Starts)
		if err != nil {
			return err
		}
		if err := tx.Batch(func(bt *db.Batch) {
			db.Write(bt, nil, `UPDATE step_groups SET starts_at = $4, zone = $5, wide = $6 OR guest_org IS NOT NULL WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID, starts, d.Zone, d.Wide)
			db.Write(bt, nil, `UPDATE step_group_people SET room = $4 WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID, d.Room)
		}); err != nil {
			return err
		}
		return s.tellGroup(tx, g.ID, "planned", taskTitle(b, at), "")
	})
}

// CallGroupOff calls the acting member's own group off; those in it are told. Conflict once somebody said that they took part.
func (s *Service) CallGroupOff(ctx context.Context, p Place, key string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err == nil && (g == nil || !g.Mine) {
			err = errs.New(errs.NotFound, "no group of one's own")
		}
		if err != nil {
			return err
		}
		said, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM step_group_people p WHERE p.group_id = $1 AND p.said_at IS NOT NULL)`, g.ID)
		if err == nil && said {
			err = errs.Say(errs.Conflict, "group.fault.leave")
		}
		if err != nil {
			return err
		}
		if err := tx.Must(`UPDATE step_groups SET state = 'off' WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`, tx.Scope.Org, tx.Scope.Membership, g.ID); err != nil {
			return err
		}
		return s.tellGroup(tx, g.ID, "off", taskTitle(b, at), "")
	})
}
