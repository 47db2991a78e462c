package tenants

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// What the other side may do with a collection, each with all that stands before it.
const (
	RightUse   = "use"   // learn with it
	RightAdapt = "adapt" // and add to it at its slots
	RightShow  = "show"  // and show it on the own site
)

// What the other side learns about one's people.
const (
	LearnsNothing   = "nothing"
	LearnsTotals    = "totals"    // figures over at least five people
	LearnsCertified = "certified" // and the names of those who earned a certificate
	LearnsNamed     = "named"     // and who is how far, of those who agreed
)

// How one's people appear to the other side's.
const (
	MeetByName    = "name"
	MeetByCompany = "company" // "someone at …"
	MeetNobody    = "none"    // not at all
)

// Terms are what two organizations agree to: two directed halves and what holds for both. Their canonical form is this structure
// as JSON, its lists in order; what both sign is the SHA-256 of that. Words in any language are rendered from them.
type Terms struct {
	Template   int    `json:"template"` // of the sentences that they are shown with; Template
	A          Half   `json:"a"`        // what holds for organization A of the connection
	B          Half   `json:"b"`
	FinishDays int    `json:"finish_days"`     // how long those in mid-course may finish after the end; 0..180
	Until      string `json:"until,omitempty"` // the day on which it ends by itself, YYYY-MM-DD; "" for none
}

// Template is the number of the sentences in force.
const Template = 1

// Half is what one organization gives: what it opens, what the other learns about its people, and how these appear.
type Half struct {
	Opens  []Opening `json:"opens"`
	Learns string    `json:"learns"`
	Meet   string    `json:"meet"`
}

// Opening is one collection that a half opens.
type Opening struct {
	Collection id.Collection `json:"collection"`
	Title      string        `json:"title"` // when it was agreed
	Right      string        `json:"right"`
	Seats      int           `json:"seats,omitempty"` // how many people may learn with it; 0 for no limit
	Until      string        `json:"until,omitempty"` // YYYY-MM-DD; "" as long as the agreement holds
}

// Canonical returns the terms in the form that is signed, and its SHA-256. Invalid, with the field, for what no agreement can say.
func (t Terms) Canonical() (Terms, []byte, [32]byte, error) {
	t.Template = cmp.Or(t.Template, Template)
	for _, h := range []*Half{&t.A, &t.B} {
		h.Opens = slices.Clone(h.Opens)
		slices.SortFunc(h.Opens, func(a, b Opening) int { return cmp.Compare(a.Collection.String(), b.Collection.String()) })
		if h.Opens == nil {
			h.Opens = []Opening{}
		}
		h.Learns, h.Meet = cmp.Or(h.Learns, LearnsNothing), cmp.Or(h.Meet, MeetByName)
	}
	if err := t.check(); err != nil {
		return Terms{}, nil, [32]byte{}, err
	}
	j, err := json.Marshal(t)
	return t, j, sha256.Sum256(j), err
}

func (t Terms) check() error {
	bad := func(field, key string) error { return errs.Fields(errs.Field{Name: field, Key: key}) }
	if t.FinishDays < 0 || t.FinishDays > 180 {
		return bad("finish_days", "tenants.terms.finish_days")
	}
	days := []string{t.Until}
	for _, h := range []Half{t.A, t.B} {
		if !slices.Contains([]string{LearnsNothing, LearnsTotals, LearnsCertified, LearnsNamed}, h.Learns) {
			return bad("learns", "tenants.terms.choose")
		}
		if !slices.Contains([]string{MeetByName, MeetByCompany, MeetNobody}, h.Meet) {
			return bad("meet", "tenants.terms.choose")
		}
		for i, o := range h.Opens {
			if !slices.Contains([]string{RightUse, RightAdapt, RightShow}, o.Right) || o.Seats < 0 || o.Seats > 1_000_000 || i > 0 && o.Collection == h.Opens[i-1].Collection {
				return bad("opens", "tenants.terms.opens")
			}
			days = append(days, o.Until)
		}
	}
	for _, d := range days {
		if _, err := day(d); err != nil {
			return bad("until", "tenants.terms.until")
		}
	}
	return nil
}

// day is the end of a day of the terms, UTC; nil for "".
func day(s string) (*time.Time, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // No day is a value here.
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return nil, err
	}
	d = d.AddDate(0, 0, 1)
	return &d, nil
}

// Preset fills the terms of a common case, seen from the organization that offers it.
type Preset string

// The presets of the page on which somebody is invited.
const (
	PresetPartner  Preset = "partner"  // enable a partner
	PresetCustomer Preset = "customer" // serve a customer
	PresetPeer     Preset = "peer"     // learn as equals
	PresetTry      Preset = "try"      // try for 60 days
)

// Offer returns the halves that a preset proposes, ours opening the collections, and the relationship: what we call them and they
// call us.
func (p Preset) Offer(opens []Opening, now time.Time) (ours, theirs Half, until, weCall, theyCall string) {
	right := RightUse
	ours, theirs = Half{Learns: LearnsNothing, Meet: MeetByName}, Half{Learns: LearnsTotals, Meet: MeetByName}
	switch p {
	case PresetPartner:
		right, theirs.Learns, weCall, theyCall = RightAdapt, LearnsCertified, "partner", "vendor"
	case PresetCustomer:
		theirs.Meet, weCall, theyCall = MeetByCompany, "customer", "vendor"
	case PresetTry:
		theirs.Learns, weCall, theyCall = LearnsNothing, "peer", "peer"
		until = now.AddDate(0, 0, 60).Format(time.DateOnly)
	default:
		ours.Learns, weCall, theyCall = LearnsTotals, "peer", "peer"
	}
	for _, o := range opens {
		o.Right = cmp.Or(o.Right, right)
		ours.Opens = append(ours.Opens, o)
	}
	return ours, theirs, until, weCall, theyCall
}

// The kinds of a change between two versions of terms.
const (
	ChangeNew     = "new"
	ChangeChanged = "changed"
	ChangeGone    = "gone"
)

// Change is one difference between two versions, in the terms' own words; pages render them.
type Change struct {
	Side     string // "a", "b", or "" for what holds for both
	What     string // opens, right, seats, until, learns, meet or finish_days
	Title    string // of the collection
	Kind     string
	From, To string
	Days     [2]int // of finish_days; seats
}

// Diff lists what is different in next, in the order of the page: what A gives, what B gives, both.
func Diff(last, next Terms) []Change {
	out := append(half("a", last.A, next.A), half("b", last.B, next.B)...)
	if last.FinishDays != next.FinishDays {
		out = append(out, Change{What: "finish_days", Kind: ChangeChanged, Days: [2]int{last.FinishDays, next.FinishDays}})
	}
	return append(out, words("", "until", "", last.Until, next.Until)...)
}

func half(side string, last, next Half) (out []Change) {
	find := func(list []Opening, c id.Collection) (Opening, bool) {
		i := slices.IndexFunc(list, func(o Opening) bool { return o.Collection == c })
		if i < 0 {
			return Opening{}, false
		}
		return list[i], true
	}
	for _, n := range next.Opens {
		l, ok := find(last.Opens, n.Collection)
		if !ok {
			out = append(out, Change{Side: side, What: "opens", Title: n.Title, Kind: ChangeNew, To: n.Right})
			continue
		}
		out = append(out, words(side, "right", n.Title, l.Right, n.Right)...)
		if l.Seats != n.Seats {
			out = append(out, Change{Side: side, What: "seats", Title: n.Title, Kind: ChangeChanged, Days: [2]int{l.Seats, n.Seats}})
		}
		out = append(out, words(side, "until", n.Title, l.Until, n.Until)...)
	}
	for _, l := range last.Opens {
		if _, ok := find(next.Opens, l.Collection); !ok {
			out = append(out, Change{Side: side, What: "opens", Title: l.Title, Kind: ChangeGone, From: l.Right})
		}
	}
	return append(append(out, words(side, "learns", "", last.Learns, next.Learns)...), words(side, "meet", "", last.Meet, next.Meet)...)
}

func words(side, what, title, from, to string) []Change {
	if from == to {
		return nil
	}
	kind := ChangeChanged
	switch "" {
	case from:
		kind = ChangeNew
	case to:
		kind = ChangeGone
	}
	return []Change{{Side: side, What: what, Title: title, Kind: kind, From: from, To: to}}
}
