package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/tenants"
)

// key is an authenticator with one passkey.
type key struct {
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential
}

func newKey(h house) *key {
	host := strings.TrimPrefix(baseURL(h.Slug), "http://")
	name, _, _ := strings.Cut(host, ":")
	return &key{virtualwebauthn.RelyingParty{ID: name, Name: h.Name, Origin: baseURL(h.Slug)}, virtualwebauthn.NewAuthenticator(), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
}

// add makes the passkey of whoever is signed in in the browser.
func (k *key) add(b *browser, h house, name string) answer {
	b.t.Helper()
	offer := b.post(h.Slug, "/sign-in/passkeys/offer", url.Values{})
	if offer.StatusCode != http.StatusOK {
		return offer
	}
	o, err := virtualwebauthn.ParseAttestationOptions(offer.body)
	if err != nil {
		b.t.Fatal(err)
	}
	k.auth.Options.UserHandle = []byte(o.UserID)
	return b.post(h.Slug, "/sign-in/passkeys", url.Values{"name": {name}, "credential": {virtualwebauthn.CreateAttestationResponse(k.rp, k.auth, k.cred, *o)}})
}

// show asks at the house and returns what the authenticator answers.
func (k *key) show(b *browser, h house) string {
	b.t.Helper()
	asked := b.post(h.Slug, "/sign-in/passkey/ask", url.Values{})
	o, err := virtualwebauthn.ParseAssertionOptions(asked.body)
	if err != nil {
		b.t.Fatal(asked.StatusCode, err)
	}
	k.cred.Counter++
	return virtualwebauthn.CreateAssertionResponse(k.rp, k.auth, k.cred, *o)
}

func (b *browser) useKey(h house, answer string) answer {
	b.t.Helper()
	return b.post(h.Slug, "/sign-in/passkey?return_to=/community", url.Values{"credential": {answer}})
}

func TestPasskeysHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	h, email := w.post, "somebody@"+w.post.Slug+".example"
	w.tx(h, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Somebody", Email: email})
		return err
	})
	in := func(b *browser) bool { return strings.Contains(b.whoami(h), email) }
	owner := w.browser(t)
	owner.byMail(t, email)
	k := newKey(h)
	for _, name := range []string{"", strings.Repeat("n", 81)} {
		if res := k.add(owner, h, name); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("the name %.5q: %d", name, res.StatusCode)
		}
	}
	if res := k.add(owner, h, "Laptop"); res.Header.Get("Location") != "/sign-in/passkeys?done=added" {
		t.Fatalf("add: %d %s", res.StatusCode, res.body)
	}
	if res := owner.post(h.Slug, "/sign-in/passkeys", url.Values{"name": {"Again"}, "credential": {"{}"}}); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an answer without a question: %d", res.StatusCode)
	}
	if s := owner.get(h.Slug, "/sign-in/passkeys").body; !strings.Contains(s, "Laptop") {
		t.Error("it is not listed")
	}

	b := w.browser(t)
	shown := k.show(b, h)
	if other := w.browser(t); other.useKey(h, shown).StatusCode == http.StatusSeeOther || in(other) {
		t.Error("the answer works in a browser that was not asked")
	}
	if res := b.useKey(h, shown); res.Header.Get("Location") != "/community" || !in(b) {
		t.Fatalf("sign in: %d %s", res.StatusCode, res.body)
	}
	again := w.browser(t)
	again.cookies[h.Slug] = map[string]string{"ls_pre": b.cookies[h.Slug]["ls_pre"]}
	if again.useKey(h, shown); in(again) {
		t.Error("an answer works twice")
	}

	bad := map[string]func() (*key, string){
		"that nobody has": func() (*key, string) {
			o := *k
			o.cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
			return &o, ""
		},
		"with somebody else's signature": func() (*key, string) {
			o := *k
			o.cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
			o.cred.ID = k.cred.ID
			return &o, ""
		},
		"from another site":       func() (*key, string) { o := *k; o.rp.Origin = baseURL(w.a.Slug); return &o, "" },
		"of another organization": func() (*key, string) { o := *k; o.rp = newKey(w.a).rp; return &o, "" },
		"without the screen lock": func() (*key, string) { o := *k; o.auth.Options.UserNotVerified = true; return &o, "" },
		"of nobody":               func() (*key, string) { o := *k; o.auth.Options.UserHandle = nil; return &o, "" },
		"of somebody else":        func() (*key, string) { o := *k; o.auth.Options.UserHandle = []byte("0123456789abcdef"); return &o, "" },
		"whose counter went back": func() (*key, string) { o := *k; o.cred.Counter = 0; return &o, "" },
		"that is no answer":       func() (*key, string) { return k, "{}" },
		"that is no JSON":         func() (*key, string) { return k, "\x00" },
	}
	for name, make := range bad {
		b := w.browser(t)
		o, raw := make()
		if answer := o.show(b, h); raw == "" {
			raw = answer
		}
		if res := b.useKey(h, raw); res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusBadRequest || in(b) {
			t.Errorf("a passkey %s: %d", name, res.StatusCode)
		}
	}
	if n := w.count(h, `SELECT count(*)::int FROM audit WHERE org_id = $1 AND action = 'sign_in.refused'`); n < len(bad) {
		t.Errorf("%d refusals in the log, of %d", n, len(bad))
	}

	// Where the provider is the only way in, none is asked for, offered or taken.
	o := w.browser(t)
	o.signIn(w.a, "learner@"+w.a.Slug+".example", "")
	if res := o.post(w.a.Slug, "/sign-in/passkey/ask", url.Values{}); res.StatusCode != http.StatusNotFound {
		t.Errorf("ask where the provider is the only way in: %d", res.StatusCode)
	}
	if res := newKey(w.a).add(o, w.a, "Laptop"); res.StatusCode != http.StatusConflict {
		t.Errorf("offer where the provider is the only way in: %d", res.StatusCode)
	}

	// Somebody who signed in long ago makes none.
	w.exec(h, `UPDATE sessions SET auth_at = $2 WHERE org_id = $1`, w.now().AddDate(0, 0, -1))
	if res := newKey(h).add(owner, h, "Later"); res.StatusCode != http.StatusForbidden {
		t.Errorf("without a fresh sign-in: %d", res.StatusCode)
	}
	// Whoever left comes in by none.
	late := w.browser(t)
	shown = k.show(late, h)
	w.exec(h, `UPDATE memberships SET state = 'left' WHERE org_id = $1 AND email = $2`, email)
	if late.useKey(h, shown); in(late) {
		t.Error("whoever left comes in")
	}
}
