package pages

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// place2 is a place in a list that is ordered by a key and an organization.
func place2(after, key string) (id.Org, string, error) {
	o, err := id.Parse[id.Org](after)
	if err != nil || key == "" || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return o, "", errs.New(errs.NotFound, "place in the list %q", after)
	}
	return o, key, nil
}

// withQuery is an address with the pairs whose value is not empty.
func withQuery(path string, kv ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			q.Set(kv[i], kv[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

type batchView struct {
	tenants.BatchView

	Next, First string
}

func (v batchView) at() string { return "/partners/batches/" + v.ID.String() }

func (v batchView) title(ctx context.Context) string {
	if v.Action == tenants.BatchPropose {
		return lang.T(ctx, "batch.title.propose", "Title", v.Title, "Count", v.Version)
	}
	return lang.T(ctx, "batch.title."+v.Action)
}

// back is where the batch was asked for.
func (v batchView) back() string {
	if v.Action == tenants.BatchPropose {
		return standardsAt + "/" + v.Standard.String()
	}
	return "/network"
}

func batchOrg(r tenants.BatchRow) ui.Org {
	return ui.Org{ID: r.OrgID.String(), Slug: r.Slug, Name: r.Name, Short: r.Short, Hue: r.Hue, Chroma: r.Chroma}
}

func (p *Pages) batch(c *fiber.Ctx) error {
	ctx := c.UserContext()
	which, err := named(c)
	if err != nil {
		return err
	}
	var v batchView
	var after id.Org
	key := ""
	if a := c.Query("after"); a != "" {
		if after, key, err = place2(a, c.Query("key")); err != nil {
			return err
		}
	}
	if v.BatchView, err = p.svc.BatchView(ctx, which, key, after, networkSize); err != nil {
		return err
	}
	if v.More {
		last := v.Rows[len(v.Rows)-1]
		v.Next = withQuery(v.at(), "after", last.OrgID.String(), "key", last.Key)
	}
	if key != "" {
		v.First = v.at()
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return shell.Page(c, ui.PageProps{Title: v.title(ctx), NavKey: "network", Layout: ui.Reading, NoIndex: true, Flash: flash(c)}, batchPage(v))
}

func (p *Pages) cancelBatch(c *fiber.Ctx) error {
	which, err := named(c)
	if err != nil {
		return err
	}
	if _, err := p.svc.BatchView(c.UserContext(), which, "", id.Org{}, 1); err != nil {
		return err
	}
	// One that has just come to its end cannot be stopped any more: its page says so.
	if err := p.svc.CancelBatch(c.UserContext(), which); err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	return c.Redirect("/partners/batches/"+which.String()+"?done=cancelled", fiber.StatusSeeOther)
}
