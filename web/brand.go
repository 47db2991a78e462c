package web

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/web/ui/brand"
)

// sheets keeps the stylesheets of brand colours: they depend on the colour alone, so the address does too and says nothing
// about whose it is.
type sheets struct {
	mu    sync.Mutex
	byHex map[string]sheet
}

type sheet struct{ url, css string }

// sheetLimit bounds the memory; an installation has far fewer colours in use.
const sheetLimit = 4096

// of returns the stylesheet of a colour #rrggbb.
func (s *sheets) of(hexColor string) (sheet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh, ok := s.byHex[hexColor]; ok {
		return sh, nil
	}
	palette, _, err := brand.Roles(hexColor)
	if err != nil {
		return sheet{}, err
	}
	css := palette.CSS()
	sum := sha256.Sum256([]byte(css))
	sh := sheet{css: css, url: "/brand/" + strings.TrimPrefix(hexColor, "#") + ".css?v=" + hex.EncodeToString(sum[:4])}
	if s.byHex == nil || len(s.byHex) >= sheetLimit {
		s.byHex = map[string]sheet{}
	}
	s.byHex[hexColor] = sh
	return sh, nil
}

func (s *sheets) serve(c *fiber.Ctx) error {
	sh, err := s.of("#" + strings.TrimSuffix(c.Params("color"), ".css"))
	if err != nil {
		return errs.New(errs.NotFound, "brand: %w", err)
	}
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	c.Set(fiber.HeaderContentType, "text/css; charset=utf-8")
	return c.SendString(sh.css)
}
