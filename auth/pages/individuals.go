package pages

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

const (
	publicDoorPath  = "/admin/public-door"
	individualsPath = "/admin/individuals"
	accountPath     = "/account"
)

// mountIndividuals adds the public door, the account of who came in by it, and what an administrator looks after.
func (p *Pages) mountIndividuals(r fiber.Router) {
	r.Get("/door", p.publicDoor)
	r.Post("/door", p.guard, p.askDoor)
	r.Get("/door/sent", p.doorSent)
	r.Get("/door/link/:token", p.entrance)
	r.Post("/door/link/:token", p.guard, p.enter)
	r.Get(accountPath, p.account)
	r.Post(accountPath, p.rename)
	r.Get(accountPath+"/data.zip", p.takeAccount)
	r.Post(accountPath+"/leave-elsewhere", p.leaveElsewhere)
	r.Get(accountPath+"/erase", p.askEraseAccount)
	r.Post(accountPath+"/erase", p.eraseAccount)
	r.Get(publicDoorPath, p.doorSettings)
	r.Post(publicDoorPath, p.saveDoor)
	r.Post(publicDoorPath+"/open", p.openDoor)
	r.Get(publicDoorPath+"/close", p.askCloseDoor)
	r.Post(publicDoorPath+"/close", p.closeDoor)
	r.Get(individualsPath, p.individuals)
	r.Get(individualsPath+".csv", p.exportIndividuals)
	r.Get(individualsPath+"/:id/remove", p.askRemoveIndividual)
	r.Post(individualsPath+"/:id/remove", p.removeIndividual)
}

type publicDoorView struct {
	Org                  tenants.Organization
	Door                 auth.PublicDoor
	Back, Address, Error string
}

// publicDoor is where somebody who belongs to no organization asks for a link.
func (p *Pages) publicDoor(c *fiber.Ctx) error {
	return p.showPublicDoor(c, publicDoorView{}, fiber.StatusOK)
}

func (p *Pages) showPublicDoor(c *fiber.Ctx, v publicDoorView, status int) (err error) {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	v.Org, v.Back = org, auth.ReturnTo(c.Query("return_to"))
	if _, ok := auth.Current(ctx); ok {
		return c.Redirect(v.Back, fiber.StatusSeeOther)
	}
	if v.Door, err = p.svc.PublicDoor(auth.Enter(ctx, org.OrgID), org); err != nil {
		return err
	}
	if !v.Door.Open {
		return errs.New(errs.NotFound, "%s has no public door", org.Slug)
	}
	c.Status(status)
	return p.bare(c, lang.T(ctx, "individual.door.title", "Org", org.Name), publicDoorPage(v))
}

func (p *Pages) askDoor(c *fiber.Ctx) error {
	org, b, err := p.host(c)
	if err != nil {
		return err
	}
	ctx, v := c.UserContext(), publicDoorView{Address: c.FormValue("email")}
	pre, err := p.svc.AskDoor(auth.Enter(ctx, org.OrgID), org, v.Address, b, auth.ReturnTo(c.Query("return_to")))
	if errs.Is(err, errs.Invalid) {
		if v.Error = ui.FaultsIn(ctx, err).Of("email"); v.Error == "" {
			v.Error = lang.T(ctx, "auth.email.form")
		}
		return p.showPublicDoor(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	p.set(c, p.names.pre, pre, preLife)
	return c.Redirect("/door/sent", fiber.StatusSeeOther)
}

func (p *Pages) doorSent(c *fiber.Ctx) error {
	org, b, err := p.host(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	s, err := p.svc.Sent(auth.Enter(ctx, org.OrgID), org, b)
	if errs.Is(err, errs.NotFound) {
		return c.Redirect("/door", fiber.StatusSeeOther)
	}
	if err != nil {
		return err
	}
	return p.bare(c, lang.T(ctx, "auth.sent.title"), sentPage(sentView{Org: org, Sent: s, At: "/door"}))
}

type entranceView struct {
	Org   tenants.Organization
	Token string
	Link  auth.Link

	auth.Entrance

	Name   string
	Agreed bool
	Faults ui.Faults
	Said   string
}

// entrance shows what a link of the public door does, asks what has to be known, and waits for the button.
func (p *Pages) entrance(c *fiber.Ctx) error {
	return p.showEntrance(c, entranceView{}, fiber.StatusOK)
}

func (p *Pages) showEntrance(c *fiber.Ctx, v entranceView, status int) error {
	org, b, err := p.host(c)
	if err != nil {
		return err
	}
	ctx := auth.Enter(c.UserContext(), org.OrgID)
	v.Org, v.Token = org, c.Params("token")
	if v.Link, err = p.svc.Link(ctx, org, v.Token, b); err != nil {
		return p.refused(c, org, err)
	}
	if v.Entrance, err = p.svc.Entrance(ctx, org, v.Token); err != nil {
		return err
	}
	c.Status(status)
	return p.bare(c, lang.T(c.UserContext(), "individual.enter.title", "Org", org.Name), entrancePage(v))
}

func (p *Pages) enter(c *fiber.Ctx) error {
	org, b, err := p.host(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	v := entranceView{Name: c.FormValue("name"), Agreed: c.FormValue("agreed") != ""}
	s, err := p.svc.EnterByDoor(auth.Enter(ctx, org.OrgID), org, c.Params("token"), auth.Entering{
		Code: strings.Join(strings.Fields(c.FormValue("code")), ""), Name: v.Name, Agreed: v.Agreed, Locale: string(lang.From(ctx)),
	}, b)
	if v.Faults = ui.FaultsIn(ctx, err); len(v.Faults) > 0 {
		return p.showEntrance(c, v, fiber.StatusUnprocessableEntity)
	}
	if errs.Is(err, errs.Conflict) {
		key, args := errs.MessageKey(err)
		v.Said = lang.T(ctx, key, args...)
		return p.showEntrance(c, v, fiber.StatusConflict)
	}
	if err != nil {
		return p.refused(c, org, err)
	}
	p.set(c, p.names.door, s.Token, sessionCookieLife)
	p.drop(c, p.names.pre)
	if s.ReturnTo == "/" {
		s.ReturnTo = accountPath
	}
	return c.Redirect(s.ReturnTo, fiber.StatusSeeOther)
}

type accountView struct {
	auth.IndividualAccount

	Org    tenants.Organization
	Now    time.Time
	Input  string
	Faults ui.Faults
}

// accountDone are the words of what has just been done, by the value in the address.
var accountDone = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"kept": "individual.done.kept", "renamed": "individual.done.renamed", "left": "individual.done.left",
}

// account is the page of somebody who came in by the public door: what there is about them, who sees it, and the ways out.
func (p *Pages) account(c *fiber.Ctx) error {
	return p.showAccount(c, accountView{}, fiber.StatusOK)
}

func (p *Pages) showAccount(c *fiber.Ctx, v accountView, status int) (err error) {
	ctx := c.UserContext()
	if v.IndividualAccount, err = p.accountOf(c); err != nil {
		return err
	}
	if len(v.Faults) == 0 {
		v.Input = v.Name
	}
	v.Org, _ = auth.HostOrg(ctx)
	v.Now = p.svc.Now()
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	page := ui.PageProps{Title: lang.T(ctx, "individual.account.title"), Section: "you", Layout: ui.Reading, NoIndex: true}
	if key, ok := accountDone[c.Query("done")]; ok {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, key)}
	}
	return shell.Page(c, page, accountPage(v))
}

// accountOf is the account of who asks; a visitor is asked to sign in.
func (p *Pages) accountOf(c *fiber.Ctx) (auth.IndividualAccount, error) {
	return p.svc.Account(c.UserContext(), c.Cookies(p.names.door))
}

func (p *Pages) rename(c *fiber.Ctx) error {
	v := accountView{Input: c.FormValue("name")}
	err := p.svc.Rename(c.UserContext(), v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showAccount(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(accountPath+"?done=renamed", fiber.StatusSeeOther)
}

func (p *Pages) leaveElsewhere(c *fiber.Ctx) error {
	if err := p.svc.LeaveElsewhere(c.UserContext(), c.Cookies(p.names.door)); err != nil {
		return err
	}
	return c.Redirect(accountPath+"?done=left", fiber.StatusSeeOther)
}

func (p *Pages) takeAccount(c *fiber.Ctx) error {
	b, err := p.svc.TakeAccount(c.UserContext(), c.Cookies(p.names.door))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="my-data.zip"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Send(b)
}

func (p *Pages) askEraseAccount(c *fiber.Ctx) error {
	return p.showEraseAccount(c, accountView{}, fiber.StatusOK)
}

func (p *Pages) showEraseAccount(c *fiber.Ctx, v accountView, status int) (err error) {
	if v.IndividualAccount, err = p.accountOf(c); err != nil {
		return err
	}
	v.Org, _ = auth.HostOrg(c.UserContext())
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "individual.erase.title"), Section: "you", Layout: ui.Reading, NoIndex: true}, eraseAccountPage(v))
}

func (p *Pages) eraseAccount(c *fiber.Ctx) error {
	v := accountView{Input: c.FormValue("email")}
	err := p.svc.EraseAccount(c.UserContext(), v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showEraseAccount(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	p.drop(c, p.names.door)
	c.Set("Clear-Site-Data", `"cache"`)
	return c.Redirect("/me/erased", fiber.StatusSeeOther)
}

type doorSettingsView struct {
	Door    auth.PublicDoor
	People  int
	Refused string // as it was typed
	Address string
	Told    string
	Faults  ui.Faults
	Stale   bool
}

var publicDoorDone = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"saved": "individual.done.saved", "opened": "individual.done.opened", "closed": "individual.done.closed", "removed": "individual.done.removed",
}

func (p *Pages) publicWork(c *fiber.Ctx, title string, status int) ui.PageProps {
	page := p.work(c, title, status)
	if key, ok := publicDoorDone[c.Query("done")]; ok {
		page.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(c.UserContext(), key)}
	}
	return page
}

func (p *Pages) doorSettings(c *fiber.Ctx) error {
	return p.showDoorSettings(c, doorSettingsView{}, fiber.StatusOK)
}

func (p *Pages) showDoorSettings(c *fiber.Ctx, v doorSettingsView, status int) error {
	ctx := c.UserContext()
	d, people, err := p.svc.DoorSettings(ctx)
	if err != nil {
		return err
	}
	if len(v.Faults) == 0 && !v.Stale {
		v.Door, v.Refused = d, strings.Join(d.Refused, "\n")
	}
	v.Door.Open, v.People = d.Open, people
	org, err := p.own(ctx)
	if err != nil {
		return err
	}
	v.Address = p.svc.Address(org) + "/door"
	return shell.Page(c, p.publicWork(c, lang.T(ctx, "individual.settings.title"), status), doorSettingsPage(v))
}

func (p *Pages) saveDoor(c *fiber.Ctx) error {
	ctx, v := c.UserContext(), doorSettingsView{Refused: c.FormValue("refused")}
	v.Door = auth.PublicDoor{
		Welcomes: c.FormValue("welcomes") != "", Words: c.FormValue("words"), Terms: c.FormValue("terms"), Privacy: c.FormValue("privacy"),
		Refused: strings.FieldsFunc(v.Refused, func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) }),
	}
	err := p.svc.SaveDoor(ctx, v.Door)
	v.Faults = ui.FaultsIn(ctx, err)
	switch {
	case len(v.Faults) > 0:
		return p.showDoorSettings(c, v, fiber.StatusUnprocessableEntity)
	case errors.Is(err, authz.ErrNotFresh):
		v.Stale = true
		return p.showDoorSettings(c, v, fiber.StatusForbidden)
	case err != nil:
		return err
	}
	return c.Redirect(publicDoorPath+"?done=saved", fiber.StatusSeeOther)
}

func (p *Pages) openDoor(c *fiber.Ctx) error {
	return p.turnedDoor(c, p.svc.OpenPublicDoor(c.UserContext()), "opened")
}

func (p *Pages) closeDoor(c *fiber.Ctx) error {
	return p.turnedDoor(c, p.svc.ClosePublicDoor(c.UserContext()), "closed")
}

func (p *Pages) turnedDoor(c *fiber.Ctx, err error, done string) error {
	switch {
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, publicDoorPath)
	case errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		return p.showDoorSettings(c, doorSettingsView{Told: lang.T(c.UserContext(), key, args...)}, fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(publicDoorPath+"?done="+done, fiber.StatusSeeOther)
}

func (p *Pages) askCloseDoor(c *fiber.Ctx) error {
	ctx := c.UserContext()
	_, people, err := p.svc.DoorSettings(ctx)
	if err != nil {
		return err
	}
	if err := authz.Fresh(ctx, p.svc.Now()); err != nil {
		return stale(c, publicDoorPath+"/close")
	}
	return shell.Page(c, p.work(c, lang.T(ctx, "individual.close.title"), fiber.StatusOK), closeDoorPage(people))
}

type individualsView struct {
	List        auth.Individuals
	Filter      auth.IndividualsFilter
	Now         time.Time
	First, Next string
}

// readIndividuals takes the filter from the address; an unreadable place in the list is a missing page.
func readIndividuals(c *fiber.Ctx) (auth.IndividualsFilter, error) {
	f := auth.IndividualsFilter{Query: strings.TrimSpace(c.Query("q"))}
	if utf8.RuneCountInString(f.Query) > 100 || !utf8.ValidString(f.Query) || strings.ContainsRune(f.Query, 0) {
		return f, errs.New(errs.Invalid, "query of individuals too long")
	}
	after := c.Query("after")
	if after == "" {
		return f, nil
	}
	var err error
	if f.AfterID, err = id.Parse[id.Visitor](after); err == nil {
		f.After, err = time.Parse(time.RFC3339Nano, c.Query("seen"))
	}
	if err != nil {
		return f, errs.New(errs.NotFound, "place in the list: %w", err)
	}
	return f, nil
}

func individualsAt(path string, f auth.IndividualsFilter, kv ...string) string {
	q := url.Values{}
	if f.Query != "" {
		q.Set("q", f.Query)
	}
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (p *Pages) individuals(c *fiber.Ctx) error {
	f, err := readIndividuals(c)
	if err != nil {
		return err
	}
	ctx, v := c.UserContext(), individualsView{Filter: f, Now: p.svc.Now()}
	if v.List, err = p.svc.Individuals(ctx, f); err != nil {
		return err
	}
	if v.List.More {
		last := v.List.Rows[len(v.List.Rows)-1]
		v.Next = individualsAt(individualsPath, f, "after", last.IndividualID.String(), "seen", last.SeenAt.UTC().Format(time.RFC3339Nano))
	}
	if !f.AfterID.IsZero() {
		v.First = individualsAt(individualsPath, f)
	}
	return shell.Page(c, p.publicWork(c, lang.T(ctx, "individual.list.title"), fiber.StatusOK), individualsPage(v))
}

func (p *Pages) exportIndividuals(c *fiber.Ctx) error {
	f, err := readIndividuals(c)
	if err != nil {
		return err
	}
	rows, err := p.svc.ExportIndividuals(c.UserContext(), f)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	lines := [][]string{{lang.T(ctx, "individual.list.name"), lang.T(ctx, "individual.list.email"), lang.T(ctx, "individual.list.since"), lang.T(ctx, "individual.list.seen")}}
	for _, i := range rows {
		lines = append(lines, []string{i.Name, i.Email, i.CreatedAt.UTC().Format(time.RFC3339), i.SeenAt.UTC().Format(time.RFC3339)})
	}
	return shell.Sheet(c, "individuals.csv", lines)
}

type removeIndividualView struct {
	auth.Individual

	Input  string
	Faults ui.Faults
}

func individualID(c *fiber.Ctx) (id.Visitor, error) {
	v, err := id.Parse[id.Visitor](c.Params("id"))
	if err != nil {
		return v, errs.New(errs.NotFound, "individual %q", c.Params("id"))
	}
	return v, nil
}

func (p *Pages) askRemoveIndividual(c *fiber.Ctx) error {
	return p.showRemoveIndividual(c, removeIndividualView{}, fiber.StatusOK)
}

func (p *Pages) showRemoveIndividual(c *fiber.Ctx, v removeIndividualView, status int) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.SeeIndividuals, id.Org{}); err != nil {
		return err
	}
	which, err := individualID(c)
	if err != nil {
		return err
	}
	if v.Individual, err = p.svc.OneIndividual(ctx, which); err != nil {
		return err
	}
	return shell.Page(c, p.work(c, lang.T(ctx, "individual.remove.title", "Name", v.Name), status), removeIndividualPage(v))
}

func (p *Pages) removeIndividual(c *fiber.Ctx) error {
	which, err := individualID(c)
	if err != nil {
		return err
	}
	v := removeIndividualView{Input: c.FormValue("email")}
	err = p.svc.RemoveIndividual(c.UserContext(), which, v.Input)
	if v.Faults = ui.FaultsIn(c.UserContext(), err); len(v.Faults) > 0 {
		return p.showRemoveIndividual(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(individualsPath+"?done=removed", fiber.StatusSeeOther)
}

// doorSees are the lines of who sees what of the individual, by the same rule that holds it: administrators alone read the accounts at
// the door, and nothing of what is learned.
func (v accountView) sees(ctx context.Context) []seesLine {
	name, never := lang.T(ctx, "consent.level.name"), lang.T(ctx, "consent.level.never")
	return []seesLine{
		{Icon: "circle-user", Level: name, Text: lang.T(ctx, "individual.sees.admins", "Count", v.Admins, "Org", v.Org.Name)},
		{Icon: "eye-off", Level: never, Text: lang.T(ctx, "individual.sees.learning", "Org", v.Org.Name), Never: true},
		{Icon: "eye-off", Level: never, Text: lang.T(ctx, "individual.sees.others", "Org", v.Org.Name), Never: true},
	}
}

type seesLine struct {
	Icon, Level, Text string
	Never             bool
}

// itemHref is the address of something that was begun; "" for what is public no more.
func itemHref(b auth.Begun) string {
	if b.Title == "" {
		return ""
	}
	return tenants.ItemURL(tenants.Item{ItemID: b.Item, Kind: b.Kind, Slug: b.Slug})
}

func (v accountView) monogram() ui.Org { return show.Org(v.Org) }

// agreeLabel is what somebody agrees to: the notice alone, or terms as well.
func agreeLabel(ctx context.Context, v entranceView) string {
	key := "individual.enter.agree"
	if v.Door.Terms != "" {
		key = "individual.enter.agree_terms"
	}
	return lang.T(ctx, key, "Org", v.Org.Name)
}

func enterLabel(ctx context.Context, v entranceView) string {
	if v.New {
		return lang.T(ctx, "individual.enter.make")
	}
	return lang.T(ctx, "auth.link.go")
}

// saveKind is how the button of the form looks: first of all a door without a notice is furnished.
func saveKind(v doorSettingsView) string {
	if v.Door.Privacy == "" {
		return ui.Primary
	}
	return ui.Secondary
}
