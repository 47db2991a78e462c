package courses

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

const (
	// VisitDays is how long a browser's progress is kept without an account.
	VisitDays = 90
	claimTime = 10 * time.Minute
)

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Visitor returns a context in which the visitor whose browser holds the token acts; ctx as it is for members, for an unknown or
// expired token, for individuals, who have a record of their own, and for none.
func (s *Service) Visitor(ctx context.Context, token string) (context.Context, error) {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return ctx, err
	}
	sc, err := scope.From(ctx)
	if err != nil || sc.Actor != scope.Visitor || token == "" {
		return ctx, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Prove(hex.EncodeToString(hash(token))); err != nil {
			return err
		}
		sc.Visitor, err = db.Row[id.Visitor](tx, `SELECT v.visitor_id FROM visitors v WHERE v.token_hash = $1 AND v.expires_at > $2`, hash(token), tx.Now)
		return err
	})
	if errs.Is(err, errs.NotFound) {
		return ctx, nil
	}
	return enter(ctx, sc), err
}

// Visit makes sure that the visitor in ctx has a record to keep progress in. token is what the browser has to hold for it, once;
// "" if there is a record already, and for members.
func (s *Service) Visit(ctx context.Context) (visit context.Context, token string, err error) {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return ctx, "", err
	}
	sc, err := scope.From(ctx)
	if err != nil || sc.SignedIn() || !sc.Visitor.IsZero() {
		return ctx, "", err
	}
	sc.Visitor, token = id.New[id.Visitor](), rand.Text()
	visit = enter(ctx, sc)
	err = s.db.Tx(visit, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO visitors (visitor_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)`, sc.Visitor, hash(token), tx.Now, tx.Now.AddDate(0, 0, VisitDays))
		return err
	})
	return visit, token, err
}

// enter gives the visitor's record to the scope that auth made: a visitor stays a visitor, with a place to keep progress.
func enter(ctx context.Context, s scope.Scope) context.Context {
	return scope.Enter(ctx, s) //nolint:forbidigo // The record behind the visit cookie is this room's; nothing else changes.
}

// Start begins a course or path for whoever acts: members enroll, visitors get a mark in their record (see Visit). Repeating is
// safe. NotFound for what may not be seen.
func (s *Service) Start(ctx context.Context, item id.Item, o Origin) error {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if tx.Scope.SignedIn() {
			return s.enroll(tx, item, o.clean())
		}
		return visitorStart(tx, item, o)
	})
}

func visitorStart(tx *db.Tx, item id.Item, o Origin) error {
	if tx.Scope.Visitor.IsZero() {
		return errs.New(errs.Unauthenticated, "a visitor without a record")
	}
	it, err := tenants.SeeItem(tx, item)
	if err != nil {
		return fmt.Errorf("start %s: %w", item, err)
	}
	if it.Version == 0 || it.Kind != tenants.KindCourse && it.Kind != tenants.KindPath {
		return errs.New(errs.NotFound, "start %s: nothing published", item)
	}
	o = o.clean()
	if o.Kind != OriginStory && o.Kind != OriginCampaign {
		o.Kind = OriginVisit
	}
	return visitorMark(tx, it.OrgID, it.ItemID, "", it.Version, o)
}

func visitorMark(tx *db.Tx, org id.Org, item id.Item, lesson string, version int, o Origin) error {
	_, err := tx.Exec(`INSERT INTO visitor_progress (visitor_id, item_org, item_id, lesson_key, version, origin, origin_ref, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		tx.Scope.Visitor, org, item, lesson, version, o.Kind, o.Ref, tx.Now)
	if err != nil {
		return fmt.Errorf("keep progress of visitor: %w", err)
	}
	return nil
}

// signIn is the key of why a visitor signs in to finish the lesson: it is finished by what belongs to a person. "" where saying so is enough.
func (l LessonRef) signIn() string {
	switch {
	case l.Meets > 0:
		return "livestep.sign_in"
	case l.Tasks > 0:
		return "practice.lesson.sign_in"
	case l.Checks > 0:
		return "quiz.lesson.sign_in"
	}
	return ""
}

// personal is a condition on a lesson l that has a part which belongs to a person, in whatever version a visitor once said that it is done.
const personal = `jsonb_path_exists(l.blocks, '$[*] ? (@.kind == "task" || @.kind == "quiz" && (exists(@.draw) || exists(@.attempts) || exists(@.pass) || exists(@.minutes)))')`

// claimedFrom is what the code $1 stands for at the time $2: progress p.
const claimedFrom = ` FROM claims c JOIN visitor_progress p ON p.visitor_id = c.visitor_id WHERE c.code_hash = $1 AND c.expires_at > $2
	AND NOT EXISTS (SELECT 1 FROM lessons l WHERE l.org_id = p.item_org AND l.item_id = p.item_id AND l.version = p.version AND l.key = p.lesson_key AND ` + personal + `)`

func visitorComplete(tx *db.Tx, at located) error {
	if tx.Scope.Visitor.IsZero() {
		return errs.New(errs.Unauthenticated, "a visitor without a record")
	}
	if why := at.Ref.signIn(); why != "" { // What is kept on signing in counts.
		return errs.Say(errs.Conflict, why)
	}
	if at.Root.State == "" {
		if err := visitorMark(tx, at.Root.OrgID, at.Root.ItemID, "", at.Root.Version, Origin{Kind: OriginVisit}); err != nil {
			return err
		}
	}
	return visitorMark(tx, at.Org, at.Item, at.Lesson, at.Version, Origin{Kind: OriginVisit})
}

// Claim returns a code with which the visitor's progress can be kept once, within ten minutes, by whoever signs in with it.
// NotFound for a visitor without progress.
func (s *Service) Claim(ctx context.Context) (code string, err error) {
	if err := authz.Check(ctx, authz.VisitorProgress, id.Org{}); err != nil {
		return "", err
	}
	code = rand.Text()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if tx.Scope.Visitor.IsZero() {
			return errs.New(errs.NotFound, "no progress of a visitor")
		}
		return tx.Must(`INSERT INTO claims (code_hash, visitor_id, expires_at) SELECT $1, v.visitor_id, $3 FROM visitors v WHERE v.visitor_id = $2
			AND EXISTS (SELECT 1 FROM visitor_progress p WHERE p.visitor_id = v.visitor_id)`, hash(code), tx.Scope.Visitor, tx.Now.Add(claimTime))
	})
	return code, err
}

// Kept is a course or path in which a visitor got somewhere.
type Kept struct {
	Item    tenants.Item
	Org     tenants.Organization
	Lessons int // finished in it
}

type visited struct {
	ItemOrg id.Org  `db:"item_org"`
	Item    id.Item `db:"item_id"`
	Lesson  string  `db:"lesson_key"`
	Version int     `db:"version"`
	Origin  string  `db:"origin"`
	Ref     string  `db:"origin_ref"`
}

// Claimed returns what the code would keep, for the member to look at before. It changes nothing. NotFound for a code that is
// unknown, used or expired.
func (s *Service) Claimed(ctx context.Context, code string) ([]Kept, error) {
	if err := authz.Check(ctx, authz.KeepProgress, id.Org{}); err != nil {
		return nil, err
	}
	var out []Kept
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		rows, err := claimed(tx, code)
		if err != nil {
			return err
		}
		out, err = kept(tx, rows)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Org, err = s.tenants.ByID(ctx, out[i].Item.OrgID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func claimed(tx *db.Tx, code string) ([]visited, error) {
	if err := tx.Prove(hex.EncodeToString(hash(code))); err != nil {
		return nil, err
	}
	rows, err := db.Rows[visited](tx, `SELECT p.item_org, p.item_id, p.lesson_key, p.version, p.origin, p.origin_ref`+claimedFrom+` ORDER BY p.lesson_key <> '', p.at, p.item_id, p.lesson_key LIMIT 2000`, hash(code), tx.Now)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errs.New(errs.NotFound, "claim")
	}
	return rows, nil
}

func kept(tx *db.Tx, rows []visited) ([]Kept, error) {
	var ids []id.Item
	lessons := map[id.Item]int{}
	for _, r := range rows {
		ids = append(ids, r.Item)
		if r.Lesson != "" {
			lessons[r.Item]++
		}
	}
	items, err := db.Rows[tenants.Item](tx, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.item_id = ANY($1) AND `+tenants.Seen("$2")+` ORDER BY i.title, i.item_id LIMIT 200`, ids, tx.Scope.Org)
	if err != nil {
		return nil, err
	}
	out := make([]Kept, len(items))
	for i, it := range items {
		out[i] = Kept{Item: it, Lessons: lessons[it.ItemID]}
	}
	return out, nil
}

// Keep merges what the code stands for into the member's own enrollments and completions, or the individual's own record, and uses the code up; it returns the
// items it began. What is finished already stays as it is. NotFound for a code that is unknown, used or expired.
func (s *Service) Keep(ctx context.Context, code string) ([]id.Item, error) {
	if err := authz.Check(ctx, authz.KeepProgress, id.Org{}); err != nil {
		return nil, err
	}
	var out []id.Item
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		out = nil
		rows, err := claimed(tx, code)
		if err != nil {
			return err
		}
		if tx.Scope.Actor == scope.Individual {
			return keepHere(tx, code, rows, &out)
		}
		if err := tx.Must(`DELETE FROM claims WHERE code_hash = $1`, hash(code)); err != nil {
			return err
		}
		if err := tx.Prove(""); err != nil {
			return err
		}
		for _, r := range rows {
			err := s.merge(tx, r)
			if errs.Is(err, errs.NotFound) || lacksSeat(err) {
				continue // Closed to everyone since; or a story, which needs no beginning; or the agreement has no seat left.
			}
			if err != nil {
				return err
			}
			if r.Lesson == "" {
				out = append(out, r.Item)
			}
		}
		return nil
	})
	return out, err
}

// keepHere puts what the code stands for into the individual's own record and uses the code up.
func keepHere(tx *db.Tx, code string, rows []visited, out *[]id.Item) error {
	if _, err := tx.Exec(`INSERT INTO visitor_progress (visitor_id, item_org, item_id, lesson_key, version, origin, origin_ref, at)
		SELECT $3, p.item_org, p.item_id, p.lesson_key, p.version, p.origin, p.origin_ref, p.at`+claimedFrom+` AND p.visitor_id <> $3 ON CONFLICT DO NOTHING`, hash(code), tx.Now, tx.Scope.Visitor); err != nil {
		return fmt.Errorf("keep progress of an individual: %w", err)
	}
	for _, r := range rows {
		if r.Lesson == "" {
			*out = append(*out, r.Item)
		}
	}
	return tx.Must(`DELETE FROM claims WHERE code_hash = $1`, hash(code))
}

// merge begins what the visitor began, and finishes what the visitor finished; rows of beginnings come first.
func (s *Service) merge(tx *db.Tx, r visited) error {
	it, err := tenants.SeeItem(tx, r.Item)
	if err != nil {
		return err
	}
	switch {
	case r.Lesson == "" && (it.Kind == tenants.KindCourse || it.Kind == tenants.KindPath):
		return s.enroll(tx, r.Item, Origin{Kind: r.Origin, Ref: r.Ref})
	case r.Lesson == "":
		return s.complete(tx, located{Org: it.OrgID, Item: it.ItemID, Kind: it.Kind, Version: it.Version, Ref: LessonRef{Minutes: it.Minutes}}, tx.Batch)
	}
	l, err := db.Row[struct {
		Title   string `db:"title"`
		Minutes int    `db:"minutes"`
	}](tx, `SELECT l.title, l.minutes FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3 AND l.key = $4`, it.OrgID, it.ItemID, r.Version, r.Lesson)
	if err != nil {
		return err
	}
	return s.complete(tx, located{Org: it.OrgID, Item: it.ItemID, Kind: it.Kind, Version: r.Version, Lesson: r.Lesson, Ref: LessonRef{Key: r.Lesson, Title: l.Title, Minutes: l.Minutes}}, tx.Batch)
}

// learnerSQL is a statement for who may have visits, and for who has none.
type learnerSQL struct{ visitor, member string }

// forLearners writes both statements: shape gets the relation of what visitors learn. A member has nothing there, and the policies of the table, which
// fit claims too, cost a page a tenth; for them it is a relation without rows that is planned away.
func forLearners(shape func(visits string) string) learnerSQL {
	return learnerSQL{
		visitor: shape(`visitor_progress`),
		member:  shape(`(SELECT NULL::uuid AS visitor_id, NULL::uuid AS item_org, NULL::uuid AS item_id, NULL::text AS lesson_key, NULL::integer AS version, NULL::text AS origin WHERE false)`),
	}
}

// of is the statement for who acts.
func (q learnerSQL) of(s scope.Scope) string {
	if s.Visitor.IsZero() {
		return q.member
	}
	return q.visitor
}
