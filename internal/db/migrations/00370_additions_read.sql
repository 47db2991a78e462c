-- +goose Up
-- added: whether app_org() itself or a connected organization that calls it a customer shows additions to a path at all; row policies
-- decide which. Of most paths nobody does, and then additions_to ends there: the policies of three tables are set up for nothing else.
GRANT SELECT ON additions TO learnscape_search;
CREATE POLICY p_search ON additions FOR SELECT TO learnscape_search USING (true);
CREATE INDEX additions_path ON additions (path_org, path_id) WHERE shown;
-- +goose StatementBegin
CREATE FUNCTION added(owner uuid, path uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM additions a WHERE a.path_org = owner AND a.path_id = path AND a.shown AND (a.org_id = app_org()
    OR a.for_customers AND EXISTS (SELECT FROM connection_sides s WHERE s.org_id = a.org_id AND s.other_org = app_org() AND s.state = 'active' AND s.relationship = 'customer'));
  RETURN FOUND;
END $$;
-- additions_to: the additions that app_org() reads on a path, with the rights of whoever asks: its own, and those of organizations that call it
-- a customer and let customers read them. Its own come first.
CREATE FUNCTION additions_to(owner uuid, path uuid) RETURNS SETOF additions LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF added(owner, path) THEN
    RETURN QUERY (SELECT a.* FROM additions a WHERE a.org_id = app_org() AND a.path_org = owner AND a.path_id = path AND a.shown)
      UNION ALL (SELECT a.* FROM connection_sides s JOIN additions a ON a.org_id = s.org_id AND a.path_org = owner AND a.path_id = path AND a.shown AND a.for_customers
        WHERE s.other_org = app_org() AND s.state = 'active' AND s.relationship = 'customer' AND owner <> app_org() ORDER BY s.org_id LIMIT 5);
  END IF;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION added, additions_to FROM PUBLIC;
GRANT EXECUTE ON FUNCTION added, additions_to TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION added OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
SELECT 1;
