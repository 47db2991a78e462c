-- +goose Up
-- What the administrators of an organization were told about it, by key, so that nothing is mailed twice.
CREATE TABLE house_notices (
  org_id uuid NOT NULL REFERENCES organizations,
  key    text NOT NULL CHECK (length(key) BETWEEN 1 AND 400),
  at     timestamptz NOT NULL,
  PRIMARY KEY (org_id, key)
);
CALL own('house_notices');
-- +goose Down
DROP TABLE house_notices;
