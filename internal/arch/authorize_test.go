package arch_test

import (
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/arch"
)

// unauthorized are the methods that may do without a check, each with the reason.
var unauthorized = map[string]string{}

func TestEveryServiceMethodAuthorizes(t *testing.T) {
	t.Parallel()
	files := house(t)
	if n := arch.ServiceMethods(files); n < 4 {
		t.Fatalf("only %d service methods found: the guard looks at the wrong types", n)
	}
	got := arch.Unauthorized(files)
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if unauthorized[key] == "" {
			t.Error(got[key])
		}
	}
	for key := range unauthorized {
		if _, ok := got[key]; !ok {
			t.Errorf("%s is excepted but needs no exception", key)
		}
	}
}

func TestUnauthorizedFindsPlantedViolations(t *testing.T) {
	t.Parallel()
	const head = `package courses
import ( "context"; "errors"; az "fmt"; "github.com/learnscape/learnscape/internal/authz"; "github.com/learnscape/learnscape/internal/id" )
type Service struct{}
type other struct{}
func (s *Service) Good(ctx context.Context) (int, error) {
	if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil { return 0, err }
	return 1, nil
}
`
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"a good one alone", ``, nil},
		{"no check", `func (s *Service) Bad(ctx context.Context) error { return nil }`, []string{"courses.Bad"}},
		{"a value receiver", `func (s Service) Bad(ctx context.Context) error { return nil }`, []string{"courses.Bad"}},
		{"no name for the context", `func (s *Service) Bad(context.Context) error { return nil }`, []string{"courses.Bad"}},
		{"an empty body", `func (s *Service) Bad(ctx context.Context) {}`, []string{"courses.Bad"}},
		{"the check comes second", `func (s *Service) Bad(ctx context.Context) error { x := 1; _ = x
			if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil { return err }; return nil }`, []string{"courses.Bad"}},
		{"the answer is dropped", `func (s *Service) Bad(ctx context.Context) error { _ = authz.Check(ctx, authz.Learn, id.Org{}); return nil }`, []string{"courses.Bad"}},
		{"the answer is turned round", `func (s *Service) Bad(ctx context.Context) error {
			if err := authz.Check(ctx, authz.Learn, id.Org{}); err == nil { return err }; return nil }`, []string{"courses.Bad"}},
		{"the refusal goes on", `func (s *Service) Bad(ctx context.Context) error {
			if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil { _ = err }; return nil }`, []string{"courses.Bad"}},
		{"the refusal returns nil", `func (s *Service) Bad(ctx context.Context) error {
			if err := authz.Check(ctx, authz.Learn, id.Org{}); err != nil { return nil }; return errors.New("") }`, []string{"courses.Bad"}},
		{"another context is asked", `func (s *Service) Bad(ctx context.Context) error { 
			if err := authz.Check(context.TODO(), authz.Learn, id.Org{}); err != nil { return err }; return nil }`, []string{"courses.Bad"}},
		{"the action is computed", `func (s *Service) Bad(ctx context.Context, a authz.Action) error {
			if err := authz.Check(ctx, a, id.Org{}); err != nil { return err }; return nil }`, []string{"courses.Bad"}},
		{"a look-alike", `var authz2 = az.Sprint
			func (s *Service) Bad(ctx context.Context) error { if err := az.Check(ctx, authz.Learn, id.Org{}); err != nil { return err }; return nil }`, []string{"courses.Bad"}},
		{"a delegation", `func (s *Service) Fine(ctx context.Context) (int, error) { return s.Good(ctx) }`, nil},
		{"a delegation to one without a check", `func (s *Service) Bad(ctx context.Context) error { return s.Worse(ctx) }
			func (s *Service) Worse(ctx context.Context) error { return nil }`, []string{"courses.Bad", "courses.Worse"}},
		{"a delegation in a circle", `func (s *Service) Bad(ctx context.Context) error { return s.Worse(ctx) }
			func (s *Service) Worse(ctx context.Context) error { return s.Bad(ctx) }`, []string{"courses.Bad", "courses.Worse"}},
		{"a delegation to an unexported method", `func (s *Service) Bad(ctx context.Context) error { return s.hidden(ctx) }
			func (s *Service) hidden(ctx context.Context) error { return nil }`, []string{"courses.Bad"}},
		{"a delegation with another context", `func (s *Service) Bad(ctx context.Context) (int, error) { return s.Good(context.WithoutCancel(ctx)) }`, []string{"courses.Bad"}},
		{"a delegation that works first", `func (s *Service) Bad(ctx context.Context) (int, error) { az.Print(); return s.Good(ctx) }`, []string{"courses.Bad"}},
		{"another type, no context, unexported, the life cycle", `func (o other) Any(ctx context.Context) {}
			func (s *Service) Base() string { return "" }
			func (s *Service) quiet(ctx context.Context) {}
			func (s *Service) Run(ctx context.Context) error { return nil }`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files, err := arch.Parse(fstest.MapFS{"courses/service.go": {Data: []byte(head + tt.body)}})
			if err != nil {
				t.Fatal(err)
			}
			got := slices.Sorted(maps.Keys(arch.Unauthorized(files)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("methods found (-want +got):\n%s", diff)
			}
		})
	}
}
