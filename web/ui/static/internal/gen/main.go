// Command gen writes the served static files and their compressed forms into
// dist. It is run by go generate in web/ui/static.
package main

import (
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/learnscape/learnscape/web/ui/static/internal/pack"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	files, err := pack.Files(os.DirFS("."))
	if err != nil {
		return err
	}
	if err := os.RemoveAll("dist"); err != nil {
		return err
	}
	if err := os.MkdirAll("dist", 0o750); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join("dist", name), data, 0o600); err != nil {
			return err
		}
		if strings.HasSuffix(name, ".woff2") {
			continue
		}
		gz, br, err := pack.Compress(data)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join("dist", name+".gz"), gz, 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join("dist", name+".br"), br, 0o600); err != nil {
			return err
		}
	}
	return nil
}
