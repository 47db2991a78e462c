-- +goose Up
-- +goose StatementBegin
-- The vendor offers, the partner accepts, either ends it, and so does the end of their connection.
CREATE OR REPLACE FUNCTION guard_program_partner() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  people boolean := app_actor() IN ('member', 'operator');
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.program_id, NEW.partner) <> (OLD.org_id, OLD.program_id, OLD.partner) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who takes part stays who it is';
  END IF;
  IF NOT (CASE CASE WHEN TG_OP = 'INSERT' THEN 'none' ELSE OLD.state END || ' ' || NEW.state
      WHEN 'none offered' THEN people AND app_org() = NEW.org_id
      WHEN 'ended offered' THEN people AND app_org() = NEW.org_id
      WHEN 'offered active' THEN people AND app_org() = NEW.partner
      WHEN 'offered ended' THEN NEW.ended_by = app_org()
      WHEN 'active ended' THEN NEW.ended_by = app_org()
      -- The vendor notes that it asked a partner to look.
      WHEN 'active active' THEN people AND app_org() = NEW.org_id AND to_jsonb(NEW) - 'asked_at' = to_jsonb(OLD) - 'asked_at'
      -- Who ended it takes that back, for 14 days, unless their connection ended with it.
      WHEN 'ended active' THEN people AND OLD.ended_by = app_org() AND OLD.accepted_at IS NOT NULL AND NEW.accepted_at = OLD.accepted_at AND OLD.ended_at > now() - interval '14 days'
      ELSE false END) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the vendor offers, the partner accepts, either ends';
  END IF;
  IF NEW.state <> 'ended' AND NOT EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = NEW.org_id AND s.other_org = NEW.partner AND s.state = 'active') THEN
    RAISE insufficient_privilege USING MESSAGE = 'only who is connected takes part';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION end_programs() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE program_partners SET state = 'ended', accepted_at = NULL, ended_at = now(), ended_by = coalesce(app_org(), partner)
    WHERE ((org_id = NEW.org_a AND partner = NEW.org_b) OR (org_id = NEW.org_b AND partner = NEW.org_a)) AND state <> 'ended';
  RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
