-- +goose Up
-- How much an organization may have, where the operator says something else than the default; NULL is the default.
CREATE TABLE quotas (
  org_id       uuid PRIMARY KEY REFERENCES organizations,
  storage      bigint CHECK (storage >= 0),   -- bytes of files
  people       integer CHECK (people >= 0),   -- members who have not left
  invites_hour integer CHECK (invites_hour >= 0),
  invites_month integer CHECK (invites_month >= 0),
  set_at       timestamptz NOT NULL DEFAULT now()
);
CALL wall('quotas');
CREATE POLICY p_read ON quotas FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
-- Nobody gives more to themselves.
CREATE POLICY p_insert ON quotas FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'operator');
CREATE POLICY p_update ON quotas FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'operator')
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'operator');
GRANT SELECT, INSERT, UPDATE ON quotas TO learnscape_app;
CREATE INDEX invitations_rate ON invitations (org_id, created_at);
-- +goose Down
SELECT 1;
