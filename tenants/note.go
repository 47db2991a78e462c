package tenants

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// Note is what an organization notes about another for itself; the other never sees it.
type Note struct {
	Account string        // the own number for it, at most 100 letters
	Owner   id.Membership // who of the own people looks after it; zero for nobody in particular
	Tags    []string      // at most 10, each at most 40 letters
}

// Tags of a partner: how many, and how long each is in letters.
const (
	tagsMost  = 10
	tagLength = 40
)

// ReadTags reads tags that are separated by commas, semicolons or lines; the same word twice, in whatever case, is one.
func ReadTags(s string) (out []string) {
	for _, t := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",;\n", r) }) {
		t = strings.Join(strings.Fields(t), " ")
		if t != "" && !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, t) }) {
			out = append(out, t)
		}
	}
	return out
}

func checkTags(tags []string) error {
	if len(tags) > tagsMost || slices.ContainsFunc(tags, func(t string) bool { return utf8.RuneCountInString(t) > tagLength }) {
		return errs.Fields(errs.Field{Name: "tags", Key: "owner.fault.tags", Args: []any{"Count", tagsMost, "Letters", tagLength}})
	}
	return nil
}

// PartnerOwner is a member who can look after partners.
type PartnerOwner struct {
	Membership id.Membership `db:"membership_id" json:"membership_id"`
	Name       string        `db:"name" json:"name"`
	Email      string        `db:"email" json:"email"`
}

// keepersSQL lists those of $1 who manage the network, by name.
const keepersSQL = `SELECT m.membership_id, m.name, m.email FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND m.roles && '{partner_manager,administrator}' ORDER BY lower(m.name), m.membership_id LIMIT 200`

// keeps refuses an owner who does not manage the network.
func keeps(tx *db.Tx, who id.Membership) error {
	if who.IsZero() {
		return nil
	}
	ok, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND m.roles && '{partner_manager,administrator}')`, tx.Scope.Org, who)
	if err == nil && !ok {
		err = errs.Fields(errs.Field{Name: "owner", Key: "owner.fault.owner"})
	}
	return err
}

// SetNote notes something about one partner. NotFound without a connection; Invalid, with the field, for what is too long, or an owner
// who does not manage the network.
func (s *Service) SetNote(ctx context.Context, other id.Org, n Note) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	n.Account = strings.TrimSpace(n.Account)
	if utf8.RuneCountInString(n.Account) > accountLength {
		return errs.Fields(errs.Field{Name: "account", Key: "partner.list.long"})
	}
	if err := checkTags(n.Tags); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := keeps(tx, n.Owner); err != nil {
			return err
		}
		if err := tx.Must(`INSERT INTO partner_notes (org_id, other_org, account, owner_id, tags) SELECT s.org_id, s.other_org, $3, $4, coalesce($5::text[], '{}') FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = $2
			ON CONFLICT (org_id, other_org) DO UPDATE SET account = excluded.account, owner_id = excluded.owner_id, tags = excluded.tags`, tx.Scope.Org, other, n.Account, n.Owner, n.Tags); err != nil {
			return err
		}
		return Audit(tx, "network.account", "organization:"+other.String(), nil)
	})
}

// NoteChange is what is noted about many partners at once; what is left out stays as it is.
type NoteChange struct {
	SetOwner    bool
	Owner       id.Membership // with SetOwner; zero for nobody in particular
	Add, Remove []string      // tags
}

// NoteMany notes the same about many partners and says about how many; whoever is none is passed over. Repeating it is safe.
func (s *Service) NoteMany(ctx context.Context, who []id.Org, c NoteChange) (n int64, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return 0, err
	}
	if err := checkTags(c.Add); err != nil {
		return 0, err
	}
	lower := []string{}
	for _, t := range c.Remove {
		lower = append(lower, strings.ToLower(t))
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if err := keeps(tx, c.Owner); err != nil {
			return err
		}
		if n, err = tx.Exec(`INSERT INTO partner_notes AS p (org_id, other_org, owner_id, tags) SELECT s.org_id, s.other_org, $4, coalesce($5::text[], '{}') FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = ANY($2)
			ON CONFLICT (org_id, other_org) DO UPDATE SET owner_id = CASE WHEN $3 THEN excluded.owner_id ELSE p.owner_id END,
				tags = ARRAY(SELECT x.t FROM (SELECT DISTINCT ON (lower(t)) t, n FROM unnest(p.tags || excluded.tags) WITH ORDINALITY AS u(t, n) WHERE lower(t) <> ALL($6) ORDER BY lower(t), n) x ORDER BY x.n LIMIT 10)`,
			tx.Scope.Org, who, c.SetOwner, c.Owner, c.Add, lower); err != nil {
			return err
		}
		return Audit(tx, "network.noted", "organization:"+tx.Scope.Org.String(), map[string]int64{"rows": n})
	})
	return n, err
}
