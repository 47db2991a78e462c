-- +goose Up
-- Which steps of a list in a lesson somebody ticked. It is as private as a reflection.
CREATE TABLE ticks (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,
  list_key      text NOT NULL,
  done          text[] NOT NULL CHECK (cardinality(done) BETWEEN 1 AND 40), -- the keys of the steps
  updated_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id, item_org, item_id, lesson_key, list_key),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('ticks');
CREATE POLICY p_mine ON ticks TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
GRANT SELECT, INSERT, UPDATE, DELETE ON ticks TO learnscape_app;

-- The sites whose pages an organization shows in frames: those of its own lessons, and those of others before its people.
ALTER TABLE organizations ADD frames text[] NOT NULL DEFAULT '{player.vimeo.com,www.youtube-nocookie.com}' CHECK (cardinality(frames) <= 50);
-- +goose Down
SELECT 1;
