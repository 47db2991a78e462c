// Package scim lets an organization's identity provider say who its people and groups are: SCIM 2.0 (RFC 7643, RFC 7644), read as
// Microsoft Entra and Okta send it, on the methods of auth. web mounts it.
package scim

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/learnscape/learnscape/auth"
	authapi "github.com/learnscape/learnscape/auth/api"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/etag"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/limit"
	"github.com/learnscape/learnscape/internal/scope"
)

// Root is the beginning of every address.
const Root = auth.ProvisioningPath

const mediaType = "application/scim+json"

// The URNs of RFC 7643 and RFC 7644.
const (
	userSchema   = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	listSchema   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorSchema  = "urn:ietf:params:scim:api:messages:2.0:Error"
	configSchema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	typeSchema   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaSchema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

const pageDefault, pageMost = 100, 200

// Options is what the endpoint needs.
type Options struct {
	Auth *auth.Service
	// PerMinute is how many requests a token may make in a minute, a quarter of them at once. A provider makes one for each person.
	PerMinute int
}

type server struct {
	svc   *auth.Service
	enter func(*fiber.Ctx, string) (context.Context, error)
	limit *limit.Buckets[id.Any]
}

// Mount mounts the endpoint on app. Its errors go to app's error handler, which answers them with Fail.
func Mount(app *fiber.App, o Options) {
	s := &server{svc: o.Auth, enter: authapi.Enter(o.Auth), limit: limit.New[id.Any](o.PerMinute)}
	r := app.Group(Root)
	r.Get("/ServiceProviderConfig", s.admitted(s.config))
	r.Get("/ResourceTypes", s.admitted(s.resourceTypes))
	r.Get("/ResourceTypes/:id", s.admitted(s.resourceTypes))
	r.Get("/Schemas", s.admitted(s.schemas))
	r.Get("/Schemas/:id", s.admitted(s.schemas))
	r.Get("/Users", s.admitted(s.listUsers))
	r.Post("/Users", s.admitted(s.createUser))
	r.Get("/Users/:id", s.admitted(s.getUser))
	r.Put("/Users/:id", s.admitted(s.replaceUser))
	r.Patch("/Users/:id", s.admitted(s.patchUser))
	r.Delete("/Users/:id", s.admitted(s.deleteUser))
	r.Get("/Groups", s.admitted(s.listGroups))
	r.Post("/Groups", s.admitted(s.createGroup))
	r.Get("/Groups/:id", s.admitted(s.getGroup))
	r.Put("/Groups/:id", s.admitted(s.replaceGroup))
	r.Patch("/Groups/:id", s.admitted(s.patchGroup))
	r.Delete("/Groups/:id", s.admitted(s.deleteGroup))
}

// admitted runs fn for whoever has a token of the host's organization that is for provisioning. The answer depends on the token alone,
// never on what the address names.
func (s *server) admitted(fn func(*fiber.Ctx) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		ctx, err := s.enter(c, strings.TrimSpace(token))
		if err != nil {
			return err
		}
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if wait := s.limit.Take(sc.Token, s.svc.Now()); wait > 0 {
			return &errs.Error{Kind: errs.RateLimited, Key: "api.limit", RetryAfter: wait}
		}
		if !slices.Contains(sc.For, authz.ProvisionPeople) {
			c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="learnscape", error="insufficient_scope", scope="`+authz.ProvisionPeople+`"`)
			return errs.Say(errs.Forbidden, "api.scope", "Scope", authz.ProvisionPeople)
		}
		if err := authz.Check(ctx, authz.Provision, id.Org{}); err != nil {
			return err
		}
		if tag := c.Get(fiber.HeaderIfMatch); tag != "" {
			ctx = etag.With(ctx, strings.ReplaceAll(tag, "W/", ""))
		}
		c.SetUserContext(ctx)
		return fn(c)
	}
}

// problem is an error as RFC 7644, 3.12 has it.
type problem struct {
	Schemas []string `json:"schemas"`
	Status  string   `json:"status"`
	Type    string   `json:"scimType,omitempty"`
	Detail  string   `json:"detail"`
}

// types are the scimType of message keys.
var types = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"provision.taken":                "uniqueness",
	"provision.taken_group":          "uniqueness",
	"provision.bad.value":            "invalidValue",
	"provision.bad.filter":           "invalidFilter",
	"provision.bad.filter_long":      "invalidFilter",
	"provision.bad.filter_term":      "invalidFilter",
	"provision.bad.filter_attribute": "invalidFilter",
	"provision.bad.path":             "invalidPath",
	"provision.bad.syntax":           "invalidSyntax",
	"provision.bad.operation":        "invalidSyntax",
	"provision.bad.read_only":        "mutability",
	"provision.bad.address":          "mutability",
}

// Fail answers an error below Root.
func Fail(c *fiber.Ctx, kind errs.Kind, err error, ref string) error {
	ctx := c.UserContext()
	status := errs.Status(kind)
	if kind == errs.Invalid {
		status = http.StatusBadRequest // RFC 7644 knows no 422.
	}
	key, args := errs.MessageKey(err)
	e, _ := errors.AsType[*errs.Error](err)
	switch {
	case kind == errs.NotFound:
		key, args = "provision.not_found", nil
	case e == nil || e.Key == "":
		key = "errs." + string(kind)
	}
	p := problem{Schemas: []string{errorSchema}, Status: strconv.Itoa(status), Type: types[key], Detail: lang.T(ctx, key, args...)}
	if kind == errs.Unauthenticated {
		p.Detail = lang.T(ctx, "api.unauthenticated")
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="learnscape"`)
	}
	if status >= http.StatusInternalServerError {
		p.Detail += " (" + ref + ")"
	}
	switch {
	case e != nil && e.RetryAfter > 0:
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(e.RetryAfter.Seconds()+.999)))
	case status == http.StatusServiceUnavailable:
		c.Set(fiber.HeaderRetryAfter, "5")
	}
	return c.Status(status).JSON(p, mediaType)
}

// meta is what RFC 7643, 3.1 has it.
type meta struct {
	ResourceType string     `json:"resourceType"`
	Created      *time.Time `json:"created,omitempty"`
	LastModified *time.Time `json:"lastModified,omitempty"`
	Location     string     `json:"location"`
	Version      string     `json:"version,omitempty"`
}

// address is where the endpoint of the host's organization is.
func (s *server) address(c *fiber.Ctx) (string, error) {
	org, err := s.svc.Tenants().ByHost(c.UserContext(), c.Hostname())
	return s.svc.Provisioning(org), err
}

// one answers with a resource and its tag.
func one(c *fiber.Ctx, status int, tag, location string, v any) error {
	c.Set(fiber.HeaderETag, "W/"+tag)
	if status == http.StatusCreated {
		c.Set(fiber.HeaderLocation, location)
	}
	if c.Method() == fiber.MethodGet && etag.Fresh(c.Get(fiber.HeaderIfNoneMatch), tag) {
		return c.SendStatus(http.StatusNotModified)
	}
	shown, err := selected(c, v)
	if err != nil {
		return err
	}
	return c.Status(status).JSON(shown, mediaType)
}

// page is a list as RFC 7644, 3.4.2 has it.
type page struct {
	Schemas   []string `json:"schemas"`
	Total     int      `json:"totalResults"`
	Start     int      `json:"startIndex"`
	Items     int      `json:"itemsPerPage"`
	Resources []any    `json:"Resources"`
}

func many[T any](c *fiber.Ctx, start, total int, list []T, see func(T) any) error {
	p := page{Schemas: []string{listSchema}, Total: total, Start: start, Items: len(list), Resources: make([]any, len(list))}
	for i, v := range list {
		var err error
		if p.Resources[i], err = selected(c, see(v)); err != nil {
			return err
		}
	}
	return c.JSON(p, mediaType)
}

// filterOf reads which part of a list is asked for; a number that is none is the default (RFC 7644, 3.4.2.4).
func filterOf(c *fiber.Ctx) auth.ProvisionFilter {
	f := auth.ProvisionFilter{Expression: c.Query("filter"), Start: max(c.QueryInt("startIndex", 1), 1), Count: pageDefault}
	if n, err := strconv.Atoi(c.Query("count")); err == nil {
		f.Count = min(max(n, 0), pageMost)
	}
	return f
}

// wants reports whether an attribute is asked for.
func wants(c *fiber.Ctx, attribute string) bool {
	in, out := names(c.Query("attributes")), names(c.Query("excludedAttributes"))
	return !slices.Contains(out, attribute) && (len(in) == 0 || slices.Contains(in, attribute))
}

// names are the attributes that a parameter lists, in lower case, without schema and sub-attribute.
func names(list string) (out []string) {
	for n := range strings.SplitSeq(list, ",") {
		n = strings.ToLower(strings.TrimSpace(n))
		n = n[strings.LastIndex(n, ":")+1:]
		if n, _, _ = strings.Cut(n, "."); n != "" {
			out = append(out, n)
		}
	}
	return out
}

// selected leaves of a resource what is asked for; identifier and schemas are never left out.
func selected(c *fiber.Ctx, v any) (any, error) {
	if c.Query("attributes") == "" && c.Query("excludedAttributes") == "" {
		return v, nil
	}
	j, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(j, &out); err != nil {
		return nil, err
	}
	for k := range out {
		if k != "id" && k != "schemas" && !wants(c, strings.ToLower(k)) {
			delete(out, k)
		}
	}
	return out, nil
}

// object reads the body, which must be a JSON object. It is bounded where it was received, and not unpacked.
func object(c *fiber.Ctx) (map[string]any, error) {
	if media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); c.Get(fiber.HeaderContentType) != "" && (err != nil || media != mediaType && media != fiber.MIMEApplicationJSON) {
		return nil, errs.Say(errs.MediaUnknown, "provision.bad.media")
	}
	var v map[string]any
	if err := json.Unmarshal(c.Request().Body(), &v); err != nil || v == nil {
		return nil, errs.Say(errs.Malformed, "provision.bad.syntax")
	}
	return v, nil
}

// field is the value of an attribute, whatever the case of its name.
func field(v map[string]any, name string) any {
	for k, x := range v {
		if strings.EqualFold(k, name) {
			return x
		}
	}
	return nil
}

// keys are the attributes of an object in an order that is always the same.
func keys(v map[string]any) []string {
	out := make([]string, 0, len(v))
	for k := range v {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// operation is one step of a PATCH (RFC 7644, 3.5.2).
type operation struct {
	op, path string
	value    any
}

// operationsMost is how many steps a PATCH may have.
const operationsMost = 1000

// operations reads the steps of a PATCH; Entra writes their names with a capital.
func operations(c *fiber.Ctx) ([]operation, error) {
	body, err := object(c)
	if err != nil {
		return nil, err
	}
	list, _ := field(body, "Operations").([]any) // Nothing that is a list is an empty one.
	if len(list) == 0 || len(list) > operationsMost {
		return nil, errs.Say(errs.Malformed, "provision.bad.operation")
	}
	out := make([]operation, len(list))
	for i, v := range list {
		o, _ := v.(map[string]any)
		op, _ := field(o, "op").(string)
		path, _ := field(o, "path").(string)
		out[i] = operation{op: strings.ToLower(op), path: strings.TrimSpace(path), value: field(o, "value")}
		switch {
		case !slices.Contains([]string{opAdd, opReplace, opRemove}, out[i].op), out[i].op == opRemove && out[i].path == "":
			return nil, errs.Say(errs.Malformed, "provision.bad.operation")
		case out[i].path == "":
			if _, ok := out[i].value.(map[string]any); !ok {
				return nil, errs.Say(errs.Malformed, "provision.bad.operation")
			}
		}
	}
	return out, nil
}

const opAdd, opReplace, opRemove = "add", "replace", "remove"

// parameter is an identifier of the address; what is none is nobody's.
func parameter[T ~struct{ uuid.UUID }](c *fiber.Ctx) (T, error) {
	v, err := id.Parse[T](c.Params("id"))
	if err != nil {
		err = errs.New(errs.NotFound, "%w", err)
	}
	return v, err
}
