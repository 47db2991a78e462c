-- +goose Up
-- A seat in a session that an organization's people do not see any more is given back for them, by who seats people there.
CREATE POLICY p_lost ON live_seats FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND session_org <> (SELECT app_org()) AND (SELECT app_actor()) = 'usher');
-- +goose Down
SELECT 1;
