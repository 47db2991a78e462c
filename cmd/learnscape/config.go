package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
)

// Config is everything that an operator decides, read once from LEARNSCAPE_* and passed on as values.
type Config struct {
	Listen           string
	BaseURL          *url.URL
	DatabaseURL      secret.Secret
	OwnerURL         secret.Secret
	BootstrapURL     secret.Secret
	Keys             secret.Secret
	Files            string
	SMTP             secret.Secret
	SMTPTLS          mail.Protection
	Roots            *x509.CertPool
	MailFrom         string
	MeiliURL         string
	MeiliKey         secret.Secret
	TrustedProxies   []string
	APIPerMinute     int
	PagesPerMinute   int
	EgressAllow      []netip.Prefix
	EgressPorts      []int
	DNS              string
	Log              string
	OperatorHost     string
	OperatorIssuer   string
	OperatorClientID string
	OperatorSecret   secret.Secret
	PostgresBinaries string
}

// key is one configuration key, documented here and nowhere else: `learnscape config` and docs/configuration.md are made
// from this table.
type key struct {
	name, fallback, about string
	secret                bool
	set                   func(*Config, string) error
}

func keys() []key {
	return []key{
		{"LEARNSCAPE_LISTEN", ":8080", "address to listen on, host:port", false, func(c *Config, v string) error {
			c.Listen = v
			_, _, err := net.SplitHostPort(v)
			return err
		}},
		{"LEARNSCAPE_BASE_URL", "", "https address of the front door; organizations live at {slug}. before its host", false, func(c *Config, v string) (err error) {
			c.BaseURL, err = baseURL(v)
			return err
		}},
		{"LEARNSCAPE_DATABASE_URL", "", "PostgreSQL 15.14 or newer, as role learnscape_app", true, func(c *Config, v string) error {
			c.DatabaseURL = secret.Secret(v)
			return dsn(v, "learnscape_app")
		}},
		{"LEARNSCAPE_OWNER_DATABASE_URL", "", "the same database as role learnscape_owner, a direct connection; for migrate only", true, func(c *Config, v string) error {
			c.OwnerURL = secret.Secret(v)
			return dsn(v, "learnscape_owner")
		}},
		{"LEARNSCAPE_BOOTSTRAP_DATABASE_URL", "", "the same database as a superuser; for migrate --bootstrap only", true, func(c *Config, v string) error {
			c.BootstrapURL = secret.Secret(v)
			return dsn(v, "")
		}},
		{"LEARNSCAPE_KEYS", "", "encryption keys for secrets at rest: id:base64 of 32 bytes, comma separated, the first encrypts", true, func(c *Config, v string) error {
			c.Keys = secret.Secret(v)
			if v == "" {
				return nil
			}
			_, err := secret.ParseKeyring(v)
			return err
		}},
		{"LEARNSCAPE_FILES", "/var/lib/learnscape/files", "folder for uploaded and imported files", false, func(c *Config, v string) error { c.Files = v; return nil }},
		{"LEARNSCAPE_OPERATOR_HOST", "", "host of the operators' pages, with its port if it has one; default operator. before the base host; none serves none", false, func(c *Config, v string) error {
			c.OperatorHost = strings.ToLower(v)
			if u, err := url.Parse("//" + v); v != "" && (err != nil || u.Host != v || u.Hostname() == "") {
				return errors.New("must be a host, such as operator.example.com")
			}
			return nil
		}},
		{"LEARNSCAPE_OPERATOR_ISSUER", "", "OpenID provider through which operators may sign in beside their passkeys", false, func(c *Config, v string) error { c.OperatorIssuer = v; return nil }},
		{"LEARNSCAPE_OPERATOR_CLIENT_ID", "", "the portal's client there; its redirect address is https://OPERATOR_HOST/host/auth/callback", false, func(c *Config, v string) error {
			c.OperatorClientID = v
			return nil
		}},
		{"LEARNSCAPE_OPERATOR_CLIENT_SECRET", "", "the client's secret", true, func(c *Config, v string) error { c.OperatorSecret = secret.Secret(v); return nil }},
		{"LEARNSCAPE_SMTP_URL", "", "smtp://user:password@host:587, or smtps://…:465, for outgoing mail; empty keeps mail in the outbox", true, func(c *Config, v string) error {
			c.SMTP = secret.Secret(v)
			if v == "" {
				return nil
			}
			u, err := url.Parse(v)
			if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Host == "" {
				return errors.New("must look like smtp://host:587 or smtps://host:465")
			}
			return nil
		}},
		{"LEARNSCAPE_SMTP_TLS", "require", "require: mail waits while the server offers no TLS, but on this machine; offered: TLS where there is one; none. The certificate is verified, and a password never sent without", false, func(c *Config, v string) error {
			known, ok := map[string]mail.Protection{"require": mail.Required, "offered": mail.Offered, "none": mail.Plain}[v]
			if c.SMTPTLS = known; !ok {
				return errors.New("must be require, offered or none")
			}
			return nil
		}},
		{"LEARNSCAPE_MAIL_FROM", "", "sender of outgoing mail; default no-reply@ the base host", false, func(c *Config, v string) error { c.MailFrom = v; return nil }},
		{"LEARNSCAPE_MEILI_URL", "", "address of Meilisearch v1.50; empty searches with PostgreSQL", false, func(c *Config, v string) error {
			c.MeiliURL = v
			if u, err := url.Parse(v); v != "" && (err != nil || u.Host == "") {
				return errors.New("must be an http or https address")
			}
			return nil
		}},
		{"LEARNSCAPE_MEILI_KEY", "", "its key, limited to search, documents, settings, tasks and indexes", true, func(c *Config, v string) error { c.MeiliKey = secret.Secret(v); return nil }},
		{"LEARNSCAPE_TRUSTED_PROXIES", "", "addresses or networks of proxies whose X-Forwarded headers count, comma separated", false, func(c *Config, v string) error {
			c.TrustedProxies = list(v)
			for _, p := range c.TrustedProxies {
				if _, err := netip.ParsePrefix(p); err != nil {
					if _, err := netip.ParseAddr(p); err != nil {
						return fmt.Errorf("%q is neither an address nor a network", p)
					}
				}
			}
			return nil
		}},
		{"LEARNSCAPE_API_PER_MINUTE", "300", "requests that an API token may make in a minute, a quarter of them at once; each replica counts for itself", false, func(c *Config, v string) (err error) {
			c.APIPerMinute, err = perMinute(v)
			return err
		}},
		{"LEARNSCAPE_PAGES_PER_MINUTE", "600", "pages that a person may ask for in a minute, a quarter of them at once; twice as many for a network of visitors, a quarter of it searches, a sixtieth exports; each replica counts for itself", false, func(c *Config, v string) (err error) {
			c.PagesPerMinute, err = perMinute(v)
			return err
		}},
		{"LEARNSCAPE_EGRESS_ALLOW", "", "private networks, such as 10.2.0.0/16, in which identity providers may be called all the same, comma separated", false, func(c *Config, v string) error {
			for _, n := range list(v) {
				p, err := netip.ParsePrefix(n)
				if err != nil {
					return fmt.Errorf("%q is not a network", n)
				}
				c.EgressAllow = append(c.EgressAllow, p)
			}
			return nil
		}},
		{"LEARNSCAPE_EGRESS_PORTS", "", "ports besides 443 at which identity providers may be called, comma separated", false, func(c *Config, v string) error {
			for _, n := range list(v) {
				p, err := strconv.ParseUint(n, 10, 16)
				if err != nil {
					return fmt.Errorf("%q is not a port", n)
				}
				c.EgressPorts = append(c.EgressPorts, int(p))
			}
			return nil
		}},
		{"LEARNSCAPE_CA_FILE", "", "file of certificates (PEM) of authorities that identity providers and the mail server may be signed by, besides those that the system trusts", false, func(c *Config, v string) (err error) {
			c.Roots, err = authorities(v)
			return err
		}},
		{"LEARNSCAPE_DNS", "", "host:port of the DNS server that is asked for the records of domains and hosts; empty asks the system's", false, func(c *Config, v string) error {
			if c.DNS = v; v == "" {
				return nil
			}
			_, _, err := net.SplitHostPort(v)
			return err
		}},
		{"LEARNSCAPE_LOG", "info", "debug, info, warn or error", false, func(c *Config, v string) error {
			c.Log = v
			switch v {
			case "debug", "info", "warn", "error":
				return nil
			}
			return errors.New("must be debug, info, warn or error")
		}},
		{"LEARNSCAPE_PG_BIN", "", "folder of initdb and postgres for the demonstration's own cluster; empty searches", false, func(c *Config, v string) error { c.PostgresBinaries = v; return nil }},
	}
}

func perMinute(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, errors.New("must be a number from 1 to 1000000")
	}
	return n, nil
}

func list(v string) []string {
	var out []string
	for p := range strings.SplitSeq(v, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// authorities are those that the system trusts and those of the file.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // The system's alone.
	}
	own, err := os.ReadFile(file) //nolint:gosec // The operator names it.
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // An image without any.
	}
	if !pool.AppendCertsFromPEM(own) {
		return nil, errors.New("has no certificate in it")
	}
	return pool, nil
}

func baseURL(v string) (*url.URL, error) {
	if v == "" {
		return nil, nil //nolint:nilnil // Missing; whether it is needed is the command's to say.
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("must be an address such as https://learn.example.com")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, errors.New("plain http is for loopback only; put https in front")
	}
	u.Path = ""
	return u, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (err == nil && a.IsLoopback())
}

// dsn checks a connection string without ever repeating it.
func dsn(v, role string) error {
	if v == "" {
		return nil
	}
	cfg, err := pgx.ParseConfig(v)
	if err != nil {
		return errors.New("is not a PostgreSQL connection string")
	}
	if role != "" && cfg.User != role {
		return fmt.Errorf("must connect as %s", role)
	}
	return nil
}

// load reads the configuration. need names the keys that the command cannot do without. All that is wrong is said at once,
// and no value is.
func load(getenv func(string) string, need ...string) (Config, error) {
	var c Config
	var wrong []error
	for _, k := range keys() {
		v := getenv(k.name)
		if v == "" {
			v = k.fallback
		}
		if err := k.set(&c, v); err != nil {
			wrong = append(wrong, fmt.Errorf("%s %w", k.name, err))
			continue
		}
		for _, n := range need {
			if n == k.name && v == "" {
				wrong = append(wrong, fmt.Errorf("%s is missing: %s", k.name, k.about))
			}
		}
	}
	if len(wrong) > 0 {
		return Config{}, fmt.Errorf("configuration:\n%w", errors.Join(wrong...))
	}
	return c, nil
}

// runConfig prints the table as Markdown.
func runConfig(_ context.Context, e *env, _ []string) error {
	e.printf("%s", configTable())
	return nil
}

func configTable() string {
	var b strings.Builder
	b.WriteString("| key | default | meaning |\n| --- | --- | --- |\n")
	for _, k := range keys() {
		about := k.about
		if k.secret {
			about += " (secret: never printed)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.name, k.fallback, about)
	}
	return b.String()
}
