// Package wire says how organizations and terms are written for programs: what the operations of several rooms take and answer. It
// decides nothing; the api folders of rooms call it.
package wire

import (
	"time"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// Org is an organization as everybody may know it.
type Org struct {
	ID   string `json:"id" format:"uuid"`
	Slug string `json:"slug" doc:"The first part of its host; addresses name it by this"`
	Name string `json:"name"`
}

// OrgOf writes an organization.
func OrgOf(o tenants.Organization) Org {
	return Org{ID: o.OrgID.String(), Slug: o.Slug, Name: o.Name}
}

// Half is what one organization gives.
type Half struct {
	Opens  []Opening `json:"opens,omitempty" nullable:"false" maxItems:"200" doc:"Collections that it opens; none if left out"`
	Learns string    `json:"learns,omitempty" enum:"nothing,totals,certified,named" doc:"What the other learns about its people; nothing if left out"`
	Meet   string    `json:"meet,omitempty" enum:"name,company,none" doc:"How its people appear to the other's; name if left out"`
}

// Opening is one collection that a half opens.
type Opening struct {
	Collection string `json:"collection" format:"uuid"`
	Title      string `json:"title,omitempty" doc:"Answered, and called so by its owner; what is sent here is passed over"`
	Right      string `json:"right" enum:"use,adapt,show" doc:"Learn with it; and add to it; and show it on the own site"`
	Seats      int    `json:"seats,omitempty" minimum:"0" maximum:"1000000" doc:"How many people may learn with it; 0 or left out: no limit"`
	Until      string `json:"until,omitempty" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"A day; as long as the agreement holds if left out"`
}

// HalfOf writes a half.
func HalfOf(h tenants.Half) Half {
	out := Half{Learns: h.Learns, Meet: h.Meet, Opens: []Opening{}}
	for _, o := range h.Opens {
		out.Opens = append(out.Opens, Opening{Collection: o.Collection.String(), Title: o.Title, Right: o.Right, Seats: o.Seats, Until: o.Until})
	}
	return out
}

// Half reads a half; field is its name, for what is wrong in it.
func (h Half) read(field string) (tenants.Half, error) {
	out := tenants.Half{Learns: h.Learns, Meet: h.Meet}
	for _, o := range h.Opens {
		c, err := id.Parse[id.Collection](o.Collection)
		if err != nil {
			return out, errs.Fields(errs.Field{Name: field + ".opens", Key: "tenants.terms.opens"})
		}
		out.Opens = append(out.Opens, tenants.Opening{Collection: c, Right: o.Right, Seats: o.Seats, Until: o.Until})
	}
	return out, nil
}

// Offer is what one side proposes.
type Offer struct {
	Ours       Half   `json:"ours" doc:"What the own organization gives"`
	Theirs     Half   `json:"theirs,omitzero" doc:"What the other gives: of its collections only those that are on the table"`
	FinishDays *int   `json:"finish_days,omitempty" minimum:"0" maximum:"180" doc:"How long those in mid-course may finish after an end; 30 if left out"`
	Until      string `json:"until,omitempty" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"The day on which it ends by itself; none if left out"`
	Note       string `json:"note,omitempty" maxLength:"2000" doc:"Words to the other side"`
}

// finishDays is what the page fills in, too.
const finishDays = 30

// Proposal reads an offer, of which asked are the other side's collections on the table.
func (o Offer) Proposal(asked []tenants.Opening) (p tenants.Proposal, err error) {
	if p.Ours, err = o.Ours.read("ours"); err != nil {
		return p, err
	}
	if p.Theirs, err = o.Theirs.read("theirs"); err != nil {
		return p, err
	}
	titles := map[id.Collection]string{}
	for _, a := range asked {
		titles[a.Collection] = a.Title
	}
	for i, t := range p.Theirs.Opens {
		title, ok := titles[t.Collection]
		if !ok {
			return p, errs.Fields(errs.Field{Name: "theirs.opens", Key: "tenants.terms.opens"})
		}
		p.Theirs.Opens[i].Title = title
	}
	p.FinishDays, p.Until, p.Note = finishDays, o.Until, o.Note
	if o.FinishDays != nil {
		p.FinishDays = *o.FinishDays
	}
	return p, nil
}

// Calls is how two organizations call each other.
type Calls struct {
	WeCall   string `json:"we_call" enum:"vendor,partner,customer,peer" doc:"What the other is for us"`
	TheyCall string `json:"they_call" enum:"vendor,partner,customer,peer" doc:"What we are for the other, until it says otherwise"`
}

// Time is a moment as programs read it: UTC, to the second; nil for none.
func Time(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Second)
	return &u
}
