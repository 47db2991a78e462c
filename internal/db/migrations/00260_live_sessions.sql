-- +goose Up
-- A live session: people meet at a time about a course or path, or about one of its lessons or steps. Whoever sees the item sees it.
CREATE TABLE live_sessions (
  org_id     uuid NOT NULL,
  session_id uuid NOT NULL,
  item_id    uuid NOT NULL,
  part       text NOT NULL DEFAULT '' CHECK (length(part) <= 200),   -- key of a lesson or step; '' for the whole
  title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  about      text NOT NULL DEFAULT '' CHECK (length(about) <= 2000),
  host       text NOT NULL DEFAULT '' CHECK (length(host) <= 200),   -- who leads it, as everybody reads it
  zone       text NOT NULL CHECK (length(zone) BETWEEN 1 AND 64),    -- in which it was planned (IANA)
  starts_at  timestamptz NOT NULL,
  ends_at    timestamptz NOT NULL CHECK (ends_at >= starts_at),
  seats      integer NOT NULL CHECK (seats BETWEEN 1 AND 1000),
  full_up    boolean NOT NULL DEFAULT false,                         -- no seat is free; how many are taken is its organization's alone
  state      text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'cancelled')),
  sequence   integer NOT NULL DEFAULT 0 CHECK (sequence >= 0),       -- of the invitation (RFC 5545, 3.8.7.4)
  made_by    uuid,
  made_at    timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, session_id),
  FOREIGN KEY (org_id, item_id) REFERENCES items
);
CREATE UNIQUE INDEX live_sessions_id ON live_sessions (session_id);
CREATE INDEX live_sessions_item ON live_sessions (org_id, item_id, starts_at, session_id);
CREATE INDEX live_sessions_next ON live_sessions (org_id, starts_at, session_id);
CALL part('live_sessions');
ALTER POLICY p_view ON live_sessions USING ((SELECT (app_view() IS NULL)::integer) <> 0 OR (org_id = (SELECT app_org()) AND viewed(item_id)));

-- Who has a seat, by its number, and who waits for one, in the order of their coming. The row is the organization's for which the person
-- learns; whose session it is seats them.
CREATE TABLE live_seats (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  session_org   uuid NOT NULL,
  session_id    uuid NOT NULL,
  seat_id       uuid NOT NULL,
  place         bigint GENERATED ALWAYS AS IDENTITY,
  number        integer CHECK (number > 0),                          -- NULL while waiting
  shown_as      text NOT NULL CHECK (shown_as IN ('name', 'company', 'someone')),
  shown_name    text NOT NULL DEFAULT '',                            -- what others read; '' for shown_as <> 'name'
  attended      boolean,                                             -- NULL: nobody said yet
  reminded      text NOT NULL DEFAULT '' CHECK (reminded IN ('', 'day', 'hour')),
  asked_at      timestamptz NOT NULL,
  PRIMARY KEY (org_id, membership_id, session_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships,
  CHECK (number IS NOT NULL OR attended IS NULL),
  CHECK ((shown_name <> '') <= (shown_as = 'name'))
);
-- A seat is nobody's twice, whatever happens at the same time.
CREATE UNIQUE INDEX live_seats_number ON live_seats (session_org, session_id, number) WHERE number IS NOT NULL;
CREATE INDEX live_seats_session ON live_seats (session_org, session_id, place);
CALL wall('live_seats');
CREATE POLICY p_own ON live_seats FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()));
-- A name crosses where the agreement lets it, now, to who sees the session.
CREATE POLICY p_named ON live_seats FOR SELECT TO learnscape_app USING ((SELECT app_actor()) = 'member' AND shown_as = 'name'
  AND EXISTS (SELECT 1 FROM connection_sides s WHERE s.org_id = live_seats.org_id AND s.other_org = (SELECT app_org()) AND s.state = 'active' AND s.meet = 'name')
  AND EXISTS (SELECT 1 FROM organizations o WHERE o.org_id = live_seats.org_id AND o.state = 'active')
  AND EXISTS (SELECT 1 FROM live_sessions l WHERE l.org_id = live_seats.session_org AND l.session_id = live_seats.session_id));
CREATE POLICY p_usher ON live_seats FOR SELECT TO learnscape_app USING (session_org = (SELECT app_org()) AND (SELECT app_actor()) = 'usher');
CREATE POLICY p_take ON live_seats FOR INSERT TO learnscape_app WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()) AND (SELECT app_actor()) = 'member'
  AND EXISTS (SELECT 1 FROM live_sessions l WHERE l.org_id = live_seats.session_org AND l.session_id = live_seats.session_id));
CREATE POLICY p_leave ON live_seats FOR DELETE TO learnscape_app USING (org_id = (SELECT app_org()) AND (membership_id = (SELECT app_membership()) OR (SELECT app_actor()) = 'keeper'));
CREATE POLICY p_move ON live_seats FOR UPDATE TO learnscape_app USING (session_org = (SELECT app_org()) AND (SELECT app_actor()) = 'usher') WITH CHECK (session_org = (SELECT app_org()) AND (SELECT app_actor()) = 'usher');
CREATE POLICY p_told ON live_seats FOR UPDATE TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'mailer') WITH CHECK (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'mailer');
GRANT SELECT, INSERT, UPDATE, DELETE ON live_seats TO learnscape_app;

-- Where people meet. It is read by its organization's authors, and by who has a seat, from a quarter of an hour before the beginning to the end.
CREATE TABLE live_links (
  org_id     uuid NOT NULL,
  session_id uuid NOT NULL,
  link       text NOT NULL CHECK (link ~ '^https://[^[:space:]]+$' AND length(link) <= 2000),
  PRIMARY KEY (org_id, session_id),
  FOREIGN KEY (org_id, session_id) REFERENCES live_sessions ON DELETE CASCADE
);
CALL wall('live_links');
CREATE POLICY p_author ON live_links TO learnscape_app
  USING (org_id = (SELECT app_org()) AND ((SELECT app_actor()) IN ('operator', 'keeper') OR EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.state = 'active' AND m.roles && '{author,administrator}')))
  WITH CHECK (org_id = (SELECT app_org()) AND ((SELECT app_actor()) = 'operator' OR EXISTS (SELECT 1 FROM memberships m WHERE m.org_id = (SELECT app_org()) AND m.membership_id = (SELECT app_membership()) AND m.state = 'active' AND m.roles && '{author,administrator}')));
CREATE POLICY p_seated ON live_links FOR SELECT TO learnscape_app USING (
  EXISTS (SELECT 1 FROM live_seats s WHERE s.org_id = (SELECT app_org()) AND s.membership_id = (SELECT app_membership()) AND s.session_id = live_links.session_id AND s.session_org = live_links.org_id AND s.number IS NOT NULL)
  AND EXISTS (SELECT 1 FROM live_sessions l WHERE l.org_id = live_links.org_id AND l.session_id = live_links.session_id AND l.state = 'planned' AND now() BETWEEN l.starts_at - interval '15 minutes' AND l.ends_at));
GRANT SELECT, INSERT, UPDATE, DELETE ON live_links TO learnscape_app;

-- In which zone a member reads times, and whether they are reminded.
CREATE TABLE live_settings (
  org_id        uuid NOT NULL,
  membership_id uuid NOT NULL,
  zone          text NOT NULL DEFAULT '' CHECK (length(zone) <= 64),
  quiet         boolean NOT NULL DEFAULT false,
  PRIMARY KEY (org_id, membership_id),
  FOREIGN KEY (org_id, membership_id) REFERENCES memberships
);
CALL wall('live_settings');
CREATE POLICY p_mine ON live_settings TO learnscape_app USING (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()))
  WITH CHECK (org_id = (SELECT app_org()) AND membership_id = (SELECT app_membership()));
CREATE POLICY p_mail ON live_settings FOR SELECT TO learnscape_app USING (org_id = (SELECT app_org()) AND (SELECT app_actor()) = 'mailer');
GRANT SELECT, INSERT, UPDATE, DELETE ON live_settings TO learnscape_app;

-- +goose StatementBegin
-- Nobody takes a seat in another's name, and no seat is taken that there is not. Whose session it is moves people up and says who came; who
-- sends mail notes that somebody was reminded.
CREATE FUNCTION guard_live_seat() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  may text[] := CASE app_actor() WHEN 'usher' THEN '{number,attended,reminded}' WHEN 'mailer' THEN '{reminded}' ELSE '{}' END;
BEGIN
  IF current_user <> 'learnscape_app' THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND (to_jsonb(NEW) - may <> to_jsonb(OLD) - may OR OLD.number IS NOT NULL AND NEW.number IS DISTINCT FROM OLD.number) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a seat stays whose it is';
  END IF;
  IF TG_OP = 'INSERT' AND (NEW.attended IS NOT NULL OR NEW.shown_name NOT IN ('', (SELECT m.name FROM memberships m WHERE m.org_id = NEW.org_id AND m.membership_id = NEW.membership_id))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'people come under their own name or none';
  END IF;
  IF NEW.number IS NOT NULL AND (TG_OP = 'INSERT' OR OLD.number IS NULL)
      AND NOT EXISTS (SELECT 1 FROM live_sessions l WHERE l.org_id = NEW.session_org AND l.session_id = NEW.session_id AND l.state = 'planned' AND NEW.number <= l.seats) THEN
    RAISE check_violation USING MESSAGE = 'there is no such seat';
  END IF;
  RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER guard_live_seat BEFORE INSERT OR UPDATE ON live_seats FOR EACH ROW EXECUTE FUNCTION guard_live_seat();

-- A mail can carry an invitation to a calendar.
ALTER TABLE mails ADD calendar text NOT NULL DEFAULT '' CHECK (length(calendar) <= 20000);
-- +goose Down
SELECT 1;
