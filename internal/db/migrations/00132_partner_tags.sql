-- +goose Up
-- Who of the own people looks after another organization, and by which words it is found; the other never sees either.
ALTER TABLE partner_notes ADD owner_id uuid, ADD tags text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tags) <= 10),
  ADD FOREIGN KEY (org_id, owner_id) REFERENCES memberships ON DELETE SET NULL (owner_id);
-- +goose Down
ALTER TABLE partner_notes DROP owner_id, DROP tags;
