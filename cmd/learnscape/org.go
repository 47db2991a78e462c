package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui/brand"
)

// runOrg creates an organization and, if an address is named, its first administrator.
func runOrg(ctx context.Context, e *env, args []string) error {
	if len(args) == 0 || args[0] != "create" {
		return usageError{errors.New("use: learnscape org " + commands()["org"].usage)}
	}
	n := tenants.NewOrganization{SignIn: "email", Locale: "en"}
	var domain, admin string
	if _, err := e.flags("org create", args[1:], func(fs *flag.FlagSet) {
		fs.StringVar(&n.Slug, "slug", "", "")
		fs.StringVar(&n.Name, "name", "", "")
		fs.StringVar(&n.Color, "color", "#2855ad", "")
		fs.StringVar(&domain, "domain", "", "")
		fs.StringVar(&admin, "admin", "", "")
	}); err != nil {
		return err
	}
	if n.Slug == "" || n.Name == "" {
		return usageError{errors.New("--slug and --name are needed; use: learnscape org " + commands()["org"].usage)}
	}
	if _, _, err := brand.Roles(n.Color); err != nil {
		return usageError{fmt.Errorf("--color: %w", err)}
	}
	n.Hue, n.Chroma = brand.HueChroma(n.Color)
	n.Short = string([]rune(n.Name)[:min(2, len([]rune(n.Name)))])
	if domain != "" {
		n.Domains = []string{domain}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		n.OrgID = id.New[id.Org]()
		ctx := scope.Enter(ctx, scope.System(scope.Operator, n.OrgID))
		o, err := p.Tenants.CreateOrganization(ctx, n)
		if err != nil {
			return err
		}
		if admin != "" {
			if err := p.DB.Tx(ctx, func(tx *db.Tx) error {
				_, err := tenants.AddMember(tx, tenants.NewMember{Email: admin, Roles: []scope.Role{scope.Administrator}})
				return err
			}); err != nil {
				return err
			}
		}
		e.printf("%s lives at %s://%s.%s\n", o.Name, cfg.BaseURL.Scheme, o.Slug, cfg.BaseURL.Host)
		return nil
	})
}

// withPortal opens the portal as configured for a command that changes something, and closes it.
func (e *env) withPortal(ctx context.Context, fn func(*portal.Portal, Config) error) error {
	cfg, err := load(e.getenv, serveNeeds()...)
	if err != nil {
		return err
	}
	p, err := open(ctx, e, cfg)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := refuseOlder(ctx, p.DB); err != nil {
		return err
	}
	return fn(p, cfg)
}

// asOperator returns a context in which the operator acts for the organization with the slug.
func asOperator(ctx context.Context, p *portal.Portal, cfg Config, slug string) (context.Context, error) {
	visitor := scope.Enter(ctx, scope.Scope{Actor: scope.Visitor})
	o, err := p.Tenants.ByHost(visitor, slug+"."+cfg.BaseURL.Host)
	if err != nil {
		return nil, fmt.Errorf("there is no organization %q: %w", slug, err)
	}
	return scope.Enter(ctx, scope.System(scope.Operator, o.OrgID)), nil
}
