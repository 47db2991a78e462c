//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/cmd/learnscape/demo"
	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/embedded"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
)

// runDemo starts the demonstration world with everything it needs: a PostgreSQL cluster of its own, the organizations'
// identity providers, files in a folder, mail on a page. Everything listens on loopback.
func runDemo(ctx context.Context, e *env, args []string) error {
	start := time.Now()
	var dir, listen, idp string
	var reset bool
	if _, err := e.flags("demo", args, func(fs *flag.FlagSet) {
		fs.StringVar(&dir, "data", "", "")
		fs.StringVar(&listen, "listen", "127.0.0.1:8080", "")
		fs.StringVar(&idp, "idp-listen", "127.0.0.1:8081", "")
		fs.BoolVar(&reset, "reset", false, "")
	}); err != nil {
		return err
	}
	if dir == "" {
		if dir = "data"; !embedded.Passable(dir) {
			// Such as a checkout in root's home, which the database server's user may not enter.
			dir = elsewhere
			e.printf("The database server's user may not enter this folder: the data goes to %s.\n", dir)
		}
	}
	d, err := openData(dir, reset)
	if err != nil {
		return err
	}
	defer d.close()
	// The addresses first: a used port is said before anything is made.
	web, err := portal.Listen(ctx, listen)
	if err != nil {
		return err
	}
	defer web.Close() //nolint:errcheck // Closed by the server otherwise.
	op, err := portal.Listen(ctx, idp)
	if err != nil {
		return err
	}
	defer op.Close() //nolint:errcheck // As above.
	base := &url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", port(web))}
	issuers := "http://" + op.Addr().String()

	cluster, err := d.cluster(ctx)
	if err != nil {
		return err
	}
	defer cluster.Stop()
	keys, err := d.keys()
	if err != nil {
		return err
	}
	p, err := portal.New(ctx, portal.Config{
		DSN: cluster.DSN("learnscape_app", "learnscape"), BaseURL: base, Keys: keys, Files: filepath.Join(d.dir, "files"), Sender: mail.Outbox{},
		MeiliURL: e.getenv("LEARNSCAPE_MEILI_URL"), MeiliKey: secret.Secret(e.getenv("LEARNSCAPE_MEILI_KEY")),
		Egress: egress.Options{AllowLoopback: true}, DNS: e.getenv("LEARNSCAPE_DNS"), Demo: true, Log: e.log,
		Operators: auth.OperatorDeps{URL: "http://operator." + base.Host},
	})
	if err != nil {
		return err
	}
	defer p.Close()
	houses, err := demo.Issuers(p.Auth.RedirectURI, p.Auth.BackChannelURI, func(slug string) string { return p.Auth.BaseURL(slug) + "/signed-out" })
	if err != nil {
		return err
	}
	provider, err := demoop.New(demoop.Config{Base: issuers, Issuers: houses})
	if err != nil {
		return err
	}
	// Nobody waits for the disk while the world is made; the invitations, which come last and through the portal, bring all of it there.
	quick, err := db.Open(ctx, db.Options{DSN: cluster.DSN("learnscape_app", "learnscape") + " synchronous_commit=off"})
	if err != nil {
		return err
	}
	defer quick.Close()
	if err := demo.Seed(ctx, demo.Deps{
		DB: quick, Marketing: p.Marketing, Community: p.Community, Search: p.Search, Blob: p.Blob, Keys: keys,
		Issuer: func(slug string) string { return issuers + "/" + slug }, Portal: p.Auth.BaseURL, Invite: p.Auth.Invite, Now: p.DB.Now, Log: e.log,
	}); err != nil {
		return fmt.Errorf("fill the world: %w", err)
	}
	quick.Close()
	if err := os.WriteFile(filepath.Join(d.dir, complete), nil, 0o644); err != nil { //nolint:gosec // Says nothing.
		return fmt.Errorf("data folder: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.Run(ctx, web) })
	g.Go(func() error { return serveHTTP(ctx, op, provider) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-cluster.Done():
			return errors.New("the PostgreSQL server ended; " + filepath.Join(d.dir, "postgres.log") + " says why")
		}
	})
	if err := demo.Print(e.stdout, base.String(), issuers); err != nil {
		return err
	}
	if err := e.firstOperator(ctx, p); err != nil {
		return err
	}
	e.printf("\nReady after %.1f s. Data in %s; stop with Ctrl+C.\n", time.Since(start).Seconds(), d.dir)
	return g.Wait()
}

func port(ln net.Listener) string {
	_, p, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return "8080"
	}
	return p
}

func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		return srv.Shutdown(stop)
	}
}

// elsewhere is where the demonstration keeps its data if the server's user cannot reach ./data.
const elsewhere = "/var/lib/learnscape/demo"

// data is the demonstration's folder, held by one process at a time.
type data struct {
	dir  string
	lock *os.File
	log  *os.File
}

// marker says that a folder is ours, so that --reset never deletes somebody else's.
const marker = "learnscape.data"

// complete is the file that says that the world was filled to its end.
const complete = "complete"

func openData(dir string, reset bool) (*data, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
			return nil, fmt.Errorf("%s is not empty and not a data folder of Learnscape; choose another with --data", dir)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // The database server's user must pass.
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, marker), os.O_CREATE|os.O_RDWR, 0o644) //nolint:gosec // Holds a process number.
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid := make([]byte, 20)
		n, _ := lock.ReadAt(pid, 0) // An unknown holder is said as such.
		_ = lock.Close()
		return nil, fmt.Errorf("the data folder %s is in use by process %s; end that first or choose another with --data", dir, strings.TrimSpace(string(pid[:n])))
	}
	if err := errors.Join(lock.Truncate(0), func() error { _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); return err }()); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	d := &data{dir: dir, lock: lock}
	if reset {
		for _, name := range []string{complete, "pg", "files", "key", "postgres.log"} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return nil, fmt.Errorf("reset: %w", err)
			}
		}
	}
	d.log, err = os.OpenFile(filepath.Join(dir, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // For the operator to read.
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return d, nil
}

func (d *data) close() {
	_ = d.log.Close()
	_ = d.lock.Close()
}

// cluster starts the database and brings it up to date.
func (d *data) cluster(ctx context.Context) (*embedded.Cluster, error) {
	c, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(d.dir, "pg"), Durable: true, Log: d.log})
	if err != nil {
		return nil, err
	}
	err = func() error {
		if _, err := os.Stat(filepath.Join(d.dir, complete)); err != nil {
			// A start that was cut short left half a world.
			if err := c.DropDatabase(ctx, "learnscape"); err != nil {
				return err
			}
		}
		created, err := c.EnsureDatabase(ctx, "learnscape")
		if err != nil {
			return err
		}
		if created {
			if err := db.Bootstrap(ctx, c.DSN("postgres", "learnscape"), "", ""); err != nil {
				return err
			}
		}
		owner := c.DSN("learnscape_owner", "learnscape")
		n, err := db.Migrate(ctx, owner)
		if err != nil || n == 0 {
			return err
		}
		now := time.Now().UTC()
		return db.Partitions(ctx, owner, now.AddDate(-1, -1, 0), now)
	}()
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// keys returns the demonstration's encryption key, made at the first start.
func (d *data) keys() (*secret.Keyring, error) {
	name := filepath.Join(d.dir, "key")
	b, err := os.ReadFile(name) //nolint:gosec // Inside the data folder.
	if errors.Is(err, os.ErrNotExist) {
		b = make([]byte, 32)
		_, _ = rand.Read(b) // Never fails (crypto/rand).
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return secret.NewKeyring(secret.Key{ID: "demo", Bytes: b})
}
