-- +goose Up
-- What people learned before the portal kept it, or elsewhere, as their organization says. It is the organization's word and proves nothing:
-- wherever it is shown it is told apart. It says in its own columns what it is about, so that it stays when an item closes.
CREATE TABLE past_records (
  org_id        uuid NOT NULL,
  record_id     uuid NOT NULL,
  membership_id uuid NOT NULL,
  import_id     uuid NOT NULL,                 -- of the file, which goes once it can be undone no more
  item_org      uuid,                          -- NULL: training that was never on the portal
  item_id       uuid,
  kind          text NOT NULL DEFAULT '' CHECK (kind IN ('', 'course', 'path')),
  title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  done_on       date NOT NULL,
  ends_on       date CHECK (ends_on >= done_on), -- the last day on which it holds
  score         double precision CHECK (score BETWEEN 0 AND 100), -- percent; NULL: passed
  issuer        text NOT NULL DEFAULT '' CHECK (length(issuer) <= 120),
  reference     text NOT NULL DEFAULT '' CHECK (length(reference) <= 120),
  recorded_by   uuid NOT NULL,
  recorded_at   timestamptz NOT NULL,
  told          text NOT NULL DEFAULT '' CHECK (told IN ('', 'window', 'week', 'over')), -- the last reminder
  PRIMARY KEY (org_id, record_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  CHECK ((item_org IS NULL) = (item_id IS NULL) AND (item_id IS NULL) = (kind = ''))
);
CALL own('past_records');
CREATE UNIQUE INDEX past_records_once ON past_records (org_id, membership_id, coalesce(item_id::text, lower(title)), done_on);
CREATE INDEX past_records_due ON past_records (org_id, ends_on) WHERE ends_on IS NOT NULL AND told <> 'over';
CREATE INDEX past_records_item ON past_records (org_id, item_id) WHERE item_id IS NOT NULL;

-- A file of them: first looked at, then, if it was confirmed, taken as a whole, and for some days undone again.
CREATE TABLE record_imports (
  org_id      uuid NOT NULL REFERENCES organizations,
  import_id   uuid NOT NULL,
  asked_by    uuid NOT NULL,
  file        text NOT NULL DEFAULT '' CHECK (length(file) <= 200),
  skipped     text[] NOT NULL DEFAULT '{}',    -- headings that mean nothing here
  state       text NOT NULL DEFAULT 'checked' CHECK (state IN ('checked', 'done', 'undone')),
  created_at  timestamptz NOT NULL,
  finished_at timestamptz,
  expires_at  timestamptz NOT NULL,            -- until when it can be confirmed, then undone
  PRIMARY KEY (org_id, import_id),
  FOREIGN KEY (org_id, asked_by) REFERENCES memberships (org_id, membership_id)
);
CALL own('record_imports');
CREATE INDEX record_imports_recent ON record_imports (org_id, created_at DESC, import_id);
CREATE INDEX record_imports_by ON record_imports (org_id, asked_by);
CREATE TABLE record_import_rows (
  org_id        uuid NOT NULL,
  import_id     uuid NOT NULL,
  line          integer NOT NULL CHECK (line > 0), -- of the file, the headings being the first
  record_id     uuid NOT NULL,                 -- that it becomes
  email         text NOT NULL,
  account       text NOT NULL,
  membership_id uuid,                          -- whom that names; NULL: nobody whom who asked looks after
  item_org      uuid,
  item_id       uuid,
  kind          text NOT NULL,
  title         text NOT NULL,
  done_on       date,
  ends_on       date,
  score         double precision,
  issuer        text NOT NULL,
  reference     text NOT NULL,
  outcome       text NOT NULL CHECK (outcome IN ('new', 'same', 'unknown', 'bad')),
  problems      jsonb NOT NULL DEFAULT '[]',   -- of a bad one: column, message key, value
  state         text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed', 'undone', 'kept')),
  reason        text NOT NULL DEFAULT '',      -- message key of why it failed or was kept
  PRIMARY KEY (org_id, import_id, line),
  FOREIGN KEY (org_id, import_id) REFERENCES record_imports ON DELETE CASCADE
);
CALL own('record_import_rows');
CREATE INDEX record_import_rows_outcome ON record_import_rows (org_id, import_id, outcome, line);
CREATE INDEX record_import_rows_state ON record_import_rows (org_id, import_id, state, line);
CREATE INDEX record_import_rows_email ON record_import_rows (org_id, email);
CREATE INDEX record_import_rows_member ON record_import_rows (org_id, membership_id) WHERE membership_id IS NOT NULL;

-- +goose StatementBegin
-- looks_after reports whether the acting member looks after somebody: administrators after everybody, managers after the people of the teams
-- that they lead.
CREATE FUNCTION looks_after(member uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT app_actor() = 'member' AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND ('administrator' = ANY (m.roles)
    OR 'manager' = ANY (m.roles) AND EXISTS (SELECT 1 FROM team_members x JOIN team_members l ON l.org_id = x.org_id AND l.team_id = x.team_id AND l.membership_id = app_membership() AND l.leads
      WHERE x.org_id = app_org() AND x.membership_id = member)))
$$;
-- Whoever looks after people says what they learned before, in their own name and of what is open to the organization; whoever looks after
-- them takes it back. Nothing of it changes but what its person was told.
CREATE FUNCTION guard_past_record() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF current_user = 'learnscape_app' AND app_actor() NOT IN ('operator', 'keeper') AND NOT looks_after(OLD.membership_id) THEN
      RAISE insufficient_privilege USING MESSAGE = 'who looks after people takes back what was recorded of them';
    END IF;
    RETURN OLD;
  END IF;
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF app_actor() <> 'mailer' OR to_jsonb(NEW) - 'told' <> to_jsonb(OLD) - 'told' THEN
      RAISE insufficient_privilege USING MESSAGE = 'what was recorded stays what it is';
    END IF;
    RETURN NEW;
  END IF;
  IF NOT looks_after(NEW.membership_id) OR NEW.recorded_by <> app_membership() THEN
    RAISE insufficient_privilege USING MESSAGE = 'who looks after people records what they learned, in their own name';
  END IF;
  IF NEW.item_org IS NOT NULL AND NOT EXISTS (SELECT 1 FROM items i WHERE i.org_id = NEW.item_org AND i.item_id = NEW.item_id) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what the organization does not see is recorded by its title alone';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_past_record BEFORE INSERT OR UPDATE OR DELETE ON past_records FOR EACH ROW EXECUTE FUNCTION guard_past_record();
-- +goose Down
DROP TABLE record_import_rows, record_imports, past_records;
DROP FUNCTION guard_past_record, looks_after;
