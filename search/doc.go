// Package search finds what a viewer may see: courses, paths, lessons, stories, resources and questions of all
// organizations that opened something to the viewer's own, in one question, with typing errors forgiven.
//
// It owns the search documents and their indexing, the lexicon, the understanding of what somebody typed, the two engines
// (PostgreSQL, always there, and Meilisearch, if configured) and the count of what was looked for. It does not own what the
// documents are made from: rights, texts and titles belong to the rooms on its left and are read from their tables.
//
// Who may see what is decided three times. A document carries the channels that open it and a viewer asks with the list of
// channels open to it, read from PostgreSQL for every question, so that a revoked grant acts at once and connecting two
// organizations changes no document. The engines refuse to answer without channels. And every hit is read again under the
// viewer's row policies before it is shown; what is missing then is left out without a word. An engine returns identifiers
// and scores, never texts that are shown.
//
// Its pages and the rooms on its right may call it. It calls internal and tenants only; the tables of courses, marketing
// and community are read in SQL, under the policies of whoever acts.
package search
