package pages

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// batchActions are what can be done with many connections, in the order of the buttons.
var batchActions = []string{tenants.BatchRemind, tenants.BatchPropose, tenants.BatchPause, tenants.BatchResume, tenants.BatchEnd} //nolint:gochecknoglobals // A constant list.

// actView is the question whether to do something with many connections.
type actView struct {
	Action    string
	Orgs      []id.Org
	All       bool                    // all that match the filter, and not those that were ticked
	Filter    tenants.PortfolioFilter // of which
	Impact    tenants.BatchImpact
	Standards []tenants.Standard // that can be proposed
	Standard  string
	Faults    ui.Faults

	Keepers            []tenants.PartnerOwner // of noteAction: who can look after partners,
	Owner, Add, Remove string                 // and what the form says
}

// typed reports whether the number of connections has to be typed, because what it does shuts people out.
func (v actView) typed() bool { return v.Action == tenants.BatchEnd || v.Action == tenants.BatchPause }

func (v actView) standards(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, d := range v.Standards {
		out = append(out, ui.Option{Value: d.ID.String(), Label: lang.T(ctx, "batch.version_of", "Title", d.Title, "Version", strconv.Itoa(d.Version)), Chosen: d.ID.String() == v.Standard})
	}
	return out
}

// filtered are the words of the filter as fields of a form.
func (v actView) filtered() map[string]string { return filterWords(v.Filter) }

// actOnMany asks whether to do something with the connections that were chosen, and does it when that was confirmed.
func (p *Pages) actOnMany(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	v := actView{Action: c.FormValue("action"), All: c.FormValue("all") != "", Orgs: chosen(c), Standard: c.FormValue("standard_offer")}
	if !slices.Contains(batchActions, v.Action) && v.Action != noteAction {
		return errs.New(errs.Malformed, "action %q", v.Action)
	}
	var err error
	if v.Filter, err = portfolioFilter(func(key string) string { return c.FormValue(key) }); err != nil {
		return err
	}
	if v.All {
		if v.Orgs, err = p.svc.Matching(ctx, v.Filter); err != nil {
			return err
		}
	}
	if v.Impact, err = p.svc.Preview(ctx, v.Action, v.Orgs); err != nil {
		return err
	}
	if v.Impact.Total == 0 {
		return c.Redirect(networkAddress("/network", v.Filter, "done", "nobody"), fiber.StatusSeeOther)
	}
	if v.Action == noteAction {
		return p.noteMany(c, v)
	}
	var standard id.Any
	if v.Action == tenants.BatchPropose {
		all, err := p.svc.Standards(ctx)
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.State == "open" {
				v.Standards = append(v.Standards, d)
			}
		}
		standard, _ = id.Parse[id.Any](v.Standard) // What is none is found missing below.
	}
	if c.FormValue("confirm") == "" {
		return p.showAct(c, v, fiber.StatusOK)
	}
	if v.typed() && strings.TrimSpace(c.FormValue("count")) != strconv.Itoa(v.Impact.Total) {
		v.Faults = append(v.Faults, ui.Fault{ID: "count", Text: lang.T(ctx, "batch.count_wrong", "Want", strconv.Itoa(v.Impact.Total))})
	}
	if v.Action == tenants.BatchPropose && standard.IsZero() {
		v.Faults = append(v.Faults, ui.Fault{ID: "standard_offer", Text: lang.T(ctx, "tenants.terms.choose")})
	}
	if len(v.Faults) > 0 {
		return p.showAct(c, v, fiber.StatusUnprocessableEntity)
	}
	batch, err := p.svc.Batch(ctx, v.Action, v.Orgs, standard)
	if err != nil {
		return err
	}
	return c.Redirect("/partners/batches/"+batch.String(), fiber.StatusSeeOther)
}

func (p *Pages) showAct(c *fiber.Ctx, v actView, status int) error {
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "batch.crumb"), NavKey: "network", Layout: ui.Reading, NoIndex: true}, actPage(v))
}

// accountsView is the form for the own numbers of partners.
type accountsView struct {
	List   string
	Report *tenants.AccountsReport
	Faults ui.Faults
}

func (p *Pages) accounts(c *fiber.Ctx) error {
	if err := authz.Check(c.UserContext(), authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	return p.showAccounts(c, accountsView{})
}

func (p *Pages) showAccounts(c *fiber.Ctx, v accountsView) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "partner.accounts.title"), NavKey: "network", Layout: ui.Reading, NoIndex: true}, accountsPage(v))
}

// setAccounts takes a list of numbers; the headings may be those of an export in any language.
func (p *Pages) setAccounts(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	words := tenants.AccountWords{Portal: []string{"portal"}, Account: []string{"account"}, Owner: []string{"owner"}, Tags: []string{"tags"}}
	for _, l := range lang.Locales() {
		in := lang.With(ctx, l)
		words.Portal, words.Account = append(words.Portal, lang.T(in, "tenants.csv.portal")), append(words.Account, lang.T(in, "partner.csv.account"))
		words.Owner, words.Tags = append(words.Owner, lang.T(in, "owner.csv.owner")), append(words.Tags, lang.T(in, "owner.csv.tags"))
	}
	v := accountsView{List: c.FormValue("list")}
	list, err := tenants.ReadAccounts(strings.NewReader(v.List), words)
	if err == nil {
		var report tenants.AccountsReport
		if report, err = p.svc.SetAccounts(ctx, list); err == nil {
			v.Report = &report
			return p.showAccounts(c, v)
		}
	}
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || len(e.Fields) == 0 {
		return err
	}
	v.Faults = ui.FaultsOf(ctx, e.Fields)
	c.Status(fiber.StatusUnprocessableEntity)
	return p.showAccounts(c, v)
}

// remind asks the other side once more for its answer.
func (p *Pages) remind(c *fiber.Ctx, v agreementView) (string, error) {
	return "reminded", p.svc.RemindOther(c.UserContext(), v.Other.OrgID)
}
