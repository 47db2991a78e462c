package courses_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

const thinkingGroup = groupSource + "\n```reflect\nkey: think\nask: What would you do differently?\n```\n"

// readsOf are the reflections that others share with somebody: under which name, and what they say.
func (w *world) readsOf(ctx context.Context) string {
	w.t.Helper()
	var out []string
	for _, r := range w.sharedWith(ctx) {
		name := r.Name
		switch {
		case name == "" && r.Told:
			name = "of " + r.By.Name
		case name == "":
			name = "someone"
		}
		out = append(out, name+": "+r.Body)
		if got, err := w.svc.ReadShared(ctx, r.ID); err != nil || got.Body != r.Body {
			w.t.Errorf("%s is listed and opens as %s, %v", r.ID, says(got), err)
		}
	}
	return strings.Join(out, "|")
}

// What somebody shares with their group is read by whoever is in it, of both organizations while they meet and under the name of the group,
// and by nobody else; whoever comes reads it, whoever leaves does not.
func TestAGroupReadsAReflection(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(thinkingGroup).ItemID
	at := courses.Place{Item: path, Step: "meet"}
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: h.other.org.OrgID, Right: "use"})
	})
	for _, p := range []house{h.partner, h.other} {
		h.connected(h.vendor, p, "partner")
		h.meet(h.vendor, p, "name")
		h.meet(p, h.vendor, "name")
	}
	host, guest, mate, late := h.vendor.member, h.partner.member, h.colleague(h.vendor), h.colleague(h.partner)
	which := h.wrote(host, at, "SECRET at forty")
	with := func(ctx context.Context, which id.Any) courses.Sharing {
		t.Helper()
		v, err := h.svc.Reflection(ctx, which)
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Circles) != 1 {
			return courses.Sharing{With: courses.ShareGroup}
		}
		return courses.Sharing{With: courses.ShareGroup, Group: v.Circles[0].ID.String()}
	}
	refused(t, "without a group", h.svc.ShareReflection(host, which, with(host, which)), errs.Invalid)
	h.did(h.svc.OpenGroup(host, at, "look", courses.GroupDraft{Wide: true, Shown: "name"}))
	_, g := h.group(guest, path)
	group := g.Open[0].ID
	h.did(h.svc.JoinGroup(guest, at, "look", group, "company"))
	h.told(h.partner)

	// Who reads it is shown before, as the group shows them.
	v, err := h.svc.Reflection(host, which)
	if err != nil || len(v.Circles) != 1 || v.Circles[0].Title != "Look back" || len(v.Circles[0].People) != 1 || v.Circles[0].People[0].Name != "" || v.Circles[0].People[0].By.Name != "partner" || !v.Circles[0].People[0].Shown {
		t.Fatalf("before: %s, %v", says(v), err)
	}
	h.did(h.svc.ShareReflection(host, which, with(host, which)))
	if got := h.told(h.partner); len(got) != 1 || !strings.Contains(got[0], "Somebody shares a thought with your group: Look back") || !strings.Contains(got[0], "https://"+h.partner.org.Slug+".portal.example/reflections/"+which.String()) || strings.Contains(got[0], "SECRET") || strings.Contains(got[0], "Ada vendor") {
		t.Errorf("the guest is told %q", got)
	}
	h.did(h.svc.ShareReflection(host, which, with(host, which)))
	if got := h.told(h.partner); len(got) != 0 {
		t.Errorf("told again: %q", got)
	}
	for _, tt := range []struct{ meet, want string }{{"company", "of vendor: SECRET at forty"}, {"none", ""}, {"name", "Ada vendor: SECRET at forty"}} {
		h.meet(h.vendor, h.partner, tt.meet)
		if got := h.readsOf(guest); got != tt.want {
			t.Errorf("met by %s the guest reads %q", tt.meet, got)
		}
	}
	if v, err := h.svc.Reflection(host, which); err != nil || v.With == nil || v.With.To != "Look back" || v.With.Outside || v.Circle() == nil {
		t.Errorf("the writer sees %s, %v", says(v), err)
	}
	if _, g := h.group(guest, path); g.Thoughts != 1 {
		t.Errorf("the group's page tells of %d", g.Thoughts)
	}
	if _, g := h.group(host, path); g.Thoughts != 0 {
		t.Errorf("the writer's page tells of %d", g.Thoughts)
	}
	nobody := func(name string, who ...context.Context) {
		t.Helper()
		for _, c := range who {
			if got := h.readsOf(c); got != "" {
				t.Errorf("%s: %q", name, got)
			}
			_, err := h.svc.ReadShared(c, which)
			refused(t, name, err, errs.NotFound)
		}
	}
	nobody("who is not in it", late, mate, h.other.member, h.administrator(h.vendor), h.administrator(h.partner))

	// Whoever comes reads it, whoever leaves does not.
	h.did(h.svc.JoinGroup(mate, at, "look", group, "someone"))
	if got := h.readsOf(mate); got != "Ada vendor: SECRET at forty" {
		t.Errorf("who came reads %q", got)
	}
	thought := h.wrote(mate, at, "SECRET of nobody")
	h.did(h.svc.ShareReflection(mate, thought, with(mate, thought)))
	if got := h.readsOf(guest); got != "someone: SECRET of nobody|Ada vendor: SECRET at forty" {
		t.Errorf("the guest reads %q", got)
	}
	if got := h.readsOf(host); got != "Bo: SECRET of nobody" {
		t.Errorf("the host reads %q", got)
	}
	h.did(h.svc.LeaveGroup(mate, at, "look"))
	nobody("who left reads", mate)
	if got := h.readsOf(guest) + h.readsOf(host); got != "Ada vendor: SECRET at forty" {
		t.Errorf("what somebody shared who left is read: %q", got)
	}
	if v, err := h.svc.Reflection(mate, thought); err != nil || v.Shared || v.Body != "SECRET of nobody" {
		t.Errorf("who left has %s, %v", says(v), err)
	}

	// A company that is named is asked about, but for the one that reads it.
	h.did(h.svc.TakeReflectionBack(host, which))
	nobody("taken back", guest)
	other := h.wrote(guest, at, "As the vendor says")
	h.did(h.svc.ShareReflection(guest, other, with(guest, other)))
	named, err := h.svc.Reflect(host, at, "think", courses.Thought{Text: "SECRET at the other", Edition: 1})
	if err != nil || named.Changed {
		t.Fatal(says(named), err)
	}
	in := with(host, which)
	if got := fieldsOf(h.svc.ShareReflection(host, which, in)); len(got) != 1 || got[0] != "confirmed" {
		t.Errorf("named another: %q", got)
	}
	in.Confirmed = true
	h.did(h.svc.ShareReflection(host, which, in))

	// Whatever the code says: under another name, with a group that one is not in, and of another one's.
	for name, q := range map[string]string{
		"another name":  `UPDATE reflection_shares SET shown_name = 'Bo' WHERE reflection_id = $1`,
		"another group": `UPDATE reflection_shares SET group_id = gen_random_uuid() WHERE reflection_id = $1`,
		"two at once":   `UPDATE reflection_shares SET cohort_id = group_id WHERE reflection_id = $1`,
		"elsewhere":     `UPDATE reflection_shares SET reader_org = gen_random_uuid() WHERE reflection_id = $1`,
	} {
		if n, err := h.exec(host, q, which); err == nil {
			t.Errorf("%s: %d rows", name, n)
		}
	}
	h.did(h.svc.CallGroupOff(host, at, "look"))
	nobody("called off", guest)
	if v, err := h.svc.Reflection(host, which); err != nil || v.With == nil || !v.With.Off || len(v.Circles) != 0 {
		t.Errorf("called off, the writer sees %s, %v", says(v), err)
	}
	refused(t, "with one that is called off", h.svc.ShareReflection(host, which, in), errs.Invalid)
}

// What somebody shares with those who take a path with them is read by them, and by nobody who leads or plans it.
func TestACohortReadsAReflection(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	var path tenants.Item
	c.tx(c.vendor.ctx, func(tx *db.Tx) error {
		p, err := courses.PublishPath(tx, courses.PathDraft{Item: tenants.Item{Title: "Ice", Slug: "ice"}, Steps: []courses.StepDraft{{Key: "bath", Kind: courses.StepLesson, Lesson: courses.LessonDraft{Title: "Bath", Minutes: 5, Source: "Ice.\n\n```reflect\nkey: think\nask: Why?\n```\n"}}}})
		if err != nil {
			return err
		}
		path = p.Item
		return tenants.Collect(tx, path.ItemID, "shared")
	})
	made, err := c.svc.PlanCohort(c.manager, path.ItemID, id.Any{}, courses.CohortPlan{Name: "Field", Starts: c.db.Now().UTC().Format(time.DateOnly)})
	if err != nil {
		t.Fatal(err)
	}
	first, two, out := c.ctxOf[c.inside[0]], c.ctxOf[c.inside[1]], c.ctxOf[c.outside]
	which := c.wrote(first, courses.Place{Item: path.ItemID, Step: "bath"}, "SECRET ice")
	with := courses.Sharing{With: courses.ShareGroup, Group: made.String()}
	refused(t, "with a cohort that one is not in", c.svc.ShareReflection(first, which, with), errs.Invalid)
	for _, who := range []context.Context{first, two} {
		if err := c.svc.JoinCohort(who, made); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := c.svc.Reflection(first, which); err != nil || len(v.Circles) != 1 || v.Circles[0].Title != "Field" || len(v.Circles[0].People) != 1 || v.Circles[0].People[0].Name != "In Two" {
		t.Fatalf("before: %s, %v", says(v), err)
	}
	if err := c.svc.ShareReflection(first, which, with); err != nil {
		t.Fatal(err)
	}
	if got := c.readsOf(two); got != "In One: SECRET ice" {
		t.Errorf("the cohort reads %q", got)
	}
	for name, who := range map[string]context.Context{"who planned it": c.manager, "an administrator": c.admin, "who is not in it": out, "another organization": c.vendor.member} {
		if got := c.readsOf(who); got != "" {
			t.Errorf("%s reads %q", name, got)
		}
	}
	if err := c.svc.LeaveCohort(two, made); err != nil {
		t.Fatal(err)
	}
	if got := c.readsOf(two); got != "" {
		t.Errorf("who left reads %q", got)
	}
	if err := c.svc.JoinCohort(two, made); err != nil {
		t.Fatal(err)
	}
	if err := c.svc.LeaveCohort(first, made); err != nil {
		t.Fatal(err)
	}
	if got := c.readsOf(two); got != "" {
		t.Errorf("what somebody shared who left is read: %q", got)
	}
}
