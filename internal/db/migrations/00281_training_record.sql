-- +goose Up
-- Whoever agrees that what became of what they tried at work stands in their training record: that it is used, was tried, not yet or is not
-- needed, and not a word of what it is.
CREATE TABLE shown_tries (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  since         timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('shown_tries');
CREATE POLICY p_own ON shown_tries TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership())) WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
CREATE POLICY p_search ON shown_tries FOR SELECT TO learnscape_search USING (org_id = (SELECT app_org()));
GRANT SELECT, INSERT, DELETE ON shown_tries TO learnscape_app;
GRANT SELECT ON shown_tries, tryouts TO learnscape_search;
CREATE POLICY p_search ON tryouts FOR SELECT TO learnscape_search USING (org_id = (SELECT app_org()) AND EXISTS (SELECT 1 FROM shown_tries a WHERE a.org_id = tryouts.org_id AND a.membership_id = tryouts.membership_id));

-- how_learned says whether somebody learned an item in a version, showed by test that they know it, or partly the one and partly the other.
-- +goose StatementBegin
CREATE FUNCTION how_learned(of_org uuid, member uuid, by_org uuid, item uuid, in_version integer) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN coalesce(bool_and(c.by_test), false) THEN 'tested' WHEN coalesce(bool_or(c.by_test), false) THEN 'partly' ELSE 'learned' END FROM completions c
  WHERE c.org_id = of_org AND c.membership_id = member AND c.item_id = ANY (coalesce((SELECT v.leads_to FROM versions v WHERE v.org_id = by_org AND v.item_id = item AND v.version = in_version), '{}') || item)
$$;
-- record_credentials is when certificates of people end, for themselves and for whoever looks after them: of what they learned for this
-- organization, and not of what they brought along.
CREATE FUNCTION record_credentials(members uuid[]) RETURNS TABLE (membership_id uuid, issuer uuid, item_id uuid, expires_at timestamptz, revoked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.membership_id, c.issuer, c.item_id, c.expires_at, EXISTS (SELECT 1 FROM credential_revocations r WHERE r.org_id = c.issuer AND r.list = c.list AND r.slot = c.slot)
  FROM (SELECT u.m FROM unnest(members) AS u(m) WHERE app_actor() = 'member' AND (u.m = app_membership() OR looks_after(u.m))) k JOIN credentials c ON c.org_id = app_org() AND c.membership_id = k.m
  WHERE EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = c.org_id AND e.membership_id = c.membership_id AND e.item_org = c.issuer AND e.item_id = c.item_id)
$$;
-- record_tries is what became of what people tried at work, of those who agreed to show it: numbers, for themselves and for whoever looks after
-- them.
CREATE FUNCTION record_tries(members uuid[]) RETURNS TABLE (membership_id uuid, item_id uuid, used integer, tried integer, not_yet integer, not_needed integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT t.membership_id, t.root_id, (count(*) FILTER (WHERE s.said = 'used'))::integer, (count(*) FILTER (WHERE s.said = 'tried'))::integer, (count(*) FILTER (WHERE s.said = 'not_yet'))::integer, (count(*) FILTER (WHERE s.said = 'not_needed'))::integer
  FROM (SELECT u.m FROM unnest(members) AS u(m) WHERE app_actor() = 'member' AND (u.m = app_membership() OR looks_after(u.m))) k
  JOIN shown_tries a ON a.org_id = app_org() AND a.membership_id = k.m JOIN tryouts t ON t.org_id = app_org() AND t.membership_id = k.m
  CROSS JOIN LATERAL (SELECT coalesce(nullif(t.after_month, ''), t.after_week) AS said) s GROUP BY t.membership_id, t.root_id
$$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION record_credentials, record_tries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_credentials, record_tries TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION record_credentials OWNER TO learnscape_search;
ALTER FUNCTION record_tries OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
DROP FUNCTION record_credentials, record_tries, how_learned;
DROP POLICY p_search ON tryouts;
REVOKE SELECT ON tryouts FROM learnscape_search;
DROP TABLE shown_tries;
