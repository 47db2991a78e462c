-- +goose Up
-- A lesson can say whose it is and in which languages it is there. lang is the language of its own text, "" for the item's; langs are those of
-- its translations.
ALTER TABLE lessons ADD lang text NOT NULL DEFAULT '', ADD langs text[] NOT NULL DEFAULT '{}', ADD licence text NOT NULL DEFAULT '', ADD origin text NOT NULL DEFAULT '';
ALTER TABLE draft_lessons ADD lang text NOT NULL DEFAULT '', ADD licence text NOT NULL DEFAULT '', ADD origin text NOT NULL DEFAULT '',
  ADD texts jsonb NOT NULL DEFAULT '[]'; -- translations: [{"lang", "title", "source", "name"}]
-- The same lesson in another language. Its questions and reflections have the keys of the lesson's own: an answer counts in each language.
CREATE TABLE lesson_texts (
  org_id  uuid NOT NULL,
  item_id uuid NOT NULL,
  version integer NOT NULL,
  key     text NOT NULL,
  lang    text NOT NULL CHECK (lang ~ '^[a-z]{2,3}(-[a-z0-9]{2,8})*$'),
  title   text NOT NULL,
  source  text NOT NULL,                      -- Markdown as written
  name    text NOT NULL DEFAULT '',           -- of the file that it was written in
  blocks  jsonb NOT NULL,
  plain   text NOT NULL,
  PRIMARY KEY (org_id, item_id, version, key, lang),
  FOREIGN KEY (org_id, item_id, version, key) REFERENCES lessons
);
CALL part('lesson_texts');
REVOKE UPDATE, DELETE ON lesson_texts FROM learnscape_app;
ALTER POLICY p_view ON lesson_texts USING ((SELECT app_view()) IS NULL OR (org_id = (SELECT app_org()) AND viewed(item_id)));
-- A file keeps the name under which texts show it, so that two that are called alike in different folders stay two when a course is
-- written on or taken elsewhere.
ALTER TABLE files ADD path text NOT NULL DEFAULT '';
UPDATE files SET path = name;
-- +goose Down
SELECT 1;
