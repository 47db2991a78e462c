-- +goose Up
-- Which reminder of which date somebody got last: before, on or after it.
ALTER TABLE enrollments ADD told text NOT NULL DEFAULT '';
CREATE INDEX enrollments_due ON enrollments (org_id, membership_id) WHERE state = 'active' AND (due_at IS NOT NULL OR own_due_at IS NOT NULL);
-- Who wants no mails about dates.
CREATE TABLE quiet_dues (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('quiet_dues');
-- The address at which a calendar reads somebody's dates, by the hash of what it ends with; removing it closes the address.
CREATE TABLE calendar_feeds (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  token_hash    bytea NOT NULL CHECK (length(token_hash) = 32),
  made_at       timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('calendar_feeds');
CREATE UNIQUE INDEX calendar_feeds_token ON calendar_feeds (org_id, token_hash);
CREATE POLICY p_mine ON calendar_feeds TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership())) WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
-- Whoever holds the address, as whom the product looks it up.
CREATE POLICY p_proof ON calendar_feeds FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'mailer' AND token_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')));
GRANT SELECT, INSERT, UPDATE, DELETE ON calendar_feeds TO learnscape_app;
-- +goose Down
DROP TABLE calendar_feeds, quiet_dues;
DROP INDEX enrollments_due;
ALTER TABLE enrollments DROP told;
