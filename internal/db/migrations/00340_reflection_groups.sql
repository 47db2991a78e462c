-- +goose Up
-- A reflection is shared with the few who do a step together, or with those who take a path together, as long as its writer is one of them and
-- the reader is, too: whoever comes reads it from then on, whoever leaves reads it no more.
ALTER TABLE reflection_shares ADD group_id uuid, ADD cohort_id uuid,
  ADD FOREIGN KEY (org_id, membership_id, group_id) REFERENCES step_group_people ON DELETE CASCADE,
  ADD FOREIGN KEY (org_id, cohort_id, membership_id) REFERENCES cohort_people ON DELETE CASCADE,
  ADD CHECK (num_nonnulls(reader, team_id, group_id, cohort_id) <= 1),
  ADD CHECK (group_id IS NULL AND cohort_id IS NULL OR reader_org = org_id);
CREATE INDEX reflection_shares_group ON reflection_shares (group_id, shared_at DESC, reflection_id DESC) WHERE group_id IS NOT NULL;
CREATE INDEX reflection_shares_cohort ON reflection_shares (org_id, cohort_id, shared_at DESC, reflection_id DESC) WHERE cohort_id IS NOT NULL;
CREATE POLICY p_group ON reflection_shares FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'member' AND group_id = ANY ((SELECT my_groups())::uuid[]) AND (org_id = (SELECT app_org()) OR meets(org_id))
  AND NOT EXISTS (SELECT 1 FROM step_groups g WHERE g.group_id = reflection_shares.group_id AND g.state = 'off'));
CREATE POLICY p_cohort ON reflection_shares FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org())
  AND cohort_id IN (SELECT x.cohort_id FROM cohort_people x WHERE x.org_id = (SELECT app_org()) AND x.membership_id = (SELECT app_membership())));
-- +goose StatementBegin
-- People share what they wrote themselves, as it reads, under their own name or none, with who is there for them: nobody is written to in
-- another organization whose name the writer was not shown, and a group reads it under the name that the writer has in it.
CREATE OR REPLACE FUNCTION guard_reflection_share() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE there boolean;
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF app_actor() <> 'member' OR NEW.group_id IS NULL AND NEW.shown_name NOT IN ('', (SELECT m.name FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.membership_id)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people share under their own name or none';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM reflections r WHERE r.org_id = NEW.org_id AND r.reflection_id = NEW.reflection_id AND (r.item_org, r.item_id) = (NEW.item_org, NEW.item_id)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a reflection is about what it was written on';
  END IF;
  there := CASE
    WHEN NEW.team_id IS NOT NULL THEN EXISTS (SELECT 1 FROM team_members x WHERE x.org_id = NEW.org_id AND x.team_id = NEW.team_id AND x.membership_id = NEW.membership_id)
    WHEN NEW.group_id IS NOT NULL THEN EXISTS (SELECT 1 FROM step_group_people p JOIN step_groups g ON g.org_id = p.group_org AND g.group_id = p.group_id AND g.state = 'open'
      WHERE p.org_id = NEW.org_id AND p.membership_id = NEW.membership_id AND p.group_id = NEW.group_id AND NEW.shown_name = p.shown_name)
    WHEN NEW.cohort_id IS NOT NULL THEN EXISTS (SELECT 1 FROM cohort_people p JOIN cohorts c ON c.org_id = p.org_id AND c.cohort_id = p.cohort_id AND c.ended_at IS NULL
      WHERE p.org_id = NEW.org_id AND p.membership_id = NEW.membership_id AND p.cohort_id = NEW.cohort_id)
    WHEN NEW.reader_org = NEW.org_id THEN EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.reader AND m.state = 'active')
    ELSE EXISTS (SELECT 1 FROM connection_sides s JOIN connection_sides b ON b.org_id = s.other_org AND b.other_org = s.org_id
        WHERE s.org_id = NEW.org_id AND s.other_org = NEW.reader_org AND s.state = 'active' AND s.meet <> 'none' AND b.meet = 'name' AND (NEW.shown_name = '' OR s.meet = 'name'))
      AND (EXISTS (SELECT 1 FROM questions q WHERE q.org_id = NEW.reader_org AND q.question_id = NEW.met_in AND q.membership_id = NEW.reader AND q.shown_as = 'name' AND q.state <> 'withdrawn')
        OR EXISTS (SELECT 1 FROM answers a WHERE a.org_id = NEW.reader_org AND a.answer_id = NEW.met_in AND a.membership_id = NEW.reader AND a.shown_as = 'name' AND a.state = 'shown'))
    END;
  IF NOT there THEN
    RAISE insufficient_privilege USING MESSAGE = 'nobody is there to share it with';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
-- +goose Down
SELECT 1;
