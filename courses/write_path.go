package courses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Plan is what authors write of a path beside its head, the texts of its own lessons and its files.
type Plan struct {
	Steps         []PlanStep `json:"steps,omitempty"`
	Removed       []PlanStep `json:"removed,omitempty"`        // taken out; they can be put back until the path is published
	NoProposition bool       `json:"no_proposition,omitempty"` // adopters write no value proposition on it
	Begin         *PlanSlot  `json:"begin,omitempty"`          // adopters may add steps before the first one
}

// PlanStep is a step while its path is written.
type PlanStep struct {
	Key     string  `json:"key"` // stable over versions; of an own lesson, that of its text
	Kind    string  `json:"kind"`
	Item    id.Item `json:"item,omitzero"`     // what it leads to; zero for an own lesson
	Title   string  `json:"title,omitempty"`   // "" for that of the item; an own lesson has one of its own
	Minutes int     `json:"minutes,omitempty"` // 0 for those of the item

	Rules

	Slot    *PlanSlot `json:"slot,omitempty"`    // adopters may add steps behind it
	NoNote  bool      `json:"no_note,omitempty"` // adopters write no note beside it
	Edition int       `json:"edition,omitempty"` // counts its changes: who changes an older one is told
}

// PlanSlot is a place where adopters may add steps of their own.
type PlanSlot struct {
	Key        string `json:"key,omitempty"` // "" for a new one
	Suggestion string `json:"suggestion,omitempty"`
}

// PlanRow is a step as the desk shows it. Of a step that leads where the authors may not go any more, nothing is known but its place.
type PlanRow struct {
	PlanStep

	Shown   string // its title as learners see it; "" for what has closed
	Takes   int    // minutes
	Closed  bool
	Leads   tenants.Item         // what it leads to; zero for an own lesson and for what has closed
	Owner   tenants.Organization // of what it leads to
	Empty   bool                 // an own lesson without a text
	Waiting []string             // titles of the steps for which it waits
	Meets   string               // of an own lesson in which people meet: the kind of what they do, markdown.Live or markdown.Group
}

// Is is of what kind the step is to a learner.
func (r PlanRow) Is() string { return cmp.Or(r.Meets, r.Kind) }

// Bounds of a path.
const (
	stepsMost = 100
	needsMost = 20
	lineMost  = 300
)

func (p *Plan) step(key string) int {
	return slices.IndexFunc(p.Steps, func(s PlanStep) bool { return s.Key == key })
}

// arrange puts steps of one section together, where its first one stands; steps without a section come first.
func (p *Plan) arrange() {
	order := map[string]int{"": -1}
	for i, s := range p.Steps {
		if _, ok := order[s.Section]; !ok {
			order[s.Section] = i
		}
	}
	slices.SortStableFunc(p.Steps, func(a, b PlanStep) int { return order[a.Section] - order[b.Section] })
}

// freeKey is a key that no step of the plan has, nor any lesson.
func (p *Plan) freeKey(title string, lessons []string) string {
	base := tenants.Slugify(title)
	taken := func(key string) bool {
		return p.step(key) >= 0 || slices.Contains(lessons, key) || slices.ContainsFunc(p.Removed, func(s PlanStep) bool { return s.Key == key })
	}
	key := base
	for n := 2; taken(key); n++ {
		key = base + "-" + strconv.Itoa(n)
	}
	return key
}

// steps are the plan's steps for the rules.
func (p *Plan) rules() []Step {
	out := make([]Step, len(p.Steps))
	for i, s := range p.Steps {
		out[i] = Step{Key: s.Key, Rules: s.Rules}
	}
	return out
}

// planOf is the plan that a published version came from. What a step says of its own is what differs from what its item says.
func planOf(o Outline, self id.Item, items []tenants.Item) Plan {
	p := Plan{NoProposition: o.NoProposition, Begin: planSlot(o.Slots, "")}
	for _, s := range o.Steps {
		step := PlanStep{Key: s.Key, Kind: s.Kind, Rules: s.Rules, Slot: planSlot(o.Slots, s.Key), NoNote: slices.Contains(o.NoNotes, s.Key)}
		if s.Item != self {
			step.Item, step.Title, step.Minutes = s.Item, s.Title, s.Minutes
			if i := slices.IndexFunc(items, func(it tenants.Item) bool { return it.ItemID == s.Item }); i >= 0 {
				if items[i].Title == s.Title {
					step.Title = ""
				}
				if items[i].Minutes == s.Minutes {
					step.Minutes = 0
				}
			}
		}
		p.Steps = append(p.Steps, step)
	}
	return p
}

func planSlot(slots []Slot, after string) *PlanSlot {
	i := slices.IndexFunc(slots, func(s Slot) bool { return s.After == after })
	if i < 0 {
		return nil
	}
	return &PlanSlot{slots[i].Key, slots[i].Suggestion}
}

// plan is the plan of a path that was brought, its steps with the keys that publishing would give them. What they lead to may be a draft
// itself, which came with it: the step opens when that is published.
func (p *Planned) plan(tx *db.Tx, brought map[string]id.Item) (Plan, error) {
	if err := p.resolve(tx, brought); err != nil {
		return Plan{}, err
	}
	d := &p.Path
	var leads []id.Item
	for _, s := range d.Steps {
		leads = append(leads, s.Item)
	}
	items, err := db.Rows[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.item_id = ANY($2) AND (i.org_id = $1 OR `+tenants.Seen("$1")+`)`, tx.Scope.Org, leads)
	if err != nil {
		return Plan{}, err
	}
	out := Plan{NoProposition: d.NoProposition, Begin: planSlot(d.Slots, "")}
	for i := range d.Steps {
		s := &d.Steps[i]
		if s.Kind == StepLesson {
			s.Lesson.Title, s.Lesson.Minutes = cmp.Or(s.Lesson.Title, s.Title), cmp.Or(s.Lesson.Minutes, s.Minutes)
			s.Lesson.Key = cmp.Or(s.Lesson.Key, s.Key, tenants.Slugify(s.Lesson.Title))
			s.Key, s.Title, s.Minutes = s.Lesson.Key, "", 0
		} else if j := slices.IndexFunc(items, func(it tenants.Item) bool { return it.ItemID == s.Item }); s.Key == "" && j >= 0 {
			s.Key = tenants.Slugify(cmp.Or(s.Title, items[j].Title))
		}
		out.Steps = append(out.Steps, PlanStep{Key: s.Key, Kind: s.Kind, Item: s.Item, Title: s.Title, Minutes: s.Minutes, Rules: s.Rules, Slot: planSlot(d.Slots, s.Key), NoNote: slices.Contains(d.NoNotes, s.Key)})
	}
	return out, nil
}

// draft is the path that the plan stands for.
func (v ManuscriptView) path() PathDraft {
	d := PathDraft{
		Item:    tenants.Item{ItemID: v.Item, Title: v.Title, Slug: v.Slug, Summary: v.Summary, Lang: v.Lang, Level: v.Level, Topics: v.Topics},
		Outcome: v.Outcome, Intro: v.Intro, Note: v.Note, Files: v.Files, NoProposition: v.Plan.NoProposition,
	}
	slot := func(s *PlanSlot, after, key string) {
		if s == nil {
			return
		}
		if s.Key != "" {
			key = s.Key
		}
		d.Slots = append(d.Slots, Slot{Key: key, After: after, Suggestion: s.Suggestion})
	}
	slot(v.Plan.Begin, "", "beginning")
	for _, s := range v.Plan.Steps {
		step := StepDraft{Key: s.Key, Kind: s.Kind, Item: s.Item, Title: s.Title, Minutes: s.Minutes, Rules: s.Rules}
		if s.Kind == StepLesson {
			l := v.lesson(s.Key)
			step.Lesson = LessonDraft{Key: s.Key, Title: l.Title, Kind: l.Kind, Minutes: l.Minutes, Source: l.Source, Name: l.Name, Lang: l.Lang, Licence: l.Licence, Origin: l.Origin, Texts: l.Texts}
		}
		d.Steps = append(d.Steps, step)
		slot(s.Slot, s.Key, "after-"+s.Key)
		if s.NoNote {
			d.NoNotes = append(d.NoNotes, s.Key)
		}
	}
	return d
}

// lesson is the text of an own lesson.
func (v *ManuscriptView) lesson(key string) ManuscriptLesson {
	if i := slices.IndexFunc(v.Lessons, func(l ManuscriptLesson) bool { return l.Key == key }); i >= 0 {
		return v.Lessons[i]
	}
	return ManuscriptLesson{Key: key}
}

// rows fills the steps as the desk shows them, from what they lead to as far as the authors may see it.
func (v *ManuscriptView) rows(items []tenants.Item) {
	row := func(s PlanStep) PlanRow {
		r := PlanRow{PlanStep: s, Shown: s.Title, Takes: s.Minutes}
		if s.Kind == StepLesson {
			l := v.lesson(s.Key)
			r.Shown, r.Takes, r.Empty = l.Title, v.Minutes[s.Key], strings.TrimSpace(l.Source) == ""
			r.Meets = meetsIn(l.Source)
			return r
		}
		i := slices.IndexFunc(items, func(it tenants.Item) bool { return it.ItemID == s.Item && it.Kind == s.Kind })
		if i < 0 {
			return PlanRow{PlanStep: PlanStep{Key: s.Key, Kind: s.Kind, Item: s.Item, Rules: s.Rules, Slot: s.Slot, NoNote: s.NoNote, Edition: s.Edition}, Closed: true}
		}
		r.Leads = items[i]
		if r.Shown == "" {
			r.Shown = r.Leads.Title
		}
		if r.Takes == 0 {
			r.Takes = r.Leads.Minutes
		}
		return r
	}
	for _, s := range v.Plan.Steps {
		v.Steps = append(v.Steps, row(s))
	}
	for _, s := range v.Plan.Removed {
		v.Out = append(v.Out, row(s))
	}
	for i := range v.Steps {
		for _, n := range v.Steps[i].Needs {
			if j := v.Plan.step(n); j >= 0 {
				v.Steps[i].Waiting = append(v.Steps[i].Waiting, v.Steps[j].Shown)
			}
		}
	}
}

// leadsTo is a query for the items that the steps of the plan of $2 of the organization $1 lead to, as far as it may link to them.
var leadsTo = `SELECT ` + tenants.ItemColumns + ` FROM (SELECT DISTINCT (s->>'item')::uuid AS id FROM course_drafts d
		CROSS JOIN LATERAL jsonb_array_elements(coalesce(d.plan->'steps', '[]') || coalesce(d.plan->'removed', '[]')) s WHERE d.org_id = $1 AND d.item_id = $2) l
	JOIN items i ON i.item_id = l.id WHERE ` + linkable + ` LIMIT 500`

// linkable is the condition under which a step of a path of the organization $1 may lead to the item with the alias i: it is published and
// theirs, or opened to them. Whoever learns the path needs the same for themselves.
var linkable = `i.kind IN ('course', 'story', 'resource') AND i.state = 'published' AND ` + tenants.Seen("$1")

// Linkable lists what a step can lead to and the title of which has the words: own items first, then what others opened, by title.
func (s *Service) Linkable(ctx context.Context, words string, limit int) ([]Card, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var list []tenants.Item
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &list, linkableSQL, sc.Org, db.Like(words), min(max(limit, 1), 100))
	}); err != nil {
		return nil, err
	}
	ids := make([]id.Org, len(list))
	for i, it := range list {
		ids[i] = it.OrgID
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]Card, len(list))
	for i, it := range list {
		out[i] = Card{Item: it, Org: orgs[it.OrgID]}
	}
	return out, nil
}

// linkableSQL reads own items by their title and, of what is open, the newest of each collection.
var linkableSQL = `SELECT ` + tenants.ItemColumns + ` FROM (
		(SELECT i.org_id, i.item_id FROM items i WHERE i.org_id = $1 AND i.kind IN ('course', 'story', 'resource') AND i.state = 'published' AND lower(i.title) LIKE $2 ORDER BY lower(i.title), i.item_id LIMIT $3)
		UNION
		SELECT o.org_id, o.item_id FROM open_items('{course,story,resource}', NULL, NULL, NULL, 500) o) l
	JOIN items i ON i.org_id = l.org_id AND i.item_id = l.item_id WHERE lower(i.title) LIKE $2 AND ` + linkable + `
	ORDER BY i.org_id <> $1, lower(i.title), i.item_id LIMIT $3`

// planned changes the plan of a path that is written. NotFound for a course.
func (s *Service) planned(ctx context.Context, item id.Item, fn func(*db.Tx, Manuscript, *Plan) error) error {
	return s.manuscript(ctx, item, func(tx *db.Tx, m Manuscript) error {
		if m.Kind != tenants.KindPath {
			return errs.New(errs.NotFound, "steps of the %s %s", m.Kind, item)
		}
		p := m.Plan
		if err := fn(tx, m, &p); err != nil {
			return err
		}
		p.arrange()
		return tx.Must(`UPDATE course_drafts SET plan = $3, saved_by = $4, saved_at = $5 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item, p, memberOrNil(tx.Scope.Membership), tx.Now)
	})
}

func roomForSteps(p *Plan) error {
	if len(p.Steps)+len(p.Removed) >= stepsMost {
		return errs.Say(errs.Invalid, "pathwrite.fault.many", "Most", stepsMost)
	}
	return nil
}

// section is the section of the last step: what is added goes on there.
func (p *Plan) section() string {
	if len(p.Steps) == 0 {
		return ""
	}
	return p.Steps[len(p.Steps)-1].Section
}

func draftKeys(tx *db.Tx, item id.Item) ([]string, error) {
	return db.Rows[string](tx, `SELECT l.key FROM draft_lessons l WHERE l.org_id = $1 AND l.item_id = $2 LIMIT 2000`, tx.Scope.Org, item)
}

// AddStep adds a step at the end of a path that leads to an item, and returns its key. NotFound for what the authors may not link to (see
// Linkable); Invalid for what is a step already.
func (s *Service) AddStep(ctx context.Context, item, to id.Item) (key string, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return "", err
	}
	err = s.planned(ctx, item, func(tx *db.Tx, _ Manuscript, p *Plan) error {
		it, err := db.Row[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.item_id = $2 AND `+linkable, tx.Scope.Org, to)
		if err != nil {
			return fmt.Errorf("a step leads to %s: %w", to, err)
		}
		if slices.ContainsFunc(p.Steps, func(s PlanStep) bool { return s.Item == to }) {
			return errs.Say(errs.Invalid, "pathwrite.fault.twice", "Title", it.Title)
		}
		if err := roomForSteps(p); err != nil {
			return err
		}
		lessons, err := draftKeys(tx, item)
		if err != nil {
			return err
		}
		key = p.freeKey(it.Title, lessons)
		p.Steps = append(p.Steps, PlanStep{Key: key, Kind: it.Kind, Item: it.ItemID, Rules: Rules{Section: p.section()}, Edition: 1})
		return nil
	})
	return key, err
}

// AddStepLesson adds a lesson of the path's own at its end and returns its key. Invalid without a title.
func (s *Service) AddStepLesson(ctx context.Context, item id.Item, title, source string) (key string, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return "", err
	}
	if title = strings.TrimSpace(title); title == "" || utf8.RuneCountInString(title) > 200 {
		return "", errs.Fields(errs.Field{Name: "lesson", Key: "write.fault.lesson_title"})
	}
	err = s.planned(ctx, item, func(tx *db.Tx, _ Manuscript, p *Plan) error {
		if err := roomForSteps(p); err != nil {
			return err
		}
		lessons, err := draftKeys(tx, item)
		if err != nil {
			return err
		}
		key = p.freeKey(title, lessons)
		p.Steps = append(p.Steps, PlanStep{Key: key, Kind: StepLesson, Rules: Rules{Section: p.section()}, Edition: 1})
		return tx.Must(`INSERT INTO draft_lessons (org_id, item_id, key, position, title, source, saved_by, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			tx.Scope.Org, item, key, len(p.Steps), title, source, memberOrNil(tx.Scope.Membership), tx.Now)
	})
	return key, err
}

// MoveStep moves a step by one place; at the edge of its section it becomes the next section's.
func (s *Service) MoveStep(ctx context.Context, item id.Item, key string, up bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.planned(ctx, item, func(_ *db.Tx, _ Manuscript, p *Plan) error {
		i := p.step(key)
		j := i + 1
		if up {
			j = i - 1
		}
		switch {
		case i < 0:
			return errs.New(errs.NotFound, "step %q", key)
		case j < 0 || j >= len(p.Steps):
		case p.Steps[i].Section != p.Steps[j].Section:
			p.Steps[i].Section = p.Steps[j].Section
		default:
			p.Steps[i], p.Steps[j] = p.Steps[j], p.Steps[i]
		}
		return nil
	})
}

// PlaceStep puts a step before or behind another one, into its section. NotFound for a step that is not there.
func (s *Service) PlaceStep(ctx context.Context, item id.Item, key, at string, behind bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.planned(ctx, item, func(_ *db.Tx, _ Manuscript, p *Plan) error {
		i, j := p.step(key), p.step(at)
		if i < 0 || j < 0 {
			return errs.New(errs.NotFound, "step %q at %q", key, at)
		}
		p.Steps[i].Section = p.Steps[j].Section
		p.Steps = placeAt(p.Steps, i, j, behind)
		return nil
	})
}

// placeAt puts what stands at i before or behind what stands at j.
func placeAt[T any](list []T, i, j int, behind bool) []T {
	if i == j {
		return list
	}
	x := list[i]
	list = slices.Delete(list, i, i+1)
	if i < j {
		j--
	}
	if behind {
		j++
	}
	return slices.Insert(list, j, x)
}

// RemoveStep takes a step out of a path, or with back puts one in again at the end of its section.
func (s *Service) RemoveStep(ctx context.Context, item id.Item, key string, back bool) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	return s.planned(ctx, item, func(_ *db.Tx, _ Manuscript, p *Plan) error {
		from, to := &p.Steps, &p.Removed
		if back {
			from, to = to, from
		}
		i := slices.IndexFunc(*from, func(s PlanStep) bool { return s.Key == key })
		if i < 0 {
			return errs.New(errs.NotFound, "step %q", key)
		}
		*to = append(*to, (*from)[i])
		*from = slices.Delete(*from, i, i+1)
		return nil
	})
}

// RenameSection changes the title of a section; steps of two sections with the same title stand together.
func (s *Service) RenameSection(ctx context.Context, item id.Item, from, to string) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	if to = strings.TrimSpace(to); utf8.RuneCountInString(to) > 200 {
		return errs.Fields(errs.Field{Name: "section", Key: "write.fault.long", Args: []any{"Most", 200}})
	}
	return s.planned(ctx, item, func(_ *db.Tx, _ Manuscript, p *Plan) error {
		for i := range p.Steps {
			if p.Steps[i].Section == from {
				p.Steps[i].Section = to
			}
		}
		return nil
	})
}

func (s *PlanStep) bad() error {
	var f []errs.Field
	for _, t := range []struct {
		name, text string
		most       int
	}{{"title", s.Title, 200}, {"note", s.Note, lineMost}, {"section", s.Section, 200}, {"either", s.Either, 60}} {
		if utf8.RuneCountInString(t.text) > t.most {
			f = append(f, errs.Field{Name: t.name, Key: "write.fault.long", Args: []any{"Most", t.most}})
		}
	}
	if s.Slot != nil && utf8.RuneCountInString(s.Slot.Suggestion) > additionLine {
		f = append(f, errs.Field{Name: "suggestion", Key: "write.fault.long", Args: []any{"Most", additionLine}})
	}
	if s.Minutes < 0 || s.Minutes > 24*60 {
		f = append(f, errs.Field{Name: "minutes", Key: "pathwrite.fault.minutes"})
	}
	if len(s.Needs) > needsMost {
		f = append(f, errs.Field{Name: "needs", Key: "pathwrite.fault.needs", Args: []any{"Most", needsMost}})
	}
	if len(f) > 0 {
		return errs.Fields(f...)
	}
	return nil
}

// SaveStep changes how a step stands in its path and returns its edition. Conflict if somebody changed it since the edition that it has:
// nothing is saved then. Invalid for what is too long, and, with the field, for rules that nobody can follow.
func (s *Service) SaveStep(ctx context.Context, item id.Item, step PlanStep) (edition int, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return 0, err
	}
	if err := step.bad(); err != nil {
		return 0, err
	}
	err = s.planned(ctx, item, func(tx *db.Tx, m Manuscript, p *Plan) error {
		i := p.step(step.Key)
		if i < 0 {
			return errs.New(errs.NotFound, "step %q", step.Key)
		}
		was := p.Steps[i]
		step.Kind, step.Item = was.Kind, was.Item
		if step.Kind == StepLesson {
			step.Title, step.Minutes = "", 0 // Its text has them.
		}
		if step.Slot != nil && was.Slot != nil {
			step.Slot.Key = was.Slot.Key
		}
		// One's own words of a moment ago, whose answer the browser did not wait for, are nobody else's.
		own := m.By == tx.Scope.Membership && was.Edition == step.Edition+1 && tx.Now.Sub(m.SavedAt) < 10*time.Second
		if was.Edition != step.Edition && !own {
			return errs.Say(errs.Conflict, "write.fault.conflict", "Name", m.SavedBy)
		}
		step.Edition = was.Edition + 1
		edition = step.Edition
		p.Steps[i] = step
		for _, f := range ruleFaults(p.rules()) {
			switch {
			case f.Key == "both" && f.Step == step.Key:
				return errs.Fields(errs.Field{Name: "either", Key: "pathwrite.rule.both"})
			case f.Key == "circle" && len(step.Needs) > 0, slices.Contains([]string{"optional", "unknown"}, f.Key) && f.Step == step.Key:
				return errs.Fields(errs.Field{Name: "needs", Key: "pathwrite.rule." + f.Key})
			}
		}
		return nil
	})
	return edition, err
}

// OpenPlan says what adopters may add beside what the steps say: a value proposition, and steps before the first. Conflict as for SaveHead.
func (s *Service) OpenPlan(ctx context.Context, item id.Item, edition int, proposition, begin bool, suggestion string) error {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return err
	}
	if suggestion = strings.TrimSpace(suggestion); utf8.RuneCountInString(suggestion) > additionLine {
		return errs.Fields(errs.Field{Name: "begin_suggestion", Key: "write.fault.long", Args: []any{"Most", additionLine}})
	}
	return s.planned(ctx, item, func(tx *db.Tx, m Manuscript, p *Plan) error {
		if m.Edition != edition {
			return errs.Say(errs.Conflict, "write.fault.conflict", "Name", m.SavedBy)
		}
		p.NoProposition = !proposition
		switch {
		case !begin:
			p.Begin = nil
		case p.Begin == nil:
			p.Begin = &PlanSlot{Suggestion: suggestion}
		default:
			p.Begin.Suggestion = suggestion
		}
		return tx.Must(`UPDATE course_drafts SET edition = edition + 1 WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item)
	})
}

// StepDesk is a step of a path while it is written.
type StepDesk struct {
	ManuscriptView
	Step PlanRow
}

// WriteStep returns a step of a path that is written. NotFound if there is none.
func (s *Service) WriteStep(ctx context.Context, item id.Item, key string) (StepDesk, error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return StepDesk{}, err
	}
	v, err := s.Manuscript(ctx, item)
	if err != nil {
		return StepDesk{}, err
	}
	i := v.Plan.step(key)
	if i < 0 || v.Kind != tenants.KindPath {
		return StepDesk{}, errs.New(errs.NotFound, "no step %q in the manuscript of %s", key, item)
	}
	return StepDesk{v, v.Steps[i]}, nil
}

// lookPath fills the checks of a path that are not those of its texts.
func (v *ManuscriptView) lookPath(fail func(key string, step PlanRow, found string)) {
	if len(v.Steps) == 0 {
		fail("steps", PlanRow{}, "")
	}
	for _, s := range v.Steps {
		if s.Closed {
			fail("closed", s, "")
		}
	}
	for _, f := range ruleFaults(v.Plan.rules()) {
		if i := v.Plan.step(f.Step); i >= 0 {
			fail("rules", v.Steps[i], f.Key)
		}
	}
}
