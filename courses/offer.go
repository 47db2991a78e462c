package courses

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// CredentialOffer is the credential that a course or path gives to whoever finishes it.
type CredentialOffer struct {
	Name      string `db:"name"`       // 1 to 120 letters
	Shows     string `db:"shows"`      // what somebody who has it can do, after "can": 1 to 300 letters
	Criteria  string `db:"criteria"`   // what one does for it: 1 to 600 letters
	Months    *int   `db:"months"`     // valid for, 1 to 120; nil for ever
	RenewDays int    `db:"renew_days"` // how long before its end it can be renewed, 0 to 365
	TellsHow  bool   `db:"tells_how"`  // it says whether somebody learned it, or showed by test that they know it
}

func (o CredentialOffer) check() error {
	var bad []errs.Field
	for _, f := range []struct {
		name, text string
		most       int
	}{{"name", o.Name, 120}, {"shows", o.Shows, 300}, {"criteria", o.Criteria, 600}} {
		switch n := utf8.RuneCountInString(f.text); {
		case n == 0:
			bad = append(bad, errs.Field{Name: f.name, Key: "credential.fault.missing"})
		case n > f.most:
			bad = append(bad, errs.Field{Name: f.name, Key: "credential.fault.long", Args: []any{"Count", f.most}})
		}
	}
	if o.Months != nil && (*o.Months < 1 || *o.Months > 120) {
		bad = append(bad, errs.Field{Name: "months", Key: "credential.fault.months"})
	}
	if o.RenewDays < 0 || o.RenewDays > 365 || o.Months != nil && o.RenewDays > 28**o.Months {
		bad = append(bad, errs.Field{Name: "renew_days", Key: "credential.fault.renew_days"})
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	return nil
}

// CredentialOfferView is an item with the credential that it gives.
type CredentialOfferView struct {
	Item  tenants.Item
	Offer *CredentialOffer // nil for none
}

const offerColumns = `o.name, o.shows, o.criteria, o.months, o.renew_days, o.tells_how`

// Offer returns what a course or path of the own organization gives, for its authors. NotFound for anybody else's.
func (s *Service) Offer(ctx context.Context, item id.Item) (v CredentialOfferView, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return v, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if v.Item, err = ownCourse(tx, item); err != nil {
			return err
		}
		o, err := db.Row[CredentialOffer](tx, `SELECT `+offerColumns+` FROM credential_offers o WHERE o.org_id = $1 AND o.item_id = $2`, tx.Scope.Org, item)
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		v.Offer = &o
		return err
	})
	return v, err
}

// Offered returns what a course or path that the viewer may see gives; nil for nothing.
func (s *Service) Offered(ctx context.Context, item id.Item) (*CredentialOffer, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return nil, err
	}
	var o CredentialOffer
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &o, &found, `SELECT `+offerColumns+` FROM items i JOIN credential_offers o ON o.org_id = i.org_id AND o.item_id = i.item_id WHERE i.item_id = $1`, item)
	}); err != nil || !found {
		return nil, err
	}
	return &o, nil
}

func ownCourse(tx *db.Tx, item id.Item) (tenants.Item, error) {
	it, err := tenants.SeeItem(tx, item)
	if err != nil {
		return it, err
	}
	if it.OrgID != tx.Scope.Org || it.Kind != tenants.KindCourse && it.Kind != tenants.KindPath {
		return it, errs.New(errs.NotFound, "own course or path %s", item)
	}
	return it, nil
}

// SetOffer says what whoever finishes a course or path of the own organization is given from now on. What was given stays as it is.
// Repeating it is safe.
func (s *Service) SetOffer(ctx context.Context, item id.Item, o CredentialOffer) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	for _, t := range []*string{&o.Name, &o.Shows, &o.Criteria} {
		*t = strings.TrimSpace(*t)
	}
	if err := o.check(); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := ownCourse(tx, item); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO credential_offers AS o (org_id, item_id, name, shows, criteria, months, renew_days, set_at, tells_how) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (org_id, item_id) DO UPDATE SET name = $3, shows = $4, criteria = $5, months = $6, renew_days = $7, set_at = $8, tells_how = $9
			WHERE (o.name, o.shows, o.criteria, o.renew_days, o.tells_how) <> ($3, $4, $5, $7, $9) OR o.months IS DISTINCT FROM $6`, tx.Scope.Org, item, o.Name, o.Shows, o.Criteria, o.Months, o.RenewDays, tx.Now, o.TellsHow)
		if err != nil || n == 0 {
			return err
		}
		if err := tx.As(scope.Issuer, tx.Scope.Org, func() error { _, err := s.signer(tx); return err }); err != nil {
			return err
		}
		return tenants.Audit(tx, "credential.offered", "item:"+item.String(), map[string]any{"months": o.Months})
	})
	if err != nil {
		return fmt.Errorf("offer a credential for %s: %w", item, err)
	}
	return nil
}

// EndOffer gives nothing any more to whoever finishes a course or path of the own organization. What was given stays valid and cannot be
// renewed. NotFound if nothing is given.
func (s *Service) EndOffer(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM credential_offers WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item); err != nil {
			return err
		}
		return tenants.Audit(tx, "credential.offer_ended", "item:"+item.String(), nil)
	})
}
