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
	Number string  // "" takes the number away
	Owner  *string // address of who looks after it, "" for nobody; nil stays as it is
	Tags   *string // separated by commas or semicolons; nil stays as they are
}

// AccountWords are the headings of such a list, any of each.
type AccountWords struct{ Portal, Account, Owner, Tags []string }

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
// network exports can be read again, with owner and tags if it has them. Invalid for anything else.
func ReadAccounts(r io.Reader, words AccountWords) ([]Account, error) {
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
	p, a, owner, tags := at(words.Portal), at(words.Account), at(words.Owner), at(words.Tags)
	// A spreadsheet writes such a mark before what could be a formula; the export does, too.
	cell := func(row []string, i int) string { return strings.TrimPrefix(strings.TrimSpace(row[i]), "'") }
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
			l.Number = cell(row, a)
		}
		if owner >= 0 && owner < len(row) {
			v := cell(row, owner)
			l.Owner = &v
		}
		if tags >= 0 && tags < len(row) {
			v := cell(row, tags)
			l.Tags = &v
		}
		out = append(out, l)
	}
	return out, nil
}

// SetAccounts notes the own numbers of a list of partners, with owners and tags where it has them, all that can be: rows that name no
// connection of the acting organization, or one twice, or what is too long, or an owner who does not manage the network, are left out and say so.
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
		keepers, err := db.Rows[PartnerOwner](tx, keepersSQL, tx.Scope.Org)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		var orgs []id.Org
		var numbers []string
		var owners []*id.Membership
		var tags []*string // joined by lines, which no tag contains
		for _, l := range list {
			key := ""
			owner, owned := keeperOf(keepers, l.Owner)
			switch o, ok := known[l.Portal]; {
			case !ok:
				key = "partner.list.unknown"
			case seen[l.Portal]:
				key = "partner.list.twice"
			case utf8.RuneCountInString(l.Number) > accountLength:
				key = "partner.list.long"
			case !owned:
				key = "owner.list.owner"
			case l.Tags != nil && checkTags(ReadTags(*l.Tags)) != nil:
				key = "owner.list.tags"
			default:
				seen[l.Portal] = true
				orgs, numbers, owners = append(orgs, o), append(numbers, l.Number), append(owners, owner)
				var joined *string
				if l.Tags != nil {
					j := strings.Join(ReadTags(*l.Tags), "\n")
					joined = &j
				}
				tags = append(tags, joined)
				continue
			}
			out.Problem = append(out.Problem, AccountProblem{l, key})
		}
		out.Set = len(orgs)
		// An owner of all zeros is nobody, and none at all leaves it as it is.
		if _, err := tx.Exec(`INSERT INTO partner_notes AS p (org_id, other_org, account, owner_id, tags)
			SELECT $1, x.org, x.number, coalesce(nullif(x.owner, '00000000-0000-0000-0000-000000000000'), CASE WHEN x.owner IS NULL THEN o.owner_id END), coalesce(string_to_array(x.tags, E'\n'), o.tags, '{}')
			FROM unnest($2::uuid[], $3::text[], $4::text[]::uuid[], $5::text[]) AS x(org, number, owner, tags) LEFT JOIN partner_notes o ON o.org_id = $1 AND o.other_org = x.org
			ON CONFLICT (org_id, other_org) DO UPDATE SET account = excluded.account, owner_id = excluded.owner_id, tags = excluded.tags`, tx.Scope.Org, orgs, numbers, ownerWords(owners), tags); err != nil {
			return err
		}
		return Audit(tx, "network.accounts", "organization:"+tx.Scope.Org.String(), map[string]int{"rows": out.Set})
	})
	return out, err
}

// keeperOf finds who is meant by an address: nil for no word of it, zero for nobody; false for an address of nobody who manages the network.
func keeperOf(list []PartnerOwner, email *string) (*id.Membership, bool) {
	if email == nil {
		return nil, true
	}
	if *email == "" {
		return &id.Membership{}, true
	}
	for _, k := range list {
		if strings.EqualFold(k.Email, *email) {
			return &k.Membership, true
		}
	}
	return nil, false
}

// ownerWords writes owners for the database, which takes a zero one for NULL otherwise.
func ownerWords(owners []*id.Membership) []*string {
	out := make([]*string, len(owners))
	for i, o := range owners {
		if o != nil {
			s := o.String()
			out[i] = &s
		}
	}
	return out
}

// NoteAccount keeps the own number for a partner that was invited or asked with one; the last one said counts.
func NoteAccount(tx *db.Tx, other id.Org, number string) error {
	if number == "" {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO partner_notes (org_id, other_org, account) VALUES ($1, $2, left($3, 100)) ON CONFLICT (org_id, other_org) DO UPDATE SET account = excluded.account`, tx.Scope.Org, other, number)
	return err
}
