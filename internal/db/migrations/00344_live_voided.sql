-- +goose Up
-- That somebody came to a live session was noted by mistake and taken back, by whose session it is, with a reason. The row is the
-- organization's for which the person learns; they read it, and whoever looks after them. Noted again, it goes.
CREATE TABLE live_voided (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  session_id    uuid NOT NULL,
  session_org   uuid NOT NULL,
  title         text NOT NULL,                                         -- of the session
  starts_at     timestamptz NOT NULL,
  reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 300), -- as its person reads it
  voided_by     uuid,                                                  -- of the session's organization
  voided_at     timestamptz NOT NULL,
  again         boolean NOT NULL DEFAULT false,                        -- it was noted again that they came, and they are to be told
  items         uuid[] NOT NULL DEFAULT '{}',                          -- courses and paths in which something is open again by it
  carried_at    timestamptz,                                           -- when what follows was done, and they were told
  PRIMARY KEY (org_id, membership_id, session_id),
  FOREIGN KEY (org_id, membership_id, session_id) REFERENCES live_seats ON DELETE CASCADE
);
CALL wall('live_voided');
CREATE POLICY p_own ON live_voided FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) IN ('usher', 'keeper') OR looks_after(membership_id)));
CREATE POLICY p_host ON live_voided FOR SELECT TO learnscape_app USING (session_org = (SELECT app_org()) AND (SELECT app_actor()) = 'usher');
CREATE POLICY p_void ON live_voided FOR INSERT TO learnscape_app WITH CHECK (session_org = (SELECT app_org()) AND (SELECT app_actor()) = 'usher'
  AND EXISTS (SELECT 1 FROM live_seats s WHERE s.org_id = live_voided.org_id AND s.membership_id = live_voided.membership_id AND s.session_id = live_voided.session_id AND s.session_org = (SELECT app_org()) AND NOT s.attended));
CREATE POLICY p_carry ON live_voided FOR UPDATE TO learnscape_app USING ((SELECT app_org()) IN (org_id, session_org) AND (SELECT app_actor()) = 'usher') WITH CHECK ((SELECT app_org()) IN (org_id, session_org) AND (SELECT app_actor()) = 'usher');
CREATE POLICY p_gone ON live_voided FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('usher', 'keeper'));
GRANT SELECT, INSERT, UPDATE, DELETE ON live_voided TO learnscape_app;
-- +goose StatementBegin
-- What follows is done where the person learns; whose session it is takes back, and notes again, and nothing else.
CREATE FUNCTION guard_live_voided() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  may text[] := CASE WHEN NEW.org_id = app_org() THEN '{items,carried_at}'::text[] ELSE '{}' END || CASE WHEN NEW.session_org = app_org() THEN '{reason,voided_by,voided_at,again,items,carried_at}'::text[] ELSE '{}' END;
BEGIN
  IF current_user = 'learnscape_app' AND (to_jsonb(NEW) - may <> to_jsonb(OLD) - may OR NEW.org_id <> app_org() AND (NEW.items <> '{}' AND NEW.items <> OLD.items OR NEW.carried_at IS NOT NULL)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what is said of somebody''s coming stays what it is';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_live_voided BEFORE UPDATE ON live_voided FOR EACH ROW EXECUTE FUNCTION guard_live_voided();
-- +goose Down
DROP TABLE live_voided;
DROP FUNCTION guard_live_voided;
