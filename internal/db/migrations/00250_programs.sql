-- +goose Up
-- A partner program: levels that other organizations reach by what their people have learned. What it asks for is published in versions, each
-- of which counts from a time on and never changes.
CREATE TABLE programs (
  org_id     uuid NOT NULL REFERENCES organizations,
  program_id uuid NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  about      text NOT NULL DEFAULT '' CHECK (length(about) <= 2000),
  created_at timestamptz NOT NULL,
  closed_at  timestamptz,
  PRIMARY KEY (org_id, program_id)
);
CREATE INDEX programs_name ON programs (org_id, lower(name), program_id);
-- What is being written of the next version: the vendor's alone.
CREATE TABLE program_drafts (
  org_id     uuid NOT NULL,
  program_id uuid NOT NULL,
  body       jsonb NOT NULL,
  saved_by   uuid NOT NULL,
  saved_at   timestamptz NOT NULL,
  PRIMARY KEY (org_id, program_id),
  FOREIGN KEY (org_id, program_id) REFERENCES programs
);
CREATE TABLE program_versions (
  org_id       uuid NOT NULL,
  program_id   uuid NOT NULL,
  version      integer NOT NULL CHECK (version > 0),
  levels       jsonb NOT NULL,                -- the lowest first, each with what it asks for
  grace_days   integer NOT NULL CHECK (grace_days BETWEEN 0 AND 365),  -- between falling short and dropping
  warn_days    integer NOT NULL CHECK (warn_days BETWEEN 0 AND 365),   -- before a certificate on which a level hangs expires
  counts_from  timestamptz NOT NULL,
  published_by uuid NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, program_id, version),
  FOREIGN KEY (org_id, program_id) REFERENCES programs
);
-- The items that any version counts.
CREATE TABLE program_items (
  org_id     uuid NOT NULL,
  program_id uuid NOT NULL,
  item_id    uuid NOT NULL,
  PRIMARY KEY (org_id, program_id, item_id),
  FOREIGN KEY (org_id, program_id) REFERENCES programs,
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CREATE INDEX program_items_item ON program_items (org_id, item_id);
-- Who takes part: the vendor offers, the partner accepts, either ends it. Accepting lets the vendor read how many of the partner's people meet
-- each requirement, and who they are not.
CREATE TABLE program_partners (
  org_id      uuid NOT NULL,                  -- the vendor
  program_id  uuid NOT NULL,
  partner     uuid NOT NULL REFERENCES organizations,
  state       text NOT NULL CHECK (state IN ('offered', 'active', 'ended')),
  offered_at  timestamptz NOT NULL,
  accepted_at timestamptz,
  ended_at    timestamptz,
  ended_by    uuid,                           -- one of the two organizations
  PRIMARY KEY (org_id, program_id, partner),
  FOREIGN KEY (org_id, program_id) REFERENCES programs,
  CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX program_partners_partner ON program_partners (partner, org_id, program_id);
-- Published stories that the vendor counts for a partner: the partner's own, or its own about the partner.
CREATE TABLE program_stories (
  org_id      uuid NOT NULL,                  -- the vendor
  partner     uuid NOT NULL REFERENCES organizations,
  item_org    uuid NOT NULL,
  item_id     uuid NOT NULL,
  title       text NOT NULL,
  accepted_by uuid NOT NULL,
  accepted_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, partner, item_org, item_id),
  CHECK (item_org IN (org_id, partner))
);
CREATE INDEX program_stories_partner ON program_stories (partner, org_id);
CREATE INDEX program_stories_item ON program_stories (item_org, item_id);
-- How a partner stands, as it was reckoned from its own records. Both sides read this row and nothing else, so that they read the same.
CREATE TABLE standings (
  org_id      uuid NOT NULL,                  -- the vendor
  program_id  uuid NOT NULL,
  partner     uuid NOT NULL,
  version     integer NOT NULL,               -- of the requirements that counted
  level       integer NOT NULL CHECK (level >= 0), -- that it holds; 0 is none yet
  since       timestamptz NOT NULL,           -- when it got there
  meets       integer NOT NULL CHECK (meets >= 0), -- that it would hold without the grace
  drop_at     timestamptz,                    -- when it falls to what it meets; NULL unless that is less
  risk_at     timestamptz,                    -- when it stops meeting its level if nothing is renewed
  risk_level  integer,                        -- what it would meet then
  short       integer,                        -- people and stories that the next level lacks; NULL at the top
  figures     jsonb NOT NULL,                 -- of each requirement how many meet it, and when the next one ends
  moved_at    timestamptz NOT NULL,           -- when a figure last changed
  reckoned_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, program_id, partner),
  FOREIGN KEY (org_id, program_id, partner) REFERENCES program_partners
);
CREATE INDEX standings_level ON standings (org_id, program_id, level);
-- What happened to a standing.
CREATE TABLE standing_changes (
  org_id     uuid NOT NULL,
  program_id uuid NOT NULL,
  partner    uuid NOT NULL,
  at         timestamptz NOT NULL,
  what       text NOT NULL CHECK (what IN ('joined', 'risen', 'risk', 'short', 'kept', 'dropped')),
  level      integer NOT NULL,
  name       text NOT NULL,                   -- of the level at that time; '' for none
  was        text NOT NULL,                   -- of the level before
  due_at     timestamptz,                     -- of a risk or a shortfall: when it takes effect
  PRIMARY KEY (org_id, program_id, partner, at, what),
  FOREIGN KEY (org_id, program_id, partner) REFERENCES program_partners
);

CALL own('program_drafts');
CALL wall('programs'); CALL wall('program_versions'); CALL wall('program_items'); CALL wall('program_partners'); CALL wall('program_stories'); CALL wall('standings'); CALL wall('standing_changes');

-- Who takes part reads what the program asks for; who did, what it is called.
CREATE POLICY p_own ON programs TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_partner ON programs FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = programs.org_id AND p.program_id = programs.program_id AND p.partner = (SELECT app_org())));
GRANT SELECT, INSERT, UPDATE ON programs TO learnscape_app;
CREATE POLICY p_own ON program_versions FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_partner ON program_versions FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = program_versions.org_id AND p.program_id = program_versions.program_id AND p.partner = (SELECT app_org()) AND p.state <> 'ended'));
CREATE POLICY p_publish ON program_versions FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
GRANT SELECT, INSERT ON program_versions TO learnscape_app;
CREATE POLICY p_own ON program_items FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_partner ON program_items FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = program_items.org_id AND p.program_id = program_items.program_id AND p.partner = (SELECT app_org()) AND p.state <> 'ended'));
CREATE POLICY p_publish ON program_items FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
GRANT SELECT, INSERT ON program_items TO learnscape_app;
CREATE POLICY p_both ON program_partners TO learnscape_app USING ((SELECT app_org()) IN (org_id, partner)) WITH CHECK ((SELECT app_org()) IN (org_id, partner));
GRANT SELECT, INSERT, UPDATE ON program_partners TO learnscape_app;
CREATE POLICY p_both ON program_stories FOR SELECT TO learnscape_app USING ((SELECT app_org()) IN (org_id, partner));
CREATE POLICY p_accept ON program_stories FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('member', 'operator'));
CREATE POLICY p_drop ON program_stories FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()));
GRANT SELECT, INSERT, DELETE ON program_stories TO learnscape_app;
-- The vendor reads a standing while it is connected with the partner and both are there; the partner reads its own.
CREATE POLICY p_partner ON standings FOR SELECT TO learnscape_app USING (partner = (SELECT app_org()));
CREATE POLICY p_vendor ON standings FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org())
  AND EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = standings.org_id AND p.program_id = standings.program_id AND p.partner = standings.partner AND p.state = 'active')
  AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = (SELECT app_org()) AND s.other_org = standings.partner AND s.state = 'active')
  AND partner <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
-- It is reckoned from the partner's records, by who gives credentials there, and by nobody else.
CREATE POLICY p_reckon ON standings FOR INSERT TO learnscape_app WITH CHECK (partner = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer'
  AND EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = standings.org_id AND p.program_id = standings.program_id AND p.partner = standings.partner AND p.state = 'active'));
CREATE POLICY p_reckoned ON standings FOR UPDATE TO learnscape_app USING (partner = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer')
  WITH CHECK (partner = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer'
    AND EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = standings.org_id AND p.program_id = standings.program_id AND p.partner = standings.partner AND p.state = 'active'));
GRANT SELECT, INSERT, UPDATE ON standings TO learnscape_app;
CREATE POLICY p_partner ON standing_changes FOR SELECT TO learnscape_app USING (partner = (SELECT app_org()));
CREATE POLICY p_vendor ON standing_changes FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org())
  AND EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = standing_changes.org_id AND p.program_id = standing_changes.program_id AND p.partner = standing_changes.partner AND p.state = 'active')
  AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = (SELECT app_org()) AND s.other_org = standing_changes.partner AND s.state = 'active')
  AND partner <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active')));
CREATE POLICY p_reckon ON standing_changes FOR INSERT TO learnscape_app WITH CHECK (partner = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer'
  AND EXISTS (SELECT 1 FROM program_partners p WHERE p.org_id = standing_changes.org_id AND p.program_id = standing_changes.program_id AND p.partner = standing_changes.partner AND p.state = 'active'));
GRANT SELECT, INSERT ON standing_changes TO learnscape_app;
-- Whoever looks after the own people reads which of them a program counts that the organization takes part in, and until when.
CREATE POLICY p_program ON credentials FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'member'
  AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.state = 'active' AND m.roles && '{manager,partner_manager,administrator}')
  AND EXISTS (SELECT 1 FROM program_items x JOIN program_partners p ON p.org_id = x.org_id AND p.program_id = x.program_id AND p.partner = (SELECT app_org()) AND p.state = 'active'
    WHERE x.org_id = credentials.issuer AND x.item_id = credentials.item_id));

-- +goose StatementBegin
-- What a version asks for is of its own organization, and is published by its people.
CREATE FUNCTION guard_program() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND (app_actor() NOT IN ('member', 'operator') OR app_actor() = 'member' AND NOT EXISTS (SELECT 1 FROM memberships m
      WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{partner_manager,administrator}')) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people publish what a program asks for, nothing else does';
  END IF;
  RETURN NEW;
END $$;
-- The vendor offers, the partner accepts, either ends it, and so does the end of their connection.
CREATE FUNCTION guard_program_partner() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  people boolean := app_actor() IN ('member', 'operator');
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.program_id, NEW.partner) <> (OLD.org_id, OLD.program_id, OLD.partner) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who takes part stays who it is';
  END IF;
  IF NOT (CASE CASE WHEN TG_OP = 'INSERT' THEN 'none' ELSE OLD.state END || ' ' || NEW.state
      WHEN 'none offered' THEN people AND app_org() = NEW.org_id
      WHEN 'ended offered' THEN people AND app_org() = NEW.org_id
      WHEN 'offered active' THEN people AND app_org() = NEW.partner
      WHEN 'offered ended' THEN NEW.ended_by = app_org()
      WHEN 'active ended' THEN NEW.ended_by = app_org()
      ELSE false END) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the vendor offers, the partner accepts, either ends';
  END IF;
  IF NEW.state <> 'ended' AND NOT EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = NEW.org_id AND s.other_org = NEW.partner AND s.state = 'active') THEN
    RAISE insufficient_privilege USING MESSAGE = 'only who is connected takes part';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION end_programs() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE program_partners SET state = 'ended', ended_at = now(), ended_by = coalesce(app_org(), partner)
    WHERE ((org_id = NEW.org_a AND partner = NEW.org_b) OR (org_id = NEW.org_b AND partner = NEW.org_a)) AND state <> 'ended';
  RETURN NULL;
END $$;

-- restand asks for a partner's standing to be reckoned again, in the transaction of whatever it hangs on: no way of leaving, renewing or taking
-- back can forget it.
CREATE FUNCTION restand() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who uuid[];
BEGIN
  CASE TG_TABLE_NAME
    WHEN 'credentials' THEN
      who := ARRAY(SELECT DISTINCT p.partner FROM program_items x JOIN program_partners p ON p.org_id = x.org_id AND p.program_id = x.program_id AND p.state = 'active'
        WHERE x.org_id = coalesce(NEW.issuer, OLD.issuer) AND x.item_id = coalesce(NEW.item_id, OLD.item_id) AND p.partner IN (NEW.org_id, OLD.org_id));
    WHEN 'credential_revocations' THEN
      who := ARRAY(SELECT DISTINCT p.partner FROM credentials c JOIN program_items x ON x.org_id = c.issuer AND x.item_id = c.item_id JOIN program_partners p ON p.org_id = x.org_id AND p.program_id = x.program_id AND p.state = 'active' AND p.partner = c.org_id
        WHERE c.issuer = NEW.org_id AND c.list = NEW.list AND c.slot = NEW.slot);
    WHEN 'enrollments' THEN
      who := ARRAY(SELECT DISTINCT p.partner FROM program_items x JOIN program_partners p ON p.org_id = x.org_id AND p.program_id = x.program_id AND p.state = 'active'
        WHERE x.org_id = NEW.item_org AND x.item_id = NEW.item_id AND p.partner = NEW.org_id);
    WHEN 'memberships' THEN
      who := ARRAY(SELECT DISTINCT p.partner FROM program_partners p WHERE p.partner = NEW.org_id AND p.state = 'active');
    WHEN 'items' THEN
      who := ARRAY(SELECT DISTINCT p.partner FROM program_stories y JOIN program_partners p ON p.org_id = y.org_id AND p.partner = y.partner AND p.state = 'active' WHERE y.item_org = NEW.org_id AND y.item_id = NEW.item_id);
    WHEN 'program_stories' THEN
      who := ARRAY(SELECT DISTINCT p.partner FROM program_partners p WHERE p.org_id = coalesce(NEW.org_id, OLD.org_id) AND p.partner = coalesce(NEW.partner, OLD.partner) AND p.state = 'active');
    WHEN 'program_versions' THEN
      who := ARRAY(SELECT DISTINCT p.partner FROM program_partners p WHERE p.org_id = NEW.org_id AND p.program_id = NEW.program_id AND p.state = 'active');
    WHEN 'program_partners' THEN
      who := ARRAY(SELECT NEW.partner WHERE NEW.state = 'active');
  END CASE;
  INSERT INTO outbox (org_id, kind, payload, at) SELECT w, 'courses.standing_due', json_build_object('org', w), now() FROM unnest(who) w;
  RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION restand FROM PUBLIC;
CREATE TRIGGER guard_program BEFORE INSERT OR UPDATE ON programs FOR EACH ROW EXECUTE FUNCTION guard_program();
CREATE TRIGGER guard_program BEFORE INSERT ON program_versions FOR EACH ROW EXECUTE FUNCTION guard_program();
CREATE TRIGGER guard_program_partner BEFORE INSERT OR UPDATE ON program_partners FOR EACH ROW EXECUTE FUNCTION guard_program_partner();
CREATE TRIGGER end_programs AFTER UPDATE OF state ON connections FOR EACH ROW WHEN (OLD.state IN ('active', 'paused') AND NEW.state NOT IN ('active', 'paused')) EXECUTE FUNCTION end_programs();
CREATE TRIGGER restand AFTER INSERT OR UPDATE OF org_id, expires_at OR DELETE ON credentials FOR EACH ROW EXECUTE FUNCTION restand();
CREATE TRIGGER restand AFTER INSERT ON credential_revocations FOR EACH ROW EXECUTE FUNCTION restand();
CREATE TRIGGER restand_done AFTER UPDATE OF completed_at ON enrollments FOR EACH ROW WHEN (NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL) EXECUTE FUNCTION restand();
CREATE TRIGGER restand AFTER UPDATE OF state, roles ON memberships FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.roles <> NEW.roles) EXECUTE FUNCTION restand();
CREATE TRIGGER restand AFTER UPDATE OF state ON items FOR EACH ROW WHEN (NEW.kind = 'story' AND OLD.state <> NEW.state) EXECUTE FUNCTION restand();
CREATE TRIGGER restand AFTER INSERT OR DELETE ON program_stories FOR EACH ROW EXECUTE FUNCTION restand();
CREATE TRIGGER restand AFTER INSERT ON program_versions FOR EACH ROW EXECUTE FUNCTION restand();
CREATE TRIGGER restand AFTER INSERT OR UPDATE OF state ON program_partners FOR EACH ROW EXECUTE FUNCTION restand();
-- +goose Down
DROP TRIGGER restand ON credentials; DROP TRIGGER restand ON credential_revocations; DROP TRIGGER restand_done ON enrollments; DROP TRIGGER restand ON memberships; DROP TRIGGER restand ON items;
DROP TRIGGER end_programs ON connections;
DROP POLICY p_program ON credentials;
DROP TABLE standing_changes, standings, program_stories, program_partners, program_items, program_versions, program_drafts, programs;
DROP FUNCTION guard_program, guard_program_partner, end_programs, restand;
