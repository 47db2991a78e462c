package pages

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// doorPath is where an administrator says how people come in. It is answered at {slug}.{base} too, where a sign-in takes place.
const doorPath = "/admin/sign-in"

func (p *Pages) mountDoor(r fiber.Router) {
	r.Get(doorPath, p.door)
	r.Get(doorPath+"/new", p.newProvider)
	r.Post(doorPath, p.addProvider)
	r.Get(doorPath+"/only", p.askOnly)
	r.Post(doorPath+"/only", p.only)
	r.Post(doorPath+"/only/end", p.endOnly)
	r.Get(doorPath+"/:provider", p.provider)
	r.Get(doorPath+"/:provider/seen", p.seen)
	r.Get(doorPath+"/:provider/health", p.health)
	r.Get(doorPath+"/:provider/edit", p.editProvider)
	r.Post(doorPath+"/:provider/edit", p.saveProvider)
	r.Get(doorPath+"/:provider/claims", p.editClaims)
	r.Post(doorPath+"/:provider/claims", p.saveClaims)
	r.Post(doorPath+"/:provider/on", p.switchTo(true))
	r.Post(doorPath+"/:provider/off", p.switchTo(false))
	r.Get(doorPath+"/:provider/remove", p.askRemoveProvider)
	r.Post(doorPath+"/:provider/remove", p.removeProvider)
	r.Get(doorPath+"/:provider/send", p.askSendProvider)
	r.Post(doorPath+"/:provider/send", p.sendProvider)
	r.Post(doorPath+"/:provider/link", p.guard, p.linkProvider)
	r.Get("/auth/test/:provider", p.guard, p.testProvider)
	r.Get("/auth/keys/:provider", p.keys)
	r.Get("/auth/again", p.again)
	r.Get("/auth/again/start", p.guard, p.startAgain)
	r.Get("/sign-in/emergency", p.askEmergency)
	r.Post("/sign-in/emergency", p.guard, p.emergency)
	r.Get("/errand/sign-in/:token", p.providerErrand)
	r.Post("/errand/sign-in/:token", p.fillProvider)
}

// stale leads whoever has to show once more who they are there, and back to the page.
func stale(c *fiber.Ctx, back string) error {
	return c.Redirect("/auth/again?"+url.Values{"return_to": {back}}.Encode(), fiber.StatusSeeOther)
}

// own is the organization of whoever is signed in, at whose own address its sign-in takes place.
func (p *Pages) own(ctx context.Context) (tenants.Organization, error) {
	m, _ := auth.Current(ctx)
	return p.svc.Tenants().ByID(ctx, m.OrgID)
}

func providerID(c *fiber.Ctx) (id.Provider, error) {
	v, err := id.Parse[id.Provider](c.Params("provider"))
	if err != nil {
		return v, errs.New(errs.NotFound, "provider %q", c.Params("provider"))
	}
	return v, nil
}

// doorDone are the words of what has just been done, by the value in the address.
var doorDone = map[string]ui.Flash{ //nolint:gochecknoglobals // A constant table.
	"saved":   {Kind: ui.OK, Text: "door.done.saved"},
	"mapped":  {Kind: ui.OK, Text: "door.done.mapped"},
	"on":      {Kind: ui.OK, Text: "door.done.on"},
	"off":     {Kind: ui.OK, Text: "door.done.off"},
	"removed": {Kind: ui.OK, Text: "door.done.removed"},
	"sent":    {Kind: ui.OK, Text: "door.done.sent"},
	"tested":  {Kind: ui.OK, Text: "door.done.tested"},
	"linked":  {Kind: ui.OK, Text: "door.done.linked"},
	"failed":  {Kind: ui.Bad, Text: "door.done.failed"},
	"shut":    {Kind: ui.OK, Text: "door.done.shut"},
	"opened":  {Kind: ui.OK, Text: "door.done.opened"},
}

func (p *Pages) work(c *fiber.Ctx, title string, status int) ui.PageProps {
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	page := ui.PageProps{Title: title, NavKey: "admin", Layout: ui.Work, NoIndex: true}
	if f, ok := doorDone[c.Query("done")]; ok {
		f.Text = lang.T(c.UserContext(), f.Text)
		page.Flash = &f
	}
	return page
}

type doorPageView struct {
	Door      auth.Door
	Providers []auth.Provider
	Now       time.Time
	Told      string // why something was not done
}

func (p *Pages) door(c *fiber.Ctx) error { return p.showDoor(c, "", fiber.StatusOK) }

func (p *Pages) showDoor(c *fiber.Ctx, told string, status int) (err error) {
	ctx, v := c.UserContext(), doorPageView{Now: p.svc.Now(), Told: told}
	if v.Providers, err = p.svc.Providers(ctx); err != nil {
		return err
	}
	if v.Door, err = p.svc.Door(ctx); err != nil {
		return err
	}
	return shell.Page(c, p.work(c, lang.T(ctx, "auth.admin.title"), status), doorListPage(v))
}

// newProvider asks which one it is.
func (p *Pages) newProvider(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	return shell.Page(c, p.work(c, lang.T(ctx, "door.new.title"), fiber.StatusOK), newProviderPage())
}

func (p *Pages) addProvider(c *fiber.Ctx) error {
	ctx, preset := c.UserContext(), c.FormValue("preset")
	name := ""
	if preset == "other" {
		preset = ""
	}
	if slices.Contains(auth.Presets(), preset) {
		name = lang.T(ctx, "door.preset."+preset)
	}
	made, err := p.svc.AddProvider(ctx, preset, name)
	switch {
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, doorPath+"/new")
	case errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		return p.showDoor(c, lang.T(ctx, key, args...), fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(doorPath+"/"+made.String()+"/edit", fiber.StatusSeeOther)
}

type onePageView struct {
	auth.Provider

	Org         tenants.Organization
	People      int
	Redirect    string
	BackChannel string // where the provider tells of sign-outs
	KeysURL     string
	Door        auth.Door
	Now         time.Time
	Told        string
	LinkTo      string // the provider's address, when its account shall become one's own
}

func (v onePageView) at() string { return doorPath + "/" + v.ProviderID.String() }

func (p *Pages) one(c *fiber.Ctx) (v onePageView, err error) {
	ctx := c.UserContext()
	which, err := providerID(c)
	if err != nil {
		return v, err
	}
	if v.Provider, v.People, err = p.svc.Provider(ctx, which); err != nil {
		return v, err
	}
	if v.Org, err = p.own(ctx); err != nil {
		return v, err
	}
	v.BackChannel = p.svc.BackChannelURI(v.Org.Slug, which)
	v.Redirect, v.KeysURL, v.Now = p.svc.RedirectURI(v.Org.Slug, which), p.svc.KeysURL(v.Org.Slug, which), p.svc.Now()
	return v, nil
}

func (p *Pages) provider(c *fiber.Ctx) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	return p.showProvider(c, v, fiber.StatusOK)
}

func (p *Pages) showProvider(c *fiber.Ctx, v onePageView, status int) (err error) {
	if v.Door, err = p.svc.Door(c.UserContext()); err != nil {
		return err
	}
	return shell.Page(c, p.work(c, v.Name, status), onePage(v))
}

// seen is what came with the last sign-in, for a page that is open.
func (p *Pages) seen(c *fiber.Ctx) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	return shell.Fragment(c, seenClaims(v))
}

// health asks the provider's discovery document now.
func (p *Pages) health(c *fiber.Ctx) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	if v.Issuer == "" {
		return errs.New(errs.NotFound, "provider %s has no issuer", v.ProviderID)
	}
	r, _ := errors.AsType[*auth.Refusal](p.svc.Reach(c.UserContext(), v.Provider))
	if shell.IsFragment(c) {
		return shell.Fragment(c, reached(v, r))
	}
	return shell.Page(c, p.work(c, v.Name, fiber.StatusOK), healthPage(v, r))
}

// settingsView is the form of a provider's settings: an administrator's, or that of whoever was sent it.
type settingsView struct {
	Preset      string
	In          auth.Settings
	Secret      bool // one is kept
	Active      bool
	Used        bool // people came through the issuer
	Redirect    string
	BackChannel string // where the provider tells of sign-outs
	KeysURL     string
	Action      string
	Named       bool // the name can be changed
	Stale       bool
	Faults      ui.Faults
}

func settingsOf(c *fiber.Ctx) auth.Settings {
	return auth.Settings{
		Name: c.FormValue("name"), Issuer: c.FormValue("issuer"), ClientID: c.FormValue("client_id"), ClientSecret: secret.Secret(c.FormValue("secret")), AuthMethod: c.FormValue("method"),
		Scopes: []string{c.FormValue("scopes")}, PinClaim: c.FormValue("pin_claim"), PinValue: c.FormValue("pin_value"), NeedACR: []string{c.FormValue("acr")}, NeedAMR: []string{c.FormValue("amr")},
	}
}

// offered are the settings that a form begins with.
func offered(v auth.Provider) auth.Settings {
	in := auth.Settings{
		Name: v.Name, Issuer: v.Issuer, ClientID: v.ClientID, AuthMethod: v.AuthMethod, Scopes: v.Scopes, PinClaim: v.PinClaim, PinValue: v.PinValue, NeedACR: v.NeedACR, NeedAMR: v.NeedAMR,
	}
	if v.Preset == "google" && in.PinClaim == "" {
		in.PinClaim = "hd"
	}
	return in
}

func (p *Pages) editProvider(c *fiber.Ctx) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	if err := authz.Fresh(c.UserContext(), p.svc.Now()); err != nil {
		return stale(c, v.at()+"/edit")
	}
	return p.showSettings(c, v, settingsView{In: offered(v.Provider)}, fiber.StatusOK)
}

func (p *Pages) showSettings(c *fiber.Ctx, one onePageView, v settingsView, status int) error {
	v.Preset, v.Secret, v.Active, v.Used = one.Preset, one.HasSecret && one.AuthMethod == "secret", one.State == "active", one.People > 0
	v.Redirect, v.KeysURL, v.Action, v.Named = one.Redirect, one.KeysURL, one.at()+"/edit", true
	return shell.Page(c, p.work(c, lang.T(c.UserContext(), "door.edit.title"), status), settingsPage(one, v))
}

func (p *Pages) saveProvider(c *fiber.Ctx) error {
	one, err := p.one(c)
	if err != nil {
		return err
	}
	ctx, v := c.UserContext(), settingsView{In: settingsOf(c)}
	err = p.svc.SaveProvider(ctx, one.ProviderID, v.In)
	if v.Faults = ui.FaultsIn(ctx, err); len(v.Faults) > 0 {
		return p.showSettings(c, one, v, fiber.StatusUnprocessableEntity)
	}
	if errors.Is(err, authz.ErrNotFresh) {
		v.Stale = true
		return p.showSettings(c, one, v, fiber.StatusForbidden)
	}
	if err != nil {
		return err
	}
	return c.Redirect(one.at()+"?done=saved", fiber.StatusSeeOther)
}

// claimsView is the form of what becomes of claims.
type claimsView struct {
	Name, Role, Team string
	Roles            map[scope.Role]string
	Teams            string // lines "value = team"
	Stale            bool
	Faults           ui.Faults
}

// mapped are the roles that a claim can give.
func mapped() []scope.Role {
	return slices.DeleteFunc(scope.Roles(), func(r scope.Role) bool { return r == scope.Learner })
}

func claimsOf(v auth.Provider) claimsView {
	out := claimsView{Name: v.NameClaim, Role: v.RoleClaim, Team: v.TeamClaim, Roles: map[scope.Role]string{}}
	for value, r := range v.RoleValues {
		out.Roles[r] = strings.Trim(out.Roles[r]+", "+value, ", ")
	}
	var lines []string
	for value, team := range v.TeamValues {
		lines = append(lines, value+" = "+team)
	}
	slices.Sort(lines)
	out.Teams = strings.Join(lines, "\n")
	return out
}

func (p *Pages) editClaims(c *fiber.Ctx) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	if err := authz.Fresh(c.UserContext(), p.svc.Now()); err != nil {
		return stale(c, v.at()+"/claims")
	}
	return p.showClaims(c, v, claimsOf(v.Provider), fiber.StatusOK)
}

func (p *Pages) showClaims(c *fiber.Ctx, one onePageView, v claimsView, status int) error {
	return shell.Page(c, p.work(c, lang.T(c.UserContext(), "door.claims.title"), status), claimsPage(one, v))
}

func (p *Pages) saveClaims(c *fiber.Ctx) error {
	one, err := p.one(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	v := claimsView{Name: c.FormValue("name_claim"), Role: c.FormValue("role_claim"), Team: c.FormValue("team_claim"), Teams: c.FormValue("team_values"), Roles: map[scope.Role]string{}}
	in := auth.Mapping{NameClaim: v.Name, RoleClaim: v.Role, TeamClaim: v.Team, RoleValues: auth.RoleValues{}, TeamValues: auth.TeamValues{}}
	for _, r := range mapped() {
		v.Roles[r] = strings.TrimSpace(c.FormValue("role_" + string(r)))
		for value := range strings.SplitSeq(v.Roles[r], ",") {
			if value = strings.TrimSpace(value); value != "" {
				in.RoleValues[value] = r
			}
		}
	}
	for line := range strings.Lines(v.Teams) {
		if value, team, ok := strings.Cut(line, "="); ok {
			in.TeamValues[strings.TrimSpace(value)] = strings.TrimSpace(team)
		} else if strings.TrimSpace(line) != "" {
			v.Faults = append(v.Faults, ui.Fault{ID: "team_values", Text: lang.T(ctx, "door.bad.line", "Line", strings.TrimSpace(line))})
		}
	}
	if len(v.Faults) == 0 {
		err = p.svc.MapClaims(ctx, one.ProviderID, in)
		v.Faults = ui.FaultsIn(ctx, err)
	}
	switch {
	case len(v.Faults) > 0:
		return p.showClaims(c, one, v, fiber.StatusUnprocessableEntity)
	case errors.Is(err, authz.ErrNotFresh):
		v.Stale = true
		return p.showClaims(c, one, v, fiber.StatusForbidden)
	case err != nil:
		return err
	}
	return c.Redirect(one.at()+"?done=mapped", fiber.StatusSeeOther)
}

// switchTo switches a provider on or off.
func (p *Pages) switchTo(on bool) fiber.Handler {
	return func(c *fiber.Ctx) error {
		v, err := p.one(c)
		if err != nil {
			return err
		}
		err = p.svc.SwitchProvider(c.UserContext(), v.ProviderID, on)
		switch {
		case errors.Is(err, authz.ErrNotFresh):
			return stale(c, v.at())
		case errs.Is(err, errs.Conflict):
			key, args := errs.MessageKey(err)
			v.Told = lang.T(c.UserContext(), key, args...)
			return p.showProvider(c, v, fiber.StatusConflict)
		case err != nil:
			return err
		}
		return c.Redirect(v.at()+"?done="+map[bool]string{true: "on", false: "off"}[on], fiber.StatusSeeOther)
	}
}

type removeProviderView struct {
	onePageView

	Input  string
	Faults ui.Faults
}

func (p *Pages) askRemoveProvider(c *fiber.Ctx) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	if err := authz.Fresh(c.UserContext(), p.svc.Now()); err != nil {
		return stale(c, v.at()+"/remove")
	}
	return p.showRemoveProvider(c, removeProviderView{onePageView: v}, fiber.StatusOK)
}

func (p *Pages) showRemoveProvider(c *fiber.Ctx, v removeProviderView, status int) error {
	return shell.Page(c, p.work(c, lang.T(c.UserContext(), "door.remove.title", "Name", v.Name), status), removeProviderPage(v))
}

func (p *Pages) removeProvider(c *fiber.Ctx) error {
	one, err := p.one(c)
	if err != nil {
		return err
	}
	v := removeProviderView{onePageView: one, Input: c.FormValue("name")}
	err = p.svc.RemoveProvider(c.UserContext(), one.ProviderID, v.Input)
	v.Faults = ui.FaultsIn(c.UserContext(), err)
	switch {
	case len(v.Faults) > 0:
		return p.showRemoveProvider(c, v, fiber.StatusUnprocessableEntity)
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, one.at()+"/remove")
	case errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		v.Told = lang.T(c.UserContext(), key, args...)
		return p.showRemoveProvider(c, v, fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(doorPath+"?done=removed", fiber.StatusSeeOther)
}

type sendProviderView struct {
	onePageView

	Email, Error string
}

func (p *Pages) askSendProvider(c *fiber.Ctx) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	if err := authz.Fresh(c.UserContext(), p.svc.Now()); err != nil {
		return stale(c, v.at()+"/send")
	}
	return p.showSendProvider(c, sendProviderView{onePageView: v}, fiber.StatusOK)
}

func (p *Pages) showSendProvider(c *fiber.Ctx, v sendProviderView, status int) error {
	return shell.Page(c, p.work(c, lang.T(c.UserContext(), "setup.send_title"), status), sendProviderPage(v))
}

func (p *Pages) sendProvider(c *fiber.Ctx) error {
	one, err := p.one(c)
	if err != nil {
		return err
	}
	ctx, v := c.UserContext(), sendProviderView{onePageView: one, Email: c.FormValue("email")}
	err = p.svc.SendProvider(ctx, one.ProviderID, v.Email)
	switch {
	case errs.Is(err, errs.Invalid):
		v.Error = lang.T(ctx, "auth.email.form")
		return p.showSendProvider(c, v, fiber.StatusUnprocessableEntity)
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, one.at()+"/send")
	case errs.Is(err, errs.Conflict), errs.Is(err, errs.RateLimited):
		key, args := errs.MessageKey(err)
		v.Told = lang.T(ctx, key, args...)
		return p.showSendProvider(c, v, errs.Status(errs.KindOf(err)))
	case err != nil:
		return err
	}
	return c.Redirect(one.at()+"?done=sent", fiber.StatusSeeOther)
}

// testProvider sends an administrator to the provider to try it. It takes place where people sign in.
func (p *Pages) testProvider(c *fiber.Ctx) error {
	return p.tryOut(c, func(ctx context.Context, org tenants.Organization, which id.Provider, b auth.Browser) (auth.Start, error) {
		return p.svc.TestProvider(ctx, org, which, b)
	}, func(s auth.Start, _ onePageView) error { return c.Redirect(s.URL, fiber.StatusSeeOther) })
}

// linkProvider begins what makes the account at the provider one's own. A form does not lead to another host, so a link does: and nobody
// else can lead there.
func (p *Pages) linkProvider(c *fiber.Ctx) error {
	return p.tryOut(c, func(ctx context.Context, org tenants.Organization, which id.Provider, b auth.Browser) (auth.Start, error) {
		return p.svc.LinkProvider(ctx, org, which, b)
	}, func(s auth.Start, v onePageView) error {
		v.LinkTo = s.URL
		return p.showProvider(c, v, fiber.StatusOK)
	})
}

func (p *Pages) tryOut(c *fiber.Ctx, begin func(context.Context, tenants.Organization, id.Provider, auth.Browser) (auth.Start, error), then func(auth.Start, onePageView) error) error {
	v, err := p.one(c)
	if err != nil {
		return err
	}
	if p.onOwn(c, v.Org) {
		return c.Redirect(p.svc.BaseURL(v.Org.Slug)+v.at(), fiber.StatusSeeOther)
	}
	s, err := begin(c.UserContext(), v.Org, v.ProviderID, p.browser(c))
	if _, refused := errors.AsType[*auth.Refusal](err); refused {
		return c.Redirect(v.at()+"?done=failed", fiber.StatusSeeOther)
	}
	if errors.Is(err, authz.ErrNotFresh) {
		return stale(c, v.at())
	}
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	p.set(c, p.names.pre, s.Pre, preLife)
	return then(s, v)
}

// keys are the public keys of the portal's at a provider.
func (p *Pages) keys(c *fiber.Ctx) error {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	which, err := providerID(c)
	if err != nil {
		return err
	}
	set, err := p.svc.PublicKeys(auth.Enter(c.UserContext(), org.OrgID), org, which)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/jwk-set+json")
	return c.Send(set)
}

type onlyView struct {
	Door   auth.Door
	Chosen string
	Told   string
	Faults ui.Faults
}

// askOnly asks before the providers become the only way in.
func (p *Pages) askOnly(c *fiber.Ctx) error {
	if err := authz.Check(c.UserContext(), authz.ManageProviders, id.Org{}); err != nil {
		return err
	}
	if err := authz.Fresh(c.UserContext(), p.svc.Now()); err != nil {
		return stale(c, doorPath+"/only")
	}
	m, _ := auth.Current(c.UserContext())
	return p.showOnly(c, onlyView{Chosen: m.MembershipID.String()}, fiber.StatusOK)
}

func (p *Pages) showOnly(c *fiber.Ctx, v onlyView, status int) (err error) {
	if v.Door, err = p.svc.Door(c.UserContext()); err != nil {
		return err
	}
	return shell.Page(c, p.work(c, lang.T(c.UserContext(), "door.only.title"), status), onlyPage(v))
}

func (p *Pages) only(c *fiber.Ctx) error {
	ctx, v := c.UserContext(), onlyView{Chosen: c.FormValue("emergency")}
	m, _ := id.Parse[id.Membership](v.Chosen) // Nothing to read is nobody, who is refused.
	return p.turned(c, p.svc.ShutDoor(ctx, m), "shut", v)
}

func (p *Pages) endOnly(c *fiber.Ctx) error {
	return p.turned(c, p.svc.OpenDoor(c.UserContext()), "opened", onlyView{})
}

func (p *Pages) turned(c *fiber.Ctx, err error, done string, v onlyView) error {
	v.Faults = ui.FaultsIn(c.UserContext(), err)
	switch {
	case len(v.Faults) > 0:
		return p.showOnly(c, v, fiber.StatusUnprocessableEntity)
	case errors.Is(err, authz.ErrNotFresh):
		return stale(c, doorPath)
	case errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(err)
		v.Told = lang.T(c.UserContext(), key, args...)
		return p.showOnly(c, v, fiber.StatusConflict)
	case err != nil:
		return err
	}
	return c.Redirect(doorPath+"?done="+done, fiber.StatusSeeOther)
}

type againView struct {
	Org                   tenants.Organization
	Back, Provider, Email string
	Emergency             bool
}

// again asks whoever is signed in to show once more who they are.
func (p *Pages) again(c *fiber.Ctx) error {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	ctx, v := c.UserContext(), againView{Org: org, Back: auth.ReturnTo(c.Query("return_to")), Emergency: org.SignIn == "oidc"}
	if p.onOwn(c, org) {
		return c.Redirect(p.svc.BaseURL(org.Slug)+"/auth/again"+query(v.Back), fiber.StatusSeeOther)
	}
	s, ok := auth.CurrentSession(ctx)
	if !ok {
		return c.Redirect("/sign-in"+query(v.Back), fiber.StatusSeeOther)
	}
	if authz.Fresh(ctx, p.svc.Now()) == nil && v.Back != "/" {
		return c.Redirect(v.Back, fiber.StatusSeeOther)
	}
	var email bool
	if v.Provider, email, err = p.svc.AgainBy(auth.Enter(ctx, org.OrgID), org, s); err != nil {
		return err
	}
	if email {
		v.Email = s.Email
	}
	return p.bare(c, lang.T(ctx, "door.again.title"), againPage(v))
}

func (p *Pages) startAgain(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	ctx, back := c.UserContext(), auth.ReturnTo(c.Query("return_to"))
	v, ok := auth.CurrentSession(ctx)
	if !ok {
		return c.Redirect("/sign-in"+query(back), fiber.StatusSeeOther)
	}
	s, err := p.svc.Again(auth.Enter(ctx, org.OrgID), org, v, b, back)
	if err != nil {
		return p.refused(c, org, err)
	}
	p.set(c, p.names.pre, s.Pre, preLife)
	return c.Redirect(s.URL, fiber.StatusSeeOther)
}

type emergencyView struct {
	Org                  tenants.Organization
	Back, Address, Error string
}

// askEmergency is the way in for one administrator when the provider fails.
func (p *Pages) askEmergency(c *fiber.Ctx) error {
	return p.showEmergency(c, emergencyView{}, fiber.StatusOK)
}

func (p *Pages) showEmergency(c *fiber.Ctx, v emergencyView, status int) error {
	org, _, err := p.home(c)
	if err != nil {
		return err
	}
	if org.SignIn != "oidc" {
		return errs.New(errs.NotFound, "%s has no need of it", org.Slug)
	}
	v.Org, v.Back = org, auth.ReturnTo(c.Query("return_to"))
	c.Status(status)
	return p.bare(c, lang.T(c.UserContext(), "door.emergency.title"), emergencyPage(v))
}

func (p *Pages) emergency(c *fiber.Ctx) error {
	org, b, err := p.home(c)
	if err != nil {
		return err
	}
	v := emergencyView{Address: c.FormValue("email")}
	pre, err := p.svc.AskEmergency(auth.Enter(c.UserContext(), org.OrgID), org, v.Address, b, auth.ReturnTo(c.Query("return_to")))
	if errs.Is(err, errs.Invalid) {
		v.Error = lang.T(c.UserContext(), "auth.email.form")
		return p.showEmergency(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	p.set(c, p.names.pre, pre, preLife)
	return c.Redirect("/sign-in/sent", fiber.StatusSeeOther)
}

// providerErrandView is the page of whoever was sent the settings of a provider.
type providerErrandView struct {
	auth.ProviderErrand

	Org   tenants.Organization
	Token string
	Form  settingsView
	Done  bool
}

func (p *Pages) providerErrand(c *fiber.Ctx) error {
	return p.showErrand(c, settingsView{}, fiber.StatusOK)
}

func (p *Pages) showErrand(c *fiber.Ctx, f settingsView, status int) error {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	ctx, v := c.UserContext(), providerErrandView{Org: org, Token: c.Params("token")}
	if v.ProviderErrand, err = p.svc.ProviderErrand(auth.Enter(ctx, org.OrgID), org, v.Token); err != nil {
		return err
	}
	if f.In.AuthMethod == "" {
		f.In = offered(auth.Provider{Preset: v.Preset, AuthMethod: "secret", Scopes: []string{"openid", "profile", "email"}})
		if v.Preset == "google" {
			f.In.Issuer = "https://accounts.google.com"
		}
	}
	f.Preset, f.Redirect, f.KeysURL, f.Action = v.Preset, p.svc.RedirectURI(org.Slug, v.Provider), p.svc.KeysURL(org.Slug, v.Provider), "/errand/sign-in/"+v.Token
	v.Form = f
	c.Status(status)
	return p.bare(c, lang.T(ctx, "door.errand.title", "Org", org.Name), providerErrandPage(v))
}

// fillProvider takes the settings; the link is used up by it and by nothing else.
func (p *Pages) fillProvider(c *fiber.Ctx) error {
	org, _, err := p.host(c)
	if err != nil {
		return err
	}
	ctx, f := c.UserContext(), settingsView{In: settingsOf(c)}
	err = p.svc.FillProvider(auth.Enter(ctx, org.OrgID), org, c.Params("token"), f.In)
	if f.Faults = ui.FaultsIn(ctx, err); len(f.Faults) > 0 {
		return p.showErrand(c, f, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return p.bare(c, lang.T(ctx, "door.errand.title", "Org", org.Name), providerErrandPage(providerErrandView{Org: org, Done: true}))
}
