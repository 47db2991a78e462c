package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Individual is the account of somebody who came in by an organization's public door. It is no membership: its person sees what a
// visitor sees, and has a record of progress that lasts.
type Individual struct {
	OrgID        id.Org     `db:"org_id"`
	IndividualID id.Visitor `db:"individual_id"` // of the record, too
	Email        string     `db:"email"`         // lower case
	Name         string     `db:"name"`
	Locale       string     `db:"locale"`
	CreatedAt    time.Time  `db:"created_at"`
	SeenAt       time.Time  `db:"seen_at"` // to five minutes
}

const individualColumns = `i.org_id, i.individual_id, i.email, i.name, i.locale, i.created_at, i.seen_at`

type individualKey struct{}

// WithIndividual returns a context that knows the individual who acts; the middleware of auth/pages calls it.
func WithIndividual(ctx context.Context, i Individual) context.Context {
	return context.WithValue(ctx, individualKey{}, i)
}

// CurrentIndividual returns who of those that came in by a public door makes the request; none for members and visitors.
func CurrentIndividual(ctx context.Context) (Individual, bool) {
	i, ok := ctx.Value(individualKey{}).(Individual)
	return i, ok
}

// Individual returns whose session at the public door the token is; NotFound for any other token, another organization's host, an ended
// life or a door that is shut.
func (s *Service) Individual(ctx context.Context, org tenants.Organization, token string) (Individual, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Individual{}, err
	}
	if !secret.IsToken(token) {
		return Individual{}, errs.New(errs.NotFound, "no session token")
	}
	var i Individual
	var found bool
	now := s.now()
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &i, &found, `SELECT i.org_id, i.individual_id, i.email, i.name, i.locale, i.created_at, s.seen_at
			FROM individual_sessions s JOIN individuals i ON i.org_id = s.org_id AND i.individual_id = s.individual_id
				JOIN public_doors d ON d.org_id = s.org_id AND d.open JOIN organizations o ON o.org_id = s.org_id AND o.state = 'active'
			WHERE s.org_id = $1 AND s.token_hash = $2 AND s.expires_at > $3 AND s.seen_at > $4`, org.OrgID, secret.Hash(token), now, now.Add(-idleLife))
	}); err != nil {
		return Individual{}, fmt.Errorf("read session at the public door: %w", err)
	}
	if !found {
		return Individual{}, errs.New(errs.NotFound, "no session at the public door")
	}
	if now.Sub(i.SeenAt) < seenEvery {
		return i, nil
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		i.SeenAt = tx.Now
		return tx.Batch(func(b *db.Batch) {
			db.Write(b, nil, `UPDATE individual_sessions SET seen_at = $3 WHERE org_id = $1 AND token_hash = $2`, org.OrgID, secret.Hash(token), tx.Now)
			db.Write(b, nil, `UPDATE individuals SET seen_at = $3 WHERE org_id = $1 AND individual_id = $2`, org.OrgID, i.IndividualID, tx.Now)
		})
	})
	return i, err
}

// LeaveDoor ends the session at the public door of a cookie. Twice is no error.
func (s *Service) LeaveDoor(ctx context.Context, org tenants.Organization, token string) error {
	if err := authz.Check(ctx, authz.EndSession, org.OrgID); err != nil {
		return err
	}
	if !secret.IsToken(token) {
		return nil
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		of, err := db.Row[id.Visitor](tx, `DELETE FROM individual_sessions WHERE org_id = $1 AND token_hash = $2 RETURNING individual_id`, org.OrgID, secret.Hash(token))
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return tenants.Audit(tx, "individual.left", "individual:"+of.String(), nil)
	})
}

// Agreed is what an individual agreed to, and when.
type Agreed struct {
	Notice  int       `db:"notice" json:"version"`
	Terms   string    `db:"terms_url" json:"terms"`
	Privacy string    `db:"privacy_url" json:"privacy_notice"`
	At      time.Time `db:"at" json:"at"`
}

// Begun is how far an individual is with something.
type Begun struct {
	Item    id.Item   `db:"item_id" json:"item"`
	Title   string    `db:"title" json:"title"` // "" for what is public no more
	Kind    string    `db:"kind" json:"kind"`
	Slug    string    `db:"slug" json:"-"`
	Owner   string    `db:"owner" json:"organization"`
	Lessons int       `db:"lessons" json:"lessons_finished"`
	Since   time.Time `db:"since" json:"since"`
}

// IndividualAccount is everything that an organization holds about the individual who asks.
type IndividualAccount struct {
	Individual

	Sessions []OpenSession
	Agreed   []Agreed // the last first
	Begun    []Begun  // the last first
	Admins   int      // administrators of the organization, who see name, address and last visit
}

// Account returns the account of the individual who asks with the token of the cookie.
func (s *Service) Account(ctx context.Context, token string) (a IndividualAccount, err error) {
	if err := authz.Check(ctx, authz.OwnAccount, id.Org{}); err != nil {
		return IndividualAccount{}, err
	}
	i, who, err := individualOf(ctx)
	if err != nil {
		return IndividualAccount{}, err
	}
	a.Individual = i
	// What is public is read as anybody does; what was agreed to and begun, as oneself.
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &a.Agreed, `SELECT n.notice, n.terms_url, n.privacy_url, n.at FROM individual_notices n WHERE n.org_id = $1 AND n.individual_id = $2 ORDER BY n.notice DESC LIMIT 100`, i.OrgID, who.Visitor)
		db.List(b, &a.Begun, `SELECT p.item_id, coalesce(i.title, '') AS title, coalesce(i.kind, '') AS kind, coalesce(i.slug, '') AS slug, coalesce(o.name, '') AS owner, p.lessons, p.since
			FROM (SELECT v.item_org, v.item_id, count(*) FILTER (WHERE v.lesson_key <> '')::int AS lessons, min(v.at) AS since FROM visitor_progress v WHERE v.visitor_id = $1 GROUP BY v.item_org, v.item_id) p
			LEFT JOIN items i ON i.org_id = p.item_org AND i.item_id = p.item_id LEFT JOIN organizations o ON o.org_id = i.org_id
			ORDER BY p.since DESC, p.item_id LIMIT 500`, who.Visitor)
	}); err != nil {
		return IndividualAccount{}, err
	}
	now := s.now()
	err = s.db.ReadAs(ctx, scope.System(scope.SignIn, i.OrgID), func(b *db.Batch) {
		db.One(b, &a.Admins, nil, `SELECT count(*)::int FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND 'administrator' = ANY(m.roles)`, i.OrgID)
		db.List(b, &a.Sessions, `SELECT s.session_id, '' AS provider, s.device, s.created_at, s.seen_at, s.token_hash = $5 AS current FROM individual_sessions s
			WHERE s.org_id = $1 AND s.individual_id = $2 AND s.expires_at > $3 AND s.seen_at > $4 ORDER BY s.seen_at DESC, s.session_id LIMIT 100`,
			i.OrgID, who.Visitor, now, now.Add(-idleLife), secret.Hash(token))
	})
	return a, err
}

// individualOf is who acts, with the scope. That both are the same person is the middleware's promise, and held here.
func individualOf(ctx context.Context) (Individual, scope.Scope, error) {
	who, err := scope.From(ctx)
	if err != nil {
		return Individual{}, who, err
	}
	i, ok := CurrentIndividual(ctx)
	if !ok || i.IndividualID != who.Visitor {
		return Individual{}, who, errs.New(errs.NotFound, "nobody who came in by a public door")
	}
	return i, who, nil
}

// ownAccount runs fn as sign-in of the organization at whose door the individual is.
func (s *Service) ownAccount(ctx context.Context, fn func(*db.Tx, Individual) error) error {
	i, _, err := individualOf(ctx)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.As(scope.SignIn, i.OrgID, func() error { return fn(tx, i) })
	})
}

// Rename gives the individual who asks another name. Invalid for none, or more than 200 letters.
func (s *Service) Rename(ctx context.Context, name string) error {
	if err := authz.Check(ctx, authz.OwnAccount, id.Org{}); err != nil {
		return err
	}
	if name = strings.Join(strings.Fields(name), " "); name == "" || utf8.RuneCountInString(name) > 200 || !utf8.ValidString(name) {
		return errs.Fields(errs.Field{Name: "name", Key: "individual.bad.name"})
	}
	return s.ownAccount(ctx, func(tx *db.Tx, i Individual) error {
		return tx.Must(`UPDATE individuals SET name = $3 WHERE org_id = $1 AND individual_id = $2`, i.OrgID, i.IndividualID, name)
	})
}

// Speak keeps the language of the individual who asks.
func (s *Service) Speak(ctx context.Context, locale string) error {
	if err := authz.Check(ctx, authz.OwnAccount, id.Org{}); err != nil {
		return err
	}
	return s.ownAccount(ctx, func(tx *db.Tx, i Individual) error {
		return tx.Must(`UPDATE individuals SET locale = $3 WHERE org_id = $1 AND individual_id = $2`, i.OrgID, i.IndividualID, locale)
	})
}

// LeaveElsewhere ends all sessions of the individual who asks but the one of the token.
func (s *Service) LeaveElsewhere(ctx context.Context, token string) error {
	if err := authz.Check(ctx, authz.OwnAccount, id.Org{}); err != nil {
		return err
	}
	return s.ownAccount(ctx, func(tx *db.Tx, i Individual) error {
		n, err := tx.Exec(`DELETE FROM individual_sessions WHERE org_id = $1 AND individual_id = $2 AND token_hash <> $3`, i.OrgID, i.IndividualID, secret.Hash(token))
		if err != nil || n == 0 {
			return err
		}
		return tenants.Audit(tx, "individual.left", "individual:"+i.IndividualID.String(), map[string]any{"rows": n})
	})
}

// TakeAccount is everything that the organization holds about the individual who asks, as a zip archive of JSON and CSV.
func (s *Service) TakeAccount(ctx context.Context, token string) ([]byte, error) {
	if err := authz.Check(ctx, authz.OwnAccount, id.Org{}); err != nil {
		return nil, err
	}
	a, err := s.Account(ctx, token)
	if err != nil {
		return nil, err
	}
	if err := s.ownAccount(ctx, func(tx *db.Tx, i Individual) error {
		return tenants.Audit(tx, "individual.exported", "individual:"+i.IndividualID.String(), nil)
	}); err != nil {
		return nil, err
	}
	type session struct {
		Browser string    `json:"browser"`
		Since   time.Time `json:"since"`
		Seen    time.Time `json:"last_seen"`
	}
	sessions := make([]session, 0, len(a.Sessions))
	for _, v := range a.Sessions {
		sessions = append(sessions, session{v.Agent, v.CreatedAt, v.SeenAt})
	}
	progress := [][]string{{"item", "title", "kind", "organization", "lessons_finished", "since"}}
	for _, v := range a.Begun {
		progress = append(progress, []string{v.Item.String(), v.Title, v.Kind, v.Owner, fmt.Sprint(v.Lessons), v.Since.UTC().Format(time.RFC3339)})
	}
	agreed := [][]string{{"version", "terms", "privacy_notice", "at"}}
	for _, v := range a.Agreed {
		agreed = append(agreed, []string{fmt.Sprint(v.Notice), v.Terms, v.Privacy, v.At.UTC().Format(time.RFC3339)})
	}
	j, err := json.MarshalIndent(map[string]any{
		"account":  map[string]any{"id": a.IndividualID, "name": a.Name, "email": a.Email, "language": a.Locale, "since": a.CreatedAt, "last_seen": a.SeenAt},
		"progress": a.Begun, "agreed": a.Agreed, "sessions": sessions,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return tenants.Pack(tenants.Packed{Name: "account.json", Text: j}, tenants.Packed{Name: "progress.csv", Rows: progress}, tenants.Packed{Name: "agreed.csv", Rows: agreed})
}

// EraseAccount erases the account of the individual who asks, with all progress and sessions, when the address is typed. Nothing brings
// it back. Invalid for anything else.
func (s *Service) EraseAccount(ctx context.Context, typed string) error {
	if err := authz.Check(ctx, authz.OwnAccount, id.Org{}); err != nil {
		return err
	}
	return s.ownAccount(ctx, func(tx *db.Tx, i Individual) error {
		if err := eraseIndividual(tx, i, typed); err != nil {
			return err
		}
		return tenants.Audit(tx, "individual.erased", "individual:"+i.IndividualID.String(), nil)
	})
}

// eraseIndividual removes an account and whatever sign-in keeps of its address; the record goes with it.
func eraseIndividual(tx *db.Tx, i Individual, typed string) error {
	if !strings.EqualFold(strings.TrimSpace(typed), i.Email) {
		return errs.Fields(errs.Field{Name: "email", Key: "individual.bad.typed"})
	}
	if err := tx.Must(`DELETE FROM individuals WHERE org_id = $1 AND individual_id = $2`, i.OrgID, i.IndividualID); err != nil {
		return err
	}
	return tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `DELETE FROM email_links WHERE org_id = $1 AND email = $2 AND door`, i.OrgID, i.Email)
		// A member with the same address has mails, too.
		db.Write(b, nil, `DELETE FROM mails WHERE org_id = $1 AND recipient = $2 AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.email = $2)`, i.OrgID, i.Email)
	})
}

// Language is the language of the individual.
func (i Individual) Language() (lang.Locale, bool) { return lang.Parse(i.Locale) }
