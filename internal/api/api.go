// Package api is the frame of the JSON API: rooms describe operations and hand over functions of their services, and the frame does
// the rest, the same for all. It asks for a token and what it is for, counts its requests, reads and checks JSON, answers a repeated
// request as before, turns errors into problem documents, and writes the OpenAPI document. Register is the only way in. The api
// folders of rooms and web call it; it knows no room.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/limit"
	"github.com/learnscape/learnscape/internal/scope"
)

// Root is the beginning of every operation's address.
const Root = "/api/v1"

// Options is what the frame needs.
type Options struct {
	DB *db.DB
	// Enter says who acts by the bearer token of a request, "" for none: Unauthenticated for a token that is nobody's there.
	Enter func(c *fiber.Ctx, token string) (context.Context, error)
	// PerMinute is how many requests a token may make in a minute, a quarter of them at once; 300 unless set.
	PerMinute int
	Now       func() time.Time
	Ref       func(context.Context) string // what a problem of the server is called in the log
	Log       *slog.Logger
	Refused   func(context.Context, error) // is told what was refused, to write it down
}

// API is where operations are registered.
type API struct {
	huma  huma.API
	enter func(*fiber.Ctx, string) (context.Context, error)
	limit *limit.Buckets[id.Any]
	db    *db.DB
	now   func() time.Time
	ref   func(context.Context) string
	log   *slog.Logger

	refused func(context.Context, error)
}

// New returns an API without operations that answers on r.
func New(app *fiber.App, o Options) *API {
	if o.PerMinute == 0 {
		o.PerMinute = 300
	}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Learnscape", Version: "1",
				Description: "What members of an organization do in the portal, for programs. Addresses are on the organization's own host; docs/api.md says how to sign requests, page, repeat and read problems.",
				License:     &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
				bearer: {Type: "http", Scheme: "bearer", BearerFormat: "ls_…", Description: "A token of the organization's settings or of `learnscape token create`."},
			}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers: []huma.Transformer{func(ctx huma.Context, _ string, v any) (any, error) {
			if m, ok := v.(*huma.ErrorModel); ok {
				return invalid(ctx.Context(), m), nil
			}
			return v, nil
		}},
	}
	return &API{
		huma: humafiber.NewWithGroup(app, twins{app}, config), enter: o.Enter, db: o.DB, now: o.Now, ref: o.Ref, log: o.Log,
		limit: limit.New[id.Any](o.PerMinute), refused: o.Refused,
	}
}

const bearer = "token"

// twins answers HEAD wherever GET is answered.
type twins struct{ fiber.Router }

// Add implements fiber.Router.
func (t twins) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	if method == fiber.MethodGet {
		t.Router.Add(fiber.MethodHead, path, handlers...)
	}
	return t.Router.Add(method, path, handlers...)
}

// Op describes an operation.
type Op struct {
	ID      string // unique, lower case with hyphens: list-collections
	Method  string
	Path    string // below Root, with {parameters}
	Room    string // the heading that it stands under in the document
	Summary string
	About   string // more about it
	Action  authz.Action
	Created bool // answers 201
	Matches bool // takes If-Match
}

// Register adds an operation. I has its parameters and Body, O its headers and Body, as huma describes. fn calls the very method of
// a service that the page calls; its errors become problems by their kind.
func Register[I, O any](a *API, op Op, fn func(context.Context, *I) (*O, error)) {
	need, ok := authz.TokenScope(op.Action, op.writes())
	if !ok {
		panic(fmt.Sprintf("%s: no token can do %s", op.ID, op.Action)) // Found when the process starts, by every test.
	}
	h := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: Root + op.Path, Summary: op.Summary, Description: op.about(need), Tags: []string{op.Room},
		Security: []map[string][]string{{bearer: {}}}, BodyReadTimeout: -1, Responses: a.problems(),
		Middlewares: huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) { a.serve(ctx, next, op, need) }},
	}
	if op.Created {
		h.DefaultStatus = http.StatusCreated
	}
	if op.Matches {
		h.Parameters = append(h.Parameters, header(fiber.HeaderIfMatch, "The ETag that was read; 412 if it is another by now"))
	}
	if op.Method == http.MethodPost {
		h.Parameters = append(h.Parameters, header("Idempotency-Key", "Repeating the request with the same key within 24 hours gets the same answer and changes nothing again"))
	}
	huma.Register(a.huma, h, func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return out, nil
	})
}

func (op Op) writes() bool { return op.Method != http.MethodGet }

func (op Op) about(need string) string {
	says := "Any token may."
	if need != "" {
		says = "Scope " + need + "."
	}
	if roles := authz.Table()[op.Action].Roles; len(roles) > 0 {
		var names []string
		for _, r := range roles {
			names = append(names, strings.ReplaceAll(string(r), "_", " "))
		}
		says += " Its member is one of: " + strings.Join(names, ", ") + "."
	}
	return strings.TrimSpace(op.About + "\n\n" + says)
}

func header(name, about string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
}

// problems says in the document that everything else is a problem.
func (a *API) problems() map[string]*huma.Response {
	s := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return map[string]*huma.Response{"default": {Description: "A problem", Content: map[string]*huma.MediaType{problemType: {Schema: s}}}}
}

// request is huma's view of a request whose body was read already.
type request struct {
	humaContext

	ctx  context.Context //nolint:containedctx // It is the request.
	body []byte
}

type humaContext = huma.Context

// Context is the request's, with who acts.
func (r request) Context() context.Context { return r.ctx }

// BodyReader returns the body that the server read to its end.
func (r request) BodyReader() io.Reader { return bytes.NewReader(r.body) }

// SetReadDeadline does nothing: there is nothing left to read.
func (r request) SetReadDeadline(time.Time) error { return nil }

// Unwrap lets the adapter find its own.
func (r request) Unwrap() huma.Context { return r.humaContext }

// Param returns a part of the address without its escapes.
func (r request) Param(name string) string {
	v := r.humaContext.Param(name)
	if u, err := url.PathUnescape(v); err == nil {
		return u
	}
	return v
}

// serve is what happens around every operation.
func (a *API) serve(hc huma.Context, next func(huma.Context), op Op, need string) {
	c := humafiber.Unwrap(hc)
	r := request{humaContext: hc, ctx: c.UserContext(), body: c.Request().Body()}
	err := a.admit(c, &r, op, need)
	if err == nil {
		run := func() { next(r) }
		if key := c.Get("Idempotency-Key"); key != "" && op.Method == http.MethodPost {
			err = a.once(r.ctx, c, key, r.body, run)
		} else {
			run()
		}
	}
	if err != nil {
		p := a.problem(r.ctx, err)
		for k := range p.header {
			c.Set(k, p.header.Get(k))
		}
		if p.Status == http.StatusForbidden {
			c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="learnscape", error="insufficient_scope", scope="`+need+`"`)
		}
		_ = c.Status(p.Status).JSON(p, problemType) // A struct of strings always marshals.
		return
	}
	if res := c.Response(); !op.writes() && res.StatusCode() == http.StatusOK && etag.Fresh(c.Get(fiber.HeaderIfNoneMatch), string(res.Header.Peek(fiber.HeaderETag))) {
		res.ResetBody()
		res.Header.Del(fiber.HeaderContentType)
		c.Status(http.StatusNotModified)
	}
}

// admit says who acts, and whether the request may begin. The answer depends on the token and the operation alone, never on what the
// address names.
func (a *API) admit(c *fiber.Ctx, r *request, op Op, need string) error {
	scheme, value, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		value = ""
	}
	ctx, err := a.enter(c, strings.TrimSpace(value))
	if err != nil {
		return err
	}
	r.ctx = ctx
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if wait := a.limit.Take(sc.Token, a.now()); wait > 0 {
		return &errs.Error{Kind: errs.RateLimited, Key: "api.limit", RetryAfter: wait}
	}
	if need != "" && !slices.Contains(sc.For, need) {
		return errs.Say(errs.Forbidden, "api.scope", "Scope", need)
	}
	// Before anything that an earlier request left is answered: who may not any more gets nothing of it.
	if err := authz.Check(ctx, op.Action, id.Org{}); err != nil {
		return err
	}
	if media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); len(r.body) > 0 && (err != nil || media != "application/json") {
		return errs.Say(errs.MediaUnknown, "api.json")
	}
	if m := c.Get(fiber.HeaderIfMatch); m != "" && op.writes() {
		if !op.Matches {
			return errs.Fields(errs.Field{Name: fiber.HeaderIfMatch, Key: "api.no_match"})
		}
		r.ctx = etag.With(ctx, m)
	}
	return nil
}

// problem tells a program of an error; what is not the program's doing is logged whole.
func (a *API) problem(ctx context.Context, err error) *Problem {
	ref := a.ref(ctx)
	if k := errs.KindOf(err); k == errs.Internal || k == errs.Unavailable {
		a.log.ErrorContext(ctx, "request failed", "ref", ref, "error", err)
	} else {
		a.log.DebugContext(ctx, "request refused", "ref", ref, "kind", k, "error", err)
		a.refused(ctx, err)
	}
	return problem(ctx, err, ref)
}

// Documents returns the OpenAPI document of what was registered: version 3.1, and 3.0.3 for tools that do not read that yet.
func (a *API) Documents() (v31, v30 []byte, err error) {
	for _, own := range []string{"ErrorModel", "ErrorDetail"} {
		delete(a.huma.OpenAPI().Components.Schemas.Map(), own) // What huma says of problems; ours take their place.
	}
	if v31, err = json.MarshalIndent(a.huma.OpenAPI(), "", "  "); err != nil {
		return nil, nil, fmt.Errorf("openapi: %w", err)
	}
	packed, err := a.huma.OpenAPI().Downgrade()
	if err != nil {
		return nil, nil, fmt.Errorf("openapi 3.0: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, packed, "", "  "); err != nil {
		return nil, nil, fmt.Errorf("openapi 3.0: %w", err)
	}
	return append(v31, '\n'), append(b.Bytes(), '\n'), nil
}
