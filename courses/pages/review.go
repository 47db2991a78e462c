package pages

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountReviews adds the routes of those who read drafts, and of what an organization asks of those who write.
func (p *Pages) mountReviews(r fiber.Router) {
	r.Get("/reviews", p.reviews)
	r.Get("/reviews/:id", p.review)
	r.Post("/reviews/:id", p.changeReview)
	r.Get("/publishing", p.authorRules)
	r.Post("/publishing", p.setAuthorRules)
}

func reviewHref(it id.Item) string { return "/reviews/" + it.String() }

// reviewed are the changes that a page of reviews says were made.
func reviewed(c *fiber.Ctx) *ui.Flash {
	if w := c.Query("done"); w == "remark" || w == "back" || w == "good" || w == "change" || w == "rules" {
		return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), "review.done."+w)}
	}
	return nil
}

func (p *Pages) reviews(c *fiber.Ctx) error {
	list, err := p.courses.Reviews(c.UserContext())
	if err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "review.title"), Layout: ui.Reading, NoIndex: true}, reviewsPage(list))
}

// reviewPageView is a draft as a colleague reads it, with the form that was refused.
type reviewPageView struct {
	courses.ReviewView

	Faults ui.Faults
	Lesson string // of the form that was refused
	Body   string
	Answer string
}

// fault is what was refused in the form about a lesson; "*" is that of the answer.
func (v reviewPageView) fault(lesson, name string) string {
	if v.Lesson != lesson {
		return ""
	}
	return v.Faults.Of(name)
}

func (p *Pages) review(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	v, err := p.courses.Review(c.UserContext(), it)
	if err != nil {
		return err
	}
	return p.showReview(c, reviewPageView{ReviewView: v, Answer: v.Review.Answer}, fiber.StatusOK)
}

func (p *Pages) showReview(c *fiber.Ctx, v reviewPageView, status int) error {
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.Title, Layout: ui.Work, NoIndex: true, Flash: reviewed(c)}, reviewPage(v))
}

func (p *Pages) changeReview(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	f := reviewPageView{Lesson: c.FormValue("lesson"), Body: formText(c, "body"), Answer: formText(c, "answer")}
	to := reviewHref(it)
	switch do := c.FormValue("do"); do {
	case "remark":
		err, to = p.courses.RemarkOn(ctx, it, f.Lesson, c.FormValue("about"), f.Body), to+"?done=remark#l-"+url.PathEscape(f.Lesson)
	case "take-back":
		var remark id.Any
		if remark, err = id.Parse[id.Any](c.FormValue("remark")); err != nil {
			return errs.New(errs.NotFound, "%w", err)
		}
		err, to = p.courses.TakeBackRemark(ctx, it, remark), to+"?done=back#l-"+url.PathEscape(f.Lesson)
	case courses.ReviewGood, courses.ReviewChange:
		f.Lesson = "*"
		err, to = p.courses.AnswerReview(ctx, it, do, f.Answer), to+"?done="+do
	default:
		err = errs.New(errs.Malformed, "do %q", do)
	}
	if err == nil {
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	if f.Faults = faultsOf(ctx, err); f.Faults == nil {
		return err
	}
	if f.ReviewView, err = p.courses.Review(ctx, it); err != nil {
		return err
	}
	return p.showReview(c, f, fiber.StatusUnprocessableEntity)
}

func (p *Pages) authorRules(c *fiber.Ctx) error {
	r, err := p.courses.AuthorRules(c.UserContext())
	if err != nil {
		return err
	}
	r.Frames = strings.Join(strings.Fields(r.Frames), "\n") // What is refused stands there as it was typed.
	return p.showAuthorRules(c, r, nil, fiber.StatusOK)
}

func (p *Pages) showAuthorRules(c *fiber.Ctx, r courses.AuthorRules, faults ui.Faults, status int) error {
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "review.rules.title"), NavKey: "publish", Layout: ui.Reading, NoIndex: true, Flash: reviewed(c)}, authorRulesPage(r, faults))
}

func (p *Pages) setAuthorRules(c *fiber.Ctx) error {
	r := courses.AuthorRules{Review: c.FormValue("review") != "", Frames: formText(c, "frames")}
	err := p.courses.SetAuthorRules(c.UserContext(), r)
	if f := faultsOf(c.UserContext(), err); f != nil {
		return p.showAuthorRules(c, r, f, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/publishing?done=rules", fiber.StatusSeeOther)
}

// clock is how a form says a day and a time; it is UTC.
const clock = "2006-01-02T15:04"

// changeReviews does what an author can do about reviews and the time of publishing, and says where to go on.
func (p *Pages) changeReviews(c *fiber.Ctx, it id.Item, do string) (to string, err error) {
	ctx := c.UserContext()
	to = manuscriptHref(it)
	switch do {
	case "review-ask":
		return to + "?done=review-ask#reviews", p.courses.AskReview(ctx, it, formText(c, "who"), formText(c, "words"))
	case "review-off":
		who, bad := id.Parse[id.Membership](c.FormValue("reviewer"))
		if bad != nil {
			return to, errs.New(errs.NotFound, "%w", bad)
		}
		return to + "?done=review-off#reviews", p.courses.CallOffReview(ctx, it, who)
	case "review-settle", "review-open":
		remark, bad := id.Parse[id.Any](c.FormValue("remark"))
		if bad != nil {
			return to, errs.New(errs.NotFound, "%w", bad)
		}
		return to + "?done=saved#reviews", p.courses.SettleRemark(ctx, it, remark, do == "review-open")
	case "review-cancel":
		return to + "?done=review-cancel#publish", p.courses.Schedule(ctx, it, time.Time{})
	}
	at, bad := time.Parse(clock, c.FormValue("at"))
	if bad != nil {
		return to, errs.Fields(errs.Field{Name: "at", Key: "review.fault.at"})
	}
	return to + "?done=review-plan#publish", p.courses.Schedule(ctx, it, at)
}

// reviewKind paints the state of a review.
func reviewKind(r courses.Review) string {
	switch {
	case r.State == courses.ReviewGood && !r.Stale:
		return ui.OK
	case r.State == courses.ReviewChange:
		return ui.Warn
	}
	return ui.Neutral
}

func reviewState(ctx context.Context, r courses.Review) string {
	if r.State == courses.ReviewGood && r.Stale {
		return lang.T(ctx, "review.state.stale")
	}
	return lang.T(ctx, "review.state."+r.State)
}

// partName is how a reviewer calls a part of a lesson.
func partName(ctx context.Context, b courses.BlockView) string {
	switch {
	case b.Title != "":
		return b.Title
	case b.Ask != "":
		return b.Ask
	}
	return lang.T(ctx, "write.block."+b.Kind)
}
