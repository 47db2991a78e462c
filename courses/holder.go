package courses

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Claim is something that the member finished before its publisher gave anything for it.
type Claim struct {
	Item   id.Item `db:"item_id"`
	Issuer id.Org  `db:"item_org"`
	Title  string  `db:"title"`
	Name   string  `db:"name"`
}

// Credentials is what the acting member earned, here and where they said that they are the same person.
type Credentials struct {
	Now    time.Time
	Rows   []Credential
	Claims []Claim
	Past   []PastRecord // what the organization recorded from before, the last first; no credentials
	Quiet  bool         // no mails about them are wanted
	Orgs   map[id.Org]tenants.Organization
}

// held are the memberships of the acting member ($2 of $1): this one, and those elsewhere that are the same person's.
const held = `(c.org_id, c.membership_id) IN (SELECT $1::uuid, $2::uuid UNION ALL SELECT l.other_org, l.other_membership FROM account_links l WHERE l.org_id = $1 AND l.membership_id = $2)`

// claimSQL is what the member $2 of $1 finished of the item $3, or of any, and has no credential for, here or elsewhere.
var claimSQL = `SELECT e.item_id, e.item_org, e.title, o.name FROM enrollments e JOIN credential_offers o ON o.org_id = e.item_org AND o.item_id = e.item_id
	WHERE e.org_id = $1 AND e.membership_id = $2 AND e.completed_at IS NOT NULL AND ($3::uuid IS NULL OR e.item_id = $3)
		AND NOT EXISTS (SELECT 1 ` + heldFrom + `WHERE ` + held + ` AND c.issuer = e.item_org AND c.item_id = e.item_id AND ` + standsFor("e.completed_at") + `)
	ORDER BY e.completed_at DESC, e.item_id LIMIT 50`

// Credentials lists what the acting member earned, the last first.
func (s *Service) Credentials(ctx context.Context) (v Credentials, err error) {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &v.Rows, heldSQL+`WHERE `+held+` ORDER BY c.issued_at DESC, c.credential_id LIMIT 200`, sc.Org, sc.Membership)
		db.List(b, &v.Claims, claimSQL, sc.Org, sc.Membership, nil)
		db.List(b, &v.Past, `SELECT `+pastColumns+` FROM past_records p LEFT JOIN memberships k ON k.org_id = p.org_id AND k.membership_id = p.recorded_by WHERE p.org_id = $1 AND p.membership_id = $2 AND NOT `+superseded+`
			ORDER BY p.done_on DESC, p.record_id LIMIT 200`, sc.Org, sc.Membership)
		db.One(b, &v.Quiet, nil, `SELECT EXISTS (SELECT 1 FROM quiet_credentials q WHERE q.org_id = $1 AND q.membership_id = $2)`, sc.Org, sc.Membership)
	}); err != nil {
		return v, fmt.Errorf("credentials of %s: %w", sc.Membership, err)
	}
	orgs := orgsOf(v.Rows)
	for _, c := range v.Claims {
		orgs = append(orgs, c.Issuer)
	}
	v.Orgs, err = s.tenants.ByIDs(ctx, orgs...)
	return v, err
}

// Day is the answers that the member gave on a day (UTC) to questions of what a credential is for.
type Day struct {
	Day   time.Time `db:"day"`
	Right int       `db:"right_answers"`
	Given int       `db:"given"`
}

// CredentialView is one credential as its holder reads it.
type CredentialView struct {
	Checked

	Here    bool // it is kept where the member acts; otherwise they can bring it along
	Own     tenants.Organization
	Member  string // the member's name
	URL     string // of the issuer's portal
	Days    []Day
	Renewal *Renewal     // nil while there is nothing to do
	Earned  []Credential // all of the same that they earned, the first first: more than this one where some were revoked
}

// Again is the one that was earned after this one was revoked; nil for none.
func (v CredentialView) Again() *Credential {
	if i := slices.IndexFunc(v.Earned, func(c Credential) bool { return c.Anew > v.Anew }); i >= 0 {
		return &v.Earned[i]
	}
	return nil
}

// Credential returns one that the acting member earned. NotFound for anybody else's.
func (s *Service) Credential(ctx context.Context, which id.Any) (v CredentialView, err error) {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return v, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return v, err
	}
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.One(b, &v.Checked.Credential, &found, heldSQL+`WHERE `+held+` AND c.credential_id = $3`, sc.Org, sc.Membership, which)
		db.One(b, &v.Member, nil, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, sc.Org, sc.Membership)
		db.List(b, &v.Days, `SELECT q.at::date AS day, count(*) FILTER (WHERE q.correct)::int AS right_answers, count(*)::int AS given FROM credentials c JOIN versions v ON v.org_id = c.issuer AND v.item_id = c.item_id AND v.version = c.version
			JOIN attempts q ON q.org_id = c.org_id AND q.membership_id = c.membership_id AND q.item_id = ANY(v.leads_to || v.item_id)
			WHERE c.org_id = $1 AND c.membership_id = $2 AND c.credential_id = $3 GROUP BY 1 ORDER BY 1 DESC LIMIT 20`, sc.Org, sc.Membership, which)
	}); err != nil {
		return v, err
	}
	if !found {
		return v, errs.New(errs.NotFound, "credential %s", which)
	}
	if err := s.verify(ctx, &v.Checked); err != nil {
		return v, err
	}
	if v.Own, err = s.tenants.ByID(ctx, sc.Org); err != nil {
		return v, err
	}
	v.Here, v.URL = v.Org == sc.Org && v.Checked.Member == sc.Membership, s.url(v.Issuer.Slug)
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &v.Earned, heldSQL+`WHERE c.org_id = $1 AND c.membership_id = $2 AND c.issuer = $3 AND c.item_id = $4 ORDER BY c.anew LIMIT 50`, v.Org, v.Checked.Member, v.Checked.Credential.Issuer, v.Checked.Credential.Item)
	}); err != nil {
		return v, err
	}
	if v.Here && v.State(v.Now) != CredentialValid && v.Again() == nil {
		v.Renewal, err = s.renewal(ctx, v.Checked.Credential)
	}
	return v, err
}

// Renewal is what it takes to renew a credential, or to earn one again that was revoked: every question of the course or path is answered
// rightly once more, and every check passed.
type Renewal struct {
	Item  tenants.Item
	Stops []RenewalStop
}

// RenewalStop is a lesson with questions.
type RenewalStop struct {
	Step, Lesson     string // as its address has them
	Title            string
	Right, Questions int // answered rightly since the credential can be renewed or was revoked, of
	Passed, Checks   int // passed since then, of
}

// Left is how many questions are still to be answered, and checks to be passed.
func (r Renewal) Left() (n int) {
	for _, st := range r.Stops {
		n += max(0, st.Questions-st.Right) + max(0, st.Checks-st.Passed)
	}
	return n
}

// renewal reads what is left to do; nil where the course or path is not open any more, or gives nothing now, and for one that was revoked where
// there is nothing to earn it again by.
func (s *Service) renewal(ctx context.Context, c Credential) (*Renewal, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var r root
	var found, offered bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		r.queue(b, &found, sc, c.Item)
		db.One(b, &offered, nil, `SELECT EXISTS (SELECT 1 FROM credential_offers o WHERE o.org_id = $1 AND o.item_id = $2)`, c.Issuer, c.Item)
	}); err != nil || !found || !offered {
		return nil, err
	}
	if err := s.outline(ctx, &r); err != nil {
		return nil, err
	}
	out := &Renewal{Item: r.Item}
	var leaves []Leaf
	finished := r.finishedSet() // What one left out at the first time one leaves out again.
	since := c.RenewFrom
	if c.Revoked != nil {
		since = c.Revoked
	}
	add := func(step string, item id.Item, l LessonRef) {
		if leaf := (Leaf{item, l.Key}); l.Questions+l.Checks > 0 && finished[leaf] && !slices.Contains(leaves, leaf) {
			st := RenewalStop{Step: step, Lesson: l.Key, Title: l.Title, Questions: l.Questions, Checks: l.Checks}
			if item == r.ItemID && step != "" {
				st.Lesson = ""
			}
			leaves, out.Stops = append(leaves, leaf), append(out.Stops, st)
		}
	}
	for _, l := range r.Outline.Lessons() {
		add("", r.ItemID, l)
	}
	for _, st := range r.Outline.Steps {
		for _, l := range st.Lessons {
			if r.visible(st.Item) && !st.Optional {
				add(st.Key, st.Item, l)
			}
		}
	}
	if c.Revoked != nil && len(out.Stops) == 0 {
		return nil, nil
	}
	type did struct {
		Item   id.Item `db:"item_id"`
		Lesson string  `db:"lesson_key"`
		N      int     `db:"n"`
	}
	var right, passed []did
	if err := s.db.Read(ctx, func(b *db.Batch) {
		of := []any{sc.Org, sc.Membership, since, r.Outline.items(r.ItemID)}
		db.List(b, &right, `SELECT q.item_id, q.lesson_key, count(DISTINCT q.question_key)::int AS n FROM attempts q WHERE q.org_id = $1 AND q.membership_id = $2 AND q.correct AND q.at >= $3 AND q.item_id = ANY($4)
			GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 2000`, of...)
		db.List(b, &passed, `SELECT q.item_id, q.lesson_key, count(DISTINCT q.quiz_key)::int AS n FROM sittings q WHERE q.org_id = $1 AND q.membership_id = $2 AND q.passed AND q.started_at >= $3 AND q.item_id = ANY($4)
			GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 2000`, of...)
	}); err != nil {
		return nil, err
	}
	for i, leaf := range leaves {
		st := &out.Stops[i]
		for _, d := range right {
			if d.Item == leaf.Item && d.Lesson == leaf.Lesson {
				st.Right = min(d.N, st.Questions)
			}
		}
		for _, d := range passed {
			if d.Item == leaf.Item && d.Lesson == leaf.Lesson {
				st.Passed = min(d.N, st.Checks)
			}
		}
	}
	return out, nil
}

// items are the course or path and what its steps lead to.
func (o Outline) items(self id.Item) []id.Item {
	out := []id.Item{self}
	for _, s := range o.Steps {
		if !slices.Contains(out, s.Item) {
			out = append(out, s.Item)
		}
	}
	return out
}

// Renew renews a credential that is due or has expired, once all of its renewal is done; it is valid from now on. For one that
// was revoked it gives a new one, once all of that was done after the revocation. Conflict while something is left, or for one that cannot be
// renewed.
func (s *Service) Renew(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return err
	}
	v, err := s.Credential(ctx, which)
	if err != nil {
		return err
	}
	switch {
	case v.Renewal == nil:
		return errs.Say(errs.Conflict, "credential.fault.not_due")
	case v.Renewal.Left() > 0:
		return errs.Say(errs.Conflict, "credential.fault.again")
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		c, member := v.Checked.Credential, tx.Scope.Membership
		return tx.As(scope.Issuer, tx.Scope.Org, func() error {
			if c.Revoked != nil {
				return s.give(ctx, tx, member, c.Item, &tx.Now)
			}
			e, err := db.Row[earned](tx, earnedSQL, tx.Scope.Org, member, c.Item, tx.Now)
			if err != nil {
				return err
			}
			c.award(e)
			if err := s.sign(ctx, tx, &c); err != nil {
				return err
			}
			// Somebody who asks twice renews once.
			n, err := tx.Exec(`UPDATE credentials SET version = $4, name = $5, shows = $6, criteria = $7, title = $8, cosigner = $9, right_answers = $10, questions = $11, issued_at = $12, expires_at = $13, renew_from = $14, awards = $15, document = $16, how = $18, told = ''
				WHERE org_id = $1 AND membership_id = $2 AND credential_id = $3 AND issued_at = $17`, c.Org, c.Member, c.ID, c.Version, c.Name, c.Shows, c.Criteria, c.Title, c.Cosigner, c.Right, c.Questions, c.Issued, c.Expires, c.RenewFrom, c.Awards, c.Document, v.Issued, c.How)
			if err != nil || n == 0 {
				return err
			}
			return s.tell(tx, c, "renewed")
		})
	})
}

// ClaimCredential gives the acting member what they finished before its publisher gave anything for it. NotFound for anything else.
func (s *Service) ClaimCredential(ctx context.Context, item id.Item) error {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := db.Row[Claim](tx, claimSQL, tx.Scope.Org, tx.Scope.Membership, item); err != nil {
			return err
		}
		member := tx.Scope.Membership
		return tx.As(scope.Issuer, tx.Scope.Org, func() error { return s.give(ctx, tx, member, item, nil) })
	})
}

// ShareCredential makes the public page of a credential, or takes it away: its address opens nothing any more, and the next one is another.
// Repeating it is safe.
func (s *Service) ShareCredential(ctx context.Context, which id.Any, on bool) error {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return err
	}
	code, hash := "", []byte(nil)
	if on {
		code = secret.NewReference(codeLength)
		hash = codeHash(code)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		c, err := own(tx, which)
		if err != nil || on == (c.Code != "") {
			return err
		}
		return tx.Must(`UPDATE credentials SET code = $4, code_hash = $5 WHERE org_id = $1 AND membership_id = $2 AND credential_id = $3`, c.Org, c.Member, c.ID, code, hash)
	})
}

// own reads a credential that the acting member keeps where they act.
func own(tx *db.Tx, which id.Any) (Credential, error) {
	return db.Row[Credential](tx, heldSQL+`WHERE c.org_id = $1 AND c.membership_id = $2 AND c.credential_id = $3 FOR UPDATE OF c`, tx.Scope.Org, tx.Scope.Membership, which)
}

// NameCredential says whether a credential tells its holder's name, as the member is called now: on its public page, in the document and
// in the picture. It is signed anew. Repeating it takes over a new name.
func (s *Service) NameCredential(ctx context.Context, which id.Any, on bool) error {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		c, err := own(tx, which)
		if err != nil {
			return err
		}
		name := ""
		if on {
			if name, err = db.Row[string](tx, `SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = $2`, c.Org, c.Member); err != nil {
				return err
			}
		}
		if name == c.ShownName {
			return nil
		}
		c.ShownName = name
		if err := tx.Must(`UPDATE credentials SET shown_name = $4 WHERE org_id = $1 AND membership_id = $2 AND credential_id = $3`, c.Org, c.Member, c.ID, name); err != nil {
			return err
		}
		return tx.As(scope.Issuer, tx.Scope.Org, func() error {
			if err := s.sign(ctx, tx, &c); err != nil {
				return err
			}
			return tx.Must(`UPDATE credentials SET document = $4 WHERE org_id = $1 AND membership_id = $2 AND credential_id = $3`, c.Org, c.Member, c.ID, c.Document)
		})
	})
}

// BringCredential moves a credential from another membership of the same person to the acting one, where it then is kept. Conflict if they
// have earned the same here, and for one that was revoked: it stays beside what it was given for. NotFound for anybody else's.
func (s *Service) BringCredential(ctx context.Context, which id.Any) error {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		c, err := db.Row[Credential](tx, heldSQL+`WHERE `+held+` AND c.credential_id = $3`, tx.Scope.Org, tx.Scope.Membership, which)
		if err != nil || c.Org == tx.Scope.Org && c.Member == tx.Scope.Membership {
			return err
		}
		if c.Revoked != nil {
			return errs.Say(errs.Conflict, "credential.fault.stays")
		}
		twice, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM credentials c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.issuer = $3 AND c.item_id = $4)`, tx.Scope.Org, tx.Scope.Membership, c.Issuer, c.Item)
		if err != nil {
			return err
		}
		if twice {
			return errs.Say(errs.Conflict, "credential.fault.twice")
		}
		return tx.Must(`UPDATE credentials SET org_id = $1, membership_id = $2 WHERE org_id = $3 AND membership_id = $4 AND credential_id = $5`, tx.Scope.Org, tx.Scope.Membership, c.Org, c.Member, c.ID)
	})
}

// SetCredentialMails turns the mails about the acting member's credentials on or off. Repeating it is safe.
func (s *Service) SetCredentialMails(ctx context.Context, on bool) error {
	if err := authz.Check(ctx, authz.OwnCredentials, id.Org{}); err != nil {
		return err
	}
	q := `INSERT INTO quiet_credentials (org_id, membership_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	if on {
		q = `DELETE FROM quiet_credentials WHERE org_id = $1 AND membership_id = $2`
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(q, tx.Scope.Org, tx.Scope.Membership)
		return err
	})
}
