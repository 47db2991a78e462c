-- +goose Up
-- Whoever knows something already shows it in a check and skips what it teaches. What was shown by test is told apart from what was learned.
ALTER TABLE completions ADD by_test boolean NOT NULL DEFAULT false;
ALTER TABLE sittings ADD skips boolean NOT NULL DEFAULT false; -- begun to skip what the check asks
-- +goose Down
SELECT 1;
