-- +goose Up
GRANT SELECT ON step_groups, completions TO learnscape_search;
CREATE POLICY p_search ON completions FOR SELECT TO learnscape_search USING (org_id = (SELECT app_org()));
CREATE POLICY p_search ON step_groups FOR SELECT TO learnscape_search USING (org_id = (SELECT app_org()) OR guest_org = (SELECT app_org()));
-- group_numbers is how the organization's own people find together at steps of an own path or course in one of its versions: how many began it, how
-- many of them have not finished the step and are in no group, and after how many days half of the others were. It answers its authors, in steps of five people.
CREATE FUNCTION group_numbers(item uuid, of_version integer, lessons text[], blocks text[]) RETURNS TABLE (lesson_key text, block_key text, began integer, alone integer, days integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH began AS (
    SELECT e.membership_id, e.started_at FROM enrollments e WHERE e.org_id = app_org() AND e.item_org = app_org() AND e.item_id = item AND e.version = of_version AND (e.intent NOT IN ('answer', 'look') OR e.state = 'completed')
      AND app_actor() = 'member' AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{author,administrator}')
  ), found AS (
    SELECT k.lesson, k.block, b.started_at, (SELECT min(p.joined_at) FROM step_group_people p LEFT JOIN step_groups g ON g.org_id = p.group_org AND g.group_id = p.group_id
      WHERE p.org_id = app_org() AND p.membership_id = b.membership_id AND p.item_org = app_org() AND p.item_id = item AND p.lesson_key = k.lesson AND p.block_key = k.block AND g.state IS DISTINCT FROM 'off') AS joined_at,
      EXISTS (SELECT 1 FROM completions c WHERE c.org_id = app_org() AND c.membership_id = b.membership_id AND c.item_id = item AND c.lesson_key = k.lesson) AS done
    FROM unnest(lessons, blocks) AS k(lesson, block) CROSS JOIN began b
  )
  SELECT f.lesson, f.block, count(*)::int / 5 * 5, (count(*) FILTER (WHERE f.joined_at IS NULL AND NOT f.done))::int / 5 * 5,
    CASE WHEN count(f.joined_at) >= 5 THEN greatest(1, ceil(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM f.joined_at - f.started_at) / 86400) FILTER (WHERE f.joined_at IS NOT NULL)))::int END
  FROM found f GROUP BY f.lesson, f.block HAVING count(*) >= 5 ORDER BY f.lesson, f.block LIMIT 5000
$$;
REVOKE EXECUTE ON FUNCTION group_numbers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION group_numbers TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION group_numbers OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
DROP FUNCTION group_numbers;
DROP POLICY p_search ON step_groups;
DROP POLICY p_search ON completions;
REVOKE SELECT ON step_groups, completions FROM learnscape_search;
