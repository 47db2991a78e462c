package pages

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// shown is what the address and a refused form add to a lesson.
type shown struct {
	question string // the key of the question to show
	given    *courses.Given
	moved    bool   // given is an order that is not an answer yet, or nothing, to answer once more
	frame    string // the key of what another site shows, which the viewer wants to see
	try      string // the key of what was planned and refused, with plan and faults
	plan     courses.TryPlan
	verdict  *courses.Verdict // what was said of the lesson and refused
	thought  *thought         // what was written down and not saved
	group    *groupForm       // what was said of a group and refused
	faults   ui.Faults        // the question was not answered
	status   int
}

func place(c *fiber.Ctx) (courses.Place, error) {
	it, err := item(c)
	return courses.Place{Item: it, Step: param(c, "step"), Lesson: param(c, "lesson")}, err
}

func (p *Pages) lesson(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	s := shown{question: c.Query("q"), given: given(c.Query("q"), c.Query("answer"), c.Query("words")), frame: c.Query("show"), status: fiber.StatusOK}
	if c.Query("again") != "" {
		s.given, s.moved = &courses.Given{Question: s.question}, true
	}
	return p.show(c, at, s)
}

// given reads an answer from the address, as a visitor's is kept nowhere else: the numbers of the choices with commas, or words.
func given(question, answer, words string) *courses.Given {
	if question == "" || answer == "" && words == "" {
		return nil
	}
	g := &courses.Given{Question: question, Words: words}
	for s := range strings.SplitSeq(answer, ",") {
		n, err := strconv.Atoi(s)
		if err != nil && answer != "" || len(g.Choices) > markdown.MaxChoices {
			return nil
		}
		if answer != "" {
			g.Choices = append(g.Choices, n)
		}
	}
	return g
}

func (p *Pages) show(c *fiber.Ctx, at courses.Place, s shown) error {
	answered := s.given
	if s.moved {
		answered = nil
	}
	v, err := p.courses.Lesson(readIn(c), at, answered)
	if errs.Is(err, errs.NotFound) && signedIn(c) {
		root := p.courses.Path
		if at.Step == "" {
			root = p.courses.Course
		}
		if _, gone := root(c.UserContext(), at.Item); errs.Is(gone, errs.NotFound) {
			return p.closed(c, at.Item, err)
		}
	}
	if err != nil {
		return err
	}
	if c.Method() == fiber.MethodGet {
		if moved, err := rightSlug(c, v.Root, strings.TrimPrefix(StopHref(v.Root, at.Step, at.Lesson), href(v.Root))); moved {
			return err
		}
	}
	if b := v.Frame(s.frame); b != nil {
		admit(c, b)
	} else {
		s.frame = ""
	}
	c.Status(s.status)
	if shell.IsFragment(c) && s.question != "" {
		return shell.Fragment(c, quizAnswered(v, s))
	}
	page := lessonProps(v)
	if page.Flash = groupDone(c); page.Flash == nil {
		page.Flash = liveDone(c, "seat", "waiting", "left", "unqueued")
	}
	return shell.Page(c, page, lessonPage(v, s))
}

func (p *Pages) answer(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	g, err := chosen(c)
	if err != nil {
		return err
	}
	if do := c.FormValue("move"); do != "" {
		return p.show(c, at, shown{question: g.Question, given: moved(g, do), moved: true, status: fiber.StatusOK})
	}
	_, err = p.courses.Answer(c.UserContext(), at, g)
	faults := faultsOf(c.UserContext(), err)
	switch {
	case errs.Is(err, errs.Conflict):
		return p.waits(c, at, err)
	case faults != nil:
		return p.show(c, at, shown{question: g.Question, given: &g, moved: true, faults: faults, status: fiber.StatusUnprocessableEntity})
	case err != nil:
		return err
	case shell.IsFragment(c):
		return p.show(c, at, shown{question: g.Question, given: &g, status: fiber.StatusOK})
	}
	return c.Redirect(answerHref(c, g), fiber.StatusSeeOther)
}

// chosen reads the answer from the form.
func chosen(c *fiber.Ctx) (courses.Given, error) {
	g := courses.Given{Question: c.FormValue("question"), Words: c.FormValue("words")}
	for _, v := range c.Context().PostArgs().PeekMulti("choice") {
		n, err := strconv.Atoi(string(v))
		if err != nil || len(g.Choices) >= markdown.MaxChoices {
			return g, errs.New(errs.Malformed, "choice %q", v)
		}
		g.Choices = append(g.Choices, n)
	}
	return g, nil
}

// moved is an order in which one thing went up or down by a place: "up 3" says which.
func moved(g courses.Given, do string) *courses.Given {
	what, at, _ := strings.Cut(do, " ")
	i := slices.Index(g.Choices, number(at))
	j := i + 1
	if what == "up" {
		j = i - 1
	}
	if i >= 0 && j >= 0 && j < len(g.Choices) {
		g.Choices[i], g.Choices[j] = g.Choices[j], g.Choices[i]
	}
	return &g
}

// answerHref leads back to the answered question. Visitors carry the answer along.
func answerHref(c *fiber.Ctx, g courses.Given) string {
	q := url.Values{"q": {g.Question}}
	if !signedIn(c) {
		var list []string
		for _, n := range g.Choices {
			list = append(list, strconv.Itoa(n))
		}
		if q.Set("answer", strings.Join(list, ",")); g.Words != "" {
			q.Set("words", g.Words)
		}
	}
	return strings.TrimSuffix(c.Path(), "/answer") + "?" + q.Encode() + "#quiz"
}

// Finishes reports whether the request finishes a lesson or a step, which is one transaction.
func Finishes(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodPost && strings.HasSuffix(c.Path(), completeAt)
}

const completeAt = "/complete"

func (p *Pages) complete(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	if err := p.visit(c); err != nil {
		return err
	}
	w, err := p.courses.CompleteLesson(c.UserContext(), at)
	if err != nil {
		return p.waits(c, at, err)
	}
	to := href(w.Root)
	if w.Next != nil {
		to = StopHref(w.Root, w.Next.Step, w.Next.Lesson)
	}
	return c.Redirect(to, fiber.StatusSeeOther)
}

// waits shows the lesson of a step that opens later, which says why; any other error is returned.
func (p *Pages) waits(c *fiber.Ctx, at courses.Place, err error) error {
	if !errs.Is(err, errs.Conflict) || shell.IsFragment(c) {
		return err
	}
	return p.show(c, at, shown{status: fiber.StatusConflict})
}

func (p *Pages) place(c *fiber.Ctx) error {
	at, err := place(c)
	if err != nil {
		return err
	}
	part, opened := c.FormValue("part"), c.FormValue("opened") != ""
	if opened {
		err = p.courses.OpenLesson(c.UserContext(), at)
	} else {
		err = p.courses.SavePlace(c.UserContext(), at, part)
	}
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func lessonProps(v courses.LessonView) ui.PageProps {
	step, steps := numbered(v)
	bar := &ui.LessonBar{BackHref: href(v.Root), PathTitle: v.Root.Title, Title: v.Title, Step: step, Steps: steps, Share: v.Progress.Share()}
	if v.Previous != nil {
		bar.PreviousHref = StopHref(v.Root, v.Previous.Step, v.Previous.Lesson)
	}
	if v.Next != nil {
		bar.NextHref = StopHref(v.Root, v.Next.Step, v.Next.Lesson)
	}
	return ui.PageProps{
		Title: v.Title, Description: v.Root.Summary, Canonical: StopHref(v.Root, v.Place.Step, v.Place.Lesson), NavKey: "learn", Layout: ui.Lesson, Lesson: bar,
	}
}

// numbered is the place among the steps that the publisher asks for, as the page of the path counts them; what the adopter
// added has no number.
func numbered(v courses.LessonView) (step, steps int) {
	for i, st := range v.Stations {
		switch {
		case !st.Own:
			steps++
			if i < v.Number {
				step = steps
			}
		case i == v.Number-1:
			return 0, 0
		}
	}
	return step, steps
}

// here is the address of the lesson itself.
func here(v courses.LessonView) string { return StopHref(v.Root, v.Place.Step, v.Place.Lesson) }

// about is the address of the discussion beside the lesson.
func about(v courses.LessonView) string {
	lesson := v.Place.Lesson
	if v.Owner.Kind == tenants.KindPath {
		lesson = v.Place.Step
	}
	return "/questions/about/" + v.Owner.ItemID.String() + "?" + url.Values{"lesson": {lesson}}.Encode()
}

func outline(ctx context.Context, v courses.LessonView) []ui.OutlinePart {
	var out []ui.OutlinePart
	for _, p := range v.Parts {
		o := ui.OutlinePart{Label: p.Title, Href: "#s-" + p.Key, State: ui.Ahead}
		if o.Label == "" {
			o.Label = lang.T(ctx, "courses.part."+p.Kind)
		}
		if p.Kind == markdown.Quiz && practised(v, p.Key) {
			o.Href = "#quiz"
		}
		switch {
		case p.Done:
			o.State = ui.Done
		case p.Now:
			o.State = ui.Now
		}
		out = append(out, o)
	}
	return out
}

// current picks the question of a quiz to show: the one asked for, the first without an answer, or the first.
func current(b courses.BlockView, key string) int {
	open := -1
	for i, q := range b.Questions {
		if q.Key == key {
			return i
		}
		if open < 0 && q.State == courses.Unanswered {
			open = i
		}
	}
	return max(open, 0)
}

func quizProps(ctx context.Context, v courses.LessonView, b courses.BlockView, s shown) ui.QuizProps {
	i := current(b, s.question)
	q := b.Questions[i]
	if s.given != nil && s.moved && s.question == q.Key {
		q = unjudged(q, *s.given)
	}
	p := questionProps(ctx, q)
	p.ID, p.Action, p.Title, p.Number, p.Total = quizID(v, b), here(v)+"/answer", b.Title, i+1, len(b.Questions)
	p.ContentLang, p.Hidden = contentLang(ctx, v.Owner.Lang), []ui.FormValue{{Name: "question", Value: q.Key}}
	if p.Title == "" {
		p.Title = lang.T(ctx, "courses.part.quiz")
	}
	if len(s.faults) > 0 && s.question == q.Key {
		p.Error = s.faults[0].Text
	}
	if q.State == courses.Right && v.Started && !v.Visitor {
		p.AgainHref = here(v) + "?" + query("q", q.Key, "again", "1") + "#" + p.ID
	}
	switch {
	case i < len(b.Questions)-1:
		p.NextHref, p.NextLabel = here(v)+"?"+url.Values{"q": {b.Questions[i+1].Key}}.Encode()+"#"+p.ID, lang.T(ctx, "courses.quiz.next")
	case v.Open == 0 && v.Next != nil && v.Done:
		p.NextHref, p.NextLabel = StopHref(v.Root, v.Next.Step, v.Next.Lesson), lang.T(ctx, "courses.lesson.next")
	}
	return p
}

// answeredBy is how a question of a kind is answered.
func answeredBy(kind string) string {
	switch kind {
	case markdown.Multiple:
		return ui.Several
	case markdown.Number:
		return ui.Numeric
	case markdown.Text:
		return ui.Wording
	case markdown.Order:
		return ui.Ordering
	case markdown.Match:
		return ui.Matching
	}
	return ui.Choosing
}

// questionProps is a question with what was answered.
func questionProps(ctx context.Context, q courses.QuestionView) ui.QuizProps {
	p := ui.QuizProps{Question: q.Ask, QuestionHTML: q.HTML, Kind: answeredBy(q.Kind), Words: q.Words, Unit: q.Unit, State: q.State, Feedback: q.Feedback}
	if q.State == courses.Wrong && (q.Kind == markdown.Order || q.Kind == markdown.Match) {
		p.Feedback = strings.TrimSpace(lang.T(ctx, "quiz.fits."+q.Kind, "Count", q.Fits, "Total", len(q.Choices)) + " " + q.Feedback)
	}
	for i, t := range q.Partners {
		p.Partners = append(p.Partners, ui.Option{Value: strconv.Itoa(i), Label: markdown.Plain(t)})
	}
	for _, c := range q.Choices {
		o := ui.QuizChoice{Value: strconv.Itoa(c.Place), Text: c.Text, HTML: c.HTML, Chosen: c.Chosen, Right: c.Right}
		if p.Kind == ui.Ordering {
			o.Text = markdown.Plain(c.Text)
		}
		if c.Partner >= 0 {
			o.Partner = strconv.Itoa(c.Partner)
		}
		p.Choices = append(p.Choices, o)
	}
	return p
}

// unjudged is a question with an answer that is not given yet.
func unjudged(q courses.QuestionView, g courses.Given) courses.QuestionView {
	q.State, q.Feedback, q.Words = courses.Unanswered, "", g.Words
	list := slices.SortedFunc(slices.Values(q.Choices), func(x, y courses.ChoiceView) int { return x.Place - y.Place })
	q.Choices = nil
	byPlace := func(place int) int {
		return slices.IndexFunc(list, func(c courses.ChoiceView) bool { return c.Place == place })
	}
	switch {
	case q.Kind == markdown.Order && len(g.Choices) == len(list):
		for _, place := range g.Choices {
			if i := byPlace(place); i >= 0 {
				q.Choices = append(q.Choices, list[i])
			}
		}
	default:
		for i, c := range list {
			c.Chosen, c.Right = slices.Contains(g.Choices, c.Place), false
			if c.Partner = -1; q.Kind == markdown.Match && i < len(g.Choices) {
				c.Partner = g.Choices[i]
			}
			q.Choices = append(q.Choices, c)
		}
	}
	return q
}

// practised reports whether the quiz is answered on the lesson's page.
func practised(v courses.LessonView, key string) bool {
	return slices.ContainsFunc(v.Blocks, func(b courses.BlockView) bool { return b.Key == key && b.Check == nil })
}

// quizID is "quiz" for the lesson's first quiz that is answered there, so that its address is short.
func quizID(v courses.LessonView, b courses.BlockView) string {
	for _, o := range v.Blocks {
		if o.Kind == markdown.Quiz && o.Check == nil {
			if o.Key == b.Key {
				return "quiz"
			}
			break
		}
	}
	return "quiz-" + b.Key
}

func video(v courses.LessonView, b courses.BlockView) ui.VideoProps {
	p := ui.VideoProps{ID: "v-" + b.Key, Title: b.Title, Src: b.Src, Poster: b.Poster, Captions: b.Captions, CaptionsLang: v.Lang}
	for _, c := range b.Chapters {
		p.Chapters = append(p.Chapters, ui.Cue{Start: float64(c.At), Text: c.Text})
	}
	for _, c := range b.Said {
		p.Transcript = append(p.Transcript, ui.Cue{Start: float64(c.At), Text: c.Text})
	}
	switch {
	case strings.HasSuffix(b.Src, ".webm"):
		p.Type = "video/webm"
	case strings.HasSuffix(b.Src, ".mp4"):
		p.Type = "video/mp4"
	}
	return p
}

func stateOf(s courses.Stop, v courses.LessonView) string {
	switch {
	case s.Lesson == v.Place.Lesson && s.Step == v.Place.Step:
		return ui.Now
	case s.Done:
		return ui.Done
	}
	return ui.Ahead
}

// contentLang is the language to mark content with: "" where it is the page's.
func contentLang(ctx context.Context, l string) string {
	if l == string(lang.From(ctx)) {
		return ""
	}
	return l
}

func hasQuestion(b courses.BlockView, key string) bool {
	for _, q := range b.Questions {
		if q.Key == key {
			return true
		}
	}
	return false
}

// footKind paints the way on, unless the quiz or the card above has the page's one primary button.
func footKind(v courses.LessonView) string {
	if v.Card != nil && !v.Done {
		return ui.Secondary
	}
	for _, b := range v.Blocks {
		if len(b.Questions) > 0 || b.Check != nil || b.Task != nil && !v.Done && b.Body != courses.TaskDone {
			return ui.Secondary
		}
	}
	return ui.Primary
}

func openKind(v courses.LessonView) string {
	if v.Done {
		return ui.Secondary
	}
	return ui.Primary
}

func doneLabel(ctx context.Context, v courses.LessonView) string {
	switch {
	case v.Card != nil:
		return lang.T(ctx, "courses.step.done")
	case v.Next == nil:
		return lang.T(ctx, "courses.lesson.done_last")
	}
	return lang.T(ctx, "courses.lesson.done")
}

// runs puts prose that follows prose together, so that it reads as one text.
func runs(list []courses.BlockView) [][]courses.BlockView {
	var out [][]courses.BlockView
	for _, b := range list {
		if n := len(out); n > 0 && b.Kind == markdown.Prose && out[n-1][0].Kind == markdown.Prose {
			out[n-1] = append(out[n-1], b)
			continue
		}
		out = append(out, []courses.BlockView{b})
	}
	return out
}
