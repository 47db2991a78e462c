-- +goose Up
-- How many questions of one organization another has answered.
CREATE INDEX answers_between ON answers (question_org, org_id);
-- +goose Down
DROP INDEX answers_between;
