package tenants

import (
	"github.com/learnscape/learnscape/internal/errs"
)

// State is the state of a connection.
type State string

// The states of a connection. Declined, withdrawn and ended ones begin anew by asking.
const (
	Asked     State = "asked"
	Active    State = "active"
	Paused    State = "paused"
	Ending    State = "ending" // closed, but those in mid-course may finish until a date; from then on it is read as Ended
	Ended     State = "ended"
	Declined  State = "declined"
	Withdrawn State = "withdrawn"
)

// Move is what one side does with a connection.
type Move string

// The moves. Proposing new terms and signing them keeps an active connection active.
const (
	MoveAsk      Move = "ask"
	MoveSign     Move = "sign"
	MoveCounter  Move = "counter"
	MoveDecline  Move = "decline"
	MoveWithdraw Move = "withdraw"
	MovePause    Move = "pause"
	MoveResume   Move = "resume"
	MoveEnd      Move = "end"
	MoveEndNow   Move = "end_now"
)

// Who may make a move, seen from the version that is proposed, or from who paused.
const (
	byEither   = "either"
	byProposer = "proposer"
	byOther    = "other"
)

// Transition is one line of the table of what may happen to a connection.
type Transition struct {
	From State
	Move Move
	By   string
	To   State
}

// Transitions is the whole table; what it does not list is refused.
func Transitions() []Transition {
	list := []Transition{
		{Asked, MoveSign, byOther, Active},
		{Asked, MoveCounter, byEither, Asked}, // who proposed replaces it
		{Asked, MoveDecline, byOther, Declined},
		{Asked, MoveWithdraw, byProposer, Withdrawn},
		{Active, MoveCounter, byEither, Active}, // proposes a next version
		{Active, MoveSign, byOther, Active},
		{Active, MoveDecline, byOther, Active},
		{Active, MoveWithdraw, byProposer, Active},
		{Active, MovePause, byEither, Paused},
		{Paused, MoveResume, byEither, Active},
	}
	for _, s := range []State{"", Ended, Declined, Withdrawn} {
		list = append(list, Transition{s, MoveAsk, byEither, Asked})
	}
	for _, s := range []State{Active, Paused} {
		list = append(list, Transition{s, MoveEnd, byEither, Ending}, Transition{s, MoveEndNow, byEither, Ended})
	}
	return append(list, Transition{Ending, MoveEndNow, byEither, Ended})
}

// next looks a move up; Conflict, which says that the connection has moved on, for one that is not in the table.
func next(from State, m Move, mine bool) (State, error) {
	for _, t := range Transitions() {
		if t.From != from || t.Move != m {
			continue
		}
		if t.By == byEither || (t.By == byProposer) == mine {
			return t.To, nil
		}
	}
	return "", errs.Say(errs.Conflict, "tenants.connection.moved_on")
}
