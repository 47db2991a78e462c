-- +goose Up
-- Answers that are written, and quizzes that are taken as a whole: a sitting is one taking of one. Both are the member's own.
ALTER TABLE attempts ADD words text NOT NULL DEFAULT '' CHECK (length(words) <= 500);
CREATE TABLE sittings (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  sitting_id    uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  version       integer NOT NULL,              -- whose questions are asked, also when another version comes meanwhile
  lesson_key    text NOT NULL,
  quiz_key      text NOT NULL,
  number        integer NOT NULL CHECK (number BETWEEN 1 AND 1000),
  questions     text[] NOT NULL CHECK (cardinality(questions) BETWEEN 1 AND 200), -- keys, as drawn and in their order
  pass          integer NOT NULL DEFAULT 0 CHECK (pass BETWEEN 0 AND 100),        -- percent
  started_at    timestamptz NOT NULL,
  ends_at       timestamptz CHECK (ends_at > started_at), -- NULL without a limit
  ended_at      timestamptz,                   -- NULL while it goes on
  ran_out       boolean NOT NULL DEFAULT false,
  points        integer NOT NULL DEFAULT 0,    -- questions that were answered rightly
  passed        boolean NOT NULL DEFAULT false,
  PRIMARY KEY (org_id, sitting_id),
  UNIQUE (org_id, membership_id, item_org, item_id, lesson_key, quiz_key, number),
  UNIQUE (org_id, sitting_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  CHECK (points BETWEEN 0 AND cardinality(questions)),
  CHECK (ended_at IS NOT NULL OR NOT ran_out AND NOT passed AND points = 0)
);
-- One goes on at a time.
CREATE UNIQUE INDEX sittings_running ON sittings (org_id, membership_id, item_org, item_id, lesson_key, quiz_key) WHERE ended_at IS NULL;
CALL wall('sittings');
CREATE POLICY p_mine ON sittings TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
GRANT SELECT, INSERT, UPDATE, DELETE ON sittings TO learnscape_app;
-- An answer of a sitting is its member's.
ALTER TABLE attempts ADD sitting_id uuid, ADD FOREIGN KEY (org_id, sitting_id, membership_id) REFERENCES sittings (org_id, sitting_id, membership_id);
CREATE UNIQUE INDEX attempts_sitting ON attempts (org_id, sitting_id, question_key) WHERE sitting_id IS NOT NULL;
-- Who has more time than a quiz gives, and why; those who look after people say so.
CREATE TABLE time_extensions (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  percent       integer NOT NULL CHECK (percent BETWEEN 1 AND 300), -- of the time that everybody has, on top of it
  reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 400),
  given_by      uuid,
  given_at      timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('time_extensions');
-- +goose StatementBegin
-- What was handed in stands: neither its result nor its answers change afterwards, and no time is added while it runs.
CREATE FUNCTION guard_sitting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.ended_at IS NOT NULL OR (NEW.org_id, NEW.membership_id, NEW.item_org, NEW.item_id, NEW.version, NEW.lesson_key, NEW.quiz_key, NEW.number, NEW.questions, NEW.pass, NEW.started_at)
      IS DISTINCT FROM (OLD.org_id, OLD.membership_id, OLD.item_org, OLD.item_id, OLD.version, OLD.lesson_key, OLD.quiz_key, OLD.number, OLD.questions, OLD.pass, OLD.started_at)
      OR NEW.ends_at IS DISTINCT FROM OLD.ends_at THEN
    RAISE EXCEPTION 'sitting % has ended or is of something else', OLD.sitting_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_sitting BEFORE UPDATE ON sittings FOR EACH ROW EXECUTE FUNCTION guard_sitting();
-- +goose StatementBegin
CREATE FUNCTION guard_sitting_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM sittings s WHERE s.org_id = NEW.org_id AND s.sitting_id = NEW.sitting_id AND s.membership_id = NEW.membership_id AND s.ended_at IS NULL
      AND NEW.question_key = ANY (s.questions) AND (s.item_org, s.item_id, s.lesson_key, s.version) = (NEW.item_org, NEW.item_id, NEW.lesson_key, NEW.version)) THEN
    RAISE EXCEPTION 'answer to a sitting that has ended or asks something else' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_sitting_answer BEFORE INSERT OR UPDATE ON attempts FOR EACH ROW WHEN (NEW.sitting_id IS NOT NULL) EXECUTE FUNCTION guard_sitting_answer();
-- +goose Down
SELECT 1;
