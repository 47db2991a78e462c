package main

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
)

// profiles runs the portal inside the bench and writes a CPU profile of each page to the folder; the load
// generator is in them too, below (*target).drive.
func (b *bench) profiles(ctx context.Context, folder string) error {
	ln, err := portal.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return err
	}
	keys, err := secret.NewKeyring(secret.Key{ID: "bench", Bytes: make([]byte, 32)})
	if err != nil {
		return err
	}
	addr := ln.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	p, err := portal.New(ctx, portal.Config{
		DSN: b.cluster.DSN("learnscape_app", "big"), BaseURL: &url.URL{Scheme: "http", Host: "localhost:" + port}, Keys: keys, Files: filepath.Join(b.dir, "files"),
		Sender: mail.Outbox{}, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	defer p.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, ln) }()
	if err := idle(ctx, b.cluster.DSN("postgres", "big")); err != nil {
		return err
	}
	c := &child{addr: addr}
	requests := map[string]func(uint64, *fasthttp.Request){"search": search(c, narrowOrg), "completion": func(n uint64, r *fasthttp.Request) { b.complete(c, n, r) }}
	for _, h := range hot {
		requests[h.name] = signedIn(c, narrowOrg, h.member, h.path)
	}
	var pool clients
	for name, request := range requests {
		t := &target{name: name, addr: addr, want: fasthttp.StatusOK, cpu: func() usage { return usage{} }, request: request}
		if name == "completion" {
			t.want = fasthttp.StatusSeeOther
		}
		if err := t.drive(ctx, &pool, 8, time.Second, true); err != nil {
			return err
		}
		if err := profile(filepath.Join(folder, name), func() error { return t.drive(ctx, &pool, 8, 6*time.Second, true) }); err != nil {
			return err
		}
	}
	if err := heap(filepath.Join(folder, "heap.mem")); err != nil {
		return err
	}
	stop()
	return <-done
}

// heap writes what is held after a collection.
func heap(name string) error {
	f, err := os.Create(name) //nolint:gosec // The operator names it.
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // Written by then.
	runtime.GC()
	return pprof.WriteHeapProfile(f)
}

func profile(name string, run func() error) error {
	f, err := os.Create(name + ".cpu") //nolint:gosec // The operator names it.
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // Written by then.
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	err = run()
	pprof.StopCPUProfile()
	return err
}
