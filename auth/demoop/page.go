package demoop

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"
)

// pageView is what a page shows: the choice of people if there is an Action, otherwise a sentence.
type pageView struct {
	Title, Text, Action, Redirect string
	SignOut                       string // action of the form that signs somebody out of all portals
	People                        []Person
}

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{"initials": initials}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{.Title}}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
<p class="brand">Demonstration provider</p>
<h1>{{.Title}}</h1>
{{- if .Text}}
<p>{{.Text}}</p>
{{- end}}
{{- if .Action}}
<p>Nobody here has a password. Choose who you are, or type the address.</p>
<form method="post" action="{{.Action}}">
<label for="email">Email</label>
<div class="line">
<input id="email" name="email" type="email" autocomplete="off" spellcheck="false" list="people" required autofocus>
<button type="submit">Sign in</button>
</div>
<datalist id="people">{{range .People}}<option value="{{.Email}}">{{.Name}}</option>{{end}}</datalist>
</form>
{{- if .People}}
<h2>People of this organization</h2>
<form method="post" action="{{.Action}}" class="people">
{{- range .People}}
<button type="submit" name="email" value="{{.Email}}"><span class="who" aria-hidden="true">{{initials .Name}}</span><span><b>{{.Name}}</b><small>{{if .Title}}{{.Title}} · {{end}}{{.Email}}</small></span></button>
{{- end}}
</form>
{{- end}}
{{- end}}
{{- if .SignOut}}
<h2>Sign somebody out everywhere</h2>
<p>Every portal that this provider vouched to is told, and ends the sessions at once.</p>
<form method="post" action="{{.SignOut}}">
<label for="email">Email</label>
<div class="line">
<input id="email" name="email" type="email" autocomplete="off" spellcheck="false" required>
<button type="submit">Sign out</button>
</div>
</form>
{{- end}}
</main>
</body>
</html>
`))
})

func initials(name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	if len(words) == 1 {
		return strings.ToUpper(string(first))
	}
	return strings.ToUpper(string([]rune{first, last}))
}

// page writes a page under a policy without script; the form may lead to the client's own address and nowhere else.
func (i *issuer) page(w http.ResponseWriter, status int, v pageView) {
	var b bytes.Buffer
	if err := page().Execute(&b, v); err != nil {
		http.Error(w, "render", http.StatusInternalServerError)
		return
	}
	action := "'self'"
	if u, err := url.Parse(v.Redirect); err == nil && u.Host != "" {
		action += " " + u.Scheme + "://" + u.Host
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; form-action "+action+"; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // Who left does not read it.
}

func (i *issuer) index(w http.ResponseWriter, _ *http.Request) {
	i.page(w, http.StatusOK, pageView{Title: i.name, Text: "This is an OpenID provider for the demonstration. Start at the portal; it sends you here to say who you are.", SignOut: i.url + "/sign-out"})
}

func (*OP) style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeFileFS(w, r, files, "style.css")
}
