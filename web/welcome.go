package web

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/search"
	searchpages "github.com/learnscape/learnscape/search/pages"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// The first visit: one question, then one short thing that helps at once and ends in something to try.

// newcomer reports whether the member has begun nothing yet and was never asked; what others assigned is not begun.
func newcomer(m tenants.Membership, v courses.HomeView) bool {
	begun := func(g courses.Going) bool { return g.AskedBy == "" || g.Progress.Share() > 0 }
	return m.Purpose == "" && v.Finished == 0 && (v.Current == nil || !begun(*v.Current)) && !slices.ContainsFunc(v.Due, begun)
}

// welcomeView is the question with what was chosen.
type welcomeView struct {
	Purpose, Text, Error string
	Again                bool // from the settings, not on the first visit
}

func (v welcomeView) options(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, p := range tenants.Purposes() {
		out = append(out, ui.Option{Value: p, Label: lang.T(ctx, "web.welcome."+p), Hint: lang.T(ctx, "web.welcome."+p+"_hint"), Chosen: p == v.Purpose})
	}
	return out
}

// purposeLabel is what a member is here to do, or that they have not said.
func purposeLabel(ctx context.Context, purpose string) string {
	if slices.Contains(tenants.Purposes(), purpose) {
		return lang.T(ctx, "web.welcome."+purpose)
	}
	return lang.T(ctx, "web.me.purpose_none")
}

func (s *Server) welcome(c *fiber.Ctx) error {
	m, ok := auth.Current(c.UserContext())
	if !ok {
		return errs.New(errs.Unauthenticated, "welcome")
	}
	return s.ask(c, welcomeView{Purpose: m.Purpose, Again: slices.Contains(tenants.Purposes(), m.Purpose)})
}

func (s *Server) ask(c *fiber.Ctx, v welcomeView) error {
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "web.welcome.title"), NavKey: "home", NoIndex: true, Layout: ui.Reading}, welcomePage(v))
}

// welcomed keeps the choice and goes on to the answer.
func (s *Server) welcomed(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v := welcomeView{Purpose: c.FormValue("purpose"), Text: strings.TrimSpace(c.FormValue("q"))}
	if v.Purpose == "" && v.Text == "" {
		v.Error = lang.T(ctx, "web.welcome.choose")
		c.Status(fiber.StatusUnprocessableEntity)
		return s.ask(c, v)
	}
	if v.Purpose != "" {
		if err := s.deps.Tenants.SetPurpose(ctx, v.Purpose); err != nil {
			return err
		}
	}
	q := url.Values{}
	for name, value := range map[string]string{"for": v.Purpose, "q": v.Text} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return c.Redirect("/welcome/answer?"+q.Encode(), fiber.StatusSeeOther)
}

// answerView is one thing to read now and one to try, either of which may be missing.
type answerView struct {
	Purpose, Text string
	Read, Try     *ui.ResultProps
	Lang          string // of what there is to try
}

// helpful says which kinds help with a purpose, the best first.
var helpful = map[string][]search.Kind{ //nolint:gochecknoglobals // A constant table.
	tenants.PurposeSolve:     {search.KindQuestion, search.KindLesson, search.KindResource, search.KindStory},
	tenants.PurposeLearn:     {search.KindLesson, search.KindResource, search.KindStory, search.KindQuestion},
	tenants.PurposeCustomers: {search.KindStory, search.KindQuestion, search.KindLesson, search.KindResource},
	tenants.PurposeProve:     {search.KindLesson, search.KindStory, search.KindResource, search.KindQuestion},
	tenants.PurposeTeam:      {search.KindStory, search.KindLesson, search.KindResource, search.KindQuestion},
	tenants.PurposeLook:      {search.KindStory, search.KindQuestion, search.KindLesson, search.KindResource},
}

// anything is the order for somebody who only wrote what they look for.
var anything = []search.Kind{search.KindQuestion, search.KindLesson, search.KindResource, search.KindStory} //nolint:gochecknoglobals // As above.

func (s *Server) firstAnswer(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if _, ok := auth.Current(ctx); !ok {
		return errs.New(errs.Unauthenticated, "welcome")
	}
	v := answerView{Purpose: c.Query("for"), Text: strings.TrimSpace(c.Query("q"))}
	kinds, ok := helpful[v.Purpose]
	if !ok {
		v.Purpose, kinds = "", anything
	}
	q := search.Query{Text: v.Text, Kinds: kinds, Limit: 30}
	if v.Text == "" {
		q.Sort, q.Times = search.Popular, []search.Time{search.Short}
		if kinds[0] == search.KindQuestion {
			q.Times = nil // Answers have no length.
		}
	}
	res, err := s.deps.Search.Search(ctx, q)
	if err != nil {
		return err
	}
	read, try := choose(res.Hits, kinds, string(lang.From(ctx)))
	if read >= 0 {
		v.Read = resultOf(ctx, res, read)
	}
	if try >= 0 {
		v.Try = resultOf(ctx, res, try)
	}
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "web.welcome.answer_title"), NavKey: "home", NoIndex: true, Layout: ui.Reading}, answerPage(v))
}

func resultOf(ctx context.Context, res search.Result, at int) *ui.ResultProps {
	r := searchpages.Row(ctx, res, at)
	if res.Hits[at].Kind == search.KindQuestion && len(r.Meta) > 1 {
		r.Meta = r.Meta[len(r.Meta)-1:] // How many answers it has; whose question it is stands below.
	}
	return &r
}

// longest is how many minutes something may take that is read on a first visit.
const longest = 12

// choose picks what to read and what to try from results in their order, -1 for neither. What is read is short, of a kind that
// helps, in the reader's language if there is one; a place further down or a kind further back weighs alike. What is tried is a
// resource: a checklist, a how-to, a card to take along.
func choose(hits []search.Hit, kinds []search.Kind, language string) (read, try int) {
	read, try = -1, -1
	best, bestTry := 1<<30, 1<<30
	for i, h := range hits {
		weight := i
		if h.Lang != language {
			weight += 10
		}
		if h.Partial {
			weight += 20
		}
		if h.Kind == search.KindResource && weight < bestTry {
			try, bestTry = i, weight
		}
		if h.Minutes > longest || h.Kind == search.KindQuestion && h.Answers == 0 || h.Kind == search.KindResource {
			continue
		}
		if weight += 4 * slices.Index(kinds, h.Kind); weight < best {
			read, best = i, weight
		}
	}
	return read, try
}

// lead says why it is this.
func (v answerView) lead(ctx context.Context) string {
	switch {
	case v.Read == nil:
		return ""
	case v.Text != "":
		return lang.T(ctx, "web.welcome.because_text", "Text", excerpt(v.Text, 80))
	case v.Purpose != "":
		return lang.T(ctx, "web.welcome.because_"+v.Purpose)
	}
	return ""
}

func (v answerView) about() string {
	return strings.Join(append([]string{v.Read.Kind}, v.Read.Meta...), ", ")
}

func (v answerView) tryMeta() string {
	return strings.Join(append([]string{v.Try.Provenance.Org.Name}, v.Try.Meta...), ", ")
}
