package pages

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountJoint adds the routes of what a publisher and an adopter say together of a path. The address names the path and the other
// organization, so that it is the same page for both.
func (p *Pages) mountJoint(r fiber.Router) {
	r.Get("/joint", p.joints)
	r.Get("/joint/:id", p.jointWith)
	r.Get("/joint/:id/:slug", p.joint)
	r.Post("/joint/:id/:slug", p.moveJoint)
}

type jointsView struct {
	courses.JointList

	Own        tenants.Organization
	Prev, Next string
}

func (p *Pages) joints(c *fiber.Ctx) error {
	ctx := c.UserContext()
	page := min(max(c.QueryInt("page"), 1), 1000)
	list, err := p.courses.Joints(ctx, page-1)
	if err != nil {
		return err
	}
	v := jointsView{JointList: list}
	if page > 1 {
		v.Prev = "/joint?page=" + strconv.Itoa(page-1)
	}
	if list.More {
		v.Next = "/joint?page=" + strconv.Itoa(page+1)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "joint.list.title"), NavKey: "network", Layout: ui.Work, NoIndex: true}, jointsPage(v))
}

// jointWith asks with whom; where one was chosen it leads there.
func (p *Pages) jointWith(c *fiber.Ctx) error {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return err
	}
	path, list, err := p.courses.JointWith(ctx, it)
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.Slug == c.Query("with") {
			return c.Redirect(jointHref(it, o), fiber.StatusSeeOther)
		}
	}
	var options []ui.Option
	for _, o := range list {
		options = append(options, ui.Option{Value: o.Slug, Label: o.Name})
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "joint.with.title"), NavKey: "network", Layout: ui.Reading, NoIndex: true}, jointWithPage(path, options))
}

type jointView struct {
	courses.JointView

	Form     courses.JointWords
	Show     bool // the form's choice to let the own customers read it
	Faults   ui.Faults
	Conflict string
}

// at is the address of the page.
func (v jointView) at() string { return jointHref(v.Path, v.Other) }

func jointHref(path id.Item, other tenants.Organization) string {
	return "/joint/" + path.String() + "/" + other.Slug
}

func (p *Pages) readJoint(c *fiber.Ctx) (jointView, error) {
	ctx := c.UserContext()
	it, err := item(c)
	if err != nil {
		return jointView{}, err
	}
	jv, err := p.courses.Joint(ctx, it, c.Params("slug"))
	if err != nil {
		return jointView{}, err
	}
	v := jointView{JointView: jv, Form: jv.Alone}
	for _, j := range []*courses.Joint{v.Accepted, v.Proposed} {
		if j != nil {
			v.Form, v.Show = j.JointWords, j.ForCustomers
		}
	}
	return v, nil
}

func (p *Pages) joint(c *fiber.Ctx) error {
	v, err := p.readJoint(c)
	if err != nil {
		return err
	}
	return showJoint(c, v, fiber.StatusOK)
}

func showJoint(c *fiber.Ctx, v jointView, status int) error {
	ctx := c.UserContext()
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	var said *ui.Flash
	switch d := c.Query("done"); d {
	case "proposed", "accepted", "declined", "withdrawn", "taken_back", "shown":
		said = &ui.Flash{Kind: ui.OK, Text: lang.T(ctx, "joint.done."+d, "Org", v.Other.Name)}
	}
	return shell.Page(c, ui.PageProps{Title: v.heading(ctx), NavKey: "network", Layout: ui.Work, NoIndex: true, Flash: said}, jointPage(v))
}

// wordsOf reads the words of the form.
func wordsOf(c *fiber.Ctx) courses.JointWords {
	return courses.JointWords{Proposition: formText(c, "proposition"), PublisherKnows: formText(c, "publisher_knows"), AdopterAdds: formText(c, "adopter_adds"), CustomerGets: formText(c, "customer_gets")}
}

func (p *Pages) moveJoint(c *fiber.Ctx) error {
	v, err := p.readJoint(c)
	if err != nil {
		return err
	}
	done, err := p.doJoint(c, v)
	fault, _ := errors.AsType[*errs.Error](err)
	switch {
	case err == nil:
		return c.Redirect(v.at()+"?done="+done, fiber.StatusSeeOther)
	case fault != nil && errs.Is(err, errs.Conflict):
		if v, err = p.readJoint(c); err != nil {
			return err
		}
		key, args := errs.MessageKey(fault)
		v.Conflict = lang.T(c.UserContext(), key, args...)
		return showJoint(c, v, fiber.StatusConflict)
	case fault != nil && errs.Is(err, errs.Invalid) && len(fault.Fields) > 0:
		v.Form, v.Show = wordsOf(c), c.FormValue("for_customers") != ""
		v.Faults = ui.FaultsOf(c.UserContext(), fault.Fields)
		return showJoint(c, v, fiber.StatusUnprocessableEntity)
	}
	return err
}

// doJoint makes the move that the form names and returns the word for what was done.
func (p *Pages) doJoint(c *fiber.Ctx, v jointView) (string, error) {
	ctx, version, forCustomers := c.UserContext(), number(c.FormValue("version")), c.FormValue("for_customers") != ""
	switch do := c.FormValue("do"); do {
	case "propose":
		return "proposed", p.courses.ProposeJoint(ctx, v.Path, v.Other.OrgID, wordsOf(c), forCustomers)
	case "accept":
		hash, err := hex.DecodeString(c.FormValue("hash"))
		if err != nil || len(hash) != 32 {
			return "", errs.New(errs.Malformed, "hash of what is signed")
		}
		return "accepted", p.courses.AcceptJoint(ctx, v.Path, v.Other.OrgID, version, [32]byte(hash), forCustomers)
	case "decline":
		return "declined", p.courses.DeclineJoint(ctx, v.Path, v.Other.OrgID, version)
	case "withdraw":
		return "withdrawn", p.courses.WithdrawJoint(ctx, v.Path, v.Other.OrgID, version)
	case "take_back":
		return "taken_back", p.courses.TakeBackJoint(ctx, v.Path, v.Other.OrgID, version)
	case "show":
		return "shown", p.courses.ShowJoint(ctx, v.Path, v.Other.OrgID, version, forCustomers)
	default:
		return "", errs.New(errs.Malformed, "move %q", do)
	}
}

// heading says in one line how it stands and whose turn it is.
func (v jointView) heading(ctx context.Context) string {
	key := "joint.title.none"
	switch {
	case v.Proposed != nil && v.Mine(v.Proposed):
		key = "joint.title.waits_them"
	case v.Proposed != nil:
		key = "joint.title.waits_us"
	case v.Accepted != nil:
		key = "joint.title.accepted"
	}
	return lang.T(ctx, key, "Org", v.Other.Name)
}

func (v jointView) crumbs(ctx context.Context) []ui.Link {
	return []ui.Link{{Label: lang.T(ctx, "tenants.network.title"), Href: "/network"}, {Label: lang.T(ctx, "joint.list.title"), Href: "/joint"}, {Label: v.Other.Name}}
}

// publisher and adopter are the two, whichever of them looks.
func (v jointView) publisher() tenants.Organization {
	if v.Publishes {
		return v.Own
	}
	return v.Other
}

func (v jointView) adopter() tenants.Organization {
	if v.Publishes {
		return v.Other
	}
	return v.Own
}

// jointProps is a joint proposition as readers see it, under both names.
func jointProps(ctx context.Context, j courses.Joint, publisher, adopter tenants.Organization) ui.PropositionProps {
	with := show.Org(publisher)
	return ui.PropositionProps{
		Title: lang.T(ctx, "joint.by", "Publisher", publisher.Name, "Adopter", adopter.Name), Quote: j.Proposition, Org: show.Org(adopter), With: &with,
		Rows: propositionRows(ctx, publisher, adopter, j.PublisherKnows, j.AdopterAdds, j.CustomerGets),
	}
}

// onPath is the card of a joint proposition on the page of its path.
func onPath(ctx context.Context, v courses.View, j courses.Joint) ui.PropositionProps {
	p := jointProps(ctx, j, v.Org, v.Adders[j.Adopter])
	switch {
	case j.Adopter != v.Own.OrgID && j.Publisher != v.Own.OrgID:
		p.Note = lang.T(ctx, "additions.from_note", "Org", v.Adders[j.Adopter].Name)
	case j.ForCustomers:
		p.Note = lang.T(ctx, "joint.seen.customers", "Publisher", v.Org.Name, "Adopter", v.Adders[j.Adopter].Name)
	default:
		p.Note = lang.T(ctx, "joint.seen.both", "Publisher", v.Org.Name, "Adopter", v.Adders[j.Adopter].Name)
	}
	return p
}

// alone reports whether what an adopter says alone is shown: it is not where the viewer reads what it says with the publisher.
func alone(v courses.View, a courses.Additions) bool {
	for _, j := range v.Joints {
		if j.Adopter == a.Org {
			return false
		}
	}
	return a.Proposition != ""
}

// changes compares the words of what is proposed with those that were accepted.
func (v jointView) changes(ctx context.Context) (out []ui.ChangeRowProps) {
	was := courses.JointWords{}
	if v.Accepted != nil {
		was = v.Accepted.JointWords
	}
	for _, r := range []struct{ title, from, to string }{
		{lang.T(ctx, "joint.proposition"), was.Proposition, v.Proposed.Proposition},
		{lang.T(ctx, "joint.knows", "Org", v.publisher().Name), was.PublisherKnows, v.Proposed.PublisherKnows},
		{lang.T(ctx, "joint.adds", "Org", v.adopter().Name), was.AdopterAdds, v.Proposed.AdopterAdds},
		{lang.T(ctx, "joint.gets"), was.CustomerGets, v.Proposed.CustomerGets},
	} {
		kind := ui.RowChanged
		switch {
		case r.from == r.to:
			kind = ui.RowSame
		case r.from == "":
			kind = ui.RowNew
		case r.to == "":
			kind = ui.RowGone
		}
		if r.from+r.to != "" {
			out = append(out, ui.ChangeRowProps{Kind: kind, Title: r.title, From: r.from, To: r.to})
		}
	}
	return out
}

// signatures say who signed a version, and when.
func (v jointView) signatures(ctx context.Context, j *courses.Joint) (out []ui.TimelineRow) {
	for _, s := range []struct {
		org tenants.Organization
		at  *time.Time
	}{{v.publisher(), j.SignedPublisher}, {v.adopter(), j.SignedAdopter}} {
		r := ui.TimelineRow{Org: show.Org(s.org), Text: lang.T(ctx, "joint.unsigned", "Org", s.org.Name)}
		if s.at != nil {
			r.Text, r.When, r.At = lang.T(ctx, "joint.signed", "Org", s.org.Name), lang.Date(ctx, *s.at), s.at.UTC().Format(time.RFC3339)
		}
		out = append(out, r)
	}
	return out
}

// print is the beginning and the end of what is signed, as people compare it.
func print(hash []byte) string {
	s := hex.EncodeToString(hash)
	return s[:4] + " " + s[4:8] + " … " + s[60:]
}

// since is when a version became what it is.
func since(j courses.Joint) time.Time {
	if j.Decided != nil {
		return *j.Decided
	}
	return j.Created
}

// jointBadge says how a version stands.
func jointBadge(ctx context.Context, state string, mine bool) word {
	kind, key := ui.Neutral, "joint.state."+state
	switch {
	case state == courses.JointAccepted:
		kind = ui.OK
	case state == courses.JointProposed && mine:
		kind, key = ui.Info, "joint.state.waits_them"
	case state == courses.JointProposed:
		kind, key = ui.Warn, "joint.state.waits_us"
	}
	return word{kind, lang.T(ctx, key)}
}
