package pages

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) view(kind string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		it, err := item(c)
		if err != nil {
			return err
		}
		read := p.courses.Path
		if kind == tenants.KindCourse {
			read = p.courses.Course
		}
		v, err := read(c.UserContext(), it)
		if err != nil {
			return p.closed(c, it, err)
		}
		if moved, err := rightSlug(c, v.Item, ""); moved {
			return err
		}
		return shell.Page(c, ui.PageProps{Title: v.Item.Title, Description: v.Item.Summary, Canonical: href(v.Item), NavKey: "learn", Layout: ui.Reading}, viewPage(v, origin(c)))
	}
}

// closed shows what somebody keeps of an item that is open to them no more; err for everybody without a record of it.
func (p *Pages) closed(c *fiber.Ctx, it id.Item, err error) error {
	if !errs.Is(err, errs.NotFound) || !signedIn(c) {
		return err
	}
	r, missing := p.courses.Record(c.UserContext(), it)
	if missing != nil {
		return err
	}
	c.Status(fiber.StatusGone)
	return shell.Page(c, ui.PageProps{Title: r.Title, NavKey: "learn", NoIndex: true, Layout: ui.Reading}, closedPage(r))
}

// closedLead is why it cannot be opened: the version was withdrawn, the other organization rests, or shares it no more.
func closedLead(r courses.Record) string {
	if r.Gone != nil {
		return "withdraw.record.lead"
	}
	if r.Org.State != tenants.OrgActive {
		return "house.record.lead"
	}
	return "courses.closed.lead"
}

func closedState(ctx context.Context, r courses.Record) string {
	if r.Completed != nil {
		return lang.T(ctx, "courses.closed.completed", "Date", lang.Date(ctx, *r.Completed))
	}
	return lang.T(ctx, "courses.closed.open")
}

func (p *Pages) start(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	if err := p.visit(c); err != nil {
		return err
	}
	// The one button starts the whole of it.
	if err := p.courses.Start(c.UserContext(), it, courses.Origin{Kind: c.Query("origin"), Ref: c.Query("ref"), Intent: cmp.Or(c.FormValue("intent"), courses.IntentWhole)}); err != nil {
		return err
	}
	read := p.courses.Course
	if tenants.KindPath == kindOf(c) {
		read = p.courses.Path
	}
	v, err := read(c.UserContext(), it)
	if err != nil {
		return err
	}
	to := href(v.Item)
	if v.Next != nil {
		to = StopHref(v.Item, v.Next.Step, v.Next.Lesson)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// intent keeps what somebody came for, who has begun.
func (p *Pages) intent(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	if err := p.courses.SetIntent(c.UserContext(), it, c.FormValue("intent")); err != nil {
		return err
	}
	return c.Redirect(strings.TrimSuffix(c.Path(), "/intent")+"#intent", fiber.StatusSeeOther)
}

// kindOf is the first part of the address.
func kindOf(c *fiber.Ctx) string {
	if len(c.Path()) > 5 && c.Path()[:6] == "/path/" {
		return tenants.KindPath
	}
	return tenants.KindCourse
}

// origin is the query that says through what somebody came, for the form that starts.
func origin(c *fiber.Ctx) string {
	if from := c.Query("from"); from != "" {
		// A story links to a path this way for visitors, to whom a link must stay a link.
		return "?" + query("origin", "story", "ref", from)
	}
	if o := c.Query("origin"); o != "" {
		return "?" + query("origin", o, "ref", c.Query("ref"))
	}
	return ""
}

func progressCard(ctx context.Context, v courses.View, origin string) ui.ProgressCardProps {
	all, done, _ := courses.Asked(v.Stations)
	p := ui.ProgressCardProps{Share: v.Progress.Share()}
	switch {
	case v.Progress.Complete() && !v.Started && !v.Visitor:
		p.Share, p.Title, p.Text = 1, lang.T(ctx, "courses.progress.known"), lang.T(ctx, "courses.progress.known_text")
		p.ActionLabel, p.ActionPost = lang.T(ctx, "courses.progress.known_do"), href(v.Item)+"/start"+origin
	case v.Finished != nil || v.Progress.Complete():
		p.Share, p.Title, p.Text = 1, lang.T(ctx, "courses.progress.finished"), lang.T(ctx, "courses.progress.finished_text")
		if v.Finished != nil {
			p.Text = lang.T(ctx, "courses.progress.finished_at", "Date", lang.Date(ctx, *v.Finished))
		}
		if len(v.Stations) > 0 {
			p.ActionLabel, p.ActionHref = lang.T(ctx, "courses.progress.again"), StopHref(v.Item, v.Stations[0].Step, v.Stations[0].Lesson)
		}
	case v.Started && v.Next != nil:
		p.Title = lang.T(ctx, doneKey(v.Item.Kind), "Count", all, "Done", done)
		p.Text = lang.T(ctx, "courses.progress.left", "Time", lang.Minutes(ctx, max(1, v.Left)))
		p.ActionLabel, p.ActionHref = lang.T(ctx, "courses.progress.continue", "Title", v.Next.Title), StopHref(v.Item, v.Next.Step, v.Next.Lesson)
	default:
		p.Title, p.Text = lang.T(ctx, "courses.progress.new"), lang.T(ctx, "courses.progress.takes", "Time", lang.Minutes(ctx, max(1, v.Left)))
		p.ActionLabel, p.ActionPost = lang.T(ctx, "courses.progress.start_"+v.Item.Kind), href(v.Item)+"/start"+origin
	}
	// What the own organization adds counts beside what the publisher asks for: it can be finished, and takes nothing away.
	if own, ownDone := ownSteps(v); own > 0 {
		p.Note = lang.T(ctx, "additions.extra", "Count", own, "Done", ownDone, "Org", v.Own.Name)
	}
	if v.Due != nil && v.Finished == nil {
		p.Note = lang.T(ctx, "courses.progress.due", "Date", lang.Date(ctx, *v.Due))
	}
	return p
}

// ownSteps counts the steps that the viewer's own organization added, and those of them that are finished.
func ownSteps(v courses.View) (all, done int) {
	for _, s := range v.Stations {
		if s.Own && s.Org.OrgID == v.Own.OrgID {
			all++
			if s.Done {
				done++
			}
		}
	}
	return all, done
}

func doneKey(kind string) string {
	if kind == tenants.KindPath {
		return "courses.progress.steps_done"
	}
	return "courses.progress.lessons_done"
}

// mapSteps are the stations on the line map, from the station with the index on until the next module begins.
func mapSteps(ctx context.Context, v *courses.View, from int) []ui.MapStep {
	out := make([]ui.MapStep, 0, len(v.Stations)-from)
	root, facts := href(v.Item), map[fact]string{}
	for i := from; i < len(v.Stations); i++ {
		s := &v.Stations[i]
		if i > from && s.Module != "" {
			break
		}
		m := mapStep(ctx, v, s)
		m.Href = stopHref(root, s.Step, s.Lesson)
		f := fact{s.Kind, s.Minutes, ""}
		if s.Own {
			f.by = s.Org.Name
		}
		if facts[f] == "" {
			facts[f] = f.text(ctx)
		}
		m.Meta[0] = facts[f]
		out = append(out, m)
	}
	return out
}

// fact is what is said first of a step, and of many steps of a path alike.
type fact struct {
	kind    string
	minutes int
	by      string // who added the step; "" for one of the path's own
}

func (f fact) text(ctx context.Context) string {
	kind := lang.T(ctx, "courses.kind."+f.kind)
	if f.by != "" {
		kind = lang.T(ctx, "courses.path.own_step", "Org", f.by)
	}
	if f.minutes > 0 {
		return lang.T(ctx, "courses.path.kind_time", "Kind", kind, "Time", lang.Minutes(ctx, f.minutes))
	}
	return kind
}

// mapStep is all of a station but its address and the first of its facts.
func mapStep(ctx context.Context, v *courses.View, s *courses.Station) ui.MapStep {
	m := ui.MapStep{Title: s.Title, State: ui.Ahead, Own: s.Own, Meta: make([]string, 1, 2)}
	switch {
	case s.Done:
		m.State = ui.Done
		if s.Tested {
			m.Meta = append(m.Meta, lang.T(ctx, "practice.tested"))
		}
	case s.Lessons > 1 && s.LessonsN > 0:
		m.Meta = append(m.Meta, lang.T(ctx, "courses.progress.lessons_done", "Count", s.Lessons, "Done", s.LessonsN))
	case s.Lessons > 1:
		m.Meta = append(m.Meta, lang.T(ctx, "courses.lessons", "Count", s.Lessons))
	}
	if s.Org.OrgID != v.Org.OrgID || s.Own {
		o := show.Org(s.Org)
		m.Guest = &o
		if !s.Own {
			m.Meta = append(m.Meta, lang.T(ctx, "courses.path.shared_by", "Org", s.Org.Name))
		}
	}
	if said := meetingText(ctx, s); said != "" {
		m.Meta = append(m.Meta, said)
	}
	m.Note, m.Waits = s.Note, waitsText(ctx, s.Waits)
	switch {
	case s.Done:
	case s.Optional:
		m.Meta = append(m.Meta, lang.T(ctx, "pathwrite.optional"))
	case s.Spared:
		m.Meta = append(m.Meta, lang.T(ctx, "pathwrite.spared"))
	case s.Either != "":
		m.Meta = append(m.Meta, lang.T(ctx, "pathwrite.either", "Name", s.Either))
	}
	if s.Now {
		m.State, m.ActionLabel = ui.Now, lang.T(ctx, "courses.path.continue")
	}
	return m
}

// meetingText is how the viewer stands to a station at which people meet; "" for not at all.
func meetingText(ctx context.Context, s *courses.Station) string {
	m := s.Meeting
	if m == nil {
		return ""
	}
	when := ""
	if at, ok := m.When(); ok {
		when = lang.T(ctx, "courses.meeting.when", "Date", lang.DayMonth(ctx, at), "Time", at.Format("15:04"))
	}
	switch {
	case m.Kind == markdown.Group && (s.Done || m.Met):
		return lang.T(ctx, "courses.meeting.met")
	case m.Kind == markdown.Group && m.Said:
		return lang.T(ctx, "courses.meeting.said")
	case m.Kind == markdown.Group && when != "":
		return lang.T(ctx, "courses.meeting.group_at", "Count", m.Size, "When", when)
	case m.Kind == markdown.Group:
		return lang.T(ctx, "courses.meeting.group", "Count", m.Size)
	case s.Done:
		return ""
	case m.Waiting:
		return lang.T(ctx, "courses.meeting.waiting", "When", when)
	}
	return lang.T(ctx, "courses.meeting.seat", "When", when)
}

// waitsText says what has to be finished before a step opens; "" where it is open.
func waitsText(ctx context.Context, list []courses.Waits) string {
	var b strings.Builder
	for i, w := range list {
		switch {
		case i > 0 && w.Either != "" && w.Either == list[i-1].Either:
			b.WriteString(lang.T(ctx, "pathwrite.or"))
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(w.Title)
	}
	if b.Len() == 0 {
		return ""
	}
	return lang.T(ctx, "pathwrite.opens_after", "Titles", b.String())
}

// provenance names who contributes, the publisher first.
func provenance(v courses.View) []ui.ProvenanceProps {
	var out []ui.ProvenanceProps
	for i, o := range v.Orgs {
		p := ui.ProvenanceProps{Org: show.Org(o.Org), Verb: ui.SharedBy}
		switch {
		case o.Own:
			p.Verb = ui.OverlayBy
		case o.Org.OrgID == v.Org.OrgID && v.Item.Kind == tenants.KindPath:
			p.Verb = ui.PathBy
		case o.Org.OrgID == v.Org.OrgID:
			p.Verb = ui.WrittenBy
		case only(v, o.Org, courses.StepStory):
			p.Verb = ui.StoryBy
		case only(v, o.Org, "lesson"):
			p.Verb = ui.LessonBy
		}
		for _, before := range out[:i] {
			d := abs(before.Org.Hue - p.Org.Hue)
			p.Dashed = p.Dashed || before.Org.ID != p.Org.ID && min(d, 360-d) < 25
		}
		out = append(out, p)
	}
	return out
}

func abs(n int) int { return max(n, -n) }

// only reports whether all that an organization contributes is of the kind.
func only(v courses.View, o tenants.Organization, kind string) bool {
	for _, s := range v.Stations {
		if s.Org.OrgID == o.OrgID && !s.Own && s.Kind != kind {
			return false
		}
	}
	return true
}

// stepsTitle counts what the publisher asks for; what the adopter added is extra.
func stepsTitle(ctx context.Context, v courses.View) string {
	count, _, minutes := courses.Asked(v.Stations)
	key := "courses.path.title_lessons"
	if v.Item.Kind == tenants.KindPath {
		key = "courses.path.title_steps"
	}
	return lang.T(ctx, key, "Count", count, "Time", lang.Minutes(ctx, minutes))
}

// proposition is the value proposition of the viewer's organization, or of one whose customer it is.
func proposition(ctx context.Context, v courses.View, a courses.Additions) ui.PropositionProps {
	own := v.Adders[a.Org]
	p := ui.PropositionProps{Title: lang.T(ctx, "courses.additions.title"), Quote: a.Proposition, Org: show.Org(own), Note: seenBy(ctx, a, own.Name, v.Org.Name)}
	if a.Org != v.Own.OrgID {
		p.Title, p.Note = lang.T(ctx, "additions.from", "Org", own.Name), lang.T(ctx, "additions.from_note", "Org", own.Name)
	} else if v.Library.Adapt && v.Library.Taken {
		p.EditHref = "/library/" + v.Item.ItemID.String() + "/additions"
	}
	p.Rows = propositionRows(ctx, v.Org, own, a.TheyKnow, a.WeAdd, a.CustomerGets)
	return p
}

// propositionRows are what each of the two brings and what comes of it, as far as it was said.
func propositionRows(ctx context.Context, by, adds tenants.Organization, knows, added, gets string) (out []ui.Definition) {
	publisher, adopter := show.Org(by), show.Org(adds)
	for _, r := range []ui.Definition{
		{Term: by.Name, Text: knows, Org: &publisher},
		{Term: adds.Name, Text: added, Org: &adopter},
		{Term: lang.T(ctx, "courses.additions.customer"), Text: gets, Strong: true},
	} {
		if r.Text != "" {
			out = append(out, r)
		}
	}
	return out
}

func facts(ctx context.Context, v courses.View) []ui.Definition {
	var out []ui.Definition
	if v.Item.Level != "" {
		out = append(out, ui.Definition{Term: lang.T(ctx, "courses.facts.level"), Text: lang.T(ctx, "courses.level."+level(v.Item.Level))})
	}
	if l, ok := lang.Parse(v.Item.Lang); ok {
		out = append(out, ui.Definition{Term: lang.T(ctx, "courses.facts.language"), Text: l.Name()})
	}
	version := ui.Definition{Term: lang.T(ctx, "courses.facts.version"), Text: lang.T(ctx, "courses.facts.version_text", "Version", strconv.Itoa(v.Version), "Date", lang.Date(ctx, v.Updated))}
	if v.Started && !v.Visitor {
		version.Href = href(v.Item) + "/version" // There the way back is, too.
	}
	out = append(out, version)
	if v.Note != "" {
		out = append(out, ui.Definition{Term: lang.T(ctx, "courses.facts.new"), Text: v.Note})
	}
	if v.Item.Finished > 0 {
		out = append(out, ui.Definition{Term: lang.T(ctx, "courses.facts.finished"), Text: lang.T(ctx, "courses.facts.people", "Count", v.Item.Finished)})
	}
	return out
}

func level(s string) string {
	switch s {
	case "beginner", "intermediate", "advanced":
		return s
	}
	return "other"
}

func people(v courses.View) []ui.Person {
	out := make([]ui.Person, len(v.People))
	for i, n := range v.People {
		out[i] = ui.Person{Name: n, Org: show.Org(v.Own)}
	}
	return out
}

// askedTitle says who asked for it, if they are still known.
func askedTitle(ctx context.Context, asker string) string {
	if asker == "" {
		return lang.T(ctx, "courses.path.asked")
	}
	return lang.T(ctx, "assign.asked_title", "Name", asker)
}
