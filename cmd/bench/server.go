package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// build compiles the product as `make build` does.
func build(ctx context.Context, dir string) (string, error) {
	bin := filepath.Join(dir, "learnscape")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", bin, "./cmd/learnscape") //nolint:gosec // Our own folder.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	return bin, nil
}

// child is a process that the bench started and ends.
type child struct {
	cmd  *exec.Cmd
	addr string
	done chan error
	log  string
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // Closed at once.
	if err != nil {
		return 0, err
	}
	defer ln.Close()                          //nolint:errcheck // Only the number counts.
	return ln.Addr().(*net.TCPAddr).Port, nil //nolint:errcheck // It listens on TCP.
}

// start runs a program that listens at the address and waits until it answers at path.
func start(ctx context.Context, cmd *exec.Cmd, addr, path, log string) (*child, error) {
	out, err := os.Create(log) //nolint:gosec // In the bench's own folder.
	if err != nil {
		return nil, err
	}
	defer out.Close() //nolint:errcheck // The process has its own.
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, addr: addr, done: make(chan error, 1), log: log}
	go func() { c.done <- cmd.Wait() }()
	for range 300 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			return nil, err
		}
		if res, err := (&http.Client{Timeout: time.Second}).Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return c, nil
			}
		}
		select {
		case err := <-c.done:
			b, _ := os.ReadFile(log) //nolint:gosec // For the message only.
			return nil, fmt.Errorf("%s ended while starting: %w\n%s", filepath.Base(cmd.Path), err, b)
		case <-ctx.Done():
			c.stop()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	c.stop()
	return nil, fmt.Errorf("%s does not answer, see %s", filepath.Base(cmd.Path), log)
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) stop() {
	if c == nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done: //nolint:errcheck // It was told to end.
	case <-time.After(10 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done //nolint:errcheck // As above.
	}
}

// serve starts the portal as an operator would.
func serve(ctx context.Context, bin, dir, name, dsn string) (*child, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.CommandContext(ctx, bin, "serve") // Built by us.
	cmd.Env = append(os.Environ(),
		"LEARNSCAPE_LISTEN="+addr,
		fmt.Sprintf("LEARNSCAPE_BASE_URL=http://localhost:%d", port),
		"LEARNSCAPE_DATABASE_URL="+dsn,
		"LEARNSCAPE_KEYS=bench:"+base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"LEARNSCAPE_FILES="+filepath.Join(dir, "files-"+name),
		"LEARNSCAPE_LOG=warn",
	)
	return start(ctx, cmd, addr, "/readyz", filepath.Join(dir, name+".log"))
}

// host is the name under which an organization lives at the portal.
func (c *child) host(org int) string {
	_, port, _ := net.SplitHostPort(c.addr) // It was made here.
	return fmt.Sprintf("org%d.localhost:%s", org, port)
}

var readyAfter = regexp.MustCompile(`Ready after ([0-9.]+) s`)

// demoReady starts the demonstration in a folder and returns how long it took from the start of the process until it said
// that it is ready.
func demoReady(ctx context.Context, bin, data string) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "demo", "--data", data, "--listen", "127.0.0.1:0", "--idp-listen", "127.0.0.1:0") //nolint:gosec // Built by us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(out)
	own := ""
	for lines.Scan() {
		if m := readyAfter.FindStringSubmatch(lines.Text()); m != nil {
			took, own = time.Since(begin), m[1]
			break
		}
	}
	cancel()
	_ = cmd.Wait() // It was told to end.
	if took == 0 {
		return 0, errors.New("the demonstration did not become ready: " + said.String())
	}
	if _, err := strconv.ParseFloat(own, 64); err != nil {
		return 0, err
	}
	return took, nil
}
