package markdown_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/markdown"
)

func TestSteps(t *testing.T) {
	t.Parallel()
	want := []markdown.Do{{Key: "cool-it-down", HTML: "Cool it <strong>down</strong>"}, {Key: "wait-18-c", HTML: "Wait: -18 °C"}, {Key: "cool-it-down-2", HTML: "Cool it down"}}
	for name, body := range map[string]string{
		"as a list":       "steps:\n  - Cool it **down**\n  - 'Wait: -18 °C'\n  - Cool it down\n",
		"as lines":        "steps: |\n  Cool it **down**\n  Wait: -18 °C\n\n  Cool it down\n",
		"as copied lines": "steps: |\n  1. Cool it **down**\n  - [ ] Wait: -18 °C\n  3) Cool it down\n",
	} {
		blocks, problems := markdown.Split("```steps\ntitle: Ice bath\n"+body+"```", markdown.Options{})
		if len(problems) > 0 || len(blocks) != 1 {
			t.Fatalf("%s: %+v %+v", name, blocks, problems)
		}
		if diff := cmp.Diff(want, blocks[0].Do); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := markdown.Plain("```steps\ntitle: Ice bath\nask: In the field\nsteps:\n  - Cool it **down**\n```"); got != "Ice bath\nIn the field\nCool it down" {
		t.Errorf("people search for %q", got)
	}
}

func TestFramed(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"https://www.youtube.com/watch?v=aBc-123_xyz&t=4", "https://www.youtube-nocookie.com/embed/aBc-123_xyz"},
		{"https://youtu.be/aBc-123_xyz", "https://www.youtube-nocookie.com/embed/aBc-123_xyz"},
		{"https://vimeo.com/12345678", "https://player.vimeo.com/video/12345678?dnt=1"},
		{"https://Maps.Example.org/a?b=c", "https://maps.example.org/a?b=c"},
		{"http://maps.example.org/", ""},
		{"//maps.example.org/", ""},
		{"https://maps.example.org:8443/", ""},
		{"https://me@maps.example.org/", ""},
		{"https://127.0.0.1/", ""},
		{"https://[::1]/", ""},
		{"https://localhost/", ""},
		{"https://a_b.example.org/", ""},
		{"https://maps.example.org; script-src *", ""},
		{"javascript:alert(1)", ""},
		{"data:text/html,x", ""},
		{"maps.example.org", ""},
	}
	for _, tt := range tests {
		got, ok := markdown.Framed(tt.in)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s is framed as %q, %v; want %q", tt.in, got, ok, tt.want)
		}
	}
}

func TestFramePage(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://vimeo.com/12345678":                            "https://vimeo.com/12345678",
		"https://player.vimeo.com/video/12345678?h=0a1b2c":      "https://vimeo.com/12345678/0a1b2c",
		"https://youtu.be/aBc-123_xyz":                          "https://www.youtube.com/watch?v=aBc-123_xyz",
		"https://www.youtube.com/watch?v=aBc-123_xyz&t=4":       "https://www.youtube.com/watch?v=aBc-123_xyz",
		"https://player.vimeo.com/api":                          "https://player.vimeo.com/api",
		"https://player.vimeo.com/video/1/..%2f..?h=//evil.org": "https://player.vimeo.com/video/1/..%2f..?h=//evil.org",
		"https://maps.example.org/embed/a":                      "https://maps.example.org/embed/a",
	} {
		src, ok := markdown.Framed(in)
		if got := markdown.FramePage(src); !ok || got != want {
			t.Errorf("%s is found at %q; want %q", in, got, want)
		}
	}
}

func TestListsAndFramesNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"```steps\ntitle: x\n```":                                                "no_steps",
		"```steps\nsteps:\n  - One\n```":                                         "no_title",
		"```steps\nsteps: {a: b}\n```":                                           "unreadable",
		"```embed\ntitle: x\n```":                                                "no_address",
		"```embed\ntitle: x\nsrc: http://a.example\n```":                         "bad_address",
		"```embed\nsrc: https://a.example/\n```":                                 "no_title",
		"```steps\ntitle: x\nsteps:\n" + strings.Repeat("  - One\n", 41) + "```": "many_steps",
	} {
		_, problems := markdown.Split("Before.\n\n"+body, markdown.Options{})
		if len(problems) != 1 || problems[0].Key != want || problems[0].Line != 3 {
			t.Errorf("%q: %+v, want %s in line 3", body, problems, want)
		}
	}
}
