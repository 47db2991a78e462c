package web

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// Which organizations the own one invited, what became of it, and what can still be done about it.

const invitationsAt = "/partners/invitations"

// invitationsExport is how many rows an export has at most.
const invitationsExport = 10_000

func (s *Server) mountInvitations(r fiber.Router) {
	r.Get(invitationsAt, s.invitations)
	r.Get(invitationsAt+".csv", s.exportInvitations)
	r.Post(invitationsAt+"/:id/resend", s.moveInvitation("resent", s.deps.Auth.ResendInvitation))
	r.Post(invitationsAt+"/:id/withdraw", s.moveInvitation("withdrawn", s.deps.Auth.WithdrawInvitation))
}

type invitationsView struct {
	Rows        []auth.SentInvitation
	Filter      auth.InvitationFilter
	MayShare    bool
	First, Next string // addresses of pages
	Now         time.Time
	Fault       string // why what was just asked for was not done
}

// address is the page's own with its filter.
func (v invitationsView) address(path, state string) string {
	q := url.Values{}
	for k, word := range map[string]string{"q": v.Filter.Query, "state": state} {
		if word != "" {
			q.Set(k, word)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (v invitationsView) states(ctx context.Context) []ui.Link {
	var out []ui.Link
	for _, state := range []string{"", auth.InvitationOpen, auth.InvitationExpired, auth.InvitationAccepted, auth.InvitationWithdrawn} {
		key := state
		if state == "" {
			key = "all"
		}
		out = append(out, ui.Link{Label: lang.T(ctx, "eyes.invitations."+key), Href: v.address(invitationsAt, state), Current: v.Filter.State == state})
	}
	return out
}

// invitationBadge is how the state of an invitation is painted.
func invitationBadge(state string) string {
	switch state {
	case auth.InvitationOpen:
		return ui.Info
	case auth.InvitationAccepted:
		return ui.OK
	case auth.InvitationExpired:
		return ui.Warn
	}
	return ui.Neutral
}

// when says until when an invitation waits, or when it was decided.
func (v invitationsView) when(ctx context.Context, r auth.SentInvitation) string {
	switch {
	case r.State == auth.InvitationOpen || r.State == auth.InvitationExpired:
		return lang.T(ctx, "eyes.invitations.until", "Date", lang.Date(ctx, r.Until))
	case r.Decided != nil:
		return lang.Date(ctx, *r.Decided)
	}
	return ""
}

func (s *Server) invitations(c *fiber.Ctx) error {
	v, err := s.invitationsOf(c)
	if err != nil {
		return err
	}
	return s.showInvitations(c, v)
}

func (s *Server) showInvitations(c *fiber.Ctx, v invitationsView) error {
	ctx := c.UserContext()
	p := ui.PageProps{Title: lang.T(ctx, "eyes.invitations.title"), NavKey: "network", Layout: ui.Work, NoIndex: true}
	if done := c.Query("done"); done == "resent" || done == "withdrawn" {
		p.Flash = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "eyes.invitations.done_"+done)}
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, p, invitationsPage(v))
}

func (s *Server) invitationsOf(c *fiber.Ctx) (invitationsView, error) {
	ctx := c.UserContext()
	who, err := scope.From(ctx)
	if err != nil {
		return invitationsView{}, err
	}
	v := invitationsView{Filter: auth.InvitationFilter{State: c.Query("state"), Query: c.Query("q"), Limit: 50}, MayShare: authz.Allowed(who, authz.ManageSharing, id.Org{}), Now: s.deps.DB.Now()}
	if after := c.Query("after"); after != "" {
		var at error
		v.Filter.AfterID, err = id.Parse[id.Any](after)
		v.Filter.After, at = time.Parse(time.RFC3339Nano, c.Query("at"))
		if err = errors.Join(err, at); err != nil {
			return v, errs.New(errs.NotFound, "place in the list: %w", err)
		}
		v.First = v.address(invitationsAt, v.Filter.State)
	}
	list, more, err := s.deps.Auth.Invitations(ctx, v.Filter)
	if v.Rows = list; more {
		last := list[len(list)-1]
		q := url.Values{"after": {last.ID.String()}, "at": {last.Sent.UTC().Format(time.RFC3339Nano)}, "state": {v.Filter.State}, "q": {v.Filter.Query}}
		v.Next = invitationsAt + "?" + q.Encode()
	}
	return v, err
}

// moveInvitation does something with the invitation of the address; why it cannot be done stands above the list.
func (s *Server) moveInvitation(done string, do func(context.Context, id.Any) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx := c.UserContext()
		which, err := id.Parse[id.Any](c.Params("id"))
		if err != nil {
			return errs.New(errs.NotFound, "invitation: %w", err)
		}
		err = do(ctx, which)
		switch e, _ := errors.AsType[*errs.Error](err); {
		case err == nil:
			return c.Redirect(invitationsAt+"?done="+done, fiber.StatusSeeOther)
		case e == nil || !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.RateLimited) && !errs.Is(err, errs.Invalid):
			return err
		default:
			v, verr := s.invitationsOf(c)
			if verr != nil {
				return verr
			}
			key, args := errs.MessageKey(e)
			if len(e.Fields) > 0 {
				key, args = e.Fields[0].Key, e.Fields[0].Args
			}
			v.Fault = lang.T(ctx, key, args...)
			c.Status(errs.Status(e.Kind))
			return s.showInvitations(c, v)
		}
	}
}

// exportInvitations writes what the page lists, all of it, as a table.
func (s *Server) exportInvitations(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f := auth.InvitationFilter{State: c.Query("state"), Query: c.Query("q"), Limit: 200}
	var head []string
	for _, k := range []string{"name", "email", "account", "state", "sent", "waits", "portal"} {
		head = append(head, lang.T(ctx, "eyes.invitations."+k))
	}
	rows := [][]string{head}
	for more := true; more && len(rows) <= invitationsExport; {
		var list []auth.SentInvitation
		var err error
		if list, more, err = s.deps.Auth.Invitations(ctx, f); err != nil {
			return err
		}
		for _, r := range list {
			rows = append(rows, []string{
				r.Name, r.Email, r.Account, lang.T(ctx, "eyes.invitations."+r.State),
				r.Sent.UTC().Format(time.DateOnly), r.Until.UTC().Format(time.DateOnly), r.Org,
			})
			f.After, f.AfterID = r.Sent, r.ID
		}
	}
	return shell.Sheet(c, "invitations.csv", rows)
}
