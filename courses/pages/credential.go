package pages

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/gofiber/fiber/v2"

	"github.com/learnscape/learnscape/auth"
	"github.com/learnscape/learnscape/courses"
	"github.com/learnscape/learnscape/courses/badge"
	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/lang"
	"github.com/learnscape/learnscape/internal/scope"
	"github.com/learnscape/learnscape/tenants"
	"github.com/learnscape/learnscape/tenants/show"
	"github.com/learnscape/learnscape/web/ui"
	"github.com/learnscape/learnscape/web/ui/shell"
)

// mountCredentials adds what people earned, what publishers give and took back, and what anybody may check.
func (p *Pages) mountCredentials(r fiber.Router) {
	r.Get("/me/credentials", p.credentials)
	r.Post("/me/credentials", p.changeCredentials)
	r.Get("/me/credentials/:id", p.credential)
	r.Post("/me/credentials/:id", p.changeCredential)
	r.Get("/me/credentials/:id/badge.json", p.ownBadge)
	r.Get("/me/credentials/:id/badge.svg", p.ownPicture)
	r.Get("/credentials/offer/:id", p.offer)
	r.Post("/credentials/offer/:id", p.setOffer)
	r.Get("/credentials/about/:id", p.offered)
	r.Get("/credentials/given", p.given)
	r.Get("/credentials/given/:id", p.givenOne)
	r.Post("/credentials/given/:id", p.revoke)
	r.Get("/credentials/keys", p.issuerKeys)
	r.Post("/credentials/keys", p.newIssuerKey)

	r.Get("/c", p.verifyForm)
	r.Get("/c/:code", p.verify)
	r.Get("/c/:code/badge.json", p.shownBadge)
	r.Get("/issuer", p.issuer)
	r.Get("/issuer/keys/:key", p.publicKey)
	r.Get("/credentials/status/:list", p.statusList)
}

// credentialID reads the identifier of the address; one that cannot be read is a missing thing.
func credentialID(c *fiber.Ctx) (id.Any, error) {
	which, err := id.Parse[id.Any](c.Params("id"))
	if err != nil {
		return which, errs.New(errs.NotFound, "%w", err)
	}
	return which, nil
}

func private(c *fiber.Ctx) { c.Set(fiber.HeaderCacheControl, "no-store") }

func (p *Pages) credentials(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v, err := p.courses.Credentials(ctx)
	if err != nil {
		return err
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "credential.mine.title"), Section: "you", Layout: ui.Reading, NoIndex: true, Flash: did(c, "credential.done."+c.Query("done"), "mails", "claimed")}, credentialsPage(v))
}

func (p *Pages) changeCredentials(c *fiber.Ctx) error {
	ctx := c.UserContext()
	switch do := c.FormValue("do"); do {
	case "mails":
		if err := p.courses.SetCredentialMails(ctx, c.FormValue("mails") != ""); err != nil {
			return err
		}
		return c.Redirect("/me/credentials?done=mails", fiber.StatusSeeOther)
	case "claim":
		it, err := id.Parse[id.Item](c.FormValue("item"))
		if err != nil {
			return errs.New(errs.NotFound, "%w", err)
		}
		if err := p.courses.ClaimCredential(ctx, it); err != nil {
			return err
		}
		return c.Redirect("/me/credentials?done=claimed", fiber.StatusSeeOther)
	default:
		return errs.New(errs.Malformed, "move %q", do)
	}
}

type credentialView struct {
	courses.CredentialView

	Base, Conflict string
}

func (p *Pages) readCredential(c *fiber.Ctx) (credentialView, error) {
	which, err := credentialID(c)
	if err != nil {
		return credentialView{}, err
	}
	v, err := p.courses.Credential(c.UserContext(), which)
	return credentialView{CredentialView: v}, err
}

// awarded is the key of what a line of the history is, the i-th of a credential.
func awarded(c courses.Credential, i int) string {
	switch {
	case i > 0:
		return "credential.history.renewed"
	case c.Anew > 0:
		return "credential.history.again"
	}
	return "credential.history.earned"
}

func (v credentialView) at() string { return "/me/credentials/" + v.ID.String() }

// page is the address of the public page; "" for none.
func (v credentialView) page() string {
	if v.Code == "" {
		return ""
	}
	return v.URL + "/c/" + spaced(v.Code)
}

// spaced writes a code as people read it out: in fours.
func spaced(code string) string {
	var parts []string
	for len(code) > 4 {
		parts, code = append(parts, code[:4]), code[4:]
	}
	return strings.Join(append(parts, code), "-")
}

func (p *Pages) credential(c *fiber.Ctx) error {
	v, err := p.readCredential(c)
	if err != nil {
		return err
	}
	return showCredential(c, v, fiber.StatusOK)
}

func showCredential(c *fiber.Ctx, v credentialView, status int) error {
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{
		Title: v.Name, Section: "you", Layout: ui.Reading, NoIndex: true, Flash: did(c, "credential.done."+c.Query("done"), "share", "unshare", "name", "unname", "renew", "again", "bring"),
	}, credentialPage(v))
}

func (p *Pages) changeCredential(c *fiber.Ctx) error {
	which, err := credentialID(c)
	if err != nil {
		return err
	}
	ctx, do := c.UserContext(), c.FormValue("do")
	switch do {
	case "share", "unshare":
		err = p.courses.ShareCredential(ctx, which, do == "share")
	case "name", "unname":
		err = p.courses.NameCredential(ctx, which, do == "name")
	case "renew", "again":
		err = p.courses.Renew(ctx, which)
	case "bring":
		err = p.courses.BringCredential(ctx, which)
	default:
		return errs.New(errs.Malformed, "move %q", do)
	}
	if fault, _ := errors.AsType[*errs.Error](err); fault != nil && errs.Is(err, errs.Conflict) {
		v, err := p.readCredential(c)
		if err != nil {
			return err
		}
		key, args := errs.MessageKey(fault)
		v.Conflict = lang.T(ctx, key, args...)
		return showCredential(c, v, fiber.StatusConflict)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/me/credentials/"+which.String()+"?done="+do, fiber.StatusSeeOther)
}

// document answers with a JSON-LD document; name, if given, is that of the file to keep it in.
func document(c *fiber.Ctx, kind string, doc badge.Document, name string) error {
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, kind)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if name != "" {
		c.Attachment(name)
		c.Set(fiber.HeaderContentType, kind)
	}
	return c.Send(body)
}

// The media types of what others read: a secured credential (Verifiable Credentials 2.0), and any other JSON-LD.
const (
	typeVC   = "application/vc"
	typeJSON = "application/ld+json"
)

func (p *Pages) ownBadge(c *fiber.Ctx) error {
	v, err := p.readCredential(c)
	if err != nil {
		return err
	}
	return document(c, typeVC, v.Document, "badge.json")
}

func (p *Pages) ownPicture(c *fiber.Ctx) error {
	v, err := p.readCredential(c)
	if err != nil {
		return err
	}
	svg, err := badge.Bake(v.Document, v.Issuer.Name, v.Name, v.Issuer.Hue)
	if err != nil {
		return err
	}
	private(c)
	c.Attachment("badge.svg")
	c.Set(fiber.HeaderContentType, "image/svg+xml")
	return c.Send(svg)
}

type offerView struct {
	courses.CredentialOfferView

	Form   courses.CredentialOffer
	Months string
	Faults ui.Faults
}

func (p *Pages) readOffer(c *fiber.Ctx) (offerView, error) {
	it, err := item(c)
	if err != nil {
		return offerView{}, err
	}
	o, err := p.courses.Offer(c.UserContext(), it)
	v := offerView{CredentialOfferView: o, Form: courses.CredentialOffer{Name: o.Item.Title, RenewDays: 60}, Months: "24"}
	if o.Offer != nil {
		v.Form, v.Months = *o.Offer, ""
		if o.Offer.Months != nil {
			v.Months = strconv.Itoa(*o.Offer.Months)
		}
	}
	return v, err
}

func (p *Pages) offer(c *fiber.Ctx) error {
	v, err := p.readOffer(c)
	if err != nil {
		return err
	}
	return showOffer(c, v, fiber.StatusOK)
}

func showOffer(c *fiber.Ctx, v offerView, status int) error {
	ctx := c.UserContext()
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "credential.offer.title"), NavKey: "publish", Layout: ui.Reading, NoIndex: true, Flash: did(c, "credential.done."+c.Query("done"), "save", "end")}, offerPage(v))
}

func (p *Pages) setOffer(c *fiber.Ctx) error {
	v, err := p.readOffer(c)
	if err != nil {
		return err
	}
	ctx, do := c.UserContext(), c.FormValue("do")
	switch do {
	case "save":
		v.Form = courses.CredentialOffer{Name: formText(c, "name"), Shows: formText(c, "shows"), Criteria: formText(c, "criteria"), RenewDays: number(c.FormValue("renew_days", "0")), TellsHow: c.FormValue("tells_how") != ""}
		if v.Months = formText(c, "months"); v.Months != "" {
			n := number(v.Months)
			v.Form.Months = &n
		}
		err = p.courses.SetOffer(ctx, v.Item.ItemID, v.Form)
	case "end":
		err = p.courses.EndOffer(ctx, v.Item.ItemID)
	default:
		return errs.New(errs.Malformed, "move %q", do)
	}
	if fault, _ := errors.AsType[*errs.Error](err); fault != nil && len(fault.Fields) > 0 {
		v.Faults = ui.FaultsOf(ctx, fault.Fields)
		return showOffer(c, v, fiber.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return c.Redirect("/credentials/offer/"+v.Item.ItemID.String()+"?done="+do, fiber.StatusSeeOther)
}

// offered is the card that says on the page of a course or path what it gives; nothing where it gives nothing.
func (p *Pages) offered(c *fiber.Ctx) error {
	it, err := item(c)
	if err != nil {
		return err
	}
	o, err := p.courses.Offered(c.UserContext(), it)
	if err != nil {
		return err
	}
	if o == nil {
		o = &courses.CredentialOffer{}
	}
	return shell.Fragment(c, offeredCard(*o))
}

type givenView struct {
	courses.GivenPage

	Prev, Next, Code string
	NoSuch           bool
	Keys             bool // the reader looks after the keys, too
}

func (p *Pages) given(c *fiber.Ctx) error {
	ctx := c.UserContext()
	v := givenView{Code: c.Query("code")}
	if v.Code != "" {
		g, err := p.courses.GaveOne(ctx, id.Any{}, v.Code)
		if err == nil {
			return c.Redirect("/credentials/given/"+g.ID.String()+"?"+query("code", g.Code), fiber.StatusSeeOther)
		}
		if !errs.Is(err, errs.NotFound) {
			return err
		}
		v.NoSuch = true
	}
	page := min(max(c.QueryInt("page"), 1), 1000)
	var err error
	if v.GivenPage, err = p.courses.Gave(ctx, page-1); err != nil {
		return err
	}
	if page > 1 {
		v.Prev = "/credentials/given?page=" + strconv.Itoa(page-1)
	}
	if v.More {
		v.Next = "/credentials/given?page=" + strconv.Itoa(page+1)
	}
	if sc, err := scope.From(ctx); err == nil {
		v.Keys = authz.Allowed(sc, authz.ManageIssuer, id.Org{})
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "credential.given.title"), NavKey: "publish", Layout: ui.Work, NoIndex: true}, givenPage(v))
}

type givenOneView struct {
	courses.GivenCredential

	Now          time.Time
	Code         string
	Name, Reason string
	Faults       ui.Faults
	Conflict     string
}

func (v givenOneView) at() string {
	at := "/credentials/given/" + v.ID.String()
	if v.Code != "" {
		at += "?" + query("code", v.Code)
	}
	return at
}

func (p *Pages) readGiven(c *fiber.Ctx) (givenOneView, error) {
	which, err := credentialID(c)
	if err != nil {
		return givenOneView{}, err
	}
	v := givenOneView{Code: c.Query("code")}
	if v.GivenCredential, err = p.courses.GaveOne(c.UserContext(), which, v.Code); err == nil && v.ID != which {
		err = errs.New(errs.NotFound, "credential %s", which)
	}
	return v, err
}

func (p *Pages) givenOne(c *fiber.Ctx) error {
	v, err := p.readGiven(c)
	if err != nil {
		return err
	}
	return showGiven(c, v, fiber.StatusOK)
}

func showGiven(c *fiber.Ctx, v givenOneView, status int) error {
	c.Status(status)
	private(c)
	return shell.Page(c, ui.PageProps{Title: v.GivenCredential.Name, NavKey: "publish", Layout: ui.Reading, NoIndex: true, Flash: did(c, "credential.done."+c.Query("done"), "revoke")}, givenOnePage(v))
}

func (p *Pages) revoke(c *fiber.Ctx) error {
	v, err := p.readGiven(c)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	v.Name, v.Reason = formText(c, "name"), formText(c, "reason")
	err = p.courses.Revoke(ctx, v.ID, v.Code, v.Name, v.Reason)
	fault, _ := errors.AsType[*errs.Error](err)
	switch {
	case err == nil:
		to := v.at()
		if strings.Contains(to, "?") {
			to += "&done=revoke"
		} else {
			to += "?done=revoke"
		}
		return c.Redirect(to, fiber.StatusSeeOther)
	case fault != nil && len(fault.Fields) > 0:
		v.Faults = ui.FaultsOf(ctx, fault.Fields)
		return showGiven(c, v, fiber.StatusUnprocessableEntity)
	case fault != nil && errs.Is(err, errs.Conflict):
		key, args := errs.MessageKey(fault)
		v.Conflict = lang.T(ctx, key, args...)
		return showGiven(c, v, fiber.StatusConflict)
	}
	return err
}

func (p *Pages) issuerKeys(c *fiber.Ctx) error {
	ctx := c.UserContext()
	list, err := p.courses.IssuerKeys(ctx)
	if err != nil {
		return err
	}
	private(c)
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "credential.keys.title"), NavKey: "admin", Layout: ui.Reading, NoIndex: true, Flash: did(c, "credential.done."+c.Query("done"), "key")}, issuerKeysPage(list, shell.From(ctx).Base))
}

func (p *Pages) newIssuerKey(c *fiber.Ctx) error {
	if err := p.courses.NewIssuerKey(c.UserContext()); err != nil {
		return err
	}
	return c.Redirect("/credentials/keys?done=key", fiber.StatusSeeOther)
}

// atHost is the organization at whose host something is checked; NotFound at the front door.
func atHost(ctx context.Context) (tenants.Organization, error) {
	o, ok := auth.HostOrg(ctx)
	if !ok {
		return o, errs.New(errs.NotFound, "the front door gives nothing")
	}
	return o, nil
}

func (p *Pages) verifyForm(c *fiber.Ctx) error {
	ctx := c.UserContext()
	if _, err := atHost(ctx); err != nil {
		return err
	}
	if code := c.Query("code"); code != "" && len(code) < 60 {
		return c.Redirect("/c/"+strings.ReplaceAll(query("", code), "=", ""), fiber.StatusSeeOther)
	}
	return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "credential.check.title"), Layout: ui.Reading, NoIndex: true}, verifyFormPage(false))
}

type verifyView struct {
	courses.Checked

	Page string
}

func (p *Pages) readChecked(c *fiber.Ctx) (verifyView, error) {
	o, err := atHost(c.UserContext())
	if err != nil {
		return verifyView{}, err
	}
	v, err := p.courses.CheckCredential(c.UserContext(), o.OrgID, param(c, "code"))
	return verifyView{Checked: v, Page: shell.From(c.UserContext()).Base + "/c/" + spaced(v.Code)}, err
}

// verify says whether a credential is valid. Who asks is written nowhere, and no cookie is set.
func (p *Pages) verify(c *fiber.Ctx) error {
	ctx := c.UserContext()
	private(c)
	v, err := p.readChecked(c)
	if errs.Is(err, errs.NotFound) {
		if _, missing := atHost(ctx); missing != nil {
			return err
		}
		c.Status(fiber.StatusNotFound)
		return shell.Page(c, ui.PageProps{Title: lang.T(ctx, "credential.check.unknown"), Layout: ui.Reading, NoIndex: true}, verifyFormPage(true))
	}
	if err != nil {
		return err
	}
	return shell.Page(c, ui.PageProps{Title: v.verdict(ctx), Layout: ui.Reading, NoIndex: true}, verifyPage(v))
}

func (p *Pages) shownBadge(c *fiber.Ctx) error {
	v, err := p.readChecked(c)
	if err != nil {
		return err
	}
	return document(c, typeVC, v.Document, "badge.json")
}

func (p *Pages) issuer(c *fiber.Ctx) error {
	o, err := atHost(c.UserContext())
	if err != nil {
		return err
	}
	doc, err := p.courses.Profile(c.UserContext(), o.OrgID)
	if err != nil {
		return err
	}
	return document(c, typeJSON, doc, "")
}

func (p *Pages) publicKey(c *fiber.Ctx) error {
	o, err := atHost(c.UserContext())
	if err != nil {
		return err
	}
	doc, err := p.courses.PublicKey(c.UserContext(), o.OrgID, c.Params("key"))
	if err != nil {
		return err
	}
	return document(c, typeJSON, doc, "")
}

func (p *Pages) statusList(c *fiber.Ctx) error {
	o, err := atHost(c.UserContext())
	if err != nil {
		return err
	}
	doc, err := p.courses.StatusList(c.UserContext(), o.OrgID, number(c.Params("list")))
	if err != nil {
		return err
	}
	return document(c, typeVC, doc, "")
}

// verdict is the answer in one line.
func (v verifyView) verdict(ctx context.Context) string {
	switch {
	case v.Gone:
		return lang.T(ctx, "credential.check.gone")
	case !v.Holds:
		return lang.T(ctx, "credential.check.broken")
	case v.Revoked != nil:
		return lang.T(ctx, "credential.check.revoked", "Date", lang.Date(ctx, *v.Revoked))
	case v.State(v.Now) == courses.CredentialExpired:
		return lang.T(ctx, "credential.check.expired", "Date", lang.Date(ctx, *v.Expires))
	}
	return lang.T(ctx, "credential.check.valid")
}

// kind and icon are how the answer looks.
func (v verifyView) kind() (kind, icon string) {
	switch {
	case !v.Holds, v.Revoked != nil:
		return ui.Bad, "shield-x"
	case v.State(v.Now) == courses.CredentialExpired:
		return ui.Warn, "clock"
	}
	return ui.OK, "badge-check"
}

// line is what stands below the answer.
func (v verifyView) line(ctx context.Context) string {
	checked := lang.T(ctx, "credential.check.just", "Time", moment(ctx, v.Now))
	switch {
	case !v.Holds:
		return checked
	case v.Revoked != nil:
		return lang.T(ctx, "credential.check.revoked_text", "Org", v.Issuer.Name)
	case v.Expires == nil:
		return checked + " " + lang.T(ctx, "credential.check.for_ever")
	case v.State(v.Now) == courses.CredentialExpired:
		return lang.T(ctx, "credential.check.expired_text")
	}
	return checked + " " + lang.T(ctx, "credential.check.until", "Date", lang.Date(ctx, *v.Expires))
}

// confirms says who confirms it.
func confirms(ctx context.Context, v courses.Checked) string {
	if v.Cosigner != nil {
		return lang.T(ctx, "credential.confirm.two", "Org", v.Issuer.Name, "Other", v.Cosigner.Name)
	}
	return lang.T(ctx, "credential.confirm.one", "Org", v.Issuer.Name)
}

// signers are who signed, the issuer first.
func signers(v courses.Checked) []tenants.Organization {
	if v.Cosigner != nil {
		return []tenants.Organization{v.Issuer, *v.Cosigner}
	}
	return []tenants.Organization{v.Issuer}
}

func signerNames(v courses.Checked) string {
	var names []string
	for _, o := range signers(v) {
		names = append(names, o.Name)
	}
	return strings.Join(names, ", ")
}

func signerMarks(v courses.Checked) (out []ui.Org) {
	for _, o := range signers(v) {
		out = append(out, show.Org(o))
	}
	return out
}

// validity says until when.
func validity(ctx context.Context, c courses.Credential) string {
	if c.Expires == nil {
		return lang.T(ctx, "credential.valid.for_ever")
	}
	return lang.T(ctx, "credential.valid.until", "Date", lang.Date(ctx, *c.Expires))
}

// stateBadge says how a credential stands.
func stateBadge(ctx context.Context, c courses.Credential, now time.Time) word {
	switch c.State(now) {
	case courses.CredentialRevoked:
		return word{ui.Bad, lang.T(ctx, "credential.state.revoked", "Date", lang.Date(ctx, *c.Revoked))}
	case courses.CredentialExpired:
		return word{ui.Neutral, lang.T(ctx, "credential.state.expired", "Date", lang.Date(ctx, *c.Expires))}
	case courses.CredentialDue:
		return word{ui.Warn, lang.T(ctx, "credential.state.due", "Date", lang.Date(ctx, *c.Expires))}
	}
	return word{ui.OK, validity(ctx, c)}
}

// qrPath draws a code of a text as the path of its dark squares, in a square of size units; "" for a text that is too long.
func qrPath(text string) (path string, size int) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", 0
	}
	size = code.Bounds().Dx()
	var b strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for x+run < size && dark(code.At(x+run, y)) {
				run++
			}
			if run > 0 {
				b.WriteString("M" + strconv.Itoa(x) + " " + strconv.Itoa(y) + "h" + strconv.Itoa(run) + "v1h-" + strconv.Itoa(run) + "z")
				x += run
			}
		}
	}
	return b.String(), size
}

func dark(c interface{ RGBA() (r, g, b, a uint32) }) bool {
	r, _, _, _ := c.RGBA()
	return r < 0x8000
}

// listedBy names who gave a credential, and who signed it, too.
func listedBy(ctx context.Context, c courses.Credential, orgs map[id.Org]tenants.Organization) string {
	if !c.Cosigner.IsZero() {
		return lang.T(ctx, "credential.mine.two", "Org", orgs[c.Issuer].Name, "Other", orgs[c.Cosigner].Name, "Title", c.Title)
	}
	return lang.T(ctx, "credential.mine.one", "Org", orgs[c.Issuer].Name, "Title", c.Title)
}

// result says how many questions were answered rightly; nothing where there were none.
func result(ctx context.Context, right, of int) string {
	if of == 0 {
		return "–"
	}
	return lang.T(ctx, "credential.history.result", "Right", right, "Of", of)
}

func noSuch(ctx context.Context, yes bool) string {
	if yes {
		return lang.T(ctx, "credential.given.no_such")
	}
	return ""
}

// givenLead says whose it is, as far as the publisher knows.
func givenLead(ctx context.Context, v givenOneView) string {
	if v.Holder == "" {
		return lang.T(ctx, "credential.given.nameless")
	}
	return lang.T(ctx, "credential.given.holder", "Name", v.Holder)
}

// moment writes a time; whoever checks may be anywhere.
func moment(ctx context.Context, t time.Time) string {
	return lang.Date(ctx, t) + ", " + t.UTC().Format("15:04") + " UTC"
}
