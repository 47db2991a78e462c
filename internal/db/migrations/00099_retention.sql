-- +goose Up
-- What visitors left who did not come back goes with them.
CREATE POLICY p_over ON visitors FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'keeper' AND expires_at < now());
CREATE POLICY p_go ON visitors FOR DELETE TO learnscape_app USING ((SELECT app_actor()) = 'keeper' AND expires_at < now());
CREATE INDEX visitors_over ON visitors (expires_at);
-- +goose Down
SELECT 1;
