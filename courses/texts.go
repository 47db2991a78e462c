package courses

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
)

type readingKey struct{}

var langCode = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8})*$`)

// Reading returns a context in which lessons are read in the language, where they are there in it. Without it, and for what is no code of
// a language (BCP 47), they are read in the language of the interface.
func Reading(ctx context.Context, code string) context.Context {
	if code = strings.ToLower(code); langCode.MatchString(code) && len(code) < 36 {
		return context.WithValue(ctx, readingKey{}, code)
	}
	return ctx
}

func reading(ctx context.Context) string {
	if code, ok := ctx.Value(readingKey{}).(string); ok {
		return code
	}
	return string(lang.From(ctx))
}

// in is the outline with the titles of lessons in a language, where they are there in it. It shares nothing that is written.
func (o Outline) in(code string) Outline {
	has := func(l LessonRef) bool { return l.Titles[code] != "" }
	titled := func(list []LessonRef) []LessonRef {
		if !slices.ContainsFunc(list, has) {
			return list
		}
		list = slices.Clone(list)
		for i, l := range list {
			if has(l) {
				list[i].Title = l.Titles[code]
			}
		}
		return list
	}
	if slices.ContainsFunc(o.Modules, func(m Module) bool { return slices.ContainsFunc(m.Lessons, has) }) {
		o.Modules = slices.Clone(o.Modules)
		for i, m := range o.Modules {
			o.Modules[i].Lessons = titled(m.Lessons)
		}
	}
	if slices.ContainsFunc(o.Steps, func(s Step) bool { return slices.ContainsFunc(s.Lessons, has) }) {
		o.Steps = slices.Clone(o.Steps)
		for i, s := range o.Steps {
			o.Steps[i].Lessons = titled(s.Lessons)
			if s.Kind == StepLesson && len(s.Lessons) == 1 && has(s.Lessons[0]) {
				o.Steps[i].Title = s.Lessons[0].Titles[code]
			}
		}
	}
	return o
}

// translated renders a lesson in another language. What is answered and written in it is the lesson's own: quizzes and reflections stand for
// each other one by one, and one that is not like the lesson's is replaced by it and named.
func (p *press) translated(l lessonRow, t LessonText) textRow {
	next := map[string][]markdown.Block{}
	for _, b := range l.Blocks {
		if paired(b) {
			next[b.Kind] = append(next[b.Kind], b)
		}
	}
	var out []markdown.Block
	for _, b := range p.split(l.Key, t.Name, t.Source, t.Lang) {
		if !paired(b) {
			out = append(out, b)
			continue
		}
		rest := next[b.Kind]
		if len(rest) == 0 {
			p.unlike(l.Key, t.Name, b)
			continue
		}
		next[b.Kind] = rest[1:]
		own, ok := inWords(rest[0], b)
		if !ok {
			p.unlike(l.Key, t.Name, b)
		}
		out = append(out, own)
	}
	for _, kind := range slices.Sorted(maps.Keys(next)) {
		out = append(out, next[kind]...)
	}
	return textRow{LessonText: t, Key: l.Key, Plain: markdown.Plain(t.Source), Blocks: out}
}

// paired reports whether learners put something into a block.
func paired(b markdown.Block) bool {
	return b.Kind == markdown.Quiz || b.Kind == markdown.Reflect || b.Kind == markdown.Try || b.Kind == markdown.Task || b.Kind == markdown.Steps || b.Meets()
}

func (p *press) unlike(lesson, name string, b markdown.Block) {
	p.problems = append(p.problems, LessonProblem{lesson, name, markdown.Problem{
		Key: "unlike", Line: b.Line, Found: b.Kind, Problem: "it is not like that of the lesson", Fix: "ask the same questions with the same choices in the same order",
	}})
}

// inWords is a quiz or reflection with the words of its translation, and whether the translation asks the same.
func inWords(own, words markdown.Block) (markdown.Block, bool) {
	if len(own.Questions) != len(words.Questions) || len(own.Do) != len(words.Do) || !slices.EqualFunc(own.Rubric, words.Rubric, func(a, b markdown.Criterion) bool { return len(a.Levels) == len(b.Levels) }) {
		return own, false
	}
	out := own
	if own.Kind == markdown.Task {
		out.HTML, out.Rubric = words.HTML, slices.Clone(words.Rubric)
		for i, c := range own.Rubric {
			out.Rubric[i].Enough = c.Enough
		}
	}
	if own.Meets() {
		out.HTML, out.Out = words.HTML, words.Out
	}
	if own.Kind == markdown.Steps {
		out.Do = slices.Clone(words.Do)
		for i, d := range own.Do {
			out.Do[i].Key = d.Key
		}
	}
	out.Title, out.Ask, out.Questions = words.Title, words.Ask, slices.Clone(own.Questions)
	for i, q := range words.Questions {
		o := own.Questions[i]
		if o.Kind != q.Kind || !slices.EqualFunc(o.Choices, q.Choices, func(a, b markdown.Choice) bool { return a.Right == b.Right }) {
			return own, false
		}
		if !q.Chosen() {
			o.Ask, o.HTML = q.Ask, q.HTML // What is accepted as an answer stays the lesson's.
			q = o
		}
		q.Key = o.Key
		out.Questions[i] = q
	}
	return out, true
}
