// Package api says who acts by a token, for the frame of the JSON API. web mounts it.
package api

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
)

// Enter returns what turns a bearer token into who acts: the member that it was made for, at the organization whose host was asked,
// for what it is for. Cookies count for nothing. Unauthenticated for a token that is nobody's there, and on a host that is nobody's.
func Enter(svc *auth.Service) func(*fiber.Ctx, string) (context.Context, error) {
	return func(c *fiber.Ctx, token string) (context.Context, error) {
		ctx := c.UserContext()
		org, err := svc.Tenants().ByHost(ctx, c.Hostname())
		if err != nil {
			return ctx, nobody(err)
		}
		b, err := svc.Bearer(auth.Enter(ctx, org.OrgID), org, token)
		if err != nil {
			return ctx, nobody(err)
		}
		if l, ok := lang.Parse(b.Locale); ok && c.Get(fiber.HeaderAcceptLanguage) == "" {
			ctx = lang.With(ctx, l)
		}
		return scope.Enter(auth.WithCurrent(ctx, b.Membership), scope.Scope{
			Actor: scope.Member, Org: b.OrgID, Membership: b.MembershipID, Person: b.PersonID, Roles: b.Roles, Token: b.TokenID, For: b.Scopes,
		}), nil
	}
}

func nobody(err error) error {
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.Unauthenticated, "%w", err)
	}
	return err
}
