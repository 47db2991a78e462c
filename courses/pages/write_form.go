package pages

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// lessonForm is the page on which a lesson is written. The fields of its n-th block begin with "b", n and a dot; those of a quiz's m-th
// question go on with "q", m and a dot, those of its choices with "c", the number and a dot.
type lessonForm struct {
	courses.LessonDesk

	Blocks  []formBlock
	Whole   bool // the text in one piece
	Faults  ui.Faults
	Refused string
	Theirs  string // what somebody else saved meanwhile; "" for nothing
}

// formBlock is a block while it is written.
type formBlock struct {
	Kind   string
	Text   string // of prose, and of a block whose fields cannot be read
	Raw    bool   // a typed block as text
	Fields markdown.Fields
}

// The bounds of a form.
const (
	blocksMost    = 200
	questionsMost = 50
	choicesMost   = 12
)

// addable are the kinds of blocks that can be added.
var addable = []string{markdown.Prose, markdown.Quiz, markdown.Reflect, markdown.Try, markdown.Task, markdown.Live, markdown.Group, markdown.Steps, markdown.Video, markdown.Embed, markdown.File} //nolint:gochecknoglobals // A constant list.

func blocksOf(list []markdown.Segment) []formBlock {
	out := make([]formBlock, 0, len(list))
	for _, s := range list {
		b := formBlock{Kind: s.Kind, Text: s.Source}
		if s.Kind != markdown.Prose {
			f, err := s.Fields()
			b.Fields, b.Raw = f, err != nil
		}
		out = append(out, b)
	}
	return out
}

// source puts blocks together to the text of a lesson.
func source(list []formBlock) (string, error) {
	out := make([]markdown.Segment, 0, len(list))
	for _, b := range list {
		s := markdown.Segment{Kind: b.Kind, Source: b.Text}
		if b.Kind != markdown.Prose && !b.Raw {
			var err error
			if s, err = markdown.Typed(b.Kind, b.Fields); err != nil {
				return "", fmt.Errorf("block %s: %w", b.Kind, err)
			}
		}
		out = append(out, s)
	}
	return markdown.Join(out), nil
}

// readBlocks reads the blocks of a form.
func readBlocks(c *fiber.Ctx) (out []formBlock) {
	for i := range min(max(number(c.FormValue("blocks")), 0), blocksMost) {
		at := fmt.Sprintf("b%d.", i)
		b := formBlock{Kind: c.FormValue(at + "kind"), Text: formText(c, at+"text")}
		if b.Kind != markdown.Prose && !slices.Contains([]string{markdown.Quiz, markdown.Reflect, markdown.Try, markdown.Task, markdown.Live, markdown.Group, markdown.Steps, markdown.Video, markdown.Embed, markdown.File, markdown.Path}, b.Kind) {
			continue
		}
		b.Raw = c.FormValue(at+"raw") != ""
		if b.Kind != markdown.Prose && !b.Raw {
			b.Fields = markdown.Fields{
				Title: formText(c, at+"title"), Key: formText(c, at+"key"), Ask: formText(c, at+"ask"), Src: formText(c, at+"src"), Poster: formText(c, at+"poster"), Captions: formText(c, at+"captions"),
				Chapters: formText(c, at+"chapters"), Said: formText(c, at+"said"),
				Minutes: max(number(c.FormValue(at+"minutes")), 0), Path: formText(c, at+"path"), Questions: readQuestions(c, at),
				With: formText(c, at+"with"), Days: max(number(c.FormValue(at+"days")), 0),
				Hand: marked(c, at+"hand"), By: marked(c, at+"by"), Rubric: formText(c, at+"rubric"), Steps: markdown.Lines(formText(c, at+"steps")),
				Shuffle: c.FormValue(at+"shuffle") != "", Draw: max(number(c.FormValue(at+"draw")), 0), Attempts: max(number(c.FormValue(at+"attempts")), 0), Pass: max(number(c.FormValue(at+"pass")), 0), Skips: formText(c, at+"skips"),
				Series: formText(c, at+"series"), Recording: c.FormValue(at+"recording") != "", From: max(number(c.FormValue(at+"from")), 0), To: max(number(c.FormValue(at+"to")), 0), Out: formText(c, at+"out"),
			}
		}
		out = append(out, b)
	}
	return out
}

// marked are the values of boxes that are ticked.
func marked(c *fiber.Ctx, name string) (out []string) {
	for _, v := range c.Context().PostArgs().PeekMulti(name) {
		out = append(out, string(v))
	}
	return out
}

// readQuestions reads the questions of a block: of each what its kind has.
func readQuestions(c *fiber.Ctx, at string) (out []markdown.Question) {
	for j := range min(max(number(c.FormValue(at+"questions")), 0), questionsMost) {
		of := fmt.Sprintf("%sq%d.", at, j)
		q := markdown.Question{Key: formText(c, of+"key"), Ask: formText(c, of+"ask"), Because: formText(c, of+"because"), Hint: formText(c, of+"hint"), Read: formText(c, of+"read")}
		if kind := c.FormValue(of + "kind"); kind != markdown.Single && slices.Contains(markdown.Kinds, kind) {
			q.Kind = kind
		}
		marks := func(name string) map[string]bool {
			set := map[string]bool{}
			for _, v := range c.Context().PostArgs().PeekMulti(of + name) {
				set[string(v)] = true
			}
			return set
		}
		switch q.Kind {
		case markdown.Number:
			q.Tolerance, q.Unit = formText(c, of+"tolerance"), formText(c, of+"unit")
		case markdown.Text:
			q.Forgive = forgiven(marks("forgive"))
		}
		right := marks("right")
		for k := range min(max(number(c.FormValue(of+"choices")), 0), choicesMost) {
			in := fmt.Sprintf("%sc%d.", of, k)
			choice := markdown.Choice{Text: formText(c, in+"text")}
			switch q.Kind {
			case markdown.Order:
			case markdown.Match:
				choice.Match = formText(c, in+"match")
			default:
				choice.Because, choice.Right = formText(c, in+"because"), right[itoa(k)]
			}
			q.Choices = append(q.Choices, choice)
		}
		out = append(out, q)
	}
	return out
}

// forgiven is what was ticked; nothing where that is what goes without saying.
func forgiven(ticked map[string]bool) (out []string) {
	for _, f := range markdown.Forgiven {
		if ticked[f] {
			out = append(out, f)
		}
	}
	switch {
	case len(out) == 0:
		return []string{markdown.ForgiveNothing}
	case slices.Equal(out, []string{markdown.ForgiveCase, markdown.ForgiveSpaces}):
		return nil
	}
	return out
}

// forgives reports whether the box for something is ticked.
func forgives(q markdown.Question, what string) bool {
	if len(q.Forgive) == 0 {
		return what != markdown.ForgiveAccents
	}
	return slices.Contains(q.Forgive, what)
}

// change does to the blocks what a button of the form says: "up 3", "to 3 0", "add quiz", "choice 3 0". It returns the block to go on with.
func change(ctx context.Context, list []formBlock, do string) ([]formBlock, int, error) {
	var what, kind string
	var i, j, k int
	if n, _ := fmt.Sscanf(do, "add %s %d", &kind, &i); n > 0 {
		if n == 1 {
			i = len(list)
		}
		if !slices.Contains(addable, kind) || i < 0 || i > len(list) || len(list) >= blocksMost {
			return nil, 0, errs.New(errs.Malformed, "do %q", do)
		}
		return slices.Insert(list, i, fresh(ctx, kind)), i, nil
	}
	n, _ := fmt.Sscanf(do, "%s %d %d %d", &what, &i, &j, &k)
	if n < 2 || i < 0 || i >= len(list) {
		return nil, 0, errs.New(errs.Malformed, "do %q", do)
	}
	qs := list[i].Fields.Questions
	switch {
	case what == "up" && i > 0:
		list[i], list[i-1] = list[i-1], list[i]
		i--
	case what == "down" && i < len(list)-1:
		list[i], list[i+1] = list[i+1], list[i]
		i++
	case what == "up" || what == "down":
	case n >= 3 && what == "to" && j >= 0 && j < len(list):
		b := list[i]
		list = slices.Insert(slices.Delete(list, i, i+1), j, b)
		i = j
	case what == "remove":
		list = slices.Delete(list, i, i+1)
		i = min(i, len(list)-1)
	case what == "question" && len(qs) < questionsMost:
		list[i].Fields.Questions = append(qs, freshQuestion())
	case n >= 3 && j >= 0 && j < len(qs) && what == "unquestion":
		list[i].Fields.Questions = slices.Delete(qs, j, j+1)
	case n >= 3 && j >= 0 && j < len(qs) && what == "choice" && len(qs[j].Choices) < choicesMost:
		qs[j].Choices = append(qs[j].Choices, markdown.Choice{})
	case n == 4 && j >= 0 && j < len(qs) && what == "unchoice" && k >= 0 && k < len(qs[j].Choices):
		qs[j].Choices = slices.Delete(qs[j].Choices, k, k+1)
	case n == 4 && j >= 0 && j < len(qs) && what == "choiceup" && k > 0 && k < len(qs[j].Choices):
		qs[j].Choices[k], qs[j].Choices[k-1] = qs[j].Choices[k-1], qs[j].Choices[k]
	default:
		return nil, 0, errs.New(errs.Malformed, "do %q", do)
	}
	return list, i, nil
}

// fresh is a new block. Prose begins with a heading, because what has no words is no block.
func fresh(ctx context.Context, kind string) formBlock {
	b := formBlock{Kind: kind}
	switch kind {
	case markdown.Prose:
		b.Text = "## " + lang.T(ctx, "write.new_part")
	case markdown.Quiz:
		b.Fields.Questions = []markdown.Question{freshQuestion()}
	}
	return b
}

func freshQuestion() markdown.Question {
	return markdown.Question{Choices: []markdown.Choice{{Right: true}, {}}}
}

func (p *Pages) writeLesson(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	d, err := p.courses.WriteLesson(c.UserContext(), it, param(c, "lesson"))
	if err != nil {
		return err
	}
	return p.showLesson(c, lessonForm{LessonDesk: d, Blocks: blocksOf(d.Segments), Whole: c.Query("as") == "text"}, fiber.StatusOK)
}

func (p *Pages) showLesson(c *fiber.Ctx, v lessonForm, status int) error {
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.Lesson.Title, NavKey: "publish", Layout: ui.Work, NoIndex: true, Flash: wrote(c)}, lessonFormPage(v))
}

// saveLesson keeps what the form says, does what its button says and comes back; while somebody writes, a script sends the form and takes
// the preview.
func (p *Pages) saveLesson(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	l := courses.ManuscriptLesson{
		Key: param(c, "lesson"), Title: formText(c, "title"), Kind: c.FormValue("kind"), Minutes: max(number(c.FormValue("minutes")), 0), Edition: number(c.FormValue("edition")),
	}
	blocks, whole, at, do := readBlocks(c), c.FormValue("blocks") == "", -1, c.FormValue("do")
	switch {
	case whole:
		l.Source = formText(c, "source")
	case do != "" && do != "save":
		if blocks, at, err = change(ctx, blocks, do); err != nil {
			return err
		}
	}
	if !whole {
		if l.Source, err = source(blocks); err != nil {
			return err
		}
	}
	_, err = p.courses.SaveLesson(ctx, it, l)
	fault, _ := errors.AsType[*errs.Error](err)
	if err == nil && !shell.IsFragment(c) {
		return c.Redirect(p.onward(it, l.Key, whole, at, do), fiber.StatusSeeOther)
	}
	if err != nil && (fault == nil || fault.Kind != errs.Invalid && fault.Kind != errs.Conflict) {
		return err
	}
	d, derr := p.courses.WriteLesson(ctx, it, l.Key)
	if derr != nil {
		return derr
	}
	v := lessonForm{LessonDesk: d, Blocks: blocks, Whole: whole, Faults: faultsOf(ctx, err), Refused: saysOf(ctx, err)}
	if err != nil {
		if fault.Kind == errs.Conflict {
			v.Theirs = d.Lesson.Source
		}
		v.LessonDesk = d.With(l)
	}
	if shell.IsFragment(c) {
		c.Set(fiber.HeaderCacheControl, "no-store")
		return shell.Fragment(c, lessonSaved(v))
	}
	return p.showLesson(c, v, errs.Status(fault.Kind))
}

// onward is where a change leads to: the block that it was about.
func (p *Pages) onward(it id.Item, key string, whole bool, at int, do string) string {
	to := lessonHref(it, key)
	switch {
	case whole:
		return to + "?as=text&done=saved"
	case at >= 0:
		return to + "#block-" + itoa(at)
	case do == "" || do == "save":
		return to + "?done=saved"
	}
	return to
}

func (v lessonForm) fault(name string) string { return v.Faults.Of(name) }

// view is the lesson as the components of a lesson's page take it.
func (v lessonForm) view() courses.LessonView {
	lv := courses.LessonView{Now: v.Now, Title: v.Lesson.Title, Kind: v.Lesson.Kind, Blocks: v.Preview, Visitor: true}
	lv.Owner.Lang = v.Lang
	return lv
}

func (v lessonForm) fileOptions(ctx context.Context, chosen string, media ...string) []ui.Option {
	out := []ui.Option{{Value: "", Label: lang.T(ctx, "write.file.choose")}}
	names := filesOf(v.Files, media...)
	if chosen != "" && !slices.Contains(names, chosen) {
		names = append(names, chosen)
	}
	for _, n := range names {
		out = append(out, ui.Option{Value: n, Label: n, Chosen: n == chosen})
	}
	return out
}
