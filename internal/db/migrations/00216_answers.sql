-- +goose Up
-- How the questions of an own item were answered, for its authors: numbers alone. Answers are private to those who gave them, so what is
-- counted is the first answer of each person of the own organization, in steps of five people in the order of their answering: whoever
-- asks again after one more answer reads the same as before, and a difference is always that of five people.
GRANT SELECT ON attempts, sittings TO learnscape_search;
CREATE POLICY p_search ON attempts FOR SELECT TO learnscape_search USING (org_id = item_org);
CREATE POLICY p_search ON sittings FOR SELECT TO learnscape_search USING (org_id = item_org);
CREATE INDEX attempts_item ON attempts (org_id, item_id, version) WHERE org_id = item_org;
CREATE FUNCTION answers_of(item uuid, ver integer, lesson_keys text[], quiz_keys text[], question_keys text[])
RETURNS TABLE (lesson_key text, question_key text, people integer, rightly integer, discrimination double precision, picks jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH asked AS (
    SELECT k.lesson, k.quiz, k.question FROM unnest(lesson_keys, quiz_keys, question_keys) AS k(lesson, quiz, question)
    WHERE app_actor() = 'member' AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{author,administrator}')
  ), firsts AS (
    SELECT DISTINCT ON (a.membership_id, k.lesson, k.question) a.membership_id, k.lesson, k.quiz, k.question, a.correct, a.choices, a.at
    FROM asked k JOIN attempts a ON a.org_id = app_org() AND a.item_org = app_org() AND a.item_id = item AND a.version = ver AND a.lesson_key = k.lesson AND a.question_key = k.question
      LEFT JOIN sittings s ON s.org_id = a.org_id AND s.sitting_id = a.sitting_id
    WHERE a.sitting_id IS NULL OR s.ended_at IS NOT NULL
    ORDER BY a.membership_id, k.lesson, k.question, a.at, a.attempt_id
  ), placed AS (
    SELECT f.*, row_number() OVER (PARTITION BY f.lesson, f.question ORDER BY f.at, f.membership_id) AS nth, count(*) OVER (PARTITION BY f.lesson, f.question) AS n,
      count(*) OVER (PARTITION BY f.membership_id, f.lesson, f.quiz) AS others, sum(f.correct::int) OVER (PARTITION BY f.membership_id, f.lesson, f.quiz) AS points
    FROM firsts f
  ), counted AS (
    SELECT p.*, CASE WHEN p.others > 1 THEN (p.points - p.correct::int)::float8 / (p.others - 1) END AS rest FROM placed p WHERE p.nth <= p.n / 5 * 5
  )
  SELECT c.lesson, c.question, count(*)::int, (count(*) FILTER (WHERE c.correct))::int, round(corr(c.correct::int, c.rest)::numeric, 1)::float8,
    coalesce((SELECT jsonb_object_agg(x.pick, x.n) FROM (SELECT coalesce(o.pick, -1) AS pick, count(*) AS n FROM counted d LEFT JOIN LATERAL unnest(d.choices) AS o(pick) ON true
      WHERE d.lesson = c.lesson AND d.question = c.question GROUP BY 1) x), '{}')
  FROM counted c GROUP BY c.lesson, c.question ORDER BY c.lesson, c.question LIMIT 10000
$$;
REVOKE EXECUTE ON FUNCTION answers_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION answers_of TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION answers_of OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
