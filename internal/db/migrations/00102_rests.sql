-- +goose Up
-- More of what an organization shares rests with it while it is suspended or closed: what it adds to the paths of others, the names and
-- totals about its people, what its people read and took into their library, and what its links and invitations offer.
CREATE POLICY p_resting ON additions AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
CREATE POLICY p_resting ON cells AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (giver_org = (SELECT app_org()) OR giver_org <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
-- Not for the discloser, who ends a disclosure also while its giver rests.
ALTER POLICY p_read ON disclosures USING (org_id = (SELECT app_org()) AND ended_at IS NULL AND (until IS NULL OR until > now())
  AND giver_org <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active'))
  AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = disclosures.giver_org AND s.other_org = (SELECT app_org()) AND s.state = 'active'));
ALTER POLICY p_search ON adoptions USING (org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
ALTER POLICY p_search ON reads_across USING (org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
CREATE POLICY p_resting ON standard_links AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
CREATE POLICY p_resting ON invitations AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
-- +goose Down
SELECT 1;
