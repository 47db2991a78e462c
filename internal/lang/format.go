package lang

import (
	"context"
	"math"
	"strconv"
	"time"

	"golang.org/x/text/number"
)

// Minutes writes a duration given in whole minutes: "18 min", "2 h 40 min",
// "2 h", "0 min".
func Minutes(ctx context.Context, minutes int) string {
	minutes = max(minutes, 0)
	h, m := minutes/60, minutes%60
	switch {
	case h == 0:
		return T(ctx, "ui.time.minutes", "Minutes", m)
	case m == 0:
		return T(ctx, "ui.time.hours", "Hours", h)
	default:
		return T(ctx, "ui.time.hours_minutes", "Hours", h, "Minutes", m)
	}
}

// Ago writes when t was, seen from now, in now's time zone: "Now" under a
// minute, "12 min", "2 h" on the same day, "Yesterday", then the date without
// the year of now. A time after now is written as its date.
func Ago(ctx context.Context, now, t time.Time) string {
	t = t.In(now.Location())
	d := now.Sub(t)
	day := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC)
	}
	days := int(day(now).Sub(day(t)).Hours() / 24)
	switch {
	case d >= 0 && d < time.Minute:
		return T(ctx, "ui.time.now")
	case d >= 0 && d < time.Hour:
		return T(ctx, "ui.time.minutes", "Minutes", int(d.Minutes()))
	case d >= 0 && days == 0:
		return T(ctx, "ui.time.hours", "Hours", int(d.Hours()))
	case d >= 0 && days == 1:
		return T(ctx, "ui.time.yesterday")
	case now.Year() == t.Year():
		return T(ctx, "ui.time.day_month", "Day", t.Day(), "Month", month(ctx, t))
	default:
		return Date(ctx, t)
	}
}

// Date writes the day of t in t's own time zone: "12 Nov 2026".
func Date(ctx context.Context, t time.Time) string {
	return T(ctx, "ui.time.date", "Day", t.Day(), "Month", month(ctx, t), "Year", strconv.Itoa(t.Year()))
}

// DayMonth writes the day of t without its year: "12 Nov".
func DayMonth(ctx context.Context, t time.Time) string {
	return T(ctx, "ui.time.day_month", "Day", t.Day(), "Month", month(ctx, t))
}

// Month writes the short name of t's month: "Nov".
func Month(ctx context.Context, t time.Time) string { return month(ctx, t) }

func month(ctx context.Context, t time.Time) string {
	return T(ctx, "ui.month."+strconv.Itoa(int(t.Month())))
}

// Number writes a whole number with the locale's grouping: "1,284".
func Number(ctx context.Context, n int) string { return grouped(From(ctx), n) }

// Percent writes a share (0..1) in whole percent: "81%". Shares outside the
// range are cut to it; one below 1 is never written as 100.
func Percent(ctx context.Context, share float64) string {
	p := math.Round(100 * min(max(share, 0), 1))
	if share < 1 && p == 100 {
		p = 99
	}
	return printers()[From(ctx)].Sprint(percent(p))
}

func percent(p float64) number.Formatter { return number.Percent(p/100, number.MaxFractionDigits(0)) }
