// Package lang owns what people read: the messages of every room in every
// language, and the way times, dates and figures are written.
//
// Messages live in messages/<room>.<locale>.json as flat objects whose keys
// follow room.thing.detail. A value is a text, or an object of CLDR plural
// forms ("one", "other"); placeholders are written {{.Name}}. The locale
// travels in the context; everything here is safe for concurrent use and
// nothing can fail: a key without a text shows itself in brackets.
//
// Every room may call it at its edge (components, mails). Logs and errors are
// not translated. Texts come back unescaped; the template escapes them.
package lang

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Locale is a BCP 47 language tag that the interface is translated to.
type Locale string

// The locales that have messages. En is the base that the others fall back to.
const (
	En Locale = "en"
	De Locale = "de"
)

// Locales lists every locale with messages, the base first.
func Locales() []Locale { return []Locale{En, De} }

// Parse returns the locale that a stored or posted value names, and whether
// there is one.
func Parse(s string) (Locale, bool) {
	for _, l := range Locales() {
		if string(l) == s {
			return l, true
		}
	}
	return En, false
}

// Name returns the language's name in itself, as a language switch shows it.
func (l Locale) Name() string {
	if l == De {
		return "Deutsch"
	}
	return "English"
}

// Dir returns the writing direction for the dir attribute.
func (l Locale) Dir() string { return "ltr" }

type contextKey struct{}

// With returns a context in which texts come in the given locale.
func With(ctx context.Context, l Locale) context.Context {
	return context.WithValue(ctx, contextKey{}, l)
}

// From returns the context's locale, or En if none was set.
func From(ctx context.Context) Locale {
	if l, ok := ctx.Value(contextKey{}).(Locale); ok {
		return l
	}
	return En
}

// Match returns the locale that suits an Accept-Language header (RFC 9110
// 12.5.4) best; En if none does or the header does not parse.
func Match(acceptLanguage string) Locale {
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(wanted) == 0 {
		return En
	}
	_, i, confidence := matcher().Match(wanted...)
	if confidence == language.No {
		return En
	}
	return Locales()[i]
}

// T returns the text of a key in the context's locale. The pairs kv are name
// and value of the placeholders; whole numbers are written with the locale's
// grouping, so a year is passed as a string. The pair "Count" with an int also
// selects the plural form. A key that the locale lacks falls back to English,
// and one that English lacks comes back as ⟦key⟧.
func T(ctx context.Context, key string, kv ...any) string {
	l := From(ctx)
	for _, loc := range [...]Locale{l, En} {
		m, ok := catalog()[loc][key]
		if !ok {
			continue
		}
		if m.plain {
			return m.text
		}
		if s, ok := remembered(m, loc, key, kv); ok {
			return s
		}
	}
	return "⟦" + key + "⟧"
}

// written keeps rendered texts: most pages say "4 steps" and "33 min" again and again, and templates are slow.
var written struct { //nolint:gochecknoglobals // A cache of a pure function.
	sync.RWMutex
	texts map[string]string
}

// The cache holds at most so many texts, of at most so many bytes of values each.
const (
	writtenLimit = 16384
	valuesLimit  = 96
)

// remembered is render with a memory for values that are short words and whole numbers.
func remembered(m *entry, loc Locale, key string, kv []any) (string, bool) {
	id := append(make([]byte, 0, 128), loc...)
	id = append(append(id, '|'), key...)
	for _, v := range kv {
		id = append(id, '|')
		switch v := v.(type) {
		case string:
			id = append(id, v...)
		case int:
			id = strconv.AppendInt(append(id, '#'), int64(v), 10)
		default:
			return m.render(loc, key, kv)
		}
	}
	if len(id) > len(key)+valuesLimit {
		return m.render(loc, key, kv)
	}
	written.RLock()
	s, ok := written.texts[string(id)]
	written.RUnlock()
	if ok {
		return s, true
	}
	s, ok = m.render(loc, key, kv)
	if !ok {
		return "", false
	}
	written.Lock()
	defer written.Unlock()
	if written.texts == nil || len(written.texts) >= writtenLimit {
		written.texts = map[string]string{}
	}
	written.texts[string(id)] = s
	return s, true
}

// Has reports whether English has a text for the key.
func Has(key string) bool {
	_, ok := catalog()[En][key]
	return ok
}

//go:embed messages/*.json
var messages embed.FS

// entry is one text; a plain one needs neither template nor plural.
type entry struct {
	text      string
	plain     bool
	plural    bool
	localizer *i18n.Localizer
}

func (e *entry) render(l Locale, key string, kv []any) (string, bool) {
	data := make(map[string]any, len(kv)/2)
	config := i18n.LocalizeConfig{MessageID: key, TemplateData: data}
	for i := 0; i+1 < len(kv); i += 2 {
		name, ok := kv[i].(string)
		if !ok {
			continue
		}
		data[name] = kv[i+1]
		if n, ok := kv[i+1].(int); ok {
			data[name] = grouped(l, n)
			if e.plural && name == "Count" {
				config.PluralCount = n
			}
		}
	}
	if e.plural && config.PluralCount == nil {
		config.PluralCount = 0
	}
	s, err := e.localizer.Localize(&config)
	return s, err == nil
}

var matcher = sync.OnceValue(func() language.Matcher {
	var tags []language.Tag
	for _, l := range Locales() {
		tags = append(tags, language.Make(string(l)))
	}
	return language.NewMatcher(tags)
})

// catalog reads the embedded files once. They are part of the program and a
// test reads every one, so a file that does not parse is left out here.
var catalog = sync.OnceValue(func() map[Locale]map[string]*entry {
	all, _ := load(messages)
	return all
})

func load(files fs.FS) (map[Locale]map[string]*entry, error) {
	bundle := i18n.NewBundle(language.English) // It holds the texts that are filled in; most are not.
	localizers := map[Locale]*i18n.Localizer{}
	all := map[Locale]map[string]*entry{}
	for _, l := range Locales() {
		localizers[l] = i18n.NewLocalizer(bundle, string(l))
		all[l] = map[string]*entry{}
	}
	names, err := fs.Glob(files, "messages/*.json")
	if err != nil {
		return all, fmt.Errorf("list messages: %w", err)
	}
	var failed error
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			failed = fmt.Errorf("read messages %s: %w", name, err)
			continue
		}
		file, err := i18n.ParseMessageFileBytes(b, name, map[string]i18n.UnmarshalFunc{"json": json.Unmarshal})
		if err != nil {
			failed = fmt.Errorf("read messages %s: %w", name, err)
			continue
		}
		_, tag, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".json"), ".")
		l, ok := Parse(tag)
		if !ok {
			failed = fmt.Errorf("read messages %s: unknown locale %q", name, tag)
			continue
		}
		for _, m := range file.Messages {
			plural := m.One != "" || m.Zero != "" || m.Two != "" || m.Few != "" || m.Many != ""
			e := &entry{text: m.Other, plural: plural, localizer: localizers[l], plain: !plural && !strings.Contains(m.Other, "{{")}
			if !e.plain {
				if err := bundle.AddMessages(file.Tag, m); err != nil {
					failed = fmt.Errorf("read message %s of %s: %w", m.ID, name, err)
				}
			}
			all[l][m.ID] = e
		}
	}
	return all, failed
}

var printers = sync.OnceValue(func() map[Locale]*message.Printer {
	all := map[Locale]*message.Printer{}
	for _, l := range Locales() {
		all[l] = message.NewPrinter(language.Make(string(l)))
	}
	return all
})

func grouped(l Locale, n int) string { return printers()[l].Sprint(n) }
