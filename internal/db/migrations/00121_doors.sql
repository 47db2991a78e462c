-- +goose Up
-- What an administrator says of an identity provider, and what was seen of it.
ALTER TABLE providers
  ADD COLUMN preset      text NOT NULL DEFAULT '' CHECK (preset IN ('', 'entra', 'okta', 'google', 'keycloak', 'auth0', 'dex')),
  ADD COLUMN auth_method text NOT NULL DEFAULT 'secret' CHECK (auth_method IN ('secret', 'key')), -- what client_secret seals
  ADD COLUMN pin_claim   text NOT NULL DEFAULT '',  -- of an issuer that serves many: the claim that names the tenant,
  ADD COLUMN pin_value   text NOT NULL DEFAULT '',  -- and the own one
  ADD COLUMN need_acr    text[] NOT NULL DEFAULT '{}', -- one of them
  ADD COLUMN need_amr    text[] NOT NULL DEFAULT '{}', -- all of them
  ADD COLUMN name_claim  text NOT NULL DEFAULT '',
  ADD COLUMN role_claim  text NOT NULL DEFAULT '',
  ADD COLUMN role_values jsonb NOT NULL DEFAULT '{}', -- value of the claim to role
  ADD COLUMN team_claim  text NOT NULL DEFAULT '',
  ADD COLUMN team_values jsonb NOT NULL DEFAULT '{}', -- value of the claim to name of the team
  ADD COLUMN settled_at  timestamptz,               -- when the connection's settings changed last
  ADD COLUMN tested_at   timestamptz,               -- when an administrator went through with these settings; NULL since they changed
  ADD COLUMN last_check  text NOT NULL DEFAULT '',  -- which check the last failure did not pass
  ADD COLUMN last_claims jsonb NOT NULL DEFAULT '[]', -- what came with the last sign-in, without anything that opens a door
  ADD CONSTRAINT providers_pin CHECK ((pin_claim = '') = (pin_value = ''));
-- Nobody is let in through settings that no administrator went through, and nobody's identity moves to another issuer.
-- +goose StatementBegin
CREATE FUNCTION guard_provider() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'draft' OR NEW.tested_at IS NOT NULL THEN
      RAISE insufficient_privilege USING MESSAGE = 'a provider begins as a draft';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.org_id, NEW.provider_id) <> (OLD.org_id, OLD.provider_id)
    OR NEW.issuer <> OLD.issuer AND EXISTS (SELECT 1 FROM identities i WHERE i.org_id = OLD.org_id AND i.provider_id = OLD.provider_id) THEN
    RAISE insufficient_privilege USING MESSAGE = 'who came through an issuer came through no other';
  END IF;
  IF (NEW.issuer, NEW.client_id, NEW.auth_method, NEW.client_secret, NEW.scopes, NEW.pin_claim, NEW.pin_value, NEW.need_acr, NEW.need_amr)
    <> (OLD.issuer, OLD.client_id, OLD.auth_method, OLD.client_secret, OLD.scopes, OLD.pin_claim, OLD.pin_value, OLD.need_acr, OLD.need_amr) THEN
    NEW.settled_at := clock_timestamp();
    NEW.tested_at := NULL;
    -- A new secret is what keeps a provider going; anything else is another way in.
    IF NEW.state = 'active' AND (NEW.issuer, NEW.client_id, NEW.pin_claim, NEW.pin_value, NEW.need_acr, NEW.need_amr)
      <> (OLD.issuer, OLD.client_id, OLD.pin_claim, OLD.pin_value, OLD.need_acr, OLD.need_amr) THEN
      NEW.state := 'off';
    END IF;
  ELSIF NEW.tested_at IS DISTINCT FROM OLD.tested_at AND app_actor() <> 'sign_in' THEN
    RAISE insufficient_privilege USING MESSAGE = 'a provider is tested by signing in through it';
  END IF;
  IF NEW.state = 'active' AND OLD.state <> 'active' AND NEW.tested_at IS NULL THEN
    RAISE insufficient_privilege USING MESSAGE = 'a provider is switched on after a test that succeeded';
  END IF;
  RETURN NEW;
END $$;
-- Nobody shuts the organization's door by itself: email links end where a provider lets people in.
CREATE FUNCTION guard_sign_in() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user = 'learnscape_app' AND app_actor() <> 'operator' AND NEW.sign_in = 'oidc'
    AND NOT EXISTS (SELECT 1 FROM providers p WHERE p.org_id = NEW.org_id AND p.state = 'active') THEN
    RAISE insufficient_privilege USING MESSAGE = 'a provider must let people in before it is the only way';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_provider BEFORE INSERT OR UPDATE ON providers FOR EACH ROW EXECUTE FUNCTION guard_provider();
CREATE TRIGGER guard_sign_in BEFORE UPDATE OF sign_in ON organizations FOR EACH ROW WHEN (NEW.sign_in <> OLD.sign_in) EXECUTE FUNCTION guard_sign_in();

-- What a sign-in under way is for: to enter; an administrator's test, which opens nothing; to add the account to one's own membership;
-- or to show once more who one is.
ALTER TABLE sign_ins
  ADD COLUMN purpose       text NOT NULL DEFAULT 'enter' CHECK (purpose IN ('enter', 'test', 'link', 'again')),
  ADD COLUMN membership_id uuid,               -- who sent the browser; NULL for whoever enters
  ADD COLUMN invitation    bytea CHECK (length(invitation) = 32), -- hash of the invitation that is accepted with it
  ADD CONSTRAINT sign_ins_member FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  ADD CONSTRAINT sign_ins_purpose CHECK ((purpose = 'enter') = (membership_id IS NULL));
CREATE INDEX sign_ins_provider ON sign_ins (org_id, provider_id);
CREATE INDEX sign_ins_membership ON sign_ins (org_id, membership_id) WHERE membership_id IS NOT NULL;
-- When the person of a session showed who they are; NULL if the provider did not say.
ALTER TABLE sessions ADD COLUMN auth_at timestamptz;
-- An email link of somebody for whom the door opens although all others sign in through a provider.
ALTER TABLE email_links ADD COLUMN emergency boolean NOT NULL DEFAULT false;
-- Where single sign-on is the only way: which administrator can still come in by an email link.
CREATE TABLE doors (
  org_id    uuid PRIMARY KEY REFERENCES organizations,
  emergency uuid NOT NULL,
  shut_at   timestamptz NOT NULL,
  FOREIGN KEY (org_id, emergency) REFERENCES memberships (org_id, membership_id)
);
CALL own('doors');

-- The settings of a provider, sent to somebody who is no member: a link that shows this one form, and ends when it was filled in.
CREATE TABLE provider_errands (
  org_id      uuid NOT NULL REFERENCES organizations,
  token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
  provider_id uuid NOT NULL,
  email       text NOT NULL CHECK (email = lower(email)),
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, token_hash),
  FOREIGN KEY (org_id, provider_id) REFERENCES providers ON DELETE CASCADE
);
CREATE INDEX provider_errands_provider ON provider_errands (org_id, provider_id);
CALL own('provider_errands');

-- An invitation of a person into the organization, mailed to one address and used once.
CREATE TABLE member_invitations (
  org_id        uuid NOT NULL REFERENCES organizations,
  invitation_id uuid NOT NULL,
  token_hash    bytea NOT NULL CHECK (length(token_hash) = 32),
  email         text NOT NULL CHECK (email = lower(email)),
  roles         text[] NOT NULL,
  state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'withdrawn')),
  invited_by    uuid NOT NULL,
  created_at    timestamptz NOT NULL,
  sent_at       timestamptz NOT NULL,          -- of the mail whose link counts
  sent          smallint NOT NULL DEFAULT 1,   -- how many mails
  expires_at    timestamptz NOT NULL,
  decided_at    timestamptz,
  PRIMARY KEY (org_id, invitation_id),
  FOREIGN KEY (org_id, invited_by) REFERENCES memberships (org_id, membership_id)
);
CREATE UNIQUE INDEX member_invitations_token ON member_invitations (org_id, token_hash);
CREATE UNIQUE INDEX member_invitations_open ON member_invitations (org_id, email) WHERE state = 'open';
CREATE INDEX member_invitations_recent ON member_invitations (org_id, sent_at DESC, invitation_id);
CREATE INDEX member_invitations_by ON member_invitations (org_id, invited_by);
CALL own('member_invitations');
-- +goose Down
SELECT 1;
