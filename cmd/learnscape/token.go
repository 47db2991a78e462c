package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
)

// runToken makes an API token for a member and prints it; it is not shown again.
func runToken(ctx context.Context, e *env, args []string) error {
	if len(args) == 0 || args[0] != "create" {
		return usageError{errors.New("use: learnscape token " + commands()["token"].usage)}
	}
	var org, email, scopes string
	var days int
	if _, err := e.flags("token create", args[1:], func(fs *flag.FlagSet) {
		fs.StringVar(&org, "org", "", "")
		fs.StringVar(&email, "email", "", "")
		fs.StringVar(&scopes, "scope", "", "")
		fs.IntVar(&days, "days", 90, "")
	}); err != nil {
		return err
	}
	if org == "" || email == "" || scopes == "" || days < 1 || days > 366 {
		return usageError{errors.New("--org, --email and --scope are needed, --days is 1 to 366")}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		ctx, err := asOperator(ctx, p, cfg, org)
		if err != nil {
			return err
		}
		token, err := p.Auth.CreateToken(ctx, email, list(scopes), time.Now().AddDate(0, 0, days))
		if err != nil {
			return err
		}
		e.printf("%s\n", token.Reveal())
		return nil
	})
}
