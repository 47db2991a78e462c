// Command learnscape is the portal: one binary with one subcommand for each thing that an operator does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// 200 saves half the collections, a twentieth of a page's work, for some 20 MB, which 150 MB in all do not always leave.
		debug.SetGCPercent(170)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	fmt.Fprintln(os.Stderr, "learnscape: "+err.Error())
	stop()
	if _, ok := errors.AsType[usageError](err); ok {
		os.Exit(2)
	}
	os.Exit(1) //nolint:gocritic // stop was called.
}
