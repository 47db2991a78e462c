-- +goose Up
-- From which week on what an organization's people do is counted for another: a Monday, while they have an agreement on it.
CREATE TABLE cell_marks (
  org_id    uuid NOT NULL REFERENCES organizations,       -- whose people
  other_org uuid NOT NULL REFERENCES organizations,
  next_week date NOT NULL,                                -- the first that was not looked at
  PRIMARY KEY (org_id, other_org)
);
-- Who started and who finished an item of another organization in a week: what totals were counted from, kept as it was then, so that a
-- later total can be weighed against what was released before. It stays in the house of those it is about, and only the discloser reads it.
CREATE TABLE cell_counts (
  org_id    uuid NOT NULL REFERENCES organizations,
  other_org uuid NOT NULL REFERENCES organizations,
  item_id   uuid NOT NULL,
  week      date NOT NULL,
  started   uuid[] NOT NULL,
  finished  uuid[] NOT NULL,
  shown     boolean NOT NULL,
  PRIMARY KEY (org_id, other_org, item_id, week)
);
CALL wall('cell_marks'); CALL wall('cell_counts');
CREATE POLICY p_carry ON cell_marks TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser') WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser');
CREATE POLICY p_read ON cell_counts FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser');
CREATE POLICY p_insert ON cell_counts FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser');
GRANT SELECT, INSERT, UPDATE, DELETE ON cell_marks TO learnscape_app;
GRANT SELECT, INSERT ON cell_counts TO learnscape_app;

-- The totals that an organization learns about another's people: of an item and a week, and of items, collections and all over a quarter
-- of ISO weeks. A row is never changed. Numbers stand only where they may; the table itself holds none between one and four.
CREATE TABLE cells (
  org_id     uuid NOT NULL REFERENCES organizations,      -- who learns it
  giver_org  uuid NOT NULL REFERENCES organizations,      -- whose people
  kind       text NOT NULL CHECK (kind IN ('item', 'collection', 'organization')),
  thing      uuid NOT NULL,                               -- the item or collection; the giver for all
  first_week date NOT NULL,                          -- its Monday
  weeks      integer NOT NULL CHECK (weeks IN (1, 13, 14)),
  title      text NOT NULL,                               -- when it was released
  items      uuid[] NOT NULL,                             -- over which it goes
  started    integer CHECK (started = 0 OR started >= 5), -- NULL where it may not be known
  finished   integer CHECK (finished = 0 OR finished >= 5),
  released_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, giver_org, kind, thing, first_week, weeks),
  CHECK ((started IS NULL) = (finished IS NULL))
);
CREATE INDEX cells_given ON cells (giver_org, org_id, first_week);
CALL wall('cells');
CREATE POLICY p_read ON cells FOR SELECT TO learnscape_app USING ((SELECT app_org()) IN (org_id, giver_org));
CREATE POLICY p_insert ON cells FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'discloser');
GRANT SELECT, INSERT ON cells TO learnscape_app;
-- Totals are released on terms that both signed and that are in force.
-- +goose StatementBegin
CREATE FUNCTION guard_cell() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND NOT EXISTS (SELECT 1 FROM connections c JOIN agreements a ON a.connection_id = c.connection_id AND a.state = 'active'
      WHERE c.state = 'active' AND least(c.org_a, c.org_b) = least(NEW.org_id, NEW.giver_org) AND greatest(c.org_a, c.org_b) = greatest(NEW.org_id, NEW.giver_org)
        AND a.terms->CASE WHEN a.org_a = NEW.giver_org THEN 'a' ELSE 'b' END->>'learns' IN ('totals', 'certified', 'named')) THEN
    RAISE insufficient_privilege USING MESSAGE = 'totals are released on terms that both signed';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_cell BEFORE INSERT ON cells FOR EACH ROW EXECUTE FUNCTION guard_cell();
-- +goose Down
SELECT 1;
