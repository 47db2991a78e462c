package auth_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/tenants"
)

var mailed = regexp.MustCompile(`/sign-in/link/[A-Za-z0-9_-]{43}`)

// lastLink is the path in the last mail to an address.
func (w *world) lastLink(t *testing.T, email string) string {
	t.Helper()
	var body string
	w.tx(w.post, func(tx *db.Tx) (err error) {
		body, err = db.Row[string](tx, `SELECT body FROM mails WHERE org_id = $1 AND recipient = $2 ORDER BY created_at DESC, mail_id DESC LIMIT 1`, w.post.OrgID, email)
		return err
	})
	link := mailed.FindString(body)
	if link == "" || !strings.Contains(body, baseURL(w.post.Slug)+link) {
		t.Fatalf("mail without a link to the portal's own address: %q", body)
	}
	return link
}

func (b *browser) ask(email string) answer {
	b.t.Helper()
	return b.post(b.w.post.Slug, "/sign-in/email?return_to=/home", url.Values{"email": {email}})
}

//nolint:paralleltest // The parts share the counted tries of one house.
func TestEmailLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "driver@" + w.post.Slug + ".example"
	w.tx(w.post, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Driver", Email: email, State: "invited"})
		return err
	})
	reset := func() { w.exec(w.post, `DELETE FROM sign_in_tries WHERE org_id = $1`) }

	t.Run("the browser that asked needs a button", func(t *testing.T) {
		b := w.browser(t)
		if form := b.get(w.post.Slug, "/sign-in").doc(t).Find(`form[action="/sign-in/email"] input[name=email]`); form.Length() != 1 {
			t.Fatal("no form for the address")
		}
		if res := b.ask(strings.ToUpper(email)); res.Header.Get("Location") != "/sign-in/sent" {
			t.Fatalf("ask: %d %s", res.StatusCode, res.body)
		}
		link := w.lastLink(t, email)
		// A scanner of mails reads it first.
		w.browser(t).get(w.post.Slug, link)
		page := b.get(w.post.Slug, link)
		if page.doc(t).Find(`input[name=code]`).Length() != 0 || page.doc(t).Find(`form[method=post][action="`+link+`"]`).Length() != 1 {
			t.Fatalf("page of the link: %s", page.body)
		}
		if who := b.whoami(w.post); !strings.Contains(who, "visitor") {
			t.Fatalf("reading the link signed in: %s", who)
		}
		res := b.post(w.post.Slug, link, url.Values{})
		if res.Header.Get("Location") != "/home" || !strings.Contains(b.whoami(w.post), email) {
			t.Fatalf("use: %d %s", res.StatusCode, res.body)
		}
		w.refused(t, b.post(w.post.Slug, link, url.Values{}), w.post, "expired")
		w.refused(t, b.get(w.post.Slug, link), w.post, "expired")
	})
	t.Run("another browser needs the code", func(t *testing.T) {
		reset()
		desk, phone := w.browser(t), w.browser(t)
		desk.ask(email)
		code := desk.get(w.post.Slug, "/sign-in/sent").doc(t).Find("#code").Text()
		if !regexp.MustCompile(`^\d{3} \d{3}$`).MatchString(code) {
			t.Fatalf("code %q", code)
		}
		link := w.lastLink(t, email)
		if phone.get(w.post.Slug, link).doc(t).Find(`input[name=code]`).Length() != 1 {
			t.Fatal("the other browser is not asked for the code")
		}
		if res := phone.post(w.post.Slug, link, url.Values{}); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(phone.whoami(w.post), "visitor") {
			t.Fatalf("without a code: %d", res.StatusCode)
		}
		if res := phone.post(w.post.Slug, link, url.Values{"code": {code}}); res.Header.Get("Location") != "/home" || !strings.Contains(phone.whoami(w.post), email) {
			t.Fatalf("with the code: %d %s", res.StatusCode, res.body)
		}
	})
	t.Run("five wrong codes end it", func(t *testing.T) {
		reset()
		desk, phone := w.browser(t), w.browser(t)
		desk.ask(email)
		code := strings.ReplaceAll(desk.get(w.post.Slug, "/sign-in/sent").doc(t).Find("#code").Text(), " ", "")
		link := w.lastLink(t, email)
		for range 5 {
			phone.post(w.post.Slug, link, url.Values{"code": {"x" + code[1:]}})
		}
		w.refused(t, phone.post(w.post.Slug, link, url.Values{"code": {code}}), w.post, "expired")
		w.refused(t, desk.post(w.post.Slug, link, url.Values{}), w.post, "expired")
	})
	t.Run("an unknown address gets the same answer", func(t *testing.T) {
		reset()
		unknown := "nobody@" + w.post.Slug + ".example"
		a, b := w.browser(t), w.browser(t)
		known, other := a.ask(email), b.ask(unknown)
		if known.StatusCode != other.StatusCode || known.Header.Get("Location") != other.Header.Get("Location") {
			t.Errorf("%d %d", known.StatusCode, other.StatusCode)
		}
		pageA, pageB := a.get(w.post.Slug, "/sign-in/sent"), b.get(w.post.Slug, "/sign-in/sent")
		digits := regexp.MustCompile(`\d{3} \d{3}`)
		if digits.ReplaceAllString(pageA.body, "") != strings.ReplaceAll(digits.ReplaceAllString(pageB.body, ""), unknown, email) {
			t.Error("the pages differ")
		}
		if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1 AND recipient = $2`, unknown); n != 0 {
			t.Error("a mail went to a stranger")
		}
	})
	t.Run("not after ten minutes", func(t *testing.T) {
		reset()
		b := w.browser(t)
		b.ask(email)
		link := w.lastLink(t, email)
		w.exec(w.post, `UPDATE email_links SET expires_at = now() - interval '1 second' WHERE org_id = $1`)
		w.refused(t, b.post(w.post.Slug, link, url.Values{}), w.post, "expired")
	})
	t.Run("not at another organization's host", func(t *testing.T) {
		reset()
		b := w.browser(t)
		b.ask(email)
		link := w.lastLink(t, email)
		b.cookies[w.a.Slug] = b.cookies[w.post.Slug]
		w.refused(t, b.post(w.a.Slug, link, url.Values{}), w.a, "expired")
		if res := b.post(w.a.Slug, "/sign-in/email", url.Values{"email": {email}}); res.StatusCode != http.StatusNotFound {
			t.Errorf("a house with a provider sends links: %d", res.StatusCode)
		}
	})
	t.Run("one link signs in once, however many press at once", func(t *testing.T) {
		reset()
		b := w.browser(t)
		b.ask(email)
		link := w.lastLink(t, email)
		var wg sync.WaitGroup
		var mu sync.Mutex
		worked := 0
		for range 8 {
			other := w.browser(t)
			other.cookies[w.post.Slug] = map[string]string{"ls_pre": b.cookies[w.post.Slug]["ls_pre"]}
			wg.Go(func() {
				res := other.post(w.post.Slug, link, url.Values{})
				mu.Lock()
				defer mu.Unlock()
				if res.StatusCode == http.StatusSeeOther {
					worked++
				}
			})
		}
		wg.Wait()
		if worked != 1 {
			t.Errorf("signed in %d times", worked)
		}
	})
	t.Run("three for an address, ten for a network", func(t *testing.T) {
		reset()
		b := w.browser(t)
		var codes []int
		for range 4 {
			codes = append(codes, b.ask(email).StatusCode)
		}
		if codes[2] != http.StatusSeeOther || codes[3] != http.StatusTooManyRequests {
			t.Errorf("asking four times: %v", codes)
		}
		reset()
		last := 0
		for i := range 11 {
			last = b.ask("p" + string(rune('a'+i)) + "@" + w.post.Slug + ".example").StatusCode
		}
		if last != http.StatusTooManyRequests {
			t.Errorf("the 11th from one network: %d", last)
		}
	})
	t.Run("an address is one mailbox", func(t *testing.T) {
		for _, bad := range []string{"", "x", "a@b", email + "," + email, "A <" + email + ">", email + "\r\nBcc: x@y.example", "a@@b.example"} {
			if res := w.browser(t).ask(bad); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(res.body, "complete address") {
				t.Errorf("%q: %d", bad, res.StatusCode)
			}
		}
	})
}

func TestFrontDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t)
	find := func(email string) answer {
		return b.post("", "/sign-in?return_to=/path/7", url.Values{"email": {email}})
	}
	res := find("anybody@" + w.a.Slug + ".example")
	href, _ := res.doc(t).Find(".signin-found a").Attr("href")
	if res.StatusCode != http.StatusOK || href != baseURL(w.a.Slug)+"/auth/start?return_to=%2Fpath%2F7" {
		t.Fatalf("%d, the card leads to %q", res.StatusCode, href)
	}
	if to := b.get(w.a.Slug, path(t, href)).Header.Get("Location"); !strings.HasPrefix(to, w.op.IssuerURL(w.a.Slug)+"/authorize?") {
		t.Errorf("the card's link leads on to %q", to)
	}
	if href, _ = find("x@" + w.post.Slug + ".example").doc(t).Find(".signin-found a").Attr("href"); !strings.HasPrefix(href, baseURL(w.post.Slug)+"/sign-in") {
		t.Errorf("a house that signs in by email: %q", href)
	}
	// A subdomain is another domain, and an unknown one gets the same words for everybody.
	one, two := find("learner@evil."+w.a.Slug+".example"), find("other@nowhere.example")
	if one.doc(t).Find(".signin-found").Length() != 0 || one.doc(t).Find(".callout").Text() != two.doc(t).Find(".callout").Text() || two.doc(t).Find(".callout").Length() == 0 {
		t.Error("unknown domains are not alike")
	}
	if res := find("nonsense"); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("nonsense: %d", res.StatusCode)
	}
	if res := b.get("nobody-lives-here", "/sign-in"); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown host: %d", res.StatusCode)
	}
	if res := b.get("", "/auth/start"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a start at the front door: %d", res.StatusCode)
	}
}
