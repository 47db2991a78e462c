package pages

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// voidView is the form with which it is taken back that somebody came to a session.
type voidView struct {
	courses.Live

	Guest   courses.Guest
	Reason  string
	Faults  ui.Faults
	Refused string
}

func voidHref(session, seat id.Any) string { return liveHref(session) + "/people/" + seat.String() }

// seatID reads the identifiers of the address; those that cannot be read are of a missing thing.
func seatID(c *fiber.Ctx) (session, seat id.Any, err error) {
	if session, err = liveID(c); err != nil {
		return session, seat, err
	}
	if seat, err = id.Parse[id.Any](c.Params("seat")); err != nil {
		err = errs.New(errs.NotFound, "%w", err)
	}
	return session, seat, err
}

func (p *Pages) voiding(c *fiber.Ctx) error { return p.showVoiding(c, voidView{}, fiber.StatusOK) }

func (p *Pages) showVoiding(c *fiber.Ctx, v voidView, status int) error {
	ctx := c.UserContext()
	session, seat, err := seatID(c)
	if err != nil {
		return err
	}
	list, err := p.courses.Guests(ctx, session, courses.GuestFilter{Seat: seat})
	if err != nil {
		return err
	}
	if len(list.Guests) == 0 || !list.Guests[0].Came() {
		return errs.New(errs.NotFound, "%s was not noted in %s", seat, session)
	}
	v.Live, v.Guest = list.Live, list.Guests[0]
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "live.void.heading"), NavKey: "learn", Layout: ui.Reading, NoIndex: true}, voidPage(v))
}

func (p *Pages) voidAttendance(c *fiber.Ctx) error {
	ctx := c.UserContext()
	session, seat, err := seatID(c)
	if err != nil {
		return err
	}
	v := voidView{Reason: formText(c, "reason")}
	err = p.courses.VoidAttendance(ctx, session, seat, v.Reason)
	if v.Faults, v.Refused = faultsOf(ctx, err), saysOf(ctx, err); v.Faults != nil || v.Refused != "" {
		return p.showVoiding(c, v, errs.Status(errs.KindOf(err)))
	}
	if err != nil {
		return err
	}
	return c.Redirect(liveHref(session)+"/people?done=voided", fiber.StatusSeeOther)
}

// voidedBy is whose word it is that an attendance was taken back: a colleague's name, or whose session it is.
func voidedBy(ctx context.Context, v courses.VoidedAttendance) string {
	return lang.T(ctx, "live.voided.by", "Name", nonEmpty(v.By, v.Of.Name), "Date", lang.Date(ctx, v.At))
}
