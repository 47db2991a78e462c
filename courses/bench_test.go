package courses_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/db/dbtest"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
)

// largeCourse packs n lessons, each with a picture of its own, a quiz and a page and a half of text.
func largeCourse(tb testing.TB, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, body []byte) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(body)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	add("course.yaml", []byte("title: Large\n"))
	for i := range n {
		img := image.NewRGBA(image.Rect(0, 0, 160, 120))
		for x := range 160 {
			for y := range 120 {
				img.Set(x, y, color.RGBA{uint8(x * y), uint8(x + i), uint8(y * i), 255})
			}
		}
		var p bytes.Buffer
		if err := png.Encode(&p, img); err != nil {
			tb.Fatal(err)
		}
		add(fmt.Sprintf("img/%04d.png", i), p.Bytes())
		add(fmt.Sprintf("%04d-lesson.md", i), []byte(lessonText(i)))
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func lessonText(i int) string {
	return fmt.Sprintf("# Lesson %d\n\n## Why\n\n%s\n\n![A picture](img/%04d.png)\n\n## How\n\n%s\n\n```go\nfunc main() { fmt.Println(%d) }\n```\n\n```quiz\nquestions:\n  - ask: Which is right?\n    choices:\n      - text: This one\n        right: true\n      - text: The other one\n        because: It is not.\n```\n",
		i, strings.Repeat("A sentence about probes that are kept cold, and *why* it matters. ", 25), i, strings.Repeat("1. A step that is done with `care`.\n", 12), i)
}

// BenchmarkImport brings an archive of 1,000 lessons with pictures, has it looked at and published, as the job does. heap-MB is the most that
// the process had allocated on the way, archive included.
func BenchmarkImport(b *testing.B) {
	s := setupShop(b)
	data := largeCourse(b, 1000)
	var peak atomic.Uint64
	stop := make(chan struct{})
	go func() {
		var m runtime.MemStats
		for tick := time.Tick(50 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick:
				runtime.ReadMemStats(&m)
				if m.HeapAlloc > peak.Load() {
					peak.Store(m.HeapAlloc)
				}
			}
		}
	}()
	for b.Loop() {
		which, err := s.svc.Bring(s.vendor.author, "large.zip", bytes.NewReader(data))
		if err != nil {
			b.Fatal(err)
		}
		s.worked(s.vendor, which)
		if err := s.svc.ConfirmBundle(s.vendor.author, which, true); err != nil {
			b.Fatal(err)
		}
		if r := s.worked(s.vendor, which); r.State != courses.BundleDone || r.Report.Items[0].Lessons != 1000 {
			b.Fatalf("%s %+v", r.State, r.Fault)
		}
	}
	close(stop)
	b.ReportMetric(float64(peak.Load())/(1<<20), "heap-MB")
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.SplitSeq(string(status), "\n") {
			var kb float64
			if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kb); err == nil {
				b.ReportMetric(kb/1024, "resident-MB")
			}
		}
	}
}

// BenchmarkPublish publishes a course of 200 lessons, another version each time.
func BenchmarkPublish(b *testing.B) {
	s := setupShop(b)
	version := 0
	for b.Loop() {
		version++
		d := courses.CourseDraft{Item: tenants.Item{Title: "Published", Slug: "published"}, Note: "next"}
		for i := range 200 {
			d.Lessons = append(d.Lessons, courses.LessonDraft{Key: fmt.Sprintf("lesson-%d", i), Title: fmt.Sprintf("Lesson %d", i), Source: lessonText(i) + fmt.Sprint("\nVersion ", version, "\n")})
		}
		if err := s.db.Tx(dbtest.System(b, scope.Operator, s.vendor.org.OrgID), func(tx *db.Tx) error {
			_, err := courses.PublishCourse(tx, d)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
