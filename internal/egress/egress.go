package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options say what the client may reach. The zero value is the policy of a production installation.
type Options struct {
	Timeout time.Duration  // of a whole exchange, body included; default 5 s
	MaxBody int64          // bytes of an answer, default 1 MiB
	Ports   []int          // besides 443
	Allow   []netip.Prefix // networks that the operator opens in spite of the policy, for identity providers on site
	Roots   *x509.CertPool // who signs the certificates of what is called; nil: whom the system trusts
	// AllowLoopback is for the demonstration and for tests: plain http and any port on this machine, and *.localhost
	// dialled to 127.0.0.1, which no resolver of Go or libc does.
	AllowLoopback bool
}

// ErrDenied means that the policy forbids the address. It says nothing about whether anything answers there.
var ErrDenied = errors.New("the address may not be reached from here")

// ErrTooLarge means that the answer is longer than the limit.
var ErrTooLarge = errors.New("the answer is too large")

// New returns the client. It is safe for concurrent use and keeps connections.
func New(o Options) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	dialer := &net.Dialer{Timeout: o.Timeout, ControlContext: o.control}
	return &http.Client{
		Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &guard{o: o, next: &http.Transport{
			Proxy:                  nil,
			DialContext:            o.dial(dialer),
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			TLSHandshakeTimeout:    o.Timeout,
			ResponseHeaderTimeout:  o.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		}},
	}
}

// guard checks the address as it is written before anything is dialled, and bounds the answer.
type guard struct {
	o    Options
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.o.CheckURL(r.URL); err != nil {
		return nil, err
	}
	res, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > g.o.MaxBody {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes from %s", ErrTooLarge, res.ContentLength, r.URL.Host)
	}
	res.Body = &bounded{r: res.Body, left: g.o.MaxBody}
	return res, nil
}

// bounded fails instead of ending early, so that half a document is never taken for a whole one.
type bounded struct {
	r    io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, ErrTooLarge
	}
	return n, err
}

func (b *bounded) Close() error { return b.r.Close() }

// CheckURL tells whether an address could be allowed as it is written: for a form that takes one. The dialled address is
// checked again on every connection.
func (o Options) CheckURL(u *url.URL) error {
	host := u.Hostname()
	local := o.AllowLoopback && loopbackName(host)
	switch {
	case u.User != nil, host == "":
		return fmt.Errorf("%w: %s", ErrDenied, u.Redacted())
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return fmt.Errorf("%w: scheme %s", ErrDenied, u.Scheme)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if err := o.checkIP(ip); err != nil {
			return err
		}
	}
	if local {
		return nil
	}
	port := 443
	if p := u.Port(); p != "" {
		port, _ = strconv.Atoi(p) // A port that is no number is 0, which is refused.
	}
	return o.checkPort(port)
}

func (o Options) dial(d *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		if o.AllowLoopback && strings.HasSuffix(host, ".localhost") {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		return d.DialContext(ctx, network, addr)
	}
}

// control sees the address that is really dialled, after DNS.
func (o Options) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return fmt.Errorf("%w: %s", ErrDenied, network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrDenied, address)
	}
	if err := o.checkIP(ap.Addr()); err != nil {
		return err
	}
	if o.AllowLoopback && ap.Addr().Unmap().IsLoopback() {
		return nil
	}
	return o.checkPort(int(ap.Port()))
}

func (o Options) checkPort(p int) error {
	if p == 443 || slices.Contains(o.Ports, p) {
		return nil
	}
	return fmt.Errorf("%w: port %d", ErrDenied, p)
}

func (o Options) checkIP(ip netip.Addr) error {
	ip = ip.WithZone("")
	for _, p := range o.Allow {
		if p.Contains(ip) || p.Contains(ip.Unmap()) {
			return nil
		}
	}
	if o.AllowLoopback && ip.Unmap().IsLoopback() {
		return nil
	}
	if !Public(ip) {
		return fmt.Errorf("%w: %s", ErrDenied, ip)
	}
	return nil
}

func loopbackName(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Public reports whether an address is one of the public internet's. IPv6 addresses that carry an IPv4 address inside
// (mapped, NAT64, 6to4, Teredo) never are: the policy would have to be applied to what is inside. The list is that of the
// IANA special-purpose address registries (RFC 6890).
func Public(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Is4In6() || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, p := range special() {
		if p.Contains(ip) {
			return false
		}
	}
	return !ip.Is6() || netip.MustParsePrefix("2000::/3").Contains(ip)
}

func special() []netip.Prefix {
	return []netip.Prefix{
		netip.PrefixFrom(netip.AddrFrom4([4]byte{0, 0, 0, 0}), 8),       // this network
		netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10),   // carrier-grade NAT, RFC 6598
		netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 0, 0}), 24),    // IETF protocol assignments
		netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, 0}), 24),    // documentation
		netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 88, 99, 0}), 24),  // 6to4 relays
		netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, 0, 0}), 15),   // benchmarking
		netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, 0}), 24), // documentation
		netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, 0}), 24),  // documentation
		netip.PrefixFrom(netip.AddrFrom4([4]byte{240, 0, 0, 0}), 4),     // reserved and broadcast
		netip.MustParsePrefix("64:ff9b::/96"),                           // NAT64, RFC 6052
		netip.MustParsePrefix("64:ff9b:1::/48"),                         // NAT64 for local use, RFC 8215
		netip.MustParsePrefix("2001::/23"),                              // protocol assignments, Teredo in them
		netip.MustParsePrefix("2001:db8::/32"),                          // documentation
		netip.MustParsePrefix("2002::/16"),                              // 6to4
		netip.MustParsePrefix("3fff::/20"),                              // documentation, RFC 9637
		netip.MustParsePrefix("5f00::/16"),                              // segment routing
		netip.MustParsePrefix("fc00::/7"),                               // unique local
		netip.MustParsePrefix("fec0::/10"),                              // site local
	}
}
