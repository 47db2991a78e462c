package tenants

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // Logos come as JPEG, too.
	"image/png"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
)

// Brand is how an organization looks and what it is called, as its administrator gives it.
type Brand struct {
	Name    string  // 1 to 120 letters, no other organization's
	Short   string  // monogram, one or two letters
	Tagline string  // up to 80 letters, below the name
	About   string  // up to 600 letters, on the front page for visitors
	Color   string  // #rrggbb
	Hue     int     // of Color
	Chroma  float64 // of Color
	Locale  string  // for whoever has not chosen a language
}

var colorForm = regexp.MustCompile(`^#[0-9a-f]{6}$`)

func (b *Brand) check() error {
	b.Name, b.Short = strings.Join(strings.Fields(b.Name), " "), strings.TrimSpace(b.Short)
	b.Tagline, b.About, b.Color = strings.TrimSpace(b.Tagline), strings.TrimSpace(b.About), strings.ToLower(strings.TrimSpace(b.Color))
	var bad []errs.Field
	for _, f := range []struct {
		name     string
		text     string
		min, max int
	}{{"name", b.Name, 1, 120}, {"short", b.Short, 1, 2}, {"tagline", b.Tagline, 0, 80}, {"about", b.About, 0, 600}} {
		if n := utf8.RuneCountInString(f.text); n < f.min || n > f.max || !utf8.ValidString(f.text) || strings.ContainsFunc(f.text, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\r' }) {
			bad = append(bad, errs.Field{Name: f.name, Key: "brand.bad." + f.name})
		}
	}
	if !colorForm.MatchString(b.Color) {
		bad = append(bad, errs.Field{Name: "color", Key: "brand.bad.color"})
	}
	if _, ok := lang.Parse(b.Locale); !ok {
		bad = append(bad, errs.Field{Name: "locale", Key: "brand.bad.locale"})
	}
	if len(bad) > 0 {
		return errs.Fields(bad...)
	}
	return nil
}

// SetBrand changes how the acting organization looks and what it is called. Invalid names the inputs that are wrong; a name that
// another organization has is one of them.
func (s *Service) SetBrand(ctx context.Context, b Brand) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	err := s.changeHosts(ctx, func(tx *db.Tx) error {
		before, err := db.Row[string](tx, `SELECT name FROM organizations WHERE org_id = $1`, tx.Scope.Org)
		if err != nil {
			return err
		}
		if err := tx.Must(`UPDATE organizations SET name = $2, short = $3, tagline = $4, about = $5, color = $6, hue = $7, chroma = $8, locale = $9, branded_at = $10 WHERE org_id = $1`,
			tx.Scope.Org, b.Name, b.Short, b.Tagline, b.About, b.Color, b.Hue, b.Chroma, b.Locale, tx.Now); err != nil {
			return err
		}
		detail := map[string]string{"color": b.Color, "locale": b.Locale}
		if before != b.Name {
			detail["name"], detail["name_before"] = b.Name, before
		}
		return Audit(tx, "organization.branded", "organization", detail)
	})
	if errs.Is(err, errs.Conflict) {
		return errs.Fields(errs.Field{Name: "name", Key: "brand.bad.taken"})
	}
	return err
}

// Limits of a logo: bytes of the upload and pixels of a side.
const (
	LogoBytes = 200 << 10
	logoMin   = 32
	logoMax   = 1024
)

// SetLogo gives the acting organization a logo, which is written anew as PNG: what else was in the file is not kept. Invalid for
// anything but a PNG or JPEG of at most 200 KiB and 32 to 1,024 pixels a side; nil removes the logo.
func (s *Service) SetLogo(ctx context.Context, raw []byte) error {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return err
	}
	if s.blob == nil {
		return errors.New("logo: no place for files")
	}
	var hash []byte
	plate := "none"
	if raw != nil {
		clean, p, err := logo(raw)
		if err != nil {
			return err
		}
		sum, _, err := s.blob.Put(ctx, bytes.NewReader(clean), 8<<20)
		if err != nil {
			return fmt.Errorf("keep logo: %w", err)
		}
		hash, plate = sum[:], p
	}
	err := s.changeHosts(ctx, func(tx *db.Tx) error {
		if err := tx.Must(`UPDATE organizations SET logo_sha256 = $2, logo_plate = $3, branded_at = $4 WHERE org_id = $1 AND state NOT IN ('erasing', 'erased')`, tx.Scope.Org, hash, plate, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "organization.logo", "organization", map[string]string{"sha256": hex.EncodeToString(hash)})
	})
	if err != nil && hash != nil {
		return errors.Join(err, s.discard(ctx, blob.Sum(hash)))
	}
	return err
}

// logo checks an upload and writes it anew.
func logo(raw []byte) (clean []byte, plate string, err error) {
	bad := func(key string) error { return errs.Fields(errs.Field{Name: "logo", Key: key}) }
	if len(raw) > LogoBytes {
		return nil, "", bad("brand.bad.logo_large")
	}
	// The size is read before the picture is: a small file can hold an enormous one.
	c, kind, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || (kind != "png" && kind != "jpeg") {
		return nil, "", bad("brand.bad.logo_kind")
	}
	if min(c.Width, c.Height) < logoMin || max(c.Width, c.Height) > logoMax {
		return nil, "", bad("brand.bad.logo_pixels")
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, "", bad("brand.bad.logo_kind")
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, "", fmt.Errorf("write logo: %w", err)
	}
	return out.Bytes(), plateOf(img), nil
}

// plateOf chooses what stands behind a picture: nothing if its corners are opaque, else what its own lightness stands out from.
func plateOf(img image.Image) string {
	b := img.Bounds()
	opaque := true
	for _, p := range []image.Point{b.Min, {b.Max.X - 1, b.Min.Y}, {b.Min.X, b.Max.Y - 1}, {b.Max.X - 1, b.Max.Y - 1}} {
		_, _, _, a := img.At(p.X, p.Y).RGBA()
		opaque = opaque && a == 0xffff
	}
	if opaque {
		return "none"
	}
	var light, weight float64
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			p, _ := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA) // The model makes nothing else.
			a := float64(p.A) / 255
			light += a * (.2126*float64(p.R) + .7152*float64(p.G) + .0722*float64(p.B)) / 255
			weight += a
		}
	}
	if weight > 0 && light/weight > .6 {
		return "dark"
	}
	return "light"
}

// Logo opens a picture that is some organization's logo now; NotFound for everything else that is in the store.
func (s *Service) Logo(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if err := authz.Check(ctx, authz.SeeOrg, id.Org{}); err != nil {
		return nil, err
	}
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != 32 || s.blob == nil {
		return nil, errs.New(errs.NotFound, "logo %q", name)
	}
	var there bool
	if err := s.db.ReadAs(ctx, scope.Scope{Actor: scope.Visitor}, func(b *db.Batch) {
		db.One(b, &there, nil, `SELECT EXISTS (SELECT 1 FROM organizations o WHERE o.logo_sha256 = $1 AND o.state = 'active')`, raw)
	}); err != nil {
		return nil, err
	}
	if !there {
		return nil, errs.New(errs.NotFound, "logo %q", name)
	}
	return s.blob.Open(ctx, blob.Sum(raw))
}
