-- +goose Up
-- Archives of courses and paths that authors bring: first looked at by a job, which says what would become of each file, then, if that was
-- confirmed, carried out as a whole. The archive itself is kept until one of both is over.
CREATE TABLE course_imports (
  org_id      uuid NOT NULL REFERENCES organizations,
  import_id   uuid NOT NULL,
  asked_by    uuid NOT NULL,
  file        text NOT NULL DEFAULT '' CHECK (length(file) <= 200),
  size        bigint NOT NULL CHECK (size >= 0),
  sha256      bytea CHECK (length(sha256) = 32),  -- NULL once it is removed
  state       text NOT NULL DEFAULT 'checking' CHECK (state IN ('checking', 'checked', 'running', 'done', 'failed', 'stopped')),
  publish     boolean NOT NULL DEFAULT false,     -- at once; otherwise drafts come of it
  done        integer NOT NULL DEFAULT 0,         -- of the items, while it runs
  total       integer NOT NULL DEFAULT 0,
  fault       jsonb,                              -- why it failed: a message key and what stands in it
  report      jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL,
  asked_at    timestamptz NOT NULL,               -- when it was last handed to the job
  finished_at timestamptz,
  expires_at  timestamptz NOT NULL,               -- until when it can be confirmed, then until when it can be read
  PRIMARY KEY (org_id, import_id),
  FOREIGN KEY (org_id, asked_by) REFERENCES memberships (org_id, membership_id)
);
CREATE INDEX course_imports_recent ON course_imports (org_id, created_at DESC, import_id);
CREATE INDEX course_imports_by ON course_imports (org_id, asked_by);
CREATE INDEX course_imports_content ON course_imports (sha256);
CALL own('course_imports');
CREATE TRIGGER guard_file BEFORE INSERT ON course_imports FOR EACH ROW EXECUTE FUNCTION guard_file();
CREATE OR REPLACE FUNCTION named_contents() RETURNS TABLE (org_id uuid, sha256 bytea) LANGUAGE sql STABLE AS $$
  SELECT f.org_id, f.sha256 FROM files f
  UNION ALL SELECT o.org_id, o.logo_sha256 FROM organizations o WHERE o.logo_sha256 IS NOT NULL
  UNION ALL SELECT e.org_id, e.sha256 FROM exports e WHERE e.sha256 IS NOT NULL
  UNION ALL SELECT f.org_id, f.sha256 FROM draft_files f
  UNION ALL SELECT c.org_id, c.sha256 FROM course_imports c WHERE c.sha256 IS NOT NULL $$;
-- +goose Down
SELECT 1;
