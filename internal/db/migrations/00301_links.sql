-- +goose Up
-- Where the lessons of an organization lead to, and whether anything is there.
CREATE TABLE links (
  org_id     uuid NOT NULL,
  url        text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000), -- a whole address, or a path of the own portal
  result     text NOT NULL CHECK (result IN ('ok', 'moved', 'gone', 'unreachable', 'unsure')),
  status     integer NOT NULL DEFAULT 0,                           -- of the answer; 0 for none
  moved_to   text NOT NULL DEFAULT '' CHECK (length(moved_to) <= 2000),
  checked_at timestamptz NOT NULL,
  bad_since  timestamptz,                                          -- when it was first found dead; NULL for one that is not
  PRIMARY KEY (org_id, url)
);
CALL own('links');
CREATE INDEX links_checked ON links (org_id, checked_at);
-- Where each stands in what is published.
CREATE TABLE link_places (
  org_id     uuid NOT NULL,
  item_id    uuid NOT NULL,
  lesson_key text NOT NULL,
  url        text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  line       integer NOT NULL DEFAULT 0,                           -- in the lesson's text, from 1; 0 for somewhere
  PRIMARY KEY (org_id, item_id, lesson_key, url),
  FOREIGN KEY (org_id, item_id) REFERENCES items ON DELETE CASCADE
);
CALL own('link_places');
CREATE INDEX link_places_url ON link_places (org_id, url);
-- +goose Down
SELECT 1;
