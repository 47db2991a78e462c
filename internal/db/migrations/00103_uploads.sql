-- +goose Up
-- A file that is put while its organization is being erased stays nowhere: either its row was there before, and its content goes with
-- the others, or the row is refused and who put the content takes it back. The lock makes the two wait for each other.
-- +goose StatementBegin
CREATE FUNCTION guard_file() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM organizations o WHERE o.org_id = NEW.org_id FOR SHARE;
  IF current_user = 'learnscape_app' AND EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = NEW.org_id AND o.state IN ('erasing', 'erased')) THEN
    RAISE insufficient_privilege USING MESSAGE = 'nothing is added to what is being erased';
  END IF;
  RETURN NEW;
END $$;
-- The digests of all content that the organization names and nobody else does.
CREATE OR REPLACE FUNCTION last_contents(lim integer) RETURNS SETOF bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT erasing(app_org()) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only what is being erased is asked for';
  END IF;
  RETURN QUERY SELECT x.sum FROM (SELECT f.sha256 AS sum FROM files f WHERE f.org_id = app_org()
      UNION SELECT o.logo_sha256 FROM organizations o WHERE o.org_id = app_org() AND o.logo_sha256 IS NOT NULL) x
    WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.sha256 = x.sum AND f.org_id <> app_org()) AND NOT EXISTS (SELECT 1 FROM organizations o WHERE o.logo_sha256 = x.sum AND o.org_id <> app_org()) LIMIT lim;
END $$;
-- Those of the digests that nobody names, asked by the keeper of an organization that is being erased or was.
CREATE FUNCTION unnamed_contents(sums bytea[]) RETURNS SETOF bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF app_actor() <> 'keeper' OR NOT EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = app_org() AND o.state IN ('erasing', 'erased')) THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT s.sum FROM unnest(sums) AS s(sum)
    WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.sha256 = s.sum) AND NOT EXISTS (SELECT 1 FROM organizations o WHERE o.logo_sha256 = s.sum);
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_file BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION guard_file();
REVOKE EXECUTE ON FUNCTION unnamed_contents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unnamed_contents TO learnscape_app;
-- +goose Down
SELECT 1;
