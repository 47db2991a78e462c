-- +goose Up
-- What somebody hands in for a task of a lesson, each time anew until whoever looks at it finds it done, and what that one says. It is between
-- the two: nobody else of the organization reads it. Authors of another organization do where the person said yes and the two meet.
CREATE TABLE submissions (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  submission_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,
  task_key      text NOT NULL,
  root_kind     text NOT NULL CHECK (root_kind IN ('course', 'path')), -- where the lesson was read, so that one finds it again
  root_id       uuid NOT NULL,
  step_key      text NOT NULL DEFAULT '',
  title         text NOT NULL,                 -- of the task
  reviewed_by   text NOT NULL CHECK (reviewed_by IN ('peer', 'mentor', 'author')),
  reviewer      uuid,                          -- a colleague; NULL for any author of the lesson
  across        boolean NOT NULL DEFAULT false,-- the person agreed that authors of another organization read it
  shown_name    text NOT NULL DEFAULT '',      -- the name that those may see; '' for the organization's alone
  state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'again', 'done')),
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, submission_id),
  UNIQUE (org_id, membership_id, item_org, item_id, lesson_key, task_key),
  UNIQUE (org_id, submission_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  FOREIGN KEY (org_id, reviewer) REFERENCES memberships (org_id, membership_id),
  CHECK (reviewer IS NULL OR reviewed_by <> 'author'),
  CHECK (reviewer <> membership_id),
  CHECK (NOT across OR reviewed_by = 'author' AND item_org <> org_id),
  CHECK (shown_name = '' OR across)
);
CREATE INDEX submissions_recent ON submissions (org_id, membership_id, updated_at DESC, submission_id DESC);
CREATE INDEX submissions_reviewer ON submissions (org_id, reviewer, updated_at DESC, submission_id DESC) WHERE reviewer IS NOT NULL;
CREATE INDEX submissions_authors ON submissions (item_org, updated_at DESC, submission_id DESC) WHERE reviewer IS NULL;
CREATE TABLE submission_turns (
  org_id        uuid NOT NULL,
  submission_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  number        integer NOT NULL CHECK (number BETWEEN 1 AND 50),
  version       integer NOT NULL,              -- of the lesson, whose rubric it is
  rubric        jsonb NOT NULL CHECK (pg_column_size(rubric) < 100000),
  words         text NOT NULL DEFAULT '' CHECK (length(words) <= 20000),
  link          text NOT NULL DEFAULT '' CHECK (length(link) <= 2000),
  evidence_id   uuid,
  file_name     text NOT NULL DEFAULT '' CHECK (length(file_name) <= 200),
  media_type    text NOT NULL DEFAULT '',
  sha256        bytea CHECK (length(sha256) = 32),
  size          bigint NOT NULL DEFAULT 0,
  handed_at     timestamptz NOT NULL,
  PRIMARY KEY (org_id, submission_id, number),
  FOREIGN KEY (org_id, submission_id, membership_id) REFERENCES submissions (org_id, submission_id, membership_id) ON DELETE CASCADE,
  CHECK ((evidence_id IS NULL) = (sha256 IS NULL))
);
CREATE TABLE submission_answers (
  org_id        uuid NOT NULL,                 -- of the learner
  submission_id uuid NOT NULL,
  number        integer NOT NULL,
  membership_id uuid NOT NULL,                 -- the learner, whose record it is
  by_org        uuid NOT NULL,
  by_member     uuid,                          -- who answered, within the own organization; of another organization one learns no more
  verdict       text NOT NULL CHECK (verdict IN ('again', 'done')),
  marks         integer[] NOT NULL,            -- of each criterion the level, from 0
  words         text NOT NULL DEFAULT '' CHECK (length(words) <= 4000),
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, submission_id, number),
  FOREIGN KEY (org_id, submission_id, number) REFERENCES submission_turns ON DELETE CASCADE,
  CHECK (by_member IS NULL OR by_org = org_id)
);
-- How much room the files take, for the organization's quota: neither whose they are nor what. One that is named no more has gone_at until its
-- content is removed.
CREATE TABLE evidence_files (
  org_id      uuid NOT NULL REFERENCES organizations,
  evidence_id uuid NOT NULL,
  sha256      bytea NOT NULL CHECK (length(sha256) = 32),
  size        bigint NOT NULL CHECK (size >= 0),
  gone_at     timestamptz,
  PRIMARY KEY (org_id, evidence_id)
);
CREATE INDEX evidence_files_content ON evidence_files (sha256);
CREATE INDEX evidence_files_gone ON evidence_files (org_id, gone_at) WHERE gone_at IS NOT NULL;
CALL own('evidence_files');
CREATE TRIGGER guard_file BEFORE INSERT ON evidence_files FOR EACH ROW EXECUTE FUNCTION guard_file();
CREATE OR REPLACE FUNCTION named_contents() RETURNS TABLE (org_id uuid, sha256 bytea) LANGUAGE sql STABLE AS $$
  SELECT f.org_id, f.sha256 FROM files f
  UNION ALL SELECT o.org_id, o.logo_sha256 FROM organizations o WHERE o.logo_sha256 IS NOT NULL
  UNION ALL SELECT e.org_id, e.sha256 FROM exports e WHERE e.sha256 IS NOT NULL
  UNION ALL SELECT f.org_id, f.sha256 FROM draft_files f
  UNION ALL SELECT c.org_id, c.sha256 FROM course_imports c WHERE c.sha256 IS NOT NULL
  UNION ALL SELECT e.org_id, e.sha256 FROM evidence_files e $$;

CALL wall('submissions'); CALL wall('submission_turns'); CALL wall('submission_answers');
-- Whether who acts writes for the own organization.
CREATE FUNCTION app_writes() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT app_actor() = 'member' AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{author,administrator}') $$;
CREATE POLICY p_mine ON submissions TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_reviewer ON submissions FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND reviewer = (SELECT app_membership()));
CREATE POLICY p_authors ON submissions FOR SELECT TO learnscape_app USING (reviewed_by = 'author' AND item_org = (SELECT app_org())
  AND (org_id = (SELECT app_org()) OR across AND meets(org_id)) AND (SELECT app_writes()));
CREATE POLICY p_answer ON submissions FOR UPDATE TO learnscape_app USING (state = 'waiting' AND (org_id = (SELECT app_org()) AND reviewer = (SELECT app_membership())
  OR reviewed_by = 'author' AND item_org = (SELECT app_org()) AND (org_id = (SELECT app_org()) OR across AND meets(org_id)) AND (SELECT app_writes())))
  WITH CHECK (state IN ('again', 'done'));
CREATE POLICY p_resting ON submissions AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
GRANT SELECT, INSERT, UPDATE, DELETE ON submissions TO learnscape_app;
CREATE POLICY p_read ON submission_turns FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM submissions s WHERE s.org_id = submission_turns.org_id AND s.submission_id = submission_turns.submission_id));
CREATE POLICY p_insert ON submission_turns FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_delete ON submission_turns FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
GRANT SELECT, INSERT, DELETE ON submission_turns TO learnscape_app;
CREATE POLICY p_read ON submission_answers FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM submissions s WHERE s.org_id = submission_answers.org_id AND s.submission_id = submission_answers.submission_id));
CREATE POLICY p_insert ON submission_answers FOR INSERT TO learnscape_app WITH CHECK ((SELECT app_actor()) = 'operator' AND org_id = (SELECT app_org())
  OR by_org = (SELECT app_org()) AND by_member IS NOT DISTINCT FROM (CASE WHEN org_id = (SELECT app_org()) THEN (SELECT app_membership()) END)
  AND EXISTS (SELECT 1 FROM submissions s WHERE s.org_id = submission_answers.org_id AND s.submission_id = submission_answers.submission_id AND s.membership_id = submission_answers.membership_id AND s.state = 'waiting'
    AND (s.org_id <> (SELECT app_org()) OR s.membership_id <> (SELECT app_membership()))));
GRANT SELECT, INSERT ON submission_answers TO learnscape_app;

-- Nobody finds their own work done, and whoever looks at it changes nothing but that.
-- +goose StatementBegin
CREATE FUNCTION guard_submission() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE mine boolean := NEW.org_id = app_org() AND NEW.membership_id = app_membership();
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() <> 'member' THEN
    RETURN NEW;
  END IF;
  IF mine AND NEW.state <> 'waiting' AND (NEW.state <> 'again' OR NOT EXISTS (SELECT 1 FROM submission_answers a WHERE a.org_id = NEW.org_id AND a.submission_id = NEW.submission_id AND a.verdict = 'again'
      AND a.number = (SELECT max(t.number) FROM submission_turns t WHERE t.org_id = NEW.org_id AND t.submission_id = NEW.submission_id))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'nobody answers to themselves';
  ELSIF TG_OP = 'UPDATE' THEN
    IF OLD.state = 'done' THEN
      RAISE insufficient_privilege USING MESSAGE = 'what is done stands';
    ELSIF mine AND (NEW.org_id, NEW.submission_id, NEW.membership_id, NEW.item_org, NEW.item_id, NEW.lesson_key, NEW.task_key) IS DISTINCT FROM (OLD.org_id, OLD.submission_id, OLD.membership_id, OLD.item_org, OLD.item_id, OLD.lesson_key, OLD.task_key) THEN
      RAISE insufficient_privilege USING MESSAGE = 'what is handed in is for one task';
    ELSIF NOT mine AND to_jsonb(NEW) - '{state,updated_at}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{state,updated_at}'::text[] THEN
      RAISE insufficient_privilege USING MESSAGE = 'who looks at it says how it is';
    END IF;
  END IF;
  RETURN NEW;
END $$;
-- What was answered stands; only what waits is taken back, and its file with it.
CREATE FUNCTION guard_turn() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND app_actor() = 'member' AND EXISTS (SELECT 1 FROM submission_answers a WHERE a.org_id = OLD.org_id AND a.submission_id = OLD.submission_id AND a.number = OLD.number) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what was answered is not taken back';
  END IF;
  RETURN OLD;
END $$;
CREATE FUNCTION guard_submission_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND app_actor() = 'member' AND EXISTS (SELECT 1 FROM submission_answers a WHERE a.org_id = OLD.org_id AND a.submission_id = OLD.submission_id) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what was answered is not taken back';
  END IF;
  RETURN OLD;
END $$;
CREATE FUNCTION gone_evidence() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE evidence_files e SET gone_at = now() WHERE e.org_id = OLD.org_id AND e.evidence_id = OLD.evidence_id;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_submission BEFORE INSERT OR UPDATE ON submissions FOR EACH ROW EXECUTE FUNCTION guard_submission();
CREATE TRIGGER guard_submission_kept BEFORE DELETE ON submissions FOR EACH ROW EXECUTE FUNCTION guard_submission_kept();
CREATE TRIGGER guard_turn BEFORE DELETE ON submission_turns FOR EACH ROW EXECUTE FUNCTION guard_turn();
CREATE TRIGGER gone_evidence AFTER DELETE ON submission_turns FOR EACH ROW WHEN (OLD.evidence_id IS NOT NULL) EXECUTE FUNCTION gone_evidence();
-- +goose Down
SELECT 1;
