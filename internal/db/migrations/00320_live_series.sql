-- +goose Up
-- The name of a series of live sessions: a step of a path can be done by any session of a series, whatever that one is about.
ALTER TABLE live_sessions ADD series text NOT NULL DEFAULT '' CHECK (length(series) <= 80);
CREATE INDEX live_sessions_series ON live_sessions (org_id, series, starts_at, session_id) WHERE series <> '';
-- +goose Down
SELECT 1;
