-- +goose Up
-- What providers told of sign-outs there (OpenID Connect Back-Channel Logout 1.0): the hash of each token's jti until the token is
-- too old to count, so that nobody ends a later session with a token that was overheard.
CREATE TABLE logout_tokens (
  org_id      uuid NOT NULL,
  provider_id uuid NOT NULL,
  jti_hash    bytea NOT NULL,
  until       timestamptz NOT NULL,
  PRIMARY KEY (org_id, provider_id, jti_hash),
  FOREIGN KEY (org_id, provider_id) REFERENCES providers ON DELETE CASCADE
);
CREATE INDEX logout_tokens_until ON logout_tokens (org_id, until);
CALL own('logout_tokens');
CREATE INDEX sessions_provider ON sessions (org_id, provider_id, subject) WHERE provider_id IS NOT NULL;
ALTER TABLE sign_in_tries DROP CONSTRAINT sign_in_tries_kind_check,
  ADD CONSTRAINT sign_in_tries_kind_check CHECK (kind IN ('start_network', 'link_address', 'link_network', 'logout_network'));
-- +goose Down
SELECT 1;
