package web_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/web"
)

var update = flag.Bool("update", false, "write docs/api from the code; read the difference before you commit it: programs depend on it")

// TestOpenAPI holds the committed description of the API against what is registered. It names no host and leads nowhere else.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	v31, v30 := web.API(fiber.New(), web.Options{}, web.Deps{})
	for _, d := range []struct {
		file, version string
		doc           []byte
	}{{"../docs/api/openapi.json", "3.1.0", v31}, {"../docs/api/openapi-3.0.json", "3.0.3", v30}} {
		if *update {
			if err := os.WriteFile(d.file, d.doc, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(d.file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, d.doc) {
			t.Errorf("%s is not current (-file +code); go test ./web -run TestOpenAPI -update\n%s", d.file, cmp.Diff(string(want), string(d.doc)))
		}
		var doc struct {
			OpenAPI string
			Paths   map[string]map[string]struct {
				OperationID string
				Summary     string
				Security    []map[string][]string
				Responses   map[string]any
				Parameters  []struct{ Name, In string }
			}
		}
		if err := json.Unmarshal(d.doc, &doc); err != nil {
			t.Fatal(err)
		}
		if doc.OpenAPI != d.version {
			t.Errorf("%s is of version %s", d.file, doc.OpenAPI)
		}
		seen := map[string]bool{}
		for path, ops := range doc.Paths {
			for method, op := range ops {
				if op.OperationID == "" || seen[op.OperationID] || op.Summary == "" || len(op.Security) != 1 || op.Responses["default"] == nil || !strings.HasPrefix(path, "/api/v1/") {
					t.Errorf("%s %s: %+v", method, path, op)
				}
				seen[op.OperationID] = true
				for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
					if !slices.Contains(op.Parameters, struct{ Name, In string }{m[1], "path"}) {
						t.Errorf("%s %s does not read %s", method, path, m[1])
					}
				}
			}
		}
		if found := regexp.MustCompile(`https?://|\$schema`).FindAll(d.doc, -1); len(found) > 0 {
			t.Errorf("%s leads elsewhere: %q", d.file, found)
		}
	}
}
