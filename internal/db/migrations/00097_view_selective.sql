-- +goose Up
-- Nearly everything that is read is read outside of a view. PostgreSQL takes "IS NULL" of what it does not know to hold for one row in
-- two hundred, and would read and sort all of a list where an index has its first three; "<> 0" it takes to hold nearly always.
-- +goose StatementBegin
DO $$
DECLARE
  p record;
BEGIN
  FOR p IN SELECT polrelid::regclass AS t, pg_get_expr(polqual, polrelid) AS q FROM pg_policy WHERE polname = 'p_view' LOOP
    IF p.q NOT LIKE '%(( SELECT app_view() AS app_view) IS NULL)%' THEN
      RAISE EXCEPTION 'p_view of % is %', p.t, p.q;
    END IF;
    EXECUTE format('ALTER POLICY p_view ON %s USING (%s)', p.t, replace(p.q, '(( SELECT app_view() AS app_view) IS NULL)', '((SELECT (app_view() IS NULL)::integer) <> 0)'));
  END LOOP;
END $$;
CREATE OR REPLACE PROCEDURE wall(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY p_owner ON %s TO learnscape_owner USING (true) WITH CHECK (true)', t);
  EXECUTE format('CREATE POLICY p_view ON %s AS RESTRICTIVE FOR SELECT TO learnscape_app USING ((SELECT (app_view() IS NULL)::integer) <> 0)', t);
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
