package pages

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountReflections(r fiber.Router) {
	r.Get("/reflections", p.reflections)
	r.Get("/reflections/mine.csv", p.exportReflections)
	r.Get("/reflections/:id", p.reflection)
	r.Post("/reflections/:id", p.changeReflection)
}

// thought is what somebody wrote down and what became of it.
type thought struct {
	courses.Reflected

	Key, Text, Fault string
	Now              time.Time
}

// reflect saves what somebody writes down in a lesson: as they go on, as a fragment that says so, and where it cannot be saved with what they
// wrote.
func (p *Pages) reflect(c *fiber.Ctx) error {
	ctx := c.UserContext()
	at, err := place(c)
	if err != nil {
		return err
	}
	t := thought{Key: c.FormValue("key"), Text: formText(c, "text")}
	edition := number(c.FormValue("edition"))
	if over := c.FormValue("over"); over != "" {
		edition = number(over)
	}
	t.Reflected, err = p.courses.Reflect(ctx, at, t.Key, courses.Thought{Text: t.Text, Edition: edition, Window: c.FormValue("window")})
	t.Now = t.At
	if f := faultsOf(ctx, err); f != nil {
		t.Fault, t.Edition, err = f[0].Text, max(edition, 0), nil
	}
	if err != nil {
		return p.waits(c, at, err)
	}
	status := fiber.StatusOK
	switch {
	case t.Changed:
		status = fiber.StatusConflict
	case t.Fault != "":
		status = fiber.StatusUnprocessableEntity
	}
	switch {
	case shell.IsFragment(c):
		if status != fiber.StatusOK {
			c.Status(fiber.StatusUnprocessableEntity) // It is swapped in.
		}
		return shell.Fragment(c, thoughtNote(t, edition))
	case status != fiber.StatusOK:
		return p.show(c, at, shown{thought: &t, status: status})
	}
	return c.Redirect(strings.TrimSuffix(c.Path(), "/reflect")+"#s-"+url.PathEscape(t.Key), fiber.StatusSeeOther)
}

// kept is what stands in a lesson of what somebody wrote down before.
func kept(v courses.LessonView, b courses.BlockView, s shown) thought {
	if s.thought != nil && s.thought.Key == b.Key {
		return *s.thought
	}
	return thought{Key: b.Key, Text: b.Body, Now: v.Now, Reflected: courses.Reflected{ID: b.Thought, Edition: b.Edition, At: b.Saved, Body: b.Body, Shared: b.Shared}}
}

// reflectionsView are the lists of what somebody wrote down and of what others share with them.
type reflectionsView struct {
	Mine   courses.ReflectionList
	Shared courses.SharedList
	Others bool // Shared is shown
	Own    ui.Org
	Next   string
}

// lead says what stands on the page.
func (v reflectionsView) lead(ctx context.Context) string {
	if v.Others {
		return lang.T(ctx, "reflect.lead_shared")
	}
	return lang.T(ctx, "reflect.lead")
}

func after(c *fiber.Ctx) (out courses.ReflectionsAfter) {
	at, err := time.Parse(time.RFC3339Nano, c.Query("at"))
	if err != nil {
		return out
	}
	if of, err := id.Parse[id.Any](c.Query("after")); err == nil {
		out = courses.ReflectionsAfter{At: at, ID: of}
	}
	return out
}

func (p *Pages) reflections(c *fiber.Ctx) (err error) {
	ctx := c.UserContext()
	v := reflectionsView{Others: c.Query("tab") == "shared", Own: shell.From(ctx).Org}
	next := func(at time.Time, of id.Any, more ...string) string {
		return "/reflections?" + query(append(more, "at", at.Format(time.RFC3339Nano), "after", of.String())...)
	}
	if v.Others {
		if v.Shared, err = p.courses.SharedWithMe(ctx, after(c)); err != nil {
			return err
		}
		if v.Shared.More {
			last := v.Shared.Rows[len(v.Shared.Rows)-1]
			v.Next = next(last.At, last.ID, "tab", "shared")
		}
	} else {
		if v.Mine, err = p.courses.Reflections(ctx, strings.TrimSpace(c.Query("q")), after(c), false); err != nil {
			return err
		}
		if v.Mine.More {
			last := v.Mine.Rows[len(v.Mine.Rows)-1]
			v.Next = next(last.Updated, last.ID, "q", v.Mine.Query)
		}
	}
	page := ui.PageProps{Title: lang.T(ctx, "reflect.title"), NavKey: "learn", Layout: ui.Reading, NoIndex: true}
	if c.Query("done") == "dropped" {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "reflect.done.dropped")}
	}
	private(c)
	return shell.Page(c, page, reflectionsPage(v))
}

func (p *Pages) exportReflections(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v, err := p.courses.Reflections(ctx, strings.TrimSpace(c.Query("q")), courses.ReflectionsAfter{}, true)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"at", "lesson", "asked", "body"} {
		head = append(head, lang.T(ctx, "reflect.head."+k))
	}
	lines := [][]string{head}
	for _, r := range v.Rows {
		lines = append(lines, []string{r.Updated.UTC().Format(time.RFC3339), r.Title, r.Asked, r.Body})
	}
	return shell.Sheet(c, "reflections.csv", lines)
}

// reflectionView is an own reflection with the form in which it is shared.
type reflectionView struct {
	courses.ReflectionView

	Own    ui.Org
	Form   courses.Sharing
	Faults ui.Faults
}

func (p *Pages) reflection(c *fiber.Ctx) error {
	return p.showReflection(c, reflectionView{}, fiber.StatusOK)
}

// showReflection shows an own reflection, or what somebody else shares.
func (p *Pages) showReflection(c *fiber.Ctx, v reflectionView, status int) error {
	ctx := c.UserContext()
	which, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	page := ui.PageProps{Title: lang.T(ctx, "reflect.one"), NavKey: "learn", Layout: ui.Reading, NoIndex: true}
	v.ReflectionView, err = p.courses.Reflection(ctx, which)
	if errs.Is(err, errs.NotFound) {
		shared, err := p.courses.ReadShared(ctx, which)
		if err != nil {
			return err
		}
		private(c)
		return shell.Page(c, page, sharedPage(shared, shell.From(ctx).Org))
	}
	if err != nil {
		return err
	}
	v.Own = shell.From(ctx).Org
	if w := c.Query("done"); slices.Contains([]string{"shared", "back"}, w) {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "reflect.done."+w)}
	}
	c.Status(status)
	private(c)
	return shell.Page(c, page, reflectionPage(v))
}

func (p *Pages) changeReflection(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	to := "/reflections/" + which.String() + "?done="
	v := reflectionView{}
	switch do := c.FormValue("do"); do {
	case "share":
		v.Form = courses.Sharing{
			With: c.FormValue("with"), Colleague: formText(c, "colleague"), Team: c.FormValue("team"), Group: c.FormValue("group"), Reader: c.FormValue("reader"), Name: c.FormValue("name") != "", Confirmed: c.FormValue("confirmed") != "",
		}
		err, to = p.courses.ShareReflection(ctx, which, v.Form), to+"shared"
	case "back":
		err, to = p.courses.TakeReflectionBack(ctx, which), to+"back"
	case "drop":
		err, to = p.courses.DropReflection(ctx, which), "/reflections?done=dropped"
	default:
		return errs.New(errs.Malformed, "do %q", do)
	}
	if v.Faults = faultsOf(ctx, err); v.Faults != nil {
		return p.showReflection(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// writtenAt is the address of the place in a lesson where something was written; "" where that is not known. The readable part of it is put
// right by the server.
func writtenAt(r courses.Reflection) string {
	if r.RootKind == "" {
		return ""
	}
	lesson := r.Lesson
	if r.Step == r.Lesson {
		lesson = ""
	}
	return StopHref(tenants.Item{Kind: r.RootKind, ItemID: r.Root, Slug: "-"}, r.Step, lesson) + "#s-" + url.PathEscape(r.Key)
}

// sharer is who shares something, as far as that is told.
func sharer(ctx context.Context, r courses.SharedReflection) string {
	if r.Name != "" {
		return r.Name
	}
	if !r.Told {
		return lang.T(ctx, "group.someone")
	}
	return lang.T(ctx, "practice.someone", "Org", r.By.Name)
}

// sharerOrg is the organization of who shares something, as far as that is told.
func sharerOrg(r courses.SharedReflection) ui.Org {
	if !r.Told {
		return ui.Org{}
	}
	return show.Org(r.By)
}

// sharedWith is who reads what somebody shares.
func sharedWith(ctx context.Context, r courses.SharedReflection) string {
	switch {
	case !r.Group.IsZero() || !r.Cohort.IsZero():
		return lang.T(ctx, "reflect.with.group_of", "Name", r.To)
	case r.Reader.IsZero():
		return lang.T(ctx, "reflect.with.team_of", "Name", r.To)
	case r.Outside && r.To == "":
		return lang.T(ctx, "practice.someone", "Org", r.With.Name)
	case r.Outside:
		return lang.T(ctx, "reflect.with.other", "Name", r.To, "Org", r.With.Name)
	}
	return r.To
}

// chosen is with whom the form shares: as it was sent, as it is, or with a colleague.
func (v reflectionView) chosen() string {
	switch {
	case v.Form.With != "":
		return v.Form.With
	case v.With == nil:
		return courses.ShareColleague
	case !v.With.Group.IsZero() || !v.With.Cohort.IsZero():
		return courses.ShareGroup
	case v.With.Reader.IsZero():
		return courses.ShareTeam
	case v.With.Outside:
		return courses.ShareReader
	}
	return courses.ShareColleague
}

// colleague is the name that stands in the form.
func (v reflectionView) colleague() string {
	if v.Form.With == "" && v.With != nil && !v.With.Outside && !v.With.Reader.IsZero() {
		return v.With.To
	}
	return v.Form.Colleague
}

func (v reflectionView) teams() (out []ui.Option) {
	for _, t := range v.Teams {
		at := t.ID.String()
		out = append(out, ui.Option{Value: at, Label: t.Name, Chosen: at == v.Form.Team || v.Form.With == "" && v.With != nil && v.With.Team == t.ID})
	}
	return out
}

// circles are the groups to choose from.
func (v reflectionView) circles() (out []ui.Option) {
	for _, c := range v.Circles {
		at := c.ID.String()
		out = append(out, ui.Option{Value: at, Label: c.Title, Chosen: at == v.Form.Group || v.Form.With == "" && v.With != nil && (v.With.Group == c.ID || v.With.Cohort == c.ID)})
	}
	return out
}

// across reports whether people of another organization are in one of the groups, or can join it.
func (v reflectionView) across() bool {
	return slices.ContainsFunc(v.Circles, func(c courses.Circle) bool { return c.Grows || !c.Other.IsZero() })
}

// circleMost is how many people of a group are named.
const circleMost = 8

// circleNames are who reads what is shared with a group.
func circleNames(ctx context.Context, c courses.Circle) string {
	var names []string
	for _, p := range c.People[:min(len(c.People), circleMost)] {
		names = append(names, groupPerson(ctx, p))
	}
	switch more := len(c.People) - len(names); {
	case len(names) == 0:
		return lang.T(ctx, "reflect.with.group_none")
	case more > 0:
		return lang.T(ctx, "reflect.with.group_more", "Names", strings.Join(names, ", "), "Count", more)
	}
	return joined(names)
}

func (v reflectionView) readers(ctx context.Context) (out []ui.Option) {
	for _, r := range v.Readers {
		at := r.Post.String()
		out = append(out, ui.Option{Value: at, Label: lang.T(ctx, "reflect.with.other", "Name", r.Name, "Org", r.By.Name), Chosen: at == v.Form.Reader || v.Form.With == "" && v.With != nil && v.With.MetIn == r.Post})
	}
	return out
}

// named reports whether readers of another organization may ever see the name.
func (v reflectionView) named() bool {
	return slices.ContainsFunc(v.Readers, func(r courses.Reader) bool { return r.Meet == "name" })
}

// askedOf is the question, or where it is not known what it is.
func askedOf(ctx context.Context, r courses.Reflection) string {
	if r.Asked != "" {
		return r.Asked
	}
	return lang.T(ctx, "reflect.one")
}

func shareTitle(ctx context.Context, v reflectionView) string {
	if v.With != nil {
		return lang.T(ctx, "reflect.share_again")
	}
	return lang.T(ctx, "reflect.share")
}

func shareLabel(ctx context.Context, v reflectionView) string {
	if v.With != nil {
		return lang.T(ctx, "reflect.share_again_do")
	}
	return lang.T(ctx, "reflect.share_do")
}
