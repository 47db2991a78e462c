package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/learnscape/learnscape/internal/blob"
	"github.com/learnscape/learnscape/internal/errs"
)

// TestStores is what every home of files has to do.
func TestStores(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) blob.Store{
		"folder": func(t *testing.T) blob.Store {
			t.Helper()
			f, err := blob.NewFolder(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
			return f
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conform(t, open(t))
		})
	}
}

func conform(t *testing.T, s blob.Store) {
	t.Helper()
	content := []byte("two minutes flat")
	sum, size, err := s.Put(t.Context(), bytes.NewReader(content), 100)
	if err != nil || size != int64(len(content)) || sum != sha256.Sum256(content) {
		t.Fatalf("put: %x, %d, %v", sum, size, err)
	}
	f, err := s.Open(t.Context(), sum)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // Read only.
	if _, err := f.Seek(4, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != "minutes flat" {
		t.Errorf("read from the fourth byte: %q, %v", got, err)
	}
	if _, _, err := s.Put(t.Context(), bytes.NewReader(content), int64(len(content)-1)); !errs.Is(err, errs.TooLarge) {
		t.Errorf("a file that is too large: %v", err)
	}
	if _, err := s.Open(t.Context(), blob.Sum{1}); !errs.Is(err, errs.NotFound) {
		t.Errorf("an unknown sum: %v", err)
	}
	if _, size, err := s.Put(t.Context(), strings.NewReader(""), 0); err != nil || size != 0 {
		t.Errorf("an empty file: %d, %v", size, err)
	}
	broken := io.MultiReader(strings.NewReader("half"), failing{})
	if _, _, err := s.Put(t.Context(), broken, 100); !errors.Is(err, errBroken) {
		t.Errorf("a source that breaks: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Put(ctx, strings.NewReader("late"), 100); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	for _, gone := range []string{"half", "late"} {
		if _, err := s.Open(t.Context(), sha256.Sum256([]byte(gone))); !errs.Is(err, errs.NotFound) {
			t.Errorf("%q was kept: %v", gone, err)
		}
	}
	for range 2 {
		if err := s.Remove(t.Context(), sum); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if _, err := s.Open(t.Context(), sum); !errs.Is(err, errs.NotFound) {
		t.Errorf("what was removed: %v", err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, _, err := s.Put(t.Context(), strings.NewReader("at once"), 100); err != nil || got != sha256.Sum256([]byte("at once")) {
				t.Errorf("at the same time: %v", err)
			}
		})
	}
	wg.Wait()
}

var errBroken = errors.New("broken")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

func TestFolderLeavesNoLitter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := blob.NewFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // The test's own.
	for range 2 {
		if _, _, err := f.Put(t.Context(), strings.NewReader("x"), 10); err != nil {
			t.Fatal(err)
		}
	}
	_, _, _ = f.Put(t.Context(), strings.NewReader("far too long"), 2)
	var files []string
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			files = append(files, path)
		}
		return nil
	})
	if len(files) != 1 {
		t.Errorf("the folder holds %v, want one file", files)
	}
}
