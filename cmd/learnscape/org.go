package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui/brand"
)

// runOrg creates an organization or changes the state of one.
func runOrg(ctx context.Context, e *env, args []string) error {
	verbs := map[string]func(context.Context, *env, []string) error{"create": createOrg, "suspend": suspendOrg, "resume": resumeOrg, "erase": eraseOrg, "limits": limitOrg, "export": exportOrg}
	if len(args) == 0 || verbs[args[0]] == nil {
		return usageError{errors.New("use: learnscape org " + commands()["org"].usage)}
	}
	return verbs[args[0]](ctx, e, args[1:])
}

// suspendOrg shuts an organization out; running processes know it on their next request.
func suspendOrg(ctx context.Context, e *env, args []string) error {
	return e.onOrg(ctx, "suspend", args, "%s is suspended: nobody of it gets in and nothing of it is open to others\n", func(ctx context.Context, p *portal.Portal, reason string) error {
		return p.Tenants.Suspend(ctx, reason)
	})
}

// resumeOrg lets a suspended organization in again.
func resumeOrg(ctx context.Context, e *env, args []string) error {
	return e.onOrg(ctx, "resume", args, "%s is back\n", func(ctx context.Context, p *portal.Portal, reason string) error {
		return p.Tenants.Reinstate(ctx, reason)
	})
}

// limitOrg says how much an organization may have; a limit that is not named stays.
func limitOrg(ctx context.Context, e *env, args []string) error {
	var slug string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		slug, args = args[0], args[1:]
	}
	var n tenants.NewQuota
	count := func(to **int) func(string) error {
		return func(v string) error {
			i, err := strconv.Atoi(v)
			if err == nil && i < 0 {
				err = errors.New("less than nothing")
			}
			*to = &i
			return err
		}
	}
	var gigabytes *int
	if _, err := e.flags("org limits", args, func(fs *flag.FlagSet) {
		fs.Func("storage", "", count(&gigabytes))
		fs.Func("people", "", count(&n.People))
		fs.Func("invitations-hour", "", count(&n.InvitesHour))
		fs.Func("invitations-month", "", count(&n.InvitesMonth))
	}); err != nil {
		return err
	}
	if slug == "" {
		return usageError{errors.New("the organization's slug is needed; use: learnscape org " + commands()["org"].usage)}
	}
	if gigabytes != nil {
		b := int64(*gigabytes) << 30
		n.Storage = &b
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		ctx, err := asOperator(ctx, p, cfg, slug)
		if err != nil {
			return err
		}
		return p.Tenants.SetQuota(ctx, n)
	})
}

// exportOrg writes everything that an organization owns into a file, whatever its state. Ended in between, it leaves none.
func exportOrg(ctx context.Context, e *env, args []string) error {
	var slug, file string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		slug, args = args[0], args[1:]
	}
	if _, err := e.flags("org export", args, func(fs *flag.FlagSet) { fs.StringVar(&file, "out", "", "") }); err != nil {
		return err
	}
	if slug == "" || file == "" {
		return usageError{errors.New("the organization's slug and --out are needed; use: learnscape org " + commands()["org"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) (err error) {
		ctx, err := asOperator(ctx, p, cfg, slug)
		if err != nil {
			return err
		}
		who, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if err := p.DB.Tx(ctx, func(tx *db.Tx) error {
			return tenants.Audit(tx, "organization.exported", "organization:"+slug, map[string]string{"by": "operator"})
		}); err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // The operator names it.
		if err != nil {
			return err
		}
		defer func() {
			if err != nil {
				_ = os.Remove(file)
			}
		}()
		if err := errors.Join(p.Keeper.HandOut(scope.Enter(ctx, scope.System(scope.Keeper, who.Org)), f, func(int, int) error { return nil }), f.Close()); err != nil {
			return err
		}
		e.printf("everything that %s owns is in %s\n", slug, file)
		return nil
	})
}

// eraseOrg erases an organization now, whatever its state. Ended in between, it goes on where it stopped when it is called again.
func eraseOrg(ctx context.Context, e *env, args []string) error {
	var slug, confirm string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		slug, args = args[0], args[1:]
	}
	if _, err := e.flags("org erase", args, func(fs *flag.FlagSet) { fs.StringVar(&confirm, "confirm", "", "") }); err != nil {
		return err
	}
	if slug == "" || confirm != slug {
		return usageError{errors.New("erasing cannot be undone: say the organization's slug again after --confirm; use: learnscape org " + commands()["org"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		ctx, err := asOperator(ctx, p, cfg, slug)
		if err != nil {
			return err
		}
		who, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if err := p.Tenants.GiveUp(ctx); err != nil {
			return err
		}
		if err := p.Tenants.Erase(scope.Enter(ctx, scope.System(scope.Keeper, who.Org))); err != nil {
			return err
		}
		e.printf("%s is erased\n", slug)
		return nil
	})
}

// onOrg runs a command of the form "VERB SLUG --reason TEXT" as the operator for the organization.
func (e *env) onOrg(ctx context.Context, verb string, args []string, done string, do func(context.Context, *portal.Portal, string) error) error {
	var slug, reason string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		slug, args = args[0], args[1:]
	}
	if _, err := e.flags("org "+verb, args, func(fs *flag.FlagSet) { fs.StringVar(&reason, "reason", "", "") }); err != nil {
		return err
	}
	if slug == "" || strings.TrimSpace(reason) == "" {
		return usageError{errors.New("the organization's slug and --reason are needed; use: learnscape org " + commands()["org"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		ctx, err := asOperator(ctx, p, cfg, slug)
		if err != nil {
			return err
		}
		if err := do(ctx, p, reason); err != nil {
			return fmt.Errorf("%s %s: %w", verb, slug, err)
		}
		e.printf(done, slug)
		return nil
	})
}

// createOrg creates an organization and, if an address is named, its first administrator.
func createOrg(ctx context.Context, e *env, args []string) error {
	n := tenants.NewOrganization{SignIn: "email", Locale: "en"}
	var domain, admin string
	if _, err := e.flags("org create", args, func(fs *flag.FlagSet) {
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
		o, err := p.Tenants.Found(ctx, n, tenants.Founder{Email: admin})
		if err != nil {
			return err
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

// asOperator returns a context in which the operator acts for the organization with the slug, in whatever state it is.
func asOperator(ctx context.Context, p *portal.Portal, cfg Config, slug string) (context.Context, error) {
	visitor := scope.Enter(ctx, scope.Scope{Actor: scope.Visitor})
	o, err := p.Tenants.AtHost(visitor, slug+"."+cfg.BaseURL.Host)
	if err != nil {
		return nil, fmt.Errorf("there is no organization %q: %w", slug, err)
	}
	return scope.Enter(ctx, scope.System(scope.Operator, o.OrgID)), nil
}
