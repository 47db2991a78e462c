-- +goose Up
-- Teams: members grouped by hand, from a claim of their sign-in or by provisioning (source). A lead is who looks after the team.
CREATE TABLE teams (
  org_id     uuid NOT NULL REFERENCES organizations,
  team_id    uuid NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  source     text NOT NULL DEFAULT 'hand' CHECK (source IN ('hand', 'claim', 'scim')),
  external   text NOT NULL DEFAULT '',        -- what the source calls it
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, team_id)
);
CREATE UNIQUE INDEX teams_name ON teams (org_id, lower(name));
CALL own('teams');
CREATE TABLE team_members (
  org_id        uuid NOT NULL,
  team_id       uuid NOT NULL,
  membership_id uuid NOT NULL,
  leads         boolean NOT NULL DEFAULT false,
  source        text NOT NULL DEFAULT 'hand' CHECK (source IN ('hand', 'claim', 'scim')),
  since         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, team_id, membership_id),
  FOREIGN KEY (org_id, team_id) REFERENCES teams,
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX team_members_member ON team_members (org_id, membership_id, team_id);
CALL own('team_members');
-- +goose Down
SELECT 1;
