package pages

import (
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// askForm is what somebody wrote into the form for a question, and what was wrong with it.
type askForm struct {
	draft  community.Draft
	faults map[string]string
	list   ui.Faults
}

// talkProps is the list of questions beside an item.
type talkProps struct {
	community.Beside
	at    place
	form  askForm
	whole bool // a page of its own
}

func (t talkProps) itemHref() string {
	href := tenants.ItemURL(t.Item)
	if t.Lesson != "" && t.Item.Kind == tenants.KindCourse {
		return href + "/lessons/" + t.Lesson
	}
	if t.Lesson != "" && t.Item.Kind == tenants.KindPath {
		return href + "/steps/" + t.Lesson
	}
	return href
}

func (p *Pages) about(c *fiber.Ctx) error {
	item, err := itemOf(c.Params("item"))
	if err != nil {
		return err
	}
	at := place{item: item, lesson: c.Query("lesson"), back: here(c)}
	if shell.IsFragment(c) {
		return p.talkFragment(c, at, askForm{}, fiber.StatusOK)
	}
	return p.talkPage(c, at, askForm{}, fiber.StatusOK)
}

func (p *Pages) talkFragment(c *fiber.Ctx, at place, form askForm, status int) error {
	beside, err := p.svc.About(c.UserContext(), at.item, at.lesson)
	if err != nil {
		return err
	}
	c.Status(status)
	return shell.Fragment(c, talk(talkProps{Beside: beside, at: at, form: form}))
}

func (p *Pages) talkPage(c *fiber.Ctx, at place, form askForm, status int) error {
	beside, err := p.svc.About(c.UserContext(), at.item, at.lesson)
	if err != nil {
		return err
	}
	c.Status(status)
	title := lang.T(c.UserContext(), "community.about.title", "Title", beside.Item.Title)
	return shell.Page(c, ui.PageProps{Title: title, NavKey: "community", NoIndex: true}, talkWhole(talkProps{Beside: beside, at: at, form: form, whole: true}))
}

func (p *Pages) ask(c *fiber.Ctx) error {
	item, err := itemOf(c.FormValue("item"))
	if err != nil {
		return err
	}
	at := place{item: item, lesson: c.FormValue("lesson"), back: local(c.FormValue("back"))}
	d := community.Draft{
		Item: item, Lesson: at.lesson, Title: c.FormValue("title"), Body: c.FormValue("body"), Audience: c.FormValue("audience"),
		ShownAs: c.FormValue("shown_as"), Confirmed: c.FormValue("confirmed") != "",
	}
	post, err := p.svc.Ask(c.UserContext(), d)
	if byName, list := faults(c.UserContext(), err, askIDs); byName != nil {
		return p.askAgain(c, at, askForm{d, byName, list})
	}
	if err != nil {
		return err
	}
	return p.after(c, at, post, "p-"+post.String())
}

// askAgain shows a refused form with what was written.
func (p *Pages) askAgain(c *fiber.Ctx, at place, form askForm) error {
	if shell.IsFragment(c) {
		return p.talkFragment(c, at, form, fiber.StatusUnprocessableEntity)
	}
	return p.talkPage(c, at, form, fiber.StatusUnprocessableEntity)
}

func (p *Pages) react(c *fiber.Ctx) error {
	post, err := postParam(c)
	if err != nil {
		return err
	}
	question, err := p.svc.React(c.UserContext(), post, c.FormValue("kind"))
	if err != nil {
		return err
	}
	return p.after(c, placeOf(c), question, "p-"+post.String())
}

// askIDs are the ids of the fields of the form for a question by their names.
var askIDs = map[string]string{"title": "ask-title", "body": "ask-body", "audience": "ask-audience", "shown_as": "ask-as", "confirmed": "ask-confirmed"}

func anchorOf(post id.Post) string { return "p-" + post.String() }
