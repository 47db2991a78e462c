-- +goose Up
-- A few people who do something together that is a step of a path, opened by one of them. Their own organization sees it, and, where who opened
-- it says so, people of connected organizations whom they meet; of those that of who joins first alone: whoever is in a group may meet everybody
-- in it.
CREATE TABLE step_groups (
  org_id        uuid NOT NULL,                 -- of who opened it
  group_id      uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,
  block_key     text NOT NULL,
  starts_at     timestamptz,                   -- NULL: it is not agreed yet
  zone          text NOT NULL DEFAULT '' CHECK (length(zone) <= 64),
  wide          boolean NOT NULL DEFAULT false,
  guest_org     uuid,                          -- the other organization that is in it; NULL for none yet
  most          integer NOT NULL CHECK (most BETWEEN 1 AND 50),
  size          integer NOT NULL DEFAULT 1 CHECK (size BETWEEN 0 AND most),
  state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'off')),
  asked_at      timestamptz,                   -- when the own team was asked last
  created_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, group_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  CHECK (guest_org IS NULL OR wide AND guest_org <> org_id)
);
CREATE INDEX step_groups_id ON step_groups (group_id);
CREATE INDEX step_groups_step ON step_groups (item_org, item_id, lesson_key, block_key, created_at DESC, group_id);
CREATE INDEX step_groups_member ON step_groups (org_id, membership_id);
-- Who is in a group, and what they say came out of it: their own record, which stays when the group is gone.
CREATE TABLE step_group_people (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  membership_id uuid NOT NULL,
  group_id      uuid NOT NULL,
  group_org     uuid NOT NULL,
  place_id      uuid NOT NULL,                 -- by which the others name them
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,
  block_key     text NOT NULL,
  root_kind     text NOT NULL CHECK (root_kind IN ('course', 'path')), -- where the step was opened, so that one finds it again
  root_id       uuid NOT NULL,
  step_key      text NOT NULL DEFAULT '',
  title         text NOT NULL,                 -- of the step
  shown_as      text NOT NULL CHECK (shown_as IN ('name', 'company', 'someone')),
  shown_name    text NOT NULL DEFAULT '',      -- the name that others may see; '' for shown_as <> 'name'
  room          text NOT NULL DEFAULT '' CHECK (room = '' OR room ~ '^https://[^[:space:]]+$' AND length(room) <= 2000), -- where the group meets, as who opened it says
  joined_at     timestamptz NOT NULL,
  words         text NOT NULL DEFAULT '' CHECK (length(words) <= 4000),
  link          text NOT NULL DEFAULT '' CHECK (length(link) <= 2000),
  said_at       timestamptz,                   -- that they took part; NULL for not yet
  PRIMARY KEY (org_id, membership_id, group_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  CHECK ((shown_name <> '') <= (shown_as = 'name'))
);
CREATE INDEX step_group_people_group ON step_group_people (group_id, joined_at, place_id);
CREATE INDEX step_group_people_step ON step_group_people (org_id, membership_id, item_id, lesson_key, block_key);
-- That somebody was there, as another one says who took part, too.
CREATE TABLE step_group_seen (
  org_id        uuid NOT NULL,                 -- of who was there
  membership_id uuid NOT NULL,
  group_id      uuid NOT NULL,
  by_org        uuid NOT NULL,
  by_place      uuid NOT NULL,
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id, group_id, by_place),
  FOREIGN KEY (org_id, membership_id, group_id) REFERENCES step_group_people ON DELETE CASCADE
);
CREATE INDEX step_group_seen_group ON step_group_seen (group_id);

CALL wall('step_groups'); CALL wall('step_group_people'); CALL wall('step_group_seen');
GRANT SELECT ON step_group_people TO learnscape_search;
CREATE POLICY p_search ON step_group_people FOR SELECT TO learnscape_search USING (org_id = (SELECT app_org()));
-- my_groups: the groups that who acts is in. It is asked in one place, because the policy of who is in a group asks it of the same table.
-- +goose StatementBegin
CREATE FUNCTION my_groups() RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT p.group_id FROM step_group_people p WHERE p.org_id = app_org() AND p.membership_id = app_membership());
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION my_groups FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_groups TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION my_groups OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;

CREATE POLICY p_own ON step_groups FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_met ON step_groups FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'member' AND wide AND (guest_org = (SELECT app_org()) OR guest_org IS NULL AND state = 'open') AND meets(org_id)
  AND EXISTS (SELECT 1 FROM items i WHERE i.org_id = step_groups.item_org AND i.item_id = step_groups.item_id));
CREATE POLICY p_resting ON step_groups AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
CREATE POLICY p_open ON step_groups FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND ((SELECT app_actor()) = 'operator' OR (SELECT app_actor()) = 'member' AND membership_id = (SELECT app_membership())
  AND EXISTS (SELECT 1 FROM items i WHERE i.org_id = step_groups.item_org AND i.item_id = step_groups.item_id)));
CREATE POLICY p_plan ON step_groups FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'usher'))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'usher'));
GRANT SELECT, INSERT, UPDATE ON step_groups TO learnscape_app;

CREATE POLICY p_mine ON step_group_people TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) IN ('usher', 'mailer', 'keeper')))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
CREATE POLICY p_usher ON step_group_people FOR SELECT TO learnscape_app USING (group_org = (SELECT app_org()) AND (SELECT app_actor()) = 'usher');
CREATE POLICY p_beside ON step_group_people FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'member' AND group_id = ANY ((SELECT my_groups())::uuid[]) AND (org_id = (SELECT app_org()) OR meets(org_id)));
CREATE POLICY p_resting ON step_group_people AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
GRANT SELECT, INSERT, UPDATE, DELETE ON step_group_people TO learnscape_app;

CREATE POLICY p_mine ON step_group_seen FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) IN ('usher', 'keeper')));
CREATE POLICY p_beside ON step_group_seen FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'member' AND group_id = ANY ((SELECT my_groups())::uuid[]) AND (org_id = (SELECT app_org()) OR meets(org_id)));
CREATE POLICY p_resting ON step_group_seen AS RESTRICTIVE FOR SELECT TO learnscape_app
  USING (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
-- Whoever says that another one was there was there, too, and says it in their own name.
CREATE POLICY p_see ON step_group_seen FOR INSERT TO learnscape_app WITH CHECK ((SELECT app_actor()) = 'operator' AND org_id = (SELECT app_org())
  OR (SELECT app_actor()) = 'member' AND by_org = (SELECT app_org()) AND (org_id, membership_id) <> ((SELECT app_org()), (SELECT app_membership()))
    AND EXISTS (SELECT 1 FROM step_group_people me WHERE me.org_id = (SELECT app_org()) AND me.membership_id = (SELECT app_membership()) AND me.group_id = step_group_seen.group_id AND me.place_id = step_group_seen.by_place AND me.said_at IS NOT NULL)
    AND EXISTS (SELECT 1 FROM step_group_people p WHERE p.org_id = step_group_seen.org_id AND p.membership_id = step_group_seen.membership_id AND p.group_id = step_group_seen.group_id));
GRANT SELECT, INSERT ON step_group_seen TO learnscape_app;

-- +goose StatementBegin
-- Who opened a group plans it; how many are in it, and of which other organization, is counted by whose it is.
CREATE FUNCTION guard_step_group() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE may text[] := CASE app_actor() WHEN 'usher' THEN '{size,guest_org}' WHEN 'member' THEN '{starts_at,zone,wide,state,asked_at}' ELSE '{}' END;
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' AND app_actor() = 'member' AND (NEW.size <> 1 OR NEW.guest_org IS NOT NULL OR NEW.state <> 'open') THEN
    RAISE insufficient_privilege USING MESSAGE = 'a group begins with who opens it';
  ELSIF TG_OP = 'UPDATE' AND to_jsonb(NEW) - may IS DISTINCT FROM to_jsonb(OLD) - may THEN
    RAISE insufficient_privilege USING MESSAGE = 'who opened a group plans it';
  ELSIF TG_OP = 'UPDATE' AND OLD.guest_org IS NOT NULL AND NEW.guest_org IS DISTINCT FROM OLD.guest_org THEN
    RAISE insufficient_privilege USING MESSAGE = 'a group stays with whom it began';
  END IF;
  RETURN NEW;
END $$;
-- People are in a group under their own name or none, and with people of another organization where both meet.
CREATE FUNCTION guard_step_group_person() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE may text[] := '{room,words,link,said_at}';
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() <> 'member' THEN
    RETURN coalesce(NEW, OLD);
  END IF;
  IF TG_OP = 'DELETE' THEN
    IF OLD.said_at IS NOT NULL THEN
      RAISE insufficient_privilege USING MESSAGE = 'who took part was there';
    END IF;
    RETURN OLD;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - may IS DISTINCT FROM to_jsonb(OLD) - may OR OLD.said_at IS NOT NULL AND NEW.said_at IS NULL THEN
      RAISE insufficient_privilege USING MESSAGE = 'a place in a group stays whose it is';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.said_at IS NOT NULL OR NEW.shown_name NOT IN ('', (SELECT m.name FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.membership_id)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people come under their own name or none';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM step_groups g WHERE g.org_id = NEW.group_org AND g.group_id = NEW.group_id AND g.state = 'open' AND (g.item_org, g.item_id, g.lesson_key, g.block_key) = (NEW.item_org, NEW.item_id, NEW.lesson_key, NEW.block_key)
      AND (NEW.group_org = NEW.org_id OR g.guest_org = NEW.org_id AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = NEW.org_id AND s.other_org = NEW.group_org AND s.state = 'active' AND s.meet <> 'none'))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'there is no such group';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_step_group BEFORE INSERT OR UPDATE ON step_groups FOR EACH ROW EXECUTE FUNCTION guard_step_group();
CREATE TRIGGER guard_step_group_person BEFORE INSERT OR UPDATE OR DELETE ON step_group_people FOR EACH ROW EXECUTE FUNCTION guard_step_group_person();
-- +goose Down
SELECT 1;
