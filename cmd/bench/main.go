// Command bench measures the product from outside, as its users meet it: the real binary over HTTP on its own durable
// PostgreSQL cluster, with 200 organizations, a million items and 100,000 documents to search, beside baselines that do the
// least possible with the same tools. docs/bench.md says how to read what it prints.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	big              size
	quick            bool
	growth, demo     bool
	rounds           int
	round            time.Duration
	json, doc, only  string
	bin, explain     string
	sql, profile     string
	keep             bool
	baseline, folder string
	reuse            string
}

func run(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&o.big.orgs, "orgs", 200, "organizations")
	fs.IntVar(&o.big.items, "items", 5000, "items of each organization")
	fs.BoolVar(&o.quick, "quick", false, "a small world and short rounds, for trying")
	fs.BoolVar(&o.growth, "growth", true, "compare with a world of 10,000 items")
	fs.BoolVar(&o.demo, "demo", true, "time the start of the demonstration")
	fs.IntVar(&o.rounds, "rounds", 5, "rounds of all targets")
	fs.DurationVar(&o.round, "round", 1500*time.Millisecond, "length of a target's turn in a round")
	fs.StringVar(&o.json, "json", "", "write all figures to this file")
	fs.StringVar(&o.doc, "doc", "", "replace the figures in this Markdown file")
	fs.StringVar(&o.only, "only", "", "regular expression of targets")
	fs.StringVar(&o.bin, "bin", "", "measure this binary instead of building one")
	fs.StringVar(&o.explain, "explain", "", "write times and plans of the pages' statements to this file and stop")
	fs.StringVar(&o.sql, "sql", "", "run this file in the loaded database as a superuser: an index, policy or setting to try")
	fs.StringVar(&o.profile, "profile", "", "write CPU profiles of the pages and one of the heap to this folder and stop")
	fs.StringVar(&o.folder, "dir", "", "where to work; default a temporary folder")
	fs.BoolVar(&o.keep, "keep", false, "keep the folder with databases and logs")
	fs.StringVar(&o.reuse, "reuse", "", "work in this folder, which an earlier run kept: its databases are migrated and not filled again")
	fs.StringVar(&o.baseline, "baseline", "", "internal: serve the baselines of this plan")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.baseline != "" {
		return runBaseline(ctx, o.baseline)
	}
	o.big.docs, o.big.learners = 100_000, 4000
	if o.quick {
		o.big, o.growth, o.rounds, o.round = size{orgs: 40, items: 250, docs: 10_000, learners: 1000}, false, 2, 700*time.Millisecond
	}
	if o.big.orgs < learnersOrg || o.big.items < 50 {
		return errors.New("at least 5 organizations and 50 items")
	}
	dir, err := o.reuse, error(nil)
	if dir == "" {
		dir, err = os.MkdirTemp(o.folder, "learnscape-bench-")
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // The database server's user must pass.
		return err
	}
	if o.keep || o.reuse != "" {
		say("working in %s", dir)
	} else {
		defer os.RemoveAll(dir) //nolint:errcheck // A temporary folder.
	}
	r := &report{At: time.Now().UTC(), Machine: machine(), Orgs: o.big.orgs, Items: o.big.orgs * o.big.items, Docs: min(o.big.docs, o.big.orgs*o.big.items)}
	if err := measure(ctx, o, dir, r); err != nil {
		return err
	}
	if o.explain != "" || o.profile != "" {
		return nil
	}
	r.judge()
	text := r.text()
	fmt.Println()
	fmt.Print(text)
	if o.json != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(b, '\n'), 0o644); err != nil { //nolint:gosec // For everybody to read.
			return err
		}
	}
	if o.doc != "" {
		if err := intoDoc(o.doc, text); err != nil {
			return err
		}
	}
	if len(r.Failed) > 0 {
		return fmt.Errorf("%d targets answered wrongly", len(r.Failed))
	}
	return nil
}

var began = time.Now() //nolint:gochecknoglobals // When the bench began.

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}

// measure builds, loads, starts, drives and ends everything.
func measure(ctx context.Context, o options, dir string, r *report) error {
	bin := o.bin
	if bin == "" {
		say("building")
		built, err := build(ctx, dir)
		if err != nil {
			return err
		}
		bin = built
	}
	if o.demo {
		say("starting the demonstration, cold and warm")
		if err := demoTimes(ctx, bin, dir, r); err != nil {
			return err
		}
	}
	c, err := startCluster(ctx, dir)
	if err != nil {
		return err
	}
	defer c.Stop()
	master, err := postmaster(dir)
	if err != nil {
		return err
	}
	b := &bench{options: o, dir: dir, bin: bin, cluster: c, postmaster: master, report: r}
	loading := time.Now()
	if err := makeWorld(ctx, c, "big", o.big, func(s string) { say("%d items: %s", r.Items, s) }); err != nil {
		return err
	}
	r.LoadSeconds = time.Since(loading).Seconds()
	if o.growth {
		if err := makeWorld(ctx, c, "small", size{orgs: 10, items: 1000, docs: 10_000, learners: 10}, func(s string) { say("10000 items: %s", s) }); err != nil {
			return err
		}
	}
	if o.sql != "" {
		q, err := os.ReadFile(o.sql) // The operator names it.
		if err != nil {
			return err
		}
		r.Machine += ", with " + filepath.Base(o.sql)
		if err := execute(ctx, c.DSN("postgres", "big"), string(q)); err != nil {
			return fmt.Errorf("%s: %w", o.sql, err)
		}
	}
	if o.profile != "" {
		return b.profiles(ctx, o.profile)
	}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return err
	}
	if o.explain != "" {
		return nil
	}
	if err := b.weigh(ctx); err != nil {
		return err
	}
	if err := b.rounds(ctx); err != nil {
		return err
	}
	return b.after(ctx)
}

func demoTimes(ctx context.Context, bin, dir string, r *report) error {
	data := filepath.Join(dir, "demo")
	for _, at := range []*float64{&r.DemoCold, &r.DemoWarm} {
		took, err := demoReady(ctx, bin, data)
		if err != nil {
			return err
		}
		*at = took.Seconds()
	}
	return os.RemoveAll(data)
}

// table makes what the bare insert writes into: as wide as a completion, without policies, keys to other tables and events.
func table(ctx context.Context, super string) error {
	return execute(ctx, super, `CREATE TABLE IF NOT EXISTS bench_completions (org_id uuid, membership_id uuid, item_org uuid, item_id uuid, lesson_key text, version integer, at timestamptz,
		PRIMARY KEY (org_id, membership_id, item_org, item_id, lesson_key));
		TRUNCATE bench_completions;
		GRANT SELECT, INSERT ON bench_completions TO learnscape_app`)
}

func execute(ctx context.Context, dsn, q string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	_, err = conn.Exec(ctx, q)
	return err
}

func (b *bench) startBaseline(ctx context.Context, pages map[string]page) (err error) {
	port, err := freePort()
	if err != nil {
		return err
	}
	p := plan{Addr: fmt.Sprintf("127.0.0.1:%d", port), DSN: b.cluster.DSN("learnscape_app", "big") + " plan_cache_mode=force_generic_plan", Pages: pages}
	j, err := json.Marshal(p)
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "baseline.json")
	if err := os.WriteFile(file, j, 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.baseline, err = start(ctx, exec.CommandContext(ctx, self, "-baseline", file), p.Addr, "/hello", filepath.Join(b.dir, "baseline.log")) //nolint:gosec // Ourselves.
	return err
}
