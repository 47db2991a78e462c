-- +goose Up
-- A team takes a path together: its people are asked, and each joins for themselves or does not.
ALTER TABLE cohorts ADD team_id uuid, ADD FOREIGN KEY (org_id, team_id) REFERENCES teams ON DELETE SET NULL (team_id);
CREATE INDEX cohorts_team ON cohorts (org_id, team_id) WHERE team_id IS NOT NULL;
-- What people who take a path together show each other of what they tried at work, as they said it then, until they take it back or leave.
CREATE TABLE cohort_tries (
  org_id        uuid NOT NULL,
  cohort_id     uuid NOT NULL,
  tryout_id     uuid NOT NULL,
  membership_id uuid NOT NULL,                 -- who tried it
  title         text NOT NULL,                 -- of the lesson
  what          text NOT NULL CHECK (length(what) BETWEEN 1 AND 1000),
  outcome       text NOT NULL DEFAULT '' CHECK (length(outcome) <= 4000),
  said          text NOT NULL DEFAULT '' CHECK (said IN ('', 'used', 'tried', 'not_yet', 'not_needed')),
  shared_at     timestamptz NOT NULL,
  PRIMARY KEY (org_id, cohort_id, tryout_id),
  FOREIGN KEY (org_id, cohort_id, membership_id) REFERENCES cohort_people ON DELETE CASCADE,
  FOREIGN KEY (org_id, tryout_id, membership_id) REFERENCES tryouts (org_id, tryout_id, membership_id) ON DELETE CASCADE
);
CREATE INDEX cohort_tries_recent ON cohort_tries (org_id, cohort_id, shared_at DESC, tryout_id DESC);
CREATE INDEX cohort_tries_member ON cohort_tries (org_id, membership_id);
CALL wall('cohort_tries');
CREATE POLICY p_mine ON cohort_tries TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_crew ON cohort_tries FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org())
  AND cohort_id IN (SELECT p.cohort_id FROM cohort_people p WHERE p.org_id = (SELECT app_org()) AND p.membership_id = (SELECT app_membership())));
GRANT SELECT, INSERT, UPDATE, DELETE ON cohort_tries TO learnscape_app;
-- +goose StatementBegin
-- Who looks after people plans a cohort, in their own name, of a team that they lead; everybody joins and leaves for themselves; and a place is
-- taken once.
CREATE OR REPLACE FUNCTION guard_cohort() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_TABLE_NAME = 'cohort_people' THEN
    IF app_actor() <> 'member' OR NEW.membership_id <> app_membership() THEN
      RAISE insufficient_privilege USING MESSAGE = 'everybody joins a cohort for themselves';
    END IF;
    RETURN NEW;
  END IF;
  IF app_actor() <> 'member' OR TG_OP = 'INSERT' AND NEW.made_by <> app_membership() OR TG_OP = 'UPDATE' AND (NEW.item_org, NEW.item_id, NEW.made_by) IS DISTINCT FROM (OLD.item_org, OLD.item_id, OLD.made_by)
      OR NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{manager,administrator}') THEN
    RAISE insufficient_privilege USING MESSAGE = 'who looks after people plans a cohort, in their own name';
  END IF;
  IF NEW.team_id IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.team_id IS DISTINCT FROM OLD.team_id)
      AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = app_membership() AND 'administrator' = ANY (m.roles))
      AND NOT EXISTS (SELECT 1 FROM team_members l WHERE l.org_id = NEW.org_id AND l.team_id = NEW.team_id AND l.membership_id = app_membership() AND l.leads) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who leads a team plans for it';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
