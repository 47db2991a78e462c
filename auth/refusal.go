package auth

import (
	"errors"
	"fmt"
)

// Reason is why a sign-in did not work, as far as the person is told.
type Reason string

// The reasons. Each has a title and a text in the messages, auth.refused.title and auth.refused.text.
const (
	Refused      Reason = "refused"       // the provider said no
	NotInvited   Reason = "not_invited"   // a real identity that is no member here
	Clock        Reason = "clock"         // a token from the future or the past
	ClaimMissing Reason = "claim_missing" // the provider left out what is needed
	ProviderDown Reason = "provider_down" // no answer, or none that is one
	Expired      Reason = "expired"       // too late, or the second use
	Unverified   Reason = "unverified"    // an answer that fails a check
	OtherBrowser Reason = "other_browser" // begun in another browser, or without cookies
	Weak         Reason = "weak"          // the provider asked for less than the organization wants
)

// Refusal is a sign-in that did not work. It carries a reference that stands in the organization's audit log too, where the
// administrator finds the detail; the person is told the reason only.
type Refusal struct {
	Reason    Reason
	Reference string
	Check     string // which one it did not pass, of Checks
	Claim     string // with ClaimMissing
	Provider  string // its name; empty before it is known
	ReturnTo  string // what the person wanted

	test   bool    // of an administrator, who reads it where the provider is set up
	claims []Claim // that came along, nil if none did
	err    error
}

// Checks are the names that a refusal can give to the check that was not passed. The log and the administrator's pages say them.
func Checks() []string {
	return []string{
		"state", "browser", "provider", "iss_answer", "answer", "code", "discovery", "busy", "token", "id_token", "alg", "signature", "keys", "iss", "aud", "azp", "nonce", "sub", "iat", "exp", "nbf", "at_hash",
		"userinfo", "email", "tenant", "acr", "amr", "auth_time", "member", "link", "mail_link", "passkey", "hand_over", "other",
	}
}

// Test reports whether the sign-in was an administrator's test of the provider.
func (r *Refusal) Test() bool { return r.test }

// at names the check.
func (r *Refusal) at(check string) *Refusal {
	r.Check = check
	return r
}

// Error implements error; the text is for logs.
func (r *Refusal) Error() string {
	if r.err == nil {
		return "sign-in refused: " + string(r.Reason)
	}
	return fmt.Sprintf("sign-in refused: %s: %s", r.Reason, r.err)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.err }

// Detail is the cause in words for the administrator.
func (r *Refusal) Detail() string {
	if r.err == nil {
		return string(r.Reason)
	}
	return r.err.Error()
}

func refuse(r Reason, format string, a ...any) *Refusal {
	return &Refusal{Reason: r, Check: "other", err: fmt.Errorf(format, a...)}
}

// missing is a claim that did not come.
func missing(claim, check, why string) *Refusal {
	return &Refusal{Reason: ClaimMissing, Claim: claim, Check: check, err: errors.New(why)}
}
