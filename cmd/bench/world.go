package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// size is how large a world is.
type size struct {
	orgs, items int // items of each organization
	docs        int // items that are indexed for search, at most
	learners    int // who are about to finish lessons, in organization 5
}

// The classes of identifiers in the bench's world: uid(organization, class, number), so that both the loader's SQL and the
// load generator know every identifier without asking.
const (
	orgClass = iota
	personClass
	memberClass
	itemClass
	collectionClass
	connectionClass
	enrollmentClass
	questionClass
	sessionClass
)

// The organizations with a part in the bench. The narrow viewer has one collection opened to it, the wide one 200.
const (
	narrowOrg   = 1
	wideOrg     = 2
	vendorOrg   = 3 // publishes the path that is measured
	learnersOrg = 5 // whose people finish lessons
)

// firstLearner is the number of the first of those people among their organization's members.
const firstLearner = 1001

func uid(org, class, n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("%08x-0000-7000-8000-%04x%08x", org, class, n))
}

// uidSQL is uid for statements.
const uidSQL = `CREATE FUNCTION pg_temp.uid(a int, b int, c int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT (lpad(to_hex(a), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(b), 4, '0') || lpad(to_hex(c), 8, '0'))::uuid $$`

// bulk are the tables whose indexes are made after the rows: that is several times faster.
var bulk = []string{"items", "collections", "collection_items", "versions", "lessons", "stories", "questions", "enrollments", "completions", "search_documents", "memberships", "persons", "sessions"} //nolint:gochecknoglobals // A constant list.

// kindSQL is the kind of the item with the number k: a path, two courses and a story in ten, resources otherwise.
const kindSQL = `(ARRAY['path','course','course','story','resource','resource','resource','resource','resource','resource'])[1 + mod(k, 10)]`

// titleSQL is its title, of three words out of 24 × 40 × 32.
const titleSQL = `(ARRAY['Calibrate','Read','Place','Replace','Explain','Verify','Install','Plan','Audit','Record','Compare','Clean','Document','Trace','Rehearse','Prepare','Repair','Sell','Show','Align','Adjust','Check','Review','Close'])[1 + mod(k, 24)]
	|| ' the ' || (ARRAY['freezer','probe','logger','gateway','dock','alarm','report','sensor','truck','store','pharmacy','kitchen','pump','valve','cellar','lift','robot','camera','battery','inverter','panel','meter','boiler','chiller','press','mill','crane','scale','scanner','printer','router','switch','server','cabinet','cable','antenna','filter','fan','motor','drive'])[1 + mod(k / 7, 40)]
	|| ' ' || (ARRAY['in the field','at night','before an audit','with a customer','in winter','after a fault','for beginners','step by step','under load','on arrival','in ten minutes','without tools','with two people','from the roof','in a clean room','on a ship','by telephone','in a hospital','on Mondays','at minus eighty','with old software','for auditors','for buyers','in the cold','in the dark','with gloves','from a list','at handover','for drivers','in summer','with the client','once more'])[1 + mod(k / 3 + n, 32)]`

// atSQL is when it was published.
const atSQL = `timestamptz '2026-01-01' + k * interval '7 minutes' + n * interval '3 seconds'`

// outlineSQL is the outline of a course with five lessons, and of a path that nobody opens.
const (
	courseOutline = `(SELECT jsonb_build_object('modules', jsonb_build_array(jsonb_build_object('title', 'All', 'lessons', (SELECT jsonb_agg(jsonb_build_object('key', 'lesson-' || l, 'title', 'Lesson ' || l || ' about what to do', 'kind', 'lesson', 'minutes', 6)) FROM generate_series(1, 5) l)))))`
	noOutline     = `(SELECT '{"steps": []}'::jsonb)`
)

// fill loads the world as a superuser with foreign keys off, in bulk: what it writes is consistent by construction.
func fill(ctx context.Context, dsn string, s size, progress func(string)) error {
	conn, err := loader(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
	progress("rows")
	again, err := dropIndexes(ctx, conn)
	if err != nil {
		return err
	}
	orgs := fmt.Sprintf(`generate_series(1, %d) n`, s.orgs)
	items := fmt.Sprintf(`%s, generate_series(0, %d) k`, orgs, s.items-1)
	half := fmt.Sprintf(` FROM generate_series(%%d, %d, 2) n, generate_series(0, %d) k`, s.orgs, s.items-1)
	perOrg := max(1, s.items/50)
	item := `INSERT INTO items (org_id, item_id, kind, title, slug, summary, level, minutes, topics, parts, steps, state, version, finished, published_at)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 3, k), ` + kindSQL + `, ` + titleSQL + `, 'item-' || k, 'What a person can do afterwards, in one sentence that fills a line and a half of a card.',
				'beginner', 20, '{alarms}', jsonb_build_array(jsonb_build_object('org', pg_temp.uid(n, 0, 0), 'n', 10)), 10, 'published', 1, k % 50 / 5 * 5, ` + atSQL
	if err := atOnce(ctx, dsn, []string{
		item + fmt.Sprintf(half, 1), item + fmt.Sprintf(half, 2),
		`INSERT INTO organizations (org_id, slug, name, short, tagline, color, hue, chroma, sign_in)
			SELECT pg_temp.uid(n, 0, 0), 'org' || n, 'Organization ' || n, 'O' || n % 10, 'What we do in one line', '#2855ad', n * 37 % 360, 0.12, 'email' FROM ` + orgs,
		`INSERT INTO persons (person_id) SELECT pg_temp.uid(n, 1, m) FROM ` + orgs + `, generate_series(1, 20) m`,
		`INSERT INTO memberships (org_id, membership_id, person_id, name, email, seen_at) SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 2, m), pg_temp.uid(n, 1, m), 'Person ' || m, 'p' || m || '@org' || n || '.example', now()
			FROM ` + orgs + `, generate_series(1, 20) m`,
		fmt.Sprintf(`INSERT INTO collections (org_id, collection_id, slug, title, visibility)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 4, c), 'c' || c, 'Collection ' || c, 'agreement' FROM %s, generate_series(0, %d) c`, orgs, perOrg-1),
		fmt.Sprintf(`INSERT INTO collection_items (org_id, collection_id, item_id, kind, listed_at)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 4, least(k / 50, %d)), pg_temp.uid(n, 3, k), `+kindSQL+`, `+atSQL+` FROM %s`, perOrg-1, items),
		`INSERT INTO versions (org_id, item_id, version, title, summary, outcome, outline, digest, published_at)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 3, k), 1, ` + titleSQL + `, 'One sentence.', 'People can do it alone.', CASE WHEN k % 10 = 0 THEN ` + noOutline + ` ELSE ` + courseOutline + ` END, '\x00', ` + atSQL + `
			FROM ` + items + ` WHERE k % 10 < 3`,
		`INSERT INTO lessons (org_id, item_id, version, key, position, title, kind, minutes, source, blocks, plain)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 3, k), 1, 'lesson-' || l, l, 'Lesson ' || l, 'lesson', 6, 'Text.', '[{"kind": "prose", "key": "start", "html": "<p>Text.</p>"}]', 'Text.'
			FROM ` + items + `, generate_series(1, 10) l WHERE k % 10 IN (1, 2) AND n <= 20`,
		`INSERT INTO stories (org_id, item_id, story_kind, source, blocks, plain, author_name, quote)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 3, k), 'article', 'Text.', '[{"kind": "prose", "key": "start", "html": "<p>Text.</p>"}]', 'Text.', 'Person 1', 'It worked.' FROM ` + items + ` WHERE k % 10 = 3`,
		// The narrow viewer and the learners see the first collection of the vendor; the wide viewer the first of 200 in all.
		fmt.Sprintf(`INSERT INTO grants (org_id, viewer_org, collection_id) SELECT pg_temp.uid(%d, 0, 0), pg_temp.uid(v, 0, 0), pg_temp.uid(%[1]d, 4, 0) FROM unnest(ARRAY[%d, %d]) v`, vendorOrg, narrowOrg, learnersOrg),
		fmt.Sprintf(`INSERT INTO grants (org_id, viewer_org, collection_id)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(%d, 0, 0), pg_temp.uid(n, 4, c) FROM generate_series(3, %d) n, generate_series(0, %d) c ORDER BY c, n LIMIT 200`, wideOrg, s.orgs, perOrg-1),
		fmt.Sprintf(`INSERT INTO connections (connection_id, org_a, org_b, state, asked_by, since) SELECT DISTINCT pg_temp.uid(v.n, 5, o.n), pg_temp.uid(v.n, 0, 0), pg_temp.uid(o.n, 0, 0), 'active', pg_temp.uid(v.n, 0, 0), now()
			FROM (VALUES (%d, 5), (%d, %d)) v(n, upto) JOIN generate_series(3, %[3]d) o(n) ON o.n <= v.upto`, narrowOrg, wideOrg, s.orgs),
		// Everybody learns four courses and has finished three lessons of each.
		`INSERT INTO enrollments (org_id, enrollment_id, membership_id, item_org, item_id, version, origin, done, total, updated_at)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 6, m * 10 + j), pg_temp.uid(n, 2, m), pg_temp.uid(n, 0, 0), pg_temp.uid(n, 3, 1 + 10 * (m % 10 + j)), 1, 'choice', 3, 10, now() - j * interval '1 day'
			FROM ` + orgs + `, generate_series(1, 20) m, generate_series(1, 4) j`,
		`INSERT INTO questions (org_id, question_id, membership_id, about_org, about_item, audience, shown_as, shown_name, title, body, created_at, active_at)
			SELECT pg_temp.uid(n, 0, 0), pg_temp.uid(n, 7, q), pg_temp.uid(n, 2, 1 + q % 20), pg_temp.uid(n, 0, 0), pg_temp.uid(n, 3, q), (ARRAY['org', 'connected'])[1 + q % 2], 'name', 'Person ' || 1 + q % 20,
				'How long does the probe need in the ice bath, question ' || q, 'We wait two minutes. Is that enough?', now() - q * interval '1 hour', now() - q * interval '1 hour' FROM ` + orgs + `, generate_series(1, 50) q`,
		// People who are about to finish lessons.
		fmt.Sprintf(`INSERT INTO persons (person_id) SELECT pg_temp.uid(%d, 1, m) FROM generate_series(%d, %d) m`, learnersOrg, firstLearner, firstLearner+s.learners-1),
		fmt.Sprintf(`INSERT INTO memberships (org_id, membership_id, person_id, name, email, seen_at) SELECT pg_temp.uid(%d, 0, 0), pg_temp.uid(%[1]d, 2, m), pg_temp.uid(%[1]d, 1, m), 'Learner ' || m, 'l' || m || '@org%[1]d.example', now() FROM generate_series(%d, %d) m`,
			learnersOrg, firstLearner, firstLearner+s.learners-1),
	}); err != nil {
		return err
	}
	if err := atOnce(ctx, dsn, []string{
		`INSERT INTO connection_sides (org_id, other_org, connection_id, relationship, state) SELECT org_a, org_b, connection_id, 'partner', 'active' FROM connections
			UNION ALL SELECT org_b, org_a, connection_id, 'vendor', 'active' FROM connections`,
		`INSERT INTO completions (org_id, membership_id, item_org, item_id, lesson_key, version)
			SELECT e.org_id, e.membership_id, e.item_org, e.item_id, 'lesson-' || l, 1 FROM enrollments e, generate_series(1, 3) l`,
	}); err != nil {
		return err
	}
	progress("sessions")
	if err := sessions(ctx, conn, s); err != nil {
		return err
	}
	progress("documents")
	if err := documents(ctx, conn, s); err != nil {
		return err
	}
	progress("indexes")
	return atOnce(ctx, dsn, again)
}

// loader connects as a superuser that checks no foreign keys, waits for no disk, and knows pg_temp.uid.
func loader(ctx context.Context, dsn string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	for _, q := range []string{`SET session_replication_role = replica`, `SET synchronous_commit = off`, `SET maintenance_work_mem = '256MB'`, `SET work_mem = '64MB'`, uidSQL} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return nil, errors.Join(err, conn.Close(ctx))
		}
	}
	return conn, nil
}

// atOnce runs statements that do not depend on each other, two at a time.
func atOnce(ctx context.Context, dsn string, list []string) error {
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan string, len(list))
	for _, q := range list {
		next <- q
	}
	close(next)
	for range 2 {
		g.Go(func() error {
			conn, err := loader(ctx, dsn)
			if err != nil {
				return err
			}
			defer conn.Close(ctx) //nolint:errcheck // Nothing is buffered.
			for q := range next {
				if _, err := conn.Exec(ctx, q); err != nil {
					return fmt.Errorf("%w in %.120s", err, q)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// dropIndexes drops the bulk tables' indexes that no constraint needs and returns how to make them again.
func dropIndexes(ctx context.Context, conn *pgx.Conn) (again []string, err error) {
	rows, err := conn.Query(ctx, `SELECT i.indexname, i.indexdef FROM pg_indexes i WHERE i.schemaname = 'public' AND i.tablename = ANY($1)
		AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname AND c.contype IN ('p', 'u'))
		AND i.indexname NOT IN (SELECT conindid::regclass::text FROM pg_constraint WHERE conindid <> 0)`, bulk)
	if err != nil {
		return nil, err
	}
	type index struct{ Name, Def string }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
	if err != nil {
		return nil, err
	}
	for _, ix := range list {
		if _, err := conn.Exec(ctx, `DROP INDEX `+pgx.Identifier{ix.Name}.Sanitize()); err != nil {
			return nil, err
		}
		again = append(again, ix.Def)
	}
	return again, nil
}

// token is the session token of a member; it has the form of a real one.
func token(org, member int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "bench session %d %d", org, member))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// sessions signs in the two viewers and all learners for a day. They were seen a little ahead of now, so that no request of
// the bench has to note a visit: that happens once in five minutes for each person.
func sessions(ctx context.Context, conn *pgx.Conn, s size) error {
	var rows [][]any
	add := func(org, member int) {
		h := sha256.Sum256([]byte(token(org, member)))
		rows = append(rows, []any{uid(org, orgClass, 0), uid(org, sessionClass, member), h[:], uid(org, memberClass, member)})
	}
	add(narrowOrg, 1)
	add(narrowOrg, longMember)
	add(wideOrg, 1)
	for m := range s.learners {
		add(learnersOrg, firstLearner+m)
	}
	if _, err := conn.Exec(ctx, `CREATE TEMP TABLE raw_sessions (org_id uuid, session_id uuid, token_hash bytea, membership_id uuid)`); err != nil {
		return err
	}
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"raw_sessions"}, []string{"org_id", "session_id", "token_hash", "membership_id"}, pgx.CopyFromRows(rows)); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, `INSERT INTO sessions (org_id, session_id, token_hash, membership_id, seen_at, expires_at)
		SELECT org_id, session_id, token_hash, membership_id, now() + interval '20 minutes', now() + interval '1 day' FROM raw_sessions`)
	return err
}

// vocabulary is made of syllables; the first words are the most frequent.
func vocabulary(n int) []string {
	r := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // The same text in every run.
	syllables := strings.Fields("ba be bo ca ce co da de do fa fe fo ga go ha he ho ka ke ko la le lo ma me mo na ne no pa pe po ra re ro sa se so ta te to va ve vo wa we wi sta tri pla gro ner ter sen lin")
	seen := map[string]bool{}
	var out []string
	for len(out) < n {
		var b strings.Builder
		for range 2 + r.IntN(3) {
			b.WriteString(syllables[r.IntN(len(syllables))])
		}
		if w := b.String(); !seen[w] && len(w) > 4 {
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}

const vocabularySize = 20_000

// documents indexes items of as many organizations as it takes, every text with 60 words of a Zipf distribution. The words
// have no endings to be stemmed, so that their vector is written here and not parsed by the server.
func documents(ctx context.Context, conn *pgx.Conn, s size) error {
	words := vocabulary(vocabularySize)
	r := rand.New(rand.NewPCG(3, 5)) //nolint:gosec // The same text in every run.
	zipf := rand.NewZipf(r, 1.1, 20, vocabularySize-1)
	if _, err := conn.Exec(ctx, `CREATE TEMP TABLE raw_documents (n int, k int, vector text, words text[])`); err != nil {
		return err
	}
	total := min(s.docs, s.orgs*s.items)
	i := 0
	if _, err := conn.CopyFrom(ctx, pgx.Identifier{"raw_documents"}, []string{"n", "k", "vector", "words"}, pgx.CopyFromFunc(func() ([]any, error) {
		if i >= total {
			return nil, nil
		}
		at := map[string]string{}
		for j := range 60 {
			w := words[zipf.Uint64()]
			if at[w] != "" {
				at[w] += ","
			}
			at[w] += strconv.Itoa(j + 1)
		}
		var vector strings.Builder
		for w, places := range at {
			vector.WriteString(w + ":" + places + " ")
		}
		row := []any{int32(1 + i/s.items), int32(i % s.items), vector.String(), slices.Collect(maps.Keys(at))} //nolint:gosec // Small.
		i++
		return row, nil
	})); err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	perOrg := max(1, s.items/50)
	if _, err := conn.Exec(ctx, fmt.Sprintf(`INSERT INTO search_documents (doc_id, org_id, item_id, kind, channels, lang, minutes, popularity, published_at, title, title_norm, words, title_tsv, tsv, version)
		SELECT d.item_id, d.org_id, d.item_id, d.kind, ARRAY[d.org_id, pg_temp.uid(d.n, 4, least(d.k / 50, %d))], 'en', 20, d.finished, d.published_at, d.title, lower(d.title), d.words || string_to_array(lower(d.title), ' '),
			setweight(d.stems, 'A') || setweight(d.plain, 'B'), setweight(d.stems || d.plain, 'A') || d.vector::tsvector, 1
		FROM (SELECT r.*, i.org_id, i.item_id, i.kind, i.title, i.finished, i.published_at, to_tsvector('portal_en', i.title) AS stems, to_tsvector('portal_simple', i.title) AS plain
			FROM raw_documents r JOIN items i ON i.org_id = pg_temp.uid(r.n, 0, 0) AND i.item_id = pg_temp.uid(r.n, 3, r.k) OFFSET 0) d`, perOrg-1)); err != nil {
		return fmt.Errorf("documents: %w", err)
	}
	for _, q := range []string{`SELECT set_config('app.actor', 'operator', false)`, `SELECT search_rebuild_lexicon()`} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("lexicon: %w", err)
		}
	}
	return nil
}

// questions are what is searched for: two words of a title or text, the frequent ones more often.
func questions(n int) []string {
	words := vocabulary(vocabularySize)
	r := rand.New(rand.NewPCG(13, 17)) //nolint:gosec // The same questions in every run.
	zipf := rand.NewZipf(r, 1.1, 20, vocabularySize-1)
	nouns := strings.Fields("freezer probe logger gateway dock alarm report sensor truck store pharmacy kitchen pump valve cellar lift robot camera battery inverter")
	verbs := strings.Fields("calibrate read place replace explain verify install plan audit record compare clean document trace rehearse prepare")
	out := make([]string, n)
	for i := range out {
		switch i % 3 {
		case 0:
			out[i] = verbs[r.IntN(len(verbs))] + " " + nouns[r.IntN(len(nouns))]
		case 1:
			out[i] = nouns[r.IntN(len(nouns))] + " " + words[zipf.Uint64()]
		default:
			out[i] = words[zipf.Uint64()] + " " + words[zipf.Uint64()]
		}
	}
	return out
}
