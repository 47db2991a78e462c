package courses

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/courses/badge"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// issuer is an organization as it signs, at the address that it never loses: a slug is given once and for ever.
type issuer struct{ badge.Issuer }

func (s *Service) issuer(o tenants.Organization) issuer {
	at := s.url(o.Slug)
	return issuer{badge.Issuer{ID: at + "/issuer", Name: o.Name, URL: at + "/"}}
}

// Method is the address of a key.
func (i issuer) Method(key string) string { return i.ID + "/keys/" + key }

// StatusList is the address of a status list.
func (i issuer) StatusList(n int) string {
	return strings.TrimSuffix(i.ID, "/issuer") + "/credentials/status/" + strconv.Itoa(n)
}

// IssuerKey is a key of an organization. One signs; those that did before are kept for what they signed.
type IssuerKey struct {
	ID      id.Any     `db:"key_id"`
	Public  []byte     `db:"public"`
	Created time.Time  `db:"created_at"`
	Retired *time.Time `db:"retired_at"` // nil for the one that signs
}

func seedRef(org id.Org, key id.Any) secret.Ref {
	return secret.Ref{Table: "issuer_keys", Org: org.String(), Row: key.String(), Column: "seed"}
}

// signer returns the key with which tx's organization signs, as its issuer; the first time it makes one. Its method is the bare identifier.
func (s *Service) signer(tx *db.Tx) (badge.Key, error) {
	type row struct {
		ID   id.Any `db:"key_id"`
		Seed []byte `db:"seed"`
	}
	for {
		k, err := db.Row[row](tx, `SELECT k.key_id, k.seed FROM issuer_keys k WHERE k.org_id = $1 AND k.retired_at IS NULL`, tx.Scope.Org)
		if errs.Is(err, errs.NotFound) {
			if err = s.makeKey(tx); err == nil {
				continue
			}
		}
		if err != nil {
			return badge.Key{}, err
		}
		seed, err := s.keys.Open(seedRef(tx.Scope.Org, k.ID), k.Seed)
		if err != nil {
			return badge.Key{}, fmt.Errorf("key %s of %s: %w", k.ID, tx.Scope.Org, err)
		}
		return badge.Key{Method: k.ID.String(), Seed: seed}, nil
	}
}

// makeKey makes a key that signs, unless another process was faster.
func (s *Service) makeKey(tx *db.Tx) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	key := id.New[id.Any]()
	sealed, err := s.keys.Seal(seedRef(tx.Scope.Org, key), private.Seed())
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO issuer_keys (org_id, key_id, public, seed, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, tx.Scope.Org, key, []byte(public), sealed, tx.Now)
	return err
}

// publics are the public keys of an organization, the one that signs first. They are for everybody.
func (s *Service) publics(ctx context.Context, org id.Org) (out []IssuerKey, err error) {
	err = s.db.Read(jobs.Enter(ctx, scope.Issuer, org), func(b *db.Batch) {
		db.List(b, &out, `SELECT k.key_id, k.public, k.created_at, k.retired_at FROM issuer_keys k WHERE k.org_id = $1 ORDER BY k.retired_at DESC NULLS FIRST, k.key_id LIMIT 200`, org)
	})
	return out, err
}

// IssuerKeys lists the keys of the own organization, for its administrators.
func (s *Service) IssuerKeys(ctx context.Context) ([]IssuerKey, error) {
	if err := authz.Check(ctx, authz.ManageIssuer, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	return s.publics(ctx, sc.Org)
}

// NewIssuerKey has the own organization sign with a new key. What the one before signed goes on verifying; with it nobody signs any more,
// because its secret half is destroyed.
func (s *Service) NewIssuerKey(ctx context.Context) error {
	if err := authz.Check(ctx, authz.ManageIssuer, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.As(scope.Issuer, tx.Scope.Org, func() error {
			if _, err := tx.Exec(`UPDATE issuer_keys SET seed = '', retired_at = $2 WHERE org_id = $1 AND retired_at IS NULL`, tx.Scope.Org, tx.Now); err != nil {
				return err
			}
			return s.makeKey(tx)
		}); err != nil {
			return err
		}
		return tenants.Audit(tx, "credential.key", "organization:"+tx.Scope.Org.String(), nil)
	})
}

// Reseal puts the keys of the acting organization under the installation's present key and returns how many; see auth.Reseal.
func (s *Service) Reseal(ctx context.Context) (int, error) {
	if err := authz.Check(ctx, authz.Reseal, id.Org{}); err != nil {
		return 0, err
	}
	return auth.Reseal(ctx, s.db, s.keys, "issuer_keys", "key_id", "seed")
}

// Profile is what anybody finds under an organization's address as an issuer. NotFound if it never signed anything.
func (s *Service) Profile(ctx context.Context, org id.Org) (badge.Document, error) {
	if err := authz.Check(ctx, authz.CheckCredential, org); err != nil {
		return nil, err
	}
	by, keys, err := s.published(ctx, org)
	if err != nil {
		return nil, err
	}
	return badge.Profile(by.Issuer, keys), nil
}

// PublicKey is what anybody finds under the address of an organization's key.
func (s *Service) PublicKey(ctx context.Context, org id.Org, key string) (badge.Document, error) {
	if err := authz.Check(ctx, authz.CheckCredential, org); err != nil {
		return nil, err
	}
	by, keys, err := s.published(ctx, org)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(keys, func(k badge.Public) bool { return k.ID == by.Method(key) })
	if i < 0 {
		return nil, errs.New(errs.NotFound, "key %q of %s", key, org)
	}
	return keys[i].Document(by.Issuer), nil
}

func (s *Service) published(ctx context.Context, org id.Org) (issuer, []badge.Public, error) {
	o, err := s.tenants.ByID(ctx, org)
	if err != nil {
		return issuer{}, nil, err
	}
	list, err := s.publics(ctx, org)
	if err == nil && len(list) == 0 {
		err = errs.New(errs.NotFound, "%s signs nothing", org)
	}
	by := s.issuer(o)
	keys := make([]badge.Public, len(list))
	for i, k := range list {
		keys[i] = badge.Public{ID: by.Method(k.ID.String()), Key: k.Public}
	}
	return by, keys, err
}

// statusLists is how many status lists there can be: which of them are used is not told.
const statusLists = 64

// StatusList is the signed list of what an organization took back, for anybody. NotFound if it never signed anything.
func (s *Service) StatusList(ctx context.Context, org id.Org, n int) (badge.Document, error) {
	if err := authz.Check(ctx, authz.CheckCredential, org); err != nil {
		return nil, err
	}
	by, _, err := s.published(ctx, org)
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= statusLists {
		return nil, errs.New(errs.NotFound, "status list %d of %s", n, org)
	}
	var doc badge.Document
	err = s.db.Tx(jobs.Enter(ctx, scope.Issuer, org), func(tx *db.Tx) error {
		slots, err := db.Rows[int](tx, `SELECT r.slot FROM credential_revocations r WHERE r.org_id = $1 AND r.list = $2 ORDER BY r.slot LIMIT $3`, org, n, badge.Slots)
		if err != nil {
			return err
		}
		if doc, err = badge.StatusList(by.Issuer, by.StatusList(n), slots, tx.Now); err != nil {
			return err
		}
		return s.sealAs(tx, doc, by, org)
	})
	return doc, err
}

// Checked is what anybody who was given the address of its public page learns of a credential.
type Checked struct {
	Credential

	Now      time.Time
	Issuer   tenants.Organization
	Cosigner *tenants.Organization
	Holds    bool // every signature holds: nobody changed what was signed
	Gone     bool // somebody who signed is no more, and so are the keys: nobody can tell
}

// plainCode reads a code as people write it: letters that look like figures are figures.
func plainCode(code string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'O':
			return '0'
		case r == 'I' || r == 'L':
			return '1'
		case r >= '0' && r <= '9' || r >= 'A' && r <= 'Z':
			return r
		}
		return -1
	}, strings.ToUpper(code))
}

// codeLength is how many letters a code has: 60 random bits, of which nobody tries enough at the pace of a page.
const codeLength = 12

func codeHash(code string) []byte {
	h := sha256.Sum256([]byte(code))
	return h[:]
}

// shown reads what a code opens of what an organization issued.
func shown(tx *db.Tx, by id.Org, code string) (c Credential, err error) {
	code = plainCode(code)
	if len(code) != codeLength {
		return c, errs.New(errs.NotFound, "code of %d letters", len(code))
	}
	h := codeHash(code)
	if err := tx.Prove(hex.EncodeToString(h)); err != nil {
		return c, err
	}
	return db.Row[Credential](tx, heldSQL+`WHERE c.code_hash = $1 AND c.issuer = $2 ORDER BY c.credential_id LIMIT 1`, h, by)
}

// CheckCredential checks the credential whose public page has the code, at the host of its issuer. Who checks is kept nowhere. NotFound for a
// code that opens nothing there.
func (s *Service) CheckCredential(ctx context.Context, by id.Org, code string) (v Checked, err error) {
	if err := authz.Check(ctx, authz.CheckCredential, by); err != nil {
		return v, err
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		v.Now = tx.Now
		v.Credential, err = shown(tx, by, code)
		return err
	}); err != nil {
		return v, err
	}
	return v, s.verify(ctx, &v)
}

// verify checks the signatures with the keys that the organizations publish.
func (s *Service) verify(ctx context.Context, v *Checked) error {
	orgs, err := s.tenants.ByIDs(ctx, v.Credential.Issuer, v.Credential.Cosigner)
	if err != nil {
		return err
	}
	v.Issuer = orgs[v.Credential.Issuer]
	known := map[string][]byte{}
	for _, o := range []id.Org{v.Credential.Issuer, v.Credential.Cosigner} {
		if o.IsZero() {
			continue
		}
		if o != v.Credential.Issuer {
			with := orgs[o]
			v.Cosigner = &with
		}
		keys, err := s.publics(ctx, o)
		if err != nil {
			return err
		}
		v.Gone = v.Gone || len(keys) == 0
		for _, k := range keys {
			by := s.issuer(orgs[o])
			known[by.ID+" "+by.Method(k.ID.String())] = k.Public
		}
	}
	v.Holds = badge.Verify(v.Document, func(by, method string) ([]byte, error) {
		if known[by+" "+method] == nil {
			return nil, badge.ErrProof
		}
		return known[by+" "+method], nil
	}) == nil
	return nil
}

// GivenCredential is one that the own organization gave: of its own people, as its authors read it, or of somebody elsewhere who is known to it
// by name, as those who manage its network do.
type GivenCredential struct {
	Credential

	Holder string `db:"holder"` // name; "" for whoever is known by the code of the public page alone
	From   id.Org `db:"from_org"`
}

// GivenPage is a page of them.
type GivenPage struct {
	Now  time.Time
	Rows []GivenCredential
	Orgs map[id.Org]tenants.Organization
	More bool
}

// givenSize is how many stand on a page.
const givenSize = 50

// givenSQL are what the organization $1 gave to its own people, if $2, and to those of others whose finishing is disclosed to it by name, if $3.
const givenSQL = `SELECT x.holder, x.from_org, y.* FROM (
		SELECT c.org_id, c.membership_id, c.credential_id, c.issued_at, m.name AS holder, c.org_id AS from_org FROM credentials c JOIN memberships m ON m.org_id = c.org_id AND m.membership_id = c.membership_id
			WHERE c.org_id = $1 AND c.issuer = $1 AND $2
		UNION ALL
		SELECT c.org_id, c.membership_id, c.credential_id, c.issued_at, d.name, d.giver_org FROM disclosures d JOIN credentials c ON c.org_id = d.giver_org AND c.membership_id = d.membership_id AND c.issuer = d.org_id AND c.item_id = d.item_id
			WHERE d.org_id = $1 AND d.finished AND $3
	) x CROSS JOIN LATERAL (` + heldSQL + `WHERE c.org_id = x.org_id AND c.membership_id = x.membership_id AND c.credential_id = x.credential_id) y `

// Gave lists what the own organization gave, the last first. Page counts from 0.
func (s *Service) Gave(ctx context.Context, page int) (v GivenPage, err error) {
	if err := authz.Check(ctx, authz.Revoke, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	var orgs []id.Org
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		v, orgs = GivenPage{Now: tx.Now}, nil
		own, names := gaveTo(sc)
		if v.Rows, err = db.Rows[GivenCredential](tx, givenSQL+`ORDER BY x.issued_at DESC, x.credential_id LIMIT $4 OFFSET $5`, sc.Org, own, names, givenSize+1, page*givenSize); err != nil {
			return err
		}
		if len(v.Rows) > givenSize {
			v.Rows, v.More = v.Rows[:givenSize], true
		}
		for _, g := range v.Rows {
			if !slices.Contains(orgs, g.From) {
				orgs = append(orgs, g.From)
			}
		}
		return tenants.NamesRead(tx, orgs...)
	}); err != nil {
		return v, fmt.Errorf("what %s gave: %w", sc.Org, err)
	}
	v.Orgs, err = s.tenants.ByIDs(ctx, orgs...)
	return v, err
}

// gaveTo says of whom the member may read: of the own people, and of others by name.
func gaveTo(sc scope.Scope) (own, names bool) {
	return authz.Allowed(sc, authz.Author, id.Org{}), authz.Allowed(sc, authz.ManageNetwork, id.Org{})
}

// GaveOne is one that the own organization gave: by its identifier, or by the code of its public page, whoever has it. NotFound for
// anything else.
func (s *Service) GaveOne(ctx context.Context, which id.Any, code string) (g GivenCredential, err error) {
	if err := authz.Check(ctx, authz.Revoke, id.Org{}); err != nil {
		return g, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if g, err = gave(tx, which, code); err != nil || g.From.IsZero() {
			return err
		}
		return tenants.NamesRead(tx, g.From)
	})
	return g, err
}

func gave(tx *db.Tx, which id.Any, code string) (GivenCredential, error) {
	if code != "" {
		c, err := shown(tx, tx.Scope.Org, code)
		return GivenCredential{Credential: c, Holder: c.ShownName}, err
	}
	own, names := gaveTo(tx.Scope)
	return db.Row[GivenCredential](tx, givenSQL+`WHERE x.credential_id = $4 LIMIT 1`, tx.Scope.Org, own, names, which)
}

// Revoke takes back a credential of the own organization for good, with the reason that its holder reads; its name must be given. From then
// on its page and the status list say so. Conflict for one that was taken back.
func (s *Service) Revoke(ctx context.Context, which id.Any, code, name, reason string) error {
	if err := authz.Check(ctx, authz.Revoke, id.Org{}); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		g, err := gave(tx, which, code)
		if err != nil {
			return err
		}
		var bad []errs.Field
		if !strings.EqualFold(strings.Join(strings.Fields(name), " "), strings.Join(strings.Fields(g.Name), " ")) {
			bad = append(bad, errs.Field{Name: "name", Key: "credential.fault.differs", Args: []any{"Name", g.Name}})
		}
		if n := utf8.RuneCountInString(reason); n == 0 {
			bad = append(bad, errs.Field{Name: "reason", Key: "credential.fault.missing"})
		} else if n > 300 {
			bad = append(bad, errs.Field{Name: "reason", Key: "credential.fault.long", Args: []any{"Count", 300}})
		}
		if len(bad) > 0 {
			return errs.Fields(bad...)
		}
		n, err := tx.Exec(`INSERT INTO credential_revocations (org_id, list, slot, reason, revoked_by, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, tx.Scope.Org, g.List, g.Slot, reason, tx.Scope.Membership, tx.Now)
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.Say(errs.Conflict, "credential.fault.revoked")
		}
		if err := tenants.Audit(tx, "credential.revoked", "item:"+g.Item.String(), map[string]any{"list": g.List, "slot": g.Slot}); err != nil {
			return err
		}
		g.Reason = reason
		return tx.As(scope.Mailer, g.Org, func() error { return s.tell(tx, g.Credential, "revoked") })
	})
	if err != nil {
		return fmt.Errorf("revoke a credential: %w", err)
	}
	return nil
}
