-- +goose Up
-- The life of an organization: active, suspended by the operator, closed by itself for thirty days in which it can come back,
-- erasing, erased. Whatever it shared rests with it: the row policies ask for the few organizations that are not active, once for
-- a statement, so that suspending changes one row and coming back changes it again. state_at is since when it is in its state, NULL
-- for one that never changed.
ALTER TABLE organizations DROP CONSTRAINT organizations_state_check,
  ADD CONSTRAINT organizations_state_check CHECK (state IN ('active', 'suspended', 'closed', 'erasing', 'erased')),
  ADD state_at timestamptz;
CREATE INDEX organizations_resting ON organizations (org_id) INCLUDE (state) WHERE state <> 'active';
GRANT SELECT ON organizations TO learnscape_search;
CREATE POLICY p_search ON organizations FOR SELECT TO learnscape_search USING (true);

-- What each state may become, and by whom: the operator suspends and lets in again; an administrator closes the own organization
-- and opens it again; the keeper erases what was closed for thirty days, or what the operator gave up.
-- +goose StatementBegin
CREATE FUNCTION guard_organization() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who text := app_actor();
  administers boolean;
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF NEW.state = OLD.state THEN
    IF NEW.state_at IS DISTINCT FROM OLD.state_at THEN
      RAISE insufficient_privilege USING MESSAGE = 'since when an organization is what it is stays';
    END IF;
    RETURN NEW;
  END IF;
  administers := who = 'member' AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = OLD.org_id AND m.membership_id = app_membership() AND m.state = 'active' AND 'administrator' = ANY(m.roles));
  IF NOT (CASE OLD.state || ' ' || NEW.state
      WHEN 'active suspended' THEN who = 'operator'
      WHEN 'suspended active' THEN who = 'operator'
      WHEN 'active closed' THEN administers
      WHEN 'closed active' THEN administers OR who = 'operator'
      WHEN 'closed erasing' THEN who = 'operator' OR who = 'keeper' AND OLD.state_at <= now() - interval '30 days'
      WHEN 'suspended erasing' THEN who = 'operator'
      WHEN 'active erasing' THEN who = 'operator'
      WHEN 'erasing erased' THEN who = 'keeper'
      ELSE false END) THEN
    RAISE insufficient_privilege USING MESSAGE = format('%s may not make an organization that is %s %s', who, OLD.state, NEW.state);
  END IF;
  NEW.state_at := now();
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_organization BEFORE UPDATE OF state, state_at ON organizations FOR EACH ROW EXECUTE FUNCTION guard_organization();

-- What rests is closed to all others, at once. Restrictive policies narrow what the others say and leave them as they are; those of
-- learnscape_search would narrow the owner's view, who is a member of it, so its own policies say it themselves.
CREATE POLICY p_resting ON grants AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
ALTER POLICY p_search ON grants
  USING (org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
-- Who may finish goes on while the organization is closed and not yet erased, and not while it is suspended.
ALTER POLICY p_search ON finishing
  USING (item_org <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active' AND o.state <> 'closed')));
CREATE POLICY p_resting ON questions AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
CREATE POLICY p_resting ON answers AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));

-- While the news waits, what stands in the index of an organization that changed counts as changed.
ALTER POLICY p_search ON outbox USING (kind IN ('tenants.item_changed', 'community.question_changed', 'tenants.organization_changed'));
DROP INDEX outbox_behind;
CREATE INDEX outbox_behind ON outbox (event_id) WHERE kind IN ('tenants.item_changed', 'community.question_changed', 'tenants.organization_changed');
CREATE OR REPLACE FUNCTION search_behind(most integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
  WITH news AS MATERIALIZED (
    SELECT DISTINCT o.org_id, o.kind, coalesce(o.payload->>'Item', o.payload->>'question')::uuid AS item_id FROM outbox o
    WHERE o.kind IN ('tenants.item_changed', 'community.question_changed', 'tenants.organization_changed') LIMIT most),
  b AS MATERIALIZED (
    SELECT n.org_id, n.item_id FROM news n WHERE n.kind <> 'tenants.organization_changed'
    UNION (SELECT n.org_id, d.item_id FROM news n JOIN search_documents d ON d.org_id = n.org_id WHERE n.kind = 'tenants.organization_changed' LIMIT most))
  SELECT b.item_id FROM b UNION SELECT p.part_id FROM b JOIN item_parts p ON p.org_id = b.org_id AND p.item_id = b.item_id $$;
-- +goose Down
SELECT 1;
