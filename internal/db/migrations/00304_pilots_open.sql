-- +goose Up
-- Who tries a version reads of it while it is tried and while the item is open to them: nothing of what it says once either is over.
ALTER POLICY p_tries ON pilots USING (ended_at IS NULL AND opened(org_id, item_id) AND EXISTS (
  SELECT 1 FROM pilot_groups g WHERE g.org_id = pilots.org_id AND g.item_id = pilots.item_id AND g.version = pilots.version AND g.kind = 'org' AND g.group_id = (SELECT app_org())));
-- Who looks as others do sees what is in force.
ALTER POLICY p_pilot ON versions USING (NOT pilot OR (SELECT app_view()) IS NULL AND (org_id = (SELECT app_org()) OR tries(org_id, item_id, version)));
ALTER POLICY p_pilot ON lessons USING (NOT pilot OR (SELECT app_view()) IS NULL AND (org_id = (SELECT app_org()) OR tries(org_id, item_id, version)));
ALTER POLICY p_pilot ON lesson_texts USING (NOT pilot OR (SELECT app_view()) IS NULL AND (org_id = (SELECT app_org()) OR tries(org_id, item_id, version)));
-- What somebody of an organization that rests wrote is not read meanwhile.
CREATE POLICY p_resting ON pilot_remarks AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
-- +goose Down
SELECT 1;
