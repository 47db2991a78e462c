-- +goose Up
-- What authors write before it is published: the head of a course, its lessons and the files that it shows. All authors of an
-- organization work on it; nobody else sees any of it, whoever sees the item's versions.
CREATE TABLE course_drafts (
  org_id     uuid NOT NULL,
  item_id    uuid NOT NULL,
  title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  summary    text NOT NULL DEFAULT '',
  outcome    text NOT NULL DEFAULT '',
  lang       text NOT NULL DEFAULT 'en',
  level      text NOT NULL DEFAULT '',
  topics     text[] NOT NULL DEFAULT '{}',
  intro      text NOT NULL DEFAULT '',
  note       text NOT NULL DEFAULT '',         -- what is new
  base       integer NOT NULL DEFAULT 0,       -- the version that it goes on from; 0 for none
  edition    integer NOT NULL DEFAULT 1,       -- counts changes of the head and the order: who changes an older one is told
  saved_by   uuid,
  saved_at   timestamptz NOT NULL,
  PRIMARY KEY (org_id, item_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CALL own('course_drafts');
CREATE INDEX course_drafts_recent ON course_drafts (org_id, saved_at DESC, item_id);
CREATE TABLE draft_lessons (
  org_id     uuid NOT NULL,
  item_id    uuid NOT NULL,
  key        text NOT NULL,
  position   integer NOT NULL,
  module     text NOT NULL DEFAULT '',
  title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  summary    text NOT NULL DEFAULT '',
  kind       text NOT NULL DEFAULT 'lesson' CHECK (kind IN ('lesson', 'practice', 'check')),
  minutes    integer NOT NULL DEFAULT 0 CHECK (minutes BETWEEN 0 AND 600), -- 0: from the length of the text
  source     text NOT NULL DEFAULT '',
  name       text NOT NULL DEFAULT '',         -- of the file that it was written in, relative to which it names others
  edition    integer NOT NULL DEFAULT 1,
  removed_at timestamptz,                      -- taken out; it can be put back until the course is published
  saved_by   uuid,
  saved_at   timestamptz NOT NULL,
  PRIMARY KEY (org_id, item_id, key),
  FOREIGN KEY (org_id, item_id) REFERENCES course_drafts ON DELETE CASCADE
);
CALL own('draft_lessons');
CREATE TABLE draft_files (
  org_id     uuid NOT NULL,
  item_id    uuid NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  sha256     bytea NOT NULL CHECK (length(sha256) = 32),
  media_type text NOT NULL,
  size       bigint NOT NULL CHECK (size >= 0),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, item_id, name),
  FOREIGN KEY (org_id, item_id) REFERENCES course_drafts ON DELETE CASCADE
);
CALL own('draft_files');
CREATE INDEX draft_files_content ON draft_files (sha256);
CREATE TRIGGER guard_file BEFORE INSERT ON draft_files FOR EACH ROW EXECUTE FUNCTION guard_file();
-- A lesson keeps the name of its file, so that links between lessons can be read again when it is written on.
ALTER TABLE lessons ADD name text NOT NULL DEFAULT '';
ALTER TABLE versions ADD intro text NOT NULL DEFAULT ''; -- Markdown as written
-- Files of drafts are contents that an organization names too.
CREATE OR REPLACE FUNCTION named_contents() RETURNS TABLE (org_id uuid, sha256 bytea) LANGUAGE sql STABLE AS $$
  SELECT f.org_id, f.sha256 FROM files f
  UNION ALL SELECT o.org_id, o.logo_sha256 FROM organizations o WHERE o.logo_sha256 IS NOT NULL
  UNION ALL SELECT e.org_id, e.sha256 FROM exports e WHERE e.sha256 IS NOT NULL
  UNION ALL SELECT f.org_id, f.sha256 FROM draft_files f $$;
-- +goose Down
SELECT 1;
