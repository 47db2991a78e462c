-- +goose Up
-- What a colleague is asked to read before it is published, what they remark and what they answer. It goes with the draft.
CREATE TABLE reviews (
  org_id        uuid NOT NULL,
  item_id       uuid NOT NULL,
  membership_id uuid NOT NULL,               -- who is asked to read
  asked_by      uuid NOT NULL,
  words         text NOT NULL DEFAULT '' CHECK (length(words) <= 1000),
  asked_at      timestamptz NOT NULL,
  state         text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'good', 'change')),
  answer        text NOT NULL DEFAULT '' CHECK (length(answer) <= 2000),
  answered_at   timestamptz CHECK ((answered_at IS NULL) = (state = 'asked')),
  PRIMARY KEY (org_id, item_id, membership_id),
  FOREIGN KEY (org_id, item_id) REFERENCES course_drafts ON DELETE CASCADE,
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL own('reviews');
CREATE INDEX reviews_member ON reviews (org_id, membership_id, asked_at DESC);
CREATE TABLE review_remarks (
  org_id        uuid NOT NULL,
  remark_id     uuid NOT NULL,
  item_id       uuid NOT NULL,
  membership_id uuid NOT NULL,               -- who remarks
  lesson        text NOT NULL DEFAULT '',    -- its key; '' for the whole
  about         text NOT NULL DEFAULT '' CHECK (length(about) <= 200), -- what the part of the lesson is called; '' for all of it
  body          text NOT NULL CHECK (length(body) BETWEEN 1 AND 2000),
  at            timestamptz NOT NULL,
  settled_at    timestamptz,                 -- an author has seen to it
  PRIMARY KEY (org_id, remark_id),
  FOREIGN KEY (org_id, item_id, membership_id) REFERENCES reviews ON DELETE CASCADE
);
CALL own('review_remarks');
CREATE INDEX review_remarks_item ON review_remarks (org_id, item_id, membership_id, at);

-- Only who was asked answers and remarks, and nobody asks in the name of somebody else.
-- +goose StatementBegin
CREATE FUNCTION guard_review() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() <> 'member' THEN
    RETURN NEW;
  END IF;
  IF TG_TABLE_NAME = 'review_remarks' THEN
    IF TG_OP = 'INSERT' AND NEW.membership_id <> app_membership() OR TG_OP = 'UPDATE' AND (NEW.body, NEW.membership_id) IS DISTINCT FROM (OLD.body, OLD.membership_id) THEN
      RAISE insufficient_privilege USING MESSAGE = 'a remark is of whoever makes it';
    END IF;
  ELSIF NEW.state <> 'asked' THEN
    IF NEW.membership_id <> app_membership() THEN
      RAISE insufficient_privilege USING MESSAGE = 'only who was asked answers';
    END IF;
  ELSIF NEW.asked_by <> app_membership() OR NEW.membership_id = NEW.asked_by THEN
    RAISE insufficient_privilege USING MESSAGE = 'nobody asks in the name of somebody else, or themselves';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_review BEFORE INSERT OR UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION guard_review();
CREATE TRIGGER guard_review BEFORE INSERT OR UPDATE ON review_remarks FOR EACH ROW EXECUTE FUNCTION guard_review();

-- What an organization asks of those who write.
CREATE TABLE author_rules (
  org_id uuid PRIMARY KEY REFERENCES organizations,
  review boolean NOT NULL DEFAULT false      -- a colleague reads what is published, before
);
CALL own('author_rules');

-- When a draft publishes itself, for whom, and why it did not.
ALTER TABLE course_drafts ADD publish_at timestamptz, ADD publish_by uuid, ADD publish_fault text NOT NULL DEFAULT '',
  ADD CHECK ((publish_at IS NULL) = (publish_by IS NULL));
-- +goose Down
SELECT 1;
