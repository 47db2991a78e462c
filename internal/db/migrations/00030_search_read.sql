-- +goose Up
-- What search_read keeps of a document that matched; tid is where its row stands for the time of one call.
CREATE TYPE search_match AS (tid tid, doc_id uuid, item_id uuid, org_id uuid, owner uuid, kind text, lang text, span text, published_at timestamptz, popularity real, tr real);
-- The items and questions whose documents may say what is not true any more, because the news of a change still waits: at most
-- as many as asked for. Identifiers only; what they are is read under the viewer's own policies.
GRANT SELECT ON outbox, item_parts TO learnscape_search;
CREATE POLICY p_search ON outbox FOR SELECT TO learnscape_search USING (kind IN ('tenants.item_changed', 'community.question_changed'));
CREATE INDEX outbox_behind ON outbox (event_id) WHERE kind IN ('tenants.item_changed', 'community.question_changed');
CREATE POLICY p_search ON item_parts FOR SELECT TO learnscape_search USING (true);
CREATE FUNCTION search_behind(most integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
  WITH b AS MATERIALIZED (
    SELECT DISTINCT o.org_id, coalesce(o.payload->>'Item', o.payload->>'question')::uuid AS item_id FROM outbox o
    WHERE o.kind IN ('tenants.item_changed', 'community.question_changed') LIMIT most)
  SELECT b.item_id FROM b UNION SELECT p.part_id FROM b JOIN item_parts p ON p.org_id = b.org_id AND p.item_id = b.item_id $$;

-- The same answers for a third of the time. The matches of a question are fetched once, by both indexes, and kept; the statements
-- that fetch are planned for the question's own words and channels, the one that ranks and counts is planned once. Whether a
-- word stands in anything open to the viewer is asked only when nothing has all the words. Its contract stands in 00005; hidden
-- are items that must not show although the documents say they may: see search_behind. Rows asked name the questions among
-- the matches, at most 501: who asks looks up which of them may be read.
DROP FUNCTION search_read;
-- +goose StatementBegin
CREATE FUNCTION search_read(channels uuid[], words text[], langs text[], phrase text, titles boolean, kinds text[], orgs uuid[], in_langs text[], times text[],
  counts boolean, suspects text[], sort text, off integer, lim integer, hidden uuid[] DEFAULT NULL)
RETURNS TABLE (what text, doc_id uuid, item_id uuid, org_id uuid, key text, n integer, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  ask   text[] := words;
  open  uuid[] := channels;
  g     tsquery[] := '{}';
  place integer[] := '{}';
  one   tsquery;
  q     tsquery;
  whole tsquery;
  any_word tsquery;
  level integer := 0;
  known boolean;
  ms    search_match[];
  gone  text := CASE WHEN cardinality(hidden) > 0 THEN ' AND d.item_id <> ALL($5)' ELSE '' END;
  most  integer := CASE WHEN counts THEN 3000 ELSE 1000 END;
  got   integer;
  i     integer;
  j     integer;
BEGIN
  IF open IS NULL OR cardinality(open) = 0 THEN
    RETURN;
  END IF;
  lim := least(greatest(coalesce(lim, 10), 0), 200); off := least(greatest(coalesce(off, 0), 0), 1000);
  FOR i IN 1 .. coalesce(cardinality(ask), 0) LOOP
    SELECT string_agg(DISTINCT quote_literal(x.lexeme), ' | ')::tsquery INTO one FROM unnest(string_to_array(ask[i], ' ')) AS w(word) CROSS JOIN LATERAL (
      SELECT w.word AS lexeme UNION ALL
      SELECT unnest(ts_lexize(search_stemmer(l), w.word)) FROM unnest(langs) AS l WHERE search_stemmer(l) IS NOT NULL) AS x WHERE x.lexeme <> '';
    IF one IS NOT NULL THEN
      g := g || one; place := place || i;
    END IF;
  END LOOP;
  IF cardinality(g) = 0 AND coalesce(cardinality(ask), 0) > 0 THEN
    RETURN QUERY SELECT 'total', NULL::uuid, NULL::uuid, NULL::uuid, 'exact', 0, 0::real;
    RETURN;
  END IF;
  LOOP
    IF cardinality(g) > 0 THEN
      IF level = 0 THEN
        -- Ranking by any of the words takes time with their number, by all of them with its square; that all are there is known.
        whole := g[1]; any_word := g[1];
        FOR i IN 2 .. cardinality(g) LOOP whole := whole && g[i]; any_word := any_word || g[i]; END LOOP;
        q := whole;
      ELSE
        q := NULL;
        FOR i IN 1 .. cardinality(g) LOOP
          IF level = 1 THEN
            one := NULL;
            FOR j IN 1 .. cardinality(g) LOOP
              IF j <> i THEN one := CASE WHEN one IS NULL THEN g[j] ELSE one && g[j] END; END IF;
            END LOOP;
            q := CASE WHEN q IS NULL THEN one ELSE q || one END;
          ELSE
            FOR j IN i + 1 .. cardinality(g) LOOP
              q := CASE WHEN q IS NULL THEN g[i] && g[j] ELSE q || (g[i] && g[j]) END;
            END LOOP;
          END IF;
        END LOOP;
      END IF;
    END IF;
    EXECUTE 'SELECT array_agg(x) FROM (SELECT d.ctid, d.doc_id, d.item_id, d.org_id, CASE WHEN d.named OR d.org_id = ANY($1) THEN d.org_id END, d.kind, d.lang,
        CASE WHEN d.minutes <= 0 THEN '''' WHEN d.minutes < 10 THEN ''short'' WHEN d.minutes <= 60 THEN ''medium'' ELSE ''long'' END, d.published_at, d.popularity,'
      || CASE WHEN q IS NULL THEN '0::real FROM search_documents d WHERE d.channels && $1 AND d.part = '''''
        ELSE 'CASE WHEN d.title_tsv @@ $2 THEN ts_rank(d.title_tsv, $3, 2) ELSE 0 END FROM search_documents d WHERE d.channels && $1 AND d.tsv @@ $2' || CASE WHEN titles THEN ' AND d.title_tsv @@ $2' ELSE '' END END
      || gone || ' LIMIT $4) AS x' INTO ms USING open, q, any_word, most, hidden;
    EXIT WHEN cardinality(g) = 0;
    SELECT count(*) INTO got FROM (SELECT DISTINCT m.item_id FROM unnest(ms) AS m WHERE (kinds IS NULL OR m.kind = ANY(kinds)) AND (orgs IS NULL OR m.owner = ANY(orgs)) AND (in_langs IS NULL OR m.lang = ANY(in_langs)) LIMIT 5) x;
    -- A word that no document open to the viewer has is treated like a word that nobody ever wrote: whether a foreign
    -- document has it must not show in the answer.
    IF level = 0 AND ms IS NULL THEN
      j := 0;
      -- Of many channels the first match is found sooner by looking than by the index.
      FOR i IN REVERSE cardinality(g) .. 1 LOOP
        EXECUTE 'SELECT EXISTS (SELECT 1 FROM search_documents d WHERE d.tsv @@ $2' || gone || ' AND ' || CASE WHEN cardinality(open) <= 32 THEN 'd.channels && $1)'
          ELSE '(d.channels[1] = ANY($1) OR d.channels[2] = ANY($1) OR d.channels[3] = ANY($1) OR (cardinality(d.channels) > 3 AND d.channels[4:] && $1)))' END INTO known USING open, g[i], NULL, NULL, hidden;
        IF NOT known THEN
          RETURN QUERY SELECT 'gone', NULL::uuid, NULL::uuid, NULL::uuid, '', place[i], 0::real;
          g := g[:i - 1] || g[i + 1:]; place := place[:i - 1] || place[i + 1:]; j := j + 1;
        END IF;
      END LOOP;
      IF cardinality(g) = 0 THEN
        RETURN QUERY SELECT 'total', NULL::uuid, NULL::uuid, NULL::uuid, 'exact', 0, 0::real;
        RETURN;
      END IF;
      CONTINUE WHEN j > 0;
    END IF;
    -- Fewer than five results: any word may be missing; still fewer: any two words are enough.
    EXIT WHEN got >= 5 OR level = 2 OR cardinality(g) = 1 OR (level = 1 AND cardinality(g) < 4);
    level := level + 1;
  END LOOP;

  RETURN QUERY
  WITH f AS MATERIALIZED (
    SELECT m.*, (kinds IS NULL OR m.kind = ANY(kinds)) AS k, (orgs IS NULL OR coalesce(m.owner = ANY(orgs), false)) AS o,
      (in_langs IS NULL OR m.lang = ANY(in_langs)) AS l, (times IS NULL OR m.span = ANY(times)) AS t FROM unnest(ms) AS m
  ), pick AS MATERIALIZED (
    SELECT f.* FROM f WHERE f.k AND f.o AND f.l AND f.t ORDER BY CASE sort WHEN 'new' THEN extract(epoch FROM f.published_at) WHEN 'popular' THEN f.popularity ELSE f.tr END DESC,
      f.popularity DESC, f.published_at DESC, f.doc_id LIMIT greatest(300, off + 2 * lim)
  ), first AS MATERIALIZED (
    SELECT p.*, CASE WHEN q IS NULL THEN 0 ELSE 3 * p.tr + ts_rank('{.15,.2,.4,1}', d.tsv, any_word, 1) END
        + .02 * ln(1 + greatest(p.popularity, 0)) + .02 * exp(-greatest(extract(epoch FROM now() - p.published_at), 0) / 86400 / 174) AS s
    FROM pick p JOIN search_documents d ON d.ctid = p.tid
    ORDER BY s DESC, p.doc_id LIMIT CASE WHEN sort = 'best' THEN greatest(80, off + lim * 2) ELSE 100000 END
  ), second AS (
    SELECT r.doc_id, r.item_id, r.org_id, d.part, r.published_at, r.popularity, q IS NULL OR level = 0 OR d.tsv @@ whole AS full_match,
      r.s + CASE WHEN sort = 'best' AND q IS NOT NULL THEN 1.2 * word_similarity(phrase, d.title_norm) + .6 * similarity(phrase, d.title_norm)
        + CASE WHEN level = 0 THEN 0 ELSE (coalesce((d.tsv @@ g[1])::integer, 0) + coalesce((d.tsv @@ g[2])::integer, 0) + coalesce((d.tsv @@ g[3])::integer, 0) + coalesce((d.tsv @@ g[4])::integer, 0) + coalesce((d.tsv @@ g[5])::integer, 0) + coalesce((d.tsv @@ g[6])::integer, 0) + coalesce((d.tsv @@ g[7])::integer, 0) + coalesce((d.tsv @@ g[8])::integer, 0))::float8 / cardinality(g) END ELSE 0 END AS s
    FROM first r JOIN search_documents d ON d.ctid = r.tid
  ), best AS (
    SELECT DISTINCT ON (x.item_id) x.* FROM second x ORDER BY x.item_id, x.s DESC, x.part, x.doc_id
  ), hits AS (
    SELECT b.* FROM best b ORDER BY CASE sort WHEN 'new' THEN extract(epoch FROM b.published_at) WHEN 'popular' THEN b.popularity ELSE b.s END DESC, b.s DESC, b.doc_id OFFSET off LIMIT lim
  )
  SELECT 'asked'::text, NULL::uuid, x.item_id, NULL::uuid, ''::text, 0, 0::real FROM (SELECT DISTINCT f.item_id FROM f WHERE f.kind = 'question' LIMIT 501) x
  UNION ALL
  SELECT 'hit', h.doc_id, h.item_id, h.org_id, h.part, CASE WHEN h.full_match THEN 0 ELSE level END, h.s::real FROM hits h
  UNION ALL
  SELECT 'total', NULL, NULL, NULL, CASE WHEN cardinality(ms) >= most THEN 'capped' ELSE 'exact' END, (SELECT count(*)::int FROM (SELECT DISTINCT f.item_id FROM f WHERE f.k AND f.o AND f.l AND f.t) x), 0
  UNION ALL
  SELECT 'orgs', NULL, NULL, NULL, '', (SELECT count(*)::int FROM (SELECT DISTINCT f.owner FROM f WHERE f.owner IS NOT NULL AND f.k AND f.o AND f.l AND f.t) x), 0
  UNION ALL
  SELECT 'kind', NULL, NULL, NULL, x.kind, count(*)::int, 0 FROM (SELECT DISTINCT f.kind, f.item_id FROM f WHERE counts AND f.o AND f.l AND f.t) x GROUP BY x.kind
  UNION ALL
  SELECT 'lang', NULL, NULL, NULL, x.lang, count(*)::int, 0 FROM (SELECT DISTINCT f.lang, f.item_id FROM f WHERE counts AND f.k AND f.o AND f.t) x GROUP BY x.lang
  UNION ALL
  SELECT 'time', NULL, NULL, NULL, x.span, count(*)::int, 0 FROM (SELECT DISTINCT f.span, f.item_id FROM f WHERE counts AND f.span <> '' AND f.k AND f.o AND f.l) x GROUP BY x.span
  UNION ALL
  SELECT 'org', NULL, NULL, x.owner, '', count(*)::int, 0 FROM (SELECT DISTINCT f.owner, f.item_id FROM f WHERE counts AND f.owner IS NOT NULL AND f.k AND f.l AND f.t) x GROUP BY x.owner;
  IF cardinality(suspects) > 0 THEN
    RETURN QUERY SELECT 'word', NULL::uuid, NULL::uuid, NULL::uuid, w.word, 0, 0::real FROM unnest(suspects) AS w(word)
      WHERE EXISTS (SELECT 1 FROM search_documents d WHERE d.channels && open AND (hidden IS NULL OR d.item_id <> ALL(hidden)) AND d.words @> ARRAY[w.word] AND d.tsv @@ (
        SELECT string_agg(DISTINCT quote_literal(x.lexeme), ' | ')::tsquery FROM (
          SELECT w.word AS lexeme UNION ALL SELECT unnest(ts_lexize(search_stemmer(l), w.word)) FROM unnest(langs) AS l WHERE search_stemmer(l) IS NOT NULL) AS x));
  END IF;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION search_read, search_behind FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_read, search_behind TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION search_read OWNER TO learnscape_search;
ALTER FUNCTION search_behind OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
