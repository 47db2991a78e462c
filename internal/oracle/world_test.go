package oracle_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// surface is one way to read: rows, each with the key of the object that it tells of.
type surface struct {
	name    string
	sql     string // key and whole text of every row, without WHERE: the row policies alone
	objects map[string]*oracle.Object
	lo, hi  float64 // share of allowed outcomes, so that neither "deny all" nor "allow all" can pass
}

type org struct {
	id      id.Org
	slug    string
	members []id.Membership

	provider id.Provider
	domain   string // not proven; of a rich world
	welcome  id.Any // an invitation of a person; of a rich world
	bundle   id.Any // an archive of courses that was looked at; of a rich world
	imported id.Any // a file of people that was looked at; of a rich world
}

// world is a database, what the model knows of it, and who looks at it.
type world struct {
	t        *testing.T
	d        *db.DB
	dsn      func(string) string
	r        *rand.Rand
	model    *oracle.World
	surfaces []*surface
	tokens   map[string]*oracle.Object // canary → the object that alone may show it
	orgs     []*org
	viewers  []scope.Scope
	items    []*oracle.Object
	colls    []*oracle.Object
	posts    []*oracle.Object
	slugs    map[string]string // collection id → slug
	owner    map[string]*org   // organization id → organization
	memo     map[question]bool
	netAlone bool // read through the row policies only, not through tenants
	rich     bool // with texts in every field that a page shows, so that pages can be read
	blob     blob.Store
	fields   map[string]string // canary → the field that holds it
	byKey    map[string]string // object's key → its canary
	portals  map[string]*oracle.Object
	naming   map[question]bool // what the model says of names
	pages    map[string]*itemPage
	crews    map[string]id.Any         // organization → its team
	pasts    map[string]id.Any         // organization → its file of past records, and the record of that
	cohorts  map[string]id.Any         // organization → a group of its people on a path
	set      map[string]id.Any         // organization → what its people are asked to learn
	worked   map[string]string         // question → the answer that worked for the asker
	asked    map[string]string         // item → the member who was asked to read its draft
	tokenIDs map[string]string         // organization id → its API token with a name
	live     map[string]*oracle.Object // live session → what it is about
	seated   map[string]bool           // live session and member: who has a seat
	came     map[string]string         // live session: the seat of somebody who came
	pacts    []*pact
	callers  []*caller
	learners []*learner
	handed   []handedIn
	links    []deadLink
	thoughts []sharedThought
	circles  []string // groups of a step
	verdicts []*oracle.Object
	codes    []invitation
	wrong    []string // moves that the product made and must refuse
	mutated  bool     // a move that fails is a finding
}

func (w *world) surface(name, sql string, lo, hi float64) *surface {
	s := &surface{name: name, sql: sql, objects: map[string]*oracle.Object{}, lo: lo, hi: hi}
	w.surfaces = append(w.surfaces, s)
	return s
}

func (w *world) at(name string) *surface {
	for _, s := range w.surfaces {
		if s.name == name {
			return s
		}
	}
	w.t.Fatalf("no surface %s", name)
	return nil
}

// token is the canary of an object: no other row has it. The same key has the same canary.
func (w *world) token(o *oracle.Object, key string) string {
	if w.byKey[key] == "" {
		w.byKey[key] = w.field(o, string(o.Kind))
	}
	return w.byKey[key]
}

// letters are what canaries are made of: words that no stemmer shortens and that are not alike.
const letters = "bcdfghjkmnpqrtvwxz"

// field is a new canary of an object, for one field of it.
func (w *world) field(o *oracle.Object, name string) string {
	b := []byte("zq")
	for range 14 {
		b = append(b, letters[w.r.IntN(len(letters))])
	}
	w.tokens[string(b)], w.fields[string(b)] = o, name
	return string(b)
}

// as runs fn for an organization, as the command line would.
func (w *world) as(o *org, fn func(*db.Tx) error) error {
	return w.d.Tx(dbtest.System(w.t, scope.Operator, o.id), fn)
}

func (w *world) must(o *org, fn func(*db.Tx) error) {
	w.t.Helper()
	if err := w.as(o, fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) chance(p float64) bool { return w.r.Float64() < p }

// likely is a chance in a plain world, or in a rich one, which has fewer ways between its organizations so that names of some
// are secrets to others.
func (w *world) likely(plain, rich float64) float64 {
	if w.rich {
		return rich
	}
	return plain
}

func pick[T any](r *rand.Rand, s []T) T { return s[r.IntN(len(s))] }

const (
	organizations  = 5
	itemsPerOrg    = 10
	collectionsPer = 3
	questionsPer   = 7
)

var kinds = []string{tenants.KindCourse, tenants.KindPath, tenants.KindResource, tenants.KindStory}

// newWorld makes a random world in a database of its own, through the rooms where they have a function and by SQL in the
// owner's scope where they have none.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := emptyWorld(t, seed)
	w.fill()
	return w
}

func emptyWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	d, dsn := dbtest.FreshDSN(t)
	w := &world{
		fields: map[string]string{}, byKey: map[string]string{}, portals: map[string]*oracle.Object{}, pages: map[string]*itemPage{}, worked: map[string]string{}, asked: map[string]string{}, live: map[string]*oracle.Object{}, seated: map[string]bool{}, tokenIDs: map[string]string{},
		t: t, d: d, dsn: dsn, r: rand.New(rand.NewPCG(seed, 7)), tokens: map[string]*oracle.Object{}, slugs: map[string]string{}, owner: map[string]*org{},
		model: &oracle.World{Objects: map[string]*oracle.Object{}, Sides: map[[2]string]oracle.Side{}, Resting: map[string]string{}, Said: map[[2]string]string{}},
	}
	// Visitors and individuals see nearly nothing of most of it.
	for _, s := range []struct {
		name, key, from string
		lo, hi          float64
	}{
		{"organizations", "org_id", "", 1, 1},
		{"memberships", "membership_id", "", .12, .85},
		{"items", "item_id", "", .12, .85},
		{"versions", "item_id || CASE WHEN pilot THEN ' trial' WHEN withdrawn THEN ' gone' ELSE '' END", "", .12, .85},
		{"lessons", "item_id || ' ' || key", "", .12, .85},
		{"lesson_texts", "item_id || ' ' || key", "", .12, .85},
		{"files", "file_id", "", .12, .85},
		{"stories", "item_id", "", .12, .85},
		{"resources", "item_id", "", .12, .85},
		{"item_links", "item_id || ' ' || to_item", "", .12, .85},
		{"collections", "collection_id", "", .12, .85},
		{"collection_items", "collection_id || ' ' || item_id", "", .12, .85},
		{"grants", "org_id || ' ' || viewer_org || ' ' || collection_id", "", .12, .85},
		{"connection_sides", "org_id || ' ' || other_org", "", .12, .85},
		{"connections", "least(org_a, org_b) || ' ' || greatest(org_a, org_b)", "", .12, .85},
		{"agreements", "least(org_a, org_b) || ' ' || greatest(org_a, org_b) || ' ' || version", "", .12, .85},
		{"finishing", "org_id || ' ' || membership_id || ' ' || item_org || ' ' || item_id", "", .08, .85},
		{"invitations", "invitation_id", "", .08, .85},
		{"questions", "question_id", "", .12, .85},
		{"answers", "answer_id", "", .12, .85},
		{"enrollments", "enrollment_id", "", .12, .85},
		{"adoptions", "org_id || ' ' || item_id", "", .08, .85},
		{"assignments", "assignment_id", "", .12, .85},
		{"assignment_people", "org_id || ' ' || assignment_id || ' ' || membership_id", "", .12, .85},
		{"nudges", "nudge_id", "", .12, .85},
		{"program_asks", "ask_id", "", .02, .85},
		{"past_records", "record_id", "", .12, .85},
		{"removed_records", "record_id", "", .12, .85},
		{"cohorts", "cohort_id", "", .12, .85},
		{"cohort_people", "org_id || ' ' || cohort_id || ' ' || membership_id", "", .12, .85},
		{"additions", "org_id || ' ' || path_id", "", .08, .85},
		{"joint_propositions", "publisher || ' ' || adopter || ' ' || path_id", "", .02, .85},
		{"program_partners", "org_id || ' ' || partner", "", .02, .85},
		{"standings", "org_id || ' ' || partner", "", .02, .85},
		{"audit", "org_id", "(SELECT org_id, string_agg(a::text, ' ') AS lines FROM audit a GROUP BY org_id) t", .12, .85},
		{"audit_seals", "org_id", "(SELECT org_id, string_agg(s::text, ' ') AS seals FROM audit_seals s GROUP BY org_id) t", .12, .85},
		{"mails", "mail_id", "", .12, .85},
		{"reflections", "membership_id", "", .04, .85}, // Everybody sees one of all members' alone.
		{"links", "org_id || ' ' || url", "", .12, .85},
		{"link_places", "org_id || ' ' || url", "", .12, .85},
		{"ticks", "membership_id", "", .04, .85}, // The same.
		{"consents", "consent_id", "", .04, .85}, // The same.
		{"submissions", "submission_id", "", .02, .85},
		{"submission_turns", "submission_id", "", .02, .85},
		{"submission_answers", "submission_id", "", .02, .85},
		{"lesson_feedback", "feedback_id", "", .02, .85},
		{"feedback_on", "feedback_id", "(SELECT f.* FROM items i CROSS JOIN LATERAL feedback_on(i.item_id) f WHERE i.org_id = (SELECT app_org())) t", .01, .85},
		{"cohort_tries", "tryout_id", "", .02, .85},
		{"reflection_shares", "reflection_id", "", .02, .85},
		{"cells", "org_id || ' ' || giver_org || ' ' || thing", "", .08, .85},
		{"cell_counts", "org_id || ' ' || other_org", "", 0, 0}, // What totals were counted from, and from when on, only the discloser reads.
		{"cell_marks", "org_id || ' ' || other_org", "", 0, 0},
		{"reads_across", "org_id || ' ' || of_org || ' ' || surface", "", .08, .85},
		{"reads_of_ours", "org_id || ' ' || coalesce((SELECT app_org())::text, '') || ' ' || surface", "reads_of_ours('2000-01-01') t", .02, .85},
		{"individuals", "individual_id", "", .01, .85}, // Everybody but oneself is hidden; members see none.
		{"visitor_progress", "visitor_id", "(SELECT visitor_id, count(*) FROM visitor_progress GROUP BY visitor_id) t", .01, .85},
		{"step_groups", "group_id", "", .08, .85},
		{"step_group_people", "group_id || ' ' || membership_id", "", .02, .85},
		{"step_group_seen", "group_id || ' ' || membership_id", "", .01, .85},
		{"live_sessions", "session_id", "", .12, .85},
		{"live_seats", "session_id || ' ' || membership_id", "", .04, .85},
		{"live_voided", "session_id || ' ' || membership_id", "", .01, .85},
		{"live_links", "session_id", "", .02, .85}, // Whoever has no seat reads none.
		{"pilots", "item_id", "", .12, .85},
		{"pilot_groups", "item_id || ' ' || group_id", "", .12, .85},
		{"withdrawals", "item_id || ' ' || version", "", .12, .85},
		{"withdrawal_notes", "org_id || ' ' || item_id", "", .12, .85},
		{"pilot_remarks", "remark_id", "", .04, .85},
		{"disclosures", "org_id || ' ' || giver_org || ' ' || membership_id || ' ' || item_id", "", .01, .85},
	} {
		from := s.from
		if from == "" {
			from = s.name + " t"
		}
		w.surface(s.name, fmt.Sprintf("SELECT (%s)::text AS key, t::text AS text FROM %s", s.key, from), s.lo, s.hi)
	}
	return w
}

func (w *world) fill() {
	for i := range organizations {
		w.addOrg(i)
	}
	for _, o := range w.orgs {
		w.addContent(o)
	}
	for i := range organizations {
		for j := i + 1; j < organizations; j++ {
			if w.chance(w.likely(.6, .45)) && !w.recluse(w.orgs[i], w.orgs[j]) {
				w.connect(w.orgs[i], w.orgs[j])
			}
		}
	}
	if !w.rich {
		w.bring(w.orgs[0], w.orgs[1], "ending")
	}
	for _, o := range w.orgs {
		w.takeIn(o)
		w.assigning(o)
		w.recording(o)
	}
	w.speakTogether()
	w.runPrograms()
	w.askInPrograms()
	for _, o := range w.orgs {
		w.handIn(o)
		w.linksIn(o)
	}
	for _, o := range w.orgs {
		w.think(o)
		w.tryTogether(o)
		w.say(o)
	}
	for i, o := range w.orgs {
		w.invite(o, w.orgs[(i+1)%organizations])
	}
	for _, o := range w.orgs {
		if w.rich {
			break // furnish asks, about what there is.
		}
		for range questionsPer {
			w.addQuestion(o)
		}
	}
	w.totals()
	w.readAcross()
	for _, l := range w.learners {
		if w.chance(.7) {
			w.answerOf(l, tenants.ConsentGiven)
		}
	}
	for _, o := range w.orgs {
		w.lives(o)
		w.gather(o)
	}
	w.misses()
	w.viewers = append(w.viewers, scope.Scope{Actor: scope.Visitor})
	w.openDoors()
	// Two who look at what is theirs, as somebody else does and as everybody does.
	for i, as := range []id.Org{w.orgs[1].id, id.Everyone} {
		w.viewers = append(w.viewers, scope.Scope{Actor: scope.Member, Org: w.orgs[i*2].id, Membership: w.orgs[i*2].members[0], Roles: []scope.Role{scope.Learner}, View: as})
	}
	for _, o := range w.orgs {
		w.onTrial(o)
		w.recall(o)
	}
	keys, err := secret.ParseKeyring("test:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := tenants.NewSealer(w.d, keys, slog.New(slog.DiscardHandler)).Once(dbtest.System(w.t, scope.Sealer, id.Org{})); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(s, key string, o *oracle.Object) {
	w.at(s).objects[key] = o
	switch s {
	case "items":
		w.model.Objects["item "+o.ID] = o
	case "questions":
		w.model.Objects["question "+o.ID] = o
	default:
		w.model.Objects[s+" "+key] = o
	}
}

func (w *world) drop(s, key string) {
	delete(w.at(s).objects, key)
	delete(w.model.Objects, s+" "+key)
}

func (w *world) addOrg(i int) {
	o := &org{id: id.New[id.Org](), slug: fmt.Sprintf("org%d", i), provider: id.New[id.Provider]()}
	svc := tenants.New(w.d, "localhost:8080")
	portal := &oracle.Object{Kind: oracle.Portal, Org: o.id.String()}
	w.portals[portal.Org] = portal
	name := w.token(portal, o.id.String())
	w.fields[name] = "organizations.name"
	if _, err := svc.CreateOrganization(dbtest.System(w.t, scope.Operator, o.id), tenants.NewOrganization{
		Slug: o.slug, Name: name, Short: "O", Color: "#000000", Locale: "en", SignIn: "email", Tagline: w.field(portal, "organizations.tagline"), About: w.field(portal, "organizations.about"),
	}); err != nil {
		w.t.Fatal(err)
	}
	w.put("organizations", o.id.String(), portal)
	log := &oracle.Object{Kind: oracle.House, Org: o.id.String()}
	w.put("audit", o.id.String(), log)
	w.put("audit_seals", o.id.String(), &oracle.Object{Kind: oracle.House, Org: o.id.String()})
	w.orgs, w.owner[o.id.String()] = append(w.orgs, o), o
	w.must(o, func(tx *db.Tx) error {
		if err := tenants.Audit(tx, "connection.noted", "connection:"+w.field(log, "audit.object"), map[string]string{"with": w.field(log, "audit.detail")}); err != nil {
			return err
		}
		// The collection that every organization begins with.
		first, err := db.Row[id.Collection](tx, `SELECT collection_id FROM collections WHERE org_id = $1 AND slug = 'internal'`, o.id)
		if err != nil {
			return err
		}
		w.put("collections", first.String(), &oracle.Object{Kind: oracle.Collection, Org: o.id.String(), ID: first.String()})
		roles := [][]scope.Role{{scope.Learner}, {scope.Learner, scope.Author}}
		if w.rich {
			roles = nil
			for _, r := range scope.Roles() {
				roles = append(roles, []scope.Role{scope.Learner, r}[:min(2, 1+len(roles))])
			}
		}
		for j, has := range roles {
			mid := id.New[id.Membership]()
			ob := &oracle.Object{Kind: oracle.Member, Org: o.id.String(), ID: mid.String()}
			email := fmt.Sprintf("m%d", j)
			if w.rich {
				email = w.field(&oracle.Object{Kind: oracle.Contact, Org: ob.Org, Member: ob.ID}, "memberships.email")
			}
			m, err := tenants.AddMember(tx, tenants.NewMember{
				Membership: mid, Name: w.token(&oracle.Object{Kind: oracle.Name, Org: ob.Org, Member: ob.ID}, mid.String()), Email: email + "@" + o.slug + ".example", Title: w.field(ob, "memberships.title"), Roles: has,
			})
			if err != nil {
				return err
			}
			o.members = append(o.members, mid)
			w.put("memberships", mid.String(), ob)
			w.viewers = append(w.viewers, scope.Scope{Actor: scope.Member, Org: o.id, Membership: mid, Person: m.PersonID, Roles: has})
			secret := &oracle.Object{Kind: oracle.Private, Org: o.id.String(), Member: mid.String()}
			if _, err := tx.Exec(`INSERT INTO reflections (org_id, membership_id, item_org, item_id, lesson_key, reflection_key, body) VALUES ($1, $2, $1, $2, 'l', 'r', $3)`,
				o.id, mid, w.token(secret, "ref"+mid.String())); err != nil {
				return err
			}
			w.put("reflections", mid.String(), secret)
			if _, err := tx.Exec(`INSERT INTO ticks (org_id, membership_id, item_org, item_id, lesson_key, list_key, done, updated_at) VALUES ($1, $2, $1, $2, 'l', 'list', ARRAY[$3], now())`,
				o.id, mid, w.token(secret, "tick"+mid.String())); err != nil {
				return err
			}
			w.put("ticks", mid.String(), secret)
			for range 2 {
				house := &oracle.Object{Kind: oracle.House, Org: o.id.String()}
				e := id.New[id.Enrollment]()
				if _, err := tx.Exec(`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, reason) VALUES ($1, $2, $3, $5, $2, 1, 'choice', $4)`,
					o.id, e, mid, w.token(house, e.String()), pick(w.r, w.orgs).id); err != nil {
					return err
				}
				w.put("enrollments", e.String(), house)
				mail := id.New[id.Any]()
				house = &oracle.Object{Kind: oracle.House, Org: o.id.String()}
				if w.rich {
					house.Kind = oracle.Sealed // No page shows mail that left.
				}
				if _, err := tx.Exec(`INSERT INTO mails (org_id, mail_id, recipient, subject, body) VALUES ($1, $2, 'a@b.example', $3, '')`, o.id, mail, w.token(house, mail.String())); err != nil {
					return err
				}
				w.put("mails", mail.String(), house)
			}
		}
		return nil
	})
	for _, m := range o.members {
		w.refuses(o, m)
	}
}

func (w *world) addContent(o *org) {
	owner := o.id.String()
	var slugs []string
	w.must(o, func(tx *db.Tx) error {
		for i := range collectionsPer {
			c, err := tenants.PutCollection(tx, tenants.Collection{Slug: fmt.Sprintf("c%d", i), Title: "x", Visibility: "agreement"})
			if err != nil {
				return err
			}
			ob := &oracle.Object{Kind: oracle.Collection, Org: owner, ID: c.CollectionID.String()}
			c.Title = w.token(ob, ob.ID)
			if _, err := tenants.PutCollection(tx, c); err != nil {
				return err
			}
			w.put("collections", ob.ID, ob)
			w.colls, w.slugs[ob.ID] = append(w.colls, ob), c.Slug
			slugs = append(slugs, c.Slug)
		}
		return nil
	})
	mine := w.colls[len(w.colls)-collectionsPer:]
	// Of a rich world's last organization only the first knows.
	recluse := w.rich && o == w.orgs[organizations-1]
	if w.chance(w.likely(.5, .4)) && !recluse {
		w.public(mine[0], true)
	}
	for _, c := range mine {
		for _, v := range w.orgs {
			if v != o && w.chance(w.likely(.3, .3)) && (!recluse || v == w.orgs[0]) {
				w.open(c, v, w.chance(.2))
			}
		}
	}
	for range itemsPerOrg {
		it := w.addItem(o)
		if w.chance(.8) {
			w.publish(it)
		}
		for i, c := range mine {
			if w.chance(w.likely(.4, .5)) {
				w.collect(it, c, slugs[i])
			}
		}
	}
}

func (w *world) addItem(o *org) *oracle.Object {
	iid := id.New[id.Item]()
	ob := &oracle.Object{Kind: oracle.Item, Org: o.id.String(), ID: iid.String(), State: "draft"}
	kind := pick(w.r, kinds)
	if w.rich {
		w.addPage(o, iid, ob, kind)
		return ob
	}
	tok := w.token(ob, ob.ID)
	w.must(o, func(tx *db.Tx) error {
		it, err := tenants.PutItem(tx, tenants.Item{ItemID: iid, Kind: kind, Title: tok, Slug: "s" + iid.String(), Summary: tok})
		if err != nil {
			return err
		}
		w.put("items", ob.ID, ob)
		file := id.New[id.File]()
		for _, p := range []struct {
			surface, key, sql string
			args              []any
		}{
			{"versions", ob.ID, `INSERT INTO versions (org_id, item_id, version, title, summary, outline, digest) VALUES ($1, $2, 1, $3, '', '[]', '')`, []any{tok}},
			{"lessons", ob.ID + " a", `INSERT INTO lessons (org_id, item_id, version, key, position, title, source, blocks, plain) VALUES ($1, $2, 1, 'a', 1, $3, $3, '[]', $3)`, []any{tok}},
			{"lessons", ob.ID + " b", `INSERT INTO lessons (org_id, item_id, version, key, position, title, source, blocks, plain) VALUES ($1, $2, 1, 'b', 2, $3, $3, '[]', $3)`, []any{tok}},
			{"lesson_texts", ob.ID + " a", `INSERT INTO lesson_texts (org_id, item_id, version, key, lang, title, source, blocks, plain) VALUES ($1, $2, 1, 'a', 'fr', $3, $3, '[]', $3)`, []any{tok}},
			{"files", file.String(), `INSERT INTO files (org_id, item_id, file_id, sha256, name, media_type, size) VALUES ($1, $2, $3, decode(repeat('00', 32), 'hex'), $4, 'text/plain', 1)`, []any{file, tok}},
			{"stories", ob.ID, `INSERT INTO stories (org_id, item_id, story_kind, source, blocks, plain) VALUES ($1, $2, 'article', $3, '[]', $3)`, []any{tok}},
			{"resources", ob.ID, `INSERT INTO resources (org_id, item_id, resource_kind, source, html, plain) VALUES ($1, $2, 'tip', $3, $3, $3)`, []any{tok}},
			{"item_links", ob.ID + " " + ob.ID, `INSERT INTO item_links (org_id, item_id, to_org, to_item) VALUES ($1, $2, $1, $2)`, nil},
		} {
			if _, err := tx.Exec(p.sql, append([]any{tx.Scope.Org, it.ItemID}, p.args...)...); err != nil {
				return fmt.Errorf("%s: %w", p.surface, err)
			}
			w.at(p.surface).objects[p.key] = ob
		}
		return nil
	})
	w.items = append(w.items, ob)
	return ob
}

func (w *world) publish(it *oracle.Object) {
	w.must(w.owner[it.Org], func(tx *db.Tx) error { return tenants.PublishItem(tx, parse[id.Item](w.t, it.ID), 1, time.Time{}) })
	it.State = "published"
}

func (w *world) collect(it, c *oracle.Object, slug string) {
	w.must(w.owner[it.Org], func(tx *db.Tx) error { return tenants.Collect(tx, parse[id.Item](w.t, it.ID), slug) })
	w.put("collection_items", c.ID+" "+it.ID, &oracle.Object{Kind: oracle.Listing, Org: it.Org, ID: c.ID, Item: it.ID})
}

func (w *world) public(c *oracle.Object, yes bool) {
	v := "agreement"
	if yes {
		v = "public"
	}
	w.must(w.owner[c.Org], func(tx *db.Tx) error {
		_, err := tenants.PutCollection(tx, tenants.Collection{Slug: w.slugs[c.ID], Title: w.token(c, c.ID), Visibility: v})
		return err
	})
	c.State = ""
	key := c.Org + " " + id.Everyone.String() + " " + c.ID
	if yes {
		w.put("grants", key, &oracle.Object{Kind: oracle.Grant, Org: c.Org, ID: c.ID, Other: oracle.Everyone})
	} else {
		w.drop("grants", key)
	}
}

// takeBack makes a collection internal: from then on it is nobody else's, whatever was signed.
func (w *world) takeBack(c *oracle.Object) {
	w.must(w.owner[c.Org], func(tx *db.Tx) error {
		_, err := tenants.PutCollection(tx, tenants.Collection{Slug: w.slugs[c.ID], Title: w.token(c, c.ID), Visibility: "internal"})
		return err
	})
	c.State = "internal"
	for key, g := range w.at("grants").objects {
		if g.ID == c.ID {
			w.drop("grants", key)
		}
	}
}

func (w *world) open(c *oracle.Object, v *org, expired bool) {
	w.must(w.owner[c.Org], func(tx *db.Tx) error {
		var until *time.Time
		if expired {
			t := tx.Now.Add(-time.Minute)
			until = &t
		} else if w.chance(.3) {
			t := tx.Now.Add(time.Hour)
			until = &t
		}
		return tenants.Open(tx, tenants.Grant{Collection: w.slugs[c.ID], Viewer: v.id, Right: "adapt", Until: until})
	})
	w.put("grants", c.Org+" "+v.id.String()+" "+c.ID, &oracle.Object{Kind: oracle.Grant, Org: c.Org, ID: c.ID, Other: v.id.String(), Expired: expired, Right: "adapt"})
}

func (w *world) addQuestion(o *org) {
	q := id.New[id.Post]()
	audiences := []string{"org", "connected", "connected", "connected", "public"}
	ob := &oracle.Object{Kind: oracle.Question, Org: o.id.String(), ID: q.String(), Audience: pick(w.r, audiences), State: "open"}
	if w.chance(.15) {
		ob.State = "withdrawn"
	}
	w.must(o, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, audience, shown_as, title, body, state) VALUES ($1, $2, $3, $1, $2, $4, 'name', $5, $5, $6)`,
			o.id, q, o.members[0], ob.Audience, w.token(ob, ob.ID), ob.State)
		return err
	})
	w.put("questions", ob.ID, ob)
	w.posts = append(w.posts, ob)
	for _, by := range w.orgs {
		// Only who hears a question answers it.
		if !w.model.Sees(oracle.Viewer{Org: by.id.String()}, ob) || !w.chance(.6) {
			continue
		}
		aid := id.New[id.Post]()
		an := &oracle.Object{Kind: oracle.Answer, Org: by.id.String(), ID: aid.String(), Question: ob.ID, Audience: pick(w.r, audiences), State: "shown"}
		if w.chance(.15) {
			an.State = "withdrawn"
		}
		w.must(by, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO answers (org_id, answer_id, question_org, question_id, membership_id, audience, shown_as, body, state) VALUES ($1, $2, $3, $4, $5, $6, 'name', $7, $8)`,
				by.id, aid, o.id, q, by.members[0], an.Audience, w.token(an, an.ID), an.State)
			return err
		})
		w.put("answers", an.ID, an)
		w.posts = append(w.posts, an)
	}
}

func parse[T ~struct{ uuid.UUID }](t *testing.T, s string) T {
	t.Helper()
	v, err := id.Parse[T](s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// step does one random thing that changes what somebody may see, and tells what.
func (w *world) step() string {
	switch w.r.IntN(18) {
	case 16, 17:
		return w.answer()
	case 0:
		c, v := pick(w.r, w.colls), pick(w.r, w.orgs)
		// What is opened to somebody is opened on terms that hold, or by the operator where there are none.
		if p := w.pact(w.owner[c.Org], v); c.Org == v.id.String() || c.State == "internal" || p != nil && w.stateOf(p) != "active" {
			return ""
		}
		w.open(c, v, false)
		return "open a collection"
	case 1:
		for _, key := range w.shuffled("grants") {
			g := w.at("grants").objects[key]
			if g.Other == oracle.Everyone || !w.model.Sees(oracle.Viewer{Org: g.Org}, g) {
				continue
			}
			w.must(w.owner[g.Org], func(tx *db.Tx) error { return tenants.Close(tx, w.slugs[g.ID], w.owner[g.Other].id) })
			w.drop("grants", key)
			return "close a collection"
		}
	case 2:
		c := pick(w.r, w.colls)
		w.takeBack(c)
		return "take a collection back"
	case 3:
		it := pick(w.r, w.items)
		w.publish(it)
		return "publish an item"
	case 4:
		it := pick(w.r, w.items)
		if w.partOf(it.ID) {
			return "" // Nor one that retires a whole with its parts.
		}
		w.must(w.owner[it.Org], func(tx *db.Tx) error {
			item := parse[id.Item](w.t, it.ID)
			if err := tx.Must(`UPDATE items SET state = 'retired' WHERE org_id = $1 AND item_id = $2`, tx.Scope.Org, item); err != nil {
				return err
			}
			return jobs.Emit(tx, tenants.ItemChanged{Org: tx.Scope.Org, Item: item}) // As every room that changes an item does.
		})
		it.State = "retired"
		return "retire an item"
	case 5:
		it := pick(w.r, w.items)
		for _, c := range w.colls {
			if c.Org == it.Org && w.chance(.5) {
				w.collect(it, c, w.slugs[c.ID])
				return "collect an item"
			}
		}
	case 6:
		if keys := w.shuffled("collection_items"); len(keys) > 0 {
			key := keys[0]
			l := w.at("collection_items").objects[key]
			if w.partOf(l.Item) {
				return "" // The rooms have no function that takes a whole out with its parts.
			}
			w.must(w.owner[l.Org], func(tx *db.Tx) error {
				item := parse[id.Item](w.t, l.Item)
				if err := tx.Must(`DELETE FROM collection_items WHERE org_id = $1 AND collection_id = $2 AND item_id = $3`, tx.Scope.Org, parse[id.Collection](w.t, l.ID), item); err != nil {
					return err
				}
				return jobs.Emit(tx, tenants.ItemChanged{Org: tx.Scope.Org, Item: item})
			})
			w.drop("collection_items", key)
			return "take an item out"
		}
	case 7:
		c := pick(w.r, w.colls)
		yes := w.chance(.5)
		w.public(c, yes)
		return fmt.Sprintf("make a collection public: %v", yes)
	case 8:
		p := pick(w.r, w.posts)
		table, key, states := "questions", "question_id", []string{"open", "withdrawn"}
		if p.Kind == oracle.Answer {
			table, key, states = "answers", "answer_id", []string{"shown", "withdrawn"}
		}
		p.State, p.Audience = pick(w.r, states), pick(w.r, []string{"org", "connected", "public"})
		w.must(w.owner[p.Org], func(tx *db.Tx) error {
			return tx.Must(`UPDATE `+table+` SET state = $3, audience = $4 WHERE org_id = $1 AND `+key+` = $2`, tx.Scope.Org, parse[id.Post](w.t, p.ID), p.State, p.Audience)
		})
		return "change a post"
	case 9:
		if !w.rich {
			return w.rest(pick(w.r, w.orgs))
		}
	default:
		return w.move()
	}
	return ""
}

// awake lets all organizations come back.
func (w *world) awake() {
	for _, o := range w.orgs {
		if w.model.Resting[o.id.String()] != "" {
			w.rest(o)
		}
	}
}

// rest lets an organization rest, or come back.
func (w *world) rest(o *org) string {
	svc, key := tenants.New(w.d, "localhost:8080"), o.id.String()
	if w.model.Resting[key] != "" {
		if err := svc.Reinstate(dbtest.System(w.t, scope.Operator, o.id), "settled"); err != nil {
			w.t.Fatal(err)
		}
		delete(w.model.Resting, key)
		return "reinstate an organization"
	}
	if len(w.model.Resting) > 1 {
		return ""
	}
	if err := svc.Suspend(dbtest.System(w.t, scope.Operator, o.id), "unpaid"); err != nil {
		w.t.Fatal(err)
	}
	w.model.Resting[key] = "suspended"
	return "suspend an organization"
}

// shuffled are the keys of a surface in an order that the seed decides: identifiers sort by the time they were made.
func (w *world) shuffled(name string) []string {
	keys := slices.Sorted(maps.Keys(w.at(name).objects))
	w.r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
}

// tally is what a comparison found on one surface.
type tally struct {
	checks, allowed int
	canaries        int // tokens found in texts, each looked up as well
	requests        int
	fields          map[string]int // how often a canary of a field was seen by whom may
	leaks, missing  []string
}

func (tl *tally) saw(field string) {
	if tl.fields == nil {
		tl.fields = map[string]int{}
	}
	tl.fields[field]++
}

// add adds another tally of the same surface.
func (tl *tally) add(o *tally) {
	tl.checks, tl.allowed, tl.canaries, tl.requests = tl.checks+o.checks, tl.allowed+o.allowed, tl.canaries+o.canaries, tl.requests+o.requests
	tl.leaks, tl.missing = append(tl.leaks, o.leaks...), append(tl.missing, o.missing...)
	for f, n := range o.fields {
		tl.saw(f)
		tl.fields[f] += n - 1
	}
}

// report fails the test with the first of what was found.
func (tl *tally) report(t *testing.T) {
	t.Helper()
	for name, found := range map[string][]string{"LEAK": tl.leaks, "missing": tl.missing} {
		for i, f := range found {
			if i == 3 {
				t.Errorf("… %d in all (%s)", len(found), name)
				break
			}
			t.Errorf("%s: %s", name, f)
		}
	}
}

type row struct {
	Key  string `db:"key"`
	Text string `db:"text"`
}

var canary = regexp.MustCompile(`zq[` + letters + `]{14}`)

// compare reads everything as everybody and settles every object against the model.
func (w *world) compare(ctx context.Context, into map[string]*tally, when string) {
	w.t.Helper()
	w.memo = map[question]bool{}
	if !w.netAlone {
		w.seesConnections(into, when)
		into["tenants.Connection"].leaks = append(into["tenants.Connection"].leaks, w.wrong...)
		w.wrong = nil
	}
	for _, v := range w.viewers {
		who := oracle.Viewer{Org: key(v.Org), Member: key(v.Membership), View: view(v), Writes: !w.rich && v.Has(scope.Author)}
		if v.Actor != scope.Member {
			who = oracle.Viewer{Individual: key(v.Visitor)}
		}
		got := make([][]row, len(w.surfaces))
		var list []tenants.Item
		var neighbours []tenants.Neighbour
		// One by one for a sample, all at once for all.
		sample := slices.Clone(w.items)
		w.r.Shuffle(len(sample), func(i, j int) { sample[i], sample[j] = sample[j], sample[i] })
		sample = sample[:12]
		seen, found, rights := make([]tenants.Item, len(sample)), make([]bool, len(sample)), make([]string, len(sample))
		all := make([]id.Item, len(w.items))
		for i, it := range w.items {
			all[i] = parse[id.Item](w.t, it.ID)
		}
		var several []tenants.Item
		var among, begun []string
		var rows []row
		if err := w.d.ReadAs(ctx, v, func(b *db.Batch) {
			for i, s := range w.surfaces {
				db.List(b, &got[i], s.sql)
			}
			db.List(b, &among, `SELECT unnest(visible_items($1))::text`, all)
			db.List(b, &rows, `SELECT i.item_id::text AS key, i::text AS text FROM seen_items($1) i`, all)
			db.List(b, &begun, `SELECT b.item_id::text FROM unnest($1::uuid[]) AS x (item) CROSS JOIN LATERAL begun(x.item) b`, all)
			if w.netAlone {
				return
			}
			tenants.Visible(b, &list, v, tenants.ListFilter{Limit: 200})
			for i, it := range sample {
				tenants.SeenItem(b, &seen[i], &found[i], v, parse[id.Item](w.t, it.ID))
			}
			tenants.SeeItems(b, &several, v, all)
			if v.Actor == scope.Member {
				tenants.Neighbours(b, &neighbours, v)
			}
		}); err != nil {
			w.t.Fatalf("%s: %v", when, err)
		}
		for i, s := range w.surfaces {
			seen := map[string]bool{}
			for _, r := range got[i] {
				seen[r.Key] = true
				if s.objects[r.Key] == nil {
					into[s.name].leaks = append(into[s.name].leaks, fmt.Sprintf("%s: a row that nobody wrote: %s", when, r.Text))
				}
				reads := who
				reads.Partners = reads.Partners || s.name == "disclosures" // What the policy admits is the organization's.
				w.canaries(into[s.name], reads, r.Text, s.name, when)
			}
			for k, o := range s.objects {
				w.settle(into[s.name], who, o, seen[k], k, when)
			}
		}
		read := map[string]bool{}
		for _, r := range rows {
			read[r.Key] = true
			w.canaries(into["seen_items"], who, r.Text, "seen_items", when)
		}
		for _, o := range w.items {
			w.settle(into["visible_items"], who, o, slices.Contains(among, o.ID), o.ID, when)
			w.settle(into["seen_items"], who, o, read[o.ID], o.ID, when)
		}
		w.settleBegun(into["begun"], who, begun, when)
		if w.netAlone {
			continue
		}
		// Right stands alone, so that its failure hides nothing else.
		rightErr := w.d.ReadAs(ctx, v, func(b *db.Batch) {
			for i, it := range sample {
				tenants.Right(b, &rights[i], v, tenants.Item{OrgID: parse[id.Org](w.t, it.Org), ItemID: parse[id.Item](w.t, it.ID)})
			}
		})
		if rightErr != nil {
			into["tenants.Right"].missing = append(into["tenants.Right"].missing, rightErr.Error())
		}
		settleItems := func(name string, items []tenants.Item, among []*oracle.Object, wanted func(*oracle.Object) bool) {
			have := map[string]bool{}
			for _, it := range items {
				if have[it.ItemID.String()] {
					into[name].leaks = append(into[name].leaks, fmt.Sprintf("%s: %s comes twice", when, it.ItemID))
				}
				have[it.ItemID.String()] = true
				w.canaries(into[name], who, fmt.Sprintf("%+v", it), name, when)
			}
			for _, o := range among {
				if wanted(o) {
					w.settle(into[name], who, o, have[o.ID], o.ID, when)
				} else if have[o.ID] {
					into[name].leaks = append(into[name].leaks, fmt.Sprintf("%s: %s lists what is not published: %s", when, name, o.ID))
				}
			}
		}
		// What somebody may only finish stands in no list, and nobody has a right on it.
		finish := func(o *oracle.Object) bool { return w.finishOnly(who, o) }
		settleItems("tenants.Visible", list, w.items, func(o *oracle.Object) bool { return o.State == "published" && !finish(o) })
		settleItems("tenants.SeeItems", several, w.items, func(*oracle.Object) bool { return true })
		var one []tenants.Item
		for i := range seen {
			if found[i] {
				one = append(one, seen[i])
			}
			// A right on an item that cannot be seen would tell that it exists.
			if tl := into["tenants.Right"]; who.View == "" && sample[i].State == "published" && rightErr == nil && !finish(sample[i]) {
				w.settle(tl, who, sample[i], rights[i] != "", sample[i].ID, when)
			}
		}
		settleItems("tenants.SeenItem", one, sample, func(*oracle.Object) bool { return true })
		near := map[string]bool{}
		for _, n := range neighbours {
			near[n.OrgID.String()] = true
		}
		for _, o := range w.orgs {
			if o.id == v.Org || who.View != "" {
				continue
			}
			want := w.model.Sides[[2]string{who.Org, o.id.String()}].State == "active" && w.model.Resting[o.id.String()] == ""
			into["tenants.Neighbours"].settle(want, near[o.id.String()], func() string { return fmt.Sprintf("%s: %s is a neighbour of %v", when, o.slug, who) })
		}
	}
}

// settleBegun compares what the function begun says with what the viewer has begun and may see. It may say nothing, and then the policies are
// asked: of a path with additions.
func (w *world) settleBegun(tl *tally, who oracle.Viewer, said []string, when string) {
	mine := map[string]bool{}
	for _, l := range w.learners {
		mine[l.item.ID] = mine[l.item.ID] || l.member.String() == who.Member
	}
	for _, o := range w.items {
		says := slices.Contains(said, o.ID)
		if _, begun := mine[o.ID]; !begun && !says {
			continue // By nobody.
		}
		may := mine[o.ID] && who.View == "" && o.State == "published" && w.sees(who, o)
		tl.settle(may && says, says, func() string { return fmt.Sprintf("%s: %+v is told where they stand in %+v", when, who, *o) })
	}
}

// finishOnly reports whether nothing but the time to finish opens the item to the viewer.
func (w *world) finishOnly(who oracle.Viewer, o *oracle.Object) bool {
	if who.Org == o.Org || !w.model.Finishes(who, o) {
		return false
	}
	who.Member = ""
	return !w.model.Sees(who, o)
}

// view is as whom the scope looks, in the words of the model.
func view(v scope.Scope) string {
	if v.View == id.Everyone {
		return oracle.Everyone
	}
	return key(v.View)
}

func key[K any](i id.ID[K]) string {
	if i.IsZero() {
		return ""
	}
	return i.String()
}

func (w *world) settle(tl *tally, who oracle.Viewer, o *oracle.Object, seen bool, k, when string) {
	tl.settle(w.sees(who, o), seen, func() string { return fmt.Sprintf("%s: viewer %+v, object %s %+v", when, who, k, *o) })
}

// sees asks the model, once for each viewer and object of a comparison.
func (w *world) sees(who oracle.Viewer, o *oracle.Object) bool {
	k := question{who, o}
	may, ok := w.memo[k]
	if !ok {
		may = w.model.Sees(who, o)
		w.memo[k] = may
	}
	return may
}

type question struct {
	who oracle.Viewer
	o   *oracle.Object
}

func (tl *tally) settle(may, does bool, what func() string) {
	tl.checks++
	if may {
		tl.allowed++
	}
	switch {
	case does && !may:
		tl.leaks = append(tl.leaks, what())
	case may && !does:
		tl.missing = append(tl.missing, what())
	}
}

// canaries looks for the tokens of objects that the viewer may not see, in whatever text was read.
func (w *world) canaries(tl *tally, who oracle.Viewer, text, where, when string) {
	for _, tok := range canary.FindAllString(text, -1) {
		tl.canaries++
		o := w.tokens[tok]
		switch {
		case o == nil:
			tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s: a canary that nobody set: %s", when, where, tok))
		case !w.sees(who, o):
			tl.leaks = append(tl.leaks, fmt.Sprintf("%s: %s shows %s to %+v: %+v", when, where, tok, who, *o))
		}
	}
}

// tallies has one tally for every surface.
func (w *world) tallies() map[string]*tally {
	m := map[string]*tally{"visible_items": {}, "seen_items": {}, "begun": {}, "tenants.Visible": {}, "tenants.SeenItem": {}, "tenants.SeeItems": {}, "tenants.Right": {}, "tenants.Neighbours": {}, "tenants.Connection": {}}
	for _, s := range w.surfaces {
		m[s.name] = &tally{}
	}
	return m
}

func names(m map[string]*tally) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
