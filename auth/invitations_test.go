package auth_test

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Who invited sees what became of it and takes it back; from then on nobody gets in by the code, and nobody else can do either.
func TestInvitationIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "boss@" + strings.ToLower(id.New[id.Any]().String()[24:]) + ".example"
	if err := w.svc.Invite(w.partners(w.a), auth.Invite{Email: email, Name: "Newcomer", Account: "A-1", Proposal: w.offer(w.a)}); err != nil {
		t.Fatal(err)
	}
	list, more, err := w.svc.Invitations(w.partners(w.a), auth.InvitationFilter{State: auth.InvitationOpen})
	if err != nil || more || len(list) != 1 || list[0].Email != email || list[0].Account != "A-1" || list[0].State != auth.InvitationOpen {
		t.Fatalf("the list: %+v, %v", list, err)
	}
	next, _, err := w.svc.Invitations(w.partners(w.a), auth.InvitationFilter{After: list[0].Sent, AfterID: list[0].ID})
	if err != nil || len(next) != 0 {
		t.Errorf("after the last one: %+v, %v", next, err)
	}
	if others, _, err := w.svc.Invitations(w.partners(w.b), auth.InvitationFilter{}); err != nil || len(others) != 0 {
		t.Errorf("another organization lists %d, %v", len(others), err)
	}
	if err := w.svc.WithdrawInvitation(w.partners(w.b), list[0].ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization takes it back: %v", err)
	}
	token := w.invitation(t, w.a, email)
	if err := w.svc.WithdrawInvitation(w.partners(w.a), list[0].ID); err != nil {
		t.Fatal(err)
	}
	visitor := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	if _, err := w.svc.Accept(visitor, token, acceptance(true)); !errs.Is(err, errs.NotFound) {
		t.Errorf("it is accepted after it was taken back: %v", err)
	}
	if err := w.svc.WithdrawInvitation(w.partners(w.a), list[0].ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("it is taken back twice: %v", err)
	}
}
