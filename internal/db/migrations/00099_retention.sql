-- +goose Up
-- What visitors left who did not come back goes with them.
CREATE POLICY p_keeper ON visitors TO learnscape_app USING ((SELECT app_actor()) = 'keeper' AND expires_at < now());
CREATE INDEX visitors_over ON visitors (expires_at);
-- +goose Down
SELECT 1;
