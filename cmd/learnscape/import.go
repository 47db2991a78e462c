package main

import (
	"context"
	"errors"
	"flag"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/courses"
)

// runImport takes a folder of Markdown into an organization as a course. Run again with changes it makes the next version;
// without changes it makes none.
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
		if report.Fresh {
			e.printf("%s: version %d with %d lessons and %d files, %d findings\n", report.Item.Title, report.Version, report.Lessons, report.Files, len(report.Findings))
		} else {
			e.printf("%s: unchanged, version %d stays\n", report.Item.Title, report.Version)
		}
		return p.Relay.Drain(ctx)
	})
}
