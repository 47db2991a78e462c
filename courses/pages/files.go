package pages

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
)

// file answers with a file of an item that the viewer may see. Its address changes with its content, so a browser may keep it,
// but nobody between may. Scripts inside of pictures do not run: they come with a policy that forbids everything.
func (p *Pages) file(c *fiber.Ctx) error {
	fid, err := id.Parse[id.File](c.Params("id"))
	if err != nil {
		return errs.New(errs.NotFound, "%w", err)
	}
	f, err := p.courses.File(c.UserContext(), fid)
	if err != nil {
		return err
	}
	return sendFile(c, f)
}

func sendFile(c *fiber.Ctx, f courses.File) error {
	tag := `"` + hex.EncodeToString(f.Sum) + `"`
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "private, max-age=3600")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		_ = f.Content.Close()
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, contentType(f.MediaType))
	c.Set(fiber.HeaderContentDisposition, disposition(f.MediaType, f.Name))
	return send(c, f.Content, f.Size, tag)
}

// contentType lets through what the importer stores; anything else is bytes to download.
func contentType(media string) string {
	switch {
	case media == "image/svg+xml", media == "text/vtt", media == "text/plain", media == "text/csv":
		return media + "; charset=utf-8"
	case strings.HasPrefix(media, "image/"), strings.HasPrefix(media, "video/"), media == "application/pdf", strings.HasPrefix(media, "application/vnd.openxmlformats"):
		return media
	}
	return "application/octet-stream"
}

// disposition shows pictures, recordings and captions, and downloads the rest (RFC 6266, RFC 8187 for the name).
func disposition(media, name string) string {
	kind := "attachment"
	if strings.HasPrefix(media, "image/") || strings.HasPrefix(media, "video/") || media == "text/vtt" {
		kind = "inline"
	}
	return kind + "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// send answers with the whole file or with the one range that was asked for (RFC 9110, 14). The file is closed when it is sent.
func send(c *fiber.Ctx, f io.ReadSeekCloser, size int64, tag string) error {
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	from, to, err := byteRange(c.Get(fiber.HeaderRange), size)
	if ifRange := c.Get(fiber.HeaderIfRange); ifRange != "" && ifRange != tag {
		from, to, err = 0, size-1, nil
	}
	if err != nil {
		_ = f.Close()
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", size))
		return c.SendStatus(fiber.StatusRequestedRangeNotSatisfiable)
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		_ = f.Close()
		return fmt.Errorf("seek in file: %w", err)
	}
	n := to - from + 1
	if n < size {
		c.Status(fiber.StatusPartialContent)
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", from, to, size))
	}
	c.Context().SetBodyStream(struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, n), f}, int(n))
	return nil
}

var errRange = errors.New("range not satisfiable")

// byteRange reads a Range header with one range of bytes. None, several or an unreadable one is the whole.
func byteRange(header string, size int64) (from, to int64, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, size - 1, nil
	}
	a, errA := strconv.ParseInt(first, 10, 64)
	b, errB := strconv.ParseInt(last, 10, 64)
	switch {
	case first == "" && errB == nil && b > 0:
		return max(0, size-b), size - 1, nil
	case first == "" || errA != nil || a < 0 || last != "" && (errB != nil || b < a):
		if first == "" && errB == nil {
			return 0, 0, errRange
		}
		return 0, size - 1, nil
	case a >= size:
		return 0, 0, errRange
	case last == "":
		return a, size - 1, nil
	}
	return a, min(b, size-1), nil
}
