-- +goose Up
-- What an organization's identity provider says of its people and groups (SCIM 2.0, RFC 7643). A member whom it has never named is
-- called by the address. One that it deleted keeps the records; address and name are free again for somebody else.
ALTER TABLE memberships
  ADD COLUMN user_name   text CHECK (length(user_name) BETWEEN 1 AND 254),
  ADD COLUMN called      text CHECK (called = lower(user_name)), -- a column, because row policies keep lower() from an index
  ADD COLUMN external_id text NOT NULL DEFAULT '', -- what the provider calls them
  ADD COLUMN given_name  text NOT NULL DEFAULT '',
  ADD COLUMN family_name text NOT NULL DEFAULT '',
  ADD COLUMN removed_at  timestamptz,
  ADD COLUMN version     bigint NOT NULL DEFAULT 1,
  ADD COLUMN changed_at  timestamptz;              -- NULL: not since they were added
DROP INDEX memberships_email;
CREATE UNIQUE INDEX memberships_email ON memberships (org_id, email) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX memberships_called ON memberships (org_id, called) WHERE removed_at IS NULL;
CREATE INDEX memberships_external ON memberships (org_id, external_id) WHERE external_id <> '';
-- +goose StatementBegin
CREATE FUNCTION version_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  NEW.changed_at := now();
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER version_up BEFORE UPDATE OF user_name, external_id, given_name, family_name, name, email, title, locale, state, removed_at ON memberships
  FOR EACH ROW EXECUTE FUNCTION version_up();

ALTER TABLE teams ADD COLUMN version bigint NOT NULL DEFAULT 1, ADD COLUMN changed_at timestamptz;
CREATE INDEX teams_external ON teams (org_id, external) WHERE external <> '';
CREATE TRIGGER version_up BEFORE UPDATE OF name, external ON teams FOR EACH ROW EXECUTE FUNCTION version_up();
-- A team is another when somebody else is in it.
-- +goose StatementBegin
CREATE FUNCTION team_version_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE teams t SET version = t.version + 1, changed_at = now() WHERE (t.org_id, t.team_id) IN (SELECT DISTINCT c.org_id, c.team_id FROM changed c);
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER team_version_up_in AFTER INSERT ON team_members REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION team_version_up();
CREATE TRIGGER team_version_up_out AFTER DELETE ON team_members REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION team_version_up();
-- +goose Down
SELECT 1;
