-- +goose Up
-- How many members who have not left an organization has, so that room for one more is known without counting a hundred thousand.
CREATE TABLE people_counts (
  org_id uuid PRIMARY KEY REFERENCES organizations,
  here   int NOT NULL
);
CALL own('people_counts');
-- +goose StatementBegin
CREATE FUNCTION people_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO people_counts AS c (org_id, here) SELECT n.org_id, count(*) FILTER (WHERE n.state <> 'left') FROM changed n GROUP BY n.org_id ORDER BY n.org_id
    ON CONFLICT (org_id) DO UPDATE SET here = c.here + excluded.here;
  RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION people_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE people_counts c SET here = c.here - o.n FROM (SELECT d.org_id, count(*) FILTER (WHERE d.state <> 'left') AS n FROM changed d GROUP BY d.org_id) o WHERE c.org_id = o.org_id AND o.n > 0;
  RETURN NULL;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION people_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE people_counts c SET here = c.here + CASE WHEN NEW.state = 'left' THEN -1 ELSE 1 END WHERE c.org_id = NEW.org_id;
  RETURN NULL;
END $$;
-- +goose StatementEnd
INSERT INTO people_counts (org_id, here) SELECT m.org_id, count(*) FILTER (WHERE m.state <> 'left') FROM memberships m GROUP BY m.org_id;
CREATE TRIGGER people_added AFTER INSERT ON memberships REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION people_added();
CREATE TRIGGER people_taken AFTER DELETE ON memberships REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION people_taken();
CREATE TRIGGER people_moved AFTER UPDATE OF state ON memberships FOR EACH ROW WHEN ((OLD.state = 'left') <> (NEW.state = 'left')) EXECUTE FUNCTION people_moved();
-- +goose Down
SELECT 1;
