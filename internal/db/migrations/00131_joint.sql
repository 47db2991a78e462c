-- +goose Up
-- A value proposition that the publisher of a path and an organization that adopted it say together: one text, in numbered versions,
-- proposed by either and accepted by the other. Both own the rows. What is signed is the hash of the words and of whose they are.
CREATE TABLE joint_propositions (
  publisher             uuid NOT NULL REFERENCES organizations,
  adopter               uuid NOT NULL REFERENCES organizations,
  path_id               uuid NOT NULL,
  version               integer NOT NULL CHECK (version > 0),
  state                 text NOT NULL CHECK (state IN ('proposed', 'accepted', 'replaced', 'countered', 'declined', 'withdrawn', 'taken_back')),
  proposed_by           uuid NOT NULL,
  title                 text NOT NULL,           -- of the path when it was proposed
  proposition           text NOT NULL CHECK (length(proposition) BETWEEN 1 AND 300),
  publisher_knows       text NOT NULL CHECK (length(publisher_knows) <= 300),
  adopter_adds          text NOT NULL CHECK (length(adopter_adds) <= 300),
  customer_gets         text NOT NULL CHECK (length(customer_gets) <= 300),
  words_hash            bytea NOT NULL CHECK (length(words_hash) = 32),
  for_customers         boolean NOT NULL DEFAULT false, -- the adopter's choice: its customers read it, too
  accepted_publisher_at timestamptz,
  accepted_adopter_at   timestamptz,
  created_at            timestamptz NOT NULL,
  decided_at            timestamptz,
  PRIMARY KEY (publisher, adopter, path_id, version),
  CHECK (proposed_by IN (publisher, adopter))
);
CREATE UNIQUE INDEX joint_propositions_open ON joint_propositions (publisher, adopter, path_id) WHERE state = 'proposed';
CREATE UNIQUE INDEX joint_propositions_accepted ON joint_propositions (publisher, adopter, path_id) WHERE state = 'accepted';
CREATE INDEX joint_propositions_newest ON joint_propositions (publisher, path_id, decided_at DESC, adopter) WHERE state = 'accepted';
CREATE INDEX joint_propositions_adopter ON joint_propositions (adopter, path_id);
CALL wall('joint_propositions');

-- joint_holds: what was said of the path since the two are connected may be signed: the connection runs and the path is open to the
-- adopter for additions. It may be shown while the path is in the adopter's library, too; the publisher learns that from what the adopter
-- signed and from nothing else. It answers to the two, and of what is shown to an organization that the adopter calls a customer and to which the
-- path is open; to nobody else.
-- +goose StatementBegin
CREATE FUNCTION joint_holds(owner uuid, taker uuid, path uuid, said timestamptz, shown boolean) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN (app_org() IN (owner, taker)
      OR shown AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = taker AND s.other_org = app_org() AND s.state = 'active' AND s.relationship = 'customer') AND opened(owner, path))
    AND EXISTS (SELECT 1 FROM connections c WHERE least(c.org_a, c.org_b) = least(owner, taker) AND greatest(c.org_a, c.org_b) = greatest(owner, taker) AND c.state = 'active' AND coalesce(c.since, '-infinity') <= said)
    AND (NOT shown OR EXISTS (SELECT 1 FROM adoptions a WHERE a.org_id = taker AND a.item_org = owner AND a.item_id = path))
    AND EXISTS (SELECT 1 FROM items i WHERE i.org_id = owner AND i.item_id = path AND i.state = 'published')
    AND EXISTS (SELECT 1 FROM collection_items ci JOIN grants g ON g.org_id = ci.org_id AND g.collection_id = ci.collection_id
      WHERE ci.org_id = owner AND ci.item_id = path AND ci.listed_at IS NOT NULL AND g.viewer_org = taker AND g.use_right IN ('adapt', 'show') AND (g.until IS NULL OR g.until > now()))
    AND NOT EXISTS (SELECT 1 FROM organizations o WHERE o.org_id IN (owner, taker) AND o.state <> 'active');
END $$;

-- Each side signs for itself, once, what stays as it was proposed; only what both signed is accepted, and only people sign.
CREATE FUNCTION guard_joint() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  ours boolean := NEW.publisher = app_org();
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF app_actor() <> 'member' OR app_org() IS NULL OR app_org() NOT IN (NEW.publisher, NEW.adopter) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people of the two sign, nobody else does';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'proposed' OR NEW.proposed_by <> app_org() OR (NEW.accepted_publisher_at IS NOT NULL) <> ours OR (NEW.accepted_adopter_at IS NOT NULL) = ours OR ours AND NEW.for_customers THEN
      RAISE insufficient_privilege USING MESSAGE = 'a version is proposed and signed by who acts, and by nobody else';
    END IF;
    IF NEW.words_hash <> sha256(convert_to(concat_ws(E'\n', 'learnscape joint proposition v1', NEW.publisher, NEW.adopter, NEW.path_id,
        length(NEW.proposition) || ' ' || NEW.proposition, length(NEW.publisher_knows) || ' ' || NEW.publisher_knows,
        length(NEW.adopter_adds) || ' ' || NEW.adopter_adds, length(NEW.customer_gets) || ' ' || NEW.customer_gets), 'UTF8')) THEN
      RAISE insufficient_privilege USING MESSAGE = 'what is signed is the hash of the words';
    END IF;
  ELSE
    IF (NEW.publisher, NEW.adopter, NEW.path_id, NEW.version, NEW.proposed_by, NEW.title, NEW.proposition, NEW.publisher_knows, NEW.adopter_adds, NEW.customer_gets, NEW.words_hash, NEW.created_at)
      <> (OLD.publisher, OLD.adopter, OLD.path_id, OLD.version, OLD.proposed_by, OLD.title, OLD.proposition, OLD.publisher_knows, OLD.adopter_adds, OLD.customer_gets, OLD.words_hash, OLD.created_at) THEN
      RAISE insufficient_privilege USING MESSAGE = 'what was proposed stays as it is';
    END IF;
    IF NEW.for_customers <> OLD.for_customers AND ours THEN
      RAISE insufficient_privilege USING MESSAGE = 'what the customers of the adopter read is its own choice';
    END IF;
    IF NEW.accepted_publisher_at IS DISTINCT FROM OLD.accepted_publisher_at AND NOT (ours AND OLD.accepted_publisher_at IS NULL AND OLD.state = 'proposed' AND NEW.state = 'accepted')
      OR NEW.accepted_adopter_at IS DISTINCT FROM OLD.accepted_adopter_at AND NOT (NOT ours AND OLD.accepted_adopter_at IS NULL AND OLD.state = 'proposed' AND NEW.state = 'accepted') THEN
      RAISE insufficient_privilege USING MESSAGE = 'each side signs for itself, once, what is proposed';
    END IF;
    IF NEW.state <> OLD.state AND NOT (CASE OLD.state || ' ' || NEW.state
        WHEN 'proposed accepted' THEN NEW.accepted_publisher_at IS NOT NULL AND NEW.accepted_adopter_at IS NOT NULL
        WHEN 'proposed countered' THEN true
        WHEN 'proposed declined' THEN NEW.proposed_by <> app_org()
        WHEN 'proposed withdrawn' THEN NEW.proposed_by = app_org()
        WHEN 'accepted replaced' THEN true
        WHEN 'accepted taken_back' THEN true
        ELSE false END) THEN
      RAISE insufficient_privilege USING MESSAGE = 'what is settled stays settled';
    END IF;
  END IF;
  IF (TG_OP = 'INSERT' OR NEW.state = 'accepted' AND OLD.state <> 'accepted') AND NOT joint_holds(NEW.publisher, NEW.adopter, NEW.path_id, NEW.created_at, false) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a joint proposition is of a path that an agreement opens for additions';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_joint BEFORE INSERT OR UPDATE ON joint_propositions FOR EACH ROW EXECUTE FUNCTION guard_joint();
REVOKE EXECUTE ON FUNCTION joint_holds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION joint_holds TO learnscape_app;
GRANT CREATE ON SCHEMA public TO learnscape_search;
ALTER FUNCTION joint_holds OWNER TO learnscape_search;
REVOKE CREATE ON SCHEMA public FROM learnscape_search;
CREATE POLICY p_both ON joint_propositions TO learnscape_app USING ((SELECT app_org()) IN (publisher, adopter)) WITH CHECK ((SELECT app_org()) IN (publisher, adopter));
CREATE POLICY p_customers ON joint_propositions FOR SELECT TO learnscape_app USING (state = 'accepted' AND for_customers AND joint_holds(publisher, adopter, path_id, created_at, true));
GRANT SELECT, INSERT, UPDATE ON joint_propositions TO learnscape_app;
-- +goose Down
DROP TABLE joint_propositions;
DROP FUNCTION joint_holds, guard_joint;
