package demo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/cells"
)

// year lives it and writes it, one transaction for each house.
func (s *seeder) year(ctx context.Context, cat *catalog) error {
	l := newLives(s.w, s.cal, cat, s.threads)
	if err := l.live(); err != nil {
		return err
	}
	tables := map[string][]*table{}
	for _, o := range s.w.Organizations {
		tables[o.Slug] = append(s.learning(l, o.Slug), s.stream(l, o.Slug), s.reactions(o.Slug), s.searches(cat, o.Slug), s.touches(l, o.Slug))
	}
	elsewhere := l.elsewhere()
	return each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		return s.tx(ctx, o.Slug, func(tx *db.Tx) error {
			for _, t := range tables[o.Slug] {
				if err := t.insert(tx); err != nil {
					return err
				}
			}
			var items []id.Item
			var counts []int
			for _, t := range cat.things {
				if t.Org == o.Slug && elsewhere[t.ID] >= cells.Least {
					items, counts = append(items, t.ID), append(counts, elsewhere[t.ID])
				}
			}
			return tx.As(scope.Discloser, tx.Scope.Org, func() error {
				_, err := tx.Exec(`UPDATE items i SET finished = f.n FROM unnest($2::uuid[], $3::integer[]) AS f(item_id, n) WHERE i.org_id = $1 AND i.item_id = f.item_id`, tx.Scope.Org, items, counts)
				return err
			})
		})
	})
}

// learning is the enrollments, completions and attempts of a house.
func (s *seeder) learning(l *lives, house string) []*table {
	en := into("enrollments", "org_id uuid, enrollment_id uuid, membership_id uuid, item_org uuid, item_id uuid, version integer, origin text, origin_ref text, done integer, total integer, state text, "+
		"at_org uuid, at_item uuid, at_lesson text, at_part text, due_at timestamptz, asked_by uuid, reason text, started_at timestamptz, updated_at timestamptz, completed_at timestamptz, title text, kind text")
	for _, b := range l.begun {
		if b.who.house != house {
			continue
		}
		state, asked := "active", id.Membership{}
		if !b.completed.IsZero() {
			state = "completed"
		}
		if b.asked != "" {
			asked = memberID(b.asked)
		}
		var atOrg id.Org
		next, goesOn := b.next()
		if goesOn {
			atOrg = next.owner
		}
		en.add(b.who.org, id.Derive[id.Enrollment](space, b.who.person.Email+"/"+b.it.ID.String()), b.who.member, b.it.OrgID, b.it.ID, b.ed.version, b.origin, b.ref,
			b.done, len(b.leaves), state, atOrg, next.Item, next.Lesson, b.part, b.due, asked, b.reason, b.start, b.last, b.completed, b.it.Title, b.it.Kind)
	}
	co := into("completions", "org_id uuid, membership_id uuid, item_org uuid, item_id uuid, lesson_key text, version integer, at timestamptz")
	for _, who := range l.people[house] {
		for _, f := range slices.SortedFunc(maps.Keys(who.finished), func(a, b courses.Leaf) int {
			return cmp.Or(bytes.Compare(a.Item.UUID[:], b.Item.UUID[:]), strings.Compare(a.Lesson, b.Lesson))
		}) {
			v := l.versions[who][f]
			co.add(who.org, who.member, v.owner, f.Item, f.Lesson, v.version, who.finished[f])
		}
	}
	at := into("attempts", "org_id uuid, attempt_id uuid, membership_id uuid, item_org uuid, item_id uuid, version integer, lesson_key text, question_key text, choices integer[], words text, correct boolean, at timestamptz")
	for i, a := range l.attempts {
		if a.who.house == house {
			at.add(a.who.org, id.Derive[id.Any](space, fmt.Sprintf("attempt/%d", i)), a.who.member, a.leaf.owner, a.leaf.Item, a.leaf.version, a.leaf.Lesson, a.question, a.choices, a.words, a.right, a.at)
		}
	}
	return []*table{en, co, at}
}

// stream is the statements of a house.
func (s *seeder) stream(l *lives, house string) *table {
	t := into("statements", "org_id uuid, at timestamptz, statement_id uuid, membership_id uuid, verb text, object_org uuid, object_kind text, object_id uuid, object_part text, formal boolean, pull boolean, minutes integer, context jsonb")
	for i, st := range l.statements {
		if st.who.house != house {
			continue
		}
		if st.context == nil {
			st.context = map[string]any{}
		}
		t.add(st.who.org, st.at, id.Derive[id.Any](space, fmt.Sprintf("statement/%d", i)), st.who.member, st.verb, st.org, st.kind, st.object, st.part, st.formal, st.pull, st.minutes, st.context)
	}
	return t
}

func (s *seeder) reactions(house string) *table {
	t := into("reactions", "org_id uuid, membership_id uuid, post_org uuid, post_id uuid, kind text, at timestamptz")
	for _, r := range s.thanks {
		if r.house == house {
			t.add(orgID(house), memberID(r.email), r.org, r.post, r.kind, r.at)
		}
	}
	return t
}

// usual is what people look for and find.
var usual = map[string][]string{ //nolint:gochecknoglobals // A constant table.
	"en": {"ice bath", "alarm groups", "door alarms", "night shift", "probe", "mapping", "report", "audit", "corrective action", "training records"},
	"de": {"eisbad", "fuhlerprufung", "kuhlkette", "rampe", "alarm"},
}

// searches is what a house looked for, found or not, per day.
func (s *seeder) searches(cat *catalog, house string) *table {
	t := into("search_events", "org_id uuid, day date, q_norm text, lang text, results text, n integer")
	own := orgID(house)
	rng := chance(s.w.year.Seed, "searches/"+house)
	type key struct{ day, q, lang, results string }
	count := map[key]int{}
	look := func(q, lang, results string, times, days int) {
		for range times {
			d := s.cal.today.AddDate(0, 0, -1-rng.IntN(days))
			count[key{d.Format(time.DateOnly), words(q), lang, results}]++
		}
	}
	for _, f := range s.w.year.Failed {
		if f.Org == house {
			look(f.Q, language(f.Q), "none", f.Count, 45)
		}
	}
	people := 0
	if o := s.w.org(house); o != nil {
		people = len(o.People)
	}
	for _, f := range s.w.year.Typos {
		if it := cat.byRef[f.Item]; it != nil && cat.visible[house][it.ID] && people > 0 {
			look(f.Q, language(f.Q), "few", 1+rng.IntN(3), 90)
		}
	}
	for _, lang := range slices.Sorted(maps.Keys(usual)) {
		for _, q := range usual[lang] {
			look(q, lang, "many", people/4+rng.IntN(max(1, people/2)), 120)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(count), func(a, b key) int {
		return cmp.Or(strings.Compare(a.day, b.day), strings.Compare(a.q, b.q), strings.Compare(a.lang, b.lang), strings.Compare(a.results, b.results))
	}) {
		t.add(own, k.day, k.q, k.lang, k.results, count[k])
	}
	return t
}

// language is that of a search of the files: German nouns are written large.
func language(q string) string {
	if strings.IndexFunc(q, unicode.IsUpper) >= 0 {
		return "de"
	}
	return "en"
}

// words is a question as it is counted: its words, lower case and without accents, in alphabetical order.
func words(q string) string {
	q = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(strings.ToLower(q)))
	list := strings.FieldsFunc(strings.ReplaceAll(q, "ß", "ss"), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(list)
	return strings.Join(slices.Compact(list), " ")
}

// touches is how often the stories of a house were read, and what was begun and finished from there.
func (s *seeder) touches(l *lives, house string) *table {
	t := into("touches", "org_id uuid, item_id uuid, day date, what text, n integer")
	own := orgID(house)
	rng := chance(s.w.year.Seed, "touches/"+house)
	type key struct {
		item id.Item
		day  string
		what string
	}
	count := map[key]int{}
	opened := map[string]float64{}
	for _, c := range s.w.year.Campaign.Items {
		opened[c.Item] = float64(c.Opened)
	}
	var stories []*thing
	for _, it := range l.cat.things {
		if it.Kind == tenants.KindStory {
			stories = append(stories, it)
		}
	}
	for _, m := range s.w.year.Months {
		from, to, err := l.span(m)
		if err != nil {
			continue // Said when the year was lived.
		}
		// What of the month's readers came to this house's stories: those of a campaign in its weeks, otherwise new ones first.
		weight := func(it *thing) float64 {
			if it.Published.After(to) {
				return 0
			}
			if n, ok := opened[it.ref()]; ok && !s.w.year.Campaign.From.IsZero() && from.Before(s.cal.on(s.w.year.Campaign.To, 0, 0)) && to.After(s.cal.on(s.w.year.Campaign.From, 0, 0)) {
				return n
			}
			if _, ok := opened[it.ref()]; ok && it.Slug == "harvest-brochure" {
				return 0.5
			}
			age := to.Sub(it.Published).Hours() / 24 / 30
			return 60 / (1 + age)
		}
		sum := 0.0
		for _, it := range stories {
			sum += weight(it)
		}
		for _, it := range stories {
			if it.Org != house || sum == 0 {
				continue
			}
			n := int(math.Round(float64(m.Visitors) * weight(it) / sum))
			start := later(from, it.Published)
			for range n {
				day := l.cal.past(start.Add(time.Duration(rng.Int64N(max(1, int64(to.Sub(start))))))).Format(time.DateOnly)
				count[key{it.ID, day, marketing.Seen}]++
				// Readers without an account begin on their device.
				if rng.Float64() < 0.045 {
					count[key{it.ID, day, marketing.Started}]++
					if rng.Float64() < 0.4 {
						count[key{it.ID, day, marketing.Completed}]++
					}
				}
			}
		}
	}
	for _, b := range l.begun {
		if b.origin != courses.OriginStory {
			continue
		}
		story, err := id.Parse[id.Item](b.ref)
		if it := l.cat.byID[story]; err == nil && it != nil && it.Org == house {
			count[key{story, b.start.Format(time.DateOnly), marketing.Started}]++
			if !b.completed.IsZero() {
				count[key{story, b.completed.Format(time.DateOnly), marketing.Completed}]++
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(count), func(a, b key) int {
		return cmp.Or(bytes.Compare(a.item.UUID[:], b.item.UUID[:]), strings.Compare(a.day, b.day), strings.Compare(a.what, b.what))
	}) {
		t.add(own, k.item, k.day, k.what, count[k])
	}
	return t
}

// elsewhere counts who finished what, of the people who have no house here: the totals about the others are released.
func (l *lives) elsewhere() map[id.Item]int {
	out := map[id.Item]int{}
	for _, m := range l.w.year.Months {
		for ref, starts := range m.Starts {
			for who, n := range starts {
				if it := l.cat.byRef[ref]; it != nil && l.w.org(who) == nil {
					out[it.ID] += int(math.Round(float64(n) * rate(l.w.year.Rhythm.FinishRate, ref)))
				}
			}
		}
	}
	return out
}

// reindex writes the search documents of all houses and counts their words.
func (s *seeder) reindex(ctx context.Context) error {
	if err := each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		return s.d.Search.ReindexOrg(jobs.Enter(ctx, scope.Indexer, orgID(o.Slug)), orgID(o.Slug))
	}); err != nil {
		return err
	}
	return s.d.Search.RebuildLexicon(jobs.Enter(ctx, scope.Indexer, id.Org{}))
}
