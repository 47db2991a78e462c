package web

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	tenantspages "github.com/learnscape/learnscape/tenants/pages"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/brand"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// An invitation opens on the front door, where nobody is signed in: it is read by GET, and answered by POST.

// colours are offered to a new organization; it can have its own later.
var colours = []string{"#2855ad", "#066a5b", "#8e4300", "#9e2b32", "#794182", "#3b6919", "#685b00"} //nolint:gochecknoglobals // A constant table.

// invitedView is an invitation with what was filled in.
type invitedView struct {
	auth.Invitation

	Token                      string
	Name, Slug, Person, Colour string
	Agree                      bool
	Faults                     ui.Faults
}

// terms are the sentences, seen from whoever is invited.
func (v invitedView) terms(ctx context.Context) []string {
	return tenantspages.Plain(ctx, v.From.Name, v.Proposal.Theirs, v.Proposal.Ours)
}

func (v invitedView) colourOptions(ctx context.Context) []ui.Option {
	var out []ui.Option
	for i, c := range colours {
		out = append(out, ui.Option{Value: c, Label: lang.T(ctx, "web.invited.colour_"+string(rune('1'+i))), Chosen: c == v.Colour})
	}
	return out
}

func (s *Server) invitation(c *fiber.Ctx) (invitedView, error) {
	ctx := c.UserContext()
	if _, ok := auth.HostOrg(ctx); ok {
		return invitedView{}, errs.New(errs.NotFound, "an invitation on an organization's host")
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	v := invitedView{Token: c.Params("token"), Colour: colours[0]}
	var err error
	v.Invitation, err = s.deps.Auth.Invitation(ctx, v.Token)
	v.Name, v.Slug = v.Invitation.Name, tenants.Slugify(v.Invitation.Name)
	return v, err
}

func (s *Server) invited(c *fiber.Ctx) error {
	v, err := s.invitation(c)
	if err != nil {
		return err
	}
	return s.showInvited(c, v)
}

func (s *Server) showInvited(c *fiber.Ctx, v invitedView) error {
	return shell.Page(c, ui.PageProps{Title: lang.T(c.UserContext(), "web.invited.title", "Org", v.From.Name), NoIndex: true, Layout: ui.Reading}, invitedPage(v))
}

// accept makes the organization, or takes over the one that waits, and shows where it lives. Faults come back beside their fields.
func (s *Server) accept(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v, err := s.invitation(c)
	if err != nil {
		return err
	}
	v.Name, v.Slug, v.Person = strings.TrimSpace(c.FormValue("name")), strings.ToLower(strings.TrimSpace(c.FormValue("slug"))), strings.TrimSpace(c.FormValue("person"))
	v.Agree = c.FormValue("agree") != ""
	if chosen := c.FormValue("colour"); slices.Contains(colours, chosen) {
		v.Colour = chosen
	}
	hue, chroma := brand.HueChroma(v.Colour)
	org, err := s.deps.Auth.Accept(ctx, v.Token, auth.Acceptance{
		Org:  tenants.NewOrganization{Name: v.Name, Slug: v.Slug, Short: initials(v.Name), Color: v.Colour, Hue: hue, Chroma: chroma, Locale: string(lang.From(ctx))},
		Name: v.Person, Agree: v.Agree,
	})
	if err != nil {
		return s.refused(c, v, err)
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "web.invited.done_title", "Org", org.Name), NoIndex: true, Layout: ui.Reading},
		invitedDone(v, show.Org(org), s.deps.Auth.BaseURL(org.Slug)+"/sign-in?return_to=/network"))
}

// refused shows the form again with what is wrong with it.
func (s *Server) refused(c *fiber.Ctx, v invitedView, err error) error {
	ctx := c.UserContext()
	if e, ok := errors.AsType[*errs.Error](err); ok {
		v.Faults = ui.FaultsOf(ctx, e.Fields)
	}
	if errs.Is(err, errs.Conflict) {
		key, args := errs.MessageKey(err)
		v.Faults = ui.Faults{{ID: "slug", Text: lang.T(ctx, key, args...)}}
	}
	if len(v.Faults) == 0 {
		return err
	}
	c.Status(errs.Status(errs.KindOf(err)))
	return s.showInvited(c, v)
}

// initials are the one or two letters of a monogram.
func initials(name string) string {
	r := []rune(name)
	return string(r[:min(2, len(r))])
}
