-- +goose Up
-- A public door lets people come in who belong to no organization: individuals. An individual is a visitor with a lasting record and an
-- account at one organization, and is no member: there is no row in memberships, so no role, team, token, group, roster, count of people
-- or disclosure can name one. Transactions of an individual have no app.org_id either: they see what a visitor sees, in this table and in
-- every table that comes later, and app.membership_id is the record's id.
CREATE TABLE public_doors (
  org_id      uuid PRIMARY KEY REFERENCES organizations,
  open        boolean NOT NULL DEFAULT false,
  welcomes    boolean NOT NULL DEFAULT true,       -- whether somebody new may come in
  words       text NOT NULL DEFAULT '' CHECK (length(words) <= 600),
  terms_url   text NOT NULL DEFAULT '' CHECK (length(terms_url) <= 500),
  privacy_url text NOT NULL DEFAULT '' CHECK (length(privacy_url) <= 500),
  refused     text[] NOT NULL DEFAULT '{}' CHECK (cardinality(refused) <= 200), -- domains, with all below them
  notice      integer NOT NULL DEFAULT 1,          -- counts the versions of terms and privacy notice
  changed_at  timestamptz NOT NULL,
  CHECK (NOT open OR privacy_url <> '')
);
CALL own('public_doors');

CREATE TABLE individuals (
  org_id        uuid NOT NULL REFERENCES organizations,
  individual_id uuid NOT NULL REFERENCES visitors (visitor_id),
  email         text NOT NULL CHECK (email = lower(email)),
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  locale        text NOT NULL DEFAULT 'en',
  created_at    timestamptz NOT NULL,
  seen_at       timestamptz NOT NULL,
  PRIMARY KEY (org_id, individual_id)
);
CREATE UNIQUE INDEX individuals_email ON individuals (org_id, email);
CREATE UNIQUE INDEX individuals_record ON individuals (individual_id);
CREATE INDEX individuals_recent ON individuals (org_id, seen_at DESC, individual_id);
-- What an individual agreed to, and when: one row for each version, never changed.
CREATE TABLE individual_notices (
  org_id        uuid NOT NULL,
  individual_id uuid NOT NULL,
  notice        integer NOT NULL,
  terms_url     text NOT NULL,
  privacy_url   text NOT NULL,
  at            timestamptz NOT NULL,
  PRIMARY KEY (org_id, individual_id, notice),
  FOREIGN KEY (org_id, individual_id) REFERENCES individuals ON DELETE CASCADE
);
CREATE TABLE individual_sessions (
  org_id        uuid NOT NULL,
  session_id    uuid NOT NULL,
  token_hash    bytea NOT NULL CHECK (length(token_hash) = 32),
  individual_id uuid NOT NULL,
  device        text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL,
  seen_at       timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL,
  PRIMARY KEY (org_id, session_id),
  FOREIGN KEY (org_id, individual_id) REFERENCES individuals ON DELETE CASCADE
);
CREATE UNIQUE INDEX individual_sessions_token ON individual_sessions (org_id, token_hash);
CREATE INDEX individual_sessions_of ON individual_sessions (org_id, individual_id);
CREATE INDEX individual_sessions_over ON individual_sessions (org_id, expires_at);

-- Sign-in alone makes and reads them, for people at the door and for administrators who look after it; the keeper removes what is over,
-- and hands out and erases all that is the organization's. No member's transaction reads one, whatever it asks for.
CALL wall('individuals'); CALL wall('individual_notices'); CALL wall('individual_sessions');
CREATE POLICY p_door ON individuals TO learnscape_app
  USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('sign_in', 'keeper'))
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'sign_in');
CREATE POLICY p_door ON individual_notices TO learnscape_app
  USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('sign_in', 'keeper'))
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'sign_in');
CREATE POLICY p_door ON individual_sessions TO learnscape_app
  USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('sign_in', 'keeper'))
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'sign_in');
CREATE POLICY p_self ON individuals FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'individual' AND individual_id = (SELECT app_membership()));
CREATE POLICY p_self ON individual_notices FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'individual' AND individual_id = (SELECT app_membership()));
GRANT SELECT, INSERT, UPDATE, DELETE ON individuals, individual_sessions TO learnscape_app;
GRANT SELECT, INSERT ON individual_notices TO learnscape_app;

-- The record of an individual is a visitor's that does not end and that no browser's cookie names.
CREATE POLICY p_door ON visitors FOR INSERT TO learnscape_app WITH CHECK ((SELECT app_actor()) = 'sign_in' AND expires_at = 'infinity');
CREATE POLICY p_individual ON visitors FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'individual' AND visitor_id = (SELECT app_membership()));
CREATE POLICY p_individual ON visitor_progress TO learnscape_app USING ((SELECT app_actor()) = 'individual' AND visitor_id = (SELECT app_membership()))
  WITH CHECK ((SELECT app_actor()) = 'individual' AND visitor_id = (SELECT app_membership()));
CREATE POLICY p_individual ON claims TO learnscape_app USING ((SELECT app_actor()) = 'individual' AND visitor_id = (SELECT app_membership()))
  WITH CHECK ((SELECT app_actor()) = 'individual' AND visitor_id = (SELECT app_membership()));

-- +goose StatementBegin
-- Nobody comes in while the door is shut to them, and nobody of the organization's own people comes in beside its provider.
CREATE FUNCTION guard_individual() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.org_id, NEW.individual_id, NEW.email) IS DISTINCT FROM (OLD.org_id, OLD.individual_id, OLD.email) THEN
    RAISE insufficient_privilege USING MESSAGE = 'an account stays whose it is';
  END IF;
  IF TG_OP = 'INSERT' AND NOT EXISTS (SELECT 1 FROM public_doors d WHERE d.org_id = NEW.org_id AND d.open AND d.welcomes) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the door is shut';
  END IF;
  IF TG_OP = 'INSERT' AND EXISTS (SELECT 1 FROM domains d JOIN organizations o ON o.org_id = d.org_id AND o.sign_in = 'oidc'
      WHERE d.org_id = NEW.org_id AND d.verified_at IS NOT NULL AND d.domain = split_part(NEW.email, '@', 2)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people of the organization come in through its provider';
  END IF;
  RETURN NEW;
END $$;
-- With the account goes its record, and with that all progress.
CREATE FUNCTION drop_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM visitors WHERE visitor_id = OLD.individual_id;
  RETURN NULL;
END $$;
-- Closing the door ends the sessions of who came in by it.
CREATE FUNCTION shut_public_door() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  DELETE FROM individual_sessions WHERE org_id = NEW.org_id;
  DELETE FROM email_links WHERE org_id = NEW.org_id AND door;
  RETURN NULL;
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION drop_record, shut_public_door FROM PUBLIC;
CREATE TRIGGER guard_individual BEFORE INSERT OR UPDATE ON individuals FOR EACH ROW EXECUTE FUNCTION guard_individual();
CREATE TRIGGER drop_record AFTER DELETE ON individuals FOR EACH ROW EXECUTE FUNCTION drop_record();
CREATE TRIGGER shut_public_door AFTER UPDATE OF open ON public_doors FOR EACH ROW WHEN (OLD.open AND NOT NEW.open) EXECUTE FUNCTION shut_public_door();

-- An email link that opens the public door, and nothing else.
ALTER TABLE email_links ADD COLUMN door boolean NOT NULL DEFAULT false;
ALTER TABLE sign_in_tries DROP CONSTRAINT sign_in_tries_kind_check,
  ADD CONSTRAINT sign_in_tries_kind_check CHECK (kind IN ('link_address', 'link_network', 'start_network', 'logout_network', 'door'));
-- +goose Down
SELECT 1;
