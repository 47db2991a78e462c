-- +goose Up
-- A version that some try before it is everybody's: until then it is in force for nobody, and nobody else reads it.
ALTER TABLE versions ADD pilot boolean NOT NULL DEFAULT false;
ALTER TABLE lessons ADD pilot boolean NOT NULL DEFAULT false;
ALTER TABLE lesson_texts ADD pilot boolean NOT NULL DEFAULT false;
GRANT UPDATE ON versions, lessons, lesson_texts TO learnscape_app;
-- +goose StatementBegin
-- What was published never changes; that it is everybody's is all that can be said of it later.
CREATE FUNCTION guard_released() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND (NEW.pilot OR to_jsonb(NEW) - 'pilot' <> to_jsonb(OLD) - 'pilot') THEN
    RAISE insufficient_privilege USING MESSAGE = 'a published version does not change';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_released BEFORE UPDATE ON versions FOR EACH ROW EXECUTE FUNCTION guard_released();
CREATE TRIGGER guard_released BEFORE UPDATE ON lessons FOR EACH ROW EXECUTE FUNCTION guard_released();
CREATE TRIGGER guard_released BEFORE UPDATE ON lesson_texts FOR EACH ROW EXECUTE FUNCTION guard_released();
CREATE TABLE pilots (
  org_id   uuid NOT NULL,
  item_id  uuid NOT NULL,
  version  integer NOT NULL,
  head     jsonb NOT NULL,                     -- what lists will say of the item once the version is everybody's
  words    text NOT NULL DEFAULT '' CHECK (length(words) <= 1000), -- what those who try it are asked
  begun_by uuid NOT NULL,
  begun_at timestamptz NOT NULL,
  ended_by uuid,
  ended_at timestamptz,
  outcome  text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'released', 'back')),
  CHECK ((ended_at IS NULL) = (outcome = '')),
  PRIMARY KEY (org_id, item_id, version),
  FOREIGN KEY (org_id, item_id, version) REFERENCES versions
);
CALL own('pilots');
CREATE UNIQUE INDEX pilots_on ON pilots (org_id, item_id) WHERE ended_at IS NULL;
-- Who tries it: teams and cohorts of the own organization, and organizations to which an agreement opens the item.
CREATE TABLE pilot_groups (
  org_id   uuid NOT NULL,
  item_id  uuid NOT NULL,
  version  integer NOT NULL,
  kind     text NOT NULL CHECK (kind IN ('team', 'cohort', 'org')),
  group_id uuid NOT NULL,
  PRIMARY KEY (org_id, item_id, version, kind, group_id),
  FOREIGN KEY (org_id, item_id, version) REFERENCES pilots ON DELETE CASCADE
);
CALL own('pilot_groups');
-- An organization that tries it reads its own line, and no other's.
CREATE POLICY p_tries ON pilot_groups FOR SELECT TO learnscape_app USING (kind = 'org' AND group_id = (SELECT app_org()));
CREATE POLICY p_tries ON pilots FOR SELECT TO learnscape_app USING (EXISTS (
  SELECT 1 FROM pilot_groups g WHERE g.org_id = pilots.org_id AND g.item_id = pilots.item_id AND g.version = pilots.version AND g.kind = 'org' AND g.group_id = (SELECT app_org())));
-- +goose StatementBegin
CREATE FUNCTION tries(owner uuid, item uuid, v integer) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM pilots p JOIN pilot_groups g ON g.org_id = p.org_id AND g.item_id = p.item_id AND g.version = p.version
    WHERE p.org_id = owner AND p.item_id = item AND p.version = v AND p.ended_at IS NULL AND g.kind = 'org' AND g.group_id = app_org())
$$;
-- +goose StatementEnd
CREATE POLICY p_pilot ON versions AS RESTRICTIVE FOR SELECT TO learnscape_app USING (NOT pilot OR org_id = (SELECT app_org()) OR tries(org_id, item_id, version));
CREATE POLICY p_pilot ON lessons AS RESTRICTIVE FOR SELECT TO learnscape_app USING (NOT pilot OR org_id = (SELECT app_org()) OR tries(org_id, item_id, version));
CREATE POLICY p_pilot ON lesson_texts AS RESTRICTIVE FOR SELECT TO learnscape_app USING (NOT pilot OR org_id = (SELECT app_org()) OR tries(org_id, item_id, version));
-- What those who try it remark: their own, and read by those who write it.
CREATE TABLE pilot_remarks (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  remark_id     uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  version       integer NOT NULL,
  lesson        text NOT NULL DEFAULT '' CHECK (length(lesson) <= 200), -- its title; '' for the whole
  body          text NOT NULL CHECK (length(body) BETWEEN 1 AND 2000),
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, remark_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('pilot_remarks');
CREATE INDEX pilot_remarks_item ON pilot_remarks (item_org, item_id, version, at DESC);
CREATE INDEX pilot_remarks_member ON pilot_remarks (org_id, membership_id, item_id);
-- Nobody remarks in the name of somebody else, nor on what they do not try.
CREATE POLICY p_mine ON pilot_remarks TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()) AND EXISTS (SELECT 1 FROM enrollments e
    WHERE e.org_id = pilot_remarks.org_id AND e.membership_id = pilot_remarks.membership_id AND e.item_org = pilot_remarks.item_org AND e.item_id = pilot_remarks.item_id AND e.version = pilot_remarks.version)
    AND EXISTS (SELECT 1 FROM pilots p WHERE p.org_id = pilot_remarks.item_org AND p.item_id = pilot_remarks.item_id AND p.version = pilot_remarks.version AND p.ended_at IS NULL));
CREATE POLICY p_authors ON pilot_remarks FOR SELECT TO learnscape_app USING (item_org = (SELECT app_org()) AND (SELECT app_writes()));
GRANT SELECT, INSERT, DELETE ON pilot_remarks TO learnscape_app;
-- +goose Down
SELECT 1;
