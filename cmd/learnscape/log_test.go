package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/internal/db/dbtest"
)

// What a portal has to say of itself goes to standard error, line by line with its time in UTC, wherever the machine stands; standard
// output is for what somebody asked for.
func TestLog(t *testing.T) { //nolint:paralleltest // It moves the machine to another time zone.
	_, dsn := dbtest.FreshDSN(t)
	here := time.Local                           //nolint:gosmopolitan // The zone of the machine is what this test is about.
	time.Local = time.FixedZone("east", 9*60*60) //nolint:gosmopolitan // As above.
	t.Cleanup(func() { time.Local = here })      //nolint:gosmopolitan // As above.
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var out, log strings.Builder
	err := run(ctx, []string{"serve"}, func(k string) string {
		return map[string]string{
			"LEARNSCAPE_BASE_URL": "http://localhost:8080", "LEARNSCAPE_DATABASE_URL": dsn("learnscape_app"), "LEARNSCAPE_FILES": t.TempDir(),
			"LEARNSCAPE_KEYS": "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "LEARNSCAPE_LISTEN": "127.0.0.1:0", "LEARNSCAPE_OPERATOR_HOST": "none",
		}[k]
	}, &out, lineWriter{&log, func(line string) {
		if strings.Contains(line, "msg=serving") {
			stop()
		}
	}})
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Errorf("on standard output: %s", &out)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if !strings.Contains(log.String(), "msg=serving") {
		t.Fatalf("it never served: %s", &log)
	}
	for _, l := range lines {
		at, _, _ := strings.Cut(strings.TrimPrefix(l, "time="), " ")
		when, err := time.Parse(time.RFC3339, at)
		if err != nil || !strings.HasSuffix(at, "Z") || time.Since(when).Abs() > time.Hour {
			t.Errorf("the time of %q: %v", l, err)
		}
	}
}

// lineWriter keeps what is written, and tells of each write, which is a line of a log.
type lineWriter struct {
	to   *strings.Builder
	told func(string)
}

func (w lineWriter) Write(p []byte) (int, error) {
	w.told(string(p))
	return w.to.Write(p)
}
