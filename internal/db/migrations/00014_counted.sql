-- +goose Up
-- What a counter has counted already: an event may come twice, and adding up twice would not be noticed by anybody. The
-- key is made where the event is; rows older than the outbox can be late are removed by the counter itself.
CREATE TABLE counted (
  org_id uuid NOT NULL,
  event  uuid NOT NULL,
  at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, event)
);
CREATE INDEX counted_age ON counted (org_id, at);
CALL own('counted');
-- Questions beside an item, per organization that the reader may hear, and public ones.
CREATE INDEX questions_org_about ON questions (org_id, about_item, active_at DESC, question_id);
CREATE INDEX questions_public_about ON questions (about_item, active_at DESC, question_id) WHERE audience = 'public';
CREATE INDEX questions_mine ON questions (org_id, membership_id, active_at DESC, question_id);
-- +goose Down
SELECT 1;
