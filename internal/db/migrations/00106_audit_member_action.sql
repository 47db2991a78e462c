-- +goose Up
-- What somebody did of one sort, newest first: a page of the log that is narrowed by both walks this index and passes over no line.
CREATE INDEX audit_member_action ON audit (org_id, membership_id, action, at DESC, seq DESC) WHERE membership_id IS NOT NULL;
-- +goose Down
DROP INDEX audit_member_action;
