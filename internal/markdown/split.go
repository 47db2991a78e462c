package markdown

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	"gopkg.in/yaml.v3"
)

// The kinds of a block.
const (
	Prose   = "prose"   // HTML
	Quiz    = "quiz"    // questions with choices
	Reflect = "reflect" // one question to think about
	Video   = "video"   // a recording with captions
	File    = "file"    // something to download
	Path    = "path"    // a card of a path or course, in Ref
	Try     = "try"     // something to try at work, in Ask
	Task    = "task"    // something to do and hand in, in Ask, that somebody looks at by a rubric
	Steps   = "steps"   // a list of what to do one after the other, to tick and to print
	Embed   = "embed"   // something that another site shows in a frame, in Src
	Live    = "live"    // a live session in which somebody takes part
	Group   = "group"   // something that a few do together
)

// What whoever passes a quiz need not read.
const (
	SkipsLesson = "lesson" // the lesson that it stands in
	SkipsCourse = "course" // all of the course that it stands in
)

// typed reports whether a fence of the language is one of the typed blocks.
func typed(language string) bool {
	switch language {
	case Quiz, Reflect, Video, File, Path, Try, Task, Steps, Embed, Live, Group:
		return true
	}
	return false
}

// Block is a part of a text: prose up to the next heading of level two, or one of the typed blocks that authors write as
// fenced YAML. Its JSON is what rooms store.
type Block struct {
	Kind  string `json:"kind"`
	Key   string `json:"key"`             // stable: from the heading or title, not from the position
	Title string `json:"title,omitempty"` // "" for prose before the first heading
	HTML  string `json:"html,omitempty"`  // of prose, with its heading, which has the id "s-"+Key; of a task, a live session and a group what to do

	Questions []Question `json:"questions,omitempty"`
	Shuffle   bool       `json:"shuffle,omitempty"`  // of a quiz: questions and choices come in another order for everybody
	Draw      int        `json:"draw,omitempty"`     // of a quiz: so many of its questions are asked; 0 for all
	Attempts  int        `json:"attempts,omitempty"` // of a quiz: so often it may be taken; 0 for any number
	Pass      int        `json:"pass,omitempty"`     // of a quiz: from how many percent on it is passed; 0 for no mark
	Skips     string     `json:"skips,omitempty"`    // of a quiz: what whoever passes it need not read, SkipsLesson or SkipsCourse; "" for nothing
	Ask       string     `json:"ask,omitempty"`      // of a reflection; of something to try: what; of a task: what to do, in Markdown; of a list of steps: when one needs it
	With      string     `json:"with,omitempty"`     // of something to try: with whom
	Days      int        `json:"days,omitempty"`     // of something to try: within how many days; 0 for the usual time
	Src       string     `json:"src,omitempty"`      // of a video or file: a name, and after resolving an address; of what is embedded: its address
	Poster    string     `json:"poster,omitempty"`   // as Src
	Captions  string     `json:"captions,omitempty"` // as Src, WebVTT
	Chapters  []Cue      `json:"chapters,omitempty"` // of a video
	Said      []Cue      `json:"said,omitempty"`     // the transcript of a video
	Minutes   int        `json:"minutes,omitempty"`  // of a video and of a group, and how long a quiz may take; 0 for any time
	Ref       string     `json:"ref,omitempty"`      // of a path card: "organization/slug"

	Hand   []string    `json:"hand,omitempty"`   // of a task: what can be handed in, of Hands
	By     []string    `json:"by,omitempty"`     // of a task: who may look at it, of Lookers
	Rubric []Criterion `json:"rubric,omitempty"` // of a task: by what

	Do []Do `json:"do,omitempty"` // of a list of steps: what to do, in order

	Series    string `json:"series,omitempty"`    // of a live session: of its organization's sessions those of this series count beside those that are planned for the lesson; "" for none
	Recording bool   `json:"recording,omitempty"` // of a live session: watching its recording does as well, once the lesson has one
	From      int    `json:"from,omitempty"`      // of a group: so many people at least, 2 or more
	To        int    `json:"to,omitempty"`        // of a group: so many at most
	Out       string `json:"out,omitempty"`       // of a group: what comes out of it

	Line int `json:"-"` // where it begins in the text, from 1
}

// Check reports whether the block is a quiz that is taken as a whole and handed in, instead of being practised question by question.
func (b Block) Check() bool {
	return b.Kind == Quiz && (b.Draw > 0 || b.Attempts > 0 || b.Pass > 0 || b.Minutes > 0)
}

// Asked is how many questions one taking of the quiz asks.
func (b Block) Asked() int {
	if b.Draw > 0 {
		return min(b.Draw, len(b.Questions))
	}
	return len(b.Questions)
}

// Cue is a place in a recording and what it is about, or what is said there.
type Cue struct {
	At   int    `json:"at"` // seconds from the beginning
	Text string `json:"text"`
}

// Problem is something in the text that could not be taken as it is.
type Problem struct {
	Key                 string // which it is, for a message in the reader's language: unreadable, no_question, …
	Line                int    // from 1; 0 for the whole text
	Found, Problem, Fix string // what stands there, what is wrong with it, and what to write instead
}

var pathMark = regexp.MustCompile(`^\{\{\s*path\s+([a-z0-9-]+/[a-z0-9-]+)\s*\}\}$`)

// Split renders the text and cuts it at headings of level two and at typed blocks. What cannot be read is left out and named in
// the problems, with its line. Keys are unique within the text and the same for the same headings.
func Split(src string, o Options) ([]Block, []Problem) {
	if len(src) > MaxSource {
		return nil, []Problem{{Key: "too_long", Found: fmt.Sprintf("%d bytes", len(src)), Problem: "the text is too long", Fix: fmt.Sprintf("keep it below %d bytes", MaxSource)}}
	}
	source := []byte(clean(src))
	doc := parse(source, o)
	s := splitter{source: source, options: o, seen: map[string]int{}, asked: map[string]int{}, part: ast.NewDocument()}
	for n := doc.FirstChild(); n != nil; {
		next := n.NextSibling()
		s.take(n)
		n = next
	}
	s.flush()
	return s.out, s.problems
}

type splitter struct {
	source   []byte
	out      []Block
	problems []Problem
	options  Options
	seen     map[string]int // keys of blocks
	asked    map[string]int // keys of questions

	part  *ast.Document
	title string
	key   string
	line  int
	more  bool // the part goes on after a typed block: its key is its heading's with a number
}

func (s *splitter) take(n ast.Node) {
	switch n := n.(type) {
	case *ast.Heading:
		if n.Level == 2 {
			s.flush()
			s.title = plain(n, s.source)
			s.key = unique(s.seen, slug(s.title))
			n.SetAttributeString("id", []byte("s-"+s.key))
			s.more = false
		}
	case *ast.FencedCodeBlock:
		if kind := string(n.Language(s.source)); typed(kind) {
			s.flush()
			s.typed(kind, lines(n.Lines(), s.source), s.lineOf(n))
			return
		}
	case *ast.Paragraph:
		if m := pathMark.FindStringSubmatch(strings.TrimSpace(plain(n, s.source))); m != nil {
			s.flush()
			s.add(Block{Kind: Path, Key: slug(m[1]), Ref: m[1], Line: s.lineOf(n)})
			return
		}
	}
	if s.part.FirstChild() == nil {
		s.line = s.lineOf(n)
	}
	s.part.AppendChild(s.part, n)
}

func (s *splitter) flush() {
	if s.part.FirstChild() == nil {
		return
	}
	out, err := render(s.part, s.source)
	s.part = ast.NewDocument()
	if err != nil {
		s.problems = append(s.problems, Problem{Key: "unreadable", Line: s.line, Problem: err.Error(), Fix: "write it more simply"})
		return
	}
	if out == "" {
		return
	}
	b := Block{Kind: Prose, Key: s.key, Title: s.title, HTML: out, Line: s.line}
	if b.Key == "" {
		b.Key = unique(s.seen, "start")
	} else if s.more {
		b.Key, b.Title = unique(s.seen, s.key), ""
	}
	s.more = s.key != ""
	s.out = append(s.out, b)
}

// add appends a typed block; the prose behind it belongs to the same heading still.
func (s *splitter) add(b Block) {
	b.Key = unique(s.seen, b.Key)
	s.out = append(s.out, b)
}

func (s *splitter) lineOf(n ast.Node) int {
	for n != nil {
		if n.Type() == ast.TypeBlock && n.Lines() != nil && n.Lines().Len() > 0 {
			first := n.Lines().At(0)
			line := 1 + strings.Count(string(s.source[:first.Start]), "\n")
			if n.Kind() == ast.KindFencedCodeBlock {
				line--
			}
			return max(line, 1)
		}
		n = n.FirstChild()
	}
	return max(s.line, 1)
}

// Fields are what authors write into typed blocks; which of them a block has follows from its kind.
type Fields struct {
	Title     string     `yaml:"title,omitempty"`
	Key       string     `yaml:"key,omitempty"`
	Ask       string     `yaml:"ask,omitempty"`
	Src       string     `yaml:"src,omitempty"`
	Poster    string     `yaml:"poster,omitempty"`
	Captions  string     `yaml:"captions,omitempty"`
	Chapters  string     `yaml:"chapters,omitempty"`   // a line each: "1:30 What comes now"
	Said      string     `yaml:"transcript,omitempty"` // likewise
	Minutes   int        `yaml:"minutes,omitempty"`
	Path      string     `yaml:"path,omitempty"`
	With      string     `yaml:"with,omitempty"`
	Days      int        `yaml:"days,omitempty"`
	Shuffle   bool       `yaml:"shuffle,omitempty"`
	Draw      int        `yaml:"draw,omitempty"`
	Attempts  int        `yaml:"attempts,omitempty"`
	Pass      int        `yaml:"pass,omitempty"`
	Skips     string     `yaml:"skips,omitempty"`
	Hand      []string   `yaml:"hand,omitempty"`
	By        []string   `yaml:"reviewers,omitempty"`
	Rubric    string     `yaml:"rubric,omitempty"` // a line each: "What counts: not there | as it should be | better still"
	Steps     Lines      `yaml:"steps,omitempty"`  // a line each, or a list
	Series    string     `yaml:"series,omitempty"`
	Recording bool       `yaml:"recording,omitempty"`
	From      int        `yaml:"from,omitempty"`
	To        int        `yaml:"to,omitempty"`
	Out       string     `yaml:"outcome,omitempty"`
	Questions []Question `yaml:"questions,omitempty"`
}

func (s *splitter) typed(kind, body string, line int) {
	var f Fields
	dec := yaml.NewDecoder(strings.NewReader(body))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		s.wrong("unreadable", line, kind, "it cannot be read: "+strings.ReplaceAll(err.Error(), "\n", " "), "write it as YAML with the keys of a "+kind)
		return
	}
	b := Block{Kind: kind, Key: slug(f.Key), Title: f.Title, Ask: f.Ask, Src: f.Src, Poster: f.Poster, Captions: f.Captions, Minutes: max(f.Minutes, 0), Ref: f.Path, Line: line}
	if f.Key == "" {
		b.Key = slug(kind + " " + f.Title)
	}
	switch kind {
	case Quiz:
		if !s.questions(&b, f.Questions, linesOf(body, line)) {
			return
		}
		b.Shuffle = f.Shuffle
		s.rules(&b, f)
	case Try:
		if f.Ask == "" {
			s.wrong("nothing_to_try", line, kind, "there is nothing to try", "add ask: with one thing to do at work")
			return
		}
		if f.Days < 0 || f.Days > 365 {
			s.wrong("bad_days", line, fmt.Sprintf("days: %d", f.Days), "it cannot be so", "write days, up to 365")
			f.Days = 0
		}
		b.With, b.Days = f.With, f.Days
	case Task:
		if !s.task(&b, f) {
			return
		}
	case Steps:
		if !s.steps(&b, f) {
			return
		}
	case Embed:
		if !s.embed(&b, f) {
			return
		}
	case Live:
		s.live(&b, f)
	case Group:
		if !s.group(&b, f) {
			return
		}
	case Reflect:
		if f.Ask == "" {
			s.wrong("no_question", line, kind, "there is no question", "add ask: with one question")
			return
		}
	case Video, File:
		if f.Src == "" {
			s.wrong("no_file", line, kind, "there is no file", "add src: with the name of the file")
			return
		}
		if b.Title == "" {
			b.Title = f.Src
		}
		b.Chapters, b.Said = cues(f.Chapters), cues(f.Said)
	case Path:
		if f.Path == "" {
			s.wrong("no_path", line, kind, "there is no path", "add path: organization/slug")
			return
		}
	}
	s.add(b)
}

var cueLine = regexp.MustCompile(`^(?:(\d{1,2}):)?(\d{1,3}):(\d{2})(?:[.,]\d+)?\s+(.*)$`)

// cues reads lines that begin with a time; one without goes on with what the line before says.
func cues(text string) (out []Cue) {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if m := cueLine.FindStringSubmatch(line); m != nil {
			h, _ := strconv.Atoi(m[1]) // Digits, or nothing at all.
			mins, _ := strconv.Atoi(m[2])
			secs, _ := strconv.Atoi(m[3])
			out = append(out, Cue{At: h*3600 + mins*60 + secs, Text: m[4]})
			continue
		}
		if len(out) == 0 {
			out = append(out, Cue{})
		}
		last := &out[len(out)-1]
		last.Text = strings.TrimSpace(last.Text + " " + line)
	}
	return out
}

func (s *splitter) wrong(key string, line int, found, problem, fix string) {
	s.problems = append(s.problems, Problem{Key: key, Line: line, Found: found, Problem: problem, Fix: fix})
}

// FrontMatter cuts the YAML between two lines of --- off the beginning of the text and decodes it into dest. offset is how many
// lines were cut. A text without front matter comes back whole.
func FrontMatter(src string, dest any) (body string, offset int, err error) {
	src = clean(src)
	if !strings.HasPrefix(src, "---\n") {
		return src, 0, nil
	}
	head, body, ok := strings.Cut(src[4:], "\n---\n")
	if !ok {
		if head, ok = strings.CutSuffix(src[4:], "\n---"); !ok {
			return src, 0, nil
		}
		body = ""
	}
	if err := yaml.Unmarshal([]byte(head), dest); err != nil {
		return src, 0, fmt.Errorf("front matter: %w", err)
	}
	return body, strings.Count(head, "\n") + 3, nil
}
