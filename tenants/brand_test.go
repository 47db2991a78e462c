package tenants_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/tenantstest"
)

func newBranded(t *testing.T, d *db.DB) (*named, blob.Store) {
	t.Helper()
	n := newNamed(t, d, tenantstest.NewDNS(t))
	files, err := blob.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	n.svc = tenants.New(d, base, tenants.WithBlob(files))
	return n, files
}

func picture(t *testing.T, w, h int, c color.Color, encode func(io.Writer, image.Image) error) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := h / 4; y < h*3/4; y++ {
		for x := w / 4; x < w*3/4; x++ {
			img.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (n *named) shown() tenants.Organization {
	n.t.Helper()
	o, err := n.svc.ByHost(scope.Enter(n.t.Context(), visitor), n.org.Slug+".localhost")
	if err != nil {
		n.t.Fatal(err)
	}
	return o
}

func TestSetBrand(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	a, _ := newBranded(t, d)
	b, _ := newBranded(t, d)
	good := tenants.Brand{Name: "  Nord   " + unique(), Short: "Nø", Tagline: "Cold and quick", About: "Two lines\nof it", Color: "#AA2200", Hue: 34, Chroma: .14, Locale: "de"}
	if err := a.svc.SetBrand(a.admin, good); err != nil {
		t.Fatal(err)
	}
	o := a.shown()
	if o.Name != strings.Join(strings.Fields(good.Name), " ") || o.Short != "Nø" || o.Color != "#aa2200" || o.Locale != "de" || o.About != good.About {
		t.Errorf("shown as %+v", o)
	}
	for name, tt := range map[string]struct {
		change func(*tenants.Brand)
		want   string
	}{
		"no name":                  {func(b *tenants.Brand) { b.Name = " " }, "name brand.bad.name"},
		"a long name":              {func(b *tenants.Brand) { b.Name = strings.Repeat("ä", 121) }, "name brand.bad.name"},
		"a name over two lines":    {func(b *tenants.Brand) { b.Name = "a\x00b" }, "name brand.bad.name"},
		"three letters":            {func(b *tenants.Brand) { b.Short = "abc" }, "short brand.bad.short"},
		"a long line":              {func(b *tenants.Brand) { b.Tagline = strings.Repeat("x", 81) }, "tagline brand.bad.tagline"},
		"a colour by name":         {func(b *tenants.Brand) { b.Color = "red" }, "color brand.bad.color"},
		"a colour with more":       {func(b *tenants.Brand) { b.Color = "#aa2200;}" }, "color brand.bad.color"},
		"an unknown language":      {func(b *tenants.Brand) { b.Locale = "xx" }, "locale brand.bad.locale"},
		"another's name":           {func(b *tenants.Brand) { b.Name = o.Name }, "name brand.bad.taken"},
		"another's, in upper case": {func(b *tenants.Brand) { b.Name = strings.ToUpper(o.Name) }, "name brand.bad.taken"},
	} {
		in := good
		in.Name = "Other " + unique()
		tt.change(&in)
		if err := b.svc.SetBrand(b.admin, in); fieldKey(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if err := a.svc.SetBrand(a.admin, good); err != nil {
		t.Errorf("its own name again: %v", err)
	}
	if err := a.svc.SetBrand(scope.Enter(t.Context(), a.viewer), good); !errs.Is(err, errs.NotFound) {
		t.Errorf("a learner: %v", err)
	}
	// What a member's own code could write.
	for what, q := range map[string]string{
		"move to another host": `UPDATE organizations SET slug = 'x' || $2 WHERE org_id = $1`,
		"take a name":          `UPDATE organizations SET name = (SELECT upper(name) FROM organizations WHERE org_id = $3) WHERE org_id = $1 AND $2 <> ''`,
	} {
		args := []any{b.org.OrgID, unique()}
		if strings.Contains(q, "$3") {
			args = append(args, a.org.OrgID)
		}
		if err := d.Tx(b.admin, func(tx *db.Tx) error { return tx.Must(q, args...) }); err == nil {
			t.Errorf("%s: a member's transaction may", what)
		}
	}
}

func TestLogo(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	h, files := newBranded(t, d)
	asJPEG := func(w io.Writer, i image.Image) error { return jpeg.Encode(w, i, nil) }
	white, black := color.White, color.Black
	bomb := picture(t, 32, 32, black, png.Encode)
	copy(bomb[16:24], []byte{0, 0, 0x80, 0, 0, 0, 0x80, 0}) // says that it is 32,768 pixels wide and high
	binary.BigEndian.PutUint32(bomb[29:33], crc32.ChecksumIEEE(bomb[12:29]))
	for name, tt := range map[string]struct {
		raw  []byte
		want string
	}{
		"svg":         {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "logo brand.bad.logo_kind"},
		"html":        {[]byte(`<html>`), "logo brand.bad.logo_kind"},
		"gif":         {picture(t, 64, 64, black, func(w io.Writer, i image.Image) error { return gif.Encode(w, i, nil) }), "logo brand.bad.logo_kind"},
		"nothing":     {[]byte{}, "logo brand.bad.logo_kind"},
		"half a file": {picture(t, 64, 64, black, png.Encode)[:100], "logo brand.bad.logo_kind"},
		"tiny":        {picture(t, 31, 64, black, png.Encode), "logo brand.bad.logo_pixels"},
		"huge":        {picture(t, 1025, 64, black, png.Encode), "logo brand.bad.logo_pixels"},
		"a bomb":      {bomb, "logo brand.bad.logo_pixels"},
		"heavy":       {append(picture(t, 64, 64, black, png.Encode), make([]byte, tenants.LogoBytes)...), "logo brand.bad.logo_large"},
	} {
		if err := h.svc.SetLogo(h.admin, tt.raw); fieldKey(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	for name, tt := range map[string]struct {
		raw   []byte
		plate string
	}{
		"dark on nothing":  {picture(t, 64, 48, black, png.Encode), "light"},
		"light on nothing": {picture(t, 64, 64, white, png.Encode), "dark"},
		"a photograph":     {picture(t, 64, 64, white, asJPEG), "none"},
	} {
		if err := h.svc.SetLogo(h.admin, append(tt.raw, "a secret behind the picture"...)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o := h.shown()
		if o.LogoPlate != tt.plate {
			t.Errorf("%s stands on %s", name, o.LogoPlate)
		}
		f, err := h.svc.Logo(scope.Enter(t.Context(), visitor), o.Logo)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, err := io.ReadAll(f)
		_ = f.Close()
		if _, kind, derr := image.DecodeConfig(bytes.NewReader(b)); err != nil || derr != nil || kind != "png" || bytes.Contains(b, []byte("secret")) {
			t.Errorf("%s is served as %s, %v %v", name, kind, err, derr)
		}
	}
	// What is no logo stays closed, although it lies in the same store.
	if _, _, err := files.Put(t.Context(), strings.NewReader("a private file"), 100); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("a private file"))
	old := h.shown().Logo
	if err := h.svc.SetLogo(h.admin, nil); err != nil {
		t.Fatal(err)
	}
	for what, name := range map[string]string{"a private file": hex.EncodeToString(sum[:]), "a logo that was removed": old, "nothing": "", "no hash": "../x"} {
		if _, err := h.svc.Logo(scope.Enter(t.Context(), visitor), name); !errs.Is(err, errs.NotFound) {
			t.Errorf("%s opens: %v", what, err)
		}
	}
	if o := h.shown(); o.Logo != "" {
		t.Errorf("removed and still %q", o.Logo)
	}
}
