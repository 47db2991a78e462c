-- +goose Up
-- What an organization adds to others' paths rests with it, as everything that it shares: neither the publisher nor its customers
-- read it while the organization is suspended or closed.
CREATE POLICY p_resting ON additions AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
-- +goose Down
SELECT 1;
