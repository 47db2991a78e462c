-- +goose Up
-- A grant opens an item and the parts that its owner owns: the courses of a path's own publisher. They stand in the path's
-- collections with kind 'part', so that they may be seen there and no list shows them.
CREATE TABLE item_parts (
  org_id  uuid NOT NULL,
  item_id uuid NOT NULL,
  part_id uuid NOT NULL,
  PRIMARY KEY (org_id, item_id, part_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items,
  FOREIGN KEY (org_id, part_id) REFERENCES items
);
CREATE INDEX item_parts_part ON item_parts (org_id, part_id);
CALL own('item_parts');
-- +goose Down
DROP TABLE item_parts;
