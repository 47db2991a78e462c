package oracle_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// ownCounts are the columns by which an organization's rows tell what others did with them, as they may: an answer of a connected
// organization counts, and so does a reaction or a reader, once the counter has been told.
var ownCounts = map[string]string{
	"questions": "answers, same, thanks, state and active_at follow from others' answers and reactions", "answers": "used and thanks follow from others' reactions",
	"touches": "readers of stories", "counted": "keeps those apart",
	"search_documents": "follows the rows that it is made of", "outbox": "events wait for their organization",
}

// TestHostileForms sends every form of the inventory with every identifier that there is, as a member of one organization: what is
// not open to it must be refused as something that does not exist, and whatever was answered, the rows of the other organizations
// are the same bytes afterwards.
func TestHostileForms(t *testing.T) {
	t.Parallel()
	s := newSite(t, 41)
	s.forget("hostile forms")
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	tables := ownedTables(t, su)
	i := slices.IndexFunc(s.readers, func(r *reader) bool { return r.who.Org == s.orgs[1].id.String() })
	hostile := s.readers[i]
	visitor := s.readers[slices.IndexFunc(s.readers, func(r *reader) bool { return r.who.Org == "" && r.org == s.orgs[1] })]
	before := map[string]map[string]string{}
	for _, o := range s.orgs {
		before[o.slug] = digest(t, su, tables, o.id)
	}
	forms, refused := 0, 0
	tl := &tally{}
	for _, r := range []*reader{hostile, visitor} {
		for _, key := range slices.Sorted(maps.Keys(routes)) {
			c := routes[key]
			if c.post == nil || key == "POST /sign-out" {
				continue
			}
			for _, f := range c.post(s, false) {
				forms++
				a := s.request(r, "POST", f.target, f.body, nil)
				s.scan(tl, r, key, f.target, a)
				if a.status == 404 || toSignIn(r, a) {
					refused++
				}
				if a.status >= 500 {
					t.Errorf("%s: %s answers %d", r.name, f.target, a.status)
				}
				if o := s.namedBy(f); o != nil && !s.sees(r.who, o) && !toSignIn(r, a) {
					missing := strings.NewReplacer(o.ID, id.New[id.Any]().String())
					if b := s.request(r, "POST", missing.Replace(f.target), missing.Replace(f.body), nil); a.status != b.status || len(a.body) != len(b.body) || a.status == 200 || a.status == 303 {
						t.Errorf("%s: %s (%s) answers %d about %+v, and %d about something that is missing", r.name, f.target, f.body, a.status, *o, b.status)
					}
				}
			}
		}
	}
	for _, l := range tl.leaks {
		t.Errorf("LEAK: %s", l)
	}
	compare := func(when string, may map[string]string) {
		for _, o := range s.orgs {
			after := digest(t, su, tables, o.id)
			for _, tb := range tables {
				if before[o.slug][tb] != after[tb] && o != hostile.org && may[tb] == "" {
					t.Errorf("%s: %s of %s changed", when, tb, o.slug)
				}
			}
		}
	}
	compare("at once", map[string]string{"outbox": ownCounts["outbox"]})
	s.settleDown()
	compare("after the counters were told", ownCounts)
	t.Logf("%d forms, %d of them refused", forms, refused)
	if forms < 500 || refused < forms/4 || refused > forms*19/20 {
		t.Errorf("%d of %d forms were refused: that proves little", refused, forms)
	}
}

// namedBy is what a form's address or fields name: the item, question or answer that has to be open for it.
func (s *site) namedBy(f form) *oracle.Object {
	for key, o := range s.model.Objects {
		if (o.Kind == oracle.Item || o.Kind == oracle.Question || o.Kind == oracle.Answer) && strings.HasSuffix(key, o.ID) &&
			(strings.Contains(f.target, o.ID) || strings.Contains(f.body, "item="+o.ID)) {
			return o
		}
	}
	return nil
}

// eventCase says in whose scope the listeners of a kind of event work, and what of the event's organization may change when it
// names things of others: nothing but what the organization itself counts.
type eventCase struct {
	actors []scope.Actor
	keeps  []string // tables in which the organization of the event keeps that it was told
	passes []string // and those in which the publisher of a story counts what began through it, if it is open to that organization
}

var events = map[string]eventCase{
	"tenants.organization_changed": {actors: []scope.Actor{scope.Counter, scope.Indexer, scope.Mailer}},
	"tenants.item_changed":         {actors: []scope.Actor{scope.Indexer, scope.Usher}},
	"courses.seats_due":            {actors: []scope.Actor{scope.Usher}},
	"community.question_changed":   {actors: []scope.Actor{scope.Indexer}},
	"community.answer_posted":      {actors: []scope.Actor{scope.Counter}},
	"community.reacted":            {actors: []scope.Actor{scope.Counter}, keeps: []string{"counted"}},
	"courses.enrolled":             {actors: []scope.Actor{scope.Counter, scope.Discloser}, passes: []string{"counted", "touches"}},
	"courses.enrollment_completed": {actors: []scope.Actor{scope.Counter, scope.Discloser, scope.Issuer}, passes: []string{"counted", "touches"}},
	"auth.import_asked":            {actors: []scope.Actor{scope.SignIn}},
	"courses.import_asked":         {actors: []scope.Actor{scope.Importer}},
	"tenants.batch_asked":          {actors: []scope.Actor{scope.Agreement}},
	"tenants.connection_changed":   {actors: []scope.Actor{scope.Mailer, scope.Usher}},
	"courses.enrollment_left":      {actors: []scope.Actor{scope.Discloser}},
	"courses.joined":               {actors: []scope.Actor{scope.Mailer}},
	"courses.lesson_completed":     {actors: []scope.Actor{scope.Discloser}},
	"courses.progress_taken_back":  {actors: []scope.Actor{scope.Discloser}},
	"courses.links_asked":          {actors: []scope.Actor{scope.Importer}},
	"courses.live_attended":        {actors: []scope.Actor{scope.Usher}},
	"courses.group_met":            {actors: []scope.Actor{scope.Usher}},
	"courses.live_news":            {actors: []scope.Actor{scope.Mailer}},
	"courses.version_withdrawn":    {actors: []scope.Actor{scope.Agreement}},
	"courses.standing_due":         {actors: []scope.Actor{scope.Issuer}},
	"courses.publish_planned":      {actors: []scope.Actor{scope.Mailer}},
	"courses.review_answered":      {actors: []scope.Actor{scope.Mailer}},
	"courses.review_due":           {actors: []scope.Actor{scope.Mailer}},
	"tenants.member_left":          {actors: []scope.Actor{scope.Keeper}},
	"tenants.export_asked":         {actors: []scope.Actor{scope.Keeper}},
	"marketing.touched":            {actors: []scope.Actor{scope.Counter}, keeps: []string{"counted"}},
}

// jobKinds says as whom each kind of job works and how it finds what it works on.
var jobKinds = map[string]string{
	"tenants.erase_due":     "as the Keeper, who looks which organizations are due and erases each in its own scope",
	"tenants.retain":        "as the Keeper, who removes what is over of each organization in its own scope, and what visitors left",
	"tenants.forget":        "as the Keeper of the organization that it names, which erases its own member that is to be erased",
	"tenants.export":        "as the Keeper of the organization that it names, which reads its own rows and writes its own export",
	"tenants.export_over":   "as the Keeper of the organization that it names, which removes its own export",
	"tenants.check_domains": "as the Registrar, who looks through all domains and changes each in the scope of its organization",

	"auth.end_glass":      "as the sign-in of no organization, which reads which break-glasses are over and ends each in the scope of its organization; it names a minute alone",
	"mail.deliver":        "as the Mailer of the mail's organization, which reads the mail by its identifier there",
	"tenants.hour":        "as the Mailer of no organization, which reads which portals there are and inserts a tenants.due for each",
	"courses.import":      "as the Importer of the organization that it names, which makes its own courses and paths of its own archive",
	"courses.import_over": "as the Importer of the organization that it names, which removes its own archive",
	"auth.import":         "as the sign-in of the organization that it names, which reads its own import and changes its own members",
	"tenants.batch":       "as the Agreement of the organization that it names, which reads its own batch and moves its own connections",
	"tenants.due":         "as the Agreement and the Mailer of the organization that it names, which look at its own connections",
	"tenants.disclose":    "as the Discloser of one organization after the other, which writes what both signed and each member agreed to",
	"courses.live_remind": "as the Mailer of the organization that it names, which reads its own members' seats and the sessions that its people see, after its Usher gave back those in sessions that they see no more",
	"courses.withdrawn":   "as the Mailer of the organization that it names, which reads which of its own members were moved and what its own note says",
	"courses.publish":     "as the Mailer of the organization that it names, which reads whether its own draft is due, and as whoever planned that there, with the rights of then",
	"courses.standing":    "as the Issuer of the organization that it names, which reckons where it stands in the programs that it takes part in",
	"courses.links":       "as the Importer of no organization, which reads which portals there are and inserts a courses.links_due for each",
	"courses.links_due":   "as the Importer of the organization that it names, which reads its own lessons, asks the sites that they link to, and writes its own links",
	"courses.links_draft": "as the Importer of the organization that it names, which does so for its own draft",
	"courses.tries":       "as the Mailer of no organization, which reads which portals there are and inserts a courses.tries_due for each",
	"courses.tries_due":   "as the Mailer of the organization that it names, which reads what mails are due there and to whom, and not what they are about",
}

// TestEventsAndJobs is the inventory of what works without a person: every kind that somebody listens to, and every kind of job, has
// an entry, and a forged event or job that names things of another organization changes nothing of it.
func TestEventsAndJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t, 42)
	s.settleDown()
	if diff := sets(s.portal.Relay.Kinds(), slices.Sorted(maps.Keys(events))); diff != "" {
		t.Errorf("events that are listened to and their cases: %s", diff)
	}
	if diff := sets(s.portal.Jobs.Kinds(), slices.Sorted(maps.Keys(jobKinds))); diff != "" {
		t.Errorf("kinds of jobs and their cases: %s", diff)
	}
	for kind, c := range events {
		if have := s.portal.Relay.Actors(kind); !reflect.DeepEqual(have, c.actors) {
			t.Errorf("%s is handled as %v, not as %v", kind, have, c.actors)
		}
	}
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	tables := ownedTables(t, su)
	thief := s.orgs[1]
	forged, found := s.forge(t, su, tables)
	for _, f := range found {
		t.Error(f)
	}
	// A job of one organization that names the mail of another finds nothing.
	var foreign id.Any
	if err := su.QueryRow(t.Context(), `SELECT mail_id FROM mails WHERE org_id = $1 LIMIT 1`, s.orgs[0].id).Scan(&foreign); err != nil {
		t.Fatal(err)
	}
	before := digest(t, su, tables, s.orgs[0].id)
	if err := s.portal.Mail.Deliver(jobs.Enter(t.Context(), scope.Mailer, thief.id), foreign); err == nil {
		t.Error("a job delivered another organization's mail")
	}
	if after := digest(t, su, tables, s.orgs[0].id); !maps.Equal(before, after) {
		t.Error("a forged job changed something")
	}
	t.Logf("%d forged events of %d kinds", forged, len(events))
}

// forge writes events of one organization that name things of all others, and their organization too, lets them be handled, and says
// what changed that must not.
func (s *site) forge(t *testing.T, su *pgx.Conn, tables []string) (forged int, found []string) {
	t.Helper()
	thief := s.orgs[1]
	for _, kind := range slices.Sorted(maps.Keys(events)) {
		before := map[string]map[string]string{}
		for _, o := range s.orgs {
			before[o.slug] = digest(t, su, tables, o.id)
		}
		for _, o := range s.orgs {
			if o == thief {
				continue
			}
			var receipt int64
			if err := su.QueryRow(t.Context(), `SELECT coalesce(max(seq), 0) FROM audit WHERE org_id = $1 AND object LIKE 'connection:%'`, o.id).Scan(&receipt); err != nil {
				t.Fatal(err)
			}
			for _, ob := range s.foreign(o) {
				raw, err := json.Marshal(map[string]any{
					"org": o.id, "Org": o.id, "item": ob, "Item": ob, "item_org": o.id, "question": ob, "answer": ob, "post": ob, "kind": "thanks", "on": true, "key": id.New[id.Any](),
					"membership": o.members[0], "finish": id.New[id.Any](), "what": "seen", "at": "2026-01-02T03:04:05Z", "origin": "story", "ref": ob, "enrollment": id.New[id.Enrollment](), "other": o.id, "receipt": receipt, "batch": ob, "export": ob, "reviewer": o.members[0],
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := su.Exec(t.Context(), `INSERT INTO outbox (org_id, kind, payload) VALUES ($1, $2, $3)`, thief.id, kind, raw); err != nil {
					t.Fatal(err)
				}
				forged++
			}
		}
		s.settleDown()
		var left int
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM outbox WHERE kind = $1 AND org_id = $2`, kind, thief.id).Scan(&left); err != nil || left > 0 {
			found = append(found, fmt.Sprintf("%s: %d forged events are still there: %v", kind, left, err))
		}
		for _, o := range s.orgs {
			after := digest(t, su, tables, o.id)
			for _, tb := range tables {
				if o != thief && slices.Contains(events[kind].passes, tb) && s.storyOpen(o, thief) {
					continue
				}
				if before[o.slug][tb] != after[tb] && (o != thief || !slices.Contains(events[kind].keeps, tb)) {
					found = append(found, fmt.Sprintf("a forged %s changed %s of %s", kind, tb, o.slug))
				}
			}
		}
	}
	return forged, found
}

// storyOpen reports whether one of the things that a forged event names is a story that its organization sees.
func (s *site) storyOpen(o, to *org) bool {
	return slices.ContainsFunc(s.foreign(o), func(it string) bool {
		p := s.pages[it]
		return p != nil && p.kind == tenants.KindStory && s.model.Sees(oracle.Viewer{Org: to.id.String()}, p.ob)
	})
}

// foreign are identifiers of things of an organization, of each kind.
func (s *site) foreign(o *org) []string {
	var out []string
	for _, k := range []oracle.Kind{oracle.Item, oracle.Question, oracle.Answer} {
		n := 0
		for _, key := range slices.Sorted(maps.Keys(s.model.Objects)) {
			if ob := s.model.Objects[key]; ob.Kind == k && ob.Org == o.id.String() && n < 3 {
				out, n = append(out, ob.ID), n+1
			}
		}
	}
	return out
}

// sets says what two lists of names do not share; "" if they are the same.
func sets(have, want []string) string {
	var b strings.Builder
	for _, h := range have {
		if !slices.Contains(want, h) {
			b.WriteString("\n\tno case for " + h)
		}
	}
	for _, w := range want {
		if !slices.Contains(have, w) {
			b.WriteString("\n\ta case for nothing: " + w)
		}
	}
	return b.String()
}
