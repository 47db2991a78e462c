-- +goose Up
-- What an organization notes about another for itself; the other never sees it.
CREATE TABLE partner_notes (
  org_id    uuid NOT NULL REFERENCES organizations,
  other_org uuid NOT NULL REFERENCES organizations,
  account   text NOT NULL DEFAULT '' CHECK (length(account) <= 100), -- the own number for it
  PRIMARY KEY (org_id, other_org)
);
CALL own('partner_notes');
INSERT INTO partner_notes (org_id, other_org, account) SELECT DISTINCT ON (v.org_id, v.accepted_org) v.org_id, v.accepted_org, v.account FROM invitations v
  WHERE v.accepted_org IS NOT NULL AND v.account <> '' ORDER BY v.org_id, v.accepted_org, v.decided_at DESC;
-- The one rule that says when the time to finish is over: the state of a connection at a time.
CREATE FUNCTION connection_state(state text, finish timestamptz, at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT CASE WHEN state = 'ending' AND finish <= at THEN 'ended' ELSE state END $$;
-- +goose Down
SELECT 1;
