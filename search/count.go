package search

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
)

// looked is what somebody looked for, as it is stored.
type looked struct {
	org                       id.Org
	day, words, lang, results string
}

// tally counts in memory what was looked for, until flush writes it: a question then waits for no disk. What a process that
// is killed had not written yet is lost, a few seconds of it at most.
type tally struct {
	mu   sync.Mutex
	n    map[looked]int
	full chan struct{} // wakes Run before its time
}

// flushEvery is how long a count waits in memory at most; tallyMost how many different ones do, about 2 MB. A flush is asked
// for at half of that; what comes when all is taken is not counted, so that a database that is away cannot fill the memory.
const (
	flushEvery = 3 * time.Second
	tallyMost  = 10000
)

func (t *tally) add(l looked, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[looked]int{}
	}
	if _, ok := t.n[l]; !ok && len(t.n) >= tallyMost {
		return
	}
	t.n[l] += n
	if len(t.n) >= tallyMost/2 {
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
}

// count adds the question to what the acting member's organization looked for today. What is stored names no person and no
// time of day; words that look like an address or a number of somebody are left out, and words that stand in no document
// are kept only once several people looked for them.
func (s *Service) count(ctx context.Context, viewer scope.Scope, r Request, total int) {
	if viewer.Actor != scope.Member || viewer.ReadsOnly() {
		return
	}
	now := s.now()
	words := s.rare.keep(now, viewer.Membership, s.known.Load().lexicon, r.Query.Text)
	if len(words) == 0 {
		return
	}
	results := "many"
	if total == 0 {
		results = "none"
	} else if total <= 3 {
		results = "few"
	}
	s.tally.add(looked{viewer.Org, now.Format(time.DateOnly), strings.Join(words, " "), string(lang.From(ctx)), results}, 1)
}

// Flush writes what was counted in memory, one transaction for each organization. What cannot be written is kept for the next time;
// a commit whose answer was lost counts twice.
func (s *Service) Flush(ctx context.Context) error {
	if err := authz.Check(ctx, authz.Index, id.Org{}); err != nil {
		return err
	}
	s.tally.mu.Lock()
	all := s.tally.n
	s.tally.n = nil
	s.tally.mu.Unlock()
	byOrg := map[id.Org][]looked{}
	for l := range all {
		byOrg[l.org] = append(byOrg[l.org], l)
	}
	var failed error
	for org, list := range byOrg {
		err := s.db.Tx(jobs.Enter(ctx, scope.Counter, org), func(tx *db.Tx) error {
			for part := range slices.Chunk(list, batchSize) {
				var days, words, langs, results []string
				var n []int32
				for _, l := range part {
					days, words, langs, results, n = append(days, l.day), append(words, l.words), append(langs, l.lang), append(results, l.results), append(n, int32(min(all[l], math.MaxInt32))) //nolint:gosec // Bounded.
				}
				// In the order of the key, so that two replicas do not wait for each other in a circle.
				if _, err := tx.Exec(`INSERT INTO search_events AS e (org_id, day, q_norm, lang, results, n)
					SELECT $1, u.day, u.q_norm, u.lang, u.results, u.n FROM unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::int[]) AS u(day, q_norm, lang, results, n)
					ORDER BY u.day, u.q_norm, u.lang, u.results
					ON CONFLICT (org_id, day, q_norm, lang, results) DO UPDATE SET n = e.n + excluded.n`, org, days, words, langs, results, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("count what %s looked for: %w", org, err))
			for _, l := range list {
				s.tally.add(l, all[l])
			}
		}
	}
	return failed
}

// rareWords remembers for a day, in memory only and under a key that nobody knows, how many people typed a word that no
// document has.
type rareWords struct {
	mu   sync.Mutex
	day  string
	key  []byte
	seen map[[16]byte]map[[16]byte]bool
}

// The figures of the design: at least two people, and no more words remembered than a day of a large installation has.
const (
	rarePeople = 2
	rareMost   = 20000
)

// keep returns the words of text that may be stored, sorted, so that the same question in another order counts as one.
func (w *rareWords) keep(now time.Time, who id.Membership, lex *Lexicon, text string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if day := now.Format(time.DateOnly); day != w.day {
		w.day, w.key, w.seen = day, make([]byte, 32), map[[16]byte]map[[16]byte]bool{}
		_, _ = rand.Read(w.key) // It never fails, see crypto/rand.
	}
	var out []string
	for field := range strings.FieldsSeq(cut(text, 400)) {
		if personal(field) {
			continue
		}
		for word := range strings.FieldsSeq(normalize(field)) {
			if _, ok := lex.Word(word); !ok && !w.common(word, who) {
				continue
			}
			if !slices.Contains(out, word) && len(out) < 12 {
				out = append(out, word)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (w *rareWords) common(word string, who id.Membership) bool {
	k, p := w.blind(word), w.blind(who.String())
	if w.seen[k] == nil {
		if len(w.seen) >= rareMost {
			return false
		}
		w.seen[k] = map[[16]byte]bool{}
	}
	if len(w.seen[k]) < rarePeople {
		w.seen[k][p] = true
	}
	return len(w.seen[k]) >= rarePeople
}

func (w *rareWords) blind(s string) (out [16]byte) {
	h := hmac.New(sha256.New, w.key)
	h.Write([]byte(s))
	copy(out[:], h.Sum(nil))
	return out
}

// personal reports what looks like an address, a link or a telephone or customer number.
func personal(s string) bool {
	digits := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return strings.ContainsAny(s, "@") || strings.Contains(s, "://") || strings.HasPrefix(s, "www.") || digits >= 5
}

// Wanted is something that people looked for.
type Wanted struct {
	Words string `db:"q_norm"` // normalized, in alphabetical order
	N     int    `db:"n"`      // how often
	Days  int    `db:"days"`   // on how many days
}

// wantedLeast is how often something must have been looked for before anybody reads it.
const wantedLeast = 3

// WantedSince lists what the acting member's organization looked for since then and did not find, the most frequent first.
// Authors, moderators and administrators may.
func (s *Service) WantedSince(ctx context.Context, since time.Time) (out []Wanted, err error) {
	if err := authz.Check(ctx, authz.Author, id.Org{}); err != nil {
		return nil, err
	}
	who, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.List(b, &out, `SELECT e.q_norm, sum(e.n)::int AS n, count(DISTINCT e.day)::int AS days FROM search_events e
			WHERE e.org_id = $1 AND e.day >= $2::date AND e.results = 'none' GROUP BY e.q_norm HAVING sum(e.n) >= $3 ORDER BY n DESC, e.q_norm LIMIT 100`,
			who.Org, since, wantedLeast)
	})
	return out, err
}
