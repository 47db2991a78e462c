package scim

import (
	"slices"
	"strings"

	filter "github.com/scim2/filter-parser/v2"

	"github.com/learnscape/learnscape/internal/errs"
)

const pathMost = 500 // letters

// target is where a step of a PATCH leads: an attribute, the condition on its values if there is one, and a sub-attribute. Names are in
// lower case.
type target struct {
	name, sub string
	only      filter.Expression
}

// foreign is what stands in a schema that is not kept.
var foreign = target{name: "urn:"} //nolint:gochecknoglobals // A constant.

// parsePath reads a path with or without its schema: "name.familyName", "emails[type eq \"work\"].value", "urn:…:User:title".
func parsePath(path, schema string) (target, error) {
	rest := path
	if len(path) >= 4 && strings.EqualFold(path[:4], "urn:") {
		if len(path) <= len(schema) || !strings.EqualFold(path[:len(schema)], schema) || path[len(schema)] != ':' {
			return foreign, nil
		}
		rest = path[len(schema)+1:]
	}
	bad := errs.Say(errs.Malformed, "provision.bad.path", "Path", path)
	if rest == "" || len(rest) > pathMost || strings.Count(rest, "(")+strings.Count(rest, "[") > 10 {
		return target{}, errs.Say(errs.Malformed, "provision.bad.path", "Path", path[:min(len(path), 60)])
	}
	p, err := filter.ParsePath([]byte(rest))
	if err != nil {
		return target{}, bad
	}
	t := target{name: strings.ToLower(p.AttributePath.AttributeName), sub: strings.ToLower(p.AttributePath.SubAttributeName()), only: p.ValueExpression}
	if p.SubAttribute != nil {
		t.sub = strings.ToLower(*p.SubAttribute)
	}
	return t, nil
}

// text is a value that has to be text; nil is the empty one.
func text(name string, value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case []any: // A single value in a list.
		if len(v) == 1 {
			return text(name, v[0])
		}
	case map[string]any:
		if x := field(v, "value"); x != nil {
			return text(name, x)
		}
	}
	return "", badValue(name)
}

// truth is a value that has to be true or false; Entra writes "True" and "False".
func truth(name string, value any) (bool, error) {
	if b, ok := value.(bool); ok {
		return b, nil
	}
	s, err := text(name, value)
	if err == nil && strings.EqualFold(s, "true") || strings.EqualFold(s, "false") {
		return strings.EqualFold(s, "true"), nil
	}
	return false, badValue(name)
}

func badValue(attribute string) error {
	return errs.Say(errs.Malformed, "provision.bad.value", "Attribute", attribute)
}

func readOnly(attribute string) error {
	return errs.Say(errs.Malformed, "provision.bad.read_only", "Attribute", attribute)
}

// holds reports whether a value with these sub-attributes, in lower case, is one of those that the condition is about.
func holds(e filter.Expression, of map[string]string) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *filter.LogicalExpression:
		if e.Operator == filter.AND {
			return holds(e.Left, of) && holds(e.Right, of)
		}
		return holds(e.Left, of) || holds(e.Right, of)
	case *filter.NotExpression:
		return !holds(e.Expression, of)
	case *filter.AttributeExpression:
		is, known := of[strings.ToLower(e.AttributePath.AttributeName)]
		want := ""
		switch v := e.CompareValue.(type) {
		case string:
			want = v
		case bool:
			want = "false"
			if v {
				want = "true"
			}
		}
		if e.Operator == filter.NE {
			return !strings.EqualFold(is, want)
		}
		// What is compared in another way is about none.
		return known && (e.Operator == filter.PR || e.Operator == filter.EQ && strings.EqualFold(is, want))
	}
	return false
}

// named are the values that a condition like value eq "a" or value eq "b" names; ok is false for any other condition.
func named(e filter.Expression) (out []string, ok bool) {
	switch e := e.(type) {
	case *filter.LogicalExpression:
		left, ok := named(e.Left)
		right, too := named(e.Right)
		return slices.Concat(left, right), ok && too && e.Operator == filter.OR
	case *filter.AttributeExpression:
		v, isText := e.CompareValue.(string)
		return []string{v}, isText && e.Operator == filter.EQ && strings.EqualFold(e.AttributePath.AttributeName, "value")
	}
	return nil, false
}
