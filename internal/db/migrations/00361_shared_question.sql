-- +goose Up
-- What somebody shares answers a question: whoever reads it finds the question, if they see what it stands in.
ALTER TABLE reflection_shares ADD lesson_key text NOT NULL DEFAULT '', ADD reflection_key text NOT NULL DEFAULT '';
UPDATE reflection_shares s SET lesson_key = r.lesson_key, reflection_key = r.reflection_key FROM reflections r WHERE r.org_id = s.org_id AND r.reflection_id = s.reflection_id;
-- +goose Down
ALTER TABLE reflection_shares DROP lesson_key, DROP reflection_key;
