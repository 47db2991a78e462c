package pages

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// readingCookie is the name of the cookie with the language in which lessons are read. It holds nothing else and is for this host alone.
func readingCookie(c *fiber.Ctx) string {
	if shell.From(c.UserContext()).Production {
		return "__Host-ls_read"
	}
	return "ls_read"
}

// readIn takes the language that the address names, and has the browser keep it for the lessons that follow.
func readIn(c *fiber.Ctx) context.Context {
	code := c.Query("lang")
	if code == "" || len(code) > 35 {
		return c.UserContext()
	}
	c.Cookie(&fiber.Cookie{
		Name: readingCookie(c), Value: url.QueryEscape(code), Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()), HTTPOnly: true,
		Secure: shell.From(c.UserContext()).Production, SameSite: fiber.CookieSameSiteLaxMode,
	})
	return courses.Reading(c.UserContext(), code)
}

// languageOf names a language in its own words.
func languageOf(code string) string { return named(display.Self.Name, code) }

// languageIn names a language in the words of the interface.
func languageIn(ctx context.Context, code string) string {
	return named(display.Languages(language.Make(string(lang.From(ctx)))).Name, code)
}

func named(name func(any) string, code string) string {
	tag, err := language.Parse(code)
	if err != nil {
		return code
	}
	if n := name(tag); n != "" {
		return n
	}
	return code
}

// direction is how a language is written; numbers and code in it keep theirs.
func direction(code string) string {
	tag := language.Make(code)
	script, _ := tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}

// licences are the pages on which well-known licences stand, by how authors write them.
var licences = map[string]string{ //nolint:gochecknoglobals // A constant table.
	"CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/", "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
	"CC BY-SA 4.0": "https://creativecommons.org/licenses/by-sa/4.0/", "CC BY-SA 3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
	"CC BY-NC 4.0": "https://creativecommons.org/licenses/by-nc/4.0/", "CC BY-NC-SA 4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
	"CC0 1.0": "https://creativecommons.org/publicdomain/zero/1.0/", "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0", "MIT": "https://opensource.org/license/mit",
}

// place is a web address that a page may lead to; "" for anything else.
func elsewhere(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return s
}

// hostOf is where a web address leads, in short.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	return strings.TrimPrefix(u.Host, "www.")
}

// seekHref is a place in a recording that is elsewhere: a fragment for files (Media Fragments URI 1.0), a parameter where the host has one.
func seekHref(src string, c markdown.Cue) string {
	u, err := url.Parse(src)
	if err != nil {
		return src
	}
	switch hostOf(src) {
	case "youtube.com", "youtu.be":
		q := u.Query()
		q.Set("t", itoa(c.At)+"s")
		u.RawQuery = q.Encode()
	default:
		u.Fragment = "t=" + itoa(c.At)
	}
	return u.String()
}

func minuteOf(seconds int) string {
	rest := itoa(seconds % 60)
	if len(rest) < 2 {
		rest = "0" + rest
	}
	return itoa(seconds/60) + ":" + rest
}

// videoTitle is what a recording is called; one without a title is called a recording.
func videoTitle(ctx context.Context, b courses.BlockView) string {
	if b.Title == "" || b.Title == b.Src {
		return lang.T(ctx, "importer.video.title")
	}
	return b.Title
}
