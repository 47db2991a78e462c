package courses

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/tenants"
)

// pinned paths are own versions of paths that lead to a version of a course.
type pinning struct {
	Item    id.Item `db:"item_id"`
	Version int     `db:"version"`
	Pilot   bool    `db:"pilot"`
	Trying  bool    `db:"trying"`
}

// follow has the own paths that lead to a withdrawn version lead to what is in its place: the one in force gets a next version that does, or
// that goes without the step where there is nothing, and every version with the withdrawn one in it is withdrawn as well.
func follow(tx *db.Tx, w withdrawn) error {
	if w.ItemKind != tenants.KindCourse {
		return nil
	}
	list, err := db.Rows[pinning](tx, `SELECT v.item_id, v.version, v.pilot, EXISTS (SELECT 1 FROM pilots t WHERE t.org_id = v.org_id AND t.item_id = v.item_id AND t.version = v.version AND t.ended_at IS NULL) AS trying
		FROM versions v WHERE v.org_id = $1 AND $2 = ANY (v.leads_to) AND NOT v.withdrawn
			AND jsonb_path_exists(v.outline, '$.steps[*] ? (@.item == $i && @.version == $v)', jsonb_build_object('i', $2::text, 'v', $3::int)) ORDER BY v.item_id, v.version DESC LIMIT 1000`, tx.Scope.Org, w.Item, w.Version)
	if err != nil {
		return fmt.Errorf("paths with version %d of %s: %w", w.Version, w.Item, err)
	}
	for _, p := range list {
		if p.Pilot {
			if p.Trying {
				if err := takeBack(tx, p.Item, p.Version); err != nil {
					return err
				}
			}
			continue
		}
		replaced, err := repin(tx, p, w)
		if err != nil {
			return fmt.Errorf("path %s after version %d of %s: %w", p.Item, w.Version, w.Item, err)
		}
		if err := withdraw(tx, p.Item, withdrawn{
			Withdrawal: Withdrawal{Version: p.Version, Kind: w.Kind, Reason: w.Reason, At: w.At}, cause: &edition{w.Owner, w.Item, w.Version}, replaced: replaced,
		}); err != nil {
			return err
		}
	}
	return nil
}

// repin publishes the path's version in force again with what is in the place of a withdrawn course. Where nothing would be left to finish, or
// that version is not in force, it publishes nothing and says so.
func repin(tx *db.Tx, p pinning, w withdrawn) (bool, error) {
	it, err := lockItem(tx, p.Item)
	if err != nil || it.Version != p.Version || it.State != "published" {
		return false, err
	}
	row, err := db.Row[struct {
		Outline Outline `db:"outline"`
		Digest  []byte  `db:"digest"`
	}](tx, `SELECT v.outline, v.digest FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version = $3`, tx.Scope.Org, p.Item, p.Version)
	if err != nil {
		return false, err
	}
	var lessons []LessonRef
	if w.Instead > 0 {
		of, err := db.Row[outlineOnly](tx, `SELECT v.outline FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version = $3`, w.Owner, w.Item, w.Instead)
		if err != nil {
			return false, ignore(err, errs.NotFound) // Of somebody else, and open no more.
		}
		lessons = of.Outline.Lessons()
	}
	next := row.Outline.instead(w.Item, w.Version, w.Instead, lessons)
	if len(next.Steps) == 0 || len(ruleFaults(next.Steps)) > 0 {
		return false, nil
	}
	is, err := json.Marshal(next)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(append(row.Digest, is...))
	version, err := again(tx, p.Item, p.Version, next, sum[:])
	if err != nil {
		return false, err
	}
	return true, reinstate(tx, it, version)
}

// instead is the outline of a path with another version of a course in it, or, for version 0, without the steps that lead to it.
func (o Outline) instead(course id.Item, was, version int, lessons []LessonRef) Outline {
	o.Steps = slices.Clone(o.Steps)
	leads := func(st Step) bool { return st.Item == course && st.Version == was }
	if version > 0 {
		for i, st := range o.Steps {
			if leads(st) {
				o.Steps[i].Version, o.Steps[i].Lessons = version, lessons
			}
		}
		return o
	}
	var gone []string
	o.Steps = slices.DeleteFunc(o.Steps, func(st Step) bool {
		if leads(st) {
			gone = append(gone, st.Key)
		}
		return leads(st)
	})
	choices := map[string]int{}
	for _, st := range o.Steps {
		choices[st.Either]++
	}
	for i, st := range o.Steps {
		o.Steps[i].Needs = slices.DeleteFunc(slices.Clone(st.Needs), func(key string) bool { return slices.Contains(gone, key) })
		if st.Either != "" && choices[st.Either] == 1 {
			o.Steps[i].Either = ""
		}
	}
	// What adopters may add after a step that is gone, they add after the one before it.
	o.Slots = slices.DeleteFunc(slices.Clone(o.Slots), func(sl Slot) bool { return slices.Contains(gone, sl.After) })
	return o
}

// again stores a version of an own path once more, with another outline, as its next one.
func again(tx *db.Tx, path id.Item, version int, next Outline, digest []byte) (int, error) {
	// Versions are numbered on from the last, which may be one that was taken back.
	n, err := db.Row[int](tx, `INSERT INTO versions (org_id, item_id, version, title, summary, outcome, intro, intro_html, outline, digest, note, published_by, published_at)
		SELECT v.org_id, v.item_id, (SELECT max(m.version) + 1 FROM versions m WHERE m.org_id = $1 AND m.item_id = $2), v.title, v.summary, v.outcome, v.intro, v.intro_html, $4, $5, '', $6, $7
		FROM versions v WHERE v.org_id = $1 AND v.item_id = $2 AND v.version = $3 RETURNING version`, tx.Scope.Org, path, version, next, digest, memberOrNil(tx.Scope.Membership), tx.Now)
	if err != nil {
		return 0, err
	}
	return n, tx.Batch(func(b *db.Batch) {
		db.Write(b, nil, `INSERT INTO lessons (org_id, item_id, version, key, position, title, kind, minutes, source, name, blocks, plain, lang, langs, licence, origin)
			SELECT l.org_id, l.item_id, $4, l.key, l.position, l.title, l.kind, l.minutes, l.source, l.name, l.blocks, l.plain, l.lang, l.langs, l.licence, l.origin FROM lessons l WHERE l.org_id = $1 AND l.item_id = $2 AND l.version = $3`,
			tx.Scope.Org, path, version, n)
		db.Write(b, nil, `INSERT INTO lesson_texts (org_id, item_id, version, key, lang, title, source, name, blocks, plain)
			SELECT t.org_id, t.item_id, $4, t.key, t.lang, t.title, t.source, t.name, t.blocks, t.plain FROM lesson_texts t WHERE t.org_id = $1 AND t.item_id = $2 AND t.version = $3`,
			tx.Scope.Org, path, version, n)
	})
}
