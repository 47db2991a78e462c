// Package webtest drives the real portal from tests: the binary itself on a data folder of its own, and a real browser with
// the content security policy on. Tests that need a browser fail without one and say what to install.
package webtest

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed axe/axe.min.js
var axe string

// Demo is a running demonstration.
type Demo struct {
	Base string // of the front door, such as "http://localhost:40123"
	Dir  string // its data folder
	cmd  *exec.Cmd
	done chan error
}

// made is what is made once for the test process.
type made struct {
	once sync.Once
	path string
	err  error
}

var build, world made

// Binary builds the portal once for the test process and returns where it is.
func Binary(t testing.TB) string {
	t.Helper()
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "learnscape-bin-") //nolint:usetesting // Outlives the first test.
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "learnscape")
		if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", build.path, "github.com/learnscape/learnscape/cmd/learnscape").CombinedOutput(); err != nil { //nolint:gosec,usetesting // The path is ours; it outlives the first test.
			build.err = fmt.Errorf("build: %w: %s", err, out)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}

// Folder returns a fresh data folder that the database server's user can reach; it is removed at the end.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "learnscape-data-") //nolint:usetesting // The parent of TempDir is closed to the server's user.
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // The server's user must pass.
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

// World returns a data folder as Folder does, with the demonstration's world in it: made once for the test process, and copied.
// What names the portal's address in a text, a mail or what was signed, names the address under which it was made: a test that follows
// it starts on [Folder].
func World(t testing.TB) string {
	t.Helper()
	world.once.Do(func() {
		d := Start(t, Folder(t))
		d.Stop()
		dir, err := os.MkdirTemp("", "learnscape-world-") //nolint:usetesting // Outlives the first test.
		if err == nil {
			world.path, err = filepath.Join(dir, "data"), os.Rename(d.Dir, filepath.Join(dir, "data"))
		}
		world.err = err
	})
	if world.err != nil || world.path == "" {
		t.Fatalf("the world was not made: %v", world.err)
	}
	dir := Folder(t)
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", world.path, dir).CombinedOutput(); err != nil { //nolint:gosec // Folders of ours; the database server's user keeps its files.
		t.Fatalf("copy the world: %v: %s", err, out)
	}
	return dir
}

// Start starts the demonstration on the folder and waits until it says that it is ready; it is stopped at the end of the test.
func Start(t testing.TB, dir string) *Demo {
	t.Helper()
	d := &Demo{Dir: dir, done: make(chan error, 1)}
	d.cmd = exec.CommandContext(context.Background(), Binary(t), "demo", "--data", dir, "--listen", "127.0.0.1:0", "--idp-listen", "127.0.0.1:0") //nolint:gosec,usetesting // Our own binary; the cleanup ends it in peace.
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	d.cmd.Stderr = &stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		base := ""
		front := regexp.MustCompile(`http://localhost:\d+`)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if m := front.FindString(sc.Text()); m != "" && base == "" {
				base = m
			}
			if strings.HasPrefix(sc.Text(), "Ready") {
				ready <- base
			}
		}
		d.done <- d.cmd.Wait()
	}()
	t.Cleanup(d.Stop)
	select {
	case d.Base = <-ready:
	case err := <-d.done:
		d.done <- err
		t.Fatalf("the demonstration ended: %v\n%s", err, stderr.String())
	case <-time.After(90 * time.Second):
		t.Fatalf("the demonstration did not become ready\n%s", stderr.String())
	}
	return d
}

// Resident is how much memory the portal's process has, in bytes; PostgreSQL's are not in it.
func (d *Demo) Resident(t testing.TB) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Fatal("the process does not say how much memory it has")
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// Stop ends the demonstration and waits for it; it may be repeated.
func (d *Demo) Stop() { d.end(syscall.SIGTERM) }

// Kill ends it at once, as a power cut would.
func (d *Demo) Kill() { d.end(syscall.SIGKILL) }

func (d *Demo) end(sig syscall.Signal) {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(sig)
	select {
	case <-d.done: //nolint:errcheck // It was told to end.
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.done //nolint:errcheck // As above.
	}
}

// URL is the address of a path on an organization's host; org "" is the front door.
func (d *Demo) URL(org, path string) string {
	if org == "" {
		return d.Base + path
	}
	return strings.Replace(d.Base, "://", "://"+org+".", 1) + path
}

// Browser is one person's browser with cookies of its own.
type Browser struct {
	t      testing.TB
	ctx    context.Context // The browser is the context.
	dark   bool
	moves  bool
	mu     sync.Mutex
	faults []string
}

// Open starts a browser of the given width in CSS pixels, of somebody who asks for less motion, see [Browser.Motion]. What its console or the content security policy complains about
// fails the test at its end.
func Open(t testing.TB, width int) *Browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium found: run `apt-get install chromium`")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1360, 900),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	actx, acancel := chromedp.NewExecAllocator(context.Background(), opts...) //nolint:usetesting // Ended by the cleanup.
	b := &Browser{t: t}
	ctx, cancel := chromedp.NewContext(actx, chromedp.WithListener(b.listen))
	b.ctx = ctx
	t.Cleanup(func() {
		cancel()
		acancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.faults) > 0 {
			t.Errorf("the browser complained:\n%s", strings.Join(b.faults, "\n"))
		}
	})
	// The first run starts the browser, which must outlive every single step.
	if err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, log.Enable, cdp.Empty{})
		return err
	})); err != nil {
		t.Fatal(err)
	}
	b.media()
	b.Resize(width)
	return b
}

// Resize changes the width in CSS pixels.
func (b *Browser) Resize(width int) {
	b.t.Helper()
	b.size(width, windowHeight)
}

const windowHeight = 900

func (b *Browser) size(width, height int) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: int64(height), DeviceScaleFactor: 1, Mobile: width < 600})
}

// Dark switches between the dark and the light colour scheme.
func (b *Browser) Dark(on bool) {
	b.t.Helper()
	b.dark = on
	b.media()
	b.Settle() // Colours change over 120 ms.
}

// Motion lets pages move as they do for whoever does not ask for less.
func (b *Browser) Motion() {
	b.t.Helper()
	b.moves = true
	b.media()
}

func (b *Browser) media() {
	b.t.Helper()
	scheme, motion := "light", "reduce"
	if b.dark {
		scheme = "dark"
	}
	if b.moves {
		motion = "no-preference"
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion}}})
}

// Paper shows the page as it will be on paper, or on the screen again.
func (b *Browser) Paper(on bool) {
	b.t.Helper()
	media := ""
	if on {
		media = "print"
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media})
}

// Script switches scripts in pages on or off. What the open page has begun ends first, and what it would begin later is dropped: a timer that is
// running while scripts are switched off fails in its midst, which nobody's browser does.
func (b *Browser) Script(on bool) {
	b.t.Helper()
	if !on {
		b.Settle()
		Eval[bool](b, `(()=>{for(let i=setTimeout(()=>{});i>0;i--)clearTimeout(i);return true})()`)
	}
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

func call[P any](b *Browser, c cdp.Command[P, cdp.Empty], p P) {
	b.t.Helper()
	do(b, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, c, p)
		return chromedp.Void{}, err
	})
}

func (b *Browser) listen(ev any) {
	fault := ""
	switch e := ev.(type) {
	case *log.EventEntryAdded:
		// An answer of 404 or 422 is a page like any other.
		if e.Entry.Level == "error" && !strings.Contains(e.Entry.Text, "status of 4") {
			fault = e.Entry.Text + " " + e.Entry.URL
		}
	case *runtime.EventExceptionThrown:
		fault = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			fault += " " + x.Description
		}
	}
	// Resizing or going on under a page transition ends the transition; that is the test's doing, who is quicker than people.
	if fault != "" && !strings.Contains(fault, "Viewport size changed") && !strings.Contains(fault, "Transition was ") {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

// step is how long one action may take before the test fails.
const step = 30 * time.Second

func try[T any](b *Browser, a chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, step)
	defer cancel()
	for {
		v, err := chromedp.Run(ctx, a)
		// The page went away under the action: a navigation was under way. The next page is asked again.
		if err == nil || ctx.Err() != nil || (!strings.Contains(err.Error(), "context with specified id") && !strings.Contains(err.Error(), "navigated or closed") && !strings.Contains(err.Error(), "context was destroyed")) {
			return v, err
		}
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // Until the next page is there; bounded by step.
	}
}

func do[T any](b *Browser, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := try(b, a)
	if err != nil {
		at, _ := try(b, chromedp.Location())                                                                                 // For the message only.
		text, _ := try(b, chromedp.Evaluate[string](`document.querySelector("main")?.innerText ?? document.body.innerText`)) // For the message only.
		picture := filepath.Join(os.TempDir(), "learnscape-failed.png")
		b.Shot(picture)
		b.t.Fatalf("browser at %s: %v (picture: %s)\n%.1500s", at, err, picture, text)
	}
	return v
}

// Keyring gives the browser an authenticator that keeps passkeys and whose screen lock is always open.
func (b *Browser) Keyring() {
	b.t.Helper()
	call(b, webauthn.Enable, webauthn.EnableParams{})
	do(b, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		return chromedp.Void{}, err
	})
}

// DropCookies ends the sessions of the browser without anybody signing out.
func (b *Browser) DropCookies() {
	b.t.Helper()
	call(b, network.ClearBrowserCookies, cdp.Empty{})
}

// Visit opens an address.
func (b *Browser) Visit(url string) { b.t.Helper(); do(b, chromedp.Navigate(url)) }

// Click clicks the first visible element of the CSS selector, which nothing may cover, and waits for the page that it leads to.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.Wait(selector)
	b.click(`[...document.querySelectorAll(`+quoted(selector)+`)].find(e=>e.getClientRects().length)`, selector)
}

// ClickText clicks the first visible link, button or summary whose text contains the words.
func (b *Browser) ClickText(words string) {
	b.t.Helper()
	b.WaitText(words)
	b.click(`[...document.querySelectorAll("main a, main button, main summary, main label, header a, header button, footer a")].find(e=>e.textContent.includes(`+quoted(words)+`)&&e.getClientRects().length)`, words)
}

func (b *Browser) click(element, what string) {
	b.t.Helper()
	if fault := Eval[string](b, `(()=>{const e=`+element+`;if(!e)return "is not there";e.scrollIntoView({block:"center",behavior:"instant"});const r=e.getClientRects()[0],
		at=document.elementFromPoint(r.x+r.width/2,r.y+r.height/2);if(!at||!(e.contains(at)||at.contains(e)))return "is covered by "+(at?at.outerHTML.slice(0,120):"nothing");e.click();return ""})()`); fault != "" {
		b.t.Fatalf("%s: %s %s", b.At(), what, fault)
	}
	b.Settle()
}

// Settle gives a navigation time to begin and waits until the document is ready; what must be there is waited for by name.
func (b *Browser) Settle() {
	b.t.Helper()
	time.Sleep(200 * time.Millisecond) //nolint:forbidigo // See above.
	b.until(`document.readyState === "complete" && !document.querySelector('.htmx-request,[aria-busy="true"]')`, "end of loading")
}

// Type replaces the text of a field, as keys do.
func (b *Browser) Type(selector, text string) {
	b.t.Helper()
	b.Wait(selector)
	Eval[bool](b, `(()=>{const e=document.querySelector(`+quoted(selector)+`);e.scrollIntoView({block:"center",behavior:"instant"});e.focus();e.value="";return true})()`)
	do(b, chromedp.KeyEvent(text))
}

// Keys of a keyboard, for Press.
const (
	Tab       = kb.Tab
	Enter     = kb.Enter
	Space     = " "
	ArrowDown = kb.ArrowDown
)

// Press presses keys, one after the other, wherever the focus is.
func (b *Browser) Press(keys string) { b.t.Helper(); do(b, chromedp.KeyEvent(keys)) }

// PressControl presses a key while Control is held.
func (b *Browser) PressControl(key string) {
	b.t.Helper()
	do(b, chromedp.KeyEvent(key, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// focus says what is wrong with how the focused element shows itself, "" if nothing is: it or what is around it must be
// outlined, inside the window, and under nothing that lies over the page (WCAG 2.4.7 and 2.4.11).
const focus = `(()=>{const e=document.activeElement;if(!e||e===document.body)return "";
	let o=e,seen=false;for(let i=0;i<4&&o&&o!==document.body;i++,o=o.parentElement){const s=getComputedStyle(o);if(s.outlineStyle==="auto"||s.outlineStyle!=="none"&&parseFloat(s.outlineWidth)>=1.5){seen=true;break}}
	const what=e.outerHTML.slice(0,140);if(!seen)return "no outline on "+what;
	const r=o.getClientRects()[0];if(!r)return "no place for "+what;
	const x=Math.min(Math.max(r.x+r.width/2,1),innerWidth-1),y=Math.min(Math.max(r.y+Math.min(r.height/2,20),1),innerHeight-1);
	if(r.bottom<0||r.top>innerHeight)return "out of sight: "+what;
	const at=document.elementFromPoint(x,y);return at&&(o.contains(at)||at.contains(o))?"":"covered by "+(at?at.outerHTML.slice(0,80):"nothing")+": "+what})()`

// TabTo presses Tab until an element of the selector has the focus. Wherever the focus goes on the way there, it must show.
func (b *Browser) TabTo(selector string) {
	b.t.Helper()
	b.Wait(selector)
	for range 150 {
		b.Press(Tab)
		if fault := Eval[string](b, focus); fault != "" {
			b.t.Errorf("%s: %s", b.At(), fault)
		}
		if Eval[bool](b, `!!document.activeElement&&document.activeElement.matches(`+quoted(selector)+`)`) {
			return
		}
	}
	b.t.Fatalf("%s: Tab does not lead to %s", b.At(), selector)
}

// Submit sends the form of the field, as Enter in it does.
func (b *Browser) Submit(selector string) {
	b.t.Helper()
	Eval[bool](b, `(document.querySelector(`+quoted(selector)+`).form.requestSubmit(),true)`)
	b.Settle()
}

// until asks the page again and again, from here and not from a timer in it, which stands still while scripts are off.
func (b *Browser) until(condition, what string) {
	b.t.Helper()
	for end := time.Now().Add(step); ; time.Sleep(50 * time.Millisecond) { //nolint:forbidigo // Bounded by step.
		if Eval[bool](b, condition) {
			return
		}
		if time.Now().After(end) {
			picture := filepath.Join(os.TempDir(), "learnscape-failed.png")
			b.Shot(picture)
			b.t.Fatalf("%s: no %s (picture: %s)\n%.1500s", b.At(), what, picture, b.Text())
		}
	}
}

// WaitText waits until the page is there whole and shows the words.
func (b *Browser) WaitText(words string) {
	b.t.Helper()
	b.until(whole+`document.body.innerText.includes(`+quoted(words)+`)`, words)
}

// Wait waits until the page is there whole and has an element of the selector.
func (b *Browser) Wait(selector string) {
	b.t.Helper()
	b.until(whole+`!!document.querySelector(`+quoted(selector)+`)`, selector)
}

// whole is true once a page has arrived to its end: before, a field may be there without its text.
const whole = `document.readyState!=="loading" && `

// WaitFocus waits until the keyboard is on an element of the selector.
func (b *Browser) WaitFocus(selector string) {
	b.t.Helper()
	b.until(`!!document.activeElement && document.activeElement.matches(`+quoted(selector)+`)`, "keyboard on "+selector)
}

// Text returns the text of main as a person sees it.
func (b *Browser) Text() string {
	b.t.Helper()
	return Eval[string](b, `document.querySelector("main").innerText`)
}

// HTML returns the whole document as the browser has it.
func (b *Browser) HTML() string {
	b.t.Helper()
	return Eval[string](b, `document.documentElement.outerHTML`)
}

// At returns the address of the page.
func (b *Browser) At() string { b.t.Helper(); return do(b, chromedp.Location()) }

// Has reports whether the page has an element of the selector now.
func (b *Browser) Has(selector string) bool {
	b.t.Helper()
	return Eval[bool](b, `!!document.querySelector(`+quoted(selector)+`)`)
}

// Eval runs an expression in the page and returns its value.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	return do(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func quoted(s string) string {
	q, _ := json.Marshal(s) // A string always has a form.
	return string(q)
}

// Shot writes a picture of the whole page.
func (b *Browser) Shot(file string) {
	if png, err := try(b, chromedp.FullScreenshot(100)); err == nil {
		_ = os.WriteFile(file, png, 0o600)
	}
}

// Fits fails if the page scrolls sideways at the width.
func (b *Browser) Fits(width int) {
	b.t.Helper()
	b.Resize(width)
	if over := Eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		b.t.Errorf("%s scrolls sideways by %d px at %d px", b.At(), over, width)
	}
}

// FitsLarge fails if the page scrolls sideways on a phone whose letters are twice as large (WCAG 1.4.4).
func (b *Browser) FitsLarge() {
	b.t.Helper()
	Eval[bool](b, `(document.documentElement.style.fontSize="200%",true)`)
	b.Fits(390)
	Eval[bool](b, `(document.documentElement.style.fontSize="",true)`)
}

// Uncut fails if what an empty field says of itself is wider than the field.
func (b *Browser) Uncut() {
	b.t.Helper()
	for _, s := range Eval[[]string](b, `(()=>{const c=document.createElement("canvas").getContext("2d");return [...document.querySelectorAll("input[placeholder]")].filter(e=>e.checkVisibility()&&!e.value&&(()=>{const s=getComputedStyle(e);c.font=s.fontWeight+" "+s.fontSize+" "+s.fontFamily;return c.measureText(e.placeholder).width>e.clientWidth-parseFloat(s.paddingLeft)-parseFloat(s.paddingRight)})()).map(e=>e.placeholder)})()`) {
		b.t.Errorf("%s: %q is cut", b.At(), s)
	}
}

// Accessible fails on every violation that axe finds (WCAG 2.0 to 2.2, A and AA, and its best practices).
func (b *Browser) Accessible() {
	b.t.Helper()
	b.examine(`["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]`)
}

// Contrast fails on letters that are too pale: what a page that is accessible in one colour scheme can still do wrong in the other.
func (b *Browser) Contrast() {
	b.t.Helper()
	b.examine(`["color-contrast","link-in-text-block"]`)
}

func (b *Browser) examine(rules string) {
	b.t.Helper()
	b.Settle() // What is on its way is paler.
	type node struct {
		HTML string `json:"html"`
	}
	type violation struct {
		ID    string `json:"id"`
		Help  string `json:"help"`
		Nodes []node `json:"nodes"`
	}
	// The whole page is looked at without scrolling, so that nothing fixed lies over anything.
	width, height := Eval[int](b, `innerWidth`), Eval[int](b, `document.documentElement.scrollHeight`)
	b.size(width, height+200)
	defer b.size(width, windowHeight)
	if !Eval[bool](b, `"axe" in window`) {
		Eval[bool](b, `(()=>{`+axe+`;return true})()`)
	}
	for _, v := range Eval[[]violation](b, `axe.run(document,{runOnly:`+rules+`}).then(r=>r.violations.map(v=>({id:v.id,help:v.help,nodes:v.nodes.map(n=>({html:n.html}))})))`) {
		b.t.Errorf("%s: axe %s: %s: %.300s", b.At(), v.ID, v.Help, v.Nodes[0].HTML)
	}
}

// Print prints the page on paper as its rules say and returns the PDF and the size of each of its sheets in millimetres, such as "210x297".
func (b *Browser) Print() (pdf []byte, sheets []string) {
	b.t.Helper()
	yes := true
	pdf = do(b, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, t, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &yes, PrintBackground: &yes})
		return r.Data, err
	})
	for _, m := range sheet.FindAllSubmatch(pdf, -1) {
		var size [2]float64
		for i, points := range m[1:] {
			n, err := strconv.ParseFloat(string(points), 64)
			if err != nil {
				b.t.Fatal(err)
			}
			size[i] = n * 25.4 / 72 // There are 72 points in an inch.
		}
		sheets = append(sheets, fmt.Sprintf("%.0fx%.0f", size[0], size[1]))
	}
	return pdf, sheets
}

var sheet = regexp.MustCompile(`/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]`)
