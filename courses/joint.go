package courses

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// The states of a version of a joint proposition.
const (
	JointProposed  = "proposed"
	JointAccepted  = "accepted"   // both signed it; it stays in force while a newer one is proposed
	JointReplaced  = "replaced"   // by a newer one that both signed
	JointCountered = "countered"  // answered with other words, or proposed anew
	JointDeclined  = "declined"   // by the other side
	JointWithdrawn = "withdrawn"  // by who proposed it
	JointTakenBack = "taken_back" // by either, after both had signed it
)

// JointWords are what both organizations say together of a path, each at most 300 letters; all but the first may be empty.
type JointWords struct {
	Proposition    string `db:"proposition"` // one or two sentences to a customer
	PublisherKnows string `db:"publisher_knows"`
	AdopterAdds    string `db:"adopter_adds"`
	CustomerGets   string `db:"customer_gets"`
}

func (w JointWords) trimmed() JointWords {
	for _, s := range []*string{&w.Proposition, &w.PublisherKnows, &w.AdopterAdds, &w.CustomerGets} {
		*s = strings.TrimSpace(*s)
	}
	return w
}

func (w JointWords) check() error {
	var bad []errs.Field
	if w.Proposition == "" {
		bad = append(bad, errs.Field{Name: "proposition", Key: "joint.fault.missing"})
	}
	for _, f := range []struct{ name, text string }{{"proposition", w.Proposition}, {"publisher_knows", w.PublisherKnows}, {"adopter_adds", w.AdopterAdds}, {"customer_gets", w.CustomerGets}} {
		if utf8.RuneCountInString(f.text) > additionLine {
			bad = append(bad, errs.Field{Name: f.name, Key: "additions.fault.line_long", Args: []any{"Count", additionLine}})
		}
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	return nil
}

// jointPair names what a joint proposition is about: a path of the publisher that the adopter has in its library.
type jointPair struct {
	Publisher id.Org  `db:"publisher"`
	Adopter   id.Org  `db:"adopter"`
	Path      id.Item `db:"path_id"`
}

// hash is what both sign: the SHA-256 of the words and of whose they are, each text after its length so that no two read alike. The
// database reckons it again.
func (p jointPair) hash(w JointWords) [32]byte {
	lines := []string{"learnscape joint proposition v1", p.Publisher.String(), p.Adopter.String(), p.Path.String()}
	for _, s := range []string{w.Proposition, w.PublisherKnows, w.AdopterAdds, w.CustomerGets} {
		lines = append(lines, strconv.Itoa(utf8.RuneCountInString(s))+" "+s)
	}
	return sha256.Sum256([]byte(strings.Join(lines, "\n")))
}

// Joint is a version of what the publisher of a path and an adopter say together.
type Joint struct {
	jointPair
	JointWords

	Version         int        `db:"version"`
	State           string     `db:"state"` // one of the Joint constants
	ProposedBy      id.Org     `db:"proposed_by"`
	Title           string     `db:"title"` // of the path when it was proposed
	Hash            []byte     `db:"words_hash"`
	ForCustomers    bool       `db:"for_customers"` // the adopter lets its customers read it
	SignedPublisher *time.Time `db:"accepted_publisher_at"`
	SignedAdopter   *time.Time `db:"accepted_adopter_at"`
	Created         time.Time  `db:"created_at"`
	Decided         *time.Time `db:"decided_at"`
}

const jointColumns = `j.publisher, j.adopter, j.path_id, j.version, j.state, j.proposed_by, j.title, j.proposition, j.publisher_knows, j.adopter_adds, j.customer_gets, j.words_hash, j.for_customers,
	j.accepted_publisher_at, j.accepted_adopter_at, j.created_at, j.decided_at`

// jointsOn reads what is accepted on the path $1 and shown to the organization $2: its own as the adopter, the newest of its own as
// the publisher, and those of organizations that call it a customer and let it read them.
const jointsOn = `(SELECT ` + jointColumns + ` FROM joint_propositions j WHERE j.adopter = $2 AND j.path_id = $1 AND j.state = 'accepted' AND joint_holds(j.publisher, j.adopter, j.path_id, j.created_at, true))
	UNION ALL (SELECT ` + jointColumns + ` FROM joint_propositions j WHERE j.publisher = $2 AND j.path_id = $1 AND j.state = 'accepted' AND joint_holds(j.publisher, j.adopter, j.path_id, j.created_at, true)
		ORDER BY j.decided_at DESC, j.adopter LIMIT 3)
	UNION ALL (SELECT ` + jointColumns + ` FROM connection_sides s JOIN joint_propositions j ON j.adopter = s.org_id AND j.path_id = $1 AND j.state = 'accepted' AND j.for_customers
		WHERE s.other_org = $2 AND s.state = 'active' AND s.relationship = 'customer' AND j.publisher <> $2 AND joint_holds(j.publisher, j.adopter, j.path_id, j.created_at, true) ORDER BY s.org_id LIMIT 3)`

// JointView is how the joint proposition of a path stands between two organizations, as one of them sees it.
type JointView struct {
	jointPair

	Now       time.Time
	Item      tenants.Item // zero when the path has closed
	Title     string       // of the path
	Own       tenants.Organization
	Other     tenants.Organization
	Publishes bool // the own organization publishes the path; otherwise it is the adopter
	Holds     bool // it can be proposed and signed now, and what is accepted is shown
	Accepted  *Joint
	Proposed  *Joint
	Earlier   []Joint    // what is settled, the newest first, at most 20
	Alone     JointWords // what the adopter says alone, to begin with; of the own organization only
}

// Mine reports whether the own organization proposed the version.
func (v JointView) Mine(j *Joint) bool { return j != nil && j.ProposedBy == v.Own.OrgID }

// Joint returns how the joint proposition of a path stands with the other organization: with its publisher, or with one that may add
// to the own path. NotFound unless the path is open between the two or there is something that either proposed.
func (s *Service) Joint(ctx context.Context, path id.Item, slug string) (JointView, error) {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return JointView{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return JointView{}, err
	}
	o, err := s.tenants.BySlug(ctx, slug)
	if err != nil {
		return JointView{}, err
	}
	other := o.OrgID
	var v JointView
	var all []Joint
	var seen, alone bool
	var holds struct {
		Publishing bool `db:"publishing"`
		Adopting   bool `db:"adopting"`
	}
	if err := s.db.Read(ctx, func(b *db.Batch) {
		v.Now = b.Now
		db.List(b, &all, `SELECT `+jointColumns+` FROM joint_propositions j WHERE j.path_id = $3 AND ((j.publisher = $1 AND j.adopter = $2) OR (j.publisher = $2 AND j.adopter = $1))
			ORDER BY j.version DESC LIMIT 22`, sc.Org, other, path)
		db.One(b, &v.Item, &seen, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.item_id = $3 AND i.org_id IN ($1, $2) AND i.kind = 'path' AND `+tenants.Seen("$1"), sc.Org, other, path)
		db.One(b, &v.Alone, &alone, `SELECT a.proposition, a.they_know AS publisher_knows, a.we_add AS adopter_adds, a.customer_gets FROM additions a WHERE a.org_id = $1 AND a.path_org = $2 AND a.path_id = $3`, sc.Org, other, path)
		db.One(b, &holds, nil, `SELECT joint_holds($1, $2, $3, $4, false) AS publishing, joint_holds($2, $1, $3, $4, false) AS adopting`, sc.Org, other, path, b.Now)
	}); err != nil {
		return JointView{}, fmt.Errorf("joint proposition on %s: %w", path, err)
	}
	if len(all) == 0 && !holds.Publishing && !holds.Adopting {
		return JointView{}, errs.New(errs.NotFound, "joint proposition on %s with %s", path, other)
	}
	v.Holds = holds.Publishing || holds.Adopting
	switch {
	case holds.Publishing || len(all) > 0 && all[0].Publisher == sc.Org:
		v.jointPair, v.Publishes = jointPair{sc.Org, other, path}, true
	default:
		v.jointPair = jointPair{other, sc.Org, path}
	}
	v.Title = v.Item.Title
	for i := range all {
		switch j := &all[i]; j.State {
		case JointAccepted:
			v.Accepted = j
		case JointProposed:
			v.Proposed = j
		default:
			v.Earlier = append(v.Earlier, *j)
		}
		if v.Title == "" {
			v.Title = all[i].Title
		}
	}
	orgs, err := s.tenants.ByIDs(ctx, sc.Org)
	v.Own, v.Other = orgs[sc.Org], o
	return v, err
}

// JointWith returns the path with those who can say something of it together with the own organization, by name: its publisher, or
// those whose agreement lets them add to the own path, at most 500. NotFound where there is nobody.
func (s *Service) JointWith(ctx context.Context, path id.Item) (tenants.Item, []tenants.Organization, error) {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return tenants.Item{}, nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return tenants.Item{}, nil, err
	}
	var it tenants.Item
	var found bool
	var list []tenants.Organization
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &it, &found, `SELECT `+tenants.ItemColumns+` FROM items i WHERE i.item_id = $2 AND i.kind = 'path' AND `+tenants.Seen("$1"), sc.Org, path)
		db.List(b, &list, `SELECT `+tenants.OrgColumns+` FROM connection_sides s JOIN organizations o ON o.org_id = s.other_org JOIN items i ON i.item_id = $2 AND i.kind = 'path'
			WHERE s.org_id = $1 AND s.state = 'active' AND i.org_id IN (s.org_id, s.other_org)
				AND joint_holds(i.org_id, CASE WHEN i.org_id = s.org_id THEN s.other_org ELSE s.org_id END, i.item_id, $3, false) ORDER BY lower(o.name), o.org_id LIMIT 500`, sc.Org, path, b.Now)
	}); err != nil {
		return tenants.Item{}, nil, err
	}
	if !found || len(list) == 0 {
		return tenants.Item{}, nil, errs.New(errs.NotFound, "nobody to speak of %s with", path)
	}
	return it, list, nil
}

// JointLine is a path in the list of joint propositions.
type JointLine struct {
	Joint

	Other tenants.Organization `db:"-"`
	Mine  bool                 `db:"-"` // the own organization proposed it
}

// JointList is a page of them.
type JointList struct {
	Rows []JointLine
	More bool
}

// jointPage is how many lines stand on a page.
const jointPage = 25

// jointsSQL lists for each path and pair of $1 the version that counts: what is proposed, else what is accepted, else the last; what waits
// comes first. $2 and $3 page.
const jointsSQL = `SELECT ` + jointColumns + ` FROM (SELECT DISTINCT ON (x.publisher, x.adopter, x.path_id) x.* FROM (
		SELECT p.* FROM joint_propositions p WHERE p.publisher = $1 UNION ALL SELECT a.* FROM joint_propositions a WHERE a.adopter = $1) x
		ORDER BY x.publisher, x.adopter, x.path_id, x.state <> 'proposed', x.state <> 'accepted', x.version DESC) j
	ORDER BY j.state <> 'proposed' OR j.proposed_by = $1, j.state <> 'proposed', j.state <> 'accepted', lower(j.title), j.publisher, j.adopter, j.path_id LIMIT $2 OFFSET $3`

// Joints lists the paths on which the own organization says, or was asked to say, something together with another: what waits for it
// first. Page counts from 0.
func (s *Service) Joints(ctx context.Context, page int) (JointList, error) {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return JointList{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return JointList{}, err
	}
	var rows []Joint
	if err := s.db.Read(ctx, func(b *db.Batch) { db.List(b, &rows, jointsSQL, sc.Org, jointPage+1, page*jointPage) }); err != nil {
		return JointList{}, err
	}
	out := JointList{More: len(rows) > jointPage}
	rows = rows[:min(len(rows), jointPage)]
	ids := make([]id.Org, len(rows))
	for i, j := range rows {
		if ids[i] = j.Publisher; j.Publisher == sc.Org {
			ids[i] = j.Adopter
		}
	}
	orgs, err := s.tenants.ByIDs(ctx, ids...)
	for i, j := range rows {
		out.Rows = append(out.Rows, JointLine{j, orgs[ids[i]], j.ProposedBy == sc.Org})
	}
	return out, err
}

// joined is the joint proposition of a path as it is held for a move.
type joined struct {
	jointPair

	held      tenants.Held
	title     string
	version   int // the last one
	publishes bool
	proposed  *Joint
	accepted  *Joint
}

// onJoint runs fn in a transaction that holds the connection of the two. NotFound for what is not between them.
func (s *Service) onJoint(ctx context.Context, path id.Item, other id.Org, fn func(*db.Tx, *joined) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		held, err := tenants.HoldConnection(tx, other)
		if err != nil {
			return err
		}
		j := joined{held: held}
		all, err := db.Rows[Joint](tx, `SELECT `+jointColumns+` FROM joint_propositions j WHERE j.path_id = $3 AND ((j.publisher = $1 AND j.adopter = $2) OR (j.publisher = $2 AND j.adopter = $1))
			ORDER BY j.version DESC LIMIT 500`, tx.Scope.Org, other, path)
		if err != nil {
			return err
		}
		for i := range all {
			switch all[i].State {
			case JointProposed:
				j.proposed = &all[i]
			case JointAccepted:
				j.accepted = &all[i]
			}
		}
		if len(all) > 0 {
			j.jointPair, j.version, j.title = all[0].jointPair, all[0].Version, all[0].Title
		} else {
			it, err := tenants.SeeItem(tx, path)
			if err != nil {
				return err
			}
			if j.jointPair = (jointPair{tx.Scope.Org, other, path}); it.OrgID != tx.Scope.Org {
				j.jointPair = jointPair{other, tx.Scope.Org, path}
			}
			j.title = it.Title
		}
		j.publishes = j.Publisher == tx.Scope.Org
		if err := fn(tx, &j); err != nil {
			return fmt.Errorf("joint proposition on %s with %s: %w", path, other, err)
		}
		return nil
	})
}

// opens refuses what cannot be proposed or signed at present: NotFound where there is nothing yet, Conflict where something has closed.
func (j *joined) opens(tx *db.Tx) error {
	holds, err := db.Row[bool](tx, `SELECT joint_holds($1, $2, $3, $4, false)`, j.Publisher, j.Adopter, j.Path, tx.Now)
	switch {
	case err != nil || holds:
		return err
	case j.version == 0:
		return errs.New(errs.NotFound, "nothing that both have")
	}
	return errs.Say(errs.Conflict, "joint.fault.closed")
}

// takeIn puts the path into the library of an adopter that signs something of it.
func (j *joined) takeIn(tx *db.Tx) error {
	if j.publishes {
		return nil
	}
	return AdoptItem(tx, Adoption{Item: j.Path, Updates: Follow, By: tx.Scope.Membership, At: tx.Now})
}

// settle gives a version another state.
func (j *joined) settle(tx *db.Tx, v *Joint, state string) error {
	return tx.Must(`UPDATE joint_propositions SET state = $5, decided_at = $6 WHERE publisher = $1 AND adopter = $2 AND path_id = $3 AND version = $4`, j.Publisher, j.Adopter, j.Path, v.Version, state, tx.Now)
}

func (j *joined) note(tx *db.Tx, action string, version int, hash []byte) error {
	return j.held.Note(tx, action, map[string]any{"item": j.Path, "version": version, "words": hex.EncodeToString(hash)})
}

// ProposeJoint proposes words to the other organization, signed by the own one: the first, an answer to what the other proposed, or the
// next after what both accepted, which stays until the other accepts these. Only the adopter lets its customers read them. Invalid, with
// the field, for words that are missing, too long or the accepted ones; NotFound for a path that is not open between the two.
func (s *Service) ProposeJoint(ctx context.Context, path id.Item, other id.Org, w JointWords, forCustomers bool) error {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return err
	}
	return s.onJoint(ctx, path, other, func(tx *db.Tx, j *joined) error {
		if err := j.opens(tx); err != nil {
			return err
		}
		if err := j.takeIn(tx); err != nil {
			return err
		}
		w := w.trimmed()
		if err := w.check(); err != nil {
			return err
		}
		hash := j.hash(w)
		for _, v := range []*Joint{j.accepted, j.proposed} {
			if v != nil && bytes.Equal(v.Hash, hash[:]) {
				return errs.Fields(errs.Field{Name: "proposition", Key: "joint.fault.same"})
			}
		}
		if j.proposed != nil {
			if err := j.settle(tx, j.proposed, JointCountered); err != nil {
				return err
			}
		}
		if it, err := tenants.SeeItem(tx, path); err == nil {
			j.title = it.Title
		}
		if _, err := tx.Exec(`INSERT INTO joint_propositions (publisher, adopter, path_id, version, state, proposed_by, title, proposition, publisher_knows, adopter_adds, customer_gets, words_hash, for_customers,
				accepted_publisher_at, accepted_adopter_at, created_at)
			VALUES ($1, $2, $3, $4, 'proposed', $5, $6, $7, $8, $9, $10, $11, $12, CASE WHEN $5 = $1::uuid THEN $13::timestamptz END, CASE WHEN $5 = $2::uuid THEN $13::timestamptz END, $13)`,
			j.Publisher, j.Adopter, j.Path, j.version+1, tx.Scope.Org, j.title, w.Proposition, w.PublisherKnows, w.AdopterAdds, w.CustomerGets, hash[:], forCustomers && !j.publishes, tx.Now); err != nil {
			return err
		}
		return j.note(tx, "joint.proposed", j.version+1, hash[:])
	})
}

// AcceptJoint signs what the other side proposed, if it is still what was read: from then on it is shown, in place of what was accepted
// before. Conflict, to be read again, if it was changed or taken back meanwhile.
func (s *Service) AcceptJoint(ctx context.Context, path id.Item, other id.Org, version int, hash [32]byte, forCustomers bool) error {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return err
	}
	return s.onJoint(ctx, path, other, func(tx *db.Tx, j *joined) error {
		if err := j.waits(tx, version, false); err != nil {
			return err
		}
		if !bytes.Equal(j.proposed.Hash, hash[:]) {
			return errs.Say(errs.Conflict, "joint.fault.changed")
		}
		if err := j.opens(tx); err != nil {
			return err
		}
		if err := j.takeIn(tx); err != nil {
			return err
		}
		if j.accepted != nil {
			if err := j.settle(tx, j.accepted, JointReplaced); err != nil {
				return err
			}
		}
		set := `accepted_publisher_at = $5`
		if !j.publishes {
			set = `accepted_adopter_at = $5, for_customers = ` + strconv.FormatBool(forCustomers)
		}
		if err := tx.Must(`UPDATE joint_propositions SET state = 'accepted', decided_at = $5, `+set+` WHERE publisher = $1 AND adopter = $2 AND path_id = $3 AND version = $4`,
			j.Publisher, j.Adopter, j.Path, version, tx.Now); err != nil {
			return err
		}
		return j.note(tx, "joint.accepted", version, hash[:])
	})
}

// waits refuses a version that does not wait for who acts: for the other side, or, mine, to be taken back by who proposed it.
func (j *joined) waits(tx *db.Tx, version int, mine bool) error {
	if j.proposed == nil || j.proposed.Version != version || (j.proposed.ProposedBy == tx.Scope.Org) != mine {
		return errs.Say(errs.Conflict, "joint.fault.changed")
	}
	return nil
}

// DeclineJoint refuses what the other side proposed; what both accepted before stays.
func (s *Service) DeclineJoint(ctx context.Context, path id.Item, other id.Org, version int) error {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return err
	}
	return s.answerJoint(ctx, path, other, version, JointDeclined, false)
}

// WithdrawJoint takes back what the own side proposed; what both accepted before stays.
func (s *Service) WithdrawJoint(ctx context.Context, path id.Item, other id.Org, version int) error {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return err
	}
	return s.answerJoint(ctx, path, other, version, JointWithdrawn, true)
}

func (s *Service) answerJoint(ctx context.Context, path id.Item, other id.Org, version int, state string, mine bool) error {
	return s.onJoint(ctx, path, other, func(tx *db.Tx, j *joined) error {
		if err := j.waits(tx, version, mine); err != nil {
			return err
		}
		if err := j.settle(tx, j.proposed, state); err != nil {
			return err
		}
		return j.note(tx, "joint."+state, version, j.proposed.Hash)
	})
}

// TakeBackJoint takes the own name from under what both accepted: nobody reads it from then on, and the adopter's people read what it says
// alone. What is proposed stays proposed.
func (s *Service) TakeBackJoint(ctx context.Context, path id.Item, other id.Org, version int) error {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return err
	}
	return s.onJoint(ctx, path, other, func(tx *db.Tx, j *joined) error {
		if j.accepted == nil || j.accepted.Version != version {
			return errs.Say(errs.Conflict, "joint.fault.changed")
		}
		if err := j.settle(tx, j.accepted, JointTakenBack); err != nil {
			return err
		}
		return j.note(tx, "joint.taken_back", version, j.accepted.Hash)
	})
}

// ShowJoint says whether the customers of the adopter, which acts, read what both accepted. NotFound for the publisher. Repeating it
// is safe.
func (s *Service) ShowJoint(ctx context.Context, path id.Item, other id.Org, version int, forCustomers bool) error {
	if err := authz.Check(ctx, authz.SignJoint, id.Org{}); err != nil {
		return err
	}
	return s.onJoint(ctx, path, other, func(tx *db.Tx, j *joined) error {
		if j.publishes {
			return errs.New(errs.NotFound, "customers of the adopter")
		}
		if j.accepted == nil || j.accepted.Version != version {
			return errs.Say(errs.Conflict, "joint.fault.changed")
		}
		if j.accepted.ForCustomers == forCustomers {
			return nil
		}
		if err := tx.Must(`UPDATE joint_propositions SET for_customers = $5 WHERE publisher = $1 AND adopter = $2 AND path_id = $3 AND version = $4 AND state = 'accepted'`,
			j.Publisher, j.Adopter, j.Path, version, forCustomers); err != nil {
			return err
		}
		return tenants.Audit(tx, "joint.shown", "item:"+path.String(), map[string]any{"with": other, "version": version, "for_customers": forCustomers})
	})
}
