package oracle_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// itemPage is what a request needs to ask for an item.
type itemPage struct {
	id       id.Item
	org      *org
	ob       *oracle.Object
	kind     string
	slug     string // a canary too
	title    string // the canary by which lists show it
	file     id.File
	fileName string
	steps    []string         // the keys of a path's steps
	leads    []*oracle.Object // what those after the first lead to
}

func (p *itemPage) href() string { return "/" + p.kind + "/" + p.ob.ID + "/" + p.slug }

// addPage registers an item of a rich world; furnish gives it what its page shows.
func (w *world) addPage(o *org, iid id.Item, ob *oracle.Object, kind string) {
	p := &itemPage{id: iid, org: o, ob: ob, kind: kind, slug: w.field(ob, "items.slug"), title: w.field(ob, "items.title"), file: id.New[id.File]()}
	w.must(o, func(tx *db.Tx) error {
		_, err := tenants.PutItem(tx, tenants.Item{
			ItemID: iid, Kind: kind, Title: p.title, Slug: p.slug, Summary: w.field(ob, "items.summary"), Minutes: 5, Steps: 2, Topics: []string{w.field(ob, "items.topics")},
		})
		return err
	})
	w.put("items", ob.ID, ob)
	w.items, w.pages[ob.ID] = append(w.items, ob), p
}

// partOf reports whether an item is a part of another one or has parts.
func (w *world) partOf(item string) bool {
	for _, o := range w.model.Objects {
		if o.Kind == oracle.Part && (o.ID == item || o.Item == item) {
			return true
		}
	}
	return false
}

// furnish fills a rich world: what the pages of items show, who learns what, and what people say to each other. Every field of
// text holds a canary of its own.
func (w *world) furnish() {
	for _, ob := range w.items {
		p := w.pages[ob.ID]
		w.putFile(p)
		switch p.kind {
		case tenants.KindCourse:
			w.putVersion(p, courses.Outline{Modules: []courses.Module{{Title: w.field(ob, "module"), Lessons: []courses.LessonRef{w.lessonRef(ob, "a"), w.lessonRef(ob, "b")}}}})
		case tenants.KindPath:
			w.putPath(p)
		case tenants.KindStory:
			w.putStory(p)
		case tenants.KindResource:
			w.exec(p.org, `INSERT INTO resources (org_id, item_id, resource_kind, source, html, plain, author_name) VALUES ($1, $2, 'tip', $3, $4, $5, $6)`,
				p.org.id, p.id, w.field(ob, "resources.source"), w.html(ob, "resources.html", p), w.field(ob, "resources.plain"), w.field(ob, "resources.author_name"))
		}
	}
	for _, o := range w.orgs {
		w.learning(o)
		for range questionsPer {
			w.ask(o)
		}
		w.office(o)
	}
}

func (w *world) putFile(p *itemPage) {
	p.fileName = w.field(p.ob, "files.name") + ".txt"
	sum, size, err := w.blob.Put(w.t.Context(), strings.NewReader("The file says "+w.field(p.ob, "files.content")+"\n"), 1<<20)
	if err != nil {
		w.t.Fatal(err)
	}
	w.exec(p.org, `INSERT INTO files (org_id, item_id, file_id, sha256, name, media_type, size) VALUES ($1, $2, $3, $4, $5, 'text/plain', $6)`, p.org.id, p.id, p.file, sum[:], p.fileName, size)
}

func (w *world) html(ob *oracle.Object, field string, p *itemPage) string {
	return fmt.Sprintf(`<h2 id="s-k">%s</h2><p>%s</p><p><a href="%s">%s</a></p>`, w.field(ob, field), w.field(ob, field), courses.FileURL(p.file, p.fileName), w.field(ob, field))
}

func (w *world) lessonRef(ob *oracle.Object, key string) courses.LessonRef {
	return courses.LessonRef{Key: key, Title: w.field(ob, "outline.lesson"), Summary: w.field(ob, "outline.summary"), Kind: "lesson", Minutes: 3}
}

// putVersion writes version 1 with the lessons a and b.
func (w *world) putVersion(p *itemPage, outline courses.Outline) {
	ob := p.ob
	w.exec(p.org, `INSERT INTO versions (org_id, item_id, version, title, summary, outcome, intro_html, outline, digest, note) VALUES ($1, $2, 1, $3, $4, $5, $6, $7, '', $8)`,
		p.org.id, p.id, p.title, w.field(ob, "versions.summary"), w.field(ob, "versions.outcome"), w.html(ob, "versions.intro_html", p), outline, w.field(ob, "versions.note"))
	for i, key := range []string{"a", "b"} {
		blocks := []markdown.Block{
			{Kind: markdown.Prose, Key: "k", Title: w.field(ob, "block.title"), HTML: w.html(ob, "block.html", p)},
			{Kind: markdown.Reflect, Key: "r", Ask: w.field(ob, "block.ask")},
			{Kind: markdown.File, Key: "f", Title: w.field(ob, "block.file"), Src: courses.FileURL(p.file, p.fileName)},
			{Kind: markdown.Quiz, Key: "q", Title: w.field(ob, "block.quiz"), Questions: []markdown.Question{{
				Key: "x", Kind: "single", Ask: w.field(ob, "quiz.ask"),
				Choices: []markdown.Choice{{Text: w.field(ob, "quiz.choice"), Right: true, Because: w.field(ob, "quiz.because")}, {Text: w.field(ob, "quiz.choice"), Because: w.field(ob, "quiz.because")}},
			}}},
			{Kind: markdown.Quiz, Key: "exam", Title: w.field(ob, "check.title"), Attempts: 3, Questions: []markdown.Question{{
				Key: "y", Kind: markdown.Order, Ask: w.field(ob, "check.ask"), Because: w.field(ob, "check.because"),
				Choices: []markdown.Choice{{Text: w.field(ob, "check.choice")}, {Text: w.field(ob, "check.choice")}},
			}}},
			{
				Kind: markdown.Task, Key: "task", Title: w.field(ob, "task.title"), HTML: "<p>" + w.field(ob, "task.html") + "</p>", Hand: markdown.Hands, By: markdown.Lookers,
				Rubric: []markdown.Criterion{{Title: w.field(ob, "task.criterion"), Levels: []string{w.field(ob, "task.level"), w.field(ob, "task.level")}, Enough: 1}},
			},
			{Kind: markdown.Steps, Key: "list", Title: w.field(ob, "steps.title"), Ask: w.field(ob, "steps.when"), Do: []markdown.Do{{Key: "one", HTML: w.field(ob, "steps.step")}}},
			{Kind: markdown.Live, Key: "live", Title: w.field(ob, "live.title"), HTML: w.field(ob, "live.html"), Series: w.field(ob, "live.series")},
			{Kind: markdown.Group, Key: "group", Title: w.field(ob, "group.title"), HTML: w.field(ob, "group.html"), Out: w.field(ob, "group.out"), From: 2, To: 9},
			{Kind: markdown.Embed, Key: "film", Title: w.field(ob, "embed.title"), Src: "https://player.vimeo.com/video/100000"},
		}
		w.exec(p.org, `INSERT INTO lessons (org_id, item_id, version, key, position, title, minutes, source, blocks, plain, langs, licence, origin) VALUES ($1, $2, 1, $3, $4, $5, 3, $6, $7, $8, '{fr}', $9, $10)`,
			p.org.id, p.id, key, i+1, w.field(ob, "lessons.title"), w.field(ob, "lessons.source"), blocks, w.field(ob, "lessons.plain"), w.field(ob, "lessons.licence"), w.field(ob, "lessons.origin"))
		w.exec(p.org, `INSERT INTO lesson_texts (org_id, item_id, version, key, lang, title, source, blocks, plain) VALUES ($1, $2, 1, $3, 'fr', $4, $5, $6, $7)`,
			p.org.id, p.id, key, w.field(ob, "lesson_texts.title"), w.field(ob, "lessons.source"), []markdown.Block{{Kind: markdown.Prose, Key: "k", HTML: w.html(ob, "lesson_texts.html", p)}}, w.field(ob, "lessons.plain"))
	}
}

// putPath makes a path of a lesson of its own, a course of its owner, and two steps that lead to whatever there is, of others too:
// its owner saw them once.
func (w *world) putPath(p *itemPage) {
	self := courses.Step{Key: "own", Kind: courses.StepLesson, Title: w.field(p.ob, "step.title"), Minutes: 3, Org: p.org.id, Item: p.id, Lessons: []courses.LessonRef{w.lessonRef(p.ob, "own")}}
	outline := courses.Outline{Steps: []courses.Step{self}, Slots: []courses.Slot{{Key: "here", After: "own", Suggestion: w.field(p.ob, "slot")}}}
	p.steps = []string{"own"}
	parts := []id.Item{}
	step := func(to *itemPage) {
		ob := &oracle.Object{Kind: oracle.Step, Org: p.ob.Org, Item: p.ob.ID, ID: to.ob.ID}
		key := fmt.Sprintf("s%d", len(p.steps))
		st := courses.Step{Key: key, Kind: to.kind, Title: w.field(ob, "step.title"), Minutes: 4, Org: to.org.id, Item: to.id, Slug: to.slug}
		if to.kind == tenants.KindCourse {
			st.Version = 1
			st.Lessons = []courses.LessonRef{
				{Key: "a", Title: w.field(ob, "step.lesson"), Kind: "lesson", Minutes: 2}, {Key: "b", Title: w.field(ob, "step.lesson"), Kind: "lesson", Minutes: 2},
			}
		}
		// The slug of what a step leads to is the other's, too.
		outline.Steps, p.steps, p.leads = append(outline.Steps, st), append(p.steps, key), append(p.leads, ob)
		if to.org == p.org {
			parts = append(parts, to.id)
			w.model.Objects["part "+p.ob.ID+" "+to.ob.ID] = &oracle.Object{Kind: oracle.Part, Org: p.ob.Org, ID: to.ob.ID, Item: p.ob.ID}
		}
	}
	var mine, others []*itemPage
	for _, ob := range w.items {
		switch to := w.pages[ob.ID]; {
		case to.kind == tenants.KindPath:
		case to.org == p.org && to.kind == tenants.KindCourse:
			mine = append(mine, to)
		case to.org != p.org && (w.chance(.15) || w.model.Sees(oracle.Viewer{Org: p.ob.Org}, ob)):
			others = append(others, to)
		}
	}
	if len(mine) > 0 {
		step(pick(w.r, mine))
	}
	w.r.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	if last := w.orgs[organizations-1]; p.org == w.orgs[0] {
		// Who sees the path of the one that knows the last organization must not learn of that by it.
		slices.SortStableFunc(others, func(a, b *itemPage) int { return lastly(a.org != last) - lastly(b.org != last) })
	}
	for _, to := range others[:min(2, len(others))] {
		step(to)
	}
	shares := map[id.Org]int{}
	for _, s := range outline.Steps {
		shares[s.Org]++
	}
	list := []tenants.Part{{Org: p.org.id, N: shares[p.org.id]}}
	for _, o := range w.orgs {
		if n := shares[o.id]; n > 0 && o != p.org {
			list = append(list, tenants.Part{Org: o.id, N: n})
		}
	}
	w.putVersion(p, outline)
	w.must(p.org, func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO lessons (org_id, item_id, version, key, position, title, minutes, source, blocks, plain) VALUES ($1, $2, 1, 'own', 3, $3, 3, '', $4, $5)`,
			p.org.id, p.id, w.field(p.ob, "lessons.title"), []markdown.Block{{Kind: markdown.Prose, Key: "k", HTML: w.html(p.ob, "block.html", p)}}, w.field(p.ob, "lessons.plain")); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE items SET parts = $3 WHERE org_id = $1 AND item_id = $2`, p.org.id, p.id, list); err != nil {
			return err
		}
		return tenants.AddParts(tx, p.id, parts)
	})
}

// lastly sorts what is later behind the rest.
func lastly(later bool) int {
	if later {
		return 1
	}
	return 0
}

// putStory makes a story that leads to three things, at their place in the text and at the end.
func (w *world) putStory(p *itemPage) {
	type block struct {
		Kind string  `json:"kind"`
		HTML string  `json:"html,omitempty"`
		Org  id.Org  `json:"org,omitzero"`
		Item id.Item `json:"item,omitzero"`
	}
	blocks := []block{{Kind: "prose", HTML: w.html(p.ob, "stories.blocks", p)}}
	var to []*itemPage
	for len(to) < 3 {
		if t := w.pages[pick(w.r, w.items).ID]; t != p && !slices.Contains(to, t) {
			to = append(to, t)
			blocks = append(blocks, block{Kind: "path", Org: t.org.id, Item: t.id}, block{Kind: "prose", HTML: w.html(p.ob, "stories.blocks", p)})
		}
	}
	f, _ := json.Marshal([]map[string]string{{"value": w.field(p.ob, "figure"), "label": w.field(p.ob, "figure"), "note": w.field(p.ob, "figure")}}) // Texts always have a form.
	w.exec(p.org, `INSERT INTO stories (org_id, item_id, story_kind, source, blocks, plain, author_name, author_title, quote, cta, figures) VALUES ($1, $2, 'article', $3, $4, $5, $6, $7, $8, $9, $10)`,
		p.org.id, p.id, w.field(p.ob, "stories.source"), blocks, w.field(p.ob, "stories.plain"), w.field(p.ob, "stories.author_name"), w.field(p.ob, "stories.author_title"),
		w.field(p.ob, "stories.quote"), w.field(p.ob, "stories.cta"), f)
	for i, t := range to {
		w.exec(p.org, `INSERT INTO item_links (org_id, item_id, to_org, to_item, position) VALUES ($1, $2, $3, $4, $5)`, p.org.id, p.id, t.org.id, t.id, i)
	}
}

// open items to an organization's people, by the model, that can be learned.
func (w *world) learnable(o *org, kinds ...string) []*itemPage {
	var out []*itemPage
	for _, ob := range w.items {
		if p := w.pages[ob.ID]; slices.Contains(kinds, p.kind) && ob.State == "published" && w.model.Sees(oracle.Viewer{Org: o.id.String()}, ob) {
			out = append(out, p)
		}
	}
	return out
}

// learning lets members learn: enrollments with reasons, finished lessons, reflections and answers, and what the organization
// adds to others' paths.
func (w *world) learning(o *org) {
	can := w.learnable(o, tenants.KindCourse, tenants.KindPath)
	for _, m := range o.members {
		v := w.scopeOf(m)
		house := &oracle.Object{Kind: oracle.House, Org: o.id.String()}
		secret := &oracle.Object{Kind: oracle.Private, Org: o.id.String(), Member: m.String()}
		w.r.Shuffle(len(can), func(i, j int) { can[i], can[j] = can[j], can[i] })
		for i, p := range can[:min(3, len(can))] {
			state := []string{"active", "active", "completed"}[i]
			w.exec(o, `INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, reason, asked_by, state, completed_at, done, total)
				VALUES ($1, $2, $3, $4, $5, 1, 'assigned', $6, $7, $8, CASE WHEN $8 = 'completed' THEN now() END, 1, 2)`,
				o.id, id.New[id.Enrollment](), m, p.org.id, p.id, w.field(house, "enrollments.reason"), pick(w.r, o.members), state)
			w.learners = append(w.learners, &learner{org: o, member: m, item: p.ob, active: state == "active"})
			w.exec(o, `INSERT INTO completions (org_id, membership_id, item_org, item_id, lesson_key, version) VALUES ($1, $2, $3, $4, 'b', 1)`, o.id, m, p.org.id, p.id)
			w.execAs(v, `INSERT INTO reflections (org_id, membership_id, item_org, item_id, lesson_key, reflection_key, body) VALUES ($1, $2, $3, $4, 'a', 'r', $5)`,
				o.id, m, p.org.id, p.id, w.field(secret, "reflections.body"))
			w.execAs(v, `INSERT INTO tryouts (org_id, tryout_id, membership_id, item_org, item_id, lesson_key, try_key, root_kind, root_id, title, what, with_whom, by_day, outcome, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 'a', 't', 'course', $5, $6, $7, $8, current_date - 8, $9, now(), now())`,
				o.id, id.New[id.Any](), m, p.org.id, p.id, w.field(secret, "tryouts.title"), w.field(secret, "tryouts.what"), w.field(secret, "tryouts.with_whom"), w.field(secret, "tryouts.outcome"))
			w.execAs(v, `INSERT INTO attempts (org_id, attempt_id, membership_id, item_org, item_id, version, lesson_key, question_key, choices, correct) VALUES ($1, $2, $3, $4, $5, 1, 'a', 'x', '{1}', false)`,
				o.id, id.New[id.Any](), m, p.org.id, p.id)
		}
	}
	w.takeIn(o)
	w.write(o)
	w.bundles(o)
	for _, p := range w.learnable(o, tenants.KindPath) {
		if p.org == o {
			continue
		}
		house := &oracle.Object{Kind: oracle.Addition, Org: o.id.String(), Other: p.ob.Org, Item: p.ob.ID, Audience: pick(w.r, []string{"", "publisher"}), Customers: w.chance(.7)}
		w.put("additions", o.id.String()+" "+p.ob.ID, house)
		// One step leads to something of its own, which may be open to nobody else who reads the addition.
		led, leads := []courses.OwnStep{}, []id.Item{}
		for _, ob := range w.items {
			if to := w.pages[ob.ID]; len(led) == 0 && to.org == o && to.kind == tenants.KindCourse && ob.State == "published" && w.chance(.5) {
				step := &oracle.Object{Kind: oracle.Step, Org: o.id.String(), Item: p.ob.ID, ID: ob.ID, Post: house}
				led, leads = append(led, courses.OwnStep{Key: "led", After: "own", Title: w.field(step, "additions.led"), Minutes: 2, Kind: to.kind, Item: to.id}), append(leads, to.id)
			}
		}
		w.exec(o, `INSERT INTO additions (org_id, path_org, path_id, they_know, we_add, customer_gets, proposition, notes, steps, for_publisher, for_customers, leads_to) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			o.id, p.org.id, p.id, w.field(house, "additions.they_know"), w.field(house, "additions.we_add"), w.field(house, "additions.customer_gets"), w.field(house, "additions.proposition"),
			[]courses.Note{{Step: "own", HTML: "<p>" + w.field(house, "additions.note") + "</p>"}},
			append([]courses.OwnStep{{Key: "extra", After: "own", Title: w.field(house, "additions.step"), Minutes: 2, Blocks: []markdown.Block{{Kind: markdown.Prose, Key: "k", HTML: "<p>" + w.field(house, "additions.block") + "</p>"}}}}, led...), house.Audience != "", house.Customers, leads)
	}
}

func (w *world) scopeOf(m id.Membership) scope.Scope {
	i := slices.IndexFunc(w.viewers, func(v scope.Scope) bool { return v.Membership == m && v.View.IsZero() })
	return w.viewers[i]
}

var shownAs = []string{"name", "name", "company", "someone"}

// ask asks a question about something that the organization sees, and lets those answer who hear it.
func (w *world) ask(o *org) {
	about := pick(w.r, w.learnable(o, tenants.KindCourse, tenants.KindPath, tenants.KindStory, tenants.KindResource))
	q := &oracle.Object{
		Kind: oracle.Question, Org: o.id.String(), ID: id.New[id.Post]().String(), Audience: pick(w.r, []string{"org", "connected", "connected", "connected", "public"}),
		State: "open", Shown: pick(w.r, shownAs), Item: about.ob.ID,
	}
	if w.chance(.1) {
		q.State = "withdrawn"
	}
	by := pick(w.r, o.members)
	q.Member = by.String()
	name := w.byline(o, q)
	w.exec(o, `INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, audience, shown_as, shown_name, title, body, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		o.id, parse[id.Post](w.t, q.ID), by, about.org.id, about.id, q.Audience, q.Shown, name, w.token(q, q.ID), w.field(q, "questions.body"), q.State)
	w.put("questions", q.ID, q)
	w.posts = append(w.posts, q)
	for _, from := range w.orgs {
		if !w.model.Sees(oracle.Viewer{Org: from.id.String()}, q) || !w.chance(.6) {
			continue
		}
		a := &oracle.Object{
			Kind: oracle.Answer, Org: from.id.String(), ID: id.New[id.Post]().String(), Question: q.ID, Audience: pick(w.r, []string{"org", "connected", "connected", "public"}), State: "shown", Shown: pick(w.r, shownAs),
		}
		if w.chance(.1) {
			a.State = "withdrawn"
		}
		by := pick(w.r, from.members)
		a.Member = by.String()
		name := w.byline(from, a)
		w.exec(from, `INSERT INTO answers (org_id, answer_id, question_org, question_id, membership_id, audience, shown_as, shown_name, body, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			from.id, parse[id.Post](w.t, a.ID), o.id, parse[id.Post](w.t, q.ID), by, a.Audience, a.Shown, name, w.token(a, a.ID), a.State)
		w.put("answers", a.ID, a)
		w.posts = append(w.posts, a)
		if w.chance(.4) {
			w.worked[q.ID] = a.ID
			w.exec(o, `UPDATE questions SET worked_answer = $3 WHERE org_id = $1 AND question_id = $2`, o.id, parse[id.Post](w.t, q.ID), parse[id.Post](w.t, a.ID))
		}
	}
	w.must(o, func(tx *db.Tx) error {
		if err := jobs.Emit(tx, community.AnswerPosted{Org: o.id, Question: parse[id.Post](w.t, q.ID)}); err != nil {
			return err
		}
		return jobs.Emit(tx, community.QuestionChanged{Org: o.id, Question: parse[id.Post](w.t, q.ID)})
	})
}

// byline returns the name that a post carries: a canary of its own, where its author is named. The post may be older than the agreement
// with somebody who reads it, and so name its author to everybody.
func (w *world) byline(o *org, post *oracle.Object) string {
	if post.Shown != "name" {
		return ""
	}
	return w.field(&oracle.Object{Kind: oracle.Byline, Org: o.id.String(), Member: post.Member, Post: post, State: "name"}, "shown_name")
}

// office gives an organization what its administrator sees and what nobody does.
func (w *world) office(o *org) {
	office := &oracle.Object{Kind: oracle.Office, Org: o.id.String()}
	sealed := &oracle.Object{Kind: oracle.Sealed, Org: o.id.String()}
	w.exec(o, `INSERT INTO providers (org_id, provider_id, name, issuer, client_id, client_secret, last_failure, last_failure_at) VALUES ($1, $2, $3, $4, $5, '', $6, now())`,
		o.id, o.provider, w.field(w.portals[o.id.String()], "providers.name"), "https://"+w.field(office, "providers.issuer")+".example", w.field(office, "providers.client_id"), w.field(office, "providers.last_failure"))
	w.names(o, office)
	w.doors(o, office, sealed)
	w.imports(o, office)
	token := id.New[id.Any]()
	w.tokenIDs[o.id.String()] = token.String()
	w.exec(o, `INSERT INTO api_tokens (org_id, token_id, token_hash, membership_id, scopes, name, expires_at) VALUES ($1, $2, $3, $4, '{read}', $5, now() + interval '1 day')`,
		o.id, token, []byte(w.field(sealed, "api_tokens.token_hash")), o.members[0], w.field(office, "api_tokens.name"))
	w.exec(o, `INSERT INTO email_links (org_id, token_hash, email, cookie_hash, code_hash, expires_at) VALUES ($1, $2, $3, '', '', now() + interval '10 minutes')`,
		o.id, []byte(w.field(sealed, "email_links.token_hash")), w.field(sealed, "email_links.email")+"@x.example")
	w.exec(o, `INSERT INTO search_events (org_id, day, q_norm, lang, results) VALUES ($1, now(), $2, 'en', 'none')`, o.id, w.field(sealed, "search_events.q_norm"))
	w.exec(o, `INSERT INTO search_synonyms (org_id, term, lang, expands) VALUES ($1, $2, 'en', ARRAY[$3])`, o.id, w.field(sealed, "search_synonyms.term"), w.field(sealed, "search_synonyms.expands"))
}
