package auth

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/tenants"
)

// Partner is a row of a list of organizations to be offered the same terms.
type Partner struct {
	Line    int // in the file, from 1
	Name    string
	Email   string
	Account string // the own number for it; may be ""
}

// listMost is how many rows a list may have, listBytes how large its file may be.
const (
	listMost  = 1000
	listBytes = 1 << 20
)

// ReadPartners reads a CSV file with a heading line: a column "email", and "name" and "account" if they are there, separated by
// commas, semicolons or tabs, in UTF-8. Invalid for anything else, and for more than 1,000 rows.
func ReadPartners(r io.Reader) ([]Partner, error) {
	bad := func(key string) error { return errs.Fields(errs.Field{Name: "list", Key: key}) }
	data, err := io.ReadAll(io.LimitReader(r, listBytes+1))
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord, c.TrimLeadingSpace = -1, true
	for _, sep := range ",;\t" {
		if bytes.ContainsRune(first, sep) {
			c.Comma = sep
			break
		}
	}
	rows, err := c.ReadAll()
	if err != nil || len(rows) == 0 || len(data) > listBytes {
		return nil, bad("auth.list.not_a_table")
	}
	column := map[string]int{}
	for i, h := range rows[0] {
		column[strings.ToLower(strings.TrimSpace(h))] = i + 1
	}
	if column["email"] == 0 {
		return nil, bad("auth.list.no_email")
	}
	if len(rows) > listMost+1 {
		return nil, bad("auth.list.too_long")
	}
	cell := func(row []string, name string) string {
		if i := column[name]; i > 0 && i <= len(row) {
			return strings.TrimSpace(row[i-1])
		}
		return ""
	}
	var out []Partner
	for i, row := range rows[1:] {
		p := Partner{Line: i + 2, Name: cell(row, "name"), Email: cell(row, "email"), Account: cell(row, "account")}
		if p != (Partner{Line: p.Line}) {
			out = append(out, p)
		}
	}
	return out, nil
}

// OfferRow is what becomes of a row.
type OfferRow struct {
	Partner

	What    string // "invite" by mail, or "ask" an organization that is here; "" with a problem
	Problem string // the message key of what is wrong; "" for a good row
}

// OfferReport is what became of a list.
type OfferReport struct {
	Rows           []OfferRow
	Invited, Asked int // in a dry run, what would be
}

// OfferList offers the same terms to every good row of a list: organizations that are here are asked, all others invited by mail.
// Rows with a problem are left out and say what it is. It happens as a whole or not at all; a dry run changes nothing and reports
// the same.
func (s *Service) OfferList(ctx context.Context, list []Partner, p tenants.Proposal, dry bool) (out OfferReport, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return out, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		out = OfferReport{}
		if err := tenants.CheckOffer(tx, p); err != nil {
			return err
		}
		there, err := s.there(tx, list)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, row := range list {
			r := OfferRow{Partner: row}
			to := there[domainOf(row.Email)]
			r.What, r.Problem = classify(row, to, seen)
			if r.Problem == "" && !dry {
				if r.Problem, err = s.offer(tx, row, to, p); err != nil {
					return fmt.Errorf("line %d: %w", row.Line, err)
				}
			}
			switch {
			case r.Problem != "":
				r.What = ""
			case r.What == "ask":
				out.Asked++
			default:
				out.Invited++
			}
			out.Rows = append(out.Rows, r)
		}
		return nil
	})
	return out, err
}

// here is an organization that has people in the portal.
type here struct {
	Domain string `db:"domain"`
	Org    id.Org `db:"org_id"`
	Known  bool   `db:"known"` // connected already, or asked
}

func (s *Service) there(tx *db.Tx, list []Partner) (map[string]here, error) {
	var domains []string
	for _, p := range list {
		domains = append(domains, domainOf(p.Email))
	}
	rows, err := db.Rows[here](tx, `SELECT d.domain, d.org_id, d.org_id = $2 OR EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = $2 AND s.other_org = d.org_id AND s.state IN ('asked', 'active', 'paused', 'ending')) AS known
		FROM domains d JOIN organizations o ON o.org_id = d.org_id AND o.sign_in <> 'none' WHERE d.domain = ANY($1) AND d.verified_at IS NOT NULL`, domains, tx.Scope.Org)
	out := map[string]here{}
	for _, r := range rows {
		out[r.Domain] = r
	}
	return out, err
}

func domainOf(address string) string {
	_, domain, _ := strings.Cut(strings.ToLower(address), "@")
	return domain
}

func classify(p Partner, to here, seen map[string]bool) (what, problem string) {
	email, err := mail.Address(p.Email)
	again := seen[email]
	seen[email] = true
	switch {
	case err != nil:
		return "", "auth.invite.email"
	case again:
		return "", "auth.list.twice"
	case to.Known:
		return "", "auth.list.connected"
	case !to.Org.IsZero():
		return "ask", ""
	case p.Name == "" || len([]rune(p.Name)) > 120:
		return "", "auth.invite.name"
	}
	return "invite", ""
}

// offer asks or invites; what the other side's state forbids is a problem of the row.
func (s *Service) offer(tx *db.Tx, p Partner, to here, t tenants.Proposal) (problem string, err error) {
	if to.Org.IsZero() {
		err = s.invite(tx, Invite{Email: p.Email, Name: p.Name, Account: p.Account, Proposal: t})
	} else {
		if err = tenants.AskFor(tx, to.Org, t); err == nil {
			err = tenants.NoteAccount(tx, to.Org, p.Account)
		}
	}
	if errs.Is(err, errs.Conflict) {
		return "auth.list.connected", nil
	}
	return "", err
}
