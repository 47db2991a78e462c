-- +goose Up
-- A person of whom no membership is left, such as one that an import made and took back, is nobody any more.
CREATE INDEX memberships_person ON memberships (person_id);
-- +goose StatementBegin
CREATE FUNCTION nobody_left() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM persons p USING gone g WHERE p.person_id = g.person_id AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.person_id = p.person_id);
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER nobody_left AFTER DELETE ON memberships REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION nobody_left();
-- +goose Down
SELECT 1;
