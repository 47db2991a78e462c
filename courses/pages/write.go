package pages

import (
	"cmp"
	"context"
	"errors"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountWriting adds the routes of those who write courses.
func (p *Pages) mountWriting(r fiber.Router) {
	p.mountImport(r)
	r.Get("/publish", p.desk)
	r.Post("/publish", p.begin)
	r.Get(linksPath, p.links)
	r.Get(linksPath+".csv", p.exportLinks)
	r.Get("/publish/:id", p.manuscript)
	r.Post("/publish/:id", p.changeManuscript)
	r.Get("/publish/:id/discard", p.askDiscard)
	r.Post("/publish/:id/rewrite", p.rewrite)
	r.Get("/publish/:id/pilot", p.pilot)
	r.Post("/publish/:id/pilot", p.changePilot)
	p.mountWithdrawals(r)
	r.Post("/publish/:id/files", p.addFile)
	r.Get("/publish/:id/files/:name", p.draftFile)
	r.Get("/publish/:id/learners", p.stops)
	r.Get("/publish/:id/learners.csv", p.exportStops)
	r.Get("/publish/:id/answers", p.statistics)
	r.Get("/publish/:id/answers.csv", p.exportStatistics)
	r.Get("/publish/:id/lessons/:lesson", p.writeLesson)
	r.Post("/publish/:id/lessons/:lesson", p.saveLesson)
	r.Get("/publish/:id/lessons/:lesson/texts", p.lessonTexts)
	r.Post("/publish/:id/lessons/:lesson/texts", p.saveTexts)
	r.Get("/publish/:id/steps/:step", p.writeStep)
	r.Post("/publish/:id/steps/:step", p.saveStep)
}

// wrote are the changes that a page of the desk says were made.
func wrote(c *fiber.Ctx) *ui.Flash {
	w := c.Query("done")
	if !slices.Contains([]string{"begun", "saved", "removed", "restored", "published", "discarded", "file", "step-added", "step-remove", "step-restore", "review-ask", "review-off", "review-plan", "review-cancel", "links"}, w) {
		return nil
	}
	key := "write.done." + w
	if step, ok := strings.CutPrefix(w, "step-"); ok {
		key = "pathwrite.done." + step
	} else if review, ok := strings.CutPrefix(w, "review-"); ok {
		key = "review.done." + review
	} else if w == "links" {
		key = "links.done"
	}
	return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), key, "Name", c.Query("file"))}
}

// deskView is the list of what is written, with the form that begins something.
type deskView struct {
	courses.Desk
	Filter courses.DeskFilter
	Begin  courses.Beginning
	Faults ui.Faults
	Rules  bool // the viewer decides what is asked of those who write
}

func (p *Pages) desk(c *fiber.Ctx) error {
	return p.showDesk(c, deskView{Begin: courses.Beginning{Lang: string(lang.From(c.UserContext()))}}, fiber.StatusOK)
}

func (p *Pages) showDesk(c *fiber.Ctx, v deskView, status int) error {
	v.Filter = courses.DeskFilter{Published: c.Query("tab") == "published", Query: c.Query("q"), After: c.Query("after")}
	if it, err := id.Parse[id.Item](c.Query("item")); err == nil {
		v.Filter.AfterID = it
	}
	var err error
	if v.Desk, err = p.courses.Desk(c.UserContext(), v.Filter); err != nil {
		return err
	}
	sc, err := scope.From(c.UserContext())
	if err != nil {
		return err
	}
	v.Rules = authz.Allowed(sc, authz.ManageOrg, id.Org{})
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "write.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true, Flash: wrote(c)}, deskPage(v))
}

func (v deskView) href(published bool, after *courses.DeskRow) string {
	kv := []string{"q", v.Filter.Query}
	if published {
		kv = append(kv, "tab", "published")
	}
	if after != nil {
		kv = append(kv, "after", after.Mark(), "item", after.Item.String())
	}
	if q := query(kv...); q != "" {
		return "/publish?" + q
	}
	return "/publish"
}

// next leads to the next page; "" where there is none.
func (v deskView) next() string {
	if !v.More {
		return ""
	}
	return v.href(v.Filter.Published, &v.Rows[len(v.Rows)-1])
}

func (v deskView) fault(name string) string { return v.Faults.Of(name) }

// faultsOf are what was refused, by field; nil for any other error.
func faultsOf(ctx context.Context, err error) ui.Faults {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Kind == errs.Invalid && len(e.Fields) > 0 {
		return ui.FaultsOf(ctx, e.Fields)
	}
	return nil
}

// saysOf is what an error that a person can do something about says; "" for any other.
func saysOf(ctx context.Context, err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok && len(e.Fields) == 0 && e.Key != "" && (e.Kind == errs.Invalid || e.Kind == errs.Conflict || e.Kind == errs.TooLarge) {
		return lang.T(ctx, e.Key, e.Args...)
	}
	return ""
}

func (p *Pages) begin(c *fiber.Ctx) error {
	o := courses.Beginning{Kind: c.FormValue("kind"), Title: formText(c, "title"), Lang: c.FormValue("lang")}
	if _, ok := lang.Parse(o.Lang); !ok {
		o.Lang = string(lang.En)
	}
	if it, err := id.Parse[id.Item](c.FormValue("from")); err == nil {
		o.From = it
	}
	it, err := p.courses.Begin(c.UserContext(), o)
	if f := faultsOf(c.UserContext(), err); f != nil {
		return p.showDesk(c, deskView{Begin: o, Faults: f}, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(manuscriptHref(it)+"?done=begun", fiber.StatusSeeOther)
}

func manuscriptHref(it id.Item) string { return "/publish/" + it.String() }

func lessonHref(it id.Item, key string) string {
	return manuscriptHref(it) + "/lessons/" + url.PathEscape(key)
}

// manuscriptView is the page of a course that is written.
type manuscriptView struct {
	courses.ManuscriptView

	Head    courses.ManuscriptHead // what the form says
	Faults  ui.Faults
	Refused string
	Module  string // of the form that adds a lesson
	Adding  string

	Find  string         // of a path: words of what a step could lead to
	Found []courses.Card // what has them

	Who, Words string   // of the form that asks a colleague to read
	At         string   // of the form that publishes at a time
	Readers    []string // names of colleagues who write, too
}

func (v manuscriptView) fault(name string) string { return v.Faults.Of(name) }

// modules are the titles of the modules in their order; one of "" stands for lessons without.
func (v manuscriptView) modules() (out []string) {
	for _, l := range v.Lessons {
		if !slices.Contains(out, l.Module) {
			out = append(out, l.Module)
		}
	}
	return out
}

func (p *Pages) manuscript(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	m, err := p.courses.Manuscript(c.UserContext(), it)
	if err != nil {
		return err
	}
	v := manuscriptView{ManuscriptView: m, Head: headOf(m.Manuscript), Find: c.Query("find")}
	if m.Kind == tenants.KindPath && v.Find != "" {
		if v.Found, err = p.courses.Linkable(c.UserContext(), v.Find, linksShown); err != nil {
			return err
		}
	}
	if m.Kind == tenants.KindPath && shell.IsFragment(c) {
		return shell.Fragment(c, foundSteps(v))
	}
	return p.showManuscript(c, v, fiber.StatusOK)
}

func headOf(m courses.Manuscript) courses.ManuscriptHead {
	return courses.ManuscriptHead{Title: m.Title, Summary: m.Summary, Outcome: m.Outcome, Lang: m.Lang, Level: m.Level, Intro: m.Intro, Note: m.Note, Topics: m.Topics, Edition: m.Edition}
}

func (p *Pages) showManuscript(c *fiber.Ctx, v manuscriptView, status int) error {
	var err error
	if v.Readers, err = p.courses.Readers(c.UserContext()); err != nil {
		return err
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.Title, NavKey: "publish", Layout: ui.Work, NoIndex: true, Flash: cmp.Or(v.moved(c), wrote(c))}, pageOf(v))
}

// moved says where a lesson or step stands that was moved a moment ago; nil for none.
func (v manuscriptView) moved(c *fiber.Ctx) *ui.Flash {
	key, titles := c.Query("moved"), map[string]string{}
	var order []string
	for _, s := range v.Steps {
		order, titles[s.Key] = append(order, s.Key), stepNamed(c.UserContext(), s.Shown)
	}
	if v.Kind == tenants.KindCourse {
		for _, l := range v.Lessons {
			order, titles[l.Key] = append(order, l.Key), l.Title
		}
	}
	at := slices.Index(order, key)
	if at < 0 {
		return nil
	}
	return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), "write.moved", "Title", titles[key], "Place", itoa(at+1), "All", itoa(len(order)))}
}

func pageOf(v manuscriptView) templ.Component {
	if v.Kind == tenants.KindPath {
		return planPage(v)
	}
	return manuscriptPage(v)
}

// changeManuscript does one thing to a course that is written and comes back to its page; what is refused is said there, beside what the
// form said.
func (p *Pages) changeManuscript(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	h := courses.ManuscriptHead{
		Title: formText(c, "title"), Summary: formText(c, "summary"), Outcome: formText(c, "outcome"), Lang: c.FormValue("lang"), Level: c.FormValue("level"),
		Intro: formText(c, "intro"), Note: formText(c, "note"), Edition: number(c.FormValue("edition")),
	}
	for t := range strings.SplitSeq(formText(c, "topics"), ",") {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(h.Topics, t) {
			h.Topics = append(h.Topics, t)
		}
	}
	key, to := formText(c, "lesson"), manuscriptHref(it)
	do := c.FormValue("do")
	switch do {
	case "step", "step-lesson", "step-up", "step-down", "step-place", "step-remove", "step-restore", "section", "open":
		to, err = p.changePlan(c, it, do)
	case "review-ask", "review-off", "review-settle", "review-open", "review-plan", "review-cancel":
		to, err = p.changeReviews(c, it, do)
	case "links":
		to, err = p.askLinks(c, it)
	case "head":
		err, to = p.courses.SaveHead(ctx, it, h), to+"?done=saved"
	case "add":
		var added string
		added, err = p.courses.AddLesson(ctx, it, formText(c, "module"), key, pattern(ctx, c.FormValue("pattern")))
		to = lessonHref(it, added)
	case "up", "down":
		err, to = p.courses.MoveLesson(ctx, it, key, do == "up"), to+"?"+query("moved", key)+"#l-"+url.PathEscape(key)
	case "place":
		err, to = p.courses.PlaceLesson(ctx, it, key, formText(c, "at"), c.FormValue("behind") != ""), to+"?"+query("moved", key)+"#l-"+url.PathEscape(key)
	case "remove", "restore":
		err, to = p.courses.RemoveLesson(ctx, it, key, do == "restore"), to+"?done="+do+"d#lessons"
	case "module":
		err, to = p.courses.RenameModule(ctx, it, formText(c, "from"), formText(c, "module")), to+"?done=saved#lessons"
	case "discard":
		err, to = p.courses.DiscardManuscript(ctx, it), "/publish?done=discarded"
	case "publish":
		var done courses.Published
		done, err = p.courses.PublishManuscript(ctx, it, h.Edition)
		to = href(done.Item)
	default:
		err = errs.New(errs.Malformed, "do %q", do)
	}
	faults, says := faultsOf(ctx, err), saysOf(ctx, err)
	if faults == nil && says == "" {
		if err != nil {
			return err
		}
		return c.Redirect(to, fiber.StatusSeeOther)
	}
	status := errs.Status(errs.KindOf(err))
	m, err := p.courses.Manuscript(ctx, it)
	if err != nil {
		return err
	}
	v := manuscriptView{ManuscriptView: m, Head: headOf(m.Manuscript), Faults: faults, Refused: says}
	if do == "head" {
		h.Edition = m.Edition // Whoever sends it again has seen that it is another one.
		v.Head = h
	}
	switch do {
	case "step-lesson":
		v.Adding = key
	case "review-ask":
		v.Who, v.Words = formText(c, "who"), formText(c, "words")
	case "review-plan":
		v.At = c.FormValue("at")
	}
	if do == "add" {
		v.Module, v.Adding = formText(c, "module"), key
	}
	return p.showManuscript(c, v, status)
}

// pattern is the text that a lesson begins with.
func pattern(ctx context.Context, name string) string {
	if slices.Contains(meetings, name) {
		return meeting(name)
	}
	if !slices.Contains(patterns, name) {
		return ""
	}
	return lang.T(ctx, "write.pattern."+name+".text")
}

// patterns are what a lesson can begin with, beside nothing.
var patterns = []string{"practice", "story"} //nolint:gochecknoglobals // A constant list.

func (p *Pages) askDiscard(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	m, err := p.courses.Manuscript(c.UserContext(), it)
	if err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "write.discard.title", "Title", m.Title), NavKey: "publish", Layout: ui.Reading, NoIndex: true}, discardPage(m))
}

func (p *Pages) rewrite(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	if err := p.courses.Rewrite(c.UserContext(), it); err != nil {
		return err
	}
	return c.Redirect(manuscriptHref(it), fiber.StatusSeeOther)
}

func (p *Pages) draftFile(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	f, err := p.courses.DraftFile(c.UserContext(), it, param(c, "name"))
	if err != nil {
		return err
	}
	return sendFile(c, f)
}

// addFile keeps a file that somebody chose, pasted or dropped. The body is read as it comes; see web's limits.
func (p *Pages) addFile(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	f, err := p.upload(c, it)
	script := c.Get(fiber.HeaderAccept) == fiber.MIMEApplicationJSON
	says := saysOf(ctx, err)
	for _, t := range faultsOf(ctx, err) {
		says = t.Text
	}
	back := manuscriptHref(it)
	if key := c.Query("lesson"); key != "" {
		back = lessonHref(it, key)
	}
	switch {
	case says != "" && script:
		return c.Status(errs.Status(errs.KindOf(err))).JSON(fiber.Map{"fault": says})
	case says != "":
		m, merr := p.courses.Manuscript(ctx, it)
		if merr != nil {
			return merr
		}
		return p.showManuscript(c, manuscriptView{ManuscriptView: m, Head: headOf(m.Manuscript), Refused: says}, errs.Status(errs.KindOf(err)))
	case err != nil:
		return err
	case script:
		return c.JSON(fiber.Map{"name": f.Name, "text": shownAs(f)})
	}
	return c.Redirect(back+"?"+query("done", "file", "file", f.Name)+"#files", fiber.StatusSeeOther)
}

func (p *Pages) upload(c *fiber.Ctx, it id.Item) (courses.FileDraft, error) {
	none := errs.Fields(errs.Field{Name: "file", Key: "write.fault.file_none"})
	_, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || params["boundary"] == "" {
		return courses.FileDraft{}, none
	}
	body := c.Context().RequestBodyStream()
	if body == nil {
		body = strings.NewReader(string(c.Body()))
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		part, err := r.NextPart()
		if err != nil {
			return courses.FileDraft{}, none
		}
		if part.FormName() == "file" && part.FileName() != "" {
			return p.courses.AddFile(c.UserContext(), it, part.FileName(), part)
		}
	}
}

// shownAs is how a lesson shows a file.
func shownAs(f courses.FileDraft) string {
	switch {
	case strings.HasPrefix(f.MediaType, "image/"):
		return "![](" + f.Name + ")"
	case strings.HasPrefix(f.MediaType, "video/"):
		return "```video\nsrc: " + f.Name + "\n```"
	case f.MediaType == "text/vtt":
		return f.Name
	}
	return "```file\nsrc: " + f.Name + "\n```"
}

// filesOf are the names of a manuscript's files whose media type begins so.
func filesOf(list []courses.FileDraft, media ...string) (out []string) {
	for _, f := range list {
		if slices.ContainsFunc(media, func(m string) bool { return strings.HasPrefix(f.MediaType, m) }) {
			out = append(out, f.Name)
		}
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }
