package web

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	tenantspages "github.com/learnscape/learnscape/tenants/pages"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Many organizations are offered the same terms from a list: first a report of what would become of each row, then the offers.

var offerPresets = []tenants.Preset{tenants.PresetPartner, tenants.PresetCustomer, tenants.PresetPeer, tenants.PresetTry} //nolint:gochecknoglobals // A constant table.

// offerView is the form with what was filled in, and the report.
type offerView struct {
	Collections []tenants.SharedCollection // that can be opened
	Chosen      []string                   // their slugs
	Standards   []tenants.Standard         // that are offered
	Standard    string                     // the identifier of the one that is, "" for the terms that are chosen here
	Preset      tenants.Preset
	Note, List  string
	Report      *auth.OfferReport
	Plain       []string // the terms in sentences
	Sent        bool
	Faults      ui.Faults
}

func (v offerView) presets(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, p := range offerPresets {
		out = append(out, ui.Option{Value: string(p), Label: lang.T(ctx, "tenants.preset."+string(p)), Hint: lang.T(ctx, "tenants.preset_text."+string(p)), Chosen: p == v.Preset})
	}
	return out
}

// proposal is what is offered to each: the chosen collections on the terms of the preset.
func (v offerView) proposal(now time.Time) tenants.Proposal {
	var opens []tenants.Opening
	for _, c := range v.Collections {
		if slices.Contains(v.Chosen, c.Slug) {
			opens = append(opens, tenants.Opening{Collection: c.CollectionID, Title: c.Title})
		}
	}
	p := tenants.Proposal{FinishDays: 30, Note: v.Note}
	p.Ours, p.Theirs, p.Until, p.WeCall, p.TheyCall = v.Preset.Offer(opens, now)
	return p
}

// standards are what can be offered: the terms that are chosen on the page, or a standard agreement.
func (v offerView) standards(ctx context.Context) []ui.Option {
	out := []ui.Option{{Label: lang.T(ctx, "partner.offer.own")}}
	for _, d := range v.Standards {
		out = append(out, ui.Option{Value: d.ID.String(), Label: lang.T(ctx, "batch.version_of", "Title", d.Title, "Version", strconv.Itoa(d.Version)), Chosen: d.ID.String() == v.Standard})
	}
	return out
}

func (v offerView) problems() int {
	n := 0
	for _, r := range v.Report.Rows {
		if r.Problem != "" {
			n++
		}
	}
	return n
}

func (s *Server) offerForm(c *fiber.Ctx) (offerView, error) {
	v := offerView{Preset: tenants.PresetPartner}
	// Whoever looks after collections need not be who may offer them.
	if err := authz.Check(c.UserContext(), authz.ManageNetwork, id.Org{}); err != nil {
		return v, err
	}
	all, err := s.deps.Tenants.Sharing(c.UserContext())
	if err != nil {
		return v, err
	}
	standards, err := s.deps.Tenants.Standards(c.UserContext())
	if err != nil {
		return v, err
	}
	for _, d := range standards {
		if d.State == "open" {
			v.Standards = append(v.Standards, d)
		}
	}
	v.Standard = c.FormValue("standard", c.Query("standard"))
	for _, col := range all {
		if col.Visibility != tenants.Internal {
			v.Collections = append(v.Collections, col)
		}
	}
	return v, nil
}

func (s *Server) offers(c *fiber.Ctx) error {
	v, err := s.offerForm(c)
	if err != nil {
		return err
	}
	return s.showOffers(c, v)
}

func (s *Server) showOffers(c *fiber.Ctx, v offerView) error {
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "web.offer.title"), NavKey: "network", NoIndex: true, Layout: ui.Reading}, offerPage(v))
}

// offer reports what would become of the list, or sends it.
func (s *Server) offer(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v, err := s.offerForm(c)
	if err != nil {
		return err
	}
	for _, b := range c.Context().PostArgs().PeekMulti("collection") {
		v.Chosen = append(v.Chosen, string(b))
	}
	v.Note, v.List = strings.TrimSpace(c.FormValue("note")), c.FormValue("list")
	if p := tenants.Preset(c.FormValue("preset")); slices.Contains(offerPresets, p) {
		v.Preset = p
	}
	list, err := auth.ReadPartners(strings.NewReader(v.List))
	if err == nil && len(list) == 0 {
		err = errs.Fields(errs.Field{Name: "list", Key: "auth.list.not_a_table"})
	}
	if err == nil {
		send := c.FormValue("send") != ""
		var report auth.OfferReport
		proposal := v.proposal(s.deps.DB.Now())
		if v.Standard != "" {
			if proposal, err = s.standardProposal(ctx, v.Standard); err != nil {
				return err
			}
		}
		if report, err = s.deps.Auth.OfferList(ctx, list, proposal, !send); err == nil {
			v.Report, v.Sent = &report, send
			for _, t := range tenantspages.Plain(ctx, "", proposal.Ours, proposal.Theirs) {
				v.Plain = append(v.Plain, tenantspages.Sentences(t))
			}
		}
	}
	if err != nil {
		e, ok := errors.AsType[*errs.Error](err)
		if !ok || len(e.Fields) == 0 {
			return err
		}
		v.Faults = ui.FaultsOf(ctx, e.Fields)
		c.Status(errs.Status(e.Kind))
	}
	return s.showOffers(c, v)
}

// standardProposal is the newest version of an own standard agreement.
func (s *Server) standardProposal(ctx context.Context, which string) (tenants.Proposal, error) {
	standard, err := id.Parse[id.Any](which)
	if err != nil {
		return tenants.Proposal{}, errs.New(errs.NotFound, "standard agreement: %w", err)
	}
	v, err := s.deps.Tenants.StandardView(ctx, standard, tenants.StandardFilter{Limit: 1})
	if err != nil {
		return tenants.Proposal{}, err
	}
	if v.Standard.State != "open" {
		return tenants.Proposal{}, errs.New(errs.NotFound, "standard agreement %s is not offered", which)
	}
	return v.Newest().Proposal, nil
}
