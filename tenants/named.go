package tenants

import (
	"slices"
	"strings"
	"unicode"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// Called is an organization as a text may name it.
type Called struct {
	Org     id.Org   `db:"org_id"`
	Name    string   `db:"name"`
	Domains []string `db:"domains"` // that are proven, lower case
}

// ProvenDomains are the proven domains of the organization o in a query, which are public.
const ProvenDomains = `ARRAY(SELECT d.domain FROM domains d WHERE d.org_id = o.org_id AND d.verified_at IS NOT NULL ORDER BY d.domain LIMIT 20)`

// Named returns the names of those organizations that the acting one is connected to which stand in a text, by name, but for some: see
// NamedIn.
func Named(tx *db.Tx, text string, but ...id.Org) ([]string, error) {
	list, err := db.Rows[Called](tx, `SELECT o.org_id, o.name, `+ProvenDomains+` AS domains FROM connection_sides s JOIN organizations o ON o.org_id = s.other_org
		WHERE s.org_id = $1 AND s.state = 'active' ORDER BY o.name, o.org_id LIMIT 1000`, tx.Scope.Org)
	return NamedIn(text, list, but...), err
}

// namedFrom is from how many letters on the first word of a name counts as the name: a shorter one is too often an ordinary word.
const namedFrom = 4

// NamedIn returns the names of those of the organizations, in their order, that a text names, but for some. One is named by the first word
// of its name, where that is long enough not to be an ordinary one, and by its domain, also within an address.
func NamedIn(text string, list []Called, but ...id.Org) (out []string) {
	text = strings.ToLower(text)
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		words[w] = true
	}
	hosts := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '-' })
	for _, c := range list {
		first, _, _ := strings.Cut(strings.ToLower(c.Name), " ")
		if slices.Contains(but, c.Org) || (len(first) < namedFrom || !words[first]) && !slices.ContainsFunc(c.Domains, func(d string) bool { return hosted(hosts, d) }) {
			continue
		}
		out = append(out, c.Name)
	}
	return out
}

// hosted reports whether one of the hosts is the domain or below it.
func hosted(hosts []string, domain string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool {
		h = strings.Trim(h, ".-")
		return h == domain || strings.HasSuffix(h, "."+domain)
	})
}
