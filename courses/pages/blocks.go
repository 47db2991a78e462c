package pages

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// aidHref is the address of a list of steps alone.
func aidHref(v courses.LessonView, list string) string {
	return here(v) + "/aid/" + url.PathEscape(list)
}

// showHref is the address of the lesson with something that another site shows.
func showHref(v courses.LessonView, key string) string {
	return here(v) + "?" + url.Values{"show": {key}}.Encode() + "#s-" + url.PathEscape(key)
}

// framesHint says which sites can be shown.
func framesHint(ctx context.Context, frames []string) string {
	if len(frames) == 0 {
		return lang.T(ctx, "blocks.write.src_none")
	}
	return lang.T(ctx, "blocks.write.src_hint", "Hosts", strings.Join(frames, ", "))
}

// admit lets the browser show a frame of the block's site on this answer, and of no other.
func admit(c *fiber.Ctx, b *courses.BlockView) {
	site := "https://" + b.Frame.Host
	h := &c.Response().Header
	c.Set("Content-Security-Policy", string(h.Peek("Content-Security-Policy"))+"; frame-src "+site)
	c.Set("Permissions-Policy", strings.Replace(string(h.Peek("Permissions-Policy")), "fullscreen=(self)", `fullscreen=(self "`+site+`")`, 1))
}

// tick keeps the ticks of a list of steps.
func (p *Pages) tick(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	list, done := c.FormValue("list"), marked(c, "done")
	saved, err := p.courses.Tick(c.UserContext(), at, list, done)
	if err != nil {
		return p.waits(c, at, err)
	}
	if !shell.IsFragment(c) {
		return c.Redirect(strings.TrimSuffix(c.Path(), "/ticks")+"#s-"+url.PathEscape(list), fiber.StatusSeeOther)
	}
	_, b, err := p.list(c, at, list)
	if err != nil {
		return err
	}
	return shell.Fragment(c, stepsNote(b, lang.T(c.UserContext(), "courses.reflect.saved", "Time", lang.Ago(c.UserContext(), saved, saved))))
}

// list is a list of steps of a lesson as the viewer sees it; NotFound if it has none of the key.
func (p *Pages) list(c *fiber.Ctx, at courses.Place, key string) (courses.LessonView, courses.BlockView, error) {
	v, err := p.courses.Lesson(readIn(c), at, nil)
	if err != nil {
		return v, courses.BlockView{}, err
	}
	i := slices.IndexFunc(v.Blocks, func(b courses.BlockView) bool { return b.Kind == markdown.Steps && b.Key == key })
	if i < 0 {
		return v, courses.BlockView{}, errs.New(errs.NotFound, "list %q of lesson %s", key, at.Lesson)
	}
	return v, v.Blocks[i], nil
}

// aid shows a list of steps alone, to be printed.
func (p *Pages) aid(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	v, b, err := p.list(c, at, param(c, "list"))
	if err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: b.Title, NavKey: "learn", Layout: ui.Reading, NoIndex: true}, aidPage(v, b))
}
