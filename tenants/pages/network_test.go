package pages_test

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/pages"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// two are two houses and a stranger, with a story each in a collection that may be opened. Requests act for the house in the
// header X-House with the role in X-Roles.
type two struct {
	t      *testing.T
	app    *fiber.App
	db     *db.DB
	orgs   []tenants.Organization
	shared []tenants.Collection
	items  []tenants.Item
}

func newTwo(t *testing.T) *two {
	t.Helper()
	d := dbtest.Open(t)
	svc := tenants.New(d, "localhost:8080")
	w := &two{t: t, db: d}
	for _, name := range []string{"Alpha", "=Beta", "Gamma"} {
		org := id.New[id.Org]()
		ctx := dbtest.System(t, scope.Operator, org)
		o, err := svc.CreateOrganization(ctx, tenants.NewOrganization{
			OrgID: org, Slug: "n" + strings.ReplaceAll(org.String(), "-", "")[:20], Name: name, Short: name[:1], Color: "#065f5b", Hue: 180, Locale: "en", SignIn: "oidc",
			Domains: []string{"d" + strings.ReplaceAll(org.String(), "-", "") + ".example"},
		})
		if err != nil {
			t.Fatal(err)
		}
		var c tenants.Collection
		var it tenants.Item
		if err := d.Tx(ctx, func(tx *db.Tx) (err error) {
			if c, err = tenants.PutCollection(tx, tenants.Collection{Slug: "shared", Title: "Shared by " + name, Visibility: "agreement"}); err != nil {
				return err
			}
			if it, err = tenants.PutItem(tx, tenants.Item{Kind: tenants.KindStory, Title: "Story of " + name}); err != nil {
				return err
			}
			if err = tenants.PublishItem(tx, it.ItemID, 1, time.Time{}); err != nil {
				return err
			}
			return tenants.Collect(tx, it.ItemID, "shared")
		}); err != nil {
			t.Fatal(err)
		}
		w.orgs, w.shared, w.items = append(w.orgs, o), append(w.shared, c), append(w.items, it)
	}
	w.app = fiber.New(fiber.Config{Immutable: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		if e, ok := errors.AsType[*fiber.Error](err); ok {
			return c.SendStatus(e.Code)
		}
		return c.SendStatus(errs.Status(errs.KindOf(err)))
	}})
	w.app.Use(func(c *fiber.Ctx) error {
		s, ctx := scope.Scope{Actor: scope.Visitor}, c.UserContext()
		for _, o := range w.orgs {
			if c.Get("X-House") == o.Slug && c.Get("X-Roles") != "" {
				s = scope.Scope{Actor: scope.Member, Org: o.OrgID, Membership: id.New[id.Membership](), Roles: []scope.Role{scope.Learner, scope.Role(c.Get("X-Roles"))}}
				if m, err := id.Parse[id.Membership](c.Get("X-Member")); err == nil {
					s.Membership = m
				}
				ctx = shell.With(ctx, shell.Frame{Org: ui.Org{ID: o.OrgID.String(), Slug: o.Slug, Name: o.Name}})
			}
		}
		if l, ok := lang.Parse(c.Get("X-Lang")); ok {
			ctx = lang.With(ctx, l)
		}
		c.SetUserContext(scope.Enter(dbtest.Shown(ctx), s))
		return c.Next()
	})
	pages.New(svc, d.Now).Mount(w.app)
	return w
}

// page is an answer.
type page struct {
	*goquery.Document

	status   int
	location string
	body     string
}

func (w *two) send(house int, role scope.Role, method, path string, form url.Values, header ...string) page {
	w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req := httptest.NewRequestWithContext(w.t.Context(), method, path, body)
	req.Header.Set("X-House", w.orgs[house].Slug)
	req.Header.Set("X-Roles", string(role))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := w.app.Test(req, -1)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read whole.
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(b)))
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(string(b), "⟦") {
		w.t.Errorf("%s %s: a text is missing", method, path)
	}
	return page{doc, res.StatusCode, res.Header.Get("Location"), string(b)}
}

func (w *two) get(house int, path string) page {
	w.t.Helper()
	return w.send(house, scope.PartnerManager, http.MethodGet, path, nil)
}

func (w *two) post(house int, path string, form url.Values) page {
	w.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	return w.send(house, scope.PartnerManager, http.MethodPost, path, form)
}

func (w *two) at(house int) string { return "/network/" + w.orgs[house].Slug }

// fields are what a browser would send of the page's form with the action, before anybody changed anything.
func (p page) fields(action string) url.Values {
	out := url.Values{}
	form := p.Find(`form[action="` + action + `"]`)
	form.Find("input,textarea,select").Each(func(_ int, s *goquery.Selection) {
		name := s.AttrOr("name", "")
		_, checked := s.Attr("checked")
		switch kind := s.AttrOr("type", ""); {
		case name == "" || (kind == "radio" || kind == "checkbox") && !checked:
		case goquery.NodeName(s) == "textarea":
			out.Set(name, s.Text())
		case goquery.NodeName(s) == "select":
			out.Set(name, s.Find("option[selected]").AttrOr("value", s.Find("option").First().AttrOr("value", "")))
		default:
			out.Add(name, s.AttrOr("value", ""))
		}
	})
	return out
}

// invite has Alpha ask Beta, opening its collection.
func (w *two) invite() {
	w.t.Helper()
	f := w.get(0, "/network/invite?with="+w.orgs[1].Slug).fields("/network/invite")
	f.Set("ours_open", w.shared[0].CollectionID.String())
	if p := w.post(0, "/network/invite", f); p.status != http.StatusSeeOther || !strings.HasPrefix(p.location, w.at(1)) {
		w.t.Fatalf("ask: %d to %s: %s", p.status, p.location, p.Find(".faults").Text())
	}
}

// sign has the house sign what its page shows.
func (w *two) sign(house, other int) page {
	w.t.Helper()
	f := w.get(house, w.at(other)).fields(w.at(other) + "/sign")
	f.Set("read", "on")
	return w.post(house, w.at(other)+"/sign", f)
}

func TestNetworkIsForWhoManagesIt(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	w.invite()
	for _, path := range []string{"/network.csv", "/network/invite", w.at(1), w.at(1) + "/view", w.at(1) + "/counter", w.at(1) + "/end"} {
		if p := w.send(0, "", http.MethodGet, path, nil); p.status != http.StatusUnauthorized {
			t.Errorf("%s for a visitor: %d", path, p.status)
		}
		if p := w.send(0, scope.Author, http.MethodGet, path, nil); p.status != http.StatusNotFound {
			t.Errorf("%s for an author: %d", path, p.status)
		}
		if p := w.send(0, scope.Administrator, http.MethodGet, path, nil); p.status >= 400 {
			t.Errorf("%s for an administrator: %d", path, p.status)
		}
	}
	for _, move := range []string{"sign", "counter", "decline", "withdraw", "pause", "resume", "end"} {
		if p := w.send(0, scope.Author, http.MethodPost, w.at(1)+"/"+move, url.Values{"name": {"=Beta"}, "version": {"1"}}); p.status != http.StatusNotFound {
			t.Errorf("%s by an author: %d", move, p.status)
		}
	}
	// Whoever is not part of it cannot tell it from what is not there.
	for _, path := range []string{w.at(0), w.at(1), "/network/nobody-here"} {
		if p := w.get(2, path); p.status != http.StatusNotFound {
			t.Errorf("%s for a stranger: %d", path, p.status)
		}
	}
	for _, p := range []page{w.get(2, "/network"), w.send(2, scope.Learner, http.MethodGet, "/network", nil), w.send(0, scope.Learner, http.MethodGet, "/network", nil)} {
		if strings.Contains(p.body, "Beta") || p.status != http.StatusOK || p.Find(".empty").Length() != 1 {
			t.Errorf("the network of others, or one that is only asked for, shows: %d", p.status)
		}
	}
	if p := w.get(1, "/network"); !strings.Contains(p.Find("tbody tr .badge").Text(), "Waiting for you") || p.Find(`tbody a[href="`+w.at(0)+`"]`).Length() != 1 {
		t.Error("who was asked does not see it")
	}
	if p := w.get(0, "/network?state=nonsense"); p.status != http.StatusNotFound {
		t.Errorf("a state that there is not: %d", p.status)
	}
}

func TestAgreementFromAskingToEnding(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	w.invite()
	p := w.get(1, w.at(0))
	if h := p.Find("h1").Text(); h != "Alpha asks you for a connection" || p.Find(".plain li").Length() != 3 || p.Find(".states [aria-current=step]").Text() == "" {
		t.Errorf("what Beta reads: %q, %d sentences", h, p.Find(".plain li").Length())
	}
	if !strings.Contains(p.Find(".half").Text(), "Shared by Alpha") || p.Find("ins,del").Length() != 0 {
		t.Error("the first offer shows what it opens, and no difference")
	}
	// Signing needs the tick, and the text that was read.
	sign := p.fields(w.at(0) + "/sign")
	if p := w.post(1, w.at(0)+"/sign", sign); p.status != http.StatusUnprocessableEntity || p.Find(`.faults a[href="#read"]`).Length() != 1 || p.Find("#read").Length() != 1 {
		t.Errorf("signed without having read: %d", p.status)
	}
	sign.Set("read", "on")
	// Beta looks at the counter form, which is filled with the offer, and adds its own collection.
	c := w.get(1, w.at(0)+"/counter")
	f := c.fields(w.at(0) + "/counter")
	if f.Get("theirs_open") != w.shared[0].CollectionID.String() || f.Get("finish_days") != "30" {
		t.Errorf("the counter form begins with %v", f)
	}
	f.Set("ours_open", w.shared[1].CollectionID.String())
	f.Set("right_"+w.shared[1].CollectionID.String(), "adapt")
	f.Set("seats_"+w.shared[1].CollectionID.String(), "12")
	f.Set("finish_days", "60")
	f.Set("note", "We add ours, and need two months.")
	if p := w.post(1, w.at(0)+"/counter", f); p.status != http.StatusSeeOther {
		t.Fatalf("counter: %d %s", p.status, p.Find(".faults").Text())
	}
	// What was read before is not signed any more; the newer one is shown.
	if p := w.post(1, w.at(0)+"/sign", sign); p.status != http.StatusConflict || p.Find(".callout-warn[role=status]").Length() != 1 || !strings.Contains(p.Find("h1").Text(), "You answered") {
		t.Errorf("an overtaken version is signed: %d, %q", p.status, p.Find("h1").Text())
	}
	if p := w.post(1, w.at(0)+"/counter", f); p.status != http.StatusConflict {
		t.Errorf("the same form twice: %d", p.status)
	}
	p = w.get(0, w.at(1))
	rows := p.Find(".half .change-new").Length()
	if p.Find("h1").Text() != "=Beta answered with a counter-proposal" || rows != 1 || !strings.Contains(p.Find(".half ins").Text(), "Use and add to it, 12 seats") ||
		!strings.Contains(p.Find("table del").Text(), "30 days") || !strings.Contains(p.Find("table ins").Text(), "60 days") || !strings.Contains(p.Find(".note-serif").First().Text(), "two months") {
		t.Errorf("what the counter-proposal changes: %q, %d new; %s", p.Find("h1").Text(), rows, p.Find(".half").Text())
	}
	if whole := w.get(0, w.at(1)+"?text=whole"); whole.Find("ins,del").Length() != 0 || !strings.Contains(whole.Find(".half").Text(), "12 seats") {
		t.Error("the whole text shows differences, or not all")
	}
	if p := w.sign(0, 1); p.status != http.StatusSeeOther {
		t.Fatalf("sign: %d", p.status)
	}
	p = w.get(0, w.at(1)+"?done=signed")
	if !strings.Contains(p.Find("[role=status]").Text(), "Signed.") || p.Find(`form[action="`+w.at(1)+`/pause"]`).Length() != 1 || p.Find(".folded").Length() != 1 {
		t.Error("signed, and the page does not say so, or the earlier version is gone")
	}
	if v := w.get(0, w.at(1)+"/view"); v.Find(".pcard").Length() != 1 || v.Find(".pcard h2").Text() != "Story of Alpha" {
		t.Errorf("what Beta can see: %s", v.Find(".pcard").Text())
	}
	if l := w.send(0, scope.Learner, http.MethodGet, "/network", nil); l.Find("tbody tr").Length() != 1 || l.Find(`a[href^="/network/n"]`).Length() != 0 || l.Find("tbody .badge").Length() != 0 {
		t.Error("a learner sees name and relationship, and no way to the agreement")
	}
	// Nothing else than what is in force is no proposal.
	same := w.get(1, w.at(0)+"/counter").fields(w.at(0) + "/counter")
	if p := w.post(1, w.at(0)+"/counter", same); p.status != http.StatusUnprocessableEntity || p.Find(".faults").Length() != 1 {
		t.Errorf("a change that changes nothing: %d", p.status)
	}
	// Both write a change; the second is told what the first did, and nothing of the second's is sent.
	mine, late := w.get(0, w.at(1)+"/counter").fields(w.at(1)+"/counter"), w.get(1, w.at(0)+"/counter").fields(w.at(0)+"/counter")
	mine.Set("finish_days", "90")
	late.Set("finish_days", "10")
	if p := w.post(0, w.at(1)+"/counter", mine); p.status != http.StatusSeeOther {
		t.Fatalf("change: %d", p.status)
	}
	if p := w.post(1, w.at(0)+"/counter", late); p.status != http.StatusConflict || p.Find("h1").Text() != "Alpha proposes a change" || !strings.Contains(p.Find("table ins").Text(), "90 days") {
		t.Errorf("a change to what was changed meanwhile: %d, %q", p.status, p.Find("h1").Text())
	}
	if p := w.post(1, w.at(0)+"/decline", url.Values{"version": {"3"}}); p.status != http.StatusSeeOther {
		t.Errorf("decline a change: %d", p.status)
	}
	if p := w.get(1, w.at(0)); p.Find("h1").Text() != "Sharing agreement with Alpha" || p.Find(`form[action="`+w.at(0)+`/pause"]`).Length() != 1 {
		t.Errorf("a declined change leaves the agreement: %q", p.Find("h1").Text())
	}
	// Paused and resumed by either.
	for _, step := range []struct {
		house int
		move  string
		want  string
	}{{0, "pause", "paused"}, {1, "resume", "resumed"}} {
		if p := w.post(step.house, w.at(1-step.house)+"/"+step.move, nil); p.status != http.StatusSeeOther || !strings.HasSuffix(p.location, "done="+step.want) {
			t.Errorf("%s: %d %s", step.move, p.status, p.location)
		}
	}
	if p := w.post(0, w.at(1)+"/resume", nil); p.status != http.StatusConflict {
		t.Errorf("resumed twice: %d", p.status)
	}
	// Ending says first what it does, and asks for the name.
	e := w.get(0, w.at(1)+"/end")
	if e.Find("dialog[open] h2").First().Text() != "End the connection with =Beta?" || e.Find(`dialog button[name=how]`).Length() != 2 || e.Find("dialog .plain li").Length() < 4 {
		t.Errorf("the question: %s", e.Find("dialog").Text())
	}
	if p := w.post(0, w.at(1)+"/end", url.Values{"how": {"now"}, "name": {"Alpha"}}); p.status != http.StatusUnprocessableEntity || p.Find(`dialog[open] .faults a[href="#name"]`).Length() != 1 {
		t.Errorf("ended with another name: %d", p.status)
	}
	if p := w.post(0, w.at(1)+"/end", url.Values{"how": {"finish"}, "name": {" =beta "}}); p.status != http.StatusSeeOther || !strings.HasSuffix(p.location, "done=ending") {
		t.Errorf("end: %d %s", p.status, p.location)
	}
	if p := w.get(1, w.at(0)); !strings.Contains(p.Find("h1").Text(), "is ending") || p.Find(`form[action="`+w.at(0)+`/pause"]`).Length() != 0 {
		t.Errorf("the other side reads %q", p.Find("h1").Text())
	}
	if p := w.post(1, w.at(0)+"/end", url.Values{"how": {"now"}, "name": {"alpha"}}); p.status != http.StatusSeeOther || !strings.HasSuffix(p.location, "done=ended") {
		t.Errorf("end now: %d %s", p.status, p.location)
	}
	if p := w.get(0, w.at(1)); p.Find(`a[href^="/network/invite?with="]`).Length() != 1 || p.Find(".timeline li").Length() < 6 {
		t.Errorf("after the end: %d receipts", p.Find(".timeline li").Length())
	}
	if v := w.get(0, w.at(1)+"/view"); v.Find(".pcard").Length() != 0 || v.Find(".empty").Length() != 1 {
		t.Error("ended, and the page says that Beta sees something")
	}
}

func TestDeclineAndWithdraw(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	w.invite()
	if p := w.post(1, w.at(0)+"/withdraw", url.Values{"version": {"1"}}); p.status != http.StatusConflict {
		t.Errorf("what another proposed is withdrawn: %d", p.status)
	}
	if p := w.post(1, w.at(0)+"/decline", url.Values{"version": {"1"}}); p.status != http.StatusSeeOther {
		t.Errorf("decline: %d", p.status)
	}
	if p := w.get(0, w.at(1)); p.Find("h1").Text() != "=Beta declined your proposal" {
		t.Errorf("the asker reads %q", p.Find("h1").Text())
	}
	w.invite()
	if p := w.post(0, w.at(1)+"/withdraw", url.Values{"version": {"2"}}); p.status != http.StatusSeeOther {
		t.Errorf("withdraw: %d", p.status)
	}
	if p := w.get(1, w.at(0)); p.Find("h1").Text() != "Alpha withdrew its proposal" {
		t.Errorf("the other reads %q", p.Find("h1").Text())
	}
	for _, m := range []string{"/counter", "/end"} {
		if p := w.get(1, w.at(0)+m); p.status != http.StatusSeeOther {
			t.Errorf("%s of what is over: %d", m, p.status)
		}
	}
}

func TestInviteNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	good := w.get(0, "/network/invite?with=anna@d"+strings.ReplaceAll(w.orgs[1].OrgID.String(), "-", "")+".example")
	if good.Find(".found b").Text() != "=Beta" {
		t.Errorf("found by the domain of an address: %q", good.Find(".found").Text())
	}
	for _, tt := range []struct{ field, value, fault string }{
		{"with", "", "with"},
		{"with", "nobody.example", "with"},
		{"with", w.orgs[0].Slug, "with"},
		{"finish_days", "181", "finish_days"},
		{"finish_days", "x", "finish_days"},
		{"until", "2001-01-01", "until"},
		{"until", "tomorrow", "until"},
		{"theirs_learns", "everything", "theirs_learns"},
		{"ours_meet", "", "ours_meet"},
		{"note", strings.Repeat("é", 2001), "note"},
		{"seats_" + w.shared[0].CollectionID.String(), "-3", "seats_" + w.shared[0].CollectionID.String()},
		{"right_" + w.shared[0].CollectionID.String(), "own", "opens"},
		{"we_call", "friend", "we_call"},
	} {
		f := good.fields("/network/invite")
		f.Set("ours_open", w.shared[0].CollectionID.String())
		f.Set(tt.field, tt.value)
		p := w.post(0, "/network/invite", f)
		if p.status != http.StatusUnprocessableEntity || p.Find(`.faults[data-focus] a[href="#`+tt.fault+`"]`).Length() != 1 || p.Find("[id='"+tt.fault+"']").Length() != 1 {
			t.Errorf("%s = %.20q: %d, faults %q", tt.field, tt.value, p.status, p.Find(".faults").Text())
		}
		if p.Find("#ours-"+w.shared[0].CollectionID.String()+"[checked]").Length() != 1 {
			t.Errorf("%s = %.20q: what was chosen is lost", tt.field, tt.value)
		}
	}
	// A collection of another house cannot be slipped in.
	f := good.fields("/network/invite")
	f.Set("ours_open", w.shared[1].CollectionID.String())
	if p := w.post(0, "/network/invite", f); p.status != http.StatusSeeOther {
		t.Errorf("an offer with somebody else's collection: %d", p.status)
	}
	if p := w.get(1, w.at(0)); strings.Contains(p.Find(".half").Text(), "Shared by") {
		t.Error("somebody else's collection stands in the offer")
	}
	// Asked already: the page of the two, not a second question.
	if p := w.post(0, "/network/invite", f); p.status != http.StatusSeeOther || p.location != w.at(1) {
		t.Errorf("asked twice: %d %s", p.status, p.location)
	}
	// A preset fills the form; looking up keeps what was chosen.
	p := w.get(0, "/network/invite?fill=partner")
	if got := p.fields("/network/invite"); got.Get("theirs_learns") != "certified" || got.Get("we_call") != "partner" || got.Get("right_"+w.shared[0].CollectionID.String()) != "adapt" || p.Find(`.choice-button[aria-pressed=true]`).AttrOr("value", "") != "partner" {
		t.Errorf("enable a partner: %v", got)
	}
	if got := w.get(0, "/network/invite?fill=try").fields("/network/invite"); got.Get("until") == "" {
		t.Error("try for 60 days has no end")
	}
	look := p.fields("/network/invite")
	look.Set("ours_learns", "named")
	look.Set("with", w.orgs[2].Slug)
	look.Set("look", "1")
	p = w.get(0, "/network/invite?"+look.Encode())
	if got := p.fields("/network/invite"); got.Get("ours_learns") != "named" || p.Find(".found b").Text() != "Gamma" {
		t.Errorf("looking up: %v", got)
	}
}

func TestNetworkExportIsSafe(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	w.invite()
	if p := w.sign(1, 0); p.status != http.StatusSeeOther {
		t.Fatal(p.status)
	}
	p := w.get(0, "/network.csv")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != "'=Beta" || rows[1][6] != "1" {
		t.Errorf("%v, %v", rows, err)
	}
	for _, house := range []int{0, 1} {
		for _, path := range []string{"/network", w.at(1 - house), w.at(1-house) + "/counter", w.at(1-house) + "/end", w.at(1-house) + "/view", "/network/invite", "/sharing", "/sharing/shared", "/sharing/shared/visibility?to=public", "/sharing/shared/visibility?to=internal"} {
			if p := w.send(house, scope.Administrator, http.MethodGet, path, nil, "X-Lang", "de"); p.status != http.StatusOK {
				t.Errorf("%s in German: %d", path, p.status)
			}
		}
	}
}

func TestSharing(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	author := func(method, path string, form url.Values) page { return w.send(0, scope.Author, method, path, form) }
	for _, path := range []string{"/sharing", "/sharing/shared"} {
		if p := w.send(0, scope.Learner, http.MethodGet, path, nil); p.status != http.StatusNotFound {
			t.Errorf("%s for a learner: %d", path, p.status)
		}
		if p := author(http.MethodGet, path, nil); p.status != http.StatusOK {
			t.Errorf("%s for an author: %d", path, p.status)
		}
	}
	if p := author(http.MethodPost, "/sharing", url.Values{"title": {" "}}); p.status != http.StatusUnprocessableEntity || p.Find(`.faults a[href="#title"]`).Length() != 1 || p.Find("#title[aria-invalid]").Length() != 1 {
		t.Errorf("without a name: %d", p.status)
	}
	p := author(http.MethodPost, "/sharing", url.Values{"title": {"By the door"}, "description": {"<b>x</b>"}})
	if p.status != http.StatusSeeOther || p.location != "/sharing/by-the-door?done=created" {
		t.Fatalf("%d %s", p.status, p.location)
	}
	found := author(http.MethodGet, "/sharing/by-the-door?find=story", nil)
	if found.Find(`#add form[action$="/add"]`).Length() != 1 || strings.Contains(found.body, "<b>x</b>") {
		t.Error("one's own story is not offered, or a description is not escaped")
	}
	item := found.fields("/sharing/by-the-door/add")
	if p := author(http.MethodPost, "/sharing/by-the-door/add", item); p.status != http.StatusSeeOther {
		t.Errorf("add: %d", p.status)
	}
	if p := author(http.MethodPost, "/sharing/by-the-door/add", url.Values{"item": {w.items[1].ItemID.String()}}); p.status != http.StatusNotFound {
		t.Errorf("add another's: %d", p.status)
	}
	if p := author(http.MethodGet, "/sharing/by-the-door/visibility?to=public", nil); p.status != http.StatusNotFound {
		t.Errorf("an author is asked whether to publish: %d", p.status)
	}
	if p := author(http.MethodGet, "/sharing/by-the-door", nil); p.Find(`a[href*="visibility"]`).Length() != 0 || p.Find(`form[action$="/remove"]`).Length() != 1 {
		t.Error("an author is offered what only the network's manager may")
	}
	ask := w.get(0, "/sharing/by-the-door/visibility?to=public")
	if ask.Find(".ask .plain li").Length() < 2 || !strings.Contains(ask.Find(".ask").Text(), "Everybody sees 1 item") {
		t.Errorf("what it does: %s", ask.Find(".ask").Text())
	}
	if p := w.post(0, "/sharing/by-the-door/visibility", ask.fields("/sharing/by-the-door/visibility")); p.status != http.StatusSeeOther {
		t.Errorf("publish: %d", p.status)
	}
	back := w.get(0, "/sharing/by-the-door/visibility?to=internal")
	if !strings.Contains(back.Find(".ask").Text(), "public since") || back.Find(".btn-danger-filled").Length() != 1 {
		t.Errorf("taking it back says: %s", back.Find(".ask").Text())
	}
	if p := w.post(0, "/sharing/by-the-door/visibility", url.Values{"to": {"internal"}}); p.status != http.StatusSeeOther {
		t.Errorf("take back: %d", p.status)
	}
	if p := w.post(0, "/sharing/by-the-door/visibility", url.Values{"to": {"all"}}); p.status != http.StatusUnprocessableEntity {
		t.Errorf("a visibility that there is not: %d", p.status)
	}
	if p := author(http.MethodPost, "/sharing/by-the-door/remove", item); p.status != http.StatusSeeOther {
		t.Errorf("take out: %d", p.status)
	}
	if p := author(http.MethodPost, "/sharing/by-the-door", url.Values{"title": {strings.Repeat("x", 121)}}); p.status != http.StatusUnprocessableEntity || p.Find("details[open] #title[aria-invalid]").Length() != 1 {
		t.Errorf("rename to something too long: %d", p.status)
	}
	if p := w.get(1, "/sharing/by-the-door"); p.status != http.StatusNotFound {
		t.Errorf("another house opens it: %d", p.status)
	}
}

func TestMailsAreTurnedOffOnThePage(t *testing.T) {
	t.Parallel()
	w := newTwo(t)
	w.invite()
	var m tenants.Membership
	if err := w.db.Tx(dbtest.System(t, scope.Operator, w.orgs[0].OrgID), func(tx *db.Tx) (err error) {
		m, err = tenants.AddMember(tx, tenants.NewMember{Name: "Partners", Email: "partners@" + w.orgs[0].Slug + ".example"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	at := w.at(1)
	button := func() string {
		return w.send(0, scope.PartnerManager, http.MethodGet, at, nil, "X-Member", m.MembershipID.String()).Find(`form[action$="/mails"] button`).AttrOr("value", "")
	}
	if got := button(); got != "off" {
		t.Fatalf("at first the button says %q", got)
	}
	for _, turn := range []struct{ mails, next string }{{"off", "on"}, {"off", "on"}, {"on", "off"}} {
		if p := w.send(0, scope.PartnerManager, http.MethodPost, at+"/mails", url.Values{"mails": {turn.mails}}, "X-Member", m.MembershipID.String()); p.status != http.StatusSeeOther {
			t.Fatalf("turning mails %s answers %d", turn.mails, p.status)
		}
		if got := button(); got != turn.next {
			t.Errorf("after %s the button says %q", turn.mails, got)
		}
	}
	if p := w.send(0, scope.Learner, http.MethodPost, at+"/mails", url.Values{"mails": {"off"}}); p.status != http.StatusNotFound {
		t.Errorf("a learner turns mails off: %d", p.status)
	}
}
