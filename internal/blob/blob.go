// Package blob keeps files under the SHA-256 of their content: the same content is kept once, whatever it is called, and what is
// kept never changes. It knows neither organizations nor names; who may read a file is decided where its row is.
//
// Rooms put files before their transaction begins and store the sum; a file whose row was never committed is litter, not harm.
package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/learnscape/learnscape/internal/errs"
)

// Sum is the SHA-256 of a file's content.
type Sum = [sha256.Size]byte

// Store keeps files. Its two homes are a folder and an S3 bucket.
type Store interface {
	// Put keeps what r yields and returns its sum and size in bytes. More than limit bytes is TooLarge and keeps nothing.
	// Repeating is safe.
	Put(ctx context.Context, r io.Reader, limit int64) (sum Sum, size int64, err error)
	// Open returns the file; the caller closes it. An unknown sum is NotFound.
	Open(ctx context.Context, sum Sum) (io.ReadSeekCloser, error)
	// Remove removes the file; an unknown sum is no error. Who calls it knows that no row names it any more.
	Remove(ctx context.Context, sum Sum) error
}

// Folder is a Store in a folder of the local file system.
type Folder struct{ root *os.Root }

var _ Store = (*Folder)(nil)

// NewFolder opens the folder and creates it if it is missing. Nobody but the process's user can read it.
func NewFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open files %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open files %s: %w", dir, err)
	}
	return &Folder{root: root}, nil
}

// Close gives the folder back.
func (f *Folder) Close() error { return f.root.Close() }

// Put implements Store. The file appears under its name only when it is whole and on disk: it is written beside, synced,
// renamed, and the folder synced.
func (f *Folder) Put(ctx context.Context, r io.Reader, limit int64) (sum Sum, size int64, err error) {
	tmp, name, err := f.temp()
	if err != nil {
		return sum, 0, fmt.Errorf("put file: %w", err)
	}
	defer func() {
		_ = tmp.Close()
		_ = f.root.Remove(name) // Gone already when all went well.
	}()
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(tmp, h), io.LimitReader(reader{ctx, r}, limit+1))
	switch {
	case err != nil:
		return sum, 0, fmt.Errorf("put file: %w", err)
	case size > limit:
		return sum, 0, errs.New(errs.TooLarge, "file of more than %d bytes", limit)
	}
	h.Sum(sum[:0])
	dir, path := place(sum)
	if _, err := f.root.Stat(path); err == nil {
		return sum, size, nil
	}
	if err := tmp.Sync(); err != nil {
		return sum, 0, fmt.Errorf("put file %x: %w", sum, err)
	}
	if err := f.root.MkdirAll(dir, 0o700); err != nil {
		return sum, 0, fmt.Errorf("put file %x: %w", sum, err)
	}
	if err := f.root.Rename(name, path); err != nil {
		return sum, 0, fmt.Errorf("put file %x: %w", sum, err)
	}
	for _, d := range []string{dir, "."} {
		if err := f.sync(d); err != nil {
			return sum, 0, fmt.Errorf("put file %x: %w", sum, err)
		}
	}
	return sum, size, nil
}

// Open implements Store.
func (f *Folder) Open(_ context.Context, sum Sum) (io.ReadSeekCloser, error) {
	_, path := place(sum)
	file, err := f.root.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, "file %x", sum)
	}
	if err != nil {
		return nil, fmt.Errorf("open file %x: %w", sum, err)
	}
	return file, nil
}

// Remove implements Store.
func (f *Folder) Remove(_ context.Context, sum Sum) error {
	dir, path := place(sum)
	if err := f.root.Remove(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("remove file %x: %w", sum, err)
	}
	return f.sync(dir)
}

func (f *Folder) temp() (*os.File, string, error) {
	name := "tmp-" + rand.Text()
	file, err := f.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return file, name, err
}

func (f *Folder) sync(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // Nothing is buffered.
	return d.Sync()
}

func place(sum Sum) (dir, path string) {
	name := hex.EncodeToString(sum[:])
	return name[:2], filepath.Join(name[:2], name)
}

// reader stops between two reads when the context ends.
type reader struct {
	ctx context.Context //nolint:containedctx // Lives as long as one Put.
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
