package search

import (
	"strings"
	"testing"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/scope"
)

// A lesson is found in each of its languages and shown in the one in which it was found; to whom it is not open, in none.
func TestTranslationsAreFoundInTheirLanguage(t *testing.T) {
	t.Parallel()
	h, b := pair(t)
	h.collection(t, "partners", "agreement")
	it := h.course(t, "Field engineer basics", "For everybody on site.", []lesson{{"check", "The field check", "Crush the ice and calibrate the probe."}}, "partners")
	if err := h.d.Tx(dbtest.System(t, scope.Operator, h.org), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO lesson_texts (org_id, item_id, version, key, lang, title, source, blocks, plain) VALUES ($1, $2, 1, 'check', 'de', 'Die Prüfung vor Ort', '', '[]', 'Das Eis zerstoßen und den Messfühler abgleichen.')`, h.org, it.ItemID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.index(t, it.ItemID)
	h.refresh(t)
	if got := b.search(t, Query{Text: "Messfühler"}); got.Total != 0 {
		t.Errorf("before it is opened another organization finds %q", titlesOf(got))
	}
	h.open(t, "partners", b)
	h.refresh(t)
	for _, tt := range []struct{ words, title, lang, end string }{
		{"Messfühler", "Die Prüfung vor Ort", "de", "/lessons/check?lang=de"},
		{"calibrate", "The field check", "en", "/lessons/check"},
	} {
		got := b.search(t, Query{Text: tt.words, Counts: true})
		if len(got.Hits) != 1 || got.Total != 1 {
			t.Errorf("%q finds %q", tt.words, titlesOf(got))
			continue
		}
		if hit := got.Hits[0]; text(hit.Title) != tt.title || hit.Lang != tt.lang || hit.Part != "check" || !strings.HasSuffix(hit.URL, tt.end) {
			t.Errorf("%q finds %+v", tt.words, hit)
		}
	}
}
