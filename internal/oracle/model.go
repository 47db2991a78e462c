// Package oracle says who may see what, a second time and apart from the product: a small model, written from the rules
// of the product and not from its policies, and tests that compare it with what PostgreSQL and the rooms answer in random
// worlds. The model owns the rule and nothing else; it imports nothing of the product. Only its own tests call it.
package oracle

// Everyone is the viewer of a grant that makes a collection public.
const Everyone = "everyone"

// Viewer is somebody who reads: a member of an organization, or a visitor or an individual, who have neither.
type Viewer struct {
	Org, Member string
	Admin       bool   // the member is an administrator
	Partners    bool   // the member manages the network: partner manager or administrator
	Leads       bool   // the member looks after people: managers, partner managers and administrators
	Shares      bool   // the member looks after collections: those, authors and marketers
	Writes      bool   // the member writes content: authors and administrators
	Keeps       bool   // the member looks after the library: authors, marketers and administrators
	Looks       bool   // the member may look as others do: administrator, partner manager, author
	Individual  string // the record of somebody who came in by a public door and belongs to nobody: Org and Member are empty
	View        string // as which organization the member looks at the own content, or Everyone for a visitor; "" for oneself
}

// Kind is what sort of object a row tells of.
type Kind string

// The kinds of objects.
const (
	Item       Kind = "item"       // and every part that its owner owns: versions, lessons, files, story, links
	Collection Kind = "collection" // a named set of items
	Listing    Kind = "listing"    // that an item stands in a collection: ID is the collection, Item the item
	Grant      Kind = "grant"      // that a collection (ID) is opened to Other
	Connection Kind = "connection" // that two organizations (Org, Other) are or were connected, and what either proposed or both signed
	Finish     Kind = "finish"     // that Member, in mid-course on Item of Other when that connection ended, may go on reading it
	Question   Kind = "question"
	Answer     Kind = "answer"
	Member     Kind = "member"     // a person in an organization
	Private    Kind = "private"    // a reflection, an attempt, or what Member said to being known by name to Other
	Given      Kind = "given"      // what goes about Member of Org to Other
	Disclosure Kind = "disclosure" // that Org knows by name how far Member of Other is with its Item
	Total      Kind = "total"      // what was released to Org about the people of Other
	Name       Kind = "name"       // what Member of Org is called
	House      Kind = "house"      // whatever is the organization's alone: enrollments, audit, mail, sessions
	Portal     Kind = "portal"     // that an organization has a portal
	Part       Kind = "part"       // that an item (Item) consists of another of the same owner (ID)
	Step       Kind = "step"       // that a path (Item) leads to an item (ID)
	Byline     Kind = "byline"     // the name that a post (Post) is shown under: State is how the author chose to be shown
	Contact    Kind = "contact"    // a member's address
	Office     Kind = "office"     // what an administrator keeps: providers and their failures
	Desk       Kind = "desk"       // what whoever manages the network of Org keeps: terms, lists, invitations
	Deal       Kind = "deal"       // the same of its connection with Other, if there ever was one
	Roll       Kind = "roll"       // who of Org is known to Other, by name, as whoever administrates Org reads it
	Shelf      Kind = "shelf"      // the collections of Org, for who looks after them
	Library    Kind = "library"    // the library of Org, for who looks after it
	Draft      Kind = "draft"      // what the authors of Org write, and Member was asked to read
	Taken      Kind = "taken"      // that Org took an item of Other into its library, and what it decided about it
	Addition   Kind = "addition"   // what Org adds to the path Item of Other: Audience and Customers say to whom beside its own people
	Readers    Kind = "readers"    // how much people of Org read of Other in a week: Done says that it is over, and that five or more did
	Joint      Kind = "joint"      // what Org, the publisher of Item, and Other say together of it, or would: State is how far it is
	Program    Kind = "program"    // that Org runs a program in which Other takes part, or did
	Standing   Kind = "standing"   // where Other stands in a program of Org: State is its part in it, offered, active or ended
	Board      Kind = "board"      // the programs of Org and those that it takes part in, for who looks after its people
	Earned     Kind = "earned"     // what Org gave to whoever finished its items, as those who look after its content read it
	Sealed     Kind = "sealed"     // what no page shows to anybody: mail that left, digests of tokens
	Account    Kind = "account"    // that somebody came in by the public door of Org, with name and address
	Record     Kind = "record"     // what the one with the account ID learned, agreed to, and where they are signed in
	Lookout    Kind = "lookout"    // where members of Org choose as whom to look
	Live       Kind = "live"       // that the live session ID of Org is about Item
	Seat       Kind = "seat"       // that Member of Org comes to the live session ID of Other: Shown is how
	Missed     Kind = "missed"     // that Member of Org was not at a live session of Other after all, for whoever looks after them: Done says that it is its words
	Room       Kind = "room"       // where people meet in the live session ID of Org, while it is open
	Trial      Kind = "trial"      // a version of Item of Org that only some try: its texts, and that it is tried; Done says that it is over
	Tries      Kind = "tries"      // that Other tries the version on trial of Item of Org; nobody else if it is a team of Org
	Remark     Kind = "remark"     // what Member of Org says of the version on trial of an item of Other
	Recalled   Kind = "recalled"   // the texts of a version of Item of Org that was withdrawn, and what only they show
	Said       Kind = "said"       // what Member of Org wrote about a lesson of Other: Done says that it is meant as the authors read it
	Circle     Kind = "circle"     // that Member of Org opened the group ID for a step of Item: Done says that people of connected organizations may join, Other whose did
	Beside     Kind = "beside"     // that Member of Org is in the group ID, and what they say came of it: Shown is how they are shown
	Tried      Kind = "tried"      // what Member of Org shows of something they tried to those with whom they take a path: all of Org but Other
	Thought    Kind = "thought"    // what Member of Org shares of a reflection with Other, a member of its own or of another organization; with those of Group; or, where it is Done, with all of Org but Other
	Handed     Kind = "handed"     // what Member of Org handed in for a task of Post, an item: Other was asked to look at it, or the authors of the item; Signed says that they may be another organization's
)

// Object is one thing that can be seen or not. Fields that its kind does not need are empty.
type Object struct {
	Kind      Kind
	Org, ID   string  // the owner and the thing
	Item      string  // of a listing
	Other     string  // of a grant or connection: the other organization
	Member    string  // whose private thing
	State     string  // item: draft, published, retired; question and answer: withdrawn or anything else
	Audience  string  // question and answer: org, connected, public; addition: publisher or nothing
	Question  string  // of an answer
	Post      *Object // of a byline
	Shown     string  // of a question, an answer or what was handed in: name, company or someone
	Expired   bool    // of a grant or the time to finish
	Right     string  // of a grant: "adapt" lets its viewer add to what it opens
	Signed    bool    // of a grant: an agreement of Org and Other opens it, and nothing else
	Done      bool    // of a disclosure: Member finished Item
	Group     string  // of a thought: the group that reads it
	Customers bool    // of an addition or joint proposition: those that its adopter calls customers read it
}

// Side is how an organization stands to another: asked, active, paused, ending, ended, declined or withdrawn; how its people meet the
// other's; what the other learns about them: nothing, totals, certified or named; and what it calls the other: vendor, partner, customer or peer.
type Side struct{ State, Meet, Learns, Calls string }

// World is everything that decides.
type World struct {
	// Resting are the organizations that are not active: suspended by the operator, or closed by themselves.
	Resting map[string]string
	Objects map[string]*Object   // by a key of the test's choice
	Sides   map[[2]string]Side   // from, to
	Said    map[[2]string]string // member, organization: what the member agreed to be known for there: certificate, progress or ""
}

// Sees reports whether the viewer may learn anything of the object.
func (w *World) Sees(v Viewer, o *Object) bool {
	if v.View != "" {
		return w.looks(v, o)
	}
	own := v.Org != "" && o.Org == v.Org
	switch o.Kind {
	case Portal: // That an organization has a portal is public.
		return true
	case Member, House, Finish, Taken: // What a learner did belongs to the organization for which it was done.
		return own
	case Private: // Reflections are private by default.
		return own && o.Member == v.Member
	case Name: // Whoever looks after partners learns the names of those who agreed; whoever sees a live session, of those who come by name.
		return own || v.Partners && w.known(v, o) || w.comes(v, o) || w.handsOver(v, o) || w.signs(v, o)
	case Disclosure: // Who gave it sees what once went.
		return own && w.Resting[o.Other] == "" && w.Discloses(o) || v.Org != "" && o.Other == v.Org && (o.State == "went" || w.Discloses(o))
	case Given: // The person sees who sees what, and why; what goes where nobody agreed is nothing.
		return own && o.Member == v.Member && w.answers(o)
	case Total: // What somebody shared rests with them; who it is about sees what went.
		return own && w.Resting[o.Other] == "" || v.Org != "" && o.Other == v.Org
	case Connection: // Its relationships are not public.
		return own || v.Org != "" && o.Other == v.Org
	case Joint: // What two say together names both.
		return own || v.Org != "" && (o.Other == v.Org || w.joined(v, o))
	case Program: // What two have to do with each other is theirs.
		return own || v.Org != "" && o.Other == v.Org
	case Standing: // Both sides read the same, the vendor while the partner takes part and they are connected.
		return v.Org != "" && o.Other == v.Org || own && o.State == "active" && w.Sides[[2]string{o.Org, o.Other}].State == "active" && w.Resting[o.Other] == ""
	case Board:
		return own && v.Leads
	case Grant:
		return own && w.holds(o) || w.open(v, o)
	case Collection:
		return own || w.opened(v, o.ID)
	case Item: // What the organization owns, what grants open to it, and what is public; a draft is nobody else's.
		return own || o.State == "published" && (w.listed(v, o.ID) || w.partOfSeen(v, o) || w.Finishes(v, o))
	case Listing: // Nothing of a draft: not that it is there, not in a count.
		it := w.find(Item, o.Item)
		return own || w.opened(v, o.ID) && it != nil && it.State == "published"
	case Question:
		return own || o.State != "withdrawn" && w.Resting[o.Org] == "" && w.hears(v, o)
	case Answer: // It names the question and so the one who asked: who may not see that may not see the answer.
		q := w.find(Question, o.Question)
		return own || o.State != "withdrawn" && w.Resting[o.Org] == "" && w.hears(v, o) && q != nil && w.Sees(v, q)
	case Step: // A step that belongs to somebody else opens only through the viewer's own grant; otherwise it is left out.
		path, to := w.find(Item, o.Item), w.find(Item, o.ID)
		return path != nil && to != nil && w.Sees(v, path) && w.Sees(v, to) && (o.Post == nil || w.Sees(v, o.Post))
	case Byline: // Whoever posts chooses the name it is shown under, within what the agreement allows.
		return w.Sees(v, o.Post) && o.State == "name" && (own || w.meets(v, o))
	case Contact: // Addresses are for the person and for who administrates.
		return own && (v.Admin || o.Member == v.Member)
	case Office:
		return own && v.Admin
	case Desk:
		return own && v.Partners
	case Deal:
		return own && v.Partners && w.Sides[[2]string{o.Other, v.Org}].State != ""
	case Roll:
		return own && v.Admin && w.Sides[[2]string{o.Other, v.Org}].State != ""
	case Earned:
		return own && (v.Writes || v.Partners)
	case Shelf:
		return own && v.Shares
	case Library:
		return own && v.Keeps
	case Draft:
		return own && (v.Keeps || o.Member != "" && v.Member == o.Member)
	case Addition:
		return own || w.shown(v, o)
	case Readers: // Whose content it is learns of whole weeks, and of nobody who could be told from four others.
		return v.Org != "" && o.Other == v.Org && o.Done && w.Resting[o.Org] == ""
	case Account: // Whoever administrates the door knows who came in; nobody else does.
		return own && v.Admin || v.Individual != "" && o.ID == v.Individual
	case Record:
		return v.Individual != "" && o.ID == v.Individual
	case Lookout:
		return own && v.Looks
	case Live:
		it := w.find(Item, o.Item)
		return it != nil && w.Sees(v, it)
	case Seat: // Colleagues know who comes; a name crosses where the agreement lets it.
		it := w.about(o)
		return own || v.Org != "" && o.Shown == "name" && w.named(o.Org, v.Org) && w.Resting[o.Org] == "" && it != nil && w.Sees(v, it)
	case Missed: // The person, whoever looks after them, and of the words whoever said them.
		return own && (v.Admin || v.Member == o.Member) || o.Done && v.Org != "" && v.Org == o.Other && v.Writes
	case Room: // Whoever has a seat, and the authors.
		return own && v.Writes || w.seated(v, o)
	case Handed: // What was handed in is private to the learner and who looks at it; across organizations only with the learner's yes, where both meet.
		s := w.Sides[[2]string{o.Org, v.Org}]
		return own && (v.Member == o.Member || o.Other != "" && v.Member == o.Other) ||
			o.Other == "" && v.Writes && o.Post.Org == v.Org && (own || o.Signed && s.State == "active" && s.Meet != "none" && w.Resting[o.Org] == "")
	case Circle: // Colleagues find it; others where the two meet and it says so, and no third once somebody joined.
		s, it := w.Sides[[2]string{o.Org, v.Org}], w.find(Item, o.Item)
		return own || v.Member != "" && o.Done && (o.Other == "" || o.Other == v.Org) && s.State == "active" && s.Meet != "none" && w.Resting[o.Org] == "" && it != nil && w.Sees(v, it)
	case Beside: // Who is in it meets whom an agreement lets one meet.
		s := w.Sides[[2]string{o.Org, v.Org}]
		return own && v.Member == o.Member || w.isIn(v, o.ID) && (own || s.State == "active" && s.Meet != "none" && w.Resting[o.Org] == "")
	case Thought: // What somebody shares is read by whom they share it with, of a group by who is in it; across organizations where both meet.
		s := w.Sides[[2]string{o.Org, v.Org}]
		return own && v.Member == o.Member || w.sharesIn(v, o) && (own || s.State == "active" && s.Meet != "none" && w.Resting[o.Org] == "")
	case Said: // The words go to the authors, of whatever organization the one is who wrote them.
		return v.Org != "" && v.Org == o.Other && v.Writes && (own || w.Resting[o.Org] == "") || !o.Done && own && v.Member == o.Member
	case Trial: // In force for nobody: of others only who is named tries it, while it is tried and while the item is open to them.
		it := w.find(Item, o.Item)
		return own || !o.Done && it != nil && w.Sees(v, it) && w.tries(v, o)
	case Recalled: // Nobody reads what was withdrawn but those who write it, whoever the item is open to.
		return own && v.Writes
	case Tries: // Who else tries it is the owner's.
		return own || v.Org != "" && v.Org == o.Other
	case Remark: // For the authors, of whatever organization the one is who wrote it.
		return own && v.Member != "" && v.Member == o.Member || v.Org != "" && v.Org == o.Other && v.Writes && (own || w.Resting[o.Org] == "")
	case Tried:
		return own && v.Member != "" && v.Member != o.Other
	case Part, Sealed:
	}
	return false
}

// tries reports whether the viewer's organization is named to try a version.
func (w *World) tries(v Viewer, o *Object) bool {
	for _, x := range w.Objects {
		if x.Kind == Tries && x.Org == o.Org && x.Item == o.Item && v.Org != "" && x.Other == v.Org {
			return true
		}
	}
	return false
}

// named reports whether people of one organization are shown by name to those of another, by an agreement between the two.
func (w *World) named(from, to string) bool {
	s := w.Sides[[2]string{from, to}]
	return s.State == "active" && s.Meet == "name"
}

// comes reports whether a member comes by name to a live session, as the viewer may know.
func (w *World) comes(v Viewer, n *Object) bool {
	for _, o := range w.Objects {
		if o.Kind == Seat && o.Member == n.Member && w.Sees(v, o) {
			return true
		}
	}
	return false
}

// sharesIn reports whether a thought is shared with the viewer, whether or not the two meet.
func (w *World) sharesIn(v Viewer, o *Object) bool {
	switch {
	case v.Member == "":
		return false
	case o.Group != "":
		return w.isIn(v, o.Group)
	case o.Done:
		return v.Org == o.Org && v.Member != o.Other
	}
	return v.Member == o.Other
}

// isIn reports whether the viewer is in a group.
func (w *World) isIn(v Viewer, group string) bool {
	for _, x := range w.Objects {
		if x.Kind == Beside && x.ID == group && x.Member == v.Member && v.Member != "" {
			return true
		}
	}
	return false
}

// about is the item of the live session in which somebody has a seat.
func (w *World) about(o *Object) *Object {
	for _, x := range w.Objects {
		if x.Kind == Live && x.ID == o.ID {
			return w.find(Item, x.Item)
		}
	}
	return nil
}

// seated reports whether the viewer has a seat in the live session of a room, which they see.
func (w *World) seated(v Viewer, o *Object) bool {
	it := w.about(o)
	for _, x := range w.Objects {
		if x.Kind == Seat && x.ID == o.ID && x.Member == v.Member && v.Member != "" {
			return it != nil && w.Sees(v, it)
		}
	}
	return false
}

// Discloses reports whether a name crosses: two organizations that are connected signed it, and the person agreed to as much.
func (w *World) Discloses(o *Object) bool {
	s, said := w.Sides[[2]string{o.Other, o.Org}], w.Said[[2]string{o.Member, o.Org}]
	switch {
	case s.State != "active" || said == "":
		return false
	case s.Learns == "named" && said == "progress":
		return true
	}
	return (s.Learns == "named" || s.Learns == "certified") && o.Done
}

// shown reports whether an adopter shows what it adds to a path: by its choice to the publisher, and to those that it calls customers and to
// whom the path is open. It is connected to both, and so is never read by a customer's customer.
func (w *World) shown(v Viewer, o *Object) bool {
	s, path := w.Sides[[2]string{o.Org, v.Org}], w.find(Item, o.Item)
	if v.Org == "" || path == nil || s.State != "active" || w.Resting[o.Org] != "" || !w.adapts(o.Org, o.Item) {
		return false
	}
	if v.Org == o.Other {
		return o.Audience == "publisher"
	}
	return o.Customers && s.Calls == "customer" && w.Sees(v, path)
}

// known reports whether anything that the member learns is known by name to the viewer's organization.
func (w *World) known(v Viewer, n *Object) bool {
	for _, o := range w.Objects {
		if o.Kind == Disclosure && o.Org == v.Org && o.Member == n.Member && w.Resting[o.Other] == "" && w.Discloses(o) {
			return true
		}
	}
	return false
}

// answers reports whether there is anything to say about what goes: two organizations that are connected on terms, or something that the
// member said before.
func (w *World) answers(o *Object) bool {
	if s := w.Sides[[2]string{o.Org, o.Other}].State; s == "active" || s == "paused" {
		return true
	}
	for _, c := range w.Objects {
		if c.Kind == Private && c.Member == o.Member && c.Other != "" && c.Other == o.Other {
			return true
		}
	}
	return false
}

// looks reports what of an object can be seen in a view: the intersection of what the own organization owns and what is opened to
// the other. Nothing of third organizations, whatever the other sees of them, and nothing of people.
func (w *World) looks(v Viewer, o *Object) bool {
	as := Viewer{Org: v.View}
	if v.View == Everyone {
		as = Viewer{}
	}
	own := o.Org == v.Org
	switch o.Kind {
	case Name:
		return own && o.Member == v.Member // In the head of every page.
	case Portal:
		return true
	case Item:
		return own && o.State == "published" && (w.listed(as, o.ID) || w.partOfSeen(as, o))
	case Listing:
		it := w.find(Item, o.Item)
		return own && w.opened(as, o.ID) && it != nil && it.State == "published"
	case Grant:
		awake := *w // One's own grants are one's own while one rests, too.
		awake.Resting = nil
		return own && awake.open(as, o)
	case Step:
		path, to := w.find(Item, o.Item), w.find(Item, o.ID)
		return path != nil && to != nil && w.looks(v, path) && w.looks(v, to) && o.Post == nil
	case Live:
		it := w.find(Item, o.Item)
		return it != nil && w.looks(v, it)
	case Collection, Connection, Finish, Question, Answer, Member, Private, House, Part, Byline, Contact, Office, Desk, Deal, Roll, Shelf, Lookout, Given, Disclosure, Total, Library, Draft, Taken, Addition, Joint, Program, Standing, Board, Readers, Account, Record, Earned, Sealed, Seat, Room, Handed, Thought, Circle, Beside, Tried, Said, Trial, Tries, Remark, Recalled, Missed:
	}
	return false
}

// signs reports whether the member signed what they wrote to the viewer, and names cross between the two.
func (w *World) signs(v Viewer, n *Object) bool {
	for _, o := range w.Objects {
		if o.Kind == Said && o.Member == n.Member && o.Shown == "name" && w.Sees(v, o) && w.named(o.Org, v.Org) {
			return true
		}
	}
	return false
}

// handsOver reports whether the member showed their name with something that the viewer is to look at or shares in, and the two meet by name.
func (w *World) handsOver(v Viewer, n *Object) bool {
	for _, o := range w.Objects {
		if (o.Kind == Handed || o.Kind == Thought || o.Kind == Beside) && o.Member == n.Member && o.Shown == "name" && w.Sees(v, o) && w.meets(v, o) {
			return true
		}
	}
	return false
}

// joined reports whether the adopter's customer reads what publisher and adopter say together: once both accepted it, by the adopter's
// choice, while the adopter has the path in its library and may add to it, and the path is open to the customer.
func (w *World) joined(v Viewer, o *Object) bool {
	s, path := w.Sides[[2]string{o.Other, v.Org}], w.find(Item, o.Item)
	took := func() bool {
		for _, t := range w.Objects {
			if t.Kind == Taken && t.Org == o.Other && t.Item == o.Item {
				return true
			}
		}
		return false
	}
	return o.State == "accepted" && o.Customers && path != nil && s.State == "active" && s.Calls == "customer" && w.Resting[o.Org] == "" && w.Resting[o.Other] == "" &&
		w.adapts(o.Other, o.Item) && w.Sees(v, path) && took()
}

// partOfSeen reports whether the item is a part of something of its owner that is open: a grant opens an item and the parts that
// its owner owns.
func (w *World) partOfSeen(v Viewer, it *Object) bool {
	for _, o := range w.Objects {
		if o.Kind == Part && o.ID == it.ID {
			if whole := w.find(Item, o.Item); whole != nil && whole.State == "published" && w.listed(v, whole.ID) {
				return true
			}
		}
	}
	return false
}

// Finishes reports whether the viewer was in mid-course on the item, or on a whole of its owner's that it is a part of, when the connection ended: until
// a date it opens to that member and to nobody else, and in no list.
func (w *World) Finishes(v Viewer, it *Object) bool {
	for _, o := range w.Objects {
		if o.Kind == Finish && !o.Expired && w.Resting[o.Other] != "suspended" && v.Org != "" && o.Org == v.Org && o.Member == v.Member && o.Other == it.Org && o.Item == it.ID {
			return true
		}
	}
	return false
}

// Names reports whether the viewer may be told of an organization that it exists in whatever is shown, beyond that it has a
// portal: because it is its own, one that it is connected to, or one of which it sees something that is not said by "someone".
func (w *World) Names(v Viewer, org string) bool {
	if v.View != "" {
		return org == v.Org || org == v.View
	}
	if v.Org != "" && (v.Org == org || w.Sides[[2]string{org, v.Org}].State != "" || v.Member != "" && w.answers(&Object{Org: v.Org, Other: org, Member: v.Member})) {
		return true
	}
	for _, o := range w.Objects {
		if v.Shares && o.Kind == Grant && o.Org == v.Org && o.Other == org {
			return true // Whoever looks after collections sees to whom they are opened.
		}
		if v.Keeps && o.Kind == Taken && o.Org == v.Org && o.Other == org {
			return true // The library says from whom it took what has closed since.
		}
		if o.Org == org && (o.Kind == Item || (o.Kind == Question || o.Kind == Answer) && o.Shown != "someone") && w.Sees(v, o) {
			return true
		}
	}
	return false
}

// meets reports whether the viewer's organization meets people of the author's by name: a connection says so, and where there is
// none, what was said to everybody is read by everybody.
func (w *World) meets(v Viewer, o *Object) bool {
	s := w.Sides[[2]string{o.Org, v.Org}]
	if v.Org == "" || s.State != "active" {
		return true
	}
	return s.Meet == "name"
}

// holds reports whether what opens a collection is in force: what two organizations signed is while they are connected, and not
// while it is asked for, paused, ending or over.
func (w *World) holds(g *Object) bool {
	return !g.Signed || w.Sides[[2]string{g.Org, g.Other}].State == "active"
}

// open reports whether a grant holds for the viewer.
func (w *World) open(v Viewer, g *Object) bool {
	return w.Resting[g.Org] == "" && w.holds(g) && !g.Expired && (g.Other == Everyone || v.Org != "" && g.Other == v.Org)
}

// adapts reports whether a grant lets the organization add to the item.
func (w *World) adapts(org, item string) bool {
	it := w.find(Item, item)
	for _, o := range w.Objects {
		if o.Kind != Listing || o.Item != item || it == nil || it.State != "published" {
			continue
		}
		for _, g := range w.Objects {
			if g.Kind == Grant && g.ID == o.ID && g.Other == org && g.Right == "adapt" && w.open(Viewer{Org: org}, g) {
				return true
			}
		}
	}
	return false
}

// opened reports whether any grant opens the collection to the viewer.
func (w *World) opened(v Viewer, collection string) bool {
	for _, o := range w.Objects {
		if o.Kind == Grant && o.ID == collection && w.open(v, o) {
			return true
		}
	}
	return false
}

// listed reports whether the item stands in a collection that is open to the viewer.
func (w *World) listed(v Viewer, item string) bool {
	for _, o := range w.Objects {
		if o.Kind == Listing && o.Item == item && w.opened(v, o.ID) {
			return true
		}
	}
	return false
}

// hears reports whether a post reaches the viewer: connections are never transitive, and "none" meets nobody.
func (w *World) hears(v Viewer, o *Object) bool {
	s := w.Sides[[2]string{o.Org, v.Org}]
	return o.Audience == "public" || o.Audience == "connected" && v.Org != "" && s.State == "active" && s.Meet != "none"
}

func (w *World) find(k Kind, key string) *Object { return w.Objects[string(k)+" "+key] }
