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
		ctx, _, err := asOperator(ctx, p, cfg, org)
		if err != nil {
			return err
		}
		report, err := p.Courses.ImportFolder(ctx, courses.ImportOptions{Dir: fs.Arg(0), Collections: split(collections)})
		if err != nil {
			return err
		}
		e.printf("%s", report.String())
		return p.Relay.Drain(ctx)
	})
}
