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

// Sent again, an invitation gets in by its new code alone, on the terms of the first; only who sent it can do it, and not when somebody
// has come in by it.
func TestInvitationIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	email := "boss@" + strings.ToLower(id.New[id.Any]().String()[24:]) + ".example"
	if err := w.svc.Invite(w.partners(w.a), auth.Invite{Email: email, Name: "Newcomer", Account: "A-2", Proposal: w.offer(w.a)}); err != nil {
		t.Fatal(err)
	}
	find := auth.InvitationFilter{State: auth.InvitationOpen, Query: "NEWCOM"}
	list, _, err := w.svc.Invitations(w.partners(w.a), find)
	if err != nil || len(list) != 1 {
		t.Fatalf("the list: %+v, %v", list, err)
	}
	if none, _, err := w.svc.Invitations(w.partners(w.a), auth.InvitationFilter{Query: "100%"}); err != nil || len(none) != 0 {
		t.Errorf("another word finds %d, %v", len(none), err)
	}
	first := w.invitation(t, w.a, email)
	if err := w.svc.ResendInvitation(w.partners(w.b), list[0].ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("another organization sends it again: %v", err)
	}
	if err := w.svc.ResendInvitation(w.partners(w.a), list[0].ID); err != nil {
		t.Fatal(err)
	}
	again, _, err := w.svc.Invitations(w.partners(w.a), find)
	if err != nil || len(again) != 1 || again[0].ID == list[0].ID || again[0].Account != "A-2" {
		t.Fatalf("the list afterwards: %+v, %v", again, err)
	}
	visitor := scope.Enter(t.Context(), scope.Scope{Actor: scope.Visitor})
	if _, err := w.svc.Invitation(visitor, first); !errs.Is(err, errs.NotFound) {
		t.Errorf("the earlier code still opens it: %v", err)
	}
	second := w.invitation(t, w.a, email)
	if v, err := w.svc.Invitation(visitor, second); err != nil || v.Name != "Newcomer" {
		t.Errorf("the new code opens %+v, %v", v, err)
	}
	if _, err := w.svc.Accept(visitor, second, acceptance(true)); err != nil {
		t.Fatal(err)
	}
	if err := w.svc.ResendInvitation(w.partners(w.a), again[0].ID); !errs.Is(err, errs.NotFound) {
		t.Errorf("one that was accepted is sent again: %v", err)
	}
}
