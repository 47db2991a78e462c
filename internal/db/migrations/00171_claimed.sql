-- +goose Up
-- A link that lets somebody's new account at a provider have the place of the address: it was asked for by coming through the provider,
-- and works in that browser alone.
ALTER TABLE email_links
  ADD COLUMN provider_id uuid,
  ADD COLUMN new_subject text NOT NULL DEFAULT '',
  ADD CONSTRAINT email_links_claim CHECK ((provider_id IS NULL) = (new_subject = '')),
  ADD CONSTRAINT email_links_provider FOREIGN KEY (org_id, provider_id) REFERENCES providers ON DELETE CASCADE;
CREATE INDEX email_links_provider ON email_links (org_id, provider_id) WHERE provider_id IS NOT NULL;
-- +goose Down
SELECT 1;
