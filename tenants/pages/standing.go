package pages

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

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
