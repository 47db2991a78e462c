package webtest_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// pack makes a zip archive of texts.
func pack(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		w, err := z.Create(n)
		if err == nil {
			_, err = io.WriteString(w, files[n])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bring chooses an archive on the page of imports, as a person does, and waits until it was looked at.
func bring(t *testing.T, b *webtest.Browser, d *webtest.Demo, org, name string, data []byte) {
	t.Helper()
	b.Visit(d.URL(org, "/publish/import"))
	b.WaitText("Import an archive")
	if !webtest.Eval[bool](b, fmt.Sprintf(`(() => {
		const i = document.querySelector('#file'), d = new DataTransfer();
		d.items.add(new File([Uint8Array.from(atob(%q), c => c.charCodeAt(0))], %q, {type: 'application/zip'}));
		i.files = d.files;
		return i.files.length === 1;
	})()`, base64.StdEncoding.EncodeToString(data), name)) {
		t.Fatal("no file is chosen")
	}
	b.ClickText("Look at it")
	b.WaitText("Nothing has changed")
	b.WaitText("Waits for you")
}

// An author brings an archive, reads what would become of each file, makes a draft of it and publishes it; the same archive then says that
// nothing changed, and another organization takes the export.
func TestAuthorBringsAnArchive(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	b.Visit(d.URL("halden", "/publish"))
	b.ClickText("Import or export courses and paths")
	b.WaitText("Nothing was imported yet")
	shot(b, "import-empty")
	b.Accessible()
	files := map[string]string{
		"course.yaml": "title: Store a probe\nsummary: Where it is kept.\noutcome: You store probes so that they last.\nlicence: CC BY 4.0\nsource: https://example.com/probes\n",
		"01-dry.md":   "# Dry it\n\nFirst it is dry.\n\n![Missing](none.png)\n\n```reflect\nask: Where do you keep yours?\n```\n", "de/01-dry.md": "# Trocknen\n\nZuerst ist sie trocken.\n\n```reflect\nask: Wo liegt Ihre?\n```\n",
		"02-cap.md": "# Cap it\n\nThen it has its cap.\n\n> [!DETAILS] Solution\n> The **red** one.\n",
	}
	bring(t, b, d, "halden", "probe.zip", pack(t, files))
	b.WaitText("none.png")
	b.WaitText("the picture does not exist")
	shot(b, "import-looked-at")
	b.Accessible()
	b.Fits(320)
	b.ClickText("Import as a draft")
	b.WaitText("To undo it, discard the draft")
	b.Accessible()
	b.ClickText("Store a probe")
	b.WaitText("About the course")
	if !b.Has(`#publish button[aria-disabled="true"]`) {
		t.Error("a missing picture does not stand against publishing")
	}
	b.Visit(d.URL("halden", "/publish/import"))
	b.ClickText("probe.zip")
	b.ClickText("Store a probe")
	b.WaitText("About the course")
	draft := b.At()
	b.Visit(draft + "/discard")
	b.Submit(`main form button`)
	b.WaitText("Nothing is being written")
	files["01-dry.md"] = strings.ReplaceAll(files["01-dry.md"], "![Missing](none.png)\n\n", "")
	bring(t, b, d, "halden", "probe.zip", pack(t, files))
	b.ClickText("Publish at once")
	b.WaitText("Version 1 published")
	b.ClickText("Store a probe")
	b.ClickText("Dry it")
	b.WaitText("First it is dry.")
	b.WaitText("Licence: CC BY 4.0")
	b.WaitText("Source: example.com")
	shot(b, "import-lesson")
	b.Accessible()
	b.ClickText("Deutsch")
	b.WaitText("Zuerst ist sie trocken.")
	b.WaitText("Wo liegt Ihre?")
	if l := webtest.Eval[string](b, `document.querySelector('.prose').lang`); l != "de" {
		t.Errorf("the German text is marked %q", l)
	}
	bring(t, b, d, "halden", "probe.zip", pack(t, files))
	b.WaitText("Nothing has changed since the version in force")
	learner := webtest.Open(t, 1360)
	signIn(t, learner, d, "learner@halden.example")
	learner.Visit(d.URL("halden", "/publish/import"))
	if strings.Contains(learner.Text(), "probe.zip") {
		t.Error("a learner sees what authors bring")
	}
}

// vectors are ways to run a script that somebody packs into a lesson. RUN is what would run.
var vectors = []string{
	`<script>RUN</script>`, `<SCRIPT SRC=//evil.example/x.js></SCRIPT>`, `<scr<script>ipt>RUN</scr</script>ipt>`, `<script/x>RUN</script>`, `<img src=x onerror=RUN>`, `<img src=x onerror="RUN">`, "<img src=`x`onerror=RUN>",
	`<svg onload=RUN>`, `<svg><script>RUN</script></svg>`, `<svg><animate onbegin=RUN attributeName=x dur=1s>`, `<math><mtext><table><mglyph><style><img src=x onerror=RUN>`, `<body onload=RUN>`, `<iframe src="javascript:RUN"></iframe>`,
	`<iframe srcdoc="<script>RUN</script>"></iframe>`, `<object data="javascript:RUN"></object>`, `<embed src="javascript:RUN">`, `<a href="javascript:RUN">x</a>`, `<a href="JaVaScRiPt:RUN">x</a>`, "<a href=\"java\tscript:RUN\">x</a>",
	`<a href="&#106;avascript:RUN">x</a>`, `<a href=" javascript:RUN">x</a>`, `<a href="data:text/html,<script>RUN</script>">x</a>`, `<a href="vbscript:RUN">x</a>`, `[x](javascript:RUN)`, `[x](JAVASCRIPT:RUN)`, `[x](java&#x0A;script:RUN)`,
	`[x](data:text/html;base64,PHNjcmlwdD5SVU48L3NjcmlwdD4=)`, `[x]( javascript:RUN)`, `[x](<javascript:RUN>)`, `[x][r]` + "\n\n[r]: javascript:RUN", `![x](javascript:RUN)`, `![x](x" onerror="RUN)`, `![" onerror="RUN](a.svg)`, `<javascript:RUN>`,
	`<details open ontoggle=RUN>`, `<input autofocus onfocus=RUN>`, `<select autofocus onfocus=RUN>`, `<video><source onerror=RUN></video>`, `<video src=x onerror=RUN>`, `<audio src=x onerror=RUN>`, `<marquee onstart=RUN>`, `<form action="javascript:RUN"><input type=submit autofocus>`,
	`<button formaction="javascript:RUN">x</button>`, `<isindex type=image src=1 onerror=RUN>`, `<link rel=stylesheet href="javascript:RUN">`, `<meta http-equiv="refresh" content="0;url=javascript:RUN">`, `<base href="javascript:RUN//">`, `<style>@import 'javascript:RUN'</style>`,
	`<div style="background:url(javascript:RUN)">x</div>`, `<template><script>RUN</script></template>`, `<noscript><p title="</noscript><img src=x onerror=RUN>">`, `<!--><img src=x onerror=RUN>-->`, `<![CDATA[<img src=x onerror=RUN>]]>`, `<?xml-stylesheet href="javascript:RUN"?>`,
	"```\n</code></pre><script>RUN</script>\n```", "`</code><script>RUN</script>`", `> [!NOTE] <img src=x onerror=RUN>`, `> [!DETAILS] <script>RUN</script>`, `# <img src=x onerror=RUN>`, `## <img src=x onerror=RUN>`, `| <img src=x onerror=RUN> |` + "\n| --- |\n| <script>RUN</script> |",
	"::: challenge <img src=x onerror=RUN>\n\n<script>RUN</script>\n\n:::", `!!! note "<img src=x onerror=RUN>"` + "\n    <script>RUN</script>", `[x](a.svg){onclick=RUN}`, `![x](a.svg){alt='" onerror="RUN'}`, `<aside onclick=RUN markdown="1">`, `<x-y onclick=RUN tabindex=1 autofocus onfocus=RUN>`,
	`<a href="https://evil.example" onclick=RUN onmouseover=RUN>x</a>`, `<img src="a.svg" alt="](javascript:RUN)">`, `<a href="x">](javascript:RUN)</a>`, "\x3cimg src=x onerror=RUN\x3e", `&lt;script&gt;RUN&lt;/script&gt;`, `{{ path <script>RUN</script> }}`,
}

// TestNoScriptOfAnImportRuns imports every vector as Markdown and as AsciiDoc, in titles, questions, recordings and files, and shows each
// lesson in a real browser.
func TestNoScriptOfAnImportRuns(t *testing.T) {
	t.Parallel()
	d := webtest.Start(t, webtest.World(t))
	b := webtest.Open(t, 1360)
	signIn(t, b, d, "author@halden.example")
	const run = `document.documentElement.setAttribute('data-ran','1')`
	text := func(list []string) string { return strings.ReplaceAll(strings.Join(list, "\n\n"), "RUN", run) }
	img := `<img src=x onerror=` + run + `>`
	quoted := strings.ReplaceAll(img, `'`, `''`)
	evil := "<svg xmlns='http://www.w3.org/2000/svg' onload=\"" + run + "\"><script>parent." + run + "</script><a href='javascript:" + run + "'><text y='20'>x</text></a></svg>"
	asciidoc := append(slices.Clone(vectors), "++++\n<script>RUN</script>\n++++", "pass:[<script>RUN</script>] +++<img src=x onerror=RUN>+++", "link:javascript:RUN[x] xref:javascript:RUN[x] <<x,<img src=x onerror=RUN>>>", "image::javascript:RUN[x]", "video::javascript:RUN[]", "footnote:[<script>RUN</script>] kbd:[<script>RUN</script>]")
	typed := "\n\n```quiz\ntitle: '" + quoted + "'\nquestions:\n  - ask: '" + quoted + "'\n    choices:\n      - {text: '" + quoted + "', right: true, because: '" + quoted + "'}\n      - {text: '<b>x</b>'}\n```\n\n```reflect\nask: '" + quoted + "'\n```\n\n" +
		"```video\nsrc: \"javascript:RUN\"\n```\n\n```video\nsrc: \"https://evil.example/'onclick=RUN\"\ntitle: '" + quoted + "'\nchapters: |\n  0:01 " + img + "\ntranscript: |\n  0:01 " + img + "\n```\n\n```file\nsrc: a.svg\ntitle: '" + quoted + "'\n```\n\n" +
		"```steps\ntitle: '" + quoted + "'\nask: '" + quoted + "'\nsteps:\n  - '" + quoted + "'\n  - '[x](javascript:RUN)'\n  - '<script>RUN</script>'\n```\n\n" +
		"```embed\nsrc: 'https://evil.example/\"onload=RUN'\ntitle: '" + quoted + "'\n```\n\n```embed\nsrc: 'https://player.vimeo.com/video/1?\" srcdoc=\"<script>RUN</script>'\ntitle: '\" onload=\"RUN'\n```\n\n```embed\nsrc: 'javascript:RUN'\ntitle: x\n```\n\n```embed\nsrc: 'data:text/html,<script>RUN</script>'\ntitle: x\n```\n"
	head := func(title string) string {
		return "---\ntitle: '" + title + strings.ReplaceAll(quoted, "RUN", run) + "'\nlicence: '" + quoted + "'\nsource: 'javascript:" + strings.ReplaceAll(run, "'", "''") + "'\nsummary: '" + quoted + "'\nmodule: '" + quoted + "'\n---\n"
	}
	files := map[string]string{
		"01-one.md": head("one") + text(vectors) + "\n\n![pic](a.svg)\n" + text([]string{typed}), "fr/01-one.md": "# " + img + "\n\n" + text(vectors) + text([]string{typed}), "a.svg": evil,
		"03-three.md": "# three\n\nA reading.\n",
	}
	bring(t, b, d, "halden", "<img src=x onerror=alert(1)>.zip", pack(t, files))
	clean := func(where string) {
		t.Helper()
		b.Settle()
		if webtest.Eval[bool](b, `document.documentElement.hasAttribute('data-ran')`) {
			t.Errorf("%s: a script ran", where)
		}
		const bad = `[...document.querySelectorAll('main *')].filter(e => [...e.attributes].some(a => /^on/i.test(a.name) && !/^on(?:ce)?$/i.test(a.name) || /^(href|src|action|formaction|data)$/i.test(a.name) && /^\s*(javascript|data|vbscript):/i.test(a.value)) || /^(script|iframe|object|embed|base|meta|style|form)$/i.test(e.tagName) && e.closest('.prose')).map(e => e.outerHTML.slice(0, 200))`
		if list := webtest.Eval[[]string](b, bad); len(list) > 0 {
			t.Errorf("%s: %q", where, list)
		}
	}
	clean("the report")
	b.ClickText("Publish at once")
	b.WaitText("Version 1 published")
	clean("what came of it")
	link := webtest.Eval[string](b, `[...document.querySelectorAll('#bundle h2 a')].map(a => a.href)[0]`)
	b.Visit(link)
	b.WaitText("three")
	clean("the course")
	for _, l := range webtest.Eval[[]string](b, `[...new Set([...document.querySelectorAll('main a[href*="/lessons/"]')].map(a => a.href.split(/[?#]/)[0]))]`) {
		b.Visit(l)
		b.Wait(".prose")
		clean(l)
		if strings.HasSuffix(l, "/three") {
			continue
		}
		b.Visit(l + "?lang=fr")
		b.Wait(".prose")
		clean(l + " in French")
		for _, src := range webtest.Eval[[]string](b, `[...document.querySelectorAll('.prose img')].map(i => i.src)`) {
			if !strings.Contains(src, "/files/") {
				t.Errorf("%s loads %s", l, src)
			}
		}
	}
	adoc := map[string]string{"01-four.adoc": "= four\n\n" + text(asciidoc), "02-five.adoc": "= five " + img + "\n\nWords."}
	bring(t, b, d, "halden", "adoc.zip", pack(t, adoc))
	clean("the report of AsciiDoc")
	b.ClickText("Publish at once")
	b.WaitText("Version 1 published")
	b.Visit(webtest.Eval[string](b, `[...document.querySelectorAll('#bundle h2 a')].map(a => a.href)[0]`))
	for _, l := range webtest.Eval[[]string](b, `[...new Set([...document.querySelectorAll('main a[href*="/lessons/"]')].map(a => a.href.split(/[?#]/)[0]))]`) {
		b.Visit(l)
		b.Wait(".prose")
		clean(l)
	}
}
