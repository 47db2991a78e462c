-- +goose Up
-- What an organization took into its library: a path or course of another, and how it takes updates. Nothing is copied, and the row
-- gives no right: whoever reads the item reads it through the grant, so that what has closed stays here as a line and no more.
CREATE TABLE adoptions (
  org_id     uuid NOT NULL REFERENCES organizations, -- the adopter
  item_org   uuid NOT NULL,
  item_id    uuid NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('course', 'path')),
  title      text NOT NULL,                    -- as it was called when the version was chosen
  updates    text NOT NULL CHECK (updates IN ('follow', 'ask', 'stay')),
  version    integer NOT NULL CHECK (version > 0), -- what new starts get, unless it follows
  previous   integer NOT NULL DEFAULT 0,       -- what they got before; 0 for nothing to go back to
  postponed  integer NOT NULL DEFAULT 0,       -- the newest version that somebody said "not yet" to
  adopted_by uuid, adopted_at timestamptz NOT NULL,
  decided_by uuid, decided_at timestamptz,     -- who chose the version or said "not yet", last
  PRIMARY KEY (org_id, item_org, item_id)
);
CREATE INDEX adoptions_title ON adoptions (org_id, lower(title), item_id);
CALL own('adoptions');
-- Only what a grant opens to the organization itself is taken into its library, and only a version that there is. The two read
-- grants and versions under the policies of who acts.
-- +goose StatementBegin
CREATE FUNCTION guard_adoption() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.item_org, NEW.item_id, NEW.kind, NEW.adopted_by, NEW.adopted_at) IS DISTINCT FROM (OLD.org_id, OLD.item_org, OLD.item_id, OLD.kind, OLD.adopted_by, OLD.adopted_at) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what was adopted by whom stays as it is';
  END IF;
  IF NEW.item_org = NEW.org_id OR NOT EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      WHERE ci.org_id = NEW.item_org AND ci.item_id = NEW.item_id AND ci.listed_at IS NOT NULL AND ci.kind <> 'part' AND g.viewer_org = NEW.org_id AND (g.until IS NULL OR g.until > now()))
    OR NOT EXISTS (SELECT 1 FROM versions v WHERE v.org_id = NEW.item_org AND v.item_id = NEW.item_id AND v.version = NEW.version) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only what is opened to the organization is adopted';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_adoption BEFORE INSERT OR UPDATE ON adoptions FOR EACH ROW EXECUTE FUNCTION guard_adoption();
-- +goose Down
DROP TABLE adoptions;
