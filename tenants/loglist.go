package tenants

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// The topics by which the log is looked through.
const (
	TopicSignIn   = "sign_in"
	TopicPeople   = "people"
	TopicContent  = "content"
	TopicSharing  = "sharing"
	TopicNetwork  = "network"
	TopicExports  = "exports"
	TopicSettings = "settings"
)

// LogActions is every action that a line of the log can tell of, with its topic. A test of this house finds the calls of Audit in
// the sources and fails for one that is missing here or has no sentence in a language.
func LogActions() map[string]string {
	return map[string]string{
		"session.opened": TopicSignIn, "session.closed": TopicSignIn, "sign_in.refused": TopicSignIn, "link.spent": TopicSignIn, "identity.linked": TopicSignIn,
		"session.ended": TopicSignIn, "passkey.added": TopicSignIn, "passkey.removed": TopicSignIn, "session.ended_by_provider": TopicSignIn, "sign_out.refused": TopicSignIn,
		"member.added":    TopicPeople,
		"member.imported": TopicPeople, "people.import_asked": TopicPeople, "people.imported": TopicPeople, "people.import_undo_asked": TopicPeople, "people.import_undone": TopicPeople,
		"account.link_confirmed": TopicSignIn, "account.linked": TopicSignIn, "account.unlinked": TopicSignIn, "identity.claimed": TopicSignIn, "identity.unlinked": TopicSignIn,
		"member.provisioned": TopicPeople, "member.changed": TopicPeople, "member.deactivated": TopicPeople, "member.reactivated": TopicPeople, "member.removed": TopicPeople,
		"team.provisioned":     TopicPeople,
		"draft.discarded":      TopicContent,
		"content.import_asked": TopicContent,
		"content.imported":     TopicContent,
		"content.exported":     TopicExports,
		"publishing.planned":   TopicContent, "publishing.called_off": TopicContent, "publishing.rules": TopicSettings, "publishing.frames": TopicSettings, "pilot.begun": TopicContent, "pilot.released": TopicContent, "pilot.taken_back": TopicContent,
		"version.withdrawn": TopicContent, "version.restored": TopicContent, "version.carried": TopicContent,
		"live.planned": TopicContent, "live.changed": TopicContent, "live.cancelled": TopicContent, "live.attendance": TopicContent, "live.attendance_voided": TopicContent, "attendance.voided": TopicPeople, "group.asked": TopicContent,
		"review.asked": TopicContent, "review.called_off": TopicContent, "review.good": TopicContent, "review.change": TopicContent,
		"item.published":        TopicContent,
		"collection.created":    TopicSharing,
		"collection.renamed":    TopicSharing,
		"collection.visibility": TopicSharing,
		"collection.added":      TopicSharing,
		"collection.removed":    TopicSharing,
		"collection.opened":     TopicSharing,
		"collection.closed":     TopicSharing,
		"invitation.sent":       TopicNetwork,
		"invitation.accepted":   TopicNetwork,
		"invitation.withdrawn":  TopicNetwork,
		"agreement.proposed":    TopicNetwork,
		"agreement.signed":      TopicNetwork,
		"agreement.declined":    TopicNetwork,
		"agreement.withdrawn":   TopicNetwork,
		"connection.made":       TopicNetwork,
		"connection.paused":     TopicNetwork,
		"connection.resumed":    TopicNetwork,
		"connection.ended":      TopicNetwork,
		"people.exported":       TopicExports,
		"network.exported":      TopicExports,
		"log.exported":          TopicExports,
		"organization.created":  TopicSettings,
		"domain.added":          TopicSettings, "domain.removed": TopicSettings, "domain.verified": TopicSettings, "domain.lost": TopicSettings,
		"provider.set":            TopicSettings,
		"provider.added":          TopicSettings,
		"provider.changed":        TopicSettings,
		"provider.mapped":         TopicSettings,
		"provider.on":             TopicSettings,
		"provider.off":            TopicSettings,
		"provider.removed":        TopicSettings,
		"provider.tested":         TopicSettings,
		"provider.sent":           TopicSettings,
		"provider.filled":         TopicSettings,
		"sign_in.shut":            TopicSettings,
		"sign_in.opened":          TopicSettings,
		"sign_in.emergency":       TopicSignIn,
		"member.invited":          TopicPeople,
		"member.uninvited":        TopicPeople,
		"member.came":             TopicPeople,
		"member.roles":            TopicPeople,
		"organization.limited":    TopicSettings,
		"organization.suspended":  TopicSettings,
		"organization.reinstated": TopicSettings,
		"organization.closed":     TopicSettings,
		"organization.reopened":   TopicSettings,
		"organization.given_up":   TopicSettings,
		"organization.hold_over":  TopicSettings,
		"assignment.made":         TopicPeople, "assignment.changed": TopicPeople, "assignment.taken_back": TopicPeople, "assignment.restored": TopicPeople,
		"cohort.planned": TopicPeople, "cohort.ended": TopicPeople,
		"record.imported": TopicPeople, "record.import_undone": TopicPeople, "record.removed": TopicPeople, "record.exported": TopicExports,
		"team.reminded": TopicPeople, "team.learning_exported": TopicExports,
		"team.created":         TopicPeople,
		"team.deleted":         TopicPeople,
		"team.renamed":         TopicPeople,
		"team.gives":           TopicPeople,
		"token.created":        TopicSettings,
		"additions.published":  TopicContent,
		"agreement.reminded":   TopicNetwork,
		"connection.closed":    TopicNetwork,
		"connection.lapsed":    TopicNetwork,
		"disclosures.exported": TopicExports,
		"errand.sent":          TopicSettings,
		"errand.done":          TopicSettings,
		"host.added":           TopicSettings,
		"host.canonical":       TopicSettings,
		"host.removed":         TopicSettings,
		"item.adopted":         TopicContent,
		"item.unadopted":       TopicContent,
		"credential.offered":   TopicContent, "credential.offer_ended": TopicContent, "credential.revoked": TopicContent, "credential.key": TopicSettings,
		"feedback.answered": TopicContent, "feedback.reopened": TopicContent,
		"task.again": TopicContent, "task.done": TopicContent,
		"program.created": TopicNetwork, "program.published": TopicNetwork, "program.offered": TopicNetwork, "program.accepted": TopicNetwork, "program.declined": TopicNetwork, "program.left": TopicNetwork,
		"program.removed": TopicNetwork, "program.closed": TopicNetwork, "program.asked": TopicPeople, "program.partner_asked": TopicNetwork, "program.restored": TopicNetwork, "program.story_counted": TopicNetwork, "program.story_dropped": TopicNetwork, "program.exported": TopicExports,
		"joint.accepted":          TopicNetwork,
		"joint.declined":          TopicNetwork,
		"joint.proposed":          TopicNetwork,
		"joint.shown":             TopicNetwork,
		"joint.taken_back":        TopicNetwork,
		"joint.withdrawn":         TopicNetwork,
		"network.account":         TopicNetwork,
		"network.accounts":        TopicNetwork,
		"network.batch":           TopicNetwork,
		"network.noted":           TopicNetwork,
		"network.batch_cancelled": TopicNetwork,
		"organization.branded":    TopicSettings,
		"organization.logo":       TopicSettings,
		"standard.link_closed":    TopicNetwork,
		"standard.link_opened":    TopicNetwork,
		"standard.link_used":      TopicNetwork,
		"standard.published":      TopicNetwork,
		"standard.retired":        TopicNetwork,
		"public_door.changed":     TopicSettings, "public_door.opened": TopicSettings, "public_door.closed": TopicSettings,
		"individual.came": TopicPeople, "individual.removed": TopicPeople, "individual.erased": TopicPeople, "individuals.exported": TopicExports, "individual.exported": TopicExports,
		"individual.entered": TopicSignIn, "individual.left": TopicSignIn,
		"token.revoked":     TopicSettings,
		"break_glass.asked": TopicSettings, "break_glass.refused": TopicSettings, "break_glass.opened": TopicSettings, "break_glass.ended": TopicSettings, "break_glass.read": TopicSettings,
		"person.exported": TopicExports, "person.leaving": TopicPeople, "person.time": TopicPeople, "person.erased": TopicPeople,
		"organization.exported": TopicExports, "organization.export_asked": TopicExports, "organization.export_cancelled": TopicExports,
	}
}

// LogTopics lists the topics in the order in which people see them.
func LogTopics() []string {
	return []string{TopicSignIn, TopicPeople, TopicContent, TopicSharing, TopicNetwork, TopicExports, TopicSettings}
}

// LogFilter narrows the log; what is empty narrows nothing.
type LogFilter struct {
	Who    string // in a name or address of a member
	Topic  string
	Object string     // kind:id
	With   string     // slug of a connected organization: what happened to the connection
	From   *time.Time // UTC days, both included
	Until  *time.Time
	After  *time.Time // the place in the list: the time of the last line seen,
	Skip   int        // and how many lines of exactly that time were seen
	Limit  int        // at most 200, default 50
}

// LogLine is a line of the log as a page tells of it. Names are those of today.
type LogLine struct {
	N          int64           `db:"n"` // in the organization's own count, 0 while it waits for its seal
	At         time.Time       `db:"at"`
	Actor      string          `db:"actor"`
	Membership id.Membership   `db:"membership_id"`
	Name       string          `db:"name"` // of the acting member
	Action     string          `db:"action"`
	Object     string          `db:"object"`
	Detail     json.RawMessage `db:"detail"`
	Request    string          `db:"request_id"`
	What       string          `db:"what"`  // title or name of the object, "" if it has none any more
	Item       string          `db:"item"`  // title of the item that the detail names
	Other      string          `db:"other"` // name of the organization that the detail names
}

// Log is a page of the log.
type Log struct {
	Lines       []LogLine
	More        bool
	Now         time.Time
	State       LogState
	Crossings   []Crossing
	Connections []Organization // to narrow by: everybody that there ever was a connection with
}

// Next is the place after the last line: its time, and how many lines of that time stand on this page and before it.
func (l Log) Next(f LogFilter) (time.Time, int) {
	last := l.Lines[len(l.Lines)-1].At
	n := 0
	for _, line := range l.Lines {
		if line.At.Equal(last) {
			n++
		}
	}
	if f.After != nil && f.After.Equal(last) {
		n += f.Skip
	}
	return last, n
}

// Log returns a page of the own organization's log, newest first. Administrators may.
func (s *Service) Log(ctx context.Context, f LogFilter) (Log, error) {
	if err := authz.Check(ctx, authz.ReadLog, id.Org{}); err != nil {
		return Log{}, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return Log{}, err
	}
	if f.Limit < 1 || f.Limit > 200 {
		f.Limit = 50
	}
	var out Log
	err = s.db.Read(ctx, func(b *db.Batch) {
		out.Now = b.Now
		logLines(b, &out.Lines, who.Org, f)
		logState(b, &out.State, who.Org)
		crossings(b, &out.Crossings, who.Org, id.Org{})
		db.List(b, &out.Connections, `SELECT `+OrgColumns+` FROM connection_sides s JOIN organizations o ON o.org_id = s.other_org WHERE s.org_id = $1 ORDER BY o.name, o.org_id LIMIT 500`, who.Org)
	})
	if len(out.Lines) > f.Limit {
		out.Lines, out.More = out.Lines[:f.Limit], true
	}
	return out, err
}

// exportMost is how many lines a table of the log has at most: the signed export has all of them.
const exportMost = 10_000

// ExportLogTable returns the lines that the filter leaves, newest first and at most 10,000, and writes a line about it.
func (s *Service) ExportLogTable(ctx context.Context, f LogFilter) (out []LogLine, err error) {
	if err := authz.Check(ctx, authz.ReadLog, id.Org{}); err != nil {
		return nil, err
	}
	f.After, f.Skip, f.Limit = nil, 0, exportMost
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Batch(func(b *db.Batch) { logLines(b, &out, tx.Scope.Org, f) }); err != nil {
			return err
		}
		out = out[:min(len(out), exportMost)]
		return Audit(tx, "log.exported", "organization:"+tx.Scope.Org.String(), map[string]any{"form": "table", "rows": len(out)})
	})
	return out, err
}

// logLines queues f.Limit+1 lines. Each way to narrow has an index that knows the order, and the statement starts from the one that
// leaves least: from the object, else from each action, each member or each of both.
func logLines(b *db.Batch, dest *[]LogLine, org id.Org, f LogFilter) {
	args := []any{org}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	where, from, fixed := "a.org_id = $1", "", false
	// Lists that narrow are walked by their index, one value after the other; only of one thing, which has few lines, some are passed over.
	narrow := func(list, column string) {
		if fixed {
			where += ` AND a.` + column + ` IN (` + list + `)`
			return
		}
		from, where = from+`(`+list+`) AS by_`+column+` CROSS JOIN `, where+` AND a.`+column+` = by_`+column+`.`+column
	}
	switch {
	case f.With != "":
		where += ` AND a.object = (SELECT 'connection:' || s.connection_id FROM connection_sides s JOIN organizations o ON o.org_id = s.other_org WHERE s.org_id = $1 AND o.slug = ` + arg(f.With) + `)`
		fixed = true
	case f.Object != "":
		where, fixed = where+` AND a.object = `+arg(f.Object), true
	}
	if f.Topic != "" {
		actions := []string{}
		for a, topic := range LogActions() {
			if topic == f.Topic {
				actions = append(actions, a)
			}
		}
		narrow(`SELECT unnest(`+arg(actions)+`::text[]) AS action`, "action")
	}
	if f.Who != "" {
		match := arg(db.Like(f.Who))
		narrow(`SELECT m.membership_id FROM memberships m WHERE m.org_id = $1 AND (lower(m.name) LIKE `+match+` OR m.email LIKE `+match+`) ORDER BY m.membership_id LIMIT 100`, "membership_id")
	}
	if f.From != nil {
		where += ` AND a.at >= ` + arg(*f.From)
	}
	if f.Until != nil {
		where += ` AND a.at < ` + arg(f.Until.AddDate(0, 0, 1))
	}
	if f.After != nil {
		where += ` AND a.at <= ` + arg(*f.After)
	}
	rows := `SELECT a.* FROM audit a WHERE ` + where + ` ORDER BY a.at DESC, a.seq DESC LIMIT ` + arg(f.Limit+1+f.Skip)
	if from != "" {
		rows = `SELECT a.* FROM ` + from + `LATERAL (` + rows + `) a`
	}
	db.List(b, dest, `SELECT coalesce(n.n, 0) AS n, a.at, a.actor, a.membership_id, coalesce((SELECT m.name FROM memberships m WHERE m.org_id = $1 AND m.membership_id = a.membership_id), '') AS name, a.action, a.object, a.detail, a.request_id,
			coalesce(CASE split_part(a.object, ':', 1)
				WHEN 'item' THEN (SELECT i.title FROM items i WHERE i.org_id = $1 AND i.item_id = a.about)
				WHEN 'collection' THEN (SELECT c.title FROM collections c WHERE c.org_id = $1 AND c.slug = split_part(a.object, ':', 2))
				WHEN 'membership' THEN (SELECT p.name FROM memberships p WHERE p.org_id = $1 AND p.membership_id = a.about) END, '') AS what,
			coalesce((SELECT i.title FROM items i WHERE i.org_id = $1 AND i.item_id = a.item), '') AS item,
			coalesce((SELECT o.name FROM organizations o WHERE o.org_id = a.other), '') AS other
		FROM (SELECT a.*, `+uuidIn(`split_part(a.object, ':', 2)`)+` AS about, `+uuidIn(`a.detail->>'item'`)+` AS item, `+uuidIn(`coalesce(a.detail->>'with', a.detail->>'to')`)+` AS other
			FROM (SELECT a.* FROM (`+rows+`) a ORDER BY a.at DESC, a.seq DESC OFFSET `+arg(f.Skip)+` LIMIT `+arg(f.Limit+1)+`) a) a
		LEFT JOIN audit_numbers n ON n.org_id = $1 AND n.seq = a.seq
		ORDER BY a.at DESC, a.seq DESC LIMIT `+arg(f.Limit+1), args...)
}

// uuidIn is the expression's value as an identifier, NULL if it is none.
func uuidIn(expr string) string {
	return `CASE WHEN ` + expr + ` ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN (` + expr + `)::uuid END`
}
