package search

import (
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

// Kind is what a document is, as people filter by it.
type Kind string

// The kinds of documents. A lesson belongs to its course's or path's item.
const (
	KindCourse   Kind = "course"
	KindPath     Kind = "path"
	KindLesson   Kind = "lesson"
	KindStory    Kind = "story"
	KindResource Kind = "resource"
	KindQuestion Kind = "question"
	KindGroup    Kind = "group"
)

// Kinds lists all kinds in the order in which people see them.
func Kinds() []Kind {
	return []Kind{KindPath, KindCourse, KindLesson, KindResource, KindQuestion, KindStory, KindGroup}
}

// DocID identifies a document: derived from the item and its part, so that indexing twice writes the same one.
type DocID = id.Any

// Document is what is indexed of an item, of one lesson of it, or of a question.
type Document struct {
	ID       DocID   // see NewDocID
	Org      id.Org  // the owner
	Item     id.Item // the item; for a question the question's id
	Part     string  // the lesson's key; "" for the item itself
	Kind     Kind
	Channels []id.Any // what opens it: the owner's id, collections, Everyone; never empty
	Unnamed  bool     // others must not learn whose it is
	Lang     string   // ISO 639-1

	Title   string
	Context string // the course's or path's title, for a lesson
	Summary string
	Topics  []string
	Body    string // plain text; what is behind 20,000 bytes is not indexed

	Minutes     int     // 0 is unknown
	Popularity  float64 // people who finished it, answers and thanks of a question
	PublishedAt time.Time
	Version     int64 // of the content: an older write is ignored. Microseconds of its last change, or any growing number
}

// maxBody is how many bytes of a text are indexed (the design's limit of a section).
const maxBody = 20000

// NewDocID returns the identifier of an item's part.
func NewDocID(item id.Item, part string) DocID {
	return id.Derive[DocID]("search:"+item.String(), part)
}

// AnyOf returns an identifier as a channel.
func AnyOf[K any](i id.ID[K]) id.Any { return id.Any(i) }

// ConnectedChannel is the channel of what an organization shows to all it is connected to, and to nobody else.
func ConnectedChannel(org id.Org) id.Any { return id.Derive[id.Any](org.String(), "connected") }

// Op is one change of the index: a document to write, or the identifier of one to remove.
type Op struct {
	Upsert *Document
	Delete DocID
}
