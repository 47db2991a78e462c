package community

import (
	"time"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Who may read a post.
const (
	AudienceOrg       = "org"       // the author's own organization
	AudienceConnected = "connected" // also the organizations that it is connected to now
	AudiencePublic    = "public"    // everybody; only about a public item
)

// The name that a post is shown under, as its author chose.
const (
	AsName    = "name"    // own name and company
	AsCompany = "company" // the company only
	AsSomeone = "someone" // neither: "someone at a partner"
	AsFormer  = "former"  // a former member, for what somebody who was erased wrote under a name; nobody chooses it
)

// The kinds of reactions.
const (
	Used   = "used"   // an answer was used at work
	Thanks = "thanks" // thank you
	Same   = "same"   // the reader has the same question
)

// few is the least number of reactions of other organizations that is shown (product.md: counts across organizations are
// hidden below five).
const few = 5

// Company is an organization as far as a post shows it.
type Company struct {
	ID         id.Org
	Slug, Name string
	Short      string
	Hue        int
	Chroma     float64
}

// Byline is who said something, as the viewer may know it.
type Byline struct {
	Name         string  // the person; "" where only the company or nobody is named
	Company      Company // zero where it is not named
	Relationship string  // what the viewer's organization calls the author's: vendor, partner, customer, peer, or ""
	Own          bool    // of the viewer's organization
	Mine         bool    // the viewer's own post
	Former       bool    // it was written under the name of somebody who was erased since
}

// Tally is one kind of reaction on a post.
type Tally struct {
	Count int  // what may be shown: the own organization's, and others' from five upwards
	Mine  bool // the viewer set it
}

// Question is a question as a viewer may see it.
type Question struct {
	ID           id.Post
	By           Byline
	Item         *tenants.Item // what it is about: owner, id, kind, title, slug; nil if it has closed to its author
	Lesson       string        // key of the lesson or step; "" for the whole item
	Audience     string
	Lang         string
	Title        string
	HTML         string // the body, rendered and safe; "" if there is none
	Withdrawn    bool   // taken back by the viewer
	Answered     bool   // the viewer may see an answer
	Worked       bool   // the viewer may see the answer that worked for the asker
	Count        int    // of answers that the viewer may see
	Companies    int    // how many companies stand behind those, as far as they are named
	Same, Thanks Tally
	AskedAt      time.Time
	ActiveAt     time.Time
	Answers      []Answer // the best ones, or all
	MayAnswer    bool
	MayReact     bool
}

// Answer is an answer as a viewer may see it.
type Answer struct {
	ID           id.Post
	By           Byline
	Audience     string
	HTML         string // rendered and safe
	Plain        string // for an excerpt
	Worked       bool   // for the asker
	Used, Thanks Tally
	At           time.Time
	MayMark      bool // the viewer asked the question
	MayReact     bool
}

// byline decides what the viewer learns of an author. The author's choice is the most that is shown; how the author's
// organization meets the viewer's (meet) can only lessen it.
func (r authorRow) byline(viewer scope.Scope) Byline {
	own := !viewer.Org.IsZero() && r.OrgID == viewer.Org
	by := Byline{Own: own, Mine: own && viewer.SignedIn() && r.MembershipID == viewer.Membership}
	if r.Relationship != nil {
		by.Relationship = *r.Relationship
	}
	if r.ShownAs == AsSomeone && !own {
		return by
	}
	by.Company = Company{ID: r.OrgID, Slug: r.OrgSlug, Name: r.OrgName, Short: r.OrgShort, Hue: r.OrgHue, Chroma: r.OrgChroma}
	if r.Meet == nil || *r.Meet == "name" {
		by.Former = r.ShownAs == AsFormer
		if r.ShownAs == AsName {
			by.Name = r.ShownName
		}
	}
	return by
}

// tally hides what few others did. total is of all organizations and may lag behind the own count.
func tally(total, own int, mine bool) Tally {
	if total-own < few {
		total = own
	}
	return Tally{Count: max(total, own), Mine: mine}
}

// brief is the question without its text and what others said to it.
func (r newsRow) brief(viewer scope.Scope) Question {
	by := r.byline(viewer)
	return Question{
		ID: r.QuestionID, By: by, Lesson: r.AboutLesson, Audience: r.Audience, Lang: r.Lang, Title: r.Title,
		Withdrawn: r.State == "withdrawn", Answered: r.Visible > 0, Count: r.Visible, AskedAt: r.CreatedAt, ActiveAt: r.ActiveAt,
		MayAnswer: viewer.SignedIn() && r.State != "withdrawn", MayReact: viewer.SignedIn() && !by.Mine,
	}
}

func (r questionRow) question(viewer scope.Scope) Question {
	q := r.brief(viewer)
	q.HTML, q.Companies = html(r.Body), r.Companies
	q.Same, q.Thanks = tally(r.Same, r.OwnSame, r.MySame), tally(r.Thanks, r.OwnThanks, r.MyThanks)
	if r.ItemTitle != nil {
		q.Item = &tenants.Item{OrgID: r.AboutOrg, ItemID: r.AboutItem, Kind: *r.ItemKind, Title: *r.ItemTitle, Slug: *r.ItemSlug, Lang: *r.ItemLang}
	}
	for _, a := range r.Answers {
		ans := a.answer(viewer)
		ans.Worked = !r.Worked.IsZero() && r.Worked == a.AnswerID
		ans.MayMark = q.By.Mine && !ans.By.Mine
		q.Worked = q.Worked || ans.Worked
		q.Answers = append(q.Answers, ans)
	}
	return q
}

func (a answerRow) answer(viewer scope.Scope) Answer {
	by := a.byline(viewer)
	return Answer{
		ID: a.AnswerID, By: by, Audience: a.Audience, HTML: html(a.Body), Plain: markdown.Plain(a.Body),
		Used: tally(a.Used, a.OwnUsed, a.MyUsed), Thanks: tally(a.Thanks, a.OwnThanks, a.MyThanks),
		At: a.CreatedAt, MayReact: viewer.SignedIn() && !by.Mine,
	}
}

func questions(rows []questionRow, viewer scope.Scope) []Question {
	out := make([]Question, len(rows))
	for i, r := range rows {
		out[i] = r.question(viewer)
	}
	return out
}

// html renders what somebody wrote: Markdown without pictures. What cannot be rendered is shown as nothing rather than raw.
func html(source string) string {
	if source == "" {
		return ""
	}
	out, err := markdown.Render(source, markdown.Options{})
	if err != nil {
		return ""
	}
	return out
}
