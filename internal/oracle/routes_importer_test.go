package oracle_test

import (
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/oracle"
	"github.com/learnscape/learnscape/tenants"
)

// importerRoutes are the pages on which authors bring archives and take theirs along.
var importerRoutes = map[string]route{
	"GET /publish/import": {kind: list, asks: func(s *site, r *reader) []ask {
		var lines []listed
		for _, o := range s.orgs {
			desk := &oracle.Object{Kind: oracle.Library, Org: o.id.String()}
			lines = append(lines, listed{ob: desk, as: s.byKey["bundle "+o.id.String()], must: o == r.org})
		}
		return []ask{{target: "/publish/import", about: &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}, ok: 200, lists: lines}}
	}},
	"GET /publish/import/:id": {kind: page, asks: func(s *site, r *reader) []ask {
		out := []ask{{target: "/publish/import/" + id.New[id.Any]().String(), never: true}}
		for _, o := range s.orgs {
			at := "/publish/import/" + o.bundle.String()
			desk := &oracle.Object{Kind: oracle.Library, Org: o.id.String()}
			out = append(out, ask{target: at, about: desk, ok: 200}, ask{target: at + "?show=new&page=2", about: desk, ok: 200}, ask{target: at + "?show=nonsense", never: true})
		}
		return out
	}},
	"GET /publish/export": {kind: file, asks: func(_ *site, r *reader) []ask {
		return []ask{{target: "/publish/export", about: &oracle.Object{Kind: oracle.Library, Org: orgOf(r)}, ok: 200}}
	}},
	"GET /publish/:id/export": {kind: file, asks: func(s *site, _ *reader) []ask {
		var out []ask
		for _, ob := range s.world.items {
			p, a := s.pages[ob.ID], ask{target: "/publish/" + ob.ID + "/export", id: ob.ID, never: true}
			if ob.State == "published" && (p.kind == tenants.KindCourse || p.kind == tenants.KindPath) {
				a = ask{target: a.target, id: ob.ID, about: &oracle.Object{Kind: oracle.Library, Org: ob.Org}, ok: 200}
			}
			out = append(out, a)
		}
		return out
	}},
	"POST /publish/import":     {kind: write, post: posts("/publish/import", "file=x")},
	"POST /publish/import/:id": {kind: write, post: bundleForms("do=publish", "do=draft", "do=stop", "do=nonsense")},
}

// bundleForms are forms about the archives of all organizations but the second, and about one that is not there.
func bundleForms(bodies ...string) func(*site, bool) []form {
	return func(s *site, _ bool) []form {
		var out []form
		for i, body := range bodies {
			out = append(out, form{"/publish/import/" + id.New[id.Any]().String(), body})
			for j, o := range s.orgs {
				if o != s.orgs[1] && (i+j)%2 == 0 {
					out = append(out, form{"/publish/import/" + o.bundle.String(), body})
				}
			}
		}
		return out
	}
}

// bundles gives an organization an archive that was looked at.
func (w *world) bundles(o *org) {
	o.bundle = id.New[id.Any]()
	desk := &oracle.Object{Kind: oracle.Library, Org: o.id.String()}
	w.exec(o, `INSERT INTO course_imports (org_id, import_id, asked_by, file, size, state, fault, report, created_at, asked_at, expires_at)
		VALUES ($1, $2, $3, $4, 1, 'checked', NULL, jsonb_build_object('source', 'pages', 'items', jsonb_build_array(jsonb_build_object('kind', 'course', 'title', $5::text, 'slug', 's', 'lang', 'en', 'item', '00000000-0000-0000-0000-000000000000', 'version', 0, 'lessons', 1,
			'files', jsonb_build_array(jsonb_build_object('name', $6::text, 'outcome', 'new')))), 'findings', jsonb_build_array(jsonb_build_object('file', 'f', 'found', $7::text, 'problem', 'p'))), now(), now(), now() + interval '1 day')`,
		o.id, o.bundle, o.members[0], w.token(desk, "bundle "+o.id.String()), w.field(desk, "course_imports.title"), w.field(desk, "course_imports.name"), w.field(desk, "course_imports.found"))
}
