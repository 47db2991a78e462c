package courses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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

// Lengths of what is added, in letters, and how much of it there can be.
const (
	additionLine  = 300
	additionTitle = 200
	additionText  = 40_000
	noteText      = 2000
	additionSteps = 40
)

// ComposeView is what somebody sees who writes what their organization adds to an adopted path: the path in the version in use, with
// the draft in its places.
type ComposeView struct {
	Adopted

	Now      time.Time
	Draft    Additions
	Parked   Additions // of the draft, what has no place in the version in use
	Stops    []ComposeStop
	Changed  bool // the draft is not what is published
	Edition  int  // published last; 0 for none
	SavedBy  string
	SavedAt  *time.Time
	CanUndo  bool
	Next     *Arrival // what a newer version would do to the draft; nil if there is none
	History  []EditionLine
	Items    []tenants.Item // own ones that a step can lead to
	Own      tenants.Organization
	Settled  Outline // of the version in use, without steps that lead where the viewer may not go
	Writable bool    // an agreement allows it
}

// ComposeStop is a row of the path: a step of the publisher, an own step, or an open slot.
type ComposeStop struct {
	Kind        string // "step", "own" or "slot"
	Key         string // of the step or slot
	Title       string
	StepKind    string
	Minutes     int
	Org         tenants.Organization
	Note        *Note // of the draft
	NoNote      bool  // the publisher wants none here
	Suggestion  string
	First, Last bool // an own step that cannot move up or down
}

// Arrival is what a newer version does to a draft.
type Arrival struct {
	Version int
	Stays   int // notes and steps that keep a place
	Moved   []string
	Parked  []string // titles of steps, and of the steps of notes
}

// Compose returns what the own organization adds to an adopted path, for those who write it. NotFound for what is not in the library,
// is no path or has closed. withItems reads the own items that a step can lead to as well.
func (s *Service) Compose(ctx context.Context, path id.Item, withItems bool) (ComposeView, error) {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return ComposeView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return ComposeView{}, err
	}
	var v ComposeView
	var found, drafted, published bool
	var d draftRow
	var p Additions
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Adopted, &found, adoptedSQL+` AND a.item_id = $2 AND a.kind = 'path'`, sc.Org, path)
		db.One(b, &d, &drafted, draftSQL, sc.Org, path)
		db.One(b, &p, &published, `SELECT `+additionColumns+` FROM additions a WHERE a.org_id = $1 AND a.path_id = $2`, sc.Org, path)
		db.List(b, &v.History, `SELECT e.edition, coalesce(m.name, '') AS by_name, e.published_at, jsonb_array_length(e.content->'notes') AS notes, jsonb_array_length(e.content->'steps') AS steps
			FROM addition_editions e LEFT JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.published_by WHERE e.org_id = $1 AND e.path_id = $2 ORDER BY e.edition DESC LIMIT 20`, sc.Org, path)
		if !withItems {
			return
		}
		db.List(b, &v.Items, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.state = 'published' AND i.kind IN ('course', 'story', 'resource') ORDER BY lower(i.title), i.item_id LIMIT 200`, sc.Org)
	}); err != nil {
		return ComposeView{}, err
	}
	if !found || !v.Open {
		return ComposeView{}, errs.New(errs.NotFound, "additions to %s", path)
	}
	v.Writable = v.Adapt
	if len(v.History) > 0 {
		v.Edition = v.History[0].Edition
	}
	v.Draft = p
	if drafted {
		v.Draft, v.SavedBy, v.SavedAt, v.CanUndo = d.Content, d.By, &d.At, d.Before != nil
	}
	v.Changed = !sameAdditions(v.Draft, p)
	return v, s.arrange(ctx, &v, sc)
}

type draftRow struct {
	Content Additions  `db:"content"`
	Before  *Additions `db:"before"`
	By      string     `db:"by_name"`
	At      time.Time  `db:"updated_at"`
}

const draftSQL = `SELECT d.content, d.before, coalesce(m.name, '') AS by_name, d.updated_at FROM addition_drafts d LEFT JOIN memberships m ON m.org_id = d.org_id AND m.membership_id = d.updated_by
	WHERE d.org_id = $1 AND d.path_id = $2`

// sameAdditions compares what was written, not what was rendered from it.
func sameAdditions(a, b Additions) bool {
	return a.TheyKnow == b.TheyKnow && a.WeAdd == b.WeAdd && a.CustomerGets == b.CustomerGets && a.Proposition == b.Proposition && a.ForCustomers == b.ForCustomers && a.ForPublisher == b.ForPublisher &&
		slices.EqualFunc(a.Notes, b.Notes, func(x, y Note) bool { return x.Step == y.Step && x.Source == y.Source }) &&
		slices.EqualFunc(a.Steps, b.Steps, func(x, y OwnStep) bool {
			return x.Key == y.Key && x.After == y.After && x.Title == y.Title && x.Minutes == y.Minutes && x.Source == y.Source && x.Kind == y.Kind && x.Item == y.Item && x.Parked == y.Parked
		})
}

// arrange puts the draft into the places of the version in use.
func (s *Service) arrange(ctx context.Context, v *ComposeView, sc scope.Scope) error {
	now, next := edition{v.Org, v.Item, v.InUse()}, edition{v.Org, v.Item, v.Newest}
	want := []edition{now}
	if v.Behind() {
		want = append(want, next)
	}
	list, err := s.read(ctx, want...)
	if err != nil {
		return err
	}
	whole := list[now]
	var sees []tenants.Item
	if err := s.db.Read(ctx, func(b *db.Batch) {
		tenants.SeeItems(b, &sees, sc, append(whole.leads(v.Item), list[next].leads(v.Item)...))
	}); err != nil {
		return err
	}
	v.Settled = whole.seen(v.Item, sees)
	ids := []id.Org{sc.Org, v.Org}
	for _, it := range sees {
		ids = append(ids, it.OrgID)
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	if err != nil {
		return err
	}
	v.Publisher, v.Own = orgs[v.Org], orgs[sc.Org]
	v.place(whole, orgs)
	if v.Behind() {
		a := arrival(v.Draft, v.Settled, list[next].seen(v.Item, sees))
		a.Version = v.Newest
		v.Next = &a
	}
	return nil
}

// place fills the rows from the draft. An own step keeps its place behind a step that nobody of the organization sees.
func (v *ComposeView) place(whole Outline, orgs map[id.Org]tenants.Organization) {
	_, v.Parked = v.Draft.fit(whole)
	v.Stops = nil
	after := func(key string) {
		for i, s := range v.Draft.Steps {
			if s.After == key && v.Settled.holds(s) {
				v.Stops = append(v.Stops, ComposeStop{
					Kind: "own", Key: s.Key, Title: s.Title, StepKind: cmp.Or(s.Kind, StepLesson), Minutes: s.Minutes, Org: v.Own,
					First: !v.Draft.moves(v.Settled, i, -1), Last: !v.Draft.moves(v.Settled, i, 1),
				})
			}
		}
		for _, sl := range v.Settled.Slots {
			if sl.After == key {
				v.Stops = append(v.Stops, ComposeStop{Kind: "slot", Key: sl.Key, Suggestion: sl.Suggestion})
			}
		}
	}
	after("")
	for _, st := range whole.Steps {
		if _, ok := v.Settled.Step(st.Key); ok {
			row := ComposeStop{Kind: "step", Key: st.Key, Title: st.Title, StepKind: st.Kind, Minutes: st.Minutes, Org: orgs[st.Org], NoNote: slices.Contains(v.Settled.NoNotes, st.Key)}
			if n, ok := v.Draft.Note(st.Key); ok {
				row.Note = &n
			}
			v.Stops = append(v.Stops, row)
		}
		after(st.Key)
	}
}

// arrival says what a newer version does to a draft.
func arrival(a Additions, now, next Outline) Arrival {
	var out Arrival
	here, _ := a.fit(now)
	still, _ := here.fit(next)
	out.Stays = len(still.Notes) + len(still.Steps)
	if a.Proposition != "" && !next.NoProposition {
		out.Stays++
	}
	place := func(o Outline, key string) int {
		return slices.IndexFunc(o.Steps, func(s Step) bool { return s.Key == key })
	}
	for _, n := range here.Notes {
		st, _ := now.Step(n.Step)
		if _, ok := still.Note(n.Step); !ok {
			out.Parked = append(out.Parked, st.Title)
		} else if place(now, n.Step) != place(next, n.Step) {
			out.Moved = append(out.Moved, st.Title)
		}
	}
	for _, s := range here.Steps {
		if _, ok := still.Step(s.Key); !ok {
			out.Parked = append(out.Parked, s.Title)
		}
	}
	return out
}

// moves reports whether the step with the index can go up (by -1) or down (by 1): past another one, or into another slot.
func (a Additions) moves(o Outline, i, by int) bool {
	b := Additions{Steps: slices.Clone(a.Steps)}
	return b.move(o, a.Steps[i].Key, by)
}

// move puts a step one place up or down among the slots of the version, and reports whether there was one.
func (a *Additions) move(o Outline, key string, by int) bool {
	order := make(map[string]int, len(o.Slots))
	var slots []Slot
	for _, after := range append([]string{""}, stepKeys(o)...) {
		for _, sl := range o.Slots {
			if sl.After == after {
				order[after] = len(slots)
				slots = append(slots, sl)
			}
		}
	}
	i := a.step(key)
	if i < 0 || !o.holds(a.Steps[i]) {
		return false
	}
	s := a.Steps[i]
	for j := i + by; j >= 0 && j < len(a.Steps); j += by {
		if a.Steps[j].After == s.After && o.holds(a.Steps[j]) {
			a.Steps[i], a.Steps[j] = a.Steps[j], a.Steps[i]
			return true
		}
	}
	to := order[s.After] + by
	if to < 0 || to >= len(slots) {
		return false
	}
	s.After, s.Slot = slots[to].After, slots[to].Key
	a.Steps = slices.Delete(a.Steps, i, i+1)
	if by < 0 {
		a.Steps = append(a.Steps, s)
	} else {
		a.Steps = slices.Insert(a.Steps, 0, s)
	}
	return true
}

func stepKeys(o Outline) []string {
	out := make([]string, len(o.Steps))
	for i, s := range o.Steps {
		out[i] = s.Key
	}
	return out
}

// Edit is one change of a draft; the fields beside Do are those that it needs.
type Edit struct {
	Do string // one of the Edit constants

	TheyKnow, WeAdd, CustomerGets, Proposition string // EditProposition
	ForCustomers, ForPublisher                 bool   // EditShare

	Step    string // EditNote: the publisher's step; all others: the key of an own step, "" for a new one
	Text    string
	Slot    string
	Title   string
	Minutes int
	Item    id.Item // what the step leads to; zero for a text
	By      int     // EditMove: -1 up, 1 down
	Edition int     // EditRestore
}

// The changes of a draft.
const (
	EditProposition = "proposition"
	EditShare       = "share"
	EditNote        = "note"
	EditStep        = "step"
	EditMove        = "move"
	EditPark        = "park"
	EditDelete      = "delete"
	EditUndo        = "undo"
	EditDiscard     = "discard" // the draft becomes what is published
	EditRestore     = "restore" // the draft becomes an earlier edition
)

// EditAdditions changes the draft of what the own organization adds to an adopted path. Invalid, with the field, for what cannot be;
// NotFound for what is not in the library or has closed.
func (s *Service) EditAdditions(ctx context.Context, path id.Item, e Edit) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		l, o, draft, before, err := draftOf(tx, path)
		if err != nil {
			return err
		}
		next := draft.copied()
		switch e.Do {
		case EditUndo:
			if before == nil {
				return errs.Say(errs.Conflict, "additions.fault.nothing_to_undo")
			}
			next = *before
		case EditDiscard:
			if next, err = publishedAdditions(tx, path); err != nil {
				return err
			}
		case EditRestore:
			row, err := db.Row[struct {
				Content Additions `db:"content"`
			}](tx, `SELECT e.content FROM addition_editions e WHERE e.org_id = $1 AND e.path_id = $2 AND e.edition = $3`, tx.Scope.Org, path, e.Edition)
			if err != nil {
				return fmt.Errorf("edition %d of additions to %s: %w", e.Edition, path, err)
			}
			next = row.Content
		default:
			if err := next.apply(tx, o, e); err != nil {
				return err
			}
		}
		return putDraft(tx, l, path, next, draft)
	})
}

func (a Additions) copied() Additions {
	a.Notes, a.Steps = slices.Clone(a.Notes), slices.Clone(a.Steps)
	return a
}

func publishedAdditions(tx *db.Tx, path id.Item) (Additions, error) {
	list, err := db.Rows[Additions](tx, `SELECT `+additionColumns+` FROM additions a WHERE a.org_id = $1 AND a.path_id = $2`, tx.Scope.Org, path)
	if err != nil || len(list) == 0 {
		return Additions{}, err
	}
	return list[0], nil
}

// draftOf reads the draft of an adopted path, or what is published where there is none, and what it was before.
func draftOf(tx *db.Tx, path id.Item) (l line, o Outline, draft Additions, before *Additions, err error) {
	if l, o, err = inUse(tx, path); err != nil {
		return l, o, draft, nil, err
	}
	if !l.Adapt {
		return l, o, draft, nil, errs.Say(errs.Conflict, "additions.fault.not_allowed")
	}
	rows, err := db.Rows[draftRow](tx, draftSQL+` FOR UPDATE OF d`, tx.Scope.Org, path)
	if err != nil {
		return l, o, draft, nil, err
	}
	if len(rows) > 0 {
		return l, o, rows[0].Content, rows[0].Before, nil
	}
	draft, err = publishedAdditions(tx, path)
	return l, o, draft, nil, err
}

func putDraft(tx *db.Tx, l line, path id.Item, next, before Additions) error {
	if err := next.render(l.Lang); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO addition_drafts (org_id, path_org, path_id, content, before, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (org_id, path_org, path_id) DO UPDATE SET content = excluded.content, before = excluded.before, updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
		tx.Scope.Org, l.Org, path, next.bare(), before.bare(), memberOrNil(tx.Scope.Membership), tx.Now); err != nil {
		return fmt.Errorf("draft of additions to %s: %w", path, err)
	}
	return nil
}

// apply makes the change.
func (a *Additions) apply(tx *db.Tx, o Outline, e Edit) error {
	switch e.Do {
	case EditProposition:
		if o.NoProposition {
			return errs.New(errs.NotFound, "no proposition on this path")
		}
		for name, text := range map[string]string{"proposition": e.Proposition, "they_know": e.TheyKnow, "we_add": e.WeAdd, "customer_gets": e.CustomerGets} {
			if utf8.RuneCountInString(text) > additionLine {
				return errs.Fields(errs.Field{Name: name, Key: "additions.fault.line_long", Args: []any{"Count", additionLine}})
			}
		}
		a.TheyKnow, a.WeAdd, a.CustomerGets, a.Proposition = e.TheyKnow, e.WeAdd, e.CustomerGets, e.Proposition
	case EditShare:
		a.ForCustomers, a.ForPublisher = e.ForCustomers, e.ForPublisher
	case EditNote:
		return a.note(o, e)
	case EditStep:
		return a.put(tx, o, e)
	case EditMove:
		if e.By != -1 && e.By != 1 || !a.move(o, e.Step, e.By) {
			return errs.New(errs.NotFound, "step %q cannot move by %d", e.Step, e.By)
		}
	case EditPark, EditDelete:
		i := a.step(e.Step)
		if i < 0 {
			return errs.New(errs.NotFound, "own step %q", e.Step)
		}
		if e.Do == EditPark {
			a.Steps[i].Parked = true
		} else {
			a.Steps = slices.Delete(a.Steps, i, i+1)
		}
	default:
		return errs.New(errs.Malformed, "change %q", e.Do)
	}
	return nil
}

// note writes a note beside a step of the publisher's; an empty text takes it away, also one that has lost its step.
func (a *Additions) note(o Outline, e Edit) error {
	i := slices.IndexFunc(a.Notes, func(n Note) bool { return n.Step == e.Step })
	_, ok := o.Step(e.Step)
	switch {
	case utf8.RuneCountInString(e.Text) > noteText:
		return errs.Fields(errs.Field{Name: "text", Key: "additions.fault.note_long", Args: []any{"Count", noteText}})
	case e.Text == "" && i >= 0:
		a.Notes = slices.Delete(a.Notes, i, i+1)
	case e.Text == "":
	case !ok || slices.Contains(o.NoNotes, e.Step):
		return errs.New(errs.NotFound, "no note beside step %q", e.Step)
	case i >= 0:
		a.Notes[i].Source = e.Text
	default:
		a.Notes = append(a.Notes, Note{Step: e.Step, Source: e.Text})
	}
	return nil
}

// put writes an own step into a slot.
func (a *Additions) put(tx *db.Tx, o Outline, e Edit) error {
	sl, ok := o.Slot(e.Slot)
	i := a.step(e.Step)
	var bad []errs.Field
	switch {
	case e.Step != "" && i < 0:
		return errs.New(errs.NotFound, "own step %q", e.Step)
	case e.Step == "" && len(a.Steps) >= additionSteps:
		return errs.Say(errs.Conflict, "additions.fault.too_many", "Count", additionSteps)
	}
	if !ok {
		bad = append(bad, errs.Field{Name: "slot", Key: "additions.fault.slot"})
	}
	s := OwnStep{Key: e.Step, Slot: sl.Key, After: sl.After, Title: e.Title, Minutes: min(max(e.Minutes, 1), 24*60), Source: e.Text}
	if !e.Item.IsZero() {
		it, err := db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.org_id = $1 AND i.item_id = $2 AND i.state = 'published' AND i.kind IN ('course', 'story', 'resource')`, tx.Scope.Org, e.Item)
		if err != nil {
			return fmt.Errorf("own step leads to %s: %w", e.Item, err)
		}
		s.Item, s.Kind, s.Source = it.ItemID, it.Kind, ""
		s.Title = cmp.Or(s.Title, it.Title)
		if e.Minutes == 0 && it.Minutes > 0 {
			s.Minutes = it.Minutes
		}
	}
	switch {
	case s.Title == "":
		bad = append(bad, errs.Field{Name: "title", Key: "additions.fault.title_missing"})
	case utf8.RuneCountInString(s.Title) > additionTitle:
		bad = append(bad, errs.Field{Name: "title", Key: "additions.fault.line_long", Args: []any{"Count", additionTitle}})
	}
	switch {
	case s.Item.IsZero() && s.Source == "":
		bad = append(bad, errs.Field{Name: "text", Key: "additions.fault.text_missing"})
	case utf8.RuneCountInString(s.Source) > additionText:
		bad = append(bad, errs.Field{Name: "text", Key: "additions.fault.line_long", Args: []any{"Count", additionText}})
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	if i >= 0 {
		a.Steps[i] = s
		return nil
	}
	s.Key = a.freeKey(o, s.Title)
	a.Steps = append(a.Steps, s)
	return nil
}

// freeKey is a key that neither the path nor the additions have: completions are kept by it.
func (a Additions) freeKey(o Outline, title string) string {
	base := tenants.Slugify(title)
	for n := 1; ; n++ {
		key := base
		if n > 1 {
			key = fmt.Sprintf("%s-%d", base, n)
		}
		if _, taken := o.Step(key); !taken && a.step(key) < 0 {
			return key
		}
	}
}

// PublishAdditions shows the draft to those for whom it is written, as the next edition.
func (s *Service) PublishAdditions(ctx context.Context, path id.Item) error {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		l, _, draft, _, err := draftOf(tx, path)
		if err != nil {
			return err
		}
		last, err := publishedAdditions(tx, path)
		if err != nil {
			return err
		}
		if sameAdditions(draft, last) {
			return nil
		}
		draft.PathOrg, draft.PathID = l.Org, path
		if err := publishAdditions(tx, draft, l.Lang); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE addition_drafts SET before = NULL WHERE org_id = $1 AND path_id = $2`, tx.Scope.Org, path)
		return err
	})
}

// Preview is the draft of an adopted path with a change that is not saved, and the text of an own step rendered from it.
func (s *Service) Preview(ctx context.Context, path id.Item, e Edit) (ComposeView, error) {
	if err := authz.Check(ctx, authz.Adopt, id.Org{}); err != nil {
		return ComposeView{}, err
	}
	v, err := s.Compose(ctx, path, false)
	if err != nil {
		return v, err
	}
	e.Title, e.Text = strings.TrimSpace(e.Title), strings.TrimSpace(e.Text)
	switch {
	case e.Do == EditStep && e.Title != "":
		st := OwnStep{Key: e.Step, Title: e.Title, Minutes: max(e.Minutes, 1), Source: e.Text}
		if sl, ok := v.Settled.Slot(e.Slot); ok {
			st.Slot, st.After = sl.Key, sl.After
		}
		st.Blocks, _ = markdown.Split(e.Text, markdown.Options{})
		if i := v.Draft.step(e.Step); i >= 0 {
			v.Draft.Steps[i] = st
		} else {
			st.Key = "new"
			v.Draft.Steps = append(v.Draft.Steps, st)
		}
	case e.Do == EditNote && e.Text != "":
		if i := slices.IndexFunc(v.Draft.Notes, func(n Note) bool { return n.Step == e.Step }); i >= 0 {
			v.Draft.Notes[i].Source = e.Text
		} else {
			v.Draft.Notes = append(v.Draft.Notes, Note{Step: e.Step, Source: e.Text})
		}
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	return v, s.arrange(ctx, &v, sc)
}
