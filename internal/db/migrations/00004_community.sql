-- +goose Up
CREATE TABLE stories (
  org_id       uuid NOT NULL,
  item_id      uuid NOT NULL,
  story_kind   text NOT NULL CHECK (story_kind IN ('article', 'video', 'case_study', 'webinar', 'one_pager', 'landing')),
  source       text NOT NULL,
  blocks       jsonb NOT NULL,                 -- rendered: prose and the path card at the place where it makes sense
  plain        text NOT NULL,
  author_name  text NOT NULL DEFAULT '', author_title text NOT NULL DEFAULT '',
  quote        text NOT NULL DEFAULT '', cta text NOT NULL DEFAULT '',
  figures      jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (org_id, item_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CALL part('stories');
-- Links between items, at a place in the text or at the end; a link never opens what it points to.
CREATE TABLE item_links (
  org_id   uuid NOT NULL,
  item_id  uuid NOT NULL,
  to_org   uuid NOT NULL,
  to_item  uuid NOT NULL,
  position integer NOT NULL DEFAULT 0,
  PRIMARY KEY (org_id, item_id, to_org, to_item),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CREATE INDEX item_links_to ON item_links (to_org, to_item);
CALL part('item_links');
-- What was seen and started through a story, per day: owned by the publisher, written by the counter from events.
CREATE TABLE touches (
  org_id  uuid NOT NULL,
  item_id uuid NOT NULL,
  day     date NOT NULL,
  what    text NOT NULL CHECK (what IN ('seen', 'started', 'kept', 'completed')),
  n       integer NOT NULL DEFAULT 0 CHECK (n >= 0),
  PRIMARY KEY (org_id, item_id, day, what),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CALL own('touches');
CREATE TABLE resources (
  org_id        uuid NOT NULL,
  item_id       uuid NOT NULL,
  resource_kind text NOT NULL CHECK (resource_kind IN ('tip', 'how_to', 'checklist', 'recording', 'file', 'link')),
  source        text NOT NULL,
  html          text NOT NULL,
  plain         text NOT NULL,
  author        uuid,
  author_name   text NOT NULL DEFAULT '',
  PRIMARY KEY (org_id, item_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CALL part('resources');
-- Questions and answers belong to the organization of whoever wrote them. Audience: 'org' its own people; 'connected' also
-- the organizations that it is connected to now; 'public' everybody. An answer is read by whoever may read the answer itself,
-- so two organizations that are not connected never see each other in one thread.
CREATE TABLE questions (
  org_id        uuid NOT NULL REFERENCES organizations,
  question_id   uuid NOT NULL,
  membership_id uuid NOT NULL,
  about_org     uuid NOT NULL,                 -- the item asked about
  about_item    uuid NOT NULL,
  about_lesson  text NOT NULL DEFAULT '',
  audience      text NOT NULL CHECK (audience IN ('org', 'connected', 'public')),
  shown_as      text NOT NULL CHECK (shown_as IN ('name', 'company', 'someone')),
  shown_name    text NOT NULL DEFAULT '',      -- what others read; '' for shown_as <> 'name'
  lang          text NOT NULL DEFAULT 'en',
  title         text NOT NULL CHECK (length(title) BETWEEN 3 AND 200),
  body          text NOT NULL DEFAULT '' CHECK (length(body) <= 10000),
  state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'answered', 'withdrawn')),
  answers       integer NOT NULL DEFAULT 0,
  worked_answer uuid,
  created_at    timestamptz NOT NULL DEFAULT now(),
  active_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, question_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE UNIQUE INDEX questions_id ON questions (question_id);
CREATE INDEX questions_about ON questions (about_org, about_item, active_at DESC);
CREATE INDEX questions_recent ON questions (org_id, active_at DESC, question_id);
CREATE INDEX questions_public ON questions (active_at DESC, question_id) WHERE audience = 'public';
CALL wall('questions');
CREATE POLICY p_read ON questions FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR (state <> 'withdrawn' AND (audience = 'public'
  OR (audience = 'connected' AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = questions.org_id AND s.other_org = (SELECT app_org()) AND s.state = 'active' AND s.meet <> 'none')))));
CREATE POLICY p_insert ON questions FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_update ON questions FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_delete ON questions FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
GRANT SELECT, INSERT, UPDATE, DELETE ON questions TO learnscape_app;
CREATE TABLE answers (
  org_id        uuid NOT NULL REFERENCES organizations,
  answer_id     uuid NOT NULL,
  question_org  uuid NOT NULL,
  question_id   uuid NOT NULL,
  membership_id uuid NOT NULL,
  audience      text NOT NULL CHECK (audience IN ('org', 'connected', 'public')),
  shown_as      text NOT NULL CHECK (shown_as IN ('name', 'company', 'someone')),
  shown_name    text NOT NULL DEFAULT '',
  body          text NOT NULL CHECK (length(body) BETWEEN 1 AND 10000),
  state         text NOT NULL DEFAULT 'shown' CHECK (state IN ('shown', 'withdrawn')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, answer_id),
  FOREIGN KEY (question_org, question_id) REFERENCES questions,
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE UNIQUE INDEX answers_id ON answers (answer_id);
CREATE INDEX answers_question ON answers (question_org, question_id, created_at);
CALL wall('answers');
-- The one who asked may read every answer that is meant for it, also "someone at a partner"; others need their own connection
-- to the one who answered. question_org is the asker's organization.
CREATE POLICY p_read ON answers FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR (state = 'shown' AND (audience = 'public'
  OR (audience = 'connected' AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = answers.org_id AND s.other_org = (SELECT app_org()) AND s.state = 'active' AND s.meet <> 'none')))
  AND EXISTS (SELECT 1 FROM questions q WHERE q.org_id = answers.question_org AND q.question_id = answers.question_id)));
-- Writing needs reading: the question's own policy applies inside.
CREATE POLICY p_insert ON answers FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator')
  AND EXISTS (SELECT 1 FROM questions q WHERE q.org_id = question_org AND q.question_id = answers.question_id));
CREATE POLICY p_update ON answers FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_delete ON answers FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
GRANT SELECT, INSERT, UPDATE, DELETE ON answers TO learnscape_app;
-- Reactions: who said "used on site", "thanks" or "same question". Owned by the reacting organization; others see sums only,
-- which the event handler keeps on the post in the post's own organization.
CREATE TABLE reactions (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  post_org      uuid NOT NULL,
  post_id       uuid NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('used', 'thanks', 'same')),
  at            timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, membership_id, post_id, kind),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX reactions_post ON reactions (org_id, post_id, kind);
CALL own('reactions');
ALTER TABLE questions ADD same integer NOT NULL DEFAULT 0, ADD thanks integer NOT NULL DEFAULT 0;
ALTER TABLE answers ADD used integer NOT NULL DEFAULT 0, ADD thanks integer NOT NULL DEFAULT 0;
-- +goose Down
SELECT 1;
