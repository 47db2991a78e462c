package demoop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// logoutEvent is what a logout token tells of (OpenID Connect Back-Channel Logout 1.0, 2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout says how a logout token differs from a good one.
type Logout struct {
	Client string         // whom it is for
	Email  string         // of the person who signed out
	Type   string         // of the token; default logout+jwt
	With   map[string]any // claims that replace the good ones; nil leaves one out
}

// LogoutToken makes a logout token of an issuer, signed as its ID tokens are, faults included.
func (op *OP) LogoutToken(slug string, l Logout) (string, error) {
	i, ok := op.issuers[slug]
	if !ok {
		return "", ErrUnknown
	}
	now := op.now()
	claims := map[string]any{
		"iss": i.url, "aud": l.Client, "sub": subject(slug, l.Email), "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": random(),
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	maps.Copy(claims, l.With)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	if l.Type == "" {
		l.Type = "logout+jwt"
	}
	return i.signAs(jose.ContentType(l.Type), payload)
}

// signOut is the button of the index page: it tells all clients of the issuer that a person signed out.
func (i *issuer) signOut(w http.ResponseWriter, r *http.Request) {
	email := strings.ToLower(strings.TrimSpace(r.PostFormValue("email")))
	told := 0
	for _, c := range i.clients {
		if c.BackChannelURI == "" {
			continue
		}
		if err := i.tell(r.Context(), c, email); err != nil {
			i.page(w, http.StatusBadGateway, pageView{Title: "That did not work", Text: c.ID + " did not take it: " + err.Error()})
			return
		}
		told++
	}
	i.page(w, http.StatusOK, pageView{Title: "Signed out", Text: fmt.Sprintf("%s is signed out of %d portals that %s vouched to.", email, told, i.name)})
}

func (i *issuer) tell(ctx context.Context, c Client, email string) error {
	token, err := i.op.LogoutToken(path.Base(i.url), Logout{Client: c.ID, Email: email})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackChannelURI, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := here().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // The status says it.
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// here is a client for this machine: not every resolver knows that names below localhost are of it (RFC 6761, 6.3).
func here() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".localhost") {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}}
}
