package community

import "github.com/learnscape/learnscape/internal/id"

// QuestionChanged says that a question, its state or one of its answers changed: asked, answered, marked, withdrawn.
type QuestionChanged struct {
	Org      id.Org  `json:"org"` // the asker's organization
	Question id.Post `json:"question"`
}

// EventKind implements jobs.Event.
func (QuestionChanged) EventKind() string { return "community.question_changed" }

// EventOrg implements jobs.Event.
func (e QuestionChanged) EventOrg() id.Org { return e.Org }

// AnswerPosted says that an answer to a question was written, withdrawn or restored.
type AnswerPosted struct {
	Org      id.Org  `json:"org"` // the asker's organization
	Question id.Post `json:"question"`
	Answer   id.Post `json:"answer"`
}

// EventKind implements jobs.Event.
func (AnswerPosted) EventKind() string { return "community.answer_posted" }

// EventOrg implements jobs.Event.
func (e AnswerPosted) EventOrg() id.Org { return e.Org }

// Reacted says that somebody set a reaction on a post or took it back. It does not say who.
type Reacted struct {
	Org  id.Org  `json:"org"` // the post's organization
	Post id.Post `json:"post"`
	Kind string  `json:"kind"`
	On   bool    `json:"on"`
	Key  id.Any  `json:"key"` // of this one event; counted once
}

// EventKind implements jobs.Event.
func (Reacted) EventKind() string { return "community.reacted" }

// EventOrg implements jobs.Event.
func (e Reacted) EventOrg() id.Org { return e.Org }
