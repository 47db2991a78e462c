package auth

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	filter "github.com/scim2/filter-parser/v2"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// How an attribute compares (RFC 7643, 2.2).
const (
	folded  = iota // text, whatever the case
	exact          // text
	boolean        // true or false
	instant        // a time
	uid            // an identifier
	belongs        // a list of identifiers; SQL has one %s for the one that is looked for
	fixed          // the text that SQL is, which no row changes
)

// attribute is what can be filtered by: an SQL expression that is never NULL. Equal is the condition to be equal to %s, where an index
// knows another one than the expression.
type attribute struct {
	kind       int
	sql, equal string
}

// The attributes of people (m) and groups (t) by their lower-case names.
var (
	personAttributes = map[string]attribute{ //nolint:gochecknoglobals // A constant table.
		"id":                {kind: uid, sql: "m.membership_id"},
		"externalid":        {kind: exact, sql: "m.external_id"},
		"username":          {sql: "lower(coalesce(m.user_name, m.email))", equal: "(m.called = %[1]s OR m.called IS NULL AND m.email = %[1]s)"},
		"displayname":       {sql: "lower(m.name)"},
		"name.formatted":    {sql: "lower(m.name)"},
		"name.givenname":    {sql: "lower(m.given_name)"},
		"name.familyname":   {sql: "lower(m.family_name)"},
		"title":             {sql: "lower(m.title)"},
		"preferredlanguage": {sql: "lower(m.locale)"},
		"locale":            {sql: "lower(m.locale)"},
		"active":            {kind: boolean, sql: "m.state <> 'left'"},
		"emails":            {sql: "m.email"},
		"emails.value":      {sql: "m.email"},
		"emails.type":       {kind: fixed, sql: "work"},
		"emails.primary":    {kind: boolean, sql: "true"},
		"groups":            {kind: belongs, sql: memberOf},
		"groups.value":      {kind: belongs, sql: memberOf},
		"meta.created":      {kind: instant, sql: "m.created_at"},
		"meta.lastmodified": {kind: instant, sql: "coalesce(m.changed_at, m.created_at)"},
	}
	groupAttributes = map[string]attribute{ //nolint:gochecknoglobals // A constant table.
		"id":                {kind: uid, sql: "t.team_id"},
		"externalid":        {kind: exact, sql: "t.external"},
		"displayname":       {sql: "lower(t.name)"},
		"members":           {kind: belongs, sql: hasMember},
		"members.value":     {kind: belongs, sql: hasMember},
		"members.type":      {kind: fixed, sql: "user"},
		"meta.created":      {kind: instant, sql: "t.created_at"},
		"meta.lastmodified": {kind: instant, sql: "coalesce(t.changed_at, t.created_at)"},
	}
)

const (
	memberOf  = `EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = m.org_id AND x.membership_id = m.membership_id%s)`
	hasMember = `EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = t.org_id AND x.team_id = t.team_id%s)`
)

// What a filter may be at most: a provider's have a few terms.
const (
	filterLength = 2000
	filterDepth  = 10
	filterTerms  = 50
)

// compileFilter turns a filter into what comes after WHERE …, beginning with AND, and its values, which follow args. Only names of the
// table get into the SQL.
func compileFilter(expression string, of map[string]attribute, args []any) (string, []any, error) {
	if strings.TrimSpace(expression) == "" {
		return "", args, nil
	}
	if len(expression) > filterLength || depth(expression) > filterDepth {
		return "", nil, errs.Say(errs.Malformed, "provision.bad.filter_long")
	}
	e, err := filter.ParseFilter([]byte(expression))
	if err != nil {
		return "", nil, &errs.Error{Kind: errs.Malformed, Key: "provision.bad.filter", Err: err}
	}
	w := where{of: of, args: args}
	sql, err := w.expression(e, "")
	if err != nil {
		return "", nil, err
	}
	return " AND (" + sql + ")", w.args, nil
}

// depth is how many brackets are open at once, text left out.
func depth(s string) (most int) {
	open, text := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '(' || c == '[':
			open++
			most = max(most, open)
		case c == ')' || c == ']':
			open--
		}
	}
	return most
}

type where struct {
	of    map[string]attribute
	args  []any
	terms int
}

func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
}

func (w *where) expression(e filter.Expression, in string) (string, error) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		left, err := w.expression(e.Left, in)
		if err != nil {
			return "", err
		}
		right, err := w.expression(e.Right, in)
		if err != nil {
			return "", err
		}
		if e.Operator == filter.AND {
			return "(" + left + " AND " + right + ")", nil
		}
		return "(" + left + " OR " + right + ")", nil
	case *filter.NotExpression:
		inner, err := w.expression(e.Expression, in)
		return "NOT (" + inner + ")", err
	case *filter.ValuePath:
		return w.expression(e.ValueFilter, e.AttributePath.AttributeName)
	case *filter.AttributeExpression:
		name := e.AttributePath.AttributeName
		if e.AttributePath.SubAttribute != nil {
			name += "." + *e.AttributePath.SubAttribute
		}
		if in != "" {
			name = in + "." + name
		}
		if w.terms++; w.terms > filterTerms {
			return "", errs.Say(errs.Malformed, "provision.bad.filter_long")
		}
		return w.term(name, e.Operator, e.CompareValue)
	}
	return "", errs.New(errs.Malformed, "filter expression %T", e)
}

func (w *where) term(name string, op filter.CompareOperator, value any) (string, error) {
	a, ok := w.of[strings.ToLower(name)]
	bad := errs.Say(errs.Malformed, "provision.bad.filter_term", "Attribute", name, "Operator", string(op))
	if !ok {
		return "", errs.Say(errs.Malformed, "provision.bad.filter_attribute", "Attribute", name)
	}
	text, isText := value.(string)
	if isText {
		// The parser leaves escapes as they are.
		if err := json.Unmarshal([]byte(`"`+text+`"`), &text); err != nil || strings.ContainsRune(text, 0) {
			return "", bad
		}
	}
	if value == nil && op == filter.EQ || value == nil && op == filter.NE {
		present, err := w.present(a)
		if op == filter.EQ {
			present = "NOT (" + present + ")"
		}
		return present, err
	}
	if op == filter.PR {
		return w.present(a)
	}
	switch a.kind {
	case boolean:
		is, ok := value.(bool)
		if isText {
			is, ok = strings.EqualFold(text, "true"), strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
		}
		if !ok || op != filter.EQ && op != filter.NE {
			return "", bad
		}
		return fmt.Sprintf("(%s) = %s::boolean", a.sql, w.arg(is == (op == filter.EQ))), nil
	case uid, belongs:
		if !isText || op != filter.EQ && op != filter.NE {
			return "", bad
		}
		sql := "false" // What is no identifier is nobody's.
		if v, err := id.Parse[id.Any](text); err == nil {
			switch {
			case a.kind == uid:
				sql = a.sql + " = " + w.arg(v.UUID)
			case strings.HasPrefix(strings.ToLower(name), "groups"):
				sql = fmt.Sprintf(a.sql, " AND x.team_id = "+w.arg(v.UUID))
			default:
				sql = fmt.Sprintf(a.sql, " AND x.membership_id = "+w.arg(v.UUID))
			}
		}
		if op == filter.NE {
			sql = "NOT (" + sql + ")"
		}
		return sql, nil
	case instant:
		at, err := time.Parse(time.RFC3339, text)
		sign, ok := signs[op]
		if err != nil || !ok {
			return "", bad
		}
		return a.sql + sign + w.arg(at), nil
	}
	if !isText {
		return "", bad
	}
	sql := a.sql
	if a.kind != exact {
		text = strings.ToLower(text)
	}
	if a.kind == fixed {
		sql = w.arg(a.sql) + "::text"
	}
	switch {
	case op == filter.CO, op == filter.SW, op == filter.EW:
		pattern := db.EscapeLike(text)
		if op != filter.SW {
			pattern = "%" + pattern
		}
		if op != filter.EW {
			pattern += "%"
		}
		return sql + " LIKE " + w.arg(pattern), nil
	case op == filter.EQ && a.equal != "":
		return fmt.Sprintf(a.equal, w.arg(text)), nil
	}
	sign, ok := signs[op]
	if !ok {
		return "", bad
	}
	return sql + sign + w.arg(text), nil
}

var signs = map[filter.CompareOperator]string{ //nolint:gochecknoglobals // A constant table.
	filter.EQ: " = ", filter.NE: " <> ", filter.GT: " > ", filter.GE: " >= ", filter.LT: " < ", filter.LE: " <= ",
}

func (w *where) present(a attribute) (string, error) {
	switch a.kind {
	case folded, exact:
		return a.sql + " <> ''", nil
	case belongs:
		return fmt.Sprintf(a.sql, ""), nil
	}
	return "true", nil
}
