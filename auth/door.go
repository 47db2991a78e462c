package auth

import (
	"context"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Door is how the people of an organization come in.
type Door struct {
	Only      bool                 // through a provider alone: email links are refused
	Emergency tenants.Membership   // the administrator who can still come in by an email link; zero while everybody can
	Choice    []tenants.Membership // the administrators, of whom one is that
	Active    int                  // providers that let people in
	Mine      bool                 // whoever looks came in through one of them, or linked an account there
}

// emergencyOf is the administrator of organization $1 for whom the door opens in an emergency: who was named for it or, when that one is
// no administrator any more, who has been one for longest. So there always is one.
const emergencyOf = `SELECT m.membership_id FROM memberships m LEFT JOIN doors d ON d.org_id = m.org_id AND d.emergency = m.membership_id
	WHERE m.org_id = $1 AND m.state = 'active' AND 'administrator' = ANY(m.roles) ORDER BY d.emergency IS NULL, m.created_at, m.membership_id LIMIT 1`

func (s *Service) emergency(ctx context.Context, org tenants.Organization) (out id.Membership, err error) {
	err = s.db.Read(ctx, func(b *db.Batch) { db.One(b, &out, nil, emergencyOf, org.OrgID) })
	return out, err
}

// Door returns how people come in, for the acting organization's administrator.
func (s *Service) Door(ctx context.Context) (out Door, err error) {
	if err := authz.Check(ctx, authz.SeeProviders, id.Org{}); err != nil {
		return Door{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Door{}, err
	}
	var key id.Membership
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &out.Only, nil, `SELECT o.sign_in = 'oidc' FROM organizations o WHERE o.org_id = $1`, who.Org)
		db.One(b, &key, nil, emergencyOf, who.Org)
		db.One(b, &out.Active, nil, `SELECT count(*)::int FROM providers p WHERE p.org_id = $1 AND p.state = 'active'`, who.Org)
		db.One(b, &out.Mine, nil, mine, who.Org, who.Membership)
		db.List(b, &out.Choice, `SELECT `+tenants.MembershipColumns+` FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND 'administrator' = ANY(m.roles) ORDER BY m.created_at, m.membership_id LIMIT 50`, who.Org)
	})
	for _, m := range out.Choice {
		if m.MembershipID == key {
			out.Emergency = m
		}
	}
	return out, err
}

// mine is whether the membership $2 can come in through a provider that is on.
const mine = `SELECT EXISTS (SELECT 1 FROM identities i JOIN providers p ON p.org_id = i.org_id AND p.provider_id = i.provider_id AND p.state = 'active' WHERE i.org_id = $1 AND i.membership_id = $2)`

// ShutDoor makes the providers the only way in: email links are refused from then on, but for one administrator in an emergency. Conflict
// while no provider is on, and until whoever does it can come in through one. Invalid for an emergency who is no administrator.
func (s *Service) ShutDoor(ctx context.Context, emergency id.Membership) error {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	return s.turnDoor(ctx, "oidc", func(tx *db.Tx) error {
		active, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM providers p WHERE p.org_id = $1 AND p.state = 'active')`, tx.Scope.Org)
		if err != nil {
			return err
		}
		own, err := db.Row[bool](tx, mine, tx.Scope.Org, tx.Scope.Membership)
		if err != nil {
			return err
		}
		switch {
		case !active:
			return errs.Say(errs.Conflict, "door.none_on")
		case !own:
			return errs.Say(errs.Conflict, "door.not_mine")
		}
		n, err := tx.Exec(`INSERT INTO doors AS d (org_id, emergency, shut_at) SELECT m.org_id, m.membership_id, $3 FROM memberships m
			WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND 'administrator' = ANY(m.roles)
			ON CONFLICT (org_id) DO UPDATE SET emergency = excluded.emergency, shut_at = excluded.shut_at`, tx.Scope.Org, emergency, tx.Now)
		if err == nil && n == 0 {
			err = errs.Fields(errs.Field{Name: "emergency", Key: "door.bad.emergency"})
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM email_links WHERE org_id = $1`, tx.Scope.Org); err != nil {
			return err
		}
		return tenants.Audit(tx, "sign_in.shut", "membership:"+emergency.String(), nil)
	})
}

// OpenDoor lets people come in by email links again, beside the providers.
func (s *Service) OpenDoor(ctx context.Context) error {
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	return s.turnDoor(ctx, "email", func(tx *db.Tx) error {
		if _, err := tx.Exec(`DELETE FROM doors WHERE org_id = $1`, tx.Scope.Org); err != nil {
			return err
		}
		return tenants.Audit(tx, "sign_in.opened", "organization:"+tx.Scope.Org.String(), nil)
	})
}

func (s *Service) turnDoor(ctx context.Context, to string, first func(*db.Tx) error) error {
	if err := authz.Fresh(ctx, s.now()); err != nil {
		return err
	}
	var org tenants.Organization
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if err := first(tx); err != nil {
			return err
		}
		org, err = db.Row[tenants.Organization](tx, `UPDATE organizations o SET sign_in = $2 WHERE o.org_id = $1 RETURNING `+tenants.OrgColumns, tx.Scope.Org, to)
		return err
	}); err != nil {
		return err
	}
	s.tenants.Changed(org)
	return nil
}

// shut refuses an email link where a provider is the only way in, as the database has it now, but for the administrator who may come in
// by one in an emergency; that is told to the others.
func (s *Service) shut(tx *db.Tx, org tenants.Organization, l linkRow, m tenants.Membership) (refusal, err error) {
	only, err := db.Row[bool](tx, `SELECT o.sign_in = 'oidc' FROM organizations o WHERE o.org_id = $1`, org.OrgID)
	if err != nil || !only {
		return nil, err
	}
	key, err := db.Row[id.Membership](tx, emergencyOf, org.OrgID)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return nil, err
	}
	if !l.Emergency || key != m.MembershipID {
		return refuse(NotInvited, "email links are refused here").at("link"), nil
	}
	if err := tenants.Audit(tx, "sign_in.emergency", "membership:"+m.MembershipID.String(), nil); err != nil {
		return nil, err
	}
	return nil, s.tellEmergency(tx, org, m)
}

// tellEmergency writes to all administrators that one came in without the provider.
func (s *Service) tellEmergency(tx *db.Tx, org tenants.Organization, who tenants.Membership) error {
	list, err := db.Rows[addressee](tx, `SELECT m.email, m.locale FROM memberships m WHERE m.org_id = $1 AND m.state = 'active' AND 'administrator' = ANY(m.roles) ORDER BY m.membership_id LIMIT 100`, org.OrgID)
	if err != nil {
		return err
	}
	for _, to := range list {
		ctx := tx.Context()
		if l, ok := lang.Parse(to.Locale); ok {
			ctx = lang.With(ctx, l)
		}
		if err := s.mail.Send(tx, mail.Message{
			To: to.Email, Subject: lang.T(ctx, "door.mail.emergency_subject", "Org", org.Name),
			Text: lang.T(ctx, "door.mail.emergency", "Org", org.Name, "Name", who.Name, "Time", tx.Now.Format("15:04"), "Link", s.Address(org)+"/admin/sign-in"),
		}); err != nil {
			return err
		}
	}
	return nil
}
