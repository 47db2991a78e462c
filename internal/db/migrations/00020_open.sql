-- +goose Up
-- What is open to who acts, asked in one place. A policy that reads tables whose policies read tables was planned and started
-- anew, four levels deep, in every statement of every page: most of a page's time. These two functions read what they need
-- as learnscape_search, ask for app_org() themselves, and give back a yes or identifiers, never a title or text.
GRANT SELECT ON collection_items, grants TO learnscape_search;
CREATE POLICY p_search ON collection_items FOR SELECT TO learnscape_search USING (true);
CREATE POLICY p_search ON grants FOR SELECT TO learnscape_search USING (true);

-- opened: a grant opens a collection in which the item stands, to the organization that acts or to everyone. An item is listed
-- in its collections while it is published (list_item).
-- +goose StatementBegin
CREATE FUNCTION opened(owner uuid, item uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM collection_items ci WHERE ci.org_id = owner AND ci.item_id = item AND ci.listed_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM grants g WHERE g.viewer_org = ANY (ARRAY[app_org(), everyone()]) AND g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      AND (g.until IS NULL OR g.until > now()) OFFSET 0)); -- OFFSET 0: by the key of grants, for each of the few collections
END $$;
-- +goose StatementEnd

-- open_items: the newest lim items of the kinds that grants open to who acts, of the owners (NULL: of all), behind the place
-- (before, after) of a list in the order (listed_at DESC, item_id). A few of each collection say how old the last of them can be
-- at most; then only what is newer is read. So its cost grows with collections + lim, not with items.
-- +goose StatementBegin
CREATE FUNCTION open_items(kinds text[], owners uuid[], before timestamptz, after uuid, lim integer)
RETURNS TABLE (org_id uuid, item_id uuid, kind text, listed_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 40 SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  viewer uuid := app_org();
  owner  uuid[];
  coll   uuid[];
  cut    timestamptz;
BEGIN
  SELECT array_agg(o.org_id), array_agg(o.collection_id) INTO owner, coll FROM (
    SELECT DISTINCT g.org_id, g.collection_id FROM grants g WHERE g.viewer_org IN (viewer, everyone()) AND (g.until IS NULL OR g.until > now())
      AND g.org_id IS DISTINCT FROM viewer AND (owners IS NULL OR g.org_id = ANY(owners))) o;
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
REVOKE EXECUTE ON FUNCTION opened, open_items FROM PUBLIC;
GRANT EXECUTE ON FUNCTION opened, open_items TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION opened OWNER TO learnscape_search;
ALTER FUNCTION open_items OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;

ALTER POLICY p_read ON items USING (org_id = (SELECT app_org()) OR (state = 'published' AND opened(org_id, item_id)));
-- One question to the grants instead of two.
ALTER POLICY p_read ON collection_items USING (org_id = (SELECT app_org()) OR (listed_at IS NOT NULL AND EXISTS (
  SELECT 1 FROM grants g WHERE g.viewer_org = ANY (ARRAY[(SELECT app_org()), everyone()]) AND g.org_id = collection_items.org_id AND g.collection_id = collection_items.collection_id AND (g.until IS NULL OR g.until > now()))));
ALTER POLICY p_read ON collections USING (org_id = (SELECT app_org()) OR EXISTS (
  SELECT 1 FROM grants g WHERE g.viewer_org = ANY (ARRAY[(SELECT app_org()), everyone()]) AND g.org_id = collections.org_id AND g.collection_id = collections.collection_id AND (g.until IS NULL OR g.until > now())));
-- +goose StatementBegin
CREATE OR REPLACE PROCEDURE part(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  CALL wall(t);
  EXECUTE format('CREATE POLICY p_read ON %s FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR opened(org_id, item_id))', t);
  EXECUTE format('CREATE POLICY p_insert ON %s FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()))', t);
  EXECUTE format('CREATE POLICY p_update ON %s FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()))', t);
  EXECUTE format('CREATE POLICY p_delete ON %s FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()))', t);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO learnscape_app', t);
END $$;
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['files', 'versions', 'lessons', 'stories', 'item_links', 'resources'] LOOP
    EXECUTE format('ALTER POLICY p_read ON %I USING (org_id = (SELECT app_org()) OR opened(org_id, item_id))', t);
  END LOOP;
END $$;
-- +goose StatementEnd

-- The items that an outline's steps lead to, so that no page takes the outline apart in SQL. A trigger keeps them: no way of
-- publishing may forget it.
ALTER TABLE versions ADD leads_to uuid[] NOT NULL DEFAULT '{}';
-- +goose StatementBegin
CREATE FUNCTION version_leads() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.leads_to := ARRAY(SELECT DISTINCT (s->>'item')::uuid FROM jsonb_array_elements(CASE WHEN jsonb_typeof(NEW.outline->'steps') = 'array' THEN NEW.outline->'steps' ELSE '[]' END) s
    WHERE (s->>'item')::uuid <> NEW.item_id);
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER version_leads BEFORE INSERT OR UPDATE OF outline ON versions FOR EACH ROW EXECUTE FUNCTION version_leads();
UPDATE versions SET outline = outline WHERE outline ? 'steps';
-- +goose Down
SELECT 1;
