-- +goose Up
-- A name as it is compared with others: whoever reads it takes no notice of letters' case or of spaces.
CREATE FUNCTION bare_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT lower(regexp_replace(name, '[[:space:]]+', '', 'g')) $$;
DROP INDEX organizations_name;
CREATE INDEX organizations_name ON organizations (bare_name(name));
-- Nobody takes the name of another, neither by changing the own nor by accepting an invitation under it.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_name() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.slug, NEW.created_at) <> (OLD.org_id, OLD.slug, OLD.created_at) THEN
    RAISE insufficient_privilege USING MESSAGE = 'an organization stays what it is';
  END IF;
  IF (TG_OP = 'INSERT' OR bare_name(NEW.name) <> bare_name(OLD.name)) AND EXISTS (SELECT 1 FROM organizations o WHERE bare_name(o.name) = bare_name(NEW.name) AND o.org_id <> NEW.org_id) THEN
    RAISE unique_violation USING MESSAGE = 'the name is another organization''s';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_new_name BEFORE INSERT ON organizations FOR EACH ROW EXECUTE FUNCTION guard_name();
-- +goose Down
SELECT 1;
