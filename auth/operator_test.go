package auth_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/auth/demoop"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/egress"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

const deskURL = "http://operator." + base

// desk is a portal with an operators' host, whose provider is that of the first house.
func (w *world) desk() *auth.Service {
	w.t.Helper()
	if err := w.op.AddClient(w.a.Slug, demoop.Client{ID: "desk", Secret: "secret of the desk", RedirectURIs: []string{deskURL + "/host/auth/callback"}}); err != nil {
		w.t.Fatal(err)
	}
	svc, err := auth.New(auth.Deps{
		DB: w.db, Tenants: w.tenants, Mail: w.mail, Keys: w.keys, Egress: egress.New(egress.Options{AllowLoopback: true, Timeout: 10 * time.Second}), BaseURL: baseURL, Now: w.now,
		Operators: auth.OperatorDeps{URL: deskURL, Issuer: w.op.IssuerURL(w.a.Slug), ClientID: "desk", ClientSecret: "secret of the desk"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return svc
}

// operator adds somebody who runs the installation.
func (w *world) operator(name string) auth.Operator {
	w.t.Helper()
	o := auth.Operator{OperatorID: id.New[id.Any](), Name: name}
	if err := w.db.Tx(auth.AtDesk(w.t.Context()), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO operators (operator_id, name, email, created_at) VALUES ($1, $2, $3, $4)`, o.OperatorID, name, o.OperatorID.String()+"@operators.example", tx.Now)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// TestOperatorsComeByTheirProvider holds that an operator's provider lets in whom a code made an operator, and nobody else that it knows;
// that each answer counts once, in the browser that asked; that every fault ends without a session; and that who was removed is out.
func TestOperatorsComeByTheirProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	svc, at := w.desk(), auth.AtDesk(t.Context())
	b, n := w.browser(t), 0
	come := func(code, email string, twist func(*auth.Callback)) (auth.SignedIn, error) {
		t.Helper()
		n++ // One network may not ask that often.
		start, err := svc.BeginDesk(at, auth.Browser{Network: fmt.Sprintf("192.0.2.%d", n)}, code)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(b.choose(start.URL, email))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		c := auth.Callback{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss"), Error: q.Get("error"), Browser: auth.Browser{Pre: start.Pre, Network: "192.0.2.7"}}
		if twist != nil {
			twist(&c)
		}
		return svc.FinishDesk(at, c)
	}
	admin, learner := "admin@"+w.a.Slug+".example", "learner@"+w.a.Slug+".example"
	if _, err := come("", admin, nil); err == nil {
		t.Error("somebody whom the provider knows, and no code named, came in")
	}
	code, err := svc.NewOperatorCode(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := svc.NameOperator(at, code, "Somebody", "boss@"+w.b.Slug+".example"); err != nil {
		t.Fatal(err)
	}
	first, err := come(code, admin, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := svc.OperatorSession(at, first.Token)
	if err != nil || s.Email != "boss@"+w.b.Slug+".example" || !s.Provider {
		t.Fatalf("with a code came %+v, %v", s, err)
	}
	if _, err := come(code, learner, nil); err == nil {
		t.Error("a code worked twice")
	}
	again, err := come("", admin, nil)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := svc.OperatorSession(at, again.Token); err != nil || same.OperatorID != s.OperatorID {
		t.Errorf("came again as %+v, %v", same, err)
	}
	if _, err := come("", learner, nil); err == nil {
		t.Error("somebody else at the same provider came in")
	}
	for what, twist := range map[string]func(*auth.Callback){
		"twice": func(c *auth.Callback) {
			if _, err := svc.FinishDesk(at, *c); err != nil {
				t.Error(err)
			}
		},
		"in another browser":    func(c *auth.Callback) { c.Browser.Pre = first.Token },
		"with another state":    func(c *auth.Callback) { c.State = first.Token },
		"of another issuer":     func(c *auth.Callback) { c.Iss = w.op.IssuerURL(w.b.Slug) },
		"without an issuer":     func(c *auth.Callback) { c.Iss = "" },
		"with a refusal":        func(c *auth.Callback) { c.Error = "access_denied" },
		"without a code":        func(c *auth.Callback) { c.Code = "" },
		"with somebody's state": func(c *auth.Callback) { c.State = "" },
	} {
		if _, err := come("", admin, twist); err == nil {
			t.Errorf("an answer %s was taken", what)
		}
	}
	for _, f := range []demoop.Fault{demoop.WrongNonce, demoop.NoNonce, demoop.EmptySubject, demoop.AlgNone, demoop.AlgHS256, demoop.UnknownKid, demoop.RogueKid, demoop.EmbeddedKey, demoop.Expired, demoop.FutureIssue, demoop.NoIDToken, demoop.WrongAtHash, demoop.WrongParty} {
		if err := w.op.SetFault(w.a.Slug, f); err != nil {
			t.Fatal(err)
		}
		if out, err := come("", admin, nil); err == nil || out.Token != "" {
			t.Errorf("%s: came in", f)
		}
	}
	if err := w.op.SetFault(w.a.Slug, ""); err != nil {
		t.Fatal(err)
	}
	other := auth.Operate(t.Context(), w.operator("Other"))
	if err := svc.RemoveOperator(other, s.OperatorID); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.OperatorSession(at, again.Token); err == nil {
		t.Error("a removed operator's session holds")
	}
	if _, err := come("", admin, nil); err == nil {
		t.Error("a removed operator came in")
	}
}

// TestBreakGlassIsOverInAnHour holds that what was approved opens for sixty minutes and that then nothing is read with it, no code leads
// there, and the organization is told that its time was over.
func TestBreakGlassIsOverInAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	svc := w.desk()
	at := func(o auth.Operator) context.Context {
		ctx, err := auth.OperateOn(auth.Operate(t.Context(), o), w.post.OrgID)
		if err != nil {
			t.Fatal(err)
		}
		return ctx
	}
	first, second := at(w.operator("First")), at(w.operator("Second"))
	w.tx(w.post, func(tx *db.Tx) error {
		_, err := tenants.AddMember(tx, tenants.NewMember{Name: "Boss", Email: "boss@" + w.post.Slug + ".example", Roles: []scope.Role{scope.Administrator}})
		return err
	})
	latest := func() auth.Glass {
		t.Helper()
		all, err := svc.Glasses(first)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range all {
			if g.OrgID == w.post.OrgID {
				return g
			}
		}
		t.Fatal("no request")
		return auth.Glass{}
	}
	if err := svc.AskGlass(first, "Nobody there can sign in"); err != nil {
		t.Fatal(err)
	}
	if err := svc.DecideGlass(first, latest().GlassID, true, w.post.Name); !errs.Is(err, errs.Conflict) {
		t.Errorf("approved by who asked: %v", err)
	}
	if err := svc.DecideGlass(second, latest().GlassID, true, w.post.Name); err != nil {
		t.Fatal(err)
	}
	g := latest()
	if g.Until == nil || g.DecidedAt == nil || g.Until.Sub(*g.DecidedAt) != time.Hour {
		t.Errorf("open from %v until %v", g.DecidedAt, g.Until)
	}
	if err := svc.EndGlass(second, g.GlassID); err != nil {
		t.Fatal(err)
	}

	// One that was approved an hour and a second ago.
	if err := svc.AskGlass(first, "Nobody there can sign in, again"); err != nil {
		t.Fatal(err)
	}
	g = latest()
	who, err := scope.From(second)
	if err != nil {
		t.Fatal(err)
	}
	opened := func(since, length time.Duration) error {
		return w.db.Tx(second, func(tx *db.Tx) error {
			return tx.Must(`UPDATE break_glass SET state = 'open', decided_at = $3, until = $4, decided_operator = $5, decider = 'Second' WHERE org_id = $1 AND glass_id = $2`,
				g.OrgID, g.GlassID, tx.Now.Add(-since), tx.Now.Add(length-since), who.Operator)
		})
	}
	if err := opened(time.Minute, time.Hour+time.Second); err == nil {
		t.Error("the database lets one be open for longer than an hour")
	}
	if err := opened(time.Hour+time.Second, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := svc.OpenGlass(first, g.GlassID); !errs.Is(err, errs.Conflict) {
		t.Errorf("a code for what is over: %v", err)
	}
	before := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1`)
	if err := svc.EndGlasses(auth.AtDesk(t.Context())); err != nil {
		t.Fatal(err)
	}
	if g = latest(); g.State != "ended" || g.EndedBy != "time" {
		t.Errorf("an hour later it is %s by %q", g.State, g.EndedBy)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1`); n != before+1 {
		t.Errorf("%d mails tell the organization that it is over", n-before)
	}
	if err := svc.EndGlasses(auth.AtDesk(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := w.count(w.post, `SELECT count(*)::int FROM mails WHERE org_id = $1`); n != before+1 {
		t.Error("it is told twice")
	}
}
