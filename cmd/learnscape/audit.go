package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/ledger"
)

// runAudit is what an operator or an auditor does with the sealed logs: verify them, list or change the keys that sign, take an
// organization's log away.
func runAudit(ctx context.Context, e *env, args []string) error {
	use := usageError{errors.New("use: learnscape audit " + commands()["audit"].usage)}
	if len(args) == 0 {
		return use
	}
	var org, file, with, known string
	var rotate bool
	fs, err := e.flags("audit "+args[0], args[1:], func(fs *flag.FlagSet) {
		switch args[0] {
		case "verify":
			fs.StringVar(&org, "org", "", "")
			fs.StringVar(&file, "file", "", "")
			fs.StringVar(&with, "with", "", "")
			fs.StringVar(&known, "key", "", "")
		case "export":
			fs.StringVar(&org, "org", "", "")
			fs.StringVar(&file, "file", "", "")
		case "keys":
			fs.BoolVar(&rotate, "rotate", false, "")
		}
	})
	if err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return use
	case args[0] == "verify" && file != "":
		return e.verifyFile(file, with, list(known))
	case args[0] == "verify" && with == "" && known == "":
		return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error { return e.verifyLogs(ctx, p, cfg, org) })
	case args[0] == "keys":
		return e.withPortal(ctx, func(p *portal.Portal, _ Config) error { return e.auditKeys(ctx, p, rotate) })
	case args[0] == "export" && org != "":
		return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
			ctx, err := asOperator(ctx, p, cfg, org)
			if err != nil {
				return err
			}
			return e.exportLog(ctx, p, file)
		})
	}
	return use
}

// verifyLogs checks the logs in the database, of one organization or of all.
func (e *env) verifyLogs(ctx context.Context, p *portal.Portal, cfg Config, slug string) error {
	var orgs []tenants.Organization
	if slug != "" {
		o, err := p.Tenants.ByHost(scope.Enter(ctx, scope.Scope{Actor: scope.Visitor}), slug+"."+cfg.BaseURL.Host)
		if err != nil {
			return fmt.Errorf("there is no organization %q: %w", slug, err)
		}
		orgs = append(orgs, o)
	} else {
		var err error
		if orgs, err = p.Sealer.Logs(scope.Enter(ctx, scope.System(scope.Operator, id.Org{}))); err != nil {
			return err
		}
	}
	wrong := 0
	for _, o := range orgs {
		st, err := p.Sealer.Verify(scope.Enter(ctx, scope.System(scope.Operator, o.OrgID)))
		if f, ok := errors.AsType[*ledger.Fault](err); ok {
			wrong++
			e.printf("✗ %s: %s\n", o.Slug, f.Error())
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.Slug, err)
		}
		until := "never"
		if st.Until != nil {
			until = st.Until.UTC().Format(time.RFC3339)
		}
		e.printf("✓ %s: %d lines under %d seals, sealed up to %s, %d waiting\n", o.Slug, st.Lines, st.Seals, until, st.Waiting)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d logs are not what was sealed", wrong, len(orgs))
	}
	return nil
}

// verifyFile checks an export and, if another is named, holds the two against each other. It needs no database.
func (e *env) verifyFile(file, with string, known []string) error {
	l, err := e.readLog(file, known)
	if err != nil || with == "" {
		return err
	}
	other, err := e.readLog(with, known)
	if err != nil {
		return err
	}
	n, err := ledger.Compare(l, other)
	if err != nil {
		return err
	}
	if l.Org == other.Org {
		e.printf("✓ the first %d lines are the same in both\n", n)
	} else {
		e.printf("✓ %d moves between %s and %s are the same in both\n", n, l.Slug, other.Slug)
	}
	return nil
}

func (e *env) readLog(name string, known []string) (*ledger.Log, error) {
	f, err := os.Open(name) //nolint:gosec // The operator names it.
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // Only read.
	l, err := ledger.Read(f, known...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	e.printf("✓ %s: %d lines under %d seals, sealed up to %s\n", l.Slug, l.Lines, l.Seals, l.Until.UTC().Format(time.RFC3339))
	if len(known) == 0 {
		e.printf("  signed by %s: compare it with what `learnscape audit keys` says, or name it with --key\n", strings.Join(l.Keys, ", "))
	}
	return l, nil
}

// auditKeys lists the keys that sign seals, the present one first, after making a new one if that is asked for.
func (e *env) auditKeys(ctx context.Context, p *portal.Portal, rotate bool) error {
	ctx = scope.Enter(ctx, scope.System(scope.Operator, id.Org{}))
	if rotate {
		if _, err := p.Sealer.Rotate(ctx); err != nil {
			return err
		}
	}
	keys, err := p.Sealer.Keys(ctx)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		e.printf("there is no key yet: the first seal makes it\n")
	}
	for i, k := range keys {
		word := "earlier"
		if i == 0 {
			word = "signs"
		}
		e.printf("%s  %-7s  since %s  Ed25519 %s\n", k.ID, word, k.Made.UTC().Format(time.RFC3339), base64.StdEncoding.EncodeToString(k.Public))
	}
	return nil
}

func (e *env) exportLog(ctx context.Context, p *portal.Portal, file string) error {
	send, err := p.Tenants.ExportLog(ctx)
	if err != nil {
		return err
	}
	if file == "" {
		return send(ctx, e.stdout)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // The operator names it.
	if err != nil {
		return err
	}
	return errors.Join(send(ctx, f), f.Close())
}
