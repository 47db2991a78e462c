package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything that was measured.
type report struct {
	At      time.Time
	Machine string
	Orgs    int
	Items   int
	Docs    int

	LoadSeconds        float64
	DemoCold, DemoWarm float64 // seconds; 0 when it was left out
	IdleShare          float64 // of one core, while nobody asks
	RSS, PeakRSS       int64   // bytes, of the portal after the run
	EventsLag          float64 // seconds until the last completion's events were handled
	Rows               []row
	Pages              []weight
	Aims               []aim
	Failed             []string // targets that answered wrongly, and how
}

type row struct {
	Name  string
	Conns int
	Stats *stats
}

// weight is what a page costs its reader and how it is made.
type weight struct {
	Name                  string
	Statements, Trips     int // to the database, the session's among them
	Bytes, Gzip, Elements int
}

// aim is a figure beside what it should be.
type aim struct {
	What        string
	Value, Goal float64
	Unit        string
	AtLeast     bool // the goal is a floor; otherwise a ceiling
	OK          bool
}

func (r *report) row(name string, conns int) *stats {
	for _, x := range r.Rows {
		if x.Name == name && x.Conns == conns {
			return x.Stats
		}
	}
	return nil
}

func (r *report) floor(what string, value, goal float64) {
	r.Aims = append(r.Aims, aim{what, value, goal, "", true, value >= goal})
}

func (r *report) ceiling(what string, value, goal float64, unit string) {
	r.Aims = append(r.Aims, aim{what, value, goal, unit, false, value <= goal})
}

// judge puts the figures beside the aims.
func (r *report) judge() {
	for _, h := range hot {
		s := r.row(h.name, 8)
		if s == nil && len(r.Failed) > 0 {
			r.floor(h.name+": answers at all", 0, 1)
		}
		if s == nil {
			continue
		}
		if base := r.row(h.name+"'s pipeline page", 8); base != nil {
			r.floor(h.name+": share of its pipeline page, by CPU", base.cpu()/s.cpu(), .6)
		}
		r.ceiling(h.name+": p95 at 8", median(s.P95), 20, "ms")
		if wide, base := r.row(h.name, 64), r.row(h.name+"'s pipeline page", 64); wide != nil && base != nil {
			r.ceiling(h.name+": p95 at 64, of its pipeline page's", median(wide.P95)/median(base.P95), 1.5, "x")
		}
		if small := r.row(h.name+", 10,000 items", 8); small != nil {
			r.ceiling(h.name+": CPU, 1,000,000 items against 10,000", s.cpu()/small.cpu(), 1.5, "x")
		}
	}
	if s, small := r.row("search", 8), r.row("search, 10,000 items", 8); s != nil && small != nil {
		r.ceiling("search: CPU, 100,000 documents against 10,000", s.cpu()/small.cpu(), 1.5, "x")
	}
	if s := r.row("search", 8); s != nil {
		r.ceiling("search: p95 at 8", median(s.P95), 100, "ms")
	}
	if s, insert := r.row("completion", 8), r.row("bare insert", 8); s != nil && insert != nil {
		r.floor("completion: share of the bare insert, by rate", median(s.Rate)/median(insert.Rate), .33)
	}
	if s := r.row("completion", 64); s != nil {
		r.floor("completion: in a second, at 64", median(s.Rate), 1000)
	}
	for _, w := range r.Pages {
		if w.Bytes == 0 {
			continue
		}
		r.ceiling(w.Name+": HTML", float64(w.Bytes)/1024, 60, "KB")
		r.ceiling(w.Name+": HTML, packed", float64(w.Gzip)/1024, 12, "KB")
		r.ceiling(w.Name+": elements", float64(w.Elements), 1200, "")
	}
	if r.DemoCold > 0 {
		r.ceiling("demonstration ready, cold", r.DemoCold, 5, "s")
		r.ceiling("demonstration ready, warm", r.DemoWarm, 1, "s")
	}
	if r.RSS > 0 {
		r.ceiling("memory of the portal", float64(r.RSS)/(1<<20), 150, "MB")
	}
}

// text is the report for people.
func (r *report) text() string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s, %s\n%d organizations, %d items, %d documents; loaded in %.0f s; portals and database use %.1f %% of a core while nobody asks\n\n",
		r.At.Format("2 January 2006 15:04 UTC"), r.Machine, r.Orgs, r.Items, r.Docs, r.LoadSeconds, 100*r.IdleShare)
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tconns\treq/s\tp50 ms\tp95 ms\tp99 ms\tCPU µs\tGo\tPostgreSQL\t")
	for _, x := range r.Rows {
		s := x.Stats
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t\n", x.Name, x.Conns, median(s.Rate), median(s.P50), median(s.P95), median(s.P99), s.cpu(), median(s.Go), median(s.PG))
	}
	_ = w.Flush()
	fmt.Fprintln(&out)
	fmt.Fprintln(w, "\tstatements\tround trips\tHTML KB\tpacked KB\telements\t")
	for _, p := range r.Pages {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%.1f\t%d\t\n", p.Name, p.Statements, p.Trips, float64(p.Bytes)/1024, float64(p.Gzip)/1024, p.Elements)
	}
	_ = w.Flush()
	fmt.Fprintln(&out)
	missed := 0
	for _, a := range r.Aims {
		sign, verdict := "<=", "ok"
		if a.AtLeast {
			sign = ">="
		}
		if !a.OK {
			verdict = "miss"
			missed++
		}
		fmt.Fprintf(w, "%s\t%.2f %s\t%s %g\t%s\t\n", a.What, a.Value, a.Unit, sign, a.Goal, verdict)
	}
	_ = w.Flush()
	fmt.Fprintf(&out, "\n%d of %d aims met; events of the last completion were handled %.1f s after the run; memory of the portal at most %d MB\n", len(r.Aims)-missed, len(r.Aims), r.EventsLag, r.PeakRSS>>20)
	for _, f := range r.Failed {
		fmt.Fprintf(&out, "FAILED: %s\n", f)
	}
	return out.String()
}

// machine says on what this ran.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	load := ""
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(b), " ")
		load = ", load before " + load
	}
	return fmt.Sprintf("%d cores of %s, %s%s", runtime.NumCPU(), model, runtime.Version(), load)
}

const docBegin, docEnd = "<!-- figures -->\n", "<!-- /figures -->\n"

// intoDoc replaces what stands between the two marks.
func intoDoc(file, text string) error {
	b, err := os.ReadFile(file) //nolint:gosec // The operator names it.
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(b), docBegin)
	_, foot, ok2 := strings.Cut(rest, docEnd)
	if !ok || !ok2 {
		return errors.New(file + " has no place for the figures")
	}
	return os.WriteFile(file, []byte(head+docBegin+"```text\n"+text+"```\n"+docEnd+foot), 0o644) //nolint:gosec // For everybody to read.
}
