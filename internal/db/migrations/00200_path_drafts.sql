-- +goose Up
-- The head of a draft may be of a path, too. Its steps, with what adopters may add, are one document: they are read and changed as a whole.
-- The texts of its own lessons and its files are kept as those of courses.
ALTER TABLE course_drafts ADD plan jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(plan) = 'object' AND pg_column_size(plan) < 1000000);
-- +goose Down
SELECT 1;
