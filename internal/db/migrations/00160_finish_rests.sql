-- +goose Up
-- Time to finish is written down when a connection ends, also while one of the two rests: the agreement's actor, who acts only inside
-- that one transaction, sees then what the resting one had opened. Nobody reads it before the organization is back, and the days
-- count from the end.
ALTER POLICY p_resting ON grants
  USING (org_id = (SELECT app_org()) OR (SELECT app_actor()) = 'agreement' OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
ALTER POLICY p_search ON grants
  USING (org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')) OR (SELECT app_actor()) = 'agreement');
-- +goose Down
SELECT 1;
