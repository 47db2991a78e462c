-- +goose Up
-- A member's enrollments are few and found by their unique key. An index on when they changed made every step of progress write into all
-- indexes; without it a row is changed in place.
DROP INDEX enrollments_recent;
-- +goose Down
SELECT 1;
