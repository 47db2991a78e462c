// Package id has the identifiers of the product: UUID version 7 (RFC 9562), one Go type for each noun, so that the
// identifier of a person cannot be passed where that of an organization is meant. Identifiers are random enough not to
// be guessed and carry their time of creation, but they are never a secret and never a right.
package id

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// ID is an identifier of a K. Its zero value means "none" and is stored as NULL.
type ID[K any] struct{ uuid.UUID }

type (
	orgKind        struct{}
	personKind     struct{}
	membershipKind struct{}
	itemKind       struct{}
	collectionKind struct{}
	connectionKind struct{}
	agreementKind  struct{}
	providerKind   struct{}
	sessionKind    struct{}
	enrollmentKind struct{}
	postKind       struct{}
	fileKind       struct{}
	visitorKind    struct{}
	anyKind        struct{}
)

// The identifiers of the nouns that cross packages.
type (
	Org        = ID[orgKind]
	Person     = ID[personKind]
	Membership = ID[membershipKind]
	Item       = ID[itemKind]
	Collection = ID[collectionKind]
	Connection = ID[connectionKind]
	Agreement  = ID[agreementKind]
	Provider   = ID[providerKind]
	Session    = ID[sessionKind]
	Enrollment = ID[enrollmentKind]
	Post       = ID[postKind]
	File       = ID[fileKind]
	Visitor    = ID[visitorKind]
	Any        = ID[anyKind]
)

// Everyone stands for "whoever it is, visitors too" where an organization is named: a grant to Everyone makes a
// collection public. No organization ever has it.
var Everyone = Org{uuid.MustParse("ffffffff-ffff-ffff-ffff-ffffffffffff")}

// New returns a fresh identifier.
func New[T ~struct{ uuid.UUID }]() T {
	return T{uuid.Must(uuid.NewV7())}
}

// Derive returns the identifier that always belongs to the name within the space (RFC 9562 version 5): fixed data, such as
// a demonstration world, gets the same identifiers at every start.
func Derive[T ~struct{ uuid.UUID }](space, name string) T {
	return T{uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceURL, []byte(space)), []byte(name))}
}

// Parse reads the canonical text form. Its error is for logs: to a person an unreadable identifier is a missing thing.
func Parse[T ~struct{ uuid.UUID }](s string) (T, error) {
	if len(s) != 36 {
		return T{}, fmt.Errorf("id %q: not 36 characters", s)
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return T{}, fmt.Errorf("id %q: %w", s, err)
	}
	return T{u}, nil
}

// IsZero reports whether there is none.
func (i ID[K]) IsZero() bool { return i.UUID == uuid.Nil }

// ScanUUID implements pgtype.UUIDScanner; NULL becomes the zero value.
func (i *ID[K]) ScanUUID(v pgtype.UUID) error {
	i.UUID = v.Bytes
	if !v.Valid {
		i.UUID = uuid.Nil
	}
	return nil
}

// UUIDValue implements pgtype.UUIDValuer; the zero value becomes NULL.
func (i ID[K]) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: i.UUID, Valid: i.UUID != uuid.Nil}, nil
}

// Scan implements sql.Scanner for GORM; NULL becomes the zero value.
func (i *ID[K]) Scan(src any) error {
	if src == nil {
		i.UUID = uuid.Nil
		return nil
	}
	return i.UUID.Scan(src)
}

// Value implements driver.Valuer for GORM; the zero value becomes NULL.
func (i ID[K]) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil //nolint:nilnil // NULL is the value of no identifier.
	}
	return i.String(), nil
}
