package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
)

// runImport takes what a folder or a zip archive holds into an organization: a course, or what was exported. Run again with changes it makes
// the next version; without changes it makes none.
func runImport(ctx context.Context, e *env, args []string) error {
	var org, collections string
	fs, err := e.flags("import", args, func(fs *flag.FlagSet) {
		fs.StringVar(&org, "org", "", "")
		fs.StringVar(&collections, "collection", "", "")
	})
	if err != nil {
		return err
	}
	if org == "" || fs.NArg() != 1 {
		return usageError{errors.New("use: learnscape import " + commands()["import"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		ctx, err := asOperator(ctx, p, cfg, org)
		if err != nil {
			return err
		}
		report, err := p.Courses.ImportFolder(ctx, courses.ImportOptions{Dir: fs.Arg(0), Collections: list(collections)})
		if err != nil {
			return err
		}
		for _, f := range report.Findings {
			e.printf("%s\n", f)
		}
		for _, it := range report.Items {
			if it.Fresh {
				e.printf("%s: version %d\n", it.Item.Title, it.Version)
			} else {
				e.printf("%s: unchanged, version %d stays\n", it.Item.Title, it.Version)
			}
		}
		e.printf("%d lessons and %d files, %d findings\n", report.Lessons, report.Files, len(report.Findings))
		return p.Relay.Drain(ctx)
	})
}

// runExport writes a published course or path of an organization as a zip archive that imports back without loss, or all of them.
func runExport(ctx context.Context, e *env, args []string) error {
	var org, out, item string
	fs, err := e.flags("export", args, func(fs *flag.FlagSet) {
		fs.StringVar(&org, "org", "", "")
		fs.StringVar(&out, "out", "", "")
		fs.StringVar(&item, "item", "", "")
	})
	if err != nil {
		return err
	}
	var it id.Item
	if item != "" {
		if it, err = id.Parse[id.Item](item); err != nil {
			return usageError{fmt.Errorf("the item is named by the number in its address: %w", err)}
		}
	}
	if org == "" || out == "" || fs.NArg() != 0 {
		return usageError{errors.New("use: learnscape export " + commands()["export"].usage)}
	}
	return e.withPortal(ctx, func(p *portal.Portal, cfg Config) error {
		ctx, err := asOperator(ctx, p, cfg, org)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // Whoever runs the command names the file.
		if err != nil {
			return err
		}
		if _, err := p.Courses.Export(ctx, it, f); err != nil {
			return errors.Join(err, f.Close(), os.Remove(out))
		}
		return f.Close()
	})
}
