package courses_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

const groupSource = "Read this before.\n\n```group\nkey: look\ntitle: Look back\nask: Say what went **wrong**.\nfrom: 2\nto: 3\nminutes: 45\noutcome: A list of two things.\n```\n"

// meet says how people of one organization show themselves to those of another.
func (w *world) meet(from, to house, as string) {
	w.t.Helper()
	w.tx(from.ctx, func(tx *db.Tx) error {
		return tx.Must(`UPDATE connection_sides SET meet = $3 WHERE org_id = $1 AND other_org = $2`, tx.Scope.Org, to.org.OrgID, as)
	})
}

// group returns what stands at the step where a few do something together.
func (h *hall) group(ctx context.Context, path id.Item) (courses.LessonView, *courses.GroupStep) {
	h.t.Helper()
	v, err := h.svc.Lesson(ctx, courses.Place{Item: path, Step: "meet"}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, b := range v.Blocks {
		if b.Kind == markdown.Group && b.Group != nil {
			return v, b.Group
		}
	}
	h.t.Fatalf("no group: %+v", v.Blocks)
	return v, nil
}

// groupNames are the people of a group as somebody reads them.
func groupNames(g *courses.GroupStep) string {
	var out []string
	for _, p := range g.People {
		switch {
		case p.Me:
			out = append(out, "me")
		case p.Name != "":
			out = append(out, p.Name)
		case p.Shown:
			out = append(out, "of "+p.By.Name)
		default:
			out = append(out, "someone")
		}
	}
	return strings.Join(out, ", ")
}

// others are the places of the others in it.
func others(g *courses.GroupStep) (out []string) {
	for _, p := range g.People {
		if !p.Me {
			out = append(out, p.Place.String())
		}
	}
	return out
}

func TestAFewDoItTogether(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(groupSource).ItemID
	at := courses.Place{Item: path, Step: "meet"}
	ada, bo, cy := h.partner.member, h.colleague(h.partner), h.colleague(h.partner)
	h.did(h.svc.Enroll(ada, path, courses.Origin{}))
	v, g := h.group(ada, path)
	if v.Kind != markdown.Group || v.Meets != 1 || g.From != 2 || g.To != 3 || g.Minutes != 45 || g.Out != "A list of two things." || len(g.Open) != 0 {
		t.Errorf("before: %s, %d to meet, %+v", v.Kind, v.Meets, g)
	}
	if _, err := h.svc.CompleteLesson(ada, at); !errs.Is(err, errs.Invalid) {
		t.Errorf("done alone: %v", err)
	}
	for name, d := range map[string]courses.GroupDraft{"group_starts": {Starts: "2020-01-01T10:00", Shown: "name"}, "group_room": {Room: "http://x.example", Shown: "name"}, "group_zone": {Zone: "Local", Shown: "name"}} {
		if e, _ := errors.AsType[*errs.Error](h.svc.OpenGroup(ada, at, "look", d)); e == nil || len(e.Fields) == 0 || e.Fields[0].Name != name {
			t.Errorf("%s: %v", name, e)
		}
	}
	h.did(h.svc.OpenGroup(ada, at, "look", courses.GroupDraft{Room: meeting, Shown: "name"}))
	refused(t, "a second one", h.svc.OpenGroup(ada, at, "look", courses.GroupDraft{Shown: "name"}), errs.Conflict)
	refused(t, "a group of none", h.svc.OpenGroup(bo, at, "none", courses.GroupDraft{Shown: "name"}), errs.NotFound)
	refused(t, "with nobody", h.svc.SayGroup(ada, at, "look", courses.GroupSay{Words: "All of it", There: []string{"x"}}), errs.Invalid)

	// A colleague finds it, without what only those in it read.
	if _, g = h.group(bo, path); len(g.Open) != 1 || g.Open[0].Opener != "Ada partner" || g.Open[0].Room != "" || len(g.People) != 0 {
		t.Fatalf("found: %+v", g)
	}
	which := g.Open[0].ID
	h.did(h.svc.JoinGroup(bo, at, "look", which, "name"))
	if got := h.told(h.partner); len(got) != 1 || !strings.Contains(got[0], "Somebody joined") || !strings.Contains(got[0], "/path/"+path.String()+"/-/steps/meet") {
		t.Errorf("told: %q", got)
	}
	if _, g = h.group(bo, path); g.Group == nil || g.Group.Room != meeting || groupNames(g) != "Ada partner, me" {
		t.Fatalf("in it: %+v, %s", g.Group, groupNames(g))
	}
	h.did(h.svc.JoinGroup(cy, at, "look", which, "name"))
	refused(t, "a full one", h.svc.JoinGroup(h.colleague(h.partner), at, "look", which, "name"), errs.Conflict)
	h.did(h.svc.LeaveGroup(cy, at, "look"))
	refused(t, "the opener leaves", h.svc.LeaveGroup(ada, at, "look"), errs.Conflict)
	refused(t, "another one plans", h.svc.PlanGroup(bo, at, "look", courses.GroupDraft{}), errs.NotFound)
	later := h.db.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04")
	h.did(h.svc.PlanGroup(ada, at, "look", courses.GroupDraft{Starts: later, Zone: "UTC", Room: meeting}))
	_, g = h.group(ada, path)
	refused(t, "before it began", h.svc.SayGroup(ada, at, "look", courses.GroupSay{Words: "x", There: others(g)}), errs.Conflict)
	h.did(h.svc.PlanGroup(ada, at, "look", courses.GroupDraft{Room: meeting}))
	h.told(h.partner)

	// One says what came out of it and who was there; the other one confirms it. Then both are done, and nobody before.
	refused(t, "without words", h.svc.SayGroup(ada, at, "look", courses.GroupSay{There: others(g)}), errs.Invalid)
	refused(t, "with nobody ticked", h.svc.SayGroup(ada, at, "look", courses.GroupSay{Words: "Two things"}), errs.Invalid)
	h.did(h.svc.SayGroup(ada, at, "look", courses.GroupSay{Words: "Two things", Link: "https://x.example/list", There: others(g)}))
	h.told(h.partner)
	for name, ctx := range map[string]context.Context{"who said it": ada, "who has not": bo} {
		if v, _ := h.group(ctx, path); v.Done || v.Meets != 1 {
			t.Errorf("%s is done", name)
		}
		if _, err := h.svc.CompleteLesson(ctx, at); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s completes: %v", name, err)
		}
	}
	_, g = h.group(bo, path)
	h.did(h.svc.SayGroup(bo, at, "look", courses.GroupSay{There: others(g)}))
	if v, _ := h.group(bo, path); !v.Done {
		t.Error("who confirmed it is not done")
	}
	h.told(h.partner)
	if v, g := h.group(ada, path); !v.Done || !g.Done() {
		t.Error("who said it is not done once it was confirmed")
	}
	refused(t, "who took part leaves", h.svc.LeaveGroup(bo, at, "look"), errs.Conflict)
	refused(t, "and calls it off", h.svc.CallGroupOff(ada, at, "look"), errs.Conflict)
	if _, g := h.group(cy, path); len(g.People) != 0 {
		t.Errorf("who left reads %+v", g.People)
	}
	// The next version keeps what is done.
	h.meetingPath(groupSource + "\nMore.\n")
	h.did(h.svc.MoveVersion(ada, path, 2))
	if v, _ := h.group(ada, path); !v.Done {
		t.Error("moving took it away")
	}
	// Nobody speaks for somebody else, whatever the code says.
	for name, q := range map[string]string{
		"one for oneself": `INSERT INTO step_group_seen (org_id, membership_id, group_id, by_org, by_place, at) SELECT p.org_id, p.membership_id, p.group_id, p.org_id, p.place_id, now() FROM step_group_people p WHERE p.membership_id = $1`,
		"in another name": `INSERT INTO step_group_seen (org_id, membership_id, group_id, by_org, by_place, at) SELECT p.org_id, p.membership_id, p.group_id, p.org_id, p.place_id, now() FROM step_group_people p WHERE p.membership_id <> $1`,
		"another's words": `UPDATE step_group_people SET words = 'x' WHERE membership_id <> $1 RETURNING 1/0`,
		"a name":          `UPDATE step_group_people SET shown_name = 'x' WHERE membership_id = $1`,
	} {
		if n, err := h.exec(ada, q, h.partner.m.MembershipID); err == nil && n > 0 {
			t.Errorf("%s: %d rows", name, n)
		}
	}
}

// Two partners of a vendor never meet in a group of its people, and nobody is met whom an agreement does not let one meet.
func TestGroupsOfTwoOrganizations(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(groupSource).ItemID
	at := courses.Place{Item: path, Step: "meet"}
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		return tenants.Open(tx, tenants.Grant{Collection: "shared", Viewer: h.other.org.OrgID, Right: "use"})
	})
	h.connected(h.vendor, h.partner, "partner")
	h.connected(h.vendor, h.other, "partner")
	for _, p := range []house{h.partner, h.other} {
		h.meet(h.vendor, p, "name")
		h.meet(p, h.vendor, "name")
	}
	open := func(of house) []courses.StepGroup {
		t.Helper()
		_, g := h.group(of.member, path)
		return g.Open
	}
	h.did(h.svc.OpenGroup(h.vendor.member, at, "look", courses.GroupDraft{Shown: "name", Room: meeting}))
	if n := len(open(h.partner)); n != 0 {
		t.Errorf("the partner finds %d groups of the vendor's own people", n)
	}
	h.did(h.svc.PlanGroup(h.vendor.member, at, "look", courses.GroupDraft{Wide: true, Room: meeting}))
	for _, as := range []string{"none", "name"} {
		for _, side := range [][2]house{{h.vendor, h.partner}, {h.partner, h.vendor}} {
			h.meet(side[0], side[1], as)
			if n := len(open(h.partner)); (n == 1) != (as == "name") {
				t.Errorf("%s shows itself as %s: %d groups", side[0].org.Name, as, n)
			}
			h.meet(side[0], side[1], "name")
		}
	}
	if found := open(h.other); len(found) != 1 || found[0].Opener != "" || found[0].By.Name != "vendor" || found[0].Room != "" {
		t.Fatalf("the other partner finds %+v", found)
	}
	which := open(h.partner)[0].ID
	h.did(h.svc.JoinGroup(h.partner.member, at, "look", which, "name"))
	// From now on it is theirs and the vendor's alone.
	if n := len(open(h.other)); n != 0 {
		t.Errorf("the other partner finds %d groups with somebody of the first", n)
	}
	refused(t, "the other partner joins", h.svc.JoinGroup(h.other.member, at, "look", which, "name"), errs.Conflict)
	if n, err := h.exec(h.other.member, `INSERT INTO step_group_people (org_id, membership_id, group_id, group_org, place_id, item_org, item_id, lesson_key, block_key, root_kind, root_id, title, shown_as, joined_at)
		VALUES ($1, $2, $3, $4, gen_random_uuid(), $4, $5, 'meet', 'look', 'path', $5, 'x', 'name', now())`, h.other.org.OrgID, h.other.m.MembershipID, which, h.vendor.org.OrgID, path); err == nil {
		t.Errorf("the database lets the other partner in: %d", n)
	}
	for _, tt := range []struct{ meet, want string }{{"name", "me, Ada partner"}, {"company", "me, of partner"}, {"none", "me"}} {
		h.meet(h.partner, h.vendor, tt.meet)
		if _, g := h.group(h.vendor.member, path); groupNames(g) != tt.want {
			t.Errorf("met by %s: %s", tt.meet, groupNames(g))
		}
	}
	h.meet(h.partner, h.vendor, "name")
	h.told(h.vendor)
	h.told(h.partner)
	_, g := h.group(h.vendor.member, path)
	h.did(h.svc.SayGroup(h.vendor.member, at, "look", courses.GroupSay{Words: "Two things", There: others(g)}))
	got := h.told(h.partner)
	if len(got) != 1 || !strings.Contains(got[0], "https://"+h.partner.org.Slug+".portal.example/path/") || strings.Contains(got[0], "Ada vendor") || strings.Contains(got[0], "Two things") {
		t.Errorf("the partner is told %q", got)
	}
	_, g = h.group(h.partner.member, path)
	h.did(h.svc.SayGroup(h.partner.member, at, "look", courses.GroupSay{Words: "We agree", There: others(g)}))
	h.told(h.vendor)
	for _, of := range []house{h.vendor, h.partner} {
		if v, _ := h.group(of.member, path); !v.Done {
			t.Errorf("%s is not done", of.org.Name)
		}
	}
	// When the two are apart, everybody keeps their own.
	h.tx(h.vendor.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE connection_sides SET state = 'ended' WHERE org_id = $1 OR other_org = $1`, tx.Scope.Org)
		return err
	})
	h.tx(h.partner.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE connection_sides SET state = 'ended' WHERE org_id = $1`, tx.Scope.Org)
		return err
	})
	if v, g := h.group(h.partner.member, path); !v.Done || groupNames(g) != "me" || g.Group.State != "" || g.Group.Words != "We agree" {
		t.Errorf("apart: done %v, %s, %+v", v.Done, groupNames(g), g.Group)
	}
}

func TestATeamIsAskedOnceADay(t *testing.T) {
	t.Parallel()
	h := openHall(t)
	path := h.meetingPath(groupSource).ItemID
	at, ctx := courses.Place{Item: path, Step: "meet"}, h.partner.member
	refused(t, "without a group", h.svc.AskTeamToJoin(ctx, at, "look", "Come"), errs.NotFound)
	h.did(h.svc.OpenGroup(ctx, at, "look", courses.GroupDraft{Shown: "name"}))
	refused(t, "a long note", h.svc.AskTeamToJoin(ctx, at, "look", strings.Repeat("x", 501)), errs.Invalid)
	h.colleague(h.partner)
	team := id.New[id.Any]()
	h.tx(h.partner.ctx, func(tx *db.Tx) error {
		if err := tx.Must(`INSERT INTO teams (org_id, team_id, name) VALUES ($1, $2, 'Field')`, tx.Scope.Org, team); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO team_members (org_id, team_id, membership_id) SELECT m.org_id, $2, m.membership_id FROM memberships m WHERE m.org_id = $1`, tx.Scope.Org, team)
		return err
	})
	h.did(h.svc.AskTeamToJoin(ctx, at, "look", "Come on Friday"))
	if got := h.told(h.partner); len(got) != 1 || !strings.Contains(got[0], "Ada partner looks for people") || !strings.Contains(got[0], "Come on Friday") {
		t.Errorf("asked: %q", got)
	}
	refused(t, "again", h.svc.AskTeamToJoin(ctx, at, "look", "Come"), errs.Conflict)
}

func (w *world) exec(ctx context.Context, q string, args ...any) (n int64, err error) {
	err = w.db.Tx(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(q, args...)
		return err
	})
	return n, err
}
