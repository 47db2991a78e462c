-- +goose Up
-- What somebody wants to try at work, and what came of it. It is as private as a reflection.
CREATE TABLE tryouts (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  tryout_id     uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,
  try_key       text NOT NULL,
  root_kind     text NOT NULL CHECK (root_kind IN ('course', 'path')), -- where the lesson was read, so that one finds it again
  root_id       uuid NOT NULL,
  step_key      text NOT NULL DEFAULT '',
  title         text NOT NULL,                 -- of the lesson, when it was written
  what          text NOT NULL CHECK (length(what) BETWEEN 1 AND 1000),
  with_whom     text NOT NULL DEFAULT '' CHECK (length(with_whom) <= 200),
  by_day        date NOT NULL,
  outcome       text NOT NULL DEFAULT '' CHECK (length(outcome) <= 4000),
  after_week    text NOT NULL DEFAULT '' CHECK (after_week IN ('', 'used', 'tried', 'not_yet', 'not_needed')),
  after_month   text NOT NULL DEFAULT '' CHECK (after_month IN ('', 'used', 'tried', 'not_yet', 'not_needed')),
  created_at    timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, tryout_id),
  UNIQUE (org_id, membership_id, item_org, item_id, lesson_key, try_key),
  UNIQUE (org_id, tryout_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX tryouts_recent ON tryouts (org_id, membership_id, by_day DESC, tryout_id DESC);
-- The mails that are due about it: what whoever sends them may know, which is not what the person wrote.
CREATE TABLE tryout_dues (
  org_id        uuid NOT NULL,
  tryout_id     uuid NOT NULL,
  membership_id uuid NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('by', 'week', 'month')),
  due_on        date NOT NULL,
  title         text NOT NULL,                 -- of the lesson
  PRIMARY KEY (org_id, tryout_id, kind),
  FOREIGN KEY (org_id, tryout_id, membership_id) REFERENCES tryouts (org_id, tryout_id, membership_id) ON DELETE CASCADE
);
CREATE INDEX tryout_dues_day ON tryout_dues (org_id, due_on);
-- Who wants no such mails.
CREATE TABLE quiet_tryouts (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('tryouts'); CALL wall('tryout_dues'); CALL wall('quiet_tryouts');
CREATE POLICY p_mine ON tryouts TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_mine ON tryout_dues TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
CREATE POLICY p_mine ON quiet_tryouts TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
CREATE POLICY p_mail ON tryout_dues FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'mailer');
CREATE POLICY p_mailed ON tryout_dues FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'mailer');
CREATE POLICY p_mail ON quiet_tryouts FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'mailer');
GRANT SELECT, INSERT, UPDATE, DELETE ON tryouts, tryout_dues, quiet_tryouts TO learnscape_app;
-- +goose Down
SELECT 1;
