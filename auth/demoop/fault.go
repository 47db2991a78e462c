package demoop

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"
)

// Fault is one way in which a provider can misbehave. A relying party that follows OpenID Connect Core 3.1.3.7 and RFC 9700
// refuses every one of them.
type Fault string

// The faults.
const (
	None               Fault = ""
	WrongIssuer        Fault = "wrong_iss"      // iss of another issuer in the ID token
	WrongAudience      Fault = "wrong_aud"      // aud of another client
	WrongParty         Fault = "wrong_azp"      // two audiences, azp of the other
	NoParty            Fault = "no_azp"         // two audiences, no azp
	WrongNonce         Fault = "wrong_nonce"    // nonce of another sign-in
	NoNonce            Fault = "no_nonce"       // no nonce
	EmptySubject       Fault = "empty_sub"      // sub ""
	LongSubject        Fault = "long_sub"       // sub of 256 characters
	WrongAtHash        Fault = "wrong_at_hash"  // at_hash of another access token
	AlgNone            Fault = "alg_none"       // unsigned
	AlgHS256           Fault = "alg_hs256"      // signed with the public key as an HMAC secret
	UnknownKid         Fault = "unknown_kid"    // a key that is not published
	RogueKid           Fault = "rogue_kid"      // a foreign key under a published kid
	EmbeddedKey        Fault = "embedded_key"   // a foreign key that the token brings along, in jwk and behind jku
	NotYet             Fault = "future_nbf"     // nbf three minutes ahead
	NoExpiry           Fault = "no_exp"         // no exp
	Expired            Fault = "expired"        // exp five minutes ago
	FutureIssue        Fault = "future_iat"     // iat five minutes ahead
	OldIssue           Fault = "old_iat"        // iat an hour ago
	NoIDToken          Fault = "no_id_token"    // a token answer without ID token
	NoEmail            Fault = "no_email"       // neither ID token nor userinfo has an address
	UnverifiedEmail    Fault = "unverified"     // email_verified false
	ForeignUserinfo    Fault = "foreign_sub"    // claims only from userinfo, whose sub is somebody else's
	UserinfoOnly       Fault = "userinfo_only"  // no fault: name and address come from userinfo only
	NoIss              Fault = "no_iss"         // advertised iss parameter missing in the answer
	WrongIss           Fault = "wrong_iss_par"  // iss parameter of another issuer
	DiscoveryOfAnother Fault = "discovery"      // discovery names another issuer
	DiscoveryScheme    Fault = "discovery_ftp"  // the browser would be sent to something that is no page
	DiscoveryHangs     Fault = "discovery_hang" // discovery never answers
	Hanging            Fault = "token_hang"     // the token endpoint never answers
	Broken             Fault = "token_500"      // the token endpoint answers 500
	HugeKeys           Fault = "huge_jwks"      // a JWKS of 2 GiB
	KeysBroken         Fault = "jwks_500"       // the JWKS answers 500
	Denies             Fault = "access_denied"  // everybody is refused
	OldAuth            Fault = "old_auth_time"  // auth_time an hour ago, whatever max_age asks for
	NoAuthTime         Fault = "no_auth_time"   // no auth_time, whatever max_age asks for
)

// SetFault makes an issuer misbehave until the next call.
func (op *OP) SetFault(slug string, f Fault) error {
	i, ok := op.issuers[slug]
	if !ok {
		return ErrUnknown
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fault = f
	return nil
}

// intercept answers for the faults of transport and reports whether it did.
func (f Fault) intercept(w http.ResponseWriter, r *http.Request, endpoint string) bool {
	switch {
	case f == DiscoveryHangs && endpoint == "discovery", f == Hanging && endpoint == "token":
		_, _ = io.Copy(io.Discard, r.Body) // The server notices who leaves only once the body was read.
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Second):
		}
	case f == Broken && endpoint == "token", f == KeysBroken && endpoint == "jwks":
		http.Error(w, "out of order", http.StatusInternalServerError)
	case f == HugeKeys && endpoint == "jwks":
		w.Header().Set("Content-Type", "application/json")
		chunk := []byte(`{"keys":[` + strings.Repeat(" ", 1<<16))
		for range 1 << 15 {
			if _, err := w.Write(chunk); err != nil {
				break
			}
		}
	default:
		return false
	}
	return true
}

// spoil changes the claims of an ID token as the fault asks.
func (f Fault) spoil(i *issuer, claims map[string]any, now time.Time) {
	switch f {
	case WrongIssuer:
		claims["iss"] = i.op.base + "/another"
	case WrongAudience:
		claims["aud"] = "another-client"
	case WrongParty:
		claims["aud"], claims["azp"] = []any{claims["aud"], "another-client"}, "another-client"
	case NoParty:
		claims["aud"] = []any{claims["aud"], "another-client"}
	case WrongNonce:
		claims["nonce"] = random()
	case NoNonce:
		delete(claims, "nonce")
	case EmptySubject:
		claims["sub"] = ""
	case LongSubject:
		claims["sub"] = strings.Repeat("x", 256)
	case WrongAtHash:
		claims["at_hash"] = base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	case Expired:
		claims["exp"], claims["iat"] = now.Add(-5*time.Minute).Unix(), now.Add(-6*time.Minute).Unix()
	case NotYet:
		claims["nbf"] = now.Add(3 * time.Minute).Unix()
	case NoExpiry:
		delete(claims, "exp")
	case FutureIssue:
		claims["iat"] = now.Add(5 * time.Minute).Unix()
	case OldAuth:
		claims["auth_time"] = now.Add(-time.Hour).Unix()
	case NoAuthTime:
		delete(claims, "auth_time")
	case OldIssue:
		claims["iat"] = now.Add(-time.Hour).Unix()
	case UserinfoOnly, ForeignUserinfo, NoEmail:
		delete(claims, "email")
		delete(claims, "email_verified")
		delete(claims, "name")
	case UnverifiedEmail:
		claims["email_verified"] = false
	default: // The others spoil something else than claims.
	}
}

func unsigned(payload []byte) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + enc.EncodeToString(payload) + "."
}
