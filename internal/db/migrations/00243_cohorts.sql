-- +goose Up
-- A group of an organization's people who take a path together, with dates beside those who take it by themselves.
CREATE TABLE cohorts (
  org_id    uuid NOT NULL REFERENCES organizations,
  cohort_id uuid NOT NULL,
  item_org  uuid NOT NULL,
  item_id   uuid NOT NULL,
  title     text NOT NULL,                     -- of the path, when it was planned
  name      text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  starts_on date NOT NULL,
  places    integer CHECK (places BETWEEN 1 AND 1000), -- NULL for any number
  made_by   uuid NOT NULL,
  made_at   timestamptz NOT NULL,
  ended_at  timestamptz,                       -- called off, with its dates
  PRIMARY KEY (org_id, cohort_id)
);
CALL own('cohorts');
CREATE INDEX cohorts_item ON cohorts (org_id, item_id, starts_on) WHERE ended_at IS NULL;
-- Until when its people want to be done with a step.
CREATE TABLE cohort_steps (
  org_id    uuid NOT NULL,
  cohort_id uuid NOT NULL,
  step_key  text NOT NULL,
  title     text NOT NULL,                     -- of the step, when the date was set
  due_on    date NOT NULL,
  PRIMARY KEY (org_id, cohort_id, step_key),
  FOREIGN KEY (org_id, cohort_id) REFERENCES cohorts
);
CALL own('cohort_steps');
CREATE TABLE cohort_people (
  org_id        uuid NOT NULL,
  cohort_id     uuid NOT NULL,
  membership_id uuid NOT NULL,
  joined_at     timestamptz NOT NULL,
  PRIMARY KEY (org_id, cohort_id, membership_id),
  FOREIGN KEY (org_id, cohort_id) REFERENCES cohorts,
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('cohort_people');
CREATE INDEX cohort_people_member ON cohort_people (org_id, membership_id);
-- +goose StatementBegin
-- Who looks after people plans a cohort, in their own name; everybody joins and leaves for themselves; and a place is taken once.
CREATE FUNCTION guard_cohort() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_TABLE_NAME = 'cohort_people' THEN
    IF app_actor() <> 'member' OR NEW.membership_id <> app_membership() THEN
      RAISE insufficient_privilege USING MESSAGE = 'everybody joins a cohort for themselves';
    END IF;
  ELSIF app_actor() <> 'member' OR TG_OP = 'INSERT' AND NEW.made_by <> app_membership() OR TG_OP = 'UPDATE' AND (NEW.item_org, NEW.item_id, NEW.made_by) IS DISTINCT FROM (OLD.item_org, OLD.item_id, OLD.made_by)
      OR NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{manager,administrator}') THEN
    RAISE insufficient_privilege USING MESSAGE = 'who looks after people plans a cohort, in their own name';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_cohort BEFORE INSERT OR UPDATE ON cohorts FOR EACH ROW EXECUTE FUNCTION guard_cohort();
CREATE TRIGGER guard_cohort BEFORE INSERT OR UPDATE ON cohort_people FOR EACH ROW EXECUTE FUNCTION guard_cohort();
-- +goose Down
DROP TABLE cohort_people, cohort_steps, cohorts;
DROP FUNCTION guard_cohort;
