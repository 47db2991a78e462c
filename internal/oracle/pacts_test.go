package oracle_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// pact is what the test knows of the connection of two organizations: what was proposed and what was signed, as they said it.
type pact struct {
	a, b     *org // a asked first
	proposed *draft
	inForce  *draft
	versions int
}

// draft is one version of terms.
type draft struct {
	number int
	by     *org
	opens  map[*org][]*oracle.Object // who opens which of its collections
	meet   map[*org]string
	learns map[*org]string // what the other learns about its people
	days   int             // to finish
	calls  map[*org]string // what each side calls the other, by who asks; counts with asking only
	hash   [32]byte
}

func (p *pact) other(o *org) *org {
	if o == p.a {
		return p.b
	}
	return p.a
}

// learner is somebody on an item of another organization.
type learner struct {
	org    *org
	member id.Membership
	item   *oracle.Object
	active bool
}

// manager is the context in which a partner manager of the organization acts.
func (w *world) manager(o *org) context.Context {
	return scope.Enter(w.t.Context(), scope.Scope{Actor: scope.Member, Org: o.id, Membership: o.members[0], Roles: []scope.Role{scope.Learner, scope.PartnerManager}})
}

func (w *world) tenants() *tenants.Service { return tenants.New(w.d, base) }

// pact returns what is known of two organizations; nil if neither ever asked.
func (w *world) pact(a, b *org) *pact {
	for _, p := range w.pacts {
		if p.a == a && p.b == b || p.a == b && p.b == a {
			return p
		}
	}
	return nil
}

func (w *world) stateOf(p *pact) string {
	return w.model.Sides[[2]string{p.a.id.String(), p.b.id.String()}].State
}

// relationships are what one organization calls another; more of them are customers than anything else.
var relationships = []string{"customer", "customer", "customer", "partner", "vendor", "peer"}

// proposal makes random terms: of both sides some collections, and canaries in every text.
func (w *world) proposal(by, to *org) (*draft, tenants.Proposal) {
	d := &draft{by: by, opens: map[*org][]*oracle.Object{}, meet: map[*org]string{}, learns: map[*org]string{}, calls: map[*org]string{by: pick(w.r, relationships), to: pick(w.r, relationships)}, days: pick(w.r, []int{0, 30, 30, 30})}
	both := &oracle.Object{Kind: oracle.Connection, Org: by.id.String(), Other: to.id.String()}
	halves := map[*org]tenants.Half{}
	for _, o := range []*org{by, to} {
		h := tenants.Half{Learns: pick(w.r, levels), Meet: pick(w.r, []string{"name", "name", "company", "none"})}
		for _, c := range w.colls {
			if c.Org == o.id.String() && c.State != "internal" && w.chance(.5) {
				d.opens[o] = append(d.opens[o], c)
				h.Opens = append(h.Opens, tenants.Opening{Collection: parse[id.Collection](w.t, c.ID), Title: w.field(both, "agreements.terms"), Right: tenants.RightUse})
			}
		}
		halves[o], d.meet[o], d.learns[o] = h, h.Meet, h.Learns
	}
	return d, tenants.Proposal{Ours: halves[by], Theirs: halves[to], FinishDays: d.days, Note: w.field(both, "agreements.note"), WeCall: d.calls[by], TheyCall: d.calls[to]}
}

// moved fails unless the product did what the table of moves allows.
func (w *world) moved(what string, err error) {
	w.t.Helper()
	switch {
	case err == nil:
	case w.mutated:
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %v", what, err))
	default:
		w.t.Fatalf("%s: %v", what, err)
	}
}

// refused is a move that the product must refuse; what it did instead is found as a leak.
func (w *world) refused(what string, err error, kind errs.Kind) {
	w.t.Helper()
	if !errs.Is(err, kind) {
		w.wrong = append(w.wrong, fmt.Sprintf("%s was not refused: %v", what, err))
	}
}

// propose writes down what was proposed; the hash is what the other side reads.
func (w *world) propose(p *pact, d *draft) {
	p.versions++
	d.number, p.proposed = p.versions, d
	key := w.pairKey(p) + " " + fmt.Sprint(d.number)
	w.put("agreements", key, &oracle.Object{Kind: oracle.Connection, Org: p.a.id.String(), Other: p.b.id.String()})
	v, err := w.tenants().Connection(w.manager(p.other(d.by)), d.by.id)
	if err == nil && (v.Proposed == nil || v.Proposed.Number != d.number) {
		err = errs.New(errs.Invalid, "version %d is not proposed", d.number)
	}
	if w.moved("what is proposed", err); err != nil {
		return
	}
	d.hash = v.Proposed.Hash
}

// pairKey is how the database orders the two.
func (w *world) pairKey(p *pact) string {
	return min(p.a.id.String(), p.b.id.String()) + " " + max(p.a.id.String(), p.b.id.String())
}

// askFor lets an organization ask another for a connection, with random terms.
func (w *world) askFor(by, to *org) {
	d, prop := w.proposal(by, to)
	w.moved("ask", w.tenants().Ask(w.manager(by), to.id, prop))
	p := w.pact(by, to)
	if p == nil {
		p = &pact{a: by, b: to}
		w.pacts = append(w.pacts, p)
		ka, kb := by.id.String(), to.id.String()
		for _, k := range [][2]string{{ka, kb}, {kb, ka}} {
			w.put("connection_sides", k[0]+" "+k[1], &oracle.Object{Kind: oracle.Connection, Org: k[0], Other: k[1]})
		}
		w.put("connections", w.pairKey(p), &oracle.Object{Kind: oracle.Connection, Org: ka, Other: kb})
	}
	p.inForce = nil
	w.calls(by, to, d.calls[by])
	w.calls(to, by, d.calls[to])
	w.standing(p, "asked", d)
	w.propose(p, d)
}

// calls notes what an organization calls another.
func (w *world) calls(o, other *org, as string) {
	k := [2]string{o.id.String(), other.id.String()}
	s := w.model.Sides[k]
	s.Calls = as
	w.model.Sides[k] = s
}

// standing sets the state of both sides in the model and, with terms, how their people meet.
func (w *world) standing(p *pact, state string, d *draft) {
	for _, o := range []*org{p.a, p.b} {
		k := [2]string{o.id.String(), p.other(o).id.String()}
		s := w.model.Sides[k]
		s.State = state
		if d != nil {
			s.Meet, s.Learns = d.meet[o], d.learns[o]
		}
		w.model.Sides[k] = s
		if state == "ending" || state == "ended" {
			w.forgetAnswers(o, p.other(o))
			for _, name := range []string{"program_partners", "standings"} { // Who is connected no more takes no part.
				if ob := w.at(name).objects[k[0]+" "+k[1]]; ob != nil {
					ob.State = "ended"
				}
			}
			for _, j := range w.at("joint_propositions").objects { // What was said before a new beginning is not shown again.
				if j.Org == k[0] && j.Other == k[1] {
					j.Customers = false
				}
			}
		}
	}
	w.went()
}

func (w *world) counter(p *pact, by *org) {
	d, prop := w.proposal(by, p.other(by))
	d.days = 31 + p.versions%100 // Something changes in any case.
	prop.FinishDays = d.days
	w.moved("counter", w.tenants().Counter(w.manager(by), p.other(by).id, prop))
	w.propose(p, d)
}

// sign lets the other side sign what is proposed, and reports whether it could: what it took back meanwhile it cannot open.
func (w *world) sign(p *pact) bool {
	d := p.proposed
	by := p.other(d.by)
	call := pick(w.r, relationships)
	err := w.tenants().Sign(w.manager(by), d.by.id, d.number, d.hash, call)
	if slices.ContainsFunc(d.opens[by], func(c *oracle.Object) bool { return c.State == "internal" }) {
		w.refused("a collection that was taken back", err, errs.Invalid)
		return false
	}
	w.moved("sign", err)
	p.inForce, p.proposed = d, nil
	w.calls(by, d.by, call)
	w.standing(p, "active", d)
	w.inForce(p)
	w.study(p)
	return true
}

// inForce makes the model's grants those of the version in force.
func (w *world) inForce(p *pact) {
	w.dropGrants(p)
	for _, o := range []*org{p.a, p.b} {
		to := p.other(o).id.String()
		for _, c := range p.inForce.opens[o] {
			if c.State != "internal" {
				w.put("grants", c.Org+" "+to+" "+c.ID, &oracle.Object{Kind: oracle.Grant, Org: c.Org, ID: c.ID, Other: to, Signed: true})
			}
		}
	}
}

func (w *world) dropGrants(p *pact) {
	a, b := p.a.id.String(), p.b.id.String()
	for key, g := range w.at("grants").objects {
		if g.Org == a && g.Other == b || g.Org == b && g.Other == a {
			w.drop("grants", key)
		}
	}
}

// dropDirect forgets what was opened without an agreement; what was signed stays and does not hold while it is paused.
func (w *world) dropDirect(p *pact) {
	a, b := p.a.id.String(), p.b.id.String()
	for key, g := range w.at("grants").objects {
		if !g.Signed && (g.Org == a && g.Other == b || g.Org == b && g.Other == a) {
			w.drop("grants", key)
		}
	}
}

// study puts members of both sides on something that is open to them.
func (w *world) study(p *pact) {
	if w.rich && len(w.learners) == 0 {
		return // Its items have no versions yet; learning begins when they have.
	}
	for _, o := range []*org{p.a, p.b} {
		from := p.other(o)
		for _, it := range w.items {
			who := oracle.Viewer{Org: o.id.String()}
			if it.Org == from.id.String() && it.State == "published" && w.opensTo(o, it) && w.model.Sees(who, it) && w.chance(.35) && w.learns(it) {
				w.enroll(o, pick(w.r, o.members), it, w.chance(.75))
			}
		}
	}
}

// through lets members finish what is open to them: they have nothing to go on with when it ends.
func (w *world) through(p *pact) {
	for _, it := range w.items {
		for _, o := range []*org{p.a, p.b} {
			if it.State == "published" && w.learns(it) && w.opensTo(o, it) {
				w.enroll(o, o.members[1], it, false)
			}
		}
	}
}

// learns reports whether an item is one that somebody can be in the middle of.
func (w *world) learns(it *oracle.Object) bool {
	p := w.pages[it.ID]
	return p == nil || p.kind == tenants.KindCourse || p.kind == tenants.KindPath
}

// opensTo reports whether a grant to the organization itself, not one to everybody, opens the item.
func (w *world) opensTo(o *org, it *oracle.Object) bool {
	for _, g := range w.at("grants").objects {
		if g.Other != o.id.String() || g.Org != it.Org || g.Expired || g.Signed && w.model.Sides[[2]string{g.Org, g.Other}].State != "active" {
			continue
		}
		for _, l := range w.at("collection_items").objects {
			if l.ID == g.ID && (l.Item == it.ID || w.model.Objects["part "+l.Item+" "+it.ID] != nil && w.published(l.Item)) {
				return true
			}
		}
	}
	return false
}

func (w *world) published(item string) bool {
	it := w.model.Objects["item "+item]
	return it != nil && it.State == "published"
}

func (w *world) enroll(o *org, m id.Membership, it *oracle.Object, active bool) {
	for _, l := range w.learners {
		if l.member == m && l.item == it {
			return
		}
	}
	state := "completed"
	if active {
		state = "active"
	}
	house := &oracle.Object{Kind: oracle.House, Org: o.id.String()}
	e := id.New[id.Enrollment]()
	w.exec(o, `INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, reason, state, total) VALUES ($1, $2, $3, $4, $5, 1, 'choice', $6, $7, 2)`,
		o.id, e, m, w.owner[it.Org].id, parse[id.Item](w.t, it.ID), w.token(house, e.String()), state)
	w.put("enrollments", e.String(), house)
	w.learn(o, m, it, !active)
	w.learners = append(w.learners, &learner{org: o, member: m, item: it, active: active})
}

// pause and resume close and open again what was signed.
func (w *world) pause(p *pact, by *org) {
	w.moved("pause", w.tenants().Pause(w.manager(by), p.other(by).id))
	w.dropDirect(p)
	w.standing(p, "paused", nil)
}

func (w *world) resume(p *pact, by *org) {
	w.moved("resume", w.tenants().Resume(w.manager(by), p.other(by).id))
	w.standing(p, "active", p.inForce)
	w.inForce(p)
}

// end ends the connection, now or with the time to finish that was signed: for whoever is in the middle of something that is open.
func (w *world) end(p *pact, by *org, now bool) {
	mid := map[string]*oracle.Object{}
	if !now && p.inForce != nil && p.inForce.days > 0 && w.stateOf(p) == "paused" {
		w.standing(p, "active", p.inForce) // Who was in mid-course before the pause has the time, too.
		w.inForce(p)
	}
	for _, l := range w.learners {
		if from := w.owner[l.item.Org]; l.active && (l.org == p.a && from == p.b || l.org == p.b && from == p.a) && l.item.State == "published" && w.opensTo(l.org, l.item) {
			key := l.org.id.String() + " " + l.member.String() + " " + l.item.Org + " " + l.item.ID
			mid[key] = &oracle.Object{Kind: oracle.Finish, Org: l.org.id.String(), Member: l.member.String(), Item: l.item.ID, Other: l.item.Org}
		}
	}
	days := 0
	if p.inForce != nil {
		days = p.inForce.days
	}
	w.moved("end", w.tenants().End(w.manager(by), p.other(by).id, now))
	w.dropGrants(p)
	p.inForce, p.proposed = nil, nil
	if now || days == 0 {
		for key, f := range w.at("finishing").objects {
			if o := w.owner[f.Org]; (o == p.a || o == p.b) && w.owner[f.Other] == p.other(o) {
				w.drop("finishing", key)
			}
		}
		w.standing(p, "ended", nil)
		return
	}
	for key, f := range mid {
		w.put("finishing", key, f)
		w.parts(f)
	}
	w.standing(p, "ending", nil)
}

// parts adds the rows of what belongs to a whole that somebody is in the middle of: they say nothing that the whole does not.
func (w *world) parts(f *oracle.Object) {
	for _, o := range w.model.Objects {
		if o.Kind == oracle.Part && o.Item == f.Item && w.published(o.ID) {
			g := *f
			g.Item = o.ID
			w.put("finishing", f.Org+" "+f.Member+" "+f.Other+" "+o.ID, &g)
		}
	}
}

// timeIsUp lets the time to finish of a connection pass.
func (w *world) timeIsUp(p *pact) bool {
	some := false
	for _, o := range []*org{p.a, p.b} {
		w.exec(o, `UPDATE finishing SET until = now() - interval '1 minute' WHERE org_id = $1 AND item_org = $2`, o.id, p.other(o).id)
		for _, f := range w.at("finishing").objects {
			if w.owner[f.Org] == o && w.owner[f.Other] == p.other(o) {
				some, f.Expired = true, true
			}
		}
	}
	return some
}

// settleProposal declines or withdraws what is proposed; what is in force stays.
func (w *world) settleProposal(p *pact, withdraw bool) string {
	state := "declined"
	if withdraw {
		state = "withdrawn"
		w.moved("withdraw", w.tenants().Withdraw(w.manager(p.proposed.by), p.other(p.proposed.by).id, p.proposed.number))
	} else {
		w.moved("decline", w.tenants().Decline(w.manager(p.other(p.proposed.by)), p.proposed.by.id, p.proposed.number))
	}
	p.proposed = nil
	if w.stateOf(p) == "asked" {
		w.standing(p, state, nil)
	}
	return state + " what was proposed"
}

// move makes one of the moves that the state of a random pair allows, or one that must be refused.
func (w *world) move() string {
	a, b := pick(w.r, w.orgs), pick(w.r, w.orgs)
	if a == b || w.recluse(a, b) || w.model.Resting[a.id.String()] != "" {
		return ""
	}
	p := w.pact(a, b)
	state := ""
	if p != nil {
		state = w.stateOf(p)
	}
	if w.model.Resting[b.id.String()] != "" {
		if state != "active" && state != "paused" {
			return ""
		}
		w.end(p, a, w.r.IntN(3) == 0)
		return "end while the other rests"
	}
	return w.moveFrom(p, state, a, b)
}

// recluse reports whether the world keeps two organizations apart: the second of a plain one from the last two, and in a rich one the
// last from all but the first, so that its name is a secret to them.
func (w *world) recluse(a, b *org) bool {
	second, last := w.orgs[1], w.orgs[organizations-1]
	if !w.rich {
		apart := []*org{w.orgs[organizations-2], last}
		return a == second && slices.Contains(apart, b) || b == second && slices.Contains(apart, a)
	}
	return a == last && b != w.orgs[0] || b == last && a != w.orgs[0]
}

func (w *world) moveFrom(p *pact, state string, a, b *org) string {
	try := w.r.IntN(8)
	switch {
	case slices.Contains([]string{"", "ended", "declined", "withdrawn"}, state):
		w.askFor(a, b)
		return "ask"
	case state == "ending" && try < 3:
		w.end(p, a, true)
		return "end at once what was ending"
	case state == "ending":
		if w.timeIsUp(p) {
			return "the time to finish is over"
		}
		return ""
	case state == "paused" && try < 5:
		w.resume(p, a)
		return "resume"
	case state == "paused":
		w.end(p, a, try == 5)
		return "end what was paused"
	case p.proposed != nil && try < 4:
		if !w.sign(p) {
			return "sign what was taken back"
		}
		return "sign"
	case p.proposed != nil && try == 4:
		w.staleSign(p)
		return "counter, and sign what was countered"
	case p.proposed != nil && try < 7:
		return w.settleProposal(p, try == 5)
	case state == "asked":
		w.counter(p, p.other(p.proposed.by))
		return "counter"
	case try == 0:
		w.counter(p, a)
		return "propose the next version"
	case try < 3:
		w.pause(p, a)
		return "pause"
	case try < 5:
		w.end(p, a, false)
		return "end with time to finish"
	case try == 5:
		w.end(p, a, true)
		return "end at once"
	case try == 6:
		w.foreignOffer(p, a)
		return "offer what is not one's own"
	}
	return ""
}

// staleSign lets one of two managers sign the version that the other has answered in the meantime: twice countered, it is the other
// organization's turn again, and what waits there is not what was read.
func (w *world) staleSign(p *pact) {
	read := *p.proposed
	by := p.other(read.by)
	w.counter(p, by)
	w.counter(p, read.by)
	w.refused("a version that was countered", w.tenants().Sign(w.manager(by), read.by.id, read.number, read.hash, "peer"), errs.Conflict)
}

// foreignOffer offers a collection of the other side as one's own: one that is open to whoever offers it.
func (w *world) foreignOffer(p *pact, by *org) {
	from := p.other(by)
	for _, c := range w.colls {
		if c.Org != from.id.String() {
			continue
		}
		_, prop := w.proposal(by, from)
		prop.Ours.Opens = []tenants.Opening{{Collection: parse[id.Collection](w.t, c.ID), Right: tenants.RightUse}}
		prop.FinishDays = 100 + w.r.IntN(50)
		w.refused("a collection of somebody else", w.tenants().Counter(w.manager(by), from.id, prop), errs.Invalid)
	}
}

// connect makes two organizations connected, by asking and signing.
func (w *world) connect(a, b *org) {
	w.askFor(a, b)
	w.sign(w.pact(a, b))
}

// bring leads a connection to a state by the moves that there are.
func (w *world) bring(a, b *org, state string) *pact {
	p := w.pact(a, b)
	now := ""
	if p != nil {
		now = w.stateOf(p)
	}
	switch now {
	case "active":
	case "asked":
		if !w.sign(p) {
			w.counter(p, p.other(p.proposed.by))
			w.sign(p)
		}
	case "paused":
		w.resume(p, a)
	case "ending":
		w.end(p, a, true)
		w.connect(a, b)
	default:
		w.connect(a, b)
	}
	p = w.pact(a, b)
	switch state {
	case "paused":
		w.pause(p, a)
	case "ended":
		w.end(p, a, true)
	case "ending":
		for len(w.midCourse(p)) == 0 || p.inForce.days == 0 {
			w.counterOpen(p)
		}
		w.end(p, b, false)
	}
	return p
}

// counterOpen signs a next version that opens what there is and grants time to finish, and lets people begin.
func (w *world) counterOpen(p *pact) {
	if p.proposed != nil {
		w.settleProposal(p, true)
	}
	w.counter(p, p.a)
	w.sign(p)
	w.study(p)
}

func (w *world) midCourse(p *pact) (out []*learner) {
	for _, l := range w.learners {
		if from := w.owner[l.item.Org]; l.active && (l.org == p.a && from == p.b || l.org == p.b && from == p.a) && l.item.State == "published" && w.opensTo(l.org, l.item) {
			out = append(out, l)
		}
	}
	return out
}

// seesConnections reads every connection as a partner manager of every organization, with its versions and receipts.
func (w *world) seesConnections(into map[string]*tally, when string) {
	for _, o := range w.orgs {
		who := oracle.Viewer{Org: o.id.String(), Member: o.members[0].String()}
		for _, other := range w.orgs {
			if other == o {
				continue
			}
			v, err := w.tenants().Connection(w.manager(o), other.id)
			if err != nil && !errs.Is(err, errs.NotFound) {
				w.t.Fatal(err)
			}
			p, tl := w.pact(o, other), into["tenants.Connection"]
			tl.settle(p != nil, err == nil, func() string { return fmt.Sprintf("%s: %s reads its connection with %s", when, o.slug, other.slug) })
			if err != nil || p == nil {
				continue
			}
			w.canaries(tl, who, fmt.Sprintf("%+v %+v %+v %+v", v, v.Proposed, v.InForce, v.Earlier), "tenants.Connection", when)
			if string(v.State) != w.stateOf(p) || (v.Proposed != nil) != (p.proposed != nil) || (v.InForce != nil) != (p.inForce != nil) {
				tl.missing = append(tl.missing, fmt.Sprintf("%s: %s and %s are %s, not %s", when, o.slug, other.slug, v.State, w.stateOf(p)))
			}
		}
	}
}

// invitation is what the oracle knows of one.
type invitation struct {
	org  *org
	to   id.Org // zero for one that is not there yet
	hash string // the SHA-256 of its code, in hex

	old, used, withdrawn bool
}

// invite makes invitations of an organization: to nobody who is here, to another, one whose time is over, one that made
// an organization and one that was withdrawn. What they say is the inviter's alone, and of whoever holds the code.
func (w *world) invite(o, other *org) {
	for _, v := range []invitation{{}, {to: other.id}, {old: true}, {used: true}, {withdrawn: true}} {
		house, inv := &oracle.Object{Kind: oracle.House, Org: o.id.String()}, id.New[id.Any]()
		w.put("invitations", inv.String(), house)
		v.org, v.hash = o, fmt.Sprintf("%064x", len(w.codes)+1)
		w.codes = append(w.codes, v)
		until, made := "1 hour", id.Org{}
		if v.old {
			until = "-1 hour"
		}
		state := "open"
		if v.used {
			made, state = other.id, "accepted"
		}
		if v.withdrawn {
			state = "withdrawn"
		}
		w.exec(o, `INSERT INTO invitations (org_id, invitation_id, token_hash, email, name, account, to_org, accepted_org, proposal, created_by, expires_at, state) VALUES ($1, $2, decode($3, 'hex'), $4, $5, $6, $7, $8, $9, $10, now() + $11::interval, $12)`,
			o.id, inv, v.hash, w.field(house, "invitations.email")+"@x.example", w.field(house, "invitations.name"), w.field(house, "invitations.account"), v.to, made,
			map[string]string{"Note": w.field(house, "invitations.proposal")}, o.members[0], until, state)
	}
}

// everyMove makes each move once, the refused ones too, and compares after each until something is found.
func (w *world) everyMove(found func(when string) bool) {
	a, b, c, d := w.orgs[0], w.orgs[2], w.orgs[4], w.orgs[3]
	p := w.bring(a, b, "active")
	open := func(o *org) int {
		return slices.IndexFunc(p.inForce.opens[o], func(c *oracle.Object) bool { return c.State != "internal" })
	}
	both := func() {
		for open(a) < 0 || open(b) < 0 {
			w.counterOpen(p)
		}
	}
	both()
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"signing", func() {}},
		{"offering what is not one's own", func() { w.foreignOffer(p, a); w.foreignOffer(p, b) }},
		{"taking a yes back", func() { w.wavers(p) }},
		{"saying yes again", func() { w.agrees(p) }},
		{"proposing a next version", func() { both(); w.counter(p, a) }}, // Agreeing may have put another version in force.
		{"pausing", func() { w.pause(p, b) }},
		{"taking a collection back", func() { w.takeBack(p.inForce.opens[a][open(a)]) }},
		{"resuming", func() { w.resume(p, a) }},
		{"signing what was countered", func() { w.staleSign(p) }},
		{"withdrawing", func() { w.settleProposal(p, true) }},
		{"ending with time to finish", func() { w.through(w.bring(b, c, "active")); w.bring(b, c, "ending") }},
		{"ending at once what was ending", func() { w.end(w.pact(b, c), b, true) }},
		{"ending at once", func() { w.bring(a, d, "ended") }},
		{"asking anew, and declining", func() { w.askFor(d, a); w.settleProposal(w.pact(a, d), false) }},
	} {
		if step.do(); found(step.what) {
			return
		}
	}
}

// TestMoves leads every connection of a world through every state, and compares after every move.
func TestMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 71)
	m := w.tallies()
	for i, state := range []string{"active", "paused", "active", "ended", "active", "ending", "ending", "ended"} {
		a, b := w.orgs[i%organizations], w.orgs[(i+1)%organizations]
		w.bring(a, b, state)
		w.compare(t.Context(), m, fmt.Sprintf("%d: %s and %s are %s", i, a.slug, b.slug, state))
	}
	w.everyMove(func(when string) bool {
		w.compare(t.Context(), m, when)
		return false
	})
	for _, name := range names(m) {
		m[name].report(t)
	}
}
