-- +goose Up
-- An organization's logo: a PNG in the blob store, shown beside its name to whoever sees the name. plate is what stands behind one that
-- is transparent: light, dark or none.
ALTER TABLE organizations
  ADD COLUMN logo_sha256 bytea CHECK (length(logo_sha256) = 32),
  ADD COLUMN logo_plate  text NOT NULL DEFAULT 'none' CHECK (logo_plate IN ('none', 'light', 'dark')),
  ADD COLUMN branded_at  timestamptz;           -- when an administrator chose the brand; NULL while it is as it was made
CREATE INDEX organizations_logo ON organizations (logo_sha256) WHERE logo_sha256 IS NOT NULL;
CREATE INDEX organizations_name ON organizations (lower(name));
-- Who acts for an organization changes how it looks, and neither where it lives nor whether it does. Nobody takes the name of another.
-- +goose StatementBegin
CREATE FUNCTION guard_name() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF (NEW.org_id, NEW.slug, NEW.created_at) <> (OLD.org_id, OLD.slug, OLD.created_at) THEN
    RAISE insufficient_privilege USING MESSAGE = 'an organization stays what it is';
  END IF;
  IF lower(NEW.name) <> lower(OLD.name) AND EXISTS (SELECT 1 FROM organizations o WHERE lower(o.name) = lower(NEW.name) AND o.org_id <> NEW.org_id) THEN
    RAISE unique_violation USING MESSAGE = 'the name is another organization''s';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_name BEFORE UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION guard_name();
-- What an administrator said of the first steps that no other row says: looked around as a learner, put the list away.
CREATE TABLE setup_marks (
  org_id    uuid NOT NULL REFERENCES organizations,
  mark      text NOT NULL CHECK (mark IN ('looked', 'away')),
  marked_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, mark)
);
CALL own('setup_marks');
-- A step that was sent to somebody who is no member, such as whoever looks after the DNS: a link lets that address see one domain's record
-- and have it looked for, until the record is there.
CREATE TABLE errands (
  org_id     uuid NOT NULL REFERENCES organizations,
  token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
  email      text NOT NULL CHECK (email = lower(email)),
  domain     text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, token_hash),
  FOREIGN KEY (org_id, domain) REFERENCES domains ON DELETE CASCADE
);
CREATE INDEX errands_domain ON errands (org_id, domain);
CALL own('errands');
-- +goose Down
SELECT 1;
