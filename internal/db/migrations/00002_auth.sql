-- +goose Up
CREATE TABLE providers (
  org_id        uuid NOT NULL REFERENCES organizations,
  provider_id   uuid NOT NULL,
  name          text NOT NULL,
  issuer        text NOT NULL,
  client_id     text NOT NULL,
  client_secret bytea NOT NULL,               -- sealed by internal/secret, bound to this row
  scopes        text[] NOT NULL DEFAULT '{openid,profile,email}',
  state         text NOT NULL DEFAULT 'active' CHECK (state IN ('draft', 'active', 'off')),
  last_sign_in  timestamptz,
  last_failure  text NOT NULL DEFAULT '',
  last_failure_at timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, provider_id)
);
CALL own('providers');
CREATE TABLE identities (
  org_id        uuid NOT NULL,
  provider_id   uuid NOT NULL,
  subject       text NOT NULL CHECK (subject <> '' AND length(subject) <= 255),
  membership_id uuid NOT NULL,
  email         text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL DEFAULT now(),
  last_sign_in  timestamptz,
  PRIMARY KEY (org_id, provider_id, subject),
  FOREIGN KEY (org_id, provider_id) REFERENCES providers,
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX identities_membership ON identities (org_id, membership_id);
CALL own('identities');
-- A sign-in that is under way: single use, ten minutes, bound to the browser's pre-login cookie.
CREATE TABLE sign_ins (
  org_id      uuid NOT NULL,
  state_hash  bytea NOT NULL,
  provider_id uuid NOT NULL,
  cookie_hash bytea NOT NULL,
  nonce       text NOT NULL,
  verifier    text NOT NULL,
  return_to   text NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, state_hash),
  FOREIGN KEY (org_id, provider_id) REFERENCES providers
);
CREATE INDEX sign_ins_expiry ON sign_ins (org_id, expires_at);
CALL own('sign_ins');
CREATE TABLE sessions (
  org_id        uuid NOT NULL,
  session_id    uuid NOT NULL,
  token_hash    bytea NOT NULL,
  membership_id uuid NOT NULL,
  provider_id   uuid,                          -- null for an email link
  subject       text NOT NULL DEFAULT '',
  sid           text NOT NULL DEFAULT '',      -- the provider's session id, for back-channel logout
  id_token      bytea,                         -- sealed; the hint for the provider's sign-out
  device        text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL DEFAULT now(),
  seen_at       timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, session_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE UNIQUE INDEX sessions_token ON sessions (org_id, token_hash);
CREATE INDEX sessions_membership ON sessions (org_id, membership_id);
CALL own('sessions');
CREATE TABLE email_links (
  org_id      uuid NOT NULL REFERENCES organizations,
  token_hash  bytea NOT NULL,
  email       text NOT NULL,
  cookie_hash bytea NOT NULL,
  code_hash   bytea NOT NULL,                  -- of the six digits for a browser that did not ask
  return_to   text NOT NULL DEFAULT '/',
  tries       smallint NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, token_hash)
);
CREATE INDEX email_links_email ON email_links (org_id, email, created_at);
CALL own('email_links');
CREATE TABLE api_tokens (
  org_id        uuid NOT NULL,
  token_id      uuid NOT NULL,
  token_hash    bytea NOT NULL,
  membership_id uuid NOT NULL,
  scopes        text[] NOT NULL,
  name          text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  last_used_at  timestamptz,
  PRIMARY KEY (org_id, token_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('api_tokens');
-- Mail that left, kept for the outbox page of an installation without SMTP and for the administrator's log.
CREATE TABLE mails (
  org_id     uuid NOT NULL REFERENCES organizations,
  mail_id    uuid NOT NULL,
  recipient  text NOT NULL,
  subject    text NOT NULL,
  body       text NOT NULL,
  state      text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at    timestamptz,
  PRIMARY KEY (org_id, mail_id)
);
CREATE INDEX mails_recent ON mails (org_id, created_at DESC, mail_id);
CALL own('mails');
-- +goose Down
SELECT 1;
