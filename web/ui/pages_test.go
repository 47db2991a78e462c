package ui_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/web/ui"
)

// el wraps components in an element with a class, for the kit only.
func el(tag, class string, in ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		open := "<" + tag
		if class != "" {
			open += ` class="` + class + `"`
		}
		if _, err := io.WriteString(w, open+">"); err != nil {
			return err
		}
		for _, c := range in {
			if err := c.Render(ctx, w); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, "</"+tag+">")
		return err
	})
}

func raw(s string) templ.Component { return templ.Raw(s) }

func all(in ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		for _, c := range in {
			if err := c.Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// around renders a component with children.
func around(c templ.Component, in ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return c.Render(templ.WithChildren(ctx, all(in...)), w)
	})
}

func pages() map[string]templ.Component {
	return map[string]templ.Component{
		"home": home(), "landing": landing(), "search": searchPage(), "path": pathPage(), "lesson": lesson(),
		"sign-in": signIn(), "story": story(), "error": errorPage(), "kit": kit(), "form": form(), "agreement": agreement(),
	}
}

// agreement has what two organizations need to agree, with one to many of each.
func agreement() templ.Component {
	p := ui.PageProps{Title: "Solvik answered", Org: brightwater, Layout: ui.Work}
	nodes := []ui.MapNode{{Org: halden, Text: "64 given, 212 received", Href: "#", Flow: 276}, {Org: solvik, Text: "37 given", Href: "#", Flow: 59}, {Org: aurora, Text: "Asked 14 Nov", Href: "#", Waits: true}, {Org: kestrel, Text: "12 given", Href: "#", Flow: 20}}
	return around(ui.Page(p), ui.PageHead(ui.PageHeadProps{Title: p.Title}),
		ui.StateSteps("Where it stands", []ui.StateStep{{Title: "You proposed", Text: "14 Nov", State: ui.Done}, {Title: "You answer", Text: "Version 4", State: ui.Now}, {Title: "In force", Text: "Not yet", State: ui.Ahead}}),
		around(ui.Card(), ui.NetworkMap(brightwater, nodes), ui.NetworkMap(brightwater, nodes[:1]), ui.NetworkMap(brightwater, nil), ui.FlowStrand(nodes[0])),
		el("ul", "card changes",
			ui.ChangeRow(ui.ChangeRowProps{Kind: ui.RowNew, Title: "Field checklists", To: "Use and add to it", Note: "You asked, 14 Nov"}),
			ui.ChangeRow(ui.ChangeRowProps{Kind: ui.RowChanged, Title: "Questions", From: "Use as is", To: "Use and add to it"}),
			ui.ChangeRow(ui.ChangeRowProps{Kind: ui.RowGone, Title: "One night at Fjellvik", From: "Use as is"}),
			ui.ChangeRow(ui.ChangeRowProps{Kind: ui.RowSame, Title: "Names shown", To: "By name"})),
		el("form", "form",
			el("div", "choice-buttons", ui.ChoiceButton("fill", "peer", "/invite", "Learn as equals", "The same in both directions.", true), ui.ChoiceButton("fill", "try", "/invite", "Try for 60 days", "It ends by itself.", false)),
			el("div", "choice-cards",
				ui.ChoiceCard(ui.ChoiceCardProps{ID: "k-one", Name: "one", Value: "a", Title: "For clients", Points: []string{"12 items"}, Checked: true, Many: true, More: ui.SegmentedRadio(ui.RadioProps{ID: "k-right", Name: "right", Legend: "What they may do", Options: []ui.Option{{Value: "use", Label: "Use as is", Chosen: true}, {Value: "adapt", Label: "Adapt"}}})}),
				ui.ChoiceCard(ui.ChoiceCardProps{ID: "k-two", Name: "two", Value: "b", Title: "Move to version 4", Points: []string{"Two lessons are new", "Nothing is lost"}}))),
		around(ui.Table(ui.TableProps{Label: "Connections"}), raw("<thead><tr>"), ui.SortHead("Name", "#", ""), ui.FigureHead("You give", "#", "descending"), raw(`</tr></thead><tbody><tr><th scope="row">Halden</th><td class="num">64</td></tr></tbody>`)))
}

// A strand is as wide as what flows, within bounds, and the map has no line to whom there is none.
func TestStrandsFollowTheFlow(t *testing.T) {
	t.Parallel()
	last := 0
	for _, flow := range []int{0, 1, 5, 20, 80, 100_000} {
		n := strings.Count(render(t, lang.En, ui.FlowStrand(ui.MapNode{Org: halden, Flow: flow})), "<path")
		if n < 1 || n > 8 || n < last {
			t.Errorf("%d things flow through %d threads, fewer through %d", flow, n, last)
		}
		last = n
	}
	if html := render(t, lang.En, ui.NetworkMap(halden, nil)); strings.Contains(html, "<path") {
		t.Error("a map of no connections has lines")
	}
}

func home() templ.Component {
	step := func(o ui.Org, s string) ui.StepSegment { return ui.StepSegment{Org: o, State: s} }
	rail := all(
		around(ui.Card(), raw("<h2>From your network</h2>"), ui.Activity([]ui.ActivityRow{
			{Person: tomas, Text: "asked something you answered last spring", Quote: "“Do you re-zero the probe after an ice bath?”", Action: ui.Link{Label: "Answer", Href: "#"}, When: "2 h", At: "2026-11-21T07:12:00Z"},
			{Person: ingrid, Text: "used your checklist and changed step 4", Quote: "“We do it before wash-down. Fewer false alarms.”", Action: ui.Link{Label: "See change", Href: "#"}, When: "Yesterday"},
			{Person: lena, Text: "finished a path you built", Quote: "“The recall story is what made it click.”", Action: ui.Link{Label: "Say thanks", Href: "#"}, When: "Yesterday"},
		})),
		ui.Balance(ui.BalanceProps{Title: "Your last 30 days", Text: "7 h 20 min in all. You chose 81% of it yourself.", Formal: 145, Informal: 295, FormalLabel: "Courses and checks", InformalLabel: "Questions, stories, labs", More: []ui.Definition{{Term: "Used on a customer site", Text: "4 times"}}}),
		ui.PeopleCard("Learn with someone", []ui.PersonRow{
			{Person: owen, Line: "same step as you", Action: ui.Link{Label: "Message", Href: "#"}},
			{Person: adaeze, Line: "open to pairing, Tue", Action: ui.Link{Label: "Message", Href: "#"}},
			{Person: yuki, Line: "runs pilots weekly", Action: ui.Link{Label: "Message", Href: "#"}},
		}),
	)
	return around(ui.Page(signedIn("Home", "home")), around(ui.MainRail("Your network", rail),
		ui.PageHead(ui.PageHeadProps{Title: "Good morning, Mara", Lead: "Thursday is your blocked learning hour. One step fits before your 09:30."}),
		ui.ContinueCard(ui.ContinueProps{
			PathTitle: "Cold-chain monitoring, from first sensor to audit-ready", Title: "Calibrate a probe in the field",
			Text:          "You stopped at the ice-bath check. The short quiz is next, then one reflection for Tomás to read.",
			Steps:         []ui.StepSegment{step(halden, ui.Done), step(halden, ui.Done), step(solvik, ui.Done), step(halden, ui.Now), step(brightwater, ui.Ahead), step(halden, ui.Ahead), step(brightwater, ui.Ahead), step(nordhav, ui.Ahead), step(halden, ui.Ahead)},
			ContinueLabel: "Continue, 6 min left", ContinueHref: "#", PathHref: "#", Slug: "cold-chain", Family: ui.Contour, Orgs: []ui.Org{brightwater, halden},
		}),
		ui.SectionHead("Due and planned", ui.Link{Label: "Calendar", Href: "#"}),
		ui.TaskList([]ui.TaskRow{
			{Icon: "flag", Title: "Present the audit-ready pitch to Jonas", Href: "#", Meta: "Practice recording, 5 min", Org: brightwater, Who: "Asked by Jonas Weber", Due: "Tomorrow", DueKind: ui.Warn},
			{Icon: "calendar-check", Title: "Read the night-shift story from Solvik Dairy", Href: "#", Meta: "Story, 8 min", Org: solvik, Who: "You planned this", Due: "Fri 27 Nov", DueKind: ui.Neutral},
			{Icon: "badge-check", Title: "Renew Field Engineer level 2", Href: "#", Meta: "Short check, 20 min", Org: halden, Who: "Halden renews this yearly", Due: "12 Dec", DueKind: ui.Neutral},
		}),
		ui.SectionHead("Recommended, and why", ui.Link{Label: "Tune", Href: "#", Icon: "sliders-horizontal"}),
		around(ui.Cards(),
			ui.PathCard(ui.PathCardProps{Title: "Reading a temperature log like an inspector", Href: "#", Slug: "log", Family: ui.Log, Segments: segments(nordhav, 3, kestrel, 1), ByLine: "Nordhav Logistics, 55 min", Reason: "You asked about log gaps on Monday"}),
			ui.PathCard(ui.PathCardProps{Title: "How Meridian scopes a pilot in one afternoon", Href: "#", Slug: "scope", Family: ui.Route, Segments: segments(meridian, 1), ByLine: "Meridian Integrators, 14 min", Reason: "3 people in your practice finished it this week"}),
			ui.PathCard(ui.PathCardProps{Title: "Door-open alarms people act on", Href: "#", Slug: "door", Family: ui.Arcs, Segments: segments(solvik, 4, aurora, 3), ByLine: "Solvik Dairy, Aurora Foods, 40 min", Reason: "Your Aurora Foods project starts 1 Dec"}),
		),
	))
}

func landing() templ.Component {
	return around(ui.Page(visitor("Learn cold-chain monitoring", "paths")),
		el("section", "hello",
			el("div", "", raw(`<h1 tabindex="-1">Learn cold-chain monitoring with the people who run it</h1><p class="lead">Courses, field notes and answers from Halden, 38 partners and 112 customer teams. Start any open path without an account. Sign in when you want to keep your place.</p>`),
				ui.SearchField(ui.SearchFieldProps{Action: "/search", Button: true, Placeholder: "Search by task or alarm"}),
				raw(`<p class="often">Often searched: <a href="#">door-open alarms</a> <a href="#">probe calibration</a> <a href="#">HACCP evidence</a></p>`)),
			ui.StrandHero([]ui.HeroStrand{{Org: halden, Text: "Product knowledge"}, {Org: brightwater, Text: "How it is sold and rolled out"}, {Org: solvik, Text: "What happens on the night shift"}}, "one path, nine steps")),
		el("section", "stack",
			ui.SectionHead("Open paths", ui.Link{Label: "See all 46", Href: "#"}),
			around(ui.Cards(),
				ui.PathCard(ui.PathCardProps{Title: "Cold-chain monitoring, from first sensor to audit-ready", Href: "#", Slug: "cold", Family: ui.Braid, Segments: segments(halden, 5, brightwater, 3, solvik, 2), Meta: []string{"9 steps", "2 h 40 min", "1,284 finished"}}),
				ui.PathCard(ui.PathCardProps{Title: "Reading a temperature log like an inspector", Href: "#", Slug: "log", Family: ui.Log, Segments: segments(nordhav, 3), Meta: []string{"5 steps", "55 min", "902 finished"}}),
				ui.PathCard(ui.PathCardProps{Title: "Door-open alarms people actually act on", Href: "#", Slug: "alarm", Family: ui.Contour, Segments: segments(solvik, 2, aurora, 2), Meta: []string{"4 steps", "40 min", "618 finished"}}),
				ui.PathCard(ui.PathCardProps{Title: "Plan a reefer route with fewer stops", Href: "#", Slug: "reefer", Family: ui.Route, Segments: segments(halden, 1, meridian, 1), Meta: []string{"7 steps", "1 h 50 min", "377 finished"}}))),
		around(ui.MainRail("Live labs and connecting", all(
			ui.SectionHead("Live labs", ui.Link{}),
			ui.EventsCard([]ui.EventRow{{Day: "25", Month: "Nov", Title: "Calibrate probes together", Text: "Hosted by Brightwater, 45 min", Org: brightwater, Action: ui.Link{Label: "Join", Href: "#"}}, {Day: "02", Month: "Dec", Title: "Open hours: audit week", Text: "Hosted by Nordhav, 60 min", Org: nordhav, Action: ui.Link{Label: "Join", Href: "#"}}}),
			ui.InviteCard(ui.InviteProps{Title: "Bring your own team", Text: "Connect your identity provider, keep your own brand, and add your own story to any path. Your people join with the sign-in they already have.", Action: ui.ButtonProps{Label: "Connect an organization", Kind: ui.Primary, Href: "#"}}))),
			ui.SectionHead("Answered this week by another company", ui.Link{Label: "All questions", Href: "#"}),
			around(ui.Card(),
				ui.QuestionCard(ui.QuestionProps{Title: "Why does the log show a spike every morning at 06:10?", Href: "#", Answer: "That is the wash-down, not a fault. Tag the window as planned cleaning and the report leaves it out.", By: ingrid, ByLine: "Solvik Dairy, answering Kestrel Automation", Foot: "22 people used this"}),
				ui.QuestionCard(ui.QuestionProps{Title: "Can we prove continuity when a logger battery died mid-route?", Href: "#", Answer: "Yes, if two neighbouring loggers overlap. Export both and attach the gap note, auditors accept it.", By: owen, ByLine: "Brightwater Consulting, answering Nordhav Logistics", Foot: "17 people used this"}),
				ui.QuestionCard(ui.QuestionProps{Title: "What do you say when a buyer thinks paper logs are enough?", Href: "#", Answer: "I ask how long the last recall took to scope. The answer is usually days. Then I show the four-minute version.", By: dami, ByLine: "Meridian Integrators, answering Brightwater", Foot: "31 people used this"}))))
}

func searchPage() templ.Component {
	mark := func(s string) []ui.Span {
		var out []ui.Span
		for i, part := range strings.Split(s, "*") {
			out = append(out, ui.Span{Text: part, Mark: i%2 == 1})
		}
		return out
	}
	org := func(o ui.Org) *ui.Org { return &o }
	p := signedIn("Search", "learn")
	p.Layout, p.SearchQuery, p.Section = ui.Work, "door alarm", "search"
	facets := ui.Facets(ui.FacetsProps{Action: "/search", Active: 4, Target: "#results", Hidden: []ui.FormValue{{Name: "q", Value: "door alarm"}}, Groups: []ui.FacetGroup{
		{Name: "org", Label: "Shared by", Values: []ui.FacetValue{{Value: "2", Label: "Brightwater", Count: 6, Checked: true, Org: org(brightwater)}, {Value: "1", Label: "Halden Systems", Count: 21, Checked: true, Org: org(halden)}, {Value: "3", Label: "Solvik Dairy", Count: 9, Checked: true, Org: org(solvik)}, {Value: "7", Label: "Nordhav Logistics", Count: 7, Checked: true, Org: org(nordhav)}, {Value: "6", Label: "Aurora Foods", Count: 3, Org: org(aurora)}}},
		{Name: "kind", Label: "Kind", Values: []ui.FacetValue{{Value: "path", Label: "Path", Count: 5}, {Value: "lesson", Label: "Lesson", Count: 13}, {Value: "answer", Label: "Answer", Count: 11}, {Value: "story", Label: "Story", Count: 4}, {Value: "asset", Label: "Marketing asset", Count: 7}, {Value: "list", Label: "Checklist", Count: 3}, {Value: "none", Label: "Nothing", Count: 0}}},
		{Name: "time", Label: "Time", Values: []ui.FacetValue{{Value: "10", Label: "Under 10 min", Count: 18}, {Value: "60", Label: "10 to 60 min", Count: 20}, {Value: "61", Label: "Over an hour", Count: 5}}},
	}})
	row := func(kind, icon, label, labelKind, title, text string, o ui.Org, right, family string, meta ...string) templ.Component {
		verb := ui.SharedBy
		if right == ui.RightOwn {
			verb = ui.WrittenBy
		}
		return ui.ResultRow(ui.ResultProps{Kind: kind, KindIcon: icon, Label: label, LabelKind: labelKind, Title: mark(title), Text: mark(text), Href: "#", Provenance: ui.ProvenanceProps{Org: o, Verb: verb, Right: right}, Meta: meta, Slug: title, Family: family, SaveAction: "/save"})
	}
	return around(ui.Page(p),
		raw(`<h1 class="vh" tabindex="-1">Search</h1>`),
		ui.SearchField(ui.SearchFieldProps{Action: "/search", Query: "door alarm", ClearHref: "/search"}),
		around(ui.SideMain("Filters", facets),
			raw(`<div id="results" class="section"><div class="results-head"><p role="status"><b>43 results</b> <span class="muted">from 4 organizations</span></p></div><div class="row">`),
			ui.FilterChip("Brightwater", "#"), ui.FilterChip("Halden Systems", "#"), ui.FilterChip("Solvik Dairy", "#"), ui.FilterChip("Nordhav Logistics", "#"),
			ui.Button(ui.ButtonProps{Label: "Clear all", Kind: ui.Quiet, Size: ui.Small, Href: "#"}),
			raw(`</div>`),
			around(ui.Results(),
				row("Path", "route", "Beginner", ui.Neutral, "Door-open alarms people actually act on", "Set thresholds from your own door counts, then agree who answers an *alarm* at 02:00. Ends with a change you make on site.", solvik, ui.RightAdapt, ui.Contour, "4 steps, 40 min", "618 finished"),
				row("Answer", "circle-question-mark", "Community", ui.Info, "“Every *door alarm* is muted by lunchtime. What worked for you?”", "Accepted answer from Nordhav: separate the delivery door from the cold-room door, and only page for the second.", nordhav, ui.RightRead, ui.Arcs, "11 replies", "42 used this"),
				row("Lesson", "play", "Field Engineer 2", ui.Neutral, "Why *door* events are not temperature events", "Six-minute walk through a real loading bay. Transcript, captions in 4 languages.", halden, ui.RightEmbed, ui.Log, "6 min video", "1,903 watched"),
				row("Story", "book-open", "Story", ui.Own, "The night the *alarm* was right", "How Solvik Dairy saved 11 tonnes because one person trusted a door reading over a display.", solvik, ui.RightAdapt, ui.Braid, "8 min read", "274 read"),
				row("Asset", "megaphone", "Marketing", ui.Warn, "One-pager: the cost of a muted *alarm*", "PDF and email copy. Leads to the open path above.", halden, ui.RightShow, ui.Route, "PDF, 2 pages", "Used by 9 partners"),
				row("Checklist", "clipboard-check", "Brightwater only", ui.Neutral, "Loading-bay *door* walk-through", "Fourteen checks, printable, with Brightwater notes on what customers forget.", brightwater, ui.RightOwn, "", "10 min", "88 used on site")),
			ui.Callout(ui.CalloutProps{Kind: ui.Own, Icon: "message-circle-question-mark", Text: "Nothing quite right? Questions about alarms get a first answer in 3 h 10 min, usually from another company.", Action: ui.Link{Label: "Ask the cold-chain practice", Href: "#"}}),
			ui.Pagination("", "/search?q=door+alarm&after=6"),
			raw(`</div>`)))
}

func pathPage() templ.Component {
	p := signedIn("Cold-chain monitoring, from first sensor to audit-ready", "learn")
	b, s, n := brightwater, solvik, nordhav
	rail := all(
		ui.ProgressCard(ui.ProgressCardProps{Share: .38, Title: "3 of 9 steps done", Text: "About 1 h 40 min left. Owen and Lena are on steps 4 and 5.", ActionLabel: "Continue: calibrate a probe", ActionHref: "#"}),
		ui.Proposition(ui.PropositionProps{Title: "Why customers choose us for this", Quote: "Halden tells you the temperature. We get you through the audit. Six weeks from first logger to a folder the inspector can open without us in the room.", Org: b, EditHref: "#", Note: "Only Brightwater sees this. Halden sees that additions exist, not what they say.", Rows: []ui.Definition{{Term: "Halden knows", Text: "Loggers, alarm rules, gap-free reports", Org: &halden}, {Term: "We add", Text: "HACCP mapping, staff drills, the mock audit", Org: &b}, {Term: "The customer gets", Text: "Passed first time, 11 of our last 12 sites", Strong: true}}}),
		around(ui.Card(), raw("<h2>What it is for</h2>"), ui.DefinitionRows([]ui.Definition{{Term: "Objective", Text: "Audit-ready sites, 14 to 30 this year"}, {Term: "Sponsor", Text: "Jonas Weber, practice lead"}, {Term: "Evidence", Text: "Customer opens the report twice"}, {Term: "You earn", Text: "Field Engineer 2, valid two years", Href: "#"}})),
		around(ui.Card(), ui.SectionHead("On this path with you", ui.Link{Label: "All 64", Href: "#"}), ui.AvatarStack([]ui.Person{owen, lena, tomas, adaeze, ingrid, yuki}, 64), raw(`<p class="meta">From 9 companies. 12 said they would answer questions.</p>`)))
	return around(ui.Page(p), around(ui.MainRail("Progress and purpose", rail),
		ui.PageHead(ui.PageHeadProps{Title: p.Title, Big: true, Lead: "You will place loggers, set alarms people answer, and hand over a site that passes its next inspection. Ends with a real change at a real customer.", Crumbs: []ui.Link{{Label: "Learn", Href: "/learn"}, {Label: "Paths", Href: "/learn/paths"}}}),
		el("p", "metas small", ui.Provenance(ui.ProvenanceProps{Org: halden, Verb: ui.PathBy}), ui.Provenance(ui.ProvenanceProps{Org: b, Verb: ui.OverlayBy}), ui.Provenance(ui.ProvenanceProps{Org: s, Verb: ui.StoryBy}), ui.Provenance(ui.ProvenanceProps{Org: n, Verb: ui.LessonBy})),
		el("div", "head", raw("<h2>Nine steps, 2 h 40 min</h2>"), ui.Switch(ui.CheckProps{ID: "own", Name: "own", Label: "Brightwater additions", Checked: true})),
		ui.LineMap(ui.LineMapProps{Host: halden, Steps: []ui.MapStep{
			{Title: "What a cold chain breaks on", Href: "#", Meta: []string{"Lesson, 12 min"}, State: ui.Done},
			{Title: "Place three loggers in a real room", Href: "#", Meta: []string{"Practice, 20 min"}, State: ui.Done},
			{Title: "The night the alarm was right", Href: "#", Meta: []string{"Story, 8 min", "Written by a customer, 274 have read it"}, State: ui.Done, Guest: &s},
			{Title: "Calibrate a probe in the field", Href: "#", Meta: []string{"Lesson, 18 min", "6 min left, quiz next"}, State: ui.Now, ActionLabel: "Continue"},
			{Title: "Say it to a buyer: audit-ready in six weeks", Href: "#", Meta: []string{"Brightwater step, 15 min", "Record a two-minute version for Jonas"}, State: ui.Ahead, Guest: &b, Own: true},
			{Title: "Alarm rules that survive a night shift", Href: "#", Meta: []string{"Lesson, 22 min"}, State: ui.Ahead, Guest: &b},
			{Title: "Our rollout plan, week by week", Href: "#", Meta: []string{"Brightwater step, 10 min", "Template attached"}, State: ui.Ahead, Guest: &b, Own: true},
			{Title: "Read a log like an inspector", Href: "#", Meta: []string{"Lesson, 25 min", "Shared by Nordhav under its agreement with Halden"}, State: ui.Ahead, Guest: &n},
			{Title: "Hand over: the customer runs it", Href: "#", Meta: []string{"On-site check, 30 min", "Counts when the customer opens the report twice"}, State: ui.Ahead, Guest: &n},
		}})))
}

func lesson() templ.Component {
	p := signedIn("Calibrate a probe in the field", "learn")
	p.Layout = ui.Lesson
	p.Lesson = &ui.LessonBar{BackHref: "/paths/1", PathTitle: "Cold-chain monitoring, from first sensor to audit-ready", Title: p.Title, Step: 4, Steps: 9, Share: .64, Saved: "Saved 09:12", NextHref: "#", PreviousHref: "#"}
	outline := all(el("div", "stack", ui.Outline([]ui.OutlinePart{{Label: "Why probes drift", Href: "#", State: ui.Done}, {Label: "The ice bath, done properly", Href: "#", State: ui.Done}, {Label: "Watch: Owen does it in 90 seconds", Href: "#", State: ui.Done}, {Label: "Check yourself", Href: "#", State: ui.Now}, {Label: "Reflect", Href: "#", State: ui.Ahead}, {Label: "Write down your site’s routine", Href: "#", State: ui.Ahead}}),
		ui.Callout(ui.CalloutProps{Kind: ui.Neutral, Icon: "building-2", Title: "Brightwater note.", Text: "Aurora Foods wants photos of every bath. Use the job template."})))
	rail := el("div", "comments",
		el("div", "head", raw("<h2>Discussion</h2>"), el("div", "row", ui.Chip(ui.Link{Label: "This part", Href: "#", Current: true}), ui.Chip(ui.Link{Label: "Step", Href: "#"}))),
		ui.Callout(ui.CalloutProps{Kind: ui.Neutral, Icon: "quote", Text: "“Two minutes is the honest answer”"}),
		ui.Comment(ui.CommentProps{ID: "c1", Person: tomas, When: "2 h", Text: "Do you re-zero after the bath, or log the offset and leave the device alone?", Reactions: []ui.Reaction{{Action: "/r", Label: "Same question", Count: 4, Pressed: true}}}),
		ui.Comment(ui.CommentProps{ID: "c2", Person: ingrid, When: "1 h", Text: "Leave it alone. If you re-zero, last month’s log no longer matches and the inspector asks why.", Mark: "Tomás marked this", Reactions: []ui.Reaction{{Action: "/r", Label: "Used this", Count: 12}, {Action: "/r", Label: "Thanks", Count: 5}}}),
		ui.Comment(ui.CommentProps{ID: "c3", Person: renske, When: "40 min", Text: "Adding this to the lesson text today. Ingrid, I will credit you as co-author.", Reactions: []ui.Reaction{{Action: "/r", Label: "Thanks", Count: 9}}}),
		ui.Composer(ui.ComposerProps{ID: "say", Action: "/c", Label: "Your comment", Placeholder: "Add what you have seen on site", Visible: "Visible to 9 companies", Submit: "Post", Primary: true, Draft: "lesson-4", Names: []ui.Option{{Value: "full", Label: "Mara Lindqvist"}, {Value: "org", Label: "Brightwater"}}}))
	return around(ui.Page(p), around(ui.LessonPanes(outline, rail),
		ui.PageHead(ui.PageHeadProps{Title: p.Title}),
		el("p", "metas meta", ui.Provenance(ui.ProvenanceProps{Org: halden, Verb: ui.SharedBy}), raw("<span>18 min</span><span>Updated 3 Nov by Renske Nijland</span>")),
		ui.VideoPlayer(ui.VideoProps{ID: "v1", Title: "Owen does it in 90 seconds", Src: "/v.mp4", Captions: "/v.vtt", CaptionsLang: "en", Chapters: []ui.Cue{{Start: 0, Text: "Fill the bath"}, {Start: 58, Text: "Wait"}}, Transcript: []ui.Cue{{Start: 0, Text: "Crushed ice, then water."}, {Start: 58.5, Text: "Two minutes."}}}),
		ui.Prose(`<p>Wait until both lines are flat. Most people stop at thirty seconds because the display stops moving, but the probe is still giving up heat from the handle. <span class="passage">Two minutes is the honest answer</span>, and it is the number Nordhav’s inspector asks about first.</p><h2>What you write down</h2><ul><li>Time of both readings</li><li>The offset, with its sign</li></ul><table tabindex="0"><thead><tr><th>Reading</th><th>Write</th></tr></thead><tbody><tr><td>+0.6 °C</td><td><code>offset -0.6</code></td></tr></tbody></table><blockquote>Nobody mutes their own number.</blockquote><pre tabindex="0"><code>logger set probe --offset -0.6</code></pre>`, ""),
		ui.Quiz(quiz("q1", ui.Right)),
		ui.Reflection(ui.ReflectionProps{ID: "reflect", Action: "/reflect", Title: "Reflect", Prompt: "Where did you last skip a wait because the display looked finished? Two sentences are plenty.", Value: "At Aurora in September I logged the probe at forty seconds. I would have been half a degree off for the whole season.", Share: []ui.Option{{Value: "me", Label: "Only me"}, {Value: "tomas", Label: "Tomás and my practice", Chosen: true}}}),
		ui.FileRow(ui.FileProps{Name: "Ice-bath protocol", Href: "#", Meta: "PDF, 1 page, 120 KB"})))
}

func quiz(id, state string) ui.QuizProps {
	p := ui.QuizProps{
		ID: id, Action: "/quiz", Title: "Check yourself", Number: 2, Total: 3, Question: "Your probe settles at +0.6 °C in the ice bath. The reference reads 0.0 °C. What do you write in the job?", State: state,
		Choices:     []ui.QuizChoice{{Value: "a", Text: "Nothing. It is inside the ±1 °C tolerance.", Chosen: state == ui.Wrong}, {Value: "b", Text: "An offset of −0.6 °C, with the time and both readings.", Chosen: state == ui.Right, Right: true}, {Value: "c", Text: "Replace the probe and close the job."}},
		DiscussHref: "#", DiscussLabel: "6 people discussed this question", NextHref: "#", NextLabel: "Next question",
	}
	switch state {
	case ui.Right:
		p.Feedback = "The tolerance covers what the customer measures, not what you skip. 41% of first tries chose A, so you will meet this on site."
	case ui.Wrong:
		p.Feedback = "The tolerance covers what the customer measures. What does the next person need to know?"
	}
	return p
}

func signIn() templ.Component {
	p := visitor("Sign in", "")
	p.Layout = ui.Bare
	return around(ui.Page(p), around(ui.SignInPage(ui.SignInPageProps{Org: p.Org, Quote: "Our best rollout guide was written by a customer, corrected by a partner, and is now step three of the path everyone takes.", By: renske, Strands: []ui.Org{halden, solvik, nordhav, brightwater}, Links: []ui.Link{{Label: "Privacy", Href: "#"}, {Label: "Accessibility", Href: "#"}}, Back: "/sign-in"}),
		ui.SignInCard(ui.SignInProps{
			Action: "/sign-in", Title: "Sign in with your own organization", Text: "Type your work email. We find where your organization signs in and send you there.", Email: "mara.lindqvist@brightwater.example",
			Found:      &ui.SignInFound{Org: brightwater, Text: "Signs in at login.brightwater.example with Microsoft Entra ID", ContinueLabel: "Continue to Brightwater", ContinueHref: "#", Note: "Halden never sees your password. Brightwater sends us your name, work email and team."},
			Others:     []ui.ButtonProps{{Label: "Pick organization", Icon: "building-2", Href: "#", Size: ui.Large}, {Label: "Email me a link", Icon: "mail", Href: "#", Size: ui.Large}},
			Remembered: []ui.Link{{Label: "Brightwater Consulting", Href: "#"}, {Label: "Nordhav Logistics", Href: "#"}}, ForgetAction: "/sign-in/forget",
		})))
}

func story() templ.Component {
	rail := all(around(ui.Card(), raw("<h2>Leads to</h2>"), ui.Timeline([]ui.TimelineRow{{Org: solvik, Text: "Door-open alarms people act on", Href: "#", When: "40 min"}, {Org: halden, Text: "Alarm rules that survive a night shift", Href: "#", When: "22 min"}})),
		around(ui.Card(), raw("<h2>Also in</h2>"), ui.DefinitionRows([]ui.Definition{{Term: "Languages", Text: "Norsk, Deutsch"}}), el("div", "row", ui.Button(ui.ButtonProps{Label: "Embed", Icon: "code", Size: ui.Small, Href: "#"}), ui.Button(ui.ButtonProps{Label: "Share", Icon: "share-2", Size: ui.Small, Href: "#"}))))
	return around(ui.Page(visitor("The night the alarm was right", "stories")), around(ui.MainRail("About this story", rail),
		el("article", "story stack",
			ui.PageHead(ui.PageHeadProps{Title: "The night the alarm was right", Big: true, Crumbs: []ui.Link{{Label: "Stories", Href: "#"}, {Label: "Food and dairy", Href: "#"}}}),
			raw(`<p class="said lead">Every door alarm at Fjellvik was muted by noon. Then one of them saved eleven tonnes of milk, and the night shift changed how it works.</p>`),
			el("div", "byline", ui.PersonLine(ingrid, ""), raw(`<span class="meta metas"><span>with Renske Nijland, Halden Systems</span><span>8 min</span><span>12 Nov 2026</span><span>274 readers</span></span>`)),
			ui.Prose(`<p>We had twenty-two door sensors and one rule: if it beeps, mute it. The delivery door opens every four minutes until ten, and nobody can work with that noise. So the night door was muted too, because it was on the same group.</p><p>At 03:12 on a Tuesday it went off once more, because I had split the groups the day before, out of spite rather than wisdom.</p><blockquote>Nobody mutes their own number. So let the shift lead choose it.</blockquote><p>What we do now is dull. Delivery doors are counted, cold-room doors are timed.</p>`, "en"),
			ui.StoryCard(ui.StoryCardProps{Eyebrow: "Want to do this on your site?", Title: "Door-open alarms people act on", Text: "Four steps. You split the groups, agree the number with your shift, and check it after a week.", ActionPost: "/start", ActionLabel: "Start without an account", Note: "We keep your place on this device.", Slug: "door", Family: ui.Route, Segments: segments(solvik, 2, halden, 1, nordhav, 1), Meta: []string{"40 min", "618 finished"}}),
			ui.StatCard([]ui.Stat{{Value: "31 to 3", Label: "pages per night"}, {Value: "€14,000", Label: "of milk, one night"}, {Value: "2 h", Label: "to set it up", Was: "was 9 h"}}),
			ui.SectionHead("Questions under this story", ui.Link{}),
			around(ui.Card(), ui.QuestionCard(ui.QuestionProps{Title: "How do you stop the delivery door from hiding the night door?", Href: "#", Answer: "Two groups with the same sensors. One counts openings, one times them.", By: adaeze, ByLine: "Nordhav Logistics", Foot: "42 used it on site"})),
			around(ui.Card(), ui.Composer(ui.ComposerProps{ID: "ask", Action: "/ask", Label: "Ask Ingrid and the people who did this", ShowLabel: true, Placeholder: "What would you need to know to do this on your site?", Visible: "You are asked for an email address so that the answer finds you. Nothing else.", Submit: "Ask"})))))
}

func errorPage() templ.Component {
	p := signedIn("This page is not here, or not for you", "")
	return around(ui.Page(p), ui.ErrorPage(ui.ErrorProps{Icon: "plug-zap", Kind: ui.Warn, Title: p.Title, Text: "The link may be old, or its owner does not share it with Brightwater.", SearchAction: "/search", SearchQuery: "alarm settings site type", Reference: "BW-7F3K", Actions: []ui.ButtonProps{{Label: "Ask Jonas Weber for access", Href: "#"}, {Label: "Go home", Kind: ui.Quiet, Href: "/home"}}, Foot: "Nobody is told that you asked."}))
}

func form() templ.Component {
	p := signedIn("New tip", "")
	p.Flash = &ui.Flash{Kind: ui.OK, Text: "Reflection saved, Tomás can read it", UndoAction: "/undo"}
	p.Banner = &ui.CalloutProps{Kind: ui.Info, Text: "You are looking at Solvik Dairy’s shared space."}
	return around(ui.Page(p), ui.PageHead(ui.PageHeadProps{Title: "New tip"}), ui.ErrorSummary(ui.Faults{{ID: "title", Text: "Say what people will be able to do"}, {ID: "who", Text: "Choose who can read it"}}),
		el("form", "stack",
			ui.Field(ui.FieldProps{ID: "title", Label: "Title", Hint: "Start with a verb.", Error: "Say what people will be able to do", Required: true, MaxLength: 120}),
			ui.TextArea(ui.FieldProps{ID: "text", Label: "What you found out", Serif: true, Draft: "tip"}),
			ui.Select(ui.FieldProps{ID: "topic", Label: "Topic"}, []ui.Option{{Value: "1", Label: "Alarms"}, {Value: "2", Label: "Probes", Chosen: true}}),
			ui.Radio(ui.RadioProps{ID: "who", Name: "who", Legend: "Who can read it", Error: "Choose who can read it", Cards: true, Options: []ui.Option{{Value: "us", Label: "Only Brightwater", Hint: "42 people"}, {Value: "net", Label: "Connected organizations", Hint: "Brightwater and 9 companies", Chosen: true}}}),
			ui.Checkbox(ui.CheckProps{ID: "mention", Name: "mention", Label: "It names a customer", Hint: "Then a second person reads it first."}),
			el("div", "row", ui.Button(ui.ButtonProps{Label: "Publish", Kind: ui.Primary}), ui.Button(ui.ButtonProps{Label: "Schedule", Disabled: true, Reason: "Choose who can read it first."}))),
		ui.Dialog(ui.DialogProps{ID: "pause", Open: true, Title: "Pause sharing with Solvik Dairy?", Text: "37 items disappear for their people right away. You can resume any time.", Action: "/pause", Confirm: "Pause sharing", Cancel: "Keep sharing", Danger: true}))
}

func kit() templ.Component {
	p := signedIn("Component sheet", "")
	p.Layout = ui.Work
	box := func(title string, in ...templ.Component) templ.Component {
		return around(ui.Card(), append([]templ.Component{raw("<h2>" + title + "</h2>")}, in...)...)
	}
	row := func(in ...templ.Component) templ.Component { return el("div", "row", in...) }
	var brands []templ.Component
	for _, o := range []ui.Org{halden, brightwater, solvik, kestrel, nordhav, meridian, aurora} {
		brands = append(brands, row(ui.Monogram(o, ui.Small), ui.Monogram(o, ""), ui.Avatar(ui.Person{Name: o.Name, Org: o}, ui.Small), ui.Avatar(ui.Person{Name: o.Name, Org: o}, ui.Large), ui.Provenance(ui.ProvenanceProps{Org: o, Verb: ui.SharedBy, Right: ui.RightAdapt, Href: "#"})))
	}
	return around(ui.Page(p), ui.PageHead(ui.PageHeadProps{Title: p.Title, Lead: "Same markup, any organization’s brand, light and dark.", Actions: ui.Segmented("View", []ui.Link{{Label: "List", Href: "#", Icon: "list", Current: true}, {Label: "Map", Href: "#", Icon: "map"}})}),
		el("div", "two",
			box("Provenance, any hue", brands...),
			box("Type", raw(`<p class="said">People’s words are Source Serif: lessons, stories, answers, pitches.</p><p>Interface text is Hanken Grotesk, 15 px on 1.5. <code>groups: bw-leads</code> is JetBrains Mono.</p>`)),
			box("Buttons and states",
				row(ui.Button(ui.ButtonProps{Label: "Default", Kind: ui.Primary}), ui.Button(ui.ButtonProps{Label: "Saving", Kind: ui.Primary, Busy: true}), ui.Button(ui.ButtonProps{Label: "Disabled", Disabled: true, Reason: "Nothing to save yet."})),
				row(ui.Button(ui.ButtonProps{Label: "Secondary"}), ui.Button(ui.ButtonProps{Label: "Soft", Kind: ui.Soft}), ui.Button(ui.ButtonProps{Label: "Quiet", Kind: ui.Quiet}), ui.Button(ui.ButtonProps{Label: "Pause", Kind: ui.Danger}), ui.Button(ui.ButtonProps{Label: "Small", Size: ui.Small}), ui.Button(ui.ButtonProps{Label: "More", Icon: "ellipsis", Kind: ui.Quiet, IconOnly: true}), ui.LinkButton(ui.ButtonProps{Label: "Large", Size: ui.Large, Href: "#"}))),
			box("Fields", ui.Field(ui.FieldProps{ID: "k-path", Label: "Path title", Hint: "Start with a verb.", Placeholder: "What will people be able to do?"}), ui.Field(ui.FieldProps{ID: "k-url", Label: "Issuer URL", Value: "login.brightwater", Error: "Add https:// at the start"}),
				row(ui.Checkbox(ui.CheckProps{Name: "k-1", Label: "May adapt", Checked: true}), ui.Switch(ui.CheckProps{Name: "k-2", Label: "Additions", Checked: true}), ui.Switch(ui.CheckProps{Name: "k-3", Label: "Off"})),
				ui.Radio(ui.RadioProps{ID: "k-r", Name: "k-r", Legend: "Who", Options: []ui.Option{{Value: "a", Label: "Only us", Chosen: true}, {Value: "b", Label: "Everyone"}}})),
			box("Instant results", ui.QuickResults([]ui.QuickGroup{{Label: "Go to", Items: []ui.QuickItem{{Icon: "route", Href: "#", Text: []ui.Span{{Text: "Door al", Mark: true}, {Text: "arms people act on"}}, Org: &solvik}, {Icon: "circle-question-mark", Href: "#", Text: ui.Plain("Every door alarm is muted by lunchtime"), Org: &nordhav}}}, {Label: "Do", Items: []ui.QuickItem{{Icon: "message-circle-question-mark", Href: "#", Text: ui.Plain("Ask the cold-chain practice")}}}})),
			box("Feedback", ui.Callout(ui.CalloutProps{Kind: ui.OK, Text: "Kestrel accepted the agreement."}), ui.Callout(ui.CalloutProps{Kind: ui.Warn, Text: "Nordhav’s agreement ends in 9 days."}), ui.Callout(ui.CalloutProps{Kind: ui.Bad, Title: "Search is not answering.", Text: "You see the last saved list.", Action: ui.Link{Label: "Try again", Href: "#"}}), ui.Callout(ui.CalloutProps{Kind: ui.Info, Text: "Version 4 is out."}),
				row(ui.Badge(ui.OK, "Active"), ui.Badge(ui.Warn, "Renew"), ui.Badge(ui.Bad, "Failed"), ui.Badge(ui.Info, "Proposed"), ui.Badge(ui.Neutral, "Draft"), ui.Badge(ui.Own, "Adapt"), ui.Badge(ui.Bordered, "Beginner"), ui.IconBadge(ui.Info, "pencil", "46 changed"))),
			box("Progress and people", row(ui.ProgressRing(0), ui.ProgressRing(.38), ui.ProgressRing(1)), ui.ProgressBar(.38, "Path"), ui.StrandBar(segments(halden, 5, brightwater, 3, solvik, 2)),
				row(ui.AvatarStack([]ui.Person{owen, tomas, adaeze, ingrid}, 63), ui.Reactions([]ui.Reaction{{Action: "/r", Label: "Used on site", Icon: "wrench", Count: 42, Pressed: true}, {Action: "/r", Label: "Thanks", Icon: "heart", Count: 18}, {Label: "Same question", Count: 2}}))),
			box("Tabs and timeline", ui.Tabs("Space", []ui.Link{{Label: "Questions", Href: "#", Count: 86, Current: true}, {Label: "Stories", Href: "#", Count: 24}, {Label: "People", Href: "#"}}), ui.Timeline([]ui.TimelineRow{{Org: solvik, Text: "Solvik added “Alarm settings by site type”", When: "12 Nov"}, {Org: brightwater, Text: "You turned on adapting for field checklists", When: "2 Nov"}, {Org: halden, Text: "Halden updated “Calibrate a probe”", When: "28 Oct"}})),
			box("Quiz, unanswered", ui.Quiz(quiz("k-q1", ui.Unanswered))),
			box("Quiz, not yet", ui.Quiz(quiz("k-q2", ui.Wrong))),
			ui.EmptyState(ui.EmptyProps{Icon: "messages-square", Title: "No questions yet", Text: "The first one gets seen by 9 companies.", Action: &ui.ButtonProps{Label: "Ask something", Kind: ui.Soft, Href: "#"}}),
			ui.Skeleton(3)),
		around(ui.Table(ui.TableProps{Label: "People", Frozen: true}), raw("<thead><tr>"), ui.SortHead("Name", "#", "ascending"), ui.SortHead("Team", "#", ""), raw(`<th scope="col" class="num">Steps</th></tr></thead><tbody><tr><th scope="row">Petra Kolář</th><td>Field</td><td class="num">1,284</td></tr><tr><th scope="row">Theo Brandl</th><td>Cold-chain practice</td><td class="num">17</td></tr></tbody>`)),
		el("div", "row", ui.Tag("alarms"), ui.Chip(ui.Link{Label: "Unanswered", Href: "#", Count: 7})),
		ui.Pagination("#", "#"))
}
