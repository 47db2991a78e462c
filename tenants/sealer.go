package tenants

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// Sealer numbers the lines of every organization's log and puts seals under them. The log itself is written by Audit in the
// transaction of each change, and nobody waits for a seal.
type Sealer struct {
	db   *db.DB
	keys *secret.Keyring
	log  *slog.Logger
}

// NewSealer returns a sealer whose keys are kept under the ring; Run starts it.
func NewSealer(d *db.DB, keys *secret.Keyring, log *slog.Logger) *Sealer {
	return &Sealer{db: d, keys: keys, log: log}
}

// sealEvery is how long a line waits for its seal, sealMost how many lines one seal adds at most.
const (
	sealEvery = 10 * time.Second
	sealMost  = 5000
)

// Run seals what waits, every ten seconds, until ctx ends. Several replicas may run: an organization is sealed by one at a time.
func (s *Sealer) Run(ctx context.Context) error {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	for {
		if err := s.Once(jobs.Enter(ctx, scope.Sealer, id.Org{})); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "seal the logs", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Once seals what waits in the log of every organization. The log says what was sealed: whoever keeps it elsewhere can tell a
// history that was written anew.
func (s *Sealer) Once(ctx context.Context) error {
	if err := authz.Check(ctx, authz.SealLog, id.Org{}); err != nil {
		return err
	}
	var failed error
	for {
		var waiting []id.Org
		if err := s.db.ReadAs(ctx, scope.System(scope.Sealer, id.Org{}), func(b *db.Batch) {
			db.List(b, &waiting, `SELECT DISTINCT n.org_id FROM audit_numbers n WHERE n.n IS NULL ORDER BY n.org_id LIMIT 1000`)
		}); err != nil {
			return err
		}
		sealed := 0
		for _, org := range waiting {
			n, err := s.seal(ctx, org)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("seal the log of %s: %w", org, err))
			}
			sealed += n
		}
		if failed != nil || sealed == 0 {
			return failed
		}
	}
}

type sealRow struct {
	Seal      int64     `db:"seal"`
	First     int64     `db:"first"`
	Last      int64     `db:"last"`
	Hash      []byte    `db:"hash"`
	Previous  []byte    `db:"previous"`
	At        time.Time `db:"at"`
	PublicKey []byte    `db:"public_key"`
	Signature []byte    `db:"signature"`
}

const sealColumns = `s.seal, s.first, s.last, s.hash, s.previous, s.at, s.public_key, s.signature`

func (r sealRow) seal(org id.Org) ledger.Seal {
	return ledger.Seal{
		Org: org, Seal: r.Seal, First: r.First, Last: r.Last, Hash: ledger.Hash(r.Hash), Previous: ledger.Hash(r.Previous), At: r.At, Key: r.PublicKey, Signature: r.Signature,
	}
}

type lineRow struct {
	Seq        int64         `db:"seq"`
	N          int64         `db:"n"`
	Hash       []byte        `db:"hash"`
	At         time.Time     `db:"at"`
	Actor      string        `db:"actor"`
	Membership id.Membership `db:"membership_id"`
	Action     string        `db:"action"`
	Object     string        `db:"object"`
	Detail     []byte        `db:"detail"`
	Request    string        `db:"request_id"`
}

const lineColumns = `a.seq, coalesce(n.n, 0) AS n, n.hash, a.at, a.actor, a.membership_id, a.action, a.object, a.detail, a.request_id`

func (r lineRow) canonical() ([]byte, error) {
	l := ledger.Line{N: r.N, At: r.At, Actor: r.Actor, Action: r.Action, Object: r.Object, Detail: json.RawMessage(r.Detail), Request: r.Request}
	if !r.Membership.IsZero() {
		l.Member = r.Membership.String()
	}
	return l.Canonical()
}

// seal adds one seal to the log of org and returns how many lines it covers. Which lines wait is what their transactions left
// behind, so one that committed after its neighbours is not passed over: it comes with the next seal.
func (s *Sealer) seal(ctx context.Context, org id.Org) (n int, err error) {
	var made ledger.Seal
	err = s.db.Tx(jobs.Enter(ctx, scope.Sealer, org), func(tx *db.Tx) error {
		n = 0
		alone, err := db.Row[bool](tx, `SELECT pg_try_advisory_xact_lock(hashtextextended('audit ' || $1, 0))`, org.String())
		if err != nil || !alone {
			return err
		}
		last := ledger.Seal{Hash: ledger.Begin(org)}
		row, err := db.Row[sealRow](tx, `SELECT `+sealColumns+` FROM audit_seals s WHERE s.org_id = $1 ORDER BY s.seal DESC LIMIT 1`, org)
		switch {
		case err == nil:
			last = row.seal(org)
		case !errs.Is(err, errs.NotFound):
			return err
		}
		lines, err := db.Rows[lineRow](tx, `SELECT `+lineColumns+` FROM audit_numbers n JOIN audit a ON a.org_id = n.org_id AND a.seq = n.seq
			WHERE n.org_id = $1 AND n.n IS NULL ORDER BY n.seq LIMIT $2`, org, sealMost)
		if err != nil || len(lines) == 0 {
			return err
		}
		seal := ledger.Seal{Org: org, Seal: last.Seal + 1, First: last.Last + 1, Last: last.Last + int64(len(lines)), Hash: last.Hash, At: tx.Now}
		if last.Seal > 0 {
			seal.Previous = last.Digest()
		}
		var seqs, numbers []int64
		var hashes [][]byte
		for i, l := range lines {
			l.N = seal.First + int64(i)
			canonical, err := l.canonical()
			if err != nil {
				return err
			}
			seal.Hash = seal.Hash.Next(canonical)
			seqs, numbers, hashes = append(seqs, l.Seq), append(numbers, l.N), append(hashes, append([]byte{}, seal.Hash[:]...))
		}
		key, err := s.signer(tx)
		if err != nil {
			return err
		}
		seal.Sign(key)
		if err := tx.Must(`UPDATE audit_numbers n SET n = u.n, hash = u.hash FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS u(seq, n, hash)
			WHERE n.org_id = $1 AND n.seq = u.seq AND n.n IS NULL`, org, seqs, numbers, hashes); err != nil {
			return err
		}
		made, n = seal, len(lines)
		return tx.Must(`INSERT INTO audit_seals (org_id, seal, first, last, hash, previous, at, public_key, signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			org, seal.Seal, seal.First, seal.Last, seal.Hash[:], seal.Previous[:], seal.At, []byte(seal.Key), seal.Signature)
	})
	if err == nil && n > 0 {
		s.log.InfoContext(ctx, "log sealed", "org", org, "seal", made.Seal, "lines", made.Last, "hash", made.Hash.String(), "key", ledger.KeyID(made.Key))
	}
	return n, err
}

// SealKey is a key that signs seals, or did.
type SealKey struct {
	ID     string    `db:"key_id"`
	Public []byte    `db:"public_key"`
	Made   time.Time `db:"made_at"`
	Secret []byte    `db:"secret_key"` // as it is kept: sealed under the ring
}

func (k SealKey) ref() secret.Ref {
	return secret.Ref{Table: "audit_keys", Row: k.ID, Column: "secret_key"}
}

// Keys lists the keys of the installation, the one that signs now first.
func (s *Sealer) Keys(ctx context.Context) (out []SealKey, err error) {
	if err := authz.Check(ctx, authz.SealLog, id.Org{}); err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT k.key_id, k.public_key, k.made_at, k.secret_key FROM audit_keys k ORDER BY k.made_at DESC, k.key_id LIMIT 1000`)
	})
	return out, err
}

// Rotate makes a new key, which signs from now on. The keys before it stay, because what they signed stays.
func (s *Sealer) Rotate(ctx context.Context) (SealKey, error) {
	if err := authz.Check(ctx, authz.SealLog, id.Org{}); err != nil {
		return SealKey{}, err
	}
	var k SealKey
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		k, _, err = s.newKey(tx)
		return err
	})
	return k, err
}

// signer is the key that signs now; the installation's first is made here. One that is kept under an earlier key of the ring is
// put under the present one.
func (s *Sealer) signer(tx *db.Tx) (ed25519.PrivateKey, error) {
	newest := `SELECT k.key_id, k.public_key, k.made_at, k.secret_key FROM audit_keys k ORDER BY k.made_at DESC, k.key_id LIMIT 1`
	k, err := db.Row[SealKey](tx, newest)
	if errs.Is(err, errs.NotFound) {
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtext('audit_keys'))`); err != nil {
			return nil, err
		}
		if k, err = db.Row[SealKey](tx, newest); errs.Is(err, errs.NotFound) {
			_, private, err := s.newKey(tx)
			return private, err
		}
	}
	if err != nil {
		return nil, err
	}
	seed, err := s.keys.Open(k.ref(), k.Secret)
	if err != nil {
		return nil, fmt.Errorf("the key %s that signs the logs: %w", k.ID, err)
	}
	if s.keys.Stale(k.Secret) {
		again, err := s.keys.Seal(k.ref(), seed)
		if err != nil {
			return nil, err
		}
		if err := tx.Must(`UPDATE audit_keys SET secret_key = $2 WHERE key_id = $1`, k.ID, again); err != nil {
			return nil, err
		}
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Reseal puts every key of the installation that an earlier key of the ring keeps under the present one, and returns how many. It can be
// begun again at any time; a key that the ring does not open is an error.
func (s *Sealer) Reseal(ctx context.Context) (n int, err error) {
	if err := authz.Check(ctx, authz.SealLog, id.Org{}); err != nil {
		return 0, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n = 0
		keys, err := db.Rows[SealKey](tx, `SELECT k.key_id, k.public_key, k.made_at, k.secret_key FROM audit_keys k ORDER BY k.made_at, k.key_id LIMIT 1000`)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if !s.keys.Stale(k.Secret) {
				continue
			}
			seed, err := s.keys.Open(k.ref(), k.Secret)
			if err != nil {
				return fmt.Errorf("the key %s that signs the logs: %w", k.ID, err)
			}
			again, err := s.keys.Seal(k.ref(), seed)
			if err != nil {
				return err
			}
			if err := tx.Must(`UPDATE audit_keys SET secret_key = $2 WHERE key_id = $1`, k.ID, again); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

func (s *Sealer) newKey(tx *db.Tx) (SealKey, ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return SealKey{}, nil, err
	}
	k := SealKey{ID: ledger.KeyID(public), Public: public, Made: tx.Now}
	if k.Secret, err = s.keys.Seal(k.ref(), private.Seed()); err != nil {
		return SealKey{}, nil, err
	}
	return k, private, tx.Must(`INSERT INTO audit_keys (key_id, public_key, secret_key, made_at) VALUES ($1, $2, $3, $4)`, k.ID, k.Public, k.Secret, k.Made)
}
