package pages

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// checkView is the page of a check: what it asks for, one of its questions, what was answered, or a result.
type checkView struct {
	courses.CheckView

	N       int            // of the question, from 1; 0 for the look over all
	Given   *courses.Given // an answer that is not kept
	Moved   string         // what was moved in it, and where to: "up 3"
	Faults  ui.Faults
	Refused string
	Home    string // address of the check
	Skip    bool   // it is taken to skip what it asks
}

func (v checkView) question(n int) string { return v.Home + "?n=" + strconv.Itoa(n) }

func (v checkView) result(s courses.Sitting) string {
	return v.Home + "?result=" + strconv.Itoa(s.Number)
}

// open is how many questions have no answer yet.
func (v checkView) open() (n int) {
	for _, q := range v.Questions {
		if !q.Answered {
			n++
		}
	}
	return n
}

// name is what the check is called.
func (v checkView) name(ctx context.Context) string {
	if v.Title != "" {
		return v.Title
	}
	return lang.T(ctx, "quiz.check")
}

// lesson is the address of the lesson that the check stands in.
func (v checkView) lesson() string { return StopHref(v.Root, v.Place.Step, v.Place.Lesson) }

// checkHref is the address of a check of a lesson.
func checkHref(lesson, quiz string) string {
	return lesson + "/quizzes/" + url.PathEscape(quiz) + "/check"
}

func (p *Pages) check(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	return p.showCheck(c, at, checkView{N: number(c.Query("n")), Skip: c.Query("skip") != ""}, max(number(c.Query("result")), 0), fiber.StatusOK)
}

func (p *Pages) showCheck(c *fiber.Ctx, at courses.Place, v checkView, result, status int) error {
	ctx := c.UserContext()
	var err error
	if v.CheckView, err = p.courses.Check(ctx, at, param(c, "quiz"), result); err != nil {
		return err
	}
	v.Home = checkHref(v.lesson(), v.Key)
	if c.Method() == fiber.MethodGet {
		if moved, err := rightSlug(c, v.Root, strings.TrimPrefix(v.Home, href(v.Root))); moved {
			return err
		}
	}
	if v.Shown == nil && v.Running != nil && v.N < 0 {
		v.N = 1
		for i, q := range v.Questions {
			if !q.Answered {
				v.N = i + 1
				break
			}
		}
	}
	v.N = min(v.N, len(v.Questions))
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	bar := &ui.LessonBar{BackHref: v.lesson(), PathTitle: v.Lesson, Title: v.name(ctx)}
	switch {
	case v.Passed:
		bar.Share = 1
	case v.Running != nil && v.Shown == nil:
		bar.Share = float64(len(v.Questions)-v.open()) / float64(max(1, len(v.Questions)))
	}
	return shell.Page(c, ui.PageProps{Title: v.name(ctx), NavKey: "learn", Layout: ui.Reading, NoIndex: true, Lesson: bar}, checkPage(v))
}

// takeCheck begins a check, keeps an answer, or hands it in.
func (p *Pages) takeCheck(c *fiber.Ctx) error {
	ctx := c.UserContext()
	at, err := place(c)
	if err != nil {
		return err
	}
	quiz, n := param(c, "quiz"), number(c.FormValue("n"))
	home := strings.TrimSuffix(c.Path(), "/")
	to := home
	var g courses.Given
	switch do := c.FormValue("do"); {
	case c.FormValue("move") != "":
		if g, err = chosen(c); err == nil {
			return p.showCheck(c, at, checkView{N: n, Given: moved(g, c.FormValue("move")), Moved: c.FormValue("move")}, 0, fiber.StatusOK)
		}
	case do == "begin":
		err = p.courses.BeginCheck(ctx, at, quiz, c.FormValue("skip") != "")
	case do == "hand-in":
		if g, err = chosen(c); err == nil && g.Question != "" {
			// Whatever of the open question cannot be taken is not answered.
			if err := p.courses.AnswerCheck(ctx, at, quiz, g); err != nil && !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Conflict) {
				return err
			}
		}
		var taken int
		taken, err = p.courses.HandIn(ctx, at, quiz)
		to = home + "?result=" + strconv.Itoa(taken)
	case do == "answer":
		if g, err = chosen(c); err == nil {
			err = p.courses.AnswerCheck(ctx, at, quiz, g)
		}
		if to = home + "?n=" + strconv.Itoa(n+1); c.FormValue("last") != "" {
			to = home + "?n=0"
		}
	default:
		err = errs.New(errs.Malformed, "do %q", do)
	}
	faults, says := faultsOf(ctx, err), saysOf(ctx, err)
	switch {
	case faults != nil:
		return p.showCheck(c, at, checkView{N: n, Given: &g, Faults: faults}, 0, fiber.StatusUnprocessableEntity)
	case says != "":
		return p.showCheck(c, at, checkView{N: n, Refused: says}, 0, errs.Status(errs.KindOf(err)))
	case err != nil:
		return err
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// sheet is the question of the page as a form.
func (v checkView) sheet(ctx context.Context) ui.QuizProps {
	q := v.Questions[v.N-1]
	if v.Given != nil {
		q = unjudged(q, *v.Given)
	}
	p := questionProps(ctx, q)
	p.ID, p.Action, p.ContentLang = "quiz", v.Home, contentLang(ctx, v.Lang)
	p.Hidden = []ui.FormValue{{Name: "question", Value: q.Key}, {Name: "n", Value: strconv.Itoa(v.N)}}
	if p.Focus = p.ID; v.Moved != "" {
		p.Focus = p.MoverID(v.Moved)
	}
	if len(v.Faults) > 0 {
		p.Error = v.Faults[0].Text
	}
	return p
}

// secondsLeft is how much time there is for the browser's clock, which stops a second early, so that what it sends comes in time.
func secondsLeft(now, until time.Time) string {
	return strconv.Itoa(max(0, int(until.Sub(now)/time.Second)-1))
}

// left is how much time there is, in minutes, rounded up.
func left(now, until time.Time) int { return int((until.Sub(now) + time.Minute - 1) / time.Minute) }

// again is where to read again what a question asks.
func (v checkView) again(q courses.QuestionView) string {
	return v.lesson() + "#s-" + url.PathEscape(q.ReadKey)
}

// givenLines is what was answered, as lines to read.
func givenLines(q courses.QuestionView) (out []courses.SolutionLine) {
	switch {
	case !q.Answered:
		return nil
	case q.Words != "":
		if !strings.HasSuffix(strings.ToLower(q.Words), strings.ToLower(q.Unit)) {
			q.Words += " " + q.Unit
		}
		return []courses.SolutionLine{{Text: q.Words}}
	}
	for _, c := range q.Choices {
		line := courses.SolutionLine{Text: c.Text, HTML: c.HTML}
		if c.Partner >= 0 && c.Partner < len(q.Partners) {
			line.Partner = q.Partners[c.Partner]
		}
		if c.Chosen || q.Kind == markdown.Order || line.Partner != "" {
			out = append(out, line)
		}
	}
	return out
}
