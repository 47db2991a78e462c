// Package marketing is what is told to win people for learning: stories that lead into paths, and how often that happens.
//
// It owns the tables stories, item_links, touches and counted. It does not own the items registry (tenants) or what a story
// leads to (courses). community, search, impact and web may call it.
//
// A story is public when one of its organization's public collections holds it; members see whatever their organization may
// see. A link never opens what it points to: the card of a path stands in a story only for readers who may see the path.
//
// Touches count how often, never who: readers leave no cookie and no name. They are counted from events, in the publisher's
// organization, once per event.
package marketing
