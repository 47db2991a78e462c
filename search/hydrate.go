package search

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Span is a piece of a text; Mark sets off what matched.
type Span struct {
	Text string
	Mark bool
}

// visibleQuestion are the questions that the viewer $2 may read, of the alias q.
var visibleQuestion = `q.state <> 'withdrawn' AND (q.org_id = $2 OR q.audience <> 'org') AND EXISTS (
	SELECT 1 FROM items i WHERE i.org_id = q.about_org AND i.item_id = q.about_item AND ` + tenants.Seen("$2") + `)`

// behindMost is how many changes whose news waits are looked at for a question; a thousand are settled in a second or two.
const behindMost = 1000

// open is what is open to the viewer, now: its own organization, the collections granted to it, what its neighbours show to
// all they are connected to, and what is public; and what of it closed so lately that the documents do not know. blind says
// that more changed than was looked at: no figure may be shown that is not counted from the results themselves.
func (s *Service) open(ctx context.Context, viewer scope.Scope) (out Scope, blind bool, err error) {
	type row struct {
		Collection id.Any  `db:"collection_id"` // that a grant opens
		Org        id.Org  `db:"org_id"`        // whose posts the viewer may read
		Item       id.Item `db:"item_id"`       // changed a moment ago
		Shown      bool    `db:"shown"`
	}
	var rows []row
	if !viewer.View.IsZero() {
		return s.viewed(ctx, viewer)
	}
	member := !viewer.Org.IsZero() && viewer.Actor != scope.Visitor
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, `SELECT g.collection_id, NULL::uuid AS org_id, NULL::uuid AS item_id, true AS shown FROM grants g WHERE g.viewer_org = $2 AND (g.until IS NULL OR g.until > now())
			UNION ALL SELECT NULL, c.org_id, NULL, true FROM connection_sides c WHERE c.other_org = $2 AND c.state = 'active' AND c.meet <> 'none'
			UNION ALL SELECT NULL, NULL, b.item_id, EXISTS (SELECT 1 FROM items i WHERE i.item_id = b.item_id AND i.state = 'published')
				OR EXISTS (SELECT 1 FROM questions q WHERE q.question_id = b.item_id AND `+visibleQuestion+`) FROM search_behind($1) AS b(item_id)`, behindMost+1, viewer.Org)
	}); err != nil {
		return Scope{}, false, fmt.Errorf("what is open to %s: %w", viewer.Org, err)
	}
	out = Scope{viewer: viewer.Org, channels: []id.Any{AnyOf(id.Everyone)}}
	if member {
		out.channels = append(out.channels, AnyOf(viewer.Org))
	}
	behind := 0
	for _, r := range rows {
		switch {
		case !r.Collection.IsZero():
			out.channels = append(out.channels, r.Collection)
		case !r.Org.IsZero():
			out.channels = append(out.channels, ConnectedChannel(r.Org))
		default:
			behind++
			if !r.Shown {
				out.hidden = append(out.hidden, r.Item)
			}
		}
	}
	return out, behind > behindMost, nil
}

// viewed is what is open to whoever looks as another organization: the own collections that are opened to that one or to everyone,
// and of those nothing that a policy closes. Questions stand in no collection.
func (s *Service) viewed(ctx context.Context, viewer scope.Scope) (out Scope, blind bool, err error) {
	var behind []struct {
		Item  id.Item `db:"item_id"`
		Shown bool    `db:"shown"`
	}
	out = Scope{viewer: viewer.Org}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out.channels, `SELECT DISTINCT g.collection_id FROM grants g WHERE g.org_id = $1 AND g.viewer_org IN ($2, everyone()) AND (g.until IS NULL OR g.until > now()) ORDER BY g.collection_id LIMIT 2000`, viewer.Org, viewer.View)
		db.List(b, &behind, `SELECT b.item_id, EXISTS (SELECT 1 FROM items i WHERE i.item_id = b.item_id AND i.state = 'published') AS shown FROM search_behind($1) AS b(item_id)`, behindMost+1)
	}); err != nil {
		return Scope{}, false, fmt.Errorf("what %s opens to %s: %w", viewer.Org, viewer.View, err)
	}
	if len(out.channels) == 0 {
		out.channels = []id.Any{nothing} // An engine does not answer without any.
	}
	for _, b := range behind {
		if !b.Shown {
			out.hidden = append(out.hidden, b.Item)
		}
	}
	return out, len(behind) > behindMost, nil
}

// nothing is a channel that no document has.
var nothing = id.Derive[id.Any]("search", "nothing")

type itemRow struct {
	OrgID       id.Org         `db:"org_id"`
	ItemID      id.Item        `db:"item_id"`
	Kind        string         `db:"kind"`
	Title       string         `db:"title"`
	Slug        string         `db:"slug"`
	Summary     string         `db:"summary"`
	Lang        string         `db:"lang"`
	Level       string         `db:"level"`
	Minutes     int            `db:"minutes"`
	Topics      []string       `db:"topics"`
	Parts       []tenants.Part `db:"parts"`
	Steps       int            `db:"steps"`
	State       string         `db:"state"`
	Version     int            `db:"version"`
	Finished    int            `db:"finished"`
	UpdatedAt   time.Time      `db:"updated_at"`
	PublishedAt *time.Time     `db:"published_at"`
	Part        string         `db:"part"`
	PartTitle   *string        `db:"part_title"`
	PartMinutes *int           `db:"part_minutes"`
	PartLang    string         `db:"part_lang"` // in which it was found
	Body        string         `db:"body"`
	Right       string         `db:"right_is"`
}

type questionRow struct {
	OrgID      id.Org  `db:"org_id"`
	QuestionID id.Item `db:"question_id"`
	Title      string  `db:"title"`
	Lang       string  `db:"lang"`
	Body       string  `db:"body"`
	Answers    int     `db:"answers"`
	Answered   bool    `db:"answered"`
	ShownAs    string  `db:"shown_as"`
	ShownName  string  `db:"shown_name"`
}

// hydrate reads the hits' titles and texts as the viewer. What the viewer may not see, or what is not there any more, is
// left out. It also returns which of the questions asked the viewer may not read.
func (s *Service) hydrate(ctx context.Context, viewer scope.Scope, hits []EngineHit, asked []id.Item, terms Terms) (out []Hit, closed []id.Item, err error) {
	if len(hits)+len(asked) == 0 {
		return nil, nil, nil
	}
	items := make([]id.Item, len(hits))
	parts := make([]string, len(hits))
	for i, h := range hits {
		items[i], parts[i] = h.Item, h.Part
	}
	var rows []itemRow
	var questions []questionRow
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &rows, `SELECT `+tenants.ItemColumns+`, w.part, coalesce(t.title, l.title) AS part_title, l.minutes AS part_minutes, coalesce(t.lang, nullif(l.lang, ''), i.lang) AS part_lang,
			left(coalesce(t.plain, l.plain, s.plain, r.plain, v.outcome || E'\n' || regexp_replace(v.intro_html, '<[^>]*>', ' ', 'g'), ''), 20000) AS body, CASE WHEN i.org_id = $3 THEN 'own' ELSE g.right_is END AS right_is
		FROM unnest($1::uuid[], $2::text[]) AS w(item_id, part)
		JOIN items i ON i.item_id = w.item_id AND i.state = 'published'
		LEFT JOIN LATERAL (SELECT CASE WHEN g.viewer_org = everyone() THEN 'read' ELSE g.use_right END AS right_is
			FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
			WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND g.viewer_org IN ($3, everyone()) AND (g.until IS NULL OR g.until > now())
			ORDER BY g.viewer_org = everyone(), array_position(ARRAY['adapt', 'show', 'use'], g.use_right) LIMIT 1) g ON true
		LEFT JOIN lessons l ON l.org_id = i.org_id AND l.item_id = i.item_id AND l.version = i.version AND l.key = split_part(w.part, '@', 1) AND w.part <> ''
		LEFT JOIN lesson_texts t ON t.org_id = l.org_id AND t.item_id = l.item_id AND t.version = l.version AND t.key = l.key AND t.lang = split_part(w.part, '@', 2)
		LEFT JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id AND v.version = i.version AND w.part = ''
		LEFT JOIN stories s ON s.org_id = i.org_id AND s.item_id = i.item_id AND i.kind = 'story'
		LEFT JOIN resources r ON r.org_id = i.org_id AND r.item_id = i.item_id AND i.kind = 'resource'
		WHERE i.org_id = $3 OR g.right_is IS NOT NULL`, items, parts, viewer.Org)
		// Counts are of the answers that the viewer may read, and a name is shown only where the agreement with its
		// organization shows people by name.
		db.List(b, &questions, `SELECT q.org_id, q.question_id, q.title, q.lang, left(q.body || ' ' || coalesce(a.body, ''), 20000) AS body,
				a.n AS answers, coalesce(a.worked, false) AS answered, q.shown_as, CASE WHEN q.org_id = $2 OR coalesce(m.meet, 'name') = 'name' THEN q.shown_name ELSE '' END AS shown_name
			FROM questions q LEFT JOIN connection_sides m ON m.org_id = q.org_id AND m.other_org = $2 AND m.state = 'active'
			CROSS JOIN LATERAL (SELECT count(*)::int AS n, bool_or(a.answer_id = q.worked_answer) AS worked, string_agg(a.body, ' ' ORDER BY a.created_at) AS body FROM answers a
				WHERE a.question_org = q.org_id AND a.question_id = q.question_id AND a.state = 'shown' AND (a.org_id = $2 OR a.audience = 'public' OR (a.audience = 'connected' AND EXISTS (
					SELECT 1 FROM connection_sides s WHERE s.org_id = a.org_id AND s.other_org = $2 AND s.state = 'active' AND s.meet <> 'none')))) a
			WHERE q.question_id = ANY($1) AND `+visibleQuestion+`
			LIMIT 200`, items, viewer.Org)
		if len(asked) > 0 {
			db.List(b, &closed, `SELECT a.question_id FROM unnest($1::uuid[]) AS a(question_id)
				WHERE NOT EXISTS (SELECT 1 FROM questions q WHERE q.question_id = a.question_id AND `+visibleQuestion+`)`, asked, viewer.Org)
		}
	}); err != nil {
		return nil, nil, fmt.Errorf("read results: %w", err)
	}
	seen := make(map[id.Item]*Hit, len(hits))
	for i := range rows {
		h := rows[i].hit(terms)
		if h.Part == "" || rows[i].PartTitle != nil {
			seen[h.Item.ItemID] = &h
		}
	}
	for _, q := range questions {
		h := q.hit(viewer.Org, terms)
		seen[q.QuestionID] = &h
	}
	out = make([]Hit, 0, len(hits))
	for _, h := range hits {
		if hit := seen[h.Item]; hit != nil {
			hit.Partial = h.Partial
			out = append(out, *hit)
			delete(seen, h.Item)
		}
	}
	return out, closed, nil
}

func (r itemRow) hit(terms Terms) Hit {
	it := tenants.Item{
		OrgID: r.OrgID, ItemID: r.ItemID, Kind: r.Kind, Title: r.Title, Slug: r.Slug, Summary: r.Summary, Lang: r.Lang, Level: r.Level, Minutes: r.Minutes, Topics: r.Topics,
		Parts: r.Parts, Steps: r.Steps, State: r.State, Version: r.Version, Finished: r.Finished, UpdatedAt: r.UpdatedAt, PublishedAt: r.PublishedAt,
	}
	part, translated, _ := strings.Cut(r.Part, "@")
	h := Hit{Item: it, Kind: Kind(r.Kind), Part: part, Right: r.Right, Lang: r.Lang, Minutes: r.Minutes, URL: tenants.ItemURL(it)}
	title, text := r.Title, r.Summary
	if r.PartTitle != nil {
		title, h.Context, h.Kind = *r.PartTitle, r.Title, KindLesson
		if r.PartMinutes != nil {
			h.Minutes = *r.PartMinutes
		}
		h.URL, h.Lang = partURL(it, part), r.PartLang
		if translated != "" {
			h.URL += "?lang=" + translated // It is read in the language in which it was found.
		}
		text = ""
	}
	h.Title = mark(title, terms)
	h.Text = snippet(text, r.Body, terms)
	return h
}

func (q questionRow) hit(viewer id.Org, terms Terms) Hit {
	if q.ShownAs == "someone" && q.OrgID != viewer {
		q.OrgID = id.Org{}
	}
	return Hit{
		Item: tenants.Item{OrgID: q.OrgID, ItemID: q.QuestionID, Title: q.Title, Lang: q.Lang}, Kind: KindQuestion, Lang: q.Lang,
		Title: mark(q.Title, terms), Text: snippet("", q.Body, terms), Right: "read", Answers: q.Answers, Answered: q.Answered, ShownAs: q.ShownName,
		URL: "/questions/" + q.QuestionID.String(),
	}
}

// partURL is the address of a lesson of a course or of a step of a path.
func partURL(it tenants.Item, part string) string {
	if it.Kind == tenants.KindPath {
		return tenants.ItemURL(it) + "/steps/" + part
	}
	return tenants.ItemURL(it) + "/lessons/" + part
}

// snippetLength is how long a result's text is, in letters.
const snippetLength = 220

// snippet returns the summary if it has everything that the body has, else the part of the body where most words matched.
func snippet(summary, body string, terms Terms) []Span {
	if len(terms.Words) == 0 || body == "" || summary != "" && matches(summary, terms) > 0 {
		if summary == "" {
			summary = body
		}
		return mark(shorten(summary, snippetLength+60), terms)
	}
	words := wordsOf(body)
	hits := make([]int, len(words)) // 1 + which term, 0 for none
	any := false
	for i, w := range words {
		hits[i] = 1 + termOf(normalize(body[w[0]:w[1]]), terms)
		any = any || hits[i] > 0
	}
	if !any {
		if summary == "" {
			summary = body
		}
		return mark(shorten(summary, snippetLength+60), terms)
	}
	// The window with the most different words, then the most words; the earliest wins.
	best, from, to := 0, 0, 0
	for i := range words {
		if hits[i] == 0 {
			continue
		}
		seen, score, end := 0, 0, i
		for j := i; j < len(words) && words[j][1]-words[i][0] <= snippetLength; j++ {
			end = j
			if h := hits[j]; h > 0 {
				score++
				if seen&(1<<h) == 0 {
					seen |= 1 << h
					score += 10
				}
			}
		}
		if score > best {
			best, from, to = score, i, end
		}
	}
	// Begin at the sentence if it is near, else a few words before.
	first := from
	for first > 0 && words[from][0]-words[first-1][0] < 80 && !strings.ContainsAny(body[words[first-1][1]:words[first][0]], ".!?\n") {
		first--
	}
	lead := words[first][0]
	end := words[to][1]
	for end < len(body) && end-lead < snippetLength+40 {
		if c := body[end]; c == '.' || c == '!' || c == '?' || c == '\n' {
			end++
			break
		}
		end++
	}
	for end < len(body) && (!utf8.RuneStart(body[end]) || !unicode.IsSpace(rune(body[end])) && body[end-1] != '.' && body[end-1] != '\n' && body[end-1] != ' ') {
		end++
	}
	text := strings.Join(strings.Fields(body[lead:end]), " ")
	if lead > 0 && !strings.ContainsAny(body[max(0, lead-2):lead], ".!?\n") {
		text = "… " + text
	}
	if end < len(body) && !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += " …"
	}
	return mark(text, terms)
}

func shorten(s string, n int) string {
	s = strings.Join(strings.Fields(cut(s, 4*n)), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	s = cut(s, n)
	if i := strings.LastIndexByte(s, ' '); i > n/2 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ,;:") + " …"
}

// matches counts which of the terms occur in s.
func matches(s string, terms Terms) int {
	seen := map[int]bool{}
	for _, w := range wordsOf(s) {
		if t := termOf(normalize(s[w[0]:w[1]]), terms); t >= 0 {
			seen[t] = true
		}
	}
	return len(seen)
}

// mark sets off the words of s that match a term.
func mark(s string, terms Terms) []Span {
	var out []Span
	at := 0
	for _, w := range wordsOf(s) {
		if termOf(normalize(s[w[0]:w[1]]), terms) < 0 {
			continue
		}
		if w[0] > at {
			// Two marked words with one blank between them are one mark.
			if n := len(out); n > 0 && s[at:w[0]] == " " && out[n-1].Mark {
				out[n-1].Text += " " + s[w[0]:w[1]]
				at = w[1]
				continue
			}
			out = append(out, Span{Text: s[at:w[0]]})
		}
		out = append(out, Span{Text: s[w[0]:w[1]], Mark: true})
		at = w[1]
	}
	if at < len(s) {
		out = append(out, Span{Text: s[at:]})
	}
	return out
}

// wordsOf returns where the words of s begin and end.
func wordsOf(s string) [][2]int {
	var out [][2]int
	start := -1
	for i, r := range s {
		in := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		switch {
		case in && start < 0:
			start = i
		case !in && start >= 0:
			out = append(out, [2]int{start, i})
			start = -1
		}
	}
	if start >= 0 {
		out = append(out, [2]int{start, len(s)})
	}
	return out
}

// termOf returns which term a normalized word matches, or -1. Endings are forgiven as a stemmer would: the same beginning
// of at least four letters and at most three letters of ending on either side.
func termOf(word string, terms Terms) int {
	for i, variants := range terms.Words {
		for _, v := range variants {
			if word == v || akin(word, v) {
				return min(i, 50)
			}
		}
	}
	return -1
}

func akin(a, b string) bool {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n >= 4 && len(a)-n <= 3 && len(b)-n <= 3 && n*3 >= 2*max(len(a), len(b))
}
