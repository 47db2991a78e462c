package pages

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// moveView is the page on which a learner stays in a version or moves to the next.
type moveView struct {
	courses.MoveView

	Refused string
}

// here is the address of the page.
func (v moveView) here() string { return href(v.Item) + "/version" }

func (p *Pages) moving(c *fiber.Ctx) error { return p.showMove(c, moveView{}, fiber.StatusOK) }

func (p *Pages) showMove(c *fiber.Ctx, v moveView, status int) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	if v.MoveView, err = p.courses.Moving(ctx, it); err != nil {
		return err
	}
	if c.Method() == fiber.MethodGet {
		if moved, err := rightSlug(c, v.Item, "/version"); moved {
			return err
		}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.title(ctx), NavKey: "learn", Layout: ui.Work, NoIndex: true, Flash: did(c, "practice.move.done."+c.Query("done"), "moved", "back")}, movePage(v))
}

// moveVersion moves to the version, or back to the one before.
func (p *Pages) moveVersion(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	done := "moved"
	if c.FormValue("do") == "back" {
		done = "back"
	}
	if c.FormValue("do") == "read" {
		if err := p.courses.ReadWithdrawal(c.UserContext(), it); err != nil {
			return err
		}
		return c.Redirect(strings.TrimSuffix(c.Path(), "/version"), fiber.StatusSeeOther)
	}
	err = p.courses.MoveVersion(c.UserContext(), it, number(c.FormValue("version")))
	if says := saysOf(c.UserContext(), err); says != "" {
		return p.showMove(c, moveView{Refused: says}, fiber.StatusConflict)
	}
	if err != nil {
		return err
	}
	return c.Redirect(c.Path()+"?done="+done, fiber.StatusSeeOther)
}

func (v moveView) title(ctx context.Context) string {
	if v.From == v.To {
		return lang.T(ctx, "practice.move.newest", "Version", strconv.Itoa(v.From))
	}
	return lang.T(ctx, "practice.move.title", "To", strconv.Itoa(v.To), "From", strconv.Itoa(v.From))
}

// stands says what a change means for the viewer.
func (v moveView) stands(ctx context.Context, c courses.Change) string {
	done := slices.Contains(v.Finished, c.Key)
	switch {
	case c.Kind == courses.ChangeGone && done:
		return lang.T(ctx, "practice.move.gone_kept")
	case c.Kind == courses.ChangeNew:
		return lang.T(ctx, "practice.move.new_ahead")
	case done:
		return lang.T(ctx, "practice.move.finished")
	}
	return lang.T(ctx, "practice.move.ahead")
}

// moveEffects are what follows from moving.
func (v moveView) moveEffects(ctx context.Context) []ui.Effect {
	return []ui.Effect{
		{Icon: "check", Title: lang.T(ctx, "practice.move.kept", "Count", v.Kept()), Text: lang.T(ctx, "practice.move.kept_text")},
		{Icon: "clock", Title: timeLeft(ctx, v.LeftThen)},
		{Icon: "undo-2", Title: lang.T(ctx, "practice.move.back_title"), Text: lang.T(ctx, "practice.move.back_text")},
	}
}

// stayEffects are what follows from staying.
func (v moveView) stayEffects(ctx context.Context) []ui.Effect {
	return []ui.Effect{
		{Icon: "clock", Title: timeLeft(ctx, v.LeftNow)},
		{Icon: "refresh-cw", Title: lang.T(ctx, "practice.move.later"), Text: lang.T(ctx, "practice.move.later_text")},
	}
}

func timeLeft(ctx context.Context, minutes int) string {
	if minutes == 0 {
		return lang.T(ctx, "practice.move.nothing_left")
	}
	return lang.T(ctx, "practice.move.left", "Time", lang.Minutes(ctx, minutes))
}
