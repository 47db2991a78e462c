package oracle_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/id"
)

// TestAPIWrites makes every call that changes something with everything that belongs to others: as somebody with every right in the
// own organization, with tokens that are not for it, that have expired, were revoked or belong to who left, and without one. What
// the model forbids is refused as a thing that is missing, what the token is not for is refused whatever it names, and the rows of all
// others are the same bytes afterwards.
func TestAPIWrites(t *testing.T) {
	t.Parallel()
	s := newSite(t, 43)
	s.forget("calls of the API")
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	tables := ownedTables(t, su)
	mine := s.orgs[1]
	boss := s.boss(mine)
	gone := mine.members[len(mine.members)-1]
	if gone == boss {
		gone = mine.members[0]
	}
	s.exec(mine, `UPDATE memberships SET roles = '{learner,administrator,partner_manager,author,marketer}' WHERE org_id = $1 AND membership_id = ANY($2)`, mine.id, []id.Membership{boss, gone})
	revoked := s.token(mine, boss, time.Hour, authz.TokenScopes()...)
	s.exec(mine, `DELETE FROM api_tokens t WHERE t.org_id = $1 AND t.created_at = (SELECT max(x.created_at) FROM api_tokens x WHERE x.org_id = $1)`, mine.id)
	left := s.token(mine, gone, time.Hour, authz.TokenScopes()...)
	s.exec(mine, `UPDATE memberships SET state = 'left' WHERE org_id = $1 AND membership_id = $2`, mine.id, gone)
	before := map[string]map[string]string{}
	for _, o := range s.orgs {
		before[o.slug] = digest(t, su, tables, o.id)
	}
	calls := s.apiWrites()
	tl := &tally{}
	statuses := map[int]int{}
	for _, who := range []struct {
		name, token string
		host        *org
		want        int // whatever is named; 0: as the model says
	}{
		{"a token for everything", s.token(mine, boss, time.Hour, authz.TokenScopes()...), mine, 0},
		{"a token for reading", s.token(mine, boss, time.Hour, authz.ReadContent, authz.ReadNetwork, authz.ReadPeople), mine, 403},
		{"an expired token", s.token(mine, boss, -time.Second, authz.TokenScopes()...), mine, 401},
		{"a revoked token", revoked, mine, 401},
		{"the token of who left", left, mine, 401},
		{"a token at another organization", s.token(mine, boss, time.Hour, authz.TokenScopes()...), s.orgs[0], 401},
		{"no token", "", mine, 401},
	} {
		r := &reader{name: who.name, host: who.host.slug + "." + base, org: mine, cookie: "ls_sid=" + s.session(mine, boss)}
		for _, v := range s.readers {
			if v.who.Org == mine.id.String() && v.who.Member == boss.String() {
				r.who = v.who
			}
		}
		r.who.Admin, r.who.Partners, r.who.Leads, r.who.Shares = true, true, true, true
		for _, key := range writing() {
			if len(calls[key]) == 0 {
				t.Errorf("nobody calls %s", key)
			}
			for i, c := range calls[key] {
				if who.want != 0 && i > 2 {
					break
				}
				header := map[string]string{"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}
				if who.token != "" {
					header["Authorization"] = "Bearer " + who.token
				}
				a := s.request(r, c.method, c.target, c.body, header)
				s.scan(tl, r, key, c.target+c.body, a)
				statuses[a.status]++
				switch {
				case who.want != 0 && a.status != who.want:
					t.Errorf("%s: %s %s answers %d, not %d", who.name, c.method, c.target, a.status, who.want)
				case who.want == 0 && a.status >= 200 && a.status < 300 && key != "POST /api/v1/collections":
					t.Errorf("%s: %s %s %s is done: %d %.200s", who.name, c.method, c.target, c.body, a.status, a.body)
				case who.want == 0 && strings.Contains(c.target, "/connections/") && a.status != 404 && !strings.HasSuffix(c.target, "/counter"):
					t.Errorf("%s: %s answers %d where no connection is: %.200s", who.name, c.target, a.status, a.body)
				}
				if a.status >= 400 {
					isProblem(t, key, a)
				}
			}
		}
	}
	for _, l := range tl.leaks {
		t.Errorf("LEAK: %s", l)
	}
	s.settleDown()
	for _, o := range s.orgs {
		after := digest(t, su, tables, o.id)
		for _, tb := range tables {
			if o != mine && before[o.slug][tb] != after[tb] {
				t.Errorf("%s of %s changed", tb, o.slug)
			}
		}
	}
	t.Logf("answers by status: %v", statuses)
	if statuses[404] < 20 || statuses[422] < 20 || statuses[401] < 50 || statuses[403] < 15 {
		t.Errorf("too few of some kind: %v", statuses)
	}
}

// isProblem holds that every refusal is a problem document that tells nothing of the inside.
func isProblem(t *testing.T, key string, a answer) {
	t.Helper()
	var p struct {
		Status int
		Code   string
		Detail string
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != a.status || p.Code == "" || p.Detail == "" || a.head["Content-Type"] != "application/problem+json" {
		t.Errorf("%s: no problem document: %d %s %.200s", key, a.status, a.head["Content-Type"], a.body)
	}
	for _, inside := range []string{"SQL", "pgx", "ERROR", "⟦", "goroutine", "tx.", "json:"} {
		if strings.Contains(a.body, inside) {
			t.Errorf("%s: the problem shows the inside: %.300s", key, a.body)
		}
	}
}
