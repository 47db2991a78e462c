-- +goose Up
-- Additions are written as a draft and published as numbered editions. The row of additions is what readers see: the last edition,
-- while the path is in the adopter's library, and to whom beside its own people.
ALTER TABLE additions ADD edition integer NOT NULL DEFAULT 1 CHECK (edition > 0), ADD published_by uuid,
  ADD shown boolean NOT NULL DEFAULT true,           -- the path is in the library
  ADD for_customers boolean NOT NULL DEFAULT false,  -- also for organizations that the adopter calls customers, if the path is open to them
  ADD for_publisher boolean NOT NULL DEFAULT false,  -- also for the publisher of the path
  ADD leads_to uuid[] NOT NULL DEFAULT '{}';         -- the own items that steps lead to
INSERT INTO adoptions (org_id, item_org, item_id, kind, title, updates, version, adopted_at)
  SELECT a.org_id, a.path_org, a.path_id, 'path', i.title, 'follow', i.version, a.updated_at FROM additions a JOIN items i ON i.org_id = a.path_org AND i.item_id = a.path_id WHERE i.version > 0 ON CONFLICT DO NOTHING;
CREATE TABLE addition_drafts (
  org_id     uuid NOT NULL REFERENCES organizations,
  path_org   uuid NOT NULL,
  path_id    uuid NOT NULL,
  content    jsonb NOT NULL,
  before     jsonb,                              -- the content before the last change, to undo it; NULL for none
  updated_by uuid,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, path_org, path_id)
);
CREATE TABLE addition_editions (
  org_id       uuid NOT NULL REFERENCES organizations,
  path_org     uuid NOT NULL,
  path_id      uuid NOT NULL,
  edition      integer NOT NULL CHECK (edition > 0),
  content      jsonb NOT NULL,
  published_by uuid,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, path_org, path_id, edition)
);
CALL own('addition_drafts'); CALL own('addition_editions');
REVOKE UPDATE, DELETE ON addition_editions FROM learnscape_app;
-- Whom an adopter lets read its additions: the publisher of the path, and organizations that it calls customers, each while they are
-- connected and while the path is open to the adopter for additions and to who acts. It answers for app_org() alone.
GRANT SELECT ON connection_sides, connections, agreements, adoptions TO learnscape_search;
CREATE POLICY p_search ON connection_sides FOR SELECT TO learnscape_search USING (true);
CREATE POLICY p_search ON connections FOR SELECT TO learnscape_search USING (true);
CREATE POLICY p_search ON agreements FOR SELECT TO learnscape_search USING (true);
CREATE POLICY p_search ON adoptions FOR SELECT TO learnscape_search USING (true);
CREATE INDEX adoptions_item ON adoptions (item_org, item_id);
-- +goose StatementBegin
CREATE FUNCTION additions_open(adopter uuid, owner uuid, path uuid, customers boolean, publisher boolean) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = adopter AND s.other_org = app_org() AND s.state = 'active'
      AND (publisher AND owner = app_org() OR customers AND owner <> app_org() AND s.relationship = 'customer' AND opened(owner, path)))
    AND EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      WHERE ci.org_id = owner AND ci.item_id = path AND ci.listed_at IS NOT NULL AND g.viewer_org = adopter AND g.use_right IN ('adapt', 'show') AND (g.until IS NULL OR g.until > now()));
END $$;
-- How many organizations that adopted an own item start their people in which version: of those whose agreement gives totals, and
-- nothing of fewer than five, nor a part from which fewer than five could be reckoned. Version 0 is all of them.
CREATE FUNCTION adopters_of(item uuid) RETURNS TABLE (version integer, organizations integer) LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  counts jsonb;
  total  integer;
BEGIN
  SELECT coalesce(jsonb_object_agg(c.version, c.n), '{}'), coalesce(sum(c.n), 0) INTO counts, total FROM (
    SELECT CASE WHEN d.updates = 'follow' THEN i.version ELSE d.version END AS version, count(*) AS n
    FROM items i JOIN adoptions d ON d.item_org = i.org_id AND d.item_id = i.item_id
    JOIN connections k ON least(k.org_a, k.org_b) = least(i.org_id, d.org_id) AND greatest(k.org_a, k.org_b) = greatest(i.org_id, d.org_id) AND k.state = 'active'
    JOIN agreements g ON g.connection_id = k.connection_id AND g.state = 'active'
      AND CASE WHEN g.org_a = d.org_id THEN g.terms->'a'->>'learns' ELSE g.terms->'b'->>'learns' END IN ('totals', 'certified', 'named')
    WHERE i.org_id = app_org() AND i.item_id = item GROUP BY 1) c;
  IF total >= 5 THEN
    RETURN QUERY SELECT 0, total;
    IF NOT EXISTS (SELECT 1 FROM jsonb_each_text(counts) e WHERE e.value::integer < 5) THEN
      RETURN QUERY SELECT e.key::integer, e.value::integer FROM jsonb_each_text(counts) e;
    END IF;
  END IF;
END $$;
-- Only what an agreement lets the adopter add to is added to. The operator brings over what was added elsewhere.
CREATE FUNCTION guard_additions() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND NOT NEW.shown AND (NEW.org_id, NEW.path_org, NEW.path_id) = (OLD.org_id, OLD.path_org, OLD.path_id) THEN
    RETURN NEW; -- Hiding is always possible.
  END IF;
  IF NOT EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      WHERE ci.org_id = NEW.path_org AND ci.item_id = NEW.path_id AND ci.listed_at IS NOT NULL AND g.viewer_org = NEW.org_id AND g.use_right IN ('adapt', 'show') AND (g.until IS NULL OR g.until > now())) THEN
    RAISE insufficient_privilege USING MESSAGE = 'additions are for what an agreement lets the organization add to';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_additions BEFORE INSERT OR UPDATE ON additions FOR EACH ROW EXECUTE FUNCTION guard_additions();
REVOKE EXECUTE ON FUNCTION additions_open, adopters_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION additions_open, adopters_of TO learnscape_app;
GRANT EXECUTE ON FUNCTION opened TO learnscape_search;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION additions_open OWNER TO learnscape_search;
ALTER FUNCTION adopters_of OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
CREATE POLICY p_shown ON additions FOR SELECT TO learnscape_app USING (shown AND (for_customers OR for_publisher) AND additions_open(org_id, path_org, path_id, for_customers, for_publisher));
-- +goose Down
DROP TABLE addition_editions, addition_drafts;
