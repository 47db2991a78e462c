// Package badge writes and checks credentials as others read them: Open Badges 3.0 (1EdTech, which is the W3C's Verifiable Credentials
// 2.0), secured by Data Integrity proofs with the cryptosuite eddsa-rdfc-2022 (W3C vc-di-eddsa, the one suite of embedded proofs that
// conformance to Open Badges 3.0 is tested with), and Bitstring Status Lists (W3C).
//
// It owns the form of documents and proofs. It reads no table, fetches nothing (the JSON-LD contexts that documents name are embedded, and
// any other is an error), and decides nobody's rights. The room courses calls it.
package badge

import (
	"crypto/ed25519"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/mr-tron/base58"
	"github.com/piprate/json-gold/ld"
)

// The contexts that documents name.
const (
	ContextVC       = "https://www.w3.org/ns/credentials/v2"
	ContextBadge    = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
	ContextMultikey = "https://w3id.org/security/multikey/v1"
	ContextDID      = "https://www.w3.org/ns/did/v1" // has the terms of who controls which keys
)

//go:embed contexts/*.json
var files embed.FS

// embedded is the contexts that stand in files.
var embedded = map[string]func() (any, error){ //nolint:gochecknoglobals // A constant table.
	ContextVC: parsed("credentials-v2.json"), ContextBadge: parsed("ob-v3p0-3.0.3.json"),
}

// Document is a JSON-LD document.
type Document = map[string]any

// Key signs.
type Key struct {
	Method string // address under which anybody finds the public half, see Multikey
	Seed   []byte // 32 bytes
}

// prefix says that 32 bytes are an Ed25519 public key (multicodec ed25519-pub).
var prefix = []byte{0xed, 0x01} //nolint:gochecknoglobals // A constant.

// Multikey writes a public key as a Multikey document's publicKeyMultibase.
func Multikey(public []byte) string { return "z" + base58.Encode(append(prefix[:2:2], public...)) }

// Sign secures the document with a proof, in place of one that it has. Signing twice at the same time gives the same bytes.
func Sign(doc Document, k Key, at time.Time) error {
	if len(k.Seed) != ed25519.SeedSize {
		return errors.New("badge: a seed has 32 bytes")
	}
	proof := Document{
		"type": "DataIntegrityProof", "cryptosuite": "eddsa-rdfc-2022", "created": stamp(at), "verificationMethod": k.Method, "proofPurpose": "assertionMethod",
	}
	digest, err := hash(doc, proof)
	if err != nil {
		return err
	}
	proof["proofValue"] = "z" + base58.Encode(ed25519.Sign(ed25519.NewKeyFromSeed(k.Seed), digest))
	doc["proof"] = proof
	return nil
}

// ErrProof means that a document is not what was signed, or not signed at all.
var ErrProof = errors.New("badge: a proof does not hold")

// Verify checks the proof of a document, and those of the endorsements in it, which must be about it. keyOf returns the public key of a
// verification method that belongs to the issuer; without one it is an error.
func Verify(doc Document, keyOf func(issuer, method string) ([]byte, error)) error {
	signed, _ := doc["proof"].(map[string]any)
	proof := maps.Clone(signed)
	value, _ := proof["proofValue"].(string)
	method, _ := proof["verificationMethod"].(string)
	if proof["type"] != "DataIntegrityProof" || proof["cryptosuite"] != "eddsa-rdfc-2022" || proof["proofPurpose"] != "assertionMethod" {
		return ErrProof
	}
	delete(proof, "proofValue")
	public, err := keyOf(issuerOf(doc), method)
	if err != nil {
		return err
	}
	digest, err := hash(doc, proof)
	if err != nil {
		return err
	}
	sig, err := base58.Decode(strings.TrimPrefix(value, "z"))
	if err != nil || len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, digest, sig) {
		return ErrProof
	}
	endorsements, _ := doc["endorsement"].([]any)
	for _, e := range endorsements {
		by, _ := e.(map[string]any)
		about, _ := by["credentialSubject"].(map[string]any)
		if about["id"] != doc["id"] {
			return ErrProof
		}
		if err := Verify(by, keyOf); err != nil {
			return err
		}
	}
	return nil
}

func issuerOf(doc Document) string {
	if by, ok := doc["issuer"].(map[string]any); ok {
		name, _ := by["id"].(string)
		return name
	}
	name, _ := doc["issuer"].(string)
	return name
}

// hash is what is signed: the digest of the canonical proof options, then that of the canonical document (vc-di-eddsa, 3.2.4).
func hash(doc, proof Document) ([]byte, error) {
	options, bare := maps.Clone(proof), maps.Clone(doc)
	options["@context"] = doc["@context"]
	delete(bare, "proof")
	var out []byte
	for _, d := range []Document{options, bare} {
		text, err := canonical(d)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(text))
		out = append(out, sum[:]...)
	}
	return out, nil
}

// canonical writes the document as RDF in its canonical form (RDFC-1.0). A term that no context defines is not in it: what New and the
// others write has none, or the independent verifier of the tests refuses it.
func canonical(d Document) (string, error) {
	// The library takes what encoding/json makes, and nothing else.
	plain, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("badge: %w", err)
	}
	var doc Document
	if err := json.Unmarshal(plain, &doc); err != nil {
		return "", fmt.Errorf("badge: %w", err)
	}
	o := options()
	if of := terms[fmt.Sprintf("%q", doc["@context"])]; of != nil {
		c, err := of()
		if err != nil {
			return "", fmt.Errorf("badge: contexts: %w", err)
		}
		doc["@context"] = ld.CopyContext(c) // The library writes into it.
	}
	o.Algorithm, o.Format = ld.AlgorithmURDNA2015, "application/n-quads"
	out, err := ld.NewJsonLdProcessor().Normalize(doc, o)
	if err != nil {
		return "", fmt.Errorf("badge: canonical form: %w", err)
	}
	text, ok := out.(string)
	if !ok || text == "" {
		return "", errors.New("badge: canonical form: empty")
	}
	return text, nil
}

// terms is what the lists of contexts mean that New and the others write, read once: it is a third of what a proof costs.
var terms = map[string]func() (*ld.Context, error){ //nolint:gochecknoglobals // A constant table.
	fmt.Sprintf("%q", []any{ContextVC}): meaning(ContextVC), fmt.Sprintf("%q", []any{ContextVC, ContextBadge}): meaning(ContextVC, ContextBadge),
}

func meaning(list ...any) func() (*ld.Context, error) {
	return sync.OnceValues(func() (*ld.Context, error) { return ld.NewContext(nil, options()).Parse(list) })
}

func options() *ld.JsonLdOptions {
	o := ld.NewJsonLdOptions("")
	o.DocumentLoader = contexts{}
	return o
}

// contexts is a loader that knows what is embedded.
type contexts struct{}

// LoadDocument implements ld.DocumentLoader.
func (contexts) LoadDocument(u string) (*ld.RemoteDocument, error) {
	parse := embedded[u]
	if parse == nil {
		return nil, ld.NewJsonLdError(ld.LoadingDocumentFailed, "a context that is not embedded: "+u)
	}
	doc, err := parse()
	if err != nil {
		return nil, err
	}
	return &ld.RemoteDocument{DocumentURL: u, Document: doc}, nil
}

// parsed is a context from its file, read once: the library only reads what a loader gives it.
func parsed(name string) func() (any, error) {
	return sync.OnceValues(func() (doc any, err error) {
		text, err := files.ReadFile("contexts/" + name)
		if err == nil {
			err = json.Unmarshal(text, &doc)
		}
		return doc, err
	})
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
