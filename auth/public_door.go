package auth

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// PublicDoor is how people come in who belong to no organization. Its zero value is shut.
type PublicDoor struct {
	Open     bool     `db:"open"`
	Welcomes bool     `db:"welcomes"`    // whether somebody new may come in
	Words    string   `db:"words"`       // what the organization says at the door, up to 600 letters
	Terms    string   `db:"terms_url"`   // address of its terms; "" for none
	Privacy  string   `db:"privacy_url"` // address of its privacy notice
	Refused  []string `db:"refused"`     // domains whose addresses are refused, with all below them
	Notice   int      `db:"notice"`      // version of terms and privacy notice
}

const (
	publicDoorOf = `SELECT d.open, d.welcomes, d.words, d.terms_url, d.privacy_url, d.refused, d.notice FROM public_doors d WHERE d.org_id = $1`
	refusedLimit = 200
	doorMails    = 300 // links in 15 minutes, so that the door mails the world for nobody
)

// refuses reports whether addresses of the domain are refused.
func (d PublicDoor) refuses(domain string) bool {
	return slices.ContainsFunc(d.Refused, func(r string) bool { return domain == r || strings.HasSuffix(domain, "."+r) })
}

// PublicDoor returns the organization's public door, for its sign-in pages.
func (s *Service) PublicDoor(ctx context.Context, org tenants.Organization) (d PublicDoor, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return PublicDoor{}, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) { db.One(b, &d, new(bool), publicDoorOf, org.OrgID) })
	return d, err
}

// DoorSettings returns the acting organization's public door and how many came in by it, for its administrator.
func (s *Service) DoorSettings(ctx context.Context) (d PublicDoor, people int, err error) {
	if err := authz.Check(ctx, authz.ManageDoor, id.Org{}); err != nil {
		return PublicDoor{}, 0, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return PublicDoor{}, 0, err
	}
	err = s.db.ReadAs(ctx, scope.System(scope.SignIn, who.Org), func(b *db.Batch) {
		d = PublicDoor{Welcomes: true}
		db.One(b, &d, new(bool), publicDoorOf, who.Org)
		db.One(b, &people, nil, `SELECT count(*)::int FROM individuals i WHERE i.org_id = $1`, who.Org)
	})
	return d, people, err
}

// SaveDoor keeps what the public door of the acting organization says and whom it lets in; whether it is open stays. It needs a fresh
// sign-in. Invalid for an address that is none, or too many domains. Who came in before agrees again once terms or notice changed.
func (s *Service) SaveDoor(ctx context.Context, in PublicDoor) error {
	if err := authz.Check(ctx, authz.ManageDoor, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	if err := in.clean(); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO public_doors AS d (org_id, welcomes, words, terms_url, privacy_url, refused, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (org_id) DO UPDATE SET welcomes = excluded.welcomes, words = excluded.words, terms_url = excluded.terms_url, privacy_url = excluded.privacy_url,
				refused = excluded.refused, changed_at = excluded.changed_at,
				notice = d.notice + CASE WHEN (d.terms_url, d.privacy_url) IS DISTINCT FROM (excluded.terms_url, excluded.privacy_url) THEN 1 ELSE 0 END`,
			tx.Scope.Org, in.Welcomes, in.Words, in.Terms, in.Privacy, in.Refused, tx.Now); err != nil {
			return fmt.Errorf("save public door: %w", err)
		}
		return tenants.Audit(tx, "public_door.changed", "organization:"+tx.Scope.Org.String(), map[string]any{"welcomes": in.Welcomes, "refused": len(in.Refused)})
	})
}

func (d *PublicDoor) clean() error {
	var bad []errs.Field
	d.Words = strings.TrimSpace(d.Words)
	if utf8.RuneCountInString(d.Words) > 600 {
		bad = append(bad, errs.Field{Name: "words", Key: "individual.bad.words"})
	}
	for _, u := range []struct {
		name string
		at   *string
		must bool
	}{{"privacy", &d.Privacy, true}, {"terms", &d.Terms, false}} {
		*u.at = strings.TrimSpace(*u.at)
		if p, err := url.Parse(*u.at); (*u.at != "" || u.must) && (err != nil || p.Scheme != "https" || p.Hostname() == "" || p.User != nil || len(*u.at) > 500) {
			bad = append(bad, errs.Field{Name: u.name, Key: "individual.bad.address"})
		}
	}
	var list []string
	for _, v := range d.Refused {
		v = strings.TrimPrefix(strings.TrimSpace(v), "@")
		if v == "" {
			continue
		}
		name, err := idna.Lookup.ToASCII(strings.ToLower(v))
		if err != nil || !strings.Contains(name, ".") || len(name) > 253 {
			bad = append(bad, errs.Field{Name: "refused", Key: "individual.bad.domain", Args: []any{"Domain", v}})
			break
		}
		list = append(list, name)
	}
	slices.Sort(list)
	if d.Refused = slices.Compact(list); len(d.Refused) > refusedLimit {
		bad = append(bad, errs.Field{Name: "refused", Key: "individual.bad.many", Args: []any{"Count", refusedLimit}})
	}
	if d.Refused == nil {
		d.Refused = []string{}
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	return nil
}

// OpenPublicDoor lets people in who belong to no organization. It needs a fresh sign-in. Conflict without the address of a privacy notice.
func (s *Service) OpenPublicDoor(ctx context.Context) error {
	if err := authz.Check(ctx, authz.ManageDoor, id.Org{}); err != nil {
		return err
	}
	return s.turnPublicDoor(ctx, true)
}

// ClosePublicDoor lets nobody in by it any more, and ends the sessions of all who came in; their accounts stay. It needs a fresh sign-in.
func (s *Service) ClosePublicDoor(ctx context.Context) error {
	if err := authz.Check(ctx, authz.ManageDoor, id.Org{}); err != nil {
		return err
	}
	return s.turnPublicDoor(ctx, false)
}

func (s *Service) turnPublicDoor(ctx context.Context, open bool) error {
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE public_doors SET open = $2, changed_at = $3 WHERE org_id = $1 AND open <> $2 AND (privacy_url <> '' OR NOT $2)`, tx.Scope.Org, open, tx.Now)
		if err != nil {
			return err
		}
		if n == 0 {
			is, err := db.Row[bool](tx, `SELECT coalesce((SELECT d.open FROM public_doors d WHERE d.org_id = $1), false)`, tx.Scope.Org)
			if err == nil && is != open {
				err = errs.Say(errs.Conflict, "individual.no_notice")
			}
			return err
		}
		if open {
			return tenants.Audit(tx, "public_door.opened", "organization:"+tx.Scope.Org.String(), nil)
		}
		return tenants.Audit(tx, "public_door.closed", "organization:"+tx.Scope.Org.String(), nil)
	})
}

// AskDoor sends a one-time link that opens the public door, and returns the pre-login cookie to set. Whether somebody came in with the
// address before, and whether somebody new is let in, shows neither in the answer nor in the work. NotFound while the door is shut.
// Invalid for an address of a domain that is refused here or whose people come in through the organization's provider: its domain alone
// decides that. RateLimited as AskLink, and after 300 links for all in 15 minutes.
func (s *Service) AskDoor(ctx context.Context, org tenants.Organization, address string, b Browser, returnTo string) (pre string, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return "", err
	}
	email, err := mail.Address(address)
	if err != nil {
		return "", err
	}
	_, domain, _ := strings.Cut(email, "@")
	var d PublicDoor
	var own bool
	if err := s.db.Read(ctx, func(q *db.Batch) {
		db.One(q, &d, new(bool), publicDoorOf, org.OrgID)
		db.One(q, &own, nil, `SELECT `+ownDomain, org.OrgID, domain)
	}); err != nil {
		return "", err
	}
	switch {
	case !d.Open:
		return "", errs.New(errs.NotFound, "%s has no public door", org.Slug)
	case own:
		return "", errs.Fields(errs.Field{Name: "email", Key: "individual.bad.own", Args: []any{"Org", org.Name}})
	case d.refuses(domain):
		return "", errs.Fields(errs.Field{Name: "email", Key: "individual.bad.refused"})
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) error { return s.try(tx, tryDoor, "", doorMails, tryWindow) }); err != nil {
		return "", err
	}
	return s.askLink(ctx, org, email, b, returnTo, asksLink{door: true})
}

// ownDomain is whether people of the domain $2 come in through the provider of organization $1 alone.
const ownDomain = `EXISTS (SELECT 1 FROM domains d JOIN organizations o ON o.org_id = d.org_id AND o.sign_in = 'oidc' WHERE d.org_id = $1 AND d.domain = $2 AND d.verified_at IS NOT NULL)`

// Entrance is what somebody who holds a link of the public door has to say before it opens.
type Entrance struct {
	New    bool // there is no account yet: a name is asked for
	Agrees bool // what the door links to is to be agreed to, for the first time or anew
	Door   PublicDoor
}

// Entrance looks at a link of the public door without using it; NotFound for any other.
func (s *Service) Entrance(ctx context.Context, org tenants.Organization, token string) (e Entrance, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Entrance{}, err
	}
	var found, open bool
	var agreed int
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &e.Door, &open, publicDoorOf, org.OrgID)
		db.One(b, &agreed, &found, `SELECT coalesce((SELECT max(n.notice) FROM individuals i JOIN individual_notices n ON n.org_id = i.org_id AND n.individual_id = i.individual_id WHERE i.org_id = $1 AND i.email = l.email), 0)
			FROM email_links l WHERE l.org_id = $1 AND l.token_hash = $2 AND l.expires_at > $3 AND l.door`, org.OrgID, secret.Hash(token), s.now())
	})
	if err != nil {
		return Entrance{}, err
	}
	if !found || !open || !e.Door.Open || !secret.IsToken(token) {
		return Entrance{}, errs.New(errs.NotFound, "no link of the public door")
	}
	e.New, e.Agrees = agreed == 0, agreed < e.Door.Notice
	return e, nil
}

// Entering is what somebody says who comes in by the public door.
type Entering struct {
	Code   string // for another browser than the one that asked
	Name   string // of somebody new, 1 to 200 letters
	Agreed bool
	Locale string
}

// EnterByDoor uses a link of the public door: it opens the account of the link's address, and makes one for somebody new. It never opens
// or makes a membership. Invalid for a wrong code, a missing name or consent, which leave the link as it is; a Refusal when the link is
// used or too old, or the door was shut meanwhile; Conflict when the organization has no room for more people.
func (s *Service) EnterByDoor(ctx context.Context, org tenants.Organization, token string, in Entering, b Browser) (SignedIn, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return SignedIn{}, err
	}
	e, err := s.Entrance(ctx, org, token)
	if errs.Is(err, errs.NotFound) {
		return SignedIn{}, s.note(ctx, org, trip{}, Provider{}, "", refuse(Expired, "link of the public door unknown, used or too old").at("link"))
	}
	if err != nil {
		return SignedIn{}, err
	}
	if err := in.clean(e); err != nil {
		return SignedIn{}, err
	}
	var out SignedIn
	var refusal error
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		out, refusal = SignedIn{}, nil
		l, err := s.takeLink(tx, org, token, true)
		if errs.Is(err, errs.NotFound) {
			refusal = refuse(Expired, "link of the public door unknown, used or too old").at("link")
			return nil
		}
		if err != nil {
			return err
		}
		if !l.asked(b) && !secret.Equal(string(l.CodeHash), string(s.codeHash(l.TokenHash, in.Code))) {
			refusal = errs.Fields(errs.Field{Name: "code", Key: "auth.link.code_wrong"})
			return s.giveBack(tx, org, l)
		}
		i, err := individual(tx, l.Email, in)
		if errs.Is(err, errs.NotFound) { // The guard of the table: the door was shut, or the domain became the organization's own.
			return refuse(NotInvited, "the public door lets nobody new in").at("member")
		}
		if err != nil {
			return err
		}
		out.ReturnTo = l.ReturnTo
		out.Token, out.Until, err = openIndividual(tx, i, b)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return SignedIn{}, s.note(ctx, org, trip{}, Provider{}, "", err)
	}
	return out, nil
}

func (in *Entering) clean(e Entrance) error {
	var bad []errs.Field
	if in.Name = strings.Join(strings.Fields(in.Name), " "); e.New && (in.Name == "" || utf8.RuneCountInString(in.Name) > 200 || !utf8.ValidString(in.Name)) {
		bad = append(bad, errs.Field{Name: "name", Key: "individual.bad.name"})
	}
	if e.Agrees && !in.Agreed {
		bad = append(bad, errs.Field{Name: "agreed", Key: "individual.bad.agreed"})
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	return nil
}

// individual is the account of the address, made if there is none, with its consent to the door's present notice.
func individual(tx *db.Tx, email string, in Entering) (Individual, error) {
	i, err := db.Row[Individual](tx, `SELECT `+individualColumns+` FROM individuals i WHERE i.org_id = $1 AND i.email = $2`, tx.Scope.Org, email)
	if errs.Is(err, errs.NotFound) {
		return AddIndividual(tx, NewIndividual{Email: email, Name: in.Name, Locale: in.Locale})
	}
	if err != nil {
		return i, err
	}
	return i, agree(tx, i)
}

// NewIndividual is somebody who comes in by the public door for the first time. A zero identifier is made.
type NewIndividual struct {
	ID          id.Visitor
	Email, Name string
	Locale      string // default English
}

// AddIndividual makes an account and its record, in sign-in's scope. An organization has room for as many individuals as for members,
// counted apart: nobody from outside takes the place of somebody inside. NotFound while its door lets nobody new in.
func AddIndividual(tx *db.Tx, n NewIndividual) (Individual, error) {
	if err := tenants.RoomForIndividual(tx); err != nil {
		return Individual{}, err
	}
	i := Individual{OrgID: tx.Scope.Org, IndividualID: n.ID, Email: n.Email, Name: n.Name, Locale: n.Locale, CreatedAt: tx.Now, SeenAt: tx.Now}
	if i.IndividualID.IsZero() {
		i.IndividualID = id.New[id.Visitor]()
	}
	if i.Locale == "" {
		i.Locale = "en"
	}
	if err := tx.Batch(func(b *db.Batch) {
		// No browser holds the token behind this hash: the record is reached through a session alone.
		db.Write(b, nil, `INSERT INTO visitors (visitor_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, 'infinity')`, i.IndividualID, secret.Hash(secret.NewToken()), tx.Now)
		db.Write(b, nil, `INSERT INTO individuals (org_id, individual_id, email, name, locale, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`, i.OrgID, i.IndividualID, i.Email, i.Name, i.Locale, tx.Now)
	}); err != nil {
		return Individual{}, fmt.Errorf("add individual: %w", err)
	}
	if err := agree(tx, i); err != nil {
		return Individual{}, err
	}
	return i, tenants.Audit(tx, "individual.came", "individual:"+i.IndividualID.String(), nil)
}

// agree notes that the individual agreed to what the door links to now.
func agree(tx *db.Tx, i Individual) error {
	_, err := tx.Exec(`INSERT INTO individual_notices (org_id, individual_id, notice, terms_url, privacy_url, at) SELECT d.org_id, $2, d.notice, d.terms_url, d.privacy_url, $3 FROM public_doors d WHERE d.org_id = $1
		ON CONFLICT DO NOTHING`, tx.Scope.Org, i.IndividualID, tx.Now)
	return err
}

func openIndividual(tx *db.Tx, i Individual, b Browser) (token string, until time.Time, err error) {
	token, until = secret.NewToken(), tx.Now.Add(sessionLife)
	session := id.New[id.Session]()
	if err := tx.Batch(func(q *db.Batch) {
		db.Write(q, nil, `DELETE FROM individual_sessions WHERE org_id = $1 AND token_hash = $2`, i.OrgID, secret.Hash(b.Door))
		db.Write(q, nil, `INSERT INTO individual_sessions (org_id, session_id, token_hash, individual_id, device, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)`,
			i.OrgID, session, secret.Hash(token), i.IndividualID, clip(b.Device, 200), tx.Now, until)
		db.Write(q, nil, `UPDATE individuals SET seen_at = $3 WHERE org_id = $1 AND individual_id = $2`, i.OrgID, i.IndividualID, tx.Now)
	}); err != nil {
		return "", until, err
	}
	return token, until, tenants.Audit(tx, "individual.entered", "individual:"+i.IndividualID.String(), map[string]string{"session": session.String()})
}
