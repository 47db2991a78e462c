-- +goose Up
-- What a course or path gives to whoever finishes it: words of its publisher, read by whoever sees the item.
CREATE TABLE credential_offers (
  org_id     uuid NOT NULL,
  item_id    uuid NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  shows      text NOT NULL CHECK (length(shows) BETWEEN 1 AND 300),   -- what somebody who has it can do
  criteria   text NOT NULL CHECK (length(criteria) BETWEEN 1 AND 600),
  months     integer CHECK (months BETWEEN 1 AND 120),                -- valid for; NULL for ever
  renew_days integer NOT NULL DEFAULT 60 CHECK (renew_days BETWEEN 0 AND 365), -- before its end it can be renewed from
  set_at     timestamptz NOT NULL,
  PRIMARY KEY (org_id, item_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CALL part('credential_offers');

-- With what an organization signs: Ed25519, the seed sealed under the installation's keys. One signs; those before it verify for ever and
-- have no seed any more. Only the issuer, a system actor, reads them, and whoever puts them under another key of the installation.
CREATE TABLE issuer_keys (
  org_id     uuid NOT NULL REFERENCES organizations,
  key_id     uuid NOT NULL,
  public     bytea NOT NULL CHECK (length(public) = 32),
  seed       bytea NOT NULL,
  created_at timestamptz NOT NULL,
  retired_at timestamptz,
  PRIMARY KEY (org_id, key_id),
  CHECK ((retired_at IS NULL) OR length(seed) = 0)
);
CREATE UNIQUE INDEX issuer_keys_signs ON issuer_keys (org_id) WHERE retired_at IS NULL;
CALL wall('issuer_keys');
CREATE POLICY p_issuer ON issuer_keys TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer') WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer');
CREATE POLICY p_reseal ON issuer_keys FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('operator', 'keeper'));
CREATE POLICY p_resealed ON issuer_keys FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'operator') WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'operator');
GRANT SELECT, INSERT, UPDATE ON issuer_keys TO learnscape_app;

-- What somebody earned. It belongs to the person and to nobody else: org_id and membership_id say where the person keeps it, which is where
-- it was earned until they bring it along to another membership of theirs. So neither the publisher nor an employer reads it; it asks for
-- no connection, agreement, item or offer once it is there, and says in its own columns all that it says.
CREATE TABLE credentials (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  credential_id uuid NOT NULL,
  issuer        uuid NOT NULL REFERENCES organizations,
  cosigner      uuid REFERENCES organizations,       -- the organization that signed beside the issuer
  item_id       uuid NOT NULL,                       -- of the issuer
  kind          text NOT NULL CHECK (kind IN ('course', 'path')),
  title         text NOT NULL,
  lang          text NOT NULL,
  version       integer NOT NULL CHECK (version > 0),
  name          text NOT NULL,
  shows         text NOT NULL,
  criteria      text NOT NULL,
  right_answers integer NOT NULL CHECK (right_answers >= 0), -- the last answer to each question, of
  questions     integer NOT NULL CHECK (questions >= right_answers),
  first_at      timestamptz NOT NULL,
  issued_at     timestamptz NOT NULL,                -- or renewed
  expires_at    timestamptz,
  renew_from    timestamptz,
  awards        jsonb NOT NULL,                      -- how it was earned and renewed: [{"at", "version", "right", "questions", "until"}]
  list          integer NOT NULL CHECK (list >= 0),  -- which bit of which of the issuer's status lists is its own
  slot          integer NOT NULL CHECK (slot BETWEEN 0 AND 131071),
  document      jsonb NOT NULL,                      -- what was signed, with the proofs
  shown_name    text NOT NULL DEFAULT '',            -- the holder's name, if they want it to be said
  code          text NOT NULL DEFAULT '',            -- of the public page, while there is one
  code_hash     bytea CHECK (length(code_hash) = 32),
  told          text NOT NULL DEFAULT '' CHECK (told IN ('', 'window', 'week', 'over')), -- the last reminder
  PRIMARY KEY (org_id, membership_id, credential_id),
  UNIQUE (org_id, membership_id, issuer, item_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  CHECK ((code = '') = (code_hash IS NULL))
);
CREATE UNIQUE INDEX credentials_slot ON credentials (issuer, list, slot);
CREATE INDEX credentials_code ON credentials (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX credentials_due ON credentials (org_id, renew_from) WHERE renew_from IS NOT NULL AND told <> 'over';
CREATE INDEX credentials_issued ON credentials (issuer, issued_at DESC, credential_id);

-- What an organization took back. The bit of a status list says so to whoever checks; the reason is the holder's and its own to read. It is
-- never given back: who earns it anew gets a new one.
CREATE TABLE credential_revocations (
  org_id     uuid NOT NULL REFERENCES organizations, -- the issuer
  list       integer NOT NULL,
  slot       integer NOT NULL,
  reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 300),
  revoked_by uuid NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (org_id, list, slot)
);

-- Who gets no mails about their credentials.
CREATE TABLE quiet_credentials (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships ON DELETE CASCADE
);
CALL wall('quiet_credentials');
CREATE POLICY p_own ON quiet_credentials TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) IN ('issuer', 'mailer')))
  WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
GRANT SELECT, INSERT, DELETE ON quiet_credentials TO learnscape_app;

-- holds reports whether the acting member is the same person as another organization's member, by their word at both. One side alone could
-- write that of anybody.
GRANT SELECT ON account_links TO learnscape_search;
CREATE POLICY p_search ON account_links FOR SELECT TO learnscape_search USING (true);
-- +goose StatementBegin
CREATE FUNCTION holds(other uuid, member uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN app_actor() = 'member'
    AND EXISTS (SELECT 1 FROM account_links l WHERE l.org_id = app_org() AND l.membership_id = app_membership() AND l.other_org = other AND l.other_membership = member)
    AND EXISTS (SELECT 1 FROM account_links l WHERE l.org_id = other AND l.membership_id = member AND l.other_org = app_org() AND l.other_membership = app_membership());
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION holds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION holds TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION holds OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;

CALL wall('credentials');
CREATE POLICY p_holder ON credentials FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
CREATE POLICY p_linked ON credentials FOR SELECT TO learnscape_app USING ((org_id, membership_id) IN (SELECT l.other_org, l.other_membership FROM account_links l WHERE l.org_id = (SELECT app_org()) AND l.membership_id = (SELECT app_membership()))
  AND holds(org_id, membership_id));
CREATE POLICY p_house ON credentials FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('issuer', 'mailer', 'keeper'));
-- The issuer's authors read those of its own members; whoever manages its network reads those of others that are disclosed to it by name.
CREATE POLICY p_issuer ON credentials FOR SELECT TO learnscape_app USING (issuer = (SELECT app_org()) AND org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'member'
  AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.state = 'active' AND m.roles && '{author,administrator}'));
CREATE POLICY p_disclosed ON credentials FOR SELECT TO learnscape_app USING (issuer = (SELECT app_org()) AND (SELECT app_actor()) = 'member'
  AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.state = 'active' AND m.roles && '{partner_manager,administrator}')
  AND EXISTS (SELECT 1 FROM disclosures d WHERE d.org_id = (SELECT app_org()) AND d.giver_org = credentials.org_id AND d.membership_id = credentials.membership_id AND d.item_id = credentials.item_id AND d.finished));
-- Whoever was given the code of the public page.
CREATE POLICY p_shown ON credentials FOR SELECT TO learnscape_app USING (code_hash = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex')));
CREATE POLICY p_give ON credentials FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer');
CREATE POLICY p_change ON credentials FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) IN ('issuer', 'mailer')))
  WITH CHECK (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) IN ('issuer', 'mailer')));
CREATE POLICY p_bring ON credentials FOR UPDATE TO learnscape_app USING ((SELECT app_actor()) = 'member' AND holds(org_id, membership_id)) WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
GRANT SELECT, INSERT, UPDATE ON credentials TO learnscape_app;

CALL wall('credential_revocations');
CREATE POLICY p_own ON credential_revocations FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
CREATE POLICY p_told ON credential_revocations FOR SELECT TO learnscape_app USING (EXISTS (SELECT 1 FROM credentials c WHERE c.issuer = credential_revocations.org_id AND c.list = credential_revocations.list AND c.slot = credential_revocations.slot));
-- Only people take back, for themselves, what they may read.
CREATE POLICY p_revoke ON credential_revocations FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'member' AND revoked_by = (SELECT app_membership())
  AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.state = 'active' AND m.roles && '{author,partner_manager,administrator}')
  AND EXISTS (SELECT 1 FROM credentials c WHERE c.issuer = credential_revocations.org_id AND c.list = credential_revocations.list AND c.slot = credential_revocations.slot));
GRANT SELECT, INSERT ON credential_revocations TO learnscape_app;

-- +goose StatementBegin
-- A credential says what its publisher offers for what the member finished; nobody gives one for anything else. Afterwards it stays what it
-- is: the holder says whether and under which name it is shown and where it is kept, the issuer renews it, and the mailer notes what it told.
CREATE FUNCTION guard_credential() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  may text[] := CASE app_actor() WHEN 'member' THEN '{shown_name,code,code_hash,org_id,membership_id}' WHEN 'mailer' THEN '{told}'
    ELSE '{version,right_answers,questions,issued_at,expires_at,renew_from,awards,document,told,name,shows,criteria,title,cosigner}' END;
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - may <> to_jsonb(OLD) - may THEN
      RAISE insufficient_privilege USING MESSAGE = 'what was earned stays what it is';
    END IF;
    IF (NEW.org_id, NEW.membership_id) <> (OLD.org_id, OLD.membership_id) AND to_jsonb(NEW) - '{org_id,membership_id}'::text[] <> to_jsonb(OLD) - '{org_id,membership_id}'::text[] THEN
      RAISE insufficient_privilege USING MESSAGE = 'it is brought along as it is';
    END IF;
    IF NEW.shown_name <> OLD.shown_name AND NEW.shown_name NOT IN ('', (SELECT m.name FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.membership_id)) THEN
      RAISE insufficient_privilege USING MESSAGE = 'it is shown under the name of whoever holds it';
    END IF;
  END IF;
  IF (TG_OP = 'INSERT' OR NEW.issued_at <> OLD.issued_at) AND NOT EXISTS (SELECT 1 FROM enrollments e JOIN credential_offers o ON o.org_id = e.item_org AND o.item_id = e.item_id
      WHERE e.org_id = NEW.org_id AND e.membership_id = NEW.membership_id AND e.item_org = NEW.issuer AND e.item_id = NEW.item_id AND e.completed_at IS NOT NULL AND e.version = NEW.version
      AND (o.name, o.shows, o.criteria) = (NEW.name, NEW.shows, NEW.criteria) AND NEW.expires_at IS NOT DISTINCT FROM NEW.issued_at + make_interval(months => o.months)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a credential is given for what was finished, in the words of who offers it';
  END IF;
  IF (TG_OP = 'INSERT' OR NEW.cosigner IS DISTINCT FROM OLD.cosigner OR NEW.issued_at <> OLD.issued_at) AND NEW.cosigner IS NOT NULL AND (NEW.cosigner <> NEW.org_id
      OR NOT EXISTS (SELECT 1 FROM joint_propositions j WHERE j.publisher = NEW.issuer AND j.adopter = NEW.cosigner AND j.path_id = NEW.item_id AND j.state = 'accepted'
        AND joint_holds(j.publisher, j.adopter, j.path_id, j.created_at, true))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'two sign what both said together';
  END IF;
  RETURN NEW;
END $$;
-- keep_credentials brings what a member who is being erased has earned (every member, with NULL, of an organization that is) to another
-- membership that they said is theirs, at both; the rest goes with them. It serves the keeper alone.
CREATE FUNCTION keep_credentials(member uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT coalesce(forgetting(member), false) AND NOT (member IS NULL AND erasing(app_org())) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only what is being erased is brought elsewhere';
  END IF;
  UPDATE credentials c SET org_id = l.other_org, membership_id = l.other_membership
    FROM (SELECT DISTINCT ON (x.membership_id) x.membership_id AS was, x.other_org, x.other_membership FROM account_links x
      JOIN account_links y ON y.org_id = x.other_org AND y.membership_id = x.other_membership AND y.other_org = x.org_id AND y.other_membership = x.membership_id
      JOIN memberships m ON m.org_id = x.other_org AND m.membership_id = x.other_membership AND m.state = 'active'
      WHERE x.org_id = app_org() AND (member IS NULL OR x.membership_id = member) ORDER BY x.membership_id, x.linked_at DESC, x.other_org) l
    WHERE c.org_id = app_org() AND c.membership_id = l.was
      AND NOT EXISTS (SELECT 1 FROM credentials o WHERE o.org_id = l.other_org AND o.membership_id = l.other_membership AND o.issuer = c.issuer AND o.item_id = c.item_id);
END $$;
-- +goose StatementEnd
-- slot_taken says whether a bit of an issuer's list belongs to a credential, or to one that was taken back before it was erased.
-- +goose StatementBegin
CREATE FUNCTION slot_taken(by_org uuid, in_list integer, at_slot integer) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF app_actor() <> 'issuer' THEN
    RAISE insufficient_privilege USING MESSAGE = 'only the issuer places what it gives';
  END IF;
  RETURN EXISTS (SELECT 1 FROM credentials c WHERE c.issuer = by_org AND c.list = in_list AND c.slot = at_slot)
    OR EXISTS (SELECT 1 FROM credential_revocations r WHERE r.org_id = by_org AND r.list = in_list AND r.slot = at_slot);
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_credential BEFORE INSERT OR UPDATE ON credentials FOR EACH ROW EXECUTE FUNCTION guard_credential();
REVOKE EXECUTE ON FUNCTION keep_credentials, slot_taken FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_credentials, slot_taken TO learnscape_app;
-- The issuer counts how many questions were answered rightly, for the holder alone.
CREATE POLICY p_issuer ON attempts FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'issuer');
-- +goose Down
DROP POLICY p_issuer ON attempts;
DROP TABLE credential_revocations, credentials, quiet_credentials, issuer_keys, credential_offers;
DROP FUNCTION guard_credential, keep_credentials, slot_taken, holds;
DROP POLICY p_search ON account_links;
REVOKE SELECT ON account_links FROM learnscape_search;
