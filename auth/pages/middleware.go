package pages

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/internal/secret"
	"github.com/learnscape/learnscape/tenants"
)

// Middleware turns host and cookies into who acts: a Member with a session at the organization of the host, an
// Individual with one at its public door, otherwise a Visitor without an organization. Handlers find scope, language, host and membership in the user context. An unknown host
// is NotFound; a session that cannot be read is an error, never a visitor. Presumes says of a request that changes something that all it
// does is one transaction: that may begin before it is known whose session it is, since nothing is committed then; nil for none.
func Middleware(svc *auth.Service, presumes func(*fiber.Ctx) bool) fiber.Handler {
	names := cookieNames(svc.Production())
	return func(c *fiber.Ctx) error {
		before := c.UserContext()
		leads := reads(c) || presumes != nil && presumes(c)
		ctx := scope.Enter(before, scope.Scope{Actor: scope.Visitor})
		ctx = lang.With(ctx, language(c, names, ""))
		c.SetUserContext(ctx)
		host := c.Hostname()
		if token := c.Cookies(names.glass); secret.IsToken(token) {
			if done, err := throughGlass(c, svc, names, token); done {
				return err
			}
		}
		var org tenants.Organization
		if !svc.Tenants().FrontDoor(host) {
			var err error
			org, err = svc.Tenants().ByHost(ctx, host)
			if errs.Is(err, errs.NotFound) {
				if org, rests := resting(c, svc, host); rests {
					return atRest(c, svc, names, org)
				}
				return &errs.Error{Kind: errs.NotFound, Key: "errs.unknown_host", Err: err}
			}
			if err != nil {
				return err
			}
			ctx = lang.With(auth.WithHost(ctx, org), language(c, names, org.Locale))
			c.SetUserContext(ctx)
			if to, moved := elsewhere(svc, c, org); moved {
				if !reads(c) {
					return errs.Say(errs.Conflict, "hosts.moved", "Host", svc.Tenants().Canonical(org))
				}
				return c.Redirect(to, fiber.StatusPermanentRedirect)
			}
			if token := c.Cookies(names.session); secret.IsToken(token) {
				if done, err := presume(c, svc, leads, org, token); done {
					return err
				}
				s, err := svc.Session(auth.Enter(ctx, org.OrgID), org, token)
				if err == nil {
					c.SetUserContext(member(c, s))
					return c.Next()
				}
				if errs.Is(err, errs.Unavailable) {
					if org, rests := resting(c, svc, host); rests { // Since this process looked last.
						return atRest(c, svc, names, org)
					}
				}
				if !errs.Is(err, errs.NotFound) {
					return err
				}
			}
			if token := c.Cookies(names.door); secret.IsToken(token) {
				i, err := svc.Individual(auth.Enter(ctx, org.OrgID), org, token)
				if err == nil {
					c.SetUserContext(individual(c, i))
					return c.Next()
				}
				if !errs.Is(err, errs.NotFound) {
					return err
				}
			}
		}
		if org.OrgID.IsZero() {
			c.SetUserContext(ctx)
			return c.Next()
		}
		ctx, guard, err := svc.Tenants().StillAwake(ctx, org)
		if err != nil {
			return err
		}
		c.SetUserContext(ctx)
		return guarded(before, c, leads, guard)
	}
}

// guarded answers as the guard presumes. What may lead begins again if something is different now; for the rest it is asked first.
func guarded(before context.Context, c *fiber.Ctx, leads bool, guard *db.Guard) error {
	var err error
	if leads {
		err = c.Next()
	}
	switch asked := guard.Verify(before); {
	case errors.Is(asked, db.ErrPresumed), asked == nil && errors.Is(err, db.ErrPresumed):
		c.Response().Reset()
		c.SetUserContext(context.WithValue(before, asksFirst{}, true))
		return c.RestartRouting()
	case asked != nil:
		return asked
	case !leads:
		return c.Next()
	}
	return err
}

func reads(c *fiber.Ctx) bool { return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead }

// throughGlass answers an operator who may read as the organization of the host, after the log says so; false where the cookie belongs to
// nothing here. An organization that rests is read, too.
func throughGlass(c *fiber.Ctx, svc *auth.Service, names names, token string) (bool, error) {
	ctx := c.UserContext()
	org, err := svc.Tenants().AtHost(ctx, c.Hostname())
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	ctx = auth.WithHost(ctx, org)
	locale := language(c, names, "")
	g, err := svc.Glass(auth.Enter(ctx, org.OrgID), org, token, c.Method()+" "+c.OriginalURL())
	if errs.Is(err, errs.NotFound) {
		drop(c, svc, names.glass)
		return true, errs.Say(errs.NotFound, "operator.glass.ended")
	}
	if err == nil {
		c.SetUserContext(lang.With(auth.WithGlass(ctx, g, string(locale)), locale))
		err = c.Next()
	}
	return true, err
}

type asksFirst struct{}

// presume answers a request that may lead for whose session it was a moment ago, while the first that it asks finds out whether it still
// is; false if that has to be asked first. If anything is different now, the request begins again and is answered for what is so now.
func presume(c *fiber.Ctx, svc *auth.Service, leads bool, org tenants.Organization, token string) (bool, error) {
	before := c.UserContext()
	if !leads || before.Value(asksFirst{}) != nil {
		return false, nil
	}
	ctx, s, guard, err := svc.Presume(auth.Enter(before, org.OrgID), org, token)
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	c.SetUserContext(ctx)
	c.SetUserContext(member(c, s))
	return true, guarded(before, c, leads, guard)
}

func member(c *fiber.Ctx, s auth.Session) (ctx context.Context) {
	m := s.Membership
	ctx = scope.Enter(c.UserContext(), scope.Scope{Actor: scope.Member, Org: m.OrgID, Membership: m.MembershipID, Person: m.PersonID, Roles: m.Roles})
	if l, ok := lang.Parse(m.Locale); ok {
		ctx = lang.With(ctx, l)
	}
	return auth.WithSession(ctx, s)
}

func individual(c *fiber.Ctx, i auth.Individual) (ctx context.Context) {
	ctx = scope.Enter(c.UserContext(), scope.Scope{Actor: scope.Individual, Visitor: i.IndividualID})
	if l, ok := i.Language(); ok {
		ctx = lang.With(ctx, l)
	}
	return auth.WithIndividual(ctx, i)
}

// language is what the cookie says, else the browser, else the organization.
func language(c *fiber.Ctx, names names, org string) lang.Locale {
	if l, ok := lang.Parse(c.Cookies(names.language)); ok {
		return l
	}
	if h := c.Get(fiber.HeaderAcceptLanguage); h != "" || org == "" {
		return lang.Match(h)
	}
	l, _ := lang.Parse(org)
	return l
}

// names are those of the cookies. In production they carry the __Host- prefix, which binds them to https, to the host and to
// the whole path (RFC 6265bis, 4.1.3.2).
type names struct{ session, door, pre, out, language, glass string }

func cookieNames(production bool) names {
	if production {
		return names{"__Host-sid", "__Host-door", "__Host-pre", "__Host-out", "__Host-lang", "__Host-glass"}
	}
	return names{"ls_sid", "ls_door", "ls_pre", "ls_out", "ls_lang", "ls_glass"}
}

func (p *Pages) set(c *fiber.Ctx, name, value string, life time.Duration) {
	c.Cookie(&fiber.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()), HTTPOnly: true, Secure: p.svc.Production(), SameSite: fiber.CookieSameSiteLaxMode})
}

func (p *Pages) drop(c *fiber.Ctx, name string) { drop(c, p.svc, name) }

func drop(c *fiber.Ctx, svc *auth.Service, name string) {
	c.Cookie(&fiber.Cookie{Name: name, Path: "/", Expires: time.Unix(1, 0).UTC(), HTTPOnly: true, Secure: svc.Production(), SameSite: fiber.CookieSameSiteLaxMode})
}

func (p *Pages) browser(c *fiber.Ctx) auth.Browser {
	return auth.Browser{Pre: c.Cookies(p.names.pre), Session: c.Cookies(p.names.session), Door: c.Cookies(p.names.door), Network: Network(c.IP()), Device: c.Get(fiber.HeaderUserAgent)}
}

// Network is the address that limits count: of IPv6 the /64, which is one customer's.
func Network(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
