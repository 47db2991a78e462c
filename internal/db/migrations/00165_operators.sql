-- +goose Up
-- Operators run the installation and belong to no organization. What they are, how they sign in and what they did stands in tables of
-- their own, which the actor 'console' (an operator, signed in at the operators' host) and the sign-in without an organization reach.
-- The console acts under app.view_org = 0, as which nothing is opened by anybody: whatever is walled is closed to it, every later
-- table too, but for what is opened here. What it is told of organizations it is told by the functions below.
CREATE TABLE operators (
  operator_id uuid PRIMARY KEY,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  email       text NOT NULL CHECK (email = lower(email) AND length(email) <= 254),
  state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'removed')),
  subject     text CHECK (length(subject) BETWEEN 1 AND 255),   -- at the operators' provider, whose issuer is
  issuer      text CHECK ((issuer IS NULL) = (subject IS NULL)),
  created_at  timestamptz NOT NULL,
  seen_at     timestamptz
);
CREATE UNIQUE INDEX operators_email ON operators (email) WHERE state = 'active';
CREATE UNIQUE INDEX operators_subject ON operators (issuer, subject) WHERE state = 'active';
CREATE TABLE operator_passkeys (
  passkey_id    uuid PRIMARY KEY,
  operator_id   uuid NOT NULL REFERENCES operators,
  credential_id bytea NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
  credential    jsonb NOT NULL,
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
  created_at    timestamptz NOT NULL,
  last_used_at  timestamptz
);
CREATE INDEX operator_passkeys_of ON operator_passkeys (operator_id, created_at);
-- What a browser was asked, by a passkey or by the provider: answered once. taken is the code that it comes in with, if any.
CREATE TABLE operator_questions (
  browser_hash bytea PRIMARY KEY CHECK (length(browser_hash) = 32),
  question     jsonb NOT NULL,
  expires_at   timestamptz NOT NULL
);
CREATE TABLE operator_sessions (
  session_id  uuid PRIMARY KEY,
  operator_id uuid NOT NULL REFERENCES operators,
  token_hash  bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  device      text NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL,
  seen_at     timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL
);
CREATE INDEX operator_sessions_of ON operator_sessions (operator_id);
-- A code lets one person become an operator: the first one's was printed by the installation, the others' made by an operator.
CREATE TABLE operator_codes (
  code_id    uuid PRIMARY KEY,
  code_hash  bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
  name       text NOT NULL DEFAULT '',
  email      text NOT NULL DEFAULT '',   -- '' for the code that was printed
  made_by    uuid REFERENCES operators,  -- NULL: the installation
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE TABLE operator_audit (
  seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          timestamptz NOT NULL,
  operator_id uuid REFERENCES operators,  -- NULL: the installation
  action      text NOT NULL,
  object      text NOT NULL DEFAULT '',
  about       uuid,                       -- the organization that it was about
  detail      jsonb NOT NULL DEFAULT '{}',
  request_id  text NOT NULL DEFAULT ''
);
CREATE INDEX operator_audit_about ON operator_audit (about, seq DESC);

-- A request of an operator to read as one organization, and what became of it. While it is open, and no minute longer than sixty, its
-- holder reads what an administrator there would, and writes nothing.
CREATE TABLE break_glass (
  org_id      uuid NOT NULL REFERENCES organizations,
  glass_id    uuid NOT NULL,
  asked_by    uuid NOT NULL REFERENCES operators,
  asker       text NOT NULL,                  -- the name by which the organization knows who asked
  reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  state       text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'refused', 'open', 'ended')),
  asked_at    timestamptz NOT NULL,
  decided_at  timestamptz,
  decided_operator uuid REFERENCES operators, -- one of the two decides
  decided_member   uuid,
  decider     text NOT NULL DEFAULT '',
  until       timestamptz,
  ended_at    timestamptz,
  ended_by    text NOT NULL DEFAULT '' CHECK (ended_by IN ('', 'time', 'operator', 'organization')),
  reads       integer NOT NULL DEFAULT 0,
  code_hash   bytea CHECK (length(code_hash) = 32),   -- opens it in a browser, once and for a minute
  code_until  timestamptz,
  token_hash  bytea CHECK (length(token_hash) = 32),  -- of the browser that it is open in
  PRIMARY KEY (org_id, glass_id),
  FOREIGN KEY (org_id, decided_member) REFERENCES memberships
);
CREATE INDEX break_glass_asked ON break_glass (org_id, asked_at DESC, glass_id);
CREATE INDEX break_glass_all ON break_glass (asked_at DESC, glass_id);
CREATE INDEX break_glass_open ON break_glass (org_id, until) WHERE state = 'open';
CREATE UNIQUE INDEX break_glass_code ON break_glass (org_id, code_hash) WHERE code_hash IS NOT NULL;
CREATE UNIQUE INDEX break_glass_token ON break_glass (org_id, token_hash) WHERE token_hash IS NOT NULL;

-- +goose StatementBegin
DO $$
DECLARE t regclass;
BEGIN
  FOREACH t IN ARRAY ARRAY['operators', 'operator_passkeys', 'operator_questions', 'operator_sessions', 'operator_codes', 'operator_audit', 'break_glass']::regclass[] LOOP
    CALL wall(t);
    EXECUTE format('ALTER POLICY p_view ON %s USING ((SELECT (app_view() IS NULL)::integer) <> 0 OR (SELECT app_actor()) = ''console'')', t);
    IF t <> 'break_glass'::regclass THEN
      EXECUTE format('CREATE POLICY p_operators ON %s TO learnscape_app USING ((SELECT app_actor()) = ''console'' OR ((SELECT app_actor()) = ''sign_in'' AND (SELECT app_org()) IS NULL))
        WITH CHECK ((SELECT app_actor()) = ''console'' OR ((SELECT app_actor()) = ''sign_in'' AND (SELECT app_org()) IS NULL))', t);
    END IF;
  END LOOP;
END $$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE ON operators, break_glass TO learnscape_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON operator_passkeys, operator_questions, operator_sessions, operator_codes TO learnscape_app;
GRANT SELECT, INSERT ON operator_audit TO learnscape_app;
CREATE POLICY p_read ON break_glass FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) OR (SELECT app_actor()) = 'console' OR ((SELECT app_actor()) = 'sign_in' AND (SELECT app_org()) IS NULL));
CREATE POLICY p_insert ON break_glass FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'console');
CREATE POLICY p_update ON break_glass FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org())) WITH CHECK (org_id = (SELECT app_org()));
CREATE TRIGGER guard_written BEFORE UPDATE OR DELETE ON operator_audit FOR EACH ROW EXECUTE FUNCTION guard_written();
CREATE TRIGGER guard_emptied BEFORE TRUNCATE ON operator_audit FOR EACH STATEMENT EXECUTE FUNCTION guard_written();

-- lone_operator says whether nobody else could approve what the operator asks for.
-- +goose StatementBegin
CREATE FUNCTION lone_operator(asker uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN NOT EXISTS (SELECT 1 FROM operators o WHERE o.state = 'active' AND o.operator_id <> asker);
END $$;
-- same_address says whether the member of app_org() has the address of the operator: one person does not decide on the own request.
CREATE FUNCTION same_address(asker uuid, member uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM operators o JOIN memberships m ON m.email = o.email WHERE o.operator_id = asker AND m.org_id = app_org() AND m.membership_id = member);
END $$;

-- Who may do what with a request: an operator asks, in the own name; another operator decides, or, where there is no other, an
-- administrator of the organization who is somebody else; nobody changes what was asked, or lets it be open longer.
CREATE FUNCTION guard_break_glass() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who text := app_actor();
  administers boolean := false;
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF who <> 'console' OR NEW.asked_by IS DISTINCT FROM app_membership() OR NEW.state <> 'asked' OR NEW.until IS NOT NULL OR NEW.reads <> 0 OR NEW.token_hash IS NOT NULL OR NEW.code_hash IS NOT NULL THEN
      RAISE insufficient_privilege USING MESSAGE = 'an operator asks, in the own name';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.org_id, NEW.glass_id, NEW.asked_by, NEW.asker, NEW.reason, NEW.asked_at) <> (OLD.org_id, OLD.glass_id, OLD.asked_by, OLD.asker, OLD.reason, OLD.asked_at)
      OR NEW.reads < OLD.reads OR (OLD.state <> 'asked' AND (NEW.until, NEW.decided_at, NEW.decided_operator, NEW.decided_member, NEW.decider) IS DISTINCT FROM (OLD.until, OLD.decided_at, OLD.decided_operator, OLD.decided_member, OLD.decider)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'what was asked and decided stays';
  END IF;
  administers := who = 'member' AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = OLD.org_id AND m.membership_id = app_membership() AND m.state = 'active' AND 'administrator' = ANY(m.roles));
  IF OLD.state <> NEW.state THEN
    CASE OLD.state || ' ' || NEW.state
      WHEN 'asked open', 'asked refused' THEN
        IF who = 'console' THEN
          IF app_membership() IS NULL OR NEW.decided_operator IS DISTINCT FROM app_membership() OR NEW.decided_member IS NOT NULL OR app_membership() = OLD.asked_by AND NEW.state = 'open' THEN
            RAISE insufficient_privilege USING MESSAGE = 'nobody approves an own request';
          END IF;
        ELSIF NOT administers OR NEW.decided_member IS DISTINCT FROM app_membership() OR NEW.decided_operator IS NOT NULL OR NOT lone_operator(OLD.asked_by) OR same_address(OLD.asked_by, app_membership()) THEN
          RAISE insufficient_privilege USING MESSAGE = 'another operator decides, or where there is none an administrator who is somebody else';
        END IF;
        IF NEW.state = 'open' AND (NEW.until IS NULL OR NEW.until > NEW.decided_at + interval '60 minutes' OR NEW.decided_at > now() + interval '1 minute') THEN
          RAISE insufficient_privilege USING MESSAGE = 'sixty minutes at most';
        END IF;
      WHEN 'open ended' THEN
        IF NOT (who = 'console' AND NEW.ended_by = 'operator' OR administers AND NEW.ended_by = 'organization' OR who IN ('sign_in', 'mailer') AND NEW.ended_by = 'time') THEN
          RAISE insufficient_privilege USING MESSAGE = 'time, the operators or an administrator of the organization end it';
        END IF;
      ELSE
        RAISE insufficient_privilege USING MESSAGE = format('what is %s does not become %s', OLD.state, NEW.state);
    END CASE;
  ELSIF OLD.state <> 'open' OR who NOT IN ('console', 'sign_in') THEN
    RAISE insufficient_privilege USING MESSAGE = 'only while it is open something is noted of it';
  END IF;
  IF NEW.code_hash IS DISTINCT FROM OLD.code_hash AND NEW.code_hash IS NOT NULL AND (who <> 'console' OR app_membership() <> OLD.asked_by) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who asked opens it';
  END IF;
  RETURN NEW;
END $$;

-- What an operator does to an organization stands in both logs, in one transaction.
CREATE FUNCTION operator_did() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO operator_audit (at, operator_id, action, object, about, detail, request_id)
    VALUES (NEW.at, (NEW.detail->>'operator')::uuid, NEW.action, NEW.object, NEW.org_id, NEW.detail - 'operator', NEW.request_id);
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_break_glass BEFORE INSERT OR UPDATE ON break_glass FOR EACH ROW EXECUTE FUNCTION guard_break_glass();
CREATE TRIGGER operator_did AFTER INSERT ON audit FOR EACH ROW WHEN (NEW.detail ? 'operator' AND NEW.action <> 'break_glass.read') EXECUTE FUNCTION operator_did();

-- What the console does to an organization: its state, its quotas, its first row. Of the log it sees the lines of operators.
ALTER POLICY p_view ON audit USING ((SELECT (app_view() IS NULL)::integer) <> 0 OR ((SELECT app_actor()) = 'console' AND actor = 'console'));
ALTER POLICY p_view ON quotas USING ((SELECT (app_view() IS NULL)::integer) <> 0 OR (SELECT app_actor()) = 'console');
ALTER POLICY p_insert ON quotas WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('operator', 'console'));
ALTER POLICY p_update ON quotas USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('operator', 'console'))
  WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) IN ('operator', 'console'));
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION guard_organization() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  who text := app_actor();
  administers boolean;
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF NEW.state = OLD.state THEN
    IF NEW.state_at IS DISTINCT FROM OLD.state_at THEN
      RAISE insufficient_privilege USING MESSAGE = 'since when an organization is what it is stays';
    END IF;
    RETURN NEW;
  END IF;
  administers := who = 'member' AND EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = OLD.org_id AND m.membership_id = app_membership() AND m.state = 'active' AND 'administrator' = ANY(m.roles));
  IF NOT (CASE OLD.state || ' ' || NEW.state
      WHEN 'active suspended' THEN who IN ('operator', 'console')
      WHEN 'suspended active' THEN who IN ('operator', 'console')
      WHEN 'active closed' THEN administers OR who = 'operator'
      WHEN 'closed active' THEN administers OR who IN ('operator', 'console')
      WHEN 'closed erasing' THEN who = 'operator' OR who = 'keeper' AND OLD.state_at <= now() - interval '30 days'
      WHEN 'suspended erasing' THEN who = 'operator'
      WHEN 'active erasing' THEN who = 'operator'
      WHEN 'erasing erased' THEN who = 'keeper'
      ELSE false END) THEN
    RAISE insufficient_privilege USING MESSAGE = format('%s may not make an organization that is %s %s', who, OLD.state, NEW.state);
  END IF;
  NEW.state_at := now();
  RETURN NEW;
END $$;

-- What operators are told of organizations: that they are, how they stand, how many, and whom to write to. Nothing of what is in them.
CREATE FUNCTION console_orgs(which uuid, look text, standing text, from_name text, from_id uuid, most integer)
RETURNS TABLE (org_id uuid, slug text, name text, short text, hue smallint, chroma double precision, sign_in text, state text, state_at timestamptz, created_at timestamptz,
  people integer, storage bigint, connections integer, failing boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF app_actor() <> 'console' THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT o.org_id, o.slug, o.name, o.short, o.hue, o.chroma, o.sign_in, o.state, o.state_at, o.created_at,
      coalesce((SELECT c.here FROM people_counts c WHERE c.org_id = o.org_id), 0),
      (SELECT coalesce(sum(f.size), 0)::bigint FROM files f WHERE f.org_id = o.org_id),
      (SELECT count(*)::integer FROM connection_sides s WHERE s.org_id = o.org_id AND s.state = 'active'),
      EXISTS (SELECT 1 FROM providers p WHERE p.org_id = o.org_id AND p.state = 'active' AND p.last_failure_at > coalesce(p.last_sign_in, '-infinity'))
    FROM organizations o
    WHERE (which IS NULL OR o.org_id = which) AND (standing = '' OR o.state = standing)
      AND (look = '' OR position(lower(look) IN lower(o.name)) > 0 OR position(lower(look) IN o.slug) > 0)
      AND (from_id IS NULL OR (lower(o.name), o.org_id) > (from_name, from_id))
    ORDER BY lower(o.name), o.org_id LIMIT most;
END $$;
CREATE FUNCTION console_states(look text) RETURNS TABLE (state text, n integer) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF app_actor() <> 'console' THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT o.state, count(*)::integer FROM organizations o
    WHERE look = '' OR position(lower(look) IN lower(o.name)) > 0 OR position(lower(look) IN o.slug) > 0 GROUP BY o.state;
END $$;
CREATE FUNCTION console_admins(org uuid) RETURNS TABLE (email text) LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF app_actor() <> 'console' THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT m.email FROM memberships m WHERE m.org_id = org AND m.state <> 'left' AND 'administrator' = ANY (m.roles) ORDER BY m.email LIMIT 50;
END $$;
CREATE FUNCTION console_providers(org uuid) RETURNS TABLE (name text, issuer text, state text, last_sign_in timestamptz, last_failure_at timestamptz, last_check text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF app_actor() <> 'console' THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT p.name, p.issuer, p.state, p.last_sign_in, p.last_failure_at, p.last_check FROM providers p WHERE p.org_id = org ORDER BY p.created_at, p.provider_id LIMIT 50;
END $$;
-- How many news and mails wait, and how long the oldest has.
CREATE FUNCTION console_queues() RETURNS TABLE (news integer, news_since timestamptz, mails integer, mails_since timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF app_actor() <> 'console' THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT (SELECT count(*)::integer FROM outbox), (SELECT min(o.at) FROM outbox o),
    (SELECT count(*)::integer FROM mails m WHERE m.state = 'queued'), (SELECT min(m.created_at) FROM mails m WHERE m.state = 'queued');
END $$;
-- +goose StatementEnd
CREATE INDEX organizations_listed ON organizations (lower(name), org_id);
CREATE INDEX mails_queued ON mails (created_at) WHERE state = 'queued';
REVOKE EXECUTE ON FUNCTION lone_operator, same_address, operator_did, console_orgs, console_states, console_admins, console_providers, console_queues FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lone_operator, same_address, console_orgs, console_states, console_admins, console_providers, console_queues TO learnscape_app;
-- +goose Down
SELECT 1;
