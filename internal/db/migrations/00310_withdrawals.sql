-- +goose Up
-- A published version can be withdrawn: for security, for law, or because it is wrong. Its lessons and what only they show are then read by
-- those alone who write them; what was learned in it stays in everybody's record.
ALTER TABLE versions ADD withdrawn boolean NOT NULL DEFAULT false;
ALTER TABLE lessons ADD withdrawn boolean NOT NULL DEFAULT false;
ALTER TABLE lesson_texts ADD withdrawn boolean NOT NULL DEFAULT false;
ALTER TABLE files ADD withdrawn boolean NOT NULL DEFAULT false;
-- +goose StatementBegin
-- What was published never changes; that it is everybody's, and that it is withdrawn, is all that can be said of it later.
CREATE OR REPLACE FUNCTION guard_released() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND (NEW.pilot OR to_jsonb(NEW) - '{pilot,withdrawn}'::text[] <> to_jsonb(OLD) - '{pilot,withdrawn}'::text[]) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a published version does not change';
  END IF;
  RETURN NEW;
END $$;
-- Who acts for the owner itself: to carry out what was signed, to hand out and erase, to look after the installation.
CREATE FUNCTION app_keeps() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT app_actor() IN ('agreement', 'keeper', 'operator') $$;
-- +goose StatementEnd
CREATE POLICY p_withdrawn ON lessons AS RESTRICTIVE FOR SELECT TO learnscape_app USING (NOT withdrawn OR org_id = (SELECT app_org()) AND (SELECT app_view()) IS NULL AND ((SELECT app_writes()) OR (SELECT app_keeps())));
CREATE POLICY p_withdrawn ON lesson_texts AS RESTRICTIVE FOR SELECT TO learnscape_app USING (NOT withdrawn OR org_id = (SELECT app_org()) AND (SELECT app_view()) IS NULL AND ((SELECT app_writes()) OR (SELECT app_keeps())));
CREATE POLICY p_withdrawn ON files AS RESTRICTIVE FOR SELECT TO learnscape_app USING (NOT withdrawn OR org_id = (SELECT app_org()) AND (SELECT app_view()) IS NULL AND ((SELECT app_writes()) OR (SELECT app_keeps())));

-- Why, and what new starts get instead.
CREATE TABLE withdrawals (
  org_id       uuid NOT NULL,
  item_id      uuid NOT NULL,
  version      integer NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('security', 'legal', 'wrong')),
  reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),     -- as everybody reads it who was in it
  instead      integer NOT NULL DEFAULT 0 CHECK (instead >= 0),            -- the version in force afterwards; 0: the item closed
  was_in_force boolean NOT NULL DEFAULT false,
  cause_org    uuid,                                                       -- of a path: the course in it that was withdrawn
  cause_item   uuid,
  cause_version integer,
  withdrawn_by uuid,                                                       -- NULL for a path that followed a course
  withdrawn_at timestamptz NOT NULL,
  undone_by    uuid,
  undone_at    timestamptz,
  CHECK ((cause_org IS NULL) = (cause_item IS NULL) AND (cause_org IS NULL) = (cause_version IS NULL)),
  PRIMARY KEY (org_id, item_id, version),
  FOREIGN KEY (org_id, item_id, version) REFERENCES versions
);
CALL own('withdrawals');

-- What an organization is told of a version in which its people were, or which its library had: its own, written for it by whoever carries
-- it out, and read while the other's course is closed, too.
CREATE TABLE withdrawal_notes (
  org_id       uuid NOT NULL REFERENCES organizations,
  item_org     uuid NOT NULL,
  item_id      uuid NOT NULL,
  version      integer NOT NULL,
  title        text NOT NULL,                                              -- of the course or path
  item_kind    text NOT NULL CHECK (item_kind IN ('course', 'path')),
  kind         text NOT NULL CHECK (kind IN ('security', 'legal', 'wrong')),
  reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
  instead      integer NOT NULL DEFAULT 0,
  library      boolean NOT NULL DEFAULT false,                             -- the library gave it to new starts
  withdrawn_at timestamptz NOT NULL,
  undone_at    timestamptz,
  PRIMARY KEY (org_id, item_org, item_id, version)
);
CALL wall('withdrawal_notes');
CREATE POLICY p_read ON withdrawal_notes FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_carry ON withdrawal_notes TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'agreement') WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'agreement');
GRANT SELECT, INSERT, UPDATE, DELETE ON withdrawal_notes TO learnscape_app;

-- Who was moved, from which version, whether they were told by mail, and in which version they finished what they had finished.
ALTER TABLE enrollments ADD forced_from integer, ADD forced_told boolean NOT NULL DEFAULT false, ADD finished_in integer;
CREATE INDEX enrollments_forced ON enrollments (org_id, item_org, item_id, forced_from) WHERE forced_from IS NOT NULL;
-- +goose StatementBegin
-- Nobody begins, or comes back to, what is withdrawn: they get the version in force.
CREATE FUNCTION guard_withdrawn() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  in_force integer;
BEGIN
  SELECT i.version INTO in_force FROM versions v JOIN items i ON i.org_id = v.org_id AND i.item_id = v.item_id AND i.state = 'published'
    WHERE v.org_id = NEW.item_org AND v.item_id = NEW.item_id AND v.version = NEW.version AND v.withdrawn;
  NEW.version := coalesce(in_force, NEW.version);
  RETURN NEW;
END $$;
-- A credential says in which version it was earned, also when its holder was moved to another one since.
DO $$
DECLARE
  was text := pg_get_functiondef('guard_credential'::regproc);
  now text := replace(was, 'e.version = NEW.version', 'coalesce(e.finished_in, e.version) = NEW.version');
BEGIN
  IF was = now THEN
    RAISE 'the guard of credentials is another';
  END IF;
  EXECUTE now;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_withdrawn BEFORE INSERT OR UPDATE OF version ON enrollments FOR EACH ROW EXECUTE FUNCTION guard_withdrawn();
-- Who wants no mail about it.
CREATE TABLE quiet_withdrawals (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('quiet_withdrawals');
-- +goose Down
SELECT 1;
