-- +goose Up
-- A passkey is a way in of one membership, beside the email link (Web Authentication Level 3). What is kept of it can be known to anybody.
CREATE TABLE passkeys (
  org_id        uuid NOT NULL,
  passkey_id    uuid NOT NULL,
  membership_id uuid NOT NULL,
  credential_id bytea NOT NULL CHECK (length(credential_id) BETWEEN 1 AND 1023),
  credential    jsonb NOT NULL,
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  created_at    timestamptz NOT NULL,
  last_used_at  timestamptz,
  PRIMARY KEY (org_id, passkey_id),
  UNIQUE (org_id, credential_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX passkeys_membership ON passkeys (org_id, membership_id, created_at);
CALL own('passkeys');
-- What a browser was asked to sign: one question at a time, answered once.
CREATE TABLE passkey_questions (
  org_id       uuid NOT NULL REFERENCES organizations,
  browser_hash bytea NOT NULL CHECK (length(browser_hash) = 32),
  question     jsonb NOT NULL,
  expires_at   timestamptz NOT NULL,
  PRIMARY KEY (org_id, browser_hash)
);
CALL own('passkey_questions');
-- +goose Down
SELECT 1;
