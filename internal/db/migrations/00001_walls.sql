-- +goose Up
-- Who acts, as the row policies see it. The settings are set by set_config(…, true) at the start of every transaction and
-- are '' on a connection that had them before, hence nullif. No settings, no rows.
CREATE FUNCTION app_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('app.org_id', true), '')::uuid $$;
CREATE FUNCTION app_membership() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT nullif(current_setting('app.membership_id', true), '')::uuid $$;
CREATE FUNCTION app_actor() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT coalesce(current_setting('app.actor', true), '') $$;
-- The stand-in for "whoever it is" in grants (id.Everyone).
CREATE FUNCTION everyone() RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid $$;

-- own(t) is the policy of most tables: the organization's rows are read and written by who acts for it. Every table
-- also opens to its owner, because FORCE binds the owner too and backfills would silently touch nothing.
-- +goose StatementBegin
CREATE PROCEDURE wall(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY p_owner ON %s TO learnscape_owner USING (true) WITH CHECK (true)', t);
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE PROCEDURE own(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  CALL wall(t);
  EXECUTE format('CREATE POLICY p_own ON %s TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()))', t);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO learnscape_app', t);
END $$;
-- +goose StatementEnd

-- Organizations. That one has a portal is public, so its name and brand are; its relationships are in other tables.
CREATE TABLE organizations (
  org_id     uuid PRIMARY KEY,
  slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  short      text NOT NULL CHECK (length(short) BETWEEN 1 AND 2),
  tagline    text NOT NULL DEFAULT '',
  about      text NOT NULL DEFAULT '',
  color      text NOT NULL CHECK (color ~ '^#[0-9a-f]{6}$'),
  hue        smallint NOT NULL CHECK (hue BETWEEN 0 AND 359),
  chroma     double precision NOT NULL CHECK (chroma BETWEEN 0 AND 0.15),
  locale     text NOT NULL DEFAULT 'en',
  sign_in    text NOT NULL DEFAULT 'email' CHECK (sign_in IN ('oidc', 'email', 'none')),
  state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'closed')),
  created_at timestamptz NOT NULL DEFAULT now()
);
CALL wall('organizations');
CREATE POLICY p_read ON organizations FOR SELECT TO learnscape_app USING (true);
CREATE POLICY p_insert ON organizations FOR INSERT TO learnscape_app WITH CHECK ((SELECT app_actor()) = 'operator' AND org_id = (SELECT app_org()));
CREATE POLICY p_update ON organizations FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
GRANT SELECT, INSERT, UPDATE ON organizations TO learnscape_app;

-- Slugs that were given once are never given again.
CREATE TABLE retired_slugs (slug text PRIMARY KEY, retired_at timestamptz NOT NULL DEFAULT now());
CALL wall('retired_slugs');
CREATE POLICY p_read ON retired_slugs FOR SELECT TO learnscape_app USING (true);
GRANT SELECT ON retired_slugs TO learnscape_app;

CREATE TABLE domains (
  domain      text PRIMARY KEY CHECK (domain = lower(domain)),
  org_id      uuid NOT NULL REFERENCES organizations,
  verified_at timestamptz
);
CREATE INDEX domains_org ON domains (org_id);
CALL wall('domains');
-- The front door sends an address to its organization's sign-in; which domain belongs to a portal is public once proven.
CREATE POLICY p_read ON domains FOR SELECT TO learnscape_app USING (verified_at IS NOT NULL OR org_id = (SELECT app_org()));
CREATE POLICY p_write ON domains FOR ALL TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
GRANT SELECT, INSERT, UPDATE, DELETE ON domains TO learnscape_app;

-- People. A person is an id and a language; everything else is said by a membership.
CREATE TABLE persons (
  person_id  uuid PRIMARY KEY,
  locale     text NOT NULL DEFAULT 'en',
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE memberships (
  org_id        uuid NOT NULL REFERENCES organizations,
  membership_id uuid NOT NULL,
  person_id     uuid NOT NULL REFERENCES persons,
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  email         text NOT NULL CHECK (email = lower(email)),
  title         text NOT NULL DEFAULT '',
  locale        text NOT NULL DEFAULT 'en',
  theme         text NOT NULL DEFAULT 'auto' CHECK (theme IN ('auto', 'light', 'dark')),
  roles         text[] NOT NULL DEFAULT '{learner}',
  state         text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'invited', 'left')),
  purpose       text NOT NULL DEFAULT '',
  seen_at       timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, membership_id),
  UNIQUE (org_id, person_id)
);
CREATE UNIQUE INDEX memberships_email ON memberships (org_id, email);
CREATE INDEX memberships_name ON memberships (org_id, lower(name), membership_id);
CALL own('memberships');
CALL wall('persons');
CREATE POLICY p_read ON persons FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.person_id = persons.person_id));
CREATE POLICY p_insert ON persons FOR INSERT TO learnscape_app WITH CHECK ((SELECT app_actor()) IN ('sign_in', 'operator'));
CREATE POLICY p_update ON persons FOR UPDATE TO learnscape_app USING (EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.person_id = persons.person_id))
  WITH CHECK (EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.person_id = persons.person_id));
GRANT SELECT, INSERT, UPDATE ON persons TO learnscape_app;

-- Connections and agreements belong to both sides; a row names both and a policy admits either.
CREATE TABLE connections (
  connection_id uuid PRIMARY KEY,
  org_a         uuid NOT NULL REFERENCES organizations,
  org_b         uuid NOT NULL REFERENCES organizations,
  state         text NOT NULL CHECK (state IN ('asked', 'active', 'paused', 'declined', 'ended')),
  asked_by      uuid NOT NULL,
  since         timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  CHECK (org_a <> org_b), CHECK (asked_by IN (org_a, org_b))
);
CREATE UNIQUE INDEX connections_pair ON connections (least(org_a, org_b), greatest(org_a, org_b));
CREATE INDEX connections_a ON connections (org_a); CREATE INDEX connections_b ON connections (org_b);
-- One row per direction: what org_id calls the other, and how its people meet the other's ("name", "company", "none").
-- It repeats the state so that policies need one index probe and no second table.
CREATE TABLE connection_sides (
  org_id        uuid NOT NULL REFERENCES organizations,
  other_org     uuid NOT NULL REFERENCES organizations,
  connection_id uuid NOT NULL REFERENCES connections,
  relationship  text NOT NULL CHECK (relationship IN ('vendor', 'partner', 'customer', 'peer')),
  state         text NOT NULL CHECK (state IN ('asked', 'active', 'paused', 'declined', 'ended')),
  meet          text NOT NULL DEFAULT 'name' CHECK (meet IN ('name', 'company', 'none')),
  PRIMARY KEY (org_id, other_org)
);
CREATE INDEX connection_sides_other ON connection_sides (other_org, org_id);
CREATE TABLE agreements (
  agreement_id  uuid NOT NULL,
  version       integer NOT NULL CHECK (version > 0),
  connection_id uuid NOT NULL REFERENCES connections,
  org_a         uuid NOT NULL, org_b uuid NOT NULL,
  state         text NOT NULL CHECK (state IN ('draft', 'proposed', 'active', 'paused', 'ending', 'ended')),
  title         text NOT NULL,
  terms         jsonb NOT NULL,               -- canonical terms; people read words rendered from them
  terms_hash    bytea NOT NULL,               -- SHA-256 of the canonical terms: what both accept
  accepted_a_at timestamptz, accepted_b_at timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (agreement_id, version)
);
CREATE INDEX agreements_connection ON agreements (connection_id, version DESC);
CALL wall('connections'); CALL wall('connection_sides'); CALL wall('agreements');
CREATE POLICY p_both ON connections TO learnscape_app USING ((SELECT app_org()) IN (org_a, org_b)) WITH CHECK ((SELECT app_org()) IN (org_a, org_b));
CREATE POLICY p_both ON connection_sides TO learnscape_app USING ((SELECT app_org()) IN (org_id, other_org)) WITH CHECK ((SELECT app_org()) IN (org_id, other_org));
CREATE POLICY p_both ON agreements TO learnscape_app USING ((SELECT app_org()) IN (org_a, org_b)) WITH CHECK ((SELECT app_org()) IN (org_a, org_b));
GRANT SELECT, INSERT, UPDATE ON connections, connection_sides, agreements TO learnscape_app;

-- Items: whatever can stand in a collection, be found, linked and adopted. The rooms hold the rest under the same id.
CREATE TABLE items (
  org_id       uuid NOT NULL REFERENCES organizations,
  item_id      uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('course', 'path', 'resource', 'story', 'group')),
  title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  slug         text NOT NULL,
  summary      text NOT NULL DEFAULT '',
  lang         text NOT NULL DEFAULT 'en',
  level        text NOT NULL DEFAULT '',
  minutes      integer NOT NULL DEFAULT 0 CHECK (minutes >= 0),
  topics       text[] NOT NULL DEFAULT '{}',
  parts        jsonb NOT NULL DEFAULT '[]',   -- whose steps these are, for the strand bar: [{"org": uuid, "n": 3}]
  steps        integer NOT NULL DEFAULT 0,
  state        text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'published', 'retired')),
  version      integer NOT NULL DEFAULT 0,    -- the published version in force; 0 for none
  finished     integer NOT NULL DEFAULT 0,    -- how many people completed it, kept by events
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz,
  PRIMARY KEY (org_id, item_id)
);
CREATE UNIQUE INDEX items_id ON items (item_id);
CREATE UNIQUE INDEX items_slug ON items (org_id, kind, slug);
CREATE INDEX items_own ON items (org_id, kind, published_at DESC, item_id) WHERE state = 'published';

CREATE TABLE collections (
  org_id        uuid NOT NULL REFERENCES organizations,
  collection_id uuid NOT NULL,
  slug          text NOT NULL,
  title         text NOT NULL,
  description   text NOT NULL DEFAULT '',
  visibility    text NOT NULL CHECK (visibility IN ('internal', 'agreement', 'public')),
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, collection_id), UNIQUE (org_id, slug)
);
-- Only items of the collection's own organization: sharing can never become transitive.
CREATE TABLE collection_items (
  org_id        uuid NOT NULL,
  collection_id uuid NOT NULL,
  item_id       uuid NOT NULL,
  kind          text NOT NULL,
  listed_at     timestamptz,                   -- when the item was published, while it is; NULL otherwise, see list_item
  PRIMARY KEY (org_id, collection_id, item_id),
  FOREIGN KEY (org_id, collection_id) REFERENCES collections,
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CREATE INDEX collection_items_item ON collection_items (org_id, item_id, collection_id);
CREATE INDEX collection_items_recent ON collection_items (org_id, collection_id, kind, listed_at DESC, item_id) WHERE listed_at IS NOT NULL;
-- listed_at follows the item, so that a list's top-n holds published items alone, in the order that people see, and the row of a
-- draft tells nobody but its owner that it is there. Triggers keep it, because no way of publishing or retiring may forget it.
-- +goose StatementBegin
CREATE FUNCTION list_item() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  NEW.listed_at := (SELECT i.published_at FROM items i WHERE i.org_id = NEW.org_id AND i.item_id = NEW.item_id AND i.state = 'published');
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER list_item BEFORE INSERT OR UPDATE ON collection_items FOR EACH ROW EXECUTE FUNCTION list_item();
-- +goose StatementBegin
CREATE FUNCTION relist_item() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE collection_items SET listed_at = NULL WHERE org_id = NEW.org_id AND item_id = NEW.item_id; -- list_item says the rest
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER relist_item AFTER UPDATE OF state, published_at ON items FOR EACH ROW
  WHEN ((OLD.state, OLD.published_at) IS DISTINCT FROM (NEW.state, NEW.published_at)) EXECUTE FUNCTION relist_item();
-- A grant opens one collection to one organization, or to everyone().
CREATE TABLE grants (
  org_id        uuid NOT NULL,
  viewer_org    uuid NOT NULL,
  collection_id uuid NOT NULL,
  agreement_id  uuid,
  use_right     text NOT NULL DEFAULT 'use' CHECK (use_right IN ('use', 'adapt', 'show')),
  seats         integer,
  until         timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (viewer_org, org_id, collection_id),
  FOREIGN KEY (org_id, collection_id) REFERENCES collections
);
CREATE INDEX grants_collection ON grants (org_id, collection_id, viewer_org);

-- grants and their policies read their own columns only; collection_items reads grants; items reads collection_items:
-- a chain without a circle.
CALL wall('grants');
CREATE POLICY p_read ON grants FOR SELECT TO learnscape_app
  USING ((viewer_org IN ((SELECT app_org()), everyone()) AND (until IS NULL OR until > now())) OR org_id = (SELECT app_org()));
CREATE POLICY p_insert ON grants FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_update ON grants FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
-- Who opened it closes it; who it was opened to may give it back. Either way a connection that ends closes both directions at once.
CREATE POLICY p_delete ON grants FOR DELETE TO learnscape_app USING ((SELECT app_org()) IN (org_id, viewer_org));
CALL wall('collection_items');
CREATE POLICY p_read ON collection_items FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR (listed_at IS NOT NULL AND (
  EXISTS (SELECT 1 FROM grants g WHERE g.viewer_org = (SELECT app_org()) AND g.org_id = collection_items.org_id AND g.collection_id = collection_items.collection_id AND (g.until IS NULL OR g.until > now()))
  OR EXISTS (SELECT 1 FROM grants g WHERE g.viewer_org = everyone() AND g.org_id = collection_items.org_id AND g.collection_id = collection_items.collection_id AND (g.until IS NULL OR g.until > now())))));
CREATE POLICY p_insert ON collection_items FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_update ON collection_items FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_delete ON collection_items FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()));
CALL wall('collections');
CREATE POLICY p_read ON collections FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR EXISTS (
  SELECT 1 FROM grants g WHERE g.viewer_org = (SELECT app_org()) AND g.org_id = collections.org_id AND g.collection_id = collections.collection_id AND (g.until IS NULL OR g.until > now()))
  OR EXISTS (SELECT 1 FROM grants g WHERE g.viewer_org = everyone() AND g.org_id = collections.org_id AND g.collection_id = collections.collection_id AND (g.until IS NULL OR g.until > now())));
CREATE POLICY p_insert ON collections FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_update ON collections FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_delete ON collections FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()));
CALL wall('items');
CREATE POLICY p_read ON items FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR (state = 'published' AND EXISTS (
  SELECT 1 FROM collection_items ci WHERE ci.org_id = items.org_id AND ci.item_id = items.item_id)));
CREATE POLICY p_insert ON items FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_update ON items FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CREATE POLICY p_delete ON items FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()));
GRANT SELECT, INSERT, UPDATE, DELETE ON items, collections, collection_items, grants TO learnscape_app;

-- part(t) is the policy of what belongs to an item: seen by whoever may see the item, written by its owner.
-- +goose StatementBegin
CREATE PROCEDURE part(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  CALL wall(t);
  EXECUTE format('CREATE POLICY p_read ON %1$s FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR EXISTS (
    SELECT 1 FROM items i WHERE i.org_id = %1$s.org_id AND i.item_id = %1$s.item_id))', t);
  EXECUTE format('CREATE POLICY p_insert ON %s FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()))', t);
  EXECUTE format('CREATE POLICY p_update ON %s FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()))', t);
  EXECUTE format('CREATE POLICY p_delete ON %s FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()))', t);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO learnscape_app', t);
END $$;
-- +goose StatementEnd

-- Files: what a lesson or story shows; the bytes are in the blob store under their hash.
CREATE TABLE files (
  org_id     uuid NOT NULL,
  file_id    uuid NOT NULL,
  item_id    uuid NOT NULL,
  sha256     bytea NOT NULL CHECK (length(sha256) = 32),
  name       text NOT NULL,
  media_type text NOT NULL,
  size       bigint NOT NULL CHECK (size >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, file_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CREATE UNIQUE INDEX files_id ON files (file_id);
CREATE INDEX files_item ON files (org_id, item_id, name);
CALL part('files');

-- Audit: written in the transaction of the change, never changed.
CREATE TABLE audit (
  org_id        uuid NOT NULL REFERENCES organizations,
  seq           bigint GENERATED ALWAYS AS IDENTITY,
  at            timestamptz NOT NULL DEFAULT now(),
  actor         text NOT NULL,
  membership_id uuid,
  action        text NOT NULL,
  object        text NOT NULL DEFAULT '',
  detail        jsonb NOT NULL DEFAULT '{}',
  request_id    text NOT NULL DEFAULT '',
  PRIMARY KEY (org_id, seq)
);
CALL wall('audit');
CREATE POLICY p_read ON audit FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_insert ON audit FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()));
GRANT SELECT, INSERT ON audit TO learnscape_app;

-- The outbox: one row per event, in the transaction of the change. Anybody may add; only the relay takes out.
CREATE TABLE outbox (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id   uuid NOT NULL,                     -- whose rows the event changes when it is handled
  kind     text NOT NULL,
  payload  jsonb NOT NULL,
  at       timestamptz NOT NULL DEFAULT now(),
  tries    smallint NOT NULL DEFAULT 0,
  not_before timestamptz NOT NULL DEFAULT now()
);
CALL wall('outbox');
CREATE POLICY p_insert ON outbox FOR INSERT TO learnscape_app WITH CHECK (true);
CREATE POLICY p_relay ON outbox TO learnscape_app USING ((SELECT app_actor()) = 'relay') WITH CHECK ((SELECT app_actor()) = 'relay');
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO learnscape_app;

-- +goose Down
SELECT 1;
