-- +goose Up
-- Where the owner of a program lets it count what partners recorded from before, and where it counts the people of a team alone, a standing hangs
-- on records and on who is in a team.
-- +goose StatementBegin
CREATE FUNCTION restand_past() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO outbox (org_id, kind, payload, at) SELECT DISTINCT f.org_id, 'courses.standing_due', json_build_object('org', f.org_id)::jsonb, now() FROM fresh f
      WHERE f.item_id IS NOT NULL AND EXISTS (SELECT 1 FROM program_partners p WHERE p.partner = f.org_id AND p.state = 'active');
  ELSE
    INSERT INTO outbox (org_id, kind, payload, at) SELECT DISTINCT g.org_id, 'courses.standing_due', json_build_object('org', g.org_id)::jsonb, now() FROM gone g
      WHERE g.item_id IS NOT NULL AND EXISTS (SELECT 1 FROM program_partners p WHERE p.partner = g.org_id AND p.state = 'active');
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION restand_team() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM program_partners p WHERE p.partner = coalesce(NEW.org_id, OLD.org_id) AND p.state = 'active') THEN
    INSERT INTO outbox (org_id, kind, payload, at) VALUES (coalesce(NEW.org_id, OLD.org_id), 'courses.standing_due', json_build_object('org', coalesce(NEW.org_id, OLD.org_id))::jsonb, now());
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER restand_fresh AFTER INSERT ON past_records REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION restand_past();
CREATE TRIGGER restand_gone AFTER DELETE ON past_records REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION restand_past();
CREATE TRIGGER restand AFTER INSERT OR DELETE ON team_members FOR EACH ROW EXECUTE FUNCTION restand_team();
CREATE TRIGGER restand AFTER UPDATE OF name ON teams FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION restand_team();
-- +goose Down
DROP TRIGGER restand ON teams; DROP TRIGGER restand ON team_members; DROP TRIGGER restand_fresh ON past_records; DROP TRIGGER restand_gone ON past_records;
DROP FUNCTION restand_past, restand_team;
