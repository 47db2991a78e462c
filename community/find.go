package community

import (
	"strings"
	"time"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// near is the organizations that the viewer's is connected to, and how their people show themselves to it: where that is "none",
// it reads only what is public of them, without a name. $1 is the viewer's organization, NULL for a visitor.
const near = `near AS MATERIALIZED (SELECT s.org_id, s.meet FROM connection_sides s WHERE s.other_org = $1 AND s.state = 'active')`

// relationship is what the viewer's organization calls that of post's author, which shows itself to it as in the row meet.
func relationship(post, meet string) string {
	return `(SELECT o.relationship FROM connection_sides o WHERE o.org_id = $1 AND o.other_org = ` + post + `.org_id AND ` + meet + `.meet <> 'none') AS relationship`
}

// openItem holds if the viewer may see the item that question q is about: an own one, or one that is open to it.
const openItem = `(q.about_org = $1 OR opened(q.about_org, q.about_item))`

// heard is the answers a to question q that the viewer may read, with what is known of their authors' organizations in an.
const heard = `answers a LEFT JOIN near an ON an.org_id = a.org_id
	WHERE a.question_org = q.org_id AND a.question_id = q.question_id AND a.state = 'shown'
		AND (a.org_id = $1 OR a.audience = 'public' OR (a.audience = 'connected' AND an.meet <> 'none'))`

const questionColumns = `q.org_id, q.question_id, q.membership_id, q.about_org, q.about_item, q.about_lesson, q.audience, q.shown_as, q.shown_name,
	q.lang, q.title, q.body, q.state, q.worked_answer, q.same, q.thanks, q.created_at, q.active_at`

// answerColumns read an answer a of question q with its author's organization ao.
var answerColumns = `a.org_id, a.answer_id, a.membership_id, a.audience, a.shown_as, a.shown_name, a.body, a.state, a.used, a.thanks, a.created_at,
	an.meet, ` + relationship("a", "an") + `, ao.slug AS org_slug, ao.name AS org_name, ao.short AS org_short, ao.hue AS org_hue, ao.chroma AS org_chroma,
	(SELECT count(*) FROM reactions r WHERE r.org_id = $1 AND r.post_id = a.answer_id AND r.kind = 'used') AS own_used,
	(SELECT count(*) FROM reactions r WHERE r.org_id = $1 AND r.post_id = a.answer_id AND r.kind = 'thanks') AS own_thanks,
	EXISTS (SELECT 1 FROM reactions r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.post_id = a.answer_id AND r.kind = 'used') AS my_used,
	EXISTS (SELECT 1 FROM reactions r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.post_id = a.answer_id AND r.kind = 'thanks') AS my_thanks`

// search is a query for questions: the newest that meet cond, each with its best answers.
type search struct {
	cond    string // on q; its arguments start at $5
	args    []any
	limit   int
	answers int  // how many answers come with each question
	newest  bool // answers by time instead of by use
	brief   bool // only what a line of news says: who asked what when, and how many answered
	own     bool // also the viewer's own that are withdrawn or about an item that has closed
}

// sql starts from the organizations that the viewer may hear: the own one, each connected one, and public questions, and
// takes the newest of each (LATERAL), so that its cost grows with connections × limit and not with questions. The own ones say
// how old the last of the list can be at most; of the others only what is newer is looked at.
func (f search) sql() string {
	const order = ` ORDER BY q.active_at DESC, q.question_id `
	open, shown := openItem, `q.state <> 'withdrawn'`
	if f.own {
		const mine = `q.org_id = $1 AND q.membership_id = $2 OR `
		open, shown = `(`+mine+open+`)`, `(`+mine+shown+`)`
	}
	best := `(a.answer_id = q.worked_answer) IS TRUE DESC, a.used DESC, a.created_at, a.answer_id`
	if f.newest {
		best = `a.created_at DESC, a.answer_id`
	}
	// The item of a question is looked at in the order of the list and no further than its end (OFFSET 0).
	arm := func(meet, where string) string {
		return `SELECT q.* FROM (SELECT ` + questionColumns + `, ` + meet + ` AS meet FROM questions q WHERE ` + where + ` AND ` + shown + ` AND ` + f.cond + order + `OFFSET 0) q WHERE ` + open + ` LIMIT $3`
	}
	const newer = `q.active_at >= (SELECT c.at FROM cut c)`
	found := `WITH ` + near + `, own AS MATERIALIZED (` + arm(`NULL::text`, `q.org_id = $1`) + `),
		cut AS MATERIALIZED (SELECT coalesce((SELECT o.active_at FROM own o ORDER BY o.active_at DESC OFFSET $3 - 1 LIMIT 1), '-infinity') AS at), found AS (
		SELECT o.* FROM own o
		UNION ALL SELECT x.* FROM near n CROSS JOIN LATERAL (` + arm(`n.meet`, `q.org_id = n.org_id AND n.meet <> 'none' AND q.audience IN ('connected', 'public') AND `+newer) + `) x
		UNION ALL (` + arm(`(SELECT n.meet FROM near n WHERE n.org_id = q.org_id)`, `q.audience = 'public' AND q.org_id IS DISTINCT FROM $1 AND NOT EXISTS (SELECT 1 FROM near n WHERE n.org_id = q.org_id AND n.meet <> 'none') AND `+newer) + `))
	SELECT q.*, ` + relationship("q", "q") + `, qo.slug AS org_slug, qo.name AS org_name, qo.short AS org_short, qo.hue AS org_hue, qo.chroma AS org_chroma, `
	const top = ` FROM (SELECT * FROM found q` + order + `LIMIT $3) q JOIN organizations qo ON qo.org_id = q.org_id `
	if f.brief {
		return strings.ReplaceAll(found+`(SELECT count(*) FROM `+heard+`) AS visible`+top+order, "$3", "$2")
	}
	return found + `
		i.kind AS item_kind, i.title AS item_title, i.slug AS item_slug, i.lang AS item_lang,
		c.n AS visible, c.companies, t.answers,
		(SELECT count(*) FROM reactions r WHERE r.org_id = $1 AND r.post_id = q.question_id AND r.kind = 'same') AS own_same,
		(SELECT count(*) FROM reactions r WHERE r.org_id = $1 AND r.post_id = q.question_id AND r.kind = 'thanks') AS own_thanks,
		EXISTS (SELECT 1 FROM reactions r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.post_id = q.question_id AND r.kind = 'same') AS my_same,
		EXISTS (SELECT 1 FROM reactions r WHERE r.org_id = $1 AND r.membership_id = $2 AND r.post_id = q.question_id AND r.kind = 'thanks') AS my_thanks` + top + `
	LEFT JOIN items i ON i.org_id = q.about_org AND i.item_id = q.about_item
	CROSS JOIN LATERAL (SELECT count(*) AS n, count(DISTINCT a.org_id) FILTER (WHERE a.shown_as <> 'someone') AS companies FROM ` + heard + `) c
	CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(to_jsonb(b) ORDER BY b.place), '[]') AS answers FROM (
		SELECT row_number() OVER (ORDER BY ` + best + `) AS place, ` + answerColumns + `
		FROM (SELECT a.*, an.meet FROM ` + heard + ` ORDER BY ` + best + ` LIMIT $4) a
		CROSS JOIN LATERAL (SELECT a.meet) an JOIN organizations ao ON ao.org_id = a.org_id) b) t` + order
}

func (f search) params(viewer scope.Scope) []any {
	return append([]any{viewer.Org, viewer.Membership, f.limit, f.answers}, f.args...)
}

// queue puts the search into the batch.
func (f search) queue(b *db.Batch, dest *[]questionRow, viewer scope.Scope) {
	db.List(b, dest, f.sql(), f.params(viewer)...)
}

// rows runs the search in a transaction, in its scope.
func (f search) rows(tx *db.Tx) ([]questionRow, error) {
	return db.Rows[questionRow](tx, f.sql(), f.params(tx.Scope)...)
}

// companyRow is the organization of a post's author as a row holds it.
type companyRow struct {
	OrgSlug   string  `db:"org_slug" json:"org_slug"`
	OrgName   string  `db:"org_name" json:"org_name"`
	OrgShort  string  `db:"org_short" json:"org_short"`
	OrgHue    int     `db:"org_hue" json:"org_hue"`
	OrgChroma float64 `db:"org_chroma" json:"org_chroma"`
}

// authorRow is what decides the name a post is shown under.
type authorRow struct {
	companyRow
	OrgID        id.Org        `db:"org_id" json:"org_id"`
	MembershipID id.Membership `db:"membership_id" json:"membership_id"`
	ShownAs      string        `db:"shown_as" json:"shown_as"`
	ShownName    string        `db:"shown_name" json:"shown_name"`
	Meet         *string       `db:"meet" json:"meet"`
	Relationship *string       `db:"relationship" json:"relationship"`
}

// newsRow is a question with the number of answers that the viewer may read.
type newsRow struct {
	authorRow
	QuestionID  id.Post   `db:"question_id"`
	AboutOrg    id.Org    `db:"about_org"`
	AboutItem   id.Item   `db:"about_item"`
	AboutLesson string    `db:"about_lesson"`
	Audience    string    `db:"audience"`
	Lang        string    `db:"lang"`
	Title       string    `db:"title"`
	Body        string    `db:"body"`
	State       string    `db:"state"`
	Worked      id.Post   `db:"worked_answer"`
	Same        int       `db:"same"`
	Thanks      int       `db:"thanks"`
	CreatedAt   time.Time `db:"created_at"`
	ActiveAt    time.Time `db:"active_at"`
	Visible     int       `db:"visible"`
}

type questionRow struct {
	newsRow
	ItemKind  *string     `db:"item_kind"`
	ItemTitle *string     `db:"item_title"`
	ItemSlug  *string     `db:"item_slug"`
	ItemLang  *string     `db:"item_lang"`
	Companies int         `db:"companies"`
	Answers   []answerRow `db:"answers"`
	OwnSame   int         `db:"own_same"`
	OwnThanks int         `db:"own_thanks"`
	MySame    bool        `db:"my_same"`
	MyThanks  bool        `db:"my_thanks"`
}

type answerRow struct {
	authorRow
	AnswerID  id.Post   `json:"answer_id"`
	Audience  string    `json:"audience"`
	Body      string    `json:"body"`
	Used      int       `json:"used"`
	Thanks    int       `json:"thanks"`
	CreatedAt time.Time `json:"created_at"`
	OwnUsed   int       `json:"own_used"`
	OwnThanks int       `json:"own_thanks"`
	MyUsed    bool      `json:"my_used"`
	MyThanks  bool      `json:"my_thanks"`
}
