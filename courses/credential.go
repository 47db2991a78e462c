package courses

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/learnscape/learnscape/courses/badge"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// Credential is what somebody earned by finishing a course or path, in the words of its publisher at that time. It is the person's: it
// stays when the connection ends, when they leave and when the course is gone. Where they keep it is one of their memberships.
type Credential struct {
	ID        id.Any         `db:"credential_id"`
	Org       id.Org         `db:"org_id"` // where the holder keeps it
	Member    id.Membership  `db:"membership_id"`
	Issuer    id.Org         `db:"issuer"`
	Cosigner  id.Org         `db:"cosigner"` // zero for none
	Item      id.Item        `db:"item_id"`
	Kind      string         `db:"kind"`
	Title     string         `db:"title"`
	Lang      string         `db:"lang"`
	Version   int            `db:"version"`
	Name      string         `db:"name"`
	Shows     string         `db:"shows"`
	Criteria  string         `db:"criteria"`
	Right     int            `db:"right_answers"` // the last answer to each question, of
	Questions int            `db:"questions"`     // those that were answered
	How       string         `db:"how"`           // ByLearning, ByTest or ByBoth; "" where the publisher does not tell
	First     time.Time      `db:"first_at"`
	Issued    time.Time      `db:"issued_at"` // or renewed
	Expires   *time.Time     `db:"expires_at"`
	RenewFrom *time.Time     `db:"renew_from"`
	Awards    []Award        `db:"awards"`
	List      int            `db:"list"`
	Slot      int            `db:"slot"`
	Document  badge.Document `db:"document"`
	ShownName string         `db:"shown_name"`
	Code      string         `db:"code"` // of the public page; "" for none
	Revoked   *time.Time     `db:"revoked_at"`
	Reason    string         `db:"reason"` // why it was revoked
	Anew      int            `db:"anew"`   // how many of the same were revoked before it was earned again
}

// Award is one time at which a credential was earned or renewed.
type Award struct {
	At        time.Time  `json:"at"`
	Version   int        `json:"version"`
	Right     int        `json:"right"`
	Questions int        `json:"questions"`
	Until     *time.Time `json:"until,omitempty"`
}

// The states of a credential.
const (
	CredentialValid   = "valid"
	CredentialDue     = "due" // valid, and to be renewed
	CredentialExpired = "expired"
	CredentialRevoked = "revoked"
)

// State is how the credential stands at a time.
func (c Credential) State(now time.Time) string {
	switch {
	case c.Revoked != nil:
		return CredentialRevoked
	case c.Expires == nil:
		return CredentialValid
	case !now.Before(*c.Expires):
		return CredentialExpired
	case c.RenewFrom != nil && !now.Before(*c.RenewFrom):
		return CredentialDue
	}
	return CredentialValid
}

// heldSQL reads credentials c, each with what its issuer took back.
const heldSQL = `SELECT c.credential_id, c.org_id, c.membership_id, c.issuer, c.cosigner, c.item_id, c.kind, c.title, c.lang, c.version, c.name, c.shows, c.criteria, c.how, c.right_answers, c.questions,
		c.first_at, c.issued_at, c.expires_at, c.renew_from, c.awards, c.list, c.slot, c.document, c.shown_name, c.code, r.at AS revoked_at, coalesce(r.reason, '') AS reason, c.anew ` + heldFrom

const heldFrom = `FROM credentials c LEFT JOIN credential_revocations r ON r.org_id = c.issuer AND r.list = c.list AND r.slot = c.slot `

// standsFor is a condition on them: nothing that was earned at the time earns another one.
func standsFor(at string) string { return `(r.at IS NULL OR r.at >= ` + at + `)` }

// earned is what a member finished, with what its publisher gives for that.
type earned struct {
	CredentialOffer

	Member    id.Membership `db:"membership_id"`
	Issuer    id.Org        `db:"item_org"`
	Item      id.Item       `db:"item_id"`
	Kind      string        `db:"kind"`
	Title     string        `db:"title"`
	Lang      string        `db:"lang"`
	Version   int           `db:"version"`
	Right     int           `db:"right_answers"`
	Questions int           `db:"questions"`
	How       string        `db:"how"`
	At        time.Time     `db:"at"`
	Expires   *time.Time    `db:"expires_at"`
	Joint     bool          `db:"joint"` // the own organization says something together with the publisher
}

// earnedSQL reads it: $1 organization, $2 membership, $3 item, $4 when it counts as earned, NULL for when it was finished. The end is reckoned
// by the database, which checks it.
const earnedSQL = `SELECT e.membership_id, e.item_org, e.item_id, i.kind, e.title, i.lang, coalesce(e.finished_in, e.version) AS version, t.at, t.at + make_interval(months => o.months) AS expires_at,
		` + offerColumns + `, a.right_answers, a.questions, CASE WHEN o.tells_how THEN how_learned($1, e.membership_id, e.item_org, e.item_id, coalesce(e.finished_in, e.version)) ELSE '' END AS how, EXISTS (SELECT 1 FROM joint_propositions j WHERE j.publisher = e.item_org AND j.adopter = $1 AND j.path_id = e.item_id AND j.state = 'accepted'
			AND joint_holds(j.publisher, j.adopter, j.path_id, j.created_at, true)) AS joint
	FROM enrollments e JOIN credential_offers o ON o.org_id = e.item_org AND o.item_id = e.item_id JOIN items i ON i.org_id = e.item_org AND i.item_id = e.item_id
	CROSS JOIN LATERAL (SELECT coalesce($4::timestamptz, e.completed_at) AS at) t
	CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE x.correct)::int AS right_answers, count(*)::int AS questions FROM (
		SELECT DISTINCT ON (q.item_id, q.lesson_key, q.question_key) q.correct FROM versions v JOIN attempts q ON q.item_id = ANY(v.leads_to || v.item_id)
		WHERE v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = coalesce(e.finished_in, e.version) AND q.org_id = $1 AND q.membership_id = e.membership_id
		ORDER BY q.item_id, q.lesson_key, q.question_key, q.at DESC) x) a
	WHERE e.org_id = $1 AND e.membership_id = $2 AND e.item_id = $3 AND e.completed_at IS NOT NULL`

// Give gives what members of the acting organization earned by finishing something. An event only says whose rows to look at; repeating
// it gives nothing twice. What was revoked is not given back: a new one is given to who finishes it again.
func (s *Service) Give(ctx context.Context, events []EnrollmentCompleted) error {
	if err := authz.Check(ctx, authz.Issue, id.Org{}); err != nil {
		return err
	}
	all := make([]id.Enrollment, len(events))
	for i, e := range events {
		all[i] = e.Enrollment
	}
	type pair struct {
		Member id.Membership `db:"membership_id"`
		Item   id.Item       `db:"item_id"`
	}
	var due []pair
	if err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		due, err = db.Rows[pair](tx, `SELECT DISTINCT e.membership_id, e.item_id FROM unnest($2::uuid[]) w(id) JOIN enrollments e ON e.org_id = $1 AND e.enrollment_id = w.id AND e.completed_at IS NOT NULL
			JOIN credential_offers o ON o.org_id = e.item_org AND o.item_id = e.item_id
			WHERE NOT EXISTS (SELECT 1 `+heldFrom+`WHERE c.org_id = $1 AND c.membership_id = e.membership_id AND c.issuer = e.item_org AND c.item_id = e.item_id AND `+standsFor("e.completed_at")+`) ORDER BY 1, 2 LIMIT 1000`, tx.Scope.Org, all)
		return err
	}); err != nil {
		return err
	}
	for _, d := range due {
		if err := s.db.Tx(ctx, func(tx *db.Tx) error { return s.give(ctx, tx, d.Member, d.Item, nil) }); err != nil {
			return fmt.Errorf("give what %s earned with %s: %w", d.Member, d.Item, err)
		}
	}
	return nil
}

// give gives a member of tx's organization, as its issuer, what they earned at a time, nil for when they finished it; nothing to whoever has
// it, or had it and earned nothing since.
func (s *Service) give(ctx context.Context, tx *db.Tx, member id.Membership, item id.Item, at *time.Time) error {
	e, err := db.Row[earned](tx, earnedSQL, tx.Scope.Org, member, item, at)
	if errs.Is(err, errs.NotFound) {
		return nil // What was offered is not any more.
	}
	if err != nil {
		return err
	}
	before, err := db.Row[struct {
		N   int  `db:"n"`
		Has bool `db:"has"`
	}](tx, `SELECT coalesce(max(c.anew) + 1, 0) AS n, coalesce(bool_or(`+standsFor("$5::timestamptz")+`), false) AS has `+heldFrom+`WHERE c.org_id = $1 AND c.membership_id = $2 AND c.issuer = $3 AND c.item_id = $4`, tx.Scope.Org, member, e.Issuer, item, e.At)
	if err != nil || before.Has {
		return err
	}
	c := Credential{ID: id.New[id.Any](), Org: tx.Scope.Org, Member: member, First: e.At, Anew: before.N}
	c.award(e)
	// Two that are given at the same moment can get the same bit: the later one gets another.
	for range 3 {
		if err := s.place(tx, &c); err != nil {
			return err
		}
		if err := s.sign(ctx, tx, &c); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO credentials (org_id, membership_id, credential_id, issuer, cosigner, item_id, kind, title, lang, version, name, shows, criteria, right_answers, questions, first_at, issued_at, expires_at, renew_from, awards, list, slot, document, how, anew)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25) ON CONFLICT DO NOTHING`,
			c.Org, c.Member, c.ID, c.Issuer, c.Cosigner, c.Item, c.Kind, c.Title, c.Lang, c.Version, c.Name, c.Shows, c.Criteria, c.Right, c.Questions, c.First, c.Issued, c.Expires, c.RenewFrom, c.Awards, c.List, c.Slot, c.Document, c.How, c.Anew)
		if err != nil {
			return err
		}
		if n > 0 {
			return s.tell(tx, c, "given")
		}
		has, err := db.Row[bool](tx, `SELECT EXISTS (SELECT 1 FROM credentials c WHERE c.org_id = $1 AND c.membership_id = $2 AND c.issuer = $3 AND c.item_id = $4 AND c.anew = $5)`, c.Org, c.Member, c.Issuer, c.Item, c.Anew)
		if err != nil || has {
			return err
		}
	}
	return errs.New(errs.Unavailable, "no place in the status lists of %s three times", c.Issuer)
}

// award writes into the credential what was earned.
func (c *Credential) award(e earned) {
	c.Issuer, c.Item, c.Kind, c.Title, c.Lang, c.Version = e.Issuer, e.Item, e.Kind, e.Title, e.Lang, e.Version
	c.Name, c.Shows, c.Criteria, c.Right, c.Questions, c.How = e.Name, e.Shows, e.Criteria, e.Right, e.Questions, e.How
	c.Issued, c.Expires, c.RenewFrom, c.Cosigner = e.At, e.Expires, nil, id.Org{}
	if e.Joint {
		c.Cosigner = c.Org
	}
	if c.Expires != nil {
		from := c.Expires.AddDate(0, 0, -e.RenewDays)
		c.RenewFrom = &from
	}
	c.Awards = append(c.Awards, Award{At: e.At, Version: e.Version, Right: e.Right, Questions: e.Questions, Until: e.Expires})
}

// place finds a bit of the issuer's status lists that no credential has. Which one is chance, so that it tells nothing of how many there
// are; a list is filled by half.
func (s *Service) place(tx *db.Tx, c *Credential) error {
	var b [4]byte
	for try := range 64 {
		_, _ = rand.Read(b[:]) // Never fails since Go 1.24.
		c.List, c.Slot = try/8, int(binary.BigEndian.Uint32(b[:])%badge.Slots)
		taken, err := db.Row[bool](tx, `SELECT slot_taken($1, $2, $3)`, c.Issuer, c.List, c.Slot)
		if err != nil || !taken {
			return err
		}
	}
	return errs.New(errs.Unavailable, "no free place in the status lists of %s", c.Issuer)
}

// sign writes the document and has it signed by the issuer, and by who signs beside it.
func (s *Service) sign(ctx context.Context, tx *db.Tx, c *Credential) error {
	orgs, err := s.tenants.ByIDs(ctx, c.Issuer, c.Cosigner)
	if err != nil {
		return err
	}
	by := s.issuer(orgs[c.Issuer])
	doc := badge.New(by.Issuer, badge.Achievement{
		ID: "urn:uuid:" + c.ID.String(), Subject: "urn:uuid:" + id.Derive[id.Any]("learnscape/subject", c.ID.String()).String(), What: "urn:uuid:" + c.Item.String(),
		Lang: c.Lang, Name: c.Name, Shows: c.Shows, Criteria: c.Criteria, Holder: c.ShownName, From: c.Issued, Until: c.Expires, StatusList: by.StatusList(c.List), Slot: c.Slot, Evidence: c.evidence(ctx),
	})
	if !c.Cosigner.IsZero() {
		with := s.issuer(orgs[c.Cosigner])
		e := badge.Endorse(with.Issuer, doc, "urn:uuid:"+id.Derive[id.Any]("learnscape/endorsement", c.ID.String()).String(), c.Shows, c.Issued)
		if err := s.sealAs(tx, e, with, c.Cosigner); err != nil {
			return err
		}
		doc["endorsement"] = []any{e}
	}
	if err := s.sealAs(tx, doc, by, c.Issuer); err != nil {
		return err
	}
	c.Document = doc
	return nil
}

// evidence says in the language of what was finished how it was earned; nothing where the publisher does not tell.
func (c *Credential) evidence(ctx context.Context) (e badge.Evidence) {
	if c.How == "" {
		return e
	}
	if l, ok := lang.Parse(c.Lang); ok {
		ctx = lang.With(ctx, l)
	}
	return badge.Evidence{Name: lang.T(ctx, "records.how."+c.How), Narrative: lang.T(ctx, "records.earned."+c.How, "Title", c.Title, "Version", strconv.Itoa(c.Version))}
}

// sealAs signs a document in the name of an organization, as its issuer.
func (s *Service) sealAs(tx *db.Tx, doc badge.Document, by issuer, org id.Org) error {
	var k badge.Key
	if err := tx.As(scope.Issuer, org, func() (err error) { k, err = s.signer(tx); return err }); err != nil {
		return err
	}
	k.Method = by.Method(k.Method)
	return badge.Sign(doc, k, tx.Now)
}

// holder is who is told of a credential.
type holder struct {
	Email  string `db:"email"`
	Locale string `db:"locale"`
	Slug   string `db:"slug"`
}

// tell mails whoever holds a credential of tx's organization, unless they want no such mails.
func (s *Service) tell(tx *db.Tx, c Credential, what string) error {
	if s.mail == nil {
		return nil
	}
	to, err := db.Row[holder](tx, `SELECT m.email, m.locale, o.slug FROM memberships m JOIN organizations o ON o.org_id = m.org_id WHERE m.org_id = $1 AND m.membership_id = $2 AND m.state = 'active' AND m.email <> ''
		AND NOT EXISTS (SELECT 1 FROM quiet_credentials q WHERE q.org_id = m.org_id AND q.membership_id = m.membership_id)`, c.Org, c.Member)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	by, err := s.tenants.ByID(tx.Context(), c.Issuer)
	if err != nil {
		return err
	}
	return s.mail.Send(tx, credentialMail(tx.Context(), to, c, what, by, s.url(to.Slug)+"/me/credentials/"+c.ID.String()))
}

// credentialMail is what the holder of a credential is told.
func credentialMail(ctx context.Context, to holder, c Credential, what string, by tenants.Organization, page string) mail.Message {
	if l, ok := lang.Parse(to.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	words := []any{"Name", c.Name, "Org", by.Name, "Title", c.Title, "Reason", c.Reason, "Link", page}
	if c.Expires != nil {
		words = append(words, "Day", lang.Date(ctx, *c.Expires))
		if what == "given" || what == "renewed" {
			what += "_until"
		}
	}
	return mail.Message{
		To: to.Email, Subject: lang.T(ctx, "credential.mail.subject."+what, words...),
		Text: lang.T(ctx, "credential.mail.text."+what, words...) + "\n\n" + page + "\n\n" + lang.T(ctx, "credential.mail.off", words...),
	}
}

// reminder is which one is due at a time.
func (c Credential) reminder(at time.Time) string {
	switch {
	case c.Expires == nil || c.Revoked != nil:
		return ""
	case !at.Before(*c.Expires):
		return "over"
	case !at.Before(c.Expires.AddDate(0, 0, -7)):
		return "week"
	case c.RenewFrom != nil && !at.Before(*c.RenewFrom):
		return "window"
	}
	return ""
}

// remindedAtOnce is how many holders are reminded in one transaction.
const remindedAtOnce = 200

// Remind mails the holders of the acting organization whose credential can be renewed by the time at, ends within a week, or has ended.
// Of several that were passed while nobody looked only the last counts. Repeating it is safe.
func (s *Service) Remind(ctx context.Context, at time.Time) error {
	if err := authz.Check(ctx, authz.SendMail, id.Org{}); err != nil {
		return err
	}
	for {
		n := 0
		if err := s.db.Tx(ctx, func(tx *db.Tx) error {
			list, err := db.Rows[Credential](tx, heldSQL+`WHERE c.org_id = $1 AND c.renew_from <= $2 AND c.told <> 'over' AND r.at IS NULL AND (c.told = '' OR c.told = 'window' AND c.expires_at <= $2 + interval '7 days' OR c.expires_at <= $2)
				ORDER BY c.expires_at, c.credential_id LIMIT $3`, tx.Scope.Org, at, remindedAtOnce)
			if err != nil {
				return err
			}
			n = len(list)
			for _, c := range list {
				due := c.reminder(at)
				if err := tx.Must(`UPDATE credentials SET told = $4 WHERE org_id = $1 AND membership_id = $2 AND credential_id = $3`, c.Org, c.Member, c.ID, due); err != nil {
					return err
				}
				// Whoever is told weeks later that it has ended learns nothing by it.
				if due == "over" && at.Sub(*c.Expires) > 30*24*time.Hour {
					continue
				}
				if err := s.tell(tx, c, due); err != nil {
					return err
				}
			}
			return nil
		}); err != nil || n < remindedAtOnce {
			return err
		}
	}
}

// Forget brings what an erased member has earned to another membership of theirs, if they said at both that it is; as the keeper.
func (s *Service) Forget(ctx context.Context, member id.Membership, _ string) error {
	if err := authz.Check(ctx, authz.ErasePerson, id.Org{}); err != nil {
		return err
	}
	if err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := forgetSeats(tx, member); err != nil {
			return err
		}
		return forgetGroups(tx, member)
	}); err != nil {
		return err
	}
	if err := s.keep(ctx, member); err != nil {
		return err
	}
	return s.forgetTasks(ctx, member)
}

// ForgetOrg is Forget of all members of an organization that is being erased.
func (s *Service) ForgetOrg(ctx context.Context, _ id.Org) error {
	if err := authz.Check(ctx, authz.EraseOrg, id.Org{}); err != nil {
		return err
	}
	return s.keep(ctx, id.Membership{})
}

func (s *Service) keep(ctx context.Context, member id.Membership) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`SELECT keep_credentials($1)`, member)
		return err
	})
}

// orgsOf are the organizations that credentials name.
func orgsOf(list []Credential) (out []id.Org) {
	for _, c := range list {
		for _, o := range []id.Org{c.Issuer, c.Cosigner, c.Org} {
			if !o.IsZero() && !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return out
}
