-- +goose Up
-- Whether somebody looks as another is asked once for a statement and is true for nearly everybody. Said as a value that is compared with
-- NULL, the planner took it for one row in two hundred and read whole lists to find a page of them; said as a boolean, it does not.
-- +goose StatementBegin
CREATE OR REPLACE PROCEDURE wall(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY p_owner ON %s TO learnscape_owner USING (true) WITH CHECK (true)', t);
  EXECUTE format('CREATE POLICY p_view ON %s AS RESTRICTIVE FOR SELECT TO learnscape_app USING ((SELECT app_view() IS NULL))', t);
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $$
DECLARE p record;
BEGIN
  FOR p IN SELECT tablename, qual FROM pg_policies WHERE schemaname = 'public' AND policyname = 'p_view' LOOP
    EXECUTE format('ALTER POLICY p_view ON %I USING (%s)', p.tablename, replace(p.qual, '( SELECT app_view() AS app_view) IS NULL', '(SELECT app_view() IS NULL)'));
  END LOOP;
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
