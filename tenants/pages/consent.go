package pages

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountConsent adds the pages on which a person sees and decides what goes about them to others.
func (p *Pages) mountConsent(r fiber.Router) {
	r.Get("/me/sharing", p.sharedWith)
	r.Get("/me/sharing/:slug", p.sharedWithOne)
	r.Post("/me/sharing/:slug", p.answer)
}

type sharedView struct {
	Rows       []tenants.Sharing
	Own        ui.Org
	House      tenants.Overseers
	Prev, Next string
}

func (p *Pages) sharedWith(c *fiber.Ctx) error {
	ctx := c.UserContext()
	page := min(max(c.QueryInt("page"), 1), 1000)
	list, err := p.svc.SharedWith(ctx, page-1)
	if err != nil {
		return err
	}
	v := sharedView{Rows: list.Rows, Own: shell.From(ctx).Org}
	if v.House, err = p.svc.Overseers(ctx); err != nil {
		return err
	}
	if page > 1 {
		v.Prev = "/me/sharing?page=" + strconv.Itoa(page-1)
	}
	if list.More {
		v.Next = "/me/sharing?page=" + strconv.Itoa(page+1)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "consent.title"), Section: "you", Layout: ui.Reading, NoIndex: true}, sharedPage(v))
}

type sharedOneView struct {
	tenants.SharingDetail

	Own, Them   ui.Org
	Gone        []tenants.GoneRow // what is known there by name now
	Reads       int               // how often names were read there in 30 days
	Conflict    string            // why what was just said was not kept
	First, Next string
}

// going is the page of the own portal on which a member answered; "" for anything else.
func going(s string) string {
	if len(s) > 500 || !lesson.MatchString(s) || strings.Contains(s, "//") || strings.Contains(s, "..") {
		return ""
	}
	return s
}

var lesson = regexp.MustCompile(`^/(path|course)/[A-Za-z0-9_.~%/-]+$`)

func (p *Pages) readShared(c *fiber.Ctx) (sharedOneView, error) {
	ctx := c.UserContext()
	o, err := p.svc.BySlug(ctx, c.Params("slug"))
	if err != nil {
		return sharedOneView{}, err
	}
	before := id.Any{}
	if s := c.Query("before"); s != "" {
		if before, err = id.Parse[id.Any](s); err != nil {
			return sharedOneView{}, errs.New(errs.NotFound, "place in the answers: %w", err)
		}
	}
	d, err := p.svc.SharedWithOne(ctx, o.OrgID, before)
	if err != nil {
		return sharedOneView{}, err
	}
	v := sharedOneView{SharingDetail: d, Own: shell.From(ctx).Org, Them: orgUI(d.Other)}
	if d.Now != "" {
		if v.Gone, v.Reads, err = p.svc.GoneTo(ctx, o.OrgID); err != nil {
			return sharedOneView{}, err
		}
	}
	if d.More {
		v.Next = v.address() + "?before=" + d.History[len(d.History)-1].ConsentID.String()
	}
	if !before.IsZero() {
		v.First = v.address()
	}
	return v, nil
}

func (p *Pages) sharedWithOne(c *fiber.Ctx) error {
	v, err := p.readShared(c)
	if err != nil {
		return err
	}
	return showShared(c, v, fiber.StatusOK)
}

func showShared(c *fiber.Ctx, v sharedOneView, status int) error {
	ctx := c.UserContext()
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	var said *ui.Flash
	switch d := c.Query("done"); d {
	case tenants.ConsentGiven, tenants.ConsentDeclined, tenants.ConsentWithdrawn:
		said = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "consent.done."+d, "Org", v.Other.Name)}
	}
	return shell.Page(c, ui.PageProps{Title: v.title(ctx), Section: "you", Layout: ui.Reading, NoIndex: true, Flash: said}, sharedOnePage(v))
}

func (p *Pages) answer(c *fiber.Ctx) error {
	ctx := c.UserContext()
	o, err := p.svc.BySlug(ctx, c.Params("slug"))
	if err != nil {
		return err
	}
	decision := c.FormValue("decision")
	err = p.svc.Answer(ctx, o.OrgID, number(c), decision)
	at := "/me/sharing/" + url.PathEscape(o.Slug)
	if shell.IsFragment(c) && err == nil {
		return shell.Fragment(c, ui.Answered(lang.T(ctx, "consent.done."+decision, "Org", o.Name), lang.T(ctx, "consent.ask.change"), at))
	}
	if shell.IsFragment(c) && errs.Is(err, errs.Conflict) {
		c.Set("HX-Redirect", at) // Another agreement is in force: its question is read before it is answered.
		return c.SendStatus(fiber.StatusNoContent)
	}
	if errs.Is(err, errs.Conflict) {
		v, rerr := p.readShared(c)
		if rerr != nil {
			return rerr
		}
		e, _ := errors.AsType[*errs.Error](err)
		key, args := errs.MessageKey(e)
		v.Conflict = lang.T(ctx, key, args...)
		return showShared(c, v, fiber.StatusConflict)
	}
	if err != nil {
		return err
	}
	if then := going(c.FormValue("then")); then != "" && decision != tenants.ConsentWithdrawn {
		return c.Redirect(then, fiber.StatusSeeOther)
	}
	return c.Redirect(at+"?done="+decision, fiber.StatusSeeOther)
}

func (v sharedOneView) address() string { return "/me/sharing/" + v.Other.Slug }

// ask is the question under the page's own heading, which says whose it is.
func (v sharedOneView) ask(ctx context.Context) ui.AskProps {
	a := show.Ask(ctx, v.Sharing, "")
	a.Title = lang.T(ctx, "consent.ask.head")
	return a
}

func (v sharedOneView) title(ctx context.Context) string {
	if v.InForce && v.Open() {
		return lang.T(ctx, "consent.ask.title", "Org", v.Other.Name)
	}
	return lang.T(ctx, "consent.one.title", "Org", v.Other.Name)
}

// seesRow is one line of what an organization sees: at which level, and what.
type seesRow struct {
	Icon, Level, Text string
	Never             bool
	Action            *ui.ButtonProps // a link
	Withdraw          bool            // a form that takes the consent back
}

// sees are the lines of the card of an organization.
func sees(ctx context.Context, s tenants.Sharing) []seesRow {
	to := "/me/sharing/" + s.Other.Slug
	var out []seesRow
	switch {
	case s.Now != "":
		out = append(out, seesRow{Icon: "circle-user", Level: lang.T(ctx, "consent.level.name"), Text: lang.T(ctx, "consent.sees."+s.Now), Withdraw: true})
	case s.Open():
		out = append(out, seesRow{
			Icon: "circle-question-mark", Level: lang.T(ctx, "consent.level.asked"), Text: lang.T(ctx, "consent.asked."+tenants.Asks(s.Learns), "Org", s.Other.Name),
			Action: &ui.ButtonProps{Label: lang.T(ctx, "consent.decide"), Href: to, Size: ui.Small},
		})
	case s.State == tenants.Active && tenants.Asks(s.Learns) != "":
		out = append(out, seesRow{
			Icon: "eye-off", Level: lang.T(ctx, "consent.level.no"), Text: lang.T(ctx, "consent.said_no", "Date", lang.Date(ctx, s.Last.At)), Never: true,
			Action: &ui.ButtonProps{Label: lang.T(ctx, "consent.change"), Href: to, Size: ui.Small},
		})
	}
	if s.Learns != tenants.LearnsNothing {
		out = append(out, seesRow{Icon: "users", Level: lang.T(ctx, "consent.level.totals"), Text: lang.T(ctx, "consent.sees.totals")})
	}
	never := "consent.sees.never"
	if s.Learns == tenants.LearnsNothing {
		never = "consent.sees.nothing"
	}
	return append(out, seesRow{Icon: "eye-off", Level: lang.T(ctx, "consent.level.never"), Text: lang.T(ctx, never), Never: true})
}

// because says what the organization sees it for.
func because(ctx context.Context, s tenants.Sharing) string {
	key, args := "consent.because", []any{"Version", strconv.Itoa(s.Version)}
	if s.State == tenants.Paused {
		key = "consent.because_paused"
	} else if s.Until != nil {
		key, args = "consent.because_until", append(args, "Date", lang.Date(ctx, s.Until.AddDate(0, 0, -1)))
	}
	return lang.T(ctx, key, args...)
}

// answers are the member's answers in words.
func (v sharedOneView) answers(ctx context.Context) []ui.TimelineRow {
	var out []ui.TimelineRow
	for _, c := range v.History {
		out = append(out, ui.TimelineRow{Org: v.Own, Text: answered(ctx, c), When: lang.Date(ctx, c.At), At: c.At.UTC().Format(time.RFC3339)})
	}
	return out
}

func answered(ctx context.Context, c tenants.Consent) string {
	if c.Decision == tenants.ConsentGiven && c.Until != nil {
		return lang.T(ctx, "consent.history.given_until."+c.Purpose, "Version", strconv.Itoa(c.Version), "Date", lang.Date(ctx, c.Until.AddDate(0, 0, -1)))
	}
	return lang.T(ctx, "consent.history."+c.Decision+"."+c.Purpose, "Version", strconv.Itoa(c.Version))
}
