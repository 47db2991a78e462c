-- +goose Up
-- That somebody finished an item, kept by its publisher so that an event which comes twice counts once. The identifier is derived
-- from the enrollment one way: the publisher learns a number and nothing else.
CREATE TABLE finishes (
  org_id    uuid NOT NULL,
  item_id   uuid NOT NULL,
  finish_id uuid NOT NULL,
  PRIMARY KEY (org_id, item_id, finish_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CALL own('finishes');
-- +goose Down
SELECT 1;
