package demoop

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// request is a checked authorization request.
type request struct {
	client                            Client
	redirect, state, nonce, challenge string
}

// read checks the authorization request. What is wrong with the client or its address is told on a page, never by a redirect
// (RFC 6749, 4.1.2.1); the rest is told to the client.
func (i *issuer) read(w http.ResponseWriter, r *http.Request) (request, bool) {
	q := r.URL.Query()
	i.mu.Lock()
	c, ok := i.clients[q.Get("client_id")]
	i.mu.Unlock()
	if !ok || !slices.Contains(c.RedirectURIs, q.Get("redirect_uri")) {
		i.page(w, http.StatusBadRequest, pageView{Title: "This sign-in cannot go on", Text: "The portal that sent you here is not known to this provider, or gave another address than the one registered."})
		return request{}, false
	}
	req := request{client: c, redirect: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge")}
	switch {
	case q.Get("response_type") != "code":
		i.back(w, r, req, url.Values{"error": {"unsupported_response_type"}})
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		i.back(w, r, req, url.Values{"error": {"invalid_scope"}})
	case q.Get("code_challenge_method") != "S256", len(req.challenge) != 43:
		i.back(w, r, req, url.Values{"error": {"invalid_request"}, "error_description": {"PKCE with S256 is required"}})
	case q.Get("prompt") == "none":
		i.back(w, r, req, url.Values{"error": {"login_required"}})
	default:
		return req, true
	}
	return request{}, false
}

// back returns to the client with state and, as RFC 9207 asks, iss.
func (i *issuer) back(w http.ResponseWriter, r *http.Request, req request, v url.Values) {
	if req.state != "" {
		v.Set("state", req.state)
	}
	v.Set("iss", i.url)
	if i.faulty(WrongIss) {
		v.Set("iss", i.op.base+"/another")
	}
	if i.faulty(NoIss) {
		v.Del("iss")
	}
	sep := "?"
	if strings.Contains(req.redirect, "?") {
		sep = "&"
	}
	http.Redirect(w, r, req.redirect+sep+v.Encode(), http.StatusSeeOther)
}

func (i *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	req, ok := i.read(w, r)
	if !ok {
		return
	}
	i.page(w, http.StatusOK, pageView{Title: i.name, People: i.people, Action: r.URL.RequestURI(), Redirect: req.redirect})
}

func (i *issuer) choose(w http.ResponseWriter, r *http.Request) {
	req, ok := i.read(w, r)
	if !ok {
		return
	}
	person, known := i.find(r.PostFormValue("email"))
	if !known || i.faulty(Denies) {
		i.back(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {"nobody here has this address"}})
		return
	}
	now := i.op.now()
	code := random()
	i.mu.Lock()
	i.sweep(now)
	i.codes[hash(code)] = grant{
		client: req.client.ID, redirect: req.redirect, challenge: req.challenge, nonce: req.nonce, sid: random()[:22], person: person, at: now, until: now.Add(codeLife),
	}
	i.mu.Unlock()
	i.back(w, r, req, url.Values{"code": {code}})
}

// asserted reads a client's assertion (RFC 7523, 3): signed with one of its keys, by and about itself, for this token endpoint, once.
func (i *issuer) asserted(r *http.Request, raw string) (Client, bool) {
	i.mu.Lock()
	c, ok := i.clients[r.PostFormValue("client_id")]
	i.mu.Unlock()
	var set jose.JSONWebKeySet
	if !ok || r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || json.Unmarshal(c.Keys, &set) != nil {
		return Client{}, false
	}
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return Client{}, false
	}
	var claims jwt.Claims
	if token.Claims(set, &claims) != nil || claims.ID == "" || claims.Expiry == nil ||
		claims.Validate(jwt.Expected{Issuer: c.ID, Subject: c.ID, AnyAudience: jwt.Audience{i.url + "/token"}, Time: i.op.now()}) != nil {
		return Client{}, false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, used := i.codes["assertion "+claims.ID]; used {
		return Client{}, false
	}
	i.codes["assertion "+claims.ID] = grant{used: true, until: claims.Expiry.Time()}
	return c, true
}

// authenticate reads the client's credentials: an assertion, or client_secret_basic or client_secret_post, not both.
func (i *issuer) authenticate(r *http.Request) (Client, bool) {
	if a := r.PostFormValue("client_assertion"); a != "" {
		return i.asserted(r, a)
	}
	cid, sec, basic := r.BasicAuth()
	if basic {
		if r.PostFormValue("client_secret") != "" {
			return Client{}, false
		}
		var err1, err2 error
		cid, err1 = url.QueryUnescape(cid)
		sec, err2 = url.QueryUnescape(sec)
		if err1 != nil || err2 != nil {
			return Client{}, false
		}
	} else {
		cid, sec = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	i.mu.Lock()
	c, ok := i.clients[cid]
	i.mu.Unlock()
	return c, ok && subtle.ConstantTimeCompare([]byte(hash(sec)), []byte(hash(c.Secret))) == 1
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	c, ok := i.authenticate(r)
	if !ok {
		oauthError(w, http.StatusUnauthorized, "invalid_client", "unknown client or wrong secret")
		return
	}
	if r.PostFormValue("grant_type") != "authorization_code" {
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "only authorization_code")
		return
	}
	now := i.op.now()
	key := hash(r.PostFormValue("code"))
	i.mu.Lock()
	g, ok := i.codes[key]
	if ok && g.used { // Twice: what the first use gave is taken back (RFC 6749, 4.1.2).
		for k, t := range i.tokens {
			if t.sid == g.sid {
				delete(i.tokens, k)
			}
		}
		ok = false
	}
	g.used = true
	if ok {
		i.codes[key] = g
	}
	i.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case !ok, now.After(g.until), g.client != c.ID, g.redirect != r.PostFormValue("redirect_uri"),
		g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		oauthError(w, http.StatusBadRequest, "invalid_grant", "the code is unknown, used, expired or somebody else's")
		return
	}
	i.grant(w, c, g, now)
}

// grant answers the token request.
func (i *issuer) grant(w http.ResponseWriter, c Client, g grant, now time.Time) {
	access := random()
	i.mu.Lock()
	t := g
	t.until = now.Add(tokenLife)
	i.tokens[hash(access)] = t
	fault := i.fault
	i.mu.Unlock()
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": "openid profile email"}
	if fault != NoIDToken {
		half := sha256.Sum256([]byte(access))
		claims := map[string]any{
			"iss": i.url, "aud": c.ID, "sub": subject(path.Base(i.url), g.person.Email), "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "auth_time": g.at.Unix(),
			"at_hash": base64.RawURLEncoding.EncodeToString(half[:16]), "sid": g.sid, "name": g.person.Name, "email": g.person.Email, "email_verified": true,
		}
		if g.nonce != "" {
			claims["nonce"] = g.nonce
		}
		fault.spoil(i, claims, now)
		payload, err := json.Marshal(claims)
		if err != nil {
			oauthError(w, http.StatusInternalServerError, "server_error", "claims")
			return
		}
		raw, err := i.sign(payload)
		if err != nil {
			oauthError(w, http.StatusInternalServerError, "server_error", "signature")
			return
		}
		answer["id_token"] = raw
	}
	writeJSON(w, http.StatusOK, answer)
}

func (i *issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	access, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.mu.Lock()
	g, known := i.tokens[hash(access)]
	fault := i.fault
	i.mu.Unlock()
	if !ok || !known || i.op.now().After(g.until) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		oauthError(w, http.StatusUnauthorized, "invalid_token", "unknown or expired")
		return
	}
	claims := map[string]any{"sub": subject(path.Base(i.url), g.person.Email), "name": g.person.Name, "email": g.person.Email, "email_verified": true}
	switch fault {
	case ForeignUserinfo:
		claims["sub"] = "somebody-else"
	case NoEmail:
		delete(claims, "email")
	default:
	}
	writeJSON(w, http.StatusOK, claims)
}

// logout is RP-initiated logout: the address to return to must be registered for the client of the hint.
func (i *issuer) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to := q.Get("post_logout_redirect_uri")
	if c, ok := i.hinted(q.Get("id_token_hint")); ok && slices.Contains(c.LogoutURIs, to) {
		if s := q.Get("state"); s != "" {
			to += "?" + url.Values{"state": {s}}.Encode()
		}
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // An address that the client registered.
		return
	}
	i.page(w, http.StatusOK, pageView{Title: "You are signed out", Text: "Nothing of the sign-in at " + i.name + " is left in this browser."})
}

// hinted returns the client that an ID token of this issuer was made for; an expired one will do.
func (i *issuer) hinted(raw string) (Client, bool) {
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil || len(jws.Signatures) != 1 {
		return Client{}, false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	k, err := i.ring()
	if err != nil {
		return Client{}, false
	}
	for _, p := range k.public {
		if p.KeyID != jws.Signatures[0].Header.KeyID {
			continue
		}
		payload, err := jws.Verify(p)
		if err != nil {
			continue
		}
		var claims struct {
			Issuer   string `json:"iss"`
			Audience string `json:"aud"`
		}
		if json.Unmarshal(payload, &claims) != nil || claims.Issuer != i.url {
			return Client{}, false
		}
		c, ok := i.clients[claims.Audience]
		return c, ok
	}
	return Client{}, false
}
