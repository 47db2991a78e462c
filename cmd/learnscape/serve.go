package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/cmd/learnscape/portal"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/secret"
)

// serveNeeds names the keys that serve cannot do without.
func serveNeeds() []string {
	return []string{"LEARNSCAPE_BASE_URL", "LEARNSCAPE_DATABASE_URL", "LEARNSCAPE_KEYS"}
}

// runServe serves the portal until the process is told to end. It refuses a database that an older release left behind.
func runServe(ctx context.Context, e *env, args []string) error {
	if len(args) > 0 {
		return usageError{errors.New("serve takes no arguments; see: learnscape config")}
	}
	cfg, err := load(e.getenv, serveNeeds()...)
	if err != nil {
		return err
	}
	p, err := open(ctx, e, cfg)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := refuseOlder(ctx, p.DB); err != nil {
		return err
	}
	ln, err := portal.Listen(ctx, cfg.Listen)
	if err != nil {
		return err
	}
	if err := e.firstOperator(ctx, p); err != nil {
		return err
	}
	e.log.InfoContext(ctx, "serving", "address", ln.Addr().String(), "base", cfg.BaseURL.String())
	return p.Run(ctx, ln)
}

// open puts the portal together as the configuration says.
func open(ctx context.Context, e *env, cfg Config) (*portal.Portal, error) {
	keys, err := secret.ParseKeyring(cfg.Keys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("LEARNSCAPE_KEYS %w", err)
	}
	return portal.New(ctx, portal.Config{
		DSN: cfg.DatabaseURL.Reveal(), BaseURL: cfg.BaseURL, Keys: keys, Files: cfg.Files, Sender: sender(cfg),
		MeiliURL: cfg.MeiliURL, MeiliKey: cfg.MeiliKey, TrustedProxies: cfg.TrustedProxies, APIPerMinute: cfg.APIPerMinute, PagesPerMinute: cfg.PagesPerMinute, Egress: egress.Options{Allow: cfg.EgressAllow, Ports: cfg.EgressPorts, Roots: cfg.Roots}, DNS: cfg.DNS, Log: e.log,
		Operators: operators(cfg),
	})
}

// operators is how operators reach their pages, as configured: none without a host.
func operators(cfg Config) auth.OperatorDeps {
	host := cfg.OperatorHost
	switch host {
	case "none":
		return auth.OperatorDeps{}
	case "":
		host = "operator." + cfg.BaseURL.Host
	}
	return auth.OperatorDeps{URL: cfg.BaseURL.Scheme + "://" + host, Issuer: cfg.OperatorIssuer, ClientID: cfg.OperatorClientID, ClientSecret: cfg.OperatorSecret}
}

// firstOperator prints how the first operator gets in, once: where nobody is one and nothing that was printed still holds.
func (e *env) firstOperator(ctx context.Context, p *portal.Portal) error {
	if p.Auth.OperatorURL("") == "" {
		return nil
	}
	code, err := p.Auth.FirstOperatorCode(auth.AtDesk(ctx))
	if err == nil && code != "" {
		e.printf("\nNobody operates this installation yet. The first operator signs up here, once, within %d hours:\n%s\n", int(auth.OperatorCodeFor.Hours()), p.Auth.OperatorURL("/host/code/"+code))
	}
	return err
}

func sender(cfg Config) mail.Sender {
	if s, ok := mailServer(cfg); ok {
		return s
	}
	return mail.Outbox{}
}

// mailServer is the one that the configuration names, if it does. On this machine nobody stands on the way.
func mailServer(cfg Config) (mail.SMTP, bool) {
	u, err := url.Parse(cfg.SMTP.Reveal())
	if cfg.SMTP == "" || err != nil { // load refused what is no address before.
		return mail.SMTP{}, false
	}
	password, _ := u.User.Password()
	s := mail.SMTP{
		Addr: u.Host, From: cfg.MailFrom, FromName: "Learnscape", User: u.User.Username(), Password: secret.Secret(password),
		TLS: cfg.SMTPTLS, Roots: cfg.Roots, Now: time.Now,
	}
	port := "587"
	switch {
	case u.Scheme == "smtps":
		s.TLS, port = mail.Implicit, "465"
	case s.TLS == mail.Required && loopback(u.Hostname()):
		s.TLS = mail.Offered
	}
	if u.Port() == "" {
		s.Addr = net.JoinHostPort(u.Hostname(), port)
	}
	if s.From == "" {
		s.From = "no-reply@" + cfg.BaseURL.Hostname()
	}
	return s, true
}
