package markdown_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/learnscape/learnscape/internal/markdown"
)

var options = markdown.Options{
	Image: func(name string) (string, bool) { return "/files/1/" + name, name == "ice.png" },
	Link:  func(target string) (string, bool) { return "/course/1/x/lessons/" + target, target == "two" },
}

func TestRender(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"emphasis", "A *b* **c** ~~d~~ `e`", "<p>A <em>b</em> <strong>c</strong> <del>d</del> <code>e</code></p>"},
		{"the page owns level one", "# One\n\n### Three", "<h2 id=\"s-one\">One</h2>\n<h3 id=\"s-three\">Three</h3>"},
		{"same headings", "## A\n\n## A", "<h2 id=\"s-a\">A</h2>\n<h2 id=\"s-a-2\">A</h2>"},
		{"umlauts", "## Über 0 °C", `<h2 id="s-über-0-c">Über 0 °C</h2>`},
		{"raw html", "<div onclick=x>Hi</div>\n\n<b>x</b> <script>alert(1)</script>", "<p>x alert(1)</p>"},
		{"external link", "[x](https://example.com)", `<p><a href="https://example.com" rel="noopener">x</a></p>`},
		{"autolink", "https://example.com", `<p><a href="https://example.com" rel="noopener">https://example.com</a></p>`},
		{"known link", "[x](two)", `<p><a href="/course/1/x/lessons/two">x</a></p>`},
		{"unknown link", "[x *y*](three) z", "<p>x <em>y</em> z</p>"},
		{"script link", "[x](javascript:alert(1)) [y](data:text/html,x) [z](//evil.example)", "<p>x y z</p>"},
		{"fragment", "[x](#some-part)", `<p><a href="#s-some-part">x</a></p>`},
		{"image", `![Ice *bath*](ice.png "t")`, `<p><img src="/files/1/ice.png" alt="Ice bath" loading="lazy"></p>`},
		{"missing image", `![Ice "bath"](gone.png)`, "<p>[Ice &#34;bath&#34;]</p>"},
		{"alert", "> [!WARNING]\n> Hot.", "<div class=\"callout callout-warn\" role=\"note\"><div>\n<p class=\"callout-title\"><strong>Warning</strong></p>\n<p>Hot.</p>\n</div></div>"},
		{"alert with title", "> [!TIP] Be <quick>\n> Go.", "<div class=\"callout callout-ok\" role=\"note\"><div>\n<p class=\"callout-title\"><strong>Be &lt;quick&gt;</strong></p>\n<p>Go.</p>\n</div></div>"},
		{"quote", "> Said.", "<blockquote>\n<p>Said.</p>\n</blockquote>"},
		{"code", "```go\nx := 1 // <\n```", "<pre class=\"chroma\" tabindex=\"0\"><code><span class=\"nx\">x</span> <span class=\"o\">:=</span> <span class=\"mi\">1</span> <span class=\"c1\">// &lt;</span>\n</code></pre>"},
		{"unknown code", "```x\" onload=\"y\n<b>\n```", "<pre class=\"chroma\" tabindex=\"0\"><code>&lt;b&gt;\n</code></pre>"},
		{"table", "| A | B |\n| --- | ---: |\n| 1 | 2 |", "<table tabindex=\"0\">\n<thead>\n<tr>\n<th scope=\"col\">A</th>\n<th scope=\"col\" class=\"num\">B</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td class=\"num\">2</td>\n</tr>\n</tbody>\n</table>"},
		{"tasks", "- [ ] a\n- [x] b", "<ul>\n<li><span class=\"task\">☐</span> a</li>\n<li><span class=\"task task-done\">☑</span> b</li>\n</ul>"},
		{"byte order mark", "\uFEFFx\r\ny", "<p>x\ny</p>"},
	}
	for _, tt := range tests {
		got, err := markdown.Render(tt.in, options)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got, _ := markdown.Render("> [!NOTE]\n> x", markdown.Options{Lang: "de-CH"}); !strings.Contains(got, "Hinweis") {
		t.Errorf("a German alert: %s", got)
	}
	if _, err := markdown.Render(strings.Repeat("x", markdown.MaxSource+1), options); err == nil {
		t.Error("a text without end was rendered")
	}
}

func TestPlainAndSummary(t *testing.T) {
	t.Parallel()
	in := "## Head\n\nSome *words*\nand `code`.\n\n| A | B | C |\n| --- | --- | --- |\n| 1 | | 2 |\n| | 3 | |\n\n<b>x</b>\n\n```\nraw\n```"
	if diff := cmp.Diff("Head\nSome words and code.\nA, B, C\n1, 2\n3\nx\nraw", markdown.Plain(in)); diff != "" {
		t.Errorf("plain (-want +got):\n%s", diff)
	}
	if got := markdown.Summary("One two, three", 10); got != "One two…" {
		t.Errorf("summary: %q", got)
	}
	if got := markdown.Summary("One", 10); got != "One" {
		t.Errorf("summary of a short text: %q", got)
	}
}

const lesson = "Start [ref].\n\n## Make the bath\n\nOne.\n\n```video\nsrc: a.webm\ntitle: Watch\n```\n\nTwo.\n\n## Make the bath\n\n```text\n## not a head\n```\n\n" +
	"```quiz\ntitle: Check\nquestions:\n  - ask: One?\n    choices: [{text: a, right: true}, {text: b}]\n```\n\n```reflect\nkey: think\nask: Where?\n```\n\n{{path halden/cold-chain}}\n\n[ref]: https://example.com\n"

func TestSplit(t *testing.T) {
	t.Parallel()
	blocks, problems := markdown.Split(lesson, options)
	if len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	type row struct{ Kind, Key, Title string }
	var got []row
	for _, b := range blocks {
		got = append(got, row{b.Kind, b.Key, b.Title})
	}
	want := []row{
		{"prose", "start", ""},
		{"prose", "make-the-bath", "Make the bath"},
		{"video", "video-watch", "Watch"},
		{"prose", "make-the-bath-2", ""},
		{"prose", "make-the-bath-3", "Make the bath"},
		{"quiz", "quiz-check", "Check"},
		{"reflect", "think", ""},
		{"path", "halden-cold-chain", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(blocks[0].HTML, "https://example.com") {
		t.Errorf("a reference from another part was lost: %s", blocks[0].HTML)
	}
	if !strings.Contains(blocks[4].HTML, `id="s-make-the-bath-3"`) || blocks[7].Ref != "halden/cold-chain" || blocks[5].Line != 20 {
		t.Errorf("%+v", blocks)
	}
}

func TestSplitNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, problem string
		line              int
	}{
		{"no yaml", "x\n\n```quiz\n: [\n```", "it cannot be read", 3},
		{"unknown key", "x\n\n```quiz\nfoo: 1\n```", "it cannot be read", 3},
		{"no question", "x\n\n```quiz\ntitle: T\n```", "it has no question that can be answered", 3},
		{"nothing right", "x\n\n```quiz\nquestions: [{ask: A, choices: [{text: a}, {text: b}]}]\n```", "no choice is right", 4},
		{"two right", "x\n\n```quiz\nquestions: [{ask: A, choices: [{text: a, right: true}, {text: b, right: true}]}]\n```", "several choices are right", 4},
		{"one choice", "x\n\n```quiz\nquestions: [{ask: A, choices: [{text: a, right: true}]}]\n```", "there is nothing to choose", 4},
		{"the second of two", "x\n\n```quiz\nquestions:\n  - ask: A\n    choices: [{text: a, right: true}, {text: b}]\n  - ask: B\n    kind: number\n    choices: [{text: ten, right: true}]\n```", "a choice is no number", 7},
		{"a number that nothing is right of", "x\n\n```quiz\nquestions: [{ask: A, kind: number, choices: [{text: 3}]}]\n```", "no choice is right", 4},
		{"a tolerance that is none", "x\n\n```quiz\nquestions: [{ask: A, kind: number, tolerance: some, choices: [{text: 3, right: true}]}]\n```", "its tolerance is some", 4},
		{"words that are never right", "x\n\n```quiz\nquestions: [{ask: A, kind: text, choices: [{text: a}]}]\n```", "no choice is right", 4},
		{"forgives the unknown", "x\n\n```quiz\nquestions: [{ask: A, kind: text, forgive: [all], choices: [{text: a, right: true}]}]\n```", "it forgives all", 4},
		{"three truths", "x\n\n```quiz\nquestions: [{ask: A, kind: truefalse, choices: [{right: true}, {}, {}]}]\n```", "a statement holds or does not", 4},
		{"an order of the same", "x\n\n```quiz\nquestions: [{ask: A, kind: order, choices: [{text: a}, {text: a}]}]\n```", "two choices say the same", 4},
		{"no partner", "x\n\n```quiz\nquestions: [{ask: A, kind: match, choices: [{text: a, match: b}, {text: c}]}]\n```", "a choice has no partner", 4},
		{"all the same partner", "x\n\n```quiz\nquestions: [{ask: A, kind: match, choices: [{text: a, match: b}, {text: c, match: b}]}]\n```", "there is nothing to put together", 4},
		{"unknown kind", "x\n\n```quiz\nquestions: [{ask: A, kind: essay, choices: [{text: a, right: true}, {text: b}]}]\n```", "its kind is essay", 4},
		{"no ask", "x\n\n```reflect\nkey: a\n```", "there is no question", 3},
		{"no file", "x\n\n```file\ntitle: a\n```", "there is no file", 3},
	}
	for _, tt := range tests {
		blocks, problems := markdown.Split(tt.in, options)
		left := 0
		for _, b := range blocks {
			left += len(b.Questions)
		}
		if left > 1 || len(problems) == 0 || !strings.HasPrefix(problems[0].Problem, tt.problem) || problems[0].Line != tt.line {
			t.Errorf("%s: %d blocks, problems %+v", tt.name, len(blocks), problems)
		}
	}
}

func TestQuestionsOfEveryKind(t *testing.T) {
	t.Parallel()
	const source = "```quiz\nshuffle: true\ndraw: 2\nattempts: 3\nminutes: 10\npass: 80\nquestions:\n" +
		"  - ask: \"Is `0.6` **right**? ![bath](ice.png)\"\n    kind: truefalse\n    choices: [{right: true}, {because: no}]\n" +
		"  - ask: |\n      What does it print?\n\n      ```go\n      fmt.Println(1)\n      ```\n    kind: number\n    tolerance: 5%\n    unit: °C\n    choices: [{text: -0.6, right: true}, {text: 0.6, because: The sign.}]\n" +
		"  - ask: \"- 18 °C <script>x</script>\"\n    kind: text\n    forgive: [case, accents]\n    choices: [{text: Frost, right: true}]\n" +
		"  - ask: First?\n    kind: order\n    choices: [{text: one}, {text: two}, {text: \"3. May\"}]\n" +
		"  - ask: Whose?\n    kind: match\n    choices: [{text: milk, match: 4 °C}, {text: fish, match: 0 °C}, {match: 8 °C}]\n```\n" +
		"\n```quiz\nquestions:\n  - ask: First?\n    choices: [{text: a, right: true}, {text: b}]\n```\n"
	blocks, problems := markdown.Split(source, markdown.Options{Lang: "de", Image: options.Image})
	if len(problems) > 0 || len(blocks) != 2 || len(blocks[0].Questions) != 5 {
		t.Fatalf("%d blocks, problems %+v", len(blocks), problems)
	}
	b := blocks[0]
	if !b.Check() || b.Asked() != 2 || !b.Shuffle || b.Attempts != 3 || b.Minutes != 10 || b.Pass != 80 || blocks[1].Check() {
		t.Errorf("rules %+v", b)
	}
	if q := b.Questions[0]; !strings.Contains(q.HTML, "<code>0.6</code> <strong>right</strong>") || !strings.Contains(q.HTML, "<img src=") || strings.Contains(q.HTML, "<p>") || q.Choices[0].Text != "Richtig" || q.Choices[1].Text != "Falsch" {
		t.Errorf("a statement is %+v", q)
	}
	if q := b.Questions[1]; !strings.Contains(q.HTML, `<pre class="chroma"`) || q.Choices[0].HTML != "" || len(q.Choices) != 2 {
		t.Errorf("a number is %+v", q)
	}
	if q := b.Questions[2]; q.HTML != "- 18 °C x" || q.Key == b.Questions[3].Key {
		t.Errorf("a single line became %q", q.HTML)
	}
	if q := b.Questions[3]; q.Choices[2].HTML != "3. May" {
		t.Errorf("a single line became %q", q.Choices[2].HTML)
	}
	if a, c := b.Questions[3].Key, blocks[1].Questions[0].Key; a == c {
		t.Errorf("two questions of a lesson have the key %s", a)
	}
	for _, bad := range []string{"draw: 3", "attempts: 99", "pass: 101", "minutes: 999", "draw: -1"} {
		_, problems := markdown.Split("```quiz\n"+bad+"\nquestions:\n  - ask: First?\n    choices: [{text: a, right: true}, {text: b}]\n```\n", options)
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Key, "bad_") {
			t.Errorf("%s: %+v", bad, problems)
		}
	}
}

func TestReadings(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]float64{
		"0.6": {0.6}, "0,6": {0.6}, " −0,6 ": {-0.6}, "1.234,5": {1234.5}, "1,234.5": {1234.5}, "1 234": {1234}, "1'234.5": {1234.5}, "1,234": {1.234, 1234}, "1.234.567": {1234567}, "1e3": {1000}, ".5": {0.5}, "12,34": {12.34},
		"": nil, "ten": nil, "0x10": nil, "inf": nil, "NaN": nil, "1_000": nil, "1,2.3,4": nil, "5 °C": nil, "--1": nil, "1e999": nil,
	} {
		if got := markdown.Readings(in); !slices.Equal(got, want) {
			t.Errorf("%q reads %v, want %v", in, got, want)
		}
	}
}

func TestFrontMatter(t *testing.T) {
	t.Parallel()
	var head struct{ Title string }
	body, cut, err := markdown.FrontMatter("---\r\ntitle: T\r\n---\r\nBody.", &head)
	if err != nil || body != "Body." || cut != 3 || head.Title != "T" {
		t.Errorf("%q, %d, %q, %v", body, cut, head.Title, err)
	}
	if body, cut, err := markdown.FrontMatter("No.\n---\n", &head); err != nil || cut != 0 || body != "No.\n---\n" {
		t.Errorf("%q, %d, %v", body, cut, err)
	}
	if _, _, err := markdown.FrontMatter("---\n: [\n---\nx", &head); err == nil {
		t.Error("broken front matter was read")
	}
}

var (
	elements   = regexp.MustCompile(`^(html|head|body|p|br|hr|strong|em|del|blockquote|ul|ol|li|table|thead|tbody|tr|th|td|h[2-6]|code|pre|span|div|a|img)$`)
	attributes = map[string]*regexp.Regexp{
		"href": regexp.MustCompile(`^(https?:|mailto:|/|#|[^:]*$)`), "src": regexp.MustCompile(`^/files/`), "alt": nil, "class": regexp.MustCompile(`^[a-z0-9 -]+$`), "id": regexp.MustCompile(`^s-`),
		"rel": nil, "loading": nil, "tabindex": regexp.MustCompile(`^0$`), "scope": nil, "start": nil, "role": regexp.MustCompile(`^note$`),
	}
)

// FuzzRender parses what comes out as a browser does and finds nothing but the elements and attributes that are meant.
func FuzzRender(f *testing.F) {
	for _, s := range []string{
		lesson, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "[x](JaVaScRiPt&colon;alert(1))", "![x](ice.png){onload=x}", "<a href='&#106;avascript:x'>",
		"> [!NOTE]\" onclick=\"x\n> y", "```\"><script>\nx\n```", "| <script> | `|` |\n| --- | --- |\n| a | b |", "<style>*{}</style><div style='x'>", "[a]: javascript:x\n\n[a]", "## <b onclick=x>", "<https://x\"onclick=y>",
		"[x](https://e.example/\"onmouseover=\"x)", "- [x] a", "![a](ice.png\"onerror=\"x)", "```quiz\nquestions: [{ask: \"<img src=x onerror=alert(1)> [x](javascript:x)\", choices: [{text: \"<svg onload=x>\", right: true}, {text: \"a\\n\\n## b\"}]}]\n```", "&lt;script&gt;", "<!-- --!><script>x</script>", "<svg><script>", "[x](\x01javascript:x)", "\x00", "a\x80b",
	} {
		f.Add(s)
	}
	anything := markdown.Options{Image: func(n string) (string, bool) { return "/files/" + n, true }, Link: func(l string) (string, bool) { return "/" + l, true }}
	f.Fuzz(func(t *testing.T, src string) {
		out, err := markdown.Render(src, anything)
		if err != nil {
			t.Skip()
		}
		safe(t, src, out)
		blocks, _ := markdown.Split(src, anything)
		keys := map[string]bool{}
		for _, b := range blocks {
			safe(t, src, b.HTML)
			for _, q := range b.Questions {
				safe(t, src, q.HTML)
				for _, c := range q.Choices {
					safe(t, src, c.HTML)
				}
			}
			if keys[b.Key] || b.Key == "" {
				t.Errorf("%q: key %q twice", src, b.Key)
			}
			keys[b.Key] = true
		}
		markdown.Plain(src)
		if n := len([]rune(markdown.Summary(src, 50))); n > 50 {
			t.Errorf("%q: a summary of %d characters", src, n)
		}
	})
}

func safe(t *testing.T, src, out string) {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	doc.Find("*").Each(func(_ int, s *goquery.Selection) {
		n := s.Get(0)
		if !elements.MatchString(n.Data) {
			t.Errorf("%q renders <%s>:\n%s", src, n.Data, out)
		}
		for _, a := range n.Attr {
			want, ok := attributes[a.Key]
			if !ok || want != nil && !want.MatchString(a.Val) {
				t.Errorf("%q renders %s=%q:\n%s", src, a.Key, a.Val, out)
			}
		}
	})
}
