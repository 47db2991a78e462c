package web

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

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

// A link to a standard agreement opens on the front door, which says what is offered and leads to the reader's own portal; there whoever
// manages the network accepts it.

// joinView is a standard agreement with what was filled in.
type joinView struct {
	tenants.Linked

	Token, Where string
	Portal       string // address of the same page in the portal that was named
	WeCall       string
	Faults       ui.Faults
}

// terms are the sentences, seen from whoever reads.
func (v joinView) terms(ctx context.Context) []string {
	return tenantspages.Plain(ctx, v.From.Name, v.Version.Proposal.Theirs, v.Version.Proposal.Ours)
}

func (v joinView) relations(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, r := range []string{"vendor", "partner", "customer", "peer"} {
		out = append(out, ui.Option{Value: r, Label: lang.T(ctx, "tenants.relation."+r), Chosen: r == v.WeCall})
	}
	return out
}

func (s *Server) linked(c *fiber.Ctx) (joinView, error) {
	ctx := c.UserContext()
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	if _, ok := auth.HostOrg(ctx); ok {
		// In a portal the page is for whoever manages its network: others sign in, or find nothing.
		if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
			return joinView{}, err
		}
	}
	v := joinView{Token: c.Params("token"), Where: strings.TrimSpace(c.Query("portal"))}
	var err error
	v.Linked, err = s.deps.Tenants.Linked(ctx, v.Token)
	v.WeCall = v.Version.Proposal.TheyCall
	return v, err
}

func (s *Server) joinPage(c *fiber.Ctx) error {
	v, err := s.linked(c)
	if err != nil {
		return err
	}
	if v.With == nil && v.Where != "" {
		o, err := s.deps.Tenants.Portal(c.UserContext(), v.Where)
		switch {
		case err == nil:
			v.Portal = s.deps.Auth.BaseURL(o.Slug) + "/join/" + v.Token
		case errs.Is(err, errs.NotFound):
			v.Faults = ui.Faults{{ID: "portal", Text: lang.T(c.UserContext(), "standard.join.unknown")}}
			c.Status(fiber.StatusUnprocessableEntity)
		default:
			return err
		}
	}
	return s.showJoin(c, v)
}

func (s *Server) showJoin(c *fiber.Ctx, v joinView) error {
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "standard.join.title", "Org", v.From.Name), NavKey: "network", NoIndex: true, Layout: ui.Reading}, joinPage(v))
}

// join accepts what the link offers, or takes it up to answer with other terms.
func (s *Server) join(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	v, err := s.linked(c)
	if err != nil {
		return err
	}
	hash, err := hex.DecodeString(c.FormValue("hash"))
	if err != nil || len(hash) != 32 {
		return errs.New(errs.Malformed, "hash of what is accepted")
	}
	sign := c.FormValue("how") != "counter"
	v.WeCall = c.FormValue("we_call")
	if !slices.Contains([]string{"vendor", "partner", "customer", "peer"}, v.WeCall) {
		v.Faults = append(v.Faults, ui.Fault{ID: "we_call", Text: lang.T(ctx, "tenants.terms.choose")})
	}
	if sign && c.FormValue("read") == "" {
		v.Faults = append(v.Faults, ui.Fault{ID: "read", Text: lang.T(ctx, "tenants.sign.read_missing", "Org", v.With.Name)})
	}
	if len(v.Faults) > 0 {
		c.Status(fiber.StatusUnprocessableEntity)
		return s.showJoin(c, v)
	}
	from, err := s.deps.Tenants.Join(ctx, v.Token, [32]byte(hash), sign, v.WeCall)
	if errs.Is(err, errs.Conflict) {
		key, args := errs.MessageKey(err)
		if e, ok := errors.AsType[*errs.Error](err); ok && e.Key == "tenants.agreement.changed" {
			if v, err = s.linked(c); err != nil {
				return err
			}
		}
		v.Faults = ui.Faults{{ID: "read", Text: lang.T(ctx, key, args...)}}
		c.Status(fiber.StatusConflict)
		return s.showJoin(c, v)
	}
	if err != nil {
		return err
	}
	if !sign {
		return c.Redirect("/network/"+from.Slug+"/counter", fiber.StatusSeeOther)
	}
	return c.Redirect("/network/"+from.Slug+"?done=signed", fiber.StatusSeeOther)
}

// details are what is opened and what holds for both.
func (v joinView) details(ctx context.Context) []ui.Definition {
	var out []ui.Definition
	for _, o := range v.Version.Proposal.Ours.Opens {
		out = append(out, ui.Definition{Term: o.Title, Text: tenantspages.Opening(ctx, o)})
	}
	return append(out,
		ui.Definition{Term: lang.T(ctx, "tenants.both.finish"), Text: tenantspages.Finish(ctx, v.Version.Proposal.FinishDays)},
		ui.Definition{Term: lang.T(ctx, "tenants.both.until"), Text: tenantspages.Until(ctx, v.Version.Proposal.Until)})
}
