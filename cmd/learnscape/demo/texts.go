package demo

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/tenants"
)

type courseFile struct {
	Title       string   `yaml:"title"`
	Slug        string   `yaml:"slug"`
	Summary     string   `yaml:"summary"`
	Outcome     string   `yaml:"outcome"`
	Lang        string   `yaml:"lang"`
	Level       string   `yaml:"level"`
	Topics      []string `yaml:"topics"`
	Collections []string `yaml:"collections"`
	Author      string   `yaml:"author"`
}

type lessonFile struct {
	Title   string `yaml:"title"`
	Minutes int    `yaml:"minutes"`
	Summary string `yaml:"summary"`
	Kind    string `yaml:"kind"`
	Module  string `yaml:"module"`
}

type pathFile struct {
	courseFile `yaml:",inline"`
	Steps      []struct {
		Key     string `yaml:"key"`
		Lesson  string `yaml:"lesson"`
		Course  string `yaml:"course"`
		Story   string `yaml:"story"`
		Title   string `yaml:"title"`
		Minutes int    `yaml:"minutes"`

		courses.Rules `yaml:",inline"`
	} `yaml:"steps"`
	Slots []struct {
		Key        string `yaml:"key"`
		After      string `yaml:"after"`
		Suggestion string `yaml:"suggestion"`
	} `yaml:"slots"`

	intro string
}

type storyFile struct {
	Title     string             `yaml:"title"`
	Slug      string             `yaml:"slug"`
	Kind      string             `yaml:"kind"`
	Lang      string             `yaml:"lang"`
	Author    string             `yaml:"author"`
	Published day                `yaml:"published"`
	Updated   day                `yaml:"updated"`
	Summary   string             `yaml:"summary"`
	Minutes   int                `yaml:"minutes"`
	Topics    []string           `yaml:"topics"`
	Colls     []string           `yaml:"collections"`
	Paths     []string           `yaml:"paths"`
	CTA       string             `yaml:"cta"`
	Quote     string             `yaml:"quote"`
	Figures   []marketing.Figure `yaml:"figures"`
	Related   []string           `yaml:"related"`

	body string
}

type resourceFile struct {
	Title     string   `yaml:"title"`
	Slug      string   `yaml:"slug"`
	Kind      string   `yaml:"kind"`
	Lang      string   `yaml:"lang"`
	Author    string   `yaml:"author"`
	Published day      `yaml:"published"`
	Updated   day      `yaml:"updated"`
	Minutes   int      `yaml:"minutes"`
	Topics    []string `yaml:"topics"`
	Colls     []string `yaml:"collections"`
	Summary   string   `yaml:"summary"`
}

type additionFile struct {
	Org          string `yaml:"org"`
	TheyKnow     string `yaml:"they_know"`
	WeAdd        string `yaml:"we_add"`
	CustomerGets string `yaml:"customer_gets"`
	Proposition  string `yaml:"proposition"`
	Notes        []struct {
		Step string `yaml:"step"`
		Text string `yaml:"text"`
	} `yaml:"notes"`
	Steps []struct {
		Slot    string `yaml:"slot"`
		Title   string `yaml:"title"`
		Minutes int    `yaml:"minutes"`
		Body    string `yaml:"body"`
	} `yaml:"steps"`
}

// as enters the operator's scope for a house.
func as(ctx context.Context, org string) context.Context {
	return jobs.Enter(ctx, scope.Operator, orgID(org))
}

// mediaTypes are those of the files that lessons show; a machine's own table may lack them.
func mediaType(name string) string {
	known := map[string]string{".svg": "image/svg+xml", ".webm": "video/webm", ".vtt": "text/vtt", ".csv": "text/csv", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".pdf": "application/pdf"}
	if t := known[path.Ext(name)]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// attachments keeps what lies beside the texts of a folder.
func (s *seeder) attachments(ctx context.Context, dir string) ([]courses.FileDraft, error) {
	var out []courses.FileDraft
	err := fs.WalkDir(s.w.fs, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(name, ".md") || strings.HasSuffix(name, ".yaml") {
			return err
		}
		b, err := fs.ReadFile(s.w.fs, name)
		if err != nil {
			return err
		}
		sum, size, err := s.d.Blob.Put(ctx, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return err
		}
		out = append(out, courses.FileDraft{Name: strings.TrimPrefix(name, dir+"/"), Sum: sum, MediaType: mediaType(name), Size: size})
		return nil
	})
	return out, err
}

func (s *seeder) lesson(name, base string) (courses.LessonDraft, error) {
	var f lessonFile
	body, err := front(s.w.fs, name, &f)
	if err != nil {
		return courses.LessonDraft{}, err
	}
	return courses.LessonDraft{
		Key: strings.TrimSuffix(path.Base(name), ".md"), Module: f.Module, Title: f.Title, Summary: f.Summary, Kind: f.Kind, Minutes: f.Minutes,
		Source: body, Name: strings.TrimPrefix(name, base+"/"),
	}, nil
}

// putCourse publishes a folder as a course, in tx's organization.
func (s *seeder) putCourse(tx *db.Tx, dir string) error {
	org := path.Base(path.Dir(dir))
	var f courseFile
	if err := readYAML(s.w.fs, dir+"/course.yaml", &f); err != nil {
		return err
	}
	d := courses.CourseDraft{Item: f.item(org, tenants.KindCourse), Outcome: f.Outcome, At: s.published(org+"/"+f.Slug, tenants.KindCourse)}
	for _, name := range entries(s.w.fs, dir, ".md") {
		l, err := s.lesson(name, dir)
		if err != nil {
			return err
		}
		d.Lessons = append(d.Lessons, l)
	}
	var err error
	if d.Files, err = s.attachments(tx.Context(), dir); err != nil {
		return err
	}
	got, err := courses.PublishCourse(tx, d)
	if err != nil {
		return fmt.Errorf("course %s: %w", dir, err)
	}
	s.problems(dir, got.Problems)
	return tenants.Collect(tx, got.Item.ItemID, f.Collections...)
}

func (f courseFile) item(org, kind string) tenants.Item {
	return tenants.Item{ItemID: itemID(org, kind, f.Slug), Kind: kind, Title: f.Title, Slug: f.Slug, Summary: f.Summary, Lang: f.Lang, Level: f.Level, Topics: f.Topics}
}

// complain notes what the texts got wrong; the world is shown all the same.
func (s *seeder) complain(where, problem string) {
	s.d.Log.Warn("demonstration world", "file", where, "problem", problem)
}

func (s *seeder) problems(where string, list []courses.LessonProblem) {
	for _, p := range list {
		s.complain(fmt.Sprintf("%s/%s:%d", where, p.Lesson, p.Line), fmt.Sprintf("%q: %s", p.Found, p.Problem.Problem))
	}
}

// first is how version 1 of a path differed from what the files hold: no step to a story, shorter first lesson, and one more slot,
// the one that is gone since.
var first = map[string]struct { //nolint:gochecknoglobals // A constant table.
	note string
	slot courses.Slot
}{
	"halden/cold-chain": {
		note: "New in this version: a night shift tells its own story as a step of its own, and the first lesson says what a break costs. What you have finished stays finished.",
		slot: courses.Slot{Key: "after-reports", After: "reports", Suggestion: "How you bring the first report to the customer"},
	},
}

// third is how version 3 of a path differs from what the files hold: the step that comes before another one now, the slot that is
// gone, and a lesson that stands in a file of its own.
var third = map[string]struct { //nolint:gochecknoglobals // A constant table.
	note, up, slot, lesson, file string
}{
	"halden/cold-chain": {
		note: "New in this version: limits get their source before they become rules, and the thirty days have a second pair of eyes. What you have finished stays finished.",
		up:   "haccp", slot: "after-alarm-rules", lesson: "thirty-days", file: "thirty-days.3.md",
	},
}

// putPath publishes a file as a path; version 0 means the one that the file holds.
func (s *seeder) putPath(tx *db.Tx, name string, version int) error {
	org := path.Base(path.Dir(name))
	f := s.w.paths[name]
	ref := org + "/" + f.Slug
	was, twice := first[ref]
	d := courses.PathDraft{Item: f.item(org, tenants.KindPath), Outcome: f.Outcome, Intro: f.intro, At: s.published(ref, tenants.KindPath)}
	if twice && version != 1 {
		d.Note, d.At = was.note, s.versionDay(ref, version)
	}
	next := third[ref]
	if version == 3 {
		d.Note = next.note
	}
	base := strings.TrimSuffix(name, ".md")
	for _, st := range f.Steps {
		step := courses.StepDraft{Key: st.Key, Title: st.Title, Minutes: st.Minutes, Rules: st.Rules}
		switch {
		case st.Lesson != "":
			var err error
			step.Kind = courses.StepLesson
			if step.Lesson, err = s.lesson(base+"/"+st.Lesson, base); err != nil {
				return err
			}
			step.Lesson.Key = st.Key
			if version == 3 && st.Key == next.lesson {
				if step.Lesson, err = s.lesson(base+"/"+next.file, base); err != nil {
					return err
				}
				step.Lesson.Key = st.Key
			}
			if version == 1 && len(d.Steps) == 0 {
				step.Lesson.Source = withoutSecondPart(step.Lesson.Source)
			}
		case st.Course != "":
			step.Kind, step.Item = courses.StepCourse, refID(st.Course, tenants.KindCourse)
		case st.Story != "":
			if version == 1 {
				continue
			}
			step.Kind, step.Item = courses.StepStory, refID(st.Story, tenants.KindStory)
		}
		d.Steps = append(d.Steps, step)
		if n := len(d.Steps) - 1; version == 3 && st.Key == next.up {
			d.Steps[n-1], d.Steps[n] = d.Steps[n], d.Steps[n-1]
		}
	}
	for _, sl := range f.Slots {
		if version == 3 && sl.Key == next.slot {
			continue
		}
		d.Slots = append(d.Slots, courses.Slot{Key: sl.Key, After: sl.After, Suggestion: sl.Suggestion})
	}
	if version == 1 {
		d.Slots = append(d.Slots, was.slot)
	}
	var err error
	if d.Files, err = s.attachments(tx.Context(), base); err != nil {
		return err
	}
	got, err := courses.PublishPath(tx, d)
	if err != nil {
		return fmt.Errorf("path %s: %w", name, err)
	}
	s.problems(base, got.Problems)
	return tenants.Collect(tx, got.Item.ItemID, f.Collections...)
}

// withoutSecondPart leaves out what stands under the second heading of level two.
func withoutSecondPart(source string) string {
	parts := strings.Split(source, "\n## ")
	if len(parts) < 4 {
		return source
	}
	return strings.Join(slices.Delete(parts, 2, 3), "\n## ")
}

func refID(ref, kind string) id.Item {
	org, slug, _ := strings.Cut(ref, "/")
	return itemID(org, kind, slug)
}

func (s *seeder) putStory(ctx context.Context, name string) error {
	org := path.Base(path.Dir(name))
	f := s.w.stories[refOf(name)]
	d := marketing.Draft{
		ID: itemID(org, tenants.KindStory, f.Slug), Slug: f.Slug, Title: f.Title, Kind: f.Kind, Lang: f.Lang, Summary: f.Summary, Minutes: f.Minutes, Topics: f.Topics,
		Collections: f.Colls, Quote: f.Quote, CTA: f.CTA, Figures: f.Figures, Body: f.body, Published: s.cal.on(f.Published, 9, 0),
	}
	if _, p := s.w.person(f.Author); p != nil {
		d.AuthorName, d.AuthorTitle = p.Name, p.Title
	}
	for _, list := range []struct {
		from []string
		to   *[]marketing.Ref
	}{{f.Paths, &d.Paths}, {f.Related, &d.Related}} {
		for _, r := range list.from {
			if ref, ok := marketing.ParseRef(r); ok {
				*list.to = append(*list.to, ref)
			}
		}
	}
	if _, err := s.d.Marketing.Publish(as(ctx, org), d); err != nil {
		return fmt.Errorf("story %s: %w", name, err)
	}
	return nil
}

func (s *seeder) putResource(ctx context.Context, name string) error {
	var f resourceFile
	body, err := front(s.w.fs, name, &f)
	if err != nil {
		return err
	}
	org := path.Base(path.Dir(name))
	d := community.ResourceDraft{
		ID: itemID(org, tenants.KindResource, f.Slug), Slug: f.Slug, Kind: f.Kind, Title: f.Title, Summary: f.Summary, Lang: f.Lang, Minutes: f.Minutes, Topics: f.Topics,
		Collections: f.Colls, Body: body, Published: s.cal.on(f.Published, 9, 30),
	}
	if _, p := s.w.person(f.Author); p != nil {
		d.Author, d.AuthorName = memberID(p.Email), p.Name
	}
	if _, err := s.d.Community.PublishResource(as(ctx, org), d); err != nil {
		return fmt.Errorf("resource %s: %w", name, err)
	}
	return nil
}

// putAdditions stores what houses add to a path of another.
func (s *seeder) putAdditions(ctx context.Context, name string) error {
	var list []additionFile
	if err := readYAML(s.w.fs, name, &list); err != nil {
		return err
	}
	owner := path.Base(path.Dir(name))
	slug := strings.TrimSuffix(path.Base(name), ".additions.yaml")
	f := s.w.paths[strings.TrimSuffix(name, ".additions.yaml")+".md"]
	after := map[string]string{}
	for _, sl := range f.Slots {
		after[sl.Key] = sl.After
	}
	for _, a := range list {
		add := courses.Additions{
			PathOrg: orgID(owner), PathID: itemID(owner, tenants.KindPath, slug), TheyKnow: a.TheyKnow, WeAdd: a.WeAdd, CustomerGets: a.CustomerGets, Proposition: strings.TrimSpace(a.Proposition),
		}
		for _, n := range a.Notes {
			add.Notes = append(add.Notes, courses.Note{Step: n.Step, Source: n.Text})
		}
		for _, st := range a.Steps {
			add.Steps = append(add.Steps, courses.OwnStep{After: after[st.Slot], Title: st.Title, Minutes: st.Minutes, Source: st.Body})
		}
		if err := s.tx(ctx, a.Org, func(tx *db.Tx) error { return courses.PutAdditions(tx, add) }); err != nil {
			return fmt.Errorf("additions of %s: %w", a.Org, err)
		}
	}
	return nil
}

// putLibrary takes into a house's library what it adopted.
func (s *seeder) putLibrary(ctx context.Context, o organization) error {
	return s.tx(ctx, o.Slug, func(tx *db.Tx) error {
		for _, a := range s.w.year.Library {
			if a.Org != o.Slug {
				continue
			}
			if err := courses.AdoptItem(tx, courses.Adoption{Item: refID(a.Item, a.Kind), Updates: a.Updates, By: memberID(a.By), At: s.cal.on(a.At, 10, 20)}); err != nil {
				return fmt.Errorf("library of %s: %w", o.Slug, err)
			}
		}
		return nil
	})
}

// published says when an item was published: its milestone, or a few days before somebody could begin it.
func (s *seeder) published(ref, kind string) time.Time {
	if at := s.versionDay(ref, 1); !at.IsZero() {
		return at
	}
	begin := day{}
	for _, m := range s.w.year.Months {
		if len(m.Starts[ref]) > 0 {
			begin.Time, _ = time.Parse("2006-01", m.Month) // A month that is none is found when the year is made.
			break
		}
	}
	// What a path is made of was there before the path.
	if v1 := s.inPath(ref); kind == tenants.KindCourse && !v1.IsZero() && (begin.IsZero() || v1.Before(begin.Time)) {
		begin.Time = v1.Time
	}
	if begin.IsZero() {
		begin = s.w.year.From
	}
	// Not all of it on one day.
	spread := 0
	for _, r := range ref {
		spread = (spread*31 + int(r)) % 6
	}
	begin.Time = begin.AddDate(0, 0, -3-spread)
	return s.cal.on(begin, 9+spread, 15)
}

// inPath is when the first version of a path with the course came out.
func (s *seeder) inPath(course string) day {
	for _, name := range s.w.pathNames {
		ref := refOf(name)
		for _, st := range s.w.paths[name].Steps {
			if st.Course != course {
				continue
			}
			for _, m := range s.w.year.Milestones {
				if m.Item == ref && m.Version == 1 {
					return m.At
				}
			}
		}
	}
	return day{}
}

// refOf is how the files call what a file or folder holds.
func refOf(name string) string {
	return path.Base(path.Dir(name)) + "/" + strings.TrimSuffix(path.Base(name), ".md")
}

// versionDay is when the milestones say that a version of an item came out; for version 1 also an unnumbered publication.
func (s *seeder) versionDay(ref string, version int) time.Time {
	for _, m := range s.w.year.Milestones {
		if m.Item == ref && (m.Version == version || version == 1 && m.Version == 0 && strings.Contains(m.What, "is published")) {
			return s.cal.on(m.At, 9, 0)
		}
	}
	return time.Time{}
}
