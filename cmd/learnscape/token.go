package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/authz"
)

// runToken makes an API token for a member and prints it; it is not shown again.
func runToken(ctx context.Context, e *env, args []string) error {
	if len(args) == 0 || args[0] != "create" {
		return usageError{errors.New("use: learnscape token " + commands()["token"].usage)}
	}
	var org, email, scopes, name string
	var days int
	if _, err := e.flags("token create", args[1:], func(fs *flag.FlagSet) {
		fs.StringVar(&org, "org", "", "")
		fs.StringVar(&email, "email", "", "")
		fs.StringVar(&scopes, "scope", "", "")
		fs.StringVar(&name, "name", "learnscape token create", "")
		fs.IntVar(&days, "days", 90, "")
	}); err != nil {
		return err
	}
	if org == "" || email == "" || days < 1 || days > 366 {
		return usageError{errors.New("--org, --email and --scope are needed, --days is 1 to 366")}
	}
	of := list(scopes)
	if len(of) == 0 || slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(authz.TokenScopes(), s) }) {
		return usageError{fmt.Errorf("--scope takes %s, separated by commas", strings.Join(authz.TokenScopes(), ", "))}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		ctx, err := asOperator(ctx, p, cfg, org)
		if err != nil {
			return err
		}
		token, err := p.Auth.CreateToken(ctx, auth.NewToken{Email: email, Name: name, Scopes: of, Expires: time.Now().AddDate(0, 0, days)})
		if err != nil {
			return err
		}
		e.printf("%s\n", token.Reveal())
		return nil
	})
}
