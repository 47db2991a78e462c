package marketing

import (
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

// What a touch can be.
const (
	Seen      = "seen"      // a story was read by a visitor
	Read      = "read"      // a story was read by somebody of another organization, who counts once a week
	Started   = "started"   // something was begun from a story
	Completed = "completed" // what was begun from a story was finished
)

// Touched says that somebody, it does not say who, had to do with a story.
type Touched struct {
	Org  id.Org    `json:"org"` // the publisher
	Item id.Item   `json:"item"`
	What string    `json:"what"`
	At   time.Time `json:"at"`
	Key  id.Any    `json:"key"` // of this one touch; counted once
}

// EventKind implements jobs.Event.
func (Touched) EventKind() string { return "marketing.touched" }

// EventOrg implements jobs.Event.
func (e Touched) EventOrg() id.Org { return e.Org }
