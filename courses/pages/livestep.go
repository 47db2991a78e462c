package pages

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/web/ui"
)

// meetings are the kinds of steps in which people meet, in the order in which they are offered.
var meetings = []string{markdown.Live, markdown.Group} //nolint:gochecknoglobals // A constant list.

// meeting is the text that a step begins with in which people meet.
func meeting(kind string) string { return "```" + kind + "\n```\n" }

// backTo is the address of the step from which somebody took a seat; "" for anything but one.
func backTo(at string) string {
	u, err := url.Parse(at)
	if err != nil || u.IsAbs() || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || !strings.HasPrefix(u.Path, "/path/") && !strings.HasPrefix(u.Path, "/course/") {
		return ""
	}
	return u.EscapedPath()
}

// liveStepSays is how the viewer stands to a live session that is a step, in a few words: the kind of the badge and its text.
func liveStepSays(ctx context.Context, v courses.LessonView, l *courses.LiveStep) word {
	switch {
	case v.Done || l.Came() != nil:
		return word{ui.OK, lang.T(ctx, "livestep.came")}
	case seatOf(l) == courses.LiveSeat:
		return word{ui.OK, lang.T(ctx, "live.state.seat")}
	case seatOf(l) == courses.LiveWaiting:
		return word{ui.Info, lang.T(ctx, "live.state.waiting")}
	}
	return word{}
}

// seatOf is how the viewer stands to the sessions to come: with a seat, waiting, or not at all.
func seatOf(l *courses.LiveStep) (mine string) {
	for _, r := range l.Rows {
		if r.State == courses.LivePlanned && r.Mine != "" && mine != courses.LiveSeat {
			mine = r.Mine
		}
	}
	return mine
}

// liveStepText is what there is to do for whoever has not come to a session yet.
func liveStepText(l *courses.LiveStep) string {
	switch {
	case seatOf(l) == courses.LiveSeat:
		return "livestep.seated"
	case seatOf(l) == courses.LiveWaiting:
		return "livestep.waiting"
	case !l.Planned():
		return "livestep.none"
	case allFull(l):
		return "livestep.full"
	}
	return "livestep.choose"
}

func allFull(l *courses.LiveStep) bool {
	for _, r := range l.Rows {
		if r.State == courses.LivePlanned && !r.Full {
			return false
		}
	}
	return true
}

// overText is what is said of a session that is over.
func overText(d courses.LiveDate) string {
	switch {
	case d.State == courses.LiveCancelled:
		return "livestep.over.cancelled"
	case d.Attended:
		return "livestep.over.came"
	case d.Mine == courses.LiveSeat && d.Said:
		return "livestep.over.missed"
	case d.Mine == courses.LiveSeat:
		return "livestep.over.unsaid"
	}
	return "livestep.over.past"
}

// stepShown are the ways in which somebody can be shown who takes a seat.
func stepShown(ctx context.Context, l *courses.LiveStep) (out []ui.Option) {
	for _, s := range courses.LiveShown {
		out = append(out, ui.Option{Value: s, Label: lang.T(ctx, "live.shown."+s, "Name", l.Name, "Org", l.Own.Name)})
	}
	return out
}

// stepPatterns are what a step of a path's own can begin with.
func stepPatterns(ctx context.Context) []ui.Option {
	out := patternOptions(ctx)
	for _, k := range meetings {
		out = append(out, ui.Option{Value: k, Label: lang.T(ctx, "write.block."+k)})
	}
	return out
}

// meetNote is what an author is told of a step in which people meet.
func meetNote(kind string) string {
	if kind == markdown.Group {
		return "group.write.note"
	}
	return "livestep.write.note"
}

// meetsOpen is why a lesson cannot be marked as done yet.
func meetsOpen(v courses.LessonView) string {
	if slices.ContainsFunc(v.Blocks, func(b courses.BlockView) bool { return b.Group != nil && !b.Group.Done() }) {
		return "group.lesson_open"
	}
	return "livestep.lesson_open"
}

// meetsLive reports whether the lesson shows its sessions itself.
func meetsLive(v courses.LessonView) bool {
	return slices.ContainsFunc(v.Blocks, func(b courses.BlockView) bool { return b.Live != nil })
}
