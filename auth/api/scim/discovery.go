package scim

import (
	"maps"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
)

type supported struct {
	Supported bool `json:"supported"`
}

// config says what the endpoint can do (RFC 7643, 5).
func (s *server) config(c *fiber.Ctx) error {
	address, err := s.address(c)
	if err != nil {
		return err
	}
	return c.Status(http.StatusOK).JSON(fiber.Map{
		"schemas":        []string{configSchema},
		"patch":          supported{true},
		"bulk":           fiber.Map{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":         fiber.Map{"supported": true, "maxResults": pageMost},
		"changePassword": supported{false},
		"sort":           supported{false},
		"etag":           supported{true},
		"authenticationSchemes": []fiber.Map{{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "A token of the organization that is for provisioning", "specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true,
		}},
		"meta": meta{ResourceType: "ServiceProviderConfig", Location: address + "/ServiceProviderConfig"},
	}, mediaType)
}

// described answers with a list of what describes the endpoint, or the one of it that the address names. Nothing of it is filtered
// (RFC 7644, 4).
func described(c *fiber.Ctx, key string, list []fiber.Map) error {
	if c.Query("filter") != "" {
		return errs.Say(errs.Forbidden, "provision.bad.filter")
	}
	if c.Params("id") == "" {
		return many(c, 1, len(list), list, func(v fiber.Map) any { return v })
	}
	for _, v := range list {
		if v[key] == c.Params("id") {
			return c.Status(http.StatusOK).JSON(v, mediaType)
		}
	}
	return errs.New(errs.NotFound, "description %q", c.Params("id"))
}

func (s *server) resourceTypes(c *fiber.Ctx) error {
	address, err := s.address(c)
	if err != nil {
		return err
	}
	kind := func(name, endpoint, about, schema string) fiber.Map {
		return fiber.Map{
			"schemas": []string{typeSchema}, "id": name, "name": name, "endpoint": endpoint, "description": about, "schema": schema, "schemaExtensions": []any{},
			"meta": meta{ResourceType: "ResourceType", Location: address + "/ResourceTypes/" + name},
		}
	}
	return described(c, "id", []fiber.Map{
		kind("User", "/Users", "A member of the organization", userSchema),
		kind("Group", "/Groups", "A team that the identity provider looks after", groupSchema),
	})
}

// property describes an attribute (RFC 7643, 7) with what differs from most.
func property(name, kind, about string, differs fiber.Map, parts ...fiber.Map) fiber.Map {
	out := fiber.Map{"name": name, "type": kind, "description": about, "multiValued": false, "required": false, "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}
	if kind == "complex" {
		out["subAttributes"] = parts
	}
	maps.Copy(out, differs)
	return out
}

func (s *server) schemas(c *fiber.Ctx) error {
	address, err := s.address(c)
	if err != nil {
		return err
	}
	schema := func(urn, name, about string, attributes ...fiber.Map) fiber.Map {
		return fiber.Map{
			"schemas": []string{schemaSchema}, "id": urn, "name": name, "description": about, "attributes": attributes,
			"meta": meta{ResourceType: "Schema", Location: address + "/Schemas/" + urn},
		}
	}
	fixed, exact := fiber.Map{"mutability": "readOnly"}, fiber.Map{"caseExact": true}
	return described(c, "id", []fiber.Map{
		schema(
			userSchema, "User", "A member of the organization",
			property("userName", "string", "Unique in the organization", fiber.Map{"required": true, "uniqueness": "server"}),
			property("name", "complex", "The person's name", nil,
				property("formatted", "string", "Shown where displayName is missing", nil), property("givenName", "string", "", nil), property("familyName", "string", "", nil)),
			property("displayName", "string", "The name that others see", nil),
			property("title", "string", "What the person is in the organization", nil),
			property("preferredLanguage", "string", "English or German, until the person chooses", nil),
			property("active", "boolean", "Who is not active cannot sign in and is signed out everywhere", nil),
			property("emails", "complex", "One address is kept: the primary one, else that of work", fiber.Map{"multiValued": true},
				property("value", "string", "", fiber.Map{"uniqueness": "server"}), property("type", "string", "", fiber.Map{"canonicalValues": []string{"work"}}), property("primary", "boolean", "", nil)),
			property("externalId", "string", "What the identity provider calls the person", exact),
		),
		schema(
			groupSchema, "Group", "A team that the identity provider looks after",
			property("displayName", "string", "Unique in the organization", fiber.Map{"required": true, "uniqueness": "server"}),
			property("members", "complex", "People, no groups", fiber.Map{"multiValued": true},
				property("value", "string", "The id of a user", fiber.Map{"mutability": "immutable", "caseExact": true}), property("display", "string", "", fixed),
				property("type", "string", "", fiber.Map{"mutability": "immutable", "canonicalValues": []string{"User"}}), property("$ref", "reference", "", fiber.Map{"mutability": "readOnly", "referenceTypes": []string{"User"}})),
			property("externalId", "string", "What the identity provider calls the group", exact),
		),
	})
}
