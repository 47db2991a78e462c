package demo

import (
	"fmt"
	"time"
	_ "time/tzdata" // The rhythm of the year is one of Berlin, whatever the machine has.

	"gopkg.in/yaml.v3"
)

// day is a date of the files, as written; the zero value is none.
type day struct{ time.Time }

// UnmarshalYAML reads 2026-11-21.
func (d *day) UnmarshalYAML(n *yaml.Node) error {
	t, err := time.Parse(time.DateOnly, n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is no date", n.Line, n.Value)
	}
	d.Time = t
	return nil
}

// calendar moves the dates of the files to the day of the start.
type calendar struct {
	now   time.Time // of the start
	zone  *time.Location
	days  int       // how far everything moves
	today time.Time // midnight of the start's day in zone
	moved time.Time // midnight of the files' today, moved: up to three days before today
}

// newCalendar anchors the world's today at now. Whole weeks keep the weekdays that the texts name; they are used as long as
// yesterday's posts are at most half a week old with them, otherwise whole days.
func newCalendar(today day, zone string, now time.Time) (calendar, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return calendar{}, fmt.Errorf("demonstration world: %w", err)
	}
	n := now.In(loc)
	c := calendar{now: now, zone: loc, today: time.Date(n.Year(), n.Month(), n.Day(), 0, 0, 0, 0, loc)}
	c.days = int(time.Date(n.Year(), n.Month(), n.Day(), 0, 0, 0, 0, time.UTC).Sub(today.Time) / (24 * time.Hour))
	if over := ((c.days % 7) + 7) % 7; over <= 3 {
		c.days -= over
	}
	c.moved = time.Date(today.Year(), today.Month(), today.Day()+c.days, 0, 0, 0, 0, loc)
	return c, nil
}

// livedFrom is how many days after the files' today the start lies by whose weekdays the year is lived: a Thursday.
const livedFrom = 5

// weekday is the day of the week by which a day of the year is lived. It is the same whatever the day of the start, so that chance falls the
// same way each time: who has begun, finished and earned what does not change from one day to the next.
func (c calendar) weekday(d time.Time) time.Weekday {
	return d.AddDate(0, 0, livedFrom-c.days).Weekday()
}

// at moves a time of the files. It keeps the time of day in the world's zone, also over a change of the clock, and is never
// later than a minute before the start.
func (c calendar) at(t time.Time) time.Time {
	return c.past(c.ahead(t))
}

// ahead is at for what may lie in the future, such as a date by which something is due.
func (c calendar) ahead(t time.Time) time.Time {
	l := t.In(c.zone)
	return time.Date(l.Year(), l.Month(), l.Day()+c.days, l.Hour(), l.Minute(), l.Second(), 0, c.zone).UTC()
}

// on is at for a date: the given hour of that day.
func (c calendar) on(d day, hour, minute int) time.Time {
	return c.past(c.aheadOn(d, hour, minute))
}

func (c calendar) aheadOn(d day, hour, minute int) time.Time {
	return time.Date(d.Year(), d.Month(), d.Day()+c.days, hour, minute, 0, 0, c.zone).UTC()
}

func (c calendar) past(t time.Time) time.Time {
	if last := c.now.Add(-time.Minute).UTC().Truncate(time.Second); t.After(last) {
		return last
	}
	return t
}
