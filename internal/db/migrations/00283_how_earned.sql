-- +goose Up
-- A publisher may have its certificates tell whether somebody learned it or showed by test that they know it.
ALTER TABLE credential_offers ADD tells_how boolean NOT NULL DEFAULT false;
ALTER TABLE credentials ADD how text NOT NULL DEFAULT '' CHECK (how IN ('', 'learned', 'tested', 'partly')); -- '' where the publisher does not tell
-- +goose StatementBegin
-- A credential says what its publisher offers for what the member finished; nobody gives one for anything else. Afterwards it stays what it
-- is: the holder says whether and under which name it is shown and where it is kept, the issuer renews it, and the mailer notes what it told.
CREATE OR REPLACE FUNCTION guard_credential() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  may text[] := CASE app_actor() WHEN 'member' THEN '{shown_name,code,code_hash,org_id,membership_id}' WHEN 'mailer' THEN '{told}'
    ELSE '{version,how,right_answers,questions,issued_at,expires_at,renew_from,awards,document,told,name,shows,criteria,title,cosigner}' END;
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - may <> to_jsonb(OLD) - may THEN
      RAISE insufficient_privilege USING MESSAGE = 'what was earned stays what it is';
    END IF;
    IF (NEW.org_id, NEW.membership_id) <> (OLD.org_id, OLD.membership_id) AND to_jsonb(NEW) - '{org_id,membership_id}'::text[] <> to_jsonb(OLD) - '{org_id,membership_id}'::text[] THEN
      RAISE insufficient_privilege USING MESSAGE = 'it is brought along as it is';
    END IF;
    IF NEW.shown_name <> OLD.shown_name AND NEW.shown_name NOT IN ('', (SELECT m.name FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.membership_id)) THEN
      RAISE insufficient_privilege USING MESSAGE = 'it is shown under the name of whoever holds it';
    END IF;
  END IF;
  IF (TG_OP = 'INSERT' OR NEW.issued_at <> OLD.issued_at) AND NOT EXISTS (SELECT 1 FROM enrollments e JOIN credential_offers o ON o.org_id = e.item_org AND o.item_id = e.item_id
      WHERE e.org_id = NEW.org_id AND e.membership_id = NEW.membership_id AND e.item_org = NEW.issuer AND e.item_id = NEW.item_id AND e.completed_at IS NOT NULL AND e.version = NEW.version
      AND (o.name, o.shows, o.criteria) = (NEW.name, NEW.shows, NEW.criteria) AND NEW.expires_at IS NOT DISTINCT FROM NEW.issued_at + make_interval(months => o.months)
      AND NEW.how = CASE WHEN o.tells_how THEN how_learned(NEW.org_id, NEW.membership_id, NEW.issuer, NEW.item_id, NEW.version) ELSE '' END) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a credential is given for what was finished, in the words of who offers it';
  END IF;
  IF (TG_OP = 'INSERT' OR NEW.cosigner IS DISTINCT FROM OLD.cosigner OR NEW.issued_at <> OLD.issued_at) AND NEW.cosigner IS NOT NULL AND (NEW.cosigner <> NEW.org_id
      OR NOT EXISTS (SELECT 1 FROM joint_propositions j WHERE j.publisher = NEW.issuer AND j.adopter = NEW.cosigner AND j.path_id = NEW.item_id AND j.state = 'accepted'
        AND joint_holds(j.publisher, j.adopter, j.path_id, j.created_at, true))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'two sign what both said together';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
