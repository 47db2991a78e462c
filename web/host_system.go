package web

import (
	"context"
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

func (s *Server) mountHostSystem(r fiber.Router) {
	r.Get(hostAt+"/system", s.hostSystem)
	r.Post(hostAt+"/system/jobs/:id/retry", s.retryJob)
	r.Get(hostAt+"/operators", func(c *fiber.Ctx) error { return s.operatorsPage(c, operatorsView{}, fiber.StatusOK) })
	r.Post(hostAt+"/operators", s.inviteOperator)
	r.Post(hostAt+"/operators/codes/:id/withdraw", s.withdrawCode)
	r.Get(hostAt+"/operators/:id/remove", s.askRemoveOperator)
	r.Post(hostAt+"/operators/:id/remove", s.removeOperator)
	r.Get(hostAt+"/audit", s.hostAudit)
	r.Get(hostAt+"/me", func(c *fiber.Ctx) error { return s.hostMe(c, hostMeView{}, fiber.StatusOK) })
	r.Post(hostAt+"/me/passkeys/offer", s.offerDeskPasskey)
	r.Post(hostAt+"/me/passkeys", s.addDeskPasskey)
	r.Post(hostAt+"/me/passkeys/:id/remove", s.removeDeskPasskey)
}

// vitals are how the installation does.
type vitals struct {
	Queues auth.Queues
	Jobs   jobs.Load
	Search search.Health
	Now    time.Time
}

// vitals reads how the installation does; who asks has to be an operator.
func (s *Server) vitals(ctx context.Context) (v vitals, err error) {
	if v.Queues, err = s.deps.Auth.Queues(ctx); err != nil {
		return v, err
	}
	v.Now = s.deps.DB.Now()
	if v.Search, err = s.deps.Search.Health(jobs.Enter(ctx, scope.Indexer, id.Org{})); err != nil {
		return v, err
	}
	if s.deps.Jobs != nil {
		v.Jobs, err = s.deps.Jobs.Load(ctx)
	}
	return v, err
}

// late is how long something may wait before somebody should look.
const late = 5 * time.Minute

func (v vitals) late(since *time.Time) bool { return since != nil && v.Now.Sub(*since) > late }

// sign is one line of how the installation does.
type sign struct {
	Key, Text string
	Look      bool // somebody should
}

// signs are the lines, in a fixed order.
func (v vitals) signs(ctx context.Context) []sign {
	waits := func(key string, n int, since *time.Time) string {
		if n == 0 || since == nil {
			return lang.T(ctx, "operator.sign.none")
		}
		return lang.T(ctx, "operator.sign."+key, "Count", n, "When", lang.Ago(ctx, v.Now, *since))
	}
	failed := lang.T(ctx, "operator.sign.failed_none")
	if v.Jobs.Failed > 0 {
		failed = lang.T(ctx, "operator.sign.failed_text", "Count", v.Jobs.Failed)
	}
	return []sign{
		{Key: "database", Text: lang.T(ctx, "operator.sign.version", "Server", v.Queues.Server, "Schema", strconv.FormatInt(v.Queues.Schema, 10))},
		{Key: "search", Text: lang.T(ctx, "operator.sign.search_"+v.Search.State), Look: v.Search.State != "up"},
		{Key: "jobs", Text: waits("jobs_wait", v.Jobs.Waiting, v.Jobs.Oldest), Look: v.late(v.Jobs.Oldest)},
		{Key: "failed", Text: failed, Look: v.Jobs.Failed > 0},
		{Key: "news", Text: waits("news_wait", v.Queues.News, v.Queues.NewsSince), Look: v.late(v.Queues.NewsSince)},
		{Key: "mail", Text: waits("mail_wait", v.Queues.Mails, v.Queues.MailsSince), Look: v.late(v.Queues.MailsSince)},
	}
}

type overviewView struct {
	vitals

	Orgs    []tenants.Standing
	States  map[string]int
	Glasses []auth.Glass // that wait or are open
	Me      id.Any
	Alone   bool
}

// needs counts what a person has to look at: signs, and requests that wait for this operator.
func (v overviewView) needs(ctx context.Context) (n int) {
	for _, g := range v.Glasses {
		if g.Waits(v.Now) && g.AskedBy != v.Me {
			n++
		}
	}
	for _, s := range v.signs(ctx) {
		if s.Look {
			n++
		}
	}
	for _, o := range v.Orgs {
		if o.Failing {
			n++
		}
	}
	return n
}

func (v overviewView) title(ctx context.Context) string {
	if n := v.needs(ctx); n > 0 {
		return lang.T(ctx, "operator.overview.title", "Count", n)
	}
	return lang.T(ctx, "operator.overview.none")
}

func (s *Server) overview(c *fiber.Ctx) (err error) {
	ctx := c.UserContext()
	var v overviewView
	if v.vitals, err = s.vitals(ctx); err != nil {
		return err
	}
	if v.Orgs, v.States, err = s.deps.Tenants.Standings(ctx, tenants.StandingFilter{Limit: 10}); err != nil {
		return err
	}
	v.Orgs = v.Orgs[:min(len(v.Orgs), 10)]
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	v.Me = who.Operator
	if v.Alone, err = s.deps.Auth.Alone(ctx); err != nil {
		return err
	}
	list, err := s.deps.Auth.Glasses(ctx)
	if err != nil {
		return err
	}
	for _, g := range list {
		if g.Waits(v.Now) || g.Open(v.Now) {
			v.Glasses = append(v.Glasses, g)
		}
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.nav.overview"), NavKey: "overview", Layout: ui.Work, NoIndex: true, Flash: hostDone(c)}, overviewPage(v))
}

type systemView struct {
	vitals

	Failing []jobs.Failed
}

func (s *Server) hostSystem(c *fiber.Ctx) (err error) {
	ctx := c.UserContext()
	var v systemView
	if v.vitals, err = s.vitals(ctx); err != nil {
		return err
	}
	if s.deps.Jobs != nil {
		if v.Failing, err = s.deps.Jobs.Failing(ctx); err != nil {
			return err
		}
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.nav.system"), NavKey: "system", Layout: ui.Work, NoIndex: true, Flash: hostDone(c)}, systemPage(v))
}

func (s *Server) retryJob(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.Operate, id.Org{}); err != nil {
		return err
	}
	job, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil || s.deps.Jobs == nil {
		return errs.New(errs.NotFound, "job %q", c.Params("id"))
	}
	if err := s.deps.Jobs.Retry(ctx, job); err != nil {
		return err
	}
	if err := s.deps.Auth.Note(ctx, "job.retried", "job:"+strconv.FormatInt(job, 10)); err != nil {
		return err
	}
	return c.Redirect(hostAt+"/system?done=retried", fiber.StatusSeeOther)
}

type operatorsView struct {
	List        []auth.Operator
	Open        []auth.OperatorCode
	Me          id.Any
	Now         time.Time
	Link        string // of the invitation that was just made, shown once
	Remove      *auth.Operator
	Name, Email string
	Faults      ui.Faults
}

func (s *Server) operatorsPage(c *fiber.Ctx, v operatorsView, status int) (err error) {
	ctx := c.UserContext()
	if v.List, v.Open, err = s.deps.Auth.Operators(ctx); err != nil {
		return err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return err
	}
	v.Me, v.Now = who.Operator, s.deps.DB.Now()
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.nav.operators"), NavKey: "operators", Layout: ui.Reading, NoIndex: true, Flash: hostDone(c)}, operatorsPage(v))
}

// inviteOperator shows the link of the invitation once; only its hash is kept.
func (s *Server) inviteOperator(c *fiber.Ctx) error {
	v := operatorsView{Name: c.FormValue("name"), Email: c.FormValue("email")}
	code, err := s.deps.Auth.InviteOperator(c.UserContext(), v.Name, v.Email)
	if v.Faults = hostFaults(c.UserContext(), err); len(v.Faults) > 0 {
		return s.operatorsPage(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return s.operatorsPage(c, operatorsView{Link: s.deps.Auth.OperatorURL(hostAt + "/code/" + code)}, fiber.StatusOK)
}

func (s *Server) withdrawCode(c *fiber.Ctx) error {
	code, err := anyID(c)
	if err == nil {
		err = s.deps.Auth.WithdrawOperatorCode(c.UserContext(), code)
	}
	if err != nil {
		return err
	}
	return c.Redirect(hostAt+"/operators?done=uninvited", fiber.StatusSeeOther)
}

func (s *Server) askRemoveOperator(c *fiber.Ctx) error {
	list, _, err := s.deps.Auth.Operators(c.UserContext())
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.OperatorID.String() == c.Params("id") {
			return s.operatorsPage(c, operatorsView{Remove: &o}, fiber.StatusOK)
		}
	}
	return errs.New(errs.NotFound, "operator %q", c.Params("id"))
}

func (s *Server) removeOperator(c *fiber.Ctx) error {
	o, err := anyID(c)
	if err == nil {
		err = s.deps.Auth.RemoveOperator(c.UserContext(), o)
	}
	if err != nil {
		return err
	}
	return c.Redirect(hostAt+"/operators?done=removed", fiber.StatusSeeOther)
}

type hostAuditView struct {
	Lines       []auth.OperatorAct
	First, Next string
}

func (s *Server) hostAudit(c *fiber.Ctx) error {
	ctx := c.UserContext()
	before, err := strconv.ParseInt(c.Query("before", "0"), 10, 64)
	if err != nil {
		return errs.New(errs.NotFound, "place in the log %q", c.Query("before"))
	}
	var v hostAuditView
	if v.Lines, err = s.deps.Auth.OperatorLog(ctx, id.Org{}, before, orgsShown); err != nil {
		return err
	}
	if len(v.Lines) > orgsShown {
		v.Lines = v.Lines[:orgsShown]
		v.Next = hostAt + "/audit?before=" + strconv.FormatInt(v.Lines[orgsShown-1].Seq, 10)
	}
	if before > 0 {
		v.First = hostAt + "/audit"
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.nav.audit"), NavKey: "audit", Layout: ui.Work, NoIndex: true}, hostAuditPage(v))
}

// told are the words of a line's detail that say more than the sentence: reasons, names and numbers, never identifiers.
func told(a auth.OperatorAct) string {
	var all map[string]any
	if json.Unmarshal(a.Detail, &all) != nil {
		return ""
	}
	var out []string
	for _, k := range []string{"name", "email", "asker", "reason", "ended", "reads"} {
		switch v := all[k].(type) {
		case string:
			out = append(out, v)
		case float64:
			out = append(out, strconv.Itoa(int(v)))
		}
	}
	return strings.Join(out, " · ")
}

// OperatorActions is every action that a line of the operators' log can tell of; each has a sentence.
func OperatorActions() []string {
	out := []string{
		"operator.came", "operator.left", "operator.code", "operator.joined", "operator.invited", "operator.uninvited", "operator.removed", "passkey.added", "passkey.removed",
		"organizations.exported", "job.retried", "organization.created", "organization.suspended", "organization.reinstated", "organization.limited", "organization.closed", "organization.reopened", "member.added",
		"break_glass.asked", "break_glass.refused", "break_glass.opened", "break_glass.ended", "collection.created", "connection.ended", "agreement.withdrawn", "agreement.declined",
	}
	sort.Strings(out)
	return out
}

func act(ctx context.Context, a auth.OperatorAct) string {
	i := sort.SearchStrings(OperatorActions(), a.Action)
	if i == len(OperatorActions()) || OperatorActions()[i] != a.Action {
		return a.Action
	}
	return lang.T(ctx, "operator.act."+a.Action)
}

func actor(ctx context.Context, a auth.OperatorAct) string {
	if a.Name == "" {
		return lang.T(ctx, "operator.act.installation")
	}
	return a.Name
}

type hostMeView struct {
	Passkeys []auth.Passkey
	Now      time.Time
	Name     string
	Faults   ui.Faults
}

func (s *Server) hostMe(c *fiber.Ctx, v hostMeView, status int) (err error) {
	ctx := c.UserContext()
	if v.Passkeys, err = s.deps.Auth.DeskPasskeys(ctx); err != nil {
		return err
	}
	v.Now = s.deps.DB.Now()
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "operator.me.title"), Section: "you", Layout: ui.Reading, NoIndex: true, Flash: hostDone(c)}, hostMePage(v))
}

func (s *Server) offerDeskPasskey(c *fiber.Ctx) error {
	options, err := s.deps.Auth.OfferDeskPasskey(c.UserContext(), c.Cookies(s.deskCookie("op")))
	if err != nil {
		return err
	}
	c.Type("json")
	return c.Send(options)
}

func (s *Server) addDeskPasskey(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v := hostMeView{Name: strings.TrimSpace(c.FormValue("name"))}
	err := s.deps.Auth.AddDeskPasskey(ctx, c.Cookies(s.deskCookie("op")), v.Name, []byte(c.FormValue("credential")))
	switch key, args := errs.MessageKey(err); {
	case err == nil:
		return c.Redirect(hostAt+"/me?done=passkey_added", fiber.StatusSeeOther)
	case errs.Is(err, errs.Invalid), errs.Is(err, errs.Conflict):
		if v.Faults = hostFaults(ctx, err); len(v.Faults) == 0 {
			v.Faults = ui.Faults{{ID: "name", Text: lang.T(ctx, key, args...)}}
		}
		return s.hostMe(c, v, errs.Status(errs.KindOf(err)))
	}
	return err
}

func (s *Server) removeDeskPasskey(c *fiber.Ctx) error {
	k, err := anyID(c)
	if err == nil {
		err = s.deps.Auth.RemoveDeskPasskey(c.UserContext(), k)
	}
	if err != nil {
		return err
	}
	return c.Redirect(hostAt+"/me?done=passkey_removed", fiber.StatusSeeOther)
}
