package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

const (
	// GlassFor is how long a break-glass is open from its approval on; the database's guard says the same.
	GlassFor = 60 * time.Minute
	// GlassWaits is how long a request can be approved.
	GlassWaits    = 24 * time.Hour
	glassCodeLife = time.Minute
	// GlassPage is where the administrators of an organization see what operators asked for, and end it.
	GlassPage = "/admin/operators"
)

// Glass is a request of an operator to read as one organization, and what became of it.
type Glass struct {
	OrgID     id.Org     `db:"org_id"`
	GlassID   id.Any     `db:"glass_id"`
	Slug      string     `db:"slug"`
	Org       string     `db:"org"` // its name
	AskedBy   id.Any     `db:"asked_by"`
	Asker     string     `db:"asker"`
	Reason    string     `db:"reason"`
	State     string     `db:"state"` // asked, refused, open or ended
	AskedAt   time.Time  `db:"asked_at"`
	DecidedAt *time.Time `db:"decided_at"`
	Decider   string     `db:"decider"`
	Until     *time.Time `db:"until"`
	EndedAt   *time.Time `db:"ended_at"`
	EndedBy   string     `db:"ended_by"` // time, operator or organization
	Reads     int        `db:"reads"`
}

// Waits reports whether the request can still be decided.
func (g Glass) Waits(now time.Time) bool {
	return g.State == "asked" && now.Before(g.AskedAt.Add(GlassWaits))
}

// Open reports whether its operator reads there now.
func (g Glass) Open(now time.Time) bool {
	return g.State == "open" && g.Until != nil && now.Before(*g.Until)
}

const glassColumns = `g.org_id, g.glass_id, o.slug, o.name AS org, g.asked_by, g.asker, g.reason, g.state, g.asked_at, g.decided_at, coalesce(nullif(g.decider, ''), (SELECT m.name FROM memberships m WHERE m.org_id = g.org_id AND m.membership_id = g.decided_member), '') AS decider, g.until, g.ended_at, g.ended_by, g.reads`

func glassOf(tx *db.Tx, org id.Org, glass id.Any) (Glass, error) {
	return db.Row[Glass](tx, `SELECT `+glassColumns+` FROM break_glass g JOIN organizations o ON o.org_id = g.org_id WHERE g.org_id = $1 AND g.glass_id = $2 FOR UPDATE OF g`, org, glass)
}

// AskGlass asks to read as the organization that the operator of ctx acts on. Invalid for a reason of less than 10 letters or more than
// 500; Conflict while an own request waits or is open there. Where no other operator could approve, the administrators are told.
func (s *Service) AskGlass(ctx context.Context, reason string) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	if reason = strings.Join(strings.Fields(reason), " "); utf8.RuneCountInString(reason) < 10 || utf8.RuneCountInString(reason) > 500 {
		return errs.Fields(errs.Field{Name: "reason", Key: "operator.bad.reason"})
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('break glass ' || $1::text, 0))`, tx.Scope.Org); err != nil {
			return err
		}
		waits, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM break_glass g WHERE g.org_id = $1 AND g.asked_by = $2 AND (g.state = 'asked' AND g.asked_at > $3 OR g.state = 'open' AND g.until > $4))`,
			tx.Scope.Org, tx.Scope.Operator, tx.Now.Add(-GlassWaits), tx.Now)
		if err != nil {
			return err
		}
		if waits {
			return errs.Say(errs.Conflict, "operator.glass.there")
		}
		g := id.New[id.Any]()
		if _, err := tx.Exec(`INSERT INTO break_glass (org_id, glass_id, asked_by, asker, reason, asked_at) VALUES ($1, $2, $3, $4, $5, $6)`, tx.Scope.Org, g, tx.Scope.Operator, tx.Scope.Named, reason, tx.Now); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "break_glass.asked", "break_glass:"+g.String(), map[string]string{"reason": reason}); err != nil {
			return err
		}
		alone, err := db.Row[bool](tx, `SELECT lone_operator($1)`, tx.Scope.Operator)
		if err != nil || !alone {
			return err
		}
		return s.tell(tx, Glass{OrgID: tx.Scope.Org, GlassID: g, Asker: tx.Scope.Named, Reason: reason}, "asked")
	})
}

// Glasses lists requests of all operators, the newest first: those that wait or are open before those that are over.
func (s *Service) Glasses(ctx context.Context) (out []Glass, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+glassColumns+` FROM break_glass g JOIN organizations o ON o.org_id = g.org_id ORDER BY g.asked_at DESC, g.glass_id LIMIT 100`)
	})
	return out, err
}

// Alone reports whether the operator of ctx is the only one.
func (s *Service) Alone(ctx context.Context) (alone bool, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return false, err
	}
	who, err := operating(ctx)
	if err != nil {
		return false, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) { db.One(b, &alone, nil, `SELECT lone_operator($1)`, who.Operator) })
	return alone, err
}

// DecideGlass approves or refuses what another operator asked of the organization that the operator of ctx acts on. Approving wants the
// organization's name. It is open from then on, and its administrators are told. Conflict for one's own request and for one that does not
// wait any more. One's own may be taken back by refusing it.
func (s *Service) DecideGlass(ctx context.Context, glass id.Any, approve bool, name string) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	return s.decide(ctx, glass, approve, func(tx *db.Tx, g Glass) (string, error) {
		switch {
		case approve && g.AskedBy == tx.Scope.Operator:
			return "", errs.Say(errs.Conflict, "operator.glass.own")
		case approve && !strings.EqualFold(strings.TrimSpace(name), g.Org):
			return "", errs.Fields(errs.Field{Name: "name", Key: "house.close.differs", Args: []any{"Org", g.Org}})
		}
		return tx.Scope.Named, nil
	})
}

// AnswerGlass is DecideGlass by an administrator of the organization, where the operator who asked is the only one. Conflict where
// there is another, and for somebody with the operator's own address.
func (s *Service) AnswerGlass(ctx context.Context, glass id.Any, approve bool) error {
	if err := authz.Check(ctx, authz.AnswerGlass, id.Org{}); err != nil {
		return err
	}
	return s.decide(ctx, glass, approve, func(tx *db.Tx, g Glass) (string, error) {
		may, err := db.Row[bool](tx, `SELECT lone_operator($1) AND NOT same_address($1, $2)`, g.AskedBy, tx.Scope.Membership)
		if err == nil && !may {
			err = errs.Say(errs.Conflict, "operator.glass.not_yours")
		}
		m, _ := Current(tx.Context()) // Nobody but a member comes here.
		return m.Name, err
	})
}

func (s *Service) decide(ctx context.Context, glass id.Any, approve bool, may func(*db.Tx, Glass) (string, error)) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		g, err := glassOf(tx, tx.Scope.Org, glass)
		if err != nil {
			return err
		}
		if !g.Waits(tx.Now) {
			return errs.Say(errs.Conflict, "operator.glass.over")
		}
		if g.Decider, err = may(tx, g); err != nil {
			return err
		}
		state, until := "refused", (*time.Time)(nil)
		if approve {
			at := tx.Now.Add(GlassFor)
			state, until = "open", &at
		}
		g.Until = until
		if err := tx.Must(`UPDATE break_glass SET state = $3, until = $4, decided_at = $5, decided_operator = $6, decided_member = $7, decider = $8 WHERE org_id = $1 AND glass_id = $2 AND state = 'asked'`,
			g.OrgID, g.GlassID, state, until, tx.Now, tx.Scope.Operator, tx.Scope.Membership, tx.Scope.Named); err != nil {
			return err
		}
		if !approve {
			return tenants.Audit(tx, "break_glass.refused", "break_glass:"+g.GlassID.String(), map[string]string{"asker": g.Asker})
		}
		if err := tenants.Audit(tx, "break_glass.opened", "break_glass:"+g.GlassID.String(), map[string]any{"asker": g.Asker, "reason": g.Reason, "until": until}); err != nil {
			return err
		}
		return s.tell(tx, g, "opened")
	})
}

// OpenGlass returns a code with which the browser of the operator who asked goes to the organization's host, within a minute and once.
// Conflict unless it is open, NotFound for somebody else's.
func (s *Service) OpenGlass(ctx context.Context, glass id.Any) (code string, err error) {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return "", err
	}
	code = secret.NewToken()
	return code, s.db.Tx(ctx, func(tx *db.Tx) error {
		g, err := glassOf(tx, tx.Scope.Org, glass)
		if err == nil && g.AskedBy != tx.Scope.Operator {
			err = errs.New(errs.NotFound, "break-glass %s is another operator's", glass)
		}
		if err != nil {
			return err
		}
		if !g.Open(tx.Now) {
			return errs.Say(errs.Conflict, "operator.glass.over")
		}
		return tx.Must(`UPDATE break_glass SET code_hash = $3, code_until = $4 WHERE org_id = $1 AND glass_id = $2`, g.OrgID, g.GlassID, secret.Hash(code), tx.Now.Add(glassCodeLife))
	})
}

// EndGlass ends one of the organization that the operator of ctx acts on. Conflict unless it is open.
func (s *Service) EndGlass(ctx context.Context, glass id.Any) error {
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	return s.end(ctx, glass, "operator")
}

// StopGlass ends one of the own organization, at once. Administrators may. Conflict unless it is open.
func (s *Service) StopGlass(ctx context.Context, glass id.Any) error {
	if err := authz.Check(ctx, authz.AnswerGlass, id.Org{}); err != nil {
		return err
	}
	return s.end(ctx, glass, "organization")
}

func (s *Service) end(ctx context.Context, glass id.Any, by string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		g, err := glassOf(tx, tx.Scope.Org, glass)
		if err != nil {
			return err
		}
		if !g.Open(tx.Now) {
			return errs.Say(errs.Conflict, "operator.glass.over")
		}
		return s.shutGlass(tx, g, by)
	})
}

// shutGlass ends an open one, with its line in the log and the mail that says how often was read.
func (s *Service) shutGlass(tx *db.Tx, g Glass, by string) error {
	reads, err := db.Row[int](tx, `UPDATE break_glass g SET state = 'ended', ended_at = least($3, g.until), ended_by = $4, code_hash = NULL, token_hash = NULL WHERE g.org_id = $1 AND g.glass_id = $2 AND g.state = 'open' RETURNING g.reads`,
		g.OrgID, g.GlassID, tx.Now, by)
	if err != nil {
		return err
	}
	g.Reads = reads
	if err := tenants.Audit(tx, "break_glass.ended", "break_glass:"+g.GlassID.String(), map[string]any{"asker": g.Asker, "ended": by, "reads": reads}); err != nil {
		return err
	}
	return s.tell(tx, g, "ended_"+by)
}

// tell mails the administrators of the organization, each in the own language.
func (s *Service) tell(tx *db.Tx, g Glass, what string) error {
	return tx.As(scope.Mailer, g.OrgID, func() error {
		o, err := db.Row[struct {
			Name string `db:"name"`
			Slug string `db:"slug"`
		}](tx, `SELECT o.name, o.slug FROM organizations o WHERE o.org_id = $1`, g.OrgID)
		if err != nil {
			return err
		}
		readers, err := db.Rows[struct {
			Email  string `db:"email"`
			Locale string `db:"locale"`
		}](tx, `SELECT m.email, m.locale FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND m.email <> '' AND 'administrator' = ANY (m.roles) ORDER BY m.email LIMIT 100`, g.OrgID)
		if err != nil {
			return err
		}
		for _, to := range readers {
			ctx := tx.Context()
			if l, ok := lang.Parse(to.Locale); ok {
				ctx = lang.With(ctx, l)
			}
			words := []any{"Org", o.Name, "Who", g.Asker, "Reason", g.Reason, "Decider", g.Decider, "Count", g.Reads, "Until", ""}
			if g.Until != nil {
				words[len(words)-1] = g.Until.UTC().Format("15:04 UTC")
			}
			if err := s.mail.Send(tx, mail.Message{
				To: to.Email, Subject: lang.T(ctx, "operator.mail.subject."+what, words...),
				Text: lang.T(ctx, "operator.mail.text."+what, words...) + "\n\n" + s.baseURL(o.Slug) + GlassPage,
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// GlassHere lists what operators asked of the own organization, the newest first. Administrators may. yours says whether who asks could
// decide what waits.
func (s *Service) GlassHere(ctx context.Context) (out []Glass, yours map[id.Any]bool, err error) {
	if err := authz.Check(ctx, authz.AnswerGlass, id.Org{}); err != nil {
		return nil, nil, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, nil, err
	}
	var may []id.Any
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT `+glassColumns+` FROM break_glass g JOIN organizations o ON o.org_id = g.org_id WHERE g.org_id = $1 ORDER BY g.asked_at DESC, g.glass_id LIMIT 100`, who.Org)
		db.List(b, &may, `SELECT g.glass_id FROM break_glass g WHERE g.org_id = $1 AND g.state = 'asked' AND g.asked_at > $2 AND lone_operator(g.asked_by) AND NOT same_address(g.asked_by, $3) ORDER BY g.glass_id LIMIT 100`,
			who.Org, b.Now.Add(-GlassWaits), who.Membership)
	})
	yours = map[id.Any]bool{}
	for _, g := range may {
		yours[g] = true
	}
	return out, yours, err
}

// EnterGlass takes the code of OpenGlass at the organization's host and returns what the browser's cookie holds, and until when. NotFound
// for a code that does not hold.
func (s *Service) EnterGlass(ctx context.Context, org tenants.Organization, code string) (token string, until time.Time, err error) {
	if err := authz.Check(ctx, authz.BreakGlass, org.OrgID); err != nil {
		return "", until, err
	}
	if !secret.IsToken(code) {
		return "", until, errs.New(errs.NotFound, "no code")
	}
	token = secret.NewToken()
	return token, until, s.db.Tx(ctx, func(tx *db.Tx) error {
		until, err = db.Row[time.Time](tx, `UPDATE break_glass g SET code_hash = NULL, code_until = NULL, token_hash = $4
			WHERE g.org_id = $1 AND g.code_hash = $2 AND g.code_until > $3 AND g.state = 'open' AND g.until > $3 RETURNING g.until`, org.OrgID, secret.Hash(code), tx.Now, secret.Hash(token))
		return err
	})
}

// Glass returns the break-glass whose browser asks for what at the organization's host, after it was written down in its log: nothing is
// answered before. NotFound when it is over, whoever ended it.
func (s *Service) Glass(ctx context.Context, org tenants.Organization, token, what string) (g Glass, err error) {
	if err := authz.Check(ctx, authz.BreakGlass, org.OrgID); err != nil {
		return g, err
	}
	if !secret.IsToken(token) {
		return g, errs.New(errs.NotFound, "no token")
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		g, err = db.Row[Glass](tx, `UPDATE break_glass g SET reads = g.reads + 1 FROM organizations o
			WHERE g.org_id = $1 AND g.token_hash = $2 AND g.state = 'open' AND g.until > $3 AND o.org_id = g.org_id RETURNING `+glassColumns, org.OrgID, secret.Hash(token), tx.Now)
		if err != nil {
			return err
		}
		tx.Scope.Operator, tx.Scope.Named = g.AskedBy, g.Asker
		return tenants.Audit(tx, "break_glass.read", "break_glass:"+g.GlassID.String(), map[string]string{"page": clip(what, 300)})
	})
	return g, err
}

// LeaveGlass ends the break-glass of the browser's cookie. Leaving twice is no error.
func (s *Service) LeaveGlass(ctx context.Context, org tenants.Organization, token string) error {
	if err := authz.Check(ctx, authz.BreakGlass, org.OrgID); err != nil {
		return err
	}
	if !secret.IsToken(token) {
		return nil
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE break_glass SET token_hash = NULL WHERE org_id = $1 AND token_hash = $2 AND state = 'open'`, org.OrgID, secret.Hash(token))
		return err
	})
}

// WithGlass returns a context in which the operator reads as the organization, as one of its administrators who is nobody there:
// nothing is this reader's own, and nothing can be written.
func WithGlass(ctx context.Context, g Glass, locale string) context.Context {
	roles := []scope.Role{scope.Learner, scope.Administrator}
	reader := id.Membership{UUID: g.GlassID.UUID}
	ctx = scope.Enter(ctx, scope.Scope{Actor: scope.Member, Org: g.OrgID, Membership: reader, Roles: roles, Operator: g.AskedBy, Named: g.Asker, Glass: g.GlassID})
	ctx = WithSession(ctx, Session{Membership: tenants.Membership{OrgID: g.OrgID, MembershipID: reader, Name: g.Asker, Locale: locale, Roles: roles, State: "active", Purpose: tenants.PurposeAsked}})
	return context.WithValue(ctx, glassKey{}, g)
}

type glassKey struct{}

// CurrentGlass is the break-glass with which the request reads.
func CurrentGlass(ctx context.Context) (Glass, bool) {
	g, ok := ctx.Value(glassKey{}).(Glass)
	return g, ok
}

// EndGlasses ends each break-glass whose time is over and tells its organization, and removes what is over of the sign-in of operators.
// Repeating is safe.
func (s *Service) EndGlasses(ctx context.Context) error {
	if err := authz.Check(ctx, authz.BreakGlass, id.Org{}); err != nil {
		return err
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, q := range []string{`DELETE FROM operator_codes WHERE expires_at < $1`, `DELETE FROM operator_questions WHERE expires_at < $1`, `DELETE FROM operator_sessions WHERE expires_at < $1`} {
			if _, err := tx.Exec(q, tx.Now); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("remove what is over: %w", err)
	}
	var over []Glass
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &over, `SELECT `+glassColumns+` FROM break_glass g JOIN organizations o ON o.org_id = g.org_id WHERE g.state = 'open' AND g.until <= $1 ORDER BY g.until, g.glass_id LIMIT 1000`, b.Now)
	}); err != nil {
		return err
	}
	var failed error
	for _, g := range over {
		err := s.db.Tx(Enter(ctx, g.OrgID), func(tx *db.Tx) error { return s.shutGlass(tx, g, "time") })
		if err != nil && !errs.Is(err, errs.NotFound) { // Somebody else was first.
			failed = errors.Join(failed, fmt.Errorf("end break-glass %s: %w", g.GlassID, err))
		}
	}
	return failed
}
