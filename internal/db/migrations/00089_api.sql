-- +goose Up
-- What a program got for a request that changed something, by the key that it gave it: the same request with the same key gets the
-- same answer for a day and changes nothing again. status is NULL while the request is under way.
CREATE TABLE api_replies (
  org_id     uuid NOT NULL,
  token_id   uuid NOT NULL,
  key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  request    bytea NOT NULL CHECK (length(request) = 32), -- SHA-256 of method, address, precondition and body
  status     integer,
  media_type text NOT NULL DEFAULT '',
  etag       text NOT NULL DEFAULT '',
  location   text NOT NULL DEFAULT '',
  body       bytea NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, token_id, key),
  FOREIGN KEY (org_id, token_id) REFERENCES api_tokens ON DELETE CASCADE
);
CREATE INDEX api_replies_old ON api_replies (org_id, token_id, created_at);
CALL own('api_replies');
CREATE INDEX api_tokens_recent ON api_tokens (org_id, created_at DESC, token_id);
CREATE INDEX api_tokens_membership ON api_tokens (org_id, membership_id);
-- +goose Down
SELECT 1;
