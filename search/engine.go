package search

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

// Scope is what a viewer may search: what is in the channels that are open to it and not hidden. It is made by the service alone, from PostgreSQL,
// for every question. The zero Scope is refused with ErrNoScope.
type Scope struct {
	viewer   id.Org
	channels []id.Any
	hidden   []id.Item // what must not show although the documents say it may: their news still waits
}

// own reports whether what the viewer's own organization has is open to it, as it is to every member.
func (s Scope) own() bool { return !s.viewer.IsZero() && slices.Contains(s.channels, AnyOf(s.viewer)) }

// Request is a question to an engine.
type Request struct {
	Scope Scope
	Query Query
	Terms Terms // the question's words, understood; no words ask for whatever is there, the newest or most used
	// Suspects are words that may be named to the viewer only if a document open to it has them.
	Suspects []string
}

// Query is what somebody asks.
type Query struct {
	Text      string
	AsYouType bool     // the last word may be unfinished, nothing is counted as looked for
	Kinds     []Kind   // none: all
	Orgs      []id.Org // whose; none: all
	Langs     []string // of the content; none: all
	Times     []Time   // how long it takes; none: all
	Counts    bool     // also count the values of the filters
	Sort      Sort
	Limit     int // 1..100, default 10
	Offset    int // Offset+Limit at most 1000
}

// Time is a class of how long something takes.
type Time string

// The classes of time: under 10 minutes, 10 to 60, over an hour.
const (
	Short  Time = "short"
	Medium Time = "medium"
	Long   Time = "long"
)

// TimeOf is the class of so many minutes; "" if they are unknown.
func TimeOf(minutes int) Time {
	switch {
	case minutes <= 0:
		return ""
	case minutes < 10:
		return Short
	case minutes <= 60:
		return Medium
	}
	return Long
}

// Sort is the order of results.
type Sort string

// The orders: best match first (the default), newest first, most used first.
const (
	Best    Sort = "best"
	Newest  Sort = "new"
	Popular Sort = "popular"
)

// EngineHit is a document that matched. It names, it tells nothing.
type EngineHit struct {
	ID      DocID
	Item    id.Item
	Org     id.Org
	Part    string
	Partial bool    // not every word of the question matched
	Score   float64 // comparable within one result only
}

// Counts are the values of the filters with how many results each has while the other filters stay.
type Counts struct {
	Kinds map[Kind]int
	Orgs  map[id.Org]int
	Langs map[string]int
	Times map[Time]int
}

// EngineResult is an engine's answer.
type EngineResult struct {
	Hits       []EngineHit // one for each item or question
	Total      int
	TotalExact bool // false: at least Total
	Owners     int  // how many organizations the results belong to
	Counts     Counts
	Known      []string  // those suspects that stand in a document open to the viewer
	Asked      []id.Item // the questions among all that matched, before the filters; one more than askedMost says that there are more
	Gone       []int     // places in Terms.Words that stand in no document open to the viewer
}

// Ticket stands for writes that an engine has accepted.
type Ticket struct{ tasks []int64 }

// Health is an engine's state.
type Health struct {
	State   string // "up", "degraded" or "down"
	Docs    int
	Queue   int // writes that wait
	Version string
	Detail  string // for the operator's log
}

// Engine is a search engine. Implementations behave alike: conformance_test.go runs on each.
//
// Search answers for one Scope. Suggest returns results whose titles match the unfinished words. FacetSearch counts only.
// Similar may be ErrUnsupported. Apply writes at most 5,000 changes and may be repeated; Wait returns when they are visible
// to Search. BeginReindex starts a shadow index.
type Engine interface {
	Name() string
	Search(ctx context.Context, r Request) (EngineResult, error)
	Suggest(ctx context.Context, r Request) ([]EngineHit, error)
	FacetSearch(ctx context.Context, r Request) (Counts, error)
	Similar(ctx context.Context, s Scope, doc DocID, n int) ([]EngineHit, error)
	Apply(ctx context.Context, ops []Op) (Ticket, error)
	Wait(ctx context.Context, t Ticket) error
	BeginReindex(ctx context.Context) (Reindex, error)
	Health(ctx context.Context) Health
	Close() error
}

// Reindex is an index in the making. Nothing of it is seen before Swap; Abort throws it away.
type Reindex interface {
	Apply(ctx context.Context, ops []Op) (Ticket, error)
	Verify(ctx context.Context, want int) error // that it holds exactly want documents
	Swap(ctx context.Context) error
	Abort(ctx context.Context) error
}

// What an engine refuses with.
var (
	ErrNoScope     = errors.New("search: no channels")
	ErrUnsupported = errors.New("search: this engine cannot")
	ErrUnavailable = errors.New("search: engine does not answer")
	ErrIncomplete  = errors.New("search: the new index does not hold what it should")
)

// askedMost is how many questions among the results are looked at: whether one may be read depends on what it is about.
const askedMost = 500

// maxWindow is the last result that can be asked for.
const maxWindow = 1000

func (q Query) bounded() Query {
	if q.Limit <= 0 {
		q.Limit = 10
	}
	q.Limit = min(q.Limit, 100)
	q.Offset = max(0, min(q.Offset, maxWindow-q.Limit))
	if q.Sort != Newest && q.Sort != Popular {
		q.Sort = Best
	}
	return q
}

// meiliTimeout is how long Meilisearch may take before PostgreSQL answers in its place.
const meiliTimeout = 800 * time.Millisecond
