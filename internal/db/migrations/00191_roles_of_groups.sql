-- +goose Up
-- A group of the identity provider gives roles to whoever is in it. What somebody has for that alone is told apart from what they were
-- given by hand, so that leaving the group takes the one and leaves the other.
ALTER TABLE teams ADD COLUMN gives text[] NOT NULL DEFAULT '{}',
  ADD CONSTRAINT teams_gives CHECK (gives = '{}' OR source = 'scim' AND gives <@ ARRAY['author', 'marketer', 'moderator', 'manager', 'partner_manager', 'lead', 'administrator']);
ALTER TABLE memberships ADD COLUMN given text[] NOT NULL DEFAULT '{}',   -- of roles: those that a group gives, and nobody else
  ADD CONSTRAINT memberships_given CHECK (given <@ roles);
-- +goose Down
SELECT 1;
