-- +goose Up
-- begun: the least that a change of the acting member in a course or path needs to know, which they have begun and may see: the version, where
-- they stand, where it leads, and of that what they may see. It answers for their own enrollment alone. Of what needs a closer look, a version
-- that is tried or additions to the path, it says nothing; that is read under the policies. This is asked before every lesson that is finished,
-- and costs a third of what they do.
CREATE POLICY p_search ON versions FOR SELECT TO learnscape_search USING (true);
GRANT SELECT ON versions TO learnscape_search;
-- +goose StatementBegin
CREATE FUNCTION begun(item uuid) RETURNS TABLE (org_id uuid, item_id uuid, version integer, kind text, slug text, state text, origin text, at_item uuid, at_lesson text, sees uuid[])
  LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  viewer uuid := app_org();
  member uuid := app_membership();
  mine   record;
  whole  record;
  seen   uuid[];
BEGIN
  SELECT e.item_org, e.version, e.state, e.origin, e.at_item, coalesce(e.at_lesson, '') AS at_lesson INTO mine
    FROM enrollments e WHERE e.org_id = viewer AND e.membership_id = member AND e.item_id = item AND e.state <> 'left' LIMIT 1;
  IF NOT FOUND OR app_view() IS NOT NULL OR added(mine.item_org, item) THEN
    RETURN;
  END IF;
  SELECT i.kind, i.slug, v.leads_to || i.item_id AS leads INTO whole FROM items i JOIN versions v ON v.org_id = i.org_id AND v.item_id = i.item_id
    WHERE i.org_id = mine.item_org AND i.item_id = item AND i.state = 'published' AND v.version = mine.version AND NOT v.pilot;
  seen := visible_items(whole.leads);
  IF item = ANY (seen) THEN
    RETURN QUERY SELECT mine.item_org, item, mine.version, whole.kind, whole.slug, mine.state, mine.origin, mine.at_item, mine.at_lesson, seen;
  END IF;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION begun FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begun TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION begun OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
