package pages

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func relationOptions(ctx context.Context, chosen string) []ui.Option {
	var out []ui.Option
	for _, r := range tenants.Relationships() {
		out = append(out, ui.Option{Value: r, Label: relation(ctx, r), Chosen: r == chosen})
	}
	return out
}

// termsForm is what somebody proposes: the three questions, and what is under "more terms".
type termsForm struct {
	Name             string // of an organization that is invited by mail
	With             string // whom, as typed; of a connection that is asked for
	Preset           string
	WeCall, TheyCall string
	Ours, Theirs     tenants.Half
	FinishDays       string
	Until            string
	Note             string
}

// offered is a collection that may stand in a half, with what is said about it in the form.
type offered struct {
	ID          id.Collection
	Title       string
	Description string
	Items       int
	Public      bool
	Open        bool
	Right       string
	Seats       string
	Until       string
}

type termsView struct {
	Form     termsForm
	Own      ui.Org
	Other    *tenants.Organization // nil until it is known
	Invite   bool                  // the address belongs to no portal, or to one that nobody looks after: an invitation is mailed
	Counter  *agreementView        // the proposal that this answers, or the agreement that it changes; nil when asking
	Standard *standardForm         // when the terms are for many; nil otherwise
	Ours     []offered
	Theirs   []offered
	Closed   int // own collections that are internal and can not be opened
	Faults   ui.Faults
}

// around is what stands around the three questions. It differs by whether somebody asks, answers, or writes for many.
type around struct {
	title, lead, send, signs string
	action, filling, back    string // addresses: of the form, of a preset that fills it, and of where one came from
	crumbs                   []ui.Link
}

func (v termsView) around(ctx context.Context) around {
	network := ui.Link{Label: lang.T(ctx, "tenants.network.title"), Href: "/network"}
	switch {
	case v.Standard != nil:
		return v.Standard.around(ctx, network)
	case v.Counter != nil:
		at := "/network/" + v.Counter.Other.Slug
		a := around{
			title: lang.T(ctx, "tenants.form.title_change", "Org", v.Counter.Other.Name), lead: lang.T(ctx, "tenants.form.lead_counter"), send: lang.T(ctx, "tenants.form.send_counter"),
			signs: lang.T(ctx, "tenants.form.signs"), action: at + "/counter", back: at,
			crumbs: []ui.Link{network, {Label: v.Counter.Other.Name, Href: at}, {Label: lang.T(ctx, "tenants.agreement.propose")}},
		}
		if v.Counter.State == tenants.Asked && !v.Counter.Proposed.Mine {
			a.title = lang.T(ctx, "tenants.form.title_counter", "Org", v.Counter.Other.Name)
		}
		return a
	}
	a := around{
		title: lang.T(ctx, "tenants.form.title_ask"), lead: lang.T(ctx, "tenants.form.lead_ask"), send: lang.T(ctx, "tenants.form.send"), signs: lang.T(ctx, "tenants.form.signs"),
		action: "/network/invite", filling: "/network/invite", back: "/network", crumbs: []ui.Link{network, {Label: lang.T(ctx, "tenants.network.invite")}},
	}
	switch {
	case v.Invite:
		a.send = lang.T(ctx, "partner.invite.send")
	case v.Other != nil:
		a.send = lang.T(ctx, "tenants.form.send_ask", "Org", v.Other.Name)
	}
	return a
}

// more reports whether "more terms" differ from the defaults, and therefore stand open.
func (v termsView) more() bool {
	return v.Form.FinishDays != "30" || v.Form.Until != "" || v.Faults.Of("finish_days") != "" || v.Faults.Of("until") != ""
}

// blank begins a form from nothing: with the preset of the address, or the usual one.
func (p *Pages) blank(c *fiber.Ctx, v *termsView, usual tenants.Preset) (err error) {
	if err := authz.Check(c.UserContext(), authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	v.Own = shell.From(c.UserContext()).Org
	if v.Ours, v.Closed, err = p.ownCollections(c); err != nil {
		return err
	}
	v.Form.Preset, v.Form.Note, v.Form.FinishDays = c.Query("fill", c.Query("preset")), c.Query("note"), "30"
	if len([]rune(v.Form.Note)) > 2000 || len(v.Form.With) > 300 || v.Standard != nil && len(v.Standard.Name) > 500 {
		return errs.New(errs.Invalid, "address too long")
	}
	if !slices.Contains(presets, v.Form.Preset) {
		v.Form.Preset = string(usual)
	}
	return nil
}

// own are the own collections that can be opened, and how many can not.
func (p *Pages) ownCollections(c *fiber.Ctx) (list []offered, closed int, err error) {
	shared, err := p.svc.Sharing(c.UserContext())
	if err != nil {
		return nil, 0, err
	}
	for _, s := range shared {
		if s.Visibility == tenants.Internal {
			closed++
			continue
		}
		list = append(list, offered{ID: s.CollectionID, Title: s.Title, Description: s.Description, Items: s.Items, Public: s.Visibility == tenants.Public, Right: tenants.RightUse})
	}
	return list, closed, nil
}

// mark writes into the list what a half says about its collections.
func mark(list []offered, opens []tenants.Opening) []offered {
	out := slices.Clone(list)
	for _, o := range opens {
		i := slices.IndexFunc(out, func(c offered) bool { return c.ID == o.Collection })
		if i < 0 {
			continue
		}
		out[i].Open, out[i].Right, out[i].Until, out[i].Seats = true, o.Right, o.Until, ""
		if o.Seats > 0 {
			out[i].Seats = strconv.Itoa(o.Seats)
		}
	}
	return out
}

// theirCollections are the collections of the other side that are on the table: in force, or proposed.
func theirCollections(v agreementView) []offered {
	var out []offered
	for _, o := range v.Asked() {
		out = append(out, offered{ID: o.Collection, Title: o.Title, Right: o.Right})
	}
	return out
}

// readHalf takes the openings of a half out of the form, of the collections that may stand there and no others.
func readHalf(c *fiber.Ctx, side string, list []offered) (opens []tenants.Opening, out []offered, faults []errs.Field) {
	chosen := values(c, side+"_open")
	out = slices.Clone(list)
	for i := range out {
		o, key := &out[i], out[i].ID.String()
		o.Open = slices.Contains(chosen, key)
		o.Right, o.Seats, o.Until = c.FormValue("right_"+key, o.Right), strings.TrimSpace(c.FormValue("seats_"+key)), strings.TrimSpace(c.FormValue("until_"+key))
		if !o.Open {
			continue
		}
		seats := 0
		if o.Seats != "" {
			n, err := strconv.Atoi(o.Seats)
			if err != nil || n < 1 || n > 1_000_000 {
				faults = append(faults, errs.Field{Name: "seats_" + key, Key: "tenants.terms.seats"})
			}
			seats = n
		}
		if _, ok := parseDay(o.Until); o.Until != "" && !ok {
			faults = append(faults, errs.Field{Name: "until_" + key, Key: "tenants.terms.until"})
		}
		opens = append(opens, tenants.Opening{Collection: o.ID, Title: o.Title, Right: o.Right, Seats: seats, Until: o.Until})
	}
	return opens, out, faults
}

// readTerms takes the proposal out of the form and says which fields it cannot read.
func readTerms(c *fiber.Ctx, v *termsView, now time.Time) (tenants.Proposal, []errs.Field) {
	f := &v.Form
	var faults, more []errs.Field
	f.Ours.Opens, v.Ours, faults = readHalf(c, "ours", v.Ours)
	f.Theirs.Opens, v.Theirs, more = readHalf(c, "theirs", v.Theirs)
	faults = append(faults, more...)
	f.Name = strings.TrimSpace(c.FormValue("name"))
	f.With, f.Preset = strings.TrimSpace(c.FormValue("with")), c.FormValue("preset", string(tenants.PresetPeer))
	f.WeCall, f.TheyCall = c.FormValue("we_call"), c.FormValue("they_call")
	f.Ours.Learns, f.Theirs.Learns = c.FormValue("ours_learns"), c.FormValue("theirs_learns")
	f.Ours.Meet, f.Theirs.Meet = c.FormValue("ours_meet"), c.FormValue("theirs_meet")
	f.FinishDays, f.Until, f.Note = strings.TrimSpace(c.FormValue("finish_days")), strings.TrimSpace(c.FormValue("until")), strings.ReplaceAll(strings.TrimSpace(c.FormValue("note")), "\r\n", "\n")
	choose := func(name, value string, allowed []string) {
		if !slices.Contains(allowed, value) {
			faults = append(faults, errs.Field{Name: name, Key: "tenants.terms.choose"})
		}
	}
	for side, h := range map[string]tenants.Half{"ours": f.Ours, "theirs": f.Theirs} {
		choose(side+"_learns", h.Learns, learnLevels)
		choose(side+"_meet", h.Meet, meetWays)
	}
	days, err := strconv.Atoi(f.FinishDays)
	if err != nil || days < 0 || days > 180 {
		faults = append(faults, errs.Field{Name: "finish_days", Key: "tenants.terms.finish_days"})
	}
	if d, ok := parseDay(f.Until); f.Until != "" && !ok {
		faults = append(faults, errs.Field{Name: "until", Key: "tenants.terms.until"})
	} else if ok && d.AddDate(0, 0, 1).Before(now) {
		faults = append(faults, errs.Field{Name: "until", Key: "tenants.terms.until_past"})
	}
	if len([]rune(f.Note)) > 2000 {
		faults = append(faults, errs.Field{Name: "note", Key: "tenants.terms.note_long"})
	}
	if v.Counter == nil && (!slices.Contains(tenants.Relationships(), f.WeCall) || !slices.Contains(tenants.Relationships(), f.TheyCall)) {
		faults = append(faults, errs.Field{Name: "we_call", Key: "tenants.terms.choose"})
	}
	slices.SortStableFunc(faults, func(a, b errs.Field) int { return place(a.Name) - place(b.Name) })
	return tenants.Proposal{Ours: f.Ours, Theirs: f.Theirs, FinishDays: days, Until: f.Until, Note: f.Note, WeCall: f.WeCall, TheyCall: f.TheyCall}, faults
}

// place is where a field stands on the page, so that problems are listed in its order.
func place(name string) int {
	for i, p := range []string{"title", "with", "name", "seats", "until_", "opens", "theirs_learns", "ours_learns", "theirs_meet", "ours_meet", "we_call", "they_call", "finish_days", "until", "note"} {
		if strings.HasPrefix(name, p) && (p != "until_" || len(name) > 6) {
			return i
		}
	}
	return 99
}

var (
	learnLevels = []string{tenants.LearnsNothing, tenants.LearnsTotals, tenants.LearnsCertified, tenants.LearnsNamed} //nolint:gochecknoglobals // A constant list.
	meetWays    = []string{tenants.MeetByName, tenants.MeetByCompany, tenants.MeetNobody}                             //nolint:gochecknoglobals // A constant list.
)

func (v *termsView) tell(ctx context.Context, list []errs.Field) {
	v.Faults = append(v.Faults, ui.FaultsOf(ctx, list)...)
}

// invite is the form with which somebody asks another organization for a connection.
func (p *Pages) invite(c *fiber.Ctx) error {
	v := termsView{Form: termsForm{With: strings.TrimSpace(c.Query("with"))}}
	if err := p.blank(c, &v, tenants.PresetPeer); err != nil {
		return err
	}
	if c.Query("look") != "" {
		// Whoever looks an organization up keeps what was chosen before.
		_, _ = readTerms(c, &v, p.now())
	} else {
		p.fill(c, &v)
	}
	if v.Form.With != "" {
		if err := p.whom(c, &v); err != nil {
			return err
		}
	}
	return p.showTerms(c, v, fiber.StatusOK)
}

// fill takes what the preset says is usual. Which collections, only the person can say; what was ticked stays.
func (p *Pages) fill(c *fiber.Ctx, v *termsView) {
	preset := tenants.Preset(v.Form.Preset)
	usual, theirs, until, weCall, theyCall := preset.Offer([]tenants.Opening{{}}, p.now())
	chosen := values(c, "ours_open")
	for i := range v.Ours {
		v.Ours[i].Right, v.Ours[i].Open = usual.Opens[0].Right, slices.Contains(chosen, v.Ours[i].ID.String())
	}
	usual.Opens = nil
	v.Form.Ours, v.Form.Theirs, v.Form.Until, v.Form.WeCall, v.Form.TheyCall = usual, theirs, until, weCall, theyCall
}

// values are all values of a field, from the address or the form.
func values(c *fiber.Ctx, key string) (out []string) {
	for _, args := range []*fasthttp.Args{c.Context().QueryArgs(), c.Request().PostArgs()} {
		for _, b := range args.PeekMulti(key) {
			out = append(out, string(b))
		}
	}
	return out
}

var presets = []string{string(tenants.PresetPartner), string(tenants.PresetCustomer), string(tenants.PresetPeer), string(tenants.PresetTry)} //nolint:gochecknoglobals // A constant list.

// whom finds the organization that was typed, or says that there is none.
func (p *Pages) whom(c *fiber.Ctx, v *termsView) error {
	o, err := p.svc.Addressed(c.UserContext(), v.Form.With)
	switch {
	case err == nil && (o.SignIn != "none" || !strings.Contains(v.Form.With, "@")):
		v.Other = &o
	case err == nil || errs.Is(err, errs.NotFound) && strings.Contains(v.Form.With, "@") && p.inviting != nil:
		v.Invite = true
	case errs.Is(err, errs.NotFound):
		v.tell(c.UserContext(), []errs.Field{{Name: "with", Key: "tenants.form.with_unknown"}})
	default:
		return err
	}
	return nil
}

func (p *Pages) showTerms(c *fiber.Ctx, v termsView, status int) error {
	if len(v.Faults) > 0 && status == fiber.StatusOK {
		status = fiber.StatusUnprocessableEntity
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.around(c.UserContext()).title, NavKey: "network", Layout: ui.Reading, NoIndex: true}, termsPage(v))
}

func (p *Pages) ask(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	v := termsView{Own: shell.From(ctx).Org}
	var err error
	if v.Ours, v.Closed, err = p.ownCollections(c); err != nil {
		return err
	}
	proposal, faults := readTerms(c, &v, p.now())
	if v.Form.With == "" {
		faults = append([]errs.Field{{Name: "with", Key: "tenants.form.with_missing"}}, faults...)
	} else if err := p.whom(c, &v); err != nil {
		return err
	}
	if v.Invite && v.Form.Name == "" {
		faults = append(faults, errs.Field{Name: "name", Key: "partner.invite.name_missing"})
	}
	v.tell(ctx, faults)
	if len(v.Faults) > 0 {
		return p.showTerms(c, v, fiber.StatusUnprocessableEntity)
	}
	if v.Invite {
		return p.sendInvitation(c, v, proposal)
	}
	err = p.svc.Ask(ctx, v.Other.OrgID, proposal)
	if errs.Is(err, errs.Conflict) {
		// They are connected, or one has asked already: the page of the two says so.
		return c.Redirect("/network/"+v.Other.Slug, fiber.StatusSeeOther)
	}
	return p.proposed(c, v, err, "asked", v.Other.Slug)
}

// sendInvitation mails an invitation with the terms to an address that belongs to no portal.
func (p *Pages) sendInvitation(c *fiber.Ctx, v termsView, proposal tenants.Proposal) error {
	err := p.inviting(c.UserContext(), v.Form.With, v.Form.Name, proposal)
	e, _ := errors.AsType[*errs.Error](err)
	switch {
	case err == nil:
		return c.Redirect("/network?done=invited", fiber.StatusSeeOther)
	case e != nil && len(e.Fields) > 0:
		for i := range e.Fields {
			if e.Fields[i].Name == "email" {
				e.Fields[i].Name = "with"
			}
		}
		v.tell(c.UserContext(), e.Fields)
	case e != nil && e.Key != "" && (e.Kind == errs.Conflict || e.Kind == errs.RateLimited):
		v.tell(c.UserContext(), []errs.Field{{Name: "with", Key: e.Key, Args: e.Args}})
	default:
		return err
	}
	return p.showTerms(c, v, errs.Status(e.Kind))
}

// proposed answers a proposal: with the agreement's page, or the form and what is wrong in it.
func (p *Pages) proposed(c *fiber.Ctx, v termsView, err error, what, slug string) error {
	e, _ := errors.AsType[*errs.Error](err)
	switch {
	case err == nil:
		return c.Redirect("/network/"+slug+"?done="+what, fiber.StatusSeeOther)
	case errs.Is(err, errs.Invalid) && e != nil && len(e.Fields) > 0:
		v.tell(c.UserContext(), e.Fields)
	case errs.Is(err, errs.Invalid) && e != nil && e.Key != "":
		v.tell(c.UserContext(), []errs.Field{{Name: "opens", Key: e.Key, Args: e.Args}})
	default:
		return err
	}
	return p.showTerms(c, v, fiber.StatusUnprocessableEntity)
}

// counterForm is the form with what is on the table, to be changed.
func (p *Pages) counterForm(c *fiber.Ctx) error {
	v, err := p.counterView(c)
	if err != nil {
		return err
	}
	if !v.Counter.mayCounter() {
		return c.Redirect("/network/"+v.Counter.Other.Slug, fiber.StatusSeeOther)
	}
	t := v.Counter.current().Terms
	v.Form = termsForm{Ours: v.Counter.Ours(t), Theirs: v.Counter.Theirs(t), FinishDays: strconv.Itoa(t.FinishDays), Until: t.Until}
	v.Ours, v.Theirs = mark(v.Ours, v.Form.Ours.Opens), mark(v.Theirs, v.Form.Theirs.Opens)
	return p.showTerms(c, v, fiber.StatusOK)
}

func (v agreementView) mayCounter() bool {
	return (v.State == tenants.Asked && v.Proposed != nil) || v.State == tenants.Active
}

func (p *Pages) counterView(c *fiber.Ctx) (termsView, error) {
	a, err := p.connection(c)
	if err != nil {
		return termsView{}, err
	}
	v := termsView{Own: a.Own, Other: &a.Other, Counter: &a, Theirs: theirCollections(a)}
	v.Ours, v.Closed, err = p.ownCollections(c)
	return v, err
}

func (p *Pages) counter(c *fiber.Ctx) error {
	v, err := p.counterView(c)
	if err != nil {
		return err
	}
	if !v.Counter.mayCounter() {
		v.Counter.Conflict = lang.T(c.UserContext(), "tenants.connection.moved_on")
		return p.showAgreement(c, *v.Counter, fiber.StatusConflict)
	}
	proposal, faults := readTerms(c, &v, p.now())
	v.tell(c.UserContext(), faults)
	if len(v.Faults) > 0 {
		return p.showTerms(c, v, fiber.StatusUnprocessableEntity)
	}
	// What was read when the form was made must be what is answered.
	if seen := number(c); seen != v.Counter.current().Number {
		v.Counter.Conflict = lang.T(c.UserContext(), "tenants.agreement.changed")
		return p.showAgreement(c, *v.Counter, fiber.StatusConflict)
	}
	err = p.svc.Counter(c.UserContext(), v.Counter.Other.OrgID, proposal)
	if errs.Is(err, errs.Conflict) {
		a, lerr := p.connection(c)
		if lerr != nil {
			return lerr
		}
		key, args := errs.MessageKey(err)
		a.Conflict = lang.T(c.UserContext(), key, args...)
		return p.showAgreement(c, a, fiber.StatusConflict)
	}
	return p.proposed(c, v, err, "countered", v.Counter.Other.Slug)
}

// learnOptions are how much one side learns about the other's people, each with what that side sees.
func learnOptions(ctx context.Context, side, chosen string) []ui.Option {
	var out []ui.Option
	for _, l := range learnLevels {
		out = append(out, ui.Option{Value: l, Label: learns(ctx, l), Hint: lang.T(ctx, "tenants.learns_"+side+"."+l), Chosen: l == chosen})
	}
	return out
}

func meetOptions(ctx context.Context, side, chosen string) []ui.Option {
	var out []ui.Option
	for _, m := range meetWays {
		out = append(out, ui.Option{Value: m, Label: meets(ctx, m), Hint: lang.T(ctx, "tenants.meets_"+side+"."+m), Chosen: m == chosen})
	}
	return out
}

func rightOptions(ctx context.Context, chosen string) []ui.Option {
	var out []ui.Option
	for _, r := range []string{tenants.RightUse, tenants.RightAdapt, tenants.RightShow} {
		out = append(out, ui.Option{Value: r, Label: lang.T(ctx, "tenants.right_short."+r), Chosen: r == chosen})
	}
	return out
}
