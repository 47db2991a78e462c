package markdown

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Do is one step of a list: what to do.
type Do struct {
	Key  string `json:"key"` // stable: from its words, not from its place
	HTML string `json:"html"`
}

// Lines is a text of which each line is one thing. Authors may write it as a list, too.
type Lines string

// UnmarshalYAML implements yaml.Unmarshaler.
func (l *Lines) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return n.Decode((*string)(l))
	}
	var list []string
	if err := n.Decode(&list); err != nil {
		return err
	}
	for i, s := range list {
		list[i] = strings.Join(strings.Fields(s), " ")
	}
	*l = Lines(strings.Join(list, "\n"))
	return nil
}

// The bounds of a list of steps.
const (
	stepsMost = 40
	stepMost  = 1000 // letters of one
)

// listed is what stands before a line that was copied from a list.
var listed = regexp.MustCompile(`^(?:[-*+]\s+(?:\[[ xX]\]\s+)?|\d{1,3}[.)]\s+)`)

// each are the lines with words, without what a list puts before them.
func (l Lines) each() (out []string) {
	for line := range strings.SplitSeq(string(l), "\n") {
		if line = listed.ReplaceAllString(strings.TrimSpace(line), ""); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// steps takes what to do one after the other; what there is too much of is named.
func (s *splitter) steps(b *Block, f Fields) bool {
	seen := map[string]int{}
	for _, line := range f.Steps.each() {
		if len(b.Do) == stepsMost || len([]rune(line)) > stepMost {
			s.wrong("many_steps", b.Line, Summary(line, 60), "there is too much of it", fmt.Sprintf("write at most %d steps with at most %d letters each", stepsMost, stepMost))
			continue
		}
		b.Do = append(b.Do, Do{Key: unique(seen, slug(Plain(line))), HTML: fragment(line, s.options)})
	}
	switch {
	case len(b.Do) == 0:
		s.wrong("no_steps", b.Line, Steps, "there is nothing to do", "add steps: with one step a line")
		return false
	case strings.TrimSpace(f.Title) == "":
		s.wrong("no_title", b.Line, Steps, "it has no title", "add title: with what one can do with it")
		return false
	}
	return true
}

// stepsPlain are the words of a list of steps.
func stepsPlain(body string) string {
	var f Fields
	if err := yaml.NewDecoder(strings.NewReader(body)).Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return ""
	}
	out := []string{f.Title, f.Ask}
	for _, line := range f.Steps.each() {
		out = append(out, Plain(line))
	}
	return strings.Join(out, "\n")
}

// embed takes the address of what another site shows.
func (s *splitter) embed(b *Block, f Fields) bool {
	src, ok := Framed(f.Src)
	switch {
	case strings.TrimSpace(f.Src) == "":
		s.wrong("no_address", b.Line, Embed, "there is no address", "add src: with the address of a page that may be shown in a frame")
		return false
	case !ok:
		s.wrong("bad_address", b.Line, f.Src, "it is no address that can be shown", "write a whole address that begins with https://")
		return false
	case strings.TrimSpace(f.Title) == "":
		s.wrong("no_title", b.Line, Embed, "it has no title", "add title: with what is to be seen")
		return false
	}
	b.Src = src
	return true
}

var (
	film  = regexp.MustCompile(`^[\w-]{6,20}$`)
	vimeo = regexp.MustCompile(`^/(\d{5,12})$`)
)

// Framed is the address of what a site shows in a frame, for the address that people copy there, and whether it is one: https with a host
// and neither a port nor a name. Of films on YouTube and Vimeo it is that of the player that remembers least.
func Framed(address string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || !FrameHost(u.Host) {
		return "", false
	}
	u.Host = strings.ToLower(u.Host)
	of := ""
	switch u.Host {
	case "youtu.be":
		of = strings.TrimPrefix(u.Path, "/")
	case "www.youtube.com", "youtube.com", "m.youtube.com":
		if of = u.Query().Get("v"); u.Path != "/watch" {
			of = strings.TrimPrefix(u.Path, "/embed/")
		}
	case "vimeo.com", "www.vimeo.com":
		if m := vimeo.FindStringSubmatch(u.Path); m != nil {
			return "https://player.vimeo.com/video/" + m[1] + "?dnt=1", true
		}
	}
	if film.MatchString(of) {
		return "https://www.youtube-nocookie.com/embed/" + of, true
	}
	return u.String(), true
}

var player = regexp.MustCompile(`^/(?:video|embed)/([\w-]+)$`)

// FramePage is the address at which people find what a site shows in a frame at another one: of a player on YouTube or Vimeo the film's page. Of
// any other it is the address itself.
func FramePage(src string) string {
	u, err := url.Parse(src)
	if err != nil {
		return src
	}
	m := player.FindStringSubmatch(u.Path)
	switch {
	case m == nil:
	case u.Host == "player.vimeo.com" && strings.HasPrefix(u.Path, "/video/"):
		page := url.URL{Scheme: "https", Host: "vimeo.com"}
		return page.JoinPath(m[1], u.Query().Get("h")).String() // h opens a film that stands in no list.
	case u.Host == "www.youtube-nocookie.com" && strings.HasPrefix(u.Path, "/embed/"):
		return "https://www.youtube.com/watch?v=" + m[1]
	}
	return src
}

var frameHost = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// FrameHost reports whether a name can be that of a site whose pages are shown in frames: a whole name in ASCII, no address of a
// machine and no port.
func FrameHost(host string) bool {
	return len(host) <= 253 && frameHost.MatchString(strings.ToLower(host))
}
