package courses

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
)

// GroupSay is what somebody says who took part.
type GroupSay struct {
	Words string
	Link  string   // "" for none
	There []string // the places of the others who were there
}

// GroupMet says that somebody took part in what a few did together, and another one says so, too.
type GroupMet struct {
	Org        id.Org        `json:"org"`
	Membership id.Membership `json:"membership"`
	Group      id.Any        `json:"group"`
}

// EventKind implements jobs.Event.
func (GroupMet) EventKind() string { return "courses.group_met" }

// EventOrg implements jobs.Event.
func (e GroupMet) EventOrg() id.Org { return e.Org }

// SayGroup says for the acting member that they took part, what came out of it, and who else was there. Somebody is done with the step who says
// that they took part and of whom another one says so; nobody is alone. What one said of others stands. Conflict for who is in no group, for one
// with nobody else, and before it began; Invalid, with the field, without anybody else, and without words while nobody said any.
func (s *Service) SayGroup(ctx context.Context, p Place, key string, say GroupSay) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.grouped(ctx, p, key, func(tx *db.Tx, at located, b markdown.Block) error {
		g, err := at.mine(tx, key)
		if err != nil {
			return err
		}
		if g == nil || g.State == "" || g.Starts != nil && g.Starts.After(tx.Now) {
			return errs.Say(errs.Conflict, "group.fault.early")
		}
		people, err := db.Rows[GroupPerson](tx, withMine+groupPeople, tx.Scope.Org, tx.Scope.Membership, at.Org, at.Item, at.Lesson, key)
		if err != nil {
			return err
		}
		var there []id.Any
		for _, x := range people {
			if !x.Me && slices.Contains(say.There, x.Place.String()) {
				there = append(there, x.Place)
			}
		}
		if err := say.check(people, there); err != nil {
			return err
		}
		var mine id.Any
		for _, x := range people {
			if x.Me {
				mine = x.Place
			}
		}
		if err := tx.Must(`UPDATE step_group_people SET words = $4, link = $5, said_at = coalesce(said_at, $6) WHERE org_id = $1 AND membership_id = $2 AND group_id = $3`,
			tx.Scope.Org, tx.Scope.Membership, g.ID, say.Words, say.Link, tx.Now); err != nil {
			return fmt.Errorf("took part in %s: %w", g.ID, err)
		}
		seen, err := db.Rows[struct {
			Org    id.Org        `db:"org_id"`
			Member id.Membership `db:"membership_id"`
		}](tx, `INSERT INTO step_group_seen (org_id, membership_id, group_id, by_org, by_place, at) SELECT p.org_id, p.membership_id, p.group_id, $2, $3, $4 FROM step_group_people p WHERE p.group_id = $1 AND p.place_id = ANY ($5)
			ON CONFLICT DO NOTHING RETURNING org_id, membership_id`, g.ID, tx.Scope.Org, mine, tx.Now, there)
		if err != nil {
			return fmt.Errorf("who was in %s: %w", g.ID, err)
		}
		for _, x := range seen {
			if err := jobs.Emit(tx, GroupMet{Org: x.Org, Membership: x.Member, Group: g.ID}); err != nil {
				return err
			}
		}
		if err := s.tellGroup(tx, g.ID, "said", taskTitle(b, at), ""); err != nil {
			return err
		}
		// Whoever was named already is done with this.
		return s.earn(tx, tx.Scope.Membership, p)
	})
}

func (say *GroupSay) check(people []GroupPerson, there []id.Any) error {
	say.Words, say.Link = strings.TrimSpace(say.Words), strings.TrimSpace(say.Link)
	var f []errs.Field
	bad := func(name, key string, args ...any) { f = append(f, errs.Field{Name: name, Key: key, Args: args}) }
	switch {
	case utf8.RuneCountInString(say.Words) > 4000:
		bad("group_words", "live.fault.long", "Most", 4000)
	case say.Words == "" && !slices.ContainsFunc(people, func(p GroupPerson) bool { return !p.Me && p.Words != "" }):
		bad("group_words", "group.fault.words")
	}
	if u, err := url.Parse(say.Link); say.Link != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(say.Link) > 2000) {
		bad("group_link", "practice.fault.link")
	}
	if len(there) == 0 {
		bad("group_there", "group.fault.there")
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return nil
}

// Met finishes the step for members of the acting organization of whom somebody else says that they took part. An event only says whose rows to
// look at; repeating it is safe.
func (s *Service) Met(ctx context.Context, events []GroupMet) error {
	if err := authz.Check(ctx, authz.SeatPeople, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range events {
			list, err := db.Rows[struct {
				Root   id.Item `db:"root_id"`
				Step   string  `db:"step_key"`
				Lesson string  `db:"lesson_key"`
			}](tx, `SELECT p.root_id, p.step_key, p.lesson_key FROM step_group_people p WHERE p.org_id = $1 AND p.membership_id = $2 AND p.group_id = $3 AND p.said_at IS NOT NULL LIMIT 1`, tx.Scope.Org, e.Membership, e.Group)
			if err != nil {
				return err
			}
			for _, l := range list {
				if l.Step == l.Lesson {
					l.Lesson = ""
				}
				if err := s.earn(tx, e.Membership, Place{Item: l.Root, Step: l.Step, Lesson: l.Lesson}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// listenGroups registers what follows on somebody's having taken part.
func (s *Service) listenGroups(relay *jobs.Relay) { jobs.On(relay, scope.Usher, s.Met) }
