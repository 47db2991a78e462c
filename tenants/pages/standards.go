package pages

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// standardsAt is where the standard agreements live.
const standardsAt = "/partners/standards"

// mountStandards adds the routes of standard agreements and of what is done with many connections at once.
func (p *Pages) mountStandards(r fiber.Router) {
	r.Get(standardsAt, p.standards)
	r.Post(standardsAt, p.publish)
	r.Get(standardsAt+"/new", p.newStandard)
	r.Get(standardsAt+"/:id", p.standard)
	r.Post(standardsAt+"/:id", p.publish)
	r.Get(standardsAt+"/:id/edit", p.editStandard)
	r.Post(standardsAt+"/:id/retire", p.retire)
	r.Post(standardsAt+"/:id/links", p.openLink)
	r.Post(standardsAt+"/:id/close", p.closeLink)
	r.Post(standardsAt+"/:id/act", p.actOnPartners)
	r.Get("/partners/batches/:id", p.batch)
	r.Post("/partners/batches/:id/cancel", p.cancelBatch)
}

// named is the identifier in the address; one that is none is a missing page.
func named(c *fiber.Ctx) (id.Any, error) {
	which, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return id.Any{}, errs.New(errs.NotFound, "identifier: %w", err)
	}
	return which, nil
}

func (p *Pages) standards(c *fiber.Ctx) error {
	ctx := c.UserContext()
	list, err := p.svc.Standards(ctx)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "standard.title"), NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: flash(c)}, standardsPage(list))
}

// standardView is the page of one standard agreement.
type standardView struct {
	tenants.StandardView

	Own    ui.Org
	Filter tenants.StandardFilter
	Next   string
	First  string
	Link   string // the address of a link that was just made: shown this once
	Faults ui.Faults
	Label  string // of a link that could not be made, with what else was typed
	Most   string
	Until  string
}

func (v standardView) at() string { return standardsAt + "/" + v.Standard.ID.String() }

func (p *Pages) standardView(c *fiber.Ctx) (standardView, error) {
	which, err := named(c)
	if err != nil {
		return standardView{}, err
	}
	v := standardView{Own: shell.From(c.UserContext()).Org, Filter: tenants.StandardFilter{Stands: c.Query("stands"), Limit: networkSize}}
	if after := c.Query("after"); after != "" {
		if v.Filter.AfterID, v.Filter.AfterKey, err = place2(after, c.Query("key")); err != nil {
			return v, err
		}
	}
	if v.StandardView, err = p.svc.StandardView(c.UserContext(), which, v.Filter); err != nil {
		return v, err
	}
	address := func(kv ...string) string {
		return withQuery(v.at(), append([]string{"stands", v.Filter.Stands}, kv...)...)
	}
	if v.More {
		last := v.Partners[len(v.Partners)-1]
		v.Next = address("after", last.OrgID.String(), "key", last.Key)
	}
	if v.Filter.AfterKey != "" {
		v.First = address()
	}
	v.Most, v.Until = "50", v.Now.AddDate(0, 0, 30).Format(time.DateOnly)
	return v, nil
}

func (p *Pages) standard(c *fiber.Ctx) error {
	v, err := p.standardView(c)
	if err != nil {
		return err
	}
	return p.showStandard(c, v, fiber.StatusOK)
}

func (p *Pages) showStandard(c *fiber.Ctx, v standardView, status int) error {
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.Standard.Title, NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: flash(c)}, standardPage(v))
}

// filters are where partners stand, with how many each.
func (v standardView) filters(ctx context.Context) []ui.Link {
	n := v.Standard.Counts
	var out []ui.Link
	for _, f := range []struct {
		stands string
		n      int
	}{{"", 0}, {tenants.OnNewest, n.Newest}, {tenants.OnEarlier, n.Earlier}, {tenants.OnWaiting, n.Waiting}, {tenants.OnCountered, n.Countered}, {tenants.OnException, n.Exceptions}} {
		if f.n == 0 && f.stands != "" && f.stands != v.Filter.Stands {
			continue
		}
		key := f.stands
		if key == "" {
			key = "all"
		}
		out = append(out, ui.Link{Label: lang.T(ctx, "standard.stands."+key), Href: withQuery(v.at(), "stands", f.stands), Count: f.n, Current: f.stands == v.Filter.Stands})
	}
	return out
}

// stands is where a partner stands, as a badge.
func stands(ctx context.Context, p tenants.StandardPartner) word {
	kind := map[string]string{tenants.OnNewest: ui.OK, tenants.OnEarlier: ui.Info, tenants.OnWaiting: ui.Neutral, tenants.OnCountered: ui.Warn, tenants.OnException: ui.Warn}[p.Stands]
	if kind == "" {
		kind = ui.Neutral
	}
	return word{kind, lang.T(ctx, "standard.stands."+p.Stands)}
}

// canAct reports whether something can be proposed to the partner, or it can be reminded.
func canAct(p tenants.StandardPartner) bool {
	return p.Stands != tenants.OnNewest
}

func partnerOrg(p tenants.StandardPartner) ui.Org {
	return ui.Org{ID: p.OrgID.String(), Slug: p.Slug, Name: p.Name, Short: p.Short, Hue: p.Hue, Chroma: p.Chroma}
}

// difference is a line of what a partner agreed to instead.
func difference(ctx context.Context, org string, ch tenants.Change) string {
	side := "us"
	if ch.Side == "b" {
		side = "them"
	}
	value := func(v string) string {
		switch ch.What {
		case "opens", "right":
			if v != "" {
				return lang.T(ctx, "tenants.right_short."+v)
			}
		case "learns":
			return learns(ctx, v)
		case "meet":
			return meets(ctx, v)
		case "until":
			return until(ctx, v)
		}
		return v
	}
	from, to := value(ch.From), value(ch.To)
	if ch.What == "finish_days" || ch.What == "seats" {
		from, to = strconv.Itoa(ch.Days[0]), strconv.Itoa(ch.Days[1])
	}
	if ch.What == "opens" {
		return lang.T(ctx, "standard.diff.opens_"+ch.Kind+"_"+side, "Title", ch.Title, "Org", org)
	}
	name := lang.T(ctx, "standard.diff."+ch.What)
	if ch.Side != "" && (ch.What == "learns" || ch.What == "meet") {
		name = lang.T(ctx, "standard.diff."+ch.What+"_"+side, "Org", org)
	}
	if ch.Title != "" {
		name = lang.T(ctx, "tenants.quoted", "Title", ch.Title) + ", " + name
	}
	return lang.T(ctx, "standard.diff.line", "Name", name, "From", from, "To", to)
}

// newStandard is the form for the first version.
func (p *Pages) newStandard(c *fiber.Ctx) error {
	v := termsView{Standard: &standardForm{Name: strings.TrimSpace(c.Query("title"))}}
	if err := p.blank(c, &v, tenants.PresetPartner); err != nil {
		return err
	}
	p.fill(c, &v)
	return p.showTerms(c, v, fiber.StatusOK)
}

// standardForm is what the form of terms holds beside them when they are a standard agreement's.
type standardForm struct {
	Name   string
	View   *standardView // of the one whose next version it is; nil for a new one
	Reach  int           // to how many the next version is proposed
	Leaves int           // with terms of their own
}

func (f standardForm) around(ctx context.Context, network ui.Link) around {
	a := around{
		title: lang.T(ctx, "standard.form.title"), lead: lang.T(ctx, "standard.form.lead"), signs: lang.T(ctx, "standard.form.signs"),
		action: standardsAt, back: standardsAt, filling: standardsAt + "/new",
	}
	version := 1
	if f.View != nil {
		a.title, a.lead = lang.T(ctx, "standard.form.title_next", "Title", f.View.Standard.Title), lang.T(ctx, "standard.form.lead_next", "Count", f.Reach, "Leaves", f.Leaves)
		a.action, a.back, version = f.View.at(), f.View.at(), f.View.Standard.Version+1
	}
	a.send = lang.T(ctx, "standard.form.publish", "Version", strconv.Itoa(version))
	a.crumbs = []ui.Link{network, {Label: lang.T(ctx, "standard.title"), Href: standardsAt}, {Label: a.title}}
	return a
}

// nextForm is the form with the newest version, to be changed.
func (p *Pages) nextForm(c *fiber.Ctx) (termsView, error) {
	sv, err := p.standardView(c)
	if err != nil {
		return termsView{}, err
	}
	n := sv.Standard.Counts
	v := termsView{Own: sv.Own, Standard: &standardForm{Name: sv.Standard.Title, View: &sv, Reach: n.Newest + n.Earlier, Leaves: n.Exceptions + n.Countered}}
	v.Ours, v.Closed, err = p.ownCollections(c)
	return v, err
}

func (p *Pages) editStandard(c *fiber.Ctx) error {
	v, err := p.nextForm(c)
	if err != nil {
		return err
	}
	if v.Standard.View.Standard.State != "open" {
		return c.Redirect(v.Standard.View.at(), fiber.StatusSeeOther)
	}
	o := v.Standard.View.Newest().Proposal
	v.Form = termsForm{Ours: o.Ours, Theirs: o.Theirs, FinishDays: strconv.Itoa(o.FinishDays), Until: o.Until, Note: o.Note, WeCall: o.WeCall, TheyCall: o.TheyCall}
	v.Ours = mark(v.Ours, o.Ours.Opens)
	return p.showTerms(c, v, fiber.StatusOK)
}

// publish writes the first version of a new standard agreement, or the next one.
func (p *Pages) publish(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	v := termsView{Own: shell.From(ctx).Org, Standard: &standardForm{}}
	var which id.Any
	var err error
	if c.Params("id") != "" {
		if v, err = p.nextForm(c); err != nil {
			return err
		}
		which = v.Standard.View.Standard.ID
	} else if v.Ours, v.Closed, err = p.ownCollections(c); err != nil {
		return err
	}
	v.Standard.Name = strings.TrimSpace(c.FormValue("title"))
	proposal, faults := readTerms(c, &v, p.now())
	v.tell(ctx, faults)
	if len(v.Faults) > 0 {
		return p.showTerms(c, v, fiber.StatusUnprocessableEntity)
	}
	standard, batch, err := p.svc.Publish(ctx, which, v.Standard.Name, proposal)
	if err != nil {
		return p.proposed(c, v, err, "", "")
	}
	if !batch.IsZero() {
		return c.Redirect("/partners/batches/"+batch.String(), fiber.StatusSeeOther)
	}
	return c.Redirect(standardsAt+"/"+standard.String()+"?done=published", fiber.StatusSeeOther)
}

func (p *Pages) retire(c *fiber.Ctx) error {
	which, err := named(c)
	if err != nil {
		return err
	}
	if err := p.svc.Retire(c.UserContext(), which); err != nil {
		return err
	}
	return c.Redirect(standardsAt+"/"+which.String()+"?done=retired", fiber.StatusSeeOther)
}

// openLink makes a link and shows its address, which is kept nowhere.
func (p *Pages) openLink(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v, err := p.standardView(c)
	if err != nil {
		return err
	}
	v.Label, v.Most, v.Until = strings.TrimSpace(c.FormValue("label")), strings.TrimSpace(c.FormValue("most")), strings.TrimSpace(c.FormValue("until"))
	most, _ := strconv.Atoi(v.Most) // What is no number is none that may be.
	day, ok := parseDay(v.Until)
	if !ok {
		day = time.Time{}
	}
	token, err := p.svc.OpenLink(ctx, v.Standard.ID, v.Label, most, day.AddDate(0, 0, 1))
	e, _ := errors.AsType[*errs.Error](err)
	switch {
	case err != nil && e != nil && len(e.Fields) > 0:
		v.Faults = ui.FaultsOf(ctx, e.Fields)
		return p.showStandard(c, v, fiber.StatusUnprocessableEntity)
	case err != nil:
		return err
	}
	if v, err = p.standardView(c); err != nil {
		return err
	}
	scheme, _, _ := strings.Cut(shell.From(ctx).Base, "://")
	v.Link = scheme + "://" + p.svc.Base() + "/join/" + token
	return p.showStandard(c, v, fiber.StatusOK)
}

func (p *Pages) closeLink(c *fiber.Ctx) error {
	which, err := named(c)
	if err != nil {
		return err
	}
	link, err := id.Parse[id.Any](c.FormValue("link"))
	if err != nil {
		return errs.New(errs.NotFound, "link: %w", err)
	}
	if err := p.svc.CloseLink(c.UserContext(), which, link); err != nil {
		return err
	}
	return c.Redirect(standardsAt+"/"+which.String()+"?done=link_closed", fiber.StatusSeeOther)
}

// actOnPartners proposes the newest version to the chosen partners, or reminds them.
func (p *Pages) actOnPartners(c *fiber.Ctx) error {
	which, err := named(c)
	if err != nil {
		return err
	}
	action := c.FormValue("action")
	if action != tenants.BatchPropose && action != tenants.BatchRemind {
		return errs.New(errs.Malformed, "action %q", action)
	}
	batch, err := p.svc.Batch(c.UserContext(), action, chosen(c), which)
	if errs.Is(err, errs.Invalid) {
		return c.Redirect(standardsAt+"/"+which.String()+"?done=nobody", fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/partners/batches/"+batch.String(), fiber.StatusSeeOther)
}

// chosen are the organizations that were ticked; what is none is left out.
func chosen(c *fiber.Ctx) (out []id.Org) {
	for _, s := range values(c, "org") {
		if o, err := id.Parse[id.Org](s); err == nil {
			out = append(out, o)
		}
	}
	return out
}
