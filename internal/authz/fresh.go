package authz

import (
	"context"
	"errors"
	"time"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
)

// FreshFor is how long after somebody showed who they are they may do what is dangerous: change how people come in and what they may,
// take data out, erase.
const FreshFor = 5 * time.Minute

// ErrNotFresh means that whoever is signed in has to show once more who they are.
var ErrNotFresh = errors.New("a fresh sign-in is needed")

type shownKey struct{}

// WithShown returns a context that knows when whoever acts showed who they are; auth calls it with the request's session.
func WithShown(ctx context.Context, at time.Time) context.Context {
	return context.WithValue(ctx, shownKey{}, at)
}

// Fresh returns ErrNotFresh, as Forbidden, unless whoever acts showed who they are within FreshFor before now. The command line shows it
// by being there; a token never does.
func Fresh(ctx context.Context, now time.Time) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	at, ok := ctx.Value(shownKey{}).(time.Time)
	if s.Actor == scope.Operator && s.Operator.IsZero() || ok && !at.Before(now.Add(-FreshFor)) {
		return nil
	}
	return &errs.Error{Kind: errs.Forbidden, Key: "door.not_fresh", Err: ErrNotFresh}
}
