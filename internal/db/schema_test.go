package db_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/db/schematest"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// The golden lists: whatever is not here follows the rule, and whatever is here and follows the rule must leave.
var (
	// globalTables have no row policies.
	globalTables = map[string]string{
		"goose_db_version":     "the numbers of the migrations; the app may not even read it without a grant",
		"river_job":            "River's; arguments of jobs are ids only, and a worker enters the scope that they name",
		"river_leader":         "River's: which replica leads",
		"river_queue":          "River's: names of queues",
		"river_migration":      "River's: numbers of its migrations",
		"river_client":         "River's: which replicas work",
		"river_client_queue":   "River's: which queues they work on",
		"river_notification":   "River's: wakes workers",
		"river_sequence":       "River's: keys of sequences",
		"river_periodic_job":   "River's: when a periodic job ran",
		"river_workflow":       "River's",
		"river_producer":       "River's: which replicas work",
		"river_durable_period": "River's",
	}
	// noOrg are tables with policies but without an org_id column.
	noOrg = map[string]string{
		"retired_slugs":      "slugs that were given once; that an organization existed is public",
		"persons":            "an id and a language; seen through a membership",
		"connections":        "belongs to both sides, org_a and org_b; the policy admits either",
		"agreements":         "belongs to both sides, org_a and org_b; the policy admits either",
		"joint_propositions": "belongs to both sides, publisher and adopter; the policy admits either, and customers of the adopter by its choice",
		"visitors":           "belongs to nobody yet; the policy names the visitor",
		"visitor_progress":   "belongs to a visitor; the policy names the visitor",
		"claims":             "carries a visitor's progress to a member; read by who holds the code",
		"search_lexicon":     "the words of all organizations; only the indexer reads it",
		"search_languages":   "the languages of all organizations; only the indexer reads it",
		"audit_keys":         "the installation's keys under the seals of all logs; only who seals and the operator read it",
		"operators":          "who runs the installation; belongs to no organization", "operator_passkeys": "an operator's", "operator_sessions": "an operator's", "operator_questions": "of the operators' sign-in",
		"operator_codes": "lets one person become an operator", "operator_audit": "what operators did; about says to whom",
	}
	// usingIsCheck are policies whose USING serves as WITH CHECK.
	usingIsCheck = map[string]string{}
	// definers are the functions that run with their owner's rights.
	definers = map[string]string{
		"lone_operator(uuid)":                            "whether there is another operator than this one: yes or no",
		"same_address(uuid,uuid)":                        "whether a member of app_org() has an operator's address: yes or no",
		"operator_did()":                                 "writes what an operator did to an organization into the operators' log, in the transaction of its own line",
		"console_states(text)":                           "how many organizations there are in each state, for the console alone",
		"console_admins(uuid)":                           "the addresses of an organization's administrators, for the console alone",
		"console_providers(uuid)":                        "name, issuer and health of an organization's providers, for the console alone",
		"console_queues()":                               "how many news and mails wait in all, for the console alone",
		"console_orgs(uuid,text,text,text,uuid,integer)": "name, state and counts of organizations, for the console alone",

		"added(uuid,uuid)": "whether app_org() or who calls it a customer shows additions to a path: yes or no, before the policies of additions are asked which",
		"begun(uuid)":      "where the acting member stands in what they have begun, and what of it they may see by visible_items: their own enrollment alone",
		"additions_open(uuid,uuid,uuid,boolean,boolean)": "what the policy of additions asks of a connection and a grant that are not the reader's; it answers yes or no for app_org() alone",

		"joint_holds(uuid,uuid,uuid,timestamp with time zone,boolean)": "what the policy of joint propositions asks of a connection, a grant and a library that are not all the reader's; it answers yes or no to the two and to customers of the adopter",

		"team_credentials(uuid)":                        "when certificates of a team's people end, which are the people's own: name and end, to whoever leads the team, of what was learned for app_org()",
		"record_credentials(uuid[])":                    "when certificates of people end, which are the people's own: of what was learned for app_org(), to themselves and whoever looks after them",
		"record_tries(uuid[])":                          "what became of what people tried at work, in numbers and of those who agreed to it, to themselves and whoever looks after them",
		"answers_of(uuid,integer,text[],text[],text[])": "how questions of app_org()'s own were answered at the first try by its own members, for its authors: numbers of five people and in steps of five",
		"my_groups()":                                   "which groups the acting member is in, which the policy of who is in them asks of the same table",
		"feedback_on(uuid)":                             "what people wrote about an item of app_org()'s own, for its authors: without who they are, and of which organization where the two meet",
		"feedback_numbers(uuid)":                        "how many people an item of app_org()'s own helped, for its authors: numbers of five people and in steps of five",
		"group_numbers(uuid,integer,text[],text[])":     "how app_org()'s own people find together at steps of what is its own, for its authors: numbers of five people and in steps of five",
		"holds(uuid,uuid)":                              "what the policy of credentials asks of two account links of which one is not the reader's; it answers yes or no to the acting member alone",
		"keep_credentials(uuid)":                        "brings what is erased to another membership of the same person; refuses everybody but the keeper of what is being erased",
		"slot_taken(uuid,integer,integer)":              "whether a bit of a status list belongs to anything: yes or no, for who gives a credential alone",

		"restand()": "asks for the standing of whoever a change concerns to be reckoned; a trigger, which nobody calls",

		"adopters_of(uuid)": "how many organizations adopted an item of app_org(): numbers from five on, of those whose agreement gives totals",

		"forget_rows(text,uuid,integer)": "removes rows of a member of app_org() who is being erased, and refuses everybody but the keeper",
		"forget_member(uuid,text,uuid)":  "takes the name from a member of app_org() who is being erased, and refuses everybody but the keeper",
		"erase_rows(text,integer)":       "removes rows of app_org() while it is being erased, and refuses everybody but the keeper",
		"drop_record()":                  "removes the record of progress of an account at a public door that is removed; a trigger, which nobody calls",
		"nobody_left()":                  "removes persons of whom no membership is left; a trigger, which nobody calls",
		"shut_public_door()":             "ends the sessions of who came in by a door that is closed; a trigger, which nobody calls",
		"last_contents(integer)":         "digests of app_org()'s own files while it is being erased, for the keeper alone",

		"unnamed_contents(bytea[])": "which of the digests nobody names, for the keeper of an organization that is being erased",

		"reads_of_ours(date)": "what others read of app_org()'s, counted: whole weeks and cells of five people on",

		"viewed(uuid)": "whether an own item is opened to the organization as which one looks; it answers yes or no for app_org() alone",

		"opened(uuid,uuid)":     "what row policies ask of a foreign row; it answers yes or no for app_org() alone",
		"visible_items(uuid[])": "which of the items that the asker names app_org() may see: the rule of their row policies, asked once for all",
		"seen_items(uuid[])":    "the same items as rows",
		"meets(uuid)":           "what row policies ask of a post for connected organizations; it answers yes or no for app_org() alone",
		"hears(uuid,uuid)":      "what the row policy of answers asks of their question; it answers yes or no for app_org() alone",

		"search_behind(integer)": "returns the ids of what changed a moment ago, from the queue that only the relay reads; the viewer's policies decide what of it may be counted",

		"search_rebuild_lexicon()": "counts the words of all organizations; refuses everybody but the indexer and returns a number",

		"consented(uuid,uuid,uuid)": "whether a member agreed to be known by name; it answers to that member and to the discloser of one of the two organizations",

		"disclosable(uuid,uuid,uuid)": "what may be known by name about members who agreed; it answers to the discloser of one of the two organizations",

		"open_items(text[],uuid[],timestamp with time zone,uuid,integer)": "the newest of what is open to app_org(): identifiers and times, each row is read again under the viewer's policies",

		"search_read(uuid[],text[],text[],text,boolean,text[],uuid[],text[],text[],boolean,text[],text,integer,integer,uuid[])": "row policies switch the text indexes off; it returns ids and counts of the channels asked for, and what is shown is read again under the viewer's policies",
	}
	// ownerDefiners are those of them that need the owner's rights: what nobody else may remove.
	ownerDefiners = map[string]string{
		"lone_operator(uuid)":     "counts a table that no organization reads",
		"same_address(uuid,uuid)": "compares with a table that no organization reads",
		"operator_did()":          "writes into a table that no organization writes",
		"console_states(text)":    "counts over all organizations", "console_admins(uuid)": "reads what the console does not", "console_providers(uuid)": "reads what the console does not",
		"console_queues()": "counts over all organizations", "console_orgs(uuid,text,text,text,uuid,integer)": "counts over all organizations",
		"forget_rows(text,uuid,integer)":   "private and append-only rows of a member who is being erased, for the keeper alone",
		"forget_member(uuid,text,uuid)":    "persons have no row that the application may remove",
		"erase_rows(text,integer)":         "the append-only tables of an organization that is being erased, for the keeper alone",
		"last_contents(integer)":           "whether a file's content is anybody else's, while its organization is being erased, for the keeper alone",
		"drop_record()":                    "a visitor's record that belongs to an account that goes, whoever removes the account",
		"nobody_left()":                    "persons have no row that the application may remove",
		"shut_public_door()":               "sessions that nobody but sign-in and the keeper may touch, when an administrator closes the door",
		"unnamed_contents(bytea[])":        "whether content is anybody's, when its organization was erased meanwhile, for the keeper alone",
		"restand()":                        "whom a certificate counts for, whichever side takes it back or along",
		"keep_credentials(uuid)":           "what a member earned goes to a membership of another organization, when the keeper erases the one",
		"slot_taken(uuid,integer,integer)": "looks at what all members of all organizations earned, for one bit",
	}
	// readWithoutOrg are the tables in which somebody without any setting sees rows.
	readWithoutOrg = map[string]string{
		"organizations": "that an organization has a portal is public",
		"domains":       "a verified domain is public: the front door sends an address to its organization",
		"retired_slugs": "that an organization existed is public",
		"river_job":     "River's", "river_leader": "River's", "river_queue": "River's", "river_migration": "River's",
		"goose_db_version": "whether the schema is behind is asked before anybody acts",
	}
	// loneKeys are unique keys of tables with an org_id that do not contain it.
	loneKeys = map[string]string{
		"organizations_slug_key": "a slug is a host, hosts are public",
		"domains_verified":       "a verified domain is public; one that is only claimed stands beside others that nobody learns of",
		"items_id":               "ids are made by the server, 74 random bits: nobody can try one; URLs find the owner by it",
		"files_id":               "ids are made by the server; URLs find the owner by it",
		"credentials_slot":       "which bit of a publisher's list is chance among 131,072, and no page takes one",
		"live_sessions_id":       "ids are made by the server; URLs find the owner by it",
		"live_seats_number":      "a seat's number in a session; whoever takes one is told whether one is free, and no page takes a number",
		"questions_id":           "ids are made by the server; URLs find the owner by it",
		"answers_id":             "ids are made by the server",
		"search_documents_pkey":  "ids are made by the server, and nobody but the indexer writes",
		"individuals_record":     "ids are made by the server, and nobody but sign-in writes",
		"standard_links_token":   "the hash of 256 random bits: nobody can try one",
		"invitations_token":      "the hash of 256 random bits: nobody can try one",
		"outbox_pkey":            "the queue's own number; never leaves the database",
	}
	// loneReferences are foreign keys into a table that has an owner, without the owner.
	loneReferences = map[string]string{
		"connection_sides_connection_id_fkey": "connections belong to two organizations; ids are made by the server",
		"notices_connection_id_fkey":          "connections belong to two organizations; ids are made by the server, and a notice is written where the connection was read",
		"agreements_connection_id_fkey":       "connections belong to two organizations; ids are made by the server",
		"memberships_person_id_fkey":          "a person belongs to no organization",
		"visitor_progress_visitor_id_fkey":    "a visitor belongs to no organization",
		"claims_visitor_id_fkey":              "a visitor belongs to no organization",
		"individuals_individual_id_fkey":      "a visitor's record belongs to no organization",
		"break_glass_asked_by_fkey":           "an operator belongs to no organization",
		"break_glass_decided_operator_fkey":   "an operator belongs to no organization",
		"operator_audit_operator_id_fkey":     "an operator belongs to no organization",
		"operator_codes_made_by_fkey":         "an operator belongs to no organization",
		"operator_passkeys_operator_id_fkey":  "an operator belongs to no organization",
		"operator_sessions_operator_id_fkey":  "an operator belongs to no organization",
	}
	// crossReferences are foreign keys whose owner is not the row's own organization: (owner_org, id).
	crossReferences = map[string]string{}
	// sequences are numbered columns.
	sequences = map[string]string{
		"audit.seq":             "orders the log; never leaves the database: gaps would tell how busy others are",
		"operator_audit.seq":    "orders the operators' log; only operators read it",
		"live_seats.place":      "orders who waits for a seat; never leaves the database",
		"outbox.event_id":       "orders the queue; never leaves the database",
		"river_job.id":          "River's; never leaves the database",
		"river_notification.id": "River's; never leaves the database",
		"goose_db_version.id":   "goose's",
	}
)

// super connects to the process's database as the superuser, who sees everything.
func super(t *testing.T) *pgx.Conn {
	t.Helper()
	return connect(t, dbtest.OwnerDSN(t, "postgres"))
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func rows[T any](t *testing.T, c *pgx.Conn, q string, args ...any) []T {
	t.Helper()
	r, err := c.Query(t.Context(), q, args...)
	if err != nil {
		t.Fatalf("%v: %s", err, q)
	}
	out, err := pgx.CollectRows(r, pgx.RowToStructByPos[T])
	if err != nil {
		t.Fatalf("%v: %s", err, q)
	}
	return out
}

// stale fails for entries of a golden list that are not needed.
func stale(t *testing.T, list string, golden map[string]string, used map[string]bool) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(golden)) {
		if !used[k] {
			t.Errorf("%s names %q, which does not exist or follows the rule", list, k)
		}
	}
}

type table struct {
	Name        string
	Kind        string // r, p (partitioned) or a partition: P
	RLS, Force  bool
	HasOrg      bool
	Privileges  []string // of learnscape_app
	OwnedByUs   bool     // by learnscape_owner
	ColumnRight bool     // the app has a right on a column alone
}

func tables(t *testing.T, c *pgx.Conn) []table {
	t.Helper()
	return rows[table](t, c, `SELECT c.relname::text, CASE WHEN c.relispartition THEN 'P' ELSE c.relkind::text END, c.relrowsecurity, c.relforcerowsecurity,
		EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped),
		ARRAY(SELECT p FROM unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) p WHERE has_table_privilege('learnscape_app', c.oid, p)),
		pg_get_userbyid(c.relowner) = 'learnscape_owner',
		EXISTS (SELECT 1 FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = c.oid AND x.grantee IN (0, 'learnscape_app'::regrole))
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1`)
}

type policy struct {
	Table, Name, Cmd string
	Roles            []string
	Permissive       bool
	Using, Check     string
	Writes           bool // one of the roles may insert or update
}

func policies(t *testing.T, c *pgx.Conn) map[string][]policy {
	t.Helper()
	out := map[string][]policy{}
	for _, p := range rows[policy](t, c, `SELECT tablename::text, policyname::text, cmd, roles::text[], permissive = 'PERMISSIVE', coalesce(qual, ''), coalesce(with_check, ''),
		EXISTS (SELECT 1 FROM unnest(roles) r WHERE r <> 'public' AND has_table_privilege(r, quote_ident(tablename)::regclass, 'INSERT, UPDATE'))
		FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2`) {
		out[p.Table] = append(out[p.Table], p)
	}
	return out
}

func TestEveryTableHasItsWall(t *testing.T) {
	t.Parallel()
	c := super(t)
	all, usedGlobal, usedNoOrg := policies(t, c), map[string]bool{}, map[string]bool{}
	found := tables(t, c)
	if len(found) < 30 {
		t.Fatalf("only %d tables found", len(found))
	}
	for _, tb := range found {
		if strings.HasPrefix(tb.Name, "river_") || tb.Name == "goose_db_version" {
			usedGlobal[tb.Name] = true
			if globalTables[tb.Name] == "" {
				t.Errorf("%s is not in globalTables", tb.Name)
			}
			continue
		}
		if !tb.OwnedByUs {
			t.Errorf("%s does not belong to learnscape_owner", tb.Name)
		}
		if tb.Kind != "r" && tb.Kind != "p" && tb.Kind != "P" {
			t.Errorf("%s is a view or foreign table: views walk around row policies unless security_invoker; say here which may", tb.Name)
		}
		if !tb.RLS || !tb.Force {
			t.Errorf("%s: row security enabled %v, forced %v; CALL wall(%q)", tb.Name, tb.RLS, tb.Force, tb.Name)
		}
		if !slices.ContainsFunc(all[tb.Name], func(p policy) bool {
			return p.Name == "p_owner" && slices.Equal(p.Roles, []string{"learnscape_owner"}) && p.Cmd == "ALL" && p.Using == "true" && p.Check == "true"
		}) {
			t.Errorf("%s has no policy p_owner: backfills and pg_dump as learnscape_owner would see no row", tb.Name)
		}
		if tb.Kind == "P" {
			if len(tb.Privileges) > 0 {
				t.Errorf("partition %s is granted to the app (%v): read directly it bypasses the parent's policy", tb.Name, tb.Privileges)
			}
			continue
		}
		if !tb.HasOrg {
			usedNoOrg[tb.Name] = true
			if noOrg[tb.Name] == "" {
				t.Errorf("%s has no org_id", tb.Name)
			}
		}
	}
	stale(t, "noOrg", noOrg, usedNoOrg)
	for k := range globalTables {
		if !strings.HasPrefix(k, "river_") && !usedGlobal[k] {
			t.Errorf("globalTables names %q, which does not exist", k)
		}
	}
}

func TestEveryGrantedCommandHasItsPolicy(t *testing.T) {
	t.Parallel()
	c := super(t)
	all, used := policies(t, c), map[string]bool{}
	for _, tb := range tables(t, c) {
		if globalTables[tb.Name] != "" || tb.Kind == "P" {
			continue
		}
		covered := map[string]bool{}
		for _, p := range all[tb.Name] {
			name := p.Table + "." + p.Name
			if p.Name == "p_owner" {
				continue
			}
			if !p.Permissive {
				if slices.Contains(p.Roles, "learnscape_search") {
					t.Errorf("policy %s narrows what learnscape_owner sees, who is a member of learnscape_search: backfills and pg_dump would lose rows", name)
				}
				continue // Narrows only.
			}
			if !slices.Equal(p.Roles, []string{"learnscape_app"}) && !slices.Equal(p.Roles, []string{"learnscape_search"}) {
				t.Errorf("policy %s is for %v", name, p.Roles)
			}
			cmds := []string{p.Cmd}
			if p.Cmd == "ALL" {
				cmds = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
			}
			for _, cmd := range cmds {
				covered[cmd] = true
				if slices.Equal(p.Roles, []string{"learnscape_app"}) && !slices.Contains(tb.Privileges, cmd) && p.Cmd != "ALL" && cmd != "UPDATE" && cmd != "DELETE" {
					t.Errorf("policy %s is for %s, which the app is not granted", name, cmd)
				}
			}
			if (p.Cmd == "ALL" || p.Cmd == "UPDATE" || p.Cmd == "INSERT") && p.Check == "" && p.Writes {
				used[name] = true
				if usingIsCheck[name] == "" {
					t.Errorf("policy %s has no WITH CHECK of its own", name)
				}
			}
		}
		for _, cmd := range tb.Privileges {
			switch cmd {
			case "TRUNCATE", "REFERENCES", "TRIGGER":
				t.Errorf("the app has %s on %s", cmd, tb.Name)
			default:
				if !covered[cmd] {
					t.Errorf("%s is granted on %s but has no policy: it silently does nothing", cmd, tb.Name)
				}
			}
		}
		if tb.ColumnRight {
			t.Errorf("%s has a right on a single column, which this inventory does not weigh", tb.Name)
		}
	}
	stale(t, "usingIsCheck", usingIsCheck, used)
}

// TestViewsAreClosed: whoever looks as another organization reads what was opened to a view on purpose, and of every other table
// nothing.
func TestViewsAreClosed(t *testing.T) {
	t.Parallel()
	c := super(t)
	open := map[string]string{
		"organizations": "public", "domains": "public", "hosts": "public", "retired_slugs": "public",
		"items": "", "versions": "", "live_sessions": "", "lessons": "", "lesson_texts": "", "files": "", "stories": "", "resources": "", "item_links": "", "item_parts": "", "collection_items": "", "grants": "",
	}
	// Beside those the console, which is closed out in the same way, reads what is its own, limits, and the lines that it wrote.
	console := map[string]bool{"operators": true, "operator_passkeys": true, "operator_sessions": true, "operator_questions": true, "operator_codes": true, "operator_audit": true, "break_glass": true, "quotas": true, "audit": true}
	const closed = "(( SELECT ((app_view() IS NULL))::integer AS int4) <> 0)"
	ps := policies(t, c)
	for _, tb := range tables(t, c) {
		if !tb.RLS || tb.Kind == "P" {
			continue
		}
		using := ""
		for _, p := range ps[tb.Name] {
			if p.Name == "p_view" && !p.Permissive && p.Cmd == "SELECT" {
				using = p.Using
			}
		}
		why, isOpen := open[tb.Name]
		switch {
		case console[tb.Name]:
			if !strings.HasPrefix(using, "("+closed+" OR ") || !strings.Contains(using, "app_actor() AS app_actor) = 'console'") {
				t.Errorf("%s is open to others than the console: %q", tb.Name, using)
			}
		case !isOpen && using != closed:
			t.Errorf("%s is not closed to views: its policy p_view says %q", tb.Name, using)
		case isOpen && why == "" && !strings.Contains(using, "org_id = ( SELECT app_org()"):
			t.Errorf("%s is open to views and not for the own organization's alone: %q", tb.Name, using)
		}
	}
}

func TestPoliciesAskOncePerStatement(t *testing.T) {
	t.Parallel()
	c := super(t)
	type fn struct {
		Name     string
		Volatile string
	}
	moving := map[string]bool{}
	for _, f := range rows[fn](t, c, `SELECT DISTINCT proname::text, provolatile::text FROM pg_proc WHERE provolatile <> 'i' AND proname <> 'now'`) {
		moving[f.Name] = true
	}
	if !moving["app_org"] || !moving["current_setting"] {
		t.Fatal("app_org and current_setting are not among the functions that are not immutable")
	}
	for _, f := range []string{"opened", "additions_open", "joint_holds", "meets", "hears", "viewed", "holds", "tries", "looks_after"} {
		delete(moving, f) // Its answer is the row's.
	}
	for _, ps := range policies(t, c) {
		for _, p := range ps {
			for part, e := range map[string]string{"USING": p.Using, "WITH CHECK": p.Check} {
				for _, f := range perRow(e, moving) {
					t.Errorf("policy %s.%s %s calls %s for every row: write (SELECT %s(…))", p.Table, p.Name, part, f, f)
				}
			}
		}
	}
}

var call = regexp.MustCompile(`([a-z_][a-z0-9_]*)\(`)

// perRow returns the calls of moving functions in an expression that do not stand in a sub-select without FROM, which
// PostgreSQL evaluates once for the statement.
func perRow(expr string, moving map[string]bool) []string {
	var bad []string
	for _, m := range call.FindAllStringSubmatchIndex(expr, -1) {
		name := expr[m[2]:m[3]]
		if !moving[name] {
			continue
		}
		// Walk out through the parentheses to the innermost SELECT.
		depth, once := 0, false
		for i := m[2] - 1; i >= 0; i-- {
			switch expr[i] {
			case ')':
				depth++
			case '(':
				if depth > 0 {
					depth--
					continue
				}
				inner := strings.TrimSpace(expr[i+1:])
				if strings.HasPrefix(inner, "SELECT ") {
					once = !strings.Contains(level(inner), " FROM ")
					i = -1
				}
			}
		}
		if !once {
			bad = append(bad, name)
		}
	}
	return bad
}

// level is the text of a sub-select up to its closing parenthesis, without what stands in deeper parentheses.
func level(s string) string {
	var b strings.Builder
	depth := 0
	for _, r := range strings.ReplaceAll(s, "\n", " ") {
		switch r {
		case '(':
			depth++
		case ')':
			if depth == 0 {
				return b.String()
			}
			depth--
		default:
			if depth == 0 {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

func TestPerRowFindsPlantedCalls(t *testing.T) {
	t.Parallel()
	moving := map[string]bool{"app_org": true, "current_setting": true}
	for expr, want := range map[string]int{
		`(org_id = ( SELECT app_org() AS app_org))`:                                                                 0,
		`(org_id = app_org())`:                                                                                      1,
		`(EXISTS ( SELECT 1 FROM grants g WHERE (g.viewer_org = app_org())))`:                                       1,
		"(EXISTS ( SELECT 1\n   FROM grants g\n  WHERE (g.viewer_org = app_org())))":                                1,
		`(EXISTS ( SELECT 1 FROM grants g WHERE (g.viewer_org = ( SELECT app_org() AS app_org))))`:                  0,
		`(h = decode(NULLIF(current_setting('app.proof'::text, true), ''::text), 'hex'::text))`:                     1,
		`(h = ( SELECT decode(NULLIF(current_setting('app.proof'::text, true), ''::text), 'hex'::text) AS decode))`: 0,
		`((a = ( SELECT app_org() AS app_org)) AND (b = app_org()))`:                                                1,
	} {
		if got := perRow(expr, moving); len(got) != want {
			t.Errorf("%s: %v, want %d", expr, got, want)
		}
	}
}

func TestAppRoleIsPowerless(t *testing.T) {
	t.Parallel()
	c := super(t)
	for _, q := range []struct{ what, sql string }{
		{"superuser, BYPASSRLS, CREATEDB, CREATEROLE or REPLICATION", `SELECT rolname::text FROM pg_roles WHERE rolname IN ('learnscape_app', 'learnscape_search') AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)`},
		{"the owner may bypass", `SELECT rolname::text FROM pg_roles WHERE rolname = 'learnscape_owner' AND (rolsuper OR rolbypassrls)`},
		{"member of another role", `SELECT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE m.member = 'learnscape_app'::regrole`},
		{"owns", `SELECT c.relname::text FROM pg_class c WHERE c.relowner = 'learnscape_app'::regrole
			UNION ALL SELECT p.proname::text FROM pg_proc p WHERE p.proowner = 'learnscape_app'::regrole UNION ALL SELECT n.nspname::text FROM pg_namespace n WHERE n.nspowner = 'learnscape_app'::regrole`},
		{"may create in the schema", `SELECT nspname::text FROM pg_namespace WHERE has_schema_privilege('learnscape_app', oid, 'CREATE')`},
		{"may create in the database", `SELECT datname::text FROM pg_database WHERE datname = current_database() AND (has_database_privilege('learnscape_app', oid, 'CREATE') OR has_database_privilege('learnscape_app', oid, 'TEMPORARY'))`},
		{"granted to everybody", `SELECT c.relname::text FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace = 'public'::regnamespace AND x.grantee = 0`},
		{"may call the owner's procedures", `SELECT proname::text FROM pg_proc p WHERE prokind = 'p' AND pronamespace = 'public'::regnamespace AND has_function_privilege('learnscape_app', p.oid, 'EXECUTE') AND prosecdef`},
		{"may set a parameter that only a superuser should", `SELECT parname FROM pg_parameter_acl`},
	} {
		for _, r := range rows[struct{ Name string }](t, c, q.sql) {
			t.Errorf("learnscape_app: %s: %s", q.what, r.Name)
		}
	}
}

func TestDefinerFunctions(t *testing.T) {
	t.Parallel()
	c := super(t)
	used := map[string]bool{}
	for _, f := range rows[struct {
		Name, Owner string
		Config      []string
	}](t, c, `SELECT p.oid::regprocedure::text, pg_get_userbyid(proowner)::text, coalesce(proconfig, '{}') FROM pg_proc p
		WHERE prosecdef AND pronamespace = 'public'::regnamespace`) {
		used[f.Name] = true
		if definers[f.Name] == "" {
			t.Errorf("%s runs with the rights of %s and is not in definers", f.Name, f.Owner)
		}
		if !slices.ContainsFunc(f.Config, func(s string) bool { return strings.HasPrefix(s, "search_path=") }) {
			t.Errorf("%s has no search_path of its own", f.Name)
		}
		if want := ownerDefiners[f.Name]; f.Owner != "learnscape_search" && (want == "" || f.Owner != "learnscape_owner") {
			t.Errorf("%s belongs to %s; definer functions belong to learnscape_search", f.Name, f.Owner)
		}
	}
	stale(t, "definers", definers, used)
}

func TestKeysNameTheOwner(t *testing.T) {
	t.Parallel()
	c := super(t)
	used := map[string]bool{}
	for _, k := range rows[struct {
		Table, Index string
		HasOrg       bool
	}](t, c, `SELECT t.relname::text, i.relname::text, pg_get_indexdef(x.indexrelid) ~ '\morg_id\M' FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
		WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
		AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'org_id' AND NOT a.attisdropped) ORDER BY 1, 2`) {
		if k.HasOrg {
			continue
		}
		used[k.Index] = true
		if loneKeys[k.Index] == "" {
			t.Errorf("unique key %s of %s lacks org_id: a duplicate tells that another organization has the value", k.Index, k.Table)
		}
	}
	stale(t, "loneKeys", loneKeys, used)
}

func TestReferencesNameTheOwner(t *testing.T) {
	t.Parallel()
	c := super(t)
	usedLone, usedCross := map[string]bool{}, map[string]bool{}
	for _, f := range rows[struct {
		Name, Table, To string
		Columns, ToCols []string
		ToHasOrg        bool
	}](t, c, `SELECT k.conname::text, t.relname::text, r.relname::text,
		ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, o) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o),
		ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, o) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o),
		EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attname = 'org_id' AND NOT a.attisdropped)
		FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
		WHERE k.contype = 'f' AND t.relnamespace = 'public'::regnamespace AND NOT t.relispartition AND t.relname NOT LIKE 'river_%' ORDER BY 2, 1`) {
		if f.To == "organizations" {
			continue // Public.
		}
		i := slices.Index(f.ToCols, "org_id")
		switch {
		case i < 0:
			usedLone[f.Name] = true
			if loneReferences[f.Name] == "" {
				t.Errorf("foreign key %s (%s.%v → %s.%v) does not name the owner: it can point across organizations", f.Name, f.Table, f.Columns, f.To, f.ToCols)
			}
		case f.Columns[i] != "org_id":
			usedCross[f.Name] = true
			if crossReferences[f.Name] == "" {
				t.Errorf("foreign key %s (%s.%v → %s.%v) names another organization: it tells whether the row exists", f.Name, f.Table, f.Columns, f.To, f.ToCols)
			}
		}
	}
	stale(t, "loneReferences", loneReferences, usedLone)
	stale(t, "crossReferences", crossReferences, usedCross)
}

func TestNoNumbersAsPublicIDs(t *testing.T) {
	t.Parallel()
	c := super(t)
	used := map[string]bool{}
	for _, s := range rows[struct{ Column string }](t, c, `SELECT t.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')`) {
		used[s.Column] = true
		if sequences[s.Column] == "" {
			t.Errorf("%s is numbered: ids are UUIDv7 made by internal/id", s.Column)
		}
	}
	stale(t, "sequences", sequences, used)
}

// The application itself finds out whether its schema is behind, before anybody acts.
func TestAppKnowsThatTheSchemaIsUpToDate(t *testing.T) {
	t.Parallel()
	if n, err := dbtest.Open(t).Behind(t.Context()); n != 0 || err != nil {
		t.Errorf("Behind = %d, %v on a migrated database; is SELECT on goose_db_version granted to learnscape_app?", n, err)
	}
}

// A release adds migrations to installations that have all earlier ones, River's among them: goose must run them and not
// call them out of order.
func TestLaterMigrationRuns(t *testing.T) {
	t.Parallel()
	_, dsn := dbtest.FreshDSN(t)
	c := connect(t, dsn("learnscape_owner"))
	if _, err := c.Exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version WHERE version_id < 1000)`); err != nil {
		t.Fatal(err)
	}
	// Its tables exist already, so it fails here, but for that reason alone.
	if _, err := db.Migrate(t.Context(), dsn("learnscape_owner")); err != nil && strings.Contains(err.Error(), "out-of-order") {
		t.Error(err)
	}
}

// FORCE binds the owner too: without p_owner a backfill in a migration says UPDATE 0 and nobody notices.
func TestOwnerCanBackfill(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	seed(t, d)
	c := connect(t, dsn("learnscape_owner"))
	for _, q := range []string{
		`UPDATE organizations SET about = 'backfilled'`, `UPDATE memberships SET title = 'backfilled'`, `UPDATE items SET summary = 'backfilled'`,
	} {
		tag, err := c.Exec(t.Context(), q)
		if err != nil || tag.RowsAffected() == 0 {
			t.Errorf("as learnscape_owner: %s: %v, %v", q, tag, err)
		}
	}
}

// seed writes a row into each of a few tables.
func seed(t *testing.T, d *db.DB) id.Org {
	t.Helper()
	org, item := id.New[id.Org](), id.New[id.Item]()
	if err := d.Tx(dbtest.System(t, scope.Operator, org), func(tx *db.Tx) error {
		for _, q := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO organizations (org_id, slug, name, short, color, hue, chroma) VALUES ($1, $2, 'Test', 'T', '#000000', 0, 0)`, []any{org, "o-" + org.String()[24:]}},
			{`INSERT INTO persons (person_id) VALUES ($1)`, []any{item}},
			{`INSERT INTO memberships (org_id, membership_id, person_id, name, email) VALUES ($1, $2, $2, 'A', 'a@b.example')`, []any{org, item}},
			{`INSERT INTO items (org_id, item_id, kind, title, slug) VALUES ($1, $2, 'course', 'T', 't')`, []any{org, item}},
			{`INSERT INTO audit (org_id, actor, action) VALUES ($1, 'operator', 'test.seeded')`, []any{org}},
			{`INSERT INTO outbox (org_id, kind, payload) VALUES ($1, 'test', '{}')`, []any{org}},
		} {
			if _, err := tx.Exec(q.sql, q.args...); err != nil {
				return fmt.Errorf("%s: %w", q.sql, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return org
}

func TestNoSettingsNoRows(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.FreshDSN(t)
	fill(t, connect(t, dsn("postgres")))
	app := connect(t, dsn("learnscape_app"))
	used := map[string]bool{}
	filled := 0
	su := connect(t, dsn("postgres"))
	for _, tb := range tables(t, su) {
		if tb.Kind == "P" || !slices.Contains(tb.Privileges, "SELECT") {
			continue
		}
		var all, seen int
		if err := su.QueryRow(t.Context(), `SELECT count(*) FROM `+tb.Name).Scan(&all); err != nil {
			t.Fatal(err)
		}
		if err := app.QueryRow(t.Context(), `SELECT count(*) FROM `+tb.Name).Scan(&seen); err != nil {
			t.Fatalf("%s: %v", tb.Name, err)
		}
		if all > 0 {
			filled++
		} else if globalTables[tb.Name] == "" {
			t.Errorf("%s is empty: the test proves nothing about it", tb.Name)
		}
		if readWithoutOrg[tb.Name] != "" {
			used[tb.Name] = true
			continue
		}
		if seen > 0 {
			t.Errorf("without settings %d of %d rows of %s are seen", seen, all, tb.Name)
		}
	}
	if filled < 30 {
		t.Errorf("only %d tables had rows", filled)
	}
	stale(t, "readWithoutOrg", readWithoutOrg, used)
	_ = d
}

// fill puts one row into every table, with foreign keys off.
func fill(t *testing.T, c *pgx.Conn) {
	t.Helper()
	exec := func(q string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	exec(`SET session_replication_role = replica`)
	for _, tb := range tables(t, c) {
		if tb.Kind == "P" || globalTables[tb.Name] != "" {
			continue
		}
		names, values := schematest.Sample(t, c, tb.Name)
		exec(`INSERT INTO ` + tb.Name + ` (` + strings.Join(names, ", ") + `) VALUES (` + strings.Join(values, ", ") + `)`)
	}
	exec(`SET session_replication_role = origin`)
}
