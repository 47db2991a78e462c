-- +goose Up
-- Who moves to another version of what they are on keeps the share that they had: it never falls because of a version. For fourteen days they can
-- go back.
ALTER TABLE enrollments ADD floor_share double precision NOT NULL DEFAULT 0 CHECK (floor_share BETWEEN 0 AND 1),
  ADD moved_from integer, ADD moved_at timestamptz, ADD CHECK ((moved_from IS NULL) = (moved_at IS NULL));
-- +goose Down
SELECT 1;
