-- +goose Up
-- How many people finished an item is told to everybody who sees the item, so it says what was released and nothing else: the publisher's
-- own people are counted in cells as those of others are, and what the publisher learns in cells is added up. It only ever grows, by five
-- people or more at once, and no single person's finish shows in it.
DROP TABLE finishes;
DELETE FROM outbox WHERE kind = 'courses.item_finished';
INSERT INTO outbox (org_id, kind, payload) SELECT i.org_id, 'tenants.item_changed', jsonb_build_object('Org', i.org_id, 'Item', i.item_id) FROM items i WHERE i.finished > 0;
UPDATE items SET finished = 0 WHERE finished > 0;
ALTER TABLE items ADD CHECK (finished = 0 OR finished >= 5);
-- +goose StatementBegin
CREATE FUNCTION guard_finished() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND NEW.finished <> (CASE TG_OP WHEN 'UPDATE' THEN OLD.finished ELSE 0 END)
    AND (app_actor() <> 'discloser' OR TG_OP = 'INSERT' OR NEW.finished < OLD.finished + 5) THEN
    RAISE insufficient_privilege USING MESSAGE = 'how many finished is released, by five or more at once';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION guard_cell() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND NEW.org_id <> NEW.giver_org AND NOT EXISTS (SELECT 1 FROM connections c JOIN agreements a ON a.connection_id = c.connection_id AND a.state = 'active'
      WHERE c.state = 'active' AND least(c.org_a, c.org_b) = least(NEW.org_id, NEW.giver_org) AND greatest(c.org_a, c.org_b) = greatest(NEW.org_id, NEW.giver_org)
        AND a.terms->CASE WHEN a.org_a = NEW.giver_org THEN 'a' ELSE 'b' END->>'learns' IN ('totals', 'certified', 'named')) THEN
    RAISE insufficient_privilege USING MESSAGE = 'totals are released on terms that both signed';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_finished BEFORE INSERT OR UPDATE OF finished ON items FOR EACH ROW EXECUTE FUNCTION guard_finished();
-- +goose Down
SELECT 1;
