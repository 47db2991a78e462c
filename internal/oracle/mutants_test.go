package oracle_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// mutant is a hole that somebody could make in the wall.
type mutant struct {
	name          string
	table, policy string // ALTER POLICY, with old replaced by new in its USING
	old, new      string
	sql           string      // instead: a statement of the owner
	fn            string      // instead: in this function, old replaced by new
	rests         oracle.Kind // while an organization is suspended of which others see such a thing, or may finish it
	inner         string      // part of the function opened that says the same a second time: the hole goes through both
}

var mutants = []mutant{
	{name: "no row security on items", sql: `ALTER TABLE items DISABLE ROW LEVEL SECURITY`},
	{name: "no row security on files", sql: `ALTER TABLE files DISABLE ROW LEVEL SECURITY`},
	{name: "no row security on grants", sql: `ALTER TABLE grants DISABLE ROW LEVEL SECURITY`},
	{name: "drafts are opened with the rest", table: "items", policy: "p_read", old: `(state = 'published'::text)`, new: `true`, inner: `ci.listed_at IS NOT NULL`},
	{name: "retired items stay open", table: "items", policy: "p_read", old: `(state = 'published'::text)`, new: `(state <> 'draft'::text)`, inner: `ci.listed_at IS NOT NULL`},
	{name: "whatever is published is open", sql: `ALTER POLICY p_read ON items USING (org_id = (SELECT app_org()) OR state = 'published')`},
	{name: "grants do not expire", table: "grants", policy: "p_read", old: `(until > now())`, new: `true`},
	{name: "everybody's grants are everybody's", table: "grants", policy: "p_read", old: `viewer_org = ANY (ARRAY[( SELECT app_org() AS app_org), everyone()])`, new: `true`},
	{name: "public is forgotten", table: "grants", policy: "p_read", old: `everyone()`, new: `NULL::uuid`},
	{name: "collections do not ask for a grant", sql: `ALTER POLICY p_read ON collections USING (true)`},
	{name: "listings do not ask for a grant", sql: `ALTER POLICY p_read ON collection_items USING (true)`},
	{name: "listings forget public", table: "collection_items", policy: "p_read", old: `everyone()`, new: `NULL::uuid`},
	{name: "what was opened once stays open", fn: "opened", old: `g.until > now()`, new: `true`},
	{name: "what is opened to somebody is opened to all", fn: "opened", old: `g.viewer_org IN (viewer, everyone())`, new: `true`},
	{name: "one collection of a publisher opens all of them", fn: "opened", old: `g.collection_id = ci.collection_id`, new: `true`},
	{name: "one item opens the others of its publisher", fn: "opened", old: `ci.item_id = item`, new: `true`},
	{name: "steps lead to what was opened once", fn: "seen_rows", old: `g.until > now()`, new: `true`},
	{name: "steps lead to what is opened to somebody", fn: "seen_rows", old: `g.viewer_org IN (viewer, everyone())`, new: `true`},
	{name: "steps lead to what another collection opens", fn: "seen_rows", old: `g.collection_id = ci.collection_id`, new: `true`},
	{name: "steps lead to what is not listed", fn: "seen_rows", old: `ci.item_id = i.item_id`, new: `true`},
	{name: "steps lead to what somebody else may finish", fn: "seen_rows", old: `AND f.membership_id = member`, new: ``},
	{name: "steps lead to what one could finish", fn: "seen_rows", old: `f.until > now()`, new: `true`},
	{name: "steps of a view lead to what the other does not see", fn: "seen_rows", old: `view IS NULL OR`, new: `true OR`},
	{name: "where a colleague stands is told", fn: "begun", old: `AND e.membership_id = member`, new: ``},
	{name: "where one stood in what has closed is told", fn: "begun", old: `item = ANY (s.sees)`, new: `true`},
	{name: "lessons do not ask for their item", sql: `ALTER POLICY p_read ON lessons USING (true)`},
	{name: "translations do not ask for their item", sql: `ALTER POLICY p_read ON lesson_texts USING (true)`},
	{name: "versions do not ask for their item", sql: `ALTER POLICY p_read ON versions USING (true)`},
	{name: "stories are for members only", table: "stories", policy: "p_read", old: `opened(`, new: `(SELECT app_org()) IS NOT NULL AND opened(`},
	{name: "resources join by owner alone", table: "resources", policy: "p_read", old: `opened(org_id, item_id)`, new: `org_id IN (SELECT i.org_id FROM items i)`},
	{name: "people of others are seen", sql: `ALTER POLICY p_own ON memberships USING (true)`},
	{name: "reflections are the organization's", table: "reflections", policy: "p_mine", old: `(membership_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "links of everybody", sql: `ALTER POLICY p_own ON links USING (true)`},
	{name: "where links stand is read by everybody", sql: `ALTER POLICY p_own ON link_places USING (true)`},
	{name: "ticks are the organization's", table: "ticks", policy: "p_mine", old: `(membership_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "what is handed in is read by the house", table: "submissions", policy: "p_reviewer", old: `(reviewer = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "authors of another organization need no yes", table: "submissions", policy: "p_authors", old: `across AND `, new: ``},
	{name: "authors of another organization need not meet the learner's", table: "submissions", policy: "p_authors", old: `AND meets(org_id)`, new: ``},
	{name: "whoever is with the authors looks at what is handed in", table: "submissions", policy: "p_authors", old: `( SELECT app_writes() AS app_writes)`, new: `true`},
	{name: "lessons on trial are read with the rest", sql: `ALTER POLICY p_pilot ON lessons USING (true)`},
	{name: "translations on trial are read with the rest", sql: `ALTER POLICY p_pilot ON lesson_texts USING (true)`},
	{name: "versions on trial are read with the rest", sql: `ALTER POLICY p_pilot ON versions USING (true)`},
	{name: "withdrawn lessons are read with the rest", sql: `ALTER POLICY p_withdrawn ON lessons USING (true)`},
	{name: "withdrawn translations are read with the rest", sql: `ALTER POLICY p_withdrawn ON lesson_texts USING (true)`},
	{name: "what only withdrawn lessons show is opened with the rest", sql: `ALTER POLICY p_withdrawn ON files USING (true)`},
	{name: "withdrawn lessons are their house's", sql: `ALTER POLICY p_withdrawn ON lessons USING (NOT withdrawn OR org_id = (SELECT app_org()))`},
	{name: "what was withdrawn is told to everybody", sql: `ALTER POLICY p_own ON withdrawals USING (true)`},
	{name: "what one organization was told is read by all", sql: `ALTER POLICY p_read ON withdrawal_notes USING (true)`},
	{name: "who looks as others do reads what is on trial", table: "lessons", policy: "p_pilot", old: `(( SELECT app_view() AS app_view) IS NULL)`, new: `true`},
	{name: "what is tried no more is read by who tried it", table: "pilots", policy: "p_tries", old: `(ended_at IS NULL)`, new: `true`},
	{name: "a version is tried where its item is closed", table: "pilots", policy: "p_tries", old: `opened(org_id, item_id)`, new: `true`},
	{name: "who tries a version is told who else does", sql: `ALTER POLICY p_tries ON pilot_groups USING (kind = 'org')`},
	{name: "authors read remarks on what is not theirs", sql: `ALTER POLICY p_authors ON pilot_remarks USING ((SELECT app_writes()))`},
	{name: "remarks are read by whoever is with the authors", table: "pilot_remarks", policy: "p_authors", old: `( SELECT app_writes() AS app_writes)`, new: `true`},
	{name: "remarks of a suspended organization are still read", rests: oracle.Remark, sql: `ALTER POLICY p_resting ON pilot_remarks USING (true)`},
	{name: "a remark is on whatever one learns", sql: `ALTER POLICY p_mine ON pilot_remarks WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))`},
	{name: "a remark is whoever's", table: "pilot_remarks", policy: "p_mine", old: `(membership_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "turns do not ask for what they belong to", sql: `ALTER POLICY p_read ON submission_turns USING (true)`},
	{name: "answers to tasks do not ask for what they belong to", sql: `ALTER POLICY p_read ON submission_answers USING (true)`},
	{name: "what somebody of a suspended organization handed in is still read", rests: oracle.Handed, sql: `ALTER POLICY p_resting ON submissions USING (true)`},
	{name: "whether a lesson helped is read by the house", table: "lesson_feedback", policy: "p_mine", old: `(membership_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "what somebody of a suspended organization said is still read", rests: oracle.Said, sql: `ALTER POLICY p_search ON lesson_feedback USING (true)`},
	{name: "what people tried is read by the house", table: "cohort_tries", policy: "p_crew", old: `(p.membership_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "what is shared is read by the house", table: "reflection_shares", policy: "p_reader", old: `(reader = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "readers of another organization need not meet the writer's", table: "reflection_shares", policy: "p_reader", old: `meets(org_id)`, new: `true`},
	{name: "what is shared with a team is read by every team", table: "reflection_shares", policy: "p_team", old: `(team_id IN ( SELECT x.team_id
   FROM team_members x
  WHERE ((x.org_id = ( SELECT app_org() AS app_org)) AND (x.membership_id = ( SELECT app_membership() AS app_membership)))))`, new: `(team_id IS NOT NULL)`},
	{name: "what is shared with a group is read by who is not in it", table: "reflection_shares", policy: "p_group", old: `(group_id = ANY (( SELECT my_groups() AS my_groups)::uuid[]))`, new: `(group_id IS NOT NULL)`},
	{name: "a group reads what is shared with it whatever the agreement", table: "reflection_shares", policy: "p_group", old: `meets(org_id)`, new: `true`},
	{name: "what is shared with a cohort is read by the house", table: "reflection_shares", policy: "p_cohort", old: `(x.membership_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "what somebody of a suspended organization shares is still read", rests: oracle.Thought, sql: `ALTER POLICY p_resting ON reflection_shares USING (true)`},
	{name: "relationships are public", sql: `ALTER POLICY p_read ON connection_sides USING (true)`},
	{name: "one side does not see its connection", sql: `ALTER POLICY p_read ON connection_sides USING (org_id = (SELECT app_org()))`},
	{name: "questions stay after the end", fn: "meets", old: `s.state = 'active'`, new: `true`},
	{name: "questions reach those who meet nobody", fn: "meets", old: `s.meet <> 'none'`, new: `true`},
	{name: "questions read the connection the other way", fn: "meets", old: `s.org_id = other AND s.other_org = app_org()`, new: `s.other_org = other AND s.org_id = app_org()`},
	{name: "questions of the connected reach anybody connected to anybody", fn: "meets", old: `s.org_id = other AND `, new: ``},
	{name: "withdrawn questions stay", table: "questions", policy: "p_read", old: `(state <> 'withdrawn'::text)`, new: `true`},
	{name: "internal questions reach the connected", table: "questions", policy: "p_read", old: `(audience = 'connected'::text)`, new: `(audience <> 'public'::text)`},
	{name: "withdrawn answers stay", table: "answers", policy: "p_read", old: `(state = 'shown'::text)`, new: `true`},
	{name: "answers of the connected reach everybody", table: "answers", policy: "p_read", old: `meets(org_id)`, new: `true`},
	{name: "answers do not ask for their question", table: "answers", policy: "p_read", old: `hears(question_org, question_id)`, new: `true`},
	{name: "answers to internal questions reach the connected", fn: "hears", old: `q.audience = 'connected'`, new: `true`},
	{name: "enrollments are seen by the item's owner", sql: `ALTER POLICY p_own ON enrollments USING (item_org = (SELECT app_org()))`},
	{name: "enrollments of everybody", sql: `ALTER POLICY p_own ON enrollments USING (true)`},
	{name: "what people are asked to learn is read by whose item it is", sql: `ALTER POLICY p_own ON assignments USING ((SELECT app_org()) IN (org_id, item_org))`},
	{name: "who was asked is read by everybody", sql: `ALTER POLICY p_own ON assignment_people USING (true)`},
	{name: "cohorts are read by whose path it is", sql: `ALTER POLICY p_own ON cohorts USING ((SELECT app_org()) IN (org_id, item_org))`},
	{name: "who is in a cohort is read by everybody", sql: `ALTER POLICY p_own ON cohort_people USING (true)`},
	{name: "anybody joins others to a cohort", sql: `ALTER TABLE cohort_people DISABLE TRIGGER guard_cohort`},
	{name: "reminders of everybody", sql: `ALTER POLICY p_own ON nudges USING (true)`},
	{name: "anybody asks for whatever they like", sql: `ALTER TABLE assignments DISABLE TRIGGER guard_assignment`},
	{name: "anybody is asked by anybody", sql: `ALTER TABLE assignment_people DISABLE TRIGGER guard_assigned`},
	{name: "anybody reminds anybody", sql: `ALTER TABLE nudges DISABLE TRIGGER guard_nudge`},
	{name: "past records of everybody", sql: `ALTER POLICY p_own ON past_records USING (true)`},
	{name: "past records are read by whose item it is", sql: `ALTER POLICY p_own ON past_records USING ((SELECT app_org()) IN (org_id, item_org) OR item_org IS NULL)`},
	{name: "removed records of everybody", sql: `ALTER POLICY p_own ON removed_records USING (true)`},
	{name: "anybody says that a record was removed", sql: `ALTER TABLE removed_records DISABLE TRIGGER guard_removed_record`},
	{name: "anybody records whatever they like", sql: `ALTER TABLE past_records DISABLE TRIGGER guard_past_record`},
	{name: "libraries of everybody", sql: `ALTER POLICY p_own ON adoptions USING (true)`},
	{name: "a library is told to those whose items are in it", sql: `ALTER POLICY p_own ON adoptions USING ((SELECT app_org()) IN (org_id, item_org))`},
	{name: "what is not open is taken into a library", sql: `ALTER TABLE adoptions DISABLE TRIGGER guard_adoption`},
	{name: "additions are read by whoever sees the path", sql: `ALTER POLICY p_shown ON additions USING (shown AND opened(path_org, path_id))`},
	{name: "additions are read by the publisher, whatever the adopter chose", sql: `ALTER POLICY p_own ON additions USING ((SELECT app_org()) IN (org_id, path_org))`},
	{name: "what is for customers is read by partners", fn: "additions_open", old: `s.relationship = 'customer'`, new: `true`},
	{name: "what is for customers is read by those who call the adopter a customer", fn: "additions_open", old: `s.org_id = adopter AND s.other_org = app_org()`, new: `s.org_id = app_org() AND s.other_org = adopter`},
	{
		name: "what is for customers is read by their customers", fn: "additions_open", old: `s.org_id = adopter AND s.other_org = app_org()`,
		new: `s.other_org = app_org() AND (s.org_id = adopter OR s.org_id IN (SELECT c.other_org FROM connection_sides c WHERE c.org_id = adopter AND c.state = 'active' AND c.relationship = 'customer'))`,
	},
	{name: "what is for customers is read when the path is closed to them", fn: "additions_open", old: `AND opened(owner, path)`, new: ``},
	{name: "what is for customers stays after the end", fn: "additions_open", old: `s.state = 'active'`, new: `true`},
	{name: "what a suspended organization adds is still read", rests: oracle.Addition, sql: `ALTER POLICY p_resting ON additions USING (true)`},
	{name: "what is for customers is read by the publisher", fn: "additions_open", old: `publisher AND owner = app_org()`, new: `owner = app_org()`},
	{name: "additions are read by a publisher that the adopter is not connected to", fn: "additions_open", old: `s.other_org = app_org()`, new: `true`},
	{name: "additions stay when the path has closed for the adopter", fn: "additions_open", old: `g.use_right IN ('adapt', 'show') AND (g.until IS NULL OR g.until > now())`, new: `true`},
	{name: "nobody asks for the right to add", sql: `ALTER TABLE additions DISABLE TRIGGER guard_additions`},
	{name: "what two say together is read by whoever sees the path", sql: `ALTER POLICY p_customers ON joint_propositions USING (state = 'accepted' AND opened(publisher, path_id))`},
	{name: "what two say together is read by other partners", fn: "joint_holds", old: `s.relationship = 'customer'`, new: `true`},
	{name: "what is proposed is read by everybody", sql: `ALTER POLICY p_both ON joint_propositions USING (true)`},
	{name: "one side signs a joint text for the other", sql: `ALTER TABLE joint_propositions DISABLE TRIGGER guard_joint`},
	{name: "a joint text is signed with strangers", fn: "joint_holds", old: `least(c.org_a, c.org_b) = least(owner, taker) AND greatest(c.org_a, c.org_b) = greatest(owner, taker) AND `, new: ``},
	{name: "who takes part in a program is told to its other partners", sql: `ALTER POLICY p_both ON program_partners USING (EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = program_partners.org_id AND s.other_org = (SELECT app_org())) OR (SELECT app_org()) IN (org_id, partner))`},
	{name: "a vendor reads the standing of who left", sql: `ALTER POLICY p_vendor ON standings USING (org_id = (SELECT app_org()))`},
	{name: "anybody of the partner writes its standing", sql: `ALTER POLICY p_reckoned ON standings USING (partner = (SELECT app_org())) WITH CHECK (partner = (SELECT app_org()))`},
	{name: "one side takes part for the other", sql: `ALTER TABLE program_partners DISABLE TRIGGER guard_program_partner`},
	{name: "anybody asks because of any program", sql: `ALTER TABLE program_asks DISABLE TRIGGER guard_program_ask`},
	{name: "who was asked because of a program is read by whose it is", sql: `ALTER POLICY p_own ON program_asks USING ((SELECT app_org()) IN (org_id, vendor))`},
	{name: "accounts at the public door are read by members", sql: `ALTER POLICY p_door ON individuals USING (org_id = (SELECT app_org()))`},
	{name: "individuals read each other", table: "individuals", policy: "p_self", old: `(individual_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "what individuals learn is read by all of them", table: "visitor_progress", policy: "p_individual", old: `(visitor_id = ( SELECT app_membership() AS app_membership))`, new: `true`},
	{name: "individuals are members of whom they came to", sql: `CREATE POLICY p_more ON items FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'individual' AND org_id IN (SELECT i.org_id FROM individuals i))`},
	{name: "the log of everybody", sql: `ALTER POLICY p_read ON audit USING (true)`},
	{name: "the seals of everybody", sql: `ALTER POLICY p_read ON audit_seals USING (true)`},
	{name: "anybody puts a seal", sql: `ALTER POLICY p_insert ON audit_seals WITH CHECK (org_id = (SELECT app_org()))`},
	{name: "anybody reads the keys under the seals", sql: `ALTER POLICY p_read ON audit_keys USING (true)`},
	{name: "mail of everybody", sql: `ALTER TABLE mails DISABLE ROW LEVEL SECURITY`},
	{name: "nobody guards who asks and what is active", sql: `ALTER TABLE connections DISABLE TRIGGER guard_connection`},
	{name: "one side signs for the other", sql: `ALTER TABLE agreements DISABLE TRIGGER guard_agreement`},
	{name: "one side writes the other's row of a connection", sql: `ALTER POLICY p_update ON connection_sides USING ((SELECT app_org()) IN (org_id, other_org)) WITH CHECK ((SELECT app_org()) IN (org_id, other_org))`},
	{name: "one side speaks for the other from the beginning", sql: `ALTER POLICY p_insert ON connection_sides WITH CHECK ((SELECT app_org()) IN (org_id, other_org))`},
	{name: "connections of others are read", sql: `ALTER POLICY p_both ON connections USING (true)`},
	{name: "terms of others are read", sql: `ALTER POLICY p_both ON agreements USING (true)`},
	{name: "who proposed reads the terms, who was asked does not", table: "agreements", policy: "p_both", old: `org_b`, new: `org_a`},
	{name: "time to finish is the whole organization's", fn: "opened", old: `AND f.membership_id = app_membership()`, new: ``},
	{name: "time to finish is everybody's", fn: "opened", old: `f.org_id = viewer AND f.membership_id = app_membership() AND `, new: ``},
	{name: "time to finish has no end", fn: "opened", old: `f.until > now()`, new: `true`},
	{name: "who may finish one item reads the others of its publisher", fn: "opened", old: `f.item_org = owner AND f.item_id = item`, new: `f.item_org = owner`},
	{name: "time to finish is forgotten", fn: "opened", old: `f.until > now()`, new: `false`},
	{name: "who finishes is told to the publisher", sql: `ALTER POLICY p_own ON finishing USING ((SELECT app_org()) IN (org_id, item_org))`},
	{name: "who finishes is told to all", sql: `ALTER TABLE finishing DISABLE ROW LEVEL SECURITY`},
	{name: "time to finish is what one gives oneself", sql: `ALTER TABLE finishing DISABLE TRIGGER guard_finishing`},
	{name: "the invited organization reads without the code", sql: `CREATE POLICY p_more ON invitations FOR SELECT TO learnscape_app USING (to_org = (SELECT app_org()))`},
	{name: "invitations are read without the code", sql: `ALTER POLICY p_proof ON invitations USING (expires_at > now())`},
	{name: "a code is good after its time", table: "invitations", policy: "p_proof", old: `(expires_at > now())`, new: `true`},
	{name: "organizations are made without an invitation", sql: `ALTER POLICY p_invited ON organizations WITH CHECK ((SELECT app_actor()) = 'sign_in' AND org_id = (SELECT app_org()))`},
	{name: "an invitation makes two organizations", table: "organizations", policy: "p_invited", old: `(v.accepted_org IS NULL)`, new: `true`},
	{name: "who holds a code changes the invitation", sql: `CREATE POLICY p_more ON invitations FOR UPDATE TO learnscape_app USING (true)`},
	{name: "what a suspended organization opened stays open", rests: oracle.Finish, sql: `ALTER POLICY p_resting ON grants USING (true)`},
	{name: "items of a suspended organization stay open", rests: oracle.Finish, sql: `ALTER POLICY p_search ON grants USING (true)`},
	{name: "time to finish goes on while the publisher is suspended", rests: oracle.Finish, sql: `ALTER POLICY p_search ON finishing USING (true)`},
	{name: "questions of a suspended organization stay", rests: oracle.Question, sql: `ALTER POLICY p_resting ON questions USING (true)`},
	{name: "answers of a suspended organization stay", rests: oracle.Answer, sql: `ALTER POLICY p_resting ON answers USING (true)`},
	{name: "a suspended organization does not see its own", rests: oracle.Finish, sql: `ALTER POLICY p_resting ON questions USING (org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')))`},
	{name: "what a suspended organization adds stays", rests: oracle.Addition, sql: `ALTER POLICY p_resting ON additions USING (true)`},
	{name: "totals about a suspended organization's people stay", rests: oracle.Total, sql: `ALTER POLICY p_resting ON cells USING (true)`},
	{name: "names of a suspended organization's people stay", rests: oracle.Disclosure, table: "disclosures", policy: "p_read", old: `giver_org <> ALL`, new: `giver_org IS NOT NULL OR giver_org <> ALL`},
	{name: "who is suspended lets itself in", rests: oracle.Finish, sql: `ALTER TABLE organizations DISABLE TRIGGER guard_organization`},
	{name: "anybody of the house says yes for a member", sql: `ALTER POLICY p_insert ON consents WITH CHECK (org_id = (SELECT app_org()))`},
	{name: "a system actor says yes for a member", table: "consents", policy: "p_insert", old: `(( SELECT app_actor() AS app_actor) = 'member'::text)`, new: `true`},
	{name: "what a member said is the employer's to read", sql: `ALTER POLICY p_read ON consents USING (org_id = (SELECT app_org()))`},
	{name: "a yes to what nobody signed", sql: `ALTER TABLE consents DISABLE TRIGGER guard_consent`},
	{name: "names are read by whoever is connected to whoever knows them", sql: `ALTER POLICY p_read ON disclosures USING (ended_at IS NULL)`},
	{name: "nobody checks what is disclosed", sql: `ALTER TABLE disclosures DISABLE TRIGGER guard_disclosure`},
	{name: "what may be known is told to whoever asks", fn: "disclosable", old: `app_actor() <> 'discloser' OR `, new: ``},
	{name: "a no is a yes", fn: "consented", old: `said.decision <> 'given'`, new: `false`},
	{name: "who agreed to a certificate is shown with everything", fn: "disclosable", old: `OR e.state = 'completed')`, new: `OR true)`},
	{name: "how many finished is told one by one", sql: `ALTER TABLE items DISABLE TRIGGER guard_finished`},
	{name: "totals are read by all", sql: `ALTER POLICY p_read ON cells USING (true)`},
	{name: "a group is found by whoever sees its step", table: "step_groups", policy: "p_met", old: `meets(org_id) AND`, new: ``},
	{name: "a third organization finds a group that two are in", table: "step_groups", policy: "p_met", old: `(guest_org IS NULL)`, new: `true`},
	{name: "a group of one organization is found by others", table: "step_groups", policy: "p_met", old: `wide AND`, new: ``},
	{name: "who is in a group is read by who is not", table: "step_group_people", policy: "p_beside", old: `(group_id = ANY (( SELECT my_groups() AS my_groups)::uuid[]))`, new: `true`},
	{name: "people meet in a group whatever the agreement", table: "step_group_people", policy: "p_beside", old: `meets(org_id)`, new: `true`},
	{name: "who was there is read by who was not", table: "step_group_seen", policy: "p_beside", old: `(group_id = ANY (( SELECT my_groups() AS my_groups)::uuid[]))`, new: `true`},
	{name: "who is in a group of a suspended organization is still read", rests: oracle.Beside, sql: `ALTER POLICY p_resting ON step_group_people USING (true)`},
	{name: "who comes to a live session is named, whatever the agreement", sql: `ALTER POLICY p_named ON live_seats USING ((SELECT app_actor()) = 'member' AND shown_as = 'name')`},
	{name: "attendance that was taken back is read by everybody", sql: `ALTER POLICY p_own ON live_voided USING (true)`},
	{name: "attendance that was taken back is read by colleagues", sql: `ALTER POLICY p_own ON live_voided USING (org_id = (SELECT app_org()))`},
	{name: "another reason is given for attendance that was taken back", sql: `ALTER TABLE live_voided DISABLE TRIGGER guard_live_voided`},
	{name: "whoever sees a live session reads where people meet", sql: `ALTER POLICY p_seated ON live_links USING (true)`},
	{name: "who gave it does not see what went", sql: `ALTER POLICY p_given ON disclosures USING (false)`},
	{name: "a view shows what is opened to somebody else", fn: "viewed", old: `g.viewer_org = ANY (ARRAY[app_view(), everyone()])`, new: `true`},
	{name: "a view shows drafts, and what third organizations open", sql: `ALTER POLICY p_view ON items USING (true)`},
	{name: "a view shows the people", sql: `ALTER POLICY p_view ON memberships USING (true)`},
	{name: "a view shows what was asked", sql: `ALTER POLICY p_view ON questions USING (true)`},
	{name: "a view shows who else has a grant", sql: `ALTER POLICY p_view ON grants USING (true)`},
	{name: "a second policy opens what the first closes", sql: `CREATE POLICY p_more ON files FOR SELECT TO learnscape_app USING (true)`},
}

// publisherOfFinishers is an organization of which somebody elsewhere may finish something that is not open to them otherwise; nil where
// the world has none.
func (w *world) publisherOfFinishers() *org {
	for _, f := range w.model.Objects {
		it := w.model.Objects["item "+f.Item]
		who := oracle.Viewer{Org: f.Org, Member: f.Member}
		if f.Kind == oracle.Finish && it != nil && it.State == "published" && w.finishOnly(who, it) {
			return w.owner[it.Org]
		}
	}
	return nil
}

// heard is an organization of which another sees a thing of the kind: one of its own, or what it gave to the other; nil where the world
// has none.
func (w *world) heard(kind oracle.Kind) *org {
	for _, a := range w.model.Objects {
		owner := a.Org
		if kind == oracle.Total || kind == oracle.Disclosure {
			owner = a.Other
		}
		for _, o := range w.orgs {
			if v := (oracle.Viewer{Org: o.id.String(), Member: a.Other, Writes: true}); a.Kind == kind && owner != v.Org && w.model.Sees(v, a) {
				return w.owner[owner]
			}
		}
	}
	return nil
}

// TestMutants breaks the wall on purpose, one hole at a time: the oracle must find each, in the first world or, where nothing in that one
// differs by it, in one of the next three.
func TestMutants(t *testing.T) {
	t.Parallel()
	all := slices.Concat(mutants, countedMutants)
	left := all
	for seed := uint64(12); len(left) > 0 && seed < 16; seed++ {
		left = breakWall(t, seed, left)
	}
	for _, m := range left {
		t.Errorf("survived %s", m.name)
	}
	t.Logf("%d of %d mutants of the wall killed", len(all)-len(left), len(all))
}

// breakWall makes the holes in a world of the seed, one at a time, and returns those that nothing found.
func breakWall(t *testing.T, seed uint64, all []mutant) (left []mutant) {
	t.Helper()
	w := newWorld(t, seed)
	w.netAlone = true
	w.age()
	owner, err := pgx.Connect(t.Context(), w.dsn("learnscape_owner"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	rests := map[oracle.Kind]*org{oracle.Finish: w.publisherOfFinishers()}
	for _, k := range []oracle.Kind{oracle.Addition, oracle.Question, oracle.Answer, oracle.Total, oracle.Disclosure, oracle.Handed, oracle.Thought, oracle.Remark, oracle.Said, oracle.Beside} {
		rests[k] = w.heard(k)
	}
	before := w.tallies()
	w.compare(t.Context(), before, "before")
	for _, m := range all {
		if o := rests[m.rests]; o != nil {
			w.rest(o)
		}
		undo := m.apply(t, owner)
		after := w.tallies()
		w.compare(t.Context(), after, "mutant")
		var found []string
		for _, name := range names(after) {
			if len(after[name].leaks) != len(before[name].leaks) || len(after[name].missing) != len(before[name].missing) {
				found = append(found, name)
			}
		}
		if len(found) == 0 {
			found = w.forgeUntil(t, m.on())
		}
		undo()
		w.awake()
		if len(found) == 0 {
			left = append(left, m)
			continue
		}
		t.Logf("killed   %-70s by %s", m.name, strings.Join(found[:min(3, len(found))], ", "))
	}
	if done := w.forge(t); len(done) > 0 {
		t.Errorf("forging is not mended: %v", done)
	}
	again := w.tallies()
	w.compare(t.Context(), again, "mended")
	for name := range again {
		if len(again[name].leaks) != len(before[name].leaks) || len(again[name].missing) != len(before[name].missing) {
			t.Errorf("%s is not mended", name)
		}
	}
	return left
}

// age makes it a world that has seen something: retired items, connections in every state, somebody who is finishing and somebody
// whose time is over, and grants that ran out.
func (w *world) age() {
	for range 40 {
		w.step()
	}
	w.awake()
	for i, state := range []string{"paused", "ended", "ending", "ending", "active"} {
		a, b := w.orgs[i], w.orgs[(i+1)%organizations]
		if p := w.bring(a, b, state); i == 3 {
			w.timeIsUp(p)
		}
	}
	// Two pairs whose people meet in different ways: one side by name, the other not at all.
	for i, pair := range [][2]int{{0, 2}, {2, 4}, {0, 3}} {
		p := w.bring(w.orgs[pair[0]], w.orgs[pair[1]], "active")
		shy, open := p.a, p.b
		if i == 0 {
			shy, open = open, shy
		}
		for range 60 {
			if p.inForce.meet[shy] == "none" && p.inForce.meet[open] == "name" {
				break
			}
			w.counterOpen(p)
		}
	}
	w.acquaint()
	// Of two that are connected one learns totals and the other nothing.
	for p := w.pact(w.orgs[0], w.orgs[3]); p.inForce.learns[p.a] != tenants.LearnsNothing || p.inForce.learns[p.b] != tenants.LearnsTotals; {
		w.counterOpen(p)
	}
	w.addForCustomers()
	w.speakTogether()
	w.addToStrangers()
	// Strangers hold grants that no agreement stands behind, as the command line may give them.
	for _, c := range w.colls {
		for _, v := range w.orgs {
			if o := w.owner[c.Org]; c.State == "agreement" && v != o && w.pact(v, o) == nil && w.at("grants").objects[c.Org+" "+v.id.String()+" "+c.ID] == nil {
				w.open(c, v, false)
			}
		}
	}
	// What one organization has is open to everybody, and a collection of another.
	for _, c := range w.colls {
		if (w.owner[c.Org] == w.orgs[0] || w.owner[c.Org] == w.orgs[4] && w.slugs[c.ID] == "c1") && c.State != "internal" {
			w.public(c, true)
		}
	}
	for _, c := range w.colls {
		for _, v := range w.orgs {
			key := c.Org + " " + v.id.String() + " " + c.ID
			if c.State != "internal" && c.Org != v.id.String() && w.at("grants").objects[key] == nil {
				w.open(c, v, true)
			}
		}
	}
	// Customers, one of them of a customer, one that is a customer no more, and one that is called so by whom it calls otherwise.
	for _, c := range []struct {
		by, of int
		as     string
	}{{2, 0, "customer"}, {0, 3, "customer"}, {2, 4, "customer"}, {2, 3, "customer"}, {4, 2, "partner"}} {
		by, of := w.orgs[c.by], w.orgs[c.of]
		w.exec(by, `UPDATE connection_sides SET relationship = $3 WHERE org_id = $1 AND other_org = $2`, by.id, of.id, c.as)
		w.calls(by, of, c.as)
	}
}

// on is the table that the hole is in: forgeries of its rows are tried first.
func (m mutant) on() string {
	switch f := strings.Fields(m.sql); {
	case m.table != "":
		return m.table
	case len(f) > 4 && f[1] == "POLICY":
		return f[4]
	case len(f) > 2:
		return f[2]
	}
	return m.fn
}

// apply makes the hole and returns what mends it.
func (m mutant) apply(t *testing.T, owner *pgx.Conn) (undo func()) {
	t.Helper()
	exec := func(q string) {
		t.Helper()
		if _, err := owner.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %s: %v", m.name, q, err)
		}
	}
	change := func(fn, old, new string) (undo func()) {
		t.Helper()
		var def string
		if err := owner.QueryRow(t.Context(), `SELECT pg_get_functiondef($1::regproc)`, fn).Scan(&def); err != nil || !strings.Contains(def, old) {
			t.Fatalf("%s: %s does not say %q any more: %v\n%s", m.name, fn, old, err, def)
		}
		exec(strings.ReplaceAll(def, old, new))
		return func() { exec(def) }
	}
	if m.fn != "" {
		return change(m.fn, m.old, m.new)
	}
	var table, policy string
	var using, check *string
	switch {
	case strings.HasPrefix(m.sql, "ALTER TABLE"):
		exec(m.sql)
		return func() { exec(strings.Replace(m.sql, "DISABLE", "ENABLE", 1)) }
	case strings.HasPrefix(m.sql, "CREATE POLICY"):
		exec(m.sql)
		f := strings.Fields(m.sql)
		return func() { exec(fmt.Sprintf("DROP POLICY %s ON %s", f[2], f[4])) }
	case m.sql != "":
		f := strings.Fields(m.sql)
		policy, table = f[2], f[4]
	default:
		table, policy = m.table, m.policy
	}
	if err := owner.QueryRow(t.Context(), `SELECT qual, with_check FROM pg_policies WHERE tablename = $1 AND policyname = $2`, table, policy).Scan(&using, &check); err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	says, clause := using, "USING"
	if using == nil {
		says, clause = check, "WITH CHECK"
	}
	q := m.sql
	if q == "" {
		if !strings.Contains(*says, m.old) {
			t.Fatalf("%s: the policy %s.%s does not say %q any more: %s", m.name, table, policy, m.old, *says)
		}
		q = fmt.Sprintf("ALTER POLICY %s ON %s %s (%s)", policy, table, clause, strings.ReplaceAll(*says, m.old, m.new))
	}
	exec(q)
	undo = func() {
		back := fmt.Sprintf("ALTER POLICY %s ON %s", policy, table)
		if using != nil {
			back += " USING (" + *using + ")"
		}
		if check != nil {
			back += " WITH CHECK (" + *check + ")"
		}
		exec(back)
	}
	if m.inner == "" {
		return undo
	}
	first, second := undo, change("opened", m.inner, "true")
	return func() { first(); second() }
}
