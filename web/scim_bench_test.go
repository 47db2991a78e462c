package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/learnscape/learnscape/web/webtest"
)

// BenchmarkProvision provisions b.N people over HTTP as a provider does that sends eight requests at once and waits when it is told to:
// go test ./web -run - -bench Provision -benchtime 9000x. The demonstration's organization may have 10,000.
func BenchmarkProvision(b *testing.B) {
	d := webtest.Start(b, webtest.Folder(b))
	desk := d.Client(b, "admin@halden.example")
	form := url.Values{"name": {"bench"}, "days": {"30"}, "provision:people": {"on"}}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, d.URL("halden", "/admin/tokens"), strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := desk.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	doc, err := goquery.NewDocumentFromReader(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	token := doc.Find("#made").AttrOr("value", "")
	client := d.Client(b, "")
	var next, failed atomic.Int64
	b.ResetTimer()
	start := time.Now()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"p%d@halden.example","externalId":"x%d","active":true,"name":{"givenName":"Person","familyName":"Number %d"},"emails":[{"primary":true,"type":"work","value":"p%d@halden.example"}]}`, n, n, n, n)
				for {
					req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, d.URL("halden", "/scim/v2/Users"), strings.NewReader(body))
					if err != nil {
						failed.Add(1)
						return
					}
					req.Header.Set("Authorization", "Bearer "+token)
					req.Header.Set("Content-Type", "application/scim+json")
					res, err := client.Do(req)
					if err != nil {
						failed.Add(1)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body) // Only its end counts.
					_ = res.Body.Close()
					if res.StatusCode == http.StatusTooManyRequests {
						wait, _ := strconv.Atoi(res.Header.Get("Retry-After"))
						<-time.After(time.Duration(max(wait, 1)) * time.Second)
						continue
					}
					if res.StatusCode != http.StatusCreated {
						failed.Add(1)
					}
					break
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "people/s")
	if n := failed.Load(); n > 0 {
		b.Errorf("%d of %d failed", n, b.N)
	}
}
