package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

// runSecrets puts everything that is sealed under the first key of LEARNSCAPE_KEYS, so that the others can be taken out. The portal may
// run meanwhile, with the same keys; a call that was broken off is made again.
func runSecrets(ctx context.Context, e *env, args []string) error {
	if len(args) != 1 || args[0] != "rotate" {
		return usageError{errors.New("use: learnscape secrets " + commands()["secrets"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		keys, err := secret.ParseKeyring(cfg.Keys.Reveal())
		if err != nil {
			return err
		}
		n, err := p.Sealer.Reseal(scope.Enter(ctx, scope.System(scope.Sealer, id.Org{})))
		if err != nil {
			return err
		}
		orgs, err := p.Sealer.Logs(scope.Enter(ctx, scope.System(scope.Operator, id.Org{})))
		if err != nil {
			return err
		}
		closed := 0
		for _, o := range orgs {
			done, err := p.Auth.Reseal(scope.Enter(ctx, scope.System(scope.Operator, o.OrgID)))
			n += done
			signs, serr := p.Courses.Reseal(scope.Enter(ctx, scope.System(scope.Operator, o.OrgID)))
			n += signs
			err = errors.Join(err, serr)
			if errors.Is(err, secret.ErrSealed) {
				closed++
				e.printf("✗ %s: %v\n", o.Slug, err)
			} else if err != nil {
				return fmt.Errorf("%s: %w", o.Slug, err)
			}
		}
		e.printf("%d values of %d organizations are now under the key %s\n", n, len(orgs), keys.Primary())
		if closed > 0 {
			return fmt.Errorf("%d organizations have values that no key opens: leave the other keys where they are, or set those secrets anew", closed)
		}
		e.printf("nothing is under another key: the others can be taken out of LEARNSCAPE_KEYS once every process runs with this one first\n")
		return nil
	})
}
