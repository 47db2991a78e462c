package auth

import (
	"context"
	"encoding/json"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/secret"
)

// Operators lists those who run the installation, by name, and the codes that operators made and nobody used yet.
func (s *Service) Operators(ctx context.Context) (list []Operator, open []OperatorCode, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return nil, nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, `SELECT `+operatorColumns+` FROM operators o WHERE o.state = 'active' ORDER BY lower(o.name), o.operator_id LIMIT 500`)
		db.List(b, &open, `SELECT `+codeColumns+` FROM operator_codes c WHERE c.expires_at > $1 AND c.made_by IS NOT NULL ORDER BY c.created_at, c.code_id LIMIT 100`, b.Now)
	})
	return list, open, err
}

// InviteOperator makes a code with which one person becomes an operator, within a day. Only its hash is kept: it is told once. Invalid
// for an address that is none or an operator's, and for a missing name.
func (s *Service) InviteOperator(ctx context.Context, name, email string) (code string, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return "", err
	}
	if name, email, err = operatorWords(name, email); err != nil {
		return "", err
	}
	code = secret.NewToken()
	return code, s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := unknownOperator(tx, email); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM operator_codes WHERE expires_at < $1 OR (email = $2 AND made_by IS NOT NULL)`, tx.Now, email); err != nil {
			return err
		}
		c := id.New[id.Any]()
		if _, err := tx.Exec(`INSERT INTO operator_codes (code_id, code_hash, name, email, made_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			c, secret.Hash(code), name, email, tx.Scope.Operator, tx.Now, tx.Now.Add(OperatorCodeFor)); err != nil {
			return err
		}
		return noteAct(tx, tx.Scope.Operator, "operator.invited", "code:"+c.String(), map[string]string{"name": name, "email": email})
	})
}

// WithdrawOperatorCode ends a code that nobody used yet.
func (s *Service) WithdrawOperatorCode(ctx context.Context, code id.Any) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`DELETE FROM operator_codes WHERE code_id = $1 AND made_by IS NOT NULL`, code); err != nil {
			return err
		}
		return noteAct(tx, tx.Scope.Operator, "operator.uninvited", "code:"+code.String(), nil)
	})
}

// RemoveOperator ends somebody's time as an operator: what they hold open, the sessions and the passkeys end with it. Conflict for
// oneself, so that somebody is left.
func (s *Service) RemoveOperator(ctx context.Context, operator id.Any) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	who, err := operating(ctx)
	if err != nil {
		return err
	}
	if operator == who.Operator {
		return errs.Say(errs.Conflict, "operator.not_oneself")
	}
	var open []Glass
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &open, `SELECT `+glassColumns+` FROM break_glass g JOIN organizations o ON o.org_id = g.org_id WHERE g.asked_by = $1 AND g.state = 'open' ORDER BY g.asked_at, g.glass_id LIMIT 1000`, operator)
	}); err != nil {
		return err
	}
	for _, g := range open {
		at, err := OperateOn(ctx, g.OrgID)
		if err == nil {
			err = s.db.Tx(at, func(tx *db.Tx) error { return s.shutGlass(tx, g, "operator") })
		}
		if err != nil && !errs.Is(err, errs.NotFound) { // It ended meanwhile.
			return err
		}
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		name, err := db.Row[string](tx, `UPDATE operators SET state = 'removed', subject = NULL, issuer = NULL WHERE operator_id = $1 AND state = 'active' RETURNING name`, operator)
		if err != nil {
			return err
		}
		for _, q := range []string{`DELETE FROM operator_sessions WHERE operator_id = $1`, `DELETE FROM operator_passkeys WHERE operator_id = $1`, `DELETE FROM operator_codes WHERE made_by = $1`} {
			if _, err := tx.Exec(q, operator); err != nil {
				return err
			}
		}
		return noteAct(tx, tx.Scope.Operator, "operator.removed", "operator:"+operator.String(), map[string]string{"name": name})
	})
}

// OperatorAct is a line of the operators' log.
type OperatorAct struct {
	Seq     int64           `db:"seq"`
	At      time.Time       `db:"at"`
	Name    string          `db:"name"` // of the operator; "" for the installation
	Action  string          `db:"action"`
	Object  string          `db:"object"`
	Slug    string          `db:"slug"` // of the organization that it was about; "" for none
	Org     string          `db:"org"`
	Detail  json.RawMessage `db:"detail"`
	Request string          `db:"request_id"`
}

// OperatorLog returns what operators did, newest first: about one organization, or of everything for zero; before is the number of the
// last line that was seen, 0 for the beginning. It returns one line more than limit where there are more.
func (s *Service) OperatorLog(ctx context.Context, about id.Org, before int64, limit int) (out []OperatorAct, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return nil, err
	}
	where, args := `a.seq < $1`, []any{before, limit + 1}
	if before <= 0 {
		args[0] = int64(1) << 62
	}
	if !about.IsZero() {
		where, args = where+` AND a.about = $3`, append(args, about)
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT a.seq, a.at, coalesce(o.name, '') AS name, a.action, a.object, coalesce(g.slug, '') AS slug, coalesce(g.name, '') AS org, a.detail, a.request_id
			FROM operator_audit a LEFT JOIN operators o ON o.operator_id = a.operator_id LEFT JOIN organizations g ON g.org_id = a.about
			WHERE `+where+` ORDER BY a.seq DESC LIMIT $2`, args...)
	})
	return out, err
}

// Queues is how many news and mails of all organizations wait, and since when the oldest does.
type Queues struct {
	News       int        `db:"news"`
	NewsSince  *time.Time `db:"news_since"`
	Mails      int        `db:"mails"`
	MailsSince *time.Time `db:"mails_since"`
	Server     string     `db:"server"` // version of PostgreSQL
	Schema     int64      `db:"schema"` // number of the last migration
}

// Queues says how the installation keeps up.
func (s *Service) Queues(ctx context.Context) (q Queues, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return q, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &q, nil, `SELECT c.news, c.news_since, c.mails, c.mails_since, current_setting('server_version') AS server, (SELECT max(v.version_id) FROM goose_db_version v) AS schema FROM console_queues() c`)
	})
	return q, err
}

// Note writes a line of the operators' log about what an operator did to the installation itself.
func (s *Service) Note(ctx context.Context, action, object string) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error { return noteAct(tx, tx.Scope.Operator, action, object, nil) })
}
