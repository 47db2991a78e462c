package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// practiceText is what people brought along, thought, tried and said.
type practiceText struct {
	Records     []recordFile     `yaml:"records"`
	Reflections []reflectionText `yaml:"reflections"`
	Cohort      cohortText       `yaml:"cohort"`
	Helped      helpedText       `yaml:"helped"`
	Pilot       pilotText        `yaml:"pilot"`
}

// recordFile is a file of past records.
type recordFile struct {
	By    string `yaml:"by"`
	File  string `yaml:"file"`
	Taken bool   `yaml:"taken"`
	Lines []struct {
		Who       string `yaml:"who"`
		What      string `yaml:"what"`
		Done      day    `yaml:"done"`
		Text      string `yaml:"text"` // instead of Done, what is no date
		Ends      day    `yaml:"ends"`
		Result    string `yaml:"result"`
		Issuer    string `yaml:"issuer"`
		Reference string `yaml:"reference"`
	} `yaml:"lines"`
}

type reflectionText struct {
	Who    string `yaml:"who"`
	Lesson string `yaml:"lesson"` // org/item#lesson
	In     string `yaml:"in"`     // org/item#step, where it was read
	Key    string `yaml:"key"`
	Ask    string `yaml:"ask"`
	At     day    `yaml:"at"`
	Body   string `yaml:"body"`
	With   string `yaml:"with"` // a colleague
	Team   string `yaml:"team"`
	Group  string `yaml:"group"` // who opened it; it is shared today
}

type cohortText struct {
	By     string         `yaml:"by"`
	Team   string         `yaml:"team"`
	Path   string         `yaml:"path"`
	Name   string         `yaml:"name"`
	Starts int            `yaml:"starts"` // days from the start of the demonstration on, as all days here
	Places int            `yaml:"places"`
	Dates  map[string]int `yaml:"dates"`
	People []string       `yaml:"people"`
	Tries  []struct {
		Who     string `yaml:"who"`
		Lesson  string `yaml:"lesson"`
		Step    string `yaml:"step"`
		Key     string `yaml:"key"`
		With    string `yaml:"with"`
		What    string `yaml:"what"`
		Days    int    `yaml:"days"` // by when
		Said    string `yaml:"said"`
		Outcome string `yaml:"outcome"`
		Shown   int    `yaml:"shown"`
	} `yaml:"tries"`
}

// helpedText is what lessons were worth: how many of those who finished one say so, how many of them yes, and words.
type helpedText struct {
	Share float64            `yaml:"share"`
	Rate  float64            `yaml:"rate"`
	Less  map[string]float64 `yaml:"less"` // by lesson, instead of Rate
	Words []struct {
		Who    string `yaml:"who"`
		Lesson string `yaml:"lesson"`
		At     day    `yaml:"at"`
		Helped bool   `yaml:"helped"`
		Words  string `yaml:"words"`
		Signed bool   `yaml:"signed"`
		Answer string `yaml:"answer"`
		By     string `yaml:"by"` // of the answer
	} `yaml:"words"`
}

type pilotText struct {
	By      string   `yaml:"by"`
	Item    string   `yaml:"item"`
	Lesson  string   `yaml:"lesson"`
	Source  string   `yaml:"source"`
	Words   string   `yaml:"words"`
	Teams   []string `yaml:"teams"`
	Orgs    []string `yaml:"orgs"`
	Remarks []struct {
		Who    string `yaml:"who"`
		Lesson string `yaml:"lesson"`
		Body   string `yaml:"body"`
	} `yaml:"remarks"`
}

// practice fills the rooms in which people keep what they learned elsewhere, what they thought and tried, and what they say of lessons.
// Nobody is mailed.
func (s *seeder) practice(ctx context.Context, cat *catalog) error {
	var p practiceText
	if err := readYAML(s.w.fs, "practice.yaml", &p); err != nil {
		return err
	}
	svc := courses.New(courses.Deps{DB: s.d.DB, Tenants: tenants.New(s.d.DB, ""), Blob: s.d.Blob})
	tables := map[string][]*table{}
	if err := s.reflections(cat, p.Reflections, tables); err != nil {
		return err
	}
	if err := s.helped(cat, p.Helped, tables); err != nil {
		return err
	}
	if err := s.together(cat, p.Cohort, tables); err != nil {
		return err
	}
	if err := each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		return s.tx(ctx, o.Slug, func(tx *db.Tx) error {
			for _, t := range tables[o.Slug] {
				if err := t.insert(tx); err != nil {
					return err
				}
			}
			return verdicts(tx, p.Helped)
		})
	}); err != nil {
		return err
	}
	return each(ctx, []func(context.Context) error{
		func(ctx context.Context) error { return s.records(ctx, svc, p.Records) },
		func(ctx context.Context) error { return s.pilot(ctx, svc, p.Pilot) },
	}, func(ctx context.Context, do func(context.Context) error) error { return do(ctx) })
}

// records brings in files of past records.
func (s *seeder) records(ctx context.Context, svc *courses.Service, list []recordFile) error {
	for _, f := range list {
		if err := s.bringIn(ctx, svc, f); err != nil {
			return fmt.Errorf("past records %s: %w", f.File, err)
		}
	}
	return nil
}

// bringIn looks at a file of past records as its administrator would and takes it.
func (s *seeder) bringIn(ctx context.Context, svc *courses.Service, f recordFile) error {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	lines := [][]string{{"email", "training", "completed on", "valid until", "result", "issuer", "number"}}
	date := func(d day) string {
		if d.IsZero() {
			return ""
		}
		return s.cal.aheadOn(d, 12, 0).Format(time.DateOnly)
	}
	for _, l := range f.Lines {
		lines = append(lines, []string{l.Who, l.What, cmp.Or(l.Text, date(l.Done)), date(l.Ends), l.Result, l.Issuer, l.Reference})
	}
	if err := out.WriteAll(lines); err != nil {
		return err
	}
	by := s.as(ctx, f.By, scope.Administrator)
	which, err := svc.CheckPast(by, f.File, b.Bytes())
	if err != nil || !f.Taken {
		return err
	}
	return svc.TakePast(by, which)
}

// lesson is the place of a lesson, with its title.
type lesson struct {
	*thing

	key, title string
}

// lesson finds what files call org/item#lesson.
func (c *catalog) lesson(ref string) (lesson, error) {
	it, err := c.find(ref)
	if err != nil {
		return lesson{}, err
	}
	_, key, _ := strings.Cut(ref, "#")
	if len(it.editions) > 0 {
		o := it.editions[len(it.editions)-1].outline
		for _, l := range o.Lessons() {
			if l.Key == key {
				return lesson{it, key, l.Title}, nil
			}
		}
		if st, ok := o.Step(key); ok {
			return lesson{it, key, st.Title}, nil
		}
	}
	return lesson{}, fmt.Errorf("%s has no lesson %q", it.ref(), key)
}

// reflections are what people wrote for themselves, and whom they let read it.
func (s *seeder) reflections(cat *catalog, list []reflectionText, tables map[string][]*table) error {
	written := map[string]*table{}
	shared := map[string]*table{}
	for i, r := range list {
		l, err := cat.lesson(r.Lesson)
		if err != nil {
			return err
		}
		in, err := cat.find(r.In)
		if err != nil {
			return err
		}
		o, _ := s.w.person(r.Who)
		if written[o.Slug] == nil {
			written[o.Slug] = into("reflections", "org_id uuid, membership_id uuid, item_org uuid, item_id uuid, lesson_key text, reflection_key text, body text, updated_at timestamptz, reflection_id uuid, root_kind text, root_id uuid, step_key text, title text, asked text")
			shared[o.Slug] = into("reflection_shares", "org_id uuid, reflection_id uuid, membership_id uuid, item_org uuid, item_id uuid, reader_org uuid, reader uuid, team_id uuid, group_id uuid, shown_name text, body text, shared_at timestamptz, lesson_key text, reflection_key text")
			tables[o.Slug] = append(tables[o.Slug], written[o.Slug], shared[o.Slug])
		}
		_, step, _ := strings.Cut(r.In, "#")
		which, at := id.Derive[id.Any](space, fmt.Sprintf("reflection/%d", i)), s.cal.on(r.At, 16, 20)
		told := at.Add(5 * time.Minute)
		written[o.Slug].add(orgID(o.Slug), memberID(r.Who), l.OrgID, l.ID, l.key, r.Key, r.Body, at, which, in.Kind, in.ID, step, l.title, r.Ask)
		var reader id.Membership
		var team, group id.Any
		name := "" // as who wrote it is called in the group
		switch {
		case r.Group != "":
			_, p := s.w.person(r.Who)
			group, name, told = s.groups[r.Group], p.Name, s.cal.now
		case r.With != "":
			reader = memberID(r.With)
		case r.Team != "":
			team = teamID(o.Slug, r.Team)
		default:
			continue
		}
		shared[o.Slug].add(orgID(o.Slug), which, memberID(r.Who), l.OrgID, l.ID, orgID(o.Slug), reader, team, group, name, r.Body, told, l.key, r.Key)
	}
	return nil
}

// together is a team that takes a path together, with what its people show each other of what they tried.
func (s *seeder) together(cat *catalog, c cohortText, tables map[string][]*table) error {
	o, _ := s.w.person(c.By)
	house := orgID(o.Slug)
	path, err := cat.find(c.Path)
	if err != nil {
		return err
	}
	on := func(days int) time.Time { return s.cal.today.AddDate(0, 0, days) }
	date := func(days int) string { return on(days).Format(time.DateOnly) }
	at := func(days int) time.Time { return s.cal.past(on(days).Add(14*time.Hour + 10*time.Minute)) }
	which := id.Derive[id.Any](space, "cohort/"+c.Name)
	cohorts := into("cohorts", "org_id uuid, cohort_id uuid, item_org uuid, item_id uuid, title text, name text, starts_on date, places integer, made_by uuid, made_at timestamptz, team_id uuid")
	cohorts.add(house, which, path.OrgID, path.ID, path.Title, c.Name, date(c.Starts), c.Places, memberID(c.By), at(c.Starts-7), teamID(o.Slug, c.Team))
	steps := into("cohort_steps", "org_id uuid, cohort_id uuid, step_key text, title text, due_on date")
	for _, key := range slices.Sorted(maps.Keys(c.Dates)) {
		st, ok := path.editions[len(path.editions)-1].outline.Step(key)
		if !ok {
			return fmt.Errorf("%s has no step %q", c.Path, key)
		}
		steps.add(house, which, key, st.Title, date(c.Dates[key]))
	}
	people := into("cohort_people", "org_id uuid, cohort_id uuid, membership_id uuid, joined_at timestamptz")
	for _, p := range c.People {
		people.add(house, which, memberID(p), at(c.Starts-6))
	}
	tried := into("tryouts", "org_id uuid, tryout_id uuid, membership_id uuid, item_org uuid, item_id uuid, lesson_key text, try_key text, root_kind text, root_id uuid, step_key text, title text, what text, with_whom text, by_day date, outcome text, after_week text, created_at timestamptz, updated_at timestamptz")
	shown := into("cohort_tries", "org_id uuid, cohort_id uuid, tryout_id uuid, membership_id uuid, title text, what text, outcome text, said text, shared_at timestamptz")
	for i, t := range c.Tries {
		l, err := cat.lesson(t.Lesson)
		if err != nil {
			return err
		}
		tryout := id.Derive[id.Any](space, fmt.Sprintf("tryout/%s/%d", c.Name, i))
		tried.add(house, tryout, memberID(t.Who), l.OrgID, l.ID, l.key, t.Key, path.Kind, path.ID, t.Step, l.title, t.What, t.With, date(t.Days), t.Outcome, t.Said, at(min(t.Days, 0)-9), at(t.Shown))
		shown.add(house, which, tryout, memberID(t.Who), l.title, t.What, t.Outcome, t.Said, at(t.Shown))
	}
	tables[o.Slug] = append(tables[o.Slug], cohorts, steps, people, tried, shown)
	return nil
}

// helped are the words about lessons and what their authors answered.
func (s *seeder) helped(cat *catalog, h helpedText, tables map[string][]*table) error {
	said := map[string]*table{}
	for i, w := range h.Words {
		l, err := cat.lesson(w.Lesson)
		if err != nil {
			return err
		}
		o, p := s.w.person(w.Who)
		if said[o.Slug] == nil {
			said[o.Slug] = into("lesson_feedback", "org_id uuid, feedback_id uuid, membership_id uuid, item_org uuid, item_id uuid, lesson_key text, helped boolean, words text, shown_name text, at timestamptz")
			tables[o.Slug] = append(tables[o.Slug], said[o.Slug])
		}
		which, name := id.Derive[id.Any](space, fmt.Sprintf("feedback/%d", i)), ""
		if w.Signed {
			name = p.Name
		}
		said[o.Slug].add(orgID(o.Slug), which, memberID(w.Who), l.OrgID, l.ID, l.key, w.Helped, w.Words, name, s.cal.on(w.At, 11, 40))
		if w.Answer != "" {
			author, _ := s.w.person(w.By)
			answers := into("feedback_answers", "org_id uuid, feedback_id uuid, item_id uuid, words text, answered_by uuid, at timestamptz")
			answers.add(orgID(author.Slug), which, l.ID, w.Answer, memberID(w.By), s.cal.on(w.At, 16, 5))
			tables[author.Slug] = append(tables[author.Slug], answers)
		}
	}
	return nil
}

// verdicts lets a share of those of a house who finished a lesson of a course say whether it helped. Who says what follows from
// identifiers, so that it is the same at every start.
func verdicts(tx *db.Tx, h helpedText) error {
	var items []id.Item
	var lessons []string
	var rates []float64
	for ref, rate := range h.Less {
		item, key, _ := strings.Cut(ref, "#")
		items, lessons, rates = append(items, refID(item, tenants.KindCourse)), append(lessons, key), append(rates, rate)
	}
	_, err := tx.Exec(`INSERT INTO lesson_feedback (org_id, feedback_id, membership_id, item_org, item_id, lesson_key, helped, at)
		SELECT c.org_id, md5(c.membership_id::text || c.item_id::text || c.lesson_key)::uuid, c.membership_id, c.item_org, c.item_id, c.lesson_key, k.chance < coalesce(l.rate, $3::float8), c.at
		FROM completions c CROSS JOIN LATERAL (SELECT abs(hashtext(c.membership_id::text || c.lesson_key)) % 1000 / 1000.0 AS says, abs(hashtext(c.lesson_key || c.membership_id::text || 'helped')) % 1000 / 1000.0 AS chance) k
		LEFT JOIN unnest($4::uuid[], $5::text[], $6::float8[]) AS l(item_id, lesson_key, rate) ON l.item_id = c.item_id AND l.lesson_key = c.lesson_key
		WHERE c.org_id = $1 AND c.lesson_key <> '' AND k.says < $2 ON CONFLICT DO NOTHING`, tx.Scope.Org, h.Share, h.Rate, items, lessons, rates)
	return err
}

// pilot gives some a version with one lesson more, and lets them say what they make of it.
func (s *seeder) pilot(ctx context.Context, svc *courses.Service, p pilotText) error {
	item := refID(p.Item, tenants.KindCourse)
	house, _, _ := strings.Cut(p.Item, "/")
	author := s.as(ctx, p.By, scope.Author)
	if err := svc.Rewrite(author, item); err != nil {
		return fmt.Errorf("pilot of %s: %w", p.Item, err)
	}
	if _, err := svc.AddLesson(author, item, "", p.Lesson, p.Source); err != nil {
		return err
	}
	m, err := svc.Manuscript(author, item)
	if err != nil {
		return err
	}
	d := courses.PilotDraft{Words: p.Words}
	for _, t := range p.Teams {
		d.Groups = append(d.Groups, courses.PilotGroup{Kind: courses.PilotTeam, ID: teamID(house, t)})
	}
	for _, o := range p.Orgs {
		d.Groups = append(d.Groups, courses.PilotGroup{Kind: courses.PilotOrg, ID: id.Any(orgID(o))})
	}
	trial, err := svc.BeginPilot(author, item, m.Edition, d)
	if err != nil {
		return err
	}
	for _, r := range p.Remarks {
		who := s.as(ctx, r.Who)
		if err := svc.Enroll(who, item, courses.Origin{Kind: courses.OriginChoice}); err != nil {
			return err
		}
		if err := svc.MoveVersion(who, item, trial.Version); err != nil { // Whoever took the course in the year is on what it was then.
			return fmt.Errorf("pilot of %s: %w", p.Item, err)
		}
		if err := svc.RemarkOnPilot(who, item, r.Lesson, r.Body); err != nil {
			return fmt.Errorf("remark of %s: %w", r.Who, err)
		}
	}
	return nil
}
