// Package etag keeps two people, or a person and a program, from writing over each other: a thing has a tag that changes with it,
// whoever changes it says which tag was read, and the change is refused when the thing is another by now (RFC 9110, 8.8.3 and 13.1.1).
// What was read travels in the context; services compare it under the lock that they change the row with. Any room may call it.
package etag

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/learnscape/learnscape/internal/errs"
)

type key struct{}

// With returns a context in which a change is made only to what has the tag; "" for any.
func With(ctx context.Context, tag string) context.Context {
	if tag == "" {
		return ctx
	}
	return context.WithValue(ctx, key{}, tag)
}

// Check is Stale if the context says that another tag was read.
func Check(ctx context.Context, tag string) error {
	want, ok := ctx.Value(key{}).(string)
	if !ok || matches(want, tag) {
		return nil
	}
	return errs.New(errs.Stale, "is %s, not %s", tag, want)
}

func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}

// Fresh reports whether the value of If-None-Match names the tag.
func Fresh(header, tag string) bool {
	return tag != "" && matches(strings.ReplaceAll(header, "W/", ""), tag)
}

// Of is the tag of what the parts say.
func Of(parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(fmt.Appendf(nil, "%v\x00", p))
	}
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]) + `"`
}
