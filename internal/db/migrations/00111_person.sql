-- +goose Up
-- Erasing one person of an organization, and handing out what an organization owns.

-- What somebody who is gone wrote under a name is shown as a former member's.
ALTER TABLE questions DROP CONSTRAINT questions_shown_as_check, ADD CONSTRAINT questions_shown_as_check CHECK (shown_as IN ('name', 'company', 'someone', 'former'));
ALTER TABLE answers DROP CONSTRAINT answers_shown_as_check, ADD CONSTRAINT answers_shown_as_check CHECK (shown_as IN ('name', 'company', 'someone', 'former'));

-- What somebody wrote and was written to is found by who it was.
CREATE INDEX answers_member ON answers (org_id, membership_id);
CREATE INDEX resources_author ON resources (org_id, author) WHERE author IS NOT NULL;
CREATE INDEX mails_recipient ON mails (org_id, recipient);

-- Who is being erased, and the receipt of it. It names nobody: the membership that it points to has no name any more.
CREATE TABLE erasures (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  asked_by      uuid NOT NULL,                 -- the person, or an administrator
  posts         text NOT NULL CHECK (posts IN ('keep', 'delete')),
  state         text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
  asked_at      timestamptz NOT NULL,
  finished_at   timestamptz,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('erasures');
CREATE POLICY p_read ON erasures FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
-- A person decides for themselves; for others only an administrator does.
CREATE POLICY p_insert ON erasures FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'member' AND asked_by = (SELECT app_membership()) AND state = 'running'
  AND (membership_id = asked_by OR EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = erasures.org_id AND m.membership_id = asked_by AND m.state = 'active' AND 'administrator' = ANY (m.roles))));
CREATE POLICY p_update ON erasures FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'keeper') WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'keeper');
GRANT SELECT, INSERT, UPDATE ON erasures TO learnscape_app;

-- +goose StatementBegin
-- A member who is being erased does not come back, and neither does one who was.
CREATE FUNCTION guard_erased() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.state <> 'left' AND EXISTS (SELECT 1 FROM erasures e WHERE e.org_id = OLD.org_id AND e.membership_id = OLD.membership_id) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who was erased does not come back';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER guard_erased BEFORE UPDATE OF state ON memberships FOR EACH ROW WHEN (OLD.state = 'left') EXECUTE FUNCTION guard_erased();

CREATE FUNCTION forgetting(member uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS
  $$ SELECT app_actor() = 'keeper' AND EXISTS (SELECT 1 FROM erasures e JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id
       WHERE e.org_id = app_org() AND e.membership_id = member AND e.state = 'running' AND m.state = 'left') $$;
-- forget_rows removes at most lim rows of a member who is being erased from a table that holds what members did, and says how many.
-- It is for what the application itself may not remove: what is private to a member, and the record of activity.
CREATE FUNCTION forget_rows(tbl text, member uuid, lim integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE n integer;
BEGIN
  IF NOT forgetting(member) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only who is being erased is forgotten';
  END IF;
  IF tbl IN ('memberships', 'erasures', 'consents', 'audit', 'disclosures', 'questions', 'answers') OR NOT EXISTS (SELECT 1 FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'membership_id' AND NOT a.attisdropped JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'org_id' AND NOT o.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relname = tbl AND c.relkind IN ('r', 'p') AND NOT c.relispartition) THEN
    RAISE insufficient_privilege USING MESSAGE = format('%s is not forgotten by member', tbl);
  END IF;
  EXECUTE format('DELETE FROM %1$I WHERE org_id = $1 AND membership_id = $2 AND ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE org_id = $1 AND membership_id = $2 LIMIT $3))', tbl) USING app_org(), member, lim;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END $$;
-- forget_member takes everything from a membership that says whose it was: it becomes a pseudonym, and stands for a person of its own,
-- so that nothing leads from it to the person's other memberships. Who is nobody elsewhere goes as well.
CREATE FUNCTION forget_member(member uuid, former text, nobody uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE was uuid;
BEGIN
  IF NOT forgetting(member) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only who is being erased is forgotten';
  END IF;
  SELECT m.person_id INTO was FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = member FOR UPDATE;
  INSERT INTO persons (person_id) VALUES (nobody);
  UPDATE memberships SET person_id = nobody, name = former, email = member || '@erased.invalid', title = '', purpose = '', roles = '{learner}', theme = 'auto', locale = DEFAULT, seen_at = NULL
    WHERE org_id = app_org() AND membership_id = member;
  DELETE FROM persons p WHERE p.person_id = was AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.person_id = was);
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION forget_rows, forget_member FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_rows, forget_member TO learnscape_app;

-- Copies of everything that an organization owns, each a file that its administrators can fetch until it is removed.
CREATE TABLE exports (
  org_id      uuid NOT NULL REFERENCES organizations,
  export_id   uuid NOT NULL,
  asked_by    uuid NOT NULL,
  state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled', 'removed')),
  done        integer NOT NULL DEFAULT 0 CHECK (done >= 0),
  total       integer NOT NULL DEFAULT 0 CHECK (total >= done),  -- tables and files
  sha256      bytea CHECK ((sha256 IS NOT NULL) = (state = 'done')),
  size        bigint NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL,
  finished_at timestamptz,
  until       timestamptz,                     -- nobody fetches it from then on
  PRIMARY KEY (org_id, export_id)
);
CREATE INDEX exports_recent ON exports (org_id, created_at DESC, export_id);
-- One at a time.
CREATE UNIQUE INDEX exports_running ON exports (org_id) WHERE state = 'running';
CALL wall('exports');
CREATE POLICY p_read ON exports FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND ((SELECT app_actor()) = 'keeper'
  OR EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = exports.org_id AND m.membership_id = (SELECT app_membership()) AND m.state = 'active' AND 'administrator' = ANY (m.roles))));
CREATE POLICY p_insert ON exports FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'member' AND asked_by = (SELECT app_membership()) AND state = 'running'
  AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = exports.org_id AND m.membership_id = asked_by AND m.state = 'active' AND 'administrator' = ANY (m.roles)));
-- An administrator cancels; what is made is made and removed by the keeper.
CREATE POLICY p_cancel ON exports FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND state = 'running' AND (SELECT app_actor()) = 'member')
  WITH CHECK (org_id = (SELECT app_org()) AND state = 'cancelled');
CREATE POLICY p_keep ON exports FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'keeper') WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'keeper');
GRANT SELECT, INSERT, UPDATE ON exports TO learnscape_app;

-- +goose StatementBegin
-- last_contents as it was, with the copies that were handed out.
CREATE OR REPLACE FUNCTION last_contents(lim integer) RETURNS SETOF bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT erasing(app_org()) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only what is being erased is asked for';
  END IF;
  RETURN QUERY SELECT DISTINCT f.sha256 FROM (SELECT x.sha256, x.org_id FROM files x WHERE x.org_id = app_org() UNION ALL SELECT e.sha256, e.org_id FROM exports e WHERE e.org_id = app_org() AND e.sha256 IS NOT NULL) f
    WHERE NOT EXISTS (SELECT 1 FROM files x WHERE x.sha256 = f.sha256 AND x.org_id <> f.org_id) LIMIT lim;
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
