-- +goose Up
-- Looking at the own content as another organization sees it: app.view_org says as whom, everyone() for a visitor. It is a setting
-- beside app.org_id and never in its place: what is read stays the own, and of that only what is opened to the other.
CREATE FUNCTION app_view() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('app.view_org', true), '')::uuid $$;

-- viewed: the own item stands in a collection that a grant opens to the organization as which one looks, or to everyone.
-- +goose StatementBegin
CREATE FUNCTION viewed(item uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM collection_items ci WHERE ci.org_id = app_org() AND ci.item_id = item AND ci.listed_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM grants g WHERE g.viewer_org = ANY (ARRAY[app_view(), everyone()]) AND g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      AND (g.until IS NULL OR g.until > now()) OFFSET 0));
END $$;

-- Whoever looks as another reads what is made to be looked at so, and of everything else nothing: what a learner did, who works
-- here, what was said. Every table that comes later is closed to a view until somebody opens it.
CREATE OR REPLACE PROCEDURE wall(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY p_owner ON %s TO learnscape_owner USING (true) WITH CHECK (true)', t);
  EXECUTE format('CREATE POLICY p_view ON %s AS RESTRICTIVE FOR SELECT TO learnscape_app USING ((SELECT app_view()) IS NULL)', t);
END $$;
DO $$
DECLARE t regclass;
BEGIN
  FOR t IN SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relrowsecurity
      AND c.relname NOT IN ('organizations', 'domains', 'hosts', 'retired_slugs') LOOP
    EXECUTE format('CREATE POLICY p_view ON %s AS RESTRICTIVE FOR SELECT TO learnscape_app USING ((SELECT app_view()) IS NULL)', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['versions', 'lessons', 'files', 'stories', 'resources', 'item_links', 'item_parts']::regclass[] LOOP
    EXECUTE format('ALTER POLICY p_view ON %s USING ((SELECT app_view()) IS NULL OR (org_id = (SELECT app_org()) AND viewed(item_id)))', t);
  END LOOP;
END $$;

-- open_items as it was, and for whoever looks as another: the own items that are opened to that one.
CREATE OR REPLACE FUNCTION open_items(kinds text[], owners uuid[], before timestamptz, after uuid, lim integer)
RETURNS TABLE (org_id uuid, item_id uuid, kind text, listed_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 40 SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  viewer uuid := coalesce(app_view(), app_org());
  own    uuid := CASE WHEN app_view() IS NULL THEN NULL ELSE app_org() END;
  owner  uuid[];
  coll   uuid[];
  cut    timestamptz;
BEGIN
  SELECT array_agg(o.org_id), array_agg(o.collection_id) INTO owner, coll FROM (
    SELECT DISTINCT g.org_id, g.collection_id FROM grants g WHERE g.viewer_org IN (viewer, everyone()) AND (g.until IS NULL OR g.until > now())
      AND g.org_id IS DISTINCT FROM viewer AND (own IS NULL OR g.org_id = own) AND (owners IS NULL OR g.org_id = ANY(owners))) o;
  IF owner IS NULL THEN
    RETURN;
  END IF;
  IF cardinality(owner) > 3 THEN
    SELECT x.listed_at INTO cut FROM (
      SELECT DISTINCT t.listed_at, t.item_id FROM unnest(owner, coll) AS o(org_id, collection_id) CROSS JOIN unnest(kinds) AS w(kind) CROSS JOIN LATERAL (
        SELECT ci.listed_at, ci.item_id FROM collection_items ci WHERE ci.org_id = o.org_id AND ci.collection_id = o.collection_id AND ci.kind = w.kind AND ci.listed_at IS NOT NULL
          AND (before IS NULL OR (ci.listed_at <= before AND (ci.listed_at < before OR ci.item_id > after)))
        ORDER BY ci.listed_at DESC, ci.item_id LIMIT 2 + 2 * lim / cardinality(owner)) t) x
    ORDER BY x.listed_at DESC OFFSET lim - 1 LIMIT 1;
  END IF;
  cut := coalesce(cut, '-infinity');
  RETURN QUERY SELECT DISTINCT t.org_id, t.item_id, t.kind, t.listed_at FROM unnest(owner, coll) AS o(org_id, collection_id) CROSS JOIN unnest(kinds) AS w(kind) CROSS JOIN LATERAL (
      SELECT ci.org_id, ci.item_id, ci.kind, ci.listed_at FROM collection_items ci WHERE ci.org_id = o.org_id AND ci.collection_id = o.collection_id AND ci.kind = w.kind AND ci.listed_at >= cut
        AND (before IS NULL OR (ci.listed_at <= before AND (ci.listed_at < before OR ci.item_id > after)))
      ORDER BY ci.listed_at DESC, ci.item_id LIMIT lim) t
    ORDER BY t.listed_at DESC, t.item_id LIMIT lim;
END $$;
-- +goose StatementEnd
ALTER POLICY p_view ON items USING ((SELECT app_view()) IS NULL OR (org_id = (SELECT app_org()) AND state = 'published' AND viewed(item_id)));
ALTER POLICY p_view ON collection_items USING ((SELECT app_view()) IS NULL OR (org_id = (SELECT app_org()) AND listed_at IS NOT NULL AND EXISTS (
  SELECT 1 FROM grants g WHERE g.viewer_org = ANY (ARRAY[(SELECT app_view()), everyone()]) AND g.org_id = collection_items.org_id AND g.collection_id = collection_items.collection_id)));
ALTER POLICY p_view ON grants USING ((SELECT app_view()) IS NULL OR (org_id = (SELECT app_org()) AND viewer_org = ANY (ARRAY[(SELECT app_view()), everyone()]) AND (until IS NULL OR until > now())));
REVOKE EXECUTE ON FUNCTION viewed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION viewed TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION viewed OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
