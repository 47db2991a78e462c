-- +goose Up
-- What an organization names as content is in three places: files, its logo and what it took out of its own data. Each function asks all
-- three; before, one forgot logos, the other exports.
CREATE FUNCTION named_contents() RETURNS TABLE (org_id uuid, sha256 bytea) LANGUAGE sql STABLE AS $$
  SELECT f.org_id, f.sha256 FROM files f
  UNION ALL SELECT o.org_id, o.logo_sha256 FROM organizations o WHERE o.logo_sha256 IS NOT NULL
  UNION ALL SELECT e.org_id, e.sha256 FROM exports e WHERE e.sha256 IS NOT NULL $$;
REVOKE EXECUTE ON FUNCTION named_contents FROM PUBLIC;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION last_contents(lim integer) RETURNS SETOF bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT erasing(app_org()) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only what is being erased is asked for';
  END IF;
  RETURN QUERY SELECT DISTINCT n.sha256 FROM named_contents() n WHERE n.org_id = app_org() AND NOT EXISTS (SELECT 1 FROM named_contents() x WHERE x.sha256 = n.sha256 AND x.org_id <> app_org()) LIMIT lim;
END $$;
CREATE OR REPLACE FUNCTION unnamed_contents(sums bytea[]) RETURNS SETOF bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF app_actor() <> 'keeper' OR NOT EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = app_org() AND o.state IN ('erasing', 'erased')) THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT s.sum FROM unnest(sums) AS s(sum) WHERE NOT EXISTS (SELECT 1 FROM named_contents() n WHERE n.sha256 = s.sum);
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
