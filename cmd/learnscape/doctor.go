package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/embedded"
)

// runDoctor checks the configuration and everything that it names, says each result, and fails if something that serve needs
// is broken.
func runDoctor(ctx context.Context, e *env, _ []string) error {
	broken := false
	say := func(what string, err error, note string) {
		switch {
		case err != nil:
			broken = true
			e.printf("✗ %s: %v\n", what, err)
		case note != "":
			e.printf("✓ %s: %s\n", what, note)
		default:
			e.printf("✓ %s\n", what)
		}
	}
	if bin, err := embedded.Find(e.getenv("LEARNSCAPE_PG_BIN")); err != nil {
		e.printf("– server binaries: %v (needed by the demonstration and the tests only)\n", err)
	} else {
		say("server binaries", nil, bin)
	}
	cfg, err := load(e.getenv, serveNeeds()...)
	say("configuration", err, "")
	if err != nil {
		return errors.New("the configuration is not complete")
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	d, err := db.Open(ctx, db.Options{DSN: cfg.DatabaseURL.Reveal(), MaxConns: 2})
	say("database", err, "answers, new enough, and the role cannot walk around the row policies")
	if err == nil {
		defer d.Close()
		say("schema", refuseOlder(ctx, d), "up to date")
	}
	say("files", writable(cfg.Files), cfg.Files)
	if cfg.MeiliURL != "" {
		say("Meilisearch", reach(ctx, cfg.MeiliURL), cfg.MeiliURL)
	} else {
		say("search", nil, "PostgreSQL")
	}
	if server, ok := mailServer(cfg); ok {
		say("mail", server.Check(ctx), "the server answers as is asked of it")
	} else {
		say("mail", nil, "kept in the outbox")
	}
	if broken {
		return errors.New("something needs a hand")
	}
	return nil
}

func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// reach opens a connection to the host of an address; the address itself may hold a password and is not repeated.
func reach(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("not an address")
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
	}
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return fmt.Errorf("%s does not answer", host)
	}
	return c.Close()
}
