// Package portal is the composition root: it puts the rooms together into one portal that can be served. Nothing is decided
// here but who gets what.
package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/errgroup"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/community"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/jobs"
	"github.com/learnscape/learnscape/internal/mail"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/marketing"
	"github.com/learnscape/learnscape/search"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web"
)

// Config is what a portal is made from; every value was validated before.
type Config struct {
	DSN            string // as learnscape_app
	BaseURL        *url.URL
	Keys           *secret.Keyring
	Files          string
	Sender         mail.Sender
	MeiliURL       string
	MeiliKey       secret.Secret
	TrustedProxies []string
	Egress         egress.Options
	Operators      auth.OperatorDeps // without an address there is no operators' area
	DNS            string            // host:port of the DNS server that proves domains; empty asks the system's
	Demo           bool              // shows all mail to whoever asks and how many statements a page took: the demonstration only
	APIPerMinute   int               // requests that an API token may make in a minute; default 300
	PagesPerMinute int               // pages that a person may ask for in a minute; default 600
	Log            *slog.Logger
}

// Portal is everything of a running installation.
type Portal struct {
	DB        *db.DB
	Jobs      *jobs.Client
	Relay     *jobs.Relay
	Tenants   *tenants.Service
	Sealer    *tenants.Sealer
	Routine   *tenants.Routine
	Reminder  *courses.Reminder
	Usher     *courses.Usher
	Keeper    *tenants.Keeper
	Reads     *tenants.Reads
	Auth      *auth.Service
	Importer  *auth.Importer
	Bundles   *courses.Importer
	Courses   *courses.Service
	Marketing *marketing.Service
	Community *community.Service
	Search    *search.Service
	Blob      blob.Store
	Mail      *mail.Service
	App       *fiber.App

	log *slog.Logger
}

// New opens the database and puts the rooms together; it starts nothing. Close gives back what it opened.
func New(ctx context.Context, c Config) (_ *Portal, err error) {
	p := &Portal{log: c.Log}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if p.DB, err = db.Open(ctx, db.Options{DSN: c.DSN}); err != nil {
		return nil, err
	}
	if p.Jobs, err = jobs.NewClient(ctx, c.DSN, c.Log); err != nil {
		return nil, err
	}
	if p.Blob, err = blob.NewFolder(c.Files); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	production := c.BaseURL.Scheme == "https"
	p.Relay = jobs.NewRelay(p.DB, c.Log)
	p.Tenants = tenants.New(p.DB, c.BaseURL.Host, tenants.WithDNS(tenants.Resolver(c.DNS)), tenants.WithBlob(p.Blob))
	p.Tenants.Work(p.Jobs)
	p.Sealer = tenants.NewSealer(p.DB, c.Keys, c.Log)
	p.Reads = tenants.NewReads(p.DB, c.Keys, c.Log)
	p.Mail = mail.New(p.DB, p.Jobs, c.Sender, c.BaseURL.Hostname())
	client := egress.New(c.Egress)
	address := func(slug string) string {
		if slug != "" {
			slug += "."
		}
		return c.BaseURL.Scheme + "://" + slug + c.BaseURL.Host
	}
	p.Routine = tenants.NewRoutine(p.DB, p.Mail, p.Jobs, address)
	p.Routine.Listen(p.Relay)
	if p.Auth, err = auth.New(auth.Deps{
		DB: p.DB, Tenants: p.Tenants, Mail: p.Mail, Keys: c.Keys, Egress: client, Production: production, BaseURL: address, Operators: c.Operators,
	}); err != nil {
		return nil, err
	}
	p.Auth.Work(p.Jobs)
	p.Courses = courses.New(courses.Deps{DB: p.DB, Tenants: p.Tenants, Blob: p.Blob, Mail: p.Mail, Keys: c.Keys, URL: address})
	p.Routine.OnDue(p.Courses.Remind)
	p.Routine.OnDue(p.Courses.RemindPast)
	p.Tenants.OnErase(p.Courses.ForgetOrg)
	p.Marketing = marketing.New(marketing.Deps{DB: p.DB, Tenants: p.Tenants})
	p.Community = community.New(community.Deps{DB: p.DB, Tenants: p.Tenants})
	if p.Search, err = search.New(search.Deps{DB: p.DB, Tenants: p.Tenants, MeiliURL: c.MeiliURL, MeiliKey: c.MeiliKey.Reveal(), Log: c.Log}); err != nil {
		return nil, err
	}
	p.Reminder = courses.NewReminder(p.DB, p.Mail, p.Jobs, address)
	p.Tenants.OnErase(func(ctx context.Context, org id.Org) error {
		ctx = jobs.Enter(ctx, scope.Indexer, org)
		if err := p.Search.ReindexOrg(ctx, org); err != nil {
			return err
		}
		return p.Search.RebuildLexicon(ctx)
	})
	p.Keeper = tenants.NewKeeper(p.Tenants, p.Jobs, c.Log)
	p.Keeper.OnForget(p.Community.Forget)
	p.Keeper.OnForget(p.Courses.Forget)
	p.Keeper.Listen(p.Relay)
	p.Auth.Listen(p.Relay)
	p.Importer = auth.NewImporter(p.Auth, p.Jobs)
	p.Importer.Listen(p.Relay)
	p.Bundles = courses.NewImporter(p.Courses, p.Jobs)
	p.Bundles.Listen(p.Relay)
	p.Courses.Listen(p.Relay)
	p.Usher = courses.NewUsher(p.Courses, p.Mail, p.Jobs)
	p.Usher.Listen(p.Relay)
	courses.NewWithdrawer(p.Courses, p.Mail, p.Jobs).Listen(p.Relay)
	courses.NewReckoner(p.Courses, p.Jobs).Listen(p.Relay)
	courses.NewChecker(p.Courses, client, p.Jobs, courses.LinkPause).Listen(p.Relay)
	courses.NewRoutine(p.Courses, p.Mail, p.Jobs, address).Listen(p.Relay)
	p.Marketing.Listen(p.Relay)
	p.Community.Listen(p.Relay)
	p.Search.Listen(p.Relay)
	p.App = web.New(web.Options{Production: production, TrustedProxies: c.TrustedProxies, APIPerMinute: c.APIPerMinute, PagesPerMinute: c.PagesPerMinute, Demo: c.Demo, Log: c.Log}, web.Deps{
		DB: p.DB, Relay: p.Relay, Tenants: p.Tenants, Reads: p.Reads, Auth: p.Auth, Mail: p.Mail, Courses: p.Courses, Marketing: p.Marketing, Community: p.Community, Search: p.Search, Jobs: p.Jobs,
	})
	return p, nil
}

// Run serves on ln and works events and jobs until ctx ends or one of them fails.
func (p *Portal) Run(ctx context.Context, ln net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return web.Listen(ctx, p.App, ln) })
	g.Go(func() error { return p.Relay.Run(ctx) })
	g.Go(func() error { return p.Jobs.Run(ctx) })
	g.Go(func() error { return p.Sealer.Run(ctx) })
	g.Go(func() error { return p.Reads.Run(ctx) })
	g.Go(func() error { return p.Search.Run(ctx) })
	err := g.Wait()
	// Whoever asked last was answered by now; what was looked for until then is written.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := p.Reads.Flush(jobs.Enter(last, scope.Counter, id.Org{})); err != nil {
		p.log.WarnContext(last, "count what was read across organizations", "error", err)
	}
	if err := p.Search.Flush(jobs.Enter(last, scope.Indexer, id.Org{})); err != nil {
		p.log.WarnContext(last, "count what was looked for", "error", err)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Close gives back connections.
func (p *Portal) Close() {
	if p.Search != nil {
		if err := p.Search.Close(); err != nil {
			p.log.Warn("close search", "error", err)
		}
	}
	if p.Jobs != nil {
		p.Jobs.Close()
	}
	if p.DB != nil {
		p.DB.Close()
	}
}

// Listen opens the address; a port that somebody else has gets a message that says so.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		if strings.Contains(err.Error(), "address already in use") {
			return nil, fmt.Errorf("something else listens on %s; end it or choose another address", addr)
		}
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return ln, nil
}
