-- +goose Up
-- The lesson that the recording of a session became a part of, and after which version of the item: from the next one on it is there.
ALTER TABLE live_sessions ADD recording text NOT NULL DEFAULT '' CHECK (length(recording) <= 200), ADD recorded_after integer NOT NULL DEFAULT 0;
-- +goose Down
SELECT 1;
