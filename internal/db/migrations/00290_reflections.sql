-- +goose Up
-- A reflection says where it was written and on what question, so that it can be read where the lesson has closed, and which edition of it
-- stands there: whoever saves over words that they have not read is told.
ALTER TABLE reflections ADD reflection_id uuid;
ALTER TABLE reflections ALTER reflection_id SET DEFAULT gen_random_uuid();
UPDATE reflections SET reflection_id = gen_random_uuid() WHERE reflection_id IS NULL;
ALTER TABLE reflections ALTER reflection_id SET NOT NULL, ADD UNIQUE (org_id, reflection_id, membership_id),
  ADD root_kind text NOT NULL DEFAULT '' CHECK (root_kind IN ('', 'course', 'path')), -- where the lesson was read
  ADD root_id   uuid,
  ADD step_key  text NOT NULL DEFAULT '',
  ADD title     text NOT NULL DEFAULT '',      -- of the lesson, when it was written
  ADD asked     text NOT NULL DEFAULT '',      -- the question
  ADD edition   integer NOT NULL DEFAULT 1 CHECK (edition > 0),
  ADD window_id text NOT NULL DEFAULT '' CHECK (length(window_id) <= 50); -- of the browser in which it was saved
CREATE INDEX reflections_recent ON reflections (org_id, membership_id, updated_at DESC, reflection_id DESC);
-- With whom somebody shares a reflection: with a colleague, with a team of their own, or with somebody of a connected organization who wrote
-- under their name where the writer could read it. What is shared is how it read then; what is written on stays private.
CREATE TABLE reflection_shares (
  org_id        uuid NOT NULL,                 -- the organization for which the writer learns
  reflection_id uuid NOT NULL,
  membership_id uuid NOT NULL,                 -- who wrote it
  item_org      uuid NOT NULL,                 -- what it is about
  item_id       uuid NOT NULL,
  reader_org    uuid NOT NULL,
  reader        uuid,                          -- NULL for a team
  team_id       uuid,
  met_in        uuid,                          -- the question or answer that the reader wrote; NULL within the organization
  shown_name    text NOT NULL DEFAULT '',      -- the name that readers of another organization may see; '' for the organization's alone
  body          text NOT NULL CHECK (length(body) BETWEEN 1 AND 10000),
  shared_at     timestamptz NOT NULL,
  PRIMARY KEY (org_id, reflection_id),
  FOREIGN KEY (org_id, reflection_id, membership_id) REFERENCES reflections (org_id, reflection_id, membership_id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, team_id) REFERENCES teams ON DELETE CASCADE,
  CHECK (reader IS NULL OR team_id IS NULL),
  CHECK (team_id IS NULL OR reader_org = org_id),
  CHECK (met_in IS NULL OR reader_org <> org_id),
  CHECK (reader <> membership_id)
);
CREATE INDEX reflection_shares_reader ON reflection_shares (reader_org, reader, shared_at DESC, reflection_id DESC) WHERE reader IS NOT NULL;
CREATE INDEX reflection_shares_team ON reflection_shares (org_id, team_id, shared_at DESC, reflection_id DESC) WHERE team_id IS NOT NULL;
CALL wall('reflection_shares');
CREATE POLICY p_mine ON reflection_shares TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_reader ON reflection_shares FOR SELECT TO learnscape_app USING (reader_org = (SELECT app_org()) AND reader = (SELECT app_membership()) AND (org_id = (SELECT app_org()) OR meets(org_id)));
CREATE POLICY p_team ON reflection_shares FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org())
  AND team_id IN (SELECT x.team_id FROM team_members x WHERE x.org_id = (SELECT app_org()) AND x.membership_id = (SELECT app_membership())));
CREATE POLICY p_resting ON reflection_shares AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
GRANT SELECT, INSERT, UPDATE, DELETE ON reflection_shares TO learnscape_app;
-- +goose StatementBegin
-- People share what they wrote themselves, as it reads, under their own name or none, with who is there for them: nobody is written to in
-- another organization whose name the writer was not shown.
CREATE FUNCTION guard_reflection_share() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE there boolean;
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF app_actor() <> 'member' OR NEW.shown_name NOT IN ('', (SELECT m.name FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.membership_id)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people share under their own name or none';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM reflections r WHERE r.org_id = NEW.org_id AND r.reflection_id = NEW.reflection_id AND (r.item_org, r.item_id) = (NEW.item_org, NEW.item_id)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a reflection is about what it was written on';
  END IF;
  there := CASE
    WHEN NEW.team_id IS NOT NULL THEN EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = NEW.org_id AND x.team_id = NEW.team_id AND x.membership_id = NEW.membership_id)
    WHEN NEW.reader_org = NEW.org_id THEN EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.reader AND m.state = 'active')
    ELSE EXISTS (SELECT 1 FROM connection_sides s JOIN connection_sides b ON b.org_id = s.other_org AND b.other_org = s.org_id
        WHERE s.org_id = NEW.org_id AND s.other_org = NEW.reader_org AND s.state = 'active' AND s.meet <> 'none' AND b.meet = 'name' AND (NEW.shown_name = '' OR s.meet = 'name'))
      AND (EXISTS (SELECT 1 FROM questions q WHERE q.org_id = NEW.reader_org AND q.question_id = NEW.met_in AND q.membership_id = NEW.reader AND q.shown_as = 'name' AND q.state <> 'withdrawn')
        OR EXISTS (SELECT 1 FROM answers a WHERE a.org_id = NEW.reader_org AND a.answer_id = NEW.met_in AND a.membership_id = NEW.reader AND a.shown_as = 'name' AND a.state = 'shown'))
    END;
  IF NOT there THEN
    RAISE insufficient_privilege USING MESSAGE = 'nobody is there to share it with';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_reflection_share BEFORE INSERT OR UPDATE ON reflection_shares FOR EACH ROW EXECUTE FUNCTION guard_reflection_share();
-- +goose Down
SELECT 1;
