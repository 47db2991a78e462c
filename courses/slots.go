package courses

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// SlotsView is where a publisher opens its path to additions.
type SlotsView struct {
	Now      time.Time
	Item     tenants.Item
	Outline  Outline // of the version in force, without steps that lead where the viewer may not go any more
	Adopters []Adopters
	Shown    []ShownAdditions
	Written  bool // the next version is being written, and opens places itself
}

// Adopters is how many organizations that adopted a path start their people in a version; Version 0 is all of them.
type Adopters struct {
	Version       int `db:"version"`
	Organizations int `db:"organizations"`
}

// ShownAdditions are what an adopter lets the publisher read.
type ShownAdditions struct {
	Additions

	By tenants.Organization
}

// readAdopters queues how many organizations adopted an own path: of those whose agreement lets the publisher read totals, and none
// of fewer than five. The database counts, because no row of another organization may be read for it.
func readAdopters(b *db.Batch, dest *[]Adopters, item id.Item) {
	db.List(b, dest, `SELECT t.version, t.organizations FROM adopters_of($1) t ORDER BY t.version DESC LIMIT 50`, item)
}

// Slots returns an own path with what it opens to adopters, for its authors.
func (s *Service) Slots(ctx context.Context, path id.Item) (SlotsView, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return SlotsView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return SlotsView{}, err
	}
	var v SlotsView
	var found bool
	var shown []Additions
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Item, &found, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind = 'path' AND i.state = 'published' AND i.version > 0`, sc.Org, path)
		db.One(b, &v.Written, nil, isWritten, sc.Org, path)
		readAdopters(b, &v.Adopters, path)
		db.List(b, &shown, `SELECT `+additionColumns+` FROM connection_sides s JOIN additions a ON a.org_id = s.org_id AND a.path_org = $1 AND a.path_id = $2 AND a.shown AND a.for_publisher
			WHERE s.other_org = $1 AND s.state = 'active' ORDER BY s.org_id LIMIT 50`, sc.Org, path)
	}); err != nil {
		return SlotsView{}, err
	}
	if !found {
		return SlotsView{}, errs.New(errs.NotFound, "slots of %s", path)
	}
	e := edition{v.Item.OrgID, path, v.Item.Version}
	list, err := s.read(ctx, e)
	if err != nil {
		return SlotsView{}, err
	}
	v.Outline = list[e]
	leads := v.Outline.leads(path)
	for _, a := range shown {
		leads = append(leads, a.leads()...)
	}
	var sees []tenants.Item
	if err := s.db.Read(ctx, func(b *db.Batch) { tenants.SeeItems(b, &sees, sc, leads) }); err != nil {
		return SlotsView{}, err
	}
	v.Outline = v.Outline.seen(path, sees)
	var ids []id.Org
	for _, a := range shown {
		ids = append(ids, a.Org)
	}
	open := make([]id.Item, len(sees))
	for i, it := range sees {
		open[i] = it.ItemID
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	if err != nil {
		return SlotsView{}, err
	}
	for _, a := range shown {
		v.Shown = append(v.Shown, ShownAdditions{a.seen(open), orgs[a.Org]})
	}
	return v, nil
}

// isWritten asks whether somebody writes the next version of an own item: $1 organization, $2 item.
const isWritten = `SELECT EXISTS (SELECT 1 FROM course_drafts d WHERE d.org_id = $1 AND d.item_id = $2)`

// SlotsDraft is what a path opens to adopters.
type SlotsDraft struct {
	Version     int // in force when this was written
	Proposition bool
	Notes       []string // keys of the steps beside which a note is welcome
	Open        []Slot   // by the step after which they stand, with a suggestion; keys are kept or made
}

// OpenSlots publishes an own path as its next version with the same steps and these slots, so that adopters see the change before
// they take it. The same slots again make no version. Conflict if another version came out meanwhile,
// or if the next one is being written: it would not have these slots.
func (s *Service) OpenSlots(ctx context.Context, path id.Item, d SlotsDraft) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	for _, sl := range d.Open {
		if utf8.RuneCountInString(sl.Suggestion) > additionLine {
			return errs.Fields(errs.Field{Name: "suggestion-" + sl.After, Key: "additions.fault.line_long", Args: []any{"Count", additionLine}})
		}
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		row, err := db.Row[struct {
			Version int     `db:"version"`
			Outline Outline `db:"outline"`
			Digest  []byte  `db:"digest"`
		}](tx, `SELECT i.version, v.outline, v.digest FROM items i JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version
			WHERE i.org_id = $1 AND i.item_id = $2 AND i.kind = 'path' AND i.state = 'published' FOR UPDATE OF i`, tx.Scope.Org, path)
		if err != nil {
			return fmt.Errorf("slots of %s: %w", path, err)
		}
		if row.Version != d.Version {
			return errs.Say(errs.Conflict, "additions.fault.version")
		}
		if written, err := db.Row[bool](tx, isWritten, tx.Scope.Org, path); err != nil || written {
			return cmp.Or(err, errs.Say(errs.Conflict, "additions.fault.written"))
		}
		sees, err := db.Rows[id.Item](tx, `SELECT i.item_id FROM items i WHERE i.item_id = ANY($2) AND `+tenants.Seen("$1"), tx.Scope.Org, row.Outline.leads(path))
		if err != nil {
			return err
		}
		next, err := d.on(row.Outline, func(st Step) bool { return st.Item != path && !slices.Contains(sees, st.Item) })
		if err != nil {
			return err
		}
		was, _ := json.Marshal(row.Outline) // An outline always has a form.
		is, _ := json.Marshal(next)
		if string(was) == string(is) {
			return nil
		}
		sum := sha256.Sum256(append(row.Digest, is...))
		version, err := again(tx, path, row.Version, next, sum[:])
		if err != nil {
			return fmt.Errorf("slots of %s: %w", path, err)
		}
		return tenants.PublishItem(tx, path, version, time.Time{})
	})
}

// leads lists what the steps of the path self lead to beside itself.
func (o Outline) leads(self id.Item) (out []id.Item) {
	for _, st := range o.Steps {
		if st.Item != self {
			out = append(out, st.Item)
		}
	}
	return out
}

// open is the outline of the path self without the steps that lead to items which tx's member may not see.
func (o Outline) open(tx *db.Tx, self id.Item) (Outline, error) {
	list, err := db.Rows[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.item_id = ANY($2) AND `+tenants.Seen("$1"), tx.Scope.Org, o.leads(self))
	return o.seen(self, list), err
}

// seen is the outline of the path self without the steps that lead to items which are not among those seen.
func (o Outline) seen(self id.Item, items []tenants.Item) Outline {
	o.Steps = slices.DeleteFunc(slices.Clone(o.Steps), func(st Step) bool {
		return st.Item != self && !slices.ContainsFunc(items, func(i tenants.Item) bool { return i.ItemID == st.Item })
	})
	return o
}

// on is the outline with these slots instead of its own; a hidden step keeps what it had. NotFound for a step that it does not have.
func (d SlotsDraft) on(o Outline, hidden func(Step) bool) (Outline, error) {
	old, closed := o.Slots, o.NoNotes
	o.Slots, o.NoNotes, o.NoProposition = nil, nil, !d.Proposition
	for _, sl := range old {
		if st, ok := o.Step(sl.After); ok && hidden(st) {
			o.Slots = append(o.Slots, sl)
		}
	}
	for _, sl := range d.Open {
		if st, ok := o.Step(sl.After); sl.After != "" && (!ok || hidden(st)) {
			return o, errs.New(errs.NotFound, "no step %q", sl.After)
		}
		sl.Key = "after-" + sl.After
		if sl.After == "" {
			sl.Key = "beginning"
		}
		if i := slices.IndexFunc(old, func(x Slot) bool { return x.After == sl.After }); i >= 0 {
			sl.Key = old[i].Key
		}
		o.Slots = append(o.Slots, sl)
	}
	for _, st := range o.Steps {
		if hidden(st) && slices.Contains(closed, st.Key) || !hidden(st) && !slices.Contains(d.Notes, st.Key) {
			o.NoNotes = append(o.NoNotes, st.Key)
		}
	}
	return o, nil
}
