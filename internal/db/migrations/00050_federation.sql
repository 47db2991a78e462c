-- +goose Up
-- A connection is asked for by one side and becomes active when the other signs; what both signed is a version of their
-- agreement. Who may write what is guarded here, so that no code can sign for somebody else. The operator brings over what was
-- agreed elsewhere.
ALTER TABLE connections DROP CONSTRAINT connections_state_check,
  ADD CONSTRAINT connections_state_check CHECK (state IN ('asked', 'active', 'paused', 'ending', 'ended', 'declined', 'withdrawn')),
  ADD finish_until timestamptz;                -- while 'ending': those in mid-course may finish until then
ALTER TABLE connection_sides DROP CONSTRAINT connection_sides_state_check,
  ADD CONSTRAINT connection_sides_state_check CHECK (state IN ('asked', 'active', 'paused', 'ending', 'ended', 'declined', 'withdrawn'));
ALTER TABLE agreements DROP CONSTRAINT agreements_state_check,
  ADD CONSTRAINT agreements_state_check CHECK (state IN ('proposed', 'active', 'replaced', 'countered', 'declined', 'withdrawn', 'ended')),
  ADD proposed_by uuid, ADD note text NOT NULL DEFAULT '' CHECK (length(note) <= 2000), ADD decided_at timestamptz;
UPDATE agreements SET proposed_by = org_a;
ALTER TABLE agreements ALTER proposed_by SET NOT NULL;
CREATE UNIQUE INDEX agreements_open ON agreements (agreement_id) WHERE state = 'proposed';
CREATE UNIQUE INDEX agreements_in_force ON agreements (agreement_id) WHERE state = 'active';

-- Each side writes its own row; what it says of itself in a connection.
DROP POLICY p_both ON connection_sides;
CREATE POLICY p_read ON connection_sides FOR SELECT TO learnscape_app USING ((SELECT app_org()) IN (org_id, other_org));
CREATE POLICY p_insert ON connection_sides FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) OR ((SELECT app_actor()) = 'operator' AND other_org = (SELECT app_org())));
CREATE POLICY p_update ON connection_sides FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) OR ((SELECT app_actor()) = 'operator' AND other_org = (SELECT app_org())))
  WITH CHECK (org_id = (SELECT app_org()) OR ((SELECT app_actor()) = 'operator' AND other_org = (SELECT app_org())));

-- +goose StatementBegin
CREATE FUNCTION guard_connection() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' OR NEW.state = 'asked' AND OLD.state <> 'asked' THEN
    IF NEW.state <> 'asked' OR NEW.asked_by <> app_org() THEN
      RAISE insufficient_privilege USING MESSAGE = 'a connection begins with one side asking for it';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.org_a, NEW.org_b, NEW.asked_by) <> (OLD.org_a, OLD.org_b, OLD.asked_by) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the sides of a connection stay';
  END IF;
  IF NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM agreements a WHERE a.connection_id = NEW.connection_id AND a.state = 'active') THEN
    RAISE insufficient_privilege USING MESSAGE = 'a connection is active on terms that both signed';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION guard_agreement() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
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
  IF (NEW.agreement_id, NEW.version, NEW.connection_id, NEW.org_a, NEW.org_b, NEW.proposed_by, NEW.terms_hash) <> (OLD.agreement_id, OLD.version, OLD.connection_id, OLD.org_a, OLD.org_b, OLD.proposed_by, OLD.terms_hash)
    OR NEW.terms <> OLD.terms THEN
    RAISE insufficient_privilege USING MESSAGE = 'what was proposed stays as it is';
  END IF;
  IF NEW.accepted_a_at IS DISTINCT FROM OLD.accepted_a_at AND (NEW.org_a <> app_org() OR OLD.state <> 'proposed')
    OR NEW.accepted_b_at IS DISTINCT FROM OLD.accepted_b_at AND (NEW.org_b <> app_org() OR OLD.state <> 'proposed') THEN
    RAISE insufficient_privilege USING MESSAGE = 'each side signs for itself, once, what is proposed';
  END IF;
  IF NEW.state = 'active' AND (OLD.state NOT IN ('proposed', 'active') OR NEW.accepted_a_at IS NULL OR NEW.accepted_b_at IS NULL) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a version is in force when both signed it';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_connection BEFORE INSERT OR UPDATE ON connections FOR EACH ROW EXECUTE FUNCTION guard_connection();
CREATE TRIGGER guard_agreement BEFORE INSERT OR UPDATE ON agreements FOR EACH ROW EXECUTE FUNCTION guard_agreement();

-- Time to finish: what somebody who was in mid-course when a connection ended may go on reading, until a date. Owned by the
-- organization for which the person learns.
CREATE TABLE finishing (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  until         timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id, item_org, item_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('finishing');
GRANT SELECT ON finishing, items TO learnscape_search;
CREATE POLICY p_search ON finishing FOR SELECT TO learnscape_search USING (true);
CREATE POLICY p_search ON items FOR SELECT TO learnscape_search USING (true);
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION opened(owner uuid, item uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM collection_items ci WHERE ci.org_id = owner AND ci.item_id = item AND ci.listed_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM grants g WHERE g.viewer_org = ANY (ARRAY[app_org(), everyone()]) AND g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      AND (g.until IS NULL OR g.until > now()) OFFSET 0)) -- OFFSET 0: by the key of grants, for each of the few collections
    OR EXISTS (SELECT 1 FROM finishing f JOIN items i ON i.org_id = f.item_org AND i.item_id = f.item_id AND i.state = 'published'
      WHERE f.org_id = app_org() AND f.membership_id = app_membership() AND f.item_org = owner AND f.item_id = item AND f.until > now());
END $$;
-- +goose StatementEnd
-- The member's own record names what it is about, also when that has closed.
ALTER TABLE enrollments ADD title text NOT NULL DEFAULT '', ADD kind text NOT NULL DEFAULT '';
UPDATE enrollments e SET title = i.title, kind = i.kind FROM items i WHERE i.org_id = e.item_org AND i.item_id = e.item_id;
-- +goose Down
SELECT 1;
