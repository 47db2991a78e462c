package pages

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// ImportPath is where authors bring archives. What is posted to it is read as it comes, see web's limits.
const ImportPath = "/publish/import"

// mountImport adds the routes of what authors bring and take away. It comes before those of drafts, whose addresses begin alike.
func (p *Pages) mountImport(r fiber.Router) {
	r.Get(ImportPath, func(c *fiber.Ctx) error { return p.showBundles(c, bundlesView{}, fiber.StatusOK) })
	r.Post(ImportPath, p.bring)
	r.Get(ImportPath+"/:id", func(c *fiber.Ctx) error { return p.showBundle(c, bundleView{}, fiber.StatusOK) })
	r.Post(ImportPath+"/:id", p.turnBundle)
	r.Get("/publish/export", p.export)
	r.Get("/publish/:id/export", p.export)
}

type bundlesView struct {
	List   []courses.Bundle
	Now    time.Time
	Faults ui.Faults
}

func (p *Pages) showBundles(c *fiber.Ctx, v bundlesView, status int) (err error) {
	ctx := c.UserContext()
	if v.List, v.Now, err = p.courses.Bundles(ctx); err != nil {
		return err
	}
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "importer.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true}, bundlesPage(v))
}

func (p *Pages) bring(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := p.brought(c)
	if f := faultsOf(ctx, err); f != nil {
		return p.showBundles(c, bundlesView{Faults: f}, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect(ImportPath+"/"+which.String(), fiber.StatusSeeOther)
}

func (p *Pages) brought(c *fiber.Ctx) (which id.Any, err error) {
	none := errs.Fields(errs.Field{Name: "file", Key: "importer.fault.none"})
	_, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || params["boundary"] == "" {
		return which, none
	}
	body := c.Context().RequestBodyStream()
	if body == nil {
		body = strings.NewReader(string(c.Body()))
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		part, err := r.NextPart()
		if err != nil {
			return which, none
		}
		if part.FormName() == "file" && part.FileName() != "" {
			return p.courses.Bring(c.UserContext(), part.FileName(), part)
		}
	}
}

// bundleView is what would become of a bundle, or did.
type bundleView struct {
	courses.Bundle

	Now  time.Time
	Show string // an outcome of files; "" for all
	Page int    // from 1
	Told string
}

// bundleRows is how many lines a page of the report has.
const bundleRows = 100

func (v bundleView) at() string { return ImportPath + "/" + v.ID.String() }

// line is a file of an item.
type bundleLine struct {
	courses.BundleFile

	Of string
}

// lines are the files that are shown, and how many there are of each outcome.
func (v bundleView) lines() (list []bundleLine, count map[string]int) {
	count = map[string]int{}
	for _, it := range v.Report.Items {
		for _, f := range it.Files {
			count[f.Outcome]++
			count[""]++
			if v.Show == "" || v.Show == f.Outcome {
				list = append(list, bundleLine{f, it.Title})
			}
		}
	}
	return list, count
}

func part[T any](list []T, page int) []T {
	from := min((page-1)*bundleRows, len(list))
	return list[from:min(from+bundleRows, len(list))]
}

func (v bundleView) href(page int) string {
	kv := []string{"show", v.Show}
	if page > 1 {
		kv = append(kv, "page", itoa(page))
	}
	if q := query(kv...); q != "" {
		return v.at() + "?" + q
	}
	return v.at()
}

func (v bundleView) chips(ctx context.Context, count map[string]int) (out []ui.Link) {
	for _, o := range []string{"", courses.FileNew, courses.FileChanged, courses.FileSame, courses.FileGone} {
		if count[o] > 0 || o == v.Show || o == "" {
			out = append(out, ui.Link{Label: lang.T(ctx, "importer.show."+orAll(o)), Href: bundleView{Bundle: v.Bundle, Show: o}.href(1), Count: count[o], Current: o == v.Show})
		}
	}
	return out
}

func orAll(s string) string {
	if s == "" {
		return "all"
	}
	return s
}

func bundleID(c *fiber.Ctx) (id.Any, error) {
	which, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return which, errs.New(errs.NotFound, "import %q", c.Params("id"))
	}
	return which, nil
}

func (p *Pages) showBundle(c *fiber.Ctx, v bundleView, status int) error {
	ctx := c.UserContext()
	which, err := bundleID(c)
	if err != nil {
		return err
	}
	if v.Bundle, v.Now, err = p.courses.Bundle(ctx, which); err != nil {
		return err
	}
	v.Show = c.Query("show")
	if !slices.Contains([]string{"", courses.FileNew, courses.FileChanged, courses.FileSame, courses.FileGone}, v.Show) {
		return errs.New(errs.NotFound, "files that are %q", v.Show)
	}
	v.Page = max(number(c.Query("page")), 1)
	c.Status(status)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "importer.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true}, bundlePage(v))
}

// turnBundle confirms a bundle or stops it.
func (p *Pages) turnBundle(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := bundleID(c)
	if err != nil {
		return err
	}
	switch do := c.FormValue("do"); do {
	case "draft", "publish":
		err = p.courses.ConfirmBundle(ctx, which, do == "publish")
	case "stop":
		err = p.courses.StopBundle(ctx, which)
	default:
		err = errs.New(errs.Malformed, "do %q", do)
	}
	if says := saysOf(ctx, err); says != "" {
		return p.showBundle(c, bundleView{Told: says}, errs.Status(errs.KindOf(err)))
	}
	if err != nil {
		return err
	}
	return c.Redirect(ImportPath+"/"+which.String(), fiber.StatusSeeOther)
}

// exportTime is how long an archive may take to be made.
const exportTime = 10 * time.Minute

// export hands an own course or path out as an archive, or all of them. It is made as a whole before anything of it is sent: half an
// archive is none.
func (p *Pages) export(c *fiber.Ctx) error {
	var it id.Item
	if c.Params("id") != "" {
		var err error
		if it, err = item(c); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), exportTime)
	defer cancel()
	f, err := os.CreateTemp("", "export-*.zip")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	_ = os.Remove(f.Name()) // It goes when it is closed, whatever happens.
	name, err := p.courses.Export(ctx, it, f)
	var size int64
	if err == nil {
		size, err = f.Seek(0, io.SeekEnd)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape(name))
	c.Context().SetBodyStream(f, int(size))
	return nil
}

// reason says why a bundle was refused.
func reason(ctx context.Context, f *courses.BundleFault) string {
	if f == nil {
		return ""
	}
	args := slices.Clone(f.Args)
	for i, a := range args {
		if n, ok := a.(float64); ok {
			args[i] = strconv.FormatFloat(n, 'f', -1, 64)
		}
	}
	return lang.T(ctx, f.Key, args...)
}

// inWords is what a finding says, in the reader's language where it is translated.
func inWords(ctx context.Context, text string) string {
	if s := lang.T(ctx, "importer.say."+markdown.Slug(text)); !strings.HasPrefix(s, "⟦") {
		return s
	}
	return text
}

func placeOf(f courses.Finding) string {
	if f.Line == 0 {
		return f.File
	}
	return f.File + ":" + itoa(f.Line)
}

var outcomeKinds = map[string]string{ //nolint:gochecknoglobals // A constant table.
	courses.FileNew: ui.OK, courses.FileChanged: ui.Info, courses.FileSame: ui.Neutral, courses.FileGone: ui.Warn,
}

func bundleState(b courses.Bundle) string {
	switch b.State {
	case courses.BundleDone:
		return ui.OK
	case courses.BundleFailed:
		return ui.Bad
	case courses.BundleChecking, courses.BundleRunning:
		return ui.Info
	}
	return ui.Neutral
}

func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) }

func bundleBefore(v bundleView) string {
	if v.Page < 2 {
		return ""
	}
	return v.href(v.Page - 1)
}

func bundleAfter(v bundleView, files int) string {
	if v.Page*bundleRows >= max(files, len(v.Report.Findings)) {
		return ""
	}
	return v.href(v.Page + 1)
}

func inLanguages(ctx context.Context, codes []string) (out []string) {
	for _, c := range codes {
		out = append(out, languageIn(ctx, c))
	}
	return out
}
