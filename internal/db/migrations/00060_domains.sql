-- +goose Up
-- A domain is proven by a TXT record that its owner alone can set, and looked for again every day. Several organizations may say
-- that it is theirs, and none learns of the others; for one at a time it is proven. token '' is a domain that the operator vouches for.
ALTER TABLE domains
  DROP CONSTRAINT domains_pkey,
  ADD PRIMARY KEY (org_id, domain),
  ADD COLUMN token       text NOT NULL DEFAULT '',
  ADD COLUMN created_at  timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN tried_at    timestamptz,           -- when the DNS was asked last
  ADD COLUMN answered_at timestamptz,           -- and when it answered last, whatever it said
  ADD COLUMN lost_at     timestamptz,           -- since when a record that was there is missing
  ADD CONSTRAINT domains_state CHECK (verified_at IS NULL OR lost_at IS NULL);
DROP INDEX domains_org;
CREATE UNIQUE INDEX domains_verified ON domains (domain) WHERE verified_at IS NOT NULL;
CREATE INDEX domains_due ON domains (tried_at NULLS FIRST) WHERE token <> '';
-- The registrar looks through the domains of all organizations, and changes them in the scope of each.
CREATE POLICY p_registrar ON domains FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'registrar');
-- +goose StatementBegin
CREATE FUNCTION guard_domain() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF current_user <> 'learnscape_app' OR app_actor() = 'operator' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.verified_at IS NOT NULL OR NEW.lost_at IS NOT NULL OR length(NEW.token) < 43 THEN
      RAISE insufficient_privilege USING MESSAGE = 'a domain begins unproven, with a record of its own';
    END IF;
  ELSIF (NEW.org_id, NEW.domain, NEW.token) <> (OLD.org_id, OLD.domain, OLD.token)
    OR app_actor() <> 'registrar' AND (NEW.verified_at, NEW.lost_at, NEW.answered_at) IS DISTINCT FROM (OLD.verified_at, OLD.lost_at, OLD.answered_at) THEN
    RAISE insufficient_privilege USING MESSAGE = 'only the DNS proves a domain';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_domain BEFORE INSERT OR UPDATE ON domains FOR EACH ROW EXECUTE FUNCTION guard_domain();
-- +goose Down
SELECT 1;
