-- +goose Up
-- How often an organization's people read what another one owns, per day, page and purpose. It names nobody: people is a sketch of
-- how many different ones there were, a bit for each, set by a keyed hash that is salted with the week; so many bits, at least as
-- many people. The row is the reader's organization's, and counts only who is connected.
CREATE TABLE reads_across (
  org_id  uuid NOT NULL REFERENCES organizations,
  of_org  uuid NOT NULL REFERENCES organizations,
  day     date NOT NULL,
  surface text NOT NULL CHECK (surface IN ('course', 'path', 'lesson', 'story', 'resource', 'file')),
  purpose text NOT NULL CHECK (purpose IN ('learn', 'inform', 'find')), -- find: opened from a result of search
  n       integer NOT NULL CHECK (n > 0),
  people  bigint NOT NULL,
  PRIMARY KEY (org_id, of_org, day, surface, purpose)
);
CREATE INDEX reads_across_of ON reads_across (of_org, day, org_id);
CALL wall('reads_across');
CREATE POLICY p_read ON reads_across FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_insert ON reads_across FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'counter'
  AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = reads_across.org_id AND s.other_org = reads_across.of_org AND s.state = 'active'));
CREATE POLICY p_update ON reads_across FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'counter')
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'counter');
GRANT SELECT, INSERT, UPDATE ON reads_across TO learnscape_app;

-- What others read of app_org()'s: whole weeks that are over, and of them only cells in which at least five people of the other
-- organization read. Cells below are left out and in no sum.
CREATE FUNCTION reads_of_ours(since date) RETURNS TABLE (org_id uuid, week date, surface text, purpose text, n bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT r.org_id, date_trunc('week', r.day::timestamp)::date, r.surface, r.purpose, sum(r.n) FROM reads_across r
  WHERE r.of_org = app_org() AND app_view() IS NULL AND r.day >= date_trunc('week', since::timestamp)::date
    AND r.day < date_trunc('week', now() AT TIME ZONE 'UTC')::date
  GROUP BY 1, 2, 3, 4 HAVING bit_count(bit_or(r.people)::bit(64)) >= 5 $$;
GRANT SELECT ON reads_across TO learnscape_search;
CREATE POLICY p_search ON reads_across FOR SELECT TO learnscape_search USING (true);
REVOKE EXECUTE ON FUNCTION reads_of_ours FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reads_of_ours TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION reads_of_ours OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
