-- +goose Up
-- People whom an administrator brings in by a file: first looked at, then, if it was confirmed, made by a job, and for some days undone
-- again. A row says what becomes of one line.
CREATE TABLE people_imports (
  org_id      uuid NOT NULL REFERENCES organizations,
  import_id   uuid NOT NULL,
  asked_by    uuid NOT NULL,
  file        text NOT NULL DEFAULT '' CHECK (length(file) <= 200),
  skipped     text[] NOT NULL DEFAULT '{}',    -- headings that mean nothing here
  state       text NOT NULL DEFAULT 'checked' CHECK (state IN ('checked', 'running', 'done', 'undoing', 'undone')),
  mails       boolean NOT NULL DEFAULT false,  -- who is new is written to
  created_at  timestamptz NOT NULL,
  asked_at    timestamptz,                     -- when it was confirmed
  finished_at timestamptz,                     -- of the import, then of the undoing
  expires_at  timestamptz NOT NULL,            -- until when it can be confirmed, then undone
  PRIMARY KEY (org_id, import_id),
  FOREIGN KEY (org_id, asked_by) REFERENCES memberships (org_id, membership_id)
);
CREATE INDEX people_imports_recent ON people_imports (org_id, created_at DESC, import_id);
CREATE INDEX people_imports_by ON people_imports (org_id, asked_by);
-- One at a time.
CREATE UNIQUE INDEX people_imports_running ON people_imports (org_id) WHERE state IN ('running', 'undoing');
CALL own('people_imports');
CREATE TABLE people_import_rows (
  org_id        uuid NOT NULL,
  import_id     uuid NOT NULL,
  line          integer NOT NULL CHECK (line > 0), -- of the file, the headings being the first
  email         text NOT NULL,
  name          text NOT NULL,
  roles         text[] NOT NULL,
  teams         uuid[] NOT NULL,
  account       text NOT NULL,
  outcome       text NOT NULL CHECK (outcome IN ('new', 'changed', 'same', 'bad')),
  problems      jsonb NOT NULL DEFAULT '[]',   -- of a bad one: column, message key, value
  state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed', 'undone', 'kept')),
  reason        text NOT NULL DEFAULT '',      -- message key of why it failed or was kept
  membership_id uuid,                          -- that was made or changed
  gave_roles    text[] NOT NULL DEFAULT '{}',
  gave_teams    uuid[] NOT NULL DEFAULT '{}',
  had_account   text,                          -- NULL: it was left as it was
  done_at       timestamptz,
  mailed        boolean NOT NULL DEFAULT false,
  PRIMARY KEY (org_id, import_id, line),
  FOREIGN KEY (org_id, import_id) REFERENCES people_imports ON DELETE CASCADE
);
CREATE INDEX people_import_rows_outcome ON people_import_rows (org_id, import_id, outcome, line);
CREATE INDEX people_import_rows_state ON people_import_rows (org_id, import_id, state, line);
CREATE INDEX people_import_rows_email ON people_import_rows (org_id, email);
CREATE INDEX people_import_rows_mailed ON people_import_rows (org_id, done_at) WHERE mailed;
CALL own('people_import_rows');
-- +goose Down
SELECT 1;
