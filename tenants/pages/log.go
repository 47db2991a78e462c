package pages

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

type logView struct {
	tenants.Log

	Filter      tenants.LogFilter
	Own         ui.Org
	First, Next string
}

// logPlace is how a place in the list stands in an address: the time, and how many lines of it were seen.
const logPlace = "20060102T150405.000000Z"

// readLogFilter takes the filter from the address; an unreadable place or day is a missing page.
func readLogFilter(c *fiber.Ctx) (tenants.LogFilter, error) {
	f := tenants.LogFilter{
		Who: strings.TrimSpace(c.Query("who")), Topic: c.Query("topic"), Object: c.Query("object"), With: c.Query("with"), Limit: pageSize,
	}
	for _, text := range []string{f.Who, f.Topic, f.Object, f.With} {
		if utf8.RuneCountInString(text) > 100 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return f, errs.New(errs.Invalid, "filter of the log too long")
		}
	}
	for name, day := range map[string]**time.Time{"from": &f.From, "until": &f.Until} {
		if v := c.Query(name); v != "" {
			d, ok := parseDay(v)
			if !ok {
				return f, errs.New(errs.NotFound, "day %q", v)
			}
			*day = &d
		}
	}
	if after := c.Query("after"); after != "" {
		at, err := time.Parse(logPlace, after)
		skip, serr := strconv.Atoi(c.Query("skip"))
		if err != nil || serr != nil || skip < 0 || skip > 10_000 {
			return f, errs.New(errs.NotFound, "place in the log %q", after)
		}
		f.After, f.Skip = &at, skip
	}
	return f, nil
}

// logAddress is the log with the filter's words and more pairs.
func logAddress(path string, f tenants.LogFilter, kv ...string) string {
	q := url.Values{}
	for k, v := range map[string]string{"who": f.Who, "topic": f.Topic, "object": f.Object, "with": f.With, "from": dayValue(f.From), "until": dayValue(f.Until)} {
		if v != "" {
			q.Set(k, v)
		}
	}
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func dayValue(d *time.Time) string {
	if d == nil {
		return ""
	}
	return d.Format(time.DateOnly)
}

func (p *Pages) log(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f, err := readLogFilter(c)
	if err != nil {
		return err
	}
	list, err := p.svc.Log(ctx, f)
	if err != nil {
		return err
	}
	v := logView{Log: list, Filter: f, Own: shell.From(ctx).Org}
	if list.More {
		at, skip := list.Next(f)
		v.Next = logAddress("/admin/audit", f, "after", at.UTC().Format(logPlace), "skip", strconv.Itoa(skip))
	}
	if f.After != nil {
		v.First = logAddress("/admin/audit", f)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "audit.title"), NavKey: "admin", Layout: ui.Work, NoIndex: true}, logPage(v))
}

// exportLogTable sends what the filter leaves as a table for people.
func (p *Pages) exportLogTable(c *fiber.Ctx) error {
	ctx := c.UserContext()
	f, err := readLogFilter(c)
	if err != nil {
		return err
	}
	lines, err := p.svc.ExportLogTable(ctx, f)
	if err != nil {
		return err
	}
	var head []string
	for _, k := range []string{"number", "time", "who", "what", "action", "object", "detail", "reference"} {
		head = append(head, lang.T(ctx, "audit.csv."+k))
	}
	rows := [][]string{head}
	for _, l := range lines {
		n := ""
		if l.N > 0 {
			n = strconv.FormatInt(l.N, 10)
		}
		rows = append(rows, []string{n, l.At.UTC().Format(time.RFC3339Nano), actor(ctx, l), sentence(ctx, l), l.Action, l.Object, string(l.Detail), l.Request})
	}
	return shell.Sheet(c, "audit.csv", rows)
}

// exportFor is how long taking a whole log away may last: it is sent as it is read.
const exportFor = 10 * time.Minute

// exportLog sends the sealed log whole, as JSON lines with seals and keys. Who asks is checked before the first byte; a file that
// ends without its last line was cut off, and verifying says so.
func (p *Pages) exportLog(c *fiber.Ctx) error {
	ctx := c.UserContext()
	send, err := p.svc.ExportLog(ctx)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/jsonl; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="audit.jsonl"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	// The request's own context ends with this handler, before the first byte is sent.
	ctx = context.WithoutCancel(ctx)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		ctx, cancel := context.WithTimeout(ctx, exportFor)
		defer cancel()
		if err := send(ctx, w); err != nil {
			slog.WarnContext(ctx, "export of a log was cut off", "error", err)
		}
	})
	return nil
}

// byOperator is the operator of the portal who did it, by name; "" for everybody else.
func byOperator(l tenants.LogLine) string {
	var d struct {
		Named string `json:"named"`
	}
	if json.Unmarshal(l.Detail, &d) != nil {
		return ""
	}
	return d.Named
}

// actor says who did it, as far as the log knows: a member by name, the other side of a connection, or the portal itself.
func actor(ctx context.Context, l tenants.LogLine) string {
	var d struct {
		ByUs *bool `json:"by_us"`
	}
	if err := json.Unmarshal(l.Detail, &d); err == nil && d.ByUs != nil && !*d.ByUs && l.Other != "" {
		return l.Other
	}
	switch {
	case l.Name != "":
		return l.Name
	case l.Actor == string(scope.Member):
		return lang.T(ctx, "audit.actor.member")
	case byOperator(l) != "":
		return lang.T(ctx, "audit.actor.console", "Name", byOperator(l))
	case l.Actor == string(scope.Operator):
		return lang.T(ctx, "audit.actor.operator")
	}
	return lang.T(ctx, "audit.actor.portal")
}

// sentence says what the line tells of.
func sentence(ctx context.Context, l tenants.LogLine) string {
	var d struct {
		Version int    `json:"version"`
		To      string `json:"to"`
		Right   string `json:"right"`
		Rows    int    `json:"rows"`
		Form    string `json:"form"`
		Reason  string `json:"reason"`
		Page    string `json:"page"`
	}
	if err := json.Unmarshal(l.Detail, &d); err != nil {
		d.Rows = 0 // The sentence then says less.
	}
	_, ref, _ := strings.Cut(l.Object, ":")
	what := l.What
	if what == "" {
		what = ref
	}
	other := l.Other
	if other == "" {
		other = lang.T(ctx, "audit.other")
	}
	if l.Action == "collection.visibility" {
		return lang.T(ctx, "audit.said.collection.visibility."+visibility(d.To), "Who", actor(ctx, l), "What", what)
	}
	if l.Action == "log.exported" && d.Form == "signed" {
		return lang.T(ctx, "audit.said.log.signed", "Who", actor(ctx, l))
	}
	if tenants.LogActions()[l.Action] == "" {
		return lang.T(ctx, "audit.unknown", "Who", actor(ctx, l), "Action", l.Action) // Of a later or an earlier release.
	}
	return lang.T(ctx, "audit.said."+l.Action, "Who", actor(ctx, l), "What", what, "Item", l.Item, "Other", other, "Version", strconv.Itoa(d.Version), "Rows", d.Rows, "Page", d.Page, "Reason", d.Reason)
}

func visibility(to string) string {
	switch to {
	case "internal", "public":
		return to
	}
	return "agreement"
}

// topics are the choices of what is looked for.
func (v logView) topics(ctx context.Context) []ui.Option {
	out := []ui.Option{{Label: lang.T(ctx, "audit.topic.all"), Chosen: v.Filter.Topic == ""}}
	for _, t := range tenants.LogTopics() {
		out = append(out, ui.Option{Value: t, Label: lang.T(ctx, "audit.topic."+t), Chosen: v.Filter.Topic == t})
	}
	return out
}

// connections are the organizations whose connection can be looked through.
func (v logView) connections(ctx context.Context) []ui.Option {
	out := []ui.Option{{Label: lang.T(ctx, "audit.with.all"), Chosen: v.Filter.With == ""}}
	for _, o := range v.Connections {
		out = append(out, ui.Option{Value: o.Slug, Label: o.Name, Chosen: v.Filter.With == o.Slug})
	}
	return out
}

// only and without narrow the filter to one thing, and widen it again.
func (v logView) only(object string) tenants.LogFilter {
	f := v.Filter
	f.Object, f.With, f.After, f.Skip = object, "", nil, 0
	return f
}

func (v logView) without() tenants.LogFilter { return v.only("") }

func (v logView) narrowed() bool {
	f := v.Filter
	return f.Who != "" || f.Topic != "" || f.Object != "" || f.With != "" || f.From != nil || f.Until != nil
}

// clock is the time of day of a line, in UTC.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// slow is how long a line waits at most before the page says that sealing is behind.
const slow = 5 * time.Minute

// seal says how far the log is sealed.
func (v logView) seal(ctx context.Context) ui.CalloutProps {
	s := v.State
	if s.Until == nil {
		return ui.CalloutProps{Kind: ui.Info, Title: lang.T(ctx, "audit.seal.none_title"), Text: lang.T(ctx, "audit.seal.none")}
	}
	p := ui.CalloutProps{
		Kind: ui.OK, Title: lang.T(ctx, "audit.seal.title", "Date", lang.Date(ctx, *s.Until), "Time", clock(*s.Until)),
		Text: lang.T(ctx, "audit.seal.text", "Lines", int(s.Lines), "Seals", int(s.Seals)),
	}
	if s.Waiting > 0 {
		p.Text += " " + lang.T(ctx, "audit.seal.waiting", "Count", int(s.Waiting))
		if s.Oldest != nil && v.Now.Sub(*s.Oldest) > slow {
			p.Kind, p.Text = ui.Warn, p.Text+" "+lang.T(ctx, "audit.seal.late")
		}
	}
	return p
}
