package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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

// The limits of inviting people: they keep an organization that was taken over, or made for it, from mailing the world.
const (
	welcomeOnce  = 100 // addresses in one go
	welcomeOpen  = 500 // invitations that wait
	welcomeDay   = 500 // mails within a day,
	welcomeNew   = 50  // of an organization in its first week
	welcomeMails = 5   // mails of one invitation
)

// Welcome is an invitation of a person into the organization.
type Welcome struct {
	ID      id.Any       `db:"invitation_id"`
	Email   string       `db:"email"`
	Roles   []scope.Role `db:"roles"`
	By      string       `db:"by_name"` // who invited
	SentAt  time.Time    `db:"sent_at"`
	Sent    int          `db:"sent"`
	Expires time.Time    `db:"expires_at"`
}

const welcomeColumns = `v.invitation_id, v.email, v.roles, coalesce((SELECT m.name FROM memberships m WHERE m.org_id = v.org_id AND m.membership_id = v.invited_by), '') AS by_name, v.sent_at, v.sent::int AS sent, v.expires_at`

// WelcomeRow is what becomes of an address.
type WelcomeRow struct {
	Email   string
	Problem string // message key; "" for an invitation that was sent
}

// Addresses are the addresses in a text that somebody pasted: separated by commas, semicolons or lines, with or without names before them
// in angle brackets.
func Addresses(text string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' || r == '\r' || r == '\t' }) {
		if i := strings.LastIndexByte(part, '<'); i >= 0 {
			part, _, _ = strings.Cut(part[i+1:], ">")
			out = append(out, strings.TrimSpace(part))
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// Welcome invites people by their addresses, with roles beyond learning, for seven days. Rows with a problem are left out and say what it
// is. Invalid for no address or more than 100, RateLimited beyond 500 that wait or 500 mails within a day (50 in the organization's first
// week), Forbidden to make administrators without a fresh sign-in.
func (s *Service) Welcome(ctx context.Context, addresses []string, roles []scope.Role) (rows []WelcomeRow, err error) {
	if err := authz.Check(ctx, authz.InvitePeople, id.Org{}); err != nil {
		return nil, err
	}
	if slices.Contains(roles, scope.Administrator) {
		if err := authz.Fresh(ctx, s.now()); err != nil {
			return nil, err
		}
	}
	switch n := len(addresses); {
	case n == 0:
		return nil, errs.Fields(errs.Field{Name: "emails", Key: "invited.bad.none"})
	case n > welcomeOnce:
		return nil, errs.Fields(errs.Field{Name: "emails", Key: "invited.bad.many", Args: []any{"Count", welcomeOnce}})
	}
	for _, r := range roles {
		if !slices.Contains(scope.Roles(), r) {
			return nil, errs.Fields(errs.Field{Name: "roles", Key: "invited.bad.role"})
		}
	}
	if !slices.Contains(roles, scope.Learner) {
		roles = append([]scope.Role{scope.Learner}, roles...)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		rows = nil
		good, err := s.sort(tx, addresses, &rows)
		if err != nil || len(good) == 0 {
			return err
		}
		if err := roomForWelcome(tx, len(good), len(good)); err != nil {
			return err
		}
		for _, email := range good {
			if err := s.welcomeOne(tx, email, roles); err != nil {
				return err
			}
		}
		return nil
	})
	return rows, err
}

// sort tells addresses that can be invited from those with a problem.
func (s *Service) sort(tx *db.Tx, addresses []string, rows *[]WelcomeRow) (good []string, err error) {
	var emails []string
	for _, a := range addresses {
		if email, err := mail.Address(a); err == nil {
			emails = append(emails, email)
		}
	}
	known, err := db.Rows[struct {
		Email string `db:"email"`
		What  string `db:"what"`
	}](tx, `SELECT m.email, CASE m.state WHEN 'left' THEN 'left' ELSE 'member' END AS what FROM memberships m WHERE m.org_id = $1 AND m.email = ANY($2)
		UNION ALL SELECT v.email, 'open' FROM member_invitations v WHERE v.org_id = $1 AND v.email = ANY($2) AND v.state = 'open' AND v.expires_at > $3 LIMIT 1000`, tx.Scope.Org, emails, tx.Now)
	if err != nil {
		return nil, err
	}
	is := map[string]string{}
	for _, k := range known {
		is[k.Email] = k.What
	}
	for _, a := range addresses {
		email, err := mail.Address(a)
		switch {
		case err != nil:
			*rows = append(*rows, WelcomeRow{Email: clip(a, 254), Problem: "invited.row.form"})
		case is[email] == "again":
		case is[email] != "":
			*rows = append(*rows, WelcomeRow{Email: email, Problem: "invited.row." + is[email]})
		default:
			is[email] = "again"
			good = append(good, email)
			*rows = append(*rows, WelcomeRow{Email: email})
		}
	}
	return good, nil
}

// roomForWelcome refuses more invitations, or more mails of them, than the organization may have. Two who ask at once wait for each other.
func roomForWelcome(tx *db.Tx, invitations, mails int) error {
	if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('welcome ' || $1::text, 0))`, tx.Scope.Org); err != nil {
		return err
	}
	n, err := db.Row[struct {
		Open int  `db:"open"`
		Day  int  `db:"day"`
		New  bool `db:"new"`
	}](tx, `SELECT (SELECT count(*)::int FROM member_invitations v WHERE v.org_id = $1 AND v.state = 'open' AND v.expires_at > $2) AS open,
		(SELECT coalesce(sum(v.sent), 0)::int FROM member_invitations v WHERE v.org_id = $1 AND v.sent_at > $3)
			+ (SELECT count(*)::int FROM people_import_rows r WHERE r.org_id = $1 AND r.mailed AND r.done_at > $3) AS day,
		(SELECT o.created_at > $4 FROM organizations o WHERE o.org_id = $1) AS new`, tx.Scope.Org, tx.Now, tx.Now.AddDate(0, 0, -1), tx.Now.AddDate(0, 0, -7))
	if err != nil {
		return err
	}
	day := welcomeDay
	if n.New {
		day = welcomeNew
	}
	switch {
	case n.Open+invitations > welcomeOpen:
		return errs.Say(errs.RateLimited, "invited.limit.open", "Count", welcomeOpen, "Open", n.Open)
	case n.Day+mails > day:
		return errs.Say(errs.RateLimited, "invited.limit.day", "Count", day, "Left", max(0, day-n.Day))
	}
	if err := tenants.RoomForPerson(tx); err != nil {
		return err
	}
	return nil
}

func (s *Service) welcomeOne(tx *db.Tx, email string, roles []scope.Role) error {
	token, v := secret.NewToken(), id.New[id.Any]()
	if err := tx.Batch(func(b *db.Batch) {
		// One that was open is too old, or it would have been left out.
		db.Write(b, nil, `UPDATE member_invitations SET state = 'withdrawn', decided_at = $3 WHERE org_id = $1 AND email = $2 AND state = 'open'`, tx.Scope.Org, email, tx.Now)
		db.Write(b, nil, `INSERT INTO member_invitations (org_id, invitation_id, token_hash, email, roles, invited_by, created_at, sent_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)`,
			tx.Scope.Org, v, secret.Hash(token), email, roles, tx.Scope.Membership, tx.Now, tx.Now.Add(inviteLife))
	}); err != nil {
		return fmt.Errorf("invite %s: %w", email, err)
	}
	if err := s.mailWelcome(tx, email, token); err != nil {
		return err
	}
	return tenants.Audit(tx, "member.invited", "invitation:"+v.String(), map[string]any{"email": email, "roles": roles})
}

func (s *Service) mailWelcome(tx *db.Tx, email, token string) error {
	org, err := s.tenants.ByID(tx.Context(), tx.Scope.Org)
	if err != nil {
		return err
	}
	by, err := tenants.MemberByID(tx, tx.Scope.Membership)
	if err != nil {
		return err
	}
	return s.mail.Send(tx, mail.Message{
		To: email, Subject: lang.T(tx.Context(), "invited.mail.subject", "Org", org.Name),
		Text: lang.T(tx.Context(), "invited.mail.body", "Org", org.Name, "By", by.Name, "Until", lang.Date(tx.Context(), tx.Now.Add(inviteLife)), "Link", s.baseURL(org.Slug)+"/invited/"+token),
	})
}

// Welcomes is a page of the invitations that wait, newest first, and whether there are more; zero arguments for the first one. Never a code.
func (s *Service) Welcomes(ctx context.Context, before time.Time, after id.Any) (list []Welcome, more bool, err error) {
	if err := authz.Check(ctx, authz.InvitePeople, id.Org{}); err != nil {
		return nil, false, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, false, err
	}
	const size = 50
	err = s.db.Read(ctx, func(b *db.Batch) {
		if before.IsZero() {
			before = b.Now.AddDate(0, 0, 1)
		}
		db.List(b, &list, `SELECT `+welcomeColumns+` FROM member_invitations v WHERE v.org_id = $1 AND v.state = 'open' AND v.sent_at > $2 AND (v.sent_at < $3 OR v.sent_at = $3 AND v.invitation_id > $4)
			ORDER BY v.sent_at DESC, v.invitation_id LIMIT $5`, who.Org, b.Now.AddDate(0, 0, -60), before, after.UUID, size+1)
	})
	if len(list) > size {
		list, more = list[:size], true
	}
	return list, more, err
}

// WelcomeAgain mails an invitation once more, with a new link for seven days; the earlier one ends. From then on it is the acting
// administrator's. RateLimited after five mails, and as Welcome.
func (s *Service) WelcomeAgain(ctx context.Context, v id.Any) error {
	if err := authz.Check(ctx, authz.InvitePeople, id.Org{}); err != nil {
		return err
	}
	token := secret.NewToken()
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		w, err := db.Row[Welcome](tx, `SELECT `+welcomeColumns+` FROM member_invitations v WHERE v.org_id = $1 AND v.invitation_id = $2 AND v.state = 'open' FOR UPDATE`, tx.Scope.Org, v)
		if err != nil {
			return err
		}
		if slices.Contains(w.Roles, scope.Administrator) {
			if err := authz.Fresh(ctx, s.now()); err != nil {
				return err
			}
		}
		if w.Sent >= welcomeMails {
			return errs.Say(errs.RateLimited, "invited.limit.mails", "Count", welcomeMails)
		}
		if err := roomForWelcome(tx, 0, 1); err != nil {
			return err
		}
		if err := tx.Must(`UPDATE member_invitations SET token_hash = $3, sent_at = $4, expires_at = $5, sent = sent + 1, invited_by = $6 WHERE org_id = $1 AND invitation_id = $2`,
			tx.Scope.Org, v, secret.Hash(token), tx.Now, tx.Now.Add(inviteLife), tx.Scope.Membership); err != nil {
			return err
		}
		if err := s.mailWelcome(tx, w.Email, token); err != nil {
			return err
		}
		return tenants.Audit(tx, "member.invited", "invitation:"+v.String(), map[string]any{"email": w.Email, "again": true})
	})
}

// Unwelcome withdraws an invitation; its link leads nowhere from then on. NotFound for one that does not wait.
func (s *Service) Unwelcome(ctx context.Context, v id.Any) error {
	if err := authz.Check(ctx, authz.InvitePeople, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		email, err := db.Row[string](tx, `UPDATE member_invitations SET state = 'withdrawn', decided_at = $3 WHERE org_id = $1 AND invitation_id = $2 AND state = 'open' RETURNING email`, tx.Scope.Org, v, tx.Now)
		if err != nil {
			return err
		}
		return tenants.Audit(tx, "member.uninvited", "invitation:"+v.String(), map[string]string{"email": email})
	})
}

// waits is an invitation that can be accepted: it is as old as it may be, and who invited still may.
const waits = `v.org_id = $1 AND v.state = 'open' AND v.expires_at > $2
	AND EXISTS (SELECT 1 FROM memberships b WHERE b.org_id = v.org_id AND b.membership_id = v.invited_by AND b.state = 'active' AND 'administrator' = ANY(b.roles))`

// Welcomed looks at an invitation without using it. NotFound for one that is unknown, used, withdrawn or too old, and for one whose sender
// is no administrator any more.
func (s *Service) Welcomed(ctx context.Context, org tenants.Organization, token string) (Welcome, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Welcome{}, err
	}
	if !secret.IsToken(token) {
		return Welcome{}, errs.New(errs.NotFound, "no invitation")
	}
	var out Welcome
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		out, err = db.Row[Welcome](tx, `SELECT `+welcomeColumns+` FROM member_invitations v WHERE `+waits+` AND v.token_hash = $3`, org.OrgID, tx.Now, secret.Hash(token))
		return err
	})
	return out, err
}

// ComeIn accepts an invitation where people sign in by email: the link came to the address, so it opens the session. It is used once.
// NotFound as Welcomed; Invalid without a name.
func (s *Service) ComeIn(ctx context.Context, org tenants.Organization, token, name string, b Browser) (SignedIn, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return SignedIn{}, err
	}
	if org.SignIn != "email" || !secret.IsToken(token) {
		return SignedIn{}, errs.New(errs.NotFound, "no invitation that opens by itself")
	}
	if name = strings.TrimSpace(name); name == "" || len([]rune(name)) > 200 {
		return SignedIn{}, errs.Fields(errs.Field{Name: "name", Key: "invited.bad.name"})
	}
	out := SignedIn{ReturnTo: "/"}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		m, err := acceptInvitation(tx, secret.Hash(token), name, org.Locale)
		if err != nil {
			return err
		}
		out.Token, out.Until, err = s.open(tx, m, b, id.Provider{}, proven{AuthAt: tx.Now})
		return err
	})
	return out, err
}

// BeginInvited is Begin for whoever accepts an invitation through a provider: it is used when they come back. NotFound as Welcomed.
func (s *Service) BeginInvited(ctx context.Context, org tenants.Organization, p id.Provider, b Browser, token string) (Start, error) {
	if err := authz.Check(ctx, authz.SignIn, org.OrgID); err != nil {
		return Start{}, err
	}
	if _, err := s.Welcomed(ctx, org, token); err != nil {
		return Start{}, err
	}
	return s.begin(ctx, org, p, b, "/", trip{Purpose: tripEnter, Invitation: secret.Hash(token)})
}

// acceptInvitation uses the invitation with the hash and makes its membership. Conflict when the address is a member's by now.
func acceptInvitation(tx *db.Tx, hash []byte, name, locale string) (tenants.Membership, error) {
	return accept(tx, `v.token_hash = $3`, hash, name, locale)
}

// invited uses an open invitation of an address that a provider of the organization vouched for, in a domain of the organization.
func invited(tx *db.Tx, email, name, locale string) (tenants.Membership, error) {
	return accept(tx, `v.email = $3`, email, name, locale)
}

func accept(tx *db.Tx, which string, arg any, name, locale string) (tenants.Membership, error) {
	w, err := db.Row[Welcome](tx, `UPDATE member_invitations v SET state = 'accepted', decided_at = $2 WHERE `+waits+` AND `+which+` RETURNING `+welcomeColumns, tx.Scope.Org, tx.Now, arg)
	if err != nil {
		return tenants.Membership{}, err
	}
	m, err := tenants.AddMember(tx, tenants.NewMember{Name: name, Email: w.Email, Locale: locale, Roles: w.Roles})
	if err != nil {
		return m, err
	}
	return m, tenants.Audit(tx, "member.came", "membership:"+m.MembershipID.String(), map[string]string{"invitation": w.ID.String()})
}
