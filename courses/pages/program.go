package pages

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/sheet"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountPrograms adds the pages of partner programs. The address of a program shows its vendor the partners, and a partner its own standing.
func (p *Pages) mountPrograms(r fiber.Router) {
	r.Get("/programs", p.programs)
	r.Post("/programs", p.createProgram)
	r.Get("/programs/:id", p.program)
	r.Post("/programs/:id", p.moveProgram)
	r.Get("/programs/:id/requirements", p.requirements)
	r.Get("/programs/:id/write", p.writeProgram)
	r.Post("/programs/:id/write", p.saveProgram)
	r.Get("/programs/:id/partners.csv", p.exportPartners)
	r.Get("/programs/:id/partners/:slug", p.partner)
	r.Post("/programs/:id/partners/:slug", p.movePartner)
}

// programID reads the identifier of the address; one that cannot be read is a missing thing.
func programID(c *fiber.Ctx) (id.Any, error) { return credentialID(c) }

func programHref(which id.Any) string { return "/programs/" + which.String() }

// programDone are the words for what was done.
var programDone = []string{"saved", "published", "offered", "accepted", "declined", "left", "removed", "counted", "dropped", "closed", "discarded", "asked", "restored"} //nolint:gochecknoglobals // A constant list.

func programFlash(c *fiber.Ctx) *ui.Flash {
	if d := c.Query("done"); slices.Contains(programDone, d) {
		return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), "program.done."+d, "Count", max(number(c.Query("n")), 0))}
	}
	return nil
}

// showProgram answers with a page of the room; everything of a program is the viewer's own.
func showProgram(c *fiber.Ctx, title string, status int, flash *ui.Flash, body templ.Component) error {
	private(c)
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: title, NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: flash}, body)
}

type programsView struct {
	courses.Programs

	Name   string
	Faults ui.Faults
}

func (p *Pages) programs(c *fiber.Ctx) error {
	return p.showPrograms(c, programsView{}, fiber.StatusOK)
}

func (p *Pages) showPrograms(c *fiber.Ctx, v programsView, status int) (err error) {
	ctx := c.UserContext()
	if v.Programs, err = p.courses.Programs(ctx); err != nil {
		return err
	}
	return showProgram(c, lang.T(ctx, "program.list.title"), status, programFlash(c), programsPage(v))
}

func (p *Pages) createProgram(c *fiber.Ctx) error {
	which, err := p.courses.CreateProgram(c.UserContext(), formText(c, "name"))
	if f := faultsOf(c.UserContext(), err); f != nil {
		return p.showPrograms(c, programsView{Name: formText(c, "name"), Faults: f}, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(programHref(which)+"/write", fiber.StatusSeeOther)
}

// program shows the own program's partners, or where the own organization stands in somebody else's.
func (p *Pages) program(c *fiber.Ctx) error {
	which, err := programID(c)
	if err != nil {
		return err
	}
	own, err := p.courses.RunsProgram(c.UserContext(), which)
	switch {
	case err != nil:
		return err
	case own:
		return p.partners(c, which, partnersView{}, fiber.StatusOK)
	}
	return p.standing(c, which, "", fiber.StatusOK)
}

// partnersView is the list of the partners of an own program.
type partnersView struct {
	courses.ProgramPartners

	Filter  courses.PartnersFilter
	Confirm string // what was typed to close it
	Faults  ui.Faults
	Said    string // why something was refused
}

// narrow reports whether the list leaves out partners.
func (v partnersView) narrow() bool {
	return v.Filter.Query != "" || v.Filter.Show != "" || v.Filter.Level >= 0
}

func partnersFilter(c *fiber.Ctx) courses.PartnersFilter {
	f := courses.PartnersFilter{Query: c.Query("q"), Show: c.Query("show"), Level: -1, Sort: c.Query("sort"), Absent: c.Query("offer"), Page: max(number(c.Query("page")), 0)}
	if l := c.Query("level"); l != "" {
		f.Level = number(l)
	}
	return f
}

func (p *Pages) partners(c *fiber.Ctx, which id.Any, v partnersView, status int) (err error) {
	v.Filter = partnersFilter(c)
	if v.ProgramPartners, err = p.courses.Partners(c.UserContext(), which, v.Filter); err != nil {
		return err
	}
	if v.Terms == nil && v.Coming == nil {
		return c.Redirect(programHref(which)+"/write", fiber.StatusSeeOther)
	}
	return showProgram(c, v.Program.Name, status, programFlash(c), partnersPage(v))
}

// href is the list with its filter and more pairs.
func (v partnersView) href(path string, kv ...string) string {
	f := v.Filter
	words := []string{"q", f.Query, "show", f.Show, "sort", f.Sort}
	if f.Level >= 0 {
		words = append(words, "level", strconv.Itoa(f.Level))
	}
	if q := query(append(words, kv...)...); q != "" {
		return path + "?" + q
	}
	return path
}

func (v partnersView) at() string { return programHref(v.Program.ID) }

// narrowed is the list with another filter.
func (v partnersView) narrowed(show string) string {
	v.Filter.Show, v.Filter.Level = show, -1
	return v.href(v.at())
}

// sorted is where the head of a column leads to, and how it is sorted now.
func (v partnersView) sorted(by string) (href, direction string) {
	next := by
	switch v.Filter.Sort {
	case by:
		next, direction = "-"+by, "ascending"
	case "-" + by:
		next, direction = "", "descending"
	}
	v.Filter.Sort = next
	return v.href(v.at()), direction
}

func (v partnersView) previous() string {
	if v.Filter.Page == 0 {
		return ""
	}
	return v.href(v.at(), "page", strconv.Itoa(v.Filter.Page-1))
}

func (v partnersView) next() string {
	if !v.More {
		return ""
	}
	return v.href(v.at(), "page", strconv.Itoa(v.Filter.Page+1))
}

// all, risk and so on are how many each filter leaves.
func (v partnersView) sums() (all, risk, near, quiet int) {
	for _, l := range v.Counts {
		all, risk, near, quiet = all+l.N, risk+l.Risk, near+l.Near, quiet+l.Quiet
	}
	return all, risk, near, quiet
}

func (v partnersView) filters(ctx context.Context) []ui.Link {
	all, risk, near, quiet := v.sums()
	out := []ui.Link{{Label: lang.T(ctx, "program.show.all"), Count: all + v.Offered, Href: v.narrowed(""), Current: v.Filter.Show == "" && v.Filter.Level < 0}}
	for _, f := range []struct {
		show string
		n    int
	}{{courses.PartnersRisk, risk}, {courses.PartnersNear, near}, {courses.PartnersQuiet, quiet}, {courses.PartnersOffered, v.Offered}} {
		if f.n > 0 || v.Filter.Show == f.show {
			out = append(out, ui.Link{Label: lang.T(ctx, "program.show."+f.show), Count: f.n, Href: v.narrowed(f.show), Current: v.Filter.Show == f.show})
		}
	}
	return out
}

// stats are how many partners hold each level, the highest first.
func (v partnersView) stats(ctx context.Context) (out []ui.Stat) {
	if v.Terms == nil {
		return nil
	}
	for n := len(v.Terms.Levels); n >= 0; n-- {
		var l courses.LevelCount
		for _, k := range v.Counts {
			if k.Level == n {
				l = k
			}
		}
		if n == 0 && l.N == 0 {
			continue
		}
		s := ui.Stat{Label: levelName(ctx, v.Terms, n), Value: lang.Number(ctx, l.N)}
		switch {
		case l.Risk > 0:
			s.Was = lang.T(ctx, "program.stat.risk", "Count", l.Risk)
		case l.Near > 0:
			s.Was = lang.T(ctx, "program.stat.near", "Count", l.Near)
		case l.Quiet > 0:
			s.Was = lang.T(ctx, "program.stat.quiet", "Count", l.Quiet)
		}
		if l.N > 0 {
			f := v
			f.Filter.Level, f.Filter.Show = n, ""
			s.Href = f.href(f.at())
		}
		out = append(out, s)
	}
	return out
}

// levelName is what a level is called; 0 is none yet.
func levelName(ctx context.Context, t *courses.ProgramVersion, n int) string {
	if t == nil || n < 1 || n > len(t.Levels) {
		return lang.T(ctx, "program.level_none")
	}
	return t.Levels[n-1].Name
}

// fallsTo is what the level is called to which somebody falls.
func fallsTo(ctx context.Context, t *courses.ProgramVersion, n int) string {
	if n == 0 {
		return lang.T(ctx, "program.level_no")
	}
	return levelName(ctx, t, n)
}

// requires says in words what a requirement asks for, without the number.
func requires(ctx context.Context, r courses.Requirement) string {
	if r.Name != "" {
		return r.Name
	}
	if r.Kind == courses.RequireStories {
		return lang.T(ctx, "program.asks.stories")
	}
	titles := make([]string, len(r.Items))
	for i, it := range r.Items {
		titles[i] = it.Title
	}
	return lang.T(ctx, "program.asks."+r.Kind, "Title", strings.Join(titles, lang.T(ctx, "program.or")))
}

// exactly says what a requirement of a version counts: the number, the items and the role.
func exactly(ctx context.Context, r courses.Requirement) string {
	titles := make([]string, len(r.Items))
	for i, it := range r.Items {
		titles[i] = it.Title
	}
	s := lang.T(ctx, "program.exactly."+r.Kind, "Count", r.N, "Title", strings.Join(titles, lang.T(ctx, "program.or")))
	if r.Role != "" {
		s += lang.T(ctx, "program.exactly.role", "Role", lang.T(ctx, "tenants.role."+string(r.Role)))
	}
	if r.Team != "" {
		s += lang.T(ctx, "records.program.team", "Team", r.Team)
	}
	if r.Past {
		s += lang.T(ctx, "records.program.past")
	}
	return s
}

// ofNeed says how many meet a requirement of how many.
func ofNeed(ctx context.Context, have, need int) string {
	if have > need {
		return lang.T(ctx, "program.more_than", "Have", lang.Number(ctx, have), "Need", lang.Number(ctx, need))
	}
	return lang.T(ctx, "program.of", "Have", lang.Number(ctx, have), "Need", lang.Number(ctx, need))
}

// levelBadge is a level in a list with how safe it is.
func levelBadge(ctx context.Context, v partnersView, p courses.ProgramPartner) word {
	switch name := levelName(ctx, v.Terms, p.Level); {
	case p.State == "offered":
		return word{ui.Neutral, lang.T(ctx, "program.state.offered")}
	case !p.Stands:
		return word{ui.Neutral, lang.T(ctx, "program.state.reckoning")}
	case p.AtRisk(v.warn(), v.Now):
		return word{ui.Warn, lang.T(ctx, "program.at_risk", "Level", name)}
	case p.Level > 0 && v.Terms != nil && p.Level == len(v.Terms.Levels):
		return word{ui.OK, name}
	case p.Level > 0:
		return word{ui.Info, name}
	default:
		return word{ui.Neutral, name}
	}
}

func (v partnersView) warn() int {
	if v.Terms == nil {
		return 0
	}
	return v.Terms.WarnDays
}

// matters is what of a partner matters now, in words.
func matters(ctx context.Context, v partnersView, p courses.ProgramPartner) string {
	switch {
	case p.State == "offered":
		return lang.T(ctx, "program.matters.offered", "Day", lang.Date(ctx, p.Offered))
	case !p.Stands:
		return ""
	case p.DropAt != nil:
		return lang.T(ctx, "program.matters.short", "Day", lang.Date(ctx, *p.DropAt), "Level", fallsTo(ctx, v.Terms, p.Meets))
	case p.AtRisk(v.warn(), v.Now):
		return lang.T(ctx, "program.matters.risk", "Day", lang.Date(ctx, *p.RiskAt), "Level", fallsTo(ctx, v.Terms, *p.RiskLevel))
	case p.Short != nil && *p.Short == 1:
		return lang.T(ctx, "program.matters.near", "Level", levelName(ctx, v.Terms, p.Level+1))
	case p.Quiet(v.Now):
		return lang.T(ctx, "program.matters.quiet", "Day", lang.Date(ctx, p.Moved))
	}
	return ""
}

// asked is a requirement with how it stands.
type asked struct {
	courses.Requirement

	Have, Soon, Past int
}

// asks are the requirements of a level with how a partner meets them.
func asks(t *courses.ProgramVersion, level int, f courses.Figures) (out []asked) {
	if t == nil || level < 1 || level > len(t.Levels) {
		return nil
	}
	for _, r := range t.Levels[level-1].Requires {
		out = append(out, asked{r, f[r.Key].Have, f[r.Key].Soon, f[r.Key].Past})
	}
	return out
}

// missing are those of them that are not met.
func missing(list []asked) []asked {
	return slices.DeleteFunc(slices.Clone(list), func(a asked) bool { return a.Have >= a.N })
}

// exportPartners sends the list with the own numbers for the partners, for whatever the partners are kept in.
func (p *Pages) exportPartners(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := programID(c)
	if err != nil {
		return err
	}
	v := partnersView{Filter: partnersFilter(c)}
	if v.ProgramPartners, err = p.courses.ExportPartners(ctx, which, v.Filter); err != nil {
		return err
	}
	head := []string{}
	for _, k := range []string{"account", "partner", "host", "state", "level", "since", "drop_at", "falls_to", "risk_at", "short"} {
		head = append(head, lang.T(ctx, "program.csv."+k))
	}
	var reqs []courses.Requirement
	if v.Terms != nil {
		for _, l := range v.Terms.Levels {
			for _, r := range l.Requires {
				reqs = append(reqs, r)
				head = append(head, l.Name+": "+requires(ctx, r))
			}
		}
	}
	lines := [][]string{head}
	for _, r := range v.Rows {
		line := []string{r.Account, r.Org.Name, r.Org.Slug, r.State, "", "", "", "", "", ""}
		if r.Stands {
			line[4], line[5], line[6], line[8] = levelName(ctx, v.Terms, r.Level), sheet.Day(&r.Since), sheet.Day(r.DropAt), sheet.Day(r.RiskAt)
			if r.DropAt != nil {
				line[7] = fallsTo(ctx, v.Terms, r.Meets)
			}
			if r.Short != nil {
				line[9] = strconv.Itoa(*r.Short)
			}
		}
		for _, q := range reqs {
			cell := ""
			if r.Stands {
				cell = strconv.Itoa(r.Figures[q.Key].Have)
			}
			line = append(line, cell)
		}
		lines = append(lines, line)
	}
	return shell.Sheet(c, "partners.csv", lines)
}

// moveProgram does to a program what the form says: the vendor offers and closes, a partner answers and leaves.
func (p *Pages) moveProgram(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := programID(c)
	if err != nil {
		return err
	}
	at, done := programHref(which), ""
	switch do := c.FormValue("do"); do {
	case "accept", "decline":
		err, done = p.courses.AnswerProgram(ctx, which, do == "accept"), map[string]string{"accept": "accepted", "decline": "declined"}[do]
	case "leave":
		err, done = p.courses.LeaveProgram(ctx, which), "left"
	case "back":
		partner, _ := id.Parse[id.Org](c.FormValue("partner")) // None: the own part.
		err, done = p.courses.RestorePart(ctx, which, partner), "restored"
	case courses.AskRenew, courses.AskSuggest:
		who, perr := id.Parse[id.Membership](c.FormValue("person"))
		if perr != nil {
			return errs.New(errs.NotFound, "%w", perr)
		}
		err, done = p.courses.AskMember(ctx, which, who, do), "asked"
	case "offer":
		var n int
		n, err = p.courses.OfferProgram(ctx, which, chosenOrgs(c, "partner")...)
		done = "offered&n=" + strconv.Itoa(n)
	case "close":
		err, done = p.courses.CloseProgram(ctx, which, formText(c, "confirm")), "closed"
		at = "/programs"
	default:
		return errs.New(errs.Malformed, "move %q", do)
	}
	if err == nil {
		if done == "declined" {
			at = "/programs"
		}
		return c.Redirect(at+"?done="+done, fiber.StatusSeeOther)
	}
	faults, said := faultsOf(ctx, err), saysOf(ctx, err)
	if faults == nil && said == "" {
		return err
	}
	own, rerr := p.courses.RunsProgram(ctx, which)
	status := fiber.StatusConflict
	if faults != nil {
		status = fiber.StatusUnprocessableEntity
	}
	switch {
	case rerr != nil:
		return rerr
	case own:
		return p.partners(c, which, partnersView{Confirm: formText(c, "confirm"), Faults: faults, Said: said}, status)
	}
	return p.standing(c, which, said, status)
}

// chosenOrgs are the organizations of boxes that were ticked.
func chosenOrgs(c *fiber.Ctx, name string) (out []id.Org) {
	for _, raw := range c.Context().PostArgs().PeekMulti(name) {
		if o, err := id.Parse[id.Org](string(raw)); err == nil && len(out) < 500 {
			out = append(out, o)
		}
	}
	return out
}

func (p *Pages) requirements(c *fiber.Ctx) error {
	which, err := programID(c)
	if err != nil {
		return err
	}
	v, err := p.courses.Requirements(c.UserContext(), which)
	if err != nil {
		return err
	}
	return showProgram(c, lang.T(c.UserContext(), "program.requirements.title", "Program", v.Program.Name), fiber.StatusOK, nil, requirementsPage(v))
}

type partnerView struct {
	courses.PartnerStanding

	Said string
}

func (v partnerView) at() string { return programHref(v.Program.ID) + "/partners/" + v.Partner.Slug }

func (p *Pages) partner(c *fiber.Ctx) error { return p.showPartner(c, "", fiber.StatusOK) }

func (p *Pages) showPartner(c *fiber.Ctx, said string, status int) error {
	which, err := programID(c)
	if err != nil {
		return err
	}
	v := partnerView{Said: said}
	if v.PartnerStanding, err = p.courses.PartnerIn(c.UserContext(), which, c.Params("slug")); err != nil {
		return err
	}
	return showProgram(c, v.Partner.Name, status, programFlash(c), partnerPage(v))
}

func (p *Pages) movePartner(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := programID(c)
	if err != nil {
		return err
	}
	v, err := p.courses.PartnerIn(ctx, which, c.Params("slug"))
	if err != nil {
		return err
	}
	at, done := programHref(which)+"/partners/"+v.Partner.Slug, ""
	switch do := c.FormValue("do"); do {
	case "ask":
		err, done = p.courses.AskPartner(ctx, which, v.Partner.OrgID), "asked"
	case "remove":
		err, done, at = p.courses.RemovePartner(ctx, which, v.Partner.OrgID), "removed", programHref(which)
	case "count", "drop":
		it, perr := id.Parse[id.Item](c.FormValue("story"))
		if perr != nil {
			return errs.New(errs.NotFound, "%w", perr)
		}
		err, done = p.courses.CountStory(ctx, v.Partner.OrgID, it, do == "count"), map[string]string{"count": "counted", "drop": "dropped"}[do]
	default:
		return errs.New(errs.Malformed, "move %q", do)
	}
	if said := saysOf(ctx, err); said != "" {
		return p.showPartner(c, said, fiber.StatusConflict)
	}
	if err != nil {
		return err
	}
	return c.Redirect(at+"?done="+done, fiber.StatusSeeOther)
}

// writingView is the page on which a program is written.
type writingView struct {
	courses.ProgramWriting

	From   string // the day from which what is published counts
	Faults ui.Faults
	Said   string
}

func (v writingView) at() string { return programHref(v.Program.ID) + "/write" }

// drafted reads what was written from the form.
func drafted(c *fiber.Ctx) courses.ProgramDraft {
	d := courses.ProgramDraft{Name: formText(c, "name"), About: formText(c, "about"), Terms: courses.ProgramTerms{GraceDays: number(c.FormValue("grace")), WarnDays: number(c.FormValue("warn"))}}
	for i := range min(max(number(c.FormValue("levels")), 0), 20) {
		at := fmt.Sprintf("l%d", i)
		l := courses.Level{Name: formText(c, at+"-name"), Brings: formText(c, at+"-brings")}
		for j := range min(max(number(c.FormValue(at+"-requires")), 0), 20) {
			in := fmt.Sprintf("%s-r%d", at, j)
			r := courses.Requirement{Key: keyOf(c.FormValue(in + "-key")), Kind: c.FormValue(in + "-kind"), Name: formText(c, in+"-name"), N: max(number(c.FormValue(in+"-n")), 0), Role: scope.Role(c.FormValue(in + "-role")), Team: formText(c, in+"-team"), Past: c.FormValue(in+"-past") != ""}
			for k := range 3 {
				if it, err := id.Parse[id.Item](c.FormValue(fmt.Sprintf("%s-item%d", in, k))); err == nil && !slices.ContainsFunc(r.Items, func(o courses.Counted) bool { return o.ID == it }) {
					r.Items = append(r.Items, courses.Counted{ID: it})
				}
			}
			l.Requires = append(l.Requires, r)
		}
		d.Terms.Levels = append(d.Terms.Levels, l)
	}
	return d
}

// keyOf is a requirement's key as the page wrote it; anything else is as good as none.
func keyOf(s string) string {
	if len(s) > 40 || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// changed does to the draft what a button says, and returns where the page goes on.
func changed(d *courses.ProgramDraft, do string) (anchor string) {
	words := strings.Split(do, ":")
	at := func(n int) int {
		if n < len(words) {
			return number(words[n])
		}
		return -1
	}
	l := at(1)
	levels := &d.Terms.Levels
	switch {
	case words[0] == "add-level":
		*levels = append(*levels, courses.Level{})
		return fmt.Sprintf("#l%d-name", len(*levels)-1)
	case l < 0 || l >= len(*levels):
		return ""
	case words[0] == "drop-level":
		*levels = slices.Delete(*levels, l, l+1)
		return "#levels"
	case words[0] == "up-level" && l > 0:
		(*levels)[l], (*levels)[l-1] = (*levels)[l-1], (*levels)[l]
		return fmt.Sprintf("#l%d-name", l-1)
	case words[0] == "add":
		(*levels)[l].Requires = append((*levels)[l].Requires, courses.Requirement{Kind: courses.RequireCertified, N: 1})
		return fmt.Sprintf("#l%d-r%d-n", l, len((*levels)[l].Requires)-1)
	case words[0] == "drop" && at(2) >= 0 && at(2) < len((*levels)[l].Requires):
		(*levels)[l].Requires = slices.Delete((*levels)[l].Requires, at(2), at(2)+1)
		return fmt.Sprintf("#l%d-name", l)
	}
	return ""
}

func (p *Pages) writeProgram(c *fiber.Ctx) error {
	v := writingView{}
	if from, err := time.Parse(time.DateOnly, c.Query("from")); err == nil {
		v.From = from.Format(time.DateOnly) // It is kept with what is published, and until then by the page.
	}
	return p.showWriting(c, nil, v, fiber.StatusOK)
}

// showWriting shows the page: with what was posted, if it was refused.
func (p *Pages) showWriting(c *fiber.Ctx, posted *courses.ProgramDraft, v writingView, status int) error {
	ctx := c.UserContext()
	which, err := programID(c)
	if err != nil {
		return err
	}
	if v.ProgramWriting, err = p.courses.Writing(ctx, which); err != nil {
		return err
	}
	if posted != nil {
		v.Draft = *posted
	}
	if v.From == "" {
		v.From = v.Now.UTC().Format(time.DateOnly)
	}
	return showProgram(c, lang.T(ctx, "program.write.title", "Program", v.Program.Name), status, programFlash(c), writingPage(v))
}

func (p *Pages) saveProgram(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := programID(c)
	if err != nil {
		return err
	}
	do := c.FormValue("do")
	if do == "discard" {
		if err := p.courses.DropDraft(ctx, which); err != nil {
			return err
		}
		return c.Redirect(programHref(which)+"?done=discarded", fiber.StatusSeeOther)
	}
	d := drafted(c)
	anchor := changed(&d, do)
	err = p.courses.SaveProgram(ctx, which, d)
	if err == nil && do == "publish" {
		var from time.Time
		if from, err = time.Parse(time.DateOnly, c.FormValue("from")); err != nil {
			err = errs.Fields(errs.Field{Name: "from", Key: "program.fault.day"})
		} else {
			err = p.courses.PublishProgram(ctx, which, from)
		}
		if err == nil {
			return c.Redirect(programHref(which)+"?done=published", fiber.StatusSeeOther)
		}
	}
	if err == nil {
		return c.Redirect(programHref(which)+"/write?"+query("done", "saved", "from", c.FormValue("from"))+anchor, fiber.StatusSeeOther)
	}
	v := writingView{From: c.FormValue("from"), Faults: faultsOf(ctx, err), Said: saysOf(ctx, err)}
	if v.Faults == nil && v.Said == "" {
		return err
	}
	return p.showWriting(c, &d, v, fiber.StatusUnprocessableEntity)
}
