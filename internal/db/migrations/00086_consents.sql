-- +goose Up
-- What a member said to being known by name to another organization. A row is one answer and is never changed: the last one
-- counts. Only the member writes it, and only the member and who carries disclosures out read it: an employer that could read the
-- answers could ask for other ones.
CREATE TABLE consents (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  consent_id    uuid NOT NULL,
  other_org     uuid NOT NULL REFERENCES organizations,
  agreement_id  uuid NOT NULL,                 -- and version: what was in force when it was said
  version       integer NOT NULL,
  purpose       text NOT NULL CHECK (purpose IN ('certificate', 'progress')),
  decision      text NOT NULL CHECK (decision IN ('given', 'declined', 'withdrawn')),
  until         timestamptz,                   -- a yes is good until then; NULL as long as the agreement holds
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, consent_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX consents_last ON consents (org_id, membership_id, other_org, at DESC, consent_id DESC);
CALL wall('consents');
CREATE POLICY p_read ON consents FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'discloser'));
CREATE POLICY p_insert ON consents FOR INSERT TO learnscape_app
  WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()) AND (SELECT app_actor()) = 'member');
GRANT SELECT, INSERT ON consents TO learnscape_app;

-- A yes is to what both organizations signed and what is in force: its purpose, and for no longer.
-- +goose StatementBegin
CREATE FUNCTION guard_consent() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND NEW.decision = 'given' AND NOT EXISTS (SELECT 1 FROM agreements a
      WHERE a.agreement_id = NEW.agreement_id AND a.version = NEW.version AND a.state = 'active'
        AND least(a.org_a, a.org_b) = least(NEW.org_id, NEW.other_org) AND greatest(a.org_a, a.org_b) = greatest(NEW.org_id, NEW.other_org)
        AND NEW.purpose = CASE a.terms->CASE WHEN a.org_a = NEW.org_id THEN 'a' ELSE 'b' END->>'learns' WHEN 'certified' THEN 'certificate' WHEN 'named' THEN 'progress' END
        AND NEW.until IS NOT DISTINCT FROM (nullif(a.terms->>'until', '')::date + 1)::timestamp AT TIME ZONE 'UTC') THEN
    RAISE insufficient_privilege USING MESSAGE = 'a consent is to what is in force, for its purpose and time';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_consent BEFORE INSERT ON consents FOR EACH ROW EXECUTE FUNCTION guard_consent();

-- consented is the one place that says whether a member agreed to be known to another organization by name, now: 'progress',
-- 'certificate' or ''. The last answer counts, within what is in force; after an end it has to be given anew. It answers to the member
-- and to who carries disclosures out for one of the two, and to everybody else as if there were no consent.
GRANT SELECT ON consents, memberships TO learnscape_search;
CREATE POLICY p_search ON consents FOR SELECT TO learnscape_search USING (true);
CREATE POLICY p_search ON memberships FOR SELECT TO learnscape_search USING (true);
-- +goose StatementBegin
CREATE FUNCTION consented(giver uuid, member uuid, receiver uuid) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  said   record;
  learns text;
BEGIN
  IF NOT (app_actor() = 'member' AND app_org() = giver AND app_membership() = member OR app_actor() = 'discloser' AND app_org() IN (giver, receiver)) THEN
    RETURN '';
  END IF;
  SELECT c.purpose, c.decision, c.until, c.agreement_id, c.version INTO said FROM consents c
    WHERE c.org_id = giver AND c.membership_id = member AND c.other_org = receiver ORDER BY c.at DESC, c.consent_id DESC LIMIT 1;
  IF NOT FOUND OR said.decision <> 'given' OR said.until <= now() THEN
    RETURN '';
  END IF;
  SELECT a.terms->CASE WHEN a.org_a = giver THEN 'a' ELSE 'b' END->>'learns' INTO learns FROM connections n JOIN agreements a ON a.connection_id = n.connection_id AND a.state = 'active'
    WHERE least(n.org_a, n.org_b) = least(giver, receiver) AND greatest(n.org_a, n.org_b) = greatest(giver, receiver) AND n.state = 'active' AND a.agreement_id = said.agreement_id
      AND (nullif(a.terms->>'until', '') IS NULL OR (nullif(a.terms->>'until', '')::date + 1)::timestamp AT TIME ZONE 'UTC' > now())
      AND NOT EXISTS (SELECT 1 FROM agreements e WHERE e.agreement_id = a.agreement_id AND e.version >= said.version AND e.state = 'ended')
      AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = giver AND m.membership_id = member AND m.state = 'active');
  RETURN CASE learns WHEN 'named' THEN said.purpose WHEN 'certified' THEN 'certificate' ELSE '' END;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION consented FROM PUBLIC;
GRANT EXECUTE ON FUNCTION consented TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION consented OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
