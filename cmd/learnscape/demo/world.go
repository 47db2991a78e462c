package demo

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

//go:embed all:world
var files embed.FS

// world is what the files say, dates as written.
type world struct {
	Organizations []organization `yaml:"organizations"`
	Connections   []connection   `yaml:"connections"`

	fs     fs.FS
	year   year
	people map[string]house // by address

	pathNames []string             // files of paths, by name
	paths     map[string]pathFile  // by file
	stories   map[string]storyFile // by reference
}

type organization struct {
	Slug        string       `yaml:"slug"`
	Name        string       `yaml:"name"`
	Color       string       `yaml:"color"`
	Short       string       `yaml:"short"`
	Tagline     string       `yaml:"tagline"`
	About       string       `yaml:"about"`
	Kind        string       `yaml:"kind"` // vendor, partner, customer or prospect, as the table at the start says it
	Domain      string       `yaml:"domain"`
	Locale      string       `yaml:"locale"`
	SignIn      string       `yaml:"sign_in"`
	Frames      []string     `yaml:"frames"` // sites that lessons show in frames, beside the usual ones
	Collections []collection `yaml:"collections"`
	People      []person     `yaml:"people"`
	Door        *publicDoor  `yaml:"public_door"` // nil for a house without one
}

type collection struct {
	Slug        string `yaml:"slug"`
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	Visibility  string `yaml:"visibility"`
}

type person struct {
	Key       string   `yaml:"key"`
	Name      string   `yaml:"name"`
	Email     string   `yaml:"email"`
	Title     string   `yaml:"title"`
	Team      string   `yaml:"team"`
	Roles     []string `yaml:"roles"`
	Locale    string   `yaml:"locale"`
	Sponsor   bool     `yaml:"sponsor"`
	State     string   `yaml:"state"` // "" is active
	LeftAt    day      `yaml:"left_at"`
	Certified []string `yaml:"certified"`
}

func (p person) left() bool { return p.State == "left" }

type connection struct {
	A          string     `yaml:"a"`
	B          string     `yaml:"b"`
	AIs        string     `yaml:"a_is"`
	BIs        string     `yaml:"b_is"`
	State      string     `yaml:"state"` // active, declined or invited
	AskedBy    string     `yaml:"asked_by"`
	AskedAt    day        `yaml:"asked_at"`
	AnsweredBy string     `yaml:"answered_by"`
	AnsweredAt day        `yaml:"answered_at"`
	Since      day        `yaml:"since"`
	KnownTo    []string   `yaml:"known_to"`
	Message    string     `yaml:"message"`
	Answer     string     `yaml:"answer"`
	Agreement  *agreement `yaml:"agreement"`
	Grants     []grant    `yaml:"grants"`
}

type agreement struct {
	Title            string       `yaml:"title"`
	Version          int          `yaml:"version"`
	State            string       `yaml:"state"`
	AcceptedAt       day          `yaml:"accepted_at"`
	AcceptedBy       []string     `yaml:"accepted_by"`
	Meet             string       `yaml:"meet"`
	ALearns          string       `yaml:"a_learns"`
	BLearns          string       `yaml:"b_learns"`
	TimeToFinishDays int          `yaml:"time_to_finish_days"`
	Plain            []string     `yaml:"plain"`
	History          []oldVersion `yaml:"history"`
}

// oldVersion is another version of an agreement: one that was replaced, or one that was refused.
type oldVersion struct {
	Version    int    `yaml:"version"`
	State      string `yaml:"state"` // ended or refused
	From       day    `yaml:"from"`
	To         day    `yaml:"to"`
	ProposedBy string `yaml:"proposed_by"`
	ProposedAt day    `yaml:"proposed_at"`
	AnsweredAt day    `yaml:"answered_at"`
	Note       string `yaml:"note"`
}

type grant struct {
	From       string `yaml:"from"`
	Collection string `yaml:"collection"`
	Right      string `yaml:"right"`
	To         string `yaml:"to"`
	Until      day    `yaml:"until"`
}

// year is world/year.yaml. What no table holds yet (objective, program, campaign, needs) is read all the same, so that a
// misspelled key is found today.
type year struct {
	Seed         uint64          `yaml:"seed"`
	From         day             `yaml:"from"`
	To           day             `yaml:"to"`
	Today        day             `yaml:"today"`
	TimeZone     string          `yaml:"time_zone"`
	Rhythm       rhythm          `yaml:"rhythm"`
	Months       []month         `yaml:"months"`
	Milestones   []mark          `yaml:"milestones"`
	Objective    yaml.Node       `yaml:"objective"`
	Program      yaml.Node       `yaml:"program"`
	Additions    yaml.Node       `yaml:"additions"`
	Library      []adopted       `yaml:"library"`
	Campaign     campaign        `yaml:"campaign"`
	Retire       yaml.Node       `yaml:"retire"`
	Due          []due           `yaml:"due"`
	Expiring     []expiring      `yaml:"expiring_certificates"`
	OfThoseGone  []expiring      `yaml:"certificates_of_those_who_left"`
	Failed       []failed        `yaml:"failed_searches"`
	Typos        []typo          `yaml:"found_with_a_typo"`
	Needs        yaml.Node       `yaml:"needs"`
	Tried        []tried         `yaml:"tried_at_work"`
	Home         map[string]home `yaml:"home"`
	QuietPartner string          `yaml:"quiet_partner_note"`
}

// adopted is what a house took into its library.
type adopted struct {
	Org     string `yaml:"org"`
	Item    string `yaml:"item"`
	Kind    string `yaml:"kind"`
	Updates string `yaml:"updates"` // follow, ask or stay
	At      day    `yaml:"at"`
	By      string `yaml:"by"`
}

type rhythm struct {
	Weekday      map[string][]float64          `yaml:"weekday"` // Monday first
	Hours        map[string]map[string]float64 `yaml:"hours"`
	Quiet        []string                      `yaml:"quiet"` // from/to, both included
	FinishRate   map[string]float64            `yaml:"finish_rate"`
	DaysToFinish map[string]float64            `yaml:"days_to_finish"`
	TriedAtWork  map[string]float64            `yaml:"tried_at_work"`
	Origin       map[string]float64            `yaml:"origin"`
	StopsAt      map[string]map[string]float64 `yaml:"stops_at"` // item, step, share
}

type month struct {
	Month     string                    `yaml:"month"` // 2026-05
	Happening string                    `yaml:"happening"`
	Starts    map[string]map[string]int `yaml:"starts"` // item, organization, people
	Questions map[string]int            `yaml:"questions"`
	Visitors  int                       `yaml:"visitors"`
}

type mark struct {
	At         day       `yaml:"at"`
	What       string    `yaml:"what"`
	KnownTo    yaml.Node `yaml:"known_to"`
	Item       string    `yaml:"item"`
	Version    int       `yaml:"version"`
	Discussion string    `yaml:"discussion"`
	Campaign   string    `yaml:"campaign"`
	Person     string    `yaml:"person"`
	ShownAs    string    `yaml:"shown_as"`
}

type campaign struct {
	Org     string         `yaml:"org"`
	Slug    string         `yaml:"slug"`
	Title   string         `yaml:"title"`
	Owner   string         `yaml:"owner"`
	From    day            `yaml:"from"`
	To      day            `yaml:"to"`
	Goal    string         `yaml:"goal"`
	LeadsTo []string       `yaml:"leads_to"`
	Items   []campaignItem `yaml:"items"`
	Funnel  map[string]int `yaml:"funnel"`
	Limits  string         `yaml:"limits"`
	Learned string         `yaml:"learned"`
}

type campaignItem struct {
	Item   string `yaml:"item"`
	Links  int    `yaml:"links"`
	Opened int    `yaml:"opened"`
	Shown  int    `yaml:"shown_to_a_customer"`
}

type due struct {
	Org     string `yaml:"org"`
	Person  string `yaml:"person"`
	Item    string `yaml:"item"`
	By      day    `yaml:"by"`
	AskedBy string `yaml:"asked_by"`
	Why     string `yaml:"why"`
}

type expiring struct {
	Org     string `yaml:"org"`
	Person  string `yaml:"person"`
	Item    string `yaml:"item"`
	Issued  day    `yaml:"issued"`
	Expires day    `yaml:"expires"`
	Note    string `yaml:"note"`
}

type failed struct {
	Org   string `yaml:"org"`
	Q     string `yaml:"q"`
	Count int    `yaml:"count"`
}

type typo struct {
	Q    string `yaml:"q"`
	Item string `yaml:"item"`
}

type tried struct {
	Org        string   `yaml:"org"`
	Person     string   `yaml:"person"`
	Item       string   `yaml:"item"`
	At         day      `yaml:"at"`
	Until      day      `yaml:"until"`
	Will       string   `yaml:"will"`
	Came       string   `yaml:"came_of_it"`
	Worked     bool     `yaml:"worked"`
	SharedWith []string `yaml:"shared_with"`
}

type home struct {
	Greeting    string      `yaml:"greeting"`
	Continue    homeStop    `yaml:"continue"`
	Moments     []yaml.Node `yaml:"moments"`
	Recommended []yaml.Node `yaml:"recommended"`
	Last30      struct {
		Minutes   int     `yaml:"minutes"`
		OwnChoice float64 `yaml:"own_choice"`
		Used      int     `yaml:"used_at_work"`
	} `yaml:"last_30_days"`
}

type homeStop struct {
	Item    string `yaml:"item"`
	Step    string `yaml:"step"`
	Lesson  string `yaml:"lesson"`
	Minutes int    `yaml:"minutes_left"`
	Line    string `yaml:"line"`
}

// loadWorld reads the files. A key that nobody reads is an error.
func loadWorld(fsys fs.FS) (*world, error) {
	w := &world{fs: fsys, people: map[string]house{}, paths: map[string]pathFile{}, stories: map[string]storyFile{}}
	if err := readYAML(fsys, "organizations.yaml", w); err != nil {
		return nil, err
	}
	if err := readYAML(fsys, "year.yaml", &w.year); err != nil {
		return nil, err
	}
	for i := range w.Organizations {
		for j := range w.Organizations[i].People {
			w.people[w.Organizations[i].People[j].Email] = house{&w.Organizations[i], &w.Organizations[i].People[j]}
		}
	}
	for _, dir := range entries(fsys, "paths", "") {
		for _, name := range entries(fsys, dir, ".md") {
			var f pathFile
			var err error
			if f.intro, err = front(fsys, name, &f); err != nil {
				return nil, err
			}
			w.pathNames, w.paths[name] = append(w.pathNames, name), f
		}
	}
	for _, dir := range entries(fsys, "stories", "") {
		for _, name := range entries(fsys, dir, ".md") {
			var f storyFile
			var err error
			if f.body, err = front(fsys, name, &f); err != nil {
				return nil, err
			}
			w.stories[refOf(name)] = f
		}
	}
	return w, nil
}

// house is where somebody is, and who.
type house struct {
	org    *organization
	person *person
}

// embedded is the world of this binary; nobody changes it.
var embedded = sync.OnceValues(func() (*world, error) { //nolint:gochecknoglobals // Read once: the files are part of the binary.
	sub, err := fs.Sub(files, "world")
	if err != nil {
		return nil, err
	}
	return loadWorld(sub)
})

func readYAML(fsys fs.FS, name string, dest any) error {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return fmt.Errorf("demonstration world: %w", err)
	}
	return strict(name, b, dest)
}

func strict(name string, b []byte, dest any) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(dest); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("demonstration world, %s: %w", name, err)
	}
	return nil
}

var errNoFront = errors.New("no front matter")

// front splits a Markdown file into its front matter, read into dest, and its text.
func front(fsys fs.FS, name string, dest any) (body string, err error) {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return "", fmt.Errorf("demonstration world: %w", err)
	}
	head, body, ok := strings.Cut(strings.TrimPrefix(string(b), "---\n"), "\n---\n")
	if !ok || !strings.HasPrefix(string(b), "---\n") {
		return "", fmt.Errorf("demonstration world, %s: %w", name, errNoFront)
	}
	return body, strict(name, []byte(head), dest)
}

// entries lists the files with the extension (or, for "", the folders) of a folder, by name; a missing folder has none.
func entries(fsys fs.FS, dir, ext string) []string {
	all, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range all {
		if (ext == "" && e.IsDir()) || (ext != "" && !e.IsDir() && strings.HasSuffix(e.Name(), ext)) {
			out = append(out, path.Join(dir, e.Name()))
		}
	}
	slices.Sort(out)
	return out
}

func (w *world) org(slug string) *organization {
	for i := range w.Organizations {
		if w.Organizations[i].Slug == slug {
			return &w.Organizations[i]
		}
	}
	return nil
}

// person returns who has the address, and where; nil for nobody.
func (w *world) person(email string) (*organization, *person) {
	h := w.people[email]
	return h.org, h.person
}
