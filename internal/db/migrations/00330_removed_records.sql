-- +goose Up
-- What was recorded of somebody from before and removed again, one by one: its person reads what it was, who removed it and why.
CREATE TABLE removed_records (
  org_id        uuid NOT NULL,
  record_id     uuid NOT NULL,
  membership_id uuid NOT NULL,
  title         text NOT NULL,
  done_on       date NOT NULL,
  reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 300),
  removed_by    uuid NOT NULL,
  removed_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, record_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('removed_records');
REVOKE UPDATE ON removed_records FROM learnscape_app;
CREATE INDEX removed_records_member ON removed_records (org_id, membership_id, removed_at DESC);
CREATE INDEX record_import_rows_record ON record_import_rows (org_id, record_id);
-- +goose StatementBegin
-- Whoever looks after people says in their own name what they removed.
CREATE FUNCTION guard_removed_record() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND app_actor() <> 'operator' AND (NOT looks_after(NEW.membership_id) OR NEW.removed_by <> app_membership()) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who looks after people removes what was recorded of them, in their own name';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_removed_record BEFORE INSERT ON removed_records FOR EACH ROW EXECUTE FUNCTION guard_removed_record();
-- +goose Down
DROP INDEX record_import_rows_record;
DROP TABLE removed_records;
DROP FUNCTION guard_removed_record;
