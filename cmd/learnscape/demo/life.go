package demo

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// life is what one member does in the year.
type life struct {
	house    string
	org      id.Org
	member   id.Membership
	person   person
	until    time.Time // zero, or when they left
	finished map[courses.Leaf]time.Time
	begun    map[id.Item]*begun
}

// begun is an enrollment.
type begun struct {
	who        *life
	it         *thing
	ed         edition
	leaves     []leaf
	origin     string
	ref        string // of the origin
	asked      string // address of who assigned it
	reason     string
	due        time.Time
	start, end time.Time
	stop       int // how many leaves are meant to be finished
	open       map[courses.Leaf]bool
	part       string    // of the leaf where it stopped
	last       time.Time // something happened

	done      int
	completed time.Time
}

func (b *begun) pull() bool { return b.origin != courses.OriginAssigned }

// statement is a row of the activity stream.
type statement struct {
	who     *life
	at      time.Time
	verb    string
	org     id.Org
	kind    string
	object  id.Any
	part    string
	formal  bool
	pull    bool
	minutes int
	context map[string]any
}

// attempt is an answer to a question of a quiz.
type attempt struct {
	who      *life
	leaf     leaf
	question string
	choices  []int
	words    string
	right    bool
	at       time.Time
}

// lives is the year as it was lived: everything that becomes rows.
type lives struct {
	w    *world
	cal  calendar
	cat  *catalog
	rng  *rand.Rand
	from time.Time // the year's first day
	to   time.Time // nothing by chance is later

	people     map[string][]*life // by house, in the order of the file
	byEmail    map[string]*life
	begun      []*begun
	statements []statement
	attempts   []attempt
	versions   map[*life]map[courses.Leaf]leaf // of what was finished
	hours      map[string][]float64
	calendars  map[string][]oneDay
	threads    []*thread
}

func newLives(w *world, cal calendar, cat *catalog, threads []*thread) *lives {
	l := &lives{
		w: w, cal: cal, cat: cat, rng: rand.New(rand.NewPCG(w.year.Seed, 1)), //nolint:gosec // Chance that is the same at every start is the point.
		from: cal.on(w.year.From, 0, 0), people: map[string][]*life{}, byEmail: map[string]*life{}, versions: map[*life]map[courses.Leaf]leaf{}, hours: map[string][]float64{}, calendars: map[string][]oneDay{}, threads: threads,
	}
	l.to = cal.moved.Add(-4 * time.Hour).UTC() // Yesterday evening, as the files have it.
	for _, o := range w.Organizations {
		for _, p := range o.People {
			one := &life{house: o.Slug, org: orgID(o.Slug), member: memberID(p.Email), person: p, finished: map[courses.Leaf]time.Time{}, begun: map[id.Item]*begun{}}
			if p.left() {
				one.until = cal.on(p.LeftAt, 0, 0)
			}
			l.people[o.Slug], l.byEmail[p.Email] = append(l.people[o.Slug], one), one
			l.versions[one] = map[courses.Leaf]leaf{}
		}
	}
	return l
}

// live makes the year. The order is fixed, so that the same seed makes the same year.
func (l *lives) live() error {
	plan, err := l.plan()
	if err != nil {
		return err
	}
	slices.SortStableFunc(plan, func(a, b *begun) int { return a.start.Compare(b.start) })
	for _, b := range plan {
		l.learn(b)
	}
	l.settle()
	if err := l.tryAtWork(); err != nil {
		return err
	}
	if err := l.talk(); err != nil {
		return err
	}
	l.read()
	l.balance()
	slices.SortStableFunc(l.statements, func(a, b statement) int { return a.at.Compare(b.at) })
	return nil
}

// plan is who begins what: first what the files say of single people, then as many others as they count.
func (l *lives) plan() ([]*begun, error) {
	named, err := l.named()
	if err != nil {
		return nil, err
	}
	out := named
	taken := map[string]int{} // month, item and house
	for _, b := range named {
		taken[b.start.In(l.cal.zone).AddDate(0, 0, -l.cal.days).Format("2006-01")+b.it.ref()+b.who.house]++
	}
	for _, m := range l.w.year.Months {
		begin, err := time.Parse("2006-01", m.Month)
		if err != nil {
			return nil, fmt.Errorf("year.yaml: month %q: %w", m.Month, err)
		}
		from, to := l.cal.on(day{begin}, 0, 0), l.cal.on(day{begin.AddDate(0, 1, -1)}, 23, 0)
		for _, ref := range slices.Sorted(maps.Keys(m.Starts)) {
			it, err := l.cat.find(ref)
			if err != nil {
				return nil, fmt.Errorf("year.yaml: %w", err)
			}
			for _, house := range slices.Sorted(maps.Keys(m.Starts[ref])) {
				n := m.Starts[ref][house] - taken[m.Month+ref+house]
				if n <= 0 || l.people[house] == nil { // Individuals have no house.
					continue
				}
				if !l.cat.visible[house][it.ID] {
					return nil, fmt.Errorf("year.yaml: %s cannot see %s", house, ref)
				}
				for _, who := range l.pick(house, it, n) {
					out = append(out, l.begin(who, it, from, to))
				}
			}
		}
	}
	return out, nil
}

// named is what the files say of single people.
func (l *lives) named() ([]*begun, error) {
	var out []*begun
	add := func(p part) error {
		b, err := l.play(p)
		if err == nil && b != nil {
			out = append(out, b)
		}
		return err
	}
	parts := cast()
	// Of the cast only what is written there is finished: a certificate from last year must not finish a step that somebody
	// stands before today.
	played := map[string]bool{}
	for _, p := range parts {
		played[p.email] = true
	}
	y := l.w.year
	for _, d := range y.Due {
		p := part{email: d.Person, item: d.Item, from: l.w.before(d.By, 18), to: l.w.before(d.By, 12), nothing: true}
		if at := slices.IndexFunc(parts, func(c part) bool { return c.email == d.Person && c.item == d.Item }); at >= 0 {
			p = parts[at]
			parts = slices.Delete(parts, at, at+1)
		}
		p.origin, p.asked, p.due, p.reason = courses.OriginAssigned, d.AskedBy, d.By.Format(time.DateOnly), d.Why
		if err := add(p); err != nil {
			return nil, err
		}
	}
	for _, p := range parts {
		if err := add(p); err != nil {
			return nil, err
		}
	}
	certified := slices.Clone(y.Expiring)
	certified = append(certified, y.OfThoseGone...)
	for _, c := range certified {
		if played[c.Person] {
			continue
		}
		if err := add(part{email: c.Person, item: c.Item, from: l.w.before(c.Issued, 9), to: c.Issued.Format(time.DateOnly)}); err != nil {
			return nil, err
		}
	}
	for _, t := range y.Tried {
		if played[t.Person] {
			continue
		}
		if err := add(part{email: t.Person, item: t.Item, from: l.w.before(t.At, 16), to: l.w.before(t.At, 2)}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// before is a day some days before another, not before the year begins.
func (w *world) before(d day, days int) string {
	t := d.AddDate(0, 0, -days)
	if t.Before(w.year.From.Time) {
		t = w.year.From.Time
	}
	if t.After(w.year.Today.AddDate(0, 0, -1)) {
		t = w.year.Today.AddDate(0, 0, -1)
	}
	return t.Format(time.DateOnly)
}

// play makes an enrollment of a part; nil if that person is on the item already.
func (l *lives) play(p part) (*begun, error) {
	who := l.byEmail[p.email]
	if who == nil {
		return nil, fmt.Errorf("nobody is called %s", p.email)
	}
	it, err := l.cat.find(p.item)
	if err != nil {
		return nil, err
	}
	if who.begun[it.ID] != nil || len(it.editions) == 0 {
		return nil, nil //nolint:nilnil // Said twice in the files, or nothing that one can be on.
	}
	start := l.moment(who.house, l.cal.on(dayOf(p.from), 0, 0), l.cal.on(dayOf(p.from), 23, 0))
	if start.Before(it.Published) {
		start = it.Published.Add(3 * time.Hour)
	}
	b := l.enroll(who, it, start)
	b.end = later(l.cal.on(dayOf(p.to), 20, 0), start.Add(2*time.Hour))
	b.origin, b.asked, b.reason = p.origin, p.asked, p.reason
	if b.origin == "" {
		b.origin = courses.OriginChoice
	}
	if b.origin == courses.OriginStory {
		b.ref = l.storyFor(it, start)
	}
	if p.due != "" {
		b.due = l.cal.aheadOn(dayOf(p.due), 16, 0)
	}
	b.stop = len(b.leaves)
	if p.nothing {
		b.stop = 0
	}
	if p.step != "" || p.lesson != "" {
		b.stop = slices.IndexFunc(b.leaves, func(f leaf) bool {
			return (p.step == "" || f.step == p.step) && (p.lesson == "" || f.Lesson == p.lesson)
		})
		if b.stop < 0 {
			return nil, fmt.Errorf("%s stops at %q %q of %s, which is not there", p.email, p.step, p.lesson, p.item)
		}
	}
	b.part = p.part
	for _, o := range p.open {
		ref, lesson, _ := strings.Cut(o, "#")
		of, err := l.cat.find(ref)
		if err != nil {
			return nil, err
		}
		b.open[courses.Leaf{Item: of.ID, Lesson: lesson}] = true
	}
	return b, nil
}

func (l *lives) enroll(who *life, it *thing, start time.Time) *begun {
	ed := it.edition(start)
	b := &begun{who: who, it: it, ed: ed, leaves: l.cat.leaves(it, ed, who.house), start: start, open: map[courses.Leaf]bool{}}
	who.begun[it.ID] = b
	l.begun = append(l.begun, b)
	return b
}

// newcomers have learned nothing yet, whatever day it is.
var newcomers = []string{"partners@kestrel.example", "farah.siddiqi@halden.example", "rafael.quintas@brightwater.example", "moderator@brightwater.example", "lead@solvik.example"} //nolint:gochecknoglobals // A constant list.

// pick chooses people of a house who are not on the item.
func (l *lives) pick(house string, it *thing, n int) []*life {
	var free []*life
	for _, who := range l.people[house] {
		// What the cast did not do is as much a part of its pages as what it did.
		if who.begun[it.ID] == nil && who.until.IsZero() && !strings.HasPrefix(who.person.Email, "learner@") {
			free = append(free, who)
		}
	}
	l.rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	return slices.DeleteFunc(free[:min(n, len(free))], func(who *life) bool { return slices.Contains(newcomers, who.person.Email) })
}

var reasons = map[string][]string{ //nolint:gochecknoglobals // A constant table.
	"en": {"You will need it for your next site.", "It came up twice in our last review.", "You take this over from a colleague next month.", "We want two people who can do this, not one."},
	"de": {"Das brauchen Sie am nächsten Standort.", "Es kam in unserer letzten Besprechung zweimal auf.", "Sie übernehmen das nächsten Monat von einer Kollegin.", "Wir möchten, dass es zwei können und nicht nur eine Person."},
}

// begin makes an enrollment by chance.
func (l *lives) begin(who *life, it *thing, from, to time.Time) *begun {
	if first := it.Published.Add(2 * time.Hour); from.Before(first) {
		from = first
	}
	b := l.enroll(who, it, l.moment(who.house, from, earlier(to, l.to.Add(-24*time.Hour))))
	days := rate(l.w.year.Rhythm.DaysToFinish, it.ref()) * (0.45 + 1.2*l.rng.Float64())
	lasts := time.Duration(days * 24 * float64(time.Hour))
	b.origin = l.origin()
	finishes := l.rng.Float64() < rate(l.w.year.Rhythm.FinishRate, it.ref())
	if b.origin == courses.OriginAssigned {
		finishes = finishes || l.rng.Float64() < 0.8
		if !finishes && b.start.Before(l.to.AddDate(0, 0, -35)) {
			b.origin = courses.OriginChoice // Nothing stays overdue for half a year.
		}
	}
	switch b.origin {
	case courses.OriginAssigned:
		b.asked = "manager@" + who.house + ".example"
		if b.asked == who.person.Email {
			b.asked = "lead@" + who.house + ".example"
		}
		list := reasons[who.person.Locale]
		if list == nil {
			list = reasons["en"]
		}
		b.reason = list[l.rng.IntN(len(list))]
		d := b.start.Add(lasts).AddDate(0, 0, 5+l.rng.IntN(12)).In(l.cal.zone)
		b.due = time.Date(d.Year(), d.Month(), d.Day(), 16, 0, 0, 0, l.cal.zone).UTC()
		if late := l.cal.moved.AddDate(0, 0, 4+l.rng.IntN(20)); !finishes && b.due.Before(late) {
			b.due = late.Add(16 * time.Hour).UTC()
		}
	case courses.OriginStory:
		if b.ref = l.storyFor(it, b.start); b.ref == "" {
			b.origin = courses.OriginSearch
		}
	}
	b.stop = len(b.leaves)
	if !finishes {
		b.stop = l.stop(b)
		lasts = time.Duration(float64(lasts) * float64(b.stop) / float64(max(1, len(b.leaves))))
	}
	b.end = b.start.Add(lasts)
	if b.end.After(l.to) {
		// The year ends in the middle of it.
		b.stop = min(b.stop, int(float64(len(b.leaves))*float64(l.to.Sub(b.start))/float64(lasts)))
		b.end = l.to
	}
	return b
}

// stop is how many leaves are finished by somebody who does not finish.
func (l *lives) stop(b *begun) int {
	if at := l.w.year.Rhythm.StopsAt[b.it.ref()]; len(at) > 0 {
		step := weighted(l.rng, slices.Sorted(maps.Keys(at)), func(k string) float64 { return at[k] })
		if i := slices.IndexFunc(b.leaves, func(f leaf) bool { return f.step == step }); i > 0 {
			return i
		}
	}
	return int(float64(len(b.leaves)) * (0.15 + 0.65*l.rng.Float64()))
}

var origins = map[string]string{"own_choice": courses.OriginChoice, "search": courses.OriginSearch, "peer": courses.OriginPeer, "story": courses.OriginStory, "assigned": courses.OriginAssigned} //nolint:gochecknoglobals // A constant table.

func (l *lives) origin() string {
	o := l.w.year.Rhythm.Origin
	return origins[weighted(l.rng, slices.Sorted(maps.Keys(o)), func(k string) float64 { return o[k] })]
}

// storyFor returns the story that leads to the item and was out at the time, as an origin's reference; "" for none.
func (l *lives) storyFor(it *thing, at time.Time) string {
	var out []string
	for _, t := range l.cat.things {
		if t.Kind == tenants.KindStory && !t.Published.After(at) && slices.Contains(l.w.stories[t.ref()].Paths, it.ref()) {
			out = append(out, t.ID.String())
		}
	}
	if len(out) == 0 {
		return ""
	}
	return out[l.rng.IntN(len(out))]
}

// learn lives one enrollment.
func (l *lives) learn(b *begun) {
	w, begin := b.who, b.start
	if b.origin == courses.OriginSearch {
		l.state(statement{who: w, at: begin.Add(-90 * time.Second), verb: "searched", org: w.org, kind: "search", object: anyID(w.org), pull: true})
	}
	l.state(statement{who: w, at: begin, verb: "enrolled", org: b.it.OrgID, kind: b.it.Kind, object: anyID(b.it.ID), formal: true, pull: b.pull(), context: map[string]any{"version": b.ed.version, "origin": b.origin}})
	b.last = begin
	var todo []leaf
	for _, f := range b.leaves[:b.stop] {
		if _, done := w.finished[f.Leaf]; !done && !b.open[f.Leaf] {
			todo = append(todo, f)
		}
	}
	for i, at := range l.spread(b, todo) {
		f := todo[i]
		if !w.until.IsZero() && at.After(w.until) {
			return
		}
		at = l.quiz(b, f, at)
		w.finished[f.Leaf], l.versions[w][f.Leaf] = at, f
		b.last = later(b.last, at)
		l.state(statement{
			who: w, at: at, verb: "completed", org: f.owner, kind: f.kind, object: anyID(f.Item), part: f.Lesson, minutes: f.minutes,
			formal: f.kind == tenants.KindCourse || f.kind == tenants.KindPath || f.kind == courses.StepLesson, pull: b.pull(), context: map[string]any{"version": f.version},
		})
	}
	if b.stop < len(b.leaves) && b.stop > 0 {
		f := b.leaves[b.stop]
		b.last = l.cal.past(later(b.last.Add(3*time.Minute), b.end.Add(-time.Duration(l.rng.IntN(90))*time.Minute)))
		l.state(statement{who: w, at: b.last, verb: "experienced", org: f.owner, kind: f.kind, object: anyID(f.Item), part: f.Lesson, formal: f.kind != tenants.KindStory, pull: b.pull(), context: map[string]any{"version": f.version}})
	}
}

// quiz answers the questions of a leaf, now and then wrongly first, and returns when it was done.
func (l *lives) quiz(b *begun, f leaf, at time.Time) time.Time {
	for _, q := range f.questions {
		right, wrong := []int{}, -1
		for i, c := range q.Choices {
			switch {
			case q.Kind == markdown.Order:
				right = append(right, i)
			case q.Kind == markdown.Match && c.Text != "":
				right = append(right, slices.Index(q.Partners(), c.Match))
			case c.Right && (len(right) == 0 || q.Kind == markdown.Multiple):
				right = append(right, i)
			case wrong < 0 || l.rng.IntN(2) == 0:
				wrong = i
			}
		}
		say := func(choices []int, ok bool) {
			at = l.cal.past(at.Add(time.Duration(20+l.rng.IntN(60)) * time.Second))
			words := ""
			if q.Written() {
				words = q.Choices[choices[0]].Text
			}
			l.attempts = append(l.attempts, attempt{b.who, f, q.Key, choices, words, ok, at})
			l.state(statement{
				who: b.who, at: at, verb: "answered", org: f.owner, kind: f.kind, object: anyID(f.Item), part: f.Lesson, formal: true, pull: b.pull(),
				context: map[string]any{"version": f.version, "question": q.Key, "success": ok},
			})
		}
		switch {
		case q.Kind == markdown.Order && l.rng.Float64() < 0.27:
			other := slices.Clone(right)
			i := l.rng.IntN(len(other) - 1)
			other[i], other[i+1] = other[i+1], other[i]
			say(other, false)
		case wrong >= 0 && q.Kind != markdown.Match && l.rng.Float64() < 0.27:
			say([]int{wrong}, false)
		}
		if len(right) > 0 {
			say(right, true)
		}
	}
	return at
}

// spread finds a time for each leaf: a few sittings between start and end, some leaves in each.
func (l *lives) spread(b *begun, todo []leaf) []time.Time {
	if len(todo) == 0 {
		return nil
	}
	sittings := make([]time.Time, max(1, (len(todo)+1)/2))
	for i := range sittings {
		sittings[i] = l.moment(b.who.house, b.start, b.end)
	}
	sittings[0] = b.start
	if len(sittings) > 1 {
		sittings[len(sittings)-1] = later(b.start, b.end.Add(-time.Duration(l.rng.IntN(600))*time.Minute))
	}
	slices.SortFunc(sittings, time.Time.Compare)
	out := make([]time.Time, len(todo))
	at := b.start
	for i := range todo {
		if s := sittings[i*len(sittings)/len(todo)]; s.After(at) {
			at = s
		}
		at = at.Add(time.Duration(max(2, todo[i].minutes)+l.rng.IntN(4)) * time.Minute)
		out[i] = l.cal.past(at)
	}
	return out
}

// settle measures all enrollments with what was finished in the whole year, as the product does.
func (l *lives) settle() {
	for _, b := range l.begun {
		finished := map[courses.Leaf]bool{}
		last := b.start
		required := make([]courses.Leaf, len(b.leaves))
		for i, f := range b.leaves {
			required[i] = f.Leaf
			if at, ok := b.who.finished[f.Leaf]; ok {
				finished[f.Leaf] = true
				last = later(last, at)
			}
		}
		p := courses.Measure(courses.Required{Leaves: required}, finished)
		b.done = p.Done
		b.last = later(b.last, last)
		if p.Complete() {
			b.completed = last
			b.last = last
			l.state(statement{who: b.who, at: last, verb: "completed", org: b.it.OrgID, kind: b.it.Kind, object: anyID(b.it.ID), formal: true, pull: b.pull(), context: map[string]any{"version": b.ed.version, "origin": b.origin}})
		}
	}
}

// next is where somebody goes on, the first leaf that is not finished from where they stopped.
func (b *begun) next() (leaf, bool) {
	if !b.completed.IsZero() || b.stop == 0 {
		return leaf{}, false
	}
	for _, f := range b.leaves[min(b.stop, len(b.leaves)):] {
		if _, ok := b.who.finished[f.Leaf]; !ok {
			return f, true
		}
	}
	for _, f := range b.leaves {
		if _, ok := b.who.finished[f.Leaf]; !ok {
			return f, true
		}
	}
	return leaf{}, false
}

// tryAtWork notes what was used at work: what the files tell, and a share of what was finished.
func (l *lives) tryAtWork() error {
	for _, t := range l.w.year.Tried {
		it, err := l.cat.find(t.Item)
		if err != nil {
			return err
		}
		who := l.byEmail[t.Person]
		if who == nil {
			return fmt.Errorf("nobody is called %s", t.Person)
		}
		at := later(l.cal.on(t.At, 15, 40), it.Published.Add(26*time.Hour))
		l.state(statement{who: who, at: at, verb: "applied", org: it.OrgID, kind: it.Kind, object: anyID(it.ID), pull: true, minutes: 20, context: map[string]any{"used": t.Worked}})
	}
	for _, b := range l.begun {
		if b.completed.IsZero() || l.rng.Float64() >= rate(l.w.year.Rhythm.TriedAtWork, b.it.ref()) {
			continue
		}
		at := l.moment(b.who.house, b.completed.AddDate(0, 0, 2), b.completed.AddDate(0, 0, 18))
		if at.After(l.to) {
			continue
		}
		l.state(statement{who: b.who, at: at, verb: "applied", org: b.it.OrgID, kind: b.it.Kind, object: anyID(b.it.ID), pull: true, minutes: 15, context: map[string]any{"used": l.rng.Float64() < 0.85}})
	}
	return nil
}

// talk notes who asked and answered: in the threads that can be read, and in as many short exchanges as the files count.
func (l *lives) talk() error {
	for _, t := range l.threads {
		l.state(statement{who: l.byEmail[t.AskedBy], at: t.AskedAt, verb: "asked", org: orgID(t.house), kind: "question", object: anyID(t.question), pull: true, minutes: 8})
		for _, a := range t.answers {
			l.state(statement{who: l.byEmail[a.By], at: a.At, verb: "answered", org: orgID(t.house), kind: "question", object: anyID(t.question), pull: true, minutes: 10})
		}
	}
	for _, m := range l.w.year.Months {
		from, to, err := l.span(m)
		if err != nil {
			return err
		}
		for _, house := range slices.Sorted(maps.Keys(m.Questions)) {
			for range m.Questions[house] {
				who := l.people[house][l.rng.IntN(len(l.people[house]))]
				at := l.moment(house, from, to)
				open := l.learnable(house, at)
				if !who.until.IsZero() && at.After(who.until) || len(open) == 0 {
					continue
				}
				it := open[l.rng.IntN(len(open))]
				l.state(statement{who: who, at: at, verb: "asked", org: it.OrgID, kind: it.Kind, object: anyID(it.ID), pull: true, minutes: 6})
			}
		}
	}
	return nil
}

func (l *lives) span(m month) (from, to time.Time, err error) {
	begin, err := time.Parse("2006-01", m.Month)
	if err != nil {
		return from, to, fmt.Errorf("year.yaml: month %q: %w", m.Month, err)
	}
	return l.cal.on(day{begin}, 0, 0), earlier(l.cal.on(day{begin.AddDate(0, 1, -1)}, 23, 0), l.to), nil
}

// read is what people look up and read beside courses.
func (l *lives) read() {
	for _, m := range l.w.year.Months {
		from, to, err := l.span(m)
		if err != nil {
			continue // Said by talk already.
		}
		for _, o := range l.w.Organizations {
			for _, who := range l.people[o.Slug] {
				for range weighted(l.rng, []int{0, 1, 2, 3}, func(n int) float64 { return []float64{0.35, 0.35, 0.2, 0.1}[n] }) {
					at := l.moment(o.Slug, from, to)
					if !who.until.IsZero() && at.After(who.until) {
						continue
					}
					if l.rng.IntN(3) == 0 {
						l.state(statement{who: who, at: at, verb: "searched", org: who.org, kind: "search", object: anyID(who.org), pull: true})
					}
					if list := l.readable(o.Slug, at); len(list) > 0 {
						l.look(who, list[l.rng.IntN(len(list))], at.Add(2*time.Minute))
					}
				}
			}
		}
	}
}

func (l *lives) look(who *life, t *thing, at time.Time) {
	l.state(statement{who: who, at: at, verb: "experienced", org: t.OrgID, kind: t.Kind, object: anyID(t.ID), pull: true, minutes: max(1, t.Minutes)})
}

func (l *lives) readable(house string, at time.Time) []*thing {
	return l.open(house, at, tenants.KindStory, tenants.KindResource)
}

func (l *lives) learnable(house string, at time.Time) []*thing {
	return l.open(house, at, tenants.KindCourse, tenants.KindPath)
}

func (l *lives) open(house string, at time.Time, kinds ...string) []*thing {
	var out []*thing
	for _, t := range l.cat.things {
		if slices.Contains(kinds, t.Kind) && t.Published.Before(at) && l.cat.visible[house][t.ID] {
			out = append(out, t)
		}
	}
	return out
}

// balance fills up the last 30 days of those whose home pages say what they add up to.
func (l *lives) balance() {
	want := l.w.year.balances()
	since := l.cal.now.AddDate(0, 0, -30)
	for _, email := range slices.Sorted(maps.Keys(want)) {
		who, goal := l.byEmail[email], want[email]
		if who == nil {
			continue
		}
		own, given, used := 0, 0, 0
		for _, st := range l.statements {
			if st.who != who || st.at.Before(since) {
				continue
			}
			if st.pull {
				own += st.minutes
			} else {
				given += st.minutes
			}
			if st.verb == "applied" {
				used++
			}
		}
		now := earlier(l.to, l.cal.now)
		open := l.learnable(who.house, now)
		for ; used < goal.used; used++ {
			it := open[l.rng.IntN(len(open))]
			l.state(statement{who: who, at: l.moment(who.house, since, now), verb: "applied", org: it.OrgID, kind: it.Kind, object: anyID(it.ID), pull: true, minutes: 10, context: map[string]any{"used": true}})
			own += 10
		}
		chosen := int(math.Round(float64(goal.minutes) * goal.own))
		for _, b := range l.begunBy(who, since) {
			into := &own
			to := chosen
			if !b.pull() {
				into, to = &given, goal.minutes-chosen
			} else {
				to = chosen * 2 / 3 // The rest is informal.
			}
			for *into < to {
				f := b.leaves[min(b.stop, len(b.leaves)-1)]
				n := min(to-*into, 9+l.rng.IntN(14))
				*into += n
				at := l.moment(who.house, later(b.start, since), now)
				l.state(statement{who: who, at: at, verb: "experienced", org: f.owner, kind: f.kind, object: anyID(f.Item), part: f.Lesson, formal: true, pull: b.pull(), minutes: n, context: map[string]any{"version": f.version}})
			}
		}
		list := l.readable(who.house, since)
		for own < chosen && len(list) > 0 {
			t := list[l.rng.IntN(len(list))]
			n := min(chosen-own, max(1, t.Minutes))
			own += n
			l.state(statement{who: who, at: l.moment(who.house, since, now), verb: "experienced", org: t.OrgID, kind: t.Kind, object: anyID(t.ID), pull: true, minutes: n})
		}
	}
}

// begunBy lists what somebody is on or was on since, what was assigned first.
func (l *lives) begunBy(who *life, since time.Time) []*begun {
	var out []*begun
	for _, b := range l.begun {
		if b.who == who && b.last.After(since) && b.completed.IsZero() {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b *begun) int {
		if a.pull() == b.pull() {
			return 0
		}
		if b.pull() {
			return -1
		}
		return 1
	})
	return out
}

func (l *lives) state(st statement) {
	if st.who == nil || !st.who.until.IsZero() && st.at.After(st.who.until) {
		return
	}
	st.at = l.cal.past(st.at)
	l.statements = append(l.statements, st)
}

// moment is a time between two, when the house works: more by day than at night, less at weekends and in the holidays.
func (l *lives) moment(house string, from, to time.Time) time.Time {
	if !to.After(from) {
		return from
	}
	days := l.days(house)
	first := sort.Search(len(days), func(i int) bool { return !days[i].end.Before(from) })
	last := sort.Search(len(days), func(i int) bool { return !days[i].at.Before(to) })
	if first >= last {
		return l.cal.past(from)
	}
	d := weighted(l.rng, days[first:last], func(d oneDay) float64 { return d.weight }).at
	at := time.Date(d.Year(), d.Month(), d.Day(), l.hour(house), l.rng.IntN(60), l.rng.IntN(60), 0, l.cal.zone).UTC()
	if at.Before(from) {
		at = from.Add(time.Duration(l.rng.Int64N(int64(min(to.Sub(from), 40*time.Minute)))))
	}
	return l.cal.past(earlier(at, to)).Truncate(time.Second)
}

// oneDay is a day of the year with how much is done on it.
type oneDay struct {
	at, end time.Time
	weight  float64
}

func (l *lives) days(house string) []oneDay {
	if l.calendars[house] != nil {
		return l.calendars[house]
	}
	weekday := l.w.year.Rhythm.Weekday[house]
	if weekday == nil {
		weekday = l.w.year.Rhythm.Weekday["default"]
	}
	f := l.from.In(l.cal.zone)
	for d := time.Date(f.Year(), f.Month(), f.Day()-40, 0, 0, 0, 0, l.cal.zone); !d.After(l.cal.moved); d = d.AddDate(0, 0, 1) {
		w := weekday[(int(l.cal.weekday(d))+6)%7]
		if l.quiet(d) {
			w *= 0.08
		}
		l.calendars[house] = append(l.calendars[house], oneDay{d, d.AddDate(0, 0, 1), w})
	}
	return l.calendars[house]
}

func (l *lives) hour(house string) int {
	h := l.w.year.Rhythm.Hours[house]
	if h == nil {
		h = l.w.year.Rhythm.Hours["default"]
	}
	if l.hours[house] == nil {
		l.hours[house] = make([]float64, 24)
		for k, w := range h {
			if n, err := strconv.Atoi(k); err == nil && n >= 0 && n < 24 {
				l.hours[house][n] = w
			}
		}
	}
	weights := l.hours[house]
	return weighted(l.rng, clock[:], func(n int) float64 { return weights[n] })
}

var clock = [24]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23} //nolint:gochecknoglobals // A constant.

// quiet reports whether the day, as it was written, lies in the holidays.
func (l *lives) quiet(d time.Time) bool {
	was := d.AddDate(0, 0, -l.cal.days).Format(time.DateOnly)
	return slices.ContainsFunc(l.w.year.Rhythm.Quiet, func(span string) bool {
		a, b, _ := strings.Cut(span, "/")
		return was >= a && was <= b
	})
}

// weighted picks one of the list by chance.
func weighted[T any](rng *rand.Rand, list []T, weight func(T) float64) T {
	sum := 0.0
	for _, e := range list {
		sum += weight(e)
	}
	at := rng.Float64() * sum
	for _, e := range list {
		if at -= weight(e); at < 0 {
			return e
		}
	}
	return list[len(list)-1]
}

// rate is the figure of an item, or the default.
func rate(of map[string]float64, ref string) float64 {
	if r, ok := of[ref]; ok {
		return r
	}
	return of["default"]
}

// chance is a source of its own for something that is made beside others at the same time.
func chance(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // As in newLives.
}

func anyID[K any](i id.ID[K]) id.Any { return id.Any(i) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
