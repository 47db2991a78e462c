-- +goose Up
-- Names of an organization's own at which its portal answers, besides {slug}.{base}. One answers while its domain is proven; of two
-- organizations that have the same one, whoever proved the more precise domain has it.
CREATE TABLE hosts (
  org_id     uuid NOT NULL REFERENCES organizations,
  host       text NOT NULL CHECK (host = lower(host)),
  domain     text NOT NULL,
  canonical  boolean NOT NULL DEFAULT false,    -- the address that all others lead to
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, host),
  FOREIGN KEY (org_id, domain) REFERENCES domains ON DELETE CASCADE,
  CHECK (host = domain OR host LIKE '%.' || domain)
);
CREATE INDEX hosts_host ON hosts (host);
CREATE UNIQUE INDEX hosts_canonical ON hosts (org_id) WHERE canonical;
CALL wall('hosts');
-- Where a portal answers is public.
CREATE POLICY p_read ON hosts FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org())
  OR EXISTS (SELECT 1 FROM domains d WHERE d.org_id = hosts.org_id AND d.domain = hosts.domain AND d.verified_at IS NOT NULL));
CREATE POLICY p_insert ON hosts FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org())
  AND EXISTS (SELECT 1 FROM domains d WHERE d.org_id = hosts.org_id AND d.domain = hosts.domain AND d.verified_at IS NOT NULL));
CREATE POLICY p_update ON hosts FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org())
  AND EXISTS (SELECT 1 FROM domains d WHERE d.org_id = hosts.org_id AND d.domain = hosts.domain AND d.verified_at IS NOT NULL));
CREATE POLICY p_delete ON hosts FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()));
GRANT SELECT, INSERT, UPDATE, DELETE ON hosts TO learnscape_app;

-- A sign-in that began on a host of the organization's own, takes place at {slug}.{base} and is handed over: the code is used once,
-- within a minute, by the browser that has the cookie, on the host that set it.
CREATE TABLE hand_overs (
  org_id      uuid NOT NULL REFERENCES organizations,
  hand_hash   bytea NOT NULL CHECK (length(hand_hash) = 32),
  host        text NOT NULL,
  cookie_hash bytea NOT NULL CHECK (length(cookie_hash) = 32),
  return_to   text NOT NULL,
  expires_at  timestamptz NOT NULL,             -- of the sign-in, and of the code once there is one
  code_hash   bytea CHECK (length(code_hash) = 32),
  session_id  uuid,                             -- that is handed over
  PRIMARY KEY (org_id, hand_hash),
  FOREIGN KEY (org_id, session_id) REFERENCES sessions ON DELETE CASCADE,
  CHECK ((code_hash IS NULL) = (session_id IS NULL))
);
CREATE UNIQUE INDEX hand_overs_code ON hand_overs (org_id, code_hash);
CREATE INDEX hand_overs_expiry ON hand_overs (org_id, expires_at);
CREATE INDEX hand_overs_session ON hand_overs (org_id, session_id);
CALL own('hand_overs');
-- A session that was handed over lives no longer than the one it came from.
ALTER TABLE sessions ADD COLUMN handed_from uuid,
  ADD CONSTRAINT sessions_handed_from FOREIGN KEY (org_id, handed_from) REFERENCES sessions ON DELETE CASCADE;
CREATE INDEX sessions_handed ON sessions (org_id, handed_from) WHERE handed_from IS NOT NULL;
-- +goose Down
SELECT 1;
