-- +goose Up
-- What was said about a connection, by key, so that nothing is mailed twice: the receipt that it tells of, or what is due once.
CREATE TABLE notices (
  org_id        uuid NOT NULL REFERENCES organizations, -- whose people were told
  connection_id uuid NOT NULL REFERENCES connections,
  key           text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, connection_id, key)
);
CALL own('notices');
-- Who gets no mails about the connection with an organization.
CREATE TABLE quiet_connections (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  other_org     uuid NOT NULL REFERENCES organizations,
  PRIMARY KEY (org_id, membership_id, other_org),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('quiet_connections');
CREATE INDEX memberships_partner_managers ON memberships (org_id, membership_id) WHERE state = 'active' AND 'partner_manager' = ANY (roles);
-- Nobody signs for an organization but its own people, and whoever accepts an invitation for one that is new. What carries out terms
-- on the other side of a connection, works at night or writes mails signs nothing.
-- +goose StatementBegin
CREATE FUNCTION guard_signature() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND app_actor() NOT IN ('member', 'sign_in', 'operator') THEN
    RAISE insufficient_privilege USING MESSAGE = 'people sign, nothing else does';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_signature BEFORE UPDATE ON agreements FOR EACH ROW
  WHEN ((NEW.accepted_a_at, NEW.accepted_b_at) IS DISTINCT FROM (OLD.accepted_a_at, OLD.accepted_b_at)) EXECUTE FUNCTION guard_signature();
-- +goose Down
SELECT 1;
