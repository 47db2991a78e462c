package pages

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// textsForm is the page on which it is said whose a lesson is and in which languages it is there.
type textsForm struct {
	courses.LessonDesk

	Rights  courses.LessonRights
	Text    courses.LessonText // of the form: a language that is changed, or a new one
	Do      string             // of which form something was refused: rights or text
	Faults  ui.Faults
	Refused string
}

func (v textsForm) fault(do, name string) string {
	if v.Do != do {
		return ""
	}
	return v.Faults.Of(name)
}

func textsHref(it id.Item, key string) string { return lessonHref(it, key) + "/texts" }

func (p *Pages) lessonTexts(c *fiber.Ctx) error {
	return p.showTexts(c, textsForm{}, nil)
}

func (p *Pages) showTexts(c *fiber.Ctx, v textsForm, refused error) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	status := fiber.StatusOK
	if refused != nil {
		if v.Faults, v.Refused = faultsOf(ctx, refused), saysOf(ctx, refused); v.Faults == nil && v.Refused == "" {
			return refused
		}
		status = errs.Status(errs.KindOf(refused))
	}
	if v.LessonDesk, err = p.courses.WriteLesson(ctx, it, param(c, "lesson")); err != nil {
		return err
	}
	if v.Do != "rights" {
		v.Rights = courses.LessonRights{Licence: v.Lesson.Licence, Origin: v.Lesson.Origin, Lang: v.Lesson.Lang}
	}
	if v.Do != "text" {
		for _, t := range v.Lesson.Texts {
			if t.Lang == c.Query("in") {
				v.Text = t
			}
		}
	}
	c.Status(status)
	private(c)
	var flash *ui.Flash
	if refused == nil {
		flash = did(c, "lessontext.done", "saved")
	}
	return shell.Page(c, ui.PageProps{Title: v.Lesson.Title, NavKey: "publish", Layout: ui.Reading, NoIndex: true, Flash: flash}, textsPage(v))
}

func (p *Pages) saveTexts(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	key, edition := param(c, "lesson"), number(c.FormValue("edition"))
	v := textsForm{Do: c.FormValue("do")}
	to := textsHref(it, key) + "?done=saved"
	switch v.Do {
	case "rights":
		v.Rights = courses.LessonRights{Licence: formText(c, "licence"), Origin: formText(c, "origin"), Lang: formText(c, "lang"), Edition: edition}
		err = p.courses.SaveRights(ctx, it, key, v.Rights)
	case "text":
		v.Text = courses.LessonText{Lang: formText(c, "lang"), Title: formText(c, "title"), Source: formText(c, "source")}
		err = p.courses.SaveText(ctx, it, key, edition, v.Text)
		to += "&in=" + url.QueryEscape(v.Text.Lang)
	case "remove":
		err = p.courses.RemoveText(ctx, it, key, edition, c.FormValue("lang"))
	default:
		err = errs.New(errs.Malformed, "do %q", v.Do)
	}
	if err != nil {
		return p.showTexts(c, v, err)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}
