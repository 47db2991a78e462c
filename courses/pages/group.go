package pages

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
)

// groupForm is what was said of a group and refused.
type groupForm struct {
	Key     string // of the block
	Do      string
	Group   string // that somebody wanted to join
	Draft   courses.GroupDraft
	Say     courses.GroupSay
	Note    string
	Refused string
}

// changeGroup opens, joins, plans, leaves or calls off a group, asks for people, or says what came of it, and comes back to the step.
func (p *Pages) changeGroup(c *fiber.Ctx) error {
	ctx := c.UserContext()
	at, err := place(c)
	if err != nil {
		return err
	}
	f := groupForm{
		Key: param(c, "group"), Do: c.FormValue("do"), Group: c.FormValue("group"), Note: formText(c, "group_note"),
		Draft: courses.GroupDraft{Starts: c.FormValue("group_starts"), Zone: formText(c, "group_zone"), Room: formText(c, "group_room"), Wide: c.FormValue("group_wide") != "", Shown: c.FormValue("shown_as")},
		Say:   courses.GroupSay{Words: formText(c, "group_words"), Link: formText(c, "group_link"), There: marked(c, "group_there")},
	}
	switch f.Do {
	case "open":
		err = p.courses.OpenGroup(ctx, at, f.Key, f.Draft)
	case "join":
		which, bad := id.Parse[id.Any](f.Group)
		if bad != nil {
			return errs.New(errs.NotFound, "%w", bad)
		}
		err = p.courses.JoinGroup(ctx, at, f.Key, which, f.Draft.Shown)
	case "plan":
		err = p.courses.PlanGroup(ctx, at, f.Key, f.Draft)
	case "leave":
		err = p.courses.LeaveGroup(ctx, at, f.Key)
	case "off":
		err = p.courses.CallGroupOff(ctx, at, f.Key)
	case "ask":
		err = p.courses.AskTeamToJoin(ctx, at, f.Key, f.Note)
	case "say":
		err = p.courses.SayGroup(ctx, at, f.Key, f.Say)
	default:
		return errs.New(errs.Malformed, "do %q", f.Do)
	}
	if err == nil {
		to, _, _ := strings.Cut(c.Path(), "/group/")
		return c.Redirect(to+"?done=group-"+f.Do+"#s-"+url.PathEscape(f.Key), fiber.StatusSeeOther)
	}
	faults, says := faultsOf(ctx, err), saysOf(ctx, err)
	if faults == nil && says == "" {
		return err
	}
	f.Refused = says
	if faults != nil {
		f.Refused = ""
	}
	return p.show(c, at, shown{group: &f, faults: faults, status: errs.Status(errs.KindOf(err))})
}

// groupDone says what was done to a group.
func groupDone(c *fiber.Ctx) *ui.Flash {
	done, ok := strings.CutPrefix(c.Query("done"), "group-")
	switch {
	case !ok:
		return nil
	case done == "open", done == "join", done == "plan", done == "leave", done == "off", done == "ask", done == "say":
		return &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), "group.done."+done)}
	}
	return nil
}

// of is what was refused at a block; nothing for another one.
func (s shown) groupOf(key string) (groupForm, ui.Faults) {
	if s.group == nil || s.group.Key != key {
		return groupForm{}, nil
	}
	return *s.group, s.faults
}

// groupHref is the address of the group of a lesson.
func groupHref(v courses.LessonView, key string) string {
	return here(v) + "/group/" + url.PathEscape(key)
}

// groupFacts are how many people it is for and how long it takes.
func groupFacts(ctx context.Context, g *courses.GroupStep) string {
	if g.From == g.To {
		return lang.T(ctx, "group.people_exact", "Count", g.To)
	}
	return lang.T(ctx, "group.people_span", "From", strconv.Itoa(g.From), "Count", g.To)
}

// groupSays is how far it is, in a word.
func groupSays(ctx context.Context, v courses.LessonView, g *courses.GroupStep) word {
	switch {
	case v.Done || g.Done():
		return word{ui.OK, lang.T(ctx, "ui.state.done")}
	case g.Group == nil:
		return word{}
	case g.Group.Said != nil:
		return word{ui.Info, lang.T(ctx, "group.state.said")}
	}
	return word{ui.Info, lang.T(ctx, "group.state.in")}
}

// groupPerson is how somebody of a group is called.
func groupPerson(ctx context.Context, p courses.GroupPerson) string {
	switch {
	case p.Me:
		return lang.T(ctx, "group.you")
	case p.Name != "":
		return p.Name
	case p.Shown:
		return lang.T(ctx, "live.people.of", "Org", p.By.Name)
	}
	return lang.T(ctx, "group.someone")
}

// openedBy is who opened a group, as far as that is told before one is in it.
func openedBy(ctx context.Context, g courses.StepGroup) string {
	if g.Opener != "" {
		return lang.T(ctx, "group.by", "Name", g.Opener)
	}
	return lang.T(ctx, "group.by_org", "Org", g.By.Name)
}

// may reports whether it can be said what came of it.
func groupMaySay(g *courses.GroupStep) bool {
	return g.Group != nil && g.Group.State != "" && len(g.People) > 1 && (g.Group.Starts == nil || !g.Group.Starts.After(g.Now)) && !g.Done()
}

// groupStarts is the time of a form: what was said, or what is planned.
func groupStarts(g *courses.GroupStep, f groupForm) string {
	if f.Do == "plan" || f.Do == "open" || g.Group == nil || g.Group.Starts == nil {
		return f.Draft.Starts
	}
	zone, _ := courses.LiveZone(g.Group.Zone)
	return g.Group.Starts.In(zone).Format("2006-01-02T15:04")
}

// groupZone is the zone of a form.
func groupZone(g *courses.GroupStep, f groupForm) string {
	switch {
	case f.Draft.Zone != "":
		return f.Draft.Zone
	case g.Group != nil:
		return g.Group.Zone
	case g.Zone != "":
		return g.Zone
	}
	return "Europe/Berlin"
}

// groupRoom is the link of a form.
func groupRoom(g *courses.GroupStep, f groupForm) string {
	if f.Do != "" || g.Group == nil {
		return f.Draft.Room
	}
	return g.Group.Room
}

// groupShown are the ways in which somebody can be shown to the others.
func groupShown(ctx context.Context, g *courses.GroupStep, f groupForm) (out []ui.Option) {
	for _, s := range courses.LiveShown {
		out = append(out, ui.Option{Value: s, Label: lang.T(ctx, "live.shown."+s, "Name", g.Name, "Org", g.Own.Name), Chosen: s == f.Draft.Shown})
	}
	return out
}

// groupWords are those of the form, or what was said before.
func groupWords(g *courses.GroupStep, f groupForm) courses.GroupSay {
	if f.Do == "say" || g.Group == nil {
		return f.Say
	}
	return courses.GroupSay{Words: g.Group.Words, Link: g.Group.Link}
}

// groupNeeds is what keeps a group from being done.
func groupNeeds(g *courses.GroupStep) string {
	switch {
	case g.Group.State == courses.GroupOff:
		return "group.now.off"
	case g.Group.State == "":
		return "group.now.gone"
	case len(g.People) < 2:
		return "group.now.alone"
	case g.Group.Said != nil:
		return "group.now.said"
	case g.SomebodySaid():
		return "group.now.confirm"
	case g.Group.Starts != nil && g.Group.Starts.After(g.Now):
		return "group.now.wait"
	}
	return "group.now.say"
}
