package pages

import (
	"context"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

// noteAction is what is done with many partners without any of them learning of it.
const noteAction = "note"

// ownerOptions are those who can look after partners; none is the label of the first one, for no word of it.
func ownerOptions(list []tenants.PartnerOwner, chosen, none string) []ui.Option {
	out := []ui.Option{{Label: none, Chosen: chosen == ""}}
	for _, k := range list {
		out = append(out, ui.Option{Value: k.Membership.String(), Label: k.Name, Chosen: k.Membership.String() == chosen})
	}
	return out
}

func ownerWord(m id.Membership) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

// tagOptions are the tags in use.
func (v networkView) tagOptions(ctx context.Context) []ui.Option {
	out := []ui.Option{{Label: lang.T(ctx, "owner.tag.any")}}
	for _, t := range v.Tags {
		out = append(out, ui.Option{Value: t, Label: t, Chosen: t == v.Filter.Tag})
	}
	return out
}

// owned reads who is chosen: zero for nobody, and Malformed for what is no member.
func owned(word string) (id.Membership, error) {
	if word == "" {
		return id.Membership{}, nil
	}
	m, err := id.Parse[id.Membership](word)
	if err != nil {
		return m, errs.New(errs.Malformed, "who looks after it: %w", err)
	}
	return m, nil
}

// account notes number, owner and tags of one partner.
func (p *Pages) account(c *fiber.Ctx, v agreementView) (string, error) {
	owner, err := owned(c.FormValue("owner"))
	if err != nil {
		return "", err
	}
	return "saved", p.svc.SetNote(c.UserContext(), v.Other.OrgID, tenants.Note{Account: c.FormValue("account"), Owner: owner, Tags: tenants.ReadTags(c.FormValue("tags"))})
}

// keepOwner is the choice that leaves the owners as they are.
const keepOwner = "keep"

// noteMany notes the same about those who were chosen.
func (p *Pages) noteMany(c *fiber.Ctx, v actView) error {
	ctx := c.UserContext()
	all, err := p.svc.Portfolio(ctx, tenants.PortfolioFilter{Limit: 1})
	if err != nil {
		return err
	}
	v.Keepers, v.Owner, v.Add, v.Remove = all.Keepers, c.FormValue("set_owner", keepOwner), c.FormValue("add_tags"), c.FormValue("remove_tags")
	if c.FormValue("confirm") == "" {
		return p.showAct(c, v, fiber.StatusOK)
	}
	change := tenants.NoteChange{SetOwner: v.Owner != keepOwner, Add: tenants.ReadTags(v.Add), Remove: tenants.ReadTags(v.Remove)}
	if change.SetOwner {
		if change.Owner, err = owned(v.Owner); err != nil {
			return err
		}
	}
	_, err = p.svc.NoteMany(ctx, v.Orgs, change)
	if e, ok := errors.AsType[*errs.Error](err); ok && len(e.Fields) > 0 {
		for _, f := range e.Fields {
			v.Faults = append(v.Faults, ui.Fault{ID: map[string]string{"tags": "add_tags", "owner": "set_owner"}[f.Name], Text: lang.T(ctx, f.Key, f.Args...)})
		}
		return p.showAct(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(networkAddress("/network", v.Filter, "done", "noted"), fiber.StatusSeeOther)
}

// ownerChoices are the owners that can be given to many, the first leaving them as they are.
func (v actView) ownerChoices(ctx context.Context) []ui.Option {
	out := []ui.Option{{Value: keepOwner, Label: lang.T(ctx, "owner.many.keep"), Chosen: v.Owner == keepOwner}}
	return append(out, ownerOptions(v.Keepers, v.Owner, lang.T(ctx, "owner.nobody"))...)
}

func tagWords(tags []string) string { return strings.Join(tags, ", ") }

// answeredText is how many questions were answered, as far as it may be told.
func answeredText(ctx context.Context, n int) string {
	if n == 0 {
		return lang.T(ctx, "owner.answered.few")
	}
	return lang.T(ctx, "owner.answered.count", "Count", n)
}
