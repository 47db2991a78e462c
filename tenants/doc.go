// Package tenants is the network of organizations and what may pass between them. It owns organizations with their hosts,
// domains and brand; persons and memberships; the registry of items that all rooms share; collections, connections,
// agreements and grants; and the audit log.
//
// It does not own what is inside an item (courses, marketing, community), how people prove who they are (auth), or what
// is found (search). Every room right of it may call it. Reading rights are decided here once, for items: own, opened by a
// grant, or public. The rule is written twice on purpose: as the plan of every query (Visible, SeenItem) and as the row
// policies under internal/db/migrations.
package tenants
