package courses

import (
	"time"

	"github.com/learnscape/learnscape/internal/id"
)

// Enrolled says that a member began a course or path. Origin and Ref say through what (enrollments.origin).
type Enrolled struct {
	Org        id.Org        `json:"org"`
	Membership id.Membership `json:"membership"`
	ItemOrg    id.Org        `json:"item_org"`
	Item       id.Item       `json:"item"`
	Origin     string        `json:"origin"`
	Ref        string        `json:"ref,omitempty"`
	At         time.Time     `json:"at"`
}

// EventKind implements jobs.Event.
func (Enrolled) EventKind() string { return "courses.enrolled" }

// EventOrg implements jobs.Event: the organization for which the person learns.
func (e Enrolled) EventOrg() id.Org { return e.Org }

// LessonCompleted says that a member finished a lesson, or an item without lessons (Lesson "").
type LessonCompleted struct {
	Org        id.Org        `json:"org"`
	Membership id.Membership `json:"membership"`
	ItemOrg    id.Org        `json:"item_org"`
	Item       id.Item       `json:"item"`
	Lesson     string        `json:"lesson,omitempty"`
	At         time.Time     `json:"at"`
}

// EventKind implements jobs.Event.
func (LessonCompleted) EventKind() string { return "courses.lesson_completed" }

// EventOrg implements jobs.Event: the organization for which the person learns.
func (e LessonCompleted) EventOrg() id.Org { return e.Org }

// ProgressTakenBack says that something which a member had finished is open again, because it was a wrong record.
type ProgressTakenBack struct {
	Org        id.Org        `json:"org"`
	Membership id.Membership `json:"membership"`
	At         time.Time     `json:"at"`
}

// EventKind implements jobs.Event.
func (ProgressTakenBack) EventKind() string { return "courses.progress_taken_back" }

// EventOrg implements jobs.Event: the organization for which the person learns.
func (e ProgressTakenBack) EventOrg() id.Org { return e.Org }

// EnrollmentCompleted says that a member finished a course or path as a whole.
type EnrollmentCompleted struct {
	Org        id.Org        `json:"org"`
	Membership id.Membership `json:"membership"`
	Enrollment id.Enrollment `json:"enrollment"`
	ItemOrg    id.Org        `json:"item_org"`
	Item       id.Item       `json:"item"`
	Origin     string        `json:"origin"`
	Ref        string        `json:"ref,omitempty"`
	At         time.Time     `json:"at"`
}

// EventKind implements jobs.Event.
func (EnrollmentCompleted) EventKind() string { return "courses.enrollment_completed" }

// EventOrg implements jobs.Event: the organization for which the person learns.
func (e EnrollmentCompleted) EventOrg() id.Org { return e.Org }
