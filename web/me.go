package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

type meView struct {
	Name, Line, Purpose string
	Passkeys            string // address of the page of passkeys; "" where the provider is the only way in
	Rows                []ui.Definition
}

// me is the page of the person who is signed in.
func (s *Server) me(c *fiber.Ctx) error {
	ctx := c.UserContext()
	m, ok := auth.Current(ctx)
	if _, door := auth.CurrentIndividual(ctx); door {
		return c.Redirect("/account", fiber.StatusSeeOther)
	}
	if !ok {
		return errs.New(errs.Unauthenticated, "me")
	}
	h, err := s.deps.Courses.HomeData(ctx)
	if err != nil {
		return err
	}
	active := len(h.Due)
	if h.Current != nil && h.Current.Due == nil {
		active++
	}
	v := meView{Name: m.Name, Line: m.Title, Purpose: m.Purpose, Rows: []ui.Definition{
		{Term: lang.T(ctx, "web.me.email"), Text: m.Email},
		{Term: lang.T(ctx, "web.me.active"), Text: strconv.Itoa(active)},
		{Term: lang.T(ctx, "web.home.finished"), Text: strconv.Itoa(h.Finished)},
		{Term: lang.T(ctx, "web.home.last_30"), Text: lang.Minutes(ctx, h.Formal+h.Informal)},
	}}
	if org, ok := auth.HostOrg(ctx); ok && org.SignIn == "email" {
		v.Passkeys = s.deps.Auth.BaseURL(org.Slug) + "/sign-in/passkeys"
	}
	return shell.Page(c, ui.PageProps{Title: m.Name, Section: "you", Layout: ui.Reading}, mePage(v))
}

// sentMail is a mail as the outbox page of the demonstration shows it.
type sentMail struct {
	Recipient string    `db:"recipient"`
	Subject   string    `db:"subject"`
	Body      string    `db:"body"`
	CreatedAt time.Time `db:"created_at"`
	Now       time.Time `db:"now"`
}

type paragraph struct{ Text, Href string }

func (m sentMail) paragraphs() []paragraph {
	var out []paragraph
	for p := range strings.SplitSeq(m.Body, "\n\n") {
		p = strings.TrimSpace(p)
		if u, err := url.Parse(p); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
			out = append(out, paragraph{Href: p})
			continue
		}
		out = append(out, paragraph{Text: p})
	}
	return out
}

// outbox shows the mail of the organization of the host; the demonstration only, which has no mail server and no secrets.
func (s *Server) outbox(c *fiber.Ctx) error {
	ctx := c.UserContext()
	org, ok := auth.HostOrg(ctx)
	if !ok {
		return errs.New(errs.NotFound, "outbox of the front door")
	}
	var mails []sentMail
	if err := s.deps.DB.Read(jobs.Enter(ctx, scope.Mailer, org.OrgID), func(b *db.Batch) {
		db.List(b, &mails, `SELECT recipient, subject, body, created_at, $2::timestamptz AS now FROM mails WHERE org_id = $1 ORDER BY created_at DESC, mail_id LIMIT 50`, org.OrgID, b.Now)
	}); err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "web.outbox.title"), NoIndex: true, Layout: ui.Reading}, outboxPage(mails))
}
