-- +goose Up
-- The log is written once. Nobody changes a line, its seal or a key afterwards, whatever rights they have on the tables: what is
-- to be mended is said in a new line.
-- +goose StatementBegin
CREATE FUNCTION guard_written() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RAISE insufficient_privilege USING MESSAGE = TG_TABLE_NAME || ' is written once and stays';
END $$;
-- The number of a line is given once, by who seals.
CREATE FUNCTION guard_numbered() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF app_actor() <> 'sealer' OR OLD.n IS NOT NULL OR NEW.n IS NULL OR NEW.hash IS NULL OR (NEW.org_id, NEW.seq) <> (OLD.org_id, OLD.seq) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a line is numbered once, when it is sealed';
  END IF;
  RETURN NEW;
END $$;
-- A key stays what it is; only how its secret half is kept may change, when the installation's own keys do.
CREATE FUNCTION guard_key() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF (NEW.key_id, NEW.public_key, NEW.made_at) <> (OLD.key_id, OLD.public_key, OLD.made_at) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a key stays what it is';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION number_audit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO audit_numbers (org_id, seq) VALUES (NEW.org_id, NEW.seq);
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- One row for every line, in the transaction that writes it, without a number until the line is sealed. A line that commits after
-- one with a higher seq still waits here and gets its number later: numbers follow the seals, not audit.seq, which is one counter
-- for the installation and would tell an organization how busy others are.
CREATE TABLE audit_numbers (
  org_id uuid NOT NULL,
  seq    bigint NOT NULL,
  n      bigint CHECK (n > 0),                -- the line's number in its organization's log
  hash   bytea CHECK (length(hash) = 32),     -- SHA-256 of the hash before it and the line
  PRIMARY KEY (org_id, seq),
  FOREIGN KEY (org_id, seq) REFERENCES audit,
  CHECK ((n IS NULL) = (hash IS NULL))
);
CREATE UNIQUE INDEX audit_numbers_n ON audit_numbers (org_id, n) WHERE n IS NOT NULL;
CREATE INDEX audit_numbers_waiting ON audit_numbers (org_id, seq) WHERE n IS NULL;
INSERT INTO audit_numbers (org_id, seq) SELECT a.org_id, a.seq FROM audit a;
CALL wall('audit_numbers');
-- Who seals learns of which organizations something waits, and reads the lines as each of them.
CREATE POLICY p_read ON audit_numbers FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR (n IS NULL AND (SELECT app_actor()) = 'sealer'));
CREATE POLICY p_insert ON audit_numbers FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND n IS NULL);
CREATE POLICY p_update ON audit_numbers FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'sealer')
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'sealer');
GRANT SELECT, INSERT, UPDATE ON audit_numbers TO learnscape_app;

-- A seal says under a signature how far an organization's log went and what its last hash was.
CREATE TABLE audit_seals (
  org_id     uuid NOT NULL REFERENCES organizations,
  seal       bigint NOT NULL CHECK (seal > 0),
  first      bigint NOT NULL,
  last       bigint NOT NULL,
  hash       bytea NOT NULL CHECK (length(hash) = 32),      -- of the line numbered last
  previous   bytea NOT NULL CHECK (length(previous) = 32),  -- SHA-256 of what the seal before it signs
  at         timestamptz NOT NULL,
  public_key bytea NOT NULL CHECK (length(public_key) = 32),
  signature  bytea NOT NULL,
  PRIMARY KEY (org_id, seal),
  CHECK (first <= last)
);
CREATE UNIQUE INDEX audit_seals_last ON audit_seals (org_id, last);
CALL wall('audit_seals');
CREATE POLICY p_read ON audit_seals FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_insert ON audit_seals FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'sealer');
GRANT SELECT, INSERT ON audit_seals TO learnscape_app;

-- The keys that sign seals: made by the installation, the newest signs. The secret half is sealed under the installation's key ring.
CREATE TABLE audit_keys (
  key_id     text PRIMARY KEY,               -- the beginning of the SHA-256 of the public half
  public_key bytea NOT NULL CHECK (length(public_key) = 32),
  secret_key bytea NOT NULL,
  made_at    timestamptz NOT NULL
);
CALL wall('audit_keys');
CREATE POLICY p_read ON audit_keys FOR SELECT TO learnscape_app USING ((SELECT app_actor()) IN ('sealer', 'operator'));
CREATE POLICY p_insert ON audit_keys FOR INSERT TO learnscape_app WITH CHECK ((SELECT app_actor()) IN ('sealer', 'operator'));
CREATE POLICY p_update ON audit_keys FOR UPDATE TO learnscape_app USING ((SELECT app_actor()) = 'sealer') WITH CHECK ((SELECT app_actor()) = 'sealer');
GRANT SELECT, INSERT, UPDATE ON audit_keys TO learnscape_app;

CREATE TRIGGER number_audit AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION number_audit();
CREATE TRIGGER guard_written BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_written BEFORE UPDATE OR DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_emptied BEFORE TRUNCATE ON audit_seals FOR EACH STATEMENT EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_written BEFORE DELETE ON audit_numbers FOR EACH ROW EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_numbered BEFORE UPDATE ON audit_numbers FOR EACH ROW EXECUTE FUNCTION guard_numbered();
CREATE TRIGGER guard_emptied BEFORE TRUNCATE ON audit_numbers FOR EACH STATEMENT EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_written BEFORE DELETE ON audit_keys FOR EACH ROW EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_key BEFORE UPDATE ON audit_keys FOR EACH ROW EXECUTE FUNCTION guard_key();
CREATE TRIGGER guard_emptied BEFORE TRUNCATE ON audit_keys FOR EACH STATEMENT EXECUTE FUNCTION guard_written();

-- The log is read by time, by what was done, to what and by whom.
CREATE INDEX audit_at ON audit (org_id, at DESC, seq DESC);
CREATE INDEX audit_action ON audit (org_id, action, at DESC, seq DESC);
CREATE INDEX audit_object ON audit (org_id, object, at DESC, seq DESC);
CREATE INDEX audit_member ON audit (org_id, membership_id, at DESC, seq DESC) WHERE membership_id IS NOT NULL;
-- +goose Down
SELECT 1;
