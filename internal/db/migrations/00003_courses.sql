-- +goose Up
-- A published version of a course or path: immutable, numbered. The outline holds what lists and path pages need, so that
-- they read one row: modules and lessons of a course, steps and slots of a path.
CREATE TABLE versions (
  org_id       uuid NOT NULL,
  item_id      uuid NOT NULL,
  version      integer NOT NULL CHECK (version > 0),
  title        text NOT NULL,
  summary      text NOT NULL,
  outcome      text NOT NULL DEFAULT '',
  intro_html   text NOT NULL DEFAULT '',
  outline      jsonb NOT NULL,
  digest       bytea NOT NULL,                 -- SHA-256 of the content; publishing the same again makes no version
  note         text NOT NULL DEFAULT '',
  published_by uuid,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, item_id, version),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CALL part('versions');
REVOKE UPDATE, DELETE ON versions FROM learnscape_app;
-- A lesson of one version. Key is stable over versions: what was finished stays finished.
CREATE TABLE lessons (
  org_id   uuid NOT NULL,
  item_id  uuid NOT NULL,
  version  integer NOT NULL,
  key      text NOT NULL,
  position integer NOT NULL,
  title    text NOT NULL,
  kind     text NOT NULL DEFAULT 'lesson' CHECK (kind IN ('lesson', 'practice', 'check')),
  minutes  integer NOT NULL DEFAULT 0,
  source   text NOT NULL,                      -- Markdown as written
  blocks   jsonb NOT NULL,                     -- rendered parts: prose, quiz, video, file, reflection
  plain    text NOT NULL,                      -- for search
  PRIMARY KEY (org_id, item_id, version, key),
  FOREIGN KEY (org_id, item_id, version) REFERENCES versions
);
CALL part('lessons');
REVOKE UPDATE, DELETE ON lessons FROM learnscape_app;
-- What an adopter adds to a path of another organization, at the slots that its publisher opens.
CREATE TABLE additions (
  org_id      uuid NOT NULL REFERENCES organizations,
  path_org    uuid NOT NULL,
  path_id     uuid NOT NULL,
  they_know   text NOT NULL DEFAULT '', we_add text NOT NULL DEFAULT '', customer_gets text NOT NULL DEFAULT '',
  proposition text NOT NULL DEFAULT '',
  notes       jsonb NOT NULL DEFAULT '[]',     -- [{"step": key, "html": …}]
  steps       jsonb NOT NULL DEFAULT '[]',     -- [{"key", "after", "title", "minutes", "blocks"}]
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, path_org, path_id)
);
CALL own('additions');
CREATE TABLE enrollments (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  enrollment_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  version       integer NOT NULL,              -- pinned
  origin        text NOT NULL CHECK (origin IN ('choice', 'search', 'peer', 'story', 'campaign', 'assigned', 'visit')),
  origin_ref    text NOT NULL DEFAULT '',
  done          integer NOT NULL DEFAULT 0,    -- finished leaves, of
  total         integer NOT NULL DEFAULT 0,    -- required leaves
  state         text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'completed', 'left')),
  at_org        uuid, at_item uuid,            -- where the person stopped: the item, its lesson and the part of it
  at_lesson     text NOT NULL DEFAULT '',
  at_part       text NOT NULL DEFAULT '',
  due_at        timestamptz,
  asked_by      uuid,                          -- membership that assigned it
  reason        text NOT NULL DEFAULT '',
  started_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  completed_at  timestamptz,
  PRIMARY KEY (org_id, enrollment_id),
  UNIQUE (org_id, membership_id, item_org, item_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  CHECK (done BETWEEN 0 AND total)
);
CREATE INDEX enrollments_recent ON enrollments (org_id, membership_id, updated_at DESC);
CREATE INDEX enrollments_item ON enrollments (org_id, item_org, item_id, state);
CALL own('enrollments');
CREATE TABLE completions (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,                 -- '' for an item without lessons, such as a story
  version       integer NOT NULL,
  at            timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, membership_id, item_org, item_id, lesson_key),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('completions');
-- Answers to quizzes and reflections are private: the policy names the membership.
CREATE TABLE attempts (
  org_id        uuid NOT NULL,
  attempt_id    uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  version       integer NOT NULL,
  lesson_key    text NOT NULL,
  question_key  text NOT NULL,
  choices       integer[] NOT NULL,
  correct       boolean NOT NULL,
  at            timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, attempt_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX attempts_lesson ON attempts (org_id, membership_id, item_org, item_id, lesson_key, at DESC);
CREATE TABLE reflections (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,
  reflection_key text NOT NULL,
  body          text NOT NULL CHECK (length(body) <= 10000),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, membership_id, item_org, item_id, lesson_key, reflection_key),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('attempts'); CALL wall('reflections');
CREATE POLICY p_mine ON attempts TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_mine ON reflections TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
GRANT SELECT, INSERT, UPDATE, DELETE ON attempts, reflections TO learnscape_app;
-- What a visitor did, until the visitor signs in and keeps it. app.membership_id is the visitor's id while app.actor is 'visitor'.
CREATE TABLE visitors (
  visitor_id uuid PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE TABLE visitor_progress (
  visitor_id uuid NOT NULL REFERENCES visitors ON DELETE CASCADE,
  item_org   uuid NOT NULL,
  item_id    uuid NOT NULL,
  lesson_key text NOT NULL,                    -- '' marks the start of the item itself
  version    integer NOT NULL,
  origin     text NOT NULL DEFAULT 'visit', origin_ref text NOT NULL DEFAULT '',
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (visitor_id, item_org, item_id, lesson_key)
);
-- A claim carries a visitor's progress to a member: the code is the right to read it once, ten minutes long.
CREATE TABLE claims (
  code_hash  bytea PRIMARY KEY,
  visitor_id uuid NOT NULL REFERENCES visitors ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX claims_visitor ON claims (visitor_id);
CALL wall('visitors'); CALL wall('visitor_progress'); CALL wall('claims');
-- The settings name the visitor; a claim's code or a cookie's token is looked up by its hash under 'claim' in app.actor.
CREATE POLICY p_self ON visitors TO learnscape_app USING ((SELECT app_actor()) = 'visitor' AND (visitor_id = (SELECT app_membership()) OR token_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex'))))
  WITH CHECK ((SELECT app_actor()) = 'visitor' AND visitor_id = (SELECT app_membership()));
CREATE POLICY p_self ON visitor_progress TO learnscape_app USING ((SELECT app_actor()) = 'visitor' AND visitor_id = (SELECT app_membership()))
  WITH CHECK ((SELECT app_actor()) = 'visitor' AND visitor_id = (SELECT app_membership()));
CREATE POLICY p_self ON claims TO learnscape_app USING ((SELECT app_actor()) = 'visitor' AND visitor_id = (SELECT app_membership()))
  WITH CHECK ((SELECT app_actor()) = 'visitor' AND visitor_id = (SELECT app_membership()));
-- Whoever holds the code's hash as app.proof may read and use up the claim and read that visitor's progress.
CREATE POLICY p_proof ON claims FOR SELECT TO learnscape_app USING (code_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')));
CREATE POLICY p_use ON claims FOR DELETE TO learnscape_app USING (code_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')));
CREATE POLICY p_proof ON visitor_progress FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM claims c WHERE c.visitor_id = visitor_progress.visitor_id
  AND c.code_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')) AND c.expires_at > now()));
GRANT SELECT, INSERT, UPDATE, DELETE ON visitors, visitor_progress, claims TO learnscape_app;

-- Activity: one append-only stream of xAPI statements, partitioned by month. The app role has rights on the parent only.
CREATE TABLE statements (
  org_id        uuid NOT NULL,                 -- acted for
  at            timestamptz NOT NULL,
  statement_id  uuid NOT NULL,
  membership_id uuid NOT NULL,
  verb          text NOT NULL,
  object_org    uuid NOT NULL,
  object_kind   text NOT NULL,
  object_id     uuid NOT NULL,
  object_part   text NOT NULL DEFAULT '',
  formal        boolean NOT NULL,
  pull          boolean NOT NULL,
  minutes       integer NOT NULL DEFAULT 0,
  context       jsonb NOT NULL DEFAULT '{}',   -- version, origin, score and the like: the statement's context and result
  PRIMARY KEY (org_id, at, statement_id)
) PARTITION BY RANGE (at);
CREATE INDEX statements_member ON statements (org_id, membership_id, at DESC);
CREATE INDEX statements_object ON statements (org_id, object_id, at DESC);
CALL wall('statements');
CREATE POLICY p_read ON statements FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_insert ON statements FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
GRANT SELECT, INSERT ON statements TO learnscape_app;
-- Adds the months from first to last that are missing; run by the owner.
-- +goose StatementBegin
CREATE PROCEDURE ensure_months(first date, last date) LANGUAGE plpgsql AS $$
DECLARE m date := date_trunc('month', first); n text;
BEGIN
  WHILE m <= last LOOP
    n := 'statements_' || to_char(m, 'YYYY_MM');
    IF to_regclass(n) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF statements FOR VALUES FROM (%L) TO (%L)', n, m::timestamp AT TIME ZONE 'UTC', (m + interval '1 month')::timestamp AT TIME ZONE 'UTC');
      EXECUTE format('CALL wall(%L)', n);
    END IF;
    m := m + interval '1 month';
  END LOOP;
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
