package pages

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/markdown"
)

// TestBlocksKeepWhatTheyHold holds that a recording that an author saves in the form keeps its chapters and its transcript, line by line,
// wherever it plays from.
func TestBlocksKeepWhatTheyHold(t *testing.T) {
	t.Parallel()
	want := markdown.Fields{
		Title: "Tour", Src: "https://video.example/1.mp4", Poster: "still.png", Captions: "tour.vtt",
		Chapters: "0:00 Begin\n1:30 What comes now", Said: "0:05 Welcome\n0:09 to the tour",
	}
	var got []formBlock
	app := fiber.New()
	app.Post("/", func(c *fiber.Ctx) error {
		got = readBlocks(c)
		return nil
	})
	form := url.Values{"blocks": {"1"}, "b0.kind": {markdown.Video}}
	for name, v := range map[string]string{"title": want.Title, "src": want.Src, "poster": want.Poster, "captions": want.Captions, "chapters": want.Chapters, "said": want.Said} {
		form.Set("b0."+name, strings.ReplaceAll(v, "\n", "\r\n")) // As browsers send lines.
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form.Encode()))
	req.Header.Set(fiber.HeaderContentType, fiber.MIMEApplicationForm)
	res, err := app.Test(req, -1)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if len(got) != 1 {
		t.Fatalf("%d blocks", len(got))
	}
	if diff := cmp.Diff(want, got[0].Fields); diff != "" {
		t.Error(diff)
	}
}
