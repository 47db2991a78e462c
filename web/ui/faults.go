package ui

import (
	"context"
	"errors"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
)

// Faults is what is wrong in a form, in the order of its fields.
type Faults []Fault

// FaultsOf says in words what is wrong with the fields.
func FaultsOf(ctx context.Context, fields []errs.Field) Faults {
	out := make(Faults, 0, len(fields))
	for _, f := range fields {
		out = append(out, Fault{ID: f.Name, Text: lang.T(ctx, f.Key, f.Args...)})
	}
	return out
}

// FaultsIn says in words which fields an error names; none for an error that is about something else.
func FaultsIn(ctx context.Context, err error) Faults {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return nil
	}
	return FaultsOf(ctx, e.Fields)
}

// Of is what is wrong with one field; "" for nothing.
func (f Faults) Of(field string) string {
	for _, x := range f {
		if x.ID == field {
			return x.Text
		}
	}
	return ""
}
