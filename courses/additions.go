package courses

import (
	"fmt"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// Additions are what an organization adds to an adopted path of another: seen by its own people, by choice also by its customers
// or by the publisher, and by nobody else. Own steps count as extra: they are shown and can be finished, and change nothing of
// what the publisher requires. Notes and steps hang on the keys of the path's steps, so that they survive its next version; what
// has no place in a version is not shown in it, and kept.
type Additions struct {
	Org          id.Org    `db:"org_id" json:"org_id,omitzero" yaml:"-"` // the adopter
	PathOrg      id.Org    `db:"path_org" json:"path_org,omitzero" yaml:"-"`
	PathID       id.Item   `db:"path_id" json:"path_id,omitzero" yaml:"-"`
	TheyKnow     string    `db:"they_know" json:"they_know" yaml:"they_know"`
	WeAdd        string    `db:"we_add" json:"we_add" yaml:"we_add"`
	CustomerGets string    `db:"customer_gets" json:"customer_gets" yaml:"customer_gets"`
	Proposition  string    `db:"proposition" json:"proposition" yaml:"proposition"` // one or two sentences to a customer
	Notes        []Note    `db:"notes" json:"notes" yaml:"notes"`
	Steps        []OwnStep `db:"steps" json:"steps" yaml:"steps"`
	ForCustomers bool      `db:"for_customers" json:"for_customers,omitempty" yaml:"for_customers"`
	ForPublisher bool      `db:"for_publisher" json:"for_publisher,omitempty" yaml:"for_publisher"`
}

// Note stands beside a step of the path.
type Note struct {
	Step   string `json:"step" yaml:"step"`
	Source string `json:"source,omitempty" yaml:"text"` // Markdown
	HTML   string `json:"html" yaml:"-"`
}

// OwnStep is a step of the adopter's own at one of the publisher's slots: named by Slot, or by the step After which it stands
// ("" for the beginning). It is a text, or leads to an item of the adopter.
type OwnStep struct {
	Key     string           `json:"key" yaml:"key"` // default from the title
	Slot    string           `json:"slot,omitempty" yaml:"slot"`
	After   string           `json:"after" yaml:"after"`
	Title   string           `json:"title" yaml:"title"`
	Minutes int              `json:"minutes" yaml:"minutes"`
	Source  string           `json:"source,omitempty" yaml:"body"` // Markdown with typed blocks
	Blocks  []markdown.Block `json:"blocks" yaml:"-"`
	Kind    string           `json:"kind,omitempty" yaml:"-"` // of Item
	Item    id.Item          `json:"item,omitzero" yaml:"-"`
	Parked  bool             `json:"parked,omitempty" yaml:"-"` // taken out of its place by the adopter, and kept
}

// Empty reports whether nothing was added.
func (a Additions) Empty() bool {
	return a.TheyKnow+a.WeAdd+a.CustomerGets+a.Proposition == "" && len(a.Notes)+len(a.Steps) == 0
}

// Step returns the own step with the key.
func (a Additions) Step(key string) (OwnStep, bool) {
	i := a.step(key)
	if i < 0 {
		return OwnStep{}, false
	}
	return a.Steps[i], true
}

func (a Additions) step(key string) int {
	return slices.IndexFunc(a.Steps, func(s OwnStep) bool { return s.Key == key })
}

// Note returns the note beside the step with the key.
func (a Additions) Note(step string) (Note, bool) {
	i := slices.IndexFunc(a.Notes, func(n Note) bool { return n.Step == step })
	if i < 0 {
		return Note{}, false
	}
	return a.Notes[i], true
}

// holds reports whether the step has a place in a version.
func (o Outline) holds(s OwnStep) bool {
	return !s.Parked && slices.ContainsFunc(o.Slots, func(sl Slot) bool { return sl.After == s.After })
}

// fit returns what of the additions has a place in a version, and what has none.
func (a Additions) fit(o Outline) (in Additions, parked Additions) {
	in, parked = a, Additions{}
	in.Notes, in.Steps = nil, nil
	for _, n := range a.Notes {
		if _, ok := o.Step(n.Step); ok && !slices.Contains(o.NoNotes, n.Step) {
			in.Notes = append(in.Notes, n)
		} else {
			parked.Notes = append(parked.Notes, n)
		}
	}
	for _, s := range a.Steps {
		if o.holds(s) {
			in.Steps = append(in.Steps, s)
		} else {
			parked.Steps = append(parked.Steps, s)
		}
	}
	if o.NoProposition {
		in.TheyKnow, in.WeAdd, in.CustomerGets, in.Proposition = "", "", "", ""
		parked.TheyKnow, parked.WeAdd, parked.CustomerGets, parked.Proposition = a.TheyKnow, a.WeAdd, a.CustomerGets, a.Proposition
	}
	return in, parked
}

// AdditionsOf are the additions of the organization with the slug, as a file beside a path lists them.
type AdditionsOf struct {
	Org       string `yaml:"org"`
	Additions `yaml:",inline"`
}

// ReadAdditions reads a YAML list of additions, one for each organization; the path is for the caller to set.
func ReadAdditions(data []byte) ([]AdditionsOf, error) {
	var out []AdditionsOf
	if err := yaml.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("read additions: %w", err)
	}
	return out, nil
}

const additionColumns = `a.org_id, a.path_org, a.path_id, a.they_know, a.we_add, a.customer_gets, a.proposition, a.notes, a.steps, a.for_customers, a.for_publisher`

// settle keeps of the additions what has a place in the version that the viewer learns and leads where the viewer may go. Steps of
// others than the viewer's organization get keys that nobody else's can be taken for.
func (r *root) settle(viewer id.Org) {
	for i, a := range r.Additions {
		a, _ = a.fit(r.Outline)
		a = a.seen(r.Sees)
		for i := range a.Steps {
			if a.Org != viewer {
				a.Steps[i].Key += "." + a.Org.String()[24:]
			}
		}
		r.Additions[i] = a
	}
	slices.SortStableFunc(r.Additions, func(a, b Additions) int {
		switch {
		case a.Org == viewer && b.Org != viewer:
			return -1
		case b.Org == viewer && a.Org != viewer:
			return 1
		}
		return 0
	})
}

// PutAdditions stores what tx's organization adds to a path, publishes it as the next edition and takes the path into its library if
// it is not there. Notes and steps are rendered from their source. NotFound if no agreement opens the path; Invalid for a path of
// one's own, or an own step that stands where the version in use has no slot.
func PutAdditions(tx *db.Tx, a Additions) error {
	if it, err := tenants.SeeItem(tx, a.PathID); err != nil || it.OrgID == tx.Scope.Org || it.Kind != tenants.KindPath {
		if err == nil {
			err = errs.New(errs.Invalid, "not a path of another organization")
		}
		return fmt.Errorf("additions to %s: %w", a.PathID, err)
	}
	if err := AdoptItem(tx, Adoption{Item: a.PathID, Updates: Follow, By: tx.Scope.Membership, At: tx.Now}); err != nil {
		return fmt.Errorf("additions: %w", err)
	}
	line, o, err := inUse(tx, a.PathID)
	if err != nil {
		return err
	}
	for i := range a.Steps {
		s := &a.Steps[i]
		if sl, ok := o.Slot(s.Slot); ok {
			s.After = sl.After
		} else if s.Slot != "" || !o.holds(*s) {
			return errs.New(errs.Invalid, "additions to %s: no slot %q after step %q", a.PathID, s.Slot, s.After)
		}
		if s.Key == "" {
			s.Key = tenants.Slugify(s.Title)
		}
	}
	a.PathOrg = line.Org
	return publishAdditions(tx, a, line.Lang)
}

// line is what writing additions needs of an adopted path.
type line struct {
	Org     id.Org `db:"item_org"`
	Lang    string `db:"lang"`
	Version int    `db:"version"` // in use
	Newest  int    `db:"newest"`
	Adapt   bool   `db:"adapt"` // the agreement allows additions
	Open    bool   `db:"open"`
}

// inUse reads an adopted path with the version that new starts get; NotFound for what is not in the library or not open.
func inUse(tx *db.Tx, path id.Item) (line, Outline, error) {
	type row struct {
		line

		Outline Outline `db:"outline"`
	}
	r, err := db.Row[row](tx, `SELECT a.item_org, it.lang, coalesce(`+chosen+`, i.version) AS version, i.version AS newest, i.adapt, true AS open, v.outline
		FROM `+adoptedFrom+` JOIN items it ON it.org_id = a.item_org AND it.item_id = a.item_id
		JOIN versions v ON v.org_id = a.item_org AND v.item_id = a.item_id AND v.version = coalesce(`+chosen+`, i.version)
		WHERE a.org_id = $1 AND a.item_id = $2 AND a.kind = 'path' AND i.item_id IS NOT NULL`, tx.Scope.Org, path)
	if err != nil {
		return line{}, Outline{}, fmt.Errorf("adopted path %s: %w", path, err)
	}
	return r.line, r.Outline, nil
}

// render makes what readers see of what was written.
func (a *Additions) render(lang string) (err error) {
	for i := range a.Notes {
		n := &a.Notes[i]
		if n.HTML, err = markdown.Render(n.Source, markdown.Options{Lang: lang}); err != nil {
			return err
		}
	}
	for i := range a.Steps {
		s := &a.Steps[i]
		s.Blocks, _ = markdown.Split(s.Source, markdown.Options{Lang: lang})
	}
	if a.Notes == nil {
		a.Notes = []Note{}
	}
	if a.Steps == nil {
		a.Steps = []OwnStep{}
	}
	return nil
}

// bare is the content without whose and for which path it is.
func (a Additions) bare() Additions {
	a.Org, a.PathOrg, a.PathID = id.Org{}, id.Org{}, id.Item{}
	return a
}

// leads lists what the own steps lead to.
func (a Additions) leads() (out []id.Item) {
	for _, s := range a.Steps {
		if !s.Item.IsZero() {
			out = append(out, s.Item)
		}
	}
	return out
}

// seen are the additions without the steps that lead to items which are not among those seen.
func (a Additions) seen(items []id.Item) Additions {
	a.Steps = slices.DeleteFunc(slices.Clone(a.Steps), func(s OwnStep) bool { return !s.Item.IsZero() && !slices.Contains(items, s.Item) })
	return a
}

// publishAdditions stores the next edition of the additions and shows it.
func publishAdditions(tx *db.Tx, a Additions, lang string) error {
	if err := a.render(lang); err != nil {
		return err
	}
	leads := append([]id.Item{}, a.leads()...)
	by := memberOrNil(tx.Scope.Membership)
	edition, err := db.Row[int](tx, `INSERT INTO addition_editions (org_id, path_org, path_id, edition, content, published_by, published_at)
		SELECT $1, $2, $3, coalesce(max(e.edition), 0) + 1, $4, $5, $6 FROM addition_editions e WHERE e.org_id = $1 AND e.path_org = $2 AND e.path_id = $3 RETURNING edition`,
		tx.Scope.Org, a.PathOrg, a.PathID, a.bare(), by, tx.Now)
	if err != nil {
		return fmt.Errorf("additions to %s: %w", a.PathID, err)
	}
	if _, err := tx.Exec(`INSERT INTO additions (org_id, path_org, path_id, they_know, we_add, customer_gets, proposition, notes, steps, for_customers, for_publisher, leads_to, edition, published_by, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (org_id, path_org, path_id) DO UPDATE SET they_know = excluded.they_know, we_add = excluded.we_add, customer_gets = excluded.customer_gets,
			proposition = excluded.proposition, notes = excluded.notes, steps = excluded.steps, for_customers = excluded.for_customers, for_publisher = excluded.for_publisher,
			leads_to = excluded.leads_to, edition = excluded.edition, published_by = excluded.published_by, updated_at = excluded.updated_at, shown = true`,
		tx.Scope.Org, a.PathOrg, a.PathID, a.TheyKnow, a.WeAdd, a.CustomerGets, a.Proposition, a.Notes, a.Steps, a.ForCustomers, a.ForPublisher, leads, edition, by, tx.Now); err != nil {
		return fmt.Errorf("additions to %s: %w", a.PathID, err)
	}
	return tenants.Audit(tx, "additions.published", "item:"+a.PathID.String(), map[string]any{"edition": edition, "for_customers": a.ForCustomers, "for_publisher": a.ForPublisher})
}

// EditionLine is one edition of additions in their history.
type EditionLine struct {
	Edition int       `db:"edition"`
	By      string    `db:"by_name"`
	At      time.Time `db:"published_at"`
	Notes   int       `db:"notes"`
	Steps   int       `db:"steps"`
}
