-- +goose Up
-- A standard agreement: terms that an organization offers to many, in numbered versions that never change. Who is on it is not kept
-- here: it is whoever was proposed or signed an agreement with the hash of one of the versions.
CREATE TABLE standards (
  org_id      uuid NOT NULL REFERENCES organizations,
  standard_id uuid NOT NULL,
  title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
  state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'retired')),
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, standard_id)
);
CALL own('standards');
CREATE TABLE standard_versions (
  org_id      uuid NOT NULL,
  standard_id uuid NOT NULL,
  version     integer NOT NULL CHECK (version > 0),
  proposal    jsonb NOT NULL,                                  -- the publisher's half is "ours"
  hash_a      bytea NOT NULL CHECK (length(hash_a) = 32),      -- of the canonical terms where the publisher is side A of the connection
  hash_b      bytea NOT NULL CHECK (length(hash_b) = 32),
  created_by  uuid NOT NULL,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, standard_id, version),
  FOREIGN KEY (org_id, standard_id) REFERENCES standards
);
CREATE INDEX standard_versions_a ON standard_versions (org_id, hash_a);
CREATE INDEX standard_versions_b ON standard_versions (org_id, hash_b);
CALL wall('standard_versions');
CREATE POLICY p_read ON standard_versions FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
-- People publish; what carries out terms for others offers only what was published.
CREATE POLICY p_insert ON standard_versions FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('member', 'operator'));
GRANT SELECT, INSERT ON standard_versions TO learnscape_app;
-- A link through which any organization may accept a standard agreement: who holds it reads the offer.
CREATE TABLE standard_links (
  org_id      uuid NOT NULL,
  link_id     uuid NOT NULL,
  standard_id uuid NOT NULL,
  token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
  label       text NOT NULL DEFAULT '' CHECK (length(label) <= 120),
  most        integer NOT NULL CHECK (most BETWEEN 1 AND 10000),
  used        integer NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND most),
  until       timestamptz NOT NULL,
  state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, link_id),
  FOREIGN KEY (org_id, standard_id) REFERENCES standards
);
CREATE UNIQUE INDEX standard_links_token ON standard_links (token_hash);
CREATE INDEX standard_links_standard ON standard_links (org_id, standard_id, created_at DESC, link_id);
CALL own('standard_links');
CREATE POLICY p_proof ON standard_links FOR SELECT TO learnscape_app
  USING (state = 'open' AND until > now() AND used < most AND token_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')));
-- What one person asked to be done with many connections, and how far it is.
CREATE TABLE network_batches (
  org_id      uuid NOT NULL REFERENCES organizations,
  batch_id    uuid NOT NULL,
  action      text NOT NULL CHECK (action IN ('propose', 'remind', 'pause', 'resume', 'end')),
  standard_id uuid,
  version     integer,
  asked_by    uuid NOT NULL,
  state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
  created_at  timestamptz NOT NULL,
  finished_at timestamptz,
  PRIMARY KEY (org_id, batch_id),
  FOREIGN KEY (org_id, standard_id, version) REFERENCES standard_versions
);
CREATE INDEX network_batches_recent ON network_batches (org_id, created_at DESC, batch_id);
CALL own('network_batches');
CREATE TABLE network_batch_rows (
  org_id    uuid NOT NULL,
  batch_id  uuid NOT NULL,
  other_org uuid NOT NULL REFERENCES organizations,
  state     text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
  problem   text NOT NULL DEFAULT '',       -- the message key of why it could not be done
  PRIMARY KEY (org_id, batch_id, other_org),
  FOREIGN KEY (org_id, batch_id) REFERENCES network_batches
);
CREATE INDEX network_batch_rows_state ON network_batch_rows (org_id, batch_id, state, other_org);
CALL own('network_batch_rows');
-- People propose. What carries out terms for an organization proposes for it only what its people published as a standard agreement, or
-- what they wrote into an invitation that was accepted a moment ago.
-- +goose StatementBegin
CREATE FUNCTION guard_proposal() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() IN ('member', 'operator') THEN
    RETURN NEW;
  END IF;
  IF app_actor() = 'agreement' AND (
    EXISTS (SELECT 1 FROM standard_versions v WHERE v.org_id = app_org() AND (NEW.org_a = app_org() AND v.hash_a = NEW.terms_hash OR NEW.org_b = app_org() AND v.hash_b = NEW.terms_hash))
    OR EXISTS (SELECT 1 FROM invitations i WHERE i.org_id = app_org() AND i.state = 'accepted' AND i.accepted_org IN (NEW.org_a, NEW.org_b) AND i.decided_at > now() - interval '1 minute')) THEN
    RETURN NEW;
  END IF;
  RAISE insufficient_privilege USING MESSAGE = 'people propose, or what they published is offered';
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_proposal BEFORE INSERT ON agreements FOR EACH ROW EXECUTE FUNCTION guard_proposal();
-- +goose Down
SELECT 1;
