package pages

import (
	"context"
	"slices"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
)

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
		put(valueRow(lang.T(ctx, "tenants.half.learn_"+side), learns(ctx, was.Learns), learns(ctx, is.Learns), is.Learns == tenants.LearnsNothing))
		put(valueRow(lang.T(ctx, "tenants.half.meet_"+side), meets(ctx, was.Meet), meets(ctx, is.Meet), is.Meet == tenants.MeetNobody))
		return changed, same
	}
	put(valueRow(lang.T(ctx, "tenants.half.learn_"+side), learns(ctx, is.Learns), learns(ctx, is.Learns), is.Learns == tenants.LearnsNothing))
	put(valueRow(lang.T(ctx, "tenants.half.meet_"+side), meets(ctx, is.Meet), meets(ctx, is.Meet), is.Meet == tenants.MeetNobody))
	return changed, same
}

func valueRow(title, from, to string, none bool) ui.ChangeRowProps {
	r := ui.ChangeRowProps{Kind: ui.RowSame, Title: title, From: from, To: to, None: none}
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
	return plainWords(ctx, partyOf(v.Other.Name), v.Ours(t), v.Theirs(t))
}

// effects are what follows on this side if both sign.
func (v agreementView) effects(ctx context.Context) []ui.Effect {
	if v.Proposed == nil {
		return nil
	}
	out := []ui.Effect{{Icon: "eye", Title: lang.T(ctx, "tenants.effect.opens", "Count", v.Impact.Opens), Text: lang.T(ctx, "tenants.effect.opens_text", "Org", v.Other.Name)}}
	if n := len(v.Theirs(v.Proposed.Terms).Opens); n > 0 {
		out = append(out, ui.Effect{Icon: "users", Title: lang.T(ctx, "tenants.effect.people", "Count", v.Impact.People), Text: lang.T(ctx, "tenants.effect.people_text", "Count", n)})
	}
	if v.Impact.Losing > 0 {
		out = append(out, ui.Effect{Icon: "eye-off", Title: lang.T(ctx, "tenants.effect.losing", "Count", v.Impact.Losing), Text: lang.T(ctx, "tenants.effect.losing_text")})
	} else if v.InForce != nil {
		out = append(out, ui.Effect{Icon: "route", Title: lang.T(ctx, "tenants.effect.learners", "Count", v.Impact.Learners), Text: lang.T(ctx, "tenants.effect.learners_text")})
	}
	if v.Ours(v.Proposed.Terms).Learns == tenants.LearnsNamed {
		out = append(out, ui.Effect{Icon: "shield-check", Title: lang.T(ctx, "tenants.effect.asked"), Text: lang.T(ctx, "tenants.effect.asked_text")})
	}
	return out
}
