-- +goose Up
-- Attempts to sign in, for the limits that must hold over all replicas. What is counted (an address, a network) is kept as
-- its keyed hash only, and no longer than the window.
CREATE TABLE sign_in_tries (
  org_id   uuid NOT NULL REFERENCES organizations,
  kind     text NOT NULL CHECK (kind IN ('link_address', 'link_network', 'start_network')),
  key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
  at       timestamptz NOT NULL
);
CREATE INDEX sign_in_tries_key ON sign_in_tries (org_id, kind, key_hash, at);
CREATE INDEX sign_in_tries_at ON sign_in_tries (org_id, at);
CALL own('sign_in_tries');
-- +goose Down
SELECT 1;
