package main

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/id"
)

// brokerConfig is what the recipe sets of dex's configuration, under dex's own names: anything else is a mistake of the recipe.
type brokerConfig struct {
	Issuer  string
	Storage struct{ Type string }
	Web     struct{ HTTP string }
	OAuth2  struct {
		SkipApprovalScreen bool `yaml:"skipApprovalScreen"`
	} `yaml:"oauth2"`
	StaticClients []struct {
		ID, Name     string
		SecretEnv    string   `yaml:"secretEnv"`
		RedirectURIs []string `yaml:"redirectURIs"`
	} `yaml:"staticClients"`
	Connectors []struct {
		Type, ID, Name string
		Config         struct {
			SSOURL             string `yaml:"ssoURL"`
			SSOIssuer          string `yaml:"ssoIssuer"`
			CA                 string
			EntityIssuer       string `yaml:"entityIssuer"`
			RedirectURI        string `yaml:"redirectURI"`
			NameIDPolicyFormat string `yaml:"nameIDPolicyFormat"`
			UsernameAttr       string `yaml:"usernameAttr"`
			EmailAttr          string `yaml:"emailAttr"`
			GroupsAttr         string `yaml:"groupsAttr"`
		}
	}
}

// The recipe for SAML is the file beside the compose file, fits the compose file's dex, and leads back to the portal.
func TestRecipeForSAMLFitsTheComposeFile(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	read := func(name ...string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(append([]string{root}, name...)...))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	text, doc := read("deploy", "dex-saml.yaml"), read("docs", "saml.md")
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(doc)
	if block == nil || !bytes.Equal(block[1], text) {
		t.Error("docs/saml.md does not show deploy/dex-saml.yaml")
	}
	var c brokerConfig
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
			Volumes     []string
		}
	}
	if err := yaml.Unmarshal(read("docker-compose.yml"), &compose); err != nil {
		t.Fatal(err)
	}
	dex := compose.Services["dex"]
	if !slices.Contains(dex.Command, "/etc/dex/config.yaml") || !slices.Contains(dex.Volumes, "./deploy/dex.yaml:/etc/dex/config.yaml:ro") || !bytes.Contains(doc, []byte("`deploy/dex.yaml`")) {
		t.Errorf("the file is not put where dex reads its configuration: %v %v", dex.Command, dex.Volumes)
	}
	_, port, _ := strings.Cut(c.Web.HTTP, ":")
	host := "dex." + strings.TrimPrefix(mustHost(t, c.Issuer), "dex.")
	if !bytes.Contains(read("deploy", "Caddyfile"), []byte("dex.{$BASE_HOST:"+strings.TrimPrefix(host, "dex.")+"} {\n\treverse_proxy dex:"+port)) {
		t.Errorf("%s at port %s is not what the proxy leads to", c.Issuer, port)
	}
	if len(c.StaticClients) != 1 || len(c.Connectors) != 1 {
		t.Fatal("one client and one connector make the recipe")
	}
	client, saml := c.StaticClients[0], c.Connectors[0]
	if dex.Environment[client.SecretEnv] == "" {
		t.Errorf("the compose file does not set %s", client.SecretEnv)
	}
	if want := auth.RedirectURI("https://example.learn.example.com", id.Provider{}); !slices.Equal(client.RedirectURIs, []string{want}) {
		t.Errorf("dex leads back to %v, the portal waits at %s", client.RedirectURIs, want)
	}
	if s := saml.Config; saml.Type != "saml" || s.RedirectURI != c.Issuer+"/callback" || s.EntityIssuer != s.RedirectURI || s.NameIDPolicyFormat != "persistent" ||
		s.SSOIssuer == "" || s.CA == "" || s.UsernameAttr == "" || s.EmailAttr == "" || s.GroupsAttr == "" || !strings.HasPrefix(s.SSOURL, "https://") {
		t.Errorf("the connector: %+v", saml)
	}
	for _, v := range []string{c.Issuer, client.ID, client.SecretEnv, saml.Config.CA} {
		if !bytes.Contains(doc, []byte("`"+v+"`")) {
			t.Errorf("docs/saml.md does not say %s", v)
		}
	}
}

func mustHost(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
