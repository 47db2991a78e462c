package oracle_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
)

// v2 is where identity providers provision people.
const v2 = "/scim/v2"

// scimRoutes are the routes of provisioning, each asked with the token of who asks: administrators read what is their organization's,
// and to everybody else there is nothing.
var scimRoutes = map[string]route{
	"GET " + v2 + "/ServiceProviderConfig": {kind: page, asks: provisioning("/ServiceProviderConfig")},
	"GET " + v2 + "/ResourceTypes":         {kind: page, asks: provisioning("/ResourceTypes")},
	"GET " + v2 + "/ResourceTypes/:id":     {kind: page, asks: provisioning("/ResourceTypes/User")},
	"GET " + v2 + "/Schemas":               {kind: page, asks: provisioning("/Schemas")},
	"GET " + v2 + "/Schemas/:id":           {kind: page, asks: provisioning("/Schemas/urn:ietf:params:scim:schemas:core:2.0:User")},
	"GET " + v2 + "/Users": {kind: list, asks: withToken(func(_ *site, r *reader) []ask {
		o := &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}
		out := []ask{{target: v2 + "/Users?count=200", about: o, ok: 200, open: true}}
		for _, f := range []string{`displayName co "zq"`, `userName pr and not (active eq true)`, `userName co "@" or id pr`} {
			out = append(out, ask{target: v2 + "/Users?filter=" + url.QueryEscape(f), about: o, ok: 200, open: true})
		}
		return out
	})},
	"GET " + v2 + "/Users/:id": {kind: page, asks: withToken(func(s *site, _ *reader) []ask {
		out := []ask{{target: v2 + "/Users/" + id.New[id.Membership]().String(), never: true}, {target: v2 + "/Users/none", never: true}}
		for _, m := range s.someMembers() {
			out = append(out, ask{target: v2 + "/Users/" + m.Membership.String(), about: &oracle.Object{Kind: oracle.Office, Org: m.Org.String()}, id: m.Membership.String(), ok: 200, open: true})
		}
		return out
	})},
	"GET " + v2 + "/Groups": {kind: list, asks: provisioning("/Groups")},
	"GET " + v2 + "/Groups/:id": {kind: page, asks: withToken(func(*site, *reader) []ask {
		return []ask{{target: v2 + "/Groups/" + id.New[id.Any]().String(), never: true}}
	})},
	"POST " + v2 + "/Users":        {kind: write, post: posts(v2+"/Users", `{"userName":"new@new.example"}`)},
	"PUT " + v2 + "/Users/:id":     {kind: write},
	"PATCH " + v2 + "/Users/:id":   {kind: write},
	"DELETE " + v2 + "/Users/:id":  {kind: write},
	"POST " + v2 + "/Groups":       {kind: write, post: posts(v2+"/Groups", `{"displayName":"Ours"}`)},
	"PUT " + v2 + "/Groups/:id":    {kind: write},
	"PATCH " + v2 + "/Groups/:id":  {kind: write},
	"DELETE " + v2 + "/Groups/:id": {kind: write},
}

func provisioning(path string) func(*site, *reader) []ask {
	return withToken(func(_ *site, r *reader) []ask {
		return []ask{{target: v2 + path, about: &oracle.Object{Kind: oracle.Office, Org: orgOf(r)}, ok: 200, open: true}}
	})
}

// TestProvisioningWrites makes every call of provisioning that changes something with what belongs to others: with a token for it, with
// tokens that are for everything else, and with one at another organization's host. All are refused alike, and the rows of all others
// are the same bytes afterwards.
func TestProvisioningWrites(t *testing.T) {
	t.Parallel()
	s := newSite(t, 47)
	s.forget("provisioning")
	su, err := pgx.Connect(t.Context(), s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = su.Close(t.Context()) })
	tables := ownedTables(t, su)
	mine := s.orgs[1]
	boss := s.boss(mine)
	s.exec(mine, `UPDATE memberships SET roles = '{learner,administrator}' WHERE org_id = $1 AND membership_id = $2`, mine.id, boss)
	var teams []string
	for _, o := range s.orgs {
		team := id.New[id.Any]()
		s.exec(o, `INSERT INTO teams (org_id, team_id, name, source) VALUES ($1, $2, 'Provisioned', 'scim')`, o.id, team)
		if o != mine {
			teams = append(teams, team.String())
		}
	}
	before := map[string]map[string]string{}
	for _, o := range s.orgs {
		before[o.slug] = digest(t, su, tables, o.id)
	}
	var rest []string
	for _, sc := range authz.TokenScopes() {
		if sc != authz.ProvisionPeople {
			rest = append(rest, sc)
		}
	}
	patch := `{"Operations":[{"op":"replace","value":{"active":false,"displayName":"Mine"}}]}`
	tl := &tally{}
	asked := 0
	for _, who := range []struct {
		name, token string
		host        *org
		want        int
	}{
		{"a token for provisioning", s.token(mine, boss, time.Hour, authz.ProvisionPeople), mine, 404},
		{"a token for everything else", s.token(mine, boss, time.Hour, rest...), mine, 403},
		{"a token at another organization", s.token(mine, boss, time.Hour, authz.ProvisionPeople), s.orgs[0], 401},
		{"an expired token", s.token(mine, boss, -time.Second, authz.ProvisionPeople), mine, 401},
		{"no token", "", mine, 401},
	} {
		r := &reader{name: who.name, host: who.host.slug + "." + base, org: mine, cookie: "ls_sid=" + s.session(mine, boss)}
		for _, v := range s.readers {
			if v.who.Org == mine.id.String() && v.who.Member == boss.String() {
				r.who = v.who
			}
		}
		r.who.Admin = true
		call := func(method, target, body string, want int) {
			header := map[string]string{"Content-Type": "application/scim+json", "Sec-Fetch-Site": "cross-site"}
			if who.token != "" {
				header["Authorization"] = "Bearer " + who.token
			}
			a := s.request(r, method, v2+target, body, header)
			s.scan(tl, r, method+" "+v2, v2+target+body, a)
			asked++
			var p struct{ Status, Detail string }
			if err := json.Unmarshal([]byte(a.body), &p); a.status != want || err != nil || p.Detail == "" || strings.Contains(a.body, "SQL") {
				t.Errorf("%s: %s %s answers %d, not %d: %.300s", who.name, method, target, a.status, want, a.body)
			}
		}
		nobody := 404
		if who.want != 404 {
			nobody = who.want
		}
		for _, m := range s.someMembers() {
			if m.Org == mine.id {
				continue
			}
			at := "/Users/" + m.Membership.String()
			call("PUT", at, `{"userName":"mine@mine.example","active":false}`, nobody)
			call("PATCH", at, patch, nobody)
			call("DELETE", at, "", nobody)
			unknown := 400 // Somebody else's member is as unknown as nobody's.
			if who.want != 404 {
				unknown = who.want
			}
			call("POST", "/Groups", `{"displayName":"With theirs","members":[{"value":"`+m.Membership.String()+`"}]}`, unknown)
		}
		for _, team := range teams {
			at := "/Groups/" + team
			call("PUT", at, `{"displayName":"Mine","members":[]}`, nobody)
			call("PATCH", at, `{"Operations":[{"op":"replace","path":"displayName","value":"Mine"}]}`, nobody)
			call("DELETE", at, "", nobody)
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
	if asked < 60 {
		t.Errorf("only %d calls", asked)
	}
}
