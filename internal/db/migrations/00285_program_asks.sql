-- +goose Up
-- Whom somebody asked because of a partner program in which the organization takes part: one of the own people, to renew or to go on.
CREATE TABLE program_asks (
  org_id        uuid NOT NULL,                 -- whose people ask and are asked
  ask_id        uuid NOT NULL,
  vendor        uuid NOT NULL,                 -- of the program
  program_id    uuid NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('renew', 'suggest')),
  membership_id uuid NOT NULL,                 -- who was asked
  asked_by      uuid NOT NULL,
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, ask_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('program_asks');
CREATE INDEX program_asks_recent ON program_asks (org_id, program_id, at DESC);
CREATE INDEX program_asks_member ON program_asks (org_id, membership_id);
-- When the vendor last asked a partner to look at where it stands.
ALTER TABLE program_partners ADD asked_at timestamptz;
-- People ask, in their own name, and where their organization takes part.
-- +goose StatementBegin
CREATE FUNCTION guard_program_ask() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND app_actor() <> 'operator' AND (app_actor() <> 'member' OR NEW.asked_by <> app_membership()
      OR NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{manager,partner_manager,administrator}')
      OR NOT EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = NEW.vendor AND p.program_id = NEW.program_id AND p.partner = NEW.org_id AND p.state = 'active')) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people ask, in their own name, because of a program in which they take part';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_program_ask BEFORE INSERT OR UPDATE ON program_asks FOR EACH ROW EXECUTE FUNCTION guard_program_ask();
-- +goose Down
DROP TABLE program_asks;
DROP FUNCTION guard_program_ask;
ALTER TABLE program_partners DROP asked_at;
