package pages

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
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
	Faults   []ui.Fault
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
			for _, f := range e.Fields {
				v.Faults = append(v.Faults, ui.Fault{ID: f.Name, Text: lang.T(c.UserContext(), f.Key, f.Args...)})
			}
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

// seen is what another organization can see of one's own, as cards.
func (p *Pages) seenBy(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if err := authz.Check(ctx, authz.ManageNetwork, id.Org{}); err != nil {
		return err
	}
	o, err := p.svc.BySlug(ctx, c.Params("slug"))
	if err != nil {
		return err
	}
	var after *tenants.Item
	if s := c.Query("after"); s != "" {
		item, err := id.Parse[id.Item](s)
		at, terr := time.Parse(time.RFC3339Nano, c.Query("at"))
		if err != nil || terr != nil {
			return errs.New(errs.NotFound, "place in the list %q", s)
		}
		after = &tenants.Item{ItemID: item, PublishedAt: &at}
	}
	public := c.Query("of") == "everybody"
	v, err := p.svc.SeenBy(ctx, o, public, after, 24)
	if err != nil {
		return err
	}
	view := seenView{SeenBy: v, Own: shell.From(ctx).Org, Them: orgUI(o), Public: public}
	if v.More {
		last := v.Items[len(v.Items)-1]
		view.Next = view.address(public) + sep(public) + "after=" + last.ItemID.String() + "&at=" + last.PublishedAt.UTC().Format(time.RFC3339Nano)
	}
	if after != nil {
		view.First = view.address(public)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "tenants.seen.title", "Org", o.Name), NavKey: "network", Layout: ui.Work, NoIndex: true}, seenPage(view))
}

type seenView struct {
	tenants.SeenBy

	Own, Them   ui.Org
	Public      bool
	First, Next string
}

func (v seenView) address(public bool) string {
	if public {
		return "/network/" + v.Other.Slug + "/view?of=everybody"
	}
	return "/network/" + v.Other.Slug + "/view"
}

func sep(query bool) string {
	if query {
		return "&"
	}
	return "?"
}

// current are the terms that the page is about: what is proposed, what is in force, or what there was last.
func (v agreementView) current() *tenants.Version {
	switch {
	case v.Proposed != nil:
		return v.Proposed
	case v.InForce != nil:
		return v.InForce
	case len(v.Earlier) > 0:
		return &v.Earlier[0]
	}
	return nil
}

// base are the terms that what is proposed is compared with; nil for the first proposal.
func (v agreementView) base() *tenants.Version {
	switch {
	case v.Proposed == nil:
		return nil
	case v.InForce != nil:
		return v.InForce
	case len(v.Earlier) > 0 && (v.Earlier[0].State == "countered" || v.Earlier[0].State == "replaced"):
		return &v.Earlier[0]
	}
	return nil
}

// compares reports whether the page shows differences.
func (v agreementView) compares() bool { return v.base() != nil && !v.Whole }

func (v agreementView) mayEnd() bool {
	return v.State == tenants.Active || v.State == tenants.Paused || v.State == tenants.Ending
}

func (v agreementView) waits() string {
	switch {
	case v.Proposed == nil:
		return ""
	case v.Proposed.Mine:
		return tenants.WaitsThem
	}
	return tenants.WaitsUs
}

func (v agreementView) words(ctx context.Context) []word {
	until := ""
	if v.InForce != nil {
		until = v.InForce.Terms.Until
	}
	return stateWords(ctx, v.State, v.waits(), until, v.FinishUntil)
}

// whose is "us" or "them".
func whose(us bool) string {
	if us {
		return "us"
	}
	return "them"
}

// title says in one line how it stands and whose turn it is.
func (v agreementView) title(ctx context.Context) string {
	key := "tenants.agreement.with"
	switch {
	case v.Proposed != nil && v.State == tenants.Active:
		key = "tenants.title.change_" + whose(v.Proposed.Mine)
	case v.Proposed != nil && len(v.Earlier) > 0 && v.Earlier[0].State == "countered":
		key = "tenants.title.counter_" + whose(v.Proposed.Mine)
	case v.Proposed != nil:
		key = "tenants.title.asked_" + whose(v.Proposed.Mine)
	case v.State == tenants.Paused:
		key = "tenants.title.paused"
	case v.State == tenants.Ending:
		key = "tenants.title.ending"
	case v.State == tenants.Ended:
		key = "tenants.title.ended"
	case v.State == tenants.Declined && len(v.Earlier) > 0:
		key = "tenants.title.declined_" + whose(!v.Earlier[0].Mine)
	case v.State == tenants.Withdrawn && len(v.Earlier) > 0:
		key = "tenants.title.withdrawn_" + whose(v.Earlier[0].Mine)
	case v.State == tenants.Declined || v.State == tenants.Withdrawn:
		key = "tenants.title.nothing"
	}
	return lang.T(ctx, key, "Org", v.Other.Name)
}

func (v agreementView) lead(ctx context.Context) string {
	switch {
	case v.Proposed != nil && v.InForce != nil:
		return lang.T(ctx, "tenants.lead.change", "Version", strconv.Itoa(v.Proposed.Number), "InForce", strconv.Itoa(v.InForce.Number))
	case v.Proposed != nil:
		return lang.T(ctx, "tenants.lead.asked", "Version", strconv.Itoa(v.Proposed.Number))
	case v.State == tenants.Active && v.InForce != nil && v.Since != nil:
		return lang.T(ctx, "tenants.lead.active", "Version", strconv.Itoa(v.InForce.Number), "Date", lang.Date(ctx, *v.Since))
	case v.State == tenants.Paused:
		return lang.T(ctx, "tenants.lead.paused")
	case v.State == tenants.Ending && v.FinishUntil != nil:
		return lang.T(ctx, "tenants.lead.ending", "Date", lang.Date(ctx, *v.FinishUntil), "Count", v.Finishing)
	case v.State == tenants.Ended:
		return lang.T(ctx, "tenants.lead.ended")
	}
	return lang.T(ctx, "tenants.lead.over")
}

// steps are the stations of what is going on.
func (v agreementView) steps(ctx context.Context) []ui.StateStep {
	org, date := v.Other.Name, func(t time.Time) string { return lang.Date(ctx, t) }
	var out []ui.StateStep
	add := func(state, key, text string) {
		out = append(out, ui.StateStep{State: state, Title: lang.T(ctx, key, "Org", org), Text: text})
	}
	if v.Proposed != nil {
		var round []tenants.Version
		for _, e := range v.Earlier {
			if e.State != "countered" || len(round) == 3 {
				break
			}
			round = append(round, e)
		}
		slices.Reverse(round)
		for i, e := range append(round, *v.Proposed) {
			key := "tenants.step.countered_" + whose(e.Mine)
			if i == 0 {
				key = "tenants.step.proposed_" + whose(e.Mine)
			}
			add(ui.Done, key, date(e.Created))
		}
		add(ui.Now, "tenants.step.answer_"+whose(!v.Proposed.Mine), lang.T(ctx, "tenants.step.version", "Version", strconv.Itoa(v.Proposed.Number)))
		add(ui.Ahead, "tenants.step.signed", lang.T(ctx, "tenants.step.not_yet"))
		if v.InForce != nil {
			add(ui.Ahead, "tenants.step.in_force", lang.T(ctx, "tenants.step.replaces", "Version", strconv.Itoa(v.InForce.Number)))
		} else {
			add(ui.Ahead, "tenants.step.in_force", lang.T(ctx, "tenants.step.opens"))
		}
		return out
	}
	cur := v.current()
	if cur == nil {
		return nil
	}
	add(ui.Done, "tenants.step.proposed_"+whose(cur.Mine), date(cur.Created))
	decided := cur.Created
	if cur.Decided != nil {
		decided = *cur.Decided
	}
	switch cur.State {
	case "declined":
		add(ui.Done, "tenants.step.declined_"+whose(!cur.Mine), date(decided))
		return out
	case "withdrawn":
		add(ui.Done, "tenants.step.withdrawn_"+whose(cur.Mine), date(decided))
		return out
	}
	signed := decided
	if cur.SignedUs != nil && cur.SignedBy != nil {
		signed = *cur.SignedUs
		if cur.SignedBy.After(signed) {
			signed = *cur.SignedBy
		}
	}
	add(ui.Done, "tenants.step.signed", date(signed))
	switch v.State {
	case tenants.Active:
		text := lang.T(ctx, "tenants.step.any_time")
		add(ui.Now, "tenants.step.in_force", lang.T(ctx, "tenants.step.version", "Version", strconv.Itoa(cur.Number)))
		if d, ok := parseDay(cur.Terms.Until); ok {
			text = date(d)
		}
		add(ui.Ahead, "tenants.step.end", text)
	case tenants.Paused:
		add(ui.Now, "tenants.step.paused", lang.T(ctx, "tenants.step.either"))
		add(ui.Ahead, "tenants.step.resumed", lang.T(ctx, "tenants.step.not_yet"))
	case tenants.Ending:
		add(ui.Done, "tenants.step.ended", date(decided))
		add(ui.Now, "tenants.step.finish", until(ctx, v.FinishUntil.Format(time.DateOnly)))
		add(ui.Ahead, "tenants.step.closed", "")
	default:
		add(ui.Done, "tenants.step.ended", date(decided))
	}
	return out
}

// halfRows are what one side gives, each line compared with what it was: own is whether it is our half.
func halfRows(ctx context.Context, own bool, was *tenants.Half, is tenants.Half) (changed, same []ui.ChangeRowProps) {
	put := func(r ui.ChangeRowProps) {
		if r.Kind == ui.RowSame {
			same = append(same, r)
		} else {
			changed = append(changed, r)
		}
	}
	find := func(list []tenants.Opening, c id.Collection) (tenants.Opening, bool) {
		i := slices.IndexFunc(list, func(o tenants.Opening) bool { return o.Collection == c })
		if i < 0 {
			return tenants.Opening{}, false
		}
		return list[i], true
	}
	for _, o := range is.Opens {
		row := ui.ChangeRowProps{Kind: ui.RowSame, Title: o.Title, To: opening(ctx, o)}
		if was != nil {
			old, ok := find(was.Opens, o.Collection)
			row.From = opening(ctx, old)
			switch {
			case !ok:
				row.Kind, row.From = ui.RowNew, ""
			case row.From != row.To:
				row.Kind = ui.RowChanged
			}
		}
		put(row)
	}
	side := whose(own)
	if was != nil {
		for _, o := range was.Opens {
			if _, ok := find(is.Opens, o.Collection); !ok {
				put(ui.ChangeRowProps{Kind: ui.RowGone, Title: o.Title, From: opening(ctx, o)})
			}
		}
		put(valueRow(lang.T(ctx, "tenants.half.learn_"+side), learns(ctx, was.Learns), learns(ctx, is.Learns)))
		put(valueRow(lang.T(ctx, "tenants.half.meet_"+side), meets(ctx, was.Meet), meets(ctx, is.Meet)))
		return changed, same
	}
	put(valueRow(lang.T(ctx, "tenants.half.learn_"+side), learns(ctx, is.Learns), learns(ctx, is.Learns)))
	put(valueRow(lang.T(ctx, "tenants.half.meet_"+side), meets(ctx, is.Meet), meets(ctx, is.Meet)))
	return changed, same
}

func valueRow(title, from, to string) ui.ChangeRowProps {
	r := ui.ChangeRowProps{Kind: ui.RowSame, Title: title, From: from, To: to}
	if from != to {
		r.Kind = ui.RowChanged
	}
	return r
}

// half is one side's half of the page.
type half struct {
	Org           ui.Org
	Title         string
	Count         int
	Changed, Same []ui.ChangeRowProps
}

func (v agreementView) halves(ctx context.Context) []half {
	cur := v.current()
	if cur == nil {
		return nil
	}
	out := make([]half, 2)
	for i, own := range []bool{true, false} {
		of := v.Ours
		h := half{Org: v.Own, Title: lang.T(ctx, "tenants.half.you_open", "Org", v.Other.Name)}
		if !own {
			of = v.Theirs
			h.Org, h.Title = v.Them, lang.T(ctx, "tenants.half.they_open", "Org", v.Other.Name)
		}
		is := of(cur.Terms)
		h.Count = len(is.Opens)
		var was *tenants.Half
		if v.compares() {
			w := of(v.base().Terms)
			was = &w
		}
		h.Changed, h.Same = halfRows(ctx, own, was, is)
		out[i] = h
	}
	return out
}

// term is a line of what both agree.
type term struct {
	Name, From, To string
	Changed        bool
}

func (v agreementView) both(ctx context.Context) []term {
	cur := v.current()
	if cur == nil {
		return nil
	}
	was := cur.Terms
	if v.compares() {
		was = v.base().Terms
	}
	rows := []term{
		{Name: lang.T(ctx, "tenants.both.finish"), From: finish(ctx, was.FinishDays), To: finish(ctx, cur.Terms.FinishDays)},
		{Name: lang.T(ctx, "tenants.both.until"), From: until(ctx, was.Until), To: until(ctx, cur.Terms.Until)},
		{Name: lang.T(ctx, "tenants.both.pause"), To: lang.T(ctx, "tenants.both.pause_text")},
		{Name: lang.T(ctx, "tenants.both.records"), To: lang.T(ctx, "tenants.both.records_text")},
	}
	for i := range rows {
		if rows[i].From == "" {
			rows[i].From = rows[i].To
		}
		rows[i].Changed = rows[i].From != rows[i].To
	}
	return rows
}

// counts are how many lines are new, changed, taken out, and the same.
func (v agreementView) counts(ctx context.Context) (badges []word, same int) {
	n := map[string]int{}
	for _, h := range v.halves(ctx) {
		for _, r := range h.Changed {
			n[r.Kind]++
		}
		same += len(h.Same)
	}
	for _, t := range v.both(ctx) {
		if t.Changed {
			n[ui.RowChanged]++
		} else {
			same++
		}
	}
	for _, k := range []struct{ kind, badge string }{{ui.RowNew, ui.OK}, {ui.RowChanged, ui.Info}, {ui.RowGone, ui.Bad}} {
		if n[k.kind] > 0 {
			badges = append(badges, word{k.badge, lang.T(ctx, "tenants.count."+k.kind, "Count", n[k.kind])})
		}
	}
	return badges, same
}

// plain are the terms of a version in at most three sentences.
func (v agreementView) plain(ctx context.Context, t tenants.Terms) []string {
	return plainWords(ctx, v.Other.Name, v.Ours(t), v.Theirs(t))
}

// said is a note that came with a version.
type said struct {
	Org        ui.Org
	Who, Text  string
	When, At   string
	Version    int
	FromViewer bool
}

func (v agreementView) notes(ctx context.Context) []said {
	var list []tenants.Version
	if v.Proposed != nil {
		list = append(list, *v.Proposed)
	}
	if v.InForce != nil {
		list = append(list, *v.InForce)
	}
	list = append(list, v.Earlier...)
	var out []said
	for _, e := range list {
		if strings.TrimSpace(e.Note) == "" || len(out) == 5 {
			continue
		}
		s := said{Org: v.Them, Who: v.Other.Name, Text: e.Note, When: lang.Ago(ctx, v.Now, e.Created), At: e.Created.Format(time.RFC3339), Version: e.Number}
		if e.Mine {
			s.Org, s.Who, s.FromViewer = v.Own, lang.T(ctx, "tenants.you"), true
		}
		out = append(out, s)
	}
	return out
}

// receipts are what happened, newest first, from the versions and the own log.
func (v agreementView) receipts(ctx context.Context) []ui.TimelineRow {
	type event struct {
		at   time.Time
		us   bool
		text string
	}
	var all []event
	names := map[string]string{} // who of us did it, by action and second
	at := func(action string, t time.Time) string { return action + t.UTC().Format(time.RFC3339) }
	for _, r := range v.Log {
		if r.ByUs && r.Name != "" {
			names[at(r.Action, r.At)] = r.Name
		}
		switch {
		case r.Action == "connection.lapsed" || r.Action == "connection.closed":
			// Neither side did it: it stands with the own sign.
			all = append(all, event{r.At, true, v.receipt(ctx, r.Action, false, "", 0)})
		case strings.HasPrefix(r.Action, "connection.") && r.Action != "connection.made":
			all = append(all, event{r.At, r.ByUs, v.receipt(ctx, r.Action, r.ByUs, r.Name, 0)})
		}
	}
	versions := slices.Clone(v.Earlier)
	for _, x := range []*tenants.Version{v.Proposed, v.InForce} {
		if x != nil {
			versions = append(versions, *x)
		}
	}
	for _, x := range versions {
		if signed := x.SignedUs; x.SignedUs != nil && x.SignedBy != nil {
			us := x.SignedUs.After(*x.SignedBy)
			if !us {
				signed = x.SignedBy
			}
			all = append(all, event{*signed, us, v.receipt(ctx, "agreement.signed", us, names[at("agreement.signed", *signed)], x.Number)})
		}
		if x.Decided != nil && (x.State == "declined" || x.State == "withdrawn") {
			us := x.Mine == (x.State == "withdrawn")
			all = append(all, event{*x.Decided, us, v.receipt(ctx, "agreement."+x.State, us, names[at("agreement."+x.State, *x.Decided)], x.Number)})
		}
		// Last, because of two that happened at once the later stands above.
		all = append(all, event{x.Created, x.Mine, v.receipt(ctx, "agreement.proposed", x.Mine, names[at("agreement.proposed", x.Created)], x.Number)})
	}
	slices.SortStableFunc(all, func(a, b event) int { return b.at.Compare(a.at) })
	var out []ui.TimelineRow
	for _, e := range all[:min(len(all), 20)] {
		org := v.Them
		if e.us {
			org = v.Own
		}
		out = append(out, ui.TimelineRow{Org: org, Text: e.text, When: lang.Ago(ctx, v.Now, e.at), At: e.at.Format(time.RFC3339)})
	}
	return out
}

func (v agreementView) receipt(ctx context.Context, action string, us bool, name string, version int) string {
	who := v.Other.Name
	if us {
		who = lang.T(ctx, "tenants.you")
		if name != "" {
			who = name
		}
	}
	return lang.T(ctx, "tenants.log."+action, "Who", who, "Version", strconv.Itoa(version))
}

// fingerprint is the beginning and the end of what is signed, as people compare it.
func fingerprint(h [32]byte) string {
	s := hex.EncodeToString(h[:])
	return s[:4] + " " + s[4:8] + " … " + s[60:]
}

func (v agreementView) fault(field string) string {
	for _, f := range v.Faults {
		if f.ID == field {
			return f.Text
		}
	}
	return ""
}

// effects are what follows on this side if both sign.
func (v agreementView) effects(ctx context.Context) []effect {
	if v.Proposed == nil {
		return nil
	}
	out := []effect{{"eye", lang.T(ctx, "tenants.effect.opens", "Count", v.Impact.Opens), lang.T(ctx, "tenants.effect.opens_text", "Org", v.Other.Name)}}
	if n := len(v.Theirs(v.Proposed.Terms).Opens); n > 0 {
		out = append(out, effect{"users", lang.T(ctx, "tenants.effect.people", "Count", v.Impact.People), lang.T(ctx, "tenants.effect.people_text", "Count", n)})
	}
	if v.Impact.Losing > 0 {
		out = append(out, effect{"eye-off", lang.T(ctx, "tenants.effect.losing", "Count", v.Impact.Losing), lang.T(ctx, "tenants.effect.losing_text")})
	} else if v.InForce != nil {
		out = append(out, effect{"route", lang.T(ctx, "tenants.effect.learners", "Count", v.Impact.Learners), lang.T(ctx, "tenants.effect.learners_text")})
	}
	if v.Ours(v.Proposed.Terms).Learns == tenants.LearnsNamed {
		out = append(out, effect{"shield-check", lang.T(ctx, "tenants.effect.asked"), lang.T(ctx, "tenants.effect.asked_text")})
	}
	return out
}

type effect struct{ Icon, Title, Text string }
