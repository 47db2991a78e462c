package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
)

// Problem is how the API says what went wrong (RFC 9457). Programs decide on Code and Reason, which stay; people read the rest.
type Problem struct {
	Title     string  `json:"title" doc:"The status in words"`
	Status    int     `json:"status" doc:"The HTTP status"`
	Code      string  `json:"code" doc:"What kind of problem it is" enum:"conflict,forbidden,header_too_large,internal,invalid,malformed,method_not_allowed,not_found,precondition_failed,rate_limited,timeout,too_large,unauthenticated,unavailable,unsupported_media_type"`
	Reason    string  `json:"reason,omitempty" doc:"Which problem of its kind, where there are several"`
	Detail    string  `json:"detail" doc:"For people, in English or German as Accept-Language says"`
	Reference string  `json:"reference,omitempty" doc:"What to tell the operator about a problem of the server"`
	Errors    []Fault `json:"errors,omitempty" nullable:"false" doc:"What is wrong with the input"`

	header http.Header
}

// Fault is what is wrong with one input.
type Fault struct {
	Field  string `json:"field" doc:"Its name or place, such as title or theirs.opens[0].right"`
	Code   string `json:"code" doc:"What is wrong"`
	Detail string `json:"detail" doc:"For people"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Code }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

const problemType = "application/problem+json"

// problem is what a program is told of an error: its kind and what people may read, nothing of the inside. ref is the request's.
func problem(ctx context.Context, err error, ref string) *Problem {
	kind := errs.KindOf(err)
	key, args := errs.MessageKey(err)
	p := &Problem{Status: errs.Status(kind), Code: string(kind), header: http.Header{}}
	p.Title = http.StatusText(p.Status)
	if p.Status >= 500 {
		p.Reference = ref
	}
	e, _ := errors.AsType[*errs.Error](err)
	if e != nil && e.Key != "" {
		p.Reason = strings.TrimPrefix(key, "api.")
	} else if kind == errs.NotFound || kind == errs.Unauthenticated {
		key = "api." + string(kind)
	}
	p.Detail = lang.T(ctx, key, args...)
	if e != nil {
		for _, f := range e.Fields {
			p.Errors = append(p.Errors, Fault{Field: f.Name, Code: f.Key, Detail: lang.T(ctx, f.Key, f.Args...)})
		}
	}
	switch {
	case e != nil && e.RetryAfter > 0:
		p.header.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(e.RetryAfter.Seconds()+.999)))
	case kind == errs.Unavailable, kind == errs.Timeout:
		p.header.Set(fiber.HeaderRetryAfter, "5")
	case kind == errs.Unauthenticated:
		p.header.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="learnscape"`)
	}
	return p
}

// invalid is what huma found wrong with the form of a request, without the values that it found it in.
func invalid(ctx context.Context, m *huma.ErrorModel) *Problem {
	kind := errs.Invalid
	switch {
	case m.Status == http.StatusUnsupportedMediaType:
		kind = errs.MediaUnknown
	case m.Status == http.StatusRequestEntityTooLarge:
		kind = errs.TooLarge
	case m.Status >= 500:
		kind = errs.Internal
	case m.Status != http.StatusUnprocessableEntity:
		kind = errs.Malformed
	}
	p := problem(ctx, errs.Say(kind, "api.validation"), "")
	if kind == errs.Malformed || kind == errs.Internal {
		return p // Its texts are those of the parser.
	}
	for _, e := range m.Errors {
		_, place, ok := strings.Cut(e.Location, ".")
		if !ok {
			place = e.Location
		}
		p.Errors = append(p.Errors, Fault{Field: place, Code: "validation", Detail: e.Message})
	}
	return p
}

// Fail answers an error of the server around the API, such as a route that is not there.
func Fail(c *fiber.Ctx, kind errs.Kind, err error, ref string) error {
	if errs.KindOf(err) != kind {
		err = errs.New(kind, "%w", err)
	}
	p := problem(c.UserContext(), err, ref)
	for k := range p.header {
		c.Set(k, p.header.Get(k))
	}
	return c.Status(p.Status).JSON(p, problemType)
}
