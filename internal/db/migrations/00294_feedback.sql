-- +goose Up
-- Whether a lesson helped somebody, and a few words about it. It is the person's own; what its authors learn of it is numbers of five people
-- on, and the words without who wrote them, unless the person signs.
CREATE TABLE lesson_feedback (
  org_id        uuid NOT NULL,                 -- the organization for which the person learns
  feedback_id   uuid NOT NULL,
  membership_id uuid NOT NULL,
  item_org      uuid NOT NULL,
  item_id       uuid NOT NULL,
  lesson_key    text NOT NULL,
  helped        boolean NOT NULL,
  words         text NOT NULL DEFAULT '' CHECK (length(words) <= 1000),
  shown_name    text NOT NULL DEFAULT '',      -- the name that its authors may see; '' unless the person signs
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, feedback_id),
  UNIQUE (org_id, membership_id, item_org, item_id, lesson_key),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CREATE INDEX lesson_feedback_item ON lesson_feedback (item_org, item_id, lesson_key, at);
CALL wall('lesson_feedback');
CREATE POLICY p_mine ON lesson_feedback TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'operator'));
GRANT SELECT, INSERT, UPDATE, DELETE ON lesson_feedback TO learnscape_app;
GRANT SELECT ON lesson_feedback TO learnscape_search;
CREATE POLICY p_search ON lesson_feedback FOR SELECT TO learnscape_search
  USING (item_org = (SELECT app_org()) AND (org_id = (SELECT app_org()) OR org_id <> ALL (ARRAY(SELECT o.org_id FROM organizations o WHERE o.state <> 'active'))));
-- What the authors of a lesson say to somebody's words, or that they have dealt with them.
CREATE TABLE feedback_answers (
  org_id      uuid NOT NULL REFERENCES organizations, -- of the authors
  feedback_id uuid NOT NULL,
  item_id     uuid NOT NULL,
  words       text NOT NULL DEFAULT '' CHECK (length(words) <= 2000), -- '' for dealt with
  answered_by uuid NOT NULL,
  at          timestamptz NOT NULL,
  PRIMARY KEY (org_id, feedback_id)
);
CALL own('feedback_answers');
CREATE POLICY p_told ON feedback_answers FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM lesson_feedback f
  WHERE f.org_id = (SELECT app_org()) AND f.membership_id = (SELECT app_membership()) AND f.feedback_id = feedback_answers.feedback_id AND f.item_org = feedback_answers.org_id));
-- feedback_on is what people wrote about an own item, for its authors, without who they are: their organization where the two meet, and their
-- name where they signed and names cross.
CREATE FUNCTION feedback_on(item uuid) RETURNS TABLE (feedback_id uuid, lesson_key text, helped boolean, words text, from_org uuid, name text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT f.feedback_id, f.lesson_key, f.helped, f.words, CASE WHEN f.org_id = app_org() OR s.meet IN ('name', 'company') THEN f.org_id END, CASE WHEN f.org_id = app_org() OR s.meet = 'name' THEN f.shown_name ELSE '' END,
    date_trunc('day', f.at)
  FROM lesson_feedback f LEFT JOIN connection_sides s ON s.org_id = f.org_id AND s.other_org = app_org() AND s.state = 'active'
  WHERE f.item_org = app_org() AND f.item_id = item AND f.words <> '' AND app_actor() = 'member'
    AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{author,administrator}')
$$;
-- feedback_numbers is how many people an own item's lessons helped: in steps of five people in the order of their saying so, so that a
-- difference is always that of five.
CREATE FUNCTION feedback_numbers(item uuid) RETURNS TABLE (lesson_key text, people integer, helped integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  WITH placed AS (
    SELECT f.lesson_key, f.helped, row_number() OVER (PARTITION BY f.lesson_key ORDER BY f.at, f.feedback_id) AS nth, count(*) OVER (PARTITION BY f.lesson_key) AS n
    FROM lesson_feedback f WHERE f.item_org = app_org() AND f.item_id = item AND app_actor() = 'member'
      AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = app_org() AND m.membership_id = app_membership() AND m.state = 'active' AND m.roles && '{author,administrator}')
  )
  SELECT p.lesson_key, count(*)::int, (count(*) FILTER (WHERE p.helped))::int FROM placed p WHERE p.nth <= p.n / 5 * 5 GROUP BY p.lesson_key ORDER BY p.lesson_key LIMIT 5000
$$;
REVOKE EXECUTE ON FUNCTION feedback_on, feedback_numbers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION feedback_on, feedback_numbers TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION feedback_on OWNER TO learnscape_search;
ALTER FUNCTION feedback_numbers OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
-- +goose StatementBegin
-- People say it in their own name or none; authors answer in theirs, to what was written about an own item.
CREATE FUNCTION guard_feedback() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_TABLE_NAME = 'lesson_feedback' THEN
    IF app_actor() <> 'member' OR NEW.shown_name NOT IN ('', (SELECT m.name FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.membership_id))
        OR NOT EXISTS (SELECT 1 FROM items i WHERE i.org_id = NEW.item_org AND i.item_id = NEW.item_id) THEN
      RAISE insufficient_privilege USING MESSAGE = 'people say of what they see, under their own name or none';
    END IF;
  ELSIF app_actor() <> 'member' OR NEW.answered_by <> app_membership() OR NOT EXISTS (SELECT 1 FROM feedback_on(NEW.item_id) f WHERE f.feedback_id = NEW.feedback_id) THEN
    RAISE insufficient_privilege USING MESSAGE = 'authors answer in their own name what was written to them';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_feedback BEFORE INSERT OR UPDATE ON lesson_feedback FOR EACH ROW EXECUTE FUNCTION guard_feedback();
CREATE TRIGGER guard_feedback BEFORE INSERT OR UPDATE ON feedback_answers FOR EACH ROW EXECUTE FUNCTION guard_feedback();
-- +goose Down
SELECT 1;
