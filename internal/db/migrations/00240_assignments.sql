-- +goose Up
-- What somebody who looks after people asks them to learn, why and until when. A suggestion puts nobody on anything.
CREATE TABLE assignments (
  org_id        uuid NOT NULL REFERENCES organizations,
  assignment_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('course', 'path')),
  title         text NOT NULL,                 -- of the item, when it was asked for
  firm          text NOT NULL CHECK (firm IN ('needed', 'suggested')),
  reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  due_on        date,                          -- until the end of this day, UTC
  due_days      integer CHECK (due_days BETWEEN 1 AND 365), -- or so many days after somebody is asked
  everybody     boolean NOT NULL DEFAULT false, -- of the organization
  joins         boolean NOT NULL DEFAULT false, -- who joins the teams, or the organization, later is asked too
  asked_by      uuid NOT NULL,
  asked_at      timestamptz NOT NULL,
  changed_at    timestamptz,
  ended_at      timestamptz,                   -- taken back
  PRIMARY KEY (org_id, assignment_id),
  CHECK (due_on IS NULL OR due_days IS NULL)
);
CALL own('assignments');
CREATE INDEX assignments_asked ON assignments (org_id, asked_at DESC, assignment_id);
CREATE INDEX assignments_joins ON assignments (org_id, item_id) WHERE joins AND ended_at IS NULL;
CREATE TABLE assignment_teams (
  org_id        uuid NOT NULL,
  assignment_id uuid NOT NULL,
  team_id       uuid NOT NULL,
  PRIMARY KEY (org_id, assignment_id, team_id),
  FOREIGN KEY (org_id, assignment_id) REFERENCES assignments,
  FOREIGN KEY (org_id, team_id) REFERENCES teams ON DELETE CASCADE
);
CALL own('assignment_teams');
CREATE INDEX assignment_teams_team ON assignment_teams (org_id, team_id);
CREATE TABLE assignment_people (
  org_id        uuid NOT NULL,
  assignment_id uuid NOT NULL,
  membership_id uuid NOT NULL,
  state         text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'had', 'no_seat')), -- had: it was finished before
  due_at        timestamptz,
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, assignment_id, membership_id),
  FOREIGN KEY (org_id, assignment_id) REFERENCES assignments,
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('assignment_people');
CREATE INDEX assignment_people_member ON assignment_people (org_id, membership_id, at DESC);

-- The date in force is the earlier of what was asked for and of what the person set for themselves, which nobody else is shown.
ALTER TABLE enrollments ADD assignment_id uuid, ADD own_due_at timestamptz;

-- Who looks after people asks them, in their own name, for what is open to them; and only those whom they look after.
-- +goose StatementBegin
CREATE FUNCTION guard_assignment() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.item_org, NEW.item_id, NEW.asked_by, NEW.firm, NEW.everybody) IS DISTINCT FROM (OLD.item_org, OLD.item_id, OLD.asked_by, OLD.firm, OLD.everybody) THEN
      RAISE insufficient_privilege USING MESSAGE = 'what was asked, and by whom, stays';
    END IF;
  ELSIF app_actor() <> 'member' OR NEW.asked_by <> app_membership() THEN
    RAISE insufficient_privilege USING MESSAGE = 'people ask, in their own name';
  ELSIF NEW.item_org <> NEW.org_id AND NOT EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      WHERE ci.org_id = NEW.item_org AND ci.item_id = NEW.item_id AND g.viewer_org IN (NEW.org_id, everyone()) AND (g.until IS NULL OR g.until > now())) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what is not open to the organization cannot be asked of its people';
  END IF;
  IF app_actor() = 'member' AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = app_membership() AND m.state = 'active'
      AND ('administrator' = ANY (m.roles) OR NOT NEW.everybody AND 'manager' = ANY (m.roles))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who looks after people asks them';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION guard_assigned() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() <> 'member' OR EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = app_membership() AND m.state = 'active' AND 'administrator' = ANY (m.roles)) THEN
    RETURN NEW;
  END IF;
  IF TG_TABLE_NAME = 'assignment_teams' THEN
    IF EXISTS (SELECT 1 FROM team_members l WHERE l.org_id = NEW.org_id AND l.team_id = NEW.team_id AND l.membership_id = app_membership() AND l.leads) THEN
      RETURN NEW;
    END IF;
  ELSIF EXISTS (SELECT 1 FROM team_members l JOIN team_members x ON x.org_id = l.org_id AND x.team_id = l.team_id
      WHERE l.org_id = NEW.org_id AND l.membership_id = app_membership() AND l.leads AND x.membership_id = NEW.membership_id) THEN
    RETURN NEW;
  END IF;
  RAISE insufficient_privilege USING MESSAGE = 'a manager asks those whom they look after';
END $$;
-- Whoever joins may be asked for something. A trigger says so, because no way of joining may forget it.
CREATE FUNCTION tell_joined() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM assignments a WHERE a.org_id = NEW.org_id AND a.joins AND a.ended_at IS NULL) THEN
    INSERT INTO outbox (org_id, kind, payload) VALUES (NEW.org_id, 'courses.joined', jsonb_build_object('org', NEW.org_id));
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_assignment BEFORE INSERT OR UPDATE ON assignments FOR EACH ROW EXECUTE FUNCTION guard_assignment();
CREATE TRIGGER guard_assigned BEFORE INSERT ON assignment_teams FOR EACH ROW EXECUTE FUNCTION guard_assigned();
CREATE TRIGGER guard_assigned BEFORE INSERT ON assignment_people FOR EACH ROW EXECUTE FUNCTION guard_assigned();
CREATE TRIGGER tell_joined AFTER INSERT ON team_members FOR EACH ROW EXECUTE FUNCTION tell_joined();
CREATE TRIGGER tell_joined AFTER INSERT OR UPDATE OF state ON memberships FOR EACH ROW WHEN (NEW.state <> 'left') EXECUTE FUNCTION tell_joined();
-- +goose Down
DROP TRIGGER tell_joined ON memberships;
DROP TRIGGER tell_joined ON team_members;
DROP TABLE assignment_people, assignment_teams, assignments;
DROP FUNCTION guard_assignment, guard_assigned, tell_joined;
ALTER TABLE enrollments DROP assignment_id, DROP own_due_at;
