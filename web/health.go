package web

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
)

// health says that the process answers, whatever the state of its neighbours.
func (s *Server) health(c *fiber.Ctx) error { return c.SendString("ok\n") }

// ready says that the process can do its work: the database answers within two seconds. A balancer takes it out otherwise.
func (s *Server) ready(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), 2*time.Second)
	defer cancel()
	if err := s.deps.DB.Ping(ctx); err != nil {
		s.opts.Log.WarnContext(ctx, "not ready", "error", err)
		c.Set(fiber.HeaderRetryAfter, "5")
		return c.Status(fiber.StatusServiceUnavailable).SendString("the database does not answer\n")
	}
	return c.SendString("ready\n")
}

// tlsAsk answers a proxy that makes certificates on demand: 200 for a host at which somebody lives, 404 for every other.
func (s *Server) tlsAsk(c *fiber.Ctx) error {
	host := c.Query("domain")
	if s.deps.Tenants.FrontDoor(host) || s.deps.Auth.OperatorHost(host) {
		return c.SendString("ok\n")
	}
	if _, err := s.deps.Tenants.ByHost(c.UserContext(), host); err != nil {
		if errs.Is(err, errs.NotFound) {
			return c.Status(fiber.StatusNotFound).SendString("nobody lives there\n")
		}
		return err
	}
	return c.SendString("ok\n")
}
