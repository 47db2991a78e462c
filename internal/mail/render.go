package mail

import (
	"bytes"
	"fmt"
	"html"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

func encode(s string) string { return mime.QEncoding.Encode("utf-8", s) }

// render writes the message as RFC 5322 with a plain and an HTML part.
func render(now time.Time, from, messageID string, m Message) ([]byte, error) {
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	list := []struct{ kind, body string }{{"text/plain; charset=utf-8", m.Text}, {"text/html; charset=utf-8", toHTML(m)}}
	if m.Calendar != "" {
		// The parameter says what the object says (RFC 6047, 2.4); calendars look at either.
		list = append(list, struct{ kind, body string }{"text/calendar; charset=utf-8; method=" + calendarMethod(m.Calendar), m.Calendar})
	}
	for _, p := range list {
		h := textproto.MIMEHeader{}
		h.Set("Content-Type", p.kind)
		h.Set("Content-Transfer-Encoding", "quoted-printable")
		pw, err := w.CreatePart(h)
		if err != nil {
			return nil, fmt.Errorf("render mail: %w", err)
		}
		q := quotedprintable.NewWriter(pw)
		if _, err := q.Write([]byte(p.body)); err != nil {
			return nil, fmt.Errorf("render mail: %w", err)
		}
		if err := q.Close(); err != nil {
			return nil, fmt.Errorf("render mail: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("render mail: %w", err)
	}
	var out bytes.Buffer
	for _, h := range [][2]string{
		{"From", from},
		{"To", m.To},
		{"Subject", encode(m.Subject)},
		{"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + messageID + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", `multipart/alternative; boundary="` + w.Boundary() + `"`},
	} {
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
	}
	out.WriteString("\r\n")
	out.Write(parts.Bytes())
	return out.Bytes(), nil
}

// calendarMethod is what an iCalendar object asks to be done with it.
func calendarMethod(object string) string {
	if _, rest, ok := strings.Cut(object, "\nMETHOD:"); ok {
		method, _, _ := strings.Cut(rest, "\n")
		return strings.ToLower(strings.TrimSpace(method))
	}
	return "publish"
}

// toHTML makes the second part from the first: nothing is in the one that the other lacks. Mail programs know no
// stylesheets, hence the attributes.
func toHTML(m Message) string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>` + html.EscapeString(m.Subject) +
		`</title></head><body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif"><div style="max-width:560px;margin:0 auto">`)
	for p := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(m.Text), "\r\n", "\n"), "\n\n") {
		p = strings.TrimSpace(p)
		if u, err := url.Parse(p); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(p, " \n") {
			b.WriteString(`<p><a href="` + html.EscapeString(p) + `">` + html.EscapeString(p) + `</a></p>`)
			continue
		}
		b.WriteString(`<p>` + strings.ReplaceAll(html.EscapeString(p), "\n", "<br>") + `</p>`)
	}
	b.WriteString(`</div></body></html>`)
	return b.String()
}
