-- +goose Up
-- Which memberships of other organizations are the same person's, by their own word at both. Only the member reads it: an organization
-- does not learn for whom its people work besides. Each side has a row of its own; the other one's is written by that side's sign-in.
CREATE TABLE account_links (
  org_id           uuid NOT NULL,
  membership_id    uuid NOT NULL,
  other_org        uuid NOT NULL,
  other_membership uuid NOT NULL,
  linked_at        timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id, other_org, other_membership),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships ON DELETE CASCADE
);
CALL wall('account_links');
CREATE POLICY p_read ON account_links FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'sign_in'));
CREATE POLICY p_insert ON account_links FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'sign_in');
CREATE POLICY p_delete ON account_links FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'sign_in'));
GRANT SELECT, INSERT, DELETE ON account_links TO learnscape_app;
-- One that is under way, at the side that began it: confirmed at the other with a code, and used once by the session that began.
CREATE TABLE link_requests (
  org_id           uuid NOT NULL,
  token_hash       bytea NOT NULL CHECK (length(token_hash) = 32),
  membership_id    uuid NOT NULL,
  session_id       uuid NOT NULL,
  to_org           uuid NOT NULL,
  to_membership    uuid,                       -- who confirmed it
  code_hash        bytea CHECK (length(code_hash) = 32),
  expires_at       timestamptz NOT NULL,
  PRIMARY KEY (org_id, token_hash),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships ON DELETE CASCADE,
  CHECK ((code_hash IS NULL) = (to_membership IS NULL))
);
CREATE INDEX link_requests_membership ON link_requests (org_id, membership_id);
CALL wall('link_requests');
CREATE POLICY p_own ON link_requests TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) IN ('sign_in', 'keeper')))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'sign_in'));
GRANT SELECT, INSERT, UPDATE, DELETE ON link_requests TO learnscape_app;
-- +goose Down
SELECT 1;
