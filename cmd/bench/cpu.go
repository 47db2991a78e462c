package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is CPU time that was used, in user and system mode.
type usage struct{ server, postgres time.Duration }

func (u usage) sub(v usage) usage { return usage{u.server - v.server, u.postgres - v.postgres} }

// tick is the unit of /proc/PID/stat on Linux (sysconf(_SC_CLK_TCK), 100 a second on every architecture that Go knows).
const tick = 10 * time.Millisecond

// usageOf returns a reading of what the server process and the whole cluster used so far.
func usageOf(server, postmaster int) func() usage {
	return func() usage { return usage{process(server), cluster(postmaster)} }
}

// procStat returns the parent and the times of a process: user, system, and those of its children that ended.
func procStat(pid string) (parent int, own, ended time.Duration, ok bool) {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat")) //nolint:gosec // A number under /proc.
	if err != nil {
		return 0, 0, 0, false
	}
	// The name in parentheses may have blanks; behind it follow state, ppid, … utime is field 14 of proc(5).
	_, rest, found := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if !found || len(f) < 15 {
		return 0, 0, 0, false
	}
	num := func(i int) time.Duration {
		n, _ := strconv.ParseInt(f[i-3], 10, 64) // The kernel writes numbers.
		return time.Duration(n)
	}
	return int(num(4)), (num(14) + num(15)) * tick, (num(16) + num(17)) * tick, true
}

func process(pid int) time.Duration {
	_, own, _, _ := procStat(strconv.Itoa(pid))
	return own
}

// cluster sums the server's main process, its children, and those that have ended.
func cluster(postmaster int) time.Duration {
	_, own, ended, _ := procStat(strconv.Itoa(postmaster))
	sum := own + ended
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return sum
	}
	for _, p := range all {
		if parent, own, _, ok := procStat(filepath.Base(p)); ok && parent == postmaster {
			sum += own
		}
	}
	return sum
}

// resident is the memory that a process holds now, and the most it held, in bytes.
func resident(pid int) (now, peak int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64) // The kernel writes numbers.
		switch f[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			peak = n << 10
		}
	}
	return now, peak
}
