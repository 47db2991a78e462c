package scim

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/mail"
)

// user is the resource (RFC 7643, 4.1).
type user struct {
	Schemas     []string      `json:"schemas"`
	ID          id.Membership `json:"id"`
	ExternalID  string        `json:"externalId,omitempty"`
	UserName    string        `json:"userName"`
	Name        userName      `json:"name"`
	DisplayName string        `json:"displayName"`
	Title       string        `json:"title,omitempty"`
	Language    string        `json:"preferredLanguage"`
	Active      bool          `json:"active"`
	Emails      []email       `json:"emails"`
	Meta        meta          `json:"meta"`
}

type userName struct {
	Formatted  string `json:"formatted"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
}

type email struct {
	Value   string `json:"value"`
	Type    string `json:"type"`
	Primary bool   `json:"primary"`
}

func userOf(address string, p auth.Provisioned) user {
	return user{
		Schemas: []string{userSchema}, ID: p.MembershipID, ExternalID: p.ExternalID, UserName: p.UserName, DisplayName: p.Name, Title: p.Title, Language: p.Locale, Active: p.Active,
		Name: userName{p.Name, p.GivenName, p.FamilyName}, Emails: []email{{p.Email, "work", true}},
		Meta: meta{"User", &p.CreatedAt, &p.ChangedAt, address + "/Users/" + p.MembershipID.String(), "W/" + p.Tag()},
	}
}

func (s *server) sendUser(c *fiber.Ctx, status int, p auth.Provisioned) error {
	address, err := s.address(c)
	if err != nil {
		return err
	}
	u := userOf(address, p)
	return one(c, status, p.Tag(), u.Meta.Location, u)
}

func (s *server) listUsers(c *fiber.Ctx) error {
	f := filterOf(c)
	list, total, err := s.svc.ProvisionedPeople(c.UserContext(), f)
	if err != nil {
		return err
	}
	address, err := s.address(c)
	if err != nil {
		return err
	}
	return many(c, f.Start, total, list, func(p auth.Provisioned) any { return userOf(address, p) })
}

func (s *server) getUser(c *fiber.Ctx) error {
	m, err := parameter[id.Membership](c)
	if err != nil {
		return err
	}
	p, err := s.svc.ProvisionedPerson(c.UserContext(), m)
	if err != nil {
		return err
	}
	return s.sendUser(c, http.StatusOK, p)
}

func (s *server) createUser(c *fiber.Ctx) error {
	body, err := object(c)
	if err != nil {
		return err
	}
	org, err := s.svc.Tenants().ByHost(c.UserContext(), c.Hostname())
	if err != nil {
		return err
	}
	p := auth.Provisioned{Active: true, Locale: org.Locale}
	d := draft{Provisioned: &p}
	if err := d.object(opAdd, body); err != nil {
		return err
	}
	d.finish()
	if p, err = s.svc.ProvisionPerson(c.UserContext(), p); err != nil {
		return err
	}
	return s.sendUser(c, http.StatusCreated, p)
}

func (s *server) replaceUser(c *fiber.Ctx) error {
	body, err := object(c)
	if err != nil {
		return err
	}
	return s.changeUser(c, func(d *draft) error {
		// What is not named has no value any more; who is not said to be active stays what they are.
		d.UserName, d.ExternalID, d.Name, d.GivenName, d.FamilyName, d.Title = "", "", "", "", "", ""
		return d.object(opReplace, body)
	})
}

func (s *server) patchUser(c *fiber.Ctx) error {
	steps, err := operations(c)
	if err != nil {
		return err
	}
	return s.changeUser(c, func(d *draft) error {
		for _, o := range steps {
			if err := d.step(o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *server) changeUser(c *fiber.Ctx, change func(*draft) error) error {
	m, err := parameter[id.Membership](c)
	if err != nil {
		return err
	}
	p, err := s.svc.ChangeProvisioned(c.UserContext(), m, func(p *auth.Provisioned) error {
		d := draft{Provisioned: p, was: *p}
		if err := change(&d); err != nil {
			return err
		}
		d.finish()
		return nil
	})
	if err != nil {
		return err
	}
	return s.sendUser(c, http.StatusOK, p)
}

func (s *server) deleteUser(c *fiber.Ctx) error {
	m, err := parameter[id.Membership](c)
	if err != nil {
		return err
	}
	if err := s.svc.RemoveProvisioned(c.UserContext(), m); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// draft is somebody while what a request says is read into them.
type draft struct {
	*auth.Provisioned

	was                auth.Provisioned // zero for somebody new
	display, formatted *string          // as the request has them
	mailed             bool             // the request says which address
}

func (d *draft) step(o operation) error {
	if o.path != "" {
		return d.set(o.op, o.path, o.value, true)
	}
	v, _ := o.value.(map[string]any) // operations made sure of it.
	return d.object(o.op, v)
}

// object sets what a value without a path names; its keys may be paths themselves.
func (d *draft) object(op string, v map[string]any) error {
	for _, k := range keys(v) {
		if strings.EqualFold(k, userSchema) {
			inner, ok := v[k].(map[string]any)
			if !ok {
				return badValue(k)
			}
			if err := d.object(op, inner); err != nil {
				return err
			}
			continue
		}
		if err := d.set(op, k, v[k], false); err != nil {
			return err
		}
	}
	return nil
}

// set sets one attribute. What is not kept is passed over, as in a new resource (RFC 7644, 3.3): providers send more than that. What
// cannot be changed is refused when a path names it.
func (d *draft) set(op, path string, value any, strict bool) error {
	t, err := parsePath(path, userSchema)
	if err != nil {
		return err
	}
	if op == opRemove {
		value = nil
	}
	switch t.name {
	case "id", "meta", "groups", "schemas":
		if strict {
			return readOnly(path)
		}
		return nil
	case "active":
		if value == nil {
			if strict {
				return readOnly(path)
			}
			return nil
		}
		d.Active, err = truth(path, value)
		return err
	case "username":
		if value == nil && strict {
			return readOnly(path)
		}
		d.UserName, err = text(path, value)
		return err
	case "name":
		return d.setName(t, path, value)
	case "emails":
		return d.setEmail(op, t, path, value)
	}
	if at := map[string]*string{"externalid": &d.ExternalID, "title": &d.Title}[t.name]; at != nil {
		*at, err = text(path, value)
		return err
	}
	switch t.name {
	case "displayname":
		v, err := text(path, value)
		d.display = &v
		return err
	case "preferredlanguage", "locale":
		// "de-CH" is read as "de"; a language that the portal does not speak leaves the one that is.
		v, err := text(path, value)
		if err != nil {
			return err
		}
		v, _, _ = strings.Cut(strings.ToLower(strings.ReplaceAll(v, "_", "-")), "-")
		if l, ok := lang.Parse(v); ok {
			d.Locale = string(l)
		}
	}
	return nil
}

func (d *draft) setName(t target, path string, value any) error {
	if t.sub == "" {
		v, ok := value.(map[string]any)
		if !ok && value != nil {
			return badValue(path)
		}
		if value == nil {
			v = map[string]any{"givenName": nil, "familyName": nil, "formatted": nil}
		}
		for _, k := range keys(v) {
			if err := d.setName(target{sub: strings.ToLower(k)}, path+"."+k, v[k]); err != nil {
				return err
			}
		}
		return nil
	}
	v, err := text(path, value)
	switch t.sub {
	case "givenname":
		d.GivenName = v
	case "familyname":
		d.FamilyName = v
	case "formatted":
		d.formatted = &v
	default:
		return nil
	}
	return err
}

// setEmail reads the one address that is kept, which stands for the primary one and that of work.
func (d *draft) setEmail(op string, t target, path string, value any) error {
	if !holds(t.only, map[string]string{"type": "work", "primary": "true", "value": d.Email}) || t.sub != "" && t.sub != "value" {
		return nil
	}
	if value == nil {
		d.Email, d.mailed = "", op == opRemove
		return nil
	}
	var found string
	best := 0
	list, many := value.([]any)
	if !many {
		list = []any{value}
	}
	for _, v := range list {
		rank, address := 2, v
		if m, ok := v.(map[string]any); ok {
			address = field(m, "value")
			kind, _ := field(m, "type").(string)
			main := false
			if x := field(m, "primary"); x != nil {
				var err error
				if main, err = truth(path+".primary", x); err != nil {
					return err
				}
			}
			switch {
			case main:
				rank = 4
			case strings.EqualFold(kind, "work"):
				rank = 3
			case kind != "":
				rank = 1
			}
		}
		a, err := text(path, address)
		if err != nil {
			return err
		}
		if op == opAdd && rank == 1 && d.Email != "" {
			continue // One more that is not kept.
		}
		if rank > best && a != "" {
			best, found = rank, a
		}
	}
	if found != "" {
		d.Email, d.mailed = found, true
	}
	return nil
}

// finish decides on what follows from what was said: the name that is shown, and the address where none was named.
func (d *draft) finish() {
	joined := func(p auth.Provisioned) string { return strings.TrimSpace(p.GivenName + " " + p.FamilyName) }
	local, _, _ := strings.Cut(d.was.Email, "@")
	switch {
	case d.display != nil && *d.display != "":
		d.Name = *d.display
	case d.formatted != nil && *d.formatted != "":
		d.Name = *d.formatted
	case d.display != nil || d.formatted != nil,
		joined(*d.Provisioned) != joined(d.was) && (d.was.Name == joined(d.was) || d.was.Name == local):
		d.Name = ""
	}
	if d.mailed || strings.EqualFold(d.UserName, d.was.UserName) {
		return
	}
	if _, err := mail.Address(d.UserName); err == nil && strings.EqualFold(d.was.Email, d.was.UserName) {
		d.Email = d.UserName
	}
}
