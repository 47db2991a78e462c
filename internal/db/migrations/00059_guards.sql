-- +goose Up
-- What is settled stays settled, and nobody gives itself time to finish. The guards of 00050 say it now of a version that was
-- declined, withdrawn or ended, of what the other side wrote with its proposal, and of the two sides of a connection that begins anew.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_connection() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.connection_id, NEW.org_a, NEW.org_b) <> (OLD.connection_id, OLD.org_a, OLD.org_b) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the sides of a connection stay';
  END IF;
  IF TG_OP = 'INSERT' OR NEW.state = 'asked' AND OLD.state <> 'asked' THEN
    IF NEW.state <> 'asked' OR NEW.asked_by <> app_org() THEN
      RAISE insufficient_privilege USING MESSAGE = 'a connection begins with one side asking for it';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.asked_by <> OLD.asked_by THEN
    RAISE insufficient_privilege USING MESSAGE = 'who asked stays';
  END IF;
  IF NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM agreements a WHERE a.connection_id = NEW.connection_id AND a.state = 'active') THEN
    RAISE insufficient_privilege USING MESSAGE = 'a connection is active on terms that both signed';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION guard_agreement() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'proposed' OR NEW.proposed_by <> app_org() OR (NEW.accepted_a_at IS NOT NULL) <> (NEW.org_a = app_org()) OR (NEW.accepted_b_at IS NOT NULL) <> (NEW.org_b = app_org()) THEN
      RAISE insufficient_privilege USING MESSAGE = 'a version is proposed and signed by who acts, and by nobody else';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.agreement_id, NEW.version, NEW.connection_id, NEW.org_a, NEW.org_b, NEW.proposed_by, NEW.terms_hash, NEW.terms, NEW.note, NEW.title, NEW.created_at)
    <> (OLD.agreement_id, OLD.version, OLD.connection_id, OLD.org_a, OLD.org_b, OLD.proposed_by, OLD.terms_hash, OLD.terms, OLD.note, OLD.title, OLD.created_at) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what was proposed stays as it is';
  END IF;
  IF NEW.state <> OLD.state AND (NEW.state = 'proposed' OR OLD.state NOT IN ('proposed', 'active')) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what is settled is not proposed again';
  END IF;
  IF NEW.accepted_a_at IS DISTINCT FROM OLD.accepted_a_at AND (NEW.org_a <> app_org() OR OLD.state <> 'proposed')
    OR NEW.accepted_b_at IS DISTINCT FROM OLD.accepted_b_at AND (NEW.org_b <> app_org() OR OLD.state <> 'proposed') THEN
    RAISE insufficient_privilege USING MESSAGE = 'each side signs for itself, once, what is proposed';
  END IF;
  IF NEW.state = 'active' AND (NEW.accepted_a_at IS NULL OR NEW.accepted_b_at IS NULL) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a version is in force when both signed it';
  END IF;
  RETURN NEW;
END $$;
-- Time to finish is written while the agreement still holds: for what a grant opens to the organization, and for no longer than was signed.
CREATE FUNCTION guard_finishing() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF NOT EXISTS (SELECT 1 FROM connections c JOIN agreements a ON a.connection_id = c.connection_id AND a.state = 'active'
      WHERE least(c.org_a, c.org_b) = least(NEW.org_id, NEW.item_org) AND greatest(c.org_a, c.org_b) = greatest(NEW.org_id, NEW.item_org)
        AND NEW.until <= now() + make_interval(days => coalesce((a.terms->>'finish_days')::int, 0) + 1)) -- the day more is for clocks that differ
    OR NOT EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      WHERE ci.org_id = NEW.item_org AND ci.item_id = NEW.item_id AND ci.listed_at IS NOT NULL AND g.viewer_org = NEW.org_id AND (g.until IS NULL OR g.until > now())) THEN
    RAISE insufficient_privilege USING MESSAGE = 'time to finish is what both signed, for what is open';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_finishing BEFORE INSERT OR UPDATE ON finishing FOR EACH ROW EXECUTE FUNCTION guard_finishing();
-- An invitation that was withdrawn makes no organization any more.
ALTER POLICY p_invited ON organizations WITH CHECK ((SELECT app_actor()) = 'sign_in' AND org_id = (SELECT app_org()) AND sign_in = 'email'
  AND EXISTS (SELECT 1 FROM invitations v WHERE v.token_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')) AND v.state <> 'withdrawn' AND v.to_org IS NULL AND v.accepted_org IS NULL));
-- +goose Down
SELECT 1;
