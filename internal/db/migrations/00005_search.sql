-- +goose Up
-- Text search configurations: the language's stemmer behind unaccent, so that "Kühlkette" and "Kuhlkette" are one word.
-- +goose StatementBegin
DO $$
DECLARE c record;
BEGIN
  FOR c IN SELECT * FROM (VALUES ('en', 'english'), ('de', 'german'), ('fr', 'french'), ('es', 'spanish'), ('it', 'italian'), ('pt', 'portuguese'),
    ('nl', 'dutch'), ('sv', 'swedish'), ('da', 'danish'), ('nb', 'norwegian')) AS v(code, name)
  LOOP
    EXECUTE format('CREATE TEXT SEARCH CONFIGURATION portal_%s (COPY = pg_catalog.%I)', c.code, c.name);
    EXECUTE format('ALTER TEXT SEARCH CONFIGURATION portal_%s ALTER MAPPING FOR hword, hword_part, word WITH unaccent, %I', c.code, c.name || '_stem');
  END LOOP;
  CREATE TEXT SEARCH CONFIGURATION portal_simple (COPY = pg_catalog.simple);
  ALTER TEXT SEARCH CONFIGURATION portal_simple ALTER MAPPING FOR hword, hword_part, word WITH unaccent, simple;
END $$;
-- +goose StatementEnd
CREATE FUNCTION search_config(lang text) RETURNS regconfig LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE lang WHEN 'en' THEN 'portal_en'::regconfig WHEN 'de' THEN 'portal_de'::regconfig WHEN 'fr' THEN 'portal_fr'::regconfig WHEN 'es' THEN 'portal_es'::regconfig
    WHEN 'it' THEN 'portal_it'::regconfig WHEN 'pt' THEN 'portal_pt'::regconfig WHEN 'nl' THEN 'portal_nl'::regconfig WHEN 'sv' THEN 'portal_sv'::regconfig
    WHEN 'da' THEN 'portal_da'::regconfig WHEN 'nb' THEN 'portal_nb'::regconfig ELSE 'portal_simple'::regconfig END $$;
-- The stemmer of a language, for the words of a question; NULL where words are taken as they are.
CREATE FUNCTION search_stemmer(lang text) RETURNS regdictionary LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE lang WHEN 'en' THEN 'english_stem'::regdictionary WHEN 'de' THEN 'german_stem'::regdictionary WHEN 'fr' THEN 'french_stem'::regdictionary
    WHEN 'es' THEN 'spanish_stem'::regdictionary WHEN 'it' THEN 'italian_stem'::regdictionary WHEN 'pt' THEN 'portuguese_stem'::regdictionary
    WHEN 'nl' THEN 'dutch_stem'::regdictionary WHEN 'sv' THEN 'swedish_stem'::regdictionary WHEN 'da' THEN 'danish_stem'::regdictionary
    WHEN 'nb' THEN 'norwegian_stem'::regdictionary END $$;

-- One row per lesson, course, path, story, resource and question. Channels are what opens it: the owner's own id, the
-- collections it stands in, everyone(); a viewer asks with the list of channels open to it, so that connecting or
-- disconnecting changes no document. Nobody reads it but through search_read: the row policies' functions are not
-- leakproof, so a policy in the way would turn every search into a scan.
CREATE TABLE search_documents (
  doc_id       uuid PRIMARY KEY,
  org_id       uuid NOT NULL REFERENCES organizations,
  item_id      uuid NOT NULL,                 -- the item or question; results show one row for each
  part         text NOT NULL DEFAULT '',      -- the lesson's key; '' for the item itself
  kind         text NOT NULL CHECK (kind IN ('course', 'path', 'lesson', 'story', 'resource', 'question', 'group')),
  channels     uuid[] NOT NULL CHECK (cardinality(channels) > 0),
  named        boolean NOT NULL DEFAULT true, -- others may learn whose it is; false for a question that "someone" asked
  lang         text NOT NULL,
  minutes      integer NOT NULL DEFAULT 0,
  popularity   real NOT NULL DEFAULT 0,
  published_at timestamptz NOT NULL,
  title        text NOT NULL,
  title_norm   text NOT NULL,                 -- with the course's title behind a lesson's; lower case, without accents, made in Go
  words        text[] NOT NULL DEFAULT '{}',  -- the distinct words of the document, for the lexicon
  title_tsv    tsvector NOT NULL,
  tsv          tsvector NOT NULL,
  version      bigint NOT NULL,               -- of the content; an older write is ignored
  indexed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX search_documents_tsv ON search_documents USING gin (tsv) WITH (fastupdate = off);
CREATE INDEX search_documents_title ON search_documents USING gin (title_tsv) WITH (fastupdate = off);
CREATE INDEX search_documents_channels ON search_documents USING gin (channels) WITH (fastupdate = off);
CREATE INDEX search_documents_item ON search_documents (org_id, item_id, part);
-- The words of all documents, for completion and correction. It says which words exist somewhere: only the indexer reads
-- it, and no word of it is shown to anybody who does not see a document with it (see search_read).
CREATE TABLE search_lexicon (
  word       text PRIMARY KEY,
  df         integer NOT NULL,                -- documents
  orgs       integer NOT NULL,                -- organizations
  changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX search_lexicon_changed ON search_lexicon (changed_at);
CREATE TABLE search_languages (lang text PRIMARY KEY, docs integer NOT NULL DEFAULT 0);
-- What else a word may mean: of one organization, or of the whole installation (org_id = everyone()).
CREATE TABLE search_synonyms (
  org_id  uuid NOT NULL,
  lang    text NOT NULL DEFAULT '',
  term    text NOT NULL CHECK (term = lower(term)),
  expands text[] NOT NULL,
  PRIMARY KEY (org_id, lang, term)
);
-- What was looked for, counted per day and organization. No person, no time of day, no address; words that occur in no
-- document are kept only when several people looked for them.
CREATE TABLE search_events (
  org_id  uuid NOT NULL REFERENCES organizations,
  day     date NOT NULL,
  q_norm  text NOT NULL,
  lang    text NOT NULL,
  results text NOT NULL CHECK (results IN ('none', 'few', 'many')),   -- 0, 1 to 3, more
  n       integer NOT NULL DEFAULT 1,
  PRIMARY KEY (org_id, day, q_norm, lang, results)
);
CALL wall('search_documents'); CALL wall('search_lexicon'); CALL wall('search_languages'); CALL wall('search_synonyms');
CREATE POLICY p_index ON search_documents TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('indexer', 'operator'))
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('indexer', 'operator'));
CREATE POLICY p_search ON search_documents TO learnscape_search USING (true);
CREATE POLICY p_index ON search_lexicon TO learnscape_app USING ((SELECT app_actor()) IN ('indexer', 'operator')) WITH CHECK ((SELECT app_actor()) IN ('indexer', 'operator'));
CREATE POLICY p_search ON search_lexicon TO learnscape_search USING (true) WITH CHECK (true);
CREATE POLICY p_index ON search_languages TO learnscape_app USING ((SELECT app_actor()) IN ('indexer', 'operator')) WITH CHECK ((SELECT app_actor()) IN ('indexer', 'operator'));
CREATE POLICY p_search ON search_languages TO learnscape_search USING (true) WITH CHECK (true);
CREATE POLICY p_read ON search_synonyms FOR SELECT TO learnscape_app USING (org_id IN ((SELECT app_org()), everyone()) OR (SELECT app_actor()) = 'indexer');
CREATE POLICY p_write ON search_synonyms TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CALL own('search_events');
GRANT SELECT, INSERT, UPDATE, DELETE ON search_documents, search_synonyms TO learnscape_app;
GRANT SELECT, INSERT ON search_lexicon, search_languages TO learnscape_app;
GRANT SELECT ON search_documents TO learnscape_search;
GRANT SELECT, INSERT, UPDATE, DELETE ON search_lexicon, search_languages TO learnscape_search;

-- The one way to read documents. channels is what is open to the viewer; none, no rows. words has one element per word of
-- the question, each a list of alternatives separated by blanks (the word, its completions and corrections), already
-- normalized; none lists what is there. It returns identifiers, scores and counts only; titles and texts are read
-- afterwards under the viewer's own policies. Rows by what:
--   hit    doc_id, item_id, org_id, key = part, n = 0 when every word matched, score
--   total  n = results, key = 'exact' or 'capped'
--   kind, lang, time (key) and org (org_id): n = results with that value under the other filters
--   gone   n = the place of a word that stands in no document open to the viewer; the rest was asked without it
--   word   key = a word of suspects that stands in a document open to the viewer
-- +goose StatementBegin
CREATE FUNCTION search_read(channels uuid[], words text[], langs text[], phrase text, titles boolean, kinds text[], orgs uuid[], in_langs text[], times text[],
  counts boolean, suspects text[], sort text, off integer, lim integer)
RETURNS TABLE (what text, doc_id uuid, item_id uuid, org_id uuid, key text, n integer, score real)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  ask   text[] := words;
  open  uuid[] := channels;
  g     tsquery[] := '{}';
  one   tsquery;
  q     tsquery;
  whole tsquery;
  any_word tsquery;
  -- A viewer has hundreds of channels, a document two or three: looking each of these up in the hashed list (= ANY) takes a
  -- third of the time that && takes.
  level integer := 0;
  got   integer;
  i     integer;
  j     integer;
BEGIN
  IF open IS NULL OR cardinality(open) = 0 THEN
    RETURN;
  END IF;
  lim := least(greatest(coalesce(lim, 10), 0), 200); off := least(greatest(coalesce(off, 0), 0), 1000);
  FOR i IN 1 .. coalesce(cardinality(ask), 0) LOOP
    SELECT string_agg(DISTINCT quote_literal(x.lexeme), ' | ')::tsquery INTO one FROM regexp_split_to_table(ask[i], ' ') AS w(word) CROSS JOIN LATERAL (
      SELECT w.word AS lexeme UNION ALL
      SELECT unnest(ts_lexize(search_stemmer(l), w.word)) FROM unnest(langs) AS l WHERE search_stemmer(l) IS NOT NULL) AS x WHERE x.lexeme <> '';
    CONTINUE WHEN one IS NULL;
    -- A word that no document open to the viewer has is treated like a word that nobody ever wrote: whether a foreign
    -- document has it must not show in the answer.
    IF EXISTS (SELECT 1 FROM search_documents d WHERE d.tsv @@ one AND (d.channels[1] = ANY(open) OR d.channels[2] = ANY(open) OR d.channels[3] = ANY(open) OR (cardinality(d.channels) > 3 AND d.channels[4:] && open))) THEN
      g := g || one;
    ELSE
      RETURN QUERY SELECT 'gone', NULL::uuid, NULL::uuid, NULL::uuid, '', i, 0::real;
    END IF;
  END LOOP;
  IF cardinality(g) = 0 THEN
    IF coalesce(cardinality(ask), 0) > 0 THEN
      RETURN QUERY SELECT 'total', NULL::uuid, NULL::uuid, NULL::uuid, 'exact', 0, 0::real;
      RETURN;
    END IF;
  ELSE
    whole := g[1]; any_word := g[1];
    -- Ranking by any of the words takes time with their number, by all of them with its square; that all are there is known.
    FOR i IN 2 .. cardinality(g) LOOP whole := whole && g[i]; any_word := any_word || g[i]; END LOOP;
    q := whole;
    -- Fewer than five results: any word may be missing; still fewer: any two words are enough.
    WHILE level < 2 AND cardinality(g) > 1 AND NOT (level = 1 AND cardinality(g) < 4) LOOP
      SELECT count(*) INTO got FROM (SELECT DISTINCT d.item_id FROM search_documents d WHERE d.tsv @@ q AND (d.channels[1] = ANY(open) OR d.channels[2] = ANY(open) OR d.channels[3] = ANY(open) OR (cardinality(d.channels) > 3 AND d.channels[4:] && open))
        AND (kinds IS NULL OR d.kind = ANY(kinds)) AND (orgs IS NULL OR d.org_id = ANY(orgs)) AND (in_langs IS NULL OR d.lang = ANY(in_langs)) LIMIT 5) x;
      EXIT WHEN got >= 5;
      level := level + 1;
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
    END LOOP;
  END IF;

  RETURN QUERY
  WITH m AS MATERIALIZED (
    SELECT d.doc_id, d.item_id, d.org_id, CASE WHEN d.named OR d.org_id = ANY(open) THEN d.org_id END AS owner, d.kind, d.lang, d.part, d.title_norm, d.published_at, d.popularity,
      CASE WHEN d.minutes <= 0 THEN '' WHEN d.minutes < 10 THEN 'short' WHEN d.minutes <= 60 THEN 'medium' ELSE 'long' END AS span,
      CASE WHEN q IS NULL THEN 0 WHEN d.title_tsv @@ q THEN ts_rank(d.title_tsv, any_word, 2) ELSE 0 END AS tr
    FROM search_documents d
    WHERE (d.channels[1] = ANY(open) OR d.channels[2] = ANY(open) OR d.channels[3] = ANY(open) OR (cardinality(d.channels) > 3 AND d.channels[4:] && open)) AND (q IS NOT NULL OR d.channels && open) AND CASE WHEN q IS NULL THEN d.part = '' ELSE true END
      AND (q IS NULL OR d.tsv @@ q) AND (NOT titles OR d.title_tsv @@ q)
    LIMIT CASE WHEN counts THEN 3000 ELSE 1000 END
  ), f AS (
    SELECT m.*, (kinds IS NULL OR m.kind = ANY(kinds)) AS k, (orgs IS NULL OR coalesce(m.owner = ANY(orgs), false)) AS o,
      (in_langs IS NULL OR m.lang = ANY(in_langs)) AS l, (times IS NULL OR m.span = ANY(times)) AS t FROM m
  ), pick AS MATERIALIZED (
    SELECT f.* FROM f WHERE f.k AND f.o AND f.l AND f.t ORDER BY CASE sort WHEN 'new' THEN extract(epoch FROM f.published_at) WHEN 'popular' THEN f.popularity ELSE f.tr END DESC,
      f.popularity DESC, f.published_at DESC, f.doc_id LIMIT greatest(300, off + 2 * lim)
  ), first AS MATERIALIZED (
    SELECT p.*, CASE WHEN q IS NULL THEN 0 ELSE 3 * p.tr + ts_rank('{.15,.2,.4,1}', d.tsv, any_word, 1) END
        + .02 * ln(1 + greatest(p.popularity, 0)) + .02 * exp(-greatest(extract(epoch FROM now() - p.published_at), 0) / 86400 / 174) AS s
    FROM pick p JOIN search_documents d ON d.doc_id = p.doc_id
    ORDER BY s DESC, p.doc_id LIMIT CASE WHEN sort = 'best' THEN greatest(80, off + lim * 2) ELSE 100000 END
  ), second AS (
    SELECT r.doc_id, r.item_id, r.org_id, r.part, r.published_at, r.popularity, q IS NULL OR level = 0 OR d.tsv @@ whole AS full_match,
      r.s + CASE WHEN sort = 'best' AND q IS NOT NULL THEN 1.2 * word_similarity(phrase, r.title_norm) + .6 * similarity(phrase, r.title_norm)
        + CASE WHEN level = 0 THEN 0 ELSE (SELECT count(*) FROM unnest(g) AS w WHERE d.tsv @@ w)::float8 / cardinality(g) END ELSE 0 END AS s
    FROM first r JOIN search_documents d ON d.doc_id = r.doc_id
  ), best AS (
    SELECT DISTINCT ON (x.item_id) x.* FROM second x ORDER BY x.item_id, x.s DESC, x.part, x.doc_id
  ), hits AS (
    SELECT b.* FROM best b ORDER BY CASE sort WHEN 'new' THEN extract(epoch FROM b.published_at) WHEN 'popular' THEN b.popularity ELSE b.s END DESC, b.s DESC, b.doc_id OFFSET off LIMIT lim
  )
  SELECT 'hit'::text, h.doc_id, h.item_id, h.org_id, h.part, CASE WHEN h.full_match THEN 0 ELSE level END, h.s::real FROM hits h
  UNION ALL
  SELECT 'total', NULL, NULL, NULL, CASE WHEN (SELECT count(*) FROM m) >= CASE WHEN counts THEN 3000 ELSE 1000 END THEN 'capped' ELSE 'exact' END, (SELECT count(DISTINCT f.item_id)::int FROM f WHERE f.k AND f.o AND f.l AND f.t), 0
  UNION ALL
  SELECT 'orgs', NULL, NULL, NULL, '', (SELECT count(DISTINCT f.owner)::int FROM f WHERE f.k AND f.o AND f.l AND f.t), 0
  UNION ALL
  SELECT 'kind', NULL, NULL, NULL, f.kind, count(DISTINCT f.item_id)::int, 0 FROM f WHERE counts AND f.o AND f.l AND f.t GROUP BY f.kind
  UNION ALL
  SELECT 'lang', NULL, NULL, NULL, f.lang, count(DISTINCT f.item_id)::int, 0 FROM f WHERE counts AND f.k AND f.o AND f.t GROUP BY f.lang
  UNION ALL
  SELECT 'time', NULL, NULL, NULL, f.span, count(DISTINCT f.item_id)::int, 0 FROM f WHERE counts AND f.span <> '' AND f.k AND f.o AND f.l GROUP BY f.span
  UNION ALL
  SELECT 'org', NULL, NULL, f.owner, '', count(DISTINCT f.item_id)::int, 0 FROM f WHERE counts AND f.owner IS NOT NULL AND f.k AND f.l AND f.t GROUP BY f.owner
  UNION ALL
  SELECT 'word', NULL, NULL, NULL, w.word, 0, 0 FROM unnest(suspects) AS w(word)
    WHERE EXISTS (SELECT 1 FROM search_documents d WHERE (d.channels[1] = ANY(open) OR d.channels[2] = ANY(open) OR d.channels[3] = ANY(open) OR (cardinality(d.channels) > 3 AND d.channels[4:] && open)) AND d.words @> ARRAY[w.word] AND d.tsv @@ (
      SELECT string_agg(DISTINCT quote_literal(x.lexeme), ' | ')::tsquery FROM (
        SELECT w.word AS lexeme UNION ALL SELECT unnest(ts_lexize(search_stemmer(l), w.word)) FROM unnest(langs) AS l WHERE search_stemmer(l) IS NOT NULL) AS x));
END $$;
-- +goose StatementEnd
-- Counts the words again. Rare words of a large installation are typing errors more often than not.
-- +goose StatementBegin
CREATE FUNCTION search_rebuild_lexicon() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET jit = off SET work_mem = '64MB' AS $$
DECLARE total integer;
BEGIN
  IF app_actor() NOT IN ('indexer', 'operator') THEN
    RAISE insufficient_privilege USING MESSAGE = 'only the indexer rebuilds the lexicon';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('search_lexicon'));
  WITH counted AS MATERIALIZED (
    SELECT c.word, sum(c.df)::int AS df, count(*)::int AS orgs
    FROM (SELECT w.word, d.org_id, count(*) AS df FROM search_documents d CROSS JOIN LATERAL unnest(d.words) AS w(word) GROUP BY w.word, d.org_id) c
    GROUP BY c.word HAVING sum(c.df) >= (SELECT CASE WHEN count(*) > 20000 THEN 2 ELSE 1 END FROM search_documents)
  ), gone AS (
    DELETE FROM search_lexicon l WHERE NOT EXISTS (SELECT 1 FROM counted c WHERE c.word = l.word)
  ), put AS (
    INSERT INTO search_lexicon AS l (word, df, orgs, changed_at) SELECT c.word, c.df, c.orgs, clock_timestamp() FROM counted c
    ON CONFLICT (word) DO UPDATE SET df = excluded.df, orgs = excluded.orgs, changed_at = excluded.changed_at WHERE l.df <> excluded.df OR l.orgs <> excluded.orgs
  )
  SELECT count(*) INTO total FROM counted;
  DELETE FROM search_languages;
  INSERT INTO search_languages (lang, docs) SELECT d.lang, count(*) FROM search_documents d GROUP BY d.lang;
  RETURN total;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION search_read, search_rebuild_lexicon FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_read, search_rebuild_lexicon TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION search_read OWNER TO learnscape_search;
ALTER FUNCTION search_rebuild_lexicon OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
