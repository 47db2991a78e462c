package webtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/learnscape/learnscape/web/webtest"
)

// SHOTS="name=org role /path;..."; OUT=dir; variants: 1360 light, 390 dark german if DE=1
func TestZZShots(t *testing.T) {
	list := os.Getenv("SHOTS")
	if list == "" {
		t.Skip()
	}
	d := webtest.Start(t, webtest.Folder(t))
	out := os.Getenv("OUT")
	os.MkdirAll(out, 0o755)
	var b *webtest.Browser
	last := ""
	for s := range strings.SplitSeq(list, ";") {
		name, rest, _ := strings.Cut(s, "=")
		f := strings.Fields(rest)
		org, role, path := f[0], f[1], f[2]
		if org+role != last {
			b = webtest.Open(t, 1360)
			b.Visit(d.URL(org, "/sign-in?return_to=/me"))
			b.Click(`main a[href^="/auth/start"]`)
			b.WaitText("Demonstration provider")
			b.Type(`input[name="email"]`, role+"@"+org+".example")
			b.Submit(`input[name="email"]`)
			b.Wait(`a[href="/me"]`)
			last = org + role
		}
		if strings.Contains(path, ":provider") || strings.Contains(path, ":team") {
			list := "/admin/sign-in"
			if strings.Contains(path, ":team") {
				list = "/admin/teams"
			}
			b.Visit(d.URL(org, list))
			id := webtest.Eval[string](b, `[...document.querySelectorAll("main a[href^='`+list+`/']")].map(a=>a.getAttribute("href").split("/")[3]).find(x=>x.length==36)`)
			path = strings.NewReplacer(":provider", id, ":team", id).Replace(path)
		}
		if strings.Contains(path, ":person") {
			b.Visit(d.URL(org, "/admin/people"))
			id := webtest.Eval[string](b, `[...document.querySelectorAll("main a[href$='/roles']")][1].getAttribute("href").split("/")[3]`)
			path = strings.ReplaceAll(path, ":person", id)
		}
		for _, l := range []string{"en", "de"} {
			b.Resize(1360)
			b.Dark(false)
			b.Visit(d.URL(org, path))
			b.Settle()
			if l == "de" {
				webtest.Eval[bool](b, `(()=>{const f=document.createElement("form");f.method="post";f.action="/language";for(const [n,v] of [["lang","de"],["return_to",location.pathname+location.search]]){const i=document.createElement("input");i.name=n;i.value=v;f.append(i)};document.body.append(f);f.submit();return true})()`)
				b.Settle()
				b.Visit(d.URL(org, path))
				b.Settle()
			}
			b.Shot(filepath.Join(out, name+"-1360-"+l+".png"))
			b.Dark(true)
			b.Shot(filepath.Join(out, name+"-1360-dark-"+l+".png"))
			b.Accessible()
			b.Resize(390)
			b.Shot(filepath.Join(out, name+"-390-dark-"+l+".png"))
			b.Fits(320)
			b.Dark(false)
			b.Resize(390)
			b.Shot(filepath.Join(out, name+"-390-"+l+".png"))
			if l == "de" {
				webtest.Eval[bool](b, `(()=>{const f=document.createElement("form");f.method="post";f.action="/language";for(const [n,v] of [["lang","en"],["return_to","/me"]]){const i=document.createElement("input");i.name=n;i.value=v;f.append(i)};document.body.append(f);f.submit();return true})()`)
				b.Settle()
			}
		}
	}
}
