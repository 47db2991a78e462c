package markdown_test

import (
	"regexp"
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
	in := "## Head\n\nSome *words*\nand `code`.\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\n<b>x</b>\n\n```\nraw\n```"
	if diff := cmp.Diff("Head\nSome words and code.\nA B \n1 2 \nx\nraw", markdown.Plain(in)); diff != "" {
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
	tests := []struct{ name, in, problem string }{
		{"no yaml", "x\n\n```quiz\n: [\n```", "it cannot be read"},
		{"unknown key", "x\n\n```quiz\nfoo: 1\n```", "it cannot be read"},
		{"no question", "x\n\n```quiz\ntitle: T\n```", "it has no question that can be answered"},
		{"nothing right", "x\n\n```quiz\nquestions: [{ask: A, choices: [{text: a}, {text: b}]}]\n```", "no choice is right"},
		{"two right", "x\n\n```quiz\nquestions: [{ask: A, choices: [{text: a, right: true}, {text: b, right: true}]}]\n```", "several choices are right"},
		{"one choice", "x\n\n```quiz\nquestions: [{ask: A, choices: [{text: a, right: true}]}]\n```", "there is nothing to choose"},
		{"no ask", "x\n\n```reflect\nkey: a\n```", "there is no question"},
		{"no file", "x\n\n```file\ntitle: a\n```", "there is no file"},
	}
	for _, tt := range tests {
		blocks, problems := markdown.Split(tt.in, options)
		if len(blocks) != 1 || len(problems) == 0 || !strings.HasPrefix(problems[0].Problem, tt.problem) || problems[0].Line != 3 {
			t.Errorf("%s: %d blocks, problems %+v", tt.name, len(blocks), problems)
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
		"[x](https://e.example/\"onmouseover=\"x)", "- [x] a", "![a](ice.png\"onerror=\"x)", "&lt;script&gt;", "<!-- --!><script>x</script>", "<svg><script>", "[x](\x01javascript:x)", "\x00", "a\x80b",
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
