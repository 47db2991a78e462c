package pages

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountLive adds the pages of live sessions.
func (p *Pages) mountLive(r fiber.Router) {
	r.Get("/live", p.as(p.lives))
	r.Post("/live", p.liveSettings)
	r.Get("/live/about/:id", p.as(p.livesBeside))
	r.Get("/live/plan/:id", p.planLive)
	r.Post("/live/plan/:id", p.plannedLive)
	r.Get("/live/:id", p.as(p.live))
	r.Post("/live/:id", p.changeSeat)
	r.Get("/live/:id/calendar.ics", p.liveCalendar)
	r.Get("/live/:id/edit", p.editLive)
	r.Post("/live/:id/edit", p.changeLive)
	r.Get("/live/:id/people", p.guests)
	r.Get("/live/:id/people.csv", p.exportGuests)
	r.Post("/live/:id/people", p.attendance)
	r.Get("/live/:id/people/:seat", p.voiding)
	r.Post("/live/:id/people/:seat", p.voidAttendance)
	r.Get("/live/:id/recording", p.recording)
	r.Post("/live/:id/recording", p.keepRecording)
}

// liveID reads the identifier of the address; one that cannot be read is a missing thing.
func liveID(c *fiber.Ctx) (id.Any, error) {
	which, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return which, errs.New(errs.NotFound, "%w", err)
	}
	return which, nil
}

func liveHref(session id.Any) string { return "/live/" + session.String() }

// liveDone is what a page says was done.
func liveDone(c *fiber.Ctx, words ...string) *ui.Flash {
	return did(c, "live.done."+c.Query("done"), words...)
}

// livesView is the list of live sessions.
type livesView struct {
	courses.LiveList

	Filter courses.LiveFilter
	Of     string // the title of the course or path that it is about
	Faults ui.Faults
}

func (p *Pages) lives(c *fiber.Ctx) error { return p.showLives(c, livesView{}, fiber.StatusOK) }

func (p *Pages) showLives(c *fiber.Ctx, v livesView, status int) error {
	ctx := c.UserContext()
	v.Filter = courses.LiveFilter{Mine: c.Query("tab") == "mine", Past: c.Query("when") == "past", Page: max(number(c.Query("page")), 0)}
	if it, err := id.Parse[id.Item](c.Query("item")); err == nil {
		v.Filter.Item = it
	}
	said := v.Settings
	var err error
	if v.LiveList, err = p.courses.Lives(ctx, v.Filter); err != nil {
		return err
	}
	if v.Faults != nil {
		v.Settings = said
	}
	if !v.Filter.Item.IsZero() && len(v.Rows) > 0 {
		v.Of = v.Rows[0].ItemTitle
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "live.title"), NavKey: "learn", Layout: ui.Reading, NoIndex: true, Flash: liveDone(c, "settings")}, livesPage(v))
}

// href is the list with another filter.
func (v livesView) href(f courses.LiveFilter) string {
	kv := []string{}
	if f.Mine {
		kv = append(kv, "tab", "mine")
	}
	if f.Past {
		kv = append(kv, "when", "past")
	}
	if !f.Item.IsZero() {
		kv = append(kv, "item", f.Item.String())
	}
	if f.Page > 0 {
		kv = append(kv, "page", strconv.Itoa(f.Page))
	}
	if q := query(kv...); q != "" {
		return "/live?" + q
	}
	return "/live"
}

func (v livesView) turned(by int) string {
	if by < 0 && v.Filter.Page == 0 || by > 0 && !v.More {
		return ""
	}
	f := v.Filter
	f.Page += by
	return v.href(f)
}

func (p *Pages) liveSettings(c *fiber.Ctx) error {
	ctx := c.UserContext()
	set := courses.LiveSettings{Zone: formText(c, "my_zone"), Quiet: c.FormValue("remind") == ""}
	err := p.courses.SetLiveSettings(ctx, set)
	if f := faultsOf(ctx, err); f != nil {
		return p.showLives(c, livesView{LiveList: courses.LiveList{Settings: set}, Faults: f}, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/live?done=settings#settings", fiber.StatusSeeOther)
}

// livesBeside is what stands beside a course, path or lesson.
func (p *Pages) livesBeside(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	places := []courses.LivePlace{{Item: it, Part: c.Query("part")}}
	if path, err := id.Parse[id.Item](c.Query("path")); err == nil && path != it {
		places = append(places, courses.LivePlace{Item: path, Part: c.Query("step")})
	}
	v, err := p.courses.LivesBeside(c.UserContext(), places...)
	if err != nil {
		return err
	}
	private(c)
	return shell.Fragment(c, besideLives(v, it, c.Query("part") != ""))
}

// liveRows are sessions as a list shows them.
func liveRows(ctx context.Context, v courses.LiveList) (out []ui.EventRow) {
	for _, l := range v.Rows {
		zone, ok := courses.LiveZone(v.Settings.Zone)
		if !ok {
			zone, _ = courses.LiveZone(l.Zone)
		}
		at := l.Starts.In(zone)
		when, there := l.When(ctx, v.Settings.Zone)
		var notes []string
		if there != "" {
			notes = append(notes, lang.T(ctx, "live.there", "When", there))
		}
		state := liveState(ctx, l, v.Now)
		out = append(out, ui.EventRow{
			Day: strconv.Itoa(at.Day()), Month: lang.Month(ctx, at), Title: l.Title, Text: when, Org: show.Org(v.Orgs[l.Org]), Kind: state.Kind, State: state.Text,
			Notes:  append(notes, lang.T(ctx, "live.about_of", "Title", l.ItemTitle, "Org", v.Orgs[l.Org].Name)),
			Action: ui.Link{Label: lang.T(ctx, "live.open"), Href: liveHref(l.ID)},
		})
	}
	return out
}

// liveState is how the viewer stands to a session, or that no seat is free; empty where there is nothing to say.
func liveState(ctx context.Context, l courses.Live, now time.Time) word {
	switch {
	case l.State == courses.LiveCancelled:
		return word{ui.Bad, lang.T(ctx, "live.state.cancelled")}
	case l.Over(now) && l.Attended:
		return word{ui.OK, lang.T(ctx, "live.state.came")}
	case l.Over(now):
		return word{}
	case l.Mine == courses.LiveSeat:
		return word{ui.OK, lang.T(ctx, "live.state.seat")}
	case l.Mine == courses.LiveWaiting:
		return word{ui.Info, lang.T(ctx, "live.state.waiting")}
	case l.Full:
		return word{ui.Warn, lang.T(ctx, "live.state.full")}
	}
	return word{}
}

// liveView is the page of a session.
type liveView struct {
	courses.LiveView

	Shown   string // how the viewer would be shown
	Refused string
}

func (p *Pages) live(c *fiber.Ctx) error { return p.showLive(c, "", fiber.StatusOK) }

func (p *Pages) showLive(c *fiber.Ctx, refused string, status int) error {
	ctx := c.UserContext()
	which, err := liveID(c)
	if err != nil {
		return err
	}
	v := liveView{Refused: refused, Shown: c.FormValue("shown_as")}
	if v.LiveView, err = p.courses.LiveSession(ctx, which); err != nil {
		return err
	}
	if !slices.Contains(courses.LiveShown, v.Shown) {
		v.Shown = courses.LiveShown[0]
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: v.Title, NavKey: "learn", Layout: ui.Reading, NoIndex: true, Flash: liveDone(c, "seat", "waiting", "left", "unqueued", "planned", "changed", "cancelled")}, livePage(v))
}

// stop is where the session's part of the course or path is.
func (v liveView) stop() string {
	if v.Room == "" {
		return href(v.Of())
	}
	return v.at(v.Part)
}

// at is the address of a lesson or step of what the session is about.
func (v liveView) at(key string) string {
	if v.ItemKind == "path" {
		return StopHref(v.Of(), key, "")
	}
	return StopHref(v.Of(), "", key)
}

func (p *Pages) changeSeat(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := liveID(c)
	if err != nil {
		return err
	}
	done := "left"
	switch do := c.FormValue("do"); do {
	case "take":
		done, err = p.courses.TakeSeat(ctx, which, c.FormValue("shown_as"))
	case "leave":
		err = p.courses.LeaveSeat(ctx, which)
	case "leave_waiting":
		err, done = p.courses.LeaveSeat(ctx, which), "unqueued"
	default:
		err = errs.New(errs.Malformed, "do %q", do)
	}
	at := liveHref(which)
	if back := backTo(c.FormValue("back")); back != "" {
		at = back
	}
	if says := saysOf(ctx, err); says != "" {
		return p.showLive(c, says, errs.Status(errs.KindOf(err)))
	}
	if err != nil {
		return err
	}
	return c.Redirect(at+"?done="+done, fiber.StatusSeeOther)
}

func (p *Pages) liveCalendar(c *fiber.Ctx) error {
	which, err := liveID(c)
	if err != nil {
		return err
	}
	file, err := p.courses.LiveCalendar(c.UserContext(), which)
	if err != nil {
		return err
	}
	private(c)
	c.Set(fiber.HeaderContentType, "text/calendar; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="session.ics"`)
	return c.SendString(file)
}

// liveDesk is the page on which a session is planned or changed.
type liveDesk struct {
	courses.LiveDesk

	Faults  ui.Faults
	Refused string
	Again   string // the title that was typed to call it off
}

func (v liveDesk) fault(name string) string { return v.Faults.Of(name) }

// fresh reports whether the session is planned for the first time.
func (v liveDesk) fresh() bool { return v.Live.ID.IsZero() }

func (v liveDesk) at() string {
	if v.fresh() {
		return "/live/plan/" + v.Item.ItemID.String()
	}
	return liveHref(v.Live.ID) + "/edit"
}

func liveDraft(c *fiber.Ctx) courses.LiveDraft {
	return courses.LiveDraft{
		Part: c.FormValue("part"), Series: formText(c, "series"), Title: formText(c, "title"), About: formText(c, "about"), Host: formText(c, "host"), Zone: formText(c, "zone"),
		Starts: c.FormValue("starts"), Ends: c.FormValue("ends"), Seats: number(c.FormValue("seats")), Link: formText(c, "link"),
	}
}

func (p *Pages) planLive(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	return p.showDeskOf(c, it, id.Any{}, nil, nil, fiber.StatusOK)
}

func (p *Pages) plannedLive(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	d := liveDraft(c)
	which, err := p.courses.PlanLive(c.UserContext(), it, d)
	if err != nil {
		return p.showDeskOf(c, it, id.Any{}, &d, err, 0)
	}
	return c.Redirect(liveHref(which)+"?done=planned", fiber.StatusSeeOther)
}

func (p *Pages) editLive(c *fiber.Ctx) error {
	which, err := liveID(c)
	if err != nil {
		return err
	}
	return p.showDeskOf(c, id.Item{}, which, nil, nil, fiber.StatusOK)
}

func (p *Pages) changeLive(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := liveID(c)
	if err != nil {
		return err
	}
	if c.FormValue("do") == "cancel" {
		if err := p.courses.CancelLive(ctx, which, formText(c, "title_again")); err != nil {
			return p.showDeskOf(c, id.Item{}, which, nil, err, 0)
		}
		return c.Redirect(liveHref(which)+"?done=cancelled", fiber.StatusSeeOther)
	}
	d := liveDraft(c)
	if err := p.courses.ChangeLive(ctx, which, d); err != nil {
		return p.showDeskOf(c, id.Item{}, which, &d, err, 0)
	}
	return c.Redirect(liveHref(which)+"?done=changed", fiber.StatusSeeOther)
}

// showDeskOf shows the form with what it said, and what was refused of it.
func (p *Pages) showDeskOf(c *fiber.Ctx, it id.Item, session id.Any, said *courses.LiveDraft, refused error, status int) error {
	ctx := c.UserContext()
	v := liveDesk{Faults: faultsOf(ctx, refused), Refused: saysOf(ctx, refused), Again: formText(c, "title_again")}
	if refused != nil {
		if v.Faults == nil && v.Refused == "" {
			return refused
		}
		status = errs.Status(errs.KindOf(refused))
	}
	var err error
	if v.LiveDesk, err = p.courses.LiveDesk(ctx, it, session); err != nil {
		return err
	}
	if said != nil {
		v.Draft = *said
	} else if v.fresh() {
		v.Draft.Part = c.Query("part")
	}
	title := "live.plan"
	if !v.fresh() {
		title = "live.edit"
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, title), NavKey: "learn", Layout: ui.Reading, NoIndex: true}, liveDeskPage(v))
}

// guestsView is who comes to a session.
type guestsView struct {
	courses.GuestList

	Filter  courses.GuestFilter
	Refused string
}

func guestFilter(c *fiber.Ctx) courses.GuestFilter {
	return courses.GuestFilter{Query: c.Query("q"), Waiting: c.Query("tab") == "waiting", Page: max(number(c.Query("page")), 0)}
}

func (p *Pages) guests(c *fiber.Ctx) error { return p.showGuests(c, "", fiber.StatusOK) }

func (p *Pages) showGuests(c *fiber.Ctx, refused string, status int) error {
	ctx := c.UserContext()
	which, err := liveID(c)
	if err != nil {
		return err
	}
	v := guestsView{Filter: guestFilter(c), Refused: refused}
	if v.GuestList, err = p.courses.Guests(ctx, which, v.Filter); err != nil {
		return err
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: whoComes(ctx, !v.Starts.After(v.Now)), NavKey: "learn", Layout: ui.Reading, NoIndex: true, Flash: liveDone(c, "attendance", "voided")}, guestsPage(v))
}

func (v guestsView) href(f courses.GuestFilter, ext string) string {
	kv := []string{"q", f.Query}
	if f.Waiting {
		kv = append(kv, "tab", "waiting")
	}
	if f.Page > 0 {
		kv = append(kv, "page", strconv.Itoa(f.Page))
	}
	at := liveHref(v.ID) + "/people" + ext
	if q := query(kv...); q != "" {
		return at + "?" + q
	}
	return at
}

func (v guestsView) turned(by int) string {
	if by < 0 && v.Filter.Page == 0 || by > 0 && !v.More {
		return ""
	}
	f := v.Filter
	f.Page += by
	return v.href(f, "")
}

// begun reports whether it can be said who came.
func (v guestsView) begun() bool {
	return v.State == courses.LivePlanned && !v.Starts.After(v.Now) && !v.Filter.Waiting
}

// whoComes is what the list of a session's people is called, before it and since it has begun.
func whoComes(ctx context.Context, begun bool) string {
	if begun {
		return lang.T(ctx, "live.people.past")
	}
	return lang.T(ctx, "live.people.title")
}

// guestName is how somebody is called who comes.
func guestName(ctx context.Context, g courses.Guest) string {
	switch {
	case g.Name != "":
		return g.Name
	case g.Own:
		return lang.T(ctx, "live.people.colleague")
	case g.Company != "":
		return lang.T(ctx, "live.people.of", "Org", g.Company)
	}
	return lang.T(ctx, "live.people.somebody")
}

func cameWord(g courses.Guest) string {
	switch {
	case g.Attended == nil:
		return "live.people.unsaid"
	case g.Came():
		return "live.people.came"
	}
	return "live.people.missed"
}

func (p *Pages) attendance(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := liveID(c)
	if err != nil {
		return err
	}
	read := func(name string) (out []id.Any) {
		for _, v := range c.Context().PostArgs().PeekMulti(name) {
			if seat, err := id.Parse[id.Any](string(v)); err == nil && len(out) < 1000 {
				out = append(out, seat)
			}
		}
		return out
	}
	err = p.courses.MarkAttendance(ctx, which, read("shown"), read("came"))
	if says := saysOf(ctx, err); says != "" {
		return p.showGuests(c, says, errs.Status(errs.KindOf(err)))
	}
	if err != nil {
		return err
	}
	return c.Redirect(liveHref(which)+"/people?"+query("done", "attendance", "page", c.FormValue("page"), "q", c.FormValue("q")), fiber.StatusSeeOther)
}

func (p *Pages) exportGuests(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := liveID(c)
	if err != nil {
		return err
	}
	f := guestFilter(c)
	f.All = true
	v, err := p.courses.Guests(ctx, which, f)
	if err != nil {
		return err
	}
	lines := [][]string{{lang.T(ctx, "live.people.name"), lang.T(ctx, "live.people.org"), lang.T(ctx, "live.people.state"), lang.T(ctx, "live.void.title"), lang.T(ctx, "live.void.why")}}
	for _, g := range v.Guests {
		lines = append(lines, []string{guestName(ctx, g), g.Company, lang.T(ctx, cameWord(g)), sheet.Day(g.Voided), g.Reason})
	}
	return shell.Sheet(c, "people.csv", lines)
}

// recordingView is the form with which a recording becomes a part of a lesson.
type recordingView struct {
	courses.Live

	Lessons []courses.LessonRef
	Form    courses.LiveRecording
	Faults  ui.Faults
	Refused string
}

func (v recordingView) fault(name string) string { return v.Faults.Of(name) }

func (p *Pages) recording(c *fiber.Ctx) error {
	return p.showRecording(c, nil, nil, fiber.StatusOK)
}

func (p *Pages) showRecording(c *fiber.Ctx, said *courses.LiveRecording, refused error, status int) error {
	ctx := c.UserContext()
	which, err := liveID(c)
	if err != nil {
		return err
	}
	v := recordingView{Faults: faultsOf(ctx, refused), Refused: saysOf(ctx, refused)}
	if refused != nil {
		if v.Faults == nil && v.Refused == "" {
			return refused
		}
		status = errs.Status(errs.KindOf(refused))
	}
	if v.Live, v.Lessons, err = p.courses.LiveLessons(ctx, which); err != nil {
		return err
	}
	if v.Form = (courses.LiveRecording{Title: v.Title, Lesson: v.Part}); said != nil {
		v.Form = *said
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "live.recording.title"), NavKey: "learn", Layout: ui.Reading, NoIndex: true}, recordingPage(v))
}

func (p *Pages) keepRecording(c *fiber.Ctx) error {
	which, err := liveID(c)
	if err != nil {
		return err
	}
	r := courses.LiveRecording{
		Lesson: c.FormValue("lesson"), Title: formText(c, "title"), Src: formText(c, "src"), Captions: formText(c, "captions"), Chapters: formText(c, "chapters"), Said: formText(c, "said"),
	}
	it, err := p.courses.KeepRecording(c.UserContext(), which, r)
	if err != nil {
		return p.showRecording(c, &r, err, 0)
	}
	return c.Redirect(lessonHref(it, r.Lesson)+"?done=saved", fiber.StatusSeeOther)
}

// aboutLives is the address of what stands beside a lesson.
func aboutLives(v courses.LessonView) string {
	lesson := v.Place.Lesson
	if v.Owner.Kind == "path" {
		lesson = v.Place.Step
	}
	q := query("part", lesson, "path", v.Root.ItemID.String(), "step", v.Place.Step)
	return "/live/about/" + v.Owner.ItemID.String() + "?" + q
}

// zones are proposals for a field that takes the name of a zone.
var zones = strings.Fields(`Europe/Berlin Europe/Vienna Europe/Zurich Europe/London Europe/Dublin Europe/Lisbon Europe/Madrid Europe/Paris Europe/Brussels Europe/Amsterdam Europe/Copenhagen Europe/Oslo Europe/Stockholm Europe/Helsinki Europe/Warsaw Europe/Prague Europe/Budapest Europe/Rome Europe/Athens Europe/Bucharest Europe/Istanbul Europe/Kyiv
	America/New_York America/Chicago America/Denver America/Los_Angeles America/Toronto America/Vancouver America/Mexico_City America/Bogota America/Sao_Paulo America/Argentina/Buenos_Aires Africa/Cairo Africa/Johannesburg Africa/Lagos Africa/Nairobi
	Asia/Dubai Asia/Karachi Asia/Kolkata Asia/Dhaka Asia/Bangkok Asia/Singapore Asia/Hong_Kong Asia/Shanghai Asia/Tokyo Asia/Seoul Asia/Jakarta Australia/Perth Australia/Sydney Pacific/Auckland UTC`) //nolint:gochecknoglobals // A constant list.
