package courses_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/markdown"
)

// content is a folder of real content, which is no part of this repository. Its place is named by LEARNSCAPE_CONTENT.
func content(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("LEARNSCAPE_CONTENT"), name)
	if _, err := os.Stat(filepath.Join(dir, "SOURCE.txt")); err != nil {
		t.Skipf("set LEARNSCAPE_CONTENT to a folder that holds %s", name)
	}
	return dir
}

func lessonsOf(t *testing.T, w *world, v courses.View) map[string]courses.LessonView {
	t.Helper()
	out := map[string]courses.LessonView{}
	for _, s := range v.Stations {
		l, err := w.svc.Lesson(w.vendor.member, courses.Place{Item: v.Item.ItemID, Lesson: s.Lesson}, nil)
		if err != nil {
			t.Fatal(err)
		}
		out[s.Lesson] = l
	}
	return out
}

func textOf(l courses.LessonView) string {
	var b strings.Builder
	for _, x := range l.Blocks {
		b.WriteString(x.HTML)
	}
	return b.String()
}

// TestRealTrees imports what others wrote, and looks for what is left of their notations.
func TestRealTrees(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dir, title, licence, origin string
		lessons, files, findings    int // at least so many lessons and files, at most so many findings
		left                        []string
	}{
		{"docker-getting-started", "Getting Started", "Apache-2.0", "docker/getting-started", 10, 15, 60, []string{"{:", "!!!"}},
		{"eng-practices", "eng-practices", "CC BY 3.0", "google/eng-practices", 12, 0, 60, []string{"{#", "&lt;a"}},
		{"github-skills-intro", "github-skills-intro", "MIT", "skills/introduction-to-github", 4, 0, 60, []string{"&lt;img"}},
		{"carpentries-git-novice", "Version Control with Git", "CC BY 4.0", "swcarpentry/git-novice", 14, 15, 60, []string{":::", "{alt", "{#"}},
		{"opensource-guide", "Open Source Guides", "CC BY 4.0", "github/opensource.guide", 12, 0, 500, []string{"&lt;aside", "markdown="}},
		{"innersource-learning-path", "Inner Source Learning Path", "CC BY-SA 4.0", "InnerSourceCommons/InnerSourceLearningPath", 41, 8, 60, []string{"[[", "https://patterns.innersourcecommons.org/p/30-day-warranty[", "===="}},
	}
	for _, tt := range tests {
		t.Run(tt.dir, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: content(t, tt.dir)})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Findings {
				t.Log(f)
			}
			if r.Item.Title != tt.title || r.Lessons < tt.lessons || r.Files < tt.files || len(r.Findings) > tt.findings {
				t.Errorf("%q with %d lessons, %d files, %d findings", r.Item.Title, r.Lessons, r.Files, len(r.Findings))
			}
			v, err := w.svc.Course(w.vendor.member, r.Item.ItemID)
			if err != nil {
				t.Fatal(err)
			}
			for key, l := range lessonsOf(t, w, v) {
				t.Logf("%s: %s %v", key, l.Title, l.Langs)
				if l.Licence != tt.licence || !strings.Contains(l.Origin, tt.origin) {
					t.Errorf("%s is under %q, from %q", key, l.Licence, l.Origin)
				}
				for _, left := range tt.left {
					if i := strings.Index(textOf(l), left); i >= 0 {
						t.Errorf("%s: %q is left: %s", key, left, textOf(l)[max(0, i-80):min(len(textOf(l)), i+80)])
					}
				}
			}
			again, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: content(t, tt.dir)})
			if err != nil || again.Fresh || again.Version != 1 {
				t.Errorf("again: version %d (fresh %v), %v", again.Version, again.Fresh, err)
			}
		})
	}
}

// TestAsciidocTree takes a course with everything that belongs to its lessons: recordings with captions, translations and questions.
func TestAsciidocTree(t *testing.T) {
	t.Parallel()
	w := setup(t)
	r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: content(t, "innersource-learning-path"), Slug: "learning-path", Collections: []string{"shared"}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.svc.Course(w.vendor.member, r.Item.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	questions, videos, spoken := 0, 0, 0
	langs := map[string]int{}
	for _, l := range lessonsOf(t, w, v) {
		for _, b := range l.Blocks {
			questions += len(b.Questions)
			if b.Kind == markdown.Video {
				videos++
				if len(b.Said) > 5 && b.Captions != "" {
					spoken++
				}
			}
		}
		for _, c := range l.Langs {
			langs[c]++
		}
	}
	if questions != 48 || videos != 27 || spoken != 4 {
		t.Errorf("%d questions, %d recordings, %d of them with captions", questions, videos, spoken)
	}
	if langs["de"] < 15 || langs["zh"] < 20 || langs["pt-br"] < 20 || len(langs) != 9 {
		t.Errorf("languages: %v", langs)
	}
	// A partner's learner reads it in German and answers; what was answered counts in each language.
	german := courses.Reading(w.partner.member, "de")
	at := courses.Place{Item: r.Item.ItemID, Lesson: "principles"}
	l, err := w.svc.Lesson(german, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(l.Blocks, func(b courses.BlockView) bool { return b.Kind == markdown.Quiz })
	if l.Lang != "de" || !strings.Contains(textOf(l), "Prinzip") || i < 0 || len(l.Blocks[i].Questions) == 0 {
		t.Fatalf("in %s: %s", l.Lang, textOf(l))
	}
	if _, err := w.svc.Answer(german, at, courses.Given{Question: l.Blocks[i].Questions[0].Key, Choices: []int{0}}); err != nil {
		t.Fatal(err)
	}
	en, err := w.svc.Lesson(w.partner.member, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := slices.IndexFunc(en.Blocks, func(b courses.BlockView) bool { return b.Kind == markdown.Quiz })
	if en.Lang != "en" || en.Blocks[j].Questions[0].State == courses.Unanswered {
		t.Errorf("in %s the question is %q", en.Lang, en.Blocks[j].Questions[0].State)
	}
	fr, err := w.svc.Course(courses.Reading(w.vendor.member, "fr"), r.Item.ItemID)
	if err != nil {
		t.Fatal(err)
	}
	if fr.Stations[1].Title == v.Stations[1].Title {
		t.Errorf("the second lesson is called %q in French", fr.Stations[1].Title)
	}
}

// TestLessonInSeveralLanguages says what belongs together, and what a learner sees of it.
func TestLessonInSeveralLanguages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	dir := t.TempDir()
	const quiz = "\n```quiz\nquestions:\n  - ask: %s\n    choices:\n      - text: %s\n        right: true\n      - text: %s\n```\n"
	write(t, dir, map[string]string{
		"course.yaml":       "title: Probes\nlang: en\nlicence: CC BY-SA 4.0\nsource: https://example.com/probes\n",
		"01-cold.md":        "# Cold\n\nIt is cold." + strings.NewReplacer("%s", "Why?").Replace(quiz),
		"de/01-kalt.md":     "# Kalt\n\nEs ist kalt." + strings.NewReplacer("%s", "Warum?").Replace(quiz),
		"02-warm.md":        "---\nlicence: MIT\nsource: a book\n---\n# Warm\n\nIt is warm, see [cold](01-cold.md).\n\n```reflect\nask: Where?\n```\n",
		"02-warm.fr.md":     "# Chaud\n\nIl fait chaud.\n\n```reflect\nask: Où ?\n```\n",
		"de/02-warm.md":     "# Warm\n\nEs ist warm." + strings.NewReplacer("%s", "Zu viel?").Replace(quiz),
		"fr/03-seul.md":     "# Seul\n\nPersonne d'autre.",
		"js/not-a-page.txt": "x",
	})
	r, err := w.svc.ImportFolder(w.vendor.ctx, courses.ImportOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	see := func(lesson, code string) courses.LessonView {
		t.Helper()
		l, err := w.svc.Lesson(courses.Reading(w.vendor.member, code), courses.Place{Item: r.Item.ItemID, Lesson: lesson}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	type seen struct {
		Lesson, Asked   string
		Title, Lang     string
		Licence, Origin string
		Langs           []string
	}
	var got []seen
	for _, at := range [][2]string{{"cold", "de"}, {"cold", "fr"}, {"warm", "fr"}, {"seul", "en"}, {"cold", "<script>"}} {
		l := see(at[0], at[1])
		got = append(got, seen{at[0], at[1], l.Title, l.Lang, l.Licence, l.Origin, l.Langs})
	}
	own := "https://example.com/probes"
	want := []seen{
		{"cold", "de", "Kalt", "de", "CC BY-SA 4.0", own, []string{"en", "de"}},
		{"cold", "fr", "Cold", "en", "CC BY-SA 4.0", own, []string{"en", "de"}},
		{"warm", "fr", "Chaud", "fr", "MIT", "a book", []string{"en", "fr", "de"}},
		{"seul", "en", "Seul", "fr", "CC BY-SA 4.0", own, nil},
		{"cold", "<script>", "Cold", "en", "CC BY-SA 4.0", own, []string{"en", "de"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a, b := see("cold", "en"), see("cold", "de"); a.Blocks[1].Questions[0].Key != b.Blocks[1].Questions[0].Key || b.Blocks[1].Questions[0].Ask != "Warum?" {
		t.Errorf("the German question is %+v", b.Blocks[1].Questions[0])
	}
	if a, b := see("warm", "en"), see("warm", "fr"); a.Blocks[1].Key != b.Blocks[1].Key || b.Blocks[1].Ask != "Où ?" {
		t.Errorf("the French reflection is %+v", b.Blocks[1])
	}
	// A quiz that the lesson has not would be answered by nobody.
	if de := see("warm", "de"); slices.ContainsFunc(de.Blocks, func(b courses.BlockView) bool { return b.Kind == markdown.Quiz }) {
		t.Error("the German text asks what the lesson does not")
	}
	if !slices.ContainsFunc(r.Findings, func(f courses.Finding) bool { return f.File == "de/02-warm.md" && f.Line == 4 && f.Found == "quiz" }) {
		t.Errorf("findings: %v", r.Findings)
	}
}

// TestConvertDivisions converts what lessons for a workbench are made of.
func TestConvertDivisions(t *testing.T) {
	t.Parallel()
	in := "::::: challenge\n\n## Try\n\nText.\n\n:::: solution\n\n```bash\n::: kept\n```\n\n::::\n\n:::::\n\n![](a.png){alt='A [cat]' width=\"60%\"}\n\n" +
		"## Title {#there .x}\n\nA [word]{#w} and <name of file>, `<b>`.<br>\n<!-- not\nthis -->\n<aside markdown=\"1\" class=\"q\">\n  <img src=\"x y.png\" alt=\"A face\">\n\n  Said <em>so</em>.\n</aside>\n\n<a href=\"b.md\">Go</a>\n"
	want := "> [!TIP] Challenge\n>\n> ## Try\n>\n> Text.\n>\n> > [!DETAILS] Solution\n> >\n> > ```bash\n> > ::: kept\n> > ```\n> >\n>\n>\n\n\n![A cat](a.png)\n\n" +
		"## Title\n\nA word and \\<name of file>, `<b>`.\\\n\n\n> \n>   ![A face](x%20y.png)\n>\n>   Said *so*.\n\n\n[Go](b.md)\n"
	got, problems := courses.Convert(in)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v (-want +got):\n%s", problems, diff)
	}
}
