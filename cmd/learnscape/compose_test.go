package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The compose file names keys that exist, gives the portal everything that serve needs, and the whole passes validation.
func TestComposeFitsTheConfiguration(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for name, image := range map[string]string{"postgres": "postgres:17", "meilisearch": "getmeili/meilisearch:v1.50", "caddy": "caddy:", "dex": "ghcr.io/dexidp/dex:", "mail": "axllent/mailpit:"} {
		if !strings.HasPrefix(file.Services[name].Image, image) {
			t.Errorf("service %s has image %q, want %s…", name, file.Services[name].Image, image)
		}
	}
	asked, inside := regexp.MustCompile(`^\$\{[A-Z_]+(:\?)?\}$`), regexp.MustCompile(`:\$\{[A-Z_]+(:\?)?\}@`)
	for name, service := range file.Services {
		for k, v := range service.Environment {
			if (strings.Contains(k, "PASSWORD") || strings.Contains(k, "KEY") || strings.Contains(k, "SECRET")) && !asked.MatchString(v) {
				t.Errorf("service %s: %s is not asked for: everybody would have the same", name, k)
			}
			if strings.Contains(v, "://") && strings.Contains(v, "@") && !inside.MatchString(v) {
				t.Errorf("service %s: the password in %s is not asked for", name, k)
			}
		}
	}
	known := map[string]bool{}
	for _, k := range keys() {
		known[k.name] = true
	}
	values := map[string]string{
		"${LEARNSCAPE_BASE_URL:?}": "https://learn.example.com", "${LEARNSCAPE_MAIL_FROM:-}": "", "${LEARNSCAPE_KEYS:?}": "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"${MEILI_MASTER_KEY:?}": "key", "${POSTGRES_PASSWORD}": "x", "${OWNER_PASSWORD:?}": "x", "${APP_PASSWORD:?}": "x", "${APP_PASSWORD}": "x",
	}
	for _, service := range []string{"portal", "migrate"} {
		set := map[string]string{}
		for k, v := range file.Services[service].Environment {
			if !known[k] {
				t.Errorf("service %s sets %s, which is no configuration key", service, k)
			}
			for from, to := range values {
				v = strings.ReplaceAll(v, from, to)
			}
			if strings.Contains(v, "${") {
				t.Errorf("service %s: %s = %s has a variable that this test does not know", service, k, v)
			}
			set[k] = v
		}
		need := serveNeeds()
		if service == "migrate" {
			need = []string{"LEARNSCAPE_OWNER_DATABASE_URL", "LEARNSCAPE_BOOTSTRAP_DATABASE_URL", "LEARNSCAPE_DATABASE_URL"}
		}
		if _, err := load(func(k string) string { return set[k] }, need...); err != nil {
			t.Errorf("service %s: %v", service, err)
		}
	}
	if example, err := os.ReadFile(filepath.Join("..", "..", ".env.example")); err != nil {
		t.Error(err)
	} else {
		for _, v := range slices.Sorted(maps.Keys(values)) {
			name := strings.Trim(strings.SplitN(strings.Trim(v, "${}"), ":", 2)[0], "?-")
			if !strings.Contains(string(example), "\n"+name+"=") {
				t.Errorf(".env.example lacks %s", name)
			}
		}
	}
}

// All mistakes are said at once, and no value of any key is repeated.
func TestConfigurationSaysEverythingAndPrintsNoSecret(t *testing.T) {
	t.Parallel()
	const canary = "hunter2canary"
	set := map[string]string{
		"LEARNSCAPE_BASE_URL": "ftp://" + canary, "LEARNSCAPE_DATABASE_URL": "postgres://someone:" + canary + "@h/db", "LEARNSCAPE_KEYS": "k1:" + canary,
		"LEARNSCAPE_LISTEN": canary, "LEARNSCAPE_SMTP_URL": "http://" + canary, "LEARNSCAPE_LOG": canary,
	}
	_, err := load(func(k string) string { return set[k] }, "LEARNSCAPE_OWNER_DATABASE_URL")
	if err == nil {
		t.Fatal("a broken configuration was accepted")
	}
	for k := range set {
		if !strings.Contains(err.Error(), k) {
			t.Errorf("the message does not name %s", k)
		}
	}
	if !strings.Contains(err.Error(), "LEARNSCAPE_OWNER_DATABASE_URL is missing") {
		t.Error("the message does not name the missing key")
	}
	for _, k := range []string{"LEARNSCAPE_DATABASE_URL", "LEARNSCAPE_KEYS", "LEARNSCAPE_SMTP_URL"} {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if strings.Contains(line, k) && strings.Contains(line, canary) {
				t.Errorf("the message repeats the secret: %s", line)
			}
		}
	}
}

// Sessions over plain http could be read on the way: beyond this machine there is no such portal.
func TestPlainHTTPIsForThisMachine(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://learn.example.com": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true,
		"http://learn.example.com": false, "http://localhost.example.com": false, "http://10.0.0.1": false, "https://a:b@learn.example.com": false, "https://learn.example.com/x": false,
	} {
		if _, err := baseURL(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// The operators' page has the table as the program prints it.
func TestConfigurationIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), configTable()) {
		t.Error("docs/configuration.md differs from `learnscape config`; run `make generate`")
	}
}
