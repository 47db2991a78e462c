package tenants

// Personal is what one table holds of a person: which rows, and what becomes of them when the person is erased.
type Personal struct {
	Table    string
	Where    string   // of the alias t: $1 the organization, $2 the membership, $3 its address, $4 its person
	Withheld []string // columns that open something or are the portal's own; they are in no export
	Erased   Erased
	Why      string // of what stays
}

// Erased is what becomes of somebody's rows of a table when they are erased.
type Erased string

// What becomes of them.
const (
	Goes     Erased = "goes"     // the rows are removed
	Nameless Erased = "nameless" // the rows stay and say nothing of who it was
	Emptied  Erased = "emptied"  // the rows stay with nothing in them, or go, as the person chose
	Stays    Erased = "stays"    // the rows point to a membership that says nothing of who it was
)

// ofMember are the rows of a member.
const ofMember = `t.org_id = $1 AND t.membership_id = $2`

// Person is every table that holds something of a person, in the order in which it is handed out. A table that comes later is decided
// here, or a test fails.
var Person = []Personal{ //nolint:gochecknoglobals // A constant table.
	{Table: "memberships", Where: ofMember, Erased: Nameless, Why: "what stays points to it"},
	{Table: "persons", Where: `t.person_id = $4`, Erased: Goes},
	{Table: "team_members", Where: ofMember, Erased: Goes},
	{Table: "enrollments", Where: ofMember, Erased: Goes},
	{Table: "assignment_people", Where: ofMember, Erased: Goes},
	{Table: "nudges", Where: ofMember, Erased: Goes},
	{Table: "quiet_pushes", Where: ofMember, Erased: Goes},
	{Table: "past_records", Where: ofMember, Erased: Goes},
	{Table: "removed_records", Where: ofMember, Erased: Goes},
	{Table: "record_import_rows", Where: `t.org_id = $1 AND (t.membership_id = $2 OR t.email = $3)`, Erased: Goes},
	{Table: "shown_tries", Where: ofMember, Erased: Goes},
	{Table: "cohort_tries", Where: ofMember, Erased: Goes},
	{Table: "program_asks", Where: ofMember, Erased: Goes},
	{Table: "cohort_people", Where: ofMember, Erased: Goes},
	{Table: "quiet_dues", Where: ofMember, Erased: Goes},
	{Table: "quiet_withdrawals", Where: ofMember, Erased: Goes},
	{Table: "calendar_feeds", Where: ofMember, Withheld: []string{"token_hash"}, Erased: Goes},
	{Table: "returns", Where: ofMember, Erased: Goes},
	{Table: "finishing", Where: ofMember, Erased: Goes},
	{Table: "completions", Where: ofMember, Erased: Goes},
	{Table: "attempts", Where: ofMember, Erased: Goes},
	{Table: "sittings", Where: ofMember, Erased: Goes},
	{Table: "time_extensions", Where: ofMember, Erased: Goes},
	{Table: "reflection_shares", Where: ofMember, Erased: Goes},
	{Table: "reflections", Where: ofMember, Erased: Goes},
	{Table: "ticks", Where: ofMember, Erased: Goes},
	{Table: "tryouts", Where: ofMember, Erased: Goes},
	{Table: "tryout_dues", Where: ofMember, Erased: Goes},
	{Table: "quiet_tryouts", Where: ofMember, Erased: Goes},
	{Table: "lesson_feedback", Where: ofMember, Erased: Goes},
	{Table: "live_seats", Where: ofMember, Erased: Goes},
	{Table: "live_voided", Where: ofMember, Erased: Goes},
	{Table: "live_settings", Where: ofMember, Erased: Goes},
	{Table: "step_group_seen", Where: ofMember, Erased: Goes},
	{Table: "step_group_people", Where: ofMember, Erased: Goes},
	{Table: "step_groups", Where: ofMember, Erased: Goes},
	{Table: "submission_answers", Where: ofMember, Erased: Goes},
	{Table: "submission_turns", Where: ofMember, Erased: Goes},
	{Table: "submissions", Where: ofMember, Erased: Goes},
	{Table: "credentials", Where: ofMember, Withheld: []string{"code", "code_hash"}, Erased: Goes},
	{Table: "quiet_credentials", Where: ofMember, Erased: Goes},
	{Table: "statements", Where: ofMember, Erased: Goes},
	{Table: "pilot_remarks", Where: ofMember, Erased: Goes},
	{Table: "review_remarks", Where: ofMember, Erased: Goes},
	{Table: "reviews", Where: ofMember, Erased: Goes},
	{Table: "questions", Where: ofMember, Erased: Emptied, Why: "answers of others belong to it"},
	{Table: "answers", Where: ofMember, Erased: Emptied, Why: "the thread that it stands in counts it"},
	{Table: "reactions", Where: ofMember, Erased: Goes},
	{Table: "resources", Where: `t.org_id = $1 AND t.author = $2`, Erased: Nameless, Why: "it stands in the organization's library"},
	{Table: "consents", Where: ofMember, Erased: Stays, Why: "what was agreed to has to be shown"},
	{Table: "disclosures", Where: `t.giver_org = $1 AND t.membership_id = $2`, Erased: Nameless, Why: "the other organization's row, emptied: when something was told"},
	{Table: "quiet_connections", Where: ofMember, Erased: Goes},
	{Table: "identities", Where: ofMember, Erased: Goes},
	{Table: "account_links", Where: ofMember, Erased: Goes},
	{Table: "link_requests", Where: ofMember, Withheld: []string{"token_hash", "code_hash"}, Erased: Goes},
	{Table: "sessions", Where: ofMember, Withheld: []string{"token_hash", "id_token"}, Erased: Goes},
	{Table: "api_tokens", Where: ofMember, Withheld: []string{"token_hash"}, Erased: Goes},
	{Table: "mails", Where: `t.org_id = $1 AND t.recipient = $3`, Withheld: []string{"body"}, Erased: Goes},
	{Table: "email_links", Where: `t.org_id = $1 AND t.email = $3`, Withheld: []string{"token_hash", "cookie_hash", "code_hash"}, Erased: Goes},
	{Table: "passkeys", Where: ofMember, Withheld: []string{"credential_id", "credential"}, Erased: Goes},
	{Table: "member_invitations", Where: `t.org_id = $1 AND t.email = $3`, Withheld: []string{"token_hash"}, Erased: Goes},
	{Table: "people_import_rows", Where: `t.org_id = $1 AND t.email = $3`, Erased: Goes},
	{Table: "provider_errands", Where: `t.org_id = $1 AND t.email = $3`, Withheld: []string{"token_hash"}, Erased: Goes},
	{Table: "errands", Where: `t.org_id = $1 AND t.email = $3`, Withheld: []string{"token_hash"}, Erased: Goes},
	{
		Table: "audit", Where: `t.org_id = $1 AND (t.membership_id = $2 OR t.object = 'membership:' || $2::text OR t.detail->>'membership' = $2::text)`,
		Erased: Stays, Why: "the log is sealed; its lines point to the membership and name nobody",
	},
	{Table: "erasures", Where: ofMember, Erased: Stays, Why: "the receipt, which names nobody"},
}

// Pointers are columns that say which membership did something for the organization. They stay when it is erased, because the
// membership has no name any more, and are in no export of a person, because the log says the same.
var Pointers = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"addition_drafts.updated_by":        "who wrote it for the organization",
	"addition_editions.published_by":    "who published it for the organization",
	"additions.published_by":            "who published it for the organization",
	"course_drafts.saved_by":            "who wrote it for the organization",
	"draft_lessons.saved_by":            "who wrote it for the organization",
	"course_drafts.publish_by":          "who wants it published for the organization",
	"reviews.asked_by":                  "who asked somebody to read a draft",
	"live_sessions.made_by":             "who planned it for the organization",
	"feedback_answers.answered_by":      "who answered for the organization",
	"reflection_shares.reader":          "with whom somebody shares a thought",
	"submissions.reviewer":              "who was asked to look at what somebody handed in",
	"submission_answers.by_member":      "who looked at what somebody handed in",
	"adoptions.adopted_by":              "who took it into the library",
	"adoptions.decided_by":              "who decided on its update",
	"break_glass.asked_by":              "which operator asked; operators are nobody's members",
	"break_glass.ended_by":              "whether time, operators or the organization ended it",
	"operator_codes.email":              "of an operator, who is nobody's member",
	"operator_codes.made_by":            "of an operator, who is nobody's member",
	"operator_sessions.device":          "of an operator, who is nobody's member",
	"operators.email":                   "of an operator, who is nobody's member",
	"operators.subject":                 "of an operator, who is nobody's member",
	"cell_counts.finished":              "of what totals were counted; only what counts them reads it",
	"cell_counts.started":               "of what totals were counted; only what counts them reads it",
	"enrollments.asked_by":              "who assigned it to somebody else",
	"assignments.asked_by":              "who asked others to learn it",
	"pilots.begun_by":                   "who gave it to some for the organization",
	"pilots.ended_by":                   "who ended that for the organization",
	"withdrawals.withdrawn_by":          "who withdrew it for the organization",
	"withdrawals.undone_by":             "who gave it back for the organization",
	"cohorts.made_by":                   "who planned it for others",
	"nudges.sent_by":                    "who reminded somebody else",
	"erasures.asked_by":                 "who had somebody erased",
	"exports.asked_by":                  "who had the organization's data handed out",
	"invitations.created_by":            "who invited another organization",
	"network_batches.asked_by":          "who had it done",
	"people_imports.asked_by":           "who had people imported",
	"record_imports.asked_by":           "who had past records imported",
	"past_records.recorded_by":          "who recorded it for the organization",
	"removed_records.removed_by":        "who removed it for the organization",
	"live_voided.voided_by":             "who took it back for the organization whose session it is",
	"time_extensions.given_by":          "who gave somebody more time",
	"sign_ins.membership_id":            "who is on the way to the provider and back, for ten minutes",
	"standard_versions.created_by":      "who published it for the organization",
	"versions.published_by":             "who published it for the organization",
	"credential_revocations.revoked_by": "who took it back for the organization",
	"program_partners.ended_by":         "which of the two organizations ended it",
	"program_asks.asked_by":             "who asked somebody because of a program",
	"program_drafts.saved_by":           "who wrote it for the organization",
	"program_versions.published_by":     "who published it for the organization",
	"program_stories.accepted_by":       "who counted it for the organization",
	"course_imports.asked_by":           "who brought it for the organization",
}

// Addresses are columns with a name or address of somebody who is no member, or of nobody in particular.
var Addresses = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"individuals.email":          "somebody who came in by the public door and is no member; they take it out and erase it themselves, or an administrator does",
	"individual_sessions.device": "the browser of one of those; goes with the account",
	"invitations.email":          "an administrator of another organization, until the invitation is over",
	"stories.author_name":        "a line of the story, written by hand",
	"stories.author_title":       "a line of the story, written by hand",
}
