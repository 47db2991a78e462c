-- +goose Up
-- Who of another organization reads a story counts once a week and apart from visitors: a publisher with one partner would otherwise see
-- by the hour that somebody there read.
ALTER TABLE touches DROP CONSTRAINT touches_what_check, ADD CONSTRAINT touches_what_check CHECK (what IN ('seen', 'read', 'started', 'kept', 'completed'));
-- +goose Down
SELECT 1;
