package scim

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// group is the resource (RFC 7643, 4.2).
type group struct {
	Schemas     []string `json:"schemas"`
	ID          id.Any   `json:"id"`
	ExternalID  string   `json:"externalId,omitempty"`
	DisplayName string   `json:"displayName"`
	Members     []member `json:"members,omitempty"`
	Meta        meta     `json:"meta"`
}

type member struct {
	Value   id.Membership `json:"value"`
	Display string        `json:"display"`
	Type    string        `json:"type"`
	Ref     string        `json:"$ref"`
}

func groupOf(address string, g auth.ProvisionedGroup) group {
	out := group{
		Schemas: []string{groupSchema}, ID: g.TeamID, ExternalID: g.ExternalID, DisplayName: g.Name, Members: make([]member, len(g.Members)),
		Meta: meta{"Group", &g.CreatedAt, &g.ChangedAt, address + "/Groups/" + g.TeamID.String(), "W/" + g.Tag()},
	}
	for i, m := range g.Members {
		out.Members[i] = member{m.MembershipID, m.Name, "User", address + "/Users/" + m.MembershipID.String()}
	}
	return out
}

func (s *server) sendGroup(c *fiber.Ctx, status int, g auth.ProvisionedGroup) error {
	address, err := s.address(c)
	if err != nil {
		return err
	}
	v := groupOf(address, g)
	return one(c, status, g.Tag(), v.Meta.Location, v)
}

func (s *server) listGroups(c *fiber.Ctx) error {
	f := filterOf(c)
	list, total, err := s.svc.ProvisionedGroups(c.UserContext(), f, wants(c, "members"))
	if err != nil {
		return err
	}
	address, err := s.address(c)
	if err != nil {
		return err
	}
	return many(c, f.Start, total, list, func(g auth.ProvisionedGroup) any { return groupOf(address, g) })
}

func (s *server) getGroup(c *fiber.Ctx) error {
	team, err := parameter[id.Any](c)
	if err != nil {
		return err
	}
	g, err := s.svc.ProvisionedGroup(c.UserContext(), team, wants(c, "members"))
	if err != nil {
		return err
	}
	return s.sendGroup(c, http.StatusOK, g)
}

func (s *server) createGroup(c *fiber.Ctx) error {
	body, err := object(c)
	if err != nil {
		return err
	}
	e, err := wholeGroup(body)
	if err != nil {
		return err
	}
	g, err := s.svc.ProvisionGroup(c.UserContext(), e)
	if err != nil {
		return err
	}
	return s.withMembers(c, http.StatusCreated, g)
}

func (s *server) replaceGroup(c *fiber.Ctx) error {
	body, err := object(c)
	if err != nil {
		return err
	}
	team, err := parameter[id.Any](c)
	if err != nil {
		return err
	}
	e, err := wholeGroup(body)
	if err != nil {
		return err
	}
	e.Clear = true
	if e.ExternalID == nil {
		e.ExternalID = new(string)
	}
	g, err := s.svc.ChangeGroup(c.UserContext(), team, []auth.GroupEdit{e})
	if err != nil {
		return err
	}
	return s.withMembers(c, http.StatusOK, g)
}

// withMembers answers with the group as it is by now.
func (s *server) withMembers(c *fiber.Ctx, status int, g auth.ProvisionedGroup) error {
	if wants(c, "members") {
		var err error
		if g, err = s.svc.ProvisionedGroup(c.UserContext(), g.TeamID, true); err != nil {
			return err
		}
	}
	return s.sendGroup(c, status, g)
}

// patchGroup answers without the group, which may be large (RFC 7644, 3.5.2).
func (s *server) patchGroup(c *fiber.Ctx) error {
	team, err := parameter[id.Any](c)
	if err != nil {
		return err
	}
	list, err := operations(c)
	if err != nil {
		return err
	}
	var steps []auth.GroupEdit
	for _, o := range list {
		e, err := groupStep(o)
		if err != nil {
			return err
		}
		steps = append(steps, e...)
	}
	g, err := s.svc.ChangeGroup(c.UserContext(), team, joined(steps))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderETag, "W/"+g.Tag())
	return c.SendStatus(http.StatusNoContent)
}

func (s *server) deleteGroup(c *fiber.Ctx) error {
	team, err := parameter[id.Any](c)
	if err != nil {
		return err
	}
	if err := s.svc.RemoveGroup(c.UserContext(), team); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// wholeGroup reads a group.
func wholeGroup(body map[string]any) (e auth.GroupEdit, err error) {
	steps, err := groupStep(operation{op: opAdd, value: body})
	for _, s := range steps {
		if s.Name != nil {
			e.Name = s.Name
		}
		if s.ExternalID != nil {
			e.ExternalID = s.ExternalID
		}
		e.Add = append(e.Add, s.Add...)
	}
	if err == nil && e.Name == nil {
		err = badValue("displayName")
	}
	return e, err
}

// joined puts steps together that add or remove one after the other.
func joined(steps []auth.GroupEdit) (out []auth.GroupEdit) {
	plain := func(e auth.GroupEdit) bool { return e.Name == nil && e.ExternalID == nil && !e.Clear }
	for _, e := range steps {
		if n := len(out) - 1; n >= 0 && plain(e) && plain(out[n]) && (len(e.Remove) == 0) == (len(out[n].Remove) == 0) {
			out[n].Add, out[n].Remove = append(out[n].Add, e.Add...), append(out[n].Remove, e.Remove...)
			continue
		}
		out = append(out, e)
	}
	return out
}

// groupStep reads a step of a PATCH; of a value without a path, one for each attribute that is kept.
func groupStep(o operation) ([]auth.GroupEdit, error) {
	if o.path != "" {
		e, err := groupSet(o, true)
		return []auth.GroupEdit{e}, err
	}
	v, ok := o.value.(map[string]any)
	if !ok {
		return nil, badValue("value")
	}
	var out []auth.GroupEdit
	for _, k := range keys(v) {
		e, err := groupSet(operation{op: o.op, path: k, value: v[k]}, false)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func groupSet(o operation, strict bool) (e auth.GroupEdit, err error) {
	t, err := parsePath(o.path, groupSchema)
	if err != nil {
		return e, err
	}
	switch t.name {
	case "id", "meta", "schemas":
		if strict {
			err = readOnly(o.path)
		}
	case "displayname":
		if o.op == opRemove {
			return e, readOnly(o.path)
		}
		var v string
		v, err = text(o.path, o.value)
		e.Name = &v
	case "externalid":
		var v string
		if o.op != opRemove {
			v, err = text(o.path, o.value)
		}
		e.ExternalID = &v
	case "members":
		return memberStep(o, t)
	}
	return e, err
}

func memberStep(o operation, t target) (e auth.GroupEdit, err error) {
	if t.only != nil {
		values, ok := named(t.only)
		switch {
		case !ok:
			return e, errs.Say(errs.Malformed, "provision.bad.filter_term", "Attribute", "members", "Operator", "[…]")
		case o.op == opRemove && t.sub == "":
			e.Remove = known(values)
		}
		return e, nil // What else is said of a member is not kept.
	}
	values, err := ids(o)
	if err != nil {
		return e, err
	}
	switch {
	case o.op == opRemove && o.value == nil:
		e.Clear = true
	case o.op == opRemove:
		e.Remove = known(values)
	default:
		e.Clear = o.op == opReplace
		e.Add = known(values)
		if len(e.Add) != len(values) {
			return e, badValue("members")
		}
	}
	return e, nil
}

// ids are the identifiers of a list of members, or of one.
func ids(o operation) (out []string, err error) {
	list, many := o.value.([]any)
	if !many && o.value != nil {
		list = []any{o.value}
	}
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			if kind, _ := field(m, "type").(string); kind != "" && !strings.EqualFold(kind, "user") && !strings.EqualFold(kind, "direct") {
				return nil, badValue("members") // Groups stand in no groups.
			}
			v = field(m, "value")
		}
		s, ok := v.(string)
		if !ok {
			return nil, badValue("members")
		}
		out = append(out, s)
	}
	return out, nil
}

// known leaves out what is no identifier.
func known(list []string) (out []id.Membership) {
	for _, s := range list {
		if m, err := id.Parse[id.Membership](s); err == nil {
			out = append(out, m)
		}
	}
	return out
}
