package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/valyala/fasthttp"

	"github.com/learnscape/learnscape/auth"
	authpages "github.com/learnscape/learnscape/auth/pages"
	"github.com/learnscape/learnscape/courses"
	coursespages "github.com/learnscape/learnscape/courses/pages"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Options says how the server behaves towards the network.
type Options struct {
	Production     bool     // https in front: HSTS, __Host- cookies
	TrustedProxies []string // addresses whose X-Forwarded-* headers count; none trusts nobody
	Deadline       time.Duration
	ReadTimeout    time.Duration // of headers and of a body; default 15 s
	BodyLimit      int           // bytes of a form; uploads have routes of their own
	APIPerMinute   int           // requests of a token; default 300
	PagesPerMinute int           // requests of a person for pages; default 600, see pace
	Demo           bool          // shows all mail to whoever asks and how many statements a page took: the demonstration only
	Log            *slog.Logger
}

// Limits of what a request may bring (security.md, uploads): forms 256 KiB, headers 16 KiB.
const (
	defaultBodyLimit = 256 << 10
	headerLimit      = 16 << 10
	defaultDeadline  = 10 * time.Second

	defaultReadTimeout = 15 * time.Second
)

// newApp returns the Fiber application with everything around the routes: what it answers before a body is read to its end
// closes the connection, because the rest of the body would otherwise run as the next request.
func newApp(o Options, fail fiber.ErrorHandler) *fiber.App {
	if o.Deadline == 0 {
		o.Deadline = defaultDeadline
	}
	if o.BodyLimit == 0 {
		o.BodyLimit = defaultBodyLimit
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = defaultReadTimeout
	}
	app := fiber.New(fiber.Config{
		Immutable:         true, // otherwise kept strings change under us
		StreamRequestBody: true, // otherwise an announced length is allocated before a byte came

		DisablePreParseMultipartForm: true, // otherwise a form with files is read to its end before anybody looks at its length
		BodyLimit:                    o.BodyLimit,
		ReadBufferSize:               headerLimit,
		ReadTimeout:                  o.ReadTimeout, // otherwise whoever sends a byte now and then holds a connection for good
		IdleTimeout:                  75 * time.Second,
		EnableTrustedProxyCheck:      true,
		TrustedProxies:               o.TrustedProxies,
		ProxyHeader:                  proxyHeader(o.TrustedProxies),
		DisableStartupMessage:        true,
		ErrorHandler:                 fail,
		CaseSensitive:                true,
		StrictRouting:                false,
		GETOnly:                      false,
	})
	app.Use(begin(o), recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: func(c *fiber.Ctx, v any) {
		o.Log.ErrorContext(c.UserContext(), "panic", "value", v, "path", logged(c))
	}}), headers(o), client(o.TrustedProxies), compress(), body(o.BodyLimit), sameOrigin(), oneMeaning(), plain())
	return app
}

func proxyHeader(proxies []string) string {
	if len(proxies) == 0 {
		return ""
	}
	return fiber.HeaderXForwardedFor
}

// client takes X-Forwarded-Host away, so that the host is the one that was asked for, whatever a proxy lets through: it decides which
// organization's the request is. It leaves of X-Forwarded-For the one address that a trusted proxy vouches for, which Fiber then takes for the client's: the last one
// that is no trusted proxy itself. Whatever stands before it, or in a line of its own, is what the client said of itself.
func client(proxies []string) fiber.Handler {
	var trusted []netip.Prefix
	for _, p := range proxies {
		if n, err := netip.ParsePrefix(p); err == nil {
			trusted = append(trusted, n)
		} else if a, err := netip.ParseAddr(p); err == nil {
			trusted = append(trusted, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return func(c *fiber.Ctx) error {
		c.Request().Header.Del(fiber.HeaderXForwardedHost)
		if len(trusted) == 0 || !c.IsProxyTrusted() {
			return c.Next()
		}
		var chain []string
		for _, line := range c.Request().Header.PeekAll(fiber.HeaderXForwardedFor) {
			chain = append(chain, strings.Split(string(line), ",")...)
		}
		at := c.Context().RemoteIP().String()
		for _, hop := range slices.Backward(chain) {
			a, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil {
				break
			}
			at = a.Unmap().String()
			if !slices.ContainsFunc(trusted, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) }) {
				break
			}
		}
		c.Request().Header.Set(fiber.HeaderXForwardedFor, at)
		return c.Next()
	}
}

// logged is the path of a request without the codes of links in it: whoever reads the log must not be able to use them.
func logged(c *fiber.Ctx) string {
	parts := strings.Split(c.Path(), "/")
	for i, p := range parts {
		if secret.IsToken(p) {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, "/")
}

// begin gives the request its reference, deadline, language and the scope of a visitor, which auth replaces when there is a
// session, and writes the log line at its end.
func begin(o Options) fiber.Handler {
	return func(c *fiber.Ctx) error {
		start := time.Now() //nolint:forbidigo // Measures the request, decides nothing.
		ctx, cancel := context.WithTimeout(c.UserContext(), o.Deadline)
		defer cancel()
		ref := reference()
		ctx = tenants.WithRequest(ctx, ref)
		ctx = lang.With(ctx, lang.Match(c.Get(fiber.HeaderAcceptLanguage)))
		ctx = scope.Enter(ctx, scope.Scope{Actor: scope.Visitor}) //nolint:forbidigo // Nobody, until auth has read the session.
		ctx, count := db.WithCounter(ctx)
		c.SetUserContext(ctx)
		c.Set("X-Request-Id", ref)
		err := c.Next()
		if err != nil {
			// The error handler renders here, inside the middleware, so that headers and the log line see its answer.
			if herr := c.App().ErrorHandler(c, err); herr != nil {
				return herr
			}
		}
		if o.Demo {
			c.Set("X-Statements", strconv.Itoa(count.Statements()))
		}
		if o.Log.Enabled(ctx, slog.LevelDebug) {
			o.Log.DebugContext(ctx, "request", "ref", ref, "method", c.Method(), "path", logged(c), "status", c.Response().StatusCode(),
				"ms", time.Since(start).Milliseconds(), "statements", count.Statements())
		}
		return nil
	}
}

func reference() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // Never fails (crypto/rand).
	return hex.EncodeToString(b[:])
}

// policy is the content security policy of every page: nothing from elsewhere, nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; media-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"

// headers sets what every answer carries (security.md section 5.3).
func headers(o Options) fiber.Handler {
	return func(c *fiber.Ctx) error {
		promise(c, o)
		return c.Next()
	}
}

func promise(c *fiber.Ctx, o Options) {
	c.Set("Content-Security-Policy", policy)
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("Referrer-Policy", "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set("Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=(), fullscreen=(self), autoplay=()")
	c.Set(fiber.HeaderCacheControl, "no-store")
	if o.Production {
		c.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// compress packs pages with gzip at its fastest level; assets come packed already. A stream is left alone: to ask for its body would read
// it whole into memory before the first byte is sent.
func compress() fiber.Handler {
	pack := fasthttp.CompressHandlerLevel(func(*fasthttp.RequestCtx) {}, fasthttp.CompressBestSpeed)
	return func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		if !c.Response().IsBodyStream() && len(c.Response().Header.Peek(fiber.HeaderContentEncoding)) == 0 && len(c.Response().Body()) > 1024 {
			pack(c.Context())
		}
		return nil
	}
}

// overrun is how much of a body that is too large is read and dropped before it is refused, in bytes, overrunTime for how long at most.
const (
	overrun     = 1 << 20
	overrunTime = 300 * time.Millisecond
)

// uploadLimit is how large the body of an upload may be, uploadTime how long it may take.
const (
	uploadLimit  = 65 << 20
	archiveLimit = courses.MaxArchive + 1<<20
	uploadTime   = 2 * time.Minute
)

// isUpload reports whether the body of a request is a file, which its handler reads as it comes.
func isUpload(c *fiber.Ctx) bool {
	p := strings.Split(c.Path(), "/")
	return c.Method() == fiber.MethodPost && (len(p) == 4 && p[1] == "publish" && p[3] == "files" || coursespages.IsHandIn(c.Path()) || isArchive(c))
}

// isArchive reports whether the body of a request is an archive of courses.
func isArchive(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodPost && c.Path() == coursespages.ImportPath
}

// body reads the request's body to its end or refuses it and closes the connection.
func body(form int) fiber.Handler {
	files := make(chan struct{}, 4) // Forms with a large file are in memory as a whole: so many at once.
	return func(c *fiber.Ctx) error {
		if isUpload(c) && c.Request().IsBodyStream() {
			limit := uploadLimit
			if isArchive(c) {
				limit = archiveLimit
			}
			if c.Request().Header.ContentLength() > limit {
				c.Context().SetConnectionClose()
				return errs.New(errs.TooLarge, "upload of %d bytes", c.Request().Header.ContentLength())
			}
			if err := c.Context().Conn().SetReadDeadline(c.Context().Time().Add(uploadTime)); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), uploadTime)
			defer cancel()
			c.SetUserContext(ctx)
			c.Context().SetConnectionClose() // Whoever answers may not have read it to its end.
			return c.Next()
		}
		req, limit := c.Request(), form
		if most := map[string]int{authpages.ImportPath: auth.ImportBytes, coursespages.PastPath: courses.PastBytes}[c.Path()]; most > 0 && req.Header.ContentLength() > form {
			select {
			case files <- struct{}{}:
				defer func() { <-files }()
				limit += most
			default:
				c.Context().SetConnectionClose()
				return &errs.Error{Kind: errs.Unavailable, RetryAfter: 30 * time.Second, Err: errors.New("too many files at once")}
			}
		}
		n := req.Header.ContentLength()
		if n == 0 || (n < 0 && n != -1) { // -2 is identity: no body without a length
			return c.Next()
		}
		stream := req.BodyStream()
		if n > limit {
			c.Context().SetConnectionClose()
			if stream != nil && c.Context().Conn().SetReadDeadline(c.Context().Time().Add(overrunTime)) == nil {
				_, _ = io.CopyN(io.Discard, stream, overrun) // Who is sending would hear nothing otherwise.
			}
			return errs.New(errs.TooLarge, "body of %d bytes", n)
		}
		if stream == nil {
			return c.Next()
		}
		buf, err := io.ReadAll(io.LimitReader(stream, int64(limit)+1))
		if err != nil {
			c.Context().SetConnectionClose()
			return errs.New(errs.Malformed, "read body: %w", err)
		}
		if len(buf) > limit {
			c.Context().SetConnectionClose()
			return errs.New(errs.TooLarge, "body over %d bytes", limit)
		}
		req.SetBodyRaw(buf)
		return c.Next()
	}
}

// sameOrigin refuses unsafe methods that do not come from a page of the same host: the browser says so in Sec-Fetch-Site, or
// in Origin where it is older. A request with neither is refused too; programs use the API, which takes tokens alone.
func sameOrigin() fiber.Handler {
	return func(c *fiber.Ctx) error {
		switch c.Method() {
		case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
			return c.Next()
		}
		if forPrograms(c) || strings.HasPrefix(c.Path(), auth.BackChannelPath) { // No cookie counts there.
			return c.Next()
		}
		site, origin := c.Get("Sec-Fetch-Site"), c.Get(fiber.HeaderOrigin)
		if site == "same-origin" || (site == "" && origin != "" && strings.EqualFold(afterScheme(origin), c.Hostname())) {
			return c.Next()
		}
		c.Context().SetConnectionClose()
		return errs.Say(errs.Forbidden, "errs.cross_site")
	}
}

// oneMeaning refuses a form whose address has a field of the same name: Fiber would read the one in the address, which a link can choose,
// instead of what the person entered. Of a field that is there twice the first counts.
func oneMeaning() fiber.Handler {
	return func(c *fiber.Ctx) error {
		if len(c.Request().Header.ContentType()) == 0 || len(c.Request().URI().QueryString()) == 0 || !strings.HasPrefix(string(c.Request().Header.ContentType()), fiber.MIMEApplicationForm) {
			return c.Next()
		}
		for name := range c.Request().URI().QueryArgs().All() {
			if c.Request().PostArgs().HasBytes(name) {
				c.Context().SetConnectionClose()
				return errs.New(errs.Malformed, "a field is in the address and in the form")
			}
		}
		return c.Next()
	}
}

// plain leaves out of what was entered into a form what is in no text and the database keeps in none: NUL, and bytes that are not UTF-8. So
// whoever pastes them loses nothing else, and a field that has nothing else is empty. Programs are told instead.
func plain() fiber.Handler {
	return func(c *fiber.Ctx) error {
		if forPrograms(c) {
			return c.Next()
		}
		plainArgs(c.Request().URI().QueryArgs())
		if c.Request().IsBodyStream() { // A file, which its handler reads as it comes.
			return c.Next()
		}
		plainArgs(c.Request().PostArgs())
		if f, err := c.MultipartForm(); err == nil {
			for _, values := range f.Value {
				for i, v := range values {
					values[i] = plainText(v)
				}
			}
		}
		return c.Next()
	}
}

func plainText(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}

func plainArgs(args *fasthttp.Args) {
	odd := false
	for _, v := range args.All() {
		odd = odd || bytes.IndexByte(v, 0) >= 0 || !utf8.Valid(v)
	}
	if !odd {
		return
	}
	var all [][2]string
	for k, v := range args.All() {
		all = append(all, [2]string{string(k), plainText(string(v))})
	}
	args.Reset()
	for _, kv := range all {
		args.Add(kv[0], kv[1])
	}
}

func afterScheme(origin string) string {
	_, host, ok := strings.Cut(origin, "://")
	if !ok {
		return ""
	}
	return host
}

// Listen serves until ctx ends, then refuses new connections and lets requests under way finish for up to 20 seconds.
func Listen(ctx context.Context, app *fiber.App, ln net.Listener) error {
	return listen(ctx, app, ln, 20*time.Second)
}

func listen(ctx context.Context, app *fiber.App, ln net.Listener, last time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if err := app.ShutdownWithTimeout(last); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
