package tenants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/markdown"
)

// framesMost bounds the sites of an organization.
const framesMost = 50

// Frames reports whether the organization shows pages of the site with the host in frames.
func (o Organization) Frames(host string) bool {
	return host != "" && slices.Contains(strings.Fields(o.FrameHosts), host)
}

// SetFrames changes the sites whose pages tx's organization shows in frames, named by their hosts, with anything but letters, digits, dots
// and hyphens between them. The caller has checked that the acting member may. base is the installation's own domain, of which nothing
// is ever framed. Invalid, with the field "frames", for what is no host.
func SetFrames(tx *db.Tx, hosts, base string) error {
	list := []string{}
	for _, h := range strings.FieldsFunc(strings.ToLower(hosts), func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '\n' || r == '\r' || r == '\t' }) {
		h = strings.TrimSuffix(strings.TrimPrefix(h, "https://"), "/")
		own := hostname(base)
		if !markdown.FrameHost(h) || h == own || strings.HasSuffix(h, "."+own) {
			return errs.Fields(errs.Field{Name: "frames", Key: "blocks.fault.host", Args: []any{"Host", h}})
		}
		if !slices.Contains(list, h) {
			list = append(list, h)
		}
	}
	if len(list) > framesMost {
		return errs.Fields(errs.Field{Name: "frames", Key: "blocks.fault.hosts", Args: []any{"Most", framesMost}})
	}
	slices.Sort(list)
	n, err := tx.Exec(`UPDATE organizations SET frames = $2 WHERE org_id = $1 AND frames <> $2`, tx.Scope.Org, list)
	if err != nil || n == 0 {
		return err
	}
	if err := Audit(tx, "publishing.frames", "organization:"+tx.Scope.Org.String(), map[string][]string{"frames": list}); err != nil {
		return fmt.Errorf("sites in frames: %w", err)
	}
	return nil
}
