package courses_test

import (
	"testing"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/id"
)

// The form in which people are asked counts whom the viewer chose as far as they look after them, each once: nobody reads from it how much
// somebody else's people were asked.
func TestWhoIsAskedIsCounted(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	for range 5 { // As many as a month needs before it says anything.
		it := c.course("asked-"+id.New[id.Any]().String()[24:], "shared")
		c.assign(c.admin, courses.Assigning{Item: it.ItemID, People: []id.Membership{c.outside}})
	}
	for _, tt := range []struct {
		name  string
		whom  courses.AssignWhom
		asked int
	}{
		{"people", courses.AssignWhom{People: c.inside}, 2},
		{"the own team", courses.AssignWhom{Teams: []id.Any{c.team}}, 3},
		{"a team and one of it", courses.AssignWhom{Teams: []id.Any{c.team}, People: c.inside[:1]}, 3},
		{"somebody else", courses.AssignWhom{People: []id.Membership{c.outside}}, 0},
		{"another team", courses.AssignWhom{Teams: []id.Any{c.others}}, 0},
		{"everybody", courses.AssignWhom{Everybody: true}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := c.svc.AssignForm(c.manager, tt.whom)
			if err != nil {
				t.Fatal(err)
			}
			if v.Asked != tt.asked || v.Month.Starts != 0 {
				t.Errorf("%d are asked of %d, and %d things were begun this month", v.Asked, tt.asked, v.Month.Starts)
			}
		})
	}
	if v, err := c.svc.AssignForm(c.admin, courses.AssignWhom{People: []id.Membership{c.outside}}); err != nil || v.Month.Starts != 5 {
		t.Errorf("an administrator reads %+v, %v", v.Month, err)
	}
}
