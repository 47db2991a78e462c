// Command testpg starts the tests' PostgreSQL, runs the command that follows with its address in the environment, and ends
// with that command's exit code: `go run ./internal/db/dbtest/testpg go test ./...`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/learnscape/learnscape/internal/db/dbtest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testpg:", err) //nolint:forbidigo // A command speaks to its user.
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	if len(args) == 0 {
		return 2, errors.New("name the command to run")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // The process's root.
	defer stop()
	dir, err := os.MkdirTemp("", "learnscape-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)                      //nolint:errcheck // The system's own cleaning takes the rest.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // The server's user must pass.
		return 1, err
	}
	c, err := dbtest.Cluster(ctx, dir)
	if err != nil {
		return 1, err
	}
	defer c.Stop()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // Running what it is told is its purpose.
	// What the tests leave behind goes with the folder.
	cmd.Env = append(os.Environ(), dbtest.EnvSocket+"="+c.Socket, "TMPDIR="+dir, "TZ=Asia/Kathmandu")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			return e.ExitCode(), nil
		}
		return 1, err
	}
	return 0, nil
}
