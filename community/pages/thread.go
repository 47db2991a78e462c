package pages

import (
	"context"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// replyForm is what somebody wrote into the form for an answer, and what was wrong with it.
type replyForm struct {
	reply  community.Reply
	faults map[string]string
	list   ui.Faults
}

type threadProps struct {
	community.Thread
	form  replyForm
	knows []community.Expert
}

// people are the rows of those who know, each name a link to the answer of theirs that was used most.
func (t threadProps) people(ctx context.Context) []ui.PersonRow {
	var out []ui.PersonRow
	for _, e := range t.knows {
		by := Person(ctx, e.By)
		by.Href = "/questions/" + e.Thread.String() + "#" + anchorOf(e.Best)
		r := ui.PersonRow{Person: by, Line: lang.T(ctx, "community.thread.knows_used", "Count", e.Used)}
		if e.Used == 0 {
			r.Line = lang.T(ctx, "community.thread.knows_worked", "Count", e.Worked)
		}
		out = append(out, r)
	}
	return out
}

// near is where what is close to the question comes from: search, but for the question itself.
func (t threadProps) near() string {
	return "/search/close?" + url.Values{"q": {t.Title}, "but": {t.ID.String()}}.Encode()
}

func (t threadProps) href() string { return "/questions/" + t.ID.String() }

func (p *Pages) thread(c *fiber.Ctx) error {
	question, err := postParam(c)
	if err != nil {
		return err
	}
	return p.threadPage(c, question, replyForm{}, fiber.StatusOK)
}

func (p *Pages) threadPage(c *fiber.Ctx, question id.Post, form replyForm, status int) error {
	t, err := p.svc.Thread(c.UserContext(), question, c.Query("sort") == "new")
	if err != nil {
		return err
	}
	var knows []community.Expert
	if t.Item != nil {
		if knows, err = p.svc.Knows(c.UserContext(), t.Item.ItemID); err != nil {
			return err
		}
	}
	props := ui.PageProps{Title: t.Title, NavKey: "community", Canonical: "/questions/" + question.String(), NoIndex: t.Audience != community.AudiencePublic}
	if gone, err := id.Parse[id.Post](c.Query("undo")); err == nil {
		props.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), "community.withdrawn.answer"), UndoAction: "/posts/" + gone.String() + "/restore"}
	}
	c.Status(status)
	return shell.Page(c, props, threadWhole(threadProps{Thread: t, form: form, knows: knows}))
}

func (p *Pages) threadFragment(c *fiber.Ctx, question id.Post, form replyForm, status int) error {
	t, err := p.svc.Thread(c.UserContext(), question, c.Query("sort") == "new")
	if err != nil {
		return err
	}
	c.Status(status)
	return shell.Fragment(c, thread(threadProps{Thread: t, form: form}))
}

func (p *Pages) answer(c *fiber.Ctx) error {
	question, err := postParam(c)
	if err != nil {
		return err
	}
	r := community.Reply{
		Question: question, Body: c.FormValue("text"), Audience: c.FormValue("audience"), ShownAs: c.FormValue("shown_as"), Confirmed: c.FormValue("confirmed") != "",
	}
	post, err := p.svc.AnswerQuestion(c.UserContext(), r)
	if byName, list := faults(c.UserContext(), err, replyIDs); byName != nil {
		if shell.IsFragment(c) {
			return p.threadFragment(c, question, replyForm{r, byName, list}, fiber.StatusUnprocessableEntity)
		}
		return p.threadPage(c, question, replyForm{r, byName, list}, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return p.after(c, place{}, question, anchorOf(post))
}

// replyIDs are the ids of the fields of the form for an answer by their names.
var replyIDs = map[string]string{"text": "answer-text", "audience": "answer-audience", "shown_as": "answer-as", "confirmed": "answer-confirmed"}

func (p *Pages) worked(c *fiber.Ctx) error {
	question, err := postParam(c)
	if err != nil {
		return err
	}
	answer, err := id.Parse[id.Post](c.FormValue("answer"))
	if err != nil {
		return notFound(err)
	}
	if err := p.svc.MarkWorked(c.UserContext(), question, answer, c.FormValue("on") == "1"); err != nil {
		return err
	}
	return p.after(c, place{}, question, anchorOf(answer))
}

func (p *Pages) withdraw(c *fiber.Ctx) error {
	post, err := postParam(c)
	if err != nil {
		return err
	}
	question, err := p.svc.Withdraw(c.UserContext(), post)
	if err != nil {
		return err
	}
	to := "/questions/" + question.String()
	if post != question {
		to += "?undo=" + post.String()
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

func (p *Pages) restore(c *fiber.Ctx) error {
	post, err := postParam(c)
	if err != nil {
		return err
	}
	question, err := p.svc.Restore(c.UserContext(), post)
	if err != nil {
		return err
	}
	return c.Redirect("/questions/"+question.String()+"#"+anchorOf(post), fiber.StatusSeeOther)
}
