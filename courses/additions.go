package courses

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// Additions are what an organization adds to a path of another: seen by its own people and nobody else. Own steps count as
// extra: they are shown and can be finished, and change nothing of what the publisher requires.
type Additions struct {
	PathOrg      id.Org    `db:"path_org" json:"path_org" yaml:"-"`
	PathID       id.Item   `db:"path_id" json:"path_id" yaml:"-"`
	TheyKnow     string    `db:"they_know" json:"they_know" yaml:"they_know"`
	WeAdd        string    `db:"we_add" json:"we_add" yaml:"we_add"`
	CustomerGets string    `db:"customer_gets" json:"customer_gets" yaml:"customer_gets"`
	Proposition  string    `db:"proposition" json:"proposition" yaml:"proposition"` // one or two sentences to a customer
	Notes        []Note    `db:"notes" json:"notes" yaml:"notes"`
	Steps        []OwnStep `db:"steps" json:"steps" yaml:"steps"`
}

// Note stands beside a step of the path.
type Note struct {
	Step   string `json:"step" yaml:"step"`
	Source string `json:"source,omitempty" yaml:"text"` // Markdown
	HTML   string `json:"html" yaml:"-"`
}

// OwnStep is a step of the adopter's own at one of the publisher's slots: named by Slot, or by the step After which it stands
// ("" for the beginning).
type OwnStep struct {
	Key     string           `json:"key" yaml:"key"` // default from the title
	Slot    string           `json:"slot,omitempty" yaml:"slot"`
	After   string           `json:"after" yaml:"after"`
	Title   string           `json:"title" yaml:"title"`
	Minutes int              `json:"minutes" yaml:"minutes"`
	Source  string           `json:"source,omitempty" yaml:"body"` // Markdown with typed blocks
	Blocks  []markdown.Block `json:"blocks" yaml:"-"`
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

const additionColumns = `a.path_org, a.path_id, a.they_know, a.we_add, a.customer_gets, a.proposition, a.notes, a.steps`

// PutAdditions stores what tx's organization adds to a path that it may see, and replaces what was there. Notes and steps are
// rendered from their source. NotFound if the path may not be seen; Invalid for a path of one's own, or an own step that stands
// where the publisher has no slot.
func PutAdditions(tx *db.Tx, a Additions) error {
	it, err := tenants.SeeItem(tx, a.PathID)
	if err != nil {
		return fmt.Errorf("additions to %s: %w", a.PathID, err)
	}
	if it.OrgID == tx.Scope.Org || it.Kind != tenants.KindPath {
		return errs.New(errs.Invalid, "additions to %s: not a path of another organization", a.PathID)
	}
	v, err := db.Row[struct {
		Outline Outline `db:"outline"`
	}](tx, `SELECT v.outline FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version = $3`, it.OrgID, it.ItemID, it.Version)
	if err != nil {
		return fmt.Errorf("additions to %s: %w", a.PathID, err)
	}
	open, slots := map[string]bool{}, map[string]string{}
	for _, s := range v.Outline.Slots {
		open[s.After], slots[s.Key] = true, s.After
	}
	for i := range a.Notes {
		n := &a.Notes[i]
		if n.HTML, err = markdown.Render(n.Source, markdown.Options{Lang: it.Lang}); err != nil {
			return err
		}
	}
	for i := range a.Steps {
		s := &a.Steps[i]
		if after, ok := slots[s.Slot]; ok {
			s.After = after
		} else if s.Slot != "" || !open[s.After] {
			return errs.New(errs.Invalid, "additions to %s: no slot %q after step %q", a.PathID, s.Slot, s.After)
		}
		if s.Key == "" {
			s.Key = tenants.Slugify(s.Title)
		}
		s.Blocks, _ = markdown.Split(s.Source, markdown.Options{Lang: it.Lang})
	}
	if a.Notes == nil {
		a.Notes = []Note{}
	}
	if a.Steps == nil {
		a.Steps = []OwnStep{}
	}
	_, err = tx.Exec(`INSERT INTO additions (org_id, path_org, path_id, they_know, we_add, customer_gets, proposition, notes, steps, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (org_id, path_org, path_id) DO UPDATE SET they_know = excluded.they_know, we_add = excluded.we_add, customer_gets = excluded.customer_gets,
			proposition = excluded.proposition, notes = excluded.notes, steps = excluded.steps, updated_at = excluded.updated_at`,
		tx.Scope.Org, it.OrgID, it.ItemID, a.TheyKnow, a.WeAdd, a.CustomerGets, a.Proposition, a.Notes, a.Steps, tx.Now)
	if err != nil {
		return fmt.Errorf("additions to %s: %w", a.PathID, err)
	}
	return tenants.Audit(tx, "additions.changed", "item:"+it.ItemID.String(), nil)
}
