-- +goose Up
-- A reminder that somebody who leads a team wrote to one person.
CREATE TABLE nudges (
  org_id        uuid NOT NULL,
  nudge_id      uuid NOT NULL,
  membership_id uuid NOT NULL,                 -- to whom
  sent_by       uuid NOT NULL,
  words         text NOT NULL CHECK (length(words) BETWEEN 1 AND 1000),
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, nudge_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('nudges');
CREATE INDEX nudges_member ON nudges (org_id, membership_id, at DESC);
-- Who is not warned for a while that most of what a team does is asked of it.
CREATE TABLE quiet_pushes (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  team_id       uuid NOT NULL,
  until         timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id, team_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  FOREIGN KEY (org_id, team_id) REFERENCES teams ON DELETE CASCADE
);
CALL own('quiet_pushes');
-- Nobody reminds in the name of somebody else, or whom they do not look after.
-- +goose StatementBegin
CREATE FUNCTION guard_nudge() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND app_actor() <> 'operator' AND (app_actor() <> 'member' OR NEW.sent_by <> app_membership() OR NOT EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = app_membership() AND m.state = 'active'
      AND ('administrator' = ANY (m.roles) OR 'manager' = ANY (m.roles) AND EXISTS (SELECT 1 FROM team_members l JOIN team_members x ON x.org_id = l.org_id AND x.team_id = l.team_id
        WHERE l.org_id = NEW.org_id AND l.membership_id = app_membership() AND l.leads AND x.membership_id = NEW.membership_id)))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who leads people reminds them, in their own name';
  END IF;
  RETURN NEW;
END $$;
-- team_credentials is when the certificates of a team's people end, for whoever leads the team and is a manager, and for administrators: of
-- what the people learned for this organization, and not of what they brought along. What a certificate says, and whether it is shown to
-- anybody, stays the person's.
CREATE FUNCTION team_credentials(of_team uuid) RETURNS TABLE (membership_id uuid, name text, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT c.membership_id, c.name, c.expires_at FROM team_members x JOIN credentials c ON c.org_id = x.org_id AND c.membership_id = x.membership_id
  WHERE x.org_id = app_org() AND x.team_id = of_team AND app_actor() = 'member'
    AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND ('administrator' = ANY (m.roles) OR 'manager' = ANY (m.roles)
      AND EXISTS (SELECT 1 FROM team_members l WHERE l.org_id = app_org() AND l.team_id = of_team AND l.membership_id = app_membership() AND l.leads)))
    AND EXISTS (SELECT 1 FROM enrollments e WHERE e.org_id = c.org_id AND e.membership_id = c.membership_id AND e.item_org = c.issuer AND e.item_id = c.item_id)
    AND NOT EXISTS (SELECT 1 FROM credential_revocations r WHERE r.org_id = c.issuer AND r.list = c.list AND r.slot = c.slot)
$$;
-- +goose StatementEnd
CREATE TRIGGER guard_nudge BEFORE INSERT OR UPDATE ON nudges FOR EACH ROW EXECUTE FUNCTION guard_nudge();
GRANT SELECT ON team_members, credentials, credential_revocations TO learnscape_search;
CREATE POLICY p_search ON team_members FOR SELECT TO learnscape_search USING (org_id = (SELECT app_org()));
CREATE POLICY p_search ON credentials FOR SELECT TO learnscape_search USING (org_id = (SELECT app_org()));
CREATE POLICY p_search ON credential_revocations FOR SELECT TO learnscape_search USING (true);
REVOKE EXECUTE ON FUNCTION team_credentials FROM PUBLIC;
GRANT EXECUTE ON FUNCTION team_credentials TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION team_credentials OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose Down
DROP FUNCTION team_credentials;
DROP POLICY p_search ON team_members;
DROP POLICY p_search ON credentials;
DROP POLICY p_search ON credential_revocations;
REVOKE SELECT ON team_members, credentials, credential_revocations FROM learnscape_search;
DROP TABLE quiet_pushes, nudges;
DROP FUNCTION guard_nudge;
