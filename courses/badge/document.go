package badge

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
)

// Slots is how many bits a status list has: the least that the specification allows, so that an index hides among many.
const Slots = 131072

// Issuer is an organization as it signs.
type Issuer struct {
	ID   string // address of its profile, where its keys are found
	Name string
	URL  string // of its portal
}

// Achievement is what somebody earned, as its document says it.
type Achievement struct {
	ID, Subject string // URNs; the subject is another one for each credential, so that two of a person are not told to be theirs
	Lang        string
	Name, Shows string
	Criteria    string
	What        string // URN of what was finished
	Holder      string // name; "" for nobody's
	From        time.Time
	Until       *time.Time
	StatusList  string // address
	Slot        int
	Evidence    Evidence
}

// Evidence says how something was earned; nothing if it is empty.
type Evidence struct{ Name, Narrative string }

// New returns the document of an achievement, without a proof.
func New(by Issuer, a Achievement) Document {
	subject := Document{
		"id": a.Subject, "type": []any{"AchievementSubject"},
		"achievement": Document{
			"id": a.What, "type": []any{"Achievement"}, "achievementType": "Certificate", "name": a.Name, "description": a.Shows,
			"criteria": Document{"type": "Criteria", "narrative": a.Criteria}, "inLanguage": a.Lang,
		},
	}
	if a.Holder != "" {
		subject["identifier"] = []any{Document{"type": "IdentityObject", "identityType": "name", "hashed": false, "identityHash": a.Holder}}
	}
	doc := Document{
		"@context": []any{ContextVC, ContextBadge}, "id": a.ID, "type": []any{"VerifiableCredential", "OpenBadgeCredential"}, "name": a.Name,
		"issuer":            Document{"id": by.ID, "type": []any{"Profile"}, "name": by.Name, "url": by.URL},
		"validFrom":         stamp(a.From),
		"credentialSubject": subject,
		"credentialStatus": Document{
			"id": a.StatusList + "#" + strconv.Itoa(a.Slot), "type": "BitstringStatusListEntry", "statusPurpose": "revocation",
			"statusListIndex": strconv.Itoa(a.Slot), "statusListCredential": a.StatusList,
		},
	}
	if a.Evidence != (Evidence{}) {
		doc["evidence"] = []any{Document{"type": []any{"Evidence"}, "name": a.Evidence.Name, "narrative": a.Evidence.Narrative}}
	}
	if a.Until != nil {
		doc["validUntil"] = stamp(*a.Until)
	}
	return doc
}

// Endorse returns, without a proof, how a second organization stands by an achievement: Open Badges knows one issuer, and others who endorse
// what it issues, each with a signature of its own. It goes into the document before that is signed.
func Endorse(by Issuer, of Document, urn, comment string, at time.Time) Document {
	return Document{
		"@context": []any{ContextVC, ContextBadge}, "id": urn, "type": []any{"VerifiableCredential", "EndorsementCredential"}, "name": of["name"],
		"issuer": Document{"id": by.ID, "type": []any{"Profile"}, "name": by.Name, "url": by.URL}, "validFrom": stamp(at),
		"credentialSubject": Document{"id": of["id"], "type": []any{"EndorsementSubject"}, "endorsementComment": comment},
	}
}

// StatusList returns the document, without a proof, of a list in which the slots are revoked.
func StatusList(by Issuer, address string, revoked []int, at time.Time) (Document, error) {
	bits := make([]byte, Slots/8)
	for _, n := range revoked {
		bits[n/8] |= 0x80 >> (n % 8) // The first index is the leftmost bit.
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(bits); err != nil {
		return nil, fmt.Errorf("badge: status list: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("badge: status list: %w", err)
	}
	return Document{
		"@context": []any{ContextVC}, "id": address, "type": []any{"VerifiableCredential", "BitstringStatusListCredential"}, "issuer": by.ID, "validFrom": stamp(at),
		"credentialSubject": Document{
			"id": address + "#list", "type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": "u" + base64.RawURLEncoding.EncodeToString(b.Bytes()),
		},
	}, nil
}

// Public is a public key of an issuer.
type Public struct {
	ID  string // address
	Key []byte
}

// Document returns the key as it is found under its address.
func (p Public) Document(by Issuer) Document {
	return Document{"@context": ContextMultikey, "id": p.ID, "type": "Multikey", "controller": by.ID, "publicKeyMultibase": Multikey(p.Key)}
}

// Profile returns what is found under an issuer's address: who it is, and the keys that sign or signed for it.
func Profile(by Issuer, keys []Public) Document {
	methods, names := make([]any, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		m := k.Document(by)
		delete(m, "@context")
		methods[i], names[i] = m, k.ID
	}
	return Document{
		"@context": []any{ContextDID, ContextMultikey, ContextBadge}, "id": by.ID, "type": []any{"Profile"}, "name": by.Name, "url": by.URL,
		"verificationMethod": methods, "assertionMethod": names,
	}
}

// Bake returns a picture with the document in it (Open Badges 3.0, 5.3.2: SVG). hue is the organization's, in degrees.
func Bake(doc Document, issuer, name string, hue int) ([]byte, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("badge: bake: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:openbadges="https://purl.imsglobal.org/ob/v3p0" viewBox="0 0 320 360" role="img"><title>%s</title>`, html.EscapeString(name))
	// The end of a section cannot stand in it; JSON says the same with an escaped letter.
	b.WriteString(`<openbadges:credential><![CDATA[` + strings.ReplaceAll(string(text), "]]>", `]]\u003e`) + `]]></openbadges:credential>`)
	fmt.Fprintf(&b, `<path d="M160 8 304 52v132c0 84-58 140-144 168C74 324 16 268 16 184V52Z" fill="hsl(%d 45%% 96%%)" stroke="hsl(%d 50%% 36%%)" stroke-width="6"/>`, hue, hue)
	fmt.Fprintf(&b, `<path d="M40 108c70 0 70 40 130 40h110M40 128c90 0 90-28 150-28h90" fill="none" stroke="hsl(%d 50%% 36%%)" stroke-width="5" stroke-linecap="round"/>`, hue)
	y := 196
	for _, line := range lines(name, 20, 3) {
		fmt.Fprintf(&b, `<text x="160" y="%d" text-anchor="middle" font-family="Georgia,serif" font-size="25" fill="#15202b">%s</text>`, y, html.EscapeString(line))
		y += 32
	}
	fmt.Fprintf(&b, `<text x="160" y="%d" text-anchor="middle" font-family="sans-serif" font-size="14" fill="#47515a">%s</text></svg>`, y+4, html.EscapeString(lines(issuer, 30, 1)[0]))
	return []byte(b.String()), nil
}

// lines breaks a text between words, into at most most lines of about width letters.
func lines(text string, width, most int) []string {
	out := []string{""}
	for w := range strings.FieldsSeq(text) {
		last := &out[len(out)-1]
		switch {
		case *last == "":
			*last = w
		case len([]rune(*last))+1+len([]rune(w)) <= width:
			*last += " " + w
		case len(out) == most:
			*last += "…"
			return out
		default:
			out = append(out, w)
		}
	}
	return out
}
