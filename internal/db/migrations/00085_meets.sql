-- +goose Up
-- Whose posts one may read, asked in one place like what is open (00020): the policies of questions and answers read connections
-- and each other through policies of their own, which every statement of every page that shows a post started anew.
GRANT SELECT ON questions TO learnscape_search;
-- A question of an organization that rests is nobody else's, whoever asks.
CREATE POLICY p_search ON questions FOR SELECT TO learnscape_search
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));

-- meets: the organization is connected with the one that acts, and its people show themselves to it.
-- +goose StatementBegin
CREATE FUNCTION meets(other uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = other AND s.other_org = app_org() AND s.state = 'active' AND s.meet <> 'none');
END $$;

-- hears: who acts may read the question.
CREATE FUNCTION hears(asker uuid, question uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM questions q WHERE q.org_id = asker AND q.question_id = question
    AND (q.org_id = app_org() OR (q.state <> 'withdrawn' AND (q.audience = 'public' OR (q.audience = 'connected' AND meets(q.org_id))))));
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION meets, hears FROM PUBLIC;
GRANT EXECUTE ON FUNCTION meets, hears TO learnscape_app, learnscape_search;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION meets OWNER TO learnscape_search;
ALTER FUNCTION hears OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
ALTER POLICY p_read ON questions USING (org_id = (SELECT app_org()) OR (state <> 'withdrawn' AND (audience = 'public' OR (audience = 'connected' AND meets(org_id)))));
ALTER POLICY p_read ON answers USING (org_id = (SELECT app_org()) OR (state = 'shown' AND (audience = 'public' OR (audience = 'connected' AND meets(org_id))) AND hears(question_org, question_id)));

-- The same answer as before for three quarters of the time: it is asked for every row that a policy lets through.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION opened(owner uuid, item uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM collection_items ci JOIN grants g ON g.viewer_org = ANY (ARRAY[app_org(), everyone()]) AND g.org_id = ci.org_id AND g.collection_id = ci.collection_id
    WHERE ci.org_id = owner AND ci.item_id = item AND ci.listed_at IS NOT NULL AND (g.until IS NULL OR g.until > now());
  IF FOUND THEN
    RETURN true;
  END IF;
  PERFORM FROM finishing f JOIN items i ON i.org_id = f.item_org AND i.item_id = f.item_id AND i.state = 'published'
    WHERE f.org_id = app_org() AND f.membership_id = app_membership() AND f.item_org = owner AND f.item_id = item AND f.until > now();
  RETURN FOUND;
END $$;
-- +goose StatementEnd

-- A list of the own items is read from the index alone; the policy names the state.
DROP INDEX items_own;
CREATE INDEX items_own ON items (org_id, kind, published_at DESC, item_id) INCLUDE (state) WHERE state = 'published';
-- +goose Down
SELECT 1;
