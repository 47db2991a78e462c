package pages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// handInAt ends the address to which something is handed in: its body may hold a file.
const handInAt = "/hand-in"

// IsHandIn reports whether the address is one to which a file is handed in.
func IsHandIn(path string) bool {
	return strings.HasSuffix(path, handInAt) && strings.Contains(path, "/tasks/") && (strings.HasPrefix(path, "/course/") || strings.HasPrefix(path, "/path/"))
}

// taskView is the page of a task, with the form that was refused.
type taskView struct {
	courses.TaskView

	Home    string // its address
	Form    courses.Evidence
	Faults  ui.Faults
	Refused string
	Asking  bool // somebody else is asked to look at it
}

// name is what the task is called.
func (v taskView) name() string {
	if v.Task.Title != "" {
		return v.Task.Title
	}
	return v.Lesson
}

func (v taskView) lesson() string { return StopHref(v.Root, v.Place.Step, v.Place.Lesson) }

// taskHref is the address of a task of a lesson.
func taskHref(lesson, key string) string { return lesson + "/tasks/" + url.PathEscape(key) }

func (p *Pages) task(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	return p.showTask(c, at, taskView{Asking: c.Query("ask") != ""}, fiber.StatusOK)
}

func (p *Pages) showTask(c *fiber.Ctx, at courses.Place, v taskView, status int) error {
	ctx := c.UserContext()
	var err error
	if v.TaskView, err = p.courses.Task(readIn(c), at, param(c, "task")); err != nil {
		return err
	}
	v.Home = taskHref(v.lesson(), v.Task.Key)
	if c.Method() == fiber.MethodGet {
		if moved, err := rightSlug(c, v.Root, strings.TrimPrefix(v.Home, href(v.Root))); moved {
			return err
		}
	}
	page := ui.PageProps{Title: v.name(), NavKey: "learn", Layout: ui.Reading, NoIndex: true, Lesson: &ui.LessonBar{BackHref: v.lesson(), PathTitle: v.Lesson, Title: v.name()}}
	if w := c.Query("done"); slices.Contains([]string{"handed", "asked", "back"}, w) {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "practice.done."+w)}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, page, taskPage(v))
}

// handIn hands something in. The form is read as it comes: its file stands last, and goes to the store without being in memory.
func (p *Pages) handIn(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	e, err := readEvidence(c)
	if err != nil {
		return err
	}
	return p.taskChanged(c, at, "handed", taskView{Form: e}, p.courses.HandTask(c.UserContext(), at, param(c, "task"), e))
}

// fieldMost bounds a field of the form, in bytes.
const fieldMost = 100 << 10

// readEvidence reads what is handed in up to its file.
func readEvidence(c *fiber.Ctx) (e courses.Evidence, err error) {
	_, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || params["boundary"] == "" {
		return e, errs.New(errs.Malformed, "no form with a file")
	}
	body := c.Context().RequestBodyStream()
	if body == nil {
		body = strings.NewReader(string(c.Body()))
	}
	r := multipart.NewReader(body, params["boundary"])
	for range 20 {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break // The form is over; what is missing is said by its field.
		}
		if err != nil {
			return e, errs.New(errs.Malformed, "form: %w", err)
		}
		if part.FormName() == "file" {
			if part.FileName() != "" {
				e.FileName, e.File = part.FileName(), part
			}
			break
		}
		text, err := io.ReadAll(io.LimitReader(part, fieldMost))
		if err != nil {
			return e, errs.New(errs.Malformed, "form: %w", err)
		}
		value := strings.ReplaceAll(strings.ToValidUTF8(strings.ReplaceAll(string(text), "\x00", ""), ""), "\r\n", "\n")
		switch part.FormName() {
		case "words":
			e.Words = value
		case "link":
			e.Link = value
		default:
			readAsked(&e.TaskAsk, part.FormName(), value)
		}
	}
	return e, nil
}

// readAsked reads a field of who is to look at it.
func readAsked(a *courses.TaskAsk, name, value string) {
	switch name {
	case "by":
		a.By = value
	case "peer":
		a.Peer = value
	case "mentor":
		a.Mentor = value
	case "across":
		a.Across = true
	case "name":
		a.Name = true
	}
}

// changeTask asks somebody else, or takes back what was handed in.
func (p *Pages) changeTask(c *fiber.Ctx) error {
	ctx := c.UserContext()
	at, err := place(c)
	if err != nil {
		return err
	}
	v := taskView{Asking: true}
	for _, name := range []string{"by", "peer", "mentor", "across", "name"} {
		if value := formText(c, name); value != "" {
			readAsked(&v.Form.TaskAsk, name, value)
		}
	}
	switch do := c.FormValue("do"); do {
	case "ask":
		return p.taskChanged(c, at, "asked", v, p.courses.AskForTask(ctx, at, param(c, "task"), v.Form.TaskAsk))
	case "back":
		return p.taskChanged(c, at, "back", taskView{}, p.courses.TakeTaskBack(ctx, at, param(c, "task")))
	default:
		return errs.New(errs.Malformed, "do %q", do)
	}
}

// taskChanged goes on after a change, or shows the form again with what was wrong.
func (p *Pages) taskChanged(c *fiber.Ctx, at courses.Place, done string, v taskView, err error) error {
	ctx := c.UserContext()
	v.Faults, v.Refused = faultsOf(ctx, err), saysOf(ctx, err)
	switch {
	case v.Faults != nil:
		v.Refused = ""
		return p.showTask(c, at, v, fiber.StatusUnprocessableEntity)
	case v.Refused != "":
		return p.showTask(c, at, v, errs.Status(errs.KindOf(err)))
	case err != nil:
		return err
	}
	return c.Redirect(strings.TrimSuffix(strings.TrimSuffix(c.Path(), "/"), handInAt)+"?done="+done, fiber.StatusSeeOther)
}

func (p *Pages) handed(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v, err := p.courses.Handed(ctx)
	if err != nil {
		return err
	}
	page := ui.PageProps{Title: lang.T(ctx, "practice.handed"), Layout: ui.Reading, NoIndex: true}
	if w := c.Query("done"); w == courses.TaskAgain || w == courses.TaskDone {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "practice.done."+w)}
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, page, handedPage(v))
}

// handedView is what somebody handed in, with the answer that was refused.
type handedView struct {
	courses.HandedView

	Answer  courses.TaskAnswer
	Faults  ui.Faults
	Refused string
}

func (p *Pages) handedBy(c *fiber.Ctx) error { return p.showHanded(c, handedView{}, fiber.StatusOK) }

func (p *Pages) showHanded(c *fiber.Ctx, v handedView, status int) error {
	of, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	if v.HandedView, err = p.courses.HandedBy(readIn(c), of); err != nil {
		return err
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.Title, Layout: ui.Reading, NoIndex: true}, handedByPage(v))
}

func (p *Pages) answerTask(c *fiber.Ctx) error {
	ctx := c.UserContext()
	of, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	a := courses.TaskAnswer{Turn: number(c.FormValue("turn")), Verdict: c.FormValue("do"), Words: formText(c, "words")}
	for i := range min(max(number(c.FormValue("marks")), 0), 20) {
		mark, err := strconv.Atoi(c.FormValue(fmt.Sprintf("mark-%d", i)))
		if err != nil {
			mark = -1
		}
		a.Marks = append(a.Marks, mark)
	}
	err = p.courses.AnswerTask(ctx, of, a)
	v := handedView{Answer: a, Faults: faultsOf(ctx, err)}
	switch {
	case v.Faults != nil:
		return p.showHanded(c, v, fiber.StatusUnprocessableEntity)
	case saysOf(ctx, err) != "":
		v.Refused = saysOf(ctx, err)
		return p.showHanded(c, v, errs.Status(errs.KindOf(err)))
	case err != nil:
		return err
	}
	return c.Redirect("/handed?done="+a.Verdict, fiber.StatusSeeOther)
}

func (p *Pages) evidence(c *fiber.Ctx) error {
	of, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	f, err := p.courses.EvidenceFile(c.UserContext(), of, number(c.Params("turn")))
	if err != nil {
		return err
	}
	return sendFile(c, f)
}

// taskAt is the address of the task that something was handed in for; the readable part of it is put right by the server.
func taskAt(s courses.Submission) string {
	lesson := s.Lesson
	if s.Step == s.Lesson {
		lesson = ""
	}
	return taskHref(StopHref(tenants.Item{Kind: s.RootKind, ItemID: s.Root, Slug: "-"}, s.Step, lesson), s.Task)
}

// taskBadge is how far something is.
func taskBadge(state string) string {
	switch state {
	case courses.TaskDone:
		return ui.OK
	case courses.TaskAgain:
		return ui.Warn
	}
	return ui.Info
}

// lookers are who can be asked, as far as there is anybody.
func (v taskView) lookers() (out []string) {
	for _, by := range markdown.Lookers {
		if v.May(by) {
			out = append(out, by)
		}
	}
	return out
}

// asked is the chosen one of them: of the form, of the last time, or the first.
func (v taskView) asked() string {
	list := v.lookers()
	switch {
	case slices.Contains(list, v.Form.By):
		return v.Form.By
	case v.Mine != nil && slices.Contains(list, v.Mine.By):
		return v.Mine.By
	case len(list) > 0:
		return list[0]
	}
	return ""
}

func (v taskView) peers(ctx context.Context) []ui.Option {
	out := []ui.Option{{Value: "", Label: lang.T(ctx, "practice.ask.peer_choose")}}
	for _, m := range v.Peers {
		at := m.Member.String()
		out = append(out, ui.Option{Value: at, Label: m.Name, Chosen: at == v.Form.Peer || v.Form.Peer == "" && v.Mine != nil && v.Mine.By == markdown.ByPeer && v.Mine.Reviewer == m.Member})
	}
	return out
}

// mentor is the name that stands in the form.
func (v taskView) mentor() string {
	if v.Form.Mentor == "" && v.Mine != nil && v.Mine.By == markdown.ByMentor {
		return v.Mine.Name
	}
	return v.Form.Mentor
}

// waitsFor says who is to look at it.
func (v taskView) waitsFor(ctx context.Context) string {
	if v.Mine.By == markdown.ByAuthor {
		return lang.T(ctx, "practice.waits_authors", "Org", v.Org.Name)
	}
	return lang.T(ctx, "practice.waits_for", "Name", v.Mine.Name)
}

// answeredBy says who looked at it.
func answeredByName(ctx context.Context, t courses.Turn, org tenants.Organization) string {
	if t.ByName != "" {
		return t.ByName
	}
	return lang.T(ctx, "practice.authors", "Org", org.Name)
}

func (v handedView) who(ctx context.Context) string { return handedName(ctx, v.HandedRow) }

// handedName is who handed something in, as far as that is told.
func handedName(ctx context.Context, r courses.HandedRow) string {
	if r.Submission.Name != "" {
		return r.Submission.Name
	}
	return lang.T(ctx, "practice.someone", "Org", r.From.Name)
}

// levels are the levels of a criterion to choose from.
func (v handedView) levels(ctx context.Context, i int, c markdown.Criterion) (out []ui.Option) {
	for j, l := range c.Levels {
		o := ui.Option{Value: strconv.Itoa(j), Label: l, Chosen: i < len(v.Answer.Marks) && v.Answer.Marks[i] == j}
		if j == c.Enough {
			o.Hint = lang.T(ctx, "practice.enough")
		}
		out = append(out, o)
	}
	return out
}

// handedAnswerer is who answered a turn, as whoever looks at it now reads it.
func handedAnswerer(ctx context.Context, t courses.Turn) string {
	if t.ByName != "" {
		return t.ByName
	}
	return lang.T(ctx, "practice.authors_short")
}

// lookerTitle is who can be asked.
func lookerTitle(ctx context.Context, v taskView, by string) string {
	return lang.T(ctx, "practice.ask."+by, "Org", v.Org.Name)
}

// lookerText says what follows from asking them.
func lookerText(ctx context.Context, v taskView, by string) string {
	key := "practice.ask." + by + "_text"
	if by == markdown.ByAuthor && !v.Own {
		key = "practice.ask.author_across"
	}
	return lang.T(ctx, key, "Org", v.Org.Name)
}
