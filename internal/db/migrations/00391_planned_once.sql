-- +goose Up
-- PostgreSQL plans what stands in a function in SQL anew for each statement that calls it, unless it can put it in its place. These two
-- are called for every search and, twice, for every credential; in PL/pgSQL they are planned once. Mostly nothing is behind, and that is
-- known by a look.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION search_behind(most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
BEGIN
  PERFORM FROM outbox o WHERE o.kind IN ('tenants.item_changed', 'community.question_changed', 'tenants.organization_changed') LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  RETURN QUERY
  WITH news AS MATERIALIZED (
    SELECT DISTINCT o.org_id, o.kind, coalesce(o.payload->>'Item', o.payload->>'question')::uuid AS item_id FROM outbox o
    WHERE o.kind IN ('tenants.item_changed', 'community.question_changed', 'tenants.organization_changed') LIMIT most),
  b AS MATERIALIZED (
    SELECT n.org_id, n.item_id FROM news n WHERE n.kind <> 'tenants.organization_changed'
    UNION (SELECT n.org_id, d.item_id FROM news n JOIN search_documents d ON d.org_id = n.org_id WHERE n.kind = 'tenants.organization_changed' LIMIT most))
  SELECT b.item_id FROM b UNION SELECT p.part_id FROM b JOIN item_parts p ON p.org_id = b.org_id AND p.item_id = b.item_id;
END $$;
CREATE OR REPLACE FUNCTION how_learned(of_org uuid, member uuid, by_org uuid, item uuid, in_version integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN (SELECT CASE WHEN coalesce(bool_and(c.by_test), false) THEN 'tested' WHEN coalesce(bool_or(c.by_test), false) THEN 'partly' ELSE 'learned' END FROM completions c
    WHERE c.org_id = of_org AND c.membership_id = member AND c.item_id = ANY (coalesce((SELECT v.leads_to FROM versions v WHERE v.org_id = by_org AND v.item_id = item AND v.version = in_version), '{}') || item));
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
