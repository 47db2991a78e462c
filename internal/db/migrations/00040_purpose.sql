-- +goose Up
-- What a member is here to do, as they said on the first visit; 'asked' if they were asked and went on without saying.
ALTER TABLE memberships ADD CONSTRAINT memberships_purpose CHECK (purpose IN ('', 'asked', 'solve', 'learn', 'customers', 'prove', 'team', 'look'));
-- +goose Down
ALTER TABLE memberships DROP CONSTRAINT memberships_purpose;
