package tenants

import (
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// Held is the connection of two organizations while something is decided about what they have in common.
type Held struct{ l *link }

// HoldConnection keeps the connection of tx's organization with the other until the end of the transaction, so that of two who press at once
// the second sees what the first did. NotFound if there never was one.
func HoldConnection(tx *db.Tx, other id.Org) (Held, error) {
	l, err := lock(tx, other)
	if err == nil && l == nil {
		err = errs.New(errs.NotFound, "connection with %s", other)
	}
	return Held{l}, err
}

// Note writes what tx's organization did into the logs of both, each with the same reference and hash, and tells the people of the
// other. The detail holds identifiers and figures that both may read.
func (h Held) Note(tx *db.Tx, action string, detail map[string]any) error {
	return h.l.note(tx, action, detail)
}
