package webtest_test

import (
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// Whoever begins something of a publisher that asks for names is at the first lesson at once; the question stands below it and beside
// the path, can be answered there with and without a script, and is gone then.
func TestQuestionForTheNameStandsBeside(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	for _, script := range []bool{true, false} {
		b := webtest.Open(t, 1360)
		who := "learner2@brightwater.example"
		if !script {
			who = "moderator@brightwater.example"
		}
		signIn(t, b, d, who)
		b.Script(script)
		b.Visit(d.URL("brightwater", "/learn?kind=course&org=halden"))
		var begun bool
		for _, at := range webtest.Eval[[]string](b, `[...document.querySelectorAll('main a[href^="/course/"]')].map(a => a.href)`) {
			b.Visit(at)
			if begun = b.Has(`.progress-card form`) && !b.Has(`.lm-done`); begun {
				break
			}
		}
		if !begun {
			t.Fatalf("%s has begun everything", who)
		}
		if b.Has(`#ask`) {
			t.Error("the question comes before anything is learned")
		}
		b.Click(`.progress-card form button`)
		b.Wait(`#lesson-foot`)
		lesson := b.At()
		b.Wait(`#ask`)
		shot(b, "ask-lesson")
		if script {
			b.Accessible()
			b.Fits(320)
			b.Resize(1360)
		}
		b.Click(`#ask button[value="declined"]`)
		if script {
			b.Wait(`#ask[role="status"] a[href="/me/sharing/halden"]`)
		}
		b.Wait(`#lesson-foot`)
		if b.At() != lesson {
			t.Errorf("answering leads to %s", b.At())
		}
		b.Visit(lesson)
		if b.Has(`#ask`) {
			t.Error("it is asked again")
		}
	}
}
