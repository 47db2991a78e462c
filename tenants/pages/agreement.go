package pages

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

type agreementView struct {
	tenants.ConnectionView

	Impact   tenants.Impact
	Own      ui.Org
	Them     ui.Org
	Whole    bool   // the whole text, not what changes
	Conflict string // why what was just asked for was not done
	Faults   ui.Faults
	EndOpen  bool // the page is the question whether to end it
}

// rests is why nothing of the other can be opened at present: suspended, closed or erased; "" for an organization that is active.
func (v agreementView) rests() string {
	switch v.Other.State {
	case tenants.OrgActive:
		return ""
	case tenants.OrgErasing:
		return tenants.OrgErased
	}
	return v.Other.State
}

// connection is the view of the connection that the address names; whatever is not there, or not one's own, is NotFound.
func (p *Pages) connection(c *fiber.Ctx) (agreementView, error) {
	ctx := c.UserContext()
	o, err := p.svc.BySlug(ctx, c.Params("slug"))
	if err != nil {
		return agreementView{}, err
	}
	v, err := p.svc.Connection(ctx, o.OrgID)
	if err != nil {
		return agreementView{}, err
	}
	return agreementView{ConnectionView: v, Own: shell.From(ctx).Org, Them: orgUI(v.Other), Whole: c.Query("text") == "whole"}, nil
}

func (p *Pages) agreement(c *fiber.Ctx) error {
	v, err := p.connection(c)
	if err != nil {
		return err
	}
	return p.showAgreement(c, v, fiber.StatusOK)
}

func (p *Pages) showAgreement(c *fiber.Ctx, v agreementView, status int) error {
	ctx := c.UserContext()
	var err error
	if v.Impact, err = p.svc.Impact(ctx, v.ConnectionView); err != nil {
		return err
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.title(ctx), NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: flash(c)}, agreementPage(v))
}

// act runs one move on the connection of the address; a conflict shows how it stands now, with what happened in between.
func (p *Pages) act(do func(c *fiber.Ctx, v agreementView) (done string, err error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		v, err := p.connection(c)
		if err != nil {
			return err
		}
		what, err := do(c, v)
		e, _ := errors.AsType[*errs.Error](err)
		switch {
		case err == nil:
			return c.Redirect("/network/"+v.Other.Slug+"?done="+what, fiber.StatusSeeOther)
		case errs.Is(err, errs.Conflict):
			if v, err = p.connection(c); err != nil {
				return err
			}
			key, args := errs.MessageKey(e)
			v.Conflict = lang.T(c.UserContext(), key, args...)
			return p.showAgreement(c, v, fiber.StatusConflict)
		case errs.Is(err, errs.Invalid) && e != nil && len(e.Fields) > 0:
			v.Faults = ui.FaultsOf(c.UserContext(), e.Fields)
			v.EndOpen = e.Fields[0].Name == "name"
			return p.showAgreement(c, v, fiber.StatusUnprocessableEntity)
		}
		return err
	}
}

func (p *Pages) sign(c *fiber.Ctx, v agreementView) (string, error) {
	number, err := strconv.Atoi(c.FormValue("version"))
	hash, herr := hex.DecodeString(c.FormValue("hash"))
	if err != nil || herr != nil || len(hash) != 32 {
		return "", errs.New(errs.Malformed, "version and hash of what is signed")
	}
	if c.FormValue("read") == "" {
		return "", errs.Fields(errs.Field{Name: "read", Key: "tenants.sign.read_missing", Args: []any{"Org", v.Own.Name}})
	}
	return "signed", p.svc.Sign(c.UserContext(), v.Other.OrgID, number, [32]byte(hash), c.FormValue("we_call"))
}

func (p *Pages) decline(c *fiber.Ctx, v agreementView) (string, error) {
	return "declined", p.svc.Decline(c.UserContext(), v.Other.OrgID, number(c))
}

func (p *Pages) withdraw(c *fiber.Ctx, v agreementView) (string, error) {
	return "withdrawn", p.svc.Withdraw(c.UserContext(), v.Other.OrgID, number(c))
}

// number is the version that the form is about; 0, which never was one, if it says none.
func number(c *fiber.Ctx) int {
	n, _ := strconv.Atoi(c.FormValue("version"))
	return n
}

func (p *Pages) pause(c *fiber.Ctx, v agreementView) (string, error) {
	return "paused", p.svc.Pause(c.UserContext(), v.Other.OrgID)
}

func (p *Pages) resume(c *fiber.Ctx, v agreementView) (string, error) {
	return "resumed", p.svc.Resume(c.UserContext(), v.Other.OrgID)
}

// mails turns the mails about the connection on or off for who asks.
func (p *Pages) mails(c *fiber.Ctx, v agreementView) (string, error) {
	on := c.FormValue("mails") == "on"
	done := "mails_off"
	if on {
		done = "mails_on"
	}
	return done, p.svc.SetMails(c.UserContext(), v.Other.OrgID, on)
}

func (p *Pages) askToEnd(c *fiber.Ctx) error {
	v, err := p.connection(c)
	if err != nil {
		return err
	}
	if !v.mayEnd() {
		return c.Redirect("/network/"+v.Other.Slug, fiber.StatusSeeOther)
	}
	v.EndOpen = true
	return p.showAgreement(c, v, fiber.StatusOK)
}

func (p *Pages) end(c *fiber.Ctx, v agreementView) (string, error) {
	if !strings.EqualFold(strings.Join(strings.Fields(c.FormValue("name")), " "), strings.Join(strings.Fields(v.Other.Name), " ")) {
		return "", errs.Fields(errs.Field{Name: "name", Key: "tenants.end.name_wrong", Args: []any{"Org", v.Other.Name}})
	}
	now := c.FormValue("how") == "now"
	done := "ending"
	if now || v.InForce == nil || v.InForce.Terms.FinishDays == 0 {
		done = "ended"
	}
	return done, p.svc.End(c.UserContext(), v.Other.OrgID, now)
}
