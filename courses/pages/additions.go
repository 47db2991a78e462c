package pages

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountAdditions adds the routes of what an adopter adds to a path, and of where its publisher lets it.
func (p *Pages) mountAdditions(r fiber.Router) {
	r.Get("/library/:id/additions", p.compose)
	r.Post("/library/:id/additions", p.edit)
	r.Post("/library/:id/additions/preview", p.preview)
	r.Post("/library/:id/additions/publish", p.publish)
	r.Get("/slots/:id", p.slots)
	r.Post("/slots/:id", p.openSlots)
}

// composeView is the page on which additions are written: one part is open at a time.
type composeView struct {
	courses.ComposeView

	Edit    courses.Edit // what the open form says
	Faults  ui.Faults
	Refused string
	Fresh   bool // the own step is a new one
}

func (v composeView) at(rest string) string {
	return "/library/" + v.Item.String() + "/additions" + rest
}

func (p *Pages) compose(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	cv, err := p.courses.Compose(c.UserContext(), it, c.Query("step")+c.Query("slot") != "")
	if err != nil {
		return err
	}
	v := composeView{ComposeView: cv}
	if err := v.open(c.Query("note"), c.Query("step"), c.Query("slot")); err != nil {
		return err
	}
	return p.showCompose(c, v, fiber.StatusOK)
}

// open fills the form that the address asks for.
func (v *composeView) open(note, step, slot string) error {
	d := v.Draft
	switch {
	case note != "":
		if _, ok := v.Settled.Step(note); !ok {
			return errs.New(errs.NotFound, "step %q", note)
		}
		n, _ := d.Note(note) // None is an empty one.
		v.Edit = courses.Edit{Do: courses.EditNote, Step: note, Text: n.Source}
	case step != "":
		s, ok := d.Step(step)
		if !ok {
			return errs.New(errs.NotFound, "own step %q", step)
		}
		v.Edit = courses.Edit{Do: courses.EditStep, Step: s.Key, Title: s.Title, Minutes: s.Minutes, Text: s.Source, Item: s.Item, Slot: s.Slot}
		for _, sl := range v.Settled.Slots {
			if sl.After == s.After {
				v.Edit.Slot = sl.Key
			}
		}
	case slot != "":
		if _, ok := v.Settled.Slot(slot); !ok {
			return errs.New(errs.NotFound, "slot %q", slot)
		}
		v.Edit, v.Fresh = courses.Edit{Do: courses.EditStep, Slot: slot, Minutes: 10}, true
	default:
		v.Edit = courses.Edit{Do: courses.EditProposition, Proposition: d.Proposition, TheyKnow: d.TheyKnow, WeAdd: d.WeAdd, CustomerGets: d.CustomerGets}
	}
	return nil
}

func (p *Pages) showCompose(c *fiber.Ctx, v composeView, status int) error {
	ctx := c.UserContext()
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{
		Title: lang.T(ctx, "additions.title", "Org", v.Own.Name), NavKey: "learn", Layout: ui.Work, NoIndex: true,
		Flash: did(c, "additions.done."+c.Query("done"), "saved", "published", "undone", "parked", "deleted", "discarded", "restored"),
	}, composePage(v))
}

// formText is what somebody wrote into a field, without what no text contains.
func formText(c *fiber.Ctx, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(c.FormValue(name), "\r\n", "\n"))
}

// editOf reads a form of the page.
func editOf(c *fiber.Ctx) courses.Edit {
	text := func(name string) string { return formText(c, name) }
	e := courses.Edit{
		Do: c.FormValue("do"), Proposition: text("proposition"), TheyKnow: text("they_know"), WeAdd: text("we_add"), CustomerGets: text("customer_gets"),
		ForCustomers: c.FormValue("for_customers") != "", ForPublisher: c.FormValue("for_publisher") != "",
		Step: text("step"), Text: text("text"), Slot: text("slot"), Title: text("title"), Minutes: max(number(c.FormValue("minutes")), 0), By: number(c.FormValue("by")), Edition: number(c.FormValue("edition")),
	}
	if it, err := id.Parse[id.Item](c.FormValue("leads_to")); err == nil {
		e.Item = it
	}
	return e
}

func (p *Pages) edit(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	e := editOf(c)
	err = p.courses.EditAdditions(c.UserContext(), it, e)
	fault, _ := errors.AsType[*errs.Error](err)
	if fault == nil || !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.Conflict) {
		if err != nil {
			return err
		}
		return c.Redirect("/library/"+it.String()+"/additions?"+back(e), fiber.StatusSeeOther)
	}
	cv, err := p.courses.Compose(c.UserContext(), it, e.Do == courses.EditStep)
	if err != nil {
		return err
	}
	v := composeView{ComposeView: cv, Edit: e, Fresh: e.Do == courses.EditStep && e.Step == ""}
	if len(fault.Fields) == 0 {
		key, args := errs.MessageKey(fault)
		v.Refused = lang.T(c.UserContext(), key, args...)
		return p.showCompose(c, v, errs.Status(fault.Kind))
	}
	v.Faults = ui.FaultsOf(c.UserContext(), fault.Fields)
	return p.showCompose(c, v, fiber.StatusUnprocessableEntity)
}

// back is where a change leads to: the part that was changed stays open.
func back(e courses.Edit) string {
	done := map[string]string{
		courses.EditUndo: "undone", courses.EditPark: "parked", courses.EditDelete: "deleted", courses.EditDiscard: "discarded", courses.EditRestore: "restored",
	}[e.Do]
	if done == "" {
		done = "saved"
	}
	switch {
	case e.Do == courses.EditNote && e.Text != "":
		return query("done", done, "note", e.Step)
	case (e.Do == courses.EditStep || e.Do == courses.EditMove) && e.Step != "":
		return query("done", done, "step", e.Step)
	}
	return query("done", done)
}

// preview answers with the path as it would be with what the form says, while it is typed.
func (p *Pages) preview(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	e := editOf(c)
	cv, err := p.courses.Preview(c.UserContext(), it, e)
	if err != nil {
		return err
	}
	v := composeView{ComposeView: cv, Edit: e, Fresh: e.Step == ""}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Fragment(c, composePreview(v))
}

func (p *Pages) publish(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	if err := p.courses.PublishAdditions(c.UserContext(), it); err != nil {
		return err
	}
	return c.Redirect("/library/"+it.String()+"/additions?done=published", fiber.StatusSeeOther)
}

// stops are the rows of the map on which additions are written.
func (v composeView) stops(ctx context.Context) []ui.MapStep {
	own := show.Org(v.Own)
	var out []ui.MapStep
	for _, s := range v.Stops {
		m := ui.MapStep{Title: s.Title, State: ui.Ahead}
		if s.Kind != "slot" {
			m.Meta = []string{lang.T(ctx, "courses.path.kind_time", "Kind", lang.T(ctx, "courses.kind."+s.StepKind), "Time", lang.Minutes(ctx, s.Minutes))}
		}
		switch s.Kind {
		case "own":
			m.Guest, m.Own = &own, true
		case "slot":
			m.Title, m.Slot = lang.T(ctx, "additions.slot"), true
			if s.Suggestion != "" {
				m.Meta = []string{s.Suggestion}
			}
		default:
			if s.Org.OrgID != v.Publisher.OrgID {
				o := show.Org(s.Org)
				m.Guest = &o
				m.Meta = append(m.Meta, lang.T(ctx, "courses.path.shared_by", "Org", s.Org.Name))
			}
			if s.Note != nil {
				m.Meta = append(m.Meta, lang.T(ctx, "additions.note_short", "Text", markdown.Summary(s.Note.Source, 80)))
			}
		}
		if v.Writable {
			m.More = stopActions(v, s) //nolint:contextcheck // A component gets its context when it is rendered.
		}
		out = append(out, m)
	}
	return out
}

func (v composeView) filled() (slots, filled int) {
	open := false
	for _, s := range v.Stops {
		switch s.Kind {
		case "own":
			open = true
		case "slot":
			slots++
			if open {
				filled++
			}
			open = false
		default:
			open = false
		}
	}
	return slots, filled
}

// editing reports whether the row is the one whose form is open.
func (v composeView) editing(s courses.ComposeStop) bool {
	switch s.Kind {
	case "own":
		return v.Edit.Do == courses.EditStep && v.Edit.Step == s.Key
	case "slot":
		return v.Fresh && v.Edit.Slot == s.Key
	}
	return v.Edit.Do == courses.EditNote && v.Edit.Step == s.Key
}

// slotOptions are the places into which an own step can be put.
func (v composeView) slotOptions(ctx context.Context) []ui.Option {
	var out []ui.Option
	for _, sl := range v.Settled.Slots {
		label := lang.T(ctx, "additions.slot")
		if st, ok := v.Settled.Step(sl.After); ok {
			label = lang.T(ctx, "additions.slot_after", "Title", st.Title)
		} else if sl.After == "" {
			label = lang.T(ctx, "additions.slot_beginning")
		}
		out = append(out, ui.Option{Value: sl.Key, Label: label, Chosen: sl.Key == v.Edit.Slot})
	}
	return out
}

// itemOptions are the own items that a step can lead to, the first being a text of its own.
func (v composeView) itemOptions(ctx context.Context) []ui.Option {
	out := []ui.Option{{Value: "", Label: lang.T(ctx, "additions.leads_text"), Chosen: v.Edit.Item.IsZero()}}
	for _, it := range v.Items {
		out = append(out, ui.Option{Value: it.ItemID.String(), Label: lang.T(ctx, "additions.leads_item", "Kind", lang.T(ctx, "courses.kind."+it.Kind), "Title", it.Title), Chosen: it.ItemID == v.Edit.Item})
	}
	return out
}

// seenBy says who reads the additions.
func seenBy(ctx context.Context, a courses.Additions, own, publisher string) string {
	switch {
	case a.ForCustomers && a.ForPublisher:
		return lang.T(ctx, "additions.seen.all", "Org", own, "Publisher", publisher)
	case a.ForCustomers:
		return lang.T(ctx, "additions.seen.customers", "Org", own, "Publisher", publisher)
	case a.ForPublisher:
		return lang.T(ctx, "additions.seen.publisher", "Org", own, "Publisher", publisher)
	}
	return lang.T(ctx, "additions.seen.own", "Org", own)
}

// arrivalLines say what a newer version does to the draft.
func arrivalLines(ctx context.Context, a courses.Arrival) []ui.Effect {
	out := []ui.Effect{{Icon: "check", Title: lang.T(ctx, "additions.arrival.stays", "Count", a.Stays)}}
	for _, t := range a.Moved {
		out = append(out, ui.Effect{Icon: "arrow-left-right", Title: lang.T(ctx, "additions.arrival.moved", "Title", t)})
	}
	for _, t := range a.Parked {
		out = append(out, ui.Effect{Icon: "archive", Title: lang.T(ctx, "additions.arrival.parked", "Title", t), Text: lang.T(ctx, "additions.arrival.parked_text")})
	}
	return out
}

// seenText is the text of the open form as readers see it.
func (v composeView) seenText() string {
	switch v.Edit.Do {
	case courses.EditStep:
		key := v.Edit.Step
		if v.Fresh {
			key = "new"
		}
		s, _ := v.Draft.Step(key) // None has no text.
		var b strings.Builder
		for _, bl := range s.Blocks {
			b.WriteString(bl.HTML)
		}
		return b.String()
	case courses.EditNote:
		n, _ := v.Draft.Note(v.Edit.Step)                          // None has no text.
		html, err := markdown.Render(n.Source, markdown.Options{}) // Of what cannot be rendered there is nothing to see.
		if err == nil {
			return html
		}
	}
	return ""
}

type slotsView struct {
	courses.SlotsView

	Refused string
	Faults  ui.Faults
}

func (p *Pages) slots(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	return p.showSlots(c, it, fiber.StatusOK, nil)
}

func (p *Pages) showSlots(c *fiber.Ctx, it id.Item, status int, refused *errs.Error) error {
	ctx := c.UserContext()
	sv, err := p.courses.Slots(ctx, it)
	if err != nil {
		return err
	}
	v := slotsView{SlotsView: sv}
	if refused != nil {
		v.Faults = ui.FaultsOf(ctx, refused.Fields)
		if len(v.Faults) == 0 {
			key, args := errs.MessageKey(refused)
			v.Refused = lang.T(ctx, key, args...)
		} else {
			v.Outline.Slots = slotsOf(c).Open
		}
	}
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "additions.slots.title"), NavKey: "learn", Layout: ui.Work, NoIndex: true, Flash: did(c, "additions.done."+c.Query("done"), "slots")}, slotsPage(v))
}

func slotsOf(c *fiber.Ctx) courses.SlotsDraft {
	d := courses.SlotsDraft{Version: number(c.FormValue("version")), Proposition: c.FormValue("proposition") != ""}
	for _, v := range c.Context().PostArgs().PeekMulti("note") {
		d.Notes = append(d.Notes, string(v))
	}
	for _, v := range c.Context().PostArgs().PeekMulti("open") {
		d.Open = append(d.Open, courses.Slot{After: string(v), Suggestion: strings.TrimSpace(c.FormValue("suggestion-" + string(v)))})
	}
	return d
}

func (p *Pages) openSlots(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	err = p.courses.OpenSlots(c.UserContext(), it, slotsOf(c))
	if e, _ := errors.AsType[*errs.Error](err); e != nil && (errs.Is(err, errs.Conflict) || errs.Is(err, errs.Invalid)) {
		return p.showSlots(c, it, errs.Status(errs.KindOf(err)), e)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/slots/"+it.String()+"?done=slots", fiber.StatusSeeOther)
}

// slotRows are the places of a path: its beginning, and after each step.
type slotRow struct {
	After, Title, Suggestion string
	Open, Note               bool
	Beginning                bool
}

func (v slotsView) rows(ctx context.Context) []slotRow {
	at := func(after string) (courses.Slot, bool) {
		i := slices.IndexFunc(v.Outline.Slots, func(s courses.Slot) bool { return s.After == after })
		if i < 0 {
			return courses.Slot{}, false
		}
		return v.Outline.Slots[i], true
	}
	first, open := at("")
	out := []slotRow{{Title: lang.T(ctx, "additions.slot_beginning"), Open: open, Suggestion: first.Suggestion, Beginning: true}}
	for _, st := range v.Outline.Steps {
		sl, open := at(st.Key)
		out = append(out, slotRow{After: st.Key, Title: st.Title, Open: open, Suggestion: sl.Suggestion, Note: !slices.Contains(v.Outline.NoNotes, st.Key)})
	}
	return out
}

// adoptersText says how many organizations adopted the path, as far as that may be told.
func (v slotsView) adoptersText(ctx context.Context) []ui.Definition {
	var out []ui.Definition
	for _, a := range v.Adopters {
		term := lang.T(ctx, "additions.slots.adopters_all")
		if a.Version > 0 {
			term = lang.T(ctx, "additions.slots.adopters_version", "Version", strconv.Itoa(a.Version))
		}
		out = append(out, ui.Definition{Term: term, Text: lang.Number(ctx, a.Organizations)})
	}
	return out
}
