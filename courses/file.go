package courses

import (
	"context"
	"io"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// File is what a lesson or story shows or offers. Content is open until its reader closes it.
type File struct {
	Name      string
	MediaType string
	Size      int64  // bytes
	Sum       []byte // SHA-256 of the content
	Content   io.ReadSeekCloser
}

type fileRow struct {
	OrgID     id.Org `db:"org_id"`
	Name      string `db:"name"`
	MediaType string `db:"media_type"`
	Size      int64  `db:"size"`
	Sum       []byte `db:"sha256"`
}

// File opens a file of an item that the viewer may see; anything else is NotFound. The caller closes its content.
func (s *Service) File(ctx context.Context, file id.File) (File, error) {
	if err := authz.Check(ctx, authz.SeeItem, id.Org{}); err != nil {
		return File{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return File{}, err
	}
	var row fileRow
	var found bool
	if err := s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &row, &found, `SELECT f.org_id, f.name, f.media_type, f.size, f.sha256 FROM files f JOIN items i ON i.org_id = f.org_id AND i.item_id = f.item_id
			WHERE f.file_id = $1 AND `+tenants.Seen("$2"), file, sc.Org)
	}); err != nil {
		return File{}, err
	}
	if !found {
		return File{}, errs.New(errs.NotFound, "file %s", file)
	}
	content, err := s.blob.Open(ctx, [32]byte(row.Sum))
	if err != nil {
		return File{}, err
	}
	tenants.NoteRead(ctx, row.OrgID, tenants.ReadFile)
	return File{Name: row.Name, MediaType: row.MediaType, Size: row.Size, Sum: row.Sum, Content: content}, nil
}
