package main

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// The image that is shipped has the binary and a folder for files, and nothing of the repository; it runs as a user that owns nothing else
// and finds no shell.
func TestImageHasTheBinaryAlone(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	last := text[strings.LastIndex(text, "\nFROM ")+1:]
	from, rest, _ := strings.Cut(last, "\n")
	if !strings.HasPrefix(from, "FROM gcr.io/distroless/static-") || !strings.HasSuffix(from, ":nonroot") {
		t.Errorf("the image is made %s", from)
	}
	var copied []string
	for line := range strings.Lines(rest) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "COPY":
			copied = append(copied, words[len(words)-2])
		case "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD":
		default:
			t.Errorf("the image does %q", strings.TrimSpace(line))
		}
	}
	if want := []string{"/out/learnscape", "/out/files"}; !slices.Equal(copied, want) {
		t.Errorf("the image has %v, not %v", copied, want)
	}
}

// Whoever asks which libraries a binary is made of can read it from the binary, with versions and checksums, as it is built for the image.
func TestBinaryNamesItsLibraries(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the binary")
	}
	bin := filepath.Join(t.TempDir(), "learnscape")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	pinned := map[string]string{}
	for _, r := range mod.Require {
		pinned[r.Mod.Path] = r.Mod.Version
	}
	for _, d := range info.Deps {
		if d.Replace != nil || d.Sum == "" || d.Version != pinned[d.Path] {
			t.Errorf("%s %s (%s): go.mod has %q", d.Path, d.Version, d.Sum, pinned[d.Path])
		}
	}
	for _, must := range []string{"github.com/gofiber/fiber/v2", "gorm.io/gorm", "github.com/coreos/go-oidc/v3"} {
		if !slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == must }) {
			t.Errorf("%s is not named", must)
		}
	}
}
