package demo

import "time"

// part is a role that somebody of the cast plays in the year, beside what chance gives everybody: an item begun on a day of the
// files and finished, or left at a place.
type part struct {
	email   string
	item    string
	from    string // day of the files
	to      string // the last day on which something happened in it
	step    string // where it stopped: everything before that is finished. "" with no lesson: all is finished
	lesson  string
	part    string   // the part of that lesson, as the key of its heading
	open    []string // lessons that stayed open although later ones are finished: "organization/course#lesson"
	origin  string   // default choice
	asked   string   // address of who assigned it
	reason  string
	due     string
	nothing bool // nothing of it is finished yet
}

// cast says how far the people are whose home pages are shown. Whatever year.yaml says of them beside that (due, tried) is added
// by newYear, unless a part here names the same person and item.
func cast() []part {
	return []part{
		{email: "learner@brightwater.example", item: "halden/cold-chain", from: "2026-10-19", to: "2026-11-19", step: "field-check", lesson: "02-the-ice-bath-done-properly", part: "wait-until-both-lines-are-flat", origin: "peer"},
		{email: "learner@brightwater.example", item: "brightwater/mock-audit", from: "2026-03-05", to: "2026-03-19"},
		{email: "learner@brightwater.example", item: "halden/haccp-evidence", from: "2026-11-16", to: "2026-11-16", nothing: true},
		{email: "learner2@brightwater.example", item: "halden/cold-chain", from: "2026-02-16", to: "2026-04-02"},

		{email: "learner@kestrel.example", item: "halden/field-check-of-a-probe", from: "2026-11-09", to: "2026-11-13", lesson: "04-check-two-probes", open: []string{"halden/field-check-of-a-probe#04-check-two-probes"}},
		{email: "learner@kestrel.example", item: "halden/cold-chain", from: "2026-07-02", to: "2026-11-19", step: "thirty-days", open: []string{"halden/field-check-of-a-probe#04-check-two-probes"}},

		{email: "learner@solvik.example", item: "halden/haccp-evidence", from: "2026-11-09", to: "2026-11-19", lesson: "02-write-a-deviation"},
		{email: "learner@solvik.example", item: "solvik/door-alarms", from: "2026-07-07", to: "2026-07-15", origin: "story"},
		{email: "learner2@solvik.example", item: "halden/cold-chain", from: "2026-05-11", to: "2026-06-30", origin: "story"},

		{email: "learner@nordhav.example", item: "halden/kuehlkette-auf-deutsch", from: "2026-10-26", to: "2026-11-19", step: "drei-logger"},
		{email: "learner@nordhav.example", item: "halden/fuehlerpruefung-im-feld", from: "2026-06-08", to: "2026-06-16", origin: "search"},
		{
			email: "learner@nordhav.example", item: "nordhav/gdp-transport", from: "2026-11-12", to: "2026-11-14", lesson: "02-an-excursion-on-the-road", origin: "assigned",
			asked: "manager@nordhav.example", due: "2026-12-04", reason: "Ab Januar laden wir die Pharmatouren auch nachts, und dann ist sonst niemand da.",
		},
		{email: "learner2@nordhav.example", item: "nordhav/gdp-transport", from: "2026-09-01", to: "2026-11-10", lesson: "04-play-it-through"},

		{email: "learner@halden.example", item: "halden/reports-in-four-minutes", from: "2026-08-24", to: "2026-09-04"},
		{email: "learner@halden.example", item: "halden/alarm-rules-night-shift", from: "2026-11-13", to: "2026-11-16", lesson: "03-alarm-groups"},
		{email: "learner@halden.example", item: "halden/cold-chain", from: "2026-09-28", to: "2026-11-19", step: "alarm-rules", lesson: "03-alarm-groups"},
	}
}

// balance is what the last 30 days of somebody's home page add up to.
type balance struct {
	minutes int
	own     float64 // share of the minutes that the person chose
	used    int     // times that something was used at work
}

// balances are those of year.yaml and of the learners whom it leaves out.
func (y *year) balances() map[string]balance {
	out := map[string]balance{
		"learner@nordhav.example": {150, 0.72, 2},
		"learner@halden.example":  {265, 0.7, 3},
	}
	for email, h := range y.Home {
		out[email] = balance{h.Last30.Minutes, h.Last30.OwnChoice, h.Last30.Used}
	}
	return out
}

func dayOf(s string) day {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return day{}
	}
	return day{t}
}
