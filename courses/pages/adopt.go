package pages

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountAdoption adds the routes of the library that an organization keeps.
func (p *Pages) mountAdoption(r fiber.Router) {
	r.Get("/library", p.library)
	r.Get("/library/:id", p.adopted)
	r.Post("/library/:id", p.move(func(c *fiber.Ctx, it id.Item) (string, error) {
		return "adopted", p.courses.Adopt(c.UserContext(), it, c.FormValue("updates", courses.Ask))
	}))
	r.Post("/library/:id/updates", p.move(func(c *fiber.Ctx, it id.Item) (string, error) {
		return "updates", p.courses.SetUpdates(c.UserContext(), it, c.FormValue("updates"))
	}))
	r.Post("/library/:id/accept", p.move(func(c *fiber.Ctx, it id.Item) (string, error) {
		return "accepted", p.courses.AcceptVersion(c.UserContext(), it, number(c.FormValue("version")))
	}))
	r.Post("/library/:id/postpone", p.move(func(c *fiber.Ctx, it id.Item) (string, error) {
		return "postponed", p.courses.PostponeVersion(c.UserContext(), it, number(c.FormValue("version")))
	}))
	r.Post("/library/:id/back", p.move(func(c *fiber.Ctx, it id.Item) (string, error) {
		return "back", p.courses.BackVersion(c.UserContext(), it)
	}))
	r.Post("/library/:id/remove", p.unadopt)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// did says the text about the change that was made, if the word for it in the page's address is one of these.
func did(c *fiber.Ctx, text string, words ...string) *ui.Flash {
	if slices.Contains(words, c.Query("done")) {
		return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), text)}
	}
	return nil
}

// move changes a line of the library and comes back to it; what is refused is said there.
func (p *Pages) move(do func(*fiber.Ctx, id.Item) (string, error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		it, err := item(c)
		if err != nil {
			return err
		}
		what, err := do(c, it)
		if errs.Is(err, errs.Conflict) {
			return p.showAdopted(c, it, errs.Status(errs.Conflict), err)
		}
		if err != nil {
			return err
		}
		return c.Redirect("/library/"+it.String()+"?done="+what, fiber.StatusSeeOther)
	}
}

func (p *Pages) unadopt(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	if err := p.courses.Unadopt(c.UserContext(), it); err != nil {
		return err
	}
	return c.Redirect("/library?done=removed&item="+it.String(), fiber.StatusSeeOther)
}

type libraryView struct {
	courses.LibraryView

	Filter      courses.LibraryFilter
	First, Next string
	Removed     string // the item that was taken out a moment ago
}

func (p *Pages) library(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f := courses.LibraryFilter{Shelf: c.Query("part"), Query: strings.TrimSpace(c.Query("q")), AfterName: c.Query("name")}
	if utf8.RuneCountInString(f.Query) > 100 || !utf8.ValidString(f.Query+f.AfterName) || strings.ContainsRune(f.Query+f.AfterName, 0) {
		return errs.New(errs.Invalid, "words of the library too long")
	}
	if after := c.Query("after"); after != "" {
		it, err := id.Parse[id.Item](after)
		if err != nil {
			return errs.New(errs.NotFound, "place in the library: %w", err)
		}
		f.AfterID = it
	} else {
		f.AfterName = ""
	}
	list, err := p.courses.Library(ctx, f)
	if err != nil {
		return err
	}
	v := libraryView{LibraryView: list, Filter: f}
	if list.More {
		last := list.Rows[len(list.Rows)-1]
		v.Next = libraryHref(f, "after", last.Item.String(), "name", strings.ToLower(last.Title))
	}
	if f.AfterName != "" {
		v.First = libraryHref(f)
	}
	if it, err := id.Parse[id.Item](c.Query("item")); err == nil && c.Query("done") == "removed" {
		v.Removed = it.String()
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "adoption.title"), NavKey: "learn", Layout: ui.Work, NoIndex: true}, libraryPage(v))
}

func libraryHref(f courses.LibraryFilter, kv ...string) string {
	q := query(append([]string{"part", f.Shelf, "q", f.Query}, kv...)...)
	if q == "" {
		return "/library"
	}
	return "/library?" + q
}

func libraryTabs(ctx context.Context, v libraryView) []ui.Link {
	var out []ui.Link
	for _, t := range []struct {
		shelf, key string
		n          int
	}{{courses.ShelfAll, "all", v.All}, {courses.ShelfWaiting, "waiting", v.Waiting}, {courses.ShelfClosed, "closed", v.Closed}, {courses.ShelfMore, "more", 0}} {
		out = append(out, ui.Link{
			Label: lang.T(ctx, "adoption.tab."+t.key), Href: libraryHref(courses.LibraryFilter{Shelf: t.shelf}), Count: t.n, Current: v.Filter.Shelf == t.shelf,
		})
	}
	return out
}

type adoptedView struct {
	courses.AdoptedView

	Refused string
}

func (p *Pages) adopted(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	return p.showAdopted(c, it, fiber.StatusOK, nil)
}

func (p *Pages) showAdopted(c *fiber.Ctx, it id.Item, status int, refused error) error {
	ctx := c.UserContext()
	line, err := p.courses.Adopted(ctx, it)
	if err != nil {
		return err
	}
	v := adoptedView{AdoptedView: line}
	if refused != nil {
		key, args := errs.MessageKey(refused)
		v.Refused = lang.T(ctx, key, args...)
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{
		Title: line.Title, NavKey: "learn", Layout: ui.Work, NoIndex: true, Flash: did(c, "adoption.done."+c.Query("done"), "adopted", "updates", "accepted", "postponed", "back"),
	}, adoptedPage(v))
}

// at is the address of the line, with what follows it.
func (v adoptedView) at(rest string) string { return "/library/" + v.Item.String() + rest }

func (v adoptedView) title(ctx context.Context) string {
	switch {
	case v.Waits():
		return lang.T(ctx, "adoption.head.waits", "Org", v.Publisher.Name, "Version", strconv.Itoa(v.Newest))
	default:
		return v.Title
	}
}

func (v adoptedView) lead(ctx context.Context) string {
	switch {
	case !v.Open:
		return lang.T(ctx, "adoption.lead.closed", "Org", v.Publisher.Name)
	case v.Waits() || v.Behind():
		return lang.T(ctx, "adoption.lead.behind", "Version", strconv.Itoa(v.InUse()), "Newest", strconv.Itoa(v.Newest), "Title", v.Title)
	}
	return lang.T(ctx, "adoption.lead.newest", "Version", strconv.Itoa(v.InUse()))
}

// when is the component if yes, and nothing otherwise.
func when(yes bool, c templ.Component) templ.Component {
	if !yes {
		return nil
	}
	return c
}

// badges counts the changes by kind.
func badges(ctx context.Context, d *courses.VersionDiff) []word {
	var out []word
	for _, k := range []struct{ kind, badge string }{{courses.ChangeNew, ui.OK}, {courses.ChangeChanged, ui.Info}, {courses.ChangeMoved, ui.Neutral}, {courses.ChangeGone, ui.Bad}} {
		if n := d.Count(k.kind); n > 0 {
			out = append(out, word{k.badge, lang.T(ctx, "adoption.count."+k.kind, "Count", n)})
		}
	}
	return out
}

// word is a badge.
type word struct{ Kind, Text string }

var changeIcons = map[string]string{courses.ChangeNew: "plus", courses.ChangeChanged: "pencil", courses.ChangeMoved: "arrow-left-right", courses.ChangeGone: "minus"}

// changeWords say in a few words what a change is.
func changeWords(ctx context.Context, c courses.Change) string {
	minutes := func(n int) string { return lang.Minutes(ctx, n) }
	switch c.Kind {
	case courses.ChangeNew:
		return lang.T(ctx, "adoption.change.new", "Time", minutes(c.Minutes))
	case courses.ChangeGone:
		return lang.T(ctx, "adoption.change.gone", "Time", minutes(c.Old))
	case courses.ChangeMoved:
		return lang.T(ctx, "adoption.change.moved", "Place", strconv.Itoa(c.Place))
	}
	if c.Moved {
		return lang.T(ctx, "adoption.change.changed_moved", "Place", strconv.Itoa(c.Place))
	}
	return lang.T(ctx, "adoption.change.changed")
}

// changeNotes are what is different beside the words of the text.
func changeNotes(ctx context.Context, c courses.Change) []string {
	var out []string
	if c.Was != "" {
		out = append(out, lang.T(ctx, "adoption.change.was", "Title", c.Was))
	}
	if c.Kind == courses.ChangeChanged && c.Minutes != c.Old {
		out = append(out, lang.T(ctx, "adoption.change.minutes", "From", lang.Minutes(ctx, c.Old), "To", lang.Minutes(ctx, c.Minutes)))
	}
	if c.Other {
		out = append(out, lang.T(ctx, "adoption.change.other"))
	}
	if c.Rules {
		out = append(out, lang.T(ctx, "pathwrite.change.rules"))
	}
	return out
}

// updatesOptions are the ways of taking updates, each with what follows from it.
func updatesOptions(ctx context.Context, current string, inUse int) []ui.Option {
	var out []ui.Option
	for _, u := range []string{courses.Follow, courses.Ask, courses.Stay} {
		out = append(out, ui.Option{
			Value: u, Label: lang.T(ctx, "adoption.updates."+u, "Version", strconv.Itoa(inUse)), Hint: lang.T(ctx, "adoption.updates."+u+"_text"), Chosen: u == current,
		})
	}
	return out
}

func (v adoptedView) effects(ctx context.Context) []ui.Effect {
	out := []ui.Effect{{Icon: "users", Title: lang.T(ctx, "adoption.effect.learners", "Count", v.Learners), Text: lang.T(ctx, "adoption.effect.learners_text", "Version", strconv.Itoa(v.Newest))}}
	if v.Finished > 0 {
		out = append(out, ui.Effect{Icon: "award", Title: lang.T(ctx, "adoption.effect.finished", "Count", v.Finished), Text: lang.T(ctx, "adoption.effect.finished_text")})
	}
	return append(out, ui.Effect{Icon: "undo-2", Title: lang.T(ctx, "adoption.effect.undo"), Text: lang.T(ctx, "adoption.effect.undo_text", "Version", strconv.Itoa(v.InUse()))})
}

func (v adoptedView) facts(ctx context.Context) []ui.Definition {
	by := lang.Date(ctx, v.At)
	if v.By != "" {
		by = lang.T(ctx, "adoption.by_on", "Name", v.By, "Date", by)
	}
	out := []ui.Definition{{Term: lang.T(ctx, "adoption.fact.adopted"), Text: by}}
	if v.DecidedAt != nil {
		text := lang.Date(ctx, *v.DecidedAt)
		if v.Decided != "" {
			text = lang.T(ctx, "adoption.by_on", "Name", v.Decided, "Date", text)
		}
		out = append(out, ui.Definition{Term: lang.T(ctx, "adoption.fact.decided"), Text: text})
	}
	if v.Open {
		out = append(out, ui.Definition{Term: lang.T(ctx, "adoption.fact.in_use"), Text: strconv.Itoa(v.InUse())}, ui.Definition{Term: lang.T(ctx, "adoption.fact.newest"), Text: strconv.Itoa(v.Newest)})
	}
	return append(out, ui.Definition{Term: lang.T(ctx, "adoption.fact.learners"), Text: lang.Number(ctx, v.Learners)})
}

func lineBadge(ctx context.Context, a courses.Adopted) word {
	switch {
	case !a.Open:
		return word{ui.Neutral, lang.T(ctx, "adoption.state.closed")}
	case a.Waits():
		return word{ui.Warn, lang.T(ctx, "adoption.state.waits", "Version", strconv.Itoa(a.Newest))}
	case a.Behind():
		return word{ui.Info, lang.T(ctx, "adoption.state.behind", "Version", strconv.Itoa(a.InUse()), "Newest", strconv.Itoa(a.Newest))}
	}
	return word{ui.OK, lang.T(ctx, "adoption.state.newest")}
}
