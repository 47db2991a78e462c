-- +goose Up
-- seen: which of the items a viewer may see, in a view if one is named: the rule of their row policies. shows_additions: who shows the viewer
-- additions to a path. They stand in the one statement of what asks them, and read as whoever that is: of every one of them all.
-- +goose StatementBegin
CREATE FUNCTION seen(ids uuid[], viewer uuid, member uuid, view uuid) RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT i.item_id FROM items i WHERE i.item_id = ANY (ids)
    AND (i.org_id = viewer OR i.state = 'published' AND (
      (SELECT true FROM collection_items ci JOIN grants g ON g.viewer_org = ANY (ARRAY[viewer, everyone()]) AND g.org_id = ci.org_id AND g.collection_id = ci.collection_id
        WHERE ci.org_id = i.org_id AND ci.item_id = i.item_id AND ci.listed_at IS NOT NULL AND (g.until IS NULL OR g.until > now()) LIMIT 1)
      OR EXISTS (SELECT FROM finishing f WHERE f.org_id = viewer AND f.membership_id = member AND f.item_org = i.org_id AND f.item_id = i.item_id AND f.until > now())))
    AND (view IS NULL OR i.org_id = viewer AND i.state = 'published' AND viewed(i.item_id))
$$;
CREATE FUNCTION shows_additions(owner uuid, path uuid, viewer uuid) RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT a.org_id FROM additions a WHERE a.path_org = owner AND a.path_id = path AND a.shown AND (a.org_id = viewer
    OR a.for_customers AND EXISTS (SELECT FROM connection_sides s WHERE s.org_id = a.org_id AND s.other_org = viewer AND s.state = 'active' AND s.relationship = 'customer'))
$$;
CREATE OR REPLACE FUNCTION visible_items(ids uuid[]) RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  viewer uuid := app_org();
  member uuid := app_membership();
  view   uuid := app_view();
BEGIN
  RETURN ARRAY(SELECT * FROM seen(ids, viewer, member, view));
END $$;
CREATE OR REPLACE FUNCTION added(owner uuid, path uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  viewer uuid := app_org();
BEGIN
  RETURN EXISTS (SELECT FROM shows_additions(owner, path, viewer));
END $$;
-- begun tells it in one statement. The enrollment comes first, by its key, whatever the planner thinks of its table.
CREATE OR REPLACE FUNCTION begun(item uuid) RETURNS TABLE (org_id uuid, item_id uuid, version integer, kind text, slug text, state text, origin text, at_item uuid, at_lesson text, sees uuid[])
  LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  viewer uuid := app_org();
  member uuid := app_membership();
BEGIN
  IF app_view() IS NULL THEN
    RETURN QUERY SELECT e.item_org, e.item_id, e.version, i.kind, i.slug, e.state, e.origin, e.at_item, e.at_lesson, s.sees
      FROM (SELECT * FROM enrollments e WHERE e.org_id = viewer AND e.membership_id = member AND e.item_id = item AND e.state <> 'left' LIMIT 1) e
      JOIN items i ON i.org_id = e.item_org AND i.item_id = e.item_id AND i.state = 'published'
      JOIN versions v ON v.org_id = e.item_org AND v.item_id = e.item_id AND v.version = e.version AND NOT v.pilot
      CROSS JOIN LATERAL (SELECT ARRAY(SELECT * FROM seen(v.leads_to || v.item_id, viewer, member, NULL)) AS sees OFFSET 0) s
      WHERE item = ANY (s.sees) AND NOT EXISTS (SELECT FROM shows_additions(e.item_org, item, viewer));
  END IF;
END $$;
-- What the values of an enrollment may be, asked by one function: PostgreSQL parses each constraint anew for every change of a row, and six of
-- them are a third of what the change costs that finishing a lesson makes.
CREATE FUNCTION enrollment_holds(done integer, total integer, floor_share double precision, state text, origin text, intent text, moved_from integer, moved_at timestamptz)
  RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN done BETWEEN 0 AND total AND floor_share BETWEEN 0 AND 1 AND state IN ('active', 'completed', 'left')
    AND origin IN ('choice', 'search', 'peer', 'story', 'campaign', 'assigned', 'visit') AND intent IN ('', 'whole', 'answer', 'look')
    AND (moved_from IS NULL) = (moved_at IS NULL);
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION seen, shows_additions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seen, shows_additions TO learnscape_search;
ALTER TABLE enrollments DROP CONSTRAINT enrollments_check, DROP CONSTRAINT enrollments_check1, DROP CONSTRAINT enrollments_floor_share_check,
  DROP CONSTRAINT enrollments_intent_check, DROP CONSTRAINT enrollments_origin_check, DROP CONSTRAINT enrollments_state_check,
  ADD CONSTRAINT enrollments_hold CHECK (enrollment_holds(done, total, floor_share, state, origin, intent, moved_from, moved_at));
-- +goose Down
SELECT 1;
