package auth

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

const linkTries = 5 // wrong codes until a link is gone

// AskLink sends a one-time link to an address of an organization that signs in by email, and returns the pre-login cookie to
// set. Whether the address has a membership shows neither in the answer nor in the work: an unknown one gets the same rows
// and a mail that is taken back before the commit. RateLimited after 3 for an address or 10 from a network in 15 minutes.
func (s *Service) AskLink(ctx context.Context, org tenants.Organization, address string, b Browser, returnTo string) (pre string, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return "", err
	}
	if org.SignIn != "email" {
		return "", errs.New(errs.NotFound, "%s does not sign in by email", org.Slug)
	}
	return s.askLink(ctx, org, address, b, returnTo, asksLink{})
}

// AskEmergency is AskLink for an organization whose people sign in through a provider alone: it works for the one administrator who can
// still come in so, and looks the same for everybody else.
func (s *Service) AskEmergency(ctx context.Context, org tenants.Organization, address string, b Browser, returnTo string) (pre string, err error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return "", err
	}
	if org.SignIn != "oidc" {
		return "", errs.New(errs.NotFound, "%s has no need of it", org.Slug)
	}
	return s.askLink(ctx, org, address, b, returnTo, asksLink{emergency: true})
}

// asksLink says what a link is asked for that does not let a member in as usual.
type asksLink struct {
	emergency bool // for the one administrator who can come in without the provider
	door      bool // for the public door
}

func (s *Service) askLink(ctx context.Context, org tenants.Organization, address string, b Browser, returnTo string, how asksLink) (pre string, err error) {
	email, err := mail.Address(address)
	if err != nil {
		return "", err
	}
	pre = b.Pre
	if !secret.IsToken(pre) {
		pre = secret.NewToken()
	}
	token := secret.NewToken()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := s.try(tx, tryLinkNetwork, b.Network, 10, tryWindow); err != nil {
			return err
		}
		if err := s.try(tx, tryLinkAddress, email, 3, tryWindow); err != nil {
			return err
		}
		hash := secret.Hash(token)
		if _, err := tx.Exec(`INSERT INTO email_links (org_id, token_hash, email, cookie_hash, code_hash, return_to, created_at, expires_at, emergency, door) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			org.OrgID, hash, email, secret.Hash(pre), s.codeHash(hash, s.code(hash, pre)), ReturnTo(returnTo), tx.Now, tx.Now.Add(signInLife), how.emergency, how.door); err != nil {
			return err
		}
		return s.mailLink(tx, org, email, token, how)
	})
	if err != nil {
		return "", fmt.Errorf("ask for link: %w", err)
	}
	return pre, nil
}

// mailLink writes the mail and, if it would let nobody in, takes it back.
func (s *Service) mailLink(tx *db.Tx, org tenants.Organization, email, token string, how asksLink) error {
	q := `SELECT EXISTS (SELECT 1 FROM memberships WHERE org_id = $1 AND email = $2 AND state IN ('active', 'invited')
		AND (NOT $3 OR membership_id = (` + emergencyOf + `))
		AND EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = $1 AND (o.state = 'active' OR o.state = 'closed' AND 'administrator' = ANY(roles))))`
	subject, text, at := "auth.mail.subject", "auth.mail.body", s.baseURL(org.Slug)+"/sign-in/link/"
	if how.door {
		q = `SELECT EXISTS (SELECT 1 FROM public_doors d WHERE d.org_id = $1 AND d.open AND NOT $3
			AND (d.welcomes OR EXISTS (SELECT 1 FROM individuals i WHERE i.org_id = $1 AND i.email = $2)))`
		subject, text, at = "individual.mail.subject", "individual.mail.body", s.Address(org)+"/door/link/"
	}
	known, err := db.Row[bool](tx, q, org.OrgID, email, how.emergency)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`SAVEPOINT mail`); err != nil {
		return err
	}
	ctx := tx.Context()
	if err := s.mail.Send(tx, mail.Message{
		To: email, Subject: lang.T(ctx, subject, "Org", org.Name),
		Text: lang.T(ctx, text, "Org", org.Name, "Time", tx.Now.Format("15:04"), "Until", tx.Now.Add(signInLife).Format("15:04"), "Link", at+token),
	}); err != nil {
		return err
	}
	end := `ROLLBACK TO SAVEPOINT mail`
	if known {
		end = `RELEASE SAVEPOINT mail`
	}
	_, err = tx.Exec(end)
	return err
}

// code is the six digits of a link, for a browser that did not ask for it. They are computed, so that the page that shows
// them to the browser that asked can be read again, and stored as a hash only.
func (s *Service) code(tokenHash []byte, pre string) string {
	n := binary.BigEndian.Uint64(s.keys.MAC("link code", string(tokenHash), pre))
	return fmt.Sprintf("%06d", n%1_000_000)
}

// codeHash is keyed: six digits can be tried out, so that whoever has the row must not be able to tell whether a try was right.
func (s *Service) codeHash(tokenHash []byte, code string) []byte {
	return s.keys.MAC("link code hash", string(tokenHash), code)
}

// LinkSent is what the browser that asked sees.
type LinkSent struct {
	Email string
	Code  string // for another browser; "" if there is none
	// Provider is where a new account waits for the place of the address; "" for who comes by the link alone.
	Provider string
	Until    time.Time
}

type linkRow struct {
	TokenHash  []byte      `db:"token_hash"`
	Email      string      `db:"email"`
	CookieHash []byte      `db:"cookie_hash"`
	CodeHash   []byte      `db:"code_hash"`
	ReturnTo   string      `db:"return_to"`
	Tries      int16       `db:"tries"`
	ExpiresAt  time.Time   `db:"expires_at"`
	Emergency  bool        `db:"emergency"`
	Door       bool        `db:"door"`
	ProviderID id.Provider `db:"provider_id"` // whose new account the place is for; zero for who comes by the link alone
	Subject    string      `db:"new_subject"`
	Provider   string      `db:"provider"` // its name
}

const linkColumns = `l.token_hash, l.email, l.cookie_hash, l.code_hash, l.return_to, l.tries, l.expires_at, l.emergency, l.door, l.provider_id, l.new_subject,
	coalesce((SELECT p.name FROM providers p WHERE p.org_id = l.org_id AND p.provider_id = l.provider_id), '') AS provider`

// Sent returns the last link that this browser asked for and that has not been used; NotFound if there is none.
func (s *Service) Sent(ctx context.Context, org tenants.Organization, b Browser) (LinkSent, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return LinkSent{}, err
	}
	if !secret.IsToken(b.Pre) {
		return LinkSent{}, errs.New(errs.NotFound, "no pre-login cookie")
	}
	var l linkRow
	var found bool
	err := s.db.Read(ctx, func(q *db.Batch) {
		db.One(q, &l, &found, `SELECT `+linkColumns+` FROM email_links l WHERE l.org_id = $1 AND l.cookie_hash = $2 AND l.expires_at > $3
			ORDER BY l.created_at DESC, l.token_hash LIMIT 1`, org.OrgID, secret.Hash(b.Pre), s.now())
	})
	if err != nil {
		return LinkSent{}, err
	}
	if !found {
		return LinkSent{}, errs.New(errs.NotFound, "no link asked for")
	}
	out := LinkSent{Email: l.Email, Provider: l.Provider, Until: l.ExpiresAt}
	if l.Subject == "" {
		out.Code = s.code(l.TokenHash, b.Pre)
	}
	return out, nil
}

// Link is a one-time link before it is used.
type Link struct {
	Email    string
	NeedCode bool   // this browser did not ask for it
	Provider string // as LinkSent
	Door     bool   // it opens the public door: see Entrance
}

// Link looks at a one-time link without using it: programs that follow links in mails must not use it up. A Refusal if it
// is unknown, used or too old.
func (s *Service) Link(ctx context.Context, org tenants.Organization, token string, b Browser) (Link, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Link{}, err
	}
	var l linkRow
	var found bool
	err := s.db.Read(ctx, func(q *db.Batch) {
		db.One(q, &l, &found, `SELECT `+linkColumns+` FROM email_links l WHERE l.org_id = $1 AND l.token_hash = $2 AND l.expires_at > $3`, org.OrgID, secret.Hash(token), s.now())
	})
	if err != nil {
		return Link{}, err
	}
	if !found || !secret.IsToken(token) {
		return Link{}, s.note(ctx, org, trip{}, Provider{}, "", refuse(Expired, "link unknown, used or too old").at("mail_link"))
	}
	if l.Subject != "" && !l.asked(b) {
		return Link{}, s.note(ctx, org, trip{}, Provider{}, "", refuse(OtherBrowser, "link of an account that waits in another browser").at("browser"))
	}
	return Link{Email: l.Email, NeedCode: !l.asked(b), Provider: l.Provider, Door: l.Door}, nil
}

func (l linkRow) asked(b Browser) bool {
	return secret.IsToken(b.Pre) && secret.Equal(string(l.CookieHash), string(secret.Hash(b.Pre)))
}

// UseLink signs in with a one-time link. The browser that asked needs no code; another one needs the six digits that the
// first one shows, and has five tries. Whatever the outcome, a link signs in once.
func (s *Service) UseLink(ctx context.Context, org tenants.Organization, token, code string, b Browser) (SignedIn, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return SignedIn{}, err
	}
	if org.SignIn != "email" && org.SignIn != "oidc" {
		return SignedIn{}, errs.New(errs.NotFound, "%s does not sign in by email", org.Slug)
	}
	var out SignedIn
	var refusal error
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		out, refusal = SignedIn{}, nil
		l, err := s.takeLink(tx, org, token, false)
		if errs.Is(err, errs.NotFound) {
			refusal = refuse(Expired, "link unknown, used or too old").at("mail_link")
			return nil
		}
		if err != nil {
			return err
		}
		if l.Subject != "" && !l.asked(b) {
			refusal = refuse(OtherBrowser, "link of an account that waits in another browser").at("browser")
			return s.giveBack(tx, org, l)
		}
		if !l.asked(b) && !secret.Equal(string(l.CodeHash), string(s.codeHash(l.TokenHash, code))) {
			refusal = errs.Fields(errs.Field{Name: "code", Key: "auth.link.code_wrong"})
			return s.giveBack(tx, org, l)
		}
		m, err := tenants.MemberByEmail(tx, l.Email)
		if errs.Is(err, errs.NotFound) {
			refusal = refuse(NotInvited, "the address has no membership").at("member")
			return nil
		}
		if err != nil {
			return err
		}
		if l.Subject != "" {
			refusal, err = s.claim(tx, org, l, m, b, &out)
			return err
		}
		if shut, err := s.shut(tx, org, l, m); err != nil || shut != nil {
			refusal = shut
			return err
		}
		if m, err = s.welcome(tx, m); err != nil {
			return err
		}
		out.ReturnTo = l.ReturnTo
		out.Token, out.Until, err = s.open(tx, m, b, id.Provider{}, proven{AuthAt: tx.Now})
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

func (s *Service) takeLink(tx *db.Tx, org tenants.Organization, token string, door bool) (linkRow, error) {
	return db.Row[linkRow](tx, `DELETE FROM email_links l WHERE l.org_id = $1 AND l.token_hash = $2 AND l.expires_at > $3 AND l.door = $4 RETURNING `+linkColumns, org.OrgID, secret.Hash(token), tx.Now, door)
}

// giveBack keeps a link after a wrong code, until the last try.
func (s *Service) giveBack(tx *db.Tx, org tenants.Organization, l linkRow) error {
	if l.Tries+1 >= linkTries {
		return tenants.Audit(tx, "link.spent", "organization:"+org.Slug, map[string]string{"why": "wrong codes"})
	}
	_, err := tx.Exec(`INSERT INTO email_links (org_id, token_hash, email, cookie_hash, code_hash, return_to, tries, created_at, expires_at, emergency, provider_id, new_subject, door) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		org.OrgID, l.TokenHash, l.Email, l.CookieHash, l.CodeHash, l.ReturnTo, l.Tries+1, l.ExpiresAt.Add(-signInLife), l.ExpiresAt, l.Emergency, l.ProviderID, l.Subject, l.Door)
	return err
}
