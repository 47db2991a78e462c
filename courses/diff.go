package courses

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sergi/go-diff/diffmatchpatch"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The kinds of a change between two versions.
const (
	ChangeNew     = "new"
	ChangeChanged = "changed" // other words, another title or length; it may have moved as well
	ChangeMoved   = "moved"
	ChangeGone    = "gone"
)

// VersionDiff is what is different in a later version of a path or course, as far as the viewer may see it.
type VersionDiff struct {
	From, To  int
	Published time.Time // the later one
	Note      string    // what its author says is new
	Changes   []Change  // in the later order; what is gone stands where it was
	Same      []string  // titles of what stays as it is
}

// Count is how many changes are of the kind.
func (d VersionDiff) Count(kind string) (n int) {
	for _, c := range d.Changes {
		if c.Kind == kind {
			n++
		}
	}
	return n
}

// Change is one step or lesson that is different.
type Change struct {
	Kind         string
	Key          string
	Title, Was   string // Was is the former title, "" if it is the same
	Minutes, Old int    // in the later and the former version
	Place        int    // from 1, in the later version; of what is gone, in the former
	Moved        bool
	Words        []Words  // of the text, the parts that are different with some words around
	Other        bool     // its questions, pictures or files are different
	Rules        bool     // its note or section, whether it has to be finished, or what before it
	Lessons      []Change // of a course that is a step
}

// Words are words of a text that stay, came in or were taken out.
type Words struct {
	Kind string // "" for what stays, WordsIn, WordsOut, WordsCut
	Text string
}

// The kinds of Words. Cut stands for words that are left out because they are the same.
const (
	WordsIn  = "in"
	WordsOut = "out"
	WordsCut = "cut"
)

// unit is a step of a path or a lesson of a course in one version.
type unit struct {
	key, title string
	kind       string
	minutes    int
	of         edition // what holds its text
	lesson     string  // key of the text; "" for a course, story or resource
	lessons    []LessonRef
	rules      Rules
}

// units lists a version's steps or lessons in order. Steps that lead to an item for which visible says no are left out.
func units(e edition, o Outline, visible func(id.Item) bool) []unit {
	var out []unit
	for _, l := range o.Lessons() {
		out = append(out, lessonUnit(e, l))
	}
	for _, s := range o.Steps {
		switch {
		case s.Item == e.Item:
			out = append(out, unit{key: s.Key, title: s.Title, kind: s.Kind, minutes: s.Minutes, of: e, lesson: s.Key, rules: s.Rules})
		case visible(s.Item):
			out = append(out, unit{key: s.Key, title: s.Title, kind: s.Kind, minutes: s.Minutes, of: edition{s.Org, s.Item, s.Version}, lessons: s.Lessons, rules: s.Rules})
		}
	}
	return out
}

func lessonUnit(e edition, l LessonRef) unit {
	return unit{key: l.Key, title: l.Title, kind: l.Kind, minutes: l.Minutes, of: e, lesson: l.Key}
}

// body is a lesson's text in one version.
type body struct {
	Item    id.Item `db:"item_id"`
	Version int     `db:"version"`
	Key     string  `db:"key"`
	Source  string  `db:"source"`
}

type bodyKey struct {
	item    id.Item
	version int
	key     string
}

// diffLessons bounds how many lessons of both versions are compared word by word.
const diffLessons = 400

// diff compares two versions of an item that the viewer was found to see.
func (s *Service) diff(ctx context.Context, it tenants.Item, from, to int) (*VersionDiff, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	old, next := edition{it.OrgID, it.ItemID, from}, edition{it.OrgID, it.ItemID, to}
	list, err := s.read(ctx, old, next)
	if err != nil {
		return nil, err
	}
	// Courses of the path in a version that is another in it, and the versions themselves.
	want := []edition{old, next}
	var steps []id.Item
	for _, st := range append(slices.Clone(list[old].Steps), list[next].Steps...) {
		if st.Item != it.ItemID {
			steps = append(steps, st.Item)
			if st.Kind == StepCourse {
				want = append(want, edition{st.Org, st.Item, st.Version})
			}
		}
	}
	orgs, items, versions := make([]id.Org, len(want)), make([]id.Item, len(want)), make([]int, len(want))
	for i, e := range want {
		orgs[i], items[i], versions[i] = e.Org, e.Item, e.Version
	}
	var bodies []body
	var sees []tenants.Item
	d := &VersionDiff{From: from, To: to}
	var mark struct {
		Note string    `db:"note"`
		At   time.Time `db:"published_at"`
	}
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &mark, &found, `SELECT v.note, v.published_at FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version = $3`, it.OrgID, it.ItemID, to)
		tenants.SeeItems(b, &sees, sc, steps)
		db.List(b, &bodies, `SELECT DISTINCT l.item_id, l.version, l.key, l.source FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS w(org_id, item_id, version)
			JOIN lessons l ON l.org_id = w.org_id AND l.item_id = w.item_id AND l.version = w.version ORDER BY l.item_id, l.version, l.key LIMIT $4`, orgs, items, versions, diffLessons)
	}); err != nil {
		return nil, err
	}
	if !found {
		return nil, errs.New(errs.NotFound, "version %d of %s", to, it.ItemID)
	}
	d.Note, d.Published = mark.Note, mark.At
	texts := map[bodyKey]string{}
	for _, b := range bodies {
		texts[bodyKey{b.Item, b.Version, b.Key}] = b.Source
	}
	visible := func(i id.Item) bool {
		return slices.ContainsFunc(sees, func(x tenants.Item) bool { return x.ItemID == i })
	}
	d.Changes, d.Same = compare(units(old, list[old], visible), units(next, list[next], visible), texts)
	return d, nil
}

// compare finds what is different in next: by stable keys, so that a new title or place is seen as that.
func compare(old, next []unit, texts map[bodyKey]string) (out []Change, same []string) {
	at := func(list []unit, key string) int {
		return slices.IndexFunc(list, func(u unit) bool { return u.key == key })
	}
	still := inOrder(old, next)
	gone := func(before int) {
		for i := before; i < len(old) && at(next, old[i].key) < 0; i++ {
			out = append(out, Change{Kind: ChangeGone, Key: old[i].key, Title: old[i].title, Old: old[i].minutes, Place: i + 1})
		}
	}
	gone(0)
	for n, u := range next {
		i := at(old, u.key)
		if i < 0 {
			out = append(out, Change{Kind: ChangeNew, Key: u.key, Title: u.title, Minutes: u.minutes, Place: n + 1})
			continue
		}
		c := Change{Kind: ChangeChanged, Key: u.key, Title: u.title, Minutes: u.minutes, Old: old[i].minutes, Place: n + 1, Moved: !still[u.key]}
		if old[i].title != u.title {
			c.Was = old[i].title
		}
		c.content(old[i], u, texts)
		c.Rules = !old[i].rules.equal(u.rules)
		switch {
		case c.Was != "" || len(c.Words) > 0 || c.Other || c.Rules || len(c.Lessons) > 0 || c.Minutes != c.Old:
			out = append(out, c)
		case c.Moved:
			c.Kind = ChangeMoved
			out = append(out, c)
		default:
			same = append(same, u.title)
		}
		gone(i + 1)
	}
	return out, same
}

// content compares what two units hold.
func (c *Change) content(old, next unit, texts map[bodyKey]string) {
	switch {
	case old.lesson != "" && next.lesson != "":
		a, b := texts[bodyKey{old.of.Item, old.of.Version, old.lesson}], texts[bodyKey{next.of.Item, next.of.Version, next.lesson}]
		if a != b {
			// Not the words that were kept for the search: those of an old version may have been taken out of its text in another way.
			c.Words = changedWords(markdown.Plain(a), markdown.Plain(b))
			c.Other = len(c.Words) == 0
		}
	case old.of.Item != next.of.Item || old.kind != next.kind:
		c.Other = true
	case old.of.Version != next.of.Version:
		var was, is []unit
		for _, l := range old.lessons {
			was = append(was, lessonUnit(old.of, l))
		}
		for _, l := range next.lessons {
			is = append(is, lessonUnit(next.of, l))
		}
		c.Lessons, _ = compare(was, is, texts)
	}
}

// inOrder is what of next stands in the order of old; what is in both and not in it has moved.
func inOrder(old, next []unit) map[string]bool {
	place := map[string]rune{}
	for i, u := range append(slices.Clone(old), next...) {
		if _, ok := place[u.key]; !ok {
			place[u.key] = rune(i + 1) // Fewer than there are surrogates to meet: a version has some hundreds of lessons at most.
		}
	}
	names := map[rune]string{}
	runes := func(list, other []unit) (out []rune) {
		for _, u := range list {
			if slices.ContainsFunc(other, func(o unit) bool { return o.key == u.key }) {
				out, names[place[u.key]] = append(out, place[u.key]), u.key
			}
		}
		return out
	}
	out := map[string]bool{}
	for _, d := range diffmatchpatch.New().DiffMainRunes(runes(old, next), runes(next, old), false) {
		if d.Type == diffmatchpatch.DiffEqual {
			for _, r := range d.Text {
				out[names[r]] = true
			}
		}
	}
	return out
}

// around is how many words that are the same stand on either side of those that are not.
const around = 14

// changedWords compares two texts word by word; nil if they have the same words.
func changedWords(old, next string) []Words {
	lines := func(s string) string {
		var b strings.Builder
		for w := range strings.FieldsSeq(s) {
			b.WriteString(w + "\n")
		}
		return b.String()
	}
	m := diffmatchpatch.New()
	m.DiffTimeout = 300 * time.Millisecond // Above it the parts are coarser, and still right.
	a, b, words := m.DiffLinesToRunes(lines(old), lines(next))
	diffs := m.DiffCharsToLines(m.DiffCleanupSemantic(m.DiffMainRunes(a, b, false)), words)
	var out []Words
	changed := false
	for i, d := range diffs {
		f := strings.Fields(d.Text)
		switch d.Type {
		case diffmatchpatch.DiffInsert:
			out, changed = append(out, Words{WordsIn, strings.Join(f, " ")}), true
		case diffmatchpatch.DiffDelete:
			out, changed = append(out, Words{WordsOut, strings.Join(f, " ")}), true
		default:
			head, tail := around, around
			if i == 0 {
				head = 0
			}
			if i == len(diffs)-1 {
				tail = 0
			}
			if len(f) <= head+tail+4 {
				out = append(out, Words{"", strings.Join(f, " ")})
				continue
			}
			if head > 0 {
				out = append(out, Words{"", strings.Join(f[:head], " ")})
			}
			out = append(out, Words{WordsCut, "…"})
			if tail > 0 {
				out = append(out, Words{"", strings.Join(f[len(f)-tail:], " ")})
			}
		}
	}
	if !changed {
		return nil
	}
	return out
}
