-- +goose Up
-- What one organization learns by name about the people of another: the only rows in which learning crosses. A row belongs to who
-- learns it and is written by the discloser alone, from disclosable. When its ground is gone it is emptied and stays for who gave
-- it, so that what once went can be seen.
CREATE TABLE disclosures (
  org_id        uuid NOT NULL REFERENCES organizations,   -- who learns it, and whose the item is
  giver_org     uuid NOT NULL REFERENCES organizations,
  membership_id uuid NOT NULL,                            -- of the giver
  item_id       uuid NOT NULL,
  level         text NOT NULL CHECK (level IN ('certificate', 'progress')),
  name          text NOT NULL,                            -- '' when it has ended, as are the figures
  done          integer NOT NULL,
  total         integer NOT NULL,
  finished      boolean NOT NULL,
  until         timestamptz,                              -- nobody learns it from then on
  first_at      timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL,
  ended_at      timestamptz,
  PRIMARY KEY (org_id, giver_org, membership_id, item_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CREATE INDEX disclosures_name ON disclosures (org_id, giver_org, lower(name), membership_id) WHERE ended_at IS NULL;
CREATE INDEX disclosures_given ON disclosures (giver_org, org_id, membership_id);
CREATE INDEX consents_other ON consents (org_id, other_org, membership_id);
CALL wall('disclosures');
-- It is read while the two are connected: what is paused or over tells nothing from that moment on.
CREATE POLICY p_read ON disclosures FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND ended_at IS NULL AND (until IS NULL OR until > now())
  AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = disclosures.giver_org AND s.other_org = (SELECT app_org()) AND s.state = 'active'));
CREATE POLICY p_given ON disclosures FOR SELECT TO learnscape_app USING (giver_org = (SELECT app_org()));
CREATE POLICY p_carry ON disclosures FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser');
CREATE POLICY p_insert ON disclosures FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser');
CREATE POLICY p_update ON disclosures FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser')
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser');
GRANT SELECT, INSERT, UPDATE ON disclosures TO learnscape_app;

-- disclosable is all that may be known by name about the members of one organization (of one of them, unless member is NULL) to another,
-- now: what they learn of the other's, within what both signed and what each of them agreed to. It answers to the discloser of one of the two.
GRANT SELECT ON enrollments TO learnscape_search;
CREATE POLICY p_search ON enrollments FOR SELECT TO learnscape_search USING (true);
-- +goose StatementBegin
CREATE FUNCTION disclosable(giver uuid, receiver uuid, member uuid) RETURNS TABLE (membership_id uuid, item_id uuid, level text, name text, done integer, total integer, finished boolean, until timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  who     uuid;
  agreed  text;
  ends    timestamptz;
BEGIN
  IF app_actor() <> 'discloser' OR app_org() NOT IN (giver, receiver) THEN
    RETURN;
  END IF;
  FOR who IN SELECT member WHERE member IS NOT NULL UNION SELECT c.membership_id FROM consents c WHERE member IS NULL AND c.org_id = giver AND c.other_org = receiver LOOP
    agreed := consented(giver, who, receiver);
    CONTINUE WHEN agreed = '';
    -- The end of the yes, or of the agreement if that comes before.
    ends := least((SELECT c.until FROM consents c WHERE c.org_id = giver AND c.membership_id = who AND c.other_org = receiver ORDER BY c.at DESC, c.consent_id DESC LIMIT 1),
      (SELECT (nullif(a.terms->>'until', '')::date + 1)::timestamp AT TIME ZONE 'UTC' FROM connections n JOIN agreements a ON a.connection_id = n.connection_id AND a.state = 'active'
        WHERE least(n.org_a, n.org_b) = least(giver, receiver) AND greatest(n.org_a, n.org_b) = greatest(giver, receiver)));
    RETURN QUERY SELECT who, e.item_id, agreed, m.name, e.done, e.total, e.state = 'completed', ends
      FROM enrollments e JOIN memberships m ON m.org_id = e.org_id AND m.membership_id = e.membership_id JOIN items i ON i.org_id = e.item_org AND i.item_id = e.item_id
      WHERE e.org_id = giver AND e.membership_id = who AND e.item_org = receiver AND e.state <> 'left' AND (agreed = 'progress' OR e.state = 'completed');
  END LOOP;
END $$;
-- What is written is what may be known, whoever wrote it; and what has ended is empty.
CREATE FUNCTION guard_disclosure() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.giver_org, NEW.membership_id, NEW.item_id, NEW.first_at) <> (OLD.org_id, OLD.giver_org, OLD.membership_id, OLD.item_id, OLD.first_at) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what a disclosure is about stays';
  END IF;
  IF NEW.ended_at IS NOT NULL AND (NEW.name, NEW.done, NEW.total) = ('', 0, 0) AND TG_OP = 'UPDATE' THEN
    RETURN NEW;
  END IF;
  IF NEW.ended_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM disclosable(NEW.giver_org, NEW.org_id, NEW.membership_id) d
      WHERE d.item_id = NEW.item_id AND (d.level, d.name, d.done, d.total, d.finished) = (NEW.level, NEW.name, NEW.done, NEW.total, NEW.finished) AND d.until IS NOT DISTINCT FROM NEW.until) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a disclosure says what was signed and agreed to, and nothing else';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_disclosure BEFORE INSERT OR UPDATE ON disclosures FOR EACH ROW EXECUTE FUNCTION guard_disclosure();
REVOKE EXECUTE ON FUNCTION disclosable FROM PUBLIC;
GRANT EXECUTE ON FUNCTION disclosable TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION disclosable OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;

-- How often an organization read what it learns about the people of another, by purpose and day. Both see it.
CREATE TABLE disclosure_reads (
  org_id    uuid NOT NULL REFERENCES organizations,       -- who read
  giver_org uuid NOT NULL REFERENCES organizations,
  purpose   text NOT NULL CHECK (purpose IN ('names', 'names_file', 'totals', 'totals_file')),
  day       date NOT NULL,
  n         integer NOT NULL CHECK (n > 0),
  PRIMARY KEY (org_id, giver_org, purpose, day)
);
CREATE INDEX disclosure_reads_given ON disclosure_reads (giver_org, org_id, day DESC);
CALL wall('disclosure_reads');
CREATE POLICY p_read ON disclosure_reads FOR SELECT TO learnscape_app USING ((SELECT app_org()) IN (org_id, giver_org));
CREATE POLICY p_insert ON disclosure_reads FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_update ON disclosure_reads FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
GRANT SELECT, INSERT, UPDATE ON disclosure_reads TO learnscape_app;
-- It only ever grows, by one.
-- +goose StatementBegin
CREATE FUNCTION guard_disclosure_read() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND (TG_OP = 'INSERT' AND NEW.n <> 1
      OR TG_OP = 'UPDATE' AND (NEW.n <> OLD.n + 1 OR (NEW.org_id, NEW.giver_org, NEW.purpose, NEW.day) <> (OLD.org_id, OLD.giver_org, OLD.purpose, OLD.day))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a read is counted once and for ever';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_disclosure_read BEFORE INSERT OR UPDATE ON disclosure_reads FOR EACH ROW EXECUTE FUNCTION guard_disclosure_read();
-- +goose Down
SELECT 1;
