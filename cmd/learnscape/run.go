package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// usageError is a call that was misspelled; the process ends with 2.
type usageError struct{ error }

// env is what a command has of the world.
type env struct {
	getenv         func(string) string
	stdout, stderr io.Writer
	log            *slog.Logger
}

type command struct {
	usage string // after the name
	about string // one line
	run   func(context.Context, *env, []string) error
}

func commands() map[string]command {
	return map[string]command{
		"demo":     {"[--data DIR] [--listen ADDR] [--idp-listen ADDR] [--reset]", "start the demonstration world with everything it needs", runDemo},
		"serve":    {"", "serve the portal; configuration comes from LEARNSCAPE_* (see config)", runServe},
		"migrate":  {"[--bootstrap] [--partitions]", "bring the database up to date as its owner", runMigrate},
		"import":   {"--org SLUG [--collection SLUG[,SLUG]] DIR|ZIP", "import a folder or an archive of lessons, or what was exported", runImport},
		"export":   {"--org SLUG [--item ID] --out FILE", "write a course, a path or all of an organization's as an archive that imports back", runExport},
		"org":      {"create --slug SLUG --name NAME [--color #RRGGBB] [--domain DOMAIN] [--admin EMAIL] | suspend SLUG --reason TEXT | resume SLUG --reason TEXT | limits SLUG [--storage GIB] [--people N] [--invitations-hour N] [--invitations-month N] | export SLUG --out FILE | erase SLUG --confirm SLUG", "create an organization, limit it, shut it out and let it in again, take out what it owns, or erase it", runOrg},
		"search":   {"reindex [--org SLUG]", "build the search index again", runSearch},
		"audit":    {"verify [--org SLUG] | verify --file EXPORT [--with EXPORT] [--key ID[,ID]] | export --org SLUG [--file FILE] | keys [--rotate]", "verify the sealed logs, take one away, list the keys that sign", runAudit},
		"secrets":  {"rotate", "put everything that is sealed under the first key of LEARNSCAPE_KEYS", runSecrets},
		"operator": {"code", "print a code with which somebody becomes an operator", runOperator},
		"doctor":   {"", "check the configuration and everything that it names", runDoctor},
		"token":    {"create --org SLUG --email ADDRESS --scope SCOPE[,SCOPE] [--name NAME] [--days N]", "make an API token for a member", runToken},
		"config":   {"", "print every configuration key with its default and meaning", runConfig},
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	usual := slog.LevelInfo
	if len(args) > 0 && args[0] == "demo" {
		usual = slog.LevelWarn // Its console says where to go and who is there.
	}
	level := usual
	if err := level.UnmarshalText([]byte(getenv("LEARNSCAPE_LOG"))); err != nil {
		level = usual
	}
	e := &env{getenv: getenv, stdout: stdout, stderr: stderr, log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: inUTC}))}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		e.help()
		return nil
	}
	c, ok := commands()[args[0]]
	if !ok {
		e.help()
		return usageError{fmt.Errorf("there is no command %q", args[0])}
	}
	return c.run(ctx, e, args[1:])
}

// inUTC writes the times of the log in UTC, wherever the machine stands: lines of several machines are read together.
func inUTC(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

func (e *env) help() {
	all := commands()
	e.printf("Learnscape, a co-learning portal for organizations that learn with each other.\n\nUsage:\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e.printf("  learnscape %s\n      %s\n", strings.TrimSpace(name+" "+all[name].usage), all[name].about)
	}
}

func (e *env) printf(format string, a ...any) { _, _ = fmt.Fprintf(e.stdout, format, a...) }

// flags parses a command's flags; a mistake is a usageError that names the right use.
func (e *env) flags(name string, args []string, define func(*flag.FlagSet)) (*flag.FlagSet, error) {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	define(fs)
	if err := fs.Parse(args); err != nil {
		return nil, usageError{fmt.Errorf("%w; use: learnscape %s %s", err, name, commands()[strings.Fields(name)[0]].usage)}
	}
	return fs, nil
}
