-- +goose Up
-- Whoever looks as another sees what the other sees: of an organization that rests, not that a thing is listed either.
ALTER POLICY p_view ON collection_items USING ((SELECT (app_view() IS NULL)::integer) <> 0 OR (org_id = (SELECT app_org()) AND listed_at IS NOT NULL
  AND (SELECT o.state = 'active' FROM organizations o WHERE o.org_id = (SELECT app_org()))
  AND EXISTS (SELECT 1 FROM grants g WHERE g.viewer_org = ANY (ARRAY[(SELECT app_view()), everyone()]) AND g.org_id = collection_items.org_id AND g.collection_id = collection_items.collection_id)));
-- +goose Down
SELECT 1;
