package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// TestProvisioning is a provider that looks after the people of an organization, in order, with requests in the shapes that Entra and
// Okta document: it finds who is there, prepares who is not, changes, deactivates, lets come back, deletes, and keeps teams.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	p := program{t, d.Client(t, ""), d.URL("halden", "/scim/v2"), token(t, d, "halden", "provision:people")}
	scim := func(method, path, body string, header ...string) got {
		t.Helper()
		if body != "" {
			header = append([]string{"Content-Type", "application/scim+json; charset=utf-8"}, header...)
		}
		return p.call(method, path, body, header...)
	}
	want := func(g got, status int, says ...string) map[string]any {
		t.Helper()
		if g.status != status {
			t.Fatalf("status %d, want %d: %s", g.status, status, g.body)
		}
		for _, s := range says {
			if !strings.Contains(g.body, s) {
				t.Errorf("%s does not say %s", g.body, s)
			}
		}
		if g.body == "" {
			return nil
		}
		if m := g.header.Get("Content-Type"); m != "application/scim+json" {
			t.Errorf("content type %q", m)
		}
		return g.json(t)
	}
	refused := func(g got, status int, kind string) {
		t.Helper()
		v := want(g, status)
		if v["status"] != fmt.Sprint(status) || kind != "" && v["scimType"] != kind || v["detail"] == "" || fmt.Sprint(v["schemas"]) != "[urn:ietf:params:scim:api:messages:2.0:Error]" {
			t.Errorf("%s is no SCIM error %d %s", g.body, status, kind)
		}
	}
	find := func(of, filter string) map[string]any {
		t.Helper()
		return want(scim("GET", of+"?filter="+url.QueryEscape(filter), ""), 200)
	}
	patch := func(ops string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + ops + `]}`
	}

	t.Log("who may")
	other := p
	other.token = token(t, d, "halden", "read:people", "write:network")
	refused(other.call("GET", "/Users", ""), 403, "")
	other.token = token(t, d, "kestrel", "provision:people")
	refused(other.call("GET", "/Users", ""), 401, "")
	other.token = ""
	refused(other.call("GET", "/ServiceProviderConfig", ""), 401, "")
	rest := p
	rest.at = d.URL("halden", "/api/v1")
	for _, path := range []string{"/people", "/log", "/connections", "/items"} {
		if g := rest.call("GET", path, ""); g.status != 403 {
			t.Errorf("a token for provisioning gets %d from %s", g.status, path)
		}
	}

	t.Log("what there is")
	want(scim("GET", "/ServiceProviderConfig", ""), 200, `"patch":{"supported":true}`, `"bulk":{"maxOperations":0`, `"etag":{"supported":true}`)
	want(scim("GET", "/ResourceTypes", ""), 200, `"endpoint":"/Users"`, `"endpoint":"/Groups"`)
	want(scim("GET", "/ResourceTypes/User", ""), 200, `"schema":"urn:ietf:params:scim:schemas:core:2.0:User"`)
	want(scim("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group", ""), 200, `"members"`)
	refused(scim("GET", "/Schemas/none", ""), 404, "")
	refused(scim("GET", "/Bulk", ""), 404, "")
	refused(scim("POST", "/Bulk", "{}"), 404, "")

	t.Log("Entra tries the connection, matches by name and prepares")
	if v := find("/Users", `userName eq "non-existent-user"`); v["totalResults"] != 0.0 || fmt.Sprint(v["Resources"]) != "[]" {
		t.Errorf("nobody is found as %v", v)
	}
	here := find("/Users", `userName eq "Learner@halden.example"`)
	if here["totalResults"] != 1.0 {
		t.Fatalf("a member who joined alone is found as %v", here)
	}
	entra := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"entra-1","userName":"New.Hire@halden.example","active":true,
		"addresses":[{"primary":false,"type":"work","country":"NO"}],"displayName":"New Hire","emails":[{"primary":true,"type":"work","value":"New.Hire@halden.example"}],
		"meta":{"resourceType":"User"},"name":{"familyName":"Hire","formatted":"New Hire","givenName":"New"},"preferredLanguage":"de-DE","title":"Engineer","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R&D"}}`
	g := scim("POST", "/Users", entra)
	made := want(g, 201, `"displayName":"New Hire"`, `"value":"new.hire@halden.example"`, `"preferredLanguage":"de"`, `"userName":"New.Hire@halden.example"`)
	id := fmt.Sprint(made["id"])
	if loc := g.header.Get("Location"); loc != d.URL("halden", "/scim/v2/Users/"+id) {
		t.Errorf("Location %q", loc)
	}
	refused(scim("POST", "/Users", entra), 409, "uniqueness")
	refused(scim("POST", "/Users", `{"userName":"other","emails":[{"value":"learner@halden.example"}]}`), 409, "uniqueness")
	refused(scim("POST", "/Users", `{"userName":"no address"}`), 400, "invalidValue")
	refused(scim("POST", "/Users", `{"displayName":"no name"}`), 400, "invalidValue")
	refused(scim("POST", "/Users", `{"userName":"a@b.example","active":"perhaps"}`), 400, "invalidValue")
	refused(scim("POST", "/Users", `{"userName":"a\u0000b@b.example"}`), 400, "invalidValue")
	refused(scim("POST", "/Users", `[]`), 400, "invalidSyntax")
	refused(scim("POST", "/Users", `{`), 400, "invalidSyntax")
	refused(scim("POST", "/Users", `userName=x`, "Content-Type", "application/x-www-form-urlencoded"), 415, "")
	refused(scim("POST", "/Users", `{"userName":"`+strings.Repeat("a", 300<<10)+`"}`), 413, "")

	t.Log("what is found")
	for _, f := range []string{
		`externalId eq "entra-1"`, `id eq "` + id + `"`, `emails.value eq "NEW.hire@halden.example"`, `emails[type eq "work" and value eq "new.hire@halden.example"]`,
		`emails[type eq "work"] and displayName sw "new h"`, `displayName co "w hir" and active eq true`, `active eq "True" and title eq "engineer"`, `name.familyName eq "hire" and not (userName eq "x")`,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "new.hire@halden.example"`, `externalId pr and userName ew "halden.example"`, `meta.created gt "2020-01-01T00:00:00Z" and externalId eq "entra-1"`,
		`(userName eq "new.hire@halden.example" or userName eq "nobody") and externalId ne "other"`,
	} {
		v := find("/Users", f)
		if v["totalResults"] != 1.0 || !strings.Contains(fmt.Sprint(v["Resources"]), id) {
			t.Errorf("%s finds %v", f, v["totalResults"])
		}
	}
	for _, f := range []string{`externalId eq "ENTRA-1"`, `userName eq "new_hire@halden.example"`, `displayName co "%"`, `id eq "' OR true --"`, `emails[type eq "home" and value eq "new.hire@halden.example"]`, "userName eq \"\xff\""} {
		if v := find("/Users", f); v["totalResults"] != 0.0 {
			t.Errorf("%s finds %v", f, v["totalResults"])
		}
	}
	for _, f := range []string{`userName eq`, `password eq "x"`, `userName eq "x" or`, `active gt true`, `m.email eq "x"`, strings.Repeat("(", 60) + `userName eq "x"` + strings.Repeat(")", 60), `userName eq "` + strings.Repeat("x", 3000) + `"`, strings.Repeat(`id pr or `, 70) + `id pr`, "userName eq \"\x00\""} {
		refused(scim("GET", "/Users?filter="+url.QueryEscape(f), ""), 400, "invalidFilter")
	}

	t.Log("pages")
	total, seen := 0.0, map[string]bool{}
	for start := 1; start < 100; start += 3 {
		v := want(scim("GET", fmt.Sprintf("/Users?startIndex=%d&count=3&attributes=userName", start), ""), 200)
		total = is[float64](v["totalResults"])
		list := is[[]any](v["Resources"])
		for _, r := range list {
			u := is[map[string]any](r)
			if seen[is[string](u["id"])] || u["emails"] != nil || u["userName"] == nil {
				t.Errorf("a page has %v", u)
			}
			seen[is[string](u["id"])] = true
		}
		if len(list) < 3 {
			break
		}
	}
	if total < 9 || len(seen) != int(total) {
		t.Errorf("%d seen of %v", len(seen), total)
	}
	if v := want(scim("GET", "/Users?count=0", ""), 200); v["totalResults"] != total || len(is[[]any](v["Resources"])) != 0 {
		t.Errorf("count=0 says %v", v)
	}

	t.Log("tags")
	at := "/Users/" + id
	g = scim("GET", at, "")
	tag := g.header.Get("ETag")
	if v := g.json(t); is[map[string]any](v["meta"])["version"] != tag || tag == "" {
		t.Errorf("tag %q is not meta.version", tag)
	}
	if g := scim("GET", at, "", "If-None-Match", tag); g.status != 304 || g.body != "" {
		t.Errorf("unchanged: %d %q", g.status, g.body)
	}

	t.Log("Entra changes")
	want(scim("PATCH", at, patch(`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"updated@halden.example"},{"op":"Replace","path":"name.familyName","value":"Hired"},
		{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"x"},{"op":"Add","path":"urn:ietf:params:scim:schemas:core:2.0:User:title","value":"Lead engineer"},{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`), "If-Match", tag),
		200, `"value":"updated@halden.example"`, `"familyName":"Hired"`, `"title":"Lead engineer"`, `"displayName":"New Hired"`)
	refused(scim("PATCH", at, patch(`{"op":"Replace","path":"title","value":"x"}`), "If-Match", tag), 412, "")
	want(scim("PATCH", at, patch(`{"op":"replace","value":{"displayName":"N. Hire","name.givenName":"Newer","emails[type eq \"work\"].value":"new.hire@halden.example"}}`)), 200, `"displayName":"N. Hire"`, `"givenName":"Newer"`, `new.hire@`)
	want(scim("PATCH", at, patch(`{"op":"Remove","path":"title"}`)), 200)
	if v := want(scim("GET", at, ""), 200); v["title"] != nil {
		t.Errorf("a title that was removed is %v", v["title"])
	}
	refused(scim("PATCH", at, patch(`{"op":"replace","path":"id","value":"x"}`)), 400, "mutability")
	refused(scim("PATCH", at, patch(`{"op":"remove","path":"userName"}`)), 400, "mutability")
	refused(scim("PATCH", at, patch(`{"op":"replace","path":"emails[type eq","value":"x"}`)), 400, "invalidPath")
	refused(scim("PATCH", at, patch(`{"op":"move","path":"title","value":"x"}`)), 400, "invalidSyntax")
	refused(scim("PATCH", at, patch(`{"op":"replace","path":"userName","value":"learner@halden.example"}`)), 409, "uniqueness")

	t.Log("the person comes, Okta takes them out, and back")
	person := d.Client(t, "learner2@halden.example")
	mine := firstOf(t, find("/Users", `userName eq "learner2@halden.example"`))
	out := "/Users/" + fmt.Sprint(mine["id"])
	if !strings.Contains(webtest.Text(t, person, d.URL("halden", "/me")), "learner2@halden.example") {
		t.Fatal("not signed in")
	}
	want(scim("PUT", out, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"`+fmt.Sprint(mine["id"])+`","externalId":"00u1","userName":"learner2@halden.example","name":{"givenName":"Second","familyName":"Learner"},"emails":[{"primary":true,"value":"learner2@halden.example","type":"work"}],"groups":[],"active":true}`),
		200, `"externalId":"00u1"`, `"displayName":"Second Learner"`)
	want(scim("PATCH", out, patch(`{"op":"replace","value":{"active":false}}`)), 200, `"active":false`)
	res, err := person.Get(d.URL("halden", "/me"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.Request.URL.Path == "/me" {
		t.Error("whoever was deactivated is still signed in")
	}
	want(scim("PATCH", out, patch(`{"op":"Replace","path":"active","value":"True"}`)), 200, `"active":true`)
	if back := d.Client(t, "learner2@halden.example"); !strings.Contains(webtest.Text(t, back, d.URL("halden", "/me")), "learner2@halden.example") {
		t.Error("whoever came back cannot sign in")
	}
	admin := fmt.Sprint(firstOf(t, find("/Users", `userName eq "admin@halden.example"`))["id"])
	g = scim("PATCH", "/Users/"+admin, patch(`{"op":"Replace","path":"active","value":"False"}`))
	refused(g, 409, "")
	if !strings.Contains(g.body, "last active administrator") {
		t.Errorf("the last administrator: %s", g.body)
	}
	refused(scim("DELETE", "/Users/"+admin, ""), 409, "")

	t.Log("teams")
	g = scim("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"g-1","displayName":"Field service","members":[],"meta":{"resourceType":"Group"}}`)
	team := "/Groups/" + fmt.Sprint(want(g, 201, `"displayName":"Field service"`)["id"])
	refused(scim("POST", "/Groups", `{"displayName":"FIELD service"}`), 409, "uniqueness")
	refused(scim("POST", "/Groups", `{"displayName":""}`), 400, "invalidValue")
	if v := find("/Groups", `displayName eq "field Service"`); v["totalResults"] != 1.0 {
		t.Errorf("the team is not found: %v", v)
	}
	first := is[string](is[map[string]any](want(scim("GET", team, ""), 200)["meta"])["version"])
	for _, step := range []struct {
		ops     string
		members int
	}{
		{`{"op":"Add","path":"members","value":[{"$ref":null,"value":"` + id + `"},{"value":"` + admin + `"}]}`, 2},
		{`{"op":"Add","path":"members","value":[{"value":"` + id + `"}]}`, 2},
		{`{"op":"Remove","path":"members","value":[{"value":"` + id + `"}]}`, 1},
		{`{"op":"add","path":"members","value":[{"value":"` + id + `","display":"x"}]},{"op":"remove","path":"members[value eq \"` + admin + `\"]"}`, 1},
		{`{"op":"replace","path":"members","value":[{"value":"` + admin + `"},{"value":"` + id + `"}]}`, 2},
		{`{"op":"replace","value":{"id":"x","displayName":"Field service north"}}`, 2},
		{`{"op":"remove","path":"members"}`, 0},
		{`{"op":"Add","path":"members","value":[{"value":"` + id + `"}]}`, 1},
	} {
		if g := scim("PATCH", team, patch(step.ops)); g.status != 204 || g.body != "" {
			t.Fatalf("%s: %d %s", step.ops, g.status, g.body)
		}
		v := want(scim("GET", team, ""), 200)
		list, _ := v["members"].([]any)
		if len(list) != step.members {
			t.Errorf("after %s: %v", step.ops, v["members"])
		}
	}
	refused(scim("PATCH", team, patch(`{"op":"Add","path":"members","value":[{"value":"`+id+`"}]}`), "If-Match", first), 412, "")
	if v := find("/Groups", `members[value eq "`+id+`"]`); v["totalResults"] != 1.0 {
		t.Errorf("the team of somebody: %v", v)
	}
	if v := find("/Users", `groups.value eq "`+strings.TrimPrefix(team, "/Groups/")+`"`); v["totalResults"] != 1.0 {
		t.Errorf("who is in a team: %v", v)
	}
	if v := want(scim("GET", "/Groups?excludedAttributes=members", ""), 200, "Field service north"); strings.Contains(fmt.Sprint(v), id) {
		t.Error("members that were not asked for")
	}
	refused(scim("PATCH", team, patch(`{"op":"Add","path":"members","value":[{"value":"01a21306-28be-7092-bb09-9f3a7379a7ff"}]}`)), 400, "invalidValue")
	want(scim("PUT", team, `{"displayName":"Field service","members":[{"value":"`+admin+`"}]}`), 200, admin)

	t.Log("another organization")
	foreign := p
	foreign.at, foreign.token = d.URL("kestrel", "/scim/v2"), token(t, d, "kestrel", "provision:people")
	for _, path := range []string{at, out, team} {
		refused(foreign.call("GET", path, ""), 404, "")
		refused(foreign.call("PUT", path, `{"userName":"x@kestrel.example","displayName":"x"}`), 404, "")
		refused(foreign.call("PATCH", path, patch(`{"op":"replace","path":"displayName","value":"x"}`)), 404, "")
		refused(foreign.call("DELETE", path, ""), 404, "")
	}
	refused(foreign.call("POST", "/Groups", `{"displayName":"Theirs","members":[{"value":"`+id+`"}]}`), 400, "invalidValue")
	if g := foreign.call("POST", "/Users", `{"userName":"new.hire@halden.example"}`); g.status != 201 {
		t.Errorf("that somebody is elsewhere shows: %d %s", g.status, g.body)
	}
	for _, f := range []string{`id eq "` + id + `"`, `groups.value eq "` + strings.TrimPrefix(team, "/Groups/") + `"`, `externalId eq "entra-1"`} {
		if g := foreign.call("GET", "/Users?filter="+url.QueryEscape(f), ""); !strings.Contains(g.body, `"totalResults":0`) {
			t.Errorf("%s finds at another organization: %s", f, g.body)
		}
	}

	t.Log("the end")
	if g := scim("DELETE", at, ""); g.status != 204 {
		t.Errorf("delete: %d %s", g.status, g.body)
	}
	refused(scim("GET", at, ""), 404, "")
	refused(scim("PATCH", at, patch(`{"op":"replace","path":"active","value":true}`)), 404, "")
	again := want(scim("POST", "/Users", entra), 201)
	if again["id"] == made["id"] {
		t.Error("an identifier is given again")
	}
	if g := scim("DELETE", team, ""); g.status != 204 {
		t.Errorf("delete the team: %d %s", g.status, g.body)
	}
	refused(scim("GET", team, ""), 404, "")

	t.Log("what the administrator sees")
	desk := d.Client(t, "admin@halden.example")
	log := webtest.Text(t, desk, d.URL("halden", "/admin/audit?topic=people"))
	for _, s := range []string{"prepared the place of", "deactivated", "come back", "changed who is in a team", "deleted"} {
		if !strings.Contains(log, s) {
			t.Errorf("the log does not say %q", s)
		}
	}
}

// TestProvisionedSignsIn takes the way of somebody who was provisioned before they came, and of one whose address the provider changed.
func TestProvisionedSignsIn(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	p := program{t, d.Client(t, ""), d.URL("brightwater", "/scim/v2"), token(t, d, "brightwater", "provision:people")}
	v := p.call(http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "learner@brightwater.example"`), "").json(t)
	was := firstOf(t, v)
	if g := p.call(http.MethodDelete, "/Users/"+fmt.Sprint(was["id"]), ""); g.status != 204 {
		t.Fatalf("%d %s", g.status, g.body)
	}
	g := p.call(http.MethodPost, "/Users", `{"userName":"b-1042","displayName":"Prepared","active":true,"emails":[{"value":"learner@brightwater.example","type":"work"}],"title":"Apprentice"}`)
	if g.status != 201 {
		t.Fatalf("%d %s", g.status, g.body)
	}
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(g.body), &made); err != nil {
		t.Fatal(err)
	}
	me := webtest.Text(t, d.Client(t, "learner@brightwater.example"), d.URL("brightwater", "/me"))
	if !strings.Contains(me, "Prepared") || !strings.Contains(me, "Apprentice") {
		t.Errorf("who was prepared is not who came: %s", me)
	}
	// The identity is the membership's now: another address changes nothing about who signs in.
	patch := `{"Operations":[{"op":"replace","path":"emails[type eq \"work\"].value","value":"renamed@brightwater.example"},{"op":"replace","path":"displayName","value":"Renamed"}]}`
	if g := p.call(http.MethodPatch, "/Users/"+made.ID, patch); g.status != 200 {
		t.Fatalf("%d %s", g.status, g.body)
	}
	if me := webtest.Text(t, d.Client(t, "learner@brightwater.example"), d.URL("brightwater", "/me")); !strings.Contains(me, "Renamed") || !strings.Contains(me, "renamed@brightwater.example") {
		t.Errorf("after the address changed: %s", me)
	}
}

// is is the value if it is a T, else none.
func is[T any](v any) T {
	out, _ := v.(T)
	return out
}

// firstOf is the first resource of a list.
func firstOf(t *testing.T, v map[string]any) map[string]any {
	t.Helper()
	list := is[[]any](v["Resources"])
	if len(list) == 0 {
		t.Fatalf("nothing is found: %v", v)
	}
	return is[map[string]any](list[0])
}
