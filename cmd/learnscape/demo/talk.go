package demo

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
)

// thread is a discussion of the files with its dates moved and its rights found out.
type thread struct {
	community.Discussion
	question id.Post
	house    string // of who asked
	about    *thing
	lesson   string
	answers  []reply
	state    string
	active   time.Time
	worked   id.Post
}

// reply is an answer that its author's house may give.
type reply struct {
	community.DiscussionAnswer
	id    id.Post
	house string
}

// thanks is a reaction on its way into the reacting house.
type thanks struct {
	email, house string
	org          id.Org // of the post
	post         id.Post
	kind         string
	at           time.Time
}

// postSpace is the name space of posts that come from files (see community.LoadDiscussion, which gives the same identifiers).
const postSpace = "learnscape/post"

// readThreads reads the discussions. They are written in two statements for each house instead of one transaction for each post,
// which would take as long as all the rest; the row policies hold all the same.
func (s *seeder) readThreads(cat *catalog) error {
	for _, name := range entries(s.w.fs, "discussions", ".yaml") {
		b, err := fs.ReadFile(s.w.fs, name)
		if err != nil {
			return err
		}
		d, err := community.ParseDiscussion(b)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t, err := s.thread(d, cat)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.threads = append(s.threads, t)
		s.thankFor(t)
	}
	slices.SortFunc(s.threads, func(a, b *thread) int { return a.AskedAt.Compare(b.AskedAt) })
	return nil
}

// thread moves the dates of a discussion and decides who reads it. A thread that the files show to houses of which not all know
// the asker is public, if it has answers and what it is about is public too; whoever is not connected to all of them is
// "someone" in it. An answer of somebody who may not read the question is left out.
func (s *seeder) thread(d community.Discussion, cat *catalog) (*thread, error) {
	o, p := s.w.person(d.AskedBy)
	if p == nil {
		return nil, fmt.Errorf("nobody is called %s", d.AskedBy)
	}
	about, err := cat.find(d.About)
	if err != nil {
		return nil, err
	}
	if !cat.visible[o.Slug][about.ID] {
		return nil, fmt.Errorf("%s cannot see %s", d.AskedBy, d.About)
	}
	t := &thread{Discussion: d, question: id.Derive[id.Post](postSpace, d.Key), house: o.Slug, about: about, state: "open"}
	if _, t.lesson, _ = strings.Cut(d.About, "#"); t.lesson != "" && !about.has(t.lesson) {
		s.complain("discussions/"+d.Key, "there is no lesson or step "+d.About)
	}
	t.AskedAt = s.cal.at(d.AskedAt)
	t.active = t.AskedAt
	t.ShownAs = shownAs(d.ShownAs)
	switch {
	case d.Audience == "organization":
		t.Audience = community.AudienceOrg
	case d.Audience == community.AudiencePublic, s.unknown(o.Slug, d.ReadBy) && len(d.Answers) > 0 && cat.public[about.ID]:
		t.Audience = community.AudiencePublic
		t.ShownAs = s.shownTo(o.Slug, d.ShownAs, d.ReadBy)
	default:
		t.Audience = community.AudienceConnected
	}
	for i, a := range d.Answers {
		by, p := s.w.person(a.By)
		if p == nil {
			return nil, fmt.Errorf("nobody is called %s", a.By)
		}
		if !s.reads(by.Slug, t) {
			s.complain("discussions/"+d.Key, "an answer is left out, because the house of "+a.By+" may not read the question")
			continue
		}
		r := reply{DiscussionAnswer: a, id: id.Derive[id.Post](postSpace, fmt.Sprintf("%s/%d", d.Key, i+1)), house: by.Slug}
		r.At, r.ShownAs = s.cal.at(a.At), shownAs(a.ShownAs)
		if t.Audience == community.AudiencePublic {
			r.ShownAs = s.shownTo(by.Slug, a.ShownAs, d.ReadBy)
		}
		if a.Worked {
			t.worked = r.id
		}
		t.state = "answered"
		// When something last happened is what everybody sees who sees the question.
		if t.Audience == community.AudiencePublic || r.house == t.house {
			t.active = later(t.active, r.At)
		}
		t.answers = append(t.answers, r)
	}
	return t, nil
}

// reads reports whether a house may read the question.
func (s *seeder) reads(house string, t *thread) bool {
	switch t.Audience {
	case community.AudienceOrg:
		return house == t.house
	case community.AudienceConnected:
		return s.w.connected(house, t.house)
	}
	return true
}

// unknown reports whether one of the readers is not connected to the house.
func (s *seeder) unknown(house string, readers []string) bool {
	return slices.ContainsFunc(readers, func(r string) bool { return !s.w.connected(house, r) })
}

func (s *seeder) shownTo(house, chosen string, readers []string) string {
	if s.unknown(house, readers) {
		return community.AsSomeone
	}
	return shownAs(chosen)
}

func shownAs(word string) string {
	if word == community.AsName || word == community.AsCompany {
		return word
	}
	return community.AsSomeone
}

// shownName is what others read instead of the membership.
func (s *seeder) shownName(email, as string) string {
	if _, p := s.w.person(email); p != nil && as == community.AsName {
		return p.Name
	}
	return ""
}

// talk writes the threads: all questions first, because an answer needs its question.
func (s *seeder) talk(ctx context.Context) error {
	if err := s.inEach(ctx, func(house string) []*table {
		q := into("questions", "org_id uuid, question_id uuid, membership_id uuid, about_org uuid, about_item uuid, about_lesson text, audience text, shown_as text, shown_name text, lang text, title text, "+
			"body text, state text, answers integer, worked_answer uuid, same integer, created_at timestamptz, active_at timestamptz")
		for _, t := range s.threads {
			if t.house == house {
				q.add(orgID(house), t.question, memberID(t.AskedBy), t.about.OrgID, t.about.ID, t.lesson, t.Audience, t.ShownAs, s.shownName(t.AskedBy, t.ShownAs), t.Lang, t.Title,
					strings.TrimSpace(t.Body), t.state, len(t.answers), t.worked, t.SameQuestion, t.AskedAt, t.active)
			}
		}
		return []*table{q}
	}); err != nil {
		return err
	}
	return s.inEach(ctx, func(house string) []*table {
		a := into("answers", "org_id uuid, answer_id uuid, question_org uuid, question_id uuid, membership_id uuid, audience text, shown_as text, shown_name text, body text, used integer, thanks integer, created_at timestamptz")
		for _, t := range s.threads {
			for _, r := range t.answers {
				if r.house == house {
					a.add(orgID(house), r.id, orgID(t.house), t.question, memberID(r.By), t.Audience, r.ShownAs, s.shownName(r.By, r.ShownAs), strings.TrimSpace(r.Body), r.Used, r.Thanks, r.At)
				}
			}
		}
		return []*table{a}
	})
}

// inEach writes tables of each house in one transaction of its own.
func (s *seeder) inEach(ctx context.Context, of func(house string) []*table) error {
	return each(ctx, s.w.Organizations, func(ctx context.Context, o organization) error {
		return s.tx(ctx, o.Slug, func(tx *db.Tx) error {
			for _, t := range of(o.Slug) {
				if err := t.insert(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// thankFor makes the reactions that the sums of a thread consist of, as far as there are people who may have set them.
func (s *seeder) thankFor(t *thread) {
	rng := chance(s.w.year.Seed, t.Key)
	react := func(house, author string, p id.Post, kind string, n int, since time.Time) {
		type one struct{ email, house string }
		var people []one
		for _, o := range s.w.Organizations {
			if !slices.Contains(t.ReadBy, o.Slug) || !s.reads(o.Slug, t) || t.Audience != community.AudiencePublic && !s.w.connected(o.Slug, house) {
				continue
			}
			for _, p := range o.People {
				if !p.left() && p.Email != author {
					people = append(people, one{p.Email, o.Slug})
				}
			}
		}
		rng.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
		span := min(s.cal.now.Sub(since), 90*24*time.Hour)
		for _, e := range people[:min(n, len(people))] {
			at := s.cal.past(since.Add(time.Duration(rng.Int64N(max(1, int64(span))))))
			s.thanks = append(s.thanks, thanks{e.email, e.house, orgID(house), p, kind, at})
		}
	}
	react(t.house, t.AskedBy, t.question, community.Same, t.SameQuestion, t.AskedAt)
	for _, a := range t.answers {
		react(a.house, a.By, a.id, community.Used, a.Used, a.At)
		react(a.house, a.By, a.id, community.Thanks, a.Thanks, a.At)
	}
}
