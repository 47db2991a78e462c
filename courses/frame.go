package courses

import (
	"net/url"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/markdown"
	"github.com/learnscape/learnscape/tenants"
)

// FrameView is something that another site shows. Nothing is asked of the site until the viewer wants it.
type FrameView struct {
	Host string
	Page string // where people find it: the page of a film rather than its player
	At   string // the site of that page
	May  bool   // the organization that wrote it and that of the viewer both allow the site
}

// framesSQL reads the sites whose pages an organization shows in frames.
const framesSQL = `SELECT o.frames FROM organizations o WHERE o.org_id = $1`

// framed is what stands at an address, which nobody has allowed yet.
func framed(src string) *FrameView {
	f := &FrameView{Host: hostname(src), Page: markdown.FramePage(src)}
	f.At = strings.TrimPrefix(hostname(f.Page), "www.")
	return f
}

func hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// frames decides which of the lesson's frames may be shown: those of sites that the organization that wrote it and that of the viewer
// allow. For who has none the first alone decides.
func (v *LessonView) frames(owner, viewer tenants.Organization) {
	allow(v.Blocks, func(host string) bool { return owner.Frames(host) && (viewer.OrgID.IsZero() || viewer.Frames(host)) })
}

func allow(list []BlockView, may func(host string) bool) {
	for _, b := range list {
		if b.Frame != nil {
			b.Frame.May = may(b.Frame.Host)
		}
	}
}

// Frame returns the block with the key whose frame may be shown; nil for any other.
func (v LessonView) Frame(key string) *BlockView {
	i := slices.IndexFunc(v.Blocks, func(b BlockView) bool { return b.Key == key && b.Frame != nil && b.Frame.May })
	if i < 0 {
		return nil
	}
	return &v.Blocks[i]
}

// strangers names what is embedded from sites that the organization does not allow. It stands in the lesson all the same, as a link.
func (p *press) strangers(blocks []markdown.Block) (out []markdown.Problem) {
	for _, b := range blocks {
		if b.Kind != markdown.Embed {
			continue
		}
		if host := framed(b.Src).Host; !slices.Contains(p.frames, host) {
			out = append(out, markdown.Problem{
				Key: "embed_host", Line: b.Line, Found: host, Problem: "the organization shows nothing of this site in frames",
				Fix: "ask an administrator to add it to the list, or link to it; sites on it: " + strings.Join(p.frames, ", "),
			})
		}
	}
	return out
}
