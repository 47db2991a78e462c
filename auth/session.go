package auth

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Session is a session with the membership that it acts for, as of this request.
type Session struct {
	tenants.Membership

	SessionID  id.Session  `db:"session_id"`
	ProviderID id.Provider `db:"provider_id"` // zero for an email link
	SeenAt     time.Time   `db:"seen_at"`
	AuthAt     *time.Time  `db:"auth_at"`   // when the person showed who they are; nil if the provider did not say
	OrgState   string      `db:"org_state"` // in which state the organization is, as of this request
	Watched    *Watched    `db:"watched"`   // nil unless an operator reads in the organization
}

// Watched says who of the operators reads in an organization, why and until when.
type Watched struct {
	Glass  id.Any    `json:"glass"`
	Asker  string    `json:"asker"`
	Reason string    `json:"reason"`
	Until  time.Time `json:"until"`
}

// watched selects it for the organization of a session s, as of $3.
const watched = `(SELECT jsonb_build_object('glass', g.glass_id, 'asker', g.asker, 'reason', g.reason, 'until', g.until) FROM break_glass g
	WHERE g.org_id = s.org_id AND g.state = 'open' AND g.until > $3 ORDER BY g.until DESC LIMIT 1) AS watched`

// Session returns the session of a cookie at the organization whose host was asked; NotFound for any other token, one of
// another organization's host, an ended membership or an ended life; Unavailable while the organization lets the member not in,
// whatever this process remembers of it. It reads in one round trip, and notes the visit when the last one noted is five minutes old.
func (s *Service) Session(ctx context.Context, org tenants.Organization, token string) (Session, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Session{}, err
	}
	if !secret.IsToken(token) {
		return Session{}, errs.New(errs.NotFound, "no session token")
	}
	var check func() (Session, error)
	if err := s.db.Read(ctx, func(b *db.Batch) { check = s.read(b, org, token) }); err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	out, err := check()
	if err != nil {
		return Session{}, err
	}
	if s.now().Sub(out.SeenAt) >= seenEvery {
		if out.SeenAt, err = s.seen(ctx, out); err != nil {
			return Session{}, err
		}
	}
	s.sessions.keep(secret.Hash(token), out)
	return out, nil
}

// Presume returns the session as this process read it at most five minutes ago, and a context that finds out with the request's first
// read whether it is still the same, to the letter; NotFound if the session has to be read first. What it returns gives no right before
// the guard is verified.
func (s *Service) Presume(ctx context.Context, org tenants.Organization, token string) (context.Context, Session, *db.Guard, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return ctx, Session{}, nil, err
	}
	was, known := s.sessions.known(secret.Hash(token))
	if !known || was.OrgID != org.OrgID || s.now().Sub(was.SeenAt) >= seenEvery {
		return ctx, Session{}, nil, errs.New(errs.NotFound, "nothing to presume")
	}
	ctx, guard := s.db.Guard(ctx, scope.System(scope.SignIn, org.OrgID), func(b *db.Batch) func() error {
		check := s.read(b, org, token)
		return func() error {
			is, err := check()
			is.SeenAt = was.SeenAt // Another process may have noted a later visit.
			if err != nil || !reflect.DeepEqual(is, was) {
				return db.ErrPresumed
			}
			return nil
		}
	})
	return ctx, was, guard, nil
}

// read queues the question whose session the token is. What it returns has the answer, when it is there, and its errors.
func (s *Service) read(b *db.Batch, org tenants.Organization, token string) func() (Session, error) {
	var out Session
	var found bool
	now := s.now()
	db.One(b, &out, &found, `SELECT `+tenants.MembershipColumns+`, s.session_id, s.provider_id, s.seen_at, s.auth_at, o.state AS org_state, `+watched+`
		FROM sessions s JOIN memberships m ON m.org_id = s.org_id AND m.membership_id = s.membership_id JOIN organizations o ON o.org_id = s.org_id
		WHERE s.org_id = $1 AND s.token_hash = $2 AND s.expires_at > $3 AND s.seen_at > $4 AND m.state = 'active'`,
		org.OrgID, secret.Hash(token), now, now.Add(-idleLife))
	return func() (Session, error) {
		if !found {
			return Session{}, errs.New(errs.NotFound, "no session")
		}
		return out, tenants.Admits(out.OrgState, out.Roles)
	}
}

// sessions remembers what sessions were when they were last read, by the hash of their token, so that a page need not wait for its
// session before it reads. It gives no right: see Presume. What is in it is gone ten minutes later at most.
type sessions struct {
	mu         sync.Mutex
	now        func() time.Time
	young, old map[string]Session
	turned     time.Time
}

// sessionsLimit bounds what a process remembers: some 600 bytes each.
const sessionsLimit = 5000

func (s *sessions) known(hash []byte) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	if v, ok := s.young[string(hash)]; ok {
		return v, true
	}
	v, ok := s.old[string(hash)]
	return v, ok
}

func (s *sessions) keep(hash []byte, v Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	s.young[string(hash)] = v
}

func (s *sessions) turn() {
	now := s.now()
	if s.young != nil && now.Sub(s.turned) < seenEvery && len(s.young) < sessionsLimit {
		return
	}
	if s.old = s.young; now.Sub(s.turned) >= 2*seenEvery {
		s.old = nil
	}
	s.young, s.turned = map[string]Session{}, now
}

func (s *Service) seen(ctx context.Context, v Session) (at time.Time, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		at = tx.Now
		if _, err := tx.Exec(`UPDATE sessions SET seen_at = $3 WHERE org_id = $1 AND session_id = $2 AND seen_at < $3`, v.OrgID, v.SessionID, tx.Now); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE memberships SET seen_at = $3 WHERE org_id = $1 AND membership_id = $2`, v.OrgID, v.MembershipID, tx.Now)
		return err
	})
	if err != nil {
		return at, fmt.Errorf("note visit: %w", err)
	}
	return at, nil
}

// open makes a session and ends the one that the browser had. It is the only place that makes one.
func (s *Service) open(tx *db.Tx, m tenants.Membership, b Browser, p id.Provider, who proven) (token string, until time.Time, err error) {
	if err := tenants.Awake(tx, m.Roles); err != nil {
		return "", until, err
	}
	token, until = secret.NewToken(), tx.Now.Add(sessionLife)
	session := id.New[id.Session]()
	var sealed []byte
	if who.IDToken != "" {
		if sealed, err = s.keys.Seal(sessionRef(m.OrgID, session), []byte(who.IDToken)); err != nil {
			return "", until, err
		}
	}
	if secret.IsToken(b.Session) {
		if _, err := tx.Exec(`DELETE FROM sessions WHERE org_id = $1 AND token_hash = $2`, m.OrgID, secret.Hash(b.Session)); err != nil {
			return "", until, err
		}
	}
	var authAt *time.Time
	if at := who.AuthAt; !at.IsZero() {
		if at.After(tx.Now) { // Within the skew that its iat may have.
			at = tx.Now
		}
		authAt = &at
	}
	if _, err := tx.Exec(`INSERT INTO sessions (org_id, session_id, token_hash, membership_id, provider_id, subject, sid, id_token, device, created_at, seen_at, expires_at, auth_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12)`,
		m.OrgID, session, secret.Hash(token), m.MembershipID, p, who.Subject, who.SID, sealed, clip(b.Device, 200), tx.Now, until, authAt); err != nil {
		return "", until, err
	}
	if _, err := tx.Exec(`UPDATE memberships SET seen_at = $3 WHERE org_id = $1 AND membership_id = $2`, m.OrgID, m.MembershipID, tx.Now); err != nil {
		return "", until, err
	}
	return token, until, tenants.Audit(tx, "session.opened", "membership:"+m.MembershipID.String(), map[string]string{"session": session.String(), "provider": p.String()})
}

func sessionRef(org id.Org, s id.Session) secret.Ref {
	return secret.Ref{Table: "sessions", Org: org.String(), Row: s.String(), Column: "id_token"}
}

// ended is what a deleted session leaves behind for the provider's sign-out.
type ended struct {
	SessionID    id.Session    `db:"session_id"`
	MembershipID id.Membership `db:"membership_id"`
	ProviderID   id.Provider   `db:"provider_id"`
	IDToken      []byte        `db:"id_token"`
	HandedFrom   id.Session    `db:"handed_from"`
}

// SignOut ends the session of a cookie. It returns what ProviderSignOut takes, nil if the provider has no sign-out of its
// own; it is sealed, because a browser keeps it. Signing out twice is no error.
func (s *Service) SignOut(ctx context.Context, org tenants.Organization, token string) ([]byte, error) {
	if err := authz.Check(ctx, authz.EndSession, org.OrgID); err != nil {
		return nil, err
	}
	if !secret.IsToken(token) {
		return nil, nil
	}
	var out []byte
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		out = nil
		e, err := db.Row[ended](tx, `DELETE FROM sessions WHERE org_id = $1 AND token_hash = $2 RETURNING session_id, membership_id, provider_id, id_token, handed_from`, org.OrgID, secret.Hash(token))
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		// Whoever leaves a host of the organization's own leaves the session that was handed over to it, too.
		if _, err := tx.Exec(`DELETE FROM sessions WHERE org_id = $1 AND session_id = $2`, org.OrgID, e.HandedFrom); err != nil {
			return err
		}
		if out, err = s.providerSignOut(tx, org, e); err != nil {
			return err
		}
		return tenants.Audit(tx, "session.closed", "membership:"+e.MembershipID.String(), map[string]string{"session": e.SessionID.String()})
	})
	if err != nil {
		return nil, fmt.Errorf("sign out: %w", err)
	}
	return out, nil
}

func (s *Service) providerSignOut(tx *db.Tx, org tenants.Organization, e ended) ([]byte, error) {
	if e.ProviderID.IsZero() {
		return nil, nil
	}
	p, err := provider(tx, e.ProviderID)
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var hint []byte
	if len(e.IDToken) > 0 && len(e.IDToken) < 2000 { // A longer one does not fit into a cookie; the provider then asks.
		hint, _ = s.keys.Open(sessionRef(org.OrgID, e.SessionID), e.IDToken) // Nor is one missed that cannot be opened.
	}
	address := s.endSession(org, p.Issuer, p.ClientID, string(hint))
	if address == "" {
		return nil, nil
	}
	return s.keys.Seal(outRef(org), []byte(p.Name+"\n"+address))
}

// ProviderSignOut opens what SignOut returned: the address of the provider's own sign-out and its name, "" for anything
// else.
func (s *Service) ProviderSignOut(org tenants.Organization, sealed []byte) (address, name string) {
	b, err := s.keys.Open(outRef(org), sealed)
	if err != nil {
		return "", ""
	}
	name, address, _ = strings.Cut(string(b), "\n")
	return address, name
}

func outRef(org tenants.Organization) secret.Ref {
	return secret.Ref{Table: "cookie", Org: org.OrgID.String(), Column: "out"}
}

// SetLanguage keeps the language of the acting membership.
func (s *Service) SetLanguage(ctx context.Context, locale string) error {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE memberships SET locale = $3 WHERE org_id = $1 AND membership_id = $2`, tx.Scope.Org, tx.Scope.Membership, locale)
	})
}
