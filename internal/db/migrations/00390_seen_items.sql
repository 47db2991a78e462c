-- +goose Up
-- seen_items: the items of these that who acts may see, as rows, by the rule of their row policies. The rule is asked once for all of
-- them, which costs less than the policies that ask it for one row after the other. seen_rows is the rule, and seen names
-- its items.
-- +goose StatementBegin
CREATE FUNCTION seen_rows(ids uuid[], viewer uuid, member uuid, view uuid) RETURNS SETOF items LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT i.* FROM items i WHERE i.item_id = ANY (ids)
    AND (i.org_id = viewer OR i.state = 'published' AND (
      (SELECT true FROM collection_items ci JOIN grants g ON g.viewer_org IN (viewer, everyone()) AND g.org_id = ci.org_id AND g.collection_id = ci.collection_id
        WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND ci.listed_at IS NOT NULL AND (g.until IS NULL OR g.until > now()) LIMIT 1)
      OR EXISTS (SELECT FROM finishing f WHERE f.org_id = viewer AND f.membership_id = member AND f.item_org = i.org_id AND f.item_id = i.item_id AND f.until > now())))
    AND (view IS NULL OR i.org_id = viewer AND i.state = 'published' AND viewed(i.item_id))
$$;
CREATE OR REPLACE FUNCTION seen(ids uuid[], viewer uuid, member uuid, view uuid) RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT i.item_id FROM seen_rows(ids, viewer, member, view) i
$$;
CREATE FUNCTION seen_items(ids uuid[]) RETURNS SETOF items LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 16 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  viewer uuid := app_org();
  member uuid := app_membership();
  view   uuid := app_view();
BEGIN
  RETURN QUERY SELECT * FROM seen_rows(ids, viewer, member, view);
END $$;
-- opened reads whose it is about once, and not for every grant that it looks at.
CREATE OR REPLACE FUNCTION opened(owner uuid, item uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  viewer uuid := app_org();
BEGIN
  PERFORM FROM collection_items ci JOIN grants g ON g.viewer_org IN (viewer, everyone()) AND g.org_id = ci.org_id AND g.collection_id = ci.collection_id
    WHERE ci.org_id = owner AND ci.item_id = item AND ci.listed_at IS NOT NULL AND (g.until IS NULL OR g.until > now());
  IF FOUND THEN
    RETURN true;
  END IF;
  PERFORM FROM finishing f JOIN items i ON i.org_id = f.item_org AND i.item_id = f.item_id AND i.state = 'published'
    WHERE f.org_id = viewer AND f.membership_id = app_membership() AND f.item_org = owner AND f.item_id = item AND f.until > now();
  RETURN FOUND;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION seen_rows, seen_items FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seen_rows TO learnscape_search;
GRANT EXECUTE ON FUNCTION seen_items TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION seen_items OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
