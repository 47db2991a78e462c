-- +goose Up
-- Erasing an organization, or one person of it. What is appended and never changed by the application is erased here, by two
-- functions with the owner's rights that serve the keeper alone: the one only while the organization is being erased, the other
-- only for somebody who has left.

-- An answer outlives the question it was given to, if that was another organization's: who answered keeps what they wrote.
ALTER TABLE answers DROP CONSTRAINT answers_question_org_question_id_fkey;
-- Whether a file's content is anybody else's, too.
CREATE INDEX files_content ON files (sha256, org_id);

-- +goose StatementBegin
CREATE FUNCTION erasing(org uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS
  $$ SELECT app_actor() = 'keeper' AND app_org() = org AND EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = org AND o.state = 'erasing') $$;
-- The log stays as it was written until all of its organization is erased.
CREATE OR REPLACE FUNCTION guard_written() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_user = 'learnscape_owner' AND erasing((to_jsonb(OLD)->>'org_id')::uuid) THEN
    RETURN OLD;
  END IF;
  RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME || ' is written once and stays';
END $$;
-- erase_rows removes at most lim rows of the organization from a table and says how many.
CREATE FUNCTION erase_rows(tbl text, lim integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  org    uuid := app_org();
  people uuid[];
  n      integer;
BEGIN
  IF NOT erasing(org) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only what is being erased is erased';
  END IF;
  IF tbl IN ('organizations', 'connection_sides') OR NOT EXISTS (SELECT 1 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relname = tbl AND c.relkind IN ('r', 'p') AND NOT c.relispartition) THEN
    RAISE insufficient_privilege USING MESSAGE = format('%s is not erased by organization', tbl);
  END IF;
  IF tbl = 'memberships' THEN -- Who is nobody elsewhere goes as well.
    WITH gone AS (DELETE FROM memberships m WHERE m.org_id = org AND m.membership_id IN (SELECT x.membership_id FROM memberships x WHERE x.org_id = org LIMIT lim) RETURNING m.person_id)
    SELECT array_agg(person_id) INTO people FROM gone;
    DELETE FROM persons p WHERE p.person_id = ANY(people) AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.person_id = p.person_id);
    RETURN coalesce(cardinality(people), 0);
  END IF;
  EXECUTE format('DELETE FROM %1$I WHERE org_id = $1 AND ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE org_id = $1 LIMIT $2))', tbl) USING org, lim;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
-- last_contents are the digests of the organization's files whose content nobody else has.
CREATE FUNCTION last_contents(lim integer) RETURNS SETOF bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT erasing(app_org()) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only what is being erased is asked for';
  END IF;
  RETURN QUERY SELECT DISTINCT f.sha256 FROM files f WHERE f.org_id = app_org() AND NOT EXISTS (SELECT 1 FROM files x WHERE x.sha256 = f.sha256 AND x.org_id <> f.org_id) LIMIT lim;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION erase_rows, last_contents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_rows, last_contents TO learnscape_app;
-- +goose Down
SELECT 1;
