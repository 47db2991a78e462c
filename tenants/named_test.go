package tenants_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

func TestNamedIn(t *testing.T) {
	t.Parallel()
	halden, solvik := id.New[id.Org](), id.New[id.Org]()
	list := []tenants.Called{{Org: halden, Name: "Halden Systems", Domains: []string{"halden.example"}}, {Org: solvik, Name: "Solvik Dairy"}, {Org: id.New[id.Org](), Name: "The Fish", Domains: []string{"fish.example"}}}
	for _, tt := range []struct {
		name, text string
		but        []id.Org
		want       []string
	}{
		{"nobody", "The probe was off by half a degree.", nil, nil},
		{"by name", "At Halden’s site", nil, []string{"Halden Systems"}},
		{"in another case", "SOLVIK asked", nil, []string{"Solvik Dairy"}},
		{"within a word", "haldenish", nil, nil},
		{"an ordinary first word", "the door", nil, nil},
		{"by a domain", "see fish.example.", nil, []string{"The Fish"}},
		{"in an address", "write to ada@mail.fish.example", nil, []string{"The Fish"}},
		{"another domain", "goldfish.example", nil, nil},
		{"but those whose it is", "Halden and Solvik", []id.Org{halden}, []string{"Solvik Dairy"}},
		{"in their order", "Solvik, then halden.example", nil, []string{"Halden Systems", "Solvik Dairy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tenants.NamedIn(tt.text, list, tt.but...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
