-- +goose Up
-- What somebody came to a path or course for. Who came for one answer, or to look around, and went again has not dropped out.
ALTER TABLE enrollments ADD intent text NOT NULL DEFAULT '' CHECK (intent IN ('', 'whole', 'answer', 'look')); -- '' where they did not say
-- Whether a member came back after the first day, in the first three days, the first week and the first month: no times, no counts, nothing
-- of what they did.
CREATE TABLE returns (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  first_on      date NOT NULL,                 -- UTC day of the first visit
  day3          boolean NOT NULL DEFAULT false,-- came back on one of the days 1 to 3 after it
  day7          boolean NOT NULL DEFAULT false,-- on one of the days 4 to 7
  day30         boolean NOT NULL DEFAULT false,-- on one of the days 8 to 30
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('returns');
INSERT INTO returns (org_id, membership_id, first_on) SELECT m.org_id, m.membership_id, (m.created_at AT TIME ZONE 'UTC')::date FROM memberships m
  WHERE EXISTS (SELECT 1 FROM sessions s WHERE s.org_id = m.org_id AND s.membership_id = m.membership_id);
-- +goose StatementBegin
CREATE FUNCTION note_return() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE today date := (NEW.seen_at AT TIME ZONE 'UTC')::date;
BEGIN
  INSERT INTO returns AS r (org_id, membership_id, first_on) VALUES (NEW.org_id, NEW.membership_id, today)
  ON CONFLICT (org_id, membership_id) DO UPDATE SET day3 = r.day3 OR today - r.first_on BETWEEN 1 AND 3, day7 = r.day7 OR today - r.first_on BETWEEN 4 AND 7, day30 = r.day30 OR today - r.first_on BETWEEN 8 AND 30
    WHERE today - r.first_on BETWEEN 1 AND 30;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER note_return AFTER INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION note_return();
CREATE TRIGGER note_return_again AFTER UPDATE OF seen_at ON sessions FOR EACH ROW WHEN ((OLD.seen_at AT TIME ZONE 'UTC')::date <> (NEW.seen_at AT TIME ZONE 'UTC')::date) EXECUTE FUNCTION note_return();
-- +goose Down
SELECT 1;
