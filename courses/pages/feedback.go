package pages

import (
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (p *Pages) mountFeedback(r fiber.Router) {
	r.Get("/publish/:id/feedback", p.feedback)
	r.Get("/publish/:id/feedback.csv", p.exportFeedback)
	r.Post("/publish/:id/feedback", p.answerFeedback)
}

// sayFeedback keeps whether a lesson helped: with one tap, and then in a few words.
func (p *Pages) sayFeedback(c *fiber.Ctx) error {
	ctx := c.UserContext()
	at, err := place(c)
	if err != nil {
		return err
	}
	said := courses.Verdict{Helped: c.FormValue("helped") == "1", Words: formText(c, "words"), Signed: c.FormValue("signed") != ""}
	if w := c.FormValue("helped"); w != "0" && w != "1" {
		return errs.New(errs.Malformed, "helped %q", w)
	}
	err = p.courses.SayFeedback(ctx, at, said)
	faults := faultsOf(ctx, err)
	if err != nil && faults == nil {
		return p.waits(c, at, err)
	}
	if faults == nil && !shell.IsFragment(c) {
		return c.Redirect(strings.TrimSuffix(c.Path(), "/feedback")+"#feedback", fiber.StatusSeeOther)
	}
	s := shown{verdict: &said, faults: faults, status: fiber.StatusOK}
	if faults != nil {
		s.status = fiber.StatusUnprocessableEntity
	}
	if !shell.IsFragment(c) {
		return p.show(c, at, s)
	}
	v, err := p.courses.Lesson(readIn(c), at, nil)
	if err != nil {
		return err
	}
	c.Status(s.status)
	return shell.Fragment(c, feedbackBox(v, s))
}

// feedbackView is what people say of the lessons of a course or path, with the answer that was refused.
type feedbackView struct {
	courses.FeedbackView

	Filter courses.FeedbackFilter
	Asked  id.Any
	Words  string
	Faults ui.Faults
}

func feedbackHref(it id.Item) string { return manuscriptHref(it) + "/feedback" }

func feedbackFilter(c *fiber.Ctx) courses.FeedbackFilter {
	return courses.FeedbackFilter{Lesson: c.Query("lesson"), Done: c.Query("done") == "1", Page: max(number(c.Query("page")), 0)}
}

// href is the page with the filter and another page of it.
func (v feedbackView) href(path string, page int) string {
	kv := []string{"lesson", v.Filter.Lesson}
	if v.Filter.Done {
		kv = append(kv, "done", "1")
	}
	if page > 0 {
		kv = append(kv, "page", strconv.Itoa(page))
	}
	if q := query(kv...); q != "" {
		return path + "?" + q
	}
	return path
}

func (v feedbackView) turned(by int) string {
	if by < 0 && v.Filter.Page == 0 || by > 0 && !v.More {
		return ""
	}
	return v.href(feedbackHref(v.Item.ItemID), v.Filter.Page+by)
}

func (p *Pages) feedback(c *fiber.Ctx) error {
	return p.showFeedback(c, feedbackView{}, fiber.StatusOK)
}

func (p *Pages) showFeedback(c *fiber.Ctx, v feedbackView, status int) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	v.Filter = feedbackFilter(c)
	if v.FeedbackView, err = p.courses.FeedbackOn(ctx, it, v.Filter); err != nil {
		return err
	}
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "feedback.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true}, feedbackPage(v))
}

func (p *Pages) answerFeedback(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	of, err := id.Parse[id.Any](c.FormValue("of"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	v := feedbackView{Asked: of, Words: formText(c, "words")}
	switch do := c.FormValue("do"); {
	case do == "answer" && v.Words == "":
		v.Faults = ui.Faults{{ID: "words-" + of.String(), Text: lang.T(ctx, "feedback.fault.words")}}
	case do == "answer":
		err = p.courses.AnswerFeedback(ctx, it, of, v.Words, false)
	case do == "done" || do == "back":
		err = p.courses.AnswerFeedback(ctx, it, of, "", do == "back")
	default:
		err = errs.New(errs.Malformed, "do %q", do)
	}
	for _, f := range faultsOf(ctx, err) {
		v.Faults = append(v.Faults, ui.Fault{ID: f.ID + "-" + of.String(), Text: f.Text})
	}
	if v.Faults != nil {
		return p.showFeedback(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	v.Filter = feedbackFilter(c)
	v.Item.ItemID = it
	return c.Redirect(v.href(feedbackHref(it), 0), fiber.StatusSeeOther)
}

func (p *Pages) exportFeedback(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	f := feedbackFilter(c)
	f.All = true
	v, err := p.courses.FeedbackOn(ctx, it, f)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"day", "lesson", "helped", "words", "from", "answer"} {
		head = append(head, lang.T(ctx, "feedback.head."+k))
	}
	lines := [][]string{head}
	for _, r := range v.Rows {
		lines = append(lines, []string{sheet.Day(&r.Day), r.Title, lang.T(ctx, helpedKey(r.Helped)), r.Words, feedbackFrom(ctx, r), r.Answer})
	}
	return shell.Sheet(c, "feedback.csv", lines)
}

func helpedKey(helped bool) string {
	if helped {
		return "feedback.helped"
	}
	return "feedback.helped_not"
}

func helpedKind(helped bool) string {
	if helped {
		return ui.OK
	}
	return ui.Warn
}

// feedbackFrom is who wrote something, as far as that is told.
func feedbackFrom(ctx context.Context, r courses.FeedbackWords) string {
	switch {
	case r.Name != "" && r.From.Name != "":
		return lang.T(ctx, "reflect.with.other", "Name", r.Name, "Org", r.From.Name)
	case r.From.Name != "":
		return lang.T(ctx, "practice.someone", "Org", r.From.Name)
	}
	return lang.T(ctx, "feedback.somebody")
}

// verdictOf is what the form of a lesson holds: what was refused, or what was said; nil for nothing.
func verdictOf(v courses.LessonView, s shown) *courses.Verdict {
	if s.verdict != nil && s.faults != nil {
		return s.verdict
	}
	return v.Verdict
}

func pressed(said *courses.Verdict, helped bool) string {
	if said != nil && said.Helped == helped {
		return "true"
	}
	return "false"
}
