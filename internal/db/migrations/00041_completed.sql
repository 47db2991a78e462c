-- +goose Up
-- What colleagues finished lately, for the reasons of recommendations.
CREATE INDEX enrollments_completed ON enrollments (org_id, completed_at DESC) WHERE state = 'completed';
-- +goose Down
SELECT 1;
