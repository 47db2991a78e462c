//go:build linux

// Package embedded runs a PostgreSQL cluster of our own from the server binaries that the machine has: for the
// demonstration, and with fsync off for tests. It exists because the libraries for this cannot run as root; the server
// refuses root, so the cluster drops to another user.
//
// The server listens on a unix socket only, in a folder that nobody else can enter, and ends with us however we end.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// Options says what to run.
type Options struct {
	Dir     string   // the cluster's folder; made when missing
	Durable bool     // false turns fsync off, for tests
	Bin     string   // folder of initdb and postgres; "" searches
	Log     *os.File // the server's messages; nil drops them
	Lock    *os.File // held by the caller while the cluster runs; not used here
	Getenv  func(string) string
}

// Cluster is a running server.
type Cluster struct {
	Socket string // folder of the unix socket
	cmd    *exec.Cmd
	done   chan struct{}
	err    error
	stop   sync.Once
	dir    string
}

// Errors that a person can do something about; their texts name it.
var (
	ErrNoBinaries = errors.New("no PostgreSQL server found: run `apt-get install postgresql` (Debian, Ubuntu) or set LEARNSCAPE_PG_BIN to the folder of initdb and postgres")
	ErrNoUser     = errors.New("PostgreSQL does not run as root and there is no user to drop to: run `useradd --system postgres` or start as another user")
)

// Start initialises the cluster if its folder is empty and starts it; it is ready when Start returns.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	bin, err := Find(o.Bin)
	if err != nil {
		return nil, err
	}
	cred, err := dropTo()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, done: make(chan struct{})}
	if err := c.folder(cred); err != nil {
		return nil, err
	}
	if err := c.awaitPredecessor(ctx); err != nil {
		return nil, err
	}
	if err := c.removeStaleSocket(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := initdb(ctx, bin, dir, cred, o.Durable); err != nil {
			return nil, err
		}
	}
	if err := c.socket(cred); err != nil {
		return nil, err
	}
	if err := c.start(ctx, bin, cred, o); err != nil {
		return nil, err
	}
	if err := c.ready(ctx); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Find returns the folder that holds initdb and postgres: dir if given, else the newest that Debian installs or the PATH has.
func Find(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv("LEARNSCAPE_PG_BIN")
	}
	places := []string{dir}
	if dir == "" {
		places, _ = filepath.Glob("/usr/lib/postgresql/*/bin") // The pattern is constant.
		slices.SortFunc(places, func(a, b string) int { return major(b) - major(a) })
		more, _ := filepath.Glob("/usr/pgsql-*/bin") // The pattern is constant.
		places = append(places, more...)
		if p, err := exec.LookPath("postgres"); err == nil {
			places = append(places, filepath.Dir(p))
		}
	}
	for _, p := range places {
		if _, err := os.Stat(filepath.Join(p, "initdb")); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(p, "postgres")); err == nil {
			return p, nil
		}
	}
	return "", ErrNoBinaries
}

func major(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // Not a number sorts last.
	return n
}

// dropTo returns the credential to run the server with; nil when we are not root.
func dropTo() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // No credential means: as we are.
	}
	for _, name := range []string{"postgres", "learnscape", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, ErrNoUser
}

// folder makes the cluster's folder and checks that the server's user can reach it.
func (c *Cluster) folder(cred *syscall.Credential) error {
	if _, err := os.Stat(c.dir); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(c.dir), 0o755); err != nil { //nolint:gosec // Parents must be passable for the server's user.
			return fmt.Errorf("data folder: %w", err)
		}
		if err := os.Mkdir(c.dir, 0o700); err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
		if cred != nil {
			if err := os.Chown(c.dir, int(cred.Uid), int(cred.Gid)); err != nil {
				return fmt.Errorf("data folder: %w", err)
			}
		}
	}
	if cred == nil {
		return nil
	}
	info, err := os.Stat(c.dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != cred.Uid {
		return fmt.Errorf("the data folder %s belongs to user %d, but the server runs as user %d: choose another with --data or change its owner", c.dir, st.Uid, cred.Uid)
	}
	return passable(cred, c.dir)
}

// Passable reports whether the user that the server runs as could reach a folder at dir, existing or not. It is false where a
// folder on the way is closed to it, such as root's home.
func Passable(dir string) bool {
	cred, err := dropTo()
	if err != nil || cred == nil {
		return true // Start says what is wrong.
	}
	abs, err := filepath.Abs(dir)
	return err == nil && passable(cred, abs) == nil
}

func passable(cred *syscall.Credential, dir string) error {
	for p := filepath.Dir(dir); ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if errors.Is(err, os.ErrNotExist) {
			continue // Made by us, passable.
		}
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if ok && info.Mode().Perm()&0o001 == 0 && (st.Uid != cred.Uid || info.Mode().Perm()&0o100 == 0) && (st.Gid != cred.Gid || info.Mode().Perm()&0o010 == 0) {
			return fmt.Errorf("user %d cannot pass %s on the way to the data folder: choose a folder elsewhere with --data, for example /var/lib/learnscape", cred.Uid, p)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

func initdb(ctx context.Context, bin, dir string, cred *syscall.Credential, durable bool) error {
	args := []string{"-D", dir, "-U", "postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--no-locale", "--no-instructions", "--no-sync"}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), args...) //nolint:gosec // The folder of binaries is the operator's choice.
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if !durable {
		return nil
	}
	return persist(dir)
}

// persist brings all files of a folder to the disk, eight at a time: initdb does it one after the other, which takes longer than all else that
// it does.
func persist(dir string) error {
	var g errgroup.Group
	g.SetLimit(8)
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		g.Go(func() error {
			f, err := os.Open(name) //nolint:gosec // Made by initdb.
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // Only read.
			return f.Sync()
		})
		return nil
	})
	if err = errors.Join(err, g.Wait()); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// awaitPredecessor waits for a server on the same folder that is still shutting down, one whose parent was killed a moment ago, and if it was
// killed itself for the last of its children and until the system has taken note: a new server does not start beside them.
// The folder's lock is the caller's, so nobody else starts one.
func (c *Cluster) awaitPredecessor(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		note, err := os.ReadFile(filepath.Join(c.dir, "postmaster.pid"))
		if err != nil {
			return nil // Nobody is there.
		}
		lines := strings.Split(string(note), "\n")
		pid := strings.TrimSpace(lines[0])
		command, _ := os.ReadFile("/proc/" + pid + "/cmdline") //nolint:gosec // A number of ours.
		state, _ := os.ReadFile("/proc/" + pid + "/stat")      //nolint:gosec // As above.
		if !strings.Contains(string(command), c.dir) && !strings.Contains(string(state), "(postgres) Z") && !attached(lines) {
			return nil // The note is stale; the server removes it.
		}
		select {
		case <-wait.Done():
			return fmt.Errorf("another PostgreSQL server (process %s) runs on %s", pid, c.dir)
		case <-tick.C:
		}
	}
}

// attached reports whether processes hold the shared memory that a server's note names, by key and identifier in its seventh line.
func attached(note []string) bool {
	if len(note) < 7 {
		return false
	}
	named := strings.Fields(note[6])
	list, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil || len(named) != 2 {
		return false
	}
	for line := range strings.Lines(string(list)) {
		if f := strings.Fields(line); len(f) > 6 && f[0] == named[0] && f[1] == named[1] {
			return f[6] != "0"
		}
	}
	return false
}

// socketNote is the file in the data folder that names the socket's folder, so that one left by a kill -9 is removed.
const socketNote = "learnscape.socket"

func (c *Cluster) removeStaleSocket() error {
	note, err := os.ReadFile(filepath.Join(c.dir, socketNote))
	if err != nil {
		return nil //nolint:nilerr // No note, nothing left behind.
	}
	if old := strings.TrimSpace(string(note)); strings.Contains(old, "learnscape-pg-") {
		return os.RemoveAll(old)
	}
	return nil
}

// socket makes a private folder with a short path: the address of a unix socket has 107 bytes at most.
func (c *Cluster) socket(cred *syscall.Credential) error {
	s, err := os.MkdirTemp("", "learnscape-pg-")
	if err != nil {
		return err
	}
	if cred != nil {
		if err := os.Chown(s, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	c.Socket = s
	return os.WriteFile(filepath.Join(c.dir, socketNote), []byte(s+"\n"), 0o600)
}

func (c *Cluster) start(ctx context.Context, bin string, cred *syscall.Credential, o Options) error {
	args := []string{
		"-D", c.dir, "-k", c.Socket, "-c", "listen_addresses=", "-c", "max_connections=100", "-c", "shared_buffers=128MB",
		"-c", "timezone=UTC", "-c", "log_timezone=UTC", "-c", "lc_messages=C", "-c", "jit=off", "-c", "max_wal_size=2GB",
	}
	if !o.Durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=300")
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...) //nolint:gosec,noctx // Outlives the context of the start; Stop and Pdeathsig end it.
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	// Our own process group, so that ^C reaches us first; SIGINT (fast shutdown) when our thread dies.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Setpgid: true, Pdeathsig: syscall.SIGINT}
	if o.Log != nil {
		cmd.Stdout, cmd.Stderr = o.Log, o.Log
	}
	c.cmd = cmd
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig fires when the starting thread ends, so that thread waits.
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		c.err = cmd.Wait()
		close(c.done)
	}()
	select {
	case err := <-started:
		if err != nil {
			return fmt.Errorf("start postgres: %w", err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Cluster) ready(ctx context.Context) error {
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.DSN("postgres", "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.done:
			return fmt.Errorf("postgres ended while starting (%w); its log says why", c.err)
		case <-ctx.Done():
			return fmt.Errorf("postgres did not become ready: %w", err)
		case <-tick.C:
		}
	}
}

// DSN returns the address of a database for a role.
func (c *Cluster) DSN(role, database string) string {
	return fmt.Sprintf("host=%s user=%s dbname=%s sslmode=disable", c.Socket, role, database)
}

// Done is closed when the server has ended, for whatever reason.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// Stop ends the server (fast shutdown), waits for it, and removes the socket's folder. It may be repeated.
func (c *Cluster) Stop() {
	c.stop.Do(func() {
		if c.cmd.Process != nil {
			_ = c.cmd.Process.Signal(syscall.SIGINT)
			select {
			case <-c.done:
			case <-time.After(20 * time.Second):
				_ = c.cmd.Process.Kill()
				<-c.done
			}
		}
		_ = os.RemoveAll(c.Socket)
		_ = os.Remove(filepath.Join(c.dir, socketNote))
	})
}

// DropDatabase removes the database, if it is there, with whoever is connected to it.
func (c *Cluster) DropDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, c.DSN("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	_, err = conn.Exec(ctx, `DROP DATABASE IF EXISTS `+pgx.Identifier{name}.Sanitize()+` WITH (FORCE)`)
	return err
}

// EnsureDatabase creates the database if it is missing, then the roles and extensions in it.
func (c *Cluster) EnsureDatabase(ctx context.Context, name string) (created bool, err error) {
	conn, err := pgx.Connect(ctx, c.DSN("postgres", "postgres"))
	if err != nil {
		return false, err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil {
		return false, err
	}
	if exists {
		return false, nil
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize())
	return err == nil, err
}
