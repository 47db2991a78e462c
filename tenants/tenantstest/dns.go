// Package tenantstest has what tests of domains and hosts need: a DNS server on this machine, asked over UDP as any other is.
package tenantstest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS is a name server that knows TXT records. Names without any do not exist.
type DNS struct {
	Addr string // host:port

	mu     sync.Mutex
	txt    map[string][]string
	silent bool
}

// NewDNS starts a server; it ends with the test.
func NewDNS(t testing.TB) *DNS {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	d := &DNS{Addr: conn.LocalAddr().String(), txt: map[string][]string{}}
	go d.serve(conn)
	return d
}

// Set replaces the TXT records of a name; none removes it.
func (d *DNS) Set(name string, values ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.txt[strings.ToLower(name)+"."] = values
}

// Silent lets the server refuse to answer (SERVFAIL), or answer again.
func (d *DNS) Silent(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = on
}

func (d *DNS) serve(conn net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer, err := d.answer(buf[:n]); err == nil {
			_, _ = conn.WriteTo(answer, from) // Whoever asked will ask again.
		}
	}
}

func (d *DNS) answer(query []byte) ([]byte, error) {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	values := d.txt[strings.ToLower(q.Name.String())]
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: head.ID, Response: true, Authoritative: true, RecursionAvailable: true}, Questions: []dnsmessage.Question{q}}
	switch {
	case d.silent:
		reply.RCode = dnsmessage.RCodeServerFailure
	case len(values) == 0:
		reply.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeTXT:
		for _, v := range values {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}, Body: &dnsmessage.TXTResource{TXT: []string{v}},
			})
		}
	}
	return reply.Pack()
}
