-- +goose Up
-- An invitation to an organization that has no portal yet, or one that nobody looks after: mailed to one address, used once by
-- whoever holds its code there. It carries what is offered, so that the answer finds the terms that were meant.
CREATE TABLE invitations (
  org_id        uuid NOT NULL REFERENCES organizations,
  invitation_id uuid NOT NULL,
  token_hash    bytea NOT NULL CHECK (length(token_hash) = 32),
  email         text NOT NULL CHECK (email = lower(email)),
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 120), -- of the organization that is meant
  account       text NOT NULL DEFAULT '' CHECK (length(account) <= 100), -- the inviter's own number for it
  to_org        uuid REFERENCES organizations,
  proposal      jsonb NOT NULL,
  created_by    uuid NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'withdrawn')),
  accepted_org  uuid REFERENCES organizations,
  decided_at    timestamptz,
  PRIMARY KEY (org_id, invitation_id)
);
CREATE UNIQUE INDEX invitations_token ON invitations (token_hash);
CREATE INDEX invitations_recent ON invitations (org_id, created_at DESC, invitation_id);
CALL own('invitations');
-- Whoever holds the code reads the invitation; it is used up in the scope of who invited.
CREATE POLICY p_proof ON invitations FOR SELECT TO learnscape_app
  USING (expires_at > now() AND token_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')));
-- Accepting one makes the organization that was meant, or takes over the one that waits.
CREATE POLICY p_invited ON organizations FOR INSERT TO learnscape_app WITH CHECK ((SELECT app_actor()) = 'sign_in' AND org_id = (SELECT app_org()) AND sign_in = 'email'
  AND EXISTS (SELECT 1 FROM invitations v WHERE v.token_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')) AND v.to_org IS NULL AND v.accepted_org IS NULL));
-- +goose Down
SELECT 1;
