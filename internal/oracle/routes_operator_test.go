package oracle_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
)

const someID = "01a21306-28be-7092-bb09-9f3a7379a7ff"

// nowhere is a page of the operators' host, which is on no organization's.
func nowhere(target string) route {
	return route{kind: page, asks: func(*site, *reader) []ask { return []ask{{target: target, never: true}} }}
}

func refusal(target, body string) route { return route{kind: write, post: posts(target, body)} }

// operatorRoutes are the routes of operators. For whoever belongs to an organization they are nowhere; what operators see, TestOperators
// asks.
var operatorRoutes = map[string]route{
	"GET /host": nowhere("/host"), "GET /host/sign-in": nowhere("/host/sign-in"), "GET /host/auth/start": nowhere("/host/auth/start"), "GET /host/auth/callback": nowhere("/host/auth/callback?code=x"),
	"GET /host/code/:code": nowhere("/host/code/" + strings.Repeat("A", 43)), "GET /host/code/:code/provider": nowhere("/host/code/" + strings.Repeat("A", 43) + "/provider"),
	"GET /host/organizations": nowhere("/host/organizations"), "GET /host/organizations.csv": nowhere("/host/organizations.csv"), "GET /host/organizations/new": nowhere("/host/organizations/new"),
	"GET /host/organizations/:slug": nowhere("/host/organizations/org1"), "GET /host/break-glass": nowhere("/host/break-glass"), "GET /host/break-glass/:slug/:id": nowhere("/host/break-glass/org1/" + someID),
	"GET /host/system": nowhere("/host/system"), "GET /host/operators": nowhere("/host/operators"), "GET /host/operators/:id/remove": nowhere("/host/operators/" + someID + "/remove"),
	"GET /host/audit": nowhere("/host/audit"), "GET /host/me": nowhere("/host/me"),
	"POST /host/sign-in": refusal("/host/sign-in", "credential={}"), "POST /host/sign-in/ask": refusal("/host/sign-in/ask", ""),
	"POST /host/code/:code":                    refusal("/host/code/"+strings.Repeat("A", 43), "name=x&email=x@x.example"),
	"POST /host/code/:code/offer":              refusal("/host/code/"+strings.Repeat("A", 43)+"/offer", ""),
	"POST /host/code/:code/passkey":            refusal("/host/code/"+strings.Repeat("A", 43)+"/passkey", "credential={}"),
	"POST /host/organizations/new":             refusal("/host/organizations/new", "name=x&slug=x&color=%23000000&email=x@x.example"),
	"POST /host/organizations/:slug/suspend":   refusal("/host/organizations/org1/suspend", "reason=mine"),
	"POST /host/organizations/:slug/resume":    refusal("/host/organizations/org1/resume", "reason=mine"),
	"POST /host/organizations/:slug/close":     refusal("/host/organizations/org1/close", "reason=mine&name=org1"),
	"POST /host/organizations/:slug/reopen":    refusal("/host/organizations/org1/reopen", "reason=mine"),
	"POST /host/organizations/:slug/limits":    refusal("/host/organizations/org1/limits", "storage=1&people=1&hour=1&month=1"),
	"POST /host/organizations/:slug/glass":     refusal("/host/organizations/org1/glass", "reason=because+I+want+to"),
	"POST /host/break-glass/:slug/:id/approve": refusal("/host/break-glass/org1/"+someID+"/approve", "name=org1"),
	"POST /host/break-glass/:slug/:id/refuse":  refusal("/host/break-glass/org1/"+someID+"/refuse", ""),
	"POST /host/break-glass/:slug/:id/open":    refusal("/host/break-glass/org1/"+someID+"/open", ""),
	"POST /host/break-glass/:slug/:id/end":     refusal("/host/break-glass/org1/"+someID+"/end", ""),
	"POST /host/system/jobs/:id/retry":         refusal("/host/system/jobs/1/retry", ""),
	"POST /host/operators":                     refusal("/host/operators", "name=x&email=x@x.example"),
	"POST /host/operators/codes/:id/withdraw":  refusal("/host/operators/codes/"+someID+"/withdraw", ""),
	"POST /host/operators/:id/remove":          refusal("/host/operators/"+someID+"/remove", ""),
	"POST /host/me/passkeys/offer":             refusal("/host/me/passkeys/offer", ""),
	"POST /host/me/passkeys":                   refusal("/host/me/passkeys", "name=x&credential={}"),
	"POST /host/me/passkeys/:id/remove":        refusal("/host/me/passkeys/"+someID+"/remove", ""),
	"GET /break-glass/:code":                   {kind: public, asks: plain("/break-glass/"+strings.Repeat("A", 43), "/break-glass/x")},
	"POST /break-glass/:code":                  {kind: public, post: posts("/break-glass/"+strings.Repeat("A", 43), "")},
	"POST /break-glass/leave":                  {kind: public, post: posts("/break-glass/leave", "")},
	"GET " + auth.GlassPage:                    {kind: page, asks: office(auth.GlassPage)},
	"POST " + auth.GlassPage + "/:id/approve":  refusal(auth.GlassPage+"/"+someID+"/approve", ""),
	"POST " + auth.GlassPage + "/:id/refuse":   refusal(auth.GlassPage+"/"+someID+"/refuse", ""),
	"POST " + auth.GlassPage + "/:id/end":      refusal(auth.GlassPage+"/"+someID+"/end", ""),
}

// operator makes an operator with a session, as auth does, and returns the session's token.
func (s *site) operator(name string) (auth.Operator, string) {
	s.t.Helper()
	o, token := auth.Operator{OperatorID: id.New[id.Any](), Name: name}, secret.NewToken()
	if err := s.portal.DB.Tx(auth.AtDesk(s.t.Context()), func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO operators (operator_id, name, email, created_at) VALUES ($1, $2, $3, $4)`, o.OperatorID, name, name+"@operators.example", tx.Now); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO operator_sessions (session_id, operator_id, token_hash, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)`, id.New[id.Session](), o.OperatorID, secret.Hash(token), tx.Now, tx.Now.Add(time.Hour))
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return o, token
}

// addresses are some addresses of every route, as a reader of the inventory asks them, and the operators' own.
func (s *site) addresses(r *reader) (out []string) {
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		c := routes[key]
		if c.asks == nil || strings.HasPrefix(key, "GET /auth") {
			continue
		}
		asks := c.asks(s, r)
		s.r.Shuffle(len(asks), func(i, j int) { asks[i], asks[j] = asks[j], asks[i] })
		for _, a := range asks[:min(6, len(asks))] {
			out = append(out, a.target)
		}
	}
	return out
}

// TestOperators asks what operators are shown. Without a break-glass that is nothing of what is in organizations, by any route and on any
// host, but names and the addresses of administrators. With one on an organization it is what its administrators see and nothing of
// others, every page in its log; and whatever they send, no row of any organization is another than before.
func TestOperators(t *testing.T) {
	t.Parallel()
	s := newSite(t, 37)
	first, desk := s.operator("first")
	second, _ := s.operator("second")
	a := s.orgs[0]
	admins := map[string]bool{}
	for _, v := range s.viewers {
		admins[v.Membership.String()] = v.Has(scope.Administrator)
	}
	s.forget("operators")
	shown := 0
	for _, host := range []string{"operator." + base, a.slug + "." + base, base} {
		r := &reader{name: "operator at " + host, host: host, cookie: "ls_op=" + desk}
		for _, target := range append(s.addresses(s.readers[0]), "/host/organizations/"+a.slug, "/host/organizations/"+s.orgs[1].slug) {
			got := s.request(r, "GET", target, "", nil)
			for _, tok := range canary.FindAllString(got.whole(), -1) {
				shown++
				o := s.tokens[tok]
				switch {
				case strings.Contains(target, tok), o == nil:
				case s.fields[tok] == "organizations.name":
				case strings.HasPrefix(target, "/host/") && (s.fields[tok] == "memberships.email" && admins[o.Member] || s.fields[tok] == "providers.name" || s.fields[tok] == "providers.issuer"):
				case !strings.HasPrefix(host, "operator.") && s.sees(oracle.Viewer{}, o): // As everybody.
				default:
					t.Errorf("%s: %s (%d) shows %s (%s): %+v", r.name, target, got.status, tok, s.fields[tok], *o)
				}
			}
		}
	}
	if shown < 20 {
		t.Errorf("operators were shown %d names and addresses: the test proves nothing", shown)
	}

	// Another operator approves; the one who asked goes there.
	ctx := t.Context()
	at, err := auth.OperateOn(auth.Operate(ctx, first), a.id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.portal.Auth.AskGlass(at, "A reason that is long enough"); err != nil {
		t.Fatal(err)
	}
	list, err := s.portal.Auth.Glasses(auth.Operate(ctx, first))
	if err != nil || len(list) != 1 {
		t.Fatalf("%d requests, %v", len(list), err)
	}
	glass := list[0].GlassID
	if err := s.portal.Auth.DecideGlass(at, glass, true, list[0].Org); err == nil {
		t.Error("who asked approved")
	}
	other, err := auth.OperateOn(auth.Operate(ctx, second), a.id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.portal.Auth.DecideGlass(other, glass, true, list[0].Org); err != nil {
		t.Fatal(err)
	}
	code, err := s.portal.Auth.OpenGlass(at, glass)
	if err != nil {
		t.Fatal(err)
	}
	org, err := s.portal.Tenants.ByID(auth.Enter(ctx, a.id), a.id)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := s.portal.Auth.EnterGlass(auth.Enter(ctx, a.id), org, code)
	if err != nil {
		t.Fatal(err)
	}
	boss := s.boss(a)
	admin := oracle.Viewer{Org: a.id.String(), Member: boss.String(), Admin: true, Partners: true, Leads: true, Shares: true, Writes: true, Keeps: true, Looks: true}
	var like *reader
	for _, r := range s.readers {
		if r.who == admin {
			like = r
		}
	}
	if like == nil {
		t.Fatal("no administrator among the readers")
	}
	s.forget("break-glass")
	var tl tally
	read := 0
	r := &reader{name: "break-glass on " + a.slug, host: like.host, org: a, who: admin, cookie: "ls_glass=" + token}
	for _, target := range s.addresses(like) {
		got := s.request(r, "GET", target, "", nil)
		if got.status == 200 {
			read++
		}
		if got.status >= 500 {
			t.Errorf("%s answers %d", target, got.status)
		}
		s.scan(&tl, r, target, target, got)
	}
	for _, l := range tl.leaks {
		t.Error(l)
	}
	if read < 40 || len(tl.fields) < 5 {
		t.Errorf("%d pages were read and %d kinds of fields seen: the test proves nothing", read, len(tl.fields))
	}
	// On another host, the same cookie is nothing.
	stranger := &reader{name: "break-glass elsewhere", host: s.orgs[1].slug + "." + base, org: s.orgs[1], cookie: "ls_glass=" + token}
	if got := s.request(stranger, "GET", "/admin/people", "", nil); got.status == 200 {
		t.Errorf("the break-glass on %s reads at %s", a.slug, s.orgs[1].slug)
	}

	before := s.rows(t)
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		if c := routes[key]; c.post != nil && !strings.HasPrefix(key, "POST /auth") && !strings.HasPrefix(key, "POST /break-glass") && !strings.HasPrefix(key, "POST /language") {
			for _, f := range c.post(s, true) {
				if got := s.request(r, "POST", f.target, f.body, nil); got.status < 400 {
					t.Errorf("%s answers %d through a break-glass", key, got.status)
				}
			}
		}
	}
	after := s.rows(t)
	for _, table := range slices.Sorted(maps.Keys(after)) {
		name, _, _ := strings.Cut(table, " ")
		if before[table] != after[table] && !slices.Contains([]string{"audit", "audit_numbers", "break_glass"}, name) {
			t.Errorf("%s is another after writes through a break-glass", table)
		}
	}
	if err := s.portal.Auth.EndGlass(at, glass); err != nil {
		t.Fatal(err)
	}
	if got := s.request(r, "GET", "/learn", "", nil); got.status != 404 {
		t.Errorf("after its end the break-glass answers %d", got.status)
	}
}

// glassMails asks for a break-glass as the only operator, which an organization is told of: its administrators and nobody else, and
// nothing but its own name.
func (s *site) glassMails(t *testing.T) {
	t.Helper()
	o, _ := s.operator("alone")
	to := s.orgs[0]
	at, err := auth.OperateOn(auth.Operate(t.Context(), o), to.id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.portal.Auth.AskGlass(at, "A reason that is long enough"); err != nil {
		t.Fatal(err)
	}
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer su.Close(t.Context()) //nolint:errcheck // Nothing is buffered.
	rows, err := su.Query(t.Context(), `SELECT m.org_id = $1 AND EXISTS (SELECT 1 FROM memberships p WHERE p.org_id = m.org_id AND p.email = m.recipient AND 'administrator' = ANY (p.roles)), m.subject || m.body FROM mails m WHERE m.body LIKE '%A reason that is long enough%'`, to.id)
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		Own  bool
		Text string
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[told])
	if err != nil || len(list) == 0 {
		t.Fatalf("%d mails, %v", len(list), err)
	}
	for _, m := range list {
		if !m.Own {
			t.Error("somebody is told of a break-glass who does not administrate the organization")
		}
		for _, tok := range canary.FindAllString(m.Text, -1) {
			if s.fields[tok] != "organizations.name" || s.tokens[tok].Org != to.id.String() {
				t.Errorf("a mail about a break-glass shows %s (%s)", tok, s.fields[tok])
			}
		}
	}
}
