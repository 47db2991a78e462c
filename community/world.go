package community

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Discussion is a thread as a file of a prepared world holds it.
type Discussion struct {
	Key           string             `yaml:"key"`            // stable name of the thread
	About         string             `yaml:"about"`          // organization/item, or organization/item#lesson
	Owner         string             `yaml:"owner"`          // not used: a question belongs to its author's organization
	Audience      string             `yaml:"audience"`       // organization, agreement or public
	ReadBy        []string           `yaml:"read_by"`        // not used: who reads follows from the audience and the connections
	AudienceWords string             `yaml:"audience_words"` // not used
	AskedBy       string             `yaml:"asked_by"`       // the address of a member
	AskedAt       time.Time          `yaml:"asked_at"`
	ShownAs       string             `yaml:"shown_as"`
	Lang          string             `yaml:"lang"`
	Topics        []string           `yaml:"topics"` // not used
	Title         string             `yaml:"title"`
	Body          string             `yaml:"body"`
	Answers       []DiscussionAnswer `yaml:"answers"`
	SameQuestion  int                `yaml:"same_question"`
	State         string             `yaml:"state"` // not used: follows from the answers
}

// DiscussionAnswer is an answer in a Discussion.
type DiscussionAnswer struct {
	By      string    `yaml:"by"` // the address of a member
	At      time.Time `yaml:"at"`
	ShownAs string    `yaml:"shown_as"`
	Worked  bool      `yaml:"worked"`
	Used    int       `yaml:"used"`
	Thanks  int       `yaml:"thanks"`
	Body    string    `yaml:"body"`
}

// Loaded is what came of a Discussion.
type Loaded struct {
	Question id.Post
	Answers  int
	Left     []string // addresses whose answers were left out, because their organization may not read the question
}

// ParseDiscussion reads a file; a key that it does not know is an error.
func ParseDiscussion(source []byte) (Discussion, error) {
	var d Discussion
	dec := yaml.NewDecoder(bytes.NewReader(source))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return Discussion{}, fmt.Errorf("discussion: %w", err)
	}
	return d, nil
}

// LoadDiscussion writes a thread with its dates, each post in its author's organization; the operator only. Repeating is safe:
// posts that are there stay as they are. Rights are not bent: an answer of somebody who may not read the question is left out
// and named.
func (s *Service) LoadDiscussion(ctx context.Context, d Discussion) (Loaded, error) {
	if err := authz.Check(ctx, authz.LoadPosts, id.Org{}); err != nil {
		return Loaded{}, err
	}
	out, err := s.load(ctx, d)
	if err != nil {
		return Loaded{}, fmt.Errorf("load discussion %s: %w", d.Key, err)
	}
	return out, nil
}

// postSpace is the name space of posts that come from files.
const postSpace = "learnscape/post"

func (s *Service) load(ctx context.Context, d Discussion) (Loaded, error) {
	item, lesson, _ := strings.Cut(d.About, "#")
	ownerSlug, slug, _ := strings.Cut(item, "/")
	owner, err := s.tenants.ByHost(ctx, ownerSlug+"."+s.tenants.Base())
	if err != nil {
		return Loaded{}, err
	}
	asker, err := s.houseOf(ctx, d.AskedBy)
	if err != nil {
		return Loaded{}, err
	}
	out := Loaded{Question: id.Derive[id.Post](postSpace, d.Key)}
	err = s.db.Tx(asker, func(tx *db.Tx) error {
		about, err := db.Row[id.Item](tx, `SELECT i.item_id FROM items i WHERE i.org_id = $1 AND i.slug = $2 ORDER BY array_position(ARRAY['path','course','story','resource'], i.kind) LIMIT 1`, owner.OrgID, slug)
		if err != nil {
			return fmt.Errorf("%s for %s: %w", d.About, d.AskedBy, err)
		}
		if _, err := tenants.SeeItem(tx, about); err != nil {
			return fmt.Errorf("%s for %s: %w", d.About, d.AskedBy, err)
		}
		by, err := tenants.MemberByEmail(tx, d.AskedBy)
		if err != nil {
			return fmt.Errorf("%s: %w", d.AskedBy, err)
		}
		if known, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM questions WHERE org_id = $1 AND question_id = $2)`, tx.Scope.Org, out.Question); err != nil || known {
			return err
		}
		return insertQuestion(tx, questionRecord{
			OrgID: tx.Scope.Org, QuestionID: out.Question, MembershipID: by.MembershipID, AboutOrg: owner.OrgID, AboutItem: about, AboutLesson: lesson,
			Audience: audience(d.Audience), ShownAs: shownAs(d.ShownAs), ShownName: shownName(d.ShownAs, by.Name), Lang: d.Lang,
			Title: d.Title, Body: strings.TrimSpace(d.Body), State: "open", Same: d.SameQuestion, CreatedAt: d.AskedAt.UTC(), ActiveAt: d.AskedAt.UTC(),
		})
	})
	if err != nil {
		return Loaded{}, err
	}
	var worked id.Post
	for i, a := range d.Answers {
		post, err := s.loadAnswer(ctx, d, out.Question, i, a)
		switch {
		case errs.Is(err, errs.NotFound):
			out.Left = append(out.Left, a.By)
		case err != nil:
			return Loaded{}, err
		default:
			out.Answers++
			if a.Worked {
				worked = post
			}
		}
	}
	return out, s.db.Tx(asker, func(tx *db.Tx) error {
		if _, err := tx.Exec(recount, tx.Scope.Org, []id.Post{out.Question}); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE questions SET worked_answer = coalesce(worked_answer, $3) WHERE org_id = $1 AND question_id = $2`, tx.Scope.Org, out.Question, worked)
		return err
	})
}

func (s *Service) loadAnswer(ctx context.Context, d Discussion, question id.Post, n int, a DiscussionAnswer) (id.Post, error) {
	house, err := s.houseOf(ctx, a.By)
	if err != nil {
		return id.Post{}, err
	}
	post := id.Derive[id.Post](postSpace, fmt.Sprintf("%s/%d", d.Key, n+1))
	err = s.db.Tx(house, func(tx *db.Tx) error {
		q, err := seenQuestion(tx, question)
		if err != nil {
			return err
		}
		by, err := tenants.MemberByEmail(tx, a.By)
		if err != nil {
			return fmt.Errorf("no member %s: %v", a.By, err) //nolint:errorlint // A missing member is a fault of the file, not an answer to leave out.
		}
		if known, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM answers WHERE org_id = $1 AND answer_id = $2)`, tx.Scope.Org, post); err != nil || known {
			return err
		}
		return insertAnswer(tx, answerRecord{
			OrgID: tx.Scope.Org, AnswerID: post, QuestionOrg: q.OrgID, QuestionID: q.QuestionID, MembershipID: by.MembershipID,
			Audience: audience(d.Audience), ShownAs: shownAs(a.ShownAs), ShownName: shownName(a.ShownAs, by.Name), Body: strings.TrimSpace(a.Body),
			State: "shown", Used: a.Used, Thanks: a.Thanks, CreatedAt: a.At.UTC(),
		})
	})
	return post, err
}

// houseOf returns a context in which the operator acts for the organization of an address.
func (s *Service) houseOf(ctx context.Context, email string) (context.Context, error) {
	_, domain, _ := strings.Cut(email, "@")
	org, err := s.tenants.ByDomain(ctx, domain)
	if err != nil {
		return nil, fmt.Errorf("no organization of %s: %v", email, err) //nolint:errorlint // A fault of the file.
	}
	return jobs.Enter(ctx, scope.Operator, org.OrgID), nil
}

func audience(word string) string {
	switch word {
	case "public":
		return AudiencePublic
	case "organization", AudienceOrg:
		return AudienceOrg
	}
	return AudienceConnected
}

func shownAs(word string) string {
	switch word {
	case AsName, AsCompany:
		return word
	}
	return AsSomeone
}

func shownName(word, name string) string {
	if shownAs(word) == AsName {
		return name
	}
	return ""
}
