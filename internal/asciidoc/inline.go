package asciidoc

import (
	"regexp"
	"strings"

	"github.com/learnscape/learnscape/internal/markdown"
)

var (
	passed    = regexp.MustCompile("\\+\\+\\+(.+?)\\+\\+\\+|pass:[a-z,]*\\[(.*?)\\]|`\\+(.+?)\\+`")
	mono      = regexp.MustCompile("``(.+?)``|`([^`]+)`")
	quoted    = regexp.MustCompile("\"`(.+?)`\"|'`(.+?)`'")
	reference = regexp.MustCompile(`\{([a-z][\w-]*)\}`)
	linked    = regexp.MustCompile(`\b(?:link:([^\s\[\]]+)|(https?://[^\s\[\]<>]+)|mailto:([^\s\[\]]+))\[([^\]\\]*(?:\\.[^\]\\]*)*)\]`)
	crossed   = regexp.MustCompile(`<<([^<>,]+)(?:,\s*([^<>]*))?>>|xref:([^\s\[\]]+)\[([^\]]*)\]`)
	pictured  = regexp.MustCompile(`\bimage:([^:\s\[][^\[]*)\[([^\]]*)\]`)
	noted     = regexp.MustCompile(`footnote(?:ref)?:[^\s\[]*\[([^\]]*)\]`)
	keyed     = regexp.MustCompile(`\b(?:kbd|btn):\[([^\]]*)\]`)
	menued    = regexp.MustCompile(`\bmenu:([^\[\]]+)\[([^\]]*)\]`)
	bold2     = regexp.MustCompile(`(?s)\*\*(\S(?:.*?\S)?)\*\*`)
	bold      = regexp.MustCompile(`(?s)(^|[^\w*\\])\*(\S|\S.*?\S)\*($|[^\w*])`)
	italic2   = regexp.MustCompile(`(?s)__(\S(?:.*?\S)?)__`)
	italic    = regexp.MustCompile(`(?s)(^|[^\w\\/])_(\S|\S.*?\S)_($|[^\w/])`)
	marked    = regexp.MustCompile(`(?s)(^|[^\w#&])(?:\[[^\]]*\])?#(\S|\S.*?\S)#($|[^\w#])`)
	raised    = regexp.MustCompile(`\^([^\s^]+)\^|~([^\s~]+)~`)
	opened    = regexp.MustCompile(`<([A-Za-z/!?])`)
)

// inline converts the marks within a line. What is code or an address is set aside first, so that its signs are not marks.
func (c *converter) inline(s string) string {
	var kept []string
	keep := func(md string) string {
		kept = append(kept, md)
		return "\x00" + strings.Repeat("\x01", len(kept)) + "\x02"
	}
	s = anchors.ReplaceAllString(s, "")
	s = passed.ReplaceAllStringFunc(s, func(x string) string {
		m := passed.FindStringSubmatch(x)
		if m[3] != "" {
			return keep("`" + m[3] + "`")
		}
		return keep(escape(m[1] + m[2]))
	})
	s = quoted.ReplaceAllStringFunc(s, func(x string) string {
		if m := quoted.FindStringSubmatch(x); m[1] != "" {
			return "“" + m[1] + "”"
		} else { //nolint:revive // The other pair of signs.
			return "‘" + m[2] + "’"
		}
	})
	s = mono.ReplaceAllStringFunc(s, func(x string) string {
		m := mono.FindStringSubmatch(x)
		return keep("`" + m[1] + m[2] + "`")
	})
	s = c.replaced(s)
	s = pictured.ReplaceAllStringFunc(s, func(x string) string {
		m := pictured.FindStringSubmatch(x)
		return keep(picture(m[1], m[2]))
	})
	s = linked.ReplaceAllStringFunc(s, func(x string) string {
		m := linked.FindStringSubmatch(x)
		to := m[1] + m[2]
		if m[3] != "" {
			to = "mailto:" + m[3]
		}
		return c.link(keep, to, m[4])
	})
	s = crossed.ReplaceAllStringFunc(s, func(x string) string {
		m := crossed.FindStringSubmatch(x)
		to, words := strings.TrimSpace(m[1]+m[3]), strings.TrimSpace(m[2]+m[4])
		file, id, _ := strings.Cut(to, "#")
		if m[1] != "" && file == to {
			file, id = "", to
		}
		if t := c.ids[id]; t != "" {
			id = markdown.Slug(t)
			if words == "" {
				words = t
			}
		}
		if words == "" {
			words = strings.Trim(strings.NewReplacer("_", " ", "-", " ").Replace(id+file), " ")
		}
		if id != "" {
			id = "#" + markdown.Slug(id)
		}
		return c.link(keep, file+id, words)
	})
	s = noted.ReplaceAllString(s, " ($1)")
	s = keyed.ReplaceAllString(s, "`$1`")
	s = menued.ReplaceAllString(s, "**$1 › $2**")
	s = opened.ReplaceAllString(s, `\<$1`)
	s = italic2.ReplaceAllString(s, "\x03$1\x03")
	s = italic.ReplaceAllString(s, "$1\x03$2\x03$3")
	s = bold2.ReplaceAllString(s, "\x04$1\x04")
	s = bold.ReplaceAllString(s, "$1\x04$2\x04$3")
	s = marked.ReplaceAllString(s, "$1$2$3")
	s = raised.ReplaceAllString(s, "$1$2")
	s = strings.NewReplacer("\x03", "*", "\x04", "**", `\_`, "_", `\{`, "{").Replace(s)
	s = strings.NewReplacer(" -- ", " – ", "(C)", "©", "(R)", "®", "(TM)", "™", "->", "→", "=>", "⇒").Replace(s)
	for i := len(kept); i > 0; i-- {
		s = strings.ReplaceAll(s, "\x00"+strings.Repeat("\x01", i)+"\x02", kept[i-1])
	}
	return s
}

func (c *converter) link(keep func(string) string, to, words string) string {
	words = strings.TrimSuffix(strings.TrimSpace(words), "^")
	if w, _, ok := strings.Cut(words, ",window="); ok {
		words = w
	}
	words = strings.ReplaceAll(strings.Trim(words, `"`), `\]`, "]")
	if words == "" {
		words = to
	}
	return "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(words) + keep("]("+strings.ReplaceAll(to, " ", "%20")+")")
}

// replaced puts the values of attributes in their places.
func (c *converter) replaced(s string) string {
	return reference.ReplaceAllStringFunc(s, func(x string) string {
		if v, ok := c.attrs[x[1:len(x)-1]]; ok {
			return v
		}
		c.say(x, "nothing says what this stands for", "write the words themselves")
		return x
	})
}

func escape(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`).Replace(s)
}
