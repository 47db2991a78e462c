package courses

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// What somebody can be asked because of a partner program.
const (
	AskRenew   = "renew"   // one of the own people, to renew what ends
	AskSuggest = "suggest" // one of the own people, to go on with what a requirement lacks
)

// askRest is how many days whoever was asked because of a program is left alone.
const askRest = 7

// askedSQL is who was asked of late because of the program $2: whom, and when last.
const askedSQL = `SELECT k.membership_id, max(k.at) AS at FROM program_asks k WHERE k.org_id = $1 AND k.program_id = $2 AND k.at > $3 GROUP BY k.membership_id ORDER BY k.membership_id LIMIT 1000`

type askedMember struct {
	Member id.Membership `db:"membership_id"`
	At     time.Time     `db:"at"`
}

// AskMember mails one of the own people because of a program of another organization: AskRenew whose certificate ends and is counted,
// AskSuggest who is closest to a requirement that is not met. NotFound for anybody else; Conflict within seven days of the last time, and for
// who cannot be reached or wants no mails about certificates.
func (s *Service) AskMember(ctx context.Context, program id.Any, who id.Membership, kind string) error {
	if err := authz.Check(ctx, authz.SeeStanding, id.Org{}); err != nil {
		return err
	}
	v, err := s.Standing(ctx, program)
	if err != nil {
		return err
	}
	page, title, day := "/me/credentials", "", (*time.Time)(nil)
	switch i := slices.IndexFunc(v.Leaves, func(m Meeter) bool { return m.Member == who && m.Until != nil }); kind {
	case AskRenew:
		if i < 0 {
			return errs.New(errs.NotFound, "%s has nothing to renew for %s", who, program)
		}
		day = v.Leaves[i].Until
	case AskSuggest:
		var near *Nearest
		for _, n := range v.Closest {
			if n.Member == who {
				near = &n
			}
		}
		if near == nil {
			return errs.New(errs.NotFound, "%s is close to nothing that %s lacks", who, program)
		}
		page, title = "/"+near.Kind+"/"+near.Item.String()+"?origin="+OriginPeer, near.Title
	default:
		return errs.New(errs.NotFound, "ask for %q", kind)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		org, by := tx.Scope.Org, tx.Scope.Membership
		if _, err := tx.Exec(`SELECT 1 FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2 FOR NO KEY UPDATE`, org, who); err != nil {
			return err
		}
		recent, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM program_asks k WHERE k.org_id = $1 AND k.program_id = $2 AND k.membership_id = $3 AND k.at > $4)`, org, program, who, tx.Now.AddDate(0, 0, -askRest))
		if err != nil {
			return err
		}
		if recent {
			return errs.Say(errs.Conflict, "records.ask.recent", "Days", askRest)
		}
		if err := tx.Must(`INSERT INTO program_asks (org_id, ask_id, vendor, program_id, kind, membership_id, asked_by, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, org, id.New[id.Any](), v.Program.Org, program, kind, who, by, tx.Now); err != nil {
			return err
		}
		if err := tenants.Audit(tx, "program.asked", "membership:"+who.String(), map[string]any{"program": program}); err != nil {
			return err
		}
		return tx.As(scope.Mailer, org, func() error {
			to, err := db.Row[askedPerson](tx, `SELECT m.email, m.locale, o.slug, k.name AS by_name, o.name AS org FROM memberships m JOIN organizations o ON o.org_id = m.org_id JOIN memberships k ON k.org_id = m.org_id AND k.membership_id = $3
				WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND m.email <> '' AND NOT EXISTS (SELECT 1 FROM quiet_credentials q WHERE q.org_id = m.org_id AND q.membership_id = m.membership_id)`, org, who, by)
			if errs.Is(err, errs.NotFound) {
				return errs.Say(errs.Conflict, "records.ask.unreachable")
			}
			if err != nil || s.mail == nil {
				return err
			}
			vendor, err := s.tenants.ByID(tx.Context(), v.Program.Org)
			if err != nil {
				return err
			}
			return s.mail.Send(tx, askMail(tx.Context(), to, kind, s.address(to.Slug)+page, day, "Program", v.Program.Name, "Vendor", vendor.Name, "Title", title))
		})
	})
	if err != nil {
		return fmt.Errorf("ask %s because of program %s: %w", who, program, err)
	}
	return nil
}

// askedPerson is who is mailed, and who asks.
type askedPerson struct {
	holder

	By  string `db:"by_name"`
	Org string `db:"org"`
}

// askMail is what somebody is asked because of a program.
func askMail(ctx context.Context, to askedPerson, kind, page string, day *time.Time, kv ...any) mail.Message {
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	words := append([]any{"Name", to.By, "Org", to.Org}, kv...)
	if day != nil {
		words = append(words, "Day", lang.Date(ctx, *day))
	}
	return mail.Message{To: to.Email, Subject: lang.T(ctx, "records.ask.subject."+kind, words...), Text: lang.T(ctx, "records.ask.text."+kind, words...) + "\n\n" + page + "\n\n" + lang.T(ctx, "records.ask.off."+kind, words...)}
}

// AskPartner mails those who look after a partner's part in an own program that they may look at where it stands. They are told which organization
// asks and no name; who wants no mails about the connection gets none. NotFound for whoever takes no part; Conflict within seven days of the last time.
func (s *Service) AskPartner(ctx context.Context, program id.Any, partner id.Org) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		row, err := db.Row[struct {
			Name  string     `db:"name"`
			Asked *time.Time `db:"asked_at"`
		}](tx, `SELECT g.name, p.asked_at FROM program_partners p JOIN programs g ON g.org_id = p.org_id AND g.program_id = p.program_id WHERE p.org_id = $1 AND p.program_id = $2 AND p.partner = $3 AND p.state = 'active' FOR NO KEY UPDATE OF p`, tx.Scope.Org, program, partner)
		if err != nil {
			return err
		}
		if row.Asked != nil && row.Asked.After(tx.Now.AddDate(0, 0, -askRest)) {
			return errs.Say(errs.Conflict, "records.ask.recent", "Days", askRest)
		}
		if err := tx.Must(`UPDATE program_partners SET asked_at = $4 WHERE org_id = $1 AND program_id = $2 AND partner = $3`, tx.Scope.Org, program, partner, tx.Now); err != nil {
			return err
		}
		if err := s.note(tx, "program.partner_asked", program, partner); err != nil {
			return err
		}
		return s.tellPartner(tx, programNews{Vendor: tx.Scope.Org, Program: program, Name: row.Name, What: "asked"}, partner)
	})
	if err != nil {
		return fmt.Errorf("ask %s because of program %s: %w", partner, program, err)
	}
	return nil
}
