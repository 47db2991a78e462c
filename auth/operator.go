package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/webauthn"
	"golang.org/x/time/rate"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// OperatorDeps is what the operators' area needs. Without a URL there is none.
type OperatorDeps struct {
	URL          string // of the operators' host, without a slash at the end
	Issuer       string // of the operators' own provider; "": they sign in with passkeys alone
	ClientID     string
	ClientSecret secret.Secret
}

// The lives of an operator's things (security.md, defaults): shorter than those of members.
const (
	operatorIdle    = 15 * time.Minute
	operatorLife    = 4 * time.Hour
	operatorSeen    = time.Minute
	OperatorCodeFor = 24 * time.Hour // how long a code lets somebody become an operator
)

// operators is how operators sign in.
type operators struct {
	url      *url.URL
	provider Provider // zero without one
	tries    deskTries
}

// deskTries counts what each network asks of the sign-in of operators, in this process.
type deskTries struct {
	mu       sync.Mutex
	networks map[string]*rate.Limiter
}

// deskMost is how many sign-ins one network may begin in a minute.
const deskMost = 20

func (d *deskTries) take(network string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.networks == nil || len(d.networks) > 10_000 {
		d.networks = map[string]*rate.Limiter{}
	}
	if d.networks[network] == nil {
		d.networks[network] = rate.NewLimiter(rate.Every(time.Minute/deskMost), deskMost)
	}
	return d.networks[network].AllowN(now, 1)
}

func (s *Service) operate(d OperatorDeps) error {
	if d.URL == "" {
		return nil
	}
	u, err := url.Parse(d.URL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("auth: address of the operators' host %q", d.URL)
	}
	s.operators.url = u
	if d.Issuer == "" {
		return nil
	}
	if err := checkIssuer(d.Issuer); err != nil {
		return fmt.Errorf("auth: the operators' provider: %w", err)
	}
	p := Provider{Name: u.Host, Issuer: d.Issuer, ClientID: d.ClientID, Scopes: []string{"openid", "profile", "email"}, State: "active"}
	if p.Sealed, err = s.keys.Seal(providerRef(p.OrgID, p.ProviderID), []byte(d.ClientSecret.Reveal())); err != nil {
		return fmt.Errorf("auth: the operators' provider: %w", err)
	}
	s.operators.provider = p
	return nil
}

// OperatorHost reports whether the host is the operators'.
func (s *Service) OperatorHost(host string) bool {
	return s.operators.url != nil && tenants.Hostname(host) == tenants.Hostname(s.operators.url.Host)
}

// OperatorURL is the address of a page of the operators' host; "" if there is none.
func (s *Service) OperatorURL(path string) string {
	if s.operators.url == nil {
		return ""
	}
	return s.operators.url.String() + path
}

// OperatorsHaveProvider reports whether operators may come in through their provider.
func (s *Service) OperatorsHaveProvider() bool { return s.operators.provider.Issuer != "" }

// AtDesk returns a context in which the sign-in of operators acts: without any organization.
func AtDesk(ctx context.Context) context.Context {
	return scope.Enter(ctx, scope.System(scope.SignIn, id.Org{}))
}

// Operate returns a context in which the operator acts for no organization: it is told how they stand and reads nothing of them.
func Operate(ctx context.Context, o Operator) context.Context {
	return scope.Enter(ctx, scope.Scope{Actor: scope.Console, Operator: o.OperatorID, Named: o.Name})
}

// OperateOn returns a context in which the operator of ctx acts on one organization: changes its state and its limits.
func OperateOn(ctx context.Context, org id.Org) (context.Context, error) {
	s, err := operating(ctx)
	s.Org = org
	return scope.Enter(ctx, s), err
}

// Found returns a context in which the operator of ctx creates an organization, which is nobody's yet.
func Found(ctx context.Context) (context.Context, id.Org, error) {
	s, err := operating(ctx)
	org := id.New[id.Org]()
	return scope.Enter(ctx, scope.Scope{Actor: scope.Operator, Org: org, Operator: s.Operator, Named: s.Named}), org, err
}

func operating(ctx context.Context) (scope.Scope, error) {
	s, err := scope.From(ctx)
	if err == nil && (s.Actor != scope.Console || s.Operator.IsZero()) {
		err = errs.New(errs.NotFound, "%s is no operator", s.Actor)
	}
	return s, err
}

// Operator is who runs the installation.
type Operator struct {
	OperatorID id.Any     `db:"operator_id"`
	Name       string     `db:"name"`
	Email      string     `db:"email"`
	Provider   bool       `db:"provider"` // may come in through the operators' provider
	Passkeys   int        `db:"passkeys"`
	CreatedAt  time.Time  `db:"created_at"`
	SeenAt     *time.Time `db:"seen_at"`
}

// operatorColumns selects an Operator from operators with the alias o.
const operatorColumns = `o.operator_id, o.name, o.email, o.subject IS NOT NULL AS provider, (SELECT count(*)::int FROM operator_passkeys k WHERE k.operator_id = o.operator_id) AS passkeys, o.created_at, o.seen_at`

// OperatorSession is a session of an operator, as of this request.
type OperatorSession struct {
	Operator

	SessionID id.Session `db:"session_id"`
	Last      time.Time  `db:"last"` // request that was noted
	ExpiresAt time.Time  `db:"expires_at"`
}

// Ends is when the session ends if nothing more is asked with it.
func (o OperatorSession) Ends(now time.Time) time.Time {
	if idle := now.Add(operatorIdle); idle.Before(o.ExpiresAt) {
		return idle
	}
	return o.ExpiresAt
}

// OperatorSession returns the session of a cookie of the operators' host; NotFound for any other token, and for one of somebody who
// was removed.
func (s *Service) OperatorSession(ctx context.Context, token string) (out OperatorSession, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return out, err
	}
	if !secret.IsToken(token) {
		return out, errs.New(errs.NotFound, "no session token")
	}
	now := s.now()
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &out, &found, `SELECT `+operatorColumns+`, s.session_id, s.seen_at AS last, s.expires_at FROM operator_sessions s JOIN operators o ON o.operator_id = s.operator_id
			WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND o.state = 'active'`, secret.Hash(token), now, now.Add(-operatorIdle))
	}); err != nil {
		return out, fmt.Errorf("read operator's session: %w", err)
	}
	if !found {
		return out, errs.New(errs.NotFound, "no session")
	}
	if now.Sub(out.Last) < operatorSeen {
		return out, nil
	}
	return out, s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE operator_sessions SET seen_at = $2 WHERE session_id = $1`, out.SessionID, tx.Now); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE operators SET seen_at = $2 WHERE operator_id = $1`, out.OperatorID, tx.Now)
		return err
	})
}

// openDesk makes a session of an operator and ends the one that the browser had. It is the only place that makes one.
func openDesk(tx *db.Tx, operator id.Any, b Browser, by string) (SignedIn, error) {
	if secret.IsToken(b.Session) {
		if _, err := tx.Exec(`DELETE FROM operator_sessions WHERE token_hash = $1`, secret.Hash(b.Session)); err != nil {
			return SignedIn{}, err
		}
	}
	if _, err := tx.Exec(`DELETE FROM operator_sessions WHERE expires_at < $1 OR seen_at < $2`, tx.Now, tx.Now.Add(-operatorIdle)); err != nil {
		return SignedIn{}, err
	}
	out := SignedIn{Token: secret.NewToken(), Until: tx.Now.Add(operatorLife), ReturnTo: "/host"}
	if _, err := tx.Exec(`INSERT INTO operator_sessions (session_id, operator_id, token_hash, device, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)`,
		id.New[id.Session](), operator, secret.Hash(out.Token), clip(b.Device, 200), tx.Now, out.Until); err != nil {
		return SignedIn{}, err
	}
	if _, err := tx.Exec(`UPDATE operators SET seen_at = $2 WHERE operator_id = $1`, operator, tx.Now); err != nil {
		return SignedIn{}, err
	}
	return out, noteAct(tx, operator, "operator.came", "operator:"+operator.String(), map[string]string{"by": by})
}

// noteAct writes a line of the operators' log.
func noteAct(tx *db.Tx, operator id.Any, action, object string, detail any) error {
	if detail == nil {
		detail = struct{}{}
	}
	j, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO operator_audit (at, operator_id, action, object, detail, request_id) VALUES ($1, $2, $3, $4, $5, $6)`, tx.Now, operator, action, object, j, tenants.Request(tx.Context()))
	return err
}

// LeaveDesk ends the session of a cookie. Leaving twice is no error.
func (s *Service) LeaveDesk(ctx context.Context, token string) error {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return err
	}
	if !secret.IsToken(token) {
		return nil
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		who, err := db.Row[id.Any](tx, `DELETE FROM operator_sessions WHERE token_hash = $1 RETURNING operator_id`, secret.Hash(token))
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return noteAct(tx, who, "operator.left", "operator:"+who.String(), nil)
	})
}

// FirstOperatorCode returns a code for the first operator; "" where there is an operator, or a code that was printed and still holds.
// Of replicas that start at once one gets it.
func (s *Service) FirstOperatorCode(ctx context.Context) (code string, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return "", err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		code = ""
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('first operator', 0))`); err != nil {
			return err
		}
		need, err := db.Row[bool](tx, `SELECT NOT EXISTS (SELECT 1 FROM operators WHERE state = 'active') AND NOT EXISTS (SELECT 1 FROM operator_codes WHERE made_by IS NULL AND expires_at > $1)`, tx.Now)
		if err != nil || !need {
			return err
		}
		code, err = printedCode(tx)
		return err
	})
	return code, err
}

// NewOperatorCode returns a code that lets somebody become an operator, in place of the one that was printed before: for the command
// line, whoever reaches it has the database.
func (s *Service) NewOperatorCode(ctx context.Context) (code string, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return "", err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		code, err = printedCode(tx)
		return err
	})
	return code, err
}

func printedCode(tx *db.Tx) (string, error) {
	if _, err := tx.Exec(`DELETE FROM operator_codes WHERE made_by IS NULL`); err != nil {
		return "", err
	}
	code := secret.NewToken()
	if _, err := tx.Exec(`INSERT INTO operator_codes (code_id, code_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)`, id.New[id.Any](), secret.Hash(code), tx.Now, tx.Now.Add(OperatorCodeFor)); err != nil {
		return "", err
	}
	return code, noteAct(tx, id.Any{}, "operator.code", "", nil)
}

// OperatorCode is a code that waits for whom it is for.
type OperatorCode struct {
	CodeID    id.Any    `db:"code_id"`
	Name      string    `db:"name"`
	Email     string    `db:"email"` // "" until somebody said it
	Printed   bool      `db:"printed"`
	ExpiresAt time.Time `db:"expires_at"`
}

const codeColumns = `c.code_id, c.name, c.email, c.made_by IS NULL AS printed, c.expires_at`

// OperatorCode returns what a code is for; NotFound for one that was used, replaced, or is too old.
func (s *Service) OperatorCode(ctx context.Context, code string) (out OperatorCode, err error) {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return out, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		out, err = codeOf(tx, secret.Hash(code))
		return err
	})
	return out, err
}

func codeOf(tx *db.Tx, hash []byte) (OperatorCode, error) {
	return db.Row[OperatorCode](tx, `SELECT `+codeColumns+` FROM operator_codes c WHERE c.code_hash = $1 AND c.expires_at > $2`, hash, tx.Now)
}

// NameOperator says who comes in with a code that was printed. Invalid for an address that is none or an operator's, and for a missing name.
func (s *Service) NameOperator(ctx context.Context, code, name, email string) error {
	if err := authz.Check(ctx, authz.SignInOperator, id.Org{}); err != nil {
		return err
	}
	name, email, err := operatorWords(name, email)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := unknownOperator(tx, email); err != nil {
			return err
		}
		return tx.Must(`UPDATE operator_codes SET name = $3, email = $4 WHERE code_hash = $1 AND expires_at > $2 AND made_by IS NULL`, secret.Hash(code), tx.Now, name, email)
	})
}

func operatorWords(name, email string) (string, string, error) {
	var fields []errs.Field
	if name = strings.Join(strings.Fields(name), " "); name == "" || utf8.RuneCountInString(name) > 120 {
		fields = append(fields, errs.Field{Name: "name", Key: "operator.bad.name"})
	}
	address, err := mail.Address(email)
	if err != nil {
		fields = append(fields, errs.Field{Name: "email", Key: "operator.bad.email"})
	}
	if len(fields) > 0 {
		return "", "", errs.Fields(fields...)
	}
	return name, strings.ToLower(address), nil
}

func unknownOperator(tx *db.Tx, email string) error {
	known, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM operators o WHERE o.email = $1 AND o.state = 'active')`, email)
	if err == nil && known {
		err = errs.Fields(errs.Field{Name: "email", Key: "operator.bad.known"})
	}
	return err
}

// become makes the operator whom the code is for, once, and opens the first session.
func becomeOperator(tx *db.Tx, hash []byte, operator id.Any, subject, issuer *string, b Browser, by string) (SignedIn, error) {
	c, err := db.Row[OperatorCode](tx, `DELETE FROM operator_codes c WHERE c.code_hash = $1 AND c.expires_at > $2 AND c.email <> '' RETURNING `+codeColumns, hash, tx.Now)
	if err != nil {
		return SignedIn{}, err
	}
	if err := unknownOperator(tx, c.Email); err != nil {
		return SignedIn{}, err
	}
	if _, err := tx.Exec(`INSERT INTO operators (operator_id, name, email, subject, issuer, created_at) VALUES ($1, $2, $3, $4, $5, $6)`, operator, c.Name, c.Email, subject, issuer, tx.Now); err != nil {
		return SignedIn{}, err
	}
	if err := noteAct(tx, operator, "operator.joined", "operator:"+operator.String(), map[string]any{"name": c.Name, "printed": c.Printed}); err != nil {
		return SignedIn{}, err
	}
	return openDesk(tx, operator, b, by)
}

// deskKeys is an operator as WebAuthn knows it.
type deskKeys struct {
	operator    id.Any
	name, email string
	credentials []webauthn.Credential
}

// WebAuthnID implements webauthn.User.
func (k deskKeys) WebAuthnID() []byte { return k.operator.UUID[:] }

// WebAuthnName implements webauthn.User.
func (k deskKeys) WebAuthnName() string { return k.email }

// WebAuthnDisplayName implements webauthn.User.
func (k deskKeys) WebAuthnDisplayName() string { return k.name }

// WebAuthnCredentials implements webauthn.User.
func (k deskKeys) WebAuthnCredentials() []webauthn.Credential { return k.credentials }

// desk is the operators' host as a relying party.
func (s *Service) desk() (*webauthn.WebAuthn, error) {
	return webauthn.New(&webauthn.Config{RPID: s.operators.url.Hostname(), RPDisplayName: s.operators.url.Host, RPOrigins: []string{s.operators.url.String()}})
}

func askDesk(tx *db.Tx, key string, q any) error {
	j, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM operator_questions WHERE expires_at < $1`, tx.Now); err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO operator_questions (browser_hash, question, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (browser_hash) DO UPDATE SET question = excluded.question, expires_at = excluded.expires_at`, secret.Hash(key), j, tx.Now.Add(signInLife))
	return err
}

// answeredDesk takes what was asked under a key; a question is answered once.
func answeredDesk[T any](tx *db.Tx, key string) (q T, err error) {
	row, err := db.Row[struct {
		Question string    `db:"question"`
		Until    time.Time `db:"expires_at"`
	}](tx, `DELETE FROM operator_questions WHERE browser_hash = $1 RETURNING question::text AS question, expires_at`, secret.Hash(key))
	if errs.Is(err, errs.NotFound) || err == nil && row.Until.Before(tx.Now) {
		return q, badPasskey(errs.New(errs.Invalid, "nothing was asked"))
	}
	if err != nil {
		return q, err
	}
	return q, json.Unmarshal([]byte(row.Question), &q)
}

// tryDesk counts a sign-in of operators from one network: twenty in a minute.
func (s *Service) tryDesk(network string) error {
	if !s.secure && loopback(network) {
		return nil
	}
	if !s.operators.tries.take(network, s.now()) {
		return &errs.Error{Kind: errs.RateLimited, Key: "auth.limit", RetryAfter: time.Minute, Err: fmt.Errorf("operators' sign-in: more than %d in a minute", deskMost)}
	}
	return nil
}

func deskRefused(ctx context.Context, why string, err error) error {
	slog.InfoContext(ctx, "operator's sign-in refused", "why", why, "error", err)
	return &errs.Error{Kind: errs.Invalid, Key: "operator.refused." + why, Err: err}
}
