package auth_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// openDoor furnishes and opens the public door of a house.
func (w *world) openDoor(h house, refused ...string) {
	w.t.Helper()
	w.exec(h, `INSERT INTO public_doors (org_id, open, privacy_url, terms_url, refused, changed_at) VALUES ($1, true, 'https://a.example/privacy', 'https://a.example/terms', $2, now())`, append([]string{}, refused...))
}

// askDoor asks for a link of the public door, without the limits of a network.
func (b *browser) askDoor(h house, email, back string) answer {
	b.t.Helper()
	b.w.exec(h, `DELETE FROM sign_in_tries WHERE org_id = $1`)
	return b.post(h.Slug, "/door"+back, url.Values{"email": {email}})
}

var doorLink = regexp.MustCompile(`/door/link/[A-Za-z0-9_-]{43}`)

// doorLink is the link of the last mail to the address, "" if there is none.
func (w *world) doorLink(h house, email string) string {
	w.t.Helper()
	var body string
	w.tx(h, func(tx *db.Tx) (err error) {
		body, err = db.Row[string](tx, `SELECT coalesce((SELECT m.body FROM mails m WHERE m.org_id = $1 AND m.recipient = $2 ORDER BY m.created_at DESC, m.mail_id DESC LIMIT 1), '')`, h.OrgID, email)
		return err
	})
	return doorLink.FindString(body)
}

// comeIn makes an account at the door and enters with it.
func (b *browser) comeIn(h house, email, name string) {
	b.t.Helper()
	b.askDoor(h, email, "")
	if res := b.post(h.Slug, b.w.doorLink(h, email), url.Values{"name": {name}, "agreed": {"on"}}); res.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("%s comes in: %d %s", email, res.StatusCode, res.body)
	}
}

// individuals counts accounts as sign-in, which alone can.
func (w *world) individuals(h house, email string) (n int) {
	w.t.Helper()
	if err := w.db.Tx(dbtest.System(w.t, scope.SignIn, h.OrgID), func(tx *db.Tx) (err error) {
		n, err = db.Row[int](tx, `SELECT count(*)::int FROM individuals i WHERE i.org_id = $1 AND i.email = $2`, h.OrgID, email)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

//nolint:paralleltest // One story: each part goes on where the last one ended.
func TestPublicDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const email = "somebody@mail.example"
	t.Run("it is shut unless somebody opens it", func(t *testing.T) {
		b := w.browser(t)
		if res := b.get(w.post.Slug, "/door"); res.StatusCode != http.StatusNotFound {
			t.Errorf("the page: %d", res.StatusCode)
		}
		if res := b.askDoor(w.post, email, ""); res.StatusCode != http.StatusNotFound || w.doorLink(w.post, email) != "" {
			t.Errorf("asking: %d", res.StatusCode)
		}
		if strings.Contains(b.get(w.post.Slug, "/sign-in").body, `href="/door"`) {
			t.Error("the sign-in page leads there")
		}
	})
	w.openDoor(w.post, "bin.example")
	w.openDoor(w.a)
	t.Run("somebody comes in, is a visitor to the database, and comes back", func(t *testing.T) {
		b := w.browser(t)
		if !strings.Contains(b.get(w.post.Slug, "/sign-in").body, `href="/door"`) {
			t.Error("the sign-in page does not lead there")
		}
		if res := b.askDoor(w.post, email, "?return_to=/learn"); res.Header.Get("Location") != "/door/sent" {
			t.Fatalf("ask: %d %s", res.StatusCode, res.body)
		}
		link := w.doorLink(w.post, email)
		page := b.get(w.post.Slug, link)
		if page.doc(t).Find(`input[name=name]`).Length() != 1 || page.doc(t).Find(`input[name=agreed]`).Length() != 1 || page.doc(t).Find(`input[name=code]`).Length() != 0 {
			t.Fatalf("page of the link: %s", page.body)
		}
		for _, bad := range []url.Values{{}, {"name": {"Some Body"}}, {"agreed": {"on"}}, {"name": {" "}, "agreed": {"on"}}} {
			if res := b.post(w.post.Slug, link, bad); res.StatusCode != http.StatusUnprocessableEntity || w.individuals(w.post, email) != 0 {
				t.Errorf("%v: %d", bad, res.StatusCode)
			}
		}
		if res := b.post(w.post.Slug, link, url.Values{"name": {"Some Body"}, "agreed": {"on"}}); res.Header.Get("Location") != "/learn" {
			t.Fatalf("come in: %d %s", res.StatusCode, res.body)
		}
		if who := b.whoami(w.post); !strings.Contains(who, `"individual"`) || strings.Contains(who, w.post.OrgID.String()) {
			t.Errorf("who acts: %s", who)
		}
		w.refused(t, b.post(w.post.Slug, link, url.Values{"name": {"Other"}, "agreed": {"on"}}), w.post, "expired")
		if n := w.count(w.post, `SELECT count(*)::int FROM memberships WHERE org_id = $1 AND email = $2`, email); n != 0 {
			t.Error("a member was made")
		}
		again := w.browser(t)
		again.askDoor(w.post, email, "")
		link = w.doorLink(w.post, email)
		if again.get(w.post.Slug, link).doc(t).Find(`input[name=name], input[name=agreed]`).Length() != 0 {
			t.Error("who was here is asked again")
		}
		if res := again.post(w.post.Slug, link, url.Values{}); res.Header.Get("Location") != "/account" || !strings.Contains(again.get(w.post.Slug, "/account").body, "Some Body") {
			t.Errorf("come back: %d to %s", res.StatusCode, res.Header.Get("Location"))
		}
	})
	t.Run("another browser needs the code, another house takes nothing", func(t *testing.T) {
		desk, phone := w.browser(t), w.browser(t)
		desk.askDoor(w.post, email, "")
		code, link := desk.get(w.post.Slug, "/door/sent").doc(t).Find("#code").Text(), w.doorLink(w.post, email)
		if res := phone.post(w.post.Slug, link, url.Values{}); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("without a code: %d", res.StatusCode)
		}
		w.refused(t, desk.post(w.a.Slug, link, url.Values{}), w.a, "expired")
		w.refused(t, desk.post(w.post.Slug, strings.Replace(link, "/door/", "/sign-in/", 1), url.Values{}), w.post, "expired")
		if res := phone.post(w.post.Slug, link, url.Values{"code": {code}}); res.StatusCode != http.StatusSeeOther || !strings.Contains(phone.whoami(w.post), "individual") {
			t.Errorf("with the code: %d", res.StatusCode)
		}
		phone.cookies[w.a.Slug] = phone.cookies[w.post.Slug]
		if who := phone.whoami(w.a); !strings.Contains(who, "visitor") {
			t.Errorf("the session is good at another house: %s", who)
		}
	})
	t.Run("the door opens no membership, and a link of sign-in no account", func(t *testing.T) {
		_, keeper := w.keeper(t)
		b := w.browser(t)
		b.comeIn(w.post, keeper, "Keeper at the door")
		if who := b.whoami(w.post); !strings.Contains(who, `"individual"`) {
			t.Errorf("an administrator came in by the door as %s", who)
		}
		b = w.browser(t)
		w.exec(w.post, `DELETE FROM sign_in_tries WHERE org_id = $1`)
		w.exec(w.post, `DELETE FROM mails WHERE org_id = $1`)
		b.ask(email)
		if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1`); n != 0 {
			t.Error("sign-in wrote to somebody who is no member")
		}
	})
	t.Run("refused domains, with all below them, and no others", func(t *testing.T) {
		b := w.browser(t)
		for address, want := range map[string]int{"a@bin.example": 422, "a@deep.bin.example": 422, "a@notbin.example": 303, "a@BIN.example": 422, "a,b@x.example": 422} {
			if res := b.askDoor(w.post, address, ""); res.StatusCode != want {
				t.Errorf("%s: %d", address, res.StatusCode)
			}
		}
	})
	t.Run("people of a house with enforced sign-on come in through its provider", func(t *testing.T) {
		b, own := w.browser(t), "new@"+w.a.Slug+".example"
		if res := b.askDoor(w.a, own, ""); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(res.body, "own sign-in") {
			t.Errorf("%d %s", res.StatusCode, res.body)
		}
		err := w.db.Tx(dbtest.System(t, scope.SignIn, w.a.OrgID), func(tx *db.Tx) error {
			_, err := auth.AddIndividual(tx, auth.NewIndividual{Email: own, Name: "Own"})
			return err
		})
		if !errs.Is(err, errs.NotFound) {
			t.Errorf("the database takes one: %v", err)
		}
		b.comeIn(w.a, email, "Elsewhere")
	})
	t.Run("known and unknown addresses look alike when nobody new is taken", func(t *testing.T) {
		w.exec(w.post, `UPDATE public_doors SET welcomes = false WHERE org_id = $1`)
		defer w.exec(w.post, `UPDATE public_doors SET welcomes = true WHERE org_id = $1`)
		const unknown = "stranger@mail.example"
		a, b := w.browser(t), w.browser(t)
		known, other := a.askDoor(w.post, email, ""), b.askDoor(w.post, unknown, "")
		if known.StatusCode != other.StatusCode || known.Header.Get("Location") != other.Header.Get("Location") {
			t.Errorf("%d %d", known.StatusCode, other.StatusCode)
		}
		digits := regexp.MustCompile(`\d{3} \d{3}`)
		pageA, pageB := a.get(w.post.Slug, "/door/sent").body, b.get(w.post.Slug, "/door/sent").body
		if digits.ReplaceAllString(pageA, "") != strings.ReplaceAll(digits.ReplaceAllString(pageB, ""), unknown, email) {
			t.Error("the pages differ")
		}
		if w.doorLink(w.post, unknown) != "" || w.doorLink(w.post, email) == "" {
			t.Error("the link went to the stranger, or not to who was here")
		}
	})
	t.Run("three links for an address, ten from a network", func(t *testing.T) {
		w.exec(w.post, `DELETE FROM sign_in_tries WHERE org_id = $1`)
		b := w.browser(t)
		var last int
		for range 4 {
			last = b.post(w.post.Slug, "/door", url.Values{"email": {"often@mail.example"}}).StatusCode
		}
		if last != http.StatusTooManyRequests {
			t.Errorf("the fourth: %d", last)
		}
	})
	t.Run("closing the door ends the sessions; the accounts stay", func(t *testing.T) {
		b := w.browser(t)
		b.comeIn(w.post, "stays@mail.example", "Stays")
		w.exec(w.post, `UPDATE public_doors SET open = false WHERE org_id = $1`)
		if who := b.whoami(w.post); !strings.Contains(who, "visitor") {
			t.Errorf("still in: %s", who)
		}
		w.exec(w.post, `UPDATE public_doors SET open = true WHERE org_id = $1`)
		if who := b.whoami(w.post); !strings.Contains(who, "visitor") || w.individuals(w.post, "stays@mail.example") != 1 {
			t.Errorf("the session came back, or the account went: %s", who)
		}
	})
	t.Run("a new notice is agreed to anew", func(t *testing.T) {
		w.exec(w.post, `UPDATE public_doors SET notice = notice + 1, privacy_url = 'https://a.example/privacy-2' WHERE org_id = $1`)
		b := w.browser(t)
		b.askDoor(w.post, email, "")
		link := w.doorLink(w.post, email)
		if res := b.post(w.post.Slug, link, url.Values{}); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("without: %d", res.StatusCode)
		}
		b.post(w.post.Slug, link, url.Values{"agreed": {"on"}})
		if body := b.get(w.post.Slug, "/account").body; !strings.Contains(body, "privacy-2") || !strings.Contains(body, "https://a.example/privacy\"") {
			t.Error("the history of consents is not on the page")
		}
	})
	t.Run("everything can be taken out, and erased", func(t *testing.T) {
		b := w.browser(t)
		b.comeIn(w.post, "goes@mail.example", "=Goes")
		res := b.get(w.post.Slug, "/account/data.zip")
		z, err := zip.NewReader(bytes.NewReader([]byte(res.body)), int64(len(res.body)))
		if err != nil {
			t.Fatal(err)
		}
		var all string
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			all += f.Name + string(text)
		}
		for _, want := range []string{"account.json", "progress.csv", "agreed.csv", "goes@mail.example", "=Goes", "https://a.example/privacy"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is not in it", want)
			}
		}
		if res := b.post(w.post.Slug, "/account/erase", url.Values{"email": {"other@mail.example"}}); res.StatusCode != http.StatusUnprocessableEntity || w.individuals(w.post, "goes@mail.example") != 1 {
			t.Errorf("a wrong address: %d", res.StatusCode)
		}
		if res := b.post(w.post.Slug, "/account/erase", url.Values{"email": {"goes@mail.example"}}); res.StatusCode != http.StatusSeeOther || w.individuals(w.post, "goes@mail.example") != 0 {
			t.Errorf("erase: %d %s", res.StatusCode, res.body)
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1 AND recipient = 'goes@mail.example'`); n != 0 || !strings.Contains(b.whoami(w.post), "visitor") {
			t.Errorf("%d mails are left, or a session", n)
		}
	})
	t.Run("no member's transaction reads an account; an administrator's page does", func(t *testing.T) {
		boss, _ := w.keeperAgain(t)
		for _, h := range []house{w.post, w.a} {
			if err := w.db.Tx(scope.Enter(t.Context(), scope.Scope{Actor: scope.Member, Org: h.OrgID, Membership: id.New[id.Membership](), Roles: scope.Roles()}), func(tx *db.Tx) error {
				n, err := db.Row[int](tx, `SELECT (SELECT count(*) FROM individuals)::int + (SELECT count(*) FROM individual_sessions)::int + (SELECT count(*) FROM individual_notices)::int + (SELECT count(*) FROM visitor_progress)::int`)
				if err == nil && n != 0 {
					t.Errorf("a member with every role reads %d rows", n)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		list := boss.get(w.post.Slug, "/admin/individuals?q=stays")
		if !strings.Contains(list.body, "stays@mail.example") || strings.Contains(list.body, "Some Body") {
			t.Errorf("list: %d %s", list.StatusCode, list.body)
		}
		if table := boss.get(w.post.Slug, "/admin/individuals.csv"); !strings.Contains(table.body, "stays@mail.example") {
			t.Errorf("table: %d %s", table.StatusCode, table.body)
		}
		at, _ := list.doc(t).Find(`a[href$="/remove"]`).Attr("href")
		if res := boss.post(w.post.Slug, at, url.Values{"email": {"stays@mail.example"}}); res.StatusCode != http.StatusSeeOther || w.individuals(w.post, "stays@mail.example") != 0 {
			t.Errorf("remove: %d %s", res.StatusCode, res.body)
		}
	})
	t.Run("an administrator furnishes, opens and closes it, freshly signed in", func(t *testing.T) {
		boss, _ := w.keeperAgain(t)
		bad := boss.post(w.post.Slug, "/admin/public-door", url.Values{"privacy": {"http://plain.example"}, "refused": {"no domain!"}})
		if bad.StatusCode != http.StatusUnprocessableEntity || bad.doc(t).Find(`#privacy`).AttrOr("value", "") != "http://plain.example" {
			t.Errorf("bad: %d %s", bad.StatusCode, bad.body)
		}
		if res := boss.post(w.post.Slug, "/admin/public-door", url.Values{"privacy": {"https://p.example/x"}, "welcomes": {"on"}, "refused": {"@One.example, two.example"}}); res.StatusCode != http.StatusSeeOther {
			t.Errorf("save: %d %s", res.StatusCode, res.body)
		}
		for _, step := range []string{"close", "close", "open"} {
			if res := boss.post(w.post.Slug, "/admin/public-door/"+step, url.Values{}); res.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: %d %s", step, res.StatusCode, res.body)
			}
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM public_doors WHERE org_id = $1 AND open AND refused = '{one.example,two.example}'`); n != 1 {
			t.Error("the settings are not kept")
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action IN ('public_door.changed', 'public_door.opened', 'public_door.closed')`); n != 3 {
			t.Errorf("%d lines in the log", n)
		}
		w.advance(6 * 60 * 1e9)
		if res := boss.post(w.post.Slug, "/admin/public-door/close", url.Values{}); !strings.HasPrefix(res.Header.Get("Location"), "/auth/again") {
			t.Errorf("not fresh: %d %s", res.StatusCode, res.Header.Get("Location"))
		}
	})
}

// keeperAgain is the administrator of the house that signs in by email, who is there already.
func (w *world) keeperAgain(t *testing.T) (*browser, tenants.Organization) {
	t.Helper()
	b := w.browser(t)
	b.byMail(t, "keeper@"+w.post.Slug+".example")
	return b, w.post.Organization
}
