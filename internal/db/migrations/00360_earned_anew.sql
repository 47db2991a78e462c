-- +goose Up
-- Who earns again, after it was taken back, what they had earned before gets a new credential beside the old one.
ALTER TABLE credentials ADD anew integer NOT NULL DEFAULT 0 CHECK (anew >= 0); -- how many of the same there were before
ALTER TABLE credentials DROP CONSTRAINT credentials_org_id_membership_id_issuer_item_id_key;
ALTER TABLE credentials ADD UNIQUE (org_id, membership_id, issuer, item_id, anew);
-- +goose StatementBegin
DO $$
DECLARE
  was text := pg_get_functiondef('guard_credential'::regproc);
  now text := replace(was, E'  RETURN NEW;\nEND', E'  IF TG_OP = ''INSERT'' AND EXISTS (SELECT 1 FROM credentials c LEFT JOIN credential_revocations r ON r.org_id = c.issuer AND r.list = c.list AND r.slot = c.slot
      WHERE c.org_id = NEW.org_id AND c.membership_id = NEW.membership_id AND c.issuer = NEW.issuer AND c.item_id = NEW.item_id AND c.anew <> NEW.anew AND (r.at IS NULL OR r.at >= NEW.issued_at)) THEN
    RAISE insufficient_privilege USING MESSAGE = ''what was taken back is given for what was earned after that'';
  END IF;
  RETURN NEW;\nEND');
BEGIN
  IF was = now THEN
    RAISE 'the guard of credentials is another';
  END IF;
  EXECUTE now;
END $$;
-- What counts of a person and an item is the last credential.
CREATE OR REPLACE FUNCTION record_credentials(members uuid[]) RETURNS TABLE (membership_id uuid, issuer uuid, item_id uuid, expires_at timestamptz, revoked boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.membership_id, c.issuer, c.item_id, c.expires_at, EXISTS (SELECT 1 FROM credential_revocations r WHERE r.org_id = c.issuer AND r.list = c.list AND r.slot = c.slot)
  FROM (SELECT u.m FROM unnest(members) AS u(m) WHERE app_actor() = 'member' AND (u.m = app_membership() OR looks_after(u.m))) k JOIN credentials c ON c.org_id = app_org() AND c.membership_id = k.m
  WHERE EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = c.org_id AND e.membership_id = c.membership_id AND e.item_org = c.issuer AND e.item_id = c.item_id)
    AND NOT EXISTS (SELECT 1 FROM credentials n WHERE n.org_id = c.org_id AND n.membership_id = c.membership_id AND n.issuer = c.issuer AND n.item_id = c.item_id AND n.anew > c.anew)
$$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
