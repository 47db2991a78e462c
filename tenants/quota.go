package tenants

import (
	"context"

	"github.com/learnscape/learnscape/internal/authz"
	"github.com/learnscape/learnscape/internal/db"
	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Quota is how much an organization may have.
type Quota struct {
	Storage      int64 `db:"storage"`       // bytes of files
	People       int   `db:"people"`        // members who have not left
	InvitesHour  int   `db:"invites_hour"`  // invitations to organizations within an hour
	InvitesMonth int   `db:"invites_month"` // and within 30 days
}

// DefaultQuota holds where the operator says nothing else.
func DefaultQuota() Quota {
	return Quota{Storage: 10 << 30, People: 10_000, InvitesHour: 1_000, InvitesMonth: 5_000}
}

// Usage is a quota and what of it is used.
type Usage struct {
	Quota

	Used Quota
}

const (
	quotaOf = `SELECT coalesce(q.storage, $2::bigint) AS storage, coalesce(q.people, $3::int) AS people, coalesce(q.invites_hour, $4::int) AS invites_hour, coalesce(q.invites_month, $5::int) AS invites_month
		FROM (SELECT 1) one LEFT JOIN quotas q ON q.org_id = $1`
	usedStorage = `(SELECT coalesce(sum(f.size), 0)::bigint FROM (SELECT f.size FROM files f WHERE f.org_id = $1 UNION ALL SELECT d.size FROM draft_files d WHERE d.org_id = $1
		UNION ALL SELECT e.size FROM evidence_files e WHERE e.org_id = $1) f)`
	usedPeople  = `(SELECT coalesce((SELECT c.here FROM people_counts c WHERE c.org_id = $1), 0))`
	usedInvites = `(SELECT count(*)::int FROM invitations v WHERE v.org_id = $1 AND v.created_at > $2::timestamptz - interval '1 hour') AS invites_hour,
		(SELECT count(*)::int FROM invitations v WHERE v.org_id = $1 AND v.created_at > $2::timestamptz - interval '30 days') AS invites_month`
)

func quotaArgs(org id.Org) []any {
	d := DefaultQuota()
	return []any{org, d.Storage, d.People, d.InvitesHour, d.InvitesMonth}
}

// quota is tx's organization's; two who ask at once wait for each other, so that what they count stays true until the commit.
func quota(tx *db.Tx) (Quota, error) {
	if _, err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtextextended('quota ' || $1::text, 0))`, tx.Scope.Org); err != nil {
		return Quota{}, err
	}
	return db.Row[Quota](tx, quotaOf, quotaArgs(tx.Scope.Org)...)
}

// full says which figure is reached and who can change it.
func full(key string, limit any) error { return errs.Say(errs.Conflict, key, "Count", limit) }

// RoomForPerson refuses one member more than the organization of tx may have; the operator may go beyond.
func RoomForPerson(tx *db.Tx) error {
	if tx.Scope.Actor == scope.Operator {
		return nil
	}
	q, err := quota(tx)
	if err != nil {
		return err
	}
	n, err := db.Row[int](tx, `SELECT `+usedPeople, tx.Scope.Org)
	if err == nil && n >= q.People {
		err = full("house.quota.people_full", q.People)
	}
	return err
}

// PeopleRoom is how many members more the organization of tx may have, and how many in all. Nobody else adds one before the commit.
func PeopleRoom(tx *db.Tx) (room, limit int, err error) {
	q, err := quota(tx)
	if err != nil {
		return 0, 0, err
	}
	n, err := db.Row[int](tx, `SELECT `+usedPeople, tx.Scope.Org)
	return max(q.People-n, 0), q.People, err
}

// RoomForIndividual refuses one more account at the public door of tx's organization than it may have members.
func RoomForIndividual(tx *db.Tx) error {
	if tx.Scope.Actor == scope.Operator {
		return nil
	}
	q, err := quota(tx)
	if err != nil {
		return err
	}
	n, err := db.Row[int](tx, `SELECT count(*)::int FROM individuals i WHERE i.org_id = $1`, tx.Scope.Org)
	if err == nil && n >= q.People {
		err = errs.Say(errs.Conflict, "individual.full")
	}
	return err
}

// PeopleFit queues the question whether the organization has, with those that the transaction has added, at most as many members as it
// may. Nobody can change the answer before the commit: who adds somebody holds the count.
func PeopleFit(b *db.Batch, fit *bool, org id.Org) {
	db.One(b, fit, nil, `SELECT `+usedPeople+` <= coalesce((SELECT q.people FROM quotas q WHERE q.org_id = $1), $2::int)`, org, DefaultQuota().People)
}

// RoomForInvitation refuses one invitation more than the organization of tx may send within an hour or 30 days.
func RoomForInvitation(tx *db.Tx) error {
	q, err := quota(tx)
	if err != nil {
		return err
	}
	used, err := db.Row[Quota](tx, `SELECT 0::bigint AS storage, 0 AS people, `+usedInvites, tx.Scope.Org, tx.Now)
	switch {
	case err != nil:
		return err
	case used.InvitesHour >= q.InvitesHour:
		return errs.Say(errs.RateLimited, "house.quota.hour_full", "Count", q.InvitesHour)
	case used.InvitesMonth >= q.InvitesMonth:
		return errs.Say(errs.RateLimited, "house.quota.month_full", "Count", q.InvitesMonth)
	}
	return nil
}

// RoomForFiles refuses when the files of tx's organization, with those that tx has written, are more than it may have.
func RoomForFiles(tx *db.Tx) error {
	q, err := quota(tx)
	if err != nil {
		return err
	}
	n, err := db.Row[int64](tx, `SELECT `+usedStorage, tx.Scope.Org)
	if err == nil && n > q.Storage {
		err = errs.Say(errs.TooLarge, "house.quota.storage_full", "Used", megabytes(n), "Limit", megabytes(q.Storage))
	}
	return err
}

func megabytes(n int64) int { return int((n + 1<<20 - 1) >> 20) }

// Usage returns the own organization's quotas and what of them is used, for its administrators.
func (s *Service) Usage(ctx context.Context) (Usage, error) {
	if err := authz.Check(ctx, authz.ManageOrg, id.Org{}); err != nil {
		return Usage{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	err = s.db.Read(ctx, func(b *db.Batch) {
		db.One(b, &u.Quota, nil, quotaOf, quotaArgs(sc.Org)...)
		db.One(b, &u.Used, nil, `SELECT `+usedStorage+` AS storage, `+usedPeople+` AS people, `+usedInvites, sc.Org, b.Now)
	})
	return u, err
}

// NewQuota is what the operator says of each limit; nil leaves it as it is.
type NewQuota struct {
	Storage                           *int64
	People, InvitesHour, InvitesMonth *int
}

// SetQuota changes limits of the acting operator's organization. What is there already stays, also beyond a new limit.
func (s *Service) SetQuota(ctx context.Context, n NewQuota) error {
	if err := authz.Check(ctx, authz.SuspendOrg, id.Org{}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`INSERT INTO quotas AS q (org_id, storage, people, invites_hour, invites_month, set_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (org_id) DO UPDATE SET storage = coalesce(excluded.storage, q.storage), people = coalesce(excluded.people, q.people),
				invites_hour = coalesce(excluded.invites_hour, q.invites_hour), invites_month = coalesce(excluded.invites_month, q.invites_month), set_at = excluded.set_at`,
			tx.Scope.Org, n.Storage, n.People, n.InvitesHour, n.InvitesMonth, tx.Now); err != nil {
			return err
		}
		return Audit(tx, "organization.limited", "organization:"+tx.Scope.Org.String(), map[string]any{"storage": n.Storage, "people": n.People, "invites_hour": n.InvitesHour, "invites_month": n.InvitesMonth})
	})
}

// within is how full a quota is, a share 0..1; 1 for a quota of nothing.
func within(used, limit int64) float64 {
	if limit <= 0 {
		return 1
	}
	return min(1, float64(used)/float64(limit))
}

// Level is one quota in figures that people read.
type Level struct {
	What        string // storage, people, invites_hour, invites_month
	Used, Limit int    // of storage, megabytes
	Share       float64
}

// Levels are the quotas in the order in which they are shown.
func (u Usage) Levels() []Level {
	level := func(what string, used, limit int64) Level {
		return Level{What: what, Used: int(used), Limit: int(limit), Share: within(used, limit)}
	}
	return []Level{
		{What: "storage", Used: megabytes(u.Used.Storage), Limit: megabytes(u.Storage), Share: within(u.Used.Storage, u.Storage)},
		level("people", int64(u.Used.People), int64(u.People)),
		level("invites_hour", int64(u.Used.InvitesHour), int64(u.InvitesHour)),
		level("invites_month", int64(u.Used.InvitesMonth), int64(u.InvitesMonth)),
	}
}
