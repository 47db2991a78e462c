package tenants

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// accountLength is how long the own number for a partner may be, in letters.
const accountLength = 100

// Account is a row of a list that says which number an organization has for another.
type Account struct {
	Line   int // in the file, from 1
	Portal string
	Number string // "" takes the number away
}

// AccountsReport is what became of a list.
type AccountsReport struct {
	Set     int
	Problem []AccountProblem
}

// AccountProblem is a row that was left out.
type AccountProblem struct {
	Account

	Key string // the message key of what is wrong
}

// accountsMost is how many rows a list may have.
const accountsMost = 10_000

// ReadAccounts reads a CSV file with a heading line that has the columns portal and account, in any order and beside others: what the
// network exports can be read again. The headings are the given words, any of them. Invalid for anything else.
func ReadAccounts(r io.Reader, portal, account []string) ([]Account, error) {
	bad := func(key string) error { return errs.Fields(errs.Field{Name: "list", Key: key}) }
	data, err := io.ReadAll(io.LimitReader(r, 1<<20+1))
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	first, _, _ := bytes.Cut(data, []byte("\n"))
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord = -1
	for _, sep := range ",;\t" {
		if bytes.ContainsRune(first, sep) {
			c.Comma = sep
			break
		}
	}
	rows, err := c.ReadAll()
	if err != nil || len(rows) == 0 || len(data) > 1<<20 || !utf8.Valid(data) || len(rows) > accountsMost+1 {
		return nil, bad("partner.list.not_a_table")
	}
	at := func(words []string) int {
		for i, h := range rows[0] {
			for _, w := range words {
				if strings.EqualFold(strings.TrimSpace(h), w) {
					return i
				}
			}
		}
		return -1
	}
	p, a := at(portal), at(account)
	if p < 0 || a < 0 {
		return nil, bad("partner.list.columns")
	}
	var out []Account
	for i, row := range rows[1:] {
		if p >= len(row) || strings.TrimSpace(row[p]) == "" {
			continue
		}
		l := Account{Line: i + 2, Portal: strings.ToLower(strings.TrimSpace(row[p]))}
		if a < len(row) {
			// A spreadsheet writes such a mark before what could be a formula; the export does, too.
			l.Number = strings.TrimPrefix(strings.TrimSpace(row[a]), "'")
		}
		out = append(out, l)
	}
	return out, nil
}

// SetAccounts notes the own numbers of a list of partners, all that can be: rows that name no connection of the acting organization, or
// one twice, or a number that is too long, are left out and say so.
func (s *Service) SetAccounts(ctx context.Context, list []Account) (out AccountsReport, err error) {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return out, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		out = AccountsReport{}
		var slugs []string
		for _, l := range list {
			slugs = append(slugs, l.Portal)
		}
		rows, err := db.Rows[struct {
			Slug string `db:"slug"`
			Org  id.Org `db:"org_id"`
		}](tx, `SELECT o.slug, o.org_id FROM organizations o JOIN connection_sides s ON s.org_id = $1 AND s.other_org = o.org_id WHERE o.slug = ANY($2) ORDER BY o.slug LIMIT 10000`, tx.Scope.Org, slugs)
		if err != nil {
			return err
		}
		known := map[string]id.Org{}
		for _, r := range rows {
			known[r.Slug] = r.Org
		}
		seen := map[string]bool{}
		var orgs []id.Org
		var numbers []string
		for _, l := range list {
			key := ""
			switch o, ok := known[l.Portal]; {
			case !ok:
				key = "partner.list.unknown"
			case seen[l.Portal]:
				key = "partner.list.twice"
			case utf8.RuneCountInString(l.Number) > accountLength:
				key = "partner.list.long"
			default:
				seen[l.Portal] = true
				orgs, numbers = append(orgs, o), append(numbers, l.Number)
				continue
			}
			out.Problem = append(out.Problem, AccountProblem{l, key})
		}
		out.Set = len(orgs)
		if _, err := tx.Exec(`INSERT INTO partner_notes (org_id, other_org, account) SELECT $1, x.org, x.number FROM unnest($2::uuid[], $3::text[]) AS x(org, number)
			ON CONFLICT (org_id, other_org) DO UPDATE SET account = excluded.account`, tx.Scope.Org, orgs, numbers); err != nil {
			return err
		}
		return Audit(tx, "network.accounts", "organization:"+tx.Scope.Org.String(), map[string]int{"rows": out.Set})
	})
	return out, err
}

// SetAccount notes the own number for one partner. NotFound without a connection; Invalid beyond 100 letters.
func (s *Service) SetAccount(ctx context.Context, other id.Org, number string) error {
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	number = strings.TrimSpace(number)
	if utf8.RuneCountInString(number) > accountLength {
		return errs.Fields(errs.Field{Name: "account", Key: "partner.list.long"})
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`INSERT INTO partner_notes (org_id, other_org, account) SELECT s.org_id, s.other_org, $3 FROM connection_sides s WHERE s.org_id = $1 AND s.other_org = $2
			ON CONFLICT (org_id, other_org) DO UPDATE SET account = excluded.account`, tx.Scope.Org, other, number); err != nil {
			return err
		}
		return Audit(tx, "network.account", "organization:"+other.String(), nil)
	})
}

// NoteAccount keeps the own number for a partner that was invited or asked with one; the last one said counts.
func NoteAccount(tx *db.Tx, other id.Org, number string) error {
	if number == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO partner_notes (org_id, other_org, account) VALUES ($1, $2, left($3, 100)) ON CONFLICT (org_id, other_org) DO UPDATE SET account = excluded.account`, tx.Scope.Org, other, number)
	return err
}
